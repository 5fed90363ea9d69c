"""The verbs of recommendations decide what the page's buttons decide, and refuse in one sentence."""

from __future__ import annotations

import json
import os
import pwd
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from core import audit, db
from joulecast import cli
from joulecast.verbs.common import DEMO_SITE

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime.now(UTC)
ME = audit.operator_of_this_machine()
AIR = "supply_air_temperature"


@pytest.fixture
def say(
    dsn: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, Any]]:
    """Run a verb on the test's database; its exit status and what it printed."""
    monkeypatch.setenv("JOULECAST_DSN", dsn)
    monkeypatch.setenv("JOULECAST_SITE_FILE", str(DEMO_SITE))

    def run(*arguments: str) -> tuple[int, Any]:
        capsys.readouterr()
        status = cli.run(["recommend", *arguments, "--json"])
        printed = capsys.readouterr()
        return status, json.loads(printed.out or printed.err)

    return run


@pytest.fixture
def card(dsn: str) -> int:
    """A recommendation that stands."""
    with db.connect(dsn) as conn:
        row = conn.execute(
            "INSERT INTO recommendation (site_id, created_at, expires_at, changes, objective, saving_p10_kw,"
            " saving_p50_kw, saving_p90_kw, attribution, prediction, verdicts, rule)"
            " VALUES ('demo', %s, %s, %s, 'facility_energy', 8, 10, 12, '{}', '{}', %s, '{}')"
            " RETURNING recommendation_id",
            (
                NOW,
                NOW + timedelta(hours=2),
                db.json([{"setpoint": AIR, "from_c": 21.0, "to_c": 22.0}]),
                db.json([{"gate": "data", "ok": True, "reason": "all good"}]),
            ),
        ).fetchone()
    assert row is not None
    return int(row["recommendation_id"])


def test_what_stands_is_listed_and_shown(say: Callable[..., tuple[int, Any]], card: int) -> None:
    status, rows = say("list")
    assert (status, rows[0]["number"], rows[0]["state"]) == (0, card, "proposed")
    status, row = say("show", str(card))
    assert (status, row["verdicts"][0]["reason"]) == (0, "all good")


def test_a_card_is_put_off_and_turned_down(say: Callable[..., tuple[int, Any]], card: int) -> None:
    status, told = say("snooze", str(card), "--as", "Ada", "--version", "1", "--minutes", "30")
    assert (status, told["ok"]) == (0, True), told
    signed = (str(card), "--as", "Ada", "--reason", "not today")
    status, told = say("reject", *signed, "--version", "9")
    assert (status, "changed meanwhile" in told["message"]) == (1, True), "another version was seen"
    seen = say("show", str(card))[1]["version"]
    status, told = say("reject", *signed, "--version", str(seen))
    assert (status, told["ok"]) == (0, True), told
    _, row = say("show", str(card))
    assert [event["to"] for event in row["events"]] == ["snoozed", "rejected"]
    assert row["events"][-1]["reason"] == "not today"
    assert row["events"][-1]["actor"] == f"Ada (typed by {ME.name})"


def test_every_decision_is_on_record_under_the_account_that_typed_it(
    say: Callable[..., tuple[int, Any]], card: int, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "somebody")  # as anybody may who types
    monkeypatch.setenv("USER", "somebody")
    assert say("reject", str(card), "--as", "Ada", "--version", "1", "--reason", "not today")[0] == 0
    assert say("hold", "--as", "Ada", "--reason", "smoke")[0] == 0
    assert say("hold", "--as", "Ada", "--reason", " ")[0] == 2
    assert say("resume", "--as", "Bea", "--reason", "it was toast")[0] == 0
    assert say("resume", "--as", "Bea", "--reason", "again")[0] == 1
    assert say("authority", AIR, "shadow", "--as", "Ada", "--reason", "no more")[0] == 0
    assert say("objective", "cost", "--as", "Ada", "--reason", "prices")[0] == 0
    with db.connect(dsn) as conn:
        found = list(reversed(audit.listed(conn, audit.Filter(), 99)))
    assert [(e.what, e.object, e.reason) for e in found] == [
        ("advice.reject", f"recommendation {card}", "not today"),
        ("advice.hold", "demo", "smoke"),
        ("advice.resume", "demo", "it was toast"),
        ("advice.authority", AIR, "no more"),
        ("advice.objective", "demo", "prices"),
    ]
    assert {(e.actor, e.source) for e in found} == {(pwd.getpwuid(os.getuid()).pw_name, "command line")}
    with db.connect(dsn) as conn:
        conn.execute("ALTER TABLE audit RENAME TO gone")
    status, told = say("hold", "--as", "Ada", "--reason", "smoke")
    assert (status, told["ok"]) == (0, True), "it was done"
    assert told["message"].endswith("somebody resumes. The audit record could not be written.")
    assert found[2].new.startswith(f"as Bea (typed by {ME.name}): HOLD is off")


def test_nothing_is_accepted_on_a_plant_that_is_not_read(
    say: Callable[..., tuple[int, Any]], card: int
) -> None:
    status, told = say("accept", str(card), "--as", "Ada", "--version", "1")
    assert (status, told["ok"]) == (1, False)
    assert told["message"].startswith("Not accepted:")
    status, told = say("approve", str(card), "--as", "Ada", "--version", "1")
    assert (status, "waits for no second name" in told["message"]) == (1, True)
    status, told = say("revert", str(card), "--as", "Ada", "--reason", "no")
    assert (status, "holds nothing in the plant" in told["message"]) == (1, True)


def test_hold_and_resume(say: Callable[..., tuple[int, Any]], card: int) -> None:
    assert say("hold", "--as", "Ada", "--reason", "smoke")[0] == 0
    assert say("show", str(card))[1]["state"] == "withdrawn"
    assert say("propose")[1]["result"] == f"HOLD by Ada (typed by {ME.name}): nothing is proposed"
    assert say("resume", "--as", "Ada", "--reason", "it was toast")[0] == 0
    assert say("resume", "--as", "Ada", "--reason", "again")[0] == 1


def test_authority_and_objective_are_shown_and_changed(say: Callable[..., tuple[int, Any]]) -> None:
    status, found = say("authority")
    assert status == 0
    assert {(one["setpoint"], one["authority"], one["next"]) for one in found} >= {
        (AIR, "supervised", "auto_bounded")
    }
    status, told = say("authority", AIR, "auto-bounded", "--as", "Ada", "--reason", "it does well")
    assert (status, "30 needed" in told["message"]) == (1, True)
    assert say("authority", AIR, "shadow", "--as", "Ada", "--reason", "no more")[0] == 0
    assert say("objective")[1] == {"objective": "facility_energy"}
    assert say("objective", "cost", "--as", "Ada", "--reason", "prices")[0] == 0
    assert say("objective")[1] == {"objective": "cost"}


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("show", "999"), "999"),
        (("accept", "999", "--as", "Ada", "--version", "1"), "999"),
        (("approve", "999", "--as", " ", "--version", "1"), "--as"),
        (("reject", "1", "--as", "Ada", "--version", "1", "--reason", " "), "--reason"),
        (("snooze", "1", "--as", "Ada", "--version", "1", "--minutes", "2000"), "1440"),
        (("snooze", "1", "--as", "Ada"), "--version"),
        (("hold", "--as", "Ada (typed by Bea)", "--reason", "x"), "letters, digits, spaces"),
        (("hold", "--as", "A" * 61, "--reason", "x"), "at most 60"),
        (("hold", "--as", "", "--reason", "x"), "--as"),
        (("authority", "fan_speed", "shadow", "--as", "Ada", "--reason", "x"), AIR),
        (("authority", AIR, "--as", "Ada", "--reason", "x"), "auto_bounded"),
        (("objective", "pue", "--as", "Ada", "--reason", "x"), "facility_energy, cost, carbon"),
        (("objective", "carbon"), "--as"),
    ],
)
def test_bad_input_is_one_sentence(
    say: Callable[..., tuple[int, Any]], arguments: tuple[str, ...], word: str
) -> None:
    status, said = say(*arguments)
    assert status == 2
    assert word in json.dumps(said)


def test_savings_are_told_with_their_interval(
    say: Callable[..., tuple[int, Any]], dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, found = say("savings")
    assert (status, found["total"]["days"], found["days"]) == (0, 0, [])
    with db.connect(dsn) as conn:
        conn.execute(
            "INSERT INTO saving_day VALUES ('demo', '2026-03-02', %s, %s, 1000, 8, 10, 12.5, 1.5, 4, -20,"
            " 1, 1, NULL, %s)",
            (NOW, NOW, NOW),
        )
    status, found = say("savings")
    assert status == 0
    assert found["total"]["saving_kwh"] == {"p10": 8.0, "p50": 10.0, "p90": 12.5}
    assert found["days"][0]["water_p50_l"] == -20
    assert cli.run(["recommend", "savings"]) == 0
    assert "10.0 kWh (8.0 to 12.5, p10 to p90) on 1 day(s), 1.0%" in capsys.readouterr().out
