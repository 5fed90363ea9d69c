"""The writer beside raw binary COPYs into the same table, in turns."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from statistics import median
from typing import Final

from ingest_load import ASSETS, START
from ingest_raw import BASELINES, copy_rates, meters

from core import db
from core.clock import SystemClock
from ingest.batch import Batch, Message
from ingest.codec.base import Decoded
from ingest.writer import Writer

BATCH_ROWS: Final = 5000
BATCHES: Final = 12
ROUNDS: Final = 7
SECONDS: Final = BATCH_ROWS // ASSETS
"""Of every rack in a batch."""
WAYS: Final = {"direct": False, "staging": True}
"""Whether the writer takes each to be staged."""
ROUND: Final = len(WAYS) + 1
"""Our ways and the baselines."""


def _decoded(batch: int) -> list[Decoded]:
    """The readings of one batch: some seconds of every rack."""
    seconds = BATCH_ROWS // ASSETS
    return [
        Decoded(f"rack-{asset}", "it_power", START + timedelta(seconds=batch * seconds + second), 1.5, 0)
        for asset in range(ASSETS)
        for second in range(seconds)
    ]


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
    name, staged = list(WAYS.items())[which]
    batches = [_decoded(first + which * BATCHES + batch) for batch in range(BATCHES)]
    return {name: BATCHES * BATCH_ROWS / _ours(dsn, site, batches, staged=staged)}


def ratios(ours: list[float], theirs: list[float]) -> list[float]:
    """Round by round, so that what else the machine does takes from both."""
    return [one / other for one, other in zip(ours, theirs, strict=True)]
