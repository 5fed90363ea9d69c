"""The console's benchmark: a row for everything it must reach, a load that asks as browsers do."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import bench_ui
import pytest
import ui_charts
import ui_load
import ui_server
from sheet import Sheet
from ui_load import Plan

from core import db

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from core.site import Site

BODY: dict[str, Any] = {
    "output": "..beat.data...seen.data..",
    "inputs": [{"id": "tick", "value": 7}, {"id": "page-key", "value": {"path": "/"}}],
    "state": [{"id": "seen", "value": None}, {"id": "view", "value": {}}],
}


def test_every_row_has_its_own_name_and_what_must_be_reached_has_a_bound() -> None:
    targets = tuple(bench_ui.targets())
    assert len({target.key for target in targets}) == len(targets)
    assert {target.part for target in targets} == set(bench_ui.PARTS)
    assert {target.key: target.bound for target in targets if target.sign == "<="} == {
        "cold_chart_ms": 2500, "warm_chart_ms": 1000, "cold_kpi_ms": 1500, "warm_kpi_ms": 1500,
        "update_ms": 100, "poll_50_ms": 100, "poll_200_ms": 250, "whatif_ms": 1000,
        "replay_day_ms": 1500, "replay_frame": 50, "sensor": 3000,
        "banner_data": 10, "banner_slow_data": 10, "banner_server": 10, "banner_sign_in": 10,
        "heap": 200, "server_growth": 1.05,
    }  # fmt: skip


def test_a_soak_that_nobody_asked_for_says_so(tmp_path: Path) -> None:
    sheet = Sheet(tuple(bench_ui.targets()))
    with bench_ui.ExitStack() as stack, sheet.part("soak"):
        bench_ui.Bench(sheet, tmp_path, stack).soak(0)
    assert sheet.flat()["heap_not_measured"] == "asked for by --soak MINUTES"


class Console(BaseHTTPRequestHandler):
    """Answers polls; what each connection asked is kept."""

    protocol_version = "HTTP/1.1"
    asked: dict[int, list[dict[str, Any]]]
    status = 200

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        mine = self.asked.setdefault(self.client_address[1], [])
        mine.append(body)
        answer = {"response": {"seen": {"data": {"of": len(mine)}}} if len(mine) < 3 else {}}
        text = json.dumps(answer).encode()
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name in the library
        del format, args


@contextmanager
def console(status: int = 200) -> Iterator[tuple[str, dict[int, list[dict[str, Any]]]]]:
    asked: dict[int, list[dict[str, Any]]] = {}
    handler = type("One", (Console,), {"asked": asked, "status": status})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ui_load, "TICK_S", 0.05)
    monkeypatch.setattr(ui_load, "LEFT_OUT_S", 0.05)


def loaded(plan: Plan) -> dict[str, Any]:
    """In a thread: a browser of other tests has its loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, ui_load.all_of(plan)).result()


@pytest.mark.usefixtures("hurried")
def test_each_browser_asks_with_its_own_count_and_what_it_has_seen() -> None:
    with console() as (url, asked):
        found = loaded(Plan(url, "/poll", clients=3, seconds=0.21, body=BODY))
    assert len(asked) == 3
    for bodies in asked.values():
        assert [body["inputs"][0]["value"] for body in bodies] == [0, 1, 2, 3]
        assert [body["inputs"][1] for body in bodies] == [BODY["inputs"][1]] * 4
        assert [body["state"][0]["value"] for body in bodies] == [None, {"of": 1}, {"of": 2}, {"of": 2}]
    assert len(found["ms"]) == 3 * 3, "the first of each does not count"
    assert all(0 < ms < 5000 for ms in found["ms"])
    assert found["bytes"] > 0


@pytest.mark.usefixtures("hurried")
def test_an_answer_that_is_none_ends_the_load() -> None:
    with console(status=503) as (url, _), pytest.raises(RuntimeError, match="/poll is answered with 503"):
        loaded(Plan(url, "/poll", clients=1, seconds=0.1, body=BODY))


def test_nineteen_in_twenty() -> None:
    assert ui_load.p95([float(n) for n in range(1, 1001)]) == pytest.approx(951, abs=1)
    assert ui_load.p95([3.0]) == 3.0


def test_charts_are_thinned_as_the_pages_do_it_or_whole() -> None:
    thinned, whole = ui_charts.shown(0, 1), ui_charts.shown(0, 1 + ui_charts.ALL)
    few, all_of_them = thinned["data"][0]["y"], whole["data"][0]["y"]
    assert 900 <= len(few) <= 1000
    assert len(all_of_them) == len(whole["data"][0]["x"]) == ui_charts.POINTS
    assert max(few) == pytest.approx(max(all_of_them))
    assert min(few) == pytest.approx(min(all_of_them))
    assert ui_charts.shown(0, 2)["data"][0]["y"] != few


def test_a_server_is_ready_when_it_answers_and_gone_when_it_is_stopped(tmp_path: Path) -> None:
    def argv(port: int) -> list[str]:
        return [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "-d", str(tmp_path)]

    with ui_server.Server(tmp_path, "files", argv, "/", {}) as server:
        assert server.answers("/")
        assert server.resident_bytes() > 1e6
    assert not server.answers("/")


def test_the_plant_goes_on_until_it_is_stopped(dsn: str, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ui_server, "FEED_S", 0.05)
    monkeypatch.setattr(ui_server, "LATELY", timedelta(seconds=1))

    def newest() -> datetime:
        with db.connect(dsn) as conn:
            row = conn.execute("SELECT min(time) AS at FROM reading_latest").fetchone()
        assert row is not None
        return row["at"]  # type: ignore[no-any-return]  # every point has one

    with ui_server.Plant(dsn, site) as plant:
        begun = datetime.now(UTC)
        ui_server.wait_until(lambda: newest() > begun, "a reading")
        plant.stop()
        last = newest()
        assert last <= datetime.now(UTC)
    assert newest() == last
