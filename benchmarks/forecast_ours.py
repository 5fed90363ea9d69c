"""Our forecaster under the protocol, put together from the parts that the service runs.

The networks are fitted twice before the test part, each time in a process of its own, as in the service: on
what lies before the validation part, so that its days say how good each member is, and then on all of it. In
the test part each day has the members' forecasts, the mean of those that were good in the last 14 days, and
the intervals moved by what the days before it asked for: as `forecast.jobs` does it, a day at a time.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from common import MS_PER_S
from forecast_case import score

from forecast import conformal, ensemble, metrics
from forecast.backtest import quantile_array
from forecast.models.lstm import LstmForecaster
from forecast.models.lstm_config import LstmConfig
from forecast.models.lstm_run import Run
from forecast.models.seasonal_naive import SeasonalNaive
from forecast.models.statistical import Mstl
from forecast.windows import WEATHER

if TYPE_CHECKING:
    import pandas as pd
    from forecast_case import Case

    from core.series import Floats
    from forecast.features import Ints
    from forecast.protocol import Forecaster

SEEDS: Final = (1, 2, 3)
JUDGED_DAYS: Final = 14
"""Days whose losses say which members count [d]."""
SCORED: Final = ["q10", "q50", "q90"]


def ours(case: Case, **overrides: Any) -> tuple[Floats, dict[str, float]]:
    """Learn and forecast.

    Args:
        case: the series; at each of `case.origins` only the rows before it may be looked at.
        overrides: fields of the network's configuration to set otherwise.

    Returns:
        (days, 24, 3) quantiles at `forecast_case.LEVELS`, and further figures: `train_cpu_s` of both
        trainings, `training_mb` of the larger of their processes, `latency_ms` of one forecast of the
        networks, `weights_bytes`, `lstm_share` (mean weight of the LSTM), and `lstm_mase`, `lstm_wql`,
        `lstm_coverage80` of the LSTM alone, not calibrated.
    """
    first, second = (_fitted(case, end, overrides) for end in (case.validation, case.test))
    trained = [note for model in (first, second) for note in model.card()["training"]]
    days = np.arange((case.test - case.validation) // 24, 0, -1)
    warm: Ints = case.test - 24 * days
    latency: list[float] = []
    members = {
        "lstm": _issue(first, case, warm, []) + _issue(second, case, case.origins, latency),
        "mstl": _issue(Mstl(case.task), case, np.concatenate((warm, case.origins)), []),
        "seasonal_naive": _issue(SeasonalNaive(case.task), case, np.concatenate((warm, case.origins)), []),
    }
    made, shares = _day_by_day(case, members, len(warm))
    alone = score(case, np.stack([f[SCORED].to_numpy() for f in members["lstm"][len(warm) :]]))
    return made, {
        "train_cpu_s": sum(note["cpu_s"] for note in trained),
        "training_mb": max(note["peak_mb"] for note in trained),
        "latency_ms": MS_PER_S * float(np.median(latency)),
        "weights_bytes": float(len(second.weights())),
        "lstm_share": float(np.mean(shares)),
        **{f"lstm_{name}": float(alone[name]) for name in ("mase", "wql", "coverage80")},
    }


def _fitted(case: Case, end: int, overrides: dict[str, Any]) -> LstmForecaster:
    """Trained on what lies before a position, in a process of its own."""
    horizon = timedelta(hours=case.task.horizon_steps)
    # dew point, humidity and wind of some files say little that the two bulbs do not
    weather = tuple(name for name in WEATHER if name in case.covariates)
    chosen = {"seeds": SEEDS, "covariates": weather or None} | overrides
    config = LstmConfig.for_history(case.task.step, horizon, end, **chosen)
    model = LstmForecaster(case.task, config, Run(apart=True))
    model.fit(case.history.iloc[:end], case.known)
    return model


def _issue(model: Forecaster, case: Case, origins: Ints, seconds: list[float]) -> list[pd.DataFrame]:
    """A forecast at each origin; the CPU time of each is added to the list [s]."""
    made = []
    for origin in origins:
        begin = time.process_time()
        made.append(model.predict(case.history.iloc[:origin], case.known))
        seconds.append(time.process_time() - begin)
    return made


def _day_by_day(case: Case, members: dict[str, list[pd.DataFrame]], warm: int) -> tuple[Floats, list[float]]:
    """(days, 24, 3) quantiles of the test part, and the LSTM's weight each day.

    The validation part only gives the intervals' unit; they follow the days of the test part as they come.
    """
    truth = case.history["y"].where(case.history["observed"]).to_numpy(dtype=np.float64)
    losses: dict[str, list[float]] = {name: [] for name in members}
    state: conformal.Conformal | None = None
    past: list[tuple[Floats, Floats]] = []
    made, shares = [], []
    for day in range(len(members["lstm"])):
        recent = {name: float(np.mean(found[-JUDGED_DAYS:])) for name, found in losses.items() if found}
        chosen = ensemble.members(recent, tuple(members))
        raw = quantile_array(ensemble.combine([members[name][day] for name in chosen]))
        if day == warm:
            y, q = (np.concatenate(part) for part in zip(*past, strict=True))
            state = conformal.start(y, q)
        issued = raw if state is None else state.apply(raw)
        if day >= warm:
            made.append(issued[:, [1, 3, 5]])
            shares.append(("lstm" in chosen) / len(chosen))
        origin = case.test + 24 * (day - warm)
        y = truth[origin : origin + case.task.horizon_steps]
        past.append((y, raw))
        seen = np.isfinite(y)
        for name, frames in members.items():
            if seen.any():
                losses[name].append(float(metrics.pinball(y[seen], quantile_array(frames[day])[seen]).mean()))
        if state is not None and seen.any():
            below = tuple(float(v) for v in metrics.at_or_below(y[seen], issued[seen]))
            state = state.track(below, float(seen.mean()), datetime.fromtimestamp(0, UTC))
    return np.stack(made), shares
