"""Readings in bulk: from columns of numbers to the bytes of a binary COPY, without a Python object each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

import sql
from core import db
from core.points import CATALOGUE, Status
from ingest import samples, storage
from ingest.frame import as_datetime, as_us
from ingest.writer import PERMANENT, Stored, store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from core.series import Floats
    from ingest.frame import Block, Times
    from ingest.quality import TimeLimits
    from ingest.storage import Row

    Packed = NDArray[np.void]

TRANSACTION_ROWS: Final = 100_000
_COPY: Final = b"COPY %s (time, value, point_id, status) FROM STDIN (FORMAT BINARY)"
_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_ROW: Final = np.dtype(
    [
        ("fields", ">i2"),
        ("time_bytes", ">i4"),
        ("time", ">i8"),
        ("value_bytes", ">i4"),
        ("value", ">f8"),
        ("point_bytes", ">i4"),
        ("point", ">i4"),
        ("status_bytes", ">i4"),
        ("status", ">i4"),
    ]
)
"""A row as COPY wants it: how many fields, and each with its length before it."""
_SIZES: Final = {"fields": 4, "time_bytes": 8, "value_bytes": 8, "point_bytes": 4, "status_bytes": 4}
_FROM_1970_US: Final = 946_684_800_000_000
"""PostgreSQL counts from 2000 [µs]."""
_MINUTE_US: Final = 60_000_000
_DIRTY_GAP_MINUTES: Final = 5
"""Minutes that lie no further apart are one stretch to roll up again."""


class Column(NamedTuple):
    """Readings of one point."""

    asset: str
    point: str
    times_us: Times
    """(n,) [µs] since 1970."""
    values: Floats
    """(n,) [canonical unit]."""
    lines: NDArray[np.int64]
    """(n,) where in the file they stand."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a block comes to."""

    columns: tuple[Column, ...]
    bad: tuple[tuple[int, str], ...]
    """Line and reason."""


def judge(block: Block, now: datetime, limits: TimeLimits) -> Judged:
    """Sort out what cannot be a reading, by the rules of `ingest.quality`."""
    oldest, newest = as_us(limits.oldest), as_us(now + limits.ahead)
    believed = (block.times_us >= oldest) & (block.times_us <= newest)
    bad: list[tuple[int, str]] = []
    for i in np.flatnonzero(~believed):
        problem = limits.problem(as_datetime(int(block.times_us[i])), now)
        bad.append((int(block.lines[i]), problem.reason if problem else "time is not believed"))
    columns = []
    for name, values in block.values.items():
        bad += [
            (int(block.lines[i]), f"value {values[i]} of {name} is not finite")
            for i in np.flatnonzero(believed & np.isinf(values))
        ]
        there = believed & np.isfinite(values)
        if there.all():  # the common case, without copies
            columns.append(Column(block.asset, name, block.times_us, values, block.lines))
        elif there.any():
            columns.append(
                Column(block.asset, name, block.times_us[there], values[there], block.lines[there])
            )
    return Judged(tuple(columns), tuple(bad))


class Bulk:
    """Stores columns of readings over one connection, straight while there are no duplicates."""

    def __init__(self, conn: db.Connection, points: storage.PointIds) -> None:
        self._conn, self._points = conn, points
        self._staged = False
        """Whether the last rows had duplicates: then the next ones probably have, too."""
        self.stored = self.duplicate = 0

    def write(self, columns: Sequence[Column]) -> list[tuple[int, str]]:
        """Store readings; a reading that is there already stays as it is.

        Returns:
            Line and reason of each that the database does not take.
        """
        if not columns:
            return []
        self._points.register(self._conn, ((c.asset, c.point) for c in columns))
        rows = self.pack(columns)
        lines = np.concatenate([column.lines for column in columns])
        refused: list[tuple[int, str]] = []
        for first in range(0, len(rows), TRANSACTION_ROWS):
            part = rows[first : first + TRANSACTION_ROWS]
            done = self._store(part)
            duplicate = len(part) - done.new - len(done.bad)
            self._staged = duplicate > 0
            self.stored += done.new
            self.duplicate += duplicate
            refused += [(int(lines[first + index]), why) for index, why in done.bad]
        return refused

    def pack(self, columns: Sequence[Column]) -> Packed:
        """Columns as the rows of a COPY, one after the other."""
        rows: Packed = np.empty(sum(len(column.values) for column in columns), dtype=_ROW)
        for name, size in _SIZES.items():
            rows[name] = size
        end = 0
        for column in columns:
            point = CATALOGUE[column.point]
            own = rows[end : end + len(column.values)]
            end += len(column.values)
            own["time"] = column.times_us - _FROM_1970_US
            own["value"] = column.values
            own["point"] = self._points.known[column.asset, column.point]
            good = (column.values >= point.low) & (column.values <= point.high)
            own["status"] = np.where(good, int(Status.GOOD), int(Status.BAD_OUT_OF_RANGE))
        return rows

    def _store(self, rows: Packed) -> Stored:
        """Straight; where some are there already, the others; where one is refused, all but that."""
        for staged in (True,) if self._staged else (False, True):
            try:
                return self._insert(rows, staged=staged)
            except PERMANENT:
                pass  # the transaction is undone, and the next way is the more careful one
        return store(self._conn, _unpack(rows), places=self._points.places)

    def _insert(self, rows: Packed, *, staged: bool) -> Stored:
        conn = self._conn
        narrow, of_gpus = self._points.places.split(rows)
        with conn.transaction():
            _touch(conn, rows)
            new = samples.insert(conn, of_gpus, staged=staged) if of_gpus else 0
            if staged:
                db.rows(conn, "ingest_staging")
            with (
                conn.cursor() as cursor,
                cursor.copy(_COPY % (b"reading_staging" if staged else b"reading")) as to,
            ):
                to.write(_HEADER)
                to.write(narrow.tobytes())
                to.write(_TRAILER)
            if staged:
                new += conn.execute(sql.query("ingest_insert_staged")).rowcount
            else:
                new += len(narrow)
            storage.upsert_latest(conn, _unpack(_newest(rows)))
        return Stored(new)


def _newest(rows: Packed) -> Packed:
    """The newest row of each point."""
    order = np.lexsort((rows["time"], rows["point"]))
    points = rows["point"][order]
    newest: Packed = rows[order[np.append(np.flatnonzero(np.diff(points)), len(points) - 1)]]
    return newest


def _touch(conn: db.Connection, rows: Packed) -> None:
    """Say which minutes have to be rolled up again, as `ingest.storage` does for readings one by one."""
    minutes = np.unique((rows["time"].astype(np.int64) + _FROM_1970_US) // _MINUTE_US)
    breaks = np.flatnonzero(np.diff(minutes) > _DIRTY_GAP_MINUTES)
    starts = minutes[np.concatenate([[0], breaks + 1])] * _MINUTE_US
    ends = (minutes[np.concatenate([breaks, [len(minutes) - 1]])] + 1) * _MINUTE_US
    stretches = ([as_datetime(us) for us in bounds.tolist()] for bounds in (starts, ends))
    db.rows(conn, "rollup_touch", **dict(zip(("starts", "ends"), stretches, strict=True)))


def _unpack(rows: Packed) -> list[Row]:
    times = (rows["time"].astype(np.int64) + _FROM_1970_US).tolist()
    values, points, statuses = (rows[name].tolist() for name in ("value", "point", "status"))
    return [
        (as_datetime(us), value, point, status)
        for us, value, point, status in zip(times, values, points, statuses, strict=True)
    ]
