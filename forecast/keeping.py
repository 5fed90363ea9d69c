"""How long forecasts are kept: all for five weeks, then a few a day of what counted."""

from __future__ import annotations

from datetime import time, timedelta
from typing import TYPE_CHECKING, Final

from core import db
from forecast import ensemble
from forecast.models.seasonal_naive import SeasonalNaive

if TYPE_CHECKING:
    from datetime import datetime

    from core.site import Site

ALL: Final = timedelta(days=35)
"""Every issue is kept for so long: errors of 28 days and the horizon of a week."""
PATHS: Final = timedelta(days=7)
"""Scenarios are kept for so long."""
MODELS: Final = (ensemble.NAME, SeasonalNaive.name)
"""Kept for good, beside any model that was chosen instead."""
TIMES: Final = (time(0), time(6), time(12), time(18))
"""Issues at these times of the site's day are kept for good."""


def prune(conn: db.Connection, site: Site, now: datetime) -> db.Row:
    """Remove what is old; how many rows of `forecasts`, `notes` and `paths`."""
    return (
        db.row(
            conn,
            "forecast_prune",
            site=site.id,
            before=now - ALL,
            paths_before=now - PATHS,
            models=list(MODELS),
            times=list(TIMES),
            timezone=site.site.timezone,
        )
        or {}
    )
