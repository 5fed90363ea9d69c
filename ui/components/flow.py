"""Where the power goes: bands from the facility to what draws its power, the unaccounted among them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dash import html

from ui import format as fmt
from ui.components.panel import empty
from ui.components.spark import data_uri

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ui.components.panel import Child
    from ui.data.live import Part

ROW_PX: Final = 27
"""A part is never lower than its text [px]."""
WHOLE_PX: Final = 130
"""Thickness of the facility's whole power [px]."""
_FILL: Final = "#7C8791"
_WIDTH: Final = 100


def flow(parts: tuple[Part, ...], reason: str) -> Child:
    """The facility's power on the left, its parts on the right, each as thick as its share."""
    if not parts:
        return empty(f"Not shown: {reason}.")
    whole = sum(part.power_w for part in parts)
    thick = [WHOLE_PX * max(part.power_w, 0.0) / whole for part in parts]
    heights = [max(px, ROW_PX) for px in thick]
    rows = [
        html.Div(
            [
                html.Span(part.name, className="what"),
                html.Span(fmt.quantity(part.power_w, "W"), className="much"),
                html.Span(fmt.percent(part.power_w / whole, 1), className="share"),
            ],
            className="part" if part.metered else "part rest",
            style={"height": f"{height:.0f}px"},
            title="" if part.metered else _rest(part.power_w),
        )
        for part, height in zip(parts, heights, strict=True)
    ]
    picture = bands(thick, heights, [part.metered for part in parts])
    left = html.Div([html.Div("Facility"), html.B(fmt.quantity(whole, "W"))], className="whole")
    image = html.Img(src=data_uri(picture), alt="", style={"height": f"{sum(heights):.0f}px"})
    return html.Div([left, image, html.Div(rows)], className="flow")


def _rest(power_w: float) -> str:
    if power_w < 0:
        return "The parts' meters say more than the facility's."
    return "The facility draws it, and no other meter says for what."


def bands(thick: Sequence[float], heights: Sequence[float], metered: Sequence[bool]) -> str:
    """The bands as SVG, stretched to the width that there is.

    Args:
        thick: by part, how thick its band is [px].
        heights: by part, how high its row is [px].
        metered: by part, whether a meter says so; others are drawn dashed and pale.
    """
    total = sum(heights)
    left, top, shapes = (total - sum(thick)) / 2, 0.0, []
    for px, height, known in zip(thick, heights, metered, strict=True):
        right = top + (height - px) / 2
        path = (
            f"M0,{left:.1f} C50,{left:.1f} 50,{right:.1f} {_WIDTH},{right:.1f} V{right + px:.1f}"
            f" C50,{right + px:.1f} 50,{left + px:.1f} 0,{left + px:.1f} Z"
        )
        look = 'fill-opacity="0.55"' if known else 'fill-opacity="0.2" stroke-dasharray="4 3"'
        edge = "" if known else f' stroke="{_FILL}" vector-effect="non-scaling-stroke"'
        if px > 0:
            shapes.append(f'<path d="{path}" fill="{_FILL}" {look}{edge}/>')
        left, top = left + px, top + height
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {total:.1f}"'
        f' preserveAspectRatio="none">{"".join(shapes)}</svg>'
    )
