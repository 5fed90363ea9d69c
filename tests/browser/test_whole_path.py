"""The whole path: `joulecast up`, a real browser, a recommendation accepted, services killed."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import paho.mqtt.client as mqtt
import people
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from core import db
from core.errors import ServiceError
from core.site import load_site
from joulecast import embedded
from joulecast.demo import plant
from joulecast.demo.plant import SETPOINT_REFS
from joulecast.verbs.common import DEMO_SITE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Page

T = TypeVar("T")
SPEED = 60.0
START_S = 120.0
MOVING_S = 120.0
ADVICE_S = 240.0
LEARNT_S = 720.0
STOP_S = 60.0
SITE = load_site(DEMO_SITE)

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(1500)]


@dataclass
class Running:
    """A `joulecast up` and where its things are."""

    process: subprocess.Popen[str]
    url: str
    data_dir: Path
    started_s: float

    @property
    def info(self) -> embedded.RunInfo:
        found = embedded.running(self.data_dir)
        assert found is not None
        return found


def _until(ask: Callable[[], T], within_s: float, what: str) -> T:
    end = time.monotonic() + within_s
    while True:
        found = ask()
        if found:
            return found
        assert time.monotonic() < end, f"{what}: not within {within_s:.0f} s"
        time.sleep(0.25)


def _answers(url: str) -> bool:
    host, port = url.removeprefix("http://").split(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("whole-path")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("JOULECAST_")}
    environment |= {
        "JOULECAST_DEMO_SPEED": str(SPEED),
        "JOULECAST_UI_PORT": str(port),
        "OMP_NUM_THREADS": "1",
    }
    log = (folder / "up.log").open("w")
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "joulecast", "up"],
        cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    running = Running(process, f"http://127.0.0.1:{port}", folder / ".joulecast", started)
    try:
        _until(
            lambda: process.poll() is not None or embedded.running(running.data_dir),
            START_S,
            "everything runs",
        )
        assert process.poll() is None, (folder / "up.log").read_text()
        yield running
        pids = list(running.info.pids.values())
        process.send_signal(signal.SIGINT)
        assert process.wait(STOP_S) == 0, (folder / "up.log").read_text()
        assert not [pid for pid in pids if _alive(pid)], "left behind"
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(STOP_S)
        log.close()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _database_answers(up: Running) -> bool:
    try:
        return bool(_rows(up, "SELECT 1 AS one"))
    except ServiceError:
        return False


def _rows(up: Running, statement: str, *parameters: Any) -> list[db.Row]:
    with db.connect(up.info.dsn) as conn:
        return conn.execute(statement, parameters).fetchall()


def _number(page: Page, element: str) -> float | None:
    found = re.search(r"-?\d+(\.\d+)?", page.locator(element).inner_text().replace(",", ""))
    return float(found.group()) if found else None


def _mean(up: Running, ref: str, minutes: float, until: datetime) -> float:
    asset, point = ref.split("/")
    found = _rows(
        up,
        "SELECT avg(value) AS mean FROM reading_named"
        " WHERE asset_id = %s AND name = %s AND time > %s AND time <= %s",
        asset, point, until - timedelta(minutes=minutes), until,
    )  # fmt: skip
    return float(found[0]["mean"])


def _cooling_kw(up: Running, minutes: float, until: datetime) -> float:
    return sum(_mean(up, str(ref), minutes, until) for ref in SITE.meters.cooling) / 1000.0


def _cooling_without_kw(minutes: float, until: datetime) -> float:
    """What the demo plant would draw then with nothing changed: its load and weather repeat."""
    times = until.timestamp() - np.arange(0.0, 60.0 * minutes, 5.0)
    unchanged = {name: np.full(times.shape, value) for name, value in plant.INITIAL_SETPOINTS.items()}
    parameters = plant.true_parameters(SITE.plant)
    found = plant.measure(parameters, times, unchanged, unchanged, np.random.default_rng(0))
    return sum(float(found[str(ref)].mean()) for ref in SITE.meters.cooling) / 1000.0


def _latest(up: Running, ref: str) -> db.Row:
    asset, point = ref.split("/")
    statement = (
        "SELECT l.time, l.value FROM reading_latest l JOIN point p USING (point_id)"
        " WHERE p.asset_id = %s AND p.name = %s"
    )
    return _rows(up, statement, asset, point)[0]


def test_a_moving_pue_then_a_forecast_then_a_recommendation_that_is_accepted(up: Running, page: Page) -> None:
    page.goto(up.url)
    first = _until(lambda: _number(page, "#kpi-power-ratio"), MOVING_S, "a power ratio")
    assert 1.0 < first < 2.0
    seen = {first}
    _until(
        lambda: seen.add(_number(page, "#kpi-power-ratio") or first) or len(seen) > 1, MOVING_S, "it moves"
    )

    _until(
        lambda: _rows(up, "SELECT FROM forecast WHERE model = 'lstm' LIMIT 1"),
        LEARNT_S - (time.monotonic() - up.started_s), "a forecast by the LSTM",
    )  # fmt: skip
    people.account(up.info.dsn, "ann", "operator")
    people.enter(page, up.url, "ann", "/recommendations")
    statement = "SELECT recommendation_id AS id, changes FROM recommendation WHERE state = 'proposed'"
    accept = page.locator("#accept-open")
    change = _until(
        lambda: accept.is_visible() and accept.is_enabled() and _rows(up, statement),
        ADVICE_S, "a recommendation",
    )[0]  # fmt: skip
    wanted = change["changes"][0]
    ref = next(r for name, r in SETPOINT_REFS.items() if name.value == wanted["setpoint"])
    before = _latest(up, ref)
    assert before["value"] == pytest.approx(wanted["from_c"], abs=0.05)
    cooling_before = _cooling_kw(up, 20, before["time"])

    page.locator("#accept-open").click()
    page.locator("#act-confirm").click()
    statement = "SELECT FROM recommendation_event WHERE recommendation_id = %s AND to_state = 'applied'"
    _until(lambda: _rows(up, statement, change["id"]), 120, "the recommendation is applied")
    after = _latest(up, ref)
    assert after["value"] == pytest.approx(wanted["to_c"], abs=0.05)

    settled = after["time"] + timedelta(minutes=45)
    _until(lambda: _latest(up, ref)["time"] >= settled, 120, "the plant settles")
    cooling_after = _cooling_kw(up, 20, settled)
    cooling_unchanged = _cooling_without_kw(20, settled)
    assert cooling_after < cooling_unchanged - 0.3
    statement = "SELECT to_state, actor FROM recommendation_event WHERE recommendation_id = %s"
    events = [(e["to_state"], e["actor"]) for e in _rows(up, statement, change["id"])]
    assert ("accepted", "ann") in events
    print(f"\n{ref}: {before['value']:.2f} -> {after['value']:.2f} degC;")
    print(f"cooling power, 20 min means: {cooling_before:.1f} -> {cooling_after:.1f} kW,")
    print(f"with the setpoint unchanged it would be {cooling_unchanged:.1f} kW")


class Probe:
    """A device that publishes numbered readings and remembers which ones the broker acknowledged."""

    def __init__(self, up: Running) -> None:
        host, port = up.info.broker.removeprefix("mqtt://").split(":")
        self.acknowledged: set[int] = set()
        self._number_of: dict[int, int] = {}
        self._early: set[int] = set()
        self._lock = threading.Lock()
        self._base = datetime(2026, 1, 1, tzinfo=UTC)
        self._stop = threading.Event()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id="probe", protocol=MQTTProtocolVersion.MQTTv5
        )
        self._client.on_publish = self._on_publish
        self._client.connect(host, int(port))
        self._client.loop_start()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _on_publish(self, _c: Any, _u: Any, mid: int, *_: Any) -> None:
        with self._lock:
            if mid in self._number_of:
                self.acknowledged.add(self._number_of.pop(mid))
            else:
                self._early.add(mid)

    def _run(self) -> None:
        number = 0
        while not self._stop.wait(0.02):
            time_text = (self._base + timedelta(seconds=number)).isoformat()
            payload = json.dumps({"time": time_text, "value": float(number)})
            info = self._client.publish("joulecast/demo/probe/power", payload, qos=1)
            with self._lock:
                if info.mid in self._early:
                    self._early.discard(info.mid)
                    self.acknowledged.add(number)
                else:
                    self._number_of[info.mid] = number
            number += 1

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        time.sleep(2)
        self._client.disconnect()
        self._client.loop_stop()


def test_any_service_that_is_killed_comes_back_and_nothing_acknowledged_is_missing(up: Running) -> None:
    probe = Probe(up)
    try:
        for name in ("ingest", "forecast", "twin", "ui", "demo", "postgres"):
            old = up.info.pids[name]
            os.kill(old, signal.SIGKILL)
            _until(
                lambda name=name, old=old: up.info.pids.get(name, old) != old, 60, f"{name} is started again"
            )
            if name == "ui":
                _until(lambda: _answers(up.url), 60, "the page answers again")
            if name == "postgres":
                _until(lambda: _database_answers(up), 60, "the database answers again")
            time.sleep(1)
    finally:
        probe.close()
    assert len(probe.acknowledged) > 200

    def stored() -> set[int]:
        found = _rows(up, "SELECT value FROM reading_named WHERE asset_id = 'probe'")
        return {int(row["value"]) for row in found}

    sent = f"all {len(probe.acknowledged)} acknowledged readings"
    _until(lambda: probe.acknowledged <= stored(), MOVING_S, sent)
    count = _rows(up, "SELECT count(*) AS n FROM reading_named WHERE asset_id = 'probe'")[0]["n"]
    assert count == len(stored())
