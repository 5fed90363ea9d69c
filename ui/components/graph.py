"""The one way to put a chart on a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dash import dcc

if TYPE_CHECKING:
    from ui.figures import Figure

GRAPH_CONFIG: Final[Any] = {
    "showSendToCloud": False,  # plotly 7 offers to upload the figure to a cloud; an operator system must not
    "plotlyServerURL": "",
    "displaylogo": False,
    "responsive": True,
    "modeBarButtonsToRemove": ["lasso2d", "select2d", "autoScale2d"],
}


def graph(graph_id: str | dict[str, str], figure: Figure, height_px: int = 320) -> dcc.Graph:
    """A chart that sends nothing anywhere.

    Args:
        graph_id: element id, or what it is called where there are several of its kind.
        figure: as `ui.figures` makes it.
        height_px: height on the page [px].
    """
    return dcc.Graph(
        id=graph_id,
        figure=figure,
        config=GRAPH_CONFIG,
        style={"height": f"{height_px}px"},
        responsive=True,
    )
