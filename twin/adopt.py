"""A new calibration replaces the one in use only where it is no worse on the same held-out part."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from core.errors import NotReadyError
from twin.calibrate import Calibration, calibrate_prepared, latest, predicted, refusal, save
from twin.fitting.prepare import Prepared, prepare
from twin.network import solve
from twin.screening.screen import told

if TYPE_CHECKING:
    from datetime import datetime

    from core import db
    from core.site import Site
    from twin.history import History
    from twin.plant.curves import Floats

MARGIN_RATIO: Final = 0.05
"""A root mean square error that is greater by no more than this is no worse [1]."""
BLOCK_H: Final = 6.0
"""Errors that are further apart than this are taken for independent [h]."""
SIGMAS: Final = 2.0
"""A difference of this many standard errors is more than noise [1]."""
JUDGED: Final = {"facility_kw": "facility power", "inlet_c": "the warmest inlet"}
"""What a new calibration may not be worse on."""


@dataclass(frozen=True, slots=True)
class Adopted:
    """A calibration that came into use."""

    calibration: Calibration
    """With its row's number."""
    before: Calibration | None
    """The one in use until now."""
    cv_rmse_before_ratio: float
    """CV(RMSE) of facility power of that one on the same held-out part [1]; NaN where there was none."""

    def __str__(self) -> str:
        found, error = self.calibration, self.calibration.errors["facility_kw"]
        masks = told(found.findings)
        return (
            f"calibration {found.calibration_id} on {found.steps_used} steps, those fitted count as"
            f" {found.steps_effective or 0:.0f}, {len(found.names)} multipliers found; facility power on"
            f" held-out data: CV(RMSE) {error.cv_rmse_ratio:.1%}, NMBE {error.nmbe_ratio:+.1%}"
            + (
                f" (calibration {self.before.calibration_id}: {self.cv_rmse_before_ratio:.1%})"
                if self.before
                else ""
            )
            + (f"; {masks}" if masks else "")
        )


def adopt(conn: db.Connection, site: Site, history: History, created_at: datetime) -> Adopted:
    """Calibrate and store what comes of it; the caller commits.

    Raises:
        InputError: a point is wrong throughout.
        NotReadyError: there is too little to go by, or what came of it is unfit or worse than what is in use.
    """
    before = latest(conn, site)
    kept = f"calibration {before.calibration_id} stays in use" if before else "none is in use"
    try:
        ready = prepare(site, history)
    except NotReadyError as error:
        raise NotReadyError(f"{error}; {kept}") from error
    fresh = calibrate_prepared(site, history, ready, created_at=created_at)
    masks = told(ready.findings)
    old = _errors(site, ready, before) if before else {}
    reason = refusal(fresh) or (_worse(site, ready, before, old, fresh) if before else None)
    if reason:
        raise NotReadyError(
            f"the new calibration is refused: {reason}; {kept}" + (f"; {masks}" if masks else "")
        )
    number = save(conn, site, fresh)
    was = old.get("facility_kw", np.full(1, np.nan))
    return Adopted(replace(fresh, calibration_id=number), before, _cv(was, ready.check.facility_kw))


def _worse(
    site: Site, ready: Prepared, before: Calibration, old: dict[str, Floats], fresh: Calibration
) -> str | None:
    """What the new calibration is worse on than the one in use, by more than noise; or None."""
    new = _errors(site, ready, fresh)
    for name, words in JUDGED.items():
        if name not in new or not _is_worse(old[name], new[name], ready.check_hours):
            continue
        if name == "inlet_c":
            figures = f"{_rms(new[name]):.2f} K off against {_rms(old[name]):.2f} K"
        else:
            measured = getattr(ready.check, name)
            figures = f"CV(RMSE) {_cv(new[name], measured):.1%} against {_cv(old[name], measured):.1%}"
        return (
            f"on the same held-out part it is worse on {words} than calibration {before.calibration_id},"
            f" {figures}"
        )
    return None


def _errors(site: Site, ready: Prepared, found: Calibration) -> dict[str, Floats]:
    """(m,) measured less predicted of what is judged, where it is measured at all."""
    parameters, check = found.parameters(site.plant), ready.check
    state = solve(parameters, check.conditions(parameters), check.setpoints)
    off = {name: getattr(check, name) - predicted(state, name) for name in JUDGED}
    return {name: values for name, values in off.items() if np.isfinite(values).any()}


def _is_worse(old: Floats, new: Floats, hours: Floats) -> bool:
    """Beyond the margin and beyond what the difference of squares scatters between blocks."""
    if _rms(new) <= (1.0 + MARGIN_RATIO) * _rms(old):
        return False
    more, blocks = new**2 - old**2, (hours // BLOCK_H).astype(int)
    means = np.array([np.nanmean(more[blocks == i]) for i in np.unique(blocks[np.isfinite(more)])])
    if len(means) == 1:
        return True
    return bool(means.mean() > SIGMAS * means.std(ddof=1) / np.sqrt(len(means)))


def _rms(off: Floats) -> float:
    return float(np.sqrt(np.nanmean(off**2)))


def _cv(off: Floats, measured: Floats) -> float:
    return _rms(off) / float(np.nanmean(measured)) if np.isfinite(off).any() else float("nan")
