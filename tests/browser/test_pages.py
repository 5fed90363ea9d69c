"""The real `python -m ui` on a real, seeded database in a real browser: what moves, is old, has died."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core import db
from core.jobs import Context
from core.settings import Settings

sys.path.insert(0, str(Path(__file__).parents[1] / "ui"))
import seed  # lies beside the tests of the pages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

    from core.site import Site

expect = pytest.importorskip("playwright.sync_api").expect

pytestmark = pytest.mark.browser

SITE_FILE = Path(__file__).parents[2] / "joulecast" / "demo" / "site.toml"
START_S = 30.0
STEP = timedelta(minutes=5)
OVERFLOW_PX = 1
PHONE_PX = 390
SCROLLED = """table => {
  table.scrollLeft = 200;
  const left = e => e.getBoundingClientRect().x;
  return [table.scrollLeft, left(table.querySelector("tbody td")) - left(table)];
}"""
SILENT_S = 10.0
LINES = [
    "IT equipment", "UPS and distribution", "Chillers", "CRAH fans", "Pumps", "Tower fans",
    "Other, unaccounted", "Facility", "PUE", "TUE", "Tower water, L",
]  # fmt: skip


@dataclass
class Ui:
    """A running `python -m ui`."""

    process: subprocess.Popen[bytes]
    url: str
    dsn: str
    site: Site
    seeded: seed.Seeded


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def environment(dsn: str, port: int, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("JOULECAST_")}
    return {
        **kept,
        "JOULECAST_DSN": dsn,
        "JOULECAST_SITE_FILE": str(SITE_FILE),
        "JOULECAST_UI_PORT": str(port),
        "OMP_NUM_THREADS": "1",
        **more,
    }


def start(dsn: str, port: int, **more: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-m", "ui"], env=environment(dsn, port, **more))
    until(lambda: answers(f"http://127.0.0.1:{port}/healthz"), START_S, "the pages are served")
    return process


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as found:  # noqa: S310  # http on loopback
            return bool(found.status == 200)
    except OSError:
        return False


def until(ask: Callable[[], bool], within_s: float, what: str) -> None:
    end = time.monotonic() + within_s
    while not ask():
        assert time.monotonic() < end, f"not within {within_s:.0f} s: {what}"
        time.sleep(0.1)


@contextmanager
def served(dsn: str, site: Site) -> Iterator[Ui]:
    """`python -m ui` on a database seeded up to now, on the machine's clock."""
    seeded = seed.everything(dsn, site, datetime.now(UTC), step=STEP)
    port = free_port()
    process = start(dsn, port)
    yield Ui(process, f"http://127.0.0.1:{port}", dsn, site, seeded)
    process.terminate()
    assert process.wait(10) == 0


@pytest.fixture
def ui(dsn: str, site: Site) -> Iterator[Ui]:
    with served(dsn, site) as found:
        yield found


@dataclass
class Watched:
    """A page and everything that it should not do."""

    page: Page
    errors: list[str] = field(default_factory=list)
    offsite: list[str] = field(default_factory=list)


def watched(browser: Browser, scheme: str = "light", width: int = 1440, height: int = 1000) -> Watched:
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        timezone_id="Europe/Berlin",
        locale="en-GB",
    )
    found = Watched(context.new_page())
    local = ("http://127.0.0.1", "data:", "blob:")
    found.page.on("console", lambda m: found.errors.append(m.text) if m.type == "error" else None)
    found.page.on("pageerror", lambda e: found.errors.append(str(e)))
    found.page.on("request", lambda r: None if r.url.startswith(local) else found.offsite.append(r.url))
    return found


def number(page: Page, element: str) -> float:
    found = re.search(r"\d+(\.\d+)?", page.locator(element).inner_text())
    assert found
    return float(found.group())


def test_dark_is_dark_and_light_is_light(ui: Ui, browser: Browser) -> None:
    shades = {}
    for scheme in ("light", "dark"):
        found = watched(browser, scheme)
        found.page.goto(ui.url)
        found.page.wait_for_selector(".tile")
        shade = found.page.evaluate("getComputedStyle(document.querySelector('.tile')).backgroundColor")
        shades[scheme] = sum(int(part) for part in re.findall(r"\d+", shade)[:3])
        found.page.context.close()
    assert shades["light"] > 600
    assert shades["dark"] < 200


def test_a_new_reading_moves_the_figures(ui: Ui, browser: Browser) -> None:
    page = watched(browser).page
    page.goto(ui.url)
    expect(page.locator("#kpi-it-power")).to_contain_text("kW")
    before = number(page, "#kpi-it-power")
    ratio = number(page, "#kpi-power-ratio")
    with db.connect(ui.dsn) as conn:
        seed.one_reading(conn, ui.site, ui.site.meters.it[0], datetime.now(UTC), (before + 50) * 1000)
    page.wait_for_function(
        "before => parseFloat(document.getElementById('kpi-it-power').innerText) > before + 45",
        arg=before,
        timeout=5000,
    )
    page.wait_for_function(
        "was => parseFloat(document.getElementById('kpi-power-ratio').innerText) < was",
        arg=ratio,
        timeout=5000,
    )
    page.context.close()


def test_a_day_is_replayed(ui: Ui, browser: Browser, tmp_path: Path) -> None:
    jobs = pytest.importorskip("twin.jobs")
    settings = Settings(dsn=ui.dsn, site_file=SITE_FILE)
    jobs.calibrate_site(Context(settings, ui.site, settings.make_clock(), ui.dsn))
    folder = Path(os.environ.get("JOULECAST_SCREENSHOTS", tmp_path))
    for scheme, width in (("light", 1440), ("dark", 1440), ("light", PHONE_PX)):
        found = watched(browser, scheme, width)
        page = found.page
        page.goto(f"{ui.url}/replay")
        page.fill("#replay-supply-air-temperature", "22")
        page.click("#replay-run")
        expect(page.locator("#replay-said")).to_contain_text("Replayed", timeout=30_000)
        energies = page.locator("#replay-energies")
        expect(energies).to_contain_text("The alternative")
        expect(page.locator("#replay-chart .legendtext").first).to_contain_text("measured")
        head = energies.locator("th").all_inner_texts()
        assert head[3:] == ["Twin less measured", "Alternative", "Difference, p50", "p10 to p90"]
        lines = energies.locator("tbody tr").all_inner_texts()
        assert [line.split("\t")[0] for line in lines] == LINES
        assert all(" to " in line for line in lines)
        for name, value in (("kw", "30"), ("from", "18"), ("to", "22")):
            page.fill(f"#replay-shift-{name}", value)
        page.click("#replay-run")
        expect(energies).to_contain_text("30.0 kWh came and 30.0 kWh left")
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width + OVERFLOW_PX
        moved, x = energies.locator(".scroll").evaluate(SCROLLED)
        assert (moved > 0) == (width == PHONE_PX)
        assert x >= -OVERFLOW_PX, "what a row is stays in sight"
        page.screenshot(path=folder / f"replayed-{scheme}-{width}.png", full_page=True)
        assert found.errors == []
        page.context.close()


def test_the_site_page_validates_the_twin(ui: Ui, browser: Browser, tmp_path: Path) -> None:
    jobs = pytest.importorskip("twin.jobs")
    settings = Settings(dsn=ui.dsn, site_file=SITE_FILE)
    jobs.calibrate_site(Context(settings, ui.site, settings.make_clock(), ui.dsn))
    folder = Path(os.environ.get("JOULECAST_SCREENSHOTS", tmp_path))
    for scheme, width in (("light", 1440), ("dark", 1440), ("light", PHONE_PX)):
        found = watched(browser, scheme, width)
        found.page.goto(f"{ui.url}/site")
        expect(found.page.locator("#site-inside")).to_contain_text("Warmest IT inlet", timeout=30_000)
        expect(found.page.locator("#site-validation")).to_contain_text("held out of the fit")
        wide = found.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width + OVERFLOW_PX
        found.page.screenshot(path=folder / f"site-validated-{scheme}-{width}.png", full_page=True)
        assert found.errors == []
        found.page.context.close()


def test_old_data_are_said_to_be_old(dsn: str, site: Site, browser: Browser) -> None:
    seed.everything(dsn, site, datetime.now(UTC) - timedelta(minutes=10), timedelta(hours=1))
    port = free_port()
    process = start(dsn, port)
    page = watched(browser).page
    page.goto(f"http://127.0.0.1:{port}")
    expect(page.locator("#banner")).to_contain_text("No new reading of the power meters for 10 min")
    expect(page.locator("#kpi-power-ratio")).to_contain_text("—")
    page.context.close()
    process.terminate()
    assert process.wait(10) == 0


def test_a_server_that_died_is_noticed_by_the_page_itself(ui: Ui, browser: Browser) -> None:
    page = watched(browser).page
    page.goto(ui.url)
    expect(page.locator("#kpi-it-power")).to_contain_text("kW")
    ui.process.send_signal(signal.SIGTERM)
    assert ui.process.wait(10) == 0
    expect(page.locator("#banner")).to_contain_text("No answer from the server", timeout=SILENT_S * 1000)
    assert page.evaluate("document.body.classList.contains('stale')")
    page.context.close()


def test_a_fast_clock_is_said_to_be_fast_and_an_empty_database_is_explained(
    dsn: str, browser: Browser
) -> None:
    now = datetime.now(UTC).isoformat()
    port = free_port()
    process = start(dsn, port, JOULECAST_CLOCK=f"{now}/{now}/60.0")
    found = watched(browser)
    found.page.goto(f"http://127.0.0.1:{port}")
    expect(found.page.locator("#mode-badge")).to_have_text("SIMULATED PLANT · time runs 60x")
    expect(found.page.locator("#data-age")).to_have_text("no data yet")
    expect(found.page.locator("#kpi-power-ratio-sub")).to_contain_text(
        "no reading yet of utility/facility_power"
    )
    for path, said in (
        ("/forecast", "No forecast yet"),
        ("/recommendations", "No recommendation"),
        ("/replay", "No day has readings"),
        ("/site", "not been calibrated"),
        ("/system", "No job has run yet"),
    ):
        found.page.goto(f"http://127.0.0.1:{port}{path}")
        expect(found.page.locator("#page")).to_contain_text(said)
    assert found.errors == []
    found.page.context.close()
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0


def test_a_busy_port_is_one_sentence_and_status_2(dsn: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = subprocess.run(
            [sys.executable, "-m", "ui"],
            env=environment(dsn, port),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert f"address 127.0.0.1:{port}" in ended.stderr
