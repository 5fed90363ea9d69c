"""Signing in and out: attempts and sessions are in the database, so that they hold over workers."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from core import audit, db
from ui.access import passwords

if TYPE_CHECKING:
    from collections.abc import Callable

    from ui.data import Source

LONGEST: Final = timedelta(hours=12)
"""A session ends so long after the sign-in: about a shift."""
ATTEMPTS_MAX: Final = 5
"""Sign-ins that may fail, of a name from an address, within `ATTEMPTS_SPAN`."""
ATTEMPTS_FROM_MAX: Final = 20
"""The same from an address, whatever the names: behind a proxy all may have the same one."""
ATTEMPTS_OF_MAX: Final = 50
"""The same of a name, wherever from: so many that nobody at one address locks somebody else out."""
ATTEMPTS_SPAN: Final = timedelta(minutes=15)
FIRST_DAYS: Final = 3
"""A password that was made for somebody opens sign-ins for so long [d], until another is chosen."""
TOO_OLD: Final = (
    f"This password was made for you more than {FIRST_DAYS} days ago and opens nothing any more. An admin "
    "makes a new one, or whoever may use the machine: joulecast user password {name}."
)
WRONG: Final = "Name and password do not belong together, or the account is not in use."
TOO_MANY: Final = "Too many sign-ins have failed. Wait 15 minutes, or ask an admin for a new password."


@dataclass(frozen=True, slots=True)
class Person:
    """Whose session it is."""

    name: str
    role: str
    must_change: bool
    """They are to choose a password before anything else."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What became of an attempt."""

    session: str = ""
    """The session's id, for the cookie; empty where there is none."""
    problem: str = ""
    must_change: bool = False


def key_of(secret: str) -> bytes:
    """What is kept of a secret of 256 random bits."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def idle(source: Source) -> timedelta:
    """A session that no page has used for so long is over."""
    return timedelta(minutes=source.context.settings.ui_idle_min)


def find(source: Source, session: str, used: Callable[[], bool]) -> Person | None:
    """Whose session this is, if it is one still.

    Args:
        source: the database.
        session: its id.
        used: whether somebody does something with it; otherwise it gets older.

    Raises:
        ServiceError: the database cannot be asked, so nobody is known.
    """
    key = key_of(session)
    with source.writing() as conn:
        row = db.row(conn, "session_find", key=key, idle=idle(source))
        if row is None:
            return None
        if row["to_touch"] and used():
            db.rows(conn, "session_touch", key=key)
    return Person(row["user_name"], row["role"], row["must_change"])


def sign_in(source: Source, name: str, password: str, address: str, before: str = "") -> SignedIn:
    """Check a name and a password and begin a session; every answer to a wrong pair is the same.

    Args:
        source: the database.
        name: as it was typed.
        password: as it was typed.
        address: where it comes from.
        before: id of the session that the browser has; it ends.
    """
    name = name.strip().lower()[:40].replace("\x00", "")
    if not attempt(source, name, address):
        return SignedIn(problem=TOO_MANY)
    with source.writing() as conn:
        row = db.row(conn, "user_peek", name=name)
    good = passwords.right(row["password_hash"] if row else None, password)
    with source.writing() as conn:
        now = db.row(conn, "user_find", name=name) if good else None  # it may have changed meanwhile
        if not (row and now and now["disabled_at"] is None and now["password_hash"] == row["password_hash"]):
            audit.add(conn, audit.Who(name, "", address), "sign_in.failed", f"user {name}")
            return SignedIn(problem=WRONG)
        if now["must_change"] and now["password_age"] > timedelta(days=FIRST_DAYS):
            too_old = audit.Who(name, now["role"], address)
            audit.add(conn, too_old, "sign_in.failed", f"user {name}", reason="a first password too old")
            return SignedIn(problem=TOO_OLD.format(name=name))
        forgive(conn, name, address)
        db.rows(conn, "session_prune", idle=idle(source))
        db.rows(conn, "session_end", key=key_of(before))
        session = begin(conn, name, address)
        audit.add(conn, audit.Who(name, now["role"], address), "sign_in", f"user {name}")
    return SignedIn(session, must_change=now["must_change"])


def begin(conn: db.Connection, name: str, address: str) -> str:
    """Begin a session for somebody who is known; its id."""
    session = secrets.token_urlsafe(32)
    db.rows(conn, "session_insert", key=key_of(session), name=name, source=address, longest=LONGEST)
    return session


def sign_out(source: Source, session: str, who: audit.Who) -> None:
    """End a session."""
    with source.writing() as conn:
        row = db.row(conn, "session_end", key=key_of(session))
        if row is not None:
            audit.add(conn, who, "sign_out", f"user {row['user_name']}")


def attempt(source: Source, name: str, address: str) -> bool:
    """Count an attempt before the password is looked at, so that many at once do not get by.

    Returns:
        Whether the password may be looked at; otherwise this one is not counted, so that waiting helps.
    """
    with source.writing() as conn:
        row = db.row(conn, "attempt_insert", name=name, source=address)
    with source.writing() as conn:
        seen = db.row(conn, "attempt_count", name=name, source=address, span=ATTEMPTS_SPAN)
        limits = {"of_both": ATTEMPTS_MAX, "from_source": ATTEMPTS_FROM_MAX, "of_name": ATTEMPTS_OF_MAX}
        good = seen is not None and all(seen[which] <= most for which, most in limits.items())
        if row and not good:
            db.rows(conn, "attempt_forget", id=row["attempt_id"])
            whose = audit.Who(name, "", address)
            audit.add_once(conn, whose, "sign_in.refused", f"user {name}", ATTEMPTS_SPAN)
    return good


def forgive(conn: db.Connection, name: str, address: str) -> None:
    """Somebody was right: what they mistyped here before is forgotten."""
    db.rows(conn, "attempt_forgive", name=name, source=address, span=ATTEMPTS_SPAN)
