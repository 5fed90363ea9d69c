"""Keep a set of services running: start in order, restart what dies, keep logs, end all in reverse order."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING, Any, Final

from joulecast import process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from joulecast.process import ServiceSpec

LOG_BYTES: Final = 5_000_000
"""Size at which a service's log file is put aside [bytes]."""
LOG_KEPT: Final = 2
"""How many put-aside files are kept."""
TICK_S: Final = 0.2
LINE_BYTES: Final = 65_536
PUMP_S: Final = 2.0
"""Longest wait for the last lines of a service that ended [s]."""
STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ALARM: Final = re.compile(r"^\S+Z (WARNING|ERROR|CRITICAL)\b|\b(FATAL|PANIC): |Z: Error")
"""Lines that are shown as well as kept: of our own services (core.log), of PostgreSQL, of mosquitto."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before the next start of a service that keeps ending."""

    first_s: float = 0.5
    cap_s: float = 30.0
    forget_s: float = 60.0
    """A service that ran this long starts again at `first_s` [s]."""

    def delay_s(self, failures: int) -> float:
        """The wait after so many failures in a row [s]: doubled each time, never above the cap."""
        return float(min(self.cap_s, self.first_s * 2.0 ** min(failures - 1, 30)))


@dataclass(slots=True)
class _Service:
    spec: ServiceSpec
    log: Path
    process: subprocess.Popen[bytes] | None = None
    pump: threading.Thread | None = None
    started_s: float = 0.0
    failures: int = 0
    due_s: float = field(default=0.0)
    """When to start it again, on the monotonic clock [s]."""


class Supervisor:
    """Runs services as child processes.

    All of its methods but `request_stop` belong to one thread: the kernel ends the children with it.

    Args:
        log_dir: where each service's ``<name>.log`` is kept.
        report: takes one line for the operator.
        backoff: how restarts are spaced.
        changed: told after each start, e.g. to write the process ids down.
    """

    def __init__(
        self,
        log_dir: Path,
        report: Callable[[str], None],
        backoff: Backoff | None = None,
        changed: Callable[[], None] | None = None,
    ) -> None:
        self._log_dir, self._report, self._changed = log_dir, report, changed
        self._backoff = backoff or Backoff()
        self._services: list[_Service] = []
        self._stop = threading.Event()
        log_dir.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def pids(self) -> dict[str, int]:
        """Process id of each service that runs."""
        return {s.spec.name: s.process.pid for s in self._services if s.process}

    def start(self, spec: ServiceSpec) -> None:
        """Start one more service and wait until it serves.

        Raises:
            ServiceError: it ended before it did, or took too long.
        """
        service = _Service(spec, self._log_dir / f"{spec.name}.log")
        self._services.append(service)
        self._spawn(service)
        if service.process:
            process.wait_ready(spec, service.process, service.log)

    def request_stop(self) -> None:
        """Make `run` return soon; nothing is restarted any more. For signal handlers and other threads."""
        self._stop.set()

    def run(self) -> None:
        """Restart whatever dies, until `request_stop`."""
        while not self._stop.wait(TICK_S):
            for service in self._services:
                self._look_after(service)

    def stop(self) -> None:
        """End all services, the last started first."""
        self._stop.set()
        for service in reversed(self._services):
            if service.process:
                process.end(service.spec, service.process)
            _join(service)
        self._services.clear()

    def _look_after(self, service: _Service) -> None:
        if service.process is None:
            if time.monotonic() >= service.due_s and not self._stop.is_set():
                self._spawn(service)
            return
        if not _has_ended(service.process.pid):
            return
        # a Ctrl-C sent to everybody may reach the child first: that is no crash, and the rest is about to end
        if self._stop.wait(TICK_S):
            return
        self._bury(service)

    def _bury(self, service: _Service) -> None:
        """Report a service's end and set the time of its next start."""
        ended = service.process
        if ended is None:
            return
        process.kill_group(ended.pid)  # before it is reaped: until then its id cannot be anybody else's
        status = process.status_text(ended.wait())
        _join(service)
        service.process = None
        if time.monotonic() - service.started_s > self._backoff.forget_s:
            service.failures = 0
        service.failures += 1
        delay_s = self._backoff.delay_s(service.failures)
        service.due_s = time.monotonic() + delay_s
        why = process.last_line(service.log)
        self._report(f"{service.spec.name} ended ({status}: {why}); starts again in {delay_s:.1f} s")

    def _spawn(self, service: _Service) -> None:
        service.started_s = time.monotonic()
        service.process = process.spawn(service.spec, subprocess.PIPE)
        service.pump = threading.Thread(
            target=self._keep_log,
            args=(service.process, service.log),
            name=f"log {service.spec.name}",
            daemon=True,
        )
        service.pump.start()
        if service.failures:
            self._report(f"{service.spec.name} started again (process {service.process.pid})")
        if self._changed:
            self._changed()

    def _keep_log(self, child: subprocess.Popen[bytes], log: Path) -> None:
        """Write a child's output to its log file, and show what the operator should see."""
        if child.stdout is None:
            return
        kept = RotatingFileHandler(log, maxBytes=LOG_BYTES, backupCount=LOG_KEPT, encoding="utf-8")
        with child.stdout:
            for line in iter(lambda: child.stdout.readline(LINE_BYTES) if child.stdout else b"", b""):
                text = line.decode(errors="replace").rstrip()
                kept.handle(logging.makeLogRecord({"msg": text}))
                if _ALARM.search(text) and not self._stop.is_set():
                    self._report(f"{log.stem}: {text}")
        kept.close()


def _has_ended(pid: int) -> bool:
    """Whether a child of ours has ended, without reaping it."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _join(service: _Service) -> None:
    if service.pump:
        service.pump.join(PUMP_S)


@contextmanager
def stop_signals() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Turn the first stop signal into KeyboardInterrupt or, once the block has handed over a call, into that.

    Further signals do nothing, so that the ending is not interrupted. Only for the main thread.
    """
    handover: list[Callable[[], None]] = []
    got: list[int] = []

    def handle(number: int, _: Any) -> None:
        if got:
            return
        got.append(number)
        if not handover:
            raise KeyboardInterrupt
        handover[0]()

    before = {number: signal.signal(number, handle) for number in STOP_SIGNALS}
    try:
        yield handover.append
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
