"""The dry cooler: what must hold for any."""

from __future__ import annotations

from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError
from twin.plant.curves import AIR_HEAT_KJ_PER_M3K
from twin.plant.dry_cooler import DryCoolerParameters, design_conductance_kw_per_k, solve
from twin.plant.pump import AffinityParameters

FAN: Final = AffinityParameters(30.0, exponent=3.0)
COOLER: Final = DryCoolerParameters(1000.0, 100.0, FAN)
heats = st.floats(0, 1500)
waters = st.floats(0, 1.2)
targets = st.floats(0, 60)


def test_design_point_needs_all_its_air() -> None:
    state = solve(COOLER, np.array(1000.0), np.array(1.0), np.array(35.0), np.array(0.0))
    assert float(state.leaving_c) == pytest.approx(35.0 + COOLER.approach_design_k, abs=1e-9)
    assert float(state.entering_c) == pytest.approx(35.0 + COOLER.approach_design_k + COOLER.range_design_k)
    assert float(state.fan_kw) == pytest.approx(FAN.design_kw, rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(heat=heats, water=waters, target=targets)
def test_colder_air_never_warms_the_water_nor_speeds_the_fans_up(
    heat: float, water: float, target: float
) -> None:
    dry = np.linspace(-30, 45, 151)
    state = solve(COOLER, np.array(heat), np.array(water), dry, np.array(target))
    assert all(np.isfinite(values).all() for values in state)
    assert np.diff(state.leaving_c).min() >= -1e-9
    assert np.diff(state.fan_kw).min() >= -1e-6
    assert (state.leaving_c >= np.maximum(dry, target) - 1e-9).all()


@settings(max_examples=60, deadline=None)
@given(heat=st.floats(1, 1500), water=st.floats(0.05, 1.2), dry=st.floats(-30, 45), target=targets)
def test_water_gives_what_the_air_takes_and_stays_the_warmer(
    heat: float, water: float, dry: float, target: float
) -> None:
    state = solve(COOLER, np.array(heat), np.array(water), np.array(dry), np.array(target))
    water_kw_per_k = COOLER.heat_design_kw / COOLER.range_design_k * water
    air_kw_per_k = AIR_HEAT_KJ_PER_M3K * COOLER.air_m3s * state.air_ratio
    assert float(water_kw_per_k * (state.entering_c - state.leaving_c)) == pytest.approx(heat, rel=1e-6)
    assert float(air_kw_per_k * (state.air_leaving_c - dry)) == pytest.approx(heat, rel=1e-6)
    assert state.air_leaving_c <= state.entering_c + 1e-6


@settings(max_examples=40, deadline=None)
@given(dry=st.floats(-30, 45), water=st.floats(0.3, 1), target=targets)
def test_more_heat_never_cools_the_water_nor_slows_the_fans(dry: float, water: float, target: float) -> None:
    heat = np.linspace(0, 1500, 151)
    state = solve(COOLER, heat, np.array(water), np.array(dry), np.array(target))
    assert np.diff(state.leaving_c).min() >= -1e-9
    assert np.diff(state.fan_kw).min() >= -1e-6
    assert state.fan_kw[0] == 0
    assert not state.outside[0]


def test_outside_its_bounds_is_flagged() -> None:
    dry, water = np.array([20.0, 55.0, -45.0, 20.0]), np.array([1.0, 1.0, 1.0, 0.2])
    state = solve(COOLER, np.full(4, 100.0), water, dry, np.array(30.0))
    assert state.outside.tolist() == [False, True, True, True]


def test_impossible_design_point_is_refused() -> None:
    with pytest.raises(InputError, match="dry cooler: design point"):
        design_conductance_kw_per_k(DryCoolerParameters(1000.0, 40.0, FAN))
