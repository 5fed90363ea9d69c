"""What is to come, as it was forecast; and how right the models have been."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from core import store
from core.series import floor_time
from ui.data.shown import Kind, Shown, missing

if TYPE_CHECKING:
    from datetime import datetime

    from core.points import PointRef
    from ui.data.source import Source

TARGETS: Final = ("it_power", "cooling_power")
"""What is forecast."""
LEARNED: Final = "lstm"
"""The model that learns."""
NAIVE: Final = "seasonal_naive"
"""The model that it has to beat: the same time of the day before."""
WINDOW: Final = timedelta(hours=24)
"""Over which the models are scored."""
ALL_LEADS: Final = "all"
"""What the query calls the row over all lead times."""
SCORE_STEP: Final = timedelta(minutes=15)
_KEEP_WALL_S: Final = 3.0
_KEEP_SCORES_WALL_S: Final = 15.0


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
class Score:
    """One model's errors over the last window, on the steps that every model has forecast."""

    model: str
    mae_w: float
    """Mean absolute error of the median over all leads [W]."""
    coverage_ratio: float
    """Share of the measured means inside the 10 to 90 % band [1]; 0.8 would be right."""
    steps: int
    """Pairs of issue and step that count."""
    mae_w_by_lead: dict[str, float]
    """The same by lead time, e.g. ``1-6 h`` [W]."""


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """The model in force."""

    model_version_id: int
    model: str
    trained_at: datetime
    data_from: datetime
    data_to: datetime
    card: dict[str, Any]


def refs_of(source: Source, target: str) -> tuple[PointRef, ...]:
    """The points whose sum a target is."""
    meters = source.context.site.meters
    return meters.it if target == "it_power" else meters.cooling


def newest(source: Source, target: str) -> dict[str, Forecast]:
    """The newest forecast of each model, by model; empty before the first."""

    def read() -> dict[str, Forecast]:
        rows = source.rows("ui_forecast_newest", site=source.context.site.id, target=target)
        models = dict.fromkeys(row["model"] for row in rows)
        return {model: _forecast(target, [r for r in rows if r["model"] == model]) for model in models}

    found: dict[str, Forecast] = source.kept(f"forecast {target}", _KEEP_WALL_S, read)
    return found


def _forecast(target: str, rows: list[dict[str, Any]]) -> Forecast:
    return Forecast(
        target=target,
        model=rows[0]["model"],
        issued_at=rows[0]["issued_at"],
        step=timedelta(seconds=rows[0]["step_s"]),
        steps=tuple(Step(r["valid_at"], r["q05"], r["q25"], r["q50"], r["q75"], r["q95"]) for r in rows),
        model_version_id=rows[0]["model_version_id"],
    )


def shown_first(forecasts: dict[str, Forecast]) -> Forecast | None:
    """The forecast to show where there is room for one: the learned one, or else the newest."""
    return forecasts.get(LEARNED) or max(forecasts.values(), key=lambda f: f.issued_at, default=None)


def peak(source: Source, target: str = "it_power", ahead: timedelta = WINDOW) -> Shown:
    """The highest median of the time ahead with its 5 to 95 % band; `time` is when it is expected."""
    forecast = shown_first(newest(source, target))
    if forecast is None:
        return missing("W", Kind.FORECAST, "no forecast yet")
    coming = forecast.after(source.now, source.now + ahead)
    if not coming:
        return missing("W", Kind.FORECAST, "the newest forecast has run out")
    top = max(coming, key=lambda step: step.q50)
    return Shown(top.q50, "W", Kind.FORECAST, top.time, low=top.q05, high=top.q95)


def scores(source: Source, target: str) -> tuple[Score, ...]:
    """Errors of the models over the last window, best first; empty while nothing can be scored."""

    def read() -> tuple[Score, ...]:
        refs = refs_of(source, target)
        if not refs:
            return ()
        end = floor_time(source.now, SCORE_STEP)
        with source.connection() as conn:
            ids = store.point_ids(conn, source.context.site.id, refs)
        if len(ids) < len(refs):
            return ()
        return _scores(
            source.rows(
                "forecast_scores",
                site=source.context.site.id,
                target=target,
                points=list(ids.values()),
                start=end - WINDOW,
                end=end,
                step=SCORE_STEP,
            )
        )

    found: tuple[Score, ...] = source.kept(f"scores {target}", _KEEP_SCORES_WALL_S, read)
    return found


def _scores(rows: list[dict[str, Any]]) -> tuple[Score, ...]:
    return tuple(
        Score(
            model=row["model"],
            mae_w=row["mae_w"],
            coverage_ratio=row["coverage80_ratio"],
            steps=row["steps"],
            mae_w_by_lead={
                r["lead"]: r["mae_w"] for r in rows if r["model"] == row["model"] and r["lead"] != ALL_LEADS
            },
        )
        for row in rows
        if row["lead"] == ALL_LEADS
    )


def versions(source: Source, target: str) -> tuple[ModelVersion, ...]:
    """The champions of a target's models."""
    rows = source.rows("ui_model_versions", site=source.context.site.id, target=target)
    return tuple(ModelVersion(**row) for row in rows)
