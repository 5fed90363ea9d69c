"""The one question that an open page asks every tick; the answer is what has changed and nothing else."""

from __future__ import annotations

import json
import logging
import zlib
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from dash import Input, Output, State, html, no_update, set_props
from plotly.utils import PlotlyJSONEncoder

from core.errors import JoulecastError, NotReadyError
from ui import figures, head, view
from ui.access import auth
from ui.callbacks import VIEW_STORE, callback
from ui.components.panel import empty, failed

if TYPE_CHECKING:
    from collections.abc import Callable

    from dash import Dash

    from ui.components.panel import Child
    from ui.data import Source
    from ui.page import Live, Page

log = logging.getLogger(__name__)
TICK_MS: Final = 1500
"""Time between two questions to the server [ms]."""
_KEEP_WALL_S: Final = 0.8
"""Readers of the same page within this time get the same answer [s]."""


class Made(NamedTuple):
    """One property of one element."""

    element: str
    prop: str
    value: Any
    digest: int


def register(app: Dash, source: Source, pages: tuple[Page, ...]) -> None:
    """The callback of the tick."""
    by_path = {page.path: page for page in pages}

    @callback(
        app,
        source,
        "view",
        Output("beat", "data"),
        Output("seen", "data"),
        Input("tick", "n_intervals"),
        Input("page-key", "data"),
        Input(VIEW_STORE, "data"),
        State("seen", "data"),
    )
    def poll(count: int | None, key: Any, _: Any, seen: Any) -> tuple[dict[str, Any], Any]:
        page = by_path.get(str(key["path"]) if isinstance(key, dict) and "path" in key else "")
        found = made(source, page)
        was = _told(seen, key)
        for one in found:
            if was.get(f"{one.element}.{one.prop}") != one.digest:
                set_props(one.element, {one.prop: one.value})
        now = {f"{one.element}.{one.prop}": one.digest for one in found}
        beat = {"seq": count or 0, "stale": head.stale(source), "user": auth.user().name}
        return beat, no_update if now == was else {"key": key, "of": now}


def fill(source: Source, page: Page, content: Child) -> dict[str, int]:
    """Put what is alive into a page that opens, so that it comes with its values and is drawn once.

    Returns:
        What the browser has then, as `seen` keeps it.
    """
    by_element: dict[str, list[Made]] = {}
    for one in made(source, page):
        by_element.setdefault(one.element, []).append(one)
    told: dict[str, int] = {}
    for part in html.Div(content)._traverse():  # noqa: SLF001  # Dash has no other way through a layout
        for one in by_element.pop(str(getattr(part, "id", "")), ()):
            setattr(part, one.prop, one.value)
            told[f"{one.element}.{one.prop}"] = one.digest
    return told


def made(source: Source, page: Page | None) -> list[Made]:
    """Everything alive in the header and on a page; made once for all who look at the same."""
    seen, who = view.current(), auth.user()
    kept = f"poll {page.path if page else ''} {seen.key if seen else ''} {who.name} {who.role}"

    def make() -> list[Made]:
        items = {**head.live(source), **_of_page(source, page)}
        return [one for target, of in items.items() if (one := _one(target, of)) is not None]

    found: list[Made] = source.kept(kept, _KEEP_WALL_S, make)
    return found


def _of_page(source: Source, page: Page | None) -> Live:
    if page is None or not auth.user().may(page.permission):
        return {}
    try:
        return page.live(source)
    except JoulecastError as error:
        log.warning("%s", error)
        return {}


def _one(target: tuple[str, str], make: Callable[[], Any]) -> Made | None:
    """Make one value; what goes wrong is said where the value would have been."""
    element, prop = target
    try:
        value = make()
    except JoulecastError as error:
        value = _instead(prop, _said(error), empty if isinstance(error, NotReadyError) else failed)
    except Exception:
        log.exception("%s of %s failed", prop, element)
        value = _instead(prop, "This panel failed; the reason is in the log of the ui service.", failed)
    if value is no_update:
        return None
    text = json.dumps(value, cls=PlotlyJSONEncoder, sort_keys=True)
    return Made(element, prop, value, zlib.crc32(text.encode()))


def _instead(prop: str, text: str, state: Callable[[str], Child]) -> Any:
    """What takes the place of a value, where there is room for a sentence."""
    if prop == "figure":
        return figures.said(text)
    return state(text) if prop == "children" else no_update


def _said(error: Exception) -> str:
    text = f"{error}"
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _told(seen: Any, key: Any) -> dict[str, int]:
    """What the browser has already; nothing where it is of another page."""
    if not isinstance(seen, dict) or seen.get("key") != key or not isinstance(seen.get("of"), dict):
        return {}
    return dict(seen["of"])
