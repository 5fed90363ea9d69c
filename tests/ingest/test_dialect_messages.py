"""The dialects in JSON: what each message means, in the words of those who send it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

import pytest
from tests_of_dialects import NOW, NOW_MS, Ear, only, reasons, values

from core.points import Status
from ingest.codec.base import Rejected
from ingest.codec.dialect import Serves
from ingest.codec.homeassistant import template_path
from ingest.codec.telegraf import milliseconds


class TestDsx:
    NAME = "PowerMeter/ActivePower/site1/row3/meter5"
    VALUE, METADATA = f"BMS/v1/PUB/Value/{NAME}", f"BMS/v1/PUB/Metadata/{NAME}"
    SAID: ClassVar[dict[str, Any]] = {"objectId": "PM5", "engUnit": "kW", "servesId": ["RPP1", "RPP2"]}

    def ear(self, target: str = "ups/power") -> Ear:
        return Ear({"topic": "BMS/v1/PUB/#", "codec": "dsx", "points": {self.NAME: target}})

    def test_metadata_give_the_unit_and_the_power_tree(self) -> None:
        ear = self.ear()
        about = ear(self.METADATA, self.SAID | {"associateId": "UPS-A"})
        assert about.serves == [
            Serves("PM5", "serves", "RPP1"),
            Serves("PM5", "serves", "RPP2"),
            Serves("PM5", "part_of", "UPS-A"),
        ]
        assert about.filtered == 1
        reading = only(ear(self.VALUE, {"value": 42.5, "timestamp": NOW_MS - 1000, "quality": 1}))
        assert (reading.value, reading.status) == (42_500.0, Status.GOOD)
        assert reading.time == NOW - timedelta(seconds=1)

    def test_a_value_before_its_metadata_needs_a_unit_from_us(self) -> None:
        said = {"value": 1, "timestamp": NOW_MS, "quality": 1}
        assert "before its metadata" in reasons(self.ear()(self.VALUE, said))
        assert values(self.ear("ups/power:MW")(self.VALUE, said)) == {"ups/power": 1e6}

    def test_bad_quality(self) -> None:
        ear = self.ear("ups/power:kW")
        assert only(ear(self.VALUE, {"value": 1, "timestamp": NOW_MS, "quality": 0})).status == Status.BAD

    def test_an_unknown_point_is_registered_with_the_unit_of_its_metadata(self) -> None:
        ear = self.ear()
        ear("BMS/v1/PUB/Metadata/CDU/LiquidTemperature/a/b", {"objectId": "CDU1", "engUnit": "°C"})
        batch = ear("BMS/v1/PUB/Value/CDU/LiquidTemperature/a/b", {"value": 30, "timestamp": NOW_MS})
        assert [(u.name, u.unit) for u in batch.unmapped] == [("CDU/LiquidTemperature/a/b", "degC")]

    def test_heartbeats_are_signs_of_life_and_no_readings(self) -> None:
        ear, topic = self.ear(), "BMS/v1/PUB/Value/System/HeartbeatTimestampBms/bms"
        batch = ear(topic, {"value": 1, "timestamp": NOW_MS})
        assert (batch.filtered, batch.unmapped, batch.readings) == (1, [], [])
        assert batch.beats == [("System/HeartbeatTimestampBms/bms", ear.now)]

    def test_a_flood_of_invented_heartbeats_is_refused(self) -> None:
        ear = self.ear()
        for number in range(1001):
            batch = ear(f"BMS/v1/PUB/Value/System/Heartbeat/{number}", {"value": 1})
        assert "1000 heartbeats" in reasons(batch)
        assert ear("BMS/v1/PUB/Value/System/Heartbeat/0", {"value": 1}).beats

    @pytest.mark.parametrize(
        "said",
        [{"value": "x", "timestamp": 1}, {"value": 1, "timestamp": "x"}, {"value": 1, "timestamp": True}, []],
    )
    def test_what_cannot_be_read_is_refused(self, said: object) -> None:
        assert reasons(self.ear("ups/power:kW")(self.VALUE, said))


class TestTasmota:
    # an Athom plug's message as Tasmota 13 sends it
    SAID: ClassVar[dict[str, Any]] = {
        "Time": "2026-03-02T13:00:00",
        "ENERGY": {
            "TotalStartTime": "2025-01-01T00:00:00",
            "Total": 123.456,
            "Power": [230, 12.5],
            "Voltage": 231,
        },
        "AM2301": {"Temperature": 77.0, "Humidity": 40.5, "DewPoint": 50},
        "TempUnit": "F",
    }

    def test_energy_and_climate(self) -> None:
        points = {
            "ENERGY.Total": "ups/energy",
            "ENERGY.Power.1": "ups/power",
            "AM2301.Temperature": "rack-1/inlet_temperature",
            "AM2301.Humidity": "weather/relative_humidity",
        }
        site_zone = {"timezone": "Europe/Amsterdam"}
        ear = Ear({"topic": "tele/ups/SENSOR", "codec": "tasmota", "points": points} | site_zone)
        batch = ear("tele/ups/SENSOR", self.SAID)
        assert values(batch) == pytest.approx(
            {
                "ups/energy": 123.456 * 3.6e6,
                "ups/power": 12.5,
                "rack-1/inlet_temperature": 25.0,
                "weather/relative_humidity": 0.405,
            }
        )
        assert {r.time for r in batch.readings} == {NOW}
        names = [u.name for u in batch.unmapped]
        assert names == ["ENERGY.Power.0", "ENERGY.Voltage", "AM2301.DewPoint"]

    def test_the_device_is_named_by_the_wildcard(self) -> None:
        mapping = {"topic": "tele/+/SENSOR", "codec": "tasmota", "points": {"p7/ENERGY.Power": "ups/power"}}
        said = {"Time": "2026-03-02T12:00:00+00:00", "ENERGY": {"Power": 5}}
        assert values(Ear(mapping)("tele/p7/SENSOR", said)) == {"ups/power": 5.0}
        assert not Ear(mapping)("tele/p8/SENSOR", said).readings

    @pytest.mark.parametrize(
        "said", [b"x", [], {"Time": "noon"}, {"Time": 5}, {"Time": "0001-01-01T00:00:00"}]
    )
    def test_what_cannot_be_read_is_refused(self, said: object) -> None:
        ear = Ear({"topic": "tele/+/SENSOR", "codec": "tasmota", "timezone": "Asia/Tokyo"})
        assert reasons(ear("tele/p7/SENSOR", said)) or said == []

    def test_a_mapped_text_is_refused_and_not_lost(self) -> None:
        mapping = {"topic": "t", "codec": "tasmota", "points": {"ENERGY.Power": "ups/power"}}
        assert "no number" in reasons(Ear(mapping)("t", {"ENERGY": {"Power": "5"}}))


class TestZigbee2Mqtt:
    TOPIC: ClassVar[dict[str, Any]] = {
        "topic": "zigbee2mqtt/#",
        "codec": "zigbee2mqtt",
        "points": {"hall/plug/power": "ups/power", "hall/plug/energy": "ups/energy"},
    }

    @pytest.mark.parametrize("seen", [NOW_MS, "2026-03-02T13:00:00+01:00", None])
    def test_power_and_energy(self, seen: object) -> None:
        said = {"power": 12.5, "energy": 0.5, "state": "ON", "linkquality": 80, "last_seen": seen}
        batch = Ear(self.TOPIC)("zigbee2mqtt/hall/plug", said)
        assert values(batch) == {"ups/power": 12.5, "ups/energy": 1.8e6}
        assert {r.time for r in batch.readings} == {NOW}
        assert [u.name for u in batch.unmapped] == ["hall/plug/linkquality"]

    @pytest.mark.parametrize("tail", ["bridge/devices", "bridge/state", "plug/availability", "plug/set"])
    def test_what_is_no_state_is_passed_over(self, tail: str) -> None:
        batch = Ear(self.TOPIC)(f"zigbee2mqtt/{tail}", b"online")
        assert (batch.filtered, batch.refusals) == (1, [])

    def test_a_wrong_time(self) -> None:
        assert "ISO 8601" in reasons(Ear(self.TOPIC)("zigbee2mqtt/a", {"power": 1, "last_seen": "noon"}))


class TestTelegraf:
    METRIC: ClassVar[dict[str, Any]] = {
        "name": "modbus",
        "tags": {"name": "ups", "host": "plc1"},
        "fields": {"power": 61.5, "state": "ok", "running": True},
        "timestamp": NOW_MS // 1000,
    }

    def ear(self, **points: str) -> Ear:
        names = {
            key.replace("__", ",name=ups ").replace("_X_", " "): target for key, target in points.items()
        }
        return Ear({"topic": "telegraf/#", "codec": "telegraf", "points": names})

    def test_one_metric(self) -> None:
        batch = self.ear(modbus__power="ups/power:kW")("telegraf/plc1/modbus", self.METRIC)
        assert values(batch) == {"ups/power": 61_500.0}
        assert only(batch).time == NOW
        assert [u.name for u in batch.unmapped] == ["modbus,host=plc1,name=ups running"]

    def test_a_batch_of_metrics(self) -> None:
        ear = self.ear(modbus_X_power="ups/power", modbus_X_running="chiller-1/running")
        batch = ear("telegraf/x", {"metrics": [self.METRIC, {"name": "x"}]})
        assert values(batch) == {"ups/power": 61.5, "chiller-1/running": 1.0}
        assert "missing" in reasons(batch)

    def test_the_key_with_most_tags_is_meant(self) -> None:
        ear = self.ear(modbus_X_power="ups/power", modbus__power="crah-1/power")
        assert set(values(ear("telegraf/x", self.METRIC))) == {"crah-1/power"}
        assert set(values(ear("telegraf/x", self.METRIC | {"tags": {}}))) == {"ups/power"}

    @pytest.mark.parametrize("stamp", [NOW_MS // 1000, NOW_MS, NOW_MS * 1000, NOW_MS * 1_000_000])
    def test_a_timestamp_in_any_unit(self, stamp: int) -> None:
        assert milliseconds(stamp) == pytest.approx(NOW_MS)

    @pytest.mark.parametrize(
        "said",
        [[], {"fields": {}}, METRIC | {"tags": "x"}, METRIC | {"timestamp": "x"}, METRIC | {"name": 1}],
    )
    def test_what_cannot_be_read_is_refused(self, said: object) -> None:
        assert reasons(self.ear()("telegraf/x", said))


class TestHomeAssistant:
    CONFIG = "homeassistant/sensor/plug_power/config"
    SAID: ClassVar[dict[str, Any]] = {
        "unique_id": "0x00124b_power",
        "state_topic": "home/plug",
        "value_template": "{{ value_json.power }}",
        "unit_of_measurement": "kW",
        "device_class": "power",
    }
    STATES: ClassVar[dict[str, Any]] = {"topic": "home/#", "codec": "homeassistant"}

    def ear(self, **points: str) -> Ear:
        names = {f"0x00124b_{key}": target for key, target in points.items()}
        return Ear({"topic": "homeassistant/#", "codec": "homeassistant", "points": names}, self.STATES)

    def test_an_announced_sensor_is_read_in_its_own_unit(self) -> None:
        ear = self.ear(power="ups/power")
        assert ear(self.CONFIG, self.SAID).filtered == 1
        assert values(ear("home/plug", {"power": 1.5})) == {"ups/power": 1500.0}
        assert values(ear("home/plug", {"power": "2.5"})) == {"ups/power": 2500.0}

    def test_one_that_no_mapping_names_is_registered_with_a_suggestion(self) -> None:
        ear = self.ear()
        ear(self.CONFIG, self.SAID)
        found = ear("home/plug", {"power": 1.5}).unmapped[0]
        assert (found.name, found.unit, found.suggestion) == ("0x00124b_power", "kW", "power")

    def test_abbreviations_and_a_bare_state(self) -> None:
        ear = self.ear(power="ups/power")
        ear(self.CONFIG, {"~": "home", "stat_t": "~/plug", "uniq_id": "0x00124b_power", "unit_of_meas": "W"})
        assert values(ear("home/plug", b"12.5")) == {"ups/power": 12.5}
        assert ear("home/plug", b"unavailable").filtered == 1
        assert "no number" in reasons(ear("home/plug", b"1_0"))

    def test_two_sensors_on_one_topic_and_one_that_is_taken_away(self) -> None:
        ear = self.ear(power="ups/power", energy="ups/energy")
        energy = {"unique_id": "0x00124b_energy", "value_template": "{{ value_json['energy'] | float }}"}
        ear(self.CONFIG, self.SAID)
        ear("homeassistant/sensor/n/plug/config", self.SAID | energy | {"unit_of_measurement": "kWh"})
        assert set(values(ear("home/plug", {"power": 1, "energy": 1}))) == {"ups/power", "ups/energy"}
        assert ear(self.CONFIG, b"").filtered == 1
        assert set(values(ear("home/plug", {"power": 1, "energy": 1}))) == {"ups/energy"}

    def test_other_kinds_of_entities_are_passed_over(self) -> None:
        assert self.ear()("homeassistant/light/lamp/config", b"x").filtered == 1

    def test_a_value_that_nobody_has_announced(self) -> None:
        assert "announced" in reasons(self.ear()("home/plug", {"power": 1}))

    @pytest.mark.parametrize(
        "change",
        [{"unique_id": None}, {"state_topic": 5}, {"value_template": "{{ value_json.power * 1000 }}"}],
    )
    def test_an_announcement_that_cannot_be_followed(self, change: dict[str, Any]) -> None:
        assert reasons(self.ear()(self.CONFIG, self.SAID | change))

    @pytest.mark.parametrize(
        ("template", "path"),
        [
            ("{{ value }}", None),
            ("{{value|float}}", None),
            ("{{ value_json.ENERGY.Power }}", ("ENERGY", "Power")),
            ("{{ value_json['a b'][0] | round(2) }}", ("a b", 0)),
            ("{{ value_json }}", ()),
        ],
    )
    def test_templates(self, template: str, path: tuple[str | int, ...] | None) -> None:
        assert template_path(template) == path

    def test_a_template_that_is_a_program_is_refused(self) -> None:
        for template in ("{% if x %}1{% endif %}", "{{ value.x }}", "{{ " + "value_json.a" * 200 + " }}"):
            assert isinstance(template_path(template), Rejected)


class TestAliases:
    BIRTH, DATA = "joulecast/demo/ups/$birth", "joulecast/demo/ups/$data"
    ALIASES: ClassVar[dict[str, Any]] = {
        "aliases": {"1": {"point": "power", "unit": "kW"}, "2": {"point": "energy"}}
    }

    def test_numbers_for_names(self) -> None:
        ear = Ear()
        assert ear(self.BIRTH, self.ALIASES).filtered == 1
        batch = ear(self.DATA, {"time": NOW_MS, "m": [[1, 2.5], [2, 7, NOW_MS - 1000], [2, None]]})
        assert [(r.point, r.value) for r in batch.readings] == [("power", 2500.0), ("energy", 7.0)]
        assert batch.readings[1].time == NOW - timedelta(seconds=1)

    def test_data_before_the_birth(self) -> None:
        assert "before its $birth" in reasons(Ear()(self.DATA, {"m": [[1, 2]]}))

    def test_a_bad_element_costs_the_others_nothing(self) -> None:
        ear = Ear()
        ear(self.BIRTH, self.ALIASES)
        batch = ear(self.DATA, {"m": [[9, 1], [1, "x"], [1], ["1", 1], [1, True], [2, 1, "noon"], [2, 3]]})
        assert values(batch) == {"ups/energy": 3.0}
        assert len(batch.refusals) == 6

    @pytest.mark.parametrize(
        "said", [{}, {"aliases": {"x": {"point": "power"}}}, {"aliases": {"1": {"point": "colour"}}}, b"\xff"]
    )
    def test_a_birth_that_cannot_be_read(self, said: object) -> None:
        assert reasons(Ear()(self.BIRTH, said))

    def test_a_wrong_unit_is_told_at_the_birth(self) -> None:
        assert "degC" in reasons(Ear()(self.BIRTH, {"aliases": {"1": {"point": "power", "unit": "degC"}}}))
