"""Accounts and keys: each change in one transaction with its row on record, for page and command alike."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from core import audit, db
from core.errors import InputError
from ui.access import passwords
from ui.access.auth import KEY_PREFIX, PERMISSIONS, SCOPES, Role
from ui.access.sessions import key_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from core.audit import Who

NAME_RULE: Final = "2 to 40 of a-z, 0-9, . _ @ - beginning with a letter or digit"
DISPLAY_MAX: Final = 80
ROLES: Final = tuple(role for role in Role if role is not Role.GUEST)
"""What an account or a key may be; a guest has none."""
DEMO_ROLES: Final = (Role.ADMIN, Role.OPERATOR, Role.ENGINEER)
"""Who a demonstration begins with: one who accepts, another who agrees, and who manages them."""
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@-]{1,39}")


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may sign in."""

    user_name: str
    display_name: str
    role: str
    created_at: datetime
    disabled_at: datetime | None
    must_change: bool
    sessions: int
    last_seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in."""

    user_name: str
    role: str
    source: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Key:
    """What a program signs in with; its secret is not kept."""

    key_name: str
    role: str
    scopes: tuple[str, ...]
    created_by: str
    created_at: datetime
    revoked_at: datetime | None


def listed(conn: db.Connection, idle: timedelta) -> tuple[Account, ...]:
    """Everybody who has an account."""
    return tuple(Account(**row) for row in db.rows(conn, "user_list", idle=idle))


def sessions(conn: db.Connection, idle: timedelta) -> tuple[Session, ...]:
    """Who is signed in."""
    return tuple(Session(**row) for row in db.rows(conn, "session_list", idle=idle))


def keys(conn: db.Connection) -> tuple[Key, ...]:
    """Every key, also those that were revoked."""
    return tuple(Key(**(row | {"scopes": tuple(row["scopes"])})) for row in db.rows(conn, "key_list"))


def exist(conn: db.Connection) -> bool:
    """Whether anybody may sign in at all."""
    row = db.row(conn, "user_any")
    return bool(row and row["found"])


def add(conn: db.Connection, who: Who, name: str, role: str, display: str = "") -> str:
    """Make an account; its one-time password, which is kept nowhere.

    Raises:
        InputError: the name or the role is not one, or the name is taken.
    """
    wanted, chosen = known_name(name), known_role(role)
    shown = " ".join(display.split())
    if len(shown) > DISPLAY_MAX or not shown.isprintable():
        raise InputError(
            "name to show", found=repr(shown), allowed=f"at most {DISPLAY_MAX} characters", do="shorten it"
        )
    password = passwords.make()
    made = db.row(
        conn, "user_insert", name=wanted, display=shown, role=chosen.value, hash=passwords.hashed(password)
    )
    if made is None:
        raise InputError(
            "user name", found=f"{wanted}, which is taken", allowed="a new name", do="choose another name"
        )
    audit.add(conn, who, "user.add", f"user {wanted}", new=chosen.value)
    return password


def reset(conn: db.Connection, who: Who, name: str) -> str:
    """Give an account a new one-time password and end its sessions; the password, which is kept nowhere.

    Failed sign-ins of this name are forgotten, so that it can be used at once.
    """
    found = _found(conn, name)
    password = passwords.make()
    db.rows(
        conn,
        "user_set_password",
        name=found["user_name"],
        hash=passwords.hashed(password),
        must_change=True,
    )
    db.rows(conn, "attempt_forgive_name", name=found["user_name"])
    audit.add(conn, who, "user.password", f"user {found['user_name']}", new="a one-time password")
    return password


def choose_password(conn: db.Connection, who: Who, name: str, now: str, wanted: str) -> str:
    """Let somebody choose their own password, which ends all their sessions.

    Args:
        conn: the transaction.
        who: the one whose password it is, with their address.
        name: their account.
        now: the password that they have.
        wanted: the one that they want.

    Returns:
        Why not, in a sentence; empty where it was changed.
    """
    found = _found(conn, name)
    if found["disabled_at"] is not None or not passwords.right(found["password_hash"], now):
        audit.add(conn, who, "user.password.failed", f"user {found['user_name']}")
        return "The password that you have now is another one."
    problem = passwords.problem(wanted, found["user_name"])
    if not problem and wanted == now:
        problem = "The new password is the old one."
    if not problem:
        hashed = passwords.hashed(wanted)
        db.rows(conn, "user_set_password", name=found["user_name"], hash=hashed, must_change=False)
        audit.add(conn, who, "user.password", f"user {found['user_name']}", new="one of their own")
    return problem


def change_role(conn: db.Connection, who: Who, name: str, role: str) -> None:
    """Give an account another role and end its sessions."""
    chosen = known_role(role)
    admins = _admins(conn)
    found = _found(conn, name)
    if found["role"] == chosen:
        raise InputError(
            f"role of {found['user_name']}", found=f"{chosen} already", allowed="another role", do="name one"
        )
    _keep_an_admin(admins, found["user_name"])
    db.rows(conn, "user_set_role", name=found["user_name"], role=chosen.value)
    audit.add(conn, who, "user.role", f"user {found['user_name']}", old=found["role"], new=chosen.value)


def disable(conn: db.Connection, who: Who, name: str) -> None:
    """Close an account and end its sessions; what it did stays on record."""
    admins = _admins(conn)
    found = _found(conn, name)
    if found["disabled_at"] is not None:
        raise InputError(
            f"user {found['user_name']}", found="disabled already", allowed="one in use", do="name another"
        )
    _keep_an_admin(admins, found["user_name"])
    db.rows(conn, "user_disable", name=found["user_name"], disabled=True)
    audit.add(conn, who, "user.disable", f"user {found['user_name']}", old=found["role"])


def enable(conn: db.Connection, who: Who, name: str) -> str:
    """Open an account again; its one-time password."""
    found = _found(conn, name)
    if found["disabled_at"] is None:
        raise InputError(
            f"user {found['user_name']}", found="in use", allowed="a disabled one", do="name another"
        )
    db.rows(conn, "user_disable", name=found["user_name"], disabled=False)
    audit.add(conn, who, "user.enable", f"user {found['user_name']}", new=found["role"])
    return reset(conn, who, name)


def end_sessions(conn: db.Connection, who: Who, name: str) -> None:
    """Sign somebody out everywhere."""
    found = _found(conn, name)
    db.rows(conn, "session_end_all", name=found["user_name"])
    audit.add(conn, who, "session.end", f"user {found['user_name']}")


def add_key(conn: db.Connection, who: Who, name: str, role: str, scopes: Sequence[str]) -> str:
    """Make a key for a program; the key, which is kept nowhere.

    Raises:
        InputError: a name is taken or none, or the role has not what the scopes ask for.
    """
    wanted, chosen = known_name(name), known_role(role)
    may = [scope for scope in SCOPES if chosen in PERMISSIONS[scope]]
    asked = sorted(set(scopes))
    strange = [scope for scope in asked if scope not in may]
    if strange or not asked:
        raise InputError(
            "scope",
            found=", ".join(strange) or "none",
            allowed=f"what a key of role {chosen} may have: {', '.join(may)}",
            do="name one or more of these, or another role",
        )
    secret = KEY_PREFIX + secrets.token_urlsafe(32)
    made = db.row(
        conn,
        "key_insert",
        name=wanted,
        key=key_of(secret),
        role=chosen.value,
        scopes=asked,
        actor=who.name,
    )
    if made is None:
        raise InputError(
            "key name", found=f"{wanted}, which is taken", allowed="a new name", do="choose another name"
        )
    audit.add(conn, who, "key.add", f"key {wanted}", new=f"{chosen}: {', '.join(asked)}")
    return secret


def revoke_key(conn: db.Connection, who: Who, name: str) -> None:
    """End a key."""
    if db.row(conn, "key_revoke", name=name.strip().lower()) is None:
        known = [key.key_name for key in keys(conn) if key.revoked_at is None]
        raise InputError(
            "key", found=repr(name), allowed=", ".join(known) or "none: no key is in force", do="name one"
        )
    audit.add(conn, who, "key.revoke", f"key {name.strip().lower()}")


def known_name(name: str) -> str:
    """The name in small letters.

    Raises:
        InputError: it is none.
    """
    wanted = name.strip().lower()
    if not _NAME.fullmatch(wanted):
        raise InputError("name", found=repr(name), allowed=NAME_RULE, do="choose such a name")
    return wanted


def known_role(role: str) -> Role:
    """The role of this name.

    Raises:
        InputError: there is none that an account may have.
    """
    if role not in ROLES:
        raise InputError("role", found=repr(role), allowed=", ".join(ROLES), do="name one of these")
    return Role(role)


def _found(conn: db.Connection, name: str) -> db.Row:
    row = db.row(conn, "user_find", name=name.strip().lower().replace("\x00", ""))
    if row is None:
        raise InputError(
            "user", found=repr(name), allowed="a name that `joulecast user list` gives", do="correct it"
        )
    return row


def _admins(conn: db.Connection) -> tuple[str, ...]:
    return tuple(row["user_name"] for row in db.rows(conn, "user_admins"))


def _keep_an_admin(admins: tuple[str, ...], name: str) -> None:
    """Refuse what would leave nobody to manage users."""
    if admins == (name,):
        raise InputError(
            f"user {name}",
            found="the only admin",
            allowed="a site with an admin",
            do="make another admin first",
        )
