"""The one way to register a callback: it says which permission it takes, and answers in the reader's view."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from dash import State, ctx
from dash.exceptions import PreventUpdate
from flask import abort

from ui import view
from ui.access import auth

if TYPE_CHECKING:
    from collections.abc import Callable

    from dash import Dash

    from ui.data import Source

VIEW_STORE: Final = "view"
"""The store that holds the query string and the path of the page that is looked at."""
_SEEN: Final = "of_view"


def mapping(value: Any) -> dict[str, Any]:
    """What a store of the browser holds; empty where that is not what was put there."""
    return dict(value) if isinstance(value, dict) else {}


def callback(app: Dash, source: Source, permission: str, *args: Any, **kwargs: Any) -> Callable[..., Any]:
    """`Dash.callback` for whoever has a permission, a key of `ui.access.auth.PERMISSIONS`.

    The function is called within the view of the page that asks (`ui.view.current`). A request of somebody
    who may not is answered with 403, or 401 where signing in would help; a page shows such buttons dead.
    """
    if permission not in auth.PERMISSIONS:
        raise KeyError(permission)
    named = "inputs" in kwargs
    seen = State(VIEW_STORE, "data")
    if named:
        kwargs["inputs"] = {**kwargs["inputs"], _SEEN: seen}
    else:
        args = (*args, seen)

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def answer(*given: Any, **more: Any) -> Any:
            if not auth.user().may(permission):
                if not any(told["value"] for told in ctx.triggered):
                    raise PreventUpdate  # the page has only opened; nobody has pressed anything
                abort(401 if auth.user().role is auth.Role.GUEST else 403, auth.denied(permission))
            data = more.pop(_SEEN) if named else given[-1]
            values = given if named else given[:-1]
            with view.use(view.from_store(data, source.context.site)):
                return function(*values, **more)

        answer.permission = permission  # type: ignore[attr-defined]  # a test enumerates them
        app.callback(*args, **kwargs)(answer)
        return function

    return register
