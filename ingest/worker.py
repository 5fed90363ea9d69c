"""The room's own work: messages into batches, batches into the database, and only then an acknowledgement."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, replace
from queue import Empty, Full, Queue
from typing import TYPE_CHECKING, Final

from core import db
from core.errors import InputError, ServiceError
from core.settings import Settings
from core.site import load_site
from ingest import commands, storage
from ingest.batch import Assembler, Batch
from ingest.codec.base import Decoded
from ingest.mqtt import Version
from ingest.subscriber import Subscriber
from ingest.watch import Watch
from ingest.writer import Stopped, Writer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from core.jobs import Context
    from core.site import Site
    from ingest.subscriber import Delivery

Work = tuple[Batch, "list[Delivery]"]
"""A batch, and what to acknowledge once it is committed."""

log = logging.getLogger(__name__)

BATCH_BYTES: Final = 4 << 20
IDLE_S: Final = 0.25
"""How often the writer looks whether to stop while there are no messages [s]."""
BURST_MESSAGES: Final = 10
GAP_S: Final = 0.005
"""When so many have come and then none for so long, the broker waits for acknowledgements: its window may be
smaller than a batch (by default 20 messages in mosquitto, 32 in EMQX) [s]."""
REPORT_S: Final = 60.0
SITE_EVERY_S: Final = 1.0
"""How often it is looked whether `site.toml` has changed [s]."""
COMMON_CLIENT_ID: Final = str(Settings.model_fields["ingest_client_id"].default)


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


def collect(subscriber: Subscriber, assembler: Assembler, limits: BatchLimits, stop: threading.Event) -> Work:
    """The next batch, and what to acknowledge once it is committed; empty where nothing came for a while."""
    batch = Batch()
    deliveries: list[Delivery] = []
    until = 0.0
    while not stop.is_set():
        wait_s = until - time.monotonic() if deliveries else IDLE_S
        if len(deliveries) >= BURST_MESSAGES:
            wait_s = min(wait_s, GAP_S)
        delivery = subscriber.take(wait_s)
        if delivery is None:
            break
        if not deliveries:
            until = time.monotonic() + limits.linger_s
        deliveries.append(delivery)
        assembler.add(batch, delivery.message)
        rows = max(len(batch.values), len(deliveries))
        if rows >= limits.rows or batch.payload_bytes >= limits.payload_bytes:
            break
    return batch, deliveries


def gather(
    subscriber: Subscriber,
    assembler: Assembler,
    limits: BatchLimits,
    watch: Watch,
    ready: Queue[Work],
    stop: threading.Event,
) -> None:
    """Make batches of whatever comes, the next one while the last is written, until `stop` is set."""
    said_at = time.monotonic()
    while not stop.is_set():
        batch, deliveries = collect(subscriber, assembler, limits, stop)
        if not deliveries:
            continue
        watch.judge(batch)
        while True:
            try:
                ready.put((batch, deliveries), timeout=IDLE_S)
            except Full:
                if stop.is_set():
                    return  # not acknowledged: the broker will send it again
            else:
                break
        if time.monotonic() - said_at >= REPORT_S:
            said_at = time.monotonic()
            log.info("marked since the start: %s", dict(watch.counts))


def drain(subscriber: Subscriber, writer: Writer, ready: Queue[Work], gathered: threading.Event) -> None:
    """Write batches until all of them are `gathered` and none is left, or the writer is told to stop."""
    said_at = time.monotonic()
    while True:
        try:
            batch, deliveries = ready.get(timeout=IDLE_S)
        except Empty:
            if gathered.is_set():
                break
            continue
        try:
            writer.write(batch)
        except Stopped:
            break
        subscriber.acknowledge(deliveries)
        for request in batch.requests:
            subscriber.publish(request.topic, request.payload)
        if time.monotonic() - said_at >= REPORT_S:
            said_at = time.monotonic()
            log.info("since the start: %s", writer.counts)
    writer.close()


class SiteFile:
    """`site.toml` as it was read last, and whether there is another one now.

    Args:
        path: the file.
        site: what it said when the service started.
    """

    def __init__(self, path: Path, site: Site) -> None:
        self._path, self.site = path, site
        self._seen = self._stamp()

    def changed(self) -> bool:
        """Whether the plant is described in another way now; what cannot be read is logged and left alone."""
        stamp = self._stamp()
        if self._seen is None or stamp is None or stamp == self._seen:
            return False
        self._seen = stamp
        try:
            found = load_site(self._path)
        except InputError as error:
            log.warning("the old description stays in force: %s", error)
            return False
        same, self.site = found == self.site, found
        return not same

    def wait(self, stop: threading.Event, ended: threading.Event) -> None:
        """Set `ended` when `stop` is set or the description has changed; return when `ended` is set."""
        while not ended.is_set():
            if stop.wait(SITE_EVERY_S) or self.changed():
                ended.set()

    def _stamp(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size


def run(context: Context, stop: threading.Event) -> None:
    """Subscribe, write, and look after commands until `stop` is set; anew when `site.toml` has changed.

    The broker keeps what comes in between, as for any other restart.

    Raises:
        InputError: no broker is given, or a member of a group has no id of its own.
        ServiceError: a part of the work ended by itself.
    """
    file = SiteFile(context.settings.site_file, context.site)
    while True:
        ended, site = threading.Event(), file.site
        watcher = threading.Thread(target=file.wait, args=(stop, ended), name="site file", daemon=True)
        watcher.start()
        try:
            run_with(replace(context, site=site), ended)
        finally:
            ended.set()
            watcher.join()
        if stop.is_set() or file.site is site:
            return
        log.info("site.toml has changed: subscribing anew")


def run_with(context: Context, stop: threading.Event) -> None:
    """The same with one description of the plant, until `stop` is set.

    Raises:
        InputError: no broker is given, or a member of a group has no id of its own.
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
    if settings.shared_group and settings.ingest_client_id == COMMON_CLIENT_ID:
        raise InputError(
            "JOULECAST_INGEST_CLIENT_ID",
            found=f"{COMMON_CLIENT_ID}, which every process has that is not given another",
            allowed="an id of its own for each member of a shared group",
            do="set it, e.g. to ingest-1, ingest-2; a process keeps its id over restarts",
        )
    assembler = Assembler(site, context.clock.now)
    subscriber = Subscriber(
        settings.broker,
        settings.ingest_client_id,
        assembler.router.filters,
        context.clock,
        settings.window_messages,
        version=Version(settings.mqtt_version),
        group=settings.shared_group,
        whole=assembler.router.whole_filters,
    )
    writer = Writer(context.dsn, site.id, context.clock, stop, client_id=settings.ingest_client_id)
    watch = Watch(site, context.clock.speed_ratio)
    describe_site(context, watch)
    ready, gathered, finished = Queue[Work](maxsize=1), threading.Event(), threading.Event()
    limits, failures = BatchLimits.of(settings), list[str]()

    def read() -> None:
        try:
            gather(subscriber, assembler, limits, watch, ready, stop)
        finally:
            gathered.set()

    def write() -> None:
        try:
            drain(subscriber, writer, ready, gathered)
        finally:
            finished.set()

    threads = [
        _thread("reader", read, stop, failures),
        _thread("writer", write, stop, failures),
        _thread("commands", lambda: commands.run(context, stop), stop, failures),
    ]
    subscriber.run(stop, finished)
    for thread in threads:
        thread.join()
    log.info("since the start: %s", writer.counts)
    if failures:
        raise ServiceError("; ".join(failures))


def describe_site(context: Context, watch: Watch) -> None:
    """Write site and assets down and let the watch go on; where the database is away, the next start does."""
    try:
        with db.connect(context.dsn, autocommit=True) as conn:
            storage.register_site(conn, context.site, context.clock.now())
            latest = db.rows(conn, "ingest_latest", site=context.site.id)
        watch.resume(Decoded(**row) for row in latest)
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
