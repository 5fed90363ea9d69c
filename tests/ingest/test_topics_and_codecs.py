"""Topics and payload dialects: what they mean, and that nothing a device sends can break the reader."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import joulecast
from core.points import CATALOGUE, PointRef, Status
from core.site import load_site
from ingest import topics
from ingest.batch import Assembler, Batch, Message, read_acknowledgement, read_forecast, read_schedule
from ingest.codec import CODECS, Decoded, Rejected, Source
from ingest.topics import Kind, Route, Router

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SITE = load_site(Path(joulecast.__file__).parent / "demo" / "site.toml")
SOURCE = Source("crah-1", "power")
BATCH = Source("crah-1")


def decode(codec: str, source: Source, payload: object) -> tuple[list[Decoded], list[Rejected]]:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    found = CODECS[codec](source, raw, NOW)
    return [*found.readings, *(r for run in found.runs for r in run.readings())], found.rejected


class TestTopics:
    def test_forms(self) -> None:
        router = Router(SITE)
        assert router.route("joulecast/demo/crah-1/power") == Route(Kind.READINGS, SOURCE, "json")
        assert router.route("joulecast/demo/crah-1") == Route(Kind.READINGS, BATCH, "json_batch")
        forecast = router.route(topics.forecast_topic("demo"))
        assert isinstance(forecast, Route)
        assert forecast.kind is Kind.WEATHER_FORECAST
        assert router.route(topics.schedule_topic("demo", "booked_gpu_kw")) == Route(
            Kind.SCHEDULE, Source("$schedule", "booked_gpu_kw")
        )
        answer = router.route(topics.acknowledgement_topic("demo", "hall", "power"))
        assert isinstance(answer, Route)
        assert answer.kind is Kind.ACKNOWLEDGEMENT

    def test_formatting_is_the_inverse_of_parsing(self) -> None:
        route = Router(SITE).route(topics.point_topic("demo", PointRef("crah-1", "power")))
        assert route == Route(Kind.READINGS, SOURCE, "json")

    @pytest.mark.parametrize(
        "topic",
        [
            "joulecast/other/crah-1/power",
            "joulecast/demo/CRAH/power",
            "joulecast/demo/crah-1/colour",
            "joulecast/demo/$command/hall/supply_air_temperature_setpoint",
            "joulecast/demo//power",
            "joulecast/demo/$schedule/wet_bulb_c",
            "joulecast/demo/$schedule/Booked",
            "joulecast/demo/$schedule",
            "joulecast/demo",
            "elsewhere",
            "",
        ],
    )
    def test_no_topic_of_ours(self, topic: str) -> None:
        assert isinstance(Router(SITE).route(topic), Rejected)

    def test_our_own_commands_are_not_subscribed_to(self) -> None:
        assert all(topics.COMMAND not in f and "#" not in f for f in Router(SITE).filters)


class TestJsonReading:
    def test_unit_is_converted(self) -> None:
        payload = {"time": "2026-03-02T11:59:00Z", "value": 1.5, "unit": "kW"}
        readings, rejected = decode("json", SOURCE, payload)
        assert readings == [Decoded("crah-1", "power", datetime(2026, 3, 2, 11, 59, tzinfo=UTC), 1500.0, 0)]
        assert not rejected

    @pytest.mark.parametrize(
        "time", ["2026-03-02T13:00:00+01:00", "2026-03-02T12:00:00", 1_772_452_800_000, 1_772_452_800_000.0]
    )
    def test_times_with_offset_without_and_epoch_milliseconds(self, time: object) -> None:
        assert decode("json", SOURCE, {"time": time, "value": 1})[0][0].time == NOW

    def test_without_a_time_that_of_arrival_counts(self) -> None:
        assert decode("json", SOURCE, {"value": 1})[0][0].time == NOW

    def test_the_topics_unit_counts_where_the_payload_has_none(self) -> None:
        source = Source("crah-1", "power", "kW")
        assert decode("json", source, {"value": 2})[0][0].value == 2000.0
        assert decode("json", source, {"value": 2, "unit": "W"})[0][0].value == 2.0

    @pytest.mark.parametrize(
        ("given_status", "wanted"),
        [("BAD", Status.BAD), ("good", Status.GOOD), (0x80000000, Status.BAD), (0x4000, Status.UNCERTAIN)],
    )
    def test_status(self, given_status: object, wanted: Status) -> None:
        assert decode("json", SOURCE, {"value": 1, "status": given_status})[0][0].status == wanted

    @pytest.mark.parametrize(
        ("payload", "word"),
        [
            (b'{"value": "12"}', "float"),
            (b'{"value": null}', "float"),
            (b'{"value": true}', "float"),
            (b'{"value": NaN}', "invalid"),
            (b'{"value": 1e999}', "out of range"),
            (b'{"value": 1, "unit": "furlong"}', "furlong"),
            (b'{"value": 1, "unit": "degC"}', "degC"),
            (b'{"value": 1, "status": "fine"}', "fine"),
            (b'{"value": 1, "status": -1}', "-1"),
            (b'{"value": 1, "time": "yesterday"}', "datetime"),
            (b'{"value": 1, "time": 1e300}', "epoch"),
            (b'{"time": 1}', "value"),
            (b"{" * 100_000, "JSON"),
            (b'{"value": 1, "unit": "\xff"}', "JSON"),
            (b"\x00", "no number"),
            (b"", "no number"),
        ],
    )
    def test_bad_payloads_are_refused_with_the_reason(self, payload: bytes, word: str) -> None:
        readings, rejected = decode("json", SOURCE, payload)
        assert not readings
        assert word in rejected[0].reason


class TestJsonBatch:
    def test_many_points_at_one_time(self) -> None:
        payload = {"time": NOW.isoformat(), "values": {"power": 1, "fan_speed_ratio": 40}, "units": {}}
        payload["units"] = {"fan_speed_ratio": "%"}
        readings, rejected = decode("json_batch", BATCH, payload)
        assert [(r.point, r.value) for r in readings] == [("power", 1.0), ("fan_speed_ratio", 0.4)]
        assert not rejected

    def test_many_times(self) -> None:
        payload = {"time": [1_772_452_800_000, 1_772_452_801_000], "values": {"power": [1, 2.5]}}
        readings, _ = decode("json_batch", BATCH, payload)
        assert [(r.time.second, r.value) for r in readings] == [(0, 1.0), (1, 2.5)]

    def test_list_form(self) -> None:
        items = [{"time": NOW.isoformat(), "point": "power", "value": 1, "unit": "kW"}, {"point": "power"}]
        readings, rejected = decode("json_batch", BATCH, items)
        assert [r.value for r in readings] == [1000.0]
        assert "element 1" in rejected[0].reason

    def test_null_is_no_reading_and_not_zero(self) -> None:
        assert decode("json_batch", BATCH, {"values": {"power": None}}) == ([], [])
        payload = {"time": [0, 1], "values": {"power": [None, 5]}}
        assert [r.value for r in decode("json_batch", BATCH, payload)[0]] == [5.0]

    def test_a_bad_value_costs_the_others_nothing(self) -> None:
        payload = {"values": {"power": "x", "energy": 5, "colour": 1, "utilisation": True}}
        readings, rejected = decode("json_batch", BATCH, payload)
        assert [r.point for r in readings] == ["energy"]
        assert len(rejected) == 3

    def test_lists_of_different_length(self) -> None:
        _, rejected = decode("json_batch", BATCH, {"time": [0, 1], "values": {"power": [1]}})
        assert "list of 2" in rejected[0].reason


class TestBareNumber:
    @pytest.mark.parametrize("payload", [b"12.5", b" 12.5\n", b"+1.25e1"])
    def test_number(self, payload: bytes) -> None:
        assert decode("bare", SOURCE, payload)[0] == [Decoded("crah-1", "power", NOW, 12.5, 0)]

    @pytest.mark.parametrize("payload", [b"", b"ON", b"1_000", b"1,5", b"\xff", b"1 2"])
    def test_no_number(self, payload: bytes) -> None:
        assert decode("bare", SOURCE, payload)[1]


class TestBesideReadings:
    def test_forecast(self) -> None:
        payload = {
            "issued_at": NOW.isoformat(),
            "valid_at": [NOW.isoformat()],
            "dry_bulb_c": [7.5],
            "wet_bulb_c": [5],
        }
        rows = read_forecast(json.dumps(payload).encode())
        assert not isinstance(rows, Rejected)
        assert [(r.valid_at, r.dry_bulb_c, r.wet_bulb_c) for r in rows] == [(NOW, 7.5, 5.0)]
        assert isinstance(read_forecast(json.dumps(payload | {"wet_bulb_c": []}).encode()), Rejected)

    def test_schedule(self) -> None:
        hours = [(NOW + timedelta(hours=h)).isoformat() for h in range(2)]
        rows = read_schedule(json.dumps({"valid_at": hours, "value": [7.5, 0]}).encode())
        assert rows == [(NOW, 7.5), (NOW + timedelta(hours=1), 0.0)]

    @pytest.mark.parametrize(
        ("payload", "words"),
        [
            ({}, "valid_at"),
            ({"valid_at": [NOW.isoformat()], "value": []}, "1 of valid_at and 0 of value"),
            ({"valid_at": [NOW.isoformat()], "value": ["x"]}, "value"),
            ({"valid_at": ["2026-03-02T12:15:00Z"], "value": [1]}, "start of an hour"),
            ({"valid_at": [NOW.isoformat()] * 2, "value": [1, 2]}, "twice"),
        ],
    )
    def test_no_schedule(self, payload: object, words: str) -> None:
        rejected = read_schedule(json.dumps(payload).encode())
        assert isinstance(rejected, Rejected)
        assert words in rejected.reason

    @pytest.mark.parametrize("payload", [b"{}", b"[]", b'{"command_id": "7", "accepted": true}'])
    def test_no_acknowledgement(self, payload: bytes) -> None:
        assert isinstance(read_acknowledgement(payload), Rejected)


JSONISH = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
KEYS = st.sampled_from(["time", "value", "values", "unit", "units", "status", "point", *sorted(CATALOGUE)])
TOPICS = st.sampled_from(
    [
        "joulecast/demo/crah-1",
        "joulecast/demo/crah-1/power",
        "joulecast/demo/$ack/hall/power",
        "joulecast/demo/weather/$forecast",
        "joulecast/demo/$schedule/booked_gpu_kw",
        "nobody/knows",
    ]
)


@given(TOPICS, st.binary() | JSONISH.map(lambda v: json.dumps(v).encode()))
def test_no_payload_stops_the_stream(topic: str, payload: bytes) -> None:
    batch = Batch()
    Assembler(SITE, lambda: NOW).add(batch, Message(topic, payload, NOW))
    assert batch.readings or batch.refusals or batch.filtered


@given(TOPICS, st.dictionaries(KEYS, JSONISH | st.dictionaries(KEYS, JSONISH)))
def test_no_almost_right_payload_stops_the_stream(topic: str, payload: dict[str, object]) -> None:
    batch = Batch()
    Assembler(SITE, lambda: NOW).add(batch, Message(topic, json.dumps(payload).encode(), NOW))
    assert batch.readings or batch.refusals or batch.filtered
    for reading in batch.readings:
        assert reading.value == reading.value
        assert reading.point in CATALOGUE


@given(st.text())
def test_no_topic_stops_the_stream(topic: str) -> None:
    assert isinstance(Router(SITE).route(topic), Route | Rejected)
