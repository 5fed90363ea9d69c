"""Past days with advice, as people read them: the ways to have run them, and the moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dash import html

from ui import format as fmt
from ui.components.advice import action
from ui.components.panel import empty, table
from ui.components.savings import interval

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from ui.components.panel import Child
    from ui.data.advised import Advised, Lane

LANES: Final = {
    "as_operated": "As operated",
    "alternative": "With your setpoints",
    "rules": "Guideline 36 resets",
    "advised": "Advised, as known then",
    "foresight": "Perfect foresight",
}
MOVES_SHOWN: Final = 60


def lanes(found: Advised, currency: str) -> Child:
    """Energy, what it saves, money, carbon, water, PUE and warmest inlet by lane."""
    first = found.lanes[0]
    rows = [_row(lane, first) for lane in found.lanes]
    head = (
        "The twin, run",
        "Facility, kWh",
        "Saves, kWh",
        "Saves",
        f"Cost, {currency}",
        "Carbon, kg",
        "Water, L",
        "PUE",
        "Warmest inlet",
    )
    return html.Div(
        [
            table(head, rows, numeric=range(1, len(head))),
            *[html.P(text, className="note") for text in notes(found)],
        ]
    )


def _row(lane: Lane, first: Lane) -> list[Child]:
    saved = first.facility_kwh - lane.facility_kwh
    own = lane is first
    return [
        LANES.get(lane.name, fmt.words(lane.name)),
        fmt.fixed(lane.facility_kwh, 0),
        "" if own else fmt.signed(saved, 0),
        "" if own else fmt.percent(saved / first.facility_kwh, 2),
        fmt.fixed(lane.cost, 2),
        fmt.fixed(lane.carbon_kg, 0),
        fmt.fixed(lane.water_l, 0),
        fmt.fixed(lane.facility_kwh / lane.it_kwh, 4),
        fmt.temperature(lane.inlet_max_c),
    ]


def notes(found: Advised) -> list[str]:
    """What to know to judge the table."""
    days = fmt.count(found.days, "day")
    whole = (
        f"{days}, {fmt.percent(found.complete_ratio)} measured. All is modelled by the calibrated twin, "
        "each day from what was in force at its midnight; foresight asks the same twin and is the bound."
    )
    said = [whole]
    if found.made_up:
        said.append(
            f"At {found.made_up} of {found.decisions} decisions no forecast was stored: load or weather was "
            "forecast from data up to that hour."
        )
    if found.calibrated_later:
        said.append(
            f"▲ On {found.calibrated_later} of them there was no calibration yet: a later one was used, "
            "which has seen that day."
        )
    return said


def moves(found: Advised, zone: ZoneInfo) -> Child:
    """What would have been recommended, when, and what it would have promised."""
    if not found.moves:
        return empty("Nothing would have been recommended: no change passed every gate.")
    rows = [
        (
            fmt.clock_time(move.at, zone),
            action((move.change,)),
            interval(move.saving_kw),
            move.rests_on,
        )
        for move in found.moves[:MOVES_SHOWN]
    ]
    left = len(found.moves) - len(rows)
    more = f"{left} more; `joulecast replay --advise --json` has all of them." if left > 0 else ""
    head = ("When", "Advised", "Promised, kW", "Known then")
    return html.Div([table(head, rows, numeric=(2,)), html.P(more, className="note")])
