"""`joulecast replay`: a past day as it was operated and otherwise, or days as advice would have run them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from core import db
from core.errors import InputError
from joulecast.verbs import twin
from joulecast.verbs.common import Json, emit, table, working
from joulecast.verbs.data import progress
from joulecast.verbs.scenario import Set, Shift, Unbalanced, days_from, setpoints_from

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from rich.table import Table

    from core.site import Site
    from twin.advised import AdvisedDay

DAYS_SHOWN: Final = 3
"""Of a longer range, a person is shown the sums alone."""


def replay(
    *,
    day: Annotated[str | None, typer.Option(help="The site's day, e.g. 2026-03-02.")] = None,
    begin: Annotated[str | None, typer.Option("--from", help="First of several days; with --advise.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Last of them, itself included.")] = None,
    advise: Annotated[
        bool,
        typer.Option(
            "--advise",
            help="What advice would have recommended, knowing at each hour what was known then, with every"
            " recommendation followed; beside the rules and perfect foresight.",
        ),
    ] = False,
    set: Set = None,  # noqa: A002  # the option's name
    shift: Shift = None,
    unbalanced: Unbalanced = False,
    json: Json = False,
) -> int:
    """A past day: measured, the twin as operated, the twin otherwise.

    With --advise, each day is also run by Guideline 36 resets, as advised, and with perfect foresight, which
    is the bound. Forecasts of load and weather are those that were issued and known at each hour; where none
    were stored they are made from data up to that hour, and the calibration is the one in use then: the
    answer says which. Each day begins with what was in force at its midnight.
    """
    if not advise:
        if begin or end or day is None:
            raise InputError(
                "replay",
                found="--from or --to" if begin or end else "no --day",
                allowed="--day D, or several days with --advise",
                do="say --day D or add --advise",
            )
        return twin.replay(day=day, set=set, shift=shift, unbalanced=unbalanced, json=json)
    if shift:
        raise InputError(
            "--shift", found="a load shift with --advise", allowed="--set", do="leave out one of them"
        )
    return _advised(days_from(day, begin, end), set, as_json=json)


def _advised(days: tuple[date, date], asked: list[str] | None, *, as_json: bool) -> int:
    from twin import replay as room  # noqa: PLC0415  # each verb imports only its own room
    from twin.advised import replay_days  # noqa: PLC0415  # as above

    setpoints, found = setpoints_from(asked), []
    first, last = days
    with working() as (context, _), db.connect(context.dsn) as conn:
        room.check_day(context.site, context.clock, last)
        with progress("replay", quiet=as_json) as report:
            for replayed in replay_days(conn, context.site, first, last, setpoints, os.cpu_count() or 1):
                found.append(replayed)
                report((replayed.day - first).days + 1, (last - first).days + 1)
        site = context.site
    emit(
        {
            "from": first,
            "to": last,
            "currency": site.tariff.currency,
            "objective": site.advice.objective,
            "lanes": _sums(found),
            "days": [_day_json(one) for one in found],
            "known": _known(found),
        },
        _tables(site, found),
        as_json=as_json,
    )
    return 0


def _sums(found: Sequence[AdvisedDay]) -> list[dict[str, Any]]:
    """A row for each lane over all days, with what it saves against as operated."""
    rows = []
    operated = sum(one.lanes["as_operated"].facility_kwh for one in found)
    for name in found[0].lanes:
        lanes = [one.lanes[name] for one in found]
        facility, carbon = sum(lane.facility_kwh for lane in lanes), [lane.carbon_kg for lane in lanes]
        it_kwh = sum(lane.it_kwh for lane in lanes)
        rows.append(
            {
                "lane": name,
                "facility_kwh": facility,
                "saved_kwh": operated - facility,
                "it_kwh": it_kwh,
                "pue": facility / it_kwh,
                "cost": sum(lane.cost for lane in lanes),
                "carbon_kg": None if None in carbon else sum(kg for kg in carbon if kg is not None),
                "water_l": sum(lane.water_l for lane in lanes),
                "inlet_max_c": max(lane.inlet_max_c for lane in lanes),
            }
        )
    return rows


def _day_json(one: AdvisedDay) -> dict[str, Any]:
    return {
        "day": one.day,
        "measured_kwh": one.measured_kwh,
        "complete_ratio": one.complete_ratio,
        "lanes": _sums([one]),
        "moves": _moves(one),
        "held_back": one.held_back,
        "known": _known([one]),
    }


def _moves(one: AdvisedDay) -> list[dict[str, Any]]:
    return [
        {
            "at": made.at.isoformat(),
            "setpoint": made.move.change.setpoint,
            "from_c": made.move.change.from_c,
            "to_c": made.move.change.to_c,
            "saving_p10_kw": made.move.p10_kw,
            "saving_p50_kw": made.move.p50_kw,
            "saving_p90_kw": made.move.p90_kw,
            "horizon_h": made.move.horizon_h,
            "forecast_model": made.move.forecast_model,
            "weather_source": made.move.weather_source,
        }
        for made in one.moves
    ]


def _known(found: Sequence[AdvisedDay]) -> dict[str, Any]:
    """What advice knew, and from where."""

    def sums(name: str) -> dict[str, int]:
        counts: dict[str, int] = {}
        for one in found:
            for source, count in getattr(one, name).items():
                counts[source] = counts.get(source, 0) + count
        return counts

    return {
        "load_forecasts": sums("forecasts"),
        "weather": sums("weathers"),
        "calibrations": sorted({one.calibration_id for one in found if one.calibration_id is not None}),
        "days_calibrated_later": sum(one.calibrated_later for one in found),
    }


def _tables(site: Site, found: Sequence[AdvisedDay]) -> Table:
    from twin.past import USUAL  # noqa: PLC0415  # as above

    known = _known(found)
    asked = sum(known["load_forecasts"].values())
    made = known["load_forecasts"].get(USUAL, 0)
    lines = [
        f"{len(found)} day(s), {sum(len(one.moves) for one in found)} recommendations followed; modelled",
        f"cost in {site.tariff.currency}, without demand charge",
        f"forecasts of the load: {asked - made} as issued, {made} made from data up to the hour",
        f"calibration {', '.join(str(number) for number in known['calibrations'])}",
    ]
    if known["days_calibrated_later"]:
        lines.append(f"on {known['days_calibrated_later']} day(s) the twin was calibrated only later")
    if len(found) <= DAYS_SHOWN:
        lines += [
            f"{made.at.astimezone(site.zone):%Y-%m-%d %H:%M} {made.move.change.setpoint.replace('_', ' ')}"
            f" {made.move.change.from_c:.1f} -> {made.move.change.to_c:.1f} degC, {made.move.p50_kw:.1f} kW"
            f" expected ({made.move.p10_kw:.1f} to {made.move.p90_kw:.1f})"
            for one in found
            for made in one.moves
        ]
    return table(_sums(found), title="\n".join(lines))
