"""Ways to a plant's setpoint, and out of it, that must not be there: each was open once."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from write_back import AIR, World

from core import db
from core.actions import State
from core.errors import ServiceError
from ingest.commands import FAILED, REVERT, WATCH_S


def kinds(world: World) -> list[str]:
    return [json.loads(payload)["kind"] for _, payload, _ in world.sent]


def hold(world: World) -> None:
    world.conn.execute(
        "INSERT INTO advice_setting (site_id, kind, value, actor, reason, at) VALUES (%s, 'hold', 'on',"
        " 'olga', 'smoke', %s)",
        (world.site.id, world.clock.now()),
    )


def watched(world: World) -> None:
    """The guard has run."""
    now = world.clock.now()
    world.conn.execute(
        "INSERT INTO job_run (job, started_at, ended_at, state, detail)"
        " VALUES ('twin.guard', %s, %s, 'ok', '')",
        (now, now),
    )


@pytest.mark.parametrize("restarted", [False, True])
def test_what_was_signed_but_not_published_does_not_go_out_once_it_goes_back(
    world: World, restarted: bool
) -> None:
    number = world.recommend()
    world.broker = False
    world.turn()
    assert (world.state(number), world.sent) == (State.SENT, [])
    world.operator(number, State.FAILED)
    world.operator(number, State.REVERTING)
    world.broker = True
    if restarted:
        world.start_server()
    world.until(number, State.REVERTED)
    assert kinds(world) == ["release"]
    assert world.plant.writes == []


@pytest.mark.parametrize("state", [State.QUEUED, State.SENT, State.ACKED, State.RAMPING, State.HOLDING])
def test_hold_is_asked_here_too_and_a_release_is_out_in_two_seconds(world: World, state: State) -> None:
    number = world.recommend(ramp=(22.0, 23.0) if state is State.RAMPING else (22.0,))
    world.edge_alive = state is not State.SENT
    world.plant.frozen = state is State.ACKED
    if state is not State.QUEUED:
        world.until(number, state)
    hold(world)
    world.turns(2)
    wrote = [] if state in {State.QUEUED, State.SENT} else [(AIR, 22.0)]
    assert world.plant.writes == wrote
    assert kinds(world)[-1:] == ([] if state is State.QUEUED else ["release"])
    world.edge_alive = True
    world.until(number, State.WITHDRAWN if state is State.QUEUED else State.REVERTED)
    assert world.plant.told == {}
    assert any(reason == "HOLD by olga" for _, reason in world.events(number))


def test_nothing_is_held_that_nobody_watches(world: World) -> None:
    watched(world)
    number = world.recommend()
    world.until(number, State.HOLDING)
    world.turns(WATCH_S - 10.0, every_s=5)
    watched(world)
    world.turns(WATCH_S - 10.0, every_s=5)
    assert world.state(number) is State.HOLDING
    world.until(number, State.REVERTED, within_s=60)
    assert "the twin service is away" in dict(world.events(number))["reverting"]
    assert world.plant.told == {}
    world.turns(1800, every_s=10)
    other = world.recommend()
    world.until(other, State.WITHDRAWN, within_s=1000, every_s=10)
    assert "not be sent in time: nobody has watched inlets" in dict(world.events(other))["withdrawn"]


def test_what_goes_back_meanwhile_is_not_taken_over(world: World, dsn: str) -> None:
    first = world.recommend(hold=timedelta(hours=6))
    world.until(first, State.HOLDING)
    world.turns(1800, every_s=10)
    second = world.recommend({AIR: 22.5})
    take_over = world.dispatcher._take_over  # the moment between reading and taking

    def late(*both: object) -> None:
        with db.connect(dsn, autocommit=True) as other:  # as the guard or an operator would
            world.conn, own = other, world.conn
            world.operator(first, State.REVERTING)
            world.conn = own
        take_over(*both)  # type: ignore[arg-type]  # handed on as they come

    world.dispatcher._take_over = late  # type: ignore[method-assign]  # for this one moment
    with pytest.raises(ServiceError, match="goes back meanwhile"):  # it is tried again
        world.dispatcher.step(world.conn)
    assert (world.state(first), world.state(second)) == (State.REVERTING, State.QUEUED)
    assert world.leases()[AIR][0] == first
    del world.dispatcher._take_over
    world.until(first, State.REVERTED)
    assert world.plant.told == {}


def test_a_release_goes_out_where_the_plants_own_value_is_the_advised_one(world: World) -> None:
    number = world.recommend()
    world.until(number, State.HOLDING)
    world.plant.own[AIR] = 22.0
    world.conn.execute("UPDATE lease SET own_value = 22.0")
    world.edge_alive = False
    world.operator(number, State.REVERTING)
    world.turns(20)
    assert kinds(world)[-1] == "release"
    assert world.state(number) is State.REVERTING  # no measurement can tell
    world.edge_alive = True
    world.until(number, State.REVERTED)
    assert (world.edge.leases, world.leases()) == ({}, {})


def test_what_moved_away_from_ours_by_itself_is_released_all_the_same(world: World) -> None:
    number = world.recommend()
    world.until(number, State.HOLDING)
    world.plant.told[AIR] = 20.0
    world.until(number, State.REVERTED)
    assert kinds(world)[-1] == "release"
    assert world.edge.leases == {}


def test_the_value_of_the_one_before_is_ours_as_well(world: World) -> None:
    first = world.recommend(hold=timedelta(hours=6))
    world.until(first, State.HOLDING)
    world.turns(1800, every_s=10)
    second = world.recommend({AIR: 23.0}, hold=timedelta(hours=6))
    world.until(second, State.HOLDING)
    world.turns(1800, every_s=10)
    third = world.recommend({AIR: 24.0})
    world.plant.override = "priority 8 holds it"
    world.edge_alive = False  # so that only the command meets the override
    world.dispatcher.step(world.conn)
    assert world.leases() == {AIR: (third, 24.0, 21.0)}  # the plant's own value goes from hand to hand
    world.hear(world.edge.receive(world.sent[-1][1]))
    world.edge_alive, world.plant.override = True, ""
    world.plant.own[AIR] = 23.0  # released, and yet it stays where the second one had set it
    world.turns(400, every_s=5)
    assert world.state(third) is State.REVERTING
    world.until(third, State.REVERT_FAILED, every_s=5)
    world.plant.own[AIR] = 21.0
    world.until(third, State.REVERTED)


def test_one_that_is_back_leaves_the_alarms_of_others_alone(world: World) -> None:
    number = world.recommend()
    for source in (f"{REVERT}{number}0", f"{FAILED}{number}0"):
        world.conn.execute(
            "INSERT INTO alarm (site_id, source, priority, message, action, raised_at)"
            " VALUES (%s, %s, 1, 'stays', 'look', %s)",
            (world.site.id, source, world.clock.now()),
        )
    world.until(number, State.HOLDING)
    world.operator(number, State.REVERTING)
    world.until(number, State.REVERTED)
    assert world.alarms() == {f"{REVERT}{number}0": 1}  # what failed before is over: something works


def test_a_gateway_that_holds_nothing_is_not_waited_for(world: World) -> None:
    world.beat(online=False)
    number = world.recommend()
    world.until(number, State.HOLDING)
    world.turns(2)
    assert world.alarms() == {"write.edge.edge-1": 2}
    world.operator(number, State.REVERTING)
    world.until(number, State.REVERTED)
    world.turns(2)
    assert world.alarms() == {}
