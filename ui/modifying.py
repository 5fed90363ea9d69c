"""Another value than the advised one: a slider within the site's range, its worth, and doing it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import dash_mantine_components as dmc
from dash import Input, Output, State, ctx, html, no_update

from core.errors import JoulecastError
from ui import actions, view
from ui import format as fmt
from ui.access import auth
from ui.callbacks import callback
from ui.components.dialog import modal, outcome
from ui.components.panel import facts
from ui.data import advice

if TYPE_CHECKING:
    from dash import Dash

    from twin.advise.modify import Looked
    from ui.components.panel import Child
    from ui.data import Source

_STEP_K: Final = 0.1
_GONE: Final = "There is no recommendation whose value could be changed."


def dialog() -> dmc.Modal:
    """The slider and what it would be worth; the safe answer has the focus."""
    slider = dmc.Slider(
        id="modify-value", min=0, max=1, value=0, step=_STEP_K, precision=1, updatemode="mouseup", size="lg",
        thumbLabel="Value",
    )  # fmt: skip
    return modal(
        "modify",
        html.Div(id="modify-text"),
        html.Div(slider, className="modify-slider"),
        html.Div(id="modify-worth", role="status"),
        outcome("modify-problem"),
        title="Another value",
        confirm="Put it in its place",
    )


def register(app: Dash, source: Source) -> None:
    """Opening, looking, doing."""

    @callback(
        app,
        source,
        "advice.decide",
        output={
            "opened": Output("modify-dialog", "opened"),
            "text": Output("modify-text", "children"),
            "low": Output("modify-value", "min"),
            "high": Output("modify-value", "max"),
            "marks": Output("modify-value", "marks"),
            "value": Output("modify-value", "value"),
            "problem": Output("modify-problem", "children"),
            "result": Output("advice-result", "children", allow_duplicate=True),
            "search": Output("url", "search", allow_duplicate=True),
        },
        inputs={
            "opens": Input("modify-open", "n_clicks"),
            "cancels": Input("modify-cancel", "n_clicks"),
            "confirms": Input("modify-confirm", "n_clicks"),
            "seen": State("advice-seen", "data"),
            "value": State("modify-value", "value"),
        },
        prevent_initial_call=True,
    )
    def ask(**given: Any) -> dict[str, Any]:
        same = dict.fromkeys(
            ("opened", "text", "low", "high", "marks", "value", "problem", "result", "search"), no_update
        )
        if not ctx.triggered[0]["value"]:
            return same
        if ctx.triggered_id == "modify-cancel":
            return {**same, "opened": False}
        if ctx.triggered_id == "modify-open":
            return same | opened(source, given["seen"])
        return same | done(source, given["seen"], given["value"])

    @callback(
        app,
        source,
        "advice.decide",
        Output("modify-worth", "children"),
        Input("modify-value", "value"),
        State("advice-seen", "data"),
        State("modify-dialog", "opened"),
        prevent_initial_call=True,
    )
    def look(value: Any, seen: Any, shown: Any) -> Any:
        return worth(source, seen, value) if shown else ""


def opened(source: Source, seen: Any) -> dict[str, Any]:
    """The dialog for the card that is shown: where the value may lie, and where it is."""
    found = _card(source, seen)
    if found is None:
        return {"result": _GONE}
    change = found.changes[0]
    bounds = source.context.site.setpoints[change.setpoint]
    low, high, now, advised = (
        fmt.display_value(at, "degC") or 0.0
        for at in (bounds.low_c, bounds.high_c, change.from_c, change.to_c)
    )
    return {
        "opened": True,
        "text": html.P(
            f"{fmt.sentence(fmt.words(change.setpoint))}: {fmt.temperature(change.from_c)} now, "
            f"{fmt.temperature(change.to_c)} advised; the site allows "
            f"{fmt.limits(bounds.low_c, bounds.high_c)}, "
            f"at most {fmt.kelvins(bounds.step_max_k)} in one step."
        ),
        "low": low,
        "high": high,
        "marks": [
            {"value": at, "label": text}
            for at, text in ((low, f"{low:.4g}"), (high, f"{high:.4g}"), (now, "now"), (advised, ""))
        ],
        "value": advised,
        "problem": "",
        "result": "",
    }


def worth(source: Source, seen: Any, value: Any) -> Child:
    """What the value under the finger would save, risk and meet; or why it cannot be."""
    found = _card(source, seen)
    if found is None or not isinstance(value, int | float):
        return ""
    try:
        looked = actions.look_at(source, found.recommendation_id, fmt.celsius(float(value)))
    except JoulecastError as error:
        return html.P(f"▲ {fmt.said(str(error))}")
    return [facts(_facts(looked)), html.P(_verdict(looked))]


def _facts(looked: Looked) -> list[tuple[str, Child]]:
    expected, benefit = looked.assessment.prediction, looked.assessment.benefit
    spread = f"{fmt.band(benefit.p10_kw, benefit.p90_kw, 1, 'kW')}, p10 to p90"
    inlet = f"{fmt.temperature(expected.inlet_c)} of {fmt.temperature(expected.inlet_limit_c)}"
    return [
        ("Would save", f"{fmt.fixed(benefit.p50_kw, 1)} kW ({spread}), modelled"),
        ("Worst inlet", f"{inlet}, modelled"),
    ]


def _verdict(looked: Looked) -> str:
    return (
        f"▲ The gates would not let it pass: {fmt.said(looked.refusal)}."
        if looked.refusal
        else "✓ Every gate would pass."
    )


def done(source: Source, seen: Any, value: Any) -> dict[str, Any]:
    """Put the value in the place of the advised one; the new card is shown, to be accepted like any other."""
    try:
        found = _card(source, seen)
        if found is None or not isinstance(value, int | float):
            return {"problem": _GONE}
        outcome = actions.modify(
            source, found.recommendation_id, seen["version"], auth.user().name, fmt.celsius(float(value))
        )
    except JoulecastError as error:
        return {"problem": fmt.said(actions.not_done(error))}
    if not outcome.ok:
        return {"problem": f"Not done: {fmt.said(outcome.message)}"}
    looked_at = view.current()
    newest = view.search_of(looked_at, card=None) if looked_at else no_update
    return {"opened": False, "result": fmt.said(outcome.message), "search": newest}


def _card(source: Source, seen: Any) -> advice.Recommendation | None:
    """The card that the browser shows; what it sends is not believed."""
    of = seen.get("id") if isinstance(seen, dict) else None
    found = [r for r in advice.recommendations(source) if r.recommendation_id == of and r.changes]
    return found[0] if found and isinstance(seen.get("version"), int) else None
