"""Each gate shuts for its own reason, says it with numbers, and no other gate shuts with it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from core.actions import Change, Setpoint
from twin.advise.evidence import (
    Benefit,
    DataQuality,
    Evidence,
    ModelQuality,
    Motion,
    Prediction,
    Record,
)
from twin.advise.safety import Accepted, Rejected, judge

if TYPE_CHECKING:
    from core.site import Site

AIR = Setpoint.SUPPLY_AIR_TEMPERATURE
WATER = Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE
LONG_AGO = float("inf")


@pytest.fixture
def good(site: Site) -> Evidence:
    return Evidence(
        site=site,
        changes=(Change(AIR, 22.0, 23.0),),
        data=DataQuality((), (), (), 120.0, 5.0, 7, 8, 8),
        model=ModelQuality(1, "", (), "lstm", 600.0, 3600.0, 4.0, 4.0),
        motion=Motion({AIR: 22.0, WATER: 10.0}, {AIR: LONG_AGO, WATER: 7200.0}, ()),
        prediction=Prediction(25.5, 26.0, 1.0, 29.0, 32.0, 0.0, 0.0, 0.0, extrapolated=False),
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
    ("data", "data", {"stale": (("a/power", 300.0),)}, "300 s old, 120 s allowed"),
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
    ("benefit", "benefit", {"p10_kw": -0.5}, "one case in ten saves -0.5 kW"),
    ("benefit", "benefit", {"p50_kw": 1.5}, "1.5 kW expected, more than 1.6 kW needed"),
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
        ((Change(AIR, 25.5, 26.5),), ["bounds", "motion"], "26.5 °C is outside 18.0 to 26.0"),
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
    assert isinstance(judge(replace(good, benefit=Benefit(1.0, 2.0, 3.0, 1100.0))), Rejected)
