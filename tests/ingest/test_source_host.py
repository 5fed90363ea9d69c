"""This machine's own figures, from a made-up /proc and /sys and from the real ones."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.errors import InputError
from core.points import CATALOGUE
from ingest.sources.host import Host, host_name

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
RANGE_UJ = 262_143_328_850


def written(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def ticks(root: Path, *values: int) -> None:
    written(root, "proc/stat", f"cpu  {' '.join(map(str, values))}\ncpu0 1 2 3 4\n")


def rapl(root: Path, zone: str, name: str, energy_uj: int, range_uj: int | None = RANGE_UJ) -> None:
    folder = f"sys/class/powercap/{zone}"
    written(root, f"{folder}/name", f"{name}\n")
    written(root, f"{folder}/energy_uj", f"{energy_uj}\n")
    if range_uj is not None:
        written(root, f"{folder}/max_energy_range_uj", f"{range_uj}\n")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    ticks(tmp_path, 100, 0, 100, 700, 100, 0, 0, 0, 50, 0)
    written(tmp_path, "proc/meminfo", "MemTotal:       1000 kB\nMemFree: 1 kB\nMemAvailable:    400 kB\n")
    return tmp_path


def said(host: Host) -> dict[str, dict[str, float]]:
    return {sample.asset: sample.values for sample in host.poll(NOW)}


def test_utilisation_is_of_the_time_between_two_looks(root: Path) -> None:
    host = Host("node-1", root)
    assert said(host) == {"node-1": {"memory_used": 600 * 1024.0}}, "no utilisation yet, and no RAPL"
    ticks(root, 130, 0, 100, 750, 120, 0, 0, 0, 99, 0)
    assert said(host)["node-1"]["utilisation"] == pytest.approx(0.3)


def test_energy_counters_of_every_domain_wrap_without_a_step(root: Path) -> None:
    rapl(root, "intel-rapl:0", "package-0", RANGE_UJ - 1_000_000)
    rapl(root, "intel-rapl:0:0", "dram", 5_000_000)
    rapl(root, "intel-rapl:1", "psys", 7_000_000)
    host = Host("node-1", root)
    first = said(host)
    assert first.keys() == {"node-1", "node-1-package-0", "node-1-package-0-dram", "node-1-psys"}
    rapl(root, "intel-rapl:0", "package-0", 2_000_000)
    second = said(host)
    step_j = second["node-1-package-0"]["energy"] - first["node-1-package-0"]["energy"]
    assert step_j == pytest.approx(3.0)
    assert second["node-1-psys"] == first["node-1-psys"]


def test_without_a_range_a_smaller_counter_is_a_reset_and_nothing_is_invented(root: Path) -> None:
    rapl(root, "intel-rapl:0", "package-0", 9_000_000, None)
    host = Host("node-1", root)
    said(host)
    rapl(root, "intel-rapl:0", "package-0", 1_000_000, None)
    assert said(host)["node-1-package-0"] == {"energy": pytest.approx(1.0)}


def test_what_cannot_be_read_is_absent(root: Path) -> None:
    rapl(root, "intel-rapl:0", "package-0", 1)
    (root / "sys/class/powercap/intel-rapl:0/energy_uj").unlink()
    written(root, "proc/meminfo", "MemTotal: 1000 kB\n")
    ticks(root, 1, 2)
    assert said(Host("node-1", root)) == {}


def test_elsewhere_than_on_linux_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Linux"):
        Host("node-1", tmp_path)


@pytest.mark.skipif(not Path("/proc/stat").is_file(), reason="no /proc on this machine")
def test_on_this_very_machine() -> None:
    host = Host(host_name())
    host.poll(NOW)
    for sample in host.poll(NOW):
        for name, value in sample.values.items():
            assert CATALOGUE[name].low <= value <= CATALOGUE[name].high
