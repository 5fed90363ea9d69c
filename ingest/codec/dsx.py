"""NVIDIA DSX Exchange, building management: values, what they are, and who feeds whom.

A value's name is ``objectType/pointType/tagPath``, as in its topic. Metadata give the unit; a value that
comes before them can be read only where `site.toml` gives one. ``servesId`` and ``associateId`` are kept as
the power tree. Of heartbeats only the last is kept; `ingest.alarms` watches for the next.

References:
    DSX Exchange, BMS Event Bus, AsyncAPI 1.0.0.
"""

from __future__ import annotations

from typing import Any, Final

from core.points import Status
from ingest.codec.base import Rejected, quoted
from ingest.codec.dialect import (
    KNOWN_MAX,
    NAME_MAX_CHARS,
    Beat,
    Heard,
    Letter,
    Serves,
    as_number,
    json_object,
    spelt,
)

HEARTBEAT: Final = "Heartbeat"
"""How the point types of heartbeats begin."""
BEATS_MAX: Final = 1000
"""Most heartbeats that are watched; a flood of invented ones is refused beyond that."""
GOOD: Final = 1
ID_MAX_CHARS: Final = 200
"""Longer ids are none."""
_LEVELS_MIN: Final = 7
"""Of a topic: BMS, v1, publisher, kind, object type, point type, tag path."""
_RELATIONS: Final = {"servesId": "serves", "associateId": "part_of"}
_OBJECT: Final = ("objectId", "rackLocationId")


class Bms:
    """What has been heard of one or more building management systems."""

    def __init__(self) -> None:
        self._units: dict[str, str] = {}
        """Unit by name; empty for a point of states."""
        self._beats: set[str] = set()

    def read(self, letter: Letter) -> Heard:
        """Take one message in."""
        heard = Heard()
        levels = letter.topic.split("/")
        if len(levels) < _LEVELS_MIN or levels[:2] != ["BMS", "v1"] or levels[3] not in {"Value", "Metadata"}:
            return heard.refuse(f"topic {quoted(letter.topic)} is none of DSX Exchange BMS")
        name = "/".join(levels[4:])
        found = json_object(letter.payload)
        if isinstance(found, Rejected):
            return heard.refuse(found.reason)
        if levels[3] == "Metadata":
            self._metadata(name, found, heard)
        elif levels[5].startswith(HEARTBEAT):
            self._beat(name, letter, heard)
        else:
            self._value(letter, name, found, heard)
        return heard

    def _metadata(self, name: str, found: dict[str, Any], heard: Heard) -> None:
        unit = found.get("engUnit")
        if name not in self._units and len(self._units) >= KNOWN_MAX:
            heard.refuse(f"more than {KNOWN_MAX} points of a building management system")
            return
        self._units[name] = spelt(unit) if isinstance(unit, str) else ""
        own = next((found[key] for key in _OBJECT if isinstance(found.get(key), str)), None)
        for key, relation in _RELATIONS.items():
            others = found.get(key)
            for other in others if isinstance(others, list) else [others]:
                if own and other and isinstance(other, str) and max(len(own), len(other)) <= ID_MAX_CHARS:
                    heard.serves.append(Serves(own, relation, other))

    def _beat(self, name: str, letter: Letter, heard: Heard) -> None:
        if name not in self._beats and (len(self._beats) >= BEATS_MAX or len(name) > NAME_MAX_CHARS):
            heard.refuse(f"{quoted(name)} is too long, or more than {BEATS_MAX} heartbeats")
            return
        self._beats.add(name)
        heard.beats.append(Beat(name, letter.arrived))

    def _value(self, letter: Letter, name: str, found: dict[str, Any], heard: Heard) -> None:
        target = letter.mapped.points.get(name)
        unit = self._units.get(name)
        if target is not None and target.unit is None and unit is None:
            heard.refuse(f"value of {quoted(name)} before its metadata, and site.toml gives no unit")
            return
        stamp = found.get("timestamp")
        time = letter.arrived if stamp is None else as_number(stamp)
        if time is None or isinstance(stamp, bool):
            heard.refuse(f"timestamp {quoted(stamp)} is no epoch milliseconds")
            return
        status = Status.GOOD if found.get("quality", GOOD) == GOOD else Status.BAD
        heard.value(letter, name, time, found.get("value"), unit, int(status))
