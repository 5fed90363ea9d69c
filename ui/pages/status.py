"""System: do the services do their work, what waits, is anything lost?"""

from __future__ import annotations

import platform
import shutil
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dash import dcc, html
from flask import redirect, request

from ui import format as fmt
from ui.components.panel import empty, facts, panel, table
from ui.data import status
from ui.head import data_age, mode
from ui.page import Page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dash import Dash
    from werkzeug.wrappers import Response

    from ui.components.panel import Child
    from ui.data import Source
    from ui.page import Live

SERVICES: Final = {
    "ingest": "messages into readings, commands to the plant",
    "forecast": "demand to come",
    "twin": "calibration, advice, verification",
}
"""The services that leave a record of their jobs, and what they do."""
_JOB_WORDS: Final = {"ok": "ok", "not_ready": "waits for data", "failed": "▲ failed"}
_STORAGE: Final = {
    "plain": "plain PostgreSQL: everything works; no compression, no continuous aggregates",
    "apache": "TimescaleDB, Apache edition: daily chunks; no compression, no continuous aggregates",
    "timescale": "TimescaleDB, Community edition: daily chunks, compression, continuous aggregates",
}


def layout(_: Source) -> list[Child]:
    """The page."""
    return [
        html.H1("System", className="sr"),
        html.Div(
            [
                panel("Services", html.Div(id="status-services"), note="by their newest work", span=7),
                panel("What waits", html.Div(id="status-waiting"), span=5),
                panel("Jobs", html.Div(id="status-jobs"), note="newest run of each", span=7),
                panel("Storage and versions", html.Div(id="status-storage"), span=5),
                panel(
                    "Messages",
                    html.Div(id="status-ingest"),
                    note="received = stored + duplicate + rejected + filtered, by process since its start",
                ),
            ],
            className="grid",
        ),
    ]


def register(app: Dash, _: Source) -> None:
    """The page's old address leads to it."""

    def moved() -> Response:
        query = request.query_string.decode()
        return redirect(f"{PAGE.path}?{query}" if query else PAGE.path)

    app.server.add_url_rule("/status", "system-page", moved)


def live(source: Source) -> Live:
    """How the services fare."""
    tables = {
        "services": service_table,
        "waiting": waiting_facts,
        "jobs": job_table,
        "storage": storage,
        "ingest": ingest_table,
    }
    return {(f"status-{name}", "children"): partial(make, source) for name, make in tables.items()}


def service_table(source: Source) -> Child:
    """Each service by the newest of its jobs, and whatever else gives a sign of life."""
    now, zone = source.now, source.zone
    runs = status.jobs(source)
    lines = []
    for name, does in SERVICES.items():
        own = [run for run in runs if run.job.startswith(f"{name}.")]
        newest = max((run.ended_at for run in own), default=None)
        failing = [run.job for run in own if run.state == "failed"]
        lines.append((name, does, newest, f"▲ {', '.join(failing)} failed" if failing else ""))
    beats = status.beats(source)
    lines += [(b.name, "sign of life", b.heard_at, "" if b.online else "▲ has said goodbye") for b in beats]
    table_rows = [
        (
            name,
            does,
            fmt.clock_time(at, zone, now),
            fmt.age((now - at).total_seconds()) if at else "never",
            html.Span(problem, className="alarm p3") if problem else ("works" if at else "no sign of it yet"),
        )
        for name, does, at, problem in lines
    ]
    return table(("Service", "Does", "Last heard", "Age", "State"), table_rows, numeric=(3,))


def waiting_facts(source: Source) -> Child:
    """Lag of what comes in, and what waits."""
    found, age_s = status.waiting(source), data_age(source)
    return facts(
        [
            ("Newest power reading", f"{fmt.age(age_s)} old" if age_s is not None else "none yet"),
            ("Readings to add up", f"{fmt.fixed(found.rollup_minutes, 0)} min"),
            ("Commands on their way", fmt.fixed(found.commands, 0)),
            ("Refused messages", dcc.Link(fmt.fixed(found.refused, 0), href="/quality")),
            ("Names not mapped", dcc.Link(fmt.fixed(found.unmapped, 0), href="/connect")),
            ("Messages to people", _messages(found)),
            ("First steps", html.Button("Start the tour", id="tour-start", className="btn small")),
        ]
    )


def _messages(found: status.Waiting) -> Child:
    """Those that are on their way, and those that nobody will get."""
    waits = f"{fmt.fixed(found.untold, 0)} wait"
    if not found.given_up:
        return waits
    days = status.GIVEN_UP_SHOWN.days
    said = f"▲ {waits}, {fmt.fixed(found.given_up, 0)} given up in {days} days"
    return html.Span(said, className="alarm p3")


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
            fmt.said(run.detail),
        )
        for run in found
    ]
    return table(("Job", "State", "Ended", "Age", "What it did"), rows, numeric=(3,))


def storage(source: Source) -> Child:
    """How the database stores, how much room there is, and the versions of everything."""
    kind, servers = status.storage_mode(source), status.servers(source)
    site, free = source.context.site, shutil.disk_usage(Path.cwd()).free
    return facts(
        [
            ("Storage", _STORAGE.get(kind, kind)),
            ("Database", f"{_gib(servers.size_bytes)}; this machine has {_gib(free)} free"),
            ("Schema", _schema(status.migrations(source))),
            ("Joulecast", version("joulecast")),
            ("PostgreSQL", servers.postgresql),
            ("TimescaleDB", servers.timescaledb or "not there"),
            ("Python", platform.python_version()),
            ("Mode", mode(source)),
            ("Write to plant", "on" if site.write_back else "off"),
            ("Time zone", site.site.timezone),
        ]
    )


def _gib(size_bytes: float) -> str:
    return fmt.quantity(size_bytes, "B")


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


PAGE: Final = Page("/system", "System", layout, register, live)
