"""Load and weather of the next hours, each as p10, p50 and p90: what the search optimises over."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from core import db, store
from core.errors import NotReadyError
from core.series import Floats, floor_time
from core.units import SECONDS_PER_HOUR, W_PER_KW
from twin.replay import CARBON

if TYPE_CHECKING:
    from datetime import datetime

    from core.clock import Clock
    from core.points import PointRef
    from core.site import Site

HORIZON_H: Final = 4
"""Length of the block that a recommendation is made for [h]; setpoints settle in minutes, load and wet bulb
change in hours."""
PLAN_H: Final = 24
"""How far the plan reaches [h], as far as the forecasts do."""
P10, MEDIAN, P90 = 0, 1, 2
QUANTILES: Final = (0.1, 0.5, 0.9)
WEIGHTS: Final = np.array([0.3, 0.4, 0.3])
"""Weights of p10, p50 and p90 that keep mean and variance of most distributions (Swanson's rule)."""
TARGET: Final = "it_power"
STEP_S: Final = 900
"""Grid of the forecasts that advice rests on [s]."""
MODELS: Final = ("ensemble", "lstm", "mstl", "twin", "seasonal_naive", "persistence")
"""Forecasters in the order in which they are believed where the chosen one is not fresh."""
NAIVE: Final = "seasonal_naive"
"""What every other forecaster has to beat. Where it is the one that is believed, its spread says how much."""
SKILL_DAYS: Final = 7
"""Days whose scores say whether a forecaster is better than that."""
SKILL_HOURS_MIN: Final = 24
"""Fewer scored hours than this say nothing about it."""
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
STEP: Final = timedelta(seconds=STEP_S)
STEP_H: Final = STEP_S / SECONDS_PER_HOUR
STEPS: Final = round(PLAN_H / STEP_H)
GAP_MAX: Final = 1.5
"""A forecast that leaves out more than half a step has a gap there."""
ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Load:
    """IT power to come, measured power at the inlet temperature of now."""

    model: str
    """Which forecaster; empty where there is none."""
    issued_at: datetime | None
    """When it was issued."""
    it_kw: Floats
    """(3, n) p10, p50, p90 of the next n quarters of an hour [kW]."""
    covered_h: float
    """How far it reaches [h]."""
    skill: float | None = None
    """Share by which its error lies below the naive forecast's [1]; none where it is not known."""


@dataclass(frozen=True, slots=True)
class Weather:
    """Weather to come."""

    source: str
    """Where from, in words."""
    dry_bulb_c: Floats
    """(n,) median of the next n quarters of an hour [degC]."""
    wet_bulb_c: Floats
    """(3, n) p10, p50, p90 of the same [degC]."""


@dataclass(frozen=True, slots=True)
class Carbon:
    """The grid's carbon intensity to come."""

    source: str
    """Where from, in words."""
    g_per_kwh: Floats
    """(n,) of the next n quarters of an hour [g/kWh]."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the twin is run on: n steps, quantiles of the load and of the wet bulb."""

    it_reference_kw: Floats
    """(3, n) IT power at the reference inlet, p10, p50, p90 [kW]."""
    dry_bulb_c: Floats
    """(n,) [degC]."""
    wet_bulb_c: Floats
    """(3, n) p10, p50, p90 [degC]."""
    step_h: float = STEP_H
    """Length of a step [h]."""
    start: datetime | None = None
    """When the first begins, UTC; none where no tariff asks."""

    @property
    def steps(self) -> int:
        """How many steps."""
        return int(self.dry_bulb_c.shape[0])

    @property
    def hours(self) -> float:
        """How many hours."""
        return self.steps * self.step_h

    def part(self, first: int, last: int) -> Outlook:
        """Steps `first` up to, but not including, `last`."""
        at = slice(first, last)
        start = self.start and self.start + first * timedelta(hours=self.step_h)
        return Outlook(
            self.it_reference_kw[:, at], self.dry_bulb_c[at], self.wet_bulb_c[:, at], self.step_h, start
        )

    def first(self, hours: float) -> Outlook:
        """The first hours, or as many as there are."""
        return self.part(0, min(round(hours / self.step_h), self.steps))

    def hourly(self) -> Outlook:
        """Means by the hour; the last one may be of less than an hour."""
        every = max(round(1.0 / self.step_h), 1)
        return Outlook(
            _means(self.it_reference_kw, every),
            _means(self.dry_bulb_c, every),
            _means(self.wet_bulb_c, every),
            self.step_h * every,
            self.start,
        )


def _means(values: Floats, every: int) -> Floats:
    starts = np.arange(0, values.shape[-1], every)
    counts = np.diff(np.append(starts, values.shape[-1]))
    return np.asarray(np.add.reduceat(values, starts, axis=-1) / counts, dtype=np.float64)


def forecast_age_max_s(clock: Clock) -> float:
    """Oldest forecast that advice may rest on [s of plant time]."""
    return max(FORECAST_AGE_MAX_S, FORECAST_AGE_MAX_WALL_S * clock.speed_ratio)


def load(conn: db.Connection, site: Site, clock: Clock) -> Load:
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
        until=now + PLAN_H * HOUR,
    )
    for model in ((choice["model"],) if choice else ()) + MODELS:
        rows = [row for row in found if row["model"] == model]
        if rows and (seen := _load(model, rows, now)).covered_h > 0:
            return replace(seen, skill=_skill(conn, site, model, now))
    return Load("", None, np.empty((len(QUANTILES), 0)), 0.0)


def _skill(conn: db.Connection, site: Site, model: str, now: datetime) -> float | None:
    """Share by which a model's loss lately lay below the naive one's [1]; none where too few are scored."""
    if model == NAIVE:
        return None
    row = db.row(
        conn,
        "twin_forecast_loss",
        site=site.id,
        target=TARGET,
        step_s=STEP_S,
        model=model,
        reference=NAIVE,
        since=now - timedelta(days=SKILL_DAYS),
        now=now,
    )
    known = row is not None and row["hours"] >= SKILL_HOURS_MIN and row["ratio"] is not None
    return 1.0 - float(row["ratio"]) if row and known else None


def _load(model: str, rows: list[db.Row], now: datetime) -> Load:
    """On the quarters of an hour from now on, as far as the forecast reaches without a gap."""
    begins_h = np.array([(row["valid_at"] - now) / HOUR for row in rows])
    step_h = rows[0]["step_s"] / SECONDS_PER_HOUR
    gaps = np.flatnonzero(np.diff(np.concatenate([[0.0], begins_h])) > GAP_MAX * step_h)
    whole = int(gaps[0]) if len(gaps) else len(rows)
    if not whole:
        return Load("", None, np.empty((len(QUANTILES), 0)), 0.0)
    reach_h = min(float(begins_h[whole - 1]) + step_h, PLAN_H)
    values = np.array([[row["q10"], row["q50"], row["q90"]] for row in rows[:whole]], float).T / W_PER_KW
    middles_h = _middles_h(_steps(reach_h))
    at_h = begins_h[:whole] + step_h / 2
    by_step = np.array([np.interp(middles_h, at_h, row) for row in values])
    return Load(model, rows[0]["issued_at"], by_step, reach_h)


def _steps(hours: float) -> int:
    """Steps that so many hours have, the last one begun or whole."""
    return min(math.ceil(hours / STEP_H - ROUNDING), STEPS)


def weather(conn: db.Connection, site: Site, now: datetime, steps: int = STEPS) -> Weather:
    """The weather to come: as forecast where a forecast is stored, else as measured plus the usual change.

    Args:
        conn: connection.
        site: the site.
        now: when.
        steps: how far; less comes back where a forecast reaches less far, if it covers `HORIZON_H`.

    Raises:
        NotReadyError: the weather has never been measured.
    """
    rows = db.rows(
        conn,
        "twin_weather_forecast",
        site=site.id,
        now=now,
        start=now - HOUR,
        until=now + steps * STEP + HOUR,
    )
    covered = int((rows[-1]["valid_at"] - now) / STEP) if rows else 0
    if min(covered, steps) >= min(round(HORIZON_H / STEP_H), steps):
        return _forecast_weather(rows, now, min(covered, steps))
    return _usual_weather(conn, site, now, steps)


def _middles_h(steps: int) -> Floats:
    return (np.arange(steps, dtype=np.float64) + 0.5) * STEP_H


def _forecast_weather(rows: list[db.Row], now: datetime, steps: int) -> Weather:
    at_h = np.array([(row["valid_at"] - now) / HOUR for row in rows])
    dry = np.interp(_middles_h(steps), at_h, [row["dry_bulb_c"] for row in rows])
    wet = np.interp(_middles_h(steps), at_h, [row["wet_bulb_c"] for row in rows])
    return Weather("weather forecast", dry, spread(wet, WEATHER_SPREAD_K))


def _usual_weather(conn: db.Connection, site: Site, now: datetime, steps: int) -> Weather:
    """The last hour's weather plus how it changed at this time of day on the last days."""
    dry = _by_hour(conn, site, site.sensors.dry_bulb, now)
    wet = _by_hour(conn, site, site.sensors.wet_bulb, now)
    if not (np.isfinite(dry[-1]) and np.isfinite(wet[-1])):
        raise NotReadyError("no weather measured in the last hour")
    hours = math.ceil(steps * STEP_H)
    dry_change, wet_change = _changes(dry, hours), _changes(wet, hours)
    if len(wet_change) < WEATHER_DAYS_MIN or len(dry_change) < WEATHER_DAYS_MIN:
        flat = np.full(steps, wet[-1])
        return Weather(
            "measured weather, taken to stay", np.full(steps, dry[-1]), spread(flat, 2 * WEATHER_SPREAD_K)
        )
    middles_h = np.arange(hours) + 0.5
    of_wet: Any = np.quantile(wet_change, QUANTILES, axis=0)
    quantiles = np.stack([np.interp(_middles_h(steps), middles_h, row) for row in of_wet])
    change = np.interp(_middles_h(steps), middles_h, np.median(dry_change, axis=0))
    source = f"measured weather and its usual change over {len(wet_change)} days"
    return Weather(source, dry[-1] + change, wet[-1] + quantiles)


def carbon(conn: db.Connection, site: Site, now: datetime, steps: int = STEPS) -> Carbon | None:
    """What the grid will be: as it says of itself and as usual at the hour, else as the tariff has it.

    Returns:
        None where neither says anything: then a kWh is as good as any other.
    """
    try:
        found = usual_carbon(_by_hour(conn, site, CARBON, now), steps)
    except NotReadyError:
        found = None
    fixed = site.tariff.carbon_g_per_kwh
    if found is None and fixed is not None:
        return Carbon("tariff", np.full(steps, fixed))
    return found


def usual_carbon(by_hour: Floats, steps: int = STEPS) -> Carbon | None:
    """The last hour's intensity and how it changed at this time of day; held where too few days are known.

    Args:
        by_hour: (n,) of the last days by the hour [g/kWh], the last one the hour that has just ended.
        steps: how far, in quarters of an hour.

    Returns:
        None where the grid has said nothing in that hour.
    """
    if not (len(by_hour) and np.isfinite(by_hour[-1])):
        return None
    hours = math.ceil(steps * STEP_H)
    changes = _changes(by_hour, hours)
    if len(changes) < WEATHER_DAYS_MIN:
        return Carbon("grid, taken to stay", np.full(steps, by_hour[-1]))
    change = np.interp(_middles_h(steps), np.arange(hours) + 0.5, np.median(changes, axis=0))
    said = f"grid and its usual change over {len(changes)} days"
    return Carbon(said, np.maximum(by_hour[-1] + change, 0.0))


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


def spread(median_c: Floats, half_k: float) -> Floats:
    """(3, n) p10, p50 and p90 [degC] that lie so far on either side of a median (n,)."""
    return np.stack([median_c - half_k, median_c, median_c + half_k])
