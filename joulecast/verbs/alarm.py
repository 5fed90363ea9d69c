"""Verbs for alarms: the same steps and record as behind the page's buttons; and a test of messages."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from core import alarms, audit, db
from core.alarms import Verb
from core.errors import InputError
from core.settings import load_settings
from joulecast.verbs.common import Json, emit, on_record, plain, table, working

if TYPE_CHECKING:
    from datetime import datetime

    from core.jobs import Context

app = typer.Typer(
    help="Alarms: list, acknowledge, shelve, put out of service, bring back, comment.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
notify_app = typer.Typer(
    help="Messages by e-mail, webhook and MQTT.", no_args_is_help=True, rich_markup_mode="markdown"
)

NUMBER_MAX = 10**15
Number = Annotated[int, typer.Argument(help="The alarm's number.", min=1, max=NUMBER_MAX)]
Actor = Annotated[str, typer.Option("--as", help="Your name; it goes on record.")]
Reason = Annotated[str, typer.Option(help="Why; it goes on record.")]
HOURS_MAX = alarms.SHELVED_MAX.total_seconds() / 3600


@notify_app.callback()
def _messages() -> None:
    """Messages by e-mail, webhook and MQTT."""


def _given(option: str, text: str) -> str:
    """The text of an option.

    Raises:
        InputError: it is empty.
    """
    if not text.strip():
        raise InputError(option, found="nothing", allowed="a few words", do="say it: it goes on record")
    return text.strip()


def _act(
    context: Context, number: int, verb: Verb, actor: str, reason: str, until: datetime | None = None
) -> bool:
    with db.connect(context.dsn) as conn:
        done = alarms.act(
            conn,
            context.site.id,
            number,
            verb,
            at=context.clock.now(),
            actor=actor,
            reason=reason,
            until=until,
        )
        if done:
            on_record(conn, actor, f"alarm.{verb}", f"alarm {number}", verb.value.replace("_", " "), reason)
    return done


def _told(number: int, done: bool, what: str, *, as_json: bool) -> int:
    said = (
        f"alarm {number} {what}" if done else f"alarm {number} is in another state by now; nothing was done"
    )
    emit({"ok": done, "message": said}, said, as_json=as_json)
    return 0 if done else 1


@app.command("list")
def list_(*, json: Json = False) -> int:
    """Whatever is not normal, the gravest first: alarms, notifications, what is put aside."""
    with working() as (context, _), db.connect(context.dsn) as conn:
        rows = db.rows(conn, "ui_alarms", site=context.site.id, now=context.clock.now(), pinned=0)
    lines = [
        {
            "number": r["alarm_id"],
            "priority": f"P{r['priority']}",
            "state": r["state"].replace("_", " "),
            "kind": r["kind"],
            "raised (UTC)": f"{r['raised_at']:%Y-%m-%d %H:%M}",
            "message": r["message"],
            "do": r["action"],
        }
        for r in rows
    ]
    emit(rows, table(lines) if lines else "nothing asks for anybody", as_json=json)
    return 0


@app.command("acknowledge")
def acknowledge(
    numbers: Annotated[list[int], typer.Argument(help="The alarms' numbers.", min=1, max=NUMBER_MAX)],
    *,
    actor: Actor,
    json: Json = False,
) -> int:
    """Put on record that you have seen these alarms."""
    name = audit.typed(actor)
    with working() as (context, _):
        done = {number: _act(context, number, Verb.ACKNOWLEDGE, name, "seen") for number in numbers}
    said = [f"alarm {n} " + ("acknowledged" if ok else "needs no acknowledgement") for n, ok in done.items()]
    emit([{"number": n, "ok": ok} for n, ok in done.items()], "\n".join(said), as_json=json)
    return 0 if all(done.values()) else 1


@app.command("shelve")
def shelve(
    number: Number,
    *,
    hours: Annotated[float, typer.Option(help=f"For how long; at most {HOURS_MAX:g}.")],
    reason: Reason,
    actor: Actor,
    json: Json = False,
) -> int:
    """Put an alarm aside for a while; it comes back by itself."""
    name, why = audit.typed(actor), _given("--reason", reason)
    if not 0 < hours <= HOURS_MAX:
        raise InputError(
            "--hours", found=f"{hours:g}", allowed=f"more than 0, at most {HOURS_MAX:g}", do="choose a time"
        )
    with working() as (context, _):
        until = context.clock.now() + timedelta(hours=hours)
        done = _act(context, number, Verb.SHELVE, name, why, until)
    return _told(number, done, f"shelved until {until:%Y-%m-%d %H:%M} UTC", as_json=json)


@app.command("out-of-service")
def out_of_service(number: Number, *, reason: Reason, actor: Actor, json: Json = False) -> int:
    """Put an alarm aside until somebody brings it back, e.g. while its sensor is being replaced."""
    name, why = audit.typed(actor), _given("--reason", reason)
    with working() as (context, _):
        done = _act(context, number, Verb.TAKE_OUT, name, why)
    return _told(number, done, "is out of service", as_json=json)


@app.command("restore")
def restore(number: Number, *, reason: Reason, actor: Actor, json: Json = False) -> int:
    """Bring back an alarm that is shelved or out of service."""
    name, why = audit.typed(actor), _given("--reason", reason)
    with working() as (context, _):
        done = _act(context, number, Verb.RESTORE, name, why)
    return _told(number, done, "brought back", as_json=json)


@app.command("comment")
def comment(number: Number, *, reason: Reason, actor: Actor, json: Json = False) -> int:
    """Put a comment on an alarm's record."""
    name, why = audit.typed(actor), _given("--reason", reason)
    with working() as (context, _):
        done = _act(context, number, Verb.COMMENT, name, why)
    return _told(number, done, "has your comment", as_json=json)


@notify_app.command("test")
def try_out(*, json: Json = False) -> int:
    """Send a test on every channel that is set, and say what happened."""
    from ingest import notify  # noqa: PLC0415  # each verb imports only its own room

    with working(broker=load_settings().notify_mqtt) as (context, broker):
        settings = context.settings.model_copy(update={"broker": broker or None})
        told = notify.try_out(replace(context, settings=settings))
    lines = [f"{one.channel}: {one.said}" for one in told] or [
        "no channel is set: see notify_smtp, notify_webhook and notify_mqtt in docs/operating.md"
    ]
    emit(plain(told), "\n".join(lines), as_json=json)
    return 0 if all(one.ok for one in told) else 1
