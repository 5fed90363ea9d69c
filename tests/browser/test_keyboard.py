"""A shift without a mouse: find, acknowledge, accept, replay, and HOLD."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import people
import pytest
from test_pages import SITE_FILE, Ui, ui, watched

from core import db
from core.jobs import Context
from core.settings import Settings
from ui.keys import LETTERS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

expect = pytest.importorskip("playwright.sync_api").expect

pytestmark = pytest.mark.browser

__all__ = ["ui"]
STEPS_MAX: Final = 150
"""Longest way by Tab."""
FILLED: Final = "#replay-facility_kw-measured:not(:empty)"


def tab_to(page: Page, selector: str, keys: str = "Tab") -> None:
    """Go on with the keyboard until something has the focus, which is seen."""
    expect(page.locator(selector).first).to_be_visible()
    for _ in range(STEPS_MAX):
        page.keyboard.press(keys)
        if page.locator(selector).first.evaluate("e => e === document.activeElement"):
            shown = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert shown != "none", f"the focus on {selector} is not seen"
            return
    raise AssertionError(f"the keyboard does not come to {selector}")


def go(page: Page, letter: str, heading: str) -> None:
    """Go to a page by its letter."""
    page.keyboard.press("g")
    page.keyboard.press(letter)
    expect(page.locator("#page h1").first).to_have_text(heading)


def sign_in(page: Page, ui: Ui) -> None:
    people.account(ui.dsn, "ann", "engineer")
    page.goto(f"{ui.url}/login")
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type("ann")
    page.keyboard.press("Tab")
    page.keyboard.type(people.PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#who")).to_contain_text("ann")


def find(page: Page) -> None:
    """Past the navigation and back into it; what the keys do is listed, and does nothing meanwhile."""
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    tab_to(page, "#nav-forecast", "Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#page h1")).to_have_text("Forecast")
    page.keyboard.press("?")
    keys = page.locator("#keys")
    expect(keys).to_be_visible()
    assert {"g o", "g a", "g r", "H", "?"} <= set(keys.locator("dt").all_inner_texts())
    page.keyboard.press("g")
    page.keyboard.press("a")
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    expect(page.locator("#page h1")).to_have_text("Forecast")


def accept(page: Page) -> None:
    tab_to(page, "#accept-open")
    page.keyboard.press("Enter")
    expect(page.locator("#act-cancel")).to_be_focused()
    tab_to(page, "#act-confirm")
    page.keyboard.press("Enter")
    expect(page.locator("#advice-result")).not_to_be_empty()
    expect(page.locator("#act-confirm")).to_have_count(0)


def replay(page: Page) -> None:
    page.wait_for_selector(FILLED)
    tab_to(page, "#replay-supply-air-temperature")
    page.keyboard.type("22")
    tab_to(page, "#replay-run")
    page.keyboard.press("Enter")
    expect(page.locator("#replay-energies")).to_contain_text("Alternative")


def hold(page: Page) -> None:
    """The reason may have every letter that is a key elsewhere."""
    page.keyboard.press("Shift+H")
    tab_to(page, "#hold-reason")
    page.keyboard.type("g a, g r, H? smoke")
    tab_to(page, "#hold-confirm")
    page.keyboard.press("Enter")
    expect(page.locator("#hold-notice")).to_contain_text("by ann: g a, g r, H? smoke")


def test_find_acknowledge_accept_replay_and_hold_without_a_mouse(ui: Ui, browser: Browser) -> None:
    jobs = pytest.importorskip("twin.jobs")
    settings = Settings(dsn=ui.dsn, site_file=SITE_FILE)
    jobs.calibrate_site(Context(settings, ui.site, settings.make_clock(), ui.dsn))
    with db.connect(ui.dsn) as conn:
        db.rows(
            conn, "twin_raise_alarm", site=ui.site.id, source="write.failed.7", priority=2,
            message="recommendation 7 was not applied", action="Look at the gateway", now=datetime.now(UTC),
        )  # fmt: skip
    found = watched(browser)
    page = found.page
    sign_in(page, ui)
    find(page)
    go(page, "a", "Alarms")
    tab_to(page, "#alarms-list .alarm-row")
    page.keyboard.press("a")
    expect(page.locator("#alarms-result")).to_contain_text("acknowledged by ann")
    go(page, "r", "Recommendations")
    accept(page)
    go(page, "p", "Replay")
    replay(page)
    tab_to(page, "#replay-play")
    go(page, "o", "Overview")
    hold(page)
    expect(page.locator("#page h1")).to_have_text("Overview")
    assert found.errors == []
    page.context.close()


def test_a_key_that_leads_nowhere_does_nothing(ui: Ui, browser: Browser) -> None:
    found = watched(browser)
    page = found.page
    page.goto(ui.url)
    expect(page.locator("#data-age")).to_contain_text("old")
    for letter in (LETTERS["/admin"], "x", "?"):
        page.keyboard.press("g")
        page.keyboard.press(letter)
    page.keyboard.press("Shift+H")  # a guest's button is dead
    expect(page.locator("#page h1")).to_have_text("Overview")
    expect(page.locator("#keys")).to_be_hidden()
    expect(page.locator("#hold-text")).to_have_count(0)
    go(page, LETTERS["/forecast"], "Forecast")
    assert found.errors == []
    page.context.close()
