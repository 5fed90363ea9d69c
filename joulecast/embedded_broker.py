"""A real MQTT broker of our own: a current mosquitto where there is one, else rumqttd (wheel `iotcore`).

Why these two, and what each keeps of its queue: docs/adr/0001-embedded-postgresql-and-broker.md.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from core.errors import InputError
from joulecast import process
from joulecast.embedded_server import EmbeddedServer
from joulecast.process import LOOPBACK, ServiceSpec

if TYPE_CHECKING:
    from collections.abc import Callable

OLDEST_MOSQUITTO: Final = (2, 0, 21)
"""Older ones do not hold a subscriber's Receive Maximum."""
_MEBI: Final = 1 << 20
LARGEST_MESSAGE_BYTES: Final = _MEBI
_ORPHAN_SIGNALS: Final = ((signal.SIGTERM, 15.0), (signal.SIGKILL, 5.0))
_MOSQUITTO_CONF: Final = """\
# Written by joulecast at each start. MQTT 3.1.1 and 5 on one port.
listener {port} {host}
allow_anonymous true
persistence true
persistence_location {folder}/
autosave_interval 2
autosave_on_changes false
persistent_client_expiration 7d
max_queued_messages 1000000
max_queued_bytes {queued_bytes}
max_inflight_messages 20000
max_packet_size {packet_bytes}
set_tcp_nodelay true
log_dest stdout
log_timestamp_format %Y-%m-%dT%H:%M:%SZ
log_type error
log_type warning
"""
# rumqttd keeps a log of segments per subscription and drops the oldest when it is full, delivered or not
_RUMQTTD_TOML: Final = """\
# Written by joulecast at each start. rumqttd has one port per protocol version.
id = 0
[router]
id = 0
max_connections = 1000
max_outgoing_packet_count = 200
max_segment_size = {segment_bytes}
max_segment_count = {segments}
"""
_RUMQTTD_LISTENER: Final = """\
[{version}.1]
name = "{version}-1"
listen = "{host}:{port}"
next_connection_delay_ms = 1
    [{version}.1.connections]
    connection_timeout_ms = 60000
    max_payload_size = {packet_bytes}
    max_inflight_count = 20000
    dynamic_filters = true
"""
# rumqttd logs every packet as an error of its own; Ctrl-C is its parent's business
_RUMQTTD_PROGRAM: Final = """\
import logging, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
logging.basicConfig(level=logging.WARNING, stream=sys.stdout)
logging.getLogger("rumqttd").setLevel(logging.CRITICAL)
from iotcore.iotcore import IotCoreBroker
IotCoreBroker(config_path=sys.argv[1]).run_forever()
"""
_SEGMENT_BYTES: Final = 10 * _MEBI
_SEGMENTS: Final = 100
"""Together the bound of rumqttd's memory for one subscription: 1 GiB."""


class BrokerKind(StrEnum):
    """The brokers that we know how to run."""

    MOSQUITTO = "mosquitto"
    """Keeps its queue on disk."""
    RUMQTTD = "rumqttd"
    """Keeps its queue in memory: it is lost when the broker ends."""


def find_mosquitto() -> Path | None:
    """A mosquitto that is new enough, on PATH or in /usr/sbin where Debian puts it."""
    for folders in (None, "/usr/sbin"):
        found = shutil.which("mosquitto", path=folders)
        if found and mosquitto_version(Path(found)) >= OLDEST_MOSQUITTO:
            return Path(found)
    return None


def mosquitto_version(program: Path) -> tuple[int, ...]:
    """The version that it says it has; () where it says none."""
    try:
        said = subprocess.run([program, "-h"], capture_output=True, text=True, check=False, timeout=10)  # noqa: S603  # found by us
    except (OSError, subprocess.TimeoutExpired):
        return ()
    version = re.search(r"mosquitto version (\d+)\.(\d+)\.(\d+)", said.stdout + said.stderr)
    return tuple(int(part) for part in version.groups()) if version else ()


def have_rumqttd() -> bool:
    """Whether the wheel `iotcore` is installed."""
    return importlib.util.find_spec("iotcore") is not None


def default_kind() -> BrokerKind:
    """The best broker on this machine.

    Raises:
        InputError: there is none.
    """
    if find_mosquitto():
        return BrokerKind.MOSQUITTO
    if have_rumqttd():
        return BrokerKind.RUMQTTD
    raise InputError(
        "embedded MQTT broker",
        found="neither a mosquitto nor the wheel iotcore",
        allowed=f"mosquitto from {'.'.join(map(str, OLDEST_MOSQUITTO))}, that wheel, or a broker of your own",
        do='run `pip install "joulecast[embedded]"` or set JOULECAST_BROKER',
    )


class Broker(EmbeddedServer):
    """An MQTT broker that lives as long as this process, or as long as the `with` block.

    Args:
        data_dir: the folder in which it keeps ``broker/``, its ports and its lock.
        kind: which one; none: the best there is.
    """

    def __init__(self, data_dir: Path, kind: BrokerKind | None = None) -> None:
        super().__init__(data_dir, "broker", "the broker")
        self.folder = self.data_dir / "broker"
        self.kind = kind or default_kind()
        self._port_v3 = 0
        self._argv: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        """The same as `url`."""
        return self.url

    @property
    def url(self) -> str:
        """Where MQTT 5 is spoken; known once `prepare` has run."""
        return f"mqtt://{LOOPBACK}:{self._port}"

    @property
    def url_v3(self) -> str:
        """Where MQTT 3.1.1 is spoken: the same port for mosquitto, another for rumqttd."""
        return f"mqtt://{LOOPBACK}:{self._port_v3}"

    def url_for(self, version: str) -> str:
        """Where a version of MQTT is spoken, as the settings name it."""
        return self.url if version == "5" else self.url_v3

    @property
    def spec(self) -> ServiceSpec:
        """How to run the prepared broker."""
        return ServiceSpec(
            name="broker",
            argv=self._argv,
            ready=lambda _: process.answers(self._port) and process.answers(self._port_v3),
            ready_s=30.0,
            stop_s=15.0,
            death_signal=signal.SIGTERM,
            on_start=self._lock.record,
        )

    def prepare(self) -> None:
        """Take the folder, end a broker that a crash left there, and write the configuration.

        Raises:
            InputError: another process uses the folder.
        """
        left = self._lock.acquire()
        try:
            pid, since = left.get("server"), left.get("server_started")
            if isinstance(pid, int) and isinstance(since, str):
                process.end_other(pid, since, _ORPHAN_SIGNALS)
            self.folder.mkdir(mode=0o700, exist_ok=True)
            self._port = self._port_v3 = process.remembered_port(self.data_dir, "mqtt")
            configure: dict[BrokerKind, Callable[[], tuple[str, ...]]] = {
                BrokerKind.MOSQUITTO: self._mosquitto,
                BrokerKind.RUMQTTD: self._rumqttd,
            }
            self._argv = configure[self.kind]()
        except BaseException:
            self._lock.release()
            raise

    def _mosquitto(self) -> tuple[str, ...]:
        program = find_mosquitto()
        if program is None:
            raise InputError(
                "mosquitto",
                found="none that is new enough on PATH or in /usr/sbin",
                allowed=f"{'.'.join(map(str, OLDEST_MOSQUITTO))} or later",
                do="install it, or use the wheel iotcore",
            )
        text = _MOSQUITTO_CONF.format(
            host=LOOPBACK,
            port=self._port,
            folder=self.folder,
            queued_bytes=_SEGMENT_BYTES * _SEGMENTS,
            packet_bytes=LARGEST_MESSAGE_BYTES,
        )
        if os.geteuid() == 0:
            text += "user root\n"  # else it becomes a user who cannot get to a private data folder
        config = self.folder / "mosquitto.conf"
        process.write_private(config, text)
        return (str(program), "-c", str(config))

    def _rumqttd(self) -> tuple[str, ...]:
        self._port_v3 = process.remembered_port(self.data_dir, "mqtt3")
        config = self.folder / "rumqttd.toml"
        text = _RUMQTTD_TOML.format(segment_bytes=_SEGMENT_BYTES, segments=_SEGMENTS)
        for version, port in (("v4", self._port_v3), ("v5", self._port)):
            text += _RUMQTTD_LISTENER.format(
                version=version, host=LOOPBACK, port=port, packet_bytes=LARGEST_MESSAGE_BYTES
            )
        process.write_private(config, text)
        return (sys.executable, "-P", "-c", _RUMQTTD_PROGRAM, str(config))
