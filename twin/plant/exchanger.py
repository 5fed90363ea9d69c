"""Counterflow heat exchange by effectiveness-NTU, both ways, and the flow that an approach needs.

References:
    Incropera, Fundamentals of Heat and Mass Transfer, tables 11.3 and 11.4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from twin.plant.curves import Floats

_RATIO_MAX: Final = 1.0 - 1e-7
_BISECTIONS: Final = 34
_ROOT_STEPS: Final = 8


def capacity_ratio(least: Floats, most: Floats) -> Floats:
    """Lesser over greater capacity flow [1], just below 1 where the two are equal.

    Args:
        least: lesser capacity flow [kW/K].
        most: greater capacity flow [kW/K], above 0.
    """
    return np.minimum(least / most, _RATIO_MAX)


def effectiveness(units: Floats, ratio: Floats) -> Floats:
    """Heat exchanged over the most that could be [1].

    Args:
        units: number of transfer units, conductance over the lesser capacity flow [1].
        ratio: of capacity flows, by `capacity_ratio` [1].
    """
    decay = np.exp(-units * (1.0 - ratio))
    return (1.0 - decay) / (1.0 - ratio * decay)


def transfer_units(effective: Floats, ratio: Floats) -> Floats:
    """Number of transfer units that an effectiveness needs [1], the inverse of `effectiveness`.

    Args:
        effective: heat exchanged over the most that could be [1], below 1.
        ratio: of capacity flows, by `capacity_ratio` [1].
    """
    return np.log((1.0 - effective * ratio) / (1.0 - effective)) / (1.0 - ratio)


def design_units(what: str, effective: Floats, ratio: Floats) -> Floats:
    """Number of transfer units that a design point needs [1].

    Args:
        what: the exchanger, for the message.
        effective: heat at the design point over the most that could be exchanged [1].
        ratio: of capacity flows, by `capacity_ratio` [1].

    Raises:
        InputError: no conductance is large enough.
    """
    if np.any(effective >= 1.0):
        raise InputError(
            f"{what}: design point",
            found=f"{float(np.max(effective)):.3g} of the heat that its flows could exchange",
            allowed="less than 1",
            do="give it more air or a larger approach",
        )
    return transfer_units(effective, ratio)


def least_speed(approach_k: Callable[[Floats], Floats], wanted_k: Floats, slowest: float) -> Floats:
    """The least fan speed with an approach no larger than wanted, by bisection to 1e-10.

    Args:
        approach_k: approach [K] by air over design flow [1], falling.
        wanted_k: approach wanted [K], the shape of the result.
        slowest: least fan speed over design [1].

    Returns:
        Between `slowest` and 1: 1 where no speed is enough.
    """
    low, high = np.full(wanted_k.shape, slowest), np.ones(wanted_k.shape)
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        enough = approach_k(middle) <= wanted_k
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return high


def least_flow(approach_k: Callable[[Floats], Floats], wanted_k: Floats, low: Floats, high: Floats) -> Floats:
    """The flow that has the approach wanted, by the Illinois rule between logarithms, to 1e-9.

    Args:
        approach_k: approach [K] by flow over design flow [1], falling, above 0.
        wanted_k: approach wanted [K], above 0.
        low: flow over design that is too little or just enough [1], above 0.
        high: flow over design that is enough [1].

    Returns:
        The broadcast shape, between `low` and `high`.
    """

    def excess(log_flow: Floats) -> Floats:
        return np.log(approach_k(np.exp(log_flow)) / wanted_k)

    left, right = np.log(low), np.log(high)
    at_left, at_right = excess(left), excess(right)
    middle, was = left, np.zeros(np.shape(at_left))
    for _ in range(_ROOT_STEPS):
        slope = at_left - at_right
        share = np.clip(at_left / np.where(slope > 0, slope, 1.0), 0.0, 1.0)
        middle = left + (right - left) * share
        value = excess(middle)
        side = np.sign(value)
        stale = np.where(side == was, 0.5, 1.0)  # an end that stays twice counts half
        at_left, at_right = (
            np.where(side > 0, value, stale * at_left),
            np.where(side > 0, stale * at_right, value),
        )
        left, right, was = np.where(side > 0, middle, left), np.where(side > 0, right, middle), side
    return np.exp(middle)
