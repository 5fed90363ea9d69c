"""What was measured, as the twin needs it: one regular grid, kW and degC."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Final

import numpy as np

from core import store
from core.actions import Setpoint
from core.errors import NotReadyError
from core.units import W_PER_KW
from twin.network import Conditions, Parameters, Setpoints, reference_load_kw

if TYPE_CHECKING:
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
_OPTIONAL: Final = ("evaporative_kw", "cooling_load_kw", "return_air_c", "return_air_setpoint_c")


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

    def __post_init__(self) -> None:
        for name in _OPTIONAL:
            if not np.ndim(getattr(self, name)):
                object.__setattr__(self, name, np.full(len(self.it_kw), np.nan))

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
        )

    def conditions(self, parameters: Parameters) -> Conditions:
        """Load at the reference inlet, and weather, (n,)."""
        load = reference_load_kw(parameters, self.it_kw, self.supply_air_c)
        return Conditions(load, self.dry_bulb_c, self.wet_bulb_c)

    def part(self, index: Flags | slice) -> History:
        """The same series at some steps; `start` and `step` are kept as they are."""
        arrays = {
            name: getattr(self, name)[index]
            for name in self.__dataclass_fields__
            if name not in {"start", "step"}
        }
        return History(start=self.start, step=self.step, **arrays)


def load_history(conn: db.Connection, site: Site, start: datetime, end: datetime, step: timedelta) -> History:
    """Read what a site measured from `start` to `end`.

    Raises:
        NotReadyError: a point that the twin needs has never been seen.
    """

    def total(refs: tuple[PointRef, ...]) -> Floats:
        return store.series_sum(conn, site.id, refs, start, end, step).values

    def power(refs: tuple[PointRef, ...]) -> Floats:
        return total(refs) / W_PER_KW if refs else np.full(len(it), np.nan)

    def setpoint(name: Setpoint) -> Floats:
        sensor: PointRef | None = getattr(site.sensors, _SENSOR_OF[name])
        ref = site.setpoints[name].point if name in site.setpoints else sensor
        if ref is None:
            raise NotReadyError(f"site.toml names no point for the {name.value}")
        return total((ref,))

    meters, sensors = site.meters, site.sensors
    grid = store.series_sum(conn, site.id, meters.it, start, end, step)
    it = grid.values / W_PER_KW
    supply_set = setpoint(Setpoint.SUPPLY_AIR_TEMPERATURE)
    return History(
        start=grid.start,
        step=step,
        it_kw=it,
        facility_kw=power(meters.facility),
        chiller_kw=power(meters.chiller),
        crah_fan_kw=power(meters.crah_fan),
        pump_kw=power(meters.pump),
        tower_fan_kw=power(meters.tower_fan),
        ups_loss_kw=power(meters.ups_input) - it,
        inlet_c=reduce(np.fmax, (total((ref,)) for ref in sensors.rack_inlet)),
        supply_air_c=total((sensors.supply_air,)) if sensors.supply_air else supply_set,
        supply_air_setpoint_c=supply_set,
        chilled_water_setpoint_c=setpoint(Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE),
        condenser_water_setpoint_c=setpoint(Setpoint.CONDENSER_WATER_SUPPLY_TEMPERATURE),
        dry_bulb_c=total((sensors.dry_bulb,)),
        wet_bulb_c=total((sensors.wet_bulb,)),
    )


_SENSOR_OF: Final = {
    Setpoint.SUPPLY_AIR_TEMPERATURE: "supply_air",
    Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE: "chilled_water_supply",
    Setpoint.CONDENSER_WATER_SUPPLY_TEMPERATURE: "condenser_water_supply",
}
