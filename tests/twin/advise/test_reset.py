"""Trim and respond against sequences worked by hand from the guideline's text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.actions import Setpoint
from twin.advise.reset import (
    CONDENSER_APPROACH_K,
    SUPPLY_AIR,
    Condition,
    State,
    TrimAndRespond,
    rack_requests,
    rule_changes,
    water_requests,
)

if TYPE_CHECKING:
    from core.site import Site

# Static pressure example of Guideline 36, also the validation case of the Modelica Buildings library
PRESSURE = TrimAndRespond(
    initial=120, low=37, high=370, delay_s=300, period_s=120, ignored=2, trim=-10, respond=15, respond_max=37
)


def test_golden_sequence() -> None:
    requests = [0, 0, 9, 0, 2, 3, 4, 5, 9, 0]
    # on for 120, 240, 360 s: the delay of 300 s plus one period is not over; then -10 each period,
    # +15 per request above two, at most +37
    expected = [120, 120, 120, 110, 100, 105, 125, 152, 179, 169]
    state, seen = State(PRESSURE.initial), []
    for count in requests:
        state = PRESSURE.next(state, count)
        seen.append(state.setpoint)
    assert seen == pytest.approx(expected)


def test_off_goes_back_to_the_beginning() -> None:
    state = PRESSURE.next(State(200.0, 5000.0), 9, on=False)
    assert state == State(120)
    assert PRESSURE.next(state, 9) == State(120, 120.0)


def test_supply_air_rises_3_k_per_hour_and_falls_15_at_most() -> None:
    start = State(22.0, 1e6)
    assert SUPPLY_AIR.after(start, 0, 3600).setpoint == pytest.approx(25.0)
    assert SUPPLY_AIR.after(start, 50, 720).setpoint == pytest.approx(22.0 - 6 * 0.5)


def test_signs_must_differ() -> None:
    with pytest.raises(ValueError, match="opposite signs"):
        TrimAndRespond(0, 0, 1, 0, 60, 0, 0.1, 0.2, 0.6)


@given(start=st.floats(37, 370), requests=st.lists(st.integers(0, 50), max_size=40), on=st.floats(0, 10_000))
def test_never_leaves_its_range(start: float, requests: list[int], on: float) -> None:
    state = State(start, on)
    for count in requests:
        before = state.setpoint
        state = PRESSURE.next(state, count)
        assert PRESSURE.low <= state.setpoint <= PRESSURE.high
        if state.on_s >= PRESSURE.delay_s + PRESSURE.period_s:
            assert state.setpoint - before <= PRESSURE.respond_max + PRESSURE.trim + 1e-9


def test_requests() -> None:
    assert rack_requests((24.0, 26.5, 27.5), limit_c=27.0, margin_k=1.0) == 3
    assert [water_requests(air, 22.0) for air in (None, 22.5, 24.5, 25.5)] == [0, 0, 2, 3]


def _now(**changes: float) -> Condition:
    in_force = {
        Setpoint.SUPPLY_AIR_TEMPERATURE: 22.0,
        Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE: 10.0,
        Setpoint.CONDENSER_WATER_SUPPLY_TEMPERATURE: 22.0,
    }
    return Condition(in_force, (24.0,) * 8, changes.get("supply", 22.0), changes.get("wet", 18.0))


def test_rule_moves_every_loop_by_a_step_at_most(site: Site) -> None:
    moves = {change.setpoint: change for change in rule_changes(site, _now())}
    assert moves[Setpoint.SUPPLY_AIR_TEMPERATURE].to_c == pytest.approx(22.7)  # 7 periods of 0.1 K
    assert moves[Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE].to_c == pytest.approx(11.0)
    wanted = 18.0 + CONDENSER_APPROACH_K
    assert moves[Setpoint.CONDENSER_WATER_SUPPLY_TEMPERATURE].to_c == pytest.approx(wanted)


def test_hot_racks_pull_the_supply_air_down(site: Site) -> None:
    hot = Condition({Setpoint.SUPPLY_AIR_TEMPERATURE: 24.0}, (27.5,) * 8, 24.0, 18.0)
    (change,) = rule_changes(site, hot)
    assert change.to_c == pytest.approx(23.0)
