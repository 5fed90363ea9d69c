"""The writer beside raw binary COPYs into the same table, in turns."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from statistics import median
from typing import Final

from ingest_load import ASSETS, START
from ingest_raw import BASELINES, BLOCK_S, copy_rates, meters

from core import db
from core.clock import SystemClock
from core.settings import Settings
from ingest.batch import Batch, Message
from ingest.writer import Writer

BATCH_ROWS: Final = Settings.model_fields["batch_rows"].default
BATCHES: Final = 3
ROUNDS: Final = 7
SECONDS: Final = BATCH_ROWS // ASSETS
"""Of every rack in a batch."""
WAYS: Final = {"direct": False, "staging": True}
"""Whether the writer takes some of each to be there already, so that it looks before it writes."""
ROUND: Final = len(WAYS) + 1
"""Our ways and the baselines."""


def _batch(number: int) -> Batch:
    """Some seconds of every rack, in the order of `ingest_raw.meters`."""
    batch = Batch([Message("bench", b"", SystemClock().now())], [0])
    for block in range(number * SECONDS, (number + 1) * SECONDS, BLOCK_S):
        times = [START + timedelta(seconds=second) for second in range(block, block + BLOCK_S)]
        for asset in range(ASSETS):
            batch.add(f"rack-{asset}", "it_power", times, [1.5] * BLOCK_S)
    return batch


def _ours(dsn: str, site: str, batches: list[Batch], *, again: bool) -> float:
    """Seconds for the writer, with all that it does beside."""
    writer = Writer(dsn, site, SystemClock(), threading.Event(), client_id="bench-writer")
    writer.write(_batch(-1))  # it connects and learns the points
    begin = time.perf_counter()
    for batch in batches:
        writer._again = again  # noqa: SLF001  # what duplicates in the batch before would do
        writer.write(batch)
    seconds = time.perf_counter() - begin
    writer.close()
    return seconds


def measure(dsn: str, site: str) -> dict[str, float]:
    """Readings a second of each, and ratios over each baseline: medians over rounds that all take part in."""
    with db.connect(dsn, autocommit=True) as conn:
        for day in (START - timedelta(days=1), START):
            db.rows(conn, "storage_make_day", day=day.date())
    rates: dict[str, list[float]] = {name: [] for name in (*BASELINES, *WAYS)}
    for turn in range(ROUNDS):
        first = turn * len(WAYS) * BATCHES
        for place in range(ROUND):  # each is the first in some rounds
            for name, rate in _rates(dsn, site, first, (turn + place) % ROUND).items():
                rates[name].append(rate)
    return {name: median(found) for name, found in rates.items()} | {
        f"{name}_over_{baseline}": median(ratios(rates[name], rates[baseline]))
        for name in WAYS
        for baseline in BASELINES
    }


def _rates(dsn: str, site: str, first: int, which: int) -> dict[str, float]:
    """Readings a second of the baselines, or of one of our ways."""
    if which == len(WAYS):
        return copy_rates(dsn, meters(first * SECONDS, BATCHES * SECONDS))[0]
    name, again = list(WAYS.items())[which]
    batches = [_batch(first + which * BATCHES + batch) for batch in range(BATCHES)]
    return {name: BATCHES * BATCH_ROWS / _ours(dsn, site, batches, again=again)}


def ratios(ours: list[float], theirs: list[float]) -> list[float]:
    """Round by round, so that what else the machine does takes from both."""
    return [one / other for one, other in zip(ours, theirs, strict=True)]
