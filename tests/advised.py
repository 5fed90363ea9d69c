"""A recommendation as the engine leaves it to the dispatcher: accepted, asked, queued with its commands."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from core import moves
from core.actions import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core import db

BETWEEN = timedelta(minutes=30)
"""Between two steps of a ramp."""


class Wanted(NamedTuple):
    """One setpoint's change."""

    ref: str
    value: float
    previous: float
    step: int = 1


def queued(
    conn: db.Connection,
    site: str,
    now: datetime,
    wanted: Sequence[Wanted],
    hold: timedelta = timedelta(hours=4),
    due: timedelta = timedelta(minutes=15),
) -> int:
    """Write it down; its number."""
    row = conn.execute(
        "INSERT INTO recommendation (site_id, created_at, expires_at, changes, objective, saving_p10_kw,"
        " saving_p50_kw, saving_p90_kw, attribution, prediction, verdicts, rule, due_at, hold_until)"
        " VALUES (%s, %s, %s, '[]', 'energy', 1, 2, 3, '{}', '{}', '{}', '{}', %s, %s)"
        " RETURNING recommendation_id",
        (site, now, now + hold, now + hold, now + hold),
    ).fetchone()
    assert row
    number: int = row["recommendation_id"]
    with conn.transaction():
        for state, actor in ((State.ACCEPTED, "olga"), (State.PRECHECK, "engine")):
            assert moves.move(conn, number, state, at=now, actor=actor, reason="test", due=now + due)
        for one in wanted:
            _insert(conn, number, site, now, one)
        assert moves.move(
            conn, number, State.QUEUED, at=now, actor="engine", reason="gates passed", due=now + due
        )
    return number


def _insert(conn: db.Connection, number: int, site: str, now: datetime, wanted: Wanted) -> None:
    asset, point = wanted.ref.split("/")
    not_before = now + (wanted.step - 1) * BETWEEN
    conn.execute(
        "INSERT INTO command (command_id, recommendation_id, site_id, asset_id, point, value,"
        " previous_value, created_at, expires_at, kind, step, not_before, lease_s)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, 'set', %s, %s, 900)",
        (
            uuid.uuid4(),
            number,
            site,
            asset,
            point,
            wanted.value,
            wanted.previous,
            now,
            not_before + timedelta(hours=1),
            wanted.step,
            not_before,
        ),
    )


def state_of(conn: db.Connection, number: int) -> State:
    row = conn.execute("SELECT state FROM recommendation WHERE recommendation_id = %s", (number,)).fetchone()
    assert row
    return State(row["state"])


def events_of(conn: db.Connection, number: int) -> list[tuple[str, str]]:
    """Its states in order, each with the reason."""
    found = conn.execute(
        "SELECT to_state, reason FROM recommendation_event WHERE recommendation_id = %s ORDER BY event_id",
        (number,),
    )
    return [(r["to_state"], r["reason"]) for r in found]


def alarms_of(conn: db.Connection, *, ever: bool = False) -> dict[str, int]:
    """Alarms of write-back, the open ones or all: by source, the priority."""
    found = conn.execute(
        "SELECT source, priority FROM alarm"
        " WHERE (%s OR cleared_at IS NULL) AND starts_with(source, 'write.')",
        (ever,),
    )
    return {r["source"]: r["priority"] for r in found}
