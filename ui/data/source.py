"""The pages' way to the database: a pool, the site, the clock, and memory of what was derived."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from core import db
from core.errors import ServiceError
from ui import view

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from core.jobs import Context

POOL_SIZE: Final = 6
PRIMARY_SIZE: Final = 3
"""Connections of their own for sessions and for what is written: however much is read, HOLD goes on."""
STATEMENT_S: Final = 15.0
"""A page's query that takes longer is ended [s]."""
LONG_STATEMENT_S: Final = 120.0
"""The same of long work [s]."""
LONG_AT_ONCE: Final = 2
"""So much long work is done at once, each on one connection at a time."""
KEPT_MAX: Final = 256
"""How many derived values are remembered; the oldest goes first."""
POOL_WAIT_S: Final = 3.0
"""Longest wait for a connection [s]; then the page says that the database is not reachable."""
POOL_BRIEF_WAIT_S: Final = 0.02
"""The same for a while after somebody has waited in vain: a page has many parts, and each of them asks."""
AWAY_S: Final = 5.0
"""How long that while is [s]."""
LATE_S: Final = 20.0
"""Age from which data are late, beside the time they take to come [s of plant time]."""
STALE_S: Final = 60.0
"""Age from which data are stale and no figure is made of them [s of plant time]."""
DELAY_WALL_S: Final = 4.0
"""What a reading may take from the device to the page [s of wall time]."""


def open_source(context: Context) -> Source:
    """A source with a pool of its own; ``source.close()`` at the end."""
    resources = ExitStack()
    reading = context.settings.read_dsn or context.dsn
    pool = resources.enter_context(db.pool(reading, size=POOL_SIZE, statement_s=STATEMENT_S))
    primary = resources.enter_context(db.pool(context.dsn, size=PRIMARY_SIZE))
    return Source(context, pool, primary, resources)


_PATIENT: ContextVar[bool] = ContextVar("patient", default=False)


@contextmanager
def patience() -> Iterator[None]:
    """Within it a query may take as long as long work does."""
    token = _PATIENT.set(True)
    try:
        yield
    finally:
        _PATIENT.reset(token)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


@dataclass(frozen=True, slots=True)
class _Kept:
    at: datetime
    value: Any


@dataclass(slots=True)
class Source:
    """All that a page needs to read; one per worker."""

    context: Context
    pool: db.Pool
    primary: db.Pool
    """Where is written, and asked what must not be late."""
    resources: ExitStack
    """What is closed with it."""
    long: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(LONG_AT_ONCE))
    """Taken while long work is under way; what does not get it at once does not wait for it."""
    _kept: dict[str, _Kept] = field(default_factory=dict)
    _making: dict[str, threading.RLock] = field(default_factory=dict)
    _lasting: dict[str, Any] = field(default_factory=dict)
    _brief_until_s: dict[str, float] = field(default_factory=dict)
    """By pool, until when nobody waits for long, on the monotonic clock [s]."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def close(self) -> None:
        """Give the connections back."""
        self.resources.close()

    @property
    def now(self) -> datetime:
        """The plant's time."""
        return self.context.clock.now()

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which the reader of the page wants times; the site's unless they chose another."""
        return view.zone(self.context.site)

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
        """A pooled connection; committed at the end, rolled back on an error.

        Raises:
            ServiceError: the database cannot be reached or refuses the query.
        """
        with self._of(self.pool) as conn:
            if _PATIENT.get():
                conn.execute("SELECT set_config('statement_timeout', %s, true)", [f"{LONG_STATEMENT_S}s"])
            yield conn

    @contextmanager
    def long_work(self) -> Iterator[None]:
        """Do what takes a while, when not too much of it is under way; its queries may take longer.

        Raises:
            ServiceError: too much is.
        """
        if not self.long.acquire(blocking=False):
            raise ServiceError("other long work is under way; ask again in a minute")
        try:
            with patience():
                yield
        finally:
            self.long.release()

    @contextmanager
    def writing(self) -> Iterator[db.Connection]:
        """The same on the primary: to write, and to ask who somebody is.

        Raises:
            ServiceError: the database cannot be reached or refuses the query.
        """
        with self._of(self.primary) as conn:
            yield conn

    @contextmanager
    def _of(self, pool: db.Pool) -> Iterator[db.Connection]:
        brief = time.monotonic() < self._brief_until_s.get(pool.name, 0.0)
        try:
            with pool.connection(timeout=POOL_BRIEF_WAIT_S if brief else POOL_WAIT_S) as conn:
                self._brief_until_s.pop(pool.name, None)
                yield conn
        except db.NoConnection as error:
            if not brief:
                self._brief_until_s[pool.name] = time.monotonic() + AWAY_S
            raise ServiceError(f"the database did not answer within {POOL_WAIT_S:.0f} s") from error
        except db.QueryCanceled as error:
            limit_s = LONG_STATEMENT_S if _PATIENT.get() else STATEMENT_S
            raise ServiceError(
                f"the database was not done within {limit_s:g} s and was stopped; ask for less: a shorter"
                " period, a longer step or fewer points"
            ) from error
        except db.Error as error:
            raise ServiceError(f"the database did not answer: {_first_line(error)}") from error

    def rows(self, name: str, **parameters: Any) -> list[db.Row]:
        """Run a named query."""
        with self.connection() as conn:
            return db.rows(conn, name, **parameters)

    def kept(self, key: str, wall_s: float, make: Callable[[], Any]) -> Any:
        """A derived value, made again, by one thread, when it is older than `wall_s` of wall time."""
        with self._lock:
            making = self._making.setdefault(key, threading.RLock())
        with making:
            found, now = self._kept.get(key), self.now
            limit = timedelta(seconds=wall_s * self.context.clock.speed_ratio)
            if found is None or not timedelta() <= now - found.at < limit:
                found = _Kept(now, make())
                self._keep(key, found)
            return found.value

    def _keep(self, key: str, found: _Kept) -> None:
        with self._lock:
            self._kept.pop(key, None)
            self._kept[key] = found
            while len(self._kept) > KEPT_MAX:
                oldest = next(iter(self._kept))
                del self._kept[oldest]
                self._making.pop(oldest, None)

    def lasting(self, key: str, make: Callable[[], Any]) -> Any:
        """What this process has under way: made once, and there as long as the process is."""
        with self._lock:
            if key not in self._lasting:
                self._lasting[key] = make()
            return self._lasting[key]

    def forget_all(self) -> None:
        """Make every derived value anew when it is asked for next."""
        with self._lock:
            self._kept.clear()

    def forget(self, key: str) -> None:
        """Make a derived value anew when it is asked for next: it was changed from here."""
        with self._lock:
            self._kept.pop(key, None)
