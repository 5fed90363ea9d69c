"""Who is asking, and what they may do: roles and permissions in one table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from flask import g, has_request_context, request

from core import db
from core.audit import Who
from ui.access import sessions

if TYPE_CHECKING:
    from ui.data import Source

KEY_PREFIX: Final = "jck_"
"""Every program's key begins so, which makes one that lies about easy to find."""
_BEARER: Final = "Bearer "
_COOKIE: Final = "joulecast-session"
_CALLBACKS: Final = "/_dash-update-component"
_TICK: Final = ["tick.n_intervals"]
"""What has changed where nobody has done anything: the poll's interval."""


class Role(StrEnum):
    """What somebody is at this site."""

    GUEST = "guest"
    VIEWER = "viewer"
    OPERATOR = "operator"
    ENGINEER = "engineer"
    MANAGER = "manager"
    ADMIN = "admin"
    AUDITOR = "auditor"


_PEOPLE: Final = frozenset(Role) - {Role.GUEST}
_SHIFT: Final = frozenset({Role.OPERATOR, Role.ENGINEER, Role.MANAGER})
PERMISSIONS: Final[dict[str, frozenset[Role]]] = {
    "view": frozenset(Role),
    "simulate": frozenset(Role) - {Role.AUDITOR},
    "export": frozenset(Role),
    "alarm.acknowledge": _SHIFT,
    "alarm.shelve": _SHIFT,
    "advice.decide": _SHIFT,
    "advice.second": frozenset({Role.ENGINEER, Role.MANAGER}),
    "advice.hold": _SHIFT,
    "advice.policy": frozenset({Role.ENGINEER, Role.MANAGER}),
    "mapping.write": frozenset({Role.ENGINEER}),
    "audit.read": frozenset({Role.ENGINEER, Role.MANAGER, Role.ADMIN, Role.AUDITOR}),
    "users.manage": frozenset({Role.ADMIN}),
    "account": _PEOPLE,
}
"""By permission, the roles that have it. An admin decides nothing about the plant: duties are apart."""
SCOPES: Final = ("advice.decide", "export", "view")
"""The permissions that some route of the API asks for: a program's key may have these."""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who looks at a page."""

    name: str
    """Goes on record with everything that they do; empty for a guest."""
    role: Role
    scopes: frozenset[str] | None = None
    """Of a program's key: it may do no more than these; None: all that the role may."""
    must_change: bool = False
    """The password was made for them: they choose one before anything else."""

    def may(self, permission: str) -> bool:
        """Whether they have a permission, a key of `PERMISSIONS`."""
        of_key = self.scopes is None or permission in self.scopes
        return of_key and not self.must_change and self.role in PERMISSIONS[permission]


GUEST: Final = User("", Role.GUEST)


def user() -> User:
    """Who sent the request that is being answered; nobody in particular outside of one."""
    found: User = g.get("joulecast_user", GUEST) if has_request_context() else GUEST
    return found


def who() -> Who:
    """The one who sent the request, for the record."""
    return Who(user().name, user().role.value, request.remote_addr or "")


def load(source: Source) -> bool:
    """Find out who sends the request that is being answered; from now on `user` says it.

    Returns:
        Whether the request names somebody, by cookie or key, who is not (or no longer) known.

    Raises:
        ServiceError: the database cannot be asked, so nobody is known; the request stays a guest's.
    """
    g.joulecast_user = GUEST
    header, session = request.headers.get("Authorization", ""), request.cookies.get(cookie(source), "")
    if header and request.path.startswith("/api/"):
        found = key_user(source, header)
    elif session:
        person = sessions.find(source, session, _by_somebody)
        found = User(person.name, Role(person.role), must_change=person.must_change) if person else None
    else:
        return False
    g.joulecast_user = found or GUEST
    return found is None


def _by_somebody() -> bool:
    """Whether somebody does something; a page that lies open asks its question every tick by itself."""
    if request.path != _CALLBACKS:
        return True
    body = request.get_json(silent=True)
    return not isinstance(body, dict) or body.get("changedPropIds") != _TICK


def key_user(source: Source, header: str) -> User | None:
    """The program whose key is in an Authorization header, with its scopes; None where it has none in force.

    Raises:
        ServiceError: the database cannot be asked.
    """
    key = header.removeprefix(_BEARER).strip()
    if not header.startswith(_BEARER) or not key.startswith(KEY_PREFIX):
        return None
    with source.writing() as conn:
        row = db.row(conn, "key_find", key=sessions.key_of(key))
    return User(f"key {row['key_name']}", Role(row["role"]), frozenset(row["scopes"])) if row else None


def cookie(source: Source) -> str:
    """Name of the cookie; by https it is bound to this host alone."""
    return f"__Host-{_COOKIE}" if source.context.settings.ui_https else _COOKIE


def pressed_by(permission: str) -> dict[str, Any]:
    """What a button has that takes a permission: dead, with the reason, for who may not press it."""
    may = user().may(permission)
    return {"disabled": not may, "title": "" if may else denied(permission)}


def denied(permission: str) -> str:
    """Why not, and what to do about it."""
    roles = " or ".join(sorted(PERMISSIONS[permission]))
    if user().role is Role.GUEST:
        return f"Sign in as {roles} to do this."
    scopes = user().scopes
    if scopes is not None and permission not in scopes:
        return f"The {user().name} has not the scope {permission}; it has {', '.join(sorted(scopes))}."
    return f"You are signed in as {user().name}, {user().role}; this takes {roles}."
