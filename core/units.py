"""Units: the only place that converts.

Every stored value is in its quantity's canonical unit (`CANONICAL`); devices may send any unit in `UNITS`;
the pages convert back for display.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError

Value = TypeVar("Value", float, NDArray[np.float64])


class Quantity(StrEnum):
    """What a point measures or commands."""

    POWER = "power"
    ENERGY = "energy"
    TEMPERATURE = "temperature"
    TEMPERATURE_DIFFERENCE = "temperature_difference"
    RATIO = "ratio"
    PRESSURE = "pressure"
    VOLUME_FLOW = "volume_flow"
    VOLUME = "volume"
    FREQUENCY = "frequency"
    INFORMATION = "information"
    SPEED = "speed"
    CARBON_INTENSITY = "carbon_intensity"
    HUMIDITY_RATIO = "humidity_ratio"
    COUNT = "count"


CANONICAL: Final[dict[Quantity, str]] = {
    Quantity.POWER: "W",
    Quantity.ENERGY: "J",
    Quantity.TEMPERATURE: "degC",
    Quantity.TEMPERATURE_DIFFERENCE: "K",
    Quantity.RATIO: "1",
    Quantity.PRESSURE: "Pa",
    Quantity.VOLUME_FLOW: "m3/s",
    Quantity.VOLUME: "m3",
    Quantity.FREQUENCY: "Hz",
    Quantity.INFORMATION: "B",
    Quantity.SPEED: "m/s",
    Quantity.CARBON_INTENSITY: "g/kWh",
    Quantity.HUMIDITY_RATIO: "kg/kg",
    Quantity.COUNT: "count",
}


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of a quantity: canonical value = value * factor + offset."""

    quantity: Quantity
    factor: float
    offset: float = 0.0


KELVIN_OFFSET: Final = 273.15
FAHRENHEIT_FACTOR: Final = 5.0 / 9.0
SECONDS_PER_HOUR: Final = 3600.0
W_PER_KW: Final = 1000.0
G_PER_KG: Final = 1000.0
L_PER_M3: Final = 1000.0

UNITS: Final[dict[str, Unit]] = {
    "W": Unit(Quantity.POWER, 1.0),
    "mW": Unit(Quantity.POWER, 1e-3),
    "kW": Unit(Quantity.POWER, W_PER_KW),
    "MW": Unit(Quantity.POWER, 1e6),
    "RT": Unit(Quantity.POWER, 3516.852842),  # ton of refrigeration, 12,000 Btu/h
    "J": Unit(Quantity.ENERGY, 1.0),
    "mJ": Unit(Quantity.ENERGY, 1e-3),
    "uJ": Unit(Quantity.ENERGY, 1e-6),
    "Wh": Unit(Quantity.ENERGY, SECONDS_PER_HOUR),
    "kWh": Unit(Quantity.ENERGY, SECONDS_PER_HOUR * W_PER_KW),
    "MWh": Unit(Quantity.ENERGY, SECONDS_PER_HOUR * 1e6),
    "degC": Unit(Quantity.TEMPERATURE, 1.0),
    "degF": Unit(Quantity.TEMPERATURE, FAHRENHEIT_FACTOR, -32.0 * FAHRENHEIT_FACTOR),
    "degK": Unit(Quantity.TEMPERATURE, 1.0, -KELVIN_OFFSET),
    "K": Unit(Quantity.TEMPERATURE_DIFFERENCE, 1.0),
    "delta_degF": Unit(Quantity.TEMPERATURE_DIFFERENCE, FAHRENHEIT_FACTOR),
    "1": Unit(Quantity.RATIO, 1.0),
    "%": Unit(Quantity.RATIO, 0.01),
    "Pa": Unit(Quantity.PRESSURE, 1.0),
    "hPa": Unit(Quantity.PRESSURE, 100.0),
    "kPa": Unit(Quantity.PRESSURE, 1e3),
    "bar": Unit(Quantity.PRESSURE, 1e5),
    "psi": Unit(Quantity.PRESSURE, 6894.757293),
    "m3/s": Unit(Quantity.VOLUME_FLOW, 1.0),
    "m3/h": Unit(Quantity.VOLUME_FLOW, 1.0 / SECONDS_PER_HOUR),
    "L/s": Unit(Quantity.VOLUME_FLOW, 1e-3),
    "L/min": Unit(Quantity.VOLUME_FLOW, 1e-3 / 60.0),
    "gpm": Unit(Quantity.VOLUME_FLOW, 6.30901964e-5),
    "cfm": Unit(Quantity.VOLUME_FLOW, 4.719474432e-4),
    "m3": Unit(Quantity.VOLUME, 1.0),
    "L": Unit(Quantity.VOLUME, 1e-3),
    "gal": Unit(Quantity.VOLUME, 3.785411784e-3),  # of the United States
    "Hz": Unit(Quantity.FREQUENCY, 1.0),
    "MHz": Unit(Quantity.FREQUENCY, 1e6),
    "GHz": Unit(Quantity.FREQUENCY, 1e9),
    "B": Unit(Quantity.INFORMATION, 1.0),
    "MiB": Unit(Quantity.INFORMATION, 1024.0**2),
    "GiB": Unit(Quantity.INFORMATION, 1024.0**3),
    "m/s": Unit(Quantity.SPEED, 1.0),
    "ft/min": Unit(Quantity.SPEED, 0.00508),
    "g/kWh": Unit(Quantity.CARBON_INTENSITY, 1.0),
    "kg/kg": Unit(Quantity.HUMIDITY_RATIO, 1.0),
    "g/kg": Unit(Quantity.HUMIDITY_RATIO, 1e-3),
    "gr/lb": Unit(Quantity.HUMIDITY_RATIO, 1.0 / 7000.0),  # grains
    "count": Unit(Quantity.COUNT, 1.0),
}


def unit_of(symbol: str) -> Unit:
    """Look a unit up by its symbol.

    Raises:
        InputError: there is no such unit.
    """
    try:
        return UNITS[symbol]
    except KeyError:
        raise InputError(
            "unit", found=repr(symbol), allowed=", ".join(UNITS), do="use one of these symbols"
        ) from None


def units_for(quantity: Quantity) -> tuple[str, ...]:
    """The symbols in which a quantity may be sent."""
    return tuple(symbol for symbol, unit in UNITS.items() if unit.quantity is quantity)


def to_canonical(value: Value, symbol: str, quantity: Quantity) -> Value:
    """Convert a value to its quantity's canonical unit.

    Args:
        value: number or array [in `symbol`].
        symbol: the unit it is in.
        quantity: what it measures.

    Returns:
        The same shape, [in ``CANONICAL[quantity]``].

    Raises:
        InputError: the unit is unknown or belongs to another quantity.
    """
    unit = unit_of(symbol)
    if unit.quantity is not quantity:
        raise InputError(
            f"unit of a {quantity}",
            found=repr(symbol),
            allowed=", ".join(units_for(quantity)),
            do="send it in one of these",
        )
    return value * unit.factor + unit.offset


def from_canonical(value: Value, symbol: str) -> Value:
    """Convert a canonical value to the unit `symbol`; the inverse of `to_canonical`."""
    unit = unit_of(symbol)
    return (value - unit.offset) / unit.factor
