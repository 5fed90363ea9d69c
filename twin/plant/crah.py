"""Computer-room air handlers: a chilled-water coil by effectiveness-NTU, a fan by the affinity laws.

Control: the fans first follow the equipment's airflow and the valve opens until the supply air meets its
setpoint; with the valve wide open the fans speed up; with the fans at full speed the supply air drifts
above its setpoint.

References:
    Counterflow effectiveness: Incropera, Fundamentals of Heat and Mass Transfer, table 11.4. Film
    coefficients by
    flow: Modelica Buildings ``DryCoilEffectivenessNTU`` (exponents 0.85 water, 0.8 air, ratio 2/3 at design).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from twin.plant.curves import AIR_HEAT_KJ_PER_M3K, Flags, Floats
from twin.plant.pump import AffinityParameters, power_kw

if TYPE_CHECKING:
    from collections.abc import Callable

WATER_EXPONENT = 0.85
AIR_EXPONENT = 0.8
WATER_RESISTANCE_SHARE = 0.4
"""Share of the water film in the coil's design resistance, from the ratio 2/3 of the conductances."""
SUPPLY_AIR_MAX_C = 45.0
"""Supply air drifts no higher than this; the heat that then remains is reported as unmet [degC]."""
_CAPACITY_RATIO_MAX = 1.0 - 1e-7
_UNITS_MIN = 1e-6
_ROOT_STEPS = 6
_VALVE_OPEN = 1.0
_EVERYTHING = 2.0


@dataclass(frozen=True, slots=True)
class CrahParameters:
    """All CRAHs of one hall; they run alike."""

    count: int
    """Number of units."""
    airflow_m3s: float
    """Design airflow of one unit [m3/s]."""
    fan: AffinityParameters
    """Fan of one unit."""
    ua_kw_per_k: float
    """Conductance of all coils at design flows [kW/K]."""
    water_kw_per_k: float
    """Heat capacity flow of all coils' water at design [kW/K]."""
    water_flow_min_ratio: float = 0.3
    """Least water flow over design flow [1]; a valve by-passes below it."""


class CrahState(NamedTuple):
    """What the CRAHs do."""

    heat_kw: Floats
    """Heat that the coils have to take, fans included [kW]."""
    unmet_kw: Floats
    """Part of it that they cannot take even with supply air at SUPPLY_AIR_MAX_C [kW]."""
    fan_kw: Floats
    """Power of all fans [kW]."""
    airflow_m3s: Floats
    """Air moved [m3/s]."""
    fan_speed_ratio: Floats
    """Fan speed over design speed [1]."""
    supply_air_c: Floats
    """Supply air temperature [degC]: the setpoint unless the coils fall short."""
    water_flow_ratio: Floats
    """Water flow through the coils over design flow [1]."""
    short: Flags
    """Whether the supply air misses its setpoint."""


def conductance_kw_per_k(
    parameters: CrahParameters, air_ratio: Floats, water_ratio: Floats, share: Floats
) -> Floats:
    """Heat taken per kelvin between entering air and entering water, eps Cmin [kW/K].

    Args:
        parameters: the coils.
        air_ratio: airflow of a running unit over its design flow [1].
        water_ratio: water flow of a running unit over its design flow [1].
        share: units running over all units [1].
    """
    water_film = WATER_RESISTANCE_SHARE * water_ratio**-WATER_EXPONENT
    air_film = (1.0 - WATER_RESISTANCE_SHARE) * air_ratio**-AIR_EXPONENT
    ua = parameters.ua_kw_per_k / (water_film + air_film)
    air = AIR_HEAT_KJ_PER_M3K * parameters.count * parameters.airflow_m3s * air_ratio
    water = parameters.water_kw_per_k * water_ratio
    least = np.minimum(air, water)
    ratio = np.minimum(least / np.maximum(air, water), _CAPACITY_RATIO_MAX)
    decay = np.exp(-(ua / least) * (1.0 - ratio))
    return share * least * (1.0 - decay) / (1.0 - ratio * decay)


def solve(
    parameters: CrahParameters,
    heat_kw: Floats,
    airflow_wanted_m3s: Floats,
    supply_air_set_c: Floats,
    water_supply_c: Floats,
    available: Floats,
) -> CrahState:
    """Fan speed, water flow and supply air that take the hall's heat.

    Args:
        parameters: the CRAHs.
        heat_kw: heat of the hall without the fans' own [kW].
        airflow_wanted_m3s: air that the equipment asks for, bypass included [m3/s].
        supply_air_set_c: supply air temperature setpoint [degC].
        water_supply_c: chilled water supply temperature [degC].
        available: units that can run, 0 to `count`.

    Returns:
        Arrays of the broadcast shape; all arguments have to be arrays.
    """
    share = np.maximum(available, _UNITS_MIN) / parameters.count
    full_m3s = share * parameters.count * parameters.airflow_m3s
    track = np.clip(airflow_wanted_m3s / full_m3s, parameters.fan.flow_min_ratio, 1.0)
    least_water = parameters.water_flow_min_ratio

    def speeds(effort: Floats) -> tuple[Floats, Floats]:
        water = least_water + (1.0 - least_water) * np.minimum(effort, _VALVE_OPEN)
        return track + (1.0 - track) * np.maximum(effort - _VALVE_OPEN, 0.0), water

    def heat(air: Floats) -> Floats:
        return heat_kw + share * parameters.count * power_kw(parameters.fan, air)

    def lowest_supply_c(effort: Floats) -> Floats:
        air, water = speeds(effort)
        taken = conductance_kw_per_k(parameters, air, water, share)
        return water_supply_c + heat(air) * (1.0 / taken - 1.0 / (AIR_HEAT_KJ_PER_M3K * full_m3s * air))

    effort = _least_effort(
        lambda e: lowest_supply_c(e) - supply_air_set_c, np.zeros(np.shape(heat_kw * track))
    )
    air, water = speeds(effort)
    total = heat(air)
    drifted = np.where(effort >= _EVERYTHING, lowest_supply_c(effort), supply_air_set_c)
    supply = np.minimum(np.maximum(drifted, supply_air_set_c), np.maximum(SUPPLY_AIR_MAX_C, supply_air_set_c))
    entering = supply + total / (AIR_HEAT_KJ_PER_M3K * full_m3s * air)
    capacity = conductance_kw_per_k(parameters, air, water, share) * np.maximum(
        entering - water_supply_c, 0.0
    )
    unmet = np.where(drifted > supply, np.maximum(total - capacity, 0.0), 0.0)
    fan = total - heat_kw
    return CrahState(total, unmet, fan, full_m3s * air, air, supply, water, supply > supply_air_set_c)


def _least_effort(excess: Callable[[Floats], Floats], zero: Floats) -> Floats:
    """Root of a falling function on [0, 2], kinked at 1, by the Illinois rule; 0 or 2 where it has none."""
    at_one = excess(zero + _VALVE_OPEN)
    upper = at_one > 0
    low = np.where(upper, _VALVE_OPEN, 0.0)
    high = np.where(upper, _EVERYTHING, _VALVE_OPEN)
    at_low = np.where(upper, at_one, excess(zero))
    at_high = np.where(upper, excess(zero + _EVERYTHING), at_one)
    least, none = ~upper & (at_low <= 0), upper & (at_high > 0)
    kept_low, kept_high = at_low, at_high
    for _ in range(_ROOT_STEPS):
        slope = kept_low - kept_high
        middle = np.clip(low + (high - low) * kept_low / np.where(slope > 0, slope, 1.0), low, high)
        value = excess(middle)
        above = value > 0
        kept_low, kept_high = (
            np.where(above, value, 0.5 * kept_low),
            np.where(above, 0.5 * kept_high, value),
        )
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.where(least, 0.0, np.where(none, _EVERYTHING, middle))
