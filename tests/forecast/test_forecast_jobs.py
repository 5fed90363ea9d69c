"""The room on a real database: history in, forecasts and versions out."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
from made_series import daily

from core import db, jobs
from core.errors import InputError, NotReadyError
from core.points import point_type
from core.settings import Settings
from core.site import Forecasts
from forecast import dataset, registry, train
from forecast import jobs as room
from forecast.models.lstm import LstmForecaster
from forecast.models.lstm_config import LstmConfig

if TYPE_CHECKING:
    from core.clock import ManualClock
    from core.points import PointRef
    from core.series import Floats
    from core.site import Site

FIVE_MIN = timedelta(minutes=5)
DAYS = 9


@pytest.fixture
def context(dsn: str, site: Site, clock: ManualClock) -> jobs.Context:
    """The demo with the targets that every site has."""
    return jobs.Context(Settings(dsn=dsn), site.model_copy(update={"forecast": Forecasts()}), clock, dsn)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real training with fewer steps."""
    monkeypatch.setattr(
        LstmConfig,
        "for_history",
        partial(_quick, LstmConfig.for_history),
    )


def _quick(
    real: object, step: timedelta, horizon: timedelta, hours: float, **overrides: object
) -> LstmConfig:
    config: LstmConfig = real(step, horizon, hours, **overrides)  # type: ignore[operator]  # a class method
    return replace(config, hidden=12, max_steps=25, batch=16)


def fill(context: jobs.Context, start: datetime, end: datetime) -> None:
    """Readings every 5 min of every point that the forecasts need."""
    meters, sensors = context.site.meters, context.site.sensors
    shares = {meters.it: 1.0, meters.cooling: 0.3}
    times = [start + FIVE_MIN * i for i in range(int((end - start) / FIVE_MIN))]
    first = context.clock.now() - timedelta(days=DAYS + 30)
    wave = daily(DAYS + 60, FIVE_MIN)
    offset = int((start - first) / FIVE_MIN)
    with db.connect(context.dsn) as conn:
        for refs, share in shares.items():
            for ref in refs:
                _insert(conn, context, ref, times, share / len(refs) * wave[offset : offset + len(times)])
        for ref in (sensors.dry_bulb, sensors.wet_bulb):
            _insert(conn, context, ref, times, np.full(len(times), 9.0))


def _insert(
    conn: db.Connection, context: jobs.Context, ref: PointRef, times: list[datetime], values: Floats
) -> None:
    kind = point_type(ref.point)
    db.rows(
        conn,
        "register_point",
        site=context.site.id,
        asset=ref.asset,
        name=ref.point,
        unit=kind.unit,
        role=kind.role,
        state_class=kind.state_class,
        source="test",
    )
    found = db.rows(conn, "point_ids", site=context.site.id, refs=[str(ref)])
    conn.execute(
        "INSERT INTO reading (time, value, point_id) SELECT t, v, %s"
        " FROM unnest(%s::timestamptz[], %s::float8[]) AS n (t, v)",
        (found[0]["point_id"], times, [float(v) for v in values]),
    )


def history(context: jobs.Context) -> None:
    now = context.clock.now()
    fill(context, now - timedelta(days=DAYS), now)


def forecasts(context: jobs.Context) -> list[db.Row]:
    with db.connect(context.dsn) as conn:
        return conn.execute(
            "SELECT target, model, issued_at, count(*) AS steps, min(valid_at) AS first, min(q05) AS low,"
            " bool_and(q05 <= q10 AND q10 <= q25 AND q25 <= q50 AND q50 <= q75 AND q75 <= q90 AND q90 <= q95)"
            " AS ordered, max(model_version_id) AS version FROM forecast GROUP BY target, model, issued_at"
            " ORDER BY target, model, issued_at"
        ).fetchall()


def test_naive_forecasts_are_there_before_anything_is_trained(
    context: jobs.Context, clock: ManualClock
) -> None:
    history(context)
    clock.advance(timedelta(minutes=7))
    assert "it_power by seasonal_naive" in room.issue(context)
    found = forecasts(context)
    assert {(r["target"], r["model"]) for r in found} == {
        (target, model)
        for target in ("it_power", "cooling_power")
        for model in ("persistence", "seasonal_naive")
    }
    for row in found:
        assert row["issued_at"] == row["first"] == clock.now() - timedelta(minutes=7)
        assert row["steps"] == 96
        assert row["ordered"]
        assert row["low"] >= 0


def test_a_step_is_issued_once(context: jobs.Context, clock: ManualClock) -> None:
    history(context)
    room.issue(context)
    assert "nothing to issue" in room.issue(context)
    before = forecasts(context)
    clock.advance(timedelta(minutes=15))
    room.issue(context)
    assert len(forecasts(context)) == 2 * len(before)


def test_without_readings_it_says_so(context: jobs.Context, clock: ManualClock) -> None:
    with pytest.raises(NotReadyError, match="no reading yet of pdu/it_power"):
        room.issue(context)
    history(context)
    clock.advance(timedelta(hours=5))
    with pytest.raises(NotReadyError, match="no readings since"):
        room.issue(context)
    with pytest.raises(NotReadyError, match="truth"):
        room.score(context)


def test_train_issue_score(context: jobs.Context, clock: ManualClock) -> None:
    history(context)
    now = clock.now()
    room.issue(context)
    assert "in force" in room.retrain(context)
    by_model = {(r["target"], r["model"]): r for r in forecasts(context)}
    ours = by_model["it_power", "lstm"]
    assert ours["ordered"]
    assert ours["steps"] == 96
    assert ours["issued_at"] == now
    assert "nothing to train" in room.retrain(context)

    with db.connect(context.dsn) as conn:
        champion = registry.champion(conn, context.site.id, "it_power")
    assert champion is not None
    assert champion.model_version_id == ours["version"]
    metrics = champion.card["metrics"]
    assert {"lstm", "seasonal_naive", "persistence"} <= set(metrics)
    assert all(metrics[m]["n"] == metrics["lstm"]["n"] > 0 for m in metrics)
    assert champion.data_to < now
    assert champion.card["explanation"]

    fill(context, now, now + timedelta(hours=8))
    clock.advance(timedelta(hours=8))
    said = room.score(context)
    assert "lstm" in said
    assert "kW" in said
    with db.connect(context.dsn) as conn:
        rows = room.scores(conn, context, "it_power", timedelta(hours=24))
        tracked = registry.champion(conn, context.site.id, "it_power")
    assert {r["lead"] for r in rows} == {"0-1 h", "1-6 h", "6-24 h", "all"}
    steps = {r["model"]: r["steps"] for r in rows if r["lead"] == "all"}
    assert steps == {"lstm": 32, "seasonal_naive": 32, "persistence": 32}
    assert tracked is not None
    assert tracked.card["conformal"]["scored_until"] == clock.now().isoformat()


def test_scores_by_hand(context: jobs.Context, clock: ManualClock) -> None:
    history(context)
    now = clock.now()
    room.issue(context)
    fill(context, now, now + timedelta(hours=2))
    clock.advance(timedelta(hours=2))
    refs = context.site.meters.it
    with db.connect(context.dsn) as conn:
        rows = room.scores(conn, context, "it_power", timedelta(hours=24))
        truth = dataset.load_history(conn, context.site.id, refs, now, clock.now(), timedelta(minutes=15))
        issued = conn.execute(
            "SELECT q50 FROM forecast WHERE model = 'persistence' AND target = 'it_power'"
            " ORDER BY valid_at LIMIT 8"
        ).fetchall()
    expected = np.abs(truth["y"].to_numpy() - np.array([r["q50"] for r in issued])).mean()
    found = next(r for r in rows if r["model"] == "persistence" and r["lead"] == "all")
    assert found["mae_w"] == pytest.approx(expected)
    assert found["steps"] == 8


def test_a_version_comes_back_and_a_tampered_one_is_refused(context: jobs.Context) -> None:
    history(context)
    now = context.clock.now()
    with db.connect(context.dsn, autocommit=True) as conn:
        card = train.train(conn, context.site, "cooling_power", context.clock)
        version = registry.champion(conn, context.site.id, "cooling_power")
        assert version is not None
        assert version.model_version_id == card["model_version_id"]
        model = registry.load(version)
        assert isinstance(model, LstmForecaster)
        refs = context.site.meters.cooling
        past = dataset.load_history(
            conn, context.site.id, refs, now - timedelta(days=DAYS), now, timedelta(minutes=15)
        )
        assert np.isfinite(
            model.predict(past, dataset.load_weather(conn, context.site, now, now))["q50"]
        ).all()
        conn.execute(
            "UPDATE model_version SET weights = set_byte(weights, 2000, 255 - get_byte(weights, 2000))"
        )
        tampered = registry.champion(conn, context.site.id, "cooling_power")
        assert tampered is not None
        with pytest.raises(InputError, match="checksum"):
            registry.load(tampered)
    # the naive ones are issued all the same
    assert "cooling_power by seasonal_naive" in room.issue(context)
    assert not [r for r in forecasts(context) if r["model"] == "lstm" and r["target"] == "cooling_power"]


def test_too_little_history_to_train_says_how_much_is_needed(context: jobs.Context) -> None:
    now = context.clock.now()
    fill(context, now - timedelta(days=3), now)
    with pytest.raises(NotReadyError, match="needs 60 h of history and has 36 h"):
        room.retrain(context)


def test_weather_as_forecast_is_read_with_the_time_it_became_available(context: jobs.Context) -> None:
    history(context)
    now = context.clock.now()
    with db.connect(context.dsn) as conn:
        for issued in (now - timedelta(hours=6), now + timedelta(hours=1)):
            db.rows(
                conn,
                "ingest_insert_weather_forecast",
                site=context.site.id,
                now=issued,
                issued=[issued],
                valid=[now + timedelta(hours=3)],
                dry_bulb=[5.0],
                wet_bulb=[4.0],
            )
        known = dataset.load_weather(conn, context.site, now - timedelta(days=1), now)
    ahead = known[known["valid_at"] > now]
    assert len(ahead) == 1
    assert ahead["available_at"].iloc[0] == now - timedelta(hours=6)
    assert known.loc[known["valid_at"] < now, "wet_bulb_c"].tolist() == [9.0] * 24


def test_an_unknown_target_is_refused(context: jobs.Context) -> None:
    with db.connect(context.dsn) as conn, pytest.raises(InputError, match="it_power, cooling_power"):
        train.train(conn, context.site, "pool_power", context.clock)
