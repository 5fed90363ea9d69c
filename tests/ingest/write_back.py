"""Both sides of write-back in one thread: the dispatcher, the database, a gateway and a plant in memory."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from advised import Wanted, alarms_of, events_of, queued, state_of
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core import moves
from core.errors import ServiceError
from core.jobs import Context
from core.settings import Settings
from ingest.batch import Assembler, Batch, Message
from ingest.commands import Dispatcher
from ingest.edge.drivers.base import Seen
from ingest.edge.gateway import Gateway, Limits, PointLimits
from ingest.edge.keys import key_id
from ingest.edge.store import FileStore
from ingest.topics import acknowledgement_topic, asset_topic, edge_topic
from ingest.writer import Writer

if TYPE_CHECKING:
    from pathlib import Path

    from core import db
    from core.actions import State
    from core.clock import ManualClock
    from core.site import Site

AIR = "hall/supply_air_temperature_setpoint"
WATER = "chw-loop/chilled_water_supply_temperature_setpoint"
OWN = {AIR: 21.0, WATER: 7.0}


@dataclass
class MemoryPlant:
    """A plant that holds what it is told over its own setpoints; frozen, it says yes and does nothing."""

    own: dict[str, float] = field(default_factory=lambda: dict(OWN))
    told: dict[str, float] = field(default_factory=dict)
    override: str = ""
    frozen: bool = False
    writes: list[tuple[str, float]] = field(default_factory=list)

    def in_force(self, point: str) -> float:
        return self.told.get(point, self.own[point])

    def read(self, point: str) -> Seen:
        return Seen(self.in_force(point), self.override)

    def write(self, point: str, value: float) -> None:
        self.writes.append((point, value))
        if not self.frozen:
            self.told[point] = value

    def release(self, point: str) -> None:
        self.told.pop(point, None)

    def beat(self) -> None:
        """It has no watchdog."""

    def close(self) -> None:
        """There is nothing to close."""


class World:
    """A site with its server side and its plant's side, and a clock for both."""

    def __init__(self, dsn: str, conn: db.Connection, site: Site, clock: ManualClock, folder: Path) -> None:
        self.dsn, self.conn, self.site, self.clock, self.folder = dsn, conn, site, clock, folder
        self.key = Ed25519PrivateKey.generate()
        self.plant = MemoryPlant()
        self.sent: list[tuple[str, bytes, int]] = []
        self.broker = self.edge_alive = self.sensors = True
        self._stop = threading.Event()
        self._writer = Writer(dsn, site.id, clock, self._stop, client_id=f"test-{site.id}")
        self._assembler = Assembler(site, clock.now)
        self.start_edge()
        self.start_server()
        self.measure()

    def start_server(self, **other: Any) -> None:
        site = self.site.model_copy(update=other)
        context = Context(Settings(dsn=self.dsn), site, self.clock, self.dsn)
        self.dispatcher = Dispatcher(context, self.key, self._send)

    def start_edge(self) -> None:
        public = self.key.public_key()
        points = {
            AIR: PointLimits("degC", 16.0, 27.0, 1.5, 4, 600.0, 900.0, 0.1),
            WATER: PointLimits("degC", 5.0, 16.0, 1.5, 4, 600.0, 900.0, 0.1),
        }
        limits, store = Limits(self.site.id, points, 180.0), FileStore(self.folder / "edge.memory")
        self.edge = Gateway(limits, self.plant, {key_id(public): public}, self.clock, store)
        self.edge_alive = True

    def close(self) -> None:
        self._writer.close()

    def _send(self, topic: str, payload: bytes, expiry_s: int) -> None:
        if not self.broker:
            raise ServiceError("broker away")
        self.sent.append((topic, payload, expiry_s))
        if self.edge_alive:
            self.hear(self.edge.receive(payload))

    def hear(self, answer: Any) -> None:
        self._take(acknowledgement_topic(self.site.id, *answer.point.split("/")), msgspec.json.encode(answer))

    def _take(self, topic: str, payload: bytes) -> None:
        batch = Batch()
        self._assembler.add(batch, Message(topic, payload, self.clock.now()))
        assert not batch.refusals, batch.refusals
        self._writer.write(batch)

    def measure(self) -> None:
        """What the plant's sensors say goes into the database."""
        for ref in OWN:
            asset, point = ref.split("/")
            content = {"time": self.clock.now().isoformat(), "values": {point: self.plant.in_force(ref)}}
            self._take(asset_topic(self.site.id, asset), json.dumps(content).encode())

    def beat(self, *, online: bool = True) -> None:
        self._take(
            edge_topic(self.site.id, "edge-1"),
            json.dumps({"edge": "edge-1", "online": online, "holding": {}}).encode(),
        )

    def turn(self) -> None:
        """A second in which everybody does what is to be done."""
        if self.edge_alive:
            for answer in self.edge.tick():
                if self.broker:
                    self.hear(answer)
        if self.sensors:
            self.measure()
        try:
            self.dispatcher.step(self.conn)
        except ServiceError as error:
            assert "broker" in str(error)  # noqa: PT017  # the only one that is expected
        self.clock.advance(timedelta(seconds=1))

    def turns(self, seconds: float, *, every_s: float = 1.0) -> None:
        until = self.clock.now() + timedelta(seconds=seconds)
        while self.clock.now() < until:
            self.turn()
            self.clock.advance(timedelta(seconds=every_s - 1.0))

    def until(self, number: int, *states: State, within_s: float = 1800.0, every_s: float = 1.0) -> None:
        end = self.clock.now() + timedelta(seconds=within_s)
        while self.state(number) not in states:
            assert self.clock.now() < end, f"{self.state(number)}: {self.events(number)}"
            self.turn()
            self.clock.advance(timedelta(seconds=every_s - 1.0))

    def recommend(
        self,
        values: dict[str, float] | None = None,
        *,
        ramp: tuple[float, ...] = (),
        hold: timedelta = timedelta(hours=4),
    ) -> int:
        """A recommendation as the engine leaves it."""
        steps = [(AIR, value, i) for i, value in enumerate(ramp, 1)]
        wanted = steps or [(ref, value, 1) for ref, value in (values or {AIR: 22.0}).items()]
        changes = [Wanted(ref, value, self.plant.in_force(ref), step) for ref, value, step in wanted]
        return queued(self.conn, self.site.id, self.clock.now(), changes, hold)

    def state(self, number: int) -> State:
        return state_of(self.conn, number)

    def events(self, number: int) -> list[tuple[str, str]]:
        return events_of(self.conn, number)

    def path(self, number: int) -> list[str]:
        """Its states from being queued on."""
        states = [state for state, _ in self.events(number)]
        return states[states.index("queued") :]

    def alarms(self) -> dict[str, int]:
        """Open alarms of write-back: by source, the priority."""
        return alarms_of(self.conn)

    def leases(self) -> dict[str, tuple[int, float, float]]:
        """In force, by point: whose, which value, and the plant's own."""
        found = self.conn.execute("SELECT * FROM lease WHERE released_at IS NULL")
        return {
            f"{r['asset_id']}/{r['point']}": (r["recommendation_id"], r["value"], r["own_value"])
            for r in found
        }

    def operator(self, number: int, wanted: State) -> None:
        """What the engine or the guard would do."""
        now = self.clock.now()
        done = moves.move(
            self.conn, number, wanted, at=now, actor="olga", reason="asked", due=now + timedelta(minutes=10)
        )
        assert done
