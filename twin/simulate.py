"""The plant over time: heat that cannot be taken warms the hall, and comes out again when it can."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

import numpy as np

from twin.network import solve_inputs
from twin.plant import chiller, loop, rejection, staging
from twin.state import Inputs, PlantState

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from twin.fitting.residual import Residual
    from twin.parameters import Parameters
    from twin.plant.curves import Floats
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
    is a state, and that of the chilled water where its mass is given: ``C dE/dt = unmet - recovery``, exact
    exponential recovery, in sub-steps of at most a minute. In every step power in = heat rejected + reused +
    stored. Chillers and the economizer hold their states for a while where the plant says so.

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
    if parameters.staging is not None or parameters.economizer_modes is not None:
        inputs = _with_memory(parameters, inputs, steady, step_s)
        steady = solve_inputs(parameters, inputs)
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

    def run(
        self, conditions: Conditions, setpoints: Setpoints, step_s: float, outside_kw: ArrayLike = 0.0
    ) -> PlantState:
        """`simulate`, with the residual on top.

        Args:
            conditions: load and weather, (..., time).
            setpoints: setpoints, a shape that broadcasts with them.
            step_s: length of a step [s].
            outside_kw: cooling power that the residual adds outside what it has seen [kW].
        """
        state = simulate(self.parameters, conditions, setpoints, step_s)
        if self.residual is None:
            return state
        return self.residual.correct(state, conditions, setpoints, step_s, outside_kw)


def _with_memory(parameters: Parameters, inputs: Inputs, steady: PlantState, step_s: float) -> Inputs:
    """Inputs with the chillers that run and the economizer's mode, each held for its time.

    Both follow the loads and temperatures that the plant would have without memory.
    """
    whole = inputs if parameters.zones == 1 else inputs.at(0)
    shape = inputs.it_reference_kw.shape
    if parameters.economizer_modes is not None and parameters.economizer.present:
        outdoor = rejection.OutdoorAir(whole.dry_bulb_c, whole.wet_bulb_c, parameters.pressure_pa)
        coldest = rejection.coldest_c(parameters.rejection, steady.tower_heat_kw, outdoor)
        back = steady.chilled_water_return_c
        water = np.maximum(coldest, parameters.economizer.tower_water_min_c)
        leaving = back - parameters.economizer.effectiveness * np.maximum(back - water, 0.0)
        now = staging.Temperatures(back, coldest, leaving, whole.chilled_water_c)
        modes, _ = staging.modes(parameters.economizer_modes, now, step_s)
        used = (modes != staging.CoolingMode.FMC).astype(np.float64)
        inputs = inputs._replace(economizing=np.broadcast_to(used, shape))
        steady = solve_inputs(parameters, inputs)
    if parameters.staging is not None:
        entering = (
            whole.dry_bulb_c if parameters.chiller.record.air_cooled else steady.condenser_water_supply_c
        )
        capacity, _, _ = chiller.performance(parameters.chiller, whole.chilled_water_c, entering)
        load = steady.chiller_load_kw
        running, _ = staging.chillers(parameters.staging, load, capacity, whole.chillers, step_s)
        inputs = inputs._replace(staged=np.broadcast_to(running, shape))
    return inputs


def _move_on(
    parameters: Parameters, inputs: Inputs, steady: PlantState, excess: Floats, step_s: float
) -> None:
    """Replace in place those steps of the steady state in which hall or loop store heat or give it back."""
    count = max(int(np.ceil(step_s / SUBSTEP_MAX_S)), 1)
    substep_s = step_s / count
    hall_kj_per_k = parameters.zones * parameters.hall_kj_per_k
    loop_kj_per_k = np.inf if parameters.loop is None else loop.heat_capacity_kj_per_k(parameters.loop)
    warmer = np.zeros(excess.shape)
    storing = (steady.unmet_kw > 0) | (steady.loop_stored_kw > 0)
    short = np.any(storing.reshape(-1, storing.shape[-1]), axis=0)
    for step in range(steady.it_kw.shape[-1]):
        if not short[step] and max(np.abs(excess).max(), np.abs(warmer).max()) <= SETTLED_K:
            continue
        where = (..., step)
        now = inputs.at(where)
        states = []
        for _ in range(count):
            load = steady.it_kw[where]
            extra = _recovery_kw(hall_kj_per_k, excess, substep_s, -_COOLER_LIMIT_RATIO * load)
            loop_extra = _recovery_kw(loop_kj_per_k, warmer, substep_s, 0.0 * load)
            carried = (excess, extra, warmer, loop_extra)
            shape = now.it_reference_kw.shape
            state = solve_inputs(parameters, _carrying(now, *(np.broadcast_to(v, shape) for v in carried)))
            excess = excess + (state.stored_kw - state.loop_stored_kw) * substep_s / hall_kj_per_k
            warmer = warmer + state.loop_stored_kw * substep_s / loop_kj_per_k
            states.append(state)
        for field in fields(PlantState):
            values = np.stack([getattr(state, field.name) for state in states])
            mean = values.any(axis=0) if values.dtype == bool else values.mean(axis=0)
            getattr(steady, field.name)[where] = mean


def _carrying(now: Inputs, excess: Floats, extra: Floats, warmer: Floats, loop_extra: Floats) -> Inputs:
    """A step's inputs with what hall and loop have stored."""
    return now._replace(hall_excess_k=excess, extra_kw=extra, loop_excess_k=warmer, loop_extra_kw=loop_extra)


def _recovery_kw(kj_per_k: float, excess_k: Floats, substep_s: float, least_kw: Floats) -> Floats:
    """Mean heat over a sub-step by which an excess decays [kW]; none of a mass that counts for nothing."""
    if not np.isfinite(kj_per_k):
        return np.zeros(np.shape(excess_k))
    decayed = -np.expm1(-substep_s / RECOVERY_S)
    recovery: Floats = np.maximum(kj_per_k * excess_k * decayed / substep_s, least_kw)
    return recovery
