"""Policies on a plant of arrays: rules respond, foresight finds, advice moves as it may, and no further."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from core.actions import Setpoint
from twin.advise import outlook, policy, usual
from twin.advise.brief import Fitted
from twin.advise.confirmed import STEPS_MIN, widened
from twin.advise.outlook import Load, Weather
from twin.calibrate import Calibration, calibrate
from twin.network import Conditions, Parameters, PlantState, Setpoints, solve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.series import Floats
    from core.site import Site
    from twin.history import History

AIR, WATER, TOWER = Setpoint
START = {AIR: 21.0, WATER: 8.0, TOWER: 24.0}
TRUTH = {"chiller_power": 1.1, "recirculation": 0.9}
NOW = datetime(2026, 1, 20, tzinfo=UTC)
IT_KW, WET_C = 600.0, 14.0
TICKS = 12 * 12


@dataclass
class Steady:
    """A plant at constant load and weather that follows at once; warmer at the racks by an offset."""

    parameters: Parameters
    offset_k: float = 0.0
    held: dict[Setpoint, float] = field(default_factory=lambda: dict(START))

    def state(self, held: Mapping[Setpoint, Floats]) -> PlantState:
        return solve(self.parameters, Conditions(IT_KW, WET_C + 4.0, WET_C), Setpoints.of(held))

    def read(self) -> policy.Reading:
        state = self.state({s: np.array(v) for s, v in self.held.items()})
        return policy.Reading(
            it_kw=float(state.it_kw),
            facility_kw=float(state.facility_kw),
            inlets_c=(float(state.inlet_c) + self.offset_k,),
            supply_air_c=float(state.supply_air_c),
            dry_bulb_c=WET_C + 4.0,
            wet_bulb_c=WET_C,
        )

    def run(self, setpoints_c: Mapping[Setpoint, float]) -> None:
        self.held = dict(setpoints_c)


@pytest.fixture(scope="module")
def parameters(site: Site) -> Parameters:
    return Parameters.from_design(site.plant).with_multipliers(TRUTH)


@pytest.fixture(scope="module")
def measured(parameters: Parameters) -> History:
    """Two weeks in which setpoints were tried a little."""
    from twin.history import History  # noqa: PLC0415

    rng, count = np.random.default_rng(5), 14 * 96
    held = {
        AIR: np.repeat(rng.uniform(20, 23, count // 48), 48),
        WATER: np.repeat(rng.uniform(7, 11, count // 48), 48),
        TOWER: np.repeat(rng.uniform(21, 26, count // 48), 48),
    }
    day = np.arange(count) / 96
    wet = WET_C + 3.0 * np.sin(2 * np.pi * day)
    load = IT_KW + 60.0 * np.sin(2 * np.pi * (day - 0.3))
    state = solve(parameters, Conditions(load, wet + 4.0, wet), Setpoints.of(held))

    def noisy(values: Floats) -> Floats:
        return values * (1.0 + rng.normal(0, 0.003, count))

    return History(
        start=NOW - timedelta(days=14),
        step=timedelta(minutes=15),
        it_kw=state.it_kw,
        facility_kw=noisy(state.facility_kw),
        chiller_kw=noisy(state.chiller_kw),
        crah_fan_kw=noisy(state.crah_fan_kw),
        pump_kw=noisy(state.pump_kw),
        tower_fan_kw=noisy(state.tower_fan_kw),
        ups_loss_kw=noisy(state.electrical_loss_kw),
        inlet_c=state.inlet_c + rng.normal(0, 0.05, count),
        supply_air_c=state.supply_air_c,
        supply_air_setpoint_c=held[AIR],
        chilled_water_setpoint_c=held[WATER],
        condenser_water_setpoint_c=held[TOWER],
        dry_bulb_c=wet + 4.0,
        wet_bulb_c=wet,
    )


@pytest.fixture(scope="module")
def calibration(site: Site, measured: History) -> Calibration:
    return replace(calibrate(site, measured), calibration_id=1)


def follows(site: Site, calibration: Calibration) -> policy.Advised:
    fitted = Fitted.of(site, calibration)

    def ahead(tick: int, seen: policy.Reading) -> tuple[Load, Weather]:
        at, flat = NOW + timedelta(seconds=policy.TICK_S * tick), np.full(outlook.STEPS, seen.it_kw)
        wet = outlook.spread(np.full(outlook.STEPS, WET_C), 1.0)
        return Load("flat", at, np.stack([flat - 15, flat, flat + 15]), 24.0), Weather(
            "flat", wet[1] + 4.0, wet
        )

    return policy.Advised(
        site, lambda tick: NOW + timedelta(seconds=policy.TICK_S * tick), lambda _: fitted, ahead
    )


def mean_kw(plant: Steady, course: Mapping[Setpoint, Floats]) -> float:
    return float(plant.state(course).facility_kw.mean())


def test_rules_warm_the_air_until_racks_ask_and_cool_it_faster(site: Site, parameters: Parameters) -> None:
    plant = Steady(parameters)
    course = policy.walk(plant, policy.Rules(site), START, TICKS)
    limit_c = site.limits.envelope.recommended_high_c
    assert course[AIR][11] == pytest.approx(START[AIR] + 3.0, abs=0.35), "3 K/h, as the guideline says"
    assert limit_c - 1.6 <= plant.read().inlets_c[0] <= limit_c
    hot = policy.walk(Steady(parameters, offset_k=6.0), policy.Rules(site), START, 6)
    assert hot[AIR][5] < START[AIR] - 0.3
    assert course[WATER][-1] == pytest.approx(site.setpoints[WATER].high_c)


def test_fixed_is_fixed() -> None:
    assert {s: set(v.tolist()) for s, v in policy.fixed(START, 5).items()} == {
        s: {v} for s, v in START.items()
    }


def test_advice_saves_one_step_of_one_loop_at_a_time(
    site: Site, parameters: Parameters, calibration: Calibration
) -> None:
    plant, advised = Steady(parameters), follows(site, calibration)
    course = policy.walk(plant, advised, START, TICKS, policy.DECISION_TICKS)
    assert mean_kw(plant, course) < mean_kw(plant, policy.fixed(START, TICKS)) - 5.0
    assert len(advised.moves) >= 5
    steps = np.stack([np.diff(course[s], prepend=START[s]) for s in START])
    assert ((np.abs(steps) > 1e-9).sum(axis=0) <= 1).all(), "one loop at a time"
    for setpoint, row in zip(START, steps, strict=True):
        assert np.abs(row).max() <= site.setpoints[setpoint].step_max_k + 1e-9
        moved = np.flatnonzero(np.abs(row) > 1e-9)
        wait = site.setpoints[setpoint].hold_s / policy.TICK_S
        assert (np.diff(moved) >= wait).all()
        low, high = calibration.envelope[f"{setpoint.value}_c"]
        reach = site.setpoints[setpoint].step_max_k
        assert low - reach - 1e-9 <= course[setpoint].min()
        assert course[setpoint].max() <= high + reach + 1e-9


def test_what_was_promised_is_about_what_comes(
    site: Site, parameters: Parameters, calibration: Calibration
) -> None:
    plant, advised = Steady(parameters), follows(site, calibration)
    policy.walk(plant, advised, START, TICKS, policy.DECISION_TICKS)
    held, ratios = dict(START), []
    for move in advised.moves:
        before = plant.state({s: np.array(v) for s, v in held.items()})
        held[move.change.setpoint] = move.change.to_c
        after = plant.state({s: np.array(v) for s, v in held.items()})
        ratios.append(move.p50_kw / float(before.facility_kw - after.facility_kw))
    assert 0.75 < float(np.median(ratios)) < 1.2


def test_a_hot_rack_lets_no_advice_warm_the_hall(
    site: Site, parameters: Parameters, calibration: Calibration
) -> None:
    plant = Steady(parameters, offset_k=4.0)
    course = policy.walk(plant, follows(site, calibration), START, 36, policy.DECISION_TICKS)
    assert course[AIR].max() <= START[AIR]


def test_foresight_is_the_bound_and_its_limits_cost_something(
    site: Site, parameters: Parameters, calibration: Calibration
) -> None:
    plant = Steady(parameters)

    def ahead(first: int, last: int, grid: Mapping[Setpoint, Floats]) -> PlantState:
        return plant.state({s: v * np.ones(max(last - first, 1)) for s, v in grid.items()})

    def course(*, free: bool) -> dict[Setpoint, Floats]:
        sees = policy.Foresight(site, ahead, 3, free_motion=free)
        return policy.walk(Steady(parameters), sees, START, TICKS, policy.DECISION_TICKS)

    bound, limited = course(free=True), course(free=False)
    advised = policy.walk(Steady(parameters), follows(site, calibration), START, TICKS, policy.DECISION_TICKS)
    assert mean_kw(plant, bound) < mean_kw(plant, limited) < mean_kw(plant, advised)
    limit_c = site.limits.envelope.recommended_high_c
    assert float(plant.state(bound).inlet_c.max()) <= limit_c + 1e-6
    assert np.abs(np.diff(limited[WATER])).max() <= site.setpoints[WATER].step_max_k + 1e-9


def test_the_envelope_grows_with_what_the_twin_was_right_about(
    site: Site, measured: History, calibration: Calibration
) -> None:
    fitted = calibration.parameters(site.plant)
    name = f"{WATER.value}_c"
    short = replace(calibration, envelope=calibration.envelope | {name: (7.0, 8.0)})
    grown = widened(short, fitted, measured.part(slice(-96, None))).envelope[name]
    seen = np.sort(measured.chilled_water_setpoint_c[-96:])
    assert grown[1] == pytest.approx(seen[-STEPS_MIN])
    wrong = measured.part(slice(-96, None))
    off = replace(wrong, facility_kw=wrong.facility_kw * 1.1)
    assert widened(short, fitted, off).envelope == short.envelope


def test_the_usual_course_knows_its_errors() -> None:
    rng = np.random.default_rng(3)
    quarters = 500.0 + 50.0 * np.sin(2 * np.pi * np.arange(30 * 96) / 96) + rng.normal(0, 5.0, 30 * 96)
    inside = []
    for end in range(20 * 96, 29 * 96, 37):
        seen = quarters[:end]
        low, median, high = usual.quantiles(seen, usual.errors(seen[-usual.DAYS * 96 :]))
        ahead = quarters[end : end + 96]
        inside.append(np.mean((low <= ahead) & (ahead <= high)))
        assert np.abs(median - ahead).mean() < 8.0
    assert 0.7 < float(np.mean(inside)) < 0.9
