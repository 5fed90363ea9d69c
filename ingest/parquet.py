"""Parquet files: column by column into numbers, without a Python object for each cell."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import InputError
from ingest.frame import (
    CHUNK_ROWS,
    EPOCH_S_FROM,
    FIRST_US,
    LAST_US,
    NO_TIME,
    READINGS_PER_CHUNK,
    Part,
    Table,
    numbers_of,
    times_of_numbers,
    times_of_texts,
)
from ingest.reader import is_relative, no_number, table_mapping

try:
    import pyarrow as pa
    from pyarrow import compute, parquet
except ImportError as error:  # pragma: no cover - a machine without the extra
    raise InputError(
        "Parquet",
        found="no pyarrow",
        allowed="it with the extra `history`",
        do="pip install 'joulecast[history]', or give a CSV file",
    ) from error

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from core.series import Floats
    from ingest.frame import Cells, Chunk, Times
    from ingest.mapping import Mapping
    from ingest.reader import Map


@dataclass(frozen=True, slots=True)
class ParquetSource(Table):
    """A Parquet file."""

    place: str = "row"

    def chunks(self, start: datetime | None, rows: int | None = None, skip: int = 0) -> Iterator[Chunk]:
        """Read it."""
        at_once = rows or max(READINGS_PER_CHUNK // len(self.mapping.columns), 1)
        done = skip
        with _opened(self.path) as file:
            for batch in _batches(file, at_once, list(self.mapping.headings), skip):
                columns = {name: _cells(batch.column(name)) for name in self.mapping.headings}
                lines = np.arange(done + 1, done + 1 + batch.num_rows, dtype=np.int64)
                part = Part(columns, self.mapping, lines, batch.num_rows)
                yield part.chunk(_times(batch.column(self.mapping.time), start if self.relative else None))
                done += batch.num_rows


def open_parquet(path: Path, given: Map) -> ParquetSource:
    """Look a Parquet file over: its columns, its length, the kind of its times.

    Raises:
        InputError: it is none, lacks a column, or has one that cannot be numbers.
    """
    with _opened(path) as file:
        schema = file.schema_arrow
        mapping = table_mapping(path, given, tuple(schema.names))
        for column in mapping.columns:
            kind = schema.field(column.name).type
            if not (_is_number(kind) or _is_text(kind)):
                raise no_number(path, column.name, str(kind))
        if not file.metadata.num_rows:
            raise InputError(path.name, found="no rows", allowed="a file with rows", do="look at it")
        relative, last_s = _look_at_times(file, path, mapping.time)
        _look_for_numbers(file, path, mapping)
        return ParquetSource(path, mapping, file.metadata.num_rows, relative, last_s)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The file.

    Raises:
        InputError: it cannot be read, at the beginning or later.
    """
    try:
        with parquet.ParquetFile(path) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            path.name,
            found=f"no readable Parquet ({str(error).splitlines()[0]})",
            allowed="a whole Parquet file",
            do="copy it again",
        ) from error


def _batches(file: Any, rows: int, columns: list[str], skip: int = 0) -> Iterator[Any]:
    """The file in pieces, without some rows at its beginning, of which whole row groups are not even read.

    Some row groups at a time: a reader keeps the pages of all that it was given.
    """
    groups: list[int] = []
    there, ends = 0, np.cumsum([file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)])
    first = int(np.searchsorted(ends, skip, side="right"))
    left = skip - int(ends[first - 1]) if first else skip
    for group in range(first, file.num_row_groups):
        groups.append(group)
        there += file.metadata.row_group(group).num_rows
        if there >= rows or group == file.num_row_groups - 1:
            for batch in file.iter_batches(rows, row_groups=groups, columns=columns, use_threads=False):
                if left < batch.num_rows:
                    yield batch.slice(left)
                left = max(left - batch.num_rows, 0)
            groups, there = [], 0


def _look_at_times(file: Any, path: Path, name: str) -> tuple[bool, float]:
    """Whether its times count from the file's start, and the last of those [s]."""
    kind = file.schema_arrow.field(name).type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return False, 0.0
    if not (_is_number(kind) or _is_text(kind)):
        raise InputError(
            f"{path.name}: column {name}",
            found=str(kind),
            allowed="a timestamp, numbers or ISO 8601",
            do="map another column to time",
        )
    relative, last_s, looked = False, 0.0, False
    for batch in _batches(file, READINGS_PER_CHUNK, [name]):
        cells = _cells(batch.column(name))
        numbers = numbers_of(cells) if isinstance(cells, list) else cells
        first = next((cell for cell in cells if str(cell).strip() not in {"", "nan"}), None)
        if not looked and first is not None:
            looked = True
            relative = (
                is_relative(first, path, name) if isinstance(first, str) else float(first) < EPOCH_S_FROM
            )
        if looked and not relative:
            break
        last_s = max(last_s, float(np.nanmax(numbers, initial=0.0)))
    return relative, last_s


def _look_for_numbers(file: Any, path: Path, mapping: Mapping) -> None:
    """Make sure that a column of texts begins with some numbers, where it has texts at all."""
    texts = [c.name for c in mapping.columns if _is_text(file.schema_arrow.field(c.name).type)]
    first = next(file.iter_batches(CHUNK_ROWS, columns=texts, use_threads=False), None) if texts else None
    if first is None:
        return
    for name in texts:
        cells = _cells(first.column(name))
        given = [cell for cell in cells if str(cell).strip()]
        if given and not np.isfinite(numbers_of([str(cell) for cell in given])).any():
            raise no_number(path, name, f"{given[0]!r} and no number")


def _is_number(kind: Any) -> bool:
    is_decimal, is_boolean = pa.types.is_decimal(kind), pa.types.is_boolean(kind)
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or is_decimal or is_boolean)


def _is_text(kind: Any) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _cells(column: Any) -> Cells:
    """A column as numbers, or as texts where it holds texts; "" and NaN where there is nothing."""
    if _is_text(column.type):
        return [text or "" for text in column.to_pylist()]
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        found = _microseconds(column)
        return np.where(found == NO_TIME, np.nan, found)
    if not _is_number(column.type):
        return [str(cell) for cell in column.to_pylist()]
    numbers: Floats = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return numbers


def _microseconds(column: Any) -> Times:
    """A timestamp column [µs] since 1970; what has no time zone is UTC."""
    unzoned = pa.timestamp("us", getattr(column.type, "tz", None))
    try:
        cast = column.cast(unzoned, safe=False)
    except pa.ArrowInvalid:
        cast = column.cast(pa.timestamp("s"), safe=False).cast(pa.timestamp("us"), safe=False)
    whole = compute.fill_null(cast.cast(pa.int64()), NO_TIME)
    found: Times = whole.to_numpy(zero_copy_only=False)
    return np.where((found >= FIRST_US) & (found <= LAST_US), found, NO_TIME)


def _times(column: Any, start: datetime | None) -> Times:
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        return _microseconds(column)
    cells = _cells(column)
    numbers = numbers_of(cells) if isinstance(cells, list) else cells
    if isinstance(cells, list) and start is None and not np.isfinite(numbers).any():
        return times_of_texts(cells)
    return times_of_numbers(numbers, start)
