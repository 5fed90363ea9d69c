"""What was known when: covariates looked up by the time they are for and the time they became available."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from forecast.features import Ints, epoch_s
from forecast.protocol import HOUR_S

if TYPE_CHECKING:
    import pandas as pd

    from core.series import Floats

_SHIFT: Final = 1 << 34
"""Larger than any time [s], so that hour and time of availability fit one sortable number."""


@dataclass(frozen=True, slots=True)
class Known:
    """Covariates by hour; of an hour's versions the newest that was available counts."""

    keys: Ints
    """(m,) hour and time of availability in one number, ascending."""
    values: Floats
    """(m, c)."""

    def at(self, times_s: Ints, asked_s: Ints) -> Floats:
        """The values for some times, as known at others.

        Args:
            times_s: times the values are for [s since 1970].
            asked_s: times of asking, broadcast against them [s since 1970].

        Returns:
            The broadcast shape and one axis for the covariates; NaN where nothing was known.
        """
        hours, asked = np.broadcast_arrays(times_s // HOUR_S, asked_s)
        found = np.searchsorted(self.keys, hours * _SHIFT + asked, side="right") - 1
        there = (found >= 0) & (self.keys[np.maximum(found, 0)] // _SHIFT == hours)
        return np.where(there[..., None], self.values[np.maximum(found, 0)], np.nan)


def known_table(known: pd.DataFrame, columns: tuple[str, ...]) -> Known | None:
    """Make a known frame ready for looking up; None where it has none of the columns' values.

    A row without `available_at` was known all along.
    """
    if not columns or any(name not in known.columns for name in columns):
        return None
    rows = known.dropna(subset=list(columns), how="all")
    if rows.empty:
        return None
    available = epoch_s(rows["available_at"]) if "available_at" in rows.columns else np.zeros(len(rows), int)
    keys = epoch_s(rows["valid_at"]) // HOUR_S * _SHIFT + available
    order = np.argsort(keys, kind="stable")
    return Known(keys[order], rows[list(columns)].to_numpy(dtype=np.float64)[order])
