"""Verbs of the twin."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.console import Group

from core import db
from core.errors import InputError
from joulecast.verbs.common import Json, emit, plain, table, working
from joulecast.verbs.data import progress
from joulecast.verbs.scenario import (
    Axes,
    From,
    Set,
    Shift,
    To,
    Unbalanced,
    axes_from,
    check_past,
    period_from,
    setpoints_from,
    shift_from,
)
from joulecast.verbs.validation import STAR_MEANS, starred, validation_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike
    from rich.table import Table

    from twin.compare import Comparison, Interval
    from twin.sweep import Grid, Sweep

app = typer.Typer(
    help="The twin: calibrate, validate, simulate, whatif, sweep.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

STEP = timedelta(minutes=15)
ROUNDING_KWH = 0.05
"""A net of shifts that is told as none."""
ROUNDING_DIGITS = 9
"""What is smaller is a sum's rounding."""
Days = Annotated[float, typer.Option(min=0.25, help="Days to look back.")]


@app.command("calibrate")
def calibrate(*, days: Days = 42.0, json: Json = False) -> int:
    """Fit the twin to the meters; keep the result where it is no worse than the calibration in use."""
    from twin.adopt import adopt  # noqa: PLC0415  # each verb imports only its own room
    from twin.describe import describe, note  # noqa: PLC0415
    from twin.fitting.learn import told  # noqa: PLC0415
    from twin.history import load_points  # noqa: PLC0415

    with working() as (context, _), db.connect(context.dsn) as conn:
        now = context.clock.now()
        history = load_points(conn, context.site, now - timedelta(days=days), now, STEP)
        adopted = adopt(conn, context.site, history, now)
    found = adopted.calibration
    parameters = found.parameters(context.site.plant)
    rows = [
        {"multiplier": k, "value": v, "found": "from data" if k in found.names else "prior, data say nothing"}
        for k, v in found.multipliers.items()
    ]
    plant, changed = describe(parameters), note(parameters)
    before = None if adopted.before is None else adopted.before.calibration_id
    data = {
        "calibration_id": found.calibration_id,
        "plant": plant,
        "chiller_note": changed,
        **found.to_json(),
        "residual": {"in_use": found.residual_in_use is not None, "said": told(found)},  # without its trees
        "calibration_id_before": before,
        "cv_rmse_before_ratio": adopted.cv_rmse_before_ratio,
    }
    masked = [finding.to_json() for finding in found.findings]
    tables = [table(rows, title="; ".join(filter(None, (plant, changed))))]
    tables += [table(masked, title="missing or masked")] if masked else []
    text = Group(str(adopted), told(found), *tables)
    emit(data, text, as_json=json)
    return 0


@app.command("validate")
def validate(
    *,
    days: Annotated[
        float | None,
        typer.Option(min=0.25, help="Days to look back; what the calibration has not seen where not given."),
    ] = None,
    json: Json = False,
) -> int:
    """The calibrated twin against the meters by ASHRAE Guideline 14, hours outside its envelope apart."""
    from twin.validate import validate_site  # noqa: PLC0415  # each verb imports only its own room

    with working() as (context, _), db.connect(context.dsn) as conn:
        found = validate_site(conn, context.site, context.clock.now(), days)
    emit(found.to_json(), validation_text(found), as_json=json)
    return 0


@app.command("simulate")
def simulate(
    *,
    it_kw: Annotated[
        list[float],
        typer.Option(min=0.0, help="IT load at a 23 degC inlet [kW]; of all zones, or once for each."),
    ],
    dry_bulb_c: Annotated[float, typer.Option(help="Outdoor dry bulb [degC].")],
    wet_bulb_c: Annotated[float, typer.Option(help="Outdoor wet bulb [degC].")],
    set: Set = None,  # noqa: A002  # the option's name
    json: Json = False,
) -> int:
    """The plant's steady state: from the calibration where there is one, else from design data."""
    from twin.calibrate import latest  # noqa: PLC0415  # each verb imports only its own room
    from twin.describe import describe  # noqa: PLC0415  # as above
    from twin.network import BREAKDOWN, Conditions, Parameters, Setpoints, solve  # noqa: PLC0415

    asked = setpoints_from(set)
    loads = (("--it-kw", kw) for kw in it_kw)
    for name, value in (*loads, ("--dry-bulb-c", dry_bulb_c), ("--wet-bulb-c", wet_bulb_c)):
        if not math.isfinite(value):
            raise InputError(name, found=f"{value}", allowed="a number", do="correct it")
    if wet_bulb_c > dry_bulb_c:
        raise InputError(
            "--wet-bulb-c",
            found=f"{wet_bulb_c:g}",
            allowed=f"at most the dry bulb, {dry_bulb_c:g}",
            do="correct it",
        )
    with working() as (context, _), db.connect(context.dsn) as conn:
        calibration, site = latest(conn, context.site), context.site
    parameters = Parameters.from_design(site.plant)
    if calibration:
        parameters = parameters.with_multipliers(calibration.multipliers)
    load = _load_by_zone(it_kw, parameters.zones)
    middle = {name: (r.low_c + r.high_c) / 2 for name, r in site.setpoints.items()}
    missing = [s for s in parameters.setpoints_needed if s not in middle | asked]
    if missing:
        raise InputError(
            "--set", found="nothing", allowed=", ".join(f"{s}_c" for s in missing), do="give a value"
        )
    state = solve(parameters, Conditions(load, dry_bulb_c, wet_bulb_c), Setpoints.of(middle | asked))
    names = (
        *BREAKDOWN,
        "facility_kw",
        "power_ratio",
        "inlet_c",
        "unmet_kw",
        "chillers_running",
        "water_l_per_h",
    )
    found = {name: float(getattr(state, name)) for name in names}
    found["extrapolated"] = bool(state.extrapolated)
    basis = (
        f"calibration {calibration.calibration_id}"
        if calibration
        else "design data (assumed, not calibrated)"
    )
    rows = [{"quantity": k, "modelled": v} for k, v in found.items() if v or k not in BREAKDOWN]
    setpoints = {str(k): v for k, v in (middle | asked).items()}
    plant = describe(parameters)
    emit(
        {"basis": basis, "plant": plant, "setpoints_c": setpoints, **found},
        table(rows, title=f"{plant}; from {basis}"),
        as_json=json,
    )
    return 0


def _load_by_zone(it_kw: list[float], zones: int) -> ArrayLike:
    """One load for the whole plant, shared evenly by its zones, or one for each of them.

    Raises:
        InputError: another number of loads.
    """
    if len(it_kw) == 1:
        return it_kw[0] if zones == 1 else np.full(zones, it_kw[0] / zones)
    if len(it_kw) != zones:
        raise InputError(
            "--it-kw",
            found=f"{len(it_kw)} loads",
            allowed="one" if zones == 1 else f"one, or one for each of the {zones} zones",
            do="give as many",
        )
    return np.array(it_kw)


@app.command("whatif")
def whatif(
    *,
    set: Set = None,  # noqa: A002  # the option's name
    shift: Shift = None,
    unbalanced: Unbalanced = False,
    begin: From,
    end: To,
    json: Json = False,
) -> int:
    """A past period with other setpoints, or load at other hours: what the twin says it would have drawn."""
    from twin.replay import replay_period  # noqa: PLC0415  # each verb imports only its own room
    from twin.scenario import Scenario  # noqa: PLC0415
    from twin.state import BREAKDOWN  # noqa: PLC0415

    scenario = Scenario("what-if", setpoints_from(set), shift_from(shift, unbalanced=unbalanced))
    start, stop = period_from(begin, end)
    if not (scenario.setpoints or scenario.load_shift_kw):
        raise InputError(
            "what-if", found="nothing to change", allowed="--set NAME=VALUE or --shift HOUR=KW", do="give one"
        )
    with working() as (context, _), db.connect(context.dsn) as conn:
        check_past(stop, context.clock)
        found = replay_period(conn, context.site, start, stop, scenario)
    names = (*BREAKDOWN, "facility_kw")
    it_kwh, changed_it_kwh = found.as_operated_kwh["it_kw"], found.alternative_kwh["it_kw"]
    rows = [
        {
            "part": name,
            "as_operated_kwh": found.as_operated_kwh[name],
            "what_if_kwh": found.alternative_kwh[name],
            **_difference(found.intervals[name], "kwh"),
            "kind": found.kind(name),
        }
        for name in names
    ]
    partial = [
        {
            "as_operated_partial_pue": 1 + found.as_operated_kwh[name] / it_kwh,
            "what_if_partial_pue": 1 + found.alternative_kwh[name] / changed_it_kwh,
        }
        if name in BREAKDOWN[1:]
        else {"as_operated_partial_pue": None, "what_if_partial_pue": None}
        for name in names
    ]
    data = {
        "parts": [row | more for row, more in zip(rows, partial, strict=True)],
        "pue_as_operated": found.pue_as_operated,
        "pue_what_if": found.pue_alternative,
        "indicators_as_operated": found.as_operated_indicators,
        "indicators_what_if": found.alternative_indicators,
        **_what_changed(found),
    }
    emit(data, table(_shown(found, names, rows), title=_changes(found)), as_json=json)
    return 0


def _shown(found: Comparison, names: Sequence[str], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a person is shown: no part that the plant lacks; starred where a learned part is in it."""
    return [
        {k: v for k, v in row.items() if k != "kind"} | {"part": starred(row["part"], row["kind"])}
        for name, row in zip(names, rows, strict=True)
        if found.shows(name)
    ]


def _difference(interval: Interval, unit: str) -> dict[str, float]:
    return {
        f"difference_{name}_{unit}": round(getattr(interval, name), ROUNDING_DIGITS)
        for name in ("p10", "p50", "p90")
    }


def _what_changed(found: Comparison) -> dict[str, Any]:
    """What a program reads of an alternative beside its energies."""
    return {
        "indicator_differences": {name: found.intervals[name] for name in found.alternative_indicators},
        "load_shift": {**plain(found.shifted), "net_kwh": found.shifted.net_kwh} if found.shifted else None,
        "twin_error_kwh": found.twin_error_kwh,
        "complete_ratio": found.complete_ratio,
        "outside_ratio": found.outside_ratio,
        "indicator_kinds": _kinds(found),
        "residual_left_out": found.left_out or None,
    }


def _kinds(found: Comparison) -> dict[str, str]:
    return {name: found.kind(name) for name in found.as_operated_indicators}


def _changes(found: Comparison) -> str:
    """What an alternative would have changed, in lines: total, PUE, TUE, water, carbon, load moved."""
    lines = [_changed("facility", found, "facility_kw", "kWh", ",.0f")]
    for name, words, unit, form in (
        ("pue", "PUE", "", ".4f"),
        ("tue", "TUE", "", ".4f"),
        ("water_l", "water", "L", ",.0f"),
        ("carbon_kg", "carbon", "kg", ",.0f"),
    ):
        if name in found.alternative_indicators:
            lines.append(_changed(words, found, name, unit, form))
    if found.shifted:
        moved = found.shifted
        net = f"{abs(moved.net_kwh):,.1f} kWh {'added' if moved.net_kwh > 0 else 'dropped'}"
        undone = f"; {moved.undone_kwh:,.1f} kWh was not there to leave" if moved.undone_kwh else ""
        lines.append(
            f"load shift: {moved.into_kwh:,.1f} kWh came, {moved.out_kwh:,.1f} kWh left: "
            f"{net if abs(moved.net_kwh) >= ROUNDING_KWH else 'none added or dropped'}{undone}"
        )
    error = found.twin_error_kwh["facility_kw"]
    lines.append(f"the twin as operated was off by {error:+,.0f} kWh for the facility")
    what = _kinds(found)["pue"]
    lines.append(
        f"{what}, p10 to p90 in brackets; {found.complete_ratio:.0%} of the period was measured, "
        f"{found.outside_ratio:.0%} of its steps lie outside the envelope"
    )
    return "\n".join([*lines, *_on_top(found)])


def _on_top(found: Comparison) -> list[str]:
    """What has to be said of the learned part, if anything."""
    return [text for text in (STAR_MEANS if found.learned else "", found.left_out) if text]


def _changed(words: str, found: Comparison, name: str, unit: str, form: str) -> str:
    before = found.as_operated_kwh | found.as_operated_indicators
    after = found.alternative_kwh | found.alternative_indicators
    change = found.intervals[name]
    sign = form.replace(",", "+,") if "," in form else f"+{form}"
    return (
        f"{words} {before[name]:{form}} -> {after[name]:{form}} {unit}".rstrip()
        + f" ({change.p10:{sign}} to {change.p90:{sign}})"
    )


@app.command("sweep")
def sweep(
    *,
    set: Axes = None,  # noqa: A002  # the option's name
    shift: Shift = None,
    unbalanced: Unbalanced = False,
    begin: From,
    end: To,
    dask: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler, e.g. tcp://127.0.0.1:8786.")
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="How many of the best to show.")] = 10,
    json: Json = False,
) -> int:
    """Every combination of setpoints over a past period, by facility energy, and which keep the limits."""
    from twin import sweep as room  # noqa: PLC0415  # each verb imports only its own room
    from twin.calibrate import in_use, load_history  # noqa: PLC0415

    moved = shift_from(shift, unbalanced=unbalanced)
    grid = room.Grid(axes_from(set), ((), moved) if moved else ((),))
    start, stop = period_from(begin, end)
    if not (grid.setpoints or moved):
        raise InputError(
            "sweep", found="nothing to change", allowed="--set NAME=LOW:HIGH:NUMBER or --shift", do="give one"
        )
    with room.workers(dask) as executor, working() as (context, _):
        check_past(stop, context.clock)
        with db.connect(context.dsn) as conn:
            calibration = in_use(conn, context.site)
            history = load_history(conn, context.site, start, stop, STEP)
        with progress("sweep", quiet=json) as report:
            found = room.sweep(context.site, history, calibration, grid, executor, report=report)
    rows = found.rows(top)
    data = {
        "scenarios": len(found),
        "feasible": int(found.feasible.sum()),
        "inlet_limit_c": found.inlet_limit_c,
        "complete_ratio": found.complete_ratio,
        "as_operated": found.reference,
        "rows": rows,
    }
    emit(data, _sweep_table(found, grid, rows), as_json=json)
    return 0


def _sweep_table(found: Sweep, grid: Grid, rows: list[dict[str, Any]]) -> Table:
    operated = {**found.reference, "feasible": True, "marks": ["as operated"], "shift": 0}
    held = [f"{name.value}_c" for name in grid.setpoints]
    told = {"unmet_kwh": ("unmet kWh", ",.1f"), "outside_ratio": ("outside", ".0%")}
    needed = {key: how for key, how in told.items() if any(row[key] for row in (operated, *rows))}
    shown = [
        {
            **{name.removesuffix("_temperature_c"): row.get(name) for name in held},
            **({"shifted": "yes" if row["shift"] else "no"} if len(grid.shifts_kw) > 1 else {}),
            "facility kWh": row["facility_kwh"],
            "IT kWh": row["it_kwh"],
            "PUE": f"{row['pue']:.4f}",
            "TUE": f"{row['tue']:.4f}",
            "water L": row["water_l"],
            "inlet max": f"{row['inlet_max_c']:.1f}",
            **{words: f"{row[key]:{form}}" for key, (words, form) in needed.items()},
            "": ", ".join([*row["marks"], *([] if row["feasible"] else ["limit broken"])]),
        }
        for row in (operated, *rows)
    ]
    title = (
        f"{len(found):,} scenarios, {int(found.feasible.sum()):,} keep the limits: inlet at most "
        f"{found.inlet_limit_c:.1f} degC, all heat met, inside the site's ranges and the envelope; "
        f"modelled; {found.complete_ratio:.0%} of the period was measured"
    )
    return table(shown, title=title)


def replay(
    *,
    day: Annotated[str, typer.Option(help="The site's day, e.g. 2026-03-02.")],
    set: Set = None,  # noqa: A002  # the option's name
    shift: Shift = None,
    unbalanced: Unbalanced = False,
    json: Json = False,
) -> int:
    """A past day: measured, the twin as operated, the twin with other setpoints or load at other hours."""
    from twin import replay as room  # noqa: PLC0415  # each verb imports only its own room
    from twin.compare import ENERGIES  # noqa: PLC0415

    asked, moved = setpoints_from(set), shift_from(shift, unbalanced=unbalanced)
    try:
        wanted = date.fromisoformat(day)
    except ValueError:
        raise InputError("--day", found=repr(day), allowed="a date", do="write it like 2026-03-02") from None
    with working() as (context, _), db.connect(context.dsn) as conn:
        room.check_day(context.site, context.clock, wanted)
        found = room.replay(conn, context.site, wanted, asked or None, load_shift_kw=moved)
    rows = [
        {
            "part": name.removesuffix("_kw"),
            "measured_kwh": found.measured_kwh.get(name),
            "twin_as_operated_kwh": found.as_operated_kwh[name],
            "twin_error_kwh": found.twin_error_kwh.get(name),
            **(
                {
                    "twin_alternative_kwh": found.alternative_kwh[name],
                    **_difference(found.intervals[name], "kwh"),
                }
                if found.intervals
                else {}
            ),
            "kind": found.kind(name),
        }
        for name in ENERGIES
    ]
    title = (
        f"{day}: facility measured {found.measured_kwh['facility_kw']:,.0f} kWh, "
        f"twin {found.as_operated_kwh['facility_kw']:,.0f} kWh; "
        f"PUE measured {found.pue_measured:.4f}, twin {found.pue_as_operated:.4f} ({_kinds(found)['pue']})"
    )
    data = {
        "day": wanted,
        "hours": len(found.history) * STEP / timedelta(hours=1),
        "parts": rows,
        "pue_measured": found.pue_measured,
        "pue_as_operated": found.pue_as_operated,
        "pue_alternative": found.pue_alternative,
        "indicators_as_operated": found.as_operated_indicators,
        "indicators_alternative": found.alternative_indicators,
        **_what_changed(found),
    }
    said = [title, _changes(found)] if found.intervals else [title, *_on_top(found)]
    emit(data, table(_shown(found, ENERGIES, rows), title="\n".join(said)), as_json=json)
    return 0
