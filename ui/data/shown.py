"""A number on a page: its unit, its time, what it is, and why it is missing where it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class Kind(StrEnum):
    """Where a number comes from; said beside every number."""

    MEASURED = "measured"
    MODELLED = "modelled"
    FORECAST = "forecast"
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True)
class Shown:
    """One number with everything that has to stand beside it."""

    value: float | None
    """In `unit`; None where it would be dead."""
    unit: str
    """Canonical unit, as in `core.units`."""
    kind: Kind
    """Measured, modelled, forecast or assumed."""
    time: datetime | None = None
    """When it held, UTC."""
    low: float | None = None
    """Lower end of its interval [unit]."""
    high: float | None = None
    """Upper end of its interval [unit]."""
    reason: str = ""
    """Why there is no value."""

    @property
    def alive(self) -> bool:
        """Whether there is a value to show."""
        return self.value is not None


def missing(unit: str, kind: Kind, reason: str) -> Shown:
    """A number that cannot be shown, and why."""
    return Shown(None, unit, kind, reason=reason)
