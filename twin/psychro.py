"""Moist air: saturation, humidity ratio, enthalpy, wet bulb and dew point, vectorised.

References:
    ASHRAE Handbook - Fundamentals (SI), 2017, chapter 1, equations 3, 5, 6, 20, 21, 26, 30, 33, 35.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from core.units import KELVIN_OFFSET

if TYPE_CHECKING:
    from twin.plant.curves import Floats

STANDARD_PRESSURE_PA: Final = 101_325.0
"""Atmospheric pressure at sea level [Pa]."""
MASS_RATIO: Final = 0.621945
"""Molar mass of water over that of dry air [1]."""

_ICE: Final = (-5.6745359e3, 6.3925247, -9.677843e-3, 6.2215701e-7, 2.0747825e-9, -9.484024e-13, 4.1635019)
_WATER: Final = (-5.8002206e3, 1.3914993, -4.8640239e-2, 4.1764768e-5, -1.4452093e-8, 0.0, 6.5459673)
_BISECTIONS: Final = 45
_LOWEST_C: Final = -100.0
_TABLE_C: Final = np.linspace(-60.0, 90.0, 3001)
_KJ_PER_J: Final = 1e-3
_POSITIVE_PA: Final = 1e-30


def pressure_pa(altitude_m: float) -> float:
    """Standard atmospheric pressure [Pa] at an altitude [m], equation 3."""
    return float(STANDARD_PRESSURE_PA * (1.0 - 2.25577e-5 * altitude_m) ** 5.2559)


def _saturation(coefficients: tuple[float, ...], temperature_k: Floats) -> Floats:
    c = coefficients
    powers = c[1] + temperature_k * (
        c[2] + temperature_k * (c[3] + temperature_k * (c[4] + temperature_k * c[5]))
    )
    return np.exp(c[0] / temperature_k + powers + c[6] * np.log(temperature_k))


def saturation_pressure_pa(temperature_c: Floats) -> Floats:
    """Saturation pressure of water vapour [Pa], over ice below 0 degC (equation 5), over water above (6).

    Args:
        temperature_c: temperature [degC], -100 to 200, any shape.
    """
    temperature_k = np.asarray(temperature_c, dtype=np.float64) + KELVIN_OFFSET
    return np.where(
        temperature_k < KELVIN_OFFSET, _saturation(_ICE, temperature_k), _saturation(_WATER, temperature_k)
    )


def _mixing(vapour_pa: Floats, pressure: float) -> Floats:
    return MASS_RATIO * vapour_pa / np.maximum(pressure - vapour_pa, 1.0)


def saturation_humidity_ratio(temperature_c: Floats, pressure: float = STANDARD_PRESSURE_PA) -> Floats:
    """Humidity ratio of saturated air [kg/kg dry air], equation 21.

    Args:
        temperature_c: temperature [degC], any shape.
        pressure: total pressure [Pa].
    """
    return _mixing(saturation_pressure_pa(temperature_c), pressure)


def humidity_ratio(
    dry_bulb_c: Floats, relative_humidity_ratio: Floats, pressure: float = STANDARD_PRESSURE_PA
) -> Floats:
    """Humidity ratio [kg/kg dry air] from dry bulb and relative humidity, equation 20.

    Args:
        dry_bulb_c: dry-bulb temperature [degC].
        relative_humidity_ratio: relative humidity [1], 0 to 1.
        pressure: total pressure [Pa].
    """
    return _mixing(relative_humidity_ratio * saturation_pressure_pa(dry_bulb_c), pressure)


def enthalpy_j_per_kg(dry_bulb_c: Floats, humidity: Floats) -> Floats:
    """Enthalpy of moist air [J/kg dry air], equation 30.

    Args:
        dry_bulb_c: dry-bulb temperature [degC].
        humidity: humidity ratio [kg/kg dry air].
    """
    temperature = np.asarray(dry_bulb_c, dtype=np.float64)
    return 1000.0 * (1.006 * temperature + humidity * (2501.0 + 1.86 * temperature))


def specific_volume_m3_per_kg(
    dry_bulb_c: Floats, humidity: Floats, pressure: float = STANDARD_PRESSURE_PA
) -> Floats:
    """Volume of moist air per mass of dry air [m3/kg dry air], equation 26.

    Args:
        dry_bulb_c: dry-bulb temperature [degC].
        humidity: humidity ratio [kg/kg dry air].
        pressure: total pressure [Pa].
    """
    kelvin = np.asarray(dry_bulb_c, dtype=np.float64) + KELVIN_OFFSET
    return 287.042 * kelvin * (1.0 + 1.607858 * humidity) / pressure


def saturation_enthalpy_j_per_kg(temperature_c: Floats, pressure: float = STANDARD_PRESSURE_PA) -> Floats:
    """Enthalpy of saturated air [J/kg dry air] at a temperature [degC] and pressure [Pa]."""
    return enthalpy_j_per_kg(temperature_c, saturation_humidity_ratio(temperature_c, pressure))


def humidity_ratio_from_wet_bulb(
    dry_bulb_c: Floats, wet_bulb_c: Floats, pressure: float = STANDARD_PRESSURE_PA
) -> Floats:
    """Humidity ratio [kg/kg dry air] from dry and wet bulb, equations 33 (above freezing) and 35 (below).

    Args:
        dry_bulb_c: dry-bulb temperature [degC].
        wet_bulb_c: wet-bulb temperature [degC].
        pressure: total pressure [Pa].

    Returns:
        Not below 0, whatever the two sensors say.
    """
    dry, wet = np.broadcast_arrays(np.asarray(dry_bulb_c, float), np.asarray(wet_bulb_c, float))
    saturated = saturation_humidity_ratio(wet, pressure)
    water = ((2501 - 2.326 * wet) * saturated - 1.006 * (dry - wet)) / (2501 + 1.86 * dry - 4.186 * wet)
    ice = ((2830 - 0.24 * wet) * saturated - 1.006 * (dry - wet)) / (2830 + 1.86 * dry - 2.1 * wet)
    humidity: Floats = np.maximum(np.where(wet >= 0, water, ice), 0.0)
    return humidity


def wet_bulb_c(
    dry_bulb_c: Floats, relative_humidity_ratio: Floats, pressure: float = STANDARD_PRESSURE_PA
) -> Floats:
    """Wet-bulb temperature [degC] from dry bulb and relative humidity, by bisection of equations 33 and 35.

    Args:
        dry_bulb_c: dry-bulb temperature [degC].
        relative_humidity_ratio: relative humidity [1], 0 to 1.
        pressure: total pressure [Pa].
    """
    wanted = humidity_ratio(dry_bulb_c, relative_humidity_ratio, pressure)
    dry = np.broadcast_to(np.asarray(dry_bulb_c, float), wanted.shape)
    low, high = dew_point_c(dry, relative_humidity_ratio), dry
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        wet_enough = humidity_ratio_from_wet_bulb(dry, middle, pressure) >= wanted
        low, high = np.where(wet_enough, low, middle), np.where(wet_enough, middle, high)
    found: Floats = 0.5 * (low + high)
    return found


def dew_point_c(dry_bulb_c: Floats, relative_humidity_ratio: Floats) -> Floats:
    """Dew-point (below 0 degC: frost-point) temperature [degC] from dry bulb and relative humidity.

    Args:
        dry_bulb_c: dry-bulb temperature [degC].
        relative_humidity_ratio: relative humidity [1], 0 to 1.

    Returns:
        Not below -100 degC, where the correlation ends.
    """
    vapour = np.asarray(relative_humidity_ratio, float) * saturation_pressure_pa(dry_bulb_c)
    low, high = np.full_like(vapour, _LOWEST_C), np.broadcast_to(np.asarray(dry_bulb_c, float), vapour.shape)
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        above = saturation_pressure_pa(middle) >= np.maximum(vapour, _POSITIVE_PA)
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    found: Floats = 0.5 * (low + high)
    return found


class SaturationTable(NamedTuple):
    """Saturated air at one pressure, for interpolation where it is asked for thousands of times."""

    temperature_c: Floats
    """Temperatures [degC], rising."""
    enthalpy_kj_per_kg: Floats
    """Enthalpy of saturated air [kJ/kg dry air], rising."""
    humidity_ratio: Floats
    """Humidity ratio of saturated air [kg/kg dry air]."""


@lru_cache(maxsize=8)
def saturation_table(pressure: float = STANDARD_PRESSURE_PA) -> SaturationTable:
    """Saturated air from -60 to 90 degC in steps of 0.05 K at a pressure [Pa]; linear error below 1e-6."""
    humidity = saturation_humidity_ratio(_TABLE_C, pressure)
    return SaturationTable(_TABLE_C, enthalpy_j_per_kg(_TABLE_C, humidity) * _KJ_PER_J, humidity)
