"""LightGBM, direct: one model a lead and quantile. A rival to measure ours against, never served.

Three quantiles are learnt; the other four are laid between and beyond them as a normal distribution's would.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from core.errors import InputError, NotReadyError
from forecast import frames
from forecast.features import WEEK_H
from forecast.frames import forecast_frame
from forecast.protocol import DAY_S, HOURS_PER_DAY, QUANTILES, Task

if TYPE_CHECKING:
    from types import ModuleType

    import pandas as pd

    from core.series import Floats
    from forecast.features import Ints
    from forecast.windows import Prepared

LEARNT: Final = (0.1, 0.5, 0.9)
"""Levels that are learnt [1]."""
NORMAL_SCORES: Final = (-1.6449, -1.2816, -0.6745, 0.0, 0.6745, 1.2816, 1.6449)
"""Of a standard normal distribution at the seven levels [1]."""
LAGS_H: Final = (24, 48, 72, 96, 120, 144, 168, 336)
"""Values at so many hours before the step count as features; more where they are not over yet [h]."""
RECENT: Final = 24
"""The last so many steps before the origin count as features."""
MEANS_H: Final = (24, 168)
"""Means over so many hours before the origin count as features [h]."""
ROUNDS: Final = 200
TREES: Final[dict[str, Any]] = {
    "objective": "quantile",
    "learning_rate": 0.05,
    "num_leaves": 31,
    "min_data_in_leaf": 20,
    "verbosity": -1,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "seed": 1,
}
DAYS_MIN: Final = 7
"""Origins have to span at least this [d]."""
LOOKBACK_H: Final = 3 * WEEK_H
"""How far before the origin the features reach, gaps filled [h]."""


@dataclass(slots=True)
class Boosted:
    """Trees on lags, means and the calendar, learnt once on values as they are."""

    task: Task
    covariates: tuple[str, ...] = ()
    """Columns of the known frame; their change over 24 h is a feature."""
    _trees: list[list[Any]] = field(default_factory=list, init=False, repr=False)
    name: ClassVar[str] = "lightgbm"
    differenced: ClassVar[bool] = False
    """Whether the change against 24 h before is learnt, not the value."""

    def fit(self, history: pd.DataFrame, known: pd.DataFrame) -> None:
        """Learn from windows at every step of the history.

        Raises:
            NotReadyError: the history is too short.
            InputError: LightGBM is not installed.
        """
        library, per_hour = _library(), self.task.steps_per_hour
        prepared = frames.prepare(history, known, self.task, self.covariates)
        at = np.arange(LOOKBACK_H * per_hour, len(prepared.y))
        if len(at) < DAYS_MIN * self.task.steps_per_day:
            needed_h = LOOKBACK_H + DAYS_MIN * HOURS_PER_DAY
            there_h = len(prepared.y) / per_hour
            raise NotReadyError(f"{self.name} needs {needed_h} h of history and has {there_h:.1f} h")
        self._trees = [self._learn(library, prepared, at, lead) for lead in range(self.task.horizon_steps)]

    def _learn(self, library: ModuleType, prepared: Prepared, at: Ints, lead: int) -> list[Any]:
        """The trees of a lead, one a level, from targets that were measured."""
        inside = at[at + lead < len(prepared.y)]
        inside = inside[prepared.observed[inside + lead]]
        target = prepared.y[inside + lead] - self._base(prepared, inside, lead)
        data = library.Dataset(
            self._features(prepared, inside, lead), target, params=TREES, free_raw_data=False
        ).construct()
        return [library.train(TREES | {"alpha": level}, data, ROUNDS) for level in LEARNT]

    def predict(self, history: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
        """The forecast issued at the end of the history.

        Raises:
            NotReadyError: not fitted, or the history is too short.
        """
        if not self._trees:
            raise NotReadyError(f"{self.name} has not been trained yet")
        steps = LOOKBACK_H * self.task.steps_per_hour
        if len(history) < steps:
            there_h = len(history) / self.task.steps_per_hour
            raise NotReadyError(f"{self.name} needs {LOOKBACK_H} h of history and has {there_h:.1f} h")
        prepared = frames.prepare(
            history.iloc[-steps - self.task.steps_per_day :], known, self.task, self.covariates
        )
        at = np.array([len(prepared.y)], dtype=np.int64)
        quantiles = np.array([self._at(prepared, at, lead) for lead in range(self.task.horizon_steps)])
        issued_at = datetime.fromtimestamp(prepared.start_s + int(at[0]) * self.task.step_s, UTC)
        return forecast_frame(self.task, self.name, issued_at, spread(np.sort(quantiles, axis=1)))

    def _at(self, prepared: Prepared, at: Ints, lead: int) -> list[float]:
        """The three quantiles of a lead [W]."""
        features, base = self._features(prepared, at, lead), float(self._base(prepared, at, lead)[0])
        return [base + float(trees.predict(features, num_threads=1)[0]) for trees in self._trees[lead]]

    def _base(self, prepared: Prepared, at: Ints, lead: int) -> Floats:
        """(b,) what the trees' answers are added to [W]."""
        return _lag(prepared, at, lead, HOURS_PER_DAY) if self.differenced else np.zeros(len(at))

    def _features(self, prepared: Prepared, at: Ints, lead: int) -> Floats:
        """(b, f) what is known at some origins about a step."""
        per_hour = prepared.task.steps_per_hour
        parts = [
            prepared.y[at[:, None] + np.arange(-RECENT, 0)],
            np.stack([_lag(prepared, at, lead, hours) for hours in LAGS_H], axis=1),
            np.stack(
                [prepared.y[at[:, None] + np.arange(-h * per_hour, 0)].mean(1) for h in MEANS_H], axis=1
            ),
            prepared.calendar[at + lead],
        ]
        if self.covariates:
            parts.append(_change(prepared, at, lead, len(self.covariates)))
        return np.concatenate(parts, axis=1)

    def card(self) -> dict[str, Any]:
        """What it is."""
        return {"model": self.name, "task": asdict(self.task), "covariates": list(self.covariates)}


class BoostedDifference(Boosted):
    """The same, learnt on the change against the same time of the day before, for levels that drift."""

    __slots__ = ()
    name: ClassVar[str] = "lightgbm_diff24"
    differenced: ClassVar[bool] = True


def spread(learnt: Floats) -> Floats:
    """Seven quantiles from three, on each side as a normal distribution of that width.

    Args:
        learnt: (h, 3) in order, at the levels `LEARNT`.

    Returns:
        (h, 7) in order.
    """
    scores, outer = np.array(NORMAL_SCORES), NORMAL_SCORES[QUANTILES.index(0.9)]
    low, middle, high = (learnt[:, [i]] for i in range(len(LEARNT)))
    side = np.where(scores < 0, middle - low, high - middle)
    return np.asarray(middle + scores / outer * side, dtype=np.float64)


def _lag(prepared: Prepared, at: Ints, lead: int, hours: int) -> Floats:
    """(b,) the value at so many hours before a step, or whole days earlier where that is not over yet [W]."""
    day, back = prepared.task.steps_per_day, hours * prepared.task.steps_per_hour
    while back <= lead:
        back += day
    return prepared.y[at + lead - back]


def _change(prepared: Prepared, at: Ints, lead: int, count: int) -> Floats:
    """(b, c) change of the covariates over the 24 h before a step, as known at the origin; NaN if unknown."""
    if prepared.known is None:
        return np.full((len(at), count), np.nan)
    asked = prepared.start_s + at * prepared.task.step_s
    then = asked + lead * prepared.task.step_s
    return prepared.known.at(then, asked) - prepared.known.at(then - DAY_S, asked)


def _library() -> ModuleType:
    """LightGBM.

    Raises:
        InputError: it is not installed.
    """
    try:
        import lightgbm  # noqa: PLC0415  # half a second that services do without
    except ImportError as error:
        raise InputError(
            "lightgbm",
            found="not installed",
            allowed="the extra `benchmark`",
            do="pip install 'joulecast[benchmark]'",
        ) from error
    return lightgbm
