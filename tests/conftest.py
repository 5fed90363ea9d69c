"""Fixtures in common: a real PostgreSQL, a real broker, the demo site, a clock that only tests move."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

import joulecast
from core import db
from core.clock import ManualClock
from core.site import Site, load_site

if TYPE_CHECKING:
    from collections.abc import Iterator

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DEMO_SITE = Path(joulecast.__file__).parent / "demo" / "site.toml"
SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server_dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One real PostgreSQL server for the whole run."""
    embedded = pytest.importorskip("joulecast.embedded")
    with embedded.Postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server.dsn


@pytest.fixture
def dsn(server_dsn: str) -> Iterator[str]:
    """A database of one's own on that server, migrated."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(server_dsn, autocommit=True) as conn:
        conn.execute(f'CREATE DATABASE "{name}"')
    own = psycopg.conninfo.make_conninfo(server_dsn, dbname=name)
    db.migrate(own)
    yield own
    with psycopg.connect(server_dsn, autocommit=True) as conn:
        conn.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def broker_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One real MQTT broker for the whole run."""
    embedded = pytest.importorskip("joulecast.embedded")
    with embedded.Broker(tmp_path_factory.mktemp("broker")) as broker:
        yield broker.url


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands at noon."""
    return ManualClock(NOON)


@pytest.fixture(scope="session")
def site() -> Site:
    """The demo plant's description."""
    return load_site(DEMO_SITE)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets; skips where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("no ../shared/data beside this checkout")
    return SHARED_DATA
