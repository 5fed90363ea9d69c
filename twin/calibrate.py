"""Fit the plant's multipliers to its submeters by bounded least squares with priors; check on later data.

References:
    Errors as in ASHRAE Guideline 14: NMBE and CV(RMSE), hourly or finer, on a period that was not fitted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.optimize import least_squares

from twin.calibration import PRIORS, Calibration, MeterError, latest, refusal, save
from twin.history import METERS, History, load_history, load_points
from twin.network import MULTIPLIERS, Parameters, PlantState, solve
from twin.prepare import HALF_LIFE, Prepared, prepare

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from core.site import Site
    from twin.plant.curves import Floats

__all__ = [
    "PRIORS",
    "Calibration",
    "History",
    "MeterError",
    "calibrate",
    "calibrate_prepared",
    "held_out_errors",
    "latest",
    "load_history",
    "load_points",
    "predicted",
    "refusal",
    "save",
]

IDENTIFIED_SD_RATIO: Final = 0.7
"""A multiplier is identified where data shrink its standard deviation below this share of the prior's."""
SCALE_SHARE: Final = 0.03
"""First guess of the twin's error on a meter over the meter's mean [1]."""
SCALE_MOST_RATIO: Final = 3.0
"""The error to reckon with grows at most by this over the first guess [1]."""
SCALE_FLOOR_SHARE: Final = 0.003
"""Least error to reckon with over a meter's mean [1]."""
INLET_SCALE_K: Final = 0.3
INLET_SCALE_FLOOR_K: Final = 0.05
CORRELATED_STEPS: Final = 4.0
"""Steps of 15 min that carry the information of one: errors last for about an hour."""
_DIFFERENCE_STEP: Final = 5e-3
COARSE_STRIDE: Final = 4
"""The first fits use every so manieth step."""
_EVALUATIONS_MAX: Final = 30
_MIDDLE_PERCENTILE: Final = 95.0
_FIT: Final = (*METERS, "inlet_c")
BLOCKS: Final[tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]] = (
    (("ups_loss", "ups_no_load"), ("ups_loss_kw",)),
    (("server_airflow", "coil_ua", "crah_fan", "recirculation"), ("crah_fan_kw", "inlet_c")),
    (
        ("tower_approach", "economizer", "tower_fan", "pump", "chiller_power"),
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


def calibrate(
    site: Site, history: History, *, created_at: datetime | None = None, half_life: timedelta = HALF_LIFE
) -> Calibration:
    """Screen a site's history and fit its multipliers to what is left, the newest the most.

    Args:
        site: the site's description.
        history: what was measured; what is wrong with it is left out.
        created_at: when this is done; the history's end where not given.
        half_life: age at which a step counts half.

    Returns:
        Multipliers, their covariance, errors on the last quarter, which was not fitted, and the envelope.

    Raises:
        InputError: a point is wrong throughout.
        NotReadyError: there are too few usable steps.
    """
    return calibrate_prepared(site, history, prepare(site, history, half_life), created_at=created_at)


def calibrate_prepared(
    site: Site, history: History, ready: Prepared, *, created_at: datetime | None = None
) -> Calibration:
    """The same of a history that has been screened and split."""
    design = Parameters.from_design(site.plant)
    multipliers, names, covariance = _identify(design, ready.fit, ready.weights)
    parameters = design.with_multipliers(multipliers)
    return Calibration(
        created_at=created_at or history.end,
        period_from=history.start,
        period_to=history.end,
        multipliers=multipliers,
        names=names,
        covariance=tuple(tuple(row) for row in covariance.tolist()),
        unidentified=tuple(name for name in MULTIPLIERS if name not in names),
        errors=held_out_errors(parameters, ready.check),
        envelope=_envelope(parameters, ready.fit, ready.check),
        steps_used=len(ready.fit) + len(ready.check),
        steps_masked=ready.steps_masked,
        steps_effective=ready.steps_effective,
        held_out_from=ready.held_out_from,
        findings=ready.findings,
    )


class _Problem:
    """Residuals of the meters that a history has, each over the error to reckon with."""

    def __init__(self, design: Parameters, history: History, weights: Floats) -> None:
        self.design, self.history, self.weights = design, history, weights
        self.measured = {
            name: getattr(history, name) for name in _FIT if np.isfinite(getattr(history, name)).any()
        }
        self.scales = {name: _first_scale(name) for name in self.measured}
        self.found = dict.fromkeys(MULTIPLIERS, 1.0)

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
            off * np.sqrt(self.weights / CORRELATED_STEPS) / self.scales[meter]
            for meter, off in self.off(names, values, meters).items()
        ]
        parts.append(np.array([(v - 1.0) / PRIORS[n].sd for n, v in zip(names, values, strict=True)]))
        return np.concatenate(parts)

    def rescale(self) -> None:
        """Set each meter's error to what the fit leaves on it, within reason."""
        for meter, off in self.off((), np.zeros(0), _FIT).items():
            left = float(np.sqrt(np.average(off**2, weights=self.weights)))
            self.scales[meter] = float(np.clip(left, *_scale_bounds(meter)))

    def fit(self, names: Sequence[str], meters: Sequence[str] = _FIT) -> Floats:
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
    if meter == "inlet_c":
        return model - measured
    mean = max(float(np.nanmean(measured)), 1e-3)
    return (1.0 + LOG_OFFSET_RATIO) * np.log(
        (model / mean + LOG_OFFSET_RATIO) / (np.maximum(measured / mean, 0.0) + LOG_OFFSET_RATIO)
    )


def _first_scale(meter: str) -> float:
    return INLET_SCALE_K if meter == "inlet_c" else SCALE_SHARE


def _scale_bounds(meter: str) -> tuple[float, float]:
    floor = INLET_SCALE_FLOOR_K if meter == "inlet_c" else SCALE_FLOOR_SHARE
    return floor, SCALE_MOST_RATIO * _first_scale(meter)


def _identify(
    design: Parameters, history: History, weights: Floats
) -> tuple[dict[str, float], tuple[str, ...], Floats]:
    """Fit by blocks, then together; drop what the data do not narrow, fit the others again."""
    some = slice(None, None, COARSE_STRIDE)
    coarse = _Problem(design, history.part(some), weights[some])
    for block, meters in BLOCKS:
        coarse.fit(block, meters)
    names = tuple(MULTIPLIERS)
    for _ in range(2):
        coarse.fit(names)
        coarse.rescale()
    problem = _Problem(design, history, weights)
    problem.found, problem.scales = coarse.found, coarse.scales
    covariance = problem.fit(names)
    while names:
        ratios = np.sqrt(np.diag(covariance)) / np.array([PRIORS[name].sd for name in names])
        kept = tuple(name for name, ratio in zip(names, ratios, strict=True) if ratio < IDENTIFIED_SD_RATIO)
        if kept == names:
            break
        problem.found.update(dict.fromkeys(set(names) - set(kept), 1.0))
        names = kept
        covariance = problem.fit(names) if names else np.zeros((0, 0))
    return problem.found, names, covariance


def held_out_errors(parameters: Parameters, history: History) -> dict[str, MeterError]:
    """The twin's errors by meter over a history [kW], [K]; meters that are not there are left out."""
    state = solve(parameters, history.conditions(parameters), history.setpoints)
    errors = {}
    for name in _FIT:
        measured = getattr(history, name)
        known = np.isfinite(measured)
        if not known.any():
            continue
        off = (measured - predicted(state, name))[known]
        mean = float(measured[known].mean())
        rmse, over = float(np.sqrt(np.mean(off**2))), abs(mean) if mean else 1.0
        p95 = float(np.percentile(np.abs(off), _MIDDLE_PERCENTILE))
        errors[name] = MeterError(float(off.mean()) / over, rmse / over, p95, mean)
    return errors


def _envelope(parameters: Parameters, *parts: History) -> dict[str, tuple[float, float]]:
    found: dict[str, list[Floats]] = {}
    for history in parts:
        for given in (history.conditions(parameters), history.setpoints):
            for name in given.__dataclass_fields__:
                found.setdefault(name, []).append(np.asarray(getattr(given, name), float))
    return {
        name: (min(float(v.min()) for v in values), max(float(v.max()) for v in values))
        for name, values in found.items()
    }
