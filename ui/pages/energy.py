"""Energy: where it goes, how good PUE is and of what, against the weather and the period before."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from dash import ClientsideFunction, Input, Output, html

from core.errors import NotReadyError
from ui import export, view
from ui import format as fmt
from ui.charts import energy as charts
from ui.components import energy as parts
from ui.components.graph import graph
from ui.components.panel import empty, panel, switch
from ui.data import energy
from ui.figures import blank
from ui.page import Page

if TYPE_CHECKING:
    from collections.abc import Callable

    from dash import Dash

    from ui.components.panel import Child
    from ui.data import Source
    from ui.data.energy import Compared, Energy
    from ui.figures import Figure
    from ui.page import Live

DEFAULT: Final = timedelta(days=7)
RANGES: Final = {"1d": "1 d", "7d": "7 d", "30d": "30 d", "365d": "1 y"}
"""What the switch offers, as the address has it."""
_CHART_PX: Final = 300
_TALL_PX: Final = 380
_KEEP_CHART_WALL_S: Final = 300.0
_COLUMNS: Final = ("time", "facility_kwh", "it_kwh")


def layout(source: Source) -> list[Child]:
    """The page."""
    seen = view.current()
    chosen = "" if seen and seen.period else view.span_text((seen.span if seen else None) or DEFAULT)
    nothing = blank(source.zone, source.now)
    return [
        html.H1("Energy", className="sr"),
        html.Div(
            [
                switch("energy-range", "Past", RANGES, chosen if chosen in RANGES else ""),
                html.Div(id="energy-files", className="row"),
            ],
            className="switches apart",
        ),
        html.Div(empty("Being worked out."), id="energy-tiles", className="tiles"),
        html.Div(
            [
                panel(
                    "PUE and what it is made of",
                    graph("energy-pue", nothing, _TALL_PX),
                    note="measured; each bar adds up from 1",
                    span=8,
                ),
                panel("What this PUE is", html.Div(id="energy-definition"), span=4),
                panel("Energy by subsystem", html.Div(id="energy-parts"), note="measured", span=6),
                panel("Load duration", graph("energy-duration", nothing, _CHART_PX), note="measured", span=6),
                panel(
                    "PUE and the weather",
                    graph("energy-weather", nothing, _CHART_PX),
                    html.P(id="energy-twin", className="note"),
                    note="facility / IT of hours against the outdoor wet bulb",
                    span=6,
                ),
                panel("Against the period before", html.Div(id="energy-before"), note="measured", span=6),
            ],
            className="grid",
        ),
    ]


def register(app: Dash, source: Source) -> None:
    """The switch writes the address; the files are served."""
    app.clientside_callback(
        ClientsideFunction("joulecast", "chosen"),
        Output("url", "search", allow_duplicate=True),
        Input("energy-range", "value"),
        prevent_initial_call=True,
    )
    export.offer(app.server, source, "/energy.csv", lambda: file(source, export.csv_file))
    export.offer(app.server, source, "/energy.json", lambda: file(source, export.json_file))


def live(source: Source) -> Live:
    """The period up to now; worked out apart from the poll."""
    found = energy.compared(source, DEFAULT)
    site = source.context.site

    def of(make: Callable[[Compared], Any]) -> Callable[[], Any]:
        def made() -> Any:
            if found.value is None:
                raise NotReadyError(found.why("this period"))
            return make(found.value)

        return made

    def drawn(name: str, make: Callable[[Compared], Figure]) -> Callable[[], Any]:
        seen = view.current()
        until = found.value.this.end if found.value else None
        key = f"energy figure {name} {seen.key if seen else ''} {until}"
        return of(lambda value: source.kept(key, _KEEP_CHART_WALL_S, lambda: make(value)))

    return {
        ("energy-tiles", "children"): of(lambda v: parts.tiles(v.this, site.tariff.currency, source.zone)),
        ("energy-definition", "children"): of(lambda v: parts.definition(v.this, site, source.zone)),
        ("energy-parts", "children"): of(lambda v: parts.subsystems(v.this)),
        ("energy-before", "children"): of(lambda v: parts.comparison(v.this, v.before, site.tariff.currency)),
        ("energy-twin", "children"): of(lambda v: twin_said(v, source)),
        ("energy-pue", "figure"): drawn("pue", lambda v: pue_chart(v.this, source)),
        ("energy-duration", "figure"): drawn("duration", lambda v: duration_chart(v.this, source)),
        ("energy-weather", "figure"): drawn("weather", lambda v: weather_chart(v, source)),
        ("energy-files", "children"): files,
    }


def files() -> Child:
    """Links to this period as files."""
    seen = view.current()
    search = view.search_of(seen) if seen else ""
    return [
        html.A(f"{kind.upper()}", href=f"/energy.{kind}{search}", className="btn small", download="")
        for kind in ("csv", "json")
    ]


def pue_chart(found: Energy, source: Source) -> Figure:
    """PUE by day, or by hour of a short period."""
    buckets = energy.by_bucket(found, source.context.site.zone)
    by_hour = found.short
    zone = source.zone if by_hour else source.context.site.zone
    return charts.pue(buckets, zone, found.end, by_hour=by_hour)


def duration_chart(found: Energy, source: Source) -> Figure:
    """Load duration of facility and IT."""
    hours = found.step / energy.HOUR
    return charts.duration(found.facility_kwh / hours, found.it_kwh / hours, source.zone, source.now)


def weather_chart(found: Compared, source: Source) -> Figure:
    """Hours against the wet bulb, with the twin's."""
    this, twin = found.this, found.twin
    per_hour = round(energy.HOUR / this.step)
    count = len(this.it_kwh) // per_hour * per_hour
    facility, it = (
        values[:count].reshape(-1, per_hour).mean(axis=1) for values in (this.facility_kwh, this.it_kwh)
    )
    blocks = this.wet_bulb_c[:count].reshape(-1, per_hour)
    said = np.isfinite(blocks).sum(axis=1)  # weather may come by the hour only
    wet_bulb = np.where(said > 0, np.nansum(blocks, axis=1) / np.maximum(said, 1), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(it > 0, facility / it, np.nan)
    expected = (twin.wet_bulb_c, twin.twin_facility_kw / twin.it_kw) if twin else None
    return charts.weather(wet_bulb, ratio, expected, source.zone, source.now)


def twin_said(found: Compared, source: Source) -> str:
    """What the twin's curve is, or why there is none."""
    if found.twin is None:
        return f"No curve of the twin: {found.twin_reason.partition(';')[0]}."
    measured = float(found.twin.facility_kw.sum() / found.twin.it_kw.sum())
    modelled = float(found.twin.twin_facility_kw.sum() / found.twin.it_kw.sum())
    when = fmt.clock_time(found.twin.calibrated_at, source.zone, source.now)
    hours = fmt.count(len(found.twin.it_kw), "hour")
    return (
        f"Over the same {hours}: measured {fmt.fixed(measured, 3)}, twin {fmt.fixed(modelled, 3)} (modelled, "
        f"calibrated {when}), under the load, weather and setpoints that were."
    )


def file(
    source: Source,
    make: Callable[[str, export.Head, tuple[str, ...], list[tuple[export.Cell, ...]]], export.File],
) -> export.File:
    """The period's energy by interval, always in kWh and degC."""
    seen, site = view.current(), source.context.site
    start, end = seen.between(source.now, DEFAULT) if seen else (source.now - DEFAULT, source.now)
    found = energy.read(source, start, min(end, source.now))
    columns, rows = sheet(found)
    head = export.Head(
        title="Energy by interval",
        site=f"{site.site.name} ({site.id})",
        zone=source.zone,
        boundary=boundary(source),
        start=found.start,
        end=found.end,
        made_at=source.now,
        complete_ratio=found.pue.complete_ratio,
        query=f"/energy?{export.query()}" if export.query() else "/energy",
    )
    return make(f"{site.id}-energy-{found.start:%Y%m%d}-{found.end:%Y%m%d}", head, columns, rows)


def boundary(source: Source) -> str:
    """The meters of PUE and its category."""
    meters = source.context.site.meters
    facility, it = (" + ".join(map(str, refs)) for refs in (meters.facility, meters.it))
    return f"PUE category {meters.category}; facility {facility}; IT {it}"


def sheet(found: Energy) -> tuple[tuple[str, ...], list[tuple[export.Cell, ...]]]:
    """Columns and rows of a period."""
    names = {name: f"{name.lower().replace(' ', '_')}_kwh" for name in found.parts_kwh}
    grams = found.carbon_g_per_kwh
    carbon = f"carbon_g_per_kwh_{found.carbon_kind}"
    columns = (*_COLUMNS, *names.values(), "wet_bulb_degC", carbon)
    rows: list[tuple[export.Cell, ...]] = [
        (
            time,
            float(found.facility_kwh[i]),
            float(found.it_kwh[i]),
            *(float(found.parts_kwh[name][i]) for name in names),
            float(found.wet_bulb_c[i]),
            None if grams is None else float(grams[i]),
        )
        for i, time in enumerate(found.times)
    ]
    return columns, rows


PAGE: Final = Page("/energy", "Energy", layout, register, live)
