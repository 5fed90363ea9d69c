"""Cooling tower by Merkel's theory: counterflow effectiveness-NTU with saturated air as an equivalent gas.

Merkel's air has the specific heat cp_e = dh / dTwb between the entering and the leaving wet bulb. With the
heat known, the leaving air, cp_e, the effectiveness and so the water's temperatures follow without iteration;
only the fan speed that a target needs is searched for.

References:
    EnergyPlus Engineering Reference, "Cooling Towers: Variable Speed Merkel Model"; Scheier's corrections of
    the conductance and their default curves, same chapter. Bounds of the curves: Modelica Buildings
    ``CoolingTowers.Data.UAMerkel``. Counterflow effectiveness: Incropera, table 11.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from twin.plant.curves import Bounds, Flags, Floats, divide, polynomial
from twin.plant.exchanger import capacity_ratio, design_units, effectiveness, least_speed
from twin.plant.tower import FAN_CURVE, RANGE_BOUNDS
from twin.psychro import (
    STANDARD_PRESSURE_PA,
    humidity_ratio_from_wet_bulb,
    saturation_table,
    specific_volume_m3_per_kg,
)

BY_WET_BULB: Final = (1.0, 0.0081, 0.0)
"""Conductance over design by design minus entering wet bulb [K]."""
BY_AIR: Final = (0.0, 1.3, -0.3)
"""Conductance over design by air over design flow."""
BY_WATER: Final = (0.1082, 1.667, -0.7713)
"""Conductance over design by water over design flow."""
WET_BULB_BOUNDS: Final = Bounds(-10.0, 25.0)
"""Design minus entering wet bulb [K]."""
AIR_BOUNDS: Final = Bounds(0.2, 1.0)
"""Air over design flow of a running fan [1]."""
WATER_BOUNDS: Final = Bounds(0.3, 1.0)
"""Water over design flow [1]."""

_AIR_HEAT_KJ_PER_KGK: Final = 1.006
_VAPOUR_HEAT_KJ_PER_KGK: Final = 1.86
_NEARLY_NOTHING: Final = 1e-6


@dataclass(frozen=True, slots=True)
class MerkelParameters:
    """One tower; its conductance is the one that its design point needs."""

    heat_design_kw: float
    """Heat rejected at the design point [kW]."""
    fan_kw: float
    """Fan power at full speed [kW]."""
    air_m3s: float
    """Entering air at full speed [m3/s]."""
    range_design_k: float = 5.56
    """Water entering minus leaving at the design point [K]."""
    approach_design_k: float = 3.9
    """Water leaving minus wet bulb at the design point [K]."""
    wet_bulb_design_c: float = 25.6
    """Wet bulb of the entering air at the design point [degC]; EnergyPlus's default, as the next."""
    dry_bulb_design_c: float = 35.0
    """Dry bulb of the entering air at the design point [degC]."""
    pressure_design_pa: float = STANDARD_PRESSURE_PA
    """Atmospheric pressure at the design point [Pa]."""
    conductance_ratio: float = 1.0
    """Conductance over what the design point needs [1]; for calibration."""
    air_min_ratio: float = 0.2
    """Least air flow of a running fan over design [1]; below it the fan cycles."""
    free_convection_ratio: float = 0.1
    """Air that moves without fan over design [1]."""
    fan_curve: tuple[float, ...] = FAN_CURVE
    """Fan power over full by air over design flow, lowest power first."""


class OutdoorAir(NamedTuple):
    """Air that enters the tower."""

    dry_bulb_c: Floats
    """Dry-bulb temperature [degC]."""
    wet_bulb_c: Floats
    """Wet-bulb temperature [degC]."""
    pressure_pa: float = STANDARD_PRESSURE_PA
    """Atmospheric pressure [Pa]."""


class MerkelState(NamedTuple):
    """What the tower does."""

    leaving_c: Floats
    """Water leaving the tower [degC]: the target, or as near to it as the fan gets."""
    fan_kw: Floats
    """Fan power [kW]."""
    air_ratio: Floats
    """Air that the fan moves over design [1], on average where it cycles."""
    outside: Flags
    """Whether a correction of the conductance is outside its bounds, or the range outside York's."""


class _Exchange(NamedTuple):
    """The two streams in the tower."""

    least: Floats
    """Lesser capacity flow of the equivalent gas and the water [kW/K]."""
    ratio: Floats
    """Lesser over greater capacity flow [1]."""
    equivalent_ratio: Floats
    """cp_e over the specific heat of the entering air [1]."""


def _exchange(
    parameters: MerkelParameters,
    heat_kw: Floats,
    water_kw_per_k: Floats,
    air_ratio: Floats,
    outdoor: OutdoorAir,
) -> _Exchange:
    dry, wet, pressure = outdoor
    humidity = humidity_ratio_from_wet_bulb(dry, wet, pressure)
    air_kgs = parameters.air_m3s * air_ratio / specific_volume_m3_per_kg(dry, humidity, pressure)
    table = saturation_table(pressure)
    enthalpy = np.interp(wet, table.temperature_c, table.enthalpy_kj_per_kg) + heat_kw / air_kgs
    warmer_k = np.interp(enthalpy, table.enthalpy_kj_per_kg, table.temperature_c) - wet
    gas_kw_per_k = heat_kw / warmer_k
    sensible = _AIR_HEAT_KJ_PER_KGK + _VAPOUR_HEAT_KJ_PER_KGK * humidity
    least = np.minimum(gas_kw_per_k, water_kw_per_k)
    ratio = capacity_ratio(least, np.maximum(gas_kw_per_k, water_kw_per_k))
    return _Exchange(least, ratio, gas_kw_per_k / air_kgs / sensible)


def design_conductance_kw_per_k(parameters: MerkelParameters) -> float:
    """Conductance times area, for air without condensation, that the design point needs [kW/K].

    Args:
        parameters: the tower.

    Raises:
        InputError: no conductance is large enough: too little air or too small an approach.
    """
    heat, one = np.array(parameters.heat_design_kw), np.array(1.0)
    outdoor = OutdoorAir(
        np.array(parameters.dry_bulb_design_c),
        np.array(parameters.wet_bulb_design_c),
        parameters.pressure_design_pa,
    )
    design = _exchange(parameters, heat, heat / parameters.range_design_k, one, outdoor)
    effective = heat / (design.least * (parameters.range_design_k + parameters.approach_design_k))
    units = design_units("cooling tower", effective, design.ratio)
    return float(units * design.least / design.equivalent_ratio)


def approach_k(
    parameters: MerkelParameters, heat_kw: Floats, water_ratio: Floats, air_ratio: Floats, outdoor: OutdoorAir
) -> Floats:
    """Water leaving minus entering wet bulb [K] at a fan speed, in closed form.

    Args:
        parameters: the tower.
        heat_kw: heat to reject [kW]; none counts as a millionth of the design heat.
        water_ratio: water over design flow [1].
        air_ratio: air over design flow [1], above 0.
        outdoor: entering air.

    Returns:
        The broadcast shape. Outside their bounds the corrections of the conductance stay what they are at
        the bound; only that by air goes on below, to what moves without fan.
    """
    heat = np.maximum(heat_kw, _NEARLY_NOTHING * parameters.heat_design_kw)
    water_kw_per_k = _water_kw_per_k(parameters, water_ratio)
    exchange = _exchange(parameters, heat, water_kw_per_k, air_ratio, outdoor)
    cooler_k = parameters.wet_bulb_design_c - outdoor.wet_bulb_c
    conductance = (
        parameters.conductance_ratio
        * design_conductance_kw_per_k(parameters)
        * polynomial(BY_WET_BULB, WET_BULB_BOUNDS.clip(cooler_k))
        * polynomial(BY_AIR, np.minimum(air_ratio, AIR_BOUNDS.high))
        * polynomial(BY_WATER, WATER_BOUNDS.clip(water_ratio))
    )
    units = conductance * exchange.equivalent_ratio / exchange.least
    return heat / (effectiveness(units, exchange.ratio) * exchange.least) - heat / water_kw_per_k


def _water_kw_per_k(parameters: MerkelParameters, water_ratio: Floats) -> Floats:
    design = parameters.heat_design_kw / parameters.range_design_k
    return design * np.maximum(water_ratio, _NEARLY_NOTHING)


def solve(
    parameters: MerkelParameters,
    heat_kw: Floats,
    water_ratio: Floats,
    outdoor: OutdoorAir,
    target_c: Floats,
) -> MerkelState:
    """Fan speed that cools the water to a target, or the coldest water that there is.

    Args:
        parameters: the tower.
        heat_kw: heat to reject [kW].
        water_ratio: water over design flow [1].
        outdoor: entering air.
        target_c: leaving water wanted [degC].

    Returns:
        Arrays of the broadcast shape; no fan power without heat.
    """

    def at(air_ratio: Floats) -> Floats:
        return approach_k(parameters, heat_kw, water_ratio, air_ratio, outdoor)

    ratios = (parameters.free_convection_ratio, parameters.air_min_ratio, 1.0)
    still, slowest, coldest = (at(np.array(ratio)) for ratio in ratios)
    wanted = np.clip(target_c - outdoor.wet_bulb_c, coldest, still)
    air = least_speed(at, np.minimum(wanted, slowest), parameters.air_min_ratio)
    cycling = np.clip(divide(still - wanted, still - slowest, 1.0), 0.0, 1.0)
    on = heat_kw > 0
    fan = parameters.fan_kw * polynomial(parameters.fan_curve, air) * cycling
    range_k = heat_kw / _water_kw_per_k(parameters, water_ratio)
    outside = (
        WET_BULB_BOUNDS.outside(parameters.wet_bulb_design_c - outdoor.wet_bulb_c)
        | WATER_BOUNDS.outside(water_ratio)
        | AIR_BOUNDS.outside(air)
        | (range_k > RANGE_BOUNDS.high)
    )
    return MerkelState(
        outdoor.wet_bulb_c + wanted, np.where(on, fan, 0.0), np.where(on, air * cycling, 0.0), outside & on
    )
