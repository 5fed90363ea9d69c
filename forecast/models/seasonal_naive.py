"""Seasonal naive: as it was 24 h ago; what people use instead, and what is served where nothing better is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from forecast.features import candidate_values
from forecast.models import naive
from forecast.protocol import HOURS_PER_DAY, Task, forecast_frame
from forecast.windows import prepare

if TYPE_CHECKING:
    import pandas as pd

    from core.series import Floats
    from forecast.windows import Prepared

NEIGHBOUR_H: Final = 1
"""Errors at so many hours before and after count for a time of the day too [h]."""
NEEDED_DAYS: Final = 2
"""Least history: a day to repeat and a day of errors [d]."""


@dataclass(frozen=True, slots=True)
class SeasonalNaive:
    """The value of the last same time of the day, with bands from its own errors at that time of the day."""

    task: Task
    name: ClassVar[str] = "seasonal_naive"

    def fit(self, history: pd.DataFrame, known: pd.DataFrame) -> None:
        """Nothing to learn."""

    def predict(self, history: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
        """The forecast issued at the end of the history.

        Raises:
            NotReadyError: there are less than two days of history.
        """
        task, prepared = self.task, prepare(history, known, self.task)
        naive.need_hours(prepared, NEEDED_DAYS * HOURS_PER_DAY, self.name)
        end = len(prepared.y)
        point = candidate_values(prepared.y[None], task.horizon_steps, task.step_s, "day1")[0]
        issued_at = datetime.fromtimestamp(prepared.start_s + end * task.step_s, UTC)
        return forecast_frame(task, self.name, issued_at, naive.bands(point, _errors(prepared)))

    def card(self) -> dict[str, Any]:
        """What it is."""
        return {"model": self.name, "task": asdict(self.task)}


def _errors(prepared: Prepared) -> Floats:
    """(h, m) errors of repeating the day before (two days before from lead 24 h on, and so on) [W]."""
    y, day = naive.recent(prepared), prepared.task.steps_per_day
    by_days = [_by_time_of_day(y, day * n, prepared) for n in range(1, naive.horizon_days(prepared.task) + 1)]
    width = max(part.shape[1] for part in by_days)
    padded = [np.pad(part, ((0, 0), (0, width - part.shape[1])), constant_values=np.nan) for part in by_days]
    return np.concatenate(padded)[: prepared.task.horizon_steps]


def _by_time_of_day(y: Floats, shift: int, prepared: Prepared) -> Floats:
    """(steps a day, m) seasonal differences; row i is the time of day of the i-th step after the history."""
    day, reach = prepared.task.steps_per_day, NEIGHBOUR_H * prepared.task.steps_per_hour
    if len(y) <= shift:
        return np.full((day, 1), np.nan)
    difference = y[shift:] - y[:-shift]
    rows = -(-len(difference) // day)
    table = np.concatenate((np.full(rows * day - len(difference), np.nan), difference)).reshape(rows, day)
    return np.concatenate([np.roll(table, by, axis=1) for by in range(-reach, reach + 1)]).T
