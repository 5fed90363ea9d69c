"""The first page's chart: power ratio, IT and cooling power, what is to come, and what happened meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final

from ui import figures
from ui import format as fmt

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from core.series import Series
    from ui.data.forecast import Forecast
    from ui.figures import Figure, Trace

MARKS: Final = {
    "setpoint": ("setpoint changed", "diamond-open", figures.BASELINE),
    "alarm": ("alarm", "triangle-up", "#E87722"),
    "advice": ("advice accepted", "circle", figures.BASELINE),
}
"""By kind: what the legend says, shape, colour; only an alarm has one that stands out."""
STRIP: Final = (0.555, 0.605)
"""Where the marks are, between the two parts of the chart [1]."""
_MARK_PX: Final = 9


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened."""

    at: datetime
    kind: str
    """One of `MARKS`."""
    said: str
    """In words, as text."""


def chart(
    measured: tuple[Series, Series, Series],
    forecasts: tuple[Forecast | None, Forecast | None],
    marks: Sequence[Mark],
    now: datetime,
    until: datetime,
    zone: ZoneInfo,
) -> Figure:
    """The chart.

    Args:
        measured: means of facility, IT and cooling power [W].
        forecasts: newest ones of IT and of cooling power.
        marks: what happened.
        now: plant's time.
        until: right end of the axis.
        zone: the reader's.
    """
    figure = figures.live(*measured, forecasts, now, until, zone)
    found = [_marked(kind, [m for m in marks if m.kind == kind], now, zone) for kind in MARKS]
    figure["data"] += [trace for trace in found if trace["x"]]
    figure["layout"]["yaxis3"] = {
        "domain": list(STRIP),
        "range": [-1, 1],
        "visible": False,
        "fixedrange": True,
    }
    figure["layout"]["uirevision"] = f"{measured[1].step} {len(measured[1])}"
    return figure


def _marked(kind: str, marks: list[Mark], now: datetime, zone: ZoneInfo) -> Trace:
    name, symbol, color = MARKS[kind]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": fmt.axis_times([mark.at for mark in marks], fmt.offset_of(now, zone)),
        "y": [0 for _ in marks],
        "text": [escape(mark.said, quote=False) for mark in marks],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {
            "symbol": symbol,
            "size": _MARK_PX,
            "color": color,
            "line": {"width": 1.5, "color": color},
        },
        "yaxis": "y3",
    }
