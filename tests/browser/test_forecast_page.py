"""The Forecast page in a real browser: what it shows, its switches, what is abnormal; dark and narrow too."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import test_pages
from test_pages import OVERFLOW_PX, PHONE_PX, seed, watched

from core import db

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from core.site import Site

expect = pytest.importorskip("playwright.sync_api").expect

pytestmark = pytest.mark.browser

STEP = timedelta(minutes=5)
HOUR = timedelta(hours=1)
FIRST_POINT = """() => {
  const shown = document.querySelector("#forecast-it_power .js-plotly-plot").data.slice(-1)[0];
  return [shown.name, Date.parse(shown.x[1]) - Date.parse(shown.x[0]), shown.y.some(y => y === null)];
}"""


@pytest.fixture
def url(dsn: str, site: Site) -> Iterator[str]:
    """A server on a database with a gap in the readings, both grids, a drift and a fallback."""
    now = datetime.now(UTC)
    with db.connect(dsn) as conn:
        seed.readings(conn, site, now - timedelta(hours=26), now, STEP)
        conn.execute("DELETE FROM reading WHERE time BETWEEN %s AND %s", (now - 9 * HOUR, now - 6 * HOUR))
        for target in ("it_power", "cooling_power"):
            seed.model_version(conn, site, target, now - 9 * HOUR)
        seed.forecaster(conn, site, now)
        seed.alarm(conn, site, "forecast.drift.it_power.900", now - 3 * HOUR)
        bad = {"state": "incomplete", "reason": "31 % of the last 24 h were measured"}
        conn.execute(
            "UPDATE forecast_note SET note = note || %s WHERE target = 'cooling_power'",
            (db.json({"quality": bad, "members": {"mstl": 1.0}}),),
        )
    port = test_pages.free_port()
    process = test_pages.start(dsn, port)
    yield f"http://127.0.0.1:{port}/forecast"
    process.terminate()
    assert process.wait(10) == 0


def test_what_is_to_come_and_how_sure_in_both_themes_and_on_a_phone(
    url: str, browser: Browser, tmp_path: Path
) -> None:
    folder = Path(os.environ.get("JOULECAST_SCREENSHOTS", tmp_path))
    for scheme, width in (("light", 1440), ("dark", 1440), ("light", PHONE_PX)):
        found = watched(browser, scheme, width)
        page = found.page
        page.goto(url)
        page.wait_for_selector("#forecast-it_power .main-svg")
        page.wait_for_selector("#forecast-cooling_power .span-4 .main-svg")
        expect(page.locator("#forecast-alarms .notice.p3")).to_contain_text("has drifted")
        expect(page.locator("#forecast-it_power")).to_contain_text("The ensemble wins over 7 d")
        cooling = page.locator("#forecast-cooling_power")
        expect(cooling.locator(".notice")).to_contain_text("The direct forecast falls back to MSTL")
        expect(cooling).to_contain_text("Through the twin")
        expect(cooling.locator(".attribution").first).to_contain_text("like yesterday")
        expect(page.locator("#forecast-jobs")).to_contain_text("No job has run yet")
        assert page.evaluate(FIRST_POINT) == ["measured", 15 * 60 * 1000, True]
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width + OVERFLOW_PX
        page.screenshot(path=folder / f"forecaster-{scheme}-{width}.png", full_page=True)
        assert found.errors == []
        assert found.offsite == []
        page.context.close()


def test_the_switches_change_grid_and_window(url: str, browser: Browser) -> None:
    found = watched(browser)
    page = found.page
    page.goto(url)
    target = page.locator("#forecast-it_power")
    expect(target).to_contain_text("wins over 7 d")
    page.locator("#forecast-window").get_by_text("24 h").click()
    expect(target).to_contain_text("wins over 24 h")
    heads = target.locator("table.scores thead tr").last
    expect(heads).not_to_contain_text("1-7 d")
    page.locator("#forecast-grid").get_by_text("Next 7 days").click()
    expect(heads).to_contain_text("1-7 d")
    expect(target).to_contain_text("hourly means")
    expect(target).to_contain_text("wins over 24 h")
    page.wait_for_function(f"() => ({FIRST_POINT})()[1] === {60 * 60 * 1000}")
    page.locator("#forecast-grid").get_by_text("Next 24 h").click()
    page.wait_for_function(f"() => ({FIRST_POINT})()[1] === {15 * 60 * 1000}")
    assert found.errors == []
    page.context.close()
