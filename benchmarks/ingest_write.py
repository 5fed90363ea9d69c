"""The writer beside a raw binary COPY into the same table, in turns."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from statistics import median
from typing import TYPE_CHECKING, Final

from ingest_load import ASSETS, START

from core import db
from core.clock import SystemClock
from ingest.batch import Batch, Message
from ingest.codec.base import Decoded
from ingest.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingest.storage import Row

BATCH_ROWS: Final = 5000
BATCHES: Final = 10
ROUNDS: Final = 7
RAW_POINT: Final = 1_000_000
"""Ids that no point has."""
_COPY: Final = "COPY reading (time, value, point_id, status) FROM STDIN (FORMAT BINARY)"


def _decoded(batch: int) -> list[Decoded]:
    """The readings of one batch: some seconds of every rack."""
    seconds = BATCH_ROWS // ASSETS
    return [
        Decoded(f"rack-{asset}", "it_power", START + timedelta(seconds=batch * seconds + second), 1.5, 0)
        for asset in range(ASSETS)
        for second in range(seconds)
    ]


def _raw(dsn: str, batches: list[list[Decoded]]) -> float:
    """Seconds for the same readings under other ids, with nothing else in the transaction."""
    rows: list[list[Row]] = [
        [(r.time, r.value, RAW_POINT + int(r.asset[5:]), 0) for r in batch] for batch in batches
    ]
    with db.connect(dsn, autocommit=True) as conn:
        begin = time.perf_counter()
        for batch in rows:
            with conn.transaction(), conn.cursor() as cursor, cursor.copy(_COPY) as copy:
                copy.set_types(("timestamptz", "float8", "int4", "int4"))
                write = copy.write_row
                for row in batch:
                    write(row)
        return time.perf_counter() - begin


def _ours(dsn: str, site: str, batches: list[list[Decoded]], *, staged: bool) -> float:
    """Seconds for the writer, with all that it does beside."""
    writer = Writer(dsn, site, SystemClock(), threading.Event(), client_id="bench-writer")
    message = Message("bench", b"", SystemClock().now())
    writer.write(Batch([message], _decoded(-1), [0]))  # it connects and learns the points
    begin = time.perf_counter()
    for readings in batches:
        writer._staged = staged  # noqa: SLF001  # what duplicates in the batch before would do
        writer.write(Batch([message], readings, [0]))
    seconds = time.perf_counter() - begin
    writer.close()
    return seconds


def measure(dsn: str, site: str) -> dict[str, float]:
    """Readings a second of each, and their ratios: the median over rounds of raw, direct, staged."""
    count = BATCHES * BATCH_ROWS
    rates: dict[str, list[float]] = {"raw_copy": [], "direct": [], "staging": []}
    day = iter(range(10**6))
    for _ in range(ROUNDS):
        batches = [_decoded(next(day)) for _ in range(BATCHES)]
        runs: dict[str, Callable[[], float]] = {
            "raw_copy": lambda b=batches: _raw(dsn, b),
            "direct": lambda b=batches: _ours(dsn, site, b, staged=False),
            "staging": lambda: _ours(dsn, site, [_decoded(next(day)) for _ in range(BATCHES)], staged=True),
        }
        for name, run in runs.items():
            rates[name].append(count / run())
    ratios = {
        f"{name}_over_raw_copy_ratio": median(
            ours / raw for ours, raw in zip(rates[name], rates["raw_copy"], strict=True)
        )
        for name in ("direct", "staging")
    }
    return {f"{name}_readings_per_s": median(found) for name, found in rates.items()} | ratios
