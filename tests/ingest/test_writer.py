"""The writer on a real database: everything counted once, nothing lost, nothing twice, whatever happens."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests_of_ingest import counter

from core import db
from core.jobs import Context
from core.points import Status
from core.settings import Settings
from ingest import storage
from ingest.batch import Assembler, Batch, Message
from ingest.codec.base import Decoded
from ingest.jobs import REJECTED_DAYS, prune_rejected
from ingest.storage import Counts
from ingest.writer import Stopped, Writer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from core.clock import ManualClock
    from core.site import Site


@pytest.fixture
def writer(dsn: str, plant: Site, clock: ManualClock) -> Iterator[Writer]:
    found = Writer(dsn, plant.id, clock, threading.Event(), client_id="test")
    yield found
    found.close()


def batch_of(plant: Site, clock: ManualClock, *messages: tuple[str, object]) -> Batch:
    batch, assembler = Batch(), Assembler(plant, clock.now)
    for topic, payload in messages:
        raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        assembler.add(batch, Message(topic.replace("SITE", plant.id), raw, clock.now()))
    return batch


def powers(start: datetime, *values: float) -> dict[str, object]:
    times = [(start + timedelta(seconds=i)).isoformat() for i in range(len(values))]
    return {"time": times, "values": {"power": list(values)}}


def stored(conn: db.Connection) -> list[float]:
    return [r["value"] for r in conn.execute("SELECT value FROM reading ORDER BY point_id, time")]


def check_sums(writer: Writer, conn: db.Connection) -> None:
    c = writer.counts
    assert c.received == c.stored + c.duplicate + c.rejected + c.filtered
    assert counter(conn, "test") == asdict(c)
    assert len(stored(conn)) == c.stored


def test_new_readings_are_stored(
    writer: Writer, conn: db.Connection, plant: Site, clock: ManualClock
) -> None:
    batch = batch_of(plant, clock, ("joulecast/SITE/crah-1", powers(clock.now(), 1, 2, 3)))
    assert writer.write(batch) == Counts(received=3, stored=3)
    assert stored(conn) == [1, 2, 3]
    check_sums(writer, conn)


def test_a_redelivered_message_changes_nothing(
    writer: Writer, conn: db.Connection, plant: Site, clock: ManualClock
) -> None:
    for expected in (Counts(3, 3), Counts(3, 0, 3), Counts(3, 0, 3)):
        batch = batch_of(plant, clock, ("joulecast/SITE/crah-1", powers(clock.now(), 1, 2, 3)))
        assert writer.write(batch) == expected
    check_sums(writer, conn)


def test_of_two_values_for_one_time_the_first_wins(
    writer: Writer, conn: db.Connection, plant: Site, clock: ManualClock
) -> None:
    first = ("joulecast/SITE/crah-1", powers(clock.now(), 1))
    second = ("joulecast/SITE/crah-1", powers(clock.now(), 99, 2))
    assert writer.write(batch_of(plant, clock, first, second)) == Counts(3, 2, 1)
    assert writer.write(batch_of(plant, clock, second)) == Counts(2, 0, 2)
    assert stored(conn) == [1, 2]
    check_sums(writer, conn)


def test_late_readings_are_kept_and_the_latest_stays_the_latest(
    writer: Writer, conn: db.Connection, plant: Site, clock: ManualClock
) -> None:
    writer.write(batch_of(plant, clock, ("joulecast/SITE/crah-1", powers(clock.now(), 5, 6))))
    early = clock.now() - timedelta(hours=1)
    writer.write(batch_of(plant, clock, ("joulecast/SITE/crah-1", powers(early, 1, 2))))
    assert stored(conn) == [1, 2, 5, 6]
    latest = conn.execute("SELECT value, time FROM reading_latest").fetchall()
    assert latest == [{"value": 6.0, "time": clock.now() + timedelta(seconds=1)}]


def test_out_of_range_is_marked_and_kept(
    writer: Writer, conn: db.Connection, plant: Site, clock: ManualClock
) -> None:
    writer.write(batch_of(plant, clock, ("joulecast/SITE/rack-1/inlet_temperature", {"value": 900})))
    rows = conn.execute("SELECT value, status FROM reading").fetchall()
    assert rows == [{"value": 900.0, "status": Status.BAD_OUT_OF_RANGE}]


def test_a_mapped_topic(writer: Writer, conn: db.Connection, plant: Site, clock: ManualClock) -> None:
    writer.write(batch_of(plant, clock, (plant.topics[0].topic, b"1.5")))
    row = db.row(conn, "latest", site=plant.id)
    assert row is not None
    assert (row["ref"], row["value"], row["unit"]) == ("ups/power", 1500.0, "W")


def test_what_cannot_be_read_is_kept_once_and_counted(
    writer: Writer, conn: db.Connection, plant: Site, clock: ManualClock
) -> None:
    nul = ("joulecast/SITE/crah-1/power", b'{"value": "\x00\xff"}')
    mixed = ("joulecast/SITE/crah-1", {"values": {"power": 7, "colour": 1, "energy": "many"}})
    unmapped = ("some\x00where", b"1")
    for _ in range(3):
        writer.write(batch_of(plant, clock, nul, mixed, unmapped, nul))
        clock.advance(timedelta(minutes=1))
    rows = conn.execute("SELECT * FROM reading_rejected ORDER BY topic").fetchall()
    assert [row["seen"] for row in rows] == [3, 6, 3]
    assert rows[0]["payload"] == json.dumps(mixed[1]).encode()
    assert "colour" in rows[0]["reason"]
    assert "energy" in rows[0]["reason"]
    assert rows[1]["last_at"] - rows[1]["first_at"] == timedelta(minutes=2)
    assert writer.counts == Counts(received=18, stored=3, rejected=15)
    check_sums(writer, conn)


def test_refused_messages_are_forgotten_after_a_month(
    writer: Writer, plant: Site, clock: ManualClock, dsn: str
) -> None:
    writer.write(batch_of(plant, clock, ("nowhere", b"1")))
    context = Context(Settings(dsn=dsn), plant, clock, dsn)
    assert prune_rejected(context).startswith("forgot 0")
    clock.advance(timedelta(days=REJECTED_DAYS, seconds=1))
    assert prune_rejected(context).startswith("forgot 1")


@pytest.mark.parametrize("duplicates", [False, True])
def test_the_one_reading_that_the_database_refuses_is_found(
    writer: Writer, conn: db.Connection, plant: Site, clock: ManualClock, *, duplicates: bool
) -> None:
    conn.execute("ALTER TABLE reading ADD CONSTRAINT unlucky CHECK (value <> 13)")
    if duplicates:
        writer.write(batch_of(plant, clock, ("joulecast/SITE/crah-2", powers(clock.now(), 0, 1))))
    batch = batch_of(
        plant,
        clock,
        ("joulecast/SITE/crah-1", powers(clock.now(), *range(10))),
        ("nobody/knows", b"1"),
        ("joulecast/SITE/crah-2", powers(clock.now(), *range(20))),
    )
    again = 2 if duplicates else 0
    assert writer.write(batch) == Counts(received=31, stored=29 - again, duplicate=again, rejected=2)
    rows = conn.execute("SELECT topic, reason FROM reading_rejected ORDER BY topic").fetchall()
    assert rows[0]["topic"] == f"joulecast/{plant.id}/crah-2"
    assert "unlucky" in rows[0]["reason"]
    check_sums(writer, conn)


def test_a_forecast_that_the_database_refuses_does_not_hold_up_the_readings(
    writer: Writer, conn: db.Connection, plant: Site, clock: ManualClock
) -> None:
    conn.execute("ALTER TABLE weather_forecast ADD CONSTRAINT unlucky CHECK (dry_bulb_c <> 13)")
    now = clock.now().isoformat()
    forecast = {"issued_at": now, "valid_at": [now], "dry_bulb_c": [13], "wet_bulb_c": [5]}
    reading = ("joulecast/SITE/crah-1", powers(clock.now(), 1))
    batch = batch_of(plant, clock, reading, ("joulecast/SITE/weather/$forecast", forecast))
    assert writer.write(batch) == Counts(received=2, stored=1, rejected=1)
    check_sums(writer, conn)


def test_a_weather_forecast_is_kept_with_the_time_it_was_known(
    writer: Writer, conn: db.Connection, plant: Site, clock: ManualClock
) -> None:
    hours = [(clock.now() + timedelta(hours=h)).isoformat() for h in range(24)]
    forecast = {
        "issued_at": hours[0],
        "valid_at": hours,
        "dry_bulb_c": list(range(24)),
        "wet_bulb_c": [-1] * 24,
    }
    message = ("joulecast/SITE/weather/$forecast", forecast)
    known_at = clock.now()
    assert writer.write(batch_of(plant, clock, message)) == Counts(received=1, filtered=1)
    clock.advance(timedelta(minutes=1))
    writer.write(batch_of(plant, clock, message))
    rows = conn.execute("SELECT * FROM weather_forecast ORDER BY valid_at").fetchall()
    assert [r["dry_bulb_c"] for r in rows] == list(range(24))
    assert {r["available_at"] for r in rows} == {known_at}


def test_a_schedule_is_kept_with_the_time_it_was_known_and_only_what_changed(
    writer: Writer, conn: db.Connection, plant: Site, clock: ManualClock
) -> None:
    first = clock.now()
    hours = [(first + timedelta(hours=h)).isoformat() for h in range(3)]

    def told(*values: float) -> Counts:
        topic = "joulecast/SITE/$schedule/booked_gpu_kw"
        return writer.write(batch_of(plant, clock, (topic, {"valid_at": hours, "value": values})))

    assert told(5, 6, 7) == Counts(received=1, filtered=1)
    clock.advance(timedelta(hours=1))
    told(5, 6, 7)
    told(5, 0, 7)
    clock.advance(timedelta(hours=1))
    told(5, 6, 7)
    rows = conn.execute("SELECT * FROM schedule ORDER BY valid_at, available_at").fetchall()
    assert {(r["site_id"], r["kind"]) for r in rows} == {(plant.id, "booked_gpu_kw")}
    found = [((r["valid_at"] - first), (r["available_at"] - first), r["value"]) for r in rows]
    hour = timedelta(hours=1)
    nothing = timedelta()
    assert found == [
        (nothing, nothing, 5),
        (hour, nothing, 6),
        (hour, hour, 0),
        (hour, 2 * hour, 6),
        (2 * hour, nothing, 7),
    ]
    check_sums(writer, conn)


def test_a_schedule_that_the_database_refuses_does_not_hold_up_the_readings(
    writer: Writer, conn: db.Connection, plant: Site, clock: ManualClock
) -> None:
    conn.execute("ALTER TABLE schedule ADD CONSTRAINT unlucky CHECK (value <> 13)")
    schedule = {"valid_at": [clock.now().isoformat()], "value": [13]}
    reading = ("joulecast/SITE/crah-1", powers(clock.now(), 1))
    batch = batch_of(plant, clock, reading, ("joulecast/SITE/$schedule/holiday", schedule))
    assert writer.write(batch) == Counts(received=2, stored=1, rejected=1)
    refused = conn.execute("SELECT topic, reason FROM reading_rejected").fetchall()
    assert [(r["topic"], "unlucky" in r["reason"]) for r in refused] == [
        (f"joulecast/{plant.id}/$schedule/holiday", True)
    ]
    check_sums(writer, conn)


def test_a_lost_connection_costs_nothing(
    writer: Writer, conn: db.Connection, plant: Site, clock: ManualClock
) -> None:
    writer.write(batch_of(plant, clock, ("joulecast/SITE/crah-1", powers(clock.now(), 1))))
    conn.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    clock.advance(timedelta(seconds=1))
    writer.write(batch_of(plant, clock, ("joulecast/SITE/crah-1", powers(clock.now(), 2))))
    assert stored(conn) == [1, 2]
    check_sums(writer, conn)


def test_a_missing_table_is_waited_for_and_no_reading_thrown_away(
    writer: Writer, conn: db.Connection, plant: Site, clock: ManualClock
) -> None:
    conn.execute("ALTER TABLE reading RENAME TO away")
    batch = batch_of(plant, clock, ("joulecast/SITE/crah-1", powers(clock.now(), 1)))
    thread = threading.Thread(target=writer.write, args=(batch,))
    thread.start()
    time.sleep(0.3)
    assert thread.is_alive()
    conn.execute("ALTER TABLE away RENAME TO reading")
    thread.join(30)
    assert stored(conn) == [1]
    assert writer.counts == Counts(received=1, stored=1)


def test_without_a_database_the_end_is_not_held_up(plant: Site, clock: ManualClock) -> None:
    stop = threading.Event()
    writer = Writer("host=127.0.0.1 port=1 dbname=none", plant.id, clock, stop)
    stop.set()
    with pytest.raises(Stopped):
        writer.write(batch_of(plant, clock, ("joulecast/SITE/crah-1", powers(clock.now(), 1))))
    assert writer.counts == Counts()


def test_two_writers_at_once_store_each_reading_once(
    dsn: str, conn: db.Connection, plant: Site, clock: ManualClock
) -> None:
    def work(name: str) -> None:
        writer = Writer(dsn, plant.id, clock, threading.Event(), client_id=name)
        for _ in range(20):
            payload = powers(clock.now(), *range(50))
            names = ["crah-1", "crah-2"] if name == "a" else ["crah-2", "crah-1"]
            writer.write(batch_of(plant, clock, *((f"joulecast/SITE/{n}", payload) for n in names)))
        writer.close()

    threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(stored(conn)) == 100
    a, b = counter(conn, "a"), counter(conn, "b")
    assert a["stored"] + b["stored"] == 100
    assert a["received"] == b["received"] == 2000


def test_the_site_is_described_as_in_the_file(conn: db.Connection, plant: Site, clock: ManualClock) -> None:
    for _ in range(2):
        storage.register_site(conn, plant, clock.now())
    found = conn.execute("SELECT count(*) AS n FROM asset WHERE site_id = %s", (plant.id,)).fetchone()
    assert found == {"n": len(plant.assets)}


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("scattered", [False, True])
def test_of_readings_that_come_twice_the_first_stays(
    conn: db.Connection, clock: ManualClock, *, again: bool, scattered: bool
) -> None:
    """In one batch and over batches, near in time and over a month, whatever was expected."""
    start, every = clock.now(), timedelta(days=1 if scattered else 0, seconds=1)
    first, second = Batch(), Batch()
    for number in (0, 1, 1, 2):
        first.add_one(Decoded("crah-1", "power", start - number * every, 1.0, 0))
    for number in (2, 3, 30, 30, 0):
        second.add_one(Decoded("crah-1", "power", start - number * every, 2.0, 0))
    points = storage.PointIds("s", "test")
    for batch, new in ((first, 3), (second, 2), (second, 0)):
        with conn.transaction():
            rows = points.rows(conn, batch.arrays)
            assert storage.insert(conn, rows, places=points.places, again=again) == new
    assert sorted(stored(conn)) == [1.0, 1.0, 1.0, 2.0, 2.0]


def test_among_many_stored_readings_only_the_new_ones_are_found(
    conn: db.Connection, clock: ManualClock
) -> None:
    """More is there than is looked at: the slow way tells as well."""
    start, points = clock.now(), storage.PointIds("s", "test")
    there, late = Batch(), Batch()
    there.add("crah-1", "power", [start - timedelta(seconds=n) for n in range(3000)], [1.0] * 3000)
    late.add(
        "crah-1", "power", [start, start - timedelta(seconds=1.5), start - timedelta(hours=1)], [2.0] * 3
    )
    for batch, new in ((there, 3000), (late, 2)):
        with conn.transaction():
            assert storage.insert(conn, points.rows(conn, batch.arrays), places=points.places) == new
    assert sum(stored(conn)) == 3004.0
