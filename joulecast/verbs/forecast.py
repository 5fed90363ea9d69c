"""Verbs of the forecaster."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group

from core import audit, db
from core.clock import clock_spec
from core.errors import InputError, NotReadyError
from core.points import PointRef
from core.series import floor_time
from core.store import span
from joulecast.verbs.common import Json, emit, on_record, table, working
from joulecast.verbs.data import progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from core.jobs import Context
    from forecast.models.lstm_run import Progress
    from forecast.registry import Version

app = typer.Typer(
    help="Forecasts: train, backtest, run; models, promote, rollback.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
LEARN_MIN = timedelta(days=2)
"""A backtest learns from at least this."""

Target = Annotated[str, typer.Option(help="it_power, cooling_power, or another target of the site.")]
Step = Annotated[int, typer.Option(help="Length of a step [min]: 15 for a day ahead, 60 for a week.")]
Actor = Annotated[str, typer.Option("--as", help="Your name; it goes on record.")]
Why = Annotated[str, typer.Option(help="Why; it goes on record.")]
LINE_STEPS = 50
"""So often training says how far it is, where there is no terminal."""
SEEDS_MAX = 9


@app.command("train")
def train(
    *,
    target: Target = "it_power",
    step: Step = 15,
    devices: Annotated[
        int, typer.Option(min=1, help="GPUs of this machine, or processes where it has none.")
    ] = 1,
    nodes: Annotated[
        int, typer.Option(min=1, help="Machines; each runs this command with MASTER_ADDR and NODE_RANK.")
    ] = 1,
    seeds: Annotated[
        int, typer.Option(min=1, max=SEEDS_MAX, help="Networks whose quantiles are averaged.")
    ] = 3,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
    json: Json = False,
) -> int:
    """Train the LSTM on what is in the database; it takes over unless the present one is clearly better."""
    from forecast.models.lstm_run import Run  # noqa: PLC0415  # each verb imports only its own room
    from forecast.train import train as fit  # noqa: PLC0415  # as above

    length = _step(step)
    with _asked(), working() as (context, _), db.connect(context.dsn) as conn:
        if devices * nodes > 1:
            _share(context)
        with _progress(seeds, quiet=quiet or json) as report:
            run = Run(devices, nodes, report=report)
            chosen = tuple(range(1, seeds + 1))
            card = fit(conn, context.site, target, context.clock, step=length, seeds=chosen, run=run)
    if not card:  # this process only helped another, which tells
        return 0
    state = "in force" if card["promoted"] else "kept aside"
    said = f"version {card['model_version_id']} of {target} at {step} min is {state}: {card['reason']}"
    figures = [
        {"model": model, **{name: found[name] for name in ("mase", "wql", "cov80", "n")}}
        for model, found in card["metrics"].items()
    ]
    left_out = [f"without {name}: {why}" for name, why in card["left_out"].items()]
    emit(card, Group(said, *left_out, table(figures, title="on the held-out time")), as_json=json)
    return 0


def _step(minutes: int) -> timedelta:
    """The step of one of the grids that are forecast.

    Raises:
        InputError: there is no such grid.
    """
    from forecast.targets import GRIDS  # noqa: PLC0415  # each verb imports only its own room

    if minutes * MINUTE not in dict(GRIDS):
        allowed = ", ".join(f"{known / MINUTE:g}" for known, _ in GRIDS)
        raise InputError("--step", found=str(minutes), allowed=allowed, do="take one of these")
    return minutes * MINUTE


@contextmanager
def _asked() -> Iterator[None]:
    """Readings that do not suffice for what was asked are bad input here, not a failure."""
    try:
        yield
    except NotReadyError as reason:
        reason.exit_status = InputError.exit_status
        raise


def _share(context: Context) -> None:
    """Tell the processes that are started beside this one which database and clock to use."""
    os.environ["JOULECAST_DSN"] = context.dsn
    if spec := clock_spec(context.clock):
        os.environ["JOULECAST_CLOCK"] = spec


@contextmanager
def _progress(seeds: int, *, quiet: bool) -> Iterator[Callable[[Progress], None] | None]:
    """A bar on a terminal; elsewhere a line now and then, and for each network at its end."""
    if quiet or "LOCAL_RANK" in os.environ:
        yield None
    elif sys.stderr.isatty():
        with progress("training", quiet=False) as bar:
            yield lambda done: bar((done.seed - 1) * done.steps + done.step, seeds * done.steps)
    else:
        yield _line


def _line(done: Progress) -> None:
    if done.step % LINE_STEPS == 0 or done.step == done.steps:
        sys.stderr.write(f"{done}\n")


@app.command("run")
def run(*, json: Json = False) -> int:
    """Issue forecasts now, as the service does every quarter of an hour."""
    from forecast.jobs import issue  # noqa: PLC0415  # each verb imports only its own room

    with working() as (context, _):
        said = issue(context)
        short = _without(context)
    emit({"result": said, "without": short}, "\n".join([said, *short]), as_json=json)
    return 0


def _without(context: Context) -> list[str]:
    """Which covariates the learned forecasts of now have to do without, a sentence each."""
    from forecast import dataset, reach, registry, targets  # noqa: PLC0415  # each verb imports only its own room

    found = []
    with db.connect(context.dsn) as conn:
        for task in targets.tasks(context.site):
            champion = registry.champion(conn, context.site.id, task.target, task.step_s)
            if champion is None:
                continue
            origin = floor_time(context.clock.now(), task.step)
            known = dataset.load_known(conn, context.site, origin - HOUR, origin)
            used = (champion.card.get("config") or {}).get("covariates") or ()
            if short := reach.short(known, used, origin, task):
                found.append(f"{task.target} at {task.step / MINUTE:g} min: {short}")
    return found


@app.command("backtest")
def backtest(
    *,
    target: Target = "it_power",
    point: Annotated[str | None, typer.Option(help="One point instead, as asset/point.")] = None,
    test_days: Annotated[float, typer.Option(min=1.0, help="Days at the end to be forecast.")] = 2.0,
    step: Annotated[int, typer.Option(min=1, max=60, help="Length of a step [min].")] = 15,
    json: Json = False,
) -> int:
    """Forecast the last days again and again, and show the LSTM beside what people would use instead."""
    from forecast import backtest as rolling  # noqa: PLC0415  # each verb imports only its own room
    from forecast.dataset import load_history, load_known  # noqa: PLC0415  # as above
    from forecast.targets import refs_of  # noqa: PLC0415  # as above

    length = step * MINUTE
    with _asked(), working() as (context, _), db.connect(context.dsn) as conn:
        refs = (PointRef.parse(point),) if point else refs_of(context.site, target)
        first, last = span(conn, context.site.id, refs)
        end = floor_time(last, length) + length
        until = end - timedelta(days=test_days)
        if until - first < LEARN_MIN:
            raise InputError(
                "--test-days",
                found=f"{test_days:g}, of {(last - first) / timedelta(days=1):.1f} days of readings",
                allowed="a number that leaves at least two days to learn from",
                do="take fewer",
            )
        history = load_history(conn, context.site.id, refs, first, end, length)
        known = load_known(conn, context.site, first, end)
        zone = context.site.site.timezone
        rows = rolling.backtest_series(history, length, until, known=known, timezone=zone)
    found = [{str(k): v for k, v in row.items()} for row in rows.to_dict("records")]
    emit(found, table(found, title=f"{point or target} [W], 24 h ahead, issued every hour"), as_json=json)
    return 0


@app.command("models")
def models(*, json: Json = False) -> int:
    """The versions of the trained models: which are in force, since when, and how good they were."""
    from forecast import registry  # noqa: PLC0415  # each verb imports only its own room

    with working() as (context, _), db.connect(context.dsn) as conn:
        found = registry.versions(conn, context.site.id)
    rows = [_version_row(version) for version in found]
    shown = [
        {
            "no": row["version"],
            "task": f"{row['target']} {row['step_min']} min",
            "status": row["status"] if since is None else f"champion since {since:%Y-%m-%d %H:%M}",
            "trained": "{trained_at:%Y-%m-%d %H:%M} on {data_from:%Y-%m-%d} to {data_to:%Y-%m-%d}".format(
                **row
            ),
            "MASE": _beside(row, "mase", 3),
            "WQL": _beside(row, "wql", 4),
        }
        for row in rows
        for since in (row["in_force_since"],)
    ]
    title = "times in UTC; MASE and WQL on the held-out time, the seasonal naive's in brackets"
    text = (
        table(shown, title=title)
        if shown
        else "no model has been trained yet: the naive forecasts are served"
    )
    emit(rows, text, as_json=json)
    return 0


def _version_row(version: Version) -> dict[str, Any]:
    """A version for programs."""
    metrics = version.card.get("metrics") or {}
    figures = {
        f"{prefix}{name}": (metrics.get(model) or {}).get(name)
        for prefix, model in (("", version.model), ("naive_", "seasonal_naive"))
        for name in ("mase", "wql", "cov80")
    }
    return {
        "version": version.model_version_id,
        "target": version.target,
        "step_min": version.step_s // 60,
        "model": version.model,
        "status": version.status,
        "trained_at": version.trained_at,
        "data_from": version.data_from,
        "data_to": version.data_to,
        **figures,
        "in_force_since": version.promoted_at if version.status == "champion" else None,
        "has_weights": version.has_weights,
        "commit": version.card.get("commit"),
        "reason": version.card.get("reason"),
    }


def _beside(row: dict[str, Any], name: str, digits: int) -> str:
    ours, naive = row[name], row[f"naive_{name}"]
    return " ".join(
        form.format(v, digits) for form, v in (("{:.{}f}", ours), ("({:.{}f})", naive)) if v is not None
    )


@app.command("promote")
def promote(
    version: Annotated[int, typer.Argument(help="The version's number, of `joulecast forecast models`.")],
    *,
    actor: Actor = "",
    why: Why = "asked for",
    json: Json = False,
) -> int:
    """Put a version in force; the present one stays at hand."""
    from forecast import registry  # noqa: PLC0415  # each verb imports only its own room

    name = _name(actor)
    with working() as (context, _), db.connect(context.dsn) as conn, conn.transaction():
        now = context.clock.now()
        chosen = registry.promote(conn, context.site.id, version, at=now, actor=name, reason=why)
        _check(conn, context, chosen)
        on_record(conn, name, "forecast.promote", _task(chosen), _said(chosen), why)
    _tell(chosen, as_json=json)
    return 0


@app.command("rollback")
def rollback(
    *,
    target: Target = "it_power",
    step: Step = 15,
    actor: Actor = "",
    why: Why = "asked for",
    json: Json = False,
) -> int:
    """Put back the version that was in force before the present one."""
    from forecast import registry  # noqa: PLC0415  # each verb imports only its own room
    from forecast.targets import refs_of  # noqa: PLC0415  # as above

    name, step_s = _name(actor), round(_step(step).total_seconds())
    with working() as (context, _), db.connect(context.dsn) as conn, conn.transaction():
        refs_of(context.site, target)  # refuses what is no target
        now = context.clock.now()
        chosen = registry.rollback(conn, context.site.id, target, step_s, at=now, actor=name, reason=why)
        _check(conn, context, chosen)
        on_record(conn, name, "forecast.rollback", _task(chosen), _said(chosen), why)
    _tell(chosen, as_json=json)
    return 0


def _check(conn: db.Connection, context: Context, chosen: Version) -> None:
    """Load what has just been put in force: a broken version undoes the change.

    Raises:
        InputError: the version was tampered with, or does not fit.
    """
    from forecast import registry  # noqa: PLC0415  # each verb imports only its own room

    now = registry.champion(conn, context.site.id, chosen.target, chosen.step_s, chosen.model)
    if now is not None:
        registry.load(now)


def _name(actor: str) -> str:
    """Who decides: the name that was given with who has typed it, or the one who types."""
    return audit.typed(actor) if actor.strip() else audit.operator_of_this_machine().name


def _task(chosen: Version) -> str:
    return f"forecast of {chosen.target} at {chosen.step_s // 60} min"


def _said(chosen: Version) -> str:
    return (
        f"version {chosen.model_version_id} of {chosen.target} at {chosen.step_s // 60} min is in force,"
        f" trained {chosen.trained_at:%Y-%m-%d %H:%M} UTC"
    )


def _tell(chosen: Version, *, as_json: bool) -> None:
    said = _said(chosen)
    emit({"version": chosen.model_version_id, "message": said}, said, as_json=as_json)
