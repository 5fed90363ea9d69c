"""Replay: a past day as measured, as the twin has it, and as it would have been with other setpoints."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, Final

import dash_mantine_components as dmc
from dash import Input, Output, State, dcc, html, no_update

from core.actions import Setpoint
from core.errors import JoulecastError
from ui import figures
from ui import format as fmt
from ui.components.graph import graph
from ui.components.panel import empty, panel, table
from ui.data import status
from ui.data.replay import Replayed, replay
from ui.shell import Page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dash import Dash

    from core.site import Site
    from ui.components.panel import Child
    from ui.data import Source

LANES: Final = {"measured": "Measured", "twin": "Twin as operated", "alternative": "Alternative"}
SETPOINT_STEP_K: Final = 0.5
_CHART_PX: Final = 420
_FACILITY: Final = "facility"
_FIRST: Final = "Choose a day and press Replay. Leave the setpoints empty to see how well the twin follows that day."


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
                    span=8,
                ),
                panel("Energy", html.Div(empty(_FIRST), id="replay-energies"), note="of the measured steps", span=4),
            ],
            className="grid",
        ),
    ]


def blank(source: Source) -> figures.Figure:
    """The chart before the first replay."""
    return figures.lanes([], {}, {}, source.context.site.zone)


def _controls(site: Site, days: Sequence[date]) -> Child:
    if not days:
        return html.Div([empty("No day has readings of facility and IT power yet."), *_inputs(site, ())])
    return html.Div(_inputs(site, days), className="controls")


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
                description=f"{bounds.low_c:g} to {bounds.high_c:g} °C; empty: as operated",
                min=bounds.low_c,
                max=bounds.high_c,
                step=SETPOINT_STEP_K,
                suffix=" °C",
                placeholder="as operated",
                decimalScale=1,
            )
            for name, bounds in site.setpoints.items()
        ],
        html.Button("Replay", id="replay-run", className="btn primary", disabled=not days),
    ]


def field_id(setpoint: Setpoint) -> str:
    """Element id of a setpoint's field."""
    return f"replay-{setpoint.value.replace('_', '-')}"


def register(app: Dash, source: Source) -> None:
    """One callback: the button."""
    names = list(source.context.site.setpoints)

    @app.callback(
        Output("replay-chart", "figure"),
        Output("replay-energies", "children"),
        Output("replay-said", "children"),
        Input("replay-run", "n_clicks"),
        State("replay-day", "value"),
        *[State(field_id(name), "value") for name in names],
        prevent_initial_call=True,
        running=[(Output("replay-run", "disabled"), True, False)],
    )
    def run(clicks: int | None, day: Any, *fields: Any) -> tuple[Any, Any, Any]:
        if not clicks:
            return no_update, no_update, no_update
        return view(source, day, dict(zip(names, fields, strict=True)))


def view(source: Source, day: Any, fields: dict[Setpoint, Any]) -> tuple[Any, Any, Any]:
    """Replay and show; bad input and missing data are said, not raised."""
    try:
        wanted = date.fromisoformat(str(day))
        setpoints_c = {name: float(field) for name, field in fields.items() if field not in (None, "")}
    except ValueError:
        return no_update, no_update, "Choose a day, and give setpoints as numbers."
    problem = outside(source.context.site, setpoints_c)
    if problem:
        return no_update, no_update, problem
    try:
        found = replay(source, wanted, setpoints_c)
    except JoulecastError as error:
        return no_update, no_update, fmt.sentence(f"{error}")
    return chart(source, found), energies(found), said(found)


def outside(site: Site, setpoints_c: dict[Setpoint, float]) -> str:
    """Which setpoint lies outside the site's limits; nothing where none does."""
    for name, value in setpoints_c.items():
        bounds = site.setpoints[name]
        if not bounds.low_c <= value <= bounds.high_c:
            return (
                f"{fmt.sentence(fmt.words(name))} {fmt.fixed(value, 1)} °C is outside this site's limits, "
                f"{bounds.low_c:g} to {bounds.high_c:g} °C."
            )
    return ""


def chart(source: Source, found: Replayed) -> figures.Figure:
    """The day's lanes."""
    return figures.lanes(
        found.times,
        {name: lane.facility_kw for name, lane in found.lanes.items()},
        {name: lane.ratio for name, lane in found.lanes.items()},
        source.context.site.zone,
    )


def energies(found: Replayed) -> list[Child]:
    """Energy by subsystem and lane, PUE of each, and the difference with its interval."""
    names = list(dict.fromkeys(name for lane in found.lanes.values() for name in lane.energies_kwh))
    ordered = [n for n in names if n != _FACILITY] + [n for n in names if n == _FACILITY]
    lanes = found.lanes.values()
    rows: list[list[Child]] = [
        [fmt.sentence(fmt.words(n)), *(fmt.fixed(lane.energies_kwh.get(n), 0) for lane in lanes)] for n in ordered
    ]
    rows.append(["PUE of these steps", *(fmt.fixed(lane.pue, 3) for lane in lanes)])
    head = ["kWh", *(LANES[name] for name in found.lanes)]
    parts: list[Child] = [table(head, rows, numeric=range(1, len(head)), total=True)]
    if found.difference_kwh:
        parts.insert(0, html.P(html.B(difference(found.difference_kwh))))
    parts.append(html.P(f"{fmt.percent(found.complete_ratio)} of the day was measured.", className="note"))
    parts += [html.P(note, className="note") for note in found.notes]
    return parts


def difference(found: tuple[float, float, float]) -> str:
    """What the alternative would have done to the facility's energy."""
    low, middle, high = found
    verb = "saved" if middle < 0 else "cost"
    ends = sorted((-low, -high) if middle < 0 else (low, high))
    return (
        f"The alternative would have {verb} {fmt.fixed(abs(middle), 0)} kWh "
        f"({fmt.band(ends[0], ends[1], 0, 'kWh')}, p10 to p90), modelled."
    )


def said(found: Replayed) -> str:
    """One line when it is done."""
    return f"Replayed {found.day:%a} {found.day.day} {found.day:%b %Y}."


PAGE: Final = Page("/replay", "Replay", layout, register)
