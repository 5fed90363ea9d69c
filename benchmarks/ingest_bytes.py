"""Bytes a reading takes on TimescaleDB's Community edition, compressed as our migration has it, and before.

It runs under node as 32-bit code; pages and compressed columns are those of the 64-bit server.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from common import ROOT
from sheet import NotMeasured

sys.path.insert(0, str(ROOT / "tests" / "core"))  # what the tests of that edition use
import community

if TYPE_CHECKING:
    from collections.abc import Sequence

SENSORS: Final = (
    ("10.0", 20),  # power of a feed: 10 W, up to 200 W up or down in a second
    ("0.1", 1),  # temperature: 0.1 K
    ("0.001", 2),  # relative humidity, utilisation: a tenth of a percent
    ("0.01", 5),  # flow, pressure: 0.01
)
"""Resolution of a kind of sensor, and by how many steps of it a reading may differ from the one before."""
DAY_S: Final = 86_400
_WALK: Final = """
INSERT INTO reading (time, value, point_id, status)
SELECT
    timestamptz '2026-03-01 00:00:00+00' + s * interval '1 second'
    + floor(random() * {late_ms}) * interval '1 ms',
    (5000 + 40 * p + sum(step) OVER (PARTITION BY p ORDER BY s)) * float8 '{resolution}', p, 0
FROM (
    SELECT p, s, floor(random() * (2 * {most} + 1)) - {most} AS step
    FROM generate_series({first}, {last}) AS p, generate_series(0, {seconds} - 1) AS s
) AS x
"""
_COMPRESS: Final = "SELECT public.compress_chunk(c) FROM public.show_chunks('joulecast.reading') AS c"
_ASK: Final = """
SELECT
    (SELECT count(*)::float8 FROM reading),
    sum(before_compression_total_bytes)::float8,
    sum(after_compression_total_bytes)::float8,
    sum(total_chunks - number_compressed_chunks)::integer
FROM public.hypertable_compression_stats('joulecast.reading')
"""


class Bytes(NamedTuple):
    """What a reading takes."""

    points: int
    days: int
    before: float
    compressed: float


def measure(scales: Sequence[tuple[int, int]], late_ms: int = 0) -> list[Bytes]:
    """Bytes a reading on some scales.

    Args:
        scales: points of each kind of sensor, and days.
        late_ms: a reading comes up to so much after the full second [ms]; its time says so.

    Raises:
        NotMeasured: node or the package is not there.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if why := community.install(folder):
            raise NotMeasured(why)
        return [_bytes(folder, of_a_kind, days, late_ms) for of_a_kind, days in scales]


def _bytes(folder: Path, of_a_kind: int, days: int, late_ms: int) -> Bytes:
    texts = [
        _WALK.format(
            late_ms=late_ms, resolution=resolution, most=most, seconds=days * DAY_S,
            first=kind * of_a_kind + 1, last=(kind + 1) * of_a_kind,
        )
        for kind, (resolution, most) in enumerate(SENSORS)
    ]  # fmt: skip
    [[(count, before, compressed, left)]] = community.ask(
        folder, ["SELECT setseed(0.5)", *texts, _COMPRESS], [], [_ASK]
    )
    if left:
        raise RuntimeError(f"{left} chunks are not compressed")
    return Bytes(len(SENSORS) * of_a_kind, days, before / count, compressed / count)
