"""The player of a replayed day: controls, values at the cursor, what happened, what would have differed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import dash_mantine_components as dmc
import numpy as np
from dash import html

from ui import format as fmt
from ui.components.panel import empty, labelled, table
from ui.data import player
from ui.data.replay import FACILITY

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from ui.components.panel import Child
    from ui.data.player import Constraint, Event, Played, Row, Run

SPEEDS: Final = ("1", "10", "60", "300", "600")
"""How many times as fast as the day went."""
SPEED: Final = "60"
SIGNS: Final = {"setpoint": "◇", "alarm": "▲", "recommendation": "◆"}
"""What an event is, by a mark beside its words."""
LANE_NAMES: Final = {
    "measured": "Measured",
    "twin": "Twin",
    "alternative": "Alternative",
    "difference": "Difference",
}
_BUTTONS: Final = (
    ("back-hour", "−1 h", "One hour back (Shift and arrow left)"),
    ("back", "−1 step", "One step back (arrow left)"),
    ("play", "Play", "Play or pause (space)"),
    ("on", "+1 step", "One step on (arrow right)"),
    ("on-hour", "+1 h", "One hour on (Shift and arrow right)"),
    ("event-back", "◀ event", "To the event before (P)"),
    ("event-on", "event ▶", "To the next event (N)"),
)
_KEYS: Final = (
    "Space plays, arrows go one step, with Shift one hour, N and P to the next event and the one before."
)


def transport(speed: str) -> html.Div:
    """Buttons, speeds, clock and the scrubber's place; the browser's own script moves them."""
    buttons = [
        html.Button(
            text, id=f"replay-{name}", className="btn" + (" primary" if name == "play" else ""), title=title
        )
        for name, text, title in _BUTTONS
    ]
    speeds = dmc.SegmentedControl(
        id="replay-speed", data=[{"value": s, "label": f"{s}x"} for s in SPEEDS], value=speed, size="sm"
    )
    bar = [
        html.Div(buttons, className="row"),
        labelled(html.Div(speeds, className="speeds", role="group"), label="Speed"),
        html.Span(id="replay-clock", className="clock"),
    ]
    return html.Div(
        [
            html.Div(bar, className="transport"),
            html.Div(
                [html.Div(id="replay-known"), html.Div(id="replay-marks"), html.Div(id="replay-scrub")],
                className="scrubber",
            ),
            html.P(_KEYS, className="note"),
        ],
        id="replay-player",
        className="player waits",
    )


def cursor_table(of: Played) -> html.Div:
    """Every quantity of the day by lane; the browser fills it with what holds at the cursor."""
    lanes = [lane for lane in player.LANES if any(lane in row.lanes for row in of.rows)]
    head = ["", *(LANE_NAMES[lane] for lane in lanes)]
    head.insert(3, "19 of 20 errors")
    rows = []
    for row in of.rows:
        cells: list[Child] = [
            html.Span(id=f"replay-{row.key}-{lane}") if lane in row.lanes else "" for lane in lanes
        ]
        cells.insert(2, _error(row))
        unit = html.Span(row.unit_shown, className="note")
        rows.append([html.Span([row.name, " ", unit]), *cells])
    return table(head, rows, numeric=range(1, len(head)))


def _error(row: Row) -> str:
    if row.error is None or len(row.error) > 1:
        return ""
    return f"± {fmt.fixed(float(row.shown(row.error, apart=True)[0]), row.places)}"


def events(of: Played, zone: ZoneInfo) -> Child:
    """What happened, in order; each leads there."""
    if not of.events:
        return empty("No setpoint was moved on this day, no alarm came and nothing was recommended.")
    return html.Ol([html.Li(_event(of, event, zone)) for event in of.events], className="events-of-day")


def _event(of: Played, event: Event, zone: ZoneInfo) -> html.Button:
    step: dict[str, Any] = {"data-step": str((event.at - of.start) // of.step)}
    said = [
        html.Span(fmt.hour_minute(event.at, zone), className="at"),
        html.Span(f"{SIGNS[event.kind]} {player.event_text(event)}"),
    ]
    return html.Button(said, className="event", **step)


def difference(run: Run, currency: str) -> Child:
    """What the alternative would have saved, and what would not have held."""
    of = run.played
    return html.Div(
        [
            table(("", *_heads(of)), _sums(run, currency), numeric=range(1, 6)),
            html.H3("What must hold, and for how long it did not"),
            table(("", "Limit", *_heads(of)), [_held(c, of) for c in of.constraints], numeric=range(1, 6)),
            html.P(_verdict(of), className="verdict"),
        ]
    )


def _heads(of: Played) -> list[str]:
    return [LANE_NAMES[lane] for lane in _lanes_of(of)]


def _lanes_of(of: Played) -> list[str]:
    return [lane for lane in player.LANES if lane in of.row("facility_kw").lanes]


def _sums(run: Run, currency: str) -> list[list[Child]]:
    of = run.played
    wanted = [("energy_kwh", "Energy of the facility, kWh", 0)]
    if any(row.key == "cost" for row in of.rows):
        wanted.append(("cost", f"Its cost, {currency}, at the tariff (assumed)", 2))
    wanted.append(
        ("above_limit_k_min", f"Above the inlet's limit, {of.row('above_limit_k_min').unit_shown}", 1)
    )
    rows: list[list[Child]] = []
    for key, words, places in wanted:
        row = of.row(key)
        ends = {lane: _last(row, lane) for lane in row.lanes}
        rows.append([words, *(_told(ends.get(lane), lane, places) for lane in _lanes_of(of))])
    spread = run.replayed.difference_kwh.get(FACILITY)
    if spread:
        rows[0][-1] = [
            rows[0][-1],
            html.Div(
                f"p10 to p90: {fmt.signed(spread[0], 0)} to {fmt.signed(spread[2], 0)}", className="note"
            ),
        ]
    return rows


def _told(value: float | None, lane: str, places: int) -> str:
    return fmt.signed(value, places) if lane == "difference" else fmt.fixed(value, places)


def _last(row: Row, lane: str) -> float | None:
    """The sum of the whole day."""
    values = row.shown(row.lanes[lane], apart=lane == "difference")
    known = values[np.isfinite(values)]
    return float(known[-1]) if len(known) else None


def _held(of: Constraint, day: Played) -> list[Child]:
    limit = "" if of.limit is None else _amount(of.limit, of.unit)
    cells: list[Child] = []
    for lane in _lanes_of(day):
        if lane == "difference":
            before, after = (of.minutes.get(name) for name in ("twin", "alternative"))
            cells.append(f"{fmt.signed(None if after is None or before is None else after - before, 0)} min")
        elif lane in of.minutes:
            worst = f"at worst {_amount(of.worst[lane], of.unit)}" if of.worst else ""
            cells.append([f"{fmt.fixed(of.minutes[lane], 0)} min", html.Div(worst, className="note")])
        else:
            cells.append(fmt.NOTHING)
    return [of.name, limit, *cells]


def _amount(value: float, unit: str) -> str:
    return fmt.temperature(value) if unit == "degC" else f"{fmt.fixed(value, 1)} {unit}"


def _verdict(of: Played) -> str:
    if "alternative" not in of.row("facility_kw").lanes:
        return "Give another setpoint, or load to move, to see what would have differed."
    broken = [c.name.lower() for c in of.constraints if c.newly_broken]
    if broken:
        return f"▲ The alternative would have broken, for longer than as operated: {', '.join(broken)}."
    return "By the twin, the alternative would have broken nothing that held as operated."


def badge(of: Played) -> Child:
    """What the numbers rest on."""
    said = "The same address gives the same numbers for as long as these are the same."
    return [html.Span("DETERMINISTIC", className="badge"), html.Span(player.badge(of), title=said)]
