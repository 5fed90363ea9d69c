"""HOLD: stop all advice from any page, with a name and a reason; and let it go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import dash_mantine_components as dmc
from dash import Input, Output, State, ctx, html, no_update

from core.errors import JoulecastError, ServiceError
from ui import actions
from ui import format as fmt
from ui.data.conduct import hold

if TYPE_CHECKING:
    from dash import Dash

    from ui.components.panel import Child
    from ui.data import Source

_MODAL_PX: Final = 520
ON_TEXT: Final = "HOLD EVERYTHING"
OFF_TEXT: Final = "Resume advice"


def button() -> Child:
    """Always in sight, in the header."""
    return html.Button(ON_TEXT, id="hold-open", className="btn hold", disabled=True)


def notice() -> Child:
    """Says on every page that everything is stopped, and why."""
    return html.Div(id="hold-notice", className="banner calm", role="status")


def dialog() -> Child:
    """The question before it happens; the safe answer has the focus."""
    return dmc.Modal(
        [
            html.Div(id="hold-text"),
            dmc.TextInput(
                id="hold-name", label="Your name", persistence="operator", persistence_type="session"
            ),
            dmc.Textarea(id="hold-reason", label="Why?", autosize=True, minRows=2),
            html.Div(id="hold-result", className="result", role="status"),
            html.Div(
                [
                    html.Button("Cancel", id="hold-cancel", className="btn"),
                    html.Button("Confirm", id="hold-confirm", className="btn primary"),
                ],
                className="buttons",
            ),
        ],
        id="hold-dialog",
        title="HOLD",
        size=_MODAL_PX,
        transitionProps={"duration": 0},
    )


def register(app: Dash, source: Source) -> None:
    """The button's state with every heartbeat, and the dialog."""

    @app.callback(
        Output("hold-open", "children"),
        Output("hold-open", "disabled"),
        Output("hold-notice", "children"),
        Input("tick", "n_intervals"),
        Input("hold-result", "children"),
    )
    def tick(_: int | None, _done: Any) -> tuple[str, bool, str]:
        return state(source)

    @app.callback(
        Output("hold-dialog", "opened"),
        Output("hold-text", "children"),
        Output("hold-result", "children"),
        Output("hold-name", "value"),
        Output("hold-reason", "value"),
        Input("hold-open", "n_clicks"),
        Input("hold-cancel", "n_clicks"),
        Input("hold-confirm", "n_clicks"),
        State("hold-open", "children"),
        State("hold-name", "value"),
        State("hold-reason", "value"),
        State("operator-name", "value", allow_optional=True),
        prevent_initial_call=True,
    )
    def ask(
        _o: int | None,
        _c: int | None,
        _k: int | None,
        shown: Any,
        actor: str | None,
        reason: str | None,
        known: str | None,
    ) -> tuple[Any, Any, Any, Any, Any]:
        if ctx.triggered_id == "hold-cancel":
            return False, no_update, "", no_update, no_update
        if ctx.triggered_id == "hold-open":
            return True, question(shown != OFF_TEXT), "", actor or known, ""
        ok, message = decide(source, actor, reason, stop=shown != OFF_TEXT)
        return not ok, no_update, "" if ok else message, no_update, no_update


def state(source: Source) -> tuple[str, bool, str]:
    """The button's text, whether it is dead, and what every page says while everything is stopped."""
    try:
        found = hold(source)
    except ServiceError:
        return ON_TEXT, True, ""
    if found is None:
        return ON_TEXT, False, ""
    at = fmt.clock_time(found.at, source.context.site.zone, source.now)
    said = (
        f"HOLD since {at} by {found.actor}: {found.reason}. "
        "Nothing is proposed, accepted or written until somebody resumes."
    )
    return OFF_TEXT, False, said


def question(stop: bool) -> list[Child]:
    """What will happen, before it does."""
    if not stop:
        return [
            html.P("Advice goes on: proposals may come and be accepted again. Nothing is put back by itself.")
        ]
    return [
        html.P(
            "Everything is stopped: what has not reached the plant is withdrawn, every setpoint that is held "
            "goes back to the plant's own control, and nothing is proposed until somebody resumes."
        )
    ]


def decide(source: Source, actor: str | None, reason: str | None, *, stop: bool) -> tuple[bool, str]:
    """Stop, or let go on; whether it was done, and what to tell."""
    problem = actions.actor_problem(actor) or actions.reason_problem(reason)
    if problem:
        return False, problem
    try:
        act = actions.hold if stop else actions.resume
        outcome = act(source, actor or "", reason or "")
    except JoulecastError as error:
        return False, f"Not done: {error}"
    source.forget("hold")
    return outcome.ok, outcome.message
