"""What is true now: newest readings, the figures made of them, and where the power goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from core.points import BAD_FROM, CATALOGUE, Status
from ui.data import pace
from ui.data.energy import LOSSES, SUBSYSTEMS
from ui.data.shown import Kind, Shown, missing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from core.points import PointRef
    from ui.data.source import Source

KEEP_WALL_S: Final = 0.8
"""Who asks within this time gets the same answer [s]."""
UNCERTAIN_FROM: Final = int(Status.UNCERTAIN)


@dataclass(frozen=True, slots=True)
class Point:
    """The newest reading of one point."""

    ref: str
    """``asset/point``."""
    label: str
    """What a person calls the asset and the point."""
    value: float
    """[unit]."""
    unit: str
    """Canonical unit."""
    time: datetime
    """Source time, UTC."""
    status: int
    """OPC UA status, upper 16 bits."""
    age_s: float
    """[s of plant time]."""
    stale_s: float
    """Age from which it is stale, and no figure is made of it [s of plant time]."""

    @property
    def stale(self) -> bool:
        """It has been silent for longer than is usual."""
        return self.age_s > self.stale_s

    @property
    def quality(self) -> str:
        """Its status in a word."""
        if self.status >= BAD_FROM:
            return "bad"
        return "uncertain" if self.status >= UNCERTAIN_FROM else "good"


@dataclass(frozen=True, slots=True)
class Part:
    """One share of the facility's power."""

    name: str
    """What it is."""
    power_w: float
    """[W]; the unaccounted part may be negative, where the meters disagree."""
    metered: bool
    """False for the remainder that no meter accounts for."""


@dataclass(frozen=True, slots=True)
class Rack:
    """One rack's inlet."""

    name: str
    inlet: Shown


@dataclass(frozen=True, slots=True)
class Live:
    """The plant at one moment."""

    at: datetime
    data_age_s: float | None
    """Age of the oldest of the readings that PUE is made of, of those ever seen; None before the first."""
    late: bool
    """One of those was never seen, or comes later than is usual."""
    stale: bool
    """One of those is stale."""
    facility: Shown
    it: Shown
    cooling: Shown
    ratio: Shown
    """Facility power over IT power now; not a PUE, which is of energies over a period."""
    worst: Rack | None
    limit_c: float
    """Recommended upper inlet temperature of the site's class [degC]."""
    parts: tuple[Part, ...]
    """Add up to the facility's power; empty where a meter is dead."""
    racks: tuple[Rack, ...]
    points: tuple[Point, ...]

    @property
    def unseen(self) -> int:
        """How many rack inlets tell nothing that can be relied on."""
        return sum(not rack.inlet.alive for rack in self.racks)

    @property
    def unseen_said(self) -> str:
        """The same in words; nothing where every inlet is seen."""
        return f"{self.unseen} of {len(self.racks)} rack inlets not seen" if self.unseen else ""


def snapshot(source: Source) -> Live:
    """The plant now; read once however many browsers ask within a second."""
    found: Live = source.kept("live", KEEP_WALL_S, lambda: live(source))
    return found


def live(source: Source) -> Live:
    """Read the newest readings and make the page's figures of them."""
    site, now = source.context.site, source.now
    points = _points(source, now)
    by_ref = {point.ref: point for point in points}
    meters = site.meters
    facility, it, cooling = (total(by_ref, refs) for refs in (meters.facility, meters.it, meters.cooling))
    racks = tuple(
        Rack(_label(source, ref.asset), total(by_ref, (ref,), unit="degC")) for ref in site.sensors.rack_inlet
    )
    warm = [rack for rack in racks if rack.inlet.alive]
    needed = [by_ref.get(str(ref)) for ref in meters.facility + meters.it]
    seen = [point for point in needed if point]
    return Live(
        at=now,
        data_age_s=max((p.age_s for p in seen), default=None),
        late=None in needed
        or any(p.age_s > (source.late_s if p.stale_s == source.stale_s else p.stale_s) for p in seen),
        stale=any(p.stale for p in seen),
        facility=facility,
        it=it,
        cooling=cooling,
        ratio=_ratio(facility, it),
        worst=max(warm, key=lambda rack: rack.inlet.value or 0.0, default=None),
        limit_c=site.limits.envelope.recommended_high_c,
        parts=_parts(source, by_ref, facility, it),
        racks=racks,
        points=points,
    )


def total(by_ref: dict[str, Point], refs: Iterable[PointRef], *, unit: str = "W") -> Shown:
    """Sum of the newest readings of points; no value, and the reason, where one of them is dead."""
    found: list[Point] = []
    for ref in refs:
        point = by_ref.get(str(ref))
        if point is None:
            return missing(unit, Kind.MEASURED, f"no reading yet of {ref}")
        if point.stale:
            return missing(unit, Kind.MEASURED, f"{ref} is stale")
        if point.status >= BAD_FROM:
            return missing(unit, Kind.MEASURED, f"{ref} is marked bad")
        found.append(point)
    if not found:
        return missing(unit, Kind.MEASURED, "the site names no such meter")
    return Shown(sum(p.value for p in found), unit, Kind.MEASURED, min(p.time for p in found))


def _points(source: Source, now: datetime) -> tuple[Point, ...]:
    labels = {asset.id: asset.label for asset in source.context.site.assets}
    rows = source.rows("latest", site=source.context.site.id)
    ages_s = {row["ref"]: (now - row["time"]).total_seconds() for row in rows}
    stale_s = pace.stale_from(source, ages_s)
    return tuple(
        Point(
            ref=row["ref"],
            label=f"{labels.get(row['asset_id']) or row['asset_id']} · {_point_label(row['name'])}",
            value=row["value"],
            unit=row["unit"],
            time=row["time"],
            status=row["status"],
            age_s=ages_s[row["ref"]],
            stale_s=stale_s.get(row["ref"], source.stale_s),
        )
        for row in rows
    )


def _label(source: Source, asset_id: str) -> str:
    labels = {asset.id: asset.label for asset in source.context.site.assets}
    return labels.get(asset_id) or asset_id


def _point_label(name: str) -> str:
    return CATALOGUE[name].label if name in CATALOGUE else name


def _ratio(facility: Shown, it: Shown) -> Shown:
    for part in (facility, it):
        if not part.alive:
            return missing("1", Kind.MEASURED, part.reason)
    if not it.value or facility.value is None or facility.time is None or it.time is None:
        return missing("1", Kind.MEASURED, "IT power is zero")
    return Shown(facility.value / it.value, "1", Kind.MEASURED, min(facility.time, it.time))


def _parts(source: Source, by_ref: dict[str, Point], facility: Shown, it: Shown) -> tuple[Part, ...]:
    if facility.value is None or it.value is None:
        return ()
    meters = source.context.site.meters
    parts, dead = [Part("IT equipment", it.value, metered=True)], []
    subsystems = ((name, getattr(meters, key), 0.0) for key, name in SUBSYSTEMS.items())
    for name, refs, less_w in ((LOSSES, meters.ups_input, it.value), *subsystems):
        power = total(by_ref, refs)
        if power.value is not None:
            parts.append(Part(name, power.value - less_w, metered=True))
        elif refs:
            dead.append(name)
    rest = facility.value - sum(part.power_w for part in parts)
    unseen = f" with {', '.join(dead)}: not seen" if dead else ""
    return (*parts, Part(f"Unaccounted{unseen}", rest, metered=False))
