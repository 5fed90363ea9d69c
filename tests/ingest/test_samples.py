"""Readings of GPUs lie in one row a sample where the server does not compress, and nobody notices."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg
import pytest
from aggregates import (
    AGGREGATES,
    AT,
    BAD,
    DAY,
    GPU_POINTS,
    HOUR,
    MINUTE,
    SECOND,
    Reading,
    expected,
    packed,
    some_samples,
)

from core import db
from core.jobs import Context
from core.points import CATALOGUE
from core.settings import Settings
from ingest import jobs, storage
from ingest.bulk import Bulk, Column
from ingest.frame import as_us
from ingest.samples import FIELDS
from ingest.storage import PointIds
from ingest.writer import store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.clock import ManualClock
    from core.site import Site

METER = ("meter", "power")
READINGS = "SELECT time, value, point_id, status FROM {} ORDER BY point_id, time"
NEWEST = "SELECT of_point, value FROM newest_readings('{{2,4,6}}', '{}', 2, {}) ORDER BY of_point, value"
SERIES = "SELECT value FROM sum_by_step('{{2,4}}', '{} s', '2026-03-02', '2026-03-02 03:00') ORDER BY bucket"


@pytest.fixture
def conn(any_dsn: str) -> Iterator[db.Connection]:
    with db.connect(any_dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def points(conn: db.Connection) -> PointIds:
    """The two GPUs' points, with the ids that the samples have, and a meter's, which is 6."""
    found = PointIds("s", "test")
    found.register(conn, (*GPU_POINTS, METER))
    assert [found.known[key] for key in (*GPU_POINTS, METER)] == [1, 2, 3, 4, 5, 6]
    return found


def rows(conn: db.Connection, statement: str) -> list[list[Any]]:
    return [list(row.values()) for row in conn.execute(statement)]


def count(conn: db.Connection, table: str) -> int:
    return int(rows(conn, f"SELECT count(*) FROM {table}")[0][0])  # noqa: S608  # ours


def firsts(batches: list[list[Reading]]) -> list[list[Any]]:
    """Of several readings of a point at one time the first, in the order of `READINGS`."""
    found: dict[tuple[int, Any], list[Any]] = {}
    for reading in (r for batch in batches for r in batch):
        found.setdefault((reading[2], reading[0]), list(reading))
    return [found[key] for key in sorted(found)]


def sum_of_means(batches: list[list[Reading]], points: tuple[int, int], step_s: int) -> list[float]:
    """Of two points that have readings in every step."""
    own = expected(batches, step_s)
    first, second = ([row[3] / row[2] for row in own if row[0] == point] for point in points)
    return [a + b for a, b in zip(first, second, strict=True)]


def roll_up(conn: db.Connection, site: Site, clock: ManualClock) -> None:
    dsn = psycopg.conninfo.make_conninfo(conn.info.dsn, password=conn.info.password)
    jobs.roll_up(Context(Settings(dsn=dsn), site, clock, dsn))


def test_the_columns_are_those_of_the_catalogue_and_the_schema(conn: db.Connection) -> None:
    columns = rows(
        conn,
        "SELECT attname::text FROM pg_attribute"
        " WHERE attrelid = 'gpu_sample'::regclass AND attnum > 0 ORDER BY attnum",
    )
    assert [name for (name,) in columns] == ["time", "gpu_id", *FIELDS, "status"]
    assert rows(conn, "SELECT gpu_fields()") == [[list(FIELDS)]]
    assert {name for name in CATALOGUE if name.startswith("gpu_")} <= set(FIELDS) <= CATALOGUE.keys()


def test_where_a_point_lies_is_decided_when_it_is_registered(conn: db.Connection) -> None:
    older = {"site": "s", "unit": "W", "role": "sensor", "state_class": "measurement", "source": "test"}
    db.rows(conn, "register_point", asset="gpu-0", name="gpu_power", **older)  # before there were samples
    first, second = PointIds("s", "test"), PointIds("s", "test")
    first.register(conn, [("meter", "energy"), ("gpu-1", "utilisation")])  # so far it might be a server
    first.register(
        conn, [("gpu-1", n) for n in ("utilisation", "energy", "gpu_power")] + [("gpu-0", "gpu_power")]
    )
    first.register(conn, [("mig-1", n) for n in ("utilisation", "gpu_memory_used")])
    second.register(conn, [("gpu-1", "memory_utilisation"), ("gpu-0", "energy"), ("host", "memory_used")])
    found = rows(
        conn,
        "SELECT p.asset_id, p.name, g.field FROM gpu_point AS g JOIN point AS p USING (point_id)"
        " JOIN gpu AS u ON (g.gpu_id, p.asset_id) = (u.gpu_id, u.asset_id)",
    )
    assert sorted(found) == [
        [asset, name, FIELDS.index(name) + 1]
        for asset, name in (
            ("gpu-0", "energy"),
            ("gpu-1", "energy"),
            ("gpu-1", "gpu_power"),
            ("gpu-1", "memory_utilisation"),
            ("mig-1", "gpu_memory_used"),
        )
    ]


@pytest.mark.parametrize(
    ("statement", "narrow"),
    [
        ("SELECT sum(r.value) FROM reading_all AS r WHERE r.point_id = any('{2,6}') AND ", "point_id = ANY"),
        ("SELECT r.value FROM reading_named AS r WHERE r.asset_id = 'gpu-1' AND ", "point_id = p.point_id"),
    ],
)
def test_points_and_times_reach_the_indexes_of_both_tables(
    conn: db.Connection, points: PointIds, statement: str, narrow: str
) -> None:
    store(conn, packed([(AT, 1.0, p, 0) for p in range(1, 7)]), places=points.places)
    conn.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
    found = rows(conn, f"EXPLAIN {statement} r.time >= '{AT}' AND r.time < '{AT + MINUTE}'")
    by_time = [line for (line,) in found if "Index Cond" in line and '"time" >= ' in line]
    assert any("gpu_id = " in line for line in by_time), found
    assert any(narrow in line for line in by_time), found


@pytest.mark.parametrize("again", [False, True])
def test_aggregates_of_samples_are_those_of_readings(
    conn: db.Connection, points: PointIds, site: Site, clock: ManualClock, *, again: bool
) -> None:
    batches = some_samples(2)
    new = store(conn, packed(batches[0]), again=again, places=points.places).new
    roll_up(conn, site, clock)  # the rest comes into minutes and hours that were rolled up before
    for batch in batches[1:]:
        new += store(conn, packed(batch), again=again, places=points.places).new
    half_rolled = rows(conn, SERIES.format(900))
    roll_up(conn, site, clock)
    for table, width_s in (("reading_1m", 60), ("reading_1h", 3600)):
        assert rows(conn, AGGREGATES.format(table)) == expected(batches, width_s)
    kept = firsts(batches)
    assert new == len(kept)
    assert rows(conn, READINGS.format("reading_all")) == kept
    assert count(conn, "reading") == 0
    assert count(conn, "gpu_sample") == len({(t, p > 3) for t, _, p, _ in kept})
    assert half_rolled == rows(conn, SERIES.format(900))
    for step_s in (900, 450):  # from rollups, and, as it is no whole minutes, from samples
        sums = [value for (value,) in rows(conn, SERIES.format(step_s))]
        assert sums == pytest.approx(sum_of_means(batches, (2, 4), step_s))


def test_what_is_imported_ends_there_too_and_again_changes_nothing(
    conn: db.Connection, points: PointIds
) -> None:
    times_us = as_us(AT) + 1_000_000 * np.arange(100)
    columns = [
        Column(asset, name, times_us, np.linspace(0.1, 0.9, 100), np.arange(100))
        for asset, name in (*GPU_POINTS, METER)
    ]
    for stored, duplicate in ((600, 0), (0, 600)):
        bulk = Bulk(conn, points)
        assert bulk.write(columns[:3]) + bulk.write(columns[2:]) == []
        assert (bulk.stored, bulk.duplicate) == (stored, duplicate + 100)
        assert (count(conn, "gpu_sample"), count(conn, "reading")) == (200, 100)
    values = rows(conn, "SELECT DISTINCT value FROM reading_named WHERE asset_id = 'gpu-2' ORDER BY value")
    assert [value for (value,) in values] == np.linspace(0.1, 0.9, 100).tolist(), "to the last bit"


def test_a_sample_that_comes_in_parts_becomes_one(conn: db.Connection, points: PointIds) -> None:
    first = [(AT, 300.125, 2, 0), (AT, 7.0, 6, 0), (AT, 301.0, 2, 0), (AT, 41.0, 5, 0x4000)]
    parts: list[list[Reading]] = [
        first,
        [(AT, 0.5, 3, 0x4093), (AT, 99.0, 2, 0x4000)],
        [(AT, 1e9, 1, 0), (AT, 8.0, 6, 0)],
    ]
    assert [store(conn, packed(part), again=False, places=points.places).new for part in parts] == [3, 1, 1]
    assert rows(conn, READINGS.format("reading_all")) == firsts(parts)
    assert count(conn, "gpu_sample") == 2


@pytest.mark.parametrize("again", [False, True])
def test_the_same_sample_again_changes_nothing(conn: db.Connection, points: PointIds, *, again: bool) -> None:
    sample: list[Reading] = [(AT, 1.0, 1, 0), (AT, 2.0, 2, 0)]
    for expected_new in (2, 0):
        with conn.transaction():
            assert storage.insert(conn, packed(sample), places=points.places, again=again) == expected_new
    assert rows(conn, "SELECT status FROM gpu_sample") == [[None]]


def test_the_one_reading_that_the_database_refuses_is_found(conn: db.Connection, points: PointIds) -> None:
    conn.execute("ALTER TABLE gpu_sample ADD CONSTRAINT unlucky CHECK (energy <> 13)")
    readings: list[Reading] = [(AT + s * SECOND, float(s), p, 0) for s in range(20) for p in (1, 2, 4, 6)]
    done = store(conn, packed(readings), again=False, places=points.places)
    assert (done.new, [index for index, _ in done.bad]) == (79, [13 * 4])
    assert "unlucky" in done.bad[0][1]
    assert count(conn, "reading_all") == 79


def test_two_workers_with_the_same_samples_store_each_reading_once(any_dsn: str, conn: db.Connection) -> None:
    new: list[int] = []

    def work(part: int) -> None:
        """All of it, in parts that are cut otherwise and told in another order."""
        with db.connect(any_dsn, autocommit=True) as own:
            known = PointIds("s", "test")
            known.register(own, GPU_POINTS)
            for second in range(60):
                at = AT + second * SECOND
                told: list[Reading] = [(at, float(second), p, 0) for p in sorted(known.known.values())]
                halves = (told[: 2 + part], told[2 + part :])[:: 1 if part else -1]
                for half in (*halves, told):
                    with own.transaction():
                        new.append(storage.insert(own, packed(half), again=True, places=known.places))

    threads = [threading.Thread(target=work, args=(part,)) for part in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(new) == count(conn, "reading_all") == 300
    assert (count(conn, "gpu_sample"), count(conn, "reading"), count(conn, "gpu")) == (120, 0, 2)


def test_old_samples_are_dropped_and_their_rollups_stay(
    any_dsn: str, conn: db.Connection, points: PointIds, site: Site, clock: ManualClock
) -> None:
    readings: list[Reading] = [(AT - day * DAY, 1.0, p, 0) for day in range(95) for p in (1, 4, 6)]
    store(conn, packed(readings), places=points.places)
    roll_up(conn, site, clock)
    settings = Settings(dsn=any_dsn)
    said = jobs.keep_storage(Context(settings, site, clock, any_dsn))
    assert "readings kept from 2025-12-02, 8 partitions dropped" in said
    assert (count(conn, "gpu_sample"), count(conn, "reading")) == (2 * 91, 91)
    assert count(conn, "reading_1h") == 3 * 95


def test_a_gpus_energy_counter_becomes_an_increase(conn: db.Connection, points: PointIds) -> None:
    """A sample without the counter between, one marked bad, and a reset when the driver was loaded anew."""
    counter = {0: 1000.0, 2: 1010.0, 4: 3.0, 5: 8.0}
    readings: list[Reading] = [(AT + m * MINUTE, value, 1, 0) for m, value in counter.items()]
    readings += [(AT + m * MINUTE, 300.0, 2, 0) for m in range(6)] + [(AT + 3 * MINUTE, 1e9, 1, BAD)]
    store(conn, packed(readings), places=points.places)
    ask = "SELECT increase, unattributed FROM counter_increase('{{1}}', '{}', '{}')"
    assert rows(conn, ask.format(AT, AT + HOUR)) == [[18.0, 0.0]]
    cut = AT + 2 * MINUTE
    assert rows(conn, ask.format(AT, cut)) == []
    assert rows(conn, ask.format(cut, AT + HOUR)) == [[18.0, 0.0]], "from the last one before it"


def test_the_newest_readings_of_points_in_both_tables(conn: db.Connection, points: PointIds) -> None:
    readings = [(AT + s * SECOND, float(s), p, 0) for s in range(5) for p in (1, 2, 4, 6)]
    store(conn, packed([*readings, (AT + 5 * SECOND, 5.0, 5, 0)]), places=points.places)
    store(conn, packed([(AT + 5 * SECOND, 99.0, p, BAD) for p in (2, 6)]), places=points.places)
    before = AT + 6 * SECOND
    assert rows(conn, NEWEST.format(before, BAD)) == [[p, v] for p in (2, 4, 6) for v in (3.0, 4.0)]
    assert rows(conn, NEWEST.format(before, 65536)) == [
        [2, 4.0],
        [2, 99.0],
        [4, 3.0],
        [4, 4.0],
        [6, 4.0],
        [6, 99.0],
    ]


def test_what_was_there_before_rollups_is_filled_in(
    conn: db.Connection, points: PointIds, site: Site, clock: ManualClock
) -> None:
    with conn.transaction():
        storage.insert(
            conn,
            packed([(AT + h * HOUR, 1.0, 5, 0) for h in range(3)]),
            again=False,
            places=points.places,
        )
        conn.execute("TRUNCATE rollup_dirty")
    roll_up(conn, site, clock)
    assert count(conn, "reading_1h") == 3
