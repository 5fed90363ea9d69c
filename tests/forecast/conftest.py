"""What a job of this room gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core import jobs
from core.settings import Settings
from core.site import Forecasts

if TYPE_CHECKING:
    from core.clock import ManualClock
    from core.site import Site


@pytest.fixture
def context(dsn: str, site: Site, clock: ManualClock) -> jobs.Context:
    """A database of one's own, the demo with the targets that every site has, a clock that the test moves."""
    return jobs.Context(Settings(dsn=dsn), site.model_copy(update={"forecast": Forecasts()}), clock, dsn)
