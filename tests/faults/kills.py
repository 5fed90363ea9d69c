"""Kills and restarts of everything while readings come in; for the test and for the benchmark."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from faults import Rememberer, Worker, block, how_many, in_background, labels_of, one_row, wait_until

from core import db

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from joulecast import embedded

READINGS: Final = 100_000
PER_MESSAGE: Final = 20
KILLS: Final = 10
RATE: Final = 3000
"""Readings a second, so that the faults all fall into the stream: about 35 s of it."""
SETTLE_S: Final = 60.0


class Survived(NamedTuple):
    """What became of the readings."""

    acknowledged: int
    """How many the broker has said that it has."""
    lost: int
    """Of those, how many are not in the database."""
    twice: int
    """How many rows there are too many."""
    rejected: int
    faults: int
    in_time: int
    """How many of the faults fell into the stream."""


def kill_server(server: embedded.Postgres) -> None:
    """As a power cut would: the server and its back ends end without a word; then it starts again."""
    assert server._process
    os.kill(server._process.pid, signal.SIGKILL)
    server._process.wait()
    server.stop()
    server.start()


def restart(server: embedded.Postgres | embedded.Broker) -> None:
    """A clean end and a new start at the same address."""
    before = server.address
    server.stop()
    server.start()
    assert server.address == before


def stream_through_faults(
    database: embedded.Postgres, mosquitto: embedded.Broker, site_file: Path
) -> Survived:
    """100,000 readings, 10 kills of the worker, 2 restarts of the broker, 2 of the database, one a crash."""
    dsn = database.dsn
    worker = Worker(dsn, mosquitto.url, site_file, batch_rows="500")
    done = threading.Event()

    def kill_worker() -> None:
        worker.kill()
        worker.start()

    faults: list[Callable[[], None]] = [kill_worker] * KILLS
    faults.insert(9, lambda: restart(mosquitto))
    faults.insert(7, lambda: restart(database))
    faults.insert(5, lambda: kill_server(database))
    faults.insert(3, lambda: restart(mosquitto))
    in_time = 0
    with worker, Rememberer(mosquitto.url) as device:

        def publish() -> None:
            begin = time.monotonic()
            for first in range(0, READINGS, PER_MESSAGE):
                device.publish("joulecast/demo/ups", block(first, PER_MESSAGE), first)
                ahead_s = first / RATE - (time.monotonic() - begin)
                if ahead_s > 0.0:
                    time.sleep(ahead_s)  # the rate is what is asked for
            device.flush()
            done.set()

        with in_background(publish):
            for fault in faults:
                seen = how_many(dsn)
                wait_until(lambda seen=seen: how_many(dsn) > seen or done.is_set(), "readings come again")
                fault()
                in_time += not done.is_set()
        until = time.monotonic() + SETTLE_S
        while how_many(dsn) < READINGS and time.monotonic() < until:
            time.sleep(0.1)  # the counter is in another process: it is asked again
        assert worker.terminate() == 0
    return _counted(dsn, labels_of(device.acknowledged, PER_MESSAGE), len(faults), in_time)


def _counted(dsn: str, acknowledged: set[int], faults: int, in_time: int) -> Survived:
    with db.connect(dsn) as conn:
        values = [row["value"] for row in conn.execute("SELECT value FROM reading")]
    rejected = one_row(dsn, "SELECT count(*) AS n FROM reading_rejected")["n"]
    lost, twice = acknowledged - set(values), len(values) - len(set(values))
    return Survived(len(acknowledged), len(lost), twice, rejected, faults, in_time)
