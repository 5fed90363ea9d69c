"""Files into the database beside a binary COPY of the very same rows into a copy of the table, in turns."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
from ingest_raw import Columns, copy_packed, packed
from pyarrow import csv, parquet

from core import db
from core.clock import SystemClock
from ingest.history import import_file
from ingest.mapping import MapFile

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.random import Generator

    from core.site import Site

ROWS: Final = int(os.environ.get("BENCH_IMPORT_ROWS", "10000000"))
"""Readings to import; fewer for a quick look."""
CSV_ROWS: Final = min(ROWS, 500_000)
FILES: Final = 5
"""Over which the rows are spread, so that both take turns."""
RACKS: Final = 100
STEP_US: Final = 10_000_000
ROW_GROUP: Final = 1 << 20
"""As pyarrow and DuckDB write them."""
MAPPING: Final = """
time = "time_utc"
asset = "rack"
asset_column = "rack"
[points]
it_power = "power_w"
"""
BASELINES: Final = ("raw_copy", "raw_copy_sorted")
"""Empty copies of the readings' table."""


def parquet_rates(dsn: str, site: Site, folder: Path) -> dict[str, list[float]]:
    """Rows a second of ours and of a COPY, file by file."""
    make_baselines(dsn, ROWS)
    chance = np.random.default_rng(3)
    rates: dict[str, list[float]] = {}
    for number in range(FILES):
        columns = rack_power(chance, number * (ROWS // FILES), ROWS // FILES)
        path = folder / f"racks-{number}.parquet"
        parquet.write_table(_table(columns), path, row_group_size=ROW_GROUP)
        _compare(dsn, site, path, columns, rates)
        path.unlink()
    return rates


def csv_rates(dsn: str, site: Site, folder: Path) -> dict[str, list[float]]:
    """The same of one CSV file."""
    columns = rack_power(np.random.default_rng(4), ROWS, CSV_ROWS)
    make_baselines(dsn, ROWS + CSV_ROWS)
    rates: dict[str, list[float]] = {}
    csv.write_csv(_table(columns), folder / "racks.csv")
    _compare(dsn, site, folder / "racks.csv", columns, rates)
    return rates


def rack_power(chance: Generator, first: int, count: int) -> Columns:
    """Power of some racks every 10 s, all at the same times: a random walk in steps of 0.1 W."""
    rounds = -(-count // RACKS)
    walk = 250.0 + np.cumsum(chance.integers(-30, 31, size=(rounds, RACKS)), axis=0) / 10.0
    values = np.round(np.abs(walk) % 700.0, 1).ravel()[:count]
    moments = first_us() + STEP_US * (first // RACKS + np.arange(rounds, dtype=np.int64))
    points = np.tile(np.arange(RACKS, dtype=np.int64), rounds)[:count]
    return Columns(np.repeat(moments, RACKS)[:count], values, points)


def first_us() -> int:
    """When the first file begins, so that the last ends yesterday."""
    days = STEP_US * ((ROWS + CSV_ROWS) // RACKS) // 86_400_000_000 + 2
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return int((today - timedelta(days=days)).timestamp()) * 1_000_000


def make_baselines(dsn: str, rows: int) -> None:
    """The same columns, key and days as the readings have."""
    days = STEP_US * (rows // RACKS) // 86_400_000_000 + 1
    first = datetime.fromtimestamp(first_us() / 1e6, UTC)
    with db.connect(dsn, autocommit=True) as conn:
        for name in BASELINES:
            conn.execute(f"DROP TABLE IF EXISTS {name}")
            conn.execute(f"CREATE TABLE {name} (LIKE reading INCLUDING ALL) PARTITION BY RANGE (time)")
            for day in range(days):
                begin, end = ((first + timedelta(days=day + n)).isoformat() for n in (0, 1))
                conn.execute(
                    f"CREATE TABLE {name}_{day} PARTITION OF {name} FOR VALUES FROM ('{begin}') TO ('{end}')"
                )


def _table(columns: Columns) -> Any:
    """The columns of a log of power meters, read by `MAPPING`."""
    times = pa.array(columns.times_us, pa.timestamp("us", tz="UTC"))
    return pa.table({"time_utc": times, "rack": columns.points, "power_w": columns.values})


def _compare(dsn: str, site: Site, path: Path, columns: Columns, rates: dict[str, list[float]]) -> None:
    """Import a file, and COPY its rows: as they stand, and point by point, which is kindest to the key."""
    sorted_by_key = np.lexsort((columns.times_us, columns.points))
    streams = {
        "copy": packed(columns),
        "copy_sorted": packed(columns.take(sorted_by_key)),
    }
    count = len(columns.times_us)
    mapping_file = path.with_name("racks.toml")
    mapping_file.write_text(MAPPING, encoding="utf-8")
    mapping = MapFile.load(mapping_file)
    with db.connect(dsn, autocommit=True) as conn:
        conn.execute("CHECKPOINT")
        done = import_file(path, mapping, dsn, site, None, SystemClock())
        if done.stored != count:
            raise RuntimeError(f"{done.stored} of {count} rows were stored: {done.reasons[:1]}")
        rates.setdefault("import", []).append(count / done.seconds)
        for name, stream in streams.items():
            conn.execute("CHECKPOINT")
            rates.setdefault(name, []).append(count / copy_packed(conn, [stream], f"raw_{name}"))
