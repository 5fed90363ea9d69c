"""Files into the database: straight (`import_file`) or through the broker (`publish_file`).

Both read a file by the same mapping and the same reader and mark by the same rules, so that importing a file
that has been published changes nothing, and neither does doing either twice. An import that was broken off
goes on where it was (`ingest.progress`).
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import isfinite
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from core import db
from core.errors import InputError, ServiceError
from core.points import CATALOGUE
from ingest import progress, storage
from ingest.batch import Message, Refusal
from ingest.bulk import Bulk, Column, judge
from ingest.codec import json_batch
from ingest.files import open_source
from ingest.frame import BadCell
from ingest.mqtt import Publisher, Version
from ingest.quality import TimeLimits
from ingest.rows import as_datetime
from ingest.storage import PointIds
from ingest.topics import asset_topic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from core.clock import Clock
    from core.site import Site
    from ingest.frame import Block, Chunk, Source
    from ingest.reader import Map

    Progress = Callable[[int, int], None]
    """Rows of the file that are done, and how many there are."""
    Say = Callable[[str], None]
    """Told a sentence that a person wants to read before the work is done."""

ROWS_PER_MESSAGE: Final = 100
"""Rows of the file in one message when there is no speed to keep."""
IMPORT_TOPIC: Final = "import/"
"""What stands before a file's name where its refusals are kept."""
REASONS_KEPT: Final = 20
"""How many of the rejected cells a summary names."""


@dataclass(slots=True)
class Published:
    """What `publish_file` did."""

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
    """What `import_file` did."""

    rows: int = 0
    """Rows of the file."""
    readings: int = 0
    """Readings in them: stored + duplicate."""
    stored: int = 0
    duplicate: int = 0
    """Readings that were there already, also those that an earlier run of the same import has stored."""
    rejected: int = 0
    """Cells and times that could not be read or that the database does not take."""
    reasons: list[str] = field(default_factory=list)
    """The first that this run met, each with its line."""
    seconds: float = 0.0
    """How long it took [wall s]."""
    note: str = ""
    """Where it went on, if an earlier run had begun or finished it."""


@dataclass(slots=True)
class PointPlan:
    """What an import would store of one point."""

    asset: str
    point: str
    unit: str
    """The canonical one, into which the file's is converted."""
    readings: int = 0
    out_of_range: int = 0
    """Of those, how many would be marked BAD_OUT_OF_RANGE."""
    least: float = float("inf")
    most: float = float("-inf")
    first: datetime | None = None
    last: datetime | None = None

    def add(self, column: Column) -> None:
        """Count more readings."""
        self.readings += len(column.values)
        least, most = float(column.values.min()), float(column.values.max())
        self.least, self.most = min(self.least, least), max(self.most, most)
        point = CATALOGUE[self.point]
        if least < point.low or most > point.high:
            self.out_of_range += int(((column.values < point.low) | (column.values > point.high)).sum())
        first = as_datetime(int(column.times_us.min()))
        last = as_datetime(int(column.times_us.max()))
        self.first = min(self.first or first, first)
        self.last = max(self.last or last, last)


@dataclass(slots=True)
class Planned:
    """What an import would do; nothing has been changed."""

    rows: int = 0
    readings: int = 0
    """Readings in them, those included that may be there already."""
    first: datetime | None = None
    last: datetime | None = None
    points: list[PointPlan] = field(default_factory=list)
    rejected: int = 0
    reasons: list[str] = field(default_factory=list)
    """The first of those, each with its line."""


def import_file(
    path: Path,
    mapping: Map,
    dsn: str,
    site: Site,
    start: datetime | None,
    clock: Clock,
    on_progress: Progress | None = None,
) -> Imported:
    """Load a file into the database.

    Args:
        path: CSV or Prometheus export, plain or compressed, or Parquet.
        mapping: see `ingest.mapping`; None: recognised by the columns' names.
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
    source = checked(path, mapping, start)
    result = import_source(source, dsn, site, start, clock, on_progress)
    result.seconds = time.perf_counter() - began
    return result


def import_source(
    source: Source,
    dsn: str,
    site: Site,
    start: datetime | None,
    clock: Clock,
    on_progress: Progress | None = None,
    *,
    anew: bool = False,
    say: Say | None = None,
) -> Imported:
    """Load a file that has been `checked` into the database; else as `import_file`.

    Args:
        source: the file.
        dsn: see `import_file`, as the following.
        site: see there.
        start: see there.
        clock: see there.
        on_progress: see there.
        anew: whether to send all of it, whatever an earlier run has done.
        say: told where it goes on, if an earlier run had begun or finished it.
    """
    began = time.perf_counter()
    result = Imported()
    key = progress.key_of(source, site.id, start)
    try:
        with db.connect(dsn, autocommit=True) as conn:
            storage.register_site(conn, site, clock.now())
            done = progress.Done() if anew else progress.find(conn, key)
            _resume(result, done, source.rows)
            if say and result.note:
                say(result.note)
            if on_progress and done.rows:
                on_progress(done.rows, source.rows)
            if done.rows < source.rows:
                _import_chunks(conn, source, site, start, clock, on_progress, result, key, done)
    except db.Error as error:
        why = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ServiceError(
            f"database: {why}; {result.rows} of {source.rows} rows are done; importing it again goes on"
        ) from error
    result.seconds = time.perf_counter() - began
    return result


def _resume(result: Imported, done: progress.Done, rows: int) -> None:
    """Count what an earlier run has done, and say so."""
    result.rows, result.rejected = done.rows, done.rejected
    result.readings = result.duplicate = done.readings
    if done.at is None:
        return
    at = f"as of {done.at:%F %T} UTC"
    if done.rows < rows:
        result.note = f"goes on after {done.rows} of {rows} rows, {at}"
    else:
        result.note = f"all of this file is there already, {at}: nothing is sent; --anew sends it again"


def _import_chunks(
    conn: db.Connection,
    source: Source,
    site: Site,
    start: datetime | None,
    clock: Clock,
    on_progress: Progress | None,
    result: Imported,
    key: progress.Key,
    done: progress.Done,
) -> None:
    """Store what is not `done` yet, each chunk in a transaction with how far it is then."""
    bulk, limits = Bulk(conn, PointIds(site.id, "import")), TimeLimits()
    earlier = done.readings
    for chunk in source.chunks(start, skip=done.rows):
        now = clock.now()
        columns, bad = _judged(chunk, now, limits)
        with conn.transaction():
            bad += [BadCell(line, why) for line, why in bulk.write(columns)]
            readings = earlier + bulk.stored + bulk.duplicate
            done = done.after(chunk.rows, columns, readings - done.readings, len(bad))
            _save_refusals(conn, bad, source, now)
            progress.save(conn, key, done, source.rows, now)
        result.rows, result.readings = done.rows, done.readings
        result.stored, result.duplicate = bulk.stored, earlier + bulk.duplicate
        _note(bad, source.place, result)
        if on_progress:
            on_progress(result.rows, source.rows)


def plan_import(
    path: Path,
    mapping: Map,
    start: datetime | None,
    clock: Clock,
    on_progress: Progress | None = None,
) -> Planned:
    """Read a file as `import_file` would, and say what that would store, without a database.

    Raises:
        InputError: the mapping or the file is wrong.
    """
    source = checked(path, mapping, start)
    result, limits = Planned(), TimeLimits()
    points: dict[tuple[str, str], PointPlan] = {}
    for chunk in source.chunks(start):
        columns, bad = _judged(chunk, clock.now(), limits)
        for column in columns:
            key = column.asset, column.point
            if key not in points:
                points[key] = PointPlan(*key, CATALOGUE[column.point].unit)
            points[key].add(column)
        result.rows += chunk.rows
        _note(bad, source.place, result)
        if on_progress:
            on_progress(result.rows, source.rows)
    result.points = [points[key] for key in sorted(points)]
    result.readings = sum(plan.readings for plan in result.points)
    result.first = min((plan.first for plan in result.points if plan.first), default=None)
    result.last = max((plan.last for plan in result.points if plan.last), default=None)
    return result


def checked(path: Path, mapping: Map, start: datetime | None) -> Source:
    """A file that can be imported: looked at to its end, without a database.

    Raises:
        InputError: the mapping, the file or the start is wrong.
    """
    source = open_source(path, mapping)
    _check_start(source, start)
    if source.relative and start is None:
        raise InputError(
            f"{path.name}: column {source.time}",
            found="seconds from the file's own start",
            allowed="that only with the time of its first second",
            do="give --start, e.g. --start 2026-01-31T12:00:00Z",
        )
    return source


def _check_start(source: Source, start: datetime | None) -> None:
    if start is not None and not source.relative:
        raise InputError(
            "--start",
            found=f"times of its own in {source.path.name}",
            allowed="it only with a file whose times count from its own start",
            do="leave it out",
        )


def _judged(chunk: Chunk, now: datetime, limits: TimeLimits) -> tuple[list[Column], list[BadCell]]:
    """The readings of a chunk, and what is none."""
    columns: list[Column] = []
    bad = list(chunk.bad)
    for block in chunk.blocks:
        judged = judge(block, now, limits)
        columns += judged.columns
        bad += [BadCell(line, why) for line, why in judged.bad]
    return columns, bad


def _save_refusals(conn: db.Connection, bad: list[BadCell], source: Source, now: datetime) -> None:
    """Keep what was no reading, a line once, with all that is wrong in it; to be called in a transaction."""
    topic = f"{IMPORT_TOPIC}{source.path.name}"
    messages: dict[int, Message] = {}
    refusals = []
    for cell in bad:
        if cell.line not in messages:
            place = f"{source.place} {cell.line}".encode()
            messages[cell.line] = Message(topic, place, now)
        refusals.append(Refusal(messages[cell.line], cell.reason))
    storage.save_refusals(conn, refusals, now)


def _note(bad: list[BadCell], place: str, result: Imported | Published | Planned) -> None:
    result.rejected += len(bad)
    room = REASONS_KEPT - len(result.reasons)
    result.reasons += [f"{place} {cell.line}: {cell.reason}" for cell in bad[: max(room, 0)]]


def publish_file(
    path: Path,
    mapping: Map,
    broker_url: str,
    site: Site,
    speed: float | None,
    start: datetime | None,
    clock: Clock,
    on_progress: Progress | None = None,
    *,
    version: Version = Version.V5,
) -> Published:
    """Play a file through the broker and wait until it has taken every message.

    Args:
        path: CSV or Prometheus export, plain or compressed, or Parquet.
        mapping: see `ingest.mapping`; None: recognised by the columns' names.
        broker_url: the broker.
        site: whose readings they are.
        speed: how many times as fast as the file's own time, one message a row; None: as fast as the broker
            takes them, many rows a message.
        start: the time of 0 s, for a file whose times count from its own start; None: such that the file
            begins now, or, without a speed, ends now.
        clock: what time it is; a paced play waits by it.
        on_progress: told as rows are sent.
        version: the protocol spoken with the broker.

    Raises:
        InputError: the mapping, the speed or the file is wrong; nothing has been sent then.
        ServiceError: the broker cannot be reached or does not take the messages.
    """
    began = time.perf_counter()
    if speed is not None and not speed > 0:
        raise InputError("--speed", found=str(speed), allowed="max or a number above 0", do="correct it")
    source = open_source(path, mapping)
    _check_start(source, start)
    if start is None:
        start = clock.now() - timedelta(seconds=source.last_s if speed is None else 0.0)
    result = Published()
    pace = None if speed is None else _Pace(clock, speed)
    with Publisher(broker_url, version=version) as publisher:
        done = 0
        for chunk in source.chunks(start):
            _note(list(chunk.bad), source.place, result)
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
    times = block.times
    columns = {
        name: [v if isfinite(v) else None for v in values.tolist()]  # nothing was measured, or too much
        for name, values in block.values.items()
        if name in CATALOGUE
    }
    for first in range(0, len(times), rows):
        part: dict[str, float | list[float | None] | None] = {}
        count = 0
        for name, values in columns.items():
            part[name] = some = values[first : first + rows]
            count += sum(v is not None for v in some)
        some_times: list[datetime | float] = list(times[first : first + rows])
        yield topic, json_batch.encode(json_batch.Batch(part, some_times)), count, times[first]
