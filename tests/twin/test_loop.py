"""The loop's thermal mass: exact against fine sub-steps, energy conserved at any length of step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.plant.loop import (
    LoopParameters,
    course_exchanging,
    course_held,
    exchanging,
    heat_capacity_kj_per_k,
    held,
)

if TYPE_CHECKING:
    from twin.plant.curves import Floats
    from twin.plant.loop import LoopCourse

LOOP: Final = LoopParameters(1000.0)
CAPACITY: Final = heat_capacity_kj_per_k(LOOP)
steps_s = st.sampled_from([1.0, 60.0, 900.0, 3600.0, 1e6])
heats = st.floats(0, 2000)
conductances = st.one_of(st.just(0.0), st.floats(1e-12, 1e3))
temperatures = st.floats(4, 40)
seeds = st.integers(0, 2**32 - 1)


def _exchanging(start: float, heat: float, conductance: float, sink: float, step_s: float) -> list[float]:
    found = exchanging(LOOP, *(np.array(values) for values in (start, heat, conductance, sink)), step_s)
    return [float(values) for values in found]


def _random(seed: int, shape: tuple[int, ...] = (7, 96)) -> tuple[Floats, Floats, Floats]:
    random = np.random.default_rng(seed)
    return random.uniform(0, 1500, shape), random.uniform(0, 300, shape), random.uniform(2, 25, shape)


def test_heat_capacity_is_that_of_15_m3_per_mw() -> None:
    assert pytest.approx(15.0 * 4180.0) == CAPACITY
    # 1 MW without cooling: 1000 kW / 62.7 MJ/K is a kelvin in 63 s
    assert _exchanging(10.0, 1000.0, 0.0, 0.0, CAPACITY / 1000.0)[0] == pytest.approx(11.0)


@settings(max_examples=80, deadline=None)
@given(start=temperatures, heat=heats, conductance=conductances, sink=temperatures, step_s=steps_s)
def test_step_is_the_exact_exponential_and_conserves_energy(
    start: float, heat: float, conductance: float, sink: float, step_s: float
) -> None:
    end, mean, out = _exchanging(start, heat, conductance, sink, step_s)
    stored_kw = CAPACITY * (end - start) / step_s
    scale = heat + abs(stored_kw) + CAPACITY / step_s + conductance
    assert out + stored_kw == pytest.approx(heat, abs=1e-9 * scale)
    assert out == pytest.approx(conductance * (mean - sink), abs=1e-9 * scale)
    if conductance > 1e-3:
        settled = sink + heat / conductance
        exact = settled + (start - settled) * math.exp(-conductance * step_s / CAPACITY)
        assert end == pytest.approx(exact, abs=1e-9 * (1.0 + abs(settled)))
        assert min(start, settled) - 1e-6 <= end <= max(start, settled) + 1e-6 * (1.0 + settled)


@settings(max_examples=40, deadline=None)
@given(start=temperatures, heat=heats, conductance=conductances, sink=temperatures)
def test_one_step_is_as_good_as_many(start: float, heat: float, conductance: float, sink: float) -> None:
    whole_end, whole_mean, _ = _exchanging(start, heat, conductance, sink, 3600.0)
    series = [np.full(60, values) for values in (heat, conductance, sink)]
    many = course_exchanging(LOOP, np.array(start), *series, 60.0)
    assert float(many.end_c[-1]) == pytest.approx(whole_end, rel=1e-9)
    assert float(many.mean_c.mean()) == pytest.approx(whole_mean, rel=1e-9)


@pytest.mark.parametrize("decays", [1e-9, 0.99e-3, 1.01e-3, 1.0, 700.0, 1e5])
def test_both_branches_agree_with_quadrature(decays: float) -> None:
    conductance = decays * CAPACITY / 900.0
    _, mean, _ = _exchanging(20.0, 0.0, conductance, 10.0, 900.0)
    assert mean - 10.0 == pytest.approx(10.0 * -math.expm1(-decays) / decays, rel=1e-9, abs=1e-12)


def _conserves(course: LoopCourse, start: Floats, heat: Floats, step_s: float) -> None:
    stored_kj = CAPACITY * (course.end_c[..., -1] - start)
    balance = ((heat - course.heat_out_kw) * step_s).sum(axis=-1) - stored_kj
    assert np.abs(balance).max() <= 1e-9 * (heat * step_s).sum(axis=-1).max()


@settings(max_examples=30, deadline=None)
@given(seed=seeds, step_s=steps_s)
def test_a_day_conserves_energy_to_a_billionth(seed: int, step_s: float) -> None:
    heat, other, sink = _random(seed)
    start = np.linspace(5, 30, 7)
    _conserves(course_exchanging(LOOP, start, heat, other, sink, step_s), start, heat, step_s)
    _conserves(course_held(LOOP, start, heat, 4.0 * other, sink, step_s), start, heat, step_s)


def test_setpoint_is_held_lost_and_won_back() -> None:
    heat = np.full(12, 800.0)
    able = np.array([1000.0] * 3 + [500.0] * 3 + [1000.0] * 6)
    course = course_held(LOOP, np.array(12.0), heat, able, np.array(12.0), 60.0)
    lost_k = 300.0 * 180.0 / CAPACITY
    assert course.end_c[2] == 12.0
    assert float(course.end_c[5]) == pytest.approx(12.0 + lost_k)
    assert float(course.end_c[-1]) == pytest.approx(12.0)
    assert course.heat_out_kw[:6].tolist() == [800.0] * 3 + [500.0] * 3
    assert course.heat_out_kw[6] == 1000.0


@settings(max_examples=60, deadline=None)
@given(start=temperatures, heat=heats, able=heats, wanted=temperatures, step_s=steps_s)
def test_machines_never_overshoot_nor_take_more_than_they_can(
    start: float, heat: float, able: float, wanted: float, step_s: float
) -> None:
    step = held(LOOP, *(np.array(values) for values in (start, heat, able, wanted)), step_s)
    assert 0 <= step.heat_out_kw <= able
    if step.heat_out_kw > 0:
        assert step.end_c >= wanted - 1e-6 * (1.0 + heat * step_s / CAPACITY)
    assert min(start, float(step.end_c)) <= step.mean_c <= max(start, float(step.end_c))


@settings(max_examples=30, deadline=None)
@given(seed=seeds, more=st.floats(0, 500))
def test_more_heat_or_a_warmer_sink_never_cools_the_loop(seed: int, more: float) -> None:
    heat, other, sink = _random(seed)
    start = np.full(7, 15.0)
    base = course_exchanging(LOOP, start, heat, other, sink, 900.0).end_c
    assert (course_exchanging(LOOP, start, heat + more, other, sink, 900.0).end_c >= base - 1e-9).all()
    assert (course_exchanging(LOOP, start, heat, other, sink + 0.01 * more, 900.0).end_c >= base - 1e-9).all()
    machines = course_held(LOOP, start, heat, 4.0 * other, sink, 900.0).end_c
    hotter = course_held(LOOP, start, heat + more, 4.0 * other, sink, 900.0).end_c
    assert (hotter >= machines - 1e-9).all()


def test_order_of_scenarios_and_shapes_do_not_matter() -> None:
    heat, other, sink = _random(3)
    start = np.linspace(5, 30, 7)
    course = course_exchanging(LOOP, start, heat, other, sink[0], 900.0)
    turned = course_exchanging(LOOP, start[::-1], heat[::-1], other[::-1], sink[0], 900.0)
    assert (course.end_c == turned.end_c[::-1]).all()
    assert course.end_c.shape == (7, 96)
    alone = course_exchanging(LOOP, start[2], heat[2], other[2], sink[0], 900.0)
    assert alone.end_c == pytest.approx(course.end_c[2], rel=1e-14)


def test_frozen_and_boiling_is_flagged() -> None:
    course = course_exchanging(LOOP, np.array([15.0, 15.0, 15.0]), *_steady([0.0, 5e4, 800.0]), 3600.0)
    assert course.outside[:, -1].tolist() == [True, True, False]
    assert np.isfinite(course.end_c).all()


def _steady(heat_kw: list[float]) -> tuple[Floats, Floats, Floats]:
    heat = np.array(heat_kw)[:, None] + np.zeros(24)
    return heat, np.full(24, 100.0), np.full(24, -5.0)
