"""Whether a newly trained model takes over: both forecast the same days, and the difference is weighed.

Differences are of the pinball loss by day of issue, as shares of the champion's; below zero the challenger is
better. The champion keeps its place only where it is clearly better, or young and not clearly worse.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from forecast import metrics
from forecast.backtest import quantile_array
from forecast.protocol import QUANTILES

if TYPE_CHECKING:
    from datetime import datetime

    from core.series import Floats

MARGIN: Final = 0.02
"""A difference that is certainly smaller does not matter [share of the champion's loss]."""
OLD: Final = timedelta(days=7)
"""A champion that was trained longer ago has to be clearly better, by more than the margin, to stay."""
RECORD_MARGIN: Final = 0.10
"""Records of different days that differ by less say nothing [share of the champion's]."""
DAYS_MIN: Final = 3
"""Fewer days say nothing of how sure a difference is."""
DRAWS: Final = 4000
SEED: Final = 5


@dataclass(frozen=True, slots=True)
class Difference:
    """How much worse the challenger is than the champion [share of the champion's pinball loss]."""

    mean: float
    """Below zero where it is better."""
    low: float
    """Low end of the 90 % interval; -inf where there are too few days for one."""
    high: float
    """High end of it."""
    days: int
    """Days of issue that were compared."""
    seen: bool = False
    """Whether the champion has learnt from some of them, which flatters it."""

    def as_dict(self) -> dict[str, Any]:
        """For the challenger's card."""
        return asdict(self)

    def __str__(self) -> str:
        side = "above" if self.mean > 0 else "below"
        interval = (
            f"90 % interval {100 * self.low:+.1f} to {100 * self.high:+.1f} % over {self.days} days"
            if self.days >= DAYS_MIN
            else f"{self.days} days are too few for an interval"
        )
        bias = ", some of which the champion has learnt from" if self.seen else ""
        return f"pinball loss {abs(100 * self.mean):.1f} % {side} the champion's ({interval}{bias})"


def decide(found: Difference, champion_age: timedelta) -> tuple[bool, str]:
    """Whether the challenger takes over, and why in words.

    Args:
        found: the challenger against the champion.
        champion_age: since the champion was trained.
    """
    days = champion_age / timedelta(days=1)
    if found.mean <= 0:
        return True, f"{found}: not worse"
    if found.high <= MARGIN:
        return True, f"{found}: worse by {100 * MARGIN:.0f} % at most"
    if champion_age > OLD and (found.low <= 0 or found.mean <= MARGIN):
        return True, f"{found}: not clearly worse by {100 * MARGIN:.0f} % than a champion {days:.0f} days old"
    if found.low > 0:
        return False, f"{found}: clearly worse"
    return False, f"{found}: no better than a champion only {days:.0f} days old"


def by_record(challenger: float, champion: float) -> tuple[bool, str]:
    """Who goes on where the champion has learnt from the days on which it would be judged.

    Args:
        challenger: loss on the days held out from it, as a share of the seasonal naive's [1].
        champion: the same of the champion's own days.
    """
    text = (
        f"the champion has learnt from these days; on days held out from each, {challenger:.2f} times the"
        f" seasonal naive's loss against the champion's {champion:.2f}"
    )
    if challenger <= champion * (1 + RECORD_MARGIN):
        return True, f"{text}: no worse, and learnt from newer days"
    return False, f"{text}: worse by more than {100 * RECORD_MARGIN:.0f} %"


def compare(challenger: pd.DataFrame, champion: pd.DataFrame, seen_until: datetime) -> Difference:
    """The challenger against the champion on the same forecasts.

    Args:
        challenger: frame from `backtest.rolling`.
        champion: the champion's, at the same origins.
        seen_until: end of what the champion learnt from; only forecasts issued since are compared, unless
            those are of too few days.
    """
    ours, theirs, issued = step_pinball(challenger), step_pinball(champion), challenger["issued_at"]
    measured = np.isfinite(challenger["y"])
    fair = measured & (issued >= pd.Timestamp(seen_until))
    seen = bool((measured & ~fair).any())
    if seen and issued[fair].dt.date.nunique() >= DAYS_MIN:
        measured, seen = fair, False
    losses = pd.DataFrame({"day": issued.dt.date, "more": ours - theirs, "usual": theirs})[measured]
    by_day = losses.groupby("day")[["more", "usual"]].mean()
    difference, usual, days = by_day["more"].to_numpy(float), float(by_day["usual"].mean()), len(by_day)
    if not days or usual <= 0:
        return Difference(0.0, -np.inf, np.inf, days, seen)
    mean, low, high = metrics.block_bootstrap(difference / usual, round(days ** (1 / 3)), DRAWS, SEED)
    return Difference(mean, *((low, high) if days >= DAYS_MIN else (-np.inf, np.inf)), days, seen)


def step_pinball(forecasts: pd.DataFrame) -> Floats:
    """Mean pinball loss over the levels of each step of a frame from `backtest.rolling` [W]."""
    error, level = forecasts["y"].to_numpy(float)[:, None] - quantile_array(forecasts), np.asarray(QUANTILES)
    return np.asarray(np.maximum(level * error, (level - 1) * error).mean(axis=1), dtype=np.float64)
