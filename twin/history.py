"""What was measured, as the twin needs it: one regular grid, kW and degC."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import reduce
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from core import store
from core.actions import Setpoint
from core.errors import NotReadyError
from core.series import floor_time
from core.units import W_PER_KW
from twin.network import Conditions, Parameters, Setpoints, reference_load_kw

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime, timedelta

    from core import db
    from core.points import PointRef
    from core.site import Site
    from twin.plant.curves import Flags, Floats

METERS: Final = (
    "chiller_kw",
    "crah_fan_kw",
    "evaporative_kw",
    "pump_kw",
    "tower_fan_kw",
    "ups_loss_kw",
    "facility_kw",
)
"""Power meters that the twin can be compared with, where the site has them."""
_NEEDED: Final = (
    "it_kw",
    "facility_kw",
    "supply_air_c",
    "supply_air_setpoint_c",
    "chilled_water_setpoint_c",
    "condenser_water_setpoint_c",
    "dry_bulb_c",
    "wet_bulb_c",
)
"""Without these a step says nothing."""
Steps = NDArray[np.integer[Any]]
"""Numbers of steps."""
UPS_INPUT: Final = "ups_input_kw"
"""What `ups_loss_kw` is made of beside IT power."""
_RESULTS: Final = ("inlet_c", "cooling_load_kw", "return_air_c")
"""What else the twin says of itself."""
_OPTIONAL: Final = (
    "evaporative_kw",
    "cooling_load_kw",
    "return_air_c",
    "return_air_setpoint_c",
    "liquid_supply_setpoint_c",
)
_NO_TOWER_C: Final = 25.0
"""Stands for the condenser water setpoint of a plant that has none: it acts on nothing [degC]."""


def _nothing() -> Floats:
    """A series that a site does not have."""
    return np.array(np.nan)


@dataclass(frozen=True, slots=True)
class History:
    """Means over consecutive steps; NaN where nothing was measured."""

    start: datetime
    """Start of the first step, UTC."""
    step: timedelta
    """Length of a step."""
    it_kw: Floats
    """IT power [kW]."""
    facility_kw: Floats
    """Power of the whole facility [kW]."""
    chiller_kw: Floats
    """Chillers [kW]."""
    crah_fan_kw: Floats
    """CRAH fans [kW]."""
    pump_kw: Floats
    """Pumps of both water loops [kW]."""
    tower_fan_kw: Floats
    """Tower fans [kW]."""
    ups_loss_kw: Floats
    """UPS input minus IT power [kW]: UPS and distribution losses."""
    inlet_c: Floats
    """Warmest IT inlet [degC]."""
    supply_air_c: Floats
    """Supply air [degC]."""
    supply_air_setpoint_c: Floats
    """Supply air setpoint in force [degC]."""
    chilled_water_setpoint_c: Floats
    """Chilled water supply setpoint in force [degC]."""
    condenser_water_setpoint_c: Floats
    """Condenser water supply setpoint in force [degC]."""
    dry_bulb_c: Floats
    """Outdoor dry bulb [degC]."""
    wet_bulb_c: Floats
    """Outdoor wet bulb [degC]."""
    evaporative_kw: Floats = field(default_factory=_nothing)
    """Pumps and fans of the evaporative stages [kW]; all NaN where there are none, as the next ones."""
    cooling_load_kw: Floats = field(default_factory=_nothing)
    """Heat that the chilled water carries, from a heat meter [kW]."""
    return_air_c: Floats = field(default_factory=_nothing)
    """Return air [degC]."""
    return_air_setpoint_c: Floats = field(default_factory=_nothing)
    """Return air that the CRAH fans hold [degC]."""
    liquid_supply_setpoint_c: Floats = field(default_factory=_nothing)
    """Supply of the technology cooling loops in force [degC]."""
    points: Mapping[str, Mapping[str, Floats]] = field(default_factory=dict)
    """By series, and `UPS_INPUT`, what each of its points measured [kW], [degC]; empty where not kept."""

    def __post_init__(self) -> None:
        for name in _OPTIONAL:
            if not np.ndim(getattr(self, name)):
                object.__setattr__(self, name, np.full(len(self.it_kw), np.nan))

    @classmethod
    def of(cls, start: datetime, step: timedelta, points: Mapping[str, Mapping[str, Floats]]) -> History:
        """The series that points make up: powers add up, of inlets the warmest counts.

        Args:
            start: start of the first step.
            step: length of a step.
            points: by each of `SERIES`, with `UPS_INPUT` for the losses, the points; none is NaN.
        """
        nothing = np.full(len(next(iter(points["it_kw"].values()))), np.nan)
        series = {
            name: reduce(np.fmax if name == "inlet_c" else np.add, parts.values()) if parts else nothing
            for name, parts in points.items()
        }
        losses = series.pop(UPS_INPUT) - series["it_kw"]
        if not points["supply_air_c"]:
            series["supply_air_c"] = series["supply_air_setpoint_c"]
        if not points["condenser_water_setpoint_c"]:
            series["condenser_water_setpoint_c"] = np.full(len(nothing), _NO_TOWER_C)
        return cls(start=start, step=step, **series, ups_loss_kw=losses, points=points)

    def __len__(self) -> int:
        return len(self.it_kw)

    @property
    def end(self) -> datetime:
        """End of the last step."""
        return self.start + self.step * len(self)

    @property
    def times(self) -> list[datetime]:
        """(n,) starts of the steps; of a whole series, not of a `part`."""
        return [self.start + self.step * i for i in range(len(self))]

    @property
    def usable(self) -> Flags:
        """(n,) steps at which everything that the twin needs was measured."""
        flags: Flags = np.all([np.isfinite(getattr(self, name)) for name in _NEEDED], axis=0)
        return flags

    @property
    def setpoints(self) -> Setpoints:
        """Setpoints in force, (n,)."""
        return Setpoints(
            self.supply_air_setpoint_c,
            self.chilled_water_setpoint_c,
            self.condenser_water_setpoint_c,
            self.return_air_setpoint_c,
            self.liquid_supply_setpoint_c,
        )

    def conditions(self, parameters: Parameters) -> Conditions:
        """Load at the reference inlet, and weather, (n,)."""
        load = reference_load_kw(parameters, self.it_kw, self.supply_air_c)
        return Conditions(load, self.dry_bulb_c, self.wet_bulb_c)

    def bridged(self, known: Flags) -> History:
        """The same with gaps bridged by straight lines, so that what is stored can be carried across them.

        Args:
            known: (n,) steps that count as measured; a series not known at all of them stays as it is.
        """
        if not known.any():
            return replace(self, points={})
        index = np.arange(len(self))
        arrays: dict[str, Any] = {
            name: np.interp(index, index[known], getattr(self, name)[known])
            for name in SERIES
            if np.isfinite(getattr(self, name)[known]).all()
        }
        return replace(self, points={}, **arrays)

    def unmetered(self, where: Flags) -> History:
        """The same without what meters and inlet sensors said at some steps."""
        hidden = (*METERS, *_RESULTS)
        arrays: dict[str, Any] = {name: np.where(where, np.nan, getattr(self, name)) for name in hidden}
        return replace(self, points={}, **arrays)

    def part(self, index: Flags | Steps | slice) -> History:
        """The same series at some steps; `start` and `step` are kept as they are, points are not."""
        return History(
            start=self.start, step=self.step, **{name: getattr(self, name)[index] for name in SERIES}
        )


SERIES: Final = tuple(
    name for name in History.__dataclass_fields__ if name not in {"start", "step", "points"}
)
"""The arrays of a `History`."""


def load_history(conn: db.Connection, site: Site, start: datetime, end: datetime, step: timedelta) -> History:
    """Read what a site measured from `start` to `end`.

    Raises:
        NotReadyError: a point that the twin needs has never been seen.
    """
    return _load(conn, site, start, end, step, lambda refs: (refs,) if refs else ())


def load_points(conn: db.Connection, site: Site, start: datetime, end: datetime, step: timedelta) -> History:
    """The same, each point by itself, so that a fault can be told from its neighbours. One query a point.

    Raises:
        NotReadyError: a point that the twin needs has never been seen.
    """
    return _load(conn, site, start, end, step, lambda refs: tuple((ref,) for ref in refs))


def named(refs: tuple[PointRef, ...]) -> str:
    """What points that are added up are called."""
    return " + ".join(str(ref) for ref in refs)


def series_refs(site: Site) -> dict[str, tuple[PointRef, ...]]:
    """The points of each series, and of `UPS_INPUT`; setpoints as they are reported, else as measured.

    Raises:
        NotReadyError: a setpoint has neither.
    """
    meters, sensors = site.meters, site.sensors
    has_tower = site.plant.heat_rejection.kind != "none"

    def one(ref: PointRef | None) -> tuple[PointRef, ...]:
        return (ref,) if ref else ()

    def setpoint(name: Setpoint) -> tuple[PointRef, ...]:
        sensor: PointRef | None = getattr(sensors, _SENSOR_OF[name])
        ref = site.setpoints[name].point if name in site.setpoints else sensor
        if ref is None and name is Setpoint.CONDENSER_WATER_SUPPLY_TEMPERATURE and not has_tower:
            return ()
        if ref is None:
            raise NotReadyError(f"site.toml names no point for the {name.value}")
        return (ref,)

    return {
        "it_kw": meters.it,
        "facility_kw": meters.facility,
        "chiller_kw": meters.chiller,
        "crah_fan_kw": meters.crah_fan,
        "pump_kw": meters.pump,
        "tower_fan_kw": meters.tower_fan,
        UPS_INPUT: meters.ups_input,
        "inlet_c": sensors.rack_inlet,
        "supply_air_c": one(sensors.supply_air),
        "supply_air_setpoint_c": setpoint(Setpoint.SUPPLY_AIR_TEMPERATURE),
        "chilled_water_setpoint_c": setpoint(Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE),
        "condenser_water_setpoint_c": setpoint(Setpoint.CONDENSER_WATER_SUPPLY_TEMPERATURE),
        "dry_bulb_c": (sensors.dry_bulb,),
        "wet_bulb_c": (sensors.wet_bulb,),
        "evaporative_kw": meters.evaporative,
        "cooling_load_kw": one(sensors.cooling_load),
        "return_air_c": one(sensors.return_air),
        "return_air_setpoint_c": one(sensors.return_air_setpoint),
        "liquid_supply_setpoint_c": one(sensors.liquid_supply_setpoint or sensors.liquid_supply),
    }


def _load(
    conn: db.Connection,
    site: Site,
    start: datetime,
    end: datetime,
    step: timedelta,
    split: Callable[[tuple[PointRef, ...]], tuple[tuple[PointRef, ...], ...]],
) -> History:
    def read(name: str, refs: tuple[PointRef, ...]) -> Floats:
        values = store.series_sum(conn, site.id, refs, start, end, step).values
        return values / W_PER_KW if name.endswith("_kw") else values

    refs_of = series_refs(site)
    seen = store.point_ids(conn, site.id, [ref for name in _OPTIONAL for ref in refs_of[name]])
    for name in _OPTIONAL:
        if any(str(ref) not in seen for ref in refs_of[name]):
            refs_of[name] = ()
    points = {
        name: {
            named(group): read(name, group)
            for group in (split(refs) if name != "inlet_c" else [(ref,) for ref in refs])
        }
        for name, refs in refs_of.items()
    }
    return History.of(floor_time(start, step), step, points)


_SENSOR_OF: Final = {
    Setpoint.SUPPLY_AIR_TEMPERATURE: "supply_air",
    Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE: "chilled_water_supply",
    Setpoint.CONDENSER_WATER_SUPPLY_TEMPERATURE: "condenser_water_supply",
}
