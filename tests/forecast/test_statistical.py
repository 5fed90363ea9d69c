"""MSTL, AutoETS and the weekly naive: whole, in order, better than naive where there is a season to find."""

from __future__ import annotations

import builtins
import json
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from made_series import daily, frame

from core.errors import InputError, NotReadyError
from forecast.frames import nothing_known
from forecast.models.seasonal_naive import SeasonalNaive, SeasonalNaive168
from forecast.models.statistical import AutoEts, Mstl
from forecast.protocol import FORECAST_COLUMNS, QUANTILE_NAMES, Forecaster, Task

if TYPE_CHECKING:
    import pandas as pd

HOUR = timedelta(hours=1)
HOURLY = Task("it_power", 3600, 24)
QUARTERS = Task("it_power", 900, 96)


def weekly(days: float, seed: int = 0) -> pd.DataFrame:
    """A daily wave with 150 kW less on days 6 and 7 of a week."""
    y = daily(days, HOUR, seed=seed)
    return frame(y - 1.5e5 * (np.arange(len(y)) // 24 % 7 >= 5), HOUR)


def fitted(kind: type[Mstl | AutoEts], history: pd.DataFrame) -> Forecaster:
    model = kind(HOURLY)
    model.fit(history, nothing_known())
    return model


@pytest.mark.parametrize("kind", [Mstl, AutoEts, SeasonalNaive168])
def test_a_forecast_is_whole_and_in_order(kind: type[Mstl | AutoEts]) -> None:
    past = weekly(28)
    past.loc[400:430, "y"], past.loc[400:430, "observed"] = np.nan, False
    model = fitted(kind, past)
    made = model.predict(past, nothing_known())
    assert isinstance(model, Forecaster)
    assert tuple(made.columns) == FORECAST_COLUMNS
    assert set(made["model"]) == {model.name}
    assert made["valid_at"].iloc[0] == past["valid_at"].iloc[-1] + HOUR
    assert (np.diff(made[list(QUANTILE_NAMES)].to_numpy(), axis=1) >= 0).all()
    assert json.loads(json.dumps(model.card()))["model"] == model.name


def test_mstl_knows_the_week_and_naive_does_not() -> None:
    history = weekly(36)
    past, truth = history.iloc[: 24 * 35], history["y"].to_numpy()[24 * 35 :]
    # day 35 is the first of a week; the day before it was one of the two low ones
    errors = {
        model.name: np.abs(model.predict(past, nothing_known())["q50"].to_numpy() - truth).mean()
        for model in (Mstl(HOURLY), SeasonalNaive(HOURLY), SeasonalNaive168(HOURLY))
    }
    assert errors["mstl"] < errors["seasonal_naive_168"] < 2e4
    assert errors["seasonal_naive"] > 1.3e5


def test_quantiles_lie_symmetric_and_cover_what_they_say() -> None:
    history = weekly(70, seed=2)
    y, inside = history["y"].to_numpy(), []
    for end in range(24 * 50, 24 * 69, 24 * 2 + 5):
        made = Mstl(HOURLY).predict(history.iloc[:end], nothing_known())
        spread = made[["q05", "q10", "q25", "q75", "q90", "q95"]].to_numpy() - made[["q50"]].to_numpy()
        assert spread[:, :3] == pytest.approx(-spread[:, :2:-1])
        # normal: 1.645, 1.282 and 0.674 standard deviations
        assert spread[:, 5] / spread[:, 4] == pytest.approx(np.full(24, 1.645 / 1.282), rel=1e-3)
        inside.append(((y[end : end + 24] >= made["q10"]) & (y[end : end + 24] <= made["q90"])).mean())
    assert 0.6 < float(np.mean(inside)) < 0.97


def test_less_than_two_weeks_leave_the_weekly_season_out() -> None:
    day = Mstl(HOURLY).predict(frame(daily(13, HOUR), HOUR), nothing_known())["q50"].to_numpy()
    truth = daily(14, HOUR)[-24:]
    assert np.abs(day - truth).mean() < 3e4


@pytest.mark.parametrize("kind", [Mstl, AutoEts])
def test_too_short_or_constant_is_said(kind: type[Mstl | AutoEts]) -> None:
    with pytest.raises(NotReadyError, match=r"needs 48 h of history and has 40\.0 h"):
        fitted(kind, frame(daily(40 / 24, HOUR), HOUR)).predict(
            frame(daily(40 / 24, HOUR), HOUR), nothing_known()
        )
    with pytest.raises(NotReadyError, match="needs a series that varies"):
        fitted(kind, frame(np.full(24 * 20, 3e5), HOUR)).predict(
            frame(np.full(24 * 20, 3e5), HOUR), nothing_known()
        )


def test_the_weekly_naive_needs_two_weeks() -> None:
    with pytest.raises(NotReadyError, match="needs 336 h"):
        SeasonalNaive168(HOURLY).predict(weekly(13), nothing_known())


def test_the_weekly_naive_reaches_over_more_than_a_week() -> None:
    task = Task("it_power", 3600, 200)
    past = frame(np.arange(24.0 * 30), HOUR)
    made = SeasonalNaive168(task).predict(past, nothing_known())
    last = 24 * 30
    # a week is repeated; past its end the same week again
    assert made["q50"].tolist() == [float(last - 168 + i % 168) for i in range(200)]
    # the series always rises: by 168 from one week to the next, by 336 over two
    assert (made["q95"] - made["q50"]).tolist() == [168.0] * 168 + [336.0] * 32


def test_auto_ets_is_fitted_once() -> None:
    history = weekly(20)
    with pytest.raises(NotReadyError, match="not been trained"):
        AutoEts(HOURLY).predict(history, nothing_known())
    model = fitted(AutoEts, history.iloc[: 24 * 15])
    made = [model.predict(history.iloc[:end], nothing_known())["q50"].to_numpy() for end in (400, 424)]
    assert not np.array_equal(made[0], made[1])
    assert str(model.card()["form"]).startswith("ETS(")


def test_auto_ets_refuses_a_season_that_it_would_leave_out() -> None:
    with pytest.raises(InputError, match="96 steps a day"):
        AutoEts(QUARTERS)


def test_mstl_at_15_min_stays_quick() -> None:
    history = frame(daily(60))
    Mstl(QUARTERS).predict(history, nothing_known())  # imports
    begin = time.process_time()
    made = Mstl(QUARTERS).predict(history, nothing_known())
    assert time.process_time() - begin < 4.0  # about 1.3; a busy machine takes longer
    assert len(made) == 96


def test_without_statsforecast_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    there = builtins.__import__

    def lacking(name: str, *rest: Any) -> Any:
        if name.startswith("statsforecast"):
            raise ImportError(name)
        return there(name, *rest)

    monkeypatch.setattr(builtins, "__import__", lacking)
    with pytest.raises(InputError, match=r"statsforecast: found not installed.*joulecast\[forecast\]"):
        Mstl(HOURLY).predict(weekly(20), nothing_known())


@pytest.mark.parametrize("kind", [Mstl, AutoEts])
@pytest.mark.parametrize("name", ["noise", "wild", "gaps", "spike", "step", "negative", "line"])
def test_odd_series_give_quantiles_in_order(kind: type[Mstl | AutoEts], name: str) -> None:
    random, hours = np.random.default_rng(3), np.arange(24.0 * 20)
    y = {
        "noise": random.uniform(0, 1e6, len(hours)),
        "wild": 1e5 * random.standard_cauchy(len(hours)),
        "gaps": np.where(random.uniform(size=len(hours)) < 0.4, np.nan, daily(20, HOUR)),
        "spike": np.where(hours == 470, 5.0, 0.0),
        "step": np.where(hours < 240, 3e5, 4e5),
        "negative": daily(20, HOUR) - 5e5,
        "line": hours,
    }[name]
    history = frame(y, HOUR)
    quantiles = fitted(kind, history).predict(history, nothing_known())[list(QUANTILE_NAMES)].to_numpy()
    assert np.isfinite(quantiles).all()
    assert (np.diff(quantiles, axis=1) >= 0).all()
