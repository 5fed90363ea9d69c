"""How far the import of a file has come: kept in the database with the readings, in the same transactions.

An import is known by what is in the file and by the mapping as it was understood, not by their names: the
same again goes on where it was, anything else begins anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import file_digest, sha256
from typing import TYPE_CHECKING, NamedTuple

from core import db
from ingest.rows import as_datetime

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ingest.bulk import Column
    from ingest.frame import Source


class Key(NamedTuple):
    """Which import it is."""

    site: str
    file: bytes
    mapping: bytes


@dataclass(frozen=True, slots=True)
class Done:
    """What has been committed of a file."""

    rows: int = 0
    """Rows from its beginning on."""
    readings: int = 0
    """Readings in them."""
    rejected: int = 0
    """Cells and times in them that are no readings."""
    oldest: datetime | None = None
    """Time of the oldest of the readings."""
    at: datetime | None = None
    """When an earlier run wrote it; None: none did."""

    def after(self, rows: int, columns: Sequence[Column], readings: int, rejected: int) -> Done:
        """As it is when more rows are done."""
        times = [as_datetime(int(column.times_us.min())) for column in columns]
        if self.oldest is not None:
            times.append(self.oldest)
        return Done(
            self.rows + rows,
            self.readings + readings,
            self.rejected + rejected,
            min(times, default=None),
            self.at,
        )


def key_of(source: Source, site: str, start: datetime | None) -> Key:
    """Which import this would be; reads the file once."""
    with source.path.open("rb") as file:
        content = file_digest(file, "sha256").digest()
    return Key(site, content, sha256(f"{source.read_as} {start and start.isoformat()}".encode()).digest())


def find(conn: db.Connection, key: Key) -> Done:
    """How far an earlier run came."""
    found = db.row(conn, "ingest_import_progress", **key._asdict())
    if found is None:
        return Done()
    return Done(
        found["rows_done"], found["readings"], found["rejected"], found["oldest"], found["updated_at"]
    )


def save(conn: db.Connection, key: Key, done: Done, total: int, now: datetime) -> None:
    """Write down how far it is; to be called in the transaction of the readings.

    A file that is done is remembered only if all of it was taken: what was refused may be taken the next
    time, when the clock is right or the database has room for it.
    """
    if done.rows == total and done.rejected:
        db.rows(conn, "ingest_forget_import", **key._asdict())
        return
    db.rows(
        conn,
        "ingest_save_import",
        **key._asdict(),
        rows_done=done.rows,
        rows_total=total,
        readings=done.readings,
        rejected=done.rejected,
        oldest=done.oldest,
        now=now,
    )
