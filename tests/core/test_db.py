from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import numpy as np
import psycopg
import pytest

import sql
from core import db
from core.actions import State
from core.errors import InputError, NotReadyError, ServiceError
from core.moves import move
from core.points import PointRef
from core.store import series_sum, span

AT = datetime(2026, 3, 2, tzinfo=UTC)


def test_migrating_twice_changes_nothing(dsn: str) -> None:
    again = db.migrate(dsn)
    assert again.applied == ()
    with db.connect(dsn) as conn:
        assert set(db.applied(conn)) >= {m.name for m in sql.migrations()}


def test_the_server_says_what_it_can(dsn: str, timescale_dsn: str) -> None:
    found = {}
    for name, server in (("plain", dsn), ("apache", timescale_dsn)):
        with db.connect(server) as conn:
            found[name] = db.storage_mode(conn)
    assert found == {"plain": "plain", "apache": "apache"}
    with db.connect(timescale_dsn) as conn:
        rows = conn.execute("SELECT hypertable_name FROM timescaledb_information.hypertables").fetchall()
    assert {r["hypertable_name"] for r in rows} == {"gpu_sample", "reading"}
    assert db.migrate(timescale_dsn).applied == ()


def test_two_at_a_time_migrate_once(server_dsn: str) -> None:
    with psycopg.connect(server_dsn, autocommit=True) as conn:
        conn.execute("CREATE DATABASE migrate_twice")
    own = psycopg.conninfo.make_conninfo(server_dsn, dbname="migrate_twice")
    with ThreadPoolExecutor(4) as workers:
        done = list(workers.map(db.migrate, [own] * 4))
    assert sum(bool(d.applied) for d in done) == 1
    with psycopg.connect(server_dsn, autocommit=True) as conn:
        conn.execute("DROP DATABASE migrate_twice WITH (FORCE)")


def test_a_changed_file_is_refused(dsn: str) -> None:
    with db.connect(dsn) as conn:
        conn.execute("UPDATE migration SET sha256 = 'other' WHERE name = 'migrations/0001_schema.sql'")
    with pytest.raises(InputError, match=r"0001_schema\.sql: found checksum .*; restore the file"):
        db.migrate(dsn)


def test_an_unreachable_server_is_one_sentence() -> None:
    with pytest.raises(ServiceError, match="database not reachable") as caught:
        db.connect("postgresql://nobody@127.0.0.1:1/none")
    assert "\n" not in str(caught.value)


QUERIES = sorted(e.name.removesuffix(".sql") for e in files("sql").joinpath("queries").iterdir())
ONLY_WANTS_VALUES = (
    psycopg.errors.NotNullViolation,
    psycopg.errors.NoDataFound,
    psycopg.errors.RaiseException,
)
"""What the server says of a statement that it has understood, when every parameter is NULL."""


@pytest.mark.parametrize("name", QUERIES)
def test_every_query_file_is_accepted_by_the_server(shared_dsn: str, name: str) -> None:
    text = sql.query(name)
    with db.connect(shared_dsn) as conn:
        with suppress(*ONLY_WANTS_VALUES):
            conn.execute(sql.query("ingest_staging"))  # temporary tables that two of them read
            conn.execute(sql.query("ingest_sample_staging"))
            conn.execute(text, dict.fromkeys(re.findall(r"%\((\w+)\)s", text)))
        conn.rollback()


def _propose(conn: db.Connection) -> int:
    found = conn.execute(
        "INSERT INTO recommendation (site_id, created_at, expires_at, changes, objective, saving_p10_kw,"
        " saving_p50_kw, saving_p90_kw, attribution, prediction, verdicts, rule)"
        " VALUES ('demo', %s, %s, '[]', 'energy', 1, 2, 3, '{}', '{}', '[]', '{}')"
        " RETURNING recommendation_id",
        (AT, AT + timedelta(hours=1)),
    ).fetchone()
    assert found
    return int(found["recommendation_id"])


COMMAND_OF_A_REJECTED_ONE = """
INSERT INTO command
(command_id, recommendation_id, site_id, asset_id, point, value, previous_value, created_at, expires_at)
SELECT gen_random_uuid(), recommendation_id, 'demo', 'hall', 'x', 1, 1, now(), now()
FROM recommendation WHERE state = 'rejected'
"""


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE recommendation SET state = 'applied'",
        "UPDATE recommendation_event SET actor = 'bob'",
        "DELETE FROM recommendation_event",
        COMMAND_OF_A_REJECTED_ONE,
    ],
)
def test_nothing_goes_round_the_life_of_a_recommendation(dsn: str, statement: str) -> None:
    with db.connect(dsn) as conn:
        assert move(conn, _propose(conn), State.REJECTED, at=AT, actor="ann", reason="because")
        conn.commit()
        with pytest.raises(psycopg.errors.RaiseException):
            conn.execute(statement)


def test_series_sum_counts_only_steps_in_which_every_point_was_there(any_dsn: str) -> None:
    refs = (PointRef("a", "power"), PointRef("b", "power"))
    with db.connect(any_dsn) as conn:
        for ref in refs:
            db.rows(
                conn, "register_point", site="s", asset=ref.asset, name=ref.point, unit="W", role="sensor",
                state_class="measurement", source="test",
            )  # fmt: skip
        minute = timedelta(minutes=1)
        values = [(AT, 1, 1.0, 0), (AT + minute, 1, 3.0, 0), (AT, 2, 10.0, 0), (AT + 15 * minute, 1, 5.0, 0)]
        values += [(AT + 2 * minute, 1, 1e9, 0x8000)]
        for time, point, value, status in values:
            conn.execute("INSERT INTO reading (time, point_id, value, status) VALUES (%s, %s, %s, %s)",
                         (time, point, value, status))  # fmt: skip
        series = series_sum(conn, "s", refs, AT, AT + timedelta(minutes=30), timedelta(minutes=15))
        np.testing.assert_allclose(series.values, [12.0, np.nan])
        assert span(conn, "s", refs) == (AT, AT + 15 * minute)
        with pytest.raises(NotReadyError, match="c/power"):
            series_sum(conn, "s", (PointRef("c", "power"),), AT, AT, timedelta(minutes=15))
