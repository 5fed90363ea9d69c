"""Who stays in force: the rule by table, and the difference by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from made_series import START

from forecast import contest
from forecast.contest import Difference, compare, decide
from forecast.protocol import QUANTILE_NAMES

if TYPE_CHECKING:
    from core.series import Floats

YOUNG, AGED = timedelta(days=3), timedelta(days=9)
INF = float("inf")


@pytest.mark.parametrize(
    ("mean", "low", "high", "age", "promoted", "words"),
    [
        (-0.10, -0.15, -0.05, YOUNG, True, "10.0 % below the champion's"),
        (-0.01, -0.05, 0.03, YOUNG, True, "not worse"),
        (0.0, 0.0, 0.0, YOUNG, True, "not worse"),
        (0.01, 0.005, 0.015, YOUNG, True, "worse by 2 % at most"),
        (0.01, -0.03, 0.05, YOUNG, False, "only 3 days old"),
        (0.01, -0.03, 0.05, AGED, True, "9 days old"),
        (0.015, 0.001, 0.03, YOUNG, False, "clearly worse"),
        (0.015, 0.001, 0.03, AGED, True, "not clearly worse"),
        (0.10, 0.05, 0.15, YOUNG, False, "clearly worse"),
        (0.10, 0.05, 0.15, AGED, False, "90 % interval +5.0 to +15.0 %"),
        (0.10, -INF, INF, YOUNG, False, "no better"),
        (0.10, -INF, INF, AGED, True, "not clearly worse"),
        (-0.10, -INF, INF, YOUNG, True, "not worse"),
    ],
)
def test_who_stays(
    mean: float, low: float, high: float, age: timedelta, *, promoted: bool, words: str
) -> None:
    found, reason = decide(Difference(mean, low, high, days=12), age)
    assert found == promoted
    assert words in reason


def test_few_days_and_a_champion_that_has_seen_them_are_said() -> None:
    _, reason = decide(Difference(0.1, -INF, INF, days=2, seen=True), YOUNG)
    assert "2 days are too few" in reason
    assert "has learnt from" in reason


def rolled(errors: Floats) -> pd.DataFrame:
    """One forecast of two steps at noon of each day, every quantile off by so much of 100 kW."""
    days = np.repeat(np.arange(len(errors)), 2)
    issued = pd.DatetimeIndex([START + timedelta(days=int(day), hours=12) for day in days])
    frame = pd.DataFrame({name: 1e5 + np.repeat(errors, 2) for name in QUANTILE_NAMES})
    return frame.assign(issued_at=issued, y=1e5)


def test_the_difference_is_a_share_of_the_champions_loss() -> None:
    found = compare(rolled(np.full(12, 1100.0)), rolled(np.full(12, 1000.0)), START)
    assert found.mean == pytest.approx(0.1)
    assert (found.low, found.high) == pytest.approx((0.1, 0.1))
    assert (found.days, found.seen) == (12, False)


def test_an_unsure_difference_has_an_interval_around_zero() -> None:
    swings = np.tile([2000.0, 500.0, 1000.0], 4)
    found = compare(rolled(swings), rolled(np.full(12, 1000.0)), START)
    assert found.mean == pytest.approx(1 / 6)
    assert found.low < found.mean < found.high


def test_only_days_are_compared_that_the_champion_has_not_seen() -> None:
    ours = np.where(np.arange(12) < 6, 5000.0, 900.0)
    theirs = np.full(12, 1000.0)
    found = compare(rolled(ours), rolled(theirs), START + timedelta(days=6))
    assert found.mean == pytest.approx(-0.1)
    assert (found.days, found.seen) == (6, False)
    found = compare(rolled(ours), rolled(theirs), START + timedelta(days=10))
    assert (found.days, found.seen) == (12, True)


def test_hours_that_were_not_measured_do_not_count() -> None:
    ours, theirs = rolled(np.full(6, 1000.0)), rolled(np.full(6, 1000.0))
    ours.loc[0, [*QUANTILE_NAMES]] = 9e9
    for made in (ours, theirs):
        made.loc[0, "y"] = np.nan
    assert compare(ours, theirs, START).mean == pytest.approx(0.0)


def test_two_days_have_no_interval() -> None:
    found = compare(rolled(np.full(2, 1100.0)), rolled(np.full(2, 1000.0)), START)
    assert (found.low, found.high, found.days) == (-INF, INF, 2)


def test_a_champion_that_has_learnt_from_the_days_is_judged_by_its_own_record() -> None:
    assert contest.by_record(0.65, 0.60)[0]
    promoted, reason = contest.by_record(0.67, 0.60)
    assert not promoted
    assert "0.67 times the seasonal naive's loss against the champion's 0.60" in reason
