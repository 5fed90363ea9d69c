"""Water of an evaporative tower: what evaporates, drifts off, is blown down and made up.

References:
    EnergyPlus Engineering Reference, "Cooling Tower Makeup Water Usage", saturated exit. Its air flow counts
    kilograms of dry air while its moisture counts per kilogram of moist air, which is about 2.5 % below a
    strict balance; kept, so that the results compare.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from twin.plant.curves import Floats, divide
from twin.psychro import STANDARD_PRESSURE_PA, humidity_ratio_from_wet_bulb, saturation_table


@dataclass(frozen=True, slots=True)
class WaterParameters:
    """The basin's chemistry and the drift eliminators."""

    concentration_cycles: float
    """Dissolved solids in the basin over those in the make-up water [1], above 1; 3 to 7 is usual."""
    drift_ratio: float = 0.0005
    """Droplets carried off over water circulated [1]."""


class WaterUse(NamedTuple):
    """Water that leaves a tower, and what replaces it."""

    evaporation_kgs: Floats
    """Evaporated [kg/s]."""
    drift_kgs: Floats
    """Carried off as droplets [kg/s]."""
    blowdown_kgs: Floats
    """Drained, so that solids do not build up [kg/s]."""
    make_up_kgs: Floats
    """Added: the sum of the three [kg/s]."""


def evaporation_kgs(
    air_kgs: Floats,
    heat_kw: Floats,
    dry_bulb_c: Floats,
    wet_bulb_c: Floats,
    pressure: float = STANDARD_PRESSURE_PA,
) -> Floats:
    """Water that evaporates [kg/s] where the air leaves saturated with all the heat in it.

    Args:
        air_kgs: air through the tower [kg/s].
        heat_kw: heat rejected [kW].
        dry_bulb_c: entering air dry bulb [degC].
        wet_bulb_c: entering air wet bulb [degC].
        pressure: atmospheric pressure [Pa].

    Returns:
        The broadcast shape; none without heat, and never less than none.
    """
    table = saturation_table(pressure)
    entering = np.interp(wet_bulb_c, table.temperature_c, table.enthalpy_kj_per_kg)
    leaving = np.interp(entering + divide(heat_kw, air_kgs), table.enthalpy_kj_per_kg, table.humidity_ratio)
    humidity = humidity_ratio_from_wet_bulb(dry_bulb_c, wet_bulb_c, pressure)
    taken_up = leaving / (1.0 + leaving) - humidity / (1.0 + humidity)
    return np.where(heat_kw > 0, air_kgs * np.maximum(taken_up, 0.0), 0.0)


def use(parameters: WaterParameters, evaporated_kgs: Floats, circulated_kgs: Floats) -> WaterUse:
    """Drift, blow-down and make-up that go with an evaporation.

    Args:
        parameters: chemistry and drift.
        evaporated_kgs: water evaporated [kg/s].
        circulated_kgs: water over the tower [kg/s].

    Returns:
        Arrays of the broadcast shape; drift carries solids off too, so blow-down is less by it, not below 0.
    """
    drift = parameters.drift_ratio * circulated_kgs
    blowdown = np.maximum(evaporated_kgs / (parameters.concentration_cycles - 1.0) - drift, 0.0)
    return WaterUse(evaporated_kgs, drift, blowdown, evaporated_kgs + drift + blowdown)
