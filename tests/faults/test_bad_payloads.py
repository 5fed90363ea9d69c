"""Whatever a device sends, the stream goes on and every reading is in exactly one counter."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from faults import NAMES, Rememberer, Worker, block, counters, one_row, wait_until

from core import db

if TYPE_CHECKING:
    from pathlib import Path

    from joulecast import embedded

POINT, ASSET = "joulecast/demo/ups/power", "joulecast/demo/ups"
TIME = "2026-03-01T00:00:00Z"
BEFORE_BIRTH = "Sparkplug data before birth"
SPARKPLUG = b"\x12\x0d\x10\x01\x20\x0a\x69\0\0\0\0\0\0\xf8\x3f\x18\x05"
"""Alias 1 is 1.5; sequence number 5."""
BAD = {
    "NaN": (POINT, b'{"time": "%s", "value": NaN}' % TIME.encode(), "JSON"),
    "infinity": (POINT, b'{"time": "%s", "value": Infinity}' % TIME.encode(), "JSON"),
    "minus infinity": (POINT, b'{"time": "%s", "value": -1e999}' % TIME.encode(), "range|finite"),
    "bare NaN": (POINT, b"nan", "finite"),
    "bare infinity": (POINT, b"inf", "finite"),
    "infinity in a batch": (ASSET, b'{"values": {"power": 1e999}}', "range|finite"),
    "a string": (POINT, b'{"time": "%s", "value": "much"}' % TIME.encode(), "str"),
    "a string in a batch": (ASSET, b'{"values": {"power": "much"}}', "number"),
    "1 MB": (POINT, b"9" * 1_000_000, "finite"),
    "1 MB of JSON": (POINT, b'{"value": "%s"}' % (b"x" * 1_000_000), "str"),
    "broken UTF-8": (POINT, b'{"value": 1, "unit": "\xff\xfe"}', "utf-8"),
    "nothing but broken UTF-8": (POINT, b"\xc3\x28", "number"),
    "NUL bytes": (POINT, b"\0\0\0", "number"),
    "NUL in a text": (POINT, b'{"value": 1, "unit": "k\\u0000W"}', "unit"),
    "the year 1970": (POINT, b'{"time": "1970-01-01T00:00:00Z", "value": 1}', "before 2000"),
    "the year 9999": (POINT, b'{"time": "9999-12-31T23:59:59Z", "value": 1}', "future"),
    "the year 1970 in a batch": (ASSET, b'{"time": 0, "values": {"power": 1}}', "before 2000"),
    "beyond any year": (POINT, b'{"time": 1e300, "value": 1}', "milliseconds"),
    "an unknown unit": (POINT, b'{"value": 1, "unit": "furlong"}', "furlong"),
    "an unknown point": ("joulecast/demo/ups/humour", b"1", "catalogue"),
    "an unknown point in a batch": (ASSET, b'{"values": {"humour": 1}}', "catalogue"),
    "deep nesting": (POINT, b"[" * 100_000, "number|JSON"),
    BEFORE_BIRTH: ("spBv1.0/g/NDATA/n", SPARKPLUG, "before its birth"),
    "no Sparkplug": ("spBv1.0/g/DDATA/n/d", b"\xff\xff", "Sparkplug"),
}
"""Each is one refusal: topic, payload, and what its reason says."""
MAPPED = '\n[[topics]]\ntopic = "plant/ch1/kw"\ncodec = "bare"\npoint = "ups/power"\nunit = "kW"\n'


@pytest.fixture
def broker(mosquitto: embedded.Broker) -> str:
    return mosquitto.url


def test_the_stream_never_stops_and_the_counters_add_up(
    database: embedded.Postgres, broker: str, site_file: Path
) -> None:
    dsn, stored, filtered = database.dsn, 0, 0
    with site_file.open("a", encoding="utf-8") as file:
        file.write('\n[[topics]]\ntopic = "spBv1.0/#"\ncodec = "sparkplug"\n')
    with Worker(dsn, broker, site_file, linger_ms="20") as worker, Rememberer(broker) as device:
        for rejected, (kind, (topic, payload, _)) in enumerate(BAD.items(), 1):
            device.publish(topic, payload, kind)
            device.publish(ASSET, block(stored, 1), "good")  # in the same batch, or the next
            stored += 1
            filtered += kind == BEFORE_BIRTH  # our request for a rebirth comes by, too
            expected = (rejected + stored + filtered, stored, 0, rejected, filtered)
            wait_until(
                lambda expected=expected: (
                    counters(dsn, worker.client_id) == dict(zip(NAMES, expected, strict=True))
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
    assert found["received"] == sum(found[name] for name in NAMES[1:]) == 2 * len(BAD) + 2
    first = one_row(dsn, f"SELECT value FROM reading WHERE time = '{TIME}'")  # noqa: S608  # ours
    assert first == {"value": 0.0}, "the first value stays"
    everything = one_row(dsn, "SELECT count(*) AS n, sum(value) AS sum FROM reading")
    assert everything == {"n": len(BAD), "sum": sum(range(len(BAD)))}
    with db.connect(dsn) as conn:
        found_rows = conn.execute("SELECT topic, payload, reason, seen FROM reading_rejected").fetchall()
    reasons = {(row["topic"], bytes(row["payload"])): row["reason"] for row in found_rows}
    assert {row["seen"] for row in found_rows} == {1}
    assert len(reasons) == len(BAD)
    for kind, (topic, payload, words) in BAD.items():
        assert re.search(words, reasons[topic, payload]), kind


def command(dsn: str, site_file: Path, *arguments: str) -> Any:
    """What `joulecast rejected` says."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("JOULECAST_")}
    env |= {"JOULECAST_DSN": dsn, "JOULECAST_SITE_FILE": str(site_file)}
    done = subprocess.run(
        [sys.executable, "-m", "joulecast", "rejected", *arguments, "--json"],
        check=True,
        env=env,
        cwd=site_file.parent,
        capture_output=True,
        timeout=60,
    )
    return json.loads(done.stdout)


def test_a_topic_that_is_not_mapped_is_kept_and_read_when_it_is(
    database: embedded.Postgres, broker: str, site_file: Path
) -> None:
    """The broker goes on to send what an earlier `site.toml` has made us subscribe to."""
    dsn, unmapped = database.dsn, site_file.read_text(encoding="utf-8")
    mapped = unmapped + MAPPED
    values = "SELECT array_agg(value ORDER BY time) AS values FROM reading"
    with Rememberer(broker) as device:
        for number, text in enumerate((mapped, unmapped)):
            site_file.write_text(text, encoding="utf-8")
            expected = dict(zip(NAMES, (1, 1 - number, 0, number, 0), strict=True))
            with Worker(dsn, broker, site_file, linger_ms="20") as worker:
                device.publish("plant/ch1/kw", b"%d.5" % (number + 1), number)
                wait_until(
                    lambda expected=expected: counters(dsn, worker.client_id) == expected, f"{expected}"
                )
                assert worker.terminate() == 0
    (row,) = command(dsn, site_file, "list")
    assert (row["topic"], row["reason"]) == (
        "plant/ch1/kw",
        "topic 'plant/ch1/kw' is not mapped in site.toml",
    )
    assert command(dsn, site_file, "replay")["accepted"] == 0
    site_file.write_text(mapped, encoding="utf-8")
    done = command(dsn, site_file, "replay")
    assert (done["accepted"], done["stored"], done["still_refused"]) == (1, 1, 0)
    assert one_row(dsn, values) == {"values": [1500.0, 2500.0]}
    assert command(dsn, site_file, "list") == []
