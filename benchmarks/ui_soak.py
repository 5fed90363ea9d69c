"""Ten pages that stay open: what the browser and the server have in memory at the start and at the end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

from common import MB
from ui_browser import VIEWPORT, launched

if TYPE_CHECKING:
    from playwright.sync_api import CDPSession, Playwright
    from ui_server import Server

PATHS: Final = (
    "/",
    "/",
    "/",
    "/energy",
    "/forecast",
    "/recommendations",
    "/replay",
    "/alarms",
    "/system",
    "/quality",
)
SETTLE_S: Final = 60.0
"""So long everything is open before the start counts."""
LOOK_S: Final = 30.0


class Soaked(NamedTuple):
    """Memory [MB]."""

    heap_start: float
    """The largest page's, after a collection."""
    heap_end: float
    heap_sum_end: float
    """Of all pages."""
    server_start: float
    server_end: float


def soak(driver: Playwright, ui: Server, minutes: float) -> Soaked:
    """Leave the pages open for some time."""
    browser = launched(driver)
    sessions = []
    for path in PATHS:
        page = browser.new_context(viewport=VIEWPORT).new_page()
        page.goto(f"{ui.url}{path}")
        page.wait_for_selector("#page h1", state="attached")
        sessions.append(page.context.new_cdp_session(page))
    _wait(sessions, SETTLE_S)
    start, server_start = _heaps_mb(sessions), ui.resident_bytes() / MB
    _wait(sessions, 60.0 * minutes)
    end, server_end = _heaps_mb(sessions), ui.resident_bytes() / MB
    browser.close()
    return Soaked(max(start), max(end), sum(end), server_start, server_end)


def _wait(sessions: list[CDPSession], seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(min(LOOK_S, max(0.0, until - time.monotonic())))
        for session in sessions:
            session.send("Performance.enable")  # what the browser has told meanwhile is taken in


def _heaps_mb(sessions: list[CDPSession]) -> list[float]:
    found = []
    for session in sessions:
        session.send("HeapProfiler.collectGarbage")
        session.send("Performance.enable")
        metrics = session.send("Performance.getMetrics")["metrics"]
        found.append(next(m["value"] for m in metrics if m["name"] == "JSHeapUsedSize") / MB)
    return found
