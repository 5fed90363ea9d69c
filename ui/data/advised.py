"""Past days as advice, rules and foresight would have run them, as values for the page; the twin works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import date, datetime

    from core.actions import Change, Setpoint
    from twin.advised import AdvisedDay
    from ui.data.source import Source

DAYS_MAX: Final = 14
"""Longest range that the page replays; longer ones are the command's."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One way to have run the days, summed up."""

    name: str
    """As in `twin.advised`."""
    facility_kwh: float
    it_kwh: float
    cost: float
    carbon_kg: float | None
    water_l: float
    inlet_max_c: float
    """Warmest of all days [degC]."""


@dataclass(frozen=True, slots=True)
class Move:
    """A recommendation that would have been made and followed."""

    at: datetime
    change: Change
    saving_kw: tuple[float, float, float]
    """p10, p50, p90 as it would have been promised [kW]."""
    rests_on: str
    """Forecast and weather."""


@dataclass(frozen=True, slots=True)
class Advised:
    """The answer for a range of days."""

    days: int
    """How many of them were measured."""
    lanes: tuple[Lane, ...]
    """As operated first."""
    moves: tuple[Move, ...]
    complete_ratio: float
    """Mean share of a day that was measured [1]."""
    calibrated_later: int
    """Days whose calibration was made only afterwards."""
    made_up: int
    """Decisions whose load or weather forecast was made from data up to then, because none was stored."""
    decisions: int


def advised(source: Source, first: date, last: date, setpoints_c: dict[Setpoint, float]) -> Advised:
    """Replay days with advice.

    Args:
        source: the database.
        first: first day of the site's calendar.
        last: last day, itself included.
        setpoints_c: setpoints to hold in one more lane [degC]; none: no such lane.

    Raises:
        InputError: the last day lies in the future.
        NotReadyError: nothing was measured, or the twin is not calibrated.
        ServiceError: other days are being replayed so already.
    """
    from twin import advised as days_room  # noqa: PLC0415  # the twin's libraries load when they are needed
    from twin import replay as room  # noqa: PLC0415  # as above

    site = source.context.site
    room.check_day(site, source.context.clock, last)
    with source.long_work(), source.connection() as conn:
        found = list(days_room.replay_days(conn, site, first, last, setpoints_c or None))
    return summed(found, days_room.USUAL)


def summed(found: list[AdvisedDay], usual: str) -> Advised:
    """The days together; `usual` names forecasts that were made from data up to the hour."""
    names = list(found[0].lanes)
    lanes = []
    for name in names:
        of_day = [day.lanes[name] for day in found]
        carbon = [lane.carbon_kg for lane in of_day]
        lanes.append(
            Lane(
                name=name,
                facility_kwh=sum(lane.facility_kwh for lane in of_day),
                it_kwh=sum(lane.it_kwh for lane in of_day),
                cost=sum(lane.cost for lane in of_day),
                carbon_kg=None if None in carbon else sum(kg for kg in carbon if kg is not None),
                water_l=sum(lane.water_l for lane in of_day),
                inlet_max_c=max(lane.inlet_max_c for lane in of_day),
            )
        )
    moves = [
        Move(
            at=move.at,
            change=move.move.change,
            saving_kw=(move.move.p10_kw, move.move.p50_kw, move.move.p90_kw),
            rests_on=f"{move.move.forecast_model}, {move.move.weather_source}",
        )
        for day in found
        for move in day.moves
    ]
    return Advised(
        days=len(found),
        lanes=tuple(lanes),
        moves=tuple(moves),
        complete_ratio=sum(day.complete_ratio for day in found) / len(found),
        calibrated_later=sum(day.calibrated_later for day in found),
        made_up=sum(max(day.forecasts.get(usual, 0), day.weathers.get(usual, 0)) for day in found),
        decisions=sum(sum(day.forecasts.values()) for day in found),
    )
