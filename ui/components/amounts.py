"""Amounts of energy, money and other sums in the unit that fits them."""

from __future__ import annotations

from typing import Final

from ui import format as fmt

MWH_FROM_KWH: Final = 10_000.0
"""From here on energy is given in MWh [kWh]."""
FEWER_DECIMALS_FROM_KWH: Final = 100_000.0
_KWH_PER_MWH: Final = 1000.0


def energy(kwh: float | None, *, like: float | None = None) -> tuple[str, str]:
    """An amount of energy [kWh] as number and unit.

    Args:
        kwh: the amount.
        like: the amount whose unit and decimals it takes; itself where none.
    """
    size = abs(kwh if like is None else like) if kwh is not None else 0.0
    if size >= MWH_FROM_KWH:
        places = 1 if size >= FEWER_DECIMALS_FROM_KWH else 2
        return fmt.fixed(None if kwh is None else kwh / _KWH_PER_MWH, places), "MWh"
    return fmt.fixed(kwh, fmt.decimals(size)), "kWh"


def energy_text(kwh: float | None) -> str:
    """The same in one text, e.g. ``182 kWh``."""
    number, unit = energy(kwh)
    return number if number == fmt.NOTHING else f"{number} {unit}"


def energy_band(low_kwh: float, middle_kwh: float, high_kwh: float) -> str:
    """An interval in the unit of its middle, e.g. ``150 to 214 kWh``."""
    low, high = (energy(end, like=middle_kwh) for end in (low_kwh, high_kwh))
    return f"{low[0]} to {high[0]} {low[1]}"


def money(amount: float | None, currency: str) -> str:
    """A sum of money, e.g. ``31.50 EUR``."""
    text = fmt.fixed(amount, fmt.decimals(amount))
    return text if text == fmt.NOTHING else f"{text} {currency}"
