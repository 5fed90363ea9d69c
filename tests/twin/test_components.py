"""Components against other programs' and makers' published points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from published import dymola_off, york_off

from twin.plant import chiller, crah, pump, rejection, server, tower, ups
from twin.plant.curves import AIR_HEAT_KJ_PER_M3K, Bounds
from twin.plant.water import WaterParameters

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("record", "leaving", "entering", "load", "capacity_w", "power_w"),
    [
        ("mcquay_wsc_471_vanes", 8.89, 26.67, 1, 470_511.9, 80_193.8),
        ("mcquay_wsc_471_vanes", 8.89, 26.67, 0.5, 470_511.9, 41_448.1),
        ("mcquay_wsc_471_vanes", 8, 20, 0.5, 566_803.1, 45_890.2),
        ("mcquay_wsc_471_vanes", 6, 26, 0.75, 340_389.3, 41_728.8),
        ("york_yt_1055_vanes", 6.67, 29.44, 1, 1_065_875.5, 180_473.4),
        ("york_yt_1055_vanes", 6.67, 29.44, 0.5, 1_065_875.5, 91_371.0),
        ("york_yt_1055_vanes", 8, 20, 0.5, 1_252_888.8, 80_652.7),
        ("york_yt_1055_vanes", 8, 24, 0.75, 1_285_668, 132_508.5),
        ("york_yt_1055_vanes", 6, 26, 0.75, 1_135_262.4, 129_007.3),
        ("trane_cvhe_1442_vsd", 5.56, 23.89, 1, 1_410_673.3, 211_099.6),
        ("trane_cvhe_1442_vsd", 5.56, 23.89, 0.5, 1_410_673.3, 84_643.1),
        ("trane_cvhe_1442_vsd", 8, 20, 0.5, 1_564_111.5, 79_174.3),
        ("trane_cvhe_1442_vsd", 6, 26, 0.75, 1_376_128.6, 142_642.6),
        ("doe2_centrifugal", 6.67, 29.4, 1, 100_334.19, 18_225.94),
        ("doe2_centrifugal", 6.67, 29.4, 0.5, 100_334.19, 9_031.39),
        ("doe2_centrifugal", 8, 20, 0.5, 106_049.7, 7_689.6),
        ("york_ycal0033_air", 6.67, 35, 1, 105_526.2, 34_749.0),
        ("york_ycal0033_air", 8, 24, 0.5, 112_343.9, 13_122.2),
    ],
)
def test_chiller_gives_the_published_points(
    record: str, leaving: float, entering: float, load: float, capacity_w: float, power_w: float
) -> None:
    capacity, power = chiller.published(
        chiller.RECORDS[record], np.array(leaving), np.array(entering), np.array(load)
    )
    assert float(capacity) * 1e3 == pytest.approx(capacity_w, rel=1e-6)
    assert float(power) * 1e3 == pytest.approx(power_w, rel=1e-5)


def test_chiller_gives_the_49_dymola_points(shared_data: Path) -> None:
    off = dymola_off(shared_data / "reference")
    assert off.shape == (49,)
    assert off.max() < 1e-5


def test_every_record_is_what_it_says_at_its_reference_point() -> None:
    for name, record in chiller.RECORDS.items():
        parameters = chiller.ChillerParameters(1, 500.0, 5.0, record)
        state = chiller.solve(
            parameters,
            np.array(500.0),
            np.array(record.leaving_c),
            np.array(record.entering_c),
            np.array(1.0),
        )
        assert float(state.power_kw) == pytest.approx(100.0, rel=1e-6), name


def test_chiller_as_published_is_what_the_curves_say() -> None:
    record = chiller.RECORDS["york_yt_1055_vanes"]
    parameters = chiller.ChillerParameters(1, record.capacity_kw, record.cop, record, as_published=True)
    leaving, entering = np.array([6.67, 6.0, 8.0, 8.0]), np.array([29.44, 26.0, 20.0, 13.0])
    capacity, power = chiller.published(record, leaving, entering, np.full(4, 0.75))
    state = chiller.solve(parameters, 0.75 * capacity, leaving, entering, np.ones(4))
    assert state.power_kw == pytest.approx(power, rel=1e-12)
    renormalised = chiller.ChillerParameters(1, record.capacity_kw, record.cop, record)
    assert (
        chiller.solve(renormalised, 0.75 * capacity, leaving, entering, np.ones(4)).power_kw != power
    ).all()


def test_chiller_reports_what_it_cannot_take() -> None:
    parameters = chiller.ChillerParameters(2, 500.0, 5.0)
    load, water = np.array([0.0, 400.0, 5000.0, 400.0]), np.array([10.0, 10.0, 10.0, 10.0])
    state = chiller.solve(parameters, load, water, np.full(4, 24.0), np.array([2.0, 2.0, 2.0, 0.0]))
    assert state.running.tolist() == [0, 1, 2, 0]
    assert state.served_kw + state.unmet_kw == pytest.approx(load)
    assert state.unmet_kw[2] > 3000
    assert state.unmet_kw[3] == 400
    assert state.power_kw[0] == state.power_kw[3] == 0


def test_chiller_says_when_it_is_outside_its_curves() -> None:
    parameters = chiller.ChillerParameters(1, 500.0, 5.0)
    load, one = np.full(4, 300.0), np.ones(4)
    state = chiller.solve(
        parameters, load, np.array([10.0, 16.0, 5.0, 10.0]), np.array([24.0, 24.0, 24.0, 32.0]), one
    )
    assert state.outside.tolist() == [False, True, True, True]
    assert state.power_kw[1] < state.power_kw[0] < state.power_kw[2]


def test_york_correlation_gives_the_202_reference_points(shared_data: Path) -> None:
    off = york_off(shared_data / "reference")
    assert off.shape == (202,)
    assert off.max() < 1e-5


@pytest.mark.parametrize(
    ("wet_bulb_c", "range_k", "air", "approach_k"),
    [(25.55, 5.56, 1, 3.8445), (20, 5.56, 0.6, 9.0164), (0, 5.56, 0.4, 24.7067), (20, 8, 1, 6.7375)],
)
def test_york_correlation_gives_the_published_table(
    wet_bulb_c: float, range_k: float, air: float, approach_k: float
) -> None:
    found = tower.york_approach_k(np.array(range_k), np.array(wet_bulb_c), np.array(1 / air))
    assert float(found) == pytest.approx(approach_k, abs=1e-4)


@pytest.mark.parametrize(
    ("range_k", "wet_bulb_c", "approach_k"), [(5.56, 25.55, 3.89), (5.191, 25.5556, 3.8889), (8.0, 22.0, 6.0)]
)
def test_tower_at_its_selection_point_needs_all_its_air(
    range_k: float, wet_bulb_c: float, approach_k: float
) -> None:
    parameters = tower.TowerParameters(
        1000.0, 10.0, range_design_k=range_k, wet_bulb_design_c=wet_bulb_c, approach_design_k=approach_k
    )
    wet_bulb = parameters.wet_bulb_design_c
    state = tower.solve(parameters, np.array(1000.0), np.array(wet_bulb), np.array(0.0))
    assert float(state.leaving_c) == pytest.approx(wet_bulb + parameters.approach_design_k, abs=1e-9)
    assert float(state.fan_kw) == pytest.approx(10.0, rel=1e-6)


def test_tower_air_found_in_closed_form_gives_the_wanted_approach() -> None:
    parameters = tower.TowerParameters(1000.0, 10.0)
    heat, wet, target = np.full(5, 900.0), np.array([-5.0, 5.0, 12.0, 18.0, 22.0]), np.full(5, 28.0)
    state = tower.solve(parameters, heat, wet, target)
    assert state.leaving_c == pytest.approx(target)
    liquid_gas = tower.selection_ratio(parameters) * 0.9 / state.cell_ratio / state.air_ratio
    moved = state.air_ratio > parameters.air_min_ratio
    approach = tower.york_approach_k(np.full(5, parameters.range_design_k), wet, liquid_gas)
    assert (wet + approach)[moved] == pytest.approx(target[moved])
    assert moved.sum() >= 3


def test_tower_evaporates_about_what_its_heat_does_and_nothing_without_heat() -> None:
    parameters = tower.TowerParameters(1000.0, 10.0)
    heat, dry, wet = np.array([800.0, 0.0]), np.array([25.0, 25.0]), np.array([18.0, 18.0])
    outdoor = rejection.OutdoorAir(dry, wet)
    state = rejection.solve(parameters, heat, outdoor, np.full(2, 24.0))
    water = rejection.make_up_l_per_h(WaterParameters(4.0), state, heat, outdoor)
    latent_l_per_h = 800.0 * 3600.0 / 2450.0 * 4.0 / 3.0
    assert 0.6 < water[0] / latent_l_per_h < 1.3  # published spread of evaporation over heat / latent heat
    assert water[1] == 0


@pytest.mark.parametrize(("load", "efficiency"), [(0.62, 0.924), (0.42, 0.919), (0.31, 0.908)])
def test_ups_has_the_efficiency_that_socomec_publishes(load: float, efficiency: float) -> None:
    parameters = ups.UpsParameters(144.0, distribution_ratio=0.0)
    losses = ups.losses(parameters, np.array(144.0 * load))
    assert 144.0 * load / (144.0 * load + float(losses.ups_kw)) == pytest.approx(efficiency, abs=0.003)


def test_server_power_at_the_reference_inlet_is_the_load() -> None:
    growth = server.power_growth(server.ServerParameters(1000.0), np.array([15.0, 23.0, 30.0]))
    assert growth[:2].tolist() == [1.0, 1.0]
    assert growth[2] > 1.02


def test_server_power_grows_about_as_measured_on_a_dell_r410() -> None:
    # Green Revolution Cooling: 137.7 W at 27 degC to 154.0 W at 37 degC
    growth = server.power_growth(server.ServerParameters(1.0), np.array([27.0, 37.0]))
    assert growth[1] / growth[0] == pytest.approx(154.0 / 137.7, abs=0.02)


def test_server_draws_its_own_outlet_air_where_the_crahs_fall_short() -> None:
    parameters = server.ServerParameters(1000.0)
    load, supply = np.full(2, 800.0), np.full(2, 22.0)
    state = server.solve(parameters, load, supply, np.array([100.0, 30.0]))
    assert state.recirculation_ratio[0] == parameters.recirculation_ratio
    assert state.recirculation_ratio[1] > 0.4
    assert state.inlet_c[1] > state.inlet_c[0] + 5


def test_coil_takes_no_more_than_the_water_or_the_air_could() -> None:
    fan = pump.AffinityParameters(15.0, 3.0)
    coils = crah.CrahParameters(4, 20.0, fan, 100.0, 170.0)
    air, water = np.meshgrid(np.linspace(0.05, 1, 12), np.linspace(0.02, 1, 12))
    taken = crah.conductance_kw_per_k(coils, air, water, np.array(1.0))
    least = np.minimum(AIR_HEAT_KJ_PER_M3K * 80.0 * air, 170.0 * water)
    assert (taken > 0).all()
    assert (taken <= least).all()
    assert (np.diff(taken, axis=0) > 0).all()
    assert (np.diff(taken, axis=1) > 0).all()


def test_pump_follows_the_affinity_law_down_to_its_least_flow() -> None:
    parameters = pump.AffinityParameters(10.0, exponent=3.0, standing_ratio=0.0, flow_min_ratio=0.3)
    found = pump.power_kw(parameters, np.array([0.0, 0.1, 0.3, 0.5, 1.0]))
    assert found == pytest.approx([0.0, 0.27, 0.27, 1.25, 10.0])


def test_bounds_clip_and_flag() -> None:
    bounds, values = Bounds(1.0, 2.0), np.array([0.5, 1.0, 1.5, 2.0, 2.5])
    assert bounds.clip(values).tolist() == [1.0, 1.0, 1.5, 2.0, 2.0]
    assert bounds.outside(values).tolist() == [True, False, False, False, True]
