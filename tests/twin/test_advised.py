"""A past day as advice would have run it: from what was known then, and never worse than it says."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from measured import STEPS_PER_DAY, history, store

from core import db
from core.units import W_PER_KW
from joulecast.cli import run
from twin.advise import policy
from twin.advised import ADVISED, AS_OPERATED, FORESIGHT, RULES, AdvisedDay, replay_days, replay_past
from twin.calibrate import Calibration, calibrate, save
from twin.past import USUAL, Issue, Past, WeatherIssue

if TYPE_CHECKING:
    from core.site import Site
    from twin.history import History

DAY = date(2026, 1, 24)
DAYS = 16
STEP = timedelta(minutes=15)


@pytest.fixture(scope="module")
def measured(site: Site) -> History:
    """Sixteen days."""
    return history(site, DAYS)


@pytest.fixture(scope="module")
def calibration(site: Site, measured: History) -> Calibration:
    part = measured.part(slice(0, (DAYS - 3) * STEPS_PER_DAY))
    return replace(calibrate(site, part), created_at=measured.start + timedelta(days=DAYS - 3))


@pytest.fixture
def filled(dsn: str, site: Site, measured: History, calibration: Calibration) -> str:
    with db.connect(dsn) as conn:
        store(conn, site, measured)
        save(conn, site, calibration)
    return dsn


def forecast(dsn: str, site: Site, measured: History, day: date, model: str = "ensemble") -> None:
    """What was issued each hour of a day: right but for a hundredth either way."""
    begin = datetime.combine(day, datetime.min.time(), UTC) - timedelta(hours=2)
    rows: list[tuple[Any, ...]] = []
    for hour in range(27):
        issued = begin + timedelta(hours=hour)
        first = int((issued - measured.start) / STEP)
        for i, kw in enumerate(measured.it_kw[first : first + STEPS_PER_DAY]):
            shares = (0.98, 0.99, 0.995, 1.0, 1.005, 1.01, 1.02)
            values = [kw * W_PER_KW * share for share in shares]
            rows.append((site.id, "it_power", model, issued, issued + STEP * i, 900, *values))
    with db.connect(dsn) as conn, conn.cursor() as cursor:
        cursor.executemany(f"INSERT INTO forecast VALUES ({', '.join(['%s'] * 13)})", rows)  # noqa: S608


def days(dsn: str, site: Site, first: date = DAY, last: date = DAY) -> list[AdvisedDay]:
    with db.connect(dsn) as conn:
        return list(replay_days(conn, site, first, last))


def test_a_day_four_ways(filled: str, site: Site, measured: History) -> None:
    forecast(filled, site, measured, DAY)
    [found] = days(filled, site)
    kwh = {name: lane.facility_kwh for name, lane in found.lanes.items()}
    assert kwh[FORESIGHT] < kwh[ADVISED] < kwh[AS_OPERATED]
    assert kwh[AS_OPERATED] == pytest.approx(found.measured_kwh, rel=0.01)
    assert set(found.lanes) == {AS_OPERATED, RULES, ADVISED, FORESIGHT}
    assert found.moves
    assert sum(made.move.p50_kw for made in found.moves) > 0
    assert found.lanes[ADVISED].inlet_max_c <= site.limits.envelope.recommended_high_c
    assert not found.calibrated_later
    lane = found.lanes[ADVISED]
    assert lane.carbon_kg == pytest.approx(lane.facility_kwh * (site.tariff.carbon_g_per_kwh or 0.0) / 1000)
    assert lane.cost > 0


def test_forecasts_are_those_that_were_issued_and_where_none_were_it_says_so(
    filled: str, site: Site, measured: History
) -> None:
    [without] = days(filled, site)
    assert set(without.forecasts) == {USUAL} == set(without.weathers)
    forecast(filled, site, measured, DAY)
    [with_them] = days(filled, site)
    assert set(with_them.forecasts) == {"ensemble"}
    assert {made.move.forecast_model for made in with_them.moves} == {"ensemble"}


def test_nothing_is_known_before_its_time(site: Site, measured: History, calibration: Calibration) -> None:
    at = measured.start + timedelta(days=DAYS - 1)
    step = int((at - measured.start) / STEP)
    later = measured.it_kw.copy()
    later[step:] = 2_000.0
    middles = at.timestamp() + 900.0 * (np.arange(200) + 0.5)
    early = Issue(at.timestamp() - 60.0, "ensemble", middles, np.full((3, 200), 500.0))
    late = Issue(at.timestamp() + 60.0, "ensemble", middles, np.full((3, 200), 900.0))
    warm = WeatherIssue(at.timestamp() + 300.0, middles, np.full(200, 40.0), np.full(200, 35.0))
    told = replace(calibration, created_at=at + timedelta(hours=1), calibration_id=2)
    past = Past(site, replace(measured, it_kw=later), [calibration, told], [early, late], [warm])
    assert (past.load(at).it_kw == 500.0).all()
    assert (past.load(at + timedelta(minutes=2)).it_kw == 900.0).all()
    assert past.weather(at).source == USUAL
    assert past.weather(at).wet_bulb_c.max() < 30.0
    assert past.weather(at + timedelta(minutes=6)).wet_bulb_c[1].max() == 35.0
    assert past.calibration(at)[0] is calibration
    without = Past(site, replace(measured, it_kw=later), [told])
    assert without.calibration(at) == (told, True)
    made = without.load(at)
    assert made.model == USUAL
    assert made.it_kw.max() < 1_500.0


def test_carbon_to_come_is_what_was_usual_up_to_then(
    site: Site, measured: History, calibration: Calibration
) -> None:
    at = measured.start + timedelta(days=DAYS - 1, minutes=40)
    hour = np.arange(len(measured)) // 4 % 24
    grid = 300.0 - 5.0 * hour
    grid[int((at - measured.start) / STEP) :] = 2_000.0
    told = Past(site, measured, [calibration], carbon_g_per_kwh=grid).carbon(at)
    assert told is not None
    assert told.source.startswith("grid and its usual change over")
    assert told.g_per_kwh.max() <= 300.0
    assert told.g_per_kwh.min() == pytest.approx(185.0, abs=10.0)
    assert Past(site, measured, [calibration]).carbon(at) is None
    silent = np.full(len(measured), np.nan)
    assert Past(site, measured, [calibration], carbon_g_per_kwh=silent).carbon(at) is None


def test_days_before_the_first_calibration_are_replayed_with_it_and_say_so(filled: str, site: Site) -> None:
    with db.connect(filled) as conn:
        conn.execute("UPDATE calibration SET created_at = created_at + interval '30 days'")
    [found] = days(filled, site)
    assert found.calibrated_later
    assert found.moves


def test_days_stand_for_themselves(filled: str, site: Site) -> None:
    both = days(filled, site, DAY - timedelta(days=1), DAY)
    [alone] = days(filled, site)
    assert [one.day for one in both] == [DAY - timedelta(days=1), DAY]
    assert both[1].lanes == alone.lanes
    assert both[1].moves == alone.moves


def test_the_first_day_of_the_data_is_replayed_from_its_first_step_on(
    dsn: str, site: Site, measured: History, calibration: Calibration
) -> None:
    missing_h = 5
    day = measured.start.date() + timedelta(days=1)
    first = (23 + missing_h) * 4  # the site's day begins at 23:00 UTC
    begun = replace(
        measured.part(slice(first, 2 * STEPS_PER_DAY)), start=measured.start + first * measured.step
    )
    with db.connect(dsn) as conn:
        store(conn, site, begun)
        save(conn, site, replace(calibration, created_at=begun.start + timedelta(hours=12)))
    [found] = days(dsn, site, day, day)
    assert found.complete_ratio == pytest.approx(1 - missing_h / 24)
    assert found.lanes[AS_OPERATED].facility_kwh == pytest.approx(found.measured_kwh, rel=0.01)
    assert found.calibrated_later
    assert set(found.forecasts) == {USUAL}
    assert found.moves
    assert all(begun.start <= made.at for made in found.moves)


def test_the_first_day_of_all_knows_nothing_of_the_day_before(
    site: Site, measured: History, calibration: Calibration
) -> None:
    begun = measured.start + timedelta(days=DAYS - 1)
    alone = replace(measured.part(slice((DAYS - 1) * STEPS_PER_DAY, None)), start=begun)
    past = Past(site, alone, [calibration])
    assert past.step(begun - timedelta(days=1)) == 0
    load = past.load(begun)
    assert load.model == USUAL
    assert load.it_kw == pytest.approx(np.full((3, STEPS_PER_DAY), alone.it_kw[0]))
    assert past.twin(begun).calibration == calibration
    local = (begun + timedelta(hours=12)).astimezone(site.zone).date()
    before = np.arange(len(measured)) < (DAYS - 1) * STEPS_PER_DAY
    seen = replace(measured, facility_kw=np.where(before, np.nan, measured.facility_kw))
    [found] = replay_past(past, seen, local, local)
    assert found.lanes[ADVISED].facility_kwh > 0
    assert found.complete_ratio < 1


def test_the_verb_tells_what_would_have_been_done(
    filled: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JOULECAST_DSN", filled)
    status = run(["replay", "--day", DAY.isoformat(), "--advise", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert status == 0
    lanes = {row["lane"]: row for row in found["lanes"]}
    assert lanes["advised"]["saved_kwh"] > 0
    assert lanes["as_operated"]["saved_kwh"] == 0
    [day] = found["days"]
    assert day["moves"]
    assert found["known"]["load_forecasts"] == {USUAL: sum(day["known"]["load_forecasts"].values())}
    assert run(["replay", "--from", "2026-01-23", "--to", DAY.isoformat(), "--advise"]) == 0
    assert "made from data up to the hour" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--advise"], "not one period"),
        (["--advise", "--day", "soon"], "'soon'"),
        (["--advise", "--from", "2026-01-24", "--to", "2026-01-23"], "-1 days"),
        (["--advise", "--day", "2026-01-24", "--shift", "3=5"], "load shift with --advise"),
        (["--from", "2026-01-23", "--to", "2026-01-24"], "add --advise"),
    ],
)
def test_bad_input_is_one_sentence(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["replay", *arguments]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1


def test_ticks_of_a_policy_fit_a_quarter_hour() -> None:
    assert STEP.total_seconds() == policy.DECISION_TICKS * policy.TICK_S
