"""Kills and restarts of everything while 100,000 readings come in: none is lost, none is there twice."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import TYPE_CHECKING

from faults import Rememberer, Worker, block, how_many, in_background, labels_of, one_row, wait_until

from core import db

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from joulecast import embedded

READINGS = 100_000
PER_MESSAGE = 20
KILLS = 10
RATE = 3000
"""Readings a second, so that the faults all fall into the stream: about 35 s of it."""


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


def test_none_is_lost_and_none_is_there_twice(
    database: embedded.Postgres, mosquitto: embedded.Broker, site_file: Path
) -> None:
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
                    time.sleep(ahead_s)
            device.flush()
            done.set()

        with in_background(publish):
            for fault in faults:
                seen = how_many(dsn)
                wait_until(lambda seen=seen: how_many(dsn) > seen or done.is_set(), "readings come again")
                fault()
                in_time += not done.is_set()
        wait_until(lambda: how_many(dsn) >= READINGS, "all are stored")
        assert worker.terminate() == 0
    assert in_time >= len(faults) - 2, "the faults came too late to mean anything"
    acknowledged = labels_of(device.acknowledged, PER_MESSAGE)
    assert acknowledged == set(range(READINGS))
    with db.connect(dsn) as conn:
        values = [row["value"] for row in conn.execute("SELECT value FROM reading")]
    assert len(values) == READINGS, "some are there twice"
    assert set(values) == acknowledged, "some are lost"
    assert one_row(dsn, "SELECT count(*) AS n FROM reading_rejected") == {"n": 0}
