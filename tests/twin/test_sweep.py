"""Sweeps: what is best and what is allowed; neither order nor blocks nor who does the work matter."""

from __future__ import annotations

import itertools
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from measured import STEPS_PER_DAY, history

from core.actions import Setpoint
from core.errors import InputError, NotReadyError, ServiceError
from twin.calibrate import Calibration, calibrate
from twin.network import BREAKDOWN, Setpoints, solve
from twin.scenario import HOURS_PER_DAY
from twin.sweep import SCENARIOS_MAX, Grid, Sweep, _Block, _period, check_versions, sweep, workers

if TYPE_CHECKING:
    from core.site import Site
    from twin.history import History

SUPPLY, CHILLED, CONDENSER = Setpoint
NIGHT_KW = tuple(50.0 if hour == 3 else -50.0 if hour == 15 else 0.0 for hour in range(HOURS_PER_DAY))


@pytest.fixture(scope="module")
def measured(site: Site) -> History:
    return history(site, 8)


@pytest.fixture(scope="module")
def calibration(site: Site, measured: History) -> Calibration:
    return calibrate(site, measured)


@pytest.fixture(scope="module")
def day(measured: History) -> History:
    return measured.part(slice(0, STEPS_PER_DAY))


def table(found: Sweep) -> np.ndarray:
    """Everything in the table, one line a scenario."""
    columns = [*found.setpoints_c.values(), found.shift, *found.figures.values(), found.feasible]
    return np.column_stack(columns)


def ask(site: Site, day: History, calibration: Calibration, grid: Grid, block: int = 0) -> Sweep:
    with workers() as threads:
        return sweep(site, day, calibration, grid, threads, block=block)


def axis(low: float, high: float) -> st.SearchStrategy[tuple[float, ...]]:
    return st.lists(st.floats(low, high), min_size=1, max_size=4, unique=True).map(tuple)


GRIDS = st.fixed_dictionaries(
    {}, optional={SUPPLY: axis(14, 32), CHILLED: axis(4, 24), CONDENSER: axis(12, 38)}
)


@settings(max_examples=25, deadline=None)
@given(axes=GRIDS, block=st.integers(1, 70), load=st.floats(0.3, 2.2))
def test_blocks_make_no_difference_to_the_last_bit(
    site: Site, day: History, calibration: Calibration, axes: dict, block: int, load: float
) -> None:
    hard = replace(day, it_kw=day.it_kw * load)
    grid = Grid(axes, ((), NIGHT_KW))
    whole = ask(site, hard, calibration, grid, len(grid))
    assert table(whole).tobytes() == table(ask(site, hard, calibration, grid, block)).tobytes()


@settings(max_examples=15, deadline=None)
@given(axes=GRIDS, data=st.data())
def test_the_order_of_scenarios_makes_no_difference(
    site: Site, day: History, calibration: Calibration, axes: dict, data: st.DataObject
) -> None:
    other = {name: tuple(data.draw(st.permutations(values))) for name, values in axes.items()}
    found = ask(site, day, calibration, Grid(axes), 7)
    assert table(found).tobytes() == table(ask(site, day, calibration, Grid(other), 7)).tobytes()


def test_a_line_is_what_the_twin_says_of_that_scenario(
    site: Site, day: History, calibration: Calibration
) -> None:
    found = ask(site, day, calibration, Grid({SUPPLY: (21.0, 23.0), CHILLED: (9.0, 12.0)}))
    parameters = calibration.parameters(site.plant)
    for i in range(len(found)):
        held = {name: float(found.setpoints_c[name][i]) for name in (SUPPLY, CHILLED)}
        setpoints: Setpoints = day.setpoints.replace(held)
        state = solve(parameters, day.conditions(parameters), setpoints)
        for name in (*BREAKDOWN, "facility_kw"):
            assert found.figures[f"{name}h"][i] == pytest.approx(getattr(state, name).sum() / 4)
        indicators = state.indicators()
        assert found.figures["pue"][i] == pytest.approx(indicators["pue"])
        assert found.figures["tue"][i] == pytest.approx(indicators["tue"])
        assert found.figures["inlet_max_c"][i] == pytest.approx(state.inlet_c.max())
    assert np.isnan(found.setpoints_c[CONDENSER]).all()
    parts = sum(found.figures[f"{name}h"] for name in BREAKDOWN)
    assert parts == pytest.approx(found.figures["facility_kwh"])


def test_feasible_first_then_by_facility_energy(site: Site, day: History, calibration: Calibration) -> None:
    found = ask(
        site, day, calibration, Grid({SUPPLY: (18.0, 21.0, 23.0, 25.5), CHILLED: (9.0, 11.0, 12.5, 15.0)})
    )
    energy, count = found.figures["facility_kwh"], int(found.feasible.sum())
    assert 0 < count < len(found)
    assert found.feasible[:count].all()
    assert (np.diff(energy[:count]) >= 0).all()
    assert (np.diff(energy[count:]) >= 0).all()
    allowed = found.figures["inlet_max_c"] <= found.inlet_limit_c
    inside = found.figures["outside_ratio"] == 0
    assert (found.feasible <= (allowed & inside)).all()
    assert found.inlet_limit_c <= site.limits.envelope.recommended_high_c - site.limits.margin_k


@pytest.mark.parametrize(
    ("what", "axes"),
    [
        ("a hot inlet", {SUPPLY: (25.9,)}),
        ("beyond the calibration", {CHILLED: (15.5,)}),
        ("beyond the site's range", {CHILLED: (18.0,)}),
    ],
)
def test_what_is_not_allowed(
    site: Site, day: History, calibration: Calibration, what: str, axes: dict[Setpoint, tuple[float, ...]]
) -> None:
    assert not ask(site, day, calibration, Grid(axes)).feasible.any(), what
    assert ask(site, day, calibration, Grid({SUPPLY: (22.0,)})).feasible.all()


def test_unmet_heat_is_never_feasible(site: Site, day: History, calibration: Calibration) -> None:
    hard = replace(day, it_kw=day.it_kw * 2.2, facility_kw=day.facility_kw * 2.2)
    found = ask(site, hard, calibration, Grid({SUPPLY: (20.0,), CHILLED: (8.0, 12.0)}))
    assert (found.figures["unmet_kwh"] > 0).all()
    assert not found.feasible.any()


def test_weather_outside_the_envelope_is_no_scenarios_fault(
    site: Site, day: History, calibration: Calibration
) -> None:
    cold = replace(day, dry_bulb_c=day.dry_bulb_c - 20)
    found = ask(site, cold, calibration, Grid({SUPPLY: (21.0, 22.0), CHILLED: (11.0, 15.5)}))
    assert (found.figures["outside_ratio"] == 1).all()
    assert found.reference["outside_ratio"] == 1
    assert (found.feasible == (found.setpoints_c[CHILLED] == 11.0)).all()


def test_least_pue_is_not_least_energy_where_server_fans_decide(
    site: Site, day: History, calibration: Calibration
) -> None:
    """On a hot day: warmer air spares the chiller, and the fans that it speeds up count as IT."""
    hot = replace(day, dry_bulb_c=day.dry_bulb_c + 15, wet_bulb_c=day.wet_bulb_c + 15)
    found = ask(site, hot, calibration, Grid({SUPPLY: tuple(np.linspace(18, 27, 19)), CHILLED: (16.0,)}))
    marked = {mark: i for i, marks in found.marks.items() for mark in marks}
    energy, ratio = marked["least energy, limits aside"], marked["least PUE, limits aside"]
    figures = found.figures
    assert figures["pue"][ratio] < figures["pue"][energy]
    assert figures["facility_kwh"][ratio] > 1.005 * figures["facility_kwh"][energy]
    assert figures["it_kwh"][ratio] > figures["it_kwh"][energy]
    assert figures["tue"][ratio] > figures["tue"][energy], "TUE counts server fans as overhead"
    assert found.setpoints_c[SUPPLY][ratio] > found.setpoints_c[SUPPLY][energy]


def test_they_differ_inside_the_limits_too_and_the_front_has_both(
    site: Site, day: History, calibration: Calibration
) -> None:
    found = ask(site, day, calibration, Grid({SUPPLY: tuple(np.linspace(20, 24, 21)), CHILLED: (12.4,)}))
    marked = {mark: i for i, marks in found.marks.items() for mark in marks}
    energy, ratio = marked["least energy"], marked["least PUE"]
    assert energy == 0
    assert ratio > 0
    assert found.pareto[[energy, ratio]].all()
    front = np.flatnonzero(found.pareto)
    for i, j in itertools.combinations(front, 2):
        assert found.figures["facility_kwh"][i] <= found.figures["facility_kwh"][j]
        assert found.figures["pue"][i] > found.figures["pue"][j]


def test_shifted_load_is_an_axis(site: Site, day: History, calibration: Calibration) -> None:
    found = ask(site, day, calibration, Grid({}, ((), NIGHT_KW)))
    assert sorted(found.shift) == [0, 1]
    as_is, moved = (int(np.flatnonzero(found.shift == i)[0]) for i in (0, 1))
    assert found.figures["facility_kwh"][as_is] == found.reference["facility_kwh"]
    assert found.figures["it_kwh"][moved] == pytest.approx(found.figures["it_kwh"][as_is], rel=1e-3)
    assert found.figures["facility_kwh"][moved] != found.figures["facility_kwh"][as_is]


def test_gaps_are_left_out_and_said(site: Site, day: History, calibration: Calibration) -> None:
    facility = day.facility_kw.copy()
    facility[24:] = np.nan
    grid = Grid({SUPPLY: (21.0,)}, (NIGHT_KW,))
    found = ask(site, replace(day, facility_kw=facility), calibration, grid)
    assert found.complete_ratio == 0.25
    quarter = ask(site, day.part(slice(0, 24)), calibration, grid)
    assert found.figures["facility_kwh"] == pytest.approx(quarter.figures["facility_kwh"])
    with pytest.raises(NotReadyError, match="measured completely"):
        ask(site, replace(day, facility_kw=facility * np.nan), calibration, grid)


def test_what_is_sent_is_small_and_another_process_says_the_same(
    site: Site, day: History, calibration: Calibration
) -> None:
    grid = Grid({SUPPLY: tuple(np.linspace(18, 26, 40)), CHILLED: tuple(np.linspace(6, 16, 5))})
    block = _Block(_period(site, day, calibration, grid)[0], *grid.scenarios())
    assert len(pickle.dumps(block)) < 32_768
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as processes:
        far = sweep(site, day, calibration, grid, processes, block=64)
    assert table(far).tobytes() == table(ask(site, day, calibration, grid)).tobytes()


def test_progress_ends_with_all_of_them(site: Site, day: History, calibration: Calibration) -> None:
    told: list[tuple[int, int]] = []
    grid = Grid({SUPPLY: tuple(np.linspace(20, 24, 10))})
    with workers() as threads:
        sweep(site, day, calibration, grid, threads, block=4, report=lambda *done: told.append(done))
    assert told == [(4, 10), (8, 10), (10, 10)]


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        ({SUPPLY: (float("nan"),)}, "found nan"),
        ({CHILLED: (8.0, 99.0)}, "found 99"),
        ({CONDENSER: (-3.0,)}, "found -3"),
        ({SUPPLY: ()}, "found 0 scenarios"),
        ({SUPPLY: (20.0,) * 1000, CHILLED: (9.0,) * (SCENARIOS_MAX // 1000 + 1)}, "scenarios"),
    ],
)
def test_grids_that_make_no_sense(axes: dict[Setpoint, tuple[float, ...]], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Grid(axes)


def test_workers_with_another_version_are_refused() -> None:
    here = version("joulecast")
    check_versions({"tcp://127.0.0.1:1": here})
    with pytest.raises(ServiceError, match=r"127.0.0.1:2 has Joulecast 0.0.0"):
        check_versions({"tcp://127.0.0.1:1": here, "tcp://127.0.0.1:2": "0.0.0"})


def test_errors_of_a_cluster_are_one_sentence() -> None:
    pytest.importorskip("distributed")
    with pytest.raises(InputError, match="--dask"), workers("nonsense://"):
        pass
    with pytest.raises(ServiceError, match="no Dask scheduler answers"), workers("tcp://127.0.0.1:9"):
        pass
