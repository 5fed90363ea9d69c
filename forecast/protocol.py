"""What a forecaster is: frames in, a frame of quantiles out.

Three kinds of frame pass between the parts of this room; every time is aware, UTC, the start of a step:

* history: `valid_at`, `y` [W] (NaN where nothing was measured), `observed` (bool); regular, one row per step.
  Its end is the origin: the first step to forecast starts where the last row's step ends.
* known: `valid_at` and covariates known ahead, optionally `available_at`, when the row became known; rows
  without it were known all along, and NaN says nothing. `dry_bulb_c` and `wet_bulb_c` are the weather; every
  other column is a schedule. The calendar is derived, not handed over.
* forecast: `issued_at`, `valid_at`, `target`, `q05` .. `q95` [W], `model`; one row per step of the horizon.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd


QUANTILES: Final = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
"""Levels that every forecaster gives [1]."""
QUANTILE_NAMES: Final = tuple(f"q{round(level * 100):02d}" for level in QUANTILES)
"""Their columns, `q05` .. `q95`."""
MEDIAN: Final = QUANTILES.index(0.5)
"""Position of the median among them."""
HISTORY_COLUMNS: Final = ("valid_at", "y", "observed")
FORECAST_COLUMNS: Final = ("issued_at", "valid_at", "target", *QUANTILE_NAMES, "model")

HOUR_S: Final = 3600
DAY_S: Final = 86_400
HOURS_PER_DAY: Final = 24
DAYS_PER_WEEK: Final = 7


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be forecast, and on which grid."""

    target: str = "it_power"
    """What the quantity is called in the `forecast` table."""
    step_s: int = 900
    """Length of a step [s]; a whole part of an hour."""
    horizon_steps: int = 96
    """Steps from the origin to the end of the forecast."""
    timezone: str = "UTC"
    """Zone in which people's days and weeks run."""

    def __post_init__(self) -> None:
        if self.step_s <= 0 or HOUR_S % self.step_s or self.horizon_steps < 1:
            raise InputError(
                "forecast grid",
                found=f"{self.horizon_steps} steps of {self.step_s} s",
                allowed="one or more steps that divide an hour",
                do="choose a step such as 900 s or 3600 s",
            )

    @property
    def step(self) -> timedelta:
        """Length of a step."""
        return timedelta(seconds=self.step_s)

    @property
    def horizon(self) -> timedelta:
        """From the origin to the end of the forecast."""
        return self.step * self.horizon_steps

    def key(self, site_id: str) -> dict[str, str | int]:
        """Which rows of the tables of forecasts are a site's of this task."""
        return {"site": site_id, "target": self.target, "step_s": self.step_s}

    @property
    def steps_per_hour(self) -> int:
        """Steps in an hour."""
        return HOUR_S // self.step_s

    @property
    def steps_per_day(self) -> int:
        """Steps in 24 h."""
        return DAY_S // self.step_s


@runtime_checkable
class Forecaster(Protocol):
    """One way of forecasting. A new one is a file in `forecast/models` and a line in `members`."""

    @property
    def name(self) -> str:
        """What the `forecast` table calls it."""
        ...

    def fit(self, history: pd.DataFrame, known: pd.DataFrame) -> None:
        """Learn from all of the history; a forecaster without parameters does nothing here."""
        ...

    def predict(self, history: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
        """The forecast issued at the end of the history."""
        ...

    def card(self) -> Mapping[str, Any]:
        """What it is and how it came about, fit for JSON."""
        ...


@runtime_checkable
class Explained(Protocol):
    """A forecaster that says what its forecasts lean on, in their `attrs`, and what drives them."""

    def drivers(self, history: pd.DataFrame, known: pd.DataFrame) -> dict[str, float]:
        """Share of each driver in the forecast issued at the end of the history [1]."""
        ...
