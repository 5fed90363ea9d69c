from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from core import db, jobs
from core.clock import ManualClock, ScaledClock
from core.errors import NotReadyError, ServiceError
from core.settings import Settings

if TYPE_CHECKING:
    from core.site import Site


@pytest.fixture
def context(dsn: str, site: Site, clock: ManualClock) -> jobs.Context:
    return jobs.Context(Settings(dsn=dsn), site, clock, dsn)


def _health(dsn: str) -> dict[str, db.Row]:
    with db.connect(dsn) as conn:
        return {r["job"]: r for r in db.rows(conn, "job_health")}


def test_a_run_leaves_its_sentence(context: jobs.Context) -> None:
    assert jobs.run(jobs.Job("t.ok", 60, lambda _: "did it"), context)
    assert _health(context.dsn)["t.ok"]["detail"] == "did it"


def test_old_runs_are_forgotten(context: jobs.Context, clock: ManualClock) -> None:
    job = jobs.Job("t.old", 60, lambda _: "did it")
    jobs.run(job, context)
    clock.advance(jobs.KEPT + timedelta(days=1))
    jobs.run(job, context)
    with db.connect(context.dsn) as conn:
        assert [r["started_at"] for r in conn.execute("SELECT started_at FROM job_run")] == [clock.now()]


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (NotReadyError("no data yet"), "not_ready"),
        (ServiceError("gone"), "failed"),
        (KeyError("x"), "failed"),
    ],
)
def test_a_failure_is_on_record_and_does_not_spread(
    context: jobs.Context, error: Exception, state: str
) -> None:
    def work(_: jobs.Context) -> str:
        raise error

    assert not jobs.run(jobs.Job("t.bad", 60, work), context)
    assert _health(context.dsn)["t.bad"]["state"] == state


def test_two_replicas_never_do_the_same_work_at_once(context: jobs.Context) -> None:
    inside, leave = threading.Event(), threading.Event()

    def work(_: jobs.Context) -> str:
        inside.set()
        leave.wait(30)
        return "once"

    job = jobs.Job("t.once", 60, work)
    first = threading.Thread(target=jobs.run, args=(job, context))
    first.start()
    assert inside.wait(30)
    assert not jobs.run(job, context)
    leave.set()
    first.join(30)
    with db.connect(context.dsn) as conn:
        assert len(conn.execute("SELECT FROM job_run").fetchall()) == 1


def test_intervals_are_plant_time(context: jobs.Context, clock: ManualClock) -> None:
    fast = ScaledClock(clock.now(), clock.now(), 60.0)
    quick = jobs.Context(context.settings, context.site, fast, context.dsn)
    scheduler = jobs.schedule((jobs.Job("t.quarter", 900, lambda _: "x"),), quick)
    try:
        job = scheduler.get_job("t.quarter")
        assert job is not None
        assert job.trigger.interval == timedelta(seconds=15)
    finally:
        scheduler.shutdown()
