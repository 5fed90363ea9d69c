"""Alarms: a point that `site.toml` names is silent or marked, a building management system is offline.

Their life is in `core.alarms`; what was shelved comes back by a job here.

Jobs, so that they run once whatever the number of ingest processes, and still run when no message comes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from core import alarms as life
from core import db
from core.errors import InputError
from core.site import load_site
from ingest.watch import CLOCK, FLAT, UNIT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from core.jobs import Context
    from core.site import Site

PREFIX: Final = "reading."
"""How the sources of this room's alarms begin."""
OFFLINE: Final = "bms."
"""How the sources of alarms about building management systems begin."""
OFFLINE_AFTER: Final = timedelta(seconds=30)
"""Their heartbeats come every 10 s (DSX Exchange, BMS Event Bus, AsyncAPI 1.0.0) [wall time]."""
BACK_AFTER: Final = 3
"""So many of them in time, and the system is back: one that stumbles is one alarm."""
FORGOTTEN_AFTER: Final = timedelta(days=30)
"""One that is silent for longer has been taken away."""
PRIORITY: Final = 3
"""Of one point."""
ALL_PRIORITY: Final = 2
"""When nothing is seen any more, and of a building management system: whoever is away has to be told."""
SILENT_INTERVALS: Final = 5.0
"""A point is silent after so many of its usual intervals."""
SILENT_MIN_S: Final = 60.0
"""However often it speaks, it is not silent before [s]."""
SILENT_UNKNOWN_S: Final = 3600.0
"""For a point that has spoken only once [s]."""
READINGS: Final = 21
"""From so many of its last readings a point's interval is known."""
EVERYTHING_SHARE: Final = 0.5
"""When more of the points than this are silent, it is not the sensors."""

_MARKED: Final = {
    FLAT: (
        "flat",
        "has said exactly {value:g} for long, and used to show noise",
        "Look whether the sensor or its gateway has stopped",
    ),
    UNIT: (
        "unit",
        "says {value:g}, which looks like another unit than was agreed",
        "Look at the unit that the device sends, or set it under [[topics]]",
    ),
    CLOCK: (
        "clock",
        "has a wrong time: its device's clock is ahead or behind",
        "Set the device's clock or time zone (NTP)",
    ),
}


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that a person should look at."""

    source: str
    message: str
    action: str
    priority: int = PRIORITY
    """1 is the gravest."""


def silent_after_s(interval_s: float | None, speed_ratio: float) -> float:
    """How old a point's newest reading may be [s].

    Args:
        interval_s: usual time between two readings [s]; None: unknown.
        speed_ratio: plant seconds per wall second.
    """
    if interval_s is None:
        return SILENT_UNKNOWN_S * speed_ratio
    return max(SILENT_INTERVALS * interval_s, SILENT_MIN_S * speed_ratio)


def alarms(rows: Sequence[db.Row], now: datetime, speed_ratio: float) -> list[Alarm]:
    """What is wrong with these newest readings.

    Args:
        rows: of the query `ingest_silence`.
        now: the plant's time.
        speed_ratio: plant seconds per wall second.
    """
    silent = [
        row
        for row in rows
        if (now - row["time"]).total_seconds() > silent_after_s(row["interval_s"], speed_ratio)
    ]
    if len(silent) > 1 and len(silent) > EVERYTHING_SHARE * len(rows):
        newest = max(row["time"] for row in rows)
        message = (
            f"{len(silent)} of {len(rows)} points are silent; the newest reading is of {newest:%F %R} UTC"
        )
        action = "Look at the broker, the network and the gateways"
        return [Alarm(f"{PREFIX}silent", message, action, ALL_PRIORITY)]
    found = [_silent(row) for row in silent]
    for row in rows:
        if row not in silent and row["status"] in _MARKED:
            kind, message, action = _MARKED[row["status"]]
            text = f"{row['ref']} {message.format(value=row['value'])}"
            found.append(Alarm(f"{PREFIX}{kind}.{row['ref']}", text, action))
    return found


def _silent(row: db.Row) -> Alarm:
    usual = f", usually every {row['interval_s']:.0f} s" if row["interval_s"] else ""
    message = f"{row['ref']} is silent since {row['time']:%F %R} UTC{usual}"
    return Alarm(f"{PREFIX}silent.{row['ref']}", message, "Look at the sensor and its gateway")


def keep(conn: db.Connection, site: str, found: Iterable[Alarm], now: datetime) -> tuple[int, int]:
    """Make the table say what was found: how many alarms were raised, and how many cleared."""
    every = sorted(found, key=lambda alarm: alarm.source)
    cleared = _clear_others(conn, site, PREFIX, every, now)
    return _raise(conn, site, every, now), cleared


def _clear_others(conn: db.Connection, site: str, prefix: str, still: Sequence[Alarm], now: datetime) -> int:
    """End whatever is open of this kind, but these; how many there were."""
    sources = [alarm.source for alarm in still]
    return len(db.rows(conn, "ingest_clear_alarms", site=site, prefix=prefix, sources=sources, now=now))


def _raise(conn: db.Connection, site: str, every: Sequence[Alarm], now: datetime) -> int:
    """Raise these, unless they are open; how many were not."""
    raised = db.rows(
        conn,
        "ingest_raise_alarms",
        site=site,
        priorities=[alarm.priority for alarm in every],
        sources=[alarm.source for alarm in every],
        messages=[alarm.message for alarm in every],
        actions=[alarm.action for alarm in every],
        now=now,
    )
    return len(raised)


def watch(context: Context) -> str:
    """Raise and clear the alarms of the points that `site.toml` names by now; one never heard of has none."""
    site, now = _as_described(context), context.clock.now()
    refs = [str(ref) for ref in site.refs()]
    with db.connect(context.dsn) as conn:
        rows = db.rows(conn, "ingest_silence", site=site.id, refs=refs, readings=READINGS)
        raised, cleared = keep(conn, site.id, alarms(rows, now, context.clock.speed_ratio), now)
    return f"looked at {len(rows)} points: {raised} alarms raised, {cleared} cleared"


def _as_described(context: Context) -> Site:
    """The plant as its file describes it now; as it did at the start where that cannot be read."""
    try:
        found = load_site(context.settings.site_file)
    except InputError:  # the worker, which looks at it too, has logged it
        return context.site
    return found if found.id == context.site.id else context.site


def wake(context: Context) -> str:
    """Bring back the alarms whose time on the shelf is over."""
    with db.connect(context.dsn) as conn:
        back = life.wake(conn, context.site.id, context.clock.now())
    return f"{back} shelved alarms came back"


@dataclass(slots=True)
class Heartbeats:
    """Watches for the heartbeats of building management systems.

    While nobody looked (we had stopped, the database was away), nobody listened either: silence counts only
    from when looking began.
    """

    _since: datetime | None = field(default=None, init=False)
    _looked: datetime | None = field(default=None, init=False)

    def watch(self, context: Context) -> str:
        """Raise an alarm for each that is silent, and clear it when it is heard again and again."""
        site, now = context.site.id, context.clock.now()
        patience = OFFLINE_AFTER * context.clock.speed_ratio
        if self._since is None or self._looked is None or now - self._looked > 2 * patience:
            self._since = now
        with db.connect(context.dsn) as conn:
            rows = db.rows(conn, "ingest_heartbeats", site=site, since=now - FORGOTTEN_AFTER)
            late = [row for row in rows if now - row["last_at"] > patience]
            doubtful = [row for row in rows if row in late or row["in_row"] < BACK_AFTER]
            cleared = _clear_others(conn, site, OFFLINE, list(map(_offline, doubtful)), now)
            told = late if now - self._since > patience else []
            raised = _raise(conn, site, list(map(_offline, told)), now)
        self._looked = now
        return f"looked at {len(rows)} heartbeats: {raised} alarms raised, {cleared} cleared"


def _offline(row: db.Row) -> Alarm:
    message = f"BMS offline: no heartbeat {row['name']} since {row['last_at']:%F %T} UTC"
    action = "Look at the building management system, its gateway and the network"
    return Alarm(f"{OFFLINE}offline.{row['name']}", message, action, ALL_PRIORITY)
