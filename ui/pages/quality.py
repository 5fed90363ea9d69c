"""Data quality: every point with what is wrong with it, what was refused, and one point over time."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from dash import ClientsideFunction, Input, Output, dcc, html
from dash_ag_grid import AgGrid

from core.errors import InputError
from ui import figures, rereading, view
from ui import format as fmt
from ui.access import auth
from ui.callbacks import VIEW_STORE, callback
from ui.charts import quality as charts
from ui.components.graph import graph
from ui.components.panel import empty, labelled, panel, table
from ui.data import quality, status
from ui.data.quality import Verdict
from ui.page import Page

if TYPE_CHECKING:
    from dash import Dash

    from ui.components.panel import Child
    from ui.data import Source
    from ui.page import Live

DEFAULT: Final = timedelta(hours=24)
"""What a trend shows where the address says nothing."""
SPANS: Final = {"1h": "1 h", "1d": "24 h", "7d": "7 days", "30d": "30 days"}
MARKS: Final = {
    Verdict.BAD: "▲ bad",
    Verdict.LATE: "◔ late",
    Verdict.NEVER: "○ never heard",
    Verdict.UNCERTAIN: "◇ uncertain",
    Verdict.GOOD: "● good",
}
"""Shape and word of a verdict."""
_TREND_PX: Final = 320
_GRID_PX: Final = 460
_CHOOSE: Final = "Choose a point in the list to see it over time."
_NUMBER: Final = {"type": "rightAligned", "filter": "agNumberColumnFilter"}
_COLUMNS: Final[list[dict[str, Any]]] = [
    {"field": "state", "headerName": "State", "width": 130},
    {"field": "label", "headerName": "Point", "flex": 3, "minWidth": 250},
    {"field": "value", "headerName": "Value", "width": 105, **_NUMBER},
    {"field": "unit", "headerName": "Unit", "width": 80},
    {"field": "age", "headerName": "Age [s]", "width": 105, **_NUMBER},
    {"field": "problems", "headerName": "What is wrong", "flex": 2, "minWidth": 160},
    {"field": "gaps", "headerName": "Gaps 24 h", "width": 115, **_NUMBER},
    {"field": "longest", "headerName": "Longest [min]", "width": 135, **_NUMBER},
    {"field": "usual", "headerName": "Step [s]", "width": 110, **_NUMBER},
    {"field": "seen", "headerName": "Last seen", "width": 130},
    {"field": "status", "headerName": "OPC UA status", "width": 190},
    {"field": "ref", "headerName": "Name", "width": 260},
]


def layout(source: Source) -> list[Child]:
    """The page; the list and the counts come with the poll, the trend when a point is chosen."""
    seen = view.current()
    return [
        html.H1("Data quality", className="sr"),
        html.Div(id="quality-counts", className="tiles five"),
        html.Div(
            [
                panel(
                    "Points",
                    _grid(),
                    html.Div(id="quality-grid-failed"),
                    note="newest reading of each, measured; choose one for its trend",
                ),
                panel(
                    "One point over time",
                    _spans(seen),
                    html.Div(id="quality-said", role="status"),
                    graph("quality-trend", figures.blank(source.zone, source.now), _TREND_PX),
                ),
                panel(
                    "Refused messages",
                    _reread(),
                    html.Div(id="quality-refused"),
                    note="what could not be read, by topic and reason, newest first",
                ),
                panel(
                    "Not mapped yet",
                    html.Div(id="quality-unmapped"),
                    note="sent by devices, not named in site.toml",
                ),
            ],
            className="grid",
        ),
    ]


def _grid() -> html.Div:
    options = {
        "theme": "themeQuartz",
        "rowSelection": {"mode": "singleRow", "checkboxes": False, "enableClickSelection": True},
        "animateRows": False,
        "suppressScrollOnNewData": True,
    }
    found = AgGrid(
        id="quality-grid",
        columnDefs=_COLUMNS,
        rowData=[],
        getRowId="params.data.ref",
        defaultColDef={"sortable": True, "filter": True, "resizable": True},
        dashGridOptions=options,
        style={"height": f"{_GRID_PX}px"},
    )
    return labelled(html.Div(found, role="region"), label="Points")


def _spans(seen: view.View | None) -> html.Div:
    here = view.span_text(seen.span or DEFAULT) if seen else ""
    buttons = [
        labelled(
            html.Button(name, id=f"quality-span-{span}", className="btn small"),
            pressed="true" if span == here else "false",
        )
        for span, name in SPANS.items()
    ]
    return html.Div(buttons, className="row")


def _reread() -> html.Div:
    return html.Div(
        [
            html.Button("Read all of them again", id="quality-reread", className="btn small", disabled=True),
            html.Span(id="quality-reread-said", className="note", role="status"),
        ],
        className="row",
    )


def register(app: Dash, source: Source) -> None:
    """What is chosen goes into the address; the trend follows the address."""
    app.clientside_callback(
        ClientsideFunction("quality", "chosen"),
        Output("url", "search", allow_duplicate=True),
        Input("quality-grid", "selectedRows"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("quality", "span"),
        Output("url", "search", allow_duplicate=True),
        *[Input(f"quality-span-{span}", "n_clicks") for span in SPANS],
        prevent_initial_call=True,
    )

    @callback(
        app,
        source,
        "view",
        Output("quality-trend", "figure"),
        Output("quality-said", "children"),
        Input(VIEW_STORE, "data"),
    )
    def draw(_: Any) -> tuple[figures.Figure, Child]:
        return drawn(source)

    @callback(
        app,
        source,
        rereading.PERMISSION,
        Output("quality-reread", "n_clicks"),
        Input("quality-reread", "n_clicks"),
        prevent_initial_call=True,
    )
    def reread(_: Any) -> int:
        rereading.start(source, "")
        return 0


def drawn(source: Source) -> tuple[figures.Figure, Child]:
    """The chosen point's trend, and what it is."""
    seen = view.current()
    blank = figures.blank(source.zone, source.now)
    chosen = seen.more.get("point", "") if seen else ""
    if not seen or not chosen:
        return blank, html.P(_CHOOSE, className="note")
    start, end = seen.between(source.now, DEFAULT)
    try:
        found = quality.trend(source, chosen, start, end)
    except InputError as error:
        return blank, empty(fmt.sentence(f"{error}"))
    return charts.trend(found, source.zone), html.P(_of(source, found), className="note")


def _of(source: Source, found: quality.Trend) -> list[Child]:
    start, end = (fmt.clock_time(at, source.zone, source.now) for at in (found.start, found.end))
    kind = (
        "readings as they came" if found.step is None else f"means of {fmt.age(found.step.total_seconds())}"
    )
    if found.step == timedelta(minutes=1):
        kind = "means of a minute"
    bad = fmt.count(len(found.bad[0]), "reading") + " marked bad, each a cross" if len(found.bad[0]) else ""
    nothing = "" if len(found.times_s) else "nothing was measured in this period"
    said = [f"{start} to {end}", f"measured: {kind}", bad, nothing]
    return [html.B(f"{found.label} ({found.ref})"), ": ", "; ".join(part for part in said if part), "."]


def live(source: Source) -> Live:
    """The list, the counts, what was refused and what is not mapped."""
    may = auth.user().may(rereading.PERMISSION)
    return {
        ("quality-counts", "children"): lambda: count_tiles(source),
        ("quality-grid", "rowData"): lambda: rows(source),
        ("quality-grid-failed", "children"): lambda: quality.points(source) and "",
        ("quality-refused", "children"): partial(refused_table, source),
        ("quality-unmapped", "children"): partial(unmapped_table, source),
        ("quality-reread", "disabled"): lambda: not may or rereading.state(source).busy,
        ("quality-reread", "title"): lambda: "" if may else auth.denied(rereading.PERMISSION),
        ("quality-reread-said", "children"): lambda: rereading.said(source),
    }


def count_tiles(source: Source) -> list[Child]:
    """How many points there are of each state."""
    found = quality.counts(quality.points(source))
    return [
        html.Div(
            [html.Div(MARKS[verdict], className="label"), html.Div(fmt.fixed(number, 0), className="value")],
            className="tile",
        )
        for verdict, number in found.items()
    ]


def rows(source: Source) -> list[dict[str, Any]]:
    """The list as the grid takes it: numbers as numbers, in the reader's units, so that they sort."""
    now, zone = source.now, source.zone
    return [
        {
            "ref": point.ref,
            "label": point.label,
            "state": MARKS[point.verdict],
            "value": _short(fmt.display_value(point.value, point.unit)),
            "unit": fmt.display_unit(point.unit),
            "age": None if point.age_s is None else round(point.age_s),
            "seen": fmt.clock_time(point.time, zone, now) if point.time else "never",
            "gaps": point.gaps,
            "longest": None if point.longest_s is None else round(point.longest_s / 60),
            "usual": None if point.usual_s is None else round(point.usual_s),
            "problems": ", ".join(point.problems),
            "status": point.status,
        }
        for point in quality.points(source)
    ]


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def refused_table(source: Source) -> Child:
    """What could not be read; topics and reasons are shown as text, payloads not at all."""
    found, now, zone = quality.refused(source), source.now, source.zone
    if not found:
        return empty("None: everything that came was read.")
    lines = [
        (
            r.topic,
            r.reason,
            fmt.fixed(r.messages, 0),
            fmt.fixed(r.seen, 0),
            fmt.clock_time(r.last_at, zone, now),
            _map_link(topic=r.topic),
        )
        for r in found
    ]
    return table(("Topic", "Reason", "Messages", "Times", "Last", ""), lines, numeric=(2, 3))


def unmapped_table(source: Source) -> Child:
    """What devices send beyond what is mapped."""
    found, now, zone = status.unmapped(source), source.now, source.zone
    if not found:
        return empty("Nothing.")
    lines = [
        (
            u.name, u.codec, u.topic, u.example, fmt.fixed(u.seen, 0), fmt.clock_time(u.last_at, zone, now),
            _map_link(topic=u.topic, name=u.name),
        )
        for u in found
    ]  # fmt: skip
    head = ("Name", "Dialect", "Topic", "Newest value", "Times", "Last", "")
    return table(head, lines, numeric=(4,))


def _map_link(**chosen: str) -> dcc.Link:
    return dcc.Link("Map…", href=f"/connect?{urlencode(chosen)}", title="Say which point this is")


PAGE: Final = Page("/quality", "Data quality", layout, register, live, frozenset({"point"}))
