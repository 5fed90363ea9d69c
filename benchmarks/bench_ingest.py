"""How close ingestion is to what the database can take: every figure beside its baseline, in the same run."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

import ingest_bytes
import ingest_dashboard as dashboard
import ingest_gpu
import ingest_history as history
import ingest_raw as raw
import ingest_stream as stream
import ingest_write
from common import ROOT, console, report
from ingest_load import ASSETS, Servers
from sheet import AT_LEAST, AT_MOST, NotMeasured, Sheet, Target

from core import db
from core.clock import SystemClock
from core.site import load_site
from ingest import storage
from joulecast.embedded import Broker, BrokerKind, Postgres
from joulecast.embedded_broker import find_mosquitto
from joulecast.verbs.common import DEMO_SITE

sys.path.insert(0, str(ROOT / "tests" / "faults"))  # what the fault tests use
import kills

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.site import Site

TRACK: Final = ("track_commit_timestamp = on",)
"""Without it nobody knows when a row was committed."""
TIMESCALE: Final = ("shared_preload_libraries = 'timescaledb'", "timescaledb.telemetry_level = off")
FREE_CORES: Final = 4
"""Two workers, a broker and a database need so many to run side by side."""
MODES: Final = {"plain": "plain", "timescale": "TimescaleDB"}
BASELINES: Final = {
    "copy_by_rows_5000": ("COPY row by row, 5,000 a transaction", AT_LEAST),
    "copy_packed_5000": ("COPY of finished bytes, 5,000", AT_LEAST),
    "copy_packed_20000": ("COPY of finished bytes, 20,000", AT_LEAST),
}
"""The last has transactions as large as ours."""
BACKLOGS: Final = {100: 12_000, 10: 60_000, 1: 100_000}
"""Messages in the broker's queue, by readings in each."""
FULL: Final = 100
"""Readings in a message of those that the database is the limit for."""
TWO_WORKERS_AT: Final = (100, 1)
MOST_CPU_US: Final = {100: 1.2, 10: 5.0}
LATE_MS: Final = 20
SCALES: Final = ((2, 1), (4, 2))
QUESTIONS: Final = {
    "minutes": ("PUE by minute for a day", timedelta(days=1), timedelta(minutes=1)),
    "hours": ("PUE by hour for the month", timedelta(days=30), timedelta(hours=1)),
}


def _targets() -> Iterator[Target]:
    """The table, row by row."""
    for mode, title in MODES.items():
        yield from _write_targets(mode, title)
    yield from _stream_targets()
    what = "oldest to commit, p99 at 20 % of maximum / COPY of as many rows [ms]"
    yield Target("latency", "latency_p99_ms", what, AT_MOST, 250, as_ratio=False)
    for key, times in (("", "times on the second"), ("_late", f"times up to {LATE_MS} ms after it")):
        what = f"bytes a reading, Community compressed / before, {times}"
        yield Target("bytes", f"bytes{key}", what, AT_MOST, 8, as_ratio=False)
    for mode, title in MODES.items():
        for key, (question, *_) in QUESTIONS.items():
            what = f"{question}, {title} / of raw readings [ms]"
            yield Target(f"dashboard_{mode}", f"{mode}_pue_{key}_ms", what, AT_MOST, 50, as_ratio=False)
    what = "database down 60 s at 10,000 readings/s: memory growth / payload sent [MB]"
    yield Target("away", "memory_growth_mb", what, AT_MOST, 100, as_ratio=False)
    yield Target("away", "away_lost", "lost in that / sent [readings]", AT_MOST, 0, as_ratio=False)
    for key in ("lost", "twice"):
        what = f"10 kills, 2 broker and 2 database restarts: {key} / sent [readings]"
        yield Target("kills", f"kills_{key}", what, AT_MOST, 0, as_ratio=False)
    yield Target("gpu", "gpu_bytes", "bytes a GPU's reading, in rows of samples / of readings, plain")
    yield Target("gpu", "gpu_rate", "GPUs' readings into rows of samples / of readings, plain [readings/s]")
    for kind, count, sign in (("parquet", history.ROWS, AT_LEAST), ("csv", history.CSV_ROWS, "")):
        what = f"import of {count:,} rows, {kind} / COPY of finished bytes"
        yield Target(kind, f"import_{kind}", f"{what} [rows/s]", sign, 0.7)
        yield Target(kind, f"import_{kind}_over_sorted", f"{what} sorted by key [rows/s]")


def _write_targets(mode: str, title: str) -> Iterator[Target]:
    for way, bound in (("direct", 0.9), ("staging", 0.5)):
        for name, (other, sign) in BASELINES.items():
            what = f"{way} writer / {other}, {title} [readings/s]"
            yield Target(f"write_{mode}", f"{mode}_{way}_over_{name}", what, sign, bound)


def _stream_targets() -> Iterator[Target]:
    for per_message, bound in MOST_CPU_US.items():
        what = f"our CPU a reading at {per_message} a message / CPU of COPY row by row [us]"
        yield Target("stream", f"cpu_us_at_{per_message}", what, AT_MOST, bound, as_ratio=False)
    for name, (other, sign) in BASELINES.items():
        what = f"end to end at {FULL} a message / {other} [readings/s]"
        yield Target("stream", f"end_to_end_over_{name}", what, sign, 0.8)
    what = "receive at 1 a message / mosquitto_sub, 3.1.1 QoS 1 [messages/s]"
    yield Target("receive", "receive", what, AT_LEAST, 0.5)
    for per_message in TWO_WORKERS_AT:
        what = f"two workers on a shared subscription / one, {per_message} a message [readings/s]"
        yield Target("stream", f"two_workers_at_{per_message}", what, AT_LEAST, 1.6)


@dataclass(frozen=True, slots=True)
class Bench:
    """What every part needs."""

    sheet: Sheet
    site: Site
    site_file: Path
    folder: Path

    def writes(self, dsn: str, mode: str) -> None:
        """The writer, both ways, over each baseline."""
        found = ingest_write.measure(dsn, self.site.id)
        self.sheet.figures |= {f"{mode}_{name}_readings_per_s": found[name] for name in raw.BASELINES}
        for way in ingest_write.WAYS:
            for name in raw.BASELINES:
                key = f"{way}_over_{name}"
                self.sheet.found(f"{mode}_{key}", found[way], found[name], found[key])

    def streams(self, servers: Servers) -> None:
        """From the broker into the database: rates, processor time, two workers."""
        copy_us = self._beside_copies(servers)
        for per_message, count in BACKLOGS.items():
            ones, twos, cpu_s = [], [], []
            for _ in range(stream.ROUNDS):
                rate, each_s = stream.backlog(servers, count, per_message)
                ones.append(rate)
                cpu_s.append(each_s)
                if per_message in TWO_WORKERS_AT:
                    twos.append(stream.backlog(servers, count, per_message, workers=2)[0])
            self.sheet.figures[f"end_to_end_at_{per_message}_readings_per_s"] = median(ones)
            self.sheet.figures[f"our_cpu_us_at_{per_message}"] = stream.MICRO * median(cpu_s)
            if per_message in MOST_CPU_US:
                self.sheet.found(f"cpu_us_at_{per_message}", stream.MICRO * median(cpu_s), copy_us)
            if twos:
                cores = os.cpu_count() or 1
                note = "" if cores >= FREE_CORES else f"{cores} cores: no two are free"
                ratio = median(ingest_write.ratios(twos, ones))
                self.sheet.found(f"two_workers_at_{per_message}", median(twos), median(ones), ratio, note)

    def _beside_copies(self, servers: Servers) -> float:
        """End to end, and the same readings by COPY, in turns.

        Returns:
            Processor time that the plainest COPY takes of its client [us a reading].
        """
        count = BACKLOGS[FULL]
        columns = raw.meters(0, count * FULL // ASSETS)
        ours: list[float] = []
        copies: dict[str, list[float]] = {name: [] for name in raw.BASELINES}
        copy_cpu_s: list[float] = []
        for _ in range(stream.ROUNDS):
            ours.append(stream.backlog(servers, count, FULL)[0])
            servers.empty()
            rates, each_s = raw.copy_rates(servers.dsn, columns)
            copy_cpu_s.append(each_s)
            for name, rate in rates.items():
                copies[name].append(rate)
        for name, found in copies.items():
            ratio = median(ingest_write.ratios(ours, found))
            self.sheet.found(f"end_to_end_over_{name}", median(ours), median(found), ratio)
        return stream.MICRO * median(copy_cpu_s)

    def receives(self, servers: Servers) -> None:
        """Our subscriber beside mosquitto_sub."""
        rates = stream.receive(servers, 40_000)
        ours, theirs = rates["receive"], rates["mosquitto_sub"]
        ratio = median(ingest_write.ratios(ours, theirs))
        self.sheet.found("receive", median(ours), median(theirs), ratio)

    def latency(self, servers: Servers) -> None:
        """At a part of the rate that was reached."""
        reached = self.sheet.figures.get("end_to_end_at_100_readings_per_s")
        if not isinstance(reached, float):
            raise NotMeasured("the maximum rate is not known")
        ours, copy = stream.latency_p99_ms(servers, stream.SHARE * reached, 100)
        self.sheet.found("latency_p99_ms", ours, copy)

    def away(self, servers: Servers, database: Postgres) -> None:
        """Without a database for a minute."""
        found = stream.database_away(servers, database)
        self.sheet.found("memory_growth_mb", found.growth_mb, found.sent_mb)
        self.sheet.found("away_lost", found.lost, found.sent)

    def kills(self) -> None:
        """Kills and restarts, with a broker that keeps its queue on disk."""
        if not find_mosquitto():
            raise NotMeasured("no mosquitto from 2.0.21")
        with (
            Postgres(self.folder / "kills") as database,
            Broker(self.folder / "kills-broker", BrokerKind.MOSQUITTO) as broker,
        ):
            db.migrate(database.dsn)
            found = kills.stream_through_faults(database, broker, self.site_file)
        note = f"{found.in_time} of {found.faults} faults while they came"
        self.sheet.found("kills_lost", found.lost, found.acknowledged, note=note)
        self.sheet.found("kills_twice", found.twice, found.acknowledged)

    def bytes_a_reading(self) -> None:
        """On two scales, and with times as a poll gives them."""
        small, large = ingest_bytes.measure(SCALES)
        [late] = ingest_bytes.measure(SCALES[:1], LATE_MS)
        note = f"{large.points} points x 1 s x {large.days} d; {small.points} x {small.days} d:"
        self.sheet.found("bytes", large.compressed, large.before, note=f"{note} {small.compressed:.2f}")
        self.sheet.figures["bytes_small_scale"] = small.compressed
        note = f"{late.points} points x 1 s x {late.days} d"
        self.sheet.found("bytes_late", late.compressed, late.before, note=note)

    def dashboards(self, dsn: str, mode: str) -> None:
        """What the pages ask."""
        now = dashboard.fill(dsn, self.site)
        for key, (_, back, step) in QUESTIONS.items():
            found = dashboard.ask(dsn, self.site, now, back, step)
            name = f"{mode}_pue_{key}_ms"
            self.sheet.found(name, found.ours, found.from_readings, note=dashboard.scale())
            self.sheet.figures[f"{mode}_pue_{key}_first_call_ms"] = found.first

    def gpus(self, dsn: str) -> None:
        """Rows of samples beside rows of readings."""
        found = ingest_gpu.measure(dsn)
        for key, what in (("gpu_bytes", "bytes_per_reading"), ("gpu_rate", "readings_per_s")):
            self.sheet.found(key, found[f"gpu_wide_{what}"], found[f"gpu_narrow_{what}"])

    def imports(self, dsn: str) -> None:
        """Parquet and CSV."""
        for kind, measure in (("parquet", history.parquet_rates), ("csv", history.csv_rates)):
            with self.sheet.part(kind):
                rates = measure(dsn, self.site, self.folder)
                files, ours = len(rates["import"]), median(rates["import"])
                note = f"{files} files, {history.RACKS} points x 10 s" if files > 1 else ""
                for key, name in ((f"import_{kind}", "copy"), (f"import_{kind}_over_sorted", "copy_sorted")):
                    ratio = median(ingest_write.ratios(rates["import"], rates[name]))
                    self.sheet.found(key, ours, median(rates[name]), ratio, note)

    # -- servers ----------------------------------------------------------------------------------------

    def on_timescale(self) -> None:
        """Everything that is measured on TimescaleDB."""
        programs = os.environ.get("TIMESCALE_BIN")
        if not programs:
            raise NotMeasured("TIMESCALE_BIN does not name a folder of a TimescaleDB's programs")
        with Postgres(self.folder / "timescale", Path(programs), TIMESCALE) as server:
            self.sheet.figures["timescale_edition"] = self.prepare(server)
            with self.sheet.part("write_timescale"):
                self.writes(server.dsn, "timescale")
            with self.sheet.part("dashboard_timescale"):
                self.dashboards(server.dsn, "timescale")

    def on_plain(self) -> None:
        """Everything that needs a broker beside the database."""
        with (
            Postgres(self.folder / "database", config=TRACK) as database,
            Broker(self.folder / "broker") as broker,
        ):
            self.prepare(database)
            servers = Servers(database.dsn, broker.url_v3, self.site_file, self.site.id)
            with self.sheet.part("write_plain"):
                self.writes(database.dsn, "plain")
            with self.sheet.part("stream"):
                self.streams(servers)
            with self.sheet.part("receive"):
                self.receives(servers)
            with self.sheet.part("latency"):
                self.latency(servers)
            with self.sheet.part("away"):
                self.away(servers, database)

    def on_plain_with_history(self) -> None:
        """What fills a database."""
        with Postgres(self.folder / "history") as database:
            self.prepare(database)
            with self.sheet.part("gpu"):
                self.gpus(database.dsn)
            self.imports(database.dsn)
            with self.sheet.part("dashboard_plain"):
                self.dashboards(database.dsn, "plain")

    def prepare(self, database: Postgres) -> str:
        """Schema and site; the storage mode."""
        mode = db.migrate(database.dsn).mode
        with db.connect(database.dsn) as conn:
            storage.register_site(conn, self.site, SystemClock().now())
        return mode


def main() -> None:
    """Measure and report."""
    sheet = Sheet(tuple(_targets()))
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        site_file = folder / "site.toml"
        shutil.copy(DEMO_SITE, site_file)
        bench = Bench(sheet, load_site(DEMO_SITE), site_file, folder)
        with sheet.part("write_timescale", "dashboard_timescale"):
            bench.on_timescale()
        with sheet.part("write_plain", "stream", "receive", "latency", "away"):
            bench.on_plain()
        with sheet.part("gpu", "parquet", "csv", "dashboard_plain"):
            bench.on_plain_with_history()
        with sheet.part("bytes"):
            bench.bytes_a_reading()
        with sheet.part("kills"):
            bench.kills()
    sheet.figures["took_s"] = time.perf_counter() - begin
    report("ingest", sheet.flat(), sheet.table())
    console.print("each ratio is the median over rounds in which both take turns")


if __name__ == "__main__":
    main()
