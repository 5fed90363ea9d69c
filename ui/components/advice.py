"""A recommendation as an operator reads it: what to do, what it saves, what it risks, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dash import dcc, html

from core.actions import State
from ui import format as fmt
from ui.components.panel import empty, facts, labelled, panel, table

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from core.actions import Change
    from ui.components.panel import Child
    from ui.data.advice import Command, Event, Recommendation, Verdict

STATE_WORDS: Final[dict[State, str]] = {
    State.PROPOSED: "proposed: waits for an operator",
    State.ACCEPTED: "accepted: goes to the plant",
    State.SENT: "sent: waits for the plant",
    State.APPLIED: "applied: the plant follows",
    State.VERIFIED: "verified: the saving was measured",
    State.REJECTED: "rejected",
    State.EXPIRED: "expired",
    State.SUPERSEDED: "superseded by a newer one",
    State.WITHDRAWN: "withdrawn: no longer safe or true",
    State.FAILED: "failed: the plant did not follow",
    State.REVERTED: "reverted",
}
_NONE: Final = (
    "No recommendation. The twin proposes one when a forecast, weather and a calibration are there "
    "and a change of setpoints would save power within every limit."
)


def action(changes: tuple[Change, ...]) -> str:
    """What to do, in operator words."""
    return "; ".join(
        f"{'Raise' if c.step_k > 0 else 'Lower'} {fmt.words(c.setpoint)} "
        f"{fmt.fixed(c.from_c, 1)} → {fmt.fixed(c.to_c, 1)} °C"
        for c in changes
    ) or fmt.sentence("no change")


def saving(found: Recommendation) -> str:
    """Expected saving with its interval."""
    low, middle, high = found.saving_kw
    return f"saves {fmt.fixed(middle, 1)} kW ({fmt.band(low, high, 1, 'kW')}, p10 to p90)"


def expiry(found: Recommendation, now: datetime, zone: ZoneInfo) -> str:
    """Until when it may be accepted."""
    if found.state is not State.PROPOSED:
        return ""
    left_s = (found.expires_at - now).total_seconds()
    if left_s <= 0:
        return "expired"
    return f"expires {fmt.clock_time(found.expires_at, zone, now)}, in {fmt.age(left_s)}"


def state_badge(state: State) -> html.Span:
    """The state as a word in a frame."""
    return html.Span(str(state), className="state", title=STATE_WORDS[state])


def summary(found: Recommendation | None, zone: ZoneInfo, now: datetime) -> Child:
    """The card on the first page: the top one only, with a link to the rest."""
    if found is None or found.state not in {State.PROPOSED, State.ACCEPTED, State.SENT, State.APPLIED}:
        return panel("Recommendation", empty(_NONE), dcc.Link("All recommendations", href="/recommendations"))
    return panel(
        f"Recommendation {found.recommendation_id}",
        html.P(action(found.changes), className="action small"),
        html.Div(fmt.sentence(saving(found)) + ", modelled", className="saving"),
        html.Div(inlet_text(found), className="note"),
        html.Div(dcc.Link("See why, accept or reject", href="/recommendations"), className="buttons"),
        note=[state_badge(found.state), " ", expiry(found, now, zone)],
    )


def inlet_text(found: Recommendation) -> str:
    """The warmest inlet that the twin expects, beside its limit."""
    worst, limit = found.prediction.get("worst_inlet_c"), found.prediction.get("inlet_limit_c")
    if worst is None:
        return ""
    text = f"Worst inlet afterwards {fmt.temperature(worst)}, modelled"
    return text if limit is None else f"{text}; limit {fmt.temperature(limit)}"


def card(found: Recommendation | None, zone: ZoneInfo, now: datetime) -> list[Child]:
    """The whole card, without its buttons."""
    if found is None:
        return [empty(_NONE)]
    made = fmt.clock_time(found.created_at, zone, now)
    return [
        html.Div(
            [html.Span(found.title, className="note"), html.Span(f"made {made}", className="note")],
            style={"display": "flex", "justifyContent": "space-between", "gap": "12px"},
        ),
        html.P(action(found.changes), className="action"),
        html.Div(fmt.sentence(saving(found)) + ", modelled", className="saving"),
        facts(_effects(found)),
    ]


def _effects(found: Recommendation) -> list[tuple[str, Child]]:
    say = found.prediction
    pairs: list[tuple[str, Child]] = [("Objective", fmt.words(found.objective))]
    if "facility_kw_before" in say and "facility_kw_after" in say:
        before, after = (fmt.fixed(say[f"facility_kw_{when}"], 1) for when in ("before", "after"))
        text = f"{before} → {after} kW, modelled"
        pairs.append(("Facility power", text))
    if "pue_before" in say and "pue_after" in say:
        text = f"{fmt.fixed(say['pue_before'], 3)} → {fmt.fixed(say['pue_after'], 3)}, modelled"
        pairs.append(("Power ratio", text))
    if inlet_text(found):
        pairs.append(("Worst inlet", inlet_text(found).removeprefix("Worst inlet afterwards ")))
    pairs.append(("The rule alone", rule_text(found)))
    return pairs


def rule_text(found: Recommendation) -> str:
    """What the plain reset rule would have done, and its saving."""
    if not found.rule_changes:
        return "would change nothing"
    saved = f", saves {fmt.fixed(found.rule_saving_kw, 1)} kW" if found.rule_saving_kw is not None else ""
    return f"{action(found.rule_changes)}{saved}, modelled"


def attribution(found: Recommendation | None) -> Child:
    """Where the saving comes from; signed bars that add up to the median."""
    if found is None or not found.attribution_kw:
        return empty("No attribution.")
    parts = found.attribution_kw
    whole = sum(parts.values())
    low, high = min(0.0, *parts.values()), max(0.0, *parts.values())
    width = (high - low) or 1.0
    cells: list[Child] = []
    for name, saved in sorted(parts.items(), key=lambda item: -item[1]):
        if not saved:
            continue  # what the plant lacks, or what the change does not touch
        left, size = 100 * (min(saved, 0.0) - low) / width, 100 * abs(saved) / width
        bar = html.Div(
            [
                html.Span(style={"left": f"{left:.1f}%", "width": f"{size:.1f}%"}),
                html.I(style={"left": f"{100 * -low / width:.1f}%"}),
            ],
            className="bar",
        )
        cells += [html.Span(fmt.words(name)), bar, html.Span(f"{fmt.signed(saved, 1)} kW")]
    cells += [
        html.Span("Sum", className="sum"),
        html.Span(),
        html.Span(f"{fmt.signed(whole, 1)} kW", className="sum"),
    ]
    return html.Div(cells, className="attribution")


def gates(found: Recommendation | None) -> Child:
    """Every safety gate's verdict with its reason."""
    if found is None or not found.verdicts:
        return empty("No verdicts.")
    return html.Ul([_gate(verdict) for verdict in found.verdicts], className="gates")


def _gate(verdict: Verdict) -> html.Li:
    mark, word = {True: ("✓", "passed"), False: ("✕", "FAILED"), None: ("○", "open")}[verdict.ok]
    name = html.Span([fmt.words(verdict.gate), html.Span(f" {word}", className="sr")], className="gate")
    return html.Li(
        [
            labelled(html.Span(mark, className="mark"), hidden="true"),
            name,
            html.Span(verdict.reason, className="reason note"),
        ],
        className="failed" if verdict.ok is False else "",
    )


def command_table(found: tuple[Command, ...], zone: ZoneInfo, now: datetime) -> Child:
    """Each setpoint on its way, and what the plant reports for it."""
    if not found:
        return empty("Nothing has been sent to the plant for this recommendation.")
    rows = [
        (
            c.ref,
            fmt.temperature(c.previous_value),
            fmt.temperature(c.value),
            f"{fmt.temperature(c.measured_value)} at {fmt.clock_time(c.measured_at, zone, now)}",
            html.B(c.state),
            _moments(c, zone, now),
        )
        for c in found
    ]
    return table(("Setpoint", "Before", "Wanted", "Measured", "State", "When"), rows, numeric=(1, 2))


def _moments(command: Command, zone: ZoneInfo, now: datetime) -> str:
    moments = [
        ("queued", command.created_at),
        ("sent", command.sent_at),
        ("acknowledged", command.acknowledged_at),
        ("applied", command.applied_at),
    ]
    text = ", ".join(f"{name} {fmt.clock_time(at, zone, now)}" for name, at in moments if at)
    return f"{text}. {command.reason}" if command.reason else text


def history(
    found: tuple[Recommendation, ...], events: dict[int, tuple[Event, ...]], zone: ZoneInfo, now: datetime
) -> list[Any]:
    """All recommendations with everything that happened to each."""
    if not found:
        return [empty("None yet.")]
    return [_entry(r, events.get(r.recommendation_id, ()), zone, now) for r in found]


def _entry(found: Recommendation, events: tuple[Event, ...], zone: ZoneInfo, now: datetime) -> html.Details:
    head = html.Summary(
        [
            html.Span(f"#{found.recommendation_id}"),
            html.Span(state_badge(found.state)),
            html.Span(fmt.clock_time(found.created_at, zone, now), className="note"),
            html.Span(action(found.changes)),
            html.Span(_result(found), className="note"),
        ]
    )
    lines = [
        html.Li(
            f"{fmt.clock_time(e.at, zone, now)} · {e.from_state or 'new'} → {e.to_state}"
            f" · {e.actor}: {e.reason}"
        )
        for e in events
    ]
    return html.Details([head, html.Ul(lines, className="events")], className="history")


def _result(found: Recommendation) -> str:
    if found.verified:
        v = found.verified
        return f"measured {fmt.fixed(v.p50_kwh, 1)} kWh ({fmt.band(v.p10_kwh, v.p90_kwh, 1, 'kWh')})"
    return f"expected {fmt.fixed(found.saving_kw[1], 1)} kW"
