"""Verbs for recommendations: the same gates as behind the page's buttons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from core import db
from core.errors import InputError
from joulecast.verbs.common import Json, emit, table, working

if TYPE_CHECKING:
    from twin.advise.engine import Outcome

app = typer.Typer(
    help="Recommendations: list, propose, accept, reject.", no_args_is_help=True, rich_markup_mode="markdown"
)

Number = Annotated[int, typer.Argument(help="The recommendation's number.")]
Actor = Annotated[str, typer.Option("--as", help="Your name; it goes on record.")]


def _version(conn: db.Connection, number: int) -> int:
    found = db.row(conn, "recommendation_version", number=number)
    if not found:
        raise InputError(
            "recommendation",
            found=str(number),
            allowed="a number of `joulecast recommend list`",
            do="list them",
        )
    return int(found["version"])


def _told(outcome: Outcome, *, as_json: bool) -> int:
    """Say what became of a decision; the exit status."""
    emit({"ok": outcome.ok, "message": outcome.message}, outcome.message, as_json=as_json)
    return 0 if outcome.ok else 1


@app.command("list")
def list_(*, json: Json = False) -> int:
    """The newest recommendations and where they stand."""
    with working() as (context, _), db.connect(context.dsn) as conn:
        rows = db.rows(conn, "recommendation_list", site=context.site.id)
    lines = [
        {
            "number": r["number"],
            "version": r["version"],
            "state": r["state"],
            "made (UTC)": f"{r['created_at']:%Y-%m-%d %H:%M}",
            "change": "; ".join(
                f"{c['setpoint'].replace('_', ' ')} {c['from_c']:g} -> {c['to_c']:g} degC"
                for c in r["changes"]
            ),
            "saving kW": "{saving_p50_kw:.1f} ({saving_p10_kw:.1f} to {saving_p90_kw:.1f})".format(**r),
        }
        for r in rows
    ]
    emit(rows, table(lines) if lines else "no recommendation yet", as_json=json)
    return 0


@app.command("propose")
def propose(*, json: Json = False) -> int:
    """Look for a better setpoint now and say what was found, or why there is nothing."""
    from twin.advise import engine  # noqa: PLC0415  # each verb imports only its own room

    with working() as (context, _):
        said = engine.propose(context)
    emit({"result": said}, said, as_json=json)
    return 0


@app.command("accept")
def accept(
    number: Number,
    *,
    actor: Actor,
    version: Annotated[int, typer.Option(help="The version that you saw in the list.")],
    json: Json = False,
) -> int:
    """Accept a recommendation: the gates look again, then its setpoints are sent."""
    from twin.advise import engine  # noqa: PLC0415  # each verb imports only its own room

    with working() as (context, _):
        with db.connect(context.dsn) as conn:
            _version(conn, number)
        outcome = engine.accept(context.dsn, context.site, context.clock, number, version, actor)
    return _told(outcome, as_json=json)


@app.command("reject")
def reject(
    number: Number,
    *,
    actor: Actor,
    reason: Annotated[str, typer.Option(help="Why; it goes on record.")],
    json: Json = False,
) -> int:
    """Reject a recommendation, with the reason."""
    from twin.advise import engine  # noqa: PLC0415  # each verb imports only its own room

    with working() as (context, _):
        with db.connect(context.dsn) as conn:
            version = _version(conn, number)
        outcome = engine.reject(context.dsn, context.clock, number, version, actor, reason)
    return _told(outcome, as_json=json)
