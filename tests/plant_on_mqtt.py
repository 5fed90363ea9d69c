"""A plant of one's own for tests: its controller is a device of MQTT, its setpoints are readings."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any, Final, Self

from core.clock import SystemClock
from ingest.mqtt import Address, make_client
from ingest.topics import asset_topic
from joulecast.demo.controller import Controller

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessage

    from core.clock import Clock

AIR: Final = "hall/supply_air_temperature_setpoint"
WATER: Final = "chw-loop/chilled_water_supply_temperature_setpoint"
OWN: Final = {AIR: 21.0, WATER: 7.0, "tower/condenser_water_supply_temperature_setpoint": 24.0}
EVERY_S: Final = 0.2
PATIENCE_S: Final = 20.0


class PlantOnMqtt:
    """Runs in a thread while its `with` block does.

    Args:
        broker: its broker.
        site: whose readings it publishes; none: it publishes none.
        prefix: begin of the device's topics.
        clock: the time of its readings.
    """

    def __init__(
        self, broker: str, site: str = "", prefix: str = "plant/demo", clock: Clock | None = None
    ) -> None:
        self._broker, self._site, self._prefix, self._clock = broker, site, prefix, clock
        self.controller = Controller(OWN, time.monotonic())
        self.told: list[tuple[str, float | None]] = []
        """Every set that came, null included."""
        self.frozen = False
        """It says that it follows, and does not move."""
        self.measures = True
        self.shift_s = 0.0
        """How much further its watchdog's clock is."""
        self._client = make_client(Address.parse(broker), "")
        self._client.reconnect_delay_set(1, 1)
        self._stop, self._ready = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        address = Address.parse(self._broker)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._on_message
        self._client.connect(address.host, address.port)
        self._client.loop_start()
        assert self._ready.wait(PATIENCE_S)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(PATIENCE_S)
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def writes(self) -> list[tuple[str, float]]:
        """Every value that it was told, releases left out."""
        return [(point, value) for point, value in self.told if value is not None]

    def in_force(self) -> dict[str, float]:
        return self.controller.in_force(time.monotonic() + self.shift_s)

    def _on_connect(self, client: Client, *_: Any) -> None:
        client.subscribe([(f"{self._prefix}/+/+/set", 1), (f"{self._prefix}/heartbeat", 0)])

    def _on_message(self, _c: Client, _u: object, message: MQTTMessage) -> None:
        if message.topic.endswith("heartbeat"):
            self.controller.beat(time.monotonic() + self.shift_s)
            return
        point = message.topic.removeprefix(f"{self._prefix}/").removesuffix("/set")
        value = json.loads(message.payload)
        self.told.append((point, value))
        self.controller.tell(point, value, time.monotonic() + self.shift_s)
        self._say()

    def _run(self) -> None:
        while not self._stop.wait(EVERY_S):
            self._say()
            if self._site and self.measures:
                self._measure()

    def _say(self) -> None:
        for point, value in self.in_force().items():
            state = {"value": OWN[point] if self.frozen else value, "mode": self.controller.mode(point)}
            self._client.publish(f"{self._prefix}/{point}/state", json.dumps(state), qos=1)

    def _measure(self) -> None:
        now = (self._clock or SystemClock()).now().isoformat()
        for ref, value in self.in_force().items():
            asset, point = ref.split("/")
            content = {"time": now, "values": {point: OWN[ref] if self.frozen else value}}
            self._client.publish(asset_topic(self._site, asset), json.dumps(content), qos=1)
