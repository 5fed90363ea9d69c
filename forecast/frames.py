"""From frames to arrays and back: all that the network's side of the room does not need pandas for itself.

What trains works on arrays alone (`features`, `known`, `windows`), so that its process does not hold pandas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from core.errors import InputError, NotReadyError
from forecast import features
from forecast.known import NEVER_S, Covariate, Known
from forecast.protocol import (
    DAY_S,
    DAYS_PER_WEEK,
    FORECAST_COLUMNS,
    HISTORY_COLUMNS,
    HOUR_S,
    QUANTILE_NAMES,
    Task,
)
from forecast.windows import Prepared

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from core.series import Floats
    from forecast.features import Ints

SATURDAY: Final = 5

KNOWN_TIMES: Final = frozenset({"valid_at", "available_at"})
"""Columns of a known frame that are no covariates."""


def nothing_known() -> pd.DataFrame:
    """A known-frame without any covariate."""
    return pd.DataFrame({"valid_at": pd.DatetimeIndex([], tz="UTC")})


def forecast_frame(task: Task, model: str, issued_at: datetime, quantiles: Floats) -> pd.DataFrame:
    """Lay quantiles out as a forecast.

    Args:
        task: target and grid.
        model: the forecaster's name.
        issued_at: the origin.
        quantiles: (horizon_steps, 7) [W].
    """
    frame = pd.DataFrame(np.asarray(quantiles, dtype=np.float64), columns=list(QUANTILE_NAMES))
    origin = pd.Timestamp(issued_at)
    frame["issued_at"] = origin
    frame["valid_at"] = pd.date_range(origin, periods=task.horizon_steps, freq=task.step)
    frame["target"], frame["model"] = task.target, model
    return frame[list(FORECAST_COLUMNS)]


def epoch_s(times: pd.Series | pd.DatetimeIndex) -> Ints:
    """Seconds since 1970 of aware times."""
    return np.asarray(pd.DatetimeIndex(times).as_unit("s").astype("int64"))


def calendar(times_s: Ints, timezone: str) -> Floats:
    """Where in the day and in the week a time lies, on the zone's wall clocks.

    Args:
        times_s: (n,) seconds since 1970.
        timezone: IANA name.

    Returns:
        (n, 5) in the order of `CALENDAR_NAMES` [1].
    """
    local = pd.DatetimeIndex(times_s.astype("datetime64[s]")).tz_localize("UTC").tz_convert(timezone)
    day = (local.hour * HOUR_S + local.minute * 60 + local.second).to_numpy(dtype=np.float64) / DAY_S
    weekday = local.day_of_week.to_numpy(dtype=np.float64)
    week = (weekday + day) / DAYS_PER_WEEK
    turns = 2 * np.pi * np.stack((day, week))
    return np.stack(
        (np.sin(turns[0]), np.cos(turns[0]), np.sin(turns[1]), np.cos(turns[1]), weekday >= SATURDAY), axis=1
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
            do="lay it onto the grid with forecast.frames.regular",
        )


def covariates_of(known: pd.DataFrame) -> tuple[str, ...]:
    """Every covariate of a known frame."""
    return tuple(str(name) for name in known.columns if name not in KNOWN_TIMES)


def prepare(
    history: pd.DataFrame, known: pd.DataFrame, task: Task, covariates: tuple[str, ...] = ()
) -> Prepared:
    """Check a history, fill its gaps from the past and lay out its calendar.

    Raises:
        InputError: the history is not regular.
        NotReadyError: nothing was measured yet.
    """
    check_history(history, task.step_s)
    times = epoch_s(history["valid_at"])
    y, observed = history["y"].to_numpy(dtype=np.float64), history["observed"].to_numpy(dtype=np.bool_)
    ahead = times[0] + task.step_s * np.arange(len(times) + task.horizon_steps)
    return Prepared(
        task=task,
        start_s=int(times[0]),
        y=features.fill(y, observed, task.step_s),
        observed=observed & np.isfinite(y),
        calendar=calendar(ahead, task.timezone),
        known=known_table(known, covariates, int(times[0]) - DAY_S, int(ahead[-1])),
    )


def known_table(
    known: pd.DataFrame, columns: tuple[str, ...], first_s: int = 0, last_s: int = NEVER_S
) -> Known | None:
    """Make a known frame ready for looking up; None where it has no value of any of the columns.

    A row without `available_at` was known all along.

    Args:
        known: the frame.
        columns: covariates, whether it has them or not.
        first_s: rows for hours before this one are left out [s since 1970].
        last_s: rows for later times are left out [s since 1970].
    """
    if not columns or not len(known):
        return None
    times = epoch_s(known["valid_at"])
    inside = np.flatnonzero((times >= first_s // HOUR_S * HOUR_S) & (times <= last_s))
    there = "available_at" in known.columns
    available = epoch_s(known["available_at"])[inside] if there else np.zeros(len(inside), dtype=np.int64)
    keys = times[inside] // HOUR_S * NEVER_S + available
    covariates = tuple(_covariate(known, column, inside, keys) for column in columns)
    return Known(covariates) if any(len(covariate.keys) for covariate in covariates) else None


def _covariate(known: pd.DataFrame, column: str, inside: Ints, keys: Ints) -> Covariate:
    if column not in known.columns:
        return Covariate(np.empty(0, np.int64), np.empty(0))
    values = known[column].to_numpy(dtype=np.float64)[inside]
    told = np.isfinite(values)
    values, keys = values[told], keys[told]
    order = np.argsort(keys, kind="stable")
    return Covariate(keys[order], values[order])
