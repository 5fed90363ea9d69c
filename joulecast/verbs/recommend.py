"""Verbs for recommendations: the same gates and the same record as behind the page's buttons."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group

from core import audit, db
from core.actions import Authority, Setpoint
from core.errors import InputError, ServiceError
from core.tariff import Objective
from joulecast.verbs.common import Json, emit, on_record, table, working

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from enum import StrEnum

    from core.jobs import Context
    from twin.advise.life import Outcome

app = typer.Typer(
    help="Recommendations: list, show, propose, decide; HOLD; how far advice may go and what it saves.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

Number = Annotated[int, typer.Argument(help="The recommendation's number.")]
Actor = Annotated[str, typer.Option("--as", help="Your name; it goes on record.")]
Version = Annotated[int, typer.Option(help="The version that you saw in the list.")]
Reason = Annotated[str, typer.Option(help="Why; it goes on record.")]


def _known(context: Context, number: int) -> db.Row:
    """The recommendation of that number.

    Raises:
        InputError: there is none.
    """
    with db.connect(context.dsn) as conn:
        found = db.row(conn, "recommendation_show", site=context.site.id, number=number)
    if not found:
        raise InputError(
            "recommendation",
            found=str(number),
            allowed="a number of `joulecast recommend list`",
            do="list them",
        )
    return found


def _one_of(what: str, text: str, allowed: Sequence[StrEnum]) -> str:
    """The value that a word names; ``-`` is as good as ``_``.

    Raises:
        InputError: it names none.
    """
    found = text.strip().lower().replace("-", "_")
    if found not in {one.value for one in allowed}:
        names = ", ".join(one.value for one in allowed)
        raise InputError(what, found=text, allowed=names, do="choose one of these")
    return found


def _signed(actor: str, reason: str = "given") -> str:
    """Make sure that a decision has a name and a reason; the name, with who types it.

    Raises:
        InputError: there is none, or it is no name.
    """
    name = audit.typed(actor)
    if not reason.strip():
        raise InputError("--reason", found="nothing", allowed="a sentence", do="say why: it goes on record")
    return name


def _decided(
    decide: Callable[[Context], Outcome],
    what: str,
    name: str,
    *,
    of: str = "",
    reason: str = "",
    as_json: bool,
) -> int:
    """Take a decision, put it on record and say what became of it; the exit status.

    Args:
        decide: takes it.
        what: as the record calls it, e.g. ``advice.accept``.
        name: whose it is, of `_signed`.
        of: what it is about; the site where empty.
        reason: why.
        as_json: whether a program reads the answer.
    """
    with working() as (context, _):
        outcome = decide(context)
        said = outcome.message
        if outcome.ok:
            try:
                with db.connect(context.dsn) as conn:
                    on_record(conn, name, what, of or context.site.id, said, reason)
            except (ServiceError, db.Error):
                said += " The audit record could not be written."
    emit({"ok": outcome.ok, "message": said}, said, as_json=as_json)
    return 0 if outcome.ok else 1


def _decided_on(
    number: int,
    decide: Callable[[Context], Outcome],
    what: str,
    name: str,
    *,
    reason: str = "",
    as_json: bool,
) -> int:
    """The same about a recommendation; an unknown number is bad input."""

    def known(context: Context) -> Outcome:
        _known(context, number)
        return decide(context)

    return _decided(known, what, name, of=f"recommendation {number}", reason=reason, as_json=as_json)


def _moves(changes: list[dict[str, Any]]) -> str:
    return "; ".join(
        f"{c['setpoint'].replace('_', ' ')} {c['from_c']:g} -> {c['to_c']:g} degC" for c in changes
    )


@app.command("list")
def list_(*, count: Annotated[int, typer.Option(min=1, help="How many.")] = 20, json: Json = False) -> int:
    """The newest recommendations and where they stand."""
    with working() as (context, _), db.connect(context.dsn) as conn:
        rows = db.rows(conn, "recommendation_list", site=context.site.id, count=count)
    lines = [
        {
            "number": r["number"],
            "version": r["version"],
            "kind": r["kind"],
            "state": r["state"].replace("_", " "),
            "made (UTC)": f"{r['created_at']:%Y-%m-%d %H:%M}",
            "change": _moves(r["changes"]),
            "saving kW": "{saving_p50_kw:.1f} ({saving_p10_kw:.1f} to {saving_p90_kw:.1f})".format(**r),
        }
        for r in rows
    ]
    emit(rows, table(lines) if lines else "no recommendation yet", as_json=json)
    return 0


@app.command("show")
def show(number: Number, *, json: Json = False) -> int:
    """One recommendation: what it changes, what the gates said, everything that happened to it."""
    with working() as (context, _):
        row = _known(context, number)
    head = (
        f"{number} (version {row['version']}, {row['kind']}) is {row['state'].replace('_', ' ')}:"
        f" {_moves(row['changes'])}"
    )
    gates = [f"  {v['gate']}: {v['reason']}" for v in row["verdicts"]]
    events = [f"  {e['at'][:16]} {e['to']} by {e['actor']}: {e['reason']}" for e in row["events"] or ()]
    emit(row, "\n".join([head, "gates", *gates, "events (UTC)", *events]), as_json=json)
    return 0


@app.command("propose")
def propose(*, json: Json = False) -> int:
    """Look for a better setpoint now and say what was found, or why there is nothing."""
    from twin.advise import propose as proposing  # noqa: PLC0415  # each verb imports only its own room

    with working() as (context, _):
        said = proposing.propose(context)
    emit({"result": said}, said, as_json=json)
    return 0


@app.command("accept")
def accept(number: Number, *, actor: Actor, version: Version, json: Json = False) -> int:
    """Accept a recommendation: the gates look again, then its setpoint is sent, or you are told to set it."""
    name = _signed(actor)
    from twin.advise import engine  # noqa: PLC0415  # each verb imports only its own room

    return _decided_on(
        number,
        lambda c: engine.accept(c.dsn, c.site, c.clock, number, version, name),
        "advice.accept",
        name,
        as_json=json,
    )


@app.command("approve")
def approve(number: Number, *, actor: Actor, version: Version, json: Json = False) -> int:
    """Agree as the second person, where the site wants two."""
    name = _signed(actor)
    from twin.advise import engine  # noqa: PLC0415  # each verb imports only its own room

    return _decided_on(
        number,
        lambda c: engine.approve_second(c.dsn, c.site, c.clock, number, version, name),
        "advice.second",
        name,
        as_json=json,
    )


@app.command("reject")
def reject(number: Number, *, actor: Actor, version: Version, reason: Reason, json: Json = False) -> int:
    """Reject a recommendation, with the reason."""
    name = _signed(actor, reason)
    from twin.advise import engine  # noqa: PLC0415  # each verb imports only its own room

    return _decided_on(
        number,
        lambda c: engine.reject(c.dsn, c.site, c.clock, number, version, name, reason),
        "advice.reject",
        name,
        reason=reason,
        as_json=json,
    )


@app.command("snooze")
def snooze(
    number: Number,
    *,
    actor: Actor,
    version: Version,
    minutes: Annotated[
        float, typer.Option(min=1.0, max=1440.0, help="For so long, by the plant's clock.")
    ] = 60.0,
    json: Json = False,
) -> int:
    """Put a recommendation off; it is worked out anew when it comes back."""
    name = _signed(actor)
    from twin.advise import engine  # noqa: PLC0415  # each verb imports only its own room

    def put_off(context: Context) -> Outcome:
        until = context.clock.now() + timedelta(minutes=minutes)
        return engine.snooze(context.dsn, context.site, context.clock, number, version, name, until)

    return _decided_on(number, put_off, "advice.snooze", name, as_json=json)


@app.command("revert")
def revert(number: Number, *, actor: Actor, reason: Reason, json: Json = False) -> int:
    """Give a setpoint back to the plant's own control now."""
    name = _signed(actor, reason)
    from twin.advise import engine  # noqa: PLC0415  # each verb imports only its own room

    return _decided_on(
        number,
        lambda c: engine.revert(c.dsn, c.site, c.clock, number, name, reason),
        "advice.revert",
        name,
        reason=reason,
        as_json=json,
    )


@app.command("hold")
def hold(*, actor: Actor, reason: Reason, json: Json = False) -> int:
    """Stop everything: nothing new begins, and what is in the plant goes back."""
    name = _signed(actor, reason)
    from twin.advise import engine  # noqa: PLC0415  # each verb imports only its own room

    return _decided(
        lambda c: engine.hold(c.dsn, c.site, c.clock, name, reason),
        "advice.hold",
        name,
        reason=reason,
        as_json=json,
    )


@app.command("resume")
def resume(*, actor: Actor, reason: Reason, json: Json = False) -> int:
    """Take HOLD off."""
    name = _signed(actor, reason)
    from twin.advise import engine  # noqa: PLC0415  # each verb imports only its own room

    return _decided(
        lambda c: engine.resume(c.dsn, c.site, c.clock, name, reason),
        "advice.resume",
        name,
        reason=reason,
        as_json=json,
    )


@app.command("authority")
def authority(
    setpoint: Annotated[str, typer.Argument(help="Which one; nothing: show all.")] = "",
    wanted: Annotated[str, typer.Argument(help="shadow, advisory, supervised or auto_bounded.")] = "",
    *,
    actor: Annotated[str, typer.Option("--as", help="Your name; it goes on record.")] = "",
    reason: Annotated[str, typer.Option(help="Why; it goes on record.")] = "",
    json: Json = False,
) -> int:
    """How far advice may go on each setpoint, and the evidence; or change it: up it takes two people."""
    from twin.advise import authority as authorities  # noqa: PLC0415  # each verb imports only its own room

    if setpoint:
        which = Setpoint(_one_of("setpoint", setpoint, tuple(Setpoint)))
        level = Authority(_one_of("authority", wanted, tuple(Authority)))
        name = _signed(actor, reason)
        return _decided(
            lambda c: authorities.change(c.dsn, c.site, c.clock, which, level, name, reason),
            "advice.authority",
            name,
            of=which.value,
            reason=reason,
            as_json=json,
        )
    with working() as (context, _), db.connect(context.dsn) as conn:
        found = [authorities.evidence(conn, context.site, context.clock, s) for s in context.site.setpoints]
    lines = [
        {
            "setpoint": e.setpoint.replace("_", " "),
            "authority": e.authority.replace("_", " "),
            "days": e.days,
            "measured": e.number,
            "inside interval": e.covered,
            "too warm": e.breaches,
        }
        for e in found
    ]
    missing = [
        f"{e.setpoint.replace('_', ' ')} to {e.next.replace('_', ' ')} lacks: {'; '.join(e.missing)}"
        for e in found
        if e.next and e.missing
    ]
    text = Group(table(lines), *missing) if lines else "no setpoint may be changed"
    emit(found, text, as_json=json)
    return 0


@app.command("savings")
def savings(*, json: Json = False) -> int:
    """What advice has really saved: in all and by day, with its interval, and each promise beside it."""
    from twin.advise import ledger  # noqa: PLC0415  # each verb imports only its own room

    with working() as (context, _), db.connect(context.dsn) as conn:
        found = ledger.savings_json(conn, context.site)
        days = ledger.total(db.rows(conn, "advice_days", site=context.site.id))
    if not days.days:
        emit(found, "nothing has been saved yet: no setpoint has been held on advice", as_json=json)
        return 0
    lines = [
        {
            "day": row["day"],
            "saved kWh": row["saving_p50_kwh"],
            "p10": row["saving_p10_kwh"],
            "p90": row["saving_p90_kwh"],
            "cost": row["cost_p50"],
            "kgCO2": row["carbon_p50_kg"],
            "water L": row["water_p50_l"],
        }
        for row in found["days"]
    ]
    said = (
        f"{days.p50_kwh:.1f} kWh ({days.p10_kwh:.1f} to {days.p90_kwh:.1f}, p10 to p90) "
        f"on {days.days} day(s), {days.ratio:.1%} of what would have been drawn; "
        "by the meters against the calibrated twin"
    )
    emit(found, Group(said, table(lines)), as_json=json)
    return 0


@app.command("objective")
def objective(
    wanted: Annotated[str, typer.Argument(help="facility_energy, cost or carbon; nothing: show it.")] = "",
    *,
    actor: Annotated[str, typer.Option("--as", help="Your name; it goes on record.")] = "",
    reason: Annotated[str, typer.Option(help="Why; it goes on record.")] = "",
    json: Json = False,
) -> int:
    """What advice makes small; never PUE, which falls when server fans work harder."""
    from twin.advise import settings  # noqa: PLC0415  # each verb imports only its own room

    if wanted:
        chosen = Objective(_one_of("objective", wanted, tuple(Objective)))
        name = _signed(actor, reason)
        return _decided(
            lambda c: settings.choose_objective(c.dsn, c.site, c.clock, chosen, name, reason),
            "advice.objective",
            name,
            reason=reason,
            as_json=json,
        )
    with working() as (context, _), db.connect(context.dsn) as conn:
        now = settings.read(conn, context.site).objective
    emit({"objective": now.value}, now.replace("_", " "), as_json=json)
    return 0
