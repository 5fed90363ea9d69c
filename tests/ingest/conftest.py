"""Fixtures of this room: a site of one's own on the common broker, and the service running on it."""

from __future__ import annotations

import itertools
import logging
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests_of_ingest import PATIENCE_S, Heard
from write_back import World

import joulecast
from core import db
from core.clock import SystemClock
from core.jobs import Context
from core.settings import Settings
from core.site import Site, load_site
from ingest import worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from core.clock import Clock, ManualClock

_numbers = itertools.count(1)


@pytest.fixture
def site_file(tmp_path: Path) -> Path:
    """The demo site under an id that nobody else publishes to, with a mapped topic."""
    demo = (Path(joulecast.__file__).parent / "demo" / "site.toml").read_text(encoding="utf-8")
    path = tmp_path / "site.toml"
    number = next(_numbers)
    mapped = f'[[topics]]\ntopic = "shelly/{number}/power"\npoint = "ups/power"\nunit = "kW"\n'
    path.write_text(demo.replace('id = "demo"', f'id = "site{number}"') + mapped, encoding="utf-8")
    return path


@pytest.fixture
def plant(site_file: Path) -> Site:
    return load_site(site_file)


@pytest.fixture
def conn(dsn: str) -> Iterator[db.Connection]:
    with db.connect(dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def world(dsn: str, conn: db.Connection, plant: Site, clock: ManualClock, tmp_path: Path) -> Iterator[World]:
    """Both sides of write-back."""
    found = World(dsn, conn, plant, clock, tmp_path)
    yield found
    found.close()


@pytest.fixture
def serving(
    dsn: str, broker_url: str, plant: Site
) -> Callable[[Clock | None], AbstractContextManager[Context]]:
    """The service's own work in a thread, subscribed when the block begins and ended when it ends."""

    @contextmanager
    def run(clock: Clock | None = None) -> Iterator[Context]:
        settings = Settings(dsn=dsn, broker=broker_url, ingest_client_id=f"ingest-of-{plant.id}")
        context = Context(settings, plant, clock or SystemClock(), dsn)
        stop, heard, logger = threading.Event(), Heard("subscribed"), logging.getLogger("ingest.subscriber")
        logger.addHandler(heard)
        logger.setLevel(logging.INFO)
        thread = threading.Thread(target=worker.run, args=(context, stop))
        thread.start()
        try:
            assert heard.event.wait(PATIENCE_S)
            yield context
        finally:
            stop.set()
            thread.join(PATIENCE_S)
            logger.removeHandler(heard)
        assert not thread.is_alive()

    return run
