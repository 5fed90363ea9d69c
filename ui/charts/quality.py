"""The chart of one point over time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from ui import figures
from ui import format as fmt
from ui.data.quality import thin

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from ui.data.quality import Trend

SHOWN_MAX: Final = 1000
"""About so many values are sent to the browser."""
BAD_MAX: Final = 200
"""At most so many bad readings are marked, the newest."""
SINGLE_MAX: Final = 120
"""So few values are shown as dots as well."""
BAD_INK: Final = "#C8102E"


def trend(found: Trend, zone: ZoneInfo) -> figures.Figure:
    """One point: a line that stops at gaps, crosses where a reading is marked bad.

    The time axis is at the offset in force at the end of the period, and says so.
    """
    offset = fmt.offset_of(found.end, zone)
    unit, indices = fmt.display_unit(found.unit), thin(found, SHOWN_MAX)
    x = [_x(float(found.times_s[i]), offset) if i is not None else None for i in indices]
    y = [fmt.display_value(float(found.values[i]), found.unit) if i is not None else None for i in indices]
    mode = "lines+markers" if len(indices) <= SINGLE_MAX else "lines"
    style = {"mode": mode, "marker": {"size": 4}, "connectgaps": False, "showlegend": True}
    name = f"{found.label}, measured"
    traces = [figures.line(x, y, name, figures.MEASURED, unit, digits=".4~g", **style)]  # type: ignore[arg-type]  # a gap has no time
    if len(found.bad[0]):
        traces.append(_bad(found, offset, unit))
    shape = figures.layout(found.end, zone, showlegend=True)
    ends = [found.start, found.end]
    shape["xaxis"]["range"] = fmt.axis_times(ends, offset)
    shape["yaxis"] = {"title": {"text": f"[{unit}]" if unit else "", "font": {"size": 12}}, "nticks": 7}
    shape["uirevision"] = f"{found.ref} {found.start} {found.end}"
    return {"data": traces, "layout": shape}


def _bad(found: Trend, offset: timedelta, unit: str) -> figures.Trace:
    times, values = (part[-BAD_MAX:].tolist() for part in found.bad)
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "marked bad",
        "x": [_x(time, offset) for time in times],
        "y": [fmt.display_value(value, found.unit) for value in values],
        "marker": {"symbol": "x", "size": 9, "color": BAD_INK},
        "hovertemplate": f"%{{y:.4~g}} {unit}, not used in any calculation".strip(),
    }


def _x(time_s: float, offset: timedelta) -> str:
    return fmt.axis_times([datetime.fromtimestamp(time_s, UTC)], offset)[0]
