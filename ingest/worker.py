"""The room's own work: messages into batches, batches into the database, and only then an acknowledgement."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from core import db
from core.errors import InputError, ServiceError
from ingest import commands, storage
from ingest.batch import Assembler, Batch
from ingest.subscriber import Subscriber
from ingest.writer import Stopped, Writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.jobs import Context
    from core.settings import Settings
    from ingest.subscriber import Delivery

log = logging.getLogger(__name__)

BATCH_BYTES: Final = 4 << 20
IDLE_S: Final = 0.25
"""How often the writer looks whether to stop while there are no messages [s]."""
REPORT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """A batch is written when it reaches any of these."""

    rows: int
    linger_s: float
    """Longest wait for more after the first message [wall s]."""
    payload_bytes: int = BATCH_BYTES

    @classmethod
    def of(cls, settings: Settings) -> BatchLimits:
        """As the settings have it."""
        return cls(settings.batch_rows, settings.linger_ms / 1000.0)


def collect(
    subscriber: Subscriber, assembler: Assembler, limits: BatchLimits, stop: threading.Event
) -> tuple[Batch, list[Delivery]]:
    """The next batch, and what to acknowledge once it is committed; empty where nothing came for a while."""
    batch = Batch()
    deliveries: list[Delivery] = []
    until = 0.0
    while not stop.is_set():
        wait_s = until - time.monotonic() if deliveries else IDLE_S
        delivery = subscriber.take(wait_s)
        if delivery is None:
            break
        if not deliveries:
            until = time.monotonic() + limits.linger_s
        deliveries.append(delivery)
        assembler.add(batch, delivery.message)
        rows = max(len(batch.readings), len(deliveries))
        if rows >= limits.rows or batch.payload_bytes >= limits.payload_bytes:
            break
    return batch, deliveries


def drain(subscriber: Subscriber, writer: Writer, assembler: Assembler, limits: BatchLimits) -> None:
    """Write whatever comes until the writer is told to stop; the last batch is still committed."""
    said_at = time.monotonic()
    while not writer.stop.is_set():
        batch, deliveries = collect(subscriber, assembler, limits, writer.stop)
        if not deliveries:
            continue
        try:
            writer.write(batch)
        except Stopped:
            break
        subscriber.acknowledge(deliveries)
        if time.monotonic() - said_at >= REPORT_S:
            said_at = time.monotonic()
            log.info("since the start: %s", writer.counts)
    writer.close()


def run(context: Context, stop: threading.Event) -> None:
    """Subscribe, write, and look after commands until `stop` is set.

    Raises:
        InputError: no broker is given.
        ServiceError: a part of the work ended by itself.
    """
    settings, site = context.settings, context.site
    if not settings.broker:
        raise InputError(
            "JOULECAST_BROKER",
            found="nothing",
            allowed="mqtt://host:port",
            do="set it, or use `joulecast up`",
        )
    assembler = Assembler(site, context.clock.now)
    subscriber = Subscriber(
        settings.broker,
        settings.ingest_client_id,
        assembler.router.filters,
        context.clock,
        settings.window_messages,
    )
    writer = Writer(context.dsn, site.id, context.clock, stop, client_id=settings.ingest_client_id)
    describe_site(context)
    finished, failures = threading.Event(), list[str]()

    def write() -> None:
        try:
            drain(subscriber, writer, assembler, BatchLimits.of(settings))
        finally:
            finished.set()

    threads = [
        _thread("writer", write, stop, failures),
        _thread("commands", lambda: commands.run(context, stop), stop, failures),
    ]
    subscriber.run(stop, finished)
    for thread in threads:
        thread.join()
    log.info("since the start: %s", writer.counts)
    if failures:
        raise ServiceError("; ".join(failures))


def describe_site(context: Context) -> None:
    """Put site and assets into the database; where it is away, the next start does."""
    try:
        with db.connect(context.dsn, autocommit=True) as conn:
            storage.register_site(conn, context.site, context.clock.now())
    except ServiceError as error:
        log.warning("%s", error)


def _thread(
    name: str, work: Callable[[], None], stop: threading.Event, failures: list[str]
) -> threading.Thread:
    """A thread whose unexpected end is the service's end: whoever supervises it starts it again."""

    def body() -> None:
        try:
            work()
        except Exception as error:
            log.exception("%s ended", name)
            failures.append(f"{name}: {type(error).__name__}: {error}")
            stop.set()

    thread = threading.Thread(target=body, name=name)
    thread.start()
    return thread
