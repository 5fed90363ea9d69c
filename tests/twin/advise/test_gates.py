"""Each gate shuts for its own reason, says it with numbers, and no other gate shuts with it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from core.actions import Authority, Change, Setpoint
from core.tariff import Advice, Span
from twin.advise.evidence import (
    Benefit,
    DataQuality,
    Disagreement,
    Evidence,
    ModelQuality,
    Motion,
    Prediction,
    Record,
    Worth,
)
from twin.advise.safety import Accepted, Rejected, judge

if TYPE_CHECKING:
    from core.site import Site

AIR = Setpoint.SUPPLY_AIR_TEMPERATURE
WATER = Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE
LONG_AGO = float("inf")
PREDICTION = Prediction(
    inlet_c=25.5, inlet_limit_c=26.0, margin_k=1.0, n1_inlet_c=29.0, n1_limit_c=32.0,
    unmet_kw=0.0, n1_unmet_kw=0.0, n1_unmet_now_kw=0.0, dew_point_c=12.0, dew_point_limit_c=17.0,
    part_load_ratio=0.5, part_load_min_ratio=0.18, extrapolated=False,
)  # fmt: skip


@pytest.fixture
def good(site: Site) -> Evidence:
    return Evidence(
        site=site,
        changes=(Change(AIR, 22.0, 23.0),),
        data=DataQuality((), (), (), 5.0, 7, 8, 8),
        model=ModelQuality(1, "", (), "lstm", 600.0, 3600.0, 4.0, 4.0),
        motion=Motion({AIR: 22.0, WATER: 10.0}, {AIR: LONG_AGO, WATER: 7200.0}, ()),
        prediction=PREDICTION,
        benefit=Benefit(3.0, 6.0, 9.0, 800.0),
        record=Record((), {}),
        operator="Ada",
    )


def test_all_good_is_accepted(good: Evidence) -> None:
    verdict = judge(good)
    assert isinstance(verdict, Accepted)
    assert verdict.operator == "Ada"
    assert verdict.changes == good.changes
    assert all(result.ok and result.reason for result in verdict.results)


FAULTS: list[tuple[str, str, dict[str, Any], str]] = [
    ("data", "data", {"missing": ("a/power",)}, "a/power has never been read"),
    ("data", "data", {"bad": (("a/power", "UNCERTAIN"),)}, "a/power is UNCERTAIN, not GOOD"),
    ("data", "data", {"stale": (("a/power", 300.0, 120.0),)}, "300 s old, 120 s allowed"),
    ("data", "data", {"inlets_live": 7}, "7 of 8 inlet sensors are live, 90% needed"),
    (
        "data",
        "data",
        {"inlets_live": 7, "inlets_bad": (("r/in", "BAD"),)},
        "90% needed; r/in is BAD, not GOOD",
    ),
    ("model", "model", {"calibration_id": None}, "not been calibrated"),
    ("model", "model", {"refusal": "CV(RMSE) is 30 %"}, "no good: CV(RMSE) is 30 %"),
    ("model", "model", {"outside": ("wet bulb 31.0 °C",)}, "wet bulb 31.0"),
    ("model", "model", {"forecast_model": ""}, "no forecast"),
    ("model", "model", {"forecast_age_s": 4000.0}, "4000 s old, 3600 s allowed"),
    ("model", "model", {"covered_h": 2.0}, "reaches 2.0 h ahead, 4.0 h needed"),
    (
        "model",
        "model",
        {"errors": (Disagreement("power", "kW", -40.0, 24.0),)},
        "-40.0 kW off the twin's, 24.0",
    ),
    ("model", "model", {"errors": (Disagreement("power", "kW", float("nan"), 24.0),)}, "nan kW off"),
    ("model", "model", {"forecast_skill": -0.02}, "no better than the naive one (-2%)"),
    ("motion", "motion", {"alarms": ("CRAH 2 stands still",)}, "an alarm stands: CRAH 2 stands still"),
    ("motion", "motion", {"staging": "chiller-2/running changed 3 min ago"}, "is staging: chiller-2"),
    ("motion", "motion", {"change_freeze": "month end"}, "no changes now: month end"),
    ("motion", "motion", {"changes_last_hour": {AIR: 4}}, "changed 4 times in an hour, 4 allowed"),
    ("motion", "motion", {"in_force": {AIR: 21.0}}, "is at 21.0 °C now"),
    ("motion", "motion", {"in_force": {}}, "not known"),
    ("motion", "motion", {"since_change_s": {AIR: 60.0}}, "changed 60 s ago, 1800 s to wait"),
    ("motion", "motion", {"since_change_s": {AIR: 1e9, WATER: 60.0}}, "60 s ago, 900 s to wait"),
    ("motion", "motion", {"under_way": ("recommendation 3 (sent)",)}, "still under way"),
    ("prediction", "prediction", {"inlet_c": 26.4}, "worst inlet 26.4 °C, limit 26.0 °C (1.0 K"),
    ("prediction", "prediction", {"inlet_c": float("nan")}, "worst inlet nan"),
    ("prediction", "prediction", {"n1_inlet_c": 33.0}, "33.0 °C with one chiller and one CRAH lost"),
    ("prediction", "prediction", {"unmet_kw": 12.0}, "12.0 kW of heat"),
    ("prediction", "prediction", {"n1_unmet_kw": 40.0}, "40 kW of heat would not be removed with"),
    ("prediction", "prediction", {"extrapolated": True}, "outside the range"),
    ("prediction", "prediction", {"dew_point_c": 18.0}, "dew point of the halls 18.0 °C, limit 17.0 °C"),
    ("prediction", "prediction", {"part_load_ratio": 0.1}, "at 10% of its load, 18% at least"),
    ("benefit", "benefit", {"worth": Worth("EUR/h", -0.1, 4.0, 9.0, 150.0)}, "-0.1 EUR/h or less"),
    (
        "benefit",
        "benefit",
        {"worth": Worth("kg/h", 0.1, 0.4, 0.9, 500.0)},
        "0.4 kg/h expected, more than 0.5",
    ),
    ("benefit", "benefit", {"p10_kw": -0.5}, "one case in ten saves -0.5 kW"),
    ("benefit", "benefit", {"p50_kw": 0.7}, "0.7 kW expected, more than 0.8 kW needed"),
    ("verification", "record", {"unverified": (AIR,)}, "not been verified yet"),
    ("verification", "record", {"misses": {AIR: 2}}, "2 savings in a row were missed"),
]


@pytest.mark.parametrize(("gate", "part", "fault", "reason"), FAULTS, ids=[f[3] for f in FAULTS])
def test_one_fault_shuts_one_gate(
    good: Evidence, gate: str, part: str, fault: dict[str, Any], reason: str
) -> None:
    part_fields: dict[str, Any] = {part: replace(getattr(good, part), **fault)}
    verdict = judge(replace(good, **part_fields))
    assert isinstance(verdict, Rejected)
    assert [result.gate for result in verdict.failed] == [gate]
    assert reason in verdict.reason


@pytest.mark.parametrize(
    ("changes", "gates", "reason"),
    [
        ((Change(AIR, 22.0, 23.5),), ["motion"], "+1.5 K, 1.0 K allowed"),
        (
            (Change(AIR, 25.5, 26.5),),
            ["bounds", "motion"],
            "26.5 °C is outside 18.0 to 26.0 °C (operator and equipment)",
        ),
        ((Change(AIR, 22.0, 22.5), Change(WATER, 10.0, 10.5)), ["motion"], "2 loops"),
        ((), ["motion"], "0 loops"),
    ],
)
def test_changes_that_may_not_be(
    good: Evidence, changes: tuple[Change, ...], gates: list[str], reason: str
) -> None:
    verdict = judge(replace(good, changes=changes))
    assert isinstance(verdict, Rejected)
    assert [result.gate for result in verdict.failed] == gates
    assert reason in verdict.reason


def test_a_setpoint_the_site_does_not_name(good: Evidence, site: Site) -> None:
    fewer = {s: b for s, b in site.setpoints.items() if s is not AIR}
    verdict = judge(replace(good, site=site.model_copy(update={"setpoints": fewer})))
    assert isinstance(verdict, Rejected)
    assert {result.gate for result in verdict.failed} == {"bounds", "motion"}


@pytest.mark.parametrize("name", [None, "", "  "])
def test_without_an_operator_it_only_waits(good: Evidence, name: str | None) -> None:
    verdict = judge(replace(good, operator=name))
    assert isinstance(verdict, Rejected)
    assert verdict.only_waits
    assert verdict.reason == "human: waits for an operator"


def test_hysteresis_is_for_new_proposals_only(good: Evidence) -> None:
    little = replace(good, benefit=Benefit(0.2, 0.5, 0.9, 800.0))
    assert isinstance(judge(little), Rejected)
    assert isinstance(judge(replace(little, standing=True)), Accepted)


def test_hysteresis_grows_with_the_plant(good: Evidence) -> None:
    assert isinstance(judge(replace(good, benefit=Benefit(0.5, 1.0, 1.5, 1100.0))), Rejected)


def test_a_rate_counts_beside_the_hold(good: Evidence, site: Site) -> None:
    quick = site.setpoints[AIR].model_copy(update={"hold_s": 0.0})
    lenient = site.model_copy(update={"setpoints": {**site.setpoints, AIR: quick}})
    motion = replace(good.motion, since_change_s={AIR: 600.0, WATER: 7200.0})
    verdict = judge(replace(good, site=lenient, motion=motion))
    assert isinstance(verdict, Rejected)
    assert [result.gate for result in verdict.failed] == ["motion"]
    assert "6.0 K/h since the last step, 4.0 K/h allowed" in verdict.reason


def test_a_worth_of_its_own_unit_opens_the_gate_where_power_does_not(good: Evidence) -> None:
    water = Benefit(-0.5, 0.5, 1.0, 800.0, Worth("EUR/h", 0.5, 1.0, 2.0, 150.0))
    verdict = judge(replace(good, benefit=water))
    assert isinstance(verdict, Accepted)


def test_shadow_is_scored_and_never_accepted(good: Evidence) -> None:
    for operator in (None, "Ada"):
        verdict = judge(replace(good, authority=Authority.SHADOW, operator=operator))
        assert isinstance(verdict, Rejected)
        assert verdict.only_waits
        assert "only scored here" in verdict.reason


def test_hold_stops_even_proposals(good: Evidence) -> None:
    verdict = judge(replace(good, held=True, operator=None))
    assert isinstance(verdict, Rejected)
    assert not verdict.only_waits
    assert verdict.reason == "motion: all advice is on hold"


def test_the_thermal_class_bounds_the_supply_air_whatever_the_operator_allows(
    good: Evidence, site: Site
) -> None:
    wide = site.setpoints[AIR].model_copy(update={"high_c": 30.0})
    generous = site.model_copy(update={"setpoints": {**site.setpoints, AIR: wide}})
    change = Change(AIR, 26.5, 27.5)
    motion = replace(good.motion, in_force={AIR: 26.5, WATER: 10.0})
    verdict = judge(replace(good, site=generous, changes=(change,), motion=motion))
    assert isinstance(verdict, Rejected)
    assert verdict.reason == "bounds: supply air temperature 27.5 °C is outside 15.0 to 27.0 °C (class A1)"
    back = Change(AIR, 29.0, 28.0)
    motion = replace(good.motion, in_force={AIR: 29.0, WATER: 10.0})
    assert isinstance(judge(replace(good, site=generous, changes=(back,), motion=motion)), Accepted)


def test_what_is_accepted_by_itself_stays_in_its_envelope(good: Evidence, site: Site) -> None:
    advice = Advice(auto_envelope={AIR: Span(low_c=20.0, high_c=22.5)})
    bounded = replace(good, site=site.model_copy(update={"advice": advice}))
    assert isinstance(judge(bounded), Accepted)
    verdict = judge(replace(bounded, authority=Authority.AUTO_BOUNDED))
    assert isinstance(verdict, Rejected)
    assert "20.0 to 22.5 °C (envelope of automatic acceptance)" in verdict.reason


def test_what_keeps_an_inlet_from_becoming_too_warm_needs_no_saving_and_does_not_wait(good: Evidence) -> None:
    costs = replace(good, benefit=Benefit(-3.0, -2.0, -1.0, 800.0), record=Record((AIR,), {AIR: 3}))
    assert isinstance(judge(costs), Rejected)
    down = replace(good.prediction, inlet_now_c=27.2, inlet_c=26.4)
    verdict = judge(replace(costs, prediction=down))
    assert isinstance(verdict, Accepted)
    told = {result.gate: result.reason for result in verdict.results}
    assert told["benefit"] == "takes the worst inlet from 27.2 to 26.4 °C, limit 26.0 °C"
    for inlet_c in (27.18, 27.5, float("nan")):
        still = judge(replace(costs, prediction=replace(down, inlet_c=inlet_c)))
        assert isinstance(still, Rejected)
        assert {result.gate for result in still.failed} == {"prediction", "benefit", "verification"}
