"""How far the calibrated twin is off, as ASHRAE Guideline 14 counts it, on hours that it was not fitted to.

With n hours measured ``y`` and predicted ``f``, the mean ``Y`` of ``y``, and p = 1:

    NMBE     = sum(y - f) / ((n - p) Y)
    CV(RMSE) = sqrt(sum((y - f)^2) / (n - p)) / Y

References:
    ASHRAE Guideline 14-2014, Measurement of Energy, Demand, and Water Savings, 5.2.11.3: both figures, p = 1
    for calibrated simulations, and for hourly data at most 10 % and 30 %.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from core.errors import NotReadyError
from core.series import floor_time
from twin.calibrate import in_use, load_points, predicted
from twin.fitting.learn import told
from twin.fitting.prepare import HELD_OUT_RATIO
from twin.history import METERS
from twin.screening.screen import Finding, screen
from twin.state import kind

if TYPE_CHECKING:
    from core import db
    from core.site import Site
    from twin.calibration import Calibration
    from twin.history import History
    from twin.plant.curves import Flags, Floats

SIMULATION_P: Final = 1
"""Parameters that Guideline 14 counts for a calibrated simulation."""
NMBE_LIMIT_RATIO: Final = 0.10
"""Guideline 14's limit for hourly data [1]."""
CV_RMSE_LIMIT_RATIO: Final = 0.30
"""Guideline 14's limit for hourly data [1]."""
STEP: Final = timedelta(minutes=15)
HOUR: Final = timedelta(hours=1)
DAY_HOURS: Final = 24
UNSEEN_HOURS_MIN: Final = 24
"""Fewer new hours than this say too little: then the held-out part is taken."""
LEAD: Final = timedelta(days=7)
"""Read before the period: yesterday's values, and the baseline's constant ratio to IT power."""
COOLING: Final = ("chiller_kw", "crah_fan_kw", "evaporative_kw", "pump_kw", "tower_fan_kw")
QUANTITIES: Final = ("facility_kw", "cooling_kw", *METERS[:-1], "inlet_c")
"""What is validated, where it is measured."""
YESTERDAY: Final = "same hour yesterday"
CONSTANT: Final = "constant ratio to IT power"


@dataclass(frozen=True, slots=True)
class HourlyError:
    """Errors over hours, measured less predicted."""

    hours: int
    """n."""
    mean: float
    """Mean measured [kW or degC]."""
    nmbe_ratio: float | None
    """NMBE [1]; none of a temperature, whose zero is arbitrary, nor of a meter that measured nothing."""
    cv_rmse_ratio: float | None
    """CV(RMSE) [1]; likewise."""
    bias: float
    """Sum of errors over n - p [kW or K]."""
    rmse: float
    """Root of the sum of squares over n - p [kW or K]."""
    mae: float
    """Mean absolute error [kW or K]."""

    @property
    def nmbe_too_great(self) -> bool:
        """Whether NMBE is beyond Guideline 14's limit for hourly data."""
        return self.nmbe_ratio is not None and abs(self.nmbe_ratio) > NMBE_LIMIT_RATIO

    @property
    def cv_rmse_too_great(self) -> bool:
        """Whether CV(RMSE) is beyond Guideline 14's limit for hourly data."""
        return self.cv_rmse_ratio is not None and self.cv_rmse_ratio > CV_RMSE_LIMIT_RATIO

    @property
    def within_guideline(self) -> bool | None:
        """Whether both limits are kept; None where they say nothing."""
        if self.nmbe_ratio is None:
            return None
        return not (self.nmbe_too_great or self.cv_rmse_too_great)


@dataclass(frozen=True, slots=True)
class Baseline:
    """A guess that needs no twin, and the twin on the same hours."""

    name: str
    error: HourlyError
    twin: HourlyError

    @property
    def wins(self) -> bool:
        """Whether the guess is nearer than the twin."""
        return self.error.rmse < self.twin.rmse


@dataclass(frozen=True, slots=True)
class Row:
    """One quantity's errors inside the calibrated envelope, or outside it."""

    quantity: str
    inside: bool
    twin: HourlyError
    baselines: tuple[Baseline, ...]


@dataclass(frozen=True, slots=True)
class PueError:
    """Mean absolute error of hourly PUE inside the envelope [1], on the hours that all know."""

    hours: int
    twin: float
    yesterday: float | None
    constant: float | None


@dataclass(frozen=True, slots=True)
class Beyond:
    """A condition or setpoint outside the calibrated envelope."""

    condition: str
    low: float
    """Least value in these hours."""
    high: float
    """Greatest."""
    envelope: tuple[float, float]
    """Least and greatest that the twin was calibrated on."""


@dataclass(frozen=True, slots=True)
class OutsideRange:
    """Consecutive hours outside the envelope."""

    start: datetime
    end: datetime
    hours: int
    why: tuple[Beyond, ...]


@dataclass(frozen=True, slots=True)
class Validation:
    """The twin against the meters."""

    calibration_id: int | None
    basis: str
    """Which hours these are and what the calibration had to do with them."""
    start: datetime
    end: datetime
    hours_inside: int
    hours_outside: int
    hours_incomplete: int
    """Hours in which something that the twin needs was missing or masked."""
    rows: tuple[Row, ...]
    pue: PueError | None
    outside: tuple[OutsideRange, ...]
    findings: tuple[Finding, ...]
    """What was masked, or missing."""
    learned: bool
    """Whether what was learned on top of the physics adds something in these hours."""
    residual: str
    """Whether something was learned on top of the physics, how much nearer it is, and what uses it."""

    def row(self, quantity: str, *, inside: bool = True) -> Row:
        """One quantity's."""
        return next(row for row in self.rows if (row.quantity, row.inside) == (quantity, inside))

    def kind(self, quantity: str) -> str:
        """What the twin's numbers for a quantity are."""
        return kind(quantity, learned=self.learned)

    def to_json(self) -> dict[str, Any]:
        """Plain values, with the formula's source."""
        return {
            **{k: v for k, v in asdict(self).items() if k not in {"rows", "findings"}},
            "rows": [_flat(row) | {"kind": self.kind(row.quantity)} for row in self.rows],
            "findings": [finding.to_json() for finding in self.findings],
            "guideline": {
                "source": "ASHRAE Guideline 14-2014, 5.2.11.3, hourly, n - p with p = 1",
                "nmbe_limit_ratio": NMBE_LIMIT_RATIO,
                "cv_rmse_limit_ratio": CV_RMSE_LIMIT_RATIO,
            },
        }


def _flat(row: Row) -> dict[str, Any]:
    baselines = [
        {"name": b.name, **asdict(b.error), "twin_rmse": b.twin.rmse, "wins": b.wins} for b in row.baselines
    ]
    return {
        "quantity": row.quantity,
        "envelope": "inside" if row.inside else "outside",
        **asdict(row.twin),
        "within_guideline": row.twin.within_guideline,
        "baselines": baselines,
    }


def error(measured: Floats, guess: Floats, *, temperature: bool = False) -> HourlyError | None:
    """Guideline 14's figures over the hours at which both are known; None where those are too few."""
    known = np.isfinite(measured) & np.isfinite(guess)
    freedom = int(known.sum()) - SIMULATION_P
    if freedom < 1:
        return None
    off, mean = (measured - guess)[known], float(measured[known].mean())
    bias, rmse = float(off.sum() / freedom), float(np.sqrt(off @ off / freedom))
    relative = not temperature and mean > 0
    return HourlyError(
        hours=int(known.sum()),
        mean=mean,
        nmbe_ratio=bias / mean if relative else None,
        cv_rmse_ratio=rmse / mean if relative else None,
        bias=bias,
        rmse=rmse,
        mae=float(np.abs(off).mean()),
    )


def validate_site(conn: db.Connection, site: Site, now: datetime, days: float | None = None) -> Validation:
    """Validate the calibration in use.

    Args:
        conn: connection.
        site: the site.
        now: until when.
        days: look at the last so many days; where not given at what the calibration has not seen: readings
            after its history, or while these are less than a day, the part of it that was held out.

    Raises:
        NotReadyError: there is no calibration, or not one complete hour.
    """
    found = in_use(conn, site)
    if days is not None:
        fitted = max(_held_out_from(found) - (now - timedelta(days=days)), timedelta())
        seen = (
            f", of which the first {fitted / HOUR:.0f} h were fitted" if fitted else ", none of them fitted"
        )
        return _validated(conn, site, found, now - timedelta(days=days), now, f"the last {days:g} days{seen}")
    try:
        basis = "readings after the calibration's history, which it has not seen"
        unseen = _validated(conn, site, found, found.period_to, now, basis)
        if unseen.hours_inside + unseen.hours_outside >= UNSEEN_HOURS_MIN:
            return unseen
    except NotReadyError:
        pass  # nothing new yet
    basis = "the last part of the calibration's own history, which was held out of the fit"
    return _validated(conn, site, found, _held_out_from(found), found.period_to, basis)


def _held_out_from(found: Calibration) -> datetime:
    share = HELD_OUT_RATIO * (found.period_to - found.period_from)
    return found.held_out_from or found.period_to - share


def _validated(
    conn: db.Connection, site: Site, found: Calibration, start: datetime, end: datetime, basis: str
) -> Validation:
    start, end = floor_time(start + HOUR - STEP, HOUR), floor_time(end, HOUR)
    if end <= start:
        raise NotReadyError(f"no complete hour in {basis}")
    history = load_points(conn, site, start - LEAD, end, STEP)
    return validate(site, found, history, start, basis)


def validate(
    site: Site, calibration: Calibration, history: History, start: datetime, basis: str
) -> Validation:
    """Validate on a history from `start`; what lies before serves the baselines only.

    Args:
        site: the site's description.
        calibration: the calibration.
        history: what was measured, from a full hour on, some days before `start`.
        start: first hour to validate.
        basis: what to say of these hours.

    Raises:
        NotReadyError: there is not one complete hour.
    """
    screened = screen(site, history)
    hours = _Hours(site, calibration, screened.history)
    first = int((start - history.start) / HOUR)
    judged = np.arange(hours.count) >= first
    inside, outside = judged & hours.complete & ~hours.outside, judged & hours.complete & hours.outside
    if not (inside.any() or outside.any()):
        raise NotReadyError(f"no complete hour in {basis}")
    return Validation(
        calibration_id=calibration.calibration_id,
        basis=basis,
        start=start,
        end=history.end,
        hours_inside=int(inside.sum()),
        hours_outside=int(outside.sum()),
        hours_incomplete=int((judged & ~hours.complete).sum()),
        rows=tuple(
            row
            for flags in (inside, outside)
            for name in QUANTITIES
            if (row := _row(hours, name, flags, first, inside=flags is inside)) is not None
        ),
        pue=_pue(hours, inside, first),
        outside=_ranges(hours, calibration, outside, history.start),
        findings=tuple(finding for finding in screened.findings if finding.end > start),
        learned=bool(np.nansum(np.abs(hours.learned_kw[judged])) > 0),
        residual=told(calibration),
    )


class _Hours:
    """A history and what the twin says of it, in hourly means; NaN where an hour is not complete."""

    def __init__(self, site: Site, calibration: Calibration, history: History) -> None:
        self.per_hour = round(HOUR / history.step)
        self.count = len(history) // self.per_hour
        twin = calibration.twin(site.plant)
        usable = history.usable & (history.it_kw > 0)
        known = history.part(usable)
        conditions = known.conditions(twin.parameters)
        filled = history.bridged(usable)
        whole = twin.run(filled.conditions(twin.parameters), filled.setpoints, history.step.total_seconds())
        state = whole.part(usable)
        self.complete = self._each(usable.astype(float)).min(axis=1) > 0
        self.measured = {name: self._mean(getattr(history, name)) for name in (*METERS, "inlet_c", "it_kw")}
        self.twin = {name: self._mean(_laid(predicted(state, name), usable)) for name in (*METERS, "inlet_c")}
        self.twin["it_kw"] = self._mean(_laid(state.it_kw, usable))
        metered = [name for name in COOLING if np.isfinite(self.measured[name]).any()]
        for found in (self.measured, self.twin):
            found["cooling_kw"] = sum((found[name] for name in metered), np.zeros(self.count))
            if not metered:
                found["cooling_kw"] = np.full(self.count, np.nan)
        self.learned_kw = self._mean(_laid(state.learned_kw, usable))
        self.twin["cooling_kw"] = self.twin["cooling_kw"] + self.learned_kw
        values = {
            name: np.broadcast_to(np.asarray(getattr(part, name), float), int(usable.sum()))
            for part in (conditions, known.setpoints)
            for name in part.__dataclass_fields__
        }
        self.given = {name: self._each(_laid(v, usable)) for name, v in values.items()}
        self.beyond = {
            name: self._each(_laid(flags.astype(float), usable)).max(axis=1) > 0
            for name, flags in calibration.beyond(conditions, known.setpoints).items()
        }
        self.outside: Flags = np.any(list(self.beyond.values()), axis=0)

    def _each(self, values: Floats) -> Floats:
        return values[: self.count * self.per_hour].reshape(self.count, self.per_hour)

    def _mean(self, values: Floats) -> Floats:
        mean: Floats = self._each(values).mean(axis=1)
        return mean

    def guesses(self, name: str, first: int) -> dict[str, Floats]:
        """What one would say without a twin; the ratio to IT power is that of the hours before `first`."""
        measured, it = self.measured[name], self.measured["it_kw"]
        yesterday = np.full(self.count, np.nan)
        yesterday[DAY_HOURS:] = measured[:-DAY_HOURS]
        found = {YESTERDAY: yesterday}
        before = np.isfinite(measured) & np.isfinite(it) & (np.arange(self.count) < first)
        if name != "inlet_c" and before.any():
            found[CONSTANT] = measured[before].sum() / it[before].sum() * it
        return found


def _laid(values: Floats, where: Flags) -> Floats:
    """Values at the steps they are of; NaN at the others."""
    laid = np.full(len(where), np.nan)
    laid[where] = values
    return laid


def _row(hours: _Hours, name: str, flags: Flags, first: int, *, inside: bool) -> Row | None:
    measured, temperature = np.where(flags, hours.measured[name], np.nan), name == "inlet_c"
    twin = error(measured, hours.twin[name], temperature=temperature)
    if twin is None:
        return None
    baselines = []
    for baseline, guess in hours.guesses(name, first).items():
        off = error(measured, guess, temperature=temperature)
        same = error(
            np.where(np.isfinite(guess), measured, np.nan), hours.twin[name], temperature=temperature
        )
        if off is not None and same is not None:
            baselines.append(Baseline(baseline, off, same))
    return Row(name, inside, twin, tuple(baselines))


def _pue(hours: _Hours, inside: Flags, first: int) -> PueError | None:
    it, facility = hours.measured["it_kw"], hours.measured["facility_kw"]
    guesses = {name: guess / it for name, guess in hours.guesses("facility_kw", first).items()}
    if YESTERDAY in guesses:
        guesses[YESTERDAY] = np.concatenate((np.full(DAY_HOURS, np.nan), (facility / it)[:-DAY_HOURS]))
    guesses = {name: guess for name, guess in guesses.items() if np.isfinite(guess[inside]).any()}
    twin = hours.twin["facility_kw"] / hours.twin["it_kw"]
    known = inside & np.all([np.isfinite(v) for v in (facility, it, twin, *guesses.values())], axis=0)
    if not known.any():
        return None

    def off(guess: Floats | None) -> float | None:
        return None if guess is None else float(np.abs(facility / it - guess)[known].mean())

    return PueError(
        int(known.sum()), off(twin) or 0.0, off(guesses.get(YESTERDAY)), off(guesses.get(CONSTANT))
    )


def _ranges(
    hours: _Hours, calibration: Calibration, outside: Flags, origin: datetime
) -> tuple[OutsideRange, ...]:
    found: list[OutsideRange] = []
    for hour in np.flatnonzero(outside).tolist():
        why = tuple(
            Beyond(
                name,
                float(hours.given[name][hour].min()),
                float(hours.given[name][hour].max()),
                calibration.envelope[name],
            )
            for name, flags in hours.beyond.items()
            if flags[hour]
        )
        start = origin + HOUR * hour
        if found and found[-1].end == start:
            last = found[-1]
            found[-1] = replace(last, end=start + HOUR, hours=last.hours + 1, why=_joined(last.why, why))
        else:
            found.append(OutsideRange(start, start + HOUR, 1, why))
    return tuple(found)


def _joined(one: tuple[Beyond, ...], other: tuple[Beyond, ...]) -> tuple[Beyond, ...]:
    merged = {beyond.condition: beyond for beyond in one}
    for beyond in other:
        old = merged.get(beyond.condition, beyond)
        merged[beyond.condition] = replace(
            beyond, low=min(old.low, beyond.low), high=max(old.high, beyond.high)
        )
    return tuple(merged.values())
