"""What the ingest benchmarks share: servers, readings to send, and a real worker that is watched."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import msgspec
from common import ROOT

from core import db
from ingest.mqtt import Publisher, Version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PATIENCE_S: Final = 120.0
ASSETS: Final = 50
IN_FLIGHT: Final = 1000
START: Final = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
"""Yesterday: a day that is whole."""


@dataclass(frozen=True, slots=True)
class Servers:
    """Where they are."""

    dsn: str
    broker: str
    site_file: Path
    site: str

    def stored(self, *client_ids: str) -> int:
        """Readings that these workers have stored since they were started."""
        with db.connect(self.dsn, autocommit=True) as conn:
            row = conn.execute(
                "SELECT coalesce(sum(stored), 0) AS n FROM ingest_counter WHERE client_id = any(%s)",
                (list(client_ids),),
            ).fetchone()
        return int(row["n"]) if row else 0

    def empty(self) -> None:
        """No readings and no counters."""
        with db.connect(self.dsn, autocommit=True) as conn:
            conn.execute("TRUNCATE reading, reading_latest, ingest_counter")
            conn.execute("CHECKPOINT")


def messages(site: str, count: int, per_message: int) -> Iterable[tuple[str, bytes]]:
    """Messages of a power meter on each of some racks, one reading a second."""
    for number in range(count):
        asset, first = number % ASSETS, number // ASSETS * per_message
        times = [(START + timedelta(seconds=s)).isoformat() for s in range(first, first + per_message)]
        topic = f"joulecast/{site}/rack-{asset}"
        if per_message == 1:
            yield f"{topic}/it_power", msgspec.json.encode({"time": times[0], "value": 1.5})
        else:
            values = [1.5] * per_message
            yield topic, msgspec.json.encode({"time": times, "values": {"it_power": values}})


def publish(servers: Servers, count: int, per_message: int) -> None:
    """Put messages into the broker's queue."""
    with Publisher(servers.broker, in_flight=IN_FLIGHT, version=Version.V311) as publisher:
        for topic, payload in messages(servers.site, count, per_message):
            publisher.publish(topic, payload)
        publisher.flush()


def forget(servers: Servers, *client_ids: str) -> None:
    """End sessions for good: the broker would keep every later message for them."""
    for client_id in client_ids:
        with Publisher(servers.broker, client_id, version=Version.V311):
            pass  # whoever connects with a clean session ends the one that there was


class Worker:
    """A real ``python -m ingest``."""

    def __init__(self, servers: Servers, client_id: str, **settings: str) -> None:
        self.client_id = client_id
        self._environment = {k: v for k, v in os.environ.items() if not k.startswith("JOULECAST_")} | {
            "JOULECAST_DSN": servers.dsn,
            "JOULECAST_BROKER": servers.broker,
            "JOULECAST_SITE_FILE": str(servers.site_file),
            "JOULECAST_INGEST_CLIENT_ID": client_id,
            **{f"JOULECAST_{name.upper()}": value for name, value in settings.items()},
        }
        self._subscribed = threading.Event()

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ingest"],
            cwd=ROOT,
            env=self._environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        if not self._subscribed.wait(PATIENCE_S):
            raise TimeoutError("the worker does not subscribe")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)

    def cpu_s(self) -> float:
        """Processor time that it has used."""
        fields = (
            Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        )
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self) -> int:
        """Memory that it occupies."""
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def _read(self) -> None:
        assert self._process.stderr  # noqa: S101  # for the type checker
        with self._process.stderr as lines:
            for line in lines:
                if "subscribed" in line:
                    self._subscribed.set()


def wait_until(fulfilled: Callable[[], bool], what: str) -> None:
    """Wait, but not for ever."""
    until = time.monotonic() + PATIENCE_S
    while not fulfilled():
        if time.monotonic() > until:
            raise TimeoutError(f"waited in vain until {what}")
        time.sleep(0.02)  # the counter is in another process: it is asked again
