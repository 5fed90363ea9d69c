"""A building management system that falls silent is told while it is silent."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests_of_ingest import wait_until

from core import jobs
from core.clock import ManualClock, SystemClock
from core.jobs import Context
from core.settings import Settings
from core.site import Site, load_site
from ingest.alarms import Heartbeats
from ingest.batch import Assembler, Batch, Message
from ingest.jobs import JOBS
from ingest.mqtt import Publisher
from ingest.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from core import db

TOPIC = "BMS/v1/PUB/Value/System/HeartbeatTimestampBms/"
SOURCE = "bms.offline.System/HeartbeatTimestampBms/"
LOOK = timedelta(seconds=15)


@pytest.fixture
def plant(site_file: Path) -> Site:
    """The site with a building management system."""
    more = '[[topics]]\ntopic = "BMS/#"\ncodec = "dsx"\n'
    site_file.write_text(site_file.read_text(encoding="utf-8") + more, encoding="utf-8")
    return load_site(site_file)


@pytest.fixture
def context(dsn: str, plant: Site, clock: ManualClock) -> Context:
    return Context(Settings(dsn=dsn), plant, clock, dsn)


def beat(context: Context, *names: str, retained: bool = False) -> None:
    """Heartbeats, on the way that messages go."""
    assembler, batch = Assembler(context.site, context.clock.now), Batch()
    for name in names:
        assembler.add(batch, Message(TOPIC + name, b'{"value": 1}', context.clock.now(), retained))
    writer = Writer(context.dsn, context.site.id, context.clock, threading.Event())
    writer.write(batch)
    writer.close()


def opened(conn: db.Connection) -> dict[str, str]:
    found = conn.execute("SELECT source, message FROM alarm WHERE cleared_at IS NULL").fetchall()
    return {row["source"]: row["message"] for row in found}


def pass_by(context: Context, heartbeats: Heartbeats, seconds: int, *alive: str) -> None:
    """Time goes by; some beat, and somebody looks."""
    assert isinstance(context.clock, ManualClock)
    for _ in range(0, seconds, 15):
        context.clock.advance(LOOK)
        beat(context, *alive)
        heartbeats.watch(context)


def test_it_is_told_after_30_s_of_silence_and_cleared_when_it_beats(
    context: Context, conn: db.Connection
) -> None:
    heartbeats = Heartbeats()
    beat(context, "a", "b")
    heartbeats.watch(context)
    pass_by(context, heartbeats, 60, "a", "b")
    assert opened(conn) == {}
    pass_by(context, heartbeats, 30, "a")
    assert opened(conn) == {}, "30 s are not more than 30 s"
    pass_by(context, heartbeats, 15, "a")
    assert list(opened(conn)) == [f"{SOURCE}b"]
    assert "BMS offline" in opened(conn)[f"{SOURCE}b"]
    assert "2026-03-02 12:01:00" in opened(conn)[f"{SOURCE}b"]
    pass_by(context, heartbeats, 15, "a")
    assert conn.execute("SELECT count(*) AS n FROM alarm").fetchone() == {"n": 1}
    pass_by(context, heartbeats, 30, "a", "b")
    assert list(opened(conn)) == [f"{SOURCE}b"], "two beats are not three"
    pass_by(context, heartbeats, 15, "a", "b")
    assert opened(conn) == {}


def test_one_that_stumbles_is_one_alarm(context: Context, conn: db.Connection, clock: ManualClock) -> None:
    heartbeats = Heartbeats()
    beat(context, "a")
    for seconds in range(0, 600, 5):
        if seconds % 40 == 0:
            beat(context, "a")
        if seconds % 15 == 0:
            heartbeats.watch(context)
        clock.advance(timedelta(seconds=5))
    assert conn.execute("SELECT count(*) AS n FROM alarm").fetchone() == {"n": 1}
    assert list(opened(conn)) == [f"{SOURCE}a"]


def test_while_nobody_listened_nobody_was_silent(
    context: Context, conn: db.Connection, clock: ManualClock
) -> None:
    before, after = Heartbeats(), Heartbeats()
    beat(context, "a", "b")
    before.watch(context)
    pass_by(context, before, 45, "a")
    assert list(opened(conn)) == [f"{SOURCE}b"]
    clock.advance(timedelta(hours=1))
    for heartbeats in (before, after):  # the database was away; the service was
        heartbeats.watch(context)
        assert list(opened(conn)) == [f"{SOURCE}b"], "neither raised nor cleared"
    pass_by(context, after, 45)
    assert set(opened(conn)) == {f"{SOURCE}a", f"{SOURCE}b"}


def test_a_heartbeat_that_the_broker_kept_is_no_sign_of_life(context: Context, conn: db.Connection) -> None:
    beat(context, "a", retained=True)
    assert conn.execute("SELECT * FROM bms_heartbeat").fetchall() == []


def test_one_that_was_taken_away_is_forgotten(
    context: Context, conn: db.Connection, clock: ManualClock
) -> None:
    heartbeats = Heartbeats()
    beat(context, "a")
    pass_by(context, heartbeats, 60)
    assert list(opened(conn)) == [f"{SOURCE}a"]
    clock.advance(timedelta(days=31))
    heartbeats.watch(context)
    assert opened(conn) == {}


def test_a_demonstrations_faster_clock_is_no_silence(
    context: Context, conn: db.Connection, clock: ManualClock
) -> None:
    clock.speed_ratio, heartbeats = 60.0, Heartbeats()
    beat(context, "a")
    for minutes in (0, 20, 20):
        assert opened(conn) == {}
        clock.advance(timedelta(minutes=minutes))
        heartbeats.watch(context)
    assert list(opened(conn)) == [f"{SOURCE}a"]


def test_from_the_broker_to_the_alarm(
    broker_url: str,
    plant: Site,
    conn: db.Connection,
    serving: Callable[..., AbstractContextManager[Context]],
) -> None:
    job = next(job for job in JOBS if job.name == "ingest.heartbeats")
    clock = ManualClock(SystemClock().now())

    def heard() -> bool:
        found = conn.execute("SELECT 1 FROM bms_heartbeat WHERE last_at = %s", (clock.now(),))
        return found.fetchone() is not None

    with serving(clock) as context, Publisher(broker_url) as publisher:
        publisher.publish(TOPIC + plant.id, b'{"value": 1}')
        wait_until(heard)
        for _ in range(4):
            assert opened(conn) == {}
            assert jobs.run(job, context)
            clock.advance(LOOK)
        assert list(opened(conn)) == [SOURCE + plant.id]
        for _ in range(3):
            clock.advance(timedelta(seconds=10))
            publisher.publish(TOPIC + plant.id, b'{"value": 1}')
            wait_until(heard)
        assert jobs.run(job, context)
        assert opened(conn) == {}
