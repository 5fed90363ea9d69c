"""Streams of moist air: what they carry, and two of them mixed.

References:
    Enthalpy: ASHRAE Handbook - Fundamentals (SI), 2017, chapter 1, equation 30, as in `twin.psychro`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from twin.plant.curves import Floats

DRY_AIR_HEAT_KJ_PER_KGK: Final = 1.006
"""Specific heat of dry air [kJ/(kg K)]."""
VAPOUR_HEAT_KJ_PER_KGK: Final = 1.86
"""Specific heat of water vapour [kJ/(kg K)]."""
EVAPORATION_KJ_PER_KG: Final = 2501.0
"""Heat of evaporation at 0 degC [kJ/kg]."""


class Air(NamedTuple):
    """The state of a stream of moist air."""

    dry_bulb_c: Floats
    """Dry-bulb temperature [degC]."""
    humidity: Floats
    """Humidity ratio [kg/kg dry air]."""


def specific_heat_kj_per_kgk(humidity: Floats) -> Floats:
    """Specific heat of moist air [kJ/(K kg dry air)] at a humidity ratio [kg/kg dry air]."""
    return DRY_AIR_HEAT_KJ_PER_KGK + VAPOUR_HEAT_KJ_PER_KGK * humidity


def mixed(first: Air, second: Air, second_ratio: Floats) -> Air:
    """The mixture of two streams, in which enthalpy and water are conserved.

    Args:
        first: one stream.
        second: the other.
        second_ratio: dry air of the second over that of both [1], 0 to 1.
    """
    humidity = first.humidity + second_ratio * (second.humidity - first.humidity)
    share = second_ratio * specific_heat_kj_per_kgk(second.humidity) / specific_heat_kj_per_kgk(humidity)
    return Air(first.dry_bulb_c + share * (second.dry_bulb_c - first.dry_bulb_c), humidity)
