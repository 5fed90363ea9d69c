"""The first page's figures: each with its unit, what it is, when it held, and its past hour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from dash import html

from ui import format as fmt
from ui.components import amounts
from ui.components.panel import provenance
from ui.components.spark import plain, spark
from ui.components.tile import value
from ui.data import forecast, overview

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from core.kpi import Pue
    from core.series import Series
    from ui.components.panel import Child
    from ui.data import Source
    from ui.data.live import Live

    Make = Callable[[Source, Live], Child]

TILES: Final = {
    "power-ratio": "Power ratio (facility / IT), now",
    "it-power": "IT power",
    "cooling-power": "Cooling power",
    "worst-inlet": "Worst rack inlet",
    "saved": "Saved this month",
}
"""By name, what a tile is called."""
RAMP_MEAN: Final = 5
"""So many minutes at either end of the hour make its ramp."""
RAMP_MIN_W: Final = 500.0
"""Less than this is level [W]."""
_COMPLETE_ENOUGH: Final = 0.995
_COMPLETE_LEAST: Final = 0.01
"""A period of which less is known is not shown [1]."""
_HOURS: Final = {0.25: "15 min", 1.0: "hour", 24.0: "day", overview.YEAR_H: "year"}


def ratio(source: Source, now: Live) -> Child:
    """Facility over IT power."""
    del source
    return value(fmt.fixed(now.ratio.value, 3), "")


def ratio_sub(source: Source, now: Live) -> Child:
    """When, and PUE proper: energies over a period, with category and how complete it is."""
    year = overview.pue_of_year(source)
    found = overview.pues(source) + ((year.value,) if year.value else ())
    said = [pue_text(pue) for pue in found if pue.complete_ratio >= _COMPLETE_LEAST]
    if not said:
        return provenance(now.ratio, source.zone, now.at)
    if not year.value:
        said.append(f"year {year.reason}")
    category = source.context.site.meters.category
    return [
        html.Div(provenance(now.ratio, source.zone, now.at)),
        html.Div(f"PUE (category {category}): {' · '.join(said)}"),
    ]


def pue_text(pue: Pue) -> str:
    """A PUE with its period, and what is missing of that."""
    gaps = "" if pue.complete_ratio >= _COMPLETE_ENOUGH else f" ({fmt.percent(pue.complete_ratio)} of it)"
    return f"{_HOURS[pue.hours]} {fmt.fixed(pue.value, 3)}{gaps}"


def ratio_spark(source: Source, now: Live) -> Child:
    """The ratio's past hour."""
    del now
    meters = source.context.site.meters
    facility, it = (overview.past_hour(source, refs).values for refs in (meters.facility, meters.it))
    with np.errstate(divide="ignore", invalid="ignore"):
        found = plain(np.where(it > 0, facility / it, np.nan).tolist())
    return drawn(found, lambda number: fmt.fixed(number, 3))


def it(source: Source, now: Live) -> Child:
    """IT power."""
    del source
    return value(fmt.number(fmt.kw(now.it.value)), "kW")


def it_sub(source: Source, now: Live) -> Child:
    """Its share of the design, where it is going, and the next peak."""
    design_kw = source.context.site.plant.it_design_kw
    it_kw, peak = fmt.kw(now.it.value), forecast.peak(source)
    said = [provenance(now.it, source.zone, now.at)]
    if it_kw is not None:
        said += [f"{fmt.percent(it_kw / design_kw)} of design"]
    said += [ramp(overview.past_hour(source, source.context.site.meters.it))]
    coming = ""
    if peak.alive:
        at = fmt.clock_time(peak.time, source.zone, now.at)
        band = fmt.band(fmt.kw(peak.low), fmt.kw(peak.high), 0, "kW")
        coming = f"peak of 24 h: {fmt.number(fmt.kw(peak.value))} kW at {at} ({band}), forecast"
    return [html.Div(" · ".join(text for text in said if text)), html.Div(coming)]


def ramp(found: Series) -> str:
    """How a power has changed over its hour; nothing where that is not known."""
    known = found.values[np.isfinite(found.values)]
    if len(known) < len(found) / 2:
        return ""
    change_w = float(known[-RAMP_MEAN:].mean() - known[:RAMP_MEAN].mean())
    if abs(change_w) < RAMP_MIN_W:
        return "level for an hour"
    return f"{'▲' if change_w > 0 else '▼'} {fmt.signed(fmt.kw(change_w), 0)} kW in an hour"


def it_spark(source: Source, now: Live) -> Child:
    """IT power's past hour."""
    del now
    return powers(overview.past_hour(source, source.context.site.meters.it))


def cooling(source: Source, now: Live) -> Child:
    """Cooling power."""
    del source
    return value(fmt.number(fmt.kw(now.cooling.value)), "kW")


def cooling_sub(source: Source, now: Live) -> Child:
    """Its share of IT, and the same beside what the twin expects."""
    said = [provenance(now.cooling, source.zone, now.at)]
    if now.cooling.value is not None and now.it.value:
        said.append(f"{fmt.percent(now.cooling.value / now.it.value, 1)} of IT")
    twin = overview.cooling_twin(source)
    if twin.value is None:
        return [html.Div(" · ".join(said)), html.Div(f"twin: {twin.reason.partition(';')[0]}")]
    of_it = float(twin.value.twin_cooling_kw.sum() / twin.value.it_kw.sum())
    measured = float(twin.value.cooling_kw.sum() / twin.value.it_kw.sum())
    text = f"last hour {fmt.percent(measured, 1)}; twin {fmt.percent(of_it, 1)}, modelled"
    return [html.Div(" · ".join(said)), html.Div(text)]


def cooling_spark(source: Source, now: Live) -> Child:
    """Cooling power's past hour."""
    del now
    return powers(overview.past_hour(source, source.context.site.meters.cooling))


def inlet(source: Source, now: Live) -> Child:
    """The warmest inlet."""
    del source
    return value(fmt.degrees(now.worst.inlet.value if now.worst else None), fmt.degree())


def inlet_sub(source: Source, now: Live) -> Child:
    """Which rack, the limit, and how far from it; beyond it, an alarm in words and shape; who is silent."""
    if now.worst is None or now.worst.inlet.value is None:
        return "no rack inlet is fresh"
    margin_k = now.limit_c - now.worst.inlet.value
    where = f"{provenance(now.worst.inlet, source.zone, now.at)} · {now.worst.name}"
    if margin_k < 0:
        return [
            html.Span(f"▲ {fmt.kelvins(-margin_k)} above {fmt.limit(now.limit_c)}", className="alarm p2"),
            f" {where}",
            *unseen(now),
        ]
    return [f"{where} · {fmt.kelvins(margin_k)} below limit {fmt.limit(now.limit_c)}", *unseen(now)]


def unseen(now: Live) -> tuple[Child, ...]:
    """How many inlets the warmest one is not taken from; nothing where every inlet is seen."""
    return (" · ", html.Span(f"▲ {now.unseen_said}", className="alarm p3")) if now.unseen else ()


def inlet_spark(source: Source, now: Live) -> Child:
    """The past hour of the inlet that is the warmest now."""
    site = source.context.site
    at = next((i for i, rack in enumerate(now.racks) if rack is now.worst), None)
    if at is None:
        return ""
    found = overview.past_hour(source, (site.sensors.rack_inlet[at],))
    return drawn(
        [fmt.display_value(v, "degC") for v in plain(found.values.tolist())], lambda n: fmt.fixed(n, 1)
    )


def saved(source: Source, now: Live) -> Child:
    """What was verified this month."""
    del now
    found = overview.saved_this_month(source)
    return value(*amounts.energy(found.p50_kwh)) if found.days else value(fmt.NOTHING, "")


def saved_sub(source: Source, now: Live) -> Child:
    """Its interval and what it is worth."""
    del now
    found, currency = overview.saved_this_month(source), source.context.site.tariff.currency
    if not found.days:
        return "nothing verified this month: no advice was followed, or its days are not accounted for yet"
    band = amounts.energy_band(found.p10_kwh, found.p50_kwh, found.p90_kwh)
    worth = f" · {amounts.money(found.cost, currency)}" if found.cost is not None else ""
    return [
        html.Div(f"{band}, p10 to p90{worth}"),
        html.Div(f"verified, {fmt.count(found.days, 'day')}: meters against the twin"),
    ]


def powers(found: Series) -> Child:
    """A power's past hour."""
    values = [fmt.kw(value) for value in plain(found.values.tolist())]
    return drawn(values, lambda number: f"{fmt.number(number)} kW")


def drawn(values: Sequence[float | None], say: Callable[[float], str]) -> Child:
    """The line, and between what it lies."""
    known = [value for value in values if value is not None]
    if not known:
        return ""
    return spark(values, f"past hour: {say(min(known))} to {say(max(known))}")


MAKERS: Final[dict[str, dict[str, Make]]] = {
    "power-ratio": {"": ratio, "-sub": ratio_sub, "-spark": ratio_spark},
    "it-power": {"": it, "-sub": it_sub, "-spark": it_spark},
    "cooling-power": {"": cooling, "-sub": cooling_sub, "-spark": cooling_spark},
    "worst-inlet": {"": inlet, "-sub": inlet_sub, "-spark": inlet_spark},
    "saved": {"": saved, "-sub": saved_sub},
}
"""By tile, what fills its value, what stands beneath it, and its past hour."""
