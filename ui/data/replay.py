"""A past day through the twin, as values for the page. The work is `twin.replay`'s."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date, datetime

    from core.actions import Setpoint
    from ui.data.source import Source


@dataclass(frozen=True, slots=True)
class Lane:
    """The day as measured, as the twin has it, or as it would have been."""

    facility_kw: list[float | None]
    """(n,) facility power [kW]."""
    ratio: list[float | None]
    """(n,) facility over IT power [1]."""
    energies_kwh: dict[str, float]
    """Energy by subsystem [kWh], and ``facility``."""
    pue: float | None
    """Of the day [1]."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """A day, replayed."""

    day: date
    times: list[datetime]
    """(n,) starts of the steps, UTC."""
    lanes: dict[str, Lane]
    """``measured``, ``twin``, and ``alternative`` where other setpoints were asked for."""
    difference_kwh: tuple[float, float, float] | None
    """Alternative less as operated: p10, p50, p90 of the facility's energy [kWh]."""
    complete_ratio: float
    """Share of the day that was measured [1]."""
    notes: tuple[str, ...]
    """What the reader has to know beside the numbers."""


def replay(source: Source, day: date, setpoints_c: dict[Setpoint, float]) -> Replayed:
    """Replay a day, with other setpoints where given.

    Args:
        source: the database.
        day: a day of the site's calendar.
        setpoints_c: other setpoints [degC]; empty: as operated only.

    Raises:
        NotReadyError: the day has no data, or the twin is not calibrated.
    """
    raise NotImplementedError
