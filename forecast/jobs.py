"""The room's periodic work: train, issue, score, watch, and tidy up."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from core import db
from core.errors import JoulecastError, NotReadyError
from core.jobs import Context, Job
from core.series import floor_time
from core.units import W_PER_KW
from forecast import (
    choice,
    conformal,
    dataset,
    ensemble,
    issuing,
    keeping,
    registry,
    scores,
    targets,
    train,
    watch,
)
from forecast.frames import nothing_known
from forecast.protocol import QUANTILE_NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from forecast.protocol import Task

RETRAIN: Final = timedelta(days=7)
RETRY: Final = timedelta(hours=1)
"""A training that failed is tried again no sooner: each costs a process, and is due until it succeeds."""
SCORES_SAID: Final = timedelta(hours=24)
"""The scores of this time are said when the job has run."""
LOOK_S: Final = 60.0
"""How often it is looked whether a forecast or a training is due [s]."""
TRAIN_WALL_MIN_S: Final = 15.0
SCORE_S: Final = 3600.0
DAILY_S: Final = 86_400.0
_OUTCOME: Final = {True: "in force", False: "kept aside"}
HOUR: Final = timedelta(hours=1)
STOP: Final = threading.Event()
"""Set when the service ends: a training under way gives up."""
_failed: Final[dict[tuple[str, Task], tuple[datetime, str]]] = {}
"""When this process's trainings failed last, and why, by database and task."""


def issue(context: Context) -> str:
    """Issue the forecasts of this step of each grid that are not there yet.

    Raises:
        NotReadyError: no target has readings to start from.
    """
    made, reasons = [], []
    with db.connect(context.dsn, autocommit=True) as conn:
        for task in targets.tasks(context.site):
            try:
                done = issuing.issue(conn, context, task)
                made += [str(done)] if done.made else []
                reasons += [f"{issuing.words(task)} by {problem}" for problem in done.problems]
            except NotReadyError as reason:
                reasons.append(f"{issuing.words(task)}: {reason}")
    return _report("issued ", made, reasons) or "nothing to issue: all forecasts of this step are there"


def _report(verb: str, made: list[str], reasons: Sequence[str]) -> str:
    """What was made, and what was not and why; empty where there was nothing to do.

    Raises:
        NotReadyError: there is something in the way and nothing was made.
    """
    if reasons and not made:
        raise NotReadyError("; ".join(dict.fromkeys(reasons)))
    return f"{verb}{'; '.join(made)}{_also(reasons)}" if made else ""


def _also(reasons: Sequence[str]) -> str:
    problems = "; ".join(dict.fromkeys(reasons))
    return f"; not {problems}" if problems else ""


def retrain(context: Context) -> str:
    """Train the LSTMs that are missing, a week old or drifting, and issue their first forecasts.

    Raises:
        NotReadyError: no target has enough history.
    """
    said, reasons, fresh = [], [], 0
    with db.connect(context.dsn, autocommit=True) as conn:
        for task in targets.tasks(context.site):
            try:
                if not _due(conn, context, task):
                    fresh += 1
                    continue
                _check_history(conn, context, task)
                card = _trained(context, task)
                said.append(f"{issuing.words(task)}: {card['reason']}, {_OUTCOME[card['promoted']]}")
                issuing.issue(conn, context, task, again=True)
            except JoulecastError as reason:
                reasons.append(f"{issuing.words(task)}: {reason}")
    if fresh and not said:
        return f"nothing to train: {fresh} models are in order{_also(reasons)}"
    return _report("trained ", said, reasons)


def _trained(context: Context, task: Task) -> dict[str, Any]:
    """Train in a child; the new version's card.

    Raises:
        JoulecastError: it failed now, or less than `RETRY` ago.
    """
    key, now = (context.dsn, task), context.clock.now()
    if key in _failed and now - _failed[key][0] < RETRY:
        raise NotReadyError(f"{_failed[key][1]}; tried again {RETRY / HOUR:g} h after that")
    try:
        card = train.in_child(context, task, STOP)
    except JoulecastError as reason:
        _failed[key] = now, str(reason)
        raise
    _failed.pop(key, None)
    return card


def _due(conn: db.Connection, context: Context, task: Task) -> bool:
    site, now = context.site, context.clock.now()
    old = train.due(conn, site, task.target, now, RETRAIN, task.step)
    return old or watch.due(conn, site, task, now)


def _check_history(conn: db.Connection, context: Context, task: Task) -> None:
    """Refuse what cannot be learnt from before a process is started for it."""
    now = floor_time(context.clock.now(), task.step)
    refs = targets.refs_of(context.site, task.target)
    history = dataset.load_history(conn, context.site.id, refs, now - train.HISTORY, now, task.step)
    train.hold_out(history, nothing_known(), task)


def score(context: Context) -> str:
    """Score the forecasts whose truth has arrived, decide which counts, let the intervals follow.

    Raises:
        NotReadyError: no forecast's truth has arrived yet.
    """
    said = []
    with db.connect(context.dsn, autocommit=True) as conn:
        for task in targets.tasks(context.site):
            now = context.clock.now()
            scores.write(conn, context.site, task, now)
            chosen = choice.keep(conn, context.site, task, now)
            recalibrate(conn, context, task)
            if task.step == targets.STEP:
                said += _errors(conn, context, task, chosen)
    if not said:
        raise NotReadyError("no forecast's truth has arrived yet")
    return f"mean absolute error of the last 24 h, {'; '.join(said)}"


def _errors(conn: db.Connection, context: Context, task: Task, chosen: str) -> list[str]:
    now = context.clock.now()
    rows = scores.by_model(conn, context.site, task, now - SCORES_SAID, now)
    overall = [
        f"{row['model']}{' (used)' if row['model'] == chosen else ''} {row['mae_w'] / W_PER_KW:.1f} kW"
        for row in rows
        if row["lead"] == scores.ALL_LEADS
    ]
    return [f"{task.target}: {', '.join(overall)}"] if overall else []


def recalibrate(conn: db.Connection, context: Context, task: Task) -> None:
    """Take the ensemble's forecasts that came true since last time into the champion's conformal state."""
    champion = registry.champion(conn, context.site.id, task.target, task.step_s)
    if champion is None or not champion.card.get("conformal"):
        return
    state = conformal.from_dict(champion.card["conformal"])
    now = floor_time(context.clock.now(), task.step)
    since = datetime.fromisoformat(state.scored_until) if state.scored_until else champion.trained_at
    row = db.row(
        conn,
        "forecast_below",
        **task.key(context.site.id),
        model=ensemble.NAME,
        model_version_id=champion.model_version_id,
        points=scores.points_of(conn, context.site, task.target),
        horizon=task.horizon,
        start=since,
        end=now,
    )
    if not row or not row["steps"]:
        return
    below = tuple(float(row[name]) for name in QUANTILE_NAMES)
    day = timedelta(days=1)
    # of a longer horizon the truth was issued days ago on average: it moves the intervals as much slower
    tracked = state.track(below, (now - since) / day * min(1.0, day / task.horizon), now)
    registry.set_card(conn, champion.model_version_id, {**champion.card, "conformal": tracked.as_dict()})


def look_for_drift(context: Context) -> str:
    """Judge the models in force by their scores and inputs.

    Raises:
        NotReadyError: nothing has been trained yet.
    """
    said, reasons = [], []
    with db.connect(context.dsn, autocommit=True) as conn:
        for task in targets.tasks(context.site):
            try:
                said.append(f"{issuing.words(task)}: {watch.look(conn, context, task)}")
            except NotReadyError as reason:
                reasons.append(str(reason))
    return _report("", said, reasons)


def prune(context: Context) -> str:
    """Remove forecasts, notes and scenarios that are no longer needed."""
    with db.connect(context.dsn, autocommit=True) as conn:
        gone = keeping.prune(conn, context.site, context.clock.now())
    return f"removed {gone['forecasts']} forecast steps, {gone['notes']} notes and {gone['paths']} scenarios"


JOBS: Final = (
    Job("forecast.issue", LOOK_S, issue),
    Job("forecast.train", LOOK_S, retrain, TRAIN_WALL_MIN_S),
    Job("forecast.score", SCORE_S, score),
    Job("forecast.drift", DAILY_S, look_for_drift),
    Job("forecast.prune", DAILY_S, prune),
)
"""Each looks whether something is due: a forecast every step of its grid, a training weekly or on drift."""
