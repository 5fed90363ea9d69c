"""The life of an alarm after ISA-18.2, and what every alarm of ours is: cause, consequence, time, owner.

The database has the same two tables (`alarm_step`, `alarm_kind`) and is the only one that changes a state.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from core import db
from core.errors import InputError

if TYPE_CHECKING:
    from datetime import datetime

SHELVED_MAX: Final = timedelta(hours=8)
"""Nothing is shelved for longer: then the next shift decides."""
SHELVED_MIN: Final = timedelta(minutes=1)
GRAVEST, LEAST = 1, 4
"""Priorities."""


class State(StrEnum):
    """Where an alarm stands."""

    UNACKNOWLEDGED = "unacknowledged"
    ACKNOWLEDGED = "acknowledged"
    RETURNED = "returned"
    """It is over, and nobody had acknowledged it: it stays visible until somebody does."""
    NORMAL = "normal"
    SHELVED = "shelved"
    """Somebody has put it aside for a while, and said why."""
    SUPPRESSED = "suppressed"
    """By design: another alarm that stands is its cause."""
    OUT_OF_SERVICE = "out_of_service"
    """Until somebody puts it back, e.g. while its sensor is being replaced."""


class Verb(StrEnum):
    """What happens to an alarm."""

    ACKNOWLEDGE = "acknowledge"
    CLEAR = "clear"
    """What it was raised for is over."""
    SHELVE = "shelve"
    SUPPRESS = "suppress"
    TAKE_OUT = "take_out"
    RESTORE = "restore"
    """The end of being shelved, suppressed or out of service."""
    FOLLOW = "follow"
    """The same source has raised the next one, which goes on in its place."""
    COMMENT = "comment"
    """Changes nothing; goes on record."""


WITHHELD: Final = frozenset({State.SHELVED, State.SUPPRESSED, State.OUT_OF_SERVICE})
"""States in which an alarm asks for nobody."""
ASKING: Final = frozenset({State.UNACKNOWLEDGED, State.ACKNOWLEDGED, State.RETURNED})
"""States in which it does."""
_BACK: Final = frozenset({State.UNACKNOWLEDGED, State.ACKNOWLEDGED, State.NORMAL})

STEPS: Final[dict[State, dict[Verb, frozenset[State]]]] = {
    State.UNACKNOWLEDGED: {
        Verb.ACKNOWLEDGE: frozenset({State.ACKNOWLEDGED}),
        Verb.CLEAR: frozenset({State.RETURNED}),
        Verb.SHELVE: frozenset({State.SHELVED}),
        Verb.SUPPRESS: frozenset({State.SUPPRESSED}),
        Verb.TAKE_OUT: frozenset({State.OUT_OF_SERVICE}),
    },
    State.ACKNOWLEDGED: {
        Verb.CLEAR: frozenset({State.NORMAL}),
        Verb.SHELVE: frozenset({State.SHELVED}),
        Verb.SUPPRESS: frozenset({State.SUPPRESSED}),
        Verb.TAKE_OUT: frozenset({State.OUT_OF_SERVICE}),
    },
    State.RETURNED: {
        Verb.ACKNOWLEDGE: frozenset({State.NORMAL}),
        Verb.FOLLOW: frozenset({State.NORMAL}),
        Verb.TAKE_OUT: frozenset({State.OUT_OF_SERVICE}),
    },
    **{
        state: {
            Verb.ACKNOWLEDGE: frozenset({state}),
            Verb.CLEAR: frozenset({state}),
            Verb.RESTORE: _BACK,
            Verb.FOLLOW: frozenset({State.NORMAL}),
        }
        for state in (State.SHELVED, State.SUPPRESSED, State.OUT_OF_SERVICE)
    },
}
"""What can happen in each state, and what may come of it; the database refuses everything else."""

SUPPRESSED_BY: Final[dict[str, str]] = {"forecast.data.": "reading.silent", "write.edge.": "write.broker"}
"""By the beginning of a source, that of the alarm that is its cause: it is suppressed while that stands."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What an alarm of a source is, whichever one it is; its message and its action come with it."""

    kind: str
    """``alarm``: somebody has to do something in time; ``notification``: worth knowing."""
    cause: str
    consequence: str
    """What happens where nobody does anything."""
    respond_s: int
    """So soon somebody should act [s]."""
    owner: str
    """Whose it is."""


ALARM, NOTIFICATION = "alarm", "notification"
OPERATOR, CONTROLS, DATA = "operator", "controls engineer", "data engineer"
_HOUR_S: Final = 3600
_DAY_S: Final = 24 * _HOUR_S

KINDS: Final[dict[str, Kind]] = {
    "": Kind(ALARM, "As the message says", "Not described for this source", _HOUR_S, OPERATOR),
    "reading.silent": Kind(
        ALARM,
        "The broker, the network or a gateway is down: it is not the sensors",
        "Nothing is seen: figures are withheld, advice stops and what it holds goes back",
        600,
        OPERATOR,
    ),
    "reading.silent.": Kind(
        NOTIFICATION,
        "The sensor, its wiring or its gateway has failed",
        "What rests on this point is withheld or estimated",
        _DAY_S,
        DATA,
    ),
    "reading.flat.": Kind(
        NOTIFICATION,
        "The sensor is stuck, or its gateway repeats the last value",
        "The value is marked and kept out of training",
        _DAY_S,
        DATA,
    ),
    "reading.unit.": Kind(
        NOTIFICATION,
        "The device was set to another unit, or replaced",
        "The value is marked; sums that need it are withheld",
        _DAY_S,
        DATA,
    ),
    "reading.clock.": Kind(
        NOTIFICATION,
        "The device has lost its time server, or has a wrong time zone",
        "Its readings land in the wrong hour",
        _DAY_S,
        DATA,
    ),
    "bms.offline.": Kind(
        ALARM,
        "The building management system, its gateway or the network is down",
        "What it measures is not seen and its own alarms do not arrive",
        900,
        OPERATOR,
    ),
    "forecast.data.": Kind(
        NOTIFICATION,
        "A meter that the forecast needs is silent or stuck",
        "Forecasts come from a simpler method or stand still; advice becomes careful or stops",
        4 * _HOUR_S,
        DATA,
    ),
    "forecast.drift.": Kind(
        NOTIFICATION,
        "The plant, its load or a meter has changed",
        "Forecasts are worse than their intervals say",
        _DAY_S,
        DATA,
    ),
    "advise.inlet.": Kind(
        ALARM,
        "An advised setpoint, a failed cooling unit or a rise in load",
        "Servers slow down or switch off when the inlet rises on",
        300,
        OPERATOR,
    ),
    "advise.guard.": Kind(
        ALARM,
        "Readings, the gateway or the rules behind an advised value were lost",
        "The setpoint may stay at the advised value with nobody watching it",
        600,
        OPERATOR,
    ),
    "advise.revert_failed.": Kind(
        ALARM,
        "The plant does not report its own value: a local override, the controller or a lost write",
        "The plant holds an advised value that nobody watches",
        600,
        OPERATOR,
    ),
    "advise.misses.": Kind(
        NOTIFICATION,
        "The plant has changed since it was calibrated",
        "Advice on this setpoint is suspended until somebody acknowledges",
        _DAY_S,
        CONTROLS,
    ),
    "write.failed.": Kind(
        ALARM,
        "The plant refused the setpoint, did not follow it, or took it over",
        "The plant goes back to its own control; the saving is lost",
        _HOUR_S,
        OPERATOR,
    ),
    "write.revert.": Kind(
        ALARM,
        "The gateway or the controller does not give the point back",
        "The plant holds an advised value that nobody renews",
        600,
        OPERATOR,
    ),
    "write.broker": Kind(
        ALARM,
        "The broker is down or refuses our messages",
        "Leases are not renewed: the plant falls back to its own control by itself",
        900,
        OPERATOR,
    ),
    "write.edge.": Kind(
        ALARM,
        "The gateway, its power or its network is down",
        "Leases are not renewed: the plant falls back to its own control by itself",
        900,
        OPERATOR,
    ),
    "notify.failed.": Kind(
        ALARM,
        "The mail server, the webhook or the broker is down or refuses our messages",
        "Whoever is not at the screen is told nothing by this channel",
        _HOUR_S,
        OPERATOR,
    ),
}
"""By the beginning of a source; the longest one that fits counts."""


def kind_of(source: str) -> Kind:
    """What an alarm of this source is."""
    return KINDS[max((prefix for prefix in KINDS if source.startswith(prefix)), key=len)]


def act(
    conn: db.Connection,
    site: str,
    number: int,
    verb: Verb,
    *,
    at: datetime,
    actor: str,
    reason: str,
    until: datetime | None = None,
) -> bool:
    """Do something to an alarm, in the caller's transaction; the only way there is for people.

    Args:
        conn: connection.
        site: the site's id.
        number: which alarm.
        verb: what.
        at: plant time.
        actor: who does it.
        reason: why.
        until: for shelving: how long.

    Returns:
        False where its state by now allows no such thing.

    Raises:
        InputError: there is no such alarm, or the time is too long.
    """
    if verb is Verb.SHELVE and (until is None or not SHELVED_MIN <= until - at <= SHELVED_MAX):
        raise InputError(
            "time to shelve",
            found="none" if until is None else f"{(until - at).total_seconds() / _HOUR_S:g} h",
            allowed=f"1 min to {SHELVED_MAX.total_seconds() / _HOUR_S:g} h",
            do="choose a time within a shift; what has to be away for longer goes out of service",
        )
    row = db.row(
        conn,
        "alarm_act",
        site=site,
        number=number,
        verb=verb.value,
        at=at,
        actor=actor,
        reason=reason,
        until=until,
    )
    if row is None:
        raise InputError(
            "alarm", found=str(number), allowed="a number of `joulecast alarm list`", do="list them"
        )
    return bool(row["done"])


def wake(conn: db.Connection, site: str, now: datetime) -> int:
    """Bring back what was shelved until now or earlier; how many."""
    return len(db.rows(conn, "alarm_wake", site=site, now=now))
