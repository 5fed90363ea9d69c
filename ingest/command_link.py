"""The way of commands to the broker, and who may use it."""

from __future__ import annotations

import uuid
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

import msgspec

from core.errors import ServiceError
from ingest.mqtt import Publisher, Version, expiry
from ingest.topics import ACKNOWLEDGEMENT, COMMAND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core import db
    from core.jobs import Context

PUBLISH_S: Final = 5.0
"""Longest wait for the broker to take a command [wall s]."""
LOCK: Final = 7_506
"""First key of the advisory lock: one process at a time looks after a site's commands."""


class _Named(msgspec.Struct):
    """The name of a command."""

    command_id: str


class Link:
    """The way to the broker; after a failure it is made anew, and nothing goes out later by itself."""

    def __init__(self, context: Context) -> None:
        settings = context.settings
        self._broker, self._client_id = settings.broker or "", f"{settings.ingest_client_id}-commands"
        self._version = Version(settings.mqtt_version)
        self._open = ExitStack()
        self._publisher: Publisher | None = None

    def send(self, topic: str, payload: bytes, expiry_s: int) -> None:
        """Publish, and wait until the broker has it.

        Raises:
            ServiceError: it does not take it.
        """
        try:
            if self._publisher is None:
                publisher = Publisher(
                    self._broker, self._client_id, in_flight=1, patience_s=PUBLISH_S, version=self._version
                )
                self._publisher = self._open.enter_context(publisher)
            properties = expiry(expiry_s)
            properties.ResponseTopic = topic.replace(COMMAND, ACKNOWLEDGEMENT, 1)
            properties.CorrelationData = msgspec.json.decode(payload, type=_Named).command_id.encode()
            self._publisher.publish(topic, payload, properties)
            self._publisher.flush()
        except ServiceError:
            self.close()
            raise

    def close(self) -> None:
        """Leave the broker."""
        self._publisher = None
        self._open.close()


@contextmanager
def alone(conn: db.Connection, site: str) -> Iterator[bool]:
    """Whether nobody else looks after this site's commands; nobody will while the block runs."""
    key = uuid.uuid5(uuid.NAMESPACE_DNS, site).int % 2**31
    got = conn.execute("SELECT pg_try_advisory_lock(%s, %s) AS got", (LOCK, key)).fetchone()
    mine = bool(got and got["got"])
    try:
        yield mine
    finally:
        if mine and not conn.broken:
            conn.execute("SELECT pg_advisory_unlock(%s, %s)", (LOCK, key))
