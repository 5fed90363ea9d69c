"""Processes of our own: start one, tell whether it lives, end it, and hold the folder it works in."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from core.errors import InputError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LOOPBACK: Final = "127.0.0.1"
PRIVATE_FILE: Final = 0o600
PORTS: Final = range(20_000, 32_000)
"""Where free ports are looked for: below the range from which Linux takes ports for outgoing connections."""
FREE_AGAIN_S: Final = 1.0
"""How long the port used the last time is waited for [s]."""
POLL_S: Final = 0.05
LAST_WORDS_S: Final = 0.2
"""How long the last lines of a process may be on their way to its log [s]."""
_LAUNCHER: Final = Path(__file__).with_name("launch.py")


@dataclass(frozen=True, slots=True)
class Identity:
    """As whom a child runs: as we are, or (options of the launcher) as somebody else."""

    options: tuple[str, ...] = ()
    uid: int = field(default_factory=os.geteuid)
    """Owner of its files, as seen from outside."""
    gid: int = field(default_factory=os.getegid)


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """How to start one process, how to tell that it serves, and how to end it."""

    name: str
    """What reports and its log file are called."""
    argv: tuple[str, ...]
    """Program and arguments."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Environment in addition to our own."""
    ready: Callable[[int], bool] | None = None
    """Whether the process of this id serves; none: it does as soon as it runs."""
    ready_s: float = 60.0
    """Longest wait for that [s]."""
    stop_signal: int = signal.SIGTERM
    """What makes it end cleanly."""
    stop_s: float = 10.0
    """Longest wait for that before SIGKILL [s]."""
    death_signal: int = signal.SIGKILL
    """What it gets when we die."""
    identity: Identity = field(default_factory=Identity)
    on_start: Callable[[int], None] | None = None
    """Told the process id after each start."""


def launcher(identity: Identity, death_signal: int, chdir: Path | None = None) -> list[str]:
    """The words to put before a program, so that it ends with us and runs as `identity`."""
    here = () if chdir is None else ("--chdir", str(chdir))
    options = (f"--parent={os.getpid()}", f"--signal={int(death_signal)}", *identity.options, *here)
    return [sys.executable, "-I", "-S", str(_LAUNCHER), *options, "--"]


def spawn(spec: ServiceSpec, output: Any) -> subprocess.Popen[bytes]:
    """Start a service in a process group of its own, so that a terminal's Ctrl-C reaches only us.

    Call it from a thread that lives as long as the service is to: the kernel takes the death of the thread
    for the death of the parent.
    """
    process = subprocess.Popen(  # noqa: S603  # the project's own programs
        [*launcher(spec.identity, spec.death_signal), *spec.argv],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env={**os.environ, **spec.env},
        process_group=0,
    )
    if spec.on_start:
        spec.on_start(process.pid)
    return process


def wait_ready(spec: ServiceSpec, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the service serves.

    Raises:
        ServiceError: it ended, or took too long.
    """
    deadline = time.monotonic() + spec.ready_s
    while spec.ready and not spec.ready(process.pid):
        status = process.poll()
        if status is not None:
            time.sleep(LAST_WORDS_S)
            raise ServiceError(f"{spec.name} ended with {status_text(status)}: {last_line(log)}; see {log}")
        if time.monotonic() > deadline:
            raise ServiceError(
                f"{spec.name} is not ready after {spec.ready_s:.0f} s: {last_line(log)}; see {log}"
            )
        time.sleep(POLL_S)


def end(spec: ServiceSpec, process: subprocess.Popen[bytes]) -> None:
    """End a service and all of its process group: its own signal first, SIGKILL when that takes too long."""
    if process.poll() is None:
        process.send_signal(spec.stop_signal)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(spec.stop_s)
    kill_group(process.pid)
    process.wait()


def kill_group(leader: int) -> None:
    """SIGKILL whatever is left in the process group that a service of ours led."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def status_text(status: int) -> str:
    """An exit status in words."""
    return signal.Signals(-status).name if status < 0 else f"exit status {status}"


def last_line(log: Path, length: int = 300) -> str:
    """The last line of a log, which mostly says why."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 8 * length))
            lines = file.read().decode(errors="replace").strip().splitlines()
    except OSError:
        return "no log"
    return lines[-1][-length:] if lines else "nothing in its log"


def started(pid: int) -> str | None:
    """When the process of this id started, in a form that no other process ever has; None: it is not alive.

    A process id is used again after a while; the two together are not.
    """
    try:
        fields = (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        )
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (FileNotFoundError, ProcessLookupError):
        return None if Path("/proc/self/stat").exists() else _started_by_ps(pid)
    return None if fields[0] in "ZX" else f"{boot}:{fields[19]}"


def _started_by_ps(pid: int) -> str | None:
    """`started` where there is no /proc."""
    argv = ["ps", "-o", "lstart=", "-p", str(pid)]
    found = subprocess.run(argv, capture_output=True, text=True, check=False)  # noqa: S603  # fixed words
    return found.stdout.strip() or None


def is_alive(pid: object, since: object) -> bool:
    """Whether the process of this id is still the one that started then."""
    return isinstance(pid, int) and pid > 0 and since is not None and started(pid) == since


def end_other(pid: int, since: str, signals: tuple[tuple[int, float], ...]) -> None:
    """End a process that is not our child but verifiably ours: each signal with its wait [s], in turn."""
    for number, wait_s in signals:
        deadline = time.monotonic() + wait_s
        if is_alive(pid, since):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        while is_alive(pid, since) and time.monotonic() < deadline:
            time.sleep(POLL_S)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, all of it or nothing."""
    fresh = path.with_name(path.name + ".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file of ours; {} where there is none or a crash left half of one."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


class FolderLock:
    """The right to work in a folder, held by at most one process; the kernel takes it back when that dies.

    Args:
        path: the lock file, in the folder. It tells who holds it and which server process that one started.
        what: what is locked, for the sentence that refuses.
    """

    def __init__(self, path: Path, what: str) -> None:
        self.path, self.what = path, what
        self._file: int | None = None

    def acquire(self) -> dict[str, Any]:
        """Take the lock and return what its last holder wrote: whatever server it left behind.

        Raises:
            InputError: a living process holds it, or the folder cannot be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self.path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
        except OSError as error:
            raise InputError(
                f"data folder {self.path.parent}",
                found=error.strerror or str(error),
                allowed="a folder that we may write",
                do="set JOULECAST_DATA_DIR to one",
            ) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            raise InputError(
                f"{self.what} in {self.path.parent}",
                found=f"it in use by process {read_json(self.path).get('owner', 'of another user')}",
                allowed="one user of a data folder at a time",
                do="stop that one, or set JOULECAST_DATA_DIR to another folder",
            ) from None
        left = read_json(self.path)
        self._file = file
        self.record()
        return left

    def record(self, server: int | None = None) -> None:
        """Write down who we are and which server process is ours."""
        if self._file is None:
            return
        owner = os.getpid()
        entry = {"owner": owner, "owner_started": started(owner)}
        if server is not None:
            entry |= {"server": server, "server_started": started(server)}
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, json.dumps(entry).encode(), 0)

    def release(self) -> None:
        """Give it back; harmless where it is not held."""
        if self._file is not None:
            os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = None


def port_is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen there now.

    Raises:
        OSError: for another reason than the port being taken, e.g. no such address on this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except PermissionError:
            return False
        except OSError as error:
            if error.errno in {98, 48}:  # EADDRINUSE on Linux, macOS
                return False
            raise
    return True


def answers(port: int, host: str = LOOPBACK, timeout_s: float = 0.2) -> bool:
    """Whether something accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=timeout_s):
            return True
    except OSError:
        return False


def remembered_port(data_dir: Path, name: str) -> int:
    """A free loopback port: the one used the last time if it is free, else another, which is remembered.

    A server that has just been ended may keep its port for a moment: its last thread has to go first.
    """
    path = data_dir / "ports.json"
    ports = read_json(path)
    last = ports.get(name)
    deadline = time.monotonic() + FREE_AGAIN_S
    while isinstance(last, int):
        if port_is_free(last):
            return last
        if time.monotonic() > deadline:
            break
        time.sleep(POLL_S)
    taken = set(ports.values())
    while True:
        port = PORTS[secrets.randbelow(len(PORTS))]
        if port not in taken and port_is_free(port):
            write_private(path, json.dumps({**ports, name: port}))
            return port
