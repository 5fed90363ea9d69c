"""Payload dialects, one file each. A new one is a file here and a line in `CODECS` or `DIALECTS`.

A codec reads one asset's readings out of a payload; a dialect reads whole messages of somebody else's making.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ingest.codec import aliases, bare, json_batch, json_reading, tasmota, telegraf, zigbee2mqtt
from ingest.codec.base import Decoded, Decoding, Rejected, Source
from ingest.codec.dsx import Bms
from ingest.codec.homeassistant import Discovery
from ingest.codec.sparkplug import Sparkplug

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ingest.codec.base import Codec
    from ingest.codec.dialect import Dialect

__all__ = ["CODECS", "DIALECTS", "REMEMBERING", "Decoded", "Decoding", "Rejected", "Source"]

CODECS: Final[Mapping[str, Codec]] = {
    "json": json_reading.decode,
    "json_batch": json_batch.decode,
    "bare": bare.decode,
}

DIALECTS: Final[Mapping[str, Callable[[], Dialect]]] = {
    aliases.CODEC: lambda: aliases.Aliases().read,
    "sparkplug": lambda: Sparkplug().read,
    "dsx": lambda: Bms().read,
    "tasmota": lambda: tasmota.read,
    "zigbee2mqtt": lambda: zigbee2mqtt.read,
    "telegraf": lambda: telegraf.read,
    "homeassistant": lambda: Discovery().read,
}
"""Makers: a dialect that remembers is made once for each process."""

REMEMBERING: Final = frozenset({"sparkplug", "dsx", "homeassistant"})
"""Dialects in which a message means what earlier ones said: each process has to hear all of them, and at each
start what the broker retains."""
