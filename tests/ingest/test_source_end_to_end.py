"""`joulecast collect weather` and `grid`: from an address or a file, through a broker, into the database."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from test_source_prometheus import answering
from tests_of_ingest import PATIENCE_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from core import db
    from core.jobs import Context
    from core.site import Site

    Serving = Callable[..., AbstractContextManager[Context]]

HOUR = timedelta(hours=1)


@contextmanager
def collecting(site_file: Path, broker_url: str, *arguments: str) -> Iterator[None]:
    """The command, until Ctrl-C."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("JOULECAST_")}
    env |= {"JOULECAST_BROKER": broker_url, "JOULECAST_SITE_FILE": str(site_file)}
    process = subprocess.Popen(
        [sys.executable, "-m", "joulecast", "collect", *arguments, "--interval", "0.2"],
        env=env,
        cwd=site_file.parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, complaint


def readings(conn: db.Connection, asset: str) -> dict[str, tuple[datetime, float]]:
    found = conn.execute("SELECT name, time, value FROM reading_named WHERE asset_id = %s", (asset,))
    return {row["name"]: (row["time"], row["value"]) for row in found}


def test_weather(
    site_file: Path, plant: Site, broker_url: str, conn: db.Connection, serving: Serving
) -> None:
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    times = [hour + HOUR * step for step in range(-1, 51)]
    answer = {
        "hourly": {
            "time": [f"{time:%Y-%m-%dT%H:%M}" for time in times],
            "temperature_2m": [20.0 + step for step in range(-1, 51)],
            "relative_humidity_2m": [50.0] * len(times),
        }
    }
    forecast = "SELECT * FROM weather_forecast WHERE site_id = %s ORDER BY valid_at"
    with (
        serving(),
        answering(json.dumps(answer).encode()) as url,
        collecting(site_file, broker_url, "weather", url),
    ):
        wait_until(lambda: len(readings(conn, "weather")) == 3)
        wait_until(lambda: conn.execute(forecast, (plant.id,)).fetchone())
    found = readings(conn, "weather")
    now = max(time for time, _ in found.values())
    degrees = 20.0 + (now - hour) / HOUR  # the hour may have turned since
    assert found["dry_bulb_temperature"] == (now, degrees)
    assert found["relative_humidity"] == (now, 0.5)
    # 20 degC and 50 %: 13.8 degC on ASHRAE's psychrometric chart no. 1; 0.8 K more an hour
    assert found["wet_bulb_temperature"][1] == pytest.approx(13.8 + 0.8 * (degrees - 20.0), abs=0.15)
    rows = conn.execute(forecast, (plant.id,)).fetchall()
    assert 47 <= len(rows) <= 48
    assert [row["valid_at"] for row in rows] == [now + HOUR * step for step in range(1, len(rows) + 1)]
    assert rows[0]["dry_bulb_c"] == degrees + 1.0
    assert rows[0]["wet_bulb_c"] == pytest.approx(13.8 + 0.8 * (degrees - 19.0), abs=0.3)


def test_grid(site_file: Path, broker_url: str, conn: db.Connection, serving: Serving) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    past, coming = now - timedelta(minutes=30), now + HOUR
    path = site_file.parent / "grid.csv"
    path.write_text(
        f"when,ci\n{(past - HOUR).isoformat()},310\n{past.isoformat()},250\n{coming.isoformat()},200\n",
        encoding="utf-8",
    )
    mapping = "time=when,carbon_intensity=ci:g/kWh"
    with serving(), collecting(site_file, broker_url, "grid", path.name, "--map", mapping):
        wait_until(lambda: readings(conn, "grid"))
    assert readings(conn, "grid") == {"carbon_intensity": (past, 250.0)}
    assert conn.execute("SELECT count(*) AS n FROM reading").fetchone() == {"n": 1}, (
        "neither the past nor what is to come"
    )
