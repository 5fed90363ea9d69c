"""The demo's past: written in bulk at the first start, and for the time it was not running at later ones."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from core import db
from core.clock import Clock, ScaledClock, SystemClock
from core.points import PointRef, Status
from core.series import floor_time
from core.site import load_site
from ingest import storage
from ingest.batch import ForecastRow, ScheduleRow
from ingest.rows import US_PER_S, Readings
from joulecast.demo import load, plant, weather
from joulecast.verbs.common import DEMO_SITE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.actions import Setpoint
    from core.series import Floats
    from core.settings import Settings
    from core.site import Site

log = logging.getLogger(__name__)

STEP: Final = timedelta(minutes=5)
"""Between two readings of the past."""
CHUNK_STEPS: Final = 576
"""Steps written in one transaction (two days)."""
FORECAST_EVERY: Final = timedelta(hours=6)
FORECAST_HOURS: Final = 48
FORECAST_DELAY: Final = timedelta(minutes=5)
"""A weather forecast is known that long after it was issued, and so are bookings."""
BOOKED: Final = "booked_gpu_kw"
"""The schedule of GPU jobs."""
SOURCE: Final = "demo"
LITRES_PER_M3: Final = 1000.0
WATER: Final = "tower/make_up_water"


def prepare(settings: Settings, dsn: str) -> Clock:
    """Give the demo its past and say what time it is there.

    At the first start it writes `settings.demo_days` of readings; at a later one, the time since the last
    reading, with the plant's own setpoints.

    Returns:
        The clock that every service has to go by: the machine's where the demo runs at its speed, otherwise
        one that goes on from the last reading.
    """
    site = load_site(DEMO_SITE)
    wall = SystemClock().now()
    with db.connect(dsn) as conn:
        storage.register_site(conn, site, wall)
        latest = {r["ref"]: r for r in db.rows(conn, "latest", site=site.id)}
        last = max((r["time"] for r in latest.values()), default=None)
        end = floor_time(wall, STEP)
        begin = last + STEP if last else end - timedelta(days=settings.demo_days)
        if begin < end:
            setpoints = resumed(conn, site.id, latest) if last else None
            write(conn, site, begin, end, setpoints, start_water_m3=water_m3(latest))
        conn.commit()
    ahead = last if last and last > wall else wall
    if settings.demo_speed == 1.0 and ahead == wall:
        return SystemClock()
    return ScaledClock(SystemClock().now(), ahead + (SystemClock().now() - wall), settings.demo_speed)


def resumed(conn: db.Connection, site: str, latest: Mapping[str, db.Row]) -> dict[Setpoint, float]:
    """The plant's own setpoints [degC]: those in force at the last reading, or before somebody leased them.

    While nobody renews a lease the plant goes by its own setpoints.
    """
    own = {row["ref"]: float(row["own_value"]) for row in db.rows(conn, "demo_own_setpoints", site=site)}
    known = {ref: float(row["value"]) for ref, row in latest.items() if ref in plant.SETPOINT_REFS.values()}
    found = known | own
    return {name: found.get(ref, plant.INITIAL_SETPOINTS[name]) for name, ref in plant.SETPOINT_REFS.items()}


def water_m3(latest: Mapping[str, db.Row]) -> float:
    """Where the make-up water meter stands [m3]."""
    return float(latest[WATER]["value"]) if WATER in latest else 0.0


def write(
    conn: db.Connection,
    site: Site,
    begin: datetime,
    end: datetime,
    setpoints: Mapping[Setpoint, float] | None,
    *,
    start_water_m3: float = 0.0,
) -> int:
    """Write the plant's readings from `begin` to `end` into the database.

    Args:
        conn: connection.
        site: the demo's description.
        begin: time of the first step.
        end: end of the last step.
        setpoints: held all the time; None: what the operators tried in the past.
        start_water_m3: where the water meter stands at `begin`.

    Returns:
        How many readings are new.
    """
    count = int((end - begin) / STEP)
    time_s = begin.timestamp() + STEP.total_seconds() * np.arange(count, dtype=np.float64)
    commanded = (
        {name: np.full(count, value) for name, value in setpoints.items()}
        if setpoints
        else plant.past_setpoints(time_s, end.timestamp())
    )
    inertia = plant.Inertia({name: float(values[0]) for name, values in commanded.items()})
    reached = inertia.follow(commanded, STEP.total_seconds())
    parameters, rng = plant.true_parameters(site.plant), np.random.default_rng(count)
    ids, stored = storage.PointIds(site.id, SOURCE), 0
    water = start_water_m3
    for first in range(0, count, CHUNK_STEPS):
        part = slice(first, first + CHUNK_STEPS)
        found = plant.measure(
            parameters, time_s[part], {k: v[part] for k, v in commanded.items()},
            {k: v[part] for k, v in reached.items()}, rng,
        )  # fmt: skip
        used = np.cumsum(found.pop("water")) * STEP.total_seconds() / 3600.0 / LITRES_PER_M3
        found[WATER] = water + used
        water += float(used[-1])
        stored += _store(conn, ids, time_s[part], found, again=bool(setpoints))
    _known_ahead(conn, site.id, begin, end)
    log.info("history of %.1f days: %d readings", count * STEP / timedelta(days=1), stored)
    return stored


def _store(
    conn: db.Connection, ids: storage.PointIds, time_s: Floats, found: Mapping[str, Floats], *, again: bool
) -> int:
    refs = [PointRef.parse(ref) for ref in found]
    values = np.stack([np.broadcast_to(column, time_s.shape) for column in found.values()])
    readings = Readings(
        keys=[(ref.asset, ref.point) for ref in refs],
        index=np.repeat(np.arange(len(refs)), len(time_s)),
        times_us=np.tile(np.rint(time_s * US_PER_S).astype(np.int64), len(refs)),
        values=values.ravel(),
        statuses=np.full(values.size, int(Status.GOOD)),
    )
    rows = ids.rows(conn, readings)
    with conn.transaction():
        return storage.insert(conn, rows, places=ids.places, again=again)


def _known_ahead(conn: db.Connection, site: str, begin: datetime, end: datetime) -> None:
    issued = floor_time(begin, FORECAST_EVERY)
    while issued < end:
        storage.save_forecast(conn, site, forecast_rows(issued), issued + FORECAST_DELAY)
        storage.save_schedule(conn, site, BOOKED, booked_rows(issued), issued + FORECAST_DELAY)
        issued += FORECAST_EVERY


def forecast_rows(issued: datetime) -> list[ForecastRow]:
    """The weather forecast issued at a time: hourly, for the next two days."""
    valid_s = issued.timestamp() + 3600.0 * np.arange(FORECAST_HOURS, dtype=np.float64)
    found = weather.forecast(issued.timestamp(), valid_s)
    return [
        ForecastRow(issued, datetime.fromtimestamp(t, UTC), float(dry), float(wet))
        for t, dry, wet in zip(valid_s, found.dry_bulb_c, found.wet_bulb_c, strict=True)
    ]


def booked_rows(known: datetime) -> list[ScheduleRow]:
    """The load of GPU jobs that are booked by a time: hourly, for the next two days [kW]."""
    hours_s = known.timestamp() + 3600.0 * np.arange(FORECAST_HOURS, dtype=np.float64)
    booked_kw = load.booked_gpu_kw(known.timestamp(), hours_s)
    return [
        ScheduleRow(datetime.fromtimestamp(t, UTC), round(float(kw), 3))
        for t, kw in zip(hours_s, booked_kw, strict=True)
    ]
