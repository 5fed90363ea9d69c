"""What is thrown away and what stays."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
from made_plant import issued

from core import db
from forecast import jobs as room
from forecast.protocol import Task

if TYPE_CHECKING:
    from datetime import datetime

    from core import jobs
    from core.clock import ManualClock

IT = Task(horizon_steps=2, timezone="Europe/Amsterdam")
MODELS = ("ensemble", "seasonal_naive", "lstm", "twin")


def kept(context: jobs.Context, table: str) -> set[tuple[str, datetime]]:
    with db.connect(context.dsn) as conn:
        rows = conn.execute(f"SELECT DISTINCT model, issued_at FROM {table}").fetchall()  # type: ignore[arg-type]  # noqa: S608
    return {(row["model"], row["issued_at"]) for row in rows}


def test_old_issues_are_thinned_and_young_ones_stay(context: jobs.Context, clock: ManualClock) -> None:
    now = clock.now()
    midnight = now.astimezone(ZoneInfo("Europe/Amsterdam")).replace(hour=0)
    hours = [(midnight - timedelta(days=40) + timedelta(hours=h)).astimezone(now.tzinfo) for h in range(24)]
    young = now - timedelta(days=34)
    for model in MODELS:
        for at in [*hours, hours[0] + timedelta(minutes=15), young]:
            issued(context, IT, model, at, np.full(2, 1e5), 0.0)
    with db.connect(context.dsn) as conn:
        conn.execute(
            "INSERT INTO forecast_note SELECT DISTINCT site_id, target, step_s, model, issued_at, '{}'::jsonb"
            " FROM forecast"
        )
        conn.execute(
            "INSERT INTO forecast_path SELECT site_id, target, step_s, 'ensemble', at, 1, '{1}'"
            " FROM (SELECT DISTINCT site_id, target, step_s FROM forecast) AS f,"
            " unnest(%s::timestamptz[]) AS at",
            ([now - timedelta(days=8), now - timedelta(days=6)],),
        )
    assert room.prune(context) == "removed 184 forecast steps, 92 notes and 1 scenarios"
    old = {(m, at) for m in ("ensemble", "seasonal_naive") for at in hours[::6]}
    expected = old | {(m, young) for m in MODELS}
    assert kept(context, "forecast") == expected
    assert kept(context, "forecast_note") == expected
    assert kept(context, "forecast_path") == {("ensemble", now - timedelta(days=6))}
    assert room.prune(context) == "removed 0 forecast steps, 0 notes and 0 scenarios"


def test_a_model_that_was_chosen_stays_too(context: jobs.Context, clock: ManualClock) -> None:
    old = clock.now() - timedelta(days=40, hours=1)  # noon in Amsterdam
    for model in MODELS:
        issued(context, IT, model, old, np.full(2, 1e5), 0.0)
    with db.connect(context.dsn) as conn:
        conn.execute(
            "INSERT INTO forecast_choice VALUES (%s, 'it_power', 900, %s, 'twin', 'for once it was better')",
            (context.site.id, old),
        )
    room.prune(context)
    assert {model for model, _ in kept(context, "forecast")} == {"ensemble", "seasonal_naive", "twin"}
