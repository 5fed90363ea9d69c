"""What the gateway's tests share: a plant without wires, keys, commands as the server makes them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ingest.edge import keys
from ingest.edge.drivers.base import DriverError, Seen
from ingest.edge.gateway import Gateway, Limits, PointLimits
from ingest.edge.protocol import Command, Kind, seal
from ingest.edge.store import FileStore

if TYPE_CHECKING:
    from pathlib import Path

    from core.clock import ManualClock

AIR = "hall/supply_air_temperature_setpoint"
WATER = "chw-loop/chilled_water_supply_temperature_setpoint"
OWN = {AIR: 21.0, WATER: 7.0}
LIMITS = Limits(
    site="demo",
    points={
        AIR: PointLimits("degC", 16.0, 28.0, 1.5, 4, 600.0, 900.0, 0.1),
        WATER: PointLimits("degC", 5.0, 16.0, 2.0, 4, 600.0, 900.0, 0.1),
    },
    silence_s=180.0,
)


@dataclass
class Plant:
    """A driver to a plant in memory: it holds what it is told, over its own values."""

    own: dict[str, float] = field(default_factory=lambda: dict(OWN))
    remote: dict[str, float] = field(default_factory=dict)
    override: str = ""
    reachable: bool = True
    writes: list[tuple[str, float]] = field(default_factory=list)
    releases: list[str] = field(default_factory=list)
    beats: int = 0
    deaf_after_write: bool = False

    def _reach(self) -> None:
        if not self.reachable:
            raise DriverError("the plant is away")

    def read(self, point: str) -> Seen:
        self._reach()
        return Seen(self.remote.get(point, self.own[point]), self.override)

    def write(self, point: str, value: float) -> None:
        self._reach()
        self.writes.append((point, value))
        self.remote[point] = value
        self.reachable = not self.deaf_after_write

    def release(self, point: str) -> None:
        self._reach()
        self.releases.append(point)
        self.remote.pop(point, None)

    def beat(self) -> None:
        self._reach()
        self.beats += 1

    def close(self) -> None:
        """There is nothing to close."""


@dataclass
class Server:
    """Makes signed commands with growing numbers."""

    clock: ManualClock
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    seq: int = 0

    def command(self, kind: Kind = Kind.SET, value: float = 22.0, **other: Any) -> Command:
        self.seq += 1
        now = self.clock.now()
        content: dict[str, Any] = {
            "command_id": str(uuid.uuid4()),
            "site": "demo",
            "kind": kind,
            "point": AIR,
            "value": value,
            "unit": "degC",
            "expect_current": 21.0,
            "min": 18.0,
            "max": 26.0,
            "not_before": now,
            "expires_at": now + timedelta(seconds=30),
            "lease_s": 900.0,
            "issued_by": "olga",
            "approved_by": "olga",
            "recommendation_id": 1,
            "seq": self.seq,
            "key_id": keys.key_id(self.key.public_key()),
        }
        return Command(**(content | other))

    def sealed(self, kind: Kind = Kind.SET, value: float = 22.0, **other: Any) -> bytes:
        return seal(self.command(kind, value, **other), self.key)


def gateway(server: Server, plant: Plant, path: Path) -> Gateway:
    """A gateway that has just started and has given everything back."""
    public = server.key.public_key()
    found = Gateway(LIMITS, plant, {keys.key_id(public): public}, server.clock, FileStore(path))
    found.tick()
    return found
