"""Verbs about what could not be read: see it, and read it again when the mapping is right."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from core import db
from joulecast.verbs.common import Json, console, emit, plain, table, working
from joulecast.verbs.data import progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.jobs import Context

app = typer.Typer(
    help="What could not be read, and reading it again.", no_args_is_help=True, rich_markup_mode="markdown"
)

Topic = Annotated[str, typer.Option(help="Only where the topic contains this.")]
Reason = Annotated[str, typer.Option(help="Only where the reason contains this.")]


@contextmanager
def _connected() -> Iterator[tuple[Context, db.Connection]]:
    with working() as (context, _), db.connect(context.dsn, autocommit=True) as conn:
        yield context, conn


@app.command("list")
def list_(
    *,
    topic: Topic = "",
    reason: Reason = "",
    limit: Annotated[int, typer.Option(min=1, help="How many, the newest first.")] = 50,
    json: Json = False,
) -> int:
    """List refused messages: topic, reason, when, how often and how large."""
    from ingest import rejected  # noqa: PLC0415  # each verb imports only its own room

    with _connected() as (_, conn):
        found = rejected.listed(conn, rejected.Filter(topic, reason), limit)
    if json:
        emit(found, "", as_json=True)
        return 0
    for row in found:
        times = f"first {row.first_at:%Y-%m-%d %H:%M:%S}, last {row.last_at:%Y-%m-%d %H:%M:%S} UTC"
        console.print(
            f"{row.name}  {ascii(row.topic)[1:-1]}  {row.payload_bytes} bytes  {row.seen}x, {times}",
            markup=False,
        )
        console.print(f"    {row.reason}")
    if not found:
        console.print("nothing was refused")
    return 0


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="The name that `list` gives, or its first digits.")],
    *,
    json: Json = False,
) -> int:
    """Show one refused message with what came."""
    from ingest import rejected  # noqa: PLC0415  # each verb imports only its own room

    with _connected() as (_, conn):
        found = rejected.shown(conn, name)
    if json:
        emit(found, "", as_json=True)
        return 0
    for key, value in plain(found).items():
        console.print(f"{key.replace('_', ' ')}: {ascii(value) if key == 'payload' else value}")
    return 0


@app.command("replay")
def replay(*, topic: Topic = "", reason: Reason = "", json: Json = False) -> int:
    """Read refused messages again with today's site.toml; what is readable now is stored and off the list."""
    from ingest import rejected  # noqa: PLC0415  # each verb imports only its own room

    which = rejected.Filter(topic, reason)
    with _connected() as (context, conn), progress("reading again", quiet=json) as report:
        done = rejected.replay(conn, context.site, which, context.clock, report)
    emit(done, table([plain(done)]), as_json=json)
    return 0
