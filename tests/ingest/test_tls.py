"""A broker behind TLS: encrypted reading ahead loses nothing and leaves nothing unread."""

from __future__ import annotations

import getpass
import shutil
import socket
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest
from tests_of_ingest import PATIENCE_S, wait_until

from core.clock import SystemClock
from ingest.mqtt import Publisher, Version
from ingest.subscriber import Subscriber
from joulecast.embedded_broker import find_mosquitto

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZES = [10 + number * 37 % 5000 for number in range(1500)] + [1_000_000]
"""Of the payloads [bytes]: many in one record of TLS, and one over many."""


@pytest.fixture
def encrypted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of a broker with a certificate of its own making, which this process trusts."""
    mosquitto, openssl = find_mosquitto(), shutil.which("openssl")
    if not mosquitto or not openssl:
        pytest.skip("no mosquitto from 2.0.21, or no openssl to make a certificate")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    command = [
        openssl,
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", certificate]
    subprocess.run(command, check=True, capture_output=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = tmp_path / "mosquitto.conf"
    settings.write_text(
        f"listener {port} 127.0.0.1\ncertfile {certificate}\nkeyfile {key}\nallow_anonymous true\n"
        f"max_queued_messages 100000\nuser {getpass.getuser()}\n"
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    process = subprocess.Popen([mosquitto, "-c", settings], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: listening(port))
        yield f"mqtts://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("version", list(Version))
def test_all_messages_come_once(encrypted: str, version: Version) -> None:
    def session() -> tuple[Subscriber, threading.Event, threading.Thread]:
        subscriber = Subscriber(encrypted, "tls", ["t/+"], SystemClock(), 20_000, version=version)
        stop = threading.Event()
        thread = threading.Thread(target=subscriber.run, args=(stop, stop))
        thread.start()
        wait_until(lambda: subscriber.connected)
        return subscriber, stop, thread

    subscriber, stop, thread = session()
    with Publisher(encrypted, in_flight=500) as publisher:
        for size in SIZES:
            publisher.publish("t/x", bytes(size))
        publisher.flush()
    sizes = []
    while len(sizes) < len(SIZES):
        delivery = subscriber.take(PATIENCE_S)
        assert delivery is not None
        sizes.append(len(delivery.message.payload))
        subscriber.acknowledge([delivery])
    stop.set()
    thread.join(PATIENCE_S)
    again, stop, thread = session()
    came_again = again.take(0.5)
    stop.set()
    thread.join(PATIENCE_S)
    assert sizes == SIZES
    assert came_again is None
