"""A bare number as text, e.g. ``21.5``; its time is that of its arrival."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.codec.base import Decoding, Source, quoted, reading, refuse, sort_out

if TYPE_CHECKING:
    from datetime import datetime


def decode(source: Source, payload: bytes, arrived: datetime) -> Decoding:
    """Read one number."""
    if source.point is None:
        return refuse("a bare number on a topic that names no point")
    try:
        value = float(payload.replace(b"_", b"?"))  # Python's digit separator is nobody else's
    except ValueError:
        return refuse(f"{quoted(payload)} is no number")
    return sort_out([reading(source.asset, source.point, arrived, value, source.unit)])
