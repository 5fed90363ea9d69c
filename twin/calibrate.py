"""Fit the plant's multipliers to its submeters by bounded least squares with priors; check on later data.

References:
    Errors as in ASHRAE Guideline 14: NMBE and CV(RMSE), hourly or finer, on a period that was not fitted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from core.errors import NotReadyError
from twin.calibration import PRIORS, Calibration, MeterError, latest, refusal, save
from twin.fit import FIT, identify, predicted
from twin.history import History, load_history
from twin.network import Parameters, solve

if TYPE_CHECKING:
    from datetime import datetime

    from core.site import Site
    from twin.plant.curves import Flags

__all__ = [
    "PRIORS",
    "Calibration",
    "History",
    "MeterError",
    "calibrate",
    "held_out_errors",
    "latest",
    "load_history",
    "predicted",
    "refusal",
    "save",
]

HELD_OUT_RATIO: Final = 0.25
"""Last share of the history, not fitted, on which errors are computed."""
STEPS_MIN: Final = 96
"""Fewest usable steps."""
_MIDDLE_PERCENTILE: Final = 95.0


def calibrate(site: Site, history: History, *, created_at: datetime | None = None) -> Calibration:
    """Fit a site's multipliers to its history.

    Args:
        site: the site's description.
        history: what was measured; steps with missing or impossible values are left out.
        created_at: when this is done; the history's end where not given.

    Returns:
        Multipliers, their covariance, errors on the last quarter, which was not fitted, and the envelope.

    Raises:
        NotReadyError: there are too few usable steps.
    """
    good = history.usable & _possible(history)
    if int(good.sum()) < STEPS_MIN:
        raise NotReadyError(
            f"{int(good.sum())} complete steps of {history.step} are too few to calibrate; "
            f"{STEPS_MIN} are needed"
        )
    clean = history.part(good)
    cut = int(len(clean) * (1.0 - HELD_OUT_RATIO))
    fit, check = clean.part(slice(0, cut)), clean.part(slice(cut, None))
    design = Parameters.from_design(site.plant.as_one_zone)
    multipliers, names, covariance = identify(design, fit)
    parameters = design.with_multipliers(multipliers)
    return Calibration(
        created_at=created_at or history.end,
        period_from=history.start,
        period_to=history.end,
        multipliers=multipliers,
        names=names,
        covariance=tuple(tuple(row) for row in covariance.tolist()),
        unidentified=tuple(name for name in multipliers if name not in names),
        errors=held_out_errors(parameters, check),
        envelope=_envelope(parameters, clean),
        steps_used=len(clean),
        steps_masked=len(history) - len(clean),
    )


def _possible(history: History) -> Flags:
    """Steps that obey arithmetic: the facility draws at least what its IT draws."""
    with np.errstate(invalid="ignore"):
        return (history.it_kw > 0) & (history.facility_kw >= history.it_kw)


def held_out_errors(parameters: Parameters, history: History) -> dict[str, MeterError]:
    """The twin's errors by meter over a history [kW], [K]; meters that are not there are left out."""
    state = solve(parameters, history.conditions(parameters), history.setpoints)
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


def _envelope(parameters: Parameters, history: History) -> dict[str, tuple[float, float]]:
    envelope = {}
    for part in (history.conditions(parameters), history.setpoints):
        for name in part.__dataclass_fields__:
            values = np.asarray(getattr(part, name), float)
            if np.isfinite(values).all():  # the plant has no setpoint of which it is NaN
                envelope[name] = (float(values.min()), float(values.max()))
    return envelope
