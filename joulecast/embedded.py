"""The servers that everything else needs, where nobody has given us any: a PostgreSQL and an MQTT broker.

All of it lives in one folder (`Settings.data_dir`): ``postgres/``, ``broker/``, ``log/``, the locks, the
ports used the last time, the password, and, while `joulecast up` runs, ``run.json``.
"""

from __future__ import annotations

import json
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Final

from joulecast import process
from joulecast.embedded_broker import Broker, BrokerKind
from joulecast.embedded_postgres import Postgres

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from core.settings import Settings

__all__ = [
    "Broker",
    "BrokerKind",
    "Endpoints",
    "Postgres",
    "RunInfo",
    "forget",
    "remember",
    "running",
    "services",
]

RUN_FILE: Final = "run.json"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the servers are."""

    dsn: str
    """Connection string of the database."""
    broker: str | None
    """Address of the broker, ``mqtt://...``; None where only the database was asked for."""


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A running `joulecast up`, as its ``run.json`` tells it."""

    pid: int
    """Process id of `joulecast up` itself."""
    started: str
    """When that process started, as `process.started` has it."""
    dsn: str
    broker: str
    ui: str
    """Address of the page."""
    clock: str
    """What JOULECAST_CLOCK is for everyone who works with this run; empty: the machine's clock."""
    site_file: str = ""
    """What JOULECAST_SITE_FILE is for them."""
    pids: Mapping[str, int] = field(default_factory=dict)
    """Process id of each service."""


def running(data_dir: Path) -> RunInfo | None:
    """The `joulecast up` that works in this folder, if it is alive."""
    try:
        info = RunInfo(**process.read_json(data_dir / RUN_FILE))
    except TypeError:
        return None
    return info if process.is_alive(info.pid, info.started) else None


def remember(data_dir: Path, info: RunInfo) -> None:
    """Write ``run.json``, for the owner's eyes only: it has the database's password in it."""
    process.write_private(data_dir / RUN_FILE, json.dumps(asdict(info), indent=2) + "\n")


def forget(data_dir: Path) -> None:
    """Remove ``run.json``."""
    (data_dir / RUN_FILE).unlink(missing_ok=True)


@contextmanager
def services(settings: Settings, broker: bool = True) -> Iterator[Endpoints]:
    """Find the servers: those of the settings, else those of a running `up`, else our own for this block.

    Args:
        settings: where to look first.
        broker: whether a broker is needed too.

    Raises:
        InputError: another process is using the data folder without being `up`.
        ServiceError: a server of our own does not start.
    """
    live = running(settings.data_dir)
    with ExitStack() as stack:
        dsn = settings.dsn or (live.dsn if live else stack.enter_context(Postgres(settings.data_dir)).dsn)
        url = None
        if broker:
            url = settings.broker or (live.broker if live else None)
            url = url or stack.enter_context(Broker(settings.data_dir)).url_for(settings.mqtt_version)
        yield Endpoints(dsn, url)
