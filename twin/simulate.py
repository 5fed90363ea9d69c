"""The plant over time: heat that cannot be taken warms the hall, and comes out again when it can."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

import numpy as np

from twin.network import solve_inputs
from twin.state import Inputs, PlantState

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from twin.parameters import Parameters
    from twin.plant.curves import Floats
    from twin.residual import Residual
    from twin.state import Conditions, Setpoints

SUBSTEP_MAX_S: Final = 60.0
"""The hall's state moves on at least this often [s]."""
RECOVERY_S: Final = 300.0
"""Time constant with which controls bring the hall back [s]: its mass over the air's heat flow."""
SETTLED_K: Final = 1e-6
"""A hall this close to its setpoint is at it [K]."""
_COOLER_LIMIT_RATIO: Final = 0.9
"""A cold hall soaks up at most this share of the IT heat [1]."""


def simulate(
    parameters: Parameters,
    conditions: Conditions,
    setpoints: Setpoints,
    step_s: float,
    initial_hall_c: ArrayLike | None = None,
    *,
    chillers_available: ArrayLike | None = None,
    crahs_available: ArrayLike | None = None,
) -> PlantState:
    """The plant under conditions and setpoints that change over time, which is the last axis.

    While all heat is taken, this is `solve`. From the first step at which it is not, the hall's temperature
    is a
    state: ``C dE/dt = unmet - recovery``, exact exponential recovery, in sub-steps of at most a minute. In
        every
    step power in = heat rejected + heat stored.

    Args:
        parameters: the plant.
        conditions: load and weather, (..., time).
        setpoints: setpoints, a shape that broadcasts with them.
        step_s: length of a step [s].
        initial_hall_c: mean IT inlet temperature at the start [degC]; in balance with the setpoints where
            not given.
        chillers_available: chillers that can run; all of them where not given.
        crahs_available: CRAHs that can run; all of them where not given.

    Returns:
        Means over each step, (..., time); flags where they were up at any time in it.
    """
    chillers = parameters.chiller.count if chillers_available is None else chillers_available
    crahs = parameters.crah.count if crahs_available is None else crahs_available
    inputs = Inputs.of(conditions, setpoints, chillers, crahs)
    steady = solve_inputs(parameters, inputs)
    if steady.it_kw.ndim == 0 or steady.it_kw.shape[-1] == 0:
        return steady
    excess = np.zeros(steady.it_kw.shape[:-1])
    if initial_hall_c is not None:
        excess = excess + np.asarray(initial_hall_c, float) - steady.inlet_mean_c[..., 0]
    _move_on(parameters, inputs, steady, excess, step_s)
    return steady


@dataclass(frozen=True, slots=True)
class Twin:
    """A plant with what was learned on top of it."""

    parameters: Parameters
    """The plant."""
    residual: Residual | None = None
    """What its meters say beyond the physics, where that earns its place."""

    def run(self, conditions: Conditions, setpoints: Setpoints, step_s: float) -> PlantState:
        """`simulate`, with the residual on top.

        Args:
            conditions: load and weather, (..., time).
            setpoints: setpoints, a shape that broadcasts with them.
            step_s: length of a step [s].
        """
        state = simulate(self.parameters, conditions, setpoints, step_s)
        if self.residual is None:
            return state
        return self.residual.correct(state, conditions, setpoints, step_s)


def _recovery_kw(parameters: Parameters, load_kw: Floats, excess_k: Floats, substep_s: float) -> Floats:
    """Mean heat over a sub-step by which the hall's excess decays [kW]."""
    decayed = -np.expm1(-substep_s / RECOVERY_S)
    wanted = parameters.hall_kj_per_k * excess_k * decayed / substep_s
    recovery: Floats = np.maximum(wanted, -_COOLER_LIMIT_RATIO * load_kw)
    return recovery


def _move_on(
    parameters: Parameters, inputs: Inputs, steady: PlantState, excess: Floats, step_s: float
) -> None:
    """Replace in place those steps of the steady state in which the hall stores or gives back heat."""
    count = max(int(np.ceil(step_s / SUBSTEP_MAX_S)), 1)
    substep_s = step_s / count
    short = steady.unmet_kw.reshape(-1, steady.unmet_kw.shape[-1]).max(axis=0) > 0
    for step in range(steady.it_kw.shape[-1]):
        if not short[step] and not (np.abs(excess) > SETTLED_K).any():
            continue
        where = (..., step)
        now = inputs.at(where)
        states = []
        for _ in range(count):
            extra = _recovery_kw(parameters, now.it_reference_kw, excess, substep_s)
            state = solve_inputs(parameters, now._replace(hall_excess_k=excess, extra_kw=extra))
            excess = excess + state.stored_kw * substep_s / parameters.hall_kj_per_k
            states.append(state)
        for field in fields(PlantState):
            values = np.stack([getattr(state, field.name) for state in states])
            mean = values.any(axis=0) if values.dtype == bool else values.mean(axis=0)
            getattr(steady, field.name)[where] = mean
