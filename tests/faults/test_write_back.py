"""What goes wrong while setpoints are written: never a second write, always an end, and the operator is told.

Real processes throughout: the ingest service, the gateway, a broker, a database; only the plant is made up.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from advised import Wanted, alarms_of, events_of, queued, state_of
from faults import ROOT, Worker, wait_until
from plant_on_mqtt import AIR, OWN, PlantOnMqtt

from core import db
from core.actions import State
from core.clock import ScaledClock, clock_spec
from ingest.edge import keys
from ingest.edge.protocol import Kind, seal, unseal
from ingest.mqtt import Address, make_client
from ingest.topics import acknowledgement_topic, command_topic

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from paho.mqtt.client import Client, MQTTMessage

    from joulecast import embedded

SPEED = 60.0
"""The plant's time, so that waiting for a measured setpoint takes seconds; messages have their wall time."""
PATIENCE_S = 90.0
_numbers = itertools.count(1)


class Edge:
    """A real ``joulecast edge``."""

    def __init__(self, config: Path) -> None:
        self._config = config
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "joulecast", "edge", "--config", str(self._config)]
        self.process = subprocess.Popen(command, cwd=ROOT)

    def tell(self, number: int) -> None:
        assert self.process
        self.process.send_signal(number)

    def end(self, number: int = signal.SIGKILL) -> int:
        if not self.process:
            return 0
        self.process.send_signal(number)
        status = self.process.wait(PATIENCE_S)
        self.process = None
        return status


@dataclass
class System:
    """Everything that runs."""

    site: str
    dsn: str
    broker: str
    clock: ScaledClock
    worker: Worker
    edge: Edge
    plant: PlantOnMqtt
    conn: db.Connection
    folder: Path

    def recommend(self, value: float = 22.0, due: timedelta = timedelta(minutes=30)) -> int:
        wanted = [Wanted(AIR, value, self.plant.in_force()[AIR])]
        return queued(self.conn, self.site, self.clock.now(), wanted, timedelta(hours=30), due)

    def until(self, number: int, *states: State) -> None:
        wait_until(
            lambda: state_of(self.conn, number) in states, f"{states}: {number}", patience_s=PATIENCE_S
        )

    def pass_the_time(self, number: int) -> None:
        """Let a recommendation's time in its state be over."""
        query = "UPDATE recommendation SET due_at = %s WHERE recommendation_id = %s"
        self.conn.execute(query, (self.clock.now(), number))

    def why(self, number: int) -> dict[str, str]:
        return dict(events_of(self.conn, number))

    def ready(self) -> None:
        """Wait until both sides know each other and the plant."""

        def known() -> bool:
            assert self.edge.process
            assert self.edge.process.poll() is None, "the gateway has ended"
            rows = list(self.conn.execute("SELECT 1 FROM edge_status WHERE online"))
            seen = {row["ref"] for row in db.rows(self.conn, "latest", site=self.site)}
            return bool(rows) and (seen >= set(OWN) or not self.plant.measures)

        wait_until(known, "the gateway and the plant are heard", patience_s=PATIENCE_S)


@contextmanager
def running(dsn: str, broker: str, site_file: Path, folder: Path) -> Iterator[System]:
    site, prefix = f"writing{next(_numbers)}-{os.getpid()}", f"plant/{os.getpid()}-{next(_numbers)}"
    text = site_file.read_text(encoding="utf-8").replace('id = "demo"', f'id = "{site}"')
    site_file.write_text(text, encoding="utf-8")
    clock = ScaledClock(datetime.now(UTC), datetime.now(UTC), SPEED)
    private, _ = keys.make(folder)
    config = folder / "edge.toml"
    points = "\n".join(f'[points."{ref}"]\nmin = {c - 5}\nmax = {c + 5}\n' for ref, c in OWN.items())
    config.write_text(
        f'site = "{site}"\nedge = "edge-1"\nbroker = "{broker}"\nkeys = ["{keys.PUBLIC_NAME}"]\n'
        f'clock = "{clock_spec(clock)}"\n[plant]\nkind = "mqtt"\nprefix = "{prefix}"\n'
        f"patience_s = 2\n{points}",
        encoding="utf-8",
    )
    worker = Worker(
        dsn,
        broker,
        site_file,
        command_key_file=str(private),
        clock=clock_spec(clock),
        ingest_client_id=f"ingest-{site}",
    )
    edge = Edge(config)
    with ExitStack() as ends:
        conn = ends.enter_context(db.connect(dsn, autocommit=True))
        plant = ends.enter_context(PlantOnMqtt(broker, site, prefix, clock))
        ends.callback(worker.kill)
        ends.callback(edge.end)
        edge.start()
        worker.start()
        system = System(site, dsn, broker, clock, worker, edge, plant, conn, folder)
        system.ready()
        yield system


@pytest.fixture
def system(dsn: str, broker_url: str, site_file: Path, tmp_path: Path) -> Iterator[System]:
    with running(dsn, broker_url, site_file, tmp_path) as found:
        yield found


def test_the_whole_chain_and_then_the_plant_alone(system: System) -> None:
    number = system.recommend()
    system.until(number, State.HOLDING)
    assert system.plant.in_force()[AIR] == 22.0
    # the gateway is asked to end, as by switching the machine off: it gives everything back first
    assert system.edge.end(signal.SIGTERM) == 0
    assert system.plant.in_force() == OWN
    system.until(number, State.REVERTED)
    assert system.plant.writes == [(AIR, 22.0)]


def test_the_plant_is_safe_with_our_system_switched_off(system: System) -> None:
    number = system.recommend()
    system.until(number, State.HOLDING)
    system.worker.kill()
    system.edge.end(signal.SIGKILL)
    assert system.plant.in_force()[AIR] == 22.0  # nobody could say goodbye
    system.plant.shift_s = 31.0  # half a minute later
    assert system.plant.in_force() == OWN


def test_a_gateway_that_is_killed(system: System) -> None:
    number = system.recommend()
    system.until(number, State.HOLDING)
    system.edge.end(signal.SIGKILL)
    system.plant.shift_s = 31.0
    system.until(number, State.REVERTED)
    assert system.plant.writes == [(AIR, 22.0)]
    assert f"write.failed.{number}" in alarms_of(system.conn)


def test_a_service_that_is_killed_while_it_applies(system: System) -> None:
    system.edge.tell(signal.SIGSTOP)  # so that nobody answers yet
    number = system.recommend()
    system.until(number, State.SENT)
    time.sleep(2.0)  # the broker has it by now, or never will
    system.worker.kill()
    assert state_of(system.conn, number) is State.SENT
    system.edge.tell(signal.SIGCONT)
    system.worker.start()
    system.until(number, State.HOLDING)
    assert system.plant.writes == [(AIR, 22.0)]


def test_an_acknowledgement_without_movement(system: System) -> None:
    system.plant.frozen = True
    number = system.recommend()
    system.until(number, State.ACKED)
    system.until(number, State.REVERTED)
    assert "did not follow" in system.why(number)["failed"]
    assert system.plant.writes == [(AIR, 22.0)]
    assert f"write.failed.{number}" in alarms_of(system.conn)


def test_a_stale_sensor(system: System) -> None:
    system.plant.measures = False
    time.sleep(16.0)  # readings are fresh for 15 s, however fast the plant's clock runs
    number = system.recommend(due=timedelta(minutes=2))
    system.until(number, State.WITHDRAWN)
    assert (system.plant.writes, list(alarms_of(system.conn).values())) == ([], [2])


def test_sensors_that_fall_silent_while_it_goes_back(system: System) -> None:
    number = system.recommend()
    system.until(number, State.HOLDING)
    system.plant.measures = False
    system.edge.end(signal.SIGTERM)
    system.until(number, State.REVERTING)
    system.pass_the_time(number)
    system.until(number, State.REVERT_FAILED)
    assert alarms_of(system.conn)[f"write.revert.{number}"] == 1
    system.plant.measures = True
    system.until(number, State.REVERTED)
    assert f"write.revert.{number}" not in alarms_of(system.conn)


def test_commands_of_others_and_of_yesterday(system: System) -> None:
    captured: list[bytes] = []
    answers: list[dict[str, object]] = []
    with listening(system, captured, answers) as client:
        number = system.recommend()
        system.until(number, State.HOLDING)
        key = keys.load_private(system.folder / keys.PRIVATE_NAME)
        genuine = unseal(captured[0], {keys.key_id(key.public_key()): key.public_key()})
        topic = command_topic(system.site, *AIR.split("/"))
        content = {name: getattr(genuine, name) for name in genuine.__struct_fields__}
        old = datetime.now(UTC) - timedelta(days=1)

        def made(**other: object) -> bytes:
            return seal(type(genuine)(**(content | {"seq": 10_000, "value": 23.0} | other)), key)  # type: ignore[arg-type]

        wrong = {
            "replayed": made(command_id="a", seq=1),
            "expired": made(command_id="b", expires_at=old),
            "signature": made(command_id="c").replace(b'"value":23.0', b'"value":24.0'),
            "site": made(command_id="d", site="elsewhere"),
        }
        for payload in wrong.values():
            client.publish(topic, payload, qos=1)
        wait_until(lambda: {a["reason"] for a in answers} >= set(wrong), f"refusals: {answers}")
        client.publish(topic, captured[0], qos=1)  # the very same once more
        client.publish(topic, made(command_id="e", kind=Kind.SET), qos=1, retain=True).wait_for_publish(5)
        system.edge.end(signal.SIGTERM)
        system.until(number, State.REVERTED)
        system.edge.start()  # it finds the retained one
        wait_until(lambda: "retained" in {a["reason"] for a in answers}, f"the retained one: {answers}")
        client.publish(topic, b"", qos=1, retain=True).wait_for_publish(5)
    assert system.plant.writes == [(AIR, 22.0)]


@contextmanager
def listening(system: System, captured: list[bytes], answers: list[dict[str, object]]) -> Iterator[Client]:
    """Somebody at the broker who hears everything."""
    address, ready = Address.parse(system.broker), threading.Event()
    client = make_client(address, "")

    def hear(_c: Client, _u: object, message: MQTTMessage) -> None:
        if "$ack" in message.topic:
            answers.append(json.loads(message.payload))
        elif message.payload:
            captured.append(message.payload)

    client.on_message = hear
    client.on_subscribe = lambda *_: ready.set()
    client.connect(address.host, address.port)
    client.loop_start()
    topics = (command_topic(system.site, "+", "+"), acknowledgement_topic(system.site, "+", "+"))
    client.subscribe([(topic, 1) for topic in topics])
    assert ready.wait(PATIENCE_S)
    yield client
    client.disconnect()
    client.loop_stop()


def test_a_broker_that_is_lost(dsn: str, mosquitto: embedded.Broker, site_file: Path, tmp_path: Path) -> None:
    """Both sides lose it: the plant goes back by itself, and the recommendation has its end."""
    with running(dsn, mosquitto.url, site_file, tmp_path) as system:
        number = system.recommend()
        system.until(number, State.HOLDING)
        mosquitto.stop()
        system.plant.shift_s = 31.0
        assert system.plant.in_force() == OWN
        other = system.recommend()
        wait_until(lambda: alarms_of(system.conn, ever=True), "the operator is told")
        mosquitto.start()
        system.until(number, State.REVERTED)
        system.until(other, State.WITHDRAWN, State.REVERTED, State.HOLDING)
        assert system.plant.writes[:1] == [(AIR, 22.0)]
        assert len(system.plant.writes) <= 2  # one for each recommendation
