"""How earlier advice did: what waits to be measured, and how often in a row a saving was missed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from core import db
from core.actions import Change, Setpoint
from twin.advise import promise
from twin.advise.evidence import Record

if TYPE_CHECKING:
    from datetime import datetime

    from core.site import Site

SETTLE: Final = timedelta(minutes=15)
"""After a change the plant is left to settle for so long before the measurement begins."""
WINDOW: Final = timedelta(hours=1)
"""How long a saving is measured."""
PATIENCE: Final = timedelta(hours=2)
"""How long after that readings may still arrive; then the saving stays unmeasured and nobody waits for it."""
PEACE: Final = timedelta(hours=4)
"""After a rejection nothing is proposed on the same setpoint for so long."""
LOOKED_AT: Final = 100
"""Misses in a row are counted among so many of the newest verified savings."""


def suspension_source(setpoint: Setpoint) -> str:
    """Source of the alarm that is raised where savings were missed."""
    return f"advise.misses.{setpoint.value}"


def read_record(conn: db.Connection, site: Site, now: datetime) -> Record:
    """What earlier recommendations of this site left behind."""
    applied = db.rows(conn, "twin_unmeasured", site=site.id)
    waiting = [row for row in applied if row["applied_at"] + SETTLE + WINDOW + PATIENCE > now]
    alone = db.rows(conn, "twin_left_alone", site=site.id, since=now - PEACE)
    verified = promise.verified(conn, site)
    return Record(
        unverified=tuple(dict.fromkeys(setpoint for row in waiting for setpoint in setpoints_of(row))),
        misses=misses_of(conn, site),
        declined=tuple(dict.fromkeys(setpoint for row in alone for setpoint in setpoints_of(row))),
        interval_scale=promise.interval_scale(verified),
        verified=len(verified),
    )


def changes_of(row: db.Row) -> tuple[Change, ...]:
    """What a recommendation changes."""
    return tuple(Change(Setpoint(c["setpoint"]), c["from_c"], c["to_c"]) for c in row["changes"])


def setpoints_of(row: db.Row) -> tuple[Setpoint, ...]:
    """The setpoints that a recommendation changes."""
    return tuple(Setpoint(change["setpoint"]) for change in row["changes"])


def missed(measured_p90_kw: float, promised_p10_kw: float) -> bool:
    """Whether a measured saving is a miss: even its p90 lies below the p10 that was promised."""
    return measured_p90_kw < promised_p10_kw


def misses_of(conn: db.Connection, site: Site) -> dict[Setpoint, int]:
    """By setpoint, how many savings in a row were missed since somebody last looked."""
    sources = {suspension_source(setpoint): setpoint for setpoint in site.setpoints}
    looked = {
        sources[row["source"]]: row["acknowledged_at"]
        for row in db.rows(conn, "twin_looked", site=site.id, sources=list(sources))
    }
    counts = dict.fromkeys(site.setpoints, 0)
    ended: set[Setpoint] = set()
    for row in db.rows(conn, "advice_verified", site=site.id, count=LOOKED_AT):
        for setpoint in setpoints_of(row):
            since = looked.get(setpoint)
            hit = not missed(row["verified_p90_kw"], row["promised_p10_kw"])
            if hit or (since and row["created_at"] <= since):
                ended.add(setpoint)
            elif setpoint in counts and setpoint not in ended:
                counts[setpoint] += 1
    return counts
