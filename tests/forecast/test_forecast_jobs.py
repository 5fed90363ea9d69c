"""The room on a real database: history in, forecasts and versions out."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import pytest
from made_plant import DAYS, fill, history, measure
from made_series import daily

from core import db
from core.errors import InputError, NotReadyError, ServiceError
from forecast import dataset, issuing, members, registry, train
from forecast import jobs as room
from forecast.models.lstm import LstmForecaster
from forecast.models.lstm_config import LstmConfig
from forecast.models.persistence import Persistence
from forecast.models.seasonal_naive import SeasonalNaive
from forecast.models.statistical import Mstl
from forecast.protocol import Task

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from core import jobs
    from core.clock import ManualClock
    from forecast.protocol import Forecaster

IT = Task(timezone="Europe/Amsterdam")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real training with fewer steps."""
    monkeypatch.setattr(
        LstmConfig,
        "for_history",
        partial(_quick, LstmConfig.for_history),
    )
    monkeypatch.setattr(train, "in_child", here)  # a child would train the whole of it


def here(context: jobs.Context, task: Task, stop: threading.Event) -> dict[str, Any]:
    assert not stop.is_set()
    return train.training(context, task)


def _quick(
    real: object, step: timedelta, horizon: timedelta, hours: float, **overrides: object
) -> LstmConfig:
    config: LstmConfig = real(step, horizon, hours, **overrides)  # type: ignore[operator]  # a class method
    return replace(config, hidden=12, max_steps=25, batch=16)


def forecasts(context: jobs.Context, step_s: int = 900) -> list[db.Row]:
    with db.connect(context.dsn) as conn:
        return conn.execute(
            "SELECT target, model, issued_at, count(*) AS steps, min(valid_at) AS first, min(q05) AS low,"
            " bool_and(q05 <= q10 AND q10 <= q25 AND q25 <= q50 AND q50 <= q75 AND q75 <= q90 AND q90 <= q95)"
            " AS ordered, max(model_version_id) AS version, avg(q50) AS level, avg(q95 - q05) AS width"
            " FROM forecast WHERE step_s = %s GROUP BY target, model, issued_at"
            " ORDER BY target, model, issued_at",
            (step_s,),
        ).fetchall()


def note(context: jobs.Context, target: str = "it_power", step_s: int = 900) -> dict[str, Any]:
    """What stands behind the newest ensemble."""
    with db.connect(context.dsn) as conn:
        found = conn.execute(
            "SELECT note FROM forecast_note WHERE target = %s AND step_s = %s AND model = 'ensemble'"
            " ORDER BY issued_at DESC LIMIT 1",
            (target, step_s),
        ).fetchone()
    assert found is not None
    return dict(found["note"])


def open_alarms(context: jobs.Context) -> dict[str, db.Row]:
    with db.connect(context.dsn) as conn:
        rows = conn.execute("SELECT * FROM alarm WHERE cleared_at IS NULL").fetchall()
    return {row["source"]: row for row in rows}


@pytest.mark.parametrize(("step_s", "steps"), [(900, 96), (3600, 168)])
def test_every_grid_has_forecasts_before_anything_is_trained(
    context: jobs.Context, clock: ManualClock, step_s: int, steps: int
) -> None:
    history(context)
    clock.advance(timedelta(minutes=7))
    said = room.issue(context)
    everyone = "mstl, seasonal_naive, persistence, ensemble"
    assert f"it_power by {everyone}; it_power of the week by {everyone}; cooling_power by" in said
    found = forecasts(context, step_s)
    assert {(r["target"], r["model"]) for r in found} == {
        (target, model)
        for target in ("it_power", "cooling_power")
        for model in (*members.UNTRAINED, "ensemble")
    }
    for row in found:
        assert row["issued_at"] == row["first"] == clock.now() - timedelta(minutes=7)
        assert row["steps"] == steps
        assert row["ordered"]
        assert row["low"] >= 0
    noted = note(context, "cooling_power", step_s)
    assert noted["quality"]["state"] == "good"
    assert {"day_energy_kwh", "day_peak_kw"} <= set(noted)
    with db.connect(context.dsn) as conn:
        paths = conn.execute(
            "SELECT count(*) AS n, min(cardinality(values_w)) AS steps FROM forecast_path"
            " WHERE target = 'it_power' AND step_s = %s AND model = 'ensemble'",
            (step_s,),
        ).fetchone()
    assert paths == {"n": 50, "steps": steps}


def test_a_step_of_a_grid_is_issued_once(context: jobs.Context, clock: ManualClock) -> None:
    history(context)
    room.issue(context)
    assert "nothing to issue" in room.issue(context)
    quarters, hours = len(forecasts(context)), len(forecasts(context, 3600))
    clock.advance(timedelta(minutes=15))
    room.issue(context)
    assert len(forecasts(context)) == 2 * quarters
    assert len(forecasts(context, 3600)) == hours


def test_without_readings_it_says_so_to_the_operator_too(context: jobs.Context, clock: ManualClock) -> None:
    with pytest.raises(NotReadyError, match="no reading yet of pdu/it_power"):
        room.issue(context)
    history(context)
    clock.advance(timedelta(hours=5))
    with pytest.raises(NotReadyError, match="no readings since 2026-03-02 12:00 UTC"):
        room.issue(context)
    alarm = open_alarms(context)["forecast.data.it_power"]
    assert alarm["message"] == ("Forecast of it_power stands still: no readings since 2026-03-02 12:00 UTC")
    assert "pdu/it_power" in alarm["action"]
    with pytest.raises(NotReadyError, match="truth"):
        room.score(context)
    fill(context, clock.now() - timedelta(hours=5), clock.now())
    room.issue(context)
    assert not open_alarms(context)


def stand_in() -> str:
    return next(name for name in members.STAND_INS if name in members.UNTRAINED)


def test_a_gap_makes_a_simple_method_stand_in_and_says_so(context: jobs.Context, clock: ManualClock) -> None:
    now = clock.now()
    fill(context, now - timedelta(days=DAYS), now - timedelta(hours=14))
    fill(context, now - timedelta(hours=1), now)
    room.issue(context)
    noted = note(context)
    assert noted["members"] == {stand_in(): 1.0}
    assert noted["quality"] == {
        "state": "incomplete",
        "reason": "46% of the last 24 h were measured",
        "since": "2026-03-01T22:00:00+00:00",
    }
    assert noted["left_out"]["persistence"] == "data incomplete"
    message = open_alarms(context)["forecast.data.it_power"]["message"]
    assert message == (
        "Forecast of it_power falls back to a simpler method: 46% of the last 24 h were measured,"
        " first gap 2026-03-01 22:00 UTC"
    )
    by_model = {r["model"]: r for r in forecasts(context) if r["target"] == "it_power"}
    assert by_model["ensemble"]["level"] == pytest.approx(by_model[stand_in()]["level"])
    clock.advance(timedelta(hours=4))
    with pytest.raises(NotReadyError, match="no readings"):
        room.issue(context)
    alarm = open_alarms(context)["forecast.data.it_power"]
    assert alarm["message"].startswith("Forecast of it_power stands still: no readings")
    assert alarm["raised_at"] == now  # the same alarm in new words


def test_a_stuck_meter_makes_a_simple_method_stand_in(context: jobs.Context, clock: ManualClock) -> None:
    start = clock.now() - timedelta(days=DAYS)
    y = daily(DAYS)
    y[-24:] = y[-25]
    measure(context, IT, start, y)
    with db.connect(context.dsn, autocommit=True) as conn:
        issuing.issue(conn, context, IT)
    assert note(context)["quality"]["state"] == "flat"
    assert (
        "stuck at one value since 2026-03-02 05:45 UTC"
        in (open_alarms(context)["forecast.data.it_power"]["message"])
    )


class Broken(Persistence):
    """A library that fails on this series."""

    def predict(self, history: object, known: object) -> NoReturn:  # noqa: ARG002  # as the protocol has it
        raise ZeroDivisionError(f"a library's own complaint about {self.task.target}")


def test_a_broken_member_stops_nobody_and_is_said(
    context: jobs.Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    history(context)
    broken: dict[str, Callable[[Task], Forecaster]] = {**members.UNTRAINED, "seasonal_naive": Broken}
    monkeypatch.setattr(members, "UNTRAINED", broken)
    said = room.issue(context)
    assert "it_power by mstl, persistence, ensemble" in said
    assert "seasonal_naive: ZeroDivisionError: a library's own complaint about it_power" in said
    assert "own complaint" in note(context)["left_out"]["seasonal_naive"]
    assert "seasonal_naive" not in {r["model"] for r in forecasts(context)}
    monkeypatch.setattr(members, "UNTRAINED", {"persistence": Broken})
    context.clock.advance(timedelta(hours=1))  # type: ignore[attr-defined]  # a manual clock
    fill(context, context.clock.now() - timedelta(hours=1), context.clock.now())
    with pytest.raises(NotReadyError, match=r"own complaint about it_power.*own complaint about cooling"):
        room.issue(context)


def test_members_follow_their_scores_of_the_last_days(context: jobs.Context, clock: ManualClock) -> None:
    history(context)
    room.issue(context)
    assert set(note(context)["members"]) == set(members.UNTRAINED) - {"persistence"}
    assert note(context)["left_out"] == {"persistence": "not scored over a whole horizon yet"}
    _scored(context, {"seasonal_naive": 10.0, "persistence": 10.5}, hours=23)
    clock.advance(timedelta(minutes=15))
    fill(context, clock.now() - timedelta(minutes=15), clock.now())
    room.issue(context)
    assert "persistence" not in note(context)["members"]
    _scored(context, {"seasonal_naive": 10.0, "persistence": 10.5}, hours=24)
    clock.advance(timedelta(minutes=15))
    fill(context, clock.now() - timedelta(minutes=15), clock.now())
    room.issue(context)
    assert note(context)["members"] == {"seasonal_naive": 0.5, "persistence": 0.5}
    _scored(context, {"seasonal_naive": 13.1, "persistence": 10.0}, hours=24)
    clock.advance(timedelta(minutes=15))
    fill(context, clock.now() - timedelta(minutes=15), clock.now())
    room.issue(context)
    assert note(context)["members"] == {"persistence": 1.0}
    assert note(context)["left_out"]["seasonal_naive"] == "pinball 31% above the best over 14 days"


@pytest.mark.parametrize(
    ("scored", "held", "chosen"),
    [
        ({}, {}, ("lstm", "mstl", "seasonal_naive")),
        ({}, {"lstm": 0.6, "seasonal_naive": 1.0, "persistence": 0.6}, ("lstm", "mstl")),
        ({}, {"lstm": 1.4, "seasonal_naive": 1.0, "persistence": 3.0}, ("mstl", "seasonal_naive")),
        ({"mstl": 0.7, "seasonal_naive": 1.0}, {"lstm": 0.65}, ("lstm", "mstl")),
        ({"mstl": 0.7, "seasonal_naive": 1.0}, {"lstm": 0.5}, ("lstm",)),
        ({"mstl": 0.7, "lstm": 0.9}, {"lstm": 0.5}, ("mstl",)),
        ({"persistence": 0.7, "mstl": 0.75}, {}, ("mstl",)),
        ({"persistence": 0.7, "mstl": 0.8}, {}, ("persistence",)),
    ],
)
def test_members_by_scores_and_before_them_by_the_held_out_time(
    scored: dict[str, float], held: dict[str, float], chosen: tuple[str, ...]
) -> None:
    assert issuing.weigh(scored, held, ("lstm", "mstl", "seasonal_naive", "persistence")) == chosen
    assert issuing.weigh(scored, held, ("persistence",)) == ("persistence",)


def _scored(context: jobs.Context, losses: dict[str, float], hours: int) -> None:
    """Scores by hand of the last whole hours, instead of all before."""
    end = context.clock.now().replace(minute=0)
    with db.connect(context.dsn) as conn:
        conn.execute("DELETE FROM forecast_score")
        for model, loss in losses.items():
            conn.execute(
                "INSERT INTO forecast_score SELECT %s, 'it_power', 900, %s, hour, '6-24 h', 4, 4, 4,"
                " 4 * %s::float8, 3, 4, 4 FROM generate_series(%s, %s, interval '1 hour') AS hour",
                (context.site.id, model, loss, end - timedelta(hours=hours), end - timedelta(hours=1)),
            )


def test_a_training_that_fails_is_not_tried_again_at_once(
    context: jobs.Context, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def fails(_: jobs.Context, task: Task, __: object) -> None:
        tried.append(task.target)
        raise ServiceError("training: its process ended with status 9 and no result")

    history(context)
    monkeypatch.setattr(train, "in_child", fails)
    for minutes in (0, 30, 40):
        clock.advance(timedelta(minutes=minutes))
        with pytest.raises(NotReadyError, match="status 9"):
            room.retrain(context)
    assert tried == ["it_power", "cooling_power"] * 2


def test_train_issue_score(
    context: jobs.Context, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    history(context)
    now = clock.now()
    room.issue(context)
    assert "in force" in room.retrain(context)
    by_model = {(r["target"], r["model"]): r for r in forecasts(context)}
    ours = by_model["it_power", "lstm"]
    assert ours["ordered"]
    assert ours["steps"] == 96
    assert ours["issued_at"] == now
    assert "nothing to train: 2 models are in order; not it_power of the week" in room.retrain(context)

    with db.connect(context.dsn) as conn:
        champion = registry.champion(conn, context.site.id, "it_power")
    assert champion is not None
    assert champion.model_version_id == ours["version"]
    metrics = champion.card["metrics"]
    assert {"lstm", "seasonal_naive", "persistence"} <= set(metrics)
    assert all(metrics[m]["n"] == metrics["lstm"]["n"] > 0 for m in metrics)
    assert champion.data_to == now, "once judged, it has learnt from the held-out days, too"
    assert champion.card["explanation"]

    assert by_model["it_power", "ensemble"]["version"] is None  # of the time before there was a champion
    held = issuing.held_out(champion)
    assert held["seasonal_naive"] == 1.0
    assert held["lstm"] == metrics["lstm"]["wql"] / metrics["seasonal_naive"]["wql"]
    monkeypatch.setattr(issuing, "held_out", lambda _: {})  # so short a training may lose to the naive
    clock.advance(timedelta(minutes=15))
    fill(context, now, clock.now())
    room.issue(context)
    newest = [r for r in forecasts(context) if r["target"] == "it_power" and r["issued_at"] == clock.now()]
    raw, mixed = (next(r for r in newest if r["model"] == m) for m in ("lstm", "ensemble"))
    assert mixed["version"] == champion.model_version_id
    assert mixed["ordered"]
    assert "lstm" in note(context)["members"]
    assert sum(note(context)["leans_on"].values()) == pytest.approx(1.0, abs=0.01)
    assert mixed["width"] != raw["width"]

    fill(context, clock.now(), now + timedelta(hours=8))
    clock.advance(timedelta(hours=8) - timedelta(minutes=15))
    said = room.score(context)
    assert "ensemble (used)" in said
    assert "kW" in said
    with db.connect(context.dsn) as conn:
        tracked = registry.champion(conn, context.site.id, "it_power")
        models = conn.execute("SELECT DISTINCT model FROM forecast_score WHERE step_s = 900").fetchall()
    assert {r["model"] for r in models} == {"lstm", "ensemble", *members.UNTRAINED}
    assert tracked is not None
    assert tracked.card["conformal"]["scored_until"] == clock.now().isoformat()
    assert tracked.card["conformal"]["offsets"] != champion.card["conformal"]["offsets"]


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
    assert "cooling_power by mstl, seasonal_naive" in room.issue(context)
    assert not [r for r in forecasts(context) if r["model"] == "lstm" and r["target"] == "cooling_power"]


def test_too_little_history_to_train_says_how_much_is_needed_and_naive_is_served(
    context: jobs.Context,
) -> None:
    now = context.clock.now()
    fill(context, now - timedelta(days=3), now)
    with pytest.raises(NotReadyError, match=r"needs 60 h of history and has 36 h.*the seasonal naive"):
        room.retrain(context)
    room.issue(context)
    assert SeasonalNaive.name in note(context)["members"]
    assert registry.LEARNED not in {row["model"] for row in forecasts(context)}


def test_of_a_constant_series_its_value_is_forecast_and_the_operator_told(context: jobs.Context) -> None:
    measure(context, IT, context.clock.now() - timedelta(days=DAYS), np.full(DAYS * 96, 5e5))
    with db.connect(context.dsn, autocommit=True) as conn:
        issuing.issue(conn, context, IT)
    noted = note(context)
    assert noted["quality"]["state"] == "flat"
    assert noted["members"] == {SeasonalNaive.name: 1.0}
    assert "the last 9 days are constant" in noted["left_out"][Mstl.name]
    (served,) = (row for row in forecasts(context) if row["model"] == "ensemble")
    assert (served["steps"], served["level"], served["width"]) == (96, 5e5, 0.0)
    assert "stuck at one value" in open_alarms(context)["forecast.data.it_power"]["message"]


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
