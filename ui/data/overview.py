"""What the first page shows beside the newest readings: the past, what happened, what was saved."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from core import store
from core.actions import State
from core.errors import NotReadyError
from core.kpi import Pue, pue_of_period
from core.points import BAD_FROM
from core.series import Series, floor_time
from ui.data import advice, history
from ui.data.expected import Expected, expected
from ui.data.later import Later, later
from ui.data.live import UNCERTAIN_FROM

if TYPE_CHECKING:
    from datetime import date, datetime

    from core.points import PointRef
    from ui.data.advice import Recommendation
    from ui.data.live import Point
    from ui.data.source import Source

HOUR: Final = timedelta(hours=1)
MINUTE: Final = timedelta(minutes=1)
QUARTER: Final = timedelta(minutes=15)
YEAR_H: Final = 8760.0
STEPS: Final = (
    (2 * HOUR, MINUTE),
    (timedelta(days=1), history.STEP),
    (timedelta(days=8), QUARTER),
    (timedelta(days=40), HOUR),
)
"""Up to which length a period of the chart is drawn in which step: about a thousand points at most."""
EVENTS: Final = 200
"""Most events of a period that are read."""
ALARMS: Final = 5
"""How many alarms the page lists."""
TOLD: Final = (
    State.PROPOSED, State.SNOOZED, State.ACCEPTED, State.INSTRUCTED, State.APPLIED, State.HOLDING,
    State.COMPLETED, State.REJECTED, State.EXPIRED, State.WITHDRAWN, State.FAILED, State.REVERTED,
    State.REVERT_FAILED,
)  # fmt: skip
"""Steps of a recommendation that the page tells of."""
SETPOINT_STEP_K: Final = 0.05
"""A setpoint that moves by less has not been changed [K]."""
_KEEP_SPARK_WALL_S: Final = 20.0
_KEEP_WALL_S: Final = 3.0
_KEEP_ADVICE_WALL_S: Final = 0.8
_KEEP_SLOW_WALL_S: Final = 300.0
_KEEP_YEAR_WALL_S: Final = 1800.0


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened."""

    at: datetime
    kind: str
    """alarm, cleared, notification, advice, hold or setpoint."""
    said: str
    """The alarm's message, the recommendation's new state, on or off, or the setpoint's name."""
    priority: int | None = None
    number: int | None = None
    """The recommendation's."""
    actor: str = ""
    moved_c: tuple[float, float] | None = None
    """From where a setpoint went, and to where [degC]."""


@dataclass(frozen=True, slots=True)
class Standing:
    """An alarm that asks for somebody."""

    alarm_id: int
    priority: int
    """1 is the gravest."""
    message: str
    action: str
    """What to do."""
    raised_at: datetime
    state: str
    """unacknowledged, acknowledged, or returned: over, and nobody has looked."""
    acknowledged_by: str | None


@dataclass(frozen=True, slots=True)
class Saved:
    """Verified savings of some days."""

    days: int
    p10_kwh: float
    p50_kwh: float
    p90_kwh: float
    cost: float | None
    """In the tariff's currency; none where a day's is not known."""
    carbon_kg: float | None


@dataclass(frozen=True, slots=True)
class Quality:
    """How many points have a good, an uncertain, a late and a bad newest reading."""

    good: int
    uncertain: int
    late: int
    bad: int

    @property
    def all(self) -> int:
        """Points that were ever seen."""
        return self.good + self.uncertain + self.late + self.bad


def series(source: Source, refs: tuple[PointRef, ...], span: timedelta, step: timedelta) -> Series:
    """Sum over points, from `span` before now to the last whole step; NaN where it is not known."""
    end = floor_time(source.now, step)

    def read() -> Series:
        try:
            with source.connection() as conn:
                return store.series_sum(conn, source.context.site.id, refs, end - span, end, step)
        except NotReadyError:
            return Series(end - span, step, np.full(round(span / step), np.nan))

    key = f"overview {end} {span} {step} {' '.join(map(str, refs))}"
    found: Series = source.kept(key, max(_KEEP_SPARK_WALL_S, step.total_seconds() / 4), read)
    return found


def past_hour(source: Source, refs: tuple[PointRef, ...]) -> Series:
    """The last hour in means of a minute."""
    return series(source, refs, HOUR, MINUTE)


def step_of(span: timedelta) -> timedelta:
    """The step that a period of the chart is drawn in."""
    return next((step for longest, step in STEPS if span <= longest), 6 * HOUR)


def pues(source: Source) -> tuple[Pue, ...]:
    """PUE over the last quarter of an hour, hour and day, of five-minute means."""
    meters, week = source.context.site.meters, timedelta(hours=max(history.PUE_PERIODS_H))
    facility, it = (history.series(source, refs, week) for refs in (meters.facility, meters.it))
    found = []
    for hours in (0.25, 1.0, 24.0):
        steps = round(hours * HOUR / history.STEP)
        top, bottom = facility.values[-steps - 1 : -1], it.values[-steps - 1 : -1]
        found.append(pue_of_period(top, bottom, category=meters.category, hours=hours))
    return tuple(found)


def pue_of_year(source: Source) -> Later:
    """The `Pue` of the last 365 days, of hourly means."""

    def make() -> Pue:
        meters, site = source.context.site.meters, source.context.site.id
        end = floor_time(source.now, HOUR)
        with source.connection() as conn:
            facility, it = (
                store.series_sum(conn, site, refs, end - YEAR_H * HOUR, end, HOUR).values
                for refs in (meters.facility, meters.it)
            )
        return pue_of_period(facility, it, category=meters.category, hours=YEAR_H)

    return later(source, "pue of the year", _KEEP_YEAR_WALL_S, make)


def cooling_twin(source: Source) -> Later:
    """The last hour's cooling beside the calibrated twin's, an `Expected` in quarters of an hour."""

    def make() -> Expected:
        end = floor_time(source.now, QUARTER)
        return expected(source, end - HOUR, end, QUARTER)

    return later(source, "cooling of the twin", _KEEP_SLOW_WALL_S, make)


def events(source: Source, start: datetime, end: datetime) -> tuple[Event, ...]:
    """What happened, newest first, without setpoints."""
    rows = source.rows(
        "ui_overview_events",
        site=source.context.site.id,
        start=start,
        end=end,
        states=[str(state) for state in TOLD],
        count=EVENTS,
    )
    return tuple(Event(**row) for row in rows)


def moves(source: Source, span: timedelta, step: timedelta) -> tuple[Event, ...]:
    """When setpoints that advice may change were changed, by whomever, newest first."""
    found = [
        Event(at, "setpoint", setpoint, moved_c=(before, after))
        for setpoint, bounds in source.context.site.setpoints.items()
        for at, before, after in changes(series(source, (bounds.point,), span, step))
    ]
    return tuple(sorted(found, key=lambda event: event.at, reverse=True))


def changes(found: Series) -> list[tuple[datetime, float, float]]:
    """Steps of a setpoint: when, from where, to where.

    A mean over a step in which it moved lies between the two; the step after it says where it went.
    """
    known = np.flatnonzero(np.isfinite(found.values))
    changed: list[tuple[datetime, float, float]] = []
    if not len(known):
        return changed
    held, until = float(found.values[known[0]]), -1
    for place, index in enumerate(known.tolist()):
        if index <= until or abs(found.values[index] - held) < SETPOINT_STEP_K:
            continue
        after = known[min(place + 1, len(known) - 1)]
        settled = float(found.values[after])
        if abs(settled - held) >= SETPOINT_STEP_K:
            changed.append((found.start + found.step * index, held, settled))
        held, until = settled, int(after)
    return changed


def happened(source: Source, span: timedelta) -> tuple[Event, ...]:
    """Everything that happened, newest first."""

    def read() -> tuple[Event, ...]:
        now, step = source.now, step_of(span)
        both = events(source, now - span, now + MINUTE) + moves(source, span, step)
        return tuple(sorted(both, key=lambda event: event.at, reverse=True))

    found: tuple[Event, ...] = source.kept(f"happened {span}", _KEEP_WALL_S, read)
    return found


def recommendations(source: Source) -> tuple[Recommendation, ...]:
    """The newest ones; read once however many parts of the page ask."""
    found: tuple[Recommendation, ...] = source.kept(
        "recommendations", _KEEP_ADVICE_WALL_S, lambda: advice.recommendations(source)
    )
    return found


def standing(source: Source) -> tuple[Standing, ...]:
    """The alarms that ask for somebody, the gravest first."""
    rows = source.kept(
        "standing",
        _KEEP_WALL_S,
        lambda: source.rows("ui_overview_alarms", site=source.context.site.id, now=source.now, count=ALARMS),
    )
    return tuple(Standing(**row) for row in rows)


def saved(source: Source, first: date, last: date) -> Saved:
    """What the account has of some days of the site's calendar, both included."""

    def read() -> Saved:
        (row,) = source.rows("ui_saved", site=source.context.site.id, first=first, last=last)
        return Saved(**row)

    found: Saved = source.kept(f"saved {first} {last}", _KEEP_WALL_S, read)
    return found


def saved_this_month(source: Source) -> Saved:
    """The same of the month so far."""
    today = source.now.astimezone(source.context.site.zone).date()
    return saved(source, today.replace(day=1), today)


def quality(points: tuple[Point, ...]) -> Quality:
    """Count points; one that is late counts as nothing else."""
    fresh = [p for p in points if not p.stale]
    bad = sum(p.status >= BAD_FROM for p in fresh)
    uncertain = sum(UNCERTAIN_FROM <= p.status < BAD_FROM for p in fresh)
    return Quality(len(fresh) - bad - uncertain, uncertain, len(points) - len(fresh), bad)
