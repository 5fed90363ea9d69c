"""Overview, Energy and Reports in a real browser: they open, fit on a phone, and are worked by keyboard."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from test_pages import OVERFLOW_PX, PHONE_PX, Ui, ui, watched

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

expect = pytest.importorskip("playwright.sync_api").expect

pytestmark = pytest.mark.browser

__all__ = ["ui"]
FILLED = {
    "/": ("#overview-status", "All right|P2|P3"),
    "/energy": ("#energy-tiles", "category 2"),
    "/reports": ("#reports-body", "Verified savings"),
}
"""By path, an element and what it says when the page is there."""


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", PHONE_PX)])
def test_the_pages_open_without_an_error_and_fit(ui: Ui, browser: Browser, scheme: str, width: int) -> None:
    found = watched(browser, scheme, width)
    for path, (element, said) in FILLED.items():
        found.page.goto(ui.url + path)
        expect(found.page.locator(element)).to_contain_text(re.compile(said))
        wide = found.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width + OVERFLOW_PX, f"{path} is {wide} px wide"
    assert found.errors == []
    assert found.offsite == []
    found.page.context.close()


def test_ranges_are_chosen_by_keyboard_and_stand_in_the_address(ui: Ui, browser: Browser) -> None:
    found = watched(browser)
    page = found.page
    page.goto(ui.url)
    expect(page.locator("#overview-status")).to_contain_text("recommendation")
    assert page.url == f"{ui.url}/", "what nobody has chosen does not stand in the address"
    page.locator("#overview-range input[value='12h']").focus()
    page.keyboard.press("ArrowLeft")
    expect(page).to_have_url(re.compile(r"range=1h"))
    expect(page.locator("#overview-range input[value='1h']")).to_be_checked()
    expect(page.locator("#overview-chart .main-svg").first).to_be_visible()
    page.goto(f"{ui.url}/energy?range=1d")
    expect(page.locator("#energy-range input[value='1d']")).to_be_checked()
    page.locator("#energy-files a").first.focus()
    with page.expect_download() as file:
        page.keyboard.press("Enter")
    assert file.value.suggested_filename.endswith(".csv")
    assert "range=1d" in page.locator("#energy-files a").first.get_attribute("href")
    assert found.errors == []
    page.context.close()


def test_a_month_is_taken_away_as_pdf(ui: Ui, browser: Browser) -> None:
    found = watched(browser)
    page = found.page
    page.goto(f"{ui.url}/reports?month=1999-99")
    expect(page.locator("#reports-said")).to_contain_text("There is no report of “1999-99”")
    expect(page.locator("#reports-body")).to_contain_text("Power usage effectiveness")
    page.locator("#reports-files a").first.focus()
    with page.expect_download() as file:
        page.keyboard.press("Enter")
    assert re.fullmatch(r"demo-\d{4}-\d{2}\.pdf", file.value.suggested_filename)
    assert found.errors == []
    page.context.close()


def test_a_chart_is_saved_with_what_it_is_and_whence_below_it(
    ui: Ui, browser: Browser, tmp_path: Path
) -> None:
    found = watched(browser)
    page = found.page
    page.goto(f"{ui.url}/?units=ip")
    plot = page.locator(".js-plotly-plot").first
    expect(plot.locator(".main-svg").first).to_be_visible()
    plot.hover()
    with page.expect_download() as download:
        plot.get_by_role("button", name="Download plot as a PNG").click()
    saved = tmp_path / "chart.png"
    download.value.save_as(saved)
    assert download.value.suggested_filename.startswith("demo-hall-overview-")
    with Image.open(saved) as image:
        height = 2 * page.evaluate("document.querySelector('.js-plotly-plot').getBoundingClientRect().height")
        assert image.height >= height + 3 * 2 * 18
        below = image.convert("L").crop((0, int(height), image.width, image.height))
        assert len(below.getcolors()) > 20, "nothing is written below the chart"
    assert (found.errors, found.offsite) == ([], [])
