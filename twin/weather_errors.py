"""How far weather forecasts are off, by how far ahead: what was measured less what had been forecast.

Each forecast of the last weeks leaves one course of errors over the horizon; laid over the forecast of now
they are scenarios of the weather to come, with the bias and the growth that this site's forecasts have.

References:
    Roulston and Smith, Combining dynamical and statistical ensembles, Tellus A 55, 2003: dressing a forecast
    with its past errors.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from operator import itemgetter
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

import numpy as np

from core import db, store
from core.errors import NotReadyError
from core.series import floor_time
from twin.advise.outlook import WEATHER_SPREAD_K

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from core.points import PointRef
    from core.site import Site
    from twin.plant.curves import Floats

PAST: Final = timedelta(days=28)
"""Forecasts issued before it do not say how far today's are off."""
COURSES_MIN: Final = 20
"""Fewer forecasts than this say nothing of the tails."""
MEASURED_MIN: Final = 0.9
"""Of a course, at least this share has to have been measured; gaps are bridged [1]."""
DAY: Final = timedelta(hours=24)
HOUR: Final = timedelta(hours=1)
EVEN: Final = (np.arange(10) + 0.5) / 10
"""Levels that stand for equal shares of a distribution [1]."""


@dataclass(frozen=True, slots=True)
class WeatherErrors:
    """Courses of measured less forecast, each as likely as the others."""

    dry_bulb_k: Floats
    """(n, h) [K]."""
    wet_bulb_k: Floats
    """(n, h) [K]."""
    source: str
    """Where from, in words."""


def weather_errors(
    conn: db.Connection, site: Site, issued_at: datetime, age: timedelta, step: timedelta, steps: int
) -> WeatherErrors:
    """The errors to expect of a weather forecast.

    Args:
        conn: connection.
        site: the site.
        issued_at: from when on the weather is looked at.
        age: of the weather forecast at that time.
        step: length of a step.
        steps: how many.

    Returns:
        Past errors at the same leads; the assumption where there are too few.
    """
    since = issued_at - PAST
    rows = db.rows(conn, "twin_weather_issues", site=site.id, now=issued_at, since=since)
    issues = [list(group) for _, group in groupby(rows, key=itemgetter("issued_at"))]
    try:
        dry, wet = (
            _courses(issues, name, age, step, steps, _measured(conn, site, ref, since, issued_at, step))
            for name, ref in (
                ("dry_bulb_c", site.sensors.dry_bulb),
                ("wet_bulb_c", site.sensors.wet_bulb),
            )
        )
    except NotReadyError:
        return assumed(steps, 0)
    whole = np.isfinite(dry).all(axis=1) & np.isfinite(wet).all(axis=1)
    count = int(whole.sum())
    if count < COURSES_MIN:
        return assumed(steps, count)
    said = f"as {count} weather forecasts of the last {PAST.days} days were off"
    return WeatherErrors(dry[whole], wet[whole], said)


def assumed(steps: int, count: int) -> WeatherErrors:
    """Normal errors of the assumed spread, the same at all leads."""
    scores = np.array([NormalDist().inv_cdf(level) for level in EVEN])
    sd_k = WEATHER_SPREAD_K / NormalDist().inv_cdf(0.9)
    errors = np.repeat((sd_k * scores / scores.std())[:, None], steps, axis=1)
    said = (
        f"taken as {WEATHER_SPREAD_K:.1f} K either way (80 %): {count} weather forecasts can be compared with"
        f" what was measured, {COURSES_MIN} are needed"
    )
    return WeatherErrors(errors, errors, said)


def wrapped_h(wanted_h: Floats, last_h: float) -> Floats:
    """Where a forecast is read that ends at `last_h`: past its end as a day before [h]."""
    days_back = np.ceil(np.maximum(wanted_h - last_h, 0.0) / (DAY / HOUR))
    return np.asarray(wanted_h - days_back * (DAY / HOUR), dtype=np.float64)


def _measured(
    conn: db.Connection, site: Site, ref: PointRef, start: datetime, end: datetime, step: timedelta
) -> tuple[datetime, Floats]:
    start = floor_time(start, step)
    return start, store.series_sum(conn, site.id, (ref,), start, end, step).values


def _courses(
    issues: Sequence[Sequence[db.Row]],
    name: str,
    age: timedelta,
    step: timedelta,
    steps: int,
    measured: tuple[datetime, Floats],
) -> Floats:
    """(n, h) errors of past forecasts [K]; NaN where one was too short or too little was measured since."""
    start, values = measured
    lead_h = age / HOUR + (np.arange(steps, dtype=np.float64) + 0.5) * (step / HOUR)
    found = np.full((len(issues), steps), np.nan)
    for course, rows in zip(found, issues, strict=True):
        issued = rows[0]["issued_at"]
        known_h = np.array([(row["valid_at"] - issued) / HOUR for row in rows])
        first = round((issued + age - start) / step)
        truth = values[max(first, 0) : max(first, 0) + steps]
        if known_h[-1] * HOUR >= DAY - HOUR and first >= 0 and len(truth) == steps:
            said = np.interp(wrapped_h(lead_h, known_h[-1]), known_h, [row[name] for row in rows])
            course[:] = _bridged(truth) - said
    return found


def _bridged(values: Floats) -> Floats:
    seen = np.isfinite(values)
    if seen.mean() < MEASURED_MIN:
        return np.full(len(values), np.nan)
    at = np.arange(len(values))
    return np.asarray(np.interp(at, at[seen], values[seen]), dtype=np.float64)
