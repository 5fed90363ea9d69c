"""What the address asks of a page: numbers within their limits, and a sentence for each that was not."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from ui import format as fmt

if TYPE_CHECKING:
    from collections.abc import Mapping

SHOWN_MAX: Final = 40
"""So much of what an address holds is repeated [characters]."""


def number(
    given: Mapping[str, str], name: str, low: float, high: float, unit: str, said: list[str], words: str = ""
) -> float | None:
    """A number of the address, clamped; None where it has none.

    Args:
        given: the page's parameters.
        name: of the parameter.
        low: the least that may be asked for [unit].
        high: the most.
        unit: canonical, as `ui.format` shows it, or as it is written.
        said: sentences about what was wrong; one is added where something is.
        words: what people call it; the name's words where not given.
    """
    text = given.get(name)
    if not text:
        return None
    words = fmt.sentence(words or fmt.words(name))
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        said.append(f"{words} in the address is no number, {quoted(text)}; it is left out.")
        return None
    if low <= value <= high:
        return value
    taken = min(max(value, low), high)
    said.append(
        f"{words} {_amount(value, unit)} in the address is outside {_amount(low, unit)} to "
        f"{_amount(high, unit)}; {_amount(taken, unit)} is taken."
    )
    return taken


def quoted(text: str) -> str:
    """What an address holds, to be repeated in a sentence."""
    return f"“{text[:SHOWN_MAX]}{'…' if len(text) > SHOWN_MAX else ''}”"


def written(value: float | None) -> str | None:
    """A number as it stands in the address; None where there is none."""
    return None if value is None else f"{value:.6g}"


def _amount(value: float, unit: str) -> str:
    if unit == "degC":
        return fmt.limit(value)
    return f"{value:.6g} {unit}".rstrip()
