"""Verified savings: the account in total and by day, and what was promised beside what was measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from twin.advise.ledger import Total
    from twin.advise.promise import Promise
    from ui.data.source import Source

_KEEP_WALL_S: Final = 5.0
DAYS: Final = 14
"""How many days the page lists."""


@dataclass(frozen=True, slots=True)
class Savings:
    """The account."""

    total: Total
    days: tuple[dict[str, Any], ...]
    """The newest first."""
    promises: tuple[Promise, ...]
    """Verified ones first, then advice that was only shown."""
    shadows: tuple[dict[str, Any], ...]
    """Advice that was only shown, with what it would have saved and what operators saved [kWh]."""


def savings(source: Source) -> Savings:
    """Read it; kept for a moment, because days are written once an hour."""
    found: Savings = source.kept("savings", _KEEP_WALL_S, lambda: _savings(source))
    return found


def _savings(source: Source) -> Savings:
    from twin.advise import ledger, promise  # noqa: PLC0415  # the twin's libraries load when they are needed

    site = source.context.site
    days = source.rows("advice_days", site=site.id)
    shadows = source.rows("advice_shadow_scores", site=site.id, count=DAYS)
    with source.connection() as conn:
        promises = promise.promises(conn, site)
    return Savings(ledger.total(days), tuple(days[:DAYS]), promises, tuple(shadows))
