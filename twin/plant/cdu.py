"""Coolant distribution unit: a plate exchanger between the facility's water and the loop that cools IT.

Control: the loop's pump follows the heat; the valve on the facility's side lets in as much water as holds the
loop's supply temperature. Where all of it is not enough, the supply drifts above its setpoint, and where it
has drifted as far as the equipment bears, the heat that remains is unmet. Where facility water is warmer even
than that, the valve is shut.

References:
    Classes of facility water: ASHRAE TC 9.9, Thermal Guidelines for Data Processing Environments, 5th ed.
    Films by flow, alike on both sides: Modelica Buildings ``PlateHeatExchangerEffectivenessNTU``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from core.errors import InputError
from twin.plant.curves import WATER_HEAT_KJ_PER_KGK, Bounds, Flags, Floats, divide
from twin.plant.exchanger import capacity_ratio, design_units, effectiveness, least_flow
from twin.plant.pump import AffinityParameters, power_kw

CLASSES: Final[dict[str, Bounds]] = {
    "W17": Bounds(2.0, 17.0),
    "W27": Bounds(2.0, 27.0),
    "W32": Bounds(2.0, 32.0),
    "W40": Bounds(2.0, 40.0),
    "W45": Bounds(2.0, 45.0),
}
"""Facility water supply [degC] for which liquid-cooled equipment of a class is made."""
FLOW_BOUNDS: Final = Bounds(0.1, 1.2)
"""Either side's flow over design for which its film is known [1]; an engineering assumption."""

_FILM_EXPONENT: Final = 0.8
_NEARLY_NOTHING: Final = 1e-6
_LEAST_RESISTANCE: Final = 1e-15


@dataclass(frozen=True, slots=True)
class CduParameters:
    """One unit, or several alike that share the heat; its conductance is what its design point needs."""

    heat_design_kw: float
    """Heat to the facility's water at the design point [kW]."""
    pump: AffinityParameters
    """The loop's pump; its least flow over design is the loop's: 1 for a constant flow."""
    liquid_class: str = "W32"
    """Class of the equipment, one of CLASSES."""
    liquid_ratio: float = 0.75
    """Share of the IT heat that goes to the liquid [1]; an assumption, to be calibrated."""
    approach_design_k: float = 4.0
    """Loop supply minus facility supply at the design point [K]; a usual selection, as the next two."""
    loop_rise_design_k: float = 10.0
    """Loop return minus supply at the design point [K]."""
    facility_rise_design_k: float = 8.0
    """Facility return minus supply at the design point [K]."""
    facility_flow_max_ratio: float = 1.0
    """Facility water with the valve wide open over design flow [1]."""
    supply_drift_max_k: float = 5.0
    """The loop's supply drifts no further above its setpoint than this [K]; an assumption."""
    pump_heat_ratio: float = 0.9
    """Share of the pump's power that warms the loop [1]."""
    conductance_ratio: float = 1.0
    """Conductance over what the design point needs [1]; for calibration."""


class ItHeat(NamedTuple):
    """Where the heat of the IT equipment goes."""

    liquid_kw: Floats
    """To the liquid [kW]."""
    air_kw: Floats
    """To the air of the hall [kW]."""


class CduState(NamedTuple):
    """What the unit does. Heat in + `pump_heat_kw` = `facility_heat_kw` + `unmet_kw`."""

    pump_kw: Floats
    """Electric power of the loop's pump [kW]."""
    pump_heat_kw: Floats
    """Part of it that warms the loop [kW]."""
    facility_heat_kw: Floats
    """Heat to the facility's water [kW]."""
    unmet_kw: Floats
    """Heat that it cannot take [kW]."""
    supply_c: Floats
    """Loop supply [degC]: the setpoint unless facility water is too warm or too little."""
    return_c: Floats
    """Loop return, of the heat that is met [degC]."""
    loop_flow_ratio: Floats
    """Loop flow over design [1]."""
    facility_kgs: Floats
    """Facility water [kg/s]."""
    facility_return_c: Floats
    """Facility water return [degC]; the supply where none flows."""
    short: Flags
    """Whether the loop's supply misses its setpoint."""
    outside_class: Flags
    """Whether facility water is outside the class of the equipment, with or without heat."""
    outside: Flags
    """Whether a flow is outside what the exchanger's films are for."""


def facility_supply_bounds(parameters: CduParameters) -> Bounds:
    """Facility water supply for which the equipment is made [degC].

    Args:
        parameters: the unit.

    Raises:
        InputError: there is no such class.
    """
    if parameters.liquid_class not in CLASSES:
        raise InputError(
            "CDU: liquid_class",
            found=repr(parameters.liquid_class),
            allowed=", ".join(CLASSES),
            do="name the class of the liquid-cooled equipment",
        )
    return CLASSES[parameters.liquid_class]


def split(parameters: CduParameters, it_kw: Floats) -> ItHeat:
    """Heat of the IT equipment [kW] to the liquid and to the air.

    Args:
        parameters: the unit.
        it_kw: heat of the IT equipment [kW].
    """
    liquid = parameters.liquid_ratio * it_kw
    return ItHeat(liquid, it_kw - liquid)


def solve(
    parameters: CduParameters, heat_kw: Floats, facility_supply_c: Floats, supply_set_c: Floats
) -> CduState:
    """Facility water that holds the loop's supply temperature, or the supply that results with all of it.

    Args:
        parameters: the unit.
        heat_kw: heat of the IT equipment to the liquid [kW].
        facility_supply_c: facility water supply [degC].
        supply_set_c: loop supply wanted [degC].

    Returns:
        Arrays of the broadcast shape; nothing flows and no power is drawn without heat.
    """
    on = heat_kw > 0
    loop, pump, heat, exchanger = _loop(parameters, heat_kw)
    pump_heat = parameters.pump_heat_ratio * pump
    at_most = exchanger.resistance_k_per_kw(np.array(parameters.facility_flow_max_ratio))
    there_k = supply_set_c - facility_supply_c
    short = on & (at_most * heat > there_k)
    met = _met_kw(parameters, heat, at_most, there_k)
    open_wide = np.where(met > 0, parameters.facility_flow_max_ratio, 0.0)
    wanted = there_k / np.maximum(heat, _NEARLY_NOTHING * parameters.heat_design_kw)
    throttled = exchanger.facility_flow_ratio(np.maximum(wanted, at_most))
    flow = np.where(short, open_wide, np.where(on, throttled, 0.0))
    drift_k = np.minimum(at_most * met - there_k, parameters.supply_drift_max_k)
    supply = supply_set_c + np.where(short, drift_k, 0.0)
    facility_kw_per_k = _facility_kw_per_k(parameters) * flow
    return CduState(
        pump_kw=pump,
        pump_heat_kw=pump_heat,
        facility_heat_kw=met,
        unmet_kw=heat - met,
        supply_c=supply,
        return_c=supply + divide(met, exchanger.loop_kw_per_k),
        loop_flow_ratio=loop,
        facility_kgs=facility_kw_per_k / WATER_HEAT_KJ_PER_KGK,
        facility_return_c=facility_supply_c + divide(met, facility_kw_per_k),
        short=short,
        outside_class=facility_supply_bounds(parameters).outside(facility_supply_c),
        outside=on & (FLOW_BOUNDS.outside(loop) | ((flow > 0) & FLOW_BOUNDS.outside(flow))),
    )


def facility_heat_kw(
    parameters: CduParameters, heat_kw: Floats, facility_supply_c: Floats, supply_set_c: Floats
) -> Floats:
    """`facility_heat_kw` of `solve` alone [kW], for iterations on the facility's water.

    Args:
        parameters: the unit.
        heat_kw: heat of the IT equipment to the liquid [kW].
        facility_supply_c: facility water supply [degC].
        supply_set_c: loop supply wanted [degC].
    """
    _, _, heat, exchanger = _loop(parameters, heat_kw)
    at_most = exchanger.resistance_k_per_kw(np.array(parameters.facility_flow_max_ratio))
    return _met_kw(parameters, heat, at_most, supply_set_c - facility_supply_c)


def _loop(parameters: CduParameters, heat_kw: Floats) -> tuple[Floats, Floats, Floats, _Exchanger]:
    """Flow over design [1], the pump's power and the heat with the pump's share [kW], the plates."""
    on = heat_kw > 0
    ratio = np.clip(heat_kw / parameters.heat_design_kw, parameters.pump.flow_min_ratio, 1.0)
    flow = np.where(on, ratio, 0.0)
    pump = power_kw(parameters.pump, flow)
    heat = np.where(on, heat_kw + parameters.pump_heat_ratio * pump, 0.0)
    return flow, pump, heat, _Exchanger(parameters, np.maximum(ratio, _NEARLY_NOTHING))


def _met_kw(parameters: CduParameters, heat_kw: Floats, at_most_k_per_kw: Floats, there_k: Floats) -> Floats:
    """Heat that the facility's water takes [kW]: all of it unless the loop would drift too far."""
    bearable_kw = np.maximum(there_k + parameters.supply_drift_max_k, 0.0) / at_most_k_per_kw
    return np.minimum(heat_kw, bearable_kw)


def design_conductance_kw_per_k(parameters: CduParameters) -> float:
    """Conductance times area that the design point needs [kW/K].

    Args:
        parameters: the unit.

    Raises:
        InputError: no conductance is large enough: too small an approach.
    """
    loop = np.array(parameters.heat_design_kw / parameters.loop_rise_design_k)
    facility = np.array(_facility_kw_per_k(parameters))
    least = np.minimum(loop, facility)
    difference_k = parameters.approach_design_k + parameters.loop_rise_design_k
    effective = parameters.heat_design_kw / (least * difference_k)
    return float(design_units("CDU", effective, capacity_ratio(least, np.maximum(loop, facility))) * least)


def _facility_kw_per_k(parameters: CduParameters) -> float:
    """Capacity flow of the facility's water at design [kW/K]."""
    return parameters.heat_design_kw / parameters.facility_rise_design_k


class _Exchanger:
    """The plates with the loop's flow given."""

    def __init__(self, parameters: CduParameters, loop_flow_ratio: Floats) -> None:
        self.loop_kw_per_k = parameters.heat_design_kw / parameters.loop_rise_design_k * loop_flow_ratio
        self._facility_kw_per_k = _facility_kw_per_k(parameters)
        self._film = loop_flow_ratio**-_FILM_EXPONENT
        self._conductance = 2.0 * parameters.conductance_ratio * design_conductance_kw_per_k(parameters)
        self._most = parameters.facility_flow_max_ratio

    def resistance_k_per_kw(self, facility_flow_ratio: Floats) -> Floats:
        """Loop supply above facility supply per heat [K/kW]: falls with the facility's flow."""
        facility = self._facility_kw_per_k * facility_flow_ratio
        conductance = self._conductance / (self._film + facility_flow_ratio**-_FILM_EXPONENT)
        least = np.minimum(facility, self.loop_kw_per_k)
        ratio = capacity_ratio(least, np.maximum(facility, self.loop_kw_per_k))
        taken = least * effectiveness(conductance / least, ratio)
        return np.maximum(1.0 / taken - 1.0 / self.loop_kw_per_k, _LEAST_RESISTANCE)

    def facility_flow_ratio(self, wanted_k_per_kw: Floats) -> Floats:
        """Facility's flow over design with a resistance wanted [1]; the least there can be exchanges all."""
        least = 1.0 / (wanted_k_per_kw + 1.0 / self.loop_kw_per_k) / self._facility_kw_per_k
        return least_flow(self.resistance_k_per_kw, wanted_k_per_kw, least, np.array(self._most))
