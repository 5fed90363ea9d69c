"""The search on the twin: inside every limit, at the optimum of its grid, and blind to PUE."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import joulecast
from core.actions import Change, Setpoint
from core.site import Site, load_site
from twin.advise import safety
from twin.advise.assess import PARTS, assess
from twin.advise.evidence import DataQuality, Evidence, ModelQuality, Motion, Record
from twin.advise.outlook import Outlook
from twin.advise.search import Objective, Situation, expected, run, search
from twin.network import BREAKDOWN, Conditions, Parameters, Setpoints, solve
from twin.plant.cdu import CduParameters
from twin.plant.evaporative import DirectParameters, IndirectParameters
from twin.plant.pump import AffinityParameters

SITE = load_site(Path(joulecast.__file__).parent / "demo" / "site.toml")
PARAMETERS = Parameters.from_design(SITE.plant)
AIR, CHILLED, CONDENSER = (
    Setpoint.SUPPLY_AIR_TEMPERATURE,
    Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE,
    Setpoint.CONDENSER_WATER_SUPPLY_TEMPERATURE,
)
HOURS = 4
SPREADS = np.array([[-1.0], [0.0], [1.0]])


def situation(
    it_kw: float, wet_c: float, in_force: dict[Setpoint, float], offset_k: float = 0.0
) -> Situation:
    outlook = Outlook(
        it_reference_kw=np.full((3, HOURS), it_kw) * (1 + 0.04 * SPREADS),
        dry_bulb_c=np.full(HOURS, wet_c + 4.0),
        wet_bulb_c=np.full((3, HOURS), wet_c) + 1.5 * SPREADS,
    )
    return Situation(in_force, outlook, offset_k, SITE.limits.margin_k)


SITUATIONS = st.builds(
    situation,
    it_kw=st.floats(250, 950),
    wet_c=st.floats(-5, 24),
    in_force=st.fixed_dictionaries(
        {AIR: st.floats(18, 26), CHILLED: st.floats(6, 16), CONDENSER: st.floats(16, 30)}
    ),
    offset_k=st.floats(0, 2),
)
PERTURBED = st.fixed_dictionaries(
    {
        "chiller_power": st.floats(0.9, 1.1),
        "coil_ua": st.floats(0.93, 1.07),
        "recirculation": st.floats(0.85, 1.15),
        "server_airflow": st.floats(0.95, 1.05),
        "leakage": st.floats(0.8, 1.2),
        "tower_approach": st.floats(0.9, 1.1),
    }
)


def evidence(now: Situation, change: Change) -> Evidence:
    found = assess(PARAMETERS, now, SITE, (change,))
    return Evidence(
        site=SITE,
        changes=(change,),
        data=DataQuality((), (), (), 120.0, 0.0, 7, 8, 8),
        model=ModelQuality(1, "", (), "lstm", 0.0, 3600.0, 4.0, 4.0),
        motion=Motion(now.in_force, dict.fromkeys(SITE.setpoints, float("inf")), ()),
        prediction=found.prediction,
        benefit=found.benefit,
        record=Record((), {}),
        operator="Ada",
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(now=SITUATIONS, factors=PERTURBED)
@example(
    now=situation(883.0, 0.0, {AIR: 18.0, CHILLED: 10.0, CONDENSER: 16.0}),
    factors=dict.fromkeys(("chiller_power", "recirculation", "leakage"), 1.0) | {"coil_ua": 0.9375},
)
def test_what_is_accepted_breaks_no_limit_on_another_plant(now: Situation, factors: dict[str, float]) -> None:
    found = search(PARAMETERS, now, SITE)
    if found is None:
        return
    change = found.change
    bounds = SITE.setpoints[change.setpoint]
    assert bounds.low_c - 1e-6 <= change.to_c <= bounds.high_c + 1e-6
    assert abs(change.step_k) <= bounds.step_max_k + 1e-6
    if not isinstance(safety.judge(evidence(now, change)), safety.Accepted):
        return
    true = PARAMETERS.with_multipliers(factors)
    setting = {**now.in_force, change.setpoint: change.to_c}
    state = solve(true, worst(now), Setpoints.of(setting))
    envelope = SITE.limits.envelope
    assert (state.inlet_c + now.inlet_offset_k <= envelope.recommended_high_c + 1e-6).all()
    chiller, crah = {"chillers_available": 1}, {"crahs_available": 3}
    for left in (chiller, crah, chiller | crah):
        lost = solve(true, worst(now), Setpoints.of(setting), **left)
        before = solve(true, worst(now), Setpoints.of(now.in_force), **left)
        assert (lost.inlet_c <= np.maximum(envelope.allowable_high_c, before.inlet_c + 1.0)).all()


def worst(now: Situation) -> Conditions:
    ahead = now.outlook
    return Conditions(ahead.it_reference_kw[2], ahead.dry_bulb_c + 1.5, ahead.wet_bulb_c[2])


@pytest.mark.parametrize(("it_kw", "wet_c"), [(450.0, 3.0), (600.0, 10.0), (800.0, 18.0)])
def test_no_single_step_on_a_fine_grid_is_better(it_kw: float, wet_c: float) -> None:
    now = situation(it_kw, wet_c, {AIR: 22.0, CHILLED: 10.0, CONDENSER: 24.0})
    found = search(PARAMETERS, now, SITE)
    assert found
    best = float("inf")
    for setpoint in SITE.setpoints:
        values = now.in_force[setpoint] + np.round(np.arange(-1.0, 1.01, 0.1), 1)
        grid = {s: np.full(len(values), v) for s, v in now.in_force.items()} | {setpoint: values}
        cost = expected(run(PARAMETERS, now.outlook, grid).facility_kw)
        best = min(best, float(cost.min()))
    assert found.cost == pytest.approx(best, abs=0.02)
    assert found.cost_together <= found.cost + 1e-9
    assert found.cost < found.cost_now


def test_only_free_setpoints_move() -> None:
    now = situation(600.0, 10.0, {AIR: 22.0, CHILLED: 10.0, CONDENSER: 24.0})
    for free in SITE.setpoints:
        found = search(PARAMETERS, now, SITE, free=(free,))
        assert found is None or found.change.setpoint == free
    assert search(PARAMETERS, now, SITE, free=()) is None


def test_a_hall_at_its_limit_is_not_made_warmer() -> None:
    setting = {AIR: 23.5, CHILLED: 12.0, CONDENSER: 22.0}
    now = situation(700.0, 12.0, setting)
    inlet_c = assess(PARAMETERS, now, SITE, ()).prediction.inlet_c
    at_limit = replace(now, inlet_offset_k=SITE.limits.envelope.recommended_high_c - now.margin_k - inlet_c)
    found = search(PARAMETERS, at_limit, SITE, free=(AIR,))
    assert found is None or found.change.to_c <= 23.5


def test_every_part_of_the_physics_that_no_other_reason_explains_is_told_apart() -> None:
    told = {"it_kw", "learned_kw", "other_kw"}  # by what moves it; not in the search's answer; never changes
    assert set(BREAKDOWN) - told == set(PARTS.values()) & set(BREAKDOWN)
    liquid = CduParameters(700.0, AffinityParameters(12.0), liquid_ratio=0.7)
    outdoor = {"direct": DirectParameters(0.5), "indirect": IndirectParameters(20.0)}
    plant = replace(PARAMETERS, liquid=liquid, **outdoor)
    now = situation(600.0, 10.0, {AIR: 22.0, CHILLED: 10.0, CONDENSER: 24.0})
    found = assess(plant, now, SITE, (Change(AIR, 22.0, 23.0),))
    assert found.attribution["evaporative_coolers"] != 0
    assert sum(found.attribution.values()) == pytest.approx(found.benefit.p50_kw, abs=1e-9)
    assert found.attribution["other"] == 0


def test_parts_add_up_and_spread_has_the_right_order() -> None:
    now = situation(600.0, 10.0, {AIR: 22.0, CHILLED: 10.0, CONDENSER: 24.0})
    found = assess(PARAMETERS, now, SITE, (Change(CHILLED, 10.0, 11.0),))
    assert sum(found.attribution.values()) == pytest.approx(found.benefit.p50_kw, abs=1e-9)
    assert found.benefit.p10_kw < found.benefit.p50_kw < found.benefit.p90_kw
    assert found.benefit.facility_kw - found.facility_kw_after == pytest.approx(found.benefit.p50_kw)
    still = assess(PARAMETERS, now, SITE, ())
    assert still.benefit.p50_kw == still.benefit.p10_kw == 0.0


def trap() -> tuple[Site, Parameters, Situation]:
    """Servers whose fans work hard when it is warm: PUE falls while power rises."""
    server = replace(PARAMETERS.server, fan_share_ratio=0.12, fan_threshold_c=22.0, airflow_growth_per_k=0.06)
    now = situation(450.0, 18.0, {AIR: 23.0, CHILLED: 10.0, CONDENSER: 22.0})
    return SITE, replace(PARAMETERS, server=server), now


def test_minimising_pue_would_waste_power() -> None:
    site, parameters, now = trap()
    values = np.round(np.arange(22.0, 24.01, 0.1), 1)
    grid = {s: np.full(len(values), v) for s, v in now.in_force.items()} | {AIR: values}
    state = run(parameters, now.outlook, grid)
    total_kw, it_kw = expected(state.facility_kw), expected(state.it_kw)
    by_pue, by_total = int(np.argmin(total_kw / it_kw)), int(np.argmin(total_kw))
    assert values[by_pue] > values[by_total]
    assert total_kw[by_pue] > total_kw[by_total] + 1.0
    found = search(parameters, now, site, Objective.FACILITY_ENERGY, free=(AIR,))
    assert found
    assert found.change.to_c == pytest.approx(values[by_total], abs=0.11)
    assert found.cost < total_kw[by_pue]


def test_the_objectives_on_offer_do_not_include_pue() -> None:
    assert not [name for name in Objective if "pue" in name.value]


def test_the_optimum_of_all_beats_a_coarse_grid_of_all() -> None:
    now = situation(600.0, 10.0, {AIR: 22.0, CHILLED: 10.0, CONDENSER: 24.0})
    found = search(PARAMETERS, now, SITE)
    assert found
    mesh = np.array(list(itertools.product(*([-1.0, 0.0, 1.0],) * 3)))
    grid = {s: v + mesh[:, i] for i, (s, v) in enumerate(now.in_force.items())}
    cost = expected(run(PARAMETERS, now.outlook, grid).facility_kw)
    assert found.cost_together <= cost.min() + 0.02
