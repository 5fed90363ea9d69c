"""Key performance indicators: always a ratio of sums, never a mean of ratios.

ISO/IEC 30134-2 (PUE), -3 (REF), -6 (ERF), -8 (CUE), -9 (WUE); EN 50600-4-7 (CER); ASHRAE 90.4 (MLC, ELC);
The Green Grid (iTUE, TUE). Amounts are energies by interval, NaN where unknown. An interval at which one of
a figure's meters is unknown counts in none of its sums; `Pue` and `Breakdown` say how much that left.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

ROUNDING_RATIO: Final = 1e-9
"""A residual below this share of the facility's energy is rounding [1]."""


class Category(IntEnum):
    """PUE category of ISO/IEC 30134-2: which meter is the boundary of the IT equipment."""

    UPS_OUTPUT = 1
    """IT measured at the UPS's output: distribution losses count as IT."""
    PDU_OUTPUT = 2
    """IT measured at the PDU's output."""
    IT_INPUT = 3
    """IT measured at the IT equipment's input."""


def _complete(*amounts: ArrayLike) -> tuple[list[NDArray[np.float64]], float]:
    """The amounts at the samples at which all are known, and the share of these samples [1]."""
    arrays = np.broadcast_arrays(*(np.asarray(values, dtype=np.float64) for values in amounts))
    known = np.isfinite(np.stack(arrays)).all(axis=0)
    return [values[known] for values in arrays], float(known.mean()) if known.size else 0.0


def _ratio(top: float, bottom: float) -> float:
    return top / bottom if bottom > 0 else float("nan")


def ratio_of_sums(numerator: ArrayLike, denominator: ArrayLike) -> float:
    """Sum over sum, over the samples at which both are known.

    Args:
        numerator: (n,) amounts, NaN where unknown.
        denominator: (n,) amounts, NaN where unknown.

    Returns:
        The ratio; NaN where no sample is complete or the denominator is zero.

    Raises:
        ValueError: the lengths differ.
    """
    (top, bottom), _ = _complete(numerator, denominator)
    return _ratio(float(top.sum()), float(bottom.sum()))


def pue(facility_kwh: ArrayLike, it_kwh: ArrayLike) -> float:
    """Power usage effectiveness over a period [1], ISO/IEC 30134-2; `pue_of_period` adds its category.

    Args:
        facility_kwh: (n,) energy of the whole facility by interval [kWh].
        it_kwh: (n,) energy of the IT equipment by interval [kWh].
    """
    return ratio_of_sums(facility_kwh, it_kwh)


def partial_pue(subsystem_kwh: ArrayLike, it_kwh: ArrayLike) -> float:
    """(subsystem + IT) / IT over a period [1], ISO/IEC 30134-2 annex.

    Args:
        subsystem_kwh: (n,) energy of one subsystem by interval, without the IT [kWh].
        it_kwh: (n,) energy of the IT equipment by interval [kWh].
    """
    return 1.0 + ratio_of_sums(subsystem_kwh, it_kwh)


def wue_l_per_kwh(water_l: ArrayLike, it_kwh: ArrayLike) -> float:
    """Water usage effectiveness [L/kWh], ISO/IEC 30134-9.

    Args:
        water_l: (n,) water that the site takes in by interval [L].
        it_kwh: (n,) energy of the IT equipment by interval [kWh].
    """
    return ratio_of_sums(water_l, it_kwh)


def cue_kg_per_kwh(carbon_kg: ArrayLike, it_kwh: ArrayLike) -> float:
    """Carbon usage effectiveness [kg CO2/kWh], ISO/IEC 30134-8.

    Args:
        carbon_kg: (n,) CO2 of the facility's energy by interval [kg].
        it_kwh: (n,) energy of the IT equipment by interval [kWh].
    """
    return ratio_of_sums(carbon_kg, it_kwh)


def erf(reused_kwh: ArrayLike, facility_kwh: ArrayLike) -> float:
    """Energy reuse factor [1], ISO/IEC 30134-6.

    Args:
        reused_kwh: (n,) energy used again outside the data centre by interval [kWh].
        facility_kwh: (n,) energy of the whole facility by interval [kWh].
    """
    return ratio_of_sums(reused_kwh, facility_kwh)


def ref(renewable_kwh: ArrayLike, facility_kwh: ArrayLike) -> float:
    """Renewable energy factor [1], ISO/IEC 30134-3; at most 1, a surplus does not count.

    Args:
        renewable_kwh: (n,) renewable energy owned and controlled by interval [kWh].
        facility_kwh: (n,) energy of the whole facility by interval [kWh].
    """
    return float(np.minimum(ratio_of_sums(renewable_kwh, facility_kwh), 1.0))


def itue(it_kwh: ArrayLike, compute_kwh: ArrayLike) -> float:
    """IT power usage effectiveness [1], The Green Grid: the PUE inside the IT equipment.

    Args:
        it_kwh: (n,) energy of the IT equipment by interval [kWh].
        compute_kwh: (n,) part of it that computes, without fans and power supplies [kWh].
    """
    return ratio_of_sums(it_kwh, compute_kwh)


def tue(facility_kwh: ArrayLike, it_kwh: ArrayLike, compute_kwh: ArrayLike) -> float:
    """Total power usage effectiveness, iTUE x PUE [1], The Green Grid: more server fans do not lower it.

    Both factors are of the samples at which all three are known.

    Args:
        facility_kwh: (n,) energy of the whole facility by interval [kWh].
        it_kwh: (n,) energy of the IT equipment by interval [kWh].
        compute_kwh: (n,) part of it that computes, without fans and power supplies [kWh].

    Raises:
        ValueError: the lengths differ.
    """
    (facility, it, compute), _ = _complete(facility_kwh, it_kwh, compute_kwh)
    return itue(it, compute) * pue(facility, it)


def mlc(mechanical_kwh: ArrayLike, it_kwh: ArrayLike) -> float:
    """Mechanical load component over a period [1], ASHRAE 90.4.

    Args:
        mechanical_kwh: (n,) energy of cooling, its fans and pumps and heat rejection by interval [kWh].
        it_kwh: (n,) energy of the IT equipment by interval [kWh].
    """
    return ratio_of_sums(mechanical_kwh, it_kwh)


def elc(loss_kwh: ArrayLike, it_kwh: ArrayLike) -> float:
    """Electrical loss component over a period, as energy lost over IT energy [1], after ASHRAE 90.4.

    Args:
        loss_kwh: (n,) lost between the site's connection and the IT equipment by interval [kWh].
        it_kwh: (n,) energy of the IT equipment by interval [kWh].
    """
    return ratio_of_sums(loss_kwh, it_kwh)


def cer(heat_removed_kwh: ArrayLike, cooling_kwh: ArrayLike) -> float:
    """Cooling efficiency ratio [1], EN 50600-4-7.

    Args:
        heat_removed_kwh: (n,) heat that the cooling takes away by interval [kWh].
        cooling_kwh: (n,) energy that the cooling draws by interval [kWh].
    """
    return ratio_of_sums(heat_removed_kwh, cooling_kwh)


@dataclass(frozen=True, slots=True)
class Pue:
    """A PUE with what it is of: ISO/IEC 30134-2 asks for category and period beside the number."""

    value: float
    """Facility energy over IT energy [1]."""
    category: Category
    """Which meter is the boundary of the IT equipment."""
    hours: float
    """Length of the period [h]."""
    complete_ratio: float
    """Share of the period for which both meters were there [1]."""


def pue_of_period(facility_kwh: ArrayLike, it_kwh: ArrayLike, *, category: int, hours: float) -> Pue:
    """A period's PUE with its category and completeness.

    Args:
        facility_kwh: (n,) energy of the whole facility, every interval of the period [kWh].
        it_kwh: (n,) energy at the meter that the category names [kWh].
        category: 1, 2 or 3, see `Category`.
        hours: length of the period [h].

    Raises:
        ValueError: no such category, or the lengths differ.
    """
    (facility, it), complete_ratio = _complete(facility_kwh, it_kwh)
    return Pue(pue(facility, it), Category(category), hours, complete_ratio)


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Where a facility's energy went: IT + overheads + residual = facility, to rounding."""

    facility_kwh: float
    """Energy of the whole facility [kWh]."""
    it_kwh: float
    """Energy of the IT equipment [kWh]."""
    overhead_kwh: dict[str, float]
    """Energy of everything else, by subsystem [kWh]."""
    residual_kwh: float
    """The facility's energy that no subsystem accounts for [kWh]; negative where they claim more."""
    complete_ratio: float
    """Share of the samples at which every meter was there, the only ones that count [1]."""

    @property
    def adds_up(self) -> bool:
        """Whether the residual is rounding; never where nothing is known."""
        return abs(self.residual_kwh) <= ROUNDING_RATIO * abs(self.facility_kwh)

    @property
    def pue(self) -> float:
        """Facility over IT [1]; NaN without IT energy."""
        return _ratio(self.facility_kwh, self.it_kwh)

    @property
    def partial_pue(self) -> dict[str, float]:
        """(subsystem + IT) / IT by subsystem [1]; what they have above 1, and the residual's, is PUE - 1."""
        return {name: 1.0 + _ratio(kwh, self.it_kwh) for name, kwh in self.overhead_kwh.items()}


def breakdown(facility_kwh: ArrayLike, it_kwh: ArrayLike, overhead_kwh: Mapping[str, ArrayLike]) -> Breakdown:
    """Energy by subsystem, over the samples at which every meter is known.

    Args:
        facility_kwh: (n,) energy of the whole facility by interval [kWh].
        it_kwh: (n,) energy of the IT equipment by interval [kWh].
        overhead_kwh: (n,) energy by interval of each other subsystem [kWh], none counted twice.

    Returns:
        Sums, all NaN where no sample is complete; what is not accounted for stands in the residual.

    Raises:
        ValueError: the lengths differ.
    """
    amounts, complete_ratio = _complete(facility_kwh, it_kwh, *overhead_kwh.values())
    facility, it, *parts = (float(a.sum()) if complete_ratio else float("nan") for a in amounts)
    overhead = dict(zip(overhead_kwh, parts, strict=True))
    return Breakdown(facility, it, overhead, facility - it - sum(parts), complete_ratio)
