"""Key performance indicators of ISO/IEC 30134. Always a ratio of sums, never a mean of ratios."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def _sum(values: ArrayLike) -> float:
    return float(np.sum(np.asarray(values, dtype=np.float64)))


def ratio_of_sums(numerator: ArrayLike, denominator: ArrayLike) -> float:
    """Sum over sum, over the samples at which both are known.

    Args:
        numerator: (n,) amounts, NaN where unknown.
        denominator: (n,) amounts, NaN where unknown.

    Returns:
        The ratio; NaN where no sample is complete or the denominator is zero.
    """
    top, bottom = np.broadcast_arrays(np.asarray(numerator, float), np.asarray(denominator, float))
    known = np.isfinite(top) & np.isfinite(bottom)
    total = _sum(bottom[known])
    return _sum(top[known]) / total if total > 0 else float("nan")


def pue(facility_kwh: ArrayLike, it_kwh: ArrayLike) -> float:
    """Power usage effectiveness over a period [1], ISO/IEC 30134-2.

    Args:
        facility_kwh: (n,) energy of the whole facility by interval [kWh].
        it_kwh: (n,) energy of the IT equipment by interval [kWh].
    """
    return ratio_of_sums(facility_kwh, it_kwh)


def partial_pue(subsystem_kwh: ArrayLike, it_kwh: ArrayLike) -> float:
    """(subsystem + IT) / IT over a period [1], ISO/IEC 30134-2 annex."""
    return 1.0 + ratio_of_sums(subsystem_kwh, it_kwh)


def wue_l_per_kwh(water_l: ArrayLike, it_kwh: ArrayLike) -> float:
    """Water usage effectiveness [L/kWh], ISO/IEC 30134-9."""
    return ratio_of_sums(water_l, it_kwh)


def cue_kg_per_kwh(carbon_kg: ArrayLike, it_kwh: ArrayLike) -> float:
    """Carbon usage effectiveness [kg CO2/kWh], ISO/IEC 30134-8."""
    return ratio_of_sums(carbon_kg, it_kwh)


@dataclass(frozen=True, slots=True)
class Pue:
    """A PUE with what it is of: ISO/IEC 30134-2 asks for category and period beside the number."""

    value: float
    """Facility energy over IT energy [1]."""
    category: int
    """1: IT measured at the UPS's output, 2: at the PDU's, 3: at the IT equipment's input."""
    hours: float
    """Length of the period [h]."""
    complete_ratio: float
    """Share of the period for which both meters were there [1]."""
