"""Joint scenarios of a forecast: whole courses over the horizon whose steps belong together.

Quantiles say how far each step may lie off, not whether a high morning means a high evening; what sums or
peaks over a day, or is driven through the twin, needs to know. A Gaussian copula ties the steps together by
how past errors went together; each path is then a reordering of the quantile function's own values (Schaake
shuffle), so that over the paths every step keeps exactly its quantiles. `benchmarks/forecast_paths.py`
measures it against resampled days of errors, independent steps and steps that move as one.

References:
    Clark et al., The Schaake shuffle, Journal of Hydrometeorology 5 (2004),
    doi:10.1175/1525-7541(2004)005<0243:TSSAMF>2.0.CO;2.
    Pinson et al., From probabilistic forecasts to statistical scenarios of short-term wind power production,
    Wind Energy 12 (2009), doi:10.1002/we.284.
"""

from __future__ import annotations

import zlib
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from scipy.special import ndtri

from core.units import W_PER_KW
from forecast.features import candidate_values
from forecast.frames import epoch_s
from forecast.protocol import HOUR_S, QUANTILES

if TYPE_CHECKING:
    from core.series import Floats
    from forecast.protocol import Task

PATHS: Final = 50
"""Scenarios of an issue."""
DAYS_MIN: Final = 5
"""With fewer past forecasts than this their errors do not say how steps go together."""
MEMORY_H: Final = 6.0
"""Time constant of the errors' correlation where nothing is on record [h]."""
REPORTED: Final = (0.1, 0.5, 0.9)
"""Levels of what is said of a day [1]."""
_SCORES: Final = ndtri(np.array(QUANTILES))
_LEAST: Final = 1e-9
"""Smallest variance of a direction, so that every correlation matrix has a root [1]."""


def seed_of(task: Task, issued_at: datetime) -> int:
    """The seed of an issue: the same issue has the same paths on every machine."""
    name = f"{task.target} {task.step_s} {issued_at.astimezone(UTC).isoformat()}"
    return zlib.crc32(name.encode())


def scenarios(quantiles: Floats, errors: Floats, step_s: int, seed: int, count: int = PATHS) -> Floats:
    """Consistent courses over a horizon.

    Args:
        quantiles: (h, 7) the forecast [W].
        errors: (d, h) errors of past forecasts by lead, NaN where not known, see `naive_errors`.
        step_s: length of a step [s].
        seed: of the draws, see `seed_of`.
        count: how many paths.

    Returns:
        (count, h) [W], never below zero; over the paths each step has the forecast's quantiles.
    """
    values = quantile_function(quantiles, (np.arange(count) + 0.5) / count)
    rng = np.random.default_rng(seed)
    drawn = rng.standard_normal((count, len(quantiles))) @ _root(correlation(errors, step_s))
    return reordered(values, drawn)


def quantile_function(quantiles: Floats, levels: Floats) -> Floats:
    """Values of the forecast's distribution at any levels.

    Between the quantiles it is a straight line over the normal score of the level, and beyond the outermost
    two the outermost line goes on: exact for a normal distribution. Power is never below zero.

    Args:
        quantiles: (h, 7) [W]; put in order where they cross.
        levels: (n,) between 0 and 1 [1].

    Returns:
        (n, h) [W].
    """
    ordered, score = np.sort(quantiles, axis=1), ndtri(levels)
    left = np.clip(np.searchsorted(_SCORES, score) - 1, 0, len(_SCORES) - 2)
    part = (score - _SCORES[left]) / (_SCORES[left + 1] - _SCORES[left])
    values = ordered[:, left] + part * (ordered[:, left + 1] - ordered[:, left])
    return np.asarray(np.maximum(values, 0.0).T, dtype=np.float64)


def correlation(errors: Floats, step_s: int) -> Floats:
    """How the errors of a forecast's steps go together, by their ranks.

    What few days show of each pair of steps is drawn towards what all pairs so far apart show, the more the
    fewer days there are for the steps; with fewer than `DAYS_MIN` it decays with `MEMORY_H`.

    Args:
        errors: (d, h), NaN where not known.
        step_s: length of a step [s].

    Returns:
        (h, h) [1].
    """
    steps = errors.shape[1]
    lag = np.abs(np.subtract.outer(np.arange(steps), np.arange(steps)))
    known = errors[np.isfinite(errors).any(axis=1)]
    days = len(known)
    if days < DAYS_MIN:
        return np.asarray(np.exp(-lag * step_s / (MEMORY_H * HOUR_S)), dtype=np.float64)
    score = _normal_scores(known)
    there = np.isfinite(score).astype(np.float64)
    score = np.nan_to_num(score)
    product, pairs = score.T @ score, there.T @ there
    by_lag = np.bincount(lag.ravel(), product.ravel()) / np.maximum(
        np.bincount(lag.ravel(), pairs.ravel()), 1
    )
    shown = np.where(pairs > 0, product / np.maximum(pairs, 1.0), by_lag[lag])
    shrunk = steps / (steps + days)
    return np.asarray(shrunk * by_lag[lag] + (1.0 - shrunk) * shown, dtype=np.float64)


def _normal_scores(errors: Floats) -> Floats:
    """(d, h) normal scores of the ranks by lead, of unit variance; NaN where not known or always the same."""
    ranks = pd.DataFrame(errors).rank()
    scores = ndtri(((ranks - 0.5) / ranks.count()).to_numpy())
    spread = np.sqrt(np.nan_to_num(scores**2).sum(axis=0) / np.maximum(np.isfinite(scores).sum(axis=0), 1))
    return np.asarray(scores / np.where(spread > 0, spread, np.nan), dtype=np.float64)


def _root(matrix: Floats) -> Floats:
    """(h, h) whose product with its transpose is the nearest matrix that is a correlation."""
    size, directions = np.linalg.eigh(matrix)
    root = (directions * np.sqrt(np.maximum(size, _LEAST))).T
    return np.asarray(root, dtype=np.float64)


def reordered(values: Floats, template: Floats) -> Floats:
    """Each step's values in the order that a template has at that step.

    Args:
        values: (n, h) ascending at each step.
        template: (n, h).

    Returns:
        (n, h); column by column the same values.
    """
    ranks = template.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable")
    return np.take_along_axis(values, ranks, axis=0)


def naive_errors(y: Floats, task: Task) -> Floats:
    """Errors that repeating the day before would have made, for forecasts issued at this time of the day.

    They stand for a forecaster's own where it has issued too few.

    Args:
        y: (n,) what was measured until the origin, NaN where it was not [W].
        task: grid.

    Returns:
        (d, horizon_steps) [W], newest last; no row where the history is too short for one.
    """
    day, steps = task.steps_per_day, task.horizon_steps
    origins = np.arange(len(y) - steps, day - 1, -day)[::-1]
    if not len(origins):
        return np.empty((0, steps))
    past = y[origins[:, None] + np.arange(-day, 0)]
    ahead = y[origins[:, None] + np.arange(steps)]
    return np.asarray(ahead - candidate_values(past, steps, task.step_s, "day1"), dtype=np.float64)


def days(paths: Floats, task: Task, issued_at: datetime) -> dict[str, list[dict[str, Any]]]:
    """What the paths say of each of the site's days.

    Args:
        paths: (n, h) [W].
        task: grid and time zone.
        issued_at: start of the first step.

    Returns:
        `day_energy_kwh` and `day_peak_kw`: a row a day with `day`, `q10`, `q50`, `q90`, the `hours` of it
        that the forecast covers, and whether it is `partial`: what lies before or after is not in the
        figures then; peaks also have `at`, the start of the hour in which most paths peak.
    """
    times = pd.date_range(pd.Timestamp(issued_at), periods=paths.shape[1], freq=task.step)
    dates, step_h = times.tz_convert(task.timezone).date, task.step_s / HOUR_S
    energy, peak = [], []
    for day in sorted(set(dates)):
        inside = np.flatnonzero(dates == day)
        hours = len(inside) * step_h
        head = {
            "day": day.isoformat(),
            "hours": hours,
            "partial": hours < _length_h(day, ZoneInfo(task.timezone)),
        }
        course = paths[:, inside] / W_PER_KW
        at = _usual_hour(times[inside[course.argmax(axis=1)]])
        energy.append(head | _reported(course.sum(axis=1) * step_h))
        peak.append(head | _reported(course.max(axis=1)) | {"at": at})
    return {"day_energy_kwh": energy, "day_peak_kw": peak}


def _length_h(day: date, zone: ZoneInfo) -> float:
    """How long a day of the zone's calendar is: 23, 24 or 25 h as a rule."""
    midnights = [datetime.combine(d, time(), zone).astimezone(UTC) for d in (day, day + timedelta(days=1))]
    return (midnights[1] - midnights[0]) / timedelta(hours=1)


def _reported(values: Floats) -> dict[str, float]:
    found = np.quantile(values, REPORTED)
    return {f"q{level * 100:.0f}": round(float(v), 3) for level, v in zip(REPORTED, found, strict=True)}


def _usual_hour(times: pd.DatetimeIndex) -> str:
    hours, seen = np.unique(epoch_s(times.floor("h")), return_counts=True)
    return datetime.fromtimestamp(int(hours[seen.argmax()]), UTC).isoformat()
