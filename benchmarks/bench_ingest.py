"""How close ingestion is to what the database can take: every rate beside its baseline, in the same run."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import ingest_stream as stream
import ingest_write
from common import console, report
from ingest_load import Servers

from core import db
from core.clock import SystemClock
from core.site import load_site
from ingest import storage
from ingest.history import import_file
from joulecast.embedded import Broker, Postgres
from joulecast.verbs.common import DEMO_SITE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.site import Site

MAP: Final = "time=t,it_power=a,utilisation=b"
IMPORT_ROWS: Final = 500_000
TRACK: Final = ("track_commit_timestamp = on",)
"""Without it nobody knows when a row was committed."""
TIMESCALE: Final = ("shared_preload_libraries = 'timescaledb'", "timescaledb.telemetry_level = off")
FREE_CORES: Final = 4
"""Two workers, a broker and a database need so many to run side by side."""


class Row(NamedTuple):
    """A line of the table."""

    what: str
    ours: float
    baseline: float | None
    figure: float
    """What is held against the target: a ratio, or `ours`."""
    target: str
    met: str


def _row(what: str, ours: float, baseline: float | None, at_least: float) -> Row:
    ratio = ours / baseline if baseline else ours
    return _judged(what, ours, baseline, ratio, at_least)


def _judged(what: str, ours: float, baseline: float | None, ratio: float, at_least: float) -> Row:
    return Row(what, ours, baseline, ratio, f">= {at_least:g}", "yes" if ratio >= at_least else "no")


def _bound(what: str, ours: float, at_most: float) -> Row:
    return Row(what, ours, None, ours, f"<= {at_most:g}", "yes" if ours <= at_most else "no")


def _write_rows(figures: dict[str, float], mode: str) -> list[Row]:
    prefix = "" if mode == "plain" else f"{mode}_"
    rows = []
    for name, target in (("direct", 0.9), ("staging", 0.5)):
        rows.append(
            _judged(
                f"{name} writer / raw binary COPY, same table ({mode}) [readings/s]",
                figures[f"{prefix}{name}_readings_per_s"],
                figures[f"{prefix}raw_copy_readings_per_s"],
                figures[f"{prefix}{name}_over_raw_copy_ratio"],
                target,
            )
        )
    return rows


def _stream_rows(servers: Servers, figures: dict[str, float]) -> list[Row]:
    raw = figures["raw_copy_readings_per_s"]
    rows = []
    for per_message, count, most_us in ((100, 6000, 1.2), (10, 20_000, 5.0)):
        rate, cpu_s = stream.backlog(servers, count, per_message)
        figures[f"end_to_end_{per_message}_readings_per_s"] = rate
        figures[f"end_to_end_{per_message}_over_raw_copy_ratio"] = rate / raw
        figures[f"cpu_us_per_reading_at_{per_message}"] = cpu_s * stream.MICRO
        rows.append(
            _bound(f"our CPU per reading, {per_message} a message [us]", cpu_s * stream.MICRO, most_us)
        )
        if per_message == 100:  # noqa: PLR2004  # the table's row
            rows.append(_row("end to end, 100 a message / raw COPY [readings/s]", rate, raw, 0.8))
    one, cpu_s = stream.backlog(servers, 20_000, 1)
    figures["end_to_end_1_readings_per_s"], figures["cpu_us_per_reading_at_1"] = one, cpu_s * stream.MICRO
    two, _ = stream.backlog(servers, 30_000, 1, workers=2)
    figures["two_workers_readings_per_s"], figures["two_workers_over_one_ratio"] = two, two / one
    row = _row("two workers / one, 1 a message [readings/s]", two, one, 1.6)
    if (os.cpu_count() or 1) < FREE_CORES:
        row = row._replace(met=f"{row.met} ({os.cpu_count()} cores, none free)")
    return [*rows, row]


def _receive_row(servers: Servers, figures: dict[str, float]) -> list[Row]:
    found = stream.receive(servers, 30_000)
    figures.update(found)
    if "mosquitto_sub_messages_per_s" not in found:
        console.print("no mosquitto_sub on the path: its row is left out")
        return []
    ours, baseline = found["receive_messages_per_s"], found["mosquitto_sub_messages_per_s"]
    return [_row("receive / mosquitto_sub, 3.1.1 QoS 1 [messages/s]", ours, baseline, 0.5)]


def _import_per_s(site: Site, dsn: str, folder: Path) -> float:
    """Readings a second out of a CSV file."""
    path = folder / "bulk.csv"
    start = datetime(2026, 1, 1, tzinfo=UTC)
    with path.open("w") as file:
        file.write("t,a,b\n")
        for i in range(IMPORT_ROWS // 2):
            file.write(f"{(start + timedelta(seconds=i)).isoformat()},{1000 + i % 97},{i % 100 / 100}\n")
    begin = time.perf_counter()
    import_file(path, MAP, dsn, site, None, SystemClock())
    return IMPORT_ROWS / (time.perf_counter() - begin)


def _timescale(site: Site, folder: Path, figures: dict[str, float]) -> list[Row]:
    programs = os.environ.get("TIMESCALE_BIN")
    if not programs:
        console.print("TIMESCALE_BIN is not set: the rows for TimescaleDB are left out")
        return []
    with Postgres(folder / "timescale", bin_dir=Path(programs), config=TIMESCALE) as server:
        mode = db.migrate(server.dsn).mode
        _register(site, server.dsn)
        found = ingest_write.measure(server.dsn, site.id)
    figures.update({f"{mode}_{name}": value for name, value in found.items()})
    return _write_rows(figures, mode)


def _register(site: Site, dsn: str) -> None:
    with db.connect(dsn) as conn:
        storage.register_site(conn, site, SystemClock().now())


def _table(rows: Sequence[Row]) -> list[dict[str, object]]:
    names = {"figure": "ratio or figure"}
    return [
        {names.get(key, key): ("" if value is None else value) for key, value in row._asdict().items()}
        for row in rows
    ]


def main() -> None:
    """Measure and report."""
    site = load_site(DEMO_SITE)
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        site_file = folder / "site.toml"
        shutil.copy(DEMO_SITE, site_file)
        rows = _timescale(site, folder, figures)
        with (
            Postgres(folder / "database", config=TRACK) as database,
            Broker(folder / "broker") as broker,
        ):
            db.migrate(database.dsn)
            _register(site, database.dsn)
            servers = Servers(database.dsn, broker.url_v3, site_file, site.id)
            figures.update(ingest_write.measure(database.dsn, site.id))
            rows = _write_rows(figures, "plain") + rows
            rows += _stream_rows(servers, figures)
            rows += _receive_row(servers, figures)
            rate = stream.SHARE * figures["end_to_end_100_readings_per_s"]
            figures["latency_p99_ms"] = stream.latency_p99_ms(servers, rate, 100)
            rows.append(
                _bound("oldest to commit, p99 at 20 % of maximum [ms]", figures["latency_p99_ms"], 250)
            )
            figures["import_readings_per_s"] = _import_per_s(site, database.dsn, folder)
            figures["import_over_raw_copy_ratio"] = (
                figures["import_readings_per_s"] / figures["raw_copy_readings_per_s"]
            )
            figures["memory_growth_mb"], lost = stream.growth_without_database_mb(servers, database)
            figures["lost_readings"] = float(lost)
            what = "database down 60 s at 10,000 readings/s: memory [MB]"
            rows.append(_bound(what, figures["memory_growth_mb"], 100))
            rows.append(_bound("readings lost in that", float(lost), 0))
    report("ingest", figures, _table(rows))


if __name__ == "__main__":
    main()
