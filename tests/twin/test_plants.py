"""Plants beside the demo's: liquid, zones, reuse, outdoor air, other heat rejection, memory and mass."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import kpi
from twin.network import Conditions, Parameters, PlantState, Setpoints, solve
from twin.plant.air_economizer import AirEconomizerParameters
from twin.plant.cdu import CduParameters
from twin.plant.chiller import RECORDS
from twin.plant.dry_cooler import DryCoolerParameters
from twin.plant.evaporative import DirectParameters, IndirectParameters
from twin.plant.loop import LoopParameters
from twin.plant.pump import AffinityParameters
from twin.plant.staging import ModeParameters, StagingParameters
from twin.plant.tower_merkel import MerkelParameters
from twin.simulate import simulate

if TYPE_CHECKING:
    from core.site import Site

QUARTER_S = 900.0
SETPOINTS = Setpoints(21.0, 9.0, 23.0, return_air_temperature_c=34.0)
CDU = CduParameters(700.0, AffinityParameters(12.0), liquid_ratio=0.7)


@pytest.fixture(scope="module")
def demo(site: Site) -> Parameters:
    return Parameters.from_design(site.plant)


def plants(demo: Parameters) -> dict[str, Parameters]:
    air = replace(demo.chiller, record=RECORDS["york_ycal0033_air"], cop=3.1)
    outdoor = {"air_economizer": AirEconomizerParameters(present=True), "direct": DirectParameters(0.5)}
    dry = DryCoolerParameters(1300.0, 150.0, AffinityParameters(30.0))
    one_crah = replace(demo.crah, count=1)
    quarter = replace(demo, zones=4, crah=one_crah, liquid=replace(CDU, heat_design_kw=175.0))
    return {
        "air-cooled": replace(demo, chiller=air, economizer=replace(demo.economizer, present=False)),
        "dry cooler": replace(demo, rejection=dry),
        "merkel": replace(demo, rejection=MerkelParameters(1300.0, 12.0, 60.0)),
        "outdoor air": replace(demo, **outdoor, indirect=IndirectParameters(20.0), return_air_control=True),
        "leaky": replace(demo, envelope_kw_per_k=2.0, ups=replace(demo.ups, hall_share_ratio=1.0)),
        "warm liquid": replace(demo, liquid=CDU),
        "cold liquid": replace(
            demo,
            liquid=replace(CDU, liquid_class="W17"),
            liquid_from_chilled_water=True,
            liquid_supply_c=18.0,
        ),
        "zones": quarter,
    }


NAMES = (
    "air-cooled",
    "dry cooler",
    "merkel",
    "outdoor air",
    "leaky",
    "warm liquid",
    "cold liquid",
    "zones",
)


def run(parameters: Parameters, load: float, wet: float, dry: float, reuse: float) -> PlantState:
    shared = np.full(parameters.zones, load / parameters.zones) if parameters.zones > 1 else np.array(load)
    return solve(parameters, Conditions(shared, dry, wet, heat_reuse_kw=reuse), SETPOINTS)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None)
@given(
    load=st.floats(0, 1200),
    wet=st.floats(-25, 29),
    depression=st.floats(0, 12),
    reuse=st.sampled_from([0.0, 150.0, 5000.0]),
)
def test_first_law_holds_and_nothing_is_nan(
    demo: Parameters, name: str, load: float, wet: float, depression: float, reuse: float
) -> None:
    state = run(plants(demo)[name], load, wet, wet + depression, reuse)
    kept = state.heat_rejected_kw + state.reused_kw + state.stored_kw
    assert float(kept) == pytest.approx(float(state.facility_kw), rel=1e-6)
    assert float(state.power_ratio) >= 1
    for field in state.__dataclass_fields__:
        value = getattr(state, field)
        assert field == "power_ratio" or np.isfinite(value).all(), field
    assert 0 <= float(state.reused_kw) <= reuse
    assert float(state.unmet_kw) >= -1e-9


def test_water_is_zero_without_a_tower(demo: Parameters) -> None:
    every = plants(demo)
    for name in ("air-cooled", "dry cooler"):
        assert float(run(every[name], 800.0, 15.0, 25.0, 0.0).water_l_per_h) == 0.0, name


def test_equal_zones_are_one_plant(demo: Parameters) -> None:
    whole = replace(demo, liquid=CDU)
    part = replace(
        whole,
        zones=4,
        server=replace(demo.server, design_kw=demo.server.design_kw / 4),
        ups=replace(demo.ups, rated_kw=demo.ups.rated_kw / 4),
        crah=replace(
            demo.crah,
            count=demo.crah.count // 4,
            ua_kw_per_k=demo.crah.ua_kw_per_k / 4,
            water_kw_per_k=demo.crah.water_kw_per_k / 4,
        ),
        liquid=replace(CDU, heat_design_kw=CDU.heat_design_kw / 4, pump=AffinityParameters(3.0)),
    )
    one, four = (run(p, 900.0, 12.0, 18.0, 0.0) for p in (whole, part))
    for field in one.__dataclass_fields__:
        if field != "balance_residual_kw":
            assert getattr(four, field) == pytest.approx(getattr(one, field), rel=1e-9, abs=1e-9), field


def test_reuse_counts_as_reuse_and_spares_the_tower(demo: Parameters) -> None:
    plant = replace(demo, liquid=CDU)
    alone, shared = (run(plant, 900.0, 15.0, 20.0, reuse) for reuse in (0.0, 300.0))
    assert float(shared.reused_kw) == pytest.approx(300.0)
    assert float(shared.tower_heat_kw) < float(alone.tower_heat_kw) - 250
    assert float(shared.water_l_per_h) < float(alone.water_l_per_h)
    assert kpi.erf(shared.reused_kw, shared.facility_kw) == pytest.approx(300 / float(shared.facility_kw))


def test_outdoor_air_saves_the_chillers_in_the_cold(demo: Parameters) -> None:
    plant = plants(demo)["outdoor air"]
    cold, hot = (run(plant, 800.0, wet, wet + 4.0, 0.0) for wet in (2.0, 27.0))
    assert float(cold.chiller_kw) == 0.0
    assert float(cold.outdoor_air_load_kw) == pytest.approx(800.0, rel=0.05)
    assert float(hot.outdoor_air_load_kw) == 0.0
    assert float(hot.chiller_kw) > 100


def test_chillers_stay_for_their_hold_time(demo: Parameters) -> None:
    load = np.where(np.arange(48) % 2 == 0, 480.0, 900.0)
    without = replace(demo, economizer=replace(demo.economizer, present=False))
    held = replace(without, staging=StagingParameters(hold_s=7200.0))
    free, slow = (simulate(p, Conditions(load, 25.0, 20.0), SETPOINTS, 300.0) for p in (without, held))
    assert np.abs(np.diff(free.chillers_running)).sum() > 10
    assert np.abs(np.diff(slow.chillers_running)).sum() <= 2
    assert (slow.unmet_kw == 0).all()
    assert slow.chiller_kw.sum() >= free.chiller_kw.sum() - 1e-6  # the best number is the best


def test_the_economizer_does_not_come_and_go_with_every_step(demo: Parameters) -> None:
    wet = 7.0 + 4.0 * (np.arange(64) % 2)
    held = replace(demo, economizer_modes=ModeParameters(hold_s=3600.0))
    state = simulate(held, Conditions(700.0, wet + 3.0, wet), SETPOINTS, 300.0)
    assert np.abs(np.diff((state.economizer_load_kw > 0).astype(int))).sum() <= 6
    assert state.balance_residual_kw == pytest.approx(0.0, abs=1e-6)


def test_a_large_loop_carries_the_hall_through_an_outage(demo: Parameters) -> None:
    """Chillers away for half an hour: the hall stays cooler the more chilled water there is."""
    plant = replace(demo, economizer=replace(demo.economizer, present=False))
    chillers = np.where((np.arange(24) >= 4) & (np.arange(24) < 7), 0.0, 2.0)
    peaks = []
    for water_m3_per_mw in (None, 15.0, 60.0):
        mass = None if water_m3_per_mw is None else LoopParameters(1000.0, water_m3_per_mw)
        state = simulate(
            replace(plant, loop=mass),
            Conditions(np.full(24, 800.0), 30.0, 22.0),
            SETPOINTS,
            600.0,
            chillers_available=chillers,
        )
        power_in = state.heat_rejected_kw + state.reused_kw + state.stored_kw
        assert power_in == pytest.approx(state.facility_kw, rel=1e-6)
        peaks.append(float(state.inlet_c.max()))
        if mass is not None:
            assert float(state.loop_stored_kw.max()) > 100
            assert abs(float(state.loop_stored_kw.sum())) < 0.05 * float(state.loop_stored_kw.max())
    assert peaks[0] > peaks[1] > peaks[2]
