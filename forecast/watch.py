"""Drift watched day by day: what was found is noted, and retraining that does not help is said."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from core import db
from core.errors import NotReadyError
from core.series import floor_time
from forecast import alarms, dataset, drift, issuing, registry, scores, targets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from core.jobs import Context
    from core.site import Site
    from forecast.protocol import Task

NOTE: Final = "drift"
"""Model of the notes of this module."""
SCORED_OVER: Final = timedelta(days=28)
"""Older scores say nothing of the present."""
RECENT: Final = timedelta(days=7)
"""Values of this time are compared with those of the training."""
RETRAIN_AGAIN: Final = timedelta(days=1)
"""Drift asks for a training no more often than this."""
HELP_WITHIN: Final = timedelta(days=3)
"""A training should have helped after so long."""


@dataclass(frozen=True, slots=True)
class Found:
    """One day's finding, as noted."""

    at: datetime
    judged: bool
    """Whether there were scores enough to say anything."""
    skill_or_coverage: bool
    inputs: bool


def look(conn: db.Connection, context: Context, task: Task) -> str:
    """Judge a task's champion, note what was found, raise or clear the alarm; what drifted, in words.

    Raises:
        NotReadyError: nothing has been trained yet.
    """
    site, now = context.site, context.clock.now()
    champion = registry.champion(conn, site.id, task.target, task.step_s)
    if champion is None:
        raise NotReadyError(f"{issuing.words(task)}: nothing has been trained yet")
    end = floor_time(now, task.step)
    since = max(champion.promoted_at or champion.trained_at, now - SCORED_OVER)
    days = [
        drift.Day(row["pinball_w"], row["reference_w"], row["inside_ratio"])
        for row in scores.by_day(conn, site, task, registry.LEARNED, since, end)
    ]
    refs = targets.refs_of(site, task.target)
    recent = dataset.load_history(conn, site.id, refs, end - RECENT, end, task.step)
    found = drift.judge(days, _inputs(conn, site, task, champion), recent)
    _note(conn, site, task, found, now)
    _tell(conn, site, task, found, now)
    return found.said or ("no drift" if found.judged else "too few days scored to tell")


def _inputs(
    conn: db.Connection, site: Site, task: Task, champion: registry.Version
) -> Mapping[str, Any] | None:
    """Where the values of the training lay: from the card, or the readings where it does not say so."""
    kept: Mapping[str, Any] | None = champion.card.get("inputs")
    if kept:
        return kept
    refs = targets.refs_of(site, task.target)
    try:
        history = dataset.load_history(conn, site.id, refs, champion.data_from, champion.data_to, task.step)
    except NotReadyError:
        return None
    return drift.reference(history)


def due(conn: db.Connection, site: Site, task: Task, now: datetime) -> bool:
    """Whether drift asks for a training: found since the newest one, which is a day old."""
    trained = registry.versions(conn, site.id, task.target, task.step_s, registry.LEARNED)
    if not trained or now - trained[0].trained_at < RETRAIN_AGAIN:
        return False
    return asks(findings(conn, site, task, now), trained[0].trained_at)


def asks(found: Sequence[Found], trained_at: datetime) -> bool:
    """Whether findings ask for a training.

    Inputs that have moved stay so for a while whatever is trained: they ask when it is news.

    Args:
        found: oldest first.
        trained_at: when the newest version was trained.
    """
    moved_before = False
    for one in found:
        if one.at > trained_at and (one.skill_or_coverage or (one.inputs and not moved_before)):
            return True
        moved_before = one.inputs
    return False


def findings(conn: db.Connection, site: Site, task: Task, now: datetime) -> list[Found]:
    """What was found lately, oldest first."""
    rows = db.rows(conn, "forecast_notes", **task.key(site.id), model=NOTE, since=now - SCORED_OVER)
    return [
        Found(
            row["issued_at"],
            row["note"]["skill_ratio"] is not None,
            bool(row["note"]["skill"] or row["note"]["coverage"]),
            bool(row["note"]["inputs"]),
        )
        for row in rows
    ]


def unhelped_since(found: Sequence[Found], trained: Sequence[datetime], now: datetime) -> datetime | None:
    """Since when forecasts have drifted although a training has had its time to help; None: they have not.

    Args:
        found: oldest first, the last one of now.
        trained: when versions were trained.
        now: the plant's time.
    """
    run: list[Found] = []
    for one in reversed(found):
        if one.judged and not one.skill_or_coverage:
            break
        run.append(one)
    began = min((one.at for one in run if one.skill_or_coverage), default=None)
    if began is None or not found[-1].skill_or_coverage:
        return None
    helped = [at for at in trained if at > began]
    return began if helped and now - min(helped) >= HELP_WITHIN else None


def _note(conn: db.Connection, site: Site, task: Task, found: drift.Drift, now: datetime) -> None:
    note = {
        "skill": found.skill,
        "coverage": found.coverage,
        "inputs": found.inputs,
        "skill_ratio": found.skill_ratio,
        "coverage_ratio": found.coverage_ratio,
        "stability_index": found.stability_index,
    }
    db.rows(
        conn,
        "forecast_note_insert",
        **task.key(site.id),
        model=NOTE,
        issued_at=now,
        note=db.json(registry.json_safe(note)),
    )


def _tell(conn: db.Connection, site: Site, task: Task, found: drift.Drift, now: datetime) -> None:
    trained = [
        version.trained_at
        for version in registry.versions(conn, site.id, task.target, task.step_s, registry.LEARNED)
    ]
    since = unhelped_since(findings(conn, site, task, now), trained, now)
    alarm = None
    if since is not None:
        alarm = alarms.Alarm(
            f"Forecast of {task.target} has drifted since {since:%Y-%m-%d %H:%M} UTC and training has not"
            f" helped: {found.said}",
            "Look at what has changed in the plant or its meters",
        )
    alarms.keep(conn, site.id, f"forecast.drift.{task.target}.{task.step_s}", alarm, now)
