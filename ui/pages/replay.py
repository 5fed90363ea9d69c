"""Replay: a past day as measured, as the twin has it, and as it would have been with other setpoints."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, Final

import dash_mantine_components as dmc
from dash import Input, Output, State, dcc, html, no_update

from core.errors import JoulecastError
from ui import figures
from ui import format as fmt
from ui.components.graph import graph
from ui.components.panel import empty, panel, table
from ui.data import status
from ui.data.replay import OUTSIDE_WORTH_SAYING, Replayed, replay
from ui.shell import Page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dash import Dash

    from core.actions import Setpoint
    from core.site import Site
    from ui.components.panel import Child
    from ui.data import Source

LANES: Final = {"measured": "Measured", "twin": "Twin", "alternative": "Alternative"}
SETPOINT_STEP_K: Final = 0.5
_CHART_PX: Final = 420
_FIRST: Final = (
    "Choose a day and press Replay. Leave the setpoints empty to see how well the twin follows that day."
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
                    span=7,
                ),
                panel(
                    "Energy",
                    html.Div(empty(_FIRST), id="replay-energies"),
                    note="twin: as operated; alternative: with your setpoints",
                    span=5,
                ),
            ],
            className="grid",
        ),
    ]


def blank(source: Source) -> figures.Figure:
    """The chart before the first replay."""
    return figures.lanes([], {}, {}, source.context.site.zone)


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
    """One callback: the button; it also replays the day that is chosen when the page opens."""
    names = list(source.context.site.setpoints)

    @app.callback(
        Output("replay-chart", "figure"),
        Output("replay-energies", "children"),
        Output("replay-said", "children"),
        Input("replay-run", "n_clicks"),
        State("replay-day", "value"),
        *[State(field_id(name), "value") for name in names],
        running=[(Output("replay-run", "disabled"), True, False)],
    )
    def run(_clicks: int | None, day: Any, *fields: Any) -> tuple[Any, Any, Any]:
        if not day:
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
    lanes = found.lanes.values()
    names = list(next(iter(lanes)).energies_kwh)
    rows: list[list[Child]] = [[n, *(fmt.fixed(lane.energies_kwh[n], 0) for lane in lanes)] for n in names]
    rows.append(["PUE", *(fmt.fixed(lane.pue, 3) for lane in lanes)])
    head = ["kWh", *(LANES[name] for name in found.lanes)]
    parts: list[Child] = [table(head, rows, numeric=range(1, len(head)), total=True)]
    if found.difference_kwh:
        parts.insert(0, html.P(html.B(difference(found.difference_kwh))))
    parts.append(
        html.P(
            f"{fmt.percent(found.complete_ratio)} of the day was measured; "
            "energies and PUE are of these steps.",
            className="note",
        )
    )
    if found.outside_ratio > OUTSIDE_WORTH_SAYING:
        parts.append(
            html.P(
                f"▲ At {fmt.percent(found.outside_ratio)} of them the alternative leaves what the twin was "
                "calibrated on: trust it less there.",
            )
        )
    return parts


def difference(found: tuple[float, float, float]) -> str:
    """What the alternative would have done to the facility's energy."""
    low, middle, high = found
    if low < 0 < high:
        return (
            f"The alternative makes no certain difference: {fmt.signed(middle, 0)} kWh "
            f"({fmt.band(low, high, 0, 'kWh')}, p10 to p90), modelled."
        )
    verb = "saved" if middle < 0 else "cost"
    ends = sorted((abs(low), abs(high)))
    return (
        f"The alternative would have {verb} {fmt.fixed(abs(middle), 0)} kWh "
        f"({fmt.band(ends[0], ends[1], 0, 'kWh')}, p10 to p90), modelled."
    )


def said(found: Replayed) -> str:
    """One line when it is done."""
    return f"Replayed {found.day:%a} {found.day.day} {found.day:%b %Y}."


PAGE: Final = Page("/replay", "Replay", layout, register)
