"""Recommendations: decide in two clicks, knowing what it risks; every word of the past on record."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final

from dash import ALL, ClientsideFunction, Input, Output, State, ctx, dcc, html, no_update

from core.actions import Authority
from core.actions import State as Life
from ui import deciding, figures, modifying, view
from ui.access import auth
from ui.callbacks import callback, mapping
from ui.components import advice as parts
from ui.components import conduct as conduct_parts
from ui.components import savings as saving_parts
from ui.components.dialog import modal, outcome, why
from ui.components.graph import graph
from ui.components.panel import panel
from ui.components.tile import quiet
from ui.data import advice
from ui.data.conduct import conduct
from ui.data.savings import savings
from ui.page import Page

if TYPE_CHECKING:
    from collections.abc import Callable

    from dash import Dash

    from ui.components.panel import Child
    from ui.data import Source
    from ui.page import Live

_CHART_PX: Final = 200
_DIGITS_MAX: Final = 12
MODIFY: Final = "modify"
BUTTONS: Final[dict[str, tuple[str, str]]] = {
    deciding.ACCEPT: ("Accept…", "btn primary"),
    deciding.SECOND: ("Agree as second…", "btn primary"),
    MODIFY: ("Modify…", "btn"),
    deciding.REJECT: ("Reject…", "btn"),
    "snooze-1": ("Snooze 1 h", "btn"),
    "snooze-4": ("Snooze 4 h", "btn"),
    "snooze-tomorrow": ("To tomorrow", "btn"),
}
"""Of the card: by id, less ``-open`` where a dialog opens; text and look."""
SNOOZES: Final = ("snooze-1", "snooze-4", "snooze-tomorrow")
STORES: Final = ("advice-seen", "advice-asked", "advice-pressed")


def layout(_: Source) -> list[Child]:
    """The page; its buttons and dialogs stand outside what a tick makes anew, so that focus stays."""
    return [
        html.H1("Recommendations", className="sr"),
        *[dcc.Store(id=name) for name in STORES],
        html.Div(id="advice-notices"),
        html.Div(id="advice-vanished", className="result", role="status"),
        html.Div(
            [
                html.Div(
                    [
                        _card(),
                        panel(
                            "Where the saving comes from", html.Div(id="advice-attribution"), note="modelled"
                        ),
                        panel(
                            "Plan of the next 24 h",
                            html.Div(id="advice-plan"),
                            note="modelled; each block is proposed anew when its time comes",
                        ),
                    ],
                    className="span-7 stack",
                ),
                html.Div(
                    [
                        panel("Limits that hold it", html.Div(id="advice-limits"), note="nearest first"),
                        panel("Safety gates", html.Div(id="advice-gates"), note="all must pass"),
                        panel("What advice is for", html.Div(id="advice-objective")),
                    ],
                    className="span-5 stack",
                ),
                panel(
                    "On its way to the plant, and held there",
                    html.Div(id="advice-hand"),
                    html.Div(id="advice-commands"),
                    note="a setpoint is a lease: not renewed, the plant lets go by itself",
                ),
                panel(
                    "Verified savings",
                    html.Div(id="advice-savings"),
                    html.Div(
                        [
                            html.Div(id="advice-promises", className="span-8"),
                            html.Div(id="advice-days", className="span-4"),
                        ],
                        className="grid",
                    ),
                    note="measured, against what the plant's own control would have held",
                ),
                panel(
                    "How far it may go",
                    html.Div(id="advice-authority"),
                    note="up one step at a time, on evidence and two names; down at once",
                ),
                panel("All recommendations", html.Div(id="advice-history"), note="open one for its events"),
            ],
            className="grid",
        ),
        _dialog(),
        modifying.dialog(),
        html.Div(id="advice-focus", className="sr"),
    ]


def _card() -> html.Section:
    return html.Section(
        [
            html.Header(
                [
                    html.H2("Recommendation"),
                    html.Span(
                        [
                            html.Span(id="recommendation-state", className="state"),
                            " ",
                            html.Span(id="advice-expiry"),
                        ]
                    ),
                ]
            ),
            html.Div(id="advice-card"),
            html.Div(
                [
                    *[
                        html.Button(text, id=button_id(name), className=look, hidden=True)
                        for name, (text, look) in BUTTONS.items()
                    ],
                    dcc.Link("Show the newest", id="advice-unpin", href="/recommendations", className="btn"),
                ],
                className="buttons",
            ),
            html.Div(id="advice-result", className="result", role="status"),
        ],
        id="recommendation-card",
        className="panel",
    )


def button_id(name: str) -> str:
    """Element id of a button of the card."""
    return name if name in SNOOZES else f"{name}-open"


def _dialog() -> Child:
    return modal("act", html.Div(id="act-text"), html.Div(why("act"), id="act-why"), outcome("act-problem"))


def register(app: Dash, source: Source) -> None:
    """One callback for the dialog, one for what needs none."""
    _register_dialog(app, source)
    _register_at_once(app, source)
    modifying.register(app, source)


def pinned() -> int | None:
    """The recommendation that the address names."""
    seen = view.current()
    text = seen.more.get("card", "") if seen else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX else None


def live(source: Source) -> Live:
    """Everything on the page."""
    now, zone, pin = source.now, source.zone, pinned()
    found = cache(partial(advice.recommendations, source))
    top = cache(lambda: advice.top(found(), pin))
    allowed = cache(partial(conduct, source))
    saved = cache(partial(savings, source))
    card = cache(lambda: _of_card(source, top()))
    worth = cache(lambda: _of_savings(source, saved()))
    rules = cache(lambda: _of_conduct(source, allowed()))
    offered = cache(lambda: _offered(top(), source))
    parts_of: dict[tuple[str, str], Callable[[], Any]] = {
        ("recommendation-state", "children"): quiet(lambda: _state(top())),
        ("advice-expiry", "children"): quiet(lambda: _expiry(source, top()), ""),
        ("advice-hand", "children"): lambda: parts.in_hand(found(), zone, now),
        ("advice-commands", "children"): quiet(lambda: _commands(source, top()), ""),
        ("advice-history", "children"): lambda: _history(source, found()),
        ("advice-objective", "children"): lambda: conduct_parts.objective(allowed()),
        ("advice-vanished", "children"): quiet(lambda: _vanished(found(), pin), ""),
        ("advice-unpin", "className"): lambda: "sr" if pin is None else "btn",
        ("advice-seen", "data"): lambda: _seen(top()),
    }
    made = {"card": card, "attribution": card, "limits": card, "gates": card, "plan": card}
    made |= {"notices": rules, "authority": rules, "savings": worth, "promises": worth, "days": worth}
    for name, make in made.items():
        parts_of[f"advice-{name}", "children"] = partial(_of, make, name)
    for name in BUTTONS:
        may = auth.user().may(deciding.PERMISSION_OF.get(name, "advice.decide"))
        parts_of[button_id(name), "hidden"] = quiet(partial(_withheld, offered, name), instead=True)
        parts_of[button_id(name), "disabled"] = partial(lambda able: not able, may)
        why = "" if may else auth.denied(deciding.PERMISSION_OF.get(name, "advice.decide"))
        parts_of[button_id(name), "title"] = partial(str, why)
    return parts_of


def _state(top: advice.Recommendation | None) -> str:
    return str(top.state).replace("_", " ") if top else "none"


def _seen(top: advice.Recommendation | None) -> dict[str, int | None]:
    """What a decision is about."""
    return {"id": top.recommendation_id, "version": top.version} if top else {"id": None, "version": None}


def _withheld(offered: Callable[[], frozenset[str]], name: str) -> bool:
    return name not in offered()


def _of(make: Callable[[], dict[str, Any]], name: str) -> Any:
    return make()[name]


def _vanished(found: tuple[advice.Recommendation, ...], pin: int | None) -> str:
    """What to say where the address names a recommendation that is not there."""
    if pin is None or any(r.recommendation_id == pin for r in found):
        return ""
    return f"Recommendation {pin} is not there, or too old to be listed; what stands now is shown."


def _expiry(source: Source, top: advice.Recommendation | None) -> str:
    text = parts.expiry(top, source.now, source.zone) if top else ""
    return f"· {text}" if text else ""


def _commands(source: Source, top: advice.Recommendation | None) -> Child:
    commands = advice.commands(source, [top.recommendation_id] if top else [])
    return parts.command_table(commands, source.zone, source.now) if commands else ""


def _history(source: Source, found: tuple[advice.Recommendation, ...]) -> Child:
    events = advice.events(source, [r.recommendation_id for r in found])
    return parts.history(found, events, source.zone, source.now)


def _of_card(source: Source, top: advice.Recommendation | None) -> dict[str, Any]:
    zone = source.zone
    blocks = (top.plan.get("blocks") if top else None) or []
    chart = [graph("advice-plan-chart", figures.plan(blocks, zone), _CHART_PX)] if blocks else []
    return {
        "card": parts.card(top, zone, source.now),
        "attribution": parts.attribution(top),
        "limits": parts.limits(top),
        "gates": parts.gates(top),
        "plan": [*chart, parts.plan(top, zone)],
    }


def _of_conduct(source: Source, allowed: Any) -> dict[str, Any]:
    calibrated = bool(source.rows("twin_calibration_latest", site=source.context.site.id))
    return {
        "notices": conduct_parts.notices(allowed, calibrated=calibrated),
        "authority": conduct_parts.authority(allowed),
    }


def _of_savings(source: Source, saved: Any) -> dict[str, Any]:
    return {
        "savings": saving_parts.total(saved, source.context.site.tariff.currency),
        "promises": html.Div([saving_parts.promises(saved), saving_parts.shadows(saved)]),
        "days": saving_parts.days(saved),
    }


def _offered(top: advice.Recommendation | None, source: Source) -> frozenset[str]:
    """Which buttons the card has now."""
    if top is None:
        return frozenset()
    if top.state is Life.PROPOSED and top.expires_at > source.now:
        decide = {deciding.REJECT, *SNOOZES}
        if top.authority is Authority.SHADOW:
            return frozenset(decide)
        return frozenset({deciding.ACCEPT, *decide} | ({MODIFY} if top.kind == advice.CHANGE else set()))
    if top.state is Life.AWAITING_SECOND:
        return frozenset({deciding.SECOND, deciding.REJECT})
    return frozenset({deciding.REJECT} if top.state in {Life.INSTRUCTED, Life.SNOOZED} else ())


def _register_dialog(app: Dash, source: Source) -> None:
    # `advice-asked` is what the dialog restated: a tick meanwhile cannot put another card under the finger
    @callback(
        app,
        source,
        "advice.decide",
        output={
            "opened": Output("act-dialog", "opened"),
            "title": Output("act-dialog", "title"),
            "text": Output("act-text", "children"),
            "why": Output("act-why", "hidden"),
            "reason": Output("act-reason", "value"),
            "confirm": Output("act-confirm", "children"),
            "problem": Output("act-problem", "children"),
            "asked": Output("advice-asked", "data"),
            "result": Output("advice-result", "children"),
            "pin": Output("url", "search", allow_duplicate=True),
        },
        inputs={
            "opens": [Input(f"{name}-open", "n_clicks") for name in (*deciding.OF_CARD,)],
            "pressed": Input("advice-pressed", "data"),
            "cancels": Input("act-cancel", "n_clicks"),
            "confirms": Input("act-confirm", "n_clicks"),
            "seen": State("advice-seen", "data"),
            "asked": State("advice-asked", "data"),
            "reason": State("act-reason", "value"),
            "objective": State("objective", "value", allow_optional=True),
        },
        prevent_initial_call=True,
    )
    def dialog(**given: Any) -> dict[str, Any]:
        if not ctx.triggered[0]["value"]:
            return dict.fromkeys(DIALOG, no_update)
        pressed = ctx.triggered_id
        return answer(
            source, mapping(given["pressed"]).get("id") if pressed == "advice-pressed" else pressed, given
        )

    # buttons that a tick makes anew would start `dialog` anew: a press that it was answering would be lost
    app.clientside_callback(
        ClientsideFunction("joulecast", "pressed"),
        Output("advice-pressed", "data"),
        Input("objective-open", "n_clicks", allow_optional=True),
        Input({"type": "revert", "of": ALL}, "n_clicks"),
        Input({"type": "look", "of": ALL}, "n_clicks"),
        Input({"type": "authority", "setpoint": ALL, "to": ALL}, "n_clicks"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("joulecast", "focus"),
        Output("advice-focus", "children"),
        Input("act-dialog", "opened"),
        prevent_initial_call=True,
    )


DIALOG: Final = (
    "opened", "title", "text", "why", "reason", "confirm", "problem", "asked", "result", "pin",
)  # fmt: skip


def answer(source: Source, pressed: Any, given: dict[str, Any]) -> dict[str, Any]:
    """What becomes of the dialog after a press: opened with what will happen, done, or closed."""
    same: dict[str, Any] = dict.fromkeys(DIALOG, no_update)
    if pressed == "act-cancel":
        return {**same, "opened": False}
    actor = auth.user().name
    if pressed == "act-confirm":
        restated = mapping(given["asked"])
        restated["do"] = str(restated.get("do"))
        ok, message, pin = deciding.carry_out(source, restated, actor, given["reason"])
        if not ok and message in deciding.problems(restated, actor, given["reason"]):
            return {**same, "problem": message}
        return {**same, "opened": False, "problem": "", "result": message, "pin": _search(pin)}
    asked = deciding.wanted(pressed, mapping(given["seen"]), given["objective"])
    if asked is None:
        return same
    question = deciding.question(source, asked, actor)
    return {
        **same,
        "opened": True,
        "title": question.title,
        "text": question.text,
        "why": not question.needs_reason,
        "reason": "",
        "confirm": question.confirm,
        "problem": "",
        "asked": asked,
    }


def _search(card: Any) -> Any:
    """The address that keeps a recommendation on the page."""
    seen = view.current()
    return no_update if card is no_update or seen is None else view.search_of(seen, card=str(card))


def _register_at_once(app: Dash, source: Source) -> None:
    @callback(
        app,
        source,
        "advice.decide",
        Output("advice-result", "children", allow_duplicate=True),
        Output("url", "search", allow_duplicate=True),
        *[Input(name, "n_clicks") for name in SNOOZES],
        State("advice-seen", "data"),
        prevent_initial_call=True,
    )
    def at_once(*given: Any) -> tuple[Any, Any]:
        if not ctx.triggered[0]["value"]:
            return no_update, no_update
        choice = str(ctx.triggered_id).removeprefix("snooze-")
        message, pin = deciding.put_off(source, mapping(given[-1]), auth.user().name, choice)
        return message, _search(pin)


PAGE: Final = Page("/recommendations", "Recommendations", layout, register, live, frozenset({"card"}))
