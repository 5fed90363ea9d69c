"""What people decide about a recommendation, step by step, on a real database."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from world import AIR, World, at, made

from core import db
from core.actions import Authority, State
from core.tariff import Objective
from twin.advise import engine, life, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.clock import ManualClock
    from core.site import Site


@pytest.fixture
def world(dsn: str, site: Site, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A plant that follows."""
    with db.connect(dsn, autocommit=True) as conn:
        yield made(monkeypatch, World(dsn, site, clock, conn))


def decide(world: World, what: str, number: int, *other: object) -> engine.Outcome:
    """One of the engine's functions on a card as it is now."""
    function = getattr(engine, what)
    found: engine.Outcome = function(
        world.dsn, world.site, world.clock, number, world.row(number)["version"], *other
    )
    return found


def by_hand(world: World) -> int:
    """A card that an operator has accepted on a site that is only advised."""
    world.site = at(world.site, authority=Authority.ADVISORY)
    number = world.propose()
    outcome = world.accept(number)
    assert outcome.ok, outcome.message
    assert "yourself" in outcome.message
    return number


def test_two_names_must_differ(world: World) -> None:
    world.site = at(world.site, two_persons=True)
    number = world.propose()
    assert "second name" in world.accept(number, "Ada").message
    assert world.state(number) == "awaiting_second"
    assert not decide(world, "approve_second", number, "ada").ok
    assert not decide(world, "approve_second", number, " ").ok
    assert decide(world, "approve_second", number, "Grace").ok
    assert world.way(number)[1:] == ["accepted", "awaiting_second", "precheck", "queued"]


def test_one_prompt_is_one_person(world: World) -> None:
    world.site = at(world.site, two_persons=True)
    number = world.propose()
    assert "second name" in world.accept(number, "Ada (typed by root)").message
    refused = decide(world, "approve_second", number, "Grace (typed by root)")
    assert not refused.ok
    assert "other than Ada (typed by root)" in refused.message
    assert decide(world, "approve_second", number, "Grace").ok


def test_nobody_else_agrees_and_it_expires(world: World) -> None:
    world.site = at(world.site, two_persons=True)
    number = world.propose()
    world.accept(number)
    world.wait(minutes=11)
    world.guard()
    assert world.state(number) == "expired"
    assert world.rows("SELECT * FROM command") == []


def test_two_people_accept_at_once_and_one_is_told(world: World) -> None:
    number = world.propose()
    version = world.row(number)["version"]
    outcomes = []
    together = threading.Barrier(2)

    def click(name: str) -> None:
        together.wait()
        outcomes.append(world.accept(number, name, version))

    threads = [threading.Thread(target=click, args=(name,)) for name in ("Ada", "Grace")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcome.ok for outcome in outcomes) == [False, True]
    assert "changed meanwhile" in next(o.message for o in outcomes if not o.ok)
    assert len(world.rows("SELECT * FROM command")) == 1


def test_a_card_put_off_comes_back_worked_out_anew(world: World) -> None:
    number = world.propose()
    until = world.clock.now() + timedelta(minutes=30)
    version = world.row(number)["version"]
    assert decide(world, "snooze", number, "Ada", until).ok
    assert world.propose() == 0  # nothing else on the same setpoint meanwhile
    world.wait(minutes=31)
    world.propose()
    row = world.row(number)
    assert (row["state"], row["version"]) == ("proposed", version + 2)
    assert row["wakes_at"] is None
    assert row["due_at"] == row["expires_at"] == world.clock.now() + timedelta(hours=2)
    assert not world.accept(number, version=version).ok  # the card as it was before


def test_a_card_that_comes_back_has_the_objective_and_the_plan_of_now(world: World) -> None:
    number = world.propose()
    assert world.row(number)["objective"] == "facility_energy"
    assert decide(world, "snooze", number, "Ada", world.clock.now() + timedelta(minutes=30)).ok
    chosen = settings.choose_objective(
        world.dsn, world.site, world.clock, Objective.CARBON, "Ada", "a windy night"
    )
    assert chosen.ok
    world.wait(minutes=31)
    world.propose()
    row = world.row(number)
    assert (row["state"], row["objective"]) == ("proposed", "carbon")
    assert row["plan"] == {"start": world.clock.now().isoformat()}


def test_a_card_that_does_not_hold_any_more_does_not_come_back(world: World) -> None:
    number = world.propose()
    decide(world, "snooze", number, "Ada", world.clock.now() + timedelta(minutes=30))
    world.set_by_hand[AIR] = 23.0
    world.wait(minutes=31)
    world.propose()
    assert world.state(number) == "withdrawn"


@pytest.mark.parametrize("hours", [-1.0, 0.0, 25.0])
def test_a_card_is_put_off_for_a_day_at_most(world: World, hours: float) -> None:
    number = world.propose()
    outcome = decide(world, "snooze", number, "Ada", world.clock.now() + timedelta(hours=hours))
    assert not outcome.ok
    assert "24 h" in outcome.message


def test_advice_alone_waits_for_the_operators_hand(world: World) -> None:
    number = by_hand(world)
    assert world.state(number) == "instructed"
    assert world.rows("SELECT * FROM command") == []
    world.wait(minutes=5)
    world.guard()
    assert world.state(number) == "instructed"
    world.set_by_hand[AIR] = 22.0
    world.wait(minutes=1)
    world.guard()
    world.guard()
    assert world.state(number) == "holding"
    assert world.row(number)["hold_until"] == world.clock.now() + timedelta(hours=24)
    world.wait(hours=24, minutes=1)
    world.guard()
    assert world.way(number)[-4:] == ["instructed", "applied", "holding", "completed"]


def test_an_instruction_that_nobody_follows_expires(world: World) -> None:
    number = by_hand(world)
    world.wait(hours=2, minutes=1)
    world.guard()
    assert world.state(number) == "expired"


def test_what_somebody_moves_on_is_no_longer_watched(world: World) -> None:
    number = by_hand(world)
    world.set_by_hand[AIR] = 22.0
    world.wait(minutes=1)
    world.guard()
    world.set_by_hand[AIR] = 20.0
    world.wait(minutes=1)
    world.guard()
    world.guard()
    assert world.state(number) == "completed"


def test_taking_back_by_hand_is_watched_and_an_alarm_stands_until_it_is_done(world: World) -> None:
    number = by_hand(world)
    world.set_by_hand[AIR] = 22.0
    world.wait(minutes=1)
    world.guard()
    outcome = engine.revert(world.dsn, world.site, world.clock, number, "Ada", "too warm for my taste")
    assert "back to 21.0 °C yourself" in outcome.message
    world.wait(minutes=11)
    world.guard()
    assert world.state(number) == "revert_failed"
    assert world.alarms() == {f"advise.revert_failed.{number}"}
    world.set_by_hand[AIR] = 21.0
    world.wait(minutes=1)
    world.guard()
    assert world.state(number) == "reverted"
    assert world.alarms() == set()


def test_hold_stops_what_stands_and_nothing_begins(world: World) -> None:
    first = world.propose()
    assert engine.hold(world.dsn, world.site, world.clock, "Ada", "smoke in hall 2").ok
    assert world.state(first) == "withdrawn"
    assert world.propose() == 0
    assert not engine.resume(world.dsn, world.site, world.clock, "Ada", " ").ok
    assert engine.resume(world.dsn, world.site, world.clock, "Ada", "it was toast").ok
    assert not engine.resume(world.dsn, world.site, world.clock, "Ada", "again").ok
    assert world.propose()


@pytest.mark.parametrize(
    ("state", "end"),
    [(State.QUEUED, ["withdrawn"]), (State.SENT, ["failed", "reverting"]), (State.HOLDING, ["reverting"])],
)
def test_hold_from_every_state(world: World, state: State, end: list[str]) -> None:
    number = world.propose()
    world.accept(number)
    walk(world, number, state)
    steps = len(world.way(number))
    engine.hold(world.dsn, world.site, world.clock, "Ada", "smoke in hall 2")
    assert world.way(number)[steps:] == end
    assert {row["state"] for row in world.rows("SELECT state FROM command")} <= {"expired"}


def walk(world: World, number: int, to: State) -> None:
    """Take a queued recommendation on as the dispatcher would."""
    way = (State.SENT, State.ACKED, State.APPLIED, State.HOLDING)
    with db.connect(world.dsn, autocommit=True) as conn:
        for state in way[: way.index(to) + 1] if to in way else ():
            card = life.card(conn, world.site, number)
            assert card is not None
            life.step(conn, card, state, world.clock, "test", due=card.hold_until)


def test_what_a_dead_process_left_accepted_is_taken_up(world: World) -> None:
    number = world.propose()
    with db.connect(world.dsn, autocommit=True) as conn:
        card = life.card(conn, world.site, number)
        assert card is not None
        life.step(conn, card, State.ACCEPTED, world.clock, "accepted", actor="Ada")
    assert engine.carry_on_all(world.context) == "carried on with 1 accepted recommendations"
    assert world.state(number) == "queued"
    (event,) = world.rows("SELECT * FROM recommendation_event WHERE to_state = 'queued'")
    human = next(v for v in event["detail"]["verdicts"] if v["gate"] == "human")
    assert "Ada" in human["reason"]


def test_what_nobody_takes_up_ends(world: World) -> None:
    number = world.propose()
    with db.connect(world.dsn, autocommit=True) as conn:
        card = life.card(conn, world.site, number)
        assert card is not None
        life.step(conn, card, State.ACCEPTED, world.clock, "accepted", actor="Ada")
    world.wait(minutes=2)
    world.guard()
    assert world.state(number) == "withdrawn"


def test_a_card_in_shadow_stands_to_be_scored_and_cannot_be_accepted(world: World) -> None:
    world.site = at(world.site, authority=Authority.SHADOW)
    number = world.propose()
    assert world.row(number)["authority"] == "shadow"
    assert "only scored" in world.accept(number).message
    assert world.propose() == 0
    world.wait(hours=23)
    world.guard()
    assert world.state(number) == "proposed"
    world.wait(hours=1, minutes=1)
    world.guard()
    assert world.state(number) == "expired"


def test_what_is_allowed_accepts_itself_under_the_policys_name(world: World) -> None:
    world.site = at(world.site, authority=Authority.AUTO_BOUNDED, two_persons=True)
    number = world.propose()
    assert world.state(number) == "queued"
    (event,) = world.rows("SELECT actor FROM recommendation_event WHERE to_state = 'accepted'")
    assert event["actor"] == "policy site.toml"


def test_outside_the_approved_envelope_it_waits_for_people(world: World) -> None:
    world.site = at(world.site, authority=Authority.AUTO_BOUNDED)
    with db.connect(world.dsn) as conn:
        settings.decide(
            conn,
            world.site,
            world.clock,
            "authority",
            "auto_bounded",
            actor="Ada",
            reason="proved",
            scope=AIR.value,
            evidence={"envelope_c": [18.0, 21.5]},
        )
    assert world.state(world.propose()) == "proposed"
    world.wanted_c = 21.4
    world.wait(minutes=1)
    world.propose()
    engine.reject(world.dsn, world.site, world.clock, 1, world.row(1)["version"], "Ada", "too much")
    world.wait(hours=5)
    number = world.propose()
    assert world.state(number) == "queued"
    (event,) = world.rows("SELECT actor FROM recommendation_event WHERE to_state = 'accepted'")
    assert event["actor"] == "policy 1"


def test_a_lease_that_ends_is_offered_once_more(world: World) -> None:
    number = world.propose()
    world.accept(number)
    walk(world, number, State.HOLDING)
    world.set_by_hand[AIR] = 22.0
    world.wait(hours=21)
    world.propose()
    assert world.rows("SELECT * FROM recommendation WHERE kind = 'renewal'") == []
    world.wait(hours=2)
    world.propose()
    world.propose()
    (renewal,) = world.rows("SELECT * FROM recommendation WHERE kind = 'renewal'")
    assert renewal["of_recommendation_id"] == number
    assert renewal["saving_p50_kw"] == pytest.approx(12.0)
    assert world.accept(renewal["recommendation_id"]).ok
    (command,) = world.rows(
        "SELECT * FROM command WHERE recommendation_id = %s", renewal["recommendation_id"]
    )
    assert (command["value"], command["previous_value"]) == (22.0, 22.0)


def test_a_long_way_is_gone_in_steps(world: World) -> None:
    change = engine.Change(AIR, 21.0, 23.5)
    assert engine.ramp(change, 1.0) == pytest.approx((21.8333, 22.6667, 23.5), abs=1e-3)
    assert engine.ramp(engine.Change(AIR, 22.0, 22.0), 1.0) == (22.0,)
    assert engine.ramp(engine.Change(AIR, 22.0, 21.0), 1.0) == (21.0,)
    assert world.propose()


@pytest.mark.parametrize("name", ["policy 12", " Policy site.toml", "POLICY"])
def test_nobody_is_a_policy_by_name(world: World, name: str) -> None:
    world.site = at(world.site, two_persons=True)
    number = world.propose()
    assert "cannot begin with 'policy'" in world.accept(number, name).message
    assert world.state(number) == "proposed"


def test_hold_stops_what_has_gone_on_since_it_was_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    number = world.propose()
    world.accept(number)
    walk(world, number, State.SENT)
    cards = life.cards

    def early(*asked: Any) -> list[life.Card]:
        found = cards(*asked)
        if world.state(number) == "sent":
            with db.connect(world.dsn, autocommit=True) as other:  # the dispatcher does not wait
                life.step(other, found[0], State.ACKED, world.clock, "taken")
        return found

    monkeypatch.setattr(life, "cards", early)
    assert engine.hold(world.dsn, world.site, world.clock, "Ada", "smoke").ok
    assert world.state(number) == "reverting"
