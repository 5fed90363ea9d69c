"""Quality: what is implausible is marked and kept; only what cannot be a reading is refused."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from core.points import BAD_FROM, CATALOGUE, Status
from ingest.codec.base import Decoded, Rejected

if TYPE_CHECKING:
    from core.points import PointType

OLDEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""Older times come from devices that have lost their clock; real history is younger."""
AHEAD: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """Between which times a reading is believed."""

    oldest: datetime = OLDEST
    """Readings before this are refused."""
    ahead: timedelta = AHEAD
    """Readings further than this in the future are refused."""

    def problem(self, time: datetime, now: datetime) -> Rejected | None:
        """Why a time is not believed; None where it is."""
        if time > now + self.ahead:
            return Rejected(f"time {time.isoformat()} is in the future (it is {now.isoformat()})")
        if time < self.oldest:
            return Rejected(f"time {time.isoformat()} is before {self.oldest.date().isoformat()}")
        return None


def mark(point: PointType, value: float, status: int) -> int:
    """The status of a value: BAD_OUT_OF_RANGE outside the catalogue's range, unless it is bad already."""
    if point.low <= value <= point.high or status >= BAD_FROM:
        return status
    return int(Status.BAD_OUT_OF_RANGE)


def check(reading: Decoded, now: datetime, limits: TimeLimits) -> Decoded | Rejected:
    """A reading with its mark, or why it is none."""
    asset, name, time, value, status = reading
    if not math.isfinite(value):
        return Rejected(f"value {value} of {name} is not finite")
    problem = limits.problem(time, now)
    if problem:
        return problem
    marked = mark(CATALOGUE[name], value, status)
    return reading if marked == status else Decoded(asset, name, time, value, marked)
