"""What a good rule would do: Guideline 36 trim and respond, economizer modes, a near-optimal tower reset.

The rules are the baseline that advice has to beat, and what an operator falls back on. They are a pure state
machine, `begin` and `next_state`, one call for every five minutes; what a card shows is the same, carried on
for one period of advice.

References:
    ASHRAE Guideline 36, 5.1.14 (trim and respond) and 5.16.2 (supply air temperature); block TrimAndRespond
    and PlantReset of the Modelica Buildings library.
    Stein, "Waterside Economizing in Data Centers", ASHRAE Transactions 115 (2009): see `twin.plant.staging`.
    Braun, Near-optimal control strategies for chiller plants, ASHRAE Handbook, HVAC Applications, ch. 42:
    an open-loop rule for the tower lies within about 1 % of the optimum.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from core.actions import Change, Setpoint
from twin.plant.staging import ModeParameters, ModeStage, Temperatures, first_mode, next_mode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.site import SetpointRange, Site

RULE_NAME: Final = "Guideline 36 trim and respond, condenser water by wet bulb and load"
RESOLUTION_K: Final = 0.1
"""Setpoints are advised in steps of this size [K]."""
ADVICE_PERIOD_S: Final = 900.0
"""How far ahead the rule is carried: one period of advice [s]."""
CONDENSER_APPROACH_K: Final = 3.9
"""Wet bulb to condenser water at the standard tower rating (25.55 degC wet bulb, 5.56 K range) [K]."""
CONDENSER_RANGE_K: Final = 5.56
"""Water entering less water leaving the tower at that rating [K]."""
CHILLER_PER_K: Final = 0.026
"""Share of a chiller's power that 1 K of condenser water is worth [1/K]: median of 37 machines of variable
speed at 75 % load."""
PERIOD_S: Final = 300.0
"""How often the rules are asked [s]."""
STAGING_HOLD_S: Final = 900.0
"""The plant reset stands still for so long after a chiller has come or gone [s]."""
RESET_OPEN_PERCENT: Final = 50.0
"""Above this share of the plant reset the chilled water temperature moves, below it the pressure."""
RESET_FULL_PERCENT: Final = 100.0
WARM_BY_K: Final = 2.0
"""Supply air this much above its setpoint makes two requests for colder water [K]."""
HOT_BY_K: Final = 3.0
"""Supply air this much above its setpoint makes three requests [K]."""


@dataclass(frozen=True, slots=True)
class State:
    """Where a trim-and-respond loop stands."""

    setpoint: float
    """The setpoint [its own unit]."""
    on_s: float = 0.0
    """How long the equipment has been on [s]."""
    held_s: float = 0.0
    """How much longer the setpoint stands still [s]."""


@dataclass(frozen=True, slots=True)
class TrimAndRespond:
    """Parameters of a trim-and-respond loop, named as in the guideline."""

    initial: float
    """SP0, in force until the delay is over."""
    low: float
    """SPmin."""
    high: float
    """SPmax."""
    delay_s: float
    """Td [s]."""
    period_s: float
    """T [s]."""
    ignored: int
    """I, requests that count for nothing."""
    trim: float
    """SPtrim, every period."""
    respond: float
    """SPres, per request that counts; its sign is opposite to that of the trim."""
    respond_max: float
    """SPres-max, per period; it has the sign of the response."""
    hold_s: float = 0.0
    """Least time for which the setpoint stands still once it is held [s]."""

    def __post_init__(self) -> None:
        if self.trim * self.respond >= 0 or self.respond * self.respond_max <= 0:
            raise ValueError("trim and response have opposite signs, response and its limit the same")

    def next(self, state: State, requests: int, *, on: bool = True, hold: bool = False) -> State:
        """The state one period later.

        Args:
            state: where the loop stands.
            requests: requests standing now.
            on: whether the equipment runs; off puts the loop back to its beginning.
            hold: whether the setpoint is to stand still, e.g. because the plant is staging.
        """
        if not on:
            return State(self.initial)
        on_s = state.on_s + self.period_s
        held_s = self.hold_s if hold else max(state.held_s - self.period_s, 0.0)
        if hold or state.held_s > 0:
            return State(state.setpoint, on_s, held_s)
        if on_s < self.delay_s + self.period_s:
            return State(self.initial, on_s)
        net = requests - self.ignored
        change = self.trim
        if net > 0:
            size = min(abs(self.respond) * net, abs(self.respond_max))
            change += size if self.respond > 0 else -size
        return State(min(max(state.setpoint + change, self.low), self.high), on_s)

    def after(self, state: State, requests: int, duration_s: float) -> State:
        """The state after a time in which the requests stay as they are."""
        for _ in range(int(duration_s / self.period_s)):
            state = self.next(state, requests)
        return state


SUPPLY_AIR: Final = TrimAndRespond(
    initial=18.0, low=18.0, high=27.0, delay_s=0.0, period_s=120.0,
    ignored=0, trim=0.1, respond=-0.2, respond_max=-0.6,
)  # fmt: skip
"""Supply air temperature [degC]: up 3 K/h where nobody asks, down at most 15 K/h where racks are warm."""
PLANT_RESET: Final = TrimAndRespond(
    initial=100.0, low=0.0, high=100.0, delay_s=900.0, period_s=300.0,
    ignored=2, trim=-2.0, respond=3.0, respond_max=7.0, hold_s=STAGING_HOLD_S,
)  # fmt: skip
"""Chilled water plant reset [%]: 100 is the coldest water."""


ECONOMIZER: Final = ModeParameters()
"""Stein's bands, and at least 20 min in a state."""
PART_LOAD_MIN_RATIO: Final = 0.2
"""Least load and least air flow of a tower that runs [1]."""
APPROACH_MIN_K: Final = 1.5
"""No tower comes closer to the wet bulb [K]."""
EXCHANGER_APPROACH_K: Final = 1.5
"""Water leaving the economizer's exchanger over the tower's [K]."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What the rules look at."""

    in_force: Mapping[Setpoint, float]
    """Setpoints as the plant reports them [degC]."""
    inlets_c: tuple[float, ...]
    """Measured IT inlet temperatures [degC]."""
    supply_air_c: float | None
    """Measured supply air temperature [degC], where there is a sensor."""
    wet_bulb_c: float
    """Outdoor wet bulb [degC]."""
    chillers_running: float | None = None
    """How many run, where that is measured."""
    part_load_ratio: float | None = None
    """Heat that the tower rejects over its design [1], where it is known."""
    chilled_water_return_c: float | None = None
    """Chilled water return [degC], where it is measured."""
    economizer_leaving_c: float | None = None
    """Water leaving the economizer's exchanger [degC]; where not measured, it follows from the tower."""


@dataclass(frozen=True, slots=True)
class RuleState:
    """Where all rules stand."""

    air: State
    """Supply air [degC]."""
    water: State
    """Chilled water plant reset [%]."""
    economizer: ModeStage | None
    """The waterside economizer; none where the plant has none, or nobody measures the return."""
    chillers_running: float | None
    """How many ran last time."""
    elapsed_s: float = 0.0
    """Since the beginning [s]."""

    @property
    def economizing(self) -> bool:
        """Whether the economizer is in use."""
        return self.economizer is not None and bool(self.economizer.enabled)


def rack_requests(inlets_c: tuple[float, ...], limit_c: float, margin_k: float) -> int:
    """Requests of the racks for colder air: one above the limit less the margin, two above the limit."""
    return sum((inlet > limit_c - margin_k) + (inlet > limit_c) for inlet in inlets_c)


def water_requests(supply_air_c: float | None, setpoint_c: float) -> int:
    """Requests for colder water: the supply air misses its setpoint by more than 2 K or 3 K."""
    if supply_air_c is None:
        return 0
    above_k = supply_air_c - setpoint_c
    return 3 if above_k > HOT_BY_K else 2 if above_k > WARM_BY_K else 0


def begin(site: Site, now: Condition) -> RuleState:
    """The rules take over a plant as it is."""
    air = State(now.in_force.get(Setpoint.SUPPLY_AIR_TEMPERATURE, SUPPLY_AIR.initial), SUPPLY_AIR.delay_s)
    water = State(_percent(site, now), PLANT_RESET.delay_s)
    temperatures = _temperatures(site, now)
    economizer = None if temperatures is None else first_mode(ECONOMIZER, temperatures)
    return RuleState(air, water, economizer, now.chillers_running)


def next_state(site: Site, state: RuleState, now: Condition) -> RuleState:
    """Where the rules stand `PERIOD_S` later.

    Args:
        site: ranges and limits.
        state: where they stood.
        now: what they look at.
    """
    air_loop = _air_loop(site)
    requests = rack_requests(now.inlets_c, site.limits.envelope.recommended_high_c, site.limits.margin_k)
    air = state.air
    for _ in range(_periods(state.elapsed_s, air_loop)):
        air = air_loop.next(air, requests)
    staging = None not in {state.chillers_running, now.chillers_running} and (
        state.chillers_running != now.chillers_running
    )
    held_c = now.in_force.get(Setpoint.SUPPLY_AIR_TEMPERATURE)
    asked = 0 if held_c is None else water_requests(now.supply_air_c, held_c) * site.plant.crah_count
    water = state.water
    for _ in range(_periods(state.elapsed_s, PLANT_RESET)):
        water = PLANT_RESET.next(water, asked, hold=staging)
    temperatures, economizer = _temperatures(site, now), state.economizer
    if economizer is not None and temperatures is not None:
        economizer = next_mode(ECONOMIZER, economizer, temperatures, PERIOD_S)
    return RuleState(air, water, economizer, now.chillers_running, state.elapsed_s + PERIOD_S)


def setpoints(site: Site, state: RuleState, now: Condition) -> dict[Setpoint, float]:
    """What the rules command [degC], for the setpoints that the site names."""
    wanted = {
        Setpoint.SUPPLY_AIR_TEMPERATURE: lambda: state.air.setpoint,
        Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE: lambda: _chilled_water_c(site, state.water.setpoint),
        Setpoint.CONDENSER_WATER_SUPPLY_TEMPERATURE: lambda: _condenser_water_c(site, now),
    }
    return {name: wanted[name]() for name in site.setpoints if name in now.in_force}


def rule_changes(site: Site, now: Condition) -> tuple[Change, ...]:
    """What the rules would change in one period of advice, each change within the site's step and range."""
    state = begin(site, now)
    for _ in range(round(ADVICE_PERIOD_S / PERIOD_S)):
        state = next_state(site, state, now)
    changes = []
    for setpoint, wanted_c in setpoints(site, state, now).items():
        from_c = now.in_force[setpoint]
        to_c = within(wanted_c, from_c, site.setpoints[setpoint])
        if abs(to_c - from_c) >= RESOLUTION_K / 2:
            changes.append(Change(setpoint, from_c, to_c))
    return tuple(changes)


def within(wanted_c: float, from_c: float, bounds: SetpointRange) -> float:
    """The nearest value [degC] to what is wanted inside range and step, on the grid of advised values."""
    low = max(bounds.low_c, from_c - bounds.step_max_k)
    high = min(bounds.high_c, from_c + bounds.step_max_k)
    rounded = round(wanted_c / RESOLUTION_K) * RESOLUTION_K
    return round(min(max(rounded, low), high), 6)


def _periods(elapsed_s: float, loop: TrimAndRespond) -> int:
    """How many of a loop's periods end in the next `PERIOD_S`."""
    return int((elapsed_s + PERIOD_S) / loop.period_s) - int(elapsed_s / loop.period_s)


def _air_loop(site: Site) -> TrimAndRespond:
    bounds = site.setpoints.get(Setpoint.SUPPLY_AIR_TEMPERATURE)
    return SUPPLY_AIR if bounds is None else replace(SUPPLY_AIR, low=bounds.low_c, high=bounds.high_c)


def _per_percent_k(bounds: SetpointRange) -> float:
    return (bounds.high_c - bounds.low_c) / (RESET_FULL_PERCENT - RESET_OPEN_PERCENT)


def _percent(site: Site, now: Condition) -> float:
    """The plant reset at which the chilled water has the setpoint in force [%]."""
    name = Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE
    bounds, held_c = site.setpoints.get(name), now.in_force.get(name)
    if bounds is None or held_c is None:
        return PLANT_RESET.initial
    return RESET_OPEN_PERCENT + (bounds.high_c - held_c) / _per_percent_k(bounds)


def _chilled_water_c(site: Site, percent: float) -> float:
    bounds = site.setpoints[Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE]
    return bounds.high_c - (max(percent, RESET_OPEN_PERCENT) - RESET_OPEN_PERCENT) * _per_percent_k(bounds)


def _condenser_water_c(site: Site, now: Condition) -> float:
    bounds = site.setpoints[Setpoint.CONDENSER_WATER_SUPPLY_TEMPERATURE]
    wanted_c = now.wet_bulb_c + tower_approach_k(site, now.part_load_ratio)
    return min(max(wanted_c, bounds.low_c), bounds.high_c)


def tower_approach_k(site: Site, part_load_ratio: float | None) -> float:
    """Braun's open loop: approach [K] of the tower at the air flow that is near the least power.

    Chiller power falls by `CHILLER_PER_K` with colder water, fan power with the cube of the air; with
    approach and range as load over air, the best air flow is the fourth root of K times the square root of
    the load, K the chillers' gain over three times the fans' power. The rule is its tangent where it reaches
    full air.

    Args:
        site: size of chillers and fans.
        part_load_ratio: heat rejected over design [1]; none: the design's approach.
    """
    plant = site.plant
    sizes = plant.chiller_capacity_kw, plant.chiller_cop, plant.tower_fan_kw
    if part_load_ratio is None or not all(sizes):
        return CONDENSER_APPROACH_K
    capacity_kw, cop, fan_kw = (float(size or 0.0) for size in sizes)
    total_k = CONDENSER_APPROACH_K + CONDENSER_RANGE_K
    gain = CHILLER_PER_K * total_k * plant.chiller_count * capacity_kw / cop / (3.0 * fan_kw)
    full_at = 1.0 / math.sqrt(gain)
    slope = 0.5 / full_at
    load = min(max(part_load_ratio, PART_LOAD_MIN_RATIO), 1.0)
    air = min(max(1.0 - slope * (full_at - load), PART_LOAD_MIN_RATIO), 1.0)
    return max(total_k * load / air - CONDENSER_RANGE_K * load, APPROACH_MIN_K)


def _temperatures(site: Site, now: Condition) -> Temperatures | None:
    held_c = now.in_force.get(Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE)
    if site.plant.economizer is None or now.chilled_water_return_c is None or held_c is None:
        return None
    tower_c = now.wet_bulb_c + tower_approach_k(site, now.part_load_ratio)
    leaving_c = now.economizer_leaving_c
    if leaving_c is None:
        leaving_c = max(tower_c + EXCHANGER_APPROACH_K, held_c)
    given = (now.chilled_water_return_c, tower_c, leaving_c, held_c)
    return Temperatures(*(np.asarray(value, dtype=np.float64) for value in given))
