"""A learned residual finds what is missing, and keeps still where it knows nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from measured import START, STEP, STEPS_PER_DAY, history

from twin.calibration import Calibration
from twin.fitting import residual
from twin.fitting.learn import learn_residual
from twin.network import Conditions, Parameters, PlantState, Setpoints
from twin.simulate import Twin, simulate

if TYPE_CHECKING:
    from core.site import Site
    from twin.history import History
    from twin.plant.curves import Flags, Floats

DAYS = 21
STEP_S = STEP.total_seconds()


@pytest.fixture(scope="module")
def design(site: Site) -> Parameters:
    return Parameters.from_design(site.plant)


def defrosting_kw(wet_bulb_c: Floats) -> Floats:
    """A load that the physics knows nothing of."""
    return 3.0 * np.maximum(wet_bulb_c - 6.0, 0.0)


@pytest.fixture(scope="module")
def plain(site: Site) -> History:
    return history(site, DAYS, truth={})


@pytest.fixture(scope="module")
def hidden(plain: History) -> History:
    """The same plant with the load on top, and inlets half a kelvin warmer at warm supply air."""
    warm = np.where(plain.supply_air_setpoint_c > 22.0, 0.5, 0.0)
    more = defrosting_kw(plain.wet_bulb_c)
    return replace(plain, facility_kw=plain.facility_kw + more, inlet_c=plain.inlet_c + warm)


@pytest.fixture(scope="module")
def learned(design: Parameters, hidden: History) -> residual.Residual:
    seen = hidden.unmetered(held_out(hidden))
    found, judged, _ = learn_residual(design, seen)
    assert found is not None
    assert judged["held_out_rmse_kw"] < 0.6 * judged["held_out_rmse_kw_physics"]
    return found


def held_out(measured: History) -> Flags:
    """Every fourth day."""
    return np.arange(len(measured)) // STEPS_PER_DAY % 4 == 3


def run(twin: Twin, measured: History) -> PlantState:
    return twin.run(measured.conditions(twin.parameters), measured.setpoints, STEP_S)


def test_it_finds_what_the_physics_lacks_on_days_that_it_has_not_seen(
    design: Parameters, hidden: History, learned: residual.Residual
) -> None:
    unseen = held_out(hidden)
    errors = {}
    for name, found in (("alone", None), ("learned", learned)):
        state = run(Twin(design, found), hidden)
        power = (state.facility_kw - hidden.facility_kw)[unseen]
        inlet = (state.inlet_c - hidden.inlet_c)[unseen]
        errors[name] = np.sqrt(np.mean(power**2)), np.sqrt(np.mean(inlet**2))
    assert errors["learned"][0] < 0.75 * errors["alone"][0]
    assert errors["learned"][1] < 0.75 * errors["alone"][1]


def test_nothing_is_learned_where_the_physics_is_right(design: Parameters, plain: History) -> None:
    found, judged, _ = learn_residual(design, plain)
    assert found is None
    assert judged["held_out_rmse_kw_physics"] < 3.0


def test_noise_does_not_earn_its_place(design: Parameters, plain: History) -> None:
    rng = np.random.default_rng(3)
    noisy = replace(plain, facility_kw=plain.facility_kw + rng.normal(0, 40.0, len(plain)))
    found, judged, _ = learn_residual(design, noisy)
    assert found is None
    assert judged["held_out_rmse_kw"] > 0.95 * judged["held_out_rmse_kw_physics"]


def test_the_first_law_and_the_breakdown_hold_with_it(
    design: Parameters, hidden: History, learned: residual.Residual
) -> None:
    state = run(Twin(design, learned), hidden)
    assert np.abs(state.learned_kw).max() > 1.0
    assert state.heat_rejected_kw + state.reused_kw + state.stored_kw == pytest.approx(state.facility_kw)
    assert state.breakdown(STEP_S).adds_up
    assert (state.cooling_kw >= 0).all()
    assert (state.power_ratio >= 1).all()


def test_it_is_off_outside_what_was_measured_and_fades_on_the_way(
    design: Parameters, learned: residual.Residual
) -> None:
    low, high = learned.hull["wet_bulb_c"]
    width = high - low
    wet = np.array([high, high + 0.05 * width, high + 0.11 * width, low - 5.0])
    conditions = Conditions(np.full(4, 650.0), wet + 3.0, wet)
    setpoints = Setpoints(22.5, 10.0, 23.0)
    inside = replace(learned, hull={**learned.hull, "dry_bulb_c": (-60.0, 60.0)})
    assert inside.trust(conditions, setpoints) == pytest.approx([1.0, 0.5, 0.0, 0.0])
    state = simulate(design, conditions, setpoints, STEP_S)
    corrected = inside.correct(state, conditions, setpoints, STEP_S)
    assert (corrected.learned_kw[2:] == 0).all()
    assert corrected.inlet_c[2:] == pytest.approx(state.inlet_c[2:])


def test_it_never_falls_with_load_or_wet_bulb(design: Parameters, learned: residual.Residual) -> None:
    """With the physics' own answer held, as far as the trees depend on load and wet bulb directly."""
    low, high = learned.hull["wet_bulb_c"]
    wet = np.linspace(low, high, 40)[:, None] * np.ones((1, 2))
    conditions, setpoints = Conditions(650.0 * np.ones((40, 2)), 15.0, wet), Setpoints(22.0, 10.0, 23.0)
    one = simulate(design, Conditions(650.0 * np.ones((40, 2)), 15.0, 8.0), setpoints, STEP_S)
    table = residual.features(one, conditions, setpoints, STEP_S)
    trees = residual.predicted(learned.cooling, table).reshape(40, 2)
    assert np.diff(trees, axis=0).min() >= -1e-9


def test_the_order_of_scenarios_makes_no_difference(
    design: Parameters, hidden: History, learned: residual.Residual
) -> None:
    day = hidden.part(slice(0, 96))
    conditions = day.conditions(design)
    supply = np.array([20.5, 21.5, 23.5])[:, None]
    twin = Twin(design, learned)
    runs = [
        twin.run(conditions, replace(day.setpoints, supply_air_temperature_c=s), STEP_S)
        for s in (supply, supply[::-1])
    ]
    assert np.array_equal(runs[0].facility_kw, runs[1].facility_kw[::-1])


def test_it_is_stored_with_its_calibration_and_comes_back(
    design: Parameters, hidden: History, learned: residual.Residual
) -> None:
    stored = residual.Residual.from_json(learned.to_json())
    before, after = (run(Twin(design, found), hidden) for found in (learned, stored))
    assert np.array_equal(before.facility_kw, after.facility_kw)
    calibration = Calibration(
        created_at=START,
        period_from=START,
        period_to=START,
        multipliers={},
        names=(),
        covariance=(),
        unidentified=(),
        errors={},
        envelope={},
        steps_used=1,
        steps_masked=0,
        residual=learned,
    )
    assert Calibration.from_json(calibration.to_json()) == calibration
