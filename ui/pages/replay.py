"""Replay: a past day as measured, as the twin has it, and with other setpoints or load at other hours."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, Final

import dash_mantine_components as dmc
from dash import Input, Output, State, dcc, html, no_update

from core.errors import JoulecastError
from ui import figures
from ui import format as fmt
from ui.callbacks import callback
from ui.components import advised as advised_parts
from ui.components.graph import graph
from ui.components.panel import empty, panel, table
from ui.data import status
from ui.data.advised import DAYS_MAX, advised
from ui.data.replay import FACILITY, OUTSIDE_WORTH_SAYING, Replayed, replay
from ui.page import Page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dash import Dash

    from core.actions import Setpoint
    from core.site import Site
    from ui.components.panel import Child
    from ui.data import Source
    from ui.data.replay import Spread

_ADVISED: Final = (
    "Choose the last day and press Replay with advice: the days from the one above on are run as operated, "
    "with your setpoints, by Guideline 36 resets, as advised, and with perfect foresight."
)
LANES: Final = {"measured": "Measured", "twin": "Twin", "alternative": "Alternative"}
SETPOINT_STEP_K: Final = 0.5
SHIFT_STEP_KW: Final = 10
HOURS_PER_DAY: Final = 24
SHIFT_IDS: Final = ("replay-shift-kw", "replay-shift-from", "replay-shift-to")
_CHART_PX: Final = 420
_FIRST: Final = (
    "Choose a day and press Replay. Leave the other fields empty to see how well the twin follows that day."
)


def layout(source: Source) -> list[Child]:
    """The page."""
    days = status.days(source)
    return [
        html.H1("Replay", className="sr"),
        html.Div(
            [
                panel(
                    "Which day, and what would have been different",
                    _controls(source.context.site, days),
                    html.Div(id="replay-said", className="result", role="status"),
                    note="measured readings are never changed; nothing here is sent to the plant",
                ),
                panel(
                    "The day",
                    dcc.Loading(graph("replay-chart", blank(source), _CHART_PX), delay_show=300),
                    note="solid: measured · dotted and dash-dotted: simulated by the twin",
                    span=12,
                ),
                panel(
                    "Energy by subsystem",
                    html.Div(empty(_FIRST), id="replay-energies"),
                    note="modelled: twin as operated, alternative with your changes, difference between them",
                    span=12,
                ),
                panel(
                    "With advice",
                    _advised_controls(days),
                    html.Div(id="advised-said", className="result", role="status"),
                    dcc.Loading(html.Div(empty(_ADVISED), id="advised-lanes"), delay_show=300),
                    html.Div(id="advised-moves"),
                    note="modelled; with what was known at each hour, every recommendation followed",
                    span=12,
                ),
            ],
            className="grid",
        ),
    ]


def blank(source: Source) -> figures.Figure:
    """The chart before the first replay."""
    return figures.lanes([], {}, {}, source.zone)


def _controls(site: Site, days: Sequence[date]) -> Child:
    fields = html.Div(_inputs(site, days), className="controls")
    if days:
        return fields
    return html.Div([empty("No day has readings of both facility and IT power yet."), fields])


def _inputs(site: Site, days: Sequence[date]) -> list[Child]:
    whole = days[1:] if len(days) > 1 else days
    chosen = whole[0].isoformat() if whole else None
    return [
        dmc.Select(
            id="replay-day",
            label=f"Day ({site.site.timezone})",
            data=[{"value": d.isoformat(), "label": f"{d:%a} {d.day} {d:%b %Y}"} for d in days],
            value=chosen,
            searchable=True,
            allowDeselect=False,
            disabled=not days,
        ),
        *[
            dmc.NumberInput(
                id=field_id(name),
                label=f"{fmt.sentence(fmt.words(name))}",
                description=f"{fmt.limits(bounds.low_c, bounds.high_c)}; empty: as operated",
                min=fmt.display_value(bounds.low_c, "degC"),
                max=fmt.display_value(bounds.high_c, "degC"),
                step=SETPOINT_STEP_K,
                suffix=f" {fmt.degree()}",
                placeholder="as operated",
                decimalScale=1,
            )
            for name, bounds in site.setpoints.items()
        ],
        dmc.NumberInput(
            id=SHIFT_IDS[0],
            label="Load to move",
            description="empty: none",
            min=0,
            step=SHIFT_STEP_KW,
            suffix=" kW",
            placeholder="none",
        ),
        *[
            dmc.NumberInput(
                id=id_,
                label=label,
                description="0 to 23, the site's time",
                min=0,
                max=HOURS_PER_DAY - 1,
                allowDecimal=False,
                suffix=" h",
                placeholder="hour",
            )
            for id_, label in zip(SHIFT_IDS[1:], ("Out of the hour", "Into the hour"), strict=True)
        ],
        html.Button("Replay", id="replay-run", className="btn primary", disabled=not days),
    ]


def _advised_controls(days: Sequence[date]) -> Child:
    return html.Div(
        [
            dmc.Select(
                id="advised-last",
                label="Last day",
                description=f"at most {DAYS_MAX} days; empty: that one day",
                data=[{"value": d.isoformat(), "label": f"{d:%a} {d.day} {d:%b %Y}"} for d in days],
                searchable=True,
                clearable=True,
                disabled=not days,
            ),
            html.Button("Replay with advice", id="advised-run", className="btn primary", disabled=not days),
        ],
        className="controls",
    )


def field_id(setpoint: Setpoint) -> str:
    """Element id of a setpoint's field."""
    return f"replay-{setpoint.value.replace('_', '-')}"


def register(app: Dash, source: Source) -> None:
    """One callback: the button; it also replays the day that is chosen when the page opens."""
    names = list(source.context.site.setpoints)

    @callback(
        app,
        source,
        "simulate",
        Output("replay-chart", "figure"),
        Output("replay-energies", "children"),
        Output("replay-said", "children"),
        Input("replay-run", "n_clicks"),
        State("replay-day", "value"),
        *[State(field_id(name), "value") for name in names],
        *[State(id_, "value") for id_ in SHIFT_IDS],
        running=[(Output("replay-run", "disabled"), True, False)],
    )
    def run(_clicks: int | None, day: Any, *fields: Any) -> tuple[Any, Any, Any]:
        if not day:
            return no_update, no_update, no_update
        count = len(names)
        return view(source, day, dict(zip(names, fields[:count], strict=True)), fields[count:])

    @callback(
        app,
        source,
        "simulate",
        Output("advised-lanes", "children"),
        Output("advised-moves", "children"),
        Output("advised-said", "children"),
        Input("advised-run", "n_clicks"),
        State("replay-day", "value"),
        State("advised-last", "value"),
        *[State(field_id(name), "value") for name in names],
        running=[(Output("advised-run", "disabled"), True, False)],
        prevent_initial_call=True,
    )
    def run_advised(_clicks: int | None, day: Any, last: Any, *fields: Any) -> tuple[Any, Any, Any]:
        return advised_view(source, day, last, dict(zip(names, fields, strict=True)))


def advised_view(source: Source, day: Any, last: Any, fields: dict[Setpoint, Any]) -> tuple[Any, Any, Any]:
    """Replay days with advice and show; bad input and missing data are said, not raised."""
    try:
        begin = date.fromisoformat(str(day))
        end = date.fromisoformat(str(last)) if last else begin
        setpoints_c = {
            name: fmt.celsius(float(field)) for name, field in fields.items() if field not in (None, "")
        }
    except ValueError:
        return no_update, no_update, "Choose a day, and give setpoints as numbers."
    if not 0 <= (end - begin).days < DAYS_MAX:
        return (
            no_update,
            no_update,
            f"Choose a last day that is not before the first, at most {DAYS_MAX} days.",
        )
    problem = outside(source.context.site, setpoints_c)
    if problem:
        return no_update, no_update, problem
    try:
        found = advised(source, begin, end, setpoints_c)
    except JoulecastError as error:
        return no_update, no_update, fmt.sentence(f"{error}")
    site = source.context.site
    days, moves = fmt.count(found.days, "day"), fmt.count(len(found.moves), "recommendation")
    told = f"Replayed {days} with advice: {moves} followed."
    return advised_parts.lanes(found, site.tariff.currency), advised_parts.moves(found, site.zone), told


def view(
    source: Source, day: Any, fields: dict[Setpoint, Any], shift: Sequence[Any] = ()
) -> tuple[Any, Any, Any]:
    """Replay and show; bad input and missing data are said, not raised."""
    try:
        wanted = date.fromisoformat(str(day))
        setpoints_c = {
            name: fmt.celsius(float(field)) for name, field in fields.items() if field not in (None, "")
        }
    except ValueError:
        return no_update, no_update, "Choose a day, and give setpoints as numbers."
    moved = shift_kw(shift)
    problem = outside(source.context.site, setpoints_c) or (moved if isinstance(moved, str) else "")
    if problem:
        return no_update, no_update, problem
    try:
        found = replay(source, wanted, setpoints_c, moved if not isinstance(moved, str) else ())
    except JoulecastError as error:
        return no_update, no_update, fmt.sentence(f"{error}")
    return chart(source, found), energies(found), said(found)


def shift_kw(fields: Sequence[Any]) -> tuple[float, ...] | str:
    """Load by hour of the day from the three fields [kW], none where they are empty; or what is wrong."""
    if all(field in (None, "") for field in fields):
        return ()
    try:
        power_kw, out, into = (float(field) for field in fields)
    except (TypeError, ValueError):
        return "To move load, say how much, out of which hour and into which."
    hours = (out, into)
    if not power_kw > 0 or out == into or any(hour not in range(HOURS_PER_DAY) for hour in hours):
        return "To move load, give a power above 0 kW and two different hours from 0 to 23."
    return tuple(power_kw * ((hour == into) - (hour == out)) for hour in range(HOURS_PER_DAY))


def outside(site: Site, setpoints_c: dict[Setpoint, float]) -> str:
    """Which setpoint lies outside the site's limits; nothing where none does."""
    for name, value in setpoints_c.items():
        bounds = site.setpoints[name]
        if not bounds.low_c <= value <= bounds.high_c:
            return (
                f"{fmt.sentence(fmt.words(name))} {fmt.temperature(value)} is outside this site's limits, "
                f"{fmt.limits(bounds.low_c, bounds.high_c)}."
            )
    return ""


def chart(source: Source, found: Replayed) -> figures.Figure:
    """The day's lanes."""
    return figures.lanes(
        found.times,
        {name: lane.facility_kw for name, lane in found.lanes.items()},
        {name: lane.ratio for name, lane in found.lanes.items()},
        source.zone,
    )


def energies(found: Replayed) -> list[Child]:
    """Energy by subsystem and lane, the twin's error, the difference with its interval, and indicators."""
    parts: list[Child] = []
    if found.difference_kwh:
        kind = "modelled + learned" if FACILITY in found.learned else "modelled"
        parts.append(html.P(html.B(difference(found.difference_kwh[FACILITY], kind))))
    head = ["Energy, kWh", *(LANES[name] for name in found.lanes)]
    head.insert(3, "Twin less measured")
    if found.difference_kwh:
        head += ["Difference, p50", "p10 to p90"]
    rows = [_energy_row(found, line) for line in found.lanes["twin"].energies_kwh]
    rows[-1] = [html.B(cell) for cell in rows[-1]]
    parts.append(table(head, [*rows, *_indicator_rows(found)], numeric=range(1, len(head))))
    parts += [html.P(text, className="note") for text in notes(found)]
    if found.outside_ratio > OUTSIDE_WORTH_SAYING:
        parts.append(
            html.P(
                f"▲ At {fmt.percent(found.outside_ratio)} of the measured steps the alternative leaves what "
                "the twin was calibrated on: trust it less there.",
            )
        )
    return parts


def _energy_row(found: Replayed, line: str) -> list[Child]:
    cells: list[Child] = [fmt.fixed(lane.energies_kwh[line], 0) for lane in found.lanes.values()]
    cells.insert(2, fmt.signed(found.error_kwh[line], 0))
    if found.difference_kwh:
        cells += _spread(found.difference_kwh[line], 1)
    return [_starred(found, line, line), *cells]


def _starred(found: Replayed, name: str, words: str) -> str:
    return f"{words} *" if name in found.learned else words


def _spread(found: Spread, places: int) -> list[Child]:
    low, middle, high = found
    return [fmt.signed(middle, places), f"{fmt.signed(low, places)} to {fmt.signed(high, places)}"]


def _indicator_rows(found: Replayed) -> list[list[Child]]:
    """PUE, water and carbon; what is not measured has a dash."""
    twin, measured_pue = found.indicators["twin"], found.lanes["measured"].pue
    rows = []
    for name, words, places in (
        ("pue", "PUE", 4),
        ("tue", "TUE", 4),
        ("water_l", "Tower water, L", 0),
        ("carbon_kg", "Carbon, kg", 0),
    ):
        if name not in twin:
            continue
        measured = measured_pue if name == "pue" else None
        off = None if measured is None else twin[name] - measured
        row: list[Child] = [
            _starred(found, name, words),
            fmt.fixed(measured, places),
            fmt.fixed(twin[name], places),
        ]
        row.append(fmt.signed(off, places))
        if found.difference_kwh:
            row.append(fmt.fixed(found.indicators["alternative"][name], places))
            row += _spread(found.indicator_differences[name], places)
        rows.append(row)
    return rows


def notes(found: Replayed) -> list[str]:
    """What to know to judge the table."""
    said = [
        f"{fmt.percent(found.complete_ratio)} of the day was measured; energies and PUE are of these steps."
    ]
    if found.learned:
        said.append(
            "* The twin's and the alternative's numbers are modelled + learned: on top of the physics comes "
            "what the meters showed beyond it. The rest is modelled."
        )
    if found.left_out:
        said.append(f"▲ {fmt.sentence(found.left_out)}.")
    error = found.error_kwh[FACILITY]
    if error is not None and found.difference_kwh:
        larger = abs(found.difference_kwh[FACILITY][1]) > abs(error)
        said.append(
            f"On this day the twin was off by {fmt.signed(error, 0)} kWh for the facility; the difference is "
            f"{'larger' if larger else 'smaller'} than that."
        )
    if found.shifted_kwh:
        came, left, missing = found.shifted_kwh
        undone = f"; {fmt.fixed(missing, 1)} kWh was not there to leave" if missing else ""
        said.append(
            f"Load: {fmt.fixed(came, 1)} kWh came and {fmt.fixed(left, 1)} kWh left at these steps{undone}."
        )
    return said


def difference(found: tuple[float, float, float], kind: str = "modelled") -> str:
    """What the alternative would have done to the facility's energy, and what that number is."""
    low, middle, high = found
    if low < 0 < high:
        return (
            f"The alternative makes no certain difference: {fmt.signed(middle, 0)} kWh "
            f"({fmt.band(low, high, 0, 'kWh')}, p10 to p90), {kind}."
        )
    verb = "saved" if middle < 0 else "cost"
    ends = sorted((abs(low), abs(high)))
    return (
        f"The alternative would have {verb} {fmt.fixed(abs(middle), 0)} kWh "
        f"({fmt.band(ends[0], ends[1], 0, 'kWh')}, p10 to p90), {kind}."
    )


def said(found: Replayed) -> str:
    """One line when it is done."""
    return f"Replayed {found.day:%a} {found.day.day} {found.day:%b %Y}."


PAGE: Final = Page("/replay", "Replay", layout, register)
