"""Derived values that take longer than a page waits: made in a thread, shown when they are there."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from core.errors import JoulecastError
from ui.data.source import patience

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ui.data.source import Source

log = logging.getLogger(__name__)
MAKING: Final = "is being worked out"
"""Why there is no value before the first one."""
RETRY_WALL_S: Final = 15.0
"""What went wrong is tried again after so long [s of wall time]."""
HELD_MAX: Final = 32
"""So many values are held; the one that nobody has asked for the longest goes first."""


@dataclass(frozen=True, slots=True)
class Later:
    """A value, or why there is none."""

    value: Any
    reason: str = ""

    def why(self, what: str) -> str:
        """Why there is no value of something, in a sentence."""
        return f"{what} {self.reason}" if self.reason == MAKING else self.reason or "not yet"


@dataclass(slots=True)
class _Held:
    found: Later = field(default_factory=lambda: Later(None, MAKING))
    at: datetime | None = None
    thread: threading.Thread | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def busy(self) -> bool:
        """Whether it is being worked out."""
        return self.thread is not None and self.thread.is_alive()


@dataclass(slots=True)
class _Shelf:
    held: dict[str, _Held] = field(default_factory=dict)
    """By key; what was asked for last stands last."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, key: str) -> _Held:
        """The one of this key; what is under way is never let go."""
        with self.lock:
            found = self.held.pop(key, None) or _Held()
            idle = [name for name, one in self.held.items() if not one.busy]
            for name in idle[: max(len(self.held) + 1 - HELD_MAX, 0)]:
                del self.held[name]
            self.held[key] = found
            return found


def later(source: Source, key: str, wall_s: float, make: Callable[[], Any]) -> Later:
    """A derived value at once, as it was made last; made again in a thread when older than `wall_s`.

    Args:
        source: the database.
        key: what it is called.
        wall_s: how long it is good for [s of wall time].
        make: makes it; knows nothing of who looks at it, as all share it. What it raises is the reason
            why there is no value.
    """
    held = _held(source, key)
    with held.lock:
        good_s = min(wall_s, RETRY_WALL_S) if held.found.reason else wall_s
        limit = timedelta(seconds=good_s * source.context.clock.speed_ratio)
        old = held.at is None or not timedelta() <= source.now - held.at < limit
        if old and not held.busy and source.long.acquire(blocking=False):  # else whoever asks next begins it
            held.thread = threading.Thread(target=_make, args=(source, held, make), name=key, daemon=True)
            held.thread.start()
        return held.found


def wait(source: Source, key: str, wall_s: float = 30.0) -> None:
    """Wait until what is under way is there; for tests and reports."""
    held = _held(source, key)
    if held.thread:
        held.thread.join(wall_s)


def _held(source: Source, key: str) -> _Held:
    shelf: _Shelf = source.lasting("later", _Shelf)
    return shelf.take(key)


def _make(source: Source, held: _Held, make: Callable[[], Any]) -> None:
    try:
        with patience():
            found = Later(make())
    except JoulecastError as error:
        found = Later(None, f"{error}")
    except Exception:
        log.exception("working out a value failed")
        found = Later(None, "failed; the reason is in the log of the ui service")
    finally:
        source.long.release()
    held.found, held.at = found, source.now
