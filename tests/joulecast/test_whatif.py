"""`twin whatif`, `twin sweep`, `twin simulate` and `replay`: what they print, and what they refuse."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from core import db
from joulecast.cli import run
from twin.calibrate import Calibration, calibrate, save
from twin.network import BREAKDOWN

sys.path.insert(0, str(Path(__file__).parents[1] / "twin"))
import measured  # lies beside the tests of the twin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.site import Site
    from twin.history import History

DAYS = 8
PERIOD = ("--from", "2026-01-12", "--to", "2026-01-13")
WARMER = ("--set", "chilled_water_supply_temperature_c=12.5")
GRID = ("--set", "supply_air_temperature=20:24:9", "--set", "chilled_water_supply_temperature_c=9:12.6:5")
HOT_GRID = ("--set", "supply_air_temperature_c=18:27:19", "--set", "chilled_water_supply_temperature_c=16")
HOT_K = 15.0
START_S = 30.0


@pytest.fixture(scope="module")
def history(site: Site) -> History:
    return measured.history(site, DAYS)


@pytest.fixture(scope="module")
def calibration(site: Site, history: History) -> Calibration:
    return calibrate(site, history)


@pytest.fixture
def plant(
    dsn: str, site: Site, history: History, calibration: Calibration, monkeypatch: pytest.MonkeyPatch
) -> str:
    """A database with four days and a calibration, which the command finds."""
    with db.connect(dsn) as conn:
        measured.store(conn, site, history.part(slice(0, 4 * measured.STEPS_PER_DAY)))
        save(conn, site, calibration)
    monkeypatch.setenv("JOULECAST_DSN", dsn)
    return dsn


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """What a verb prints for programs."""
    assert run([*arguments, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one sentence of bad input."""
    assert run([*arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (sentence,) = captured.err.strip().splitlines()
    return sentence


@pytest.mark.usefixtures("plant")
def test_what_if_by_subsystem_with_intervals(capsys: pytest.CaptureFixture[str]) -> None:
    found = said(capsys, "twin", "whatif", *WARMER, *PERIOD)
    assert [part["part"] for part in found["parts"]] == [*BREAKDOWN, "facility_kw"]
    for part in found["parts"]:
        low, middle, high = (part[f"difference_{name}_kwh"] for name in ("p10", "p50", "p90"))
        assert low <= middle <= high
        assert middle == pytest.approx(part["what_if_kwh"] - part["as_operated_kwh"])
    pue = found["indicator_differences"]["pue"]
    assert pue["p10"] < pue["p50"] < pue["p90"] < 0
    assert pue["p50"] == pytest.approx(found["pue_what_if"] - found["pue_as_operated"])
    assert found["complete_ratio"] == 1
    assert found["load_shift"] is None
    assert run(["twin", "whatif", *WARMER, *PERIOD]) == 0
    text = capsys.readouterr().out
    assert "facility" in text.splitlines()[0]
    assert "kWh" in text.splitlines()[0]
    assert "PUE" in text.splitlines()[1]


@pytest.mark.usefixtures("plant")
def test_load_is_moved_or_by_leave_added(capsys: pytest.CaptureFixture[str]) -> None:
    move = ("--shift", "14=-40", "--shift", "3=40")
    found = said(capsys, "twin", "whatif", *move, *PERIOD)
    assert found["load_shift"]["into_kwh"] == pytest.approx(40)
    assert found["load_shift"]["net_kwh"] == pytest.approx(0)
    assert "allowed is shifts that add up to 0" in refused(
        capsys, "twin", "whatif", "--shift", "3=40", *PERIOD
    )
    assert run(["twin", "whatif", "--shift", "3=40", "--unbalanced", *PERIOD]) == 0
    assert "40.0 kWh added" in capsys.readouterr().out
    day = said(capsys, "replay", "--day", "2026-01-12", *move)
    assert day["load_shift"]["out_kwh"] == pytest.approx(40)


@pytest.mark.usefixtures("plant")
def test_replay_sets_the_twins_error_beside_the_difference(capsys: pytest.CaptureFixture[str]) -> None:
    found = said(capsys, "replay", "--day", "2026-01-12", *WARMER)
    assert found["hours"] == 24
    for part in found["parts"]:
        if part["measured_kwh"] is not None:
            error = part["twin_as_operated_kwh"] - part["measured_kwh"]
            assert part["twin_error_kwh"] == pytest.approx(error)
        assert part["difference_p10_kwh"] <= part["difference_p90_kwh"]
    assert {p["part"] for p in found["parts"] if p["measured_kwh"] is None} == {
        "ups_loss", "pdu_loss", "evaporative", "chilled_water_pump", "condenser_water_pump", "liquid_pump",
        "basin_heater", "learned", "other", "cooling",
    }  # fmt: skip
    alone = said(capsys, "replay", "--day", "2026-01-12")
    assert alone["pue_alternative"] is None
    assert "difference_p50_kwh" not in alone["parts"][0]


@pytest.mark.usefixtures("plant")
def test_a_sweep_sorts_marks_and_tells_total_power_beside_pue(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    found = said(capsys, "twin", "sweep", *GRID, *PERIOD, "--top", "5")
    rows = found["rows"]
    assert found["scenarios"] == 45
    assert 0 < found["feasible"] < 45
    assert [row["feasible"] for row in rows[:5]] == [True] * 5
    energies = [row["facility_kwh"] for row in rows[:5]]
    assert energies == sorted(energies)
    assert "least energy" in rows[0]["marks"]
    assert sum(rows[0][f"{name}h"] for name in BREAKDOWN) == pytest.approx(rows[0]["facility_kwh"])
    (ratio,) = [row for row in rows if "least PUE" in row["marks"]]
    assert ratio["pue"] == min(row["pue"] for row in rows if row["feasible"])
    assert run(["twin", "sweep", *GRID, *PERIOD]) == 0
    text = capsys.readouterr().out
    for word in ("facility kWh", "PUE", "TUE", "as operated", "least energy", "least PUE"):
        assert word in text


def test_on_a_hot_day_least_pue_costs_energy_by_server_fans(
    plant: str, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    with db.connect(plant) as conn:
        outdoor = [str(ref) for ref in (site.sensors.dry_bulb, site.sensors.wet_bulb)]
        ids = [r["point_id"] for r in db.rows(conn, "point_ids", site=site.id, refs=outdoor)]
        conn.execute("UPDATE reading SET value = value + %s WHERE point_id = ANY(%s)", (HOT_K, ids))
    found = said(capsys, "twin", "sweep", *HOT_GRID, *PERIOD)
    by_mark = {mark: row for row in found["rows"] for mark in row["marks"]}
    energy, ratio = by_mark["least energy, limits aside"], by_mark["least PUE, limits aside"]
    assert ratio["pue"] < energy["pue"]
    assert ratio["facility_kwh"] > energy["facility_kwh"]
    assert ratio["tue"] > energy["tue"]
    assert ratio["supply_air_temperature_c"] > energy["supply_air_temperature_c"]


@pytest.mark.usefixtures("plant")
@pytest.mark.parametrize("verb", ["whatif", "sweep"])
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--set", "fan_speed=0.5"), ["fan_speed", "supply_air_temperature_c"]),
        (("--set", "supply_air_temperature=nan"), ["nan", "number"]),
        (("--set", "supply_air_temperature=inf"), ["inf", "number"]),
        (("--set", "supply_air_temperature=warm"), ["warm"]),
        (("--set", "supply_air_temperature=71.6"), ["71.6", "10 to 45"]),
        (("--set", "chilled_water_supply_temperature=-4"), ["-4", "2 to 45"]),
        (("--set", "supply_air_temperature=20", "--set", "supply_air_temperature_c=21"), ["twice"]),
        (("--shift", "24=10"), ["24=10", "0 to 23"]),
        (("--shift", "3=nan"), ["3=nan"]),
        (("--shift", "3=10", "--shift", "3=-10"), ["3=-10", "once"]),
        (("--shift", "3=10"), ["+10 kWh", "--unbalanced"]),
        ((), ["nothing to change"]),
    ],
)
def test_bad_changes(
    capsys: pytest.CaptureFixture[str], verb: str, arguments: tuple[str, ...], words: list[str]
) -> None:
    sentence = refused(capsys, "twin", verb, *arguments, *PERIOD)
    assert all(word in sentence for word in words), sentence


@pytest.mark.usefixtures("plant")
@pytest.mark.parametrize(
    ("grid", "words"),
    [
        (("supply_air_temperature=24:20:5",), ["24:20:5", "LOW at most HIGH"]),
        (("supply_air_temperature=20:24:0",), ["20:24:0", "at least 1"]),
        (("supply_air_temperature=20:24:1",), ["20:24:1"]),
        (("supply_air_temperature=20:24:2.5",), ["20:24:2.5"]),
        (("supply_air_temperature=20:24:-3",), ["20:24:-3"]),
        (("supply_air_temperature=20:24",), ["20:24", "LOW:HIGH:NUMBER"]),
        (("supply_air_temperature=20:nan:5",), ["20:nan:5"]),
        (("supply_air_temperature=20:99:5",), ["10 to 45"]),
        (("supply_air_temperature=20:24:900000000",), ["900,000,000 scenarios", "100,000"]),
        (("supply_air_temperature=20:24:999", "chilled_water_supply_temperature=8:12:999"), ["998,001"]),
    ],
)
def test_bad_grids(capsys: pytest.CaptureFixture[str], grid: tuple[str, ...], words: list[str]) -> None:
    axes = [part for axis in grid for part in ("--set", axis)]
    sentence = refused(capsys, "twin", "sweep", *axes, *PERIOD)
    assert all(word in sentence for word in words), sentence


@pytest.mark.usefixtures("plant")
@pytest.mark.parametrize("verb", ["whatif", "sweep"])
@pytest.mark.parametrize(
    ("begin", "end", "words"),
    [
        ("2026-01-13", "2026-01-12", ["--to", "2026-01-12"]),
        ("2026-01-12", "2026-01-12", ["--to"]),
        ("soon", "2026-01-12", ["--from", "soon"]),
        ("2020-01-12", "2026-01-12", ["366 days"]),
        ("2999-01-12", "2999-01-13", ["2999", "past period"]),
    ],
)
def test_bad_periods(
    capsys: pytest.CaptureFixture[str], verb: str, begin: str, end: str, words: list[str]
) -> None:
    sentence = refused(capsys, "twin", verb, *WARMER, "--from", begin, "--to", end)
    assert all(word in sentence for word in words), sentence


def test_without_a_calibration_every_verb_says_the_same(
    dsn: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JOULECAST_DSN", dsn)
    sentences = set()
    for verb in (
        ("twin", "validate"),
        ("twin", "whatif", *WARMER, *PERIOD),
        ("twin", "sweep", *WARMER, *PERIOD),
        ("replay", "--day", "2026-01-12"),
        ("recommend", "propose"),
    ):
        assert run(list(verb)) == 1, verb
        captured = capsys.readouterr()
        assert captured.out == ""
        sentences |= set(captured.err.strip().splitlines())
    (sentence,) = sentences
    assert "not been calibrated" in sentence
    assert "joulecast twin calibrate" in sentence


@pytest.mark.usefixtures("plant")
def test_a_period_without_readings_is_not_ready(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in ("whatif", "sweep"):
        assert run(["twin", verb, *WARMER, "--from", "2025-06-01", "--to", "2025-06-02"]) == 1
        assert "measured completely" in capsys.readouterr().err


@pytest.mark.usefixtures("plant")
def test_simulate_refuses_what_is_no_number_and_tells_power_beside_the_ratio(
    capsys: pytest.CaptureFixture[str],
) -> None:
    weather = ("--dry-bulb-c", "20", "--wet-bulb-c", "15")
    assert "--it-kw" in refused(capsys, "twin", "simulate", "--it-kw", "nan", *weather)
    sentence = refused(
        capsys, "twin", "simulate", "--it-kw", "500", *weather, "--set", "supply_air_temperature=99"
    )
    assert "10 to 45" in sentence
    found = said(capsys, "twin", "simulate", "--it-kw", "500", *weather)
    assert found["facility_kw"] == pytest.approx(found["power_ratio"] * found["it_kw"])


def test_a_dask_address_that_is_none(plant: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("distributed")
    assert plant
    assert "--dask" in refused(capsys, "twin", "sweep", *GRID, *PERIOD, "--dask", "here")
    assert run(["twin", "sweep", *GRID, *PERIOD, "--dask", "tcp://127.0.0.1:9"]) == 1
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in capsys.readouterr().err


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Dask scheduler and a worker, each its own process, on free ports of loopback; its address."""
    pytest.importorskip("distributed")
    folder = tmp_path_factory.mktemp("dask")
    about = folder / "scheduler.json"
    here = ("--host", "127.0.0.1", "--no-dashboard")
    scheduler = ("distributed.cli.dask_scheduler", *here, "--port", "0", "--scheduler-file", str(about))
    worker = ("distributed.cli.dask_worker", "--scheduler-file", str(about), *here)
    kept = {"env": {**os.environ, "OMP_NUM_THREADS": "1"}, "cwd": folder, "stderr": subprocess.DEVNULL}
    processes = [subprocess.Popen([sys.executable, "-m", *scheduler], **kept)]
    end = datetime.now(UTC) + timedelta(seconds=START_S)
    while not (about.exists() and about.read_text().endswith("}")):
        assert datetime.now(UTC) < end, "the scheduler does not start"
        assert processes[0].poll() is None
        time.sleep(0.1)
    processes.append(
        subprocess.Popen([sys.executable, "-m", *worker, "--nthreads", "2", "--no-nanny"], **kept)
    )
    yield str(json.loads(about.read_text())["address"])
    for process in reversed(processes):
        process.terminate()
        process.wait(START_S)


def test_a_dask_cluster_says_the_same_to_the_last_bit(
    plant: str, cluster: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert plant
    command = ("twin", "sweep", *GRID, *PERIOD, "--shift", "14=-40", "--shift", "3=40", "--top", "100")
    there = subprocess.run(
        [sys.executable, "-m", "joulecast", *command, "--json", "--dask", cluster],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    here = said(capsys, *command)
    assert len(here["rows"]) == here["scenarios"] == 90
    assert math.isfinite(here["rows"][0]["facility_kwh"])
    assert json.loads(there.stdout) == here
    assert there.stderr == ""
