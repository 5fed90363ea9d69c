"""What the data-centre years can be predicted to without physics, from the inputs that the twin gets.

    python -m benchmarks.twin_blackbox FILE --calibrate-days 1-21

A quadratic in all inputs, and gradient-boosted trees (LightGBM) on the inputs of the step alone, and with
means of past inputs beside them, each for cooling power, facility over IT power, and IT inlet.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from common import console
from twin_eplus import STEPS_PER_HOUR, W_PER_KW, Predicted, Year, days, errors, read

if TYPE_CHECKING:
    from collections.abc import Callable

    from twin.plant.curves import Flags, Floats

    Learner = Callable[[Floats, Floats, Flags], Floats]
    """Predicts a column for all steps from inputs (step, k), the column, and which steps may be seen."""

INPUTS: Final = (
    "outdoor_dry_bulb_c",
    "outdoor_wet_bulb_c",
    "it_power_w",
    "chw_setpoint_c",
    "supply_air_setpoint_c",
    "hall_setpoint_c",
)
LAGS_H: Final = (1, 3, 12)
"""Means of the inputs over so many past hours."""
ROUNDS: Final = 500
TREES: Final[dict[str, Any]] = {
    "objective": "regression",
    "learning_rate": 0.05,
    "num_leaves": 31,
    "verbosity": -1,
    "deterministic": True,
    "force_row_wise": True,
    "seed": 1,
}


def baselines(path: Path, first_day: int, last_day: int) -> dict[str, dict[str, float]]:
    """Errors, as `twin_eplus.run` gives them, of what knows no physics.

    Returns:
        By ``quadratic``, ``trees`` and ``lagged_trees``; trees are left out where LightGBM is not installed.
    """
    year = read(path, first_day, last_day)
    inputs = np.stack([year.columns[name] for name in INPUTS], axis=1)
    found = {"quadratic": _errors(year, inputs, quadratic)}
    try:
        found["trees"] = _errors(year, inputs, trees)
        found["lagged_trees"] = _errors(year, _lagged(inputs), trees)
    except ImportError:
        return found
    return found


def _errors(year: Year, inputs: Floats, learner: Learner) -> dict[str, float]:
    c, seen = year.columns, year.calibrated
    cooling = learner(inputs, c["hvac_power_w"] / W_PER_KW, seen)
    ratio = learner(inputs, c["facility_power_w"] / c["it_power_w"], seen)
    return errors(year, Predicted(cooling, ratio, learner(inputs, c["it_inlet_c"], seen)))


def quadratic(inputs: Floats, column: Floats, seen: Flags) -> Floats:
    """Least squares of a constant, the inputs, their squares and products."""
    scaled = (inputs - inputs[seen].mean(axis=0)) / inputs[seen].std(axis=0)
    first, second = np.triu_indices(scaled.shape[1])
    terms = np.column_stack([np.ones(len(scaled)), scaled, scaled[:, first] * scaled[:, second]])
    found: Floats = terms @ np.linalg.lstsq(terms[seen], column[seen], rcond=None)[0]
    return found


def trees(inputs: Floats, column: Floats, seen: Flags) -> Floats:
    """Gradient-boosted trees."""
    import lightgbm  # noqa: PLC0415  # an extra that a checkout may lack

    data = lightgbm.Dataset(inputs[seen], column[seen])
    return np.asarray(lightgbm.train(TREES, data, ROUNDS).predict(inputs), dtype=np.float64)


def _lagged(inputs: Floats) -> Floats:
    """The inputs, and their means over the hours before."""
    sums = np.concatenate([np.zeros((1, inputs.shape[1])), np.cumsum(inputs, axis=0)])
    steps = np.arange(len(inputs))
    means = []
    for hours in LAGS_H:
        since = np.maximum(steps - hours * STEPS_PER_HOUR, 0)
        means.append((sums[steps] - sums[since]) / np.maximum(steps - since, 1)[:, None])
    return np.hstack([inputs, *means])


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.twin_blackbox", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--calibrate-days", type=days, default=(1, 21))
    asked = parser.parse_args()
    for name, figures in baselines(asked.file, *asked.calibrate_days).items():
        for key, value in figures.items():
            console.print(f"{name:14s}{key:24s}{value:12,.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
