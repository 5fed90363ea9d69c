"""Real telemetry through a real broker into a real database, then in bulk: none lost, none twice."""

from __future__ import annotations

import csv
import gzip
import math
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from tests_of_ingest import counter, wait_until

from core.clock import SystemClock
from ingest.history import import_file, publish_file

if TYPE_CHECKING:
    from pathlib import Path

    from core import db
    from core.site import Site

Serving = "Callable[..., AbstractContextManager[Context]]"
WEEK = "telemetry/surf_it_power_30s_2022-10.csv.gz"
WEEK_MAP = "time=time_utc,it_power=power_draw,utilisation=utilisation"
WEEK_ROWS = 20_159
GPU_LOG = "gpu/v100_E2_inner_loop_telemetry.csv.gz"
TORN_LOG = "gpu/v100_E3_outer_loop_bursty_alternating_telemetry.csv.gz"


def rows_of(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def totals(conn: db.Connection) -> dict[str, tuple[int, float]]:
    rows = conn.execute(
        "SELECT asset_id || '/' || name AS ref, array_agg(value ORDER BY time) AS v"
        " FROM reading_named GROUP BY asset_id, name"
    )
    return {r["ref"]: (len(r["v"]), math.fsum(r["v"])) for r in rows}


@pytest.mark.slow
def test_a_real_week_of_277_hosts(
    shared_data: Path, serving: Serving, dsn: str, conn: db.Connection, plant: Site, broker_url: str
) -> None:
    path = shared_data / WEEK
    rows = rows_of(path)
    assert len(rows) == WEEK_ROWS
    asset = "surf_it_power_30s_2022-10"
    expected = {
        f"{asset}/it_power": (WEEK_ROWS, math.fsum(float(r["power_draw"]) for r in rows)),
        f"{asset}/utilisation": (WEEK_ROWS, math.fsum(float(r["utilisation"]) for r in rows)),
    }
    with serving() as context:
        sent = publish_file(path, WEEK_MAP, broker_url, plant, None, None, SystemClock())
        assert sent.readings == 2 * WEEK_ROWS
        assert sent.acknowledged == sent.messages
        client_id = context.settings.ingest_client_id
        wait_until(lambda: counter(conn, client_id)["received"] == 2 * WEEK_ROWS)
        assert counter(conn, client_id)["stored"] == 2 * WEEK_ROWS
    assert totals(conn) == expected

    again = import_file(path, WEEK_MAP, dsn, plant, None, SystemClock())
    assert (again.rows, again.stored, again.duplicate) == (WEEK_ROWS, 0, 2 * WEEK_ROWS)
    assert totals(conn) == expected


@pytest.mark.slow
def test_a_real_gpu_log(
    shared_data: Path, serving: Serving, dsn: str, conn: db.Connection, plant: Site, broker_url: str
) -> None:
    path, start = shared_data / GPU_LOG, datetime(2026, 3, 1, tzinfo=UTC)
    rows = rows_of(path)
    filled = Counter(name for row in rows for name, cell in row.items() if cell)
    with serving():
        sent = publish_file(path, None, broker_url, plant, None, start, SystemClock())
        assert sent.rejected == 0
        wait_until(lambda: sum(n for n, _ in totals(conn).values()) == sent.readings)
    found = totals(conn)
    assert found["gpu-0/gpu_power"] == (len(rows), math.fsum(float(r["power_w"]) for r in rows))
    assert found["gpu-0/utilisation"][0] == filled["util_gpu"]
    assert found["host/utilisation"][0] == filled["cpu_util"] < len(rows)
    assert "gpu-0/gpu_fan_speed_ratio" not in found
    assert import_file(path, None, dsn, plant, start, SystemClock()).stored == 0
    assert totals(conn) == found


@pytest.mark.slow
def test_a_real_log_with_torn_lines(shared_data: Path, dsn: str, conn: db.Connection, plant: Site) -> None:
    path = shared_data / TORN_LOG
    with gzip.open(path, "rt", encoding="utf-8") as file:
        lines = file.read().splitlines()
    torn = [n for n, line in enumerate(lines, 1) if line.count(",") != lines[0].count(",")]
    done = import_file(path, None, dsn, plant, datetime(2026, 3, 1, tzinfo=UTC), SystemClock())
    assert len(torn) > 10
    assert [int(reason.split()[1].rstrip(":")) for reason in done.reasons] == torn[:20]
    assert done.rejected == len(torn)
    row = conn.execute("SELECT count(*) AS n FROM reading_rejected").fetchone()
    assert row == {"n": len(torn)}
