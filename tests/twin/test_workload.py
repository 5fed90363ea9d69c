"""IT power by workload: what must hold for any, and on real machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError
from twin.plant.workload import Workload, WorkloadParameters, it_power_kw, outside

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CPU: Final = WorkloadParameters.from_idle_and_peak(90.0, 280.0, concave_ratio=0.4)
utilisations = st.lists(st.floats(0, 1), min_size=1, max_size=40)


def _workload(each: Sequence[float], tasks: float = 0.0) -> Workload:
    return Workload(
        np.array(float(len(each))), np.array(sum(each)), np.array(tasks), np.array(np.sqrt(each).sum())
    )


@pytest.mark.parametrize(("utilisation", "watts"), [(0.0, 90.0), (1.0, 280.0), (0.25, 90 + 114 / 4 + 76 / 2)])
def test_power_is_idle_peak_and_concave_between(utilisation: float, watts: float) -> None:
    assert float(it_power_kw(CPU, _workload([utilisation] * 8))) * 1e3 == pytest.approx(8 * watts)


@settings(max_examples=100, deadline=None)
@given(each=utilisations, more=st.floats(0, 1), tasks=st.floats(0, 1e4))
def test_more_work_never_needs_less_and_real_work_is_never_flagged(
    each: list[float], more: float, tasks: float
) -> None:
    parameters = WorkloadParameters(90.0, 100.0, 0.5, 76.0)
    workload = _workload(each, tasks)
    busier = _workload([u + (1 - u) * more for u in each], tasks + 1)
    power = it_power_kw(parameters, workload)
    assert np.isfinite(power)
    assert power >= 0.09 * len(each)
    assert it_power_kw(parameters, busier) > power
    assert not outside(workload)
    assert not outside(busier)


@settings(max_examples=60, deadline=None)
@given(each=utilisations)
def test_idle_and_peak_bound_any_utilisation(each: list[float]) -> None:
    power = float(it_power_kw(CPU, _workload(each))) / len(each) * 1e3
    assert 90.0 - 1e-9 <= power <= 280.0 + 1e-9


def test_nothing_on_draws_nothing() -> None:
    nothing = Workload(*(np.zeros(3),) * 4)
    assert it_power_kw(CPU, nothing).tolist() == [0, 0, 0]
    assert not outside(nothing).any()


def test_what_cannot_be_is_flagged() -> None:
    on, total = np.array([4.0, 4.0, 4.0, 4.0, 0.0, 4.0]), np.array([1.0, 5.0, -1.0, 1.0, 1.0, 1.0])
    tasks, roots = np.array([0.0, 0, 0, 0, 0, -1]), np.array([1.5, 5.0, 0.0, 0.9, 1.0, 1.5])
    assert outside(Workload(on, total, tasks, roots)).tolist() == [False, True, True, True, True, True]
    assert outside(Workload(np.array(4.0), np.array(1.0), np.array(0.0), np.array(2.1)))


@pytest.mark.parametrize(
    ("idle", "peak", "share"), [(280.0, 90.0, 0.0), (-1.0, 90.0, 0.0), (90.0, 280.0, 1.5)]
)
def test_impossible_data_sheet_is_refused(idle: float, peak: float, share: float) -> None:
    with pytest.raises(InputError, match="machine's power by workload: found idle"):
        WorkloadParameters.from_idle_and_peak(idle, peak, share)


def test_its_form_fits_a_real_service_better_than_utilisation_alone(shared_data: Path) -> None:
    # 7 days of the Dutch national compute service: fitted on the first five days, judged on the last two
    file = shared_data / "telemetry" / "surf_it_power_30s_2022-10.csv.gz"
    columns = np.genfromtxt(
        file,
        delimiter=",",
        names=True,
        usecols=("power_draw", "active_tasks", "sum_sqrt_util", "utilisation"),
    )[::10]
    hosts = np.full(len(columns), 277.0)
    total = columns["utilisation"] * hosts
    workload = Workload(hosts, total, columns["active_tasks"], columns["sum_sqrt_util"])
    assert not outside(workload).any()
    known = np.arange(len(columns)) < len(columns) * 5 // 7

    def error(names: int) -> float:
        terms = np.column_stack((hosts, total, columns["active_tasks"], columns["sum_sqrt_util"]))[:, :names]
        found = np.linalg.lstsq(terms[known], columns["power_draw"][known], rcond=None)[0]
        fitted = WorkloadParameters(*(float(value) for value in found))
        power = it_power_kw(fitted, workload) * 1e3
        return float(np.abs(power / columns["power_draw"] - 1.0)[~known].mean())

    assert error(4) < error(2) < 0.1
