"""The change that keeps an inlet from becoming too warm: it may skip some gates, and must not be misused."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from test_search import AIR, CHILLED, CONDENSER, PARAMETERS, SITE, situation

from core import db
from core.actions import Authority
from twin.advise import engine
from twin.advise.propose import propose
from twin.advise.search import PROTECTS_BELOW_K, WORST, protect, run

if TYPE_CHECKING:
    from seeded import SeededPlant

    from core.clock import ManualClock
    from core.jobs import Context
    from core.site import Site

HOT_K = 1.9
"""Racks above the twin's; more than 2 K and the twin is not believed any more."""


@pytest.fixture
def hot(context: Context, plant: SeededPlant, clock: ManualClock) -> Context:
    """A hall that will be too warm, at a site that wants a wide margin."""
    site = context.site
    limits = site.limits.model_copy(update={"margin_k": 2.0})
    advice = site.advice.model_copy(update={"authority": Authority.SUPERVISED})
    careful = site.model_copy(update={"limits": limits, "advice": advice})
    warm(plant, clock)
    return replace(context, site=careful)


def warm(plant: SeededPlant, clock: ManualClock, by_k: float = HOT_K) -> None:
    """Everything is read once more, the racks warmer."""
    clock.advance(timedelta(seconds=30))
    now = clock.now()
    plant.publish(now, now)
    refs = {str(ref) for ref in plant.site.sensors.rack_inlet}
    with db.connect(plant.dsn) as conn:
        conn.execute(
            "UPDATE reading_latest SET value = value + %s WHERE point_id = any(%s)",
            (by_k, [plant.ids[ref] for ref in refs]),
        )


def cards(plant: SeededPlant) -> list[db.Row]:
    with db.connect(plant.dsn) as conn:
        return conn.execute("SELECT * FROM recommendation ORDER BY recommendation_id").fetchall()


def cooler(row: db.Row) -> bool:
    """Whether a card lowers the supply air and says that this protects."""
    (change,) = row["changes"]
    (said,) = (v["reason"] for v in row["verdicts"] if v["gate"] == "benefit")
    return (
        change["setpoint"] == AIR.value
        and change["to_c"] < change["from_c"]
        and said.startswith("takes the worst inlet from")
    )


def test_a_hall_that_will_be_too_warm_gets_its_card_and_its_command(hot: Context, plant: SeededPlant) -> None:
    assert "proposed 1" in propose(hot)
    (card,) = cards(plant)
    assert cooler(card)
    assert card["saving_p50_kw"] < 0
    outcome = engine.accept(hot.dsn, hot.site, hot.clock, 1, card["version"], "Ada")
    assert outcome.ok, outcome.message


def test_hold_stops_protection_too(hot: Context, plant: SeededPlant) -> None:
    engine.hold(hot.dsn, hot.site, hot.clock, "Ada", "work at the plant")
    assert propose(hot).startswith("HOLD by Ada")
    assert cards(plant) == []
    engine.resume(hot.dsn, hot.site, hot.clock, "Ada", "done")
    assert "proposed" in propose(hot)
    engine.hold(hot.dsn, hot.site, hot.clock, "Ada", "once more")
    (card,) = cards(plant)
    assert not engine.accept(hot.dsn, hot.site, hot.clock, 1, card["version"], "Ada").ok
    assert commands(plant) == 0


def commands(plant: SeededPlant) -> int:
    with db.connect(plant.dsn) as conn:
        row = conn.execute("SELECT count(*) AS n FROM command").fetchone()
    return int(row["n"]) if row else 0


@pytest.mark.parametrize("authority", [Authority.SHADOW, Authority.ADVISORY])
def test_below_supervised_protection_writes_nothing(
    hot: Context, plant: SeededPlant, authority: Authority
) -> None:
    advice = hot.site.advice.model_copy(update={"authority": authority})
    lower = replace(hot, site=hot.site.model_copy(update={"advice": advice}))
    assert "proposed 1" in propose(lower)
    (card,) = cards(plant)
    assert cooler(card)
    outcome = engine.accept(lower.dsn, lower.site, lower.clock, 1, card["version"], "Ada")
    assert outcome.ok is (authority is Authority.ADVISORY)
    assert commands(plant) == 0


def test_stale_readings_protect_nobody(hot: Context, plant: SeededPlant, clock: ManualClock) -> None:
    assert "proposed 1" in propose(hot)
    clock.advance(timedelta(minutes=10))
    said = propose(hot)
    assert "s old" in said
    assert [card["state"] for card in cards(plant)] == ["withdrawn"]


def test_where_the_hall_is_no_longer_too_warm_the_card_goes(
    hot: Context, plant: SeededPlant, clock: ManualClock
) -> None:
    assert "proposed 1" in propose(hot)
    card = cards(plant)[0]
    warm(plant, clock, by_k=-0.5)
    outcome = engine.accept(hot.dsn, hot.site, hot.clock, 1, card["version"], "Ada")
    assert not outcome.ok
    assert "benefit" in outcome.message
    assert commands(plant) == 0


def test_a_rejection_leaves_it_in_peace(hot: Context, plant: SeededPlant) -> None:
    propose(hot)
    card = cards(plant)[0]
    assert engine.reject(hot.dsn, hot.site, hot.clock, 1, card["version"], "Ada", "door open").ok
    propose(hot)
    assert not any(cooler(row) for row in cards(plant)[1:])


def test_a_card_that_is_too_little_gives_way_to_one_that_is_enough(
    hot: Context, plant: SeededPlant, clock: ManualClock
) -> None:
    warm(plant, clock, by_k=HOT_K - 0.7)
    assert "proposed 1" in propose(hot)
    warm(plant, clock, by_k=HOT_K)
    assert "proposed 2" in propose(hot)
    first, second = cards(plant)
    assert (first["state"], second["state"]) == ("superseded", "proposed")
    assert second["changes"][0]["to_c"] < first["changes"][0]["to_c"] < first["changes"][0]["from_c"]
    warm(plant, clock, by_k=HOT_K + 0.02)
    assert "recommendation 2 still stands" in propose(hot)


@pytest.mark.parametrize("coil", [1.0, 0.6, 0.45])
@pytest.mark.parametrize("supply_c", [18.0, 18.4, 20.03, 23.0, 25.97])
@pytest.mark.parametrize("beyond_k", [-0.01, 0.01, 0.3, 4.0, float("nan")])
def test_it_never_warms_an_inlet_nor_leaves_bounds_and_step(
    coil: float, supply_c: float, beyond_k: float
) -> None:
    parameters = PARAMETERS.with_multipliers({"coil_ua": coil})
    now = situation(800.0, 18.0, {AIR: supply_c, CHILLED: 12.0, CONDENSER: 26.0})
    bounds = SITE.setpoints[AIR]
    still = {s: np.array([v]) for s, v in now.in_force.items()}
    inlet_c = float(run(parameters, now.block, still, WORST).inlet_c.max())
    limit_c = SITE.limits.envelope.recommended_high_c - now.margin_k
    warm = replace(now, inlet_offset_k=limit_c - inlet_c + beyond_k)
    change = protect(parameters, warm, SITE)
    if not beyond_k > 0:
        assert change is None
    if change is None:
        return
    assert bounds.low_c <= change.to_c < change.from_c == supply_c
    assert -bounds.step_max_k - 1e-6 <= change.step_k
    grid = {s: np.array([v, change.to_c if s is AIR else v]) for s, v in now.in_force.items()}
    before, after = run(parameters, now.block, grid, WORST).inlet_c.max(axis=(1, 2))
    assert after < before
    assert protect(parameters, warm, SITE, held_off=(AIR,)) is None
    followed = replace(warm, in_force={**now.in_force, AIR: change.to_c})
    if beyond_k < 0.5 and coil == 1.0:
        assert after + warm.inlet_offset_k <= limit_c - PROTECTS_BELOW_K + 1e-6
        jitter = replace(followed, inlet_offset_k=warm.inlet_offset_k + 0.15)
        assert protect(parameters, jitter, SITE) is None


def test_it_does_not_lower_what_is_at_its_lowest() -> None:
    low_c = SITE.setpoints[AIR].low_c
    for supply_c in (low_c, low_c - 0.5):
        now = situation(800.0, 18.0, {AIR: supply_c, CHILLED: 12.0, CONDENSER: 26.0}, offset_k=9.0)
        assert protect(PARAMETERS, now, SITE) is None


def test_the_thermal_class_bounds_it_whatever_the_operator_allows(site: Site) -> None:
    air = site.setpoints[AIR].model_copy(update={"low_c": 5.0})
    cold = site.model_copy(update={"setpoints": {**site.setpoints, AIR: air}})
    now = situation(800.0, 18.0, {AIR: 15.3, CHILLED: 8.0, CONDENSER: 26.0}, offset_k=15.0)
    change = protect(PARAMETERS, now, cold)
    assert change is None or change.to_c >= cold.limits.envelope.allowable_low_c
