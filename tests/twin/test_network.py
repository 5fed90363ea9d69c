"""What must hold of the whole plant, whatever its state: first law, monotonicity, bounds, order."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.actions import Setpoint
from core.errors import InputError
from twin.network import (
    BREAKDOWN,
    COOLING,
    Conditions,
    Parameters,
    PlantState,
    Setpoints,
    reference_load_kw,
    solve,
)
from twin.plant.cdu import CduParameters
from twin.plant.pump import AffinityParameters

if TYPE_CHECKING:
    from core.plant import Plant
    from core.site import Site
    from twin.plant.curves import Floats

load_kw = st.floats(0, 1200)
wet_bulb_c = st.floats(-25, 30)
supply_c = st.floats(15, 35)
chilled_c = st.floats(5, 20)
condenser_c = st.floats(12, 34)


@pytest.fixture(scope="module")
def parameters(site: Site) -> Parameters:
    return Parameters.from_design(site.plant)


def at(
    parameters: Parameters, load: object, wet: object, supply: object, chilled: object, condenser: object
) -> PlantState:
    dry = np.asarray(wet, float) + 4.0
    return solve(parameters, Conditions(load, dry, wet), Setpoints(supply, chilled, condenser))  # type: ignore[arg-type]  # numbers or arrays


def least_rise(values: Floats, state: PlantState) -> float:
    """Least difference of neighbours that carry all their heat; beyond its capacity a chiller draws less."""
    carried = (state.unmet_kw[1:] == 0) & (state.unmet_kw[:-1] == 0)
    return float(np.diff(values)[carried].min(initial=np.inf))


@settings(max_examples=80, deadline=None)
@given(
    load=load_kw,
    wet=wet_bulb_c,
    supply=supply_c,
    chilled=chilled_c,
    condenser=condenser_c,
    chillers=st.integers(0, 2),
    crahs=st.integers(0, 4),
)
def test_first_law_and_bounds(
    parameters: Parameters,
    load: float,
    wet: float,
    supply: float,
    chilled: float,
    condenser: float,
    chillers: int,
    crahs: int,
) -> None:
    state = solve(
        parameters,
        Conditions(load, wet + 4.0, wet),
        Setpoints(supply, chilled, condenser),
        chillers_available=chillers,
        crahs_available=crahs,
    )
    heat_in = sum(float(getattr(state, name)) for name in BREAKDOWN)
    assert float(state.facility_kw) == pytest.approx(heat_in, rel=1e-12)
    assert float(state.heat_rejected_kw + state.stored_kw) == pytest.approx(heat_in, rel=1e-6)
    assert float(state.economizer_load_kw + state.chiller_load_kw) <= float(state.cooling_load_kw) * (
        1 + 1e-9
    )
    assert float(state.power_ratio) >= 1
    for field in fields(PlantState):
        value = getattr(state, field.name)
        assert field.name == "power_ratio" or np.isfinite(value).all(), field.name
        if field.name.endswith("_kw") and "residual" not in field.name:
            assert float(value) >= -1e-9, field.name
    assert float(state.server_fan_kw + state.leakage_kw) <= float(state.it_kw) + 1e-9


@settings(max_examples=25, deadline=None)
@given(load=load_kw, supply=supply_c, chilled=chilled_c, condenser=condenser_c, economizer=st.booleans())
def test_chiller_power_never_falls_with_wet_bulb(
    parameters: Parameters, load: float, supply: float, chilled: float, condenser: float, *, economizer: bool
) -> None:
    plant = replace(parameters, economizer=replace(parameters.economizer, present=economizer))
    state = at(plant, load, np.linspace(-20, 30, 201), supply, chilled, condenser)
    assert least_rise(state.chiller_kw, state) >= -1e-6
    assert np.diff(state.economizer_load_kw).max() <= 1e-6


@settings(max_examples=25, deadline=None)
@given(wet=wet_bulb_c, supply=supply_c, chilled=chilled_c, condenser=condenser_c)
def test_chiller_and_facility_power_never_fall_with_load(
    parameters: Parameters, wet: float, supply: float, chilled: float, condenser: float
) -> None:
    loads = np.linspace(0, 1200, 241)
    state = at(parameters, loads, wet, supply, chilled, condenser)
    assert least_rise(state.chiller_kw, state) >= -0.2  # more water through the economizer helps it a little
    assert least_rise(state.facility_kw, state) >= 0
    without = replace(parameters, economizer=replace(parameters.economizer, present=False))
    mechanical = at(without, loads, wet, supply, chilled, condenser)
    assert least_rise(mechanical.chiller_kw, mechanical) >= -1e-3


@settings(max_examples=25, deadline=None)
@given(load=load_kw, wet=wet_bulb_c, chilled=chilled_c, condenser=condenser_c)
def test_warmer_supply_air_never_slows_server_fans(
    parameters: Parameters, load: float, wet: float, chilled: float, condenser: float
) -> None:
    state = at(parameters, load, wet, np.linspace(14, 42, 141), chilled, condenser)
    assert np.diff(state.server_fan_kw).min() >= -1e-6
    assert np.diff(state.it_kw).min() >= -1e-6
    assert np.diff(state.inlet_c).min() >= -1e-6


@settings(max_examples=25, deadline=None)
@given(load=load_kw, wet=wet_bulb_c, supply=supply_c, chilled=chilled_c)
def test_colder_condenser_water_costs_fan_and_saves_chiller(
    parameters: Parameters, load: float, wet: float, supply: float, chilled: float
) -> None:
    plant = replace(parameters, economizer=replace(parameters.economizer, present=False))
    state = at(plant, load, wet, supply, chilled, np.linspace(12, 34, 111))
    assert least_rise(state.chiller_kw, state) >= -1e-6
    assert np.diff(state.tower_fan_kw).max() <= 0.2  # warmer water also brings the chiller's own extra heat


@settings(max_examples=25, deadline=None)
@given(load=load_kw, wet=wet_bulb_c, supply=supply_c, condenser=condenser_c)
def test_warmer_chilled_water_costs_crah_fan(
    parameters: Parameters, load: float, wet: float, supply: float, condenser: float
) -> None:
    state = at(parameters, load, wet, supply, np.linspace(5, 20, 76), condenser)
    assert np.diff(state.crah_fan_kw).min() >= -1e-3
    assert np.diff(state.chilled_water_pump_kw).min() >= -1e-3


def test_order_of_scenarios_does_not_matter(parameters: Parameters) -> None:
    rng = np.random.default_rng(5)
    count = 400
    columns = [rng.uniform(*span, count) for span in ((0, 1200), (-20, 28), (16, 34), (5, 20), (12, 32))]
    order = rng.permutation(count)
    straight = at(parameters, *columns)
    shuffled = at(parameters, *(column[order] for column in columns))
    for field in fields(PlantState):
        assert np.array_equal(getattr(straight, field.name)[order], getattr(shuffled, field.name)), field.name


def test_scenarios_broadcast_with_time(parameters: Parameters) -> None:
    state = at(parameters, np.full(24, 600.0), np.full(24, 10.0), np.array([[20.0], [24.0]]), 10.0, 24.0)
    assert state.facility_kw.shape == (2, 24)
    one = at(parameters, 600.0, 10.0, 24.0, 10.0, 24.0)
    assert state.part((1, 0)).facility_kw == pytest.approx(float(one.facility_kw), rel=1e-12)


def test_zero_load_is_a_number(parameters: Parameters) -> None:
    state = at(parameters, 0.0, np.array([-10.0, 10.0, 25.0]), 22.0, 10.0, 24.0)
    assert (state.it_kw == 0).all()
    assert np.isinf(state.power_ratio).all()
    assert (state.facility_kw > 0).all()
    assert np.isfinite(state.water_l_per_h).all()


def test_cooling_is_the_sum_of_its_parts(parameters: Parameters) -> None:
    state = at(parameters, 700.0, 12.0, 23.0, 9.0, 22.0)
    assert float(state.cooling_kw) == pytest.approx(sum(float(getattr(state, name)) for name in COOLING))
    assert COOLING == (
        "crah_fan_kw",
        "evaporative_kw",
        "chiller_kw",
        "chilled_water_pump_kw",
        "condenser_water_pump_kw",
        "liquid_pump_kw",
        "tower_fan_kw",
        "basin_heater_kw",
        "learned_kw",
    )


def test_heat_beyond_the_chillers_is_reported(parameters: Parameters) -> None:
    conditions, setpoints = Conditions(1000.0, 34.0, 26.0), Setpoints(22.0, 8.0, 28.0)
    unmet = [
        float(solve(parameters, conditions, setpoints, chillers_available=n).unmet_kw) for n in (0, 1, 2)
    ]
    assert unmet[0] > 900
    assert 200 < unmet[1] < 500
    assert unmet[2] == 0


def test_heat_beyond_the_coils_shows_as_warm_air_and_then_as_unmet(parameters: Parameters) -> None:
    conditions, setpoints = Conditions(1000.0, 20.0, 15.0), Setpoints(20.0, 14.0, 24.0)
    drifting = solve(parameters, conditions, setpoints)
    assert bool(drifting.supply_air_short)
    assert float(drifting.supply_air_c) > 20.5
    assert float(drifting.unmet_kw) == 0
    without = solve(parameters, conditions, setpoints, crahs_available=0)
    assert float(without.unmet_kw) > 500
    assert float(without.inlet_c) > 40
    assert bool(without.extrapolated)


def test_smallest_pue_is_not_smallest_power(parameters: Parameters) -> None:
    """Server fans raise IT power, and PUE falls while the bill grows."""
    supply = np.linspace(18, 34, 65)
    state = at(parameters, 600.0, 5.0, supply, 10.0, 22.0)
    by_pue, by_power = supply[state.power_ratio.argmin()], supply[state.facility_kw.argmin()]
    assert by_pue > by_power + 1
    assert state.facility_kw[state.power_ratio.argmin()] > state.facility_kw.min() + 1
    greedy, frugal = (state.part(int(i)) for i in (state.power_ratio.argmin(), state.facility_kw.argmin()))
    assert greedy.indicators()["pue"] < frugal.indicators()["pue"]
    assert greedy.indicators()["tue"] > frugal.indicators()["tue"] + 0.001


def test_best_chilled_water_lies_where_the_coils_still_suffice(parameters: Parameters) -> None:
    chilled = np.linspace(6, 18, 241)
    state = at(parameters, 600.0, 15.0, 22.0, chilled, 22.0)
    held = ~state.supply_air_short
    best = chilled[held][state.facility_kw[held].argmin()]
    assert chilled[0] + 1 < best < chilled[held][-1] - 0.1


def test_air_colder_than_freezing_is_free(parameters: Parameters) -> None:
    state = at(parameters, 600.0, -5.0, 24.0, 14.0, 22.0)
    assert float(state.economizer_fraction) == 1
    assert float(state.chiller_kw) == 0
    assert float(state.chillers_running) == 0


def test_reference_load_brings_back_the_measured_power(parameters: Parameters) -> None:
    measured, supply = np.full(20, 615.0), np.linspace(16, 34, 20)
    load = reference_load_kw(parameters, measured, supply)
    state = at(parameters, load, 8.0, supply, 8.0, 22.0)
    assert state.it_kw == pytest.approx(measured, rel=1e-3)
    half = replace(parameters, liquid=CduParameters(400.0, AffinityParameters(5.0), liquid_ratio=0.5))
    load = reference_load_kw(half, measured, supply)
    assert at(half, load, 8.0, supply, 8.0, 22.0).it_kw == pytest.approx(measured, rel=1e-3)


def test_multipliers_scale_what_they_name(parameters: Parameters) -> None:
    base = at(parameters, 600.0, 15.0, 22.0, 10.0, 24.0)
    more = at(
        parameters.with_multipliers({"chiller_power": 1.1, "other_load": 2.0}), 600.0, 15.0, 22.0, 10.0, 24.0
    )
    assert float(more.chiller_kw) == pytest.approx(1.1 * float(base.chiller_kw), rel=1e-3)
    assert float(more.other_kw) == 2.0 * float(base.other_kw)
    assert float(more.crah_fan_kw) == float(base.crah_fan_kw)


def test_unknown_multiplier_is_refused(parameters: Parameters) -> None:
    with pytest.raises(InputError, match="chiler_power"):
        parameters.with_multipliers({"chiler_power": 1.1})


def test_setpoints_by_name() -> None:
    setpoints = Setpoints.of(dict(zip(Setpoint, (22.0, 10.0, 24.0), strict=True)))
    changed = setpoints.replace({Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE: 12.0})
    assert (changed.supply_air_temperature_c, changed.chilled_water_supply_temperature_c) == (22.0, 12.0)
    assert changed.condenser_water_supply_temperature_c == 24.0


def test_small_plants_are_possible(site: Site) -> None:
    plant: Plant = site.plant.model_copy(
        update={"it_design_kw": 60.0, "crah_count": 1, "chiller_count": 1, "chiller_capacity_kw": 70.0}
    )
    state = at(Parameters.from_design(plant), 40.0, 10.0, 22.0, 10.0, 24.0)
    assert 1 < float(state.power_ratio) < 5
