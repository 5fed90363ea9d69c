"""Everything on one machine: `joulecast up` starts the servers and the services and keeps them running."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.console import Console

from core import db
from core.audit import operator_of_this_machine
from core.clock import clock_spec
from core.errors import InputError
from core.settings import PREFIX
from core.site import load_site
from joulecast import embedded, process
from joulecast.embedded import Broker, BrokerKind, Postgres, RunInfo
from joulecast.process import FolderLock, ServiceSpec
from joulecast.supervisor import Supervisor, stop_signals
from joulecast.verbs.common import demo_site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from core.clock import Clock
    from core.settings import Settings

SERVICES: Final = ("ingest", "ui", "forecast", "twin")
"""Packages that are run as ``python -m NAME``, in this order: the page before what loads slowly."""
DEMO_SERVICES: Final = ("ingest", "joulecast.demo", "edge", "ui", "forecast", "twin")
"""The same with the demonstration plant and its gateway, which end before whoever listens to them."""
EDGE_SERVICE: Final = "edge"
PAGE_SERVICE: Final = "ui"
SERVICE_STOP_S: Final = 10.0
PAGE_READY_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What the services are told: where the servers are, which plant, and which time."""

    settings: Settings
    dsn: str
    broker: str
    clock: Clock
    site_file: Path
    is_demo: bool
    edge_file: Path | None = None
    """The demonstration gateway's file."""

    @property
    def page(self) -> str:
        """Address of the page."""
        return self.settings.page_url

    def environment(self) -> dict[str, str]:
        """Environment variables of every service: our own settings, completed."""
        given = self.settings.model_dump(include=self.settings.model_fields_set, exclude_none=True)
        found = {
            "dsn": self.dsn,
            "broker": self.broker,
            "clock": clock_spec(self.clock),
            "site_file": self.site_file.absolute(),
            "data_dir": self.settings.data_dir.absolute(),
            "health_port": 0,  # one port cannot serve all of them, and here nobody asks
        }
        return {PREFIX + key.upper(): str(value) for key, value in (given | found).items()} | {
            "OMP_NUM_THREADS": "1",
            "PYTHONUNBUFFERED": "1",
        }

    def specs(self) -> Iterator[ServiceSpec]:
        """The services in the order of their start."""
        for module in DEMO_SERVICES if self.is_demo else SERVICES:
            yield ServiceSpec(
                name=module.rpartition(".")[2],
                argv=self._argv(module),
                env=self.environment(),
                ready=self._page_answers if module == PAGE_SERVICE else None,
                ready_s=PAGE_READY_S,
                stop_s=SERVICE_STOP_S,
            )

    def _argv(self, module: str) -> tuple[str, ...]:
        if module == EDGE_SERVICE:
            return (sys.executable, "-m", "joulecast", "edge", "--config", str(self.edge_file))
        return (sys.executable, "-m", module)

    def _page_answers(self, _: int) -> bool:
        return process.answers(self.settings.ui_port, self.settings.page_host)


def up(settings: Settings) -> int:
    """Run the whole system until Ctrl-C or SIGTERM.

    Returns:
        The exit status: 0 after a signal.

    Raises:
        InputError: the port is taken, the folder is in use, or the site's description is wrong; nothing has
            been started then.
        ServiceError: a server or the page does not start; everything that had been started is ended.
    """
    report = _reporter()
    _check(settings)
    with stop_signals() as hand_over:
        lock = FolderLock(settings.data_dir / "lock", "joulecast up")
        lock.acquire()
        try:
            _run(settings, report, hand_over)
        except KeyboardInterrupt:
            pass  # asked to stop before everything ran
        finally:
            lock.release()
    report("stopped")
    return 0


def _run(
    settings: Settings, report: Callable[[str], None], hand_over: Callable[[Callable[[], None]], None]
) -> None:
    """Start everything, keep it running until a stop signal, and end all of it whatever happened."""
    plan: Plan | None = None

    def remember() -> None:
        if plan:
            embedded.remember(settings.data_dir, _run_info(plan, supervisor.pids))

    supervisor = Supervisor(settings.data_dir / "log", report, changed=remember)
    servers: list[Postgres | Broker] = []
    try:
        dsn, broker = _servers(settings, supervisor, servers, report)
        migrated = db.migrate(dsn)
        report(f"schema ready ({migrated.mode}; {len(migrated.applied)} files applied)")
        drafted = _plan(settings, dsn, broker, report)
        _first_accounts(dsn, report, is_demo=drafted.is_demo)
        for spec in drafted.specs():
            supervisor.start(spec)
            report(f"page on {drafted.page}" if spec.name == PAGE_SERVICE else f"{spec.name} started")
        plan = drafted
        remember()
        report("everything runs; Ctrl-C ends it")
        hand_over(supervisor.request_stop)
        supervisor.run()
    finally:
        hand_over(supervisor.request_stop)
        report("stopping")
        supervisor.stop()
        embedded.forget(settings.data_dir)
        for server in servers:
            server.release()


def _check(settings: Settings) -> None:
    """Find whatever would make the start fail halfway.

    Raises:
        InputError: something would.
    """
    live = embedded.running(settings.data_dir)
    if live:
        raise InputError(
            f"joulecast up in {settings.data_dir}",
            found=f"it running already as process {live.pid} with its page on {live.ui}",
            allowed="one in each data folder",
            do="use that page, or stop it with Ctrl-C first",
        )
    try:
        free = process.port_is_free(settings.ui_port, settings.ui_host)
    except OSError as error:
        raise InputError(
            "setting ui_host",
            found=f"{settings.ui_host!r} ({error.strerror})",
            allowed="an address of this machine",
            do="correct JOULECAST_UI_HOST",
        ) from error
    if not free:
        raise InputError(
            "the page's port",
            found=f"{settings.ui_host}:{settings.ui_port} in use by another program",
            allowed="a free port",
            do="stop that program or set JOULECAST_UI_PORT to another port",
        )
    if _has_site(settings):
        from twin.parameters import Parameters  # noqa: PLC0415  # not needed for the demonstration

        Parameters.from_design(load_site(settings.site_file).plant)  # refuses what cannot be


def _has_site(settings: Settings) -> bool:
    """Whether there is a plant of one's own: a file that is there, or one that was asked for by name."""
    return settings.site_file.exists() or "site_file" in settings.model_fields_set


def _servers(
    settings: Settings,
    supervisor: Supervisor,
    servers: list[Postgres | Broker],
    report: Callable[[str], None],
) -> tuple[str, str]:
    """Start the servers that the settings do not give, and say where all of them are."""
    dsn, broker = settings.dsn, settings.broker
    if not dsn:
        begun_s = time.monotonic()
        postgres = Postgres(settings.data_dir)
        servers.append(postgres)
        postgres.prepare()
        supervisor.start(postgres.spec)
        dsn = postgres.dsn
        report(f"database ready ({postgres.version}; {time.monotonic() - begun_s:.1f} s)")
    if not broker:
        mqtt = Broker(settings.data_dir)
        servers.append(mqtt)
        mqtt.prepare()
        supervisor.start(mqtt.spec)
        broker = mqtt.url_for(settings.mqtt_version)
        keeps = "its queue is on disk" if mqtt.kind is BrokerKind.MOSQUITTO else "its queue is in memory only"
        report(f"broker ready ({mqtt.kind} on {broker}; {keeps})")
    return dsn, broker


def _plan(settings: Settings, dsn: str, broker: str, report: Callable[[str], None]) -> Plan:
    """Which plant: one's own, or the demonstration's, which gets its history on the first start."""
    if _has_site(settings):
        return Plan(settings, dsn, broker, settings.make_clock(), settings.site_file, is_demo=False)
    from joulecast import demo  # noqa: PLC0415  # heavy, and not needed with a plant of one's own

    report(f"no {settings.site_file} here: running the demonstration plant")
    begun_s = time.monotonic()
    site_file = demo_site(settings.data_dir)
    filled = settings.model_copy(update={"dsn": dsn, "broker": broker, "site_file": site_file})
    clock = demo.prepare(filled, dsn)
    site = load_site(site_file).id
    key, edge = demo.gateway.prepare(settings.data_dir, site, broker, settings.mqtt_version, clock)
    keyed = settings.model_copy(update={"command_key_file": key})
    report(f"demonstration plant ready ({time.monotonic() - begun_s:.1f} s)")
    return Plan(keyed, dsn, broker, clock, site_file, is_demo=True, edge_file=edge)


def _first_accounts(dsn: str, report: Callable[[str], None], *, is_demo: bool) -> None:
    """Where nobody may sign in yet, make who begins, and say their one-time passwords this once."""
    from ui.access import accounts  # noqa: PLC0415  # the password's library is needed on the first start only
    from ui.access.sessions import FIRST_DAYS  # noqa: PLC0415  # as above

    with db.connect(dsn) as conn:
        if accounts.exist(conn):
            return
        who = operator_of_this_machine()
        roles = accounts.DEMO_ROLES if is_demo else accounts.DEMO_ROLES[:1]
        made = {role: accounts.add(conn, who, role, role) for role in roles}
    report(f"first sign-ins within {FIRST_DAYS} days, each with a password that is shown only now:")
    for name, password in made.items():
        report(f"    {name:<9} {password}")


def _run_info(plan: Plan, pids: dict[str, int]) -> RunInfo:
    pid = os.getpid()
    return RunInfo(
        pid=pid,
        started=process.started(pid) or "",
        dsn=plan.dsn,
        broker=plan.broker,
        ui=plan.page,
        clock=clock_spec(plan.clock),
        site_file=str(plan.site_file.absolute()),
        pids=pids,
    )


def _reporter() -> Callable[[str], None]:
    """Lines for the person at the terminal: coloured there, plain and whole elsewhere."""
    console = Console(file=sys.stdout, highlight=False, markup=False, soft_wrap=True)
    begun_s = time.monotonic()

    def report(line: str) -> None:
        with suppress(OSError):  # the terminal may be gone; that must not keep us from ending everything
            console.print(f"joulecast {time.monotonic() - begun_s:6.1f} s  {line}")

    return report
