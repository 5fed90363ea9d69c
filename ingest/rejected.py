"""What was refused: listed, shown, and read again when a mapping has been put right."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from core import db
from core.errors import InputError
from ingest.batch import TIMELESS, Assembler, Batch, Message
from ingest.history import IMPORT_TOPIC
from ingest.storage import PointIds
from ingest.writer import store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from core.clock import Clock
    from core.site import Site

    Progress = Callable[[int, int], None]
    """Messages that are done, and how many there are."""

PAGE: Final = 500
"""Messages that are in memory at once."""
NAME_CHARS: Final = 10
"""How much of a message's digest names it in a list."""
_NAME: Final = re.compile(r"^[0-9a-f]{4,64}$")
_NO_READING: Final = "it holds no reading that site.toml maps"
_FROM_FILE: Final = "a file's; import the file again"
_BEFORE: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Refused:
    """A refused message, as it is listed."""

    name: str
    """The beginning of its digest, by which `show` knows it."""
    topic: str
    reason: str
    first_at: datetime
    last_at: datetime
    seen: int
    """How often it came."""
    payload_bytes: int


@dataclass(frozen=True, slots=True)
class Shown(Refused):
    """A refused message with what came; its name is the whole digest."""

    payload: str
    """As text; what is no UTF-8 is escaped."""


@dataclass(slots=True)
class Replayed:
    """What reading again came to."""

    messages: int = 0
    """Looked at: accepted + still_refused."""
    accepted: int = 0
    """Read in full now, stored, and taken off the list."""
    still_refused: int = 0
    """Kept, with today's reason; what is readable in them has been stored."""
    readings: int = 0
    """stored + duplicate + the few that the database does not take."""
    stored: int = 0
    duplicate: int = 0
    """Readings that were there already."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which refused messages are meant: those that contain both, whatever the case."""

    topic: str = ""
    reason: str = ""


def listed(conn: db.Connection, which: Filter, count: int) -> list[Refused]:
    """The newest refused messages."""
    found = db.rows(conn, "rejected_list", topic=which.topic, reason=which.reason, count=count)
    return [
        Refused(
            name=row["digest"][:NAME_CHARS],
            topic=row["topic"],
            reason=row["reason"],
            first_at=row["first_at"],
            last_at=row["last_at"],
            seen=row["seen"],
            payload_bytes=row["payload_bytes"],
        )
        for row in found
    ]


def shown(conn: db.Connection, name: str) -> Shown:
    """One refused message.

    Raises:
        InputError: there is none of that name, or more than one.
    """
    wanted = name.lower()
    found = db.rows(conn, "rejected_show", digest=wanted) if _NAME.match(wanted) else []
    if len(found) != 1:
        raise InputError(
            "rejected message",
            found=f"{'more than one' if found else 'none'} that begins with {name!r}",
            allowed="the name of one, at least 4 of its digits",
            do="see `joulecast rejected list`",
        )
    row = found[0]
    payload = bytes(row["payload"])
    return Shown(
        name=row["digest"],
        topic=row["topic"],
        reason=row["reason"],
        first_at=row["first_at"],
        last_at=row["last_at"],
        seen=row["seen"],
        payload_bytes=len(payload),
        payload=payload.decode("utf-8", "backslashreplace"),
    )


def replay(
    conn: db.Connection, site: Site, which: Filter, clock: Clock, on_progress: Progress | None = None
) -> Replayed:
    """Read refused messages again with today's `site.toml` and store what is readable now.

    A payload without a time of its own counts from when it first came. Commands' acknowledgements stay where
    they are: they are too late to mean anything.

    Args:
        conn: connection, in autocommit.
        site: by whose mappings they are read.
        which: which of them.
        clock: what is in the future is refused.
        on_progress: told after each page.
    """
    result, assembler = Replayed(), Assembler(site, clock.now)
    points = PointIds(site.id, "replay")
    count = db.row(conn, "rejected_count", topic=which.topic, reason=which.reason)
    total = int(count["count"]) if count else 0
    after_at, after_digest, until = _BEFORE, b"", clock.now()
    while page := db.rows(
        conn,
        "rejected_next",
        after_at=after_at,
        after_digest=after_digest,
        until=until,
        topic=which.topic,
        reason=which.reason,
        count=PAGE,
    ):
        after_at, after_digest = page[-1]["first_at"], bytes(page[-1]["digest"])
        _replay_page(conn, page, assembler, points, result)
        if on_progress:
            on_progress(result.messages, total)
    return result


def _replay_page(
    conn: db.Connection, page: Sequence[db.Row], assembler: Assembler, points: PointIds, result: Replayed
) -> None:
    batch = Batch()
    owners: list[int] = []
    """Index in the page of the message of each reading."""
    reasons: dict[int, str] = {}
    for index, row in enumerate(page):
        if row["topic"].startswith(IMPORT_TOPIC):
            reasons[index] = _FROM_FILE
            continue
        refused, known = len(batch.refusals), len(owners)
        retained = TIMELESS in row["reason"]
        assembler.add(batch, Message(row["topic"], bytes(row["payload"]), row["first_at"], retained))
        owners += [index] * (len(batch.values) - known)
        if len(batch.refusals) > refused:
            reasons[index] = batch.refusals[refused].reason
        elif len(owners) == known:
            reasons[index] = _NO_READING
    rows = points.rows(conn, batch.arrays)
    stored = store(conn, rows, places=points.places)
    reasons |= {owners[index]: why for index, why in stored.bad}
    done = [bytes(row["digest"]) for index, row in enumerate(page) if index not in reasons]
    with conn.transaction():
        db.rows(conn, "rejected_done", digests=done)
        own = {i: why for i, why in reasons.items() if why != _FROM_FILE}
        digests = [bytes(page[i]["digest"]) for i in own]
        db.rows(conn, "rejected_still", digests=digests, reasons=list(own.values()))
    result.messages += len(page)
    result.accepted += len(done)
    result.still_refused += len(reasons)
    result.readings += len(rows)
    result.stored += stored.new
    result.duplicate += len(rows) - stored.new - len(stored.bad)
