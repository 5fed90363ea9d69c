"""Verbs that bring readings in."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from core.clock import parse_time
from core.errors import InputError
from core.settings import load_settings
from joulecast.verbs.common import Json, emit, plain, site_of, table, working

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from core.clock import Clock
    from core.site import Site

collect = typer.Typer(
    help="Poll a source and publish what it says.", no_args_is_help=True, rich_markup_mode="markdown"
)

File = Annotated[Path, typer.Argument(help="CSV file, plain or gzip.")]
Map = Annotated[
    str | None,
    typer.Option("--map", help="point=column pairs and time=column, e.g. time=ts,it_power=power_draw:kW"),
]
Start = Annotated[str | None, typer.Option(help="ISO time of second 0, for files with relative seconds.")]


@contextmanager
def _progress(label: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
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


def import_(file: File, *, map: Map = None, start: Start = None, json: Json = False) -> int:  # noqa: A002
    """Load a file into the database in bulk. Loading it again changes nothing."""
    from ingest.history import import_csv  # noqa: PLC0415  # each verb imports only its own room

    begin = _start(start)
    with working() as (context, _), _progress(f"importing {file.name}", quiet=json) as report:
        done = import_csv(file, map, context.dsn, context.site, begin, context.clock, report)
    emit(done, table([plain(done)]), as_json=json)
    return 0


def publish(
    file: File,
    *,
    map: Map = None,  # noqa: A002  # the option's name
    speed: Annotated[str, typer.Option(help="Times as fast as it was recorded, or max.")] = "1",
    start: Start = None,
    json: Json = False,
) -> int:
    """Play a file through the broker, as if its sensors were live."""
    from ingest.history import publish_csv  # noqa: PLC0415  # each verb imports only its own room

    begin, factor = _start(start), _speed(speed)
    with _broker() as (url, context_clock, site), _progress(f"publishing {file.name}", quiet=json) as report:
        done = publish_csv(file, map, url, site, factor, begin, context_clock, report)
    emit(done, table([plain(done)]), as_json=json)
    return 0


@contextmanager
def _broker() -> Iterator[tuple[str, Clock, Site]]:
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
    yield url, clocked.make_clock(), site_of(settings)


@collect.command("nvml")
def nvml(
    *,
    interval_s: Annotated[float, typer.Option("--interval", min=0.1, help="Seconds between samples.")] = 1.0,
) -> int:
    """Read this machine's NVIDIA GPUs and publish them until Ctrl-C."""
    from ingest.sources import nvml as source  # noqa: PLC0415  # each verb imports only its own room

    with source.driver():
        pass  # no driver: say so before asking for a broker
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with _broker() as (url, clock, site):
        source.collect(interval_s, url, site, clock, stop)
    return 0
