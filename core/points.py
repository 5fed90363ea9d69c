"""The point catalogue: what can be measured or commanded. A new sensor type is one entry here."""

from __future__ import annotations

import math
from dataclasses import dataclass
from difflib import get_close_matches
from enum import IntEnum, StrEnum
from typing import Final

from core.errors import InputError
from core.units import CANONICAL, Quantity


class Role(StrEnum):
    """What a point is for."""

    SENSOR = "sensor"
    SETPOINT = "setpoint"
    STATUS = "status"


class StateClass(StrEnum):
    """How a point's values combine over time."""

    MEASUREMENT = "measurement"
    TOTAL = "total"
    TOTAL_INCREASING = "total_increasing"


class Status(IntEnum):
    """Quality of a reading: the upper 16 bits of its OPC UA status code (OPC 10000-4, 7.39)."""

    GOOD = 0x0000
    UNCERTAIN = 0x4000
    UNCERTAIN_LAST_USABLE = 0x4090
    """A flat line: whatever brings this sensor up to date seems to have stopped."""
    UNCERTAIN_SENSOR_NOT_ACCURATE = 0x4093
    """A jump that is faster than the quantity can change."""
    UNCERTAIN_ENGINEERING_UNITS_EXCEEDED = 0x4094
    """It looks like another unit: a thousand times the usual value, or degrees Fahrenheit."""
    UNCERTAIN_CONFIGURATION_ERROR = 0x420F
    """The device's clock is wrong."""
    BAD = 0x8000
    BAD_OUT_OF_RANGE = 0x803C
    BAD_SENSOR_FAILURE = 0x808C


BAD_FROM: Final = int(Status.BAD)
"""A reading whose status is at or above this is never used in a calculation."""


def status_name(status: int) -> str:
    """What a status is called; one that has no name here by its severity and its number."""
    if status in frozenset(Status):
        return Status(status).name
    severity = "BAD" if status >= BAD_FROM else "UNCERTAIN" if status >= Status.UNCERTAIN else "GOOD"
    return f"{severity} (0x{status:04X})"


@dataclass(frozen=True, slots=True)
class PointType:
    """One kind of point."""

    name: str
    """Its name in topics and on pages."""
    quantity: Quantity
    """What it measures; fixes the canonical unit."""
    low: float
    """Lowest plausible value [canonical unit]; below it a reading is marked BAD_OUT_OF_RANGE."""
    high: float
    """Highest plausible value [canonical unit]."""
    label: str
    """What a person calls it."""
    role: Role = Role.SENSOR
    """Sensor, setpoint or status."""
    state_class: StateClass = StateClass.MEASUREMENT
    """How its values combine over time."""
    rate_max: float = math.inf
    """Fastest possible change [canonical unit per s]; a faster one is marked."""
    flat_s: float = math.inf
    """A sensor that shows noise is marked when it says exactly the same for longer than this [s]."""
    usual: tuple[float, float] = (-math.inf, math.inf)
    """Where it is in normal operation [canonical unit]; shows that something else was sent than was meant."""

    @property
    def unit(self) -> str:
        """The canonical unit's symbol."""
        return CANONICAL[self.quantity]


_T, _P, _R = Quantity.TEMPERATURE, Quantity.POWER, Quantity.RATIO
_SET, _ON = Role.SETPOINT, Role.STATUS
_RISING = StateClass.TOTAL_INCREASING
_GW = 1e9
_FOREVER = 1e18
_HOUR_S = 3600.0
_AIR_K_PER_S = 0.5
"""Air at a sensor; a probe that is touched or broken is faster [K/s]."""
_WATER_K_PER_S = 1.0
_OUTDOOR_K_PER_S = 0.1

_TYPES: Final = (
    PointType("power", _P, 0, _GW, "active power drawn"),
    PointType("it_power", _P, 0, _GW, "IT power", flat_s=_HOUR_S),
    PointType("facility_power", _P, 0, _GW, "power of the whole facility", flat_s=_HOUR_S),
    PointType("energy", Quantity.ENERGY, 0, _FOREVER, "energy counter", state_class=_RISING),
    PointType("cooling_load", _P, 0, _GW, "heat removed"),
    PointType("utilisation", _R, 0, 1, "utilisation"),
    PointType("memory_utilisation", _R, 0, 1, "memory controller utilisation"),
    PointType("active_tasks", Quantity.COUNT, 0, 1e9, "active tasks"),
    PointType("sum_sqrt_util", Quantity.COUNT, 0, 1e9, "sum of root utilisation"),
    PointType(
        "inlet_temperature",
        _T,
        5,
        60,
        "IT inlet temperature",
        rate_max=_AIR_K_PER_S,
        flat_s=_HOUR_S,
        usual=(10, 40),
    ),
    PointType(
        "outlet_temperature",
        _T,
        5,
        90,
        "IT outlet temperature",
        rate_max=_AIR_K_PER_S,
        flat_s=_HOUR_S,
        usual=(10, 60),
    ),
    PointType(
        "supply_air_temperature",
        _T,
        0,
        50,
        "supply air temperature",
        rate_max=_AIR_K_PER_S,
        flat_s=_HOUR_S,
        usual=(8, 40),
    ),
    PointType(
        "return_air_temperature",
        _T,
        0,
        80,
        "return air temperature",
        rate_max=_AIR_K_PER_S,
        flat_s=_HOUR_S,
        usual=(10, 50),
    ),
    PointType(
        "chilled_water_supply_temperature",
        _T,
        0,
        40,
        "chilled water supply temperature",
        rate_max=_WATER_K_PER_S,
        flat_s=_HOUR_S,
        usual=(2, 30),
    ),
    PointType(
        "chilled_water_return_temperature",
        _T,
        0,
        60,
        "chilled water return temperature",
        rate_max=_WATER_K_PER_S,
        flat_s=_HOUR_S,
        usual=(2, 40),
    ),
    PointType(
        "condenser_water_supply_temperature",
        _T,
        0,
        50,
        "condenser water supply temperature",
        rate_max=_WATER_K_PER_S,
        flat_s=_HOUR_S,
        usual=(1, 40),
    ),
    PointType(
        "condenser_water_return_temperature",
        _T,
        0,
        60,
        "condenser water return temperature",
        rate_max=_WATER_K_PER_S,
        flat_s=_HOUR_S,
        usual=(1, 45),
    ),
    PointType(
        "liquid_supply_temperature",
        _T,
        0,
        80,
        "technology cooling loop supply temperature",
        rate_max=_WATER_K_PER_S,
        flat_s=_HOUR_S,
        usual=(5, 65),
    ),
    PointType("return_air_temperature_setpoint", _T, 0, 80, "return air temperature setpoint", _SET),
    PointType(
        "liquid_supply_temperature_setpoint",
        _T,
        0,
        80,
        "technology cooling loop supply temperature setpoint",
        _SET,
    ),
    PointType("supply_air_temperature_setpoint", _T, 0, 50, "supply air temperature setpoint", _SET),
    PointType(
        "chilled_water_supply_temperature_setpoint",
        _T,
        0,
        40,
        "chilled water supply temperature setpoint",
        _SET,
    ),
    PointType(
        "condenser_water_supply_temperature_setpoint",
        _T,
        0,
        50,
        "condenser water supply temperature setpoint",
        _SET,
    ),
    PointType("fan_speed_ratio", _R, 0, 1, "fan speed"),
    PointType("fan_speed_ratio_setpoint", _R, 0, 1, "fan speed setpoint", _SET),
    PointType("valve_position", _R, 0, 1, "valve position"),
    PointType("running", Quantity.COUNT, 0, 1, "running", _ON),
    PointType("economizer_enable", Quantity.COUNT, 0, 1, "economizer enable", _SET),
    PointType("economizer_load", _P, 0, _GW, "heat removed by the economizer"),
    PointType(
        "dry_bulb_temperature",
        _T,
        -60,
        60,
        "outdoor dry-bulb temperature",
        rate_max=_OUTDOOR_K_PER_S,
        usual=(-60, 50),
    ),
    PointType(
        "wet_bulb_temperature",
        _T,
        -60,
        45,
        "outdoor wet-bulb temperature",
        rate_max=_OUTDOOR_K_PER_S,
        usual=(-60, 35),
    ),
    PointType("dew_point_temperature", _T, -80, 45, "dew point temperature"),
    PointType("relative_humidity", _R, 0, 1, "relative humidity"),
    PointType("pressure", Quantity.PRESSURE, 0, 1e8, "pressure"),
    PointType("water_flow", Quantity.VOLUME_FLOW, 0, 1e3, "water flow"),
    PointType("make_up_water", Quantity.VOLUME, 0, 1e12, "make-up water meter", state_class=_RISING),
    PointType(
        "carbon_intensity", Quantity.CARBON_INTENSITY, 0, 5000, "grid carbon intensity", usual=(1, 1500)
    ),
    PointType("memory_used", Quantity.INFORMATION, 0, 1e15, "memory in use"),
    PointType("prompt_tokens", Quantity.COUNT, 0, _FOREVER, "prompt tokens counter", state_class=_RISING),
    PointType(
        "generation_tokens", Quantity.COUNT, 0, _FOREVER, "generated tokens counter", state_class=_RISING
    ),
    PointType("gpu_power", _P, 0, 1e5, "GPU power", usual=(2, 3000)),
    PointType("gpu_power_instant", _P, 0, 1e5, "GPU power, instantaneous", usual=(2, 5000)),
    PointType("gpu_power_limit", _P, 0, 1e5, "GPU power limit"),
    PointType("gpu_temperature", _T, -20, 150, "GPU temperature"),
    PointType("gpu_memory_temperature", _T, -20, 150, "GPU memory temperature"),
    PointType("gpu_clock", Quantity.FREQUENCY, 0, 1e11, "GPU clock"),
    PointType("gpu_memory_clock", Quantity.FREQUENCY, 0, 1e11, "GPU memory clock"),
    PointType("gpu_memory_used", Quantity.INFORMATION, 0, 1e15, "GPU memory in use"),
    PointType("gpu_fan_speed_ratio", _R, 0, 2, "GPU fan speed"),
    PointType(
        "gpu_throttle_reasons", Quantity.COUNT, 0, _FOREVER, "GPU clock event reasons (bit field)", _ON
    ),
)

CATALOGUE: Final[dict[str, PointType]] = {point.name: point for point in _TYPES}


def point_type(name: str) -> PointType:
    """Look a point up by its name.

    Raises:
        InputError: the catalogue has no such point.
    """
    try:
        return CATALOGUE[name]
    except KeyError:
        near = get_close_matches(name, CATALOGUE, n=3, cutoff=0.4)
        raise InputError(
            "point",
            found=repr(name),
            allowed=f"one of the {len(CATALOGUE)} names of the point catalogue",
            do=f"did you mean {', '.join(near)}" if near else "see the catalogue in docs/extending.md",
        ) from None


@dataclass(frozen=True, slots=True, order=True)
class PointRef:
    """One point of one asset, written ``asset/point``."""

    asset: str
    point: str

    @classmethod
    def parse(cls, text: str) -> PointRef:
        """Read ``asset/point``.

        Raises:
            InputError: the text has another form or the catalogue has no such point.
        """
        asset, slash, point = text.partition("/")
        if not (asset and slash and point) or "/" in point:
            raise InputError(
                "point reference", found=repr(text), allowed="asset/point", do="write it like chiller-1/power"
            )
        return cls(asset, point_type(point).name)

    def __str__(self) -> str:
        return f"{self.asset}/{self.point}"
