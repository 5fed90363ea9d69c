"""The room's periodic work: train, issue, score."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from core import db, store
from core.errors import JoulecastError, NotReadyError
from core.jobs import Context, Job
from core.series import floor_time
from core.units import W_PER_KW
from forecast import conformal, dataset, registry, targets, train
from forecast.backtest import quantile_array
from forecast.models.lstm_run import Run
from forecast.protocol import QUANTILE_NAMES, Forecaster, nothing_known

if TYPE_CHECKING:
    import pandas as pd

HISTORY: Final = timedelta(days=29)
"""Read for a forecast: the naive ones take their bands from it, the LSTM its context."""
STALE: Final = timedelta(hours=3)
"""Without any reading for this long there is nothing to start a forecast from."""
RETRAIN: Final = timedelta(days=7)
SCORE_WINDOW: Final = timedelta(hours=24)
LOOK_S: Final = 60.0
"""How often it is looked whether a forecast or a training is due [s]."""
TRAIN_WALL_MIN_S: Final = 15.0
SCORE_S: Final = 3600.0
STOP: Final = threading.Event()
"""Set when the service ends: a training under way gives up."""


def issue(context: Context) -> str:
    """Issue the forecasts of this quarter of an hour that are not there yet.

    Raises:
        NotReadyError: no target has readings to start from.
    """
    made, reasons = [], []
    with db.connect(context.dsn, autocommit=True) as conn:
        for target in targets.metered(context.site):
            try:
                made += [f"{target} by {model}" for model in issue_target(conn, context, target)]
            except NotReadyError as reason:
                reasons.append(f"{target}: {reason}")
    if reasons and not made:
        raise NotReadyError("; ".join(reasons))
    return f"issued {', '.join(made)}" if made else "nothing to issue: all forecasts of this step are there"


def issue_target(conn: db.Connection, context: Context, target: str) -> list[str]:
    """Issue one target's forecasts by every model that is there; a broken one does not stop the others.

    Returns:
        The models that issued one now.

    Raises:
        NotReadyError: there are no recent readings.
    """
    site, origin = context.site, floor_time(context.clock.now(), targets.STEP)
    champion = registry.champion(conn, site.id, target)
    wanted = [*registry.NAIVE, *([champion.model] if champion else [])]
    there = db.rows(conn, "forecast_issued", site=site.id, target=target, issued_at=origin)
    missing = [name for name in wanted if name not in {row["model"] for row in there}]
    if not missing:
        return []
    history = _recent(conn, context, target, origin)
    task, done, problems = targets.task_for(site, target), [], []
    for name in missing:
        try:
            if champion and name == champion.model:
                known = dataset.load_weather(conn, site, origin - HISTORY, origin)
                made = _forecast(registry.load(champion), history, known)
                _insert(conn, site.id, made, task.step_s, champion.model_version_id)
            else:
                _insert(
                    conn, site.id, _forecast(registry.NAIVE[name](task), history, None), task.step_s, None
                )
            done.append(name)
        except JoulecastError as problem:
            problems.append(f"{name}: {problem}")
    if problems and not done:
        raise NotReadyError("; ".join(problems))
    return done


def _recent(conn: db.Connection, context: Context, target: str, origin: datetime) -> pd.DataFrame:
    refs = targets.refs_of(context.site, target)
    history = dataset.load_history(conn, context.site.id, refs, origin - HISTORY, origin, targets.STEP)
    seen = history.loc[history["observed"].astype(bool), "valid_at"].iloc[-1]
    if origin - seen.to_pydatetime() > STALE:
        raise NotReadyError(f"no readings since {seen:%Y-%m-%d %H:%M} UTC")
    return history


def _forecast(model: Forecaster, history: pd.DataFrame, known: pd.DataFrame | None) -> pd.DataFrame:
    """The model's forecast, no quantile below zero: power that is drawn is never negative."""
    frame = model.predict(history, nothing_known() if known is None else known)
    frame[list(QUANTILE_NAMES)] = np.maximum(quantile_array(frame), 0.0)
    return frame


def _insert(
    conn: db.Connection, site_id: str, frame: pd.DataFrame, step_s: int, version_id: int | None
) -> None:
    first = frame.iloc[0]
    values: dict[str, Any] = {name: frame[name].to_list() for name in QUANTILE_NAMES}
    db.rows(
        conn,
        "forecast_insert",
        site=site_id,
        target=first["target"],
        model=first["model"],
        issued_at=first["issued_at"].to_pydatetime(),
        valid_at=[time.to_pydatetime() for time in frame["valid_at"]],
        step_s=step_s,
        model_version_id=version_id,
        **values,
    )


def retrain(context: Context) -> str:
    """Train each target's LSTM where there is none or the newest is a week old, and issue its first forecast.

    Raises:
        NotReadyError: no target has enough history.
    """
    said, reasons = [], []
    with db.connect(context.dsn, autocommit=True) as conn:
        for target in targets.metered(context.site):
            if not train.due(conn, context.site, target, context.clock.now(), RETRAIN):
                continue
            try:
                card = train.train(conn, context.site, target, context.clock, run=Run(stop=STOP))
                issue_target(conn, context, target)
                said.append(f"{target}: {card['reason']}, {'in force' if card['promoted'] else 'kept aside'}")
            except NotReadyError as reason:
                reasons.append(f"{target}: {reason}")
    if reasons and not said:
        raise NotReadyError("; ".join(reasons))
    return f"trained {'; '.join(said)}" if said else "nothing to train: no model is a week old"


def score(context: Context) -> str:
    """Score the forecasts whose truth has arrived and let the champions' intervals follow.

    Raises:
        NotReadyError: no forecast's truth has arrived yet.
    """
    said = []
    with db.connect(context.dsn, autocommit=True) as conn:
        for target in targets.metered(context.site):
            rows = scores(conn, context, target, SCORE_WINDOW)
            overall = [
                f"{row['model']} {row['mae_w'] / W_PER_KW:.1f} kW" for row in rows if row["lead"] == "all"
            ]
            if overall:
                said.append(f"{target}: {', '.join(overall)}")
                _recalibrate(conn, context, target)
    if not said:
        raise NotReadyError("no forecast's truth has arrived yet")
    return f"mean absolute error of the last 24 h, {'; '.join(said)}"


def scores(conn: db.Connection, context: Context, target: str, window: timedelta) -> list[db.Row]:
    """Errors by model and lead time over the window that ends now; `lead` "all" is over all leads.

    Returns:
        Rows of model, lead, steps, mae_w [W], coverage80_ratio [1]; empty where nothing can be scored.
    """
    now = floor_time(context.clock.now(), targets.STEP)
    points = _points(conn, context, target)
    if not points:
        return []
    return db.rows(
        conn,
        "forecast_scores",
        site=context.site.id,
        target=target,
        points=points,
        step=targets.STEP,
        start=now - window,
        end=now,
    )


def _points(conn: db.Connection, context: Context, target: str) -> list[int]:
    """The target's point ids; empty where one has never been seen."""
    refs = targets.refs_of(context.site, target)
    ids = store.point_ids(conn, context.site.id, refs)
    return list(ids.values()) if len(ids) == len(refs) else []


def _recalibrate(conn: db.Connection, context: Context, target: str) -> None:
    """Take the forecasts of the champion that came true since the last time into its conformal state."""
    champion = registry.champion(conn, context.site.id, target)
    if champion is None or not champion.card.get("conformal"):
        return
    state = conformal.from_dict(champion.card["conformal"])
    now = floor_time(context.clock.now(), targets.STEP)
    since = datetime.fromisoformat(state.scored_until) if state.scored_until else champion.trained_at
    row = db.row(
        conn,
        "forecast_below",
        site=context.site.id,
        target=target,
        model_version_id=champion.model_version_id,
        points=_points(conn, context, target),
        step=targets.STEP,
        start=since,
        end=now,
    )
    if not row or not row["steps"]:
        return
    below = tuple(float(row[name]) for name in QUANTILE_NAMES)
    tracked = state.track(below, (now - since) / timedelta(days=1), now)
    registry.set_card(conn, champion.model_version_id, {**champion.card, "conformal": tracked.as_dict()})


JOBS: Final = (
    Job("forecast.issue", LOOK_S, issue),
    Job("forecast.train", LOOK_S, retrain, TRAIN_WALL_MIN_S),
    Job("forecast.score", SCORE_S, score),
)
"""Each looks whether something is due: a forecast every 15 min, a training every 7 days."""
