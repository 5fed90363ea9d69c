"""What every dialect speaks: somebody else's messages, with many points in one, mapped by `site.toml`.

A dialect names each value it finds. Where ``points`` of the mapping has that name, the value is a reading;
else it is registered as unmapped. Like a codec, it raises for nothing that a device sends.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from core.units import UNITS, Quantity
from ingest.codec.base import Decoded, Rejected, quoted, reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from core.site import Target
    from ingest.codec.base import Time

NAME_MAX_CHARS: Final = 500
"""A longer name of a value is no name."""
KNOWN_MAX: Final = 200_000
"""Most things of one kind that a dialect remembers; a flood of invented ones is refused beyond that."""
DEPTH_MAX: Final = 8
"""How deep an object is looked into."""

SPELLINGS: Final[dict[str, str]] = {
    "°C": "degC",
    "℃": "degC",
    "C": "degC",
    "deg C": "degC",
    "Celsius": "degC",
    "°F": "degF",
    "℉": "degF",
    "F": "degF",
    "deg F": "degF",
    "Fahrenheit": "degF",
    "Watts": "W",
    "Watt": "W",
    "kilowatts": "kW",
    "KW": "kW",
    "KWH": "kWh",
    "kwh": "kWh",
    "percent": "%",
    "Percent": "%",
    "%RH": "%",
    "GPM": "gpm",
    "gal/min": "gpm",
    "l/s": "L/s",
    "lps": "L/s",
    "l/min": "L/min",
    "lpm": "L/min",
    "m³/h": "m3/h",
    "m³/s": "m3/s",
    "m³": "m3",
    "CFM": "cfm",
    "PSI": "psi",
    "kpa": "kPa",
    "tons": "RT",
    "gCO2eq/kWh": "g/kWh",
}
"""How devices spell the units of `core.units`."""
SUGGESTED: Final[dict[Quantity, str]] = {
    Quantity.POWER: "power",
    Quantity.ENERGY: "energy",
    Quantity.PRESSURE: "pressure",
    Quantity.VOLUME_FLOW: "water_flow",
    Quantity.CARBON_INTENSITY: "carbon_intensity",
}
"""The point that a value in a unit of such a quantity most probably is."""


class Mapped(NamedTuple):
    """What `site.toml` says about a topic filter."""

    codec: str
    filter: str
    points: Mapping[str, Target]
    zone: ZoneInfo
    """Where the device's clock stands if its times have no offset."""


class Letter(NamedTuple):
    """One message for a dialect."""

    mapped: Mapped
    topic: str
    payload: bytes
    arrived: datetime

    @property
    def prefix(self) -> str:
        """What stands before the names of its values: the device that the topic names, and a slash."""
        device = captured(self.mapped.filter, self.topic)
        return f"{device}/" if device else ""


class Unmapped(NamedTuple):
    """A value that no mapping names."""

    codec: str
    name: str
    topic: str
    unit: str
    suggestion: str
    """Name of the point that it probably is, or nothing."""
    example: str


class Request(NamedTuple):
    """Something to publish in answer."""

    topic: str
    payload: bytes


class Serves(NamedTuple):
    """One object feeds another, or is a part of it."""

    object_id: str
    relation: str
    """``serves`` or ``part_of``."""
    other_id: str


class Beat(NamedTuple):
    """A sign of life."""

    name: str
    """Of the heartbeat, as in its topic."""
    at: datetime
    """When it arrived, by the plant's clock."""


@dataclass(slots=True)
class Heard:
    """What came out of one message."""

    readings: list[Decoded] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    unmapped: list[Unmapped] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    serves: list[Serves] = field(default_factory=list)
    beats: list[Beat] = field(default_factory=list)

    def value(
        self,
        letter: Letter,
        name: str,
        time: Time,
        value: object,
        unit: str | None = None,
        status: int | str | None = None,
        suggestion: str = "",
        target: Target | None = None,
    ) -> Decoded | None:
        """Sort one value out.

        Args:
            letter: the message.
            name: what the dialect calls the value.
            time: when it was measured.
            value: whatever the device sent.
            unit: the unit that the device names, in its own spelling.
            status: as `ingest.codec.base.reading` takes it.
            suggestion: the point that it probably is, where the dialect knows.
            target: where it goes, where that is known already; else `points` of the mapping says.

        Returns:
            The reading; None where it is none.
        """
        symbol = spelt(unit)
        goal = target or letter.mapped.points.get(name)
        if goal is None:
            self.register(letter, name, value, symbol, suggestion)
            return None
        number = as_number(value)
        if number is None:
            self.refuse(f"value {quoted(value)} of {quoted(name)} is no number")
            return None
        found = reading(goal.point.asset, goal.point.point, time, number, goal.unit or symbol or None, status)
        if isinstance(found, Rejected):
            self.rejected.append(found)
            return None
        self.readings.append(found)
        return found

    def register(self, letter: Letter, name: str, value: object, unit: str, suggestion: str = "") -> None:
        """Note a value that no mapping names."""
        if not name or len(name) > NAME_MAX_CHARS:
            self.refuse(f"{quoted(name)} is no name of a value")
            return
        known = UNITS.get(unit)
        likely = suggestion or (SUGGESTED.get(known.quantity, "") if known else "")
        self.unmapped.append(Unmapped(letter.mapped.codec, name, letter.topic, unit, likely, quoted(value)))

    def refuse(self, reason: str) -> Heard:
        """Note something that cannot be read."""
        self.rejected.append(Rejected(reason))
        return self


Dialect = Callable[[Letter], Heard]
"""One message -> readings, refusals, unmapped values, requests. It may remember earlier messages."""


def spelt(unit: str | None) -> str:
    """A device's spelling of a unit as `core.units` has it; an unknown one as it is."""
    return "" if unit is None else SPELLINGS.get(unit.strip(), unit.strip())


def as_number(value: object) -> float | None:
    """A JSON or protobuf number or truth value; None for anything else."""
    if not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def captured(pattern: str, topic: str) -> str | None:
    """What a filter's wildcards stand for in a topic, joined by slashes; None where it does not match."""
    levels, wanted = topic.split("/"), pattern.split("/")
    if levels[0].startswith("$") and wanted[0] in {"+", "#"}:
        return None
    found: list[str] = []
    for index, part in enumerate(wanted):
        if part == "#":
            return "/".join(found + levels[index:])
        if index >= len(levels) or part not in {"+", levels[index]}:
            return None
        if part == "+":
            found.append(levels[index])
    return "/".join(found) if len(levels) == len(wanted) else None


_BAD: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_object: Final = msgspec.json.Decoder(dict[str, Any])
_any: Final = msgspec.json.Decoder(Any)


def json_object(payload: bytes) -> dict[str, Any] | Rejected:
    """A JSON object."""
    try:
        return _object.decode(payload)
    except _BAD as error:
        return Rejected(f"no JSON object: {quoted(str(error))}")


def json_any(payload: bytes) -> Any:
    """Whatever JSON it is; a `Rejected` where it is none."""
    try:
        return _any.decode(payload)
    except _BAD as error:
        return Rejected(f"no JSON: {quoted(str(error))}")


def leaves(value: object, name: str = "", depth: int = DEPTH_MAX) -> Iterator[tuple[str, Any]]:
    """Everything in an object that is no object or list itself, under dotted names; lists count from 0."""
    if isinstance(value, dict):
        parts = [(str(key), part) for key, part in value.items()]
    elif isinstance(value, list):
        parts = [(str(index), part) for index, part in enumerate(value)]
    else:
        yield name, value
        return
    if depth:
        for key, part in parts:
            yield from leaves(part, f"{name}.{key}" if name else key, depth - 1)
