"""IT power by what the machines do: idle, utilisation, tasks, and the root of utilisation.

The root carries what is concave in processors' power: the first tasks on an idle machine cost the most.

References:
    Idle and peak of a Frontier node: ExaDigiT RAPS (90 and 280 W a processor, 88 and 560 W a GPU).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple, Self

import numpy as np

from core.errors import InputError
from core.units import W_PER_KW
from twin.plant.curves import Bounds, Flags, Floats, divide

UTILISATION_BOUNDS: Final = Bounds(0.0, 1.0)
"""Mean utilisation of the machines that are on [1]."""
ROOT_BOUNDS: Final = Bounds(1.0, float("inf"))
"""Sum of roots over sum of utilisations [1]: a root of what is at most 1 is no less than it."""

_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class WorkloadParameters:
    """Power of like machines by what they do."""

    idle_w: float
    """Of a machine that is on, b0 [W]."""
    utilisation_w: float
    """More by a machine's whole utilisation, b1 [W]."""
    task_w: float = 0.0
    """More by an active task, b2 [W]."""
    root_w: float = 0.0
    """More by the square root of a machine's utilisation, b3 [W]."""

    @classmethod
    def from_idle_and_peak(cls, idle_w: float, peak_w: float, concave_ratio: float = 0.0) -> Self:
        """Parameters from a data sheet: idle where nothing runs, peak where all is utilised.

        Args:
            idle_w: power of an idle machine [W].
            peak_w: power of a machine that is wholly utilised [W].
            concave_ratio: share of the difference that goes by the root [1].

        Raises:
            InputError: peak is below idle, idle below 0, or the share outside 0 to 1.
        """
        if not (0.0 <= idle_w <= peak_w and 0.0 <= concave_ratio <= 1.0):
            raise InputError(
                "machine's power by workload",
                found=f"idle {idle_w:g} W, peak {peak_w:g} W, concave share {concave_ratio:g}",
                allowed="0 <= idle <= peak and a share of 0 to 1",
                do="take both powers from the same data sheet or meter",
            )
        more = peak_w - idle_w
        return cls(idle_w, (1.0 - concave_ratio) * more, root_w=concave_ratio * more)


class Workload(NamedTuple):
    """What the machines do; arrays of shapes that broadcast."""

    machines_on: Floats
    """Machines that are on."""
    utilisation_sum: Floats
    """Their utilisations added up, 0 to `machines_on`."""
    active_tasks: Floats
    """Tasks that run."""
    root_sum: Floats
    """The square roots of their utilisations added up."""


def it_power_kw(parameters: WorkloadParameters, workload: Workload) -> Floats:
    """IT power at the reference inlet [kW]: ``b0 N + b1 sum(u) + b2 n + b3 sum(sqrt(u))``.

    Args:
        parameters: the machines.
        workload: what they do.

    Returns:
        The broadcast shape.
    """
    watts = (
        parameters.idle_w * workload.machines_on
        + parameters.utilisation_w * workload.utilisation_sum
        + parameters.task_w * workload.active_tasks
        + parameters.root_w * workload.root_sum
    )
    return watts / W_PER_KW


def outside(workload: Workload) -> Flags:
    """Whether a workload cannot be: more utilised than on, less than none, or roots that do not go with it.

    Roots add up to no less than the utilisations, and to no more than ``sqrt(N sum(u))`` (Cauchy-Schwarz).

    Args:
        workload: what the machines do.

    Returns:
        The broadcast shape.
    """
    on, total, tasks, roots = np.broadcast_arrays(*workload)
    mean = divide(total, on, otherwise=0.0)
    spread = divide(roots, total, otherwise=1.0)
    most = np.sqrt(np.maximum(on * total, 0.0))
    negative = (on < 0) | (total < 0) | (tasks < 0) | (roots < 0)
    stray = (on <= 0) & (total > 0)
    unlike = ROOT_BOUNDS.outside(spread * (1.0 + _ROUNDING)) | (roots > most * (1.0 + _ROUNDING))
    impossible: Flags = negative | stray | unlike | UTILISATION_BOUNDS.outside(mean / (1.0 + _ROUNDING))
    return impossible
