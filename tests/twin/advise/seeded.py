"""A plant in the database: days of readings computed by the physics with other parameters, noise on top."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from core import db
from core.actions import Setpoint
from core.points import point_type
from core.units import W_PER_KW
from twin import calibrate
from twin.history import load_history
from twin.network import Conditions, Parameters, PlantState, Setpoints, solve

if TYPE_CHECKING:
    from core.points import PointRef
    from core.series import Floats
    from core.site import Site

DAYS: Final = 4
STEP: Final = timedelta(minutes=5)
TRUTH: Final = {"chiller_power": 1.1, "tower_fan": 1.2, "recirculation": 0.9, "pump": 1.05}
SETTING: Final = {
    Setpoint.SUPPLY_AIR_TEMPERATURE: 22.0,
    Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE: 10.0,
    Setpoint.CONDENSER_WATER_SUPPLY_TEMPERATURE: 22.0,
}
ENVELOPE_K: Final = 1.0
_calibrations: dict[str, calibrate.Calibration] = {}


@dataclass
class SeededPlant:
    """What stands in the database, and means to change it."""

    dsn: str
    site: Site
    now: datetime
    truth: Parameters
    ids: dict[str, int]

    def publish(self, start: datetime, end: datetime, setting: dict[Setpoint, float] | None = None) -> None:
        """Readings from `start` up to and including `end`, all GOOD."""
        times = [start + STEP * i for i in range(int((end - start) / STEP) + 1)]
        self.write(times, self.readings(times, setting or SETTING))

    def readings(self, times: list[datetime], setting: dict[Setpoint, float]) -> dict[str, Floats]:
        """Canonical values by ``asset/point``."""
        return _readings(self.site, self.truth, times, setting)

    def write(self, times: list[datetime], values: dict[str, Floats], status: int = 0) -> None:
        """Store readings, and the last of them as the latest."""
        with db.connect(self.dsn) as conn, conn.cursor() as cursor:
            with cursor.copy("COPY reading (time, value, point_id, status) FROM STDIN") as copy:
                for ref, series in values.items():
                    for time, value in zip(times, series.tolist(), strict=True):
                        copy.write_row((time, value, self.ids[ref], status))
            cursor.executemany(
                "INSERT INTO reading_latest (point_id, time, value, status) VALUES (%s, %s, %s, %s)"
                " ON CONFLICT (point_id) DO UPDATE SET time = excluded.time, value = excluded.value,"
                " status = excluded.status",
                [(self.ids[ref], times[-1], float(v[-1]), status) for ref, v in values.items()],
            )

    def forecast(self, issued_at: datetime, model: str = "seasonal_naive", hours: int = 24) -> None:
        """A forecast of the IT power that is right but for 3 % either way."""
        step = timedelta(minutes=15)
        times = [issued_at + step * i for i in range(hours * 4)]
        it_w = _it_kw(times) * W_PER_KW
        share = (0.95, 0.97, 0.985, 1.0, 1.015, 1.03, 1.05)
        with db.connect(self.dsn) as conn, conn.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO forecast VALUES (%s, 'it_power', %s, %s, %s, 900, %s, %s, %s, %s, %s, %s, %s)",
                [
                    (self.site.id, model, issued_at, t, *(float(w) * s for s in share))
                    for t, w in zip(times, it_w, strict=True)
                ],
            )

    def calibrate(self) -> int:
        """Fit the twin to what stands in the database and store it."""
        with db.connect(self.dsn) as conn:
            if self.site.id not in _calibrations:
                history = load_history(
                    conn, self.site, self.now - timedelta(days=DAYS), self.now, timedelta(minutes=15)
                )
                _calibrations[self.site.id] = calibrate.calibrate(self.site, history, created_at=self.now)
            return calibrate.save(conn, self.site, _calibrations[self.site.id])


def seed(dsn: str, site: Site, now: datetime) -> SeededPlant:
    """Days of history up to `now`, a calibration and a forecast."""
    truth = Parameters.from_design(site.plant).with_multipliers(TRUTH)
    with db.connect(dsn) as conn:
        ids = {str(ref): register(conn, site, ref) for ref in site.refs()}
    plant = SeededPlant(dsn, site, now, truth, ids)
    start = now - timedelta(days=DAYS)
    times = [start + STEP * i for i in range(int((now - start) / STEP) + 1)]
    plant.write(times, _history(site, times))
    return plant


def _history(site: Site, times: list[datetime]) -> dict[str, Floats]:
    """Setpoints tried out by a kelvin up and down until the last day."""
    truth = Parameters.from_design(site.plant).with_multipliers(TRUTH)
    return _readings(site, truth, times, SETTING, tried_until=len(times) * 3 // 4)


def _readings(
    site: Site,
    truth: Parameters,
    times: list[datetime],
    setting: dict[Setpoint, float],
    tried_until: int = 0,
) -> dict[str, Floats]:
    rng = np.random.default_rng(int(times[0].timestamp()))
    index = np.arange(len(times))
    held = {}
    for i, setpoint in enumerate(Setpoint):
        wave = np.sign(np.sin(2 * np.pi * index / (36 * (i + 1)))) * ENVELOPE_K
        held[setpoint] = setting[setpoint] + np.where(index < tried_until, wave, 0.0)
    wet = wet_bulb_c(times)
    conditions = Conditions(_it_kw(times), wet + 4.0, wet)
    state = solve(truth, conditions, Setpoints.of(held))
    return _as_points(site, state, held, wet, rng)


def _as_points(
    site: Site, state: PlantState, held: dict[Setpoint, Floats], wet: Floats, rng: np.random.Generator
) -> dict[str, Floats]:
    def noisy(values: Floats, share: float = 0.002) -> Floats:
        return values * (1.0 + share * rng.standard_normal(values.shape))

    def split(refs: tuple[PointRef, ...], kw: Floats) -> dict[str, Floats]:
        return {str(ref): noisy(kw / len(refs) * W_PER_KW) for ref in refs}

    meters, sensors = site.meters, site.sensors
    ups_kw = state.it_kw + state.electrical_loss_kw
    rise = np.linspace(0.4, 1.0, len(sensors.rack_inlet))
    values = {
        **split(meters.facility, state.facility_kw),
        **split(meters.it, state.it_kw),
        **split(meters.chiller, state.chiller_kw),
        **split(meters.crah_fan, state.crah_fan_kw),
        **split(meters.pump, state.pump_kw),
        **split(meters.tower_fan, state.tower_fan_kw),
        **split(meters.ups_input, ups_kw),
        str(sensors.dry_bulb): wet + 4.0,
        str(sensors.wet_bulb): wet,
        str(sensors.supply_air): state.supply_air_c,
        str(sensors.return_air): state.return_air_c,
        **{str(site.setpoints[s].point): held[s] for s in Setpoint},
    }
    for ref, share in zip(sensors.rack_inlet, rise, strict=True):
        spread = state.supply_air_c + share * (state.inlet_c - state.supply_air_c)
        values[str(ref)] = spread + 0.02 * rng.standard_normal(len(wet))
    return values


def _it_kw(times: list[datetime]) -> Floats:
    hour = np.array([t.timestamp() / 3600.0 for t in times])
    return 600.0 + 60.0 * np.sin(2 * np.pi * hour / 24.0)


def wet_bulb_c(times: list[datetime]) -> Floats:
    """A mild spring."""
    hour = np.array([t.timestamp() / 3600.0 for t in times])
    return 14.0 + 2.5 * np.sin(2 * np.pi * (hour - 9.0) / 24.0) + np.sin(2 * np.pi * hour / 70.0)


def register(conn: db.Connection, site: Site, ref: PointRef) -> int:
    """A point of the site in the database; its id."""
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
    row = conn.execute(
        "SELECT point_id FROM point WHERE site_id = %s AND asset_id = %s AND name = %s",
        (site.id, ref.asset, ref.point),
    ).fetchone()
    assert row is not None
    return int(row["point_id"])
