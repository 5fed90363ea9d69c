"""Members and their mean, by hand and for any input."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from forecast import ensemble
from forecast.frames import forecast_frame
from forecast.protocol import QUANTILE_NAMES, Task

if TYPE_CHECKING:
    import pandas as pd

TASK = Task(horizon_steps=4)
AT = datetime(2026, 3, 2, tzinfo=UTC)
STEPS_UP = np.arange(7.0)


def made(name: str, level: float, issued_at: datetime = AT) -> pd.DataFrame:
    return forecast_frame(TASK, name, issued_at, level + np.tile(STEPS_UP, (4, 1)))


def test_members_within_a_tenth_of_the_best_count() -> None:
    losses = {"lstm": 10.0, "mstl": 11.0, "seasonal_naive": 11.01}
    assert ensemble.members(losses, tuple(losses)) == ("lstm", "mstl")


def test_a_yardstick_counts_only_where_it_beats_the_others_clearly() -> None:
    assert ensemble.members({"lstm": 10.0, "seasonal_naive": 9.2}, ("lstm", "seasonal_naive")) == ("lstm",)
    assert ensemble.members({"lstm": 10.0, "seasonal_naive": 9.0}, ("lstm", "seasonal_naive")) == (
        "seasonal_naive",
    )
    assert ensemble.members({}, ("seasonal_naive", "persistence")) == ("seasonal_naive", "persistence")


def test_a_member_that_cannot_forecast_sets_no_bar() -> None:
    losses = {"lstm": 1.0, "mstl": 11.0, "auto_ets": 12.0}
    assert ensemble.members(losses, ("mstl", "auto_ets")) == ("mstl", "auto_ets")


def test_all_count_while_none_has_been_scored_and_an_unscored_one_does_not_later() -> None:
    assert ensemble.members({}, ("lstm", "mstl", "seasonal_naive")) == ("lstm", "mstl")
    assert ensemble.members({"lstm": float("nan")}, ("lstm", "mstl")) == ("lstm", "mstl")
    assert ensemble.members({"mstl": 5.0}, ("lstm", "mstl")) == ("mstl",)


@given(st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 1e9), min_size=1))
def test_the_best_is_always_a_member(losses: dict[str, float]) -> None:
    chosen = ensemble.members(losses, tuple(losses))
    assert min(losses, key=lambda name: losses[name]) in chosen


def test_the_mean_has_equal_weights_and_keeps_the_steps() -> None:
    both = ensemble.combine([made("lstm", 100.0), made("mstl", 300.0)])
    assert both["q50"].tolist() == [203.0] * 4
    assert (np.diff(both[list(QUANTILE_NAMES)], axis=1) == 1.0).all()
    assert set(both["model"]) == {"ensemble"}
    assert both["valid_at"].tolist() == made("x", 0)["valid_at"].tolist()


def test_different_steps_are_refused() -> None:
    with pytest.raises(InputError, match="different steps"):
        ensemble.combine([made("lstm", 1.0), made("mstl", 1.0, AT + timedelta(hours=1))])
    with pytest.raises(InputError, match="no forecast"):
        ensemble.combine([])
