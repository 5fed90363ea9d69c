"""Connect a sensor: what comes, which point it is, what the value would be, and the line in site.toml."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import dash_mantine_components as dmc
from dash import Input, Output, State, ctx, dcc, html, no_update

from core.errors import InputError
from core.points import CATALOGUE, point_type
from core.site_edit import block
from core.units import units_for
from ui import connecting, listening, rereading, view
from ui import format as fmt
from ui.access import auth
from ui.callbacks import VIEW_STORE, callback
from ui.components.panel import denied, empty, panel, table
from ui.connecting import CODECS, PERMISSION, Form
from ui.data import quality, status
from ui.page import Page

if TYPE_CHECKING:
    from dash import Dash

    from ui.components.panel import Child
    from ui.data import Source
    from ui.page import Live

FIELDS: Final = ("topic", "codec", "name", "asset", "point", "unit")
"""Of the form, in the order of `Form`."""
SHOWN_CHARS: Final = 160
"""How much of a payload is shown [characters]."""
NOT_MAPPED: Final = "is not mapped in site.toml"
"""In the reason of a message that no mapping takes."""


def layout(source: Source) -> list[Child]:
    """The page."""
    return [
        html.H1("Connect a sensor", className="sr"),
        html.Div(
            [
                html.Div(
                    [
                        panel(
                            "1 · What comes",
                            html.Div(
                                [
                                    html.Button("Listen for a minute", id="connect-listen", className="btn"),
                                    html.Span(id="connect-listening", className="note", role="status"),
                                ],
                                className="row",
                            ),
                            html.Div(id="connect-heard"),
                            note="every topic of the broker; choose one to map it",
                        ),
                        panel(
                            "Seen before and not mapped",
                            html.Div(id="connect-unmapped"),
                            note="by ingest, newest first",
                        ),
                    ],
                    className="span-7 stack",
                ),
                html.Div(
                    [
                        panel("2 · Which point it is", _form(source)),
                        panel(
                            "3 · What the value would be",
                            html.Div(id="connect-preview", role="status"),
                            html.Pre(id="connect-lines"),
                            html.Div(
                                [
                                    html.Button(
                                        "Write it into site.toml",
                                        id="connect-write",
                                        className="btn primary",
                                        disabled=True,
                                    ),
                                    html.Button(
                                        "Read refused messages again",
                                        id="connect-reread",
                                        className="btn",
                                        disabled=True,
                                    ),
                                ],
                                className="buttons",
                            ),
                            html.Div(id="connect-result", className="result", role="status"),
                            html.Div(id="connect-reread-said", className="note", role="status"),
                        ),
                    ],
                    className="span-5 stack",
                ),
            ],
            className="grid",
        ),
    ]


def _form(source: Source) -> html.Div:
    assets = [
        {"value": asset.id, "label": f"{asset.label or asset.id} ({asset.id})"}
        for asset in source.context.site.assets
    ]
    points: Any = [
        {"value": kind.name, "label": f"{kind.label} [{kind.unit}], {kind.role}"}
        for kind in sorted(CATALOGUE.values(), key=lambda kind: kind.label.lower())
    ]
    codecs: Any = [{"value": name, "label": label} for name, label in CODECS.items()]
    kept = {"debounce": 300, "size": "sm"}
    fields = {
        "topic": dmc.TextInput(id="connect-topic", label="Topic", value="", **kept),
        "codec": dmc.Select(id="connect-codec", label="Dialect", data=codecs, size="sm", value="bare"),
        "name": dmc.Autocomplete(
            id="connect-name",
            label="Name in the message",
            description="for dialects with many values in one message",
            data=[],
            value="",
            **kept,
        ),
        "asset": dmc.Select(id="connect-asset", label="Asset", data=assets, searchable=True, size="sm"),
        "point": dmc.Select(
            id="connect-point", label="Point and role", data=points, searchable=True, size="sm"
        ),
        "unit": dmc.Select(
            id="connect-unit",
            label="Unit that the device sends",
            description="empty: what the message says, or the unit in brackets",
            data=[],
            clearable=True,
            size="sm",
        ),
    }
    return html.Div(list(fields.values()), className="connect-form")


def register(app: Dash, source: Source) -> None:
    """The form follows the address; what it would mean follows the form."""
    fields = [f"connect-{name}" for name in FIELDS]

    @callback(
        app,
        source,
        "view",
        *[Output(f"connect-{name}", "value") for name in ("topic", "codec", "name")],
        Input(VIEW_STORE, "data"),
    )
    def fill(_: Any) -> tuple[Any, Any, Any]:
        return chosen(source)

    @callback(
        app,
        source,
        "view",
        Output("connect-name", "data"),
        Output("connect-unit", "data"),
        Output("connect-preview", "children"),
        Output("connect-lines", "children"),
        Output("connect-write", "disabled"),
        Output("connect-write", "title"),
        *[Input(field, "value") for field in fields],
        Input("connect-listening", "children"),
    )
    def show(*given: Any) -> tuple[Any, ...]:
        return shown(source, Form.of(*given[: len(FIELDS)]))

    @callback(
        app,
        source,
        PERMISSION,
        Output("connect-result", "children"),
        Input("connect-write", "n_clicks"),
        Input("connect-reread", "n_clicks"),
        Input("connect-listen", "n_clicks"),
        *[State(field, "value") for field in fields],
        prevent_initial_call=True,
    )
    def act(_w: Any, _r: Any, _l: Any, *given: Any) -> Any:
        return acted(source, str(ctx.triggered_id), Form.of(*given))


def chosen(source: Source) -> tuple[Any, Any, Any]:
    """Topic, dialect and name as the address has them; the dialect is guessed where it has none."""
    more = (seen.more if (seen := view.current()) else {}) or {}
    topic, name, codec = (more.get(key, "") for key in ("topic", "name", "codec"))
    if not topic:
        return no_update, no_update, no_update
    return topic, codec if codec in CODECS else connecting.guess(topic, payload_of(source, topic)), name


def shown(source: Source, form: Form) -> tuple[Any, ...]:
    """Names to choose from, units, what the value would be, the lines, and whether they may be written."""
    site, now = source.context.site, source.now
    payload = payload_of(source, form.topic)
    names = connecting.names(site, form, payload, now)
    units = list(units_for(point_type(form.point).quantity)) if form.point in CATALOGUE else []
    dead, why = not auth.user().may(PERMISSION), auth.denied(PERMISSION)
    try:
        ok, said = connecting.preview(site, form, payload, now)
        lines = block(connecting.wanted(site, form))
    except InputError as error:
        missing = not all((form.topic, form.asset, form.point))
        said = "Choose a topic, an asset and a point." if missing else fmt.sentence(f"{error}")
        return names, units, html.P(said, className="note"), "", True, why if dead else said
    if not payload and form.name:
        text = example_of(source, form)
        said = connecting.example(form, text) or said
    look = "notice" if ok else "notice p3"
    part = html.P([html.Span("" if ok else "▲ "), fmt.sentence(said)], className=look)
    return names, units, part, lines, dead, why if dead else ""


def payload_of(source: Source, topic: str) -> bytes:
    """The newest message of a topic that was heard here, or that was refused; nothing where none was."""
    heard = next((one for one in listening.state(source).heard() if one.topic == topic), None)
    if heard is not None:
        return heard.payload if heard.whole else b""
    if not topic:
        return b""
    rows = source.rows("ui_connect_refused", topic=topic)
    return bytes(rows[0]["payload"]) if rows else b""


def example_of(source: Source, form: Form) -> str:
    """The newest value that ingest saw under a name."""
    found = (u.example for u in status.unmapped(source) if (u.topic, u.name) == (form.topic, form.name))
    return next(found, "")


def acted(source: Source, pressed: str, form: Form) -> Any:
    """What came of a press of a button."""
    if pressed == "connect-listen":
        return listening.start(source)
    if pressed == "connect-reread":
        rereading.start(source, form.topic)
        return ""
    return connecting.write(source, form)[1]


def live(source: Source) -> Live:
    """What is heard, what was seen before, and how far things are."""
    may = auth.user().may(PERMISSION)
    return {
        ("connect-heard", "children"): partial(heard_table, source),
        ("connect-listening", "children"): lambda: listening_said(source),
        ("connect-unmapped", "children"): partial(unmapped_table, source),
        ("connect-listen", "disabled"): lambda: not may or listening.state(source).busy,
        ("connect-listen", "title"): lambda: "" if may else auth.denied(PERMISSION),
        ("connect-reread", "disabled"): lambda: not may or rereading.state(source).busy,
        ("connect-reread", "title"): lambda: "" if may else auth.denied(PERMISSION),
        ("connect-reread-said", "children"): lambda: rereading.said(source),
    }


def listening_said(source: Source) -> str:
    """How the listening goes."""
    found = listening.state(source)
    if not found.begun:
        return "Nothing is sent: it only listens, and ends by itself."
    much = f"{fmt.count(found.messages, 'message')} on {fmt.count(len(found.topics), 'topic')}"
    if found.left_out:
        much += f"; {found.left_out} on more topics than the {listening.TOPICS_MAX} that are kept"
    if found.problem:
        return f"▲ {found.problem}"
    return f"Listening, {found.left_s:.0f} s left: {much}." if found.busy else f"It is over: {much}."


def heard_table(source: Source) -> Child:
    """The topics that were heard, as text."""
    if not auth.user().may(PERMISSION):
        return denied(auth.denied(PERMISSION))
    found = listening.state(source).heard()
    if not found:
        return empty("Nothing was listened to yet." if not listening.state(source).begun else "Nothing yet.")
    rows = [
        (
            one.topic,
            html.Code(as_text(one.payload)),
            fmt.fixed(one.count, 0),
            _link(topic=one.topic),
        )
        for one in found
    ]
    return table(("Topic", "Newest message", "Messages", ""), rows, numeric=(2,))


def as_text(payload: bytes) -> str:
    """The beginning of a payload, whatever it is."""
    text = payload[: 4 * SHOWN_CHARS].decode("utf-8", "backslashreplace")
    plain = "".join(sign if sign.isprintable() else "·" for sign in text)
    return plain if len(plain) <= SHOWN_CHARS else f"{plain[: SHOWN_CHARS - 1]}…"


def unmapped_table(source: Source) -> Child:
    """Names within messages, and topics, that ingest has seen and nobody has mapped."""
    now, zone = source.now, source.zone
    named = [
        (u.topic, u.name, CODECS.get(u.codec, u.codec), u.example, u.last_at,
         _link(topic=u.topic, name=u.name, codec=u.codec))
        for u in status.unmapped(source)
    ]  # fmt: skip
    topics = [
        (r.topic, "", "", "", r.last_at, _link(topic=r.topic))
        for r in quality.refused(source)
        if NOT_MAPPED in r.reason or "catalogue" in r.reason
    ]
    rows = [
        (topic, name, codec, example, fmt.clock_time(at, zone, now), link)
        for topic, name, codec, example, at, link in named + topics
    ]
    if not rows:
        return empty("Everything that ingest has heard is mapped.")
    return table(("Topic", "Name", "Dialect", "Newest value", "Last", ""), rows)


def _link(**chosen: str) -> dcc.Link:
    return dcc.Link("Choose", href=f"/connect?{urlencode(chosen)}")


PAGE: Final = Page(
    "/connect", "Connect a sensor", layout, register, live, frozenset({"topic", "name", "codec"})
)
