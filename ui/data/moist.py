"""Moist air for the psychrometric chart: envelopes, the weather, the inlets, where cooling is free."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from core.actions import Setpoint
from core.limits import (
    ALLOWABLE_DEW_POINT_LOW_C,
    ALLOWABLE_HUMIDITY_LOW_RATIO,
    DEW_POINT_HIGH_C,
    DEW_POINT_LOW_C,
    HUMIDITY_HIGH_RATIO,
    THERMAL_CLASSES,
)
from twin import psychro
from ui.data.cooling import Seen
from ui.data.live import snapshot, total

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from core.limits import AirEnvelope
    from core.site import Site
    from ui.data.cooling import Cooling
    from ui.data.source import Source

AHEAD: Final = timedelta(hours=24)
"""How far the weather's path reaches."""
FIRST_C: Final = -15.0
LAST_C: Final = 48.0
"""Dry bulbs that the chart spans unless it is colder or warmer outside [degC]."""
CURVES: Final = (0.2, 0.4, 0.6, 0.8, 1.0)
"""Relative humidities that have a line [1]."""
APPROACH_K: Final = 4.0
"""Of a tower whose approach nothing tells [K]; assumed."""
USEFUL_K: Final = 1.0
"""Tower water that much colder than what comes back takes part of the heat [K]."""
_STEPS: Final = 61
_KEEP_WEATHER_WALL_S: Final = 20.0
_TEMPERATURES: Final = ("inlet_temperature", "return_air_temperature", "supply_air_temperature")
"""Which of its own temperatures an asset's relative humidity is of, the first that it has."""

Floats = list[float]


@dataclass(frozen=True, slots=True)
class Air:
    """The state of some air."""

    dry_c: float
    """Dry bulb [degC]."""
    humidity: float
    """Humidity ratio [kg/kg]."""
    wet_c: float | None
    """Wet bulb, where that is what was measured [degC]."""
    relative: float
    """Relative humidity [1]."""
    dew_c: float
    """Dew point [degC]."""
    time: datetime | None
    name: str


@dataclass(frozen=True, slots=True)
class Outline:
    """A closed line on the chart."""

    name: str
    dry_c: Floats
    humidity: Floats


@dataclass(frozen=True, slots=True)
class Free:
    """Where cooling is free: below a temperature outdoors, or within a part of the chart."""

    by: str
    """``wet_bulb`` or ``dry_bulb``, ``outdoor_air``; empty where the plant has no economizer."""
    full_c: float | None
    """Below this all of the heat is taken for free [degC]; of outdoor air, its highest dry bulb. None where
    that cannot be said; minus infinity where no weather is cold enough."""
    part_c: float
    """Below this, part of it [degC]; of outdoor air, its highest dew point."""
    basis: str
    """What that rests on, in words; or why nothing can be said."""
    approach_k: float | None = None
    """How far above the weather the water is taken to leave tower or dry cooler [K]."""
    approach_from: str = ""
    """Where that is from."""

    def kind(self, air: Air) -> str | None:
        """``full``, ``part`` or ``none`` in some weather; None where it cannot be said."""
        if not self.by or self.full_c is None:
            return None
        if self.by == "outdoor_air":
            return "full" if air.dry_c <= self.full_c and air.dew_c <= self.part_c else "none"
        at = air.dry_c if self.by == "dry_bulb" else air.wet_c
        if at is None:
            return None
        return "full" if at <= self.full_c else "part" if at <= self.part_c else "none"


@dataclass(frozen=True, slots=True)
class Chart:
    """All that is drawn."""

    low_c: float
    high_c: float
    """Ends of the axis [degC]."""
    curves: tuple[Outline, ...]
    """Lines of one relative humidity."""
    recommended: Outline
    allowable: tuple[Outline, ...]
    """A1 to A4, or the site's class alone where it is none of them."""
    own: str
    """The site's class."""
    outdoor: Air | None
    outdoor_reason: str
    path: tuple[Air, ...]
    """The weather of the next day as it was forecast."""
    issued_at: datetime | None
    inlets: tuple[Air, ...]
    inlet_span_c: tuple[float, float] | None
    """Coldest and warmest rack inlet [degC]."""
    humidity_from: str
    """Where the halls' humidity is from, or that it is not measured."""
    free: Free
    free_outlines: tuple[Outline, ...]
    hours: dict[str, float]
    """By kind of free cooling, how many of the hours to come [h]; modelled on the forecast."""


def chart(source: Source, cooling: Cooling) -> Chart:
    """Everything for the chart as it is now."""
    site = source.context.site
    pressure = psychro.pressure_pa(site.plant.altitude_m)
    outdoor, reason = _outdoor(cooling, pressure)
    path, issued_at = _path(source, pressure)
    inlets, span, humidity_from = _inlets(source, pressure)
    temperatures = [air.dry_c for air in (*path, *inlets, *((outdoor,) if outdoor else ()))]
    low_c = min([FIRST_C, *(t - 2 for t in temperatures)])
    high_c = max([LAST_C, *(t + 2 for t in temperatures)])
    free = free_cooling(site, cooling)
    kinds = [free.kind(air) for air in path]
    step_h = _step_h(path)
    return Chart(
        low_c=low_c,
        high_c=high_c,
        curves=tuple(curve(ratio, low_c, high_c, pressure) for ratio in CURVES),
        recommended=recommended(THERMAL_CLASSES[site.limits.thermal_class], pressure),
        allowable=tuple(
            allowable(name, envelope, pressure)
            for name, envelope in THERMAL_CLASSES.items()
            if name.startswith("A") or name == site.limits.thermal_class
        ),
        own=site.limits.thermal_class,
        outdoor=outdoor,
        outdoor_reason=reason,
        path=path,
        issued_at=issued_at,
        inlets=inlets,
        inlet_span_c=span,
        humidity_from=humidity_from,
        free=free,
        free_outlines=free_outlines(free, low_c, pressure),
        hours={kind: kinds.count(kind) * step_h for kind in ("full", "part", "none") if kind in kinds},
    )


def air(
    dry_c: float,
    humidity: float,
    pressure: float,
    time: datetime | None,
    name: str,
    wet_c: float | None = None,
) -> Air:
    """Air of a dry bulb [degC] and a humidity ratio [kg/kg]."""
    vapour_pa = pressure * humidity / (psychro.MASS_RATIO + humidity)
    relative = min(vapour_pa / float(psychro.saturation_pressure_pa(np.array(dry_c))), 1.0)
    dew_c = float(psychro.dew_point_c(np.array(dry_c), np.array(relative)))
    return Air(dry_c, humidity, wet_c, relative, dew_c, time, name)


def curve(relative: float, low_c: float, high_c: float, pressure: float) -> Outline:
    """The line of one relative humidity [1]."""
    dry = np.linspace(low_c, high_c, _STEPS)
    humidity = psychro.humidity_ratio(dry, np.array(relative), pressure)
    return Outline(f"{relative:.0%}", dry.tolist(), humidity.tolist())


def recommended(envelope: AirEnvelope, pressure: float) -> Outline:
    """The recommended envelope, the same for A1 to A4."""
    dry = np.linspace(envelope.recommended_low_c, envelope.recommended_high_c, _STEPS)
    low = _at_dew_point(DEW_POINT_LOW_C, dry, pressure)
    high = np.minimum(
        _at_dew_point(DEW_POINT_HIGH_C, dry, pressure),
        psychro.humidity_ratio(dry, np.array(HUMIDITY_HIGH_RATIO), pressure),
    )
    return _between("recommended", dry, low, high)


def allowable(name: str, envelope: AirEnvelope, pressure: float) -> Outline:
    """The allowable envelope of a class."""
    dry = np.linspace(envelope.allowable_low_c, envelope.allowable_high_c, _STEPS)
    low = np.maximum(
        _at_dew_point(ALLOWABLE_DEW_POINT_LOW_C, dry, pressure),
        psychro.humidity_ratio(dry, np.array(ALLOWABLE_HUMIDITY_LOW_RATIO), pressure),
    )
    high = np.minimum(
        _at_dew_point(envelope.dew_point_high_c, dry, pressure),
        psychro.humidity_ratio(dry, np.array(envelope.humidity_high_ratio), pressure),
    )
    return _between(name, dry, low, high)


def _at_dew_point(dew_c: float, dry: NDArray[np.float64], pressure: float) -> NDArray[np.float64]:
    """Humidity ratio of air with that dew point, no more than the air can hold."""
    wanted = float(psychro.saturation_humidity_ratio(np.array(dew_c), pressure))
    found: NDArray[np.float64] = np.minimum(wanted, psychro.saturation_humidity_ratio(dry, pressure))
    return found


def _between(
    name: str, dry: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]
) -> Outline:
    around = np.concatenate([dry, dry[::-1], dry[:1]])
    humidity = np.concatenate([low, high[::-1], low[:1]])
    return Outline(name, around.tolist(), humidity.tolist())


def free_cooling(site: Site, cooling: Cooling) -> Free:
    """Below what weather the economizer takes the heat, by the water temperatures of now."""
    nothing = float("nan")
    plant = site.plant
    if plant.air_economizer is not None:
        shut = plant.air_economizer
        return Free(
            "outdoor_air",
            shut.dry_bulb_max_c,
            shut.dew_point_max_c,
            "outdoor air is let in up to the dry bulb and the dew point of site.toml",
        )
    economizer = plant.economizer
    if economizer is None:
        return Free("", None, nothing, "the plant has no economizer")
    held = cooling.held(Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE)
    wanted = held.effective if held and held.effective.alive else cooling.chilled_supply
    by = "dry_bulb" if plant.heat_rejection.kind == "dry_cooler" else "wet_bulb"
    if wanted.value is None or cooling.chilled_return.value is None:
        said = wanted.reason if wanted.value is None else cooling.chilled_return.reason
        return Free(by, None, nothing, f"it cannot be said: {said}")
    back_c = cooling.chilled_return.value
    approach_k, approach_from = _approach(site, cooling, by)
    water_c = back_c - (back_c - wanted.value) / economizer.effectiveness
    cold_enough = water_c >= economizer.tower_water_min_c  # the tower makes no colder water
    return Free(
        by,
        water_c - approach_k if cold_enough else float("-inf"),
        back_c - USEFUL_K - approach_k,
        f"chilled water of now, exchanger effectiveness {economizer.effectiveness:g}",
        approach_k,
        approach_from,
    )


def _approach(site: Site, cooling: Cooling, by: str) -> tuple[float, str]:
    told = site.plant.heat_rejection.approach_design_k
    if told is not None:
        return told, "of the design"
    outside = cooling.dry_bulb if by == "dry_bulb" else cooling.wet_bulb
    if cooling.condenser_supply.value is not None and outside.value is not None:
        measured = cooling.condenser_supply.value - outside.value
        if USEFUL_K <= measured <= 2 * APPROACH_K:
            return measured, "as measured now"
    return APPROACH_K, "assumed"


def free_outlines(free: Free, low_c: float, pressure: float) -> tuple[Outline, ...]:
    """The parts of the chart in which cooling is free, the part of the heat first."""
    if not free.by or free.full_c is None:
        return ()
    if free.by == "outdoor_air":
        dew = min(free.part_c, free.full_c)
        dry = np.append(np.linspace(low_c, dew, _STEPS), free.full_c)
        return (_above_zero("free cooling", dry, _at_dew_point(free.part_c, dry, pressure)),)
    outlines = []
    for name, limit_c in (("free cooling, part", free.part_c), ("free cooling, all", free.full_c)):
        if limit_c <= low_c:
            continue
        dry = np.linspace(low_c, limit_c, _STEPS)
        high = psychro.saturation_humidity_ratio(dry, pressure)
        if free.by == "wet_bulb":
            warmer = np.linspace(limit_c, limit_c + 45.0, _STEPS)[1:]
            falling = psychro.humidity_ratio_from_wet_bulb(warmer, np.array(limit_c), pressure)
            last = int(np.argmax(falling <= 0)) + 1 if (falling <= 0).any() else len(falling)
            dry, high = np.append(dry, warmer[:last]), np.append(high, falling[:last])
        outlines.append(_above_zero(name, dry, high))
    return tuple(outlines)


def _above_zero(name: str, dry: NDArray[np.float64], high: NDArray[np.float64]) -> Outline:
    return Outline(
        name,
        [float(dry[0]), *dry.tolist(), float(dry[-1]), float(dry[0])],
        [0.0, *high.tolist(), 0.0, 0.0],
    )


def _outdoor(cooling: Cooling, pressure: float) -> tuple[Air | None, str]:
    for part in (cooling.dry_bulb, cooling.wet_bulb):
        if part.value is None:
            return None, part.reason
    dry, wet = cooling.dry_bulb.value or 0.0, cooling.wet_bulb.value or 0.0
    humidity = float(psychro.humidity_ratio_from_wet_bulb(np.array(dry), np.array(min(wet, dry)), pressure))
    return air(dry, humidity, pressure, cooling.dry_bulb.time, "outdoors now", wet), ""


def _path(source: Source, pressure: float) -> tuple[tuple[Air, ...], datetime | None]:
    now = source.now
    rows = source.kept(
        "weather to come",
        _KEEP_WEATHER_WALL_S,
        lambda: source.rows(
            "twin_weather_forecast", site=source.context.site.id, now=now, start=now, until=now + AHEAD
        ),
    )
    if not rows:
        return (), None
    dry = np.array([row["dry_bulb_c"] for row in rows])
    wet = np.array([row["wet_bulb_c"] for row in rows])
    humidity = psychro.humidity_ratio_from_wet_bulb(dry, np.minimum(wet, dry), pressure)
    found = tuple(
        air(float(d), float(h), pressure, row["valid_at"], "forecast", float(w))
        for d, w, h, row in zip(dry, wet, humidity, rows, strict=True)
    )
    return found, max(row["issued_at"] for row in rows)


def _step_h(path: Sequence[Air]) -> float:
    """Mean time between two points of a path [h]."""
    times = [point.time for point in path if point.time is not None]
    if len(times) < 2:  # noqa: PLR2004  # one point has no step
        return 1.0
    return (times[-1] - times[0]).total_seconds() / 3600.0 / (len(times) - 1)


def _inlets(source: Source, pressure: float) -> tuple[tuple[Air, ...], tuple[float, float] | None, str]:
    """The rack inlets on the chart: at its own humidity or at the hall's, which heat does not change."""
    site = source.context.site
    seen = Seen(source, {point.ref: point for point in snapshot(source).points})
    labels = {asset.id: asset.label or asset.id for asset in site.assets}
    shown = [(ref, total(seen.by_ref, (ref,), unit="degC")) for ref in site.sensors.rack_inlet]
    warm = [(ref, one) for ref, one in shown if one.value is not None]
    if not warm:
        return (), None, "no rack inlet is fresh"
    values = [one.value for _, one in warm if one.value is not None]
    span = (min(values), max(values))
    outside = site.sensors.dry_bulb.asset
    inside = [
        asset
        for asset in dict.fromkeys(p.ref.partition("/")[0] for p in seen.by_ref.values())
        if asset != outside and asset in labels
    ]
    humid = {asset: h for asset in inside if (h := _humidity(seen, asset, pressure)) is not None}
    if not humid:
        said = (
            "no humidity sensor in the halls (a relative_humidity or dew_point_temperature of a hall, an air"
            " handler or a rack): where the inlets lie between the two lines is not known"
        )
        return (), span, said
    common = sum(humid.values()) / len(humid)
    found = tuple(
        air(one.value or 0.0, humid.get(ref.asset, common), pressure, one.time, labels[ref.asset])
        for ref, one in warm
    )
    names = ", ".join(labels[asset] for asset in humid)
    return found, span, f"humidity measured at {names}; heat does not change it between there and the inlets"


def _humidity(seen: Seen, asset: str, pressure: float) -> float | None:
    """Humidity ratio at an asset [kg/kg]; None where it does not measure it, or not now."""
    dew = seen.of(asset, "dew_point_temperature") if seen.has(asset, "dew_point_temperature") else None
    if dew is not None and dew.value is not None:
        return float(psychro.saturation_humidity_ratio(np.array(dew.value), pressure))
    here = next((name for name in _TEMPERATURES if seen.has(asset, name)), None)
    if here is None or not seen.has(asset, "relative_humidity"):
        return None
    relative, temperature = seen.of(asset, "relative_humidity"), seen.of(asset, here)
    if relative.value is None or temperature.value is None:
        return None
    return float(psychro.humidity_ratio(np.array(temperature.value), np.array(relative.value), pressure))
