"""Features as pure functions of arrays; training and serving call the same ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from core.errors import NotReadyError
from forecast.protocol import DAY_S, DAYS_PER_WEEK, HOUR_S, HOURS_PER_DAY

if TYPE_CHECKING:
    from core.series import Floats

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

CALENDAR_NAMES: Final = ("day_sin", "day_cos", "week_sin", "week_cos", "weekend")
SCALE_EPSILON: Final = 1e-4
"""Smallest instance scale relative to the level, so that a constant series divides by something [1]."""
HOLD_S: Final = HOUR_S
"""How long a gap is filled with the last value; after that with the value 24 h earlier [s]."""
WEEK_H: Final = DAYS_PER_WEEK * HOURS_PER_DAY


@dataclass(frozen=True, slots=True)
class Candidate:
    """One naive forecast: the mean of the values whole periods before the step, or of the last hours."""

    label: str
    """What a person calls it: "like yesterday"."""
    period_h: int = 0
    """Length of the period [h]; 0: the last `hours` before the origin, at every step."""
    first: int = 1
    """Periods to go back for the first value, counted from the last period that is over at the origin."""
    count: int = 1
    """Values to average."""
    hours: int = 0
    """Hours to average; beside a period, the values are moved to the level of these last hours [h]."""

    @property
    def lookback_h(self) -> int:
        """How far before the origin it reaches [h]."""
        return self.period_h * (self.first + self.count - 1) + self.hours


CANDIDATES: Final[dict[str, Candidate]] = {
    "last": Candidate("like the last hour", hours=1),
    "level": Candidate("like the last 24 h's mean", hours=24),
    "day1": Candidate("like yesterday", 24),
    "day1_now": Candidate("like yesterday, at the last hour's level", 24, hours=1),
    "day2": Candidate("like the day before", 24, first=2),
    "mean3d": Candidate("like the mean of 3 days", 24, count=3),
    "week1": Candidate("like a week ago", WEEK_H),
    "mean7d": Candidate("like the mean of 7 days", 24, count=7),
    "mean7d_now": Candidate("like the mean of 7 days, at the last day's level", 24, count=7, hours=24),
    "mean4w": Candidate("like the mean of 4 weeks", WEEK_H, count=4),
}
"""What the network blends. Shifts are by 24 h, not by wall clocks: they are off while clocks change."""


def candidate_values(past: Floats, horizon_steps: int, step_s: int, name: str) -> Floats:
    """A candidate's forecast for each window.

    Args:
        past: (b, l) values before the origins, without gaps [W].
        horizon_steps: steps to forecast.
        step_s: length of a step [s].
        name: key of `CANDIDATES`; `l` has to cover its `lookback_h`.

    Returns:
        (b, horizon_steps) [W].
    """
    chosen, per_hour = CANDIDATES[name], HOUR_S // step_s
    recent = np.arange(-chosen.hours * per_hour, 0)
    if not chosen.period_h:
        return np.repeat(past[:, recent].mean(axis=1)[:, None], horizon_steps, axis=1)
    values = _periods_before(past, np.arange(horizon_steps), chosen, per_hour)
    if not chosen.hours:
        return values
    was = _periods_before(past, recent, chosen, per_hour)
    return np.asarray(values + (past[:, recent] - was).mean(axis=1)[:, None], dtype=np.float64)


def _periods_before(past: Floats, lead: Ints, chosen: Candidate, per_hour: int) -> Floats:
    """(b, len(lead)) mean of the values whole periods before some steps, counted from the origin."""
    period = chosen.period_h * per_hour
    whole = (np.maximum(lead, 0) // period + 1) * period
    periods = chosen.first - 1 + np.arange(chosen.count)
    offset = lead[:, None] - whole[:, None] - periods * period
    return np.asarray(past[:, offset].mean(axis=2), dtype=np.float64)


def instance_scale(context: Floats, floor: float) -> tuple[Floats, Floats]:
    """Level and spread of each window's own context, so that a level shift is no news to the network.

    Args:
        context: (b, c) values before the origins [W].
        floor: smallest spread [W].

    Returns:
        (b,) mean and (b,) standard deviation, floored [W].

    References:
        Kim et al., Reversible instance normalization (RevIN), ICLR 2022; here without its affine part.
    """
    mean = context.mean(axis=1)
    least = np.maximum(floor, SCALE_EPSILON * np.abs(mean) + np.finfo(np.float64).tiny)
    return mean, np.maximum(context.std(axis=1), least)


def fill(y: Floats, observed: Bools, step_s: int) -> Floats:
    """Fill the gaps for input, each from what came before it only.

    The first hour of a gap holds the last value; later steps take the (filled) value 24 h earlier, or hold on
    where the history does not reach back that far. Steps before the first measured one take its value.

    Args:
        y: (n,) [W]; what stands where `observed` is false is not looked at.
        observed: (n,) whether a step was measured.
        step_s: length of a step [s].
    """
    good = observed & np.isfinite(y)
    filled = np.where(good, y, np.nan)
    seen = np.flatnonzero(good)
    if not len(seen):
        raise NotReadyError("the history has no measured step yet")
    filled[: seen[0]] = y[seen[0]]
    last, day, hold = int(seen[0]), DAY_S // step_s, HOLD_S // step_s
    for i in np.flatnonzero(~good):
        if i < seen[0]:
            continue
        if good[i - 1]:
            last = int(i) - 1
        filled[i] = filled[i - day] if i - last > hold and i >= day else filled[last]
    return filled
