"""What was known when: covariates looked up by the time they are for and the time they became available."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from forecast.protocol import HOUR_S

if TYPE_CHECKING:
    from core.series import Floats
    from forecast.features import Ints

NEVER_S: Final = 1 << 34
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
        found = np.searchsorted(self.keys, hours * NEVER_S + asked_s, side="right") - 1
        there = (found >= 0) & (self.keys[np.maximum(found, 0)] // NEVER_S == hours)
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
