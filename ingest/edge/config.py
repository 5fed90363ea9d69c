"""The gateway's own file, `edge.toml`: which plant, whose commands, which limits."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.clock import Clock, clock_from
from core.errors import InputError
from core.points import PointRef, point_type
from core.site import Name
from core.toml import load_toml
from ingest.edge import keys
from ingest.edge.gateway import Limits, PointLimits
from ingest.edge.protocol import LEASE_S, RENEW_S
from ingest.mqtt import Address

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MqttPlant(_Strict):
    """A plant whose devices speak MQTT: ``set`` takes a number or null, ``state`` says what is in force."""

    kind: Literal["mqtt"]
    broker: str | None = Field(default=None, description="The devices' broker; the gateway's where absent.")
    prefix: str = Field(min_length=1, description="Topics are PREFIX/asset/point/set and .../state.")
    patience_s: float = Field(default=5.0, gt=0, description="How long a device may take to say its state.")


class BacnetPlant(_Strict):
    """A plant on BACnet/IP."""

    kind: Literal["bacnet"]
    address: str = Field(description="Our own address, e.g. 192.0.2.10/24:47808.")
    instance: int = Field(default=599, ge=0, le=4194302, description="Our own device instance.")
    device: str = Field(description="The controller's address, e.g. 192.0.2.20:47808.")
    priority: Literal[10, 11, 12] = Field(
        default=12, description="Below an operator's (8), above the schedule's (16)."
    )
    heartbeat_object: str | None = Field(
        default=None, description="An object that is counted up, analog-value,9."
    )
    patience_s: float = Field(default=5.0, gt=0)


class ModbusPlant(_Strict):
    """A plant on Modbus TCP; its PLC reverts when the heartbeat register stands still."""

    kind: Literal["modbus"]
    host: str
    port: int = Field(default=502, ge=1, le=65535)
    unit_id: int = Field(default=1, ge=0, le=247)
    heartbeat_register: int = Field(ge=0, le=65535, description="Holding register that is counted up.")
    patience_s: float = Field(default=3.0, gt=0)


Register = Annotated[int | None, Field(ge=0, le=65535)]


class Point(_Strict):
    """A setpoint that may be written, and how far, all in its canonical unit."""

    min: float
    max: float
    max_step: float = Field(default=1.0, gt=0, description="Largest change at once.")
    max_per_hour: int = Field(default=4, ge=1, description="Most changes in an hour.")
    dwell_s: float = Field(default=600.0, ge=0, description="Shortest time between two changes.")
    lease_max_s: float = Field(default=LEASE_S, gt=RENEW_S, description="Longest lease.")
    tolerance: float = Field(default=0.1, gt=0)
    object: str | None = Field(default=None, description="BACnet: the commandable object, analog-value,1.")
    setpoint_register: Register = Field(default=None, description="Modbus: the setpoint that we write.")
    in_force_register: Register = Field(default=None, description="Modbus: the setpoint in force.")
    enable_coil: Register = Field(default=None, description="Modbus: set while ours holds.")
    local_register: Register = Field(default=None, description="Modbus: not 0 while somebody took over.")
    format: Literal["float32", "int16"] = "float32"
    scale: float = Field(default=1.0, gt=0, description="Modbus: the register holds value / scale.")

    @model_validator(mode="after")
    def _ordered(self) -> Point:
        if not (math.isfinite(self.min) and math.isfinite(self.max) and self.min < self.max):
            raise ValueError(f"min must be below max, found {self.min} and {self.max}")
        return self


class Edge(_Strict):
    """A whole `edge.toml`."""

    site: Name
    edge: Name = Field(default="edge", description="The gateway's own name.")
    broker: str = Field(description="mqtt://[user:password@]host[:port] of the server's side.")
    mqtt_version: Literal["5", "3.1.1"] = "5"
    keys: tuple[Path, ...] = Field(min_length=1, description="Public keys whose commands are believed.")
    memory: Path = Field(default=Path("edge.memory"), description="File that outlives a restart.")
    silence_s: float = Field(
        default=3 * RENEW_S, ge=RENEW_S, description="Silence after which all is let go."
    )
    clock: str | None = Field(default=None, description="Of a demonstration; set by `joulecast up`.")
    plant: Annotated[MqttPlant | BacnetPlant | ModbusPlant, Field(discriminator="kind")]
    points: dict[str, Point] = Field(min_length=1)

    @model_validator(mode="after")
    def _possible(self) -> Edge:
        try:
            clock_from(self.clock)
            Address.parse(self.broker)
            for ref in self.points:
                point_type(PointRef.parse(ref).point)
        except InputError as error:
            raise ValueError(f"{error.what}: {error.allowed}") from error
        for ref, point in self.points.items():
            if isinstance(self.plant, BacnetPlant) and point.object is None:
                raise ValueError(f"point {ref} needs an object")
            wired = (point.setpoint_register, point.in_force_register, point.enable_coil)
            if isinstance(self.plant, ModbusPlant) and None in wired:
                raise ValueError(f"point {ref} needs setpoint_register, in_force_register and enable_coil")
        return self

    def limits(self) -> Limits:
        """What the gateway judges by."""
        return Limits(
            self.site,
            {
                ref: PointLimits(
                    point_type(PointRef.parse(ref).point).unit,
                    p.min,
                    p.max,
                    p.max_step,
                    p.max_per_hour,
                    p.dwell_s,
                    p.lease_max_s,
                    p.tolerance,
                )
                for ref, p in self.points.items()
            },
            self.silence_s,
        )

    def believed(self) -> dict[str, Ed25519PublicKey]:
        """Whose commands are believed, by key id.

        Raises:
            InputError: a key cannot be read.
        """
        return {keys.key_id(key): key for key in map(keys.load_public, self.keys)}

    def make_clock(self) -> Clock:
        """The plant's time."""
        return clock_from(self.clock)


def load(path: Path) -> Edge:
    """Read and check an `edge.toml`; its paths are seen from its own folder.

    Raises:
        InputError: it is missing, no TOML, or describes no possible gateway.
    """
    found = load_toml(
        path,
        Edge,
        what="an edge.toml",
        do="create it or name another one",
        keys="the keys that docs/operating.md names",
    )
    folder = path.parent
    edge = found.model_copy(
        update={"keys": tuple(folder / key for key in found.keys), "memory": folder / found.memory}
    )
    edge.believed()
    return edge
