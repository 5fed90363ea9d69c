"""Recommendations: decide in two clicks, knowing what it risks; every word of the past on record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import dash_mantine_components as dmc
from dash import ALL, ClientsideFunction, Input, Output, State, ctx, dcc, html, no_update

from core.actions import Authority
from core.actions import State as Life
from ui import deciding, figures
from ui.components import advice as parts
from ui.components import conduct as conduct_parts
from ui.components import savings as saving_parts
from ui.components.graph import graph
from ui.components.panel import panel
from ui.data import advice
from ui.data.conduct import conduct
from ui.data.savings import savings
from ui.shell import TICK_MS, Page

if TYPE_CHECKING:
    from collections.abc import Callable

    from dash import Dash

    from ui.components.panel import Child
    from ui.data import Source

_MODAL_PX: Final = 520
_CHART_PX: Final = 200
BUTTONS: Final[dict[str, tuple[str, str]]] = {
    deciding.ACCEPT: ("Accept…", "btn primary"),
    deciding.SECOND: ("Agree as second…", "btn primary"),
    deciding.REJECT: ("Reject…", "btn"),
    "snooze-1": ("Snooze 1 h", "btn"),
    "snooze-4": ("Snooze 4 h", "btn"),
    "snooze-tomorrow": ("To tomorrow", "btn"),
}
"""Of the card: by id, less ``-open`` where a dialog opens; text and look."""
SNOOZES: Final = ("snooze-1", "snooze-4", "snooze-tomorrow")
STORES: Final = ("advice-seen", "advice-pin", "advice-asked", "advice-pressed")


def layout(_: Source) -> list[Child]:
    """The page; its buttons and dialogs stand outside what a tick makes anew, so that focus stays."""
    return [
        html.H1("Recommendations", className="sr"),
        dcc.Interval(id="advice-tick", interval=TICK_MS),
        *[dcc.Store(id=name) for name in STORES],
        html.Div(id="advice-notices"),
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
                    dmc.TextInput(
                        id="operator-name",
                        label="Operator name",
                        description="local session, no login yet",
                        persistence="operator",
                        persistence_type="session",
                    ),
                    *[
                        html.Button(text, id=_button_id(name), className=look, hidden=True)
                        for name, (text, look) in BUTTONS.items()
                    ],
                    html.Button("Show the newest", id="advice-unpin", className="btn", hidden=True),
                ],
                className="buttons",
            ),
            html.Div(id="advice-result", className="result", role="status"),
        ],
        id="recommendation-card",
        className="panel",
    )


def _button_id(name: str) -> str:
    return name if name in SNOOZES else f"{name}-open"


def _dialog() -> dmc.Modal:
    buttons = [
        html.Button("Cancel", id="act-cancel", className="btn"),
        html.Button("Confirm", id="act-confirm", className="btn primary"),
    ]
    return dmc.Modal(
        [
            html.Div(id="act-text"),
            html.Div(dmc.Textarea(id="act-reason", label="Why?", autosize=True, minRows=2), id="act-why"),
            html.Div(id="act-problem", className="result", role="status"),
            html.Div(buttons, className="buttons"),
        ],
        id="act-dialog",
        size=_MODAL_PX,
        transitionProps={"duration": 0},
    )


def register(app: Dash, source: Source) -> None:
    """One callback a tick, one for the dialog, one for what needs none."""
    _register_tick(app, source)
    _register_dialog(app, source)
    _register_at_once(app, source)


SHOWN: Final = {
    "state": ("recommendation-state", "children"),
    "expiry": ("advice-expiry", "children"),
    "card": ("advice-card", "children"),
    "attribution": ("advice-attribution", "children"),
    "limits": ("advice-limits", "children"),
    "gates": ("advice-gates", "children"),
    "plan": ("advice-plan", "children"),
    "hand": ("advice-hand", "children"),
    "commands": ("advice-commands", "children"),
    "history": ("advice-history", "children"),
    "notices": ("advice-notices", "children"),
    "objective": ("advice-objective", "children"),
    "authority": ("advice-authority", "children"),
    "savings": ("advice-savings", "children"),
    "promises": ("advice-promises", "children"),
    "days": ("advice-days", "children"),
    "unpin": ("advice-unpin", "hidden"),
    "seen": ("advice-seen", "data"),
    **{name: (_button_id(name), "hidden") for name in BUTTONS},
}
"""What a tick brings: by name, the element and what of it."""


def _register_tick(app: Dash, source: Source) -> None:
    @app.callback(
        output={name: Output(*of) for name, of in SHOWN.items()},
        inputs={
            "_": Input("advice-tick", "n_intervals"),
            "pin": Input("advice-pin", "data"),
            "seen": State("advice-seen", "data"),
        },
    )
    def tick(_: int | None, pin: Any, seen: dict[str, Any] | None) -> dict[str, Any]:
        return view(source, pin if isinstance(pin, int) else None, seen)


def view(source: Source, pin: int | None, seen: dict[str, Any] | None) -> dict[str, Any]:
    """Everything on the page; what has not changed is not sent, so that what is open stays open."""
    now, zone = source.now, source.context.site.zone
    found = advice.recommendations(source)
    top = advice.top(found, pin)
    allowed, saved = conduct(source), savings(source)
    fresh: dict[str, Any] = {
        "id": top.recommendation_id if top else None,
        "version": top.version if top else None,
        "card": f"{top.recommendation_id} {top.version}" if top else "none",
        "list": " ".join(f"{r.recommendation_id}.{r.version}.{r.verified is not None}" for r in found),
        "objective": allowed.objective,
        "conduct": f"{allowed.hold} {allowed.trust} {allowed.alarms}",
        "savings": f"{saved.total} {len(saved.promises)} {len(saved.shadows)}",
    }
    made: dict[str, Callable[[], dict[str, Any]]] = {
        "card": lambda: _of_card(source, top),
        "list": lambda: _of_list(source, found),
        "objective": lambda: {"objective": conduct_parts.objective(allowed)},
        "conduct": lambda: _of_conduct(source, allowed),
        "savings": lambda: _of_savings(source, saved),
    }
    was = seen or {}
    shown: dict[str, Any] = dict.fromkeys(SHOWN, no_update)
    for key, make in made.items():
        if was.get(key) != fresh[key]:
            shown |= make()
    commands = advice.commands(source, [top.recommendation_id] if top else [])
    return {
        **shown,
        "state": str(top.state).replace("_", " ") if top else "none",
        "expiry": f"· {parts.expiry(top, now, zone)}" if top and parts.expiry(top, now, zone) else "",
        "hand": parts.in_hand(found, zone, now),
        "commands": parts.command_table(commands, zone, now) if commands else "",
        "unpin": pin is None,
        **{name: name not in _offered(top, source) for name in BUTTONS},
        "seen": fresh if fresh != was else no_update,
    }


def _of_card(source: Source, top: advice.Recommendation | None) -> dict[str, Any]:
    zone = source.context.site.zone
    blocks = (top.plan.get("blocks") if top else None) or []
    chart = [graph("advice-plan-chart", figures.plan(blocks, zone), _CHART_PX)] if blocks else []
    return {
        "card": parts.card(top, zone, source.now),
        "attribution": parts.attribution(top),
        "limits": parts.limits(top),
        "gates": parts.gates(top),
        "plan": [*chart, parts.plan(top, zone)],
    }


def _of_list(source: Source, found: tuple[advice.Recommendation, ...]) -> dict[str, Any]:
    events = advice.events(source, [r.recommendation_id for r in found])
    return {"history": parts.history(found, events, source.context.site.zone, source.now)}


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
        return frozenset(decide if top.authority is Authority.SHADOW else {deciding.ACCEPT, *decide})
    if top.state is Life.AWAITING_SECOND:
        return frozenset({deciding.SECOND, deciding.REJECT})
    return frozenset({deciding.REJECT} if top.state in {Life.INSTRUCTED, Life.SNOOZED} else ())


def _register_dialog(app: Dash, source: Source) -> None:
    # `advice-asked` is what the dialog restated: a tick meanwhile cannot put another card under the finger
    @app.callback(
        output={
            "opened": Output("act-dialog", "opened"),
            "title": Output("act-dialog", "title"),
            "text": Output("act-text", "children"),
            "why": Output("act-why", "hidden"),
            "reason": Output("act-reason", "value"),
            "confirm": Output("act-confirm", "children"),
            "problem": Output("act-problem", "children"),
            "error": Output("operator-name", "error"),
            "asked": Output("advice-asked", "data"),
            "result": Output("advice-result", "children"),
            "pin": Output("advice-pin", "data"),
        },
        inputs={
            "opens": [Input(f"{name}-open", "n_clicks") for name in (*deciding.OF_CARD,)],
            "pressed": Input("advice-pressed", "data"),
            "cancels": Input("act-cancel", "n_clicks"),
            "confirms": Input("act-confirm", "n_clicks"),
            "seen": State("advice-seen", "data"),
            "asked": State("advice-asked", "data"),
            "actor": State("operator-name", "value"),
            "reason": State("act-reason", "value"),
            "objective": State("objective", "value", allow_optional=True),
        },
        prevent_initial_call=True,
    )
    def dialog(**given: Any) -> dict[str, Any]:
        if not ctx.triggered[0]["value"]:
            return dict.fromkeys(DIALOG, no_update)
        pressed = ctx.triggered_id
        return answer(source, given["pressed"]["id"] if pressed == "advice-pressed" else pressed, given)

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
    "opened", "title", "text", "why", "reason", "confirm", "problem", "error", "asked", "result", "pin",
)  # fmt: skip


def answer(source: Source, pressed: Any, given: dict[str, Any]) -> dict[str, Any]:
    """What becomes of the dialog after a press: opened with what will happen, done, or closed."""
    same: dict[str, Any] = dict.fromkeys(DIALOG, no_update)
    if pressed == "act-cancel":
        return {**same, "opened": False}
    actor = given["actor"]
    if pressed == "act-confirm":
        asked = given["asked"] or {}
        ok, message, pin = deciding.carry_out(source, asked, actor, given["reason"])
        if not ok and message in deciding.problems(asked, actor, given["reason"]):
            return {**same, "problem": message}
        return {**same, "opened": False, "problem": "", "result": message, "pin": pin}
    asked = deciding.wanted(pressed, given["seen"], given["objective"])
    problem = deciding.name_problem(actor)
    if problem or asked is None:
        return {**same, "error": problem or None}
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
        "error": None,
        "asked": asked,
    }


def _register_at_once(app: Dash, source: Source) -> None:
    @app.callback(
        Output("advice-result", "children", allow_duplicate=True),
        Output("advice-pin", "data", allow_duplicate=True),
        Output("operator-name", "error", allow_duplicate=True),
        *[Input(name, "n_clicks") for name in SNOOZES],
        Input("advice-unpin", "n_clicks"),
        State("advice-seen", "data"),
        State("operator-name", "value"),
        prevent_initial_call=True,
    )
    def at_once(*given: Any) -> tuple[Any, Any, Any]:
        if not ctx.triggered[0]["value"]:
            return no_update, no_update, no_update
        if ctx.triggered_id == "advice-unpin":
            return "", None, no_update
        seen, actor = given[-2], given[-1]
        return deciding.put_off(source, seen or {}, actor, str(ctx.triggered_id).removeprefix("snooze-"))


PAGE: Final = Page("/recommendations", "Recommendations", layout, register)
