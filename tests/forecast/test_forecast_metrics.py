from __future__ import annotations

import math

import numpy as np
import pytest

from forecast import metrics

TRUTH = np.array([10.0, 20.0, 30.0])
SEVEN = np.array(
    [
        [4, 6, 8, 10, 12, 14, 16],
        [20, 21, 22, 24, 26, 28, 30],
        [10, 12, 14, 16, 18, 28, 40],
    ],
    dtype=float,
)


def test_errors_of_the_median_by_hand() -> None:
    forecast = np.array([12.0, 20.0, 26.0])
    assert metrics.mae(TRUTH, forecast) == pytest.approx((2 + 0 + 4) / 3)
    assert metrics.rmse(TRUTH, forecast) == pytest.approx(math.sqrt((4 + 0 + 16) / 3))


def test_pinball_by_hand() -> None:
    # level 0.1: above the forecast by 10 costs 1, below it by 10 costs 9
    assert metrics.pinball(np.array([20.0]), np.array([[10.0]]), (0.1,)) == pytest.approx([1.0])
    assert metrics.pinball(np.array([0.0]), np.array([[10.0]]), (0.1,)) == pytest.approx([9.0])


def test_half_the_absolute_error_is_the_medians_pinball() -> None:
    loss = metrics.pinball(TRUTH, SEVEN[:, 3:4], (0.5,))
    assert loss == pytest.approx([metrics.mae(TRUTH, SEVEN[:, 3]) / 2])


def test_weighted_quantile_loss_by_hand() -> None:
    # level 0.5 only: 2 * (0/2 + 4/2 + 14/2) / 60
    assert metrics.wql(TRUTH, SEVEN[:, 3:4], (0.5,)) == pytest.approx(18 / 60)


def test_mase_scale_skips_what_was_not_observed() -> None:
    y = np.array([1.0, 5.0, 3.0, 9.0, 100.0, 10.0])
    observed = np.array([True, True, True, True, False, True])
    # pairs two apart: (1,3), (5,9), not (3,100), (9,10)
    assert metrics.mase_scale(y, observed, 2) == pytest.approx((2 + 4 + 1) / 3)


def test_coverage_and_shares_below_by_hand() -> None:
    # of the three only 10 lies between its q10 and q90
    assert metrics.coverage(TRUTH, SEVEN[:, 1], SEVEN[:, 5]) == pytest.approx(1 / 3)
    assert metrics.at_or_below(TRUTH, SEVEN) == pytest.approx(np.array([1, 1, 1, 2, 2, 2, 3]) / 3)


def test_a_gap_is_not_scored() -> None:
    gappy = np.array([10.0, np.nan, 30.0])
    scored = metrics.score(gappy, SEVEN, scale=7.0)
    assert scored.n == 2
    assert scored.mae == pytest.approx((0 + 14) / 2)
    assert scored.mase == pytest.approx(1.0)


def test_nothing_measured_gives_no_figure() -> None:
    nothing = metrics.score(np.full(3, np.nan), SEVEN, scale=1.0)
    assert nothing.n == 0
    assert math.isnan(nothing.mae)


def test_block_bootstrap_of_equal_values_is_sure() -> None:
    assert metrics.block_bootstrap(np.full(20, -2.0), 7, 100, 1) == (-2.0, -2.0, -2.0)


def test_a_block_as_long_as_the_series_leaves_the_mean_alone() -> None:
    # a circle cut open anywhere has the same sum
    assert metrics.block_bootstrap(np.array([1.0, 2.0, 6.0]), 3, 50, 1) == pytest.approx((3.0, 3.0, 3.0))


def test_block_bootstrap_of_independent_values_has_the_normal_width() -> None:
    difference = np.random.default_rng(5).standard_normal(400)
    mean, low, high = metrics.block_bootstrap(difference, 1, 4000, 1)
    # 90 % of a normal lie within 1.645 standard errors
    half = 1.645 * difference.std() / math.sqrt(400)
    assert (mean - low, high - mean) == pytest.approx((half, half), rel=0.06)
    assert metrics.block_bootstrap(difference, 1, 4000, 1) == (mean, low, high)


def test_neighbours_that_resemble_each_other_make_it_less_sure() -> None:
    weeks = np.repeat(np.random.default_rng(5).standard_normal(40), 7)
    _, low_1, high_1 = metrics.block_bootstrap(weeks, 1, 1000, 1)
    _, low_7, high_7 = metrics.block_bootstrap(weeks, 7, 1000, 1)
    assert high_7 - low_7 > 1.8 * (high_1 - low_1)


def test_block_bootstrap_of_nothing_is_no_figure() -> None:
    assert all(math.isnan(v) for v in metrics.block_bootstrap(np.array([]), 7, 10, 1))
