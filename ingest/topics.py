"""Topics: what is on which, what to subscribe to, which codec reads it.

================================================  ======================================================
``joulecast/<site>/<asset>/<point>``              one reading
``joulecast/<site>/<asset>``                      a batch of one asset's readings
``joulecast/<site>/<asset>/$birth``               what the numbers in ``$data`` stand for; retained
``joulecast/<site>/<asset>/$data``                a batch with numbers for names
``joulecast/<site>/weather/$forecast``            a weather forecast
``joulecast/<site>/$schedule/<kind>``             what is known ahead by the hour, e.g. booked load
``joulecast/<site>/$command/<asset>/<point>``     a setpoint on its way to the plant
``joulecast/<site>/$ack/<asset>/<point>``         the plant's answer
``joulecast/<site>/$edge/<name>``                 the gateway on the plant's side lives, or does not
``joulecast/<site>/$notification/<kind>/<n>``     what we tell people; nobody here hears it
any topic that `site.toml` maps under ``topics``  one reading, or what its dialect makes of it
================================================  ======================================================
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from core.site import NAME_PATTERN, RESERVED_KINDS
from ingest.codec import REMEMBERING, aliases
from ingest.codec.base import Rejected, Source, known_point, quoted
from ingest.codec.dialect import Mapped, captured

if TYPE_CHECKING:
    from core.points import PointRef
    from core.site import Site

ROOT: Final = "joulecast"
COMMAND: Final = "$command"
ACKNOWLEDGEMENT: Final = "$ack"
EDGE: Final = "$edge"
NOTIFICATION: Final = "$notification"
FORECAST: Final = "$forecast"
SCHEDULE: Final = "$schedule"
WEATHER: Final = "weather"
CACHED_TOPICS: Final = 100_000
"""How many topics' meanings are remembered; a flood of invented ones only empties the memory."""
_NAME: Final = re.compile(NAME_PATTERN)


class Kind(StrEnum):
    """What a message is."""

    READINGS = "readings"
    DIALECT = "dialect"
    WEATHER_FORECAST = "weather_forecast"
    SCHEDULE = "schedule"
    ACKNOWLEDGEMENT = "acknowledgement"
    EDGE = "edge"


@dataclass(frozen=True, slots=True)
class Route:
    """What to do with the messages of one topic."""

    kind: Kind
    source: Source
    """Asset and point that the topic names."""
    codec: str = ""
    """Key of `ingest.codec.CODECS`; readings only."""
    mapped: Mapped | None = None
    """What `site.toml` says about the topic; dialects only."""


def point_topic(site: str, ref: PointRef) -> str:
    """Where one point's readings go."""
    return f"{ROOT}/{site}/{ref.asset}/{ref.point}"


def asset_topic(site: str, asset: str) -> str:
    """Where batches of one asset's readings go."""
    return f"{ROOT}/{site}/{asset}"


def forecast_topic(site: str) -> str:
    """Where weather forecasts go."""
    return f"{ROOT}/{site}/{WEATHER}/{FORECAST}"


def schedule_topic(site: str, kind: str) -> str:
    """Where go what is known ahead: booked load, maintenance, holidays."""
    return f"{ROOT}/{site}/{SCHEDULE}/{kind}"


def command_topic(site: str, asset: str, point: str) -> str:
    """Where a setpoint's commands go."""
    return f"{ROOT}/{site}/{COMMAND}/{asset}/{point}"


def acknowledgement_topic(site: str, asset: str, point: str) -> str:
    """Where the plant answers a command."""
    return f"{ROOT}/{site}/{ACKNOWLEDGEMENT}/{asset}/{point}"


def edge_topic(site: str, edge: str) -> str:
    """Where a gateway says that it lives."""
    return f"{ROOT}/{site}/{EDGE}/{edge}"


class Router:
    """Topics of one site and what they mean."""

    def __init__(self, site: Site) -> None:
        self._site = site.id
        self._mapped = {
            m.topic: Route(Kind.READINGS, Source(m.point.asset, m.point.point, m.unit), m.codec)
            for m in site.topics
            if m.point is not None
        }
        self._dialects = tuple(
            Mapped(m.codec, m.topic, m.points, ZoneInfo(m.timezone) if m.timezone else site.zone)
            for m in site.topics
            if m.point is None
        )
        self._aliases = Route(
            Kind.DIALECT, Source(""), mapped=Mapped(aliases.CODEC, f"{ROOT}/{site.id}/+/+", {}, site.zone)
        )
        self._known: dict[str, Route | Rejected] = {}

    @property
    def filters(self) -> tuple[str, ...]:
        """What to subscribe to; commands, which are ours, are not among them."""
        base = f"{ROOT}/{self._site}"
        dialects = (m.filter for m in self._dialects if m.codec not in REMEMBERING)
        own = (f"{base}/+", f"{base}/+/+", f"{base}/{ACKNOWLEDGEMENT}/+/+")
        return tuple(dict.fromkeys((*own, *self._mapped, *dialects)))

    @property
    def whole_filters(self) -> tuple[str, ...]:
        """What else to subscribe to: each process hears all of it, anew what is retained."""
        dialects = (m.filter for m in self._dialects if m.codec in REMEMBERING)
        return tuple(dict.fromkeys((f"{ROOT}/{self._site}/+/{aliases.BIRTH}", *dialects)))

    def route(self, topic: str) -> Route | Rejected:
        """What a topic's messages are."""
        found = self._known.get(topic)
        if found is None:
            if len(self._known) >= CACHED_TOPICS:
                self._known.clear()
            found = self._known[topic] = self._mapped.get(topic) or self._parse(topic)
        return found

    def _parse(self, topic: str) -> Route | Rejected:
        root, _, rest = topic.partition(f"{ROOT}/{self._site}/")
        if root or not rest:
            return self._dialect(topic)
        match rest.split("/"):
            case [first, last] if first in {SCHEDULE, EDGE} or (first, last) == (WEATHER, FORECAST):
                return _beside(first, last)
            case [kind, asset, point] if kind == ACKNOWLEDGEMENT:
                return Route(Kind.ACKNOWLEDGEMENT, Source(asset, point))
            case [asset, kind] if kind in {aliases.BIRTH, aliases.DATA} and _NAME.match(asset):
                return self._aliases
            case [asset, *point] if len(point) <= 1:
                return _readings(asset, *point)
        return Rejected(f"topic {quoted(topic)} has not the form joulecast/site/asset/point")

    def _dialect(self, topic: str) -> Route | Rejected:
        """The first mapping whose filter fits."""
        for mapped in self._dialects:
            if captured(mapped.filter, topic) is not None:
                return Route(Kind.DIALECT, Source(""), mapped=mapped)
        return Rejected(f"topic {quoted(topic)} is not mapped in site.toml")


def _beside(first: str, kind: str) -> Route | Rejected:
    """What tells of times to come, or of a gateway."""
    if first == EDGE:
        return Route(Kind.EDGE, Source(kind)) if _NAME.match(kind) else Rejected(f"{quoted(kind)} is no name")
    if first == WEATHER:
        return Route(Kind.WEATHER_FORECAST, Source(WEATHER))
    if not _NAME.match(kind) or kind in RESERVED_KINDS:
        return Rejected(
            f"schedule {quoted(kind)} is no name: lower case, digits, hyphen, underscore, and not one of"
            f" {', '.join(RESERVED_KINDS)}"
        )
    return Route(Kind.SCHEDULE, Source(SCHEDULE, kind))


def _readings(asset: str, name: str | None = None) -> Route | Rejected:
    if not _NAME.match(asset):
        return Rejected(f"asset {quoted(asset)} is no name: lower case, digits, hyphen, underscore")
    if name is None:
        return Route(Kind.READINGS, Source(asset), "json_batch")
    point = known_point(name)
    return point if isinstance(point, Rejected) else Route(Kind.READINGS, Source(asset, name), "json")
