"""How soon an operator sees what is there, and how soon that there is nothing: a real server, a real browser.

    python benchmarks/bench_ui.py [--only PART ...] [--soak MINUTES]

Everything runs on loopback and on one machine: the browser takes from the server what it needs itself.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import ui_browser
import ui_charts
import ui_live
import ui_load
import ui_server
import ui_simulate
import ui_soak
from common import report, show
from sheet import AT_MOST, NotMeasured, Sheet, Target
from ui_load import Plan, p95

from core.site import load_site
from joulecast.embedded import Broker, Postgres
from joulecast.verbs.common import DEMO_SITE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from playwright.sync_api import Playwright

ROUNDS: Final = 5
UPDATES: Final = 15
CLIENTS: Final = {50: 100.0, 200: 250.0}
"""By how many ask once a second, what nineteen answers in twenty may take [ms]."""
LOAD_S: Final = 20.0
BANNER_MAX_S: Final = 10.0
HEAP_MAX_MB: Final = 200.0
GROWTH_MAX: Final = 1.05
FIRST: Final = {
    "cold_chart": ("first chart painted, new profile", 2500.0),
    "warm_chart": ("first chart painted, second load", 1000.0),
    "cold_kpi": ("first figure painted, new profile", 1500.0),
    "warm_kpi": ("first figure painted, second load", 1500.0),
}
POLL_PATH: Final = "/_dash-update-component"


def targets() -> Iterator[Target]:
    """The table, row by row."""
    for key, (what, most_ms) in FIRST.items():
        yield from _timing("first", key, what, most_ms, "the sign-in page of the same server")
    what = f"{ui_charts.CHARTS} charts over {ui_charts.POINTS:,} readings each, asked for to painted"
    yield from _timing("update", "update", what, 100.0, "with every reading sent")
    for clients, most_ms in CLIENTS.items():
        what = f"poll of the first page, {clients} clients once a second, p95"
        yield from _timing("load", f"poll_{clients}", what, most_ms, "the same of /healthz")
    healthy = "/healthz fetched by the page, p95"
    yield from _timing("whatif", "whatif", "What-if: slider to figures painted, p95", 1000.0, healthy)
    yield from _timing("replay", "replay_day", "Replay: button to a day's numbers painted", 1500.0, healthy)
    yield _row("replay", "replay_frame", "Replay: a frame of scrubbing, p95 [ms]", 50.0)
    yield _row("sensor", "sensor", "reading published to painted, real worker, p95 [ms]", 3000.0)
    for name, what in (
        ("data", f"the last reading of meters that send every {ui_server.FEED_S:g} s"),
        ("slow_data", f"the same, every {ui_live.SLOW_S:g} s"),
        ("server", "the server stops"),
        ("sign_in", "a sign-in ends"),
    ):
        yield _row("banners", f"banner_{name}", f"banner after {what} [s]", BANNER_MAX_S)
    yield _row(
        "soak",
        "heap",
        f"{len(ui_soak.PATHS)} open pages: the largest page's heap at the end [MB]",
        HEAP_MAX_MB,
    )
    yield Target("soak", "server_growth", "server's memory, end over start", AT_MOST, GROWTH_MAX)


def _row(part: str, key: str, what: str, bound: float) -> Target:
    return Target(part, key, what, AT_MOST, bound, as_ratio=False)


def _timing(part: str, key: str, what: str, most_ms: float, beside: str) -> Iterator[Target]:
    """A time and what it is against a baseline."""
    yield _row(part, f"{key}_ms", f"{what} [ms]", most_ms)
    yield Target(part, f"{key}_over", f"  over {beside}")


class Bench:
    """The servers, started when the first part asks for them."""

    def __init__(self, sheet: Sheet, folder: Path, stack: ExitStack) -> None:
        self.sheet, self._folder, self._stack = sheet, folder, stack
        self.site = load_site(DEMO_SITE)

    def folder(self, name: str) -> Path:
        """A folder of its own."""
        found = self._folder / name
        found.mkdir()
        return found

    @cached_property
    def driver(self) -> Playwright:
        """What drives browsers."""
        return self._stack.enter_context(ui_browser.playwright())

    @cached_property
    def dsn(self) -> str:
        """A database in which the demo plant has a past."""
        server = self._stack.enter_context(Postgres(self.folder("filled")))
        ui_server.fill(server.dsn, self.site)
        return server.dsn

    @cached_property
    def ui(self) -> ui_server.Server:
        """The console in front of it; the plant goes on."""
        self._stack.enter_context(ui_server.Plant(self.dsn, self.site))
        found = self._stack.enter_context(ui_server.ui_server(self.folder("ui"), self.dsn))
        browser = ui_browser.launched(self.driver)
        ui_browser.opened(browser, found.url)  # what the server makes once is made
        browser.close()
        return found

    def timed(self, key: str, ours_ms: float, baseline_ms: float) -> None:
        """Fill in a time and its ratio."""
        self.sheet.found(f"{key}_ms", ours_ms)
        self.sheet.found(f"{key}_over", ours_ms, baseline_ms)

    # -- parts ------------------------------------------------------------------------------------------

    def first(self) -> None:
        """The first page, in new profiles and again."""
        found = ui_browser.first_paints(self.driver, self.ui.url, ROUNDS)
        for key in FIRST:
            load = key.partition("_")[0]
            self.timed(key, found[f"page_{key}"], found[f"plain_{load}_page"])

    def update(self) -> None:
        """Charts on a page that has nothing else."""
        with ui_server.Server(self.folder("charts"), "charts", ui_charts.command, "/", {}) as server:
            browser = ui_browser.launched(self.driver)
            page = browser.new_context(viewport=ui_browser.VIEWPORT).new_page()
            self.timed("update", *ui_charts.update_ms(page, server.url, UPDATES))
            browser.close()

    def load(self) -> None:
        """Many browsers' polls."""
        browser = ui_browser.launched(self.driver)
        body, headers = ui_browser.polled(ui_browser.opened(browser, self.ui.url))
        browser.close()
        for clients in CLIENTS:
            asked = {"url": self.ui.url, "clients": clients, "seconds": LOAD_S}
            ours = ui_load.run(Plan(path=POLL_PATH, body=body, headers=headers, **asked))
            healthy = ui_load.run(Plan(path="/healthz", **asked))
            self.timed(f"poll_{clients}", p95(ours["ms"]), p95(healthy["ms"]))
            self.sheet.figures |= {
                f"poll_{clients}_median_ms": median(ours["ms"]),
                f"poll_{clients}_bytes_mean": ours["bytes"] / (clients * LOAD_S),
            }

    def whatif(self) -> None:
        """A slider."""
        browser = ui_browser.launched(self.driver)
        page = ui_browser.opened(browser, self.ui.url)
        healthy = p95(ui_simulate.healthy_ms(page))
        self.timed("whatif", p95(ui_simulate.slider_ms(page, self.ui.url)), healthy)
        browser.close()

    def replay(self) -> None:
        """A day and its frames."""
        browser = ui_browser.launched(self.driver)
        page = ui_browser.opened(browser, self.ui.url)
        healthy = p95(ui_simulate.healthy_ms(page))
        day_ms, frames_ms = ui_simulate.replay_ms(page, self.ui.url)
        self.timed("replay_day", day_ms, healthy)
        self.sheet.found("replay_frame", p95(frames_ms))
        browser.close()

    def sensor(self) -> None:
        """From the broker to the screen."""
        folder = self.folder("sensor")
        with Postgres(folder) as database, Broker(folder) as broker:
            ui_server.db.migrate(database.dsn)
            taken = ui_live.sensor_ms(self.driver, folder, database, broker, self.site)
        self.sheet.found("sensor", p95(taken))
        self.sheet.figures["sensor_median_ms"] = median(taken)

    def banners(self) -> None:
        """Nothing is shown as alive that is dead."""
        folder = self.folder("banners")
        with Postgres(folder) as database:
            ui_server.fill(database.dsn, self.site)
            found = ui_live.banners(self.driver, folder, database.dsn, self.site)
        for name, seconds in found._asdict().items():
            self.sheet.found(f"banner_{name}", seconds)

    def soak(self, minutes: float) -> None:
        """Memory.

        Raises:
            NotMeasured: nobody has said for how long.
        """
        if minutes <= 0:
            raise NotMeasured("asked for by --soak MINUTES")
        found = ui_soak.soak(self.driver, self.ui, minutes)
        note = f"{minutes:g} min"
        self.sheet.found("heap", found.heap_end, found.heap_start, note=note)
        self.sheet.found("server_growth", found.server_end, found.server_start, note=note)
        self.sheet.figures |= {"soak_min": minutes, "heap_sum_mb": found.heap_sum_end}


PARTS: Final = ("first", "update", "load", "whatif", "replay", "sensor", "banners", "soak")


def main() -> None:
    """Measure and report; of some parts only, the table alone: the file is of one run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="+", metavar="PART", choices=PARTS, default=())
    parser.add_argument("--soak", type=float, metavar="MINUTES", default=0.0)
    asked = parser.parse_args()
    chosen = asked.only or PARTS
    sheet = Sheet(tuple(target for target in targets() if target.part in chosen))
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        bench = Bench(sheet, Path(folder), stack)
        parts: Mapping[str, Callable[[], Any]] = {name: getattr(bench, name) for name in PARTS}
        for name in chosen:
            with sheet.part(name):
                parts[name](asked.soak) if name == "soak" else parts[name]()
    sheet.figures["took_s"] = time.perf_counter() - begun
    if asked.only:
        show("ui", sheet.table())
    else:
        report("ui", sheet.flat(), sheet.table())


if __name__ == "__main__":
    main()
