"""Verbs of the forecaster."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from core import db
from core.errors import InputError
from core.points import PointRef
from core.series import floor_time
from core.store import span
from joulecast.verbs.common import Json, emit, table, working

app = typer.Typer(help="Forecasts: train, backtest, run.", no_args_is_help=True, rich_markup_mode="markdown")

Target = Annotated[str, typer.Option(help="it_power or cooling_power.")]


@app.command("train")
def train(*, target: Target = "it_power", json: Json = False) -> int:
    """Train the LSTM on what is in the database; it takes over where it is no worse than the present one."""
    from forecast.train import train as fit  # noqa: PLC0415  # each verb imports only its own room

    with working() as (context, _), db.connect(context.dsn) as conn:
        card = fit(conn, context.site, target, context.clock)
    emit(card, table([{"what": k, "is": v} for k, v in card.items()]), as_json=json)
    return 0


@app.command("run")
def run(*, json: Json = False) -> int:
    """Issue forecasts now, as the service does every quarter of an hour."""
    from forecast.jobs import issue  # noqa: PLC0415  # each verb imports only its own room

    with working() as (context, _):
        said = issue(context)
    emit({"result": said}, said, as_json=json)
    return 0


@app.command("backtest")
def backtest(
    *,
    target: Target = "it_power",
    point: Annotated[str | None, typer.Option(help="One point instead, as asset/point.")] = None,
    test_days: Annotated[float, typer.Option(min=1.0, help="Days at the end to be forecast.")] = 2.0,
    step_minutes: Annotated[int, typer.Option(min=1, max=60, help="Length of a step.")] = 15,
    json: Json = False,
) -> int:
    """Forecast the last days again and again, and show the LSTM beside what people would use instead."""
    from forecast import backtest as rolling  # noqa: PLC0415  # each verb imports only its own room
    from forecast.dataset import load_history  # noqa: PLC0415
    from forecast.targets import refs_of  # noqa: PLC0415

    step = timedelta(minutes=step_minutes)
    with working() as (context, _), db.connect(context.dsn) as conn:
        refs = (PointRef.parse(point),) if point else refs_of(context.site, target)
        first, last = span(conn, context.site.id, refs)
        end = floor_time(last, step) + step
        until = end - timedelta(days=test_days)
        if until - first < timedelta(days=2):
            raise InputError(
                "--test-days",
                found=f"{test_days:g}, of {(last - first) / timedelta(days=1):.1f} days of readings",
                allowed="a number that leaves at least two days to learn from",
                do="take fewer",
            )
        history = load_history(conn, context.site.id, refs, first, end, step)
        rows = rolling.backtest_series(history, step, until, timezone=context.site.site.timezone)
    found = [{str(k): v for k, v in row.items()} for row in rows.to_dict("records")]
    emit(found, table(found, title=f"{point or target} [W], 24 h ahead, issued every hour"), as_json=json)
    return 0
