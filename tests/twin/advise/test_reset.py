"""Trim and respond against sequences worked by hand from the guideline's text."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.actions import Setpoint
from twin.advise.reset import (
    CONDENSER_APPROACH_K,
    PERIOD_S,
    SUPPLY_AIR,
    Condition,
    State,
    TrimAndRespond,
    begin,
    next_state,
    rack_requests,
    rule_changes,
    setpoints,
    tower_approach_k,
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


def test_rule_moves_every_loop_as_far_as_a_period_of_advice_takes_it(site: Site) -> None:
    moves = {change.setpoint: change for change in rule_changes(site, _now())}
    assert moves[Setpoint.SUPPLY_AIR_TEMPERATURE].to_c == pytest.approx(22.7)  # 7 periods of 0.1 K
    water_c = 10.0 + 6 * k_per_percent(site)  # 3 periods of 2 %
    assert moves[Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE].to_c == pytest.approx(water_c, abs=0.05)
    wanted = 18.0 + CONDENSER_APPROACH_K
    assert moves[Setpoint.CONDENSER_WATER_SUPPLY_TEMPERATURE].to_c == pytest.approx(wanted)


def test_hot_racks_pull_the_supply_air_down(site: Site) -> None:
    hot = Condition({Setpoint.SUPPLY_AIR_TEMPERATURE: 24.0}, (27.5,) * 8, 24.0, 18.0)
    (change,) = rule_changes(site, hot)
    assert change.to_c == pytest.approx(23.0)


def test_a_held_setpoint_stands_still_for_the_hold_at_least() -> None:
    loop = replace(PRESSURE, hold_s=300.0)
    state = State(200.0, 1e6)
    # held for 300 s from the first period on: that one and two and a half more, so three
    seen = []
    for hold in (True, False, False, False, False):
        state = loop.next(state, 0, hold=hold)
        seen.append(state.setpoint)
    assert seen == [200.0, 200.0, 200.0, 200.0, 190.0]


def k_per_percent(site: Site) -> float:
    """The upper half of the plant reset moves the chilled water through its whole range."""
    bounds = site.setpoints[Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE]
    return (bounds.high_c - bounds.low_c) / 50


def in_loop(**changes: Any) -> Condition:
    return replace(_now(), chillers_running=1.0, chilled_water_return_c=18.0, **changes)


def test_rules_in_closed_loop_rise_as_the_guideline_says(site: Site) -> None:
    now = in_loop()
    state = begin(site, now)
    for _ in range(6):  # half an hour: 1.5 K of air, 6 periods of 2 % of water
        state = next_state(site, state, now)
    assert state.elapsed_s == 6 * PERIOD_S
    found = setpoints(site, state, now)
    assert found[Setpoint.SUPPLY_AIR_TEMPERATURE] == pytest.approx(23.5)
    assert found[Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE] == pytest.approx(10.0 + 12 * k_per_percent(site))


def test_the_plant_reset_stands_still_while_the_plant_stages(site: Site) -> None:
    now = in_loop()
    first = begin(site, now)
    two = replace(now, chillers_running=2.0)
    state = next_state(site, first, two)
    for _ in range(3):
        assert state.water.setpoint == first.water.setpoint
        state = next_state(site, state, two)
    assert next_state(site, state, two).water.setpoint < first.water.setpoint


def test_warm_supply_air_calls_for_colder_water(site: Site) -> None:
    now = in_loop(supply_air_c=25.5)  # every air handler asks for 3; two requests are ignored
    state = next_state(site, begin(site, now), now)
    high_c = site.setpoints[Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE].high_c
    percent = 50 + (high_c - 10.0) / k_per_percent(site)
    assert state.water.setpoint == pytest.approx(min(percent - 2 + 7, 100))


def test_the_economizer_comes_and_goes_by_its_bands_and_holds(site: Site) -> None:
    warm, cold = in_loop(wet_bulb_c=20.0), in_loop(wet_bulb_c=5.0)
    state = begin(site, warm)
    assert not state.economizing
    state = next_state(site, state, cold)
    assert state.economizing
    for _ in range(3):  # 20 min in the state
        state = next_state(site, state, warm)
        assert state.economizing
    assert not next_state(site, state, warm).economizing
    assert begin(site, replace(warm, chilled_water_return_c=None)).economizer is None


def test_the_tower_rule_is_near_the_least_power(site: Site) -> None:
    """Against the least of chiller and fan power by search, with the rule's own simple physics."""
    plant = site.plant
    chillers_kw = plant.chiller_count * (plant.chiller_capacity_kw or 0) / (plant.chiller_cop or 1)
    total_k = CONDENSER_APPROACH_K + 5.56
    for load in (0.3, 0.5, 0.8, 1.0):
        air = np.linspace(0.2, 1.0, 801)
        power = chillers_kw * load * 0.026 * total_k * load / air + (plant.tower_fan_kw or 0) * air**3
        chosen = total_k * load / (tower_approach_k(site, load) + 5.56 * load)
        ours = float(np.interp(chosen, air, power))
        assert ours - power.min() < 0.01 * chillers_kw
    assert tower_approach_k(site, None) == CONDENSER_APPROACH_K
    assert tower_approach_k(site, 0.4) < tower_approach_k(site, 0.8)
