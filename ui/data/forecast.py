"""What is to come, as it was forecast: which model is shown, and what stands behind it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from core.clock import parse_time
from core.series import floor_time
from ui.data.shown import Kind, Shown, missing

if TYPE_CHECKING:
    from datetime import datetime

    from core.points import PointRef
    from ui.data.source import Source

TARGETS: Final = ("it_power", "cooling_power")
"""What is forecast everywhere; a site may have more."""
NAIVE: Final = "seasonal_naive"
"""The model that every other has to beat: the same time of days before."""
DIRECT: Final = "ensemble"
"""The forecast made of the members; it carries the notes."""
TWIN: Final = "twin"
"""The forecast of cooling power that goes through the twin."""
ORDER: Final = (DIRECT, "lstm", "mstl", TWIN, NAIVE, "persistence")
"""Models in the order in which they are shown where the chosen one has no fresh forecast."""
FRESH: Final = timedelta(hours=1)
"""Age up to which a forecast is fresh, or two of its steps if that is more."""
FRESH_WALL_S: Final = 60.0
"""And at least so long on the wall [s], which a demonstration's clock stretches."""
WINDOW: Final = timedelta(hours=24)
"""How far ahead a peak is looked for."""
_KEEP_WALL_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Grid:
    """Steps of a forecast, and how much of the measured past is shown with them."""

    step: timedelta
    ahead: timedelta
    back: timedelta
    leads: tuple[str, ...]
    """What the scores call its lead times."""

    @property
    def step_s(self) -> int:
        """Length of a step [s]."""
        return round(self.step.total_seconds())


QUARTERS: Final = Grid(
    timedelta(minutes=15), timedelta(hours=24), timedelta(hours=24), ("0-1 h", "1-6 h", "6-24 h")
)
HOURS: Final = Grid(
    timedelta(hours=1), timedelta(days=7), timedelta(days=7), ("0-1 h", "1-6 h", "6-24 h", "1-7 d")
)
GRIDS: Final = (QUARTERS, HOURS)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a forecast: quantiles of the mean power over it [W]."""

    time: datetime
    """Start of the step, UTC."""
    q05: float
    q25: float
    q50: float
    q75: float
    q95: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """One model's newest forecast."""

    target: str
    model: str
    issued_at: datetime
    step: timedelta
    steps: tuple[Step, ...]
    model_version_id: int | None

    def after(self, time: datetime, until: datetime) -> tuple[Step, ...]:
        """The steps that end after `time` and begin before `until`."""
        return tuple(s for s in self.steps if s.time + self.step > time and s.time < until)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which model counts, and why."""

    model: str
    decided_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Day:
    """Energy and peak of one day, each as q10, q50, q90."""

    day: date
    part_h: float | None
    """How much of the day is in them where it is not the whole day [h]."""
    energy_kwh: tuple[float, float, float] | None
    peak_kw: tuple[float, float, float] | None
    peak_at: datetime | None
    """When the peak is expected."""


@dataclass(frozen=True, slots=True)
class Note:
    """What the ensemble and the shown model say of an issue; empty where nothing was said."""

    members: dict[str, float] = field(default_factory=dict)
    """Shares of an ensemble by model [1]."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Why a model is no member."""
    quality: str = "good"
    """Of the data that it starts from: good, incomplete, flat or stale."""
    quality_reason: str = ""
    quality_since: datetime | None = None
    """When what is wrong with them began, where that is known."""
    leans_on: dict[str, float] = field(default_factory=dict)
    """Shares of the past courses that it starts from [1]."""
    drivers: dict[str, float] = field(default_factory=dict)
    """Importance of what it was told [1]."""
    days: tuple[Day, ...] = ()
    weather: str = ""
    """What the weather's spread is taken from, where the twin is shown."""


@dataclass(frozen=True, slots=True)
class Picked:
    """What is shown of a target on a grid."""

    shown: Forecast
    naive: Forecast | None
    choice: Choice | None
    note: Note
    fresh: bool
    """Whether the forecast is young enough to act on."""


def refs_of(source: Source, target: str) -> tuple[PointRef, ...]:
    """The points whose sum a target is; empty where the page does not know them."""
    meters = source.context.site.meters
    known = {"it_power": meters.it, "cooling_power": meters.cooling}
    return known.get(target) or source.context.site.forecast.targets.get(target, ())


def issues(source: Source) -> dict[tuple[str, int], dict[str, datetime]]:
    """When each model issued its newest forecast, by target and step [s]."""

    def read() -> dict[tuple[str, int], dict[str, datetime]]:
        found: dict[tuple[str, int], dict[str, datetime]] = {}
        for row in source.rows("ui_forecast_issues", site=source.context.site.id):
            found.setdefault((row["target"], row["step_s"]), {})[row["model"]] = row["issued_at"]
        return found

    found: dict[tuple[str, int], dict[str, datetime]] = source.kept("forecast issues", _KEEP_WALL_S, read)
    return found


def targets(source: Source) -> tuple[str, ...]:
    """What is forecast here or could be: the metered ones of `TARGETS`, then all others with a forecast."""
    there = dict.fromkeys(target for target, _ in issues(source))
    usual = [target for target in TARGETS if target in there or refs_of(source, target)]
    return tuple(dict.fromkeys([*usual, *there]))


def fresh_for(source: Source, grid: Grid = QUARTERS) -> timedelta:
    """Age up to which a forecast is fresh."""
    wall = timedelta(seconds=FRESH_WALL_S * source.context.clock.speed_ratio)
    return max(FRESH, 2 * grid.step, wall)


def in_order(issued: dict[str, datetime], chosen: str | None, since: datetime) -> list[str]:
    """The models, the one to show first: what was chosen, then by `ORDER`; fresh ones before the others.

    Args:
        issued: newest issue by model.
        chosen: which model counts.
        since: issued before it, a forecast is not fresh.
    """
    ranked = [name for name in dict.fromkeys([chosen, *ORDER, *issued]) if name in issued]
    fresh = [name for name in ranked if issued[name] >= since]
    old = sorted((name for name in ranked if issued[name] < since), key=lambda name: issued[name])
    return fresh + old[::-1]


def picked(source: Source, target: str, grid: Grid = QUARTERS, at: datetime | None = None) -> Picked | None:
    """The forecast to show with the naive one beside it; None before the first.

    Args:
        source: the way to the database.
        target: what is forecast.
        grid: its steps.
        at: as it was believed at that time; none: now.
    """

    def read() -> Picked | None:
        issued = issues(source).get((target, grid.step_s), {})
        if at is not None:
            issued = _issued_by(source, target, grid, list(issued), at)
        if not issued:
            return None
        choice = _choice(source, target, grid)
        since = (at or source.now) - fresh_for(source, grid)
        first = in_order(issued, choice.model if choice else None, since)[0]
        wanted = [name for name in dict.fromkeys([first, NAIVE]) if name in issued]
        found = _forecasts(source, target, grid, {name: issued[name] for name in wanted})
        if first not in found:
            return None  # its rows were dropped as too old since they were found
        behind = [name for name in dict.fromkeys([DIRECT, first]) if name in issued]
        note = _note(source, target, grid, {name: issued[name] for name in behind})
        return Picked(found[first], found.get(NAIVE), choice, note, issued[first] >= since)

    found: Picked | None = source.kept(f"forecast {target} {grid.step_s} {at or ''}", _KEEP_WALL_S, read)
    return found


def _issued_by(
    source: Source, target: str, grid: Grid, models: list[str], at: datetime
) -> dict[str, datetime]:
    rows = source.rows(
        "ui_forecast_issues_at",
        site=source.context.site.id,
        target=target,
        step_s=grid.step_s,
        models=models,
        at=at,
    )
    return {row["model"]: row["issued_at"] for row in rows if row["issued_at"]}


def _choice(source: Source, target: str, grid: Grid) -> Choice | None:
    rows = source.rows("ui_forecast_choice", site=source.context.site.id, target=target, step_s=grid.step_s)
    return Choice(**rows[0]) if rows else None


def _forecasts(source: Source, target: str, grid: Grid, issued: dict[str, datetime]) -> dict[str, Forecast]:
    rows = source.rows(
        "ui_forecast_steps",
        site=source.context.site.id,
        target=target,
        step_s=grid.step_s,
        models=list(issued),
        issued=list(issued.values()),
    )
    there = dict.fromkeys(row["model"] for row in rows)
    return {model: _forecast(target, [r for r in rows if r["model"] == model]) for model in there}


def _forecast(target: str, rows: list[dict[str, Any]]) -> Forecast:
    return Forecast(
        target=target,
        model=rows[0]["model"],
        issued_at=rows[0]["issued_at"],
        step=timedelta(seconds=rows[0]["step_s"]),
        steps=tuple(Step(r["valid_at"], r["q05"], r["q25"], r["q50"], r["q75"], r["q95"]) for r in rows),
        model_version_id=rows[0]["model_version_id"],
    )


def _note(source: Source, target: str, grid: Grid, issued: dict[str, datetime]) -> Note:
    rows = source.rows(
        "ui_forecast_notes",
        site=source.context.site.id,
        target=target,
        step_s=grid.step_s,
        models=list(issued),
        issued=list(issued.values()),
    )
    notes = {row["model"]: row["note"] for row in rows}
    return note_of({key: value for name in issued for key, value in notes.get(name, {}).items()})


def note_of(said: dict[str, Any]) -> Note:
    """The note as stored; what it does not say is empty."""
    quality = said.get("quality") or {}
    energy = {row["day"]: row for row in said.get("day_energy_kwh") or []}
    peaks = {row["day"]: row for row in said.get("day_peak_kw") or []}
    return Note(
        members=said.get("members") or {},
        left_out=said.get("left_out") or {},
        quality=quality.get("state", "good"),
        quality_reason=quality.get("reason", ""),
        quality_since=parse_time(since) if (since := quality.get("since")) else None,
        leans_on=said.get("leans_on") or {},
        drivers=said.get("drivers") or {},
        days=tuple(_day(day, energy.get(day), peaks.get(day)) for day in sorted({*energy, *peaks})),
        weather=said.get("weather", ""),
    )


def _day(day: str, energy: dict[str, Any] | None, peak: dict[str, Any] | None) -> Day:
    at = peak.get("at") if peak else None
    head = energy or peak or {}
    part_h = head.get("hours") if head.get("partial") else None
    return Day(
        date.fromisoformat(day), part_h, _spread(energy), _spread(peak), parse_time(at) if at else None
    )


def _spread(row: dict[str, Any] | None) -> tuple[float, float, float] | None:
    return (row["q10"], row["q50"], row["q90"]) if row else None


def newest(source: Source, target: str) -> dict[str, Forecast]:
    """The forecast of the next 24 h that is shown, first, and the naive one; empty before the first."""
    found = picked(source, target)
    both = (found.shown, found.naive) if found else ()
    return {f.model: f for f in both if f}


def shown_first(forecasts: dict[str, Forecast]) -> Forecast | None:
    """The forecast to show where there is room for one."""
    return next(iter(forecasts.values()), None)


def peak(source: Source, target: str = "it_power", ahead: timedelta = WINDOW) -> Shown:
    """The highest median of the time ahead with its 5 to 95 % band; `time` is when it is expected."""
    forecast = shown_first(newest(source, target))
    if forecast is None:
        return missing("W", Kind.FORECAST, "no forecast yet")
    return peak_of(forecast, source.now, ahead)


def peak_of(forecast: Forecast, now: datetime, ahead: timedelta) -> Shown:
    """The highest median of one forecast from now on."""
    coming = forecast.after(now, now + ahead)
    if not coming:
        return missing("W", Kind.FORECAST, "the newest forecast has run out")
    top = max(coming, key=lambda step: step.q50)
    return Shown(top.q50, "W", Kind.FORECAST, top.time, low=top.q05, high=top.q95)


def stamp(source: Source, grid: Grid) -> str:
    """Changes when there is another forecast or another choice to show, and with every step of the clock."""
    chosen = [
        found.choice.decided_at
        for target in targets(source)
        if (found := picked(source, target, grid)) and found.choice
    ]
    newest_issues = sorted(
        (target, step_s, model, at)
        for (target, step_s), models in issues(source).items()
        for model, at in models.items()
    )
    return f"{floor_time(source.now, QUARTERS.step)} {grid.step_s} {chosen} {newest_issues}"
