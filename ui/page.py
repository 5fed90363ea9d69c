"""What a page is: where, what it shows, what of it is alive."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dash import Dash

    from ui.components.panel import Child
    from ui.data import Source

Live = Mapping[tuple[str, str], Callable[[], Any]]
"""By element id and property, what makes its value; one that raises makes an error state of its own."""


def nothing(app: Dash, source: Source) -> None:
    """For a page without callbacks of its own."""
    del app, source


def still(source: Source) -> Live:
    """For a page of which nothing changes by itself."""
    del source
    return {}


@dataclass(frozen=True, slots=True)
class Page:
    """One page: a file in `ui/pages` makes one of these."""

    path: str
    """Where it is, e.g. ``/forecast``."""
    name: str
    """What the navigation calls it."""
    layout: Callable[[Source], Child]
    """Makes its content, in the reader's view."""
    register: Callable[[Dash, Source], None] = nothing
    """Registers its callbacks, with `ui.callbacks.callback`."""
    live: Callable[[Source], Live] = still
    """What every poll brings; what has not changed is not sent."""
    keys: frozenset[str] = frozenset()
    """Parameters of its own in the address: a selection, a scenario."""
    permission: str = "view"
    """Who may see it."""

    @property
    def link_id(self) -> str:
        """Element id of its link in the navigation."""
        return f"nav-{self.path.strip('/') or 'live'}"
