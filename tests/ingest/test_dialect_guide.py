"""docs/sensors.md is right: every mapping is a valid one, and every message on the page becomes readings."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from tests_of_dialects import Ear, reasons

from ingest.codec import DIALECTS

GUIDE = (Path(__file__).parents[2] / "docs" / "sensors.md").read_text(encoding="utf-8")
SECTIONS = {part.splitlines()[0]: part for part in GUIDE.split("\n## ")[1:]}
BLOCK = re.compile(r"^```(toml)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MESSAGE = re.compile(r"^(.+?) (\{.*\}|[\d.]+)$")


@pytest.mark.parametrize("title", SECTIONS)
def test_a_section_keeps_its_word(title: str) -> None:
    blocks = BLOCK.findall(SECTIONS[title])
    ear = Ear(*(mapping for kind, text in blocks if kind for mapping in tomllib.loads(text)["topics"]))
    lines = [line for kind, text in blocks if not kind for line in text.splitlines()]
    stored = 0
    for line in lines:
        found = MESSAGE.match(line)
        assert found, line
        batch = ear(found[1], found[2].encode())
        assert not reasons(batch)
        assert not batch.unmapped
        stored += len(batch.readings) + len(batch.forecasts) + len(batch.schedules)
    assert bool(stored) == bool(lines)


def test_every_dialect_is_on_the_page() -> None:
    assert all(f'codec = "{name}"' in GUIDE for name in DIALECTS if name != "aliases")
