"""Rolling origin: what each forecaster would have said, over and over, and how good that was."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from core.errors import NotReadyError
from forecast import frames, metrics
from forecast.frames import epoch_s, nothing_known
from forecast.models.persistence import Persistence
from forecast.models.seasonal_naive import SeasonalNaive
from forecast.models.statistical import Mstl
from forecast.protocol import QUANTILE_NAMES, Forecaster, Task

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from core.series import Floats
    from forecast.features import Ints
    from forecast.models.lstm_config import LstmConfig

HORIZON: Final = timedelta(hours=24)
STRIDE: Final = timedelta(hours=1)
TABLE_COLUMNS: Final = ("model", "mae", "rmse", "mase", "wql", "cov80", "n")


def origins(history: pd.DataFrame, task: Task, first: datetime, stride: timedelta = STRIDE) -> Ints:
    """Positions at which a whole horizon of the history lies ahead.

    Args:
        history: regular.
        task: grid.
        first: time of the first origin.
        stride: from one origin to the next; rounded to whole steps.
    """
    start = int(np.searchsorted(epoch_s(history["valid_at"]), int(first.timestamp())))
    every = max(round(stride / task.step), 1)
    return np.arange(max(start, 1), len(history) - task.horizon_steps + 1, every)


def rolling(
    model: Forecaster, history: pd.DataFrame, known: pd.DataFrame, at: Sequence[int] | Ints
) -> pd.DataFrame:
    """The forecasts of a fitted model at some origins, beside the truth.

    Args:
        model: fitted; at each origin it is handed the history before it and nothing else.
        history: regular.
        known: covariates; only rows that were available at the origin count.
        at: positions of the origins.

    Returns:
        The forecast frames one below the other, with `y` [W], NaN where nothing was measured.
    """
    frames = [model.predict(history.iloc[: int(i)], known) for i in at]
    if not frames:
        raise NotReadyError("the period to test is shorter than one whole forecast")
    made = pd.concat(frames, ignore_index=True)
    truth = history["y"].where(history["observed"].astype(bool)).to_numpy(dtype=np.float64)
    steps = np.concatenate([np.arange(int(i), int(i) + len(f)) for i, f in zip(at, frames, strict=True)])
    made["y"] = np.where(steps < len(truth), truth[np.minimum(steps, len(truth) - 1)], np.nan)
    return made


def quantile_array(forecasts: pd.DataFrame) -> Floats:
    """(n, 7) quantiles of a forecast frame [W]."""
    return forecasts[list(QUANTILE_NAMES)].to_numpy(dtype=np.float64)


def season_scale(history: pd.DataFrame, task: Task) -> float:
    """MASE's scale: the 24 h seasonal naive's mean error over a history [W]."""
    y, observed = history["y"].to_numpy(dtype=np.float64), history["observed"].to_numpy(dtype=np.bool_)
    return metrics.mase_scale(y, observed & np.isfinite(y), task.steps_per_day)


def judge(forecasts: pd.DataFrame, scale: float) -> metrics.Score:
    """Figures of a frame from `rolling`."""
    return metrics.score(forecasts["y"].to_numpy(dtype=np.float64), quantile_array(forecasts), scale)


def compare(
    models: Sequence[Forecaster],
    history: pd.DataFrame,
    known: pd.DataFrame,
    task: Task,
    train_until: datetime,
    stride: timedelta = STRIDE,
) -> pd.DataFrame:
    """Fit each model on what lies before a time, roll it over what lies after; the figures side by side.

    Args:
        models: to compare.
        history: regular.
        known: covariates.
        task: grid.
        train_until: end of what may be learnt from, and the first origin.
        stride: from one origin to the next.

    Returns:
        One row a model, best MAE first: `model`, `mae`, `rmse` [W], `mase`, `wql`, `cov80` [1], `n` steps.

    Raises:
        NotReadyError: there is too little before or after that time.
    """
    frames.check_history(history, task.step_s)
    at = origins(history, task, train_until, stride)
    before = history[history["valid_at"] < pd.Timestamp(train_until)]
    scale = season_scale(before, task)
    rows = []
    for model in models:
        model.fit(before, known)
        figures = judge(rolling(model, history, known, at), scale)
        rows.append({"model": model.name, **figures.as_dict()})
    table = pd.DataFrame(rows, columns=list(TABLE_COLUMNS))
    return table.sort_values("mae", ignore_index=True)


def backtest_series(
    frame: pd.DataFrame,
    step: timedelta,
    train_until: datetime,
    seeds: tuple[int, ...] = (1,),
    *,
    horizon: timedelta = HORIZON,
    stride: timedelta = STRIDE,
    known: pd.DataFrame | None = None,
    config: LstmConfig | None = None,
    timezone: str = "UTC",
) -> pd.DataFrame:
    """Compare the LSTM with MSTL, seasonal naive and persistence on one series, whichever wins.

    Args:
        frame: history of the whole time, regular.
        step: length of a step.
        train_until: end of what may be learnt from.
        seeds: of the LSTM.
        horizon: length of a forecast.
        stride: from one origin to the next.
        known: covariates; none: only the calendar.
        config: the LSTM's; none: by the length of the history.
        timezone: zone of the calendar.

    Returns:
        As `compare`.
    """
    from forecast.models.lstm import LstmForecaster  # noqa: PLC0415  # torch takes seconds to import
    from forecast.models.lstm_config import LstmConfig  # noqa: PLC0415  # beside it

    task = Task("backtest", round(step.total_seconds()), round(horizon / step), timezone)
    before = frame[frame["valid_at"] < pd.Timestamp(train_until)]
    hours = len(before) / task.steps_per_hour
    chosen = config or LstmConfig.for_history(step, horizon, hours, seeds=seeds)
    models: list[Forecaster] = [
        LstmForecaster(task, chosen),
        Mstl(task),
        SeasonalNaive(task),
        Persistence(task),
    ]
    return compare(models, frame, nothing_known() if known is None else known, task, train_until, stride)
