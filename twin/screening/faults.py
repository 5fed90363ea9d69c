"""What can be wrong with measured series, found by arithmetic, design data and each other.

Each detector takes `Measured` and yields `Fault`s. What they cannot find: a bias within what is plausible,
both weather sensors in degF while it freezes, a slow drift, an hour's shift of a temperature in the hall or
of a setpoint.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from core.points import point_type
from twin import design
from twin.history import UPS_INPUT
from twin.psychro import wet_bulb_c

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from core.plant import Plant
    from twin.history import Steps
    from twin.plant.curves import Flags, Floats

FAHRENHEIT: Final = "degF read as degC"
WATTS: Final = "W read as kW"
KILOWATTS: Final = "kW read as W"
WET: Final = "wet bulb above dry bulb"
BELOW_IT: Final = "facility power below IT power"
SUM: Final = "submeters add up to more than the facility's meter"
SPIKE: Final = "spike"
STUCK: Final = "stuck"

SUBMETERS: Final = ("chiller_kw", "crah_fan_kw", "evaporative_kw", "pump_kw", "tower_fan_kw")
SETPOINTS: Final = (
    "supply_air_setpoint_c",
    "chilled_water_setpoint_c",
    "condenser_water_setpoint_c",
    "return_air_setpoint_c",
    "liquid_supply_setpoint_c",
)
_JUMPING: Final = (*SETPOINTS, "cooling_load_kw")
"""These may jump and come back: outdoor air takes over the load, and gives it back."""
_SENSOR_TYPE: Final = {
    "inlet_c": "inlet_temperature",
    "supply_air_c": "supply_air_temperature",
    "supply_air_setpoint_c": "supply_air_temperature",
    "chilled_water_setpoint_c": "chilled_water_supply_temperature",
    "condenser_water_setpoint_c": "condenser_water_supply_temperature",
    "return_air_c": "return_air_temperature",
    "return_air_setpoint_c": "return_air_temperature",
    "liquid_supply_setpoint_c": "liquid_supply_temperature",
    "dry_bulb_c": "dry_bulb_temperature",
    "wet_bulb_c": "wet_bulb_temperature",
}
"""Which entry of the point catalogue says where a series usually is."""
_WEATHER: Final = ("dry_bulb_c", "wet_bulb_c")

WET_TOLERANCE_K: Final = 0.5
"""A wet bulb may be this far above the dry bulb: fog, and the sensors' errors."""
WEATHER_JUMP_K: Final = 10.0
"""No weather changes by this in a step: another unit begins or ends there."""
FAHRENHEIT_EXCESS_K: Final = 15.0
"""A wet bulb that is further above the dry bulb than this is in another unit."""
DESIGN_RATIO: Final = 10.0
"""A meter above its equipment's design power by this much is in another unit [1]."""
NEVER_RATIO: Final = 0.01
"""Pumps and CRAH fans that serve a load never stay below this share of their design power [1]."""
PUE_MOST: Final = 10.0
"""A facility that draws more than this over its IT load is none [1]."""
CLOSES_RATIO: Final = 0.3
"""A unit's factor explains what a balance misses if this share of it, at most, is left [1]."""
SUM_TOLERANCE_RATIO: Final = 0.05
"""Submeters may add up to this much more than the facility's meter [1]."""
SPIKE_FLOOR_K: Final = 4.0
SPIKE_FLOOR_RATIO: Final = 0.3
"""A spike of facility or IT power leaves its neighbours by this share of the usual power [1]."""
SPIKE_DESIGN_RATIO: Final = 0.1
"""... and of a submeter by this share of its equipment's design power [1]."""
SPIKE_SD: Final = 10.0
STUCK_STEPS: Final = 24
"""Fewest steps that count as stuck: six hours of quarter hours."""
STUCK_RUNS: Final = 6.0
"""... and this many times as long as the point usually stands still."""
REST_STEPS: Final = 96
"""Weather that stands still for this long is stuck whatever else moves: a day."""
_MOVED_POWER_RATIO: Final = 0.03
_MOVED_SETPOINT_K: Final = 0.5
_MOVED_WEATHER_K_DAYS: Final = 1.0
_EXTREME_RATIO: Final = 0.01
_SPIKE_WINDOW: Final = 5
_KILO: Final = 1000.0


class Fault(NamedTuple):
    """One kind of fault of one point, and the steps that it spoils."""

    series: str
    name: str
    what: str
    flags: Flags


@dataclass(frozen=True, slots=True)
class Measured:
    """A history's points, and what the plant was designed for."""

    plant: Plant
    points: dict[str, dict[str, Floats]]

    def series(self, name: str) -> Floats:
        """(n,) what the points of a series make up; NaN where it has none."""
        parts = list(self.points[name].values())
        if not parts:
            return np.full(self.steps, np.nan)
        values: Floats = reduce(np.fmax if name == "inlet_c" else np.add, parts)
        return values

    @property
    def steps(self) -> int:
        """Number of steps."""
        return len(next(iter(self.points["it_kw"].values())))

    @property
    def behind_ups(self) -> str:
        """The meter of what the IT and its losses draw: the UPS's input where there is one."""
        return UPS_INPUT if self.points[UPS_INPUT] else "it_kw"

    def unaccounted_kw(self) -> Floats:
        """(n,) what the facility draws beyond its submeters; those without a value count nothing."""
        parts = np.stack([self.series(name) for name in (self.behind_ups, *SUBMETERS)])
        left: Floats = self.series("facility_kw") - np.nansum(parts, axis=0)
        return np.where(np.isfinite(parts[0]), left, np.nan)

    def design_kw(self, name: str) -> float:
        """The most that a series' equipment was built for [kW]."""
        return _design_kw(self.plant)[name]

    def each(self, *names: str) -> Iterator[tuple[str, str, Floats]]:
        """Series, name and values of every point of some series; of all where none is named."""
        for series in names or tuple(self.points):
            for name, values in self.points[series].items():
                yield series, name, values


@lru_cache(maxsize=8)
def _design_kw(plant: Plant) -> dict[str, float]:
    """The most that each series' equipment was built for [kW]; 0 of what the plant does not have."""
    machines, wet, liquid = design.chillers(plant), plant.evaporative, plant.liquid
    stages_kw = (
        wet.direct.pump_kw if wet and wet.direct else 0.0,
        wet.indirect.full_kw if wet and wet.indirect else 0.0,
    )
    pumps_kw = (plant.chilled_water_pump_kw, plant.condenser_water_pump_kw, liquid and liquid.pump_kw)
    return {
        "it_kw": plant.it_design_kw,
        "facility_kw": 2.0 * plant.it_design_kw,
        UPS_INPUT: plant.ups_rated_kw,
        "chiller_kw": machines.count * machines.capacity_kw / machines.cop,
        "crah_fan_kw": plant.crah_count * plant.crah_fan_kw,
        "evaporative_kw": sum(stages_kw),
        "pump_kw": sum(kw or 0.0 for kw in pumps_kw),
        "tower_fan_kw": plant.tower_fan_kw or 0.0,
        "cooling_load_kw": machines.count * machines.capacity_kw,
    }


def runs(flags: Flags) -> list[tuple[int, int]]:
    """Starts and ends (exclusive) of stretches of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flags.astype(np.int8), [0]))))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def celsius(fahrenheit: Floats) -> Floats:
    """What a value is if it was meant in degF [degC]."""
    return (fahrenheit - 32.0) / 1.8


def watts_as_kilowatts(found: Measured) -> Iterator[Fault]:
    """Powers far above what the equipment was built for, and right when divided by 1000."""
    for series, name, values in found.each(*(s for s in found.points if s.endswith("_kw"))):
        most = DESIGN_RATIO * found.design_kw(series)
        yield Fault(series, name, WATTS, (values > most) & (values < most * _KILO))


def kilowatts_as_watts(found: Measured) -> Iterator[Fault]:
    """Powers that are a thousandth of what the other meters leave for them."""
    it, facility, ups = (found.series(name) for name in ("it_kw", "facility_kw", UPS_INPUT))
    others = (("facility_kw", facility, it), ("it_kw", it, facility), (UPS_INPUT, ups, it))
    for series, mine, reference in others:
        ratio = np.divide(mine, reference, out=np.full(found.steps, np.nan), where=reference > 0)
        small = (ratio > 0.5 / PUE_MOST / _KILO) & (ratio < PUE_MOST / _KILO)
        for name in found.points[series]:
            yield Fault(series, name, KILOWATTS, small)
    left = found.unaccounted_kw()
    missing = {
        "facility_kw": -left,
        "it_kw": left if found.behind_ups == "it_kw" else ups - it,
        UPS_INPUT: left,
    }
    for series, name, values in found.each(*missing, *SUBMETERS):
        if series in SUBMETERS or len(found.points[series]) > 1:
            flags = _thousandth(found, series, values, missing.get(series, left))
            yield Fault(series, name, KILOWATTS, flags)


def _thousandth(found: Measured, series: str, values: Floats, left: Floats) -> Flags:
    """Stretches of one meter of several in which 999 times its value is what its balance misses.

    Args:
        found: the points.
        series: what it belongs to.
        values: what it measured.
        left: what its balance does not account for.
    """
    share = found.design_kw(series) / len(found.points[series])
    small = (values > 0) & (values < NEVER_RATIO * share)
    if series in {"pump_kw", "crah_fan_kw"} and np.nanmax(values, initial=0.0) < NEVER_RATIO * share:
        return small
    missing = (_KILO - 1.0) * values
    compared = small & np.isfinite(left)
    if not _range(values[compared]) or not _near(_slope(values[compared], left[compared])):
        return np.zeros(found.steps, dtype=bool)
    known = np.isfinite(left) & ~small
    if known.sum() < found.steps / 4:
        return small
    explained = np.abs(left - float(np.median(left[known])) - missing) < CLOSES_RATIO * missing
    flags = np.zeros(found.steps, dtype=bool)
    for begin, end in runs(small):
        flags[begin:end] = explained[begin:end].mean() > CLOSES_RATIO
    return flags


def _slope(values: Floats, left: Floats) -> float:
    off = values - values.mean()
    return float(off @ left / (off @ off))


def _near(slope: float) -> bool:
    return abs(slope / (_KILO - 1.0) - 1.0) < CLOSES_RATIO


def fahrenheit(found: Measured) -> Iterator[Fault]:
    """Temperatures that no plant has, and usual ones when taken for degF."""
    dry, wet = (found.series(name) for name in _WEATHER)
    odd = {"dry_bulb_c": _too_dry(dry, wet), "wet_bulb_c": wet > dry + FAHRENHEIT_EXCESS_K}
    for series, name, values in found.each(*_SENSOR_TYPE):
        low, high = point_type(_SENSOR_TYPE[series]).usual
        meant = celsius(values)
        flags = (values > high) & (meant >= low) & (meant <= high)
        if series in _WEATHER:
            flags |= _other_weather(values) | odd[series]
        yield Fault(series, name, FAHRENHEIT, flags)


def _too_dry(dry: Floats, wet: Floats) -> Flags:
    """Dry bulbs at which even air without any moisture has a higher wet bulb, and that degF explains."""
    flags = np.zeros(len(dry), dtype=bool)
    known = np.isfinite(dry) & np.isfinite(wet)
    driest = wet_bulb_c(np.clip(dry[known], -40.0, 60.0), np.zeros(int(known.sum())))
    flags[known] = (wet[known] < driest - 1.0) & (celsius(dry[known]) > wet[known] - WEATHER_JUMP_K)
    return flags


def _other_weather(values: Floats) -> Flags:
    """Stretches between two jumps that fit the rest when taken for degF."""
    flags = np.zeros(len(values), dtype=bool)
    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        return flags
    middle = float(np.median(values[known]))
    off = np.abs(values[known] - middle)
    fits = (np.abs(celsius(values[known]) - middle) < off / 3.0) & (off > 2.0 * WEATHER_JUMP_K)
    jumps = np.abs(np.diff(values[known])) > WEATHER_JUMP_K
    for begin, end in runs(fits):
        edges = [jumps[i] for i in (begin - 1, end - 1) if 0 <= i < len(jumps)]
        if edges and all(edges):
            flags[known[begin:end]] = True
    return flags


def wet_above_dry(found: Measured) -> Iterator[Fault]:
    """A wet bulb above the dry bulb: one of them is wrong, and nobody knows which."""
    flags = found.series("wet_bulb_c") > found.series("dry_bulb_c") + WET_TOLERANCE_K
    for series, name, _ in found.each(*_WEATHER):
        yield Fault(series, name, WET, flags)


def disagreeing(found: Measured) -> Iterator[Fault]:
    """A facility that draws less than its IT, or than its submeters together."""
    it, facility = found.series("it_kw"), found.series("facility_kw")
    below = facility < it
    over = ~below & (found.unaccounted_kw() < -SUM_TOLERANCE_RATIO * facility)
    for name in found.points["facility_kw"]:
        yield Fault("facility_kw", name, BELOW_IT, below)
        yield Fault("facility_kw", name, SUM, over)


def spikes(found: Measured) -> Iterator[Fault]:
    """One or two steps that leave their neighbours and come back, and that no other meter saw."""
    departures = {name: _departure(found.series(name)) for name in ("it_kw", "facility_kw")}
    missed = -_departure(found.unaccounted_kw())
    for series, name, values in found.each():
        if series in _JUMPING or not np.isfinite(values).any():
            continue
        off = _departure(values)
        least = SPIKE_SD * _usual(off)
        if series in SUBMETERS:
            share = SPIKE_DESIGN_RATIO * found.design_kw(series)
            flags = (off > max(share, least, SPIKE_SD * _usual(missed))) & (missed > 0.5 * off)
        elif series.endswith("_kw"):
            seen = departures["it_kw" if series == "facility_kw" else "facility_kw"]
            flags = np.abs(off) > max(SPIKE_FLOOR_RATIO * float(np.nanmedian(values)), least)
            flags &= ~(np.abs(seen) > 0.5 * np.abs(off))
        else:
            flags = np.abs(off) > max(SPIKE_FLOOR_K, least)
        yield Fault(series, name, SPIKE, flags)


def _usual(off: Floats) -> float:
    """Standard deviation of departures, whatever the few large ones are."""
    return 1.4826 * float(np.nanmedian(np.abs(off))) if np.isfinite(off).any() else 0.0


def _departure(values: Floats) -> Floats:
    """(n,) from the median of the five steps about each."""
    half = _SPIKE_WINDOW // 2
    padded = np.pad(values, half, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, _SPIKE_WINDOW)
    middle = np.full(len(values), np.nan)
    known = np.isfinite(windows).any(axis=1)
    middle[known] = np.nanmedian(windows[known], axis=1)
    off: Floats = values - middle
    return off


def stuck(found: Measured) -> Iterator[Fault]:
    """Values that stand still for far longer than they usually do while what drives them moves."""
    for series, name, values in found.each():
        if series not in SETPOINTS:
            yield Fault(series, name, STUCK, _standing(found, series, values))


def _standing(found: Measured, series: str, values: Floats) -> Flags:
    flags = np.zeros(len(values), dtype=bool)
    known = np.flatnonzero(np.isfinite(values))
    if len(known) < STUCK_STEPS:
        return flags
    change = np.abs(np.diff(values[known]))
    moving = change[change > 1e-9 * np.maximum(np.abs(values[known][1:]), 1.0)]
    still = change <= (0.02 * float(np.median(moving)) if len(moving) else 1e-9)
    stretches = [(a, b + 1) for a, b in runs(still)]
    lengths = np.array([b - a for a, b in stretches])
    for i, (begin, end) in enumerate(stretches):
        alone = np.concatenate((np.delete(lengths, i), np.ones(int((~still).sum()))))
        least = max(STUCK_STEPS, STUCK_RUNS * float(np.percentile(alone, 95)) if len(alone) else 0.0)
        steps = known[begin:end]
        rest = np.delete(values[known], slice(begin, end))
        if len(steps) >= least and _should_move(found, series, float(values[steps].max()), rest, steps):
            flags[steps[0] : steps[-1] + 1] = True
    return flags


def _should_move(found: Measured, series: str, value: float, rest: Floats, steps: Steps) -> bool:
    """Whether a point that says the same in all these steps ought to have moved."""
    moved: Callable[[str], float] = lambda name: _range(found.series(name)[steps])  # noqa: E731
    driver = "facility_kw" if series == "it_kw" else "it_kw"
    load = found.series(driver)
    busy = moved(driver) > _MOVED_POWER_RATIO * float(np.max(load, where=np.isfinite(load), initial=0.0))
    if series in {"it_kw", "facility_kw", UPS_INPUT}:
        return busy or len(rest) > len(steps)  # so many machines never rest: a gateway repeats itself
    if series in _WEATHER:
        other = _WEATHER[1 - _WEATHER.index(series)]
        return moved(other) * len(steps) > _MOVED_WEATHER_K_DAYS * REST_STEPS or len(steps) >= REST_STEPS
    if series == "supply_air_c":
        return moved("supply_air_setpoint_c") > _MOVED_SETPOINT_K
    if series == "return_air_c":
        return moved("return_air_setpoint_c") > _MOVED_SETPOINT_K
    if series in SUBMETERS or series == "cooling_load_kw":
        # off, at its end, or of constant speed: it may stand still
        on = rest[rest > 0]
        at_end = len(on) and min(abs(value - on.min()), abs(value - on.max())) < _EXTREME_RATIO * value
        running = value > NEVER_RATIO * found.design_kw(series) / len(found.points[series])
        return bool(running and busy and len(rest) >= len(steps) and not at_end)
    return busy


def _range(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(np.ptp(known)) if len(known) else 0.0
