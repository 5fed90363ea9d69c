"""`joulecast import`: mapping files, dry runs, and one sentence for what is wrong."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pytest
from watching import run

from core import db

if TYPE_CHECKING:
    from pathlib import Path

CSV = "t,index,kw\n2026-01-01T00:00:00Z,0,1.5\n2026-01-01T00:01:00Z,1,much\n1970-01-01T00:00:00Z,1,3\n"
MAPPING = 'time = "t"\nasset = "rack"\nasset_column = "index"\n[points]\nit_power = "kw:kW"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data.csv").write_text(CSV, encoding="utf-8")
    (tmp_path / "map.toml").write_text(MAPPING, encoding="utf-8")
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(CSV.encode() * 999)[:-20])
    (tmp_path / "cut.parquet").write_bytes(b"PAR1 and not much more")
    (tmp_path / "cut.json").write_text('{"data":{"resultType":"matrix","result":[{', encoding="utf-8")
    return tmp_path


def test_a_dry_run_needs_no_database_and_changes_nothing(folder: Path) -> None:
    text = run(folder, "import", "data.csv", "--map-file", "map.toml", "--dry-run")
    assert text.returncode == 0, text.stderr
    assert "nothing has been changed" in text.stdout
    assert "line 3: kw 'much' is no number" in text.stdout
    done = json.loads(
        run(folder, "import", "data.csv", "--map-file", "map.toml", "--dry-run", "--json").stdout
    )
    assert (done["rows"], done["readings"], done["rejected"]) == (3, 1, 2)
    assert [(p["asset"], p["point"], p["unit"], p["most"]) for p in done["points"]] == [
        ("rack-0", "it_power", "W", 1500.0)
    ]
    assert "line 4: time 1970" in done["reasons"][1]
    assert not (folder / ".joulecast").exists()


def test_a_mapping_file_imports(folder: Path, dsn: str) -> None:
    done = run(folder, "import", "data.csv", "--map-file", "map.toml", "--json", JOULECAST_DSN=dsn)
    assert json.loads(done.stdout)["stored"] == 1
    with db.connect(dsn) as conn:
        assert [r["value"] for r in conn.execute("SELECT value FROM reading")] == [1500.0]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("data.csv", "--map-file", "absent.toml"), "absent.toml"),
        (("data.csv", "--map-file", "map.toml", "--map", "time=t,it_power=kw"), "--map-file"),
        (("data.csv", "--map-file", "data.csv"), "TOML"),
        (("cut.csv.gz", "--map-file", "map.toml"), "cut.csv.gz"),
        (("cut.parquet", "--map-file", "map.toml"), "cut.parquet"),
        (("cut.json", "--map-file", "map.toml"), "selector"),
    ],
)
def test_bad_input_is_one_sentence(folder: Path, arguments: tuple[str, ...], word: str) -> None:
    done = run(folder, "import", *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert word in line
    assert not (folder / ".joulecast").exists()
