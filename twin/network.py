"""The whole plant in one vectorised solve: IT, air, water, electricity, over any (scenario x time) shape.

First the halls' air side settles, then the water side. Every element is solved on its own, so the order of
scenarios does not matter. First law: ``facility = rejected + reused + stored``, see
`PlantState.balance_residual_kw`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from twin import air_side, water_side
from twin.parameters import MULTIPLIERS, PUMP_HEAT_RATIO, Parameters
from twin.plant import server, ups
from twin.plant.curves import AIR_HEAT_KJ_PER_M3K, Flags, Floats, divide
from twin.state import BREAKDOWN, COOLING, Conditions, Inputs, PlantState, Setpoints

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = [
    "BREAKDOWN",
    "COOLING",
    "MULTIPLIERS",
    "Conditions",
    "Parameters",
    "PlantState",
    "Setpoints",
    "reference_load_kw",
    "solve",
]


def reference_load_kw(parameters: Parameters, it_kw: ArrayLike, supply_air_c: ArrayLike) -> Floats:
    """IT power at the reference inlet [kW] from measured IT power [kW] and supply air [degC].

    Args:
        parameters: the plant.
        it_kw: measured IT power.
        supply_air_c: supply air at that time; the mean inlet follows from it by the recirculation.
    """
    given = (np.asarray(values, dtype=np.float64) for values in (it_kw, supply_air_c))
    measured, supply = np.broadcast_arrays(*given)
    unlimited = np.full(measured.shape, np.inf)
    inlet = server.solve(parameters.server, np.maximum(measured, 0.0), supply, unlimited).inlet_c
    growth = server.power_growth(parameters.server, inlet)
    liquid = parameters.liquid_ratio
    return measured / (liquid + (1.0 - liquid) * growth)


def solve(
    parameters: Parameters,
    conditions: Conditions,
    setpoints: Setpoints,
    *,
    chillers_available: ArrayLike | None = None,
    crahs_available: ArrayLike | None = None,
    hall_excess_k: ArrayLike = 0.0,
    extra_heat_kw: ArrayLike = 0.0,
) -> PlantState:
    """The plant's steady state under conditions and setpoints.

    Args:
        parameters: the plant.
        conditions: load and weather.
        setpoints: what the operator sets.
        chillers_available: chillers that can run; all of them where not given.
        crahs_available: CRAHs that can run; all of them where not given.
        hall_excess_k: how much warmer the hall is than its controls ask [K], from stored heat.
        extra_heat_kw: stored heat to take out of the hall on top of what arises [kW].

    Returns:
        Arrays of the shape to which all arguments broadcast.
    """
    chillers = parameters.chiller.count if chillers_available is None else chillers_available
    crahs = parameters.crah.count if crahs_available is None else crahs_available
    return solve_inputs(
        parameters, Inputs.of(conditions, setpoints, chillers, crahs, hall_excess_k, extra_heat_kw)
    )


def solve_inputs(parameters: Parameters, inputs: Inputs) -> PlantState:
    """The same from inputs that are arrays of one shape already."""
    zones = parameters.zones
    air = air_side.solve(parameters, inputs if zones == 1 else inputs.split(zones))
    if zones > 1:
        air, inputs = air.together(), inputs.at(0)
    coil_kw = air.handlers.heat_kw - air.handlers.unmet_kw
    liquid_kw = air.liquid_it_kw if parameters.liquid is not None else None
    water = water_side.solve(parameters, inputs, coil_kw, air.handlers.water_flow_ratio, liquid_kw)
    return _state(parameters, inputs, air, water)


def _state(
    parameters: Parameters, inputs: Inputs, air: air_side.AirSide, water: water_side.Water
) -> PlantState:
    it, handlers, machines, tower = air.it, air.handlers, water.chillers, water.tower
    nothing = np.zeros(np.shape(it.it_kw))
    liquid = _liquid(parameters, air, water)
    powers = {
        "it_kw": it.it_kw + liquid.it_kw,
        "ups_loss_kw": air.losses.ups_kw,
        "pdu_loss_kw": air.losses.pdu_kw,
        "crah_fan_kw": handlers.fan_kw,
        "evaporative_kw": air.outdoor.power_kw,
        "chiller_kw": machines.power_kw,
        "chilled_water_pump_kw": water.chilled_pump_kw,
        "condenser_water_pump_kw": water.condenser_pump_kw,
        "liquid_pump_kw": liquid.pump_kw,
        "tower_fan_kw": tower.fan_kw,
        "basin_heater_kw": water.basin_heater_kw,
        "learned_kw": nothing.copy(),
        "other_kw": nothing + parameters.other_kw,
    }
    facility = _total(powers, BREAKDOWN)
    motor_loss = machines.power_kw * (1.0 - parameters.chiller.record.motor_heat_ratio)
    pump_loss = (water.chilled_pump_kw + water.condenser_pump_kw) * (1.0 - PUMP_HEAT_RATIO)
    ups_room = air.losses.ups_kw * (1.0 - parameters.ups.hall_share_ratio)
    beside = ("other_kw", "tower_fan_kw", "basin_heater_kw", "evaporative_kw")
    direct = ups_room + motor_loss + pump_loss + liquid.lost_kw + _total(powers, beside)
    rejected = water.rejected_kw - water.reused_kw + direct + handlers.removed_kw - air.envelope_kw
    loop_stored = machines.unmet_kw - inputs.loop_extra_kw if parameters.loop is not None else nothing
    hall_stored = handlers.unmet_kw + liquid.unmet_kw - inputs.extra_kw
    if parameters.loop is None:
        hall_stored = hall_stored + machines.unmet_kw
    stored = hall_stored + loop_stored
    unmet = np.where(inputs.extra_kw > 0, np.maximum(hall_stored, 0.0), hall_stored + inputs.extra_kw)
    outside = (
        machines.outside
        | tower.outside
        | air.outdoor.outside
        | liquid.outside
        | server.INLET_BOUNDS.outside(it.inlet_worst_c)
        | ups.LOAD_BOUNDS.outside(air.losses.load_ratio)
    )
    return PlantState(
        **powers,
        server_fan_kw=it.fan_kw,
        leakage_kw=it.leakage_kw,
        cooling_kw=_total(powers, COOLING),
        facility_kw=facility,
        cooling_load_kw=water.load_kw,
        economizer_load_kw=water.economizer_kw,
        chiller_load_kw=machines.served_kw,
        outdoor_air_load_kw=handlers.removed_kw,
        liquid_load_kw=liquid.load_kw,
        tower_heat_kw=water.rejected_kw - water.reused_kw,
        heat_rejected_kw=rejected,
        reused_kw=water.reused_kw,
        unmet_kw=unmet,
        stored_kw=stored,
        loop_stored_kw=loop_stored,
        inlet_c=it.inlet_worst_c,
        inlet_mean_c=it.inlet_c,
        supply_air_c=handlers.supply_air_c,
        return_air_c=_return_air_c(parameters, air),
        chilled_water_supply_c=inputs.chilled_water_c.copy(),
        chilled_water_return_c=water.return_c,
        condenser_water_supply_c=tower.leaving_c,
        chillers_running=machines.running,
        crah_fan_speed_ratio=handlers.fan_speed_ratio,
        crah_airflow_m3s=handlers.airflow_m3s,
        tower_air_ratio=tower.air_ratio,
        economizer_fraction=divide(water.economizer_kw, water.load_kw),
        water_l_per_h=water.water_l_per_h + air.outdoor.water_l_per_h,
        power_ratio=divide(facility, powers["it_kw"], otherwise=float("inf")),
        balance_residual_kw=facility - rejected - water.reused_kw - stored,
        extrapolated=outside,
        supply_air_short=handlers.short,
    )


class _Liquid(NamedTuple):
    """The liquid loops of all zones together."""

    it_kw: Floats
    pump_kw: Floats
    lost_kw: Floats
    load_kw: Floats
    unmet_kw: Floats
    outside: Flags


def _liquid(parameters: Parameters, air: air_side.AirSide, water: water_side.Water) -> _Liquid:
    it_kw = water_side.total(parameters, air.liquid_it_kw)
    units = water.liquid
    if units is None:
        none = np.zeros(np.shape(it_kw))
        return _Liquid(it_kw, none, none, none, none, np.zeros(np.shape(it_kw), dtype=np.bool_))
    pump_kw, heat_kw, load_kw, unmet_kw = (
        water_side.total(parameters, values)
        for values in (units.pump_kw, units.pump_heat_kw, units.facility_heat_kw, units.unmet_kw)
    )
    outside = units.outside | units.outside_class | units.short
    if parameters.zones > 1:
        outside = np.any(outside, axis=0)
    return _Liquid(it_kw, pump_kw, pump_kw - heat_kw, load_kw, unmet_kw, outside & (it_kw > 0))


def _return_air_c(parameters: Parameters, air: air_side.AirSide) -> Floats:
    heat = air.it.it_kw + air.losses.pdu_kw + parameters.ups.hall_share_ratio * air.losses.ups_kw
    return air.handlers.supply_air_c + (heat + air.envelope_kw) / (
        AIR_HEAT_KJ_PER_M3K * air.handlers.airflow_m3s
    )


def _total(powers: dict[str, Floats], names: tuple[str, ...]) -> Floats:
    total = np.zeros(np.shape(powers[names[0]]))
    for name in names:
        total = total + powers[name]
    return total
