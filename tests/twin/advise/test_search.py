"""The search on the twin: inside every limit, at the optimum of its grid, and blind to PUE."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

import joulecast
from core.actions import Change, Setpoint
from core.site import Site, load_site
from core.tariff import Objective, Period, Tariff
from twin.advise.assess import PARTS, SETTLING_S, assess, beyond
from twin.advise.drawn import Drawn, stacked
from twin.advise.objective import amounts
from twin.advise.outlook import MEDIAN, Outlook
from twin.advise.search import EXPECTED, Situation, expected, protect, run, survey, together
from twin.network import BREAKDOWN, Parameters
from twin.plant.air_economizer import AirEconomizerParameters
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
STEPS = 16
SPREADS = np.array([[-1.0], [0.0], [1.0]])
SETTING = {AIR: 22.0, CHILLED: 10.0, CONDENSER: 24.0}


def situation(
    it_kw: float, wet_c: float, in_force: dict[Setpoint, float] | None = None, offset_k: float = 0.0
) -> Situation:
    outlook = Outlook(
        it_reference_kw=np.full((3, STEPS), it_kw) * (1 + 0.04 * SPREADS),
        dry_bulb_c=np.full(STEPS, wet_c + 4.0),
        wet_bulb_c=np.full((3, STEPS), wet_c) + 1.5 * SPREADS,
    )
    return Situation(in_force or SETTING, outlook, offset_k, SITE.limits.margin_k)


@pytest.mark.parametrize(("it_kw", "wet_c"), [(450.0, 3.0), (600.0, 10.0), (800.0, 18.0)])
def test_no_single_step_on_a_fine_grid_is_better(it_kw: float, wet_c: float) -> None:
    now = situation(it_kw, wet_c)
    found = survey(PARAMETERS, now, SITE).candidates
    assert found
    best = float("inf")
    for setpoint in SITE.setpoints:
        step_k = SITE.setpoints[setpoint].step_max_k
        values = now.in_force[setpoint] + np.round(np.arange(-step_k, step_k + 0.01, 0.1), 1)
        grid = {s: np.full(len(values), v) for s, v in now.in_force.items()} | {setpoint: values}
        state = run(PARAMETERS, now.block, grid, EXPECTED)
        best = min(best, float(state.facility_kw.mean(axis=(1, 2)).min()))
    assert found[0].cost == pytest.approx(best, abs=0.02)
    assert [candidate.cost for candidate in found] == sorted(candidate.cost for candidate in found)
    assert all(candidate.cost < candidate.cost_now for candidate in found)
    assert len({candidate.change.setpoint for candidate in found}) == len(found)


def test_only_free_setpoints_move() -> None:
    now = situation(600.0, 10.0)
    for free in SITE.setpoints:
        assert {
            found.change.setpoint for found in survey(PARAMETERS, now, SITE, free=(free,)).candidates
        } <= {free}
    assert survey(PARAMETERS, now, SITE, free=()).candidates == ()


def test_a_hall_at_its_limit_is_not_made_warmer() -> None:
    now = situation(700.0, 12.0, {AIR: 23.5, CHILLED: 12.0, CONDENSER: 22.0})
    inlet_c = assess(PARAMETERS, now, SITE, ()).prediction.inlet_c
    at_limit = replace(now, inlet_offset_k=SITE.limits.envelope.recommended_high_c - now.margin_k - inlet_c)
    assert all(
        found.change.to_c <= 23.5 for found in survey(PARAMETERS, at_limit, SITE, free=(AIR,)).candidates
    )


def test_an_inlet_that_would_become_too_warm_is_brought_down_by_the_least_step() -> None:
    now = situation(700.0, 12.0, {AIR: 23.0, CHILLED: 9.0, CONDENSER: 22.0})
    assert protect(PARAMETERS, now, SITE) is None
    inlet_c = assess(PARAMETERS, now, SITE, ()).prediction.inlet_c
    limit_c = SITE.limits.envelope.recommended_high_c - now.margin_k
    for beyond_k, to_c in ((0.15, 22.6), (3.0, 22.0)):
        warm = replace(now, inlet_offset_k=limit_c - inlet_c + beyond_k)
        change = protect(PARAMETERS, warm, SITE)
        assert change
        assert change.to_c == pytest.approx(to_c)
        found = assess(PARAMETERS, warm, SITE, (change,)).prediction
        assert found.protects
        assert (found.inlet_c <= found.inlet_limit_c) == (beyond_k < 1)
        assert protect(PARAMETERS, warm, SITE, held_off=(AIR,)) is None


def test_moist_air_holds_the_chilled_water_cold() -> None:
    setting = {AIR: 23.0, CHILLED: 14.0, CONDENSER: 26.0}
    dry, moist = situation(450.0, 12.0, setting), situation(450.0, 24.0, setting)
    warmer = {
        name: assess(PARAMETERS, now, SITE, (Change(CHILLED, 14.0, 15.0),)).prediction
        for name, now in (("dry", dry), ("moist", moist))
    }
    assert warmer["dry"].dew_point_c <= warmer["dry"].dew_point_limit_c
    assert warmer["moist"].dew_point_c > warmer["moist"].dew_point_limit_c
    bounds = SITE.setpoints[CHILLED].model_copy(update={"high_c": 16.0})
    site = SITE.model_copy(update={"setpoints": {**SITE.setpoints, CHILLED: bounds}})
    assert any(
        found.change.to_c > 14.0 for found in survey(PARAMETERS, dry, site, free=(CHILLED,)).candidates
    )
    assert not any(
        found.change.to_c > 14.0 for found in survey(PARAMETERS, moist, site, free=(CHILLED,)).candidates
    )


def test_nothing_leaves_what_the_calibration_has_seen() -> None:
    now = replace(situation(600.0, 10.0), spans={CHILLED: (8.0, 10.3)})
    (found,) = survey(PARAMETERS, now, SITE, free=(CHILLED,)).candidates
    assert found.change.to_c == pytest.approx(10.3)


def test_every_part_of_the_physics_that_no_other_reason_explains_is_told_apart() -> None:
    told = {"it_kw", "learned_kw", "other_kw"}  # by what moves it; not in the search's answer; never changes
    assert set(BREAKDOWN) - told == set(PARTS.values()) & set(BREAKDOWN)
    liquid = CduParameters(700.0, AffinityParameters(12.0), liquid_ratio=0.7)
    direct, indirect = DirectParameters(0.5), IndirectParameters(20.0)
    plant = replace(PARAMETERS, liquid=liquid, direct=direct, indirect=indirect)
    found = assess(plant, situation(600.0, 10.0), SITE, (Change(AIR, 22.0, 23.0),))
    assert found.attribution["evaporative_coolers"] != 0
    assert sum(found.attribution.values()) == pytest.approx(found.benefit.p50_kw, abs=1e-9)
    assert found.attribution["other"] == 0


def test_parts_add_up_and_spread_has_the_right_order() -> None:
    now = situation(600.0, 10.0)
    found = assess(PARAMETERS, now, SITE, (Change(CHILLED, 10.0, 11.0),))
    assert sum(found.attribution.values()) == pytest.approx(found.benefit.p50_kw, abs=1e-9)
    assert found.benefit.p10_kw < found.benefit.p50_kw < found.benefit.p90_kw
    assert found.benefit.facility_kw - found.facility_kw_after == pytest.approx(found.benefit.p50_kw)
    assert 0 < found.beyond_error_ratio < 1
    assert found.benefit.worth is None
    assert sum(found.worth.values()) == pytest.approx(found.benefit.p50_kw)
    still = assess(PARAMETERS, now, SITE, ())
    assert still.benefit.p50_kw == still.benefit.p10_kw == 0.0


def test_a_wider_interval_where_savings_measured_so_far_ask_for_it() -> None:
    now, changes = situation(600.0, 10.0), (Change(CHILLED, 10.0, 11.0),)
    one, two = (assess(PARAMETERS, now, SITE, changes, interval_scale=scale).benefit for scale in (1.0, 2.0))
    assert two.p50_kw == one.p50_kw
    assert two.p50_kw - two.p10_kw == pytest.approx(2 * (one.p50_kw - one.p10_kw))
    assert two.p90_kw - two.p50_kw == pytest.approx(2 * (one.p90_kw - one.p50_kw))


@pytest.mark.parametrize("objective", [Objective.COST, Objective.CARBON])
def test_parts_add_up_where_every_hour_counts_differently(objective: Objective) -> None:
    setting = SETTING | {AIR: 25.0}
    steady = situation(600.0, 10.0, setting)
    periods = (Period(from_hour=9, to_hour=11, energy_per_kwh=0.5),)
    tariff = Tariff(energy_per_kwh=0.1, periods=periods, demand_per_kw_month=9.0, water_per_m3=4.0)
    site = SITE.model_copy(update={"tariff": tariff})
    growing = steady.outlook.it_reference_kw * np.linspace(0.8, 1.2, STEPS)
    start = datetime(2026, 5, 4, 6, tzinfo=UTC)
    ahead = replace(steady.outlook, it_reference_kw=growing, start=start)
    grid = np.linspace(500.0, 50.0, STEPS)
    now = replace(steady, outlook=ahead, carbon_g_per_kwh=grid)
    found = assess(PARAMETERS, now, site, (Change(AIR, 25.0, 26.0),), objective=objective)
    assert sum(found.attribution.values()) == pytest.approx(found.benefit.p50_kw, abs=1e-9)
    rates, both = now.rates(site, objective), {s: np.full(2, v) for s, v in setting.items()}
    state = run(PARAMETERS, now.block, both | {AIR: np.array([25.0, 26.0])}, EXPECTED)
    amount = amounts(rates, state).mean(axis=(1, 2))
    settled = 1 - SETTLING_S / (now.block.hours * 3600)
    assert found.benefit.worth
    assert found.benefit.worth.p50 == pytest.approx(settled * (amount[0] - amount[1]), abs=1e-9)
    assert sum(found.worth.values()) == pytest.approx(found.benefit.worth.p50, abs=1e-9)
    assert len(set(rates.per_kwh.tolist())) > 1
    for part in ("server_fans", "leakage", "ups", "crah_fans", "chillers"):
        assert found.worth[part] * found.attribution[part] != 0, part
    assert (found.worth["water"] != 0) is (objective is Objective.COST)
    assert found.beyond_error_ratio == beyond(found.benefit.p50_kw, found.error_kw)


def test_what_is_beyond_the_twins_error() -> None:
    assert beyond(10.0, 4.0) == pytest.approx(0.6)
    assert beyond(10.0, 12.0) == 0.0
    assert beyond(-1.0, 0.5) == 0.0


@pytest.mark.parametrize("objective", [Objective.COST, Objective.CARBON])
def test_a_saving_in_the_objectives_own_unit_is_the_sum_of_its_parts(objective: Objective) -> None:
    now, change = situation(600.0, 10.0), Change(CHILLED, 10.0, 11.0)
    found = assess(PARAMETERS, now, SITE, (change,), objective=objective)
    worth = found.benefit.worth
    assert worth
    assert sum(found.worth.values()) == pytest.approx(worth.p50)
    grid = {s: np.array([v, change.to_c if s is CHILLED else v]) for s, v in SETTING.items()}
    state = run(PARAMETERS, now.block, grid, EXPECTED)
    amount = amounts(now.rates(SITE, objective), state).mean(axis=(1, 2))
    assert worth.without == pytest.approx(amount[0])
    settled = 1 - SETTLING_S / (4 * 3600)
    assert worth.p50 == pytest.approx(settled * (amount[0] - amount[1]))
    assert worth.p10 < worth.p50 < worth.p90
    if objective is Objective.COST:
        litres = float((state.water_l_per_h[0] - state.water_l_per_h[1]).mean())
        assert found.water_l_per_h == pytest.approx(settled * litres)
        assert found.worth["water"] == pytest.approx(settled * litres / 1000 * SITE.tariff.water_per_m3)


VARIANTS = {
    "water": PARAMETERS,
    "liquid": replace(PARAMETERS, liquid=CduParameters(700.0, AffinityParameters(12.0), liquid_ratio=0.7)),
    "indirect": replace(PARAMETERS, indirect=IndirectParameters(20.0)),
    "outdoor air": replace(
        PARAMETERS, direct=DirectParameters(0.5), air_economizer=AirEconomizerParameters(present=True)
    ),
    "return air": replace(PARAMETERS, return_air_control=True),
    "envelope": replace(PARAMETERS, envelope_kw_per_k=2.0),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_drawn_plants_as_one_are_those_one_by_one(name: str) -> None:
    rng, plant = np.random.default_rng(3), VARIANTS[name]
    plants = [
        plant.with_multipliers({of: float(rng.normal(1, 0.05)) for of in plant.adjustable}) for _ in range(5)
    ]
    drawn = Drawn.of(plants)
    assert (drawn.stack is None) == (name == "envelope")  # whose equations take one plant at a time
    now = situation(600.0, 10.0)
    grid = {s: np.array([v, v + 0.5]) for s, v in SETTING.items()}
    found = np.concatenate([np.atleast_1d(state.facility_kw) for state in drawn.run(now.block, grid)])
    alone = [state.facility_kw for state in Drawn(drawn.plants, None).run(now.block, grid)]
    assert np.array_equal(found.reshape(5, 2, 1, 4), np.stack(alone))
    assert stacked([plant, plant]) is plant


def trap() -> tuple[Site, Parameters, Situation]:
    """Servers whose fans work hard when it is warm: PUE falls while power rises."""
    server = replace(PARAMETERS.server, fan_share_ratio=0.12, fan_threshold_c=22.0, airflow_growth_per_k=0.06)
    now = situation(450.0, 18.0, {AIR: 23.0, CHILLED: 10.0, CONDENSER: 22.0})
    return SITE, replace(PARAMETERS, server=server), now


def test_minimising_pue_would_waste_power() -> None:
    site, parameters, now = trap()
    values = np.round(np.arange(22.0, 24.01, 0.1), 1)
    grid = {s: np.full(len(values), v) for s, v in now.in_force.items()} | {AIR: values}
    state = run(parameters, now.block, grid)
    total_kw, it_kw = expected(state.facility_kw), expected(state.it_kw)
    by_pue, by_total = int(np.argmin(total_kw / it_kw)), int(np.argmin(total_kw))
    assert values[by_pue] > values[by_total]
    assert total_kw[by_pue] > total_kw[by_total] + 1.0
    (found,) = survey(parameters, now, site, Objective.FACILITY_ENERGY, free=(AIR,)).candidates
    assert found.change.to_c == pytest.approx(values[by_total], abs=0.11)
    assert found.cost < state.facility_kw[by_pue, 3 * MEDIAN + MEDIAN].mean()


@pytest.mark.parametrize("it_kw", [300.0, 450.0, 600.0, 750.0, 900.0])
@pytest.mark.parametrize("wet_c", [4.0, 12.0, 20.0])
def test_the_supply_air_of_least_pue_never_draws_less_than_that_of_least_power(
    it_kw: float, wet_c: float
) -> None:
    now = situation(it_kw, wet_c)
    values = np.arange(18.0, 26.01, 0.25)
    grid = {s: np.full(len(values), v) for s, v in now.in_force.items()} | {AIR: values}
    state = run(PARAMETERS, now.block, grid, EXPECTED)
    total_kw, it = state.facility_kw.mean(axis=(1, 2)), state.it_kw.mean(axis=(1, 2))
    by_pue, by_total = int(np.argmin(total_kw / it)), int(np.argmin(total_kw))
    assert total_kw[by_pue] >= total_kw[by_total]
    assert values[by_pue] >= values[by_total]


def test_the_objectives_on_offer_do_not_include_pue() -> None:
    assert not [name for name in Objective if "pue" in name.value]


def test_the_optimum_of_all_beats_a_coarse_grid_of_all() -> None:
    now = situation(600.0, 10.0)
    changes, saving = together(PARAMETERS, now, SITE)
    steps = [SITE.setpoints[s].step_max_k for s in now.in_force]
    mesh = np.array([(0.0, 0.0, 0.0), *itertools.product(*((-k, 0.0, k) for k in steps))])
    grid = {s: v + mesh[:, i] for i, (s, v) in enumerate(now.in_force.items())}
    cost = run(PARAMETERS, now.block, grid, EXPECTED).facility_kw.mean(axis=(1, 2))
    assert saving >= cost[0] - cost.min() - 0.02
    assert (
        saving
        >= max(found.cost_now - found.cost for found in survey(PARAMETERS, now, SITE).candidates) - 0.02
    )
    assert {change.setpoint for change in changes} <= set(SITE.setpoints)
