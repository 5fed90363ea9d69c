"""What removes the heat, now: machines, water and air, and who holds which setpoint."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from core.actions import Setpoint
from core.points import PointRef, point_type
from core.units import Quantity as Of
from core.units import to_canonical
from ui.data.live import KEEP_WALL_S, Point, snapshot, total
from ui.data.shown import Kind, Shown, missing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from core.plant import Plant
    from core.site import Asset, Site
    from ui.data.source import Source


class Sort(StrEnum):
    """What a machine of the cooling is, in the order of the page."""

    TOWER = "heat rejection"
    CHILLER = "chillers"
    ECONOMIZER = "economizers"
    PUMP = "pumps"
    CRAH = "air handlers"
    EVAPORATIVE = "evaporative stages"
    CDU = "liquid loops"


CLASSES: Final = {
    Sort.CHILLER: ("chiller",),
    Sort.TOWER: ("tower", "dry_cooler", "condenser_unit", "evaporative_condenser"),
    Sort.PUMP: ("pump",),
    Sort.CRAH: ("crah", "crac", "air_handl", "ahu", "fan_coil", "computer_room_air"),
    Sort.ECONOMIZER: ("heat_exchanger", "economizer"),
    Sort.EVAPORATIVE: ("evaporative", "spray"),
    Sort.CDU: ("cdu", "coolant_distribution"),
}
"""Parts of the Brick classes that say what an asset is; small letters."""
HALLS: Final = ("hall", "room", "zone")
"""Parts of the Brick classes of places with racks in them."""
CONDENSER: Final = ("condenser", "cw-")
"""What the class, the parent's class or the id of a pump of the condenser water has in it."""
SETPOINT_OF: Final = {
    Sort.CHILLER: Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE,
    Sort.TOWER: Setpoint.CONDENSER_WATER_SUPPLY_TEMPERATURE,
    Sort.CRAH: Setpoint.SUPPLY_AIR_TEMPERATURE,
}
"""The setpoint that a sort of machine follows."""
SUPPLY_OF: Final = {
    Setpoint.SUPPLY_AIR_TEMPERATURE: "supply_air",
    Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE: "chilled_water_supply",
    Setpoint.CONDENSER_WATER_SUPPLY_TEMPERATURE: "condenser_water_supply",
}
"""The sensor of the site that measures what a setpoint asks for."""
HELD_CLOSE: Final = frozenset({Setpoint.SUPPLY_AIR_TEMPERATURE, Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE})
"""Supplies that ought to be at their setpoints in any weather."""
DEVIATION_K: Final = 2.0
"""A supply that much warmer than its setpoint is abnormal [K]."""
FOLLOWED_K: Final = 0.1
"""A setpoint in force that close to what was asked for follows it [K]."""
RUNS_FROM_RATIO: Final = 0.02
"""A machine without a status runs from that share of its design power, fan speed or heat on [1]."""
_NO_READING: Final = "nothing says whether it runs"


@dataclass(frozen=True, slots=True)
class Machine:
    """One chiller, tower, pump, air handler."""

    asset: str
    label: str
    sort: Sort
    hall: str
    """Id of the hall that it serves; empty where it is not said."""
    running: bool | None
    """None where nothing says so."""
    running_by: str
    """What says so, or why nothing does."""
    power: Shown
    """[W]."""
    load: Shown
    """[1]."""
    load_of: str
    """Of what the load is a share."""
    heat: Shown
    """Heat that it removes [W]; missing where it is not metered."""
    cop: Shown
    """Heat over power [1]."""
    difference: Shown
    """Return less supply [K]."""
    supply: Shown
    """Temperature of what it supplies [degC], from its own sensor."""
    flow: Shown
    """Water [m3/s], from its own sensor."""
    condenser: bool
    """A pump: of the condenser water."""

    @property
    def setpoint(self) -> Setpoint | None:
        """The setpoint that it follows."""
        return SETPOINT_OF.get(self.sort)


@dataclass(frozen=True, slots=True)
class Held:
    """One setpoint: who asks for what, and what is in force."""

    setpoint: Setpoint
    ref: str
    """``asset/point`` of the setpoint in force."""
    local: Shown
    """The plant's own; before the lease where there is one [degC]."""
    ours: Shown
    """What advice asks for [degC]; missing where nobody does."""
    effective: Shown
    """What the plant reports to be in force [degC]."""
    measured: Shown
    """What is supplied [degC]."""
    low_c: float
    high_c: float
    """What equipment and operator allow [degC]."""
    recommendation_id: int | None
    """Of the advice that holds it; None: the plant's own control does."""
    names: tuple[str, ...]
    """Who accepted that."""
    by_hand: bool
    """An operator has set it, on advice; otherwise it is a lease."""
    until: datetime | None
    """When it goes back to the plant's own control."""
    lease_until: datetime | None
    """When the plant's side lets go by itself unless the lease is renewed."""
    renewed_at: datetime | None

    @property
    def deviation_k(self) -> float | None:
        """How much warmer the supply is than the setpoint in force [K]."""
        if self.measured.value is None or self.effective.value is None:
            return None
        return self.measured.value - self.effective.value

    @property
    def off(self) -> bool:
        """The supply is abnormally far above its setpoint."""
        above = self.deviation_k
        return self.setpoint in HELD_CLOSE and above is not None and above > DEVIATION_K

    @property
    def ignored(self) -> bool:
        """Advice holds it and the plant reports another value."""
        if self.ours.value is None or self.effective.value is None:
            return False
        return abs(self.ours.value - self.effective.value) > FOLLOWED_K


@dataclass(frozen=True, slots=True)
class Hall:
    """A place with racks."""

    asset: str
    """Empty: the site says of no hall."""
    label: str
    supply: Shown
    """Supply air [degC]."""
    back: Shown
    """Return air [degC]."""
    worst: Shown
    """Warmest inlet [degC]."""
    worst_name: str


@dataclass(frozen=True, slots=True)
class Cooling:
    """All of it at one moment."""

    at: datetime
    machines: tuple[Machine, ...]
    setpoints: tuple[Held, ...]
    halls: tuple[Hall, ...]
    it: Shown
    """[W]."""
    power: Shown
    """Of everything that removes heat [W]."""
    heat: Shown
    """That the chilled water carries [W]."""
    heat_from: str
    """Where that number is from."""
    chilled_supply: Shown
    chilled_return: Shown
    condenser_supply: Shown
    condenser_return: Shown
    liquid_supply: Shown
    dry_bulb: Shown
    wet_bulb: Shown
    """[degC]."""
    free: Shown
    """Heat that the economizer takes [W]."""

    def of(self, sort: Sort) -> tuple[Machine, ...]:
        """The machines of one sort."""
        return tuple(machine for machine in self.machines if machine.sort is sort)

    def held(self, setpoint: Setpoint | None) -> Held | None:
        """One of the setpoints; None where the site has none such."""
        return next((held for held in self.setpoints if held.setpoint is setpoint), None)


def now(source: Source) -> Cooling:
    """Everything, now; read once however many browsers ask within a second."""
    found: Cooling = source.kept("cooling", KEEP_WALL_S, lambda: cooling(source))
    return found


def cooling(source: Source) -> Cooling:
    """Put it together from the newest readings."""
    site, live = source.context.site, snapshot(source)
    seen = Seen(source, {point.ref: point for point in live.points})
    machines = tuple(_machines(site, seen))
    heat, heat_from = _heat(site, seen, machines)
    sensors = site.sensors
    return Cooling(
        at=live.at,
        machines=machines,
        setpoints=_setpoints(source, seen),
        halls=_halls(site, seen),
        it=live.it,
        power=live.cooling,
        heat=heat,
        heat_from=heat_from,
        chilled_supply=seen.ref(sensors.chilled_water_supply, "degC"),
        chilled_return=seen.ref(
            sensors.chilled_water_return or seen.any("chilled_water_return_temperature"), "degC"
        ),
        condenser_supply=seen.ref(sensors.condenser_water_supply, "degC"),
        condenser_return=seen.ref(seen.any("condenser_water_return_temperature"), "degC"),
        liquid_supply=seen.ref(sensors.liquid_supply, "degC"),
        dry_bulb=seen.ref(sensors.dry_bulb, "degC"),
        wet_bulb=seen.ref(sensors.wet_bulb, "degC"),
        free=seen.ref(sensors.economizer_load or seen.any("economizer_load"), "W"),
    )


@dataclass(frozen=True, slots=True)
class Seen:
    """The newest readings, asked for by name."""

    source: Source
    by_ref: dict[str, Point]

    def has(self, asset: str, point: str) -> bool:
        """Whether there is such a reading at all, dead or alive."""
        return f"{asset}/{point}" in self.by_ref

    def any(self, point: str) -> PointRef | None:
        """The first point of that name that has readings."""
        return next((PointRef.parse(ref) for ref in self.by_ref if ref.endswith(f"/{point}")), None)

    def ref(self, ref: PointRef | None, unit: str = "") -> Shown:
        """The newest reading of one point."""
        if ref is None:
            return missing(unit, Kind.MEASURED, "the site has no such sensor")
        return total(self.by_ref, (ref,), unit=unit or point_type(ref.point).unit)

    def of(self, asset: str, point: str) -> Shown:
        """The newest reading of an asset's point."""
        return self.ref(PointRef(asset, point))

    def first(self, asset: str, *points: str) -> Shown:
        """The first of some points that the asset has."""
        here = next((point for point in points if self.has(asset, point)), points[0])
        return self.of(asset, here)


def sort_of(brick_class: str) -> Sort | None:
    """What an asset is by its Brick class; None where it cools nothing."""
    name = brick_class.lower()
    if any(part in name for part in CLASSES[Sort.PUMP]):
        return Sort.PUMP
    return next((sort for sort, parts in CLASSES.items() if any(part in name for part in parts)), None)


def hall_of(site: Site, asset_id: str) -> str:
    """Id of the hall that an asset is in, itself included; empty where it is in none."""
    by_id: dict[str, Asset] = {asset.id: asset for asset in site.assets}
    here, passed = by_id.get(asset_id), set[str]()
    while here is not None and here.id not in passed:
        name = here.brick_class.lower()
        if any(part in name for part in HALLS) and sort_of(name) is None:
            return here.id
        passed.add(here.id)
        here = by_id.get(here.parent or "")
    return ""


def _machines(site: Site, seen: Seen) -> Iterable[Machine]:
    labels = {asset.id: asset.label or asset.id for asset in site.assets}
    metered: dict[Sort, tuple[PointRef, ...]] = {
        Sort.CHILLER: site.meters.chiller,
        Sort.TOWER: site.meters.tower_fan,
        Sort.PUMP: site.meters.pump,
        Sort.CRAH: site.meters.crah_fan,
        Sort.EVAPORATIVE: site.meters.evaporative,
    }
    by_class = {asset.id: sort_of(asset.brick_class) for asset in site.assets}
    found: dict[tuple[Sort, str], list[PointRef]] = {}
    for sort, refs in metered.items():
        for ref in refs:
            found.setdefault((by_class[ref.asset] or sort, ref.asset), []).append(ref)
    for asset, of_class in by_class.items():
        taken = any(key[1] == asset for key in found)
        if of_class is not None and not taken:
            found[of_class, asset] = [PointRef(asset, "power")] if seen.has(asset, "power") else []
    order = list(Sort)
    for sort, asset in sorted(found, key=lambda key: order.index(key[0])):
        alike = [key for key in found if key[0] is sort]
        name = labels[asset] if by_class[asset] in (sort, None) and hall_of(site, asset) != asset else ""
        yield _machine(
            site, seen, asset, sort, name or f"{labels[asset]}: {sort}", found[sort, asset], len(alike)
        )


def _machine(
    site: Site, seen: Seen, asset: str, sort: Sort, label: str, refs: list[PointRef], count: int
) -> Machine:
    nothing = missing("W", Kind.MEASURED, "it has no meter")
    power = total(seen.by_ref, refs) if refs else nothing
    condenser = sort is Sort.PUMP and _of_condenser(site, asset)
    rated_w = _rated_w(site.plant, sort, count, condenser=condenser)
    heat = seen.first(asset, "cooling_load", "economizer_load")
    load, load_of = _load(site.plant, seen, asset, sort, power, heat, rated_w)
    running, running_by = _running(seen, asset, power, heat, rated_w)
    return Machine(
        asset=asset,
        label=label,
        sort=sort,
        hall=hall_of(site, asset),
        running=running,
        running_by=running_by,
        power=power,
        load=load,
        load_of=load_of,
        heat=heat,
        cop=ratio(heat, power) if sort is Sort.CHILLER else missing("1", Kind.MEASURED, ""),
        difference=_difference(site, seen, asset, sort),
        supply=seen.first(asset, *_SUPPLIES[sort])
        if sort in _SUPPLIES
        else missing("degC", Kind.MEASURED, ""),
        flow=seen.of(asset, "water_flow"),
        condenser=condenser,
    )


_SUPPLIES: Final = {
    Sort.CHILLER: ("chilled_water_supply_temperature",),
    Sort.TOWER: ("condenser_water_supply_temperature",),
    Sort.CRAH: ("supply_air_temperature",),
    Sort.CDU: ("liquid_supply_temperature",),
}
_RETURNS: Final = {
    Sort.CHILLER: ("chilled_water_return_temperature", "chilled_water_supply_temperature"),
    Sort.TOWER: ("condenser_water_return_temperature", "condenser_water_supply_temperature"),
    Sort.CRAH: ("return_air_temperature", "supply_air_temperature"),
}
"""What comes back and what is supplied."""


def ratio(top: Shown, bottom: Shown) -> Shown:
    """One number over another [1]; measured where both are."""
    for part in (top, bottom):
        if part.value is None or part.time is None:
            return missing("1", Kind.MEASURED, part.reason)
    if not bottom.value or bottom.value < 1.0 or top.value is None or top.time is None or bottom.time is None:
        return missing("1", Kind.MEASURED, "it draws nothing")
    return Shown(top.value / bottom.value, "1", Kind.MEASURED, min(top.time, bottom.time))


def less(top: Shown, bottom: Shown) -> Shown:
    """One temperature less another [K]."""
    for part in (top, bottom):
        if part.value is None or part.time is None:
            return missing("K", Kind.MEASURED, part.reason)
    if top.value is None or bottom.value is None or top.time is None or bottom.time is None:
        return missing("K", Kind.MEASURED, "")
    return Shown(top.value - bottom.value, "K", Kind.MEASURED, min(top.time, bottom.time))


def _of_condenser(site: Site, asset: str) -> bool:
    if site.plant.heat_rejection.kind == "none":
        return False
    by_id = {one.id: one for one in site.assets}
    here = by_id[asset]
    above = by_id.get(here.parent or "")
    told = f"{here.brick_class} {here.id}".lower()
    under_tower = above is not None and sort_of(above.brick_class) is Sort.TOWER
    return any(part in told for part in CONDENSER) or under_tower


def _rated_w(plant: Plant, sort: Sort, count: int, *, condenser: bool) -> float | None:
    """Design power of one machine [W]; None where site.toml does not say."""
    kw: float | None = None
    if sort is Sort.CRAH:
        kw = plant.crah_fan_kw * plant.crah_count / count
    elif sort is Sort.TOWER and plant.tower_fan_kw is not None:
        kw = plant.tower_fan_kw / count
    elif sort is Sort.PUMP:
        kw = plant.condenser_water_pump_kw if condenser else plant.chilled_water_pump_kw
    elif sort is Sort.CHILLER and plant.chiller_capacity_kw and plant.chiller_cop:
        kw = plant.chiller_capacity_kw / plant.chiller_cop * plant.chiller_count / count
    return None if kw is None else to_canonical(kw, "kW", Of.POWER)


def _load(
    plant: Plant, seen: Seen, asset: str, sort: Sort, power: Shown, heat: Shown, rated_w: float | None
) -> tuple[Shown, str]:
    if sort is Sort.CHILLER and heat.alive and plant.chiller_capacity_kw:
        return _share(heat, to_canonical(plant.chiller_capacity_kw, "kW", Of.POWER)), "of rated capacity"
    if seen.has(asset, "fan_speed_ratio"):
        return seen.of(asset, "fan_speed_ratio"), "fan speed"
    if rated_w is not None:
        return _share(power, rated_w), "of design power"
    return missing("1", Kind.MEASURED, "site.toml does not say what it is rated for"), ""


def _share(part: Shown, whole_w: float) -> Shown:
    if part.value is None:
        return missing("1", Kind.MEASURED, part.reason)
    return Shown(part.value / whole_w, "1", part.kind, part.time)


def _running(
    seen: Seen, asset: str, power: Shown, heat: Shown, rated_w: float | None
) -> tuple[bool | None, str]:
    if seen.has(asset, "running"):
        told = seen.of(asset, "running")
        return (None, told.reason) if told.value is None else (told.value > 0, "its own status")
    if seen.has(asset, "fan_speed_ratio"):
        speed = seen.of(asset, "fan_speed_ratio")
        return (None, speed.reason) if speed.value is None else (speed.value > RUNS_FROM_RATIO, "its speed")
    if power.value is not None and rated_w:
        return power.value > RUNS_FROM_RATIO * rated_w, "its power"
    if heat.value is not None:
        return heat.value > to_canonical(1.0, "kW", Of.POWER), "the heat it takes"
    return None, power.reason if power.value is None and power.reason else _NO_READING


def _difference(site: Site, seen: Seen, asset: str, sort: Sort) -> Shown:
    if sort not in _RETURNS:
        return missing("K", Kind.MEASURED, "")
    back, there = _RETURNS[sort]
    if seen.has(asset, back) and seen.has(asset, there):
        return less(seen.of(asset, back), seen.of(asset, there))
    sensors = site.sensors
    common = {
        Sort.CHILLER: (sensors.chilled_water_return, sensors.chilled_water_supply),
        Sort.TOWER: (seen.any("condenser_water_return_temperature"), sensors.condenser_water_supply),
        Sort.CRAH: (sensors.return_air, sensors.supply_air),
    }[sort]
    return less(seen.ref(common[0], "degC"), seen.ref(common[1], "degC"))


def _heat(site: Site, seen: Seen, machines: tuple[Machine, ...]) -> tuple[Shown, str]:
    if site.sensors.cooling_load is not None:
        return seen.ref(site.sensors.cooling_load), "heat meter of the chilled water"
    for asset in site.assets:
        loop = "chilled_water" in asset.brick_class.lower() and sort_of(asset.brick_class) is None
        if loop and seen.has(asset.id, "cooling_load"):
            return seen.of(asset.id, "cooling_load"), "heat meter of the chilled water"
    parts = [m.heat for m in machines if m.sort in (Sort.CHILLER, Sort.ECONOMIZER)]
    if parts and all(part.value is not None and part.time is not None for part in parts):
        oldest = min(part.time for part in parts if part.time is not None)
        return Shown(sum(part.value or 0.0 for part in parts), "W", Kind.MEASURED, oldest), "sum of machines"
    return missing("W", Kind.MEASURED, "no heat meter of the chilled water"), ""


def _halls(site: Site, seen: Seen) -> tuple[Hall, ...]:
    labels = {asset.id: asset.label or asset.id for asset in site.assets}
    inlets: dict[str, list[tuple[Shown, str]]] = {}
    for ref in site.sensors.rack_inlet:
        inlets.setdefault(hall_of(site, ref.asset), []).append((seen.ref(ref), labels[ref.asset]))
    named = [a.id for a in site.assets if hall_of(site, a.id) == a.id]
    for asset in named:
        inlets.setdefault(asset, [])
    halls = []
    for asset, found in inlets.items():
        warm = [(shown.value, name, shown) for shown, name in found if shown.value is not None]
        worst = max(warm, key=lambda one: one[0], default=None)
        halls.append(
            Hall(
                asset,
                labels.get(asset, "Halls"),
                _air(seen, asset, "supply_air_temperature", site.sensors.supply_air, alone=len(inlets) == 1),
                _air(seen, asset, "return_air_temperature", site.sensors.return_air, alone=len(inlets) == 1),
                worst[2] if worst else missing("degC", Kind.MEASURED, "no rack inlet is fresh"),
                worst[1] if worst else "",
            )
        )
    return tuple(halls)


def _air(seen: Seen, asset: str, point: str, common: PointRef | None, *, alone: bool) -> Shown:
    if asset and seen.has(asset, point):
        return seen.of(asset, point)
    if alone:
        return seen.ref(common, "degC")
    return missing("degC", Kind.MEASURED, "the hall has no such sensor")


def _setpoints(source: Source, seen: Seen) -> tuple[Held, ...]:
    site = source.context.site
    rows = source.rows("ui_cooling_leases", site=site.id)
    found = []
    for setpoint, span in site.setpoints.items():
        ref = str(span.point)
        row = next((r for r in reversed(rows) if ref == r["ref"] or setpoint.value == r["setpoint"]), None)
        effective = seen.ref(span.point)
        if row is None:
            local, ours = effective, missing("degC", Kind.MEASURED, "no advice holds it")
        else:
            local = Shown(row["own_value"], "degC", Kind.MEASURED, row["taken_at"])
            ours = Shown(row["value"], "degC", Kind.MEASURED, row["renewed_at"] or row["taken_at"])
        found.append(
            Held(
                setpoint=setpoint,
                ref=ref,
                local=local,
                ours=ours,
                effective=effective,
                measured=seen.ref(getattr(site.sensors, SUPPLY_OF[setpoint]), "degC"),
                low_c=span.low_c,
                high_c=span.high_c,
                recommendation_id=row["recommendation_id"] if row else None,
                names=tuple(row["names"] or ()) if row else (),
                by_hand=bool(row and row["ref"] is None),
                until=row["hold_until"] if row else None,
                lease_until=row["expires_at"] if row and row["ref"] else None,
                renewed_at=row["renewed_at"] if row else None,
            )
        )
    return tuple(found)
