"""The ensemble: those members that have been good lately, each with the same weight.

References:
    Timmermann, Forecast combinations, Handbook of Economic Forecasting 1, 2006: equal weights are hard to
    beat.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from core.errors import InputError
from forecast.frames import epoch_s
from forecast.protocol import QUANTILE_NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

NAME: Final = "ensemble"
"""What the `forecast` table calls it."""
MARGIN: Final = 0.10
"""Members whose pinball loss lies within this share of the best are taken [1]."""
PLAIN: Final = frozenset({"seasonal_naive", "persistence"})
"""Yardsticks: they count only where they beat all others by more than that, or nobody else is there."""


def members(pinball: Mapping[str, float], allowed: Sequence[str]) -> tuple[str, ...]:
    """The members that count.

    Args:
        pinball: mean pinball loss of the last 14 days by member [W]; those not scored are not there.
        allowed: members that can forecast now.

    Returns:
        Those within 10 % of the best, in the order of `allowed`; while none has been scored, all but the
        plain ones.
    """
    scored = {name: pinball[name] for name in allowed if math.isfinite(pinball.get(name, math.nan))}
    if not scored:
        return tuple(name for name in allowed if name not in PLAIN) or tuple(allowed)
    limit = min(scored.values()) * (1 + MARGIN)
    good = tuple(name for name in allowed if name in scored and scored[name] <= limit)
    made = tuple(name for name in good if name not in PLAIN)
    return _within(made, scored) or good


def _within(names: tuple[str, ...], scored: Mapping[str, float]) -> tuple[str, ...]:
    """Those within 10 % of the best of them."""
    limit = min((scored[name] for name in names), default=0.0) * (1 + MARGIN)
    return tuple(name for name in names if scored[name] <= limit)


def combine(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The mean of the members' quantiles.

    Args:
        frames: one forecast each, of the same steps.

    Returns:
        A forecast frame whose model is `ensemble`.

    Raises:
        InputError: there is no forecast, or they are of different steps.
    """
    if not frames:
        raise InputError("ensemble", found="no forecast", allowed="one or more", do="give it a member")
    steps = [epoch_s(frame["valid_at"]) for frame in frames]
    if any(not np.array_equal(other, steps[0]) for other in steps):
        raise InputError(
            "ensemble",
            found="forecasts of different steps",
            allowed="the same steps from every member",
            do="issue the members at one time, on one grid",
        )
    made = frames[0].assign(model=NAME)
    names = list(QUANTILE_NAMES)
    made[names] = np.mean([frame[names].to_numpy(dtype=np.float64) for frame in frames], axis=0)
    made.attrs = {}
    return made
