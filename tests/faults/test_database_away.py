"""The database is away for 20 s while 10,000 readings a second come: bounded memory, nothing is lost."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from faults import Rememberer, Worker, block, counters, how_many, in_background, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from joulecast import embedded

AWAY_S = 20.0
"""`make bench-ingest` does it for 60 s."""
RATE = 10_000
PER_MESSAGE = 10
READINGS = int(AWAY_S * RATE)
GROWTH_MAX_BYTES = 100e6


def test_memory_is_bounded_and_nothing_is_lost(
    database: embedded.Postgres, mosquitto: embedded.Broker, site_file: Path
) -> None:
    dsn = database.dsn
    with Worker(dsn, mosquitto.url, site_file) as worker, Rememberer(mosquitto.url) as device:
        device.publish("joulecast/demo/ups", block(READINGS, PER_MESSAGE), READINGS)
        wait_until(lambda: how_many(dsn) == PER_MESSAGE, "the first are stored")
        before = most = worker.resident_bytes()
        database.stop()
        begin = time.monotonic()

        def publish() -> None:
            for first in range(0, READINGS, PER_MESSAGE):
                device.publish("joulecast/demo/ups", block(first, PER_MESSAGE), first)
                ahead_s = first / RATE - (time.monotonic() - begin)
                if ahead_s > 0.0:
                    time.sleep(ahead_s)  # the rate is what is asked for
            device.flush()

        with in_background(publish) as publishing:
            while publishing.is_alive() or time.monotonic() - begin < AWAY_S:
                most = max(most, worker.resident_bytes())
                time.sleep(0.1)  # its memory is looked at so often
        database.start()
        wait_until(lambda: how_many(dsn) == READINGS + PER_MESSAGE, "all are stored")
        most = max(most, worker.resident_bytes())
        assert worker.terminate() == 0
    found = counters(dsn, worker.client_id)
    assert found["stored"] == found["received"] == READINGS + PER_MESSAGE
    assert len(device.acknowledged) == READINGS // PER_MESSAGE + 1
    print(f"memory grew by {(most - before) / 1e6:.1f} MB in {AWAY_S:.0f} s without a database")
    assert most - before <= GROWTH_MAX_BYTES
