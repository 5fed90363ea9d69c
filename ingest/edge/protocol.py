"""What the two sides of write-back say to each other.

A command is canonical JSON with an Ed25519 signature over all of it but the signature. It is published at
QoS 1, never retained, with a message expiry of `EXPIRY_S` at most. Two kinds of time are in it: instants
(`not_before`, `expires_at`) are the plant's; `lease_s` counts wall seconds, as it measures our silence.
"""

from __future__ import annotations

import base64
import binascii
import json
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import msgspec
from cryptography.exceptions import InvalidSignature

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

VERSION: Final = 1
EXPIRY_S: Final = 30.0
"""Longest way of a command to the plant [wall s]."""
LEASE_S: Final = 900.0
"""How long a setpoint is held when nobody renews its lease [wall s]."""
RENEW_S: Final = 60.0
"""How often a lease is renewed [wall s]."""
HEARTBEAT_S: Final = 10.0
"""How often the gateway says that it lives [wall s]."""
COMMAND_BYTES: Final = 8192
"""Longest command; whatever is longer is none."""


class Kind(StrEnum):
    """What a command asks for."""

    SET = "set"
    """Hold a value, under a lease."""
    RENEW = "renew"
    """Hold it for longer."""
    RELEASE = "release"
    """Give the point back to the plant's own control."""


class Reason(StrEnum):
    """Why the gateway did what it did."""

    DONE = "done"
    MALFORMED = "malformed"
    """It is no command in canonical JSON."""
    UNKNOWN_KEY = "unknown_key"
    SIGNATURE = "signature"
    RETAINED = "retained"
    """The broker kept it: nobody sends it now."""
    SITE = "site"
    REPLAYED = "replayed"
    """Its number is not above the last one."""
    EXPIRED = "expired"
    TOO_EARLY = "too_early"
    POINT = "point"
    """The gateway's own file does not name it."""
    UNIT = "unit"
    MIN = "min"
    """Below the gateway's own limit."""
    MAX = "max"
    COMMAND_RANGE = "command_range"
    """Outside the range that the command itself states."""
    LEASE = "lease"
    """Longer than the gateway's own file allows, or not longer than nothing."""
    RATE = "rate"
    """Too many changes in the last hour."""
    DWELL = "dwell"
    """Too soon after the last change."""
    OVERRIDE = "override"
    """An operator or a higher priority holds the point."""
    CURRENT = "current"
    """What is in force is not what the command expects."""
    STEP = "step"
    """Too far from what is in force."""
    DRIVER = "driver"
    """The plant could not be reached or refused."""
    NO_LEASE = "no_lease"
    """What is to be renewed is not held."""
    NOT_HOLDER = "not_holder"
    """A newer recommendation holds the point by now."""
    INTERRUPTED = "interrupted"
    """The gateway ended while it wrote, and has let go since."""
    LEASE_ENDED = "lease_ended"
    SILENCE = "silence"
    """Nothing genuine was heard for too long."""
    CLOCK = "clock"
    """The gateway's clock stepped back."""
    SHUTDOWN = "shutdown"


class Command(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the plant's side gets."""

    v: int = VERSION
    command_id: str
    site: str
    kind: Kind
    point: str
    """As ``asset/point``."""
    value: float
    """In the point's canonical unit; what a renewal holds and what a release gives up."""
    unit: str
    expect_current: float
    """What should be in force now; only a `set` is judged by it."""
    min: float
    max: float
    """The range that its sender holds to."""
    not_before: datetime
    """Plant time."""
    expires_at: datetime
    """Plant time; after that nobody does it any more."""
    lease_s: float
    """For how long it holds without renewal [wall s]."""
    step: int = 1
    """Of a ramp."""
    issued_by: str
    approved_by: str
    recommendation_id: int
    seq: int
    """Grows from command to command of one key."""
    key_id: str


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the gateway says to a command, or of itself when it lets go (`released`)."""

    command_id: str
    accepted: bool
    reason: Reason
    time: datetime
    """Plant time."""
    point: str = ""
    recommendation_id: int = 0
    detail: str = ""
    """The same as `reason` in a sentence."""
    value: float | None = None
    """Measured in force afterwards, in the canonical unit."""
    released: bool = False
    """The gateway has let go by itself; `command_id` is the one that set what was held."""


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """The gateway lives, or (its last will) it does not."""

    edge: str
    online: bool
    holding: dict[str, int] = {}
    """By point, which recommendation's value it holds."""


class Refused(msgspec.Struct, frozen=True):
    """Why some bytes are no command of ours."""

    reason: Reason
    detail: str
    command_id: str = ""
    """As they claim."""


def canonical(content: Mapping[str, Any]) -> bytes:
    """The one way to write down some JSON: sorted, without spaces, in ASCII."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def seal(command: Command, key: Ed25519PrivateKey) -> bytes:
    """Sign a command: the bytes to publish."""
    body = msgspec.to_builtins(command)
    signature = base64.b64encode(key.sign(canonical(body))).decode("ascii")
    return canonical({**body, "signature": signature})


def unseal(payload: bytes, keys: Mapping[str, Ed25519PublicKey]) -> Command | Refused:
    """Read a command and make sure of who signed it.

    Args:
        payload: what came.
        keys: whom we believe, by key id.
    """
    body = _object(payload)
    if body is None:
        return Refused(Reason.MALFORMED, "it is no object in canonical JSON")
    signature = body.pop("signature", None)
    try:
        command = msgspec.convert(body, Command)
    except msgspec.ValidationError as error:
        return Refused(Reason.MALFORMED, str(error), str(body.get("command_id", ""))[:64])
    key = keys.get(command.key_id)
    if command.v != VERSION or command.not_before.tzinfo is None or command.expires_at.tzinfo is None:
        return Refused(Reason.MALFORMED, "its version or its times are not ours", command.command_id)
    if key is None:
        return Refused(Reason.UNKNOWN_KEY, f"no key {command.key_id[:64]!r} here", command.command_id)
    try:
        key.verify(base64.b64decode(str(signature), validate=True), canonical(body))
    except (InvalidSignature, binascii.Error, ValueError):
        return Refused(Reason.SIGNATURE, "its signature is not by that key", command.command_id)
    return command


def _object(payload: bytes) -> dict[str, Any] | None:
    """A JSON object that is written in the canonical way; so nothing in it can be read in two ways."""
    if len(payload) > COMMAND_BYTES:
        return None
    try:
        found = json.loads(payload)
        same = isinstance(found, dict) and canonical(found) == payload
        json.dumps(found, ensure_ascii=False).encode()  # half a character could be in no answer
    except (ValueError, RecursionError):
        return None
    return found if same else None
