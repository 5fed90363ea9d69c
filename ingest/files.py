"""Files of readings: which format one has, told from its content."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from core.errors import InputError
from ingest.reader import open_csv, opened

if TYPE_CHECKING:
    from pathlib import Path

    from ingest.frame import Source
    from ingest.reader import Map

PARQUET_MAGIC: Final = b"PAR1"
LOOK_CHARS: Final = 64
"""How much of a file is looked at to tell its format."""


def open_source(path: Path, mapping: Map) -> Source:
    """Look a file over, once through, before anything is done with it.

    Raises:
        InputError: it is missing or none of the formats, lacks a column, or has one without a number in it.
    """
    if not path.is_file():
        raise InputError(
            str(path), found="no such file", allowed="a CSV, Parquet or JSON file", do="correct the path"
        )
    with path.open("rb") as file:
        magic = file.read(len(PARQUET_MAGIC))
    if magic == PARQUET_MAGIC or path.suffix == ".parquet":
        from ingest.parquet import open_parquet  # noqa: PLC0415  # pyarrow is large and not always there

        return open_parquet(path, mapping)
    with opened(path) as text:
        beginning = text.read(LOOK_CHARS).lstrip()
    if beginning.startswith("{"):
        from ingest.prometheus_export import open_export  # noqa: PLC0415  # as the other format

        return open_export(path, mapping)
    return open_csv(path, mapping)
