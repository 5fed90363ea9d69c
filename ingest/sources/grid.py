"""The grid's carbon intensity, from a file, a typical year or an address."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from ingest.sources.polling import Sample

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ingest.sources.timeline import Timeline

ASSET: Final = "grid"
AGE_MAX: Final = timedelta(hours=6)
"""An older row is not the grid of now; operators publish it an hour or more late."""


class Grid:
    """What the grid says of itself.

    Args:
        read: gets the rows; raises ServiceError where it cannot.
    """

    def __init__(self, read: Callable[[], Timeline]) -> None:
        self._read = read
        self._said: datetime | None = None

    def poll(self, now: datetime) -> list[Sample]:
        """The newest row, once."""
        row = self._read().until(now, AGE_MAX)
        if row is None or row[0] == self._said:
            return []
        self._said = row[0]
        return [Sample(ASSET, row[1], row[0])]
