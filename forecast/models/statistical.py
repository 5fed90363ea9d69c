"""The statistical forecasters of statsforecast: MSTL, the rival that libraries' LSTMs lose to, and AutoETS.

Nothing of them is kept: MSTL is fitted anew at each forecast, AutoETS keeps the parameters of one fit and is
filtered anew. Intervals are normal, as statsforecast makes them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from core.errors import InputError, NotReadyError
from forecast.frames import forecast_frame, prepare
from forecast.models import naive
from forecast.protocol import DAYS_PER_WEEK, HOURS_PER_DAY, Task

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    import pandas as pd

    from core.series import Floats
    from forecast.windows import Prepared

RECENT_WEEKS: Final = 8
"""Weeks that are fitted: older ones tell little of today's level."""
FITTED_STEPS_MAX: Final = 2016
"""Most steps that MSTL is fitted on, in whole weeks: three weeks at 15 min take about a second."""
WEEKLY_FROM_WEEKS: Final = 2
"""A season of a week is fitted where it is there twice."""
NEEDED_DAYS: Final = 2
"""Least history: a season of a day has to be there twice [d]."""
ETS_SEASON_MAX: Final = 24
"""Longest season that ETS fits; with more steps it leaves the season out without a word."""
LEVELS: Final = (50, 80, 90)
"""Intervals that hold the seven quantiles [%]."""
COLUMNS: Final = ("lo-90", "lo-80", "lo-50", "mean", "hi-50", "hi-80", "hi-90")
"""What statsforecast calls the quantiles, in order."""


@dataclass(frozen=True, slots=True)
class Mstl:
    """Seasons of a day and of a week taken apart by LOESS and repeated, the rest by exponential smoothing.

    References:
        Bandara, Hyndman and Bergmeir (2021), arXiv:2107.13462.
    """

    task: Task
    name: ClassVar[str] = "mstl"

    def fit(self, history: pd.DataFrame, known: pd.DataFrame) -> None:
        """Nothing to learn: it is fitted at each forecast."""

    def predict(self, history: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
        """The forecast issued at the end of the history.

        Raises:
            NotReadyError: there are less than two days of history, or it is constant.
            InputError: statsforecast is not installed.
        """
        task, week = self.task, DAYS_PER_WEEK * self.task.steps_per_day
        weeks = min(max(FITTED_STEPS_MAX // week, WEEKLY_FROM_WEEKS), RECENT_WEEKS)
        prepared = _recent(history.iloc[-weeks * week :], known, task, self.name)
        seasons = [task.steps_per_day]
        if len(prepared.y) >= WEEKLY_FROM_WEEKS * week:
            seasons.append(week)
        made = _library().MSTL(seasons).forecast(y=prepared.y, h=task.horizon_steps, level=list(LEVELS))
        return _frame(prepared, self.name, made)

    def card(self) -> dict[str, Any]:
        """What it is."""
        return {"model": self.name, "task": asdict(self.task)}


@dataclass(slots=True)
class AutoEts:
    """Exponential smoothing with a season of a day: form and parameters of one fit, filtered anew.

    References:
        Hyndman et al. (2008), Forecasting with exponential smoothing: the state space approach.
    """

    task: Task
    _fitted: Any = field(default=None, init=False, repr=False)
    name: ClassVar[str] = "auto_ets"

    def __post_init__(self) -> None:
        if self.task.steps_per_day > ETS_SEASON_MAX:
            raise InputError(
                "auto_ets's grid",
                found=f"{self.task.steps_per_day} steps a day",
                allowed=f"at most {ETS_SEASON_MAX}",
                do="choose an hourly grid, or mstl",
            )

    def fit(self, history: pd.DataFrame, known: pd.DataFrame) -> None:
        """Choose form and parameters on the last weeks of the history.

        Raises:
            NotReadyError: there are less than two days of history, or it is constant.
            InputError: statsforecast is not installed.
        """
        prepared = self._filtered(history, known)
        self._fitted = _library().AutoETS(season_length=self.task.steps_per_day).fit(prepared.y)

    def predict(self, history: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
        """The forecast issued at the end of the history.

        Raises:
            NotReadyError: not fitted, less than two days of history, or a constant one.
        """
        prepared = self._filtered(history, known)
        if self._fitted is None:
            raise NotReadyError(f"{self.name} has not been trained yet")
        made = self._fitted.forward(prepared.y, h=self.task.horizon_steps, level=list(LEVELS))
        return _frame(prepared, self.name, made)

    def _filtered(self, history: pd.DataFrame, known: pd.DataFrame) -> Prepared:
        """The last weeks, gaps filled."""
        steps = RECENT_WEEKS * DAYS_PER_WEEK * self.task.steps_per_day
        return _recent(history.iloc[-steps:], known, self.task, self.name)

    def card(self) -> dict[str, Any]:
        """What it is."""
        form = None if self._fitted is None else self._fitted.model_["method"]
        return {"model": self.name, "task": asdict(self.task), "form": form}


def _library() -> ModuleType:
    """The models of statsforecast; it takes a second or two to import.

    Raises:
        InputError: it is not installed.
    """
    try:
        from statsforecast import models  # noqa: PLC0415  # a second or two that services without it do without
    except ImportError as error:
        raise InputError(
            "statsforecast",
            found="not installed",
            allowed="the extra `forecast`",
            do="pip install 'joulecast[forecast]'",
        ) from error
    return models  # type: ignore[no-any-return,unused-ignore]  # typed only where it is installed


def _recent(history: pd.DataFrame, known: pd.DataFrame, task: Task, name: str) -> Prepared:
    """A part of the history, gaps filled.

    Raises:
        NotReadyError: it is too short, or constant.
    """
    prepared = prepare(history, known, task)
    naive.need_hours(prepared, NEEDED_DAYS * HOURS_PER_DAY, name)
    if np.ptp(prepared.y) == 0:
        days = len(prepared.y) / task.steps_per_day
        raise NotReadyError(f"{name} needs a series that varies; the last {days:.0f} days are constant")
    return prepared


def _frame(prepared: Prepared, name: str, made: Mapping[str, Floats]) -> pd.DataFrame:
    """Lay statsforecast's intervals out as a forecast.

    Raises:
        NotReadyError: its model broke down on this series.
    """
    quantiles = np.stack([np.asarray(made[column], dtype=np.float64) for column in COLUMNS], axis=1)
    if not np.isfinite(quantiles).all():
        raise NotReadyError(f"{name} found no model that fits this series")
    end_s = prepared.start_s + len(prepared.y) * prepared.task.step_s
    return forecast_frame(prepared.task, name, datetime.fromtimestamp(end_s, UTC), np.sort(quantiles, axis=1))
