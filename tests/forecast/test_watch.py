"""From daily scores to a training and an alarm."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from made_plant import fill, measure
from made_series import daily

from core import db
from core.errors import NotReadyError
from forecast import drift, train, watch
from forecast import jobs as room
from forecast.protocol import Task
from forecast.watch import Found

if TYPE_CHECKING:
    from core import jobs
    from core.clock import ManualClock

IT = Task(timezone="Europe/Amsterdam")
T0 = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def found(day: float, *, drifted: bool = False, inputs: bool = False, judged: bool = True) -> Found:
    return Found(T0 + day * DAY, judged, drifted, inputs)


def test_drift_asks_for_a_training_once_it_is_newer() -> None:
    run = [found(0), found(1, drifted=True)]
    assert watch.asks(run, T0)
    assert not watch.asks(run, T0 + 1.5 * DAY)
    assert not watch.asks([found(0)], T0 - DAY)


def test_moved_inputs_ask_once() -> None:
    run = [found(0), found(1, inputs=True), found(2, inputs=True)]
    assert watch.asks(run, T0)
    assert not watch.asks(run, T0 + 1.5 * DAY)
    assert watch.asks([*run, found(3), found(4, inputs=True)], T0 + 1.5 * DAY)


def test_a_training_has_three_days_to_help() -> None:
    run = [found(0), found(1, drifted=True), found(2, judged=False), found(4, judged=False)]
    trained = [T0 - 5 * DAY, T0 + 1.1 * DAY]
    still = [*run, found(4.5, drifted=True)]
    assert watch.unhelped_since(still, trained, T0 + 4.5 * DAY) == T0 + DAY
    assert watch.unhelped_since(still, trained[:1], T0 + 4.5 * DAY) is None  # none has been trained
    assert watch.unhelped_since(still, trained, T0 + 4 * DAY) is None
    assert watch.unhelped_since(run, trained, T0 + 5 * DAY) is None  # nothing can be said yet
    helped = [*run, found(4.2), found(4.5, drifted=True)]
    assert watch.unhelped_since(helped, trained, T0 + 9 * DAY) is None  # another drift, and no training since
    assert watch.unhelped_since([], trained, T0) is None


@pytest.fixture
def champion(context: jobs.Context, clock: ManualClock) -> int:
    """A version of a week ago whose weights nobody looks at."""
    fill(context, clock.now() - 8 * DAY, clock.now())
    return version(context, clock.now() - 7 * DAY, "champion")


def version(context: jobs.Context, trained_at: datetime, status: str) -> int:
    with db.connect(context.dsn) as conn:
        row = conn.execute(
            "INSERT INTO model_version (site_id, target, step_s, model, status, trained_at, data_from,"
            " data_to, card, weights, weights_sha256) VALUES"
            " (%s, 'it_power', 900, 'lstm', %s, %s, %s, %s, '{}', '', '') RETURNING model_version_id",
            (context.site.id, status, trained_at, trained_at - 30 * DAY, trained_at),
        ).fetchone()
    assert row is not None
    return int(row["model_version_id"])


def scored(context: jobs.Context, ratio: float, days: int = 7) -> None:
    """The model's loss is that share of the naive's on each hour of the last days."""
    now = context.clock.now()
    with db.connect(context.dsn) as conn:
        conn.execute("DELETE FROM forecast_score")
        for model, loss in (("lstm", ratio), ("seasonal_naive", 1.0), ("ensemble", ratio)):
            conn.execute(
                "INSERT INTO forecast_score SELECT %s, 'it_power', 900, %s, hour, '6-24 h', 10, 10, 10,"
                " 1e4 * %s::float8, 8, 10, 10 FROM generate_series(%s, %s, interval '1 hour') AS hour",
                (context.site.id, model, loss, now - days * DAY, now - timedelta(hours=1)),
            )


def asks(context: jobs.Context) -> bool:
    with db.connect(context.dsn) as conn:
        return watch.due(conn, context.site, IT, context.clock.now())


def alarms(context: jobs.Context) -> list[str]:
    with db.connect(context.dsn) as conn:
        rows = conn.execute("SELECT message FROM alarm WHERE cleared_at IS NULL").fetchall()
    return [row["message"] for row in rows]


def test_without_a_version_there_is_nothing_to_watch(context: jobs.Context) -> None:
    with pytest.raises(NotReadyError, match="it_power: nothing has been trained yet"):
        room.look_for_drift(context)
    assert not asks(context)


@pytest.mark.usefixtures("champion")
def test_a_good_model_is_left_alone(context: jobs.Context) -> None:
    scored(context, 0.7)
    assert room.look_for_drift(context).startswith(
        "it_power: no drift; not it_power of the week: nothing has"
    )
    assert not asks(context)
    assert not alarms(context)


@pytest.mark.usefixtures("champion")
def test_drift_trains_again_and_an_unhelpful_training_is_said(
    context: jobs.Context, clock: ManualClock
) -> None:
    scored(context, 1.2)
    said = room.look_for_drift(context)
    assert said.startswith("it_power: pinball loss 1.20 times the seasonal naive's")
    assert asks(context)
    assert not alarms(context)
    clock.advance(timedelta(minutes=1))
    version(context, clock.now(), "challenger")
    assert not asks(context)
    clock.advance(DAY)
    fill(context, clock.now() - DAY, clock.now())
    scored(context, 1.2)
    room.look_for_drift(context)
    assert asks(context)
    assert not alarms(context)
    clock.advance(2 * DAY)
    fill(context, clock.now() - DAY, clock.now())
    scored(context, 1.3)
    room.look_for_drift(context)
    (message,) = alarms(context)
    assert message == (
        "Forecast of it_power has drifted since 2026-03-02 12:00 UTC and training has not helped:"
        " pinball loss 1.30 times the seasonal naive's over 7 days"
    )
    scored(context, 0.6)
    clock.advance(timedelta(minutes=1))
    room.look_for_drift(context)
    assert not alarms(context)


def test_the_card_s_inputs_are_compared(context: jobs.Context, champion: int, clock: ManualClock) -> None:
    now = clock.now()
    times = np.arange(96)
    low = train.frames.regular(
        [now + timedelta(minutes=15) * int(i) for i in times],  # type: ignore[arg-type]  # any times
        1e4 + times,
        timedelta(minutes=15),
    )
    with db.connect(context.dsn) as conn:
        conn.execute(
            "UPDATE model_version SET card = %s WHERE model_version_id = %s",
            (db.json({"inputs": drift.reference(low)}), champion),
        )
    assert "100% of the last 7 days lie outside the range" in room.look_for_drift(context)
    assert asks(context)


def test_without_them_the_readings_of_the_training_are(context: jobs.Context, clock: ManualClock) -> None:
    start = clock.now() - 20 * DAY
    measure(context, IT, start, 0.2 * daily(12))
    fill(context, clock.now() - 8 * DAY, clock.now())
    with db.connect(context.dsn) as conn:
        version(context, clock.now() - 7 * DAY, "champion")
        conn.execute("UPDATE model_version SET data_from = %s, data_to = %s", (start, start + 12 * DAY))
    assert "it_power: 100% of the last 7 days lie outside the range" in room.look_for_drift(context)
    with db.connect(context.dsn) as conn:
        conn.execute("UPDATE model_version SET data_from = %s, data_to = %s", (start - DAY, start))
    clock.advance(timedelta(minutes=1))
    assert "it_power: too few days scored to tell" in room.look_for_drift(context)  # nothing to compare with
