"""Past errors of weather forecasts: found again as they were made, by lead, and assumed where too few."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from core import db
from joulecast.demo import history as demo
from joulecast.demo import weather
from twin import weather_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.site import Site

END = datetime(2026, 7, 20, tzinfo=UTC)
DAY, HOUR, QUARTER = timedelta(days=1), timedelta(hours=1), timedelta(minutes=15)
DAYS = 12


@pytest.fixture
def conn(dsn: str, site: Site) -> Iterator[db.Connection]:
    """A demo plant of twelve days."""
    with db.connect(dsn) as conn:
        demo.write(conn, site, END - DAYS * DAY, END, None)
        conn.commit()
        yield conn


def found(
    conn: db.Connection, site: Site, at: datetime = END, age: timedelta = timedelta(0)
) -> weather_errors.WeatherErrors:
    return weather_errors.weather_errors(conn, site, at, age, QUARTER, 96)


def test_errors_are_those_that_the_forecasts_were_made_with(conn: db.Connection, site: Site) -> None:
    errors = found(conn, site)
    assert errors.source == "as 45 weather forecasts of the last 28 days were off"
    leads_h = (np.arange(96) + 0.5) / 4
    issued = [END - DAYS * DAY + n * 6 * HOUR for n in range(45)]
    for course, at in zip(errors.dry_bulb_k[1:-1], issued[1:], strict=False):
        times = at.timestamp() + 3600.0 * leads_h
        made = weather.forecast(at.timestamp(), times).dry_bulb_c - weather.weather(times).dry_bulb_c
        assert course == pytest.approx(-made, abs=0.3)
    spread = errors.dry_bulb_k.std(axis=0)
    assert spread[-8:].mean() > 2 * spread[:8].mean(), "it grows with lead"


def test_an_older_forecast_is_further_off(conn: db.Connection, site: Site) -> None:
    young, old = found(conn, site), found(conn, site, age=20 * HOUR)
    assert np.abs(old.dry_bulb_k[:, :16]).mean() > 1.5 * np.abs(young.dry_bulb_k[:, :16]).mean()


def test_too_few_forecasts_leave_the_assumption(conn: db.Connection, site: Site) -> None:
    errors = found(conn, site, END - 8 * DAY)
    assert "13 weather forecasts can be compared with what was measured, 20 are needed" in errors.source
    assert errors.wet_bulb_k.std(axis=0) == pytest.approx(1 / 1.2816, rel=1e-3)
    assert errors.wet_bulb_k.mean(axis=0) == pytest.approx(0, abs=1e-9)


def test_unmeasured_weather_leaves_the_assumption_and_a_gap_is_bridged(
    conn: db.Connection, site: Site
) -> None:
    sensor = site.sensors.wet_bulb
    cut = (
        "DELETE FROM reading USING point AS p WHERE reading.point_id = p.point_id AND p.name = %s"
        " AND time > %s AND time < %s"
    )
    conn.execute(cut, (sensor.point, END - DAY, END - DAY + 2 * HOUR))
    assert "as 45" in found(conn, site).source
    conn.execute(cut, (sensor.point, END - 9 * DAY, END))
    assert "can be compared" in found(conn, site).source


def test_past_its_end_a_forecast_goes_on_as_a_day_before() -> None:
    assert weather_errors.wrapped_h(np.array([1.0, 47.0, 48.0, 71.0, 72.0]), 47.0) == pytest.approx(
        [1.0, 47.0, 24.0, 47.0, 24.0]
    )
