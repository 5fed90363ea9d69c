"""Overview: is it all right, what changed, what should I do?"""

from __future__ import annotations

from datetime import timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final

from dash import ClientsideFunction, Input, Output, dcc, html

from ui import figures, view
from ui import format as fmt
from ui.charts import overview as charts
from ui.components import happened, tiles
from ui.components.advice import summary
from ui.components.flow import flow
from ui.components.graph import graph
from ui.components.panel import panel, switch
from ui.components.plant import rack_strip
from ui.components.tile import quiet, tile
from ui.data import advice, forecast, overview
from ui.data.live import snapshot
from ui.page import Page

if TYPE_CHECKING:
    from collections.abc import Callable

    from dash import Dash

    from ui.components.panel import Child
    from ui.data import Source
    from ui.data.live import Live as Snapshot
    from ui.page import Live

BACK: Final = timedelta(hours=12)
"""How far back the chart goes where nobody says otherwise."""
AHEAD_MAX: Final = timedelta(hours=24)
RANGES: Final = {"1h": "1 h", "12h": "12 h", "7d": "7 d"}
"""What the switch offers, as the address has it."""
HOUR: Final = timedelta(hours=1)
_KEEP_CHART_WALL_S: Final = 300.0
_CHART_PX: Final = 400


def layout(source: Source) -> list[Child]:
    """The page."""
    limits = source.context.site.limits
    chosen = view.span_text(span())
    ranges = switch("overview-range", "Past", RANGES, chosen if chosen in RANGES else "")
    return [
        html.H1("Overview", className="sr"),
        html.Div(id="overview-status", role="status"),
        html.Div([kpi(name, label) for name, label in tiles.TILES.items()], className="tiles"),
        html.Div(
            [
                html.Div(
                    [
                        panel(
                            "Power ratio, IT and cooling power",
                            graph("overview-chart", figures.blank(source.zone, source.now), _CHART_PX),
                            note=ranges,
                        ),
                        panel(
                            "Rack inlets",
                            html.Div(id="overview-racks"),
                            note=happened.envelope_note(limits.thermal_class, limits.envelope),
                        ),
                        panel(
                            "Active alarms",
                            html.Div(id="overview-alarms"),
                            note=dcc.Link("All alarms", href="/alarms"),
                        ),
                    ],
                    className="span-8 stack",
                ),
                html.Div(
                    [
                        html.Div(id="overview-advice"),
                        panel("What changed", html.Div(id="overview-events"), note="in the last hour"),
                        panel("Where the power goes", html.Div(id="overview-flow"), note="measured, now"),
                        panel("Data", html.Div(id="overview-quality")),
                    ],
                    className="span-4 stack",
                ),
            ],
            className="grid overview",
        ),
    ]


def kpi(name: str, label: str) -> html.Div:
    """A tile with room for its past hour."""
    found = tile(f"kpi-{name}", label)
    found.children.append(html.Div(id=f"kpi-{name}-spark", className="past"))
    return found


def register(app: Dash, source: Source) -> None:
    """The switch writes the address; the poll does the rest."""
    del source
    app.clientside_callback(
        ClientsideFunction("joulecast", "chosen"),
        Output("url", "search", allow_duplicate=True),
        Input("overview-range", "value"),
        prevent_initial_call=True,
    )


def live(source: Source) -> Live:
    """What is true now."""
    now = cache(partial(snapshot, source))
    found: Live = {
        ("overview-status", "children"): lambda: happened.status_line(
            happened.troubles(source, now()), waiting(source)
        ),
        ("overview-racks", "children"): lambda: rack_strip(now().racks, source.context.site.limits.envelope),
        ("overview-flow", "children"): lambda: flow(now().parts, now().facility.reason or now().it.reason),
        ("overview-advice", "children"): lambda: summary(
            advice.top(overview.recommendations(source)), source.zone, now().at
        ),
        ("overview-events", "children"): lambda: happened.events(
            overview.happened(source, HOUR), source.zone, now().at
        ),
        ("overview-alarms", "children"): lambda: happened.alarms(
            overview.standing(source), source.zone, now().at
        ),
        ("overview-quality", "children"): lambda: happened.quality(overview.quality(now().points)),
        ("overview-chart", "figure"): lambda: charted(source),
    }
    made: dict[tuple[str, str], Callable[[], Any]] = {}
    for name, parts in tiles.MAKERS.items():
        for part, make in parts.items():
            filled = partial(_of_now, make, source, now)
            instead = fmt.NOTHING if part == "" else ""
            made[f"kpi-{name}{part}", "children"] = filled if part == "-sub" else quiet(filled, instead)
    return {**made, **found}


def _of_now(make: tiles.Make, source: Source, now: Callable[[], Snapshot]) -> Child:
    return make(source, now())


def waiting(source: Source) -> int:
    """How many recommendations wait for somebody."""
    return sum(r.state in happened.WAITING for r in overview.recommendations(source))


def span() -> timedelta:
    """How far back the chart goes."""
    seen = view.current()
    return (seen.span if seen else None) or BACK


def charted(source: Source) -> figures.Figure:
    """The chart; drawn anew when there is something new to show."""
    back, seen = span(), view.current()
    end = overview.series(source, source.context.site.meters.it, back, overview.step_of(back)).end
    issued = [f.issued_at for f in coming(source, back) if f]
    marked = happened.marks(overview.happened(source, back), source.zone)
    key = f"overview chart {end} {max(issued, default=None)} {hash(marked)} {seen.key if seen else ''}"
    found: figures.Figure = source.kept(key, _KEEP_CHART_WALL_S, lambda: chart(source))
    return found


def chart(source: Source) -> figures.Figure:
    """The chart as of now."""
    meters, now, back = source.context.site.meters, source.now, span()
    step = overview.step_of(back)
    facility, it, cooling = (
        overview.series(source, refs, back, step) for refs in (meters.facility, meters.it, meters.cooling)
    )
    return charts.chart(
        (facility, it, cooling),
        coming(source, back),
        happened.marks(overview.happened(source, back), source.zone),
        now,
        now + ahead(back),
        source.zone,
    )


def ahead(back: timedelta) -> timedelta:
    """As far ahead as back, within reason."""
    return min(back, AHEAD_MAX)


def coming(source: Source, back: timedelta) -> tuple[forecast.Forecast | None, forecast.Forecast | None]:
    """The forecasts of IT and cooling power that are shown, by the hour where the past is."""
    grid = forecast.QUARTERS if back <= timedelta(days=1) else forecast.HOURS
    it, cooling = (forecast.picked(source, target, grid) for target in forecast.TARGETS)
    return (it.shown if it else None, cooling.shown if cooling else None)


PAGE: Final = Page("/", "Overview", layout, register, live)
