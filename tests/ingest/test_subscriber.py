"""From a real broker into a real database, with the process killed in the middle of the stream."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests_of_ingest import PATIENCE_S, counter, wait_until

from core.clock import SystemClock
from core.errors import InputError, ServiceError
from core.jobs import Context
from core.settings import Settings
from ingest import subscriber as subscribing
from ingest import worker
from ingest.mqtt import Address, Publisher, make_client
from ingest.subscriber import Subscriber
from joulecast import embedded
from joulecast.embedded_broker import find_mosquitto, have_rumqttd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from core import db
    from core.site import Site

ROOT = Path(__file__).parents[2]
START = datetime(2026, 3, 1, tzinfo=UTC)
READINGS, PER_MESSAGE = 30_000, 10


def how_many(conn: db.Connection) -> int:
    row = conn.execute("SELECT count(*) AS n FROM reading").fetchone()
    assert row
    return int(row["n"])


def test_everything_published_is_stored_and_counted(
    serving: Callable[..., AbstractContextManager[Context]],
    conn: db.Connection,
    plant: Site,
    broker_url: str,
) -> None:
    base = f"joulecast/{plant.id}"
    now = datetime.now(UTC).isoformat()
    forecast = {"issued_at": now, "valid_at": [now], "dry_bulb_c": [7.5], "wet_bulb_c": [5]}
    with serving() as context, Publisher(broker_url) as publisher:
        publisher.publish(f"{base}/crah-1/power", b'{"time": "2026-03-01T00:00:00Z", "value": 1}')
        publisher.publish(f"{base}/crah-1/power", b'{"time": "2026-03-01T00:00:00Z", "value": 2}')
        publisher.publish(f"{base}/crah-1/power", b"nonsense")
        publisher.publish(f"{base}/crah-2", b'{"values": {"power": 3, "fan_speed_ratio": 0.5}}')
        publisher.publish(plant.topics[0].topic, b"4.5")
        publisher.publish(f"{base}/weather/$forecast", json.dumps(forecast).encode())
        publisher.flush()
        wait_until(lambda: counter(conn, context.settings.ingest_client_id)["received"] == 7)
        assert counter(conn, context.settings.ingest_client_id) == {
            "received": 7,
            "stored": 4,
            "duplicate": 1,
            "rejected": 1,
            "filtered": 1,
        }
    values = [r["value"] for r in conn.execute("SELECT value FROM reading ORDER BY value")]
    assert values == [0.5, 1.0, 3.0, 4500.0]
    row = conn.execute("SELECT count(*) AS n FROM weather_forecast").fetchone()
    assert row == {"n": 1}


def test_what_comes_while_the_service_is_away_is_not_lost(
    serving: Callable[..., AbstractContextManager[Context]],
    conn: db.Connection,
    plant: Site,
    broker_url: str,
) -> None:
    with serving(), Publisher(broker_url) as publisher:
        publisher.publish(f"joulecast/{plant.id}/ups/power", b"1")
        publisher.flush()
        wait_until(lambda: how_many(conn) == 1)
    with Publisher(broker_url) as publisher:
        publisher.publish(f"joulecast/{plant.id}/ups/power", b"2")
        publisher.flush()
    with serving():
        wait_until(lambda: how_many(conn) == 2)


def test_a_retained_value_without_a_time_is_no_reading_of_now(
    serving: Callable[..., AbstractContextManager[Context]],
    conn: db.Connection,
    plant: Site,
    broker_url: str,
) -> None:
    address = Address.parse(broker_url)
    client = make_client(address, "")
    client.connect(address.host, address.port)
    client.loop_start()
    payloads = [b"21.5", b'{"value": 21.5, "time": "2026-03-01T00:00:00Z"}']
    for rack, payload in enumerate(payloads, 1):
        topic = f"joulecast/{plant.id}/rack-{rack}/inlet_temperature"
        client.publish(topic, payload, qos=1, retain=True).wait_for_publish(PATIENCE_S)
    client.disconnect()
    client.loop_stop()
    with serving() as context:
        client_id = context.settings.ingest_client_id
        wait_until(lambda: counter(conn, client_id)["received"] == 2)
    found = counter(conn, client_id)
    assert (found["stored"], found["rejected"]) == (1, 1)
    row = conn.execute("SELECT asset_id FROM reading_named").fetchone()
    assert row == {"asset_id": "rack-2"}


@contextmanager
def service(dsn: str, broker_url: str, site_file: Path) -> Iterator[subprocess.Popen[str]]:
    """A real ``python -m ingest`` that listens when the block begins."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("JOULECAST_")} | {
        "JOULECAST_DSN": dsn,
        "JOULECAST_BROKER": broker_url,
        "JOULECAST_SITE_FILE": str(site_file),
        "JOULECAST_INGEST_CLIENT_ID": f"killed-{site_file.parent.name}",
        "JOULECAST_BATCH_ROWS": "500",
    }
    command = [sys.executable, "-m", "ingest"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr
            for line in process.stderr:
                if "subscribed" in line:
                    break
            reader = threading.Thread(target=process.stderr.read)
            reader.start()
            yield process
        finally:
            process.kill()
            process.wait(PATIENCE_S)
            reader.join(PATIENCE_S)


def publish_all(broker_url: str, site: str) -> None:
    with Publisher(broker_url, in_flight=50) as publisher:
        for first in range(0, READINGS, PER_MESSAGE):
            numbers = range(first, first + PER_MESSAGE)
            times = [(START + timedelta(seconds=n)).isoformat() for n in numbers]
            payload = {"time": times, "values": {"power": list(numbers)}}
            publisher.publish(f"joulecast/{site}/ups", json.dumps(payload).encode())
            if first % 500 == 0:
                time.sleep(0.02)
        publisher.flush()


@pytest.mark.parametrize("kind", ["mosquitto", "rumqttd"])
def test_killed_in_the_middle_of_the_stream_none_is_lost_and_none_twice(
    dsn: str, conn: db.Connection, plant: Site, site_file: Path, tmp_path: Path, kind: str
) -> None:
    if kind == "mosquitto" and not find_mosquitto():
        pytest.skip("no mosquitto from 2.0.21 on this machine")
    if kind == "rumqttd" and not have_rumqttd():
        pytest.skip("the wheel iotcore is not installed")
    with embedded.Broker(tmp_path / "b", embedded.BrokerKind(kind)) as broker:
        publishing = threading.Thread(target=publish_all, args=(broker.url, plant.id))
        kills_in_time = 0
        for kill in range(4):
            with service(dsn, broker.url, site_file) as process:
                if kill == 0:
                    publishing.start()
                if kill < 3:
                    seen = how_many(conn)
                    wait_until(lambda seen=seen: how_many(conn) >= min(seen + 2000, READINGS))
                    kills_in_time += how_many(conn) < READINGS
                else:
                    wait_until(lambda: how_many(conn) == READINGS)
                    publishing.join(PATIENCE_S)
                    process.terminate()
                    assert process.wait(PATIENCE_S) == 0
    row = conn.execute("SELECT count(*) AS n, sum(value) AS sum, max(time) AS last FROM reading").fetchone()
    last = START + timedelta(seconds=READINGS - 1)
    assert row == {"n": READINGS, "sum": READINGS * (READINGS - 1) / 2, "last": last}
    assert kills_in_time >= 2, "the kills came too late to mean anything"
    c = counter(conn, f"killed-{site_file.parent.name}")
    assert c["received"] == c["stored"] + c["duplicate"]


def test_too_much_waiting_stops_the_reading_and_not_the_session(
    broker_url: str, plant: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscribing, "HIGH_WATER_MESSAGES", 100)
    subscriber = Subscriber(
        broker_url, f"slow-{plant.id}", [f"joulecast/{plant.id}/+"], SystemClock(), 65_535
    )
    stop, finished = threading.Event(), threading.Event()
    thread = threading.Thread(target=subscriber.run, args=(stop, finished))
    thread.start()
    wait_until(lambda: subscriber.connected)
    with Publisher(broker_url) as publisher:
        for number in range(1000):
            publisher.publish(f"joulecast/{plant.id}/ups", str(number).encode())
        publisher.flush()
    time.sleep(0.5)
    assert subscriber.held == 100
    assert subscriber.connected
    came = []
    while len(came) < 1000:
        delivery = subscriber.take(PATIENCE_S)
        assert delivery is not None
        came.append(int(delivery.message.payload))
        subscriber.acknowledge([delivery])
    assert came == list(range(1000))
    stop.set()
    finished.set()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    assert subscriber.held == 0


def test_the_broker_may_restart(plant: Site, tmp_path: Path) -> None:
    with embedded.Broker(tmp_path) as broker:
        url = broker.url
        subscriber = Subscriber(url, "steady", [f"joulecast/{plant.id}/+"], SystemClock(), 1000)
        stop, finished = threading.Event(), threading.Event()
        thread = threading.Thread(target=subscriber.run, args=(stop, finished))
        thread.start()
        wait_until(lambda: subscriber.connected)
    wait_until(lambda: not subscriber.connected)
    with embedded.Broker(tmp_path) as broker:
        assert broker.url == url
        wait_until(lambda: subscriber.connected)
        with Publisher(url) as publisher:
            publisher.publish(f"joulecast/{plant.id}/ups", b"1")
            publisher.flush()
        delivery = subscriber.take(PATIENCE_S)
        assert delivery is not None
        subscriber.acknowledge([delivery])
        stop.set()
        finished.set()
        thread.join(PATIENCE_S)
    assert not thread.is_alive()


def test_without_a_broker_setting_there_is_one_sentence(dsn: str, plant: Site) -> None:
    context = Context(Settings(dsn=dsn), plant, SystemClock(), dsn)
    with pytest.raises(InputError, match="JOULECAST_BROKER"):
        worker.run(context, threading.Event())


def test_no_broker_at_the_address() -> None:
    with pytest.raises(ServiceError, match="not reachable"), Publisher("mqtt://127.0.0.1:1"):
        pass


class TestAddress:
    def test_forms(self) -> None:
        assert Address.parse("mqtt://h") == Address("h", 1883)
        assert Address.parse("mqtts://u:p%40@h:1") == Address("h", 1, "u", "p@", tls=True)

    @pytest.mark.parametrize("url", ["", "h", "http://h", "mqtt://", "mqtt://h:x", "mqtt://h/topic"])
    def test_wrong(self, url: str) -> None:
        with pytest.raises(InputError, match="mqtt://"):
            Address.parse(url)

    def test_a_password_is_not_repeated(self) -> None:
        with pytest.raises(InputError) as caught:
            Address.parse("http://user:secret@host")
        assert "secret" not in str(caught.value)
