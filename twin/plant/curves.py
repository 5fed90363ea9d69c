"""What the correlations have in common: arrays, polynomials, and the bounds within which they hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

Floats = NDArray[np.float64]
"""An array of real numbers of any shape."""
Flags = NDArray[np.bool_]
"""An array of truth values of any shape."""

AIR_HEAT_KJ_PER_M3K = 1.2 * 1.006
"""Density times specific heat of standard air [kJ/(m3 K)]: 1.2 kg/m3, 1.006 kJ/(kg K)."""
WATER_HEAT_KJ_PER_KGK = 4.186
"""Specific heat of water [kJ/(kg K)]."""

_NOTHING = 1e-12


@dataclass(frozen=True, slots=True)
class Bounds:
    """The range in which a correlation was fitted or measured."""

    low: float
    """Least value."""
    high: float
    """Greatest value."""

    def clip(self, values: Floats) -> Floats:
        """The nearest values inside the bounds, same shape."""
        return np.minimum(np.maximum(values, self.low), self.high)

    def outside(self, values: Floats) -> Flags:
        """Whether each value lies outside, same shape; a value outside is flagged, never silent."""
        return (values < self.low) | (values > self.high)


def polynomial(coefficients: Sequence[float], x: Floats) -> Floats:
    """c0 + c1 x + c2 x² + … by Horner's rule.

    Args:
        coefficients: lowest power first.
        x: where to evaluate, any shape.

    Returns:
        Same shape as `x`.
    """
    result = np.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        result = result * x + coefficient
    return result


def biquadratic(coefficients: Sequence[float], x: Floats, y: Floats) -> Floats:
    """c1 + c2 x + c3 x² + c4 y + c5 y² + c6 x y, EnergyPlus ``Curve:Biquadratic``.

    Args:
        coefficients: the six coefficients in that order.
        x: first variable, any shape.
        y: second variable, a shape that broadcasts with `x`.

    Returns:
        The broadcast shape.
    """
    c1, c2, c3, c4, c5, c6 = coefficients
    return c1 + x * (c2 + c3 * x + c6 * y) + y * (c4 + c5 * y)


def divide(top: Floats, bottom: Floats, otherwise: float = 0.0) -> Floats:
    """Top / bottom where bottom is positive, `otherwise` elsewhere; never a NaN from zero load."""
    positive = bottom > _NOTHING
    return np.where(positive, top / np.where(positive, bottom, 1.0), otherwise)
