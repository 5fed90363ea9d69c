"""The broker: its address, a client, a publisher that knows what has arrived. MQTT 5 or 3.1.1 by paho."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import unquote, urlsplit

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from core.errors import InputError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from paho.mqtt.client import ConnectFlags
    from paho.mqtt.reasoncodes import ReasonCode

QOS: Final = 1
KEEPALIVE_S: Final = 60
CONNECT_S: Final = 10.0
"""Longest wait for a connection [s]."""
PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
IN_FLIGHT: Final = 100
"""How many messages may be on their way unacknowledged."""
PUBLISH_S: Final = 60.0
"""Longest wait for the broker to take a message [s]."""


class Version(StrEnum):
    """The protocol versions that we speak."""

    V5 = "5"
    V311 = "3.1.1"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a broker is and who we are to it."""

    host: str
    port: int
    user: str | None = None
    password: str | None = None
    tls: bool = False

    @classmethod
    def parse(cls, url: str) -> Address:
        """Read ``mqtt://[user:password@]host[:port]``; ``mqtts`` for TLS.

        Raises:
            InputError: the text has another form.
        """
        wrong = InputError(
            "broker",
            found=repr(url.rpartition("@")[2]),
            allowed="mqtt://[user:password@]host[:port], or mqtts for TLS",
            do="correct JOULECAST_BROKER",
        )
        try:
            parts = urlsplit(url)
            port = parts.port or PORTS[parts.scheme]
        except (ValueError, KeyError):
            raise wrong from None
        if not parts.hostname or parts.path.strip("/"):
            raise wrong
        user, password = (unquote(part) if part else None for part in (parts.username, parts.password))
        return cls(parts.hostname, port, user, password, parts.scheme == "mqtts")

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def make_client(
    address: Address,
    client_id: str,
    *,
    manual_ack: bool = False,
    version: Version = Version.V5,
    persistent: bool = False,
    kind: type[Client] = Client,
) -> Client:
    """A client that is not connected yet.

    Args:
        address: the broker.
        client_id: who we are to it; empty: its choice.
        manual_ack: whether `Client.ack` is called for each message that comes.
        version: the protocol.
        persistent: whether a 3.1.1 broker keeps our session; one of MQTT 5 is told when we connect.
        kind: its class.
    """
    callbacks = CallbackAPIVersion.VERSION2
    if version is Version.V5:
        client = kind(callbacks, client_id, protocol=MQTTProtocolVersion.MQTTv5, manual_ack=manual_ack)
    else:
        client = kind(
            callbacks,
            client_id,
            clean_session=not persistent,
            protocol=MQTTProtocolVersion.MQTTv311,
            manual_ack=manual_ack,
        )
    if address.user:
        client.username_pw_set(address.user, address.password)
    if address.tls:
        client.tls_set()
    client.connect_timeout = CONNECT_S
    return client


def expiry(seconds: int) -> Properties:
    """Message properties: the broker drops it after so many seconds."""
    properties = Properties(PacketTypes.PUBLISH)
    properties.MessageExpiryInterval = seconds
    return properties


class Publisher:
    """Publishes at QoS 1 with a bound on what is under way; use it in a `with` block, from one thread.

    Args:
        url: the broker.
        client_id: unique at the broker; empty: the broker's choice.
        in_flight: how many messages may be unacknowledged before `publish` waits.
        patience_s: how long it waits [wall s].
        version: the protocol; properties of a message are not sent in 3.1.1.
    """

    def __init__(
        self,
        url: str,
        client_id: str = "",
        *,
        in_flight: int = IN_FLIGHT,
        patience_s: float = PUBLISH_S,
        version: Version = Version.V5,
    ) -> None:
        self._address, self._version = Address.parse(url), version
        self._client = make_client(self._address, client_id, version=version)
        self._client.max_inflight_messages_set(in_flight)
        self._in_flight, self._patience_s = in_flight, patience_s
        self._changed = threading.Condition()
        self._connected = False
        self._problem = ""
        self.sent = 0
        """Messages handed to the broker."""
        self.acknowledged = 0
        """Messages that the broker has taken."""

    def __enter__(self) -> Self:
        client = self._client
        client.on_connect = self._on_connect
        client.on_publish = self._on_publish
        try:
            if self._version is Version.V5:
                client.connect(self._address.host, self._address.port, KEEPALIVE_S, clean_start=True)
            else:
                client.connect(self._address.host, self._address.port, KEEPALIVE_S)
        except (OSError, ValueError) as error:
            raise ServiceError(f"broker {self._address} not reachable: {error}") from error
        client.loop_start()
        try:
            self._wait(lambda: self._connected, CONNECT_S, "no answer to the connection")
        except ServiceError:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect; what has not been acknowledged may be lost, so `flush` first."""
        self._client.disconnect()
        self._client.loop_stop()

    def has_room(self, messages: int = 1) -> bool:
        """Whether so many more can be published without waiting."""
        return self.sent - self.acknowledged + messages <= self._in_flight

    def publish(self, topic: str, payload: bytes, properties: Properties | None = None) -> None:
        """Send a message, waiting while too many are under way.

        Raises:
            ServiceError: the broker refuses messages, or takes none for too long.
        """
        self._wait(
            lambda: self.sent - self.acknowledged < self._in_flight, self._patience_s, "takes no messages"
        )
        info = self._client.publish(topic, payload, QOS, properties=properties)
        if info.rc not in {MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_NO_CONN}:
            raise ServiceError(f"broker {self._address}: {info.rc.name}")
        with self._changed:
            self.sent += 1

    def flush(self) -> None:
        """Wait until every message has been acknowledged.

        Raises:
            ServiceError: the broker refused one, or is silent for too long.
        """
        self._wait(lambda: self.acknowledged >= self.sent, self._patience_s, "does not acknowledge")

    def _wait(self, fulfilled: Callable[[], bool], patience_s: float, complaint: str) -> None:
        """Wait for a condition; progress of any kind renews the patience."""
        with self._changed:
            seen, until = self.acknowledged, time.monotonic() + patience_s
            while not fulfilled() and not self._problem:
                if self.acknowledged != seen:
                    seen, until = self.acknowledged, time.monotonic() + patience_s
                if not self._changed.wait(until - time.monotonic()) and time.monotonic() >= until:
                    self._problem = f"{complaint} for {patience_s:.0f} s"
            if self._problem:
                raise ServiceError(f"broker {self._address}: {self._problem}")

    def _on_connect(
        self, _c: Client, _u: object, _f: ConnectFlags, code: ReasonCode, _p: Properties | None
    ) -> None:
        with self._changed:
            self._connected = not code.is_failure
            if code.is_failure:
                self._problem = f"refuses the connection: {code}"
            self._changed.notify_all()

    def _on_publish(self, _c: Client, _u: object, _mid: int, code: ReasonCode, _p: Properties | None) -> None:
        with self._changed:
            if code.is_failure:
                self._problem = f"refuses a message: {code}"
            self.acknowledged += 1
            self._changed.notify_all()
