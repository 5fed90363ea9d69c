"""Parts of the Alarms page: rows, figures beside their targets, what has happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dash import dcc, html

from core.alarms import GRAVEST, LEAST, WITHHELD, State, Verb
from ui import format as fmt
from ui.components.panel import empty, facts, labelled, provenance, table
from ui.head import PRIORITY_MARKS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from ui.components.panel import Child
    from ui.data.alarms import Alarm, Event, Figures

STATES: Final[dict[State, str]] = {
    State.UNACKNOWLEDGED: "NEW",
    State.ACKNOWLEDGED: "acknowledged",
    State.RETURNED: "OVER, not acknowledged",
    State.NORMAL: "normal",
    State.SHELVED: "shelved",
    State.SUPPRESSED: "suppressed by design",
    State.OUT_OF_SERVICE: "out of service",
}
VERBS: Final = {
    "raise": "raised",
    "clear": "over",
    "acknowledge": "acknowledged",
    "shelve": "shelved",
    "suppress": "suppressed by design",
    "take_out": "taken out of service",
    "restore": "came back",
    "follow": "went on in the next one",
    "comment": "comment",
    "refused": "refused",
}
UNSEEN: Final = frozenset({State.UNACKNOWLEDGED, State.RETURNED})
_HOUR_S: Final = 3600
_MIX: Final = {1: "below 1 %", 2: "about 5 %", 3: "about 15 %", 4: "about 80 %"}
_BOTH: Final = "EEMUA 191, ISA-18.2"


def mark(priority: int) -> html.Span:
    """A priority as shape, letter and colour."""
    return html.Span(PRIORITY_MARKS[priority], className=f"alarm p{priority}")


def rows(
    found: Sequence[Alarm],
    zone: ZoneInfo,
    now: datetime,
    *,
    denied: Mapping[str, str],
    links: Mapping[int, str],
    pinned: int | None = None,
) -> Child:
    """Alarms, each with what to do about it and its buttons.

    Args:
        found: in the order to show them.
        zone: of times.
        now: plant time.
        denied: by permission, why the reader may not; empty where they may.
        links: by number, the address that shows one alarm.
        pinned: the one that the address names.
    """
    lines = []
    for a in found:
        marks = [name for name, so in (("unseen", a.state in UNSEEN), ("pinned", a.alarm_id == pinned)) if so]
        row = html.Li(
            [_head(a, zone, now, links[a.alarm_id]), _facts(a, zone, now), _buttons(a, denied)],
            key=str(a.alarm_id),  # so that the focus stays with its alarm when others come
            id=f"alarm-{a.alarm_id}",
            className=" ".join(["alarm-row", *marks]),
            tabIndex="0",
        )
        setattr(row, "data-alarm", str(a.alarm_id))
        lines.append(labelled(row, label=f"Priority {a.priority}: {fmt.said(a.message)}"))
    return html.Ul(lines, className="alarm-rows")


def _head(a: Alarm, zone: ZoneInfo, now: datetime, link: str) -> html.Div:
    end = a.cleared_at or now
    lasted = fmt.age((end - a.raised_at).total_seconds())
    when = f"since {fmt.clock_time(a.raised_at, zone, now)}, {lasted}"
    if a.cleared_at:
        when = f"{fmt.clock_time(a.raised_at, zone, now)}, for {lasted}"
    return html.Div(
        [
            mark(a.priority),
            html.Span(STATES[a.state], className="alarm-state"),
            dcc.Link(fmt.said(a.message), href=link, className="alarm-message"),
            html.Span(when, className="note nowrap"),
        ],
        className="alarm-head",
    )


def _facts(a: Alarm, zone: ZoneInfo, now: datetime) -> html.Dl:
    pairs: list[tuple[str, Child]] = [("Do", html.B(fmt.said(a.action)))]
    if a.value is not None:
        held = f"{fmt.quantity(a.value.value, a.value.unit)}, {provenance(a.value, zone, now)}"
        limit = f"; limit {fmt.quantity(a.limit.value, a.limit.unit)}" if a.limit else ""
        pairs.append(("Value", f"{held}{limit}"))
    pairs += [
        ("Within", f"{span(a.respond_s)} · {a.owner}"),
        ("Cause", fmt.said(a.cause)),
        ("Otherwise", fmt.said(a.consequence)),
    ]
    if a.state in WITHHELD:
        until = f" until {fmt.clock_time(a.withheld_until, zone, now)}" if a.withheld_until else ""
        pairs.append(
            (fmt.sentence(STATES[a.state]), f"{until} by {a.withheld_by}: {a.withheld_reason}".strip())
        )
    if a.acknowledged_at:
        at = fmt.clock_time(a.acknowledged_at, zone, now)
        pairs.append(("Seen", f"{at} by {a.acknowledged_by or 'somebody'}"))
    if a.comment:
        pairs.append(("Comment", f"{a.commented_by}: {a.comment}"))
    return facts(pairs)


def span(seconds: int) -> str:
    """A time to respond, e.g. ``10 min``."""
    return f"{seconds / _HOUR_S:g} h" if seconds >= _HOUR_S else f"{seconds // 60} min"


def _buttons(a: Alarm, denied: Mapping[str, str]) -> html.Div:
    offered: list[tuple[str, str, str, dict[str, str]]] = []
    if a.state in UNSEEN:
        offered.append(("alarm-ack", "Acknowledge", "alarm.acknowledge", {}))
    if a.state in {State.UNACKNOWLEDGED, State.ACKNOWLEDGED}:
        offered.append(("alarm-do", "Shelve…", "alarm.shelve", {"verb": Verb.SHELVE.value}))
    if a.state in {State.SHELVED, State.OUT_OF_SERVICE}:
        offered.append(("alarm-do", "Bring back…", "alarm.shelve", {"verb": Verb.RESTORE.value}))
    if a.state is not State.NORMAL:
        offered.append(("alarm-do", "Comment…", "alarm.shelve", {"verb": Verb.COMMENT.value}))
    return html.Div(
        [
            html.Button(
                text,
                id={"type": kind, "of": a.alarm_id, **more},
                className="btn small",
                disabled=bool(denied[permission]),
                title=denied[permission],
            )
            for kind, text, permission, more in offered
        ],
        className="row",
    )


def event_table(found: Sequence[Event], zone: ZoneInfo, now: datetime, links: Mapping[int, str]) -> Child:
    """What happened, the newest first."""
    if not found:
        return empty("Nothing happened in this time.")
    lines = [
        (
            fmt.clock_time(e.at, zone, now),
            mark(e.priority),
            dcc.Link(f"{e.alarm_id}", href=links[e.alarm_id]),
            VERBS.get(e.verb, e.verb),
            fmt.said(e.message),
            e.actor,
            "" if e.verb == "raise" else e.reason,
        )
        for e in found
    ]
    return table(("Time", "Priority", "Alarm", "What", "Message", "Who", "Why"), lines)


def figure_table(f: Figures) -> Child:
    """Figures beside their targets and where those come from; a miss is said in words and shape."""
    flood = f"more than {10 * f.positions}"
    lines: list[tuple[Any, ...]] = [
        _line("Alarms in 10 min", fmt.number(f.per_window), "at most 1", f.per_window <= 1),
        _line("Alarms a day", fmt.number(f.per_day), "at most 150; 300 can be managed", f.per_day <= 150),  # noqa: PLR2004
        _line(
            f"10-min windows with {flood}",
            f"{fmt.percent(f.flood_ratio, 1)} ({f.floods} of {f.windows})",
            "below 1 %",
            f.flood_ratio < 0.01,  # noqa: PLR2004
        ),
        _line("Most in 10 min", str(f.most), f"at most {10 * f.positions}", f.most <= 10 * f.positions),
        _line(
            "Share of the ten worst sources",
            fmt.percent(f.bad_ratio),
            "1 to 5 %; of few alarms it says little",
            None,
        ),
        _line("Chattering: 3 or more in 60 s", _named(f.chattering), "none", not f.chattering),
        _line("Standing for more than 24 h", _named(f.stale), "fewer than 5 a day", len(f.stale) < 5),  # noqa: PLR2004
    ]
    for priority in range(GRAVEST, LEAST + 1):
        count = f.mix.get(priority, 0)
        share = fmt.percent(count / f.raised) if f.raised else fmt.NOTHING
        lines.append((["Priority ", mark(priority)], f"{share} ({count})", _MIX[priority], "", "ISA-18.2"))
    return table(("For one operator position", "Found", "Target", "Verdict", "Source"), lines)


def _line(name: str, value: str, target: str, good: bool | None) -> tuple[Any, ...]:
    said = "" if good is None else ("met" if good else html.B("▲ missed"))
    return name, value, target, said, html.Span(_BOTH, className="nowrap")


def _named(sources: Sequence[str]) -> str:
    return f"{len(sources)}: {', '.join(sources[:5])}" if sources else "0"


def bad_actor_table(f: Figures) -> Child:
    """The sources that most alarms came from."""
    if not f.bad_actors:
        return empty("No alarm was raised in this time.")
    lines = [(bad.source, str(bad.raised), fmt.percent(bad.raised / f.raised)) for bad in f.bad_actors]
    return table(("Source", "Alarms", "Share"), lines, numeric=(1, 2))
