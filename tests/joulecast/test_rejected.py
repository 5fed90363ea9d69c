"""What was refused is listed, shown, and read again once site.toml says how."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from watching import run

from core import db
from core.clock import ManualClock
from core.errors import InputError
from core.site import Site, load_site
from ingest import rejected, storage
from ingest.batch import TIMELESS, Message, Refusal
from ingest.rejected import Filter
from joulecast.verbs.common import DEMO_SITE

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MAPPED = '[[topics]]\ntopic = "plant/ch1/kw"\ncodec = "bare"\npoint = "ups/power"\nunit = "kW"\n'
UNMAPPED = "topic 'plant/ch1/kw' is not mapped in site.toml"


@pytest.fixture
def conn(dsn: str) -> Iterator[db.Connection]:
    with db.connect(dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def site_file(tmp_path: Path) -> Path:
    path = tmp_path / "site.toml"
    path.write_text(DEMO_SITE.read_text(encoding="utf-8") + MAPPED, encoding="utf-8")
    return path


@pytest.fixture
def mapped(site_file: Path) -> Site:
    return load_site(site_file)


def refuse(conn: db.Connection, topic: str, payload: bytes, reason: str, minutes: int = 0) -> None:
    at = NOON + timedelta(minutes=minutes)
    with conn.transaction():
        storage.save_refusals(conn, [Refusal(Message(topic, payload, at), reason)], at)


def readings(conn: db.Connection) -> list[tuple[str, str, datetime, float]]:
    found = conn.execute("SELECT asset_id, name, time, value FROM reading_named ORDER BY time, asset_id")
    return [(r["asset_id"], r["name"], r["time"], r["value"]) for r in found]


def clock() -> ManualClock:
    return ManualClock(NOON + timedelta(hours=1))


def test_what_a_new_mapping_reads_is_stored_and_off_the_list(conn: db.Connection, mapped: Site) -> None:
    refuse(conn, "plant/ch1/kw", b"1.5", UNMAPPED)
    refuse(conn, "plant/ch1/kw", b"2.5", UNMAPPED, minutes=1)
    refuse(conn, "plant/ch2/kw", b"3.5", "topic 'plant/ch2/kw' is not mapped in site.toml")
    done = rejected.replay(conn, mapped, Filter(), clock())
    assert (done.messages, done.accepted, done.still_refused) == (3, 2, 1)
    assert (done.readings, done.stored, done.duplicate) == (2, 2, 0)
    assert readings(conn) == [
        ("ups", "power", NOON, 1500.0),
        ("ups", "power", NOON + timedelta(minutes=1), 2500.0),
    ]
    assert [r.topic for r in rejected.listed(conn, Filter(), 9)] == ["plant/ch2/kw"]
    again = rejected.replay(conn, mapped, Filter(), clock())
    assert (again.messages, again.accepted, again.stored) == (1, 0, 0)


def test_what_is_there_already_is_a_duplicate(conn: db.Connection, mapped: Site) -> None:
    for _ in range(2):
        refuse(conn, "plant/ch1/kw", b"1.5", UNMAPPED)
        done = rejected.replay(conn, mapped, Filter(), clock())
        assert done.accepted == 1
    assert (done.stored, done.duplicate) == (0, 1)
    assert len(readings(conn)) == 1


def test_a_part_is_stored_and_the_rest_stays_with_todays_reason(conn: db.Connection, mapped: Site) -> None:
    payload = json.dumps(
        {"power": [1000.0, "much"], "time": [NOON.isoformat(), (NOON + timedelta(minutes=1)).isoformat()]}
    ).encode()
    refuse(conn, f"joulecast/{mapped.id}/ups", payload, "of old")
    refuse(conn, f"joulecast/{mapped.id}/ups/power", b'{"value": "much"}', "of old")
    done = rejected.replay(conn, mapped, Filter(), clock())
    assert (done.messages, done.accepted, done.still_refused) == (2, 0, 2)
    found = rejected.listed(conn, Filter(), 9)
    assert all(row.reason != "of old" for row in found)
    assert [row.seen for row in found] == [1, 1], "looking again is no arrival"


def test_filters(conn: db.Connection, mapped: Site) -> None:
    refuse(conn, "plant/ch1/kw", b"1.5", UNMAPPED)
    refuse(conn, "other", b"x", "something else")
    assert [r.topic for r in rejected.listed(conn, Filter(topic="CH1"), 9)] == ["plant/ch1/kw"]
    assert [r.topic for r in rejected.listed(conn, Filter(reason="Something"), 9)] == ["other"]
    assert rejected.replay(conn, mapped, Filter(topic="other"), clock()).messages == 1
    assert rejected.replay(conn, mapped, Filter(reason="NOT MAPPED"), clock()).accepted == 1


def test_what_cannot_be_dated_or_is_a_files_or_a_late_answer_stays(conn: db.Connection, mapped: Site) -> None:
    refuse(conn, "plant/ch1/kw", b"1.5", TIMELESS)
    refuse(conn, "import/log.csv", b"line 12", "power 'much' is no number")
    refuse(conn, f"joulecast/{mapped.id}/$ack/ups/power", b"{}", "no acknowledgement")
    refuse(conn, f"joulecast/{mapped.id}/$ack/ups/power", _ANSWER, "of old")
    refuse(conn, "\ufffd", b"\xff\x00", "broken")
    done = rejected.replay(conn, mapped, Filter(), clock())
    assert (done.messages, done.accepted, done.still_refused, done.stored) == (5, 0, 5, 0)
    reasons = {row.topic: row.reason for row in rejected.listed(conn, Filter(), 9)}
    assert reasons["import/log.csv"] == "power 'much' is no number"


_ANSWER = b'{"command_id": "00000000-0000-0000-0000-000000000001", "accepted": true}'


def test_many_are_read_page_by_page(
    conn: db.Connection, mapped: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rejected, "PAGE", 3)
    for i in range(8):
        refuse(conn, "plant/ch1/kw", str(i).encode(), UNMAPPED, minutes=i // 2)
    progress: list[tuple[int, int]] = []
    done = rejected.replay(conn, mapped, Filter(), clock(), lambda *p: progress.append(p))
    assert progress == [(3, 8), (6, 8), (8, 8)]
    assert (done.accepted, done.stored, done.duplicate) == (8, 4, 4)
    assert rejected.listed(conn, Filter(), 9) == []


def test_one_is_shown_by_the_beginning_of_its_name(conn: db.Connection) -> None:
    refuse(conn, "plant/ch1/kw", b"\xff1", UNMAPPED)
    (row,) = rejected.listed(conn, Filter(), 9)
    assert (row.payload_bytes, row.seen, row.first_at, row.last_at) == (2, 1, NOON, NOON)
    found = rejected.shown(conn, row.name)
    assert found.name.startswith(row.name)
    assert (found.topic, found.payload, found.payload_bytes) == ("plant/ch1/kw", "\\xff1", 2)
    for wrong in ("", "zzzz", row.name[:3], "0" * 65):
        with pytest.raises(InputError, match="none"):
            rejected.shown(conn, wrong)


def _run(folder: Path, dsn: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(folder, "rejected", *arguments, JOULECAST_DSN=dsn)


def test_the_command(site_file: Path, dsn: str, conn: db.Connection) -> None:
    folder = site_file.parent
    assert "nothing was refused" in _run(folder, dsn, "list").stdout
    refuse(conn, "plant/ch1/kw", b"1.5", UNMAPPED)
    (row,) = json.loads(_run(folder, dsn, "list", "--json").stdout)
    assert (row["topic"], row["reason"], row["payload_bytes"]) == ("plant/ch1/kw", UNMAPPED, 3)
    listed = _run(folder, dsn, "list", "--topic", "ch1").stdout.splitlines()
    assert listed[0].startswith(f"{row['name']}  plant/ch1/kw  3 bytes  1x, first 2026-03-02 12:00:00")
    assert listed[1].strip() == UNMAPPED
    text = _run(folder, dsn, "show", row["name"]).stdout
    assert "payload: '1.5'" in text
    assert json.loads(_run(folder, dsn, "show", row["name"], "--json").stdout)["payload"] == "1.5"
    absent = _run(folder, dsn, "show", "ffffffffff")
    assert absent.returncode == 2
    assert len(absent.stderr.strip().splitlines()) == 1
    done = json.loads(_run(folder, dsn, "replay", "--reason", "mapped", "--json").stdout)
    assert (done["accepted"], done["stored"]) == (1, 1)
    assert json.loads(_run(folder, dsn, "list", "--json").stdout) == []
