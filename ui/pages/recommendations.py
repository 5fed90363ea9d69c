"""Recommendations: accept in two clicks, knowing what it risks; every word of the past on record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import dash_mantine_components as dmc
from dash import ClientsideFunction, Input, Output, State, ctx, dcc, html, no_update

from core.actions import State as Life
from core.errors import JoulecastError
from ui import actions
from ui import format as fmt
from ui.components import advice as parts
from ui.components.panel import panel
from ui.data import advice
from ui.shell import TICK_MS, Page

if TYPE_CHECKING:
    from dash import Dash

    from ui.components.panel import Child
    from ui.data import Source

_MODAL_PX: Final = 520


def layout(_: Source) -> list[Child]:
    """The page; its buttons and dialogs stand outside what a tick makes anew, so that focus stays."""
    return [
        html.H1("Recommendations", className="sr"),
        dcc.Interval(id="advice-tick", interval=TICK_MS),
        dcc.Store(id="advice-seen"),
        dcc.Store(id="advice-pin"),
        dcc.Store(id="advice-asked"),
        html.Div(
            [
                html.Div(
                    [
                        _card(),
                        panel(
                            "Where the saving comes from", html.Div(id="advice-attribution"), note="modelled"
                        ),
                        panel(
                            "On its way to the plant",
                            html.Div(id="advice-commands"),
                            note="commands, and the setpoint that the plant reports",
                        ),
                    ],
                    className="span-7 stack",
                ),
                panel("Safety gates", html.Div(id="advice-gates"), note="all must pass", span=5),
                panel("All recommendations", html.Div(id="advice-history"), note="open one for its events"),
            ],
            className="grid",
        ),
        _accept_dialog(),
        _reject_dialog(),
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
                    html.Button("Accept…", id="accept-open", className="btn primary", disabled=True),
                    html.Button("Reject…", id="reject-open", className="btn", disabled=True),
                    html.Button("Show the newest", id="advice-unpin", className="btn", hidden=True),
                ],
                className="buttons",
            ),
            html.Div(id="advice-result", className="result", role="status"),
        ],
        id="recommendation-card",
        className="panel",
    )


def _accept_dialog() -> dmc.Modal:
    buttons = [
        html.Button("Cancel", id="accept-cancel", className="btn"),
        html.Button("Accept and send", id="accept-confirm", className="btn primary"),
    ]
    return dmc.Modal(
        [html.Div(id="accept-text"), html.Div(buttons, className="buttons")],
        id="accept-dialog",
        title="Accept this recommendation?",
        size=_MODAL_PX,
        transitionProps={"duration": 0},
    )


def _reject_dialog() -> dmc.Modal:
    buttons = [
        html.Button("Cancel", id="reject-cancel", className="btn"),
        html.Button("Reject", id="reject-confirm", className="btn primary"),
    ]
    return dmc.Modal(
        [
            dmc.Textarea(id="reject-reason", label="Why?", autosize=True, minRows=2),
            html.Div(buttons, className="buttons"),
        ],
        id="reject-dialog",
        title="Reject this recommendation?",
        size=_MODAL_PX,
        transitionProps={"duration": 0},
    )


def register(app: Dash, source: Source) -> None:
    """One callback a tick, and one for each thing an operator may do."""
    _register_tick(app, source)
    _register_dialogs(app, source)
    _register_actions(app, source)


def _register_tick(app: Dash, source: Source) -> None:
    @app.callback(
        Output("recommendation-state", "children"),
        Output("advice-expiry", "children"),
        Output("advice-card", "children"),
        Output("advice-attribution", "children"),
        Output("advice-commands", "children"),
        Output("advice-gates", "children"),
        Output("advice-history", "children"),
        Output("accept-open", "disabled"),
        Output("reject-open", "disabled"),
        Output("advice-unpin", "hidden"),
        Output("advice-seen", "data"),
        Input("advice-tick", "n_intervals"),
        Input("advice-pin", "data"),
        State("advice-seen", "data"),
    )
    def tick(_: int | None, pin: Any, seen: dict[str, Any] | None) -> tuple[Any, ...]:
        return view(source, pin if isinstance(pin, int) else None, seen)


def view(source: Source, pin: int | None, seen: dict[str, Any] | None) -> tuple[Any, ...]:
    """Everything on the page; what has not changed is not sent, so that what is open stays open."""
    now, zone = source.now, source.context.site.zone
    found = advice.recommendations(source)
    top = advice.top(found, pin)
    events = advice.events(source, [r.recommendation_id for r in found])
    commands = advice.commands(source, [top.recommendation_id] if top else [])
    fresh = _seen(top, found)
    was = seen or {}
    of_card: list[Any] = [no_update] * 3
    if was.get("card") != fresh["card"]:
        of_card = [parts.card(top, zone, now), parts.attribution(top), parts.gates(top)]
    listed: Any = no_update
    if was.get("list") != fresh["list"]:
        listed = parts.history(found, events, zone, now)
    open_ = top is not None and top.state is Life.PROPOSED and top.expires_at > now
    return (
        str(top.state) if top else "none",
        f"· {parts.expiry(top, now, zone)}" if top and parts.expiry(top, now, zone) else "",
        of_card[0],
        of_card[1],
        parts.command_table(commands, zone, now),
        of_card[2],
        listed,
        not open_,
        not open_,
        pin is None,
        fresh if fresh != was else no_update,
    )


def _seen(top: advice.Recommendation | None, found: tuple[advice.Recommendation, ...]) -> dict[str, Any]:
    return {
        "id": top.recommendation_id if top else None,
        "version": top.version if top else None,
        "card": f"{top.recommendation_id} {top.version}" if top else "none",
        "list": " ".join(f"{r.recommendation_id}.{r.version}.{r.verified is not None}" for r in found),
    }


def _register_dialogs(app: Dash, source: Source) -> None:
    @app.callback(
        Output("accept-dialog", "opened"),
        Output("accept-text", "children"),
        Output("operator-name", "error"),
        Output("advice-asked", "data"),
        Input("accept-open", "n_clicks"),
        Input("accept-cancel", "n_clicks"),
        Input("accept-confirm", "n_clicks"),
        State("advice-seen", "data"),
        State("operator-name", "value"),
        prevent_initial_call=True,
    )
    def accept_dialog(
        _o: int | None, _c: int | None, _k: int | None, seen: dict[str, Any] | None, actor: str | None
    ) -> tuple[Any, Any, Any, Any]:
        if ctx.triggered_id != "accept-open":
            return False, no_update, no_update, no_update
        problem = actions.actor_problem(actor)
        return (
            not problem,
            [] if problem else restated(source, seen or {}, actor or ""),
            problem or None,
            seen,
        )

    @app.callback(
        Output("reject-dialog", "opened"),
        Output("operator-name", "error", allow_duplicate=True),
        Output("advice-asked", "data", allow_duplicate=True),
        Input("reject-open", "n_clicks"),
        Input("reject-cancel", "n_clicks"),
        Input("reject-confirm", "n_clicks"),
        State("advice-seen", "data"),
        State("operator-name", "value"),
        State("reject-reason", "value"),
        prevent_initial_call=True,
    )
    def reject_dialog(
        _o: int | None,
        _c: int | None,
        _k: int | None,
        seen: dict[str, Any] | None,
        actor: str | None,
        reason: str | None,
    ) -> tuple[Any, Any, Any]:
        if ctx.triggered_id == "reject-open":
            problem = actions.actor_problem(actor)
            return not problem, problem or None, seen
        stays = ctx.triggered_id == "reject-confirm" and actions.reason_problem(reason)
        return bool(stays), no_update, no_update

    app.clientside_callback(
        ClientsideFunction("joulecast", "focus"),
        Output("advice-focus", "children"),
        Input("accept-dialog", "opened"),
        prevent_initial_call=True,
    )


def restated(source: Source, seen: dict[str, Any], actor: str) -> list[Child]:
    """What will happen, once more, before it does."""
    found = [r for r in advice.recommendations(source) if r.recommendation_id == seen.get("id")]
    if not found:
        return [html.P("This recommendation is no longer there.")]
    top = found[0]
    sends = (
        "The setpoints are sent to the plant at once; the plant has to acknowledge and to follow."
        if source.context.site.write_back
        else "This site does not write to the plant (write_back is off): set it by hand."
    )
    return [
        html.P(parts.action(top.changes), className="action small"),
        html.P(fmt.sentence(parts.saving(top)) + ", modelled."),
        html.P(parts.inlet_text(top)),
        html.P([sends, " The gates are asked again before anything is sent."]),
        html.P(f"{top.title}; on record as accepted by {actor.strip()}.", className="note"),
    ]


def _register_actions(app: Dash, source: Source) -> None:
    # `advice-asked` is what the dialog restated: a tick meanwhile cannot put another card under the finger
    @app.callback(
        Output("advice-result", "children"),
        Output("advice-pin", "data"),
        Input("accept-confirm", "n_clicks"),
        Input("reject-confirm", "n_clicks"),
        Input("advice-unpin", "n_clicks"),
        State("advice-asked", "data"),
        State("operator-name", "value"),
        State("reject-reason", "value"),
        prevent_initial_call=True,
    )
    def act(
        accepts: int | None,
        rejects: int | None,
        _: int | None,
        asked: dict[str, Any] | None,
        actor: str | None,
        reason: str | None,
    ) -> tuple[Any, Any]:
        if ctx.triggered_id == "accept-confirm" and accepts:
            return done(source, asked or {}, actor, None)
        if ctx.triggered_id == "reject-confirm" and rejects:
            return done(source, asked or {}, actor, reason or "")
        return "", None if ctx.triggered_id == "advice-unpin" else no_update


def done(source: Source, seen: dict[str, Any], actor: str | None, reason: str | None) -> tuple[str, Any]:
    """Accept (no reason) or reject (with one) what the operator saw; everything from the browser is checked.

    Returns:
        What to tell the operator, and the recommendation to keep on the page.
    """
    of, version = seen.get("id"), seen.get("version")
    if not isinstance(of, int) or not isinstance(version, int):
        return "There is no recommendation to act on.", no_update
    problem = actions.actor_problem(actor) or ("" if reason is None else actions.reason_problem(reason))
    if problem:
        return problem, no_update
    try:
        if reason is None:
            outcome = actions.accept(source, of, version, actor or "")
        else:
            outcome = actions.reject(source, of, version, actor or "", reason)
    except JoulecastError as error:
        return f"Not done: {error}", no_update
    return (outcome.message, of) if outcome.ok else (f"Not done: {outcome.message}", no_update)


PAGE: Final = Page("/recommendations", "Recommendations", layout, register)
