"""Zigbee2MQTT: ``zigbee2mqtt/<friendly name>``, an object with what the device exposes.

A value's name is its property, ``power``, after what the wildcards of the mapping's topic stand for:
``rack-1-plug/power`` under ``zigbee2mqtt/+``. Its time is ``last_seen`` where Zigbee2MQTT is set to send it.
"""

from __future__ import annotations

from typing import Final

from ingest.codec.base import Rejected, Time
from ingest.codec.dialect import Heard, Letter, json_object, leaves
from ingest.codec.tasmota import local_time

UNITS: Final = {
    "power": "W",
    "energy": "kWh",
    "produced_energy": "kWh",
    "temperature": "degC",
    "device_temperature": "degC",
    "local_temperature": "degC",
    "humidity": "%",
    "pressure": "hPa",
    "ac_frequency": "Hz",
}
"""Units that Zigbee2MQTT has for numeric properties."""
LAST_SEEN: Final = "last_seen"
BRIDGE: Final = "bridge"
NOT_STATES: Final = frozenset({"availability", "set", "get"})
"""Last levels of topics that are no device's state."""
SUGGESTIONS: Final = {"power": "power", "energy": "energy"}


def read(letter: Letter) -> Heard:
    """Read one message."""
    heard = Heard()
    levels = letter.topic.split("/")
    if levels[-1] in NOT_STATES or BRIDGE in levels[1:2]:
        return heard
    found = json_object(letter.payload)
    if isinstance(found, Rejected):
        return heard.refuse(found.reason)
    seen = found.pop(LAST_SEEN, None)
    time: Time | Rejected
    if seen is None:
        time = letter.arrived
    elif isinstance(seen, int | float):
        time = float(seen)
    else:
        time = local_time(seen, letter.mapped.zone)
    if isinstance(time, Rejected):
        return heard.refuse(time.reason)
    prefix = letter.prefix
    for name, value in leaves(found):
        if isinstance(value, int | float) or f"{prefix}{name}" in letter.mapped.points:
            unit, suggestion = UNITS.get(name), SUGGESTIONS.get(name, "")
            heard.value(letter, f"{prefix}{name}", time, value, unit, suggestion=suggestion)
    return heard
