"""Sparkplug B: bytes of the reference implementation, births and aliases, what is missed, and the rebirth."""

from __future__ import annotations

import contextlib
import struct
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests_of_dialects import NOW, NOW_MS, Ear, only, reasons, values
from tests_of_ingest import PATIENCE_S, wait_until

from core.points import Status
from core.site import Site, load_site
from ingest.codec import sparkplug, wire
from ingest.codec.sparkplug import Metric, as_signed, read_payload
from ingest.mqtt import Address, Publisher, make_client

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from core import db
    from core.jobs import Context
    from ingest.batch import Batch

INT32, INT64, FLOAT, DOUBLE, BOOLEAN, TEXT = 3, 4, 9, 10, 11, 12

# Written by protobuf 7.36 (Python, upb) from a schema with the format's field numbers: timestamp NOW_MS, seq
# 0 and the metrics that test_bytes_of_the_reference_implementation names.
GOLDEN = bytes.fromhex(
    "0880ccadf3ca33120b0a05626453657120085807123f0a05506f77657210ac02188cc8adf3ca33200a4a210a07656e67"
    "556e69740a075175616c6974791206080c42026b571205080318c001690000000000002940120f0a0454656d70100220"
    "09650000c0bf12110a0544656c74611003200350fbffffff0f12150a04576964651004200458faffffffffffffffff01"
    "120a0a024f6e1005200b700112110a04546578741006200c7a056772c3bc6e120e0a04476f6e651007200a2801380118"
    "00"
)
GOLDEN_REBIRTH = bytes.fromhex(
    "0880ccadf3ca3312210a144e6f646520436f6e74726f6c2f526562697274681880ccadf3ca33200b7001"
)


def metric(name: str | None, value: float | str | None = None, **said: Any) -> bytes:
    """A metric, written by this test."""
    out = b"" if name is None else wire.put(1, name)
    for number, key in ((2, "alias"), (3, "time"), (4, "datatype")):
        if key in said:
            out += wire.put(number, said[key])
    if value is None:
        return out + wire.put(7, 1)
    if isinstance(value, bool):
        return out + wire.put(14, int(value))
    if isinstance(value, int):
        return out + wire.put(11, value)
    if isinstance(value, str):
        return out + wire.put(15, value)
    return out + bytes([13 << 3 | wire.FIXED64]) + struct.pack("<d", value)


def payload(seq: int | None, *metrics: bytes, time_ms: int = NOW_MS) -> bytes:
    out = wire.put(1, time_ms) + b"".join(wire.put(2, m) for m in metrics)
    return out if seq is None else out + wire.put(3, seq)


POINTS = {
    "dc/edge/Power": "ups/power:kW",
    "dc/edge/plc/Load": "crah-1/power:W",
    "dc/edge/plc/Speed": "crah-1/fan_speed_ratio",
}
TOPIC = {"topic": "spBv1.0/#", "codec": "sparkplug", "points": POINTS}
NODE_BIRTH = payload(0, metric("bdSeq", 7), metric("Power", 1.5, alias=1, datatype=DOUBLE))
DEVICE_BIRTH = payload(
    1, metric("Load", 100.0, alias=2, datatype=DOUBLE), metric("Speed", 1, alias=3, datatype=INT32)
)


class Plant:
    """An edge node that has been born, with a device."""

    def __init__(self) -> None:
        self.ear = Ear(TOPIC)
        assert values(self("NBIRTH", NODE_BIRTH)) == {"ups/power": 1500.0}
        assert values(self("DBIRTH", DEVICE_BIRTH)) == {"crah-1/power": 100.0, "crah-1/fan_speed_ratio": 1.0}

    def __call__(self, kind: str, content: bytes) -> Batch:
        device = "/plc" if kind.startswith("D") else ""
        return self.ear(f"spBv1.0/dc/{kind}/edge{device}", content)


def asked(batch: Batch) -> list[str]:
    return [request.topic for request in batch.requests]


class TestBytes:
    def test_bytes_of_the_reference_implementation(self) -> None:
        found = read_payload(GOLDEN)
        assert (found.time_ms, found.seq) == (NOW_MS, 0)
        assert found.metrics == [
            Metric("bdSeq", datatype=8, value=7),
            Metric("Power", 300, NOW_MS - 500, DOUBLE, 12.5, "kW", 192),
            Metric("Temp", 2, datatype=FLOAT, value=-1.5),
            Metric("Delta", 3, datatype=INT32, value=(1 << 32) - 5),
            Metric("Wide", 4, datatype=INT64, value=(1 << 64) - 6),
            Metric("On", 5, datatype=BOOLEAN, value=True),
            Metric("Text", 6, datatype=TEXT, value="grün"),
            Metric("Gone", 7, datatype=DOUBLE, historical=True),
        ]

    def test_our_rebirth_request_is_what_the_reference_implementation_writes(self) -> None:
        request = sparkplug.rebirth_request("dc", "edge", NOW)
        assert request.topic == "spBv1.0/dc/NCMD/edge"
        assert request.payload == GOLDEN_REBIRTH

    def test_own_encoder_and_decoder_agree(self) -> None:
        found = read_payload(payload(3, metric("a", 2.5, alias=9), metric("b"), metric(None, "x", alias=1)))
        assert found.seq == 3
        assert [(m.name, m.alias, m.value) for m in found.metrics] == [
            ("a", 9, 2.5),
            ("b", None, None),
            (None, 1, "x"),
        ]

    @pytest.mark.parametrize(
        ("value", "datatype", "wanted"),
        [
            ((1 << 32) - 5, INT32, -5),
            ((1 << 64) - 6, INT64, -6),
            ((1 << 64) - 5, INT32, -5),  # some write a negative Int32 as ten bytes
            (251, 1, -5),
            (5, INT32, 5),
            ((1 << 32) - 5, 7, (1 << 32) - 5),
            (1.5, INT32, 1.5),
            (True, INT32, True),
        ],
    )
    def test_signs(self, value: float, datatype: int, wanted: float) -> None:
        assert as_signed(value, datatype) == wanted

    @pytest.mark.parametrize("cut", range(1, len(GOLDEN) - 1, 7))
    def test_what_ends_too_early_is_refused_or_shorter(self, cut: int) -> None:
        with contextlib.suppress(wire.WireError):
            assert len(read_payload(GOLDEN[:cut]).metrics) < 8

    @given(st.binary())
    @example(b"\x00")
    @example(b"\xff" * 20)
    @example(b"\x13")
    @example(b"\x12\xff\xff\xff\xff\x0f")
    def test_no_bytes_crash_the_decoder(self, data: bytes) -> None:
        with contextlib.suppress(wire.WireError):
            assert read_payload(data).metrics is not None

    @given(st.integers(0, len(GOLDEN) - 1), st.integers(0, 255))
    def test_no_flipped_byte_crashes_a_plant(self, at: int, byte: int) -> None:
        broken = GOLDEN[:at] + bytes([byte]) + GOLDEN[at + 1 :]
        batch = Ear(TOPIC)("spBv1.0/dc/NBIRTH/edge", broken)
        assert batch.readings or batch.refusals or batch.filtered


class TestBirthsAndData:
    def test_unit_quality_and_time_of_a_metric(self) -> None:
        batch = Ear(TOPIC | {"points": {"dc/edge/Power": "ups/power"}})("spBv1.0/dc/NBIRTH/edge", GOLDEN)
        reading = only(batch)
        assert (reading.value, reading.status) == (12_500.0, Status.GOOD)
        assert reading.time == NOW - timedelta(milliseconds=500)
        names = [u.name for u in batch.unmapped]
        assert names == ["dc/edge/Temp", "dc/edge/Delta", "dc/edge/Wide", "dc/edge/On"]

    def test_data_by_alias_and_by_name(self) -> None:
        plant = Plant()
        data = payload(2, metric(None, 2.0, alias=1), metric("Power", 3.0, time=NOW_MS + 5))
        assert [r.value for r in plant("NDATA", data).readings] == [2000.0, 3000.0]
        assert values(plant("DDATA", payload(3, metric(None, 7.0, alias=2)))) == {"crah-1/power": 7.0}

    def test_a_null_is_no_reading(self) -> None:
        assert not Plant()("NDATA", payload(2, metric("Power"))).readings

    @pytest.mark.parametrize("quality", [0, 500])
    def test_quality_that_is_not_good(self, quality: int) -> None:
        plant = Plant()
        said = wire.put(1, "Quality") + wire.put(2, wire.put(1, 3) + wire.put(3, quality))
        batch = plant("NDATA", payload(2, metric("Power", 2.0) + wire.put(9, said)))
        assert only(batch).status == sparkplug.QUALITIES[quality]

    def test_data_before_the_birth_are_refused_with_the_reason_and_a_rebirth_is_asked_for_once(self) -> None:
        ear = Ear(TOPIC)
        first = ear("spBv1.0/dc/NDATA/edge", payload(4, metric(None, 2.0, alias=1)))
        second = ear("spBv1.0/dc/DDATA/edge/plc", payload(5, metric(None, 2.0, alias=1)))
        assert "before its birth" in reasons(first)
        assert len(second.refusals) == 1
        assert asked(first) == ["spBv1.0/dc/NCMD/edge"]
        assert asked(second) == []
        ear.now += timedelta(seconds=31)
        assert asked(ear("spBv1.0/dc/NDATA/edge", payload(6))) == ["spBv1.0/dc/NCMD/edge"]

    def test_data_of_a_device_before_its_birth(self) -> None:
        plant = Plant()
        batch = plant.ear("spBv1.0/dc/DDATA/edge/other", payload(2, metric("Load", 1.0)))
        assert "dc/edge/other" in reasons(batch)
        assert asked(batch)

    def test_an_unknown_alias_asks_for_a_rebirth(self) -> None:
        batch = Plant()("NDATA", payload(2, metric(None, 1.0, alias=99), metric(None, 2.0, alias=1)))
        assert "99" in reasons(batch)
        assert values(batch) == {"ups/power": 2000.0}
        assert len(asked(batch)) == 1

    def test_commands_and_states_are_passed_over(self) -> None:
        plant = Plant()
        for topic in ("spBv1.0/dc/NCMD/edge", "spBv1.0/STATE/host", "spBv1.0/dc/DCMD/edge/plc"):
            batch = plant.ear(topic, b"\xff")
            assert (batch.filtered, batch.refusals) == (1, [])

    @pytest.mark.parametrize("topic", ["spBv1.0", "spBv1.0/dc/XDATA/edge", "spBv1.0/dc/DDATA/edge"])
    def test_other_topics_are_refused(self, topic: str) -> None:
        assert "none of Sparkplug B" in reasons(Ear(TOPIC)(topic, payload(0)))


class TestGaps:
    def test_a_gap_asks_for_one_rebirth_and_marks_values_until_it_comes(self) -> None:
        plant = Plant()
        assert asked(plant("NDATA", payload(2, metric(None, 2.0, alias=1)))) == []
        gap = plant("NDATA", payload(4, metric(None, 3.0, alias=1)))
        after = plant("NDATA", payload(5, metric(None, 4.0, alias=1)))
        assert asked(gap) == ["spBv1.0/dc/NCMD/edge"]
        assert asked(after) == []
        assert [only(b).status for b in (gap, after)] == [Status.UNCERTAIN, Status.UNCERTAIN]
        assert only(plant("NBIRTH", NODE_BIRTH)).status == Status.GOOD
        assert asked(plant("NDATA", payload(2))) == ["spBv1.0/dc/NCMD/edge"]

    def test_a_message_that_comes_twice_is_no_gap(self) -> None:
        plant, data = Plant(), payload(2, metric(None, 2.0, alias=1))
        assert [only(plant("NDATA", data)).status for _ in range(2)] == [Status.GOOD, Status.GOOD]
        assert asked(plant("NDATA", payload(3))) == []

    def test_the_number_after_255_is_0(self) -> None:
        plant = Plant()
        for seq in (*range(2, 256), 0, 1):
            assert asked(plant("NDATA", payload(seq))) == []

    def test_a_device_birth_replaces_what_the_device_had(self) -> None:
        plant = Plant()
        plant("DBIRTH", payload(2, metric("Load", 1.0, alias=3, datatype=DOUBLE)))
        assert values(plant("DDATA", payload(3, metric(None, 9.0, alias=3)))) == {"crah-1/power": 9.0}
        assert "2" in reasons(plant("DDATA", payload(4, metric(None, 9.0, alias=2))))


class TestDeaths:
    def test_a_node_death_marks_its_last_values(self) -> None:
        plant = Plant()
        plant.ear.now += timedelta(seconds=5)
        batch = plant("NDEATH", payload(None, metric("bdSeq", 7)))
        assert values(batch) == {"ups/power": 1500.0, "crah-1/power": 100.0, "crah-1/fan_speed_ratio": 1.0}
        assert {r.status for r in batch.readings} == {Status.UNCERTAIN_LAST_USABLE}
        assert {r.time for r in batch.readings} == {plant.ear.now}
        assert "before its birth" in reasons(plant("NDATA", payload(2)))

    def test_a_death_is_marked_after_the_last_value_of_a_clock_that_is_ahead(self) -> None:
        plant = Plant()
        plant("NDATA", payload(2, metric("Power", 2.0, time=NOW_MS + 60_000)))
        batch = plant("NDEATH", payload(None, metric("bdSeq", 7)))
        assert max(r.time for r in batch.readings) == NOW + timedelta(milliseconds=60_001)

    def test_the_death_of_an_earlier_session_is_not_believed(self) -> None:
        plant = Plant()
        assert not plant("NDEATH", payload(None, metric("bdSeq", 6))).readings
        assert values(plant("NDATA", payload(2, metric("Power", 2.0))))

    def test_a_device_death_marks_that_device(self) -> None:
        plant = Plant()
        plant.ear.now += timedelta(seconds=5)
        assert set(values(plant("DDEATH", payload(2)))) == {"crah-1/power", "crah-1/fan_speed_ratio"}
        assert "plc" in reasons(plant("DDATA", payload(3, metric(None, 1.0, alias=2))))


@pytest.fixture
def plant(site_file: Path) -> Site:
    group = site_file.parent.name
    more = f'[[topics]]\ntopic = "spBv1.0/{group}/#"\ncodec = "sparkplug"\n'
    more += f'points = {{ "{group}/edge/Power" = "ups/power:kW" }}\n'
    site_file.write_text(site_file.read_text(encoding="utf-8") + more, encoding="utf-8")
    return load_site(site_file)


def test_through_broker_and_worker_a_node_hears_one_rebirth_request_and_obeys(
    serving: Callable[..., AbstractContextManager[Context]],
    conn: db.Connection,
    plant: Site,
    broker_url: str,
) -> None:
    group = plant.topics[1].topic.split("/")[1]
    address = Address.parse(broker_url)
    heard: list[bytes] = []
    subscribed = threading.Event()
    node = make_client(address, "")
    node.on_subscribe = lambda *_: subscribed.set()
    node.on_message = lambda _c, _u, message: heard.append(message.payload)
    node.connect(address.host, address.port)
    node.subscribe(f"spBv1.0/{group}/NCMD/edge", 1)
    node.loop_start()

    def stored() -> list[float]:
        return [r["value"] for r in conn.execute("SELECT value FROM reading ORDER BY time")]

    assert subscribed.wait(PATIENCE_S)
    with serving(), Publisher(broker_url) as publisher:

        def say(kind: str, content: bytes) -> None:
            publisher.publish(f"spBv1.0/{group}/{kind}/edge", content)
            publisher.flush()

        say("NDATA", payload(5, metric(None, 1.0, alias=1)))
        say("NDATA", payload(6, metric(None, 1.0, alias=1)))
        wait_until(lambda: len(heard) == 1)
        say("NBIRTH", NODE_BIRTH)
        say("NDATA", payload(1, metric(None, 2.5, alias=1), time_ms=NOW_MS + 1000))
        say("NDATA", payload(3, metric(None, 3.5, alias=1), time_ms=NOW_MS + 2000))
        wait_until(lambda: len(stored()) == 3 and len(heard) == 2)
    node.disconnect()
    node.loop_stop()
    assert stored() == [1500.0, 2500.0, 3500.0]
    found = read_payload(heard[0])
    assert [(m.name, m.value) for m in found.metrics] == [("Node Control/Rebirth", True)]
    row = conn.execute("SELECT sum(seen) AS n, min(reason) AS reason FROM reading_rejected").fetchone()
    assert row
    assert row["n"] == 2
    assert "before its birth" in row["reason"]
