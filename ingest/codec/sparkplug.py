"""Sparkplug B: births name the metrics, data refer to them by alias, sequence numbers show what was missed.

A value's name is ``group/node/metric``, or ``group/node/device/metric`` for a metric of a device. Data before
their birth, an unknown alias and a gap in the sequence ask the node for a rebirth, once, and again only if
that does not come. Between a gap and the rebirth values are marked UNCERTAIN: what was missed may have
changed what an alias means. A death says so for each point: its last value once more, UNCERTAIN_LAST_USABLE.

References:
    Eclipse Sparkplug Specification 3.0.0, chapters 4 and 6.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from core.points import Status
from ingest.codec import wire
from ingest.codec.base import EPOCH, Decoded, quoted
from ingest.codec.dialect import KNOWN_MAX, Heard, Letter, Request

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMESPACE: Final = "spBv1.0"
REBIRTH: Final = "Node Control/Rebirth"
BIRTH_OR_DEATH: Final = "bdSeq"
SEQUENCE: Final = 256
"""Sequence numbers run from 0 to one below this, and then from 0 again."""
ASK_AGAIN: Final = timedelta(seconds=30)
"""How long a node has for a rebirth before it is asked again."""
A_MOMENT: Final = timedelta(milliseconds=1)
NODES_MAX: Final = 10_000
METRICS_MAX: Final = 100_000
"""Most metrics in one payload."""
BOOLEAN: Final = 11
SIGNED_BITS: Final = {1: 8, 2: 16, 3: 32, 4: 64}
"""Sizes of the signed datatypes Int8 to Int64, which travel as two's complement."""
QUALITIES: Final[dict[object, Status]] = {192: Status.GOOD, 500: Status.UNCERTAIN_LAST_USABLE, 0: Status.BAD}
"""The values of a metric's property ``Quality``."""

Scalar = int | float | bool | str


class Metric(NamedTuple):
    """One metric of a payload; None is what it does not say."""

    name: str | None = None
    alias: int | None = None
    time_ms: int | None = None
    datatype: int | None = None
    value: Scalar | None = None
    """None also for a null, and for kinds of values that no point has."""
    unit: str | None = None
    """Its property ``engUnit``."""
    quality: int | None = None
    """Its property ``Quality``."""
    historical: bool = False


class Payload(NamedTuple):
    """A message."""

    time_ms: int | None
    seq: int | None
    metrics: Sequence[Metric]


def read_payload(data: bytes) -> Payload:
    """Decode a payload.

    Raises:
        wire.WireError: it is none.
    """
    time_ms = seq = None
    metrics: list[Metric] = []
    for number, _, value in wire.fields(data):
        if number == 1:
            time_ms = wire.whole(value)
        elif number == 2:  # noqa: PLR2004  # here and below: the field numbers of the format
            if len(metrics) >= METRICS_MAX:
                raise wire.WireError(f"more than {METRICS_MAX} metrics")
            metrics.append(_metric(wire.message(value)))
        elif number == 3:  # noqa: PLR2004
            seq = wire.whole(value)
    return Payload(time_ms, seq, metrics)


_METRIC: Final = {1: "name", 2: "alias", 3: "time_ms", 4: "datatype", 5: "historical"}
_IS_NULL, _PROPERTIES = 7, 9
_INTS, _REALS, _BOOL, _TEXT = (10, 11), (12, 13), 14, 15


def _metric(data: bytes) -> Metric:
    said: dict[str, object] = {}
    value: Scalar | None = None
    null = False
    for number, _, raw in wire.fields(data):
        if number in _METRIC:
            said[_METRIC[number]] = wire.text(raw) if number == 1 else wire.whole(raw)
        elif number == _IS_NULL:
            null = bool(wire.whole(raw))
        elif number == _PROPERTIES:
            said |= _properties(wire.message(raw))
        elif number in _INTS:
            value = wire.whole(raw)
        elif number in _REALS:
            value = wire.real(raw)
        elif number == _BOOL:
            value = bool(wire.whole(raw))
        elif number == _TEXT:
            value = wire.text(raw)
    said["historical"] = bool(said.get("historical"))
    return Metric(**said, value=None if null else value)  # type: ignore[arg-type]  # each by its own field


def _properties(data: bytes) -> dict[str, object]:
    """The two properties of a metric that matter here."""
    keys: list[str] = []
    values: list[Scalar | None] = []
    for number, _, raw in wire.fields(data):
        if number == 1:
            keys.append(wire.text(raw))
        elif number == 2:  # noqa: PLR2004
            values.append(_property(wire.message(raw)))
    said = dict(zip(keys, values, strict=False))
    unit, quality = said.get("engUnit"), said.get("Quality")
    return {
        "unit": unit if isinstance(unit, str) else None,
        "quality": quality if isinstance(quality, int) else None,
    }


_PROPERTY_INTS, _PROPERTY_TEXT = (3, 4), 8


def _property(data: bytes) -> Scalar | None:
    found: Scalar | None = None
    for number, _, raw in wire.fields(data):
        if number in _PROPERTY_INTS:
            found = wire.whole(raw)
        elif number == _PROPERTY_TEXT:
            found = wire.text(raw)
    return found


def as_signed(value: Scalar | None, datatype: int | None) -> Scalar | None:
    """A value of a signed datatype with its sign."""
    bits = SIGNED_BITS.get(datatype or 0)
    if bits is None or not isinstance(value, int) or isinstance(value, bool):
        return value
    low = value & ((1 << bits) - 1)
    return low - (1 << bits) if low >> (bits - 1) else low


def rebirth_request(group: str, node: str, now: datetime) -> Request:
    """The command that asks a node for its births."""
    now_ms = (now - EPOCH) // timedelta(milliseconds=1)
    metric = wire.put(1, REBIRTH) + wire.put(3, now_ms) + wire.put(4, BOOLEAN) + wire.put(14, 1)
    return Request(f"{NAMESPACE}/{group}/NCMD/{node}", wire.put(1, now_ms) + wire.put(2, metric))


class _Known(NamedTuple):
    """What a birth says about a metric."""

    name: str
    device: str | None
    datatype: int | None
    unit: str | None


@dataclass(slots=True)
class _Node:
    """An edge node as its births and data have shown it."""

    path: str
    """``group/node``."""
    born: bool = False
    sure: bool = True
    """Whether nothing has been missed since the birth."""
    seq: int = 0
    birth: Scalar | None = None
    """Its ``bdSeq``, which its death repeats."""
    aliases: dict[int, _Known] = field(default_factory=dict)
    names: dict[tuple[str | None, str], _Known] = field(default_factory=dict)
    devices: set[str] = field(default_factory=set)
    last: dict[tuple[str | None, str], Decoded] = field(default_factory=dict)
    """The newest reading of each metric that is mapped."""
    asked_at: datetime | None = None

    def full_name(self, device: str | None, name: str) -> str:
        """What `points` in `site.toml` calls a metric."""
        return f"{self.path}/{device}/{name}" if device else f"{self.path}/{name}"


class Sparkplug:
    """All edge nodes of a namespace."""

    def __init__(self) -> None:
        self._nodes: dict[str, _Node] = {}

    def read(self, letter: Letter) -> Heard:
        """Take one message in."""
        heard = Heard()
        match letter.topic.split("/"):
            case [_, "STATE", *_]:
                return heard
            case [_, _, "NCMD" | "DCMD", *_]:
                return heard  # commands, ours among them
            case [_, group, "NBIRTH" | "NDEATH" | "NDATA" as kind, node]:
                device = None
            case [_, group, "DBIRTH" | "DDEATH" | "DDATA" as kind, node, device] if device:
                pass
            case _:
                return heard.refuse(f"topic {quoted(letter.topic)} is none of Sparkplug B")
        try:
            payload = read_payload(letter.payload)
        except wire.WireError as error:
            return heard.refuse(f"no Sparkplug B payload: {error}")
        found = self._node(f"{group}/{node}")
        if found is None:
            return heard.refuse(f"more than {NODES_MAX} edge nodes")
        _Reader(letter, heard, found, payload, device).take(kind)
        return heard

    def _node(self, path: str) -> _Node | None:
        found = self._nodes.get(path)
        if found is None and len(self._nodes) < NODES_MAX:
            found = self._nodes[path] = _Node(path)
        return found


@dataclass(slots=True)
class _Reader:
    """One message on its way into a node's state."""

    letter: Letter
    heard: Heard
    node: _Node
    payload: Payload
    device: str | None

    def take(self, kind: str) -> None:
        """Do what the message says."""
        if kind == "NBIRTH":
            self.node_birth()
        elif kind == "NDEATH":
            self.node_death()
        elif not self.node.born:
            self.heard.refuse(f"data of {quoted(self.node.path)} before its birth; a rebirth is asked for")
            self.ask()
        else:
            self.count()
            if kind == "DBIRTH":
                self.device_birth()
            elif kind == "DDEATH":
                self.node.devices.discard(self.device or "")
                self.stale(self.device)
            else:
                self.data()

    def node_birth(self) -> None:
        """The node begins anew."""
        node = self.node
        node.born = node.sure = True
        node.asked_at = None
        node.seq = (self.payload.seq or 0) % SEQUENCE
        node.birth = next((m.value for m in self.payload.metrics if m.name == BIRTH_OR_DEATH), None)
        node.aliases.clear()
        node.names.clear()
        node.devices.clear()
        self.define()

    def device_birth(self) -> None:
        """A device begins anew."""
        self.node.devices.add(self.device or "")
        node, device = self.node, self.device
        node.aliases = {alias: known for alias, known in node.aliases.items() if known.device != device}
        node.names = {name: known for name, known in node.names.items() if known.device != device}
        self.define()

    def define(self) -> None:
        """Note what a birth says about metrics, and take the values that it carries."""
        node = self.node
        for metric in self.payload.metrics:
            if metric.name is None:
                self.heard.refuse("a metric without a name in a birth")
                continue
            if len(node.names) >= KNOWN_MAX:
                self.heard.refuse(f"more than {KNOWN_MAX} metrics of one edge node")
                return
            known = _Known(metric.name, self.device, metric.datatype, metric.unit)
            node.names[self.device, metric.name] = known
            if metric.alias is not None:
                node.aliases[metric.alias] = known
            self.value(metric, known)

    def node_death(self) -> None:
        """The broker says that the node is gone; a late word about an earlier session is not believed."""
        ours = next((m.value for m in self.payload.metrics if m.name == BIRTH_OR_DEATH), None)
        if self.node.born and ours == self.node.birth:
            self.node.born = False
            self.stale(None)

    def stale(self, device: str | None) -> None:
        """The last values once more, as no longer current; of all devices where none is named."""
        node, now = self.node, self.letter.arrived
        for key in [key for key in node.last if device is None or key[0] == device]:
            last = node.last.pop(key)
            time = max(now, last.time + A_MOMENT)  # its clock may be ahead of ours
            status = int(Status.UNCERTAIN_LAST_USABLE)
            self.heard.readings.append(Decoded(last.asset, last.point, time, last.value, status))

    def data(self) -> None:
        """Values of metrics that a birth has named."""
        if self.device is not None and self.device not in self.node.devices:
            where = f"{self.node.path}/{self.device}"
            self.heard.refuse(f"data of {quoted(where)} before its birth; a rebirth is asked for")
            self.ask()
            return
        for metric in self.payload.metrics:
            if metric.name is not None:
                known = self.node.names.get((self.device, metric.name))
            else:
                known = self.node.aliases.get(-1 if metric.alias is None else metric.alias)
            if known is None:
                which = quoted(metric.alias if metric.name is None else metric.name)
                reason = f"metric {which} of {quoted(self.node.path)} is in no birth; a rebirth is asked for"
                self.heard.refuse(reason)
                self.ask()
            else:
                self.value(metric, known)

    def value(self, metric: Metric, known: _Known) -> None:
        """One metric's value, where it has one that can be a reading."""
        value = as_signed(metric.value, metric.datatype or known.datatype)
        if value is None or isinstance(value, str) or known.name in {BIRTH_OR_DEATH, REBIRTH}:
            return
        time_ms = self.payload.time_ms if metric.time_ms is None else metric.time_ms
        status = (
            QUALITIES.get(metric.quality, Status.UNCERTAIN) if metric.quality is not None else Status.GOOD
        )
        if status is Status.GOOD and not self.node.sure:
            status = Status.UNCERTAIN
        reading = self.heard.value(
            self.letter,
            self.node.full_name(known.device, known.name),
            self.letter.arrived if time_ms is None else float(time_ms),
            value,
            metric.unit or known.unit,
            int(status),
        )
        last = self.node.last.get((known.device, known.name))
        if reading is not None and (last is None or reading.time > last.time):
            self.node.last[known.device, known.name] = reading

    def count(self) -> None:
        """Look whether a message was missed."""
        node, seq = self.node, self.payload.seq
        if seq is None or seq == node.seq:  # the same once more: the broker was not sure that we had it
            return
        if seq != (node.seq + 1) % SEQUENCE:
            node.sure = False
            self.ask()
        node.seq = seq % SEQUENCE

    def ask(self) -> None:
        """Ask for a rebirth, unless that has been done just now."""
        node, now = self.node, self.letter.arrived
        if node.asked_at is None or not timedelta(0) <= now - node.asked_at < ASK_AGAIN:
            node.asked_at = now
            group, _, name = node.path.partition("/")
            self.heard.requests.append(rebirth_request(group, name, now))
