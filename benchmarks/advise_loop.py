"""Seven days of a plant that the twin does not know: as it stands, by rule, as advised, by foresight."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from advise_plant import (
    AHEAD_D,
    FIT_STEP,
    FORECAST_EVERY_S,
    HISTORY_D,
    PER_FIT,
    STEP,
    STEP_S,
    Sensed,
    TruePlant,
    history,
)

from core.actions import Setpoint
from core.units import G_PER_KG
from joulecast.demo import plant, weather
from twin.advise import outlook, policy, realised, usual
from twin.advise.brief import Fitted
from twin.advise.outlook import Load, Weather
from twin.calibrate import calibrate, refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.series import Floats
    from core.site import Site
    from twin.history import History
    from twin.network import PlantState

DAY_TICKS: Final = round(weather.DAY_S / STEP_S)
TICKS: Final = AHEAD_D * DAY_TICKS
BEFORE: Final = HISTORY_D * DAY_TICKS
GUIDELINE_HIGH_C: Final = 16.0
"""So warm Guideline 36 would let the chilled water of these coils become [degC]."""
QUARTERS: Final = 96
"""Quarters of an hour of a day."""
DRAWN: Final = 16
"""Plants drawn for the interval of the verified saving."""
FORESIGHT_EVERY: Final = 6
"""Foresight looks at every so many steps."""
FORESIGHT_AHEAD: Final = (12, 48)
"""How many steps foresight looks ahead; what is better counts."""


class Simulation:
    """A true plant that runs and is measured, with its past; everything is kept on one grid of steps."""

    def __init__(self, true: TruePlant) -> None:
        steps = true.steps(-BEFORE, 0)
        past = plant.past_setpoints(true.grid_s[steps], true.start_s)
        reached = true.reached(past, {s: v[0] for s, v in past.items()})
        self.true, self.tick = true, 0
        self.start = {s: float(v[-1]) for s, v in past.items()}
        """Setpoints in force at the beginning [degC]."""
        self.reached = {s: float(v[-1]) for s, v in reached.items()}
        self.reached_at: list[dict[Setpoint, float]] = []
        """Where the plant was before each step [degC]."""
        self._commanded = {s: np.concatenate([v, np.empty(TICKS)]) for s, v in past.items()}
        state = true.solve(steps, reached)
        self._know(state)
        self._seen = np.empty((true.channels, BEFORE + TICKS))
        self._seen[:, :BEFORE] = true.sensed(steps, state).stacked()

    def read(self) -> policy.Reading:
        """What the sensors say now."""
        now = self.sensed(1)
        return policy.Reading(
            it_kw=float(now.it_kw[-1]),
            facility_kw=float(now.facility_kw[-1]),
            inlets_c=tuple(now.racks_c[:, -1].tolist()),
            supply_air_c=float(now.supply_air_c[-1]),
            dry_bulb_c=float(now.dry_bulb_c[-1]),
            wet_bulb_c=float(now.wet_bulb_c[-1]),
            chillers_running=self._running,
            tower_load_ratio=self._tower_ratio,
        )

    def run(self, setpoints_c: Mapping[Setpoint, float]) -> None:
        """Go on by one step."""
        self.reached_at.append(dict(self.reached))
        for setpoint, wanted in setpoints_c.items():
            keep = self.true.keep(setpoint)
            self.reached[setpoint] = keep * self.reached[setpoint] + (1.0 - keep) * wanted
            self._commanded[setpoint][BEFORE + self.tick] = wanted
        steps = self.true.steps(self.tick, self.tick + 1)
        state = self.true.solve(steps, {s: np.array([v]) for s, v in self.reached.items()})
        self._know(state)
        self._seen[:, [BEFORE + self.tick]] = self.true.sensed(steps, state).stacked()
        self.tick += 1

    def _know(self, state: PlantState) -> None:
        """What the plant's own controls know of it."""
        design = self.true.site.plant
        heat_kw = design.chiller_count * (design.chiller_capacity_kw or 0.0)
        heat_kw *= 1.0 + 1.0 / (design.chiller_cop or np.inf)
        self._running = float(state.chillers_running[-1])
        self._tower_ratio = float(state.tower_heat_kw[-1]) / heat_kw

    def sensed(self, ticks: int) -> Sensed:
        """What was read in the last steps, as many as asked for."""
        last = BEFORE + self.tick
        return Sensed.of(self._seen[:, last - ticks : last])

    def history(self, days: float) -> History:
        """The last days as the twin needs them."""
        ticks, last = round(days * DAY_TICKS), BEFORE + self.tick
        held = {s: v[last - ticks : last] for s, v in self._commanded.items()}
        return history(self.true.start + STEP * (self.tick - ticks), self.sensed(ticks), held)


@dataclass
class Knowledge:
    """What can be known at each step of a simulation: nothing of it looks ahead."""

    site: Site
    simulation: Simulation
    _fitted: Fitted | None = None
    _errors: Floats | None = None
    refused: int = 0

    def twin(self, tick: int) -> Fitted:
        """The twin, calibrated anew every midnight, with what it has since been right about."""
        if self._fitted is None or tick % DAY_TICKS == 0:
            found = calibrate(self.site, self.simulation.history(HISTORY_D))
            if refusal(found) is None or self._fitted is None:
                self._fitted = Fitted.of(self.site, replace(found, calibration_id=tick // DAY_TICKS + 1))
            else:
                self.refused += 1
        return self._fitted.after(self.simulation.history(1.0))

    @property
    def fitted(self) -> Fitted:
        """The twin as it was last calibrated."""
        if self._fitted is None:
            raise RuntimeError("nothing has been decided yet")
        return self._fitted

    def ahead(self, tick: int, seen: policy.Reading) -> tuple[Load, Weather]:
        """Forecasts of load and weather."""
        del seen
        at = self.simulation.true.start + STEP * tick
        return self._load(tick, at), self._weather(at)

    def _load(self, tick: int, at: Any) -> Load:
        quarters = self.simulation.sensed(usual.DAYS * DAY_TICKS).it_kw.reshape(-1, PER_FIT).mean(axis=-1)
        if self._errors is None or tick % DAY_TICKS == 0:
            self._errors = usual.errors(quarters)
        return Load("usual course", at, usual.quantiles(quarters, self._errors), outlook.PLAN_H)

    def _weather(self, at: Any) -> Weather:
        issued_s = (at.timestamp() - 300.0) // FORECAST_EVERY_S * FORECAST_EVERY_S
        valid_s = at.timestamp() + FIT_STEP.total_seconds() * (np.arange(QUARTERS) + 0.5)
        found = self.simulation.true.forecast(issued_s, valid_s)
        return Weather(
            "weather forecast",
            found.dry_bulb_c,
            outlook.spread(found.wet_bulb_c, outlook.WEATHER_SPREAD_K),
        )


def beyond_curves(site: Site) -> Site:
    """The site for rules that go on to warmer water than its chillers' published curves cover."""
    name = Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE
    warmer = site.setpoints[name].model_copy(update={"high_c": GUIDELINE_HIGH_C})
    return site.model_copy(update={"setpoints": {**site.setpoints, name: warmer}})


def closed_loop(site: Site, seed: int, *, foresight: bool = True) -> dict[str, Any]:
    """One seed's seven days."""
    true, took = TruePlant(site, seed), {}
    begun = time.perf_counter()
    advised = Simulation(true)
    start, reached = advised.start, dict(advised.reached)
    known = Knowledge(site, advised)
    follows = policy.Advised(site, lambda tick: true.start + STEP * tick, known.twin, known.ahead)
    courses = {"advised": policy.walk(advised, follows, start, TICKS, policy.DECISION_TICKS)}
    took["advised_s"] = time.perf_counter() - begun
    courses["fixed"] = policy.fixed(start, TICKS)
    if foresight:
        for name, its in (("rules", site), ("rules_beyond", beyond_curves(site))):
            courses[name] = policy.walk(Simulation(true), policy.Rules(its), start, TICKS)
        for free in (False, True):
            name = "foresight_free" if free else "foresight"
            looks = FORESIGHT_AHEAD[:1] if free else FORESIGHT_AHEAD
            tried = [_foresight(site, true, start, ahead, free=free) for ahead in looks]
            tried += [courses["foresight"]] if free else []
            courses[name] = min(tried, key=lambda c: _outcome(true, c, reached)["facility_kwh"])
    found = {name: _outcome(true, course, reached) for name, course in courses.items()}
    took["all_s"] = time.perf_counter() - begun
    return {
        "seed": seed,
        "outcomes": found,
        "moves": _scored(true, courses["advised"], advised, follows.moves),
        "held_back": dict(follows.held_back),
        "took": took,
        "verified": _verified(site, advised, known, start),
        "courses": {n: {s.value: v for s, v in course.items()} for n, course in courses.items()},
        "refused": known.refused,
    }


def _verified(
    site: Site, run: Simulation, known: Knowledge, start: Mapping[Setpoint, float]
) -> dict[str, float]:
    """What the meters and the twin in use at the end say was saved over the seven days."""
    seen = run.history(HISTORY_D + AHEAD_D)
    decided = np.arange(len(seen)) >= HISTORY_D * QUARTERS
    own = {s: np.where(decided, value, np.nan) for s, value in start.items()}
    calibration = known.fitted.calibration
    drawn = calibration.samples(site.plant, DRAWN, np.random.default_rng(run.true.seed))
    found = realised.period(seen, calibration.twin(site.plant), own, drawn, run.true.start)
    if found is None:
        return {}
    return {"p10_kwh": found.p10_kwh, "p50_kwh": found.p50_kwh, "p90_kwh": found.p90_kwh}


def _foresight(
    site: Site, true: TruePlant, start: dict[Setpoint, float], ahead: int, *, free: bool
) -> dict[Setpoint, Floats]:
    def solve(first: int, last: int, grid: Mapping[Setpoint, Floats]) -> PlantState:
        return true.solve(true.steps(first, last, FORESIGHT_EVERY), grid)

    knows = policy.Foresight(site, solve, ahead, free_motion=free)
    return policy.walk(_Blind(), knows, start, TICKS, policy.DECISION_TICKS)


class _Blind:
    """A plant that need not be run: foresight reads nothing."""

    def read(self) -> policy.Reading:
        return policy.Reading(0.0, 0.0, (), 0.0, 0.0, 0.0)

    def run(self, setpoints_c: Mapping[Setpoint, float]) -> None:
        del setpoints_c


def _outcome(
    true: TruePlant, course: Mapping[Setpoint, Floats], reached: Mapping[Setpoint, float]
) -> dict[str, float]:
    """True energy and temperatures of a course."""
    steps = true.steps(0, TICKS)
    state = true.solve(steps, true.reached(course, reached))
    limit_c = true.site.limits.envelope.recommended_high_c
    hours = STEP_S / 3600.0
    kwh, tariff = state.facility_kw * hours, true.site.tariff
    prices = tariff.energy_prices(true.start, STEP, TICKS, true.site.zone)
    return {
        "facility_kwh": float(kwh.sum()),
        "cost": float((kwh * prices).sum()),
        "carbon_kg": float(kwh.sum() * (tariff.carbon_g_per_kwh or 0.0) / G_PER_KG),
        "it_kwh": float(state.it_kw.sum() * hours),
        "inlet_max_c": float(state.inlet_c.max()),
        "excursion_ticks": int((state.inlet_c > limit_c).sum()),
        "unmet_max_kw": float(state.unmet_kw.max()),
        "pue": float(state.facility_kw.sum() / state.it_kw.sum()),
    }


def _scored(
    true: TruePlant, course: Mapping[Setpoint, Floats], run: Simulation, moves: list[policy.Move]
) -> list[dict[str, float]]:
    """What each recommendation said and what it truly saves over its horizon, all else equal."""
    rows = []
    for move in moves:
        ticks = round(move.horizon_h * 3600.0 / STEP_S)
        before = run.reached_at[move.tick]
        held = {s: float(v[move.tick]) for s, v in course.items()}
        two = {
            s: np.stack(
                [np.full(ticks, move.change.from_c if s is move.change.setpoint else v), np.full(ticks, v)]
            )
            for s, v in held.items()
        }
        both = {s: np.full(2, before[s]) for s in held}
        steps = true.steps(move.tick, move.tick + ticks)
        power = true.solve(steps, true.reached(two, both)).facility_kw.mean(axis=-1)
        rows.append(
            {
                "tick": move.tick,
                "setpoint": move.change.setpoint.value,
                "from_c": move.change.from_c,
                "to_c": move.change.to_c,
                "p10_kw": move.p10_kw,
                "p50_kw": move.p50_kw,
                "p90_kw": move.p90_kw,
                "true_kw": float(power[0] - power[1]),
            }
        )
    return rows
