"""The gateway takes what is genuine and harmless, says why it takes nothing else, and lets go by itself."""

from __future__ import annotations

import errno
import json
import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests_of_edge import AIR, OWN, WATER, Plant, Server, gateway

from core.errors import InputError, ServiceError
from ingest.edge.drivers.base import DriverError
from ingest.edge.gateway import ANSWERS
from ingest.edge.protocol import COMMAND_BYTES, Command, Kind, Reason, canonical, seal
from ingest.edge.store import FileStore

if TYPE_CHECKING:
    from pathlib import Path

    from core.clock import ManualClock
    from ingest.edge.gateway import Gateway


def test_a_genuine_command_is_written_and_answered(
    edge: Gateway, server: Server, plant_in_memory: Plant
) -> None:
    answer = edge.receive(server.sealed(value=22.0))
    assert (answer.accepted, answer.reason, answer.value) == (True, Reason.DONE, 22.0)
    assert (answer.point, answer.recommendation_id, answer.released) == (AIR, 1, False)
    assert plant_in_memory.writes == [(AIR, 22.0)]
    assert edge.leases[AIR].value == 22.0


WRONG: dict[Reason, dict[str, Any]] = {
    Reason.SITE: {"site": "elsewhere"},
    Reason.POINT: {"point": "hall/power"},
    Reason.UNIT: {"unit": "degF"},
    Reason.MIN: {"value": 15.9, "min": 10.0},
    Reason.MAX: {"value": 28.1, "max": 40.0},
    Reason.COMMAND_RANGE: {"value": 22.0, "max": 21.9},
    Reason.LEASE: {"lease_s": 901.0},
    Reason.CURRENT: {"expect_current": 21.2},
    Reason.STEP: {"value": 22.6},
    Reason.MALFORMED: {"v": 2},
    Reason.UNKNOWN_KEY: {"key_id": "0123456789abcdef"},
}


@pytest.mark.parametrize("reason", WRONG)
def test_what_is_not_harmless_is_refused_with_its_reason(
    edge: Gateway, server: Server, plant_in_memory: Plant, reason: Reason
) -> None:
    command = server.command(**WRONG[reason])
    answer = edge.receive(seal(command, server.key))
    assert (answer.accepted, answer.reason, answer.command_id) == (False, reason, command.command_id)
    assert answer.detail
    assert plant_in_memory.writes == []
    assert edge.receive(server.sealed()).accepted  # and the next one is judged afresh


@pytest.mark.parametrize("lease_s", [0.0, -1.0])
def test_a_lease_of_no_length_is_refused(edge: Gateway, server: Server, lease_s: float) -> None:
    assert edge.receive(server.sealed(lease_s=lease_s)).reason is Reason.LEASE


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"\xff",
        b"[" * 5000,
        b'{"value": NaN}',
        b"1e999",
        b'{"command_id":1}',
        b"{}",
        b" " * (COMMAND_BYTES + 1),
    ],
)
def test_whatever_is_no_command_is_refused(edge: Gateway, plant_in_memory: Plant, payload: bytes) -> None:
    answer = edge.receive(payload)
    assert (answer.accepted, answer.reason) == (False, Reason.MALFORMED)
    assert plant_in_memory.writes == []


def test_a_number_beyond_all_numbers_is_refused(edge: Gateway, server: Server) -> None:
    body = json.loads(server.sealed())
    text = canonical(body).replace(b'"value":22.0', b'"value":1e999')
    assert edge.receive(text).reason is Reason.MALFORMED


def test_the_same_command_written_otherwise_is_refused(edge: Gateway, server: Server) -> None:
    body = json.loads(server.sealed())
    assert edge.receive(json.dumps(body).encode()).reason is Reason.MALFORMED
    assert edge.receive(canonical(body | {"more": 1})).reason is Reason.MALFORMED
    naive = canonical(body | {"expires_at": "2026-03-02T12:00:30"})
    assert edge.receive(naive).reason is Reason.MALFORMED
    assert edge.receive(canonical(body)).accepted


@pytest.mark.parametrize("signature", ["", "AAAA", "§", None])
def test_a_forged_command_is_refused(
    edge: Gateway, server: Server, plant_in_memory: Plant, signature: str | None
) -> None:
    body = json.loads(server.sealed()) | {"signature": signature}
    assert edge.receive(canonical(body)).reason is Reason.SIGNATURE
    assert edge.receive(seal(server.command(), Ed25519PrivateKey.generate())).reason is Reason.SIGNATURE
    changed = json.loads(server.sealed()) | {"value": 22.5}
    assert edge.receive(canonical(changed)).reason is Reason.SIGNATURE
    assert plant_in_memory.writes == []


def test_a_retained_command_is_refused(edge: Gateway, server: Server, plant_in_memory: Plant) -> None:
    assert edge.receive(server.sealed(), retained=True).reason is Reason.RETAINED
    assert plant_in_memory.writes == []


def test_a_command_is_for_its_time_only(edge: Gateway, server: Server, clock: ManualClock) -> None:
    late, early = server.sealed(), server.sealed(not_before=clock.now() + timedelta(seconds=60))
    assert edge.receive(early).reason is Reason.TOO_EARLY
    clock.advance(timedelta(seconds=30))
    assert edge.receive(server.sealed(expires_at=clock.now())).reason is Reason.EXPIRED
    assert edge.receive(late).reason is Reason.REPLAYED  # its number is old by now


@pytest.mark.parametrize("minutes", [-5, 5])
def test_a_release_is_done_whatever_the_clocks_say(
    edge: Gateway, server: Server, plant_in_memory: Plant, clock: ManualClock, minutes: int
) -> None:
    assert edge.receive(server.sealed()).accepted
    theirs = clock.now() + timedelta(minutes=minutes)
    times = {"not_before": theirs, "expires_at": theirs + timedelta(seconds=30)}
    refused = edge.receive(server.sealed(Kind.RENEW, **times))
    assert refused.reason is (Reason.EXPIRED if minutes < 0 else Reason.TOO_EARLY)
    assert "compare the clocks" in refused.detail
    release = server.sealed(Kind.RELEASE, **times)
    assert edge.receive(release).accepted
    assert plant_in_memory.remote == {}
    assert edge.leases == {}


@pytest.mark.parametrize("where", ["command_id", "key_id", "more"])
def test_half_a_character_is_refused_in_an_answer_that_can_be_sent(
    edge: Gateway, server: Server, where: str
) -> None:
    body = json.loads(server.sealed()) | {where: "\ud800", "\udc00" if where == "more" else where: "\ud800"}
    answer = edge.receive(canonical(body))
    assert answer.reason is Reason.MALFORMED
    assert msgspec.json.encode(answer)


def test_a_known_command_is_answered_again_and_not_written_again(
    edge: Gateway, server: Server, plant_in_memory: Plant, clock: ManualClock
) -> None:
    command = server.sealed()
    first = edge.receive(command)
    clock.advance(timedelta(seconds=20))
    assert edge.receive(command) == first
    assert plant_in_memory.writes == [(AIR, 22.0)]


def test_a_restart_refuses_replays_and_gives_everything_back(
    edge: Gateway, server: Server, plant_in_memory: Plant, memory: Path
) -> None:
    command = server.sealed()
    first = edge.receive(command)
    plant_in_memory.releases.clear()
    again = gateway(server, plant_in_memory, memory)
    assert sorted(plant_in_memory.releases) == sorted(OWN)
    assert again.receive(command) == first
    assert not again.leases
    other = server.command()
    assert again.receive(seal(Command(**_content(other) | {"seq": 1}), server.key)).reason is Reason.REPLAYED
    assert plant_in_memory.writes == [(AIR, 22.0)]
    assert memory.stat().st_mode & 0o777 == 0o600


def _content(command: Command) -> dict[str, Any]:
    return {name: getattr(command, name) for name in command.__struct_fields__}


class Killed(BaseException):
    """As if the process ended here."""


def test_killed_while_it_writes_it_never_writes_again(
    server: Server, plant_in_memory: Plant, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edge, command = gateway(server, plant_in_memory, memory), server.sealed()

    def killed(point: str, value: float) -> None:
        plant_in_memory.remote[point] = value
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(plant_in_memory, "write", killed)
        with pytest.raises(Killed):
            edge.receive(command)
    again = gateway(server, plant_in_memory, memory)
    assert plant_in_memory.remote == {}
    answer = again.receive(command)
    assert (answer.accepted, answer.reason) == (False, Reason.INTERRUPTED)
    assert plant_in_memory.writes == []


@pytest.mark.parametrize(("good", "writes"), [(0, []), (1, [(AIR, 22.0)])])
def test_a_disk_that_is_full_ends_the_gateway_and_what_it_holds(
    server: Server,
    plant_in_memory: Plant,
    memory: Path,
    monkeypatch: pytest.MonkeyPatch,
    good: int,
    writes: list[tuple[str, float]],
) -> None:
    """Before the plant is written, and between that and the answer."""
    edge, replace, left = gateway(server, plant_in_memory, memory), os.replace, [None] * good

    def full(fresh: Path, path: Path) -> None:
        if not left:
            raise OSError(errno.ENOSPC, "No space left on device")
        left.pop()
        replace(fresh, path)

    monkeypatch.setattr(type(memory), "replace", full)
    with pytest.raises(ServiceError, match=r"No space left.*free the disk"):
        edge.receive(server.sealed())
    edge.close()  # as the process does at its end
    assert plant_in_memory.writes == writes
    assert plant_in_memory.remote == {}


def test_a_memory_that_cannot_be_read_stops_the_gateway(server: Server, memory: Path) -> None:
    memory.write_text("what?")
    with pytest.raises(InputError, match="memory of past commands"):
        gateway(server, Plant(), memory)


def test_it_remembers_so_many_answers_and_no_more(edge: Gateway, server: Server, memory: Path) -> None:
    first = server.sealed(point="hall/power")
    edge.receive(first)
    edge._store = _Nowhere()  # 256 times on disk would take long, and shows nothing more
    for _ in range(ANSWERS):
        edge.receive(server.sealed(point="hall/power"))
    assert len(edge._memory.answers) == ANSWERS
    assert edge.receive(first).reason is Reason.REPLAYED
    assert len(FileStore(memory).load().answers) == 1


class _Nowhere:
    def load(self) -> Any:
        """Nothing was kept."""

    def save(self, memory: Any) -> None:
        """Nothing is kept."""


def test_dwell_and_rate_are_its_own(edge: Gateway, server: Server, clock: ManualClock) -> None:
    values = [22.0, 21.5, 22.0, 21.5]
    now = 21.0
    for value in values:
        assert edge.receive(server.sealed(value=value, expect_current=now)).accepted
        now = value
        clock.advance(timedelta(seconds=599))
        assert edge.receive(server.sealed(value=22.0, expect_current=now)).reason is (
            Reason.DWELL if clock.now().minute < 39 else Reason.RATE
        )
        clock.advance(timedelta(seconds=1))
    assert edge.receive(server.sealed(value=22.0, expect_current=now)).reason is Reason.RATE
    clock.advance(timedelta(minutes=20))
    assert edge.receive(server.sealed(value=22.0, expect_current=now)).accepted


def test_a_restart_forgets_no_dwell(
    edge: Gateway, server: Server, plant_in_memory: Plant, memory: Path
) -> None:
    edge.receive(server.sealed())
    assert gateway(server, plant_in_memory, memory).receive(server.sealed()).reason is Reason.DWELL


def test_an_override_is_respected(edge: Gateway, server: Server, plant_in_memory: Plant) -> None:
    plant_in_memory.override = "priority 8 holds 20"
    answer = edge.receive(server.sealed())
    assert (answer.reason, answer.detail, answer.value) == (Reason.OVERRIDE, "priority 8 holds 20", 21.0)
    assert plant_in_memory.writes == []


def test_a_lease_ends_by_itself_and_is_told(
    edge: Gateway, server: Server, plant_in_memory: Plant, clock: ManualClock
) -> None:
    command = server.command(lease_s=100.0)
    edge.receive(seal(command, server.key))
    clock.advance(timedelta(seconds=99))
    assert edge.tick() == []
    assert plant_in_memory.beats == 1
    clock.advance(timedelta(seconds=1))
    (told,) = edge.tick()
    assert (told.reason, told.released, told.command_id) == (Reason.LEASE_ENDED, True, command.command_id)
    assert (told.value, told.recommendation_id) == (21.0, 1)
    assert plant_in_memory.remote == {}
    assert plant_in_memory.beats == 1


def test_a_renewal_holds_it_for_longer(edge: Gateway, server: Server, clock: ManualClock) -> None:
    edge.receive(server.sealed(lease_s=100.0))
    clock.advance(timedelta(seconds=90))
    renewed = edge.receive(server.sealed(Kind.RENEW, lease_s=100.0, recommendation_id=2))
    assert renewed.accepted
    clock.advance(timedelta(seconds=90))
    assert edge.tick() == []
    assert edge.leases[AIR].recommendation_id == 2
    assert edge.receive(server.sealed(Kind.RENEW, lease_s=901.0)).reason is Reason.LEASE
    assert edge.receive(server.sealed(Kind.RENEW, 21.0)).reason is Reason.NO_LEASE
    assert edge.receive(server.sealed(Kind.RENEW, 7.0, point=WATER)).reason is Reason.NO_LEASE


def test_when_nothing_genuine_is_heard_everything_is_let_go(
    edge: Gateway, server: Server, plant_in_memory: Plant, clock: ManualClock
) -> None:
    edge.receive(server.sealed())
    edge.receive(server.sealed(value=8.0, point=WATER, expect_current=7.0, min=6.0))
    clock.advance(timedelta(seconds=180))
    edge.receive(b"noise is no sign of life")
    assert edge.tick() == []
    clock.advance(timedelta(seconds=1))
    assert {told.reason for told in edge.tick()} == {Reason.SILENCE}
    assert plant_in_memory.remote == {}


def test_a_clock_that_steps_back_ends_every_lease(
    edge: Gateway, server: Server, plant_in_memory: Plant, clock: ManualClock
) -> None:
    edge.receive(server.sealed())
    edge.tick()
    clock.advance(timedelta(hours=-1))
    assert [told.reason for told in edge.tick()] == [Reason.CLOCK]
    assert plant_in_memory.remote == {}


def test_an_operator_who_takes_over_gets_the_point(
    edge: Gateway, server: Server, plant_in_memory: Plant
) -> None:
    edge.receive(server.sealed())
    plant_in_memory.override = "the operator"
    assert [told.reason for told in edge.tick()] == [Reason.OVERRIDE]
    assert not edge.leases


def test_its_own_end_gives_everything_back(edge: Gateway, server: Server, plant_in_memory: Plant) -> None:
    edge.receive(server.sealed())
    assert [told.reason for told in edge.close()] == [Reason.SHUTDOWN]
    assert plant_in_memory.remote == {}
    plant_in_memory.releases.clear()
    assert edge.close() == []
    assert plant_in_memory.releases == []


def test_a_release_gives_the_point_back(edge: Gateway, server: Server, plant_in_memory: Plant) -> None:
    edge.receive(server.sealed(recommendation_id=3))
    other = edge.receive(server.sealed(Kind.RELEASE, recommendation_id=2))
    assert (other.reason, plant_in_memory.remote) == (Reason.NOT_HOLDER, {AIR: 22.0})
    answer = edge.receive(server.sealed(Kind.RELEASE, recommendation_id=3))
    assert (answer.accepted, answer.value) == (True, 21.0)
    assert (plant_in_memory.remote, dict(edge.leases)) == ({}, {})
    assert edge.receive(server.sealed(Kind.RELEASE)).accepted  # once more does no harm


def test_a_plant_that_is_away_is_given_back_when_it_comes_again(
    edge: Gateway, server: Server, plant_in_memory: Plant
) -> None:
    edge.receive(server.sealed())
    plant_in_memory.reachable = False
    assert edge.receive(server.sealed(Kind.RELEASE)).reason is Reason.DRIVER
    edge.tick()
    edge.close()
    assert plant_in_memory.remote == {AIR: 22.0}
    plant_in_memory.reachable = True
    edge.tick()
    assert plant_in_memory.remote == {}


def test_a_plant_that_goes_away_while_it_is_held(
    edge: Gateway, server: Server, plant_in_memory: Plant
) -> None:
    edge.receive(server.sealed())
    plant_in_memory.reachable = False
    (told,) = edge.tick()
    assert (told.reason, told.released, told.value) == (Reason.DRIVER, True, None)


def test_a_plant_that_cannot_be_read_is_not_written(
    edge: Gateway, server: Server, plant_in_memory: Plant
) -> None:
    plant_in_memory.reachable = False
    assert edge.receive(server.sealed()).reason is Reason.DRIVER
    assert plant_in_memory.writes == []


def test_a_write_that_may_or_may_not_have_arrived_is_taken_back(
    edge: Gateway, server: Server, plant_in_memory: Plant
) -> None:
    plant_in_memory.deaf_after_write = True
    assert edge.receive(server.sealed()).reason is Reason.DRIVER
    assert not edge.leases
    plant_in_memory.reachable = True
    edge.tick()
    assert plant_in_memory.remote == {}


def test_nothing_is_set_before_what_an_earlier_run_left_is_given_back(
    server: Server, plant_in_memory: Plant, memory: Path
) -> None:
    plant_in_memory.remote[AIR], plant_in_memory.reachable = 24.0, False
    edge = gateway(server, plant_in_memory, memory)
    assert edge.receive(server.sealed()).reason is Reason.DRIVER
    plant_in_memory.reachable = True
    assert edge.receive(server.sealed()).accepted
    assert (plant_in_memory.releases, plant_in_memory.remote) == ([AIR], {AIR: 22.0})


def test_a_plant_that_hears_no_sign_of_life_is_no_reason_to_stop(
    edge: Gateway, server: Server, plant_in_memory: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    edge.receive(server.sealed())

    def fails() -> None:
        raise DriverError("no watchdog")

    monkeypatch.setattr(plant_in_memory, "beat", fails)
    assert edge.tick() == []
    assert AIR in edge.leases


def test_what_is_held_can_be_told_while_it_changes(edge: Gateway, server: Server) -> None:
    edge.receive(server.sealed())
    told = []
    for point, lease in edge.leases.items():  # as the thread that speaks to the broker does
        water = server.sealed(Kind.SET, 8.0, point=WATER, expect_current=7.0, min=5.0, max=16.0)
        assert edge.receive(water).accepted
        told.append((point, lease.value))
    assert told == [(AIR, 22.0)]
    assert set(edge.leases) == {AIR, WATER}
