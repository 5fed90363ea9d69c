"""What the twin has been right about since it was calibrated: there it may be believed as well."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from twin.network import solve

if TYPE_CHECKING:
    from twin.calibration import Calibration
    from twin.history import History
    from twin.network import Parameters
    from twin.plant.curves import Flags, Floats

STEPS_MIN: Final = 4
"""A value counts as seen where at least so many steps at it, or beyond it, agreed."""


def widened(
    calibration: Calibration, parameters: Parameters, since: History, agree: Flags | None = None
) -> Calibration:
    """A calibration whose envelope holds what has been measured since and agreed with the twin.

    Facility power and warmest inlet must both lie within the 95th percentile of the calibration's own errors:
    so a setpoint may go on beyond what operators ever tried, one step at a time, each proved before the next.

    Args:
        calibration: the calibration in use.
        parameters: its plant.
        since: what was measured lately.
        agree: (n,) at which of its steps twin and meters agreed, where that is known already.
    """
    if len(since) < STEPS_MIN:
        return calibration
    agreed = since.part(agreeing(calibration, parameters, since) if agree is None else agree)
    if len(agreed) < STEPS_MIN:
        return calibration
    envelope = dict(calibration.envelope)
    for given in (agreed.conditions(parameters), agreed.setpoints):
        for name in given.__dataclass_fields__:
            if name in envelope:
                low, high = envelope[name]
                values: Floats = np.sort(np.asarray(getattr(given, name), dtype=np.float64))
                envelope[name] = min(low, float(values[STEPS_MIN - 1])), max(high, float(values[-STEPS_MIN]))
    return replace(calibration, envelope=envelope)


def agreeing(calibration: Calibration, parameters: Parameters, since: History) -> Flags:
    """(n,) steps at which twin and meters agreed."""
    state = solve(parameters, since.conditions(parameters), since.setpoints)
    ok = since.usable & (np.abs(since.facility_kw - state.facility_kw) <= calibration.facility_p95_kw)
    if "inlet_c" in calibration.errors:
        ok &= np.abs(since.inlet_c - state.inlet_c) <= calibration.inlet_p95_k
    return np.asarray(ok, dtype=np.bool_)
