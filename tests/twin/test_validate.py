"""Validation by ASHRAE Guideline 14 on hours that were not fitted, those outside the envelope apart."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from measured import START, history, store

from core import db
from core.errors import NotReadyError
from joulecast.verbs.twin import validate as validate_verb
from twin.calibrate import Calibration, calibrate, save
from twin.screening import faults
from twin.validate import (
    CONSTANT,
    CV_RMSE_LIMIT_RATIO,
    QUANTITIES,
    YESTERDAY,
    error,
    validate,
    validate_site,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.site import Site
    from twin.history import History

DAYS = 14
FITTED_DAYS = 10
CUT = FITTED_DAYS * 96
END = START + timedelta(days=DAYS)
KNOWN_TO = START + timedelta(days=FITTED_DAYS)


@pytest.fixture(scope="module")
def measured(site: Site) -> History:
    return history(site, DAYS)


@pytest.fixture(scope="module")
def calibration(site: Site, measured: History) -> Calibration:
    return calibrate(site, measured.part(slice(0, CUT)))


@pytest.fixture
def conn(dsn: str, site: Site, measured: History, calibration: Calibration) -> Iterator[db.Connection]:
    with db.connect(dsn) as connection:
        store(connection, site, measured)
        save(connection, site, calibration)
        connection.commit()
        yield connection


def test_the_figures_are_the_guidelines() -> None:
    # by hand: errors 1, -1, 2, 0 of 10, 20, 30, 40; n - p = 3
    found = error(np.array([10.0, 20.0, 30.0, 40.0, np.nan]), np.array([9.0, 21.0, 28.0, 40.0, 5.0]))
    assert found is not None
    assert found.hours == 4
    assert found.nmbe_ratio == pytest.approx(2.0 / 3.0 / 25.0)
    assert found.cv_rmse_ratio == pytest.approx(np.sqrt(6.0 / 3.0) / 25.0)
    assert found.mae == pytest.approx(1.0)
    assert found.within_guideline
    assert error(np.array([1.0]), np.array([1.0])) is None
    bad = error(np.array([1.0, 1.0, 1.0]), np.array([1.5, 0.6, 1.0]))
    assert bad is not None
    assert bad.cv_rmse_ratio is not None
    assert bad.cv_rmse_ratio > CV_RMSE_LIMIT_RATIO
    assert bad.within_guideline is False


def test_a_temperature_has_no_relative_error() -> None:
    found = error(np.array([20.0, 22.0, 24.0]), np.array([21.0, 22.0, 24.0]), temperature=True)
    assert found is not None
    assert found.cv_rmse_ratio is None
    assert found.within_guideline is None
    assert found.bias == pytest.approx(-0.5)


def test_hours_are_hourly_means(site: Site, measured: History, calibration: Calibration) -> None:
    # quarter hours that are off to and fro leave the hour as it is
    to_and_fro = np.tile([60.0, -60.0, 30.0, -30.0], len(measured) // 4)
    shaken = replace(measured, ups_loss_kw=measured.ups_loss_kw + 0.1 * to_and_fro)
    calm, rough = (
        validate(site, calibration, found, KNOWN_TO, "test").row("ups_loss_kw")
        for found in (measured, shaken)
    )
    assert rough.twin.rmse == pytest.approx(calm.twin.rmse, rel=1e-6)
    assert calm.twin.hours == rough.twin.hours


def test_unseen_readings_are_taken_first(conn: db.Connection, site: Site) -> None:
    found = validate_site(conn, site, END)
    assert "has not seen" in found.basis
    assert (found.start, found.end) == (KNOWN_TO, END)
    assert found.hours_inside + found.hours_outside + found.hours_incomplete == (DAYS - FITTED_DAYS) * 24
    there = [name for name in QUANTITIES if name != "evaporative_kw"]  # the plant has no such stage
    assert [row.quantity for row in found.rows if row.inside] == there
    facility, inlet = found.row("facility_kw"), found.row("inlet_c")
    assert facility.twin.within_guideline
    assert facility.twin.cv_rmse_ratio is not None
    assert facility.twin.cv_rmse_ratio < 0.01
    assert inlet.twin.mae < 0.15
    assert found.pue is not None
    assert found.pue.twin < 0.005
    for row in (facility, found.row("cooling_kw"), inlet):
        assert not any(baseline.wins for baseline in row.baselines)
    assert {b.name for b in facility.baselines} == {YESTERDAY, CONSTANT}
    assert {b.name for b in inlet.baselines} == {YESTERDAY}


def test_without_new_readings_the_held_out_part_is_taken(
    conn: db.Connection, site: Site, calibration: Calibration
) -> None:
    for now in (KNOWN_TO, KNOWN_TO + timedelta(hours=5)):
        found = validate_site(conn, site, now)
        assert "held out of the fit" in found.basis
        assert (found.start, found.end) == (calibration.held_out_from, KNOWN_TO)


def test_days_say_how_much_of_them_was_fitted(conn: db.Connection, site: Site) -> None:
    assert "none of them fitted" in validate_site(conn, site, END, 2.0).basis
    assert "of which the first 36 h were fitted" in validate_site(conn, site, KNOWN_TO, 4.0).basis


def test_hours_outside_the_envelope_are_apart_with_times_and_reason(
    site: Site, measured: History, calibration: Calibration
) -> None:
    chilled = measured.chilled_water_setpoint_c.copy()
    wet, dry = measured.wet_bulb_c.copy(), measured.dry_bulb_c.copy()
    chilled[CUT + 40 : CUT + 50] = 16.0
    wet[CUT + 60 : CUT + 64] += 20.0
    dry[CUT + 60 : CUT + 64] += 20.0
    changed = replace(measured, chilled_water_setpoint_c=chilled, wet_bulb_c=wet, dry_bulb_c=dry)
    found = validate(site, calibration, changed, KNOWN_TO, "test")
    first = next(r for r in found.outside if r.start == KNOWN_TO + timedelta(hours=10))
    assert first.end >= KNOWN_TO + timedelta(hours=13)
    reason = next(b for b in first.why if b.condition == "chilled_water_supply_temperature_c")
    assert reason.high == 16.0
    assert reason.envelope == calibration.envelope["chilled_water_supply_temperature_c"]
    second = next(r for r in found.outside if r.start <= KNOWN_TO + timedelta(hours=15) < r.end)
    assert {"wet_bulb_c", "dry_bulb_c"} <= {b.condition for b in second.why}
    assert found.hours_outside == sum(r.hours for r in found.outside)
    assert found.row("facility_kw", inside=False).twin.hours == found.hours_outside
    assert found.row("facility_kw").twin.hours == found.hours_inside


def test_a_baseline_that_wins_is_shown_to_win(
    site: Site, measured: History, calibration: Calibration
) -> None:
    # a load that repeats itself exactly, and a twin whose pumps are wrong by half
    wrong = replace(calibration, multipliers={**calibration.multipliers, "pump": 1.5})
    day = np.arange(len(measured)) % 96
    same = replace(measured, pump_kw=12.0 + np.sin(day / 96 * 2 * np.pi))
    row = validate(site, wrong, same, KNOWN_TO, "test").row("pump_kw")
    assert next(b for b in row.baselines if b.name == YESTERDAY).wins
    plain = validate(site, wrong, same, KNOWN_TO, "test").to_json()
    listed = next(r for r in plain["rows"] if (r["quantity"], r["envelope"]) == ("pump_kw", "inside"))
    assert next(b for b in listed["baselines"] if b["name"] == YESTERDAY)["wins"] is True


def test_masked_hours_are_incomplete_and_said(
    site: Site, measured: History, calibration: Calibration
) -> None:
    wet = measured.wet_bulb_c.copy()
    wet[CUT + 96 : CUT + 192] = wet[CUT + 96]
    found = validate(site, calibration, replace(measured, wet_bulb_c=wet), KNOWN_TO, "test")
    assert found.hours_incomplete == 24
    assert [(f.what, f.steps) for f in found.findings] == [(faults.STUCK, 96)]


def test_a_site_without_submeters(site: Site, measured: History, calibration: Calibration) -> None:
    nothing = np.full(len(measured), np.nan)
    names = ("chiller_kw", "crah_fan_kw", "pump_kw", "tower_fan_kw", "ups_loss_kw", "inlet_c")
    bare = replace(measured, **dict.fromkeys(names, nothing))
    found = validate(site, calibration, bare, KNOWN_TO, "test")
    assert {row.quantity for row in found.rows} == {"facility_kw"}
    assert found.findings == ()


def test_there_has_to_be_a_calibration_and_an_hour(dsn: str, site: Site, calibration: Calibration) -> None:
    with db.connect(dsn) as conn:
        with pytest.raises(NotReadyError, match="not been calibrated"):
            validate_site(conn, site, END)
        save(conn, site, calibration)
        store(conn, site, history(site, 1))
        with pytest.raises(NotReadyError, match="no complete hour"):
            validate_site(conn, site, END, 2.0)


def test_the_command_prints_it(
    conn: db.Connection, dsn: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    conn.close()
    monkeypatch.setenv("JOULECAST_DSN", dsn)
    monkeypatch.setenv("JOULECAST_CLOCK", f"{datetime.now(UTC).isoformat()}/{END.isoformat()}/1.0")
    validate_verb(days=None, json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["rows"][0]["quantity"] == "facility_kw"
    assert "n - p" in found["guideline"]["source"]
    assert found["pue"]["twin"] < 0.005
    validate_verb(days=2.0, json=False)
    said = capsys.readouterr().out
    assert "none of them fitted" in said.replace("\n", " ")
    assert "same hour yesterday" in said
