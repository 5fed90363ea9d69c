"""Time. No other module asks the operating system what time it is."""

from __future__ import annotations

import time as _time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import threading


@runtime_checkable
class Clock(Protocol):
    """What time it is at the plant, and how fast that time runs."""

    @property
    def speed_ratio(self) -> float:
        """Plant seconds per wall second; 1 everywhere but in a demonstration."""
        ...

    def now(self) -> datetime:
        """The time at the plant, aware, UTC."""
        ...

    def sleep(self, seconds: float, wake: threading.Event | None = None) -> None:
        """Wait for so many plant seconds, or until `wake` is set."""
        ...


def _wait(wall_s: float, wake: threading.Event | None) -> None:
    if wake is None:
        _time.sleep(max(wall_s, 0.0))
    else:
        wake.wait(max(wall_s, 0.0))


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's own clock."""

    speed_ratio: float = field(default=1.0, init=False)

    def now(self) -> datetime:
        """The machine's time, UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float, wake: threading.Event | None = None) -> None:
        """Wait on the machine's clock."""
        _wait(seconds, wake)


@dataclass(frozen=True, slots=True)
class ScaledClock:
    """A demonstration's clock: `plant_origin` at `wall_origin`, and `speed_ratio` times as fast since."""

    wall_origin: datetime
    plant_origin: datetime
    speed_ratio: float

    def now(self) -> datetime:
        """The demonstration's time, UTC."""
        return self.plant_origin + (datetime.now(UTC) - self.wall_origin) * self.speed_ratio

    def sleep(self, seconds: float, wake: threading.Event | None = None) -> None:
        """Wait for `seconds` of the demonstration's time."""
        _wait(seconds / self.speed_ratio, wake)


@dataclass(slots=True)
class ManualClock:
    """A test's clock: it moves only when told to, and sleeping moves it."""

    time: datetime
    speed_ratio: float = field(default=1.0, init=False)

    def now(self) -> datetime:
        """The time it was last set to."""
        return self.time

    def sleep(self, seconds: float, wake: threading.Event | None = None) -> None:
        """Move on by `seconds` at once."""
        del wake
        self.advance(timedelta(seconds=seconds))

    def advance(self, by: timedelta) -> None:
        """Move on by `by`."""
        self.time += by


def parse_time(text: str) -> datetime:
    """Read an ISO 8601 time; one without an offset is taken as UTC.

    Raises:
        ValueError: the text is no ISO 8601 time.
    """
    time = datetime.fromisoformat(text)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def clock_from(spec: str | None) -> Clock:
    """The clock of a `JOULECAST_CLOCK` setting: nothing, or ``wall_origin/plant_origin/speed``.

    Raises:
        ValueError: the text has another form.
    """
    if not spec:
        return SystemClock()
    wall, plant, speed = spec.split("/")
    return ScaledClock(parse_time(wall), parse_time(plant), float(speed))


def clock_spec(clock: Clock) -> str:
    """The inverse of `clock_from`: what to hand to a child process."""
    if isinstance(clock, ScaledClock):
        return f"{clock.wall_origin.isoformat()}/{clock.plant_origin.isoformat()}/{clock.speed_ratio}"
    return ""
