"""Alarms as the page shows them: where each stands, what has happened, how they came."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from core.alarms import State
from core.points import PointRef
from core.series import floor_time
from ui.data.live import snapshot, total
from ui.data.shown import Kind, Shown, missing

if TYPE_CHECKING:
    from datetime import datetime

    from ui.data.source import Source

EVENTS_MAX: Final = 200
"""How many events the page lists."""
WINDOW: Final = timedelta(minutes=10)
"""In which alarms are counted (EEMUA 191)."""
_KEEP_FIGURES_WALL_S: Final = 10.0
_INLET: Final = "advise.inlet."
_URGENT: Final = 1
"""Priority of an inlet that is above what is allowable; others are above what is recommended."""
_POINTS: Final = ("reading.silent.", "reading.flat.", "reading.unit.", "reading.clock.")


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm or notification."""

    alarm_id: int
    source: str
    kind: str
    """``alarm`` or ``notification``."""
    priority: int
    """1 is the gravest."""
    message: str
    action: str
    cause: str
    consequence: str
    respond_s: int
    """So soon somebody should act [s]."""
    owner: str
    raised_at: datetime
    cleared_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    withheld_until: datetime | None
    withheld_by: str | None
    withheld_reason: str | None
    comment: str | None
    """The newest one."""
    commented_by: str | None
    state: State
    value: Shown | None = None
    """What is measured now where the alarm is about a measured value."""
    limit: Shown | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to an alarm."""

    event_id: int
    alarm_id: int
    at: datetime
    verb: str
    from_state: str | None
    to_state: str
    actor: str
    reason: str
    priority: int
    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class BadActor:
    """A source and how many alarms came from it."""

    source: str
    raised: int


@dataclass(frozen=True, slots=True)
class Figures:
    """How alarms came in a period."""

    start: datetime
    """The later one of the period's start and the first event on record, to ten minutes of the clock: so
    which alarms share a window does not depend on when it is asked."""
    end: datetime
    positions: int
    """Operator positions that share them."""
    raised: int
    windows: int
    """Of 10 min."""
    floods: int
    """Windows with more than 10 a position."""
    most: int
    """In one window."""
    bad_actors: tuple[BadActor, ...]
    chattering: tuple[str, ...]
    """Sources with three or more within 60 s."""
    stale: tuple[str, ...]
    """Sources that stand for more than 24 h at the end of the period, without what is put aside."""
    mix: dict[int, int]
    """How many of each priority."""

    @property
    def per_window(self) -> float:
        """Alarms a position and 10 min."""
        return self.raised / self.windows / self.positions if self.windows else 0.0

    @property
    def per_day(self) -> float:
        """Alarms a position and day."""
        return self.per_window * (timedelta(days=1) / WINDOW)

    @property
    def flood_ratio(self) -> float:
        """Share of the windows with a flood [1]."""
        return self.floods / self.windows if self.windows else 0.0

    @property
    def bad_ratio(self) -> float:
        """Share of all alarms that the worst ten sources made [1]."""
        return sum(bad.raised for bad in self.bad_actors) / self.raised if self.raised else 0.0


def alarms(source: Source, pinned: int | None = None) -> tuple[Alarm, ...]:
    """Whatever is not normal, the gravest first; and the pinned one, whatever it is."""
    rows = source.rows("ui_alarms", site=source.context.site.id, now=source.now, pinned=pinned or 0)
    return tuple(_alarm(source, row) for row in rows)


def _alarm(source: Source, row: dict[str, Any]) -> Alarm:
    value, limit = _value(source, row["source"], row["priority"])
    return Alarm(**{**row, "state": State(row["state"]), "value": value, "limit": limit})


def _value(source: Source, of: str, priority: int) -> tuple[Shown | None, Shown | None]:
    """What is measured now, or why it is not, and its limit, where the alarm is about that."""
    if of.startswith(_INLET):
        now, envelope = snapshot(source), source.context.site.limits.envelope
        limit_c = envelope.allowable_high_c if priority == _URGENT else envelope.recommended_high_c
        value = now.worst.inlet if now.worst else missing("degC", Kind.MEASURED, "no rack inlet is fresh")
        return value, Shown(limit_c, "degC", Kind.ASSUMED)
    prefix = next((p for p in _POINTS if of.startswith(p)), None)
    ref = of.removeprefix(prefix) if prefix else ""
    point = next((p for p in snapshot(source).points if p.ref == ref), None) if ref else None
    return (total({ref: point}, (PointRef(*ref.split("/")),), unit=point.unit) if point else None), None


def events(source: Source, start: datetime, end: datetime) -> tuple[Event, ...]:
    """What happened in a period, the newest first."""
    return _events(source, start=start, end=end, number=None)


def events_of(source: Source, number: int) -> tuple[Event, ...]:
    """What has happened to one alarm."""
    return _events(source, start=None, end=None, number=number)


def _events(source: Source, **of: Any) -> tuple[Event, ...]:
    rows = source.rows("ui_alarm_events", site=source.context.site.id, count=EVENTS_MAX, **of)
    return tuple(Event(**row) for row in rows)


def figures(source: Source, start: datetime, end: datetime) -> Figures | None:
    """How alarms came; None before anything is on record."""
    site = source.context.site.id

    def read() -> Figures | None:
        first = source.rows("ui_alarm_first", site=site)[0]["since"]
        if first is None or first >= end:
            return None
        since = floor_time(max(start, first), WINDOW)
        positions = source.context.settings.alarm_positions
        row = source.rows("ui_alarm_figures", site=site, since=since, until=end, positions=positions)[0]
        return Figures(
            start=since,
            end=end,
            positions=positions,
            raised=row["raised"],
            windows=row["windows"],
            floods=row["floods"],
            most=row["most"],
            bad_actors=tuple(BadActor(**bad) for bad in row["bad_actors"]),
            chattering=tuple(row["chattering"]),
            stale=tuple(row["stale"]),
            mix={int(priority): count for priority, count in row["mix"].items()},
        )

    minute = end.replace(second=0, microsecond=0)
    found: Figures | None = source.kept(
        f"alarm figures {start:%FT%R} {minute:%FT%R} {end - start}", _KEEP_FIGURES_WALL_S, read
    )
    return found
