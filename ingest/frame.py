"""What every format of file is read into: columns of numbers and times, and whatever was no reading."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from core.clock import parse_time
from core.units import to_canonical
from ingest.codec.base import EPOCH
from ingest.mapping import is_name
from ingest.rows import US, US_PER_S, as_datetime, as_us

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from core.series import Floats
    from ingest.mapping import Mapping

    Times = NDArray[np.int64]
    """(n,) [µs] since 1970, UTC; `NO_TIME` where there is none."""
    Cells = list[str] | Floats
    """(n,) a column, as text or as numbers with NaN where nothing was measured."""

CHUNK_ROWS: Final = 20_000
READINGS_PER_CHUNK: Final = 100_000
"""Rows times columns that are in memory at once, and in one transaction of an import."""
EPOCH_S_FROM: Final = 1e8
"""A number of at least this (1973) is epoch seconds; a smaller one counts from the file's start [s]."""
EPOCH_MS_FROM: Final = 1e11
"""From here on (1973) it is epoch milliseconds."""
US_PER_MS: Final = 1e3
NO_TIME: Final = np.iinfo(np.int64).min
FIRST_US: Final = (datetime.min.replace(tzinfo=EPOCH.tzinfo) - EPOCH) // US
LAST_US: Final = (datetime.max.replace(tzinfo=EPOCH.tzinfo) - EPOCH) // US
"""Between these lies the calendar [µs] since 1970."""
SHOWN_CHARS: Final = 40
BLANK: Final = frozenset({"", "nan", "na", "n/a", "null", "none"})
"""What stands in a cell where nothing was measured; lower case."""
_HEX: Final = re.compile(r"^\s*0[xX][0-9a-fA-F]{1,16}\s*$")


@dataclass(frozen=True, slots=True)
class BadCell:
    """Something in a file that is no reading."""

    line: int
    """Counted from 1; in a CSV file the headings are the first."""
    reason: str


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of one asset, in the file's order."""

    asset: str
    times_us: Times
    """(n,) times of the rows [µs] since 1970, UTC."""
    values: dict[str, Floats]
    """(n,) values by point [canonical unit]; NaN where there is none."""
    lines: NDArray[np.int64]
    """(n,) lines of the file."""

    @property
    def times(self) -> list[datetime]:
        """(n,) times of the rows, UTC."""
        return [as_datetime(us) for us in self.times_us.tolist()]


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a file."""

    rows: int
    """Rows of the file that it covers."""
    blocks: tuple[Block, ...]
    bad: tuple[BadCell, ...]


class Source(Protocol):
    """A file that has been looked at from beginning to end and can be read."""

    @property
    def path(self) -> Path:
        """Where it lies."""
        ...

    @property
    def rows(self) -> int:
        """How many it has."""
        ...

    @property
    def place(self) -> str:
        """What its rows are called where one is named: ``line``, ``row`` or ``value``."""
        ...

    @property
    def time(self) -> str:
        """What its times are called."""
        ...

    @property
    def relative(self) -> bool:
        """Whether its times count from its own start."""
        ...

    @property
    def last_s(self) -> float:
        """The last of those [s]; 0 where they do not."""
        ...

    @property
    def read_as(self) -> str:
        """Its mapping, spelt out: whatever changes the readings changes it, too."""
        ...

    def chunks(self, start: datetime | None, rows: int | None = None, skip: int = 0) -> Iterator[Chunk]:
        """Read it.

        Args:
            start: the time of 0 s, for a file whose times are relative.
            rows: how many at once; None: as many as are good for it.
            skip: how many to leave out at the beginning.
        """
        ...


def times_of_numbers(numbers: Floats, start: datetime | None) -> Times:
    """Times from seconds after `start`, or, without one, from epoch seconds or milliseconds."""
    if start is not None:
        exact = numbers * US_PER_S + as_us(start)
    else:
        exact = numbers * np.where(numbers >= EPOCH_MS_FROM, US_PER_MS, US_PER_S)
    there = np.isfinite(exact) & (exact >= FIRST_US) & (exact <= LAST_US)
    found = np.full(len(numbers), NO_TIME, dtype=np.int64)
    if start is not None:  # the sum above has lost digits; whole numbers lose none
        found[there] = np.rint(numbers[there] * US_PER_S).astype(np.int64) + as_us(start)
    else:
        found[there] = np.rint(exact[there]).astype(np.int64)
    return found


def times_of_texts(texts: list[str]) -> Times:
    """Times from ISO 8601."""
    return np.fromiter((_iso_us(text) for text in texts), dtype=np.int64, count=len(texts))


def _iso_us(text: str) -> int:
    time = iso(text)
    return NO_TIME if time is None else as_us(time)


def iso(text: str) -> datetime | None:
    """An ISO 8601 time; None for anything else."""
    try:
        return parse_time(text.strip())
    except (ValueError, OverflowError):
        return None


def number(text: str) -> float:
    """A number as the nearest float, NaN for anything else; hexadecimal ones (bit fields) too."""
    try:
        return float(text) if "_" not in text else np.nan
    except ValueError:
        return float(int(text, 16)) if _HEX.match(text) else np.nan


def numbers_of(texts: list[str]) -> Floats:
    """(n,) numbers of texts, NaN for what is none."""
    return np.fromiter((number(text) for text in texts), dtype=np.float64, count=len(texts))


@dataclass(frozen=True, slots=True)
class Table:
    """A file with headings that has been looked at from beginning to end."""

    path: Path
    mapping: Mapping
    rows: int
    relative: bool
    last_s: float

    @property
    def time(self) -> str:
        """The heading of its times."""
        return self.mapping.time

    @property
    def read_as(self) -> str:
        """Its mapping, spelt out."""
        return repr(self.mapping)


@dataclass(slots=True)
class Part:
    """One chunk on its way from cells to blocks."""

    columns: dict[str, Cells]
    """Cells by heading."""
    mapping: Mapping
    lines: NDArray[np.int64]
    """(n,) lines of the rows."""
    rows: int
    """Rows of the file that it covers: n and those that could not be taken apart."""
    bad: list[BadCell] = field(default_factory=list)

    def note(self, row: int, reason: str) -> None:
        """Remember what is wrong in a row."""
        self.bad.append(BadCell(int(self.lines[row]), reason))

    def shown(self, name: str, row: int | np.integer[Any]) -> str:
        """A cell, to be quoted."""
        cell = self.columns[name][int(row)]
        return repr(cell[:SHOWN_CHARS]) if isinstance(cell, str) else str(cell)

    def numbers(self, name: str) -> Floats:
        """A column's numbers; blank cells are NaN, and so are bad ones, which are noted."""
        cells = self.columns[name]
        found = numbers_of(cells) if isinstance(cells, list) else cells
        wrong = np.flatnonzero(~np.isfinite(found) if isinstance(cells, list) else np.isinf(found))
        if len(wrong):
            found = found.copy()
            found[wrong] = np.nan
        for i in wrong:
            if not isinstance(cells, list) or cells[i].strip().lower() not in BLANK:
                self.note(int(i), f"{name} {self.shown(name, i)} is no number")
        return found

    def chunk(self, times: Times) -> Chunk:
        """The chunk, read.

        Args:
            times: of the rows; those without one are noted.
        """
        timed = times != NO_TIME
        for i in np.flatnonzero(~timed):
            self.note(int(i), f"time {self.shown(self.mapping.time, i)} cannot be read")
        with np.errstate(over="ignore"):  # what is too large is refused by name, later
            values = {
                column: to_canonical(self.numbers(column.name), column.unit, column.point.quantity)
                for column in self.mapping.columns
            }
        blocks: list[Block] = []
        own = {c.point.name: v for c, v in values.items() if c.asset is None}
        if own or self.mapping.asset_column:
            for asset, rows in self.assets(timed).items():
                blocks += self.blocks(asset, times, rows, own)
        for asset in dict.fromkeys(c.asset for c in values if c.asset is not None):
            named = {c.point.name: v for c, v in values.items() if c.asset == asset}
            blocks += self.blocks(asset, times, timed, named)
        return Chunk(self.rows, tuple(blocks), tuple(sorted(self.bad, key=lambda cell: cell.line)))

    def assets(self, timed: NDArray[np.bool_]) -> dict[str, NDArray[np.bool_]]:
        """Which rows are whose."""
        name = self.mapping.asset_column
        if name is None:
            return {self.mapping.asset: timed}
        return self.named(name, timed) if self.mapping.asset_named else self.numbered(name, timed)

    def numbered(self, name: str, timed: NDArray[np.bool_]) -> dict[str, NDArray[np.bool_]]:
        """Which rows are whose, by a column of whole numbers."""
        numbers = self.numbers(name)
        whole = timed & (numbers >= 0) & (numbers == np.floor(numbers))
        for i in np.flatnonzero(timed & ~whole & np.isfinite(numbers)):
            self.note(int(i), f"{name} {numbers[i]} is no whole number")
        return {
            f"{self.mapping.asset}-{int(number)}": whole & (numbers == number)
            for number in np.unique(numbers[whole])
        }

    def named(self, name: str, timed: NDArray[np.bool_]) -> dict[str, NDArray[np.bool_]]:
        """Which rows are whose, by a column of names."""
        names = np.array([str(cell).strip() for cell in self.columns[name]], dtype=object)
        found = {asset: timed & (names == asset) for asset in dict.fromkeys(names.tolist())}
        for asset in [asset for asset in found if not is_name(asset)]:
            for i in np.flatnonzero(found.pop(asset)):
                self.note(int(i), f"{name} {asset[:SHOWN_CHARS]!r} is no name of an asset")
        return found

    def blocks(
        self, asset: str, times: Times, rows: NDArray[np.bool_], values: dict[str, Floats]
    ) -> list[Block]:
        """One asset's rows, without those that have no value at all; [] where none is left."""
        if not values:
            return []
        measured = rows & ~np.isnan(np.stack(list(values.values()))).all(axis=0)
        if not measured.any():
            return []
        own = {name: column[measured] for name, column in values.items()}
        return [Block(asset, times[measured], own, self.lines[measured])]
