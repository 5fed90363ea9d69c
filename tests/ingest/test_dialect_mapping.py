"""What `site.toml` may say about topics of somebody else's making, and what becomes of the rest."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tests_of_dialects import NOW_MS, Ear, reasons, site_with
from tests_of_ingest import PATIENCE_S, counter, wait_until

from core import db
from core.points import PointRef
from core.site import Site, load_site
from ingest import unmapped
from ingest.codec.dialect import Serves, Unmapped, captured, spelt
from ingest.mqtt import Address, Publisher, make_client
from ingest.topics import Kind, Route, Router
from ingest.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from core.clock import ManualClock
    from core.jobs import Context

TASMOTA = {"topic": "tele/+/SENSOR", "codec": "tasmota", "points": {"plug/ENERGY.Power": "ups/power:W"}}


class TestMapping:
    def test_a_target_has_a_point_and_perhaps_a_unit(self) -> None:
        targets = {"a": "ups/power:kW", "b": "ups/energy", "c": "crah-1/valve_position:%"}
        site = site_with(TASMOTA | {"points": targets})
        found = site.topics[0].points
        assert (found["a"].point, found["a"].unit) == (PointRef("ups", "power"), "kW")
        assert found["b"].unit is None
        assert PointRef("crah-1", "valve_position") in site.refs()
        assert Site.model_validate(site.model_dump(mode="json")) == site

    @pytest.mark.parametrize(
        ("wrong", "word"),
        [
            (TASMOTA | {"points": {"a": "ups/colour"}}, "colour"),
            (TASMOTA | {"points": {"a": "nobody/power"}}, "nobody"),
            (TASMOTA | {"points": {"a": "ups/power:kWh"}}, "kWh"),
            (TASMOTA | {"points": {"a": "ups/power:furlong"}}, "furlong"),
            (TASMOTA | {"point": "ups/power"}, "has points"),
            (TASMOTA | {"topic": "tele/#/SENSOR"}, "whole level"),
            (TASMOTA | {"topic": "tele/plug+/SENSOR"}, "whole level"),
            (TASMOTA | {"timezone": "Mars/Olympus"}, "Mars/Olympus"),
            ({"topic": "a/+", "point": "ups/power"}, "no wildcards"),
            ({"topic": "a"}, "one point"),
            ({"topic": "a", "point": "ups/power", "points": {"a": "ups/power"}}, "one point"),
            ({"topic": "a", "point": "ups/power", "unit": "degC"}, "degC"),
            ({"topic": "a", "codec": "morse"}, "sparkplug"),
        ],
    )
    def test_a_wrong_one_is_told(self, wrong: dict[str, Any], word: str) -> None:
        with pytest.raises(ValidationError, match=word):
            site_with(wrong)

    def test_a_topic_is_mapped_once(self) -> None:
        with pytest.raises(ValidationError, match="mapped twice"):
            site_with(TASMOTA, TASMOTA)

    @pytest.mark.parametrize(
        ("pattern", "topic", "wanted"),
        [
            ("tele/+/SENSOR", "tele/plug/SENSOR", "plug"),
            ("tele/+/SENSOR", "tele/plug/STATE", None),
            ("tele/+/SENSOR", "tele/plug/SENSOR/x", None),
            ("z/#", "z/a/b", "a/b"),
            ("z/#", "z", ""),
            ("+/x/#", "a/x/b/c", "a/b/c"),
            ("a/b", "a/b", ""),
            ("#", "$SYS/uptime", None),
            ("+/+", "a", None),
        ],
    )
    def test_wildcards(self, pattern: str, topic: str, wanted: str | None) -> None:
        assert captured(pattern, topic) == wanted

    def test_units_in_the_devices_spelling(self) -> None:
        assert [spelt(u) for u in ("°C", " kW ", "kvar", None)] == ["degC", "kW", "kvar", ""]

    def test_who_remembers_is_subscribed_to_as_a_whole(self) -> None:
        router = Router(site_with(TASMOTA, {"topic": "spBv1.0/#", "codec": "sparkplug"}))
        assert "tele/+/SENSOR" in router.filters
        assert router.whole_filters == ("joulecast/demo/+/$birth", "spBv1.0/#")
        route = router.route("tele/plug/SENSOR")
        assert isinstance(route, Route)
        assert route.kind is Kind.DIALECT


class TestUnmapped:
    def test_a_value_without_a_mapping_is_registered_and_counted_as_filtered(self) -> None:
        batch = Ear(TASMOTA)("tele/other/SENSOR", {"ENERGY": {"Power": 3, "Total": 1.5, "Model": "x"}})
        assert batch.unmapped == [
            Unmapped("tasmota", "other/ENERGY.Power", "tele/other/SENSOR", "W", "power", "3"),
            Unmapped("tasmota", "other/ENERGY.Total", "tele/other/SENSOR", "kWh", "energy", "1.5"),
        ]
        assert batch.filtered == 2
        assert not batch.readings

    def test_a_name_without_end_is_no_name(self) -> None:
        batch = Ear(TASMOTA)("tele/other/SENSOR", {"x" * 1000: 1})
        assert "no name" in reasons(batch)

    def test_a_name_is_there_once_with_its_newest_value(
        self, conn: db.Connection, clock: ManualClock
    ) -> None:
        def one(name: str, example: str) -> Unmapped:
            return Unmapped("tasmota", name, "tele/x/SENSOR", "W", "power", example)

        register = unmapped.Register("s")
        register.save(conn, [one("b", "1"), one("a\0", "2"), one("b", "3")], clock.now())
        register.save(conn, [one("b", "4")], clock.now())
        assert db.rows(conn, "ingest_unmapped", site="s", count=10)[1]["seen"] == 2
        register.save(conn, [], clock.now() + unmapped.EVERY)
        found = {r["name"]: r for r in db.rows(conn, "ingest_unmapped", site="s", count=10)}
        assert (found["b"]["seen"], found["b"]["example"]) == (3, "4")
        assert found["b"]["mapping"] == '"b" = "ASSET/power:W"'
        assert len(found) == 2
        assert db.rows(conn, "ingest_unmapped", site="other", count=10) == []

    def test_a_flood_of_names_fills_no_disk(
        self, conn: db.Connection, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(unmapped, "REGISTERED_MAX", 2)
        for name in "abcb":
            one = Unmapped("telegraf", name, "t", "", "", "1")
            unmapped.Register("s").save(conn, [one], clock.now())
        found = {r["name"]: r["seen"] for r in db.rows(conn, "ingest_unmapped", site="s", count=10)}
        assert found == {"a": 1, "b": 2}

    def test_who_feeds_whom_is_kept_once(self, conn: db.Connection, clock: ManualClock) -> None:
        for _ in range(2):
            unmapped.save_serves(conn, "s", [Serves("ups", "serves", "pdu")] * 2, clock.now())
        assert [r["other_id"] for r in conn.execute("SELECT * FROM asset_serves")] == ["pdu"]


def test_the_power_tree_reaches_the_database(dsn: str, conn: db.Connection, clock: ManualClock) -> None:
    hear = Ear({"topic": "BMS/#", "codec": "dsx"})
    batch = hear("BMS/v1/PUB/Metadata/UPS/Status/a", {"objectId": "UPS-A", "servesId": "x" * 500})
    assert batch.serves == []
    batch = hear("BMS/v1/PUB/Metadata/UPS/Status/a", {"objectId": "UPS-A", "servesId": "RPP1\0"})
    writer = Writer(dsn, "demo", clock, threading.Event())
    assert writer.write(batch).filtered == 1
    writer.close()
    found = list(conn.execute("SELECT * FROM asset_serves WHERE site_id = 'demo'"))
    assert [(r["object_id"], r["relation"]) for r in found] == [("UPS-A", "serves")]


@pytest.fixture
def plant(site_file: Path) -> Site:
    number = site_file.parent.name
    more = f'[[topics]]\ntopic = "{number}/+/SENSOR"\ncodec = "tasmota"\n'
    more += 'points = { "plug/ENERGY.Power" = "ups/power:W" }\n'
    site_file.write_text(site_file.read_text(encoding="utf-8") + more, encoding="utf-8")
    return load_site(site_file)


def test_through_broker_and_worker_what_is_mapped_is_stored_and_the_rest_is_shown(
    serving: Callable[..., AbstractContextManager[Context]],
    conn: db.Connection,
    plant: Site,
    broker_url: str,
) -> None:
    base = plant.topics[1].topic.partition("/")[0]
    with serving() as context, Publisher(broker_url) as publisher:
        payload = b'{"Time": "2026-03-02T12:00:00Z", "ENERGY": {"Power": 42, "Total": 7}}'
        for device in ("plug", "plug", "new"):
            publisher.publish(f"{base}/{device}/SENSOR", payload)
        publisher.flush()
        wait_until(lambda: counter(conn, context.settings.ingest_client_id)["received"] == 6)
        found = counter(conn, context.settings.ingest_client_id)
    assert (found["stored"], found["duplicate"], found["filtered"]) == (1, 1, 4)
    assert [r["value"] for r in conn.execute("SELECT value FROM reading")] == [42.0]
    seen = {r["name"]: r["seen"] for r in db.rows(conn, "ingest_unmapped", site=plant.id, count=9)}
    assert seen == {"plug/ENERGY.Total": 2, "new/ENERGY.Power": 1, "new/ENERGY.Total": 1}


JSONISH = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
WORDS = st.sampled_from(
    [
        *("Time", "ENERGY", "Power", "power", "last_seen", "name", "tags", "fields", "metrics", "timestamp"),
        *("value", "quality", "engUnit", "servesId", "objectId", "aliases", "m", "1", "point", "unit"),
        *("state_topic", "unique_id", "value_template", "~", "device_class", "unit_of_measurement"),
    ]
)
ALMOST = st.dictionaries(WORDS, JSONISH | st.dictionaries(WORDS, JSONISH) | st.just(NOW_MS))
LETTERS = st.sampled_from(
    [
        *("tele/a/SENSOR", "zigbee2mqtt/a", "telegraf/a", "BMS/v1/PUB/Value/UPS/Power/a"),
        *("BMS/v1/PUB/Metadata/UPS/Power/a", "BMS/v1/PUB/Value/System/HeartbeatTimestampBms/a"),
        *("homeassistant/sensor/a/config", "homeassistant/a", "joulecast/demo/ups/$birth"),
        *("joulecast/demo/ups/$data", "spBv1.0/g/NBIRTH/n", "spBv1.0/g/DDATA/n/d", "BMS/x", "spBv1.0/x"),
    ]
)
ALL = [
    {"topic": "tele/+/SENSOR", "codec": "tasmota", "points": {"a/ENERGY": "ups/power"}},
    {"topic": "zigbee2mqtt/#", "codec": "zigbee2mqtt", "points": {"a/power": "ups/power"}},
    {"topic": "telegraf/#", "codec": "telegraf", "points": {"name value": "ups/power"}},
    {"topic": "BMS/#", "codec": "dsx", "points": {"UPS/Power/a": "ups/power"}},
    {"topic": "homeassistant/#", "codec": "homeassistant", "points": {"a": "ups/power"}},
    {"topic": "spBv1.0/#", "codec": "sparkplug"},
]
ear = Ear(*ALL)


@given(LETTERS, st.binary() | JSONISH | ALMOST)
def test_no_payload_stops_the_stream(topic: str, payload: object) -> None:
    batch = ear(topic, payload)
    counted = len(batch.readings) + len(batch.refusals) + batch.filtered
    assert counted >= 1
    assert batch.filtered >= len(batch.unmapped)


def test_a_retained_birth_is_heard_again_after_a_restart(
    serving: Callable[..., AbstractContextManager[Context]],
    conn: db.Connection,
    plant: Site,
    broker_url: str,
) -> None:
    base, address = f"joulecast/{plant.id}/ups", Address.parse(broker_url)
    gateway = make_client(address, "")
    gateway.connect(address.host, address.port)
    gateway.loop_start()
    birth = b'{"aliases": {"1": {"point": "power", "unit": "kW"}}}'
    gateway.publish(f"{base}/$birth", birth, qos=1, retain=True).wait_for_publish(PATIENCE_S)
    for value in (1, 2):
        with serving():
            stamp = NOW_MS + value
            payload = json.dumps({"time": stamp, "m": [[1, value]]}).encode()
            gateway.publish(f"{base}/$data", payload, qos=1).wait_for_publish(PATIENCE_S)
            wait_until(lambda seen=value: stored(conn) == [1000.0, 2000.0][:seen])
    gateway.disconnect()
    gateway.loop_stop()


def stored(conn: db.Connection) -> list[float]:
    return [r["value"] for r in conn.execute("SELECT value FROM reading ORDER BY time")]
