"""What leaves the pages as a file: CSV after RFC 4180, JSON, PDF; each says what it is and whence."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final

from flask import Response, abort, request

from core.errors import InputError, NotReadyError, ServiceError
from ui import view
from ui.access import auth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from zoneinfo import ZoneInfo

    from flask import Flask

    from ui.data import Source

CSV_TYPE: Final = "text/csv; charset=utf-8"
JSON_TYPE: Final = "application/json"
PDF_TYPE: Final = "application/pdf"
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""A text that begins so would be worked out by a spreadsheet; an apostrophe before it makes it a text."""
TIME_COLUMNS: Final = ("time_utc", "time_local")
_NOT_IN_A_NAME: Final = re.compile(r"[^A-Za-z0-9._-]+")

Cell = str | float | int | datetime | None


@dataclass(frozen=True, slots=True)
class Head:
    """What a file is of."""

    title: str
    site: str
    zone: ZoneInfo
    """Of the local times."""
    boundary: str
    """What the figures are measured at, e.g. the PUE category with its meters."""
    start: datetime
    end: datetime
    made_at: datetime
    complete_ratio: float | None = None
    """Share of the period that was measured [1]."""
    query: str = ""
    """What was asked for, as in the address."""

    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Names and texts, in order."""
        complete = "" if self.complete_ratio is None else f"{self.complete_ratio:.4f}"
        return (
            ("title", self.title),
            ("site", self.site),
            ("time_zone", self.zone.key),
            ("boundary", self.boundary),
            ("completeness", complete),
            ("from_utc", utc(self.start)),
            ("to_utc", utc(self.end)),
            ("query", self.query),
            ("made_utc", utc(self.made_at)),
            ("software", f"joulecast {software()}"),
        )


@dataclass(frozen=True, slots=True)
class File:
    """Something to take away."""

    name: str
    mimetype: str
    content: bytes


def software() -> str:
    """The version of this software."""
    try:
        return version("joulecast")
    except PackageNotFoundError:
        return "not installed"


def utc(time: datetime) -> str:
    """A time in UTC, e.g. ``2026-03-02T12:00:00Z``."""
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def local(time: datetime, zone: ZoneInfo) -> str:
    """A time in a zone with its offset, so that an hour that is there twice can be told apart."""
    return time.astimezone(zone).isoformat(timespec="seconds")


def guarded(cell: Cell) -> str | float | int:
    """A cell as it is written: texts that look like formulas are made texts, what is not known is empty."""
    if cell is None or (isinstance(cell, float) and not math.isfinite(cell)):
        return ""
    if isinstance(cell, datetime):
        return utc(cell)
    if isinstance(cell, str) and cell.startswith(FORMULA):
        return f"'{cell}"
    return cell


def csv_text(head: Head, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """A table with what it is of above it, one ``# name,text`` a line, and an empty line between.

    A first column of times is written twice, in UTC and in the zone of the head.

    Args:
        head: what it is of.
        columns: their names, each with its unit; ``time`` for the first if it holds times.
        rows: their cells.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerows([f"# {name}", guarded(text)] for name, text in head.pairs())
    writer.writerow([])
    timed = columns[0] == "time"
    writer.writerow([*TIME_COLUMNS, *columns[1:]] if timed else columns)
    for row in rows:
        first = [utc(row[0]), local(row[0], head.zone)] if timed and isinstance(row[0], datetime) else row[:1]
        writer.writerow(
            [*first, *(guarded(cell) for cell in row[1:])] if timed else [guarded(c) for c in row]
        )
    return out.getvalue()


def json_text(head: Head, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """The same as one object: ``head`` and ``rows``, each row an object; what is not known is null."""
    said = {"head": dict(head.pairs()), "rows": [_row(columns, row) for row in rows]}
    return json.dumps(said, ensure_ascii=False, allow_nan=False, indent=1)


def _row(columns: Sequence[str], row: Sequence[Cell]) -> dict[str, Any]:
    return {name: _plain(cell) for name, cell in zip(columns, row, strict=True)}


def _plain(cell: Cell) -> str | float | int | None:
    if isinstance(cell, float) and not math.isfinite(cell):
        return None
    return utc(cell) if isinstance(cell, datetime) else cell


def csv_file(name: str, head: Head, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> File:
    """A CSV file; with a byte order mark, as spreadsheets take it for another encoding without."""
    return File(f"{name}.csv", CSV_TYPE, csv_text(head, columns, rows).encode("utf-8-sig"))


def json_file(name: str, head: Head, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> File:
    """A JSON file."""
    return File(f"{name}.json", JSON_TYPE, json_text(head, columns, rows).encode())


def offer(server: Flask, source: Source, rule: str, make: Callable[..., File]) -> None:
    """Serve files that `make` makes, in the view of the query string, to whoever may export.

    Args:
        server: the Flask server.
        source: the database.
        rule: where, as Flask has it, e.g. ``/energy.csv``; what it names is handed to `make`.
        make: makes the file. InputError is answered with 400, NotReadyError with 404, ServiceError with 503,
            each with its sentence.
    """

    def answer(**named: str) -> Response:
        if not auth.user().may("export"):
            abort(401 if auth.user().role is auth.Role.GUEST else 403, auth.denied("export"))
        try:
            with view.use(view.parse(request.query_string.decode(errors="replace"), source.context.site)):
                found = make(**named)
        except (InputError, NotReadyError, ServiceError) as error:
            status = {InputError: 400, NotReadyError: 404}.get(type(error), 503)
            return Response(f"{error}\n", status, mimetype="text/plain")
        name = _NOT_IN_A_NAME.sub("-", found.name)
        return Response(
            found.content,
            mimetype=found.mimetype,
            headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
        )

    server.add_url_rule(rule, f"export {rule}", answer, methods=["GET"])


def query() -> str:
    """What was asked for, for the head of a file; nothing outside of a request."""
    seen = view.current()
    return view.search_of(seen).lstrip("?") if seen else ""
