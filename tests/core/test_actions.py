"""The life of a recommendation as the database has it and as the code has it."""

from __future__ import annotations

import ast
import itertools
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

import joulecast
from core import db
from core.actions import ON_THE_WAY, TIME_LIMITS, TRANSITIONS, WHEN_DUE, State
from core.clock import ScaledClock
from core.moves import move

if TYPE_CHECKING:
    from core.clock import ManualClock

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=2)
QUERIES = Path(joulecast.__file__).parents[1] / "sql" / "queries"
IN_PLANT = frozenset(
    {State.SENT, State.ACKED, State.APPLIED, State.RAMPING, State.HOLDING, State.RELEASING}
    | {State.FAILED, State.REVERTING, State.REVERT_FAILED}
)
"""States in which the plant may be holding the advised value."""


def made(conn: db.Connection, state: State = State.PROPOSED) -> int:
    row = conn.execute(
        "INSERT INTO recommendation (site_id, state, created_at, expires_at, changes, objective,"
        " saving_p10_kw, saving_p50_kw, saving_p90_kw, attribution, prediction, verdicts, rule)"
        " VALUES ('demo', %s, %s, %s, '[]', 'facility_energy', 1, 2, 3, '{}', '{}', '[]', '{}')"
        " RETURNING recommendation_id",
        (state.value, NOW, LATER),
    ).fetchone()
    assert row is not None
    return int(row["recommendation_id"])


def test_code_and_database_have_the_same_steps(dsn: str) -> None:
    with db.connect(dsn) as conn:
        rows = conn.execute("SELECT from_state, to_state, when_due FROM recommendation_step").fetchall()
    steps = {(State(row["from_state"]), State(row["to_state"])) for row in rows}
    assert steps == {(was, wanted) for was, to in TRANSITIONS.items() for wanted in to}
    due = {(State(row["from_state"]), State(row["to_state"])) for row in rows if row["when_due"]}
    assert due == set(WHEN_DUE.items())


def test_whatever_waits_ends_by_itself() -> None:
    assert set(WHEN_DUE) == set(TRANSITIONS) - {State.REVERT_FAILED}
    assert set(TIME_LIMITS) == set(WHEN_DUE) - {State.SNOOZED, State.HOLDING}
    for state, wanted in WHEN_DUE.items():
        assert wanted in TRANSITIONS[state]
    for state in TRANSITIONS:
        seen, now = set(), state
        while now in WHEN_DUE:
            assert now not in seen
            seen.add(now)
            now = WHEN_DUE[now]
        assert now not in TRANSITIONS or now is State.REVERT_FAILED


def test_whatever_is_in_the_plant_can_only_leave_it_by_way_of_the_plant() -> None:
    for state in IN_PLANT:
        assert TRANSITIONS[state] <= IN_PLANT | {State.COMPLETED, State.REVERTED}


def test_the_query_of_what_is_under_way_names_the_same_states() -> None:
    text = (QUERIES / "twin_under_way.sql").read_text(encoding="utf-8")
    found = ast.literal_eval("(" + text.split("IN (")[1].split(")")[0] + ",)")
    assert {State(name) for name in found} == ON_THE_WAY


def test_every_other_step_is_refused_and_put_on_record(dsn: str) -> None:
    with db.connect(dsn) as conn:
        for was, wanted in itertools.product(State, State):
            number = made(conn, was)
            done = move(conn, number, wanted, at=NOW, actor="Ada", reason="to see", due=LATER)
            assert done == (wanted in TRANSITIONS.get(was, ()))
            (event,) = conn.execute(
                "SELECT * FROM recommendation_event WHERE recommendation_id = %s", (number,)
            ).fetchall()
            assert event["to_state"] == (wanted if done else was)
            assert done or event["detail"] == {"refused": wanted.value}


def test_a_step_without_a_time_limit_is_none(dsn: str) -> None:
    with db.connect(dsn) as conn:
        number = made(conn)
        with pytest.raises(psycopg.Error, match="needs a time by which"):
            move(conn, number, State.ACCEPTED, at=NOW, actor="Ada", reason="yes")


def test_the_version_only_grows(dsn: str) -> None:
    with db.connect(dsn) as conn:
        number = made(conn)
        assert not move(conn, number, State.REJECTED, at=NOW, actor="Ada", reason="no", version=2)
        assert move(conn, number, State.REJECTED, at=NOW, actor="Ada", reason="no", version=1)
        with pytest.raises(psycopg.Error, match="only grows"):
            conn.execute("UPDATE recommendation SET version = 1")


def test_of_many_at_once_one_wins(dsn: str) -> None:
    with db.connect(dsn) as conn:
        number = made(conn)
    done = []
    together = threading.Barrier(4)

    def step(name: str) -> None:
        with db.connect(dsn) as conn:
            together.wait()
            done.append(
                move(conn, number, State.ACCEPTED, at=NOW, actor=name, reason="", due=LATER, version=1)
            )

    threads = [threading.Thread(target=step, args=(f"user {i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [False, False, False, True]
    with db.connect(dsn) as conn:
        assert len(conn.execute("SELECT * FROM recommendation_event").fetchall()) == 1


def test_time_limits_leave_people_time_where_the_clock_runs_fast(clock: ManualClock) -> None:
    limit = TIME_LIMITS[State.ACCEPTED]
    assert limit.of(clock) == timedelta(seconds=60)
    assert limit.of(ScaledClock(NOW, NOW, 60.0)) == timedelta(seconds=3600)
    assert limit.after(clock) == clock.now() + timedelta(seconds=60)
