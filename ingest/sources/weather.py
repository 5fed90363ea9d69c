"""The weather, from a file, a typical year or an address: what it is, and what is forecast.

Where only the relative humidity is known, the wet bulb is computed from it, by a function that whoever starts
this gives: the physics belongs to another room.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from ingest.sources.polling import Message, Sample
from ingest.topics import WEATHER, forecast_topic

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from core.site import Site
    from ingest.sources.timeline import Timeline

MAPPING: Final = (
    "time=hourly.time,dry_bulb_temperature=hourly.temperature_2m:degC,"
    "relative_humidity=hourly.relative_humidity_2m:%"
)
"""For addresses that answer as Open-Meteo does."""
AGE_MAX: Final = timedelta(hours=2)
"""An older row is not the weather of now."""
AHEAD: Final = timedelta(hours=48)
"""How far the forecasts go."""
EVERY: Final = timedelta(hours=1)
"""Between two forecasts."""
DRY, WET, HUMIDITY, PRESSURE = (
    "dry_bulb_temperature",
    "wet_bulb_temperature",
    "relative_humidity",
    "pressure",
)
STANDARD_PA: Final = 101_325.0

_encode: Final = msgspec.json.Encoder().encode


class Weather:
    """The weather of one site.

    Args:
        site: whose.
        read: gets the rows; raises ServiceError where it cannot.
        wet_bulb_c: from dry bulb [degC], relative humidity [1] and pressure [Pa].
    """

    def __init__(
        self, site: Site, read: Callable[[], Timeline], wet_bulb_c: Callable[[float, float, float], float]
    ) -> None:
        self._site, self._read, self._wet_bulb_c = site, read, wet_bulb_c
        self._said: datetime | None = None
        self._forecast_at: datetime | None = None

    def poll(self, now: datetime) -> list[Sample | Message]:
        """The newest row, once, and every hour a forecast, where the rows go on."""
        timeline, found = self._read(), list[Sample | Message]()
        row = timeline.until(now, AGE_MAX)
        if row is not None and row[0] != self._said:
            self._said = row[0]
            found.append(Sample(WEATHER, self._complete(row[1]), row[0]))
        if self._forecast_at is None or now - self._forecast_at >= EVERY:
            rows = [(time, self._complete(values)) for time, values in timeline.after(now, AHEAD)]
            usable = [(time, values) for time, values in rows if DRY in values and WET in values]
            if usable:
                self._forecast_at = now
                found.append(Message(forecast_topic(self._site.id), _payload(now, usable)))
        return found

    def _complete(self, values: dict[str, float]) -> dict[str, float]:
        if WET in values or DRY not in values or HUMIDITY not in values:
            return values
        wet_c = self._wet_bulb_c(values[DRY], values[HUMIDITY], values.get(PRESSURE, STANDARD_PA))
        return {**values, WET: wet_c}


def _payload(now: datetime, rows: list[tuple[datetime, dict[str, float]]]) -> bytes:
    return _encode(
        {
            "issued_at": now,
            "valid_at": [time for time, _ in rows],
            "dry_bulb_c": [values[DRY] for _, values in rows],
            "wet_bulb_c": [values[WET] for _, values in rows],
        }
    )
