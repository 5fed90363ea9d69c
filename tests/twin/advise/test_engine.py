"""The life of a recommendation on a real database."""

from __future__ import annotations

import threading
import uuid
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg
import pytest
from seeded import SETTING, SeededPlant, seed

from core import db
from core.actions import Setpoint
from core.clock import ManualClock, ScaledClock
from core.errors import NotReadyError
from core.points import Status, status_name
from twin.advise.engine import accept, reject
from twin.advise.observe import age_max_s, observe
from twin.advise.propose import PROPOSAL_LIFE, propose

if TYPE_CHECKING:
    from collections.abc import Iterable

    from core.jobs import Context
    from core.points import PointRef
    from core.site import Site

QUARTER = timedelta(minutes=15)


def rows(dsn: str, table: str) -> list[dict[str, Any]]:
    with db.connect(dsn) as conn:
        return conn.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()  # noqa: S608  # test's own words


def proposal(dsn: str) -> dict[str, Any]:
    (found,) = [row for row in rows(dsn, "recommendation") if row["state"] == "proposed"]
    return found


def move_on(plant: SeededPlant, clock: ManualClock, by: timedelta = QUARTER) -> None:
    """Time passes: new readings, a new forecast."""
    start = clock.now()
    clock.advance(by)
    plant.publish(start + timedelta(minutes=5), clock.now())
    plant.forecast(clock.now())


def test_propose_stores_everything_that_the_card_shows(plant: SeededPlant, context: Context) -> None:
    said = propose(context)
    row = proposal(plant.dsn)
    (change,) = row["changes"]
    assert f"proposed {row['recommendation_id']}" in said
    assert Setpoint(change["setpoint"]) in SETTING
    assert 0 < abs(change["to_c"] - change["from_c"]) <= context.site.setpoints[change["setpoint"]].step_max_k
    assert row["expires_at"] - row["created_at"] == PROPOSAL_LIFE
    assert 0 < row["saving_p10_kw"] < row["saving_p50_kw"] < row["saving_p90_kw"]
    assert sum(row["attribution"].values()) == pytest.approx(row["saving_p50_kw"], abs=1e-6)
    prediction = row["prediction"]
    saved = prediction["facility_kw_before"] - prediction["facility_kw_after"]
    assert saved == pytest.approx(row["saving_p50_kw"])
    assert prediction["worst_inlet_c"] <= prediction["inlet_limit_c"] == 26.0
    assert prediction["forecast_model"] == "seasonal_naive"
    assert prediction["horizon_h"] == 4
    gates = [(verdict["gate"], verdict["ok"]) for verdict in row["verdicts"]]
    assert gates[6] == ("human", None)
    assert [ok for gate, ok in gates if gate != "human"] == [True] * 7
    assert row["rule"]["changes"]
    assert isinstance(row["rule"]["saving_p50_kw"], float)
    (event,) = rows(plant.dsn, "recommendation_event")
    assert (event["from_state"], event["to_state"], event["actor"]) == (None, "proposed", "joulecast")
    assert event["detail"]["calibration_id"] == row["calibration_id"]


def test_the_saving_promised_is_near_the_truth(plant: SeededPlant, context: Context) -> None:
    propose(context)
    row = proposal(plant.dsn)
    (change,) = row["changes"]
    times = [context.clock.now() + timedelta(minutes=5 * i) for i in range(48)]
    new = {**SETTING, Setpoint(change["setpoint"]): change["to_c"]}
    facility = str(plant.site.meters.facility[0])
    before, after = plant.readings(times, SETTING)[facility], plant.readings(times, new)[facility]
    truth_kw = float(np.mean(before - after)) / 1000
    assert row["saving_p10_kw"] < truth_kw < row["saving_p90_kw"]


def test_a_second_look_leaves_the_card_alone(
    plant: SeededPlant, context: Context, clock: ManualClock
) -> None:
    propose(context)
    before = proposal(plant.dsn)
    move_on(plant, clock)
    assert "still stands" in propose(context)
    assert proposal(plant.dsn) == before


def test_nobody_decides_it_expires_and_another_follows(
    plant: SeededPlant, context: Context, clock: ManualClock
) -> None:
    propose(context)
    first = proposal(plant.dsn)["recommendation_id"]
    move_on(plant, clock, PROPOSAL_LIFE)
    assert "proposed" in propose(context)
    assert proposal(plant.dsn)["recommendation_id"] != first
    assert [row["state"] for row in rows(plant.dsn, "recommendation")] == ["expired", "proposed"]
    assert len(rows(plant.dsn, "recommendation_event")) == 3


def test_a_stale_plant_withdraws_it_and_says_why(
    plant: SeededPlant, context: Context, clock: ManualClock
) -> None:
    propose(context)
    clock.advance(timedelta(minutes=10))
    said = propose(context)
    assert "no advice: data:" in said
    assert "s old, 120 s allowed" in said
    assert [row["state"] for row in rows(plant.dsn, "recommendation")] == ["withdrawn"]
    assert "data:" in rows(plant.dsn, "recommendation_event")[-1]["reason"]


@pytest.mark.parametrize(("age_min", "said"), [(70, "proposed"), (80, "4800 s old, 4500 s allowed")])
def test_weather_that_is_told_by_the_hour_is_fresh_for_longer(
    plant: SeededPlant, context: Context, age_min: float, said: str
) -> None:
    outdoors = {context.site.sensors.dry_bulb.asset, context.site.sensors.wet_bulb.asset}
    with db.connect(plant.dsn) as conn:
        conn.execute(
            "UPDATE reading_latest SET time = time - %s WHERE point_id IN"
            " (SELECT point_id FROM point WHERE asset_id = ANY(%s))",
            (timedelta(minutes=age_min), list(outdoors)),
        )
    assert said in propose(context)


def test_moved_by_somebody_else_it_is_withdrawn(
    plant: SeededPlant, context: Context, clock: ManualClock
) -> None:
    propose(context)
    (change,) = proposal(plant.dsn)["changes"]
    start = clock.now()
    clock.advance(QUARTER)
    moved = {**SETTING, Setpoint(change["setpoint"]): change["to_c"]}
    plant.publish(start + timedelta(minutes=5), clock.now(), moved)
    plant.forecast(clock.now())
    assert "no advice" in propose(context)
    (row,) = rows(plant.dsn, "recommendation")
    assert row["state"] == "withdrawn"
    assert "the change begins at" in rows(plant.dsn, "recommendation_event")[-1]["reason"]


def test_accept_writes_the_command(plant: SeededPlant, context: Context, site: Site) -> None:
    propose(context)
    row = proposal(plant.dsn)
    (change,) = row["changes"]
    outcome = accept(plant.dsn, site, context.clock, row["recommendation_id"], row["version"], " Ada ")
    assert outcome.ok, outcome.message
    assert "Ada" in outcome.message
    (command,) = rows(plant.dsn, "command")
    point = site.setpoints[Setpoint(change["setpoint"])].point
    assert (command["asset_id"], command["point"]) == (point.asset, point.point)
    assert (command["value"], command["previous_value"]) == (change["to_c"], change["from_c"])
    assert command["state"] == "queued"
    assert command["expires_at"] > context.clock.now()
    (after,) = rows(plant.dsn, "recommendation")
    assert (after["state"], after["version"]) == ("queued", row["version"] + 3)
    assert after["hold_until"] - context.clock.now() == timedelta(hours=24)
    accepted, precheck, queued = rows(plant.dsn, "recommendation_event")[1:]
    assert (accepted["to_state"], accepted["actor"]) == ("accepted", "Ada")
    assert accepted["detail"]["card_version"] == row["version"]
    assert (precheck["to_state"], queued["to_state"]) == ("precheck", "queued")
    assert all(verdict["ok"] for verdict in queued["detail"]["verdicts"])
    assert queued["detail"]["calibration_id"] == row["calibration_id"]
    assert "still under way" in propose(context)


def test_two_operators_at_once_one_wins(plant: SeededPlant, context: Context, site: Site) -> None:
    propose(context)
    row = proposal(plant.dsn)
    outcomes = []

    def click(name: str) -> None:
        outcomes.append(
            accept(plant.dsn, site, context.clock, row["recommendation_id"], row["version"], name)
        )

    threads = [threading.Thread(target=click, args=(name,)) for name in ("Ada", "Grace")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcome.ok for outcome in outcomes) == [False, True]
    assert "changed meanwhile" in next(o.message for o in outcomes if not o.ok)
    assert len(rows(plant.dsn, "command")) == 1


def test_accept_is_refused_with_a_reason(
    plant: SeededPlant, context: Context, site: Site, clock: ManualClock
) -> None:
    propose(context)
    row = proposal(plant.dsn)
    number, version = row["recommendation_id"], row["version"]
    tries = {
        "no recommendation 999": (999, version, "Ada"),
        "changed meanwhile": (number, version + 1, "Ada"),
        "A name is needed": (number, version, " "),
    }
    for reason, (which, seen, who) in tries.items():
        outcome = accept(plant.dsn, site, clock, which, seen, who)
        assert not outcome.ok
        assert reason in outcome.message
    clock.advance(PROPOSAL_LIFE)
    assert "has expired" in accept(plant.dsn, site, clock, number, version, "Ada").message
    assert rows(plant.dsn, "command") == []
    assert proposal(plant.dsn)["version"] == version


def test_accepted_on_a_plant_that_fell_silent_it_is_withdrawn(
    plant: SeededPlant, context: Context, site: Site, clock: ManualClock
) -> None:
    propose(context)
    row = proposal(plant.dsn)
    clock.advance(timedelta(minutes=10))
    stale = accept(plant.dsn, site, clock, row["recommendation_id"], row["version"], "Ada")
    assert not stale.ok
    assert "s old, 120 s allowed" in stale.message
    assert rows(plant.dsn, "command") == []
    assert [row["state"] for row in rows(plant.dsn, "recommendation")] == ["withdrawn"]


def mark(plant: SeededPlant, refs: Iterable[PointRef], status: int, plus_c: float = 0.0) -> None:
    """Give the latest readings of some points a status."""
    with db.connect(plant.dsn) as conn:
        conn.execute(
            "UPDATE reading_latest SET status = %s, value = value + %s WHERE point_id = any(%s)",
            (status, plus_c, [plant.ids[str(ref)] for ref in refs]),
        )


@pytest.mark.parametrize("status", [Status.BAD_SENSOR_FAILURE, Status.UNCERTAIN_LAST_USABLE])
def test_a_bad_or_uncertain_sensor_shuts_the_data_gate(
    plant: SeededPlant, context: Context, status: Status
) -> None:
    ref = plant.site.sensors.wet_bulb
    mark(plant, [ref], status)
    assert f"{ref} is {status.name}, not GOOD" in propose(context)


@pytest.mark.parametrize("status", [Status.BAD, Status.UNCERTAIN_SENSOR_NOT_ACCURATE, 0x4001, 0x0096])
def test_an_inlet_that_is_not_good_is_no_live_evidence(
    plant: SeededPlant, context: Context, status: int
) -> None:
    inlet = plant.site.sensors.rack_inlet[3]
    mark(plant, [inlet], status)
    said = propose(context)
    assert "7 of 8 inlet sensors are live, 90% needed" in said
    assert f"{inlet} is {status_name(status)}, not GOOD" in said


def test_a_hot_inlet_counts_even_where_it_is_uncertain(plant: SeededPlant, context: Context) -> None:
    inlets = plant.site.sensors.rack_inlet
    with db.connect(plant.dsn) as conn:
        before = observe(conn, plant.site, context.clock)
        mark(plant, inlets[:1], Status.UNCERTAIN_SENSOR_NOT_ACCURATE, plus_c=9.0)
    with db.connect(plant.dsn) as conn:
        after = observe(conn, plant.site, context.clock)
    assert after.worst_inlet_c > before.worst_inlet_c + 5.0
    assert after.quality.inlets_live == before.quality.inlets_live - 1 == len(inlets) - 1


def test_reject_keeps_the_reason(plant: SeededPlant, context: Context) -> None:
    propose(context)
    row = proposal(plant.dsn)
    number, version = row["recommendation_id"], row["version"]
    for actor, reason, seen in (("", "no", version), ("Ada", " ", version), ("Ada", "no", version + 1)):
        assert not reject(plant.dsn, context.site, context.clock, number, seen, actor, reason).ok
    assert not reject(plant.dsn, context.site, context.clock, 999, 1, "Ada", "no").ok
    told = reject(plant.dsn, context.site, context.clock, number, version, "Ada", "maintenance at noon")
    assert told.ok
    event = rows(plant.dsn, "recommendation_event")[-1]
    propose(context)
    again = {c["setpoint"] for r in rows(plant.dsn, "recommendation")[1:] for c in r["changes"]}
    assert row["changes"][0]["setpoint"] not in again
    assert (event["to_state"], event["actor"], event["reason"]) == (
        "rejected",
        "Ada",
        "maintenance at noon",
    )


def test_lstm_is_believed_before_the_naive_one(plant: SeededPlant, context: Context) -> None:
    plant.forecast(context.clock.now() - timedelta(minutes=20), model="lstm")
    propose(context)
    assert proposal(plant.dsn)["prediction"]["forecast_model"] == "lstm"


def test_an_old_lstm_gives_way(plant: SeededPlant, context: Context) -> None:
    plant.forecast(context.clock.now() - timedelta(hours=3), model="lstm")
    propose(context)
    assert proposal(plant.dsn)["prediction"]["forecast_model"] == "seasonal_naive"


def test_a_weather_forecast_is_used_where_there_is_one(plant: SeededPlant, context: Context) -> None:
    now = context.clock.now()
    with db.connect(plant.dsn) as conn:
        for hour in range(-1, 8):
            valid = now + timedelta(hours=hour)
            conn.execute(
                "INSERT INTO weather_forecast VALUES (%s, %s, %s, %s, 18.0, 14.0)",
                (plant.site.id, now - timedelta(hours=3), valid, now - timedelta(hours=2)),
            )
    propose(context)
    prediction = proposal(plant.dsn)["prediction"]
    assert prediction["weather_source"] == "weather forecast"
    assert prediction["wet_bulb_c"] == pytest.approx(14.0)


def test_not_ready_says_what_is_missing(dsn: str, site: Site, clock: ManualClock, context: Context) -> None:
    with pytest.raises(NotReadyError, match="not been calibrated"):
        propose(context)
    plant = seed(dsn, site, clock.now())
    plant.calibrate()
    with pytest.raises(NotReadyError, match="no fresh forecast"):
        propose(context)
    plant.forecast(clock.now())
    assert "proposed 1" in propose(context)


def test_a_recent_move_waits(plant: SeededPlant, context: Context, clock: ManualClock) -> None:
    start = clock.now()
    clock.advance(QUARTER)
    moved = {**SETTING, Setpoint.SUPPLY_AIR_TEMPERATURE: 22.5}
    plant.publish(start + timedelta(minutes=5), clock.now(), moved)
    plant.forecast(clock.now())
    assert "to settle" in propose(context)


def test_the_database_refuses_what_goes_past_the_engine(plant: SeededPlant, context: Context) -> None:
    propose(context)
    number = proposal(plant.dsn)["recommendation_id"]
    insert = (
        "INSERT INTO command VALUES (%s, %s, 'demo', 'hall', 'supply_air_temperature_setpoint',"
        " 30, 22, now(), now(), 'queued')"
    )
    with db.connect(plant.dsn) as conn, pytest.raises(psycopg.Error, match="without an accepted"):
        conn.execute(insert, (uuid.uuid4(), number))
    with db.connect(plant.dsn) as conn, pytest.raises(psycopg.Error, match="only through transition"):
        conn.execute("UPDATE recommendation SET state = 'accepted'")
    with db.connect(plant.dsn) as conn, pytest.raises(psycopg.Error, match="for ever"):
        conn.execute("DELETE FROM recommendation_event")


def test_a_fast_clock_stretches_the_age_limit(clock: ManualClock) -> None:
    assert age_max_s(clock) == 120.0
    assert age_max_s(ScaledClock(clock.now(), clock.now(), 60.0)) == 300.0


def test_a_site_too_warm_gets_no_advice(plant: SeededPlant, context: Context) -> None:
    now = context.clock.now()
    readings = plant.readings([now], SETTING)
    hot = {str(ref): np.array([27.5]) for ref in plant.site.sensors.rack_inlet}
    assert readings.keys() > hot.keys()
    with db.connect(plant.dsn) as conn:
        for ref, value in hot.items():
            conn.execute(
                "UPDATE reading_latest SET value = %s WHERE point_id = %s",
                (float(value[0]), plant.ids[ref]),
            )
    said = propose(replace(context))
    assert said.startswith("no advice: model: the warmest inlet is")
    assert rows(plant.dsn, "recommendation") == []


@pytest.mark.parametrize(("to_c", "states"), [(11.9, ["proposed"]), (10.2, ["superseded", "proposed"])])
def test_only_something_clearly_better_replaces_a_card(
    plant: SeededPlant, context: Context, to_c: float, states: list[str]
) -> None:
    water = Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE.value
    now = context.clock.now()
    with db.connect(plant.dsn) as conn:
        conn.execute(
            "INSERT INTO recommendation (site_id, created_at, expires_at, changes, objective, saving_p10_kw,"
            " saving_p50_kw, saving_p90_kw, attribution, prediction, verdicts, rule)"
            " VALUES (%s, %s, %s, %s, 'facility_energy', 1, 1, 1, '{}', '{}', '[]', '{}')",
            (
                plant.site.id,
                now,
                now + PROPOSAL_LIFE,
                db.json([{"setpoint": water, "from_c": 10.0, "to_c": to_c}]),
            ),
        )
    propose(context)
    assert [row["state"] for row in rows(plant.dsn, "recommendation")] == states


def test_what_has_expired_stays_so_when_nothing_else_is_ready(
    plant: SeededPlant, context: Context, clock: ManualClock
) -> None:
    propose(context)
    clock.advance(PROPOSAL_LIFE)
    with pytest.raises(NotReadyError):
        propose(context)
    assert [row["state"] for row in rows(plant.dsn, "recommendation")] == ["expired"]
