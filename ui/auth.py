"""Who is asking, and what they may do: roles and permissions in one table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from flask import g, has_request_context


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


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who looks at a page."""

    name: str
    """Goes on record with everything that they do; empty for a guest."""
    role: Role

    def may(self, permission: str) -> bool:
        """Whether they have a permission, a key of `PERMISSIONS`."""
        return self.role in PERMISSIONS[permission]


GUEST: Final = User("", Role.GUEST)


def user() -> User:
    """Who sent the request that is being answered; nobody in particular outside of one."""
    found: User = g.get("joulecast_user", GUEST) if has_request_context() else GUEST
    return found


def denied(permission: str) -> str:
    """Why not, and what to do about it."""
    roles = " or ".join(sorted(PERMISSIONS[permission]))
    if user().role is Role.GUEST:
        return f"Sign in as {roles} to do this."
    return f"You are signed in as {user().name}, {user().role}; this takes {roles}."
