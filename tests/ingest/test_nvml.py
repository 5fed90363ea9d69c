"""NVML through the real binding, against a small library of that name which is compiled here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests_of_ingest import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from core import db
    from core.jobs import Context

ROOT = Path(__file__).parents[2]
FAKE = Path(__file__).with_name("fake_nvml.c")
EVERYTHING = {
    "gpu_power": 300.5,
    "gpu_power_instant": 412.25,
    "gpu_power_limit": 700.0,
    "energy": 9876543.21,
    "utilisation": 0.87,
    "memory_utilisation": 0.0,
    "gpu_temperature": 64.0,
    "gpu_clock": 1.53e9,
    "gpu_memory_clock": 877e6,
    "gpu_memory_used": 3.0 * 2**30,
    "gpu_throttle_reasons": 4.0,
}
LITTLE = {"gpu_power": 123.456, "gpu_temperature": 41.0}

READ = """
import json, logging
from ingest.sources.nvml import driver, read_gpus
logging.basicConfig(level=logging.WARNING)
with driver():
    print(json.dumps([[s.asset, s.values] for s in read_gpus()]))
"""
COLLECT = """
import logging, sys, threading
from pathlib import Path
from core.clock import SystemClock
from core.errors import JoulecastError
from core.site import load_site
from ingest.sources.nvml import collect
logging.basicConfig(level=logging.WARNING)
stop = threading.Event()
rounds = []
def said(samples):
    rounds.append(samples)
    print([s.asset for s in samples], file=sys.stderr)
    if len(rounds) == 3: stop.set()
try:
    print(collect(0.05, sys.argv[1], load_site(Path(sys.argv[2])), SystemClock(), stop, said, 0.0))
except JoulecastError as error:
    sys.stderr.write(f"{error}\\n")
    sys.exit(error.exit_status)
"""


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the fake driver in it."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler on this machine")
    folder = tmp_path_factory.mktemp("nvml")
    target = folder / "libnvidia-ml.so.1"
    options = ["-shared", "-fPIC", "-Wall", "-Werror", "-Wl,-soname,libnvidia-ml.so.1"]
    subprocess.run([compiler, *options, "-o", str(target), str(FAKE)], check=True)
    return folder


def python(
    program: str, library: Path, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        env=os.environ | {"LD_LIBRARY_PATH": str(library)} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_each_gpu_tells_what_it_knows_and_a_lost_one_does_not_stop_the_others(library: Path) -> None:
    done = python(READ, library)
    assert done.returncode == 0, done.stderr
    full, sparse = json.loads(done.stdout)
    assert full[0] == "gpu-a0b1c2d0"
    assert full[1] == pytest.approx(EVERYTHING, rel=1e-12)
    assert full[1].keys() == EVERYTHING.keys(), "no fan and no memory temperature: absent, not 0"
    assert sparse == ["gpu-a0b1c2d1", pytest.approx(LITTLE)]
    assert "GPU 2 does not answer: GPU is lost" in done.stderr


def test_mig_instances_are_assets_of_their_own_and_have_no_power(library: Path) -> None:
    done = python(READ, library, FAKE_NVML_MIG="1")
    assert done.returncode == 0, done.stderr
    full, first, second, _ = json.loads(done.stdout)
    assert full[1] == pytest.approx(EVERYTHING, rel=1e-12), "the whole GPU still says what it knows"
    assert first == ["mig-b0000064", {"gpu_memory_used": 1.0 * 2**30}]
    assert second == ["mig-b0000066", {"gpu_memory_used": 3.0 * 2**30}], "no instance has number 1"


def test_a_gpu_that_was_lost_comes_back(library: Path, broker_url: str, site_file: Path) -> None:
    done = python(COLLECT, library, broker_url, str(site_file), FAKE_NVML_RECOVERS="1")
    assert (done.returncode, done.stdout.strip()) == (0, "8"), done.stderr
    assert done.stderr.count("GPU 2 does not answer: GPU is lost") == 1
    assert done.stderr.count("GPU 2 answers again") == 1
    assert done.stderr.count("gpu-a0b1c2d2") == 2


def test_collected_samples_become_readings(
    library: Path,
    conn: db.Connection,
    broker_url: str,
    site_file: Path,
    serving: Callable[..., AbstractContextManager[Context]],
) -> None:
    def stored() -> list[dict[str, Any]]:
        return conn.execute("SELECT * FROM reading_named ORDER BY time").fetchall()

    with serving():
        done = python(COLLECT, library, broker_url, str(site_file))
        assert (done.returncode, done.stdout.strip()) == (0, "6"), done.stderr
        wait_until(lambda: len(stored()) == 3 * (len(EVERYTHING) + len(LITTLE)))
    rows = stored()
    assert {r["asset_id"] for r in rows} == {"gpu-a0b1c2d0", "gpu-a0b1c2d1"}
    latest = {r["name"]: r["value"] for r in rows if r["asset_id"] == "gpu-a0b1c2d0"}
    assert latest == pytest.approx(EVERYTHING, rel=1e-12)
    assert {r["status"] for r in rows} == {0}
    tables = "SELECT (SELECT count(*) FROM gpu_sample) AS wide, (SELECT count(*) FROM reading) AS narrow"
    assert conn.execute(tables).fetchone() == {"wide": 6, "narrow": 0}


def test_without_a_driver_there_is_one_sentence_and_exit_status_2(tmp_path: Path, site_file: Path) -> None:
    (tmp_path / "libnvidia-ml.so.1").write_bytes(b"no library")
    done = python(COLLECT, tmp_path, "mqtt://127.0.0.1:1", str(site_file))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "NVIDIA driver" in done.stderr
