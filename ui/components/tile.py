"""A figure an operator can read from across the room."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import html

from core.errors import ServiceError
from ui import format as fmt
from ui.components.panel import labelled

if TYPE_CHECKING:
    from collections.abc import Callable

    from ui.components.panel import Child


def tile(tile_id: str, label: str) -> html.Div:
    """An empty tile: the page's callback fills `tile_id` (the value) and ``<tile_id>-sub`` (what it is)."""
    return html.Div(
        [
            html.Div(label, className="label", id=f"{tile_id}-label"),
            labelled(html.Div(id=tile_id, className="value", role="group"), labelledby=f"{tile_id}-label"),
            html.Div(id=f"{tile_id}-sub", className="sub"),
        ],
        className="tile",
    )


def quiet(make: Callable[[], Any], instead: Child = fmt.NOTHING) -> Callable[[], Any]:
    """A part of a tile that is made without a word of what went wrong: that stands beneath the value."""

    def made() -> Any:
        try:
            return make()
        except ServiceError:
            return instead

    return made


def value(text: str, unit: str) -> list[Child]:
    """The content of a tile: number and unit apart, so that the number stands out."""
    return [text, html.Span(unit, className="unit")]
