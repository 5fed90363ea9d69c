"""A real week of 277 hosts by the command alone: published, counted, imported again, forecast."""

from __future__ import annotations

import gzip
import json
import math
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from watching import until

from core import db
from joulecast.verbs.common import DEMO_SITE

if TYPE_CHECKING:
    from pathlib import Path

FILE = "telemetry/surf_it_power_30s_2022-10.csv.gz"
MAP = "time=time_utc,it_power=power_draw,utilisation=utilisation"
ASSET = "surf_it_power_30s_2022-10"
ROWS = 20_159
STOP_S = 30.0

pytestmark = [pytest.mark.slow]


def _joulecast(env: dict[str, str], folder: Path, *arguments: str) -> Any:
    command = [sys.executable, "-m", "joulecast", *arguments, "--json"]
    done = subprocess.run(command, check=False, env=env, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def _totals(dsn: str) -> dict[str, tuple[int, float]]:
    with db.connect(dsn) as conn:
        found = conn.execute(
            "SELECT name, array_agg(value ORDER BY time) AS v FROM reading_named"
            " WHERE asset_id = %s GROUP BY name",
            (ASSET,),
        )
        return {r["name"]: (len(r["v"]), math.fsum(r["v"])) for r in found}


def test_none_lost_none_twice_and_the_forecasts_side_by_side(
    shared_data: Path, any_dsn: str, broker_url: str, tmp_path: Path
) -> None:
    path = shared_data / FILE
    with gzip.open(path, "rt") as file:
        frame = pd.read_csv(file)
    expected = {
        "it_power": (ROWS, math.fsum(frame["power_draw"])),
        "utilisation": (ROWS, math.fsum(frame["utilisation"])),
    }
    assert len(frame) == ROWS
    site = tmp_path / "site.toml"
    name = "surf-timescale" if "timescale" in tmp_path.name else "surf-plain"
    site.write_text(DEMO_SITE.read_text().replace('id = "demo"', f'id = "{name}"', 1))
    env = {k: v for k, v in os.environ.items() if not k.startswith("JOULECAST_")} | {
        "JOULECAST_DSN": any_dsn,
        "JOULECAST_BROKER": broker_url,
        "JOULECAST_SITE_FILE": str(site),
        "JOULECAST_INGEST_CLIENT_ID": f"ingest-{name}",
        "OMP_NUM_THREADS": "1",
    }
    log = (tmp_path / "ingest.log").open("w")
    ingest = subprocess.Popen([sys.executable, "-m", "ingest"], env=env, cwd=tmp_path, stderr=log)
    try:
        assert until(lambda: "subscribed" in (tmp_path / "ingest.log").read_text())
        sent = _joulecast(env, tmp_path, "publish", str(path), "--map", MAP, "--speed", "max")
        assert sent["readings"] == 2 * ROWS
        assert sent["acknowledged"] == sent["messages"]
        assert until(lambda: sum(n for n, _ in _totals(any_dsn).values()) >= 2 * ROWS)
    finally:
        ingest.terminate()
        assert ingest.wait(STOP_S) == 0
        log.close()
    assert _totals(any_dsn) == expected

    again = _joulecast(env, tmp_path, "import", str(path), "--map", MAP)
    assert (again["stored"], again["duplicate"]) == (0, 2 * ROWS)
    assert _totals(any_dsn) == expected

    backtest = ("forecast", "backtest", "--point", f"{ASSET}/it_power", "--test-days", "2")
    table = _joulecast(env, tmp_path, *backtest)
    mae_w = {row["model"]: row["mae"] for row in table}
    assert set(mae_w) == {"lstm", "mstl", "persistence", "seasonal_naive"}
    assert all(math.isfinite(value) and value > 0 for value in mae_w.values())
    assert {row["n"] for row in table} == {25 * 96}
    print("\nSURF, trained on days 1 to 5, days 6 and 7 forecast 24 h ahead every hour; MAE [W]:")
    for model, value in sorted(mae_w.items(), key=lambda item: item[1]):
        print(f"  {model:16s}{value:8.0f}")
