"""A plant that the twin does not know: its equations with other parameters, and what it has no word for.

Beside drawn multipliers there are a chiller whose power follows the water temperature otherwise than its
curves, setpoints that are reached with a lag, noise, biased meters, a drifting inlet sensor, and a load that
nobody models and that varies slowly. None of it leaves in doubt what a change saves: the plant without it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from core.actions import Setpoint
from joulecast.demo import load, plant, weather
from twin import psychro
from twin.history import History
from twin.network import Conditions, Parameters, PlantState, Setpoints, solve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.series import Floats
    from core.site import Site

SPREAD: Final[dict[str, float]] = {
    "chiller_power": 0.12,
    "crah_fan": 0.12,
    "pump": 0.12,
    "tower_fan": 0.15,
    "tower_approach": 0.08,
    "economizer": 0.04,
    "ups_loss": 0.12,
    "ups_no_load": 0.10,
    "recirculation": 0.20,
    "coil_ua": 0.10,
    "leakage": 0.20,
    "other_load": 0.30,
}
"""Standard deviation of the logarithm of each drawn multiplier [1]."""
CHILLER_SLOPE_SD_PER_K: Final = 0.008
"""What a kelvin of chilled water is worth beyond the curves [1/K]: curves of 37 chillers of variable speed
give 3 to 6 % a kelvin, so that a quarter of it is not known from the plate."""
CHILLER_SLOPE_AT_C: Final = 9.0
LAG_S: Final = (200.0, 900.0)
"""Time constants with which setpoints are reached lie between these [s]."""
LOAD_SCALE: Final = (0.8, 1.3)
UNMODELLED_KW: Final = 4.0
"""Mean of the load that nobody models [kW]; it varies by half of that from day to day, and by the hour."""
FACILITY_BIAS_SD: Final = 0.003
SUBMETER_BIAS_SD: Final = 0.015
WET_BULB_BIAS_SD_K: Final = 0.2
WEATHER_SD_K: Final = 0.6
WEATHER_KEEP: Final = 0.9
"""What is left of the weather's deviation after an hour [1]."""
SEASON_D: Final = 36.5
"""Seeds lie so many days apart, so that ten make a year."""
HISTORY_D: Final = 14
AHEAD_D: Final = 7
STEP: Final = timedelta(minutes=5)
STEP_S: Final = STEP.total_seconds()
FIT_STEP: Final = timedelta(minutes=15)
PER_FIT: Final = FIT_STEP // STEP
HOUR_S: Final = 3600.0
FORECAST_EVERY_S: Final = 6 * HOUR_S
FIRST: Final = datetime(2026, 1, 5, tzinfo=UTC)
METERS: Final = ("chiller_kw", "crah_fan_kw", "pump_kw", "tower_fan_kw", "ups_loss_kw")


Steps = NDArray[np.integer[Any]]
"""Numbers of steps."""


class Outside(NamedTuple):
    """What is given from outside, (n,) each."""

    load_kw: Floats
    """IT power at the reference inlet [kW]."""
    dry_bulb_c: Floats
    wet_bulb_c: Floats
    beside_kw: Floats
    """The load that nobody models [kW]."""


@dataclass(frozen=True)
class TruePlant:
    """One seed's plant, weather and load."""

    site: Site
    seed: int
    ahead_d: int = AHEAD_D
    """Days that are decided on."""

    @cached_property
    def _drawn(self) -> dict[str, float]:
        rng = np.random.default_rng([self.seed, 1])
        return {
            "slope": float(rng.normal(0.0, CHILLER_SLOPE_SD_PER_K)),
            "load_scale": float(rng.uniform(*LOAD_SCALE)),
            "weeks": float(rng.integers(0, 200)),
            "facility": float(1.0 + rng.normal(0.0, FACILITY_BIAS_SD)),
            "wet": float(rng.normal(0.0, WET_BULB_BIAS_SD_K)),
            **{name: float(1.0 + rng.normal(0.0, SUBMETER_BIAS_SD)) for name in METERS},
            **{setpoint.value: float(rng.uniform(*LAG_S)) for setpoint in Setpoint},
        }

    @cached_property
    def parameters(self) -> Parameters:
        """The real equipment, as far as the twin has words for it."""
        rng = np.random.default_rng([self.seed, 2])
        factors = {name: float(np.exp(rng.normal(0.0, sd))) for name, sd in SPREAD.items()}
        return Parameters.from_design(self.site.plant).with_multipliers(factors)

    @property
    def start(self) -> datetime:
        """Start of the days that are decided on."""
        return FIRST + timedelta(days=round(SEASON_D * self.seed) % 365 + HISTORY_D)

    @property
    def start_s(self) -> float:
        """The same as POSIX time [s]."""
        return self.start.timestamp()

    def load_kw(self, time_s: Floats) -> Floats:
        """IT power at the reference inlet [kW]."""
        shifted = np.asarray(time_s, float) + self._drawn["weeks"] * 7 * weather.DAY_S
        gpu = load.gpu_power_kw(load.gpu_utilisation(shifted)).sum(axis=0)
        return np.asarray(self._drawn["load_scale"] * (load.server_power_kw(shifted) + gpu))

    @cached_property
    def _weather_noise(self) -> Floats:
        rng = np.random.default_rng([self.seed, 3])
        hours = (HISTORY_D + self.ahead_d + 3) * 24
        steps = rng.normal(0.0, WEATHER_SD_K * np.sqrt(1 - WEATHER_KEEP**2), hours)
        return np.asarray(lfilter([1.0], [1.0, -WEATHER_KEEP], steps))

    def weather(self, time_s: Floats) -> weather.Weather:
        """Outdoor conditions."""
        typical = weather.weather(time_s)
        hours = (np.asarray(time_s) - self.start_s) / HOUR_S + HISTORY_D * 24
        dry = typical.dry_bulb_c + np.interp(hours, np.arange(len(self._weather_noise)), self._weather_noise)
        humidity = typical.relative_humidity
        return weather.Weather(dry, psychro.wet_bulb_c(dry, humidity), humidity)

    def forecast(self, issued_s: float, valid_s: Floats) -> weather.Weather:
        """The weather as forecast: the truth with an error that grows with lead time, as the demo's."""
        rng = np.random.default_rng([self.seed, int(issued_s)])
        lead_h = np.maximum(valid_s - issued_s, 0.0) / HOUR_S
        off = rng.normal() * weather.FORECAST_ERROR_K_PER_ROOT_H * np.sqrt(lead_h)
        truth = self.weather(valid_s)
        dry = truth.dry_bulb_c + off
        return weather.Weather(dry, psychro.wet_bulb_c(dry, truth.relative_humidity), truth.relative_humidity)

    @cached_property
    def grid_s(self) -> Floats:
        """Every step from the history's start to two days after the end [s]."""
        count = (HISTORY_D + self.ahead_d + 2) * 24 * round(HOUR_S / STEP_S)
        return np.asarray(self.start_s - HISTORY_D * weather.DAY_S + STEP_S * np.arange(count))

    @cached_property
    def outside(self) -> Outside:
        """Everything on that grid that setpoints do not change."""
        outdoor, days = self.weather(self.grid_s), self.grid_s / weather.DAY_S
        phase = 0.37 * self.seed
        slow, daily = np.sin(2 * np.pi * days / 5.3 + phase), np.sin(2 * np.pi * days + phase)
        beside = UNMODELLED_KW * (1.0 + 0.5 * slow + 0.3 * daily)
        return Outside(self.load_kw(self.grid_s), outdoor.dry_bulb_c, outdoor.wet_bulb_c, beside)

    def steps(self, first: int, last: int, every: int = 1) -> Steps:
        """Steps of the grid, counted from the start of the days that are decided on."""
        zero = HISTORY_D * 24 * round(HOUR_S / STEP_S)
        return np.arange(zero + first, zero + last, every)

    def solve(self, steps: Steps, reached_c: Mapping[Setpoint, Floats]) -> PlantState:
        """What the plant really does at some steps at setpoints of shapes that broadcast with them."""
        load_kw, dry_c, wet_c, beside = (values[steps] for values in self.outside)
        state = solve(self.parameters, Conditions(load_kw, dry_c, wet_c), Setpoints.of(reached_c))
        water_c = np.asarray(reached_c[Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE])
        more = state.chiller_kw * np.expm1(self._drawn["slope"] * (water_c - CHILLER_SLOPE_AT_C))
        return replace(
            state,
            chiller_kw=state.chiller_kw + more,
            cooling_kw=state.cooling_kw + more,
            other_kw=state.other_kw + beside,
            facility_kw=state.facility_kw + more + beside,
        )

    def keep(self, setpoint: Setpoint) -> float:
        """Share of the way to a setpoint that is left after a step [1]."""
        return float(np.exp(-STEP_S / self._drawn[setpoint.value]))

    def reached(
        self, commanded_c: Mapping[Setpoint, Floats], before_c: Mapping[Setpoint, float | Floats]
    ) -> dict[Setpoint, Floats]:
        """Where the plant is at the end of each step; the last axis is time.

        Args:
            commanded_c: setpoints in force during the steps, (..., n).
            before_c: where the plant was before, (...).
        """
        found = {}
        for setpoint, wanted in commanded_c.items():
            keep = self.keep(setpoint)
            start = np.asarray(before_c[setpoint], float)[..., None] * keep
            path, _ = lfilter(
                [1.0 - keep], [1.0, -keep], wanted, zi=np.broadcast_to(start, (*np.shape(wanted)[:-1], 1))
            )
            found[setpoint] = np.asarray(path, dtype=np.float64)
        return found

    @property
    def channels(self) -> int:
        """How many series are measured."""
        return 5 + len(METERS) + len(plant.RACK_SHARES)

    def racks_c(self, state: PlantState) -> Floats:
        """(8, ...) true inlet by rack row."""
        shares = plant.RACK_SHARES.reshape(-1, *(1,) * np.ndim(state.inlet_c))
        return np.asarray(state.supply_air_c + shares * (state.inlet_c - state.supply_air_c))

    def sensed(self, steps: Steps, state: PlantState) -> Sensed:
        """What meters and sensors say."""
        rng = np.random.default_rng([self.seed, 4, int(steps[0])])
        time_s, dry_c, wet_c = (
            self.grid_s[steps],
            self.outside.dry_bulb_c[steps],
            self.outside.wet_bulb_c[steps],
        )

        def power(kw: Floats, bias: float = 1.0) -> Floats:
            return np.asarray(kw * bias * (1.0 + plant.POWER_NOISE * rng.standard_normal(np.shape(kw))))

        def warmth(c: Floats) -> Floats:
            return np.asarray(c + plant.TEMPERATURE_NOISE_K * rng.standard_normal(np.shape(c)))

        it_kw = power(state.it_kw)
        drift = plant.DRIFT_K_PER_DAY * (time_s / weather.DAY_S % plant.DRIFT_RESET_D)
        racks = warmth(self.racks_c(state))
        racks[plant.DRIFTING_RACK - 1] += drift
        return Sensed(
            it_kw=it_kw,
            facility_kw=power(state.facility_kw, self._drawn["facility"]),
            meters={name: power(_meter(state, name), self._drawn[name]) for name in METERS},
            racks_c=racks,
            supply_air_c=warmth(state.supply_air_c),
            dry_bulb_c=warmth(dry_c),
            wet_bulb_c=warmth(wet_c) + self._drawn["wet"],
        )


@dataclass(frozen=True, slots=True)
class Sensed:
    """Readings, (n,) each."""

    it_kw: Floats
    facility_kw: Floats
    meters: Mapping[str, Floats]
    racks_c: Floats
    """(8, n) inlets."""
    supply_air_c: Floats
    dry_bulb_c: Floats
    wet_bulb_c: Floats

    def stacked(self) -> Floats:
        """(channels, n) all of them."""
        rows = (self.it_kw, self.facility_kw, *self.meters.values(), *self.racks_c)
        return np.stack([*rows, self.supply_air_c, self.dry_bulb_c, self.wet_bulb_c])

    @classmethod
    def of(cls, rows: Floats) -> Sensed:
        """The inverse."""
        first, racks = 2 + len(METERS), slice(2 + len(METERS), -3)
        meters = dict(zip(METERS, rows[2:first], strict=True))
        return cls(rows[0], rows[1], meters, rows[racks], rows[-3], rows[-2], rows[-1])


def _meter(state: PlantState, name: str) -> Floats:
    return np.asarray(state.electrical_loss_kw if name == "ups_loss_kw" else getattr(state, name))


def history(start: datetime, sensed: Sensed, commanded_c: Mapping[Setpoint, Floats]) -> History:
    """Means of what was read over the steps that the twin is fitted on."""

    def mean(values: Floats) -> Floats:
        return np.asarray(values.reshape(*values.shape[:-1], -1, PER_FIT).mean(axis=-1), dtype=np.float64)

    return History(
        start=start,
        step=FIT_STEP,
        it_kw=mean(sensed.it_kw),
        facility_kw=mean(sensed.facility_kw),
        inlet_c=mean(sensed.racks_c).max(axis=0),
        supply_air_c=mean(sensed.supply_air_c),
        dry_bulb_c=mean(sensed.dry_bulb_c),
        wet_bulb_c=mean(sensed.wet_bulb_c),
        **{name: mean(values) for name, values in sensed.meters.items()},
        **{f"{_SHORT[setpoint]}_setpoint_c": mean(values) for setpoint, values in commanded_c.items()},
    )


_SHORT: Final[dict[Setpoint, str]] = {
    Setpoint.SUPPLY_AIR_TEMPERATURE: "supply_air",
    Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE: "chilled_water",
    Setpoint.CONDENSER_WATER_SUPPLY_TEMPERATURE: "condenser_water",
}
