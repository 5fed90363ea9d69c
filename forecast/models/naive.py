"""What the naive forecasters share: bands from their own past errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from core.errors import NotReadyError
from forecast.protocol import MEDIAN, QUANTILES

if TYPE_CHECKING:
    from core.series import Floats
    from forecast.windows import Prepared

ERRORS_FROM_DAYS: Final = 28
"""Errors older than this do not count [d]."""


def recent(prepared: Prepared) -> Floats:
    """(m,) the last weeks of the series, NaN where nothing was measured [W]."""
    count = ERRORS_FROM_DAYS * prepared.task.steps_per_day
    return np.where(prepared.observed, prepared.y, np.nan)[-count:]


def need_hours(prepared: Prepared, needed_h: float, name: str) -> None:
    """Refuse a history that is too short.

    Raises:
        NotReadyError: says how much there is and how much is needed.
    """
    there_h = len(prepared.y) / prepared.task.steps_per_hour
    if there_h < needed_h:
        raise NotReadyError(f"{name} needs {needed_h:.0f} h of history and has {there_h:.1f} h")


def bands(point: Floats, errors: Floats) -> Floats:
    """Quantiles around a point forecast.

    Args:
        point: (h,) the naive values [W]; they stay the median.
        errors: (h, m) past errors by lead, NaN where unknown; one without any takes the last one's [W].

    Returns:
        (h, 7) [W], in order.
    """
    offsets = np.zeros((len(point), len(QUANTILES)))
    for i, row in enumerate(errors):
        known = row[np.isfinite(row)]
        offsets[i] = np.quantile(known, QUANTILES) if len(known) else offsets[i - 1] if i else 0.0
    offsets[:, MEDIAN] = 0.0
    offsets[:, :MEDIAN] = np.minimum(offsets[:, :MEDIAN], 0.0)
    offsets[:, MEDIAN + 1 :] = np.maximum(offsets[:, MEDIAN + 1 :], 0.0)
    return point[:, None] + offsets
