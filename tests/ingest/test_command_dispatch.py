"""Commands through a real broker to a plant that obeys, refuses, is silent, or says yes and does nothing."""

from __future__ import annotations

import json
import logging
import threading
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests_of_ingest import PATIENCE_S, wait_until

from core import db
from core.clock import ManualClock, ScaledClock
from core.errors import ServiceError
from core.jobs import Context
from core.settings import Settings
from ingest import commands
from ingest.commands import FOLLOW_S, Dispatcher, follow_time
from ingest.mqtt import Address, make_client
from ingest.topics import acknowledgement_topic, command_topic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from paho.mqtt.client import Client, MQTTMessage

    from core.site import Site

AIR, WATER = "supply_air_temperature_setpoint", "chilled_water_supply_temperature_setpoint"
ASSETS = {AIR: "hall", WATER: "chw-loop"}


@dataclass
class FakePlant:
    """Answers commands over MQTT as a building management system would."""

    site: str
    now: Callable[[], datetime]
    accepts: bool | None = True
    follows: bool = True
    got: list[dict[str, Any]] = field(default_factory=list)
    properties: list[Any] = field(default_factory=list)

    def on_message(self, client: Client, _: object, message: MQTTMessage) -> None:
        *_, asset, point = message.topic.split("/")
        command = json.loads(message.payload)
        self.got.append(command | {"asset": asset, "point": point, "retain": message.retain})
        self.properties.append(message.properties)
        if self.accepts is None:
            return
        answer = {
            "command_id": command["command_id"],
            "accepted": self.accepts,
            "reason": None if self.accepts else "interlock",
            "time": self.now().isoformat(),
        }
        client.publish(acknowledgement_topic(self.site, asset, point), json.dumps(answer), qos=1)
        if self.accepts and self.follows:
            self.report(client, asset, point, command["value"])

    def report(self, client: Client, asset: str, point: str, value: float) -> None:
        reading = {"time": self.now().isoformat(), "value": value}
        client.publish(f"joulecast/{self.site}/{asset}/{point}", json.dumps(reading), qos=1)


@contextmanager
def connected(broker_url: str, plant: FakePlant) -> Iterator[Client]:
    address, ready = Address.parse(broker_url), threading.Event()
    client = make_client(address, "")
    client.on_message = plant.on_message
    client.on_subscribe = lambda *_: ready.set()
    client.connect(address.host, address.port)
    client.loop_start()
    client.subscribe(command_topic(plant.site, "+", "+"), qos=1)
    assert ready.wait(PATIENCE_S)
    yield client
    client.disconnect()
    client.loop_stop()


def accepted(conn: db.Connection, site: str, now: datetime, values: dict[str, float]) -> int:
    """A recommendation that an operator has accepted, with its commands."""
    expires = now + timedelta(minutes=10)
    row = conn.execute(
        "INSERT INTO recommendation (site_id, created_at, expires_at, changes, objective, saving_p10_kw,"
        " saving_p50_kw, saving_p90_kw, attribution, prediction, verdicts, rule)"
        " VALUES (%s, %s, %s, '[]', 'energy', 1, 2, 3, '{}', '{}', '{}', '{}') RETURNING recommendation_id",
        (site, now, expires),
    ).fetchone()
    assert row
    number: int = row["recommendation_id"]
    with conn.transaction():
        conn.execute("SELECT transition(%s, 'accepted', NULL, %s, 'olga', 'looks right')", (number, now))
        for point, value in values.items():
            conn.execute(
                "INSERT INTO command (command_id, recommendation_id, site_id, asset_id, point, value,"
                " previous_value, created_at, expires_at) VALUES (%s, %s, %s, %s, %s, %s, 20, %s, %s)",
                (uuid.uuid4(), number, site, ASSETS[point], point, value, now, expires),
            )
    return number


def states(conn: db.Connection) -> list[str]:
    return [r["state"] for r in conn.execute("SELECT state FROM command ORDER BY point DESC")]


def history(conn: db.Connection) -> list[tuple[str, str]]:
    rows = conn.execute("SELECT to_state, actor FROM recommendation_event ORDER BY event_id")
    return [(r["to_state"], r["actor"]) for r in rows]


Serving = "Callable[..., AbstractContextManager[Context]]"


def test_an_obedient_plant(
    serving: Serving, conn: db.Connection, plant: Site, clock: ManualClock, broker_url: str
) -> None:
    fake = FakePlant(plant.id, clock.now)
    with serving(clock), connected(broker_url, fake):
        accepted(conn, plant.id, clock.now(), {AIR: 22.0, WATER: 9.5})
        wait_until(lambda: states(conn) == ["applied", "applied"])
        wait_until(lambda: history(conn)[-1][0] == "applied")
    assert history(conn) == [("accepted", "olga"), ("sent", "ingest"), ("applied", "ingest")]
    air = next(c for c in fake.got if c["point"] == AIR)
    expires = (clock.now() + timedelta(minutes=10)).isoformat().replace("+00:00", "Z")
    assert {k: air[k] for k in ("asset", "value", "unit", "issued_by", "expires_at", "retain")} == {
        "asset": "hall",
        "value": 22.0,
        "unit": "degC",
        "issued_by": "olga",
        "expires_at": expires,
        "retain": False,
    }
    assert 0 < fake.properties[0].MessageExpiryInterval <= 600


def test_a_plant_that_refuses(
    serving: Serving, conn: db.Connection, plant: Site, clock: ManualClock, broker_url: str
) -> None:
    with serving(clock), connected(broker_url, FakePlant(plant.id, clock.now, accepts=False)):
        accepted(conn, plant.id, clock.now(), {AIR: 22.0})
        wait_until(lambda: history(conn)[-1][0] == "failed")
    assert states(conn) == ["refused"]
    row = conn.execute("SELECT reason FROM recommendation_event ORDER BY event_id DESC").fetchone()
    assert row
    assert "interlock" in row["reason"]


def test_a_plant_that_says_yes_and_does_nothing(
    serving: Serving, conn: db.Connection, plant: Site, clock: ManualClock, broker_url: str
) -> None:
    fake = FakePlant(plant.id, clock.now, follows=False)
    with serving(clock), connected(broker_url, fake) as client:
        accepted(conn, plant.id, clock.now(), {AIR: 22.0})
        wait_until(lambda: states(conn) == ["acknowledged"])
        clock.advance(timedelta(seconds=FOLLOW_S - 1))
        fake.report(client, "hall", AIR, 21.9)
        wait_until(lambda: db.rows(conn, "latest", site=plant.id))
        assert states(conn) == ["acknowledged"]
        clock.advance(timedelta(seconds=1))
        wait_until(lambda: states(conn) == ["failed"])
        wait_until(lambda: history(conn)[-1][0] == "failed")


def test_a_silent_plant(
    serving: Serving, conn: db.Connection, plant: Site, clock: ManualClock, broker_url: str
) -> None:
    with serving(clock), connected(broker_url, FakePlant(plant.id, clock.now, accepts=None)) as _:
        accepted(conn, plant.id, clock.now(), {AIR: 22.0})
        wait_until(lambda: states(conn) == ["sent"])
        wait_until(lambda: history(conn)[-1] == ("sent", "ingest"))
        clock.advance(timedelta(minutes=10))
        wait_until(lambda: states(conn) == ["expired"])
        wait_until(lambda: history(conn)[-1] == ("failed", "ingest"))


def test_the_setpoint_of_before_the_command_is_no_proof(
    serving: Serving, conn: db.Connection, plant: Site, clock: ManualClock, broker_url: str
) -> None:
    fake = FakePlant(plant.id, clock.now, follows=False)
    with serving(clock), connected(broker_url, fake) as client:
        fake.report(client, "hall", AIR, 22.0)
        wait_until(lambda: db.rows(conn, "latest", site=plant.id))
        clock.advance(timedelta(seconds=1))
        accepted(conn, plant.id, clock.now(), {AIR: 22.0})
        wait_until(lambda: states(conn) == ["acknowledged"])
        wait_until(lambda: history(conn)[-1][0] == "sent")
        clock.advance(timedelta(seconds=1))
        fake.report(client, "hall", AIR, 22.04)
        wait_until(lambda: states(conn) == ["applied"])


def test_an_answer_to_no_command_changes_nothing(
    serving: Serving, conn: db.Connection, plant: Site, clock: ManualClock, broker_url: str
) -> None:
    fake = FakePlant(plant.id, clock.now)
    with serving(clock), connected(broker_url, fake) as client:
        answer = {"command_id": str(uuid.uuid4()), "accepted": True}
        client.publish(acknowledgement_topic(plant.id, "hall", AIR), json.dumps(answer), qos=1)
        fake.report(client, "hall", AIR, 20.0)
        wait_until(lambda: db.rows(conn, "latest", site=plant.id))
    assert states(conn) == []


def dispatcher(dsn: str, broker_url: str, plant: Site, clock: ManualClock) -> Dispatcher:
    return Dispatcher(Context(Settings(dsn=dsn, broker=broker_url), plant, clock, dsn))


def test_without_a_broker_a_command_stays_queued_until_it_expires(
    dsn: str, conn: db.Connection, plant: Site, clock: ManualClock
) -> None:
    accepted(conn, plant.id, clock.now(), {AIR: 22.0})
    sender = dispatcher(dsn, "mqtt://127.0.0.1:1", plant, clock)
    with pytest.raises(ServiceError):
        sender.step(conn)
    assert states(conn) == ["queued"]
    clock.advance(timedelta(minutes=10))
    sender.step(conn)
    assert states(conn) == ["expired"]
    assert history(conn)[-1] == ("failed", "ingest")


def test_when_one_command_is_lost_the_unsent_ones_are_not_sent(
    dsn: str, conn: db.Connection, plant: Site, clock: ManualClock
) -> None:
    accepted(conn, plant.id, clock.now(), {AIR: 22.0, WATER: 9.5})
    conn.execute("UPDATE command SET state = 'refused', reason = 'no' WHERE point = %s", (AIR,))
    dispatcher(dsn, "mqtt://127.0.0.1:1", plant, clock).step(conn)
    assert states(conn) == ["refused", "failed"]
    assert history(conn)[-1] == ("failed", "ingest")


def test_a_command_of_another_site_is_left_alone(
    dsn: str, conn: db.Connection, plant: Site, clock: ManualClock
) -> None:
    accepted(conn, "elsewhere", clock.now(), {AIR: 22.0})
    dispatcher(dsn, "mqtt://127.0.0.1:1", plant, clock).step(conn)
    assert states(conn) == ["queued"]


def test_without_write_back_nothing_is_sent_and_it_is_said_once(
    dsn: str,
    conn: db.Connection,
    plant: Site,
    clock: ManualClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    accepted(conn, plant.id, clock.now(), {AIR: 22.0})
    careful = plant.model_copy(update={"write_back": False})
    with caplog.at_level(logging.WARNING):
        commands.run(Context(Settings(dsn=dsn), careful, clock, dsn), threading.Event())
    assert [r.message for r in caplog.records if "write_back" in r.message]
    assert len(caplog.records) == 1
    assert states(conn) == ["queued"]


def test_a_fast_clock_leaves_messages_their_time(clock: ManualClock) -> None:
    assert follow_time(clock) == timedelta(seconds=300)
    fast = ScaledClock(clock.now(), clock.now(), 60.0)
    assert follow_time(fast) == timedelta(seconds=900)
