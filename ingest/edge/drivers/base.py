"""What every driver does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class DriverError(Exception):
    """The plant could not be reached, or refused."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A setpoint as the plant has it."""

    value: float
    """In force, in the point's canonical unit."""
    override: str = ""
    """Who holds it above us, in words; empty: nobody."""


class Driver(Protocol):
    """Writes to one plant; points are ``asset/point``, values in their canonical unit.

    All of it is called from one thread, and all but `close` raises `DriverError`.
    """

    def read(self, point: str) -> Seen:
        """What is in force."""
        ...

    def write(self, point: str, value: float) -> None:
        """Hold a value in place of the plant's own."""
        ...

    def release(self, point: str) -> None:
        """Give a point back to the plant's own control; harmless where it has it already."""
        ...

    def beat(self) -> None:
        """A sign of life for the plant's own watchdog; given while something is held."""
        ...

    def close(self) -> None:
        """Leave the plant alone; what is held must have been released."""
        ...
