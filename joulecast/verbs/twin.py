"""Verbs of the twin."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from rich.console import Group

from core import db, kpi
from core.actions import Setpoint
from core.clock import parse_time
from core.errors import InputError, NotReadyError
from joulecast.verbs.common import Json, emit, table, working
from joulecast.verbs.validation import validation_text

if TYPE_CHECKING:
    from core.jobs import Context
    from twin.calibrate import Calibration

app = typer.Typer(
    help="The twin: calibrate, validate, simulate, whatif.", no_args_is_help=True, rich_markup_mode="markdown"
)

STEP = timedelta(minutes=15)
Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="A setpoint to hold instead, e.g. chilled_water_supply_temperature_c=10"),
]
Days = Annotated[float, typer.Option(min=0.25, help="Days to look back.")]


def setpoints_from(texts: list[str] | None) -> dict[Setpoint, float]:
    """Read ``name=value`` pairs, the name with or without its unit ``_c``.

    Raises:
        InputError: no such setpoint, or no number.
    """
    found = {}
    for text in texts or []:
        name, _, value = text.partition("=")
        try:
            found[Setpoint(name.strip().removesuffix("_c"))] = float(value)
        except ValueError:
            raise InputError(
                "--set",
                found=repr(text),
                allowed="NAME=VALUE [degC], NAME one of " + ", ".join(f"{s}_c" for s in Setpoint),
                do="correct it",
            ) from None
    return found


def time_from(option: str, text: str) -> datetime:
    """Read an ISO time of an option; without an offset it is UTC.

    Raises:
        InputError: it is none.
    """
    try:
        return parse_time(text)
    except ValueError:
        raise InputError(
            option, found=repr(text), allowed="an ISO 8601 time", do="write it like 2026-03-02T00:00:00Z"
        ) from None


def _calibration(conn: db.Connection, context: Context) -> Calibration:
    from twin.calibrate import latest  # noqa: PLC0415  # each verb imports only its own room

    found = latest(conn, context.site)
    if found is None:
        raise NotReadyError("the twin has not been calibrated yet; run `joulecast twin calibrate`")
    return found


@app.command("calibrate")
def calibrate(*, days: Days = 42.0, json: Json = False) -> int:
    """Fit the twin to the meters; keep the result where it is no worse than the calibration in use."""
    from twin.adopt import adopt  # noqa: PLC0415  # each verb imports only its own room
    from twin.history import load_points  # noqa: PLC0415

    with working() as (context, _), db.connect(context.dsn) as conn:
        now = context.clock.now()
        history = load_points(conn, context.site, now - timedelta(days=days), now, STEP)
        adopted = adopt(conn, context.site, history, now)
    found = adopted.calibration
    rows = [
        {"multiplier": k, "value": v, "found": "from data" if k in found.names else "prior, data say nothing"}
        for k, v in found.multipliers.items()
    ]
    before = None if adopted.before is None else adopted.before.calibration_id
    data = {
        "calibration_id": found.calibration_id,
        **found.to_json(),
        "calibration_id_before": before,
        "cv_rmse_before_ratio": adopted.cv_rmse_before_ratio,
    }
    masked = [finding.to_json() for finding in found.findings]
    text = Group(str(adopted), table(rows), *([table(masked, title="missing or masked")] if masked else []))
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
    it_kw: Annotated[float, typer.Option(min=0.0, help="IT load at a 23 degC inlet [kW].")],
    dry_bulb_c: Annotated[float, typer.Option(help="Outdoor dry bulb [degC].")],
    wet_bulb_c: Annotated[float, typer.Option(help="Outdoor wet bulb [degC].")],
    set: Set = None,  # noqa: A002  # the option's name
    json: Json = False,
) -> int:
    """The plant's steady state: from the calibration where there is one, else from design data."""
    from twin.calibrate import latest  # noqa: PLC0415  # each verb imports only its own room
    from twin.network import BREAKDOWN, Conditions, Parameters, Setpoints, solve  # noqa: PLC0415

    asked = setpoints_from(set)
    if wet_bulb_c > dry_bulb_c:
        raise InputError(
            "--wet-bulb-c",
            found=f"{wet_bulb_c:g}",
            allowed=f"at most the dry bulb, {dry_bulb_c:g}",
            do="correct it",
        )
    with working() as (context, _), db.connect(context.dsn) as conn:
        calibration, site = latest(conn, context.site), context.site
    middle = {name: (r.low_c + r.high_c) / 2 for name, r in site.setpoints.items()}
    missing = [s for s in Setpoint if s not in middle | asked]
    if missing:
        raise InputError(
            "--set", found="nothing", allowed=", ".join(f"{s}_c" for s in missing), do="give a value"
        )
    parameters = calibration.parameters(site.plant) if calibration else Parameters.from_design(site.plant)
    state = solve(parameters, Conditions(it_kw, dry_bulb_c, wet_bulb_c), Setpoints.of(middle | asked))
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
    rows = [{"quantity": k, "modelled": v} for k, v in found.items()]
    setpoints = {str(k): v for k, v in (middle | asked).items()}
    emit(
        {"basis": basis, "setpoints_c": setpoints, **found}, table(rows, title=f"from {basis}"), as_json=json
    )
    return 0


def _energies(found: kpi.Breakdown) -> dict[str, float]:
    """Energy by part, from IT to the whole facility, which they add up to [kWh]."""
    return {"it": found.it_kwh, **found.overhead_kwh, "facility": found.facility_kwh}


@app.command("whatif")
def whatif(
    *,
    set: Set = None,  # noqa: A002  # the option's name
    begin: Annotated[str, typer.Option("--from", help="ISO time.")],
    end: Annotated[str, typer.Option("--to", help="ISO time.")],
    json: Json = False,
) -> int:
    """A past period with other setpoints: what the calibrated twin says it would have drawn."""
    from twin.calibrate import load_history  # noqa: PLC0415  # each verb imports only its own room
    from twin.simulate import simulate as run  # noqa: PLC0415

    asked, start, stop = setpoints_from(set), time_from("--from", begin), time_from("--to", end)
    if not asked or stop - start < STEP:
        raise InputError(
            "what-if",
            found="no setpoint or no period",
            allowed="--set NAME=VALUE and --to after --from",
            do="give both",
        )
    with working() as (context, _), db.connect(context.dsn) as conn:
        calibration = _calibration(conn, context)
        history = load_history(conn, context.site, start, stop, STEP)
    history = history.part(history.usable)
    if not len(history):
        raise NotReadyError(f"no complete step between {begin} and {end}")
    parameters = calibration.parameters(context.site.plant)
    conditions, before = history.conditions(parameters), history.setpoints
    after = before.replace(asked)
    states = [run(parameters, conditions, s, STEP.total_seconds()) for s in (before, after)]
    operated, changed = (s.breakdown(STEP.total_seconds()) for s in states)
    before_rows, after_rows = _energies(operated), _energies(changed)
    rows = [
        {
            "part": f"{name}_kw",
            "as_operated_kwh": kwh,
            "what_if_kwh": after_rows[name],
            "as_operated_partial_pue": operated.partial_pue.get(name),
            "what_if_partial_pue": changed.partial_pue.get(name),
        }
        for name, kwh in before_rows.items()
    ]
    old, new = (s.indicators() for s in states)
    outside = float(np.mean(np.broadcast_to(calibration.outside(conditions, after), len(history))))
    title = (
        f"PUE {old['pue']:.4f} -> {new['pue']:.4f}, TUE {old['tue']:.4f} -> {new['tue']:.4f} (modelled); "
        f"{outside:.0%} of the steps outside the envelope"
    )
    data = {
        "parts": rows,
        "pue_as_operated": old["pue"],
        "pue_what_if": new["pue"],
        "indicators_as_operated": old,
        "indicators_what_if": new,
        "outside_ratio": outside,
    }
    emit(data, table(rows, title=title), as_json=json)
    return 0


def replay(
    *,
    day: Annotated[str, typer.Option(help="The site's day, e.g. 2026-03-02.")],
    set: Set = None,  # noqa: A002  # the option's name
    json: Json = False,
) -> int:
    """A past day: measured, the twin as operated, and the twin with other setpoints."""
    from twin import replay as room  # noqa: PLC0415  # each verb imports only its own room

    asked = setpoints_from(set)
    try:
        wanted = date.fromisoformat(day)
    except ValueError:
        raise InputError("--day", found=repr(day), allowed="a date", do="write it like 2026-03-02") from None
    with working() as (context, _), db.connect(context.dsn) as conn:
        room.check_day(context.site, context.clock, wanted)
        found = room.replay(conn, context.site, wanted, asked or None)
    rows = [
        {
            "part": name.removesuffix("_kw"),
            "measured_kwh": found.measured_kwh.get(name),
            "twin_as_operated_kwh": found.as_operated_kwh[name],
            "twin_alternative_kwh": found.alternative_kwh.get(name),
            "difference_kwh": found.difference_kwh.get(name),
        }
        for name in room.ENERGIES
    ]
    title = (
        f"{day}: PUE measured {found.pue_measured:.4f}, twin {found.pue_as_operated:.4f}, "
        f"alternative {found.pue_alternative:.4f}; {found.complete_ratio:.0%} of the day measured"
    )
    data = {
        "day": wanted,
        "parts": rows,
        "pue_measured": found.pue_measured,
        "pue_as_operated": found.pue_as_operated,
        "pue_alternative": found.pue_alternative,
        "difference_interval_kwh": found.difference_interval_kwh,
        "complete_ratio": found.complete_ratio,
        "outside_ratio": found.outside_ratio,
    }
    emit(data, table(rows, title=title), as_json=json)
    return 0
