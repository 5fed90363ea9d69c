"""The plant at a glance: how warm the racks are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dash import html

from ui import format as fmt

if TYPE_CHECKING:
    from core.limits import AirEnvelope
    from ui.data.live import Rack


def rack_strip(racks: tuple[Rack, ...], envelope: AirEnvelope) -> list[html.Div]:
    """One cell a rack: temperature, and how far it is between the recommended low and high."""
    return [html.Div([_rack(rack, envelope) for rack in racks], className="racks")]


def _rack(rack: Rack, envelope: AirEnvelope) -> html.Div:
    value_c = rack.inlet.value
    low, high = envelope.recommended_low_c, envelope.recommended_high_c
    filled = 0.0 if value_c is None else min(max((value_c - low) / (high - low), 0.0), 1.0)
    mark, look = "", "rack"
    if value_c is not None and value_c > envelope.allowable_high_c:
        mark, look = "◆ ", "rack critical"
    elif value_c is not None and value_c > high:
        mark, look = "▲ ", "rack hot"
    return html.Div(
        [
            html.Div(rack.name, className="name", title=rack.name),
            html.Div(mark + fmt.temperature(value_c), className="temp"),
            html.Div(html.Span(style={"width": f"{filled:.0%}"}), className="meter"),
        ],
        className=look,
        title=rack.inlet.reason,
    )
