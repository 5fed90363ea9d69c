"""How right the forecasts have been, which versions of the models there are, which alarms are open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from core.series import floor_time
from ui.data import forecast

if TYPE_CHECKING:
    from datetime import date, datetime

    from ui.data.forecast import Grid
    from ui.data.source import Source

WINDOWS: Final = (timedelta(hours=24), timedelta(days=7), timedelta(days=14))
"""Spans over which the models are compared."""
LONGEST: Final = WINDOWS[-1]
"""The span over which it is decided which model counts."""
DAYS: Final = 28
"""How many days the chart of daily figures has."""
NEWEST: Final = 4
"""Versions listed per target and grid, beside those in force."""
COVERAGE_RANGE: Final = (0.76, 0.84)
"""What an 80 % band should hold of the truth [1]."""
ALL_LEADS: Final = "all"
"""What the query calls the row over all lead times."""
_HOUR: Final = timedelta(hours=1)
_KEEP_WALL_S: Final = 3.0
_KEEP_SCORES_WALL_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class Figures:
    """Errors over some steps whose truth has arrived."""

    steps: int
    """Pairs of issue and step that count."""
    mae_w: float
    """Mean absolute error of the median [W]."""
    coverage_ratio: float
    """Share of the measured means inside the 10 to 90 % band [1]; 0.8 would be right."""
    pinball_ratio: float | None
    """Pinball loss over the seasonal naive's for the same times [1]; below 1 is better than it."""


@dataclass(frozen=True, slots=True)
class Score:
    """One model's errors over a window."""

    model: str
    whole: Figures
    """Over all lead times."""
    by_lead: dict[str, Figures]
    """By lead time, e.g. ``1-6 h``."""


@dataclass(frozen=True, slots=True)
class DayFigures:
    """One model's figures of one day at the site."""

    day: date
    coverage_ratio: float
    pinball_ratio: float | None


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A trained model as stored."""

    model_version_id: int
    target: str
    step_s: int
    model: str
    status: str
    """champion, challenger or retired."""
    trained_at: datetime
    data_from: datetime
    data_to: datetime
    card: dict[str, Any]
    actor: str | None = None
    """Who put it in force, where it is."""
    reason: str | None = None
    """Why it was put in force, where it is."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """An open alarm of the forecaster."""

    source: str
    priority: int
    message: str
    action: str
    raised_at: datetime


def scores(source: Source, target: str, grid: Grid, window: timedelta) -> tuple[Score, ...]:
    """Errors of the models over the window that ends now, best first; empty while nothing is scored."""

    def read() -> tuple[Score, ...]:
        end = floor_time(source.now, _HOUR) + _HOUR
        rows = source.rows(
            "ui_forecast_scores",
            site=source.context.site.id,
            target=target,
            step_s=grid.step_s,
            models=list(forecast.issues(source).get((target, grid.step_s), {})),
            naive=forecast.NAIVE,
            start=end - window,
            end=end,
        )
        return tuple(sorted(_scores(rows), key=_rank))

    key = f"scores {target} {grid.step_s} {window}"
    found: tuple[Score, ...] = source.kept(key, _KEEP_SCORES_WALL_S, read)
    return found


def _rank(score: Score) -> tuple[bool, float]:
    ratio = score.whole.pinball_ratio
    return (ratio is None, score.whole.mae_w if ratio is None else ratio)


def _scores(rows: list[dict[str, Any]]) -> list[Score]:
    by_model: dict[str, dict[str, Figures]] = {}
    for row in rows:
        figures = Figures(row["steps"], row["mae_w"], row["coverage80_ratio"], row["pinball_ratio"])
        by_model.setdefault(row["model"], {})[row["lead"]] = figures
    return [
        Score(model, leads[ALL_LEADS], {lead: f for lead, f in leads.items() if lead != ALL_LEADS})
        for model, leads in by_model.items()
    ]


def daily(source: Source, target: str, grid: Grid, model: str) -> tuple[DayFigures, ...]:
    """One model's figures day by day, oldest first."""

    def read() -> tuple[DayFigures, ...]:
        end = floor_time(source.now, _HOUR) + _HOUR
        rows = source.rows(
            "ui_forecast_daily",
            site=source.context.site.id,
            target=target,
            step_s=grid.step_s,
            model=model,
            naive=forecast.NAIVE,
            zone=source.context.site.site.timezone,
            start=end - timedelta(days=DAYS),
            end=end,
        )
        return tuple(DayFigures(r["day"], r["coverage80_ratio"], r["pinball_ratio"]) for r in rows)

    key = f"daily {target} {grid.step_s} {model}"
    found: tuple[DayFigures, ...] = source.kept(key, _KEEP_SCORES_WALL_S, read)
    return found


def versions(source: Source) -> tuple[ModelVersion, ...]:
    """The newest versions of all targets' models, and those in force."""

    def read() -> tuple[ModelVersion, ...]:
        rows = source.rows("ui_forecast_versions", site=source.context.site.id, newest=NEWEST)
        return tuple(ModelVersion(**row) for row in rows)

    found: tuple[ModelVersion, ...] = source.kept("model versions", _KEEP_WALL_S, read)
    return found


def alarms(source: Source) -> tuple[Alarm, ...]:
    """What the watch on the forecaster has raised and not cleared, the gravest first."""

    def read() -> tuple[Alarm, ...]:
        return tuple(Alarm(**row) for row in source.rows("ui_forecast_alarms", site=source.context.site.id))

    found: tuple[Alarm, ...] = source.kept("forecast alarms", _KEEP_WALL_S, read)
    return found
