"""Scores kept as the truth arrives: how right each forecaster has been, by lead time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from core import db, store
from core.series import floor_time
from forecast import ensemble, members, targets
from forecast.models.seasonal_naive import SeasonalNaive

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from core.site import Site
    from forecast.protocol import Task

HOUR: Final = timedelta(hours=1)
AGAIN: Final = timedelta(hours=48)
"""Readings may arrive late by so much: this time is scored again with each run."""
OLDEST: Final = timedelta(days=35)
"""Where nothing has been scored yet, forecasts for the time before are not."""
REFERENCE: Final = SeasonalNaive.name
"""What every forecaster is measured against."""
ALL_LEADS: Final = "all"
"""What the queries call the row over all lead times."""


def points_of(conn: db.Connection, site: Site, target: str) -> list[int]:
    """The target's point ids; empty where one has never been seen."""
    refs = targets.refs_of(site, target)
    ids = store.point_ids(conn, site.id, refs)
    return list(ids.values()) if len(ids) == len(refs) else []


def write(conn: db.Connection, site: Site, task: Task, now: datetime) -> None:
    """Score what has come true: the last 48 h again, and all since the last hour that was scored.

    Only steps in which every meter of the target has a usable reading count.
    """
    points = points_of(conn, site, task.target)
    if not points:
        return
    db.rows(
        conn,
        "forecast_score_write",
        **task.key(site.id),
        models=list(members.everyone()),
        points=points,
        horizon=task.horizon,
        start=_start(conn, site, task, now),
        end=floor_time(now, task.step),
    )


def _start(conn: db.Connection, site: Site, task: Task, now: datetime) -> datetime:
    newest = db.row(conn, "forecast_score_newest", **task.key(site.id))
    scored = newest["hour"] if newest else None
    return floor_time(min(now - AGAIN, scored) if scored else now - OLDEST, HOUR)


def by_model(conn: db.Connection, site: Site, task: Task, start: datetime, end: datetime) -> list[db.Row]:
    """Errors of each model over a time, by lead and over all leads (`lead` is "all").

    Returns:
        Rows of model, lead, steps, mae_w, rmse_w, pinball_w, width80_w [W], wql, coverage80_ratio [1], and
        pinball_ratio, mae_ratio to the seasonal naive on what both have forecast [1], None where nothing.
    """
    return db.rows(
        conn, "forecast_score_by_model", **task.key(site.id), reference=REFERENCE, start=start, end=end
    )


def by_day(
    conn: db.Connection, site: Site, task: Task, model: str, start: datetime, end: datetime
) -> list[db.Row]:
    """Day by day of the site's time: a model's loss beside the seasonal naive's, and the ensemble's coverage.

    Returns:
        Rows of day, pinball_w, reference_w [W], inside_ratio [1], NaN where no ensemble was served.
    """
    return db.rows(
        conn,
        "forecast_score_by_day",
        **task.key(site.id),
        model=model,
        served=ensemble.NAME,
        reference=REFERENCE,
        timezone=task.timezone,
        start=start,
        end=end,
    )


def losses(rows: Iterable[db.Row]) -> dict[str, float]:
    """Pinball losses that can be compared, from `by_model`: each on what the seasonal naive has forecast too.

    Returns:
        By model as a share of the seasonal naive's [1]; empty where that has none.
    """
    return {
        row["model"]: row["pinball_ratio"]
        for row in rows
        if row["lead"] == ALL_LEADS and row["pinball_ratio"] is not None
    }
