"""The watch over what is in the plant, and how far advice is trusted."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from test_engine_life import walk
from world import AIR, World, at, made

from core import db
from core.actions import Authority, State
from twin.advise import authority, engine, life
from twin.advise.authority import DAYS_MIN, NUMBER_MIN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.clock import ManualClock
    from core.site import Site

HOT_C, TOO_HOT_C = 27.6, 32.5
"""Above the recommended and the allowable limit of class A1."""


@pytest.fixture
def world(dsn: str, site: Site, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A plant that follows."""
    with db.connect(dsn, autocommit=True) as conn:
        yield made(monkeypatch, World(dsn, site, clock, conn))


@pytest.fixture
def held(world: World) -> int:
    """A recommendation that the plant holds."""
    number = world.propose()
    world.accept(number)
    walk(world, number, State.HOLDING)
    world.set_by_hand[AIR] = 22.0
    world.wait(minutes=1)
    assert world.guard() == "nothing to do"
    return number


def reverts(world: World) -> list[dict[str, Any]]:
    return world.rows("SELECT * FROM recommendation WHERE kind = 'revert' ORDER BY 1")


def test_a_warm_inlet_proposes_the_revert_at_once_and_once(world: World, held: int) -> None:
    world.inlet_c = HOT_C
    world.wait(minutes=1)
    assert "27.6 °C, recommended limit 27.0 °C" in world.guard()
    assert world.guard() == "nothing to do"
    (card,) = reverts(world)
    assert (card["of_recommendation_id"], card["state"]) == (held, "proposed")
    assert card["changes"] == [{"setpoint": AIR.value, "from_c": 22.0, "to_c": 21.0}]
    assert card["saving_p50_kw"] == -12.0
    assert world.alarms() == {f"advise.inlet.{held}"}
    assert world.state(held) == "holding"
    world.inlet_c = 25.0
    world.wait(minutes=1)
    world.guard()
    assert world.alarms() == set()


def test_an_accepted_revert_takes_the_other_back(world: World, held: int) -> None:
    world.inlet_c = HOT_C
    world.wait(minutes=1)
    world.guard()
    (card,) = reverts(world)
    outcome = world.accept(card["recommendation_id"], "Grace")
    assert outcome.ok, outcome.message
    assert world.state(held) == "reverting"
    assert world.rows("SELECT * FROM command WHERE recommendation_id = %s", card["recommendation_id"]) == []
    world.set_by_hand[AIR] = 21.0
    for _ in range(3):
        world.wait(seconds=10)
        world.guard()
    assert world.state(card["recommendation_id"]) == "completed"


def test_a_revert_that_was_turned_down_is_not_proposed_again(world: World, held: int) -> None:
    world.inlet_c = HOT_C
    world.wait(minutes=1)
    world.guard()
    (card,) = reverts(world)
    number, version = card["recommendation_id"], card["version"]
    engine.reject(world.dsn, world.site, world.clock, number, version, "Ada", "a door stood open")
    world.wait(minutes=1)
    world.guard()
    assert len(reverts(world)) == 1
    assert world.alarms() == {f"advise.inlet.{held}"}


def test_above_the_allowable_limit_it_goes_back_by_itself_and_is_trusted_less(
    world: World, held: int
) -> None:
    world.inlet_c = TOO_HOT_C
    world.wait(minutes=1)
    world.guard()
    assert world.state(held) == "reverting"
    assert world.authority() is Authority.ADVISORY
    (alarm,) = world.rows("SELECT * FROM alarm WHERE cleared_at IS NULL")
    assert (alarm["source"], alarm["priority"]) == (f"advise.inlet.{held}", 1)


def test_an_inlet_that_rises_on_asks_again_as_graver(world: World, held: int) -> None:
    world.inlet_c = HOT_C
    world.wait(minutes=1)
    world.guard()
    (first,) = world.rows("SELECT * FROM alarm")
    does = "SELECT alarm_act(%s, %s, %s, 'Ada', 'a door stood open', %s)"
    now = world.clock.now()
    world.rows(does, first["alarm_id"], "acknowledge", now, None)
    world.rows(does, first["alarm_id"], "shelve", now, now + timedelta(hours=1))
    for inlet_c in (TOO_HOT_C, HOT_C):  # a little cooler does not make it less grave
        world.inlet_c = inlet_c
        world.wait(minutes=1)
        world.guard()
        (alarm,) = world.rows("SELECT * FROM alarm WHERE source = %s AND state <> 'normal'", first["source"])
        assert (alarm["priority"], alarm["state"], alarm["cleared_at"]) == (1, "unacknowledged", None)
        assert "32.5 °C" in alarm["message"]
    assert world.state(held) == "reverting"


def test_the_alarm_of_an_inlet_stands_until_it_is_cool_whatever_became_of_the_card(
    world: World, held: int
) -> None:
    world.inlet_c = TOO_HOT_C
    world.wait(minutes=1)
    world.guard()
    with db.connect(world.dsn) as conn:
        (card,) = life.cards(conn, world.site, [State.REVERTING])
        life.step(conn, card, State.REVERTED, world.clock, "it is back")
    world.wait(minutes=1)
    world.guard()
    assert (world.state(held), world.alarms()) == ("reverted", {f"advise.inlet.{held}"})
    world.inlet_c = 25.0
    world.wait(minutes=1)
    world.guard()
    assert world.alarms() == set()


def test_what_accepted_itself_goes_back_at_the_recommended_limit(world: World) -> None:
    world.site = at(world.site, authority=Authority.AUTO_BOUNDED)
    number = world.propose()
    walk(world, number, State.HOLDING)
    world.inlet_c = HOT_C
    world.wait(minutes=1)
    world.guard()
    assert world.state(number) == "reverting"
    assert world.authority() is Authority.ADVISORY


def test_blind_it_is_not_held(world: World, held: int) -> None:
    world.silent = True
    world.wait(minutes=9)
    assert world.guard() == "nothing to do"
    world.wait(minutes=2)
    assert "no readings for 600 s" in world.guard()
    assert world.state(held) == "reverting"
    assert world.alarms() == {f"advise.guard.{held}"}


@pytest.mark.parametrize(("online", "seconds", "word"), [(True, 61, "silent"), (False, 1, "gone")])
def test_unheard_it_is_not_held(world: World, held: int, online: bool, seconds: int, word: str) -> None:
    with db.connect(world.dsn) as conn:
        conn.execute(
            "INSERT INTO edge_status VALUES (%s, 'gateway', %s, %s, '{}')",
            (world.site.id, online, world.clock.now()),
        )
    world.wait(seconds=seconds)
    assert word in world.guard()
    assert world.state(held) == "reverting"


@pytest.mark.parametrize("state", [State.QUEUED, State.SENT, State.ACKED, State.APPLIED, State.HOLDING])
def test_a_dispatcher_that_never_comes_back_leaves_nothing_open(world: World, state: State) -> None:
    number = world.propose()
    world.accept(number)
    walk(world, number, state)
    for _ in range(8):
        world.wait(hours=25)
        world.guard()
    assert world.state(number) == ("withdrawn" if state is State.QUEUED else "revert_failed")
    assert world.rows("SELECT * FROM command WHERE state = 'queued'") == []


def test_a_dispatcher_that_is_late_is_not_overtaken(world: World) -> None:
    number = world.propose()
    world.accept(number)
    walk(world, number, State.SENT)
    world.wait(seconds=100)
    world.guard()
    assert world.state(number) == "sent"


# --- authority


def record(world: World, count: int, *, missed: int = 0, breaches: int = 0) -> None:
    """Savings as if `count` recommendations had been measured a while ago."""
    with db.connect(world.dsn) as conn:
        for i in range(count):
            row = conn.execute(
                "INSERT INTO recommendation (site_id, created_at, expires_at, changes, objective, authority,"
                " state, saving_p10_kw, saving_p50_kw, saving_p90_kw, attribution, prediction, verdicts,"
                " rule)"
                " VALUES (%s, now(), now(), %s, 'facility_energy', 'supervised', 'completed', 8, 10, 12,"
                " '{}', '{}', '[]', '{}') RETURNING recommendation_id",
                (world.site.id, db.json([{"setpoint": AIR.value, "from_c": 21.0, "to_c": 22.0}])),
            ).fetchone()
            assert row is not None
            number, kwh = row["recommendation_id"], 20.0 if i < missed else 10.0
            conn.execute(
                "UPDATE recommendation SET created_at = %s WHERE recommendation_id = %s",
                (world.clock.now(), number),
            )
            conn.execute(
                "INSERT INTO verification (recommendation_id, period_from, period_to, measured_kwh,"
                " counterfactual_kwh, saving_p10_kwh, saving_p50_kwh, saving_p90_kwh, created_at)"
                " VALUES (%s, %s, %s + interval '1 hour', 1, 1, %s, %s, %s, %s)",
                (number, world.clock.now(), world.clock.now(), kwh - 2, kwh, kwh + 2, world.clock.now()),
            )
            if i < breaches:
                conn.execute(
                    "INSERT INTO recommendation_event (recommendation_id, at, from_state, to_state, actor,"
                    " reason, detail) VALUES (%s, %s, 'holding', 'reverting', 'joulecast', 'hot', %s)",
                    (number, world.clock.now(), db.json({"breach": "hot"})),
                )


def ask(world: World, wanted: Authority, actor: str) -> engine.Outcome:
    return authority.change(world.dsn, world.site, world.clock, AIR, wanted, actor, "it did well")


def test_two_people_promote_on_evidence(world: World) -> None:
    assert "0 days in this mode, 30 needed" in ask(world, Authority.AUTO_BOUNDED, "Ada").message
    record(world, NUMBER_MIN)
    world.wait(days=DAYS_MIN)
    first = ask(world, Authority.AUTO_BOUNDED, "Ada")
    assert first.ok
    assert "second person" in first.message
    assert not ask(world, Authority.AUTO_BOUNDED, "ADA").ok
    assert not ask(world, Authority.AUTO_BOUNDED, "Eve (typed by ada)").ok
    assert world.authority() is Authority.SUPERVISED
    second = ask(world, Authority.AUTO_BOUNDED, "Grace")
    assert "Ada and Grace agree" in second.message
    assert world.authority() is Authority.AUTO_BOUNDED
    (row,) = world.rows("SELECT * FROM advice_setting WHERE kind = 'authority'")
    assert row["evidence"]["envelope_c"] == [18.0, 26.0]
    assert row["evidence"]["number"] == NUMBER_MIN


def test_who_asked_long_ago_has_to_ask_again(world: World) -> None:
    record(world, NUMBER_MIN)
    world.wait(days=DAYS_MIN)
    ask(world, Authority.AUTO_BOUNDED, "Ada")
    world.wait(days=8)
    assert "Grace asks" in ask(world, Authority.AUTO_BOUNDED, "Grace").message


@pytest.mark.parametrize(
    ("number", "missed", "breaches", "days", "word"),
    [
        (NUMBER_MIN - 1, 0, 0, DAYS_MIN, "19 measured savings, 20 needed"),
        (NUMBER_MIN, 7, 0, DAYS_MIN, "13 of 20 savings inside the stated interval, 70% needed"),
        (NUMBER_MIN, 0, 1, DAYS_MIN, "1 times an inlet was above its limit"),
        (NUMBER_MIN, 0, 0, DAYS_MIN - 1, "29 days in this mode"),
    ],
)
def test_what_the_evidence_lacks_is_said(
    world: World, number: int, missed: int, breaches: int, days: float, word: str
) -> None:
    record(world, number, missed=missed, breaches=breaches)
    world.wait(days=days)
    outcome = ask(world, Authority.AUTO_BOUNDED, "Ada")
    assert not outcome.ok
    assert word in outcome.message
    assert world.rows("SELECT * FROM advice_setting") == []


def test_what_was_only_shown_is_scored(world: World) -> None:
    world.site = at(world.site, authority=Authority.SHADOW)
    number = world.propose()
    with db.connect(world.dsn) as conn:
        conn.execute(
            "INSERT INTO shadow_score VALUES (%s, now(), now() + interval '2 hours', 24, 0, now())", (number,)
        )
        found = authority.evidence(conn, world.site, world.clock, AIR)
    assert (found.authority, found.next) == (Authority.SHADOW, Authority.ADVISORY)
    assert (found.number, found.covered, found.coverage_ratio) == (1, 1, 1.0)


def test_no_step_is_left_out_and_nothing_is_written_that_may_not_be(world: World) -> None:
    world.site = at(world.site, authority=Authority.SHADOW)
    assert "after shadow comes advisory" in ask(world, Authority.SUPERVISED, "Ada").message
    world.site = at(world.site, authority=Authority.ADVISORY).model_copy(update={"write_back": False})
    assert "needs write_back" in ask(world, Authority.SUPERVISED, "Ada").message


def test_down_goes_at_once_and_takes_what_is_held_with_it(world: World, held: int) -> None:
    assert ask(world, Authority.SHADOW, "Ada").ok
    assert world.state(held) == "reverting"
    assert world.authority() is Authority.SHADOW
    assert not ask(world, Authority.SHADOW, "Ada").ok
    assert not ask(world, Authority.ADVISORY, " ").ok


def test_two_misses_take_the_right_to_write_away(world: World, held: int) -> None:
    record(world, 2)
    with db.connect(world.dsn) as conn:
        conn.execute("UPDATE verification SET saving_p90_kwh = 1, saving_p50_kwh = 0, saving_p10_kwh = -1")
    world.guard()
    assert world.authority() is Authority.ADVISORY
    assert world.state(held) == "reverting"


def test_what_did_not_go_back_takes_it_away_too(world: World, held: int) -> None:
    engine.revert(world.dsn, world.site, world.clock, held, "Ada", "enough")
    world.wait(minutes=30)
    world.guard()
    assert world.state(held) == "revert_failed"
    assert world.authority() is Authority.ADVISORY


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize("inlet_c", [HOT_C, TOO_HOT_C])
def test_the_way_back_is_not_taken_back(world: World, inlet_c: float) -> None:
    world.inlet_c = HOT_C
    world.wait(minutes=1)
    world.guard()
    (card,) = reverts(world)
    assert world.accept(card["recommendation_id"], "Grace").ok
    world.set_by_hand[AIR] = 21.0
    world.inlet_c = inlet_c  # air and walls take their time
    for _ in range(4):
        world.wait(seconds=10)
        world.guard()
    assert world.state(card["recommendation_id"]) == "completed"
    assert len(reverts(world)) == 1


@pytest.mark.parametrize("inlet_c", [HOT_C, TOO_HOT_C])
def test_what_cools_is_not_taken_back_because_it_is_warm(world: World, held: int, inlet_c: float) -> None:
    changes = f'[{{"setpoint": "{AIR.value}", "from_c": 23.0, "to_c": 22.0}}]'
    world.rows("UPDATE recommendation SET changes = %s::jsonb RETURNING 1", changes)
    world.inlet_c = inlet_c
    world.wait(minutes=1)
    assert "worst inlet" in world.guard()
    assert (world.state(held), reverts(world)) == ("holding", [])
    (alarm,) = world.rows("SELECT * FROM alarm WHERE cleared_at IS NULL")
    assert "taking it back would warm" in alarm["action"]
    assert alarm["priority"] == (1 if inlet_c == TOO_HOT_C else 2)
