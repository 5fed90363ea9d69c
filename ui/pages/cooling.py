"""Cooling: what runs, how well, under whose setpoints, and what the weather gives for free."""

from __future__ import annotations

from datetime import timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final

from dash import ClientsideFunction, Input, Output, dcc, html

from core.actions import Setpoint
from ui import figures, view
from ui import format as fmt
from ui.charts import cooling as charts
from ui.charts.plan import plan
from ui.components.cooling import machine_table, setpoint_table
from ui.components.graph import graph
from ui.components.panel import facts, panel, provenance, region, switch
from ui.components.tile import quiet, tile, value
from ui.data import cooling as data
from ui.data import moist, trend
from ui.data.shown import Kind
from ui.data.twin_now import Modelled, modelled
from ui.page import Page

if TYPE_CHECKING:
    from collections.abc import Callable

    from dash import Dash

    from core.points import PointRef
    from ui.components.panel import Child
    from ui.data import Source
    from ui.data.cooling import Cooling
    from ui.page import Live

BACK: Final = timedelta(hours=24)
"""Period of the trends where the address does not say."""
RANGES: Final = {"6h": "6 h", "24h": "24 h", "7d": "7 d", "30d": "30 d"}
_KEEP_WALL_S: Final = 0.8
_KEEP_CHART_WALL_S: Final = 300.0
_TREND_PX: Final = 640
_AIR_PX: Final = 560
NAMES: Final = {
    Setpoint.SUPPLY_AIR_TEMPERATURE: "supply air",
    Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE: "chilled water supply",
    Setpoint.CONDENSER_WATER_SUPPLY_TEMPERATURE: "condenser water supply",
}
KIND_WORDS: Final = {"full": "all of the heat", "part": "part of it", "none": "none"}
TILES: Final = tuple(f"cooling-{name}" for name in ("power", "heat", "cop", "water", "free"))
"""Elements of the tiles: the value; what stands beneath it ends in ``-sub``."""


def layout(source: Source) -> list[Child]:
    """The page."""
    blank = figures.blank(source.zone, source.now)
    drawing = html.Div(
        [html.Div(id="cooling-plan", className="plan-svg"), html.P(id="cooling-plan-said", className="sr")],
        className="scroll",
    )
    return [
        html.H1("Cooling", className="sr"),
        dcc.Store(id="cooling-plan-data"),
        html.Div(
            [
                tile("cooling-power", "Cooling power"),
                tile("cooling-heat", "Heat removed"),
                tile("cooling-cop", "COP of the plant"),
                tile("cooling-water", "Chilled water ΔT"),
                tile("cooling-free", "Free cooling now"),
            ],
            className="tiles",
        ),
        html.Div(
            [
                panel(
                    "Plant",
                    region(drawing, "Schematic of the plant"),
                    html.Div(id="cooling-plan-failed"),
                    note="measured, now · ● running ○ stopped – unknown · dash: no fresh reading",
                ),
                panel(
                    "Machines",
                    html.Div(id="cooling-machines"),
                    note=html.Span(id="cooling-twin-said"),
                ),
                panel(
                    "Setpoints and who holds them",
                    html.Div(id="cooling-setpoints"),
                    note="measured, as the plant reports them · plant's own: before the lease, if any",
                ),
                html.Div(
                    panel(
                        "Air: outdoors, inlets and the envelopes",
                        graph("cooling-air", {"data": [], "layout": {}}, _AIR_PX),
                        html.Div(id="cooling-air-said"),
                        note="ASHRAE TC 9.9, 2021",
                    ),
                    className="span-7",
                ),
                html.Div(
                    panel(
                        "Supplies against setpoints",
                        html.Div(switch("cooling-range", "Period", *_ranges()), className="switches"),
                        graph("cooling-trend", blank, _TREND_PX),
                        note=html.Span(id="cooling-trend-said"),
                    ),
                    className="span-5",
                ),
            ],
            className="grid",
        ),
    ]


def _ranges() -> tuple[dict[str, str], str]:
    """The periods to choose from, and the one that is shown."""
    seen = view.current()
    if seen and seen.period:
        return {**RANGES, "": "as in the address"}, ""
    shown = view.span_text(seen.span) if seen and seen.span else view.span_text(BACK)
    at = next((name for name in RANGES if _same(name, shown)), shown)
    return {**RANGES, **({at: at} if at not in RANGES else {})}, at


def _same(one: str, other: str) -> bool:
    return _hours(one) == _hours(other)


def _hours(text: str) -> float:
    return float(text[:-1]) * view.UNIT_S[text[-1]]


def register(app: Dash, source: Source) -> None:
    """The browser draws the plant; the choice of the period goes into the address."""
    del source
    app.clientside_callback(
        ClientsideFunction("cooling", "plan"),
        Output("cooling-plan-said", "children"),
        Input("cooling-plan-data", "data"),
    )
    app.clientside_callback(
        ClientsideFunction("cooling", "range"),
        Output("url", "search", allow_duplicate=True),
        Input("cooling-range", "value"),
        prevent_initial_call=True,
    )


def live(source: Source) -> Live:
    """What is true now; a part that cannot be made takes no other with it."""
    now = cache(partial(data.now, source))
    tiles = cache(lambda: tile_parts(source, now(), modelled(source)))
    found: dict[tuple[str, str], Any] = {}
    for i, name in enumerate(TILES):
        found[name, "children"] = quiet(partial(_of_tile, tiles, i, 0))
        found[f"{name}-sub", "children"] = partial(_of_tile, tiles, i, 1)
    return {
        **found,
        ("cooling-plan-data", "data"): lambda: plan(now(), source.context.site.limits.envelope).data(),
        ("cooling-plan-failed", "children"): lambda: now() and "",
        ("cooling-machines", "children"): lambda: machine_table(now(), modelled(source)),
        ("cooling-twin-said", "children"): lambda: twin_said(modelled(source)),
        ("cooling-setpoints", "children"): lambda: setpoint_table(now(), source.zone, now().at),
        ("cooling-air", "figure"): lambda: charts.psychrometric(_air(source), source.zone, now().at),
        ("cooling-air-said", "children"): lambda: air_said(source, _air(source)),
        ("cooling-trend", "figure"): lambda: trended(source),
        ("cooling-trend-said", "children"): lambda: trend_said(source),
    }


def _of_tile(tiles: Callable[[], tuple[tuple[Child, Child], ...]], which: int, part: int) -> Child:
    return tiles()[which][part]


def _air(source: Source) -> moist.Chart:
    found: moist.Chart = source.kept(
        "psychrometric", _KEEP_WALL_S, lambda: moist.chart(source, data.now(source))
    )
    return found


def tile_parts(source: Source, now: Cooling, twin: Modelled | str) -> tuple[tuple[Child, Child], ...]:
    """Value and what it is, tile by tile."""
    zone = source.zone
    share = (
        f" · {fmt.percent(now.power.value / now.it.value)} of IT" if now.power.value and now.it.value else ""
    )
    other = twin if isinstance(twin, Modelled) else None
    cop = data.ratio(now.heat, now.power)
    rise = data.less(now.chilled_return, now.chilled_supply)
    approach = data.less(now.condenser_supply, now.wet_bulb)
    near = f" · tower approach {fmt.kelvins(approach.value)}" if approach.alive else ""
    air = _air(source)
    free_now = air.free.kind(air.outdoor) if air.outdoor else None
    return (
        (
            value(fmt.number(fmt.kw(now.power.value)), "kW"),
            provenance(now.power, zone, now.at)
            + share
            + (f" · {fmt.number(other.cooling_kw)} kW modelled" if other else ""),
        ),
        (
            value(fmt.number(fmt.kw(now.heat.value)), "kW"),
            provenance(now.heat, zone, now.at) + (f" · {now.heat_from}" if now.heat.alive else ""),
        ),
        (
            value(fmt.number(cop.value), ""),
            provenance(cop, zone, now.at)
            + (f" · {fmt.number(other.plant_cop)} modelled" if other and other.plant_cop else ""),
        ),
        (
            value(fmt.fixed(fmt.display_value(rise.value, "K"), 1), fmt.display_unit("K")),
            provenance(rise, zone, now.at) + near,
        ),
        (
            value(_free_value(now, free_now), ""),
            _free_said(source, now, air),
        ),
    )


def _free_value(now: Cooling, kind: str | None) -> str:
    if now.free.value is not None and now.heat.value:
        return fmt.percent(min(now.free.value / now.heat.value, 1.0))
    return {None: fmt.NOTHING, "full": "all", "part": "part", "none": "none"}[kind]


def _free_said(source: Source, now: Cooling, air: moist.Chart) -> str:
    if not air.free.by:
        return air.free.basis
    if now.free.value is not None and now.heat.value:
        return (
            f"{provenance(now.free, source.zone, now.at)} · {fmt.quantity(now.free.value, 'W')} of the heat"
        )
    return f"{Kind.MODELLED} from the weather now" if air.outdoor else air.outdoor_reason


def twin_said(twin: Modelled | str) -> str:
    """What the modelled numbers rest on."""
    if isinstance(twin, str):
        return f"measured, now · twin: {twin}"
    beyond = (
        f" · beyond what it was calibrated on: {', '.join(fmt.words(name.removesuffix('_c').removesuffix('_kw')) for name in twin.beyond)}"  # noqa: E501
        if twin.beyond
        else ""
    )
    return f"measured, now · modelled: the twin, calibration {twin.calibration_id}, in balance{beyond}"


def air_said(source: Source, found: moist.Chart) -> Child:
    """The chart in numbers and words."""
    zone, now = source.zone, source.now
    out = found.outdoor
    outdoors = (
        f"{fmt.temperature(out.dry_c)}, wet bulb {fmt.temperature(out.wet_c)}, {fmt.percent(out.relative)}"
        f" humidity, dew point {fmt.temperature(out.dew_c)} · measured {fmt.clock_time(out.time, zone, now)}"
        if out
        else f"{fmt.NOTHING} ({found.outdoor_reason})"
    )
    span = found.inlet_span_c
    inlets = f"{fmt.degrees(span[0])} to {fmt.temperature(span[1])} · measured; " if span else ""
    pairs = [
        ("Outdoors now", outdoors),
        ("Rack inlets", inlets + found.humidity_from),
        ("Free cooling", _free_words(found)),
    ]
    if found.path and found.issued_at:
        made = fmt.clock_time(found.issued_at, zone, now)
        hours = ", ".join(f"{KIND_WORDS[kind]} {h:.0f} h" for kind, h in found.hours.items())
        told = f"free: {hours} (modelled) · " if hours else ""
        pairs.append(("Next 24 h", f"{told}weather forecast of {made}"))
    else:
        pairs.append(("Next 24 h", "no weather forecast: `joulecast collect weather` brings one"))
    return facts(pairs)


def _free_words(found: moist.Chart) -> str:
    free = found.free
    if not free.by or free.full_c is None:
        return free.basis
    here = found.free.kind(found.outdoor) if found.outdoor else None
    told = f"{KIND_WORDS[here]} now · " if here else ""
    if free.by == "outdoor_air":
        return f"{told}{free.basis}: {fmt.temperature(free.full_c)} and {fmt.temperature(free.part_c)}"
    by = fmt.words(free.by)
    whole = f"all below {fmt.temperature(free.full_c)} {by}, " if free.full_c > float("-inf") else ""
    near = f", approach {fmt.kelvins(free.approach_k)} ({free.approach_from})" if free.approach_k else ""
    return f"{told}{whole}part below {fmt.temperature(free.part_c)} {by} · modelled: {free.basis}{near}"


def _pairs(source: Source) -> list[tuple[str, PointRef | None, PointRef]]:
    """Name, what is measured and the setpoint, of every setpoint of the site."""
    site = source.context.site
    return [
        (NAMES[setpoint], getattr(site.sensors, data.SUPPLY_OF[setpoint]), span.point)
        for setpoint, span in site.setpoints.items()
    ]


def trended(source: Source) -> figures.Figure:
    """The chart of the supplies; drawn anew when there is a new step to show."""
    asked, seen = trend.period(source, BACK), view.current()
    key = f"cooling trend {asked} {seen.key if seen else ''}"

    def make() -> figures.Figure:
        pairs = _pairs(source)
        refs = [ref for _, measured, setpoint in pairs for ref in (measured, setpoint) if ref is not None]
        found = trend.several(source, refs, asked)
        parts = [(name, found.get(str(is_)), found.get(str(set_))) for name, is_, set_ in pairs]
        return charts.supplies(parts, asked.end, source.zone, live=False)

    made: figures.Figure = source.kept(key, _KEEP_CHART_WALL_S, make)
    return made


def trend_said(source: Source) -> str:
    """What the chart is made of."""
    asked = trend.period(source, BACK)
    zone = source.zone
    means = fmt.age(asked.step.total_seconds()).replace("60 min", "1 h")
    return (
        f"measured: {means} means, {fmt.clock_time(asked.start, zone)} to {fmt.clock_time(asked.end, zone)}"
        if source.context.site.setpoints
        else "the site names no setpoints"
    )


PAGE: Final = Page("/cooling", "Cooling", layout, register, live)
