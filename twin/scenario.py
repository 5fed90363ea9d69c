"""What if: other setpoints, load at other hours."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from core.errors import InputError
from twin.network import Conditions, Setpoints

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core.actions import Setpoint
    from twin.plant.curves import Floats

HOURS_PER_DAY: Final = 24


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
        if len(self.load_shift_kw) not in (0, HOURS_PER_DAY):
            raise InputError(
                f"load shift of {self.name!r}",
                found=f"{len(self.load_shift_kw)} values",
                allowed="24 values [kW], one an hour, or none",
                do="give one value for each hour of the day",
            )


def apply(
    scenario: Scenario, conditions: Conditions, setpoints: Setpoints, hour_of_day: Floats
) -> tuple[Conditions, Setpoints]:
    """Conditions and setpoints as the scenario has them.

    Args:
        scenario: the alternative.
        conditions: load and weather, (..., time).
        setpoints: setpoints as they are.
        hour_of_day: (time,) hour of the site's day, 0 to 23.

    Returns:
        Both, changed; load does not fall below 0.
    """
    changed = setpoints.replace(scenario.setpoints)
    if not scenario.load_shift_kw:
        return conditions, changed
    shift = np.asarray(scenario.load_shift_kw, dtype=np.float64)[np.asarray(hour_of_day, dtype=np.intp)]
    load = np.maximum(np.asarray(conditions.it_reference_kw, dtype=np.float64) + shift, 0.0)
    return Conditions(load, conditions.dry_bulb_c, conditions.wet_bulb_c), changed
