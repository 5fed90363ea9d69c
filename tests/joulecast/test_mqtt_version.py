"""MQTT 3.1.1: everything that talks to the broker speaks what the settings say."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from queue import Queue
from typing import TYPE_CHECKING

import pytest
from watching import start

from core.clock import SystemClock
from core.jobs import Context
from core.settings import Settings
from ingest.mqtt import Address, Version, make_client
from ingest.sources import polling
from joulecast import embedded
from joulecast.demo import live
from joulecast.doctor import Verdict, check
from joulecast.embedded_broker import BrokerKind, have_rumqttd

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from core.site import Site

PATIENCE_S = 30.0


@pytest.fixture(scope="module")
def old_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker that does not know MQTT 5."""
    if not have_rumqttd():
        pytest.skip("the wheel iotcore is not installed")
    with embedded.Broker(tmp_path_factory.mktemp("broker"), BrokerKind.RUMQTTD) as broker:
        yield broker.url_for("3.1.1")


@contextmanager
def hearing(url: str, topic: str) -> Iterator[Queue[str]]:
    """Topics of what comes, from when the subscription stands."""
    address, heard, ready = Address.parse(url), Queue[str](), threading.Event()
    client = make_client(address, "", version=Version.V311)
    client.on_connect = lambda c, *_: c.subscribe(topic, qos=1)
    client.on_subscribe = lambda *_: ready.set()
    client.on_message = lambda _c, _u, message: heard.put(message.topic)
    client.connect(address.host, address.port)
    client.loop_start()
    try:
        assert ready.wait(PATIENCE_S)
        yield heard
    finally:
        client.disconnect()
        client.loop_stop()


def command(folder: Path, url: str, version: str, *arguments: str) -> subprocess.Popen[str]:
    return start(folder, *arguments, JOULECAST_BROKER=url, JOULECAST_MQTT_VERSION=version)


@pytest.mark.parametrize(("version", "status"), [("3.1.1", 0), ("5", 1)])
def test_publish(tmp_path: Path, old_broker: str, version: str, status: int) -> None:
    (tmp_path / "meter.csv").write_text("t,w\n0,1\n1,2\n", encoding="utf-8")
    arguments = ("publish", "meter.csv", "--map", "time=t,power=w", "--speed", "max")
    with hearing(old_broker, "joulecast/+/meter") as heard:
        process = command(tmp_path, old_broker, version, *arguments)
        _, complaint = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == status, complaint
        if status == 0:
            assert heard.get(timeout=PATIENCE_S) == "joulecast/demo/meter"


def test_collect(tmp_path: Path, old_broker: str) -> None:
    with hearing(old_broker, "joulecast/+/me") as heard:
        process = command(tmp_path, old_broker, "3.1.1", "collect", "host", "--asset", "me")
        try:
            assert heard.get(timeout=PATIENCE_S) == "joulecast/demo/me"
        finally:
            process.send_signal(signal.SIGINT)
            _, complaint = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, complaint


def test_every_collector_is_told(old_broker: str, site: Site) -> None:
    def poll(now: datetime) -> list[polling.Sample]:
        stop.set()
        return [polling.Sample("one", {"power": 1.0}, now)]

    stop = threading.Event()
    with hearing(old_broker, f"joulecast/{site.id}/one") as heard:
        count = polling.collect(poll, 0.01, old_broker, site, SystemClock(), stop, version=Version.V311)
        assert heard.get(timeout=PATIENCE_S) == f"joulecast/{site.id}/one"
    assert count == 1


def test_the_demo_plant(dsn: str, old_broker: str, site: Site) -> None:
    settings = Settings(dsn=dsn, broker=old_broker, mqtt_version="3.1.1")
    with hearing(old_broker, f"joulecast/{site.id}/utility") as heard:
        demo = live.DemoPlant(Context(settings, site, SystemClock(), dsn))
        try:
            demo.step(datetime.now(UTC))
            assert heard.get(timeout=PATIENCE_S) == f"joulecast/{site.id}/utility"
        finally:
            demo.close()


@pytest.mark.parametrize(("version", "refused"), [("3.1.1", False), ("5", True)])
def test_doctor(tmp_path: Path, old_broker: str, version: str, *, refused: bool) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path, "broker": old_broker, "mqtt_version": version})
    (finding,) = (one for one in check(settings) if one.what == "broker")
    assert (finding.state is Verdict.FAIL) is refused, finding
    assert ("not reachable with MQTT 5" in finding.detail) is refused
