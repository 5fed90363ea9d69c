"""Histories and what is known ahead, from the database as frames."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from core import db, store
from core.errors import NotReadyError
from core.site import RESERVED_KINDS
from forecast.protocol import HOUR_S
from forecast.windows import WEATHER

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from core.points import PointRef
    from core.site import Site


def load_history(
    conn: db.Connection,
    site_id: str,
    refs: Iterable[PointRef],
    start: datetime,
    end: datetime,
    step: timedelta,
) -> pd.DataFrame:
    """The sum of some points as a history frame; leading steps without a reading are left out.

    Args:
        conn: connection.
        site_id: the site.
        refs: the points to add up.
        start: first step's start, rounded down to a whole step.
        end: end of the last step, rounded down to a whole step.
        step: length of a step.

    Raises:
        NotReadyError: there is no reading in that time.
    """
    series = store.series_sum(conn, site_id, refs, start, end, step)
    seen = np.flatnonzero(np.isfinite(series.values))
    if not len(seen):
        raise NotReadyError(f"no readings between {start:%Y-%m-%d %H:%M} and {end:%Y-%m-%d %H:%M} UTC")
    times = pd.date_range(series.start, periods=len(series), freq=step)
    frame = pd.DataFrame({"valid_at": times, "y": series.values, "observed": np.isfinite(series.values)})
    return frame.iloc[int(seen[0]) :].reset_index(drop=True)


def load_weather(conn: db.Connection, site: Site, start: datetime, now: datetime) -> pd.DataFrame:
    """Measured and forecast weather as a known frame, each row with the time it became available.

    Args:
        conn: connection.
        site: whose sensors and forecasts.
        start: first hour.
        now: nothing that became available later is read.
    """
    parts = []
    step = timedelta(seconds=HOUR_S)
    for column, ref in zip(WEATHER, (site.sensors.dry_bulb, site.sensors.wet_bulb), strict=True):
        try:
            series = store.series_sum(conn, site.id, (ref,), start, now, step)
        except NotReadyError:
            continue
        times = pd.date_range(series.start, periods=len(series), freq=step)
        part = pd.DataFrame({"valid_at": times, "available_at": times + step, column: series.values})
        parts.append(part.dropna().set_index(["valid_at", "available_at"]))
    issued = pd.DataFrame(
        db.rows(conn, "forecast_weather", site=site.id, start=start, now=now),
        columns=["valid_at", "available_at", *WEATHER],
    )
    columns = ["valid_at", "available_at", *WEATHER]
    measured = pd.concat(parts, axis=1).reset_index() if parts else issued.iloc[:0]
    frames = [f.reindex(columns=columns) for f in (measured, issued) if len(f)]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)


def load_known(conn: db.Connection, site: Site, start: datetime, now: datetime) -> pd.DataFrame:
    """Everything known ahead as one long known frame: weather, and a column for each kind of schedule.

    A row tells of some covariates and is NaN in the others, each with the time it became available; a feed
    that is not there has no column, or no rows.

    Args:
        conn: connection.
        site: whose sensors, weather forecasts and schedules.
        start: first hour.
        now: nothing that became available later is read.
    """
    weather = load_weather(conn, site, start, now)
    rows = db.rows(conn, "forecast_schedule", site=site.id, start=start, now=now)
    told = pd.DataFrame(rows, columns=["kind", "valid_at", "available_at", "value"])
    told = told[~told["kind"].isin(RESERVED_KINDS)]
    if told.empty:
        return weather
    schedules = told.pivot_table(
        index=["valid_at", "available_at"], columns="kind", values="value"
    ).reset_index()
    schedules.columns.name = None
    frames = [frame for frame in (weather, schedules) if len(frame)]
    return pd.concat(frames, ignore_index=True).reindex(
        columns=[*weather.columns, *(name for name in schedules.columns if name not in weather.columns)]
    )
