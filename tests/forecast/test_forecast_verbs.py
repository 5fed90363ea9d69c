"""The command's forecasting verbs: what they say, what they keep, and one sentence for what cannot be."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from stored import context_of, fill, keep, quick

from core import audit, db
from core.clock import SystemClock
from forecast import reach, registry
from forecast.protocol import Task
from joulecast import cli
from joulecast.verbs import forecast as verb

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.jobs import Context
    from core.site import Site

DAYS = 9
QUARTERS = Task("it_power")


@pytest.fixture
def context(dsn: str, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    monkeypatch.setenv("JOULECAST_DSN", dsn)
    monkeypatch.chdir(tmp_path)
    return context_of(dsn, site, SystemClock())


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = cli.run(["forecast", *arguments])
        told = capsys.readouterr()
        return status, told.out, told.err

    return run


def champions(context: Context, step_s: int = 900) -> int | None:
    with db.connect(context.dsn) as conn:
        found = registry.champion(conn, context.site.id, "it_power", step_s)
    return found.model_version_id if found else None


def kept(context: Context, *ages_d: float, task: Task = QUARTERS) -> list[int]:
    """Stored versions, the last of them promoted after those before it."""
    with db.connect(context.dsn) as conn:
        now = context.clock.now()
        made = [keep(conn, context.site, now - timedelta(days=age), task, i) for i, age in enumerate(ages_d)]
        for version in made:
            registry.promote(conn, context.site.id, version, at=now, actor="Ann", reason="a test")
    return made


def test_train_says_how_far_it_is_and_what_became_of_it(
    context: Context, say: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch)
    fill(context, 24)
    status, out, err = say("train", "--step", "60", "--seeds", "1")
    assert status == 0
    assert "it_power at 60 min is in force: there was no champion; " in " ".join(out.split())
    assert "seasonal_naive" in out
    line = r"seed 1: step 25 of 25, pinball \d\.\d{4}\n"
    assert re.fullmatch(2 * line, err), "once to be judged, and once on everything"
    assert champions(context, 3600) is not None
    assert champions(context) is None
    status, out, err = say("models", "--json")
    (row,) = json.loads(out)
    assert (row["target"], row["step_min"], row["status"]) == ("it_power", 60, "champion")
    assert row["mase"] > 0
    assert row["naive_wql"] > 0
    assert row["in_force_since"]
    status, out, _ = say("models")
    assert status == 0
    assert f"({row['naive_mase']:.3f})" in " ".join(out.split())
    assert list(Path.cwd().iterdir()) == []


def test_progress_is_lines_where_there_is_no_terminal(
    context: Context, say: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch)
    monkeypatch.setattr(verb, "LINE_STEPS", 10)
    fill(context, 18)
    status, out, err = say("train", "--seeds", "1", "--target", "cooling_power")
    assert status == 0
    steps = [line.partition(",")[0] for line in err.splitlines()]
    judged = [f"seed 1: step {step} of 25" for step in (10, 20, 25)]
    assert steps == 2 * judged, "once to be judged, and once on everything"
    status, out, err = say("train", "--seeds", "1", "--target", "cooling_power", "--quiet")
    assert (status, err) == (0, "")
    assert "version 2 of cooling_power" in " ".join(out.split())


def test_promote_and_rollback(context: Context, say: Callable[..., tuple[int, str, str]]) -> None:
    first, second = kept(context, 8, 1)
    assert champions(context) == second
    status, out, _ = say("rollback", "--as", "Ann", "--why", "it drifts")
    assert (status, champions(context)) == (0, first)
    assert f"version {first} of it_power at 15 min is in force" in " ".join(out.split())
    status, out, _ = say("promote", str(second), "--json")
    assert (status, champions(context)) == (0, second)
    assert json.loads(out)["version"] == second
    with db.connect(context.dsn) as conn:
        record = conn.execute("SELECT actor, reason FROM model_promotion ORDER BY promotion_id").fetchall()
        found = audit.listed(conn, audit.Filter(object="forecast of it_power at 15 min"), 9)
    me = audit.operator_of_this_machine().name
    assert (record[2]["actor"], record[2]["reason"]) == (f"Ann (typed by {me})", "it drifts")
    assert record[3]["actor"] == me
    assert [(e.actor, e.what) for e in found] == [(me, "forecast.promote"), (me, "forecast.rollback")]


def test_a_broken_version_is_not_put_in_force(
    context: Context, say: Callable[..., tuple[int, str, str]]
) -> None:
    first, second = kept(context, 8, 1)
    with db.connect(context.dsn) as conn:
        conn.execute(
            "UPDATE model_version SET weights = set_byte(weights, 2000, 255 - get_byte(weights, 2000))"
            " WHERE model_version_id = %s",
            (first,),
        )
    for arguments in (("promote", str(first)), ("rollback",)):
        status, _, err = say(*arguments)
        assert status == 2
        assert "checksum" in err
        assert champions(context) == second


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("train", "--target", "rain"), "'rain'; allowed is it_power, cooling_power"),
        (("train", "--step", "30"), "--step: found 30; allowed is 15, 60"),
        (("train", "--devices", "0"), "--devices"),
        (("train", "--nodes", "2"), "MASTER_ADDR"),
        (("train", "--seeds", "10"), "--seeds"),
        (("train",), "no reading yet of pdu/it_power"),
        (("rollback", "--step", "5"), "--step: found 5; allowed is 15, 60"),
        (("rollback", "--target", "rain"), "'rain'"),
        (("rollback",), "in force before: found none"),
        (("promote", "7"), "none: nothing has been trained yet"),
        (("promote", "seven"), "valid integer"),
        (("backtest", "--target", "rain"), "'rain'"),
        (("backtest", "--step", "7"), "steps that divide an hour"),
    ],
)
def test_bad_input_is_one_sentence(
    context: Context, say: Callable[..., tuple[int, str, str]], arguments: tuple[str, ...], words: str
) -> None:
    if arguments[0] == "backtest":
        fill(context, 5)
    status, out, err = say(*arguments)
    assert (status, out) == (2, "")
    assert words in err
    assert len(err.strip().splitlines()) == 1
    assert champions(context) is None


@pytest.mark.parametrize(
    ("days", "wave", "words"),
    [(3.0, None, "needs 60 h of history and has 36 h"), (9.0, np.full(864, 5e5), "is constant")],
    ids=["short", "constant"],
)
def test_a_history_that_teaches_nothing_is_one_sentence(
    context: Context, say: Callable[..., tuple[int, str, str]], days: float, wave: Any, words: str
) -> None:
    fill(context, days, wave=wave)
    status, _, err = say("train")
    assert status == 2
    assert words in err
    assert "until then the seasonal naive forecast is served" in err


def test_weather_that_ends_early_is_told(context: Context, say: Callable[..., tuple[int, str, str]]) -> None:
    fill(context, DAYS)
    kept(context, 1)
    with db.connect(context.dsn) as conn:
        now = context.clock.now()
        hour = now.replace(minute=0, second=0, microsecond=0)
        db.rows(
            conn,
            "ingest_insert_weather_forecast",
            site=context.site.id,
            now=now - timedelta(hours=2),
            issued=[now - timedelta(hours=2)] * 6,
            valid=[hour + timedelta(hours=i) for i in range(6)],
            dry_bulb=[5.0] * 6,
            wet_bulb=[4.0] * 6,
        )
    status, out, err = say("run", "--json")
    assert status == 0, err
    (said,) = json.loads(out)["without"]
    assert said.startswith("it_power at 15 min: dry_bulb_c is known for ")
    assert "of 24 h, the rest is forecast without it; wet_bulb_c is known for" in said
    with db.connect(context.dsn) as conn:
        found = conn.execute("SELECT count(*) AS n FROM forecast WHERE model = 'lstm'").fetchone()
    assert found is not None
    assert found["n"] >= 96


@pytest.mark.parametrize(
    ("hours", "expected"), [(range(0), 0), (range(6), 6), ((0, 1, 3, 4), 2), (range(30), 24)]
)
def test_how_far_a_covariate_is_known_by_hand(hours: Any, expected: int) -> None:
    origin = pd.Timestamp("2026-03-02T12:00Z")
    known = pd.DataFrame(
        {
            "valid_at": pd.DatetimeIndex([origin + pd.Timedelta(hours=h) for h in hours], tz="UTC"),
            "available_at": origin,
            "wet_bulb_c": 4.0,
        }
    )
    assert reach.hours_known(known, "wet_bulb_c", origin.to_pydatetime(), QUARTERS) == expected
    known["available_at"] = origin + pd.Timedelta(minutes=1)
    assert reach.hours_known(known, "wet_bulb_c", origin.to_pydatetime(), QUARTERS) == 0


def test_what_is_known_to_the_end_is_not_told() -> None:
    origin = pd.Timestamp("2026-03-02T12:00Z")
    known = pd.DataFrame({"valid_at": pd.date_range(origin, periods=24, freq="h"), "wet_bulb_c": 4.0})
    assert reach.short(known, ("wet_bulb_c",), origin.to_pydatetime(), QUARTERS) == ""
    said = reach.short(known, ("dry_bulb_c",), origin.to_pydatetime(), QUARTERS)
    assert said == "dry_bulb_c is known for 0 of 24 h, the whole is forecast without it"


QUICKLY = """
from dataclasses import replace
from forecast.models.lstm_config import LstmConfig
real = LstmConfig.for_history
def few(*arguments, **overrides):
    return replace(real(*arguments, **overrides), hidden=8, max_steps=10, batch=8)
LstmConfig.for_history = few
"""
"""What each of the processes runs when it starts: the real training with fewer steps."""


def test_two_processes_of_the_command_keep_one_version(context: Context, tmp_path: Path) -> None:
    fill(context, 6)
    work, ours = tmp_path / "work", tmp_path / "ours"
    for folder in (work, ours):
        folder.mkdir()
    (ours / "sitecustomize.py").write_text(QUICKLY)
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "joulecast", "forecast", "train", "--devices", "2", "--seeds", "1", "--json"],
        cwd=work,
        env=os.environ | {"PYTHONPATH": f"{ours}:{root}"},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    card = json.loads(done.stdout)
    assert card["promoted"]
    with db.connect(context.dsn) as conn:
        (version,) = registry.versions(conn, context.site.id)
    assert version.model_version_id == card["model_version_id"]
    assert card["config"]["max_steps"] == 10
    assert list(work.iterdir()) == []
