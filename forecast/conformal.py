"""Honest intervals: each quantile is moved by what its own past errors ask for.

Nothing is moved at first. Each day whose truth has arrived moves every quantile a little towards the share of
the truth that should lie below it: quickly in the first two weeks of a model, slowly later, as its errors
drift with the plant. A held-out time gives the unit only: on four real series a start from its errors cost
more (it is weeks old, and may be odd) than the days it takes to get there.

References:
    Gibbs and Candes, Adaptive conformal inference under distribution shift, NeurIPS 2021.
    Angelopoulos, Candes and Tibshirani, Conformal PID control for time series prediction, NeurIPS 2023:
        the quantile tracker, here per side, in units of the model's typical error.
    Angelopoulos, Barber and Bates, Online conformal prediction with decaying step sizes, ICML 2024.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from forecast.protocol import MEDIAN, QUANTILES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from core.series import Floats

FIRST_GAIN, GAIN, SETTLING_D = 1.0, 0.2, 7.0
"""How far a quantile moves after a day on which it missed always [unit of `scale_w`]: at first, and later;
the time in which the first decays [d]."""
OFFSET_LIMIT: Final = 5.0
"""No quantile moves further than this, up or down [unit of `scale_w`]."""
ZERO: Final = (0.0,) * len(QUANTILES)


@dataclass(frozen=True, slots=True)
class Conformal:
    """How far each quantile is moved."""

    scale_w: float
    """Unit of the offsets: the model's typical error when it was trained [W]."""
    offsets: tuple[float, ...] = ZERO
    """Per quantile [unit of `scale_w`]; the median is never moved."""
    days: float = 0.0
    """So much truth has been taken into account [d]."""
    scored_until: str = ""
    """Forecast steps before this time have been taken into account; ISO 8601, empty: none yet."""

    def apply(self, quantiles: Floats) -> Floats:
        """Move the quantiles and keep them in order.

        Args:
            quantiles: (..., 7) [W].
        """
        moved = quantiles + np.asarray(self.offsets) * self.scale_w
        lower = np.minimum.accumulate(moved[..., MEDIAN::-1], axis=-1)[..., ::-1]
        upper = np.maximum.accumulate(moved[..., MEDIAN:], axis=-1)
        return np.concatenate((lower, upper[..., 1:]), axis=-1)

    def track(self, below_ratio: tuple[float, ...], days: float, until: datetime) -> Conformal:
        """Adapt to forecasts that have been scored.

        Args:
            below_ratio: (7,) share of the truth at or below each quantile as it was issued [1].
            days: how much truth that was [d].
            until: end of it.
        """
        step = max(GAIN, FIRST_GAIN * math.exp(-self.days / SETTLING_D)) * min(days, 1.0)
        moved = np.asarray(self.offsets) + step * (np.asarray(QUANTILES) - np.asarray(below_ratio))
        moved[MEDIAN] = 0.0
        offsets = tuple(float(v) for v in np.clip(moved, -OFFSET_LIMIT, OFFSET_LIMIT))
        return replace(self, offsets=offsets, days=self.days + days, scored_until=until.isoformat())

    def after(self, before: Conformal) -> Conformal:
        """Go on where the version before had got to: what is served changes little with a new one."""
        ratio = before.scale_w / self.scale_w if self.scale_w > 0 else 0.0
        moved = np.clip(np.asarray(before.offsets) * ratio, -OFFSET_LIMIT, OFFSET_LIMIT)
        return replace(self, offsets=tuple(float(v) for v in moved), days=before.days)

    def as_dict(self) -> dict[str, Any]:
        """For the model's card."""
        return {
            "scale_w": self.scale_w,
            "offsets": list(self.offsets),
            "days": self.days,
            "scored_until": self.scored_until,
        }


def from_dict(stored: Mapping[str, Any]) -> Conformal:
    """The inverse of `Conformal.as_dict`."""
    days = float(stored.get("days", 0.0))
    return Conformal(float(stored["scale_w"]), tuple(stored["offsets"]), days, str(stored["scored_until"]))


def start(truth: Floats, quantiles: Floats) -> Conformal:
    """The state of a new model.

    Args:
        truth: (n,) of a held-out time [W]; NaN where not measured.
        quantiles: (n, 7) as the model gave them [W].
    """
    error = np.abs(truth - quantiles[:, MEDIAN])
    return Conformal(float(np.nanmean(error)) if np.isfinite(error).any() else 0.0)
