"""Racks and their GPUs, now: inlets, power, temperatures, clocks, and what holds a GPU back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from core.points import PointRef
from core.units import Quantity, to_canonical
from ui.data import pace
from ui.data.live import Point, snapshot, total
from ui.data.shown import Kind, Shown, missing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from core.site import Asset, Site
    from ui.data.source import Source

KEEP_WALL_S: Final = 1.4
"""Who asks within this time gets the same answer [s]."""
_KEEP_GPUS_WALL_S: Final = 3.0
"""There may be thousands of GPUs: they are read less often [s]."""

REASONS: Final[dict[int, str]] = {
    0x1: "idle",
    0x2: "application clocks",
    0x4: "power cap",
    0x8: "hardware slowdown",
    0x10: "sync boost",
    0x20: "heat (driver)",
    0x40: "heat (hardware)",
    0x80: "power brake",
    0x100: "display clocks",
}
"""By bit of NVML's clock event reasons, what holds the clocks."""
THERMAL: Final = 0x20 | 0x40
ABNORMAL: Final = THERMAL | 0x8 | 0x80
"""Reasons that somebody has to look at."""
THROTTLED: Final = ABNORMAL | 0x4
"""Reasons that make a GPU slower than its load asks for; a power cap is one by intention."""
CAP_TOLERANCE: Final = 1.05
"""Power above its cap by less than this is an average's play [1]."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU; None where it does not say, or has not for a while."""

    asset: str
    rack: str
    """Id of the rack that it is in; empty where the site does not say."""
    time: datetime
    fresh: bool
    """It has said anything of late."""
    power_w: float | None
    machine_power_w: float | None
    """Of the machine whose GPUs these are, where they are told together [W]."""
    limit_w: float | None
    """Its power cap in force [W]."""
    temperature_c: float | None
    memory_temperature_c: float | None
    clock_hz: float | None
    memory_clock_hz: float | None
    memory_b: float | None
    utilisation: float | None
    reasons: int | None

    @property
    def alive(self) -> bool:
        """Whether it has said anything of late."""
        told = (self.power_w, self.temperature_c, self.clock_hz, self.utilisation, self.machine_power_w)
        return any(value is not None for value in told)

    @property
    def of_cap(self) -> float | None:
        """Power over its cap [1]."""
        return self.power_w / self.limit_w if self.power_w is not None and self.limit_w else None

    @property
    def throttled(self) -> bool:
        """Something holds its clocks back."""
        return bool((self.reasons or 0) & THROTTLED)

    @property
    def abnormal(self) -> bool:
        """Something holds its clocks back that should not."""
        return bool((self.reasons or 0) & ABNORMAL)


@dataclass(frozen=True, slots=True)
class Rack:
    """One rack."""

    asset: str
    label: str
    row: str
    """On the floor plan; empty where the site does not say."""
    position: int | None
    inlet: Shown
    """[degC]."""
    power: Shown
    """[W]."""
    power_from: str
    """What meters it, in words."""
    limit_w: float | None
    """What it may draw [W]."""
    gpus: tuple[Gpu, ...]

    @property
    def of_limit(self) -> float | None:
        """Power over what it may draw [1]."""
        return self.power.value / self.limit_w if self.power.value is not None and self.limit_w else None

    @property
    def hottest_c(self) -> float | None:
        """Highest temperature of its GPUs [degC]."""
        return max((g.temperature_c for g in self.gpus if g.temperature_c is not None), default=None)

    @property
    def telling(self) -> int:
        """How many of its GPUs tell what holds them back."""
        return sum(gpu.reasons is not None for gpu in self.gpus)

    @property
    def throttled(self) -> int | None:
        """How many of those are held back; None where none tells."""
        return sum(gpu.throttled for gpu in self.gpus) if self.telling else None

    @property
    def abnormal(self) -> int:
        """How many of its GPUs are held back by what should not be."""
        return sum(gpu.abnormal for gpu in self.gpus)

    @property
    def of_cap(self) -> float | None:
        """Power of its GPUs over their caps [1]."""
        pairs = [(g.power_w, g.limit_w) for g in self.gpus if g.power_w is not None and g.limit_w]
        cap = sum(limit for _, limit in pairs)
        return sum(power for power, _ in pairs) / cap if cap else None


@dataclass(frozen=True, slots=True)
class Floor:
    """All racks and GPUs at one moment."""

    at: datetime
    racks: tuple[Rack, ...]
    """In the order of the floor."""
    gpus: tuple[Gpu, ...]

    def rack(self, asset: str | None) -> Rack | None:
        """One of the racks; None where there is no such rack."""
        return next((rack for rack in self.racks if rack.asset == asset), None)


def floor(source: Source) -> Floor:
    """Everything, now; read once however many browsers ask within a second."""
    found: Floor = source.kept("racks", KEEP_WALL_S, lambda: read(source))
    return found


def read(source: Source) -> Floor:
    """Put it together from the newest readings."""
    site = source.context.site
    placed = racks_of(site)
    inlets = {ref.asset: ref for ref in site.sensors.rack_inlet}
    names = dict.fromkeys([*placed, *inlets])
    machines = _machines(site, placed)
    found = gpus(source, placed)
    assets = [*names, *(asset for inside in machines.values() for asset in inside)]
    by_ref = _points(source, assets)
    by_rack: dict[str, list[Gpu]] = {}
    for gpu in found:
        by_rack.setdefault(gpu.rack, []).append(gpu)
    by_id = {asset.id: asset for asset in site.assets}
    racks = [
        _rack(by_id[asset], by_ref, inlets.get(asset), machines.get(asset, []), by_rack.get(asset, []))
        for asset in names
    ]
    order = {asset: i for i, asset in enumerate(names)}
    racks.sort(key=lambda r: (not r.row, r.row, r.position or 0, order[r.asset]))
    return Floor(source.now, tuple(racks), found)


def racks_of(site: Site) -> list[str]:
    """Ids of the assets that are racks, in the order of site.toml."""
    return [asset.id for asset in site.assets if "rack" in asset.brick_class.lower()]


def gpus(source: Source, racks: Iterable[str] = ()) -> tuple[Gpu, ...]:
    """Every GPU with the rack that it is in, by one query."""

    def make() -> tuple[Gpu, ...]:
        fresh = source.now - timedelta(seconds=source.stale_s)
        slow = [p.ref for p in snapshot(source).points if not p.stale and p.age_s > source.stale_s]
        rows = source.rows("ui_racks_gpus", site=source.context.site.id, fresh=fresh, slow=slow)
        where = _Where(source.context.site, set(racks))
        return tuple(
            Gpu(
                asset=row["asset_id"],
                rack=where.rack(row["asset_id"], row["parent_id"]),
                reasons=None if row["reasons"] is None else int(row["reasons"]),
                **{name: row[name] for name in _AS_THEY_ARE},
            )
            for row in rows
        )

    found: tuple[Gpu, ...] = source.kept("gpus", _KEEP_GPUS_WALL_S, make)
    return found


_AS_THEY_ARE: Final = (
    "time", "fresh", "power_w", "machine_power_w", "limit_w", "temperature_c", "memory_temperature_c",
    "clock_hz", "memory_clock_hz", "memory_b", "utilisation",
)  # fmt: skip


class _Where:
    """Finds the rack above an asset; remembers the way."""

    def __init__(self, site: Site, racks: set[str]) -> None:
        self._parents = {asset.id: asset.parent for asset in site.assets}
        self._racks = racks
        self._found: dict[str, str] = {}

    def rack(self, asset: str, parent: str | None) -> str:
        above = parent or self._parents.get(asset)
        if asset in self._racks or above is None:
            return asset if asset in self._racks else ""
        if above not in self._found:
            self._found[above] = self._up(above)
        return self._found[above]

    def _up(self, asset: str) -> str:
        here: str | None = asset
        for _ in range(len(self._parents) + 1):
            if here is None or here in self._racks:
                return here or ""
            here = self._parents.get(here)
        return ""


def _machines(site: Site, racks: list[str]) -> dict[str, list[str]]:
    """By rack, the assets right in it."""
    found: dict[str, list[str]] = {}
    for asset in site.assets:
        if asset.parent in set(racks):
            found.setdefault(str(asset.parent), []).append(asset.id)
    return found


def _points(source: Source, assets: list[str]) -> dict[str, Point]:
    rows = source.rows(
        "ui_racks_points",
        site=source.context.site.id,
        assets=assets,
        names=["inlet_temperature", "power", "it_power"],
    )
    now = source.now
    ages_s = {row["ref"]: (now - row["time"]).total_seconds() for row in rows}
    stale_s = pace.stale_from(source, ages_s)
    return {
        row["ref"]: Point(
            row["ref"], "", row["value"], row["unit"], row["time"], row["status"],
            ages_s[row["ref"]], stale_s.get(row["ref"], source.stale_s),
        )
        for row in rows
    }  # fmt: skip


def _rack(
    asset: Asset,
    by_ref: dict[str, Point],
    inlet: PointRef | None,
    machines: list[str],
    gpus_in: list[Gpu],
) -> Rack:
    ref = inlet or PointRef(asset.id, "inlet_temperature")
    power, power_from = _power(asset, by_ref, machines, gpus_in)
    limit_w = (
        None if asset.power_limit_kw is None else to_canonical(asset.power_limit_kw, "kW", Quantity.POWER)
    )
    return Rack(
        asset=asset.id,
        label=asset.label or asset.id,
        row=asset.row,
        position=asset.position,
        inlet=total(by_ref, (ref,), unit="degC"),
        power=power,
        power_from=power_from,
        limit_w=limit_w,
        gpus=tuple(gpus_in),
    )


def _power(
    asset: Asset, by_ref: dict[str, Point], machines: list[str], gpus_in: list[Gpu]
) -> tuple[Shown, str]:
    """The rack's own meter; else the sum of the machines in it that have one, else of its GPUs."""
    for name in ("power", "it_power"):
        if f"{asset.id}/{name}" in by_ref:
            return total(by_ref, (PointRef(asset.id, name),)), "its own meter"
    metered = [PointRef(one, "power") for one in machines if f"{one}/power" in by_ref]
    if metered:
        return total(by_ref, metered), f"sum of {len(metered)} metered machines in it"
    known = [gpu for gpu in gpus_in if gpu.power_w is not None]
    if known and len(known) == len(gpus_in):
        power = sum(gpu.power_w or 0.0 for gpu in known)
        oldest = min(gpu.time for gpu in known)
        return Shown(power, "W", Kind.MEASURED, oldest), f"sum of its {len(known)} GPUs"
    if gpus_in:
        return missing("W", Kind.MEASURED, f"{len(gpus_in) - len(known)} of its GPUs do not tell"), ""
    return missing("W", Kind.MEASURED, "nothing in it is metered"), ""


def reasons_in_words(reasons: int | None) -> str:
    """What holds a GPU's clocks, in words; empty where it says nothing."""
    if reasons is None:
        return ""
    known = [word for bit, word in REASONS.items() if reasons & bit]
    rest = reasons & ~sum(REASONS)
    return ", ".join([*known, *([f"0x{rest:x}"] if rest else [])]) or "nothing"
