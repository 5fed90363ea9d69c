"""Accounts, keys and the record, from the command line; and who a fresh start begins with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from core import audit, db
from joulecast import cli, up
from ui.access import accounts, passwords

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def say(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a verb against the test's database; status and what it printed."""
    monkeypatch.setenv("JOULECAST_DSN", dsn)
    monkeypatch.setenv("JOULECAST_DATA_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        status = cli.run(list(arguments))
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def ok(said: tuple[int, str, str]) -> Any:
    assert said[0] == 0, said
    return json.loads(said[1])


def test_an_account_from_its_first_day_to_its_last(say: Any, dsn: str) -> None:
    made = ok(say("user", "add", "Ann", "--role", "operator", "--display", "Ann Example", "--json"))
    assert made["user"] == "ann"
    with db.connect(dsn) as conn:
        row = db.row(conn, "user_peek", name="ann")
    assert row is not None
    assert row["must_change"]
    assert passwords.right(row["password_hash"], made["one_time_password"])
    again = ok(say("user", "password", "ann", "--json"))
    assert again["one_time_password"] != made["one_time_password"]
    ok(say("user", "role", "ann", "engineer", "--json"))
    ok(say("user", "disable", "ann", "--json"))
    listed = ok(say("user", "list", "--json"))
    assert [(u["user_name"], u["role"], u["display_name"]) for u in listed] == [
        ("ann", "engineer", "Ann Example")
    ]
    assert listed[0]["disabled_at"]
    ok(say("user", "enable", "ann", "--json"))
    record = ok(say("audit", "list", "--json"))
    assert [row["what"] for row in reversed(record)] == [
        "user.add",
        "user.password",
        "user.role",
        "user.disable",
        "user.enable",
        "user.password",
    ]
    assert {row["source"] for row in record} == {"command line"}
    assert all(row["actor"] for row in record)


def test_people_read_tables_and_a_password_once(say: Any) -> None:
    status, out, _ = say("user", "add", "ann", "--role", "viewer")
    password = out.split("password ")[1].split()[0]
    assert status == 0
    assert len(password) == 23
    for verb in (("user", "list"), ("audit", "list"), ("key", "list"), ("audit", "verify")):
        status, out, _ = say(*verb)
        assert status == 0
        assert password not in out
    assert "1 rows, each as it was written" in out


def test_keys(say: Any) -> None:
    made = ok(say("key", "add", "grafana", "--scope", "view", "--scope", "export", "--json"))
    assert made["secret"].startswith("jck_")
    listed = ok(say("key", "list", "--json"))
    assert [(k["key_name"], k["scopes"], k["revoked_at"]) for k in listed] == [
        ("grafana", ["export", "view"], None)
    ]
    assert made["secret"] not in json.dumps(listed)
    ok(say("key", "revoke", "grafana", "--json"))
    assert ok(say("key", "list", "--json"))[0]["revoked_at"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("user", "add", "ann", "--role", "boss"), "role: found 'boss'; allowed is viewer, operator"),
        (
            ("user", "add", "Ann Example", "--role", "viewer"),
            "name: found 'Ann Example'; allowed is 2 to 40 of",
        ),
        (("user", "add", "ann"), "Missing option '--role'"),
        (("user", "password", "nobody"), "user: found 'nobody'"),
        (("user", "role", "nobody", "viewer"), "user: found 'nobody'"),
        (("user", "disable", "nobody"), "user: found 'nobody'"),
        (("key", "add", "k1", "--scope", "advice.decide"), "scope: found advice.decide"),
        (("key", "add", "k1", "--scope", "fly", "--role", "operator"), "scope: found fly"),
        (("key", "revoke", "k9"), "key: found 'k9'; allowed is none"),
        (("audit", "list", "--limit", "0"), "--limit"),
    ],
)
def test_bad_input_is_one_sentence(say: Any, arguments: tuple[str, ...], said: str) -> None:
    status, out, err = say(*arguments)
    assert status == 2
    assert out == ""
    assert said in err
    assert len(err.strip().splitlines()) == 1


def test_an_edited_record_ends_the_check_with_the_row(say: Any, dsn: str) -> None:
    for name in ("ann", "bob", "carl"):
        ok(say("user", "add", name, "--role", "viewer", "--json"))
    head = ok(say("audit", "verify", "--json"))["head"]
    ok(say("audit", "verify", "--head", head, "--json"))
    with db.connect(dsn) as conn:
        conn.execute("ALTER TABLE audit DISABLE TRIGGER ALL")
        conn.execute("UPDATE audit SET new = 'admin' WHERE audit_id = 2")
        conn.execute("ALTER TABLE audit ENABLE TRIGGER ALL")
    status, _, err = say("audit", "verify")
    assert status == 1
    assert "row 2 was edited" in err
    status, out, _ = say("audit", "verify", "--json")
    assert (status, json.loads(out)["faults"]) == (1, ["row 2 was edited"])


@pytest.mark.parametrize(
    ("is_demo", "names"), [(True, ["admin", "engineer", "operator"]), (False, ["admin"])]
)
def test_a_first_start_makes_who_begins_and_a_second_one_nobody(
    dsn: str, names: list[str], *, is_demo: bool
) -> None:
    lines: list[str] = []
    up._first_accounts(dsn, lines.append, is_demo=is_demo)
    said = dict(line.split() for line in lines[1:])
    assert sorted(said) == names
    with db.connect(dsn) as conn:
        for name, password in said.items():
            row = db.row(conn, "user_peek", name=name)
            assert row is not None
            assert row["must_change"]
            assert row["role"] == name
            assert passwords.right(row["password_hash"], password)
        assert audit.verify(conn).rows == len(names)
    lines.clear()
    up._first_accounts(dsn, lines.append, is_demo=is_demo)
    assert lines == []


def test_nobody_is_made_where_somebody_was_made_by_hand(dsn: str) -> None:
    with db.connect(dsn) as conn:
        accounts.add(conn, audit.operator_of_this_machine(), "ann", "admin")
    lines: list[str] = []
    up._first_accounts(dsn, lines.append, is_demo=True)
    assert lines == []
