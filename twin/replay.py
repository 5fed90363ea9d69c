"""A past day or period from the database through the calibrated twin: measured, as operated, otherwise."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from core import store
from core.errors import InputError, NotReadyError
from core.points import PointRef
from twin.calibrate import in_use, load_history
from twin.compare import Comparison, compare
from twin.scenario import Scenario, day_span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from core import db
    from core.actions import Setpoint
    from core.clock import Clock
    from core.site import Site
    from twin.history import History
    from twin.plant.curves import Floats

STEP: Final = timedelta(minutes=15)
"""Default step of a replay."""
FINE: Final = (timedelta(minutes=1), timedelta(minutes=5))
"""Steps in which a day is looked at where its readings are that dense."""
DENSE_RATIO: Final = 0.9
"""They are where so much of what is known in steps of `STEP` is known in these as well [1]."""
CARBON: Final = PointRef("grid", "carbon_intensity")
"""Where `joulecast collect grid` puts what the grid says of itself."""
CARBON_AGE_MAX: Final = timedelta(hours=1)
"""A grid operator's figure stands for so long; after that the carbon of a period is not known."""


def check_day(site: Site, clock: Clock, day: date) -> None:
    """Refuse a day that has not begun.

    Raises:
        InputError: the day lies in the future.
    """
    today = clock.now().astimezone(site.zone).date()
    if day > today:
        raise InputError(
            "day", found=day.isoformat(), allowed=f"{today.isoformat()} or earlier", do="choose a past day"
        )


def replay(
    conn: db.Connection,
    site: Site,
    day: date,
    setpoints: Mapping[Setpoint, float] | None = None,
    step: timedelta = STEP,
    *,
    load_shift_kw: Sequence[float] = (),
) -> Comparison:
    """Replay a day of the site's calendar, which has 23 or 25 hours where the clocks change.

    Args:
        conn: connection.
        site: the site.
        day: the site's day.
        setpoints: setpoints to hold instead [degC]; with neither these nor a shift there is no alternative.
        step: length of a step.
        load_shift_kw: IT power added at each hour of the day [kW], 24 values or none.

    Raises:
        NotReadyError: the day has no data, or the twin has not been calibrated.
    """
    scenario = Scenario("alternative", setpoints or {}, load_shift_kw) if setpoints or load_shift_kw else None
    return replay_period(conn, site, *day_span(site.zone, day), scenario, step)


def replay_finely(
    conn: db.Connection,
    site: Site,
    day: date,
    setpoints: Mapping[Setpoint, float] | None = None,
    *,
    load_shift_kw: Sequence[float] = (),
) -> Comparison:
    """`replay` in the finest steps that the day's readings fill; arguments and errors as those."""
    scenario = Scenario("alternative", setpoints or {}, load_shift_kw) if setpoints or load_shift_kw else None
    calibration, (start, end) = in_use(conn, site), day_span(site.zone, day)
    history = _finest(conn, site, start, end)
    return compare(
        site, history, calibration, scenario, carbon_g_per_kwh(conn, site, start, end, history.step)
    )


def _finest(conn: db.Connection, site: Site, start: datetime, end: datetime) -> History:
    whole = load_history(conn, site, start, end, STEP)
    for step in FINE:
        found = load_history(conn, site, start, end, step)
        if found.usable.mean() >= DENSE_RATIO * whole.usable.mean():
            return found
    return whole


def replay_period(
    conn: db.Connection,
    site: Site,
    start: datetime,
    end: datetime,
    scenario: Scenario | None,
    step: timedelta = STEP,
) -> Comparison:
    """Replay any past period; arguments and errors as those of `replay`."""
    calibration = in_use(conn, site)
    history = load_history(conn, site, start, end, step)
    return compare(site, history, calibration, scenario, carbon_g_per_kwh(conn, site, start, end, step))


def carbon_g_per_kwh(
    conn: db.Connection, site: Site, start: datetime, end: datetime, step: timedelta
) -> Floats | None:
    """(n,) the grid's carbon intensity [g/kWh], each figure held for CARBON_AGE_MAX; none if never seen."""
    try:
        found = store.series_sum(conn, site.id, (CARBON,), start - CARBON_AGE_MAX, end, step).values
    except NotReadyError:
        return None
    ahead = CARBON_AGE_MAX // step
    index = np.where(np.isfinite(found), np.arange(len(found)), -1)
    newest = np.maximum.accumulate(index)
    return np.where(np.arange(len(found)) - newest <= ahead, found[newest], np.nan)[ahead:]
