"""Whether it is all right, in one line; and what has happened, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from dash import dcc, html

from core.actions import State
from ui import format as fmt
from ui.charts.overview import Mark
from ui.components.panel import empty, table
from ui.data import overview
from ui.data.conduct import hold
from ui.head import PRIORITY_MARKS, silent_reason, stale_reason

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from core.limits import AirEnvelope
    from ui.components.panel import Child
    from ui.data import Source
    from ui.data.live import Live
    from ui.data.overview import Event, Quality, Standing

WAITING: Final = frozenset({State.PROPOSED, State.AWAITING_SECOND, State.INSTRUCTED})
"""States in which a recommendation waits for somebody."""
TOLERABLE: Final = 4
"""From this priority on it is all right all the same."""
SHOWN_TROUBLES: Final = 3
SHOWN_EVENTS: Final = 8
ADVICE_WORDS: Final = {
    State.PROPOSED: "was proposed",
    State.SNOOZED: "was put off",
    State.ACCEPTED: "was accepted",
    State.INSTRUCTED: "is to be set by hand",
    State.APPLIED: "moved its setpoint",
    State.HOLDING: "holds its setpoint",
    State.COMPLETED: "was completed",
    State.REJECTED: "was rejected",
    State.EXPIRED: "expired",
    State.WITHDRAWN: "was withdrawn",
    State.FAILED: "failed",
    State.REVERTED: "was reverted",
    State.REVERT_FAILED: "could not be reverted",
}
OVER: Final = "returned"
"""State of an alarm that is over and that nobody has acknowledged."""
ACCEPTED: Final = frozenset({State.ACCEPTED})


class Trouble(NamedTuple):
    """Something that is not all right."""

    priority: int
    """1 is the gravest."""
    said: str


def troubles(source: Source, now: Live) -> list[Trouble]:
    """Everything that is not all right, the gravest first."""
    return sorted(_data(source, now) + _plant(now, source) + _advice(source, now), key=lambda t: t.priority)


def _data(source: Source, now: Live) -> list[Trouble]:
    stale = stale_reason(now)
    if stale:
        return [Trouble(1, stale.rstrip("."))]
    silent = silent_reason(source, now)
    if silent:
        return [Trouble(2, silent.rstrip("."))]
    found = [Trouble(2, f"power ratio withheld: {now.ratio.reason}")] if not now.ratio.alive else []
    counted = overview.quality(now.points)
    off = [f"{n} {word}" for n, word in ((counted.bad, "bad"), (counted.late, "late")) if n]
    return [*found, *([Trouble(TOLERABLE, f"{' and '.join(off)} of {counted.all} points")] if off else [])]


def _plant(now: Live, source: Source) -> list[Trouble]:
    found = [
        Trouble(alarm.priority, fmt.said(alarm.message))
        for alarm in overview.standing(source)
        if alarm.state != OVER
    ]
    if now.worst and now.worst.inlet.value is not None and now.worst.inlet.value > now.limit_c:
        grave = now.worst.inlet.value > source.context.site.limits.envelope.allowable_high_c
        over = fmt.kelvins(now.worst.inlet.value - now.limit_c)
        found.append(Trouble(1 if grave else 2, f"{now.worst.name} is {over} above {fmt.limit(now.limit_c)}"))
    if now.unseen:
        found.append(Trouble(1 if now.worst is None else 3, now.unseen_said))
    return found


def _advice(source: Source, now: Live) -> list[Trouble]:
    found = []
    stopped = hold(source)
    if stopped:
        since = fmt.clock_time(stopped.at, source.zone, now.at)
        found.append(Trouble(2, f"HOLD since {since} by {stopped.actor}: {stopped.reason}"))
    failed = [r for r in overview.recommendations(source) if r.state is State.REVERT_FAILED]
    return found + [
        Trouble(1, f"recommendation {r.recommendation_id} could not be reverted: set it by hand")
        for r in failed
    ]


def status_line(found: Sequence[Trouble], waiting: int) -> Child:
    """One line: all right, or what is wrong, the gravest first; and what waits for somebody."""
    waits = f"{fmt.count(waiting, 'recommendation')} {'wait' if waiting != 1 else 'waits'}"
    grave = [trouble for trouble in found if trouble.priority < TOLERABLE]
    small = [trouble.said for trouble in found if trouble.priority >= TOLERABLE]
    if not grave:
        notes = [*([waits] if waiting else ["nothing waits for you"]), *small[:1]]
        return html.P([html.B("✓ All right: "), "; ".join(notes)], className="status-line")
    shown = [
        html.Span(
            [html.Span(PRIORITY_MARKS[t.priority], className=f"alarm p{t.priority}"), " ", t.said],
            className="trouble",
        )
        for t in grave[:SHOWN_TROUBLES]
    ]
    more = len(grave) - len(shown)
    rest = [f"and {more} more", *([waits] if waiting else [])] if more else [waits] if waiting else []
    return html.P(
        [*shown, *[html.Span(text) for text in rest]], className=f"status-line p{grave[0].priority}"
    )


def event_text(event: Event) -> str:
    """What happened, in words, without when."""
    if event.kind == "setpoint" and event.moved_c:
        before, after = event.moved_c
        return f"{fmt.sentence(fmt.words(event.said))} {fmt.degrees(before)} → {fmt.temperature(after)}"
    if event.kind == "advice":
        by = f" by {event.actor}" if event.actor and event.actor != "joulecast" else ""
        return f"Recommendation {event.number} {ADVICE_WORDS[State(event.said)]}{by}"
    if event.kind == "hold":
        return f"HOLD {event.said} by {event.actor}"
    said = fmt.said(event.said)
    return f"Over: {said}" if event.kind == "cleared" else said


def events(found: Sequence[Event], zone: ZoneInfo, now: datetime) -> Child:
    """The newest events, each with its time."""
    if not found:
        return empty("Nothing: no alarm, no recommendation, no setpoint.")
    rows = [
        html.Li(
            [
                html.Span(fmt.clock_time(event.at, zone, now), className="when"),
                html.Span(
                    [
                        html.Span(PRIORITY_MARKS[event.priority], className=f"alarm p{event.priority}")
                        if event.kind == "alarm" and event.priority
                        else "",
                        " " if event.kind == "alarm" else "",
                        event_text(event),
                    ]
                ),
            ]
        )
        for event in found[:SHOWN_EVENTS]
    ]
    more = len(found) - len(rows)
    return [
        html.Ul(rows, className="happened"),
        html.P(f"and {more} more", className="note") if more > 0 else "",
    ]


def marks(found: Sequence[Event], zone: ZoneInfo) -> tuple[Mark, ...]:
    """What the chart shows of them: alarms that came, setpoints that moved, advice that was accepted."""
    return tuple(
        Mark(event.at, event.kind, f"{fmt.clock_time(event.at, zone)} {event_text(event)}")
        for event in found
        if event.kind in {"alarm", "setpoint"} or (event.kind == "advice" and event.said in ACCEPTED)
    )


def alarms(found: Sequence[Standing], zone: ZoneInfo, now: datetime) -> Child:
    """The alarms that ask for somebody."""
    if not found:
        return empty("No alarm.")
    rows = [
        (
            html.Span(PRIORITY_MARKS[a.priority], className=f"alarm p{a.priority}"),
            fmt.clock_time(a.raised_at, zone, now),
            fmt.said(a.message),
            fmt.said(a.action),
            f"seen by {a.acknowledged_by}"
            if a.acknowledged_by
            else "over, not seen"
            if a.state == OVER
            else "new",
        )
        for a in found
    ]
    return table(("Priority", "Since", "What", "To do", "State"), rows)


def quality(found: Quality) -> Child:
    """How the points fare, in one line."""
    if not found.all:
        return empty("No point has sent anything yet.")
    parts = [f"{found.good} of {found.all} points good"]
    parts += [f"{n} {word}" for n, word in ((found.uncertain, "uncertain"),) if n]
    marked = [
        html.Span(f"▲ {n} {word}", className="alarm p3")
        for n, word in ((found.late, "late (silent for longer than usual)"), (found.bad, "bad"))
        if n
    ]
    return html.P(
        [
            ", ".join(parts),
            *[item for mark in marked for item in (" ", mark)],
            " ",
            dcc.Link("Which", href="/quality"),
        ],
        className="note",
    )


def envelope_note(thermal_class: str, envelope: AirEnvelope) -> str:
    """What the rack inlets are judged by."""
    recommended = fmt.limits(envelope.recommended_low_c, envelope.recommended_high_c)
    return (
        f"measured · class {thermal_class} recommended {recommended}, "
        f"allowable to {fmt.limit(envelope.allowable_high_c)}"
    )
