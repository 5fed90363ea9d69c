"""Dry cooler: water cooled by outdoor air without evaporation, fans by the affinity laws.

Control: the fans slow down to hold the target; at their least speed they cycle.

References:
    Film coefficients by flow: Modelica Buildings ``DryCoilEffectivenessNTU``, as for the CRAH's coil.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from twin.plant.crah import AIR_EXPONENT, WATER_EXPONENT, WATER_RESISTANCE_SHARE
from twin.plant.curves import AIR_HEAT_KJ_PER_M3K, Bounds, Flags, Floats, divide
from twin.plant.exchanger import capacity_ratio, design_units, effectiveness, least_speed
from twin.plant.pump import AffinityParameters, power_kw

DRY_BULB_BOUNDS: Final = Bounds(-40.0, 50.0)
"""Entering air [degC]; an engineering assumption, as no maker's data are at hand."""
WATER_BOUNDS: Final = Bounds(0.3, 1.0)
"""Water over design flow [1]; an engineering assumption: below it the flow in the tubes is not turbulent."""

_NEARLY_NOTHING: Final = 1e-6


@dataclass(frozen=True, slots=True)
class DryCoolerParameters:
    """One dry cooler; its conductance is the one that its design point needs."""

    heat_design_kw: float
    """Heat rejected at the design point [kW]."""
    air_m3s: float
    """Air at full fan speed [m3/s]."""
    fan: AffinityParameters
    """All fans together."""
    approach_design_k: float = 8.0
    """Water leaving minus dry bulb at the design point [K]; a usual selection, to be calibrated."""
    range_design_k: float = 6.0
    """Water entering minus leaving at the design point [K]; a usual selection."""
    conductance_ratio: float = 1.0
    """Conductance over what the design point needs [1]; for calibration."""


class DryCoolerState(NamedTuple):
    """What the dry cooler does."""

    entering_c: Floats
    """Water entering [degC]."""
    leaving_c: Floats
    """Water leaving [degC]: the target, or as cold as it gets."""
    fan_kw: Floats
    """Fan power [kW]."""
    air_ratio: Floats
    """Air over design flow [1], on average where the fans cycle."""
    air_leaving_c: Floats
    """Air leaving, on average [degC]; that which enters, where none moves."""
    outside: Flags
    """Whether the weather or the water flow is outside what the model is for."""


def design_conductance_kw_per_k(parameters: DryCoolerParameters) -> float:
    """Conductance times area that the design point needs [kW/K].

    Args:
        parameters: the dry cooler.

    Raises:
        InputError: no conductance is large enough: too little air or too small an approach.
    """
    water = np.array(parameters.heat_design_kw / parameters.range_design_k)
    air = np.array(AIR_HEAT_KJ_PER_M3K * parameters.air_m3s)
    least = np.minimum(air, water)
    difference_k = parameters.range_design_k + parameters.approach_design_k
    effective = parameters.heat_design_kw / (least * difference_k)
    units = design_units("dry cooler", effective, capacity_ratio(least, np.maximum(air, water)))
    return float(units * least)


def rejected_kw_per_k(parameters: DryCoolerParameters, water_ratio: Floats, air_ratio: Floats) -> Floats:
    """Heat rejected per kelvin between entering water and entering air [kW/K].

    Args:
        parameters: the dry cooler.
        water_ratio: water over design flow [1].
        air_ratio: air over design flow [1], above 0.
    """
    flow = np.maximum(water_ratio, _NEARLY_NOTHING)
    water = parameters.heat_design_kw / parameters.range_design_k * flow
    air = AIR_HEAT_KJ_PER_M3K * parameters.air_m3s * air_ratio
    films = (
        WATER_RESISTANCE_SHARE * flow**-WATER_EXPONENT
        + (1.0 - WATER_RESISTANCE_SHARE) * air_ratio**-AIR_EXPONENT
    )
    conductance = parameters.conductance_ratio * design_conductance_kw_per_k(parameters) / films
    least = np.minimum(air, water)
    return least * effectiveness(conductance / least, capacity_ratio(least, np.maximum(air, water)))


def solve(
    parameters: DryCoolerParameters,
    heat_kw: Floats,
    water_ratio: Floats,
    dry_bulb_c: Floats,
    target_c: Floats,
) -> DryCoolerState:
    """Fan speed that cools the water to a target, or the coldest water that there is.

    Args:
        parameters: the dry cooler.
        heat_kw: heat to reject [kW].
        water_ratio: water over design flow [1].
        dry_bulb_c: entering air [degC].
        target_c: leaving water wanted [degC].

    Returns:
        Arrays of the broadcast shape; no fan power without heat.
    """
    flow = np.maximum(water_ratio, _NEARLY_NOTHING)
    range_k = heat_kw * parameters.range_design_k / (parameters.heat_design_kw * flow)

    def difference_k(air_ratio: Floats) -> Floats:
        """Entering water above entering air [K]."""
        return heat_kw / rejected_kw_per_k(parameters, water_ratio, air_ratio)

    slowest_ratio = parameters.fan.flow_min_ratio
    wanted_k = np.maximum(target_c + range_k - dry_bulb_c, difference_k(np.array(1.0)))
    air = least_speed(difference_k, wanted_k, slowest_ratio)
    slowest_k = difference_k(np.array(slowest_ratio))
    cycling = np.minimum(divide(slowest_k, wanted_k), 1.0)
    moved = air * cycling
    warmed_k = divide(heat_kw, AIR_HEAT_KJ_PER_M3K * parameters.air_m3s * moved)
    outside = DRY_BULB_BOUNDS.outside(dry_bulb_c) | WATER_BOUNDS.outside(water_ratio)
    return DryCoolerState(
        entering_c=dry_bulb_c + wanted_k,
        leaving_c=dry_bulb_c + wanted_k - range_k,
        fan_kw=power_kw(parameters.fan, air) * cycling,
        air_ratio=moved,
        air_leaving_c=dry_bulb_c + warmed_k,
        outside=outside & (heat_kw > 0),
    )
