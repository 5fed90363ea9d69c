"""The record of what people change: a chain of hashes that the database makes and that is checked here."""

from __future__ import annotations

import hashlib
import os
import pwd
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from core import db
from core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime, timedelta

FIELD_MAX: Final = 2000
"""Longest text that goes on record [characters]; more is cut, with a mark."""
LIST_MAX: Final = 10_000
FAULTS_MAX: Final = 20
"""How many faults `verify` names."""
NAME_MAX: Final = 60
"""Longest name of somebody who decides [characters]."""
_PAGE: Final = 20_000
_NAME: Final = re.compile(r"\w[\w .,'@\-]*")
_TYPED: Final = re.compile(r"(?P<name>.*) \(typed by (?P<by>.*)\)")


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
    """Who types a command here, by the account that the command runs under; no variable is believed."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user has no name
        name = f"uid {os.getuid()}"
    return Who(name, "system", "command line")


def name_problem(name: str) -> str:
    """What is wrong with the name of somebody who decides; nothing where it will do."""
    if not name.strip():
        return "Say who you are: your name goes on record."
    if len(name.strip()) > NAME_MAX or not _NAME.fullmatch(name.strip()):
        return f"A name has letters, digits, spaces and . , ' @ - and at most {NAME_MAX} characters."
    return ""


def typed(name: str) -> str:
    """A name that a command was given, with who has typed it: a prompt asks nobody for a password.

    Raises:
        InputError: it is none.
    """
    wanted = name.strip()
    if name_problem(wanted):
        raise InputError(
            "--as",
            found=ascii(wanted[: NAME_MAX + 1]) if wanted else "nothing",
            allowed=f"letters, digits, spaces and . , ' @ -, at most {NAME_MAX} characters",
            do="say who you are: it goes on record",
        )
    return f"{wanted} (typed by {operator_of_this_machine().name})"


def same_person(one: str, other: str) -> bool:
    """Whether two names on record may be one person: whatever is typed at one account's prompt is."""
    return not _names(one).isdisjoint(_names(other))


def _names(name: str) -> frozenset[str]:
    found = _TYPED.fullmatch(name.strip())
    return frozenset(part.strip().casefold() for part in (found.groups() if found else (name,)))


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


def add_once(conn: db.Connection, who: Who, what: str, of: str, span: timedelta) -> None:
    """The same for what comes in crowds: one row of an object, or from an address, within a time."""
    row = db.row(conn, "audit_told", what=what, object=of, source=who.source, span=span)
    if not (row and row["found"]):
        add(conn, who, what, of)


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
