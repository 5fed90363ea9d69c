"""What every benchmark does alike: one flat file of figures with machine, date and commit, and a table."""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
SHARED_DATA = ROOT.parent / "shared" / "data"
WHOLE_FROM = 1000.0
"""Larger figures are shown without decimals."""
KIB, MB = 1024, 1e6
MS_PER_S = 1000.0
console = Console(width=140, highlight=False, markup=False)


def machine() -> str:
    """Processor, cores and Python, in words."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line
        ]
        model = names[0] if names else model
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"


def _commit() -> str:
    command = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]  # the git on the path
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip() or "unknown"


def _head() -> dict[str, str]:
    return {"machine": machine(), "date": datetime.now(UTC).date().isoformat(), "commit": _commit()}


def peak_mb() -> float:
    """Most memory that this process ever had [MB]: of itself alone, not of who started it."""
    status = Path("/proc/self/status")
    if status.exists():
        [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return float(line.split()[1]) * KIB / MB
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / MB if sys.platform == "darwin" else most * KIB / MB


def report(
    room: str, figures: Mapping[str, float | str | bool | None], table: Sequence[Mapping[str, object]]
) -> None:
    """Write ``benchmarks/results/<room>.json`` and print the table."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{room}.json").write_text(json.dumps({**_head(), **figures}, indent=2) + "\n")
    show(room, table)


def show(room: str, table: Sequence[Mapping[str, object]]) -> None:
    """Print the table."""
    drawn = Table(title=f"{room}: {', '.join(_head().values())}", title_justify="left")
    for name in table[0]:
        drawn.add_column(name)
    for row in table:
        drawn.add_row(*(Text(_shown(value)) for value in row.values()))
    console.print(drawn)


def _shown(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= WHOLE_FROM else f"{value:.4g}"
