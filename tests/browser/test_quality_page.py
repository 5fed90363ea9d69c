"""The data quality page in a real browser."""

from __future__ import annotations

import re
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
ROW = "#quality-grid .ag-center-cols-container .ag-row"


def test_a_point_is_found_and_seen_over_time_by_keyboard_alone(ui: Ui, browser: Browser) -> None:
    found = watched(browser, "dark")
    page = found.page
    page.goto(f"{ui.url}/quality?tz=UTC")
    expect(page.locator(ROW).first).to_be_visible()
    expect(page.locator("#quality-counts")).to_contain_text("good")
    page.locator("#quality-grid .ag-header-cell").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.keyboard.press("Space")
    expect(page).to_have_url(f"{ui.url}/quality?tz=UTC&point=economizer/economizer_load")
    expect(page.locator("#quality-said")).to_contain_text("nothing was measured in this period")
    page.goto(f"{ui.url}/quality?point=pdu/it_power")
    expect(page.locator("#quality-said")).to_contain_text("measured: readings as they came")
    page.locator("#quality-span-1h").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{ui.url}/quality?point=pdu/it_power&range=1h")
    expect(page.locator("#quality-trend .scatterlayer .trace")).to_have_count(1)
    expect(page.locator("#quality-reread")).to_be_disabled()
    expect(page.locator("#quality-reread")).to_have_attribute("title", re.compile("engineer"))
    assert found.errors == []
    assert found.offsite == []
    page.context.close()


def test_it_fits_a_phone(ui: Ui, browser: Browser) -> None:
    found = watched(browser, width=PHONE_PX)
    found.page.goto(f"{ui.url}/quality?point=pdu/it_power")
    expect(found.page.locator(ROW).first).to_be_visible()
    wide = found.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= PHONE_PX + OVERFLOW_PX
    assert found.errors == []
    found.page.context.close()
