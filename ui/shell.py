"""What surrounds every page: header, navigation, banner, routing, and the browser's own watchdog."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import dash_mantine_components as dmc
from dash import ClientsideFunction, Input, Output, State, dcc, html, no_update

from core.errors import ServiceError
from ui import format as fmt
from ui import head, hold, keys, poll, tour, view
from ui.access import auth
from ui.callbacks import VIEW_STORE, callback
from ui.components.panel import denied, failed, labelled

if TYPE_CHECKING:
    from dash import Dash

    from ui.components.panel import Child
    from ui.data import Source
    from ui.page import Page

WATCH_MS: Final = 1000
"""Time between two looks of the browser's own watchdog [ms]."""


def layout(source: Source, pages: tuple[Page, ...]) -> dmc.MantineProvider:
    """The whole document body; the page's content goes into ``page``."""
    links = [dcc.Link(page.name, href=page.path, id=page.link_id, title=keys.title(page)) for page in pages]
    menu = html.Button("Menu", id="menu", className="btn small")
    nav = html.Div(
        [menu, labelled(html.Nav([*links, keys.button()]), label="Pages")], className="nav", id="nav"
    )
    banner = html.Div(id="banner", className="banner")
    alert = html.Div(id="banner-alert", className="sr", role="alert")  # the same without its running seconds
    said = html.Div(id="view-said", className="banner calm", role="status")
    main = html.Main(
        [banner, alert, hold.notice(), tour.panel(source), said, html.Div(id="page", className="page")],
        className="main",
        id="main",
        tabIndex=-1,  # so that the way past the navigation ends here
    )
    machinery = [
        dcc.Location(id="url", refresh=False),
        dcc.Interval(id="tick", interval=poll.TICK_MS),
        dcc.Interval(id="watch", interval=WATCH_MS),
        *[dcc.Store(id=name) for name in (VIEW_STORE, "page-key", "beat", "seen")],
        hold.dialog(),
        keys.dialog(pages),
    ]
    skip = html.A("To the content", href="#main", className="skip")
    return dmc.MantineProvider(
        html.Div([skip, head.header(source), nav, main, *machinery], className="shell"),
        defaultColorScheme="auto",
    )


def register(app: Dash, source: Source, pages: tuple[Page, ...]) -> None:
    """Routing, poll, watchdog, switches of the header and HOLD."""
    hold.register(app, source)
    tour.register(app)
    poll.register(app, source, pages)
    by_path = {page.path: page for page in pages}

    @callback(
        app,
        source,
        "view",
        Output("page", "children"),
        Output("page-key", "data"),
        Output("view-said", "children"),
        Output("seen", "data", allow_duplicate=True),
        *[Output(page.link_id, prop) for page in pages for prop in ("className", "href")],
        Input(VIEW_STORE, "data"),
        State("page-key", "data"),
        prevent_initial_call=True,
    )
    def route(data: Any, was: Any) -> list[Any]:
        path = path_of(data)
        page = by_path.get(path)
        search = data.get("search") if isinstance(data, dict) else ""
        seen = view.parse(search, source.context.site, page.keys if page else frozenset())
        key = {"path": path, "of": replace(seen, more={}).key}
        content: Any = no_update
        told: Any = no_update
        if was != key:
            with view.use(seen):
                content = content_of(source, page, path)
                told = {"key": key, "of": poll.fill(source, page, content) if page else {}}
        kept = view.search_of(view.shell_part(seen))
        links = [of for p in pages for of in (_look(p, page), f"{p.path}{kept}")]
        return [content, no_update if was == key else key, " ".join(seen.problems), told, *links]

    for name, inputs, outputs in CLIENTSIDE:
        app.clientside_callback(
            ClientsideFunction("joulecast", name),
            *[Output(*of, allow_duplicate=name in DUPLICATES) for of in outputs],
            *[Input(*of) for of in inputs],
            prevent_initial_call=name in DUPLICATES,
        )


CLIENTSIDE: Final = (
    (
        "watch",
        (("watch", "n_intervals"), ("beat", "data")),
        (("banner", "children"), ("banner-alert", "children")),
    ),
    ("looked", (("url", "pathname"), ("url", "search")), ((VIEW_STORE, "data"),)),
    ("turned", (("zone-next", "n_clicks"), ("units-next", "n_clicks")), (("url", "search"),)),
    ("menu", (("menu", "n_clicks"), ("page-key", "data")), (("nav", "className"),)),
    ("themed", (("theme-next", "n_clicks"),), (("theme-next", "title"),)),
)
"""What the browser does by itself: the function in the script, its inputs, its outputs."""
DUPLICATES: Final = frozenset({"turned"})
"""Those that share their output with others."""


def _look(link: Page, page: Page | None) -> str:
    """A link's look in the navigation; pages that the reader may not see are not offered."""
    if link is page:
        return "here"
    return "" if auth.user().may(link.permission) else "not-offered"


def path_of(data: Any) -> str:
    """The path that is looked at, without a slash at its end."""
    path = data.get("path") if isinstance(data, dict) else None
    return (path if isinstance(path, str) else "/").rstrip("/") or "/"


def content_of(source: Source, page: Page | None, path: str) -> Child:
    """The page, or why there is none."""
    if page is None:
        return _not_found(path)
    if not auth.user().may(page.permission):
        return html.Div([html.H1(page.name), denied(auth.denied(page.permission))])
    try:
        return page.layout(source)
    except ServiceError as error:
        return failed(
            fmt.sentence(
                f"this page cannot be shown: {error}. It is worth a reload when the database is back."
            )
        )


def _not_found(path: str) -> html.Div:
    return html.Div(
        [
            html.H1("There is no such page"),
            html.P(f"Nothing is at {path[:80]}."),
            dcc.Link("To the first page", href="/"),
        ]
    )
