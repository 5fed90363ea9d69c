"""Four charts of 20,000 readings each on a small page: our callback, our thinning, our charts, our server."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
from dash import Dash, Input, Output, dcc, html

from core.points import PointRef
from core.site import load_site
from joulecast.verbs.common import DEMO_SITE
from ui.callbacks import VIEW_STORE, callback
from ui.charts import quality as charts
from ui.components.graph import graph
from ui.data.quality import Trend

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from ui.data import Source

CHARTS: Final = 4
POINTS: Final = 20_000
START: Final = datetime(2026, 3, 2, tzinfo=UTC)
READING_S: Final = 4.0
"""Time between two readings: they are nearly a day [s]."""
ALL: Final = 0.5
"""Added to what is asked for: every reading is sent as it is."""
SITE: Final = load_site(DEMO_SITE)
TIMES_S: Final = START.timestamp() + READING_S * np.arange(POINTS)
TIMES: Final = [(START + timedelta(seconds=READING_S * i)).isoformat()[:19] for i in range(POINTS)]
UPDATED: Final = """asked => new Promise(resolve => {
  const shown = [...document.querySelectorAll(".js-plotly-plot")];
  let left = shown.length;
  const drawn = () => {
    left -= 1;
    if (left) { return; }
    requestAnimationFrame(() => setTimeout(() => resolve([performance.now() - began, shown.length])));
  };
  shown.forEach(one => one.once("plotly_afterplot", drawn));
  const began = performance.now();
  window.dash_clientside.set_props("asked", { data: asked });
})"""
"""From the question to the frame in which the last chart has its lines [ms]."""


def readings(number: int, asked: float) -> Trend:
    """A meter's day: a wave, noise and a peak now and then, another one each time."""
    noise = np.random.default_rng([number, int(asked)])
    values = 600e3 + 80e3 * np.sin(TIMES_S / 9e3 + number) + noise.normal(0.0, 5e3, POINTS)
    values[noise.integers(0, POINTS, 20)] += 90e3
    ref, nothing = PointRef("pdu", "it_power"), np.empty(0)
    end = START + timedelta(seconds=READING_S * POINTS)
    return Trend(
        ref, f"Meter {number}", "W", START, end, None, TIMES_S, values, (nothing, nothing), 5 * READING_S
    )


def shown(number: int, asked: float) -> Any:
    """A chart: thinned as the pages do it, or with every reading."""
    found = readings(number, asked)
    if asked % 1 != ALL:
        return charts.trend(found, SITE.zone)
    few = replace(found, times_s=found.times_s[:2], values=found.values[:2])
    figure = charts.trend(few, SITE.zone)
    figure["data"][0] |= {"x": TIMES, "y": (found.values / 1e3).tolist(), "mode": "lines"}
    return figure


def app() -> Dash:
    """The page."""
    made = Dash(__name__, serve_locally=True, enable_mcp=False, add_log_handler=False, assets_folder="none")
    names = [f"chart-{number}" for number in range(CHARTS)]
    made.layout = html.Div(
        [
            dcc.Store(id=VIEW_STORE),
            dcc.Store(id="asked", data=0),
            *[graph(name, {"data": [], "layout": {}}, 230) for name in names],
        ]
    )
    source = cast("Source", SimpleNamespace(context=SimpleNamespace(site=SITE)))

    @callback(made, source, "view", *[Output(name, "figure") for name in names], Input("asked", "data"))
    def answered(asked: float) -> list[Any]:
        return [shown(number, asked) for number in range(CHARTS)]

    return made


def command(port: int) -> list[str]:
    """How it is served: as the pages are."""
    gunicorn = [
        sys.executable,
        "-m",
        "gunicorn",
        "--chdir",
        str(Path(__file__).parent),
        "--log-level",
        "error",
    ]
    return [*gunicorn, "-k", "gthread", "--threads", "8", "-b", f"127.0.0.1:{port}", "ui_charts:serve()"]


def serve() -> Any:
    """The WSGI callable, set up before anybody asks."""
    made = app()
    made._setup_server()  # noqa: SLF001  # several first requests at once would race
    return made.server


def update_ms(page: Page, url: str, rounds: int) -> tuple[float, float]:
    """Medians of thinned charts and of whole ones, from the question to the paint [ms].

    Raises:
        RuntimeError: not all charts are on the page.
    """
    page.goto(url)
    page.wait_for_function(f"() => document.querySelectorAll('.trace path.js-line').length === {CHARTS}")
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(1, rounds + 1):
        for times, add in zip(taken, (0.0, ALL), strict=True):
            ms, count = page.evaluate(UPDATED, number + add)
            if count != CHARTS:
                raise RuntimeError(f"{count} charts are on the page, not {CHARTS}")
            times.append(float(ms))
            page.wait_for_timeout(100)  # what is left of one does not slow the next
    return median(taken[0]), median(taken[1])
