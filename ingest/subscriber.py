"""The subscriber: one MQTT session, 5 or 3.1.1, that never loses what it has not acknowledged.

One thread owns the connection and drives paho's read, write and keep-alive by itself, for two reasons: it can
stop reading while too much waits for the database (rumqttd, and mosquitto before 2.0.21, do not hold a
Receive Maximum), and acknowledgements, which another thread decides on, are sent by it alone, so that none
meant for one connection goes out on the next, where the same message id may be another message.
"""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import ssl
import struct
import threading
import time
from collections import deque
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from paho.mqtt.client import Client
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from ingest.batch import Message
from ingest.mqtt import KEEPALIVE_S, QOS, Address, Version, make_client

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paho.mqtt.client import ConnectFlags, MQTTMessage, SocketLike
    from paho.mqtt.reasoncodes import ReasonCode

    from core.clock import Clock

log = logging.getLogger(__name__)

SESSION_S: Final = 24 * 3600
"""How long the broker keeps our queue while we are away [s]."""
HIGH_WATER_MESSAGES: Final = 50_000
HIGH_WATER_BYTES: Final = 64 << 20
"""Above either of these, waiting or unacknowledged, nothing more is read from the broker."""
PAUSE_MAX_S: Final = KEEPALIVE_S / 2
"""After a pause of this length one packet is read all the same: a sign of life may be behind it [s]."""
READ_AHEAD_BYTES: Final = 1 << 16
READS_PER_TURN: Final = 64
PUBACK: Final = struct.Struct(">BBH")
"""Packet type, length of the rest, message id: in 5 as in 3.1.1 (MQTT 5.0, 3.4: success needs no reason)."""
WAKE_BYTES: Final = 4096
TURN_S: Final = 0.5
"""Longest sleep of the network thread; it looks at the clock and at `stop` then."""
FIRST_WAIT_S: Final = 0.2
LONGEST_WAIT_S: Final = 15.0
GRACE_S: Final = 5.0
"""How long the end waits for acknowledgements to go out [s]."""


class BufferedClient(Client):
    """A client that takes what the network has in one go; paho itself asks the system thrice a packet.

    Only for a loop that asks `pending` before it waits: paho's own would wait for what is here already.
    """

    _ahead = b""
    _at = 0

    def pending(self) -> bool:
        """Whether there is something to read that the socket no longer knows of."""
        return self._at < len(self._ahead)

    def forget(self) -> None:
        """The connection is gone, and what had come over it."""
        self._ahead, self._at = b"", 0

    def _sock_recv(self, bufsize: int) -> bytes:
        if self._at == len(self._ahead):
            self._ahead, self._at = super()._sock_recv(READ_AHEAD_BYTES), 0
        part = self._ahead[self._at : self._at + bufsize]
        self._at += len(part)
        return part


class Delivery(NamedTuple):
    """A message and what its acknowledgement needs."""

    message: Message
    generation: int
    """Number of the connection on which it came."""
    mid: int
    qos: int


class Subscriber:
    """One session at a broker.

    Args:
        url: the broker.
        client_id: the same at each start: the session is known by it.
        filters: topics to subscribe to.
        clock: the plant's time, for arrivals.
        window: MQTT 5 Receive Maximum.
        version: the protocol.
        group: who else, under ids of their own, shares the messages; none: all of them are ours.
        whole: topics of which each member of a group hears everything, and what is retained at each start.
    """

    def __init__(
        self,
        url: str,
        client_id: str,
        filters: Sequence[str],
        clock: Clock,
        window: int,
        *,
        version: Version = Version.V5,
        group: str | None = None,
        whole: Sequence[str] = (),
    ) -> None:
        self._address = Address.parse(url)
        shared = tuple(f"$share/{group}/{one}" if group else one for one in filters)
        self._filters, self._whole = (*shared, *whole), frozenset(whole)
        self._clock, self._window, self._version = clock, window, version
        self._client = cast(
            "BufferedClient",
            make_client(
                self._address,
                client_id,
                manual_ack=True,
                version=version,
                persistent=True,
                kind=BufferedClient,
            ),
        )
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.on_disconnect = self._on_disconnect
        # so that nothing is written but by the loop below, which asks want_write() itself
        self._client.on_socket_register_write = lambda *_: None
        self._generation = 0
        self._ready = False
        self._wait_s = FIRST_WAIT_S
        self._waiting: SimpleQueue[Delivery] = SimpleQueue()
        self._to_acknowledge: deque[Delivery] = deque()
        self._packets = bytearray()
        """Acknowledgements on their way out, each of `PUBACK.size`; the first may be sent in part."""
        self._to_publish: deque[tuple[str, bytes]] = deque()
        self._held_lock = threading.Lock()
        self._held = self._held_bytes = 0
        self._paused_since: float | None = None
        self._wake_in, self._wake_out = socket.socketpair()
        for end in (self._wake_in, self._wake_out):
            end.settimeout(0.0)

    @property
    def connected(self) -> bool:
        """Whether the subscription is in force."""
        return self._ready

    @property
    def held(self) -> int:
        """Messages that have come in and are not acknowledged yet."""
        return self._held

    def take(self, timeout_s: float = 0.0) -> Delivery | None:
        """The next message, or None where none comes in time; for one consuming thread."""
        try:
            return self._waiting.get(timeout=timeout_s) if timeout_s > 0.0 else self._waiting.get_nowait()
        except Empty:
            return None

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Tell the broker that these are safe, in the order of their arrival; from any thread."""
        self._to_acknowledge.extend(deliveries)
        self._release(deliveries)
        with contextlib.suppress(BlockingIOError):  # it has been woken often enough
            self._wake_out.send(b"\0")

    def publish(self, topic: str, payload: bytes) -> None:
        """Send a message at QoS 0, soon, or never where the broker is away; from any thread."""
        self._to_publish.append((topic, payload))
        with contextlib.suppress(BlockingIOError):
            self._wake_out.send(b"\0")

    def run(self, stop: threading.Event, finished: threading.Event) -> None:
        """Keep the session until `stop` is set and the consumer has `finished`; reconnects for ever.

        After `stop` nothing more is read; what has been handed out may still be acknowledged.
        """
        while not (stop.is_set() and finished.is_set()):
            if self._client.socket() is not None:
                self._turn(reading=not stop.is_set())
            elif stop.is_set():
                finished.wait(TURN_S)
            else:
                self._connect(stop)
        self._end()

    def _connect(self, stop: threading.Event) -> None:
        """Connect anew; a new generation, in which older message ids mean nothing."""
        self._ready = False
        if self._generation:
            stop.wait(self._wait_s)
        self._generation += 1
        self._packets.clear()
        self._client.forget()
        self._wait_s = min(2 * self._wait_s, LONGEST_WAIT_S)
        host, port = self._address.host, self._address.port
        try:
            if self._version is Version.V5:
                properties = Properties(PacketTypes.CONNECT)
                properties.SessionExpiryInterval = SESSION_S
                properties.ReceiveMaximum = self._window
                self._client.connect(host, port, KEEPALIVE_S, clean_start=False, properties=properties)
            else:
                self._client.connect(host, port, KEEPALIVE_S)
        except (OSError, ValueError) as error:
            log.warning("broker %s: %s; trying again in %.1f s", self._address, error, self._wait_s)

    def _turn(self, *, reading: bool) -> None:
        """Wait for the network or for acknowledgements, and serve both once."""
        self._hand_over()
        sock = self._client.socket()
        if sock is None:
            return
        readers: list[SocketLike] = [self._wake_in]
        pending = False
        if reading and self._may_read():
            readers.append(sock)
            encrypted = isinstance(sock, ssl.SSLSocket) and sock.pending() > 0
            pending = encrypted or self._client.pending()
        writers = [sock] if self._packets or self._client.want_write() else []
        try:
            readable, writable, _ = select.select(readers, writers, [], 0.0 if pending else TURN_S)
        except (OSError, ValueError):  # closed in between
            readable, writable = [], []
        if self._wake_in in readable:
            with contextlib.suppress(BlockingIOError):
                self._wake_in.recv(WAKE_BYTES)
        if sock in writable:
            self._write(sock)
        if sock in readable or pending:
            self._read()
        self._client.loop_misc()

    def _read(self) -> None:
        """Read what is there, but not for ever."""
        for _ in range(READS_PER_TURN):
            before = self._held
            self._client.loop_read()
            if self._held <= before or self._over():
                return

    def _over(self) -> bool:
        return self._held >= HIGH_WATER_MESSAGES or self._held_bytes >= HIGH_WATER_BYTES

    def _may_read(self) -> bool:
        """Whether there is room; during a long pause, once in a while all the same."""
        if not self._over():
            self._paused_since = None
            return True
        now = time.monotonic()
        if self._paused_since is None:
            log.warning("%d messages wait for the database: reading stops until there is room", self._held)
        elif now - self._paused_since < PAUSE_MAX_S:
            return False
        first, self._paused_since = self._paused_since is None, now
        return not first

    def _hand_over(self) -> None:
        """Take what other threads want sent."""
        while self._to_acknowledge:
            delivery = self._to_acknowledge.popleft()
            if delivery.qos and delivery.generation == self._generation:
                self._packets += PUBACK.pack(PacketTypes.PUBACK << 4, 2, delivery.mid)
        while self._to_publish:
            self._client.publish(*self._to_publish.popleft(), qos=0)

    def _write(self, sock: SocketLike) -> None:
        """Send paho's packets and our acknowledgements, many in one go; none in the midst of another."""
        in_part = len(self._packets) % PUBACK.size != 0
        if self._client.want_write() and not in_part:
            self._client.loop_write()
            return
        try:
            sent = sock.send(self._packets)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError:  # paho sees it when it reads, and all of these come again
            self._packets.clear()
        else:
            del self._packets[:sent]

    def _release(self, deliveries: Sequence[Delivery]) -> None:
        with self._held_lock:
            self._held -= len(deliveries)
            self._held_bytes -= sum(len(d.message.payload) for d in deliveries)

    def _on_message(self, _c: Client, _u: object, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = "(no UTF-8)"
        content = Message(topic, bytes(message.payload), self._clock.now(), message.retain)
        self._waiting.put(Delivery(content, self._generation, message.mid, message.qos))
        with self._held_lock:
            self._held += 1
            self._held_bytes += len(message.payload)

    def _on_connect(
        self, client: Client, _u: object, flags: ConnectFlags, code: ReasonCode, _p: Properties | None
    ) -> None:
        if code.is_failure:
            log.error("broker %s refuses the connection: %s", self._address, code)
            return
        self._wait_s = FIRST_WAIT_S
        if flags.session_present:
            self._forget_older()
        log.info(
            "broker %s: connected, session %s", self._address, "kept" if flags.session_present else "new"
        )
        if self._version is Version.V5:
            # a retained message belongs to the first subscription; a shared one has none, by the standard
            once = SubscribeOptions(qos=QOS, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
            anew = SubscribeOptions(qos=QOS, retainHandling=SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE)
            client.subscribe([(topic, anew if topic in self._whole else once) for topic in self._filters])
        else:
            client.subscribe([(topic, QOS) for topic in self._filters])

    def _forget_older(self) -> None:
        """The broker sends again what we have not acknowledged: no need to keep it as well.

        Where it has lost the session it does not, and what waits here is the only copy.
        """
        older: list[Delivery] = []
        kept: list[Delivery] = []
        while (delivery := self.take()) is not None:
            (older if delivery.qos else kept).append(delivery)
        self._release(older)
        for delivery in kept:
            self._waiting.put(delivery)

    def _on_subscribe(
        self, _c: Client, _u: object, _mid: int, codes: list[ReasonCode], _p: Properties | None
    ) -> None:
        for topic, code in zip(self._filters, codes, strict=False):
            if code.is_failure:
                log.error("broker %s refuses the subscription to %s: %s", self._address, topic, code)
        self._ready = True
        log.info("broker %s: subscribed to %d filters", self._address, len(self._filters))

    def _on_disconnect(
        self, _c: Client, _u: object, _f: object, code: ReasonCode, _p: Properties | None
    ) -> None:
        self._ready = False
        log.warning("broker %s: disconnected: %s", self._address, code)

    def _end(self) -> None:
        """Send the last acknowledgements and say good-bye; the session stays at the broker."""
        until = time.monotonic() + GRACE_S
        self._hand_over()
        self._client.on_disconnect = None
        while (self._packets or self._client.want_write()) and time.monotonic() < until:
            sock = self._client.socket()
            if sock is None:
                break
            select.select([], [sock], [], TURN_S)
            self._write(sock)
        if self._client.socket():
            self._client.disconnect()
            self._client.loop_write()
        self._ready = False
        self._wake_in.close()
        self._wake_out.close()
