"""Direct and indirect evaporative stages: the design equations, and what must hold for any weather."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.plant import air_economizer
from twin.plant.air import Air
from twin.plant.air_economizer import AirEconomizerParameters
from twin.plant.evaporative import DirectParameters, IndirectParameters, direct, indirect
from twin.plant.water import WaterParameters
from twin.psychro import enthalpy_j_per_kg, humidity_ratio, humidity_ratio_from_wet_bulb, wet_bulb_c

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from twin.plant.curves import Floats
    from twin.plant.evaporative import DirectState, IndirectState

DIRECT: Final = DirectParameters(pump_kw=0.06)
INDIRECT: Final = IndirectParameters(full_kw=6.0)
WATER_KJ_PER_KGK: Final = 4.186
FAN_RISE_K: Final = 0.36
"""By which the fan warms the supply air in the EnergyPlus years [K]."""
dry_bulbs = st.floats(-20, 45)
relatives = st.floats(0.05, 1.0)
airs = st.floats(0, 50)


def _direct(
    air_kgs: float, dry: float, relative: float, target: float, parameters: DirectParameters = DIRECT
) -> tuple[float, DirectState]:
    wet = wet_bulb_c(np.array(dry), np.array(relative))
    state = direct(parameters, np.array(air_kgs), np.array(dry), wet, np.array(target))
    return float(wet), state


def _indirect(
    entering: float | Floats,
    dry: float | Floats,
    wet: float | Floats,
    target: float | Floats,
    parameters: IndirectParameters = INDIRECT,
) -> IndirectState:
    given_c = (np.asarray(values, float) for values in (entering, dry, wet, target))
    return indirect(parameters, np.array(10.0), *given_c)


def test_direct_stage_cools_by_its_share_of_the_depression() -> None:
    # 40 degC dry bulb, 20 degC wet bulb (ASHRAE Fundamentals 2017, ch. 1, example 1): W 0.0065
    state = direct(DIRECT, np.array(10.0), np.array(40.0), np.array(20.0), np.array(0.0))
    assert float(state.leaving.dry_bulb_c) == pytest.approx(26.0)
    assert float(state.water.evaporation_kgs) == pytest.approx(
        10.0 * (float(state.leaving.humidity) - 0.0065), abs=1e-3
    )
    assert state.short
    assert state.power_kw == DIRECT.pump_kw
    half = direct(DIRECT, np.array(10.0), np.array(40.0), np.array(20.0), np.array(33.0))
    assert float(half.power_kw) == pytest.approx(0.5 * DIRECT.pump_kw)


@settings(max_examples=80, deadline=None)
@given(air_kgs=airs, dry=dry_bulbs, relative=relatives, target=st.floats(0, 30))
def test_direct_stage_balances_water_and_energy_at_constant_wet_bulb(
    air_kgs: float, dry: float, relative: float, target: float
) -> None:
    wet, state = _direct(air_kgs, dry, relative, target)
    entering = humidity_ratio_from_wet_bulb(np.array(dry), np.array(wet))
    taken_up = state.leaving.humidity - entering
    assert float(state.water.evaporation_kgs) == pytest.approx(float(air_kgs * taken_up), abs=1e-12)
    assert min(float(values) for values in state.water) >= 0
    make_up = state.water.evaporation_kgs * 1.5  # cycles of concentration 3
    assert float(state.water.make_up_kgs) == pytest.approx(float(make_up))
    if wet >= 0:
        change = enthalpy_j_per_kg(*state.leaving) - enthalpy_j_per_kg(np.array(dry), entering)
        assert float(change) * 1e-3 == pytest.approx(float(taken_up * WATER_KJ_PER_KGK * wet), abs=1e-9)
        at = (state.leaving.dry_bulb_c, np.array(wet))
        assert float(state.leaving.humidity) == pytest.approx(float(humidity_ratio_from_wet_bulb(*at)))
    assert wet - 1e-9 <= state.leaving.dry_bulb_c <= dry
    assert state.leaving.dry_bulb_c >= min(dry, target) - 1e-9


@settings(max_examples=60, deadline=None)
@given(dry=st.floats(0, 45), relative=relatives, target=st.floats(0, 45))
def test_direct_stage_uses_nothing_where_nothing_is_to_cool(
    dry: float, relative: float, target: float
) -> None:
    for _, state in (_direct(10.0, dry, relative, max(target, dry)), _direct(0.0, dry, relative, target)):
        assert all(values == 0 for values in state.water)
        assert state.power_kw == 0
        assert state.leaving.dry_bulb_c == dry
        assert not state.outside


@settings(max_examples=60, deadline=None)
@given(dry=st.floats(1, 45), target=st.floats(0, 30))
def test_direct_cooling_and_water_never_rise_with_wet_bulb(dry: float, target: float) -> None:
    wet = np.linspace(0.0, dry, 61)
    state = direct(DIRECT, np.array(10.0), np.array(dry), wet, np.array(target))
    assert np.diff(state.leaving.dry_bulb_c).min() >= -1e-12
    all_out = state.water.make_up_kgs[state.short & ~state.outside]
    assert np.diff(all_out).max(initial=0.0) <= 0


def test_indirect_stage_is_dry_then_wet_then_off() -> None:
    dry, wet = np.array([10.0, 19.9, 20.0, 28.0, 28.0]), np.array([8.0, 18.0, 18.0, 24.0, 24.1])
    state = _indirect(34.0, dry, wet, 0.0)
    assert state.wet.tolist() == [False, False, True, True, False]
    assert state.running.tolist() == [True, True, True, True, False]
    cooled = [0.72 * 24.0, 0.72 * 14.1, 0.7 * 16.0, 0.7 * 10.0, 0.0]
    assert (34.0 - state.leaving_c).tolist() == pytest.approx(cooled)
    assert state.power_kw.tolist() == pytest.approx([3.3, 3.3, 6.0, 6.0, 0.0])
    assert (state.water.make_up_kgs > 0).tolist() == state.wet.tolist()
    assert state.short.all()


def test_indirect_stage_is_off_where_outdoors_is_warmer_or_the_return_too_cool_for_it() -> None:
    assert not _indirect(24.0, 24.0, 15.0, 10.0).running
    allowed = replace(INDIRECT, warmer_secondary_max_k=5.0)
    assert _indirect(24.0, 24.0, 15.0, 10.0, allowed).running
    choosy = replace(INDIRECT, wet_entering_min_c=29.0)
    assert not _indirect(28.0, 22.0, 15.0, 10.0, choosy).running
    assert _indirect(28.0, 18.0, 15.0, 10.0, choosy).running


def test_power_follows_the_law_and_jumps_where_the_stage_falls_short() -> None:
    stage = replace(INDIRECT, part_ratio=0.54, part_exponent=4.8)
    most = 0.7 * (34.0 - 18.0)
    wanted = most * np.array([0.0, 0.5, 0.999999, 1.000001, 1.5])
    state = _indirect(34.0, 25.0, 18.0, 34.0 - wanted, stage)
    expected = 6.0 * np.array([0.0, 0.54 * 0.5**4.8, 0.54, 1.0, 1.0])
    assert state.power_kw == pytest.approx(expected, rel=1e-4)
    assert state.short.tolist() == [False, False, False, True, True]


def test_losses_come_off_what_the_stage_could_do() -> None:
    stage = replace(INDIRECT, wet_loss_k=1.0, dry_loss_k=2.5)
    state = _indirect(34.0, np.array([10.0, 25.0, 33.0]), np.array([5.0, 18.0, 23.9]), 0.0, stage)
    assert (34.0 - state.leaving_c).tolist() == pytest.approx([0.72 * 24 - 2.5, 0.7 * 16 - 1, 0.7 * 10.1 - 1])
    assert not _indirect(12.0, 10.0, 5.0, 0.0, stage).running


@settings(max_examples=100, deadline=None)
@given(
    air=airs,
    entering=st.floats(15, 45),
    dry=dry_bulbs,
    relative=relatives,
    target=st.floats(10, 40),
    latent=st.floats(0.3, 1.0),
)
def test_indirect_stage_balances_and_is_waterless_when_dry(
    air: float, entering: float, dry: float, relative: float, target: float, latent: float
) -> None:
    parameters = replace(INDIRECT, latent_ratio=latent)
    wet_bulb = wet_bulb_c(np.array(dry), np.array(relative))
    state = indirect(parameters, np.array(air), np.array(entering), np.array(dry), wet_bulb, np.array(target))
    assert all(np.isfinite(values).all() for values in (*state[:3], *state.water))
    assert float(state.heat_kw) == pytest.approx(float(air * (entering - state.leaving_c)), abs=1e-9)
    coldest = wet_bulb if state.wet else dry
    assert state.leaving_c >= min(entering, max(target, float(coldest))) - 1e-9
    assert 0 <= state.power_kw <= parameters.full_kw
    assert state.leaving_c >= target - 1e-9 if state.short else state.leaving_c <= target + 1e-9
    if not state.wet:
        assert all(values == 0 for values in state.water)
    else:
        latent_kw = state.water.evaporation_kgs * (2501.0 - 2.326 * wet_bulb)
        assert float(latent_kw) == pytest.approx(float(latent * state.heat_kw), rel=1e-9)
    if not state.running:
        assert state.power_kw == 0
        assert state.leaving_c == entering


@settings(max_examples=60, deadline=None)
@given(entering=st.floats(20, 45), dry=st.floats(0, 40), target=st.floats(10, 30))
def test_indirect_cooling_never_rises_nor_power_falls_with_wet_bulb_while_on(
    entering: float, dry: float, target: float
) -> None:
    wet = np.linspace(dry - 15.0, dry, 61)
    state = _indirect(entering, dry, wet, target)
    assert np.diff(state.heat_kw).max() <= 1e-9
    assert np.diff(state.power_kw[state.running]).min(initial=0.0) >= -1e-9


@settings(max_examples=60, deadline=None)
@given(entering=st.floats(20, 45), relative=relatives, target=st.floats(10, 30), wet=st.booleans())
def test_indirect_cooling_never_rises_with_outdoor_temperature_in_either_way_of_running(
    entering: float, relative: float, target: float, *, wet: bool
) -> None:
    parameters = replace(INDIRECT, wet_from_c=-50.0 if wet else 50.0)
    dry = np.linspace(-20.0, 45.0, 131)
    wet_bulb = wet_bulb_c(dry, np.array(relative))
    state = _indirect(entering, dry, wet_bulb, target, parameters)
    assert np.diff(state.heat_kw).max() <= 1e-9


@settings(max_examples=60, deadline=None)
@given(dry=st.floats(0, 35), depression=st.floats(0, 10), entering=st.floats(20, 45))
def test_more_wanted_never_takes_less_power_or_water(dry: float, depression: float, entering: float) -> None:
    state = _indirect(entering, dry, dry - depression, np.linspace(entering, 5.0, 61))
    assert state.power_kw[0] == 0
    for rising in (state.heat_kw, state.power_kw, state.water.make_up_kgs):
        assert np.diff(rising).min() >= -1e-12


def test_drift_counts_over_what_evaporates_and_is_made_up() -> None:
    stage = replace(INDIRECT, water=WaterParameters(concentration_cycles=4.0, drift_ratio=0.01))
    water = _indirect(34.0, 25.0, 18.0, 0.0, stage).water
    assert float(water.drift_kgs) == pytest.approx(0.01 * float(water.evaporation_kgs))
    assert float(water.make_up_kgs) == pytest.approx(4.0 / 3.0 * float(water.evaporation_kgs))


def test_any_shapes_and_any_order_of_scenarios() -> None:
    entering, dry = np.linspace(20, 40, 4)[:, None], np.linspace(-5, 40, 6)
    wet = wet_bulb_c(dry, np.array(0.4))
    state, turned = (_indirect(e, dry, wet, 18.0) for e in (entering, entering[::-1]))
    assert state.power_kw.shape == (4, 6)
    assert (state.power_kw == turned.power_kw[::-1]).all()
    humid = humidity_ratio(dry, np.array(0.4))
    cooled = direct(DIRECT, np.array(10.0), dry, wet, np.linspace(10, 30, 4)[:, None])
    assert cooled.water.make_up_kgs.shape == (4, 6)
    assert (cooled.leaving.humidity >= humid - 1e-9).all()


def test_outside_its_bounds_is_flagged_while_it_runs() -> None:
    dry, wet = np.array([1.0, 1.0, 30.0]), np.array([-1.0, 0.5, 5.0])  # there is no air as dry as the last
    state = direct(DIRECT, np.array(10.0), dry, wet, np.array(0.0))
    assert state.outside.tolist() == [True, False, True]
    always_wet = replace(INDIRECT, wet_from_c=-50.0)
    past = _indirect(34.0, np.array([-45.0, 1.0, 10.0]), np.array([-46.0, -1.0, 8.0]), 20.0, always_wet)
    assert past.outside.tolist() == [True, True, False]
    assert not _indirect(34.0, -45.0, -46.0, 40.0).outside


def _year(shared_data: Path, name: str) -> NDArray[np.void]:
    """An EnergyPlus data-centre year: 35,040 quarter hours."""
    file = shared_data / "eplus_datacentre" / name
    columns: NDArray[np.void] = np.genfromtxt(file, delimiter=",", names=True, usecols=range(1, 32))
    assert len(columns) == 35_040
    return columns


def test_direct_stage_draws_what_it_does_in_energyplus(shared_data: Path) -> None:
    year = _year(shared_data, "chicago_economizer.csv.gz")
    dry, wet = year["outdoor_dry_bulb_c"], year["outdoor_wet_bulb_c"]
    outdoor = Air(dry, humidity_ratio(dry, year["outdoor_rh_pct"] * 0.01))
    returned = Air(year["hall_air_c"], outdoor.humidity)
    target = year["supply_air_setpoint_c"] - FAN_RISE_K
    mixed = air_economizer.solve(AirEconomizerParameters(present=True), outdoor, returned, target)
    cooler_w = year["evap_cooler_power_w"]
    # two halls of 30 W each; more is the indirect stage, which runs where the economizer is shut
    assert mixed.opened[cooler_w > 100.0].mean() < 0.03
    assert (year["chiller_cooling_w"][mixed.opened & (dry < target)] < 500.0).mean() > 0.999
    stage = DirectParameters(pump_kw=0.06, effectiveness=0.77)
    state = direct(stage, np.array(10.0), mixed.mixed.dry_bulb_c, wet, target)
    both = mixed.opened & (state.power_kw > 0) & (cooler_w > 0) & (cooler_w < 61.0)
    deviation_w = np.abs(state.power_kw[both] * 1e3 - cooler_w[both])
    # found: 1,987 quarter hours, median 0.8 W, 95 % within 3.3 W
    assert both.sum() > 1900
    assert np.median(deviation_w) < 1.5
    assert np.percentile(deviation_w, 95) < 5.0


def test_indirect_stage_draws_what_it_does_in_energyplus(shared_data: Path) -> None:
    year = _year(shared_data, "newyork_no_economizer.csv.gz")
    wet_bulb = year["outdoor_wet_bulb_c"]
    # one stage for the two of the file, whose dry-bulb limits are 20 and 22 degC
    stage = IndirectParameters(
        full_kw=6.15,
        wet_effectiveness=0.8,
        dry_effectiveness=0.79,
        wet_from_c=21.0,
        dry_power_ratio=0.574,
        part_ratio=0.6,
        part_exponent=4.0,
    )
    target = year["supply_air_setpoint_c"] - FAN_RISE_K
    air = (np.array(23.0), year["hall_air_c"])
    state = indirect(stage, *air, year["outdoor_dry_bulb_c"], wet_bulb, target)
    measured_kw = year["evap_cooler_power_w"] * 1e-3
    assert not (measured_kw[wet_bulb > stage.wet_bulb_max_c] > 0.06).any()
    assert not state.running[wet_bulb > stage.wet_bulb_max_c].any()
    explained = 1.0 - ((state.power_kw - measured_kw) ** 2).mean() / measured_kw.var()
    assert explained > 0.8  # found: 0.847; a cubic in dry bulb fitted to the year explains 0.717
