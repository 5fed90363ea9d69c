"""`joulecast edge`: the gateway on the plant's side; it needs no database."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from joulecast.verbs.common import Json, emit

app = typer.Typer(
    help="The gateway on the plant's side of write-back: checks signed commands and lets go by itself.",
    invoke_without_command=True,
    rich_markup_mode="markdown",
)

Config = Annotated[Path, typer.Option("--config", help="The gateway's own file.")]
EDGE_FILE = Path("edge.toml")


@app.callback()
def edge(context: typer.Context, *, config: Config = EDGE_FILE) -> int:
    """Run the gateway until Ctrl-C or SIGTERM; everything it holds is given back then."""
    if context.invoked_subcommand:
        return 0
    from core import log  # noqa: PLC0415  # each verb imports only its own room
    from ingest.edge.config import load  # noqa: PLC0415  # as above
    from ingest.edge.service import Service  # noqa: PLC0415  # as above

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    log.configure("edge")
    Service(load(config)).run(stop)
    return 0


@app.command("keys")
def keys(
    folder: Annotated[Path, typer.Argument(help="Where the two files go.")] = Path(),
    *,
    as_json: Json = False,
) -> int:
    """Make a pair of keys: the private one signs on the server, the public one goes to the gateway."""
    from ingest.edge import keys as pair  # noqa: PLC0415  # each verb imports only its own room

    private, public = pair.make(folder)
    text = (
        f"{private}: keep it on the server (JOULECAST_COMMAND_KEY_FILE), and show it to nobody\n"
        f"{public}: copy it to the gateway and name it under keys in edge.toml"
    )
    emit({"private": private, "public": public}, text, as_json=as_json)
    return 0


@app.command("check")
def check(*, config: Config = EDGE_FILE, as_json: Json = False) -> int:
    """Read the gateway's file and its keys, and say what they allow; reaches for no plant."""
    from ingest.edge.config import load  # noqa: PLC0415  # each verb imports only its own room

    found = load(config)
    points = {ref: {"min": p.min, "max": p.max, "max_step": p.max_step} for ref, p in found.points.items()}
    data = {"site": found.site, "edge": found.edge, "plant": found.plant.kind, "points": points}
    text = "\n".join(
        [
            f"{config} is valid: gateway {found.edge} of site {found.site}, {found.plant.kind}",
            *(
                f"  {ref}: {p.min:g} to {p.max:g}, steps up to {p.max_step:g}"
                for ref, p in found.points.items()
            ),
        ]
    )
    emit(data, text, as_json=as_json)
    return 0
