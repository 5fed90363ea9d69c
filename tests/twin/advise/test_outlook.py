"""Which forecast advice rests on."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from seeded import register

from core import db
from twin.advise import outlook

if TYPE_CHECKING:
    from datetime import datetime

    from core.clock import ManualClock
    from core.site import Site


def forecast(
    dsn: str,
    site: Site,
    model: str,
    at: datetime,
    step_s: int = 900,
    kw: float = 100.0,
    version: int | None = None,
) -> None:
    """The same power at every step of five hours."""
    with db.connect(dsn) as conn:
        conn.execute(
            "INSERT INTO forecast SELECT %s, 'it_power', %s, %s, t, %s, w, w, w, w, w, w, w, %s"
            " FROM generate_series(%s, %s, make_interval(secs => %s)) AS t, (SELECT %s::float8 AS w) AS one",
            (site.id, model, at, step_s, version, at, at + timedelta(hours=5), step_s, kw * 1e3),
        )


def choose(dsn: str, site: Site, model: str, at: datetime) -> None:
    with db.connect(dsn) as conn:
        conn.execute(
            "INSERT INTO forecast_choice VALUES (%s, 'it_power', 900, %s, %s, 'a reason')",
            (site.id, at, model),
        )


def believed(dsn: str, site: Site, clock: ManualClock) -> str:
    with db.connect(dsn) as conn:
        return outlook.load(conn, site, clock).model


def test_the_order_without_a_choice(dsn: str, site: Site, clock: ManualClock) -> None:
    assert believed(dsn, site, clock) == ""
    for model in ("persistence", "seasonal_naive", "twin", "mstl", "lstm", "ensemble"):
        forecast(dsn, site, model, clock.now())
        assert believed(dsn, site, clock) == model


def test_the_chosen_one_counts_while_it_is_fresh(dsn: str, site: Site, clock: ManualClock) -> None:
    now = clock.now()
    forecast(dsn, site, "ensemble", now)
    forecast(dsn, site, "mstl", now)
    choose(dsn, site, "mstl", now - timedelta(hours=2))
    choose(dsn, site, "ensemble", now + timedelta(hours=2))  # not yet
    assert believed(dsn, site, clock) == "mstl"
    choose(dsn, site, "twin", now - timedelta(hours=1))
    assert believed(dsn, site, clock) == "ensemble"
    forecast(dsn, site, "twin", now - timedelta(hours=3))
    assert believed(dsn, site, clock) == "ensemble"


def test_the_forecast_of_the_week_is_another(dsn: str, site: Site, clock: ManualClock) -> None:
    forecast(dsn, site, "ensemble", clock.now(), step_s=3600, kw=900.0)
    assert believed(dsn, site, clock) == ""
    forecast(dsn, site, "ensemble", clock.now() - timedelta(minutes=15))
    with db.connect(dsn) as conn:
        load = outlook.load(conn, site, clock)
    assert load.it_kw == pytest.approx(100.0)
    assert load.covered_h == pytest.approx(5.0)
    assert load.it_kw.shape == (3, 20)


def version(dsn: str, site: Site, status: str, at: datetime) -> int:
    """A version of the ensemble; its number."""
    with db.connect(dsn) as conn:
        row = conn.execute(
            "INSERT INTO model_version (site_id, target, model, status, trained_at, data_from, data_to, card)"
            " VALUES (%s, 'it_power', 'ensemble', %s, %s, %s, %s, '{}') RETURNING model_version_id",
            (site.id, status, at, at, at),
        ).fetchone()
    assert row is not None
    return int(row["model_version_id"])


def test_between_a_promotion_and_the_first_issue_after_it_the_last_one_counts(
    dsn: str, site: Site, clock: ManualClock
) -> None:
    now = clock.now()
    forecast(dsn, site, "seasonal_naive", now)
    old = version(dsn, site, "retired", now - timedelta(days=7))
    forecast(dsn, site, "ensemble", now - timedelta(minutes=10), kw=300.0, version=old)
    new = version(dsn, site, "champion", now)
    assert believed(dsn, site, clock) == "ensemble"
    with db.connect(dsn) as conn:
        key = {"site": site.id, "target": "it_power", "step_s": 900}
        issues = db.rows(conn, "twin_it_issues", **key, now=now, since=now - timedelta(hours=1))
    assert {row["model"] for row in issues} == {"ensemble", "seasonal_naive"}
    forecast(dsn, site, "ensemble", now, kw=310.0, version=new)
    with db.connect(dsn) as conn:
        assert outlook.load(conn, site, clock).it_kw == pytest.approx(310.0)
    clock.advance(timedelta(hours=1, minutes=1))
    assert believed(dsn, site, clock) == ""


def scored(dsn: str, site: Site, model: str, pinball_w: float, until: datetime, hours: int = 30) -> None:
    """The same loss in every hour, four steps each, at both leads that advice acts in and beyond."""
    with db.connect(dsn) as conn:
        conn.execute(
            "INSERT INTO forecast_score SELECT %s, 'it_power', 900, %s, t, lead, 4, 0, 0, 4 * w, 4, 0, 4000"
            " FROM generate_series(1, %s) AS i, (VALUES ('0-1 h', %s), ('1-6 h', %s), ('6-24 h', 1e9))"
            " AS l (lead, w), LATERAL (SELECT %s::timestamptz - make_interval(hours => i) AS t) AS at",
            (site.id, model, hours, pinball_w, pinball_w, until),
        )


@pytest.mark.parametrize(
    ("ours_w", "naive_w", "hours", "skill"),
    [
        (60.0, 100.0, 30, 0.4),
        (120.0, 100.0, 30, -0.2),
        (60.0, 100.0, 20, None),
        (60.0, 0.0, 30, None),
        (60.0, None, 30, None),
    ],
)
def test_how_much_better_than_the_naive_one_the_scores_say(
    dsn: str,
    site: Site,
    clock: ManualClock,
    ours_w: float,
    naive_w: float | None,
    hours: int,
    skill: float | None,
) -> None:
    forecast(dsn, site, "mstl", clock.now())
    scored(dsn, site, "mstl", ours_w, clock.now(), hours)
    scored(dsn, site, "mstl", 1e9, clock.now() - timedelta(days=outlook.SKILL_DAYS), 48)
    scored(dsn, site, "seasonal_naive", 100.0, clock.now() - timedelta(days=outlook.SKILL_DAYS), 48)
    if naive_w is not None:
        scored(dsn, site, "seasonal_naive", naive_w, clock.now(), hours)
    with db.connect(dsn) as conn:
        found = outlook.load(conn, site, clock)
    assert found.model == "mstl"
    assert found.skill == (None if skill is None else pytest.approx(skill))


def test_the_naive_one_is_not_held_against_itself(dsn: str, site: Site, clock: ManualClock) -> None:
    forecast(dsn, site, "seasonal_naive", clock.now())
    scored(dsn, site, "seasonal_naive", 100.0, clock.now())
    with db.connect(dsn) as conn:
        assert outlook.load(conn, site, clock).skill is None


def grid_says(dsn: str, site: Site, clock: ManualClock, days: float) -> None:
    """300 g/kWh at midnight UTC, 12 g/kWh less with every hour of the day, up to now."""
    with db.connect(dsn) as conn:
        point = register(conn, site, outlook.CARBON)
        conn.execute(
            "INSERT INTO reading (time, value, point_id) SELECT t, 300 - 12 * extract(hour FROM t AT"
            " TIME ZONE 'UTC'), %s FROM generate_series(%s::timestamptz - %s, %s::timestamptz, "
            " interval '30 min') AS t",
            (point, clock.now(), timedelta(days=days), clock.now()),
        )


def test_carbon_of_the_grid_follows_its_usual_day(dsn: str, site: Site, clock: ManualClock) -> None:
    grid_says(dsn, site, clock, days=6)  # noon UTC
    with db.connect(dsn) as conn:
        found = outlook.carbon(conn, site, clock.now())
    assert found is not None
    assert found.source == "grid and its usual change over 5 days"
    assert found.g_per_kwh.shape == (outlook.STEPS,)
    hours = np.arange(24)
    assert found.g_per_kwh[2::4] == pytest.approx(300 - 12 * ((12 + hours) % 24), abs=40)
    assert found.g_per_kwh.min() < 50
    assert found.g_per_kwh.max() > 280


def test_carbon_is_held_where_few_days_are_known_and_the_tariffs_where_none_is(
    dsn: str, site: Site, clock: ManualClock
) -> None:
    silent = site.model_copy(update={"tariff": site.tariff.model_copy(update={"carbon_g_per_kwh": None})})
    with db.connect(dsn) as conn:
        fixed = outlook.carbon(conn, site, clock.now(), 16)
        assert outlook.carbon(conn, silent, clock.now()) is None
    assert fixed is not None
    assert fixed.source == "tariff"
    assert set(fixed.g_per_kwh.tolist()) == {site.tariff.carbon_g_per_kwh}
    grid_says(dsn, site, clock, days=1)
    with db.connect(dsn) as conn:
        held = outlook.carbon(conn, silent, clock.now(), 16)
        assert held is not None
        assert held.source == "grid, taken to stay"
        assert set(held.g_per_kwh.tolist()) == {300.0 - 12 * 11}
        clock.advance(timedelta(hours=3))
        assert outlook.carbon(conn, silent, clock.now()) is None
