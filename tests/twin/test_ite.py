"""EnergyPlus's server model against EnergyPlus, and what must hold for any."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from published import ITE_EXAMPLE, servers_off, table

from core.units import KELVIN_OFFSET
from twin.plant.ite import outlet_c, solve

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


@pytest.fixture(scope="module")
def points(shared_data: Path) -> NDArray[np.void]:
    return table(shared_data / "reference" / "reference_ite_energyplus.csv")


def test_gives_the_303_energyplus_points(shared_data: Path, points: NDArray[np.void]) -> None:
    off = servers_off(shared_data / "reference")
    assert off.shape == (4, 303)
    assert off.max() < 1e-6
    assert not solve(ITE_EXAMPLE, points["cpu_load"], points["T_inlet_C"]).outside.any()


def test_moves_and_warms_the_air_that_energyplus_does(points: NDArray[np.void]) -> None:
    # The file gives air at standard density and neither humidity nor pressure, so one number for the density
    # and one for the specific heat are taken from its median; they vary by 5e-5 with the hall's humidity.
    inlet, moved = points["T_inlet_C"], points["V_air_std_m3_s"]
    state = solve(ITE_EXAMPLE, points["cpu_load"], inlet)
    density = moved / state.airflow_m3s * (inlet + KELVIN_OFFSET)
    assert np.abs(density / np.median(density) - 1.0).max() < 5e-5
    air_heat = np.median((state.cpu_kw + state.fan_kw) / (points["T_outlet_C"] - inlet) / moved)
    warmed = outlet_c(state, inlet, air_heat * moved / state.airflow_m3s)
    assert warmed == pytest.approx(points["T_outlet_C"], abs=5e-4)


@settings(max_examples=60, deadline=None)
@given(load=st.floats(0, 1.5), inlet=st.floats(-10, 60))
def test_more_load_or_warmer_air_never_needs_less(load: float, inlet: float) -> None:
    by_load = solve(ITE_EXAMPLE, np.linspace(0, 1.5, 61), np.array(inlet))
    by_inlet = solve(ITE_EXAMPLE, np.array(load), np.linspace(-10, 60, 61))
    for state in (by_load, by_inlet):
        for values in (state.cpu_kw, state.fan_kw, state.supply_loss_kw, state.airflow_m3s, state.heat_kw):
            assert np.isfinite(values).all()
            assert (values >= 0).all()
            assert np.diff(values).min() >= -1e-12
        assert not state.outside.any()


def test_without_air_nothing_is_divided_by_it() -> None:
    state = solve(ITE_EXAMPLE, np.array(0.0), np.array(10.0))
    assert state.airflow_m3s == 0
    assert float(outlet_c(state, np.array(10.0))) == 10.0


def test_outside_its_bounds_is_flagged_and_held_there() -> None:
    state = solve(ITE_EXAMPLE, np.array([0.5, 2.0, -0.1, 0.5]), np.array([20.0, 20.0, 20.0, 120.0]))
    assert state.outside.tolist() == [False, True, True, True]
    held = solve(ITE_EXAMPLE, np.array([1.5, 0.0]), np.array([20.0, 20.0]))
    assert state.heat_kw[1:3].tolist() == held.heat_kw.tolist()
