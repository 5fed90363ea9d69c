"""Forecast: what is to come, how sure, and whether the model earns its place."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from dash import Input, Output, Patch, State, dcc, html, no_update

from core import store
from core.errors import NotReadyError
from core.series import Series, floor_time
from ui import figures
from ui import format as fmt
from ui.components.graph import graph
from ui.components.panel import empty, facts, panel, table
from ui.data import forecast
from ui.pages.status import job_table
from ui.shell import TICK_MS, Page

if TYPE_CHECKING:
    from collections.abc import Mapping
    from dash import Dash

    from ui.components.panel import Child
    from ui.data import Source

BACK: Final = timedelta(hours=24)
"""How much of the measured past the charts show."""
NAMES: Final = {"it_power": "IT power", "cooling_power": "Cooling power"}
MODEL_NAMES: Final = {
    "lstm": "LSTM",
    "seasonal_naive": "seasonal naive (same time the day before)",
    "persistence": "persistence (as it is now)",
}
_CHART_PX: Final = 330
_COVERAGE_WANTED: Final = 0.9
_CARD_DEPTH: Final = 2
_EQUAL_WITHIN: Final = 0.01
"""Models whose errors differ by less than this share are called level."""


def layout(source: Source) -> list[Child]:
    """The page."""
    return [
        html.H1("Forecast", className="sr"),
        dcc.Interval(id="forecast-tick", interval=TICK_MS),
        dcc.Store(id="forecast-drawn"),
        html.Div(
            [part for target in forecast.TARGETS for part in _target(source, target)]
            + [panel("Forecast jobs", html.Div(id="forecast-jobs"), note="newest run of each")],
            className="grid",
        ),
    ]


def _target(source: Source, target: str) -> list[Child]:
    return [
        panel(
            f"{NAMES[target]}: forecast and measured",
            html.Div(id=f"forecast-said-{target}", className="note"),
            graph(f"forecast-chart-{target}", chart(source, target), _CHART_PX),
            note="15-min means",
            span=8,
        ),
        html.Div(
            [
                panel(f"Which model is right: {NAMES[target]}", html.Div(id=f"forecast-scores-{target}")),
                panel(f"The model: {NAMES[target]}", html.Div(id=f"forecast-model-{target}")),
            ],
            className="span-4 stack",
        ),
    ]


def register(app: Dash, source: Source) -> None:
    """One callback a tick."""
    each = [
        Output(f"forecast-{part}-{target}", prop)
        for target in forecast.TARGETS
        for part, prop in (
            ("said", "children"),
            ("chart", "figure"),
            ("scores", "children"),
            ("model", "children"),
        )
    ]

    @app.callback(
        *each,
        Output("forecast-jobs", "children"),
        Output("forecast-drawn", "data"),
        Input("forecast-tick", "n_intervals"),
        State("forecast-drawn", "data"),
    )
    def tick(_: int | None, drawn: str | None) -> list[Any]:
        key = drawing_key(source)
        found: list[Any] = []
        for target in forecast.TARGETS:
            found += [
                said(source, target),
                no_update if key == drawn else redrawn(source, target),
                scores(source, target),
                model(source, target),
            ]
        return [*found, job_table(source, "forecast"), key]


def drawing_key(source: Source) -> str:
    """Changes when a chart has something new to show."""
    issued = [f.issued_at for t in forecast.TARGETS for f in forecast.newest(source, t).values()]
    return f"{floor_time(source.now, forecast.SCORE_STEP)} {max(issued, default=None)}"


def measured(source: Source, target: str) -> Series:
    """The target as measured in 15-min means [W]; all missing where a point was never seen."""
    end = floor_time(source.now, forecast.SCORE_STEP)
    try:
        with source.connection() as conn:
            return store.series_sum(
                conn,
                source.context.site.id,
                forecast.refs_of(source, target),
                end - BACK,
                end,
                forecast.SCORE_STEP,
            )
    except NotReadyError:
        return Series(end - BACK, forecast.SCORE_STEP, np.array([]))


def chart(source: Source, target: str) -> figures.Figure:
    """The target's chart as of now."""
    found = forecast.newest(source, target)
    return figures.fan(
        measured(source, target),
        forecast.shown_first({k: v for k, v in found.items() if k != forecast.NAIVE}),
        found.get(forecast.NAIVE),
        source.now,
        source.context.site.zone,
    )


def redrawn(source: Source, target: str) -> Patch:
    """The change that turns the browser's chart into the one as of now."""
    figure, patch = chart(source, target), Patch()
    patch["data"] = figure["data"]
    for key in ("shapes", "annotations"):
        patch["layout"][key] = figure["layout"][key]
    patch["layout"]["xaxis"]["range"] = figure["layout"]["xaxis"]["range"]
    return patch


def said(source: Source, target: str) -> Child:
    """When the newest forecast was made, and its peak."""
    shown = forecast.shown_first(forecast.newest(source, target))
    if shown is None:
        return empty("No forecast yet. The first one comes when enough history is there to train on.")
    zone, now = source.context.site.zone, source.now
    top = forecast.peak(source, target)
    text = f"Made {fmt.clock_time(shown.issued_at, zone, now)} by {MODEL_NAMES.get(shown.model, shown.model)}. "
    if not top.alive:
        return text + fmt.sentence(f"{top.reason}.")
    return (
        f"{text}Peak of the next 24 h: {fmt.quantity(top.value, 'W')} at {fmt.clock_time(top.time, zone, now)} "
        f"(90 % band {fmt.band(fmt.kw(top.low), fmt.kw(top.high), 0, 'kW')})."
    )


def scores(source: Source, target: str) -> list[Child]:
    """MAE of each model over the last window, and in words which one wins."""
    found = forecast.scores(source, target)
    if not found:
        return [empty("Not scored yet: that needs forecasts whose time has come.")]
    zone, now = source.context.site.zone, source.now
    rows = [
        (
            MODEL_NAMES.get(s.model, s.model),
            fmt.number(fmt.kw(s.mae_w)),
            fmt.percent(s.coverage_ratio),
        )
        for s in found
    ]
    first, last = found[0].first_at, found[0].last_at
    window = f"{fmt.clock_time(first, zone, now)} to {fmt.clock_time(last, zone, now)}"
    return [
        html.P(html.B(verdict(found))),
        table(("Model", "MAE [kW]", "inside 90 % band"), rows, numeric=(1, 2)),
        html.P(f"{found[0].pairs} forecast steps each, {window}, against measured 15-min means.", className="note"),
    ]


def verdict(found: tuple[forecast.Score, ...]) -> str:
    """Which model wins, in words; found is ordered by error."""
    by_model = {score.model: score for score in found}
    learned, naive = by_model.get(forecast.LEARNED), by_model.get(forecast.NAIVE)
    if learned is None or naive is None:
        return f"Only {MODEL_NAMES.get(found[0].model, found[0].model)} can be scored so far."
    if naive.mae_w <= 0:
        return "The seasonal-naive line was exactly right: the LSTM cannot beat it."
    gain = 1 - learned.mae_w / naive.mae_w
    if abs(gain) < _EQUAL_WITHIN:
        return "LSTM and seasonal naive are level over this window."
    if gain > 0:
        text = f"The LSTM wins: its error is {fmt.percent(gain)} below the seasonal-naive line's."
    else:
        text = f"The seasonal-naive line wins: the LSTM's error is {fmt.percent(-gain)} above it."
    if learned.coverage_ratio < _COVERAGE_WANTED - 0.1:
        text += f" The LSTM's 90 % band is too narrow: it held {fmt.percent(learned.coverage_ratio)}."
    return text


def model(source: Source, target: str) -> Child:
    """The learned model's version, training window and what it says of itself."""
    found = [v for v in forecast.versions(source, target) if v.model == forecast.LEARNED]
    if not found:
        return empty("No trained model yet.")
    version, zone, now = found[0], source.context.site.zone, source.now
    period = f"{fmt.clock_time(version.data_from, zone, now)} to {fmt.clock_time(version.data_to, zone, now)}"
    return facts(
        [
            ("Version", f"{MODEL_NAMES.get(version.model, version.model)} {version.model_version_id}"),
            ("Trained", fmt.clock_time(version.trained_at, zone, now)),
            ("On data of", period),
            *card_facts(version.card),
        ]
    )


def card_facts(card: Mapping[str, Any], prefix: str = "", depth: int = _CARD_DEPTH) -> list[tuple[str, str]]:
    """What a model's card says, as names and texts; nested parts under their parent's name."""
    pairs: list[tuple[str, str]] = []
    for key, entry in card.items():
        name = fmt.words(f"{prefix}{key}")
        if isinstance(entry, dict):
            pairs += card_facts(entry, f"{name}: ", depth - 1) if depth > 1 else []
        elif isinstance(entry, bool | str):
            pairs.append((fmt.sentence(name), str(entry)))
        elif isinstance(entry, int | float):
            pairs.append((fmt.sentence(name), fmt.number(float(entry), 4)))
        elif isinstance(entry, list) and entry and all(isinstance(e, str) for e in entry):
            pairs.append((fmt.sentence(name), ", ".join(entry)))
    return pairs




PAGE: Final = Page("/forecast", "Forecast", layout, register)
