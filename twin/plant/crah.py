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
from twin.plant.exchanger import capacity_ratio, effectiveness
from twin.plant.pump import AffinityParameters, power_kw

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

WATER_EXPONENT = 0.85
AIR_EXPONENT = 0.8
WATER_RESISTANCE_SHARE = 0.4
"""Share of the water film in the coil's design resistance, from the ratio 2/3 of the conductances."""
SUPPLY_AIR_MAX_C = 45.0
"""Supply air drifts no higher than this; the heat that then remains is reported as unmet [degC]."""
_UNITS_MIN = 1e-6
_POSITIVE_K = 1e-9
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
    water_flow_min_ratio: float = 0.02
    """Least water flow through the coils over design flow [1]: the valves' leakage."""


class CrahState(NamedTuple):
    """What the CRAHs do."""

    heat_kw: Floats
    """Heat that the coils have to take, that of the fans included [kW]."""
    removed_kw: Floats
    """Heat that outdoor air takes out of the hall's air before the coils [kW]."""
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
    return share * least * effectiveness(ua / least, capacity_ratio(least, np.maximum(air, water)))


def solve(
    parameters: CrahParameters,
    heat_kw: Floats,
    airflow_wanted_m3s: Floats,
    supply_air_set_c: Floats,
    water_supply_c: Floats,
    available: Floats,
    removable_kw: ArrayLike = 0.0,
) -> CrahState:
    """Fan speed, water flow and supply air that take the hall's heat.

    Args:
        parameters: the CRAHs.
        heat_kw: heat of the hall without the fans' own [kW].
        airflow_wanted_m3s: air that the equipment asks for, bypass included [m3/s].
        supply_air_set_c: supply air temperature setpoint [degC].
        water_supply_c: chilled water supply temperature [degC].
        available: units that can run, 0 to `count`.
        removable_kw: heat that outdoor air can take at the airflow wanted, ahead of the coils [kW].

    Returns:
        Arrays of the broadcast shape; all arguments but the last have to be arrays.
    """
    share = np.maximum(available, _UNITS_MIN) / parameters.count
    full_m3s = share * parameters.count * parameters.airflow_m3s
    track = np.clip(airflow_wanted_m3s / full_m3s, parameters.fan.flow_min_ratio, 1.0)
    left_kw = heat_kw - np.asarray(removable_kw, dtype=np.float64)
    coils = _Coils(parameters, left_kw, supply_air_set_c, water_supply_c, share, full_m3s, track)
    effort, most = coils.least_effort()
    air, water = coils.speeds(effort)
    fan_kw = coils.fan_kw(air)
    total = coils.heat(air)
    drifted = np.where(effort >= most, coils.lowest_supply_c(effort), supply_air_set_c)
    supply = np.minimum(np.maximum(drifted, supply_air_set_c), np.maximum(SUPPLY_AIR_MAX_C, supply_air_set_c))
    entering = supply + total / (AIR_HEAT_KJ_PER_M3K * full_m3s * air)
    taken = conductance_kw_per_k(parameters, air, water, share) * np.maximum(entering - water_supply_c, 0.0)
    unmet = np.where(drifted > supply, np.maximum(total - taken, 0.0), 0.0)
    short = supply > supply_air_set_c
    removed = heat_kw + fan_kw - total
    return CrahState(total, removed, unmet, fan_kw, full_m3s * air, air, supply, water, short)


@dataclass(frozen=True, slots=True)
class _Coils:
    """The control problem: one effort, of which 0 to 1 opens the valves and 1 to 2 speeds up the fans."""

    parameters: CrahParameters
    heat_kw: Floats
    """Of the hall, less what outdoor air can take; below zero where that is more [kW]."""
    supply_air_set_c: Floats
    water_supply_c: Floats
    share: Floats
    full_m3s: Floats
    track: Floats

    def speeds(self, effort: Floats) -> tuple[Floats, Floats]:
        """Fan speed and water flow over design [1]."""
        water = self.parameters.water_flow_min_ratio ** (1.0 - np.minimum(effort, _VALVE_OPEN))
        return self.track + (1.0 - self.track) * np.maximum(effort - _VALVE_OPEN, 0.0), water

    def fan_kw(self, air: Floats) -> Floats:
        """Power of all fans [kW]."""
        return self.share * self.parameters.count * power_kw(self.parameters.fan, air)

    def heat(self, air: Floats) -> Floats:
        """Heat to take, that of the fans included; outdoor air may take more than there is [kW]."""
        return np.maximum(self.heat_kw + self.fan_kw(air), 0.0)

    def _resistances(self, effort: Floats) -> tuple[Floats, Floats]:
        """Entering air above entering water, and entering air above supply air, both for all heat [K]."""
        air, water = self.speeds(effort)
        heat = self.heat(air)
        taken = conductance_kw_per_k(self.parameters, air, water, self.share)
        return heat / taken, heat / (AIR_HEAT_KJ_PER_M3K * self.full_m3s * air)

    def lowest_supply_c(self, effort: Floats) -> Floats:
        """The coldest supply air with which all heat is taken [degC]."""
        needed_k, rise_k = self._resistances(effort)
        return self.water_supply_c + needed_k - rise_k

    def excess(self, effort: Floats) -> Floats:
        """Logarithm of the temperature difference needed over that there is: nearly linear, falling [1]."""
        needed_k, rise_k = self._resistances(effort)
        there_k = self.supply_air_set_c - self.water_supply_c + rise_k
        return np.log(np.maximum(needed_k, _POSITIVE_K) / np.maximum(there_k, _POSITIVE_K))

    def least_effort(self) -> tuple[Floats, Floats]:
        """The least effort that holds the setpoint by the Illinois rule, and the most that is of use.

        More air than that most only adds fan heat: the vertex of a parabola through three efforts.
        """
        zero = np.zeros(np.shape(self.heat_kw * self.track))
        one, half, two = (self.lowest_supply_c(zero + effort) for effort in (_VALVE_OPEN, 1.5, _EVERYTHING))
        bend = one - 2.0 * half + two
        vertex = 1.5 + 0.25 * (one - two) / np.where(bend > 0, bend, 1.0)
        most = np.clip(np.where(bend > 0, vertex, _EVERYTHING), _VALVE_OPEN, _EVERYTHING)
        at_one = self.excess(zero + _VALVE_OPEN)
        upper = at_one > 0
        low, high = np.where(upper, _VALVE_OPEN, 0.0), np.where(upper, most, _VALVE_OPEN)
        at_low = np.where(upper, at_one, self.excess(zero))
        at_high = np.where(upper, self.excess(most), at_one)
        least, none = ~upper & (at_low <= 0), upper & (at_high > 0)
        middle = low
        stayed = np.zeros(np.shape(low))  # 1 where the low end moved last, -1 where the high one did
        for _ in range(_ROOT_STEPS):
            slope = at_low - at_high
            middle = np.clip(low + (high - low) * at_low / np.where(slope > 0, slope, 1.0), low, high)
            value = self.excess(middle)
            above = value > 0
            at_low, at_high = (
                np.where(above, value, np.where(stayed < 0, 0.5, 1.0) * at_low),
                np.where(above, np.where(stayed > 0, 0.5, 1.0) * at_high, value),
            )
            stayed = np.where(above, 1.0, -1.0)
            low, high = np.where(above, middle, low), np.where(above, high, middle)
        found = np.where(least, 0.0, np.where(none, most, np.minimum(middle, most * (1.0 - 1e-12))))
        return found, np.where(upper, most, _EVERYTHING)
