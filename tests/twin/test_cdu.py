"""The coolant distribution unit: its design point and classes, and what must hold for any heat and water."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError
from twin.plant.cdu import CLASSES, CduParameters, design_conductance_kw_per_k, solve, split
from twin.plant.curves import WATER_HEAT_KJ_PER_KGK
from twin.plant.exchanger import capacity_ratio, effectiveness
from twin.plant.pump import AffinityParameters

if TYPE_CHECKING:
    from twin.plant.cdu import CduState
    from twin.plant.curves import Floats

PUMP: Final = AffinityParameters(10.0, exponent=3.0)
CDU: Final = CduParameters(1000.0, PUMP)
CONSTANT: Final = replace(CDU, pump=replace(PUMP, flow_min_ratio=1.0))
units = st.sampled_from([CDU, CONSTANT, replace(CDU, conductance_ratio=0.7, supply_drift_max_k=0.0)])
heats = st.floats(0, 1500)
waters = st.floats(2, 60)
setpoints = st.floats(15, 50)


def _solve(
    unit: CduParameters, heat: float | Floats, water: float | Floats, supply: float | Floats
) -> CduState:
    return solve(unit, *(np.asarray(values, float) for values in (heat, water, supply)))


def test_design_point_needs_all_its_water() -> None:
    pump_heat = CDU.pump_heat_ratio * PUMP.design_kw
    state = _solve(CDU, CDU.heat_design_kw - pump_heat, 32.0, 36.0)
    # the loop's flow follows the IT's part of the design heat, so that the pump runs a little slower
    assert float(state.loop_flow_ratio) == pytest.approx(0.991)
    assert float(state.facility_return_c) == pytest.approx(32.0 + 8.0, abs=0.1)
    assert float(state.return_c) == pytest.approx(36.0 + 10.0, abs=0.1)
    assert not state.short
    exact = _solve(replace(CDU, pump=AffinityParameters(0.0)), CDU.heat_design_kw, 32.0, 36.0 + 1e-9)
    assert float(exact.facility_return_c) == pytest.approx(40.0, abs=1e-6)
    assert float(exact.facility_kgs) == pytest.approx(1000.0 / 8.0 / WATER_HEAT_KJ_PER_KGK, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "warmest"), [("W17", 17.0), ("W27", 27.0), ("W32", 32.0), ("W40", 40.0), ("W45", 45.0)]
)
def test_facility_water_outside_the_class_is_flagged(name: str, warmest: float) -> None:
    unit = replace(CDU, liquid_class=name)
    state = _solve(unit, 500.0, np.array([1.9, 2.0, warmest, warmest + 0.1]), warmest + 4.0)
    assert state.outside_class.tolist() == [True, False, False, True]
    assert len(CLASSES) == 5


def test_unknown_class_and_impossible_design_point_are_refused() -> None:
    with pytest.raises(InputError, match="W17, W27, W32, W40, W45"):
        _solve(replace(CDU, liquid_class="W99"), 500.0, 20.0, 30.0)
    with pytest.raises(InputError, match="CDU: design point"):
        design_conductance_kw_per_k(replace(CDU, approach_design_k=0.0))


@settings(max_examples=100, deadline=None)
@given(unit=units, heat=heats, water=waters, supply=setpoints)
def test_heat_in_is_heat_out_and_unmet(unit: CduParameters, heat: float, water: float, supply: float) -> None:
    state = _solve(unit, heat, water, supply)
    assert all(np.isfinite(values).all() for values in state)
    total = heat + float(state.pump_heat_kw)
    assert float(state.facility_heat_kw + state.unmet_kw) == pytest.approx(total, rel=1e-12)
    assert state.unmet_kw >= 0
    assert state.facility_heat_kw >= 0
    carried = state.facility_kgs * WATER_HEAT_KJ_PER_KGK * (state.facility_return_c - water)
    assert float(carried) == pytest.approx(float(state.facility_heat_kw), rel=1e-9, abs=1e-6)
    loop_kw_per_k = unit.heat_design_kw / unit.loop_rise_design_k * state.loop_flow_ratio
    released = loop_kw_per_k * (state.return_c - state.supply_c)
    assert float(released) == pytest.approx(float(state.facility_heat_kw), rel=1e-9, abs=1e-6)
    assert supply <= state.supply_c <= supply + unit.supply_drift_max_k + 1e-9
    assert state.unmet_kw == 0 or state.supply_c == pytest.approx(supply + unit.supply_drift_max_k)


@settings(max_examples=100, deadline=None)
@given(unit=units, heat=st.floats(1, 1500), water=waters, supply=setpoints)
def test_plates_exchange_by_effectiveness_at_the_flow_found(
    unit: CduParameters, heat: float, water: float, supply: float
) -> None:
    state = _solve(unit, heat, water, supply)
    if state.facility_kgs == 0 or state.unmet_kw > 0:
        return
    loop_ratio = float(state.loop_flow_ratio)
    facility = float(state.facility_kgs) * WATER_HEAT_KJ_PER_KGK
    facility_ratio = facility / (unit.heat_design_kw / unit.facility_rise_design_k)
    loop = unit.heat_design_kw / unit.loop_rise_design_k * loop_ratio
    least, most = np.array(min(loop, facility)), np.array(max(loop, facility))
    films = 0.5 * (loop_ratio**-0.8 + facility_ratio**-0.8)
    conductance = unit.conductance_ratio * design_conductance_kw_per_k(unit) / films
    could = least * effectiveness(conductance / least, capacity_ratio(least, most)) * (state.return_c - water)
    assert float(could) == pytest.approx(float(state.facility_heat_kw), rel=1e-9)
    assert facility_ratio <= unit.facility_flow_max_ratio + 1e-9


@settings(max_examples=60, deadline=None)
@given(unit=units, heat=st.floats(1, 1500), supply=setpoints)
def test_warmer_facility_water_never_helps(unit: CduParameters, heat: float, supply: float) -> None:
    state = _solve(unit, heat, np.linspace(2, 60, 117), supply)
    for rising in (state.supply_c, state.unmet_kw, state.facility_kgs[state.facility_heat_kw > 0]):
        assert np.diff(rising).min() >= -1e-6


@settings(max_examples=60, deadline=None)
@given(unit=units, water=waters, supply=setpoints)
def test_more_heat_never_leaves_less_unmet_nor_needs_less_pump(
    unit: CduParameters, water: float, supply: float
) -> None:
    state = _solve(unit, np.linspace(0, 1500, 151), water, supply)
    for rising in (state.supply_c, state.unmet_kw, state.pump_kw, state.loop_flow_ratio):
        assert np.diff(rising).min() >= -1e-6


@settings(max_examples=60, deadline=None)
@given(unit=units, heat=st.floats(1, 1500), water=waters)
def test_higher_setpoint_never_needs_more_facility_water(
    unit: CduParameters, heat: float, water: float
) -> None:
    state = _solve(unit, heat, water, np.linspace(water, 60, 61))
    assert np.diff(state.facility_kgs[state.facility_heat_kw > 0]).max(initial=0.0) <= 1e-6
    assert np.diff(state.unmet_kw).max() <= 1e-9


def test_water_too_warm_leaves_all_heat_unmet_and_the_valve_shut() -> None:
    state = _solve(CDU, 500.0, 45.0, 36.0)
    assert state.facility_heat_kw == 0
    assert state.facility_kgs == 0
    assert state.facility_return_c == 45.0
    assert float(state.unmet_kw) == pytest.approx(500.0 + float(state.pump_heat_kw))
    assert float(state.supply_c) == 41.0
    assert state.short


def test_nothing_flows_without_heat() -> None:
    state = _solve(CDU, 0.0, np.array([10.0, 60.0]), 36.0)
    for none in (state.pump_kw, state.facility_kgs, state.facility_heat_kw, state.unmet_kw):
        assert not none.any()
    assert state.supply_c.tolist() == state.return_c.tolist() == [36.0, 36.0]
    assert not (state.short | state.outside).any()


@pytest.mark.parametrize("heat", [0.0, 1e-300, 1e-13, 1e-6])
def test_next_to_no_heat_is_no_nan_even_with_a_pump_that_stands_still(heat: float) -> None:
    unit = replace(CDU, pump=AffinityParameters(0.0, flow_min_ratio=0.0))
    state = _solve(unit, heat, np.array([10.0, 36.0, 60.0]), 36.0)
    assert all(np.isfinite(values).all() for values in state)
    assert (state.facility_heat_kw + state.unmet_kw == heat).all()


def test_constant_flow_pumps_the_same_at_any_heat() -> None:
    state = _solve(CONSTANT, np.array([1.0, 500.0, 1500.0]), 30.0, 36.0)
    assert state.pump_kw.tolist() == pytest.approx([PUMP.design_kw] * 3)
    variable = _solve(CDU, 500.0, 30.0, 36.0)
    assert variable.pump_kw < 0.2 * PUMP.design_kw


def test_it_heat_goes_to_liquid_and_air() -> None:
    liquid, air = split(CDU, np.array([0.0, 1000.0]))
    assert liquid.tolist() == [0.0, 750.0]
    assert (liquid + air).tolist() == [0.0, 1000.0]


def test_too_little_flow_for_the_films_is_flagged() -> None:
    state = _solve(CDU, 300.0, np.array([2.0, 30.0]), 40.0)
    assert state.outside.tolist() == [True, False]


def test_any_shapes_and_any_order_of_scenarios() -> None:
    heat, water = np.linspace(0, 1200, 9)[:, None], np.linspace(5, 50, 7)
    state, turned = (_solve(CDU, values, water, 36.0) for values in (heat, heat[::-1]))
    assert state.facility_kgs.shape == (9, 7)
    assert (state.facility_kgs == turned.facility_kgs[::-1]).all()
    assert (state.supply_c == turned.supply_c[::-1]).all()
