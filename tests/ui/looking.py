"""Pages as somebody sees them: signed in, in a view, without a browser."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from flask import Flask, g
from plotly.utils import PlotlyJSONEncoder

from ui import poll, view
from ui.access import auth

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ui.data import Source
    from ui.page import Page


@contextmanager
def acting(name: str = "Ann", role: str = "engineer") -> Iterator[None]:
    """A request of somebody who is signed in; without a name, of a guest."""
    with Flask(__name__).test_request_context():
        g.joulecast_user = auth.User(name, auth.Role(role)) if name else auth.GUEST
        yield


def seen(source: Source, page: Page, search: str = "") -> dict[tuple[str, str], Any]:
    """All that a poll brings, by element and property."""
    source.forget_all()
    with view.use(view.parse(search, source.context.site, page.keys)):
        return {(one.element, one.prop): one.value for one in poll.made(source, page)}


def text(component: Any) -> str:
    """What a reader sees, cell by cell."""
    found: list[str] = []

    def walk(part: Any) -> None:
        if isinstance(part, dict):
            walk(part.get("props", {}).get("children"))
        elif isinstance(part, list):
            for child in part:
                walk(child)
        elif part is not None:
            found.append(str(part))

    walk(json.loads(json.dumps(component, cls=PlotlyJSONEncoder)))
    return " | ".join(found)
