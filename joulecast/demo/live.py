"""The demo plant live: publishes its readings every few seconds of its own time.

Its own controller is a device of MQTT (see `ingest.edge.drivers.mqtt`); in addition ``.../local`` sets what
somebody at the plant wants.
"""

from __future__ import annotations

import json
import logging
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from core import db
from core.series import floor_time
from ingest import topics
from ingest.mqtt import Address, Version, make_client
from joulecast.demo import history, plant
from joulecast.demo.controller import Controller
from joulecast.demo.gateway import PREFIX

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable

    import paho.mqtt.client as mqtt

    from core.jobs import Context

log = logging.getLogger(__name__)

STEP_S: Final = 5.0
"""Between two readings, of the plant's own time [s]."""
BEHIND_MAX_S: Final = 300.0
"""A plant that fell further behind its clock than this leaves a gap and goes on from now [s]."""
UNACKNOWLEDGED_MAX: Final = 20_000
"""With that many messages under way the plant waits for the broker."""
AHEAD_EVERY: Final = timedelta(hours=1)
"""Between two weather forecasts, and two lists of bookings."""
KEEPALIVE_S: Final = 30
IN_FLIGHT: Final = 1000
RECONNECT_MAX_S: Final = 10
STATES_EVERY_S: Final = 2.0
"""Between two reports of whose setpoints hold [wall s]."""


class DemoPlant:
    """The plant: its controller, its inertia, its sensors."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._site = context.site.id
        with db.connect(context.dsn) as conn:
            latest = {r["ref"]: r for r in db.rows(conn, "latest", site=self._site)}
            own = history.resumed(conn, self._site, latest)
        refs = plant.SETPOINT_REFS
        self._controller = Controller({refs[name]: c for name, c in own.items()}, time.monotonic())
        self._water_m3 = history.water_m3(latest)
        reached = {name: float(latest[ref]["value"]) for name, ref in refs.items() if ref in latest}
        self._inertia = plant.Inertia(own | reached)
        self._parameters = plant.true_parameters(context.site.plant)
        self._rng = np.random.default_rng()
        self._said_s = 0.0
        self._client = self._connect()

    def _connect(self) -> mqtt.Client:
        settings = self._context.settings
        address, version = Address.parse(settings.broker or ""), Version(settings.mqtt_version)
        client = make_client(address, "joulecast-demo", version=version)
        client.max_inflight_messages_set(IN_FLIGHT)
        client.on_connect = self._on_connect
        client.on_message = self._on_message
        client.reconnect_delay_set(1, RECONNECT_MAX_S)
        client.connect_async(address.host, address.port, KEEPALIVE_S)
        client.loop_start()
        return client

    def _on_connect(self, client: mqtt.Client, *_: Any) -> None:
        client.subscribe([(f"{PREFIX}/+/+/set", 1), (f"{PREFIX}/+/+/local", 1), (f"{PREFIX}/heartbeat", 0)])

    def _on_message(self, _c: mqtt.Client, _u: Any, message: mqtt.MQTTMessage) -> None:
        if message.retain:
            return  # nobody says it now
        *parts, what = message.topic.removeprefix(f"{PREFIX}/").split("/")
        point = "/".join(parts)
        if not parts:
            self._controller.beat(time.monotonic())
            return
        try:
            found = json.loads(message.payload)
            value = None if found is None else float(found)
            if what == "set":
                self._controller.tell(point, value, time.monotonic())
            elif value is not None:
                self._controller.set_own(point, value)
        except (ValueError, KeyError, TypeError) as error:
            log.warning("%s not understood: %s", message.topic, error)
            return
        log.info("%s: %s", message.topic, found)
        self._say_states([point])

    def _say_states(self, points: Iterable[str]) -> None:
        in_force = self._controller.in_force(time.monotonic())
        for point in points:
            state = {"value": in_force[point], "mode": self._controller.mode(point)}
            self._client.publish(f"{PREFIX}/{point}/state", json.dumps(state), qos=1)

    def step(self, at: datetime) -> int:
        """Publish what the sensors read at a time; returns how many readings."""
        time_s = np.array([at.timestamp()])
        in_force = self._controller.in_force(time.monotonic())
        if time.monotonic() - self._said_s >= STATES_EVERY_S:
            self._said_s = time.monotonic()
            self._say_states(in_force)
        commanded = {name: np.array([in_force[ref]]) for name, ref in plant.SETPOINT_REFS.items()}
        reached = self._inertia.follow(commanded, STEP_S)
        found = plant.measure(self._parameters, time_s, commanded, reached, self._rng)
        self._water_m3 += float(found.pop("water")[0]) * STEP_S / 3600.0 / history.LITRES_PER_M3
        found[history.WATER] = np.array([self._water_m3])
        by_asset: dict[str, dict[str, float]] = {}
        for ref, values in found.items():
            asset, point = ref.split("/")
            by_asset.setdefault(asset, {})[point] = round(float(np.ravel(values)[0]), 4)
        stamp = at.isoformat()
        for asset, values_of in by_asset.items():
            payload = json.dumps({"time": stamp, "values": values_of})
            self._client.publish(topics.asset_topic(self._site, asset), payload, qos=1)
        return len(found)

    def publish_forecast(self, issued: datetime) -> None:
        """Publish the weather forecast issued at a time."""
        rows = history.forecast_rows(issued)
        payload = {
            "issued_at": issued.isoformat(),
            "valid_at": [r.valid_at.isoformat() for r in rows],
            "dry_bulb_c": [r.dry_bulb_c for r in rows],
            "wet_bulb_c": [r.wet_bulb_c for r in rows],
        }
        self._client.publish(topics.forecast_topic(self._site), json.dumps(payload), qos=1)

    def publish_bookings(self, known: datetime) -> None:
        """Publish the load of the GPU jobs that are booked by a time."""
        rows = history.booked_rows(known)
        payload = {"valid_at": [r.valid_at.isoformat() for r in rows], "value": [r.value for r in rows]}
        self._client.publish(topics.schedule_topic(self._site, history.BOOKED), json.dumps(payload), qos=1)

    def wait_for_broker(self, stop: threading.Event) -> None:
        """Hold back while the broker has not caught up."""
        while self._client.want_write() and self._under_way() > UNACKNOWLEDGED_MAX and not stop.is_set():
            stop.wait(0.1)

    def _under_way(self) -> int:
        return len(self._client._out_messages)  # noqa: SLF001  # paho has no public count

    def close(self) -> None:
        """Say goodbye to the broker."""
        self._client.disconnect()
        self._client.loop_stop()


def run(context: Context, stop: threading.Event) -> None:
    """Run the plant until the event is set."""
    demo, clock = DemoPlant(context), context.clock
    step, behind = timedelta(seconds=STEP_S), timedelta(seconds=BEHIND_MAX_S)
    next_at = floor_time(clock.now(), step) + step
    issued = datetime.fromtimestamp(0, UTC)
    try:
        while not stop.is_set():
            now = clock.now()
            if now < next_at:
                clock.sleep((next_at - now).total_seconds(), stop)
                continue
            if now - next_at > behind:
                log.warning("%.0f s behind: going on from now", (now - next_at).total_seconds())
                next_at = floor_time(now, step)
            if next_at - issued >= AHEAD_EVERY:
                issued = floor_time(next_at, AHEAD_EVERY)
                demo.publish_forecast(issued)
                demo.publish_bookings(issued)
            demo.step(next_at)
            demo.wait_for_broker(stop)
            next_at += step
    finally:
        demo.close()
