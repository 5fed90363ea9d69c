"""Periodic work of this room."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from core import db
from core.errors import NotReadyError
from core.jobs import Context, Job
from ingest import alarms, notify

if TYPE_CHECKING:
    from datetime import datetime

REJECTED_DAYS: Final = 30
"""How long a refused message is kept after it was last seen [d]."""
ROLL_UP_S: Final = 30.0
"""How long one run of the rollups may take; the rest waits for the next [wall s]."""
DAYS_AHEAD: Final = 3
"""For how many days to come there is room, so that the writer never has to make it [d]."""


def prune_rejected(context: Context) -> str:
    """Forget refused messages that nobody has sent for long."""
    before = context.clock.now() - timedelta(days=REJECTED_DAYS)
    with db.connect(context.dsn) as conn:
        gone = db.rows(conn, "ingest_prune_rejected", before=before)
    return f"forgot {len(gone)} refused messages older than {REJECTED_DAYS} days"


def roll_up(context: Context) -> str:
    """Bring readings by minute and by hour up to date, newest first; what is left over goes on next time."""
    until = time.monotonic() + ROLL_UP_S
    pieces, more = 0, True
    with db.connect(context.dsn, autocommit=True) as conn:
        db.rows(conn, "rollup_start")
        while more and time.monotonic() < until:
            more = _roll_up_piece(conn)
            pieces += more
    return f"rolled up {pieces} pieces of at most an hour" + ("; there are more" if more else "")


def _roll_up_piece(conn: db.Connection) -> bool:
    """Roll up the next piece; False where there is none."""
    found = db.row(conn, "rollup_next")
    if not found or not found["ids"]:
        return False
    start, end = found["from_minute"], found["to_minute"]
    if start is not None:
        db.rows(conn, "rollup_write", start=start, end=end)
    db.rows(conn, "rollup_done", ids=found["ids"], start=start, end=end)
    return start is not None


def keep_storage(context: Context) -> str:
    """Make room for the days to come and drop what is older than it is to be kept.

    Raises:
        NotReadyError: readings that are due to be dropped have not been rolled up yet.
    """
    settings, today = context.settings, context.clock.now()
    with db.connect(context.dsn) as conn:
        for ahead in range(DAYS_AHEAD + 1):
            db.rows(conn, "storage_make_day", day=(today + timedelta(days=ahead)).date())
        conn.commit()
        found = db.row(conn, "storage_newest", now=today)
        newest = found["newest"] if found else None
        if newest is None:
            return "no readings yet"
        said = [_drop_readings(conn, newest, settings.retention_days)]
        if settings.rollup_retention_days:
            before = newest - timedelta(days=settings.rollup_retention_days)
            db.rows(conn, "storage_drop_rollups", before=before)
            said.append(f"rollups kept from {before:%Y-%m-%d}")
    return "; ".join(said)


def _drop_readings(conn: db.Connection, newest: datetime, keep_days: int) -> str:
    if not keep_days:
        return "readings kept for ever"
    before = (newest - timedelta(days=keep_days)).replace(hour=0, minute=0, second=0, microsecond=0)
    found = db.row(conn, "storage_drop_readings", before=before)
    if found is None:
        raise NotReadyError(f"readings before {before:%Y-%m-%d} are not rolled up yet; none are dropped")
    db.rows(conn, "ingest_forget_dropped_imports", before=before)
    return f"readings kept from {before:%Y-%m-%d}, {found['dropped']} partitions dropped"


JOBS: Final[tuple[Job, ...]] = (
    Job("ingest.alarms", 60.0, alarms.watch, wall_min_s=30.0),
    Job("ingest.shelf", 15.0, alarms.wake, wall_min_s=5.0),
    Job("ingest.notify", 10.0, notify.notify, wall_min_s=10.0),
    Job("ingest.heartbeats", 15.0, alarms.Heartbeats().watch, wall_min_s=15.0),
    Job("ingest.prune_rejected", 86_400.0, prune_rejected, wall_min_s=3600.0),
    Job("ingest.roll_up", 60.0, roll_up, wall_min_s=10.0),
    Job("ingest.keep_storage", 3_600.0, keep_storage, wall_min_s=60.0),
)
