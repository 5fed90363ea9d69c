"""The page Cooling in a real browser: the drawing, the charts, a period picked by keyboard."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from test_pages import PHONE_PX, Ui, seed, ui, watched

from core import db

if TYPE_CHECKING:
    from playwright.sync_api import Browser

expect = pytest.importorskip("playwright.sync_api").expect
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

pytestmark = pytest.mark.browser
__all__ = ["ui"]  # the fixture is of this module, too
GRAVE = ("serious", "critical")
SIDEWAYS = """() => {
  const main = document.querySelector(".main");
  return main.scrollWidth - main.clientWidth;
}"""


def grave(page: object) -> list[str]:
    """What keeps somebody from using the page."""
    found = axe.Axe().run(page).response["violations"]
    return [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found if v["impact"] in GRAVE]


def test_the_plant_is_drawn_and_a_period_is_picked_by_keyboard(ui: Ui, browser: Browser) -> None:
    with db.connect(ui.dsn) as conn:
        seed.machines(conn, ui.site, datetime.now(UTC))
    for scheme, width in (("light", 1440), ("dark", PHONE_PX)):
        found = watched(browser, scheme, width)
        page = found.page
        page.goto(f"{ui.url}/cooling")
        drawing = page.locator("#cooling-plan svg")
        expect(drawing).to_contain_text("Chiller 2")
        expect(drawing).to_contain_text("● running")
        expect(page.locator("#cooling-machines")).to_contain_text("Air handlers: 4 of 4 running")
        expect(page.locator("#cooling-air .legendtext").first).to_be_visible()
        expect(page.locator("#cooling-trend .legendtext").first).to_be_visible()
        page.locator("#cooling-range input:checked").focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_url("**/cooling?range=7d")
        expect(page.locator("#cooling-trend-said")).to_contain_text("1 h means")
        wide = page.evaluate(SIDEWAYS)
        assert wide <= 1, f"the page scrolls sideways by {wide} px"
        assert grave(page) == []
        assert found.errors == []
        assert found.offsite == []
        page.context.close()
