"""What runs when, with memory: how many chillers, and whether the waterside economizer helps or replaces.

Both go through time step by step, all scenarios at once. A state lasts at least its hold time, so that
machines do not hunt; but what is missing starts at once, so that no hold leaves the plant short.

References:
    Economizer: Stein, "Waterside Economizing in Data Centers", ASHRAE Transactions 115 (2009); bands as in
    the examples of Modelica Buildings ``DataCenters.ChillerCooled.Controls.CoolingMode``. Staging by part
    load: usual practice, to be replaced by the site's own settings.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.plant.curves import Flags, Floats, divide

Modes = NDArray[np.int8]
"""An array of `CoolingMode`, of any shape."""

HOLD_S: Final = 1200.0
"""Least time in a state [s]."""

_ROUNDED_DOWN: Final = 1.0 - 1e-12


class CoolingMode(IntEnum):
    """Who cools the chilled water; the greater, the more the chillers."""

    FC = 0
    """Free cooling: the economizer alone."""
    PMC = 1
    """Partly mechanical: the economizer first, chillers the rest."""
    FMC = 2
    """Fully mechanical: chillers alone."""


@dataclass(frozen=True, slots=True)
class StagingParameters:
    """When equal chillers come on and go off."""

    on_above_ratio: float = 0.9
    """Another comes on where the load is more than this of the running ones' capacity [1]."""
    off_below_ratio: float = 0.4
    """One goes off where the load is less than this of the remaining ones' capacity [1]."""
    hold_s: float = HOLD_S
    """Least time between two changes of their number, but where the load would be more than all [s]."""


class ChillerStage(NamedTuple):
    """Where the chillers stand."""

    running: Floats
    """Number that run."""
    held_s: Floats
    """Time since that number last changed [s]."""


@dataclass(frozen=True, slots=True)
class ModeParameters:
    """When the waterside economizer is in use, and when chillers help it."""

    enable_band_k: float = 1.1
    """Enabled where the return is more than this above the tower water predicted [K]."""
    disable_band_k: float = 0.5
    """Disabled where its leaving water is less than this below the return [K]."""
    chiller_on_band_k: float = 1.1
    """Chillers come on where its leaving water is more than this above the supply setpoint [K]."""
    chiller_off_band_k: float = 0.5
    """Chillers go off where its leaving water is at most this above the supply setpoint [K]."""
    hold_s: float = HOLD_S
    """Least time enabled or disabled; and with chillers on before they go off [s]."""


class ModeStage(NamedTuple):
    """Where the economizer and the chillers stand."""

    enabled: Flags
    """Whether tower water goes through the economizer's exchanger."""
    enabled_held_s: Floats
    """Time since that last changed [s]."""
    mechanical: Flags
    """Whether chillers are on."""
    mechanical_held_s: Floats
    """Time since that last changed [s]."""

    @property
    def mode(self) -> Modes:
        """Who cools the chilled water."""
        with_it = np.where(self.mechanical, CoolingMode.PMC, CoolingMode.FC)
        return np.where(self.enabled, with_it, CoolingMode.FMC).astype(np.int8)


class Temperatures(NamedTuple):
    """What the economizer's mode depends on."""

    return_c: Floats
    """Chilled water return [degC]."""
    tower_predicted_c: Floats
    """Coldest tower water that the weather allows [degC]: wet bulb and approach."""
    leaving_c: Floats
    """Chilled water leaving the exchanger, were it enabled [degC]."""
    supply_set_c: Floats
    """Chilled water supply wanted [degC]."""


def first_stage(
    parameters: StagingParameters, load_kw: Floats, capacity_kw: Floats, available: Floats
) -> ChillerStage:
    """The fewest chillers that carry a load without calling for another, free to change.

    Args:
        parameters: the staging.
        load_kw: heat to take from the chilled water [kW].
        capacity_kw: capacity of one chiller [kW].
        available: chillers that can run.
    """
    wanted = np.ceil(divide(load_kw, parameters.on_above_ratio * capacity_kw) * _ROUNDED_DOWN)
    running = np.clip(wanted, 0.0, available)
    return ChillerStage(running, np.full(running.shape, parameters.hold_s))


def next_stage(
    parameters: StagingParameters,
    stage: ChillerStage,
    load_kw: Floats,
    capacity_kw: Floats,
    available: Floats,
    step_s: float,
) -> ChillerStage:
    """Chillers that run during a step.

    Args:
        parameters: the staging.
        stage: where they stood at its beginning.
        load_kw: heat to take from the chilled water during it [kW].
        capacity_kw: capacity of one chiller [kW].
        available: chillers that can run.
        step_s: its length [s].

    Returns:
        Where they stand at its end: one more or less, or as many more as the load needs at once.
    """
    before = np.minimum(stage.running, available)
    in_chillers = divide(load_kw, capacity_kw)
    free = stage.held_s >= parameters.hold_s
    more = free & (in_chillers > parameters.on_above_ratio * before)
    remaining = before - 1.0
    none_needed = (in_chillers <= 0) & (before > 0)
    fewer = free & (none_needed | (in_chillers < parameters.off_below_ratio * remaining))
    at_least = np.ceil(in_chillers * _ROUNDED_DOWN)
    wanted = np.maximum(before + more - fewer, at_least)
    running = np.minimum(wanted, available)
    return ChillerStage(running, np.where(running == stage.running, stage.held_s, 0.0) + step_s)


def chillers(
    parameters: StagingParameters,
    load_kw: Floats,
    capacity_kw: Floats,
    available: Floats,
    step_s: float,
    start: ChillerStage | None = None,
) -> tuple[Floats, ChillerStage]:
    """Number of chillers that run, step by step.

    Args:
        parameters: the staging.
        load_kw: heat to take from the chilled water [kW], time on the last axis.
        capacity_kw: capacity of one chiller [kW], a shape that broadcasts with it.
        available: chillers that can run, a shape that broadcasts with it.
        step_s: length of a step [s].
        start: where they stood before; `first_stage` of the first load where not given.

    Returns:
        The number during each step, broadcast shape, and where they stand at the end.
    """
    steps = _by_time(load_kw, capacity_kw, available)
    stage = first_stage(parameters, *steps[0]) if start is None else start
    running = []
    for load, capacity, there in steps:
        stage = next_stage(parameters, stage, load, capacity, there, step_s)
        running.append(stage.running)
    return np.stack(running, axis=-1), stage


def first_mode(parameters: ModeParameters, now: Temperatures) -> ModeStage:
    """The mode that steady temperatures would end in, free to change.

    Args:
        parameters: the economizer's control.
        now: temperatures at the beginning.
    """
    shape = np.broadcast_shapes(*(np.shape(values) for values in now))
    enabled = np.broadcast_to(_worth_enabling(parameters, now) & ~_of_no_use(parameters, now), shape)
    mechanical = ~enabled | (now.leaving_c > now.supply_set_c + parameters.chiller_on_band_k)
    held = np.full(shape, parameters.hold_s)
    return ModeStage(enabled, held, mechanical, held)


def next_mode(parameters: ModeParameters, stage: ModeStage, now: Temperatures, step_s: float) -> ModeStage:
    """The mode during a step.

    Args:
        parameters: the economizer's control.
        stage: where it stood at its beginning.
        now: temperatures during it.
        step_s: its length [s].

    Returns:
        Where it stands at its end. Chillers that the setpoint needs come on without waiting.
    """
    free = stage.enabled_held_s >= parameters.hold_s
    change = np.where(stage.enabled, _of_no_use(parameters, now), _worth_enabling(parameters, now))
    enabled = stage.enabled ^ (free & change)
    above_k = now.leaving_c - now.supply_set_c
    settled = stage.mechanical_held_s >= parameters.hold_s
    stays = stage.mechanical & ~(settled & (above_k <= parameters.chiller_off_band_k))
    mechanical = ~enabled | stays | (above_k > parameters.chiller_on_band_k)
    return ModeStage(
        enabled,
        np.where(enabled == stage.enabled, stage.enabled_held_s, 0.0) + step_s,
        mechanical,
        np.where(mechanical == stage.mechanical, stage.mechanical_held_s, 0.0) + step_s,
    )


def modes(
    parameters: ModeParameters, temperatures: Temperatures, step_s: float, start: ModeStage | None = None
) -> tuple[Modes, ModeStage]:
    """The mode, step by step.

    Args:
        parameters: the economizer's control.
        temperatures: broadcastable shapes, time on the last axis.
        step_s: length of a step [s].
        start: where it stood before; `first_mode` of the first temperatures where not given.

    Returns:
        The mode during each step, broadcast shape, and where it stands at the end.
    """
    steps = [Temperatures(*values) for values in _by_time(*temperatures)]
    stage = first_mode(parameters, steps[0]) if start is None else start
    found = []
    for now in steps:
        stage = next_mode(parameters, stage, now, step_s)
        found.append(stage.mode)
    return np.stack(found, axis=-1), stage


def _worth_enabling(parameters: ModeParameters, now: Temperatures) -> Flags:
    return now.return_c > now.tower_predicted_c + parameters.enable_band_k


def _of_no_use(parameters: ModeParameters, now: Temperatures) -> Flags:
    return now.leaving_c > now.return_c - parameters.disable_band_k


def _by_time(*series: Floats) -> list[tuple[Floats, ...]]:
    """Values of each series at each time, the last axis."""
    whole = np.broadcast_arrays(*series)
    return list(zip(*(np.moveaxis(values, -1, 0) for values in whole), strict=True))
