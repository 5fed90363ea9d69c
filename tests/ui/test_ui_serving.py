"""`python -m ui` as clients see it that are slow, on purpose or not."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

import joulecast
from ui.__main__ import SLOW_S, THREADS

if TYPE_CHECKING:
    from collections.abc import Iterator

START_S: Final = 90.0
LET_GO_S: Final = 5.0 * SLOW_S
"""Within it everybody is answered again, also on a busy machine."""
BIG: Final = "/_dash-component-suites/plotly/package_data/plotly.min.js"
"""More than the kernel takes for a client that reads nothing."""
SMALLEST: Final = 4096


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as found:
            return bool(found.status == 200)
    except OSError:
        return False


def answers_within(port: int, limit_s: float) -> bool:
    end_s = time.monotonic() + limit_s
    while not (good := answers(port)) and time.monotonic() < end_s:
        time.sleep(0.2)  # between two looks, not for something to happen
    return good


@pytest.fixture(scope="module")
def port(module_dsn: str) -> Iterator[int]:
    """Where the pages are served."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        number = int(found.getsockname()[1])
    kept = {name: value for name, value in os.environ.items() if not name.startswith("JOULECAST_")}
    site_file = Path(joulecast.__file__).parent / "demo" / "site.toml"
    ours = {"DSN": module_dsn, "SITE_FILE": str(site_file), "UI_PORT": str(number)}
    more = {f"JOULECAST_{name}": value for name, value in ours.items()}
    process = subprocess.Popen([sys.executable, "-m", "ui"], env={**kept, **more})
    assert answers_within(number, START_S)
    yield number
    process.terminate()
    assert process.wait(30) == 0


@pytest.mark.parametrize(
    "sent", [b"G", f"GET {BIG} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() * 4], ids=["send", "read"]
)
def test_clients_that_send_or_read_nothing_more_do_not_keep_the_others_waiting(
    port: int, sent: bytes
) -> None:
    with ExitStack() as stack:
        for _ in range(THREADS + 2):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALLEST)
            client.connect(("127.0.0.1", port))
            client.sendall(sent)
        time.sleep(1)  # so that each has taken a thread
        assert not answers(port), "these clients keep every thread for a while"
        assert answers_within(port, LET_GO_S)
