"""What a plant with known multipliers would have measured: as arrays, and as readings in a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from core import db
from core.points import point_type
from core.units import W_PER_KW
from twin.history import History
from twin.network import Conditions, Parameters, Setpoints, solve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.points import PointRef
    from core.site import Site
    from twin.plant.curves import Floats

STEP: Final = timedelta(minutes=15)
START: Final = datetime(2026, 1, 10, tzinfo=UTC)
STEPS_PER_DAY: Final = 96
TRUTH: Final = {
    "ups_loss": 0.85,
    "ups_no_load": 1.25,
    "crah_fan": 1.2,
    "server_airflow": 1.08,
    "recirculation": 1.25,
    "pump": 0.85,
    "chiller_power": 1.12,
    "tower_fan": 1.15,
    "tower_approach": 1.08,
    "other_load": 2.0,
}


def history(
    site: Site,
    days: int,
    truth: Mapping[str, float] = TRUTH,
    supply_air_c: tuple[float, float] = (20.0, 24.0),
) -> History:
    """Days of 15-minute means with 1 % noise on submeters and 0.3 % on the facility's meter."""
    rng = np.random.default_rng(1)
    count = days * STEPS_PER_DAY
    day = np.arange(count) / STEPS_PER_DAY
    wet = 7.0 + 5.0 * np.sin(day / 5.0) + 3.0 * np.sin(2 * np.pi * day) + rng.normal(0, 0.3, count)
    load = 650.0 + 120.0 * np.sin(2 * np.pi * (day - 0.3)) + rng.normal(0, 10, count)
    blocks = int(np.ceil(count / 48))
    supply, chilled, condenser = (
        np.repeat(rng.uniform(low, high, blocks), 48)[:count]
        for low, high in (supply_air_c, (8, 13), (20, 27))
    )
    setpoints = Setpoints(supply, chilled, condenser)
    parameters = Parameters.from_design(site.plant).with_multipliers(truth)
    state = solve(parameters, Conditions(load, wet + 3.0, wet), setpoints)

    def noisy(values: Floats, share: float = 0.01) -> Floats:
        return values * (1.0 + rng.normal(0, share, count))

    return History(
        start=START,
        step=STEP,
        it_kw=state.it_kw,
        facility_kw=noisy(state.facility_kw, 0.003),
        chiller_kw=noisy(state.chiller_kw),
        crah_fan_kw=noisy(state.crah_fan_kw),
        pump_kw=noisy(state.pump_kw),
        tower_fan_kw=noisy(state.tower_fan_kw),
        ups_loss_kw=noisy(state.electrical_loss_kw),
        inlet_c=state.inlet_c + rng.normal(0, 0.1, count),
        supply_air_c=state.supply_air_c,
        supply_air_setpoint_c=supply,
        chilled_water_setpoint_c=chilled,
        condenser_water_setpoint_c=condenser,
        dry_bulb_c=wet + 3.0,
        wet_bulb_c=wet,
    )


def store(conn: db.Connection, site: Site, measured: History) -> None:
    """Write a history as readings of the site's points, one a step; NaN leaves a gap."""
    meters, sensors = site.meters, site.sensors
    values: dict[PointRef, Floats] = {}

    def power(refs: tuple[PointRef, ...], kw: Floats) -> None:
        values.update(dict.fromkeys(refs, kw * W_PER_KW / len(refs)))

    power(meters.facility, measured.facility_kw)
    power(meters.it, measured.it_kw)
    power(meters.chiller, measured.chiller_kw)
    power(meters.crah_fan, measured.crah_fan_kw)
    power(meters.pump, measured.pump_kw)
    power(meters.tower_fan, measured.tower_fan_kw)
    power(meters.ups_input, measured.ups_loss_kw + measured.it_kw)
    values.update({ref: measured.inlet_c - 0.2 * i for i, ref in enumerate(sensors.rack_inlet)})
    assert sensors.supply_air is not None
    values[sensors.supply_air] = measured.supply_air_c
    values[sensors.dry_bulb] = measured.dry_bulb_c
    values[sensors.wet_bulb] = measured.wet_bulb_c
    in_force = (
        measured.supply_air_setpoint_c,
        measured.chilled_water_setpoint_c,
        measured.condenser_water_setpoint_c,
    )
    values.update(
        {site.setpoints[name].point: series for name, series in zip(site.setpoints, in_force, strict=True)}
    )
    write_readings(conn, site, values, [measured.start + measured.step * i for i in range(len(measured))])


def write_readings(
    conn: db.Connection, site: Site, values: Mapping[PointRef, Floats], times: list[datetime]
) -> None:
    """Register points and write a reading of each at each time."""
    for ref in values:
        kind = point_type(ref.point)
        db.rows(
            conn,
            "register_point",
            site=site.id,
            asset=ref.asset,
            name=ref.point,
            unit=kind.unit,
            role=kind.role.value,
            state_class=kind.state_class.value,
            source="test",
        )
    ids = {
        r["ref"]: r["point_id"]
        for r in db.rows(conn, "point_ids", site=site.id, refs=[str(ref) for ref in values])
    }
    with conn.cursor().copy("COPY reading (time, value, point_id) FROM STDIN") as copy:
        for ref, series in values.items():
            for time, value in zip(times, series.tolist(), strict=True):
                if np.isfinite(value):
                    copy.write_row((time, value, ids[str(ref)]))
