"""Readings as arrays: judged and stored without a Python object for each of them.

`Readings` are what a batch of messages comes to; `Rows` are what goes to the database, byte for byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from ingest.codec.base import EPOCH, Decoded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from core.series import Floats

    Times = NDArray[np.int64]
    """(n,) [µs] since 1970, UTC."""
    Ints = NDArray[np.int64]
    Rows = NDArray[np.void]
    """(n,) of `ROW`."""

Key = tuple[str, str]
"""Asset and point."""

US: Final = timedelta(microseconds=1)
US_PER_S: Final = 1e6
FROM_1970_US: Final = 946_684_800_000_000
"""PostgreSQL counts from 2000 [µs]."""
ROW: Final = np.dtype(
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
"""A row as a binary COPY wants it: how many fields, and each with its length before it. Times are [µs] since
2000, values [canonical unit]."""
COPY_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_TRAILER: Final = b"\xff\xff"
_SIZES: Final = {"fields": 4, "time_bytes": 8, "value_bytes": 8, "point_bytes": 4, "status_bytes": 4}


@dataclass(slots=True)
class Readings:
    """Readings of some points, in the order of their arrival."""

    keys: Sequence[Key]
    """(k,) whose they are."""
    index: Ints
    """(n,) which of the keys."""
    times_us: Times
    """(n,) when they were measured [µs] since 1970."""
    values: Floats
    """(n,) [canonical unit]."""
    statuses: Ints
    """(n,) upper 16 bits of their OPC UA status codes."""

    def __len__(self) -> int:
        return len(self.values)

    def decoded(self) -> list[Decoded]:
        """Each by itself."""
        columns = (self.index, self.times_us, self.values, self.statuses)
        return [
            Decoded(self.keys[key][0], self.keys[key][1], as_datetime(us), value, status)
            for key, us, value, status in zip(*(column.tolist() for column in columns), strict=True)
        ]


def as_datetime(us: int) -> datetime:
    """Microseconds since 1970 as a time."""
    return EPOCH + timedelta(microseconds=us)


def as_us(time: datetime) -> int:
    """A time as microseconds since 1970."""
    return (time - EPOCH) // US


def all_as_us(times: Sequence[datetime]) -> Times:
    """Times as microseconds since 1970: exact, since a float of seconds is good to 0.2 µs until 2105."""
    seconds = np.fromiter(map(datetime.timestamp, times), dtype=np.float64, count=len(times))
    return np.rint(seconds * US_PER_S).astype(np.int64)


def pack(times_us: Times, values: Floats, points: Ints, statuses: Ints) -> Rows:
    """(n,) rows from their columns; `points` are ids."""
    rows: Rows = np.empty(len(values), dtype=ROW)
    for name, size in _SIZES.items():
        rows[name] = size
    rows["time"] = times_us - FROM_1970_US
    rows["value"] = values
    rows["point"] = points
    rows["status"] = statuses
    return rows


def times_us(rows: Rows) -> Times:
    """(n,) when they were measured [µs] since 1970."""
    return rows["time"].astype(np.int64) + FROM_1970_US


def newest(rows: Rows) -> Rows:
    """(k,) the newest row of each point, in the order of the ids."""
    points, index = np.unique(rows["point"], return_inverse=True)
    times = rows["time"].astype(np.int64)
    latest = np.full(len(points), np.iinfo(np.int64).min)
    np.maximum.at(latest, index, times)
    where = np.empty(len(points), dtype=np.int64)
    found = np.flatnonzero(times == latest[index])[::-1]  # of several at one time the first, as is stored
    where[index[found]] = found
    found_rows: Rows = rows[where]
    return found_rows
