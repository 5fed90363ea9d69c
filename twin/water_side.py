"""Chilled water, chillers, economizer, liquid loops and heat rejection settle together.

A fixed number of iterations on the heat to reject; every element is solved on its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from twin.parameters import PUMP_HEAT_RATIO, Parameters
from twin.plant import cdu, chiller, condenser_air, economizer, pump, rejection, water
from twin.plant.curves import WATER_HEAT_KJ_PER_KGK

if TYPE_CHECKING:
    from twin.plant.cdu import CduState
    from twin.plant.curves import Floats
    from twin.state import Inputs

BASIN_HEATED_BELOW_C: Final = 4.5
"""Outdoor dry bulb below which a standing basin is heated [degC]: water is kept at about 4 degC."""
_ITERATIONS: Final = 5
_FIRST_GUESS_COP: Final = 5.0


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
    liquid: CduState | None
    """Coolant distribution units, zones on the first axis where there are several."""
    rejected_kw: Floats
    """Heat that tower or condenser air rejects or somebody takes for use [kW]."""
    reused_kw: Floats
    """Part of it that is used [kW]."""
    tower: rejection.RejectionState
    """Tower or dry cooler."""
    water_l_per_h: Floats
    """Water of tower and condenser air [L/h]."""
    basin_heater_kw: Floats
    """Heaters of the basin [kW]."""


def total(parameters: Parameters, values: Floats) -> Floats:
    """Over the zones."""
    return values.sum(axis=0) if parameters.zones > 1 else values


def solve(
    parameters: Parameters,
    inputs: Inputs,
    coil_kw: Floats,
    flow_ratio: Floats,
    liquid_it_kw: Floats | None = None,
) -> Water:
    """The water loops under the coils' load and the liquid-cooled equipment's.

    Args:
        parameters: the plant.
        inputs: what it is given, without zones.
        coil_kw: heat that the coils take from the air [kW].
        flow_ratio: water through the coils over design flow [1].
        liquid_it_kw: heat of liquid-cooled equipment [kW], zones on the first axis where there are several.
    """
    p = parameters
    chilled = inputs.chilled_water_c
    outdoor = rejection.OutdoorAir(inputs.dry_bulb_c, inputs.wet_bulb_c, p.pressure_pa)
    liquid = _liquid(p, inputs, liquid_it_kw, chilled) if p.liquid_from_chilled_water else None
    to_chilled: Floats = np.zeros(np.shape(coil_kw))
    if liquid is not None:
        to_chilled = total(p, liquid.facility_heat_kw)
    carrying = coil_kw + to_chilled + inputs.loop_extra_kw > 0
    pump_kw = np.where(carrying, pump.power_kw(p.chilled_water_pump, flow_ratio), 0.0)
    asked = coil_kw + to_chilled + inputs.loop_extra_kw + PUMP_HEAT_RATIO * pump_kw
    load = np.where(carrying, np.maximum(asked, 0.0), 0.0)
    water_kw_per_k = p.zones * p.crah.water_kw_per_k * flow_ratio
    if liquid is not None:
        water_kw_per_k = water_kw_per_k + WATER_HEAT_KJ_PER_KGK * total(p, liquid.facility_kgs)
    back = chilled + load / water_kw_per_k
    guess = load * (1.0 + 1.0 / _FIRST_GUESS_COP)
    predicted = rejection.coldest_c(p.rejection, guess, outdoor)
    free = _economizing(p, inputs, back, predicted)
    staged = None if np.isnan(inputs.staged).all() else inputs.staged
    motor_heat = p.chiller.record.motor_heat_ratio
    air = _condenser_air(p, inputs)
    heat = guess if air is None else np.zeros(np.shape(guess))
    asked_for = inputs.heat_reuse_kw
    wanted_outside = np.where(np.isnan(asked_for), p.heat_reuse_kw, asked_for)
    for _ in range(_ITERATIONS):
        reused = np.minimum(wanted_outside, heat)
        cold = rejection.solve(p.rejection, heat - reused, outdoor, free.target_c)
        saved = economizer.load_kw(p.economizer, free.enabled, water_kw_per_k, back, cold.leaving_c, load)
        entering = cold.leaving_c if air is None else air.entering_c
        machines = chiller.solve(p.chiller, load - saved, chilled, entering, inputs.chillers, staged)
        condensed = machines.served_kw + motor_heat * machines.power_kw
        carried = saved + machines.served_kw if air is None else saved
        if p.liquid is not None and liquid_it_kw is not None and not p.liquid_from_chilled_water:
            taken = cdu.facility_heat_kw(p.liquid, liquid_it_kw, cold.leaving_c, _liquid_set_c(p, inputs))
            carried = carried + total(p, taken)
        flow = np.where(carried > 0, rejection.flow_ratio(p.rejection, carried), 0.0)
        condenser_pump_kw = pump.power_kw(p.condenser_water_pump, flow)
        heat = carried + PUMP_HEAT_RATIO * condenser_pump_kw
        if air is None:
            heat = heat + motor_heat * machines.power_kw
    if not p.liquid_from_chilled_water:
        liquid = _liquid(p, inputs, liquid_it_kw, cold.leaving_c)
    reused = np.minimum(wanted_outside, heat)
    make_up = rejection.make_up_l_per_h(p.water, cold, heat - reused, outdoor)
    frost_k = np.maximum(BASIN_HEATED_BELOW_C - inputs.dry_bulb_c, 0.0)
    if air is not None:
        make_up = make_up + _precooling_l_per_h(p, air, machines, chilled)
        machines = machines._replace(outside=machines.outside | (air.outside & (machines.served_kw > 0)))
    return Water(
        load_kw=load,
        return_c=back,
        chilled_pump_kw=pump_kw,
        condenser_pump_kw=condenser_pump_kw,
        economizer_kw=saved,
        chillers=machines,
        liquid=liquid,
        rejected_kw=heat if air is None else heat + condensed,
        reused_kw=reused,
        tower=cold,
        water_l_per_h=make_up,
        basin_heater_kw=np.where(heat > 0, 0.0, p.basin_heater_kw_per_k * frost_k),
    )


def _liquid(
    p: Parameters, inputs: Inputs, liquid_it_kw: Floats | None, facility_c: Floats
) -> CduState | None:
    """The coolant distribution units on facility water of a temperature, where the plant has them."""
    if p.liquid is None or liquid_it_kw is None:
        return None
    return cdu.solve(p.liquid, liquid_it_kw, facility_c, _liquid_set_c(p, inputs))


def _liquid_set_c(p: Parameters, inputs: Inputs) -> Floats:
    """Supply of the technology cooling loop wanted [degC]."""
    return np.where(np.isnan(inputs.liquid_c), p.liquid_supply_c, inputs.liquid_c)


def _economizing(p: Parameters, inputs: Inputs, back: Floats, predicted: Floats) -> economizer.Mode:
    """The economizer's mode: as the weather has it, or as it was set."""
    chilled, wanted = inputs.chilled_water_c, inputs.condenser_water_c
    wanted = np.where(np.isnan(wanted), predicted, wanted)
    free = economizer.mode(p.economizer, chilled, back, predicted, wanted)
    if not p.economizer.present or np.isnan(inputs.economizing).all():
        return free
    always = replace(p.economizer, enable_k=np.inf)
    on, target = economizer.mode(always, chilled, back, predicted, wanted)
    used = np.where(np.isnan(inputs.economizing), free.enabled, inputs.economizing > 0)
    return economizer.Mode(on & used, np.where(used, target, wanted))


def _condenser_air(p: Parameters, inputs: Inputs) -> condenser_air.CondenserAir | None:
    """Air that enters the condensers of air-cooled chillers."""
    if not p.chiller.record.air_cooled:
        return None
    return condenser_air.entering(p.condenser_air, inputs.dry_bulb_c, inputs.wet_bulb_c, p.pressure_pa)


def _precooling_l_per_h(
    p: Parameters, air: condenser_air.CondenserAir, machines: chiller.ChillerState, chilled: Floats
) -> Floats:
    """Water of condenser air that is cooled by evaporation, blow-down included [L/h]."""
    if p.condenser_air.precool_ratio == 0.0:
        return np.zeros(np.shape(chilled))
    capacity, _, _ = chiller.performance(p.chiller, chilled, air.entering_c)
    design = condenser_air.design_air_kgs(
        p.condenser_air, p.chiller.record, p.chiller.capacity_kw, p.pressure_pa
    )
    moved = condenser_air.air_kgs(
        p.chiller.record, design, machines.served_kw, np.maximum(machines.running, 1.0), capacity
    )
    evaporated = np.where(machines.served_kw > 0, condenser_air.evaporation_kgs(air, moved), 0.0)
    make_up = water.use(p.water, evaporated, np.zeros(np.shape(chilled))).make_up_kgs
    return make_up * rejection.SECONDS_PER_HOUR
