"""A day is replayed from a real database: as measured, as operated, and otherwise."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest
from measured import STEPS_PER_DAY, TRUTH, history, store

from core import db
from core.actions import Setpoint
from core.clock import ManualClock
from core.errors import InputError, NotReadyError
from core.jobs import Context
from core.settings import Settings
from joulecast.verbs.twin import whatif
from twin.calibrate import Calibration, calibrate, latest, save
from twin.compare import compare
from twin.jobs import calibrate_site
from twin.network import BREAKDOWN
from twin.replay import check_day, replay
from twin.scenario import HOURS_PER_DAY, Scenario, day_span

if TYPE_CHECKING:
    from core.site import Site
    from twin.history import History

DAY = date(2026, 1, 12)
WARMER = {Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE: 12.5}


@pytest.fixture(scope="module")
def measured(site: Site) -> History:
    return history(site, 8)


@pytest.fixture(scope="module")
def calibration(site: Site, measured: History) -> Calibration:
    return calibrate(site, measured)


@pytest.fixture
def conn(dsn: str, site: Site, measured: History, calibration: Calibration) -> db.Connection:
    with db.connect(dsn) as connection:
        store(connection, site, measured.part(slice(0, 4 * STEPS_PER_DAY)))
        save(connection, site, calibration)
    return db.connect(dsn, autocommit=True)


def test_a_measured_day(conn: db.Connection, site: Site) -> None:
    with conn:
        result = replay(conn, site, DAY)
    assert len(result.times) == STEPS_PER_DAY
    assert result.times[0].astimezone(site.zone).hour == 0
    assert result.complete_ratio == 1
    assert result.alternative is None
    assert result.pue_as_operated == pytest.approx(result.pue_measured, abs=0.01)
    assert result.as_operated_kwh["it_kw"] == pytest.approx(result.measured_kwh["it_kw"], rel=0.002)
    assert result.as_operated_kwh["chiller_kw"] == pytest.approx(result.measured_kwh["chiller_kw"], rel=0.03)
    parts = sum(result.as_operated_kwh[name] for name in BREAKDOWN)
    assert parts == pytest.approx(result.as_operated_kwh["facility_kw"])


def test_an_alternative_setpoint(conn: db.Connection, site: Site) -> None:
    with conn:
        result = replay(conn, site, DAY, WARMER)
    interval = result.intervals.get("facility_kw")
    assert interval is not None
    assert interval.p10 < interval.p50 < interval.p90
    assert interval.p50 == pytest.approx(result.difference_kwh["facility_kw"])
    parts = sum(result.difference_kwh[name] for name in BREAKDOWN)
    assert parts == pytest.approx(result.difference_kwh["facility_kw"])
    assert result.difference_kwh["chiller_kw"] < 0
    assert result.pue_alternative < result.pue_as_operated
    assert result.alternative is not None
    assert (result.alternative.chilled_water_supply_c == 12.5).all()


def test_the_interval_holds_what_the_plant_would_have_done(
    site: Site, measured: History, calibration: Calibration
) -> None:
    day = measured.part(slice(0, STEPS_PER_DAY))
    scenario = Scenario("warmer", WARMER)
    result = compare(site, day, calibration, scenario)
    truth = replace(
        calibration,
        multipliers={**dict.fromkeys(calibration.multipliers, 1.0), **TRUTH},
        names=(),
        covariance=(),
    )
    actual = compare(site, day, truth, scenario).difference_kwh["facility_kw"]
    interval = result.intervals.get("facility_kw")
    assert interval is not None
    width = interval.p90 - interval.p10
    assert interval.p10 - 0.5 * width < actual < interval.p90 + 0.5 * width


def test_load_at_other_hours(conn: db.Connection, site: Site) -> None:
    shift = [0.0] * HOURS_PER_DAY
    shift[3], shift[15] = 50.0, -50.0
    with conn:
        result = replay(conn, site, DAY, load_shift_kw=shift)
    assert result.alternative is not None
    moved = result.alternative.it_kw - result.as_operated.it_kw
    hours = np.array([t.astimezone(site.zone).hour for t in result.times])
    assert moved[hours == 3] == pytest.approx(50.0, rel=0.05)
    assert moved[hours == 15] == pytest.approx(-50.0, rel=0.05)
    assert moved[hours == 9] == pytest.approx(0.0, abs=1e-9)


def test_a_shift_has_24_hours() -> None:
    with pytest.raises(InputError, match="found 3 values"):
        Scenario("short", load_shift_kw=(1.0, 2.0, 3.0))


def test_half_a_day_counts_half(site: Site, measured: History, calibration: Calibration) -> None:
    day = measured.part(slice(0, STEPS_PER_DAY))
    facility = day.facility_kw.copy()
    facility[48:] = np.nan
    result = compare(site, replace(day, facility_kw=facility), calibration, Scenario("warmer", WARMER))
    assert result.complete_ratio == 0.5
    assert np.isnan(result.as_operated.facility_kw[48:]).all()
    assert np.isfinite(result.as_operated.facility_kw[:48]).all()
    whole = compare(site, day, calibration, Scenario("warmer", WARMER))
    assert result.as_operated_kwh["it_kw"] < 0.7 * whole.as_operated_kwh["it_kw"]
    assert np.isfinite(result.difference_kwh["facility_kw"])


def test_a_day_without_data_is_not_ready(conn: db.Connection, site: Site) -> None:
    with conn, pytest.raises(NotReadyError, match="2025-06-01"):
        replay(conn, site, date(2025, 6, 1))


def test_without_calibration_there_is_no_twin(dsn: str, site: Site) -> None:
    with db.connect(dsn) as connection, pytest.raises(NotReadyError, match="not been calibrated"):
        replay(connection, site, DAY)


def test_a_day_to_come_is_refused(site: Site) -> None:
    clock = ManualClock(datetime(2026, 1, 12, 12, tzinfo=UTC))
    check_day(site, clock, DAY)
    with pytest.raises(InputError, match="2026-01-13"):
        check_day(site, clock, date(2026, 1, 13))


def test_a_day_has_23_hours_when_the_clocks_go_forward(site: Site) -> None:
    start, end = day_span(site.zone, date(2026, 3, 29))
    assert (end - start).total_seconds() == 23 * 3600


def test_the_job_calibrates_once_a_day(dsn: str, site: Site, measured: History) -> None:
    clock = ManualClock(measured.end)
    context = Context(Settings(dsn=dsn), site, clock, dsn)
    with db.connect(dsn) as connection:
        store(connection, site, measured)
    assert "calibration 1 on" in calibrate_site(context)
    assert "stays in use" in calibrate_site(context)
    with db.connect(dsn) as connection:
        found = latest(connection, site)
    assert found is not None
    assert found.created_at == measured.end
    assert found.multipliers["chiller_power"] == pytest.approx(TRUTH["chiller_power"], rel=0.05)


def test_the_job_waits_for_a_day_of_history(dsn: str, site: Site, measured: History) -> None:
    part = measured.part(slice(0, 24))
    with db.connect(dsn) as connection:
        store(connection, site, part)
    context = Context(Settings(dsn=dsn), site, ManualClock(part.end), dsn)
    with pytest.raises(NotReadyError, match="6 h of history"):
        calibrate_site(context)


def test_what_if_says_where_the_energy_goes(
    conn: db.Connection, dsn: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    conn.close()
    monkeypatch.setenv("JOULECAST_DSN", dsn)
    whatif(set=["chilled_water_supply_temperature_c=12.5"], begin="2026-01-12", end="2026-01-13", json=True)
    found = json.loads(capsys.readouterr().out)
    *parts, facility = found["parts"]
    assert [part["part"] for part in found["parts"]] == [*BREAKDOWN, "facility_kw"]
    for lane, pue in (("as_operated", "pue_as_operated"), ("what_if", "pue_what_if")):
        assert sum(part[f"{lane}_kwh"] for part in parts) == pytest.approx(facility[f"{lane}_kwh"])
        above = sum(part[f"{lane}_partial_pue"] - 1 for part in parts if part["part"] != "it_kw")
        assert 1 + above == pytest.approx(found[pue])
    chiller = next(part for part in parts if part["part"] == "chiller_kw")
    assert chiller["what_if_partial_pue"] < chiller["as_operated_partial_pue"]
    was = found["indicators_as_operated"]
    other = next(part for part in parts if part["part"] == "other_kw")["as_operated_partial_pue"] - 1
    assert 1 + was["mlc"] + was["elc"] + other == pytest.approx(found["pue_as_operated"])
    assert was["tue"] > was["pue"]
