"""Another value than the advised one: looked at, put in its place, refused."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from test_engine import move_on, proposal, rows

from core.actions import Setpoint
from twin.advise import engine
from twin.advise.life import RefusedError
from twin.advise.modify import look, modify
from twin.advise.propose import PROPOSAL_LIFE, propose

if TYPE_CHECKING:
    from seeded import SeededPlant

    from core.clock import ManualClock
    from core.jobs import Context


@pytest.fixture
def card(plant: SeededPlant, context: Context) -> dict[str, Any]:
    propose(context)
    return proposal(plant.dsn)


def half_way(card: dict[str, Any]) -> float:
    (change,) = card["changes"]
    return float(change["from_c"] + change["to_c"]) / 2


def test_a_look_says_what_it_is_worth_and_changes_nothing(
    plant: SeededPlant, context: Context, card: dict[str, Any]
) -> None:
    of = context.dsn, context.site, context.clock, card["recommendation_id"]
    same, half = look(*of, card["changes"][0]["to_c"]), look(*of, half_way(card))
    assert same.assessment.benefit.p50_kw == pytest.approx(card["saving_p50_kw"])
    assert 0 < half.assessment.benefit.p50_kw < card["saving_p50_kw"]
    assert same.refusal == ""
    assert proposal(plant.dsn) == card


def test_the_value_that_a_person_wants_takes_the_cards_place_and_stays(
    plant: SeededPlant, context: Context, clock: ManualClock, card: dict[str, Any]
) -> None:
    of = context.dsn, context.site, context.clock, card["recommendation_id"]
    wanted_c = half_way(card)
    if look(*of, wanted_c).refusal:
        pytest.fail("half of the step is worth a card on this plant")
    done = modify(*of, card["version"], "Ann", wanted_c)
    assert done.ok, done.message
    other = proposal(plant.dsn)
    assert other["changes"][0]["to_c"] == pytest.approx(wanted_c)
    assert [row["state"] for row in rows(plant.dsn, "recommendation")] == ["superseded", "proposed"]
    by = [(e["to_state"], e["actor"]) for e in rows(plant.dsn, "recommendation_event")]
    assert by == [("proposed", "joulecast"), ("superseded", "Ann"), ("proposed", "Ann")]
    move_on(plant, clock, timedelta(minutes=5))
    propose(context)
    assert proposal(plant.dsn)["recommendation_id"] == other["recommendation_id"], "what Ann wants stands"
    accepted = engine.accept(*of[:3], other["recommendation_id"], other["version"], "Ann")
    assert accepted.ok, accepted.message


@pytest.mark.parametrize(
    ("to_c", "said"), [(60.0, "outside this site's range"), (-5.0, "outside this site's range")]
)
def test_a_value_outside_the_range_is_refused(
    context: Context, card: dict[str, Any], to_c: float, said: str
) -> None:
    of = context.dsn, context.site, context.clock, card["recommendation_id"]
    assert said in modify(*of, card["version"], "Ann", to_c).message
    with pytest.raises(RefusedError, match=said):
        look(*of, to_c)


def test_a_step_beyond_the_gates_is_refused_and_the_card_stays(
    plant: SeededPlant, context: Context, card: dict[str, Any]
) -> None:
    of = context.dsn, context.site, context.clock, card["recommendation_id"]
    bounds = context.site.setpoints[Setpoint(card["changes"][0]["setpoint"])]
    from_c = card["changes"][0]["from_c"]
    far_c = bounds.high_c if bounds.high_c - from_c > bounds.step_max_k + 0.5 else bounds.low_c
    assert abs(far_c - from_c) > bounds.step_max_k
    done = modify(*of, card["version"], "Ann", far_c)
    assert not done.ok
    assert "does not pass the gates" in done.message
    assert proposal(plant.dsn) == card


def test_who_comes_late_is_told(
    plant: SeededPlant, context: Context, clock: ManualClock, card: dict[str, Any]
) -> None:
    of = context.dsn, context.site, context.clock, card["recommendation_id"]
    assert "changed meanwhile" in modify(*of, card["version"] + 1, "Ann", half_way(card)).message
    assert "name is needed" in modify(*of, card["version"], "  ", half_way(card)).message
    assert "no recommendation 99" in modify(*of[:3], 99, 1, "Ann", 20.0).message
    assert engine.hold(*of[:3], "Ben", "smoke").ok
    assert not modify(*of, card["version"], "Ann", half_way(card)).ok
    clock.advance(PROPOSAL_LIFE)
    assert "cannot be changed any more" in modify(*of, card["version"], "Ann", half_way(card)).message
    assert len(rows(plant.dsn, "recommendation")) == 1
