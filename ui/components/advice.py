"""A recommendation as an operator reads it: what to do, what it saves, what it risks, and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from dash import dcc, html

from core.actions import Authority, State
from ui import format as fmt
from ui.access import auth
from ui.components.panel import empty, facts, labelled, panel, table
from ui.data.advice import IN_HAND, REVERTIBLE

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from core.actions import Change
    from ui.components.panel import Child
    from ui.data.advice import Command, Event, Recommendation, Verdict

STATE_WORDS: Final[dict[State, str]] = {
    State.PROPOSED: "proposed: waits for an operator",
    State.SNOOZED: "snoozed: comes back if it still holds",
    State.ACCEPTED: "accepted",
    State.AWAITING_SECOND: "accepted: waits for a second name",
    State.PRECHECK: "accepted: the gates are asked again",
    State.INSTRUCTED: "accepted: to be set by hand, watched for",
    State.QUEUED: "queued: goes to the plant",
    State.SENT: "sent: waits for the plant's answer",
    State.ACKED: "acknowledged: waits for the setpoint to move",
    State.APPLIED: "applied: the setpoint has moved",
    State.RAMPING: "ramping: step by step to the value",
    State.HOLDING: "holding: the plant has the value",
    State.RELEASING: "releasing: the hold time is over",
    State.COMPLETED: "completed",
    State.REJECTED: "rejected",
    State.EXPIRED: "expired",
    State.SUPERSEDED: "superseded by a newer one",
    State.WITHDRAWN: "withdrawn: no longer safe or true",
    State.FAILED: "failed: the plant did not follow",
    State.REVERTING: "reverting: back to the plant's own value",
    State.REVERTED: "reverted",
    State.REVERT_FAILED: "REVERT FAILED: set the plant's own value by hand",
}
KIND_WORDS: Final = {"change": "", "renewal": "renews", "revert": "takes back"}
_NONE: Final = (
    "No recommendation. The twin proposes one when a forecast, weather and a calibration are there "
    "and a change of setpoints would save something within every limit."
)


def action(changes: tuple[Change, ...]) -> str:
    """What to do, in operator words."""
    return "; ".join(
        f"{'Raise' if c.step_k > 0 else 'Lower'} {fmt.words(c.setpoint)} "
        f"{fmt.degrees(c.from_c)} → {fmt.temperature(c.to_c)}"
        for c in changes
    ) or fmt.sentence("no change")


def saving(found: Recommendation) -> str:
    """Expected saving with its interval."""
    low, middle, high = found.saving_kw
    return f"saves {fmt.fixed(middle, 1)} kW ({fmt.band(low, high, 1, 'kW')}, p10 to p90)"


def expiry(found: Recommendation, now: datetime, zone: ZoneInfo) -> str:
    """How long its state lasts."""
    if found.state is State.SNOOZED and found.wakes_at:
        return f"back at {fmt.clock_time(found.wakes_at, zone, now)}"
    due = found.expires_at if found.state is State.PROPOSED else found.due_at
    if due is None:
        return ""
    left_s = (due - now).total_seconds()
    if left_s <= 0:
        return "expired" if found.state is State.PROPOSED else "time is over"
    word = {State.PROPOSED: "expires", State.HOLDING: "until"}.get(found.state, "by")
    return f"{word} {fmt.clock_time(due, zone, now)}, in {fmt.age(left_s)}"


def state_badge(state: State) -> html.Span:
    """The state as a word in a frame."""
    return html.Span(str(state), className="state", title=STATE_WORDS[state])


def summary(found: Recommendation | None, zone: ZoneInfo, now: datetime) -> Child:
    """The card on the first page: the top one only, with a link to the rest."""
    if found is None or found.due_at is None:
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
    kind = KIND_WORDS.get(found.kind, "")
    title = f"{found.title} · {kind} {found.of}" if kind else found.title
    return [
        html.Div([html.Span(title), html.Span(f"made {made}")], className="note apart"),
        html.P(action(found.changes), className="action"),
        html.Div(fmt.sentence(saving(found)) + ", modelled", className="saving"),
        *_instruction(found),
        facts(_effects(found, zone, now)),
    ]


def _instruction(found: Recommendation) -> list[Child]:
    """What an operator has to do at the plant, where we do not write."""
    if found.state is State.INSTRUCTED:
        text = f"Do this at the plant: {action(found.changes)}. Watching for the change; nothing is written."
        return [html.P(text, className="notice p3")]
    if found.state is State.REVERT_FAILED:
        own = f" to {fmt.temperature(found.lease.own_c)}" if found.lease else ""
        return [
            html.P(f"The plant's own value was not seen again: set it by hand{own}.", className="notice p1")
        ]
    if found.authority is Authority.SHADOW:
        text = (
            "Shadow: it is shown and scored against what operators do, and cannot be accepted. "
            "Give this setpoint more authority below when the evidence is there."
        )
        return [html.P(text, className="notice")]
    return []


def _effects(found: Recommendation, zone: ZoneInfo, now: datetime) -> list[tuple[str, Child]]:
    say = found.prediction
    pairs: list[tuple[str, Child]] = [("Objective", fmt.words(found.objective))]
    hours = say.get("horizon_h")
    if hours:
        low, middle, high = (kw * hours for kw in found.saving_kw)
        text = f"{fmt.fixed(middle, 0)} kWh ({fmt.band(low, high, 0, 'kWh')}) in {fmt.fixed(hours, 0)} h"
        pairs.append(("Energy", f"{text}, modelled"))
    worth = say.get("worth_interval")
    if worth:
        band = fmt.band(worth["p10"], worth["p90"], 2, worth["unit"])
        pairs.append(("In its own unit", f"{fmt.fixed(worth['p50'], 2)} {worth['unit']} ({band}), modelled"))
    if scaled := interval_text(found):
        pairs.append(("Its interval", scaled))
    if say.get("beyond_error_ratio") is not None:
        pairs.append(("Beyond the twin's error", f"{fmt.percent(say['beyond_error_ratio'])} of the saving"))
    if "facility_kw_before" in say and "facility_kw_after" in say:
        before, after = (fmt.fixed(say[f"facility_kw_{when}"], 1) for when in ("before", "after"))
        text = f"{before} → {after} kW, modelled"
        pairs.append(("Facility power", text))
    if "pue_before" in say and "pue_after" in say:
        text = f"{fmt.fixed(say['pue_before'], 3)} → {fmt.fixed(say['pue_after'], 3)}, modelled"
        pairs.append(("Power ratio", text))
    water = say.get("water_l_per_h")
    if water:
        verb = "saves" if water > 0 else "takes"
        more = "" if water > 0 else " more"
        pairs.append(("Water", f"{verb} {fmt.fixed(abs(water), 0)} L/h{more}, modelled"))
    pairs.append(("The rule alone", rule_text(found)))
    if found.state in {State.PROPOSED, State.SNOOZED, State.HOLDING}:
        pairs.append(("Held", hold_text(found)))
    if found.names:
        pairs.append(("Accepted by", " and ".join(found.names)))
    pairs.append(("Authority", found.authority.replace("_", " ")))
    pairs.append(("Rests on", sources_text(found.sources, zone, now, found.calibration_id)))
    return pairs


def interval_text(found: Recommendation) -> str:
    """By what earlier savings scaled its interval; empty where they left it as the twin has it."""
    scale = found.sources.get("interval_scale", 1.0)
    if scale == 1.0:
        return ""
    savings = fmt.count(found.sources["interval_savings"], "verified saving")
    return f"scaled by {fmt.fixed(scale, 2)} on the record of {savings}"


def hold_text(found: Recommendation) -> str:
    """What happens to the setpoint afterwards."""
    own = f" ({fmt.temperature(found.lease.own_c)})" if found.lease else ""
    return f"under a lease; then the plant's own control has it back{own}, unless it is renewed"


def sources_text(
    sources: dict[str, Any], zone: ZoneInfo, now: datetime, calibration_id: int | None = None
) -> str:
    """The versions of model, calibration and data behind something."""

    def moment(text: str) -> str:
        return fmt.clock_time(datetime.fromisoformat(text), zone, now)

    weather = str(sources.get("weather_source") or "")
    calibration = sources.get("calibration_id", calibration_id)
    said = [
        f"calibration {calibration}" if calibration is not None else "",
        f"forecast {sources['forecast_model']}" if sources.get("forecast_model") else "",
        f"issued {moment(sources['forecast_issued_at'])}" if sources.get("forecast_issued_at") else "",
        weather if not weather or weather.startswith("weather") else f"weather {weather}",
        f"data of {moment(sources['data_at'])}" if sources.get("data_at") else "",
    ]
    return ", ".join(text for text in said if text) or "nothing on record"


def rule_text(found: Recommendation) -> str:
    """What the plain reset rule would have done, its saving, and what advice is worth over it."""
    if not found.rule_changes:
        return "would change nothing"
    if found.rule_saving_kw is None:
        return f"{action(found.rule_changes)}, modelled"
    over = found.saving_kw[1] - found.rule_saving_kw
    beside = f"{fmt.fixed(abs(over), 1)} kW {'more' if over >= 0 else 'less'}"
    return (
        f"{action(found.rule_changes)}, saves {fmt.fixed(found.rule_saving_kw, 1)} kW; "
        f"this one saves {beside}, modelled"
    )


_LIMITS: Final = (
    ("Worst inlet", "worst_inlet_c", "inlet_limit_c"),
    ("Worst inlet, one machine lost", "n1_inlet_c", "n1_limit_c"),
    ("Dew point", "dew_point_c", "dew_point_limit_c"),
)
"""Limits from above: name, what is expected, the limit."""
_NEAR_K: Final = 5.0
"""From so far below its limit on the bar of a value fills [K]."""


def limits(found: Recommendation | None) -> Child:
    """The limits that hold it, nearest first, each with its margin as a bar."""
    say = found.prediction if found else {}
    there = [
        (say[limit] - say[value], name, say[value], say[limit])
        for name, value, limit in _LIMITS
        if say.get(value) is not None and say.get(limit) is not None
    ]
    if not there:
        return empty("No limits on record.")
    cells: list[Child] = []
    for margin, name, value, limit in sorted(there):
        full = min(max(1.0 - margin / _NEAR_K, 0.0), 1.0)
        bar = html.Div(html.Span(style={"left": "0", "width": f"{100 * full:.0f}%"}), className="bar")
        text = f"{fmt.degrees(value)} of {fmt.temperature(limit)}, {fmt.kelvins(margin)} left"
        cells += [html.Span(name), bar, html.Span(text)]
    return html.Div(cells, className="attribution")


def plan(found: Recommendation | None, zone: ZoneInfo) -> Child:
    """The blocks of the hours to come: who cools, where the setpoints lie, and what holds them back."""
    blocks = found.plan.get("blocks") if found else None
    if not blocks:
        return empty("No plan was made with this recommendation.")
    setpoints = list(blocks[0]["setpoints"])
    rows = [
        (
            _block_time(block, zone),
            _mode(block),
            *(fmt.degrees(block["setpoints"].get(name)) for name in setpoints),
            fmt.signed(block["saving_kw"], 1),
            _held(block) if block.get("held_by") else "nothing",
        )
        for block in blocks
    ]
    total = found.plan.get("saving_kwh") if found else None
    said = "" if total is None else f"All of it would save {fmt.fixed(total, 0)} kWh, modelled."
    named = [f"{fmt.sentence(short(name))}, {fmt.degree()}" for name in setpoints]
    head = ("From", "Who cools", *named, "Saves, kW", "Held back by")
    numeric = range(2, 3 + len(setpoints))
    return html.Div([table(head, rows, numeric), html.P(said, className="note")], className="plan")


def _held(block: dict[str, Any]) -> str:
    one = f"{fmt.display_value(1.0, 'K'):g} {fmt.display_unit('K')}"
    return f"{held_by_text(block['held_by'])}; {one} more saves {fmt.fixed(block['relaxed_kw'], 1)} kW"


def short(setpoint: str) -> str:
    """A setpoint as a column is named, e.g. ``supply air``, ``chilled water``."""
    return fmt.words(setpoint.removesuffix("_temperature").removesuffix("_supply"))


HELD_BY: Final = {
    "motion": "steps of {}",
    "envelope": "envelope of {}",
    "range": "range of {}",
    "inlet": "worst inlet",
    "inlet_n1": "worst inlet, one machine lost",
    "dew_point": "dew point",
    "part_load": "least part load",
    "curves": "the machines' curves",
    "heat": "heat left over",
    "heat_n1": "heat left over, one machine lost",
}
"""What keeps a block of the plan from saving more, in words."""


def held_by_text(name: str) -> str:
    """A limit as an operator reads it, e.g. ``steps of chilled water``."""
    kind, _, setpoint = name.partition(":")
    return HELD_BY.get(kind, fmt.words(kind)).format(short(setpoint))


def _block_time(block: dict[str, Any], zone: ZoneInfo) -> str:
    start = fmt.hour_minute(datetime.fromisoformat(block["start"]), zone)
    return f"{start}, {fmt.fixed(block['hours'], 0)} h"


def _mode(block: dict[str, Any]) -> str:
    running = int(block["chillers"])
    chillers = fmt.count(running, "chiller") if running else "no chiller"
    return f"{chillers}, economizer" if block["economizer"] else chillers


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
        if not fmt.fixed(saved, 1).strip("0.\N{MINUS SIGN}"):
            continue  # what the plant lacks, or what the change does not touch
        left, size = 100 * (min(saved, 0.0) - low) / width, 100 * abs(saved) / width
        bar = html.Div(
            [
                html.Span(style={"left": f"{left:.1f}%", "width": f"{size:.1f}%"}),
                html.I(style={"left": f"{100 * -low / width:.1f}%"}),
            ],
            className="bar",
        )
        cells += [html.Span(fmt.sentence(fmt.words(name))), bar, html.Span(f"{fmt.signed(saved, 1)} kW")]
    water = found.prediction.get("water_l_per_h")
    if water:
        cells += [html.Span("Water"), html.Span(), html.Span(f"{fmt.signed(water, 0)} L/h")]
    cells += [
        html.Span("Sum of powers", className="sum"),
        html.Span(),
        html.Span(f"{fmt.signed(whole, 1)} kW", className="sum"),
    ]
    return html.Div(cells, className="attribution")


def gates(found: Recommendation | None) -> Child:
    """Every safety gate's verdict with its reason."""
    if found is None or not found.verdicts:
        return empty("No verdicts.")
    return html.Ul([_gate(_as_decided(verdict, found)) for verdict in found.verdicts], className="gates")


def _as_decided(verdict: Verdict, found: Recommendation) -> Verdict:
    """The human gate waits on record, as the card was made before anybody had decided."""
    if verdict.ok is None and found.names and found.state is not State.AWAITING_SECOND:
        return replace(verdict, ok=True, reason=f"accepted by {' and '.join(found.names)}")
    return verdict


def _gate(verdict: Verdict) -> html.Li:
    mark, word = {True: ("✓", "passed"), False: ("✕", "FAILED"), None: ("○", "open")}[verdict.ok]
    name = html.Span([fmt.words(verdict.gate), html.Span(f" {word}", className="sr")], className="gate")
    return html.Li(
        [
            labelled(html.Span(mark, className="mark"), hidden="true"),
            name,
            html.Span(fmt.said(verdict.reason), className="reason note"),
        ],
        className="failed" if verdict.ok is False else "",
    )


def in_hand(found: tuple[Recommendation, ...], zone: ZoneInfo, now: datetime) -> Child:
    """All that is on its way to the plant or held there, with what is left of each lease."""
    there = [r for r in found if r.state in IN_HAND]
    if not there:
        return empty("Nothing is on its way and nothing is held: the plant runs by its own control.")
    rows = [
        (
            f"#{r.recommendation_id}",
            action(r.changes),
            [state_badge(r.state), " ", html.Span(expiry(r, now, zone), className="note")],
            _lease_text(r, now),
            html.Button(
                "Revert…",
                id={"type": "revert", "of": r.recommendation_id},
                className="btn small",
                **auth.pressed_by("advice.decide"),
            )
            if r.state in REVERTIBLE
            else "",
        )
        for r in there
    ]
    return table(("", "Change", "State", "Lease", ""), rows)


def _lease_text(found: Recommendation, now: datetime) -> str:
    if found.lease is None:
        return "none: set by hand" if found.authority is Authority.ADVISORY else "none yet"
    left_s = (found.lease.until - now).total_seconds()
    renewed = fmt.age((now - found.lease.renewed_at).total_seconds())
    left = f"{fmt.age(left_s)} left" if left_s > 0 else "over: the plant lets go by itself"
    return f"{left}, renewed {renewed} ago; own value {fmt.temperature(found.lease.own_c)}"


def command_table(found: tuple[Command, ...], zone: ZoneInfo, now: datetime) -> Child:
    """Each setpoint on its way, and what the plant reports for it."""
    if not found:
        return empty("Nothing has been sent to the plant for this recommendation.")
    rows = [
        (
            f"{c.ref}, {'release' if c.kind == 'release' else f'step {c.step}'}",
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
        ("not before", command.not_before),
        ("sent", command.sent_at),
        ("acknowledged", command.acknowledged_at),
        ("applied", command.applied_at),
    ]
    text = ", ".join(f"{name} {fmt.clock_time(at, zone, now)}" for name, at in moments if at)
    return f"{text}. {fmt.said(command.reason)}" if command.reason else text


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
    lines = [_event(e, zone, now) for e in events]
    return html.Details([head, html.Ul(lines, className="events")], className="history")


def _event(event: Event, zone: ZoneInfo, now: datetime) -> html.Li:
    step = f"{event.from_state or 'new'} → {event.to_state}"
    behind = sources_text(event.detail, zone, now) if event.detail.get("calibration_id") is not None else ""
    return html.Li(
        [
            f"{fmt.clock_time(event.at, zone, now)} · {step} · {event.actor}: {fmt.said(event.reason)}",
            html.Span(f" ({behind})", className="note") if behind else "",
        ]
    )


def _result(found: Recommendation) -> str:
    if found.verified:
        v = found.verified
        return f"measured {fmt.fixed(v.p50_kwh, 1)} kWh ({fmt.band(v.p10_kwh, v.p90_kwh, 1, 'kWh')})"
    return f"expected {fmt.fixed(found.saving_kw[1], 1)} kW"
