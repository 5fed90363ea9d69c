"""Files of readings: CSV, plain or compressed, in chunks, with whatever cannot be read named by its line."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from core.errors import InputError
from core.units import to_canonical
from ingest.mapping import Mapping, default_asset, recognise

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from core.series import Floats

CHUNK_ROWS: Final = 20_000
HEADER_LINES: Final = 1
EPOCH_S_FROM: Final = 1e8
"""A number of at least this (1973) is epoch seconds; a smaller one counts from the file's start [s]."""
EPOCH_MS_FROM: Final = 1e11
"""From here on (1973) it is epoch milliseconds."""
US_PER_S: Final = 1_000_000
_HEX: Final = re.compile(r"^\s*0[xX][0-9a-fA-F]{1,16}\s*$")
_UNREADABLE: Final = (OSError, EOFError, UnicodeDecodeError, zlib.error, pd.errors.ParserError)


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
        line = HEADER_LINES + 1
        for frame in _frames(self.path, list(self.mapping.headings), rows):
            yield _chunk(frame, self.mapping, start if self.relative else None, line)
            line += len(frame)


def open_source(path: Path, mapping_text: str | None) -> Source:
    """Look a file over, once through, before anything is done with it.

    Raises:
        InputError: it is missing, no CSV, lacks a column, or has a column without a single number in it.
    """
    present = _headings(path)
    if mapping_text is None:
        mapping = recognise(path, present)
    else:
        mapping = Mapping.parse(mapping_text, default_asset(path))
    mapping.check(path, present)
    return _survey(path, mapping)


def _frames(path: Path, columns: list[str] | None, rows: int | None) -> Iterator[pd.DataFrame]:
    """The file's columns as text, so that nothing is guessed.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with pd.read_csv(
            path, usecols=columns, dtype=str, chunksize=rows or CHUNK_ROWS, keep_default_na=False
        ) as reader:
            yield from reader
    except pd.errors.EmptyDataError:
        raise InputError(
            path.name, found="an empty file", allowed="a CSV file with headings", do="look at it"
        ) from None
    except _UNREADABLE as error:
        raise InputError(
            str(path.name), found=_first_line(error), allowed="a CSV file, plain or .gz", do="look at it"
        ) from error


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[-1] if lines else type(error).__name__


def _headings(path: Path) -> list[str]:
    if not path.is_file():
        raise InputError(str(path), found="no such file", allowed="a CSV file", do="correct the path")
    for frame in _frames(path, None, 1):
        return [str(name) for name in frame.columns]
    raise InputError(path.name, found="no rows", allowed="a CSV file with rows", do="look at it")


def _survey(path: Path, mapping: Mapping) -> Source:
    """Read it all once: its length, the kind of its times, and whether each column has numbers."""
    count, relative, last_s = 0, False, 0.0
    hopeless: dict[str, str] = {}
    fine: set[str] = set()
    for frame in _frames(path, list(mapping.headings), CHUNK_ROWS):
        if not count:
            relative = _is_relative(frame[mapping.time], path, mapping.time)
        if relative:
            last_s = max(last_s, float(np.nanmax(_numbers(frame[mapping.time]), initial=0.0)))
        for column in mapping.columns:
            if column.name in fine:
                continue
            given = frame[column.name][frame[column.name].str.strip() != ""]
            if np.isfinite(_numbers(given)).any():
                fine.add(column.name)
            elif len(given):
                hopeless.setdefault(column.name, str(given.iloc[0]))
        count += len(frame)
    for name, example in hopeless.items():
        if name not in fine:
            raise InputError(
                f"{path.name}: column {name}",
                found=f"{example[:40]!r} and no number",
                allowed="numbers",
                do="map another column",
            )
    return Source(path, mapping, count, relative, last_s)


def _is_relative(times: pd.Series[str], path: Path, name: str) -> bool:
    first = str(times.iloc[0]).strip()
    number = _numbers(times.iloc[:1])[0]
    if np.isfinite(number):
        return bool(number < EPOCH_S_FROM)
    if pd.isna(_iso(times.iloc[:1]).iloc[0]):
        raise InputError(
            f"{path.name}: column {name}",
            found=repr(first[:40]),
            allowed="ISO 8601 times, epoch seconds or milliseconds, or seconds from the start",
            do="map another column to time",
        )
    return False


def _numbers(texts: pd.Series[str]) -> Floats:
    """Numbers as the nearest float, NaN for anything else; hexadecimal ones (bit fields) too."""
    return np.array([_number(text) for text in texts], dtype=np.float64)


def _number(text: str) -> float:
    try:
        return float(text) if "_" not in text else float("nan")
    except ValueError:
        return float(int(text, 16)) if _HEX.match(text) else float("nan")


def _iso(texts: pd.Series[str]) -> pd.Series[Any]:
    return pd.to_datetime(texts, utc=True, format="ISO8601", errors="coerce")


def _times(texts: pd.Series[str], start: datetime | None) -> list[datetime | None]:
    """Times of rows, None where unreadable."""
    if start is not None:
        return [_after(start, number) for number in _numbers(texts)]
    numbers = _numbers(texts)
    if np.isfinite(numbers).any():
        seconds = np.where(numbers >= EPOCH_MS_FROM, numbers / 1000.0, numbers)
        return [_after(EPOCH, float(s)) for s in seconds]
    return [None if pd.isna(time) else time.to_pydatetime(warn=False) for time in _iso(texts)]


def _after(start: datetime, seconds: float) -> datetime | None:
    try:
        return start + timedelta(microseconds=round(seconds * US_PER_S))
    except (OverflowError, ValueError):
        return None


def _chunk(frame: pd.DataFrame, mapping: Mapping, start: datetime | None, first_line: int) -> Chunk:
    times = _times(frame[mapping.time], start)
    bad = [
        BadCell(first_line + i, f"time {frame[mapping.time].iloc[i]!r} cannot be read")
        for i, time in enumerate(times)
        if time is None
    ]
    assets = _assets(frame, mapping, first_line, bad)
    usable = np.array([t is not None and a is not None for t, a in zip(times, assets, strict=True)])
    columns: dict[tuple[str | None, str], Floats] = {}
    for column in mapping.columns:
        texts = frame[column.name]
        numbers = _numbers(texts)
        for i in np.flatnonzero(~np.isfinite(numbers) & (texts.str.strip() != "").to_numpy()):
            numbers[i] = np.nan
            if usable[i]:
                bad.append(BadCell(first_line + int(i), f"{column.name} {texts.iloc[i]!r} is no number"))
        columns[column.asset, column.point.name] = to_canonical(numbers, column.unit, column.point.quantity)
    lines = [first_line + i for i in range(len(frame))]
    wanted = dict.fromkeys([a for a in assets if a is not None] + [a for a, _ in columns if a is not None])
    blocks = []
    for asset in wanted:
        row_wise = np.array([a == asset for a in assets])
        blocks += _blocks(asset, columns, row_wise & usable, usable, times, lines)
    return Chunk(len(frame), tuple(blocks), tuple(sorted(bad, key=lambda cell: cell.line)))
