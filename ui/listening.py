"""Listening to the broker for a minute: which topics there are and what comes on them, as text.

A client of its own, in a thread with a hard end; bounded in topics, in messages and in what is kept of each.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from core.errors import InputError
from ui.access import auth

if TYPE_CHECKING:
    from paho.mqtt.client import Client

    from ui.data import Source

log = logging.getLogger(__name__)
PERMISSION: Final = "mapping.write"
LISTEN_S: Final = 60.0
"""How long it lasts [wall s]."""
TOPICS_MAX: Final = 500
MESSAGES_MAX: Final = 20_000
"""After so many it ends before its time: a flood needs no minute."""
PAYLOAD_KEPT: Final = 4096
"""What is kept of the newest payload of a topic [B]."""
TURN_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Heard:
    """One topic."""

    topic: str
    count: int
    payload: bytes
    """The newest, cut."""
    whole: bool
    """Whether all of it is there."""
    at: float
    """When it came, on the monotonic clock [s]."""


@dataclass(slots=True)
class Listening:
    """What was heard, and whether somebody listens."""

    topics: dict[str, Heard] = field(default_factory=dict)
    messages: int = 0
    left_out: int = 0
    """Messages on topics beyond the most that are kept."""
    ends: float = 0.0
    """When it is over, on the monotonic clock [s]."""
    busy: bool = False
    problem: str = ""
    begun: bool = False
    """Whether it was ever begun."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    thread: threading.Thread | None = None

    def take(self, topic: str, payload: bytes) -> None:
        """Note a message."""
        with self.lock:
            self.messages += 1
            before = self.topics.get(topic)
            if before is None and len(self.topics) >= TOPICS_MAX:
                self.left_out += 1
                return
            self.topics[topic] = Heard(
                topic,
                before.count + 1 if before else 1,
                payload[:PAYLOAD_KEPT],
                len(payload) <= PAYLOAD_KEPT,
                time.monotonic(),
            )

    def heard(self) -> list[Heard]:
        """The topics by name."""
        with self.lock:
            return sorted(self.topics.values(), key=lambda one: one.topic)

    @property
    def left_s(self) -> float:
        """How long it still lasts [wall s]."""
        return max(self.ends - time.monotonic(), 0.0) if self.busy else 0.0


def state(source: Source) -> Listening:
    """What this process has heard."""
    found: Listening = source.lasting("listening", Listening)
    return found


def start(source: Source, seconds: float = LISTEN_S) -> str:
    """Begin to listen, if the one who asks may and nobody does; what is wrong, or nothing."""
    if not auth.user().may(PERMISSION):
        return auth.denied(PERMISSION)
    url = source.context.settings.broker
    if not url:
        return "No broker is named: set JOULECAST_BROKER, or use `joulecast up`."
    found = state(source)
    with found.lock:
        if found.busy:
            return ""
        found.topics, found.messages, found.left_out, found.problem = {}, 0, 0, ""
        found.busy = found.begun = True
        found.ends = time.monotonic() + seconds
        found.thread = threading.Thread(
            target=_listen, args=(source, url, found), name="listening", daemon=True
        )
        found.thread.start()
    return ""


def _listen(source: Source, url: str, found: Listening) -> None:
    from ingest import mqtt  # noqa: PLC0415  # paho loads when somebody listens

    client: Client | None = None
    try:
        address = mqtt.Address.parse(url)
        version = mqtt.Version(source.context.settings.mqtt_version)
        client = mqtt.make_client(address, "", version=version)
        client.on_message = lambda _c, _u, message: found.take(message.topic, bytes(message.payload))
        client.on_connect = _subscribe
        client.connect(address.host, address.port, mqtt.KEEPALIVE_S)
        while time.monotonic() < found.ends and found.messages < MESSAGES_MAX:
            problem = client.loop(TURN_S)
            if problem:
                found.problem = f"The broker ended the connection ({problem.name})."
                break
    except InputError as error:
        found.problem = f"{error}"
    except (OSError, ValueError) as error:
        found.problem = f"The broker cannot be reached: {error}."
    finally:
        if client is not None:
            client.disconnect()
        found.busy = False


def _subscribe(client: Client, *_: Any) -> None:
    client.subscribe("#", qos=0)
