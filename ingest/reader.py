"""Files of readings: CSV, plain or gzipped, in chunks; whatever cannot be read is named by its line."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import math
import re
import zlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from core.clock import parse_time
from core.errors import InputError
from core.units import to_canonical
from ingest.codec.base import EPOCH
from ingest.mapping import Mapping, default_asset, recognise

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from core.series import Floats

CHUNK_ROWS: Final = 20_000
EPOCH_S_FROM: Final = 1e8
"""A number of at least this (1973) is epoch seconds; a smaller one counts from the file's start [s]."""
EPOCH_MS_FROM: Final = 1e11
"""From here on (1973) it is epoch milliseconds."""
US_PER_S: Final = 1_000_000
MS_PER_S: Final = 1000.0
SHOWN_CHARS: Final = 40
GZIP_MAGIC: Final = b"\x1f\x8b"
BLANK: Final = frozenset({"", "nan", "na", "n/a", "null", "none"})
"""What stands in a cell where nothing was measured; lower case."""
NUMERIC: Final = ""
_HEX: Final = re.compile(r"^\s*0[xX][0-9a-fA-F]{1,16}\s*$")
_UNREADABLE: Final = (OSError, EOFError, UnicodeDecodeError, zlib.error, csv.Error)

Row = tuple[int, list[str]]
"""Line and cells."""


@dataclass(frozen=True, slots=True)
class BadCell:
    """Something in a file that is no reading."""

    line: int
    """Counted from 1, the headings included."""
    reason: str


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of one asset, in the file's order."""

    asset: str
    times: list[datetime]
    """(n,) times of the rows, UTC."""
    values: dict[str, Floats]
    """(n,) values by point [canonical unit]; NaN where there is none."""
    lines: list[int]
    """(n,) lines of the file."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a file."""

    rows: int
    """Rows of the file that it covers."""
    blocks: tuple[Block, ...]
    bad: tuple[BadCell, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """A file that has been looked at from beginning to end and can be read."""

    path: Path
    mapping: Mapping
    headings: tuple[str, ...]
    """All of them, in the file's order."""
    rows: int
    relative: bool
    """Whether its times count from its own start."""
    last_s: float
    """The last of those [s]; 0 where they do not."""

    def chunks(self, start: datetime | None, rows: int = CHUNK_ROWS) -> Iterator[Chunk]:
        """Read it.

        Args:
            start: the time of 0 s, for a file whose times are relative.
            rows: how many at once.
        """
        for part in _parts(self.path, self.mapping, self.headings, rows):
            yield part.chunk(start if self.relative else None)


def open_source(path: Path, mapping_text: str | None) -> Source:
    """Look a file over, once through, before anything is done with it.

    Raises:
        InputError: it is missing, no CSV, lacks a column, or has a column without a single number in it.
    """
    if not path.is_file():
        raise InputError(str(path), found="no such file", allowed="a CSV file", do="correct the path")
    headings = next((cells for _, cells in _rows(path)), None)
    if headings is None:
        raise InputError(
            path.name, found="an empty file", allowed="a CSV file with headings", do="look at it"
        )
    if mapping_text is None:
        mapping = recognise(path, headings)
    else:
        mapping = Mapping.parse(mapping_text, default_asset(path))
    mapping.check(path, headings)
    return _survey(path, mapping, tuple(headings))


def _rows(path: Path) -> Iterator[Row]:
    """Rows that are not empty, the headings first.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        with path.open("rb") as raw:
            zipped = raw.read(len(GZIP_MAGIC)) == GZIP_MAGIC
            raw.seek(0)
            stream = gzip.GzipFile(fileobj=raw) if zipped else raw
            with io.TextIOWrapper(io.BufferedReader(stream), encoding="utf-8-sig", newline="") as text:
                reader = csv.reader(text)
                yield from ((reader.line_num, cells) for cells in reader if cells)
    except _UNREADABLE as error:
        raise InputError(
            path.name, found=str(error), allowed="a CSV file, plain or .gz", do="look at it"
        ) from error


def _parts(path: Path, mapping: Mapping, headings: tuple[str, ...], rows: int) -> Iterator[_Part]:
    """The columns that a mapping needs, so many rows at once."""
    wanted = {name: headings.index(name) for name in mapping.headings}
    body = itertools.islice(_rows(path), 1, None)
    while some := list(itertools.islice(body, rows)):
        whole = [row for row in some if len(row[1]) == len(headings)]
        columns = {name: [cells[index] for _, cells in whole] for name, index in wanted.items()}
        part = _Part(columns, mapping, np.array([line for line, _ in whole], dtype=np.int64), len(some))
        part.bad += [
            BadCell(line, f"{len(cells)} cells under {len(headings)} headings")
            for line, cells in some
            if len(cells) != len(headings)
        ]
        yield part


def _survey(path: Path, mapping: Mapping, headings: tuple[str, ...]) -> Source:
    """Read it all once: its length, the kind of its times, and whether each column has numbers."""
    count, relative, last_s = 0, False, 0.0
    examples: dict[str, str] = {}
    for part in _parts(path, mapping, headings, CHUNK_ROWS):
        times = part.columns[mapping.time]
        first = next((text for text in times if text.strip()), None)
        if not count and first is not None:
            relative = _is_relative(first, path, mapping.time)
        if relative:
            last_s = max(last_s, float(np.nanmax(_numbers(times), initial=0.0)))
        for column in mapping.columns:
            if examples.get(column.name) != NUMERIC:
                _look_for_number(column.name, part.columns[column.name], examples)
        count += part.rows
    if not count:
        raise InputError(path.name, found="no rows", allowed="a CSV file with rows", do="look at it")
    for name, example in examples.items():
        if example != NUMERIC:
            raise InputError(
                f"{path.name}: column {name}",
                found=f"{example[:SHOWN_CHARS]!r} and no number",
                allowed="numbers",
                do="map another column",
            )
    return Source(path, mapping, headings, count, relative, last_s)


def _look_for_number(name: str, texts: list[str], examples: dict[str, str]) -> None:
    given = [text for text in texts if text.strip().lower() not in BLANK]
    if np.isfinite(_numbers(given)).any():
        examples[name] = NUMERIC
    elif given:
        examples.setdefault(name, given[0])


def _is_relative(first: str, path: Path, name: str) -> bool:
    number = _number(first)
    if math.isfinite(number):
        return number < EPOCH_S_FROM
    if _iso(first) is None:
        raise InputError(
            f"{path.name}: column {name}",
            found=repr(first[:SHOWN_CHARS]),
            allowed="ISO 8601 times, epoch seconds or milliseconds, or seconds from the start",
            do="map another column to time",
        )
    return False


def _number(text: str) -> float:
    """A number as the nearest float, NaN for anything else; hexadecimal ones (bit fields) too."""
    try:
        return float(text) if "_" not in text else math.nan
    except ValueError:
        return float(int(text, 16)) if _HEX.match(text) else math.nan


def _numbers(texts: list[str]) -> Floats:
    return np.array([_number(text) for text in texts], dtype=np.float64)


def _iso(text: str) -> datetime | None:
    try:
        return parse_time(text.strip())
    except (ValueError, OverflowError):
        return None


def _after(origin: datetime, seconds: float) -> datetime | None:
    try:
        return origin + timedelta(microseconds=round(seconds * US_PER_S))
    except (OverflowError, ValueError):
        return None


def _times(texts: list[str], start: datetime | None) -> list[datetime | None]:
    """Times of rows, None where unreadable."""
    numbers = _numbers(texts)
    if start is not None:
        return [_after(start, float(s)) for s in numbers]
    if not np.isfinite(numbers).any():
        return [_iso(text) for text in texts]
    seconds = np.where(numbers >= EPOCH_MS_FROM, numbers / MS_PER_S, numbers)
    return [_after(EPOCH, float(s)) for s in seconds]


@dataclass(slots=True)
class _Part:
    """One chunk on its way from text to blocks."""

    columns: dict[str, list[str]]
    """(n,) cells by heading."""
    mapping: Mapping
    lines: NDArray[np.int64]
    """(n,) lines of the rows."""
    rows: int
    """Rows of the file that it covers: n and those of another length."""
    bad: list[BadCell] = field(default_factory=list)

    def numbers(self, name: str) -> Floats:
        """A column's numbers; blank cells are NaN, and so are bad ones, which are noted."""
        texts = self.columns[name]
        found = _numbers(texts)
        for i in np.flatnonzero(~np.isfinite(found)):
            found[i] = np.nan
            if texts[i].strip().lower() not in BLANK:
                self.note(int(i), f"{name} {texts[i][:SHOWN_CHARS]!r} is no number")
        return found

    def note(self, row: int, reason: str) -> None:
        """Remember what is wrong in a row."""
        self.bad.append(BadCell(int(self.lines[row]), reason))

    def chunk(self, start: datetime | None) -> Chunk:
        """The chunk, read."""
        texts = self.columns[self.mapping.time]
        times = _times(texts, start)
        timed = np.array([time is not None for time in times], dtype=bool)
        for i in np.flatnonzero(~timed):
            self.note(int(i), f"time {texts[i][:SHOWN_CHARS]!r} cannot be read")
        values = {
            column: to_canonical(self.numbers(column.name), column.unit, column.point.quantity)
            for column in self.mapping.columns
        }
        every = np.array(times, dtype=object)
        blocks: list[Block] = []
        for asset, own_rows in self.assets(timed).items():
            own = {c.point.name: v for c, v in values.items() if c.asset is None}
            blocks += self.blocks(asset, every, own_rows, own)
        for asset in dict.fromkeys(c.asset for c in values if c.asset is not None):
            own = {c.point.name: v for c, v in values.items() if c.asset == asset}
            blocks += self.blocks(asset, every, timed, own)
        return Chunk(self.rows, tuple(blocks), tuple(sorted(self.bad, key=lambda cell: cell.line)))

    def assets(self, timed: NDArray[np.bool_]) -> dict[str, NDArray[np.bool_]]:
        """Which rows are whose."""
        name = self.mapping.asset_column
        if name is None:
            return {self.mapping.asset: timed}
        numbers = self.numbers(name)
        whole = timed & (numbers >= 0) & (numbers == np.floor(numbers))
        for i in np.flatnonzero(timed & ~whole & np.isfinite(numbers)):
            self.note(int(i), f"{name} {numbers[i]} is no whole number")
        return {
            f"{self.mapping.asset}-{int(number)}": whole & (numbers == number)
            for number in np.unique(numbers[whole])
        }

    def blocks(
        self, asset: str, times: NDArray[np.object_], rows: NDArray[np.bool_], values: dict[str, Floats]
    ) -> list[Block]:
        """One asset's rows, without those that have no value at all; [] where none is left."""
        if not values:
            return []
        measured = rows & np.isfinite(np.stack(list(values.values()))).any(axis=0)
        if not measured.any():
            return []
        lines = self.lines[measured].tolist()
        return [Block(asset, times[measured].tolist(), {n: v[measured] for n, v in values.items()}, lines)]
