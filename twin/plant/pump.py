"""Pumps and fans with variable speed: the affinity laws.

References:
    Power by the cube of speed; with a fixed differential pressure about the square. Exponent 1.5 to 3 in
    practice, for calibration to find.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from twin.plant.curves import Floats


@dataclass(frozen=True, slots=True)
class AffinityParameters:
    """A pump or fan, or several that share the flow."""

    design_kw: float
    """Power at design flow [kW]."""
    exponent: float = 2.5
    """Power goes with flow to this [1]."""
    standing_ratio: float = 0.02
    """Power of drive and electronics over design power [1]."""
    flow_min_ratio: float = 0.3
    """Least flow over design flow [1]."""


def power_kw(parameters: AffinityParameters, flow_ratio: Floats) -> Floats:
    """Power [kW] at a flow over design flow [1]: ``P0 (k + (1 - k) max(x, x_min)^n)``; 0 at no flow."""
    k, x = parameters.standing_ratio, np.maximum(flow_ratio, parameters.flow_min_ratio)
    running = parameters.design_kw * (k + (1.0 - k) * x**parameters.exponent)
    return np.where(flow_ratio > 0, running, 0.0)
