"""A source on a real, seeded database, and the application on it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import seed

from core.jobs import Context
from core.settings import Settings
from ui import app as ui_app
from ui.data.source import open_source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dash import Dash

    from core.clock import ManualClock
    from core.site import Site
    from ui.data import Source


@pytest.fixture
def context(dsn: str, site: Site, clock: ManualClock) -> Context:
    return Context(Settings(dsn=dsn), site, clock, dsn)


@pytest.fixture
def empty_source(context: Context) -> Iterator[Source]:
    """On a database with nothing in it."""
    source = open_source(context)
    yield source
    source.close()


@pytest.fixture
def seeded(context: Context) -> seed.Seeded:
    """A database with 26 h of readings and everything else."""
    return seed.everything(context.dsn, context.site, context.clock.now(), timedelta(hours=26))


@pytest.fixture
def source(context: Context, seeded: seed.Seeded) -> Iterator[Source]:
    """On that database."""
    del seeded
    source = open_source(context)
    yield source
    source.close()


@pytest.fixture
def app(context: Context) -> Iterator[Dash]:
    """The whole application, on a database with nothing in it unless `seeded` is asked for too."""
    found = ui_app.create_app(context)
    yield found
    ui_app.close(found)
