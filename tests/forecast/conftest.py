"""What a job of this room gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core import jobs
from core.settings import Settings

if TYPE_CHECKING:
    from core.clock import ManualClock
    from core.site import Site


@pytest.fixture
def context(dsn: str, site: Site, clock: ManualClock) -> jobs.Context:
    """A database of one's own, the demo plant, a clock that only the test moves."""
    return jobs.Context(Settings(dsn=dsn), site, clock, dsn)
