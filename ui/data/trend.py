"""Series of single points over the period of the view, in as many steps as a chart can show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Final

import numpy as np

from core.series import Series, floor_time, on_grid
from ui import view

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from core import db
    from core.points import PointRef
    from ui.data.source import Source

STEPS: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 360, 1440))
"""Steps that a chart may have."""
POINTS_MAX: Final = 400
"""Most steps of a chart."""
_KEEP_WALL_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class Period:
    """What is asked for."""

    start: datetime
    end: datetime
    step: timedelta
    fixed: bool
    """Its ends do not move with the time."""


def period(source: Source, default: timedelta) -> Period:
    """The period of the view, in whole steps; it ends with the last whole step where it ends now."""
    seen = view.current()
    start, end = seen.between(source.now, default) if seen else (source.now - default, source.now)
    step = next((s for s in STEPS if (end - start) / s <= POINTS_MAX), STEPS[-1])
    return Period(floor_time(start, step), floor_time(end, step), step, bool(seen and seen.period))


def several(source: Source, refs: Sequence[PointRef], asked: Period) -> dict[str, Series]:
    """Means per step of each point that was ever heard of [canonical unit], by ``asset/point``; one query."""
    key = f"trend {asked.start} {asked.end} {' '.join(map(str, refs))}"

    def read() -> dict[str, Series]:
        rows = source.rows(
            "ui_trend", site=source.context.site.id, refs=[str(ref) for ref in refs],
            start=asked.start, end=asked.end, step=asked.step,
        )  # fmt: skip
        return {ref: _series(list(of), asked) for ref, of in groupby(rows, key=itemgetter("ref"))}

    found: dict[str, Series] = source.kept(key, _KEEP_WALL_S, read)
    return found


def _series(rows: list[db.Row], asked: Period) -> Series:
    known = [row for row in rows if row["time"] is not None]
    values = np.array([row["value"] for row in known], dtype=np.float64)
    return on_grid([row["time"] for row in known], values, asked.start, asked.end, asked.step)
