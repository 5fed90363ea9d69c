"""GPUs: a part of what three real V100s did fitted, the rest predicted; and what must hold for any."""

from __future__ import annotations

import gzip
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.plant.curves import Bounds, Floats
from twin.plant.gpu import GpuParameters, GpuState, die_temperature_c, growth_ratio, solve

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

H100: Final = GpuParameters(
    count=8,
    idle_w=75.0,
    busy_w=650.0,
    cap_bounds=Bounds(200.0, 700.0),
    resistance_k_per_w=0.05,
)
V100: Final = GpuParameters(
    count=1,
    idle_w=45.0,
    busy_w=250.0,
    cap_bounds=Bounds(150.0, 300.0),
    resistance_k_per_w=0.18,
)
TOP_MHZ: Final = 1380.0
"""Highest clock of the sweep."""
BOOST_MHZ: Final = 1530.0
COLUMNS: Final = ("t_s", "gpu_index", "power_w", "sm_clock_mhz", "temperature_c", "util_gpu")

uses = st.floats(0, 1)
coolants = st.floats(10, 50)
caps = st.floats(200, 700)
clocks = st.floats(0.25, 1)


def _telemetry(folder: Path, workload: str) -> dict[str, Floats]:
    """Columns of a run of 100 Hz telemetry without the few lines that two writers broke."""
    with gzip.open(folder / f"v100_E3_outer_loop_{workload}_telemetry.csv.gz", "rt") as file:
        header, *lines = file.readlines()
    whole = [line for line in lines if line.count(",") == header.count(",")]
    table = np.genfromtxt([header, *whole], delimiter=",", names=True, usecols=COLUMNS)
    columns = {name: table[name] for name in COLUMNS}
    working = columns["sm_clock_mhz"] == BOOST_MHZ
    return {**columns, "at_work": (columns["gpu_index"] == 0) & working & (columns["util_gpu"] > 0.99)}


@pytest.fixture(scope="module")
def telemetry(shared_data: Path) -> dict[str, dict[str, Floats]]:
    workloads = ("matmul_compute_bound", "inference_memory_bound", "bursty_alternating")
    return {workload: _telemetry(shared_data / "gpu", workload) for workload in workloads}


@pytest.fixture(scope="module")
def sweep(shared_data: Path) -> NDArray[np.void]:
    file = shared_data / "gpu" / "v100_E1_power_cap_sweep.csv"
    runs: NDArray[np.void] = np.genfromtxt(file, delimiter=",", names=True, dtype=None, encoding="utf-8")
    assert len(runs) == 36
    return runs


def test_leakage_seen_while_a_v100_warms_up_predicts_it_hot(telemetry: dict[str, dict[str, Floats]]) -> None:
    run = telemetry["matmul_compute_bound"]
    steady = (run["at_work"] > 0) & (run["power_w"] > 200.0)
    die, power = run["temperature_c"][steady], run["power_w"][steady]
    cold = die < 58.0
    slope, at_zero = np.polyfit(die[cold], power[cold], 1)
    busy = at_zero + slope * V100.reference_die_c
    fitted = replace(V100, busy_w=float(busy), leakage_per_k=float(slope / busy))
    predicted = fitted.busy_w * growth_ratio(fitted, die)
    assert die[~cold].max() - die[cold].mean() > 12
    assert 0.003 < fitted.leakage_per_k < 0.005
    deviation, without = (
        abs(float((values[~cold] / power[~cold]).mean()) - 1.0)
        for values in (predicted, np.full(die.shape, power[cold].mean()))
    )
    assert deviation < 0.01
    assert without > 0.03


def test_resistance_from_one_workload_predicts_the_die_under_others(
    telemetry: dict[str, dict[str, Floats]],
) -> None:
    def settled(workload: str) -> tuple[Floats, Floats]:
        run = telemetry[workload]
        late = (run["at_work"] > 0) & (run["t_s"] > 55.0) & (run["t_s"] < 64.0)
        assert late.sum() > 500
        return run["power_w"][late].mean(), run["temperature_c"][late].mean()

    run = telemetry["inference_memory_bound"]
    asleep = run["gpu_index"] == 1
    power, die = settled("inference_memory_bound")
    idle_w, idle_c = run["power_w"][asleep].mean(), run["temperature_c"][asleep].mean()
    resistance = float((die - idle_c) / (power - idle_w))
    board = replace(V100, resistance_k_per_w=resistance)
    coolant = np.array(idle_c - resistance * idle_w)
    assert 15 < coolant < 30
    for other in ("matmul_compute_bound", "bursty_alternating"):
        power, die = settled(other)
        assert float(die_temperature_c(board, coolant, power)) == pytest.approx(die, abs=2.5), other


def _fitted(runs: NDArray[np.void]) -> GpuParameters:
    """Busy power and clock exponent from two runs without a binding cap; idle from the sleeping boards' 41 W.

    Those sleep at 31 degC; the die's measured temperature is taken for the coolant's.
    """
    idle = 41.0 / float(growth_ratio(V100, np.array(31.0)))
    free = runs[(runs["pcap_w"] == 300)]
    use = free["util_gpu_mean"]
    growth = growth_ratio(V100, free["temp_mean_c"])
    kernels = (free["power_mean_w"] / growth - (1.0 - use) * idle) / use - idle
    top = float(kernels[free["sm_target_mhz"] == TOP_MHZ][0])
    low = float(kernels[free["sm_target_mhz"] == 405][0])
    exponent = np.log(top / low) / np.log(TOP_MHZ / 405)
    return replace(
        V100, idle_w=idle, busy_w=idle + top, clock_exponent=float(exponent), resistance_k_per_w=1e-6
    )


@pytest.mark.parametrize("workload", ["bursty_alternating", "inference_memory_bound", "matmul_compute_bound"])
def test_two_runs_of_a_v100_predict_ten_under_other_caps_and_clocks(
    sweep: NDArray[np.void], workload: str
) -> None:
    runs = sweep[sweep["workload"] == workload]
    board = _fitted(runs)
    state = solve(
        board,
        runs["util_gpu_mean"],
        runs["temp_mean_c"],
        runs["pcap_w"],
        runs["sm_target_mhz"] / TOP_MHZ,
    )
    assert 1.5 < board.clock_exponent < 2.0
    unseen = ~((runs["pcap_w"] == 300) & (runs["sm_target_mhz"] != 945))
    assert unseen.sum() == 10
    deviation = np.abs(state.board_w / runs["power_mean_w"] - 1.0)[unseen]
    assert deviation.mean() < 0.03
    assert deviation.max() < 0.1
    slowed = state.clock_ratio * TOP_MHZ
    capped = runs["sm_mean_mhz"] < runs["sm_target_mhz"] - 1.0
    assert state.capped.tolist() == capped.tolist()
    assert slowed[capped] == pytest.approx(runs["sm_mean_mhz"][capped], rel=0.1)
    held = np.abs(state.board_w / runs["power_mean_w"] - 1.0)[capped]
    assert held.max() < 0.025


def _at(
    parameters: GpuParameters,
    use: Floats | float,
    coolant: Floats | float,
    cap: Floats | float,
    clock: Floats | float = 1.0,
) -> GpuState:
    return solve(parameters, *(np.asarray(values) for values in (use, coolant, cap, clock)))


@settings(max_examples=150, deadline=None)
@given(use=uses, coolant=coolants, cap=caps, clock=clocks)
def test_power_and_temperature_agree(use: float, coolant: float, cap: float, clock: float) -> None:
    state = _at(H100, use, coolant, cap, clock)
    assert all(np.isfinite(values) for values in state)
    growth = float(growth_ratio(H100, state.die_c))
    kernels = (H100.busy_w - H100.idle_w) * float(state.clock_ratio) ** H100.clock_exponent
    running = (H100.idle_w + kernels) * growth
    mean = (1 - use) * H100.idle_w * growth + use * running
    if use > 1e-6:
        assert float(state.board_w) == pytest.approx(mean, rel=1e-6)
    assert float(state.power_kw) * 1e3 == pytest.approx(8 * float(state.board_w))
    assert float(state.die_c) == pytest.approx(coolant + 0.05 * float(state.board_w))
    assert running <= cap * (1 + 1e-6) or use <= 1e-6
    assert state.die_c <= H100.die_max_c + 1e-6
    spared = float(state.power_kw - state.leakage_kw) * 1e3 / 8
    assert H100.idle_w * (1 - 1e-9) <= spared <= H100.busy_w * (1 + 1e-9)


@settings(max_examples=60, deadline=None)
@given(use=uses, coolant=coolants, cap=caps, clock=clocks)
def test_more_work_cap_or_clock_never_needs_less(
    use: float, coolant: float, cap: float, clock: float
) -> None:
    for state in (
        _at(H100, np.linspace(0, 1, 101), coolant, cap, clock),
        _at(H100, use, coolant, np.linspace(200, 700, 101), clock),
        _at(H100, use, coolant, cap, np.linspace(0.25, 1, 101)),
    ):
        assert np.diff(state.power_kw).min() >= -1e-12
        assert np.diff(state.die_c).min() >= -1e-9


@settings(max_examples=60, deadline=None)
@given(use=uses, cap=caps, clock=clocks)
def test_warmer_coolant_costs_power_until_the_die_slows_the_board(
    use: float, cap: float, clock: float
) -> None:
    state = _at(H100, use, np.linspace(10, 60, 101), cap, clock)
    hot = state.die_c > H100.die_max_c - 1e-6
    assert np.diff(state.power_kw[~hot]).min(initial=0.0) >= -1e-12
    assert np.diff(state.clock_ratio).max() <= 1e-9
    assert np.diff(state.die_c).min() >= -1e-9


def test_idle_group_draws_its_idle_power_and_none_draws_none() -> None:
    cool = float(np.asarray(60.0) - 0.05 * 75.0)
    state = _at(H100, 0.0, cool, 700.0)
    assert float(state.power_kw) == pytest.approx(0.6)
    assert float(state.leakage_kw) == pytest.approx(0.0, abs=1e-12)
    assert not state.capped
    assert _at(replace(H100, count=0), 1.0, 30.0, 700.0).power_kw == 0


def test_outside_its_bounds_is_flagged() -> None:
    use, coolant = np.array([0.5, 1.2, 0.5, 0.5, 0.5]), np.array([30.0, 30.0, 60.0, 30.0, 30.0])
    cap, clock = np.array([700.0, 700.0, 700.0, 100.0, 700.0]), np.array([1.0, 1.0, 1.0, 1.0, 0.1])
    assert solve(H100, use, coolant, cap, clock).outside.tolist() == [False, True, True, True, True]
    crawling = _at(replace(H100, cap_bounds=Bounds(100.0, 700.0)), 1.0, 50.0, 100.0)
    assert crawling.clock_ratio < 0.25
    assert crawling.outside
    sizzling = _at(H100, 1.0, 90.0, 700.0)
    assert sizzling.outside
    assert sizzling.die_c > H100.die_max_c
