"""Replay with advice: days summed up by lane, moves with what was known, what is said where it cannot be."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from plotly.utils import PlotlyJSONEncoder

from core.actions import Change, Setpoint
from twin.advise.policy import Move
from twin.advised import AdvisedDay, Lane, Recommended
from ui.components import advised as parts
from ui.data.advised import summed
from ui.pages import replay

if TYPE_CHECKING:
    from ui.data import Source

ZONE = ZoneInfo("Europe/Amsterdam")
CHANGE = Change(Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE, 9.0, 10.0)


def text(component: Any) -> str:
    return json.dumps(component, cls=PlotlyJSONEncoder, ensure_ascii=False)


def lane(kwh: float, carbon_kg: float | None = 300.0, inlet_c: float = 24.0) -> Lane:
    return Lane(kwh, 800.0, kwh / 10, carbon_kg, 40.0, inlet_c)


def a_day(number: int) -> AdvisedDay:
    at = datetime(2026, 3, number, 6, 30, tzinfo=UTC)
    move = Move(78, CHANGE, 2.0, 3.1, 4.4, 4.0, "ensemble", "usual course")
    return AdvisedDay(
        day=date(2026, 3, number),
        lanes={
            "as_operated": lane(1000.0),
            "rules": lane(985.0),
            "advised": lane(970.0, inlet_c=25.0 + number),
            "foresight": lane(965.0),
        },
        moves=(Recommended(at, move),),
        held_back={"benefit": 4},
        measured_kwh=1003.0,
        complete_ratio=1.0,
        calibration_id=3,
        calibrated_later=number == 1,
        forecasts={"ensemble": 90, "usual course": 6},
        weathers={"usual course": 96},
    )


def test_days_add_up_and_the_warmest_counts() -> None:
    found = summed([a_day(1), a_day(2)], "usual course")
    advised = next(lane for lane in found.lanes if lane.name == "advised")
    assert advised.facility_kwh == 1940
    assert advised.inlet_max_c == 27
    assert advised.carbon_kg == 600
    assert (found.days, len(found.moves), found.calibrated_later) == (2, 2, 1)
    assert (found.made_up, found.decisions) == (192, 192)
    unknown = replace(a_day(2), lanes={**a_day(2).lanes, "rules": lane(985.0, None)})
    assert next(x for x in summed([a_day(1), unknown], "").lanes if x.name == "rules").carbon_kg is None


def test_each_lane_says_what_it_saves_against_as_operated() -> None:
    found = summed([a_day(1), a_day(2)], "usual course")
    table = text(parts.lanes(found, "EUR"))
    for said in (
        "Guideline 36 resets",
        "Advised, as known then",
        "+60",
        "3.00 %",
        "+70",
        "27.0 °C",
        "Cost, EUR",
    ):
        assert said in table, said
    assert "At 192 of 192 decisions no forecast was stored" in table
    assert "On 1 of them there was no calibration yet" in table


def test_moves_have_time_promise_and_what_was_known() -> None:
    table = text(parts.moves(summed([a_day(2)], "usual course"), ZONE))
    for said in (
        "Mon 2 Mar 07:30",
        "Raise chilled water supply temperature 9.0 → 10.0 °C",
        "3.1 (2.0 to 4.4)",
    ):
        assert said in table, said
    assert "ensemble, usual course" in table
    assert "Nothing would have been recommended" in text(
        parts.moves(summed([replace(a_day(2), moves=())], ""), ZONE)
    )


@pytest.mark.parametrize(
    ("day", "last", "fields", "said"),
    [
        ("2026-03-02", "2026-03-01", {}, "not before the first"),
        ("2026-03-02", "2026-04-02", {}, "at most 14 days"),
        ("yesterday", None, {}, "Choose a day"),
        ("2026-03-02", None, {Setpoint.SUPPLY_AIR_TEMPERATURE: "warm"}, "as numbers"),
        ("2026-03-02", None, {Setpoint.SUPPLY_AIR_TEMPERATURE: 40}, "outside this site's limits"),
        ("2027-03-02", None, {}, "past day"),
    ],
)
def test_what_cannot_be_replayed_is_said(
    source: Source, day: str, last: str | None, fields: dict[Setpoint, Any], said: str
) -> None:
    assert said in replay.advised_view(source, day, last, fields)[2]
