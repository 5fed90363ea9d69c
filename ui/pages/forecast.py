"""Forecast: what is to come, how sure, and whether the model earns its place."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from dash import Input, Output, Patch, State, dcc, html, no_update

from core import store
from core.clock import parse_time
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
    "seasonal_naive": "seasonal naive",
    "persistence": "persistence",
}
_CHART_PX: Final = 420
COVERAGE_LEAST: Final = 0.7
"""Share that the 80 % band has to hold; below it the page says so."""
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
            span=7,
        ),
        html.Div(
            [
                panel(f"Which model is right: {NAMES[target]}", html.Div(id=f"forecast-scores-{target}")),
                panel(f"The model: {NAMES[target]}", html.Div(id=f"forecast-model-{target}")),
            ],
            className="span-5 stack",
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
    text = (
        f"Made {fmt.clock_time(shown.issued_at, zone, now)} by {MODEL_NAMES.get(shown.model, shown.model)}. "
    )
    if not top.alive:
        return text + fmt.sentence(f"{top.reason}.")
    return (
        f"{text}Peak of the next 24 h: {fmt.quantity(top.value, 'W')} "
        f"at {fmt.clock_time(top.time, zone, now)} "
        f"(90 % band {fmt.band(fmt.kw(top.low), fmt.kw(top.high), 0, 'kW')})."
    )


def scores(source: Source, target: str) -> list[Child]:
    """MAE of each model over the last window, and in words which one wins."""
    found = forecast.scores(source, target)
    if not found:
        return [empty("Not scored yet: that needs forecasts whose time has come.")]
    leads = sorted(found[0].mae_w_by_lead)
    rows = [
        (
            MODEL_NAMES.get(s.model, s.model),
            html.B(fmt.number(fmt.kw(s.mae_w))),
            *(fmt.number(fmt.kw(s.mae_w_by_lead.get(lead))) for lead in leads),
            fmt.percent(s.coverage_ratio),
        )
        for s in found
    ]
    head = ("MAE [kW]", "all", *leads, "in 80 % band")
    return [
        html.P(html.B(verdict(found))),
        table(head, rows, numeric=range(1, len(head))),
        html.P(
            "Measured 15-min means of the last 24 h against what was forecast for them; "
            f"{found[0].steps} pairs each, by lead time. The band should hold 80 %. Seasonal naive: the same "
            "hour of days before; persistence: it stays as it is.",
            className="note",
        ),
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
    if learned.coverage_ratio < COVERAGE_LEAST:
        text += f" Its 80 % band is too narrow: it held {fmt.percent(learned.coverage_ratio)}."
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
            *card_facts(version.card, source),
        ]
    )


def card_facts(card: Mapping[str, Any], source: Source) -> list[tuple[str, str]]:
    """What the version's card says of itself, as far as it is there."""
    pairs: list[tuple[str, str]] = []
    shares = card.get("explanation")
    if isinstance(shares, dict):
        ordered = sorted(shares.items(), key=lambda item: -float(item[1]))
        text = ", ".join(f"{name} {fmt.percent(float(share))}" for name, share in ordered)
        pairs.append(("Leans on", text))
    held = card.get("held_out")
    if isinstance(held, dict) and "from" in held and "to" in held:
        zone, now = source.context.site.zone, source.now
        first, last = (fmt.clock_time(parse_time(held[key]), zone, now) for key in ("from", "to"))
        pairs.append(("Tested on", f"{held.get('forecasts', fmt.NOTHING)} forecasts, {first} to {last}"))
    if isinstance(card.get("observed_ratio"), float):
        pairs.append(("Data measured", fmt.percent(card["observed_ratio"])))
    if isinstance(card.get("reason"), str):
        pairs.append(("In force because", card["reason"]))
    return pairs


PAGE: Final = Page("/forecast", "Forecast", layout, register)
