"""Whether a learned residual earns its place, and the one that does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from core.units import SECONDS_PER_HOUR
from twin import residual
from twin.simulate import simulate

if TYPE_CHECKING:
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


def learn_residual(
    parameters: Parameters, history: History, weights: Floats | None = None
) -> tuple[residual.Residual | None, dict[str, float]]:
    """The residual of a calibrated plant, or none where it does not earn its place.

    Args:
        parameters: the calibrated plant.
        history: weather, load and setpoints of every step; meters where they are known.
        weights: (n,) how much each step counts.

    Returns:
        The residual, and the hourly errors of overhead power on held-out blocks, with it and without [kW].
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
    if known.sum() < STEPS_MIN:
        return None, {"steps": float(known.sum())}
    without = _hourly_rmse(off, step_s)
    overhead = float((history.facility_kw - history.it_kw)[known].mean())
    if without < WORTH_RATIO * overhead:
        return None, {"steps": float(known.sum()), "held_out_rmse_kw_physics": without}
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
        return None, report
    return residual.learn(table, off, warmer, hull, weights), report


def _hourly_rmse(values: Floats, step_s: float) -> float:
    """Root mean square of hourly means, of the hours that are complete."""
    count = max(round(SECONDS_PER_HOUR / step_s), 1)
    whole = values[: len(values) // count * count].reshape(-1, count).mean(axis=1)
    return float(np.sqrt(np.nanmean(whole**2)))
