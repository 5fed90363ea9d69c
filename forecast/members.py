"""The forecasters that are issued beside each other, and which of them stand in when data are poor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from forecast import ensemble, registry
from forecast.models.persistence import Persistence
from forecast.models.seasonal_naive import SeasonalNaive
from forecast.models.statistical import Mstl

if TYPE_CHECKING:
    from collections.abc import Callable

    from forecast.protocol import Forecaster, Task

UNTRAINED: Final[dict[str, Callable[[Task], Forecaster]]] = {Mstl.name: Mstl, **registry.NAIVE}
"""Members that need no training."""
STAND_INS: Final = (Mstl.name, SeasonalNaive.name)
"""Who forecasts alone when the data are incomplete or flat: the first that can."""
LAST: Final = Persistence.name
"""Counts only once its scores say so: at short leads it is good, over a day it is not."""
TWIN: Final = "twin"
"""Model of the rows that the twin writes beside ours."""


def everyone() -> tuple[str, ...]:
    """Whoever may have issued a forecast."""
    return (ensemble.NAME, TWIN, registry.LEARNED, *UNTRAINED)
