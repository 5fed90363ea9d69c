"""HOLD: stop all advice from any page, with a name and a reason; and let it go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dash import Input, Output, State, ctx, dcc, html, no_update

from core.errors import JoulecastError, ServiceError
from ui import actions
from ui import format as fmt
from ui.access import auth
from ui.callbacks import callback
from ui.components.dialog import modal, outcome, why
from ui.data.conduct import hold

if TYPE_CHECKING:
    from dash import Dash

    from ui.components.panel import Child
    from ui.data import Source
    from ui.page import Live

ON_TEXT: Final = "HOLD EVERYTHING"
OFF_TEXT: Final = "Resume advice"
STOP: Final = "stop"
RESUME: Final = "resume"


def button() -> Child:
    """Always in sight, in the header."""
    return html.Button(ON_TEXT, id="hold-open", className="btn hold", disabled=True)


def notice() -> Child:
    """Says on every page that everything is stopped, and why."""
    return html.Div(id="hold-notice", className="banner calm", role="status")


def dialog() -> Child:
    """The question before it happens; the safe answer has the focus."""
    return modal(
        "hold",
        dcc.Store(id="hold-asked"),
        html.Div(id="hold-text"),
        why("hold"),
        outcome("hold-result"),
        title="HOLD",
    )


def register(app: Dash, source: Source) -> None:
    """The dialog."""

    @callback(
        app,
        source,
        "advice.hold",
        Output("hold-dialog", "opened"),
        Output("hold-text", "children"),
        Output("hold-result", "children"),
        Output("hold-reason", "value"),
        Output("hold-asked", "data"),
        Input("hold-open", "n_clicks"),
        Input("hold-cancel", "n_clicks"),
        Input("hold-confirm", "n_clicks"),
        State("hold-open", "children"),
        State("hold-reason", "value"),
        State("hold-asked", "data"),
        prevent_initial_call=True,
    )
    def ask(
        _o: int | None,
        _c: int | None,
        _k: int | None,
        shown: Any,
        reason: str | None,
        asked: Any,
    ) -> tuple[Any, Any, Any, Any, Any]:
        if ctx.triggered_id == "hold-cancel":
            return False, no_update, "", no_update, no_update
        if ctx.triggered_id == "hold-open":
            stop = shown != OFF_TEXT
            return True, question(stop), "", "", STOP if stop else RESUME
        ok, message = confirmed(source, asked, reason)
        return not ok, no_update, "" if ok else message, no_update, no_update


def live(source: Source) -> Live:
    """The button's text, whether it is dead and why, and what every page says while everything is stopped."""
    may = auth.user().may("advice.hold")
    return {
        ("hold-open", "children"): lambda: OFF_TEXT if stopped(source) else ON_TEXT,
        ("hold-open", "disabled"): lambda: not may or not reachable(source),
        ("hold-open", "title"): lambda: "" if may else auth.denied("advice.hold"),
        ("hold-notice", "children"): lambda: said(source),
    }


def reachable(source: Source) -> bool:
    """Whether it is known if everything is stopped."""
    try:
        hold(source)
    except ServiceError:
        return False
    return True


def stopped(source: Source) -> bool:
    """Whether everything is stopped; no, where that is not known: the button is dead then."""
    return reachable(source) and hold(source) is not None


def said(source: Source) -> str:
    """Who stopped everything, when and why; nothing while nothing is."""
    found = hold(source) if reachable(source) else None
    if found is None:
        return ""
    at = fmt.clock_time(found.at, source.zone, source.now)
    return (
        f"HOLD since {at} by {found.actor}: {found.reason}. "
        "Nothing is proposed, accepted or written until somebody resumes."
    )


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


def confirmed(source: Source, asked: Any, reason: str | None) -> tuple[bool, str]:
    """Do what the dialog has restated, whatever the button says by now: somebody may have been quicker."""
    if asked not in (STOP, RESUME):
        return False, "Not done: this dialog asks nothing; close it and press the button again."
    return decide(source, auth.user().name, reason, stop=asked == STOP)


def decide(source: Source, actor: str | None, reason: str | None, *, stop: bool) -> tuple[bool, str]:
    """Stop, or let go on; whether it was done, and what to tell."""
    problem = actions.actor_problem(actor) or actions.reason_problem(reason)
    if problem:
        return False, problem
    try:
        act = actions.hold if stop else actions.resume
        outcome = act(source, actor or "", reason or "")
    except JoulecastError as error:
        return False, actions.not_done(error)
    source.forget("hold")
    return outcome.ok, outcome.message
