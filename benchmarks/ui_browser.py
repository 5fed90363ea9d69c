"""A real Chromium, and what a page tells of itself: when something is painted."""

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import contextmanager
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from common import ROOT
from sheet import NotMeasured

sys.path.insert(0, str(ROOT / "tests"))
import chrome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Page, Playwright

PATIENCE_MS: Final = 60_000
VIEWPORT: Final[Any] = {"width": 1440, "height": 1000}
FIRST: Final = {
    "kpi": ["#kpi-power-ratio", r"\d"],
    "chart": ["#overview-chart .main-svg .trace path.js-line", ""],
}
"""By what is waited for: the element, and a pattern in its text. A line with its points has its path."""
PLAIN: Final = {"page": ["form input", ""]}
"""The same of the sign-in: a page of the same server with nothing on it that is alive."""
PAINTED: Final = """wanted => {
  const seen = window.benchPainted = {};
  const there = ([element, text]) => {
    const found = document.querySelector(element);
    const drawn = found && (found.tagName !== "path" || found.getAttribute("d"));
    return drawn && (!text || new RegExp(text).test(found.textContent));
  };
  const look = () => {
    for (const [name, of] of Object.entries(wanted)) {
      if (!(name in seen) && there(of)) {
        seen[name] = null;
        setTimeout(() => { seen[name] = performance.now(); });
      }
    }
    if (Object.keys(wanted).some(name => !seen[name])) { requestAnimationFrame(look); }
  };
  requestAnimationFrame(look);
}"""
"""Looked for before each frame; what waits until after a frame runs when that one is painted."""


@contextmanager
def playwright() -> Iterator[Playwright]:
    """What drives browsers.

    Raises:
        NotMeasured: there is none here.
    """
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415  # only where there is a browser
    except ImportError as error:
        raise NotMeasured("playwright is not installed") from error
    if not chrome.program():
        raise NotMeasured(chrome.MISSING)
    with sync_playwright() as found:
        yield found


def launched(driver: Playwright) -> Browser:
    """One headless Chromium."""
    return driver.chromium.launch(executable_path=chrome.program(), headless=True, args=list(chrome.FLAGS))


def opened(browser: Browser, url: str) -> Page:
    """A page in a profile of its own, with its first figure on it."""
    page = browser.new_context(viewport=VIEWPORT).new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(url)
    shows(page, "#kpi-power-ratio", r"\d")
    return page


def shows(page: Page, element: str, pattern: str) -> None:
    """Wait until an element's text has something."""
    page.wait_for_function(
        "([element, text]) => new RegExp(text).test(document.querySelector(element)?.textContent || '')",
        arg=[element, pattern],
    )


def painted_ms(context: BrowserContext, url: str, wanted: dict[str, list[str]]) -> dict[str, float]:
    """When each thing stands on the screen, from the start of the navigation [ms]."""
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.add_init_script(f"({PAINTED})({json.dumps(wanted)})")
    page.goto(url, wait_until="commit")
    page.wait_for_function(
        "wanted => wanted.every(name => (window.benchPainted || {})[name])", arg=list(wanted)
    )
    found = {name: float(ms) for name, ms in page.evaluate("window.benchPainted").items()}
    page.close()
    return found


def first_paints(driver: Playwright, url: str, rounds: int) -> dict[str, float]:
    """Medians over new profiles: of the first load and of the second, the page's and the sign-in's [ms]."""
    taken: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, path, wanted in (("page", "/", FIRST), ("plain", "/login", PLAIN)):
            with tempfile.TemporaryDirectory() as profile:
                context = driver.chromium.launch_persistent_context(
                    profile,
                    executable_path=chrome.program(),
                    headless=True,
                    args=list(chrome.FLAGS),
                    viewport=VIEWPORT,
                )
                context.pages[0].wait_for_timeout(
                    500
                )  # a browser that has just been started is busy with itself
                for load in ("cold", "warm"):
                    for thing, ms in painted_ms(context, f"{url}{path}", wanted).items():
                        taken.setdefault(f"{name}_{load}_{thing}", []).append(ms)
                context.close()
    return {name: median(values) for name, values in taken.items()}


def polled(page: Page) -> tuple[dict[str, Any], dict[str, str]]:
    """What the page posts at its next tick: the body and the headers that matter."""
    with page.expect_request(lambda r: '"..beat.data...seen.data.."' in (r.post_data or "")) as asked:
        pass
    request = asked.value
    headers = {
        name: value for name, value in request.headers.items() if name in {"content-type", "user-agent"}
    }
    origin = "/".join(request.url.split("/", 3)[:3])
    return request.post_data_json, {**headers, "Origin": origin, "Sec-Fetch-Site": "same-origin"}
