"""The twin's periodic work."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from core import db, store
from core.errors import NotReadyError
from core.jobs import Context, Job
from twin.adopt import adopt
from twin.advise.jobs import ADVICE_JOBS
from twin.calibrate import latest, load_points
from twin.cooling_forecast import forecast_site

if TYPE_CHECKING:
    from datetime import datetime

HISTORY: Final = timedelta(days=42)
"""A calibration looks back as far as this."""
HISTORY_MIN: Final = timedelta(days=1)
"""It waits until there is as much as this."""
STEP: Final = timedelta(minutes=15)
FRESH: Final = timedelta(hours=23)
"""A calibration younger than this is not made again."""
NIGHT_S: Final = 86_400.0
RETRY_WALL_S: Final = 30.0
LOOK_S: Final = 60.0
LOOK_WALL_S: Final = 15.0


def calibrate_site(context: Context) -> str:
    """Calibrate the site on its last six weeks unless that was done within the day.

    Raises:
        InputError: a point is wrong throughout.
        NotReadyError: there is too little history, or what came of it is unfit or worse than what is in use.
    """
    now = context.clock.now()
    with db.connect(context.dsn) as conn:
        last = latest(conn, context.site)
        if last is not None and now - last.created_at < FRESH:
            return (
                f"calibration {last.calibration_id} is {_hours(now - last.created_at)} old and stays in use"
            )
        history = load_points(conn, context.site, _begin(conn, context, now), now, STEP)
        return str(adopt(conn, context.site, history, now))


def _begin(conn: db.Connection, context: Context, now: datetime) -> datetime:
    first, _ = store.span(conn, context.site.id, context.site.meters.facility)
    if now - first < HISTORY_MIN:
        raise NotReadyError(f"{_hours(now - first)} of history, a calibration needs {_hours(HISTORY_MIN)}")
    return max(first, now - HISTORY)


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:.0f} h"


JOBS: tuple[Job, ...] = (
    Job("twin.calibrate", NIGHT_S / 24, calibrate_site, wall_min_s=RETRY_WALL_S),
    Job("twin.cooling_forecast", LOOK_S, forecast_site, wall_min_s=LOOK_WALL_S),
    *ADVICE_JOBS,
)
"""Calibration is asked for every hour of plant time, so that a first one does not wait for a night; whether
there is a new forecast of IT power is looked at every minute."""
