"""Tasmota: ``tele/<device>/SENSOR``, an object with ``Time`` and one object for each sensor.

A value's name is its path, ``ENERGY.Power``, after what the wildcards of the mapping's topic stand for:
``plug7/ENERGY.Power`` under ``tele/+/SENSOR``. Its time has no offset unless the device is set so; it is then
one of the mapping's `timezone`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from ingest.codec.base import Rejected, quoted
from ingest.codec.dialect import Heard, Letter, json_object, leaves

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

UNITS: Final = {
    "ENERGY.Power": "W",
    "ENERGY.Total": "kWh",
    "ENERGY.Yesterday": "kWh",
    "ENERGY.Today": "kWh",
    "ENERGY.Period": "Wh",
    "ENERGY.Factor": "1",
    "ENERGY.Frequency": "Hz",
}
"""Units of the energy sensor."""
HUMIDITY: Final = "Humidity"
TEMPERATURES: Final = ("Temperature", "DewPoint")
SUGGESTIONS: Final = {"ENERGY.Power": "power", "ENERGY.Total": "energy"}
_LISTS: Final = ".0123456789"


def read(letter: Letter) -> Heard:
    """Read one message."""
    heard = Heard()
    found = json_object(letter.payload)
    if isinstance(found, Rejected):
        return heard.refuse(found.reason)
    time = letter.arrived if "Time" not in found else local_time(found["Time"], letter.mapped.zone)
    if isinstance(time, Rejected):
        return heard.refuse(time.reason)
    prefix = letter.prefix
    for name, value in leaves(found):
        if isinstance(value, int | float) or f"{prefix}{name}" in letter.mapped.points:
            kind = name.rstrip(_LISTS)
            unit = _unit(kind, found)
            suggestion = SUGGESTIONS.get(kind, "")
            heard.value(letter, f"{prefix}{name}", time, value, unit, suggestion=suggestion)
    return heard


def _unit(name: str, found: dict[str, Any]) -> str | None:
    last = name.rpartition(".")[2]
    if last in TEMPERATURES:
        unit = found.get("TempUnit")
        return unit if isinstance(unit, str) else "C"
    return "%" if last == HUMIDITY else UNITS.get(name)


def local_time(text: object, zone: ZoneInfo) -> datetime | Rejected:
    """A time in ISO 8601; one without an offset is of the zone."""
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
        if found is not None:
            return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    return Rejected(f"time {quoted(text)} is not in ISO 8601")
