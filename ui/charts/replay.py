"""A replayed day as lanes: facility power, facility over IT, warmest inlet; all on one axis of time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ui import figures
from ui import format as fmt
from ui.figures import MEASURED, TRANSPARENT, TWIN, TWIN_BAND, WHATIF

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from core.series import Floats
    from ui.data.player import Played, Row
    from ui.figures import Figure, Trace

LOOKS: Final = {"measured": (MEASURED, "solid"), "twin": (TWIN, "dot"), "alternative": (WHATIF, "dashdot")}
NAMES: Final = {
    "measured": "measured",
    "twin": "twin as operated (simulated)",
    "alternative": "alternative (simulated)",
}
BAND: Final = "twin's error, 19 of 20"
LANES: Final = (
    ("facility_kw", "y", (0.66, 1.0)),
    ("power_ratio", "y2", (0.35, 0.60)),
    ("inlet_c", "y3", (0.0, 0.29)),
)
"""Row, its axis and where on the chart it stands."""
TITLES: Final = {"facility_kw": "facility [kW]", "power_ratio": "facility / IT", "inlet_c": "inlet"}
DIGITS: Final = {"facility_kw": 1, "power_ratio": 4, "inlet_c": 2}
TICK_H: Final = 3
"""Hours between two names on the axis of a day on which the clocks change."""
_MS: Final = 1000.0
_LAST: Final = 1100
"""Where the band stands in the legend: behind the lines."""


def blank() -> Figure:
    """Nothing yet; the chart that takes its place keeps the element."""
    hidden = {"visible": False}
    return {"data": [], "layout": {**TRANSPARENT, "xaxis": hidden, "yaxis": hidden}}


def lanes(played: Played, zone: ZoneInfo) -> Figure:
    """The day; the cursor is laid over it by the browser.

    Args:
        played: the day's steps.
        zone: of the reader.
    """
    offset = fmt.offset_of(played.start, zone)
    x = {"x0": fmt.axis_times([played.start], offset)[0], "dx": played.step.total_seconds() * _MS}
    traces: list[Trace] = []
    for key, axis, _ in LANES:
        traces += _lane(played.row(key), axis, x)
    shape = figures.layout(played.start, zone, hovermode="x unified")
    end = played.start + played.step * played.count
    shape["xaxis"] |= {"range": fmt.axis_times([played.start, end], offset), "anchor": "y3"}
    shape["xaxis"] |= _names(played, zone, offset, end - played.start)
    for key, axis, domain in LANES:
        title = TITLES[key] if key != "inlet_c" else f"{TITLES[key]} [{fmt.degree()}]"
        shape[f"yaxis{axis[1:]}"] = {
            "domain": list(domain),
            "title": {"text": title, "font": {"size": 12}},
            "nticks": 5,
        }
    shape["yaxis2"]["tickformat"] = ".3f"
    limit = fmt.display_value(played.limit_c, "degC")
    style = {"color": figures.BASELINE, "width": 1, "dash": "dash"}
    shape["shapes"] = [
        {
            "type": "line",
            "xref": "paper",
            "x0": 0,
            "x1": 1,
            "yref": "y3",
            "y0": limit,
            "y1": limit,
            "line": style,
        }
    ]
    shape["uirevision"] = f"{played.day} {zone.key} {fmt.degree()}"
    shape["margin"] = {**shape["margin"], "l": 64}
    return {"data": traces, "layout": shape}


def _lane(row: Row, axis: str, x: dict[str, Any]) -> list[Trace]:
    """The lines of a row, and the band of the twin's error."""
    traces: list[Trace] = []
    more = {"yaxis": axis, "showlegend": row.key == "facility_kw"}
    unit, places = row.unit_shown, max(row.places, 1)

    def values(of: Floats) -> list[float | None]:
        return figures.numbers(np.round(row.shown(of), DIGITS[row.key]))

    if row.error is not None:
        twin, edge = row.lanes["twin"], {"color": TWIN_BAND, "width": 0}
        plain = {
            "type": "scatter",
            "mode": "lines",
            "line": edge,
            "hoverinfo": "skip",
            "legendgroup": BAND,
            **x,
        }
        low = {**plain, "y": values(twin - row.error), "yaxis": axis, "showlegend": False, "name": BAND}
        high = {
            **plain,
            "y": values(twin + row.error),
            "fill": "tonexty",
            "fillcolor": TWIN_BAND,
            "name": BAND,
        }
        traces += [low, {**high, **more, "legendrank": _LAST}]
    for lane, (color, dash) in LOOKS.items():
        if lane in row.lanes:
            trace = figures.line(
                [], values(row.lanes[lane]), NAMES[lane], color, unit, dash=dash, digits=f".{places}f",
                legendgroup=lane, **more,
            )  # fmt: skip
            del trace["x"]
            traces.append({**trace, **x})
    return traces


def _names(played: Played, zone: ZoneInfo, offset: timedelta, span: timedelta) -> dict[str, Any]:
    """Names on the axis of a day on which the reader's clocks change: what the clock shows, on both sides.

    All other days have none of their own: one offset is right for all of the day.
    """
    ends = [fmt.offset_of(at, zone) for at in (played.start, played.start + span - played.step)]
    if ends[0] == ends[1]:
        return {}
    hours = range(0, int(span / timedelta(hours=1)) + 1, TICK_H)
    times = [played.start + timedelta(hours=hour) for hour in hours]
    local = [time.astimezone(zone) for time in times]
    said = f"{zone.key}; the clocks change: a day of {span / timedelta(hours=1):g} h"
    return {
        "tickvals": fmt.axis_times(times, offset),
        "ticktext": [f"{time:%H:%M}<br>{time:%Z}" for time in local],
        "hoverformat": f"%H:%M ({fmt.offset_name(offset)})",
        "title": {"text": said, "font": {"size": 11}, "standoff": 8},
    }
