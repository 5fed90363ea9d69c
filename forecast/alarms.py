"""What this room tells the operator: one open alarm a source, cleared when it is no longer so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from core import db

if TYPE_CHECKING:
    from datetime import datetime

PRIORITY: Final = 3
"""Forecasts that are worse than they might be endanger nothing."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that a person should look at."""

    message: str
    """What, and since when."""
    action: str
    """What to do."""


def keep(conn: db.Connection, site_id: str, source: str, alarm: Alarm | None, now: datetime) -> None:
    """Make the table say what is so: raise the source's alarm, or clear it where there is none."""
    if alarm is None:
        db.rows(conn, "forecast_clear_alarm", site=site_id, source=source, now=now)
        return
    db.rows(
        conn,
        "forecast_raise_alarm",
        site=site_id,
        source=source,
        priority=PRIORITY,
        message=alarm.message,
        action=alarm.action,
        now=now,
    )
