"""Measured savings: right where the plant is simulated, honest about their spread, and consequences drawn."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from seeded import SETTING, SeededPlant

from core import db
from core.actions import Change, Setpoint, State
from core.moves import move
from twin import calibrate
from twin.advise.record import SETTLE, WINDOW, read_record, suspension_source
from twin.advise.verify import PLACEBO_SPAN, STEP, measure, verify
from twin.history import load_history

if TYPE_CHECKING:
    from datetime import datetime

    from core.clock import ManualClock
    from core.jobs import Context
    from twin.simulate import Twin

MINUTES_5 = timedelta(minutes=5)
DONE = SETTLE + WINDOW + timedelta(minutes=10)
WARMER = Change(Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE, 10.0, 11.0)
TO_HOLDING = (
    State.ACCEPTED, State.PRECHECK, State.QUEUED, State.SENT, State.ACKED, State.APPLIED, State.HOLDING,
)  # fmt: skip


def rows(dsn: str, table: str) -> list[dict[str, Any]]:
    with db.connect(dsn) as conn:
        return conn.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()  # noqa: S608  # test's own words


def recommended(
    plant: SeededPlant, at: datetime, change: Change = WARMER, authority: str = "supervised", life_h: int = 1
) -> int:
    """A recommendation that waits to be accepted; its number."""
    stored = [{"setpoint": change.setpoint.value, "from_c": change.from_c, "to_c": change.to_c}]
    with db.connect(plant.dsn) as conn:
        row = conn.execute(
            "INSERT INTO recommendation (site_id, created_at, expires_at, changes, objective, saving_p10_kw,"
            " saving_p50_kw, saving_p90_kw, attribution, prediction, verdicts, rule, authority, due_at)"
            " VALUES (%s, %s, %s, %s, 'facility_energy', 1, 2.4, 4, '{}', '{}', '[]', '{}', %s, %s)"
            " RETURNING recommendation_id",
            (
                plant.site.id,
                at,
                at + timedelta(hours=life_h),
                db.json(stored),
                authority,
                at + timedelta(hours=life_h),
            ),
        ).fetchone()
    assert row is not None
    return int(row["recommendation_id"])


def moved(plant: SeededPlant, number: int, at: datetime, *states: State) -> None:
    """Take it through states, all at one moment."""
    with db.connect(plant.dsn) as conn:
        for state in states:
            due = at + timedelta(hours=24)
            assert move(conn, number, state, at=at, actor="test", reason="obeyed", due=due), state


def leased(plant: SeededPlant, number: int, at: datetime, change: Change = WARMER) -> None:
    """The lease under which the plant holds the advised value."""
    point = plant.site.setpoints[change.setpoint].point
    with db.connect(plant.dsn) as conn:
        conn.execute(
            "INSERT INTO lease (site_id, asset_id, point, recommendation_id, value, own_value, taken_at,"
            " renewed_at, expires_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (plant.site.id, point.asset, point.point, number, change.to_c, change.from_c, at, at, at),
        )


def held(plant: SeededPlant, at: datetime, change: Change = WARMER) -> int:
    """A recommendation that the plant has followed."""
    number = recommended(plant, at, change)
    moved(plant, number, at, *TO_HOLDING)
    leased(plant, number, at, change)
    return number


def live(plant: SeededPlant, clock: ManualClock, by: timedelta, change: Change = WARMER) -> None:
    start = clock.now()
    clock.advance(by)
    plant.publish(start + MINUTES_5, clock.now(), {**SETTING, change.setpoint: change.to_c})


def saved_kwh(plant: SeededPlant, start: datetime, end: datetime) -> float:
    """What the change truly saves."""
    times = [start + STEP * i for i in range(int((end - start) / STEP))]
    facility = str(plant.site.meters.facility[0])
    old = plant.readings(times, SETTING)[facility]
    new = plant.readings(times, {**SETTING, WARMER.setpoint: WARMER.to_c})[facility]
    return float(np.mean(old - new)) / 1000 * (end - start) / timedelta(hours=1)


def twin(plant: SeededPlant) -> Twin:
    with db.connect(plant.dsn) as conn:
        return calibrate.in_use(conn, plant.site).twin(plant.site.plant)


@pytest.mark.parametrize("followed", [True, False])
def test_measured_saving_covers_the_truth(plant: SeededPlant, clock: ManualClock, followed: bool) -> None:
    moved_at = clock.now()
    start = clock.now()
    clock.advance(DONE)
    setting = {**SETTING, WARMER.setpoint: WARMER.to_c} if followed else SETTING
    plant.publish(start + MINUTES_5, clock.now(), setting)
    with db.connect(plant.dsn) as conn:
        history = load_history(
            conn, plant.site, moved_at - PLACEBO_SPAN - timedelta(hours=3), clock.now(), STEP
        )
    saving = measure(history, twin(plant), WARMER, moved_at)
    assert saving
    truth_kwh = saved_kwh(plant, moved_at + SETTLE, moved_at + SETTLE + WINDOW) if followed else 0.0
    assert abs(saving.p50_kwh - truth_kwh) < max(1.5 * saving.spread_kwh, 0.5)
    assert 0 < saving.spread_kwh < 5.0
    assert (saving.p50_kwh > 1.0) is followed
    assert saving.twin_kwh == pytest.approx(truth_kwh, rel=0.1)


def test_too_few_readings_measure_nothing(plant: SeededPlant, clock: ManualClock) -> None:
    applied_at = clock.now()
    clock.advance(DONE)
    with db.connect(plant.dsn) as conn:
        history = load_history(conn, plant.site, applied_at - timedelta(hours=20), clock.now(), STEP)
    assert measure(history, twin(plant), WARMER, applied_at) is None


def test_what_is_held_is_measured_once(plant: SeededPlant, context: Context, clock: ManualClock) -> None:
    assert verify(context) == "nothing to verify"
    number = held(plant, clock.now())
    live(plant, clock, timedelta(minutes=50))
    assert f"{number} is being measured" in verify(context)
    live(plant, clock, timedelta(minutes=40))
    assert f"{number} verified" in verify(context)
    verify(context)
    (row,) = rows(plant.dsn, "verification")
    assert row["counterfactual_kwh"] - row["measured_kwh"] == pytest.approx(row["saving_p50_kwh"])
    assert row["saving_p10_kwh"] < row["saving_p50_kwh"] < row["saving_p90_kwh"]
    assert row["period_to"] - row["period_from"] == WINDOW
    assert row["water_p50_l"] != 0
    assert row["carbon_p50_kg"] == pytest.approx(row["saving_p50_kwh"] * 0.33), "as site.toml says"
    prices = [0.11, *(period.energy_per_kwh for period in plant.site.tariff.periods)]
    assert min(prices) <= row["cost_p50"] / row["saving_p50_kwh"] <= max(prices)
    assert row["detail"]["promise"] == "kept"


def test_what_was_taken_over_early_is_in_the_days_account_only(
    plant: SeededPlant, context: Context, clock: ManualClock
) -> None:
    number = held(plant, clock.now())
    live(plant, clock, timedelta(minutes=30))
    moved(plant, number, clock.now(), State.COMPLETED)
    live(plant, clock, timedelta(hours=2))
    verify(context)
    assert rows(plant.dsn, "verification") == []
    (day,) = rows(plant.dsn, "saving_day")
    assert day["saving_p50_kwh"] > 1


def test_a_revert_promises_nothing(plant: SeededPlant, context: Context, clock: ManualClock) -> None:
    number = held(plant, clock.now())
    with db.connect(plant.dsn) as conn:
        conn.execute("UPDATE recommendation SET kind = 'revert' WHERE recommendation_id = %s", (number,))
    live(plant, clock, DONE)
    assert "verified" not in verify(context)


def test_two_misses_suspend_until_someone_looks(
    plant: SeededPlant, context: Context, clock: ManualClock
) -> None:
    number = held(plant, clock.now())
    end = clock.now()

    def miss() -> None:
        with db.connect(plant.dsn) as conn:
            conn.execute(
                "INSERT INTO verification (recommendation_id, period_from, period_to, measured_kwh,"
                " counterfactual_kwh, saving_p10_kwh, saving_p50_kwh, saving_p90_kwh, created_at)"
                " VALUES (%s, %s, %s, 100, 99, -2, -1, 0, %s)",
                (number, end - WINDOW, end, clock.now()),
            )

    miss()
    live(plant, clock, timedelta(minutes=5))
    verify(context)
    assert rows(plant.dsn, "alarm") == []
    miss()
    assert "missed" in verify(context)
    (alarm,) = rows(plant.dsn, "alarm")
    assert alarm["source"] == suspension_source(WARMER.setpoint)
    with db.connect(plant.dsn) as conn:
        assert read_record(conn, plant.site, clock.now()).misses[WARMER.setpoint] == 2
        conn.execute("UPDATE alarm SET acknowledged_at = %s, acknowledged_by = 'Ada'", (clock.now(),))
    verify(context)
    assert rows(plant.dsn, "alarm")[0]["cleared_at"] is not None
    with db.connect(plant.dsn) as conn:
        assert read_record(conn, plant.site, clock.now()).misses[WARMER.setpoint] == 0
