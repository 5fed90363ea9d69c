"""Air-cooled chillers: EnergyPlus's evaporatively cooled one, and what must hold for any."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin import psychro
from twin.plant import chiller
from twin.plant.condenser_air import (
    CondenserAirParameters,
    air_kgs,
    design_air_kgs,
    entering,
    evaporation_kgs,
)

if TYPE_CHECKING:
    from twin.plant.curves import Floats

DRY: Final = CondenserAirParameters()
PADS: Final = CondenserAirParameters(precool_ratio=0.8)
SATURATED: Final = CondenserAirParameters(precool_ratio=1.0)
AIR_COOLED: Final = [name for name, record in chiller.RECORDS.items() if record.air_cooled]

drys = st.floats(0, 50)
depressions = st.floats(0, 20)
ratios = st.floats(0, 1)
records = st.sampled_from(AIR_COOLED)


def _energyplus_water_kg_per_m3(temperature_c: float) -> float:
    """EnergyPlus's ``RhoH2O``."""
    t = temperature_c
    return 1000.1207 + 8.3215874e-4 * t - 4.929976e-3 * t**2 + 8.4791863e-6 * t**3


def _energyplus_humidity(dry: float, wet: float) -> float:
    """EnergyPlus's ``PsyWFnTdbTwbPb`` at sea level: other constants than in the ASHRAE handbook of 2017."""
    vapour = float(psychro.saturation_pressure_pa(np.array(wet)))
    saturated = 0.62198 * vapour / (101_325.0 - vapour)
    return ((2501.0 - 2.381 * wet) * saturated - (dry - wet)) / (2501.0 + 1.805 * dry - 4.186 * wet)


def test_evaporatively_cooled_chiller_is_energyplus_s() -> None:
    # EnergyPlus unit test ChillerElectricEIR_EvaporativelyCooled_Calculate: 18 kW at 29.4 / 23 degC
    capacity_kw = 2.3925760323498 / 0.114
    record = replace(chiller.RECORDS["doe2_centrifugal"], capacity_kw=capacity_kw)
    air = entering(SATURATED, np.array(29.4), np.array(23.0))
    assert float(air.entering_c) == 23.0
    # EnergyPlus holds a curve's arguments within its bounds: 24 degC here
    held = record.entering_bounds.clip(air.entering_c)
    available, _ = chiller.published(record, np.array(6.67), held, np.array(1.0))
    design = design_air_kgs(SATURATED, record, capacity_kw)
    assert design == pytest.approx(2.7918772761695, rel=2e-4)  # its gas constant is 287, not 287.042 J/(kg K)
    moved = air_kgs(record, 2.7918772761695, np.array(18.0), np.array(1.0), available)
    assert float(moved) == pytest.approx(2.31460814, abs=1e-7)
    water = float(evaporation_kgs(air, moved)) / _energyplus_water_kg_per_m3(5.05)
    assert water == pytest.approx(6.22019725e-6, rel=0.01)
    gained = _energyplus_humidity(23.0, 23.0) - _energyplus_humidity(29.4, 23.0)
    with_its_humidity = air._replace(moisture_gained_ratio=np.array(gained))
    water = float(evaporation_kgs(with_its_humidity, moved)) / _energyplus_water_kg_per_m3(5.05)
    assert water == pytest.approx(6.22019725e-6, abs=1e-9)


@settings(max_examples=80, deadline=None)
@given(dry=drys, depression=depressions, ratio=ratios)
def test_precooled_air_lies_between_dry_and_wet_bulb_on_the_same_wet_bulb(
    dry: float, depression: float, ratio: float
) -> None:
    wet = dry - depression
    air = entering(CondenserAirParameters(precool_ratio=ratio), np.array(dry), np.array(wet))
    assert wet - 1e-9 <= air.entering_c <= dry + 1e-9
    assert air.moisture_gained_ratio >= 0
    outdoor = psychro.humidity_ratio_from_wet_bulb(np.array(dry), np.array(wet))
    most = psychro.saturation_humidity_ratio(np.array(wet))
    assert outdoor + air.moisture_gained_ratio <= np.maximum(most, outdoor) + 1e-9
    assert ratio > 0 or air.moisture_gained_ratio == 0


def _power_kw(name: str, dry: Floats, wet: Floats, load_kw: float, side: CondenserAirParameters) -> Floats:
    machines = chiller.ChillerParameters(2, 500.0, 3.1, chiller.RECORDS[name])
    air = entering(side, dry, wet)
    full = np.full(dry.shape, 1.0)
    return chiller.solve(machines, load_kw * full, 7.0 * full, air.entering_c, 2.0 * full).power_kw


@settings(max_examples=60, deadline=None)
@given(name=records, depression=depressions, share=st.floats(0.02, 0.6))
def test_hotter_weather_never_needs_less_power_and_precooling_never_more(
    name: str, depression: float, share: float
) -> None:
    dry = np.linspace(0, 50, 101)
    wet = dry - depression
    as_it_is = _power_kw(name, dry, wet, 1000.0 * share, DRY)
    precooled = _power_kw(name, dry, wet, 1000.0 * share, PADS)
    assert np.isfinite(as_it_is).all()
    assert np.diff(as_it_is).min() >= -1e-9
    assert np.diff(precooled).min() >= -1e-9
    assert (precooled <= as_it_is + 1e-9).all()
    assert (as_it_is > 0).all()


@settings(max_examples=60, deadline=None)
@given(name=records, dry=drys, depression=depressions)
def test_air_and_water_follow_the_load_down_to_none(name: str, dry: float, depression: float) -> None:
    record = chiller.RECORDS[name]
    load = np.linspace(0, 1000, 101)
    machines = chiller.ChillerParameters(2, 500.0, 3.1, record)
    air = entering(PADS, np.array(dry), np.array(dry - depression))
    leaving, condenser = np.full(101, 7.0), np.full(101, air.entering_c)
    state = chiller.solve(machines, load, leaving, condenser, np.full(101, 2.0))
    capacity, _, _ = chiller.performance(machines, leaving, condenser)
    design = design_air_kgs(PADS, record, machines.capacity_kw)
    moved = air_kgs(record, design, state.served_kw, state.running, capacity)
    water = evaporation_kgs(air, moved)
    assert moved[0] == water[0] == 0
    assert np.isfinite(moved).all()
    assert (moved[1:] > 0).all()
    assert (moved <= 2 * design * record.load_max_ratio * (1 + 1e-9)).all()
    assert (water >= 0).all()
    assert evaporation_kgs(entering(DRY, np.array(dry), np.array(dry - depression)), moved).max() == 0


def test_weather_outside_its_bounds_is_flagged() -> None:
    dry, wet = np.array([20.0, -5.0, 20.0]), np.array([15.0, -6.0, 8.0])
    assert entering(DRY, dry, wet).outside.tolist() == [False, True, False]
    assert entering(PADS, dry, wet).outside.tolist() == [False, True, True]


def test_outdoor_air_colder_than_the_curves_is_taken_for_their_border_and_flagged() -> None:
    machines = chiller.ChillerParameters(1, 500.0, 3.1, chiller.RECORDS["york_ycal0033_air"])
    outdoor = np.array([10.0, 23.89, 35.0, 55.0])
    state = chiller.solve(machines, np.full(4, 300.0), np.full(4, 7.0), outdoor, np.ones(4))
    assert state.outside.tolist() == [True, False, False, True]
    assert state.power_kw[0] == state.power_kw[1] < state.power_kw[2] < state.power_kw[3]


def test_wet_bulb_above_dry_bulb_is_no_cooling() -> None:
    air = entering(SATURATED, np.array(20.0), np.array(25.0))
    assert float(air.entering_c) == 20.0
    assert float(air.moisture_gained_ratio) == pytest.approx(0.0, abs=1e-12)
