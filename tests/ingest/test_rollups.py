"""The writer says what is to be rolled up; the jobs do it, and drop what is older than it is to be kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from aggregates import packed

from core import db
from core.errors import NotReadyError
from core.jobs import Context
from core.settings import Settings
from ingest import jobs
from ingest.rows import all_as_us
from ingest.samples import Places
from ingest.storage import dirty_stretches
from ingest.writer import store

if TYPE_CHECKING:
    from core.clock import ManualClock
    from core.site import Site
    from ingest.rows import Rows

AT = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
COUNT = "SELECT count(*) AS n FROM {}"
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)


def test_a_batch_with_a_late_reading_touches_two_stretches() -> None:
    times = [AT + 30 * SECOND, AT + 70 * SECOND, AT - 5 * DAY]
    assert dirty_stretches(all_as_us(times)) == [(AT - 5 * DAY, AT - 5 * DAY + MINUTE), (AT, AT + 2 * MINUTE)]


@pytest.fixture
def context(any_dsn: str, clock: ManualClock, site: Site) -> Context:
    return Context(Settings(dsn=any_dsn), site, clock, any_dsn)


def points(conn: db.Connection, count: int) -> None:
    for number in range(count):
        db.rows(
            conn, "register_point", site="s", asset=f"a{number}", name="power", unit="W", role="sensor",
            state_class="measurement", source="test",
        )  # fmt: skip


def rows_of(*readings: tuple[datetime, float]) -> Rows:
    """Good readings of the first point."""
    return packed([(time, value, 1, 0) for time, value in readings])


def written(context: Context, days: int) -> None:
    """Three readings a day, the newest today."""
    rows = rows_of(*((AT - day * DAY + s * SECOND, float(s)) for day in range(days) for s in (0, 10, 70)))
    with db.connect(context.dsn, autocommit=True) as conn:
        points(conn, 1)
        assert store(conn, rows, places=Places(), again=False).new == len(rows)
        assert store(conn, rows, places=Places(), again=False).new == 0


def count(context: Context, table: str) -> int:
    with db.connect(context.dsn) as conn:
        found = conn.execute(COUNT.format(table)).fetchone()
    assert found
    return int(found["n"])


def test_what_the_writer_stores_is_rolled_up_once(context: Context) -> None:
    written(context, 3)
    assert "rolled up 3 pieces" in jobs.roll_up(context)
    assert (count(context, "reading_1m"), count(context, "reading_1h")) == (6, 3)
    assert "rolled up 0 pieces" in jobs.roll_up(context)
    with db.connect(context.dsn, autocommit=True) as conn:
        store(conn, rows_of((AT - DAY + 20 * SECOND, 100.0)), places=Places())
    assert "rolled up 1 pieces" in jobs.roll_up(context)
    with db.connect(context.dsn) as conn:
        found = conn.execute(
            "SELECT n, sum, max, first, last FROM reading_1m WHERE bucket = %s", (AT - DAY,)
        ).fetchone()
    assert found == {"n": 3, "sum": 110.0, "max": 100.0, "first": 0.0, "last": 100.0}


def test_old_readings_are_dropped_only_after_they_are_rolled_up(context: Context) -> None:
    written(context, 95)
    with pytest.raises(NotReadyError, match="before 2025-12-02 are not rolled up yet; none are dropped"):
        jobs.keep_storage(context)
    assert count(context, "reading") == 95 * 3
    jobs.roll_up(context)
    assert "readings kept from 2025-12-02, 4 partitions dropped" in jobs.keep_storage(context)
    assert (count(context, "reading"), count(context, "reading_1h")) == (91 * 3, 95)
    with db.connect(context.dsn, autocommit=True) as conn:  # too late: the rollup stays as it was
        store(conn, rows_of((AT - 94 * DAY + 20 * SECOND, 100.0)), places=Places())
        jobs.roll_up(context)
        found = conn.execute("SELECT n FROM reading_1h WHERE bucket = %s", (AT - 94 * DAY,)).fetchone()
        dirty = conn.execute("SELECT count(*) AS n FROM rollup_dirty").fetchone()
    assert (found, dirty) == ({"n": 3}, {"n": 0})


def test_zero_keeps_for_ever_and_rollups_have_a_time_of_their_own(context: Context) -> None:
    written(context, 12)
    jobs.roll_up(context)
    settings = context.settings.model_copy(update={"retention_days": 0, "rollup_retention_days": 5})
    said = jobs.keep_storage(Context(settings, context.site, context.clock, context.dsn))
    assert "readings kept for ever" in said
    assert (count(context, "reading"), count(context, "reading_1h")) == (12 * 3, 5)


def test_an_archive_is_kept_however_old_it_is(context: Context, clock: ManualClock) -> None:
    written(context, 2)
    jobs.roll_up(context)
    clock.advance(3000 * DAY)
    jobs.keep_storage(context)
    assert count(context, "reading") == 6


def test_there_is_room_for_the_days_to_come(dsn: str, clock: ManualClock, site: Site) -> None:
    jobs.keep_storage(Context(Settings(dsn=dsn), site, clock, dsn))
    with db.connect(dsn) as conn:
        found = conn.execute("SELECT part::text FROM reading_partition ORDER BY 1").fetchall()
    assert [r["part"] for r in found] == [f"reading_2026030{day}" for day in (2, 3, 4, 5)]
