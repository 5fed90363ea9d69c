"""Our forecaster under the protocol: fitted once before the test part, then one forecast a day."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from forecast_case import Case

    from core.series import Floats

SEEDS: Final = (1, 2, 3)
MS_PER_S: Final = 1000.0


def ours(case: Case, **overrides: Any) -> tuple[Floats, dict[str, float]]:
    """Learn and forecast.

    Args:
        case: the series; at each of `case.origins` only the rows before it may be looked at.
        overrides: fields of the network's configuration to set otherwise.

    Returns:
        (days, 24, 3) quantiles at `forecast_case.LEVELS`, and further figures: `train_cpu_s`, `latency_ms`,
        `weights_bytes`.
    """
    from forecast.models.lstm import LstmForecaster  # noqa: PLC0415  # torch: for this process alone
    from forecast.models.lstm_config import LstmConfig  # noqa: PLC0415  # beside it

    before, task = case.history.iloc[: case.test], case.task
    chosen = {"seeds": SEEDS, "validation_share": 1 - case.validation / case.test} | overrides
    horizon = timedelta(hours=task.horizon_steps)
    model = LstmForecaster(task, LstmConfig.for_history(task.step, horizon, len(before), **chosen))
    begin = time.process_time()
    model.fit(before, case.known)
    train_cpu_s = time.process_time() - begin
    made, seconds = [], []
    for origin in case.origins:
        begin = time.perf_counter()
        frame = model.predict(case.history.iloc[:origin], case.known)
        seconds.append(time.perf_counter() - begin)
        made.append(frame[["q10", "q50", "q90"]].to_numpy(dtype=np.float64))
    return np.stack(made), {
        "train_cpu_s": train_cpu_s,
        "latency_ms": MS_PER_S * float(np.median(seconds)),
        "weights_bytes": float(len(model.weights())),
    }
