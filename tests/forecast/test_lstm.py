from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from made_series import QUARTER, START, daily, frame, small

from core.errors import InputError, NotReadyError
from forecast import backtest
from forecast.frames import nothing_known
from forecast.models.lstm import LstmForecaster
from forecast.models.lstm_config import LstmConfig, config_from
from forecast.models.lstm_network import Network
from forecast.models.lstm_run import Run
from forecast.models.lstm_training import pinball_loss
from forecast.protocol import Task
from forecast.windows import WindowSpec

DAY = timedelta(days=1)


def test_five_days_give_a_short_context_and_near_candidates() -> None:
    config = LstmConfig.for_history(QUARTER, DAY, 5 * 24)
    assert 24 <= config.context_h <= 48
    assert {"day1", "level"} <= set(config.candidates)
    assert not {"week1", "mean7d", "mean4w"} & set(config.candidates)
    assert config.hidden < LstmConfig.for_history(QUARTER, DAY, 42 * 24).hidden


def test_six_weeks_give_a_week_of_context() -> None:
    config = LstmConfig.for_history(QUARTER, DAY, 42 * 24)
    assert config.context_h == 168
    assert {"day1", "day2", "week1", "mean7d"} <= set(config.candidates)
    assert config.horizon_steps == 96


def test_hourly_for_a_week_is_the_same_code() -> None:
    config = LstmConfig.for_history(timedelta(hours=1), timedelta(days=7), 70 * 24)
    assert (config.step_s, config.horizon_steps) == (3600, 168)


def test_too_little_history_says_how_much_is_needed() -> None:
    with pytest.raises(NotReadyError, match="needs 60 h of history and has 40 h"):
        LstmConfig.for_history(QUARTER, DAY, 40)


def test_the_configuration_survives_json() -> None:
    config = LstmConfig.for_history(QUARTER, DAY, 42 * 24, seeds=(1, 2))
    assert (
        config_from({k: list(v) if isinstance(v, tuple) else v for k, v in config.as_dict().items()})
        == config
    )


def test_the_loss_skips_what_was_not_measured_and_is_the_metric() -> None:
    target = torch.tensor([[1.0, 2.0, 1e6]])
    mask = torch.tensor([[1.0, 1.0, 0.0]])
    quantiles = torch.zeros(1, 3, 7)
    # every level at 0: mean of the levels (0.5) times the value
    assert float(pinball_loss(quantiles, target, mask)) == pytest.approx(0.5 * (1 + 2) / 2)


def test_quantiles_are_in_order_and_weights_add_up_whatever_the_parameters() -> None:
    spec = WindowSpec(Task(), 24, ("last", "day1"))
    for seed in range(5):
        torch.manual_seed(seed)
        network = Network(spec, 8, 0.0)
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, std=3.0)
        quantiles, weights = network(
            10 * torch.randn(4, 24, spec.encoder_size), 10 * torch.randn(4, 96, spec.decoder_size)
        )
        assert bool((quantiles.diff(dim=-1) >= 0).all())
        assert weights.sum(dim=-1).detach().numpy() == pytest.approx(np.ones((4, 96)), abs=1e-5)


def test_a_daily_pattern_with_a_level_shift_is_learnt_better_than_persistence() -> None:
    y = daily(22, shift_at_day=19.5)
    config = replace(LstmConfig.for_history(QUARTER, DAY, 18 * 24), hidden=16, max_steps=100, batch=64)
    table = backtest.backtest_series(
        frame(y), QUARTER, START + timedelta(days=18), stride=timedelta(hours=3), config=config
    )
    mae = {row["model"]: row["mae"] for row in table.to_dict("records")}
    assert mae["lstm"] < 0.5 * mae["persistence"]
    assert mae["lstm"] < mae["seasonal_naive"]
    assert len(set(table["n"])) == 1


def test_half_a_day_after_a_level_shift_it_has_recovered() -> None:
    task = Task(step_s=3600, horizon_steps=24)
    history = frame(daily(24, task.step, shift_at_day=21), task.step)
    before = history[history["valid_at"] < pd.Timestamp(START + timedelta(days=20))]
    model = LstmForecaster(task, replace(small(task, 20 * 24), max_steps=150))
    model.fit(before, nothing_known())
    at = [round((21.5 + n / 8) * 24) for n in range(4)]
    after = backtest.judge(backtest.rolling(model, history, nothing_known(), at), 1.0).mae
    assert after < 0.5 * 8e4  # the shift is of 80 kW


def test_the_same_seed_gives_the_same_figures() -> None:
    task = Task(step_s=3600, horizon_steps=24)
    past = frame(daily(9, task.step), task.step)
    made = []
    for _ in range(2):
        model = LstmForecaster(task, small(task, 9 * 24))
        model.fit(past, nothing_known())
        made.append(model.predict(past, nothing_known())["q50"].to_numpy())
    assert made[0] == pytest.approx(made[1], rel=1e-9)


def test_training_leaves_the_global_random_state_alone() -> None:
    task = Task(step_s=3600, horizon_steps=24)
    torch.manual_seed(11)
    before = torch.get_rng_state()
    model = LstmForecaster(task, replace(small(task, 9 * 24), max_steps=3))
    model.fit(frame(daily(9, task.step), task.step), nothing_known())
    assert torch.equal(before, torch.get_rng_state())


def test_a_forecast_says_what_it_is_like() -> None:
    task = Task(step_s=3600, horizon_steps=24)
    past = frame(daily(9, task.step), task.step)
    model = LstmForecaster(task, small(task, 9 * 24))
    model.fit(past, nothing_known())
    shares = model.predict(past, nothing_known()).attrs["explanation"]["leans_on"]
    assert "like yesterday" in shares
    assert sum(shares.values()) == pytest.approx(1.0, abs=0.01)


def test_what_drives_the_load_is_named() -> None:
    task, rng = Task("cooling_power", 3600, 24), np.random.default_rng(2)
    booked, wet = (np.repeat(rng.standard_normal(30) * 4, 24) for _ in range(2))
    times = pd.date_range(START, periods=24 * 30, freq="h")
    known = pd.DataFrame({"valid_at": times, "dry_bulb_c": wet + 4, "wet_bulb_c": wet, "booked_kw": booked})
    history = frame(3e5 + 2e4 * booked, task.step).iloc[: 24 * 29]
    model = LstmForecaster(task, replace(small(task, 24 * 29), hidden=24, max_steps=200, dropout=0.1))
    model.fit(history, known)
    assert model.config is not None
    assert model.config.covariates == ("dry_bulb_c", "wet_bulb_c", "booked_kw")
    shares = model.drivers(history, known)
    assert sum(shares.values()) == pytest.approx(1.0, abs=0.01)
    assert "booked_kw" in list(shares)[:2]  # beside the level of the days before
    assert shares["weather"] < 0.5 * shares["booked_kw"]
    assert model.drivers(history.iloc[-model.spec.lookback_steps :], known) == {}


def test_weather_known_ahead_helps_where_it_drives_the_load() -> None:
    task = Task("cooling_power", 3600, 24)
    hours = 24 * 30
    wet = 12 + np.repeat(np.random.default_rng(2).standard_normal(30) * 4, 24)
    times = pd.date_range(START, periods=hours, freq="h")
    known = pd.DataFrame({"valid_at": times, "dry_bulb_c": wet + 4, "wet_bulb_c": wet})
    history = frame(3e5 + 1e4 * wet, task.step)
    split = 24 * 25
    errors = []
    for weather in (known, nothing_known()):
        model = LstmForecaster(task, replace(small(task, split), hidden=24, max_steps=200, dropout=0.1))
        model.fit(history.iloc[:split], weather)
        made = backtest.rolling(model, history, weather, backtest.origins(history, task, times[split], DAY))
        errors.append(backtest.judge(made, 1.0).mae)
    assert errors[0] < 0.7 * errors[1]


def test_covariates_nobody_knows_ahead_are_left_out() -> None:
    task = Task(step_s=3600, horizon_steps=24)
    times = pd.date_range(START, periods=24 * 9, freq="h")
    measured_only = pd.DataFrame(
        {
            "valid_at": times,
            "available_at": times + pd.Timedelta(hours=1),
            "dry_bulb_c": 10.0,
            "wet_bulb_c": 8.0,
        }
    )
    model = LstmForecaster(task, replace(small(task, 9 * 24), max_steps=3))
    model.fit(frame(daily(9, task.step), task.step), measured_only)
    assert model.config is not None
    assert model.config.covariates == ()


def test_weights_come_back_as_they_were_and_wrong_ones_are_refused() -> None:
    task = Task(step_s=3600, horizon_steps=24)
    past = frame(daily(9, task.step), task.step)
    model = LstmForecaster(task, replace(small(task, 9 * 24), seeds=(1, 2)))
    model.fit(past, nothing_known())
    again = LstmForecaster.load(model.card(), model.weights())
    one, two = (m.predict(past, nothing_known())["q90"].to_numpy() for m in (model, again))
    assert one.tolist() == two.tolist()
    assert len(model.weights()) < 1_000_000
    with pytest.raises(InputError, match="train again"):
        LstmForecaster.load(model.card(), b"not tensors at all")
    assert again.config is not None
    other = model.card() | {"config": replace(again.config, hidden=5).as_dict()}
    with pytest.raises(InputError, match="train again"):
        LstmForecaster.load(other, model.weights())


def test_a_training_can_be_stopped() -> None:
    task, stop = Task(step_s=3600, horizon_steps=24), threading.Event()
    stop.set()
    model = LstmForecaster(task, replace(small(task, 9 * 24), max_steps=100_000), Run(stop=stop))
    with pytest.raises(NotReadyError, match="stopped"):
        model.fit(frame(daily(9, task.step), task.step), nothing_known())


def test_training_leaves_no_litter_and_says_nothing(tmp_path: Path) -> None:
    code = (
        "from made_series import *\n"
        "from forecast.models.lstm import LstmForecaster\n"
        "from forecast.protocol import Task\n"
        "from forecast.frames import nothing_known\n"
        "task = Task(step_s=3600, horizon_steps=24)\n"
        "m = LstmForecaster(task, replace(small(task, 216), max_steps=5))\n"
        "m.fit(frame(daily(9, task.step), task.step), nothing_known())\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{root}:{root}/tests/forecast", "OMP_NUM_THREADS": "1", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []
