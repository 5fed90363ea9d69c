"""Alarms about readings: a point that `site.toml` names is silent, or its readings are marked.

A job, so that it runs once whatever the number of ingest processes, and still runs when no message comes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from core import db
from ingest.watch import CLOCK, FLAT, UNIT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from core.jobs import Context

PREFIX: Final = "reading."
"""How the sources of this room's alarms begin."""
PRIORITY: Final = 3
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
        return [Alarm(f"{PREFIX}silent", message, action)]
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
    sources = [alarm.source for alarm in every]
    cleared = db.rows(conn, "ingest_clear_alarms", site=site, prefix=PREFIX, sources=sources, now=now)
    raised = db.rows(
        conn,
        "ingest_raise_alarms",
        site=site,
        priority=PRIORITY,
        sources=sources,
        messages=[alarm.message for alarm in every],
        actions=[alarm.action for alarm in every],
        now=now,
    )
    return len(raised), len(cleared)


def watch(context: Context) -> str:
    """Raise and clear the alarms of the points that `site.toml` names; one never heard of has none."""
    site, now = context.site, context.clock.now()
    refs = [str(ref) for ref in site.refs()]
    with db.connect(context.dsn) as conn:
        rows = db.rows(conn, "ingest_silence", site=site.id, refs=refs, readings=READINGS)
        raised, cleared = keep(conn, site.id, alarms(rows, now, context.clock.speed_ratio), now)
    return f"looked at {len(rows)} points: {raised} alarms raised, {cleared} cleared"
