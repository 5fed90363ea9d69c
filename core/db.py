"""The database: connections, queries by name, migrations.

The only module that opens connections; others import psycopg for its exceptions alone.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool, PoolTimeout

import sql
from core.errors import InputError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Connection = psycopg.Connection[DictRow]
Pool = ConnectionPool[Connection]
Row = dict[str, Any]
Error = psycopg.Error
"""What any use of a connection may raise; for rooms that have to say so in their own words."""
UniqueViolation = psycopg.errors.UniqueViolation
QueryCanceled = psycopg.errors.QueryCanceled
NoConnection = PoolTimeout

SCHEMA: Final = "joulecast"
CONNECT_TIMEOUT_S: Final = 10
RECONNECT_S: Final = 10.0
"""So long a pool tries before the next one who asks begins anew; its pauses would grow to minutes."""
MIGRATION_LOCK: Final = 7_505_001
"""Key of the advisory lock under which migrations run; any constant that nobody else uses."""
OLDEST_POSTGRESQL: Final = 150_000

_OPTIONS: Final = f"-c search_path={SCHEMA},public -c timezone=UTC -c jit=off"


def connect(dsn: str, *, autocommit: bool = False) -> Connection:
    """Open a connection whose rows are dicts, in the project's schema, in UTC.

    Raises:
        ServiceError: the server cannot be reached.
    """
    try:
        return psycopg.connect(
            dsn,
            autocommit=autocommit,
            row_factory=dict_row,
            options=_OPTIONS,
            connect_timeout=CONNECT_TIMEOUT_S,
        )
    except psycopg.OperationalError as error:
        raise ServiceError(f"database not reachable: {str(error).strip().splitlines()[-1]}") from error


@contextmanager
def pool(dsn: str, *, size: int = 4, statement_s: float = 0.0) -> Iterator[Pool]:
    """A pool of connections as `connect` opens them, checked before use, closed at the end.

    Args:
        dsn: the server.
        size: most connections at once.
        statement_s: the server ends a statement that takes longer, with `QueryCanceled` [s]; 0: none is.
    """
    options = f"{_OPTIONS} -c statement_timeout={statement_s * 1000:.0f}"
    kwargs = {"row_factory": dict_row, "options": options, "connect_timeout": CONNECT_TIMEOUT_S}
    with ConnectionPool(
        dsn,
        connection_class=Connection,
        kwargs=kwargs,
        min_size=1,
        max_size=size,
        check=ConnectionPool.check_connection,
        reconnect_timeout=RECONNECT_S,
        open=True,
    ) as connections:
        yield connections


def rows(conn: Connection, name: str, /, **parameters: Any) -> list[Row]:
    """Run ``sql/queries/<name>.sql`` and return its rows; [] for one that returns none."""
    cursor = conn.execute(sql.query(name), parameters)
    return cursor.fetchall() if cursor.description else []


def row(conn: Connection, name: str, /, **parameters: Any) -> Row | None:
    """Run a query by name and return its first row, or None."""
    found = rows(conn, name, **parameters)
    return found[0] if found else None


def json(value: Any) -> Jsonb:
    """Mark a value to be stored as jsonb."""
    return Jsonb(value)


@dataclass(frozen=True, slots=True)
class Migrated:
    """What `migrate` found and did."""

    applied: tuple[str, ...]
    """Files applied now; empty where all were there already."""
    mode: str
    """``plain``, ``apache`` or ``timescale``: what the server can do for time series."""


def migrate(dsn: str) -> Migrated:
    """Bring the schema up to date: idempotent, one transaction, one at a time.

    Raises:
        InputError: a file that was applied has been changed since, or the server is too old.
        ServiceError: the server cannot be reached.
    """
    with connect(dsn) as conn:
        if conn.info.server_version < OLDEST_POSTGRESQL:
            raise InputError(
                "PostgreSQL",
                found=str(conn.info.server_version),
                allowed="15 or later",
                do="upgrade the server",
            )
        conn.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
        conn.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        conn.execute(
            "CREATE TABLE IF NOT EXISTS migration (name text PRIMARY KEY, sha256 text NOT NULL, "
            "applied_at timestamptz NOT NULL DEFAULT now())"
        )
        applied = _apply(conn, "migrations")
        mode = _extension(conn)
        for folder in schema_folders(mode)[1:]:
            applied += _apply(conn, folder)
    return Migrated(applied, mode)


def schema_folders(mode: str) -> tuple[str, ...]:
    """Folders of `sql` whose files make up the schema in a storage mode, in the order to apply them."""
    if mode == "plain":
        return ("migrations", "plain")
    if mode == "timescale":
        return ("migrations", "timescale", "timescale/community")
    return ("migrations", "timescale")


def _apply(conn: Connection, folder: str) -> tuple[str, ...]:
    done = {r["name"]: r["sha256"] for r in conn.execute("SELECT name, sha256 FROM migration")}
    fresh = []
    for file in sql.migrations(folder):
        if file.name not in done:
            conn.execute(file.text)
            conn.execute("INSERT INTO migration (name, sha256) VALUES (%s, %s)", (file.name, file.sha256))
            fresh.append(file.name)
        elif done[file.name] != file.sha256:
            raise InputError(
                f"sql/{file.name}",
                found=f"checksum {file.sha256[:12]}",
                allowed=f"{done[file.name][:12]}, as it was applied",
                do="restore the file and put the change into a new one",
            )
    return tuple(fresh)


def _extension(conn: Connection) -> str:
    if _is_partitioned(conn):
        return "plain"
    available = conn.execute(
        "SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb'"
        " AND current_setting('shared_preload_libraries') LIKE '%timescaledb%'"
    ).fetchone()
    if available:
        try:
            with conn.transaction():
                conn.execute("CREATE EXTENSION IF NOT EXISTS timescaledb SCHEMA public")
        except psycopg.errors.InsufficientPrivilege:
            return storage_mode(conn)
    return storage_mode(conn)


def _is_partitioned(conn: Connection) -> bool:
    """Whether readings lie in PostgreSQL's own partitions, which TimescaleDB cannot take over."""
    found = conn.execute(
        "SELECT 1 FROM pg_class WHERE oid = to_regclass(%s) AND relkind = 'p'", (f"{SCHEMA}.reading",)
    ).fetchone()
    return found is not None


def storage_mode(conn: Connection) -> str:
    """``plain``, ``apache`` or ``timescale`` (the Community edition): how readings are kept.

    As found on this server when its schema was made: readings in native partitions stay plain.
    """
    if _is_partitioned(conn):
        return "plain"
    found = conn.execute("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'").fetchone()
    if not found:
        return "plain"
    license_row = conn.execute("SELECT current_setting('timescaledb.license', true) AS license").fetchone()
    return str(license_row["license"] or "apache") if license_row else "apache"


def applied(conn: Connection) -> Mapping[str, str]:
    """The migrations in force, name to checksum; empty on a database never migrated."""
    there = conn.execute("SELECT to_regclass(%s) AS found", (f"{SCHEMA}.migration",)).fetchone()
    if not there or there["found"] is None:
        return {}
    return {r["name"]: r["sha256"] for r in conn.execute("SELECT name, sha256 FROM migration ORDER BY name")}
