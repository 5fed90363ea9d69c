"""`joulecast import` killed in the middle: the same command goes on, and nothing is sent twice."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from watching import start

from core import db

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

START = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = 120_000
PATIENCE_S = 60.0
TABLE_MAP = ("--map", "time=t,rack-1/power=a,rack-2/power=b")
SERIES_MAP = '[[prometheus]]\nselector = "watts"\npoint = "power"\nasset = "rack-{rack}"\n'


def _csv(folder: Path) -> tuple[str, ...]:
    lines = (f"{(START + timedelta(seconds=i)).isoformat()},{i},{i % 97}" for i in range(ROWS))
    (folder / "m.csv").write_text("t,a,b\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return "m.csv", *TABLE_MAP


def _parquet(folder: Path) -> tuple[str, ...]:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = {
        "t": pa.array([START + timedelta(seconds=i) for i in range(ROWS)]),
        "a": [float(i) for i in range(ROWS)],
        "b": [float(i % 97) for i in range(ROWS)],
    }
    parquet.write_table(pa.table(columns), folder / "m.parquet", row_group_size=70_000)
    return "m.parquet", *TABLE_MAP


def _export(folder: Path) -> tuple[str, ...]:
    values = {
        "1": [[START.timestamp() + i, str(i)] for i in range(ROWS)],
        "2": [[START.timestamp() + i, str(i % 97)] for i in range(ROWS)],
    }
    series = [{"metric": {"__name__": "watts", "rack": k}, "values": v} for k, v in values.items()]
    text = json.dumps({"status": "success", "data": {"resultType": "matrix", "result": series}})
    (folder / "m.json").write_text(text, encoding="utf-8")
    (folder / "map.toml").write_text(SERIES_MAP, encoding="utf-8")
    return "m.json", "--map-file", "map.toml"


def _start(folder: Path, dsn: str, *arguments: str) -> subprocess.Popen[str]:
    return start(folder, "import", *arguments, JOULECAST_DSN=dsn)


def _done_at_the_kill(process: subprocess.Popen[str], conn: db.Connection) -> int:
    """Kill it between two chunks, for certain: the lock is granted when one is committed.

    Returns:
        How many rows are done.
    """
    until = time.monotonic() + PATIENCE_S
    while not conn.execute("SELECT 1 FROM import_progress").fetchall():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.005)  # often, so that it is caught in the middle
    with conn.transaction():
        conn.execute("LOCK TABLE import_progress IN ACCESS EXCLUSIVE MODE")
        (row,) = conn.execute("SELECT rows_done, rows_total FROM import_progress").fetchall()
        assert 0 < row["rows_done"] < row["rows_total"]
        process.kill()
        process.wait()
    return int(row["rows_done"])


@pytest.mark.parametrize("write", [_csv, _parquet, _export])
def test_killed_it_goes_on_where_it_was(
    tmp_path: Path, dsn: str, write: Callable[[Path], tuple[str, ...]]
) -> None:
    arguments = write(tmp_path)
    with db.connect(dsn, autocommit=True) as conn:
        process = _start(tmp_path, dsn, *arguments)
        try:
            done = _done_at_the_kill(process, conn)
        finally:
            process.kill()
            process.communicate()
        conn.execute("CREATE TABLE aside AS SELECT * FROM reading")
        first = conn.execute("DELETE FROM reading").rowcount  # sent again, they would come back
        rest = _start(tmp_path, dsn, *arguments)
        said, complaints = rest.communicate(timeout=PATIENCE_S)
        assert rest.returncode == 0, complaints
        assert f"goes on after {done} of " in said
        found = conn.execute("SELECT count(*) AS n FROM reading JOIN aside USING (point_id, time)").fetchone()
        assert found == {"n": 0}
        conn.execute("INSERT INTO reading SELECT * FROM aside")
        found = conn.execute(
            "SELECT asset_id, count(*) AS n, sum(value) AS sum FROM reading_named GROUP BY 1 ORDER BY 1"
        ).fetchall()
        assert found == [
            {"asset_id": "rack-1", "n": ROWS, "sum": sum(range(ROWS))},
            {"asset_id": "rack-2", "n": ROWS, "sum": sum(i % 97 for i in range(ROWS))},
        ]
    again = _start(tmp_path, dsn, *arguments, "--json")
    counts = json.loads(again.communicate(timeout=PATIENCE_S)[0])
    assert (counts["stored"], counts["duplicate"], counts["rejected"]) == (0, 2 * ROWS, 0)
    assert "there already" in counts["note"]
    assert 0 < first < 2 * ROWS
