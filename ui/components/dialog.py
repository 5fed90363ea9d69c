"""The question before something happens: what it is about, why, and two buttons, the safe one first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import dash_mantine_components as dmc
from dash import html

if TYPE_CHECKING:
    from ui.components.panel import Child

_WIDTH_PX: Final = 520


def modal(prefix: str, *content: Child, title: str = "", confirm: str = "Confirm") -> dmc.Modal:
    """A dialog, closed.

    Args:
        prefix: what the ids begin with: ``-dialog``, ``-cancel`` and ``-confirm`` follow.
        content: what is asked.
        title: what stands above it, where it is always the same.
        confirm: what the button that does it says.
    """
    buttons = [
        html.Button("Cancel", id=f"{prefix}-cancel", className="btn"),
        html.Button(confirm, id=f"{prefix}-confirm", className="btn primary"),
    ]
    return dmc.Modal(
        [*content, html.Div(buttons, className="buttons")],
        id=f"{prefix}-dialog",
        title=title,
        size=_WIDTH_PX,
        transitionProps={"duration": 0},
        closeButtonProps={"aria-label": "Close"},
    )


def why(prefix: str) -> dmc.Textarea:
    """The reason, which goes on record."""
    return dmc.Textarea(id=f"{prefix}-reason", label="Why?", autosize=True, minRows=2)


def outcome(element: str) -> html.Div:
    """Where what came of it is said."""
    return html.Div(id=element, className="result", role="status")
