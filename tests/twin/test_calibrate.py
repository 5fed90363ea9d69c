"""Calibration finds a plant's multipliers in its noisy meters, and says what it cannot find."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from measured import STEPS_PER_DAY, TRUTH, history, store

from core import db
from core.errors import NotReadyError
from twin.calibrate import Calibration, MeterError, calibrate, latest, load_history, refusal, save
from twin.network import Conditions, Parameters, Setpoints

if TYPE_CHECKING:
    from core.site import Site
    from twin.history import History

DAYS = 12


@pytest.fixture(scope="module")
def measured(site: Site) -> History:
    return history(site, DAYS)


@pytest.fixture(scope="module")
def calibration(site: Site, measured: History) -> Calibration:
    return calibrate(site, measured)


def test_it_recovers_the_multipliers(calibration: Calibration) -> None:
    for name in ("ups_loss", "chiller_power", "pump", "tower_fan", "recirculation"):
        assert calibration.multipliers[name] == pytest.approx(TRUTH[name], rel=0.05), name
    assert calibration.multipliers["other_load"] == pytest.approx(TRUTH["other_load"], rel=0.15)


def test_truth_lies_within_a_few_standard_deviations(calibration: Calibration) -> None:
    deviations = np.sqrt(np.diag(np.array(calibration.covariance)))
    for name, deviation in zip(calibration.names, deviations, strict=True):
        off = calibration.multipliers[name] - TRUTH.get(name, 1.0)
        assert abs(off) < max(6 * deviation, 0.03), name


def test_errors_on_held_out_data_are_those_of_the_noise(calibration: Calibration) -> None:
    assert calibration.errors["facility_kw"].cv_rmse_ratio < 0.01
    assert abs(calibration.errors["facility_kw"].nmbe_ratio) < 0.003
    assert calibration.errors["chiller_kw"].cv_rmse_ratio < 0.03
    assert calibration.inlet_p95_k < 0.3
    assert 0 < calibration.facility_p95_kw < 15
    assert refusal(calibration) is None


def test_what_the_data_cannot_tell_is_named_and_left_alone(site: Site) -> None:
    steady = history(site, 4, supply_air_c=(21.0, 21.0))
    nothing = np.full(len(steady), np.nan)
    found = calibrate(site, replace(steady, inlet_c=nothing, tower_fan_kw=nothing))
    assert "leakage" in found.unidentified
    assert all(found.multipliers[name] == 1.0 for name in found.unidentified)
    assert set(found.names) | set(found.unidentified) == set(Parameters.from_design(site.plant).adjustable)
    assert "tower_fan_kw" not in found.errors
    assert np.isnan(found.inlet_p95_k)


def test_gaps_and_impossible_values_are_left_out(site: Site, measured: History) -> None:
    facility, wet = measured.facility_kw.copy(), measured.wet_bulb_c.copy()
    facility[10:20] = 1.0
    wet[30:50] = np.nan
    found = calibrate(site, replace(measured, facility_kw=facility, wet_bulb_c=wet))
    assert found.steps_masked == 30
    assert found.multipliers["chiller_power"] == pytest.approx(TRUTH["chiller_power"], rel=0.05)


def test_half_a_day_is_too_little(site: Site, measured: History) -> None:
    with pytest.raises(NotReadyError, match="48 complete steps"):
        calibrate(site, measured.part(slice(0, 48)))


def test_envelope_says_where_the_twin_has_never_been(calibration: Calibration, measured: History) -> None:
    seen = Conditions(650.0, 10.0, 7.0)
    assert not calibration.outside(seen, Setpoints(22.0, 10.0, 24.0))
    assert calibration.outside(seen, Setpoints(22.0, np.array([10.0, 16.0]), 24.0)).tolist() == [False, True]
    assert calibration.outside(Conditions(650.0, 40.0, 30.0), Setpoints(22.0, 10.0, 24.0))
    low, high = calibration.envelope["chilled_water_supply_temperature_c"]
    assert (low, high) == (measured.chilled_water_setpoint_c.min(), measured.chilled_water_setpoint_c.max())


def test_json_and_back(calibration: Calibration) -> None:
    assert Calibration.from_json(json.loads(json.dumps(calibration.to_json()))) == calibration


def test_samples_scatter_about_the_calibrated_plant(site: Site, calibration: Calibration) -> None:
    plants = calibration.samples(site.plant, 20, np.random.default_rng(0))
    drawn = [plant.chiller.power_ratio for plant in plants]
    assert np.mean(drawn) == pytest.approx(calibration.parameters(site.plant).chiller.power_ratio, rel=0.02)
    assert np.std(drawn) > 0


def test_a_bad_calibration_is_refused(calibration: Calibration) -> None:
    bad = replace(
        calibration, errors={**calibration.errors, "facility_kw": MeterError(0.0, 0.3, 200.0, 800.0)}
    )
    assert "30.0%" in str(refusal(bad))
    biased = replace(
        calibration, errors={**calibration.errors, "facility_kw": MeterError(-0.1, 0.11, 200.0, 800.0)}
    )
    assert "-10.0%" in str(refusal(biased))


def test_stored_and_read_back(dsn: str, site: Site, calibration: Calibration) -> None:
    with db.connect(dsn) as conn:
        assert latest(conn, site) is None
        number = save(conn, site, calibration)
        found = latest(conn, site)
        assert found == replace(calibration, calibration_id=number)
        assert found is not None
        assert found.parameters(site.plant) == calibration.parameters(site.plant)
        assert isinstance(found.parameters(site.plant), Parameters)


def test_history_comes_back_from_the_database(dsn: str, site: Site, measured: History) -> None:
    day = measured.part(slice(0, STEPS_PER_DAY))
    with db.connect(dsn) as conn:
        store(conn, site, day)
        found = load_history(conn, site, day.start, day.end, day.step)
    for name in ("it_kw", "facility_kw", "pump_kw", "ups_loss_kw", "inlet_c", "wet_bulb_c"):
        assert getattr(found, name) == pytest.approx(getattr(day, name)), name
    assert found.usable.all()


def test_history_of_a_site_without_readings_is_not_ready(dsn: str, site: Site, measured: History) -> None:
    with db.connect(dsn) as conn, pytest.raises(NotReadyError, match="no reading yet"):
        load_history(conn, site, measured.start, measured.end, measured.step)
