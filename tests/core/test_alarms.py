"""The life of an alarm as the database has it and as the code has it."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

import sql
from core import alarms, db
from core.actions import Setpoint
from core.alarms import State, Verb
from core.errors import InputError
from ingest import alarms as reading
from ingest import commands, notify
from twin.advise import guard
from twin.advise.record import suspension_source

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SITE = "demo"
BACK = frozenset({State.UNACKNOWLEDGED, State.ACKNOWLEDGED, State.NORMAL})

STEPS: dict[State, dict[Verb, frozenset[State]]] = {
    State.UNACKNOWLEDGED: {
        Verb.ACKNOWLEDGE: frozenset({State.ACKNOWLEDGED}),
        Verb.CLEAR: frozenset({State.RETURNED}),
        Verb.SHELVE: frozenset({State.SHELVED}),
        Verb.SUPPRESS: frozenset({State.SUPPRESSED}),
        Verb.TAKE_OUT: frozenset({State.OUT_OF_SERVICE}),
    },
    State.ACKNOWLEDGED: {
        Verb.CLEAR: frozenset({State.NORMAL}),
        Verb.SHELVE: frozenset({State.SHELVED}),
        Verb.SUPPRESS: frozenset({State.SUPPRESSED}),
        Verb.TAKE_OUT: frozenset({State.OUT_OF_SERVICE}),
    },
    State.RETURNED: {
        Verb.ACKNOWLEDGE: frozenset({State.NORMAL}),
        Verb.FOLLOW: frozenset({State.NORMAL}),
        Verb.TAKE_OUT: frozenset({State.OUT_OF_SERVICE}),
    },
    **{
        state: {
            Verb.ACKNOWLEDGE: frozenset({state}),
            Verb.CLEAR: frozenset({state}),
            Verb.RESTORE: BACK,
            Verb.FOLLOW: frozenset({State.NORMAL}),
        }
        for state in (State.SHELVED, State.SUPPRESSED, State.OUT_OF_SERVICE)
    },
}
"""What can happen in each state, and what may come of it; the database refuses everything else."""

SUPPRESSED_BY = {"forecast.data.": "reading.silent", "write.edge.": "write.broker"}
"""By the beginning of a source, that of the alarm that is its cause: it is suppressed while that stands."""


@pytest.fixture
def conn(dsn: str) -> Iterator[db.Connection]:
    with db.connect(dsn, autocommit=True) as connection:
        yield connection


def raised(conn: db.Connection, source: str = "write.failed.7", at: datetime = NOW, priority: int = 2) -> int:
    """Raise an alarm as the producers do; its number."""
    db.rows(
        conn, "twin_raise_alarm", site=SITE, source=source, priority=priority, message=f"{source} is ill",
        action="See to it", now=at,
    )  # fmt: skip
    return int(one(conn, "SELECT max(alarm_id) AS n FROM alarm WHERE source = %s", source)["n"])


def cleared(conn: db.Connection, source: str = "write.failed.7", at: datetime = NOW) -> None:
    db.rows(conn, "twin_clear_alarm", site=SITE, source=source, now=at)


def acted(
    conn: db.Connection,
    number: int,
    verb: Verb,
    *,
    at: datetime = NOW,
    until: datetime | None = None,
    reason: str = "to see",
) -> bool:
    return alarms.act(conn, SITE, number, verb, at=at, actor="Ada", reason=reason, until=until)


def one(conn: db.Connection, text: str, *values: Any) -> db.Row:
    row = conn.execute(text, values).fetchone()
    assert row is not None
    return row


def state(conn: db.Connection, number: int) -> State:
    return State(one(conn, "SELECT state FROM alarm WHERE alarm_id = %s", number)["state"])


def brought(conn: db.Connection, wanted: State) -> int:
    """An alarm in a state, by the way that leads there."""
    source = {State.SUPPRESSED: "write.edge.1"}.get(wanted, "write.failed.7")
    number = raised(conn, source)
    if wanted is State.SUPPRESSED:
        raised(conn, "write.broker")
    if wanted in {State.ACKNOWLEDGED, State.NORMAL}:
        assert acted(conn, number, Verb.ACKNOWLEDGE)
    if wanted in {State.RETURNED, State.NORMAL}:
        cleared(conn)
    if wanted is State.SHELVED:
        assert acted(conn, number, Verb.SHELVE, until=NOW + HOUR)
    if wanted is State.OUT_OF_SERVICE:
        assert acted(conn, number, Verb.TAKE_OUT)
    assert state(conn, number) is wanted
    return number


def test_the_database_has_the_steps_of_the_standard_and_ours_by_design(conn: db.Connection) -> None:
    rows = conn.execute("SELECT from_state, verb, to_state FROM alarm_step").fetchall()
    assert {(State(r["from_state"]), Verb(r["verb"]), State(r["to_state"])) for r in rows} == {
        (was, verb, to) for was, verbs in STEPS.items() for verb, ends in verbs.items() for to in ends
    }
    design = conn.execute("SELECT prefix, cause FROM alarm_design").fetchall()
    assert {row["prefix"]: row["cause"] for row in design} == SUPPRESSED_BY


def test_every_step_is_as_the_table_says_or_refused_and_put_on_record(conn: db.Connection) -> None:
    for was, verb in itertools.product(State, set(Verb) - {Verb.COMMENT, Verb.CLEAR}):
        with conn.transaction(force_rollback=True):
            number = brought(conn, was)
            allowed = STEPS.get(was, {}).get(verb)
            assert acted(conn, number, verb, until=NOW + HOUR if verb is Verb.SHELVE else None) == bool(
                allowed
            )
            assert state(conn, number) in (allowed or {was}), (was, verb)
            last = one(conn, "SELECT * FROM alarm_event WHERE alarm_id = %s ORDER BY event_id DESC", number)
            assert last["verb"] == (verb.value if allowed else "refused")
            assert (last["from_state"], last["to_state"], last["actor"]) == (was, state(conn, number), "Ada")


def test_what_is_over_goes_where_the_table_says(conn: db.Connection) -> None:
    for was in set(State) - {State.NORMAL, State.RETURNED}:
        with conn.transaction(force_rollback=True):
            number = brought(conn, was)
            cleared(conn, "write.edge.1" if was is State.SUPPRESSED else "write.failed.7")
            assert {state(conn, number)} == STEPS[was][Verb.CLEAR], was


def test_a_state_changes_only_by_the_function_and_events_are_for_ever(conn: db.Connection) -> None:
    number = raised(conn)
    for forbidden in (
        "UPDATE alarm SET state = 'normal'",
        "UPDATE alarm SET withheld_until = now()",
        "UPDATE alarm_event SET actor = 'Eve'",
        "DELETE FROM alarm_event",
    ):
        with pytest.raises(psycopg.errors.RaiseException):
            conn.execute(forbidden)
    cleared(conn)
    with pytest.raises(psycopg.errors.RaiseException, match="stays"):
        conn.execute("UPDATE alarm SET cleared_at = NULL")
    assert state(conn, number) is State.RETURNED


def test_an_alarm_without_an_action_is_refused(conn: db.Connection) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="alarm_has_an_action"):
        conn.execute(
            "INSERT INTO alarm (site_id, source, priority, message, action, raised_at)"
            " VALUES ('demo', 'x', 1, 'ill', ' ', now())"
        )


def test_raised_again_the_next_one_goes_on_in_the_place_of_the_last(conn: db.Connection) -> None:
    first = raised(conn)
    assert raised(conn) == first, "while it stands there is only one"
    cleared(conn, at=NOW + MINUTE)
    second = raised(conn, at=NOW + 2 * MINUTE)
    assert second != first
    assert (state(conn, first), state(conn, second)) == (State.NORMAL, State.UNACKNOWLEDGED)


def test_what_is_shelved_stays_away_while_it_comes_and_goes_and_comes_back_by_itself(
    conn: db.Connection,
) -> None:
    first = raised(conn)
    assert acted(conn, first, Verb.SHELVE, until=NOW + HOUR, reason="sensor is being cleaned")
    cleared(conn, at=NOW + MINUTE)
    second = raised(conn, at=NOW + 2 * MINUTE)
    assert (state(conn, first), state(conn, second)) == (State.NORMAL, State.SHELVED)
    row = one(conn, "SELECT * FROM alarm WHERE alarm_id = %s", second)
    assert (row["withheld_until"], row["withheld_by"]) == (NOW + HOUR, "Ada")
    assert row["withheld_reason"] == "sensor is being cleaned"
    assert alarms.wake(conn, SITE, NOW + HOUR - MINUTE) == 0
    assert alarms.wake(conn, SITE, NOW + HOUR) == 1
    assert state(conn, second) is State.UNACKNOWLEDGED
    assert one(conn, "SELECT withheld_by FROM alarm WHERE alarm_id = %s", second)["withheld_by"] is None


def test_what_is_over_when_its_time_on_the_shelf_ends_is_normal_and_the_next_one_asks(
    conn: db.Connection,
) -> None:
    first = raised(conn)
    assert acted(conn, first, Verb.SHELVE, until=NOW + HOUR)
    cleared(conn)
    assert alarms.wake(conn, SITE, NOW + HOUR) == 1
    assert state(conn, first) is State.NORMAL
    assert state(conn, raised(conn, at=NOW + HOUR)) is State.UNACKNOWLEDGED


def test_a_time_on_the_shelf_that_nobody_ended_does_not_reach_the_next_one(conn: db.Connection) -> None:
    first = raised(conn)
    assert acted(conn, first, Verb.SHELVE, until=NOW + HOUR)
    cleared(conn)
    assert state(conn, raised(conn, at=NOW + 2 * HOUR)) is State.UNACKNOWLEDGED


def test_what_is_out_of_service_stays_so_until_somebody_puts_it_back(conn: db.Connection) -> None:
    first = raised(conn)
    assert acted(conn, first, Verb.TAKE_OUT, reason="being replaced")
    cleared(conn)
    second = raised(conn, at=NOW + 100 * HOUR)
    assert state(conn, second) is State.OUT_OF_SERVICE
    assert acted(conn, second, Verb.RESTORE)
    assert state(conn, second) is State.UNACKNOWLEDGED


@pytest.mark.parametrize("cause_first", [True, False])
def test_a_consequence_is_suppressed_while_its_cause_stands(
    conn: db.Connection, *, cause_first: bool
) -> None:
    sources = ["write.broker", "write.edge.gate-1"]
    found = {source: raised(conn, source) for source in (sources if cause_first else sources[::-1])}
    assert state(conn, found["write.edge.gate-1"]) is State.SUPPRESSED
    assert state(conn, found["write.broker"]) is State.UNACKNOWLEDGED
    cleared(conn, "write.broker", NOW + MINUTE)
    assert state(conn, found["write.edge.gate-1"]) is State.UNACKNOWLEDGED


@pytest.mark.parametrize("verb", [Verb.SHELVE, Verb.TAKE_OUT])
def test_a_cause_that_nobody_sees_suppresses_nothing(conn: db.Connection, verb: Verb) -> None:
    cause, before = raised(conn, "write.broker"), raised(conn, "write.edge.gate-1")
    assert state(conn, before) is State.SUPPRESSED
    assert acted(conn, cause, verb, until=NOW + HOUR if verb is Verb.SHELVE else None)
    after = raised(conn, "write.edge.gate-2")
    assert {state(conn, number) for number in (before, after)} == {State.UNACKNOWLEDGED}
    cleared(conn, "write.broker")
    assert state(conn, raised(conn, "write.broker")) in alarms.WITHHELD, "it stays put aside"
    assert {state(conn, number) for number in (before, after)} == {State.UNACKNOWLEDGED}


@pytest.mark.parametrize("verb", [Verb.SHELVE, Verb.TAKE_OUT])
def test_a_graver_one_of_the_source_was_not_put_aside(conn: db.Connection, verb: Verb) -> None:
    assert acted(conn, raised(conn), verb, until=NOW + HOUR if verb is Verb.SHELVE else None)
    cleared(conn)
    again = raised(conn)
    assert state(conn, again) in alarms.WITHHELD
    cleared(conn)
    graver = raised(conn, priority=1)
    assert state(conn, graver) is State.UNACKNOWLEDGED
    assert state(conn, again) is State.NORMAL


@pytest.mark.parametrize("until", [None, NOW, NOW + 8 * HOUR + MINUTE])
def test_nothing_is_shelved_for_longer_than_a_shift(conn: db.Connection, until: datetime | None) -> None:
    number = raised(conn)
    with pytest.raises(InputError, match="time to shelve"):
        acted(conn, number, Verb.SHELVE, until=until)
    with pytest.raises(psycopg.errors.RaiseException, match="at most 8 hours"):
        conn.execute("SELECT alarm_act(%s, 'shelve', %s, 'Eve', 'why', %s)", (number, NOW, until))
    assert state(conn, number) is State.UNACKNOWLEDGED


def test_there_is_no_such_alarm_at_another_site(conn: db.Connection) -> None:
    number = raised(conn)
    with pytest.raises(InputError, match="joulecast alarm list"):
        alarms.act(conn, "elsewhere", number, Verb.ACKNOWLEDGE, at=NOW, actor="Ada", reason="")


def test_a_comment_changes_nothing_and_is_kept(conn: db.Connection) -> None:
    number = raised(conn)
    assert acted(conn, number, Verb.COMMENT, reason="called the plant")
    assert state(conn, number) is State.UNACKNOWLEDGED
    event = one(conn, "SELECT * FROM alarm_event WHERE verb = 'comment'")
    assert (event["reason"], event["actor"]) == ("called the plant", "Ada")


def test_every_source_that_the_code_raises_is_described(conn: db.Connection) -> None:
    families = [
        *(f"{reading.PREFIX}{mark[0]}." for mark in reading._MARKED.values()),
        f"{reading.PREFIX}silent", f"{reading.OFFLINE}offline.", *(commands.FAILED, commands.REVERT),
        *(commands.BROKER, commands.EDGE, notify.FAILED, guard.INLET, guard.TAKEN_BACK, guard.REVERT_FAILED),
        *(suspension_source(setpoint) for setpoint in Setpoint),
    ]  # fmt: skip
    nobody_knows = described(conn, "anything.new")
    for source in families:
        kind = described(conn, f"{source}x")
        assert all(kind.values())
        assert kind != nobody_knows, source
    assert described(conn, "reading.silent") != described(conn, "reading.silent.rack-1/x")


def described(conn: db.Connection, source: str) -> db.Row:
    """What comes with an alarm of this source."""
    number = raised(conn, source)
    wanted = "SELECT kind, cause, consequence, respond_s, owner FROM alarm WHERE alarm_id = %s"
    return one(conn, wanted, number)


def test_alarms_of_before_keep_who_looked_and_what_is_over_is_over(server_dsn: str) -> None:
    with psycopg.connect(server_dsn, autocommit=True) as admin:
        admin.execute("CREATE DATABASE older_alarms")
    try:
        dsn = psycopg.conninfo.make_conninfo(server_dsn, dbname="older_alarms")
        with db.connect(dsn) as conn:
            conn.execute(f"CREATE SCHEMA {db.SCHEMA}")
            for file in sql.migrations("migrations"):
                if file.name.startswith("migrations/0016"):
                    conn.execute(
                        "INSERT INTO alarm (site_id, source, priority, message, action, raised_at,"
                        " cleared_at, acknowledged_at, acknowledged_by) VALUES"
                        " ('demo', 'bms.offline.1', 2, 'm', ' ', %(t)s, NULL, NULL, NULL),"
                        " ('demo', 'write.broker', 2, 'm', 'a', %(t)s, NULL, %(t)s, 'Ada'),"
                        " ('demo', 'write.broker', 2, 'm', 'a', %(t)s, %(t)s, NULL, NULL)",
                        {"t": NOW},
                    )
                    conn.execute(file.text)
                    break
                conn.execute(file.text)
            rows = conn.execute(
                "SELECT state, owner, respond_s, action FROM alarm ORDER BY alarm_id"
            ).fetchall()
            events = conn.execute("SELECT alarm_id, verb, to_state FROM alarm_event").fetchall()
        assert [row["state"] for row in rows] == ["unacknowledged", "acknowledged", "normal"]
        assert all(row["owner"] == "operator" and row["respond_s"] == 900 and row["action"] for row in rows)
        assert sorted((event["alarm_id"], event["verb"]) for event in events) == [
            (1, "raise"), (2, "acknowledge"), (2, "raise"), (3, "clear"), (3, "raise"),
        ]  # fmt: skip
    finally:
        with psycopg.connect(server_dsn, autocommit=True) as admin:
            admin.execute("DROP DATABASE older_alarms WITH (FORCE)")
