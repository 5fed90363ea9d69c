"""Advice that was only shown, scored when its hours are over: its saving, and what operators saved."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from core import db
from core.units import SECONDS_PER_HOUR
from twin.advise.record import changes_of
from twin.history import load_history

if TYPE_CHECKING:
    from datetime import datetime

    from core.actions import Change
    from core.site import Site
    from twin.calibration import Calibration
    from twin.history import History
    from twin.simulate import Twin

STEP: Final = timedelta(minutes=15)
LOOK_BACK: Final = timedelta(days=3)
"""What ended longer ago stays without a score."""
COMPLETE_MIN_RATIO: Final = 0.8
"""Least share of the hours that must be measured [1]."""


def score(conn: db.Connection, site: Site, calibration: Calibration, now: datetime) -> list[str]:
    """Score what is due; what was done."""
    done = []
    for row in db.rows(conn, "advice_shadow_due", site=site.id, now=now, since=now - LOOK_BACK):
        (change,) = changes_of(row)
        history = load_history(conn, site, row["created_at"], row["expires_at"], STEP)
        found = compared(history, calibration.twin(site.plant), change)
        if found is None:
            continue
        advised, operators = found
        number = row["recommendation_id"]
        db.rows(
            conn,
            "advice_insert_shadow",
            id=number,
            period_from=row["created_at"],
            period_to=row["expires_at"],
            advised=advised,
            operators=operators,
            now=now,
        )
        done.append(f"{number} would have saved {advised:.1f} kWh, operators saved {operators:.1f} kWh")
    return done


def compared(history: History, twin: Twin, change: Change) -> tuple[float, float] | None:
    """What advice would have saved and what operators saved [kWh], both against standing still.

    Args:
        history: what was measured while the advice stood.
        twin: the calibrated twin.
        change: what was advised.

    Returns:
        None where too little was measured. What was not measured counts as the mean of what was.
    """
    known = history.usable
    if known.mean() < COMPLETE_MIN_RATIO:
        return None
    filled, step_s = history.bridged(known), history.step.total_seconds()
    conditions, operated = filled.conditions(twin.parameters), filled.setpoints
    first = twin.run(conditions, operated, step_s)

    def energy_kwh(value_c: float) -> float:
        held = operated.replace({change.setpoint: np.full(len(filled), value_c)})
        state = twin.run(conditions, held, step_s, outside_kw=first.learned_kw)
        return float(state.facility_kw[known].mean() * hours)

    hours = len(history) * step_s / SECONDS_PER_HOUR
    standing = energy_kwh(change.from_c)
    return standing - energy_kwh(change.to_c), standing - float(first.facility_kw[known].mean() * hours)
