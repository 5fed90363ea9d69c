"""The plan of a day: inside every limit in every block, no dearer than standing still, in good time."""

from __future__ import annotations

import json
import time
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import pytest
from test_search import AIR, CHILLED, CONDENSER, PARAMETERS, SITE, SPREADS

from core.actions import Setpoint
from core.tariff import Objective, Tariff
from twin.advise import limits
from twin.advise.objective import RATES
from twin.advise.outlook import STEPS, Outlook
from twin.advise.plan import BLOCKS_H, Plan, plan, reach_k
from twin.advise.search import Situation, seen_of, survey

SETTING: Final = {AIR: 21.0, CHILLED: 8.5, CONDENSER: 24.0}
START: Final = datetime(2026, 5, 4, 4, tzinfo=UTC)  # a Monday; six o'clock on the site


def day(it_kw: float = 600.0, wet_c: float = 12.0, steps: int = STEPS) -> Situation:
    hour = (np.arange(steps) + 0.5) / 4
    load = it_kw * (1 + 0.1 * np.sin(2 * np.pi * hour / 24))
    wet = wet_c + 4 * np.sin(2 * np.pi * (hour - 4) / 24)
    outlook = Outlook(load * (1 + 0.04 * SPREADS), wet + 4.0, wet + 1.0 * SPREADS, start=START)
    return Situation(SETTING, outlook, 0.3, SITE.limits.margin_k, spans={CHILLED: (6.0, 13.0)})


@pytest.fixture(scope="module")
def planned() -> Plan:
    return plan(PARAMETERS, day(), SITE)


def test_blocks_cover_the_day_one_after_another(planned: Plan) -> None:
    assert [block.hours for block in planned.blocks] == list(BLOCKS_H)
    assert planned.hours == 24
    begun = np.cumsum([0, *BLOCKS_H[:-1]]).tolist()
    assert [block.start for block in planned.blocks] == [START + timedelta(hours=h) for h in begun]
    assert json.loads(json.dumps(planned.to_json()))["blocks"][0]["setpoints"].keys() == set(Setpoint)


def test_no_block_costs_more_than_standing_still(planned: Plan) -> None:
    assert all(block.saving >= -1e-6 for block in planned.blocks)
    assert planned.saving_kwh > 0
    assert planned.saving_kwh == pytest.approx(sum(b.saving_kw * b.hours for b in planned.blocks))


def test_every_block_holds_every_limit(planned: Plan) -> None:
    now, first = day(), 0
    for block in planned.blocks:
        last = first + round(block.hours * 4)
        ahead = now.outlook.part(first, last)
        values = {s: np.array([SETTING[s], block.setpoints[s]]) for s in SETTING}
        seen = seen_of(PARAMETERS, SITE, ahead, values)
        found = limits.figures(PARAMETERS, ahead, seen)
        slack = limits.slacks(PARAMETERS, SITE, now, found, found.only(0))
        assert {name for name, value in slack.items() if value[1] < -1e-6} == set()
        for setpoint, value in block.setpoints.items():
            low, high = now.span(SITE, setpoint)
            assert low - 1e-6 <= value <= high + 1e-6
        first = last


def test_no_block_is_out_of_reach_of_the_one_before(planned: Plan) -> None:
    before = SETTING
    for block in planned.blocks:
        for setpoint, value in block.setpoints.items():
            assert abs(value - before[setpoint]) <= reach_k(SITE, setpoint, block.hours) + 1e-6
        before = dict(block.setpoints)
    assert reach_k(SITE, AIR, 1.0) == 1.0
    assert reach_k(SITE, AIR, 4.0) == 3.0  # 75 min from one verified step to the next


def test_what_holds_the_plan_is_worth_something_where_it_is_named(planned: Plan) -> None:
    assert all((block.relaxed_kw > 0) == bool(block.held_by) for block in planned.blocks)
    assert planned.blocks[0].held_by.startswith("motion:")
    tight = replace(day(), spans={s: (v - 0.2, v + 0.2) for s, v in SETTING.items()})
    assert plan(PARAMETERS, tight, SITE).blocks[0].held_by.startswith("envelope:")
    hot = replace(day(), inlet_offset_k=2.6)
    assert any(block.held_by == "inlet" for block in plan(PARAMETERS, hot, SITE).blocks)


def test_the_first_step_leads_towards_the_plan(planned: Plan) -> None:
    change = survey(PARAMETERS, day(), SITE).candidates[0].change
    aim = planned.blocks[0].setpoints[change.setpoint]
    assert np.sign(change.step_k) == np.sign(aim - SETTING[change.setpoint])


def test_a_mode_is_what_the_plant_would_be_in(planned: Plan) -> None:
    assert all(0 <= block.chillers <= SITE.plant.chiller_count for block in planned.blocks)
    cold = plan(PARAMETERS, day(wet_c=0.0), SITE)
    assert any(block.economizer for block in cold.blocks)
    none = replace(PARAMETERS, economizer=replace(PARAMETERS.economizer, present=False))
    assert not any(block.economizer for block in plan(none, day(wet_c=0.0), SITE).blocks)


def test_a_short_forecast_makes_a_short_plan() -> None:
    assert [block.hours for block in plan(PARAMETERS, day(steps=22), SITE).blocks] == [1, 1, 2, 1.5]


def test_where_nothing_holds_the_limits_the_setpoints_stay() -> None:
    lost = replace(day(), inlet_offset_k=15.0)
    assert all(block.setpoints == SETTING for block in plan(PARAMETERS, lost, SITE).blocks)


def test_cost_counts_hours_by_their_price_and_the_peak_beside() -> None:
    now = day()
    rates = RATES[Objective.COST](SITE, now.outlook, None)
    assert rates.unit == "EUR/h"
    peak = now.outlook.it_reference_kw[1] >= 0.97 * now.outlook.it_reference_kw[1].max()
    # 06:00, 07:00, 11:00, 16:00 and 21:00 on a working day, away from the peak
    for hour, price in ((0, 0.11), (1, 0.19), (10, 0.24), (15, 0.11)):
        assert rates.per_kwh[4 * hour] == pytest.approx(price)
    shared = SITE.tariff.demand_per_kw_month / (365.25 / 12)
    flat = np.array([SITE.tariff.energy_price(START.astimezone(SITE.zone))])
    assert ((rates.per_kwh - flat)[peak] > 0).all()
    extra = rates.per_kwh - SITE.tariff.energy_prices(
        START, (START.replace(minute=15) - START), STEPS, SITE.zone
    )
    assert extra.sum() * 0.25 == pytest.approx(shared)


def test_the_grid_tells_its_carbon_or_the_site_does() -> None:
    now = day()
    cleaner = np.linspace(500.0, 100.0, STEPS + 3)
    told = replace(now, carbon_g_per_kwh=cleaner).rates(SITE, Objective.CARBON).per_kwh
    assert told == pytest.approx(cleaner[:16].reshape(4, 4).mean(axis=1) / 1000)
    silent = SITE.model_copy(update={"tariff": Tariff()})
    assert set(RATES[Objective.CARBON](silent, now.outlook, None).per_kwh) == {1.0}
    assert RATES[Objective.CARBON](SITE, now.outlook, None).per_kwh[0] == pytest.approx(0.33)


def test_a_day_is_planned_in_seconds_and_little_memory() -> None:
    now = day()
    began = time.perf_counter()
    plan(PARAMETERS, now, SITE)
    assert time.perf_counter() - began < 20  # a second on an idle core
    tracemalloc.start()
    plan(PARAMETERS, replace(now, outlook=now.outlook.part(0, 32)), SITE)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200e6
