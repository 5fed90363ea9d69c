"""One moment's knowledge: from database and from arrays the same decisions, and a way through all gates."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from seeded import SETTING, SeededPlant

from core import db
from core.actions import Authority, Change, Setpoint
from core.points import PointRef
from core.tariff import Advice, ChangeFreeze, Objective
from twin.advise import brief, life, outlook, safety
from twin.advise.assess import SETTLING_S
from twin.advise.evidence import Record
from twin.advise.search import Candidate
from twin.advise.weigh import weigh

if TYPE_CHECKING:
    from core.clock import ManualClock
    from core.site import Site
    from twin.advise.brief import Brief

AIR = Setpoint.SUPPLY_AIR_TEMPERATURE


@pytest.fixture
def seen(dsn: str, site: Site, clock: ManualClock, plant: SeededPlant) -> Brief:
    assert plant.site is site
    with db.connect(dsn) as conn:
        return brief.gather(conn, site, clock)


def test_a_day_ahead_by_the_quarter_of_an_hour(seen: Brief) -> None:
    ahead = seen.situation.outlook
    assert ahead.steps == outlook.STEPS  # the forecast is ten minutes old, so the last one is begun only
    assert seen.load.covered_h == pytest.approx(24 - 1 / 6)
    assert (np.diff(ahead.it_reference_kw, axis=0) >= 0).all()
    assert (np.diff(ahead.wet_bulb_c, axis=0) >= 0).all()
    assert seen.situation.block.hours == outlook.HORIZON_H
    hours = [float(ahead.dry_bulb_c[i : i + 4].mean()) for i in range(0, 16, 4)]
    assert seen.situation.block.dry_bulb_c == pytest.approx(hours)


def test_what_is_advised_passes_every_gate_but_the_operator(seen: Brief) -> None:
    found = brief.advise(seen)
    assert isinstance(found, Candidate)
    assessment = seen.assess((found.change,))
    evidence = seen.evidence((found.change,), assessment)
    verdict = safety.judge(evidence)
    assert isinstance(verdict, safety.Rejected)
    assert verdict.only_waits, verdict.reason
    accepted = safety.judge(replace(evidence, operator="Ada", authority=Authority.SUPERVISED))
    assert isinstance(accepted, safety.Accepted)
    assert seen.assess((found.change,)) is assessment
    settled = 1 - SETTLING_S / (outlook.HORIZON_H * 3600)
    assert settled * (found.cost_now - found.cost) == pytest.approx(assessment.benefit.p50_kw, abs=1e-6)


def test_arrays_alone_lead_to_the_same_decision(seen: Brief, site: Site) -> None:
    twin = brief.Fitted.of(site, seen.calibration)
    again = brief.make(site, twin, seen.now, seen.load, seen.weather, seen.record)
    assert again.situation.inlet_offset_k == seen.situation.inlet_offset_k
    assert brief.advise(again) == brief.advise(seen)


def test_the_next_best_is_advised_where_a_gate_shuts_the_best(seen: Brief) -> None:
    first = brief.advise(seen)
    assert isinstance(first, Candidate)
    peaceful = replace(seen, record=Record((), {}, declined=(first.change.setpoint,)), _assessed={})
    second = brief.advise(peaceful)
    assert isinstance(second, str) or second.change.setpoint is not first.change.setpoint
    misses = replace(seen, record=Record((), dict.fromkeys(SETTING, 2)), _assessed={})
    assert brief.advise(misses) == (
        "every setpoint has moved lately, waits to be verified, was declined or is suspended"
    )


def test_a_hall_that_will_be_too_warm_is_protected_before_anything_is_saved(seen: Brief, site: Site) -> None:
    hot = replace(seen.now, inlets_c=(seen.now.worst_inlet_c + 1.9,))
    careful = site.limits.model_copy(update={"margin_k": 2.0})
    strict = site.model_copy(update={"limits": careful})
    warm = brief.make(strict, seen.twin, hot, seen.load, seen.weather, Record((AIR,), {}))
    found = brief.advise(warm)
    assert isinstance(found, Candidate)
    assert found.protects
    assert found.change.setpoint is AIR
    assert found.change.step_k < 0
    assert found.cost > found.cost_now
    evidence = warm.evidence((found.change,), warm.assess((found.change,)))
    verdict = safety.judge(replace(evidence, operator="Ada", authority=Authority.SUPERVISED))
    assert isinstance(verdict, safety.Accepted)


def test_a_twin_that_is_off_shuts_the_gate_of_the_model(seen: Brief, site: Site) -> None:
    off = replace(seen.now, facility_kw=seen.now.facility_kw * 1.1)
    doubtful = brief.make(site, seen.twin, off, seen.load, seen.weather)
    verdict = safety.judge(doubtful.evidence((), doubtful.assess(())))
    assert isinstance(verdict, safety.Rejected)
    assert "the facility's power is +" in verdict.reason


def test_a_freeze_of_the_site_shuts_the_gate_of_motion(seen: Brief, site: Site) -> None:
    frozen = Advice(change_freeze=(ChangeFreeze(name="month end"),))
    quiet = replace(seen, site=site.model_copy(update={"advice": frozen}), _assessed={})
    verdict = safety.judge(quiet.evidence((), quiet.assess(())))
    assert isinstance(verdict, safety.Rejected)
    assert "no changes now: month end" in verdict.reason


def test_alarms_and_movements_of_the_last_hour_are_seen(
    dsn: str, site: Site, clock: ManualClock, plant: SeededPlant
) -> None:
    now = clock.now()
    for minutes, value in ((51, 21.0), (41, 23.0), (31, 22.0)):
        plant.publish(
            now - timedelta(minutes=minutes), now - timedelta(minutes=minutes), SETTING | {AIR: value}
        )
    with db.connect(dsn) as conn:
        for source, priority in (("crah-2", 1), ("advise.excursion", 1), ("weather", 3)):
            db.rows(
                conn, "twin_raise_alarm", site=site.id, source=source, priority=priority,
                message=f"{source} is ill", action="look", now=now,
            )  # fmt: skip
        motion = brief.gather(conn, site, clock).now.motion
    assert motion.alarms == ("crah-2 is ill",)
    assert motion.changes_last_hour[AIR] >= 3
    assert motion.changes_last_hour[Setpoint.CONDENSER_WATER_SUPPLY_TEMPERATURE] == 0


def test_a_chiller_that_has_just_come_keeps_advice_waiting(
    dsn: str, site: Site, clock: ManualClock, plant: SeededPlant
) -> None:
    ref = PointRef("chiller-2", "running")
    status = site.sensors.model_copy(update={"chillers_running": (ref,)})
    with_status = site.model_copy(update={"sensors": status})
    now = clock.now()
    times = [now - timedelta(minutes=m) for m in (12, 8, 4, 0)]
    plant.write(times, {str(ref): np.array([0.0, 0.0, 1.0, 1.0])})
    with db.connect(dsn) as conn:
        motion = brief.gather(conn, with_status, clock).now.motion
    assert motion.staging == "chiller-2/running changed 4 min ago"


@pytest.mark.parametrize("objective", list(Objective))
def test_the_figures_of_a_card_are_json(seen: Brief, objective: Objective) -> None:
    other = replace(seen, objective=objective, _assessed={})
    found = brief.advise(other)
    assert isinstance(found, Candidate)
    assessment = other.assess((found.change,))
    for part in (
        other.prediction_json(assessment),
        other.together_json(),
        other.rule_json(),
        other.sources_json(),
        other.plan().to_json(),
    ):
        assert db.json(part) is not None
    assert other.together_json()["saving_expected_kw"] >= 0 or objective is not Objective.FACILITY_ENERGY


def test_the_source_of_the_carbon_is_said(seen: Brief, site: Site) -> None:
    assert seen.sources_json()["carbon_source"] == "tariff"
    grid = outlook.Carbon("grid, taken to stay", np.full(outlook.STEPS, 100.0))
    told = brief.make(site, seen.twin, seen.now, seen.load, seen.weather, carbon=grid)
    assert told.sources_json()["carbon_source"] == "grid, taken to stay"
    fixed, said = (one.situation.rates(site, Objective.CARBON).per_kwh for one in (seen, told))
    assert set(fixed.tolist()) == {(site.tariff.carbon_g_per_kwh or 0) / 1000}
    assert set(said.tolist()) == {0.1}


@pytest.mark.parametrize("objective", list(Objective))
def test_keeping_a_value_is_worth_what_leaving_it_would_lose(seen: Brief, objective: Objective) -> None:
    other = replace(seen, objective=objective, _assessed={})
    warmer = Change(AIR, SETTING[AIR] - 1, SETTING[AIR])
    evidence, found = weigh(other, life.RENEWAL, (warmer,), Authority.SUPERVISED)
    left = other.assess((Change(AIR, warmer.to_c, warmer.from_c),))
    assert found.benefit.p50_kw == -left.benefit.p50_kw
    assert found.water_l_per_h == -left.water_l_per_h
    assert sum(found.attribution.values()) == pytest.approx(found.benefit.p50_kw)
    assert (found.beyond_error_ratio > 0) is (found.benefit.p50_kw > found.error_kw)
    worth = evidence.benefit.worth
    if objective is Objective.FACILITY_ENERGY:
        assert worth is None
        return
    assert worth
    assert sum(found.worth.values()) == pytest.approx(worth.p50)
    assert worth.p10 < worth.p50 < worth.p90
