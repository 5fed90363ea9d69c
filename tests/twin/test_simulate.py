"""Heat that is not taken warms the hall, and nothing of it is lost."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np
import pytest

from twin.network import Conditions, Parameters, PlantState, Setpoints, solve
from twin.simulate import simulate

if TYPE_CHECKING:
    from core.site import Site

STEP_S = 900.0
SETPOINTS = Setpoints(22.0, 9.0, 24.0)


@pytest.fixture(scope="module")
def parameters(site: Site) -> Parameters:
    return Parameters.from_design(site.plant)


def conditions(count: int, load_kw: float = 900.0) -> Conditions:
    return Conditions(np.full(count, load_kw), np.full(count, 28.0), np.full(count, 20.0))


def test_without_unmet_heat_it_is_the_steady_state(parameters: Parameters) -> None:
    given = conditions(8, 500.0)
    steady, moving = solve(parameters, given, SETPOINTS), simulate(parameters, given, SETPOINTS, STEP_S)
    for field in fields(PlantState):
        assert np.array_equal(getattr(steady, field.name), getattr(moving, field.name))


def test_a_lost_chiller_warms_the_hall_and_its_return_cools_it(parameters: Parameters) -> None:
    available = np.array([2, 2, 1, 1, 2, 2, 2, 2])
    state = simulate(parameters, conditions(8, 770.0), SETPOINTS, STEP_S, chillers_available=available)
    inlet = state.inlet_mean_c
    assert inlet[1] + 0.5 < inlet[2] < inlet[3]
    assert inlet[-1] == pytest.approx(inlet[0], abs=0.1)
    assert state.stored_kw[2] > 0 > state.stored_kw[4]
    assert state.unmet_kw[2] > 0 == state.unmet_kw[4]


def test_in_every_step_power_in_is_heat_out_and_heat_stored(parameters: Parameters) -> None:
    available = np.array([2, 1, 0, 1, 2, 2, 2, 2])
    state = simulate(parameters, conditions(8), SETPOINTS, STEP_S, chillers_available=available)
    assert state.heat_rejected_kw + state.stored_kw == pytest.approx(state.facility_kw, rel=1e-6)
    assert np.abs(state.balance_residual_kw).max() < 1e-6


def test_stored_heat_is_the_halls_warming(parameters: Parameters) -> None:
    available = np.array([2, 0, 0])
    fine = simulate(parameters, conditions(3), SETPOINTS, 60.0, chillers_available=available)
    warming = fine.stored_kw[1] * 60.0 / parameters.hall_kj_per_k
    assert fine.supply_air_c[2] - fine.supply_air_c[1] == pytest.approx(warming, rel=0.05)
    assert 2 < warming < 6  # about 4 K a minute at full load without cooling


def test_a_warm_hall_comes_down_to_its_setpoint(parameters: Parameters) -> None:
    steady = solve(parameters, conditions(6, 500.0), SETPOINTS)
    state = simulate(parameters, conditions(6, 500.0), SETPOINTS, STEP_S, initial_hall_c=30.0)
    assert state.inlet_mean_c[0] > steady.inlet_mean_c[0] + 0.5
    assert state.inlet_mean_c[-1] == pytest.approx(steady.inlet_mean_c[-1], abs=0.05)
    assert state.stored_kw[0] < 0
    released = -float(state.stored_kw.sum()) * STEP_S / parameters.hall_kj_per_k
    assert released == pytest.approx(30.0 - steady.inlet_mean_c[0], rel=0.02)


def test_scenarios_side_by_side_are_as_alone(parameters: Parameters) -> None:
    available = np.array([2, 0, 2, 2])
    supply = np.array([[20.0], [24.0]])
    both = simulate(
        parameters, conditions(4), Setpoints(supply, 9.0, 24.0), STEP_S, chillers_available=available
    )
    alone = simulate(
        parameters, conditions(4), Setpoints(24.0, 9.0, 24.0), STEP_S, chillers_available=available
    )
    assert both.facility_kw[1] == pytest.approx(alone.facility_kw, rel=1e-12)
    assert both.facility_kw.shape == (2, 4)


def test_no_time_at_all_is_no_error(parameters: Parameters) -> None:
    assert simulate(parameters, conditions(0), SETPOINTS, STEP_S).facility_kw.shape == (0,)


def test_energy_by_subsystem_adds_up_to_the_facility(parameters: Parameters) -> None:
    available = np.array([2, 1, 0, 1, 2, 2, 2, 2])
    state = simulate(parameters, conditions(8), SETPOINTS, STEP_S, chillers_available=available)
    found = state.breakdown(STEP_S)
    assert found.adds_up
    assert found.complete_ratio == 1
    assert found.facility_kwh == pytest.approx(state.facility_kw.mean() * 2.0)  # 8 quarters of an hour
    assert found.overhead_kwh["chiller"] == pytest.approx(state.chiller_kw.sum() * 0.25)
    assert 1 + sum(part - 1 for part in found.partial_pue.values()) == pytest.approx(found.pue)
