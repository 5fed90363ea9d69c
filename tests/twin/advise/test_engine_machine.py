"""Any sequence of decisions, ticks, faults and crashes ends well.

Engine, guard, dispatcher and gateway are the real ones, on a real PostgreSQL; the plant is a few numbers.

JOULECAST_MACHINE_EXAMPLES sets how many sequences are tried.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from world import AIR, OWN, World, at, made

from core import db
from core.actions import TRANSITIONS, WHEN_DUE, Authority, State
from core.clock import ManualClock
from core.errors import ServiceError
from ingest import batch, storage
from ingest.commands import Dispatcher
from ingest.edge import keys
from ingest.edge.drivers.base import DriverError, Seen
from ingest.edge.gateway import Gateway, Limits, PointLimits
from ingest.edge.store import FileStore
from twin.advise import authority, engine
from twin.advise.guard import GRACE

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from core.actions import Setpoint
    from core.site import Site

EXAMPLES: Final = int(os.environ.get("JOULECAST_MACHINE_EXAMPLES", "30"))
STEPS: Final = 30
TABLES: Final = (
    "recommendation, recommendation_event, command, lease, advice_setting, verification, alarm, edge_status,"
    " reading, reading_latest"
)
NOON: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)
ENDS: Final = {state for state in State if state not in TRANSITIONS}
KEY: Final = Ed25519PrivateKey.generate()
EDGE_LOW_C, EDGE_HIGH_C = 16.0, 25.0
"""The gateway's own limits; the upper one is tighter than the site's."""
SPANS: Final = (0.2, 1.0, 3.0, 11.0, 16.0, 35.0, 125.0, 1500.0)
"""How long nothing happens [min]."""
SITE_LEVELS: Final = (Authority.SUPERVISED, Authority.AUTO_BOUNDED, Authority.ADVISORY)


REAL_ROWS: Final = db.rows


class Crash(BaseException):
    """The process dies here; nothing in it may catch that."""


class Plant(World):
    """A plant with a driver: what is written lies over what its own control or an operator holds."""

    def __init__(self, dsn: str, site: Site, clock: ManualClock, conn: db.Connection) -> None:
        self.written: dict[str, float] = {}
        self.writes: list[tuple[str, float]] = []
        self.override = ""
        self.reachable = True
        self.frozen: dict[Setpoint, float] | None = None
        """What it goes on reporting, where it does not move."""
        super().__init__(dsn, site, clock, conn)

    def setpoint_c(self, setpoint: Setpoint) -> float:
        if self.frozen is not None:
            return self.frozen[setpoint]
        return self.written.get(str(self.site.setpoints[setpoint].point), self.set_by_hand[setpoint])

    def read(self, point: str) -> Seen:
        self._reach()
        own = {str(bounds.point): self.set_by_hand[s] for s, bounds in self.site.setpoints.items()}
        return Seen(self.written.get(point, own[point]), self.override)

    def write(self, point: str, value: float) -> None:
        self._reach()
        self.writes.append((point, value))
        self.written[point] = value

    def release(self, point: str) -> None:
        self._reach()
        self.written.pop(point, None)

    def beat(self) -> None:
        self._reach()

    def close(self) -> None:
        """There is nothing to close."""

    def _reach(self) -> None:
        if not self.reachable:
            raise DriverError("the plant is away")


@dataclass(frozen=True)
class Given:
    """What all sequences share."""

    dsn: str
    conn: db.Connection
    site: Site
    patch: pytest.MonkeyPatch
    folder: Path
    counted: Counter[str] = field(default_factory=Counter)
    """Sequences and crashes."""


class Life(RuleBasedStateMachine):
    """Everything that can happen, in any order."""

    given: ClassVar[Given]

    def __init__(self) -> None:
        super().__init__()
        self.given.conn.execute(f"TRUNCATE {TABLES} RESTART IDENTITY CASCADE")
        self.clock = ManualClock(NOON)
        self.plant = Plant(self.given.dsn, self.given.site, self.clock, self.given.conn)
        made(self.given.patch, self.plant)
        self.memory = FileStore(Path(tempfile.mkdtemp(dir=self.given.folder)) / "memory.json")
        self.broker_up = self.edge_up = True
        self.wire: list[tuple[bytes, Any]] = []
        self.versions: dict[int, int] = {}
        self.left = 0
        self.dispatcher = self._started_dispatcher()
        self.gateway = self._started_gateway()

    @initialize(
        level=st.sampled_from(SITE_LEVELS), two=st.booleans(), rounds=st.integers(0, 6), twice=st.booleans()
    )
    def site_says(self, level: Authority, two: bool, rounds: int, twice: bool) -> None:
        """Most sequences begin somewhere on the way to the plant, where chance alone would hardly get.

        Twice: a second step on the same setpoint, which takes the first one's lease over.
        """
        self.plant.wanted_c = 24.0
        self.plant.site = at(self.given.site, authority=level, two_persons=two)
        self.dispatcher = self._started_dispatcher()
        if twice:
            self.advice_goes_through(4, None)
            self.savings_are_measured(12.0)
            self._rounds(15, 150.0, None)
        self.advice_goes_through(rounds, None)

    # --- how things run

    def _started_dispatcher(self) -> Dispatcher:
        return Dispatcher(self.plant.context, KEY, self._send)

    def _started_gateway(self) -> Gateway:
        points = {
            str(bounds.point): PointLimits("degC", EDGE_LOW_C, EDGE_HIGH_C, 1.5, 4, 600.0, 900.0, 0.1)
            for bounds in self.given.site.setpoints.values()
        }
        public = KEY.public_key()
        limits = Limits(self.given.site.id, points, 180.0)
        return Gateway(limits, self.plant, {keys.key_id(public): public}, self.clock, self.memory)

    def _send(self, topic: str, payload: bytes, expiry_s: int) -> None:
        del topic
        if not self.broker_up:
            raise ServiceError("the broker is away")
        self.wire.append((payload, self.clock.now() + timedelta(seconds=expiry_s)))

    def _counted(self, *args: Any, **parameters: Any) -> list[db.Row]:
        """A query; where the count runs out the process dies before it."""
        self.left -= 1
        if self.left == 0:
            self.given.counted["crashes"] += 1
            raise Crash
        return REAL_ROWS(*args, **parameters)

    def _do(self, work: Callable[[], object], dies_at: int | None) -> None:
        """Do some work in a process that dies before its n-th query, if it gets so far."""
        self.left = dies_at or 0
        self.given.patch.setattr(db, "rows", self._counted)
        try:
            work()
        except (Crash, ServiceError):
            self.dispatcher = self._started_dispatcher()
        finally:
            self.given.patch.setattr(db, "rows", REAL_ROWS)

    def _dispatch(self) -> None:
        with db.connect(self.given.dsn, autocommit=True) as conn:
            self.dispatcher.step(conn)

    def _edge(self) -> None:
        """The gateway takes what is on the wire and looks at its leases; its answers come back."""
        if not self.edge_up:
            return
        answers = self.gateway.tick()
        now, wire, self.wire = self.clock.now(), self.wire, []
        answers += [self.gateway.receive(payload) for payload, until in wire if until > now]
        if not self.broker_up:
            return
        conn, site_id = self.given.conn, self.given.site.id
        for answer in answers:
            found = batch.read_acknowledgement(msgspec.json.encode(answer))
            storage.save_acknowledgement(conn, site_id, found, now)
        heard = {"edge": "g", "online": True, "now": now, "holding": db.json({})}
        db.rows(conn, "ingest_upsert_edge", site=site_id, **heard)

    def _someone(self, states: tuple[State, ...], which: int) -> int:
        found = self.plant.rows(
            "SELECT recommendation_id FROM recommendation WHERE state = any(%s) ORDER BY 1", list(states)
        )
        return int(found[which % len(found)]["recommendation_id"]) if found else 0

    # --- people

    @rule(
        which=st.integers(0, 3),
        who=st.sampled_from(["Ada", "Grace"]),
        stale=st.booleans(),
        dies_at=st.none() | st.integers(1, 25),
    )
    def accept(self, which: int, who: str, stale: bool, dies_at: int | None) -> None:  # as above
        if number := self._someone((State.PROPOSED,), which):
            version = self.plant.row(number)["version"] - stale
            self._do(lambda: self.plant.accept(number, who, version), dies_at)

    @rule(
        which=st.integers(0, 3),
        who=st.sampled_from(["Ada", "Grace"]),
        dies_at=st.none() | st.integers(1, 20),
    )
    def agree(self, which: int, who: str, dies_at: int | None) -> None:
        if number := self._someone((State.AWAITING_SECOND,), which):
            self._decide("approve_second", number, who, dies_at=dies_at)

    @rule(which=st.integers(0, 3), dies_at=st.none() | st.integers(1, 4))
    def reject(self, which: int, dies_at: int | None) -> None:
        states = (State.PROPOSED, State.SNOOZED, State.AWAITING_SECOND, State.INSTRUCTED)
        if number := self._someone(states, which):
            self._decide("reject", number, "Ada", "no", dies_at=dies_at)

    @rule(which=st.integers(0, 3), minutes=st.sampled_from([10, 100]), dies_at=st.none() | st.integers(1, 4))
    def snooze(self, which: int, minutes: int, dies_at: int | None) -> None:
        if number := self._someone((State.PROPOSED,), which):
            until = self.clock.now() + timedelta(minutes=minutes)
            self._decide("snooze", number, "Ada", until, dies_at=dies_at)

    def _decide(self, what: str, number: int, *other: object, dies_at: int | None) -> None:
        version = self.plant.row(number)["version"]
        self._do(
            lambda: getattr(engine, what)(
                self.given.dsn, self.plant.site, self.clock, number, version, *other
            ),
            dies_at,
        )

    @rule(which=st.integers(0, 3), dies_at=st.none() | st.integers(1, 6))
    def revert(self, which: int, dies_at: int | None) -> None:
        held = (State.SENT, State.ACKED, State.APPLIED, State.RAMPING, State.HOLDING)
        if number := self._someone(held, which):
            self._do(
                lambda: engine.revert(self.given.dsn, self.plant.site, self.clock, number, "Ada", "enough"),
                dies_at,
            )

    @rule(on=st.booleans(), dies_at=st.none() | st.integers(1, 8))
    def hold(self, on: bool, dies_at: int | None) -> None:  # as above
        change = engine.hold if on else engine.resume
        self._do(lambda: change(self.given.dsn, self.plant.site, self.clock, "Ada", "to see"), dies_at)

    @rule(level=st.sampled_from(list(Authority)), dies_at=st.none() | st.integers(1, 8))
    def trust(self, level: Authority, dies_at: int | None) -> None:
        self._do(
            lambda: authority.change(
                self.given.dsn, self.plant.site, self.clock, AIR, level, "Ada", "to see"
            ),
            dies_at,
        )

    @rule(by_k=st.sampled_from([-1.0, 1.0]))
    def operator_moves_it(self, by_k: float) -> None:
        self.plant.set_by_hand[AIR] = min(max(self.plant.set_by_hand[AIR] + by_k, 18.0), 25.0)
        self.plant.read_out()

    @rule()
    def operator_follows_the_instruction(self) -> None:
        if number := self._someone((State.INSTRUCTED,), 0):
            self.plant.set_by_hand[AIR] = self.plant.row(number)["changes"][0]["to_c"]
            self.plant.read_out()

    # --- jobs

    @rule(dies_at=st.none() | st.integers(1, 40))
    def look(self, dies_at: int | None) -> None:
        self._do(self.plant.propose, dies_at)

    @rule(dies_at=st.none() | st.integers(1, 25))
    def carry_on(self, dies_at: int | None) -> None:
        self._do(lambda: engine.carry_on_all(self.plant.context), dies_at)

    @rule(dies_at=st.none() | st.integers(1, 30))
    def guard(self, dies_at: int | None) -> None:
        self._do(self.plant.guard, dies_at)

    @rule(dies_at=st.none() | st.integers(1, 30))
    def dispatch(self, dies_at: int | None) -> None:
        self._do(self._dispatch, dies_at)

    @rule()
    def edge(self) -> None:
        self._edge()
        self.plant.read_out()

    @rule(rounds=st.integers(0, 6), dies_at=st.none() | st.integers(1, 60))
    def advice_goes_through(self, rounds: int, dies_at: int | None) -> None:
        """The usual way, as far as faults let it: without it chance would hardly ever get to the plant."""
        site_now = self.plant.site
        self._do(lambda: engine.resume(self.given.dsn, site_now, self.clock, "Ada", "to see"), None)
        self._do(self.plant.propose, None)
        if number := self._someone((State.PROPOSED,), -1):
            self._do(lambda: self.plant.accept(number, "Ada"), None)
        if number := self._someone((State.AWAITING_SECOND,), -1):
            self._decide("approve_second", number, "Grace", dies_at=None)
        self._rounds(rounds, 2.0, dies_at)

    @rule(rounds=st.integers(1, 6), dies_at=st.none() | st.integers(1, 60))
    def seconds_pass(self, rounds: int, dies_at: int | None) -> None:
        self._rounds(rounds, 2.0, dies_at)

    @rule()
    def half_an_hour_passes(self) -> None:
        self._rounds(14, 150.0, None)

    def _rounds(self, count: int, seconds: float, dies_at: int | None) -> None:
        """Dispatcher, gateway and plant by turns; the dispatcher dies once where it is to."""
        for i in range(count):
            self._do(self._dispatch, dies_at if i == count // 2 else None)
            self._edge()
            self.plant.wait(seconds=seconds)

    @rule(kwh=st.sampled_from([12.0, 12.0, -5.0]))
    def savings_are_measured(self, kwh: float) -> None:
        now = self.clock.now()
        self.given.conn.execute(
            "INSERT INTO verification (recommendation_id, period_from, period_to, measured_kwh,"
            " counterfactual_kwh, saving_p10_kwh, saving_p50_kwh, saving_p90_kwh, created_at)"
            " SELECT recommendation_id, %s, %s, 1, 1, %s, %s, %s, %s FROM recommendation"
            " WHERE state = 'holding'",
            (now - timedelta(hours=1), now, kwh - 1, kwh, kwh + 1, now),
        )

    # --- the world

    @rule(minutes=st.sampled_from(SPANS))
    def time_passes(self, minutes: float) -> None:
        self.plant.wait(minutes=minutes)

    @rule(up=st.booleans())
    def broker(self, up: bool) -> None:  # as above
        self.broker_up = up
        self.wire = self.wire if up else []

    @rule(up=st.booleans())
    def gateway_dies_or_starts(self, up: bool) -> None:  # as above
        self.edge_up = up
        if up:
            self.gateway = self._started_gateway()

    @rule(override=st.sampled_from(["", "operator"]), reachable=st.booleans())
    def plant_side(self, override: str, reachable: bool) -> None:  # as above
        self.plant.override, self.plant.reachable = override, reachable

    @rule(frozen=st.booleans(), silent=st.booleans(), inlet_c=st.sampled_from([25.0, 25.0, 27.6, 32.5]))
    def readings(self, frozen: bool, silent: bool, inlet_c: float) -> None:  # as above
        now = {setpoint: self.plant.setpoint_c(setpoint) for setpoint in OWN}
        self.plant.frozen = now if frozen else None
        self.plant.silent, self.plant.inlet_c = silent, inlet_c
        self.plant.read_out()

    @precondition(lambda self: not self.plant.frozen)
    @rule(wanted_c=st.sampled_from([22.0, 24.0, 26.0]))
    def better_elsewhere(self, wanted_c: float) -> None:
        self.plant.wanted_c = wanted_c

    # --- what must hold at any time

    @invariant()
    def writes_stay_inside_both_limits(self) -> None:
        for point, value in self.plant.writes:
            bounds = next(b for b in self.given.site.setpoints.values() if str(b.point) == point)
            assert max(bounds.low_c, EDGE_LOW_C) <= value <= min(bounds.high_c, EDGE_HIGH_C)

    @invariant()
    def no_command_is_written_twice(self) -> None:
        (sent,) = self.plant.rows(
            "SELECT count(*) AS n FROM command WHERE kind = 'set' AND sent_at IS NOT NULL"
        )
        assert len(self.plant.writes) <= sent["n"]

    @invariant()
    def one_lease_on_a_point(self) -> None:
        found = self.plant.rows(
            "SELECT point FROM lease WHERE released_at IS NULL GROUP BY asset_id, point HAVING count(*) > 1"
        )
        assert found == []

    @invariant()
    def every_step_is_on_record_and_versions_only_grow(self) -> None:
        events: dict[int, list[db.Row]] = {}
        for event in self.plant.rows("SELECT * FROM recommendation_event ORDER BY event_id"):
            if event["from_state"] != event["to_state"]:
                events.setdefault(event["recommendation_id"], []).append(event)
        for row in self.plant.rows("SELECT * FROM recommendation"):
            number, way = row["recommendation_id"], events[row["recommendation_id"]]
            assert [e["from_state"] for e in way] == [None, *(e["to_state"] for e in way[:-1])]
            assert (way[-1]["to_state"], len(way)) == (row["state"], row["version"])
            assert row["version"] >= self.versions.get(number, 0)
            self.versions[number] = row["version"]
            assert State(row["state"]) not in WHEN_DUE or row["due_at"] is not None
            self._somebody_accepted(way)

    def _somebody_accepted(self, way: list[db.Row]) -> None:
        first = [e["actor"] for e in way if e["to_state"] == "accepted"]
        second = [
            e["actor"] for e in way if e["from_state"] == "awaiting_second" and e["to_state"] == "precheck"
        ]
        if any(e["to_state"] in {"queued", "sent", "applied"} for e in way):
            assert first
            assert first[0] in {"Ada", "Grace"} or first[0].startswith("policy ")
        assert not set(first) & set(second)

    def teardown(self) -> None:
        """Time passes with all the world in whatever state it is: everything comes to an end."""
        for _ in range(60):
            rows = self.plant.rows(
                "SELECT state, due_at FROM recommendation WHERE state <> ALL(%s)", list(ENDS)
            )
            due = [row["due_at"] for row in rows if row["due_at"] is not None]
            if not due:
                break
            self.clock.time = max(min(due) + GRACE.of(self.clock), self.clock.now() + timedelta(seconds=5))
            self.plant.read_out()
            for work in (
                lambda: engine.carry_on_all(self.plant.context),
                self.plant.guard,
                self._dispatch,
            ):
                self._do(work, None)
            self._edge()
            self.plant.read_out()
        self.plant.guard()
        self._do(self._dispatch, None)
        stuck = self.plant.rows(
            "SELECT recommendation_id, state FROM recommendation WHERE state <> ALL(%s)", list(ENDS)
        )
        assert {row["state"] for row in stuck} <= {"revert_failed"}
        alarms = self.plant.rows("SELECT source FROM alarm WHERE cleared_at IS NULL AND priority = 1")
        for row in stuck:
            assert any(a["source"].endswith(f".{row['recommendation_id']}") for a in alarms)
        self.given.counted["sequences"] += 1


def test_whatever_happens_it_ends_well(
    dsn: str,
    site: Site,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    wanted = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to shrink a sequence takes minutes
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    with db.connect(dsn, autocommit=True) as conn:
        Life.given = Given(dsn, conn, site, monkeypatch, tmp_path)
        try:
            run_state_machine_as_test(Life, settings=wanted)
        finally:
            for name in ("sequences", "crashes"):
                record_property(name, Life.given.counted[name])
