"""Implausible values are marked and kept; impossible ones are refused with a reason."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.points import CATALOGUE, Status
from ingest.codec import Decoded, Rejected
from ingest.quality import TimeLimits, check, mark

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
INLET = CATALOGUE["inlet_temperature"]


def judged(value: float = 20.0, time: datetime = NOW, status: int = 0) -> Decoded | Rejected:
    return check(Decoded("rack-1", "inlet_temperature", time, value, status), NOW, TimeLimits())


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_exactly_the_values_out_of_range_are_marked(value: float) -> None:
    found = judged(value)
    assert isinstance(found, Decoded)
    assert found.value == value
    assert (found.status == Status.BAD_OUT_OF_RANGE) == (not INLET.low <= value <= INLET.high)


def test_a_worse_mark_of_the_device_stays() -> None:
    assert mark(INLET, 1000.0, Status.BAD_SENSOR_FAILURE) == Status.BAD_SENSOR_FAILURE
    assert mark(INLET, 20.0, Status.UNCERTAIN) == Status.UNCERTAIN


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused(value: float) -> None:
    found = judged(value)
    assert isinstance(found, Rejected)
    assert "finite" in found.reason


@pytest.mark.parametrize(
    ("time", "word"),
    [
        (NOW + timedelta(minutes=5, seconds=1), "future"),
        (datetime(9999, 12, 31, tzinfo=UTC), "future"),
        (datetime(1970, 1, 1, tzinfo=UTC), "before 2000"),
    ],
)
def test_unbelievable_times_are_refused(time: datetime, word: str) -> None:
    found = judged(time=time)
    assert isinstance(found, Rejected)
    assert word in found.reason


@pytest.mark.parametrize("time", [NOW + timedelta(minutes=5), datetime(2022, 10, 6, tzinfo=UTC)])
def test_history_and_a_clock_a_little_fast_are_believed(time: datetime) -> None:
    assert isinstance(judged(time=time), Decoded)


def test_the_limits_can_be_changed() -> None:
    limits = TimeLimits(oldest=NOW - timedelta(days=90))
    old = Decoded("rack-1", "inlet_temperature", NOW - timedelta(days=91), 20.0, 0)
    assert isinstance(check(old, NOW, limits), Rejected)
