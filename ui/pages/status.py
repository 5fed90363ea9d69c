"""Status: do the services do their work, and is anything lost?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from dash import html

from ui import format as fmt
from ui.components.panel import empty, facts, panel, table
from ui.data import status
from ui.head import mode
from ui.page import Page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ui.components.panel import Child
    from ui.data import Source
    from ui.page import Live

_JOB_WORDS: Final = {"ok": "ok", "not_ready": "waits for data", "failed": "▲ failed"}
_STORAGE: Final = {
    "plain": "plain PostgreSQL: everything works; no compression, no continuous aggregates",
    "apache": "TimescaleDB, Apache edition: daily chunks; no compression, no continuous aggregates",
    "timescale": "TimescaleDB, Community edition: daily chunks, compression, continuous aggregates",
}


def layout(_: Source) -> list[Child]:
    """The page."""
    return [
        html.H1("Status", className="sr"),
        html.Div(
            [
                panel("Jobs", html.Div(id="status-jobs"), note="newest run of each", span=8),
                panel("Storage", html.Div(id="status-storage"), span=4),
                panel(
                    "Messages",
                    html.Div(id="status-ingest"),
                    note="received = stored + duplicate + rejected + filtered, by process since its start",
                ),
                panel("Rejected messages", html.Div(id="status-rejected"), note="newest first"),
                panel(
                    "Not mapped yet",
                    html.Div(id="status-unmapped"),
                    note="sent by devices, not named in site.toml; paste the line there",
                ),
            ],
            className="grid",
        ),
    ]


def live(source: Source) -> Live:
    """How the services fare."""
    tables = {
        "jobs": job_table,
        "storage": storage,
        "ingest": ingest_table,
        "rejected": rejected_table,
        "unmapped": unmapped_table,
    }
    return {(f"status-{name}", "children"): partial(make, source) for name, make in tables.items()}


def job_table(source: Source, prefix: str = "") -> Child:
    """The newest run of each job."""
    found, now, zone = status.jobs(source, prefix), source.now, source.zone
    if not found:
        return empty("No job has run yet: the services leave a record here from their first run on.")
    rows = [
        (
            run.job,
            html.Span(
                _JOB_WORDS.get(run.state, run.state), className="alarm p3" if run.state == "failed" else ""
            ),
            fmt.clock_time(run.ended_at, zone, now),
            fmt.age((now - run.ended_at).total_seconds()),
            run.detail,
        )
        for run in found
    ]
    return table(("Job", "State", "Ended", "Age", "What it did"), rows, numeric=(3,))


def storage(source: Source) -> Child:
    """How the database stores, and which clock rules."""
    kind = status.storage_mode(source)
    site = source.context.site
    return facts(
        [
            ("Storage", _STORAGE.get(kind, kind)),
            ("Schema", _schema(status.migrations(source))),
            ("Mode", mode(source)),
            ("Write to plant", "on" if site.write_back else "off"),
            ("Time zone", site.site.timezone),
        ]
    )


def _schema(files: Sequence[str]) -> str:
    """How far the schema is: how many files, and the newest of them."""
    newest = max(files, key=lambda name: name.rpartition("/")[2], default="")
    return f"{fmt.count(len(files), 'file')} applied, the newest {newest}" if files else "not migrated"


def ingest_table(source: Source) -> Child:
    """Counters that must add up."""
    found, now, zone = status.counters(source), source.now, source.zone
    if not found:
        return empty("No ingest process has reported yet.")
    rows = [
        (
            c.client_id,
            *(fmt.fixed(n, 0) for n in (c.received, c.stored, c.duplicate, c.rejected, c.filtered)),
            "adds up" if c.difference == 0 else f"{fmt.signed(c.difference, 0)} under way",
            fmt.clock_time(c.started_at, zone, now),
            fmt.age((now - c.updated_at).total_seconds()),
        )
        for c in found
    ]
    head = ("Process", "Received", "Stored", "Duplicate", "Rejected", "Filtered", "Sum", "Since", "Reported")
    return table(head, rows, numeric=range(1, 6))


def rejected_table(source: Source) -> Child:
    """Messages that could not be read; topics and reasons are shown as text, payloads not at all."""
    found, now, zone = status.rejected(source), source.now, source.zone
    if not found:
        return empty("None.")
    rows = [
        (
            r.topic,
            r.reason,
            fmt.fixed(r.seen, 0),
            fmt.clock_time(r.last_at, zone, now),
            f"{fmt.fixed(r.payload_bytes, 0)} B",
        )
        for r in found
    ]
    return table(("Topic", "Reason", "Times", "Last", "Size"), rows, numeric=(2, 4))


def unmapped_table(source: Source) -> Child:
    """What devices send beyond what is mapped, each with the line that would map it."""
    found, now, zone = status.unmapped(source), source.now, source.zone
    if not found:
        return empty("Nothing.")
    rows = [
        (u.codec, u.name, u.example, fmt.fixed(u.seen, 0), fmt.clock_time(u.last_at, zone, now), u.mapping)
        for u in found
    ]
    return table(
        ("Dialect", "Name", "Newest value", "Times", "Last", "Line for site.toml"), rows, numeric=(3,)
    )


PAGE: Final = Page("/status", "System", layout, live=live)
