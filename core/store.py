"""Readings as series: what the rooms read from the database in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from core import db
from core.errors import NotReadyError
from core.series import Series, floor_time, on_grid

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from core.points import PointRef


def point_ids(conn: db.Connection, site: str, refs: Iterable[PointRef]) -> dict[str, int]:
    """The ids of the points that have been seen, by ``asset/point``."""
    found = db.rows(conn, "point_ids", site=site, refs=[str(ref) for ref in refs])
    return {r["ref"]: r["point_id"] for r in found}


def series_sum(
    conn: db.Connection, site: str, refs: Iterable[PointRef], start: datetime, end: datetime, step: timedelta
) -> Series:
    """Sum over points of their means per step.

    Args:
        conn: connection.
        site: the site's id.
        refs: the points to add up; all have to be there for a step to count.
        start: first step's start; rounded down to a whole step.
        end: end of the last step; rounded down to a whole step.
        step: length of a step.

    Returns:
        The series [canonical unit]; NaN where a point has no usable reading.

    Raises:
        NotReadyError: a point has never been seen.
    """
    wanted = list(refs)
    ids = point_ids(conn, site, wanted)
    missing = [str(ref) for ref in wanted if str(ref) not in ids]
    if missing or not wanted:
        raise NotReadyError(f"no reading yet of {', '.join(missing) or 'any point (none is named)'}")
    start, end = floor_time(start, step), floor_time(end, step)
    got = db.rows(conn, "series_sum", points=list(ids.values()), start=start, end=end, step=step)
    values = np.array([r["value"] for r in got], dtype=np.float64)
    return on_grid([r["time"] for r in got], values, start, end, step)


def span(conn: db.Connection, site: str, refs: Iterable[PointRef]) -> tuple[datetime, datetime]:
    """Times of the first and the last reading of the points.

    Raises:
        NotReadyError: there is none.
    """
    ids = point_ids(conn, site, refs)
    found = db.row(conn, "data_span", points=list(ids.values()))
    if not found or found["first"] is None:
        raise NotReadyError("no readings yet")
    return found["first"], found["last"]
