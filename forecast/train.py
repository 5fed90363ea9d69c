"""Train a target's LSTM, judge it on a held-out time against what is in force, and keep it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from core.series import floor_time
from forecast import backtest, conformal, dataset, registry, targets
from forecast.models.lstm_config import LstmConfig
from forecast.protocol import HOURS_PER_DAY, Task

if TYPE_CHECKING:
    import threading

    import pandas as pd

    from core import db
    from core.clock import Clock
    from core.site import Site
    from forecast.features import Ints
    from forecast.models.lstm import LstmForecaster

HISTORY: Final = timedelta(days=84)
"""Older readings are not learnt from."""
HOLDOUT_SHARE: Final = 0.15
"""Share of the history at its end that nobody learns from [1]."""
HOLDOUT_MAX_H: Final = 14 * HOURS_PER_DAY
HOLDOUT_ORIGINS_H: Final = 12
"""Beside one horizon the held-out time has room for origins over at least this [h]."""
HOLDOUT_STRIDE: Final = timedelta(hours=3)
INDEPENDENT_H: Final = 6.0
"""Forecast errors that lie so far apart are taken for independent when intervals are calibrated [h]."""
SEEDS: Final = (1, 2)
TOLERANCE: Final = 1e-9
"""A challenger that is as good as the champion replaces it; only rounding is forgiven [1]."""


@dataclass(frozen=True)
class Holdout:
    """The time at the end of a history that judges champion and challenger alike."""

    history: pd.DataFrame
    known: pd.DataFrame
    task: Task
    split: int
    """Position of its first step."""

    @property
    def before(self) -> pd.DataFrame:
        """What may be learnt from."""
        return self.history.iloc[: self.split]

    @property
    def hours(self) -> float:
        """Its length [h]."""
        return (len(self.history) - self.split) / self.task.steps_per_hour

    @property
    def origins(self) -> Ints:
        """Positions of its forecasts' origins."""
        last = len(self.history) - self.task.horizon_steps
        return np.arange(self.split, last + 1, round(HOLDOUT_STRIDE / self.task.step))

    def roll(self, model: Any) -> pd.DataFrame:
        """A fitted model's forecasts of that time beside the truth."""
        return backtest.rolling(model, self.history, self.known, self.origins)

    def figures(self, forecasts: pd.DataFrame) -> dict[str, float]:
        """How good they were."""
        return backtest.judge(forecasts, backtest.season_scale(self.before, self.task)).as_dict()


def hold_out(history: pd.DataFrame, known: pd.DataFrame, task: Task) -> Holdout:
    """Set the end of a history aside.

    Raises:
        NotReadyError: too little would be left to learn from.
    """
    hours = len(history) / task.steps_per_hour
    least_h = task.horizon_steps / task.steps_per_hour + HOLDOUT_ORIGINS_H
    held_h = min(max(HOLDOUT_SHARE * hours, least_h), HOLDOUT_MAX_H)
    LstmConfig.for_history(task.step, task.horizon, hours - held_h)  # says how much is needed
    return Holdout(history, known, task, len(history) - round(held_h * task.steps_per_hour))


def train(
    conn: db.Connection,
    site: Site,
    target: str,
    clock: Clock,
    *,
    seeds: tuple[int, ...] = SEEDS,
    stop: threading.Event | None = None,
) -> dict[str, Any]:
    """Train, judge, calibrate and keep an LSTM; put it in force unless the champion is better.

    Args:
        conn: connection.
        site: whose meters.
        target: `it_power` or `cooling_power`.
        clock: what time it is.
        seeds: one network each.
        stop: ends the training early when it is set.

    Returns:
        The version's card, with `model_version_id`, `promoted` and the figures of all on the held-out time.

    Raises:
        InputError: there is no such target.
        NotReadyError: there is too little history, or the training was stopped.
    """
    from forecast.models.lstm import LstmForecaster  # noqa: PLC0415  # torch takes seconds to import

    task, now = targets.task_for(site, target), floor_time(clock.now(), targets.STEP)
    refs = targets.refs_of(site, target)
    history = dataset.load_history(conn, site.id, refs, now - HISTORY, now, targets.STEP)
    known = dataset.load_weather(conn, site, now - HISTORY, now)
    present = registry.champion(conn, site.id, target)
    conn.commit()  # training takes long: no transaction stays open over it
    held = hold_out(history, known, task)
    config = LstmConfig.for_history(
        task.step, task.horizon, len(held.before) / task.steps_per_hour, seeds=seeds
    )
    model = LstmForecaster(task, config, stop)
    model.fit(held.before, known)
    forecasts = held.roll(model)
    card = model.card() | _judged(held, forecasts, present)
    model.calibration = conformal.start(
        forecasts["y"].to_numpy(float), backtest.quantile_array(forecasts), held.hours / INDEPENDENT_H
    )
    card["conformal"] = model.calibration.as_dict()
    card["explanation"] = model.predict(history, known).attrs["explanation"]
    return _keep(conn, site, model, card, held, clock)


def _judged(held: Holdout, forecasts: pd.DataFrame, present: registry.Version | None) -> dict[str, Any]:
    """Figures of challenger, champion and the naive ones on the held-out time, and what follows from them."""
    metrics = {registry.LEARNED: held.figures(forecasts)}
    for name, make in registry.NAIVE.items():
        metrics[name] = held.figures(held.roll(make(held.task)))
    if present is not None:
        metrics["champion"] = held.figures(held.roll(_uncalibrated(present)))
    ours = metrics[registry.LEARNED]["wql"]
    bar = metrics["champion"]["wql"] if present is not None else float("inf")
    promoted = not ours > bar * (1 + TOLERANCE)
    times = held.history["valid_at"]
    return {
        "metrics": metrics,
        "held_out": {
            "from": times.iloc[held.split].isoformat(),
            "to": (times.iloc[-1] + held.task.step).isoformat(),
            "forecasts": len(held.origins),
        },
        "observed_ratio": round(float(held.before["observed"].mean()), 4),
        "promoted": promoted,
        "reason": _reason(ours, bar, promoted=promoted),
    }


def _reason(ours: float, bar: float, *, promoted: bool) -> str:
    if not np.isfinite(bar):
        return "there was no champion"
    verdict = "not worse than" if promoted else "worse than"
    return f"weighted quantile loss {ours:.4f} on the held-out time, {verdict} the champion's {bar:.4f}"


def _uncalibrated(present: registry.Version) -> LstmForecaster:
    """The champion without its calibration, as the challenger is judged."""
    model = registry.load(present)
    model.calibration = None
    return model


def _keep(
    conn: db.Connection,
    site: Site,
    model: LstmForecaster,
    card: dict[str, Any],
    held: Holdout,
    clock: Clock,
) -> dict[str, Any]:
    times = held.before["valid_at"]
    data = (times.iloc[0].to_pydatetime(), (times.iloc[-1] + held.task.step).to_pydatetime())
    card = card | {"data_from": data[0].isoformat(), "data_to": data[1].isoformat()}
    with conn.transaction():
        version_id = registry.store(conn, site.id, model, card, clock.now(), data)
        if card["promoted"]:
            registry.promote(conn, site.id, held.task.target, version_id)
    conn.commit()
    return {"model_version_id": version_id, **registry.json_safe(card)}


def due(conn: db.Connection, site: Site, target: str, now: datetime, every: timedelta) -> bool:
    """Whether the newest version, in force or not, is older than `every`, or there is none."""
    trained = registry.versions(conn, site.id, target)
    return not trained or now - trained[0].trained_at >= every
