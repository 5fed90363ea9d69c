"""Scenarios in the database: made for an issue, kept, read again."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from core import db
from forecast import paths
from forecast.backtest import quantile_array
from forecast.frames import epoch_s

if TYPE_CHECKING:
    from datetime import datetime

    from core.series import Floats
    from forecast.protocol import Task

DAY: Final = timedelta(days=1)
ERRORS_FROM_DAYS: Final = 28
"""Issues older than this do not say how today's errors go together [d]."""
HALF: Final = 0.5
"""Of an issue, more than this share has to have been measured since [1]."""


def keep(
    conn: db.Connection, site_id: str, task: Task, forecast: pd.DataFrame, history: pd.DataFrame
) -> dict[str, Any]:
    """Make and store an issue's scenarios.

    Args:
        conn: connection.
        site_id: the site.
        task: target and grid.
        forecast: one issue of one model.
        history: what was measured until it was issued.

    Returns:
        `day_energy_kwh` and `day_peak_kw` for the issue's note, see `paths.days`.
    """
    model, issued_at = str(forecast["model"].iloc[0]), forecast["issued_at"].iloc[0].to_pydatetime()
    errors = past_errors(conn, site_id, task, model, issued_at, history)
    seed = paths.seed_of(task, issued_at)
    made = paths.scenarios(quantile_array(forecast), errors, task.step_s, seed)
    save(conn, site_id, task, model, issued_at, made)
    return paths.days(made, task, issued_at)


def past_errors(
    conn: db.Connection, site_id: str, task: Task, model: str, issued_at: datetime, history: pd.DataFrame
) -> Floats:
    """(d, h) errors [W] of the model's issues at this time of the day; the naive's where it has too few."""
    measured: Floats = history["y"].where(history["observed"].astype(bool)).to_numpy(dtype=np.float64)
    issued = [issued_at - DAY * n for n in range(ERRORS_FROM_DAYS, 0, -1)]
    rows = db.rows(
        conn,
        "forecast_medians",
        **task.key(site_id),
        model=model,
        issued=issued,
    )
    if rows:
        own = _errors(rows, pd.Series(measured, index=pd.DatetimeIndex(history["valid_at"])), task)
        own = np.asarray(own[np.isfinite(own).mean(axis=1) > HALF], dtype=np.float64)
        if len(own) >= paths.DAYS_MIN:
            return own
    return paths.naive_errors(measured[-ERRORS_FROM_DAYS * task.steps_per_day :], task)


def _errors(rows: list[db.Row], truth: pd.Series, task: Task) -> Floats:
    """(d, h) by issue and lead, NaN where nothing was forecast or measured."""
    medians = pd.DataFrame(rows)
    issued, valid = pd.DatetimeIndex(medians["issued_at"]), pd.DatetimeIndex(medians["valid_at"])
    lead = (epoch_s(valid) - epoch_s(issued)) // task.step_s
    issue, count = pd.factorize(issued)[0], issued.nunique()
    found = np.full((count, task.horizon_steps), np.nan)
    found[issue, lead] = truth.reindex(valid).to_numpy() - medians["q50"].to_numpy()
    return found


def save(
    conn: db.Connection, site_id: str, task: Task, model: str, issued_at: datetime, made: Floats
) -> None:
    """Store an issue's scenarios, (n, h) [W]; an issue that has some keeps them."""
    db.rows(
        conn,
        "forecast_paths_insert",
        **task.key(site_id),
        model=model,
        issued_at=issued_at,
        values_w=np.round(made, 1).ravel().tolist(),
        count=made.shape[0],
        steps=made.shape[1],
    )


def load(conn: db.Connection, site_id: str, task: Task, model: str, issued_at: datetime) -> Floats:
    """(n, h) an issue's scenarios [W]; no row where it has none."""
    rows = db.rows(
        conn,
        "forecast_paths",
        **task.key(site_id),
        model=model,
        issued_at=issued_at,
    )
    return np.array([row["values_w"] for row in rows], dtype=np.float64).reshape(-1, task.horizon_steps)
