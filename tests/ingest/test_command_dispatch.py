"""A setpoint's life under a lease: sent, followed, renewed, released; and each way in which it goes wrong."""

from __future__ import annotations

import json
import logging
import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from write_back import AIR, OWN, WATER, World

from core import db
from core.actions import State
from core.jobs import Context
from core.settings import Settings
from ingest import command_link, commands
from ingest.edge.keys import make

if TYPE_CHECKING:
    from pathlib import Path


INTO_PLANT = ["queued", "sent", "acked", "applied", "holding"]


def test_from_acceptance_to_the_plants_own_control_again(world: World) -> None:
    number = world.recommend({AIR: 22.0, WATER: 8.0}, hold=timedelta(hours=1))
    world.until(number, State.HOLDING, within_s=20)
    assert world.leases() == {AIR: (number, 22.0, 21.0), WATER: (number, 8.0, 7.0)}
    assert world.plant.told == {AIR: 22.0, WATER: 8.0}
    world.until(number, State.COMPLETED, within_s=3700, every_s=10)
    assert world.path(number) == [*INTO_PLANT, "releasing", "completed"]
    assert (world.plant.told, world.leases(), world.alarms()) == ({}, {}, {})
    assert world.plant.writes == [(WATER, 8.0), (AIR, 22.0)]
    assert len(world.sent) > 2 * 50  # two leases were renewed every minute


def test_what_is_sent_says_all_that_the_other_side_needs(world: World) -> None:
    now = world.clock.now()
    number = world.recommend()
    world.until(number, State.HOLDING)
    topic, payload, expiry_s = world.sent[0]
    command = json.loads(payload)
    assert topic == f"joulecast/{world.site.id}/$command/{AIR}"
    assert 0 < expiry_s <= 30
    assert {k: command[k] for k in ("kind", "point", "value", "unit", "expect_current", "min", "max")} == {
        "kind": "set",
        "point": AIR,
        "value": 22.0,
        "unit": "degC",
        "expect_current": 21.0,
        "min": 18.0,
        "max": 26.0,
    }
    assert (command["issued_by"], command["approved_by"]) == ("olga", "olga")
    assert (command["recommendation_id"], command["lease_s"]) == (number, 900.0)
    assert command["expires_at"] == (now + timedelta(seconds=30)).isoformat().replace("+00:00", "Z")


def test_renewals_are_not_heaped_up(world: World) -> None:
    number = world.recommend()
    world.until(number, State.HOLDING)
    world.turns(1500, every_s=5)
    kept = world.conn.execute("SELECT count(*) AS n FROM command WHERE kind = 'renew'").fetchone()
    assert kept
    assert kept["n"] <= 2
    assert world.state(number) is State.HOLDING


def test_a_ramp_goes_step_by_step_under_one_lease(world: World) -> None:
    number = world.recommend(ramp=(22.0, 23.0, 24.0), hold=timedelta(hours=6))
    world.until(number, State.RAMPING)
    assert world.plant.told == {AIR: 22.0}
    world.turns(1700, every_s=10)
    assert world.plant.told == {AIR: 22.0}  # the dwell is not over
    world.until(number, State.HOLDING, within_s=4000, every_s=10)
    assert world.path(number) == ["queued", "sent", "acked", "applied", "ramping", "holding"]
    assert world.plant.writes == [(AIR, 22.0), (AIR, 23.0), (AIR, 24.0)]
    assert world.leases() == {AIR: (number, 24.0, 21.0)}


def test_a_step_that_is_refused_takes_the_whole_ramp_back(world: World) -> None:
    number = world.recommend(ramp=(22.0, 23.0), hold=timedelta(hours=6))
    world.until(number, State.RAMPING)
    world.conn.execute("UPDATE command SET value = 27.0 WHERE step = 2")
    world.until(number, State.REVERTED, within_s=4000, every_s=10)
    assert world.plant.told == {}
    assert world.plant.writes == [(AIR, 22.0)]
    assert "outside 18 to 26" in dict(world.events(number))["reverting"]
    assert list(world.alarms().values()) == [2]


@pytest.mark.parametrize(("value", "why"), [(26.5, "outside 18 to 26"), (22.5, "a step of 1.5; at most 1")])
def test_this_side_has_its_limits_too(world: World, value: float, why: str) -> None:
    number = world.recommend({AIR: value})
    world.until(number, State.WITHDRAWN)
    assert why in dict(world.events(number))["withdrawn"]
    assert (world.sent, world.leases()) == ([], {})
    assert len(world.alarms()) == 1


def test_what_is_in_force_must_be_what_was_seen(world: World) -> None:
    number = world.recommend()
    world.plant.own[AIR] = 21.5
    world.clock.advance(timedelta(seconds=1))
    world.until(number, State.WITHDRAWN)
    assert "21.5 is in force, not 21" in dict(world.events(number))["withdrawn"]


def test_two_changes_of_a_point_are_the_dwell_apart(world: World) -> None:
    first = world.recommend()
    world.until(first, State.HOLDING)
    second = world.recommend({AIR: 22.5})
    world.turns(600, every_s=10)
    assert world.state(second) is State.QUEUED
    world.until(second, State.WITHDRAWN, within_s=600, every_s=10)  # its time in the queue is over
    assert world.state(first) is State.HOLDING
    world.turns(600, every_s=10)
    third = world.recommend({AIR: 22.5})
    world.until(third, State.HOLDING)


def test_a_newer_recommendation_takes_the_lease_over(world: World) -> None:
    first = world.recommend({AIR: 22.0, WATER: 8.0}, hold=timedelta(hours=6))
    world.until(first, State.HOLDING)
    world.turns(1800, every_s=10)
    second = world.recommend({AIR: 23.0}, hold=timedelta(hours=2))
    world.until(second, State.HOLDING)
    assert dict(world.events(first))["completed"] == f"taken over by recommendation {second}"
    assert world.leases() == {AIR: (second, 23.0, 21.0), WATER: (second, 8.0, 7.0)}
    world.turns(300, every_s=10)
    assert {one.recommendation_id for one in world.edge.leases.values()} == {second}
    world.until(second, State.COMPLETED, within_s=8000, every_s=10)
    assert (world.plant.told, world.leases()) == ({}, {})


def test_a_takeover_that_is_refused_gives_the_point_back(world: World) -> None:
    first = world.recommend(hold=timedelta(hours=6))
    world.until(first, State.HOLDING)
    world.turns(1800, every_s=10)
    second = world.recommend({AIR: 23.0})
    world.plant.override = "priority 8 holds it"
    world.edge_alive = False  # so that only the command meets the override
    world.dispatcher.step(world.conn)
    world.hear(world.edge.receive(world.sent[-1][1]))
    world.edge_alive, world.plant.override = True, ""
    world.until(second, State.REVERTED)
    assert "override" in dict(world.events(second))["failed"]
    assert (world.plant.told, world.leases()) == ({}, {})


def test_a_refusal_says_why_and_ends(world: World) -> None:
    world.plant.override = "priority 8 holds 20"
    number = world.recommend()
    world.until(number, State.REVERTED)
    assert world.path(number) == ["queued", "sent", "failed", "reverting", "reverted"]
    assert "override: priority 8 holds 20" in dict(world.events(number))["failed"]
    assert world.plant.writes == []
    assert list(world.alarms().values()) == [2]
    world.plant.override = ""
    world.turns(1800, every_s=10)
    world.until(world.recommend(), State.HOLDING)
    assert world.alarms() == {}  # something works again


def test_a_plant_that_says_yes_and_does_nothing(world: World) -> None:
    world.plant.frozen = True
    number = world.recommend()
    world.until(number, State.ACKED)
    assert world.edge.leases
    world.until(number, State.REVERTED)
    assert "did not follow within 300 s" in dict(world.events(number))["failed"]
    assert not world.edge.leases
    assert world.plant.writes == [(AIR, 22.0)]


def test_a_reading_of_before_the_command_is_no_proof(world: World) -> None:
    world.plant.frozen = True
    world.plant.own[AIR] = 22.0
    world.measure()
    world.plant.own[AIR] = 21.0
    world.clock.advance(timedelta(seconds=1))
    world.measure()
    number = world.recommend()
    world.sensors = False
    world.turns(20)
    assert world.state(number) is State.ACKED


def test_a_gateway_that_is_away_ends_it(world: World) -> None:
    world.edge_alive = False
    number = world.recommend()
    world.until(number, State.REVERTED)
    assert "no answer from the plant" in dict(world.events(number))["failed"]
    assert world.plant.writes == []
    assert {json.loads(payload)["kind"] for _, payload, _ in world.sent} == {"set", "release"}


def test_a_crash_between_commit_and_publish_sends_the_same_bytes_again(world: World) -> None:
    number = world.recommend()
    world.broker = False
    world.turn()
    assert (world.state(number), world.sent) == (State.SENT, [])
    assert world.alarms() == {"write.broker": 2}
    signed = world.conn.execute("SELECT message FROM command").fetchone()
    assert signed
    world.broker = True
    world.start_server()
    world.until(number, State.HOLDING)
    assert world.sent[0][1] == bytes(signed["message"])
    assert (world.plant.writes, world.alarms()) == ([(AIR, 22.0)], {})


def test_a_crash_after_publishing_writes_nothing_twice(world: World) -> None:
    number = world.recommend()
    world.edge_alive = False
    world.turn()
    world.edge.receive(world.sent[0][1])  # it has arrived, and its answer is lost
    world.edge_alive = True
    world.start_server()
    world.until(number, State.HOLDING)
    assert world.sent[0][1] == world.sent[1][1]
    assert world.plant.writes == [(AIR, 22.0)]


def test_a_broker_that_stays_away_ends_it(world: World) -> None:
    number = world.recommend()
    world.until(number, State.HOLDING)
    world.broker = False
    world.until(number, State.REVERTED, every_s=5)
    assert world.plant.told == {}
    assert (
        "not renewed" in dict(world.events(number))["reverting"]
        or "somebody" in (dict(world.events(number))["reverting"])
    )
    assert 2 in world.alarms().values()


def test_an_operator_at_the_plant_wins(world: World) -> None:
    number = world.recommend()
    world.until(number, State.HOLDING)
    world.plant.told[AIR] = 20.0
    world.until(number, State.REVERTED)
    assert "somebody set 20 instead of 22" in dict(world.events(number))["reverting"]


def test_a_gateway_that_lets_go_says_so(world: World) -> None:
    number = world.recommend()
    world.until(number, State.HOLDING)
    world.plant.override = "priority 8 holds it"
    world.until(number, State.REVERTED)
    assert "let go: override" in dict(world.events(number))["reverting"]


def test_a_gateway_that_was_restarted_holds_nothing(world: World) -> None:
    number = world.recommend()
    world.until(number, State.HOLDING)
    world.start_edge()
    world.until(number, State.REVERTED)
    assert (world.plant.told, world.plant.writes) == ({}, [(AIR, 22.0)])


def test_hold_takes_it_back(world: World) -> None:
    number = world.recommend()
    world.until(number, State.HOLDING)
    world.operator(number, State.REVERTING)
    world.until(number, State.REVERTED, within_s=5)
    assert (world.plant.told, world.leases(), world.alarms()) == ({}, {}, {})


def test_a_plant_that_does_not_go_back_is_an_alarm_of_the_first_priority(world: World) -> None:
    number = world.recommend()
    world.until(number, State.HOLDING)
    world.plant.own[AIR] = 22.0  # whatever is released, 22 stays in force
    world.plant.told[AIR] = 22.0
    world.operator(number, State.REVERTING)
    world.until(number, State.REVERT_FAILED, every_s=5)
    assert world.alarms() == {f"write.revert.{number}": 1}
    world.plant.own[AIR] = 21.0
    world.until(number, State.REVERTED, every_s=5)
    assert world.alarms() == {}


def test_writing_back_switched_off_while_it_holds(world: World) -> None:
    number = world.recommend()
    world.until(number, State.HOLDING)
    said = len(world.sent)
    world.start_server(write_back=False)
    world.until(number, State.REVERTED, every_s=5)
    assert len(world.sent) == said
    assert world.plant.told == {}


def test_a_stale_setpoint_is_not_changed(world: World) -> None:
    world.clock.advance(timedelta(minutes=5))
    world.sensors = False
    number = world.recommend()
    world.until(number, State.WITHDRAWN, every_s=10)
    assert (world.sent, len(world.alarms())) == ([], 1)


def test_a_silent_gateway_is_told_while_something_is_held(world: World) -> None:
    world.beat()
    world.turns(40)
    assert world.alarms() == {}
    number = world.recommend()
    world.until(number, State.HOLDING)
    world.turns(2)
    assert world.alarms() == {"write.edge.edge-1": 2}
    world.beat()
    world.turns(1)
    assert world.alarms() == {}
    world.beat(online=False)
    world.turns(1)
    assert world.alarms() == {"write.edge.edge-1": 2}


def test_a_recommendation_of_another_site_is_left_alone(world: World) -> None:
    number = world.recommend()
    world.conn.execute("UPDATE recommendation SET site_id = 'elsewhere'")
    world.turns(5)
    assert world.state(number) is State.QUEUED
    assert world.sent == []


def test_own_values_of_a_fresh_world_are_never_touched(world: World) -> None:
    world.turns(10)
    assert (world.plant.writes, world.plant.own, world.sent) == ([], OWN, [])


@pytest.mark.parametrize("missing", ["write_back", "key"])
def test_without_permission_or_key_it_is_said_once(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture, missing: str
) -> None:
    site = world.site.model_copy(update={"write_back": missing != "write_back"})
    key = make(tmp_path / "keys")[0] if missing != "key" else None
    stop = threading.Event()
    stop.set()
    settings = Settings(dsn=world.dsn, command_key_file=key)
    with caplog.at_level(logging.WARNING):
        commands.run(Context(settings, site, world.clock, world.dsn), stop)
    assert len(caplog.records) == 1
    assert "are not sent" in caplog.text


def test_one_process_at_a_time(world: World) -> None:
    with db.connect(world.dsn, autocommit=True) as one, db.connect(world.dsn, autocommit=True) as two:
        with (
            command_link.alone(one, world.site.id) as first,
            command_link.alone(two, world.site.id) as second,
        ):
            assert (first, second) == (True, False)
        with command_link.alone(two, world.site.id) as second:
            assert second
