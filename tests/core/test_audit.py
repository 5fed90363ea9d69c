"""The record of changes: a chain that shows every edit."""

from __future__ import annotations

import os
import pwd
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from core import audit, db
from core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

WHO = audit.Who("ann", "engineer", "10.0.0.7")


@pytest.fixture
def conn(dsn: str) -> Iterator[db.Connection]:
    with db.connect(dsn, autocommit=True) as connection:
        yield connection


def fill(conn: db.Connection, count: int) -> None:
    for i in range(count):
        audit.add(conn, WHO, "limit.change", f"point {i}", old="24", new=f"{i} °C", reason="hot, day: 1")


def tamper(conn: db.Connection, statement: str | sql.Composed, *values: object) -> None:
    """As somebody who owns the database and switches its triggers off."""
    with conn.transaction():
        conn.execute("ALTER TABLE audit DISABLE TRIGGER ALL")
        conn.execute(statement, values)
        conn.execute("ALTER TABLE audit ENABLE TRIGGER ALL")


def test_rows_follow_from_one_another_and_verify(conn: db.Connection) -> None:
    assert audit.verify(conn) == audit.Verified(0, "", ())
    fill(conn, 5)
    found = audit.verify(conn)
    assert (found.ok, found.rows) == (True, 5)
    newest = audit.listed(conn, audit.Filter(), 2)
    assert [row.audit_id for row in newest] == [5, 4]
    assert newest[0].actor == "ann"
    assert newest[0].new == "4 °C"


@pytest.mark.parametrize("statement", ["UPDATE audit SET reason = ''", "DELETE FROM audit", "TRUNCATE audit"])
def test_no_row_is_changed_or_taken_away(conn: db.Connection, statement: str) -> None:
    fill(conn, 2)
    with pytest.raises(psycopg.errors.RaiseException, match="its rows are for ever"):
        conn.execute(statement)
    assert audit.verify(conn).rows == 2


@pytest.mark.parametrize("column", ["actor", "role", "source", "what", "object", "old", "new", "reason"])
def test_one_byte_that_is_edited_is_found(conn: db.Connection, column: str) -> None:
    fill(conn, 5)
    edit = sql.SQL("UPDATE audit SET {0} = {0} || ' ' WHERE audit_id = 3").format(sql.Identifier(column))
    tamper(conn, edit)
    assert audit.verify(conn).faults == ("row 3 was edited",)


def test_a_time_that_is_edited_is_found(conn: db.Connection) -> None:
    fill(conn, 3)
    tamper(conn, "UPDATE audit SET at = at + interval '1 microsecond' WHERE audit_id = 2")
    assert audit.verify(conn).faults == ("row 2 was edited",)


def test_text_that_moves_from_one_field_to_the_next_is_found(conn: db.Connection) -> None:
    audit.add(conn, WHO, "a", "b", old="12", new="3")
    tamper(conn, "UPDATE audit SET old = '1', new = '23'")
    assert audit.verify(conn).faults == ("row 1 was edited",)


def test_an_edit_whose_hash_is_made_anew_breaks_the_chain_behind_it(conn: db.Connection) -> None:
    fill(conn, 5)
    tamper(conn, "UPDATE audit SET actor = 'eve' WHERE audit_id = 3")
    row = next(r for r in db.rows(conn, "audit_chain", after=2, count=1))
    tamper(conn, "UPDATE audit SET hash = %s WHERE audit_id = 3", audit._hash(row))
    assert audit.verify(conn).faults == ("row 4 does not follow from row 3: one of the two was replaced",)


def test_rows_taken_out_are_found(conn: db.Connection) -> None:
    fill(conn, 6)
    tamper(conn, "DELETE FROM audit WHERE audit_id IN (3, 4)")
    assert audit.verify(conn).faults == ("rows 3 to 4 are missing",)


def test_an_end_cut_off_is_found_by_whoever_kept_the_newest_hash(conn: db.Connection) -> None:
    fill(conn, 4)
    kept = audit.verify(conn).head
    fill(conn, 2)
    assert audit.verify(conn, kept).ok
    tamper(conn, "DELETE FROM audit WHERE audit_id >= 4")
    assert audit.verify(conn).ok  # nothing in the chain itself shows it
    assert "cut off" in audit.verify(conn, kept).faults[0]


def test_number_time_and_hash_are_the_databases_whatever_the_writer_says(conn: db.Connection) -> None:
    fill(conn, 1)
    conn.execute(
        "INSERT INTO audit VALUES (77, '2001-01-01', 'eve', 'admin', 's', 'w', 'o', '', '', '', 'x', 'x')"
    )
    newest = audit.listed(conn, audit.Filter(), 1)[0]
    assert newest.audit_id == 2
    assert newest.at.year > 2001
    assert audit.verify(conn).ok


def test_many_writers_at_once_make_one_chain(dsn: str, conn: db.Connection) -> None:
    def write() -> None:
        with db.connect(dsn) as own:
            for _ in range(10):
                with own.transaction():
                    fill(own, 1)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = audit.verify(conn)
    assert (found.rows, found.faults) == (40, ())


def test_what_is_rolled_back_leaves_no_gap(dsn: str, conn: db.Connection) -> None:
    fill(conn, 1)
    with db.connect(dsn) as own:
        fill(own, 1)
        own.rollback()
    fill(conn, 1)
    assert audit.verify(conn) == audit.Verified(2, audit.verify(conn).head, ())


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(), st.text(), st.text(max_size=20))
def test_whatever_the_text_the_hash_is_worked_out_alike(
    conn: db.Connection, actor: str, reason: str, old: str
) -> None:
    audit.add(conn, audit.Who(actor, "viewer", "x"), "w", "o", old=old, reason=reason)
    assert audit.verify(conn).ok


def test_a_long_text_is_cut_with_a_mark(conn: db.Connection) -> None:
    audit.add(conn, WHO, "w", "o", reason="x" * 5000)
    kept = audit.listed(conn, audit.Filter(), 1)[0].reason
    assert len(kept) == audit.FIELD_MAX
    assert kept.endswith("…")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Ada", "ada", True),
        ("Ada", "Bea", False),
        ("Ada (typed by root)", "Bea (typed by root)", True),
        ("Ada (typed by root)", "ada", True),
        ("Ada (typed by bea)", "Bea", True),
        ("Ada (typed by root)", "Bea (typed by carl)", False),
        ("Ada (typed by root)", "Ada (typed by carl)", True),
        ("Ada (typed by root)", "Bea", False),
    ],
)
def test_who_may_be_one_person(one: str, other: str, same: bool) -> None:
    assert audit.same_person(one, other) is same
    assert audit.same_person(other, one) is same


def test_whoever_types_is_not_who_a_variable_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "eve")
    own = pwd.getpwuid(os.getuid()).pw_name
    assert audit.operator_of_this_machine().name == own
    assert audit.typed(" Ada ") == f"Ada (typed by {own})"
    for name in ("", " ", "Ada\x00Bea", "Bea (typed by ann)", "A" * 61):
        with pytest.raises(InputError, match="--as: found"):
            audit.typed(name)


def test_what_comes_in_crowds_is_on_record_once(conn: db.Connection) -> None:
    for name, source in (("ann", "a"), ("ann", "a"), ("ann", "b"), ("bob", "a"), ("bob", "b")):
        audit.add_once(conn, audit.Who(name, "", source), "w", f"user {name}", timedelta(minutes=15))
    assert [(e.actor, e.source) for e in audit.listed(conn, audit.Filter(), 9)] == [
        ("bob", "b"),
        ("ann", "a"),
    ]


def test_the_list_is_filtered(conn: db.Connection) -> None:
    fill(conn, 3)
    audit.add(conn, audit.Who("bob", "admin", "x"), "user.add", "user carl")
    some = audit.Filter
    assert len(audit.listed(conn, some(actor="ann"), 10)) == 3
    assert [row.actor for row in audit.listed(conn, some(object="user"), 10)] == ["bob"]
    assert audit.listed(conn, some(object="%"), 10) == ()
    assert audit.listed(conn, some(end=datetime(2020, 1, 1, tzinfo=UTC)), 10) == ()
    assert len(audit.listed(conn, some(start=datetime(2020, 1, 1, tzinfo=UTC)), 10)) == 4
