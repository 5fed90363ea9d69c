"""Charts as plain dictionaries of lists: quick to make, small to send, and safe to append to.

Backgrounds are transparent and texts take the page's colours, so that one figure serves light and dark.
Never numpy in here: plotly sends arrays encoded, and appending to those wipes the trace without an error.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from html import escape
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final

from core.units import from_canonical
from ui import format as fmt
from ui.data.skill import COVERAGE_RANGE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from core.series import Series
    from ui.data.forecast import Forecast

Figure = dict[str, Any]
Trace = dict[str, Any]

MEASURED: Final = "#3A7FBF"
BASELINE: Final = "#7C8791"
TWIN: Final = "#008C99"
WHATIF: Final = "#A8609A"
MEASURED_BAND: Final = "rgba(58,127,191,0.14)"
MEASURED_BAND_INNER: Final = "rgba(58,127,191,0.24)"
TWIN_BAND: Final = "rgba(0,140,153,0.16)"
TWIN_BAND_INNER: Final = "rgba(0,140,153,0.26)"
FONT: Final = 'system-ui, "DejaVu Sans", sans-serif'
"""As in the style sheet: plotly measures texts before the style sheet can change them."""
TIME_TICKS: Final = 7
HOVER_PX: Final = 6
"""How near a point has to be to be named under the pointer [px]: no forecast beside a measured hour."""
NOW_LINE: Final = BASELINE
TRANSPARENT: Final[dict[str, Any]] = {"paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)"}
"""The page's own colours show through, light or dark."""
_SAID_WIDTH: Final = 48
"""Characters in a line of a sentence: as many as a phone has room for."""
_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
_HOVER: Final = {"bgcolor": "#FBFBFC", "bordercolor": "#7C8791", "font": {"color": "#1F2933"}}


def numbers(values: Sequence[float] | Any) -> list[float | None]:
    """Values as JSON takes them: plain floats, None where there is none."""
    return [float(v) if v is not None and math.isfinite(v) else None for v in values]


def kilowatts(series: Series) -> list[float | None]:
    """A series of power [W] for the chart [kW]."""
    return numbers(from_canonical(series.values, "kW"))


def layout(now: datetime, zone: ZoneInfo, **more: Any) -> dict[str, Any]:
    """What every chart has in common; the time axis is at the offset in force now, and says so."""
    name = f"time in {zone.key}, {fmt.offset_name(fmt.offset_of(now, zone))}"
    return {
        **TRANSPARENT,
        "margin": {"l": 56, "r": 12, "t": 30, "b": 52},
        "font": {"size": 12, "family": FONT},
        "hovermode": "x unified",
        "hoverlabel": _HOVER,
        "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "font": {"size": 12}},
        "xaxis": {
            "type": "date",
            "title": {"text": name, "font": {"size": 11}, "standoff": 8},
            "tickformat": "%H:%M\n%a %d %b",
            "tickangle": 0,
            "nticks": TIME_TICKS,
            "hoverformat": "%a %d %b %H:%M",
            "spikethickness": 1,
        },
        "hoverdistance": HOVER_PX,
        "modebar": {"orientation": "v", "bgcolor": "rgba(0,0,0,0)"},
        "uirevision": "kept",
        **more,
    }


def blank(zone: ZoneInfo, now: datetime) -> Figure:
    """Nothing yet; the chart that takes its place keeps the element."""
    return {"data": [], "layout": layout(now, zone)}


def said(text: str) -> Figure:
    """A sentence where there is nothing to draw."""
    lines = "<br>".join(escape(line) for line in wrap(text, _SAID_WIDTH))
    note = {"text": lines, "showarrow": False, "xref": "paper", "yref": "paper", "x": 0.5, "y": 0.5}
    hidden = {"visible": False}
    of_text = {"annotations": [note], "xaxis": hidden, "yaxis": hidden, "font": {"size": 13, "family": FONT}}
    return {"data": [], "layout": {**TRANSPARENT, **of_text}}


def line(x: list[str], y: list[float | None], name: str, color: str, unit: str, **more: Any) -> Trace:
    """A line of the chart."""
    style = {"color": color, "width": more.pop("width", 1.8), "dash": more.pop("dash", "solid")}
    digits = more.pop("digits", ".0f")
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": x,
        "y": y,
        "line": style,
        "hovertemplate": f"%{{y:{digits}}} {unit}".rstrip(),
        **more,
    }


def ribbon(
    x: list[str], low: list[float | None], high: list[float | None], name: str, fill: str, **more: Any
) -> Trace:
    """A band between two lines, as one closed outline."""
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": x + x[::-1],
        "y": high + low[::-1],
        "fill": "toself",
        "fillcolor": fill,
        "line": {"width": 0, "color": fill},
        "hoverinfo": "skip",
        **more,
    }


def now_line(now: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """The upright line at the present."""
    at = fmt.axis_times([now], fmt.offset_of(now, zone))[0]
    style = {"color": NOW_LINE, "width": 1}
    return {"type": "line", "xref": "x", "yref": "paper", "x0": at, "x1": at, "y0": 0, "y1": 1, "line": style}


def now_label(now: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """The word at that line."""
    at = fmt.axis_times([now], fmt.offset_of(now, zone))[0]
    return {
        "x": at,
        "y": 0,
        "xref": "x",
        "yref": "paper",
        "text": "now",
        "showarrow": False,
        "xanchor": "left",
        "yanchor": "bottom",
        "xshift": 3,
        "font": {"size": 11},
    }


def _fan(
    forecast: Forecast | None, now: datetime, until: datetime, zone: ZoneInfo, look: _Look
) -> list[Trace]:
    steps = forecast.after(now, until) if forecast else ()
    x = fmt.axis_times([s.time for s in steps], fmt.offset_of(now, zone))
    outer_low, outer_high, inner_low, inner_high, middle = (
        [fmt.kw(getattr(s, name)) for s in steps] for name in ("q05", "q95", "q25", "q75", "q50")
    )
    more = {"yaxis": look.axis, "legendgroup": None if look.bands else look.name}
    return [
        ribbon(x, outer_low, outer_high, f"{look.name} 5-95 %", look.outer, showlegend=look.bands, **more),
        ribbon(x, inner_low, inner_high, f"{look.name} 25-75 %", look.inner, showlegend=look.bands, **more),
        line(
            x,
            middle,
            look.name if not look.bands else f"{look.name} median",
            look.color,
            "kW",
            dash="dot",
            **more,
        ),
    ]


class _Look:
    """Colours and axis of a fan."""

    def __init__(
        self, name: str, axis: str, color: str, outer: str, inner: str, *, bands: bool = False
    ) -> None:
        self.name, self.axis, self.color, self.outer, self.inner = name, axis, color, outer, inner
        self.bands = bands


IT_LOOK: Final = _Look("IT forecast", "y2", MEASURED, MEASURED_BAND, MEASURED_BAND_INNER)
COOLING_LOOK: Final = _Look("cooling forecast", "y2", TWIN, TWIN_BAND, TWIN_BAND_INNER)


def live(
    facility: Series,
    it: Series,
    cooling: Series,
    forecasts: tuple[Forecast | None, Forecast | None],
    now: datetime,
    until: datetime,
    zone: ZoneInfo,
) -> Figure:
    """Power ratio above; IT and cooling power below, with what is to come.

    Args:
        facility: five-minute means [W].
        it: five-minute means [W].
        cooling: five-minute means [W].
        forecasts: newest ones of IT and of cooling power.
        now: plant's time.
        until: right end of the axis.
        zone: the site's.
    """
    offset = fmt.offset_of(now, zone)
    ratio = [
        top / bottom if bottom and math.isfinite(top) and math.isfinite(bottom) else None
        for top, bottom in zip(facility.values.tolist(), it.values.tolist(), strict=True)
    ]
    traces = [
        line(fmt.axis_times(it.times, offset), ratio, "power ratio", MEASURED, "", digits=".3f", yaxis="y"),
        line(fmt.axis_times(it.times, offset), kilowatts(it), "IT", MEASURED, "kW", yaxis="y2"),
        line(fmt.axis_times(cooling.times, offset), kilowatts(cooling), "cooling", TWIN, "kW", yaxis="y2"),
        *_fan(forecasts[0], now, until, zone, IT_LOOK),
        *_fan(forecasts[1], now, until, zone, COOLING_LOOK),
    ]
    shape = layout(now, zone, shapes=[now_line(now, zone)], annotations=[now_label(now, zone)])
    shape["xaxis"] |= {"range": fmt.axis_times([it.start, until], offset), "anchor": "y2"}
    shape["yaxis"] = {
        "domain": [0.62, 1],
        "title": {"text": "facility / IT", "font": {"size": 12}},
        "tickformat": ".3f",
        "nticks": 5,
    }
    shape["yaxis2"] = {
        "domain": [0, 0.54],
        "title": {"text": "power [kW]", "font": {"size": 12}},
        "rangemode": "tozero",
        "nticks": 6,
    }
    return {"data": traces, "layout": shape}


def fan(
    measured: Series,
    shown: Forecast | None,
    naive: Forecast | None,
    now: datetime,
    zone: ZoneInfo,
    name: str = "forecast",
) -> Figure:
    """The newest forecast as a fan, the line it has to beat, and what was measured so far.

    Args:
        measured: means of the target [W].
        shown: the forecast with bands.
        naive: the forecast to beat.
        now: plant's time.
        zone: the site's.
        name: what the shown model is called.
    """
    offset = fmt.offset_of(now, zone)
    ends = [f.steps[-1].time + f.step for f in (shown, naive) if f and f.steps]
    until = max(ends, default=now)
    look = _Look(name, "y", MEASURED, MEASURED_BAND, MEASURED_BAND_INNER, bands=True)
    traces = _fan(shown, shown.issued_at if shown else now, until, zone, look)
    steps = naive.steps if naive else ()
    traces.append(
        line(
            fmt.axis_times([s.time for s in steps], offset),
            [fmt.kw(s.q50) for s in steps],
            "seasonal naive",
            BASELINE,
            "kW",
            dash="dash",
        )
    )
    x = fmt.axis_times(measured.times, offset)
    traces.append(line(x, kilowatts(measured), "measured", MEASURED, "kW", width=2.2))
    shape = layout(now, zone, shapes=[now_line(now, zone)], annotations=[now_label(now, zone)])
    shape["xaxis"]["range"] = fmt.axis_times([measured.start, max(until, now)], offset)
    means = "hourly" if measured.step >= _HOUR else f"{measured.step / _MINUTE:.0f}-min"
    shape["yaxis"] = {"title": {"text": f"{means} means [kW]", "font": {"size": 12}}, "nticks": 7}
    shape["uirevision"] = f"{measured.step}"  # another grid is another picture: what was zoomed in is gone
    return {"data": traces, "layout": shape}


def daily(days: list[str], ratios: list[float | None], held: list[float | None], name: str) -> Figure:
    """A model day by day: its error against the naive line's above, what its 80 % band held below.

    Args:
        days: ISO dates.
        ratios: pinball loss over the seasonal naive's [1].
        held: share of the truth inside the 80 % band [1].
        name: what the model is called.
    """
    low, high = (from_canonical(limit, "%") for limit in COVERAGE_RANGE)
    percents = [None if share is None else from_canonical(share, "%") for share in held]
    points = {"mode": "lines+markers", "marker": {"size": 5}, "showlegend": False}
    traces = [
        line(days, ratios, f"{name} / naive", MEASURED, "", digits=".2f", **points),
        line(days, percents, "held by the 80 % band", MEASURED, "%", yaxis="y2", **points),
    ]
    style = {"color": BASELINE, "width": 1.5, "dash": "dash"}
    whole = {"xref": "paper", "x0": 0, "x1": 1}
    level = {"type": "line", **whole, "yref": "y", "y0": 1, "y1": 1, "line": style}
    wanted = {
        "type": "rect", **whole, "yref": "y2", "y0": low, "y1": high,
        "fillcolor": "rgba(124,135,145,0.25)", "line": {"width": 0},
    }  # fmt: skip
    if not days:
        hidden, said = {"visible": False}, _over("not scored yet", 1)
        layout = {**TRANSPARENT, "xaxis": hidden, "yaxis": hidden, "annotations": [said]}
        return {"data": [], "layout": {"margin": {"l": 8, "r": 8, "t": 22, "b": 8}, **layout}}
    return {
        "data": traces,
        "layout": {
            **TRANSPARENT,
            "margin": {"l": 44, "r": 8, "t": 22, "b": 26},
            "font": {"size": 11, "family": FONT},
            "hovermode": "x unified",
            "hoverlabel": _HOVER,
            "shapes": [level, wanted],
            "annotations": [
                _over(f"{name}: error / naive's, below 1 is better", 1),
                _over("in its 80 % band [%]: grey is as it should be", 0.42),
            ],
            "xaxis": {
                "type": "date", "tickformat": "%d %b", "hoverformat": "%a %d %b", "anchor": "y2",
                "dtick": _DAY_MS * math.ceil(len(days) / _DAY_TICKS),
            },
            "yaxis": {"domain": [0.58, 1], "nticks": 4, "rangemode": "tozero"},
            "yaxis2": {"domain": [0, 0.42], "nticks": 4, "range": [_held_from(percents), 102]},
            "uirevision": "kept",
        },
    }  # fmt: skip


_DAY_MS: Final = 86_400_000
_DAY_TICKS: Final = 5
"""At most so many days are named on an axis."""


def _held_from(held: list[float | None]) -> float:
    """Where the axis of coverages begins [%]: below the wanted range and below every day's."""
    return min([50.0, *(value - 5 for value in held if value is not None)])


def _over(text: str, top: float) -> dict[str, Any]:
    """A title over a part of a chart that begins at `top` of it."""
    return {
        "text": text, "x": 0, "xref": "paper", "xanchor": "left", "y": top, "yref": "paper",
        "yanchor": "bottom", "showarrow": False, "font": {"size": 11},
    }  # fmt: skip


def plan(blocks: Sequence[dict[str, Any]], zone: ZoneInfo) -> Figure:
    """The setpoints of the hours to come, block by block.

    Args:
        blocks: each with ``start`` [ISO 8601], ``hours`` and ``setpoints`` by name [degC]; in order.
        zone: the site's.
    """
    times = [datetime.fromisoformat(block["start"]) for block in blocks]
    x = fmt.axis_times(
        [*times, times[-1] + timedelta(hours=blocks[-1]["hours"])], fmt.offset_of(times[0], zone)
    )
    looks = ((MEASURED, "solid"), (TWIN, "dash"), (WHATIF, "dot"))
    traces = []
    for name, (color, dash) in zip(blocks[0]["setpoints"], looks, strict=False):
        values = numbers([fmt.display_value(block["setpoints"].get(name), "degC") for block in blocks])
        trace = line(x, [*values, values[-1]], fmt.words(name), color, fmt.degree(), dash=dash, digits=".1f")
        traces.append({**trace, "line": {**trace["line"], "shape": "hv"}})
    shape = layout(times[0], zone, showlegend=True)
    shape["yaxis"] = {"title": {"text": fmt.degree(), "font": {"size": 12}}, "nticks": 5}
    return {"data": traces, "layout": shape}
