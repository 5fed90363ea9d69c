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
from core.actions import Change, Setpoint, State
from core.units import SECONDS_PER_HOUR
from twin import calibrate
from twin.advise import observe
from twin.advise.assess import Z_P90
from twin.advise.record import (
    PATIENCE,
    SETTLE,
    WINDOW,
    missed,
    read_record,
    setpoints_of,
    suspension_source,
)
from twin.advise.safety import DRIFT_MAX_K, MISSES_MAX, words
from twin.history import History, load_history
from twin.network import Parameters, Setpoints, solve

if TYPE_CHECKING:
    from datetime import datetime

    from core.jobs import Context
    from core.series import Floats
    from core.site import Site
    from twin.advise.observe import Observation
    from twin.plant.curves import Flags

ACTOR: Final = "joulecast"
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
MOVED_RATIO: Final = 0.5
"""A setpoint that has left the advised value by more than this share of the step was moved by somebody."""
ALARM_MISSES: Final = 3
ALARM_EXCURSION: Final = 1


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

    @property
    def p50_kwh(self) -> float:
        """The saving [kWh]."""
        return self.counterfactual_kwh - self.measured_kwh

    @property
    def hours(self) -> float:
        """Length of the measurement [h]."""
        return (self.end - self.start).total_seconds() / SECONDS_PER_HOUR


def measure(history: History, parameters: Parameters, change: Change, applied_at: datetime) -> Saving | None:
    """The saving of one change.

    Args:
        history: readings from at least `BASELINE` before the change to the end of the measurement.
        parameters: the twin's.
        change: what was changed.
        applied_at: when the plant had it.

    Returns:
        The saving, or None where too little was measured.
    """
    times = np.array([(history.start + STEP * i - applied_at) / STEP for i in range(len(history))])
    residual = _residual(history, parameters, history.setpoints)
    old = history.setpoints.replace({change.setpoint: change.from_c})
    without = history.facility_kw - _residual(history, parameters, old)
    inside = _period(times, SETTLE, SETTLE + WINDOW)
    before = _period(times, -BASELINE, timedelta(0))
    if not (_complete(residual[inside], WINDOW) and _complete(residual[before], BASELINE)):
        return None
    usable = inside & np.isfinite(without)
    hours = WINDOW.total_seconds() / SECONDS_PER_HOUR
    facility_kw = float(np.mean(history.facility_kw[usable]))
    counterfactual_kw = float(np.mean(without[usable]) + np.nanmean(residual[before]))
    spread_kw = Z_P90 * _placebo_error_kw(times, residual, facility_kw)
    start = applied_at + SETTLE
    return Saving(start, start + WINDOW, facility_kw * hours, counterfactual_kw * hours, spread_kw * hours)


def _residual(history: History, parameters: Parameters, setpoints: Setpoints) -> Floats:
    """Measured minus simulated facility power [kW]; NaN where something was not measured."""
    state = solve(parameters, history.conditions(parameters), setpoints)
    return np.where(history.usable, history.facility_kw - state.facility_kw, np.nan)


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
    """Measure what is due, watch what is in force, and suspend what disappointed.

    Returns:
        What was done.

    Raises:
        NotReadyError: the twin has not been calibrated yet.
    """
    site, clock = context.site, context.clock
    with db.connect(context.dsn) as conn:
        applied = db.rows(conn, "twin_applied", site=site.id)
        parameters = calibrate.in_use(conn, site).parameters(site.plant)
        now = observe.observe(conn, site, clock)
        done = [_one(conn, site, parameters, now, row) for row in applied]
        done += _excursions(conn, site, now, applied)
        done += _suspensions(conn, site, now)
    return "; ".join(text for text in done if text) or "nothing to verify"


def _one(conn: db.Connection, site: Site, parameters: Parameters, now: Observation, row: db.Row) -> str:
    number, applied_at = row["recommendation_id"], row["applied_at"]
    change = _change(row)
    in_force_c = now.motion.in_force.get(change.setpoint, change.to_c)
    if abs(in_force_c - change.to_c) > max(DRIFT_MAX_K, MOVED_RATIO * abs(change.step_k)):
        reason = f"{words(change.setpoint)} was moved to {in_force_c:.1f} °C"
        _close(conn, row, State.REVERTED, now.at, reason)
        return f"{number} ended: {reason}"
    if now.at < applied_at + SETTLE + WINDOW:
        return f"{number} is being measured"
    history = load_history(
        conn, site, applied_at - PLACEBO_SPAN - BASELINE, applied_at + SETTLE + WINDOW, STEP
    )
    saving = measure(history, parameters, change, applied_at)
    if saving is None:
        late = now.at > applied_at + SETTLE + WINDOW + PATIENCE
        return f"{number} {'stays unmeasured' if late else 'waits'}: too few readings"
    return _store(conn, row, now.at, saving)


def _store(conn: db.Connection, row: db.Row, now: datetime, saving: Saving) -> str:
    low, high = saving.p50_kwh - saving.spread_kwh, saving.p50_kwh + saving.spread_kwh
    db.rows(
        conn,
        "twin_insert_verification",
        id=row["recommendation_id"],
        period_from=saving.start,
        period_to=saving.end,
        measured=saving.measured_kwh,
        counterfactual=saving.counterfactual_kwh,
        p10=low,
        p50=saving.p50_kwh,
        p90=high,
        now=now,
    )
    verdict = "missed" if missed(high / saving.hours, row["saving_p10_kw"]) else "measured"
    reason = (
        f"{saving.p50_kwh:.1f} kWh in {saving.hours:.0f} h {verdict} ({low:.1f} to {high:.1f} kWh),"
        f" {row['saving_p50_kw']:.1f} kW promised"
    )
    _close(conn, row, State.VERIFIED, now, reason)
    return f"{row['recommendation_id']} verified: {reason}"


def _close(conn: db.Connection, row: db.Row, state: State, now: datetime, reason: str) -> None:
    db.rows(
        conn,
        "twin_transition",
        id=row["recommendation_id"],
        wanted=state.value,
        version=row["version"],
        now=now,
        actor=ACTOR,
        reason=reason,
        detail=db.json({}),
    )


def _change(row: db.Row) -> Change:
    (stored,) = row["changes"]
    return Change(Setpoint(stored["setpoint"]), stored["from_c"], stored["to_c"])


def _excursions(conn: db.Connection, site: Site, now: Observation, applied: list[db.Row]) -> list[str]:
    """Tell the operator to go back where an inlet is too warm while a change waits to be verified."""
    limit_c = site.limits.envelope.recommended_high_c
    source = "advise.excursion"
    if not applied or not now.worst_inlet_c > limit_c:
        db.rows(conn, "twin_clear_alarm", site=site.id, source=source, now=now.at)
        return []
    back = ", ".join(
        f"{words(setpoint)} to {_change(row).from_c:.1f} °C"
        for row in applied
        for setpoint in setpoints_of(row)
    )
    message = f"Inlet {now.worst_inlet_c:.1f} °C after an advised change, limit {limit_c:.1f} °C"
    _alarm(conn, site, now, source, ALARM_EXCURSION, message, f"Put back {back}")
    return [message]


def _suspensions(conn: db.Connection, site: Site, now: Observation) -> list[str]:
    said = []
    for setpoint, misses in read_record(conn, site, now.at).misses.items():
        source = suspension_source(setpoint)
        if misses < MISSES_MAX:
            db.rows(conn, "twin_clear_alarm", site=site.id, source=source, now=now.at)
            continue
        message = f"{misses} promised savings in a row were missed on {words(setpoint)}"
        action = "Look at these recommendations and at the calibration; acknowledge to resume advice"
        _alarm(conn, site, now, source, ALARM_MISSES, message, action)
        said.append(message)
    return said


def _alarm(
    conn: db.Connection, site: Site, now: Observation, source: str, priority: int, message: str, action: str
) -> None:
    db.rows(
        conn,
        "twin_raise_alarm",
        site=site.id,
        source=source,
        priority=priority,
        message=message,
        action=action,
        now=now.at,
    )
