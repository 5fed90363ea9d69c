"""GPU samples: the readings of one GPU at one time are one row of `gpu_sample`, where the server keeps those.

Which points lie there is decided when a point is registered (`place_points` in the schema) and read back from
the database, so that every process agrees.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from core import db
from ingest.rows import COPY_HEADER, COPY_TRAILER

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from ingest.rows import Rows

    Ids = NDArray[np.int32]

FIELDS: Final = (
    "gpu_power",
    "gpu_power_instant",
    "gpu_power_limit",
    "energy",
    "utilisation",
    "memory_utilisation",
    "gpu_temperature",
    "gpu_memory_temperature",
    "gpu_clock",
    "gpu_memory_clock",
    "gpu_memory_used",
    "gpu_fan_speed_ratio",
    "gpu_throttle_reasons",
)
"""The columns of `gpu_sample` between gpu_id and status, as the schema's gpu_fields() has them."""
_COPY: Final = f"COPY {{}} (time, gpu_id, {', '.join(FIELDS)}, status) FROM STDIN (FORMAT BINARY)"
_NULL: Final = -1
_INT4_OID: Final = 23
_ARRAY_HEAD: Final = (1, 0, _INT4_OID, len(FIELDS), 1)
"""Of a status array: one dimension, no NULL in it, of integers, how many, counted from 1."""
_FIELD: Final = np.dtype([("bytes", ">i4"), ("value", ">f8")])
_STATUS: Final = np.dtype([("bytes", ">i4"), ("value", ">i4")])
_ROW: Final = np.dtype(
    [
        ("columns", ">i2"),
        ("time_bytes", ">i4"),
        ("time", ">i8"),
        ("gpu_bytes", ">i4"),
        ("gpu", ">i4"),
        ("fields", _FIELD, len(FIELDS)),
        ("status_bytes", ">i4"),
        ("status_head", ">i4", len(_ARRAY_HEAD)),
        ("statuses", _STATUS, len(FIELDS)),
    ]
)
"""A row as COPY wants it when nothing is NULL; of a NULL only its length is sent."""
_OFFSETS: Final = {name: found[1] for name, found in (_ROW.fields or {}).items()}


class Places:
    """Of which GPU and field a point is, by point id; a point not told of lies in `reading`."""

    def __init__(self) -> None:
        self._gpu = self._field = np.zeros(0, np.int32)

    def learn(self, found: Iterable[tuple[int, int, int]]) -> None:
        """Take over point id, GPU id and field (counted from 1) of points that lie in samples."""
        rows = np.array(list(found), np.int32).reshape(-1, 3)
        if not len(rows):
            return
        room = max(int(rows[:, 0].max()) + 1 - len(self._gpu), 0)
        self._gpu, self._field = np.pad(self._gpu, (0, room)), np.pad(self._field, (0, room))
        self._gpu[rows[:, 0]], self._field[rows[:, 0]] = rows[:, 1], rows[:, 2]

    def split(self, rows: Rows) -> tuple[Rows, Samples | None]:
        """Part rows into those that stay as they are and the samples that the others make up."""
        if not len(self._gpu):
            return rows, None
        points = rows["point"].astype(np.int64)
        gpus = self._gpu.take(points, mode="clip") * (points < len(self._gpu))
        wide = gpus > 0
        if not wide.any():
            return rows, None
        return rows[~wide], _samples(rows[wide], gpus[wide], self._field[points[wide]] - 1)


class Samples(NamedTuple):
    """One row for each GPU and time, in this order, for `gpu_sample`."""

    rows: Rows
    told: NDArray[np.bool_]
    """(n, fields) what there is of each."""

    @property
    def readings(self) -> int:
        """How many readings are in them."""
        return int(self.told.sum())


def _samples(rows: Rows, gpus: Ids, fields: Ids) -> Samples:
    """Readings of GPUs as samples; of two for one GPU, time and field the first one wins."""
    times = rows["time"].astype(np.int64)
    order = np.lexsort((times, gpus))
    gpus, times = gpus[order], times[order]
    first = np.append(True, (np.diff(gpus) != 0) | (np.diff(times) != 0))
    back = order[::-1]  # of several assignments to one place the last one holds
    place = (np.cumsum(first) - 1)[::-1], fields[back]
    samples: Rows = np.zeros(int(first.sum()), _ROW)
    told = np.zeros((len(samples), len(FIELDS)), np.bool_)
    told[place] = True
    samples["columns"] = len(FIELDS) + 3
    samples["time_bytes"], samples["gpu_bytes"] = 8, 4
    samples["time"], samples["gpu"] = times[first], gpus[first]
    samples["fields"]["bytes"] = np.where(told, 8, _NULL)
    samples["fields"]["value"][place] = rows["value"][back]
    samples["statuses"]["value"][place] = rows["status"][back]
    samples["statuses"]["bytes"] = 4
    samples["status_head"] = _ARRAY_HEAD
    marked = samples["statuses"]["value"].any(axis=1)
    samples["status_bytes"] = np.where(marked, 4 * len(_ARRAY_HEAD) + _STATUS.itemsize * len(FIELDS), _NULL)
    return Samples(samples, told)


def to_bytes(samples: Samples) -> bytes:
    """What a binary COPY sends of samples, without its header and trailer."""
    rows, told = samples
    sent = np.ones((len(rows), _ROW.itemsize), np.bool_)
    fields = sent[:, _OFFSETS["fields"] : _OFFSETS["status_bytes"]].reshape(len(rows), len(FIELDS), -1)
    fields[:, :, 4:] = told[:, :, np.newaxis]
    sent[:, _OFFSETS["status_head"] :] = (rows["status_bytes"] != _NULL)[:, np.newaxis]
    return rows.view(np.uint8).reshape(sent.shape)[sent].tobytes()


def insert(conn: db.Connection, samples: Samples, *, again: bool = False) -> int:
    """Store samples; one that is there gets what it has not told yet. To be called in a transaction.

    Args:
        conn: connection.
        samples: what to store.
        again: whether some are probably there already; it only saves an attempt.

    Returns:
        How many of their readings are new.
    """
    if not again:
        try:
            with conn.transaction():
                _copy(conn, "gpu_sample", samples)
        except db.UniqueViolation:
            pass
        else:
            return samples.readings
    db.rows(conn, "ingest_sample_staging")
    _copy(conn, "gpu_sample_staging", samples)
    found = db.row(conn, "ingest_merge_samples")
    return int(found["new"]) if found else 0


def _copy(conn: db.Connection, table: str, samples: Samples) -> None:
    with conn.cursor() as cursor, cursor.copy(_COPY.format(table).encode()) as to:
        to.write(COPY_HEADER)
        to.write(to_bytes(samples))
        to.write(COPY_TRAILER)
