"""What GPUs tell, in rows of `gpu_sample` beside rows of `reading`, in turns: space and speed."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING, Final

import numpy as np

from core import db
from core.points import CATALOGUE
from ingest.bulk import Bulk, Column
from ingest.rows import as_us
from ingest.samples import FIELDS
from ingest.storage import PointIds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from core.series import Floats

SITE: Final = "bench-gpu"
GPUS: Final = 8
BATCH_S: Final = 48
"""Seconds in a batch: with 13 fields of 8 GPUs about 5000 readings."""
BATCHES: Final = 10
ROUNDS: Final = 7
START: Final = datetime(2026, 1, 5, tzinfo=UTC)
_SIZE: Final = (
    "SELECT sum(pg_total_relation_size(i.inhrelid))::bigint AS bytes FROM pg_inherits AS i"
    " WHERE i.inhparent = %s::regclass"
)
_TYPICAL: Final = {
    "gpu_power": 412.251,
    "gpu_power_instant": 428.017,
    "gpu_power_limit": 700.0,
    "energy": 9_876_543.21,
    "gpu_temperature": 64.0,
    "gpu_memory_temperature": 71.0,
    "gpu_clock": 1.755e9,
    "gpu_memory_clock": 2.619e9,
    "gpu_memory_used": 3.0 * 2**30,
    "gpu_throttle_reasons": 4.0,
}


def _columns(kind: str, second: int) -> list[Column]:
    """One batch: every field of every GPU, each second."""
    times_us = as_us(START) + 1_000_000 * (second + np.arange(BATCH_S))
    lines = np.arange(BATCH_S)

    def values(name: str) -> Floats:
        return np.linspace(1.0, 1.01, BATCH_S) * _TYPICAL.get(name, 0.85)

    return [
        Column(f"{kind}-{gpu}", name, times_us, values(name), lines) for gpu in range(GPUS) for name in FIELDS
    ]


def _known(conn: db.Connection, kind: str) -> PointIds:
    """The points of the GPUs; narrow ones as those that were registered before there were samples."""
    if kind == "narrow":
        for gpu in range(GPUS):
            for name in FIELDS:
                point = CATALOGUE[name]
                about = {"unit": point.unit, "role": point.role, "state_class": point.state_class}
                asset = f"{kind}-{gpu}"
                db.rows(conn, "register_point", site=SITE, asset=asset, name=name, source="bench", **about)
    points = PointIds(SITE, "bench")
    points.register(conn, ((f"{kind}-{gpu}", name) for gpu in range(GPUS) for name in FIELDS))
    return points


def _write(bulk: Bulk, kind: str, seconds: Iterable[int]) -> tuple[int, float]:
    """Readings stored, and how long it took [s]."""
    batches = [_columns(kind, second) for second in seconds]
    before, begin = bulk.stored, time.perf_counter()
    for batch in batches:
        bulk.write(batch)
    return bulk.stored - before, time.perf_counter() - begin


def _bytes(conn: db.Connection, table: str) -> int:
    found = conn.execute(_SIZE, (table,)).fetchone()
    return int(found["bytes"] or 0) if found else 0


def measure(dsn: str) -> dict[str, float]:
    """Bytes a reading with its share of the index, and readings a second: the median over rounds.

    Args:
        dsn: a database on plain PostgreSQL or the Apache edition, which keep samples apart; once in each.
    """
    tables = {"wide": "gpu_sample", "narrow": "reading"}
    seconds: dict[str, Iterator[int]] = {
        kind: iter(range(0, BATCH_S * BATCHES * (ROUNDS + 1), BATCH_S)) for kind in tables
    }
    rates: dict[str, list[float]] = {kind: [] for kind in tables}
    stored = dict.fromkeys(tables, 0)
    with db.connect(dsn, autocommit=True) as conn:
        bulks = {kind: Bulk(conn, _known(conn, kind)) for kind in tables}
        before = {kind: _bytes(conn, table) for kind, table in tables.items()}
        for number in range(ROUNDS + 1):
            for kind, bulk in bulks.items():
                count, took_s = _write(bulk, kind, (next(seconds[kind]) for _ in range(BATCHES)))
                stored[kind] += count
                if number:  # the first one makes partitions and plans
                    rates[kind].append(count / took_s)
        grown = {kind: _bytes(conn, table) - before[kind] for kind, table in tables.items()}
    return {f"gpu_{kind}_bytes_per_reading": grown[kind] / stored[kind] for kind in tables} | {
        f"gpu_{kind}_readings_per_s": median(found) for kind, found in rates.items()
    }
