"""The page Racks in a real browser: a rack picked by keyboard, a GPU found among many."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from test_cooling_page import SIDEWAYS, grave
from test_pages import PHONE_PX, Ui, seed, ui, watched

from core import db

if TYPE_CHECKING:
    from playwright.sync_api import Browser

expect = pytest.importorskip("playwright.sync_api").expect

pytestmark = pytest.mark.browser
__all__ = ["ui"]  # the fixture is of this module, too
GPUS = 300
PATIENCE_MS = 15_000
NODES = [f"gpu-node-{i:02d}" for i in range(1, 17)]


def test_a_rack_is_picked_by_keyboard_and_a_gpu_is_found(ui: Ui, browser: Browser) -> None:
    with db.connect(ui.dsn) as conn:
        seed.gpus(conn, ui.site, datetime.now(UTC), GPUS, NODES)
    for scheme, width in (("light", 1440), ("dark", PHONE_PX)):
        found = watched(browser, scheme, width)
        page = found.page
        page.goto(f"{ui.url}/racks")
        first = page.locator(".rack-cell").first
        expect(first).to_contain_text("°C")
        first.focus()
        page.keyboard.press("ArrowRight")
        expect(page.locator(".rack-cell:focus")).to_contain_text("Rack row 2")
        page.keyboard.press("Enter")
        page.wait_for_url("**/racks?rack=rack-2", timeout=PATIENCE_MS)
        expect(page.locator("#racks-picked-name")).to_have_text("Rack row 2")
        expect(page.locator(".rack-cell:focus")).to_contain_text("Rack row 2")
        expect(page.locator(".rack-cell[aria-pressed=true]")).to_contain_text("Rack row 2")
        expect(page.locator("#racks-picked-gpus")).to_contain_text("▲ heat (hardware)")
        expect(page.locator("#racks-trend .legendtext").first).to_be_visible()
        page.locator("#racks-metric input:checked").focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_url("**/racks?rack=rack-2&metric=power", timeout=PATIENCE_MS)
        expect(first).to_contain_text("kW")
        page.locator("#racks-gpus .ag-floating-filter-input input").first.fill("00000042")
        rows = page.locator("#racks-gpus .ag-row[role=row] [col-id=id]")
        expect(rows).to_have_text(["gpu-00000042"])
        assert page.evaluate(SIDEWAYS) <= 1
        assert grave(page) == []
        assert found.errors == []
        assert found.offsite == []
        page.context.close()
