"""Which forecast advice rests on."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from core import db
from twin.advise import outlook

if TYPE_CHECKING:
    from datetime import datetime

    from core.clock import ManualClock
    from core.site import Site


def forecast(dsn: str, site: Site, model: str, at: datetime, step_s: int = 900, kw: float = 100.0) -> None:
    """The same power at every step of five hours."""
    with db.connect(dsn) as conn:
        conn.execute(
            "INSERT INTO forecast SELECT %s, 'it_power', %s, %s, t, %s, w, w, w, w, w, w, w, NULL"
            " FROM generate_series(%s, %s, make_interval(secs => %s)) AS t, (SELECT %s::float8 AS w) AS one",
            (site.id, model, at, step_s, at, at + timedelta(hours=5), step_s, kw * 1e3),
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
