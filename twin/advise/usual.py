"""A forecast from nothing but what was measured up to an hour: the usual course of a day, with its errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from twin.advise.outlook import QUANTILES, STEP_H, STEPS

if TYPE_CHECKING:
    from core.series import Floats

USUAL_D: Final = 7
"""Days whose mean is the usual course."""
ERRORS_D: Final = 6
"""Days of the forecast's own errors."""
DAYS: Final = USUAL_D + ERRORS_D + 1
"""Days of quarter hours that a forecast with its errors is made from."""
FADES_H: Final = 6.0
"""After so long the deviation from the usual has fallen to 1/e [h]."""
PER_HOUR: Final = round(1.0 / STEP_H)


def course(quarters: Floats) -> Floats:
    """(96,) the usual course of the last week, and the last hour's deviation from it, fading.

    Args:
        quarters: (n,) means of quarter hours up to now, of at least a week.
    """
    usual = quarters[-USUAL_D * STEPS :].reshape(USUAL_D, STEPS).mean(axis=0)
    off = quarters[-PER_HOUR:].mean() - usual[-PER_HOUR:].mean()
    lead_h = (np.arange(STEPS) + 1.0) * STEP_H
    return np.asarray(usual + off * np.exp(-lead_h / FADES_H), dtype=np.float64)


def errors(quarters: Floats) -> Floats:
    """(2, 96) how far p10 and p90 lie from such a forecast, by lead, as it would have gone on the last days.

    Args:
        quarters: (n,) means of quarter hours up to now, of at least `DAYS`.
    """
    origins = range(len(quarters) - ERRORS_D * STEPS, len(quarters) - STEPS + 1, PER_HOUR)
    off = np.array([quarters[i : i + STEPS] - course(quarters[:i]) for i in origins])
    low, high = np.quantile(off, [QUANTILES[0], QUANTILES[-1]], axis=0)
    return np.stack([np.minimum(low, 0.0), np.maximum(high, 0.0)])


def quantiles(quarters: Floats, off: Floats) -> Floats:
    """(3, 96) p10, p50 and p90 of the next quarter hours, with errors as `errors` has them."""
    median = course(quarters)
    return np.stack([median + off[0], median, median + off[1]])
