"""Payload dialects, one file each. A new one is a file here and a line in `CODECS`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ingest.codec import bare, json_batch, json_reading
from ingest.codec.base import Decoded, Decoding, Rejected, Source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ingest.codec.base import Codec

__all__ = ["CODECS", "Decoded", "Decoding", "Rejected", "Source"]

CODECS: Final[Mapping[str, Codec]] = {
    "json": json_reading.decode,
    "json_batch": json_batch.decode,
    "bare": bare.decode,
}
