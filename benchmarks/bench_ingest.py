"""How close ingestion is to what the database can take: every rate beside a raw binary COPY."""

from __future__ import annotations

import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from common import report

from core import db
from core.clock import SystemClock
from core.jobs import Context
from core.settings import Settings
from core.site import load_site
from ingest import storage, worker
from ingest.history import import_csv, publish_csv
from joulecast.embedded import Broker, Postgres
from joulecast.verbs.common import DEMO_SITE

if TYPE_CHECKING:
    from core.site import Site

ROWS: Final = 100_000
MAP: Final = "time=t,it_power=a,utilisation=b"
SUBSCRIBE_S: Final = 2.0
DONE_S: Final = 300.0


def _raw_copy_per_s(dsn: str) -> float:
    """Rows a second by one binary COPY into a table with reading's key: the database's own limit."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [(start + timedelta(seconds=i // 2), 1.0, i % 2, 0) for i in range(2 * ROWS)]
    with db.connect(dsn) as conn:
        conn.execute("CREATE TABLE raw (LIKE reading INCLUDING ALL)")
        begin = time.perf_counter()
        with conn.cursor() as cursor, cursor.copy("COPY raw FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(("timestamptz", "float8", "int4", "int4"))
            for row in rows:
                copy.write_row(row)
        conn.commit()
        return len(rows) / (time.perf_counter() - begin)


def _file(folder: Path, name: str) -> Path:
    path = folder / name
    start = datetime(2026, 1, 1, tzinfo=UTC)
    with path.open("w") as file:
        file.write("t,a,b\n")
        for i in range(ROWS):
            file.write(f"{(start + timedelta(seconds=i)).isoformat()},{1000 + i % 97},{i % 100 / 100}\n")
    return path


def _end_to_end_per_s(site: Site, settings: Settings, dsn: str, path: Path) -> float:
    """Readings a second from a file through the broker into the database, until the last one is stored."""
    stop = threading.Event()
    context = Context(settings, site, SystemClock(), dsn)
    service = threading.Thread(target=worker.run, args=(context, stop))
    service.start()
    time.sleep(SUBSCRIBE_S)
    begin = time.perf_counter()
    publish_csv(path, MAP, settings.broker or "", site, None, None, SystemClock())
    with db.connect(dsn, autocommit=True) as conn:
        while time.perf_counter() - begin < DONE_S:
            found = conn.execute("SELECT count(*) AS n FROM reading_named WHERE asset_id = 'live'").fetchone()
            if found and found["n"] == 2 * ROWS:
                break
            time.sleep(0.05)
    seconds = time.perf_counter() - begin
    stop.set()
    service.join()
    return 2 * ROWS / seconds


def main() -> None:
    """Measure and report."""
    site = load_site(DEMO_SITE)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Postgres(folder / "database") as server, Broker(folder / "broker") as broker:
            db.migrate(server.dsn)
            with db.connect(server.dsn) as conn:
                storage.register_site(conn, site, SystemClock().now())
            settings = Settings(dsn=server.dsn, broker=broker.url, ingest_client_id="bench")
            raw = _raw_copy_per_s(server.dsn)
            begin = time.perf_counter()
            import_csv(_file(folder, "bulk.csv"), MAP, server.dsn, site, None, SystemClock())
            bulk = 2 * ROWS / (time.perf_counter() - begin)
            live = _end_to_end_per_s(site, settings, server.dsn, _file(folder, "live.csv"))
    figures = {
        "raw_copy_readings_per_s": raw,
        "import_readings_per_s": bulk,
        "import_over_raw_copy_ratio": bulk / raw,
        "end_to_end_readings_per_s": live,
        "end_to_end_over_raw_copy_ratio": live / raw,
    }
    report("ingest", figures, [{"figure": k, "value": v} for k, v in figures.items()])


if __name__ == "__main__":
    main()
