"""Which column of a file is which point: written by the user, or recognised by the columns' names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from core.errors import InputError
from core.points import PointType, point_type
from core.site import NAME_PATTERN
from core.units import to_canonical

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TIME: Final = "time"
_NAME: Final = re.compile(NAME_PATTERN)
_NOT_IN_NAMES: Final = re.compile(r"[^a-z0-9_\-]+")
_EXAMPLE: Final = "write it like time=time_utc,it_power=power_draw:kW,gpu-0/gpu_power=power_w"


@dataclass(frozen=True, slots=True)
class Column:
    """One column that holds a point's values."""

    name: str
    """Its heading."""
    point: PointType
    unit: str
    """The unit that its numbers are in."""
    asset: str | None = None
    """Whose point it is; None: the row's asset."""


@dataclass(frozen=True, slots=True)
class Mapping:
    """How to read the rows of a file."""

    time: str
    """Heading of the column of times."""
    columns: tuple[Column, ...]
    asset: str
    """Whose points they are where a column does not say."""
    asset_column: str | None = None
    """A column whose whole number is put behind `asset` and a hyphen."""

    @classmethod
    def parse(cls, text: str, default_asset: str) -> Mapping:
        """Read ``time=COLUMN,[ASSET/]POINT=COLUMN[:UNIT],...``.

        Raises:
            InputError: the text has another form, names a point twice or one that is not in the catalogue, a
                unit of another quantity, or no column of times.
        """
        time: str | None = None
        columns: list[Column] = []
        for item in text.split(","):
            left, equals, right = (part.strip() for part in item.partition("="))
            if not (left and equals and right):
                raise _wrong(item)
            if left != TIME:
                columns.append(_column(left, right))
            elif time is None:
                time = right
            else:
                raise InputError("--map", found="two columns of times", allowed="one", do="leave one out")
        if time is None or not columns:
            missing = "no column of points" if time else "no column of times"
            raise InputError("--map", found=missing, allowed="time=COLUMN and points", do=_EXAMPLE)
        targets = [(column.asset or default_asset, column.point.name) for column in columns]
        twice = next((target for target in targets if targets.count(target) > 1), None)
        if twice:
            raise InputError(
                "--map", found=f"{'/'.join(twice)} twice", allowed="each point once", do="leave one out"
            )
        return cls(time, tuple(columns), default_asset)

    @property
    def headings(self) -> tuple[str, ...]:
        """Every column that it needs, each once."""
        needed = [self.time, *(column.name for column in self.columns)]
        return tuple(dict.fromkeys(needed + ([self.asset_column] if self.asset_column else [])))

    def check(self, path: Path, present: Sequence[str]) -> None:
        """Make sure that a file has the columns.

        Raises:
            InputError: it lacks one.
        """
        for heading in self.headings:
            if heading not in present:
                raise InputError(
                    f"{path.name}: column",
                    found=f"no {heading!r}",
                    allowed=", ".join(present),
                    do="map one of these",
                )


def _wrong(item: str) -> InputError:
    return InputError("--map", found=repr(item), allowed="POINT=COLUMN, separated by commas", do=_EXAMPLE)


def _column(left: str, right: str) -> Column:
    asset, slash, name = left.rpartition("/")
    if slash and not _NAME.match(asset):
        raise InputError(
            "--map: asset",
            found=repr(asset),
            allowed="lower case, digits, hyphen and underscore",
            do=_EXAMPLE,
        )
    point = point_type(name)
    heading, colon, unit = right.rpartition(":")
    if not colon:
        heading, unit = right, point.unit
    to_canonical(0.0, unit, point.quantity)
    return Column(heading, point, unit, asset or None)


def default_asset(path: Path) -> str:
    """The asset that a file is about where nobody says: its name up to the first dot, as a valid name.

    Raises:
        InputError: nothing of the file's name can be used.
    """
    name = _NOT_IN_NAMES.sub("-", path.name.partition(".")[0].lower()).strip("-_")
    if not name:
        raise InputError("file name", found=repr(path.name), allowed="letters or digits", do="rename it")
    return name


HOST_ASSET: Final = "host"
NVML_COLUMNS: Final[dict[str, tuple[str, str]]] = {
    "power_w": ("gpu_power", "W"),
    "sm_clock_mhz": ("gpu_clock", "MHz"),
    "mem_clock_mhz": ("gpu_memory_clock", "MHz"),
    "temperature_c": ("gpu_temperature", "degC"),
    "util_gpu": ("utilisation", "1"),
    "util_mem": ("memory_utilisation", "1"),
    "mem_used_mib": ("gpu_memory_used", "MiB"),
    "fan_pct": ("gpu_fan_speed_ratio", "%"),
    "throttle_reasons": ("gpu_throttle_reasons", "count"),
}
"""Columns of GPU telemetry logs that NVML was asked for, with the point and the unit of each."""
HOST_COLUMNS: Final[dict[str, tuple[str, str]]] = {
    "cpu_util": ("utilisation", "1"),
    "rapl_pkg_uj": ("energy", "uJ"),
}
"""What such logs say about the host."""
GPU_INDEX: Final = "gpu_index"
GPU_TIMES: Final = ("t_s", "time_utc", "time")


def recognise(path: Path, present: Sequence[str]) -> Mapping:
    """A mapping from the names of a file's columns.

    Raises:
        InputError: they are not known.
    """
    time = next((name for name in GPU_TIMES if name in present), None)
    gpu = [Column(n, point_type(p), u) for n, (p, u) in NVML_COLUMNS.items() if n in present]
    if time is None or GPU_INDEX not in present or not gpu:
        raise InputError(
            f"{path.name}: columns",
            found=", ".join(present),
            allowed=f"those of a GPU log ({GPU_TIMES[0]}, {GPU_INDEX}, {', '.join(NVML_COLUMNS)}), or --map",
            do=f"give --map; {_EXAMPLE}",
        )
    host = [Column(n, point_type(p), u, HOST_ASSET) for n, (p, u) in HOST_COLUMNS.items() if n in present]
    return Mapping(time, (*gpu, *host), "gpu", GPU_INDEX)
