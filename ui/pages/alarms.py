"""Alarms: what asks for somebody, what to do about it, what is put aside, and how well the alarms do."""

from __future__ import annotations

from datetime import timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final

import dash_mantine_components as dmc
from dash import ALL, ClientsideFunction, Input, Output, State, ctx, dcc, html, no_update

from core.alarms import ALARM, ASKING, WITHHELD, Verb
from core.alarms import State as Stands
from ui import actions, view
from ui import format as fmt
from ui.access import auth
from ui.callbacks import callback, mapping
from ui.components import alarms as parts
from ui.components.dialog import modal, outcome, why
from ui.components.panel import empty, panel, switch
from ui.data import alarms
from ui.page import Page

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from dash import Dash

    from ui.components.panel import Child
    from ui.data import Source
    from ui.page import Live

PATH: Final = "/alarms"
PERIOD: Final = timedelta(days=7)
"""Of figures and history, unless the address has another."""
RANGES: Final = {"24h": "24 h", "": "7 d", "30d": "30 d"}
"""By what the address says; nothing: the page's own."""
HOURS: Final = {"0.25": "15 min", "1": "1 h", "4": "4 h", "8": "8 h"}
"""For how long an alarm may be shelved [h]."""
_DIGITS_MAX: Final = 15
_TITLES: Final = {Verb.SHELVE: "Shelve", Verb.RESTORE: "Bring back", Verb.COMMENT: "Comment on"}
_NONE: Final = "No alarm asks for anybody."
_GONE: Final = "There is no such alarm at this site any more; look at the list."


def layout(_: Source) -> list[Child]:
    """The page; the poll fills it."""
    span = _range()
    return [
        html.H1("Alarms", className="sr"),
        html.Div(id="alarms-result", className="result", role="status"),
        html.Div(
            [
                html.Div(id="alarms-one", className="span-12"),
                html.Section(
                    [
                        html.Header(
                            [
                                html.H2("Alarms"),
                                html.Span(
                                    [
                                        html.Span(
                                            "a acknowledges the row that has the focus", className="note"
                                        ),
                                        html.Button(
                                            "Acknowledge all shown",
                                            id="alarms-ack-all",
                                            className="btn small",
                                            disabled=True,
                                        ),
                                    ],
                                    className="row",
                                ),
                            ]
                        ),
                        html.Div(id="alarms-list"),
                    ],
                    className="panel span-12",
                ),
                panel(
                    "Notifications",
                    html.Div(id="alarms-notes"),
                    note="worth knowing; nothing has to be done in minutes, and they do not count as alarms",
                ),
                panel("Put aside", html.Div(id="alarms-aside"), note="shelved, suppressed, out of service"),
                html.Div(switch("alarms-range", "Period", RANGES, span), className="switches span-12"),
                panel("How well the alarms do", html.Div(id="alarms-figures"), span=8),
                panel("Where most come from", html.Div(id="alarms-bad"), span=4),
                panel("What happened", html.Div(id="alarms-history"), note=f"the newest {alarms.EVENTS_MAX}"),
            ],
            className="grid",
        ),
        dcc.Store(id="alarms-seen"),
        dcc.Store(id="alarms-ack-pressed"),
        dcc.Store(id="alarms-do-pressed"),
        dcc.Store(id="alarms-asked"),
        _dialog(),
    ]


def _dialog() -> Child:
    how_long = dmc.SegmentedControl(
        id="alarms-hours", data=[{"value": h, "label": t} for h, t in HOURS.items()], value="1"
    )
    return modal(
        "alarms",
        html.Div(id="alarms-text"),
        html.Div([html.Span("For", className="note"), how_long], id="alarms-how-long"),
        why("alarms"),
        outcome("alarms-problem"),
    )


def _range() -> str:
    seen = view.current()
    text = view.span_text(seen.span) if seen and seen.span else ""
    return {"1d": "24h", "7d": ""}.get(text, text)


def pinned() -> int | None:
    """The alarm that the address names."""
    seen = view.current()
    text = seen.more.get("alarm", "") if seen else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX else None


def live(source: Source) -> Live:
    """Everything on the page."""
    pin = pinned()
    start, end = _period(source)
    every = cache(lambda: alarms.alarms(source, pin))
    asking = cache(lambda: [a for a in every() if a.state in ASKING and a.kind == ALARM])
    found = cache(lambda: alarms.figures(source, start, end))
    new = cache(lambda: [a.alarm_id for a in asking() if a.state in parts.UNSEEN])
    why = "" if auth.user().may("alarm.acknowledge") else auth.denied("alarm.acknowledge")
    return {
        ("alarms-one", "children"): lambda: _one(source, every(), pin),
        ("alarms-list", "children"): lambda: _rows(source, asking(), _NONE),
        ("alarms-notes", "children"): lambda: _rows(
            source, [a for a in every() if a.state in ASKING and a.kind != ALARM], "None."
        ),
        ("alarms-aside", "children"): lambda: _rows(
            source, [a for a in every() if a.state in WITHHELD], "Nothing is put aside."
        ),
        ("alarms-seen", "data"): new,
        ("alarms-ack-all", "disabled"): lambda: bool(why) or not new(),
        ("alarms-ack-all", "title"): partial(str, why),
        ("alarms-figures", "children"): lambda: _figures(source, found()),
        ("alarms-bad", "children"): lambda: _bad(found()),
        ("alarms-history", "children"): lambda: _history(source, alarms.events(source, start, end)),
    }


def _period(source: Source) -> tuple[datetime, datetime]:
    seen = view.current()
    return seen.between(source.now, PERIOD) if seen else (source.now - PERIOD, source.now)


def _rows(source: Source, found: Sequence[alarms.Alarm], nothing: str) -> Child:
    if not found:
        return empty(nothing)
    denied = {
        name: "" if auth.user().may(name) else auth.denied(name)
        for name in ("alarm.acknowledge", "alarm.shelve")
    }
    links = _links(a.alarm_id for a in found)
    return parts.rows(found, source.zone, source.now, denied=denied, links=links, pinned=pinned())


def _links(numbers: Iterable[int]) -> dict[int, str]:
    """By number, the address of this page with that alarm."""
    seen = view.current()
    return {
        number: f"{PATH}{view.search_of(seen, alarm=str(number)) if seen else f'?alarm={number}'}"
        for number in numbers
    }


def _one(source: Source, every: Sequence[alarms.Alarm], pin: int | None) -> Child:
    """The alarm that the address names, with all that has happened to it."""
    if pin is None:
        return ""
    seen = view.current()
    close = dcc.Link("Close", href=f"{PATH}{view.search_of(seen, alarm=None) if seen else ''}")
    chosen = next((a for a in every if a.alarm_id == pin), None)
    if chosen is None:
        return panel(f"Alarm {pin}", empty(_GONE), note=close)
    events = alarms.events_of(source, pin)
    state: list[Child] = [
        parts.mark(chosen.priority),
        f" {parts.STATES[chosen.state]}: {fmt.said(chosen.message)}",
    ]
    body = [html.P(state, className="action small")]
    if chosen.state is Stands.NORMAL:
        why = f"Do: {chosen.action}. Cause: {chosen.cause}. Otherwise: {chosen.consequence}."
        body.append(html.P(fmt.said(why)))
    return panel(f"Alarm {pin}", *body, _history(source, events), note=close)


def _history(source: Source, found: Sequence[alarms.Event]) -> Child:
    return parts.event_table(found, source.zone, source.now, _links(e.alarm_id for e in found))


def _figures(source: Source, found: alarms.Figures | None) -> Child:
    if found is None:
        return empty("No alarm has been raised yet: the figures begin with the first one.")
    start, end = (fmt.clock_time(time, source.zone) for time in (found.start, found.end))
    positions = fmt.count(found.positions, "operator position")
    said = f"{fmt.count(found.raised, 'alarm')} from {start} to {end}, {positions}; measured from the record."
    return [html.P(said, className="note"), parts.figure_table(found)]


def _bad(found: alarms.Figures | None) -> Child:
    return parts.bad_actor_table(found) if found else empty("No alarm has been raised yet.")


def register(app: Dash, source: Source) -> None:
    """Acknowledge at once; shelve, bring back and comment with a reason."""
    for kind, verb in (("ack", {}), ("do", {"verb": ALL})):
        # buttons that a tick makes anew would start the callback anew: a press is kept in a store
        app.clientside_callback(
            ClientsideFunction("joulecast", "pressed"),
            Output(f"alarms-{kind}-pressed", "data"),
            Input({"type": f"alarm-{kind}", "of": ALL, **verb}, "n_clicks"),
            prevent_initial_call=True,
        )
    app.clientside_callback(
        ClientsideFunction("joulecast", "chosen"),
        Output("url", "search", allow_duplicate=True),
        Input("alarms-range", "value"),
        prevent_initial_call=True,
    )

    @callback(
        app,
        source,
        "alarm.acknowledge",
        Output("alarms-result", "children"),
        Input("alarms-ack-pressed", "data"),
        Input("alarms-ack-all", "n_clicks"),
        State("alarms-seen", "data"),
        prevent_initial_call=True,
    )
    def acknowledge(pressed: Any, every: int | None, seen: Any) -> Any:
        if ctx.triggered_id == "alarms-ack-all":
            return acknowledged(source, seen) if every else no_update
        return acknowledged(source, [_number(pressed)]) if pressed else no_update

    @callback(
        app,
        source,
        "alarm.shelve",
        output={name: Output(*of, allow_duplicate=name == "result") for name, of in _DIALOG.items()},
        inputs={
            "pressed": Input("alarms-do-pressed", "data"),
            "cancel": Input("alarms-cancel", "n_clicks"),
            "confirm": Input("alarms-confirm", "n_clicks"),
            "asked": State("alarms-asked", "data"),
            "reason": State("alarms-reason", "value"),
            "hours": State("alarms-hours", "value"),
        },
        prevent_initial_call=True,
    )
    def dialog(**given: Any) -> dict[str, Any]:
        same: dict[str, Any] = dict.fromkeys(_DIALOG, no_update)
        if not ctx.triggered[0]["value"]:
            return same
        if ctx.triggered_id == "alarms-cancel":
            return {**same, "opened": False}
        if ctx.triggered_id == "alarms-confirm":
            return {**same, **confirmed(source, given["asked"], given["reason"], given["hours"])}
        return {**same, **asked(source, given["pressed"])}


_DIALOG: Final = {
    "opened": ("alarms-dialog", "opened"),
    "title": ("alarms-dialog", "title"),
    "text": ("alarms-text", "children"),
    "long": ("alarms-how-long", "hidden"),
    "reason": ("alarms-reason", "value"),
    "problem": ("alarms-problem", "children"),
    "asked": ("alarms-asked", "data"),
    "result": ("alarms-result", "children"),
}


def _number(pressed: Any) -> int | None:
    """Which alarm's button was pressed; whatever a browser may send."""
    number = mapping(mapping(pressed).get("id")).get("of")
    return number if isinstance(number, int) and 0 < number < 10**_DIGITS_MAX else None


def _verb(pressed: Any) -> Verb | None:
    name = mapping(mapping(pressed).get("id")).get("verb")
    return next((verb for verb in _TITLES if verb.value == name), None)


def acknowledged(source: Source, numbers: Any) -> str:
    """Acknowledge these as whoever is signed in; what to tell."""
    known = [n for n in numbers if isinstance(n, int)] if isinstance(numbers, list) else []
    if not known:
        return "There is nothing to acknowledge."
    actor = auth.user().name
    if len(known) == 1:
        return actions.alarm(source, known[0], Verb.ACKNOWLEDGE, actor, actions.SEEN).message
    return actions.acknowledge_all(source, known, actor).message


def asked(source: Source, pressed: Any) -> dict[str, Any]:
    """The dialog for what was pressed: it says what will happen."""
    number, verb = _number(pressed), _verb(pressed)
    chosen = next((a for a in alarms.alarms(source) if a.alarm_id == number), None)
    if chosen is None or verb is None:
        return {"result": _GONE}
    texts = {
        Verb.SHELVE: "It comes back by itself when the time is over; until then nobody is told of it.",
        Verb.RESTORE: "It asks for somebody again, if what it was raised for is still so.",
        Verb.COMMENT: "A comment changes nothing and is kept for ever.",
    }
    return {
        "opened": True,
        "title": f"{_TITLES[verb]} alarm {number}?",
        "text": [
            html.P([parts.mark(chosen.priority), f" {fmt.said(chosen.message)}"]),
            html.P(f"{texts[verb]} On record as done by {auth.user().name}.", className="note"),
        ],
        "long": verb is not Verb.SHELVE,
        "reason": "",
        "problem": "",
        "asked": {"id": {"of": number, "verb": verb.value}},
    }


def confirmed(source: Source, wanted: Any, reason: Any, hours: Any) -> dict[str, Any]:
    """Do what the dialog asks, or say what is missing."""
    number, verb = _number(wanted), _verb(wanted)
    if number is None or verb is None:
        return {"opened": False, "result": _GONE}
    text = reason if isinstance(reason, str) else ""
    if problem := actions.reason_problem(text):
        return {"problem": problem}
    until = None
    if verb is Verb.SHELVE:
        if hours not in HOURS:
            return {"problem": f"Choose how long: {', '.join(HOURS.values())}."}
        until = source.now + timedelta(hours=float(hours))
    said = actions.alarm(source, number, verb, auth.user().name, text.strip(), until)
    return {"opened": False, "problem": "", "result": said.message}


PAGE: Final = Page(PATH, "Alarms", layout, register, live, frozenset({"alarm"}))
