"""What a dashboard asks of thirty days, as the pages ask it, beside the same question to the raw readings.

The two meters have all their readings; all points have those of the last minutes. Roll-ups stand in the order
in which a running plant writes them: minute by minute, all points in each.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from core import db, store
from core.series import floor_time, on_grid

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.points import PointRef
    from core.series import Floats
    from core.site import Site

POINTS: Final = 1000
DAYS: Final = 30
MINUTE_DAYS: Final = 4
"""Days for which all points have their minutes; the meters and some others have those of all days."""
SOME: Final = 30
RECENT: Final = timedelta(minutes=10)
DIRTY_MINUTES: Final = 2
DIRTY_ROWS: Final = 1200
"""What a writer of 20 batches a second leaves in the minute between two runs of the roll-up."""
CALLS: Final = 15
RAW_CALLS: Final = 3
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

LEVEL: Final = """
CREATE FUNCTION pg_temp.level(p integer, h bigint) RETURNS float8 LANGUAGE sql IMMUTABLE
RETURN 90000.0 / p + (h * (p % 7 + 1)) % 997
"""
"""Of a point in an hour; a hundredth is put on top of it for each second of the hour, so sums are known."""
RAW_ROWS: Final = """
INSERT INTO reading (time, value, point_id, status)
SELECT t, pg_temp.level(p, h) + 0.01 * (s %% 3600), p, 0
FROM generate_series(%(start)s::timestamptz, %(end)s::timestamptz, interval '1 second') AS t
CROSS JOIN LATERAL (SELECT extract(epoch FROM t)::bigint AS s) AS e
CROSS JOIN LATERAL (SELECT s / 3600 AS h) AS hour
CROSS JOIN generate_series(%(from_point)s::integer, %(to_point)s::integer) AS p
"""
MINUTES: Final = """
INSERT INTO reading_1m (point_id, bucket, n, sum, min, max, first, last)
SELECT p, t, 60, 60 * v + 17.7, v, v + 0.59, v, v + 0.59
FROM generate_series(%(start)s::timestamptz, %(end)s::timestamptz, interval '1 minute') AS t
CROSS JOIN LATERAL (SELECT extract(epoch FROM t)::bigint / 60 AS m) AS e
CROSS JOIN LATERAL (SELECT m / 60 AS h) AS hour
CROSS JOIN generate_series(%(from_point)s::integer, %(to_point)s::integer) AS p
CROSS JOIN LATERAL (SELECT pg_temp.level(p, h) + 0.6 * (m %% 60) AS v) AS level
"""
HOURS: Final = """
INSERT INTO reading_1h (point_id, bucket, n, sum, min, max, first, last)
SELECT p, t, 3600, 3600 * v + 64782, v, v + 35.99, v, v + 35.99
FROM generate_series(%(start)s::timestamptz, %(end)s::timestamptz, interval '1 hour') AS t
CROSS JOIN LATERAL (SELECT extract(epoch FROM t)::bigint / 3600 AS h) AS e
CROSS JOIN generate_series(%(from_point)s::integer, %(to_point)s::integer) AS p
CROSS JOIN LATERAL (SELECT pg_temp.level(p, h) AS v) AS level
"""
REGISTER: Final = """
INSERT INTO point (site_id, asset_id, name, unit, role, state_class, source)
SELECT %(site)s, split_part(r.ref, '/', 1), split_part(r.ref, '/', 2), 'W', 'sensor', 'measurement', 'bench'
FROM unnest(%(refs)s::text[]) WITH ORDINALITY AS r (ref, n) ORDER BY r.n
"""
FROM_READINGS: Final = """
SELECT m.bucket AS time, sum(m.value) AS value FROM (
    SELECT date_bin(%(step)s, r.time, timestamptz '1970-01-01 00:00:00+00') AS bucket, avg(r.value) AS value
    FROM reading AS r
    WHERE r.point_id = any(%(points)s) AND r.time >= %(start)s AND r.time < %(end)s AND r.status < 32768
    GROUP BY r.point_id, bucket
) AS m GROUP BY m.bucket HAVING count(*) = cardinality(%(points)s)
"""


class Asked(NamedTuple):
    """How long the answers take [ms], medians."""

    ours: float
    from_readings: float
    first: float
    """The first call of ours, before anything is warm."""


def scale() -> str:
    """What there is, in words."""
    return (
        f"meters 1 s x {DAYS} d, {POINTS:,} points by minute for {MINUTE_DAYS} d and by hour for {DAYS} d,"
        f" last {DIRTY_MINUTES} min dirty"
    )


def fill(dsn: str, site: Site) -> datetime:
    """Thirty days that end in the middle of this minute; when that is."""
    now = floor_time(datetime.now(UTC), MINUTE) + MINUTE / 2
    start = floor_time(now - DAYS * DAY, HOUR)
    meters = [str(ref) for ref in site.meters.facility + site.meters.it]
    refs = meters + [f"sensor-{n}/power" for n in range(POINTS - len(meters))]
    rolled = floor_time(now, MINUTE) - DIRTY_MINUTES * MINUTE
    minutes_of_all = floor_time(now - MINUTE_DAYS * DAY, HOUR)
    with db.connect(dsn, autocommit=True) as conn:
        conn.execute("TRUNCATE reading, reading_latest, reading_1m, reading_1h, rollup_dirty")
        conn.execute("TRUNCATE point RESTART IDENTITY")
        conn.execute(LEVEL)
        conn.execute(REGISTER, {"site": site.id, "refs": refs})
        for day in range(DAYS + 1):
            db.rows(conn, "storage_make_day", day=(start + day * DAY).date())
        for text, begin, end, points in (
            (RAW_ROWS, start, now - RECENT, (1, len(meters))),
            (RAW_ROWS, now - RECENT + MINUTE / 60, now, (1, POINTS)),
            (MINUTES, start, minutes_of_all - MINUTE, (1, SOME)),
            (MINUTES, minutes_of_all, rolled - MINUTE, (1, POINTS)),
            (HOURS, start, floor_time(rolled, HOUR) - HOUR, (1, POINTS)),
        ):
            span = {"start": begin, "end": end, "from_point": points[0], "to_point": points[1]}
            conn.execute(text, span)
        conn.execute("UPDATE storage_state SET started = true")
        conn.execute(
            "INSERT INTO rollup_dirty (from_minute, to_minute) SELECT %s, %s FROM generate_series(1, %s)",
            (rolled, floor_time(now, MINUTE) + MINUTE, DIRTY_ROWS),
        )
        conn.execute("ANALYZE reading, reading_1m, reading_1h, rollup_dirty")
    return now


def ask(dsn: str, site: Site, now: datetime, back: timedelta, step: timedelta) -> Asked:
    """PUE step by step over a time that ends now.

    Raises:
        RuntimeError: roll-ups and readings do not give the same.
    """
    with db.connect(dsn, autocommit=True) as conn:

        def from_rollups(refs: tuple[PointRef, ...]) -> Floats:
            return store.series_sum(conn, site.id, refs, now - back, now, step).values

        def from_readings(refs: tuple[PointRef, ...]) -> Floats:
            start, end = floor_time(now - back, step), floor_time(now, step)
            points = list(store.point_ids(conn, site.id, refs).values())
            wanted = {"points": points, "step": step, "start": start, "end": end}
            got = conn.execute(FROM_READINGS, wanted).fetchall()
            values = np.array([r["value"] for r in got])
            return on_grid([r["time"] for r in got], values, start, end, step).values

        ours = [_timed_pue(site, from_rollups) for _ in range(CALLS)]
        raw = [_timed_pue(site, from_readings) for _ in range(RAW_CALLS)]
    if not np.allclose(ours[0][1], raw[0][1], rtol=1e-9) or np.isnan(ours[0][1]).any():
        raise RuntimeError("roll-ups and readings do not give the same PUE")
    return Asked(median(ms for ms, _ in ours), median(ms for ms, _ in raw), ours[0][0])


def _timed_pue(site: Site, read: Callable[[tuple[PointRef, ...]], Floats]) -> tuple[float, Floats]:
    begin = time.perf_counter()
    found = read(site.meters.facility) / read(site.meters.it)
    return 1000.0 * (time.perf_counter() - begin), found
