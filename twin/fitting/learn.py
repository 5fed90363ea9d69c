"""Whether a learned residual earns its place, the one that does, and what to say of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from core.units import SECONDS_PER_HOUR
from twin.fitting import residual
from twin.simulate import simulate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from twin.calibration import Calibration
    from twin.history import History
    from twin.parameters import Parameters
    from twin.plant.curves import Floats

FOLDS: Final = 4
BLOCK_H: Final = 72.0
"""Hours in a row that are held out together, as neighbours resemble each other [h]."""
WORTH_RATIO: Final = 0.02
"""Nothing is learned where the physics is off by less than this share of what the IT does not draw [1]."""
EARNED_RATIO: Final = 0.95
"""A residual stays if with it the error on held-out blocks is at most this share of that without [1]."""
STEPS_MIN: Final = 500
"""Fewest steps to learn from."""


class Learned(NamedTuple):
    """What came of learning."""

    residual: residual.Residual | None
    """None where it does not earn its place, or nothing can be learned here."""
    judged: dict[str, float]
    """Steps, and hourly errors of overhead power on held-out blocks, with it and without [kW]."""
    obstacle: str = ""
    """Why nothing can be learned here, and what to do; empty where it can."""


def learn_residual(parameters: Parameters, history: History, weights: Floats | None = None) -> Learned:
    """The residual of a calibrated plant, or none where it does not earn its place.

    Args:
        parameters: the calibrated plant.
        history: weather, load and setpoints of every step; meters where they are known.
        weights: (n,) how much each step counts.
    """
    step_s = history.step.total_seconds()
    conditions, setpoints = history.conditions(parameters), history.setpoints
    state = simulate(parameters, conditions, setpoints, step_s)
    table = residual.features(state, conditions, setpoints, step_s)
    losses = np.where(np.isfinite(history.ups_loss_kw), history.ups_loss_kw, state.electrical_loss_kw)
    modelled = state.facility_kw - state.it_kw - state.electrical_loss_kw
    off = (history.facility_kw - history.it_kw - losses) - modelled
    warmer = history.inlet_c - state.inlet_c
    known = np.isfinite(off)
    off, warmer = np.where(known, off, np.nan), np.where(known, warmer, np.nan)
    without = _hourly_rmse(off, step_s)
    if known.sum() < STEPS_MIN or not np.isfinite(without):
        return Learned(None, {"steps": float(known.sum())})
    overhead = float((history.facility_kw - history.it_kw)[known].mean())
    if without < WORTH_RATIO * overhead:
        return Learned(None, {"steps": float(known.sum()), "held_out_rmse_kw_physics": without})
    if obstacle := residual.unavailable():
        judged = {"steps": float(known.sum()), "held_out_rmse_kw_physics": without}
        return Learned(None, judged, obstacle)
    seen = history.part(known)
    hull = residual.hull_of(seen.conditions(parameters), seen.setpoints)
    fold = (np.arange(len(off)) * step_s // (BLOCK_H * SECONDS_PER_HOUR)).astype(int) % FOLDS
    predicted = np.full(len(off), np.nan)
    for number in range(FOLDS):
        held = fold == number
        trees = residual.trained(table, np.where(held, np.nan, off), residual.monotone(), weights)
        predicted[held] = residual.predicted(trees, table[held])
    with_it = _hourly_rmse(off - predicted, step_s)
    report = {"held_out_rmse_kw_physics": without, "held_out_rmse_kw": with_it, "steps": float(known.sum())}
    if not with_it < EARNED_RATIO * without:
        return Learned(None, report)
    return Learned(residual.learn(table, off, warmer, hull, weights), report)


def told(found: Calibration) -> str:
    """Whether something was learned on top of the physics, how much nearer it is, and what uses it."""
    judged, nothing = found.residual_judged, "nothing was learned on top of the physics"
    if found.residual is not None:
        return left_out(found) or (
            f"learned on top of the physics from {judged['steps']:.0f} steps: {_errors(judged)}; validation,"
            " replay and what-if use both, sweeps and advice (search and gates) the physics alone"
        )
    if found.residual_obstacle:
        return f"{nothing}: {found.residual_obstacle}"
    if "held_out_rmse_kw" in judged:
        return f"{nothing}: it gains too little, {_errors(judged)}"
    if "held_out_rmse_kw_physics" in judged:
        off = judged["held_out_rmse_kw_physics"]
        return (
            f"{nothing}: the physics alone is off by {off:.1f} kW hour by hour, cooling and other power, less"
            f" than {WORTH_RATIO:.0%} of what the IT does not draw"
        )
    if "steps" in judged:
        return (
            f"{nothing}: {judged['steps']:.0f} steps have their meters, it takes {STEPS_MIN} in whole hours"
        )
    return nothing


def left_out(found: Calibration) -> str:
    """What to say where something was learned and cannot be used here; empty otherwise."""
    problem = found.residual.unusable() if found.residual is not None else ""
    return f"what was learned on top of the physics is left out here: {problem}" if problem else ""


def _errors(judged: Mapping[str, float]) -> str:
    with_it, without = (judged[name] for name in ("held_out_rmse_kw", "held_out_rmse_kw_physics"))
    return (
        "cooling and other power is off, hour by hour on held-out blocks,"
        f" by {with_it:.1f} kW with it and {without:.1f} kW without"
    )


def _hourly_rmse(values: Floats, step_s: float) -> float:
    """Root mean square of hourly means, of the hours that are complete; NaN where none is."""
    count = max(round(SECONDS_PER_HOUR / step_s), 1)
    whole = values[: len(values) // count * count].reshape(-1, count).mean(axis=1)
    complete = whole[np.isfinite(whole)]
    return float(np.sqrt(np.mean(complete**2))) if len(complete) else float("nan")
