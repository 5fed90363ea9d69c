"""Chilled water, chillers, economizer, liquid loops and heat rejection settle together.

A fixed number of iterations on the heat to reject; every element is solved on its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from twin.parameters import PUMP_HEAT_RATIO, Parameters
from twin.plant import chiller, economizer, pump, rejection

if TYPE_CHECKING:
    from twin.plant.curves import Floats
    from twin.state import Inputs

_ITERATIONS: Final = 5
_FIRST_GUESS_COP: Final = 5.0
BASIN_HEATED_BELOW_C: Final = 4.5
"""Outdoor dry bulb below which a standing basin is heated [degC]: water is kept at about 4 degC."""


@dataclass(frozen=True, slots=True)
class Water:
    """What the water loops do."""

    load_kw: Floats
    """Heat that the chilled water is asked to carry, its pumps' included [kW]."""
    return_c: Floats
    """Chilled water return [degC]."""
    chilled_pump_kw: Floats
    """Chilled-water pumps [kW]."""
    condenser_pump_kw: Floats
    """Condenser-water pumps [kW]."""
    economizer_kw: Floats
    """Part of the load that the economizer takes [kW]."""
    chillers: chiller.ChillerState
    """Chillers."""
    rejected_kw: Floats
    """Heat that the tower is asked to reject or somebody takes for use [kW]."""
    reused_kw: Floats
    """Part of it that is used [kW]."""
    tower: rejection.RejectionState
    """Tower or dry cooler."""
    water_l_per_h: Floats
    """Its make-up water [L/h]."""
    basin_heater_kw: Floats
    """Heaters of its basin [kW]."""


def solve(parameters: Parameters, inputs: Inputs, coil_kw: Floats, flow_ratio: Floats) -> Water:
    """The water loops under the coils' load.

    Args:
        parameters: the plant.
        inputs: what it is given.
        coil_kw: heat that the coils take from the air [kW].
        flow_ratio: water through the coils over design flow [1].
    """
    chilled = inputs.chilled_water_c
    outdoor = rejection.OutdoorAir(inputs.dry_bulb_c, inputs.wet_bulb_c, parameters.pressure_pa)
    pump_kw = np.where(coil_kw > 0, pump.power_kw(parameters.chilled_water_pump, flow_ratio), 0.0)
    load = np.where(coil_kw > 0, coil_kw + PUMP_HEAT_RATIO * pump_kw, 0.0)
    water_kw_per_k = parameters.crah.water_kw_per_k * flow_ratio
    back = chilled + load / water_kw_per_k
    guess = load * (1.0 + 1.0 / _FIRST_GUESS_COP)
    predicted = rejection.coldest_c(parameters.rejection, guess, outdoor)
    free = economizer.mode(parameters.economizer, chilled, back, predicted, inputs.condenser_water_c)
    heat = guess
    motor_heat = parameters.chiller.record.motor_heat_ratio
    for _ in range(_ITERATIONS):
        reused = np.minimum(inputs.heat_reuse_kw, heat)
        cold = rejection.solve(parameters.rejection, heat - reused, outdoor, free.target_c)
        saved = economizer.load_kw(
            parameters.economizer, free.enabled, water_kw_per_k, back, cold.leaving_c, load
        )
        machines = chiller.solve(parameters.chiller, load - saved, chilled, cold.leaving_c, inputs.chillers)
        carried = saved + machines.served_kw
        flow = np.where(carried > 0, rejection.flow_ratio(parameters.rejection, carried), 0.0)
        condenser_pump_kw = pump.power_kw(parameters.condenser_water_pump, flow)
        heat = carried + motor_heat * machines.power_kw + PUMP_HEAT_RATIO * condenser_pump_kw
    reused = np.minimum(inputs.heat_reuse_kw, heat)
    make_up = rejection.make_up_l_per_h(parameters.water, cold, heat - reused, outdoor)
    frost_k = np.maximum(BASIN_HEATED_BELOW_C - inputs.dry_bulb_c, 0.0)
    heater = np.where(heat > 0, 0.0, parameters.basin_heater_kw_per_k * frost_k)
    return Water(load, back, pump_kw, condenser_pump_kw, saved, machines, heat, reused, cold, make_up, heater)
