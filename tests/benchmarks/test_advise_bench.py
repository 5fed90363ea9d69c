"""The table of advice: a row for everything it must reach, on plants whose truth is what it says it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import advise_loop
import bench_advise
import numpy as np
import pytest
from advise_loop import closed_loop
from advise_plant import HISTORY_D, STEP, TruePlant
from sheet import Sheet

from core.actions import Setpoint

if TYPE_CHECKING:
    from core.site import Site

SEED = 103
WATER = Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE


@pytest.fixture
def true(site: Site) -> TruePlant:
    return TruePlant(site, SEED)


def test_every_row_has_its_own_name_and_what_must_be_reached_has_a_bound() -> None:
    targets = tuple(bench_advise.targets())
    assert len({target.key for target in targets}) == len(targets)
    bound = {target.key: (target.sign, target.bound) for target in targets if target.sign}
    assert bound == {
        "lower_than_both": (">=", 10),
        "foresight_share": (">=", 0.6),
        "excursions": ("<=", 0),
        "covered_at_least": (">=", 0.75),
        "covered_at_most": ("<=", 0.85),
        "recommendations": (">=", 200),
        "verified_off": ("<=", 0.1),
        "verified_inside": (">=", 10),
        "plan_s": ("<=", 2.0),
        "plan_peak_mb": ("<=", 500.0),
        "year_s": ("<=", 300.0),
        "random_sites_run": (">=", 2000),
        "random_sites_with_excursion": ("<=", 0),
        "random_sites_tests_passed": (">=", 1),
        "state_machine_sequences": (">=", 100),
        "state_machine_tests_passed": (">=", 1),
        "fault_tests_passed": (">=", 1),
    }


def test_least_pue_wastes_power() -> None:
    sheet = Sheet(tuple(bench_advise.targets()))
    with sheet.part("pue"):
        bench_advise.least_pue(sheet)
    assert sheet.flat()["pue_waste_kw_ours"] > 0.5  # type: ignore[operator]  # a number


def test_a_plant_is_the_same_at_every_run_and_no_other_seeds(site: Site, true: TruePlant) -> None:
    again, other = TruePlant(true.site, SEED), TruePlant(site, SEED + 1)
    assert again.parameters == true.parameters != other.parameters
    steps = true.steps(0, 12)
    held = {s: np.full(12, 20.0 if s is not WATER else 9.0) for s in Setpoint}
    seen = true.sensed(steps, true.solve(steps, held)).stacked()
    assert (again.sensed(steps, again.solve(steps, held)).stacked() == seen).all()
    assert len(seen) == true.channels


def test_setpoints_are_reached_with_a_lag_and_the_first_law_holds(true: TruePlant) -> None:
    steps = true.steps(0, 60)
    held = {s: np.full(60, 22.0 if s is not WATER else 12.0) for s in Setpoint}
    reached = true.reached(held, {s: 20.0 if s is not WATER else 8.0 for s in Setpoint})
    assert 8.0 < reached[WATER][0] < 12.0
    assert reached[WATER][-1] == pytest.approx(12.0, abs=0.01)
    assert (np.diff(reached[WATER]) >= 0).all()
    state = true.solve(steps, reached)
    parts = state.it_kw + state.ups_loss_kw + state.pdu_loss_kw + state.cooling_kw + state.other_kw
    assert state.facility_kw == pytest.approx(parts)


def test_weather_forecasts_get_worse_with_the_hours(true: TruePlant) -> None:
    errors = []
    for day in range(5):
        issued = true.start_s + day * 86_400.0
        valid = issued + 3600.0 * np.array([1.0, 24.0])
        errors.append(true.forecast(issued, valid).dry_bulb_c - true.weather(valid).dry_bulb_c)
    near, far = np.abs(np.array(errors)).mean(axis=0)
    assert 0 < near < far


def test_hours_in_closed_loop_are_scored_by_the_truth(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = 12 * 12
    monkeypatch.setattr(advise_loop, "TICKS", ticks)
    found = closed_loop(site, 101)
    kwh = {name: outcome["facility_kwh"] for name, outcome in found["outcomes"].items()}
    assert kwh["foresight_free"] <= kwh["foresight"] < kwh["fixed"]
    assert kwh["advised"] < kwh["fixed"]
    assert all(outcome["excursion_ticks"] == 0 for outcome in found["outcomes"].values())
    assert len(found["moves"]) >= 3
    for move in found["moves"]:
        assert move["p10_kw"] <= move["p50_kw"] <= move["p90_kw"]
    stated = sum(move["p50_kw"] for move in found["moves"])
    true_kw = sum(move["true_kw"] for move in found["moves"])
    assert stated == pytest.approx(true_kw, rel=0.5)


def test_nothing_that_is_known_lies_ahead(site: Site) -> None:
    true = TruePlant(site, SEED)
    run = advise_loop.Simulation(true)
    history = run.history(HISTORY_D)
    assert history.end == true.start
    assert history.start == true.start - HISTORY_D * 288 * STEP
    known = advise_loop.Knowledge(true.site, run)
    load, weather = known.ahead(0, run.read())
    assert load.issued_at == true.start
    assert weather.wet_bulb_c.shape == (3, 96)
    truth = true.outside.load_kw[true.steps(0, 288, 3)]
    assert np.abs(load.it_kw[1] - truth).max() > 1.0, "a forecast that is right to the kilowatt has looked"
    assert (load.it_kw[0] <= load.it_kw[1]).all()
    assert (load.it_kw[1] <= load.it_kw[2]).all()
