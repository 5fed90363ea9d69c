"""GPUs: power by utilisation, clock and power cap; leakage by the temperature that this power brings about.

Utilisation is NVML's: the share of time in which a kernel runs. The board draws what the kernels ask while
they run, no more than its cap, and its idle power in between; that is why mean power lies below a cap that
holds. The die is warmer than its coolant (or inlet air) by the mean power times a thermal resistance.

References:
    Form and the clock's exponent: NVML telemetry and power-cap sweep of three V100s (GridPilot,
    arXiv 2605.26384), on which the tests fit a part and predict the rest. Leakage: arXiv 2509.26163.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from core.units import W_PER_KW
from twin.plant.curves import Bounds, Flags, Floats, divide

UTILISATION_BOUNDS: Final = Bounds(0.0, 1.0)
"""Share of time in which a kernel runs [1]."""
CLOCK_BOUNDS: Final = Bounds(0.25, 1.0)
"""Clock over the one at which `busy_w` holds [1]: the sweep went from 0.29 to 1."""
COOLANT_BOUNDS: Final = Bounds(10.0, 50.0)
"""Inlet air or coolant [degC]: ASHRAE class A4 and W45, with a margin."""

_ROUNDING: Final = 1e-9
_LOOP_GAIN_MAX: Final = 0.9
"""Greatest share of its own power that leakage may add [1]; above it the die would run away."""


@dataclass(frozen=True, slots=True)
class GpuParameters:
    """A group of like GPUs that do like work."""

    count: int
    """Number of GPUs."""
    idle_w: float
    """Board power while no kernel runs, at the reference die temperature [W]."""
    busy_w: float
    """Board power while kernels run at full clock and without a cap, at that temperature [W]."""
    cap_bounds: Bounds
    """Least and greatest power cap that the board takes [W]; the greatest is its own limit."""
    resistance_k_per_w: float
    """Die above coolant over board power [K/W], above 0."""
    leakage_per_k: float = 0.004
    """Growth of power with die temperature [1/K]."""
    reference_die_c: float = 60.0
    """Die temperature at which `idle_w` and `busy_w` hold [degC]."""
    die_max_c: float = 83.0
    """Die temperature at which the board slows itself down [degC]."""
    clock_exponent: float = 1.7
    """Exponent by which what kernels add to idle power follows the clock [1]; 1.6 to 1.8 on V100s."""


class GpuState(NamedTuple):
    """What the group does."""

    power_kw: Floats
    """Power of the group [kW]."""
    leakage_kw: Floats
    """Part of it that dies at the reference temperature would have spared; below 0 on colder ones [kW]."""
    board_w: Floats
    """Mean power of one board [W]."""
    die_c: Floats
    """Die temperature [degC]."""
    clock_ratio: Floats
    """Clock while kernels run, over the one at which `busy_w` holds [1]."""
    capped: Flags
    """Whether the cap or the die's temperature slows the kernels down."""
    outside: Flags
    """Whether an argument or the clock reached is outside its bounds, or the die warmer than is allowed."""


def growth_ratio(parameters: GpuParameters, die_c: Floats) -> Floats:
    """Power at a die temperature [degC] over that at the reference [1]: leakage, ``1 + s (T - T_ref)``."""
    return 1.0 + parameters.leakage_per_k * (die_c - parameters.reference_die_c)


def die_temperature_c(parameters: GpuParameters, coolant_c: Floats, board_w: Floats) -> Floats:
    """Settled die temperature [degC] by coolant [degC] and mean board power [W]: ``T_coolant + R P``."""
    return coolant_c + parameters.resistance_k_per_w * board_w


def _settled_w(
    parameters: GpuParameters, reference_w: Floats, coolant_c: Floats, held_w: Floats | float = 0.0
) -> Floats:
    """Board power at which temperature and leakage agree [W]: ``P = P_ref g(P) + P_held``, linear in P.

    Args:
        parameters: the group.
        reference_w: power at the reference die temperature that grows with temperature [W].
        coolant_c: inlet air or coolant [degC].
        held_w: power that does not, because the cap holds it [W].
    """
    gain = parameters.leakage_per_k * parameters.resistance_k_per_w * reference_w
    cold = reference_w * growth_ratio(parameters, coolant_c) + held_w
    return cold / (1.0 - np.minimum(gain, _LOOP_GAIN_MAX))


def _board_w(
    parameters: GpuParameters, use: Floats, coolant_c: Floats, cap_w: Floats, running_w: Floats
) -> tuple[Floats, Flags]:
    """Mean power of a board [W], and whether its cap or its die's greatest temperature holds it.

    Args:
        parameters: the group.
        use: utilisation within its bounds [1].
        coolant_c: inlet air or coolant [degC].
        cap_w: power cap within what the board takes [W].
        running_w: what kernels ask for while they run, at the reference die temperature [W].
    """
    resting = (1.0 - use) * parameters.idle_w
    free = _settled_w(parameters, resting + use * running_w, coolant_c)
    capped = running_w * growth_ratio(parameters, die_temperature_c(parameters, coolant_c, free)) > cap_w
    board = np.where(capped, _settled_w(parameters, resting, coolant_c, use * cap_w), free)
    asleep = _settled_w(parameters, np.full(use.shape, parameters.idle_w), coolant_c)
    coolest = np.maximum((parameters.die_max_c - coolant_c) / parameters.resistance_k_per_w, asleep)
    return np.minimum(board, coolest), (capped | (board > coolest)) & (use > 0)


def _slowed_clock(parameters: GpuParameters, use: Floats, reference_w: Floats) -> Floats:
    """Clock over full [1] that mean power at the reference die temperature [W] leaves the kernels."""
    resting = (1.0 - use) * parameters.idle_w
    running = divide(reference_w - resting, use, otherwise=parameters.idle_w)
    kernels = np.full(use.shape, parameters.busy_w - parameters.idle_w)
    share = divide(running - parameters.idle_w, kernels)
    return np.maximum(share, 0.0) ** (1.0 / parameters.clock_exponent)


def solve(
    parameters: GpuParameters,
    utilisation_ratio: Floats,
    coolant_c: Floats,
    cap_w: Floats,
    clock_ratio: Floats,
) -> GpuState:
    """Power and temperature of a group of GPUs, in closed form.

    ``P = (1 - u) P_idle g + u min(P_on g, cap)`` with ``g = 1 + s (T - T_ref)``, ``T = T_coolant + R P`` and
    ``P_on = P_idle + (P_busy - P_idle) f^n``; linear in P on either side of the cap.

    Args:
        parameters: the group.
        utilisation_ratio: share of time in which a kernel runs [1].
        coolant_c: inlet air or coolant [degC].
        cap_w: power cap of one board [W]; held within what the board takes.
        clock_ratio: clock asked for over that at which `busy_w` holds [1].

    Returns:
        Arrays of the broadcast shape.
    """
    given = (np.asarray(values, float) for values in (utilisation_ratio, coolant_c, cap_w, clock_ratio))
    asked_use, coolant, asked_cap, asked_clock = np.broadcast_arrays(*given)
    use = UTILISATION_BOUNDS.clip(asked_use)
    cap = parameters.cap_bounds.clip(asked_cap)
    clock = np.clip(asked_clock, 0.0, 1.0)
    kernels = (parameters.busy_w - parameters.idle_w) * clock**parameters.clock_exponent
    board, capped = _board_w(parameters, use, coolant, cap, parameters.idle_w + kernels)
    die = die_temperature_c(parameters, coolant, board)
    growth = growth_ratio(parameters, die)
    slowed = np.minimum(_slowed_clock(parameters, use, board / growth), clock)
    reached = np.where(capped, slowed, clock)
    group = parameters.count / W_PER_KW
    return GpuState(
        power_kw=group * board,
        leakage_kw=group * board * (1.0 - 1.0 / growth),
        board_w=board,
        die_c=die,
        clock_ratio=reached,
        capped=capped,
        outside=UTILISATION_BOUNDS.outside(asked_use)
        | COOLANT_BOUNDS.outside(coolant)
        | parameters.cap_bounds.outside(asked_cap)
        | CLOCK_BOUNDS.outside(asked_clock)
        | CLOCK_BOUNDS.outside(reached)
        | (die > parameters.die_max_c + _ROUNDING),
    )
