"""From the broker into the database: rates, processor time, latency, memory while the database is away."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec
from ingest_load import ASSETS, IN_FLIGHT, PATIENCE_S, Servers, Worker, messages, publish, wait_until

from core import db
from core.clock import SystemClock
from ingest.mqtt import Publisher, Version
from ingest.subscriber import Subscriber

if TYPE_CHECKING:
    from joulecast.embedded import Postgres

SHARE: Final = 0.2
"""Part of the maximum rate at which latency is measured."""
LATENCY_S: Final = 20.0
AWAY_S: Final = 60.0
AWAY_RATE: Final = 10_000.0
AWAY_PER_MESSAGE: Final = 10
MICRO: Final = 1e6
ACKNOWLEDGED_AT_ONCE: Final = 500


def backlog(
    servers: Servers, count: int, per_message: int, *, workers: int = 1, version: str = "3.1.1"
) -> tuple[float, float]:
    """Readings a second out of the broker's queue, and processor time a reading [s].

    The queue is filled before, so that whoever publishes takes nothing from the machine meanwhile.
    """
    servers.empty()
    settings = {"mqtt_version": version}
    if workers > 1:
        settings["shared_group"] = "bench"
    names = [f"bench-{workers}-{version}-{per_message}-{n}" for n in range(workers)]
    members = [Worker(servers, name, **settings) for name in names]
    begun_with = 0.0
    for member in members:  # they subscribe, and what a start costs is known
        with member:
            begun_with += member.cpu_s()
    publish(servers, count, per_message)
    total = count * per_message
    with ExitStack() as stack:
        threads = [threading.Thread(target=stack.enter_context, args=(m,)) for m in members]
        for thread in threads:
            thread.start()
        wait_until(lambda: servers.stored(*names) > 0, "the first are stored")
        begin, before = time.perf_counter(), servers.stored(*names)
        wait_until(lambda: servers.stored(*names) >= total, "all are stored")
        seconds = time.perf_counter() - begin
        for thread in threads:
            thread.join()
        cpu_s = sum(member.cpu_s() for member in members) - begun_with
    return (total - before) / seconds, cpu_s / total


def receive(servers: Servers, count: int) -> dict[str, float]:
    """Messages a second of our subscriber, and of mosquitto_sub where it is installed: 3.1.1, QoS 1."""
    filters = [f"joulecast/{servers.site}/+/+"]
    address = urlsplit(servers.broker)

    def ours(expected: int) -> float:
        subscriber = Subscriber(
            servers.broker, "bench-receive", filters, SystemClock(), 1000, version=Version.V311
        )
        stop, finished = threading.Event(), threading.Event()
        begin = time.perf_counter()
        thread = threading.Thread(target=subscriber.run, args=(stop, finished))
        thread.start()
        wait_until(lambda: subscriber.connected, "it subscribes")
        taken = 0
        while taken < expected:
            deliveries = []
            while len(deliveries) < ACKNOWLEDGED_AT_ONCE:
                delivery = subscriber.take(0.05)
                if delivery is None:
                    break
                deliveries.append(delivery)
            subscriber.acknowledge(deliveries)
            taken += len(deliveries)
        seconds = time.perf_counter() - begin
        stop.set()
        finished.set()
        thread.join(PATIENCE_S)
        return seconds

    def theirs(expected: int) -> float:
        words = ["mosquitto_sub", "-h", str(address.hostname), "-p", str(address.port), "-i", "bench-c"]
        words += ["-c", "-q", "1", "-V", "mqttv311", "-t", filters[0]]
        words += ["-C", str(expected)] if expected else ["-E"]
        begin = time.perf_counter()
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE_S)
        return time.perf_counter() - begin

    runs = {"receive": ours}
    if shutil.which("mosquitto_sub"):
        runs["mosquitto_sub"] = theirs
    for run in runs.values():
        run(0)  # makes the session
    publish(servers, count, 1)
    figures = {f"{name}_messages_per_s": count / run(count) for name, run in runs.items()}
    if "mosquitto_sub" in runs:
        ratio = figures["receive_messages_per_s"] / figures["mosquitto_sub_messages_per_s"]
        figures["receive_over_mosquitto_sub_ratio"] = ratio
    return figures


def latency_p99_ms(servers: Servers, readings_per_s: float, per_message: int) -> float:
    """99th percentile over transactions: oldest reading in it to its commit, by the server's record."""
    servers.empty()
    count = int(LATENCY_S * readings_per_s / per_message)
    with (
        Worker(servers, "bench-latency", mqtt_version="3.1.1") as worker,
        Publisher(servers.broker, in_flight=IN_FLIGHT, version=Version.V311) as publisher,
    ):
        begin = time.monotonic()
        for number in range(count):
            ahead_s = number * per_message / readings_per_s - (time.monotonic() - begin)
            if ahead_s > 0.0:
                time.sleep(ahead_s)
            now = datetime.now(UTC)
            times = [(now + timedelta(microseconds=n)).isoformat() for n in range(per_message)]
            payload = {"time": times, "values": {"it_power": [1.5] * per_message}}
            publisher.publish(
                f"joulecast/{servers.site}/rack-{number % ASSETS}", msgspec.json.encode(payload)
            )
        publisher.flush()
        wait_until(lambda: servers.stored(worker.client_id) >= count * per_message, "all are stored")
    with db.connect(servers.dsn) as conn:
        row = conn.execute(
            "SELECT percentile_cont(0.99) WITHIN GROUP (ORDER BY lag) AS p99 FROM"
            " (SELECT extract(epoch FROM max(pg_xact_commit_timestamp(xmin)) - min(time))::float8 AS lag"
            " FROM reading GROUP BY xmin::text) AS x"
        ).fetchone()
    return 1000.0 * float(row["p99"]) if row else float("nan")


def growth_without_database_mb(servers: Servers, database: Postgres) -> tuple[float, int]:
    """Growth of the worker's memory [MB] while the database is away, and how many readings were lost."""
    servers.empty()
    total = int(AWAY_S * AWAY_RATE)
    with Worker(servers, "bench-away", mqtt_version="3.1.1") as worker:
        before = most = worker.resident_bytes()
        database.stop()
        begin = time.monotonic()
        sent = 0
        with Publisher(servers.broker, in_flight=IN_FLIGHT, version=Version.V311) as publisher:
            for topic, payload in messages(servers.site, total // AWAY_PER_MESSAGE, AWAY_PER_MESSAGE):
                publisher.publish(topic, payload)
                sent += AWAY_PER_MESSAGE
                if sent % 1000 == 0:
                    most = max(most, worker.resident_bytes())
                    time.sleep(max(0.0, sent / AWAY_RATE - (time.monotonic() - begin)))
            publisher.flush()
        database.start()
        wait_until(lambda: servers.stored(worker.client_id) >= total, "all are stored")
        most = max(most, worker.resident_bytes())
        lost = total - servers.stored(worker.client_id)
    return (most - before) / 1e6, lost
