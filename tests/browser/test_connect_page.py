"""Connecting a sensor, and the tour, in a real browser."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from test_pages import OVERFLOW_PX, PHONE_PX, Ui, ui, watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser

expect = pytest.importorskip("playwright.sync_api").expect

pytestmark = pytest.mark.browser
__all__ = ["ui"]


def test_a_guest_sees_what_a_value_would_be_and_writes_nothing(ui: Ui, browser: Browser) -> None:
    found = watched(browser, width=PHONE_PX)
    page = found.page
    page.goto(f"{ui.url}/quality")
    page.locator("#quality-unmapped a").click()
    expect(page).to_have_url(f"{ui.url}/connect?topic=tele%2Fups%2FSENSOR&name=ENERGY.Factor")
    expect(page.locator("#connect-topic")).to_have_value("tele/ups/SENSOR")
    expect(page.locator("#connect-codec")).to_have_value("Tasmota")
    expect(page.locator("#connect-name")).to_have_value("ENERGY.Factor")
    page.locator("#connect-asset").focus()
    page.keyboard.type("UPS")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.locator("#connect-point").focus()
    page.keyboard.type("valve position")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#connect-preview")).to_contain_text("97.000 % (stored as 0.97 1)")
    expect(page.locator("#connect-lines")).to_contain_text(
        'points = { "ENERGY.Factor" = "ups/valve_position" }'
    )
    expect(page.locator("#connect-write")).to_be_disabled()
    expect(page.locator("#connect-heard")).to_contain_text("Sign in as engineer")
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= PHONE_PX + OVERFLOW_PX
    assert found.errors == []
    assert found.offsite == []
    page.context.close()


def test_the_tour_goes_over_six_pages_by_keyboard_and_comes_no_second_time(ui: Ui, browser: Browser) -> None:
    found = watched(browser, "dark")
    page = found.page
    page.goto(ui.url)
    tour = page.locator("#tour")
    expect(tour).to_contain_text("Six steps")
    page.get_by_role("button", name="Start the tour").focus()
    page.keyboard.press("Enter")
    seen = []
    for number in range(1, 7):
        expect(tour.locator("h2")).to_contain_text(f"Tour, {number} of 6")
        expect(tour.locator("h2")).to_be_focused()
        expect(page.locator("#page")).not_to_contain_text("There is no such page")
        seen.append(page.url.removeprefix(ui.url).partition("?")[0])
        button = tour.get_by_role("button", name="Next" if number < 6 else "Done")
        button.focus()
        page.keyboard.press("Enter")
    assert seen == ["/", "/forecast", "/recommendations", "/replay", "/quality", "/connect"]
    expect(tour).to_be_hidden()
    page.goto(ui.url)
    expect(page.locator("#data-age")).to_contain_text("old")
    expect(tour).to_be_hidden()
    page.goto(f"{ui.url}/system")
    page.locator("#tour-start").click()
    expect(tour.locator("h2")).to_contain_text("Tour, 1 of 6")
    page.keyboard.press("Escape")
    expect(tour).to_be_hidden()
    assert found.errors == []
    page.context.close()
