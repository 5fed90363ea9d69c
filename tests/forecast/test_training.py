"""Training on a real database: judged, kept, in a process of its own, on several devices, without litter."""

from __future__ import annotations

import logging
import multiprocessing
import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from made_series import daily, frame, small
from stored import context_of, fill, quick, quick_training

from core import db
from core.errors import InputError, NotReadyError, ServiceError
from forecast import child, contest, frames, registry, train, windows
from forecast.frames import nothing_known
from forecast.models import lstm_training
from forecast.models.lstm import LstmForecaster
from forecast.models.lstm_run import Progress, Run
from forecast.protocol import Task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.clock import ManualClock
    from core.jobs import Context
    from core.site import Site

DAYS = 9
HOUR = timedelta(hours=1)


@pytest.fixture
def context(dsn: str, site: Site, clock: ManualClock) -> Context:
    return context_of(dsn, site, clock)


@pytest.fixture
def conn(context: Context) -> Iterator[db.Connection]:
    with db.connect(context.dsn) as opened:
        yield opened


def fit(context: Context, conn: db.Connection, **named: Any) -> dict[str, Any]:
    return train.train(conn, context.site, "it_power", context.clock, **named)


def test_a_card_says_where_a_model_comes_from(
    context: Context, conn: db.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch)
    fill(context, DAYS)
    card = fit(context, conn)
    version = registry.champion(conn, context.site.id, "it_power")
    assert version is not None
    assert version.model_version_id == card["model_version_id"]
    assert card["promoted"]
    assert card["config"]["seeds"] == [1, 2, 3]
    assert card["task"]["step_s"] == 900
    assert card["commit"]
    assert card["libraries"]["torch"]
    assert card["conformal"]
    assert version.card["weights_sha256"] == version.weights_sha256
    figures = card["metrics"]
    assert card["naive_wins"] == (figures["seasonal_naive"]["wql"] < figures["lstm"]["wql"])
    assert f"{figures['seasonal_naive']['wql']:.4f}" in card["reason"]
    assert version.data_to.isoformat() == card["data_to"] == card["held_out"]["to"]


def test_a_naive_that_wins_is_said() -> None:
    assert "seasonal naive forecast is better" in train._beside_naive(0.2, 0.1)
    assert "better" not in train._beside_naive(0.1, 0.2)


def test_hours_are_trained_beside_quarters(
    context: Context, conn: db.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch)
    fill(context, 24)
    card = fit(context, conn, step=HOUR, seeds=(1,))
    assert card["task"] == {
        "target": "it_power",
        "step_s": 3600,
        "horizon_steps": 168,
        "timezone": context.site.site.timezone,
    }
    assert registry.champion(conn, context.site.id, "it_power", 3600) is not None
    assert registry.champion(conn, context.site.id, "it_power", 900) is None
    now, week = context.clock.now(), timedelta(days=7)
    assert train.due(conn, context.site, "it_power", now, week)
    assert not train.due(conn, context.site, "it_power", now, week, HOUR)
    assert train.due(conn, context.site, "it_power", now + week, week, HOUR)


def test_without_any_weather_a_model_is_trained_all_the_same(
    context: Context, conn: db.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch)
    fill(context, DAYS)
    for sensor in (context.site.sensors.dry_bulb, context.site.sensors.wet_bulb):
        conn.execute(
            "DELETE FROM reading USING point AS p WHERE reading.point_id = p.point_id AND p.name = %s",
            (sensor.point,),
        )
    card = fit(context, conn, seeds=(1,))
    assert card["promoted"]
    assert set(card["left_out"]) == {"dry_bulb_c", "wet_bulb_c"}


def test_a_worse_challenger_is_kept_aside(
    context: Context, conn: db.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch)
    fill(context, DAYS)
    first = fit(context, conn, seeds=(1,))
    same = fit(context, conn, seeds=(1,))
    assert same["contest"]["champion"] == first["model_version_id"]
    assert same["contest"]["seen"], "the champion has learnt from the days on which it is judged"
    assert "the champion has learnt from these days; on days held out from each" in same["reason"]
    for found, promoted in (
        (contest.Difference(-0.2, -0.3, -0.1, 12), True),
        (contest.Difference(0.2, 0.1, 0.3, 12), False),
    ):
        monkeypatch.setattr(contest, "compare", lambda *_, found=found: found)
        before = registry.champion(conn, context.site.id, "it_power")
        card = fit(context, conn, seeds=(1,))
        assert card["promoted"] is promoted
        assert str(found) in card["reason"]
        champion = registry.champion(conn, context.site.id, "it_power")
        assert champion is not None
        assert before is not None
        in_force = card["model_version_id"] if promoted else before.model_version_id
        assert champion.model_version_id == in_force


def test_a_champion_that_cannot_be_loaded_gives_way(
    context: Context, conn: db.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch)
    fill(context, DAYS)
    fit(context, conn, seeds=(1,))
    now, week = context.clock.now(), timedelta(days=7)
    assert not train.due(conn, context.site, "it_power", now, week)
    conn.execute('UPDATE model_version SET card = card || \'{"config": {"layers": 3}}\'')
    assert train.due(conn, context.site, "it_power", now, week), "a configuration of before"
    card = fit(context, conn, seeds=(1,))
    assert card["promoted"]
    assert "the champion cannot be used (card of model version" in card["reason"]


@pytest.mark.parametrize(
    ("days", "wave", "words"),
    [
        (3.0, None, "needs 60 h of history and has 36 h beside 36 h that are held out; until then"),
        (9.0, np.full(9 * 96, 5e5), "is constant: 500000 W in all of 864 steps"),
    ],
    ids=["short", "constant"],
)
def test_a_history_that_teaches_nothing_is_refused_and_naive_is_served(
    context: Context, conn: db.Connection, days: float, wave: Any, words: str
) -> None:
    fill(context, days, wave=wave)
    with pytest.raises(NotReadyError, match=words) as refused:
        fit(context, conn)
    assert "seasonal naive forecast is served" in str(refused.value)
    assert refused.value.exit_status == 2


def test_unknown_targets_and_steps_are_refused(context: Context, conn: db.Connection) -> None:
    with pytest.raises(InputError, match="it_power, cooling_power"):
        train.train(conn, context.site, "pool_power", context.clock)
    with pytest.raises(InputError, match="900 s, 3600 s"):
        fit(context, conn, step=timedelta(minutes=30))


def test_progress_is_told_at_each_step_and_logged_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    task, told = Task(step_s=3600, horizon_steps=24), list[Progress]()
    config = replace(small(task, 15 * 24), max_steps=60)
    model = LstmForecaster(task, config, Run(report=told.append))
    with caplog.at_level(logging.DEBUG, "forecast"):
        model.fit(frame(daily(15, task.step), task.step), nothing_known())
    assert [p.step for p in told] == list(range(1, 61))
    assert {p.steps for p in told} == {60}
    assert told[-1].pinball < told[0].pinball
    logged = [r.message for r in caplog.records if r.name.startswith("forecast")]
    assert [line.split(",")[0] for line in logged] == ["seed 1: step 50 of 60", "seed 1: step 60 of 60"]


def test_machines_have_to_know_where_they_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    with pytest.raises(InputError, match="MASTER_ADDR"):
        Run(nodes=2)
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    assert Run(devices=2, nodes=3).processes == 6


TOGETHER = """
import sys
import numpy as np
from made_series import *
from forecast.models import lstm_run
from forecast.models.lstm import LstmForecaster
from forecast.models.lstm_run import Run
from forecast.protocol import Task
from forecast.frames import nothing_known
task = Task(step_s=3600, horizon_steps=24)
past = frame(daily(15, task.step), task.step)
config = replace(small(task, 15 * 24), max_steps=50, learning_rate=1e-2, seeds=(1, 2))
model = LstmForecaster(task, config, Run(*map(int, sys.argv[1:])))
model.fit(past, nothing_known())
ahead = daily(16, task.step)[-24:]
error = np.abs(model.predict(past, nothing_known())["q50"].to_numpy() - ahead).mean()
print(lstm_run.leads(), round(float(error)), *(note["steps"] for note in model.card()["training"]),
      round(sum(float(t.double().sum()) for n in model._networks for t in n.state_dict().values()), 6))
"""


def test_each_process_has_its_own_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    task = Task(step_s=3600, horizon_steps=24)
    spec = small(task, 9 * 24).spec(task)
    prepared = frames.prepare(frame(daily(9, task.step), task.step), nothing_known(), task)
    draws = lstm_training.Draws(
        prepared, replace(spec, covariates=()), windows.origins(prepared, spec), 8, 1, 0.0
    )

    def first(rank: int) -> list[float]:
        monkeypatch.setattr(lstm_training, "rank", lambda: rank)
        return [float(value) for value in next(iter(draws))[2].sum(dim=1)]

    assert first(0) == first(0)
    assert first(1) == first(1)
    assert sorted(first(0)) != sorted(first(1))


def _together(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    root = Path(__file__).parents[2]
    script = folder / "together.py"
    script.write_text(TOGETHER)
    own = {"PYTHONPATH": f"{root}:{root}/tests/forecast", "OMP_NUM_THREADS": "1", "PATH": ""}
    return subprocess.Popen(
        [sys.executable, "-W", "error", str(script), *arguments],
        cwd=folder,
        env=own | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _one_model(folder: Path, said: str, errors: str) -> None:
    """Both processes hold the same good model, one of them leads, and nothing else is left or said."""
    assert errors == ""
    helper, leader = sorted(line.split() for line in said.splitlines())
    assert (helper[0], leader[0]) == ("False", "True")
    assert helper[1:] == leader[1:]
    assert leader[2:4] == ["50", "50"]  # steps of the two seeds
    assert float(leader[1]) < 1.6e4  # untrained it would be off by 22 kW
    assert [path.name for path in folder.iterdir()] == ["together.py"]


def test_two_processes_train_one_model(tmp_path: Path) -> None:
    with _together(tmp_path, "2", "1") as process:
        said, errors = process.communicate(timeout=400)
    _one_model(tmp_path, said, errors)


def test_two_machines_train_one_model(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    meet = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    with (
        _together(tmp_path, "1", "2", NODE_RANK="0", **meet) as first,
        _together(tmp_path, "1", "2", NODE_RANK="1", **meet) as second,
    ):
        said = [process.communicate(timeout=400) for process in (first, second)]
    assert [out.split()[0] for out, _ in said] == ["True", "False"]
    _one_model(tmp_path, "".join(out for out, _ in said), "".join(err for _, err in said))


def test_a_service_trains_in_a_child_that_leaves_nothing(
    context: Context, conn: db.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "training", quick_training)
    fill(context, 6)
    task = Task("it_power", 900, 96, context.site.site.timezone)
    card = train.in_child(context, task)
    champion = registry.champion(conn, context.site.id, "it_power")
    assert champion is not None
    assert champion.model_version_id == card["model_version_id"]
    assert not _children("quick_training")


def _children(name: str) -> list[str]:
    return [process.name for process in multiprocessing.active_children() if process.name == name]


def test_the_childs_errors_come_back_as_they_are(context: Context) -> None:
    task = Task("it_power", 900, 96)
    with pytest.raises(NotReadyError, match="no reading yet of pdu/it_power"):
        train.in_child(context, task)
    with pytest.raises(InputError, match="pool_power"):
        train.in_child(context, Task("pool_power"))


def test_a_child_that_dies_is_told_apart() -> None:
    with pytest.raises(ServiceError, match="ended with status 7 and no result"):
        child.call(os._exit, 7)


def test_a_child_ends_when_the_service_does() -> None:
    stop = threading.Event()
    threading.Timer(1.5, stop.set).start()
    begun = time.monotonic()
    with pytest.raises(NotReadyError, match="sleep was stopped"):
        child.call(time.sleep, 60.0, stop=stop)
    assert time.monotonic() - begun < 20
    assert not _children("sleep")


PARENT = """
import time
from forecast import child
if __name__ == "__main__":
    child.call(time.sleep, 600.0)
"""


def test_a_child_does_not_outlive_a_parent_that_is_killed(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    parent = subprocess.Popen(
        [sys.executable, str(script)], env={"PYTHONPATH": str(root), "PATH": ""}, cwd=tmp_path
    )
    try:
        assert _until(lambda: len(_started_by(parent.pid)) > 0)
        time.sleep(3.0)  # until the child is at its work
        born = _started_by(parent.pid)
    finally:
        parent.kill()
        parent.wait()
    assert _until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in born)), born


def _started_by(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(word) for word in text.read_text().split()] if text.exists() else []


def _until(happened: Any, wait_s: float = 30.0) -> bool:
    deadline = time.monotonic() + wait_s
    while not happened():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
