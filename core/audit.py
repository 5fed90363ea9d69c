"""The record of what people change: a chain of hashes that the database makes and that is checked here."""

from __future__ import annotations

import getpass
import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from core import db

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

FIELD_MAX: Final = 2000
"""Longest text that goes on record [characters]; more is cut, with a mark."""
LIST_MAX: Final = 10_000
FAULTS_MAX: Final = 20
"""How many faults `verify` names."""
_PAGE: Final = 20_000


@dataclass(frozen=True, slots=True)
class Who:
    """Who does something, and from where."""

    name: str
    role: str
    source: str
    """Address, or ``command line``."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the record."""

    audit_id: int
    at: datetime
    actor: str
    role: str
    source: str
    what: str
    object: str
    old: str
    new: str
    reason: str


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rows; empty: all of them."""

    actor: str = ""
    object: str = ""
    """Part of its name."""
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verified:
    """What a look at the whole chain found."""

    rows: int
    head: str
    """Hash of the newest row, hexadecimal; kept elsewhere, it shows whether the end was cut off since."""
    faults: tuple[str, ...]
    """What is wrong, in sentences; the first ones."""

    @property
    def ok(self) -> bool:
        """Whether every row is as it was written."""
        return not self.faults


def operator_of_this_machine() -> Who:
    """Who types a command here."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user has no name
        name = f"uid {os.getuid()}"
    return Who(name, "system", "command line")


def add(
    conn: db.Connection,
    who: Who,
    what: str,
    of: str,
    *,
    old: str = "",
    new: str = "",
    reason: str = "",
) -> None:
    """Put a change on record, in the transaction that makes it and as its last statement.

    Args:
        conn: the transaction; until its end nobody else writes to the record.
        who: the one who changes it.
        what: what was done, e.g. ``user.role``.
        of: what it was done to, e.g. ``user ann``.
        old: what stood there.
        new: what stands there now; never a secret.
        reason: why, in the words of who did it.
    """
    texts = {"actor": who.name, "role": who.role, "source": who.source, "what": what, "object": of}
    texts |= {"old": old, "new": new, "reason": reason}
    db.rows(conn, "audit_add", **{name: _clean(text) for name, text in texts.items()})


def _clean(text: str) -> str:
    cut = text if len(text) <= FIELD_MAX else text[: FIELD_MAX - 1] + "…"
    return cut.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def listed(conn: db.Connection, wanted: Filter, count: int) -> tuple[Entry, ...]:
    """What is on record, newest first."""
    found = db.rows(
        conn,
        "audit_list",
        actor=wanted.actor,
        object=wanted.object,
        from_time=wanted.start,
        to_time=wanted.end,
        count=min(count, LIST_MAX),
    )
    return tuple(Entry(**row) for row in found)


def verify(conn: db.Connection, head: str = "") -> Verified:
    """Work out every hash anew and say which rows are not as they were written.

    Args:
        conn: any connection.
        head: an earlier `Verified.head`; that it is in the chain still is part of the question.
    """
    faults: list[str] = []
    count, last, previous, seen = 0, 0, b"", not head
    for row in _chain(conn):
        number, found = row["audit_id"], bytes(row["hash"])
        if number != last + 1:
            faults.append(f"rows {last + 1} to {number - 1} are missing")
        elif bytes(row["previous"]) != previous:
            faults.append(f"row {number} does not follow from row {last}: one of the two was replaced")
        if found != _hash(row):
            faults.append(f"row {number} was edited")
        seen = seen or found.hex() == head.lower()
        count, last, previous = count + 1, number, found
    if not seen:
        faults.append("the hash that was kept is not in the record: its end was cut off or written anew")
    return Verified(count, previous.hex(), tuple(faults[:FAULTS_MAX]))


def _chain(conn: db.Connection) -> Iterator[db.Row]:
    after = -(2**62)
    while page := db.rows(conn, "audit_chain", after=after, count=_PAGE):
        yield from page
        after = page[-1]["audit_id"]


def _hash(row: db.Row) -> bytes:
    """As the trigger works it out: the hash before, and each field with its length."""
    at = f"{row['at']:%Y-%m-%dT%H:%M:%S.%fZ}"
    names = ("actor", "role", "source", "what", "object", "old", "new", "reason")
    fields = [str(row["audit_id"]), at, *(row[name] for name in names)]
    texts = [field.encode() for field in fields]
    return hashlib.sha256(
        bytes(row["previous"]) + b"".join(b"%d:%b," % (len(text), text) for text in texts)
    ).digest()
