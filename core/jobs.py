"""Periodic work: declared jobs, run once whatever the number of replicas, each run on record.

The only module that imports apscheduler. A job is declared as a `Job` in its service's ``jobs.py``.
"""

from __future__ import annotations

import logging
import zlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from core import db
from core.errors import JoulecastError, NotReadyError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from core.clock import Clock
    from core.settings import Settings
    from core.site import Site

log = logging.getLogger(__name__)

WALL_INTERVAL_MIN_S: Final = 5.0
"""However fast a demonstration's clock runs, a job starts no more often than this [wall s]."""
KEPT: Final = timedelta(days=30)
"""How long runs stay on record."""
LOCK_SPACE: Final = 7_505
"""First key of the jobs' advisory locks."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a job gets to work with."""

    settings: Settings
    site: Site
    clock: Clock
    dsn: str


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of periodic work."""

    name: str
    """Unique, e.g. ``forecast.issue``; names the lock and the `job_run` rows."""
    every_s: float
    """Interval [s of plant time]."""
    work: Callable[[Context], str]
    """Does the work and says in one sentence what it did; raises NotReadyError where data are missing."""
    wall_min_s: float = WALL_INTERVAL_MIN_S
    """Shortest interval [s of wall time], for work that is heavy."""


def run(job: Job, context: Context) -> bool:
    """Run a job now unless another process is at it; leave a `job_run` row. True if it ran and succeeded."""
    with db.connect(context.dsn, autocommit=True) as conn:
        key = zlib.crc32(job.name.encode()) - 2**31
        got = conn.execute("SELECT pg_try_advisory_lock(%s, %s) AS got", (LOCK_SPACE, key)).fetchone()
        if not got or not got["got"]:
            return False
        started = context.clock.now()
        state, detail = _attempt(job, context)
        _record(conn, job.name, started, context.clock.now(), state, detail)
        return state == "ok"


def _attempt(job: Job, context: Context) -> tuple[str, str]:
    try:
        return "ok", job.work(context)
    except NotReadyError as reason:
        log.info("%s: not ready: %s", job.name, reason)
        return "not_ready", str(reason)
    except JoulecastError as error:
        log.error("%s: %s", job.name, error)  # noqa: TRY400  # a sentence for the operator, not a traceback
        return "failed", str(error)
    except Exception as error:
        log.exception("%s failed", job.name)
        return "failed", f"{type(error).__name__}: {error}"


def _record(
    conn: db.Connection, job: str, started: datetime, ended: datetime, state: str, detail: str
) -> None:
    conn.execute(
        "INSERT INTO job_run (job, started_at, ended_at, state, detail) VALUES (%s, %s, %s, %s, %s)",
        (job, started, ended, state, detail),
    )
    conn.execute("DELETE FROM job_run WHERE job = %s AND started_at < %s", (job, started - KEPT))


def schedule(jobs: tuple[Job, ...], context: Context) -> BackgroundScheduler:
    """Start the jobs, each at once and then every interval of plant time; call ``shutdown()`` at the end."""
    scheduler = BackgroundScheduler(
        timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    )
    for job in jobs:
        wall_s = max(job.every_s / context.clock.speed_ratio, job.wall_min_s)
        scheduler.add_job(run, IntervalTrigger(seconds=wall_s), (job, context), id=job.name)
        scheduler.add_job(run, args=(job, context), id=f"{job.name} at start")
    scheduler.start()
    return scheduler
