"""One reading as JSON on its own topic: ``{"time": ..., "value": 12.3, "unit": "kW", "status": "GOOD"}``.

`time` is ISO 8601 (UTC where it has no offset) or epoch milliseconds, and that of arrival where it is absent;
`unit` and `status` may be left out.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from ingest.codec import bare
from ingest.codec.base import Decoding, Source, quoted, reading, refuse, sort_out


class Reading(msgspec.Struct):
    """The payload."""

    value: float
    time: datetime | float | None = None
    unit: str | None = None
    status: int | str | None = None


_decoder: Final = msgspec.json.Decoder(Reading)
encode: Final = msgspec.json.Encoder().encode


def decode(source: Source, payload: bytes, arrived: datetime) -> Decoding:
    """Read one reading; a payload that is a bare number is taken as such."""
    if source.point is None:
        return refuse("a single reading on a topic that names no point")
    if not payload.lstrip().startswith(b"{"):
        return bare.decode(source, payload, arrived)
    try:
        found = _decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return refuse(f"no JSON reading: {quoted(str(error))}")
    time = arrived if found.time is None else found.time
    unit = source.unit if found.unit is None else found.unit
    return sort_out([reading(source.asset, source.point, time, found.value, unit, found.status)])
