"""The pair of keys: the server signs with the private one, the gateway believes the public one."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from core.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

PRIVATE_NAME: Final = "command.key"
PUBLIC_NAME: Final = "command.pub"
PRIVATE_MODE: Final = 0o600
_ID_LENGTH: Final = 16


def key_id(key: Ed25519PublicKey) -> str:
    """A key's short name: the first digits of its SHA-256."""
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return hashlib.sha256(raw).hexdigest()[:_ID_LENGTH]


def make(folder: Path) -> tuple[Path, Path]:
    """Write a new pair into a folder: the private key's file, which only we can read, and the public one's.

    Raises:
        InputError: there is one already, or the folder cannot be written.
    """
    private, public = folder / PRIVATE_NAME, folder / PUBLIC_NAME
    key = Ed25519PrivateKey.generate()
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    known = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_MODE), "wb") as file:
            file.write(secret)
        public.write_bytes(known)
    except FileExistsError as error:
        raise InputError(
            str(private),
            found="a key already",
            allowed="a folder without one",
            do="keep it, or move it away first; the gateway needs the new public key then",
        ) from error
    except OSError as error:
        raise InputError(
            str(folder), found=str(error), allowed="a folder that can be written", do="choose another one"
        ) from error
    return private, public


def load_private(path: Path) -> Ed25519PrivateKey:
    """Read the server's key.

    Raises:
        InputError: it is not there, is no Ed25519 key, or others can read it.
    """
    wrong = _wrong(path, "a private Ed25519 key in PEM")
    try:
        if path.stat().st_mode & 0o077:
            raise InputError(
                str(path), found="a private key that others can read", allowed="mode 0600", do="chmod 600 it"
            )
        key = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise wrong from error
    if not isinstance(key, Ed25519PrivateKey):
        raise wrong
    return key


def load_public(path: Path) -> Ed25519PublicKey:
    """Read a key that is believed.

    Raises:
        InputError: it is not there, or is no Ed25519 key.
    """
    wrong = _wrong(path, "a public Ed25519 key in PEM")
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise wrong from error
    if not isinstance(key, Ed25519PublicKey):
        raise wrong
    return key


def _wrong(path: Path, allowed: str) -> InputError:
    found = "something else" if path.exists() else "no such file"
    return InputError(
        str(path),
        found=found,
        allowed=allowed,
        do="make a pair with `joulecast edge keys` or correct the path",
    )
