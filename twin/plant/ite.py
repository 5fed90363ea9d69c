"""IT equipment in air as EnergyPlus has it: processors, fans and power supply by load and inlet temperature.

Beside `server`, for comparison with EnergyPlus and for its users' curves; the example's curves are not
realistic (fans of 40 %, power that doubles between 15 and 30 degC).

References:
    EnergyPlus Input Output Reference and Engineering Reference, ``ElectricEquipment:ITE:AirCooled``. Curves
    and their bounds: EnergyPlus's data-centre example files, "Data Center Servers".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from twin.plant.curves import AIR_HEAT_KJ_PER_M3K, Bounds, Flags, Floats, biquadratic, divide, polynomial

if TYPE_CHECKING:
    from collections.abc import Sequence

LOAD_BOUNDS: Final = Bounds(0.0, 1.5)
"""Loads for which the example's curves were made [1]."""
INLET_BOUNDS: Final = Bounds(-10.0, 99.0)
"""Inlet temperatures for which the example's curves were made [degC]."""


@dataclass(frozen=True, slots=True)
class IteParameters:
    """Air-cooled equipment by EnergyPlus's curves; the defaults are those of its example."""

    design_kw: float
    """Processors and fans at design load and design inlet temperature [kW]."""
    fan_share_ratio: float = 0.4
    """Fans' share of that [1]."""
    airflow_m3s_per_kw: float = 0.1
    """Design airflow over design power [m3/(s kW)]."""
    power_curve: Sequence[float] = (-1.0, 1.0, 0.0, 0.06667, 0.0, 0.0)
    """Processors' power over design by load [1] and inlet temperature [degC], six coefficients."""
    airflow_curve: Sequence[float] = (-1.4, 0.9, 0.0, 0.1, 0.0, 0.0)
    """Airflow over design by the same."""
    fan_curve: Sequence[float] = (0.0, 1.0, 0.0)
    """Fans' power over design by airflow over design, three coefficients."""
    supply_efficiency_ratio: float = 0.9
    """Power supply's efficiency at design power [1]."""
    supply_curve: Sequence[float] = (1.0, 0.0, 0.0)
    """Power supply's efficiency over that by power over design, three coefficients."""
    load_bounds: Bounds = LOAD_BOUNDS
    """Loads for which the curves were made [1]."""
    inlet_bounds: Bounds = INLET_BOUNDS
    """Inlet temperatures for which the curves were made [degC]."""


class IteState(NamedTuple):
    """What the equipment does."""

    cpu_kw: Floats
    """Power of everything but fans [kW]."""
    fan_kw: Floats
    """Power of fans [kW]."""
    supply_loss_kw: Floats
    """Lost in the power supply [kW]."""
    airflow_m3s: Floats
    """Air through the equipment, at the inlet's density [m3/s]."""
    outside: Flags
    """Whether load or inlet temperature is outside the curves' bounds, at which they are held."""

    @property
    def heat_kw(self) -> Floats:
        """Heat that the hall gets [kW]: all of the power, the supply's loss with it."""
        return self.cpu_kw + self.fan_kw + self.supply_loss_kw


def solve(parameters: IteParameters, load_ratio: Floats, inlet_c: Floats) -> IteState:
    """Power and airflow of the equipment.

    ``P_cpu = P_des (1 - f) C1(load, T); P_fan = P_des f C2(V / V_des); V = V_des C3(load, T);
    P_loss = (P_cpu + P_fan) (1 - eta C4((P_cpu + P_fan) / P_des))``, none of them below 0.

    Args:
        parameters: the equipment.
        load_ratio: processors' load [1].
        inlet_c: air entering the equipment [degC].

    Returns:
        Arrays of the broadcast shape.
    """
    load, inlet = parameters.load_bounds.clip(load_ratio), parameters.inlet_bounds.clip(inlet_c)
    share = parameters.fan_share_ratio
    cpu = (1.0 - share) * np.maximum(biquadratic(parameters.power_curve, load, inlet), 0.0)
    air = np.maximum(biquadratic(parameters.airflow_curve, load, inlet), 0.0)
    fan = share * np.maximum(polynomial(parameters.fan_curve, air), 0.0)
    efficiency = parameters.supply_efficiency_ratio * polynomial(parameters.supply_curve, cpu + fan)
    design = parameters.design_kw
    return IteState(
        cpu_kw=design * cpu,
        fan_kw=design * fan,
        supply_loss_kw=design * (cpu + fan) * np.maximum(1.0 - efficiency, 0.0),
        airflow_m3s=design * parameters.airflow_m3s_per_kw * air,
        outside=parameters.load_bounds.outside(load_ratio) | parameters.inlet_bounds.outside(inlet_c),
    )


def outlet_c(
    state: IteState, inlet_c: Floats, air_heat_kj_per_m3k: Floats | float = AIR_HEAT_KJ_PER_M3K
) -> Floats:
    """Air leaving the equipment [degC]: ``T + (P_cpu + P_fan) / (rho cp V)``; the inlet's where none moves.

    Args:
        state: what the equipment does.
        inlet_c: air entering [degC].
        air_heat_kj_per_m3k: density times specific heat of the air [kJ/(m3 K)].
    """
    return inlet_c + divide(state.cpu_kw + state.fan_kw, air_heat_kj_per_m3k * state.airflow_m3s)
