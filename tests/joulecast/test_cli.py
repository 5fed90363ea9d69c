"""The command: bad input gets one sentence and exit status 2, and leaves nothing half done."""

from __future__ import annotations

import ctypes.util
import json
import socket
from typing import TYPE_CHECKING

import pytest
from watching import run

from core import db
from joulecast.verbs.common import DEMO_SITE

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

CSV = "t,kw\n2026-01-01T00:00:00Z,1.5\n2026-01-01T00:01:00Z,2.5\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data.csv").write_text(CSV)
    return tmp_path


def _one_sentence(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 2, done.stdout + done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in lines[0]
    return lines[0]


def _readings(dsn: str) -> int:
    with db.connect(dsn) as conn:
        found = conn.execute("SELECT count(*) AS n FROM reading").fetchone()
    assert found
    return int(found["n"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("import", "nowhere.csv", "--map", "time=t,it_power=kw"), ["nowhere.csv"]),
        (("import", "data.csv", "--map", "time=t,it_pwoer=kw"), ["it_pwoer", "it_power"]),
        (("import", "data.csv", "--map", "time=t,it_power=kilowatt"), ["kilowatt"]),
        (("import", "data.csv", "--map", "time=t,it_power=kw:furlong"), ["furlong"]),
        (("import", "data.csv", "--map", "it_power=kw"), ["time"]),
        (("import", "data.csv"), ["data.csv"]),
        (("import", "data.csv", "--map", "time=t,it_power=kw", "--start", "soon"), ["--start", "soon"]),
        (("replay", "--day", "yesterday"), ["--day", "yesterday"]),
        (("replay", "--day", "2999-01-01"), ["2999-01-01", "past day"]),
        (("twin", "whatif", "--set", "speed=1", "--from", "2026-01-01", "--to", "2026-01-02"), ["speed=1"]),
        (("twin", "simulate", "--it-kw", "1", "--dry-bulb-c", "1", "--wet-bulb-c", "2"), ["--wet-bulb-c"]),
        (("forecast", "train", "--target", "rain"), ["rain", "it_power, cooling_power"]),
        (("recommend", "accept", "7", "--version", "1", "--as", "Ann"), ["7"]),
        (("nonsense",), ["nonsense"]),
        (("import",), ["FILE"]),
    ],
)
def test_bad_input_is_one_sentence_and_changes_nothing(
    folder: Path, dsn: str, arguments: tuple[str, ...], words: list[str]
) -> None:
    sentence = _one_sentence(run(folder, *arguments, JOULECAST_DSN=dsn))
    for word in words:
        assert word.lower() in sentence.lower()
    assert _readings(dsn) == 0
    assert not (folder / ".joulecast").exists()


def test_programs_get_the_sentence_as_json(folder: Path, dsn: str) -> None:
    done = run(folder, "replay", "--day", "soon", "--json", JOULECAST_DSN=dsn)
    assert done.returncode == 2
    assert "--day" in json.loads(done.stdout)["error"]


def test_a_malformed_site_stops_everything_before_it_starts(folder: Path) -> None:
    (folder / "site.toml").write_text(DEMO_SITE.read_text().replace("category = 2", "category = 9"))
    assert "meters.category" in _one_sentence(run(folder, "up"))
    assert not (folder / ".joulecast" / "postgres").exists()


def test_a_busy_port_stops_everything_before_it_starts(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert port in _one_sentence(run(folder, "up", JOULECAST_UI_PORT=port))
    assert not (folder / ".joulecast" / "postgres").exists()


def test_without_a_broker_publish_says_where_to_get_one(folder: Path) -> None:
    done = run(folder, "publish", "data.csv", "--map", "time=t,it_power=kw")
    assert "joulecast up" in _one_sentence(done)


def test_an_unknown_setting_is_refused(folder: Path) -> None:
    assert "JOULECAST_UI_PORT" in _one_sentence(run(folder, "doctor", JOULECAST_UI_PROT="1"))


def test_an_import_is_loaded_once(folder: Path, dsn: str) -> None:
    for stored in (2, 0):
        done = run(
            folder, "import", "data.csv", "--map", "time=t,it_power=kw:kW", "--json", JOULECAST_DSN=dsn
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["stored"] == stored
    with db.connect(dsn) as conn:
        values = [r["value"] for r in conn.execute("SELECT value FROM reading ORDER BY time")]
    assert values == pytest.approx([1500.0, 2500.0])


def test_migrate_and_doctor_say_what_is_in_force(folder: Path, dsn: str, broker_url: str) -> None:
    done = run(folder, "migrate", "--json", JOULECAST_DSN=dsn)
    assert json.loads(done.stdout) == {"applied": [], "mode": "plain"}
    found = json.loads(run(folder, "doctor", "--json", JOULECAST_DSN=dsn, JOULECAST_BROKER=broker_url).stdout)
    states = {row["what"]: row["state"] for row in found}
    assert states["database"] == states["broker"] == states["plant"] == "ok"


def test_a_plant_is_said_in_words_where_it_is_solved(folder: Path, dsn: str) -> None:
    guide = (DEMO_SITE.parents[2] / "docs" / "plant.md").read_text(encoding="utf-8")
    hall, warm = (text.partition("```")[0] for text in guide.split("```toml\n")[1:])
    (folder / "site.toml").write_text(hall)
    weather = ("--dry-bulb-c", "12", "--wet-bulb-c", "8", "--json")
    done = run(folder, "twin", "simulate", "--it-kw", "600", *weather, JOULECAST_DSN=dsn)
    found = json.loads(done.stdout)
    assert found["plant"].startswith("2 air-cooled chillers (York YCAL0033EE")
    assert (found["chiller_kw"], found["tower_fan_kw"]) == (0.0, 0.0)
    (folder / "site.toml").write_text(warm)
    uneven = [part for kw in (900, 700, 500, 300) for part in ("--it-kw", str(kw))]
    done = run(folder, "twin", "simulate", *uneven, *weather, JOULECAST_DSN=dsn)
    by_zone = json.loads(done.stdout)
    assert by_zone["it_kw"] == pytest.approx(2400.0, rel=0.02)
    done = run(folder, "twin", "simulate", "--it-kw", "2400", *weather, JOULECAST_DSN=dsn)
    assert json.loads(done.stdout)["crah_fan_kw"] < by_zone["crah_fan_kw"] - 1.0
    refused = run(folder, "twin", "simulate", "--it-kw", "1", "--it-kw", "2", *weather, JOULECAST_DSN=dsn)
    assert "one, or one for each of the 4 zones" in json.loads(refused.stdout)["error"]


def test_a_plant_that_cannot_be_stops_everything_before_it_starts(folder: Path, dsn: str) -> None:
    named = 'chiller_record = "york_ycal_aire"\nchiller_count'
    (folder / "site.toml").write_text(DEMO_SITE.read_text().replace("chiller_count", named, 1))
    assert "York YCAL0033EE" in _one_sentence(run(folder, "up"))
    found = json.loads(run(folder, "doctor", "--json", JOULECAST_DSN=dsn).stdout)
    (plant,) = (row for row in found if row["what"] == "plant")
    assert plant["state"] == "fail"
    assert "york_ycal_aire" in plant["detail"]


def test_without_a_driver_collecting_says_so(folder: Path) -> None:
    if ctypes.util.find_library("nvidia-ml"):
        pytest.skip("this machine has an NVIDIA driver")
    assert "NVIDIA driver" in _one_sentence(run(folder, "collect", "nvml"))
