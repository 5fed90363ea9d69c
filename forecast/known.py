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
class Covariate:
    """One covariate by hour; of an hour's versions the newest that was available counts."""

    keys: Ints
    """(m,) hour and time of availability in one number, ascending."""
    values: Floats
    """(m,) never NaN: a row that says nothing of a covariate does not hide what was known of it before."""

    def at(self, hours: Ints, asked_s: Ints) -> Floats:
        """Values for some hours as known at some times, of one shape; NaN where nothing was known."""
        if not len(self.keys):
            return np.full(hours.shape, np.nan)
        found = np.searchsorted(self.keys, hours * _SHIFT + asked_s, side="right") - 1
        there = (found >= 0) & (self.keys[np.maximum(found, 0)] // _SHIFT == hours)
        return np.where(there, self.values[np.maximum(found, 0)], np.nan)


@dataclass(frozen=True, slots=True)
class Known:
    """Covariates side by side, each with its own versions."""

    covariates: tuple[Covariate, ...]

    def at(self, times_s: Ints, asked_s: Ints) -> Floats:
        """The values for some times, as known at others.

        Args:
            times_s: times the values are for [s since 1970].
            asked_s: times of asking, broadcast against them [s since 1970].

        Returns:
            The broadcast shape and one axis for the covariates; NaN where nothing was known.
        """
        hours, asked = np.broadcast_arrays(times_s // HOUR_S, asked_s)
        return np.stack([covariate.at(hours, asked) for covariate in self.covariates], axis=-1)


def known_table(known: pd.DataFrame, columns: tuple[str, ...]) -> Known | None:
    """Make a known frame ready for looking up; None where it has no value of any of the columns.

    A row without `available_at` was known all along.
    """
    covariates = tuple(_covariate(known, column) for column in columns)
    return Known(covariates) if any(len(covariate.keys) for covariate in covariates) else None


def _covariate(known: pd.DataFrame, column: str) -> Covariate:
    if known.empty or column not in known.columns:
        return Covariate(np.empty(0, np.int64), np.empty(0))
    values = known[column].to_numpy(dtype=np.float64)
    told = np.isfinite(values)
    rows = known[told]
    available = epoch_s(rows["available_at"]) if "available_at" in rows.columns else np.zeros(len(rows), int)
    keys = epoch_s(rows["valid_at"]) // HOUR_S * _SHIFT + available
    order = np.argsort(keys, kind="stable")
    return Covariate(keys[order], values[told][order])
