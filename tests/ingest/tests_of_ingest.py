"""What this room's tests share beside fixtures."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from core import db

PATIENCE_S = 30.0


class Heard(logging.Handler):
    """Sets an event when a message that contains a word is logged."""

    def __init__(self, word: str) -> None:
        super().__init__()
        self.word, self.event = word, threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if self.word in record.getMessage():
            self.event.set()


def wait_until(fulfilled: Callable[[], Any], patience_s: float = PATIENCE_S) -> None:
    until = time.monotonic() + patience_s
    while not fulfilled():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


def counter(conn: db.Connection, client_id: str) -> dict[str, int]:
    """The service's counters as it wrote them; all zero before its first batch."""
    names = ("received", "stored", "duplicate", "rejected", "filtered")
    row = conn.execute("SELECT * FROM ingest_counter WHERE client_id = %s", (client_id,)).fetchone()
    return {name: row[name] if row else 0 for name in names}
