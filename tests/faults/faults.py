"""What the fault tests share: a worker that can be killed, and a publisher that remembers."""

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
from typing import TYPE_CHECKING, Any, Final, Self

from core import db
from core.errors import ServiceError
from ingest.mqtt import Address, Version, make_client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from paho.mqtt.client import Client

ROOT: Final = Path(__file__).parents[2]
START: Final = datetime(2026, 3, 1, tzinfo=UTC)
PATIENCE_S: Final = 60.0
IN_FLIGHT: Final = 500
NAMES: Final = ("received", "stored", "duplicate", "rejected", "filtered")


def wait_until(fulfilled: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> None:
    until = time.monotonic() + patience_s
    while not fulfilled():
        assert time.monotonic() < until, f"waited in vain until {what}"
        time.sleep(0.05)  # it is in another process: asked again


def one_row(dsn: str, query: str) -> dict[str, Any]:
    """The first row; {} while the database is away."""
    try:
        with db.connect(dsn, autocommit=True) as conn:
            return conn.execute(query).fetchone() or {}  # type: ignore[call-overload,no-any-return]
    except (ServiceError, db.Error):
        return {}


def how_many(dsn: str) -> int:
    return int(one_row(dsn, "SELECT count(*) AS n FROM reading").get("n", 0))


def counters(dsn: str, client_id: str) -> dict[str, int]:
    found = one_row(dsn, f"SELECT * FROM ingest_counter WHERE client_id = '{client_id}'")  # noqa: S608  # ours
    return {name: found.get(name, 0) for name in NAMES}


class Worker:
    """A real ``python -m ingest``, started as often as it is killed."""

    def __init__(self, dsn: str, broker: str, site_file: Path, **settings: str) -> None:
        self.client_id = "ingest-under-test"
        self._environment = {k: v for k, v in os.environ.items() if not k.startswith("JOULECAST_")} | {
            "JOULECAST_DSN": dsn,
            "JOULECAST_BROKER": broker,
            "JOULECAST_SITE_FILE": str(site_file),
            "JOULECAST_INGEST_CLIENT_ID": self.client_id,
            **{f"JOULECAST_{name.upper()}": value for name, value in settings.items()},
        }
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._subscribed = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def process(self) -> subprocess.Popen[str]:
        assert self._process
        return self._process

    def start(self) -> None:
        """Start it and wait until it has subscribed."""
        self._subscribed.clear()
        command = [sys.executable, "-m", "ingest"]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=self._environment, stderr=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        assert self._subscribed.wait(PATIENCE_S), "the worker does not subscribe"

    def kill(self) -> None:
        """SIGKILL: it gets no chance to tidy up."""
        if self._process:
            self._process.kill()
            self._end()

    def terminate(self) -> int:
        """Ask it to end, and wait for that."""
        self.process.terminate()
        status = self.process.wait(PATIENCE_S)
        self._end()
        return status

    def resident_bytes(self) -> int:
        """Memory that it occupies."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def _read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            if "subscribed" in line:
                self._subscribed.set()

    def _end(self) -> None:
        self.process.wait(PATIENCE_S)
        if self._reader:
            self._reader.join(PATIENCE_S)
        assert self.process.stderr
        self.process.stderr.close()
        self._process = None


class Rememberer:
    """Publishes at QoS 1 over restarts of the broker, and knows which messages it has acknowledged.

    paho sends again whatever is unacknowledged when it connects anew.
    """

    def __init__(self, url: str, version: Version = Version.V311) -> None:
        self._address = Address.parse(url)
        self._client = make_client(self._address, "device", version=version, persistent=True)
        self._client.reconnect_delay_set(1, 1)
        self._client.max_inflight_messages_set(IN_FLIGHT)
        self._client.on_publish = self._on_publish
        self._changed = threading.Condition()
        self._early: set[int] = set()
        self._pending: dict[int, object] = {}
        self.acknowledged: list[Any] = []
        """What the broker has said it has, as given to `publish`."""

    def __enter__(self) -> Self:
        self._client.connect(self._address.host, self._address.port)
        self._client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, payload: bytes, label: object) -> None:
        """Publish, waiting while too many are under way; `label` is remembered once it is acknowledged."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._pending) < IN_FLIGHT, PATIENCE_S)
        mid = self._client.publish(topic, payload, qos=1).mid
        with self._changed:
            if mid in self._early:
                self._early.remove(mid)
                self.acknowledged.append(label)
            else:
                self._pending[mid] = label

    def flush(self) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: not self._pending, PATIENCE_S), "not all is acknowledged"

    def _on_publish(self, _c: Client, _u: object, mid: int, _code: object, _p: object) -> None:
        with self._changed:
            if mid in self._pending:
                self.acknowledged.append(self._pending.pop(mid))
            else:
                self._early.add(mid)  # faster than `publish` returned
            self._changed.notify_all()


def block(first: int, count: int) -> bytes:
    """Readings of one point, one a second from START, whose values are their numbers."""
    numbers = range(first, first + count)
    times = [(START + timedelta(seconds=n)).isoformat() for n in numbers]
    return json.dumps({"time": times, "values": {"power": [float(n) for n in numbers]}}).encode()


@contextmanager
def in_background(work: Callable[[], None]) -> Iterator[threading.Thread]:
    """Work in a thread whose failure is the test's."""
    failures: list[BaseException] = []

    def body() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  # raised again below
            failures.append(error)

    thread = threading.Thread(target=body)
    thread.start()
    try:
        yield thread
    finally:
        thread.join(2 * PATIENCE_S)
    assert not thread.is_alive()
    if failures:
        raise failures[0]


def labels_of(firsts: Sequence[int], count: int) -> set[int]:
    """All numbers in acknowledged blocks."""
    return {n for first in firsts for n in range(first, first + count)}
