"""Whatever a device sends, the stream goes on and every reading is in exactly one counter."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from faults import NAMES, Rememberer, Worker, block, counters, one_row, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from joulecast import embedded

POINT = "joulecast/demo/ups/power"
TIME = "2026-03-01T00:00:00Z"
BAD = {
    "NaN": (POINT, b'{"time": "%s", "value": NaN}' % TIME.encode()),
    "infinity": (POINT, b'{"time": "%s", "value": Infinity}' % TIME.encode()),
    "minus infinity": (POINT, b'{"time": "%s", "value": -1e999}' % TIME.encode()),
    "bare NaN": (POINT, b"nan"),
    "bare infinity": (POINT, b"inf"),
    "a string": (POINT, b'{"time": "%s", "value": "much"}' % TIME.encode()),
    "a string in a batch": ("joulecast/demo/ups", b'{"values": {"power": "much"}}'),
    "1 MB": (POINT, b"9" * 1_000_000),
    "1 MB of JSON": (POINT, b'{"value": "%s"}' % (b"x" * 1_000_000)),
    "broken UTF-8": (POINT, b'{"value": 1, "unit": "\xff\xfe"}'),
    "nothing but broken UTF-8": (POINT, b"\xc3\x28"),
    "NUL bytes": (POINT, b"\0\0\0"),
    "NUL in a text": (POINT, b'{"value": 1, "unit": "k\\u0000W"}'),
    "the year 1970": (POINT, b'{"time": "1970-01-01T00:00:00Z", "value": 1}'),
    "the year 9999": (POINT, b'{"time": "9999-12-31T23:59:59Z", "value": 1}'),
    "beyond any year": (POINT, b'{"time": 1e300, "value": 1}'),
    "an unknown unit": (POINT, b'{"value": 1, "unit": "furlong"}'),
    "an unknown point": ("joulecast/demo/ups/humour", b"1"),
    "deep nesting": (POINT, b"[" * 100_000),
}
"""Each is one refusal."""


@pytest.fixture
def broker(mosquitto: embedded.Broker) -> str:
    return mosquitto.url


def test_the_stream_never_stops_and_the_counters_add_up(
    database: embedded.Postgres, broker: str, site_file: Path
) -> None:
    dsn, stored = database.dsn, 0
    with Worker(dsn, broker, site_file, linger_ms="20") as worker, Rememberer(broker) as device:
        for rejected, (kind, (topic, payload)) in enumerate(BAD.items(), 1):
            device.publish(topic, payload, kind)
            device.publish("joulecast/demo/ups", block(stored, 1), "good")  # in the same batch, or the next
            stored += 1
            wait_until(
                lambda rejected=rejected, stored=stored: (
                    counters(dsn, worker.client_id)
                    == dict(zip(NAMES, (rejected + stored, stored, 0, rejected, 0), strict=True))
                ),
                f"{kind} is refused and what came with it is stored",
                20.0,
            )
        other = {"time": TIME, "value": 77.0}
        device.publish(POINT, json.dumps(other).encode(), "another value for the first")
        wait_until(lambda: counters(dsn, worker.client_id)["duplicate"] == 1, "the duplicate is counted")
        device.publish("elsewhere/altogether", b"1", "not subscribed to")
        device.flush()
        assert worker.terminate() == 0
    found = counters(dsn, worker.client_id)
    assert found["received"] == sum(found[name] for name in NAMES[1:]) == 2 * len(BAD) + 1
    first = one_row(dsn, f"SELECT value FROM reading WHERE time = '{TIME}'")  # noqa: S608  # ours
    assert first == {"value": 0.0}, "the first value stays"
    kept = one_row(dsn, "SELECT sum(seen) AS n, bool_and(reason <> '') AS told FROM reading_rejected")
    assert kept == {"n": len(BAD), "told": True}
