"""Passwords: made, judged, kept as Argon2id and checked in about the same time whoever asks."""

from __future__ import annotations

import secrets
import threading
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

LENGTH_MIN: Final = 12
LENGTH_MAX: Final = 128
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS: Final = 4
_GROUP: Final = 5
_AT_ONCE: Final = threading.BoundedSemaphore(2)
"""Each takes 64 MiB for its time: no crowd of sign-ins may take the memory away from the pages."""
_HASHER: Final = PasswordHasher()


def make() -> str:
    """A one-time password that can be read aloud: 20 letters and digits, about 99 bits."""
    groups = ("".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS))
    return "-".join(groups)


def problem(password: str, name: str) -> str:
    """What is wrong with a password that somebody chose, in a sentence; nothing where it will do."""
    if len(password) < LENGTH_MIN:
        return f"A password has at least {LENGTH_MIN} characters; a sentence is easy to keep in mind."
    if len(password) > LENGTH_MAX:
        return f"A password has at most {LENGTH_MAX} characters."
    if name in password.lower():
        return "A password does not hold the name."
    if len(set(password)) < LENGTH_MIN // 2:
        return "A password has more than a few different characters."
    return ""


def hashed(password: str) -> str:
    """What is kept of it."""
    with _AT_ONCE:
        return _HASHER.hash(password)


def right(kept: str | None, password: str) -> bool:
    """Whether it is this one; for nobody's password it takes as long and is not."""
    with _AT_ONCE:
        try:
            return _HASHER.verify(kept or nobodys(), password[: LENGTH_MAX + 1]) and kept is not None
        except (VerificationError, InvalidHashError):
            return False


@cache
def nobodys() -> str:
    """The hash of a password that nobody knows; call it once before the first sign-in."""
    return _HASHER.hash(secrets.token_urlsafe())
