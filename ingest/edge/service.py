"""The gateway as a process: commands in, answers out, a heartbeat, and a last will for when it dies."""

from __future__ import annotations

import logging
import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final

import msgspec
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from ingest.edge.drivers import choose
from ingest.edge.gateway import Gateway
from ingest.edge.protocol import HEARTBEAT_S, Answer, Heartbeat
from ingest.edge.store import FileStore
from ingest.mqtt import QOS, Address, Version, make_client
from ingest.topics import acknowledgement_topic, command_topic, edge_topic

if TYPE_CHECKING:
    import threading

    from paho.mqtt.client import Client, MQTTMessage

    from ingest.edge.config import Edge

log = logging.getLogger(__name__)

TICK_S: Final = 1.0
"""How often the gateway looks at time and plant [wall s]."""
KEEPALIVE_S: Final = 20
LAST_WORDS_S: Final = 2.0
"""Longest wait for the broker to take what we say at the end [wall s]."""


class Service:
    """One gateway on one broker; all of its judgement happens in the thread that calls `run`."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        believed = edge.believed()
        self._driver = choose.make(edge)
        self._gateway = Gateway(
            edge.limits(), self._driver, believed, edge.make_clock(), FileStore(edge.memory)
        )
        self._commands: SimpleQueue[MQTTMessage] = SimpleQueue()
        self._client = self._make_client()

    def run(self, stop: threading.Event) -> None:
        """Serve until `stop` is set; then everything that is held has been given back."""
        address = Address.parse(self._edge.broker)
        self._client.connect_async(address.host, address.port, KEEPALIVE_S)
        self._client.loop_start()
        tick_at = beat_at = time.monotonic()
        try:
            while not stop.is_set():
                self._hear(max(tick_at - time.monotonic(), 0.0))
                if time.monotonic() >= tick_at:
                    tick_at = time.monotonic() + TICK_S
                    self._tell_all(self._gateway.tick())
                if time.monotonic() >= beat_at:
                    beat_at = time.monotonic() + HEARTBEAT_S
                    self._beat(online=True)
        finally:
            self._end()

    def _hear(self, timeout_s: float) -> None:
        """Judge the next command, if one comes in time."""
        try:
            message = (
                self._commands.get(timeout=timeout_s) if timeout_s > 0.0 else self._commands.get_nowait()
            )
        except Empty:
            return
        answer = self._gateway.receive(bytes(message.payload), retained=message.retain)
        if answer.command_id:
            *_, asset, point = message.topic.split("/")
            self._publish_answer(asset, point, answer, message)

    def _tell_all(self, answers: list[Answer]) -> None:
        for answer in answers:
            asset, _, point = answer.point.partition("/")
            self._publish_answer(asset, point, answer)

    def _publish_answer(self, asset: str, point: str, answer: Answer, to: MQTTMessage | None = None) -> None:
        """On the point's own topic, whatever topic the command asks for."""
        properties, data = None, getattr(getattr(to, "properties", None), "CorrelationData", None)
        if data is not None:
            properties = Properties(PacketTypes.PUBLISH)
            properties.CorrelationData = data
        topic = acknowledgement_topic(self._edge.site, asset, point)
        self._client.publish(topic, msgspec.json.encode(answer), QOS, properties=properties)

    def _beat(self, *, online: bool) -> None:
        self._client.publish(edge_topic(self._edge.site, self._edge.edge), self._heartbeat(online=online), 0)

    def _heartbeat(self, *, online: bool) -> bytes:
        holding = {point: lease.recommendation_id for point, lease in self._gateway.leases.items()}
        return msgspec.json.encode(Heartbeat(edge=self._edge.edge, online=online, holding=holding))

    def _end(self) -> None:
        """Give everything back, say so, and go."""
        self._tell_all(self._gateway.close())
        last = self._client.publish(
            edge_topic(self._edge.site, self._edge.edge), self._heartbeat(online=False), QOS
        )
        if self._client.is_connected():
            last.wait_for_publish(LAST_WORDS_S)
        self._client.disconnect()
        self._client.loop_stop()
        self._driver.close()

    def _make_client(self) -> Client:
        edge, version = self._edge, Version(self._edge.mqtt_version)
        client = make_client(
            Address.parse(edge.broker), f"joulecast-edge-{edge.site}-{edge.edge}", version=version
        )
        will = msgspec.json.encode(Heartbeat(edge=edge.edge, online=False))
        client.will_set(edge_topic(edge.site, edge.edge), will, QOS, retain=False)
        client.reconnect_delay_set(1, 10)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = lambda _c, _u, message: self._commands.put(message)
        return client

    def _on_connect(self, client: Client, *_: Any) -> None:
        client.subscribe(command_topic(self._edge.site, "+", "+"), QOS)
        self._beat(online=True)
        log.info("connected; %d points", len(self._edge.points))

    def _on_disconnect(self, *_: Any) -> None:
        log.warning("the broker is away: without commands everything is let go")
