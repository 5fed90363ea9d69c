"""CSV files of readings, plain or gzipped, in chunks.

A file is looked at once from beginning to end before anything is done with it, so that a broken one changes
nothing. Whatever cannot be read in it later is named by its line.
"""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import math
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from core.errors import InputError
from ingest.frame import (
    BLANK,
    CHUNK_ROWS,
    EPOCH_S_FROM,
    READINGS_PER_CHUNK,
    SHOWN_CHARS,
    BadCell,
    Part,
    Table,
    iso,
    number,
    numbers_of,
    times_of_numbers,
    times_of_texts,
)
from ingest.mapping import MapFile, Mapping, default_asset, recognise

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from ingest.frame import Chunk, Times

GZIP_MAGIC: Final = b"\x1f\x8b"
NUMERIC: Final = ""
_UNREADABLE: Final = (OSError, EOFError, UnicodeDecodeError, zlib.error, csv.Error)

Row = tuple[int, list[str]]
"""Line and cells."""
Texts = dict[str, list[str]]
"""(n,) cells by heading."""
Map = str | MapFile | None
"""How to read a file: the text of ``--map``, a mapping file, or nothing for what is known by its columns."""


@contextmanager
def opened(path: Path) -> Iterator[io.TextIOWrapper]:
    """A text file, plain or gzipped.

    Raises:
        InputError: it cannot be read, at the beginning or later.
    """
    try:
        with path.open("rb") as raw:
            zipped = raw.read(len(GZIP_MAGIC)) == GZIP_MAGIC
            raw.seek(0)
            stream = gzip.GzipFile(fileobj=raw) if zipped else raw
            with io.TextIOWrapper(io.BufferedReader(stream), encoding="utf-8-sig", newline="") as text:
                yield text
    except _UNREADABLE as error:
        raise InputError(
            path.name,
            found=str(error),
            allowed="a CSV or JSON file, plain or .gz, or Parquet",
            do="look at it",
        ) from error


def table_mapping(path: Path, mapping: Map, headings: tuple[str, ...]) -> Mapping:
    """The mapping of a file of columns, checked against them.

    Raises:
        InputError: it does not fit.
    """
    if mapping is None:
        found = recognise(path, headings)
    elif isinstance(mapping, MapFile):
        found = mapping.table(default_asset(path))
    else:
        found = Mapping.parse(mapping, default_asset(path))
    found.check(path, headings)
    return found


@dataclass(frozen=True, slots=True)
class CsvSource(Table):
    """A CSV file."""

    headings: tuple[str, ...]
    """All of them, in the file's order."""
    place: str = "line"

    def chunks(self, start: datetime | None, rows: int | None = None, skip: int = 0) -> Iterator[Chunk]:
        """Read it."""
        at_once = rows or min(max(READINGS_PER_CHUNK // len(self.mapping.columns), 1), CHUNK_ROWS)
        for part, texts in _parts(self.path, self.mapping, self.headings, at_once, skip):
            yield part.chunk(_times(texts[self.mapping.time], start if self.relative else None))


def open_csv(path: Path, given: Map) -> CsvSource:
    """Look a CSV file over from beginning to end.

    Raises:
        InputError: it cannot be read, lacks a column, or has one without a number in it.
    """
    headings = next((cells for _, cells in _rows(path)), None)
    if headings is None:
        raise InputError(
            path.name, found="an empty file", allowed="a CSV file with headings", do="look at it"
        )
    return _survey(path, table_mapping(path, given, tuple(headings)), tuple(headings))


def _rows(path: Path) -> Iterator[Row]:
    """Rows that are not empty, the headings first.

    Raises:
        InputError: the file cannot be read.
    """
    with opened(path) as text:
        reader = csv.reader(text)
        yield from ((reader.line_num, cells) for cells in reader if cells)


def _parts(
    path: Path, mapping: Mapping, headings: tuple[str, ...], rows: int, skip: int = 0
) -> Iterator[tuple[Part, Texts]]:
    """The columns that a mapping needs, so many rows at once, without some at the beginning."""
    wanted = {name: headings.index(name) for name in mapping.headings}
    body = itertools.islice(_rows(path), 1 + skip, None)
    while some := list(itertools.islice(body, rows)):
        whole = [row for row in some if len(row[1]) == len(headings)]
        texts = {name: [cells[index] for _, cells in whole] for name, index in wanted.items()}
        lines = np.array([line for line, _ in whole], dtype=np.int64)
        part = Part({**texts}, mapping, lines, len(some))
        part.bad += [
            BadCell(line, f"{len(cells)} cells under {len(headings)} headings")
            for line, cells in some
            if len(cells) != len(headings)
        ]
        yield part, texts


def _survey(path: Path, mapping: Mapping, headings: tuple[str, ...]) -> CsvSource:
    """Read it all once: its length, the kind of its times, and whether each column has numbers."""
    count, relative, last_s = 0, False, 0.0
    examples: dict[str, str] = {}
    for part, texts in _parts(path, mapping, headings, CHUNK_ROWS):
        times = texts[mapping.time]
        first = next((text for text in times if text.strip()), None)
        if not count and first is not None:
            relative = is_relative(first, path, mapping.time)
        if relative:
            last_s = max(last_s, float(np.nanmax(numbers_of(times), initial=0.0)))
        for column in mapping.columns:
            if examples.get(column.name) != NUMERIC:
                _look_for_number(column.name, texts[column.name], examples)
        count += part.rows
    if not count:
        raise InputError(path.name, found="no rows", allowed="a CSV file with rows", do="look at it")
    for name, example in examples.items():
        if example != NUMERIC:
            raise no_number(path, name, f"{example[:SHOWN_CHARS]!r} and no number")
    return CsvSource(path, mapping, count, relative, last_s, headings)


def no_number(path: Path, name: str, found: str) -> InputError:
    """That a column is none of numbers."""
    return InputError(f"{path.name}: column {name}", found=found, allowed="numbers", do="map another column")


def _look_for_number(name: str, texts: list[str], examples: dict[str, str]) -> None:
    given = [text for text in texts if text.strip().lower() not in BLANK]
    if np.isfinite(numbers_of(given)).any():
        examples[name] = NUMERIC
    elif given:
        examples.setdefault(name, given[0])


def is_relative(first: str, path: Path, name: str) -> bool:
    """Whether a file's times count from its own start, to judge by the first.

    Raises:
        InputError: it is no time.
    """
    found = number(first)
    if math.isfinite(found):
        return found < EPOCH_S_FROM
    if iso(first) is None:
        raise InputError(
            f"{path.name}: column {name}",
            found=repr(first[:SHOWN_CHARS]),
            allowed="ISO 8601 times, epoch seconds or milliseconds, or seconds from the start",
            do="map another column to time",
        )
    return False


def _times(texts: list[str], start: datetime | None) -> Times:
    numbers = numbers_of(texts)
    if start is None and not np.isfinite(numbers).any():
        return times_of_texts(texts)
    return times_of_numbers(numbers, start)
