"""What the embedded servers have in common: a folder of their own, a lock on it, a start and an end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final, Self

from core.errors import ServiceError
from joulecast import process
from joulecast.process import FolderLock, ServiceSpec

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

START_ATTEMPTS: Final = 3
"""A port that was free may be taken by somebody else before the server listens."""


class EmbeddedServer(ABC):
    """A server that lives as long as this process, or as long as the `with` block.

    Args:
        data_dir: the folder in which it keeps its data, its port, its log and its lock.
        name: what its lock and its log are called.
        words: what a person calls it.
    """

    def __init__(self, data_dir: Path, name: str, words: str) -> None:
        self.data_dir = data_dir.absolute()
        self.log = self.data_dir / "log" / f"{name}.log"
        self._lock = FolderLock(self.data_dir / f"{name}.lock", words)
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def address(self) -> str:
        """Where it is, as clients want it; known once `prepare` has run."""

    @property
    @abstractmethod
    def spec(self) -> ServiceSpec:
        """How to run the prepared server."""

    @abstractmethod
    def prepare(self) -> None:
        """Take the folder, end what a crash left there, and write the configuration."""

    def worth_another_try(self, error: BaseException) -> bool:
        """Whether a start that failed may succeed with another port."""
        return isinstance(error, ServiceError)

    def start(self) -> str:
        """Start the server, wait until it serves, and return its address."""
        for attempt in range(START_ATTEMPTS):
            self.prepare()
            self.log.parent.mkdir(mode=0o700, exist_ok=True)
            with self.log.open("ab") as output:
                self._process = process.spawn(self.spec, output)
            try:
                process.wait_ready(self.spec, self._process, self.log)
            except BaseException as error:
                self.stop()
                if not self.worth_another_try(error) or attempt + 1 == START_ATTEMPTS:
                    raise
            else:
                break
        return self.address

    def stop(self) -> None:
        """End the server cleanly and give the folder back; harmless when it does not run."""
        if self._process:
            process.end(self.spec, self._process)
            self._process = None
        self.release()

    def release(self) -> None:
        """Give the folder back without touching the server: for whoever runs `spec` himself."""
        self._lock.release()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
