"""Readings by minute and by hour: right whatever comes late, the same in every storage mode."""

from __future__ import annotations

import itertools
import json
import math
import random
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import community as community_edition
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
    some_samples,
)  # fmt: skip
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sql
from core import db

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POINT = (
    "INSERT INTO point (site_id, asset_id, name, unit, role, state_class, source)"
    " SELECT 's', 'a' || i, 'power', 'W', 'sensor', 'measurement', 'test' FROM generate_series(1, {}) AS i"
)
GPU_POINT = (
    "INSERT INTO point (site_id, asset_id, name, unit, role, state_class, source)"
    " VALUES ('s', '{}', '{}', 'W', 'sensor', 'measurement', 'test')"
)
STAGED = "INSERT INTO reading (time, value, point_id, status) VALUES {} ON CONFLICT DO NOTHING"
COUNT = "SELECT count(*) FROM {}"
DIRTY = "INSERT INTO rollup_dirty (from_minute, to_minute) VALUES {}"
GPU_FIELDS = (
    "gpu_power", "gpu_power_instant", "gpu_power_limit", "energy", "utilisation", "memory_utilisation",
    "gpu_temperature",
)  # fmt: skip
"""The first columns of `gpu_sample`."""
SERIES = "SELECT value FROM sum_by_step('{{1,2,3}}', '15 minutes', {}) ORDER BY bucket"

# The function as it was before there were rollups: what the other has to agree with.
RAW = """
WITH mean AS (
    SELECT r.point_id, date_bin(%(step)s, r.time, timestamptz '1970-01-01 00:00:00+00') AS bucket,
        avg(r.value) AS value
    FROM reading AS r
    WHERE r.point_id = any(%(points)s) AND r.time >= %(start)s AND r.time < %(end)s AND r.status < 32768
    GROUP BY 1, 2
)
SELECT bucket, sum(value) AS value FROM mean GROUP BY bucket HAVING count(*) = cardinality(%(points)s)
ORDER BY bucket
"""
ROLLED = "SELECT bucket, value FROM sum_by_step(%(points)s, %(step)s, %(start)s, %(end)s) ORDER BY bucket"


def literal(readings: list[Reading]) -> str:
    return ", ".join(f"('{t.isoformat()}', {value!r}, {point}, {s})" for t, value, point, s in readings)


def write(conn: db.Connection, readings: list[Reading]) -> None:
    """As the writer does it: dirty minutes and readings in one transaction."""
    minutes = sorted({t.replace(second=0, microsecond=0) for t, *_ in readings})
    with conn.transaction():
        db.rows(conn, "rollup_touch", starts=minutes, ends=[m + MINUTE for m in minutes])
        conn.execute(STAGED.format(literal(readings)))


def roll_up(conn: db.Connection) -> int:
    """As the job does it, to the end; the number of pieces."""
    db.rows(conn, "rollup_start")
    for pieces in itertools.count():
        found = db.row(conn, "rollup_next")
        if not found or not found["ids"]:
            return pieces
        start, end = found["from_minute"], found["to_minute"]
        if start is not None:
            db.rows(conn, "rollup_write", start=start, end=end)
        db.rows(conn, "rollup_done", ids=found["ids"], start=start, end=end)
    raise AssertionError


def points(conn: db.Connection, count: int) -> None:
    conn.execute(POINT.format(count))


def one(conn: db.Connection, statement: str) -> Any:
    found = conn.execute(statement).fetchone()
    assert found
    return next(iter(found.values()))


def some_day(seed: int) -> list[list[Reading]]:
    """Batches with a gap, bad readings, duplicates and late rows; eighths, of which sums are exact."""
    chance = random.Random(seed)  # noqa: S311  # no secret
    due: list[Reading] = []
    for second in range(0, 4 * 3600, 20):
        for point in (1, 2, 3):
            if point == 2 and 4000 < second < 8200:
                continue
            status = BAD if chance.random() < 0.05 else chance.choice((0, 0, 0x4000))
            at = AT + (second + point) * SECOND
            due.append((at, chance.randrange(-800, 8000) / 8, point, status))
    late = [r for r in due if chance.random() < 0.1]
    kept = set(late)
    in_time = [r for r in due if r not in kept]
    chance.shuffle(late)
    batches = [in_time[i : i + 500] for i in range(0, len(in_time), 500)]
    again = [(t, value + 1.0, p, s) for t, value, p, s in chance.sample(in_time, 50)]  # the first one wins
    return [*batches, late, again]


def test_aggregates_are_identical_on_plain_and_apache(any_dsn: str) -> None:
    batches = some_day(1)
    with db.connect(any_dsn, autocommit=True) as conn:
        points(conn, 3)
        write(conn, batches[0])
        roll_up(conn)  # the rest comes into minutes and hours that were rolled up before
        for batch in batches[1:]:
            write(conn, batch)
        roll_up(conn)
        for table, width_s in (("reading_1m", 60), ("reading_1h", 3600)):
            found = conn.execute(AGGREGATES.format(table)).fetchall()
            assert [list(r.values()) for r in found] == expected(batches, width_s)


AFTER_THAT = (
    "SELECT count(*)::integer FROM timescaledb_information.continuous_aggregates",
    "SELECT drop_readings('2026-03-03 00:00+00')::integer",
    "SELECT count(*)::integer FROM reading",
    "SELECT count(*)::integer FROM reading_1m",
)


@pytest.fixture(scope="session")
def community(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with TimescaleDB's Community edition for node; skips where there is no node or no package."""
    folder = tmp_path_factory.mktemp("community")
    if why := community_edition.install(folder):
        pytest.skip(why)
    return folder


def touched(readings: list[Reading]) -> str:
    """What `write` does, as one text."""
    minutes = sorted({t.replace(second=0, microsecond=0) for t, *_ in readings})
    each = ", ".join(f"('{m.isoformat()}', '{(m + MINUTE).isoformat()}')" for m in minutes)
    return f"{DIRTY.format(each)}; {STAGED.format(literal(readings))}"


def test_aggregates_are_identical_on_community(community: Path) -> None:
    batches = some_day(1)
    span = f"'{AT.isoformat()}', '{(AT + 4 * HOUR).isoformat()}'"
    ask = [AGGREGATES.format("reading_1m"), AGGREGATES.format("reading_1h"), SERIES.format(span)]
    by_minute, by_hour, sums, aggregates, dropped, left, kept = community_edition.ask(
        community,
        [POINT.format(3), touched(batches[0]), "SELECT rollup_start()"],
        [touched(batch) for batch in batches[1:]],
        [*ask, *AFTER_THAT],
    )
    assert (aggregates, dropped, left, kept) == ([[2]], [[1]], [[0]], [[len(by_minute)]])
    assert by_minute == expected(batches, 60)
    assert by_hour == expected(batches, 3600)
    means: dict[int, list[float]] = {}
    for point in (1, 2, 3):
        own = [r for batch in batches for r in batch if r[2] == point]
        for _, bucket, n, total, *_ in expected([own], 900):
            means.setdefault(int(bucket), []).append(total / n)
    assert [v for (v,) in sums] == pytest.approx([sum(v) for _, v in sorted(means.items()) if len(v) == 3])


def sampled(readings: list[Reading]) -> str:
    """Readings of GPUs as rows of `gpu_sample`, in an edition that keeps them there."""
    samples: dict[tuple[datetime, int], dict[str, float | int]] = {}
    for time, value, point, status in readings:
        asset, name = GPU_POINTS[point - 1]
        own = samples.setdefault((time, int(asset.removeprefix("gpu-"))), {})
        own |= {name: value, f"{name} status": status}
    fields = "SELECT * FROM jsonb_populate_record(NULL::gpu_sample, '{}')"
    rows = []
    for (time, gpu), told in samples.items():
        statuses = [told.get(f"{name} status", 0) for name in GPU_FIELDS]
        row = {name: told[name] for name in GPU_FIELDS if name in told}
        row_and_key = row | {"time": time.isoformat(), "gpu_id": gpu, "status": statuses}
        rows.append(fields.format(json.dumps(row_and_key)))
    return f"INSERT INTO gpu_sample {' UNION ALL '.join(rows)}"


def test_aggregates_of_gpus_are_identical_on_community(community: Path) -> None:
    batches = some_samples(2)
    register = "; ".join(GPU_POINT.format(asset, name) for asset, name in GPU_POINTS)
    place = "SELECT place_points('{1,2,3,4,5}'), count(*) FROM point"
    by_minute, by_hour, wide = community_edition.ask(
        community,
        [place, "SELECT rollup_start()"],
        [touched(batch) for batch in batches[1:]],
        [
            AGGREGATES.format("reading_1m"),
            AGGREGATES.format("reading_1h"),
            "SELECT count(*)::integer FROM gpu_point UNION ALL SELECT count(*)::integer FROM gpu_sample",
        ],
        before=(register, place, sampled(batches[0])),
    )
    assert by_minute == expected(batches, 60)
    assert by_hour == expected(batches, 3600)
    assert wide == [[0], [0]]


reading = st.tuples(
    st.integers(0, 5 * 3600 - 1), st.floats(-1e6, 1e6), st.sampled_from((1, 2)),
    st.sampled_from((0, 0, 0, 0x4000, BAD)),
)  # fmt: skip
batch_of_readings = st.lists(reading, min_size=1, max_size=40)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(batch_of_readings, st.booleans()), min_size=1, max_size=6),
    st.sampled_from((60, 300, 900, 3600, 7200, 90, 20)),
    st.integers(0, 3600),
    st.integers(1, 5 * 3600),
)
def test_series_from_rollups_are_those_from_readings(
    dsn: str,
    batches: list[tuple[list[tuple[int, float, int, int]], bool]],
    step_s: int,
    start_s: int,
    long_s: int,
) -> None:
    with db.connect(dsn, autocommit=True) as conn:
        conn.execute("TRUNCATE reading, reading_1m, reading_1h, rollup_dirty, point RESTART IDENTITY")
        conn.execute("UPDATE storage_state SET started = false")
        points(conn, 2)
        for batch, roll in batches:
            write(conn, [(AT + s * SECOND, value, point, status) for s, value, point, status in batch])
            if roll:
                roll_up(conn)
        for chosen in ([1], [1, 2]):
            wanted = {
                "points": chosen, "step": step_s * SECOND,
                "start": AT + start_s * SECOND, "end": AT + (start_s + long_s) * SECOND,
            }  # fmt: skip
            raw, rolled = (conn.execute(text, wanted).fetchall() for text in (RAW, ROLLED))
            assert [r["bucket"] for r in rolled] == [r["bucket"] for r in raw]
            for got, want in zip(rolled, raw, strict=True):
                assert math.isclose(got["value"], want["value"], rel_tol=1e-9, abs_tol=1e-6)


def test_series_are_read_from_rollups_where_those_are_right(dsn: str) -> None:
    with db.connect(dsn, autocommit=True) as conn:
        points(conn, 1)
        write(conn, [(AT + i * MINUTE, 1.0, 1, 0) for i in range(120)])
        roll_up(conn)
        conn.execute("UPDATE reading_1h SET sum = 60 * 60 WHERE bucket = %s", (AT,))
        conn.execute("UPDATE reading_1m SET sum = 7 WHERE bucket >= %s", (AT + HOUR,))
        write(conn, [(AT + 90 * MINUTE + SECOND, 1.0, 1, 0)])
        wanted = {"points": [1], "step": HOUR, "start": AT, "end": AT + 2 * HOUR}
        first, second = (r["value"] for r in conn.execute(ROLLED, wanted))
    assert first == 60.0
    assert second == pytest.approx((59 * 7 + 2) / 61)


def test_what_was_there_before_is_filled_in_pieces_and_goes_on_where_it_stopped(any_dsn: str) -> None:
    with db.connect(any_dsn, autocommit=True) as conn:
        points(conn, 2)
        old = [(AT + i * 10 * MINUTE, float(i), 1, 0) for i in range(30)]
        conn.execute(STAGED.format(literal([*old, (AT - 900 * DAY, 5.0, 2, 0)])))
        db.rows(conn, "rollup_start")
        found = db.row(conn, "rollup_next")
        assert found
        assert found["from_minute"] == AT + 4 * HOUR
        db.rows(conn, "rollup_write", start=found["from_minute"], end=found["to_minute"])
        db.rows(conn, "rollup_done", ids=found["ids"], start=found["from_minute"], end=found["to_minute"])
        assert one(conn, "SELECT count(*) FROM reading_1h") == 1
        assert not one(conn, "SELECT rollup_start()")
    with db.connect(any_dsn, autocommit=True) as conn:
        assert roll_up(conn) == 5
        assert one(conn, "SELECT sum(n) FROM reading_1h") == 31
        assert one(conn, "SELECT count(*) FROM rollup_dirty") == 0


def test_what_comes_while_a_piece_is_rolled_up_stays_dirty(dsn: str) -> None:
    with db.connect(dsn, autocommit=True) as conn, db.connect(dsn) as writer:
        points(conn, 1)
        db.rows(conn, "rollup_start")
        db.rows(conn, "storage_make_day", day=AT.date())
        writer.execute("SELECT 1")  # a transaction begins, and stays open
        write(writer, [(AT, 1.0, 1, 0)])
        write(conn, [(AT + SECOND, 2.0, 1, 0)])
        found = db.row(conn, "rollup_next")
        assert found
        db.rows(conn, "rollup_write", start=found["from_minute"], end=found["to_minute"])
        writer.commit()
        db.rows(conn, "rollup_done", ids=found["ids"], start=found["from_minute"], end=found["to_minute"])
        assert one(conn, "SELECT n FROM reading_1m") == 1
        assert roll_up(conn) == 1
        assert one(conn, "SELECT n FROM reading_1m") == 2


@pytest.fixture
def old_dsn(server_dsn: str) -> Iterator[str]:
    """A database as the first release left it."""
    with psycopg.connect(server_dsn, autocommit=True) as conn:
        conn.execute("CREATE DATABASE before_partitions")
    own = psycopg.conninfo.make_conninfo(server_dsn, dbname="before_partitions")
    with db.connect(own) as conn:
        conn.execute("CREATE SCHEMA joulecast")
        conn.execute("CREATE TABLE migration (name text PRIMARY KEY, sha256 text, applied_at timestamptz)")
        for file in sql.migrations()[:2]:
            conn.execute(file.text)
            conn.execute("INSERT INTO migration VALUES (%s, %s, now())", (file.name, file.sha256))
    yield own
    with psycopg.connect(server_dsn, autocommit=True) as conn:
        conn.execute("DROP DATABASE before_partitions WITH (FORCE)")


def test_an_older_database_becomes_partitioned_without_losing_a_row(old_dsn: str) -> None:
    with db.connect(old_dsn, autocommit=True) as conn:
        points(conn, 1)
        conn.execute(STAGED.format(literal([(AT + i * HOUR, float(i), 1, 0) for i in range(30)])))
    assert "plain/0001_partitions.sql" in db.migrate(old_dsn).applied
    assert db.migrate(old_dsn).applied == ()
    with db.connect(old_dsn, autocommit=True) as conn:
        assert one(conn, "SELECT count(*) FROM reading_named") == 30
        write(conn, [(AT, 99.0, 1, 0), (AT + 29 * HOUR, 99.0, 1, 0)])  # the key is still in force
        write(conn, [(AT + 50 * HOUR, 30.0, 1, 0)])
        assert one(conn, "SELECT sum(value) FROM reading") == sum(range(31))
        roll_up(conn)
        assert one(conn, "SELECT sum(n) FROM reading_1h") == 31
        assert one(conn, "SELECT drop_readings('2026-03-04')") == 1
        assert one(conn, "SELECT count(*) FROM reading") == 1


def test_a_day_takes_over_what_the_default_partition_holds(dsn: str) -> None:
    today = datetime.now(UTC).replace(hour=6)
    with db.connect(dsn, autocommit=True) as conn:
        points(conn, 1)
        conn.execute(STAGED.format(literal([(today, 1.0, 1, 0), (AT - 9000 * DAY, 2.0, 1, 0)])))
        assert one(conn, "SELECT count(*) FROM reading_default") == 2
        write(conn, [(today + SECOND, 3.0, 1, 0)])
        assert one(conn, "SELECT count(*) FROM reading_default") == 1
        assert one(conn, COUNT.format(f"reading_{today:%Y%m%d}")) == 2
        made = (
            db.row(conn, "storage_make_day", day=date(2026, 3, 2)),
            db.row(conn, "storage_make_day", day=date(2026, 3, 2)),
        )
    assert [m and m["made"] for m in made] == [True, False]


def increase(conn: db.Connection, start: datetime, end: datetime) -> tuple[float, float]:
    found = conn.execute("SELECT * FROM counter_increase('{1}', %s, %s)", (start, end)).fetchone()
    return (found["increase"], found["unattributed"]) if found else (0.0, 0.0)


@pytest.mark.parametrize(
    ("mod", "values", "total"),
    [
        (None, [100, 110, 125], 25.0),
        (None, [100, 110, 3, 5], 15.0),  # reset: 10, then 3 since 0, then 2
        (None, [1000, 1010, 1009, 1015], 15.0),  # a noisy meter is no reset
        (1000, [990, 998, 5, 20], 30.0),  # wraps at 1000: 8 + 7 + 15
        (1000, [500, 499, 510], 10.0),
        (4294967296, [4294967290, 4], 10.0),  # 32 bits
    ],
)
def test_counters_become_increases(dsn: str, mod: float | None, values: list[float], total: float) -> None:
    with db.connect(dsn, autocommit=True) as conn:
        points(conn, 1)
        conn.execute("UPDATE point SET counter_mod = %s", (mod,))
        rows: list[Reading] = [(AT + i * MINUTE, float(v), 1, 0) for i, v in enumerate(values)]
        write(conn, [*rows, (AT + 30 * SECOND, 1e12, 1, BAD)])
        assert increase(conn, AT, AT + HOUR) == (total, 0.0)
        cut = AT + MINUTE  # periods add up
        assert increase(conn, AT, cut)[0] + increase(conn, cut, AT + HOUR)[0] == total


def test_an_increase_over_a_gap_is_kept_apart(dsn: str) -> None:
    with db.connect(dsn, autocommit=True) as conn:
        points(conn, 1)
        write(conn, [(AT, 10.0, 1, 0), (AT + MINUTE, 12.0, 1, 0), (AT + 2 * HOUR, 100.0, 1, 0)])
        assert increase(conn, AT, AT + DAY) == (2.0, 88.0)
