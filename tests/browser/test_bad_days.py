"""What goes wrong at the desk: a nonsense address, a wrong clock, a line that is cut, a sign-in that ends."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import people
import pytest
from test_every_page import refresh
from test_pages import PHONE_PX, SILENT_S, Ui, served, watched

from core import db
from ui.pages import PAGES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from core.site import Site

expect = pytest.importorskip("playwright.sync_api").expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NONSENSE: Final = "?tz=Mars/Olympus&units=furlongs&range=3650d&from=x&wibble=<b>1</b>"
HOUR_MS: Final = 3_600_000
WRONG_CLOCK: Final = """(() => {
  const right = Date, off = () => Number(window.name || 0);
  window.Date = class extends right {
    constructor(...of) { if (of.length) { super(...of); } else { super(right.now() + off()); } }
    static now() { return right.now() + off(); }
  };
})();"""
"""This machine's clock is off by as many milliseconds as the window's name says."""


@pytest.fixture(scope="module")
def desk(module_dsn: str, site: Site) -> Iterator[Ui]:
    with served(module_dsn, site) as found:
        people.account(module_dsn, "ann", "engineer")
        yield found


def test_nonsense_in_the_address_is_said_and_left_out_on_every_page(desk: Ui, browser: Browser) -> None:
    found = watched(browser)
    people.enter(found.page, desk.url, "ann")
    for page in PAGES:
        refresh(desk)
        strange = "".join(f"&{key}=%00nonsense'9" for key in sorted(page.keys))
        found.page.goto(f"{desk.url}{page.path}{NONSENSE}{strange}")
        said = found.page.locator("#view-said")
        for part in ("no time zone “Mars/Olympus”", "not “furlongs”", "longer than the 400 days", "“wibble”"):
            expect(said).to_contain_text(part)
        expect(found.page.locator("#page h1")).to_have_count(1)
        expect(found.page.locator("#data-age")).to_contain_text("old")
        expect(found.page.locator("#page .empty.failed")).to_have_count(0)
        expect(found.page.locator("#banner")).to_be_empty()
    assert found.errors == []
    found.page.context.close()


def test_ten_years_are_cut_to_what_is_kept(desk: Ui, browser: Browser) -> None:
    found = watched(browser)
    people.enter(found.page, desk.url, "ann")
    for page in PAGES:
        refresh(desk)
        found.page.goto(f"{desk.url}{page.path}?from=2016-01-01T00:00Z&to=2026-01-01T00:00Z")
        expect(found.page.locator("#view-said")).to_contain_text("longer than the 400 days that are shown")
        expect(found.page.locator("#data-age")).to_contain_text("old")
        expect(found.page.locator("#page h1")).to_have_count(1)
        expect(found.page.locator("#page .empty.failed")).to_have_count(0)
        expect(found.page.locator("#banner")).to_be_empty()
    assert found.errors == []
    found.page.context.close()


def test_what_has_vanished_is_said(desk: Ui, browser: Browser) -> None:
    found = watched(browser)
    for path, said in (
        ("/quality?point=rack-99/inlet_temperature", re.compile("rack-99/inlet_temperature")),
        ("/alarms?alarm=99999", "There is no such alarm at this site any more"),
        ("/recommendations?card=99999", "99999"),
        ("/replay?day=1999-12-31", "No day “1999-12-31” has readings"),
        ("/nowhere", "There is no such page"),
    ):
        found.page.goto(f"{desk.url}{path}")
        expect(found.page.locator("#page")).to_contain_text(said)
    assert found.errors == []
    found.page.context.close()


@pytest.mark.parametrize("off_ms", [HOUR_MS, -HOUR_MS])
def test_a_wrong_clock_neither_cries_nor_is_silent_when_the_line_is_cut(
    desk: Ui, browser: Browser, off_ms: int
) -> None:
    page = watched(browser).page
    page.context.add_init_script(WRONG_CLOCK)
    page.goto(desk.url)
    expect(page.locator("#data-age")).to_contain_text("old")
    cried = """() => { window.cried = ""; new MutationObserver(() => {
      window.cried += document.getElementById("banner").innerText;
    }).observe(document.getElementById("banner"), {childList: true, characterData: true, subtree: true}); }"""
    page.evaluate(cried)
    page.evaluate("off => { window.name = String(off); }", off_ms)  # somebody sets the clock
    page.wait_for_timeout(3000)
    assert page.evaluate("Math.abs(Date.now() - performance.timeOrigin - performance.now()) > 3e6")
    assert page.evaluate("window.cried") == ""
    page.context.set_offline(True)
    expect(page.locator("#banner")).to_contain_text("No answer from the server", timeout=SILENT_S * 1000)
    assert page.evaluate("document.body.classList.contains('stale')")
    page.context.set_offline(False)
    expect(page.locator("#banner")).to_be_empty(timeout=SILENT_S * 1000)
    assert not page.evaluate("document.body.classList.contains('stale')")
    page.context.close()


@pytest.mark.parametrize("width", [PHONE_PX, 1000, 1440])
def test_the_banner_is_in_sight_however_far_the_page_is_scrolled(
    desk: Ui, browser: Browser, width: int
) -> None:
    page = watched(browser, width=width, height=700).page
    page.goto(f"{desk.url}/recommendations")
    expect(page.locator("#page h1")).to_be_visible()
    page.context.set_offline(True)
    expect(page.locator("#banner")).to_contain_text("No answer from the server", timeout=SILENT_S * 1000)
    page.evaluate("window.scrollTo(0, 400)")
    page.wait_for_function("scrollY > 300")
    seen = """() => { const at = document.getElementById("banner").getBoundingClientRect();
      return document.elementFromPoint(at.x + at.width / 2, at.y + at.height / 2).id; }"""
    assert page.evaluate(seen) == "banner"
    told = page.locator("#banner-alert").inner_text()
    page.wait_for_timeout(2500)
    assert page.locator("#banner-alert").inner_text() == told, "it is said aloud again every second"
    assert page.locator("#banner").inner_text() != told
    page.context.close()


def test_a_sign_in_that_ends_is_said_where_guests_may_look_on(desk: Ui, browser: Browser) -> None:
    page = watched(browser).page
    people.enter(page, desk.url, "ann", "/recommendations")
    expect(page.locator("#who")).to_contain_text("ann")
    with db.connect(desk.dsn) as conn:
        conn.execute("UPDATE app_session SET expires_at = now() WHERE user_name = 'ann'")
    expect(page.locator("#banner")).to_contain_text("You have been signed out", timeout=SILENT_S * 1000)
    page.reload()
    expect(page.locator("#who")).to_contain_text("Sign in")
    expect(page.locator("#banner")).to_be_empty()
    page.context.close()


def test_a_database_that_is_away_signs_nobody_out_and_the_page_comes_back(desk: Ui, browser: Browser) -> None:
    page = watched(browser).page
    people.enter(page, desk.url, "ann", "/recommendations")
    expect(page.locator("#who")).to_contain_text("ann")
    opened = page.context.new_page()
    with db.connect(desk.dsn) as conn:
        conn.execute("ALTER TABLE app_session RENAME TO gone")
    expect(page.locator("#banner")).to_contain_text("No answer from the server", timeout=SILENT_S * 1000)
    opened.goto(f"{desk.url}/recommendations")
    expect(opened.locator("#banner")).to_contain_text("No answer from the server", timeout=SILENT_S * 1000)
    with db.connect(desk.dsn) as conn:
        conn.execute("ALTER TABLE gone RENAME TO app_session")
    expect(page.locator("#banner")).not_to_contain_text("No answer", timeout=SILENT_S * 1000)
    for each in (page, opened):
        expect(each.locator("#who")).to_contain_text("ann", timeout=SILENT_S * 1000)
        expect(each.locator("#page h1")).to_have_count(1, timeout=SILENT_S * 1000)
    page.context.close()
