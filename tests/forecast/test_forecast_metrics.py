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
