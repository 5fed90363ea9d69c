"""Fit the plant's multipliers to its submeters by bounded least squares with priors; check on later data.

References:
    Errors as in ASHRAE Guideline 14: NMBE and CV(RMSE), hourly or finer, on a period that was not fitted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from twin.calibration import PRIORS, Calibration, MeterError, in_use, latest, refusal, save
from twin.fitting.fit import FIT, identify, predicted
from twin.fitting.learn import learn_residual
from twin.fitting.prepare import HALF_LIFE, Prepared, prepare
from twin.history import History, load_history, load_points
from twin.network import Parameters, solve
from twin.simulate import Twin

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from core.site import Site
    from twin.plant.curves import Floats
    from twin.state import PlantState

__all__ = [
    "PRIORS",
    "Calibration",
    "History",
    "MeterError",
    "calibrate",
    "calibrate_prepared",
    "held_out_errors",
    "in_use",
    "latest",
    "load_history",
    "load_points",
    "predicted",
    "refusal",
    "save",
]

_MIDDLE_PERCENTILE: Final = 95.0


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
    design = Parameters.from_design(site.plant.as_one_zone)
    multipliers, names, covariance = identify(design, ready.fit, ready.weights)
    parameters = design.with_multipliers(multipliers)
    learned = learn_residual(parameters, *_learnt_from(ready))
    twin = Twin(parameters, learned.residual)
    return Calibration(
        created_at=created_at or history.end,
        period_from=history.start,
        period_to=history.end,
        multipliers=multipliers,
        names=names,
        covariance=tuple(tuple(row) for row in covariance.tolist()),
        unidentified=tuple(name for name in multipliers if name not in names),
        errors=held_out_errors(parameters, ready.check),
        envelope=_envelope(parameters, ready.fit, ready.check),
        steps_used=len(ready.fit) + len(ready.check),
        steps_masked=ready.steps_masked,
        steps_effective=ready.steps_effective,
        held_out_from=ready.held_out_from,
        findings=ready.findings,
        residual=learned.residual,
        residual_judged=learned.judged,
        residual_obstacle=learned.obstacle,
        errors_with_residual=_errors_with(twin, ready) if learned.residual else {},
    )


def _learnt_from(ready: Prepared) -> tuple[History, Floats]:
    """The whole series, gaps bridged, meters only where they may be learned from; and the steps' weights."""
    weights = np.zeros(len(ready.whole))
    weights[ready.fitted] = ready.weights
    return ready.whole.bridged(ready.whole.usable).unmetered(weights == 0.0), weights


def _errors_with(twin: Twin, ready: Prepared) -> dict[str, MeterError]:
    """Errors of the twin with its residual on the steps held out."""
    filled = ready.whole.bridged(ready.whole.usable)
    conditions = filled.conditions(twin.parameters)
    state = twin.run(conditions, filled.setpoints, filled.step.total_seconds())
    return _errors(state.part(ready.held), ready.check)


def held_out_errors(parameters: Parameters, history: History) -> dict[str, MeterError]:
    """The twin's errors by meter over a history [kW], [K]; meters that are not there are left out."""
    return _errors(solve(parameters, history.conditions(parameters), history.setpoints), history)


def _errors(state: PlantState, history: History) -> dict[str, MeterError]:
    errors = {}
    for name in FIT:
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
        if all(np.isfinite(v).all() for v in values)  # of a setpoint that the plant lacks it is NaN
    }
