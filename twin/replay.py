"""A past day through the calibrated twin: as measured, as the twin has it, and an alternative."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from core import kpi
from core.errors import InputError, NotReadyError
from core.units import SECONDS_PER_HOUR
from twin.calibrate import Calibration, latest, load_history
from twin.history import METERS, SERIES, History
from twin.network import BREAKDOWN, Conditions, Parameters, PlantState, Setpoints
from twin.scenario import Scenario, apply
from twin.simulate import simulate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core import db
    from core.actions import Setpoint
    from core.clock import Clock
    from core.site import Site
    from twin.plant.curves import Flags, Floats

STEP: Final = timedelta(minutes=15)
"""Default step of a replay."""
ENERGIES: Final = (*BREAKDOWN, "cooling_kw", "facility_kw")
"""Powers of the twin whose energies are compared."""
SAMPLES: Final = 30
"""Plants drawn from the calibration for the interval."""
SEED: Final = 30_134
"""Of these draws, so that the same question has the same answer."""
P90_SD: Final = 1.2815515594457831
"""90th percentile of the standard normal distribution."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An energy with its uncertainty [kWh]."""

    p10: float
    """Ten in a hundred are below."""
    p50: float
    """The middle."""
    p90: float
    """Ninety in a hundred are below."""


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """One day, three ways. Energies count only the steps at which everything was measured."""

    day: date
    """The site's day."""
    start: datetime
    """Its start, UTC."""
    step: timedelta
    """Length of a step."""
    history: History
    """What was measured, NaN where nothing was."""
    as_operated: PlantState
    """The twin under the setpoints that were in force; NaN where not everything was measured."""
    alternative: PlantState | None
    """The twin under the alternative, or none."""
    measured_kwh: dict[str, float]
    """Energy by meter."""
    as_operated_kwh: dict[str, float]
    """Energy by ENERGIES."""
    alternative_kwh: dict[str, float]
    """Energy by ENERGIES; empty without alternative."""
    difference_kwh: dict[str, float]
    """Alternative minus as operated by ENERGIES; negative is saved."""
    difference_interval_kwh: Interval | None
    """The same of `facility_kw`, with the calibration's uncertainty."""
    pue_measured: float
    """Of the measured steps [1]."""
    pue_as_operated: float
    """The twin's [1]."""
    pue_alternative: float
    """The twin's under the alternative [1]; NaN without."""
    complete_ratio: float
    """Share of the day that was measured [1]."""
    outside_ratio: float
    """Share of the measured steps at which the alternative leaves the calibrated envelope [1]."""

    @property
    def times(self) -> list[datetime]:
        """(n,) starts of the steps, UTC."""
        return [self.start + self.step * i for i in range(len(self.history))]


def check_day(site: Site, clock: Clock, day: date) -> None:
    """Refuse a day that has not begun.

    Raises:
        InputError: the day lies in the future.
    """
    today = clock.now().astimezone(site.zone).date()
    if day > today:
        raise InputError(
            "day", found=day.isoformat(), allowed=f"{today.isoformat()} or earlier", do="choose a past day"
        )


def day_bounds(site: Site, day: date) -> tuple[datetime, datetime]:
    """Start and end of a site's day, UTC; 23 or 25 hours where the clocks change."""
    midnights = (datetime.combine(d, time(), site.zone) for d in (day, day + timedelta(days=1)))
    start, end = (midnight.astimezone(UTC) for midnight in midnights)
    return start, end


def replay(
    conn: db.Connection,
    site: Site,
    day: date,
    setpoints: Mapping[Setpoint, float] | None = None,
    step: timedelta = STEP,
    *,
    load_shift_kw: Sequence[float] = (),
) -> ReplayResult:
    """Replay a day from the database.

    Args:
        conn: connection.
        site: the site.
        day: the site's day.
        setpoints: setpoints to hold instead [degC]; with neither these nor a shift there is no alternative.
        step: length of a step.
        load_shift_kw: IT power added at each hour of the day [kW], 24 values or none.

    Raises:
        NotReadyError: the day has no data, or the twin has not been calibrated.
    """
    calibration = latest(conn, site)
    if calibration is None:
        raise NotReadyError("the twin has not been calibrated yet; that needs a day of data")
    history = load_history(conn, site, *day_bounds(site, day), step)
    scenario = Scenario("alternative", setpoints or {}, load_shift_kw) if setpoints or load_shift_kw else None
    return replay_history(site, day, history, calibration, scenario)


def replay_history(
    site: Site, day: date, history: History, calibration: Calibration, scenario: Scenario | None
) -> ReplayResult:
    """Replay a day that has been read.

    Args:
        site: the site.
        day: the site's day.
        history: what was measured on it.
        calibration: the twin in use.
        scenario: the alternative, or none.

    Raises:
        NotReadyError: not one step of the day is complete.
    """
    known = history.usable
    if not known.any():
        raise NotReadyError(f"no step of {day.isoformat()} was measured completely")
    question = _Question(site, history, known, scenario)
    parameters = calibration.parameters(site.plant)
    operated, alternative, outside = question.answer(parameters, calibration)
    hours = history.step.total_seconds() / SECONDS_PER_HOUR
    before = _energies(operated, hours)
    after = _energies(alternative, hours) if alternative else {}
    meters = {name: getattr(history, name)[known] for name in ("it_kw", *METERS)}
    return ReplayResult(
        day=day,
        start=history.start,
        step=history.step,
        history=history,
        as_operated=operated,
        alternative=alternative,
        measured_kwh={name: float(values.sum() * hours) for name, values in meters.items()},
        as_operated_kwh=before,
        alternative_kwh=after,
        difference_kwh={name: after[name] - before[name] for name in after},
        difference_interval_kwh=_interval(question, calibration, hours) if alternative else None,
        pue_measured=kpi.pue(meters["facility_kw"], meters["it_kw"]),
        pue_as_operated=kpi.pue(operated.facility_kw, operated.it_kw),
        pue_alternative=kpi.pue(alternative.facility_kw, alternative.it_kw) if alternative else float("nan"),
        complete_ratio=float(known.mean()),
        outside_ratio=outside,
    )


class _Question:
    """A day and its alternative, to be asked of more than one plant."""

    def __init__(self, site: Site, history: History, known: Flags, scenario: Scenario | None) -> None:
        self.site, self.known, self.scenario = site, known, scenario
        self.filled = _filled(history, known)
        self.step_s = history.step.total_seconds()
        starts = (history.start + history.step * i for i in range(len(history)))
        self.hours = np.array([start.astimezone(site.zone).hour for start in starts], dtype=np.float64)

    def states(
        self, parameters: Parameters
    ) -> tuple[PlantState, PlantState | None, tuple[Conditions, Setpoints] | None]:
        conditions, setpoints = self.filled.conditions(parameters), self.filled.setpoints
        operated = simulate(parameters, conditions, setpoints, self.step_s)
        if self.scenario is None:
            return operated, None, None
        changed = apply(self.scenario, conditions, setpoints, self.hours)
        return operated, simulate(parameters, *changed, self.step_s), changed

    def answer(
        self, parameters: Parameters, calibration: Calibration
    ) -> tuple[PlantState, PlantState | None, float]:
        """Both states, NaN where unknown, and the share of steps outside the calibrated envelope."""
        operated, alternative, changed = self.states(parameters)
        if alternative is None or changed is None:
            return _masked(operated, self.known), None, 0.0
        outside = np.broadcast_to(calibration.outside(*changed), self.known.shape)[self.known]
        return _masked(operated, self.known), _masked(alternative, self.known), float(outside.mean())

    def difference_kwh(self, parameters: Parameters, hours: float) -> float:
        """Facility energy of the alternative minus that as operated [kWh]."""
        operated, alternative, _ = self.states(parameters)
        if alternative is None:
            return 0.0
        return float((alternative.facility_kw - operated.facility_kw)[self.known].sum() * hours)


def _interval(question: _Question, calibration: Calibration, hours: float) -> Interval:
    """The difference's spread over plants that the calibration allows, plus the twin's relative error."""
    plant = question.site.plant
    middle = question.difference_kwh(calibration.parameters(plant), hours)
    plants = calibration.samples(plant, SAMPLES, np.random.default_rng(SEED))
    spread = float(np.std([question.difference_kwh(parameters, hours) for parameters in plants]))
    own = calibration.errors["facility_kw"].cv_rmse_ratio * abs(middle)
    half = P90_SD * float(np.hypot(spread, own))
    return Interval(middle - half, middle, middle + half)


def _filled(history: History, known: Flags) -> History:
    """The same with gaps bridged by straight lines, so that the hall's state can be carried across them."""
    index = np.arange(len(history))

    def bridged(values: Floats) -> Floats:
        return np.interp(index, index[known], values[known])

    arrays: dict[str, Any] = {
        name: bridged(getattr(history, name))
        if np.isfinite(getattr(history, name)[known]).all()
        else getattr(history, name)
        for name in SERIES
    }
    return replace(history, points={}, **arrays)


def _masked(state: PlantState, known: Flags) -> PlantState:
    arrays = {}
    for field in fields(PlantState):
        values = getattr(state, field.name)
        arrays[field.name] = values & known if values.dtype == bool else np.where(known, values, np.nan)
    return PlantState(**arrays)


def _energies(state: PlantState, hours: float) -> dict[str, float]:
    return {name: float(np.nansum(getattr(state, name)) * hours) for name in ENERGIES}
