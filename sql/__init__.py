"""Every line of schema and query, as files; this module only finds and reads them."""

from __future__ import annotations

import re
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import NamedTuple

_ORDERED = re.compile(r"^\d{4}_[a-z0-9_]+\.sql$")


class Migration(NamedTuple):
    """One file of schema."""

    name: str
    """Folder and file name; the key under which it is recorded as applied."""
    text: str
    """The statements."""
    sha256: str
    """Checksum of the text."""


@cache
def query(name: str) -> str:
    """The text of ``sql/queries/<name>.sql``.

    Raises:
        FileNotFoundError: there is no such query.
    """
    return files("sql").joinpath("queries", f"{name}.sql").read_text(encoding="utf-8")


def migrations(folder: str = "migrations") -> tuple[Migration, ...]:
    """The files of one schema folder (``migrations`` or ``timescale``) in the order to apply them."""
    entries = sorted(
        (e for e in files("sql").joinpath(folder).iterdir() if _ORDERED.match(e.name)), key=lambda e: e.name
    )
    texts = ((f"{folder}/{e.name}", e.read_text(encoding="utf-8")) for e in entries)
    return tuple(Migration(name, text, sha256(text.encode()).hexdigest()) for name, text in texts)
