"""Devices that speak MQTT: a set topic, null to release, a state topic; the demo plant is one.

``PREFIX/asset/point/set``    a number holds it in place of the device's own setpoint, ``null`` gives it back
``PREFIX/asset/point/state``  ``{"value": in force, "mode": "local" | "remote" | "override"}``, after
                              each set and every few seconds
``PREFIX/heartbeat``          a growing number; a device that misses it for long goes back to its own setpoint

In mode ``override`` somebody at the device has taken over: it follows nobody else until it is released.
"""

from __future__ import annotations

import json
import math
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from ingest.edge.drivers.base import DriverError, Seen
from ingest.mqtt import QOS, Address, Version, expiry, make_client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from paho.mqtt.client import Client, MQTTMessage

KEEPALIVE_S: Final = 20
STATE_MAX_S: Final = 20.0
"""What a device said longer ago says nothing about now [wall s]."""
OVERRIDE: Final = "override"
REMOTE: Final = "remote"


class MqttDriver:
    """Devices below one prefix of one broker.

    Args:
        url: the broker.
        prefix: begin of all topics.
        points: whose state to listen to.
        version: the protocol.
        patience_s: how long a device may take to say its state [wall s].
    """

    def __init__(
        self, url: str, prefix: str, points: Iterable[str], version: Version, patience_s: float
    ) -> None:
        address = Address.parse(url)
        self._prefix, self._points, self._patience_s = prefix, tuple(points), patience_s
        self._version = version
        self._changed = threading.Condition()
        self._states: dict[str, tuple[float, dict[str, Any]]] = {}
        """When each point's device spoke last, and what it said."""
        self._beats = 0
        self._client = make_client(address, "", version=version)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(1, 10)
        self._client.connect_async(address.host, address.port, KEEPALIVE_S)
        self._client.loop_start()
        with self._changed:  # what is owed to the plant is given back at once, if it is there
            self._changed.wait_for(self._client.is_connected, patience_s)

    def read(self, point: str) -> Seen:
        """What the device said last."""
        return _seen(self._wait(point, lambda _: True))

    def write(self, point: str, value: float) -> None:
        """Hold a value; waits until the device says something, be it yes or no."""
        self._set(point, value)

    def release(self, point: str) -> None:
        """Give the point back."""
        self._set(point, None)

    def beat(self) -> None:
        """Tell all devices that we live."""
        self._beats += 1
        self._client.publish(f"{self._prefix}/heartbeat", str(self._beats), qos=0)

    def close(self) -> None:
        """Leave the broker."""
        self._client.disconnect()
        self._client.loop_stop()

    def _set(self, point: str, value: float | None) -> None:
        if not self._client.is_connected():
            raise DriverError("the devices' broker is not connected")
        with self._changed:
            self._states.pop(point, None)  # whatever it said before says nothing about this
        topic, properties = f"{self._prefix}/{point}/set", None
        if self._version is Version.V5:
            properties = expiry(max(int(self._patience_s), 1))  # it is for now or not at all
        info = self._client.publish(topic, json.dumps(value), qos=QOS, properties=properties)
        try:
            info.wait_for_publish(self._patience_s)
        except (RuntimeError, ValueError) as error:
            raise DriverError(f"the devices' broker: {error}") from error
        wanted = (REMOTE, OVERRIDE) if value is not None else ("local",)
        self._wait(point, lambda state: state.get("mode") in wanted)

    def _wait(self, point: str, fulfilled: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        def there() -> bool:
            said_s, state = self._states.get(point, (-math.inf, {}))
            return time.monotonic() - said_s <= STATE_MAX_S and fulfilled(state)

        with self._changed:
            if not self._changed.wait_for(there, self._patience_s):
                raise DriverError(f"{point} does not say its state")
            return self._states[point][1]

    def _on_connect(self, client: Client, *_: Any) -> None:
        client.subscribe([(f"{self._prefix}/{point}/state", QOS) for point in self._points])
        with self._changed:
            self._changed.notify_all()

    def _on_disconnect(self, *_: Any) -> None:
        with self._changed:
            self._states.clear()  # nobody knows what it is by now

    def _on_message(self, _c: Client, _u: object, message: MQTTMessage) -> None:
        point = message.topic.removeprefix(f"{self._prefix}/").removesuffix("/state")
        try:
            state = json.loads(message.payload)
            usable = {"value": float(state["value"]), "mode": str(state["mode"])}
        except (ValueError, KeyError, TypeError):
            return  # a device that says nothing usable is one that says nothing
        with self._changed:
            self._states[point] = (time.monotonic(), usable)
            self._changed.notify_all()


def _seen(state: dict[str, Any]) -> Seen:
    held = state["mode"] == OVERRIDE
    return Seen(state["value"], "somebody at the device has taken over" if held else "")
