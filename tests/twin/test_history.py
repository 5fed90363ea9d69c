"""What plants beside the demo's measure comes back from the database, and they can be calibrated on it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from core import db
from core.clock import ManualClock
from core.errors import NotReadyError
from core.site import Site, load_site
from core.units import W_PER_KW
from tests.twin.measured import START, STEP, STEPS_PER_DAY, history, write_readings
from twin.advise.observe import observe
from twin.calibrate import calibrate
from twin.calibration import refusal
from twin.history import SERIES, UPS_INPUT, History, load_history, load_points, series_refs
from twin.network import Parameters, solve
from twin.screening.screen import screen

if TYPE_CHECKING:
    from core.points import PointRef
    from twin.plant.curves import Floats

GUIDE = Path(__file__).parents[2] / "docs" / "plant.md"
EXAMPLES = re.findall(r"```toml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
DAYS = 6
TRUTH = {"chiller_power": 1.1, "crah_fan": 1.2, "ups_loss": 0.85, "direct_effectiveness": 0.9}


@pytest.fixture(scope="module")
def hall(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The guide's hall with air-cooled chillers and outdoor air."""
    path = tmp_path_factory.mktemp("hall") / "site.toml"
    path.write_text(EXAMPLES[0], encoding="utf-8")
    return load_site(path)


@pytest.fixture(scope="module")
def measured(hall: Site) -> History:
    """Days of it in summer, the return air held at changing temperatures."""
    rng = np.random.default_rng(3)
    count = DAYS * STEPS_PER_DAY
    back = np.repeat(rng.uniform(33.0, 36.0, count // 48), 48)
    day = history(hall, DAYS)
    warm = replace(
        day, return_air_setpoint_c=back, dry_bulb_c=day.dry_bulb_c + 8.0, wet_bulb_c=day.wet_bulb_c + 1.0
    )
    parameters = Parameters.from_design(hall.plant).with_multipliers(TRUTH)
    state = solve(parameters, warm.conditions(parameters), warm.setpoints)
    noise = {
        name: getattr(state, name) * (1.0 + rng.normal(0, 0.01, count))
        for name in ("chiller_kw", "crah_fan_kw", "evaporative_kw", "pump_kw", "cooling_load_kw")
    }
    return replace(
        warm,
        **noise,
        it_kw=state.it_kw,
        facility_kw=state.facility_kw * (1.0 + rng.normal(0, 0.003, count)),
        tower_fan_kw=np.full(count, np.nan),
        ups_loss_kw=state.electrical_loss_kw,
        inlet_c=state.inlet_c + rng.normal(0, 0.1, count),
        supply_air_c=state.supply_air_c,
        return_air_c=state.return_air_c + rng.normal(0, 0.1, count),
        condenser_water_setpoint_c=np.full(count, 25.0),
    )


def readings(site: Site, kept: History) -> dict[PointRef, Floats]:
    """A history as readings of the points that it would be made of."""
    found: dict[PointRef, Floats] = {}
    for name, refs in series_refs(site).items():
        series = kept.ups_loss_kw + kept.it_kw if name == UPS_INPUT else getattr(kept, name)
        canonical = series * W_PER_KW if name.endswith("_kw") else series
        shared = len(refs) if name.endswith("_kw") else 1
        found |= dict.fromkeys(refs, canonical / shared)
    return found


def test_every_series_of_a_plant_without_tower_comes_back(dsn: str, hall: Site, measured: History) -> None:
    times = [START + STEP * i for i in range(len(measured))]
    with db.connect(dsn) as conn:
        write_readings(conn, hall, readings(hall, measured), times)
        loaded = load_history(conn, hall, START, measured.end, STEP)
        by_point = load_points(conn, hall, START, measured.end, STEP)
        conn.execute(
            "INSERT INTO reading_latest (point_id, time, value, status) SELECT DISTINCT ON (point_id)"
            " point_id, time, value, status FROM reading ORDER BY point_id, time DESC"
        )
        now = observe(conn, hall, ManualClock(measured.end))
    assert now.held_beside == {"return_air_c": pytest.approx(measured.return_air_setpoint_c[-1])}
    needed = Parameters.from_design(hall.plant).setpoints_needed
    assert set(now.held) == set(needed) == set(hall.setpoints)
    for name in SERIES:
        expected = getattr(measured, name)
        assert getattr(loaded, name) == pytest.approx(expected, rel=1e-9, nan_ok=True), name
        assert getattr(by_point, name) == pytest.approx(expected, rel=1e-9, nan_ok=True), name
    assert loaded.usable.all()
    assert loaded.evaporative_kw.max() > 0.3
    assert loaded.cooling_load_kw.min() == 0 < loaded.cooling_load_kw.max()
    assert not np.isfinite(loaded.tower_fan_kw).any()


def test_a_sensor_that_was_never_seen_is_only_missing_where_it_may_be(
    dsn: str, hall: Site, measured: History
) -> None:
    kept = readings(hall, measured)
    assert hall.sensors.cooling_load is not None
    assert hall.sensors.supply_air is not None
    del kept[hall.sensors.cooling_load]
    times = [START + STEP * i for i in range(len(measured))]
    with db.connect(dsn) as conn:
        write_readings(conn, hall, {k: v for k, v in kept.items() if k != hall.sensors.supply_air}, times)
        with pytest.raises(NotReadyError, match="hall/supply_air_temperature"):
            load_history(conn, hall, START, measured.end, STEP)
        write_readings(conn, hall, {hall.sensors.supply_air: kept[hall.sensors.supply_air]}, times)
        loaded = load_history(conn, hall, START, measured.end, STEP)
    assert not np.isfinite(loaded.cooling_load_kw).any()
    assert loaded.usable.all()


def test_a_loop_that_reports_no_setpoint_holds_what_is_measured(tmp_path: Path) -> None:
    text = EXAMPLES[1]
    path = tmp_path / "site.toml"
    path.write_text(text, encoding="utf-8")
    (reported,) = series_refs(load_site(path))["liquid_supply_setpoint_c"]
    assert reported.point == "liquid_supply_temperature_setpoint"
    line = 'liquid_supply_setpoint = "cdu/liquid_supply_temperature_setpoint"\n'
    assert line in text
    path.write_text(text.replace(line, ""), encoding="utf-8")
    (supply,) = series_refs(load_site(path))["liquid_supply_setpoint_c"]
    assert supply.point == "liquid_supply_temperature"


def test_good_readings_of_it_are_left_as_they_are(hall: Site, measured: History) -> None:
    screened = screen(hall, measured)
    assert [str(finding) for finding in screened.findings] == []


def test_it_can_be_calibrated(hall: Site, measured: History) -> None:
    found = calibrate(hall, measured)
    assert refusal(found) is None
    assert found.multipliers["chiller_power"] == pytest.approx(1.1, abs=0.03)
    assert found.multipliers["crah_fan"] == pytest.approx(1.2, abs=0.05)
    assert "tower_fan" not in found.multipliers
