"""Nothing from after the origin gets into a forecast, a training or a score, and the guards can tell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from made_series import START, daily, frame, small

from forecast import backtest, features, frames, metrics, windows
from forecast.features import CANDIDATES, Candidate
from forecast.frames import nothing_known
from forecast.models.lstm import LstmForecaster
from forecast.models.persistence import Persistence
from forecast.protocol import QUANTILES, Task
from forecast.windows import WindowSpec

if TYPE_CHECKING:
    from core.series import Floats

HOUR = timedelta(hours=1)
DAYS = 34
COVARIATES = ("dry_bulb_c", "wet_bulb_c", "booked_gpu_kw")
GRIDS = {"15 min, 24 h": Task(), "hourly, 7 days": Task(step_s=3600, horizon_steps=168)}
INPUTS = ("encoder", "decoder", "level", "scale")
DAY_AHEAD = Task(step_s=3600, horizon_steps=24)


def told(days: float) -> pd.DataFrame:
    """Covariates, each hour's word known half a day before it."""
    times = pd.date_range(START, periods=round(24 * days), freq="h")
    walk = np.random.default_rng(2).standard_normal((len(times), 3)).cumsum(axis=0)
    known = pd.DataFrame(walk, columns=list(COVARIATES))
    return known.assign(valid_at=times, available_at=times - 12 * HOUR)


def after(known: pd.DataFrame, origin: pd.Timestamp) -> pd.DataFrame:
    """The same as far as it was known at the origin; all later words are others, and there are more."""
    late = known["available_at"] > origin
    changed = known.copy()
    changed.loc[late, list(COVARIATES)] = 40.0 - 2.0 * known.loc[late, list(COVARIATES)]
    again = known.assign(available_at=origin + HOUR, **dict.fromkeys(COVARIATES, 77.0))
    return pd.concat([changed, again], ignore_index=True)


def changed_by_the_future(task: Task, candidates: tuple[str, ...]) -> list[str]:
    """The guard: inputs of the windows at some origins that change when all that comes after them does."""
    spec = WindowSpec(task, 48, candidates, COVARIATES, (5.0, 5.0, 5.0))
    y, known, found = daily(DAYS + 8, task.step), told(DAYS + 8), set()
    for at in (DAYS * task.steps_per_day, (DAYS - 1) * task.steps_per_day + 7 * task.steps_per_hour):
        gap = slice(at - 2 * task.steps_per_hour, at + 3)  # it is filled; not from its other end
        seen = y.copy()
        seen[gap] = np.nan
        other = seen.copy()
        other[at:] = np.random.default_rng(5).uniform(0, 1e6, len(y) - at)
        origin = pd.Timestamp(START) + at * task.step
        cuts = [
            windows.windows(
                frames.prepare(frame(values, task.step), words, task, COVARIATES), np.array([at]), spec
            )
            for values, words in ((seen, known), (other, after(known, origin)))
        ]
        found |= {n for n in INPUTS if not np.array_equal(getattr(cuts[0], n), getattr(cuts[1], n))}
    return sorted(found)


def looked_at(name: str, step_s: int, extra_h: int, horizon: int) -> Floats:
    """(l, horizon) how much each of the values before an origin counts in a candidate's forecast [1]."""
    length = (CANDIDATES[name].lookback_h + extra_h) * 3600 // step_s
    return features.candidate_values(np.eye(length), horizon, step_s, name)


def strays(name: str, step_s: int = 3600, horizon: int = 168) -> bool:
    """The guard of a candidate: whether it looks at anything but the time before the origin that it names.

    It is handed values before the origin only; a position at or after it would be counted from their start.
    """
    reach, weights = CANDIDATES[name].lookback_h * 3600 // step_s, looked_at(name, step_s, 400, horizon)
    return bool((weights[: len(weights) - reach] != 0).any()) or not np.allclose(weights.sum(axis=0), 1.0)


@pytest.mark.parametrize("grid", GRIDS)
def test_the_future_changes_no_input(grid: str) -> None:
    assert changed_by_the_future(GRIDS[grid], tuple(CANDIDATES)) == []


@pytest.mark.parametrize("name", CANDIDATES)
@pytest.mark.parametrize("step_s", [900, 3600])
def test_a_candidate_looks_back_as_far_as_it_says_and_never_ahead(name: str, step_s: int) -> None:
    assert not strays(name, step_s, 168 * 3600 // step_s if step_s == 3600 else 96)


def test_a_candidate_that_looks_ahead_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CANDIDATES, "day0", Candidate("like today", 24, first=0))
    monkeypatch.setitem(CANDIDATES, "mixed", Candidate("like today and yesterday", 24, first=0, count=2))
    assert strays("day0")
    assert strays("mixed")


def test_a_gap_filled_from_its_other_end_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def between(y: Floats, observed: Floats, step_s: int) -> Floats:
        del step_s
        return np.asarray(pd.Series(np.where(observed, y, np.nan)).interpolate(limit_direction="both"))

    monkeypatch.setattr(features, "fill", between)
    assert "encoder" in changed_by_the_future(GRIDS["15 min, 24 h"], ("last", "day1"))


def test_covariates_without_their_time_of_availability_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    table = frames.known_table
    monkeypatch.setattr(
        frames, "known_table", lambda known, *rest: table(known.drop(columns="available_at"), *rest)
    )
    assert changed_by_the_future(GRIDS["15 min, 24 h"], ("last", "day1")) == ["decoder", "encoder"]


def fitted(history: pd.DataFrame, known: pd.DataFrame, steps: int = 6) -> LstmForecaster:
    model = LstmForecaster(DAY_AHEAD, replace(small(DAY_AHEAD, len(history)), max_steps=steps))
    model.fit(history, known)
    return model


def test_what_becomes_known_after_the_origin_changes_no_forecast() -> None:
    history, known = frame(daily(12, HOUR), HOUR), told(14)
    origin = history["valid_at"].iloc[-1] + HOUR
    model = fitted(history, known)
    assert model.spec.covariates == COVARIATES
    one, other = (model.predict(history, words) for words in (known, after(known, origin)))
    pd.testing.assert_frame_equal(one, other, check_exact=True)
    assert one.attrs == other.attrs
    assert model.drivers(history, known) == model.drivers(history, after(known, origin))
    sooner = known.assign(dry_bulb_c=known["dry_bulb_c"] * np.arange(len(known)) % 7)
    assert not one["q50"].equals(model.predict(history, sooner)["q50"]), "what was known counts"


def test_what_becomes_known_later_changes_no_training() -> None:
    history, known = frame(daily(12, HOUR), HOUR), told(14)
    later = after(known, history["valid_at"].iloc[-1] + HOUR)
    models = [fitted(history, words) for words in (known, later)]
    assert models[0].config == models[1].config
    assert models[0].weights() == models[1].weights()


def test_filled_steps_teach_nothing() -> None:
    history = frame(daily(9, HOUR), HOUR)
    history.loc[120:150, "observed"] = False
    nonsense = history.assign(y=history["y"].where(history["observed"], 9e9))
    weights = [fitted(h, nothing_known()).weights() for h in (history, nonsense)]
    assert weights[0] == weights[1]
    prepared = frames.prepare(nonsense, nothing_known(), DAY_AHEAD)
    spec = WindowSpec(DAY_AHEAD, 48, ("last", "day1"))
    cut = windows.windows(prepared, np.arange(100, 160), spec)
    steps = np.arange(100, 160)[:, None] + np.arange(24)
    assert (cut.mask == ((steps < 120) | (steps > 150))).all()
    assert (cut.target[~cut.mask] == 0).all()


def test_a_backtest_scores_no_filled_step() -> None:
    history = frame(daily(9, HOUR), HOUR)
    history.loc[150:160, "observed"] = False
    history.loc[150:160, "y"] = 9e9
    rolled = backtest.rolling(Persistence(DAY_AHEAD), history, nothing_known(), [144])
    assert rolled["y"].isna().tolist() == [6 <= step <= 16 for step in range(24)]
    assert backtest.judge(rolled, 1.0).n == 13
    assert backtest.judge(rolled, 1.0).mae < 1e6


def loss_ratio(y: Floats) -> float:
    """Pinball loss of a trained LSTM over that of always saying the training's quantiles [1]."""
    split, history = 40 * 24, frame(y, HOUR)
    model = fitted(history.iloc[:split], nothing_known(), steps=80)
    at = range(split, len(y) - 23, 12)
    rolled = backtest.rolling(model, history, nothing_known(), at)
    truth = rolled["y"].to_numpy()
    level = np.tile(np.quantile(y[:split], QUANTILES), (len(truth), 1))
    ours, plain = (metrics.pinball(truth, q).mean() for q in (backtest.quantile_array(rolled), level))
    return float(ours / plain)


def test_a_shuffled_target_gives_no_skill() -> None:
    y = daily(70, HOUR)
    assert loss_ratio(y) < 0.5, "as it is there is something to learn"
    assert loss_ratio(np.random.default_rng(4).permutation(y)) > 0.98


def test_the_same_seed_gives_the_same_figures_in_another_process() -> None:
    code = (
        "from made_series import *\n"
        "from forecast.models.lstm import LstmForecaster\n"
        "from forecast.protocol import QUANTILE_NAMES, Task\n"
        "from forecast.frames import nothing_known\n"
        "task = Task(step_s=3600, horizon_steps=24)\n"
        "past = frame(daily(9, task.step), task.step)\n"
        "m = LstmForecaster(task, small(task, 216))\n"
        "m.fit(past, nothing_known())\n"
        "print(m.predict(past, nothing_known())[list(QUANTILE_NAMES)].to_numpy().tolist())\n"
    )
    root = Path(__file__).parents[2]
    path = os.pathsep.join((str(root), str(root / "tests" / "forecast")))
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            env={"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "PATH": "", "PYTHONHASHSEED": hash_seed},
            stdout=subprocess.PIPE,
            text=True,
        )
        for hash_seed in ("1", "2")
    ]
    said = [process.communicate()[0] for process in started]
    one, two = (np.array(json.loads(text)) for text in said)
    assert one.shape == (24, 7)
    assert two == pytest.approx(one, rel=1e-6)
