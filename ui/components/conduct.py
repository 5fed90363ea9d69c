"""How advice is conducted: what it saves, how far it may go on each setpoint, what has stopped it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import dash_mantine_components as dmc
from dash import html

from core.actions import Authority
from ui import format as fmt
from ui.access import auth
from ui.components.panel import empty, table

if TYPE_CHECKING:
    from ui.components.panel import Child
    from ui.data.conduct import Alarm, Conduct, Trust

OBJECTIVES: Final = {"facility_energy": "Energy (kWh)", "cost": "Cost (tariff)", "carbon": "Carbon (kgCO₂)"}
AUTHORITY_WORDS: Final[dict[Authority, str]] = {
    Authority.SHADOW: "shown and scored, nobody can accept it",
    Authority.ADVISORY: "an operator sets the plant by hand, we watch for it",
    Authority.SUPERVISED: "what an operator accepts is written under a lease",
    Authority.AUTO_BOUNDED: "accepted by itself inside the approved envelope",
}
WHY_NOT_PUE: Final = (
    "PUE is not offered: it falls when server fans work harder, because their power counts as IT. "
    "Warmer air can lower PUE and raise the bill; what is saved here is counted at the utility's meter."
)


def notices(found: Conduct, *, calibrated: bool) -> list[Child]:
    """What keeps advice from coming, and what to do about each."""
    said = [_alarm(alarm) for alarm in found.alarms]
    if not calibrated:
        text = "The twin is not calibrated: advice waits for a day of readings and the twin's service."
        said.append(html.P(text, className="notice p3"))
    return said


def _alarm(alarm: Alarm) -> Child:
    """What happened, what to do, and a way to say that somebody has looked."""
    text = fmt.said(f"{alarm.message.rstrip('.')}. {alarm.action.rstrip('.')}.")
    if alarm.looked:
        return html.P([text, f" {alarm.looked} has looked."], className=f"notice p{alarm.priority}")
    look = html.Button(
        "Looked at…",
        id={"type": "look", "of": alarm.alarm_id},
        className="btn small",
        **auth.pressed_by("alarm.acknowledge"),
    )
    return html.Div([html.Span(text), look], className=f"notice apart p{alarm.priority}")


def objective(found: Conduct) -> Child:
    """The choice, and why one is missing."""
    return html.Div(
        [
            html.Div(
                [
                    dmc.Select(
                        id="objective",
                        label="Advice saves",
                        data=[
                            {"value": o, "label": OBJECTIVES.get(o, fmt.words(o))} for o in found.objectives
                        ],
                        value=found.objective,
                        allowDeselect=False,
                    ),
                    html.Button(
                        "Change…", id="objective-open", className="btn", **auth.pressed_by("advice.policy")
                    ),
                ],
                className="buttons",
            ),
            html.P(WHY_NOT_PUE, className="note"),
        ]
    )


def authority(found: Conduct) -> Child:
    """How far advice may go on each setpoint, the evidence, and the way up and down."""
    if not found.trust:
        return empty("site.toml names no setpoint that advice may change.")
    rows = [
        (
            fmt.sentence(fmt.words(trust.setpoint)),
            [html.B(_name(trust.authority)), html.Div(AUTHORITY_WORDS[trust.authority], className="note")],
            str(trust.days),
            str(trust.number),
            fmt.percent(trust.coverage_ratio),
            str(trust.breaches),
            _next_step(trust),
            _buttons(trust),
        )
        for trust in found.trust
    ]
    head = ("Setpoint", "Authority", "Days", "Verified", "In interval", "Breaches", "Next step", "")
    return table(head, rows, numeric=(2, 3, 4, 5))


def _name(authority: Authority) -> str:
    return authority.replace("_", "-").upper()


def _next_step(trust: Trust) -> str:
    if trust.above is None:
        return "none above"
    if trust.missing:
        return f"{_name(trust.above)} lacks: {'; '.join(trust.missing)}"
    if trust.asked_by:
        return f"{trust.asked_by} asks for {_name(trust.above)}: a second person has to agree"
    return f"the evidence for {_name(trust.above)} is there: two persons have to ask for it"


def _buttons(trust: Trust) -> Child:
    below = trust.below[-1:]
    steps = [(trust.above, "Promote…")] if trust.above and not trust.missing else []
    steps += [(step, f"To {_name(step)}…") for step in below]
    return html.Div(
        [
            html.Button(
                text,
                id={"type": "authority", "setpoint": trust.setpoint.value, "to": step.value},
                className="btn small",
                **auth.pressed_by("advice.decide"),
            )
            for step, text in steps
            if step is not None
        ],
        className="row",
    )
