"""Drift: found where it was made, and nowhere else."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_series import daily, frame

from forecast import drift

NOTHING = frame(np.full(4, np.nan))
GOOD = drift.Day(60.0, 100.0, 0.8)


def days(*ratios: float, inside: float = 0.8) -> list[drift.Day]:
    return [drift.Day(100.0 * ratio, 100.0, inside) for ratio in ratios]


def judged(found: list[drift.Day]) -> drift.Drift:
    return drift.judge(found, None, NOTHING)


def test_steady_skill_and_coverage_are_no_drift() -> None:
    found = judged([GOOD] * 20)
    assert found.judged
    assert found.said == ""
    assert found.skill_ratio == pytest.approx(0.6)
    assert found.coverage_ratio == pytest.approx(0.8)


def test_two_days_say_nothing() -> None:
    found = judged(days(5.0, 5.0))
    assert not found.judged
    assert found.said == ""


def test_worse_than_naive_over_a_week_is_drift() -> None:
    found = judged(days(*[0.5] * 10, *[1.1] * 7))
    assert "1.10 times the seasonal naive's over 7 days" in found.skill
    assert not judged(days(1.1, 1.1, 0.5, 0.5)).skill  # 0.8 over all of them


def test_a_rise_is_found_before_the_week_is_bad() -> None:
    steady = [0.5] * 12
    assert not judged(days(*steady)).said
    assert not judged(days(*steady, 1.0, 1.0)).said
    found = judged(days(*steady, 1.0, 1.0, 1.0))
    assert found.skill == "pinball loss against the seasonal naive's has risen, to 0.71 times"


def test_page_and_hinkley_by_hand() -> None:
    # means 0, 0, 1; deviations less 0.15: -0.15, -0.15, 1.85; sums 0, -0.15, -0.30, 1.55
    assert drift.page_hinkley(np.array([0.0, 0.0, 3.0])) == pytest.approx(1.85)
    assert drift.page_hinkley(np.array([])) == 0.0


@given(st.lists(st.floats(-0.05, 0.05), max_size=40))
def test_what_is_overlooked_never_adds_up(values: list[float]) -> None:
    assert drift.page_hinkley(np.array(values)) == pytest.approx(0.0, abs=1e-9)


def test_scatter_without_a_rise_is_seldom_taken_for_one() -> None:
    scatter = 0.2 * np.random.default_rng(1).standard_normal((300, 28))
    risen = [max(drift.page_hinkley(row[:n]) for n in range(3, 29)) > drift.RISE_LIMIT for row in scatter]
    assert np.mean(risen) < 0.02


@pytest.mark.parametrize(("inside", "said"), [(0.71, True), (0.73, False), (0.87, False), (0.89, True)])
def test_coverage_may_be_eight_points_off(inside: float, said: bool) -> None:
    found = judged(days(*[0.6] * 7, inside=inside))
    assert bool(found.coverage) is said
    assert found.coverage_ratio == pytest.approx(inside)
    assert not judged(days(*[0.6] * 6, inside=inside)).coverage


def test_days_on_which_nothing_was_served_do_not_count_for_coverage() -> None:
    found = judged([*days(*[0.6] * 7, inside=math.nan), *days(0.6, 0.6)])
    assert found.coverage_ratio is None


def test_inputs_like_those_of_the_training_are_none() -> None:
    inputs = json.loads(json.dumps(drift.reference(frame(daily(60)))))
    found = drift.judge([GOOD] * 7, inputs, frame(daily(7, seed=1)))
    assert found.said == ""
    assert found.stability_index is not None
    assert found.stability_index < 0.05


def test_a_shift_out_of_the_range_and_a_narrower_series_are_said() -> None:
    inputs = drift.reference(frame(daily(60)))
    shifted = drift.judge([], inputs, frame(daily(7) + 8e4))
    assert "outside the range" in shifted.inputs
    narrow = drift.judge([], inputs, frame(5e5 + 0.2 * (daily(7) - 5e5)))
    assert "stability index" in narrow.inputs
    assert not narrow.judged


def test_stability_index_by_hand() -> None:
    expected, actual = np.array([0.5, 0.5]), np.array([0.25, 0.75])
    by_hand = -0.25 * math.log(0.5) + 0.25 * math.log(1.5)
    assert drift.stability_index(expected, actual) == pytest.approx(by_hand)
    assert drift.stability_index(expected, np.array([1.0, 0.0])) == pytest.approx(
        0.5 * math.log(2) + (drift.SHARE_MIN - 0.5) * math.log(drift.SHARE_MIN / 0.5)
    )


def test_a_constant_training_has_a_reference_too() -> None:
    inputs = drift.reference(frame(np.full(400, 5e5)))
    assert sum(inputs["shares"]) == pytest.approx(1.0)
    assert not drift.judge([], inputs, frame(np.full(96, 5e5))).inputs
    assert drift.judge([], inputs, frame(np.full(96, 6e5))).inputs


def test_what_was_not_measured_does_not_count() -> None:
    y = daily(60)
    with_gap = np.where(np.arange(len(y)) % 5 == 0, np.nan, y)
    assert drift.reference(frame(with_gap))["high"] == np.nanmax(with_gap)
    assert drift.judge([], drift.reference(frame(y)), NOTHING).stability_index is None
