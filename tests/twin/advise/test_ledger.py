"""The account of savings: by day against the plant's own setpoints, promises beside what came of them."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from seeded import SETTING, register
from test_verify import DONE, WARMER, held, live, moved, recommended, rows, saved_kwh

from core import db
from core.actions import State
from twin import calibrate
from twin.advise import ledger
from twin.advise.promise import promises
from twin.advise.verify import verify
from twin.history import load_history
from twin.replay import CARBON

if TYPE_CHECKING:
    from seeded import SeededPlant

    from core.clock import ManualClock
    from core.jobs import Context

HOUR = timedelta(hours=1)


def test_the_day_is_accounted_for_while_it_goes_on(
    plant: SeededPlant, context: Context, clock: ManualClock
) -> None:
    start = clock.now()
    held(plant, start)
    live(plant, clock, 3 * HOUR)
    assert "kWh saved" in verify(context)
    (first,) = rows(plant.dsn, "saving_day")
    live(plant, clock, timedelta(minutes=30))
    assert "kWh saved" not in verify(context), "within the hour nothing is written anew"
    live(plant, clock, HOUR)
    verify(context)
    (second,) = rows(plant.dsn, "saving_day")
    assert second["period_to"] > first["period_to"]
    truth = saved_kwh(plant, start, clock.now())
    assert second["saving_p50_kwh"] == pytest.approx(truth, rel=0.12)
    assert second["saving_p10_kwh"] < truth < second["saving_p90_kwh"]


def test_days_add_up_and_so_do_their_spreads(
    plant: SeededPlant, context: Context, clock: ManualClock
) -> None:
    held(plant, clock.now())
    for _ in range(3):
        live(plant, clock, 20 * HOUR)
        verify(context)
    verify(context)
    with db.connect(plant.dsn) as conn:
        days = db.rows(conn, "advice_days", site=plant.site.id)
        found = ledger.total(days)
        plain = ledger.savings_json(conn, plant.site)
    assert found.days == len(days) >= 3
    assert found.p50_kwh == pytest.approx(sum(row["saving_p50_kwh"] for row in days))
    assert found.p90_kwh - found.p10_kwh == pytest.approx(
        sum(row["saving_p90_kwh"] - row["saving_p10_kwh"] for row in days)
    )
    assert 0 < found.ratio < 0.1
    assert found.carbon_kg == pytest.approx(found.p50_kwh * 0.33)
    assert found.cost
    assert 0.11 * found.p50_kwh < found.cost < 0.24 * found.p50_kwh
    assert json.loads(json.dumps(plain))["total"]["saving_kwh"]["p50"] == found.p50_kwh
    assert len(plain["recommendations"]) == 1


def test_an_empty_account() -> None:
    found = ledger.total([])
    assert (found.days, found.p50_kwh, found.cost, found.ratio) == (0, 0.0, None, 0.0)


def test_the_plants_own_value_is_handed_on_from_change_to_change(
    plant: SeededPlant, clock: ManualClock
) -> None:
    start = clock.now()
    first = recommended(plant, start, authority="advisory")
    by_hand = (State.ACCEPTED, State.PRECHECK, State.INSTRUCTED, State.APPLIED, State.HOLDING)
    moved(plant, first, start, *by_hand)
    later = start + 2 * HOUR
    second = recommended(
        plant, later, type(WARMER)(WARMER.setpoint, WARMER.to_c, WARMER.to_c + 1), authority="advisory"
    )
    moved(plant, second, later, *by_hand)
    moved(plant, first, later, State.COMPLETED)
    live(plant, clock, 4 * HOUR)
    with db.connect(plant.dsn) as conn:
        history = load_history(conn, plant.site, start - HOUR, clock.now(), ledger.STEP)
        own = ledger.own_setpoints(conn, plant.site, history)[WARMER.setpoint]
    assert own[0] != own[0], "before the first change the plant's own is what is in force"
    assert set(own[8:].tolist()) == {SETTING[WARMER.setpoint]}


def test_carbon_is_what_the_grid_was_while_it_was_saved(
    plant: SeededPlant, context: Context, clock: ManualClock
) -> None:
    start = clock.now()
    held(plant, start)
    with db.connect(plant.dsn) as conn:
        point = register(conn, plant.site, CARBON)
        conn.execute(
            "INSERT INTO reading SELECT t, 250, %s FROM generate_series(%s::timestamptz - interval '20 days',"
            " %s::timestamptz + interval '1 day', interval '30 min') AS t",
            (point, start, start),
        )
    live(plant, clock, DONE)
    verify(context)
    (row,) = rows(plant.dsn, "verification")
    assert row["carbon_p50_kg"] == pytest.approx(row["saving_p50_kwh"] * 0.25)
    (day,) = rows(plant.dsn, "saving_day")
    assert day["carbon_p50_kg"] == pytest.approx(day["saving_p50_kwh"] * 0.25)


def test_a_promise_is_covered_where_both_intervals_allow(
    plant: SeededPlant, context: Context, clock: ManualClock
) -> None:
    number = held(plant, clock.now())
    live(plant, clock, DONE)
    verify(context)
    with db.connect(plant.dsn) as conn:
        (promise,) = promises(conn, plant.site)
    assert promise.number == number
    assert promise.covered is (abs(promise.error_kw) <= promise.spread_kw)
    assert promise.covered
    far = type(promise)(number, promise.setpoint, (19.0, 20.0, 21.0), promise.verified_kw, shadow=False)
    assert not far.covered


def test_a_shadow_is_scored_at_the_end_of_its_hours(
    plant: SeededPlant, context: Context, clock: ManualClock
) -> None:
    start = clock.now()
    number = recommended(plant, start, authority="shadow", life_h=6)
    plant.publish(start + timedelta(minutes=5), start + 6 * HOUR, SETTING)
    clock.advance(6 * HOUR)
    moved(plant, number, clock.now(), State.EXPIRED)
    assert f"{number} would have saved" in verify(context)
    (row,) = rows(plant.dsn, "shadow_score")
    assert row["advised_kwh"] == pytest.approx(saved_kwh(plant, start, clock.now()), rel=0.15)
    assert row["operators_kwh"] == pytest.approx(0.0, abs=0.1)
    with db.connect(plant.dsn) as conn:
        (promise,) = promises(conn, plant.site)
        assert promise.shadow
        calibration = calibrate.in_use(conn, plant.site)
        assert ledger.account(conn, plant.site, calibration, clock.now()) == [], "nothing was ever held"
