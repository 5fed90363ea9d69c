"""Electrical losses: UPS by load, power distribution by share.

References:
    Form: Schneider Electric White Paper 108. Default values: fitted to the efficiencies that Socomec
        publishes for
    a 160 kVA unit (92.4, 91.9, 90.8 % at 62, 42, 31 % load).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from twin.plant.curves import Bounds, Floats

LOAD_BOUNDS = Bounds(0.0, 1.1)
"""Load over rated power for which the loss curve holds [1]."""


@dataclass(frozen=True, slots=True)
class UpsParameters:
    """UPS modules in service and the distribution behind them."""

    rated_kw: float
    """Rated power of the modules in service [kW]."""
    no_load_ratio: float = 0.01195
    """Loss at no load over rated power, a0 [1]."""
    proportional_ratio: float = 0.06041
    """Loss proportional to load, a1 [1]."""
    square_ratio: float = 0.00298
    """Loss by the square of load, a2 [1]."""
    distribution_ratio: float = 0.01
    """Loss between UPS and IT over the power that enters [1]."""
    hall_share_ratio: float = 0.0
    """Share of the UPS's loss that warms the hall's air: 1 where it stands there, or in the servers [1]."""


class Losses(NamedTuple):
    """Electrical losses between the utility and the IT equipment."""

    ups_kw: Floats
    """Lost in the UPS [kW]."""
    pdu_kw: Floats
    """Lost in distribution [kW]."""
    load_ratio: Floats
    """UPS output over rated power [1]."""


def losses(parameters: UpsParameters, it_kw: Floats) -> Losses:
    """Losses at an IT power.

    ``P_pdu = P_it l / (1 - l)``; ``P_ups = P_rated (a0 + a1 L + a2 L²)`` with L the UPS's output over rated
    power.

    Args:
        parameters: UPS and distribution.
        it_kw: power at the IT equipment's input [kW].
    """
    share = parameters.distribution_ratio
    pdu = it_kw * (share / (1.0 - share))
    load = (it_kw + pdu) / parameters.rated_kw
    a0, a1, a2 = parameters.no_load_ratio, parameters.proportional_ratio, parameters.square_ratio
    return Losses(parameters.rated_kw * (a0 + load * (a1 + a2 * load)), pdu, load)
