"""The life of an alarm after ISA-18.2.

The database has its steps (table `alarm_step`) and what every alarm of ours is (`alarm_kind`: cause,
consequence, time, owner); it alone changes a state.
"""

from __future__ import annotations

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
ALARM: Final = "alarm"
"""The kind that somebody has to act on in time; the other is a notification, worth knowing."""


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
            found="none" if until is None else f"{(until - at).total_seconds() / 3600:g} h",
            allowed=f"1 min to {SHELVED_MAX.total_seconds() / 3600:g} h",
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
