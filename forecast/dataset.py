"""Histories as frames: from the database, checked, and filled without looking ahead."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from core import db, store
from core.errors import InputError, NotReadyError
from core.site import RESERVED_KINDS
from forecast.features import Bools, epoch_s
from forecast.protocol import DAY_S, HISTORY_COLUMNS, HOUR_S

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from core.points import PointRef
    from core.series import Floats
    from core.site import Site

HOLD_S: Final = HOUR_S
"""How long a gap is filled with the last value; after that with the value 24 h earlier [s]."""
WEATHER_COLUMNS: Final = ("dry_bulb_c", "wet_bulb_c")


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
    for column, ref in zip(WEATHER_COLUMNS, (site.sensors.dry_bulb, site.sensors.wet_bulb), strict=True):
        try:
            series = store.series_sum(conn, site.id, (ref,), start, now, step)
        except NotReadyError:
            continue
        times = pd.date_range(series.start, periods=len(series), freq=step)
        part = pd.DataFrame({"valid_at": times, "available_at": times + step, column: series.values})
        parts.append(part.dropna().set_index(["valid_at", "available_at"]))
    issued = pd.DataFrame(
        db.rows(conn, "forecast_weather", site=site.id, start=start, now=now),
        columns=["valid_at", "available_at", *WEATHER_COLUMNS],
    )
    columns = ["valid_at", "available_at", *WEATHER_COLUMNS]
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


def regular(times: pd.Series | pd.DatetimeIndex, values: Floats, step: timedelta) -> pd.DataFrame:
    """Means per step of readings at any times, as a history frame.

    Args:
        times: (n,) aware.
        values: (n,) [W]; NaN counts as not measured.
        step: length of a step.
    """
    means = pd.Series(values, index=pd.DatetimeIndex(times)).resample(step).mean()
    y = means.to_numpy(dtype=np.float64)
    return pd.DataFrame({"valid_at": means.index, "y": y, "observed": np.isfinite(y)})


def check_history(history: pd.DataFrame, step_s: int) -> None:
    """Refuse what is no regular history.

    Raises:
        InputError: a column is missing, a time is there twice, or the steps are of another length.
        NotReadyError: there is no row, or none was observed.
    """
    missing = [name for name in HISTORY_COLUMNS if name not in history.columns]
    if missing:
        raise InputError(
            "history",
            found=f"columns {', '.join(map(str, history.columns)) or 'none'}",
            allowed=", ".join(HISTORY_COLUMNS),
            do=f"add {', '.join(missing)}",
        )
    if not bool(history["observed"].any()):
        raise NotReadyError("the history has no measured step yet")
    times = epoch_s(history["valid_at"])
    if len(np.unique(times)) != len(times):
        raise InputError(
            "history", found="a time twice", allowed="each time once", do="remove the duplicates"
        )
    if len(times) > 1 and not (np.diff(times) == step_s).all():
        raise InputError(
            "history",
            found="rows at uneven or other steps",
            allowed=f"one row every {step_s} s in order of time",
            do="lay it onto the grid with forecast.dataset.regular",
        )


def fill(y: Floats, observed: Bools, step_s: int) -> Floats:
    """Fill the gaps for input, each from what came before it only.

    The first hour of a gap holds the last value; later steps take the (filled) value 24 h earlier, or hold on
    where the history does not reach back that far. Steps before the first measured one take its value.

    Args:
        y: (n,) [W]; what stands where `observed` is false is not looked at.
        observed: (n,) whether a step was measured.
        step_s: length of a step [s].
    """
    good = observed & np.isfinite(y)
    filled = np.where(good, y, np.nan)
    seen = np.flatnonzero(good)
    if not len(seen):
        raise NotReadyError("the history has no measured step yet")
    filled[: seen[0]] = y[seen[0]]
    last, day, hold = int(seen[0]), DAY_S // step_s, HOLD_S // step_s
    for i in np.flatnonzero(~good):
        if i < seen[0]:
            continue
        if good[i - 1]:
            last = int(i) - 1
        filled[i] = filled[i - day] if i - last > hold and i >= day else filled[last]
    return filled
