"""What a change really saved: measured energy against the twin's counterfactual (IPMVP option D).

The counterfactual is the twin with the old setpoint under the load and weather that then came, moved by the
twin's mean error in the hours before the change. How sure the saving is comes from placebos: the same
calculation at times of the day before at which no advice was applied; it should find nothing, and what it
finds is its error.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from core import db
from core.units import SECONDS_PER_HOUR
from twin import calibrate
from twin.advise import ledger, shadow
from twin.advise.assess import Z_P90
from twin.advise.record import PATIENCE, SETTLE, WINDOW, changes_of, missed, misses_of, suspension_source
from twin.advise.safety import MISSES_MAX, words
from twin.history import History, load_history

if TYPE_CHECKING:
    from datetime import datetime

    from core.actions import Change
    from core.jobs import Context
    from core.series import Floats
    from core.site import Site
    from twin.plant.curves import Flags
    from twin.simulate import Twin

STEP: Final = timedelta(minutes=5)
"""Length of a step of measurement."""
BASELINE: Final = timedelta(hours=3)
"""How long before the change the twin's mean error is taken."""
PLACEBO_SPAN: Final = timedelta(hours=24)
"""How far back placebos are taken."""
PLACEBO_EVERY: Final = timedelta(minutes=30)
"""Time between placebos."""
PLACEBOS_MIN: Final = 8
"""Fewer placebos than this say nothing about the spread."""
UNKNOWN_ERROR_RATIO: Final = 0.02
"""Standard error of the saving over the facility's power [1] where there are too few placebos."""
COMPLETE_MIN_RATIO: Final = 0.8
"""Least share of a period's steps that must be measured [1]."""
LOOK_BACK: Final = timedelta(days=2)
"""Changes held since so long ago are measured; older ones have waited too long."""
ALARM_MISSES: Final = 3


@dataclass(frozen=True, slots=True)
class Saving:
    """A measured saving and what it was measured from."""

    start: datetime
    """Beginning of the measurement."""
    end: datetime
    """Its end."""
    measured_kwh: float
    """What the facility drew [kWh]."""
    counterfactual_kwh: float
    """What it would have drawn with the old setpoint [kWh]."""
    spread_kwh: float
    """Half of the p10 to p90 range of the saving [kWh]."""
    twin_kwh: float
    """What the twin alone says of the same hours [kWh]."""
    water_l: float
    """Water saved, by the twin [L]."""

    @property
    def p50_kwh(self) -> float:
        """The saving [kWh]."""
        return self.counterfactual_kwh - self.measured_kwh

    @property
    def hours(self) -> float:
        """Length of the measurement [h]."""
        return (self.end - self.start).total_seconds() / SECONDS_PER_HOUR


def measure(
    history: History, twin: Twin, change: Change, moved_at: datetime, held_at: datetime | None = None
) -> Saving | None:
    """The saving of one change.

    Args:
        history: readings from at least `BASELINE` before the change to the end of the measurement.
        twin: the calibrated twin.
        change: what was changed.
        moved_at: when the plant's setpoint first moved.
        held_at: when it was where it should be; the same moment where not given.

    Returns:
        The saving, or None where too little was measured.
    """
    known = history.usable
    if not known.any():
        return None
    begin = (held_at or moved_at) + SETTLE
    residual, kept_kw, water = _twice(history, known, twin, change)
    inside = _period(_steps_since(history, begin), timedelta(0), WINDOW)
    before = _period(_steps_since(history, moved_at), -BASELINE, timedelta(0))
    if not (_complete(residual[inside], WINDOW) and _complete(residual[before], BASELINE)):
        return None
    usable, hours = inside & known, WINDOW.total_seconds() / SECONDS_PER_HOUR
    facility_kw = float(np.mean(history.facility_kw[usable]))
    counterfactual_kw = float(np.mean((history.facility_kw - residual + kept_kw)[usable]))
    counterfactual_kw += float(np.nanmean(residual[before]))
    times = _steps_since(history, moved_at)
    spread_kw = Z_P90 * _placebo_error_kw(times, residual, facility_kw)
    return Saving(
        start=begin,
        end=begin + WINDOW,
        measured_kwh=facility_kw * hours,
        counterfactual_kwh=counterfactual_kw * hours,
        spread_kwh=spread_kw * hours,
        twin_kwh=float(np.mean(kept_kw[usable])) * hours,
        water_l=float(np.mean(water[usable])) * hours,
    )


def _twice(history: History, known: Flags, twin: Twin, change: Change) -> tuple[Floats, Floats, Floats]:
    """What the twin misses, what it says was saved [kW], NaN where unknown; and the water saved [L/h]."""
    filled, step_s = history.bridged(known), history.step.total_seconds()
    conditions, setpoints = filled.conditions(twin.parameters), filled.setpoints
    operated = twin.run(conditions, setpoints, step_s)
    old = setpoints.replace({change.setpoint: change.from_c})
    without = twin.run(conditions, old, step_s, outside_kw=operated.learned_kw)
    off = np.where(known, history.facility_kw - operated.facility_kw, np.nan)
    kept = np.where(known, without.facility_kw - operated.facility_kw, np.nan)
    return off, kept, without.water_l_per_h - operated.water_l_per_h


def _steps_since(history: History, at: datetime) -> Floats:
    """(n,) each step's start, in steps from a moment."""
    return np.arange(len(history), dtype=np.float64) + (history.start - at) / STEP


def _period(times: Floats, start: timedelta, end: timedelta) -> Flags:
    """Steps that lie in a period around the change as a whole."""
    return (times >= start / STEP) & (times + 1 <= end / STEP + 1e-9)


def _complete(values: Floats, length: timedelta) -> bool:
    return float(np.sum(np.isfinite(values))) >= COMPLETE_MIN_RATIO * (length / STEP - 1)


def _placebo_error_kw(times: Floats, residual: Floats, facility_kw: float) -> float:
    """Root mean square of the savings found where there was no change [kW]."""
    found = []
    first, last = -PLACEBO_SPAN / STEP, -(SETTLE + WINDOW) / STEP
    for at in np.arange(last, first, -PLACEBO_EVERY / STEP):
        before = residual[_period(times - at, -BASELINE, timedelta(0))]
        after = residual[_period(times - at, SETTLE, SETTLE + WINDOW)]
        if _complete(before, BASELINE) and _complete(after, WINDOW):
            found.append(float(np.nanmean(before) - np.nanmean(after)))
    if len(found) < PLACEBOS_MIN:
        return UNKNOWN_ERROR_RATIO * facility_kw
    return float(np.sqrt(np.mean(np.square(found))))


def verify(context: Context) -> str:
    """Measure what is due, account for the days, score what was only shown, suspend what disappointed.

    Returns:
        What was done.

    Raises:
        NotReadyError: the twin has not been calibrated yet.
    """
    site, now = context.site, context.clock.now()
    with db.connect(context.dsn) as conn:
        calibration = calibrate.in_use(conn, site)
        due = db.rows(conn, "advice_to_verify", site=site.id, since=now - LOOK_BACK)
        done = [_one(conn, site, calibration.twin(site.plant), now, row) for row in due]
        done += shadow.score(conn, site, calibration, now)
        done += ledger.account(conn, site, calibration, now)
        done += _suspensions(conn, site, now)
    return "; ".join(text for text in done if text) or "nothing to verify"


def _one(conn: db.Connection, site: Site, twin: Twin, now: datetime, row: db.Row) -> str:
    number, held_at = row["recommendation_id"], row["held_at"]
    end = held_at + SETTLE + WINDOW
    if row["ended_at"] is not None and row["ended_at"] < end:
        return ""  # what it saved is in the account of its day
    if now < end:
        return f"{number} is being measured"
    history = load_history(conn, site, row["moved_at"] - PLACEBO_SPAN - BASELINE, end, STEP)
    (change,) = changes_of(row)
    saving = measure(history, twin, change, row["moved_at"], held_at)
    if saving is None:
        return "" if now > end + PATIENCE else f"{number} waits: too few readings"
    return _store(conn, site, row, now, saving)


def _store(conn: db.Connection, site: Site, row: db.Row, now: datetime, saving: Saving) -> str:
    low, high = saving.p50_kwh - saving.spread_kwh, saving.p50_kwh + saving.spread_kwh
    verdict = "missed" if missed(high / saving.hours, row["saving_p10_kw"]) else "kept"
    parts = WINDOW // ledger.STEP
    worth = ledger.worth(conn, site, saving.start, np.full(parts, saving.p50_kwh / parts), ledger.STEP)
    db.rows(
        conn,
        "advice_insert_verification",
        id=row["recommendation_id"],
        period_from=saving.start,
        period_to=saving.end,
        measured=saving.measured_kwh,
        counterfactual=saving.counterfactual_kwh,
        p10=low,
        p50=saving.p50_kwh,
        p90=high,
        cost=worth.cost,
        carbon=worth.carbon_kg,
        water=saving.water_l,
        detail=db.json({"twin_kwh": saving.twin_kwh, "promise": verdict}),
        now=now,
    )
    return (
        f"{row['recommendation_id']} verified: {saving.p50_kwh:.1f} kWh in {saving.hours:.0f} h"
        f" ({low:.1f} to {high:.1f} kWh), {row['saving_p50_kw']:.1f} kW promised, promise {verdict}"
    )


def _suspensions(conn: db.Connection, site: Site, now: datetime) -> list[str]:
    said = []
    for setpoint, misses in misses_of(conn, site).items():
        source = suspension_source(setpoint)
        if misses < MISSES_MAX:
            db.rows(conn, "twin_clear_alarm", site=site.id, source=source, now=now)
            continue
        message = f"{misses} promised savings in a row were missed on {words(setpoint)}"
        db.rows(
            conn,
            "twin_raise_alarm",
            site=site.id,
            source=source,
            priority=ALARM_MISSES,
            message=message,
            action="Look at these recommendations and at the calibration; acknowledge to resume advice",
            now=now,
        )
        said.append(message)
    return said
