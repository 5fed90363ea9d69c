"""The whole plant in one vectorised solve: IT, air, water, electricity, over any (scenario x time) shape.

Order: equipment and air handlers settle together (supply air may drift where the coils fall short); then
chillers, economizer and tower settle together (a fixed number of iterations). Every element is solved on
its own, so the order of scenarios does not matter. First law: ``facility = rejected + stored``, see
`PlantState.balance_residual_kw`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from twin.parameters import MULTIPLIERS, PUMP_HEAT_RATIO, Parameters
from twin.plant import chiller, crah, economizer, pump, server, tower, ups
from twin.plant.curves import AIR_HEAT_KJ_PER_M3K, Floats, divide
from twin.state import BREAKDOWN, COOLING, Conditions, PlantState, Setpoints

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

_AIR_ITERATIONS: Final = 8
_WATER_ITERATIONS: Final = 5
_FIRST_GUESS_COP: Final = 5.0


def _floats(values: ArrayLike) -> Floats:
    return np.asarray(values, dtype=np.float64)


def reference_load_kw(parameters: Parameters, it_kw: ArrayLike, supply_air_c: ArrayLike) -> Floats:
    """IT power at the reference inlet [kW] from measured IT power [kW] and supply air [degC].

    Args:
        parameters: the plant.
        it_kw: measured IT power.
        supply_air_c: supply air at that time; the mean inlet follows from it by the recirculation.
    """
    measured, supply = np.broadcast_arrays(_floats(it_kw), _floats(supply_air_c))
    unlimited = np.full(measured.shape, np.inf)
    inlet = server.solve(parameters.server, np.maximum(measured, 0.0), supply, unlimited).inlet_c
    return server.reference_load_kw(parameters.server, measured, inlet)


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
    given = (
        conditions.it_reference_kw,
        conditions.dry_bulb_c,
        conditions.wet_bulb_c,
        setpoints.supply_air_temperature_c,
        setpoints.chilled_water_supply_temperature_c,
        setpoints.condenser_water_supply_temperature_c,
        chillers,
        crahs,
        hall_excess_k,
        extra_heat_kw,
    )
    it_reference, dry, wet, supply, chilled, condenser, n_chillers, n_crahs, excess, extra = (
        np.broadcast_arrays(*(_floats(values) for values in given))
    )
    air = _air_side(parameters, it_reference, supply + excess, chilled, n_crahs, extra)
    water = _water_side(parameters, air, wet, chilled, condenser, n_chillers)
    return _state(parameters, air, water, dry, wet, chilled, extra)


@dataclass(frozen=True, slots=True)
class _Air:
    it: server.ServerState
    losses: ups.Losses
    crah: crah.CrahState


@dataclass(frozen=True, slots=True)
class _Water:
    load_kw: Floats
    return_c: Floats
    chilled_pump_kw: Floats
    condenser_pump_kw: Floats
    economizer_kw: Floats
    chillers: chiller.ChillerState
    tower_heat_kw: Floats
    tower: tower.TowerState


def _air_side(
    parameters: Parameters,
    it_reference: Floats,
    supply: Floats,
    chilled: Floats,
    crahs: Floats,
    extra: Floats,
) -> _Air:
    """Equipment and CRAHs; repeated while supply air drifts, because warmer equipment draws more power."""
    most_m3s = crahs * parameters.crah.airflow_m3s
    supply_set = supply
    for _ in range(_AIR_ITERATIONS):
        it = server.solve(parameters.server, it_reference, supply, most_m3s)
        losses = ups.losses(parameters.ups, it.it_kw)
        wanted = it.airflow_m3s * (1.0 - it.recirculation_ratio) / (1.0 - parameters.server.bypass_ratio)
        heat = it.it_kw + losses.pdu_kw + extra
        handlers = crah.solve(parameters.crah, heat, wanted, supply_set, chilled, crahs)
        supply = handlers.supply_air_c
        if not handlers.short.any():
            break
    return _Air(it, losses, handlers)


def _water_side(
    parameters: Parameters, air: _Air, wet: Floats, chilled: Floats, condenser: Floats, available: Floats
) -> _Water:
    """Chillers, economizer and tower, by a fixed number of iterations on the chillers' power."""
    flow = air.crah.water_flow_ratio
    pump_kw = pump.power_kw(parameters.chilled_water_pump, flow)
    heat = air.crah.heat_kw - air.crah.unmet_kw
    load = np.where(heat > 0, heat + PUMP_HEAT_RATIO * pump_kw, 0.0)
    pump_kw = np.where(heat > 0, pump_kw, 0.0)
    water_kw_per_k = parameters.crah.water_kw_per_k * flow
    back = chilled + load / water_kw_per_k
    guess = load * (1.0 + 1.0 / _FIRST_GUESS_COP)
    predicted = tower.coldest_c(parameters.tower, guess, wet)
    free = economizer.mode(parameters.economizer, chilled, back, predicted, condenser)
    tower_heat = guess
    motor_heat = parameters.chiller.record.motor_heat_ratio
    for _ in range(_WATER_ITERATIONS):
        cold = tower.solve(parameters.tower, tower_heat, wet, free.target_c)
        saved = economizer.load_kw(
            parameters.economizer, free.enabled, water_kw_per_k, back, cold.leaving_c, load
        )
        machines = chiller.solve(parameters.chiller, load - saved, chilled, cold.leaving_c, available)
        carried = saved + machines.served_kw
        condenser_flow = np.where(carried > 0, tower.flow_ratio(parameters.tower, carried), 0.0)
        condenser_pump_kw = pump.power_kw(parameters.condenser_water_pump, condenser_flow)
        tower_heat = carried + motor_heat * machines.power_kw + PUMP_HEAT_RATIO * condenser_pump_kw
    return _Water(load, back, pump_kw, condenser_pump_kw, saved, machines, tower_heat, cold)


def _state(
    parameters: Parameters, air: _Air, water: _Water, dry: Floats, wet: Floats, chilled: Floats, extra: Floats
) -> PlantState:
    it, machines = air.it, water.chillers
    other = np.full(np.shape(it.it_kw), parameters.other_kw)
    powers = dict(
        zip(
            BREAKDOWN,
            (
                it.it_kw,
                air.losses.ups_kw,
                air.losses.pdu_kw,
                air.crah.fan_kw,
                machines.power_kw,
                water.chilled_pump_kw,
                water.condenser_pump_kw,
                water.tower.fan_kw,
                other,
            ),
            strict=True,
        )
    )
    facility = _total(powers, BREAKDOWN)
    motor_loss = machines.power_kw * (1.0 - parameters.chiller.record.motor_heat_ratio)
    pump_loss = (water.chilled_pump_kw + water.condenser_pump_kw) * (1.0 - PUMP_HEAT_RATIO)
    direct = air.losses.ups_kw + other + water.tower.fan_kw + motor_loss + pump_loss
    rejected = water.tower_heat_kw + direct
    stored = air.crah.unmet_kw + machines.unmet_kw - extra
    unmet = np.where(extra > 0, np.maximum(stored, 0.0), stored + extra)
    airflow = air.crah.airflow_m3s
    heat_per_k = AIR_HEAT_KJ_PER_M3K * airflow
    outside = (
        machines.outside
        | water.tower.outside
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
        tower_heat_kw=water.tower_heat_kw,
        heat_rejected_kw=rejected,
        unmet_kw=unmet,
        stored_kw=stored,
        inlet_c=it.inlet_worst_c,
        inlet_mean_c=it.inlet_c,
        supply_air_c=air.crah.supply_air_c,
        return_air_c=air.crah.supply_air_c + (it.it_kw + air.losses.pdu_kw) / heat_per_k,
        chilled_water_supply_c=chilled.copy(),
        chilled_water_return_c=water.return_c,
        condenser_water_supply_c=water.tower.leaving_c,
        chillers_running=machines.running,
        crah_fan_speed_ratio=air.crah.fan_speed_ratio,
        crah_airflow_m3s=airflow,
        tower_air_ratio=water.tower.air_ratio,
        economizer_fraction=divide(water.economizer_kw, water.load_kw),
        water_l_per_h=tower.make_up_l_per_h(
            parameters.tower, water.tower, water.tower_heat_kw, dry, wet, parameters.pressure_pa
        ),
        power_ratio=divide(facility, it.it_kw, otherwise=float("inf")),
        balance_residual_kw=facility - rejected - stored,
        extrapolated=outside,
        supply_air_short=air.crah.short,
    )


def _total(powers: dict[str, Floats], names: tuple[str, ...]) -> Floats:
    total = np.zeros(np.shape(powers[names[0]]))
    for name in names:
        total = total + powers[name]
    return total
