"""What if: other setpoints, load at other hours."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from core.actions import Setpoint
from core.errors import InputError
from twin.network import Conditions, Setpoints
from twin.plant.curves import Bounds
from twin.plant.server import INLET_BOUNDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from zoneinfo import ZoneInfo

    from twin.plant.curves import Floats

HOURS_PER_DAY: Final = 24
PHYSICAL: Final[dict[Setpoint, Bounds]] = {
    Setpoint.SUPPLY_AIR_TEMPERATURE: INLET_BOUNDS,
    Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE: Bounds(2.0, 45.0),
    Setpoint.CONDENSER_WATER_SUPPLY_TEMPERATURE: Bounds(4.0, 50.0),
}
"""What may be asked at all [degC]: air for which equipment is made, water that is neither ice nor scalding.
What the site allows is narrower, and its own matter."""
_COUNTED: Final = timedelta(minutes=15)
"""The hours of a day are counted in these: every zone's offset is a multiple."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One alternative to what was or will be done."""

    name: str
    """What a person calls it."""
    setpoints: Mapping[Setpoint, float] = field(default_factory=dict)
    """Setpoints to hold instead [degC]; those not named stay as they are."""
    load_shift_kw: Sequence[float] = ()
    """IT power added at each hour of the site's day [kW], 24 values or none; negative where load leaves."""

    def __post_init__(self) -> None:
        for setpoint, value_c in self.setpoints.items():
            check_setpoint(setpoint, value_c)
        if len(self.load_shift_kw) not in (0, HOURS_PER_DAY) or not np.isfinite(self.load_shift_kw).all():
            raise InputError(
                f"load shift of {self.name!r}",
                found=f"{len(self.load_shift_kw)} values {list(self.load_shift_kw)}",
                allowed="24 numbers [kW], one an hour, or none",
                do="give one number for each hour of the day",
            )


def check_setpoint(setpoint: Setpoint, value_c: float) -> None:
    """Refuse a setpoint that no plant can hold.

    Raises:
        InputError: it is no number, or outside `PHYSICAL`.
    """
    bounds = PHYSICAL[setpoint]
    if not bounds.low <= value_c <= bounds.high:
        raise InputError(
            f"{setpoint.value}_c",
            found=f"{value_c:g}",
            allowed=f"{bounds.low:g} to {bounds.high:g} degC",
            do="ask for a temperature that equipment can hold",
        )


def apply(
    scenario: Scenario, conditions: Conditions, setpoints: Setpoints, shift_kw: Floats
) -> tuple[Conditions, Setpoints]:
    """Conditions and setpoints as the scenario has them.

    Args:
        scenario: the alternative.
        conditions: load and weather, (..., time).
        setpoints: setpoints as they are.
        shift_kw: (time,) its shift at each step, see `shift_of` [kW].

    Returns:
        Both, changed; load does not fall below 0.
    """
    changed = setpoints.replace(scenario.setpoints)
    if not scenario.load_shift_kw:
        return conditions, changed
    load = np.maximum(np.asarray(conditions.it_reference_kw, dtype=np.float64) + shift_kw, 0.0)
    return Conditions(load, conditions.dry_bulb_c, conditions.wet_bulb_c), changed


def day_span(zone: ZoneInfo, day: date) -> tuple[datetime, datetime]:
    """Start and end of a zone's day, UTC; 23 or 25 hours where the clocks change."""
    midnights = (datetime.combine(d, time(), zone) for d in (day, day + timedelta(days=1)))
    start, end = (midnight.astimezone(UTC) for midnight in midnights)
    return start, end


def shift_of(load_shift_kw: Sequence[float], starts: Sequence[datetime], zone: ZoneInfo) -> Floats:
    """A shift by the hour of the day, at each step.

    What is shifted is energy: on a day on which the clocks change, an hour that comes twice has half the
    power each time, and what was meant for the hour that is missing goes into the next one.

    Args:
        load_shift_kw: IT power added at each hour of the site's day [kW], 24 values or none.
        starts: (time,) starts of the steps.
        zone: the site's.

    Returns:
        (time,) IT power added [kW].
    """
    if not load_shift_kw:
        return np.zeros(len(starts))
    local = [start.astimezone(zone) for start in starts]
    days = {day: _of_day(load_shift_kw, day, zone) for day in {at.date() for at in local}}
    return np.array([days[at.date()][at.hour] for at in local], dtype=np.float64)


def _of_day(load_shift_kw: Sequence[float], day: date, zone: ZoneInfo) -> list[float]:
    """The shift by hour such that each hour's energy is what was asked for, however long the hour is."""
    start, end = day_span(zone, day)
    counts = [0] * HOURS_PER_DAY
    for i in range((end - start) // _COUNTED):
        counts[(start + i * _COUNTED).astimezone(zone).hour] += 1
    energies = list(load_shift_kw)
    for hour in range(HOURS_PER_DAY - 1):
        if not counts[hour]:
            energies[hour + 1] += energies[hour]
    whole = timedelta(hours=1) // _COUNTED
    return [kwh * whole / count if count else 0.0 for kwh, count in zip(energies, counts, strict=True)]
