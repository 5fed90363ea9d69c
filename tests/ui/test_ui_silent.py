"""The banner says that meters are silent as soon as they have been so for longer than is their way."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import seed

from core import db
from ui import head
from ui.components import happened
from ui.data import live

if TYPE_CHECKING:
    from core.clock import ManualClock
    from core.jobs import Context
    from core.site import Site
    from ui.data import Source


def paced(context: Context, site: Site, seconds: float) -> None:
    """Readings of the last five minutes, one in so many seconds."""
    now = context.clock.now()
    with db.connect(context.dsn) as conn:
        seed.readings(conn, site, now - timedelta(minutes=5), now, timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("pace_s", "alive_s", "silent_s"), [(1, 3, 4), (2, 4, 5), (5, 7, 8), (30, 32, 33), (60, 62, 63)]
)
def test_the_faster_meters_come_the_sooner_it_is_said(
    empty_source: Source, context: Context, site: Site, clock: ManualClock,
    pace_s: float, alive_s: float, silent_s: float,
) -> None:  # fmt: skip
    paced(context, site, pace_s)
    clock.advance(timedelta(seconds=alive_s))
    assert head.stale(empty_source) == ""
    clock.advance(timedelta(seconds=silent_s - alive_s))
    empty_source.forget_all()
    assert head.stale(empty_source).startswith("No new reading of the power meters for ")


def test_meters_that_come_now_and_then_are_not_said_to_be_silent(
    empty_source: Source, context: Context, site: Site, clock: ManualClock
) -> None:
    now = clock.now()
    with db.connect(context.dsn) as conn:  # now two seconds apart, now half a minute
        for back_s in (150, 148, 118, 116, 86, 84, 54, 52, 22, 20, 0):
            at = now - timedelta(seconds=back_s)
            seed.readings(conn, site, at, at)
    clock.advance(timedelta(seconds=32))
    assert head.stale(empty_source) == ""


def test_one_hiccup_makes_no_meter_a_slow_one(
    empty_source: Source, context: Context, site: Site, clock: ManualClock
) -> None:
    paced(context, site, 2)
    with db.connect(context.dsn) as conn:
        conn.execute(
            "DELETE FROM reading WHERE time > %s AND time < %s",
            (clock.now() - timedelta(seconds=90), clock.now() - timedelta(seconds=45)),
        )
    clock.advance(timedelta(seconds=6))
    assert "where one comes every 2 s" in head.stale(empty_source)
    found = happened.troubles(empty_source, live.snapshot(empty_source))
    assert found[0].said == head.stale(empty_source).rstrip("."), "the status line calls it all right"


def test_a_meter_that_was_never_heard_does_not_keep_the_others_from_being_missed(
    empty_source: Source, context: Context, site: Site, clock: ManualClock
) -> None:
    paced(context, site, 2)
    with db.connect(context.dsn) as conn:
        points = "SELECT point_id FROM point WHERE asset_id = %s AND name = %s"
        never = site.meters.it[0]
        for table in ("reading", "reading_latest"):
            conn.execute(f"DELETE FROM {table} WHERE point_id IN ({points})", (never.asset, never.point))  # noqa: S608
    clock.advance(timedelta(seconds=6))
    assert head.stale(empty_source).startswith("No new reading of the power meters for 6 s")


def test_before_the_second_reading_nobody_knows(
    empty_source: Source, context: Context, site: Site, clock: ManualClock
) -> None:
    with db.connect(context.dsn) as conn:
        seed.readings(conn, site, clock.now(), clock.now())
    assert head.usual_gaps_s(empty_source) == {}
    clock.advance(timedelta(seconds=30))
    assert head.stale(empty_source) == ""
