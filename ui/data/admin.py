"""Accounts, sessions and keys, as they are now: asked of the primary, never of a replica that may be late."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ui.access import accounts, sessions

if TYPE_CHECKING:
    from ui.data.source import Source


def users(source: Source) -> tuple[accounts.Account, ...]:
    """Everybody who has an account."""
    with source.writing() as conn:
        return accounts.listed(conn, sessions.idle(source))


def signed_in(source: Source) -> tuple[accounts.Session, ...]:
    """Who is signed in, newest first."""
    with source.writing() as conn:
        return accounts.sessions(conn, sessions.idle(source))


def keys(source: Source) -> tuple[accounts.Key, ...]:
    """Every key."""
    with source.writing() as conn:
        return accounts.keys(conn)
