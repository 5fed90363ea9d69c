"""Thermal mass of a water loop: its temperature as a state, exact at any length of step.

``C dT/dt = heat in - heat out``, heat in and out constant over a step. Heat goes out either through an
exchanger to a colder stream, ``G (T - T_sink)``, for which the solution is an exponential; or by machines
that hold a setpoint as far as they are able, for which it is a straight line.

References:
    The exponential: Incropera, Fundamentals of Heat and Mass Transfer, lumped capacitance. Water of a
    chilled-water loop: 10 to 20 m3 per MW, an engineering assumption for calibration to replace.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from twin.plant.curves import Bounds, Flags, Floats

if TYPE_CHECKING:
    from collections.abc import Callable

WATER_HEAT_KJ_PER_M3K: Final = 4180.0
"""Heat capacity of water [kJ/(m3 K)]."""
WATER_BOUNDS: Final = Bounds(0.0, 100.0)
"""Temperature at which the loop is filled with water [degC]; colder and hotter is flagged."""

_MW_PER_KW: Final = 1e-3
_SERIES_BELOW: Final = 1e-3


@dataclass(frozen=True, slots=True)
class LoopParameters:
    """The water in a loop: pipes, tank and machines."""

    design_kw: float
    """Heat that the loop is made for [kW]."""
    water_m3_per_mw: float = 15.0
    """Water over that heat [m3/MW]."""


class LoopStep(NamedTuple):
    """What happens to the loop during a step."""

    end_c: Floats
    """Temperature at its end [degC]."""
    mean_c: Floats
    """Mean temperature during it [degC]."""
    heat_out_kw: Floats
    """Mean heat that leaves the loop [kW]: heat in less what is stored."""


class LoopCourse(NamedTuple):
    """What happens to the loop, step by step; time on the last axis."""

    end_c: Floats
    """Temperature at the end of each step [degC]."""
    mean_c: Floats
    """Mean temperature during each step [degC]."""
    heat_out_kw: Floats
    """Mean heat that leaves the loop during each step [kW]."""
    outside: Flags
    """Whether the loop ends a step frozen or boiling."""


def heat_capacity_kj_per_k(parameters: LoopParameters) -> float:
    """Heat that warms the loop by one kelvin [kJ/K].

    Args:
        parameters: the loop.
    """
    water_m3 = parameters.water_m3_per_mw * parameters.design_kw * _MW_PER_KW
    return WATER_HEAT_KJ_PER_M3K * water_m3


def exchanging(
    parameters: LoopParameters,
    start_c: Floats,
    heat_in_kw: Floats,
    conductance_kw_per_k: Floats,
    sink_c: Floats,
    step_s: float,
) -> LoopStep:
    """One step of a loop that loses heat through an exchanger: the exact exponential.

    Args:
        parameters: the loop.
        start_c: temperature at the beginning [degC].
        heat_in_kw: heat into the loop less any other heat out of it [kW].
        conductance_kw_per_k: heat out per kelvin above the sink [kW/K], 0 or more.
        sink_c: temperature of what the loop loses heat to [degC].
        step_s: length of the step [s].
    """
    capacity = heat_capacity_kj_per_k(parameters)
    decays = conductance_kw_per_k * step_s / capacity
    once, twice = _means_of_decay(decays)
    at_start_kw = heat_in_kw - conductance_kw_per_k * (start_c - sink_c)
    undamped_k = at_start_kw * step_s / capacity
    warmed_k = undamped_k * once
    return LoopStep(
        start_c + warmed_k, start_c + undamped_k * twice, heat_in_kw - warmed_k * (capacity / step_s)
    )


def held(
    parameters: LoopParameters,
    start_c: Floats,
    heat_in_kw: Floats,
    able_kw: Floats,
    setpoint_c: Floats,
    step_s: float,
) -> LoopStep:
    """One step of a loop that machines bring to a setpoint by its end, as far as they are able.

    Args:
        parameters: the loop.
        start_c: temperature at the beginning [degC].
        heat_in_kw: heat into the loop [kW].
        able_kw: the most heat that the machines take [kW].
        setpoint_c: temperature wanted [degC].
        step_s: length of the step [s].
    """
    stored_kw_per_k = heat_capacity_kj_per_k(parameters) / step_s
    wanted = heat_in_kw + stored_kw_per_k * (start_c - setpoint_c)
    out = np.minimum(np.maximum(wanted, 0.0), able_kw)
    warmed_k = (heat_in_kw - out) / stored_kw_per_k
    return LoopStep(start_c + warmed_k, start_c + 0.5 * warmed_k, out)


def course_exchanging(
    parameters: LoopParameters,
    start_c: Floats,
    heat_in_kw: Floats,
    conductance_kw_per_k: Floats,
    sink_c: Floats,
    step_s: float,
) -> LoopCourse:
    """`exchanging`, step by step.

    Args:
        parameters: the loop.
        start_c: temperature at the beginning [degC], without the time axis.
        heat_in_kw: as there, time on the last axis.
        conductance_kw_per_k: as there, a shape that broadcasts with it.
        sink_c: as there, a shape that broadcasts with it.
        step_s: length of a step [s].
    """

    def step(temperature_c: Floats, heat_kw: Floats, conductance: Floats, cold_c: Floats) -> LoopStep:
        return exchanging(parameters, temperature_c, heat_kw, conductance, cold_c, step_s)

    return _course(step, start_c, heat_in_kw, conductance_kw_per_k, sink_c)


def course_held(
    parameters: LoopParameters,
    start_c: Floats,
    heat_in_kw: Floats,
    able_kw: Floats,
    setpoint_c: Floats,
    step_s: float,
) -> LoopCourse:
    """`held`, step by step.

    Args:
        parameters: the loop.
        start_c: temperature at the beginning [degC], without the time axis.
        heat_in_kw: as there, time on the last axis.
        able_kw: as there, a shape that broadcasts with it.
        setpoint_c: as there, a shape that broadcasts with it.
        step_s: length of a step [s].
    """

    def step(temperature_c: Floats, heat_kw: Floats, most_kw: Floats, wanted_c: Floats) -> LoopStep:
        return held(parameters, temperature_c, heat_kw, most_kw, wanted_c, step_s)

    return _course(step, start_c, heat_in_kw, able_kw, setpoint_c)


def _course(step: Callable[..., LoopStep], start_c: Floats, *series: Floats) -> LoopCourse:
    temperature_c = start_c
    steps = []
    for now in zip(*(np.moveaxis(values, -1, 0) for values in np.broadcast_arrays(*series)), strict=True):
        steps.append(step(temperature_c, *now))
        temperature_c = steps[-1].end_c
    end_c, mean_c, heat_out_kw = (np.stack(values, axis=-1) for values in zip(*steps, strict=True))
    return LoopCourse(end_c, mean_c, heat_out_kw, WATER_BOUNDS.outside(end_c))


def _means_of_decay(a: Floats) -> tuple[Floats, Floats]:
    """Integral of ``exp(-a s)`` over s from 0 to 1, and the mean of that up to s: 1 and 1/2 at a = 0."""
    small = a < _SERIES_BELOW
    safe = np.where(small, 1.0, a)
    once = np.where(small, 1.0 - a * (1 / 2 - a * (1 / 6 - a / 24)), -np.expm1(-safe) / safe)
    series = 1 / 2 - a * (1 / 6 - a * (1 / 24 - a / 120))
    return once, np.where(small, series, (safe + np.expm1(-safe)) / (safe * safe))
