"""One contract for every forecaster."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from made_series import START, daily, frame, small

from core.errors import InputError, NotReadyError
from forecast import members, registry
from forecast.frames import nothing_known
from forecast.models.lstm import LstmForecaster
from forecast.models.statistical import Mstl
from forecast.protocol import FORECAST_COLUMNS, QUANTILE_NAMES, Forecaster, Task

if TYPE_CHECKING:
    from collections.abc import Callable

GRIDS = {
    "15 min, 24 h": Task("it_power", 900, 96, "Europe/Amsterdam"),
    "hourly, 24 h": Task("cooling_power", 3600, 24),
    "hourly, 72 h": Task("it_power", 3600, 72),
}
DAYS = 9
NAMES = (*members.UNTRAINED, registry.LEARNED)


def made(name: str, task: Task) -> Forecaster:
    if name == registry.LEARNED:
        return LstmForecaster(task, small(task, 24 * DAYS))
    return members.UNTRAINED[name](task)


@pytest.fixture(scope="module")
def fitted() -> Callable[[str, str], Forecaster]:
    kept: dict[tuple[str, str], Forecaster] = {}

    def of(name: str, grid: str) -> Forecaster:
        if (name, grid) not in kept:
            model = made(name, GRIDS[grid])
            model.fit(history(GRIDS[grid]), nothing_known())
            kept[name, grid] = model
        return kept[name, grid]

    return of


def history(task: Task, days: float = DAYS, seed: int = 0) -> pd.DataFrame:
    return frame(daily(days, task.step, seed=seed), task.step)


every = pytest.mark.parametrize("name", NAMES)
grids = pytest.mark.parametrize("grid", GRIDS)


@every
@grids
def test_a_forecast_is_whole_and_in_order(
    name: str, grid: str, fitted: Callable[[str, str], Forecaster]
) -> None:
    task, model = GRIDS[grid], fitted(name, grid)
    past = history(task, seed=7)
    made_now = model.predict(past, nothing_known())
    assert isinstance(model, Forecaster)
    assert tuple(made_now.columns) == FORECAST_COLUMNS
    assert len(made_now) == task.horizon_steps
    end = past["valid_at"].iloc[-1] + pd.Timedelta(seconds=task.step_s)
    assert (made_now["issued_at"] == end).all()
    assert made_now["valid_at"].iloc[0] == end
    assert set(made_now["valid_at"].diff().dropna()) == {pd.Timedelta(seconds=task.step_s)}
    assert set(made_now["target"]) == {task.target}
    assert set(made_now["model"]) == {model.name} == {name}
    quantiles = made_now[list(QUANTILE_NAMES)].to_numpy()
    assert np.isfinite(quantiles).all()
    assert (np.diff(quantiles, axis=1) >= 0).all()


@every
def test_quantiles_never_cross_whatever_the_series(
    name: str, fitted: Callable[[str, str], Forecaster]
) -> None:
    model, random = fitted(name, "hourly, 24 h"), np.random.default_rng(3)
    series = [
        random.uniform(0, 1e6, 24 * DAYS),
        np.full(24 * DAYS, 3e5),
        np.zeros(24 * DAYS),
        1e5 * random.standard_cauchy(24 * DAYS),
        np.where(random.uniform(size=24 * DAYS) < 0.4, np.nan, daily(DAYS, timedelta(hours=1))),
    ]
    for y in series:
        past = frame(y, timedelta(hours=1))
        if name == Mstl.name and np.ptp(y) == 0:
            with pytest.raises(NotReadyError, match="needs a series that varies"):
                model.predict(past, nothing_known())
            continue
        quantiles = model.predict(past, nothing_known())[list(QUANTILE_NAMES)]
        assert np.isfinite(quantiles.to_numpy()).all()
        assert (np.diff(quantiles.to_numpy(), axis=1) >= 0).all()


@every
def test_a_forecast_scales_with_its_series(name: str, fitted: Callable[[str, str], Forecaster]) -> None:
    model, past = fitted(name, "15 min, 24 h"), history(GRIDS["15 min, 24 h"])
    larger = past.assign(y=2 * past["y"] + 3e5)
    one, other = (model.predict(h, nothing_known())[list(QUANTILE_NAMES)] for h in (past, larger))
    assert other.to_numpy() == pytest.approx(2 * one.to_numpy() + 3e5, rel=1e-5)


@every
def test_what_was_filled_in_by_others_is_not_looked_at(
    name: str, fitted: Callable[[str, str], Forecaster]
) -> None:
    model, past = fitted(name, "15 min, 24 h"), history(GRIDS["15 min, 24 h"])
    past.loc[700:760, "observed"] = False
    other = past.copy()
    other.loc[700:760, "y"] = 9e9
    one, two = (model.predict(h, nothing_known())["q50"].to_numpy() for h in (past, other))
    assert one.tolist() == two.tolist()


@every
def test_the_card_is_json(name: str, fitted: Callable[[str, str], Forecaster]) -> None:
    card = json.loads(json.dumps(fitted(name, "15 min, 24 h").card()))
    assert card["model"] == name
    assert card["task"]["step_s"] == 900


@every
def test_too_little_history_is_said(name: str) -> None:
    task = GRIDS["15 min, 24 h"]
    model = made(name, task)
    with pytest.raises(NotReadyError, match=r"needs \d+ h|not been trained"):
        model.predict(history(task, 0.05), nothing_known())


@every
def test_duplicate_times_are_refused(name: str, fitted: Callable[[str, str], Forecaster]) -> None:
    past = history(GRIDS["15 min, 24 h"])
    with pytest.raises(InputError, match="a time twice"):
        fitted(name, "15 min, 24 h").predict(pd.concat([past, past.iloc[-1:]]), nothing_known())


def test_persistence_goes_on_and_seasonal_naive_repeats() -> None:
    task = GRIDS["hourly, 24 h"]
    past = frame(np.arange(24.0 * 4), task.step)
    persistence, seasonal = (
        registry.NAIVE[name](task).predict(past, nothing_known())
        for name in ("persistence", "seasonal_naive")
    )
    assert persistence["q50"].tolist() == [95.0] * 24
    assert seasonal["q50"].tolist() == list(range(72, 96))
    # the series always rises: 24 a day for the one, its lead for the other, and no spread around that
    assert seasonal["q95"].tolist() == [v + 24 for v in range(72, 96)]
    assert persistence["q95"].tolist() == [95.0 + lead for lead in range(1, 25)]
    assert (persistence["q05"] == 95).all()


def test_bands_of_the_naive_ones_cover_what_they_say() -> None:
    task = GRIDS["hourly, 24 h"]
    noise = frame(5e5 + 1e4 * np.random.default_rng(1).standard_normal(24 * 60), task.step)
    for model in (make(task) for make in registry.NAIVE.values()):
        inside = []
        for end in range(24 * 30, 24 * 59, 17):
            made_then = model.predict(noise.iloc[:end], nothing_known())
            truth = noise["y"].to_numpy()[end : end + 24]
            inside.append(((truth >= made_then["q10"]) & (truth <= made_then["q90"])).mean())
        assert 0.74 < float(np.mean(inside)) < 0.86


def test_a_history_of_another_step_is_refused() -> None:
    with pytest.raises(InputError, match="every 900 s"):
        registry.NAIVE["persistence"](GRIDS["15 min, 24 h"]).predict(
            frame(daily(3, timedelta(hours=1)), timedelta(hours=1)), nothing_known()
        )
    assert START.tzinfo is not None
