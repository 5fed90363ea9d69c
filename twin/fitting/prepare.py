"""What a calibration is made from and judged on: screened steps, weighted by age, the last part held out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from core.errors import NotReadyError
from twin.screening.screen import Finding, screen, told

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.site import Site
    from twin.history import History
    from twin.plant.curves import Flags, Floats

HELD_OUT_RATIO: Final = 0.25
"""Last share of the history, not fitted, on which errors are computed."""
STEPS_MIN: Final = 96
"""Fewest usable steps."""
HALF_LIFE: Final = timedelta(days=14)
"""A step counts half as much as one that is younger by this."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A screened history in two parts."""

    fit: History
    """Steps to fit; complete but for submeters."""
    check: History
    """Later ones, held out."""
    whole: History
    """All steps as they were measured, what is masked left out."""
    fitted: NDArray[np.intp]
    """(n,) which of them are those to fit."""
    held: NDArray[np.intp]
    """(m,) which of them are held out."""
    weights: Floats
    """(n,) of the steps to fit [1]; the newest counts fully."""
    held_out_from: datetime
    """Start of the first step held out."""
    check_hours: Floats
    """(m,) starts of the steps held out, hours after `held_out_from`."""
    findings: tuple[Finding, ...]
    """What was masked, or missing."""
    steps_masked: int
    """Steps that are in neither part."""

    @property
    def steps_effective(self) -> float:
        """Equally weighted steps that say as much as those to fit, after Kish."""
        return float(self.weights.sum() ** 2 / (self.weights**2).sum())


def prepare(site: Site, history: History, half_life: timedelta = HALF_LIFE) -> Prepared:
    """Screen a history and split it.

    Args:
        site: the site's description.
        history: what was measured.
        half_life: age at which a step counts half.

    Raises:
        InputError: a point is wrong throughout.
        NotReadyError: there are too few usable steps.
    """
    screened = screen(site, history)
    screened.check()
    clean = screened.history
    index = np.flatnonzero(clean.usable & _possible(clean))
    if len(index) < STEPS_MIN:
        why = told(screened.findings)
        raise NotReadyError(
            f"{len(index)} complete steps of {history.step} are too few to calibrate; {STEPS_MIN} are needed"
            + (f" ({why})" if why else "")
        )
    cut = int(len(index) * (1.0 - HELD_OUT_RATIO))
    fitted, held = index[:cut], index[cut:]
    ages = (fitted[-1] - fitted) * (history.step / half_life)
    hours = (held - held[0]) * (history.step / timedelta(hours=1))
    return Prepared(
        fit=clean.part(fitted),
        check=clean.part(held),
        whole=clean,
        fitted=fitted,
        held=held,
        weights=0.5**ages,
        held_out_from=history.start + history.step * int(held[0]),
        check_hours=hours,
        findings=screened.findings,
        steps_masked=len(history) - len(index),
    )


def _possible(history: History) -> Flags:
    """Steps that obey arithmetic: the facility draws at least what its IT draws."""
    with np.errstate(invalid="ignore"):
        return (history.it_kw > 0) & (history.facility_kw >= history.it_kw)
