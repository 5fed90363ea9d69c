"""From messages to what one transaction writes: decode, judge, sort out, and count."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

import msgspec
import numpy as np

from core.points import CATALOGUE
from core.series import floor_time
from ingest.codec import CODECS, DIALECTS
from ingest.codec.base import Decoded, Decoding, Rejected, quoted, utc
from ingest.codec.dialect import Letter
from ingest.edge.protocol import Heartbeat
from ingest.quality import TimeLimits, check
from ingest.rows import Key, Readings, all_as_us
from ingest.topics import Kind, Route, Router

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from core.site import Site
    from ingest.codec.dialect import Beat, Dialect, Mapped, Request, Serves, Unmapped

PAYLOAD_MAX_BYTES: Final = 4 << 20
"""A larger payload is refused unread."""
FORECAST_MAX_STEPS: Final = 10_000
HOUR: Final = timedelta(hours=1)
TIMELESS: Final = "kept by the broker and without a time of its own: nobody knows when it was measured"


class Message(NamedTuple):
    """A message as it came."""

    topic: str
    payload: bytes
    arrived: datetime
    """By the plant's clock."""
    retained: bool = False
    """Whether the broker had kept it from before we subscribed."""


class Refusal(NamedTuple):
    """A message, or a part of one, that could not be read."""

    message: Message
    reason: str


class ForecastRow(NamedTuple):
    """The weather expected at one time."""

    issued_at: datetime
    valid_at: datetime
    dry_bulb_c: float
    wet_bulb_c: float


class ScheduleRow(NamedTuple):
    """What is known ahead of one hour."""

    valid_at: datetime
    """Start of the hour."""
    value: float


class Acknowledgement(NamedTuple):
    """The plant's answer to a command, or its word that it has let go by itself."""

    command_id: UUID
    accepted: bool
    reason: str
    content: dict[str, Any]
    """All that it said."""
    released: bool = False
    """The value that this command set is held no more."""
    recommendation_id: int = 0
    asset: str = ""
    point: str = ""


class EdgeBeat(NamedTuple):
    """A gateway lives, or does not."""

    edge: str
    online: bool
    heard_at: datetime
    holding: dict[str, int]


class _Forecast(msgspec.Struct):
    issued_at: datetime | float
    valid_at: list[datetime | float]
    dry_bulb_c: list[float]
    wet_bulb_c: list[float]


class _Schedule(msgspec.Struct):
    valid_at: list[datetime | float]
    value: list[float]


class _Answer(msgspec.Struct):
    command_id: UUID
    accepted: bool
    reason: str | None = None
    time: datetime | float | None = None
    detail: str = ""
    value: float | None = None
    point: str = ""
    released: bool = False
    recommendation_id: int = 0


_forecasts: Final = msgspec.json.Decoder(_Forecast)
_schedules: Final = msgspec.json.Decoder(_Schedule)
_answers: Final = msgspec.json.Decoder(_Answer)
_beats: Final = msgspec.json.Decoder(Heartbeat)
_BAD: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


@dataclass(slots=True)
class Batch:
    """What goes into one transaction. Received = readings + refusals + filtered."""

    messages: list[Message] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    """Where each message's readings begin."""
    keys: dict[Key, int] = field(default_factory=dict)
    """Whose readings there are, numbered as they come."""
    runs: list[tuple[int, int]] = field(default_factory=list)
    """Number of the key, and how many readings of it follow each other."""
    times: list[datetime] = field(default_factory=list)
    """(n,) when they were measured; with an offset."""
    values: list[float] = field(default_factory=list)
    """(n,) [canonical unit]."""
    statuses: dict[int, int] = field(default_factory=dict)
    """Of the readings that are not simply good."""
    refusals: list[Refusal] = field(default_factory=list)
    forecasts: list[tuple[Message, list[ForecastRow]]] = field(default_factory=list)
    schedules: list[tuple[Message, str, list[ScheduleRow]]] = field(default_factory=list)
    """With their kinds."""
    acknowledgements: list[tuple[Message, Acknowledgement]] = field(default_factory=list)
    edges: list[EdgeBeat] = field(default_factory=list)
    """Signs of life of gateways on the plant's side."""
    unmapped: list[Unmapped] = field(default_factory=list)
    """Values that no mapping names; each is counted as filtered."""
    serves: list[Serves] = field(default_factory=list)
    beats: list[Beat] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    """What to publish in answer."""
    filtered: int = 0
    """Messages that hold no readings (what tells of times to come, acknowledgements, empty ones); unmapped
    values."""
    payload_bytes: int = 0
    _arrays: Readings | None = None

    def add(self, asset: str, point: str, times: Sequence[datetime], values: Sequence[float]) -> None:
        """Take in good readings of one point."""
        key = (asset, point)
        number = self.keys.get(key)
        if number is None:
            number = self.keys[key] = len(self.keys)
        self.runs.append((number, len(values)))
        self.times += times
        self.values += values

    def add_one(self, reading: Decoded) -> None:
        """Take in a reading."""
        if reading.status:
            self.statuses[len(self.values)] = reading.status
        self.add(reading.asset, reading.point, (reading.time,), (reading.value,))

    @property
    def arrays(self) -> Readings:
        """The readings as arrays; the same ones until another is added, so that they may be marked."""
        if self._arrays is None or len(self._arrays) != len(self.values):
            statuses = np.zeros(len(self.values), dtype=np.int64)
            statuses[list(self.statuses)] = list(self.statuses.values())
            numbers, counts = np.array(self.runs, dtype=np.int64).reshape(-1, 2).T
            self._arrays = Readings(
                tuple(self.keys),
                np.repeat(numbers, counts),
                all_as_us(self.times),
                np.array(self.values, dtype=np.float64),
                statuses,
            )
        return self._arrays

    @property
    def readings(self) -> list[Decoded]:
        """The readings one by one, as they have been marked so far."""
        return self.arrays.decoded()

    def origin(self, index: int) -> Message:
        """The message that a reading came in."""
        return self.messages[bisect.bisect_right(self.starts, index) - 1]


class Assembler:
    """Puts messages of one site into batches.

    Args:
        site: topics and their mappings.
        now: the plant's time.
        limits: between which times a reading is believed.
    """

    def __init__(self, site: Site, now: Callable[[], datetime], limits: TimeLimits | None = None) -> None:
        self.router = Router(site)
        self._now = now
        self._limits = limits or TimeLimits()
        self._dialects: dict[str, Dialect] = {}

    def add(self, batch: Batch, message: Message) -> None:
        """Decode a message into a batch."""
        batch.messages.append(message)
        batch.starts.append(len(batch.values))
        batch.payload_bytes += len(message.payload)
        if len(message.payload) > PAYLOAD_MAX_BYTES:
            reason = f"payload of {len(message.payload)} bytes; at most {PAYLOAD_MAX_BYTES} are read"
            batch.refusals.append(Refusal(message, reason))
            return
        route = self.router.route(message.topic)
        if isinstance(route, Rejected):
            batch.refusals.append(Refusal(message, route.reason))
        elif route.kind is Kind.READINGS:
            self._readings(batch, message, route)
        elif route.mapped is not None:
            self._dialect(batch, message, route.mapped)
        else:
            self._aside(batch, message, route)

    def _readings(self, batch: Batch, message: Message, route: Route) -> None:
        decoding = CODECS[route.codec](route.source, message.payload, message.arrived)
        if not self._judge(batch, message, decoding):
            batch.filtered += 1

    def _dialect(self, batch: Batch, message: Message, mapped: Mapped) -> None:
        dialect = self._dialects.get(mapped.codec)
        if dialect is None:
            dialect = self._dialects[mapped.codec] = DIALECTS[mapped.codec]()
        heard = dialect(Letter(mapped, message.topic, message.payload, message.arrived))
        batch.unmapped += heard.unmapped
        batch.serves += heard.serves
        batch.beats += [] if message.retained else heard.beats  # a kept one is no sign of life
        batch.requests += heard.requests
        batch.filtered += len(heard.unmapped)
        if not self._judge(batch, message, Decoding(heard.readings, heard.rejected)) and not heard.unmapped:
            batch.filtered += 1

    def _judge(self, batch: Batch, message: Message, decoding: Decoding) -> bool:
        """Keep what is believed and refuse the rest; False where there was nothing of either."""
        now, limits = self._now(), self._limits
        oldest, newest = limits.oldest, now + limits.ahead
        refused = [r.reason for r in decoding.rejected]
        readings = decoding.readings
        if message.retained:
            readings = [r for r in readings if r.time is not message.arrived]
            refused += [TIMELESS] * (len(decoding.readings) - len(readings))
        for run in decoding.runs:
            point = CATALOGUE[run.point]
            if (
                point.low <= min(run.values) and max(run.values) <= point.high
                and oldest <= min(run.times) and max(run.times) <= newest
            ):  # fmt: skip
                batch.add(*run)  # nothing to say about any of them: the common case
            else:
                readings = [*readings, *run.readings()]
        for reading in readings:
            checked = check(reading, now, limits)
            if isinstance(checked, Rejected):
                refused.append(checked.reason)
            else:
                batch.add_one(checked)
        batch.refusals += [Refusal(message, reason) for reason in refused]
        return bool(decoding.readings or decoding.runs or refused)

    def _aside(self, batch: Batch, message: Message, route: Route) -> None:
        if route.kind is Kind.EDGE:
            beat = read_beat(message.payload, route.source.asset, message.arrived)
            if isinstance(beat, Rejected):
                batch.refusals.append(Refusal(message, beat.reason))
                return
            batch.edges.append(beat)
        elif route.kind is Kind.WEATHER_FORECAST:
            rows = read_forecast(message.payload)
            if isinstance(rows, Rejected):
                batch.refusals.append(Refusal(message, rows.reason))
                return
            batch.forecasts.append((message, rows))
        elif route.kind is Kind.SCHEDULE:
            hours = read_schedule(message.payload)
            if isinstance(hours, Rejected):
                batch.refusals.append(Refusal(message, hours.reason))
                return
            batch.schedules.append((message, str(route.source.point), hours))
        else:
            answer = read_acknowledgement(message.payload)
            if isinstance(answer, Rejected):
                batch.refusals.append(Refusal(message, answer.reason))
                return
            answer = answer._replace(asset=route.source.asset, point=str(route.source.point))
            batch.acknowledgements.append((message, answer))
        batch.filtered += 1


def read_forecast(payload: bytes) -> list[ForecastRow] | Rejected:
    """A weather forecast as rows."""
    try:
        found = _forecasts.decode(payload)
    except _BAD as error:
        return Rejected(f"no weather forecast: {quoted(str(error))}")
    count = len(found.valid_at)
    if not len(found.dry_bulb_c) == len(found.wet_bulb_c) == count or count > FORECAST_MAX_STEPS:
        return Rejected("no weather forecast: valid_at, dry_bulb_c and wet_bulb_c differ in length")
    issued = utc(found.issued_at)
    if isinstance(issued, Rejected):
        return issued
    rows = []
    for time, dry_bulb_c, wet_bulb_c in zip(found.valid_at, found.dry_bulb_c, found.wet_bulb_c, strict=True):
        valid = utc(time)
        if isinstance(valid, Rejected):
            return valid
        rows.append(ForecastRow(issued, valid, dry_bulb_c, wet_bulb_c))
    return rows


def read_schedule(payload: bytes) -> list[ScheduleRow] | Rejected:
    """What is known ahead, by the hour."""
    try:
        found = _schedules.decode(payload)
    except _BAD as error:
        return Rejected(f"no schedule: {quoted(str(error))}")
    if len(found.value) != len(found.valid_at) or len(found.value) > FORECAST_MAX_STEPS:
        return Rejected(
            f"no schedule: {len(found.valid_at)} of valid_at and {len(found.value)} of value; it takes as"
            f" many of both, at most {FORECAST_MAX_STEPS}"
        )
    rows = []
    for time, value in zip(found.valid_at, found.value, strict=True):
        valid = utc(time)
        if isinstance(valid, Rejected):
            return valid
        if valid != floor_time(valid, HOUR):
            return Rejected(f"no schedule: {valid.isoformat()} is not the start of an hour, UTC")
        rows.append(ScheduleRow(valid, value))
    if len({row.valid_at for row in rows}) < len(rows):
        return Rejected("no schedule: valid_at has an hour twice")
    return rows


def read_acknowledgement(payload: bytes) -> Acknowledgement | Rejected:
    """The plant's answer."""
    try:
        found = _answers.decode(payload)
    except _BAD as error:
        return Rejected(f"no acknowledgement: {quoted(str(error))}")
    reason = ": ".join(part for part in (found.reason, found.detail) if part)
    content = msgspec.to_builtins(found)
    asset, _, point = found.point.partition("/")
    return Acknowledgement(
        found.command_id,
        found.accepted,
        reason,
        content,
        found.released,
        found.recommendation_id,
        asset,
        point,
    )


def read_beat(payload: bytes, edge: str, heard_at: datetime) -> EdgeBeat | Rejected:
    """A gateway's sign of life."""
    try:
        found = _beats.decode(payload)
    except _BAD as error:
        return Rejected(f"no heartbeat of a gateway: {quoted(str(error))}")
    return EdgeBeat(edge, found.online, heard_at, found.holding)
