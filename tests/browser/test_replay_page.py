"""The Replay page in a real browser: played by keyboard, scrubbed without the server, kept in the address."""

from __future__ import annotations

import os
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import test_pages
from test_pages import OVERFLOW_PX, PHONE_PX, SITE_FILE, seed, watched

from core import db
from core.jobs import Context
from core.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from core.site import Site

expect = pytest.importorskip("playwright.sync_api").expect

pytestmark = pytest.mark.browser

LOAD_S, FRAME_MS = 1.5, 50.0
"""What a day may take to load, and a frame to be made."""
BUSY = 8
"""A machine that runs other tests beside has so many times as long."""
SCRUBBED = """async () => {
  const player = window.joulecastReplay, line = document.getElementById("replay-cursor"), took = [];
  for (let i = 0; i < 40; i += 1) {
    const began = performance.now();
    player.seek(86000 * ((i * 37) % 40) / 40);
    line.getBoundingClientRect();
    took.push(performance.now() - began);
    await new Promise(requestAnimationFrame);
  }
  return took.sort((a, b) => a - b);
}"""
TWICE = """async () => {
  const offsets = [[0, 120, "CEST"], [36, 60, "CET"]], found = [];
  window.dash_clientside.replay.load({
    day: "2025-10-26", start: Date.UTC(2025, 9, 25, 22), step: 300, count: 300, offsets, site: offsets,
    cells: [], events: [], known: [[0, 300]], at: 0, address: { day: "2025-10-26" },
  });
  for (const step of [30, 42, 54]) {
    window.joulecastReplay.seek(step * 300);
    await new Promise((done) => setTimeout(done, 600));
    const clock = document.getElementById("replay-clock").innerText;
    found.push(clock.slice(-10).trim(), new URLSearchParams(location.search).get("t"));
  }
  return found;
}"""
FILLED = "#replay-facility_kw-measured:not(:empty)"


@pytest.fixture
def url(dsn: str, site: Site) -> Iterator[str]:
    """A server on a whole day of readings minute by minute, and a calibration."""
    jobs = pytest.importorskip("twin.jobs")
    now = datetime.now(UTC)
    with db.connect(dsn) as conn:
        seed.readings(conn, site, now - timedelta(hours=50), now)
        seed.alarm(conn, site, "forecast.drift.it_power.900", now - timedelta(hours=26))
    settings = Settings(dsn=dsn, site_file=SITE_FILE)
    jobs.calibrate_site(Context(settings, site, settings.make_clock(), dsn))
    port = test_pages.free_port()
    process = test_pages.start(dsn, port)
    yield f"http://127.0.0.1:{port}/replay"
    process.terminate()
    assert process.wait(10) == 0


def clock(page: Page) -> str:
    found = re.search(r"\d\d:\d\d", page.locator("#replay-clock").inner_text())
    assert found
    return found.group()


def loaded_s(page: Page, supply_c: str) -> float:
    """How long another scenario takes, from the button to its numbers [s]."""
    page.fill("#replay-supply-air-temperature", supply_c)
    before = page.locator("#replay-badge").inner_text()
    began = time.monotonic()
    page.click("#replay-run")
    page.wait_for_function("was => document.getElementById('replay-badge').innerText !== was", arg=before)
    return time.monotonic() - began


def test_a_day_is_played_by_keyboard_alone(url: str, browser: Browser, tmp_path: Path) -> None:
    folder = Path(os.environ.get("JOULECAST_SCREENSHOTS", tmp_path))
    found = watched(browser)
    page = found.page
    page.goto(f"{url}?supply_air_temperature=22&t=05:00&speed=600")
    page.wait_for_selector(FILLED)
    expect(page.locator("#replay-clock")).to_contain_text("05:00")
    expect(page.locator("#replay-difference")).to_contain_text("What must hold")
    for keys, wanted in (
        ("ArrowRight", "05:01"),
        ("Shift+ArrowRight", "06:01"),
        ("ArrowLeft", "06:00"),
        ("Shift+ArrowLeft", "05:00"),
    ):
        page.keyboard.press(keys)
        assert clock(page) == wanted
    expect(page.locator("#mode-badge")).to_have_text(re.compile(r"REPLAY \d{4}-\d\d-\d\d 05:00"))
    page.keyboard.press("Space")
    expect(page.locator("#replay-play")).to_have_text("Pause")
    page.wait_for_function("() => window.joulecastReplay.at() > 5.5 * 3600")
    page.keyboard.press("Space")
    stopped = clock(page)
    assert stopped >= "05:30"
    page.wait_for_url(re.compile(rf"t={stopped}"))
    assert "speed=600" in page.url
    page.screenshot(path=folder / "replay-played.png", full_page=True)
    page.reload()
    page.wait_for_selector(FILLED)
    expect(page.locator("#replay-clock")).to_contain_text(stopped)
    page.click("#nav-forecast")
    expect(page.locator("#mode-badge")).to_have_text("SIMULATED PLANT")
    assert found.errors == []
    assert found.offsite == []
    page.context.close()


def test_a_day_is_scrubbed_without_the_server_and_in_time(url: str, browser: Browser) -> None:
    page = watched(browser).page
    page.goto(url)
    page.wait_for_selector(FILLED)
    took_s = min(loaded_s(page, supply) for supply in ("22.5", "22", "21.5"))
    page.wait_for_timeout(1000)
    asked: list[str] = []
    page.on("request", lambda r: asked.append(r.post_data or "") if "_dash-update" in r.url else None)
    frames = page.evaluate(SCRUBBED)
    assert not [body for body in asked if "beat.data" not in body], "the poll alone asks"
    print(f"day loaded in {took_s:.2f} s; frames {frames[20]:.1f} ms, p95 {frames[37]:.1f} ms")
    assert took_s <= BUSY * LOAD_S
    assert frames[37] <= FRAME_MS
    box = page.locator("#replay-chart .main-svg").first.bounding_box()
    assert box
    at = clock(page)
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 4)
    assert clock(page) != at
    page.click("#replay-events .event")
    assert page.locator("#replay-events .event.past").count() >= 1
    twice = page.evaluate(TWICE)
    assert twice == ["02:30 CEST", "02:30", "02:30 CET", "02:30+01:00", "03:30 CET", "03:30"]
    page.context.close()


def test_less_motion_and_a_phone(url: str, browser: Browser, tmp_path: Path) -> None:
    folder = Path(os.environ.get("JOULECAST_SCREENSHOTS", tmp_path))
    found = watched(browser, "dark", PHONE_PX)
    page = found.page
    page.emulate_media(reduced_motion="reduce")
    page.goto(f"{url}?units=ip&tz=UTC&speed=600")
    page.wait_for_selector(FILLED)
    expect(page.locator("#replay-table")).to_contain_text("°F")
    expect(page.locator("#replay-clock")).to_contain_text("UTC")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE_PX + OVERFLOW_PX
    page.click("#replay-play")
    moves = page.evaluate(
        """async () => {
          const seen = new Set(), end = performance.now() + 2500;
          while (performance.now() < end) {
            seen.add(document.getElementById("replay-cursor").style.transform);
            await new Promise(requestAnimationFrame);
          }
          return seen.size;
        }"""
    )
    assert 2 <= moves <= 4, "about once a second"
    page.screenshot(path=folder / "replay-phone.png", full_page=True)
    assert found.errors == []
    page.context.close()
