"""Load and weather of the next hours, each as p10, p50 and p90: what the search optimises over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from core import db, store
from core.errors import NotReadyError
from core.series import Floats, floor_time
from core.units import SECONDS_PER_HOUR, W_PER_KW

if TYPE_CHECKING:
    from datetime import datetime

    from core.clock import Clock
    from core.points import PointRef
    from core.site import Site

HORIZON_H: Final = 4
"""Length of the block that a recommendation is made for [h]; setpoints settle in minutes, load and wet bulb
change in hours."""
P10, MEDIAN, P90 = 0, 1, 2
QUANTILES: Final = (0.1, 0.5, 0.9)
WEIGHTS: Final = np.array([0.3, 0.4, 0.3])
"""Weights of p10, p50 and p90 that keep mean and variance of most distributions (Swanson's rule)."""
TARGET: Final = "it_power"
STEP_S: Final = 900
"""Grid of the forecasts that advice rests on [s]."""
MODELS: Final = ("ensemble", "lstm", "mstl", "twin", "seasonal_naive", "persistence")
"""Forecasters in the order in which they are believed where the chosen one is not fresh."""
FORECAST_AGE_MAX_S: Final = 3600.0
"""Oldest forecast that advice may rest on [s]."""
FORECAST_AGE_MAX_WALL_S: Final = 60.0
"""The same as wall time, for a demonstration whose clock runs fast [s]."""
WEATHER_SPREAD_K: Final = 1.0
"""Half of the p10 to p90 range of a forecast wet bulb [K]; an assumption where no errors are on record."""
WEATHER_DAYS: Final = 14
"""Days whose changes of weather by the hour stand for today's where nobody forecasts the weather."""
WEATHER_DAYS_MIN: Final = 3
"""Fewer days of measured weather than this say nothing about their spread."""
HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Load:
    """IT power to come, measured power at the inlet temperature of now."""

    model: str
    """Which forecaster; empty where there is none."""
    issued_at: datetime | None
    """When it was issued."""
    it_kw: Floats
    """(3, n) p10, p50, p90 by the hour [kW]."""
    covered_h: float
    """How far it reaches [h]."""


@dataclass(frozen=True, slots=True)
class Weather:
    """Weather to come."""

    source: str
    """Where from, in words."""
    dry_bulb_c: Floats
    """(n,) median by the hour [degC]."""
    wet_bulb_c: Floats
    """(3, n) p10, p50, p90 by the hour [degC]."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the twin is run on: n hours, scenarios of load times scenarios of wet bulb."""

    it_reference_kw: Floats
    """(3, n) IT power at the reference inlet, p10, p50, p90 [kW]."""
    dry_bulb_c: Floats
    """(n,) [degC]."""
    wet_bulb_c: Floats
    """(3, n) p10, p50, p90 [degC]."""

    @property
    def hours(self) -> int:
        """How many hours."""
        return int(self.dry_bulb_c.shape[0])


def forecast_age_max_s(clock: Clock) -> float:
    """Oldest forecast that advice may rest on [s of plant time]."""
    return max(FORECAST_AGE_MAX_S, FORECAST_AGE_MAX_WALL_S * clock.speed_ratio)


def load(conn: db.Connection, site: Site, clock: Clock, hours: int = HORIZON_H) -> Load:
    """The IT power to come by the chosen forecaster, or the first other that is fresh; none: no model."""
    now = clock.now()
    of = {"site": site.id, "target": TARGET, "step_s": STEP_S}
    choice = db.row(conn, "forecast_choice", **of, now=now)
    found = db.rows(
        conn,
        "twin_forecast",
        **of,
        now=now,
        since=now - timedelta(seconds=forecast_age_max_s(clock)),
        until=now + hours * HOUR,
    )
    for model in ((choice["model"],) if choice else ()) + MODELS:
        rows = [row for row in found if row["model"] == model]
        if rows:
            return _load(model, rows, now, hours)
    return Load("", None, np.empty((len(QUANTILES), 0)), 0.0)


def _load(model: str, rows: list[db.Row], now: datetime, hours: int) -> Load:
    step_h = rows[0]["step_s"] / SECONDS_PER_HOUR
    values = np.array([[row["q10"], row["q50"], row["q90"]] for row in rows], float).T / W_PER_KW
    hour = np.array([max((row["valid_at"] - now) / HOUR, 0.0) for row in rows]).astype(int)
    wanted = min(hours, int(hour.max()) + 1)
    full = [h for h in range(wanted) if (hour == h).any()]
    by_hour = np.array([values[:, hour == h].mean(axis=1) for h in full]).T
    reach_h = (rows[-1]["valid_at"] - now) / HOUR + step_h
    covered_h = min(reach_h, float(hours)) if len(full) == wanted else float(len(full))
    return Load(model, rows[0]["issued_at"], by_hour, covered_h)


def weather(conn: db.Connection, site: Site, now: datetime, hours: int = HORIZON_H) -> Weather:
    """The weather to come: as forecast where a forecast is stored, else as measured plus the usual change.

    Raises:
        NotReadyError: the weather has never been measured.
    """
    rows = db.rows(
        conn,
        "twin_weather_forecast",
        site=site.id,
        now=now,
        start=now - HOUR,
        until=now + (hours + 1) * HOUR,
    )
    if len(rows) > hours:
        return _forecast_weather(rows, now, hours)
    return _usual_weather(conn, site, now, hours)


def _forecast_weather(rows: list[db.Row], now: datetime, hours: int) -> Weather:
    at_h = np.array([(row["valid_at"] - now) / HOUR for row in rows])
    middle_h = np.arange(hours) + 0.5
    dry = np.interp(middle_h, at_h, [row["dry_bulb_c"] for row in rows])
    wet = np.interp(middle_h, at_h, [row["wet_bulb_c"] for row in rows])
    return Weather("weather forecast", dry, _spread(wet, WEATHER_SPREAD_K))


def _usual_weather(conn: db.Connection, site: Site, now: datetime, hours: int) -> Weather:
    """The last hour's weather plus how it changed at this time of day on the last days."""
    dry = _by_hour(conn, site, site.sensors.dry_bulb, now)
    wet = _by_hour(conn, site, site.sensors.wet_bulb, now)
    if not (np.isfinite(dry[-1]) and np.isfinite(wet[-1])):
        raise NotReadyError("no weather measured in the last hour")
    dry_change, wet_change = _changes(dry, hours), _changes(wet, hours)
    if len(wet_change) < WEATHER_DAYS_MIN or len(dry_change) < WEATHER_DAYS_MIN:
        flat = np.full(hours, wet[-1])
        return Weather(
            "measured weather, taken to stay", np.full(hours, dry[-1]), _spread(flat, 2 * WEATHER_SPREAD_K)
        )
    quantiles: Any = np.quantile(wet_change, QUANTILES, axis=0)
    source = f"measured weather and its usual change over {len(wet_change)} days"
    return Weather(source, dry[-1] + np.median(dry_change, axis=0), wet[-1] + quantiles)


def _by_hour(conn: db.Connection, site: Site, ref: PointRef, now: datetime) -> Floats:
    """Means of the last days by the hour, the last one the hour that has just ended."""
    end = floor_time(now, HOUR)
    return store.series_sum(conn, site.id, (ref,), end - timedelta(days=WEATHER_DAYS), end, HOUR).values


def _changes(values: Floats, hours: int) -> Floats:
    """(days, hours) changes from the hour before on earlier days at this time of day; complete days only."""
    day = 24
    starts = range(len(values) - 1 - day, -1, -day)
    rows = [values[s + 1 : s + 1 + hours] - values[s] for s in starts]
    complete = [row for row in rows if len(row) == hours and np.isfinite(row).all()]
    return np.array(complete).reshape(-1, hours)


def _spread(median_c: Floats, half_k: float) -> Floats:
    return np.stack([median_c - half_k, median_c, median_c + half_k])
