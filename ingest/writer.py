"""The writer: one batch, one transaction, each reading counted once; done when all of it is committed."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import psycopg

from core import db
from core.errors import ServiceError
from ingest import storage
from ingest.alarms import OFFLINE_AFTER
from ingest.batch import Refusal
from ingest.storage import Counts, PointIds
from ingest.unmapped import Register, save_beats, save_serves

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence
    from datetime import datetime

    from core.clock import Clock
    from ingest.batch import Batch
    from ingest.rows import Rows
    from ingest.samples import Places

log = logging.getLogger(__name__)

PERMANENT: Final = (psycopg.DataError, psycopg.IntegrityError)
"""What the data themselves are to blame for. Anything else is tried again: a missing table or a read-only
server is no reason to throw readings away."""
FIRST_WAIT_S: Final = 0.1
LONGEST_WAIT_S: Final = 10.0


class Stopped(Exception):  # noqa: N818  # no error: the service was asked to end
    """The service ends while a batch waits for the database; the broker will send it again."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The outcome of storing rows."""

    new: int
    bad: tuple[tuple[int, str], ...] = ()
    """Index and reason of each row that the database does not take."""


def store(conn: db.Connection, rows: Rows, *, places: Places, again: bool = True) -> Stored:
    """Store readings in one transaction; where the database refuses one, find it and keep the others.

    Args:
        conn: connection.
        rows: the readings.
        places: which points lie in samples of GPUs.
        again: whether some are probably there already; it only saves an attempt.
    """
    try:
        with conn.transaction():
            new = storage.insert(conn, rows, places=places, again=again)
    except PERMANENT as error:
        if len(rows) == 1:
            return Stored(0, ((0, _sentence(error)),))
        half = len(rows) // 2
        left, right = (store(conn, part, places=places) for part in (rows[:half], rows[half:]))
        return Stored(left.new + right.new, left.bad + tuple((i + half, why) for i, why in right.bad))
    return Stored(new)


def _sentence(error: psycopg.Error) -> str:
    return f"the database refuses it: {error.diag.message_primary or error}"


@dataclass(slots=True)
class Writer:
    """Writes batches of one site over one connection, reconnecting when it is lost."""

    dsn: str
    site: str
    clock: Clock
    stop: threading.Event
    client_id: str = "joulecast-ingest"
    """Whose counters these are."""
    source: str = "mqtt"
    """What new points are registered as coming from."""
    counts: Counts = field(default_factory=Counts)
    """Since the start of this writer; committed."""
    _points: PointIds = field(init=False)
    _register: Register = field(init=False)
    _started_at: datetime = field(init=False)
    _conn: db.Connection | None = field(default=None, init=False)
    _again: bool = field(default=False, init=False)
    """Whether the last batch had duplicates: then the next one probably has, too."""

    def __post_init__(self) -> None:
        self._points = PointIds(self.site, self.source)
        self._register = Register(self.site)
        self._started_at = self.clock.now()

    def write(self, batch: Batch) -> Counts:
        """Commit a batch, however long the database is away.

        Returns:
            What became of its readings.

        Raises:
            Stopped: the service was asked to end before the database came back.
        """
        wait_s = FIRST_WAIT_S
        while True:
            try:
                counts = self._attempt(batch)
            except (psycopg.Error, ServiceError) as error:
                log.warning("database: %s; trying again in %.1f s", str(error).strip(), wait_s)
                self.close()
                if self.stop.wait(wait_s):
                    raise Stopped from error
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)
            else:
                self.counts += counts
                return counts

    def close(self) -> None:
        """Give the connection back; the next batch opens another."""
        if self._conn is not None:
            self._conn.close()
            self._conn = None

    def _attempt(self, batch: Batch) -> Counts:
        if self._conn is None or self._conn.closed:
            self._conn = db.connect(self.dsn, autocommit=True)
        conn = self._conn
        rows = self._points.rows(conn, batch.arrays)
        try:
            return self._commit(conn, batch, rows)
        except PERMANENT:
            return self._isolate(conn, batch, rows)

    def _commit(self, conn: db.Connection, batch: Batch, rows: Rows) -> Counts:
        with conn.transaction():
            new = storage.insert(conn, rows, places=self._points.places, again=self._again)
            counts = _counts(batch, new, len(rows) - new, ())
            self._beside(conn, batch, batch.refusals, counts)
        self._again = counts.duplicate > 0
        return counts

    def _isolate(self, conn: db.Connection, batch: Batch, rows: Rows) -> Counts:
        """Something in the batch is not taken: find it, keep the rest, and put it with the refusals."""
        stored = store(conn, rows, places=self._points.places)
        found = tuple(Refusal(batch.origin(index), why) for index, why in stored.bad)
        counts = _counts(batch, stored.new, len(rows) - stored.new - len(found), found)
        try:
            with conn.transaction():
                self._beside(conn, batch, [*batch.refusals, *found], counts)
        except PERMANENT as error:
            aside = [message for message, _ in (*batch.forecasts, *batch.acknowledgements)]
            aside += [message for message, _, _ in batch.schedules]
            found += tuple(Refusal(message, _sentence(error)) for message in aside)
            batch.forecasts.clear()
            batch.schedules.clear()
            batch.acknowledgements.clear()
            batch.filtered -= len(aside)
            counts = _counts(batch, stored.new, len(rows) - stored.new - len(stored.bad), found)
            with conn.transaction():
                self._beside(conn, batch, [*batch.refusals, *found], counts)
        return counts

    def _beside(self, conn: db.Connection, batch: Batch, refusals: Sequence[Refusal], counts: Counts) -> None:
        """Everything of a batch that is no reading."""
        now = self.clock.now()
        storage.save_refusals(conn, refusals, now)
        self._register.save(conn, batch.unmapped, now)
        save_serves(conn, self.site, batch.serves, now)
        save_beats(conn, self.site, batch.beats, OFFLINE_AFTER * self.clock.speed_ratio)
        for _, rows in batch.forecasts:
            storage.save_forecast(conn, self.site, rows, now)
        for _, kind, hours in batch.schedules:
            storage.save_schedule(conn, self.site, kind, hours, now)
        for _, answer in batch.acknowledgements:
            storage.save_acknowledgement(conn, self.site, answer, now)
        storage.save_edges(conn, self.site, batch.edges)
        storage.save_counts(conn, self.client_id, self._started_at, now, self.counts + counts)


def _counts(batch: Batch, stored: int, duplicate: int, found: Sequence[Refusal]) -> Counts:
    rejected = len(batch.refusals) + len(found)
    received = stored + duplicate + rejected + batch.filtered
    return Counts(received, stored, duplicate, rejected, batch.filtered)
