"""Charts of the page Cooling: supplies against their setpoints, and the psychrometric chart."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from ui import figures
from ui import format as fmt
from ui.figures import BASELINE, MEASURED, TWIN, TWIN_BAND, TWIN_BAND_INNER, Figure, Trace, line, numbers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from core.series import Series
    from ui.data.moist import Air, Chart, Outline

RECOMMENDED_FILL: Final = "rgba(124,135,145,0.30)"
FREE_FILLS: Final = {"free cooling, part": TWIN_BAND, "free cooling, all": TWIN_BAND_INNER}
PATH_EVERY: Final = 6
"""Every so many points of the weather's path have their time beside them."""
HUMIDITY_TOP: Final = 0.024
"""Top of the chart unless the weather is more humid [kg/kg]."""
SPAN_MIN_K: Final = 2.0
"""An axis of temperatures spans at least this [K]."""
_GAP: Final = 0.06
"""Between two parts of the trends [share of the height]."""
_TICK: Final = {"size": 11}


def supplies(
    parts: Sequence[tuple[str, Series | None, Series | None]], now: datetime, zone: ZoneInfo, *, live: bool
) -> Figure:
    """Supply temperatures, each with its setpoint in force, one under the other.

    Args:
        parts: name, measured and setpoint [degC]; None where it has no readings.
        now: plant's time.
        zone: the reader's.
        live: the period ends now.
    """
    offset, unit = fmt.offset_of(now, zone), fmt.degree()
    traces: list[Trace] = []
    shape = figures.layout(now, zone)
    count = max(len(parts), 1)
    height = (1 - _GAP * (count - 1)) / count
    titles = []
    for i, (name, measured, setpoint) in enumerate(parts):
        axis = "y" if i == 0 else f"y{i + 1}"
        top = 1 - i * (height + _GAP)
        shape["yaxis" if i == 0 else f"yaxis{i + 1}"] = {
            "domain": [max(top - height, 0), top],
            "nticks": 5,
            "range": _span(measured, setpoint),
        }
        titles.append(_title(f"{name} [{unit}]", top))
        if setpoint is not None:
            x = fmt.axis_times(setpoint.times, offset)
            shown = _temperatures(setpoint)
            more = {"yaxis": axis, "legendgroup": "set", "showlegend": i == 0}
            step = line(x, shown, "setpoint in force", BASELINE, unit, dash="dash", digits=".1f", **more)
            step["line"]["shape"] = "hv"
            traces.append(step)
        if measured is not None:
            x = fmt.axis_times(measured.times, offset)
            more = {"yaxis": axis, "legendgroup": "is", "showlegend": i == 0}
            traces.append(line(x, _temperatures(measured), "measured", MEASURED, unit, digits=".1f", **more))
    shape["xaxis"]["anchor"] = "y" if count == 1 else f"y{count}"
    shape["annotations"] = titles
    if live:
        shape["shapes"] = [figures.now_line(now, zone)]
    shape["margin"] = {**shape["margin"], "t": 44}
    shape["legend"] = {**shape["legend"], "y": 1.06}
    return {"data": traces, "layout": shape}


def _span(*series: Series | None) -> list[float | None] | None:
    """Ends of an axis: a steady supply is a straight line, not noise that fills the chart."""
    values = [v for one in series if one is not None for v in one.values.tolist() if math.isfinite(v)]
    if not values:
        return None
    pad = max(SPAN_MIN_K - (max(values) - min(values)), 0.0) / 2 + 0.1 * SPAN_MIN_K
    return [fmt.display_value(end, "degC") for end in (min(values) - pad, max(values) + pad)]


def _title(text: str, top: float) -> dict[str, Any]:
    return {
        "text": text, "x": 0.005, "xref": "paper", "xanchor": "left", "y": top, "yref": "paper",
        "yanchor": "bottom", "showarrow": False, "font": _TICK,
    }  # fmt: skip


def _temperatures(series: Series) -> list[float | None]:
    return numbers([fmt.display_value(value, "degC") for value in series.values.tolist()])


def psychrometric(found: Chart, zone: ZoneInfo, now: datetime) -> Figure:
    """Dry bulb to the right, humidity ratio upwards, in the reader's units.

    Args:
        found: what is drawn, in canonical units.
        zone: the reader's.
        now: plant's time.
    """
    humid = max([HUMIDITY_TOP, *(air.humidity * 1.05 for air in (*found.path, *found.inlets))])
    top = _round(fmt.display_value(humid, "kg/kg"), 1) or 0.0
    traces = [_filled(one, FREE_FILLS.get(one.name, TWIN_BAND_INNER), TWIN) for one in found.free_outlines]
    traces += [_curve(one) for one in found.curves]
    traces += [_class(one, own=one.name == found.own) for one in found.allowable]
    traces.append(_filled(found.recommended, RECOMMENDED_FILL, BASELINE))
    if found.path:
        traces.append(_path(found.path, zone))
    if found.inlets:
        traces.append(_points(found.inlets, "rack inlets", "circle", 7, zone, now))
    if found.outdoor:
        traces.append(_points((found.outdoor,), "outdoors now", "diamond", 13, zone, now))
    shapes = [] if found.inlets or not found.inlet_span_c else [_upright(c) for c in found.inlet_span_c]
    low, high = (_round(fmt.display_value(c, "degC"), 0) for c in (found.low_c, found.high_c))
    return {
        "data": traces,
        "layout": {
            **figures.TRANSPARENT,
            "margin": {"l": 12, "r": 62, "t": 44, "b": 48},
            "font": {"size": 12, "family": figures.FONT},
            "hovermode": "closest",
            "hoverlabel": {"bgcolor": "#FBFBFC", "bordercolor": "#7C8791", "font": {"color": "#1F2933"}},
            "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "font": {"size": 12}},
            "xaxis": {
                "title": {"text": f"dry bulb [{fmt.degree()}]", "font": {"size": 12}},
                "range": [low, high],
                "zeroline": False,
                "nticks": 14,
            },
            "yaxis": {
                "title": {"text": f"humidity ratio [{fmt.display_unit('kg/kg')}]", "font": {"size": 12}},
                "range": [0, top],
                "side": "right",
                "zeroline": False,
                "nticks": 8,
            },
            "shapes": shapes,
            "annotations": [*_curve_names(found, top), *_class_names(found), *_span_name(found)],
            "uirevision": f"kept {fmt.degree()}",
        },
    }


def _round(value: float | None, places: int) -> float | None:
    return None if value is None else round(value, places)


def _xy(dry_c: list[float], humidity: list[float]) -> dict[str, list[float | None]]:
    """Rounded, so that noise is no change: a hundredth of a degree is not seen."""
    return {
        "x": [_round(fmt.display_value(v, "degC"), 1) for v in dry_c],
        "y": [_round(fmt.display_value(v, "kg/kg"), 2) for v in humidity],
    }


def _curve(one: Outline) -> Trace:
    return {
        "type": "scatter", "mode": "lines", **_xy(one.dry_c, one.humidity), "hoverinfo": "skip",
        "showlegend": False, "line": {"color": BASELINE, "width": 1.6 if one.name == "100%" else 0.6},
    }  # fmt: skip


def _class(one: Outline, *, own: bool) -> Trace:
    return {
        "type": "scatter", "mode": "lines", **_xy(one.dry_c, one.humidity), "hoverinfo": "skip",
        "name": f"{one.name} allowable" + (" (this site)" if own else ""), "showlegend": own,
        "line": {"color": BASELINE, "width": 2.4 if own else 1.0, "dash": "solid" if own else "dash"},
    }  # fmt: skip


def _filled(one: Outline, fill: str, color: str) -> Trace:
    return {
        "type": "scatter", "mode": "lines", **_xy(one.dry_c, one.humidity), "name": one.name,
        "fill": "toself", "fillcolor": fill, "hoverinfo": "skip", "line": {"color": color, "width": 0.8},
    }  # fmt: skip


def _path(path: Sequence[Air], zone: ZoneInfo) -> Trace:
    texts = [
        f"{air.time.astimezone(zone):%H:%M}" if i % PATH_EVERY == 0 and air.time else ""
        for i, air in enumerate(path)
    ]
    return {
        "type": "scatter", "mode": "lines+markers+text", "name": "outdoors, next 24 h (forecast)",
        **_xy([air.dry_c for air in path], [air.humidity for air in path]), "text": texts,
        "textposition": "top left", "textfont": {"size": 10},
        "line": {"color": MEASURED, "width": 1.5, "dash": "dot"},
        "marker": {"size": [6 if text else 3 for text in texts], "color": MEASURED},
        "customdata": [_told(air, zone) for air in path], "hovertemplate": "%{customdata}<extra></extra>",
    }  # fmt: skip


def _points(points: Sequence[Air], name: str, symbol: str, size: int, zone: ZoneInfo, now: datetime) -> Trace:
    return {
        "type": "scatter", "mode": "markers", "name": name,
        **_xy([air.dry_c for air in points], [air.humidity for air in points]),
        "marker": {"symbol": symbol, "size": size, "color": MEASURED},
        "customdata": [_told(air, zone, now) for air in points],
        "hovertemplate": "%{customdata}<extra></extra>",
    }  # fmt: skip


def _told(air: Air, zone: ZoneInfo, now: datetime | None = None) -> str:
    """A point in words; names of racks come from the site's own description, and < is no tag in them."""
    name = air.name.replace("&", "&amp;").replace("<", "&lt;")
    wet = f", wet bulb {fmt.temperature(air.wet_c)}" if air.wet_c is not None else ""
    when = "" if now else f" {fmt.clock_time(air.time, zone)}"
    return (
        f"{name}{when}<br>{fmt.temperature(air.dry_c)}{wet}<br>{fmt.percent(air.relative)} humidity,"
        f" dew point {fmt.temperature(air.dew_c)}"
    )


def _upright(at_c: float) -> dict[str, Any]:
    x = _round(fmt.display_value(at_c, "degC"), 1)
    style = {"color": MEASURED, "width": 1.5, "dash": "dot"}
    return {"type": "line", "x0": x, "x1": x, "yref": "paper", "y0": 0, "y1": 1, "line": style}


def _name(text: str, x: float | None, y: float | None, **more: Any) -> dict[str, Any]:
    return {"text": text, "x": x, "y": y, "showarrow": False, "font": {"size": 10}, **more}


def _curve_names(found: Chart, top: float) -> list[dict[str, Any]]:
    """Each line's relative humidity, where it leaves the chart."""
    names = []
    for one in found.curves:
        x, y = _xy(one.dry_c, one.humidity).values()
        inside = [i for i, value in enumerate(y) if value is not None and value <= top]
        last = inside[-1]
        names.append(_name(one.name, x[last], y[last], yanchor="bottom", xanchor="right", xshift=-2))
    return names


def _class_names(found: Chart) -> list[dict[str, Any]]:
    names = []
    for one in found.allowable:
        right = max(one.dry_c)
        tall = max(h for c, h in zip(one.dry_c, one.humidity, strict=True) if c == right)
        x, y = _xy([right], [tall]).values()
        names.append(_name(one.name, x[0], y[0], xanchor="right", yanchor="top", xshift=-3, yshift=-2))
    return names


def _span_name(found: Chart) -> list[dict[str, Any]]:
    if found.inlets or not found.inlet_span_c:
        return []
    x = _round(fmt.display_value(found.inlet_span_c[1], "degC"), 1)
    return [_name("rack inlets between these", x, 1, yref="paper", xanchor="left", yanchor="top", xshift=4)]
