"""Forecast: what is to come, how sure, and whether the model earns its place."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import dash_mantine_components as dmc
import numpy as np
from dash import ClientsideFunction, Input, Output, html

from core import store
from core.errors import NotReadyError
from core.series import Series, floor_time
from ui import figures, view
from ui import format as fmt
from ui.components.forecast import (
    alarm_notices,
    day_table,
    explanation,
    fallback_notices,
    model_name,
    rollback_command,
    score_table,
    target_name,
    twin_or_direct,
    verdict,
    version_table,
    which,
)
from ui.components.graph import graph
from ui.components.panel import empty, facts, labelled, panel, switch
from ui.data import forecast, skill
from ui.page import Page
from ui.pages.status import job_table

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from dash import Dash

    from ui.components.panel import Child
    from ui.data import Source
    from ui.data.forecast import Grid, Picked
    from ui.page import Live

GRIDS: Final = {str(grid.step_s): grid for grid in forecast.GRIDS}
GRID_NAMES: Final = ("Next 24 h, 15-min steps", "Next 7 days, hourly")
WINDOWS: Final = {f"{window.total_seconds():.0f}": window for window in skill.WINDOWS}
WINDOW_NAMES: Final = ("24 h", "7 d", "14 d")
GRID, WINDOW = next(iter(GRIDS)), list(WINDOWS)[1]
"""What is shown first."""
PARTS: Final = {
    "said": "children",
    "chart": "figure",
    "scores": "children",
    "behind": "children",
    "daily": "figure",
}
"""What a target's section is filled with, and the property that takes it."""
BACK_MAX_H: Final = 48
"""So far back it can be asked what was believed [h]."""
BACK_MARKS_H: Final = (0, 12, 24, 36, 48)
_DIGITS_MAX: Final = 3
_KEEP_PARTS_WALL_S: Final = 300.0
_CHART_PX: Final = 380
_DAILY_PX: Final = 260
_SCORES_SAID: Final = (
    "Measured means against what was forecast for them, by how far ahead it was said; up to {steps} pairs a "
    "model. MAE: mean error of the median. Error / naive's: loss of all quantiles (pinball) over the "
    "seasonal naive's for the same times, below 1 is better. The 80 % band should hold 76 to 84 %: ▼ "
    "too narrow, ▲ too wide. Bold: the model that is shown."
)
_VERSIONS_SAID: Final = "MASE, WQL: errors on the held-out days, ours / seasonal naive's; less is better"
_BACK_SAID: Final = "What was believed, hours ago"
_DAYS_SAID: Final = f"last {skill.DAYS} d"
_NOT_SCORED: Final = "Not scored yet: that needs forecasts whose time has come."
_NONE_THEN: Final = "No forecast had been made by then, or it is not kept any more."
_NO_FORECAST: Final = "No forecast yet. The first one comes when enough history is there to train on."


def layout(source: Source) -> list[Child]:
    """The page; a target's section stays and the poll fills it, so that what was zoomed in stays so."""
    grid, window = chosen()
    return [
        html.H1("Forecast", className="sr"),
        html.Div(
            [
                switch("forecast-grid", "Horizon", dict(zip(GRIDS, GRID_NAMES, strict=True)), grid),
                switch(
                    "forecast-window",
                    "Scores over the last",
                    dict(zip(WINDOWS, WINDOW_NAMES, strict=True)),
                    window,
                ),
            ],
            className="switches",
        ),
        html.Div(
            [
                html.Span(_BACK_SAID, className="note"),
                dmc.Slider(
                    id="forecast-back",
                    min=0,
                    max=BACK_MAX_H,
                    step=1,
                    value=back_h(),
                    marks=[{"value": h, "label": f"{h} h" if h else "now"} for h in BACK_MARKS_H],
                    updatemode="mouseup",
                    thumbLabel=_BACK_SAID,
                ),
            ],
            className="back-slider",
        ),
        html.Div(id="forecast-alarms"),
        html.Div([section(target, source) for target in forecast.targets(source)], id="forecast-body"),
        html.Div(
            panel("Versions of the models", html.Div(id="forecast-versions"), note=_VERSIONS_SAID),
            className="grid after",
        ),
        html.Div(
            panel("Forecast jobs", html.Div(id="forecast-jobs"), note="newest run of each"),
            className="grid after",
        ),
    ]


def chosen() -> tuple[str, str]:
    """Grid and window, as the address has them."""
    seen = view.current()
    more = seen.more if seen else {}
    grid, window = more.get("grid", GRID), more.get("window", WINDOW)
    return grid if grid in GRIDS else GRID, window if window in WINDOWS else WINDOW


def back_h() -> int:
    """How long ago that is, what is shown was believed [h], as the address has it."""
    seen = view.current()
    text = seen.more.get("back", "") if seen else ""
    return min(int(text), BACK_MAX_H) if text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX else 0


def believed(source: Source) -> datetime | None:
    """The time at which what is shown was believed, to the minute; none: now."""
    hours = back_h()
    return floor_time(source.now, timedelta(minutes=1)) - timedelta(hours=hours) if hours else None


def register(app: Dash, source: Source) -> None:
    """The switches write the address; the poll does the rest."""
    del source
    app.clientside_callback(
        ClientsideFunction("joulecast", "chosen"),
        Output("url", "search", allow_duplicate=True),
        Input("forecast-grid", "value"),
        Input("forecast-window", "value"),
        Input("forecast-back", "value"),
        prevent_initial_call=True,
    )


def live(source: Source) -> Live:
    """What is known now; a section is made anew when there is something new to show."""
    grid, window = GRIDS[chosen()[0]], WINDOWS[chosen()[1]]
    found: dict[tuple[str, str], Callable[[], Any]] = {
        ("forecast-alarms", "children"): lambda: alarm_parts(source),
        ("forecast-versions", "children"): lambda: version_parts(source, grid),
        ("forecast-jobs", "children"): lambda: job_table(source, "forecast"),
    }
    for target in forecast.targets(source):
        for part, prop in PARTS.items():
            found[part_id(part, target), prop] = partial(_part, source, target, grid, window, part)
    return found


def _part(source: Source, target: str, grid: Grid, window: timedelta, part: str) -> Any:
    seen = view.current()
    key = f"{forecast.stamp(source, grid)} {window} {seen.key if seen else ''}"
    made: dict[str, Any] = source.kept(
        f"forecast page {target} {key}",
        _KEEP_PARTS_WALL_S,
        lambda: target_parts(source, target, grid, window),
    )
    return made[part]


def part_id(part: str, target: str) -> str:
    """What a part of a target's section is called."""
    return f"forecast-{part}-{target}"


def alarm_parts(source: Source) -> list[Child]:
    """The open alarms of the forecaster."""
    return alarm_notices(skill.alarms(source), source.zone, source.now)


def version_parts(source: Source, grid: Grid) -> list[Child]:
    """The newest versions of the models, and how to put one of the shown grid back."""
    found = skill.versions(source)
    told = dict.fromkeys(v.target for v in found if v.step_s == grid.step_s and v.status == "champion")
    commands = [html.Div(html.Code(rollback_command(target, grid.step_s))) for target in told]
    said_of_rollback = "To put the version back that was in force before, on the machine of the forecaster:"
    return [
        version_table(found, source.zone, source.now),
        *([html.Div([said_of_rollback, *commands], className="note")] if commands else []),
    ]


def section(target: str, source: Source) -> html.Section:
    """One target: what is to come and how right that has been; on the right what stands behind it."""
    name, blank = target_name(target), figures.blank(source.zone, source.now)
    left = [
        panel(
            f"{name}: forecast and measured",
            html.Div(id=part_id("said", target)),
            graph(part_id("chart", target), blank, _CHART_PX),
        ),
        panel(f"{name}: which model is right", html.Div(id=part_id("scores", target))),
    ]
    right = [
        html.Div(id=part_id("behind", target), className="stack"),
        panel("Errors by day", graph(part_id("daily", target), blank, _DAILY_PX), note=_DAYS_SAID),
    ]
    columns = [html.Div(left, className="span-8 stack"), html.Div(right, className="span-4 stack")]
    return labelled(html.Section(columns, className="grid target", id=f"forecast-{target}"), label=name)


def target_parts(source: Source, target: str, grid: Grid, window: timedelta) -> dict[str, Child]:
    """What fills a target's section, as named in `PARTS`."""
    at = believed(source)
    found = forecast.picked(source, target, grid, at)
    return {
        "said": said(source, found, target, grid),
        "chart": chart(source, found, target, grid),
        "scores": score_parts(source, found, target, grid, window),
        "behind": behind_parts(source, found) if found else [],
        "daily": daily(source, found, target, grid),
    }


def said(source: Source, found: Picked | None, target: str, grid: Grid) -> list[Child]:
    """What is wrong, which model is shown and why, what it is made of, and the peak to come."""
    if found is None:
        return [empty(_NONE_THEN if back_h() else _NO_FORECAST)]
    zone, now = source.zone, believed(source) or source.now
    pairs = which(found, zone, now)
    if target == "cooling_power":
        errors = twin_or_direct(skill.scores(source, target, grid, skill.LONGEST))
        pairs += [("Two ways", fmt.sentence(errors))] if errors else []
    then = (
        [html.P(html.B(f"As it was believed at {fmt.clock_time(now, zone, source.now)}."))]
        if back_h()
        else []
    )
    return [
        *then,
        *fallback_notices(found, zone, now),
        facts([*pairs, ("Peak", peak_text(source, found, grid))]),
    ]


def peak_text(source: Source, found: Picked, grid: Grid) -> str:
    """The highest power of the time ahead, when, and how sure."""
    zone, now = source.zone, believed(source) or source.now
    top = forecast.peak_of(found.shown, now, grid.ahead)
    if not top.alive:
        return fmt.sentence(f"{top.reason}.")
    return (
        f"{fmt.quantity(top.value, 'W')} at {fmt.clock_time(top.time, zone, now)}, forecast "
        f"(90 % band {fmt.band(fmt.kw(top.low), fmt.kw(top.high), 0, 'kW')})"
    )


def measured(source: Source, target: str, grid: Grid) -> Series:
    """The target as measured, means per step [W]; all missing where a point was never seen."""
    end = floor_time(source.now, grid.step)
    at = believed(source)
    start = end - grid.back if at is None else min(end - grid.back, floor_time(at, grid.step) - grid.step)
    try:
        with source.connection() as conn:
            refs = forecast.refs_of(source, target)
            return store.series_sum(conn, source.context.site.id, refs, start, end, grid.step)
    except NotReadyError:
        return Series(start, grid.step, np.array([]))


def chart(source: Source, found: Picked | None, target: str, grid: Grid) -> figures.Figure:
    """The target's chart as of now; the naive line is in it whichever model is shown."""
    return figures.fan(
        measured(source, target, grid),
        found.shown if found else None,
        found.naive if found else None,
        source.now,
        source.zone,
        model_name(found.shown.model) if found else "forecast",
    )


def behind_parts(source: Source, found: Picked) -> list[Child]:
    """Whole days and the explanation."""
    note, zone = found.note, source.zone
    by = "" if found.shown.model == forecast.DIRECT else f" by the {model_name(forecast.DIRECT)}"
    return [
        panel("By day", day_table(note.days, zone), note=f"forecast{by}, 80 % band"),
        panel("Why it looks so", *explanation(note), note=f"{model_name(forecast.DIRECT)}, newest forecast"),
    ]


def daily(source: Source, found: Picked | None, target: str, grid: Grid) -> figures.Figure:
    """The shown model's figures day by day."""
    model = found.shown.model if found else forecast.DIRECT
    days = skill.daily(source, target, grid, model)
    return figures.daily(
        [f"{d.day}" for d in days],
        [d.pinball_ratio for d in days],
        [d.coverage_ratio for d in days],
        model_name(model),
    )


def score_parts(
    source: Source, found: Picked | None, target: str, grid: Grid, window: timedelta
) -> list[Child]:
    """How right the models have been over the window, by how far ahead it was said."""
    scores = skill.scores(source, target, grid, window)
    if found is None or not scores:
        return [empty(_NOT_SCORED)]
    model, steps = found.shown.model, fmt.fixed(max(score.whole.steps for score in scores), 0)
    return [
        html.P(html.B(verdict(scores, model, window))),
        score_table(scores, model, grid.leads),
        html.P(_SCORES_SAID.format(steps=steps), className="note"),
    ]


PAGE: Final = Page("/forecast", "Forecast", layout, register, live, frozenset({"grid", "window", "back"}))
