"""What the gateway must still know after it was killed: a small file, on disk before the plant is written."""

from __future__ import annotations

import os
from datetime import datetime
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from core.errors import InputError, ServiceError
from ingest.edge.protocol import Answer

if TYPE_CHECKING:
    from pathlib import Path

PRIVATE: Final = 0o600


class Memory(msgspec.Struct):
    """Numbers that were used, what was answered, and when each point was set."""

    seqs: dict[str, int] = {}
    """The last number of each key."""
    answers: dict[str, Answer] = {}
    """By command, the oldest first."""
    moves: dict[str, list[datetime]] = {}
    """By point, when it was set in the last hour [plant time]."""


class Store(Protocol):
    """Keeps a `Memory`."""

    def load(self) -> Memory:
        """What was saved last; an empty one at the first start."""
        ...

    def save(self, memory: Memory) -> None:
        """Keep it; when this returns, it is there whatever happens next."""
        ...


class FileStore:
    """A JSON file, replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self._path, self._fresh = path, path.with_name(path.name + ".new")

    def load(self) -> Memory:
        """What was saved last.

        Raises:
            InputError: the file is there and cannot be read: then nobody knows which commands are old.
        """
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Memory)
        except FileNotFoundError:
            return Memory()
        except (OSError, msgspec.MsgspecError) as error:
            raise InputError(
                str(self._path),
                found=f"no memory of past commands ({error})",
                allowed="the file as the gateway wrote it",
                do="make a new pair of keys with `joulecast edge keys`, then delete the file",
            ) from error

    def save(self, memory: Memory) -> None:
        """Keep it, on disk.

        Raises:
            ServiceError: the disk does not take it: the gateway ends, which gives everything back.
        """
        try:
            self._write(memory)
        except OSError as error:
            raise ServiceError(
                f"{self._path} cannot be written ({error}): nothing is held without it; free the disk and"
                " start the gateway again"
            ) from error

    def _write(self, memory: Memory) -> None:
        with open(self._fresh, "wb", opener=_private) as file:  # its opener sets the mode
            file.write(msgspec.json.encode(memory))
            file.flush()
            os.fsync(file.fileno())
        self._fresh.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, PRIVATE)
