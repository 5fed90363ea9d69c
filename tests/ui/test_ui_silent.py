"""The banner says that meters are silent as soon as they have been so for longer than is their way."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import seed

from core import db
from ui import head

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
    paced(context, site, 2)
    with db.connect(context.dsn) as conn:  # one gap of half a minute
        conn.execute(
            "DELETE FROM reading WHERE time > %s AND time < %s",
            (clock.now() - timedelta(seconds=90), clock.now() - timedelta(seconds=60)),
        )
    clock.advance(timedelta(seconds=32))
    assert head.stale(empty_source) == ""


def test_before_the_second_reading_nobody_knows(
    empty_source: Source, context: Context, site: Site, clock: ManualClock
) -> None:
    with db.connect(context.dsn) as conn:
        seed.readings(conn, site, clock.now(), clock.now())
    assert head.longest_gaps_s(empty_source) == {}
    clock.advance(timedelta(seconds=30))
    assert head.stale(empty_source) == ""
