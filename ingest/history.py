"""Files into the database: straight (`import_csv`) or through the broker (`publish_csv`).

Both read a file by the same mapping and the same reader and mark by the same rules, so that importing a file
that has been published changes nothing, and neither does doing either twice.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from core import db
from core.errors import InputError
from core.points import CATALOGUE
from ingest import storage
from ingest.batch import Message, Refusal
from ingest.codec import json_batch
from ingest.codec.base import Decoded, Rejected
from ingest.mqtt import Publisher
from ingest.quality import TimeLimits, check
from ingest.reader import BadCell, Block, open_source
from ingest.storage import PointIds
from ingest.topics import asset_topic
from ingest.writer import store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from core.clock import Clock
    from core.site import Site
    from ingest.reader import Chunk, Source

    Progress = Callable[[int, int], None]
    """Rows of the file that are done, and how many there are."""

ROWS_PER_MESSAGE: Final = 100
"""Rows of the file in one message when there is no speed to keep."""
REASONS_KEPT: Final = 20
"""How many of the rejected cells a summary names."""
TRANSACTION_ROWS: Final = 20_000


@dataclass(slots=True)
class Published:
    """What `publish_csv` did."""

    messages: int = 0
    readings: int = 0
    acknowledged: int = 0
    """Messages that the broker has taken; equal to `messages` at the end."""
    rejected: int = 0
    """Cells of the file that could not be read, and were not sent."""
    reasons: list[str] = field(default_factory=list)
    """The first of those, each with its line."""
    seconds: float = 0.0
    """How long it took [wall s]."""


@dataclass(slots=True)
class Imported:
    """What `import_csv` did."""

    rows: int = 0
    """Rows of the file."""
    readings: int = 0
    """Readings in them: stored + duplicate."""
    stored: int = 0
    duplicate: int = 0
    """Readings that were there already."""
    rejected: int = 0
    """Cells that could not be read or that the database does not take."""
    reasons: list[str] = field(default_factory=list)
    """The first of those, each with its line."""
    seconds: float = 0.0
    """How long it took [wall s]."""


def import_csv(
    path: Path,
    mapping_text: str | None,
    dsn: str,
    site: Site,
    start: datetime | None,
    clock: Clock,
    on_progress: Progress | None = None,
) -> Imported:
    """Load a file into the database.

    Args:
        path: CSV, plain or compressed.
        mapping_text: see `ingest.mapping`; None: recognised by the columns' names.
        dsn: the database.
        site: whose readings they are.
        start: the time of 0 s, for a file whose times count from its own start.
        clock: what is in the future is refused.
        on_progress: told after each part.

    Raises:
        InputError: the mapping or the file is wrong; nothing has been written then.
        ServiceError: the database cannot be reached.
    """
    began = time.perf_counter()
    source = open_source(path, mapping_text)
    _check_start(source, start)
    if source.relative and start is None:
        raise InputError(
            f"{path.name}: column {source.mapping.time}",
            found="seconds from the file's own start",
            allowed="that only with the time of its first second",
            do="give --start, e.g. --start 2026-01-31T12:00:00Z",
        )
    result, limits = Imported(), TimeLimits()
    with db.connect(dsn, autocommit=True) as conn:
        points = PointIds(site.id, "import")
        storage.register_site(conn, site, clock.now())
        for chunk in source.chunks(start):
            _import_chunk(conn, chunk, points, limits, clock.now(), path.name, result)
            if on_progress:
                on_progress(result.rows, source.rows)
    result.seconds = time.perf_counter() - began
    return result


def _check_start(source: Source, start: datetime | None) -> None:
    if start is not None and not source.relative:
        raise InputError(
            "--start",
            found=f"times of its own in {source.path.name}",
            allowed="it only with a file whose times count from its own start",
            do="leave it out",
        )


def _import_chunk(
    conn: db.Connection,
    chunk: Chunk,
    points: PointIds,
    limits: TimeLimits,
    now: datetime,
    name: str,
    result: Imported,
) -> None:
    readings: list[Decoded] = []
    lines: list[int] = []
    bad = list(chunk.bad)
    for line, reading in _readings(chunk.blocks):
        checked = check(reading, now, limits)
        if isinstance(checked, Rejected):
            bad.append(BadCell(line, checked.reason))
        else:
            readings.append(checked)
            lines.append(line)
    rows = points.rows(conn, readings)
    for first in range(0, len(rows), TRANSACTION_ROWS):
        part = rows[first : first + TRANSACTION_ROWS]
        stored = store(conn, part, staged=result.duplicate > 0)
        result.stored += stored.new
        result.duplicate += len(part) - stored.new - len(stored.bad)
        bad += [BadCell(lines[first + index], why) for index, why in stored.bad]
    result.rows += chunk.rows
    result.readings = result.stored + result.duplicate
    _note(bad, result)
    refusals = [
        Refusal(Message(f"import/{name}", f"line {cell.line}".encode(), now), cell.reason) for cell in bad
    ]
    with conn.transaction():
        storage.save_refusals(conn, refusals, now)


def _note(bad: list[BadCell], result: Imported | Published) -> None:
    result.rejected += len(bad)
    room = REASONS_KEPT - len(result.reasons)
    result.reasons += [f"line {cell.line}: {cell.reason}" for cell in bad[: max(room, 0)]]


def _readings(blocks: tuple[Block, ...]) -> Iterator[tuple[int, Decoded]]:
    """Line and reading of every cell that has a number."""
    for block in blocks:
        for name, values in block.values.items():
            for line, when, value in zip(block.lines, block.times, values.tolist(), strict=True):
                if value == value:  # noqa: PLR0124  # NaN: nothing was measured
                    yield line, Decoded(block.asset, name, when, value, 0)


def publish_csv(
    path: Path,
    mapping_text: str | None,
    broker_url: str,
    site: Site,
    speed: float | None,
    start: datetime | None,
    clock: Clock,
    on_progress: Progress | None = None,
) -> Published:
    """Play a file through the broker and wait until it has taken every message.

    Args:
        path: CSV, plain or compressed.
        mapping_text: see `ingest.mapping`; None: recognised by the columns' names.
        broker_url: the broker.
        site: whose readings they are.
        speed: how many times as fast as the file's own time, one message a row; None: as fast as the broker
            takes them, many rows a message.
        start: the time of 0 s, for a file whose times count from its own start; None: such that the file
            begins now, or, without a speed, ends now.
        clock: what time it is; a paced play waits by it.
        on_progress: told as rows are sent.

    Raises:
        InputError: the mapping, the speed or the file is wrong; nothing has been sent then.
        ServiceError: the broker cannot be reached or does not take the messages.
    """
    began = time.perf_counter()
    if speed is not None and not speed > 0:
        raise InputError("--speed", found=str(speed), allowed="max or a number above 0", do="correct it")
    source = open_source(path, mapping_text)
    _check_start(source, start)
    if start is None:
        start = clock.now() - timedelta(seconds=source.last_s if speed is None else 0.0)
    result = Published()
    pace = None if speed is None else _Pace(clock, speed)
    with Publisher(broker_url) as publisher:
        done = 0
        for chunk in source.chunks(start):
            _note(list(chunk.bad), result)
            for topic, payload, readings, due in _messages(chunk, site.id, paced=pace is not None):
                if pace:
                    pace.wait_for(due)
                publisher.publish(topic, payload)
                result.readings += readings
            done += chunk.rows
            if on_progress:
                on_progress(done, source.rows)
        publisher.flush()
        result.messages, result.acknowledged = publisher.sent, publisher.acknowledged
    result.seconds = time.perf_counter() - began
    return result


@dataclass(slots=True)
class _Pace:
    """When the rows of a paced play are due: the first one at once."""

    clock: Clock
    speed: float
    first: datetime | None = None
    began_at: datetime | None = None

    def wait_for(self, due: datetime) -> None:
        """Wait until a row's time has come."""
        if self.first is None or self.began_at is None:
            self.first, self.began_at = due, self.clock.now()
            return
        at = self.began_at + (due - self.first) / self.speed
        ahead_s = (at - self.clock.now()).total_seconds()
        if ahead_s > 0:
            self.clock.sleep(ahead_s, threading.Event())


_Outgoing = tuple[str, bytes, int, datetime]
"""Topic, payload, how many readings, and the time of the first."""


def _messages(chunk: Chunk, site: str, *, paced: bool) -> Iterator[_Outgoing]:
    """What to send of a chunk: row by row in the order of time, or many rows at once."""
    each = [_split(block, site, 1 if paced else ROWS_PER_MESSAGE) for block in chunk.blocks]
    return heapq.merge(*each, key=itemgetter(3)) if paced else itertools.chain.from_iterable(each)


def _split(block: Block, site: str, rows: int) -> Iterator[_Outgoing]:
    topic = asset_topic(site, block.asset)
    columns = {
        name: [v if v == v else None for v in values.tolist()]  # noqa: PLR0124  # NaN: nothing was measured
        for name, values in block.values.items()
        if name in CATALOGUE
    }
    for first in range(0, len(block.times), rows):
        part: dict[str, float | list[float | None] | None] = {}
        count = 0
        for name, values in columns.items():
            part[name] = some = values[first : first + rows]
            count += sum(v is not None for v in some)
        times = block.times[first : first + rows]
        yield topic, json_batch.encode(json_batch.Batch(part, list(times))), count, times[0]
