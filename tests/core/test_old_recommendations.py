"""Recommendations of a database that is older than leases, in every state that they had."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest

import sql
from core import db, moves
from core.actions import TRANSITIONS, State

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
LEASES = "migrations/0012"
BECOMES = {
    "proposed": "proposed",
    "accepted": "reverted",
    "sent": "reverted",
    "failed": "reverted",
    "applied": "completed",
    "verified": "completed",
    "rejected": "rejected",
    "expired": "expired",
    "superseded": "superseded",
    "withdrawn": "withdrawn",
    "reverted": "reverted",
}


@pytest.fixture
def old_dsn(server_dsn: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A database as the version before leases left it."""
    with psycopg.connect(server_dsn, autocommit=True) as conn:
        conn.execute("CREATE DATABASE before_leases")
    own, all_of = psycopg.conninfo.make_conninfo(server_dsn, dbname="before_leases"), sql.migrations
    with monkeypatch.context() as patch:
        patch.setattr(sql, "migrations", lambda folder: [m for m in all_of(folder) if m.name < LEASES])
        db.migrate(own)
    yield own
    with psycopg.connect(server_dsn, autocommit=True) as conn:
        conn.execute("DROP DATABASE before_leases WITH (FORCE)")


def _old(conn: db.Connection, state: str) -> int:
    """One in that state, with a command that was being sent."""
    row = conn.execute(
        "INSERT INTO recommendation (site_id, state, created_at, expires_at, changes, objective,"
        " saving_p10_kw, saving_p50_kw, saving_p90_kw, attribution, prediction, verdicts, rule)"
        " VALUES ('demo', 'accepted', %s, %s, '[]', 'facility_energy', 1, 2, 3, '{}', '{}', '[]', '{}')"
        " RETURNING recommendation_id",
        (NOW, NOW + timedelta(hours=2)),
    ).fetchone()
    assert row
    number = int(row["recommendation_id"])
    conn.execute(
        "INSERT INTO command (command_id, recommendation_id, site_id, asset_id, point, value, previous_value,"
        " created_at, expires_at, state, sent_at) VALUES (%s, %s, 'demo', 'hall', 'x', 22, 21, %s, %s,"
        " 'sent', %s)",
        (uuid.uuid4(), number, NOW, NOW + timedelta(minutes=5), NOW),
    )
    with conn.transaction():
        conn.execute("SELECT set_config('joulecast.transition', 'on', TRUE)")
        conn.execute("UPDATE recommendation SET state = %s WHERE recommendation_id = %s", (state, number))
    return number


def test_every_old_state_is_carried_over_and_none_is_left_open(old_dsn: str) -> None:
    with db.connect(old_dsn, autocommit=True) as conn:
        steps = conn.execute("SELECT from_state, to_state FROM recommendation_step").fetchall()
        assert {row[side] for row in steps for side in ("from_state", "to_state")} == set(BECOMES)
        numbers = {state: _old(conn, state) for state in BECOMES}
    db.migrate(old_dsn)
    with db.connect(old_dsn, autocommit=True) as conn:
        found = {
            row["recommendation_id"]: row for row in conn.execute("SELECT * FROM recommendation").fetchall()
        }
        assert {was: found[number]["state"] for was, number in numbers.items()} == BECOMES
        for was, number in numbers.items():
            row = found[number]
            open_ = State(row["state"]) in TRANSITIONS
            assert open_ == (was == "proposed")
            assert (row["due_at"] is not None) == open_
            events = conn.execute(
                "SELECT from_state, to_state FROM recommendation_event WHERE recommendation_id = %s",
                (number,),
            ).fetchall()
            moved = [(was, BECOMES[was])] if was != BECOMES[was] else []
            assert [(e["from_state"], e["to_state"]) for e in events] == moved
        assert db.rows(conn, "ingest_messages", site="demo", now=NOW) == []  # nothing unsigned goes out
        end = NOW + timedelta(hours=2)
        assert moves.move(conn, numbers["proposed"], State.EXPIRED, at=end, actor="guard", reason="late")
