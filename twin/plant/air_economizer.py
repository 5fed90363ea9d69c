"""Airside economizer: outdoor air instead of, or mixed with, the air that returns from the hall.

Control: open where outdoor air is within its limits and colder than the return. Where it is colder than
wanted, dampers mix it with return air to what is wanted; where it is warmer, all of the air is outdoor air
and a stage downstream cools the rest of the way.

References:
    EnergyPlus Input Output Reference, ``Controller:OutdoorAir``: limits on dry bulb and dew point, both of
    which have to hold. Humidity of supply air: ASHRAE TC 9.9, Thermal Guidelines, recommended dew point -9
    to 15 degC.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from twin.plant.air import (
    EVAPORATION_KJ_PER_KG,
    VAPOUR_HEAT_KJ_PER_KGK,
    Air,
    mixed,
    specific_heat_kj_per_kgk,
)
from twin.plant.curves import Bounds, Flags, Floats, divide
from twin.psychro import STANDARD_PRESSURE_PA, saturation_humidity_ratio

RECOMMENDED_DEW_POINT: Final = Bounds(-9.0, 15.0)
"""Dew point of the air that enters IT equipment [degC], recommended by ASHRAE TC 9.9."""
OUTDOOR_BOUNDS: Final = Bounds(-40.0, 50.0)
"""Outdoor dry bulb [degC]; an engineering assumption."""
RETURN_BOUNDS: Final = Bounds(5.0, 60.0)
"""Return dry bulb [degC]; an engineering assumption."""

_SATURATED: Final = 1.001
"""Humidity ratio over that of saturation from which two sensors contradict each other [1]."""


@dataclass(frozen=True, slots=True)
class AirEconomizerParameters:
    """Dampers and the limits within which they open."""

    present: bool
    """Whether the plant has one."""
    dry_bulb_max_c: float = 23.0
    """Shut where outdoor air is warmer than this [degC]; EnergyPlus's default, as the next."""
    dew_point_max_c: float = 13.5
    """Shut where the outdoor dew point is higher than this [degC]."""
    mixed_dew_point: Bounds | None = None
    """Dew point that the mixed air keeps to by taking in less outdoor air [degC]; none: any."""


class AirEconomizerState(NamedTuple):
    """What the economizer does."""

    opened: Flags
    """Whether outdoor air is let in."""
    outdoor_ratio: Floats
    """Outdoor air over all air [1]."""
    mixed: Air
    """The air that goes on to the stages downstream."""
    outside: Flags
    """Whether a temperature is outside its bounds, or the outdoor air more than saturated."""


class HeatRemoved(NamedTuple):
    """What the exchange of air takes from the hall."""

    sensible_kw: Floats
    """By temperature [kW]."""
    latent_kw: Floats
    """By humidity [kW], negative where outdoor air brings water in."""


def solve(
    parameters: AirEconomizerParameters,
    outdoor: Air,
    returned: Air,
    target_c: Floats,
    pressure: float = STANDARD_PRESSURE_PA,
) -> AirEconomizerState:
    """Position of the dampers and the air behind them.

    Args:
        parameters: the economizer.
        outdoor: outdoor air.
        returned: air that returns from the hall.
        target_c: mixed air wanted [degC].
        pressure: atmospheric pressure [Pa].

    Returns:
        Arrays of the broadcast shape; the return air unchanged where the economizer is shut.
    """
    colder = outdoor.dry_bulb_c < returned.dry_bulb_c
    to_cool = target_c < returned.dry_bulb_c
    opened = _within_limits(parameters, outdoor, pressure) & colder & to_cool
    wanted = np.minimum(
        _ratio_for_target(outdoor, returned, target_c),
        _ratio_for_humidity(parameters, outdoor, returned, pressure),
    )
    ratio = np.where(opened, wanted, 0.0)
    too_humid = outdoor.humidity > _SATURATED * saturation_humidity_ratio(outdoor.dry_bulb_c, pressure)
    outside = (
        OUTDOOR_BOUNDS.outside(outdoor.dry_bulb_c) | RETURN_BOUNDS.outside(returned.dry_bulb_c) | too_humid
    )
    return AirEconomizerState(ratio > 0, ratio, mixed(returned, outdoor, ratio), outside)


def heat_removed(air_kgs: Floats, returned: Air, after: Air) -> HeatRemoved:
    """Heat that the exchange of air removes; the two parts add up to the difference of the enthalpies.

    Args:
        air_kgs: dry air through the dampers [kg/s].
        returned: air that returns from the hall.
        after: air after mixing.
    """
    sensible = specific_heat_kj_per_kgk(after.humidity) * (returned.dry_bulb_c - after.dry_bulb_c)
    vapour = EVAPORATION_KJ_PER_KG + VAPOUR_HEAT_KJ_PER_KGK * returned.dry_bulb_c
    return HeatRemoved(air_kgs * sensible, air_kgs * vapour * (returned.humidity - after.humidity))


def _within_limits(parameters: AirEconomizerParameters, outdoor: Air, pressure: float) -> Flags:
    """Whether outdoor air may be let in; the dew point is compared as the humidity ratio it stands for."""
    limit = saturation_humidity_ratio(np.array(parameters.dew_point_max_c), pressure)
    dry_enough = outdoor.humidity <= limit
    return (outdoor.dry_bulb_c <= parameters.dry_bulb_max_c) & dry_enough & np.bool_(parameters.present)


def _ratio_for_target(outdoor: Air, returned: Air, target_c: Floats) -> Floats:
    """Outdoor air over all air that makes the target [1], by the lever rule of the two capacity flows."""
    above = specific_heat_kj_per_kgk(returned.humidity) * np.maximum(returned.dry_bulb_c - target_c, 0.0)
    below = specific_heat_kj_per_kgk(outdoor.humidity) * np.maximum(target_c - outdoor.dry_bulb_c, 0.0)
    return divide(above, above + below, 1.0)


def _ratio_for_humidity(
    parameters: AirEconomizerParameters, outdoor: Air, returned: Air, pressure: float
) -> Floats:
    """Greatest outdoor air over all air that keeps the mixture within its dew points [1]."""
    change = outdoor.humidity - returned.humidity
    if parameters.mixed_dew_point is None:
        return np.ones(np.shape(change))
    driest, wettest = (
        saturation_humidity_ratio(np.array(dew_point), pressure)
        for dew_point in (parameters.mixed_dew_point.low, parameters.mixed_dew_point.high)
    )
    room = np.where(change > 0, wettest - returned.humidity, returned.humidity - driest)
    return np.clip(divide(np.maximum(room, 0.0), np.abs(change), 1.0), 0.0, 1.0)
