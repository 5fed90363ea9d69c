"""Past days as they were operated, and as rules, advice and perfect foresight would have run them.

Every day stands for itself: it begins with what was in force at its midnight. Advice knows what was known at
each of its hours, every recommendation that passes the gates is followed, and the calibrated twin says what
the plant would have done: so foresight, which asks the same twin and may do what advice did, is the bound.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from core.actions import Setpoint
from core.errors import NotReadyError
from core.units import G_PER_KG, L_PER_M3, SECONDS_PER_HOUR
from twin.advise import policy
from twin.advise.outlook import STEP
from twin.calibrate import load_history
from twin.network import solve
from twin.past import BEFORE, USUAL, Past, known
from twin.scenario import day_span
from twin.state import Conditions, Setpoints

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from core import db
    from core.series import Floats
    from core.site import Site
    from twin.history import History
    from twin.network import Parameters, PlantState

AS_OPERATED, ASKED, RULES, ADVISED, FORESIGHT = "as_operated", "alternative", "rules", "advised", "foresight"
TICKS: Final = round(STEP.total_seconds() / policy.TICK_S)
"""Ticks of a policy in a step."""
AHEAD_TICKS: Final = 12
"""How far foresight looks."""
AIM_TICKS: Final = 36
"""How often it looks."""
PAUSE_TICKS: Final = 12
"""After there was nothing to change, advice and foresight look again so much later."""
DAYS_ALONE: Final = 14
"""Fewer days than this are not worth a second process."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One way in which a day could have been run, by the twin, at the steps that were measured."""

    facility_kwh: float
    it_kwh: float
    cost: float
    """Of energy and water by the site's tariff, without demand charge [its currency]; 0 without tariff."""
    carbon_kg: float | None
    """None where neither the grid nor the tariff says."""
    water_l: float
    inlet_max_c: float
    """Warmest IT inlet, with what the twin is off by as operated [degC]."""

    @property
    def pue(self) -> float:
        """Power usage effectiveness [1]."""
        return self.facility_kwh / self.it_kwh


@dataclass(frozen=True, slots=True)
class Recommended:
    """A recommendation that would have been made."""

    at: datetime
    """When, UTC."""
    move: policy.Move
    """What, and what it was expected to save."""


@dataclass(frozen=True, slots=True)
class AdvisedDay:
    """A day, as it was and as it could have been."""

    day: date
    """The site's day."""
    lanes: Mapping[str, Lane]
    """By name."""
    moves: tuple[Recommended, ...]
    """What would have been recommended and followed."""
    held_back: Mapping[str, int]
    """Why nothing was recommended, and how often."""
    measured_kwh: float
    """What the facility really drew at the steps that were measured [kWh]."""
    complete_ratio: float
    """Share of the day that was measured [1]."""
    calibration_id: int | None
    """The calibration that advice used at the day's begin."""
    calibrated_later: bool
    """Whether that was made after the day began, because there was none yet."""
    forecasts: Mapping[str, int]
    """How many decisions rested on which forecast of the load; `USUAL`: made from data up to then."""
    weathers: Mapping[str, int]
    """The same of the weather."""


@dataclass(frozen=True, slots=True)
class _Task:
    """All that it takes to replay a day: what is sent to a worker."""

    past: Past
    judge: Parameters
    """The plant that says what would have been."""
    day: date
    start: datetime
    end: datetime
    measured: Floats
    """(n,) facility power as measured [kW]; NaN where something was not."""
    asked: Mapping[Setpoint, float]


def replay_days(
    conn: db.Connection,
    site: Site,
    first: date,
    last: date,
    asked: Mapping[Setpoint, float] | None = None,
    workers: int = 1,
) -> Iterator[AdvisedDay]:
    """Replay days of the site's calendar with advice.

    Args:
        conn: connection; everything is read before the first day comes back.
        site: the site.
        first: the first day.
        last: the last day, itself included.
        asked: setpoints to hold in one more lane [degC].
        workers: processes to use.

    Raises:
        NotReadyError: nothing was measured, or the twin has not been calibrated.
    """
    begin, end = day_span(site.zone, first)[0], day_span(site.zone, last)[1]
    history = load_history(conn, site, begin - BEFORE, end, STEP)
    inside = np.arange(len(history)) >= BEFORE // STEP
    if not (history.usable & inside).any():
        raise NotReadyError(f"no step from {first} to {last} was measured completely")
    yield from replay_past(known(conn, site, history, begin), history, first, last, asked, workers)


def replay_past(
    past: Past,
    history: History,
    first: date,
    last: date,
    asked: Mapping[Setpoint, float] | None = None,
    workers: int = 1,
) -> Iterator[AdvisedDay]:
    """The same of a past that has been read.

    Args:
        past: what was known.
        history: what was measured, with its gaps.
        first: the first day.
        last: the last day, itself included.
        asked: setpoints to hold in one more lane [degC].
        workers: processes to use.
    """
    site = past.site
    facility = np.where(history.usable, history.facility_kw, np.nan)
    judge = past.calibrations[-1].parameters(site.plant)
    tasks = []
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        start, stop = day_span(site.zone, day)
        a, b = ((at - history.start) // STEP for at in (start, stop))
        if not np.isfinite(facility[a:b]).any():
            continue
        tasks.append(_Task(_cut(past, start, stop), judge, day, start, stop, facility[a:b], asked or {}))
    return _run(tasks, workers)


def _run(tasks: list[_Task], workers: int) -> Iterator[AdvisedDay]:
    if workers < 2 or len(tasks) < DAYS_ALONE:  # noqa: PLR2004  # one process is this one
        yield from map(_day, tasks)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(_day, tasks, chunksize=4)


def _cut(past: Past, start: datetime, end: datetime) -> Past:
    """What a day needs of the past."""
    history = past.history
    a = max((start - BEFORE - history.start) // history.step, 0)
    b = (end - history.start) // history.step
    part = replace(history.part(slice(a, b)), start=history.start + a * history.step)
    from_s, to_s = (start - timedelta(days=4)).timestamp(), end.timestamp()
    before = [c for c in past.calibrations if c.created_at <= start][-1:]
    during = [c for c in past.calibrations if start < c.created_at < end]
    return Past(
        past.site,
        part,
        [*before, *during] or past.calibrations[:1],
        [i for i in past.issues if from_s <= i.known_s <= to_s],
        [i for i in past.weathers if from_s <= i.known_s <= to_s],
        None if past.carbon_g_per_kwh is None else past.carbon_g_per_kwh[a:b],
    )


@dataclass
class _Replayed:
    """The twin in place of the plant, under the load and weather that came."""

    task: _Task
    conditions: Conditions
    offset_k: Floats
    """(n,) warmest inlet as measured over the twin's as operated [K]."""
    setpoints_c: dict[Setpoint, float]
    tick: int = 0

    def read(self) -> policy.Reading:
        """What meters and sensors would say; before the first step, what they said."""
        step = max(self.tick // TICKS - 1, 0)
        outside = [np.asarray(v, dtype=np.float64)[[step]] for v in _given(self.conditions)]
        state = solve(self.task.judge, Conditions(*outside), Setpoints.of(self.setpoints_c))
        return policy.Reading(
            it_kw=float(state.it_kw[0]),
            facility_kw=float(state.facility_kw[0]),
            inlets_c=(float(state.inlet_c[0] + self.offset_k[step]),),
            supply_air_c=float(state.supply_air_c[0]),
            dry_bulb_c=float(outside[1][0]),
            wet_bulb_c=float(outside[2][0]),
            chillers_running=float(state.chillers_running[0]),
        )

    def run(self, setpoints_c: Mapping[Setpoint, float]) -> None:
        """Go on by one tick."""
        self.setpoints_c = dict(setpoints_c)
        self.tick += 1


def _given(conditions: Conditions) -> tuple[Any, Any, Any]:
    return conditions.it_reference_kw, conditions.dry_bulb_c, conditions.wet_bulb_c


@dataclass
class _Knowing:
    """Asks the past, and counts what it answered with."""

    past: Past
    start: datetime
    """When the first tick begins."""
    forecasts: Counter[str] = field(default_factory=Counter)
    weathers: Counter[str] = field(default_factory=Counter)

    def at(self, tick: int) -> datetime:
        return self.start + timedelta(seconds=policy.TICK_S * tick)

    def twin(self, tick: int) -> Any:
        return self.past.twin(self.at(tick))

    def ahead(self, tick: int, seen: policy.Reading) -> Any:
        del seen
        load, weather = self.past.load(self.at(tick)), self.past.weather(self.at(tick))
        self.forecasts[load.model] += 1
        self.weathers[weather.source] += 1
        return load, weather


def _day(task: _Task) -> AdvisedDay:
    """Replay one day; runs at a worker."""
    past, site = task.past, task.past.site
    today = past.history.part(slice(past.step(task.start), None))
    steps = len(today)
    measured = task.measured[-steps:]
    conditions = today.conditions(task.judge)
    held = {s: np.asarray(getattr(today.setpoints, f"{s.value}_c"), dtype=np.float64) for s in Setpoint}
    start = {s: float(v[0]) for s, v in held.items() if s in task.judge.setpoints_needed}
    operated = solve(task.judge, conditions, Setpoints.of({s: held[s] for s in start}))
    offset_k = np.nan_to_num(today.inlet_c - operated.inlet_c)
    ticks, every = steps * TICKS, policy.DECISION_TICKS
    knows = _Knowing(past, task.end - STEP * steps)
    advised = policy.Advised(
        site,
        knows.at,
        knows.twin,
        knows.ahead,
        site.advice.objective,
        carbon=lambda tick: past.carbon(knows.at(tick)),
        pause_ticks=PAUSE_TICKS,
    )

    def plant() -> _Replayed:
        return _Replayed(task, conditions, offset_k, dict(start))

    def foreseen(a: int, b: int, grid: Mapping[Setpoint, Floats]) -> PlantState:
        part = slice(a // TICKS, max(b // TICKS, a // TICKS + 1))
        outside = (np.asarray(v, dtype=np.float64)[part] for v in _given(conditions))
        return solve(task.judge, Conditions(*outside), Setpoints.of(grid))

    foresight = policy.Foresight(site, foreseen, AHEAD_TICKS, AIM_TICKS, pause_ticks=PAUSE_TICKS)
    courses = {
        RULES: policy.walk(plant(), policy.Rules(site, every), start, ticks, every),
        ADVISED: policy.walk(plant(), advised, start, ticks, every),
        FORESIGHT: policy.walk(plant(), foresight, start, ticks, every),
    }
    lanes = {AS_OPERATED: _lane(task, operated, offset_k, measured)}
    if task.asked:
        alternative = {s: np.full(steps, task.asked.get(s, np.nan)) for s in start}
        chosen = {s: np.where(np.isnan(v), held[s], v) for s, v in alternative.items()}
        lanes[ASKED] = _lane(task, solve(task.judge, conditions, Setpoints.of(chosen)), offset_k, measured)
    for name, course in courses.items():
        at = {s: v.reshape(-1, TICKS).mean(axis=1) for s, v in course.items()}
        lanes[name] = _lane(task, solve(task.judge, conditions, Setpoints.of(at)), offset_k, measured)
    lanes[FORESIGHT] = min(lanes[FORESIGHT], lanes[ADVISED], key=lambda lane: lane.facility_kwh)
    calibration, later = past.calibration(task.start)
    hours = STEP.total_seconds() / SECONDS_PER_HOUR
    return AdvisedDay(
        day=task.day,
        lanes=lanes,
        moves=tuple(Recommended(knows.at(move.tick).astimezone(UTC), move) for move in advised.moves),
        held_back=dict(advised.held_back),
        measured_kwh=float(np.nansum(measured) * hours),
        complete_ratio=float(np.isfinite(task.measured).mean()),
        calibration_id=calibration.calibration_id,
        calibrated_later=later,
        forecasts=dict(knows.forecasts),
        weathers=dict(knows.weathers),
    )


def _lane(task: _Task, state: PlantState, offset_k: Floats, measured: Floats) -> Lane:
    hours = STEP.total_seconds() / SECONDS_PER_HOUR
    counts = np.isfinite(measured)
    site, kwh = task.past.site, state.facility_kw * hours
    prices = site.tariff.energy_prices(task.end - STEP * len(kwh), STEP, len(kwh), site.zone)
    water_l = float((state.water_l_per_h * hours)[counts].sum())
    carbon = task.past.carbon_g_per_kwh
    if carbon is not None and np.isfinite(carbon[-len(kwh) :][counts]).all():
        carbon = carbon[-len(kwh) :]
    else:
        fallback = site.tariff.carbon_g_per_kwh
        carbon = None if fallback is None else np.full(len(kwh), fallback)
    return Lane(
        facility_kwh=float(kwh[counts].sum()),
        it_kwh=float((state.it_kw * hours)[counts].sum()),
        cost=float((kwh * prices)[counts].sum()) + water_l / L_PER_M3 * site.tariff.water_per_m3,
        carbon_kg=None if carbon is None else float((kwh * carbon)[counts].sum() / G_PER_KG),
        water_l=water_l,
        inlet_max_c=float((state.inlet_c + offset_k)[counts].max()),
    )


__all__ = [
    "ADVISED",
    "ASKED",
    "AS_OPERATED",
    "FORESIGHT",
    "RULES",
    "USUAL",
    "AdvisedDay",
    "Lane",
    "replay_days",
]
