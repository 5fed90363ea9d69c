"""Series of the last days, kept in memory and read again only where they may have changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from core import store
from core.errors import NotReadyError
from core.kpi import Pue, pue_of_period
from core.series import Series, floor_time

if TYPE_CHECKING:
    from datetime import datetime

    from core.points import PointRef
    from ui.data.source import Source

STEP: Final = timedelta(minutes=5)
"""Step of the charts on the first page."""
TAIL: Final = 3
"""Steps at the end that are read again: the running one and those a late reading may still change."""
RELOAD_WALL_S: Final = 300.0
"""Everything is read again after so long [s of wall time], for readings that came later than that."""
PUE_PERIODS_H: Final = (1.0, 24.0, 168.0)
"""Periods that the first page gives a PUE of [h]."""


@dataclass(slots=True)
class _Held:
    series: Series


def series(source: Source, refs: tuple[PointRef, ...], back: timedelta) -> Series:
    """Sum over points in five-minute means, from `back` before now to now.

    Returns:
        The series [canonical unit]; all NaN where a point was never seen.
    """
    key = f"series {back} {' '.join(map(str, refs))}"
    held: _Held = source.kept(key, RELOAD_WALL_S, lambda: _Held(_read(source, refs, source.now - back)))
    end = floor_time(source.now, STEP) + STEP
    if end != held.series.end or np.isnan(held.series.values[-TAIL:]).any():
        held.series = _moved(source, refs, held.series, end, back)
    return held.series


def tail(whole: Series, steps: int) -> Series:
    """The last steps of a series; fewer where it is shorter."""
    cut = max(len(whole) - steps, 0)
    return Series(whole.start + STEP * cut, STEP, whole.values[cut:])


def _read(source: Source, refs: tuple[PointRef, ...], start: datetime) -> Series:
    start, end = floor_time(start, STEP), floor_time(source.now, STEP) + STEP
    try:
        with source.connection() as conn:
            return store.series_sum(conn, source.context.site.id, refs, start, end, STEP)
    except NotReadyError:
        return Series(start, STEP, np.full(max(int((end - start) / STEP), 0), np.nan))


def _moved(source: Source, refs: tuple[PointRef, ...], old: Series, end: datetime, back: timedelta) -> Series:
    start = (
        end - STEP - timedelta(seconds=back.total_seconds() // STEP.total_seconds() * STEP.total_seconds())
    )
    fresh_from = max(start, old.end - TAIL * STEP)
    fresh = _read(source, refs, fresh_from)
    keep_from = int((start - old.start) / STEP)
    kept = old.values[max(keep_from, 0) : max(int((fresh_from - old.start) / STEP), 0)]
    return Series(fresh.end - STEP * (len(kept) + len(fresh)), STEP, np.concatenate([kept, fresh.values]))


def pue_of_periods(source: Source) -> tuple[Pue, ...]:
    """PUE over the last hour, day and week: ratio of sums, with category and completeness."""
    meters = source.context.site.meters
    week = timedelta(hours=max(PUE_PERIODS_H))
    facility, it = series(source, meters.facility, week), series(source, meters.it, week)
    found = []
    for hours in PUE_PERIODS_H:
        steps = int(timedelta(hours=hours) / STEP)
        top, bottom = facility.values[-steps - 1 : -1], it.values[-steps - 1 : -1]
        found.append(pue_of_period(top, bottom, category=meters.category, hours=hours))
    return tuple(found)
