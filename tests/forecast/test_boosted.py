"""LightGBM as a rival: quantiles in order, the season learnt, covariates by their change over 24 h."""

from __future__ import annotations

import json
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from made_series import daily, frame

pytest.importorskip("lightgbm")
from core.errors import NotReadyError
from forecast.frames import nothing_known
from forecast.models import boosted
from forecast.models.boosted import Boosted, BoostedDifference
from forecast.protocol import FORECAST_COLUMNS, QUANTILE_NAMES, Forecaster, Task

HOUR = timedelta(hours=1)
TASK = Task("it_power", 3600, 6)
BOTH = pytest.mark.parametrize("kind", [Boosted, BoostedDifference])


@pytest.fixture(autouse=True)
def _few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boosted, "ROUNDS", 60)


def test_four_quantiles_are_laid_as_a_normal_distributions() -> None:
    made = boosted.spread(np.array([[-1.2816, 0.0, 2 * 1.2816], [5.0, 5.0, 5.0]]))
    assert made[0] == pytest.approx([-1.6449, -1.2816, -0.6745, 0, 2 * 0.6745, 2 * 1.2816, 2 * 1.6449])
    assert made[1].tolist() == [5.0] * 7


@BOTH
def test_it_learns_the_day_and_says_it_in_order(kind: type[Boosted]) -> None:
    history = frame(daily(50, HOUR), HOUR)
    past, model = history.iloc[: 24 * 49 + 7], kind(TASK)
    model.fit(past, nothing_known())
    made = model.predict(past, nothing_known())
    assert isinstance(model, Forecaster)
    assert tuple(made.columns) == FORECAST_COLUMNS
    assert set(made["model"]) == {model.name}
    assert made["valid_at"].iloc[0] == past["valid_at"].iloc[-1] + HOUR
    assert (np.diff(made[list(QUANTILE_NAMES)].to_numpy(), axis=1) >= 0).all()
    # the noise alone is 8 kW on average
    assert np.abs(made["q50"].to_numpy() - history["y"].to_numpy()[len(past) :][:6]).mean() < 2e4
    assert json.loads(json.dumps(model.card()))["model"] == model.name


def test_a_change_of_a_covariate_is_used() -> None:
    hours = np.arange(24 * 60)
    temperature = np.random.default_rng(4).uniform(10, 30, 60).repeat(24)
    y = daily(60, HOUR) + 1e4 * temperature
    times = pd.date_range("2026-01-05", periods=len(hours), freq="h", tz="UTC")
    known = pd.DataFrame({"valid_at": times, "dry_bulb_c": temperature})
    errors = []
    for model in (BoostedDifference(TASK), BoostedDifference(TASK, ("dry_bulb_c",))):
        history = frame(y, HOUR)
        model.fit(history.iloc[: 24 * 50], known)
        at = range(24 * 50, 24 * 59, 24)
        made = [model.predict(history.iloc[:i], known)["q50"].to_numpy() - y[i : i + 6] for i in at]
        errors.append(np.abs(made).mean())
    assert errors[1] < 0.6 * errors[0]


@BOTH
def test_too_little_history_is_said(kind: type[Boosted]) -> None:
    with pytest.raises(NotReadyError, match=r"needs 672 h of history and has 480\.0 h"):
        kind(TASK).fit(frame(daily(20, HOUR), HOUR), nothing_known())
    with pytest.raises(NotReadyError, match="not been trained"):
        kind(TASK).predict(frame(daily(20, HOUR), HOUR), nothing_known())
