"""Numbers, units, ages and times as people read them, in their units; `core.units` converts."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from core.units import Quantity, from_canonical, to_canonical
from ui import view

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

NOTHING: Final = "—"
"""What stands where a number would have been dead."""
DIGITS: Final = 3
"""Significant digits on a page."""
MINUS: Final = "\N{MINUS SIGN}"

DISPLAY: Final[dict[str, tuple[str, str]]] = {
    "W": ("kW", "kW"),
    "J": ("kWh", "kWh"),
    "degC": ("degC", "°C"),
    "K": ("K", "K"),
    "1": ("%", "%"),
    "Pa": ("kPa", "kPa"),
    "m3/s": ("m3/s", "m³/s"),
    "m3": ("m3", "m³"),
    "Hz": ("MHz", "MHz"),
    "B": ("GiB", "GiB"),
    "m/s": ("m/s", "m/s"),
    "g/kWh": ("g/kWh", "g/kWh"),
    "kg/kg": ("g/kg", "g/kg"),
    "count": ("count", ""),
}
"""Canonical unit to the unit that pages show: its symbol in `core.units` and its sign on the page."""

INCH_POUND: Final[dict[str, tuple[str, str]]] = DISPLAY | {
    "degC": ("degF", "°F"),
    "K": ("delta_degF", "°F"),
    "Pa": ("psi", "psi"),
    "m3/s": ("gpm", "gpm"),
    "m3": ("gal", "gal"),
    "m/s": ("ft/min", "ft/min"),
    "kg/kg": ("gr/lb", "gr/lb"),
}
"""The same for who reads inch-pound units; power and energy stay electrical."""

SHOWN: Final = {view.Units.SI: DISPLAY, view.Units.IP: INCH_POUND}

SPELT: Final = {
    **{part: part.upper() for part in ("it", "crah", "ups", "pdu", "lstm", "pue", "gpu")},
    "kw": "kW",
}
"""Parts of identifiers that people do not write in small letters."""

_NUMBER: Final = re.compile(r"[+\-\u2212]?\d+(?:\.\d+)?")
_STORED: Final = re.compile(
    rf"(?P<numbers>(?:{_NUMBER.pattern}(?: to | and | → | -> ))*{_NUMBER.pattern})"
    r" ?(?P<unit>°C|K)(?P<rest>/h)?(?![\w°])"
)
"""Temperatures and differences in a sentence: one, or several before one unit."""
_TO_THE_SECOND: Final = 19
"""Characters of an ISO 8601 time."""
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400
_FEW: Final = 10.0
"""Below this an amount has decimals."""
_FEWEST_TO_STEP_UP: Final = 2
"""An age is given in the larger unit from twice that unit on."""


def number(value: float | None, digits: int = DIGITS) -> str:
    """A number with so many significant digits, thousands apart, a true minus; a dash for none.

    Args:
        value: the number [any unit]; None and NaN are no number.
        digits: significant digits; whole digits are never cut away.
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    magnitude = math.floor(math.log10(abs(value))) if value else 0
    places = max(digits - 1 - magnitude, 0)
    return fixed(value, min(places, digits))


def fixed(value: float | None, places: int) -> str:
    """A number with so many decimals; a dash for none."""
    if value is None or not math.isfinite(value):
        return NOTHING
    rounded = round(value, places) or 0.0
    return f"{rounded:,.{places}f}".replace("-", MINUS).replace(",", "\N{NARROW NO-BREAK SPACE}")


def decimals(value: float | None) -> int:
    """Decimals of a sum that grows from nothing: a small one's interval is not cut to a point."""
    return 2 if value is not None and abs(value) < _FEW else 0


def signed(value: float | None, places: int) -> str:
    """A difference: with its sign, plus included."""
    text = fixed(value, places)
    return f"+{text}" if value is not None and math.isfinite(value) and round(value, places) > 0 else text


def kw(power_w: float | None) -> float | None:
    """Power for the page: [W] to [kW]."""
    return None if power_w is None else from_canonical(power_w, "kW")


def display_unit(unit: str) -> str:
    """The sign of the unit in which a canonical unit is shown."""
    return SHOWN[view.units()].get(unit, (unit, unit))[1]


def display_value(value: float | None, unit: str) -> float | None:
    """A canonical value in the unit in which it is shown."""
    symbol = SHOWN[view.units()].get(unit, (unit, unit))[0]
    return None if value is None else from_canonical(value, symbol)


def quantity(value: float | None, unit: str, digits: int = DIGITS) -> str:
    """A canonical value with the unit that pages show, e.g. 512340 W as ``512 kW``."""
    shown = display_value(value, unit)
    whole = unit == "count" and shown is not None and shown == round(shown)
    text = fixed(shown, 0) if whole else number(shown, digits)
    return text if text == NOTHING else f"{text} {display_unit(unit)}".rstrip()


def temperature(value_c: float | None) -> str:
    """A temperature [degC] to a tenth."""
    text = degrees(value_c)
    return text if text == NOTHING else f"{text} {degree()}"


def degrees(value_c: float | None, places: int = 1) -> str:
    """The number of a temperature [degC] alone."""
    return fixed(display_value(value_c, "degC"), places)


def celsius(shown: float) -> float:
    """A temperature as a person gave it, in the unit that is shown, to [degC]."""
    return to_canonical(shown, SHOWN[view.units()]["degC"][0], Quantity.TEMPERATURE)


def degree() -> str:
    """The sign of the unit of temperatures."""
    return display_unit("degC")


def kelvins(value_k: float | None) -> str:
    """A difference of temperatures [K] to a tenth."""
    text = fixed(display_value(value_k, "K"), 1)
    return text if text == NOTHING else f"{text} {display_unit('K')}"


def said(text: str) -> str:
    """A sentence that was stored with temperatures in SI, in the units that are shown."""
    if view.units() is view.Units.SI:
        return text
    return _STORED.sub(_converted, text)


def _converted(found: re.Match[str]) -> str:
    canonical = "degC" if found["unit"] == "°C" else "K"

    def shown(of: re.Match[str]) -> str:
        text = of[0].replace(MINUS, "-")
        places = max(len(text.partition(".")[2]), 1)
        value = fixed(display_value(float(text), canonical), places)
        return f"+{value}" if text.startswith("+") else value

    rest = found["rest"] or ""
    return f"{_NUMBER.sub(shown, found['numbers'])} {display_unit(canonical)}{rest}"


def limits(low_c: float, high_c: float) -> str:
    """A range of temperatures [degC], e.g. ``18 to 27 °C``."""
    low, high = (display_value(end, "degC") for end in (low_c, high_c))
    return f"{low:.4g} to {high:.4g} {degree()}"


def limit(value_c: float) -> str:
    """A limit as it was set [degC], e.g. ``27 °C``."""
    return f"{display_value(value_c, 'degC'):.4g} {degree()}"


def band(low: float | None, high: float | None, places: int, unit: str) -> str:
    """An interval, e.g. ``7.4 to 14.8 kW``."""
    return f"{fixed(low, places)} to {fixed(high, places)} {unit}"


def percent(ratio: float | None, places: int = 0) -> str:
    """A ratio [1] as a percentage."""
    text = fixed(None if ratio is None else from_canonical(ratio, "%"), places)
    return text if text == NOTHING else f"{text} %"


def age(seconds: float | None) -> str:
    """How long ago [s], in one unit: ``12 s``, ``3 min``, ``5 h``, ``2 d``."""
    if seconds is None:
        return "never"
    seconds = max(seconds, 0.0)
    for unit_s, name in ((_DAY_S, "d"), (_HOUR_S, "h"), (_MINUTE_S, "min")):
        if seconds >= _FEWEST_TO_STEP_UP * unit_s:
            return f"{int(seconds // unit_s)} {name}"
    return f"{int(seconds)} s"


def clock_time(time: datetime | None, zone: ZoneInfo, now: datetime | None = None) -> str:
    """A time in a zone: the hour of today, and the date as well of any other day."""
    if time is None:
        return NOTHING
    local = time.astimezone(zone)
    if now is not None and local.date() == now.astimezone(zone).date():
        return hour_minute(time, zone)
    return f"{local:%a} {local.day} {local:%b} {hour_minute(time, zone)}"


def hour_minute(time: datetime, zone: ZoneInfo) -> str:
    """The hour of the day; with the zone's abbreviation where the clocks go back and it comes twice."""
    local = time.astimezone(zone)
    return f"{local:%H:%M}{abbreviation(time, zone)}"


def abbreviation(time: datetime, zone: ZoneInfo) -> str:
    """The zone's abbreviation after a space, where the same time of the day comes twice; else nothing."""
    local = time.astimezone(zone)
    once = local.replace(fold=0).utcoffset() == local.replace(fold=1).utcoffset()
    return "" if once else f" {local:%Z}"


def long_time(time: datetime, zone: ZoneInfo) -> str:
    """A time in a zone with seconds and the zone's abbreviation."""
    local = time.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b %Y %H:%M:%S %Z}"


def axis_times(times: list[datetime], offset: timedelta) -> list[str]:
    """Times for a chart, at one fixed offset from UTC so that no hour is there twice or missing."""
    return [(time.astimezone(UTC) + offset).isoformat()[:_TO_THE_SECOND] for time in times]


def offset_of(time: datetime, zone: ZoneInfo) -> timedelta:
    """The zone's offset from UTC that is in force at `time`."""
    return time.astimezone(zone).utcoffset() or timedelta()


def offset_name(offset: timedelta) -> str:
    """An offset's name, e.g. ``UTC+01:00``."""
    minutes = int(offset.total_seconds() // _MINUTE_S)
    hours, rest = divmod(abs(minutes), _MINUTE_S)
    return f"UTC{'-' if minutes < 0 else '+'}{hours:02d}:{rest:02d}"


def words(name: str) -> str:
    """An identifier as words, e.g. ``supply_air_temperature`` as ``supply air temperature``."""
    return " ".join(SPELT.get(part, part) for part in name.split("_"))


def sentence(text: str) -> str:
    """The text with a capital first letter."""
    return text[:1].upper() + text[1:]


def count(number: int, word: str) -> str:
    """How many of something, e.g. ``1 day``, ``3 days``."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
