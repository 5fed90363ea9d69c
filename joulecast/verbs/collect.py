"""`joulecast collect`: poll a source and publish what it says, until Ctrl-C."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from core.errors import InputError
from joulecast.verbs.data import broker

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.site import Site
    from ingest.sources.polling import Poll
    from ingest.sources.timeline import Timeline

app = typer.Typer(
    help="Poll a source and publish what it says.", no_args_is_help=True, rich_markup_mode="markdown"
)

EPW_SUFFIXES = (".epw", ".epw.gz")
GRID_POINT = "carbon_intensity"

Interval = Annotated[float, typer.Option("--interval", min=0.1, help="Seconds between samples.")]
Source = Annotated[str, typer.Argument(help="A file, or an http(s) address that answers with JSON.")]
Map = Annotated[
    str | None,
    typer.Option("--map", help="time=COLUMN,POINT=COLUMN:UNIT; for JSON a path like hourly.time."),
]
Typical = Annotated[bool, typer.Option("--typical-year", help="The file's year stands for every year.")]


def _run(make: Callable[[Site], Poll], interval_s: float) -> int:
    """Poll and publish until a signal."""
    from ingest.sources import polling  # noqa: PLC0415  # each verb imports only its own room

    stop = _stop()
    with broker() as link:
        poll = make(link.site)
        polling.collect(poll, interval_s, link.url, link.site, link.clock, stop, version=link.version)
    return 0


def _stop() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


@app.command("nvml")
def nvml(*, interval_s: Interval = 1.0) -> int:
    """Read this machine's NVIDIA GPUs and their MIG instances."""
    from ingest.sources import nvml as source  # noqa: PLC0415  # each verb imports only its own room

    with source.driver():
        pass  # no driver: say so before asking for a broker
    stop = _stop()
    with broker() as link:
        source.collect(interval_s, link.url, link.site, link.clock, stop, version=link.version)
    return 0


@app.command("host")
def host(
    *,
    interval_s: Interval = 5.0,
    asset: Annotated[str | None, typer.Option(help="The asset's name; the machine's where absent.")] = None,
) -> int:
    """Read this machine's processor, memory and, where readable, energy counters (RAPL)."""
    from ingest.sources import host as source  # noqa: PLC0415  # each verb imports only its own room

    machine = source.Host(_name(asset) or source.host_name())
    return _run(lambda _: machine.poll, interval_s)


@app.command("prometheus")
def prometheus(
    url: Annotated[str, typer.Argument(help="The endpoint, e.g. http://node-1:9400/metrics.")],
    *,
    interval_s: Interval = 5.0,
    asset: Annotated[str | None, typer.Option(help="Whose the tokens are; llm-MODEL where absent.")] = None,
) -> int:
    """Read a Prometheus endpoint of NVIDIA's DCGM exporter or of vLLM."""
    from ingest.sources import prometheus as source  # noqa: PLC0415  # each verb imports only its own room

    endpoint = source.Endpoint(url, _name(asset))
    return _run(lambda _: endpoint.poll, interval_s)


@app.command("weather")
def weather(
    source: Source,
    *,
    map: Map = None,  # noqa: A002  # the option's name
    typical_year: Typical = False,
    interval_s: Interval = 300.0,
) -> int:
    """Publish the weather and its forecast from a CSV or EPW file or an address that answers with JSON."""
    from ingest.sources.weather import MAPPING, Weather  # noqa: PLC0415  # each verb imports only its own room
    from twin import psychro  # noqa: PLC0415  # and this one the twin's physics

    def wet_bulb_c(dry_bulb_c: float, humidity_ratio: float, pressure_pa: float) -> float:
        found = psychro.wet_bulb_c(np.array(dry_bulb_c), np.array(humidity_ratio), pressure_pa)
        return float(found)

    read = _timeline(source, map or MAPPING, "weather", typical=typical_year, mapped=map is not None)
    return _run(lambda site: Weather(site, read, wet_bulb_c).poll, interval_s)


@app.command("grid")
def grid(
    source: Source,
    *,
    map: Map = None,  # noqa: A002  # the option's name
    typical_year: Typical = False,
    interval_s: Interval = 300.0,
) -> int:
    """Publish the grid's carbon intensity from a CSV file or an address that answers with JSON."""
    from ingest.sources.grid import ASSET, Grid  # noqa: PLC0415  # each verb imports only its own room

    text = map or f"time=timestamp,{GRID_POINT}={GRID_POINT}:g/kWh"
    read = _timeline(source, text, ASSET, typical=typical_year, mapped=True)
    return _run(lambda _: Grid(read).poll, interval_s)


def _timeline(
    source: str, mapping_text: str, asset: str, *, typical: bool, mapped: bool
) -> Callable[[], Timeline]:
    """What reads the rows: a file once and now, an address at every poll."""
    from ingest.mapping import Mapping  # noqa: PLC0415  # each verb imports only its own room
    from ingest.sources import timeline  # noqa: PLC0415
    from ingest.sources.prometheus import checked_url  # noqa: PLC0415

    mapping = Mapping.parse(mapping_text, asset)
    if "://" in source:
        url = checked_url(source)
        return lambda: timeline.read_json(url, mapping)
    path = Path(source)
    if path.name.lower().endswith(EPW_SUFFIXES):
        found = timeline.read_epw(path)
    elif mapped:
        found = timeline.read_csv(path, mapping, typical=typical)
    else:
        raise InputError(
            "--map",
            found="nothing",
            allowed="which column of the CSV file is which point",
            do="write it like time=TIME,dry_bulb_temperature=T:degC,relative_humidity=RH:%",
        )
    return lambda: found


def _name(asset: str | None) -> str | None:
    from ingest.mapping import is_name  # noqa: PLC0415  # each verb imports only its own room

    if asset is not None and not is_name(asset):
        raise InputError(
            "--asset", found=repr(asset), allowed="lower case, digits, hyphen, underscore", do="correct it"
        )
    return asset
