"""The tour: a panel above every page that the browser fills; offered on the first look at a demonstration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dash import ClientsideFunction, Input, Output, html

from ui.callbacks import VIEW_STORE
from ui.components.panel import labelled

if TYPE_CHECKING:
    from dash import Dash

    from ui.data import Source


def panel(source: Source) -> html.Section:
    """Empty; it covers nothing and comes and goes by itself."""
    found = html.Section(id="tour", className="tour", hidden=True)
    setattr(found, "data-offer", "yes" if source.context.site.site.simulated else "no")
    return labelled(found, label="Tour")


def register(app: Dash) -> None:
    """It looks where it is whenever the page changes."""
    app.clientside_callback(
        ClientsideFunction("tour", "looked"), Output("tour", "title"), Input(VIEW_STORE, "data")
    )
