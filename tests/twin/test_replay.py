"""A day is replayed from a real database: as measured, as operated, and otherwise."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from measured import STEPS_PER_DAY, TRUTH, history, store, write_readings

from core import db
from core.actions import Setpoint
from core.clock import ManualClock
from core.errors import InputError, NotReadyError
from core.jobs import Context
from core.settings import Settings
from joulecast.verbs.twin import whatif
from twin.calibrate import Calibration, calibrate, latest, save
from twin.compare import ENERGIES, METER_OF, compare
from twin.jobs import calibrate_site
from twin.network import BREAKDOWN
from twin.replay import CARBON, check_day, replay
from twin.scenario import HOURS_PER_DAY, Scenario, day_span, shift_of

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


def test_every_subsystem_has_an_interval_and_they_add_up(
    site: Site, measured: History, calibration: Calibration
) -> None:
    day = measured.part(slice(0, STEPS_PER_DAY))
    result = compare(site, day, calibration, Scenario("warmer", WARMER))
    assert set(result.intervals) == set(ENERGIES) | set(result.as_operated_indicators)
    for name, interval in result.intervals.items():
        assert interval.p10 <= interval.p50 <= interval.p90, name
    for name in (*ENERGIES, "pue", "tue", "water_l"):
        before = result.as_operated_kwh | result.as_operated_indicators
        after = result.alternative_kwh | result.alternative_indicators
        assert result.intervals[name].p50 == pytest.approx(after[name] - before[name])
    middles = {name: result.intervals[name].p50 for name in ENERGIES}
    assert sum(middles[name] for name in BREAKDOWN) == pytest.approx(middles["facility_kw"])
    assert middles["electrical_loss_kw"] == pytest.approx(middles["ups_loss_kw"] + middles["pdu_loss_kw"])
    assert middles["chiller_kw"] < 0 < middles["pump_kw"]


def test_the_intervals_by_subsystem_hold_what_the_plant_would_have_done(
    site: Site, measured: History, calibration: Calibration
) -> None:
    truth = replace(
        calibration,
        multipliers={**dict.fromkeys(calibration.multipliers, 1.0), **TRUTH},
        names=(),
        covariance=(),
    )
    scenario, inside, asked = Scenario("warmer", WARMER), 0, 0
    for start in range(0, 8 * STEPS_PER_DAY, STEPS_PER_DAY):
        day = measured.part(slice(start, start + STEPS_PER_DAY))
        intervals = compare(site, day, calibration, scenario).intervals
        actual = compare(site, day, truth, scenario).difference_kwh
        for name in ("chiller_kw", "crah_fan_kw", "pump_kw", "facility_kw"):
            inside += intervals[name].p10 <= actual[name] <= intervals[name].p90
            asked += 1
    assert inside / asked >= 0.6, "p10 to p90 is meant to hold eight in ten"


def test_the_twins_own_error_stands_beside(site: Site, measured: History, calibration: Calibration) -> None:
    day = measured.part(slice(0, STEPS_PER_DAY))
    result = compare(site, day, calibration, Scenario("warmer", WARMER))
    assert set(result.twin_error_kwh) == set(METER_OF)
    for name, meter in METER_OF.items():
        error = result.as_operated_kwh[name] - getattr(day, meter).sum() / 4
        assert result.twin_error_kwh[name] == pytest.approx(error, abs=1e-6, nan_ok=True)
    assert abs(result.twin_error_kwh["facility_kw"]) < 0.01 * result.measured_kwh["facility_kw"]


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
def test_a_day_on_which_the_clocks_change(
    dsn: str, site: Site, measured: History, calibration: Calibration, day: date, hours: int
) -> None:
    start = datetime.combine(day, datetime.min.time(), UTC) - timedelta(days=1)
    shift = [0.0] * HOURS_PER_DAY
    shift[2], shift[15] = 40.0, -40.0
    with db.connect(dsn) as connection:
        store(connection, site, replace(measured.part(slice(0, 4 * STEPS_PER_DAY)), start=start))
        save(connection, site, calibration)
    with db.connect(dsn) as connection:
        result = replay(connection, site, day, load_shift_kw=shift)
    assert len(result.times) == 4 * hours
    assert result.complete_ratio == 1
    assert [result.times[i].astimezone(site.zone).hour for i in (0, -1)] == [0, 23]
    assert result.shifted is not None
    assert result.shifted.into_kwh == pytest.approx(40)
    assert result.shifted.net_kwh == pytest.approx(0)


def test_a_shift_is_energy_whatever_the_clocks_do(site: Site) -> None:
    shift = [0.0] * HOURS_PER_DAY
    shift[2], shift[15] = 40.0, -40.0
    for day, at_two, at_three in (
        (date(2026, 3, 28), {40.0}, {0.0}),
        (date(2026, 3, 29), set(), {40.0}),
        (date(2026, 10, 25), {20.0}, {0.0}),
    ):
        begin, end = day_span(site.zone, day)
        starts = [begin + timedelta(minutes=15) * i for i in range((end - begin) // timedelta(minutes=15))]
        found = shift_of(shift, starts, site.zone)
        hours = np.array([start.astimezone(site.zone).hour for start in starts])
        assert set(found[hours == 2]) == at_two
        assert set(found[hours == 3]) == at_three
        assert found.sum() == pytest.approx(0)


def test_load_that_is_not_there_cannot_leave(site: Site, measured: History, calibration: Calibration) -> None:
    day = measured.part(slice(0, STEPS_PER_DAY))
    shift = [0.0] * HOURS_PER_DAY
    shift[15] = -5000.0
    result = compare(site, day, calibration, Scenario("too much", load_shift_kw=shift))
    assert result.shifted is not None
    assert result.shifted.into_kwh == 0
    assert result.shifted.net_kwh == -result.shifted.out_kwh
    assert result.shifted.undone_kwh == pytest.approx(5000 - result.shifted.out_kwh)
    assert 300 < result.shifted.out_kwh < 1000
    assert result.alternative is not None
    assert result.alternative.it_kw.min() == 0


def test_carbon_is_told_where_the_grids_is_known(
    conn: db.Connection, dsn: str, site: Site, measured: History
) -> None:
    with conn:
        assert "carbon_kg" not in replay(conn, site, DAY, WARMER).alternative_indicators
    hours = [measured.start + timedelta(hours=i) for i in range(4 * HOURS_PER_DAY)]
    with db.connect(dsn) as connection:
        write_readings(connection, site, {CARBON: np.full(len(hours), 400.0)}, hours)
    with db.connect(dsn) as connection:
        result = replay(connection, site, DAY, WARMER)
    kwh, kg = result.as_operated_kwh["facility_kw"], result.as_operated_indicators["carbon_kg"]
    assert kg == pytest.approx(0.4 * kwh)
    assert result.intervals["carbon_kg"].p50 == pytest.approx(0.4 * result.intervals["facility_kw"].p50)


@pytest.mark.parametrize(
    "scenario",
    [
        {"setpoints": {Setpoint.SUPPLY_AIR_TEMPERATURE: float("nan")}},
        {"setpoints": {Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE: 500.0}},
        {"load_shift_kw": (float("inf"),) * HOURS_PER_DAY},
    ],
)
def test_alternatives_that_make_no_sense(scenario: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Scenario("odd", **scenario)


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
