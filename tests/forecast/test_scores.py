"""Scores and the choice by them: hand-made forecasts against hand-made truths in a real database."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from made_plant import issued, measure

from core import db
from forecast import choice, metrics, scores
from forecast.protocol import QUANTILES, Task

if TYPE_CHECKING:
    from core import jobs
    from core.clock import ManualClock

IT = Task(timezone="Europe/Amsterdam")
WEEK = Task(step_s=3600, horizon_steps=168, timezone="Europe/Amsterdam")
COOLING = Task("cooling_power", timezone="Europe/Amsterdam")
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def write(context: jobs.Context, task: Task) -> list[db.Row]:
    """Score, and all that is kept."""
    with db.connect(context.dsn) as conn:
        scores.write(conn, context.site, task, context.clock.now())
        return conn.execute("SELECT * FROM forecast_score ORDER BY model, hour, lead").fetchall()


def by_model(context: jobs.Context, task: Task) -> dict[tuple[str, str], db.Row]:
    now = context.clock.now()
    with db.connect(context.dsn) as conn:
        rows = scores.by_model(conn, context.site, task, now - 14 * DAY, now)
    return {(row["model"], row["lead"]): row for row in rows}


def test_sums_are_those_of_the_metrics(context: jobs.Context, clock: ManualClock) -> None:
    at = clock.now()
    truth = 1e5 + 1e3 * np.arange(96.0)
    median = np.full(96, 1.1e5)
    measure(context, IT, at, truth)
    issued(context, IT, "lstm", at, median, 1e4)
    clock.advance(timedelta(hours=8))
    rows = write(context, IT)
    assert {(row["lead"], row["steps"]) for row in rows} == {("0-1 h", 4), ("1-6 h", 4), ("6-24 h", 4)}
    assert sum(row["steps"] for row in rows) == 32
    quantiles = median[:32, None] + 1e4 * (np.array(QUANTILES) - 0.5)
    found = by_model(context, IT)["lstm", "all"]
    assert found["mae_w"] == pytest.approx(metrics.mae(truth[:32], median[:32]))
    assert found["rmse_w"] == pytest.approx(metrics.rmse(truth[:32], median[:32]))
    assert found["pinball_w"] == pytest.approx(metrics.pinball(truth[:32], quantiles).mean())
    assert found["wql"] == pytest.approx(metrics.wql(truth[:32], quantiles))
    assert found["coverage80_ratio"] == pytest.approx(
        metrics.coverage(truth[:32], quantiles[:, metrics.LOW_80], quantiles[:, metrics.HIGH_80])
    )
    assert found["width80_w"] == pytest.approx(8e3)
    assert found["pinball_ratio"] is None  # nothing to compare it with
    assert found["hours"] == 8


def test_the_week_has_a_lead_of_its_own(context: jobs.Context, clock: ManualClock) -> None:
    at = clock.now()
    measure(context, WEEK, at, np.full(168, 1e5))
    issued(context, WEEK, "mstl", at, np.full(168, 1e5), 0.0)
    clock.advance(timedelta(days=7))
    write(context, WEEK)
    steps = {lead: row["steps"] for (_, lead), row in by_model(context, WEEK).items()}
    assert steps == {"0-1 h": 1, "1-6 h": 5, "6-24 h": 18, "1-7 d": 144, "all": 168}


def test_only_measured_steps_count(context: jobs.Context, clock: ManualClock) -> None:
    at = clock.now()
    truth = np.full(16, 1e5)
    truth[3:7] = np.nan
    measure(context, IT, at, truth)
    issued(context, IT, "lstm", at, np.full(96, 1e5), 0.0)
    clock.advance(timedelta(hours=4))
    rows = write(context, IT)
    assert [row["steps"] for row in rows] == [3, 1, 4, 4]


def test_scoring_twice_changes_nothing_and_late_readings_count(
    context: jobs.Context, clock: ManualClock
) -> None:
    at = clock.now()
    issued(context, IT, "lstm", at, np.full(96, 1.1e5), 0.0)
    measure(context, IT, at, np.array([1e5] * 8))
    clock.advance(timedelta(hours=30))
    before = write(context, IT)
    assert write(context, IT) == before
    assert sum(row["steps"] for row in before) == 8
    measure(context, IT, at + 2 * HOUR, np.array([1e5] * 8))
    assert sum(row["steps"] for row in write(context, IT)) == 16
    clock.advance(timedelta(hours=40))
    measure(context, IT, at + 4 * HOUR, np.array([1e5] * 8))
    assert sum(row["steps"] for row in write(context, IT)) == 24, "nothing newer has been scored"


def test_it_catches_up_after_an_outage_and_leaves_old_hours_alone(
    context: jobs.Context, clock: ManualClock
) -> None:
    start = clock.now()
    for day in range(6):
        at = start + day * DAY
        issued(context, IT, "lstm", at, np.full(96, 1.1e5), 0.0)
    measure(context, IT, start, np.full(96, 1e5))
    clock.advance(DAY)
    assert len({row["hour"] for row in write(context, IT)}) == 24
    measure(context, IT, start + DAY, np.full(5 * 96, 1e5))
    clock.advance(5 * DAY)
    assert len({row["hour"] for row in write(context, IT)}) == 6 * 24
    with db.connect(context.dsn) as conn:
        conn.execute("UPDATE forecast_score SET steps = 99")
    kept = [row for row in write(context, IT) if row["steps"] == 99]
    assert {row["hour"] for row in kept} == {start + HOUR * i for i in range(4 * 24)}


def test_a_model_that_was_away_is_compared_on_what_both_have_forecast(
    context: jobs.Context, clock: ManualClock
) -> None:
    start = clock.now()
    measure(context, IT, start, np.full(3 * 96, 1e5))
    for day, error in enumerate((5e4, 1e4, 1e4)):  # the first day is hard for anyone
        issued(context, IT, "seasonal_naive", start + day * DAY, np.full(96, 1e5 + error), 0.0)
    for day in (1, 2):
        issued(context, IT, "lstm", start + day * DAY, np.full(96, 1e5 + 9e3), 0.0)
    clock.advance(3 * DAY)
    write(context, IT)
    rows = by_model(context, IT)
    assert rows["lstm", "all"]["mae_ratio"] == pytest.approx(0.9)
    assert scores.losses(rows.values()) == pytest.approx({"lstm": 0.9, "seasonal_naive": 1.0})
    alone = [row for key, row in rows.items() if key == ("lstm", "all")]
    assert scores.losses([{**alone[0], "pinball_ratio": None}]) == {}


def test_days_are_the_site_s(context: jobs.Context, clock: ManualClock) -> None:
    start = clock.now().replace(hour=23)  # midnight in Amsterdam
    measure(context, IT, start, np.full(2 * 96, 1e5))
    for day in range(2):
        at = start + day * DAY
        issued(context, IT, "seasonal_naive", at, np.full(96, 1.2e5), 0.0)
        issued(context, IT, "lstm", at, np.full(96, 1e5 + 1e4 * (day + 1)), 0.0)
    issued(context, IT, "ensemble", start + DAY, np.full(96, 1e5), 1e4)
    clock.advance(3 * DAY)
    write(context, IT)
    with db.connect(context.dsn) as conn:
        days = scores.by_day(conn, context.site, IT, "lstm", start, clock.now())
    assert [str(row["day"]) for row in days] == ["2026-03-03", "2026-03-04"]
    assert [row["pinball_w"] / row["reference_w"] for row in days] == pytest.approx([0.5, 1.0])
    assert np.isnan(days[0]["inside_ratio"])
    assert days[1]["inside_ratio"] == 1.0


@pytest.mark.parametrize(
    ("hours", "ensemble_w", "twin_w", "model"),
    [
        (0, None, None, "ensemble"),
        (47, 9e3, 1e3, "ensemble"),
        (48, 9e3, 1e3, "twin"),
        (48, 1e3, 1e3, "ensemble"),
    ],
)
def test_the_better_counts_once_both_are_known(
    hours: int, ensemble_w: float, twin_w: float, model: str
) -> None:
    assert choice.choose(hours, ensemble_w, twin_w)[0] == model


def test_the_choice_follows_the_scores_and_is_written_when_it_changes(
    context: jobs.Context, clock: ManualClock
) -> None:
    def decide() -> list[db.Row]:
        write(context, COOLING)
        with db.connect(context.dsn) as conn:
            choice.keep(conn, context.site, COOLING, clock.now())
            return conn.execute("SELECT model, reason FROM forecast_choice ORDER BY decided_at").fetchall()

    def day(ensemble: float, twin: float) -> None:
        issued(context, COOLING, "ensemble", clock.now(), np.full(96, 1e5 + ensemble), 0.0)
        issued(context, COOLING, "twin", clock.now(), np.full(96, 1e5 + twin), 0.0)
        measure(context, COOLING, clock.now(), np.full(96, 1e5))
        clock.advance(DAY)

    assert [row["model"] for row in decide()] == ["ensemble"]
    day(8e3, 4e3)
    told = decide()
    assert [row["model"] for row in told] == ["ensemble", "ensemble"]
    assert told[1]["reason"] == "the twin has been scored beside it for 24 h, 48 h are needed"
    day(8e3, 4e3)
    assert decide()[2] == {
        "model": "twin",
        "reason": "pinball loss 2.00 kW against 4.00 kW of the ensemble on the 48 h of the last 14 days that"
        " both have forecast",
    }
    clock.advance(HOUR)
    issued(context, COOLING, "twin", clock.now() - HOUR, np.full(96, 1e5 + 5e3), 0.0)
    issued(context, COOLING, "ensemble", clock.now() - HOUR, np.full(96, 1e5 + 5e3), 0.0)
    measure(context, COOLING, clock.now() - HOUR, np.full(4, 1e5))
    assert len(decide()) == 3, "other figures, the same choice"
    for _ in range(5):
        day(2e3, 8e3)
    assert [row["model"] for row in decide()][3:] == ["ensemble"]
