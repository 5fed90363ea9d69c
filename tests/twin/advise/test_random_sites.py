"""2,000 random sites, states and forecasts: what the gates accept breaks no limit on the plant as it is.

The true plant is drawn from the calibration's own covariance, and from the priors of what it does not know;
the measurements of the moment come from it. The twin knows neither.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import joulecast
from core.actions import Setpoint
from core.site import Site, load_site
from twin.advise import brief, outlook, safety
from twin.advise.brief import Brief, Fitted
from twin.advise.evidence import DataQuality, Motion
from twin.advise.observe import Observation
from twin.advise.search import FOULED, WORST, Candidate, run
from twin.calibration import Calibration, MeterError
from twin.network import Conditions, Parameters, Setpoints, solve

if TYPE_CHECKING:
    from collections.abc import Callable

DEMO: Final = load_site(Path(joulecast.__file__).parent / "demo" / "site.toml")
NOW: Final = datetime(2026, 5, 4, 8, tzinfo=UTC)
STEPS: Final = 16
ROUNDING_K: Final = 1e-6
FOULED_HERE: Final = 0.95
"""The coils' conductance when units are lost, over what it is with all of them [1]."""
LOST_MORE_K: Final = 1.0
"""An inlet that is over its limit anyway when units are lost is not to be so by more than a step."""
IDENTIFIED: Final = {
    "chiller_power": 0.05,
    "crah_fan": 0.04,
    "pump": 0.06,
    "tower_fan": 0.08,
    "recirculation": 0.06,
    "server_airflow": 0.03,
    "coil_ua": 0.03,
}
"""Multipliers with their standard errors at most."""
UNIDENTIFIED: Final = ("leakage", "tower_approach", "economizer", "other_load")

sites = st.fixed_dictionaries(
    {
        "it_design_kw": st.sampled_from([200.0, 600.0, 1000.0, 3000.0]),
        "crah_spare": st.integers(0, 2),
        "chillers": st.integers(1, 4),
        "spare_chiller": st.booleans(),
        "economizer": st.booleans(),
        "thermal_class": st.sampled_from(["A1", "A2", "H1"]),
        "margin_k": st.sampled_from([1.0, 1.5]),
    }
)
states = st.fixed_dictionaries(
    {
        "load_ratio": st.floats(0.15, 0.95),
        "wet_bulb_c": st.floats(-5, 25),
        "dry_above_k": st.floats(0, 12),
        "growth_ratio": st.floats(-0.15, 0.15),
        "warming_k": st.floats(-3, 5),
        "load_spread_ratio": st.floats(0.01, 0.1),
        "supply_air_c": st.floats(18, 26),
        "chilled_water_c": st.floats(6, 14),
        "condenser_water_c": st.floats(16, 30),
        "certainty": st.floats(0.2, 1.0),
        "seed": st.integers(0, 10_000),
    }
)


def make_site(drawn: dict[str, Any]) -> Site:
    """A plant of that size, with or without spare units."""
    it_kw, chillers = drawn["it_design_kw"], drawn["chillers"]
    needed = max(chillers - drawn["spare_chiller"], 1)
    crahs = 3 + drawn["crah_spare"]
    plant = DEMO.plant.model_copy(
        update={
            "it_design_kw": it_kw,
            "ups_rated_kw": 1.25 * it_kw,
            "crah_count": crahs,
            "crah_airflow_m3s": 0.08 * it_kw / 3,
            "crah_fan_kw": 0.06 * it_kw / 3,
            "chiller_count": chillers,
            "chiller_capacity_kw": 1.25 * it_kw / needed,
            "tower_fan_kw": 0.012 * it_kw,
            "chilled_water_pump_kw": 0.014 * it_kw,
            "condenser_water_pump_kw": 0.012 * it_kw,
            "has_waterside_economizer": drawn["economizer"],
        }
    )
    limits = DEMO.limits.model_copy(
        update={"thermal_class": drawn["thermal_class"], "margin_k": drawn["margin_k"]}
    )
    return DEMO.model_copy(update={"plant": plant, "limits": limits})


def calibration_of(site: Site, setpoints: dict[Setpoint, float], certainty: float) -> Calibration:
    """What some weeks of history say: a degree or two of each setpoint tried."""
    names = tuple(IDENTIFIED)
    covariance = np.diag([(sd * certainty) ** 2 for sd in IDENTIFIED.values()])
    envelope = {f"{s.value}_c": (value - 1.5, value + 1.5) for s, value in setpoints.items()}
    design_kw = site.plant.it_design_kw
    return Calibration(
        NOW, NOW, NOW, dict.fromkeys(names, 1.0), names,
        tuple(tuple(float(v) for v in row) for row in covariance),
        tuple(n for n in UNIDENTIFIED if n in Parameters.from_design(site.plant).adjustable),
        {
            "facility_kw": MeterError(0.0, 0.01, 0.02 * design_kw, design_kw),
            "inlet_c": MeterError(0.0, 0.01, 0.5, 24.0),
        },
        {
            "it_reference_kw": (0.0, 1.2 * design_kw), "dry_bulb_c": (-20.0, 45.0),
            "wet_bulb_c": (-20.0, 32.0), **envelope,
        },
        1000, 0, calibration_id=1,
    )  # fmt: skip


def brief_of(site: Site, state: dict[str, Any]) -> tuple[Brief, Parameters]:
    """What is known, and the plant as it is."""
    held = {
        Setpoint.SUPPLY_AIR_TEMPERATURE: state["supply_air_c"],
        Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE: state["chilled_water_c"],
        Setpoint.CONDENSER_WATER_SUPPLY_TEMPERATURE: state["condenser_water_c"],
    }
    fitted = calibration_of(site, held, state["certainty"])
    rng = np.random.default_rng(state["seed"])
    (truth,) = fitted.samples(site.plant, 1, rng)
    it_kw, wet = state["load_ratio"] * site.plant.it_design_kw, state["wet_bulb_c"]
    dry = wet + state["dry_above_k"]
    measured = solve(truth, Conditions(it_kw, dry, wet), Setpoints.of(held))
    now = Observation(
        at=NOW, quality=DataQuality((), (), (), 0.0, 7, 8, 8),
        motion=Motion(held, dict.fromkeys(held, float("inf")), ()), held=held, held_beside={},
        facility_kw=float(measured.facility_kw), it_kw=float(measured.it_kw),
        inlets_c=(float(measured.inlet_c),), dry_bulb_c=dry, wet_bulb_c=wet,
        supply_air_c=float(measured.supply_air_c),
    )  # fmt: skip
    to_come = np.linspace(0.0, 1.0, STEPS)
    load = now.it_kw * (1 + state["growth_ratio"] * to_come)
    wet_to_come = wet + state["warming_k"] * to_come
    share = 1 + state["load_spread_ratio"] * np.array([[-1.0], [0.0], [1.0]])
    seen = brief.make(
        site,
        Fitted.of(site, fitted, seed=0, count=8),
        now,
        outlook.Load("lstm", NOW, load * share, 4.0),
        outlook.Weather("test", dry + state["warming_k"] * to_come, outlook.spread(wet_to_come, 1.0)),
    )
    return seen, truth


def test_what_is_accepted_breaks_no_limit_on_the_plant_as_it_is(
    record_property: Callable[[str, object], None],
) -> None:
    became: dict[str, str] = {}

    @settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck))
    @given(drawn=sites, state=states)
    def on_a_site(drawn: dict[str, Any], state: dict[str, Any]) -> None:
        became[f"{drawn}, {state}"] = "excursion"  # unless it gets to its end
        accepted = _accepted_holds(drawn, state)
        became[f"{drawn}, {state}"] = "accepted" if accepted else "nothing"

    try:
        on_a_site()
    finally:
        # where one breaks a limit the search goes on among its neighbours: they count as well
        how_many = Counter(became.values())
        record_property("sites", len(became))
        record_property("sites_accepted", how_many["accepted"])
        record_property("sites_with_excursion", how_many["excursion"])
    assert how_many["accepted"] > 0, "where nothing is accepted nothing is shown"


def _accepted_holds(drawn: dict[str, Any], state: dict[str, Any]) -> bool:
    """Whether a change is accepted there; it must keep all limits."""
    site = make_site(drawn)
    seen, truth = brief_of(site, state)
    found = brief.advise(seen)
    if not isinstance(found, Candidate):
        return False
    change = found.change
    evidence = seen.evidence((change,), seen.assess((change,)))
    if not isinstance(safety.judge(replace(evidence, operator="Ada")), safety.Accepted):
        return False
    bounds = site.setpoints[change.setpoint]
    assert bounds.low_c - ROUNDING_K <= change.to_c <= bounds.high_c + ROUNDING_K
    assert abs(change.step_k) <= bounds.step_max_k + ROUNDING_K
    assert seen.calibration.envelope[f"{change.setpoint.value}_c"][0] - bounds.step_max_k <= change.to_c
    _limits_hold(site, seen, truth, found)
    return True


def _limits_hold(site: Site, seen: Brief, truth: Parameters, found: Candidate) -> None:
    """At high load and high wet bulb, on the true plant, whole and short of units."""
    held, change = seen.situation.in_force, found.change
    grid = {s: np.array([v, change.to_c if s is change.setpoint else v]) for s, v in held.items()}
    ahead, envelope = seen.situation.block, site.limits.envelope
    state = run(truth, ahead, grid, WORST)
    before_c, after_c = state.inlet_c.max(axis=(1, 2))
    protected = max(envelope.recommended_high_c, before_c if found.protects else 0.0)
    assert after_c <= protected + ROUNDING_K
    before_kw, after_kw = state.unmet_kw.max(axis=(1, 2))
    assert after_kw <= max(before_kw, 0.0) + safety.UNMET_MAX_KW + 1.0
    # the twin takes the coils to be worse than here: that is what it keeps in hand
    fouled = {name: FOULED_HERE / share for name, share in FOULED.items()}
    lost = run(truth.with_multipliers(fouled), ahead, grid, WORST, lost=site)
    before_c, after_c = lost.inlet_c.max(axis=(1, 2))
    assert after_c <= max(envelope.allowable_high_c, before_c + LOST_MORE_K)
