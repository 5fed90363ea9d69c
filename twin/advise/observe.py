"""The plant as it is now: latest readings, how good they are, and how the setpoints have moved."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from core import db, store
from core.actions import Setpoint
from core.limits import DATA_AGE_MAX_S, WEATHER_AGE_MAX_S
from core.points import BAD_FROM, Status, status_name
from core.units import W_PER_KW
from twin.advise.evidence import DataQuality, Motion
from twin.advise.safety import DRIFT_MAX_K

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from core.clock import Clock
    from core.points import PointRef
    from core.site import Site

TRANSPORT_MAX_S: Final = 5.0
"""Wall time [s] that a reading may need from the plant to the database; in a demonstration whose clock runs
n times as fast it is worth n times as much plant time."""
LOOK_BACK: Final = timedelta(hours=24)
"""How far back movements of setpoints are looked for."""
STAGING: Final = timedelta(minutes=15)
"""After a chiller has come or gone nothing is changed for so long."""
ALARM_PRIORITY_MAX: Final = 1
"""Alarms of the plant as urgent as this forbid changes."""
HALF_A_MACHINE: Final = 0.5
"""What a chiller's status differs by when it comes or goes [1], at least."""


@dataclass(frozen=True, slots=True)
class Observation:
    """The plant as its latest readings tell it."""

    at: datetime
    """When."""
    quality: DataQuality
    """How good the readings are."""
    motion: Motion
    """Setpoints and their movements."""
    held: Mapping[Setpoint, float]
    """All setpoints that the twin needs [degC]: in force, or as measured where the site names no setpoint."""
    held_beside: Mapping[str, float]
    """Those that advice does not change [degC], by the name that `Parameters` has for their design value."""
    facility_kw: float
    """Power of the whole facility [kW]."""
    it_kw: float
    """IT power [kW]."""
    inlets_c: tuple[float, ...]
    """Inlets that are not BAD and are fresh, the last ones known where none is [degC]. An UNCERTAIN one is no
    evidence that all is well, but if it is hot, that counts."""
    dry_bulb_c: float
    """Outdoor dry bulb [degC]."""
    wet_bulb_c: float
    """Outdoor wet bulb [degC]."""
    supply_air_c: float | None
    """Supply air [degC], where it is measured."""

    @property
    def worst_inlet_c(self) -> float:
        """The warmest inlet [degC]; NaN where none is known."""
        return max(self.inlets_c, default=float("nan"))


def age_max_s(clock: Clock) -> float:
    """Oldest reading on which advice may rest [s of plant time]."""
    return max(DATA_AGE_MAX_S, TRANSPORT_MAX_S * clock.speed_ratio)


def _limits_s(site: Site, limit_s: float) -> dict[str, float]:
    """Oldest reading allowed of the points that are told more seldom [s]."""
    weather = (site.sensors.dry_bulb, site.sensors.wet_bulb)
    return {str(ref): max(limit_s, WEATHER_AGE_MAX_S) for ref in weather}


def observe(conn: db.Connection, site: Site, clock: Clock) -> Observation:
    """Read the plant as it is now. Nothing here judges: missing and stale readings end up in `quality`."""
    now = clock.now()
    latest = {row["ref"]: row for row in db.rows(conn, "latest", site=site.id)}
    motion = _motion(conn, site, latest, now)
    return Observation(
        at=now,
        quality=_quality(site, latest, now, age_max_s(clock)),
        motion=motion,
        held={**_measured(site, latest), **motion.in_force},
        held_beside=_beside(site, latest),
        facility_kw=_sum(latest, site.meters.facility) / W_PER_KW,
        it_kw=_sum(latest, site.meters.it) / W_PER_KW,
        inlets_c=_inlets(site, latest, now, age_max_s(clock)),
        dry_bulb_c=_sum(latest, (site.sensors.dry_bulb,)),
        wet_bulb_c=_sum(latest, (site.sensors.wet_bulb,)),
        supply_air_c=_optional(latest, site.sensors.supply_air),
    )


def _rows(latest: Mapping[str, db.Row], refs: tuple[PointRef, ...]) -> list[db.Row]:
    return [latest[str(ref)] for ref in refs if str(ref) in latest]


def _sum(latest: Mapping[str, db.Row], refs: tuple[PointRef, ...]) -> float:
    if any(str(ref) not in latest for ref in refs):
        return float("nan")
    return float(sum(row["value"] for row in _rows(latest, refs)))


def _measured(site: Site, latest: Mapping[str, db.Row]) -> dict[Setpoint, float]:
    sensors = {
        Setpoint.SUPPLY_AIR_TEMPERATURE: site.sensors.supply_air,
        Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE: site.sensors.chilled_water_supply,
        Setpoint.CONDENSER_WATER_SUPPLY_TEMPERATURE: site.sensors.condenser_water_supply,
    }
    found = {setpoint: _optional(latest, ref) for setpoint, ref in sensors.items()}
    return {setpoint: value for setpoint, value in found.items() if value is not None}


def _beside(site: Site, latest: Mapping[str, db.Row]) -> dict[str, float]:
    sensors = site.sensors
    refs = {
        "return_air_c": sensors.return_air_setpoint,
        "liquid_supply_c": sensors.liquid_supply_setpoint or sensors.liquid_supply,
    }
    found = {name: _optional(latest, ref) for name, ref in refs.items()}
    return {name: value for name, value in found.items() if value is not None}


def _optional(latest: Mapping[str, db.Row], ref: PointRef | None) -> float | None:
    return None if ref is None or str(ref) not in latest else float(latest[str(ref)]["value"])


def _age_s(row: db.Row, now: datetime) -> float:
    return float((now - row["time"]).total_seconds())


def _usable(row: db.Row, now: datetime, limit_s: float) -> bool:
    return row["status"] < BAD_FROM and abs(_age_s(row, now)) <= limit_s


def _inlets(site: Site, latest: Mapping[str, db.Row], now: datetime, limit_s: float) -> tuple[float, ...]:
    known = _rows(latest, site.sensors.rack_inlet)
    live = [row for row in known if _usable(row, now, limit_s)]
    return tuple(float(row["value"]) for row in live or known)


def _quality(site: Site, latest: Mapping[str, db.Row], now: datetime, limit_s: float) -> DataQuality:
    wanted = (
        *site.meters.facility,
        *site.meters.it,
        site.sensors.dry_bulb,
        site.sensors.wet_bulb,
        *(bounds.point for bounds in site.setpoints.values()),
    )
    rows, inlets = _rows(latest, wanted), _rows(latest, site.sensors.rack_inlet)
    ages = {row["ref"]: _age_s(row, now) for row in rows}
    limits = dict.fromkeys(ages, limit_s) | _limits_s(site, limit_s)
    return DataQuality(
        missing=tuple(str(ref) for ref in wanted if str(ref) not in latest),
        bad=_not_good(rows),
        stale=tuple((ref, age, limits[ref]) for ref, age in ages.items() if abs(age) > limits[ref]),
        oldest_s=max(ages.values(), default=float("inf")),
        inputs=len(wanted),
        inlets_live=sum(row["status"] == Status.GOOD and _usable(row, now, limit_s) for row in inlets),
        inlets_total=len(site.sensors.rack_inlet),
        inlets_bad=_not_good(inlets),
    )


def _not_good(rows: list[db.Row]) -> tuple[tuple[str, str], ...]:
    return tuple((row["ref"], status_name(row["status"])) for row in rows if row["status"] != Status.GOOD)


def _motion(conn: db.Connection, site: Site, latest: Mapping[str, db.Row], now: datetime) -> Motion:
    in_force: dict[Setpoint, float] = {}
    since: dict[Setpoint, float] = {}
    ids = store.point_ids(conn, site.id, [bounds.point for bounds in site.setpoints.values()])
    moves = {
        row["point_id"]: row["moved_at"]
        for row in db.rows(
            conn, "twin_last_moves", points=list(ids.values()), since=now - LOOK_BACK, tolerance=DRIFT_MAX_K
        )
    }
    for setpoint, bounds in site.setpoints.items():
        ref = str(bounds.point)
        if ref in latest:
            in_force[setpoint] = float(latest[ref]["value"])
            moved_at = moves.get(ids[ref])
            since[setpoint] = (now - moved_at).total_seconds() if moved_at else float("inf")
    under_way = tuple(
        f"recommendation {row['recommendation_id']} ({row['state']})"
        for row in db.rows(conn, "twin_under_way", site=site.id)
    )
    return Motion(
        in_force,
        since,
        under_way,
        changes_last_hour=_changes(conn, {s: ids[str(b.point)] for s, b in site.setpoints.items()}, now),
        staging=_staging(conn, site, now),
        alarms=tuple(
            row["message"]
            for row in db.rows(conn, "twin_open_alarms", site=site.id, priority=ALARM_PRIORITY_MAX)
        ),
    )


def _changes(conn: db.Connection, ids: Mapping[Setpoint, int], now: datetime) -> dict[Setpoint, int]:
    """How often each setpoint moved in the last hour."""
    rows = db.rows(
        conn,
        "twin_moves_count",
        points=list(ids.values()),
        since=now - timedelta(hours=1),
        until=now,
        tolerance=DRIFT_MAX_K,
    )
    moves = {row["point_id"]: int(row["moves"]) for row in rows}
    return {setpoint: moves.get(point, 0) for setpoint, point in ids.items()}


def _staging(conn: db.Connection, site: Site, now: datetime) -> str:
    """Which chillers have lately come or gone, in words."""
    ids = store.point_ids(conn, site.id, site.sensors.chillers_running)
    names = {point: ref for ref, point in ids.items()}
    rows = db.rows(conn, "twin_last_moves", points=list(names), since=now - STAGING, tolerance=HALF_A_MACHINE)
    return ", ".join(
        f"{names[row['point_id']]} changed {(now - row['moved_at']).total_seconds() / 60:.0f} min ago"
        for row in rows
    )
