"""Silent points and marked readings become alarms, and alarms end; the marks reach the database."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from typing import TYPE_CHECKING

from tests_of_ingest import wait_until

from core import jobs
from core.clock import SystemClock
from core.jobs import Context
from core.points import Status
from core.settings import Settings
from ingest import alarms, notify
from ingest.batch import Batch, Message
from ingest.codec.base import Decoded
from ingest.jobs import JOBS
from ingest.mqtt import Publisher
from ingest.topics import point_topic
from ingest.watch import FLAT, RATE, UNIT
from ingest.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from core import db
    from core.clock import Clock, ManualClock
    from core.site import Site

EVERY_S = 10.0


def store(context: Context, ref: str, *, minutes: float, until_s: float = 0.0, status: int = 0) -> None:
    """Readings every 10 s until so many seconds ago."""
    asset, point = ref.split("/")
    batch = Batch()
    now = context.clock.now()
    batch.messages.append(Message("t", b"", now))
    batch.starts.append(0)
    for step in range(int(minutes * 60 / EVERY_S)):
        time = now - timedelta(seconds=until_s + step * EVERY_S)
        batch.add_one(Decoded(asset, point, time, 20.0, status))
    writer = Writer(context.dsn, context.site.id, context.clock, threading.Event())
    writer.write(batch)
    writer.close()


def working(dsn: str, plant: Site, clock: Clock) -> Context:
    return Context(Settings(dsn=dsn), plant, clock, dsn)


def opened(conn: db.Connection) -> dict[str, str]:
    found = conn.execute("SELECT source, message FROM alarm WHERE cleared_at IS NULL").fetchall()
    return {row["source"]: row["message"] for row in found}


def test_a_point_that_falls_silent_raises_one_alarm_and_clears_it_when_it_speaks(
    dsn: str, conn: db.Connection, plant: Site, clock: ManualClock
) -> None:
    context = working(dsn, plant, clock)
    refs = [str(ref) for ref in plant.refs()[:5]]
    for ref in refs:
        store(context, ref, minutes=10)
    clock.advance(timedelta(seconds=59))
    alarms.watch(context)
    assert opened(conn) == {}
    for ref in refs[1:]:
        store(context, ref, minutes=0.5)
    clock.advance(timedelta(seconds=5))
    assert "1 alarms raised" in alarms.watch(context)
    assert "0 alarms raised" in alarms.watch(context)
    assert list(opened(conn)) == [f"reading.silent.{refs[0]}"]
    assert "usually every 10 s" in opened(conn)[f"reading.silent.{refs[0]}"]
    store(context, refs[0], minutes=0.5)
    assert "1 cleared" in alarms.watch(context)
    assert opened(conn) == {}


def test_a_sensor_that_was_connected_later_is_watched_and_a_broken_file_changes_nothing(
    dsn: str, conn: db.Connection, plant: Site, site_file: Path, clock: ManualClock
) -> None:
    context = Context(Settings(dsn=dsn, site_file=site_file), plant, clock, dsn)
    later = "chw-pump/energy"
    known = [str(ref) for ref in plant.refs()[:5]]
    assert later not in {str(ref) for ref in plant.refs()}
    for ref in (*known, later):
        store(context, ref, minutes=10)
    clock.advance(timedelta(minutes=2))
    for ref in known:
        store(context, ref, minutes=0.5)
    assert "looked at 5 points" in alarms.watch(context)
    assert opened(conn) == {}
    before = site_file.read_text(encoding="utf-8")
    mapped = f'[[topics]]\ntopic = "new/sensor"\npoint = "{later}"\nunit = "kWh"\n'
    site_file.write_text(before + mapped, encoding="utf-8")
    assert "looked at 6 points" in alarms.watch(context)
    assert list(opened(conn)) == [f"reading.silent.{later}"]
    site_file.write_text("no TOML", encoding="utf-8")
    assert "looked at 5 points" in alarms.watch(context)


def test_when_most_are_silent_there_is_one_alarm_and_no_flood(
    dsn: str, conn: db.Connection, plant: Site, clock: ManualClock
) -> None:
    context = working(dsn, plant, clock)
    for ref in plant.refs()[:5]:
        store(context, str(ref), minutes=10)
    clock.advance(timedelta(minutes=5))
    alarms.watch(context)
    assert list(opened(conn)) == ["reading.silent"]
    assert "5 of 5 points" in opened(conn)["reading.silent"]


def test_everything_silent_is_told_by_the_default_settings_and_one_sensor_is_not(
    dsn: str, conn: db.Connection, plant: Site, clock: ManualClock
) -> None:
    settings = Settings(
        dsn=dsn,
        notify_smtp="smtp://127.0.0.1:9",
        notify_email_from="joulecast@example.org",
        notify_email_to="ada@example.org",
    )
    context = Context(settings, plant, clock, dsn)
    told = "SELECT message ->> 'source' AS source FROM notification WHERE kind = 'alarm'"
    refs = [str(ref) for ref in plant.refs()[:5]]
    for ref in refs:
        store(context, ref, minutes=10, status=FLAT if ref == refs[0] else 0)
    alarms.watch(context)
    assert list(opened(conn)) == [f"reading.flat.{refs[0]}"]
    notify.notify(context)
    assert conn.execute("SELECT * FROM notification").fetchall() == []
    clock.advance(timedelta(minutes=5))
    alarms.watch(context)
    notify.notify(context)
    assert [row["source"] for row in conn.execute(told)] == ["reading.silent"]


def test_a_slow_point_is_not_silent_between_its_readings() -> None:
    assert alarms.silent_after_s(3600.0, 1.0) == 5 * 3600.0
    assert alarms.silent_after_s(1.0, 1.0) == 60.0
    assert alarms.silent_after_s(None, 1.0) == 3600.0
    assert alarms.silent_after_s(1.0, 60.0) == 3600.0, "a demonstration's clock"


def test_marks_that_a_person_must_look_at_are_alarms_with_a_reason(
    dsn: str, conn: db.Connection, plant: Site, clock: ManualClock
) -> None:
    context = working(dsn, plant, clock)
    first, second, third = (str(ref) for ref in plant.refs()[:3])
    store(context, first, minutes=1, status=UNIT)
    store(context, second, minutes=1, status=FLAT)
    store(context, third, minutes=1, status=RATE)  # a moment's jump is no alarm
    job = next(job for job in JOBS if job.name == "ingest.alarms")
    assert jobs.run(job, context)
    found = opened(conn)
    assert set(found) == {f"reading.unit.{first}", f"reading.flat.{second}"}
    assert "another unit" in found[f"reading.unit.{first}"]


def test_an_alarm_of_another_room_is_left_alone(
    dsn: str, conn: db.Connection, plant: Site, clock: ManualClock
) -> None:
    conn.execute(
        "INSERT INTO alarm (site_id, source, priority, message, action, raised_at)"
        " VALUES (%s, 'advise.excursion', 2, 'm', 'a', now())",
        (plant.id,),
    )
    alarms.watch(working(dsn, plant, clock))
    assert list(opened(conn)) == ["advise.excursion"]


def test_the_worker_marks_on_the_way_and_goes_on_after_a_restart(
    conn: db.Connection,
    broker_url: str,
    plant: Site,
    serving: Callable[..., AbstractContextManager[Context]],
) -> None:
    ref, start = plant.sensors.rack_inlet[0], SystemClock().now() - timedelta(seconds=40)

    def statuses() -> list[int]:
        return [r["status"] for r in conn.execute("SELECT status FROM reading ORDER BY time")]

    def say(readings: dict[float, float]) -> None:
        with Publisher(broker_url) as publisher:
            for second, value in readings.items():
                time = start + timedelta(seconds=second)
                payload = json.dumps({"time": time.isoformat(), "value": value})
                publisher.publish(point_topic(plant.id, ref), payload.encode())
            publisher.flush()

    with serving():
        say({0.0: 22.0, 5.0: 22.1})
        wait_until(lambda: len(statuses()) == 2)
    with serving():
        say({10.0: 45.0, 15.0: 22.2})
        wait_until(lambda: len(statuses()) == 4)
    assert statuses() == [Status.GOOD, Status.GOOD, Status.UNCERTAIN_SENSOR_NOT_ACCURATE, Status.GOOD]
