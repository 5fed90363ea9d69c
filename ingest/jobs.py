"""Periodic work of this room."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from core import db
from core.jobs import Context, Job

REJECTED_DAYS: Final = 30
"""How long a refused message is kept after it was last seen [d]."""


def prune_rejected(context: Context) -> str:
    """Forget refused messages that nobody has sent for long."""
    before = context.clock.now() - timedelta(days=REJECTED_DAYS)
    with db.connect(context.dsn) as conn:
        gone = db.rows(conn, "ingest_prune_rejected", before=before)
    return f"forgot {len(gone)} refused messages older than {REJECTED_DAYS} days"


JOBS: Final[tuple[Job, ...]] = (Job("ingest.prune_rejected", 86_400.0, prune_rejected, wall_min_s=3600.0),)
