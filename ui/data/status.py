"""How the services fare: jobs, ingest counters, rejected messages, storage."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from core import db, store
from core.errors import NotReadyError

if TYPE_CHECKING:
    from datetime import date, datetime

    from ui.data.source import Source

REJECTED: Final = 20
"""How many rejected messages, and how many unmapped names, the page lists."""
GIVEN_UP_SHOWN: Final = timedelta(days=7)
"""For how long messages that were given up are counted."""
_KEEP_ALARMS_WALL_S: Final = 0.8
_KEEP_DAYS_WALL_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class JobRun:
    """The newest run of a job."""

    job: str
    started_at: datetime
    ended_at: datetime
    state: str
    detail: str


@dataclass(frozen=True, slots=True)
class Counter:
    """One ingest process's messages since its start."""

    client_id: str
    started_at: datetime
    updated_at: datetime
    received: int
    stored: int
    duplicate: int
    rejected: int
    filtered: int

    @property
    def difference(self) -> int:
        """Received less everything that became of it; 0 where nothing is lost or under way."""
        return self.received - self.stored - self.duplicate - self.rejected - self.filtered


@dataclass(frozen=True, slots=True)
class Rejected:
    """A message that could not be read."""

    topic: str
    payload_bytes: int
    reason: str
    first_at: datetime
    last_at: datetime
    seen: int


@dataclass(frozen=True, slots=True)
class Unmapped:
    """Something that a device sends and `site.toml` does not name."""

    codec: str
    name: str
    topic: str
    """Where it was seen last."""
    unit: str
    """As the device names it."""
    example: str
    last_at: datetime
    seen: int
    mapping: str
    """The line that would map it."""


@dataclass(frozen=True, slots=True)
class Beat:
    """Something that says now and then that it lives."""

    name: str
    online: bool
    """Whether it has not said goodbye."""
    heard_at: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits to be done."""

    rollup_minutes: float
    """Minutes whose readings are not added up yet [min]."""
    commands: int
    """On their way to the plant."""
    refused: int
    """Messages that could not be read."""
    unmapped: int
    """Names that devices send and `site.toml` does not map."""
    untold: int
    """Messages to people that have not gone yet."""
    given_up: int
    """Of the last days, that never went."""


@dataclass(frozen=True, slots=True)
class Servers:
    """Which servers there are."""

    postgresql: str
    timescaledb: str | None
    size_bytes: int
    """Size of the database [B]."""


@dataclass(frozen=True, slots=True)
class AlarmCount:
    """Alarms of one priority that stand."""

    priority: int
    """1 is the gravest."""
    open: int
    unseen: int
    """Nobody has acknowledged them."""


def alarm_counts(source: Source) -> tuple[AlarmCount, ...]:
    """How many alarms stand, the gravest first."""
    rows = source.kept(
        "alarms",
        _KEEP_ALARMS_WALL_S,
        lambda: source.rows("ui_alarm_counts", site=source.context.site.id, now=source.now),
    )
    return tuple(AlarmCount(**row) for row in rows)


def unmapped(source: Source) -> tuple[Unmapped, ...]:
    """What is not mapped yet, newest first."""
    rows = source.rows("ingest_unmapped", site=source.context.site.id, count=REJECTED)
    return tuple(
        Unmapped(
            r["codec"], r["name"], r["topic"], r["unit"], r["example"], r["last_at"], r["seen"], r["mapping"]
        )
        for r in rows
    )


def jobs(source: Source, prefix: str = "") -> tuple[JobRun, ...]:
    """The newest run of every job whose name begins so."""
    return tuple(JobRun(**row) for row in source.rows("job_health") if row["job"].startswith(prefix))


def counters(source: Source) -> tuple[Counter, ...]:
    """What every ingest process has done."""
    return tuple(Counter(**row) for row in source.rows("ui_ingest_counters"))


def rejected(source: Source) -> tuple[Rejected, ...]:
    """The newest rejected messages."""
    return tuple(Rejected(**row) for row in source.rows("ui_rejected", count=REJECTED))


def beats(source: Source) -> tuple[Beat, ...]:
    """Gateways and building management systems."""
    return tuple(Beat(**row) for row in source.rows("ui_system_beats", site=source.context.site.id))


def waiting(source: Source) -> Waiting:
    """What waits."""
    since = source.now - GIVEN_UP_SHOWN
    (row,) = source.rows("ui_system_queue", site=source.context.site.id, since=since)
    return Waiting(**row)


def servers(source: Source) -> Servers:
    """The database server; asked seldom, for its size takes a walk over its files."""

    def ask() -> Servers:
        (row,) = source.rows("ui_system_servers")
        return Servers(**row)

    found: Servers = source.kept("servers", _KEEP_DAYS_WALL_S, ask)
    return found


def storage_mode(source: Source) -> str:
    """``plain``, ``apache`` or ``timescale``."""
    with source.connection() as conn:
        return db.storage_mode(conn)


def migrations(source: Source) -> tuple[str, ...]:
    """The schema files in force."""
    with source.connection() as conn:
        return tuple(db.applied(conn))


def days(source: Source) -> tuple[date, ...]:
    """The site's days that have readings of both PUE meters, newest first."""

    def read() -> tuple[date, ...]:
        site = source.context.site
        refs = site.meters.facility + site.meters.it
        with source.connection() as conn:
            try:
                first, last = store.span(conn, site.id, refs)
            except NotReadyError:
                return ()
            ids = list(store.point_ids(conn, site.id, refs).values())
        if len(ids) < len(refs):
            return ()
        rows = source.rows("ui_days", first=first, last=last, zone=site.site.timezone, points=ids)
        return tuple(row["day"] for row in rows)

    found: tuple[date, ...] = source.kept("days", _KEEP_DAYS_WALL_S, read)
    return found
