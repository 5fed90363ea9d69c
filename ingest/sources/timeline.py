"""Values over time from a file or an address: CSV, a typical year of weather (EPW), JSON."""

from __future__ import annotations

import bisect
import csv
import gzip
import io
import json
import math
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from core.clock import parse_time
from core.errors import InputError, ServiceError
from core.points import point_type
from core.units import to_canonical
from ingest.sources.prometheus import fetch

if TYPE_CHECKING:
    from collections.abc import Mapping as Values
    from collections.abc import Sequence
    from pathlib import Path

    from ingest.mapping import Mapping

Row = tuple[datetime, dict[str, float]]
"""Time, and values by point [canonical unit]."""

TYPICAL_YEAR: Final = 2001
"""The year that rows of a typical year are given: one without a 29 February."""
YEAR: Final = timedelta(days=365)
GZIP_MAGIC: Final = b"\x1f\x8b"
EPW_HEADER_ROWS: Final = 8
EPW_COLUMNS: Final = 35
EPW_ZONE: Final = 8
"""In the first line: hours ahead of UTC."""
EPW_POINTS: Final = (
    (6, "dry_bulb_temperature", "degC", 99.9),
    (7, "dew_point_temperature", "degC", 99.9),
    (8, "relative_humidity", "%", 999.0),
    (9, "pressure", "Pa", 999_999.0),
)
"""Column, point, unit, and from which value on it is missing (EnergyPlus, EPW data dictionary)."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Rows in the order of time."""

    rows: tuple[Row, ...]
    typical: bool = False
    """Rows of a year that stands for every year."""

    def until(self, now: datetime, age_max: timedelta) -> Row | None:
        """The newest row that is not in the future; None where it is older than `age_max`."""
        found = self._window(now - age_max, now)
        return found[-1] if found else None

    def after(self, now: datetime, length: timedelta) -> list[Row]:
        """The rows of the time to come."""
        return [row for row in self._window(now, now + length) if row[0] > now]

    def _window(self, begin: datetime, end: datetime) -> list[Row]:
        if not self.typical:
            return self._between(begin, end)
        found: list[Row] = []
        for year in range(begin.year - 1, end.year + 2):
            shift = datetime(year, 1, 1, tzinfo=UTC) - datetime(TYPICAL_YEAR, 1, 1, tzinfo=UTC)
            part = self._between(begin - shift, end - shift)
            found += [(time + shift, values) for time, values in part]
        return sorted(found, key=_time)

    def _between(self, begin: datetime, end: datetime) -> list[Row]:
        first = bisect.bisect_left(self.rows, begin, key=_time)
        return list(self.rows[first : bisect.bisect_right(self.rows, end, key=_time)])


def _time(row: Row) -> datetime:
    return row[0]


def _typical(time: datetime) -> datetime | None:
    """A time in the typical year; None for the 29 February."""
    try:
        return time.replace(year=TYPICAL_YEAR)
    except ValueError:
        return None


def _number(cell: object) -> float | None:
    if isinstance(cell, bool) or not isinstance(cell, int | float | str):
        return None
    try:
        value = float(cell)
    except (ValueError, OverflowError):
        return None
    return value if math.isfinite(value) else None


def _row(mapping: Mapping, cells: Values[str, Any]) -> Row | None:
    """One row from its cells by name; None where it has no time or no number."""
    try:
        time = parse_time(str(cells[mapping.time]).strip())
    except (ValueError, OverflowError):
        return None
    values = {}
    for column in mapping.columns:
        number = _number(cells[column.name])
        if number is not None:
            values[column.point.name] = to_canonical(number, column.unit, column.point.quantity)
    return (time, values) if values else None


def _timeline(where: str, rows: Sequence[Row | None], *, typical: bool) -> Timeline:
    found = [row for row in rows if row is not None]
    if typical:
        moved = [(_typical(time), values) for time, values in found]
        found = [(time, values) for time, values in moved if time is not None]
    if not found:
        raise InputError(
            where,
            found="no row with a time and a number",
            allowed="ISO 8601 times and numbers",
            do="look at it",
        )
    return Timeline(tuple(sorted(dict(found).items(), key=_time)), typical)


def _lines(path: Path) -> list[list[str]]:
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if data.startswith(GZIP_MAGIC) else data).decode("utf-8-sig")
        return [cells for cells in csv.reader(io.StringIO(text, newline="")) if cells]
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            str(path), found=str(error), allowed="a readable file, plain or .gz", do="correct the path"
        ) from error


def read_csv(path: Path, mapping: Mapping, *, typical: bool = False) -> Timeline:
    """A CSV file with headings.

    Args:
        path: the file, plain or gzipped.
        mapping: which column is which point.
        typical: its rows stand for every year.

    Raises:
        InputError: it cannot be read, lacks a column or has no row.
    """
    lines = _lines(path)
    headings = lines[0] if lines else []
    missing = [name for name in _names(mapping) if name not in headings]
    if missing:
        raise InputError(
            str(path),
            found=f"no column {', '.join(missing)}",
            allowed=", ".join(headings),
            do="correct --map",
        )
    whole = [dict(zip(headings, cells, strict=True)) for cells in lines[1:] if len(cells) == len(headings)]
    return _timeline(str(path), [_row(mapping, cells) for cells in whole], typical=typical)


def _names(mapping: Mapping) -> list[str]:
    return [mapping.time, *(column.name for column in mapping.columns)]


def read_epw(path: Path) -> Timeline:
    """A typical year of weather. Its hour 1 ends at 01:00 of the station's standard time.

    Raises:
        InputError: it is no EPW file.
    """
    lines = _lines(path)
    zone = _number(lines[0][EPW_ZONE]) if lines and len(lines[0]) > EPW_ZONE else None
    if zone is None or lines[0][0] != "LOCATION":
        raise InputError(str(path), found="no LOCATION line", allowed="an EPW file", do="look at it")
    rows = [_epw_row(cells, zone) for cells in lines[EPW_HEADER_ROWS:] if len(cells) >= EPW_COLUMNS]
    return _timeline(str(path), rows, typical=True)


def _epw_row(cells: list[str], zone_h: float) -> Row | None:
    try:
        day = datetime(TYPICAL_YEAR, int(cells[1]), int(cells[2]), tzinfo=UTC)
        time = day + timedelta(hours=int(cells[3]) - zone_h)
    except (ValueError, OverflowError):
        return None
    values = {}
    for index, point, unit, missing_from in EPW_POINTS:
        number = _number(cells[index])
        if number is not None and number < missing_from:
            values[point] = to_canonical(number, unit, point_type(point).quantity)
    return (time, values) if values else None


def read_json(url: str, mapping: Mapping) -> Timeline:
    """JSON from an address: the mapping's names are paths (``hourly.time``) to a value or a list of them.

    Raises:
        InputError: the address is none of HTTP.
        ServiceError: it does not answer, or with something else.
    """
    try:
        answer = json.loads(fetch(url))
        columns = {name: _at(answer, name) for name in _names(mapping)}
        length = {len(column) for column in columns.values()}
        if len(length) != 1:
            raise ServiceError(f"{url}: lists of {sorted(length)} values where as many were expected")
        rows = [
            _row(mapping, dict(zip(columns, cells, strict=True)))
            for cells in zip(*columns.values(), strict=True)
        ]
        found = [row for row in rows if row is not None]
        if not found:
            raise ServiceError(f"{url}: no row with a time and a number")
        return _timeline(url, found, typical=False)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ServiceError(f"{url} answers with no JSON: {error}") from error
    except KeyError as error:
        raise ServiceError(f"{url} answers without {error.args[0]}; correct --map") from error


def _at(answer: Any, name: str) -> list[Any]:
    found = answer
    for key in name.split("."):
        if not isinstance(found, dict) or key not in found:
            raise KeyError(name)
        found = found[key]
    return found if isinstance(found, list) else [found]
