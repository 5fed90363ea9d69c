"""Persistence: the last value goes on; the least that a forecast has to beat at short leads."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from forecast.frames import forecast_frame, prepare
from forecast.models import naive

if TYPE_CHECKING:
    import pandas as pd

    from core.series import Floats
    from forecast.protocol import Task
    from forecast.windows import Prepared

NEEDED_H: Final = 2
"""Least history [h]."""


@dataclass(frozen=True, slots=True)
class Persistence:
    """The last measured value at every lead, with bands from its own errors at that lead."""

    task: Task
    name: ClassVar[str] = "persistence"

    def fit(self, history: pd.DataFrame, known: pd.DataFrame) -> None:
        """Nothing to learn."""

    def predict(self, history: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
        """The forecast issued at the end of the history.

        Raises:
            NotReadyError: there are less than two hours of history.
        """
        prepared = prepare(history, known, self.task)
        naive.need_hours(prepared, NEEDED_H, self.name)
        measured = prepared.y[prepared.observed]
        point = np.full(self.task.horizon_steps, measured[-1])
        issued_at = datetime.fromtimestamp(prepared.start_s + len(prepared.y) * self.task.step_s, UTC)
        return forecast_frame(self.task, self.name, issued_at, naive.bands(point, _errors(prepared)))

    def card(self) -> dict[str, Any]:
        """What it is."""
        return {"model": self.name, "task": asdict(self.task)}


def _errors(prepared: Prepared) -> Floats:
    """(h, m) value minus the value `lead` steps before [W]."""
    y = naive.recent(prepared)
    errors = np.full((prepared.task.horizon_steps, max(len(y) - 1, 1)), np.nan)
    for row, lead in zip(errors, range(1, prepared.task.horizon_steps + 1), strict=True):
        if lead < len(y):
            row[: len(y) - lead] = y[lead:] - y[:-lead]
    return errors
