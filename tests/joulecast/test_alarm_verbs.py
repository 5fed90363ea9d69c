"""The verbs of alarms do what the page's buttons do, and refuse in one sentence."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from core import audit, db
from joulecast import cli
from joulecast.verbs.common import DEMO_SITE

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def say(
    dsn: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, Any]]:
    """Run a verb on the test's database; its exit status and what it printed."""
    monkeypatch.setenv("JOULECAST_DSN", dsn)
    monkeypatch.setenv("JOULECAST_SITE_FILE", str(DEMO_SITE))

    def run(*arguments: str) -> tuple[int, Any]:
        capsys.readouterr()
        status = cli.run([*arguments, "--json"])
        printed = capsys.readouterr()
        return status, json.loads(printed.out or printed.err)

    return run


@pytest.fixture
def number(dsn: str) -> int:
    """An alarm that nobody has seen."""
    with db.connect(dsn) as conn:
        db.rows(
            conn, "ingest_raise_alarms", site="demo", sources=["write.broker"], priorities=[2],
            messages=["it is down"], actions=["See to it"], now=datetime.now(UTC) - timedelta(hours=1),
        )  # fmt: skip
        row = conn.execute("SELECT alarm_id FROM alarm").fetchone()
    assert row
    return int(row["alarm_id"])


def states(say: Callable[..., tuple[int, Any]]) -> list[str]:
    status, rows = say("alarm", "list")
    assert status == 0
    return [row["state"] for row in rows]


def test_alarms_are_listed_and_acknowledged(say: Callable[..., tuple[int, Any]], number: int) -> None:
    assert states(say) == ["unacknowledged"]
    assert say("alarm", "acknowledge", str(number), "--as", "Ada") == (0, [{"number": number, "ok": True}])
    assert states(say) == ["acknowledged"]
    assert say("alarm", "acknowledge", str(number), "--as", "Ada") == (1, [{"number": number, "ok": False}])


def test_alarms_are_shelved_taken_out_and_brought_back(
    say: Callable[..., tuple[int, Any]], number: int, dsn: str
) -> None:
    signed = (str(number), "--as", "Ada", "--reason", "being replaced")
    assert say("alarm", "shelve", *signed, "--hours", "2")[0] == 0
    assert states(say) == ["shelved"]
    assert say("alarm", "restore", *signed)[1]["message"] == f"alarm {number} brought back"
    assert say("alarm", "out-of-service", *signed)[0] == 0
    assert say("alarm", "comment", *signed)[0] == 0
    assert states(say) == ["out_of_service"]
    status, told = say("alarm", "shelve", *signed, "--hours", "2")
    assert (status, told["ok"]) == (1, False)
    assert "another state" in told["message"]
    with db.connect(dsn) as conn:
        found = audit.listed(conn, audit.Filter(object=f"alarm {number}"), 9)
    verbs = ["alarm.comment", "alarm.take_out", "alarm.restore", "alarm.shelve"]
    assert [e.what for e in found] == verbs, "what was refused is not among it"
    assert {(e.actor, e.source) for e in found} == {(audit.operator_of_this_machine().name, "command line")}
    assert found[0].new.startswith("as Ada (typed by ")


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("shelve", "1", "--as", "Ada", "--reason", "x", "--hours", "9"), "--hours: found 9"),
        (("shelve", "1", "--as", "Ada", "--reason", "x", "--hours", "nan"), "--hours: found nan"),
        (("shelve", "1", "--as", "Ada", "--reason", " ", "--hours", "1"), "--reason: found nothing"),
        (("acknowledge", "1", "--as", " "), "--as: found nothing"),
        (("acknowledge", "99", "--as", "Ada"), "alarm: found 99"),
        (("acknowledge", "9" * 30, "--as", "Ada"), "Invalid value for"),
        (("shelve", "0", "--as", "Ada", "--reason", "x", "--hours", "1"), "Invalid value for"),
    ],
)
def test_bad_input_is_one_sentence(
    say: Callable[..., tuple[int, Any]], arguments: tuple[str, ...], what: str
) -> None:
    status, told = say("alarm", *arguments)
    assert status == 2
    assert told["error"].startswith(what)


def test_a_test_of_messages_says_what_is_not_set_and_what_is_set_wrong(
    say: Callable[..., tuple[int, Any]], monkeypatch: pytest.MonkeyPatch, broker_url: str
) -> None:
    assert say("notify", "test") == (0, [])
    monkeypatch.setenv("JOULECAST_NOTIFY_MQTT", "true")
    monkeypatch.setenv("JOULECAST_BROKER", broker_url)
    assert say("notify", "test") == (0, [{"channel": "mqtt", "ok": True, "said": "sent"}])
    monkeypatch.setenv("JOULECAST_NOTIFY_WEBHOOK", "http://example.org/")
    status, told = say("notify", "test")
    assert status == 2
    assert told["error"].startswith("setting notify_webhook: found http://example.org")
