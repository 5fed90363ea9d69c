"""What surrounds every page: header, navigation, banner, heartbeat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import dash_mantine_components as dmc
from dash import ClientsideFunction, Input, Output, State, dcc, html

from core.errors import ServiceError
from ui import format as fmt
from ui import hold
from ui.components.panel import labelled
from ui.data import live as live_data

if TYPE_CHECKING:
    from collections.abc import Callable

    from dash import Dash

    from ui.components.panel import Child
    from ui.data import Source

TICK_MS: Final = 1500
"""Time between two questions to the server [ms]."""
WATCH_MS: Final = 1000
"""Time between two looks of the browser's own watchdog [ms]."""
_HEAD_KEEP_WALL_S: Final = 0.8


@dataclass(frozen=True, slots=True)
class Page:
    """One page: a file in `ui/pages` makes one of these."""

    path: str
    """Where it is, e.g. ``/forecast``."""
    name: str
    """What the navigation calls it."""
    layout: Callable[[Source], Child]
    """Makes its content."""
    register: Callable[[Dash, Source], None]
    """Registers its callbacks."""


def layout(source: Source, pages: tuple[Page, ...]) -> dmc.MantineProvider:
    """The whole document body; the page's content goes into ``page``."""
    site = source.context.site.site
    head = html.Header(
        [
            html.Span("Joulecast", className="brand"),
            html.Span(site.name, className="site-name"),
            html.Span(mode(source), id="mode-badge", className=mode_class(source)),
            html.Div(
                [
                    html.Span(id="data-age", className="age"),
                    html.Span(id="plant-time", className="hide-small"),
                    html.Span(site.timezone, className="hide-small"),
                    hold.button(),
                ],
                className="right",
            ),
        ],
        className="head",
    )
    links = [dcc.Link(page.name, href=page.path, id=link_id(page)) for page in pages]
    nav = html.Div(labelled(html.Nav(links), label="Pages"), className="nav")
    banner = html.Div(id="banner", className="banner", role="alert")
    main = html.Main([banner, hold.notice(), html.Div(id="page", className="page")], className="main")
    machinery = [
        dcc.Location(id="url"),
        dcc.Interval(id="tick", interval=TICK_MS),
        dcc.Interval(id="watch", interval=WATCH_MS),
        dcc.Store(id="beat"),
        hold.dialog(),
    ]
    return dmc.MantineProvider(
        html.Div([head, nav, main, *machinery], className="shell"), defaultColorScheme="auto"
    )


def link_id(page: Page) -> str:
    """Element id of a page's link."""
    return f"nav-{page.path.strip('/') or 'live'}"


def mode(source: Source) -> str:
    """What the badge says: whether there is a plant behind the numbers, and whether its time is ours."""
    speed = source.context.clock.speed_ratio
    plant = "SIMULATED PLANT" if source.context.site.site.simulated else "LIVE"
    return plant if speed == 1 else f"{plant} · time runs {speed:g}x"


def mode_class(source: Source) -> str:
    """The badge's look: not by colour alone."""
    real = source.context.clock.speed_ratio == 1 and not source.context.site.site.simulated
    return "badge" if real else "badge demo"


def register(app: Dash, source: Source, pages: tuple[Page, ...]) -> None:
    """Routing, heartbeat, watchdog and HOLD."""
    hold.register(app, source)
    by_path = {page.path: page for page in pages}

    @app.callback(
        Output("page", "children"),
        *[Output(link_id(page), "className") for page in pages],
        Input("url", "pathname"),
    )
    def route(path: str | None) -> list[Any]:
        page = by_path.get((path or "/").rstrip("/") or "/")
        marks = ["here" if page is p else "" for p in pages]
        if page is None:
            return [_not_found(path), *marks]
        try:
            return [page.layout(source), *marks]
        except ServiceError as error:
            return [_not_there(error), *marks]

    @app.callback(
        Output("beat", "data"),
        Output("data-age", "children"),
        Output("data-age", "className"),
        Output("plant-time", "children"),
        Input("tick", "n_intervals"),
    )
    def beat(count: int | None) -> tuple[dict[str, Any], str, str, str]:
        age_s, reason = health(source)
        return (
            {"seq": count or 0, "stale": reason},
            f"data {fmt.age(age_s)} old" if age_s is not None else "no data yet",
            "age late" if age_s is None or age_s > source.late_s else "age",
            fmt.long_time(source.now, source.context.site.zone),
        )

    app.clientside_callback(
        ClientsideFunction("joulecast", "watch"),
        Output("banner", "children"),
        Input("watch", "n_intervals"),
        State("beat", "data"),
    )


def snapshot(source: Source) -> live_data.Live:
    """The plant now; read once however many browsers ask within a second."""
    found: live_data.Live = source.kept("live", _HEAD_KEEP_WALL_S, lambda: live_data.live(source))
    return found


def health(source: Source) -> tuple[float | None, str]:
    """Age of the meters' readings [s of plant time], None before the first; and what the banner says."""
    try:
        age_s = snapshot(source).data_age_s
    except ServiceError as error:
        return None, fmt.sentence(f"{error}.")
    return age_s, stale_reason(source, age_s)


def stale_reason(source: Source, age_s: float | None) -> str:
    """What the banner says of the data; nothing while they are fresh or before the first."""
    if age_s is None or age_s <= source.stale_s:
        return ""
    return f"No new reading of the power meters for {fmt.age(age_s)} of plant time: figures are withheld."


def _not_found(path: str | None) -> html.Div:
    return html.Div(
        [
            html.H1("There is no such page"),
            html.P(f"Nothing is at {path}."),
            dcc.Link("To the live page", href="/"),
        ]
    )


def _not_there(error: ServiceError) -> html.Div:
    text = f"This page cannot be shown: {error}. It is worth a reload when the database is back."
    return html.Div(html.P(text, className="empty"), role="alert")
