"""Train a task's LSTM, judge it on a held-out time against what is in force, and keep it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from core import db, log
from core.errors import InputError, NotReadyError
from core.series import floor_time
from forecast import backtest, child, conformal, contest, dataset, drift, frames, registry, targets
from forecast.models.lstm_config import LstmConfig
from forecast.models.lstm_run import Run, leads
from forecast.models.seasonal_naive import SeasonalNaive
from forecast.protocol import HOURS_PER_DAY, Task
from forecast.provenance import provenance

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

    import pandas as pd

    from core.clock import Clock
    from core.jobs import Context
    from core.site import Site
    from forecast.features import Ints
    from forecast.models.lstm import LstmForecaster

HISTORY: Final = timedelta(days=365)
"""Older readings are not learnt from."""
HOLDOUT_SHARE: Final = 0.15
"""Share of the history at its end that nobody learns from [1]."""
HOLDOUT_MAX_H: Final = 14 * HOURS_PER_DAY
HOLDOUT_ORIGINS_H: Final = 12
"""Beside one horizon the held-out time has room for origins over at least this [h]."""
HOLDOUT_STRIDE: Final = timedelta(hours=3)
SEEDS: Final = (1, 2, 3)
CONSTANT: Final = 1e-9
"""A series that varies by a smaller share of its size does not vary [1]."""
SERVED: Final = "until then the seasonal naive forecast is served"


_OVERTAKEN: Final = (
    "kept aside: another version was put in force while this one was trained; promote it or train again"
)


class UnfitHistoryError(NotReadyError):
    """The history is too short or does not vary: nothing can be learnt from it yet. Exit status 2."""

    exit_status = 2


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
        UnfitHistoryError: too little would be left to learn from, or all values are the same.
    """
    y = history.loc[history["observed"].astype(bool), "y"]
    if y.max() - y.min() <= CONSTANT * y.abs().max():
        raise UnfitHistoryError(
            f"the history of {task.target} is constant: {y.iloc[0]:g} W in all of {len(y)} steps, of which"
            f" nothing can be learnt; check the meter; {SERVED}"
        )
    hours = len(history) / task.steps_per_hour
    least_h = task.horizon_steps / task.steps_per_hour + HOLDOUT_ORIGINS_H
    held_h = min(max(HOLDOUT_SHARE * hours, least_h), HOLDOUT_MAX_H)
    try:
        LstmConfig.for_history(task.step, task.horizon, hours - held_h)  # says how much is needed
    except NotReadyError as short:
        raise UnfitHistoryError(f"{short} beside {held_h:.0f} h that are held out; {SERVED}") from short
    return Holdout(history, known, task, len(history) - round(held_h * task.steps_per_hour))


def train(
    conn: db.Connection,
    site: Site,
    target: str,
    clock: Clock,
    *,
    step: timedelta = targets.STEP,
    seeds: tuple[int, ...] = SEEDS,
    run: Run | None = None,
) -> dict[str, Any]:
    """Train, judge, calibrate and keep an LSTM; put it in force unless the champion is better.

    Args:
        conn: connection.
        site: whose meters.
        target: what is forecast, e.g. `it_power`.
        clock: what time it is.
        step: of the grid.
        seeds: one network each.
        run: on what it is trained, and who is told how far it is; none: here, and nobody.

    Returns:
        The version's card, with `model_version_id`, `promoted` and the figures of all on the held-out time;
        {} in a process that only helped another to train.

    Raises:
        InputError: there is no such target or grid.
        NotReadyError: there is too little history, or the training was stopped.
    """
    task = targets.task_for(site, target, step)
    now = floor_time(clock.now(), step)
    history = dataset.load_history(conn, site.id, targets.refs_of(site, target), now - HISTORY, now, step)
    known = dataset.load_known(conn, site, now - HISTORY, now)
    present = registry.champion(conn, site.id, target, task.step_s)
    conn.commit()  # training takes long: no transaction stays open over it
    held = hold_out(history, known, task)

    from forecast.models.lstm import LstmForecaster  # noqa: PLC0415  # torch takes seconds to import, and may not be needed

    config = LstmConfig.for_history(
        task.step, task.horizon, len(held.before) / task.steps_per_hour, seeds=seeds
    )
    model = LstmForecaster(task, config, run)
    model.fit(held.before, known)
    if not leads():
        return {}
    forecasts = held.roll(model)
    card = model.card() | provenance() | _judged(held, forecasts, present, clock.now())
    card["left_out"] = _left_out(config, model, known)
    calibration = conformal.start(forecasts["y"].to_numpy(float), backtest.quantile_array(forecasts))
    if present is not None and present.card.get("conformal"):
        calibration = calibration.after(conformal.from_dict(present.card["conformal"]))
    card |= {"conformal": calibration.as_dict(), "inputs": drift.reference(history)}
    if card["promoted"]:
        model = _on_everything(model, held)
        card |= {"training": model.card()["training"], "config": model.card()["config"]}
    card["explanation"] = model.predict(history, known).attrs["explanation"]["leans_on"]
    return _keep(conn, site, model, card, held, clock, present)


def _on_everything(judged: LstmForecaster, held: Holdout) -> LstmForecaster:
    """The same trained again up to now: once judged, it learns from the held-out days, too.

    They are the newest, and what a plant does next is most like them.
    """
    model = judged.anew()
    model.fit(held.history, held.known)
    return model


def in_child(context: Context, task: Task, stop: threading.Event | None = None) -> dict[str, Any]:
    """Train as `train` does, in a process of its own, so that a service keeps none of its memory.

    Args:
        context: of the job.
        task: what is forecast, on which grid.
        stop: ends the training, and the process, when it is set.

    Returns:
        The version's card.

    Raises:
        InputError: as `train`.
        NotReadyError: as `train`.
        ServiceError: the process ended without a result.
    """
    return child.call(training, context, task, Run(apart=True), stop=stop)


def training(context: Context, task: Task, run: Run | None = None) -> dict[str, Any]:
    """What `in_child` does in the child; the networks are trained in another, which holds arrays alone."""
    log.configure("forecast", context.settings.log_level)
    with db.connect(context.dsn) as conn:
        return train(conn, context.site, task.target, context.clock, step=task.step, run=run)


def _left_out(config: LstmConfig, model: LstmForecaster, known: pd.DataFrame) -> dict[str, str]:
    """Covariates that were asked for and are not used, with the reason."""
    used = model.config.covariates or () if model.config else ()
    asked = frames.covariates_of(known) if config.covariates is None else config.covariates
    return {name: "not known ahead often enough" for name in asked if name not in used}


def _judged(
    held: Holdout, forecasts: pd.DataFrame, present: registry.Version | None, now: datetime
) -> dict[str, Any]:
    """Figures of challenger, champion and the naive ones on the held-out time, and what follows from them."""
    metrics = {registry.LEARNED: held.figures(forecasts)}
    for name, make in registry.NAIVE.items():
        metrics[name] = held.figures(held.roll(make(held.task)))
    contested: dict[str, Any] | None = None
    promoted, reason = True, "there was no champion"
    if present is not None:
        try:
            champions = held.roll(registry.load(present))
        except InputError as broken:
            reason = f"the champion cannot be used ({broken})"
        else:
            metrics["champion"] = held.figures(champions)
            found = contest.compare(forecasts, champions, present.data_to)
            promoted, reason = contest.decide(found, now - present.trained_at)
            if found.seen and (record := _record(present.card.get("metrics", {}))):
                promoted, reason = contest.by_record(_record(metrics), record)
            contested = {"champion": present.model_version_id, **found.as_dict()}
    ours, naive = metrics[registry.LEARNED]["wql"], metrics[SeasonalNaive.name]["wql"]
    times = held.history["valid_at"]
    return {
        "metrics": metrics,
        "contest": contested,
        "held_out": {
            "from": times.iloc[held.split].isoformat(),
            "to": (times.iloc[-1] + held.task.step).isoformat(),
            "forecasts": len(held.origins),
        },
        "observed_ratio": round(float(held.before["observed"].mean()), 4),
        "promoted": promoted,
        "naive_wins": bool(naive < ours),
        "reason": f"{reason}; {_beside_naive(ours, naive)}",
    }


def _record(metrics: Mapping[str, Mapping[str, float]]) -> float:
    """Loss of the learnt model on its held-out days, as a share of the naive's; 0 if not known [1]."""
    ours, naive = (metrics.get(name, {}).get("wql") for name in (registry.LEARNED, SeasonalNaive.name))
    return ours / naive if ours and naive else 0.0


def _beside_naive(ours: float, naive: float) -> str:
    if naive < ours:
        return f"the seasonal naive forecast is better: weighted quantile loss {naive:.4f}, ours {ours:.4f}"
    return f"weighted quantile loss {ours:.4f}, seasonal naive {naive:.4f}"


def _learnt_from(held: Holdout, *, everything: bool) -> tuple[datetime, datetime]:
    """Span of the data that the kept model learnt from."""
    times = (held.history if everything else held.before)["valid_at"]
    return times.iloc[0].to_pydatetime(), (times.iloc[-1] + held.task.step).to_pydatetime()


def _keep(
    conn: db.Connection,
    site: Site,
    model: LstmForecaster,
    card: dict[str, Any],
    held: Holdout,
    clock: Clock,
    present: registry.Version | None,
) -> dict[str, Any]:
    data, now = _learnt_from(held, everything=card["promoted"]), clock.now()
    card = card | {"data_from": data[0].isoformat(), "data_to": data[1].isoformat()}
    with conn.transaction():
        if card["promoted"] and _changed(conn, site, held.task, present):
            card |= {"promoted": False, "reason": f"{_OVERTAKEN}; {card['reason']}"}
        version_id = registry.store(conn, site.id, model, card, now, data)
        if card["promoted"]:
            registry.promote(conn, site.id, version_id, at=now, actor="training", reason=card["reason"])
    conn.commit()
    return {"model_version_id": version_id, **registry.json_safe(card)}


def _changed(conn: db.Connection, site: Site, task: Task, present: registry.Version | None) -> bool:
    """Whether somebody put another version in force while this one was trained."""
    found = registry.champion(conn, site.id, task.target, task.step_s)
    before = present.model_version_id if present else None
    return (found.model_version_id if found else None) != before


def due(
    conn: db.Connection,
    site: Site,
    target: str,
    now: datetime,
    every: timedelta,
    step: timedelta = targets.STEP,
) -> bool:
    """Whether the newest version is older than `every`, there is none, or that in force cannot be loaded."""
    step_s = round(step.total_seconds())
    trained = registry.versions(conn, site.id, target, step_s, registry.LEARNED)
    if not trained or now - trained[0].trained_at >= every:
        return True
    champion = registry.champion(conn, site.id, target, step_s)
    return champion is not None and not registry.loads(champion)
