"""Replay: a past day as measured, as the twin has it, and with other setpoints or load at other hours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import dash_mantine_components as dmc
from dash import ClientsideFunction, Input, Output, State, ctx, dcc, html, no_update

from core.actions import Setpoint
from core.errors import JoulecastError
from ui import address, view
from ui import format as fmt
from ui.access import auth
from ui.callbacks import callback
from ui.charts import replay as charts
from ui.components import advised as advised_parts
from ui.components import player as parts
from ui.components.graph import graph
from ui.components.panel import empty, panel, table
from ui.data import player, replay_export, status
from ui.data.advised import DAYS_MAX, advised
from ui.data.replay import FACILITY, OUTSIDE_WORTH_SAYING, Replayed
from ui.page import Page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dash import Dash

    from core.site import Site
    from ui.components.panel import Child
    from ui.data import Source
    from ui.data.player import Run
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
KEYS: Final = frozenset(
    {"day", "t", "speed", "shift_kw", "shift_from", "shift_to"} | {s.value for s in Setpoint}
)
"""What the address says of a replay: setpoints in degC, hours of the site's day."""
_CHART_PX: Final = 560
_FIRST: Final = (
    "Choose a day and press Replay. Leave the other fields empty to see how well the twin follows that day."
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for, as far as it can be had."""

    day: str | None
    setpoints_c: Mapping[Setpoint, float]
    shift: tuple[float | None, float | None, float | None]
    """Load to move [kW], out of which hour, into which."""
    speed: str
    said: tuple[str, ...]
    """What could not be had, in sentences."""


def asked(source: Source, days: Sequence[date]) -> Asked:
    """Read the address; the newest whole day where it names none."""
    seen, site = view.current(), source.context.site
    given = seen.more if seen else {}
    said: list[str] = []
    whole = days[1:] if len(days) > 1 else days
    day = whole[0].isoformat() if whole else None
    if (text := given.get("day")) in {found.isoformat() for found in days}:
        day = text
    elif text:
        said.append(f"No day {address.quoted(text)} has readings of facility and IT power.")
    setpoints = {
        name: address.number(given, name.value, bounds.low_c, bounds.high_c, "degC", said)
        for name, bounds in site.setpoints.items()
    }
    design_kw, last = site.plant.it_design_kw, HOURS_PER_DAY - 1
    shift = (
        address.number(given, "shift_kw", 0, design_kw, "kW", said, "load to move"),
        address.number(given, "shift_from", 0, last, "h", said, "the hour that load leaves"),
        address.number(given, "shift_to", 0, last, "h", said, "the hour that load goes to"),
    )
    speed = given.get("speed") or parts.SPEED
    if speed not in parts.SPEEDS:
        said.append(f"A speed is one of {', '.join(parts.SPEEDS)}, not {address.quoted(speed)}.")
        speed = parts.SPEED
    return Asked(day, {k: v for k, v in setpoints.items() if v is not None}, shift, speed, tuple(said))


def layout(source: Source) -> list[Child]:
    """The page."""
    days = status.days(source)
    wanted = asked(source, days)
    return [
        html.H1("Replay", className="sr"),
        html.Div(
            [
                panel(
                    "Which day, and what would have been different",
                    _controls(source.context.site, days, wanted),
                    html.Div(" ".join(wanted.said), className="result", role="status"),
                    html.Div(id="replay-said", className="result", role="status"),
                    note="measured readings are never changed; nothing here is sent to the plant",
                ),
                panel(
                    "The day",
                    parts.transport(wanted.speed),
                    html.Div(
                        [graph("replay-chart", charts.blank(), _CHART_PX), html.Div(id="replay-cursor")],
                        className="with-cursor",
                    ),
                    html.Div(id="replay-badge", className="determinism"),
                    note="solid: measured · dotted, dash-dotted: simulated · press on the chart to go there",
                ),
                panel(
                    "At the cursor",
                    html.Div(empty(_FIRST), id="replay-table"),
                    note="measured; the rest modelled by the calibrated twin; difference: less the twin",
                    span=8,
                ),
                panel("What happened", html.Div(id="replay-events"), note="press one to go there", span=4),
                panel(
                    "What would have differed",
                    html.Div(empty(_FIRST), id="replay-difference"),
                    note="modelled, over the measured steps of the whole day",
                ),
                panel(
                    "Energy by subsystem",
                    html.Div(empty(_FIRST), id="replay-energies"),
                    _export_bar(),
                    note="modelled: twin as operated, alternative with your changes, difference between them",
                ),
                panel(
                    "With advice",
                    _advised_controls(days),
                    html.Div(id="advised-said", className="result", role="status"),
                    dcc.Loading(html.Div(empty(_ADVISED), id="advised-lanes"), delay_show=300),
                    html.Div(id="advised-moves"),
                    note="modelled; with what was known at each hour, every recommendation followed",
                ),
                dcc.Store(id="replay-data"),
                dcc.Download(id="replay-download"),
            ],
            className="grid",
        ),
    ]


def _export_bar() -> html.Div:
    """Ways to take the run along; dead for somebody who may not."""
    may = auth.user().may("export")
    return html.Div(
        [
            html.Button(
                f"{kind.upper()} of this run",
                id=f"replay-{kind}",
                className="btn small",
                disabled=not may,
                title="" if may else auth.denied("export"),
            )
            for kind in replay_export.KINDS
        ],
        className="buttons",
    )


def _controls(site: Site, days: Sequence[date], wanted: Asked) -> Child:
    fields = html.Div(_inputs(site, days, wanted), className="controls")
    if days:
        return fields
    return html.Div([empty("No day has readings of both facility and IT power yet."), fields])


def _inputs(site: Site, days: Sequence[date], wanted: Asked) -> list[Child]:
    return [
        dmc.Select(
            id="replay-day",
            label=f"Day ({site.site.timezone})",
            data=[{"value": d.isoformat(), "label": f"{d:%a} {d.day} {d:%b %Y}"} for d in days],
            value=wanted.day,
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
                value=_field(fmt.display_value(wanted.setpoints_c.get(name), "degC")),
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
            value=_field(wanted.shift[0]),
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
                value=_field(hour),
                allowDecimal=False,
                suffix=" h",
                placeholder="hour",
            )
            for id_, label, hour in zip(
                SHIFT_IDS[1:], ("Out of the hour", "Into the hour"), wanted.shift[1:], strict=True
            )
        ],
        html.Button(
            "Replay",
            id="replay-run",
            className="btn primary",
            disabled=not days or not auth.user().may("simulate"),
            title="" if auth.user().may("simulate") else auth.denied("simulate"),
        ),
    ]


def _field(value: float | None) -> float | str:
    """What stands in a field."""
    return "" if value is None else round(value, 2)


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
    """The button; it also replays the day that is chosen when the page opens. The rest is the browser's."""
    names = list(source.context.site.setpoints)
    fields = [State(field_id(name), "value") for name in names] + [State(id_, "value") for id_ in SHIFT_IDS]

    def split(given: Sequence[Any]) -> tuple[dict[Setpoint, Any], Sequence[Any]]:
        return dict(zip(names, given[: len(names)], strict=True)), given[len(names) :]

    @callback(
        app,
        source,
        "simulate",
        *[Output(f"replay-{part}", "children") for part in FILLED],
        Output("replay-chart", "figure"),
        Output("replay-data", "data"),
        Output("replay-said", "children"),
        Input("replay-run", "n_clicks"),
        State("replay-day", "value"),
        *fields,
        running=[(Output("replay-run", "disabled"), True, False)],
    )
    def replayed(_clicks: int | None, day: Any, *given: Any) -> list[Any]:
        if not day:
            return [no_update] * (len(FILLED) + 3)
        return shown(source, day, *split(given))

    @callback(
        app,
        source,
        "export",
        Output("replay-download", "data"),
        Output("replay-said", "children", allow_duplicate=True),
        *[Input(f"replay-{kind}", "n_clicks") for kind in replay_export.KINDS],
        State("replay-day", "value"),
        *fields,
        prevent_initial_call=True,
    )
    def exported(*given: Any) -> tuple[Any, Any]:
        count = len(replay_export.KINDS)
        if not any(given[:count]):
            return no_update, no_update
        found = run_of(source, given[count], *split(given[count + 1 :]))
        if isinstance(found, str):
            return no_update, found
        return replay_export.file_of(source, found, str(ctx.triggered_id).rpartition("-")[2]), no_update

    for name, inputs in (("load", ("replay-data", "data")), ("speed", ("replay-speed", "value"))):
        app.clientside_callback(ClientsideFunction("replay", name), Input(*inputs))

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
        *fields[: len(names)],
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


FIRST_YEAR: Final = 1970
"""Nothing was measured before."""
_NO_DAY: Final = "Choose a day, and give setpoints as numbers."
FILLED: Final = ("table", "events", "difference", "energies", "badge")
"""Parts of the page that a replay fills."""


def shown(source: Source, day: Any, fields: dict[Setpoint, Any], shift: Sequence[Any] = ()) -> list[Any]:
    """Replay and show; bad input and missing data are said, not raised."""
    found = run_of(source, day, fields, shift)
    if isinstance(found, str):
        return [no_update] * (len(FILLED) + 2) + [found]
    site, of = source.context.site, found.played
    at, told = _begin(of, site)
    begun = {"day": of.day.isoformat(), **_written(*_given(fields, shift))}
    return [
        parts.cursor_table(of),
        parts.events(of, source.zone),
        parts.difference(found, site.tariff.currency),
        energies(found.replayed),
        parts.badge(of),
        charts.lanes(of, source.zone),
        player.payload(of, source.zone, site) | {"at": at, "address": begun},
        f"{said(found.replayed)} {told}".strip(),
    ]


def _begin(of: player.Played, site: Site) -> tuple[int, str]:
    """The step at which the address wants to begin, and what is wrong with that."""
    seen = view.current()
    given = seen.more if seen else {}
    text = given.get("t")
    if not text or given.get("day") not in {None, of.day.isoformat()}:
        return 0, ""
    index = player.index_of(of, text, site.zone)
    if index is None:
        return 0, f"The day has no time {address.quoted(text)}; it begins at its start."
    return index, ""


def run_of(source: Source, day: Any, fields: dict[Setpoint, Any], shift: Sequence[Any] = ()) -> Run | str:
    """The replay that is asked for, or why there is none."""
    try:
        wanted = date.fromisoformat(str(day))
        setpoints_c, _ = _given(fields, shift)
    except ValueError:
        return _NO_DAY
    if wanted.year < FIRST_YEAR:
        return _NO_DAY
    moved = shift_kw(shift)
    problem = outside(source.context.site, setpoints_c) or (moved if isinstance(moved, str) else "")
    if problem:
        return problem
    try:
        return player.run(source, wanted, setpoints_c, moved if not isinstance(moved, str) else ())
    except JoulecastError as error:
        return fmt.sentence(f"{error}")


def _given(
    fields: Mapping[Setpoint, Any], shift: Sequence[Any]
) -> tuple[dict[Setpoint, float], dict[str, Any]]:
    """Setpoints [degC] and the shift, of those fields that are filled."""
    filled = {name: field for name, field in fields.items() if field not in (None, "")}
    names = ("shift_kw", "shift_from", "shift_to")
    moved = {name: field for name, field in zip(names, shift, strict=False) if field not in (None, "")}
    return {name: round(fmt.celsius(float(field)), 2) for name, field in filled.items()}, moved


def _written(setpoints_c: Mapping[Setpoint, float], moved: Mapping[str, Any]) -> dict[str, str]:
    """The scenario as it stands in the address; what is not asked for is taken out of it."""
    nothing = dict.fromkeys(KEYS - {"day", "t", "speed"}, "")
    setpoints = {name.value: address.written(value) or "" for name, value in setpoints_c.items()}
    return {**nothing, **setpoints, **{name: f"{value:g}" for name, value in moved.items()}}


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


PAGE: Final = Page("/replay", "Replay", layout, register, keys=KEYS)
