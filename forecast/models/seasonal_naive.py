"""Seasonal naive: as it was a day or a week ago; what people use instead, served where nothing better is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from forecast.features import CANDIDATES, candidate_values
from forecast.frames import forecast_frame, prepare
from forecast.models import naive

if TYPE_CHECKING:
    import pandas as pd

    from core.series import Floats
    from forecast.protocol import Task
    from forecast.windows import Prepared

NEIGHBOUR_H: Final = 1
"""Errors at so many hours before and after count for a time of the day too [h]."""


@dataclass(frozen=True, slots=True)
class SeasonalNaive:
    """The value one period ago, with bands from its own errors at that time of the day."""

    task: Task
    name: ClassVar[str] = "seasonal_naive"
    period: ClassVar[str] = "day1"
    """What it repeats; a key of `CANDIDATES`."""

    def fit(self, history: pd.DataFrame, known: pd.DataFrame) -> None:
        """Nothing to learn."""

    def predict(self, history: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
        """The forecast issued at the end of the history.

        Raises:
            NotReadyError: there are less than two periods of history: one to repeat, one of errors.
        """
        task, period_h = self.task, CANDIDATES[self.period].period_h
        prepared = prepare(history, known, task)
        naive.need_hours(prepared, 2 * period_h, self.name)
        end = len(prepared.y)
        point = candidate_values(prepared.y[None], task.horizon_steps, task.step_s, self.period)[0]
        issued_at = datetime.fromtimestamp(prepared.start_s + end * task.step_s, UTC)
        errors = _errors(prepared, period_h * task.steps_per_hour)
        return forecast_frame(task, self.name, issued_at, naive.bands(point, errors))

    def card(self) -> dict[str, Any]:
        """What it is."""
        return {"model": self.name, "task": asdict(self.task)}


class SeasonalNaive168(SeasonalNaive):
    """The same with the value of a week ago."""

    __slots__ = ()
    name: ClassVar[str] = "seasonal_naive_168"
    period: ClassVar[str] = "week1"


def _errors(prepared: Prepared, period: int) -> Floats:
    """(h, m) errors of repeating the period before, from its second on the one before that, and so on [W]."""
    y, day, horizon = naive.recent(prepared), prepared.task.steps_per_day, prepared.task.horizon_steps
    by_period = [_by_time_of_day(y, period * n, prepared) for n in range(1, -(-horizon // period) + 1)]
    width = max(part.shape[1] for part in by_period)
    padded = [
        np.pad(part, ((0, 0), (0, width - part.shape[1])), constant_values=np.nan) for part in by_period
    ]
    return np.concatenate([np.tile(part, (period // day, 1)) for part in padded])[:horizon]


def _by_time_of_day(y: Floats, shift: int, prepared: Prepared) -> Floats:
    """(steps a day, m) seasonal differences; row i is the time of day of the i-th step after the history."""
    day, reach = prepared.task.steps_per_day, NEIGHBOUR_H * prepared.task.steps_per_hour
    if len(y) <= shift:
        return np.full((day, 1), np.nan)
    difference = y[shift:] - y[:-shift]
    rows = -(-len(difference) // day)
    table = np.concatenate((np.full(rows * day - len(difference), np.nan), difference)).reshape(rows, day)
    return np.concatenate([np.roll(table, by, axis=1) for by in range(-reach, reach + 1)]).T
