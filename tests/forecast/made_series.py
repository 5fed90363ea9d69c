"""Made series for the forecasters: every one says what it is made of."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from forecast.models.lstm_config import LstmConfig

if TYPE_CHECKING:
    from core.series import Floats
    from forecast.protocol import Task

START = datetime(2026, 1, 5, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def frame(y: Floats, step: timedelta = QUARTER, start: datetime = START) -> pd.DataFrame:
    """A history; NaN is not observed."""
    times = pd.date_range(start, periods=len(y), freq=step)
    return pd.DataFrame({"valid_at": times, "y": y, "observed": np.isfinite(y)})


def daily(days: float, step: timedelta = QUARTER, *, shift_at_day: float = 1e9, seed: int = 0) -> Floats:
    """500 kW, a daily wave of 100 kW, noise of 10 kW, and 80 kW more from a day on [W]."""
    hours = np.arange(round(timedelta(days=days) / step)) * (step / timedelta(hours=1))
    noise = np.random.default_rng(seed).standard_normal(len(hours))
    wave = np.sin(2 * np.pi * (hours - 8) / 24)
    return 5e5 + 1e5 * wave + 1e4 * noise + np.where(hours >= 24 * shift_at_day, 8e4, 0.0)


def small(task: Task, hours: float) -> LstmConfig:
    """A network that trains in a second or two."""
    config = LstmConfig.for_history(task.step, task.horizon, hours)
    return replace(config, hidden=12, max_steps=40, batch=32, seeds=(1,))
