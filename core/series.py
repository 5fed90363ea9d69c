"""Regular series: one value per step, NaN where nothing was measured."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def floor_time(time: datetime, step: timedelta) -> datetime:
    """The start of the step that `time` lies in, counted from the epoch."""
    seconds = step.total_seconds()
    return datetime.fromtimestamp(time.timestamp() // seconds * seconds, UTC)


@dataclass(frozen=True, slots=True)
class Series:
    """Means over consecutive steps from `start`."""

    start: datetime
    """Start of the first step, UTC."""
    step: timedelta
    """Length of a step."""
    values: Floats
    """(n,) means; NaN where the step was not measured completely."""

    def __len__(self) -> int:
        return len(self.values)

    @property
    def end(self) -> datetime:
        """End of the last step."""
        return self.start + self.step * len(self.values)

    @property
    def times(self) -> list[datetime]:
        """(n,) starts of the steps."""
        return [self.start + self.step * i for i in range(len(self.values))]

    @property
    def complete_ratio(self) -> float:
        """Share of the steps that were measured [1]."""
        return float(np.mean(np.isfinite(self.values))) if len(self.values) else 0.0

    @property
    def hours_per_step(self) -> float:
        """Length of a step [h]."""
        return self.step.total_seconds() / 3600.0


def on_grid(times: list[datetime], values: Floats, start: datetime, end: datetime, step: timedelta) -> Series:
    """Lay values at step starts onto the grid from `start` to `end`; steps without a value are NaN."""
    count = max(int((end - start) / step), 0)
    grid = np.full(count, np.nan)
    for time, value in zip(times, values, strict=True):
        index = int((time - start) / step)
        if 0 <= index < count:
            grid[index] = value
    return Series(start, step, grid)
