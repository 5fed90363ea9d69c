"""Readings in bulk: columns of a file, judged and stored without a Python object for each reading."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from core.points import CATALOGUE, Status
from ingest.rows import Readings, as_datetime, as_us
from ingest.writer import store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from core import db
    from core.series import Floats
    from ingest.frame import Block
    from ingest.quality import TimeLimits
    from ingest.rows import Ints, Times
    from ingest.storage import PointIds

TRANSACTION_ROWS: Final = 100_000


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

    def __init__(self, conn: db.Connection, points: PointIds) -> None:
        self._conn, self._points = conn, points
        self._again = False
        """Whether the last rows had duplicates: then the next ones probably have, too."""
        self.stored = self.duplicate = 0

    def write(self, columns: Sequence[Column]) -> list[tuple[int, str]]:
        """Store readings; a reading that is there already stays as it is.

        Returns:
            Line and reason of each that the database does not take.
        """
        if not columns:
            return []
        rows = self._points.rows(self._conn, _gathered(columns))
        lines = np.concatenate([column.lines for column in columns])
        refused: list[tuple[int, str]] = []
        for first in range(0, len(rows), TRANSACTION_ROWS):
            part = rows[first : first + TRANSACTION_ROWS]
            done = store(self._conn, part, places=self._points.places, again=self._again)
            duplicate = len(part) - done.new - len(done.bad)
            self._again = duplicate > 0
            self.stored += done.new
            self.duplicate += duplicate
            refused += [(int(lines[first + index]), why) for index, why in done.bad]
        return refused


def _gathered(columns: Sequence[Column]) -> Readings:
    """Columns one after the other."""
    return Readings(
        keys=[(column.asset, column.point) for column in columns],
        index=np.repeat(np.arange(len(columns)), [len(column.values) for column in columns]),
        times_us=np.concatenate([column.times_us for column in columns]),
        values=np.concatenate([column.values for column in columns]),
        statuses=np.concatenate([_statuses(column) for column in columns]),
    )


def _statuses(column: Column) -> Ints:
    """(n,) by the catalogue's range, as `ingest.quality.mark` does for one."""
    point = CATALOGUE[column.point]
    good = (column.values >= point.low) & (column.values <= point.high)
    return np.where(good, int(Status.GOOD), int(Status.BAD_OUT_OF_RANGE))
