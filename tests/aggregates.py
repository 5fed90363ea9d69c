"""What readings by minute and by hour have to come to, in every storage mode."""

from __future__ import annotations

import itertools
import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from ingest.rows import all_as_us, pack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingest.rows import Rows

AT = datetime(2026, 3, 2, 0, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=s) for s in (1, 60, 3600, 86_400))
BAD = 0x8000
AGGREGATES = (
    "SELECT point_id, extract(epoch FROM bucket)::bigint AS bucket, n::integer AS n,"
    " sum, min, max, first, last FROM {} ORDER BY point_id, bucket"
)

Reading = tuple[datetime, float, int, int]
"""Time, value, point id, status."""

GPU_POINTS = (
    ("gpu-1", "energy"),
    ("gpu-1", "gpu_power"),
    ("gpu-1", "utilisation"),
    ("gpu-2", "gpu_power"),
    ("gpu-2", "gpu_temperature"),
)
"""Asset and name of the points with the ids 1, 2, ..."""


def packed(readings: Sequence[Reading]) -> Rows:
    """Readings as the writer has them."""
    times, values, points, statuses = zip(*readings, strict=True)
    return pack(all_as_us(times), np.array(values), np.array(points), np.array(statuses))


def some_samples(seed: int) -> list[list[Reading]]:
    """Batches of what two GPUs tell: fields missing, marked and bad ones; cut in the middle of samples, some
    of it late and out of order, some again with another value. Eighths, of which sums are exact."""
    chance = random.Random(seed)  # noqa: S311  # no secret
    due = [
        (
            AT + second * SECOND,
            chance.randrange(0, 8000) / 8,
            point,
            BAD if chance.random() < 0.05 else chance.choice((0, 0, 0, 0x4000)),
        )
        for second in range(0, 3 * 3600, 10)
        for point in range(1, len(GPU_POINTS) + 1)
        if chance.random() > 0.1
    ]
    late = [r for r in due if chance.random() < 0.1]
    kept = set(late)
    in_time = [r for r in due if r not in kept]
    chance.shuffle(late)
    batches = [in_time[i : i + 501] for i in range(0, len(in_time), 501)]
    again = [(t, value + 1.0, p, s) for t, value, p, s in chance.sample(in_time, 50)]  # the first one wins
    return [*batches, late, again]


def expected(batches: list[list[Reading]], width_s: int) -> list[list[float]]:
    """The aggregates by plain arithmetic."""
    first: dict[tuple[int, datetime], tuple[float, int]] = {}
    for time, value, point, status in itertools.chain.from_iterable(batches):
        first.setdefault((point, time), (value, status))
    buckets: dict[tuple[int, int], list[float]] = {}
    for (point, time), (value, status) in sorted(first.items()):
        if status < BAD:
            buckets.setdefault((point, int(time.timestamp()) // width_s * width_s), []).append(value)
    return [
        [*key, len(v), sum(v), min(v), max(v), v[0], v[-1]] for key, v in sorted(buckets.items())
    ]  # fmt: skip
