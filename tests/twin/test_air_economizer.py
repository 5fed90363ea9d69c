"""The airside economizer: its limits, and what must hold for any air."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.plant.air import Air, mixed
from twin.plant.air_economizer import (
    RECOMMENDED_DEW_POINT,
    AirEconomizerParameters,
    heat_removed,
    solve,
)
from twin.psychro import (
    enthalpy_j_per_kg,
    humidity_ratio,
    saturation_humidity_ratio,
)

if TYPE_CHECKING:
    from twin.plant.curves import Floats

ECONOMIZER: Final = AirEconomizerParameters(present=True)
HUMIDITY_HELD: Final = replace(ECONOMIZER, mixed_dew_point=RECOMMENDED_DEW_POINT)
RETURNED: Final = Air(np.array(34.0), np.array(0.008))
dry_bulbs = st.floats(-30, 45)
relatives = st.floats(0.05, 1.0)
targets = st.floats(12, 28)


def _air(dry_bulb_c: float | Floats, relative: float) -> Air:
    dry = np.asarray(dry_bulb_c, float)
    return Air(dry, humidity_ratio(dry, np.array(relative)))


def _enthalpy_kj_per_kg(air: Air) -> Floats:
    return enthalpy_j_per_kg(air.dry_bulb_c, air.humidity) * 1e-3


def _at_dew_point(dry_bulb_c: float, dew_point_c: float) -> Air:
    return Air(np.array(dry_bulb_c), saturation_humidity_ratio(np.array(dew_point_c)))


@pytest.mark.parametrize(
    ("dry_bulb_c", "dew_point_c", "opened"),
    [(23.0, 13.5, True), (23.1, 10.0, False), (20.0, 13.6, False), (-10.0, -15.0, True)],
)
def test_opens_within_both_limits(dry_bulb_c: float, dew_point_c: float, *, opened: bool) -> None:
    state = solve(ECONOMIZER, _at_dew_point(dry_bulb_c, dew_point_c), RETURNED, np.array(18.0))
    assert bool(state.opened) is opened


def test_stays_shut_where_there_is_none_nothing_to_cool_or_warmer_air() -> None:
    outdoor, target = _air(10.0, 0.5), np.array(18.0)
    absent = replace(ECONOMIZER, present=False)
    cold_return, colder_return = (Air(np.array(t), np.array(0.006)) for t in (18.0, 9.0))
    for state in (
        solve(absent, outdoor, RETURNED, target),
        solve(ECONOMIZER, outdoor, cold_return, target),
        solve(ECONOMIZER, outdoor, colder_return, np.array(5.0)),
    ):
        assert not state.opened
        assert state.outdoor_ratio == 0


@settings(max_examples=80, deadline=None)
@given(dry=dry_bulbs, relative=relatives, target=targets, held=st.booleans())
def test_colder_outdoor_air_is_mixed_to_the_target_and_warmer_all_let_in(
    dry: float, relative: float, target: float, *, held: bool
) -> None:
    parameters = HUMIDITY_HELD if held else ECONOMIZER
    outdoor = _air(dry, relative)
    state = solve(parameters, outdoor, RETURNED, np.array(target))
    assert 0 <= state.outdoor_ratio <= 1
    assert state.mixed.dry_bulb_c >= min(target, dry) - 1e-9
    if state.opened and not held:
        assert float(state.mixed.dry_bulb_c) == pytest.approx(max(dry, target), abs=1e-9)
        assert dry < target or state.outdoor_ratio == 1
    if not state.opened:
        assert state.mixed == RETURNED


@settings(max_examples=80, deadline=None)
@given(dry=dry_bulbs, relative=relatives, target=targets, air_kgs=st.floats(0, 100))
def test_heat_removed_is_what_the_exchanged_air_carries_out(
    dry: float, relative: float, target: float, air_kgs: float
) -> None:
    outdoor = _air(dry, relative)
    state = solve(ECONOMIZER, outdoor, RETURNED, np.array(target))
    removed = heat_removed(np.array(air_kgs), RETURNED, state.mixed)
    exchanged = air_kgs * state.outdoor_ratio * (_enthalpy_kj_per_kg(RETURNED) - _enthalpy_kj_per_kg(outdoor))
    assert float(sum(removed)) == pytest.approx(float(exchanged), rel=1e-9, abs=1e-9)
    assert removed.sensible_kw >= 0


@settings(max_examples=60, deadline=None)
@given(first=dry_bulbs, second=dry_bulbs, relative=relatives, share=st.floats(0, 1))
def test_mixing_conserves_enthalpy_and_water(
    first: float, second: float, relative: float, share: float
) -> None:
    one, two = _air(first, relative), _air(second, 1.0 - 0.5 * relative)
    both = mixed(one, two, np.array(share))
    enthalpy = (1.0 - share) * _enthalpy_kj_per_kg(one) + share * _enthalpy_kj_per_kg(two)
    assert float(_enthalpy_kj_per_kg(both)) == pytest.approx(float(enthalpy), abs=1e-9)
    assert float(both.humidity) == pytest.approx(
        float((1.0 - share) * one.humidity + share * two.humidity), abs=1e-15
    )


@settings(max_examples=60, deadline=None)
@given(dry=st.floats(-10, 40), target=targets)
def test_free_cooling_never_rises_with_wet_bulb(dry: float, target: float) -> None:
    rising = np.linspace(0.02, 1.0, 61)  # relative humidity, and so the wet bulb
    outdoor = Air(np.full(61, dry), humidity_ratio(np.array(dry), rising))
    state = solve(ECONOMIZER, outdoor, RETURNED, np.array(target))
    assert np.diff(state.opened.astype(int)).max() <= 0
    removed = heat_removed(np.array(10.0), RETURNED, state.mixed)
    assert np.diff(sum(removed)).max() <= 1e-9


@settings(max_examples=60, deadline=None)
@given(relative=relatives, target=targets)
def test_free_cooling_never_rises_with_dry_bulb(relative: float, target: float) -> None:
    outdoor = _air(np.linspace(target, 45.0, 91), relative)
    state = solve(ECONOMIZER, outdoor, RETURNED, np.array(target))
    removed = heat_removed(np.array(10.0), RETURNED, state.mixed)
    assert np.diff(removed.sensible_kw).max() <= 1e-9


@settings(max_examples=60, deadline=None)
@given(dry=dry_bulbs, relative=relatives, target=targets)
def test_humidity_is_held_by_taking_in_less(dry: float, relative: float, target: float) -> None:
    outdoor = _air(dry, relative)
    free = solve(ECONOMIZER, outdoor, RETURNED, np.array(target))
    held = solve(HUMIDITY_HELD, outdoor, RETURNED, np.array(target))
    assert held.outdoor_ratio <= free.outdoor_ratio
    driest = saturation_humidity_ratio(np.array(RECOMMENDED_DEW_POINT.low))
    wettest = saturation_humidity_ratio(np.array(RECOMMENDED_DEW_POINT.high))
    assert driest - 1e-12 <= held.mixed.humidity <= wettest + 1e-12


def test_dry_winter_air_is_let_in_up_to_the_driest_allowed() -> None:
    outdoor = _air(-20.0, 0.3)
    dry_return = Air(np.array(30.0), np.array(0.0022))
    held = solve(HUMIDITY_HELD, outdoor, dry_return, np.array(16.0))
    driest = saturation_humidity_ratio(np.array(RECOMMENDED_DEW_POINT.low))
    assert float(held.mixed.humidity) == pytest.approx(float(driest))
    assert held.mixed.dry_bulb_c > 16.0


def test_any_shapes_and_any_order_of_scenarios() -> None:
    dry = np.linspace(-20, 40, 7)[:, None]
    outdoor = Air(dry, humidity_ratio(dry, np.linspace(0.1, 0.9, 5)))
    state = solve(HUMIDITY_HELD, outdoor, RETURNED, np.array(20.0))
    turned = solve(HUMIDITY_HELD, Air(dry[::-1], outdoor.humidity[::-1]), RETURNED, np.array(20.0))
    assert state.outdoor_ratio.shape == (7, 5)
    assert (state.outdoor_ratio == turned.outdoor_ratio[::-1]).all()
    assert (state.mixed.dry_bulb_c == turned.mixed.dry_bulb_c[::-1]).all()


def test_outside_its_bounds_is_flagged() -> None:
    cases = [
        (_air(10.0, 0.5), RETURNED, False),
        (_air(-45.0, 0.5), RETURNED, True),
        (_air(10.0, 0.5), Air(np.array(65.0), np.array(0.008)), True),
        (Air(np.array(10.0), np.array(0.02)), RETURNED, True),
    ]
    for outdoor, returned, flagged in cases:
        assert bool(solve(ECONOMIZER, outdoor, returned, np.array(20.0)).outside) is flagged
