"""From the broker into the database: rates, processor time, latency, memory while the database is away."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from statistics import quantiles
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

import msgspec
from ingest_load import ASSETS, IN_FLIGHT, PATIENCE_S, Servers, Worker, forget, messages, publish, wait_until
from ingest_raw import BLOCK_S, copy_packed, meters, packed
from sheet import NotMeasured

from core import db
from core.clock import SystemClock
from ingest.mqtt import Publisher, Version
from ingest.subscriber import Subscriber

if TYPE_CHECKING:
    from ingest.subscriber import Delivery
    from joulecast.embedded import Postgres

SHARE: Final = 0.2
"""Part of the maximum rate at which latency is measured."""
LATENCY_S: Final = 20.0
AWAY_S: Final = 60.0
AWAY_RATE: Final = 10_000.0
AWAY_PER_MESSAGE: Final = 10
MICRO: Final = 1e6
RECEIVER: Final = "bench-receive"
MOSQUITTO_SUB: Final = "bench-mosquitto-sub"
ACKNOWLEDGED_AT_ONCE: Final = 500
ROUNDS: Final = 3
COPIES: Final = 300
LATENCY: Final = (
    "SELECT percentile_cont(0.99) WITHIN GROUP (ORDER BY lag) AS p99,"
    " percentile_cont(0.5) WITHIN GROUP (ORDER BY n) AS rows FROM"
    " (SELECT extract(epoch FROM max(pg_xact_commit_timestamp(xmin)) - min(time))::float8 AS lag,"
    " count(*) AS n FROM reading GROUP BY xmin::text) AS x"
)


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
    forget(servers, *names)
    return (total - before) / seconds, cpu_s / total


def receive(servers: Servers, count: int) -> dict[str, list[float]]:
    """Messages a second of our subscriber and of mosquitto_sub, in turns: 3.1.1, QoS 1.

    Raises:
        NotMeasured: mosquitto_sub is not installed.
    """
    if not shutil.which("mosquitto_sub"):
        raise NotMeasured("no mosquitto_sub on the path")
    runs = {"receive": _ours, "mosquitto_sub": _theirs}
    for run in runs.values():
        run(servers, 0)  # makes the session
    rates: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        publish(servers, count, 1)
        for name, run in runs.items():
            rates[name].append(count / run(servers, count))
    forget(servers, RECEIVER, MOSQUITTO_SUB)
    return rates


def _filter(servers: Servers) -> str:
    return f"joulecast/{servers.site}/+/+"


def _ours(servers: Servers, expected: int) -> float:
    """Seconds of our subscriber, which acknowledges some hundreds at once."""
    subscriber = Subscriber(
        servers.broker, RECEIVER, [_filter(servers)], SystemClock(), 1000, version=Version.V311
    )
    stop, finished = threading.Event(), threading.Event()
    begin = time.perf_counter()
    thread = threading.Thread(target=subscriber.run, args=(stop, finished))
    thread.start()
    wait_until(lambda: subscriber.connected, "it subscribes")
    taken, until = 0, begin + PATIENCE_S
    while taken < expected and time.perf_counter() < until:
        deliveries: list[Delivery] = []
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
    if taken < expected:
        raise TimeoutError(f"the subscriber has received {taken} of {expected} messages")
    return seconds


def _theirs(servers: Servers, expected: int) -> float:
    """Seconds of mosquitto_sub."""
    address = urlsplit(servers.broker)
    words = ["mosquitto_sub", "-h", str(address.hostname), "-p", str(address.port), "-i", MOSQUITTO_SUB]
    words += ["-c", "-q", "1", "-V", "mqttv311", "-t", _filter(servers)]
    words += ["-C", str(expected)] if expected else ["-E"]
    begin = time.perf_counter()
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE_S)
    return time.perf_counter() - begin


def latency_p99_ms(servers: Servers, readings_per_s: float, per_message: int) -> tuple[float, float]:
    """99th percentile over transactions: oldest reading in it to its commit, by the server's record.

    Returns:
        Ours, and that of a raw COPY of as many rows as our median transaction, with its commit [ms].
    """
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
                time.sleep(ahead_s)  # the rate is what is asked for
            now = datetime.now(UTC)
            times = [(now + timedelta(microseconds=n)).isoformat() for n in range(per_message)]
            payload = {"time": times, "values": {"it_power": [1.5] * per_message}}
            publisher.publish(
                f"joulecast/{servers.site}/rack-{number % ASSETS}", msgspec.json.encode(payload)
            )
        publisher.flush()
        wait_until(lambda: servers.stored(worker.client_id) >= count * per_message, "all are stored")
    forget(servers, worker.client_id)
    with db.connect(servers.dsn) as conn:
        row = conn.execute(LATENCY).fetchone()
    if row is None or row["p99"] is None:
        raise RuntimeError("the server has no record of commits")
    return 1000.0 * float(row["p99"]), _copy_p99_ms(servers.dsn, int(row["rows"]))


def _copy_p99_ms(dsn: str, rows: int) -> float:
    """99th percentile of COPYs of some rows, each with its commit."""
    seconds = BLOCK_S * -(-rows // (ASSETS * BLOCK_S))
    streams = [packed(meters(n * seconds, seconds).take(slice(rows))) for n in range(COPIES)]
    with db.connect(dsn, autocommit=True) as conn:
        return 1000.0 * quantiles([copy_packed(conn, [stream]) for stream in streams], n=100)[-1]


class Away(NamedTuple):
    """What came of a worker that had no database for a while."""

    growth_mb: float
    """Of its memory."""
    sent_mb: float
    """Of payloads, meanwhile."""
    sent: int
    """Readings."""
    lost: int


def database_away(servers: Servers, database: Postgres) -> Away:
    """Send readings while the database is away, and count them when it is back."""
    servers.empty()
    total, sent, sent_bytes = int(AWAY_S * AWAY_RATE), 0, 0
    with Worker(servers, "bench-away", mqtt_version="3.1.1") as worker:
        before = most = worker.resident_bytes()
        database.stop()
        begin = time.monotonic()
        with Publisher(servers.broker, in_flight=IN_FLIGHT, version=Version.V311) as publisher:
            for topic, payload in messages(servers.site, total // AWAY_PER_MESSAGE, AWAY_PER_MESSAGE):
                publisher.publish(topic, payload)
                sent, sent_bytes = sent + AWAY_PER_MESSAGE, sent_bytes + len(payload)
                if sent % 1000 == 0:
                    most = max(most, worker.resident_bytes())
                    ahead_s = sent / AWAY_RATE - (time.monotonic() - begin)
                    time.sleep(max(0.0, ahead_s))  # the rate is what is asked for
            publisher.flush()
        database.start()
        until = time.monotonic() + PATIENCE_S
        while servers.stored(worker.client_id) < total and time.monotonic() < until:
            most = max(most, worker.resident_bytes())
            time.sleep(0.1)  # its memory is looked at so often
    forget(servers, worker.client_id)
    with db.connect(servers.dsn) as conn:
        row = conn.execute("SELECT count(*) AS n FROM reading").fetchone()
    return Away((most - before) / 1e6, sent_bytes / 1e6, sent, sent - int(row["n"] if row else 0))
