"""A habit of the plant that no multiplier explains is learned, kept small, and said; else nothing is."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from measured import STEPS_PER_DAY, history, store

from core import db
from core.actions import Setpoint
from twin.calibrate import Calibration, calibrate, latest, load_points, save
from twin.compare import compare
from twin.fitting import residual
from twin.fitting.learn import left_out, told
from twin.scenario import Scenario
from twin.state import kind
from twin.validate import validate

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.site import Site
    from twin.fitting.residual import Residual
    from twin.history import History

DAYS = 10
HABIT_KW = 30.0


def with_habit(site: Site) -> History:
    """A plant whose chillers draw more every afternoon, for no reason that physics knows."""
    plain = history(site, DAYS)
    more = HABIT_KW * np.maximum(np.sin(2 * np.pi * np.arange(len(plain)) / STEPS_PER_DAY), 0.0)
    return replace(plain, facility_kw=plain.facility_kw + more, chiller_kw=plain.chiller_kw + more)


@pytest.fixture(scope="module")
def measured(site: Site) -> History:
    return with_habit(site)


@pytest.fixture(scope="module")
def calibration(site: Site, measured: History) -> Calibration:
    return calibrate(site, measured)


def learned(calibration: Calibration) -> Residual:
    assert calibration.residual is not None
    return calibration.residual


def test_it_is_nearer_on_what_it_has_not_seen_and_says_so(calibration: Calibration) -> None:
    with_it, without = (
        calibration.residual_judged[k] for k in ("held_out_rmse_kw", "held_out_rmse_kw_physics")
    )
    assert with_it < 0.5 * without
    physics, both = (
        found["facility_kw"].cv_rmse_ratio for found in (calibration.errors, calibration.errors_in_use)
    )
    assert both < physics
    said = told(calibration)
    for words in (
        f"{with_it:.1f} kW with it",
        f"{without:.1f} kW without",
        "advice (search and gates) the physics alone",
    ):
        assert words in said
    assert left_out(calibration) == ""


def test_packed_trees_answer_as_those_that_lightgbm_writes(calibration: Calibration) -> None:
    import lightgbm  # noqa: PLC0415  # only here

    rng = np.random.default_rng(3)
    table, off = rng.normal(20.0, 10.0, (600, len(residual.names()))), rng.normal(0.0, 5.0, 600)
    data = lightgbm.Dataset(table, off)
    trees = lightgbm.train(residual.TREE_OPTIONS, data, 50).model_to_string()
    packed = residual.packed(trees)
    assert 2 * len(packed) < len(trees)
    assert (residual.predicted(packed, table) == residual.predicted(trees, table)).all()
    assert len(learned(calibration).cooling) < 300_000


def test_stored_it_answers_the_same_and_so_do_rows_that_held_it_as_it_was(
    dsn: str, site: Site, measured: History, calibration: Calibration
) -> None:
    with db.connect(dsn) as conn:
        number = save(conn, site, calibration)
        assert latest(conn, site) == replace(calibration, calibration_id=number)
        was = calibration.to_json()
        trees = residual.unpacked(learned(calibration).cooling)
        was["residual"]["cooling"] = trees
        old = Calibration.from_json(json.loads(json.dumps(was)))
    conditions, step_s = measured.conditions(old.parameters(site.plant)), measured.step.total_seconds()
    states = [
        found.twin(site.plant).run(conditions, measured.setpoints, step_s) for found in (calibration, old)
    ]
    assert states[0].learned_kw.any()
    assert (states[0].learned_kw == states[1].learned_kw).all()


def test_numbers_with_a_learned_part_are_marked(
    site: Site, measured: History, calibration: Calibration
) -> None:
    day = measured.part(slice(0, STEPS_PER_DAY))
    found = compare(site, day, calibration, Scenario("nothing else"))
    assert found.learned
    assert found.shows("learned_kw")
    assert not any(found.shows(name) for name in ("evaporative_kw", "liquid_pump_kw", "basin_heater_kw"))
    alone = compare(site, day, replace(calibration, residual=None), None)
    assert not alone.learned
    assert not alone.shows("learned_kw")
    assert alone.as_operated_kwh["facility_kw"] != found.as_operated_kwh["facility_kw"]
    assert kind("pue", learned=True) == kind("facility_kw", learned=True) == "modelled + learned"
    assert kind("chiller_kw", learned=True) == kind("facility_kw", learned=False) == "modelled"
    hours = validate(site, calibration, measured, measured.start, "all of it").to_json()
    kinds = {row["quantity"]: row["kind"] for row in hours["rows"]}
    assert kinds["facility_kw"] == "modelled + learned"
    assert kinds["chiller_kw"] == "modelled"


def test_what_is_learned_is_no_saving_where_the_alternative_is_beyond_it(
    site: Site, measured: History, calibration: Calibration
) -> None:
    day, beyond = measured.part(slice(0, STEPS_PER_DAY)), {Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE: 15.0}
    both, physics = (
        compare(site, day, found, Scenario("beyond", beyond))
        for found in (calibration, replace(calibration, residual=None))
    )
    assert both.outside_ratio == 1
    assert abs(both.as_operated_kwh["learned_kw"]) > 1
    assert both.difference_kwh["learned_kw"] == pytest.approx(0.0, abs=1e-9)
    assert both.difference_kwh["facility_kw"] == pytest.approx(physics.difference_kwh["facility_kw"])


@pytest.mark.parametrize("break_it", [lambda text: text[:40], lambda _: residual.packed("tree\nnonsense")])
def test_trees_that_cannot_be_read_are_left_out(
    site: Site, measured: History, calibration: Calibration, break_it: Callable[[str], str]
) -> None:
    broken = replace(learned(calibration), cooling=break_it(learned(calibration).cooling))
    found = replace(calibration, residual=broken)
    assert "left out here: its trees cannot be read" in told(found)
    assert found.twin(site.plant).residual is None
    assert found.errors_in_use == calibration.errors
    day = compare(site, measured.part(slice(0, STEPS_PER_DAY)), found, None)
    assert not day.learned
    assert day.left_out == left_out(found) != ""


def test_where_nothing_is_learned_it_says_why(site: Site, calibration: Calibration) -> None:
    good = calibrate(site, history(site, DAYS))
    assert good.residual is None
    assert "of what the IT does not draw" in told(good)
    short = calibrate(site, with_habit(site).part(slice(0, 5 * STEPS_PER_DAY)))
    assert short.residual is None
    assert "480 steps" not in told(short)
    assert "it takes 500" in told(short)
    bare = replace(calibration, residual=None)
    assert "gains too little" in told(bare)
    assert told(replace(bare, residual_judged={})) == "nothing was learned on top of the physics"
    assert told(replace(bare, residual_obstacle="no such library")).endswith(": no such library")


def test_a_history_without_one_whole_hour_teaches_nothing(
    dsn: str, site: Site, measured: History, calibration: Calibration
) -> None:
    gaps = measured.facility_kw.copy()
    gaps[::4] = np.nan
    found = calibrate(site, replace(measured, facility_kw=gaps))
    assert found.residual is None
    assert np.isfinite(list(found.residual_judged.values())).all()
    with db.connect(dsn) as conn:
        store(conn, site, measured.part(slice(0, 4)))
        assert (
            len(load_points(conn, site, measured.start, measured.start + 4 * measured.step, measured.step))
            == 4
        )
        assert save(conn, site, found)
    assert calibration.residual is not None
