"""Key performance indicators: ratios of sums, whole only where every meter was there."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.kpi import (
    Category,
    breakdown,
    cer,
    cue_kg_per_kwh,
    elc,
    erf,
    itue,
    mlc,
    partial_pue,
    pue,
    pue_of_period,
    ratio_of_sums,
    ref,
    tue,
    wue_l_per_kwh,
)

OVERHEADS = ("cooling", "electrical_loss", "other")
energy_kwh = st.floats(0.0, 1e6)
it_energy_kwh = st.floats(1.0, 1e6)
intervals = st.lists(st.tuples(it_energy_kwh, energy_kwh, energy_kwh, energy_kwh), min_size=1, max_size=20)
NAN = float("nan")


def split(rows: list[tuple[float, ...]]) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Facility, IT and overheads of drawn intervals."""
    it, *parts = np.array(rows).T
    return it + sum(parts), it, dict(zip(OVERHEADS, parts, strict=True))


def test_each_figure_is_its_definition() -> None:
    assert pue([150.0, 1200.0], [100.0, 1000.0]) == pytest.approx(1350 / 1100)
    assert partial_pue([22.0], [100.0]) == pytest.approx(1.22)
    assert wue_l_per_kwh([180.0], [100.0]) == pytest.approx(1.8)
    assert cue_kg_per_kwh([40.0], [100.0]) == pytest.approx(0.4)
    assert erf([30.0], [120.0]) == pytest.approx(0.25)
    assert ref([90.0], [120.0]) == pytest.approx(0.75)
    assert itue([100.0], [80.0]) == pytest.approx(1.25)
    assert tue([120.0], [100.0], [80.0]) == pytest.approx(1.5)
    assert mlc([15.0], [100.0]) == pytest.approx(0.15)
    assert elc([7.0], [100.0]) == pytest.approx(0.07)
    assert cer([105.0], [15.0]) == pytest.approx(7.0)


def test_intervals_with_one_meter_missing_do_not_count() -> None:
    assert ratio_of_sums([150.0, np.nan, 999.0], [100.0, 100.0, np.nan]) == pytest.approx(1.5)
    assert np.isnan(ratio_of_sums([1.0], [0.0]))
    assert np.isnan(ratio_of_sums([], []))


def test_series_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        pue([1.0, 2.0, 3.0], [1.0, 2.0])


@given(it=st.tuples(it_energy_kwh, it_energy_kwh), ratios=st.tuples(st.floats(1, 3), st.floats(1, 3)))
def test_a_ratio_of_sums_weighs_by_energy_and_a_mean_of_ratios_does_not(
    it: tuple[float, float], ratios: tuple[float, float]
) -> None:
    found = pue(np.multiply(it, ratios), it)
    apart = (ratios[0] - ratios[1]) * (it[0] - it[1]) / (2 * sum(it))
    assert found - np.mean(ratios) == pytest.approx(apart, abs=1e-9)
    assert min(ratios) - 1e-9 <= found <= max(ratios) + 1e-9


@given(rows=intervals, scale=st.floats(1e-3, 1e3))
def test_the_unit_of_energy_does_not_matter(rows: list[tuple[float, ...]], scale: float) -> None:
    facility, it, parts = split(rows)
    assert pue(scale * facility, scale * it) == pytest.approx(pue(facility, it))
    scaled = breakdown(scale * facility, scale * it, {name: scale * part for name, part in parts.items()})
    assert scaled.partial_pue == pytest.approx(breakdown(facility, it, parts).partial_pue)
    assert scaled.adds_up


@given(rows=intervals)
def test_a_breakdown_adds_up_and_so_do_its_partial_pues(rows: list[tuple[float, ...]]) -> None:
    facility, it, parts = split(rows)
    found = breakdown(facility, it, parts)
    assert found.adds_up
    assert found.complete_ratio == 1
    assert found.it_kwh + sum(found.overhead_kwh.values()) == pytest.approx(found.facility_kwh)
    assert 1 + sum(part - 1 for part in found.partial_pue.values()) == pytest.approx(found.pue)
    assert found.pue == pytest.approx(pue(facility, it))
    assert found.partial_pue["cooling"] == pytest.approx(partial_pue(parts["cooling"], it))


@given(rows=intervals, missing=st.floats(1.0, 1e5))
def test_what_no_meter_accounts_for_is_said(rows: list[tuple[float, ...]], missing: float) -> None:
    facility, it, parts = split(rows)
    found = breakdown(facility + missing, it, parts)
    assert not found.adds_up
    assert found.residual_kwh == pytest.approx(missing * len(rows), rel=1e-3)
    shares = sum(part - 1 for part in found.partial_pue.values())
    assert 1 + shares + found.residual_kwh / found.it_kwh == pytest.approx(found.pue)


def test_submeters_that_claim_more_than_the_facility_leave_a_negative_residual() -> None:
    found = breakdown([100.0], [80.0], {"cooling": [25.0]})
    assert found.residual_kwh == pytest.approx(-5.0)
    assert not found.adds_up


def test_a_gap_in_one_submeter_takes_the_interval_out_of_every_sum_and_is_said() -> None:
    found = breakdown([120.0, 130.0, 125.0], [100.0] * 3, {"cooling": [15.0, NAN, 20.0], "other": 5.0})
    assert found.facility_kwh == pytest.approx(245.0)
    assert found.overhead_kwh == pytest.approx({"cooling": 35.0, "other": 10.0})
    assert found.complete_ratio == pytest.approx(2 / 3)
    assert found.adds_up


@pytest.mark.parametrize("cooling", [[NAN, NAN], []])
def test_a_sum_over_nothing_is_unknown_and_not_zero(cooling: list[float]) -> None:
    found = breakdown([120.0] * len(cooling), [100.0] * len(cooling), {"cooling": cooling})
    assert np.isnan([found.facility_kwh, found.it_kwh, found.overhead_kwh["cooling"], found.pue]).all()
    assert found.complete_ratio == 0
    assert not found.adds_up


def test_without_it_energy_there_is_no_pue_but_a_breakdown() -> None:
    found = breakdown([5.0], [0.0], {"other": [5.0]})
    assert found.adds_up
    assert np.isnan(found.pue)
    assert np.isnan(found.partial_pue["other"])


def test_a_pue_says_its_category_and_how_much_of_the_period_it_is_of() -> None:
    found = pue_of_period([130.0, NAN, 140.0, 999.0], [100.0, 100.0, 100.0, NAN], category=1, hours=4.0)
    assert found.value == pytest.approx(1.35)
    assert found.category is Category.UPS_OUTPUT
    assert found.complete_ratio == pytest.approx(0.5)
    assert json.dumps(found.category) == "1"
    with pytest.raises(ValueError, match="4"):
        pue_of_period([1.0], [1.0], category=4, hours=1.0)


def test_a_boundary_closer_to_the_equipment_has_the_higher_pue() -> None:
    at_meter = {Category.UPS_OUTPUT: 104.0, Category.PDU_OUTPUT: 102.0, Category.IT_INPUT: 100.0}
    found = [
        pue_of_period([130.0], [kwh], category=category, hours=1.0).value
        for category, kwh in at_meter.items()
    ]
    assert found == sorted(found)


@given(rows=intervals)
def test_tue_is_facility_over_compute_and_server_fans_do_not_lower_it(rows: list[tuple[float, ...]]) -> None:
    facility, it, parts = split(rows)
    compute, fan = 0.9 * it, parts["other"]
    assert tue(facility, it, compute) == pytest.approx(facility.sum() / compute.sum())
    assert tue(facility + fan, it + fan, compute) >= tue(facility, it, compute) - 1e-9
    assert pue(facility + fan, it + fan) <= pue(facility, it) + 1e-9


def test_both_factors_of_tue_are_of_the_same_intervals() -> None:
    facility, it, compute = [120.0, 300.0], [100.0, 100.0], [80.0, NAN]
    assert tue(facility, it, compute) == pytest.approx(1.5)
    assert itue(it, compute) * pue(facility, it) == pytest.approx(1.25 * 2.1)  # of two periods, so wrong


def test_surplus_renewable_energy_does_not_count_and_an_unknown_one_stays_unknown() -> None:
    assert ref([150.0], [120.0]) == 1
    assert np.isnan(ref([NAN], [120.0]))


@given(rows=intervals)
def test_pue_is_one_plus_mlc_plus_elc_plus_the_rest(rows: list[tuple[float, ...]]) -> None:
    facility, it, parts = split(rows)
    rest = ratio_of_sums(parts["other"], it)
    found = 1 + mlc(parts["cooling"], it) + elc(parts["electrical_loss"], it) + rest
    assert found == pytest.approx(pue(facility, it))
