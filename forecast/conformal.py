"""Honest intervals: each quantile is moved by what its own past errors ask for.

Started from a held-out period (split conformal, each side by itself), then tracked with the forecasts whose
truth has arrived, since a model's errors drift with the plant.

References:
    Romano et al., Conformalized quantile regression, NeurIPS 2019.
    Gibbs and Candes, Adaptive conformal inference under distribution shift, NeurIPS 2021.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from forecast.protocol import MEDIAN, QUANTILES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from core.series import Floats

GAIN_PER_DAY: Final = 0.5
"""How far a quantile moves after a day on which it missed always [unit of `scale_w`]."""
OFFSET_LIMIT: Final = 5.0
"""No quantile moves further than this, up or down [unit of `scale_w`]."""
TRUST: Final = 0.5
"""Share of what the held-out time asks for that is believed: a few weeks may be odd ones [1]."""
ZERO: Final = (0.0,) * len(QUANTILES)


@dataclass(frozen=True, slots=True)
class Conformal:
    """How far each quantile is moved."""

    scale_w: float
    """Unit of the offsets: the model's typical error when it was trained [W]."""
    offsets: tuple[float, ...] = ZERO
    """Per quantile [unit of `scale_w`]; the median is never moved."""
    scored_until: str = ""
    """Forecast steps before this time have been taken into account; ISO 8601, empty: none but the start."""

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
        step = GAIN_PER_DAY * min(days, 1.0)
        moved = np.asarray(self.offsets) + step * (np.asarray(QUANTILES) - np.asarray(below_ratio))
        moved[MEDIAN] = 0.0
        offsets = tuple(float(v) for v in np.clip(moved, -OFFSET_LIMIT, OFFSET_LIMIT))
        return replace(self, offsets=offsets, scored_until=until.isoformat())

    def as_dict(self) -> dict[str, Any]:
        """For the model's card."""
        return {
            "scale_w": self.scale_w,
            "offsets": list(self.offsets),
            "scored_until": self.scored_until,
        }


def from_dict(stored: Mapping[str, Any]) -> Conformal:
    """The inverse of `Conformal.as_dict`."""
    return Conformal(float(stored["scale_w"]), tuple(stored["offsets"]), str(stored["scored_until"]))


def start(truth: Floats, quantiles: Floats, independent: float, trust: float = TRUST) -> Conformal:
    """Offsets from a held-out period.

    Args:
        truth: (n,) [W]; NaN where not measured.
        quantiles: (n, 7) as the model gave them [W].
        independent: how many independent errors that is worth; fewer ask for more width.
        trust: share of the offsets that is taken.
    """
    seen = np.isfinite(truth)
    error = truth[seen, None] - quantiles[seen]
    scale = float(np.mean(np.abs(error[:, MEDIAN]))) if seen.any() else 0.0
    if scale <= 0:
        return Conformal(0.0)
    outward = 1.0 + 1.0 / max(independent, 1.0)
    offsets = np.zeros(len(QUANTILES))
    for i, level in enumerate(QUANTILES):
        tail = min(max(level, 1 - level) * outward, 1.0)
        offsets[i] = np.quantile(error[:, i], tail if i > MEDIAN else 1 - tail) / scale
    offsets[MEDIAN] = 0.0
    return Conformal(scale, tuple(float(v) for v in np.clip(trust * offsets, -OFFSET_LIMIT, OFFSET_LIMIT)))
