"""Racks and GPUs: where it is warm, what draws how much, and which GPU is held back by what."""

from __future__ import annotations

from datetime import timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final

import dash_ag_grid as dag
import numpy as np
from dash import ClientsideFunction, Input, Output, dcc, html

from core.points import PointRef
from core.series import Series
from ui import figures, view
from ui import format as fmt
from ui.charts import racks as charts
from ui.components.graph import graph
from ui.components.panel import empty, panel, region, switch
from ui.components.racks import COLLECT, FIRST, METRICS, TABLE_HEAD, floor_data, gpu_table, rack_facts
from ui.components.tile import quiet, tile, value
from ui.components.tiles import unseen
from ui.data import racks as data
from ui.data import trend
from ui.data.live import snapshot
from ui.page import Page

if TYPE_CHECKING:
    from collections.abc import Callable

    from dash import Dash

    from ui.components.panel import Child
    from ui.data import Source
    from ui.data.live import Live as Snapshot
    from ui.data.racks import Floor, Gpu, Rack
    from ui.page import Live

BACK: Final = timedelta(hours=24)
"""Period of the rack's trend where the address does not say."""
_KEEP_CHART_WALL_S: Final = 300.0
_TREND_PX: Final = 300
_NAMED_MAX: Final = 3
"""So many silent machines are named."""
_GRID_PX: Final = 520
TILES: Final = ("racks-worst", "racks-gpu-count", "racks-gpu-power", "racks-gpu-hot", "racks-gpu-held")


def layout(source: Source) -> list[Child]:
    """The page."""
    metric, _ = chosen()
    names = {name: found.name for name, found in METRICS.items()}
    thermal = source.context.site.limits.thermal_class
    return [
        html.H1("Racks and GPUs", className="sr"),
        *[dcc.Store(id=name) for name in ("racks-floor-data", "racks-gpu-data")],
        html.Div(
            [
                tile("racks-worst", "Warmest rack inlet"),
                tile("racks-gpu-count", "GPUs that tell"),
                tile("racks-gpu-power", "GPU power"),
                tile("racks-gpu-hot", "Warmest GPU"),
                tile("racks-gpu-held", "GPUs held back"),
            ],
            className="tiles",
        ),
        html.Div(
            [
                html.Div(
                    [
                        panel(
                            "Floor",
                            html.Div(switch("racks-metric", "Show", names, metric), className="switches"),
                            html.Div(id="racks-floor", className="floor"),
                            html.Div(id="racks-floor-failed"),
                            html.P(id="racks-legend", className="note legend"),
                            html.Details(
                                [html.Summary("The same as a table"), _rack_table()], className="as-table"
                            ),
                            note=f"measured, now · class {thermal} · arrows and Enter pick a rack",
                        ),
                        html.Div(
                            panel("GPUs of the rack", html.Div(id="racks-picked-gpus"), note="measured, now"),
                            id="racks-picked-box",
                        ),
                    ],
                    className="span-7 stack",
                ),
                html.Div(
                    panel(
                        "Rack",
                        html.Div(id="racks-picked"),
                        html.Div(graph("racks-trend", _blank(source), _TREND_PX), id="racks-trend-box"),
                        note=html.Span(id="racks-picked-name"),
                    ),
                    className="span-5",
                ),
                panel(
                    "GPUs",
                    html.Div(id="racks-gpu-said"),
                    html.Div(_gpu_grid(), id="racks-gpu-box"),
                    note="measured, newest of each · sort by the titles, filter beneath them",
                ),
            ],
            className="grid",
        ),
    ]


def _blank(source: Source) -> figures.Figure:
    return figures.blank(source.zone, source.now)


def _rack_table() -> html.Div:
    head = html.Tr(
        [html.Th(text, scope="col", className="num" if i > 1 else "") for i, text in enumerate(TABLE_HEAD)]
    )
    content = html.Table([html.Thead(head), html.Tbody(id="racks-table-rows")], className="data")
    return region(html.Div(content, className="scroll tall"), "Racks")


def columns() -> list[dict[str, Any]]:
    """Columns of the table of GPUs: name of the field, title with its unit, decimals; text where none."""
    degree = fmt.degree()
    clock, memory = (fmt.display_unit(unit) for unit in ("Hz", "B"))
    numeric: tuple[tuple[str, str, int], ...] = (
        ("power", "Power [W]", 0),
        ("cap", "Cap [W]", 0),
        ("of_cap", "Of cap [%]", 0),
        ("temp", f"Temp. [{degree}]", 0),
        ("memory_temp", f"Mem. temp. [{degree}]", 0),
        ("clock", f"Clock [{clock}]", 0),
        ("use", "Use [%]", 0),
        ("memory", f"Mem. used [{memory}]", 1),
    )
    text: list[dict[str, Any]] = [
        {"field": "id", "headerName": "GPU", "pinned": "left", "minWidth": 130},
        {"field": "rack", "headerName": "Rack", "minWidth": 120},
    ]
    numbers: list[dict[str, Any]] = [
        {
            "field": field,
            "headerName": title,
            "type": "rightAligned",
            "filter": "agNumberColumnFilter",
            "valueFormatter": {"function": f"racksFixed(params.value, {places})"},
        }
        for field, title, places in numeric
    ]
    return [*text, *numbers, {"field": "held", "headerName": "Held back by", "minWidth": 230, "flex": 3}]


def _gpu_grid() -> dag.AgGrid:
    return dag.AgGrid(
        id="racks-gpus",
        columnDefs=columns(),
        rowData=[],
        getRowId="params.data.id",
        defaultColDef={
            "filter": "agTextColumnFilter", "floatingFilter": True, "sortable": True, "resizable": True,
            "minWidth": 84, "flex": 1, "suppressHeaderMenuButton": True, "wrapHeaderText": True,
            "autoHeaderHeight": True, "suppressFloatingFilterButton": True,
            "suppressHeaderFilterButton": True,
        },
        dashGridOptions={
            "theme": {"function": "racksTheme(themeQuartz)"},
            "rowHeight": 28, "headerHeight": 32, "floatingFiltersHeight": 34,
            "animateRows": False, "ensureDomOrder": True, "suppressColumnVirtualisation": True,
        },
        style={"height": f"{_GRID_PX}px"},
        className="",
    )  # fmt: skip


def chosen() -> tuple[str, str]:
    """Metric and rack, as the address has them."""
    seen = view.current()
    more = seen.more if seen else {}
    metric = more.get("metric", FIRST)
    return metric if metric in METRICS else FIRST, more.get("rack", "")


def register(app: Dash, source: Source) -> None:
    """The browser makes the cells and rows; what is picked goes into the address."""
    del source
    app.clientside_callback(
        ClientsideFunction("racks", "metric"),
        Output("url", "search", allow_duplicate=True),
        Input("racks-metric", "value"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("racks", "floor"),
        Output("racks-legend", "children"),
        Output("racks-table-rows", "children"),
        Input("racks-floor-data", "data"),
    )
    app.clientside_callback(
        ClientsideFunction("racks", "rows"),
        Output("racks-gpus", "rowData"),
        Input("racks-gpu-data", "data"),
    )


def live(source: Source) -> Live:
    """What is true now."""
    found = cache(partial(data.floor, source))
    metric, wanted = chosen()
    picked = cache(lambda: found().rack(wanted))
    envelope = source.context.site.limits.envelope
    tiles = cache(lambda: tile_parts(source, found()))
    parts: dict[tuple[str, str], Callable[[], Any]] = {
        ("racks-floor-data", "data"): lambda: floor_data(found(), metric, wanted, envelope),
        ("racks-floor-failed", "children"): lambda: found() and "",
        ("racks-gpu-data", "data"): lambda: gpu_rows(found()),
        ("racks-gpu-said", "children"): lambda: None if found().gpus else empty(COLLECT),
        ("racks-gpu-box", "hidden"): quiet(lambda: not found().gpus, instead=True),
        ("racks-picked-name", "children"): quiet(lambda: label_of(picked()), ""),
        ("racks-picked", "children"): lambda: picked_facts(source, picked(), wanted),
        ("racks-picked-gpus", "children"): lambda: gpu_table(rack.gpus) if (rack := picked()) else None,
        ("racks-trend-box", "hidden"): quiet(lambda: picked() is None, instead=True),
        ("racks-picked-box", "hidden"): quiet(lambda: picked() is None, instead=True),
        ("racks-trend", "figure"): lambda: trended(source, picked()),
    }
    for i, name in enumerate(TILES):
        parts[name, "children"] = quiet(partial(_of_tile, tiles, i, 0))
        parts[f"{name}-sub", "children"] = partial(_of_tile, tiles, i, 1)
    return parts


def _of_tile(tiles: Callable[[], tuple[tuple[Child, Child], ...]], which: int, part: int) -> Child:
    return tiles()[which][part]


def label_of(picked: Rack | None) -> str:
    """What the rack that is picked is called."""
    return picked.label if picked else ""


def tile_parts(source: Source, found: Floor) -> tuple[tuple[Child, Child], ...]:
    """Value and what it is, tile by tile."""
    limit_c = source.context.site.limits.envelope.recommended_high_c
    warm = [rack for rack in found.racks if rack.inlet.value is not None]
    worst = max(warm, key=lambda rack: rack.inlet.value or 0.0, default=None)
    gpus, alive = found.gpus, [gpu for gpu in found.gpus if gpu.alive]
    hottest = max(
        (gpu for gpu in alive if gpu.temperature_c is not None),
        key=lambda gpu: gpu.temperature_c or 0.0,
        default=None,
    )
    powers = [gpu.power_w for gpu in alive if gpu.power_w is not None]
    caps = [gpu.limit_w for gpu in alive if gpu.power_w is not None and gpu.limit_w]
    held, odd = sum(gpu.throttled for gpu in alive), sum(gpu.abnormal for gpu in alive)
    telling = sum(gpu.reasons is not None for gpu in alive)
    none = "no GPU has told anything yet"
    return (
        (
            value(fmt.degrees(worst.inlet.value if worst else None), fmt.degree()),
            _worst_said(worst, limit_c, snapshot(source)) if worst else "no rack inlet is fresh",
        ),
        (
            value(fmt.fixed(len(alive), 0) if gpus else fmt.NOTHING, ""),
            f"of {fmt.fixed(len(gpus), 0)} known · the rest is silent" if len(alive) < len(gpus)
            else "measured, all that are known" if gpus else none,
        ),
        (
            value(fmt.number(fmt.kw(sum(powers)) if powers else None), "kW"),
            f"measured of {len(powers)} GPUs · {fmt.percent(sum(powers) / sum(caps))} of their caps"
            if caps else f"measured of {len(powers)} GPUs" if powers else "no GPU tells its power",
        ),
        (
            value(fmt.degrees(hottest.temperature_c if hottest else None, 0), fmt.degree()),
            f"measured · {hottest.asset}" if hottest else "no GPU tells its temperature",
        ),
        (
            value(fmt.fixed(held, 0) if telling else fmt.NOTHING, ""),
            _held_said(held, odd, telling),
        ),
    )  # fmt: skip


def _worst_said(worst: Rack, limit_c: float, now: Snapshot) -> Child:
    margin_k = limit_c - (worst.inlet.value or 0.0)
    if margin_k < 0:
        over = f"▲ {fmt.kelvins(-margin_k)} above {fmt.limit(limit_c)}"
        return [html.Span(over, className="alarm p2"), f" measured · {worst.label}", *unseen(now)]
    said = f"measured · {worst.label} · {fmt.kelvins(margin_k)} below {fmt.limit(limit_c)}"
    return [said, *unseen(now)]


def _held_said(held: int, odd: int, telling: int) -> Child:
    if not telling:
        return "no GPU tells why its clocks are as they are"
    capped = f"{held - odd} by their power cap" if held else "measured: none slows down"
    if not odd:
        return capped
    why = "by heat, power brake or hardware"
    return [html.Span(f"▲ {odd} slow down", className="alarm p2"), f" {why} · {capped}"]


def gpu_rows(found: Floor) -> list[list[Any]]:
    """The table of GPUs for the browser: one short list a GPU, in the order of `GPU_FIELDS`."""
    labels = {rack.asset: rack.label for rack in found.racks}
    return [_gpu_row(gpu, labels) for gpu in found.gpus]


GPU_FIELDS: Final = (
    "id", "rack", "power", "cap", "of_cap", "temp", "memory_temp", "clock", "use", "memory", "held",
)  # fmt: skip
"""As the script has them (assets/racks.js)."""


def _gpu_row(gpu: Gpu, labels: dict[str, str]) -> list[Any]:
    words = data.reasons_in_words(gpu.reasons) if gpu.fresh else "silent"
    power_w = gpu.power_w if gpu.power_w is not None else gpu.machine_power_w
    return [
        gpu.asset,
        labels.get(gpu.rack, ""),
        _rounded(power_w),
        _rounded(gpu.limit_w),
        _shown(gpu.of_cap, "1", 0),
        _shown(gpu.temperature_c, "degC", 0),
        _shown(gpu.memory_temperature_c, "degC", 0),
        _shown(gpu.clock_hz, "Hz", 0),
        _shown(gpu.utilisation, "1", 0),
        _shown(gpu.memory_b, "B", 1),
        f"▲ {words}" if gpu.abnormal else words,
    ]


def _shown(found: float | None, unit: str, places: int) -> float | None:
    shown = fmt.display_value(found, unit)
    return None if shown is None else round(shown, places)


def _rounded(power_w: float | None) -> float | None:
    """A GPU's power in watts: kilowatts are for racks."""
    return None if power_w is None else round(power_w)


def picked_facts(source: Source, picked: Rack | None, wanted: str) -> Child:
    """What is true of the rack in the address, or how to pick one."""
    if picked is None:
        if wanted:
            return empty(f"There is no rack {wanted[:40]}; pick one on the floor.")
        return empty("Pick a rack on the floor: its inlet, power and GPUs are shown here.")
    limit_c = source.context.site.limits.envelope.recommended_high_c
    return rack_facts(picked, limit_c, source.zone, source.now)


def trended(source: Source, picked: Rack | None) -> figures.Figure:
    """The rack's inlet and power over the period of the view."""
    if picked is None:
        return _blank(source)
    asked, seen = trend.period(source, BACK), view.current()
    key = f"rack trend {picked.asset} {asked} {seen.key if seen else ''}"

    def make() -> figures.Figure:
        site = source.context.site
        inlet = PointRef(picked.asset, "inlet_temperature")
        meters = [PointRef(picked.asset, name) for name in ("power", "it_power")]
        inside = [PointRef(a.id, "power") for a in site.assets if a.parent == picked.asset]
        found = trend.several(source, [inlet, *meters, *inside], asked)
        told = {ref: one for ref, one in found.items() if np.isfinite(one.values).any()}
        power, name = next((told[str(ref)] for ref in meters if str(ref) in told), None), "power"
        parts = [told[str(ref)] for ref in inside if str(ref) in told]
        if power is None and parts:
            power = Series(parts[0].start, parts[0].step, np.sum([part.values for part in parts], axis=0))
            name = _power_name([ref.asset for ref in inside if str(ref) in found and str(ref) not in told])
        limit_c = site.limits.envelope.recommended_high_c
        return charts.rack(told.get(str(inlet)), power, limit_c, asked.end, source.zone, name)

    made: figures.Figure = source.kept(key, _KEEP_CHART_WALL_S, make)
    return made


def _power_name(silent: list[str]) -> str:
    """What the sum over machines is called where some of them said nothing in the whole period."""
    if not silent:
        return "power"
    more = f" and {len(silent) - _NAMED_MAX} more" if len(silent) > _NAMED_MAX else ""
    return f"power without {', '.join(silent[:_NAMED_MAX])}{more}"


PAGE: Final = Page("/racks", "Racks", layout, register, live, frozenset({"metric", "rack"}))
