"""The export of a Prometheus range query (`/api/v1/query_range`): series by series, never whole in memory."""

from __future__ import annotations

import re
from dataclasses import dataclass
from json import JSONDecodeError, JSONDecoder
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from core.errors import InputError
from core.units import to_canonical
from ingest.codec.base import EPOCH
from ingest.frame import (
    CHUNK_ROWS,
    NO_TIME,
    SHOWN_CHARS,
    BadCell,
    Block,
    Chunk,
    number,
    times_of_numbers,
)
from ingest.mapping import METRIC_NAME, MapFile
from ingest.reader import opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from ingest.mapping import Selection
    from ingest.reader import Map

READ_CHARS: Final = 1 << 16
HEAD_CHARS: Final = 1 << 16
"""Within so many characters the results begin."""
SERIES_MAX_CHARS: Final = 256 << 20
_RESULT: Final = re.compile(r'"result"\s*:\s*\[')
_KIND: Final = re.compile(r'"resultType"\s*:\s*"(\w+)"')
_ERROR: Final = re.compile(r'"error"\s*:\s*"([^"]*)"')
_EXPORT: Final = "the JSON of /api/v1/query_range with a matrix of series"


class _Series(msgspec.Struct):
    metric: dict[str, str]
    values: list[tuple[float, str | float | int | None]] = []


@dataclass(frozen=True, slots=True)
class ExportSource:
    """An export that has been read once."""

    path: Path
    selections: tuple[Selection, ...]
    rows: int
    """Values of the series that the mapping selects."""
    relative: bool = False
    last_s: float = 0.0
    place: str = "value"
    time: str = "values"

    @property
    def read_as(self) -> str:
        """Its selectors, spelt out."""
        spelt = (
            ([(m.label, m.pattern.pattern, m.wanted) for m in s.matchers], s.point, s.unit, s.asset)
            for s in self.selections
        )
        return repr(list(spelt))

    def chunks(self, start: datetime | None, rows: int | None = None, skip: int = 0) -> Iterator[Chunk]:
        """Read it; times are its own."""
        del start
        at_once, before = rows or CHUNK_ROWS, 0
        for series in _all_series(self.path):
            selection = _selection(self.selections, series.metric)
            if selection is None:
                continue
            count = len(series.values)
            for first in range(min(max(skip - before, 0), count), count, at_once):
                part = series.values[first : first + at_once]
                yield _chunk(series.metric, part, selection, before + first + 1)
            before += count


def open_export(path: Path, given: Map) -> ExportSource:
    """Read an export once, and see which of its series are mapped.

    Raises:
        InputError: it is none, is cut off, or has no series that the mapping selects.
    """
    if not isinstance(given, MapFile) or not given.series:
        raise InputError(
            path.name,
            found="an export of Prometheus and no selectors",
            allowed="it with --map-file and [[prometheus]] in that",
            do="write selector, point, unit and asset there",
        )
    count, names = 0, dict[str, None]()
    for series in _all_series(path):
        names[series.metric.get(METRIC_NAME, "a series without a name")] = None
        if _selection(given.series, series.metric):
            count += len(series.values)
    if not count:
        raise InputError(
            path.name,
            found=", ".join(list(names)[:5]) or "no series",
            allowed="a series that a selector of the mapping file fits",
            do=f"correct {given.name}",
        )
    return ExportSource(path, given.series, count)


def _selection(selections: tuple[Selection, ...], labels: dict[str, str]) -> Selection | None:
    return next((s for s in selections if s.fits(labels)), None)


def _all_series(path: Path) -> Iterator[_Series]:
    decoder = JSONDecoder()
    with opened(path) as text:
        buffer = _results(path, text.read(HEAD_CHARS))
        while True:
            buffer = buffer.lstrip(" \t\r\n,")
            if buffer.startswith("]"):
                return
            try:
                found, end = decoder.raw_decode(buffer)
            except (JSONDecodeError, RecursionError):
                more = text.read(max(READ_CHARS, len(buffer)))
                if not more or len(buffer) > SERIES_MAX_CHARS:
                    raise _broken(path, "a series that is cut off or no JSON") from None
                buffer += more
                continue
            yield _series(path, found)
            buffer = buffer[end:]


def _results(path: Path, head: str) -> str:
    """What follows the bracket that opens the results."""
    begin = _RESULT.search(head)
    if begin is None:
        error = _ERROR.search(head)
        raise _broken(path, f"the error {error[1]!r}" if error else "no results")
    kind = _KIND.search(head)
    if kind and kind[1] != "matrix":
        raise _broken(path, f"a {kind[1]}")
    return head[begin.end() :]


def _series(path: Path, found: Any) -> _Series:
    try:
        return msgspec.convert(found, _Series)
    except msgspec.ValidationError as error:
        raise _broken(path, f"something else in its results ({error})") from error


def _broken(path: Path, found: str) -> InputError:
    return InputError(path.name, found=found, allowed=_EXPORT, do="export it again")


def _chunk(
    labels: dict[str, str],
    values: list[tuple[float, str | float | int | None]],
    selection: Selection,
    first: int,
) -> Chunk:
    where = labels.get(METRIC_NAME, selection.point.name)
    asset = selection.asset_of(labels)
    if asset is None:
        reason = f"{where}: its labels do not make an asset of {selection.asset!r}"
        return Chunk(len(values), (), (BadCell(first, reason),))
    texts = [str(value) for _, value in values]
    numbers = np.fromiter((number(text) for text in texts), np.float64, len(texts))
    times = times_of_numbers(np.array([time for time, _ in values], dtype=np.float64), EPOCH)
    bad = [
        BadCell(first + int(i), f"{where} {texts[i][:SHOWN_CHARS]!r} is no number")
        for i in np.flatnonzero(~np.isfinite(numbers))
        if texts[i] != "NaN"  # Prometheus writes it where nothing was measured
    ]
    bad += [
        BadCell(first + int(i), f"time {values[i][0]} cannot be read")
        for i in np.flatnonzero(times == NO_TIME)
    ]
    there = np.isfinite(numbers) & (times != NO_TIME)
    if not there.any():
        return Chunk(len(values), (), tuple(bad))
    with np.errstate(over="ignore"):  # what is too large is refused by name, later
        canonical = to_canonical(numbers[there], selection.unit, selection.point.quantity)
    lines = np.arange(first, first + len(values), dtype=np.int64)[there]
    block = Block(asset, times[there], {selection.point.name: canonical}, lines)
    return Chunk(len(values), (block,), tuple(bad))
