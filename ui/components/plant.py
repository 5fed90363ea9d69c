"""The plant at a glance: where the power goes, and how warm the racks are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dash import html

from ui import format as fmt
from ui.components.panel import empty, labelled, table

if TYPE_CHECKING:
    from core.limits import AirEnvelope
    from ui.data.live import Part, Rack

SHADES: Final = 6
"""How many greys the style sheet has for the parts."""
_SUM: Final = "Facility"


def power_parts(parts: tuple[Part, ...], reason: str) -> list[html.Div | html.P]:
    """A bar of the parts and the table beneath it, which adds up to the facility's power."""
    if not parts:
        return [empty(f"Not shown: {reason}.")]
    whole = sum(part.power_w for part in parts)
    shown = [max(part.power_w, 0.0) for part in parts]
    bar = [
        html.Span(
            className=_shade(i, part),
            style={"width": f"{fmt.fixed(100 * size / sum(shown), 2)}%"},
            title=f"{part.name} {fmt.quantity(part.power_w, 'W')}",
        )
        for i, (part, size) in enumerate(zip(parts, shown, strict=True))
    ]
    rows = [
        (
            [html.Span(className=f"swatch {_shade(i, part)}"), part.name],
            fmt.fixed(fmt.kw(part.power_w), 1),
            fmt.percent(part.power_w / whole, 1),
        )
        for i, part in enumerate(parts)
    ]
    rows.append(([_SUM], fmt.fixed(fmt.kw(whole), 1), fmt.percent(1.0, 1)))
    text = ", ".join(f"{part.name} {fmt.quantity(part.power_w, 'W')}" for part in parts)
    return [
        labelled(html.Div(bar, className="stackbar", role="img"), label=text),
        table(("Part", "kW", "of facility"), rows, numeric=(1, 2), total=True),
    ]


def _shade(index: int, part: Part) -> str:
    return f"shade-{index % SHADES}" if part.metered else "shade-rest"


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
