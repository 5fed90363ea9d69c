"""Outdoor air that cools an air-cooled chiller's condenser, as it is or cooled by evaporation before.

What it gives as entering temperature is what `chiller.solve` takes for an air-cooled record; such a plant has
neither tower nor condenser pump, and without precooling uses no water. The condenser's fans are in the
record's power.

References:
    EnergyPlus Engineering Reference, "Electric Chiller Model Based on Condenser Entering Temperature", with
    air-cooled and evaporatively cooled condensers; the latter is an effectiveness of 1 here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from twin.plant.curves import Bounds, Flags, Floats, divide
from twin.psychro import STANDARD_PRESSURE_PA, humidity_ratio_from_wet_bulb, specific_volume_m3_per_kg

if TYPE_CHECKING:
    from twin.plant.chiller import ChillerRecord

DRY_BULB_BOUNDS: Final = Bounds(0.0, float("inf"))
"""Outdoor air for which EnergyPlus does not warn [degC]; how hot it may be the chiller's record says."""
PRECOOLED_WET_BULB_BOUNDS: Final = Bounds(10.0, float("inf"))
"""The same for the wet bulb where the air is cooled by evaporation [degC]."""


@dataclass(frozen=True, slots=True)
class CondenserAirParameters:
    """Air side of air-cooled chillers."""

    precool_ratio: float = 0.0
    """Wet-bulb effectiveness of the precooling [1]: 0 is none, 0.7 to 0.9 a pad, 1 EnergyPlus's."""
    airflow_m3s_per_kw: float = 0.114
    """Air at full load over capacity at the reference point [m3/(s kW)]; EnergyPlus's sizing."""


class CondenserAir(NamedTuple):
    """Air as it enters the condenser."""

    entering_c: Floats
    """Temperature [degC]."""
    moisture_gained_ratio: Floats
    """Humidity ratio above the outdoor air's [kg/kg dry air]."""
    outside: Flags
    """Whether the weather is outside what the model is for."""


def entering(
    parameters: CondenserAirParameters,
    dry_bulb_c: Floats,
    wet_bulb_c: Floats,
    pressure: float = STANDARD_PRESSURE_PA,
) -> CondenserAir:
    """Air that enters the condenser: ``T = T_db - e (T_db - T_wb)``, along the line of constant wet bulb.

    Args:
        parameters: the air side.
        dry_bulb_c: outdoor dry bulb [degC].
        wet_bulb_c: outdoor wet bulb [degC]; where above the dry bulb, it is taken for that.
        pressure: atmospheric pressure [Pa].

    Returns:
        Arrays of the broadcast shape.
    """
    dry, given = np.broadcast_arrays(np.asarray(dry_bulb_c, float), np.asarray(wet_bulb_c, float))
    wet = np.minimum(given, dry)
    temperature = dry - parameters.precool_ratio * (dry - wet)
    outdoor = humidity_ratio_from_wet_bulb(dry, wet, pressure)
    gained = humidity_ratio_from_wet_bulb(temperature, wet, pressure) - outdoor
    outside = DRY_BULB_BOUNDS.outside(dry)
    if parameters.precool_ratio > 0:
        outside = outside | PRECOOLED_WET_BULB_BOUNDS.outside(wet)
    return CondenserAir(temperature, np.maximum(gained, 0.0), outside)


def design_air_kgs(
    parameters: CondenserAirParameters,
    record: ChillerRecord,
    capacity_kw: float,
    pressure: float = STANDARD_PRESSURE_PA,
) -> float:
    """Air through one chiller's condenser at full load [kg/s], as dry air at the reference point.

    Args:
        parameters: the air side.
        record: the chiller.
        capacity_kw: its capacity at the reference point [kW].
        pressure: atmospheric pressure [Pa].
    """
    volume = specific_volume_m3_per_kg(np.array(record.entering_c), np.array(0.0), pressure)
    return float(parameters.airflow_m3s_per_kw * capacity_kw / volume)


def air_kgs(
    record: ChillerRecord, design_kgs: float, served_kw: Floats, running: Floats, capacity_kw: Floats
) -> Floats:
    """Air through all condensers [kg/s], in proportion to part load; it stops where the machine cycles.

    Args:
        record: the chillers.
        design_kgs: air of one at full load [kg/s].
        served_kw: heat that all take from the chilled water [kW].
        running: number that run.
        capacity_kw: capacity of one under these conditions [kW], by `chiller.performance`.
    """
    load_ratio = np.minimum(divide(served_kw, running * capacity_kw), record.load_max_ratio)
    cycling = np.minimum(load_ratio / record.load_min_ratio, 1.0)
    return running * design_kgs * np.maximum(load_ratio, record.load_unload_ratio) * cycling


def evaporation_kgs(air: CondenserAir, moved_kgs: Floats) -> Floats:
    """Water that the precooling evaporates [kg/s]; none without it.

    Args:
        air: as it enters the condenser.
        moved_kgs: air through all condensers [kg/s], by `air_kgs`.
    """
    return moved_kgs * air.moisture_gained_ratio
