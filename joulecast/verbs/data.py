"""Verbs that bring readings in."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from core.clock import parse_time
from core.errors import InputError
from core.settings import load_settings
from joulecast.verbs.common import Json, console, emit, plain, site_of, table, working

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from core.clock import Clock
    from core.site import Site
    from ingest.mapping import MapFile as MappingFile
    from ingest.mqtt import Version

File = Annotated[
    Path, typer.Argument(help="CSV or the export of a Prometheus range query, plain or gzip, or Parquet.")
]
Map = Annotated[
    str | None,
    typer.Option("--map", help="point=column pairs and time=column, e.g. time=ts,it_power=power_draw:kW"),
]
MapFile = Annotated[
    Path | None, typer.Option("--map-file", help="TOML with time, [points], [[prometheus]] instead of --map.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be stored; change nothing, need no database.")
]
Anew = Annotated[
    bool, typer.Option("--anew", help="Send all of it, also what an earlier run of this import has stored.")
]
Start = Annotated[str | None, typer.Option(help="ISO time of second 0, for files with relative seconds.")]


@contextmanager
def progress(label: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, nothing elsewhere; to be told what is done and how much there is."""
    if quiet or not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as bars:
        task = bars.add_task(label, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def _start(text: str | None) -> datetime | None:
    try:
        return parse_time(text) if text else None
    except ValueError:
        raise InputError(
            "--start", found=repr(text), allowed="an ISO 8601 time", do="write it like 2026-03-02T00:00:00Z"
        ) from None


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if speed <= 0:
        raise InputError("--speed", found=repr(text), allowed="a number above 0, or max", do="use e.g. 60")
    return speed


def import_(
    file: File,
    *,
    map: Map = None,  # noqa: A002  # the option's name
    map_file: MapFile = None,
    start: Start = None,
    dry_run: DryRun = False,
    anew: Anew = False,
    json: Json = False,
) -> int:
    """Load a file into the database in bulk; one that was broken off goes on where it was."""
    from ingest.history import checked, import_source  # noqa: PLC0415  # each verb imports only its own room

    begin, mapping = _start(start), _mapping(map, map_file)
    if dry_run:
        return _plan(file, mapping, begin, as_json=json)
    source = checked(file, mapping, begin)  # before a database is started for it
    with working() as (context, _), progress(f"importing {file.name}", quiet=json) as report:
        done = import_source(
            source,
            context.dsn,
            context.site,
            begin,
            context.clock,
            report,
            anew=anew,
            say=None if json else console.print,
        )
    found = plain(done)
    del found["note"]  # it has been said
    emit(done, table([found]), as_json=json)
    return 0


def _plan(file: Path, mapping: str | MappingFile | None, start: datetime | None, *, as_json: bool) -> int:
    from ingest.history import plan_import  # noqa: PLC0415  # each verb imports only its own room

    clock = load_settings().make_clock()
    with progress(f"reading {file.name}", quiet=as_json) as report:
        planned = plan_import(file, mapping, start, clock, report)
    found = plain(planned)
    emit(
        planned, table([{k: v for k, v in found.items() if k not in {"points", "reasons"}}]), as_json=as_json
    )
    if not as_json:
        console.print(table(found["points"], title="what would be stored; nothing has been changed"))
        for reason in planned.reasons:
            console.print(reason)
    return 0


def _mapping(text: str | None, file: Path | None) -> str | MappingFile | None:
    from ingest.mapping import MapFile as Loaded  # noqa: PLC0415  # each verb imports only its own room

    if text is not None and file is not None:
        raise InputError("--map", found="--map-file, too", allowed="one of the two", do="leave one out")
    return text if file is None else Loaded.load(file)


def publish(
    file: File,
    *,
    map: Map = None,  # noqa: A002  # the option's name
    map_file: MapFile = None,
    speed: Annotated[str, typer.Option(help="Times as fast as it was recorded, or max.")] = "1",
    start: Start = None,
    json: Json = False,
) -> int:
    """Play a file through the broker, as if its sensors were live."""
    from ingest.history import publish_file  # noqa: PLC0415  # each verb imports only its own room

    begin, factor, mapping = _start(start), _speed(speed), _mapping(map, map_file)
    with broker() as link, progress(f"publishing {file.name}", quiet=json) as report:
        done = publish_file(
            file, mapping, link.url, link.site, factor, begin, link.clock, report, version=link.version
        )
    emit(done, table([plain(done)]), as_json=json)
    return 0


class Link(NamedTuple):
    """What it takes to publish."""

    url: str
    """The broker's."""
    version: Version
    """The protocol that it speaks."""
    clock: Clock
    """The plant's."""
    site: Site


@contextmanager
def broker() -> Iterator[Link]:
    """Where to publish; the broker and the clock of a running `joulecast up` where none are set."""
    from ingest.mqtt import Version  # noqa: PLC0415  # each verb imports only its own room
    from joulecast import embedded  # noqa: PLC0415  # heavy, and not needed for --help

    settings = load_settings()
    run = embedded.running(settings.data_dir)
    url = settings.broker or (run.broker if run else None)
    if not url:
        raise InputError(
            "MQTT broker",
            found="none",
            allowed="JOULECAST_BROKER=mqtt://host:port or a running `joulecast up`",
            do="start `joulecast up` in another terminal, or set JOULECAST_BROKER",
        )
    clocked = load_settings(clock=run.clock) if run and run.clock and not settings.clock else settings
    yield Link(url, Version(settings.mqtt_version), clocked.make_clock(), site_of(settings))
