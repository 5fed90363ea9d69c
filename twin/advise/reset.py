"""What a good rule would do: ASHRAE Guideline 36 trim and respond, and a near-optimal condenser water reset.

The rules are the baseline that advice has to beat, and what an operator falls back on.

References:
    ASHRAE Guideline 36, 5.1.14 (trim and respond) and 5.16.2 (supply air temperature); block TrimAndRespond
    and PlantReset of the Modelica Buildings library.
    Braun, Near-optimal control strategies for chiller plants, ASHRAE Handbook, HVAC Applications, ch. 42:
    an open-loop rule for the tower lies within about 1 % of the optimum.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from core.actions import Change, Setpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.site import SetpointRange, Site

RULE_NAME: Final = "Guideline 36 trim and respond, condenser water by wet bulb"
RESOLUTION_K: Final = 0.1
"""Setpoints are advised in steps of this size [K]."""
ADVICE_PERIOD_S: Final = 900.0
"""How far ahead the rule is carried: one period of advice [s]."""
CONDENSER_APPROACH_K: Final = 3.9
"""Wet bulb to condenser water at the standard tower rating (25.55 degC wet bulb, 5.56 K range) [K]."""
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

    def __post_init__(self) -> None:
        if self.trim * self.respond >= 0 or self.respond * self.respond_max <= 0:
            raise ValueError("trim and response have opposite signs, response and its limit the same")

    def next(self, state: State, requests: int, *, on: bool = True) -> State:
        """The state one period later.

        Args:
            state: where the loop stands.
            requests: requests standing now.
            on: whether the equipment runs; off puts the loop back to its beginning.
        """
        if not on:
            return State(self.initial)
        on_s = state.on_s + self.period_s
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
    ignored=2, trim=-2.0, respond=3.0, respond_max=7.0,
)  # fmt: skip
"""Chilled water plant reset [%]: 100 is the coldest water."""


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


def rack_requests(inlets_c: tuple[float, ...], limit_c: float, margin_k: float) -> int:
    """Requests of the racks for colder air: one above the limit less the margin, two above the limit."""
    return sum((inlet > limit_c - margin_k) + (inlet > limit_c) for inlet in inlets_c)


def water_requests(supply_air_c: float | None, setpoint_c: float) -> int:
    """Requests for colder water: the supply air misses its setpoint by more than 2 K or 3 K."""
    if supply_air_c is None:
        return 0
    above_k = supply_air_c - setpoint_c
    return 3 if above_k > HOT_BY_K else 2 if above_k > WARM_BY_K else 0


def rule_changes(site: Site, now: Condition) -> tuple[Change, ...]:
    """What the rules would change in one period of advice, each change within the site's step and range."""
    wanted = {
        Setpoint.SUPPLY_AIR_TEMPERATURE: _supply_air,
        Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE: _chilled_water,
        Setpoint.CONDENSER_WATER_SUPPLY_TEMPERATURE: _condenser_water,
    }
    changes = []
    for setpoint, bounds in site.setpoints.items():
        from_c = now.in_force.get(setpoint)
        if from_c is None:
            continue
        to_c = within(wanted[setpoint](site, bounds, now), from_c, bounds)
        if abs(to_c - from_c) >= RESOLUTION_K / 2:
            changes.append(Change(setpoint, from_c, to_c))
    return tuple(changes)


def within(wanted_c: float, from_c: float, bounds: SetpointRange) -> float:
    """The nearest value [degC] to what is wanted inside range and step, on the grid of advised values."""
    low = max(bounds.low_c, from_c - bounds.step_max_k)
    high = min(bounds.high_c, from_c + bounds.step_max_k)
    rounded = round(wanted_c / RESOLUTION_K) * RESOLUTION_K
    return round(min(max(rounded, low), high), 6)


def _supply_air(site: Site, bounds: SetpointRange, now: Condition) -> float:
    start = now.in_force[Setpoint.SUPPLY_AIR_TEMPERATURE]
    limit_c = site.limits.envelope.recommended_high_c
    loop = replace(SUPPLY_AIR, initial=start, low=bounds.low_c, high=bounds.high_c)
    requests = rack_requests(now.inlets_c, limit_c, site.limits.margin_k)
    return loop.after(State(start, loop.delay_s), requests, ADVICE_PERIOD_S).setpoint


def _chilled_water(site: Site, bounds: SetpointRange, now: Condition) -> float:
    del site
    start_c = now.in_force[Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE]
    air_c = now.in_force.get(Setpoint.SUPPLY_AIR_TEMPERATURE)
    requests = water_requests(now.supply_air_c, air_c) if air_c is not None else 0
    span = RESET_FULL_PERCENT - RESET_OPEN_PERCENT
    k_per_percent = (bounds.high_c - bounds.low_c) / span
    start = RESET_OPEN_PERCENT + (bounds.high_c - start_c) / k_per_percent
    end = PLANT_RESET.after(State(start, PLANT_RESET.delay_s), requests, ADVICE_PERIOD_S).setpoint
    return bounds.high_c - (max(end, RESET_OPEN_PERCENT) - RESET_OPEN_PERCENT) * k_per_percent


def _condenser_water(site: Site, bounds: SetpointRange, now: Condition) -> float:
    del site
    return min(max(now.wet_bulb_c + CONDENSER_APPROACH_K, bounds.low_c), bounds.high_c)
