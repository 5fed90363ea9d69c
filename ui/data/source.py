"""The pages' way to the database: a pool, the site, the clock, and memory of what was derived."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from core import db

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from core.jobs import Context

POOL_SIZE: Final = 6
LATE_S: Final = 20.0
"""Age from which data are late, beside the time they take to come [s of plant time]."""
STALE_S: Final = 60.0
"""Age from which data are stale and no figure is made of them [s of plant time]."""
DELAY_WALL_S: Final = 4.0
"""What a reading may take from the device to the page [s of wall time]."""


@dataclass(frozen=True, slots=True)
class _Kept:
    at: datetime
    value: Any


@dataclass(slots=True)
class Source:
    """All that a page needs to read; one per worker."""

    context: Context
    pool: db.Pool
    _kept: dict[str, _Kept] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def now(self) -> datetime:
        """The plant's time."""
        return self.context.clock.now()

    @property
    def late_s(self) -> float:
        """Age from which data are late [s of plant time]; a demonstration's clock stretches the way here."""
        return LATE_S + DELAY_WALL_S * (self.context.clock.speed_ratio - 1)

    @property
    def stale_s(self) -> float:
        """Age from which data are stale [s of plant time]."""
        return STALE_S + DELAY_WALL_S * (self.context.clock.speed_ratio - 1)

    @contextmanager
    def connection(self) -> Iterator[db.Connection]:
        """A pooled connection; committed at the end, rolled back on an error."""
        with self.pool.connection() as conn:
            yield conn

    def rows(self, name: str, **parameters: Any) -> list[db.Row]:
        """Run a named query."""
        with self.connection() as conn:
            return db.rows(conn, name, **parameters)

    def kept(self, key: str, wall_s: float, make: Callable[[], Any]) -> Any:
        """A derived value, made again when it is older than `wall_s` of wall time."""
        with self._lock:
            found, now = self._kept.get(key), self.now
            limit = timedelta(seconds=wall_s * self.context.clock.speed_ratio)
            if found is None or not timedelta() <= now - found.at < limit:
                found = _Kept(now, make())
                self._kept[key] = found
            return found.value
