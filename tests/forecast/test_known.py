"""What was known when: each covariate by its own availability, and nothing before its time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import db
from forecast import dataset
from forecast.frames import known_table, nothing_known
from forecast.protocol import HOUR_S

if TYPE_CHECKING:
    from core.clock import ManualClock
    from core.series import Floats
    from core.site import Site

COLUMNS = ("dry_bulb_c", "wet_bulb_c", "booked_gpu_kw")
HOUR = timedelta(hours=1)

told = st.none() | st.floats(-1e6, 1e6)
row = st.tuples(st.integers(0, 9), st.integers(0, 12 * HOUR_S), st.tuples(told, told, told))
rows_of = st.lists(row, min_size=1, max_size=40, unique_by=lambda r: r[:2])
"""Hour, when it became available [s], and what it says of each covariate."""
Row = tuple[int, int, tuple[float | None, ...]]


def frame(rows: list[Row], columns: tuple[str, ...] = COLUMNS) -> pd.DataFrame:
    found = pd.DataFrame(
        {
            "valid_at": pd.to_datetime([hour * HOUR_S for hour, _, _ in rows], unit="s", utc=True),
            "available_at": pd.to_datetime([at for _, at, _ in rows], unit="s", utc=True),
        }
    )
    for i, name in enumerate(columns):
        found[name] = np.array([values[i] for _, _, values in rows], dtype=np.float64)
    return found


def asked(rows: list[Row], hour: int, at_s: int) -> Floats:
    """By hand: of each covariate the newest word on the hour that was there by then."""
    known = []
    for i in range(len(COLUMNS)):
        words = [(at, v[i]) for h, at, v in rows if h == hour and at <= at_s and v[i] is not None]
        known.append(max(words)[1] if words else None)
    return np.array(known, dtype=np.float64)


@settings(max_examples=100, deadline=None)
@given(rows_of, st.integers(0, 9), st.integers(0, 12 * HOUR_S), st.integers(0, HOUR_S - 1))
def test_each_covariate_is_what_was_known_of_it_then(
    rows: list[Row], hour: int, at_s: int, past_s: int
) -> None:
    table = known_table(frame(rows), COLUMNS)
    expected = asked(rows, hour, at_s)
    if table is None:
        assert np.isnan(expected).all()
        return
    found = table.at(np.array([hour * HOUR_S + past_s]), np.array([at_s]))
    assert found.shape == (1, 3)
    np.testing.assert_array_equal(found[0], expected)


@settings(max_examples=100, deadline=None)
@given(rows_of, rows_of, st.integers(0, 12 * HOUR_S))
def test_nothing_that_comes_later_changes_what_is_returned(
    earlier: list[Row], more: list[Row], at_s: int
) -> None:
    later = [(hour, at_s + 1 + at, values) for hour, at, values in more]
    before = [line for line in earlier if line[1] <= at_s]
    times = np.arange(10) * HOUR_S
    with_it = known_table(frame([*before, *later]), COLUMNS)
    without = known_table(frame(before), COLUMNS) if before else None
    nothing = np.full((10, 3), np.nan)
    np.testing.assert_array_equal(
        nothing if with_it is None else with_it.at(times, np.array([at_s])),
        nothing if without is None else without.at(times, np.array([at_s])),
    )


def test_a_row_that_says_nothing_of_a_covariate_does_not_hide_it() -> None:
    rows: list[Row] = [(3, 0, (7.0, 5.0, None)), (3, 60, (8.0, None, None)), (3, 120, (None, None, 90.0))]
    table = known_table(frame(rows), COLUMNS)
    assert table is not None
    assert table.at(np.array([3 * HOUR_S]), np.array([200]))[0].tolist() == [8.0, 5.0, 90.0]


def test_a_feed_that_is_missing_starts_late_or_ends_early_is_nan_there() -> None:
    rows: list[Row] = [(hour, 0, (1.0, None, 2.0 if hour < 4 else None)) for hour in range(3, 7)]
    table = known_table(frame(rows).drop(columns="wet_bulb_c"), COLUMNS)
    assert table is not None
    found = table.at(np.arange(9) * HOUR_S, np.array([10]))
    assert np.isfinite(found[:, 0]).tolist() == [3 <= hour < 7 for hour in range(9)]
    assert np.isnan(found[:, 1]).all()
    assert np.isfinite(found[:, 2]).tolist() == [hour == 3 for hour in range(9)]
    assert known_table(nothing_known(), COLUMNS) is None
    assert known_table(frame(rows), ()) is None


def schedule(
    conn: db.Connection, site: Site, kind: str, available: object, hours: dict[object, float]
) -> None:
    db.rows(
        conn,
        "ingest_insert_schedule",
        site=site.id,
        kind=kind,
        now=available,
        valid=list(hours),
        value=list(hours.values()),
    )


def test_weather_and_schedules_are_one_frame_as_known_by_now(
    dsn: str, site: Site, clock: ManualClock
) -> None:
    now = clock.now()
    with db.connect(dsn) as conn:
        assert dataset.load_known(conn, site, now - HOUR, now).columns.tolist() == [
            "valid_at", "available_at", "dry_bulb_c", "wet_bulb_c",
        ]  # fmt: skip
        schedule(conn, site, "booked_gpu_kw", now - 5 * HOUR, {now + HOUR: 40.0, now + 2 * HOUR: 50.0})
        schedule(conn, site, "booked_gpu_kw", now - HOUR, {now + HOUR: 45.0, now - 30 * HOUR: 9.0})
        schedule(conn, site, "booked_gpu_kw", now + HOUR, {now + HOUR: 99.0})
        schedule(conn, site, "holiday", now - HOUR, {now + HOUR: 1.0})
        only = dataset.load_known(conn, site, now - HOUR, now)
        db.rows(
            conn,
            "ingest_insert_weather_forecast",
            site=site.id,
            now=now - 2 * HOUR,
            issued=[now - 3 * HOUR],
            valid=[now + HOUR],
            dry_bulb=[5.0],
            wet_bulb=[4.0],
        )
        known = dataset.load_known(conn, site, now - HOUR, now)
    columns = ("dry_bulb_c", "wet_bulb_c", "booked_gpu_kw", "holiday")
    assert set(only.columns) == set(known.columns) == {"valid_at", "available_at", *columns}
    assert (known["available_at"] <= now).all()
    table = known_table(known, columns)
    assert table is not None
    ahead = np.array([(now + h * HOUR).timestamp() for h in (1, 2, 3)], dtype=np.int64)
    at = np.array([now.timestamp(), (now - 4 * HOUR).timestamp()], dtype=np.int64)
    found = table.at(ahead, at[:, None])
    nan = float("nan")
    assert found[0].tolist() == pytest.approx(
        np.array([[5.0, 4.0, 45.0, 1.0], [nan, nan, 50.0, nan], [nan] * 4]), nan_ok=True
    )
    assert found[1][:, 2].tolist() == pytest.approx([40.0, 50.0, nan], nan_ok=True)
    assert np.isnan(found[1][:, [0, 1, 3]]).all()
