"""Fixtures in common: a real PostgreSQL, a real broker, the demo site, a clock that only tests move."""

from __future__ import annotations

import itertools
import os
from contextlib import contextmanager
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
    from collections.abc import Generator, Iterator

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DEMO_SITE = Path(joulecast.__file__).parent / "demo" / "site.toml"
SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"
_numbers = itertools.count(1)
os.environ.pop("COLUMNS", None)  # pytest-xdist gives its processes 80, and tables would be cut


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes minutes comes first, so that no process is left with it at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where everything is installed, nothing is skipped: with CI=true a skip is a failure."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true":
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome, report.longrepr = "failed", f"skipped, which in CI is a failure: {reason}"
    return report


@pytest.fixture(scope="session")
def server_dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One real PostgreSQL server for the whole run."""
    embedded = pytest.importorskip("joulecast.embedded")
    with embedded.Postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server.dsn


@pytest.fixture(scope="session")
def timescale_server_dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One real TimescaleDB for the whole run, ours or a given one; skips where there is neither."""
    if given := os.environ.get("JOULECAST_TEST_DSN"):
        yield given
        return
    embedded = pytest.importorskip("joulecast.embedded")
    folder = os.environ.get("TIMESCALE_BIN")
    if not folder:
        pytest.skip(
            "no TimescaleDB: neither does TIMESCALE_BIN name a folder of its PostgreSQL's programs, nor"
            " JOULECAST_TEST_DSN a server"
        )
    config = ("shared_preload_libraries = 'timescaledb'", "timescaledb.telemetry_level = off")
    data = tmp_path_factory.mktemp("timescale")
    with embedded.Postgres(data, bin_dir=Path(folder), config=config) as server:
        yield server.dsn


@contextmanager
def _database(server: str, template: str = "") -> Iterator[str]:
    """An empty database for a while, or a copy of another, by its DSN."""
    name = f"joulecast_test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as conn:
        conn.execute(f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{template}"' if template else ""))
    try:
        yield psycopg.conninfo.make_conninfo(server, dbname=name)
    finally:
        with psycopg.connect(server, autocommit=True) as conn:
            conn.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _template(server: str) -> Iterator[str]:
    """The name of a migrated database that nobody is connected to: a copy is faster than migrating."""
    with _database(server) as dsn:
        db.migrate(dsn)
        name = str(psycopg.conninfo.conninfo_to_dict(dsn)["dbname"])
        with psycopg.connect(server, autocommit=True) as conn:
            conn.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        yield name


@pytest.fixture(scope="session")
def template(server_dsn: str) -> Iterator[str]:
    """The migrated database on plain PostgreSQL that tests get copies of."""
    yield from _template(server_dsn)


@pytest.fixture(scope="session")
def timescale_template(timescale_server_dsn: str) -> Iterator[str]:
    """The migrated database with TimescaleDB that tests get copies of."""
    yield from _template(timescale_server_dsn)


@pytest.fixture
def dsn(server_dsn: str, template: str) -> Iterator[str]:
    """A database of one's own on plain PostgreSQL, migrated."""
    with _database(server_dsn, template) as own:
        yield own


@pytest.fixture(scope="module")
def module_dsn(server_dsn: str, template: str) -> Iterator[str]:
    """A migrated database for the tests of one file."""
    with _database(server_dsn, template) as own:
        yield own


@pytest.fixture(scope="session")
def shared_dsn(server_dsn: str, template: str) -> Iterator[str]:
    """A migrated database for tests that leave it as it was."""
    with _database(server_dsn, template) as shared:
        yield shared


@pytest.fixture
def timescale_dsn(timescale_server_dsn: str, timescale_template: str) -> Iterator[str]:
    """A database of one's own with TimescaleDB, migrated."""
    with _database(timescale_server_dsn, timescale_template) as own:
        yield own


@pytest.fixture(params=["plain", "timescale"])
def any_dsn(request: pytest.FixtureRequest) -> str:
    """The same test on plain PostgreSQL and on TimescaleDB."""
    return str(request.getfixturevalue("dsn" if request.param == "plain" else "timescale_dsn"))


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
