"""One issue of one target: every member's forecast, and the ensemble that counts."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from core import db
from core.errors import JoulecastError, NotReadyError
from core.series import floor_time
from forecast import (
    alarms,
    conformal,
    dataset,
    ensemble,
    members,
    path_rows,
    quality,
    registry,
    scores,
    targets,
)
from forecast.backtest import quantile_array
from forecast.protocol import QUANTILE_NAMES, Explained, Forecaster, Task

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from core.jobs import Context
    from core.site import Site
    from forecast.quality import Quality

log = logging.getLogger(__name__)

HISTORY: Final = timedelta(days=57)
"""Read for a forecast: eight weeks for MSTL, bands for the naive ones, the context of the LSTM."""
KNOWN: Final = timedelta(days=17)
"""Covariates are read back so far: the LSTM's context, and the days before that show what drives it."""
HOUR: Final = timedelta(hours=1)
SCORED_OVER: Final = timedelta(days=14)
"""Members are weighed by their scores of this time."""

_UNSCORED: Final = "not scored over a whole horizon yet"
_POOR: Final = "poorer on the time held out from training, and not scored yet"


@dataclass(frozen=True, slots=True)
class Issue:
    """What came of it."""

    task: Task
    made: tuple[str, ...] = ()
    """Models that issued a forecast now; none where all are there already."""
    problems: tuple[str, ...] = ()
    """What went wrong, a sentence a member."""

    def __str__(self) -> str:
        """For a person."""
        return f"{words(self.task)} by {', '.join(self.made)}"


def words(task: Task) -> str:
    """A task for a person: the day's has no more than the target's name."""
    return task.target if task.step == targets.STEP else f"{task.target} of the week"


def issue(conn: db.Connection, context: Context, task: Task, *, again: bool = False) -> Issue:
    """Issue a target's forecasts of this step by every member that can, then the ensemble's.

    Args:
        conn: connection.
        context: site and clock.
        task: target and grid.
        again: look for members that were not there when the step's ensemble was made.

    Raises:
        NotReadyError: there are no recent readings, or no member could forecast.
    """
    site, origin = context.site, floor_time(context.clock.now(), task.step)
    there = _there(conn, site, task, origin)
    if ensemble.NAME in there and not again:
        return Issue(task)
    history = dataset.load_history(
        conn, site.id, targets.refs_of(site, task.target), origin - HISTORY, origin, task.step
    )
    judged = quality.judge(history, task)
    _tell(conn, site, task, judged, context.clock.now())
    if judged.state == "stale":
        raise NotReadyError(judged.said)
    champion = registry.champion(conn, site.id, task.target, task.step_s)
    frames, problems = _members(conn, site, task, history, champion)
    versions = {registry.LEARNED: champion}
    made = [name for name in frames if name not in there]
    for name in made:
        _insert(conn, site.id, frames[name], task, versions.get(name))
    if ensemble.NAME not in there:
        _ensemble(conn, site, _Mixing(task, history, judged, frames, problems, champion))
        made.append(ensemble.NAME)
    return Issue(task, tuple(made), tuple(f"{name}: {why}" for name, why in problems.items()))


def _there(conn: db.Connection, site: Site, task: Task, origin: datetime) -> set[str]:
    rows = db.rows(
        conn,
        "forecast_issued",
        **task.key(site.id),
        models=list(members.everyone()),
        issued_at=origin,
    )
    return {row["model"] for row in rows}


def _members(
    conn: db.Connection, site: Site, task: Task, history: pd.DataFrame, champion: registry.Version | None
) -> tuple[dict[str, pd.DataFrame], dict[str, str]]:
    """Forecasts by member, and why others have none: a broken one does not stop the rest.

    Raises:
        NotReadyError: none could.
    """
    origin = history["valid_at"].iloc[-1].to_pydatetime() + task.step
    known = dataset.load_known(conn, site, origin - KNOWN, origin)
    frames: dict[str, pd.DataFrame] = {}
    problems: dict[str, str] = {}
    for name in (registry.LEARNED, *members.UNTRAINED):
        if name == registry.LEARNED and champion is None:
            continue
        try:
            model = _member(name, task, champion)
            frame = _not_negative(model.predict(history, known))
            if isinstance(model, Explained):
                frame.attrs["explanation"] |= {"drivers": model.drivers(history, known)}
            frames[name] = frame
        except JoulecastError as problem:
            problems[name] = str(problem)
        except Exception as problem:  # the others go on, whatever a library raises
            log.exception("%s of %s", name, task.target)
            problems[name] = f"{type(problem).__name__}: {problem}"
    if not frames:
        raise NotReadyError("; ".join(f"{name}: {why}" for name, why in problems.items()))
    return frames, problems


def _member(name: str, task: Task, champion: registry.Version | None) -> Forecaster:
    """The member, ready to forecast; what is calibrated is the ensemble."""
    if name != registry.LEARNED or champion is None:
        return members.UNTRAINED[name](task)
    return registry.load(champion)


def _not_negative(frame: pd.DataFrame) -> pd.DataFrame:
    """No quantile below zero: power that is drawn is never negative.

    Raises:
        NotReadyError: a quantile is no number.
    """
    if not np.isfinite(quantile_array(frame)).all():
        raise NotReadyError("its forecast is not a number everywhere")
    frame[list(QUANTILE_NAMES)] = np.maximum(quantile_array(frame), 0.0)
    return frame


@dataclass(frozen=True, slots=True)
class _Mixing:
    """What an ensemble is made of."""

    task: Task
    history: pd.DataFrame
    judged: Quality
    frames: Mapping[str, pd.DataFrame]
    problems: Mapping[str, str]
    champion: registry.Version | None


def _ensemble(conn: db.Connection, site: Site, given: _Mixing) -> None:
    """Make the forecast that counts, keep it, and note what stands behind it."""
    task, origin = given.task, given.history["valid_at"].iloc[-1].to_pydatetime() + given.task.step
    if given.judged.state == "good":
        chosen, left_out = _chosen(conn, site, given, origin)
    else:
        chosen, left_out = _stand_in(given.frames, given.judged)
    frame = ensemble.combine([given.frames[name] for name in chosen])
    version = given.champion
    if version is not None and version.card.get("conformal") and given.judged.state == "good":
        state = conformal.from_dict(version.card["conformal"])
        frame[list(QUANTILE_NAMES)] = state.apply(quantile_array(frame))
        frame = _not_negative(frame)
    else:
        version = None
    note = {
        "members": {name: round(1 / len(chosen), 4) for name in chosen},
        "left_out": {**left_out, **given.problems},
        "quality": given.judged.noted(),
        **_explained(given.frames, chosen),
    }
    with conn.transaction():
        _insert(conn, site.id, frame, task, version)
        note |= _scenarios(conn, site, task, frame, given.history)
        db.rows(
            conn,
            "forecast_note_insert",
            **task.key(site.id),
            model=ensemble.NAME,
            issued_at=origin,
            note=db.json(registry.json_safe(note)),
        )


def _scenarios(
    conn: db.Connection, site: Site, task: Task, frame: pd.DataFrame, history: pd.DataFrame
) -> dict[str, Any]:
    """Keep the issue's scenarios; without them it is poorer, but it counts."""
    try:
        with conn.transaction():
            return path_rows.keep(conn, site.id, task, frame, history)
    except (ValueError, np.linalg.LinAlgError):
        log.exception("scenarios of %s", task.target)
        return {}


def _chosen(
    conn: db.Connection, site: Site, given: _Mixing, origin: datetime
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Members by their scores, and why the others are left out."""
    rows = scores.by_model(conn, site, given.task, origin - SCORED_OVER, origin)
    needed_h = given.task.horizon / HOUR  # scores of fewer hours are of short leads only
    losses = scores.losses(row for row in rows if row["hours"] >= needed_h)
    held, able = held_out(given.champion), tuple(given.frames)
    chosen = weigh(losses, held, able)
    best = min((losses[name] for name in able if name in losses), default=0.0)
    unscored = {name: _POOR if name in held and not best else _UNSCORED for name in able}
    return chosen, {
        name: _why(name, losses[name], best) if name in losses else unscored[name]
        for name in able
        if name not in chosen
    }


def weigh(scored: Mapping[str, float], held: Mapping[str, float], able: tuple[str, ...]) -> tuple[str, ...]:
    """The members of an ensemble.

    Args:
        scored: losses of the last days, see `scores.losses`.
        held: losses on the time that was held out from training, for what has not been scored yet.
        able: members that can forecast now.

    Returns:
        Those that are good by their scores, the learnt one by its held-out time until it has some; before the
        first scores all but those that were poor then, and persistence.
    """
    if any(name in scored for name in able):
        learnt = {name: loss for name, loss in held.items() if name == registry.LEARNED}
        return ensemble.members({**learnt, **scored}, able)
    good = ensemble.members(held, [name for name in able if name in held])
    fair = tuple(name for name in able if name in good or name not in held)
    return tuple(name for name in fair if name != members.LAST) or able


def held_out(champion: registry.Version | None) -> dict[str, float]:
    """Losses on the time held out from the champion's training, as a share of the seasonal naive's."""
    metrics = champion.card.get("metrics", {}) if champion else {}
    naive = metrics.get(scores.REFERENCE, {}).get("wql")
    names = (registry.LEARNED, *members.UNTRAINED)
    return {name: metrics[name]["wql"] / naive for name in names if naive and name in metrics}


def _why(name: str, loss: float, best: float) -> str:
    if name in ensemble.PLAIN and loss <= best * (1 + ensemble.MARGIN):
        return f"a yardstick: it counts where it beats the others by more than {ensemble.MARGIN:.0%}"
    return f"pinball {loss / best - 1:.0%} above the best over {SCORED_OVER.days} days" if best else "worse"


def _stand_in(frames: Mapping[str, pd.DataFrame], judged: Quality) -> tuple[tuple[str, ...], dict[str, str]]:
    chosen = next((name for name in members.STAND_INS if name in frames), next(iter(frames)))
    return (chosen,), {name: f"data {judged.state}" for name in frames if name != chosen}


def _explained(frames: Mapping[str, pd.DataFrame], chosen: Sequence[str]) -> dict[str, Any]:
    """What the learnt member says of itself, where it counts."""
    said: dict[str, Any] = frames[registry.LEARNED].attrs["explanation"] if registry.LEARNED in chosen else {}
    return said


def _tell(conn: db.Connection, site: Site, task: Task, judged: Quality, now: datetime) -> None:
    """Raise or clear the operator's alarm; a target's grids share their readings, so one of them tells."""
    if task.step != targets.STEP:
        return
    alarm = None
    if judged.state != "good":
        meters = ", ".join(str(ref) for ref in targets.refs_of(site, task.target))
        what = "stands still" if judged.state == "stale" else "falls back to a simpler method"
        alarm = alarms.Alarm(
            f"Forecast of {task.target} {what}: {judged.said}",
            f"Look at {meters} and the gateway; the usual forecast comes back by itself",
        )
    alarms.keep(conn, site.id, f"forecast.data.{task.target}", alarm, now)


def _insert(
    conn: db.Connection, site_id: str, frame: pd.DataFrame, task: Task, version: registry.Version | None
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
        step_s=task.step_s,
        model_version_id=version.model_version_id if version else None,
        **values,
    )
