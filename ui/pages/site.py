"""Site: can the twin be trusted here? Its errors on hours that it was not fitted to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dash import Input, Output, dcc, html

from core.errors import ServiceError
from ui import format as fmt
from ui.callbacks import callback
from ui.components.panel import empty, facts, failed, panel, table
from ui.data.shown import Kind
from ui.data.validation import validation
from ui.page import Page

if TYPE_CHECKING:
    from datetime import datetime

    from dash import Dash

    from twin.validate import Beyond, OutsideRange, Row, Validation
    from ui.components.panel import Child
    from ui.data import Source

AGAIN_MS: Final = 600_000
"""A validation is made when the page opens, and again after this [ms]."""
RANGES: Final = 20
"""How many ranges outside the envelope, and how many masks, the page lists."""
NAMES: Final = {
    "facility_kw": "Facility",
    "cooling_kw": "Cooling",
    "chiller_kw": "Chillers",
    "crah_fan_kw": "CRAH fans",
    "evaporative_kw": "Evaporative coolers",
    "pump_kw": "Pumps",
    "tower_fan_kw": "Tower fans",
    "ups_loss_kw": "UPS and distribution losses",
    "inlet_c": "Warmest IT inlet",
}
GIVEN: Final = {
    "it_reference_kw": ("IT load at the reference inlet", "kW"),
    "dry_bulb_c": ("Dry bulb", "degC"),
    "wet_bulb_c": ("Wet bulb", "degC"),
    "heat_reuse_kw": ("Heat reused", "kW"),
    "supply_air_temperature_c": ("Supply air setpoint", "degC"),
    "chilled_water_supply_temperature_c": ("Chilled water setpoint", "degC"),
    "condenser_water_supply_temperature_c": ("Condenser water setpoint", "degC"),
    "return_air_temperature_c": ("Return air setpoint", "degC"),
    "liquid_supply_temperature_c": ("Liquid loop setpoint", "degC"),
}
"""Conditions and setpoints of the calibrated envelope."""
GUESSES: Final = ("same hour yesterday", "constant ratio to IT power")
_HEAD: Final = (
    "Quantity", "Hours", "Mean", "NMBE", "CV(RMSE)", "MAE", "RMSE", "RMSE yesterday", "RMSE constant ratio",
    "Nearest",
)  # fmt: skip
_STAR: Final = "* The twin's numbers are modelled + learned; those of the rest are modelled."
_FORMULA: Final = (
    "Hourly, measured less predicted, as ASHRAE Guideline 14-2014 counts it (n − p with p = 1); its limits "
    "are 10 % for NMBE and 30 % for CV(RMSE). Beside the twin stand two guesses that need none: the same "
    "hour of yesterday, and IT power times the ratio of the week before."
)


def layout(_: Source) -> list[Child]:
    """The page."""
    wait = empty("The twin is being compared with the meters.")
    return [
        html.H1("Twin", className="sr"),
        dcc.Interval(id="site-again", interval=AGAIN_MS),
        html.Div(
            [
                panel(
                    "Validation",
                    dcc.Loading(html.Div(wait, id="site-validation"), delay_show=300),
                    note="measured against modelled, on hours that the twin was not fitted to",
                ),
                panel(
                    "Inside the calibrated envelope",
                    html.Div(id="site-inside"),
                    note="▲ beyond the guideline's limit, or a guess is nearer than the twin",
                ),
                panel(
                    "Outside the calibrated envelope",
                    html.Div(id="site-outside"),
                    note="the twin extrapolates there: trust it less",
                ),
                panel("Left out", html.Div(id="site-left-out"), note="missing, or found to be wrong"),
            ],
            className="grid",
        ),
    ]


def register(app: Dash, source: Source) -> None:
    """One callback, when the page opens and now and then: it takes seconds, so it is no part of the poll."""

    @callback(
        app,
        source,
        "view",
        Output("site-validation", "children"),
        Output("site-inside", "children"),
        Output("site-outside", "children"),
        Output("site-left-out", "children"),
        Input("site-again", "n_intervals"),
    )
    def again(_: int | None) -> tuple[Any, ...]:
        return compared(source)


def compared(source: Source) -> tuple[Child, ...]:
    """The panels; what is missing is said."""
    try:
        found = validation(source)
    except ServiceError as error:
        return failed(fmt.sentence(f"{error}.")), *(empty("Nothing yet.") for _ in range(3))
    if isinstance(found, str):
        return empty(fmt.sentence(f"{found}.")), *(empty("Nothing yet.") for _ in range(3))
    return head(source, found), inside(found), outside(source, found), left_out(source, found)


def head(source: Source, found: Validation) -> Child:
    """What was compared, and PUE."""
    return facts(
        [
            ("Calibration", str(found.calibration_id)),
            ("Compared with", fmt.sentence(found.basis)),
            ("Period", _period(source, found.start, found.end)),
            ("Hours", _hours(found)),
            ("PUE", pue(found)),
            (
                "Learned on top",
                fmt.sentence(found.residual.replace(" on top of the physics", "")) + ".",
            ),
        ]
    )


def inside(found: Validation) -> list[Child]:
    """The errors that count, and how they are counted."""
    star = [html.P(_STAR, className="note")] if found.learned else []
    return [_errors(found, inside=True), *star, html.P(_FORMULA, className="note")]


def _errors(found: Validation, *, inside: bool) -> Child:
    rows = [_cells(row, found.kind(row.quantity)) for row in found.rows if row.inside is inside]
    return table(_HEAD, rows, numeric=range(1, 9)) if rows else empty("No hour.")


def _cells(row: Row, kind: str) -> list[Child]:
    twin, unit = row.twin, "K" if row.quantity == "inlet_c" else "kW"
    guesses = {baseline.name: baseline for baseline in row.baselines}
    nearest = min(
        (b for b in row.baselines if b.wins), key=lambda b: b.error.rmse / b.twin.rmse, default=None
    )
    return [
        NAMES[row.quantity] + (" *" if kind != Kind.MODELLED else ""),
        fmt.fixed(twin.hours, 0),
        fmt.temperature(twin.mean) if unit == "K" else f"{fmt.number(twin.mean)} kW",
        _marked(
            "" if twin.nmbe_ratio is None else f"{fmt.signed(100 * twin.nmbe_ratio, 1)} %",
            twin.nmbe_too_great,
        ),
        _marked(fmt.percent(twin.cv_rmse_ratio, 1), twin.cv_rmse_too_great),
        _error(twin.mae, unit),
        _error(twin.rmse, unit),
        *(_error(guesses[g].error.rmse, unit) if g in guesses else fmt.NOTHING for g in GUESSES),
        f"▲ {nearest.name}" if nearest else "twin" if guesses else fmt.NOTHING,
    ]


def _error(value: float, unit: str) -> str:
    return (
        f"{fmt.number(fmt.display_value(value, 'K'), 2)} {fmt.display_unit('K')}"
        if unit == "K"
        else f"{fmt.number(value, 2)} kW"
    )


def _marked(text: str, beyond: bool) -> str:
    return f"▲ {text}" if beyond else text or fmt.NOTHING


def pue(found: Validation) -> str:
    """Mean absolute error of the hourly PUE, beside what the guesses give."""
    if found.pue is None:
        return fmt.NOTHING
    off = found.pue
    return (
        f"off by {fmt.fixed(off.twin, 4)} on average, {found.kind('pue')}; same hour yesterday "
        f"{fmt.fixed(off.yesterday, 4)}, constant PUE {fmt.fixed(off.constant, 4)}"
    )


def _hours(found: Validation) -> str:
    return (
        f"{found.hours_inside} inside the calibrated envelope, {found.hours_outside} outside, "
        f"{found.hours_incomplete} incomplete"
    )


def outside(source: Source, found: Validation) -> Child:
    """When, which condition was outside, and the errors of these hours."""
    if not found.outside:
        return empty("No hour: the twin was calibrated on conditions like these.")
    newest = found.outside[::-1]
    rows = [(_period(source, r.start, r.end), fmt.fixed(r.hours, 0), _why(r)) for r in newest[:RANGES]]
    times = table(("Time", "Hours", "What was outside"), rows, numeric=(1,))
    return [*_listed(times, len(newest)), _errors(found, inside=False)]


def _why(found: OutsideRange) -> str:
    return "; ".join(map(_beyond, found.why))


def _beyond(found: Beyond) -> str:
    name, unit = GIVEN[found.condition]
    sign = fmt.display_unit(unit)
    low, high = (fmt.fixed(fmt.display_value(end, unit), 1) for end in (found.low, found.high))
    seen = f"{low} {sign}" if low == high else f"{low} to {high} {sign}"
    begin, end = (fmt.display_value(end, unit) for end in found.envelope)
    return f"{name} {seen}, calibrated on {fmt.band(begin, end, 1, sign)}"


def left_out(source: Source, found: Validation) -> Child:
    """Gaps and masks by point."""
    if not found.findings:
        return empty("Nothing: every point was there and plausible.")
    longest = sorted(found.findings, key=lambda finding: -finding.steps)
    rows = [
        (f.point, f.what, _period(source, f.start, f.end), fmt.fixed(f.steps, 0)) for f in longest[:RANGES]
    ]
    return _listed(table(("Point", "What", "Time", "Steps"), rows, numeric=(3,)), len(longest))


def _listed(shown: Child, count: int) -> list[Child]:
    rest = count - RANGES
    return [shown, html.P(f"and {rest} more", className="note")] if rest > 0 else [shown]


def _period(source: Source, start: datetime, end: datetime) -> str:
    zone = source.zone
    return f"{fmt.clock_time(start, zone)} to {fmt.clock_time(end, zone, start)}"


PAGE: Final = Page("/site", "Twin", layout, register)
