"""The recipes for Telegraf: valid, known options only, and every field they poll becomes a reading."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import joulecast
from core.points import CATALOGUE
from core.site import Site
from ingest.batch import Assembler, Batch, Message

FOLDER = Path(__file__).parents[2] / "docs" / "recipes"
PAGE = (FOLDER / "telegraf.md").read_text(encoding="utf-8")
DEMO = (Path(joulecast.__file__).parent / "demo" / "site.toml").read_text(encoding="utf-8")
NOW = datetime(2026, 3, 2, 12, 0, 1, tzinfo=UTC)
NAMES = ("modbus-tcp.conf", "snmp.conf")
SIZES = {"INT16": 1, "FLOAT32": 2, "UINT64": 4}
"""Registers."""
OPTIONS = {
    "agent": "interval round_interval flush_interval metric_buffer_limit omit_hostname",
    "modbus": "name controller timeout configuration_type request",
    "request": "slave_id byte_order register fields",
    "fields": "address name type scale",
    "snmp": "agents version timeout retries sec_name sec_level auth_protocol auth_password priv_protocol "
    "priv_password agent_host_tag name field",
    "field": "name oid",
    "mqtt": "servers topic qos keep_alive client_id username password data_format json_timestamp_units",
}
"""As in the plugins' sample configurations (Telegraf 1.30)."""


def config(name: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / name).read_text(encoding="utf-8"))


def mapping(name: str) -> dict[str, Any]:
    section = PAGE[PAGE.index(f"[{name}]") :]
    found = re.search(r"^```toml\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert found
    return tomllib.loads(found[1])


def reader(part: dict[str, Any]) -> Assembler:
    """The demo plant with a recipe's assets and topics."""
    demo = tomllib.loads(DEMO)
    assets = [*demo["assets"], *part.get("assets", [])]
    site = Site.model_validate(demo | {"assets": assets, "topics": part["topics"]})
    return Assembler(site, lambda: NOW)


def metrics(found: dict[str, Any]) -> list[dict[str, Any]]:
    """What Telegraf would publish, by its JSON serializer's documentation."""
    said = [
        {
            "name": "modbus",
            "tags": {
                "name": device["name"],
                "slave_id": str(request["slave_id"]),
                "type": request["register"],
            },
            "fields": {field["name"]: 1 for field in request["fields"]},
        }
        for device in found["inputs"].get("modbus", [])
        for request in device["request"]
    ]
    said += [
        {
            "name": device["name"],
            "tags": {"source": "192.0.2.20"},
            "fields": {field["name"]: 1000 for field in device["field"]},
        }
        for device in found["inputs"].get("snmp", [])
    ]
    return [metric | {"timestamp": 1772452800123} for metric in said]


@pytest.mark.parametrize("name", NAMES)
def test_only_options_that_the_plugins_have(name: str) -> None:
    found = config(name)
    parts = [("agent", found["agent"]), ("mqtt", found["outputs"]["mqtt"][0])]
    for kind, devices in found["inputs"].items():
        for device in devices:
            parts.append((kind, device))
            parts += [("field", field) for field in device.get("field", [])]
            for request in device.get("request", []):
                parts.append(("request", request))
                parts += [("fields", field) for field in request["fields"]]
    for kind, part in parts:
        assert part.keys() <= set(OPTIONS[kind].split()), kind
    output = found["outputs"]["mqtt"][0]
    assert (output["qos"], output["data_format"], output["json_timestamp_units"]) == (1, "json", "1ms")


@pytest.mark.parametrize("name", NAMES)
def test_every_field_that_is_polled_becomes_a_reading(name: str) -> None:
    found, part = config(name), mapping(name)
    (mapped,) = part["topics"]
    assert mapped["topic"] == found["outputs"]["mqtt"][0]["topic"]
    assembler, heard = reader(part), []
    for metric in metrics(found):
        batch = Batch()
        assembler.add(batch, Message(mapped["topic"], json.dumps(metric).encode(), NOW))
        assert not batch.refusals
        assert not batch.unmapped
        heard += batch.readings
    targets = {target.partition(":")[0] for target in mapped["points"].values()}
    assert {f"{r.asset}/{r.point}" for r in heard} == targets
    assert all(r.time.microsecond == 123_000 and r.point in CATALOGUE for r in heard)


def test_registers_do_not_overlap() -> None:
    for device in config("modbus-tcp.conf")["inputs"]["modbus"]:
        for request in device["request"]:
            used = [
                field["address"] + offset
                for field in request["fields"]
                for offset in range(SIZES.get(field.get("type", ""), 1))
            ]
            assert len(used) == len(set(used))
