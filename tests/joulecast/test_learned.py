"""What the commands say of the learned part; and where LightGBM does not load, that nothing breaks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from core import db
from joulecast.cli import run
from twin.calibrate import Calibration, calibrate, save
from twin.network import BREAKDOWN

sys.path.insert(0, str(Path(__file__).parents[1] / "twin"))
import measured  # lies beside the tests of the twin
from test_learn import DAYS, with_habit

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.site import Site
    from twin.history import History

DAY = "2026-01-15"
ABSENT = {"evaporative", "liquid_pump", "basin_heater"}
WITHOUT = {
    "libgomp1": 'raise OSError("libgomp.so.1: cannot open shared object file: No such file or directory")',
    "joulecast[twin]": "raise ModuleNotFoundError(\"No module named 'lightgbm'\")",
}
"""What to install, by how the import goes wrong."""


@pytest.fixture(scope="module")
def history(site: Site) -> History:
    return with_habit(site)


@pytest.fixture(scope="module")
def calibration(site: Site, history: History) -> Calibration:
    return calibrate(site, history)


@pytest.fixture
def plant(
    dsn: str, site: Site, history: History, calibration: Calibration, monkeypatch: pytest.MonkeyPatch
) -> str:
    """A database with the history and a calibration that learned, at the history's end."""
    with db.connect(dsn) as conn:
        measured.store(conn, site, history)
        save(conn, site, calibration)
    monkeypatch.setenv("JOULECAST_DSN", dsn)
    now = datetime.now(UTC).isoformat()
    monkeypatch.setenv("JOULECAST_CLOCK", f"{now}/{history.end.isoformat()}/1")
    return dsn


@pytest.fixture(params=WITHOUT)
def without(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., str]:
    """Runs the command in a process in which LightGBM does not load, and returns what it prints."""
    (tmp_path / "lightgbm.py").write_text(WITHOUT[request.param])
    path = os.pathsep.join([str(tmp_path), *sys.path])

    def command(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "joulecast", *arguments],
            env={**os.environ, "PYTHONPATH": path, "COLUMNS": "160"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert request.param in done.stdout
        assert "Traceback" not in done.stdout + done.stderr
        return done.stdout

    return command


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[str, dict[str, Any]]:
    """What a verb prints for people, and for programs."""
    assert run([*arguments]) == 0
    text = capsys.readouterr().out
    assert run([*arguments, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    return " ".join(text.split()), found


@pytest.mark.usefixtures("plant")
def test_calibrate_says_what_was_learned(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["twin", "calibrate", "--days", f"{DAYS}", "--json"]) == 0
    printed = capsys.readouterr().out
    found = json.loads(printed)
    assert found["residual"]["in_use"] is True
    judged = found["residual_judged"]
    assert judged["held_out_rmse_kw"] < judged["held_out_rmse_kw_physics"]
    assert f"from {judged['steps']:.0f} steps" in found["residual"]["said"]
    assert "advice (search and gates) the physics alone" in found["residual"]["said"]
    assert len(printed) < 20_000, "trees are no reading matter"


@pytest.mark.usefixtures("plant")
def test_a_person_is_shown_no_part_that_the_plant_lacks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    period = ("--from", DAY, "--to", "2026-01-16")
    changed = ("--set", "chilled_water_supply_temperature_c=12")
    text, found = said(capsys, "twin", "whatif", *changed, *period)
    assert {part["part"] for part in found["parts"]} == {*BREAKDOWN, "facility_kw"}
    kinds = {part["part"]: part["kind"] for part in found["parts"]}
    assert kinds["facility_kw"] == kinds["learned_kw"] == "modelled + learned"
    assert kinds["chiller_kw"] == "modelled"
    assert found["indicator_kinds"]["pue"] == "modelled + learned"
    assert "modelled + learned, p10 to p90 in brackets" in text
    assert "learned_kw *" in text
    assert "facility_kw *" in text
    assert "chiller_kw *" not in text
    assert not any(name in text for name in ABSENT)
    text, found = said(capsys, "replay", "--day", DAY)
    assert {part["part"] for part in found["parts"]} >= ABSENT
    assert not any(name in text for name in ABSENT)
    assert "tower_fan" in text
    text, found = said(capsys, "twin", "validate", "--days", "3")
    assert "PUE, modelled + learned, mean absolute error" in text
    assert "facility_kw *" in text
    assert "* modelled + learned" in text
    assert found["residual"] in text


@pytest.mark.usefixtures("plant")
def test_a_narrow_terminal_cuts_no_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    changed = ("--set", "chilled_water_supply_temperature_c=12")
    text, found = said(capsys, "twin", "whatif", *changed, "--from", DAY, "--to", "2026-01-16")
    for part in found["parts"]:
        assert (part["part"] in text) == (part["part"].removesuffix("_kw") not in ABSENT)
    assert "facility_kw *" in text


@pytest.mark.usefixtures("plant")
def test_simulate_without_load_is_json_still(capsys: pytest.CaptureFixture[str]) -> None:
    text, found = said(capsys, "twin", "simulate", "--it-kw", "0", "--dry-bulb-c", "20", "--wet-bulb-c", "15")
    assert found["power_ratio"] is None
    assert found["basin_heater_kw"] == 0
    assert not any(name in text for name in ABSENT)
    assert "chiller_kw" in text


@pytest.mark.usefixtures("plant")
def test_where_lightgbm_does_not_load_nothing_breaks(without: Callable[..., str]) -> None:
    checked = {finding["what"]: finding for finding in json.loads(without("doctor", "--json"))}
    assert checked["learned residual"]["state"] == "warn"
    stored = json.loads(without("replay", "--day", DAY, "--json"))
    assert stored["residual_left_out"].startswith("what was learned on top of the physics is left out here")
    assert {part["kind"] for part in stored["parts"]} == {"modelled"}
    assert "left out here" in without("replay", "--day", DAY)
    assert "left out here" in json.loads(without("twin", "validate", "--json"))["residual"]
    found = json.loads(without("twin", "calibrate", "--days", f"{DAYS}", "--json"))
    assert found["residual"]["in_use"] is False
    assert found["residual"]["said"].startswith("nothing was learned on top of the physics: ")
    assert found["residual_judged"]["held_out_rmse_kw_physics"] > 0
    assert "nothing was learned" in " ".join(without("twin", "validate").split())
