"""A real Chromium for the pages; a test that needs one is skipped where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import chrome
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

PATIENCE_MS = 20_000
"""How long something may take to appear on a busy machine."""


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One headless Chromium for the whole run."""
    program = chrome.program()
    if not program:
        pytest.skip(chrome.MISSING)
    from playwright.sync_api import expect, sync_playwright  # noqa: PLC0415  # only where there is a browser

    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, headless=True, args=list(chrome.FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """The same; what a test that failed has left open is closed, so that it does not slow the others."""
    yield chromium
    for context in chromium.contexts:
        context.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh profile and a page in it."""
    context = browser.new_context(
        viewport={"width": 1440, "height": 1000}, timezone_id="Europe/Berlin", locale="en-GB"
    )
    yield context.new_page()
    context.close()
