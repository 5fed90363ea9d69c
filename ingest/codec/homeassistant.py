"""Home Assistant discovery: devices announce their sensors, and on which topics the values come.

``homeassistant/sensor/[<node>/]<object>/config`` carries the announcement; a value is named by its
``unique_id``. Announcement and values must both be under topics mapped with this codec; `points` stand with
the announcement.
Values are read where their template is ``{{ value }}`` or a path into ``value_json``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ingest.codec.base import Rejected, quoted
from ingest.codec.dialect import KNOWN_MAX, Heard, Letter, json_any, json_object

if TYPE_CHECKING:
    from core.site import Target

CONFIG: Final = "config"
CONFIG_LEVELS_MIN: Final = 4
"""Prefix, kind, object, config."""
SENSORS: Final = frozenset({"sensor", "number"})
"""The kinds of entities that have a number; others are passed over."""
SHORT: Final = {
    "state_topic": "stat_t",
    "unit_of_measurement": "unit_of_meas",
    "device_class": "dev_cla",
    "value_template": "val_tpl",
    "unique_id": "uniq_id",
}
"""Abbreviations of the keys."""
SUGGESTIONS: Final = {
    "power": "power",
    "energy": "energy",
    "humidity": "relative_humidity",
    "pressure": "pressure",
    "atmospheric_pressure": "pressure",
}
"""What a device class is in our catalogue."""
_TEMPLATE: Final = re.compile(
    r"""^\{\{\s*value(?P<json>_json)?(?P<path>(\.\w+|\[\s*(\d+|'[^']+'|"[^"]+")\s*\])*)"""
    r"""(\s*\|\s*(float|int|round)(\([^)]*\))?)*\s*\}\}$"""
)
_STEP: Final = re.compile(r"""\.(\w+)|\[\s*(?:(\d+)|'([^']+)'|"([^"]+)")\s*\]""")
_TEXT_MAX: Final = 500


class Entity(NamedTuple):
    """One announced sensor."""

    name: str
    """Its unique id."""
    state_topic: str
    unit: str | None
    suggestion: str
    path: tuple[str | int, ...] | None
    """Where in the JSON the value is; None where the payload is the value."""
    target: Target | None


class Discovery:
    """All that has been announced."""

    def __init__(self) -> None:
        self._by_announcement: dict[str, Entity] = {}
        self._by_state: dict[str, dict[str, Entity]] = {}

    def read(self, letter: Letter) -> Heard:
        """Take one message in."""
        levels = letter.topic.split("/")
        if levels[-1] == CONFIG and len(levels) >= CONFIG_LEVELS_MIN:
            return self._announcement(letter, levels)
        heard = Heard()
        entities = self._by_state.get(letter.topic)
        if not entities:
            return heard.refuse(f"no sensor has announced that its values come on {quoted(letter.topic)}")
        whole = json_any(letter.payload) if any(e.path is not None for e in entities.values()) else None
        for entity in entities.values():
            _value(letter, entity, whole, heard)
        return heard

    def _announcement(self, letter: Letter, levels: list[str]) -> Heard:
        heard = Heard()
        self._forget(letter.topic)
        if not letter.payload or not SENSORS & set(levels[1:-2]):
            return heard
        found = json_object(letter.payload)
        entity = found if isinstance(found, Rejected) else _entity(letter, found)
        if isinstance(entity, Rejected):
            return heard.refuse(entity.reason)
        if len(self._by_announcement) >= KNOWN_MAX:
            return heard.refuse(f"more than {KNOWN_MAX} announced sensors")
        self._by_announcement[letter.topic] = entity
        self._by_state.setdefault(entity.state_topic, {})[letter.topic] = entity
        return heard

    def _forget(self, announcement: str) -> None:
        old = self._by_announcement.pop(announcement, None)
        if old is not None:
            self._by_state[old.state_topic].pop(announcement, None)
            if not self._by_state[old.state_topic]:
                del self._by_state[old.state_topic]


def _entity(letter: Letter, found: dict[str, Any]) -> Entity | Rejected:
    said = {key: found.get(key, found.get(short)) for key, short in SHORT.items()}
    texts = {key: value for key, value in said.items() if isinstance(value, str) and value}
    topic, name = texts.get("state_topic"), texts.get("unique_id")
    if topic is None or name is None:
        return Rejected("an announcement without state_topic or unique_id")
    base = found.get("~")
    if isinstance(base, str):
        topic = base + topic[1:] if topic.startswith("~") else topic
        topic = topic[:-1] + base if topic.endswith("~") else topic
    path = template_path(texts.get("value_template", "{{ value }}"))
    if isinstance(path, Rejected):
        return path
    suggestion = SUGGESTIONS.get(texts.get("device_class", ""), "")
    target = letter.mapped.points.get(name)
    return Entity(name, topic, texts.get("unit_of_measurement"), suggestion, path, target)


def template_path(template: str) -> tuple[str | int, ...] | Rejected | None:
    """Where a template finds its value; None where it is the payload itself."""
    found = _TEMPLATE.match(template.strip()) if len(template) <= _TEXT_MAX else None
    if found is None or (found["path"] and not found["json"]):
        return Rejected(f"template {quoted(template)} is more than a path into value_json")
    if not found["json"]:
        return None
    return tuple(
        int(number) if number else dotted or single or double
        for dotted, number, single, double in _STEP.findall(found["path"])
    )


def _value(letter: Letter, entity: Entity, whole: Any, heard: Heard) -> None:
    value: Any = whole
    if entity.path is None:
        value = letter.payload.decode("utf-8", "replace")
    elif isinstance(whole, Rejected):
        heard.refuse(whole.reason)
        return
    for step in entity.path or ():
        inside = (isinstance(value, dict) and step in value) or (
            isinstance(value, list) and isinstance(step, int) and step < len(value)
        )
        if not inside:
            return  # a message about something else
        value = value[step]
    if isinstance(value, str):
        try:
            value = float(value.replace("_", "?"))
        except ValueError:
            if entity.target is None or value in {"unavailable", "unknown", "None", ""}:
                return
    if value is None:
        return
    heard.value(
        letter,
        entity.name,
        letter.arrived,
        value,
        entity.unit,
        suggestion=entity.suggestion,
        target=entity.target,
    )
