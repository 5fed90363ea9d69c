"""A feed that ends early or says nothing any more: the forecast goes on without it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from made_series import START, daily, frame, small

from forecast import backtest
from forecast.frames import nothing_known
from forecast.models.lstm import LstmForecaster
from forecast.protocol import Task

HOUR = timedelta(hours=1)
DAYS = 12
TASK = Task(step_s=3600, horizon_steps=24)
END = pd.Timestamp(START) + pd.Timedelta(days=DAYS)


def weather() -> pd.DataFrame:
    """Known all along, to the end of the forecast."""
    times = pd.date_range(START, periods=24 * (DAYS + 1), freq="h")
    dry = 10.0 + np.random.default_rng(3).standard_normal(len(times)).cumsum()
    return pd.DataFrame({"valid_at": times, "dry_bulb_c": dry, "wet_bulb_c": dry - 3.0})


@pytest.fixture(scope="module")
def model() -> LstmForecaster:
    made = LstmForecaster(TASK, replace(small(TASK, 24 * DAYS), max_steps=20))
    made.fit(frame(daily(DAYS, HOUR), HOUR), weather())
    assert made.spec.covariates == ("dry_bulb_c", "wet_bulb_c")
    return made


@pytest.mark.parametrize("hours", [6, 0, -30, -24 * DAYS], ids=["ahead", "now", "before", "never"])
def test_a_forecast_goes_on_where_the_weather_ends_early(model: LstmForecaster, hours: int) -> None:
    history, known = frame(daily(DAYS, HOUR), HOUR), weather()
    short = known[known["valid_at"] < END + hours * HOUR]
    quantiles = backtest.quantile_array(model.predict(history, short))
    assert np.isfinite(quantiles).all()
    assert (np.diff(quantiles, axis=1) >= 0).all()
    whole = backtest.quantile_array(model.predict(history, known))
    assert not np.array_equal(quantiles, whole)
    blank = known.assign(dry_bulb_c=known["dry_bulb_c"].where(known["valid_at"] < END + hours * HOUR))
    assert np.array_equal(quantiles, backtest.quantile_array(model.predict(history, blank))), (
        "NaN says nothing, and half of the weather is none"
    )


def test_weather_without_a_row_and_none_at_all_are_the_same(model: LstmForecaster) -> None:
    history = frame(daily(DAYS, HOUR), HOUR)
    empty = weather().iloc[:0]
    one, other = (backtest.quantile_array(model.predict(history, k)) for k in (empty, nothing_known()))
    assert np.array_equal(one, other)
