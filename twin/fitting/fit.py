"""The plant's multipliers by bounded least squares with priors, from the load down to the tower."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.optimize import least_squares

from twin.calibration import PRIORS
from twin.fitting.rolling import IDENTIFIED_SD_RATIO
from twin.history import METERS, History
from twin.network import solve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from twin.parameters import Parameters
    from twin.plant.curves import Floats
    from twin.state import PlantState

SCALE_SHARE: Final = 0.03
"""First guess of the twin's error on a meter over the meter's mean [1]."""
SCALE_MOST_RATIO: Final = 3.0
"""The error to reckon with grows at most by this over the first guess [1]."""
SCALE_FLOOR_SHARE: Final = 0.01
"""Least error to reckon with over a meter's mean [1]: a meter of class 1."""
INLET_SCALE_K: Final = 0.3
INLET_SCALE_FLOOR_K: Final = 0.05
CORRELATED_STEPS: Final = 4.0
"""Steps of 15 min that carry the information of one: errors last for about an hour."""
_DIFFERENCE_STEP: Final = 1e-4
COARSE_STRIDE: Final = 4
"""The first fits use every so manieth step."""
STEPS_MOST: Final = 6000
"""The last fit uses no more steps than this, evenly taken: neighbours say the same."""
_EVALUATIONS_MAX: Final = 30
TEMPERATURES: Final = ("inlet_c", "return_air_c")
"""Compared by their difference; powers by their logarithm."""
FIT: Final = (*METERS, "cooling_load_kw", *TEMPERATURES)
THRESHOLDS: Final = {
    "indirect_wet_from": np.linspace(0.6, 1.3, 29),
    "indirect_wet_bulb_max": np.linspace(0.75, 1.2, 19),
    "air_economizer_dry_bulb_max": np.linspace(0.5, 1.3, 33),
    "air_economizer_dew_point_max": np.linspace(0.5, 1.5, 21),
}
"""Multipliers at which the plant changes its mode: found on these grids, as they have no slope to follow."""
THRESHOLD_METERS: Final = ("evaporative_kw", "chiller_kw", "cooling_load_kw", "facility_kw")
RESIDUAL_MOST: Final = 3.0
"""On the grids no residual counts for more than this many errors: a mode is right or wrong [1]."""
BLOCKS: Final[tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]] = (
    (("ups_loss", "ups_no_load"), ("ups_loss_kw",)),
    (
        ("server_airflow", "coil_ua", "crah_fan", "crah_fan_exponent", "recirculation", "envelope"),
        ("crah_fan_kw", *TEMPERATURES),
    ),
    (
        (
            "direct_effectiveness",
            "indirect_wet_effectiveness",
            "indirect_dry_effectiveness",
            "indirect_power",
            "indirect_part_power",
        ),
        ("evaporative_kw", "cooling_load_kw"),
    ),
    (
        (
            "tower_approach",
            "rejection_conductance",
            "economizer",
            "tower_fan",
            "pump",
            "pump_exponent",
            "chiller_power",
        ),
        ("tower_fan_kw", "pump_kw", "chiller_kw"),
    ),
)
"""Multipliers to find first from the meters that they act on most, from the load down to the tower."""
LOG_OFFSET_RATIO: Final = 0.25
"""Powers are compared by the logarithm of power plus this share of the mean: errors grow with power."""


def predicted(state: PlantState, meter: str) -> Floats:
    """What the twin says of one of METERS [kW] or of ``inlet_c`` [degC]."""
    values: Floats = state.electrical_loss_kw if meter == "ups_loss_kw" else getattr(state, meter)
    return values


class Problem:
    """Residuals of the meters that a history has, each over the error to reckon with."""

    def __init__(self, design: Parameters, history: History, weights: Floats, stride: int = 1) -> None:
        some = slice(None, None, stride)
        self.design, self.history, self.weights = design, history.part(some), weights[some]
        history = self.history
        self.correlated = max(CORRELATED_STEPS / stride, 1.0)
        self.measured = {
            name: getattr(history, name) for name in FIT if np.isfinite(getattr(history, name)).any()
        }
        self.scales = {name: _first_scale(name) for name in self.measured}
        self.found = dict.fromkeys(design.adjustable, 1.0)

    def off(self, names: Sequence[str], values: Floats, meters: Sequence[str]) -> dict[str, Floats]:
        """By meter, predicted minus measured: kelvin, or share of the mean after taking logarithms."""
        parameters = self.design.with_multipliers(self.found | dict(zip(names, values.tolist(), strict=True)))
        state = solve(parameters, self.history.conditions(parameters), self.history.setpoints)
        return {
            meter: np.nan_to_num(_difference(meter, predicted(state, meter), self.measured[meter]))
            for meter in meters
            if meter in self.measured
        }

    def residuals(self, values: Floats, names: Sequence[str], meters: Sequence[str]) -> Floats:
        """Meters' residuals, then the priors'."""
        parts = [
            off * np.sqrt(self.weights / self.correlated) / self.scales[meter]
            for meter, off in self.off(names, values, meters).items()
        ]
        parts.append(np.array([(v - 1.0) / PRIORS[n].sd for n, v in zip(names, values, strict=True)]))
        return np.concatenate(parts)

    def rescale(self) -> None:
        """Set each meter's error to what the fit leaves on it, within reason."""
        for meter, off in self.off((), np.zeros(0), FIT).items():
            left = float(np.sqrt(np.average(off**2, weights=self.weights)))
            self.scales[meter] = float(np.clip(left, *_scale_bounds(meter)))

    def search(self) -> None:
        """Find the thresholds, one after the other, each on its grid."""
        meters = tuple(meter for meter in THRESHOLD_METERS if meter in self.measured)
        for name, grid in THRESHOLDS.items():
            if name in self.found:
                costs = [self._cost(name, float(value), meters) for value in grid]
                self.found[name] = float(grid[int(np.argmin(costs))])

    def _cost(self, name: str, value: float, meters: Sequence[str]) -> float:
        off = self.residuals(np.array([value]), (name,), meters)
        return float(np.sum(np.minimum(np.abs(off), RESIDUAL_MOST) ** 2))

    def fit(self, names: Sequence[str], meters: Sequence[str] = FIT) -> Floats:
        """Find these multipliers, the others being as found before; returns their covariance."""
        priors = [PRIORS[name] for name in names]
        result = least_squares(
            self.residuals,
            [self.found[name] for name in names],
            bounds=([p.low for p in priors], [p.high for p in priors]),
            x_scale=[p.sd for p in priors],
            diff_step=[_DIFFERENCE_STEP] * len(names),
            max_nfev=_EVALUATIONS_MAX,
            args=(tuple(names), tuple(meters)),
        )
        self.found.update(zip(names, result.x.tolist(), strict=True))
        jacobian = np.asarray(result.jac, dtype=np.float64)
        return np.asarray(np.linalg.inv(jacobian.T @ jacobian), dtype=np.float64)


def _difference(meter: str, model: Floats, measured: Floats) -> Floats:
    if meter in TEMPERATURES:
        return model - measured
    mean = max(float(np.nanmean(measured)), 1e-3)
    return (1.0 + LOG_OFFSET_RATIO) * np.log(
        (model / mean + LOG_OFFSET_RATIO) / (np.maximum(measured / mean, 0.0) + LOG_OFFSET_RATIO)
    )


def _first_scale(meter: str) -> float:
    return INLET_SCALE_K if meter in TEMPERATURES else SCALE_SHARE


def _scale_bounds(meter: str) -> tuple[float, float]:
    floor = INLET_SCALE_FLOOR_K if meter in TEMPERATURES else SCALE_FLOOR_SHARE
    return floor, SCALE_MOST_RATIO * _first_scale(meter)


def identify(
    design: Parameters, history: History, weights: Floats | None = None
) -> tuple[dict[str, float], tuple[str, ...], Floats]:
    """Fit by blocks, then together; drop what the data do not narrow, fit the others again.

    Args:
        design: the plant before calibration.
        history: what was measured, complete steps only.
        weights: (n,) how much each step counts [1]; alike where not given.

    Returns:
        All multipliers [1]; the names of those that the data identify; their covariance [1].
    """
    alike = np.ones(len(history)) if weights is None else weights
    fine = max(len(history) // STEPS_MOST, 1)
    coarse = Problem(design, history, alike, COARSE_STRIDE * fine)
    smooth = tuple(name for name in coarse.found if name not in THRESHOLDS)
    for _ in range(2 if len(smooth) < len(coarse.found) else 1):
        for block, meters in BLOCKS:
            present = tuple(name for name in block if name in smooth)
            if present and any(meter in coarse.measured for meter in meters):
                coarse.fit(present, meters)
        coarse.search()
    for _ in range(2):
        coarse.fit(smooth)
        coarse.rescale()
    problem = Problem(design, history, alike, fine)
    problem.found, problem.scales = coarse.found, coarse.scales
    names, covariance = smooth, problem.fit(smooth)
    while names:
        ratios = np.sqrt(np.diag(covariance)) / np.array([PRIORS[name].sd for name in names])
        kept = tuple(name for name, ratio in zip(names, ratios, strict=True) if ratio < IDENTIFIED_SD_RATIO)
        if kept == names:
            break
        problem.found.update(dict.fromkeys(set(names) - set(kept), 1.0))
        names = kept
        covariance = problem.fit(names) if names else np.zeros((0, 0))
    return problem.found, names, covariance
