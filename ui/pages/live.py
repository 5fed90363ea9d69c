"""Live: is it all right, what changed, what should I do?"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from dash import ClientsideFunction, Input, Output, dcc, html

from ui import figures, view
from ui import format as fmt
from ui.components.advice import summary
from ui.components.graph import graph
from ui.components.panel import empty, labelled, panel, provenance
from ui.components.plant import power_parts, rack_strip
from ui.components.tile import tile, value
from ui.data import advice, forecast, history
from ui.data.live import snapshot
from ui.page import Page

if TYPE_CHECKING:
    from dash import Dash

    from core.kpi import Pue
    from ui.components.panel import Child
    from ui.data import Source
    from ui.data.live import Live as Snapshot
    from ui.page import Live

BACK: Final = timedelta(hours=12)
"""How far back the chart goes."""
AHEAD: Final = timedelta(hours=12)
"""How far ahead the chart goes."""
WEEK: Final = timedelta(hours=max(history.PUE_PERIODS_H))
_KEEP_CHART_WALL_S: Final = 300.0
_CHART_PX: Final = 490
TILES: Final = tuple(
    f"kpi-{name}{part}"
    for name in ("power-ratio", "it-power", "cooling-power", "worst-inlet", "peak")
    for part in ("", "-sub")
)
"""Elements of the tiles: the value and what stands beneath it."""
_HOURS_PER_DAY: Final = 24
_COMPLETE_ENOUGH: Final = 0.995
"""From here on a period needs no word about its gaps."""


def layout(source: Source) -> list[Child]:
    """The page."""
    meters, limits = source.context.site.meters, source.context.site.limits
    envelope = limits.envelope
    return [
        html.H1("Live", className="sr"),
        dcc.Store(id="live-points"),
        html.Div(
            [
                tile("kpi-power-ratio", "Power ratio (facility / IT), now"),
                tile("kpi-it-power", "IT power"),
                tile("kpi-cooling-power", "Cooling power"),
                tile("kpi-worst-inlet", "Worst rack inlet"),
                tile("kpi-peak", "IT peak, next 24 h"),
            ],
            className="tiles",
        ),
        html.Div(
            [
                html.Div(
                    [
                        panel(
                            "Power ratio, IT and cooling power: last 12 h and next 12 h",
                            graph("live-chart", chart(source), _CHART_PX),
                            note="measured: 5-min means · dotted: forecast median, bands 25-75 % and 5-95 %",
                        ),
                        panel(
                            "Rack inlets",
                            html.Div(id="live-racks"),
                            note=(
                                f"measured · class {limits.thermal_class} recommended "
                                f"{fmt.limits(envelope.recommended_low_c, envelope.recommended_high_c)}, "
                                f"allowable to {fmt.limit(envelope.allowable_high_c)}"
                            ),
                        ),
                    ],
                    className="span-8 stack",
                ),
                html.Div(
                    [
                        html.Div(id="live-advice"),
                        panel("Where the power goes", html.Div(id="live-parts"), note="measured, now"),
                        panel(
                            "PUE",
                            html.Div(id="live-pue"),
                            note=f"energy over energy · category {meters.category}",
                        ),
                    ],
                    className="span-4 stack",
                ),
                panel("Points", _points_table(), note="newest reading of every point"),
            ],
            className="grid",
        ),
    ]


def _points_table() -> html.Div:
    head = html.Tr(
        [
            html.Th("Point"),
            html.Th("Value", className="num"),
            html.Th("Status"),
            html.Th("Age", className="num"),
        ]
    )
    content = html.Table([html.Thead(head), html.Tbody(id="live-point-rows")], className="data")
    return labelled(html.Div(content, className="scroll tall", tabIndex=0, role="region"), label="Points")


def register(app: Dash, source: Source) -> None:
    """The table's rows are made in the browser."""
    del source
    app.clientside_callback(
        ClientsideFunction("joulecast", "points"),
        Output("live-point-rows", "children"),
        Input("live-points", "data"),
    )


def live(source: Source) -> Live:
    """What is true now."""
    now = snapshot(source)
    parts: Live = {
        ("live-parts", "children"): lambda: power_parts(now.parts, now.facility.reason or now.it.reason),
        ("live-racks", "children"): lambda: rack_strip(now.racks, source.context.site.limits.envelope),
        ("live-pue", "children"): lambda: pue_list(history.pue_of_periods(source)),
        ("live-advice", "children"): lambda: summary(
            advice.top(advice.recommendations(source)), source.zone, now.at
        ),
        ("live-points", "data"): lambda: point_rows(source, now),
        ("live-chart", "figure"): lambda: charted(source),
    }
    return {**tile_parts(source, now), **parts}


def tile_parts(source: Source, now: Snapshot) -> Live:
    """The tiles, by element."""
    found = dict(zip(TILES, tiles(source, now), strict=True))
    return {(name, "children"): partial(found.get, name) for name in TILES}


def tiles(source: Source, now: Snapshot) -> tuple[Child, ...]:
    """Values and what they are, tile by tile."""
    zone, hour = source.zone, history.pue_of_periods(source)[0]
    design_kw = source.context.site.plant.it_design_kw
    it_kw, peak = fmt.kw(now.it.value), forecast.peak(source)
    of_design = f" · {fmt.percent(it_kw / design_kw)} of design" if it_kw is not None else ""
    pue_text = f" · PUE of the last hour {fmt.fixed(hour.value, 3)}" if hour.complete_ratio else ""
    share = (
        f" · {fmt.percent(now.cooling.value / now.it.value)} of IT"
        if now.cooling.value is not None and now.it.value
        else ""
    )
    return (
        value(fmt.fixed(now.ratio.value, 3), ""),
        provenance(now.ratio, zone, now.at) + pue_text,
        value(fmt.number(it_kw), "kW"),
        provenance(now.it, zone, now.at) + of_design,
        value(fmt.number(fmt.kw(now.cooling.value)), "kW"),
        provenance(now.cooling, zone, now.at) + share,
        value(fmt.degrees(now.worst.inlet.value if now.worst else None), fmt.degree()),
        worst_text(source, now),
        value(fmt.number(fmt.kw(peak.value)), "kW"),
        f"forecast for {fmt.clock_time(peak.time, zone, now.at)} · 90 % band "
        f"{fmt.band(fmt.kw(peak.low), fmt.kw(peak.high), 0, 'kW')}"
        if peak.alive
        else peak.reason,
    )


def worst_text(source: Source, now: Snapshot) -> Child:
    """Which rack, the limit, and how far from it; beyond it, an alarm in words and shape."""
    if now.worst is None or now.worst.inlet.value is None:
        return "no rack inlet is fresh"
    margin_k = now.limit_c - now.worst.inlet.value
    where = f"{provenance(now.worst.inlet, source.zone, now.at)} · {now.worst.name}"
    if margin_k < 0:
        return [
            html.Span(f"▲ {fmt.kelvins(-margin_k)} above {fmt.limit(now.limit_c)}", className="alarm p2"),
            f" {where}",
        ]
    return f"{where} · {fmt.kelvins(margin_k)} below limit {fmt.limit(now.limit_c)}"


def pue_list(found: tuple[Pue, ...]) -> Child:
    """PUE by period with completeness; none where nothing is complete."""
    if not any(pue.complete_ratio for pue in found):
        return empty("Not yet: PUE needs facility and IT energy of the same period.")
    rows = []
    for pue in found:
        days = pue.hours / _HOURS_PER_DAY
        period = (
            "last hour" if pue.hours == 1 else f"last {days:g} d" if days > 1 else f"last {pue.hours:g} h"
        )
        gaps = (
            "complete"
            if pue.complete_ratio >= _COMPLETE_ENOUGH
            else f"{fmt.percent(pue.complete_ratio)} of it"
        )
        rows.append(
            html.Tr(
                [
                    html.Td(period),
                    html.Td(html.B(fmt.fixed(pue.value, 3)), className="num"),
                    html.Td(f"measured, {gaps}", className="num"),
                ]
            )
        )
    return html.Table(html.Tbody(rows), className="data")


def point_rows(source: Source, now: Snapshot) -> list[list[str | bool]]:
    """Every point for the browser's table: name, value, status, age, dead."""
    return [
        [p.label, fmt.quantity(p.value, p.unit), p.quality, fmt.age(p.age_s), p.age_s > source.stale_s]
        for p in now.points
    ]


def charted(source: Source) -> figures.Figure:
    """The chart; drawn anew when there is something new to show."""
    end, seen = history.series(source, source.context.site.meters.it, WEEK).end, view.current()
    issued = [f.issued_at for t in forecast.TARGETS for f in forecast.newest(source, t).values()]
    key = f"{end} {max(issued, default=None)} {seen.key if seen else ''}"
    found: figures.Figure = source.kept(f"live chart {key}", _KEEP_CHART_WALL_S, lambda: chart(source))
    return found


def chart(source: Source) -> figures.Figure:
    """The chart as of now."""
    meters, now, zone = source.context.site.meters, source.now, source.zone
    steps = int(BACK / history.STEP)
    facility, it, cooling = (
        history.tail(history.series(source, refs, back), steps)
        for refs, back in ((meters.facility, WEEK), (meters.it, WEEK), (meters.cooling, BACK))
    )
    coming = tuple(forecast.shown_first(forecast.newest(source, target)) for target in forecast.TARGETS)
    return figures.live(facility, it, cooling, (coming[0], coming[1]), now, now + AHEAD, zone)


PAGE: Final = Page("/", "Live", layout, register, live)
