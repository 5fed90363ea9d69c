"""Histories that are fit to forecast from, and those that are not, each made by hand."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_series import QUARTER, START, daily, frame

from forecast import quality
from forecast.protocol import Task

if TYPE_CHECKING:
    from core.series import Floats

TASK = Task()
DAY = 96
HOURLY = Task(step_s=3600, horizon_steps=168)


def judged(y: Floats) -> quality.Quality:
    return quality.judge(frame(y), TASK)


def night_off(days: int) -> Floats:
    """Stands still from 22:00 to 06:00."""
    y = daily(days)
    hour = (np.arange(len(y)) // 4) % 24
    return np.where((hour >= 22) | (hour < 6), 4e5, y)


def test_a_measured_and_moving_series_is_good() -> None:
    assert judged(daily(9)) == quality.Quality("good", "complete and moving")
    assert quality.judge(frame(daily(9, timedelta(hours=1)), timedelta(hours=1)), HOURLY).state == "good"


def test_a_young_series_is_judged_by_what_there_is() -> None:
    assert judged(daily(0.5)).state == "good"


def test_less_than_half_of_the_last_day_is_incomplete() -> None:
    y = daily(9)
    y[-80:-31] = np.nan
    found = judged(y)
    assert found.state == "incomplete"
    assert found.reason == "49% of the last 24 h were measured"
    assert found.since == START + QUARTER * (9 * DAY - 80)
    y[-80] = 5e5
    assert judged(y).state == "good"


def test_less_than_half_of_the_context_is_incomplete() -> None:
    y = daily(9)
    y[-6 * DAY : -2 * DAY] = np.nan
    found = judged(y)
    assert found.state == "incomplete"
    assert found.reason == "43% of the last 7 days were measured"


def test_nothing_for_more_than_three_hours_is_stale() -> None:
    y = daily(9)
    y[-12:] = np.nan
    assert judged(y).state == "good"
    y[-13:] = np.nan
    found = judged(y)
    assert found.state == "stale"
    assert found.since == START + QUARTER * (9 * DAY - 13)
    assert found.said == "no readings since 2026-01-13 20:45 UTC"


def test_a_stuck_meter_is_flat_and_a_gap_in_between_does_not_hide_it() -> None:
    y = daily(9)
    y[-20:] = y[-21]
    y[-10:-8] = np.nan
    found = judged(y)
    assert found.state == "flat"
    assert found.since == START + QUARTER * (9 * DAY - 21)
    y = daily(9)
    y[-10:] = y[-11]
    assert judged(y).state == "good"


@pytest.mark.parametrize("extra_h", [0, 3])
def test_a_series_that_stands_still_every_night_is_good_at_night(extra_h: int) -> None:
    y = night_off(9)[: 8 * DAY + (6 + extra_h) * 4]
    y[8 * DAY + 24 :] = 4e5
    assert judged(y).state == "good"


def test_and_flat_when_a_night_does_not_end() -> None:
    y = night_off(9)
    y[8 * DAY :] = 4e5
    found = judged(y)
    assert found.state == "flat"
    assert found.since == START + timedelta(days=7, hours=22)


def test_one_earlier_failure_does_not_hide_the_next() -> None:
    y = daily(9)
    y[3 * DAY : 3 * DAY + 40] = y[3 * DAY]
    y[-20:] = y[-21]
    assert judged(y).state == "flat"


def test_all_constant_is_flat() -> None:
    assert judged(np.full(5 * DAY, 5e5)).state == "flat"
    assert judged(np.zeros(5 * DAY)).state == "flat"


@given(st.lists(st.sampled_from([0.0, 1.0, 2.0]), min_size=1))
def test_stretches_add_up_and_are_as_counted(values: list[float]) -> None:
    lengths = quality.constant_stretches(np.array(values))
    assert lengths.sum() == len(values)
    assert len(lengths) == 1 + sum(a != b for a, b in itertools.pairwise(values))


@given(st.integers(1, 9 * DAY), st.integers(0, 9 * DAY), st.booleans())
def test_any_gap_is_judged_without_failing(start: int, length: int, constant: bool) -> None:
    y = np.full(9 * DAY, 5e5) if constant else daily(9)
    y[start : start + length] = np.nan
    assert judged(y).state in {"good", "incomplete", "flat", "stale"}
