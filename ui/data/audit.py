"""The record of changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from core import audit
from core.clock import SystemClock

if TYPE_CHECKING:
    from ui.data.source import Source
    from ui.view import View

SHOWN_MAX: Final = 200
"""How many rows the page shows."""
_KEEP_VERIFIED_WALL_S: Final = 5.0


def wanted(view: View | None) -> audit.Filter:
    """Which rows the reader asks for; the record goes by the servers' clock, also beside a faster plant."""
    if view is None:
        return audit.Filter()
    actor, of = (view.more.get(name, "").strip().replace("\x00", "") for name in ("actor", "object"))
    if view.period:
        return audit.Filter(actor, of, *view.period)
    return audit.Filter(actor, of, SystemClock().now() - view.span if view.span else None)


def entries(source: Source, which: audit.Filter) -> tuple[audit.Entry, ...]:
    """The newest rows."""
    with source.connection() as conn:
        return audit.listed(conn, which, SHOWN_MAX)


def verified(source: Source) -> audit.Verified:
    """Whether every row is as it was written; however many ask at once, it is worked out once."""

    def verify() -> audit.Verified:
        with source.writing() as conn:
            return audit.verify(conn)

    found: audit.Verified = source.kept("audit verified", _KEEP_VERIFIED_WALL_S, verify)
    return found
