"""What the calibrated twin says of hours that were measured: the yardstick for cooling and PUE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.errors import NotReadyError

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from core.series import Floats
    from ui.data.source import Source


@dataclass(frozen=True, slots=True)
class Expected:
    """Steps at which everything that the twin needs was measured; (n,) each."""

    it_kw: Floats
    cooling_kw: Floats
    """Measured; NaN where no cooling is metered [kW]."""
    facility_kw: Floats
    """Measured [kW]."""
    twin_cooling_kw: Floats
    """Of the same meters [kW]."""
    twin_facility_kw: Floats
    wet_bulb_c: Floats
    calibrated_at: datetime
    """When the twin was calibrated."""


def expected(source: Source, start: datetime, end: datetime, step: timedelta) -> Expected:
    """Run the twin over a past period under the load, weather and setpoints that were.

    Raises:
        NotReadyError: there is no calibration, or nothing was measured completely.
    """
    from twin.calibrate import in_use, load_history  # noqa: PLC0415  # the twin's libraries load when needed
    from twin.validate import COOLING  # noqa: PLC0415  # as above

    site = source.context.site
    with source.connection() as conn:
        calibration = in_use(conn, site)
        history = load_history(conn, site, start, end, step)
    usable = history.usable & (history.it_kw > 0)
    if not usable.any():
        raise NotReadyError("no step in which everything that the twin needs was measured")
    twin, known, filled = calibration.twin(site.plant), history.part(usable), history.bridged(usable)
    whole = twin.run(filled.conditions(twin.parameters), filled.setpoints, history.step.total_seconds())
    state = whole.part(usable)
    metered = [name for name in COOLING if np.isfinite(getattr(known, name)).all()]
    nothing = np.full(len(known), np.nan)
    return Expected(
        it_kw=known.it_kw,
        cooling_kw=sum((getattr(known, name) for name in metered), np.zeros(len(known)))
        if metered
        else nothing,
        facility_kw=known.facility_kw,
        twin_cooling_kw=sum((getattr(state, name) for name in metered), 0.0) + state.learned_kw,
        twin_facility_kw=state.facility_kw,
        wet_bulb_c=known.wet_bulb_c,
        calibrated_at=calibration.created_at,
    )
