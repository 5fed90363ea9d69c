"""This machine: processor and memory in use, and the processors' energy counters (RAPL) where readable.

Linux only. `/proc/stat` and `/proc/meminfo` as in proc(5); energy as in the kernel's powercap documentation:
`energy_uj` wraps at `max_energy_range_uj`. Often only root may read it; what cannot be read is absent.
"""

from __future__ import annotations

import logging
import platform
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from core.errors import InputError
from ingest.sources.polling import Sample, canonical

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

log = logging.getLogger(__name__)

ROOT: Final = Path("/")
KIB: Final = 1024.0
IDLE_FIELDS: Final = (3, 4)
"""Of the first line of /proc/stat: idle and iowait."""
GUEST_FROM: Final = 8
"""Guest time is part of user time already."""
_UNUSABLE_IN_NAMES: Final = re.compile(r"[^a-z0-9_\-]+")


def host_name() -> str:
    """This machine's name as an asset's."""
    name = platform.node().partition(".")[0].lower()
    return _UNUSABLE_IN_NAMES.sub("-", name).strip("-_") or "host"


class _Counter:
    """An energy counter that wraps, as one that only rises [uJ]."""

    def __init__(self, first: int) -> None:
        self.last = self.total = first

    def add(self, found: int, wraps_at: int) -> int:
        """The total, with the counter at `found`; without a range a smaller value is a reset."""
        if found >= self.last:
            self.total += found - self.last
        elif wraps_at:
            self.total += wraps_at - self.last + found
        else:
            self.total = found
        self.last = found
        return self.total


class Host:
    """One machine.

    Args:
        name: the asset's name.
        root: where /proc and /sys are.

    Raises:
        InputError: this is no Linux.
    """

    def __init__(self, name: str, root: Path = ROOT) -> None:
        self._name, self._root = name, root
        self._times: tuple[int, int] | None = None
        self._counters: dict[str, _Counter] = {}
        if not (root / "proc" / "stat").is_file():
            raise InputError(
                "this machine", found="no /proc/stat", allowed="Linux", do="run it on a Linux host"
            )

    def poll(self, now: datetime) -> list[Sample]:
        """One sample of the machine, and one of each energy counter; the utilisation from the second on."""
        del now
        told = (("utilisation", self._busy_ratio(), "1"), ("memory_used", self._memory_used_b(), "B"))
        samples = [Sample(self._name, canonical(told)), *self._energy()]
        return [sample for sample in samples if sample.values]

    def _busy_ratio(self) -> float | None:
        first = _text(self._root / "proc" / "stat").partition("\n")[0].split()[1:]
        if len(first) <= max(IDLE_FIELDS) or not all(number.isdigit() for number in first):
            return None
        ticks = [int(number) for number in first[:GUEST_FROM]]
        idle, total = sum(ticks[field] for field in IDLE_FIELDS), sum(ticks)
        before, self._times = self._times, (idle, total)
        if before is None or total <= before[1]:
            return None
        return min(max(1.0 - (idle - before[0]) / (total - before[1]), 0.0), 1.0)

    def _memory_used_b(self) -> float | None:
        found = dict(re.findall(r"^(\w+):\s+(\d+) kB$", _text(self._root / "proc" / "meminfo"), re.MULTILINE))
        if not {"MemTotal", "MemAvailable"} <= found.keys():
            return None
        return (int(found["MemTotal"]) - int(found["MemAvailable"])) * KIB

    def _energy(self) -> Iterator[Sample]:
        """Each RAPL domain's energy: packages, their parts, the platform."""
        folder = self._root / "sys" / "class" / "powercap"
        for zone in sorted(folder.glob("intel-rapl:*")):
            found, label = _text(zone / "energy_uj").strip(), _text(zone / "name").strip()
            if not found.isdigit() or not label:
                continue
            wraps_at = _text(zone / "max_energy_range_uj").strip()
            counter = self._counters.setdefault(zone.name, _Counter(int(found)))
            total_uj = counter.add(int(found), int(wraps_at) if wraps_at.isdigit() else 0)
            parent = _text(folder / zone.name.rpartition(":")[0] / "name").strip()
            parts = [self._name, *([parent] if parent else []), label]
            asset = _UNUSABLE_IN_NAMES.sub("-", "-".join(parts).lower())
            yield Sample(asset, canonical([("energy", float(total_uj), "uJ")]))


def _text(path: Path) -> str:
    """A file of the kernel's; "" where it is not there or may not be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        log.debug("%s: %s", path, error)
        return ""
