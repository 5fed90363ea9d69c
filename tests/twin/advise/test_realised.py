"""The saving of a whole period of changes: near the truth, and the truth inside its interval."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pytest

from core.actions import Setpoint
from twin.advise.realised import period
from twin.history import History
from twin.network import Conditions, Parameters, Setpoints, solve
from twin.simulate import Twin

if TYPE_CHECKING:
    from core.series import Floats
    from core.site import Site

STEP: Final = timedelta(minutes=15)
A_DAY: Final = 96
BEFORE_D: Final = 14
DAYS: Final = BEFORE_D + 7
START: Final = datetime(2026, 3, 2, tzinfo=UTC)
SINCE: Final = START + timedelta(days=BEFORE_D)
OWN: Final = {
    Setpoint.SUPPLY_AIR_TEMPERATURE: 21.0,
    Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE: 8.0,
    Setpoint.CONDENSER_WATER_SUPPLY_TEMPERATURE: 25.0,
}
BETTER: Final = {
    Setpoint.SUPPLY_AIR_TEMPERATURE: 22.0,
    Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE: 12.0,
    Setpoint.CONDENSER_WATER_SUPPLY_TEMPERATURE: 23.0,
}


class Lived(NamedTuple):
    """What a plant measured, and what it truly saved [kWh]."""

    history: History
    own: dict[Setpoint, Floats]
    saved_kwh: float


def live(truth: Parameters, seed: int, *, followed: bool = True) -> Lived:
    """Two weeks as the plant's own control has it, a week in which one setpoint after the other is better."""
    rng = np.random.default_rng(seed)
    index = np.arange(DAYS * A_DAY)
    day = index / A_DAY
    wet = (
        12.0 + 3.0 * np.sin(day / 2.0 + seed) + 2.5 * np.sin(2 * np.pi * day) + rng.normal(0, 0.2, len(index))
    )
    load = 620.0 + 80.0 * np.sin(2 * np.pi * (day - 0.3)) + rng.normal(0, 8, len(index))
    own = {setpoint: np.full(len(index), value) for setpoint, value in OWN.items()}
    held = {
        setpoint: np.where(followed & (index >= (BEFORE_D + i) * A_DAY), BETTER[setpoint], OWN[setpoint])
        for i, setpoint in enumerate(OWN)
    }
    conditions = Conditions(load, wet + 3.0, wet)
    state = solve(truth, conditions, Setpoints.of(held))
    without = solve(truth, conditions, Setpoints.of(own))

    def noisy(values: Floats) -> Floats:
        return values * (1.0 + rng.normal(0, 0.003, len(index)))

    history = History(
        start=START,
        step=STEP,
        it_kw=state.it_kw,
        facility_kw=noisy(state.facility_kw),
        chiller_kw=noisy(state.chiller_kw),
        crah_fan_kw=noisy(state.crah_fan_kw),
        pump_kw=noisy(state.pump_kw),
        tower_fan_kw=noisy(state.tower_fan_kw),
        ups_loss_kw=noisy(state.electrical_loss_kw),
        inlet_c=state.inlet_c,
        supply_air_c=state.supply_air_c,
        supply_air_setpoint_c=held[Setpoint.SUPPLY_AIR_TEMPERATURE],
        chilled_water_setpoint_c=held[Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE],
        condenser_water_setpoint_c=held[Setpoint.CONDENSER_WATER_SUPPLY_TEMPERATURE],
        dry_bulb_c=wet + 3.0,
        wet_bulb_c=wet,
    )
    saved = (without.facility_kw - state.facility_kw)[BEFORE_D * A_DAY :]
    return Lived(history, own, float(saved.sum() * STEP / timedelta(hours=1)))


def plant(site: Site, **multipliers: float) -> Parameters:
    return Parameters.from_design(site.plant).with_multipliers(multipliers)


def unmetered(history: History, facility_kw: Floats) -> History:
    """The same where the facility's meter is the only one."""
    return replace(history, facility_kw=facility_kw, chiller_kw=np.full(len(history), np.nan))


@pytest.mark.parametrize("seed", range(5))
def test_a_week_of_changes_is_measured_within_a_tenth(site: Site, seed: int) -> None:
    lived = live(plant(site, chiller_power=1.1, tower_fan=0.9), seed)
    twin = Twin(plant(site, chiller_power=1.08, tower_fan=0.93))
    found = period(lived.history, twin, lived.own, since=SINCE)
    assert found
    assert lived.saved_kwh > 500
    assert found.p50_kwh == pytest.approx(lived.saved_kwh, rel=0.1)
    assert found.p10_kwh < lived.saved_kwh < found.p90_kwh
    assert found.spread_kwh < 0.12 * lived.saved_kwh
    assert found.saved_kw.sum() * 0.25 == pytest.approx(found.p50_kwh)
    assert found.counterfactual_kwh - found.measured_kwh == pytest.approx(found.p50_kwh)
    assert (found.start, found.end) == (SINCE, START + timedelta(days=DAYS))


def test_meters_correct_a_twin_that_promises_too_much(site: Site) -> None:
    lived = live(plant(site, chiller_power=0.8), 1)
    found = period(lived.history, Twin(plant(site, chiller_power=1.2)), lived.own, since=SINCE)
    assert found
    assert found.twin_kwh > 1.25 * lived.saved_kwh
    assert abs(found.p50_kwh - lived.saved_kwh) < 0.5 * abs(found.twin_kwh - lived.saved_kwh)
    assert found.share < 0.9


def test_where_meters_say_little_the_calibrations_doubt_is_the_intervals(site: Site) -> None:
    lived = live(plant(site), 2)
    noise = np.random.default_rng(5).normal(0, 0.3, len(lived.history))
    rough = unmetered(lived.history, lived.history.facility_kw * (1.0 + noise))
    drawn = [plant(site, chiller_power=power) for power in (0.6, 0.8, 1.2, 1.4)]
    sure = period(rough, Twin(plant(site)), lived.own, since=SINCE)
    doubtful = period(rough, Twin(plant(site)), lived.own, drawn, since=SINCE)
    assert sure
    assert doubtful
    assert doubtful.spread_kwh > 1.2 * sure.spread_kwh


def test_nothing_advised_is_nothing_saved(site: Site) -> None:
    lived = live(plant(site, chiller_power=1.1), 3, followed=False)
    found = period(lived.history, Twin(plant(site)), lived.own, since=SINCE)
    assert found
    assert (found.p10_kwh, found.p50_kwh, found.p90_kwh) == (0.0, 0.0, 0.0)


def test_what_was_not_measured_saves_nothing(site: Site) -> None:
    lived = live(plant(site), 4)
    whole = period(lived.history, Twin(plant(site)), lived.own, since=SINCE)
    index = np.arange(len(lived.history))
    dark = np.where(index >= len(index) - 2 * A_DAY, np.nan, lived.history.facility_kw)
    found = period(replace(lived.history, facility_kw=dark), Twin(plant(site)), lived.own, since=SINCE)
    assert whole
    assert found
    assert found.complete_ratio == pytest.approx(5 / 7)
    assert found.p50_kwh < 0.85 * whole.p50_kwh
    nothing = replace(lived.history, facility_kw=np.full(len(index), np.nan))
    assert period(nothing, Twin(plant(site)), lived.own, since=SINCE) is None


def test_a_load_that_nobody_models_passes_for_no_saving_where_cooling_is_metered(site: Site) -> None:
    lived = live(plant(site, chiller_power=1.1), 1)
    begun = np.arange(len(lived.history)) >= BEFORE_D * A_DAY
    facility_kw = lived.history.facility_kw + np.where(begun, 6.0, 0.0)
    twin = Twin(plant(site, chiller_power=1.08))
    metered = period(replace(lived.history, facility_kw=facility_kw), twin, lived.own, since=SINCE)
    alone = period(unmetered(lived.history, facility_kw), twin, lived.own, since=SINCE)
    assert metered
    assert alone
    assert metered.p50_kwh == pytest.approx(lived.saved_kwh, rel=0.05)
    assert abs(alone.p50_kwh - lived.saved_kwh) > abs(metered.p50_kwh - lived.saved_kwh)
    assert alone.spread_kwh > metered.spread_kwh


def test_before_the_first_lease_the_own_value_of_later_stands_for_it(site: Site) -> None:
    wrong, since = Twin(plant(site, chiller_power=1.2)), SINCE + timedelta(days=6)
    lived = live(plant(site, chiller_power=0.8), 6)
    before = np.arange(len(lived.history)) < BEFORE_D * A_DAY
    later = {setpoint: np.where(before, np.nan, value) for setpoint, value in lived.own.items()}
    known = period(lived.history, wrong, lived.own, since=since)
    found = period(lived.history, wrong, later, since=since)
    assert known
    assert found
    assert found.p50_kwh == pytest.approx(known.p50_kwh, rel=0.01)
