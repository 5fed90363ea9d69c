"""A demo plant's database: four days of readings, a calibration, a forecast."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from seeded import SeededPlant, seed

from core.jobs import Context
from core.settings import Settings

if TYPE_CHECKING:
    from core.clock import ManualClock
    from core.site import Site


@pytest.fixture
def plant(dsn: str, site: Site, clock: ManualClock) -> SeededPlant:
    """Readings, calibration and a forecast ten minutes old."""
    made = seed(dsn, site, clock.now())
    made.calibrate()
    made.forecast(clock.now() - timedelta(minutes=10))
    return made


@pytest.fixture
def context(dsn: str, site: Site, clock: ManualClock) -> Context:
    """What a job gets."""
    return Context(Settings(dsn=dsn), site, clock, dsn)
