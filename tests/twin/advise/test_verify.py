"""Measured savings: right where the plant is simulated, honest about their spread, and consequences drawn."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from seeded import SETTING, SeededPlant

from core import db
from core.actions import Change, Setpoint
from twin import calibrate
from twin.advise.engine import accept, propose
from twin.advise.record import SETTLE, WINDOW, missed, read_record, suspension_source
from twin.advise.verify import PLACEBO_SPAN, STEP, measure, verify
from twin.history import load_history

if TYPE_CHECKING:
    from core.clock import ManualClock
    from core.jobs import Context

MINUTES_5 = timedelta(minutes=5)
DONE = SETTLE + WINDOW + timedelta(minutes=10)


def rows(dsn: str, table: str) -> list[dict[str, Any]]:
    with db.connect(dsn) as conn:
        return conn.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()  # noqa: S608  # test's own words


def state(dsn: str) -> list[str]:
    return [row["state"] for row in rows(dsn, "recommendation")]


def apply_advice(plant: SeededPlant, context: Context) -> Change:
    """Propose, accept, and do what the command service does after the plant has obeyed."""
    propose(context)
    row = rows(plant.dsn, "recommendation")[-1]
    outcome = accept(plant.dsn, plant.site, context.clock, row["recommendation_id"], row["version"], "Ada")
    assert outcome.ok, outcome.message
    with db.connect(plant.dsn) as conn:
        for wanted in ("sent", "applied"):
            conn.execute(
                "SELECT transition(%s, %s, NULL, %s, 'test', 'obeyed')",
                (row["recommendation_id"], wanted, context.clock.now()),
            )
    (stored,) = row["changes"]
    return Change(Setpoint(stored["setpoint"]), stored["from_c"], stored["to_c"])


def live(plant: SeededPlant, clock: ManualClock, setting: dict[Setpoint, float], by: timedelta) -> None:
    start = clock.now()
    clock.advance(by)
    plant.publish(start + MINUTES_5, clock.now(), setting)
    plant.forecast(clock.now())


@pytest.mark.parametrize("moved", [True, False])
def test_measured_saving_covers_the_truth(plant: SeededPlant, clock: ManualClock, moved: bool) -> None:
    change = Change(Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE, 10.0, 11.0)
    applied_at = clock.now()
    setting = {**SETTING, change.setpoint: 11.0} if moved else SETTING
    live(plant, clock, setting, DONE)
    with db.connect(plant.dsn) as conn:
        history = load_history(
            conn, plant.site, applied_at - PLACEBO_SPAN - timedelta(hours=3), clock.now(), STEP
        )
        fitted = calibrate.latest(conn, plant.site)
    assert fitted
    saving = measure(history, fitted.parameters(plant.site.plant), change, applied_at)
    assert saving
    times = [applied_at + SETTLE + STEP * i for i in range(int(WINDOW / STEP))]
    facility = str(plant.site.meters.facility[0])
    old = plant.readings(times, SETTING)[facility]
    truth_kwh = float(np.mean(old - plant.readings(times, setting)[facility])) / 1000
    assert abs(saving.p50_kwh - truth_kwh) < max(1.5 * saving.spread_kwh, 0.5)
    assert 0 < saving.spread_kwh < 5.0
    assert (saving.p50_kwh > 1.0) is moved


def test_too_few_readings_measure_nothing(plant: SeededPlant, clock: ManualClock) -> None:
    change = Change(Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE, 10.0, 11.0)
    applied_at = clock.now()
    clock.advance(DONE)
    with db.connect(plant.dsn) as conn:
        history = load_history(conn, plant.site, applied_at - timedelta(hours=20), clock.now(), STEP)
        fitted = calibrate.latest(conn, plant.site)
    assert fitted
    assert measure(history, fitted.parameters(plant.site.plant), change, applied_at) is None


def test_from_advice_to_verified(plant: SeededPlant, context: Context, clock: ManualClock) -> None:
    assert verify(context) == "nothing to verify"
    change = apply_advice(plant, context)
    setting = {**SETTING, change.setpoint: change.to_c}
    live(plant, clock, setting, timedelta(minutes=50))
    assert "is being measured" in verify(context)
    with db.connect(plant.dsn) as conn:
        assert read_record(conn, plant.site, clock.now()).unverified == (change.setpoint,)
    live(plant, clock, setting, timedelta(minutes=40))
    assert "verified" in verify(context)
    assert state(plant.dsn)[0] == "verified"
    (row,) = rows(plant.dsn, "verification")
    assert row["counterfactual_kwh"] - row["measured_kwh"] == pytest.approx(row["saving_p50_kwh"])
    assert row["saving_p10_kwh"] < row["saving_p50_kwh"] < row["saving_p90_kwh"]
    assert row["period_to"] - row["period_from"] == WINDOW
    (promised,) = rows(plant.dsn, "recommendation")
    assert not missed(row["saving_p90_kwh"], promised["saving_p10_kw"])
    with db.connect(plant.dsn) as conn:
        record = read_record(conn, plant.site, clock.now())
    assert record.unverified == ()
    assert set(record.misses.values()) == {0}
    propose(context)


def test_put_back_by_hand_it_is_reverted(plant: SeededPlant, context: Context, clock: ManualClock) -> None:
    apply_advice(plant, context)
    live(plant, clock, SETTING, timedelta(minutes=30))
    assert "was moved to" in verify(context)
    assert state(plant.dsn) == ["reverted"]


def test_two_misses_suspend_until_someone_looks(
    plant: SeededPlant, context: Context, clock: ManualClock
) -> None:
    change = apply_advice(plant, context)
    number = rows(plant.dsn, "recommendation")[0]["recommendation_id"]
    end = clock.now()

    def miss() -> None:
        with db.connect(plant.dsn) as conn:
            conn.execute(
                "INSERT INTO verification (recommendation_id, period_from, period_to, measured_kwh,"
                " counterfactual_kwh, saving_p10_kwh, saving_p50_kwh, saving_p90_kwh, created_at)"
                " VALUES (%s, %s, %s, 100, 99, -2, -1, 0, %s)",
                (number, end - WINDOW, end, clock.now()),
            )

    setting = {**SETTING, change.setpoint: change.to_c}
    miss()
    live(plant, clock, setting, timedelta(minutes=5))
    verify(context)
    assert rows(plant.dsn, "alarm") == []
    miss()
    assert "missed" in verify(context)
    (alarm,) = rows(plant.dsn, "alarm")
    assert alarm["source"] == suspension_source(change.setpoint)
    with db.connect(plant.dsn) as conn:
        assert read_record(conn, plant.site, clock.now()).misses[change.setpoint] == 2
        conn.execute("UPDATE alarm SET acknowledged_at = %s, acknowledged_by = 'Ada'", (clock.now(),))
    verify(context)
    assert rows(plant.dsn, "alarm")[0]["cleared_at"] is not None
    with db.connect(plant.dsn) as conn:
        assert read_record(conn, plant.site, clock.now()).misses[change.setpoint] == 0


def test_too_warm_after_a_change_tells_how_to_go_back(
    plant: SeededPlant, context: Context, clock: ManualClock
) -> None:
    change = apply_advice(plant, context)
    live(plant, clock, {**SETTING, change.setpoint: change.to_c}, timedelta(minutes=10))
    rack = plant.ids[str(plant.site.sensors.rack_inlet[-1])]

    def inlet(value_c: float) -> None:
        with db.connect(plant.dsn) as conn:
            conn.execute("UPDATE reading_latest SET value = %s WHERE point_id = %s", (value_c, rack))

    inlet(28.0)
    assert "28.0 °C" in verify(context)
    verify(context)
    (alarm,) = rows(plant.dsn, "alarm")
    assert alarm["priority"] == 1
    assert f"to {change.from_c:.1f} °C" in alarm["action"]
    inlet(24.0)
    verify(context)
    assert rows(plant.dsn, "alarm")[0]["cleared_at"] is not None
