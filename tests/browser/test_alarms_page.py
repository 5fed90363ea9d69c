"""The Alarms page in a real browser: by keyboard, by mouse, light, dark, narrow."""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from flask import g
from werkzeug.serving import make_server

from core import db
from core.clock import SystemClock
from core.jobs import Context
from core.settings import Settings
from ui import app as ui_app
from ui import pages
from ui.access import auth
from ui.pages import alarms as alarms_page

sys.path.insert(0, str(Path(__file__).parents[1] / "ui"))
import seed  # lies beside the tests of the pages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from core.site import Site

expect = pytest.importorskip("playwright.sync_api").expect

pytestmark = pytest.mark.browser
SHOTS = os.environ.get("JOULECAST_TEST_SHOTS")
"""Folder for pictures; none: none are made."""
HOUR = timedelta(hours=1)


@dataclass
class Served:
    """The pages, and who looks at them."""

    url: str
    context: Context
    user: auth.User

    def rows(self, text: str) -> list[db.Row]:
        with db.connect(self.context.dsn) as conn:
            return conn.execute(text).fetchall()


@pytest.fixture
def served(dsn: str, site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """Seeded up to now, with alarms in every state; an operator is signed in."""
    context = Context(Settings(dsn=dsn), site, SystemClock(), dsn)
    now = context.clock.now()
    with db.connect(dsn) as conn:
        seed.readings(conn, site, now - HOUR, now, timedelta(minutes=1))
        for source, priority, ago, message in (
            ("advise.inlet.12", 1, 4, "rack-3 is at 29.4 °C, 2.4 K above its limit, while recommendation 12"),
            ("write.edge.gateway-1", 2, 22, "gateway gateway-1 is silent since 2026-03-02 11:41:07 UTC"),
            ("write.failed.9", 2, 90, "recommendation 9 was not applied: refused by the controller"),
            ("write.failed.8", 2, 300, "recommendation 8 is not held any more: taken over at the plant"),
            ("bms.offline.bms-1", 2, 600, "BMS offline: no heartbeat bms-1 since 2026-03-02 02:03:12 UTC"),
            ("reading.flat.rack-1/inlet_temperature", 3, 800, "rack-1/inlet_temperature has said exactly 22"),
        ):
            db.rows(
                conn, "twin_raise_alarm", site=site.id, source=source, priority=priority, message=message,
                action="Look at the gateway; it falls back by itself", now=now - timedelta(minutes=ago),
            )  # fmt: skip
        of = {row["source"]: row["alarm_id"] for row in conn.execute("SELECT source, alarm_id FROM alarm")}
        db.rows(conn, "twin_clear_alarm", site=site.id, source="write.failed.8", now=now - HOUR)
        for source, verb, until in (
            ("write.failed.9", "acknowledge", None), ("bms.offline.bms-1", "shelve", now + HOUR),
        ):  # fmt: skip
            conn.execute(
                "SELECT alarm_act(%s, %s, %s, 'B. Okafor', 'the BMS is being upgraded', %s)",
                (of[source], verb, now, until),
            )
    if alarms_page.PAGE not in pages.PAGES:
        monkeypatch.setattr(pages, "PAGES", (*pages.PAGES, alarms_page.PAGE))
    app = ui_app.create_app(context)
    found = Served("", context, auth.User("Ann", auth.Role.OPERATOR))

    def signed_in() -> None:
        g.joulecast_user = found.user

    app.server.before_request(signed_in)
    server = make_server("127.0.0.1", 0, app.server, threaded=True)
    found.url = f"http://127.0.0.1:{server.port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()
    ui_app.close(app)


def opened(browser: Browser, url: str, *, dark: bool = False, width: int = 1440) -> tuple[Page, list[str]]:
    context = browser.new_context(
        viewport={"width": width, "height": 1000},
        color_scheme="dark" if dark else "light",
        timezone_id="Europe/Berlin",
        locale="en-GB",
    )
    page, errors = context.new_page(), []
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda e: errors.append(str(e)))
    page.goto(url)
    expect(page.locator("#alarms-list .alarm-row").first).to_be_visible()
    expect(page.locator("#alarms-figures table")).to_be_visible()
    return page, errors


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1440, 390])
def test_it_is_whole_in_both_themes_and_on_a_phone(
    served: Served, browser: Browser, *, dark: bool, width: int
) -> None:
    page, errors = opened(browser, f"{served.url}/alarms?alarm=1", dark=dark, width=width)
    expect(page.locator("#alarms-list .alarm-row")).to_have_count(4)
    expect(page.locator("#alarms-aside .alarm-row")).to_have_count(1)
    expect(page.locator("#alarms-one table")).to_be_visible()
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 1
    assert page.url.endswith("/alarms?alarm=1")
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/alarms-{'dark' if dark else 'light'}-{width}.png", full_page=True)
    assert errors == []


def test_the_keyboard_alone_acknowledges_the_row_that_has_the_focus(served: Served, browser: Browser) -> None:
    page, errors = opened(browser, f"{served.url}/alarms")
    row = page.locator("#alarms-list .alarm-row").first
    for _ in range(60):
        page.keyboard.press("Tab")
        if row.evaluate("e => e === document.activeElement"):
            break
    page.keyboard.press("a")
    expect(page.locator("#alarms-result")).to_have_text("Alarm 1: acknowledged by Ann.")
    expect(row).to_contain_text("acknowledged")
    events = served.rows(
        "SELECT actor, alarm_id FROM alarm_event WHERE verb = 'acknowledge' AND alarm_id = 1"
    )
    assert [(event["actor"], event["alarm_id"]) for event in events] == [("Ann", 1)]
    page.keyboard.press("a")  # it has no such button any more
    page.wait_for_timeout(500)
    assert len(served.rows("SELECT 1 AS n FROM alarm_event WHERE verb IN ('acknowledge', 'refused')")) == 2
    assert errors == []


def test_shelve_and_acknowledge_all_by_mouse(served: Served, browser: Browser) -> None:
    page, errors = opened(browser, f"{served.url}/alarms")
    edge = page.locator("#alarms-list .alarm-row", has_text="gateway-1 is silent")
    edge.get_by_role("button", name="Shelve…").click()
    expect(page.locator("#alarms-text")).to_contain_text("gateway-1 is silent")
    page.click("#alarms-confirm")
    expect(page.locator("#alarms-problem")).to_contain_text("Say why")
    page.fill("#alarms-reason", "a new gateway is being fitted, a a a")
    page.locator("#alarms-hours").get_by_text("4 h").click()
    page.click("#alarms-confirm")
    expect(page.locator("#alarms-aside")).to_contain_text("a new gateway is being fitted")
    expect(edge).to_have_count(0)
    page.click("#alarms-ack-all")
    expect(page.locator("#alarms-list .unseen")).to_have_count(0)
    (left,) = served.rows("SELECT count(*) AS n FROM alarm WHERE state = 'unacknowledged' AND kind = 'alarm'")
    assert left["n"] == 0
    assert errors == []


def test_a_guest_sees_it_and_can_do_nothing(served: Served, browser: Browser) -> None:
    served.user = auth.GUEST
    page, _ = opened(browser, f"{served.url}/alarms")
    buttons = page.locator("#alarms-list button, #alarms-ack-all")
    for button in buttons.all():
        expect(button).to_be_disabled()
    page.locator("#alarms-list .alarm-row").first.focus()
    page.keyboard.press("a")
    page.wait_for_timeout(500)
    assert served.rows("SELECT 1 AS n FROM alarm_event WHERE verb = 'acknowledge' AND alarm_id = 1") == []


def test_the_focus_stays_with_its_alarm_when_a_graver_one_comes(served: Served, browser: Browser) -> None:
    page, errors = opened(browser, f"{served.url}/alarms")
    page.locator("#alarm-2").focus()
    with db.connect(served.context.dsn) as conn:
        db.rows(
            conn, "twin_raise_alarm", site=served.context.site.id, source="write.revert.5", priority=1,
            message="recommendation 5 cannot be taken back", action="Set it by hand",
            now=served.context.clock.now(),
        )  # fmt: skip
    expect(page.locator("#alarms-list .alarm-row")).to_have_count(5)
    expect(page.locator("#alarms-list .alarm-row").first).to_contain_text("cannot be taken back")
    page.wait_for_function("document.activeElement.dataset.alarm === '2'")
    page.keyboard.press("a")
    expect(page.locator("#alarms-result")).to_have_text("Alarm 2: acknowledged by Ann.")
    page.locator("#alarms-range").get_by_text("24 h").click()
    expect(page).to_have_url(f"{served.url}/alarms?range=24h")
    assert errors == []
