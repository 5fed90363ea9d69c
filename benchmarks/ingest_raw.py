"""The baselines: the same readings by PostgreSQL's binary COPY into the same keyed table, and nothing beside.

There are three, from the plainest to the strongest: row by row through psycopg with 5,000 rows a transaction,
and the finished bytes of a COPY, which cost their sender nothing, with 5,000 and with 20,000 of them.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from ingest_load import ASSETS, START

from core import db
from ingest.rows import COPY_HEADER, COPY_TRAILER, pack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

COPY: Final = b"COPY %s (time, value, point_id, status) FROM STDIN (FORMAT BINARY)"
BY_ROWS: Final = "copy_by_rows_5000"
PACKED: Final = {"copy_packed_5000": 5000, "copy_packed_20000": 20_000}
"""Rows a transaction of those that are sent as finished bytes."""
BASELINES: Final = (BY_ROWS, *PACKED)
ROWS_AT_ONCE: Final = 5000
BLOCK_S: Final = 100
"""Seconds of a rack that stand one after the other."""
RAW_POINT: Final = 1_000_000
"""Ids that no point has, and as many again for each baseline."""


class Columns(NamedTuple):
    """Readings as columns of numbers."""

    times_us: NDArray[np.int64]
    """(n,) [us] since 1970."""
    values: NDArray[np.float64]
    points: NDArray[np.int64]

    def take(self, which: slice | NDArray[np.int64]) -> Columns:
        """Some of them, or all in another order."""
        return Columns(self.times_us[which], self.values[which], self.points[which])

    def split(self, count: int) -> list[Columns]:
        """All of them, so many at a time."""
        return [self.take(slice(first, first + count)) for first in range(0, len(self.values), count)]


def meters(first_second: int, seconds: int) -> Columns:
    """One reading a second of every rack, in the order in which `ingest_load` sends them.

    That is `BLOCK_S` seconds of one rack after the other, then the next seconds: so whoever writes 5,000 at
    once writes to all racks, as the worker does.
    """
    first = int(START.timestamp()) + first_second
    blocks = np.arange(first, first + seconds, dtype=np.int64).reshape(-1, BLOCK_S)
    times = np.repeat(blocks[:, None, :], ASSETS, axis=1).ravel() * 1_000_000
    points = np.tile(np.repeat(RAW_POINT + np.arange(ASSETS), BLOCK_S), len(blocks))
    return Columns(times, np.full(len(times), 1.5), points)


def packed(columns: Columns) -> bytes:
    """Readings as the whole stream of one COPY."""
    nothing = np.zeros(len(columns.values), dtype=np.int64)
    rows = pack(columns.times_us, columns.values, columns.points, nothing)
    return COPY_HEADER + rows.tobytes() + COPY_TRAILER


def copy_packed(conn: db.Connection, streams: Sequence[bytes], table: str = "reading") -> float:
    """Seconds for streams that are made already, each in a transaction of its own."""
    begin = time.perf_counter()
    for stream in streams:
        with conn.transaction(), conn.cursor() as cursor, cursor.copy(COPY % table.encode()) as copy:
            copy.write(stream)
    return time.perf_counter() - begin


def copy_by_rows(conn: db.Connection, batches: Sequence[Sequence[tuple[object, ...]]]) -> float:
    """Seconds for rows of Python objects, each batch in a transaction of its own."""
    begin = time.perf_counter()
    for batch in batches:
        with conn.transaction(), conn.cursor() as cursor, cursor.copy(COPY % b"reading") as copy:
            copy.set_types(("timestamptz", "float8", "int4", "int4"))
            write = copy.write_row
            for row in batch:
                write(row)
    return time.perf_counter() - begin


def copy_rates(dsn: str, columns: Columns) -> tuple[dict[str, float], float]:
    """Readings a second of each baseline, and processor time of the plainest a reading [s]."""
    count = len(columns.times_us)
    own = {name: columns._replace(points=columns.points + n * RAW_POINT) for n, name in enumerate(BASELINES)}
    streams = {name: [packed(part) for part in own[name].split(rows)] for name, rows in PACKED.items()}
    batches = [_objects(part) for part in own[BY_ROWS].split(ROWS_AT_ONCE)]
    with db.connect(dsn, autocommit=True) as conn:
        before = time.process_time()
        rates = {BY_ROWS: count / copy_by_rows(conn, batches)}
        cpu_s = (time.process_time() - before) / count
        rates |= {name: count / copy_packed(conn, made) for name, made in streams.items()}
    return rates, cpu_s


def _objects(columns: Columns) -> list[tuple[object, ...]]:
    times = columns.times_us.astype("datetime64[us]").tolist()
    return [
        (at.replace(tzinfo=START.tzinfo), value, point, 0)
        for at, value, point in zip(times, columns.values.tolist(), columns.points.tolist(), strict=True)
    ]
