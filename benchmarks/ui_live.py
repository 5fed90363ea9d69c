"""What an operator is never to be shown too late: a new reading, and that there is no new one."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
import people
from ingest_load import Servers, Worker
from ui_browser import launched, opened, shows
from ui_server import FEED_S, Plant, seed, ui_server, wait_until

from core import db
from ingest import storage
from ingest.mqtt import Publisher
from joulecast.verbs.common import DEMO_SITE

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page, Playwright

    from core.site import Site
    from joulecast.embedded import Broker, Postgres

READINGS: Final = 30
STEP_KW: Final = 5
"""By so much a reading differs from the one before: more than the tile rounds away."""
TICK_S: Final = 1.5
"""Readings come at any moment between two polls of the page [s]."""
SLOW_S: Final = 5.0
"""Between two readings of slow meters [s]."""
PACE_KNOWN_S: Final = 21.0
"""A server asks so often how often readings come [s]."""
SHOWN: Final = """element => {
  const shown = window.benchShown = {};
  const look = () => {
    const text = document.querySelector(element).textContent.replace(/[^0-9.]/g, "");
    if (text in shown) { return; }
    shown[text] = null;
    requestAnimationFrame(() => setTimeout(() => { shown[text] = Date.now(); }));
  };
  const all = { childList: true, subtree: true, characterData: true };
  new MutationObserver(look).observe(document.querySelector("#page"), all);
}"""
"""When each value was painted first, by the machine's clock [ms]."""
BANNER: Final = """words => {
  const banner = document.getElementById("banner");
  window.benchBanner = 0;
  const look = () => {
    const said = banner.textContent.includes(words);
    if (said) { setTimeout(() => { window.benchBanner = window.benchBanner || Date.now(); }); }
    if (!window.benchBanner) { requestAnimationFrame(look); }
  };
  look();
}"""


class Banners(NamedTuple):
    """How long until the page says that it is not alive [s]."""

    data: float
    """From the last reading of meters that send every `FEED_S`."""
    slow_data: float
    """The same of meters that send every `SLOW_S`."""
    server: float
    sign_in: float


def sensor_ms(
    driver: Playwright, folder: Path, database: Postgres, broker: Broker, site: Site
) -> list[float]:
    """From publishing a reading to its value on the screen, by a real worker and browser [ms]."""
    with db.connect(database.dsn) as conn:
        storage.register_site(conn, site, datetime.now(UTC))
    servers = Servers(database.dsn, broker.url, DEMO_SITE, site.id)
    with (
        Worker(servers, "bench-sensor"),
        ui_server(folder, database.dsn) as ui,
        Publisher(broker.url) as publisher,
    ):
        _publish(publisher, site, seed.values(site, datetime.now(UTC)))
        browser = launched(driver)
        page = opened(browser, ui.url)
        page.evaluate(SHOWN, "#kpi-it-power")
        taken = []
        for number in range(READINGS):
            values = seed.values(site, datetime.now(UTC))
            meters = {str(ref): values.pop(str(ref)) for ref in site.meters.it}
            _publish(publisher, site, values)
            page.wait_for_timeout(1000.0 * random.uniform(0.0, TICK_S))  # noqa: S311  # no secret
            kw = 500 + STEP_KW * number
            began = time.time()
            _publish(publisher, site, dict.fromkeys(meters, 1000.0 * kw / len(meters)))
            page.wait_for_function("kw => (window.benchShown || {})[kw]", arg=str(kw))
            taken.append(float(page.evaluate("kw => window.benchShown[kw]", str(kw))) - 1000.0 * began)
        browser.close()
    return taken


def _publish(publisher: Publisher, site: Site, values: dict[str, float]) -> None:
    now = datetime.now(UTC).isoformat()
    for ref, value in values.items():
        publisher.publish(f"joulecast/{site.id}/{ref}", msgspec.json.encode({"time": now, "value": value}))
    publisher.flush()


def banners(driver: Playwright, folder: Path, dsn: str, site: Site) -> Banners:
    """What happens to a page of somebody who is signed in."""
    name = "ann"
    people.account(dsn, name, "operator")
    browser = launched(driver)
    with ui_server(folder, dsn) as ui:
        page = browser.new_context().new_page()
        with Plant(dsn, site):
            people.enter(page, ui.url, name)
            shows(page, "#kpi-power-ratio", r"\d")
            with db.connect(dsn) as conn:
                conn.execute("DELETE FROM app_session")
                _watch(page, "signed out")
                began = time.time()
            sign_in = _said_s(page, began)
            page.context.clear_cookies()
        data, slow_data = (_silent_s(page, ui.url, dsn, site, every_s) for every_s in (FEED_S, SLOW_S))
        with Plant(dsn, site):
            page.reload()
            wait_until(lambda: not page.inner_text("#banner"), "the banner goes")
            _watch(page, "No answer")
            began = time.time()
            ui.stop()
            server = _said_s(page, began)
    browser.close()
    return Banners(data, slow_data, server, sign_in)


def _silent_s(page: Page, url: str, dsn: str, site: Site, every_s: float) -> float:
    """From the last of readings that came so often to the banner, once the page knows how often they come."""
    with db.connect(dsn) as conn:
        conn.execute("DELETE FROM reading WHERE time > now() - interval '1 h'")
    with Plant(dsn, site, every_s) as plant:
        time.sleep(PACE_KNOWN_S)  # no page shows when a server has asked; it does so by its clock
        page.goto(url)
        shows(page, "#kpi-power-ratio", r"\d")
        wait_until(lambda: not page.inner_text("#banner"), "the banner goes")
        _watch(page, "No new reading")
        plant.stop()
    return _said_s(page, plant.last_at.timestamp())


def _watch(page: Page, words: str) -> None:
    page.evaluate(BANNER, words)


def _said_s(page: Page, began: float) -> float:
    page.wait_for_function("() => window.benchBanner", timeout=180_000)
    return float(page.evaluate("window.benchBanner")) / 1000.0 - began
