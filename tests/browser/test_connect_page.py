"""Connecting a sensor, and the tour, in a real browser."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ingest.mqtt import Publisher

sys.path.insert(0, str(Path(__file__).parents[1] / "ui"))
sys.path.insert(0, str(Path(__file__).parent))
import people
import seed
from test_pages import OVERFLOW_PX, PHONE_PX, SITE_FILE, Ui, free_port, start, ui, watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from core.site import Site

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


def test_an_engineer_connects_a_sensor(
    dsn: str, site: Site, broker_url: str, browser: Browser, tmp_path: Path
) -> None:
    seed.everything(dsn, site, datetime.now(UTC), timedelta(hours=1), timedelta(minutes=5))
    people.account(dsn, "eve", "engineer")
    site_file = tmp_path / "site.toml"
    site_file.write_bytes(SITE_FILE.read_bytes())
    port = free_port()
    process = start(dsn, port, JOULECAST_BROKER=broker_url, JOULECAST_SITE_FILE=str(site_file))
    found = watched(browser)
    page = found.page
    people.enter(page, f"http://127.0.0.1:{port}", "eve", "/connect")
    page.get_by_role("button", name="Listen for a minute").click()
    expect(page.locator("#connect-listening")).to_contain_text("Listening")
    with Publisher(broker_url) as publisher:
        row = page.locator("#connect-heard tr", has_text="hall/new/load")
        for _ in range(50):
            publisher.publish("hall/new/load", b"<b>13.5</b>")
            publisher.publish("hall/new/power", b"13.5")
            publisher.flush()
            page.wait_for_timeout(200)
            if row.count():
                break
    expect(row).to_contain_text("<b>13.5</b>")
    page.locator("#connect-heard tr", has_text="hall/new/power").get_by_role("link").click()
    expect(page.locator("#connect-topic")).to_have_value("hall/new/power")
    for field, wanted in (
        ("asset", "Chiller 1 (chiller-1)"),
        ("point", "active power drawn"),
        ("unit", "kW"),
    ):
        page.locator(f"#connect-{field}").click()
        page.get_by_role("option", name=wanted, exact=field == "unit").click()
    expect(page.locator("#connect-preview")).to_contain_text("13.500 kW (stored as 13500 W)")
    page.locator("#connect-write").click()
    expect(page.locator("#connect-result")).to_contain_text("hall/new/power is chiller-1/power")
    assert 'topic = "hall/new/power"' in site_file.read_text(encoding="utf-8")
    assert found.errors == []
    page.context.close()
    process.terminate()
    assert process.wait(10) == 0


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
