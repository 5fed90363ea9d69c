"""Which column of a file is which point: written by the user, or recognised by the columns' names.

A mapping file says the same as ``--map`` and more:

.. code-block:: toml

    time = "timestamp"          # the column of times
    asset = "gpu"               # whose points they are; without it, the file's name
    asset_column = "gpu_index"  # its whole number behind `asset` and a hyphen; without `asset`, its name

    [points]
    gpu_power = "power_mw:mW"   # POINT = "COLUMN[:UNIT]", or ASSET/POINT

    [[prometheus]]              # for the export of a range query
    selector = 'DCGM_FI_DEV_POWER_USAGE{Hostname="node-1"}'
    point = "gpu_power"
    unit = "W"
    asset = "gpu-{gpu}"         # labels in braces
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict

from core.errors import InputError
from core.points import PointType, point_type
from core.site import NAME_PATTERN
from core.toml import load_toml
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
    asset_named: bool = False
    """Whether that column holds the assets' names instead."""

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
        return cls(time, once(columns, default_asset, "--map"), default_asset)

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


def once(columns: list[Column], default_asset: str, where: str) -> tuple[Column, ...]:
    """The columns, if no two are the same point.

    Raises:
        InputError: some are.
    """
    targets = [(column.asset or default_asset, column.point.name) for column in columns]
    twice = next((target for target in targets if targets.count(target) > 1), None)
    if twice:
        raise InputError(
            where, found=f"{'/'.join(twice)} twice", allowed="each point once", do="leave one out"
        )
    return tuple(columns)


def is_name(text: str) -> bool:
    """Whether it can be the name of an asset."""
    return _NAME.match(text) is not None


def _column(left: str, right: str, where: str = "--map") -> Column:
    asset, slash, name = left.rpartition("/")
    if slash and not is_name(asset):
        raise InputError(
            f"{where}: asset",
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
    name = as_name(path.name.partition(".")[0])
    if not name:
        raise InputError("file name", found=repr(path.name), allowed="letters or digits", do="rename it")
    return name


def as_name(text: str) -> str:
    """A text as the name of an asset; "" where nothing of it can be used."""
    return _NOT_IN_NAMES.sub("-", text.lower()).strip("-_")


_METRIC: Final = re.compile(r"^\s*([a-zA-Z_:][a-zA-Z0-9_:]*)?\s*(?:\{(.*)\})?\s*$", re.DOTALL)
_MATCHER: Final = re.compile(r'\s*([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)')
_LABEL: Final = re.compile(r"\{(\w+)\}")
METRIC_NAME: Final = "__name__"


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition of a Prometheus selector."""

    label: str
    pattern: re.Pattern[str]
    wanted: bool
    """Whether the whole value has to match, or must not."""

    def fits(self, labels: dict[str, str]) -> bool:
        """Whether a series fulfils it; a label that is absent is empty."""
        return (self.pattern.fullmatch(labels.get(self.label, "")) is not None) is self.wanted


def parse_selector(text: str) -> tuple[Matcher, ...]:
    """The conditions of ``metric{label="value",...}``, with =, !=, =~ and !~ as in Prometheus.

    Raises:
        ValueError: it has another form.
    """
    found = _METRIC.match(text)
    name, body = found.groups() if found else (None, None)
    matchers = [Matcher(METRIC_NAME, re.compile(re.escape(name)), wanted=True)] if name else []
    at, body = 0, body or ""
    while body[at:].strip():
        part = _MATCHER.match(body, at)
        if part is None:
            raise ValueError(text)
        label, operator, quoted = part.groups()
        value = re.sub(r"\\(.)", r"\1", quoted)
        matchers.append(
            Matcher(label, re.compile(value if "~" in operator else re.escape(value)), operator[0] == "=")
        )
        at = part.end()
    if not matchers:
        raise ValueError(text)
    return tuple(matchers)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which series of an export are which point."""

    matchers: tuple[Matcher, ...]
    point: PointType
    unit: str
    asset: str
    """Whose point it is, with labels in braces."""

    def fits(self, labels: dict[str, str]) -> bool:
        """Whether a series is one of these."""
        return all(matcher.fits(labels) for matcher in self.matchers)

    def asset_of(self, labels: dict[str, str]) -> str | None:
        """The asset of a series; None where a label is absent or cannot be a name."""
        if any(not as_name(labels.get(name, "")) for name in _LABEL.findall(self.asset)):
            return None
        filled = _LABEL.sub(lambda m: as_name(labels[m[1]]), self.asset)
        return filled if is_name(filled) else None


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Series(_Strict):
    selector: str
    point: str
    asset: str
    unit: str | None = None

    def selection(self, where: str) -> Selection:
        point = point_type(self.point)
        unit = self.unit or point.unit
        to_canonical(0.0, unit, point.quantity)
        try:
            matchers = parse_selector(self.selector)
        except (ValueError, re.error):
            raise InputError(
                f"{where}: selector",
                found=repr(self.selector),
                allowed='METRIC{LABEL="VALUE",...} with =, !=, =~ or !~',
                do="correct it there",
            ) from None
        if not is_name(_LABEL.sub("x", self.asset)):
            raise InputError(
                f"{where}: asset",
                found=repr(self.asset),
                allowed="lower case, digits, hyphen, underscore, and labels in braces",
                do='write it like "gpu-{gpu}"',
            )
        return Selection(matchers, point, unit, self.asset)


class _File(_Strict):
    time: str | None = None
    asset: str | None = None
    asset_column: str | None = None
    points: dict[str, str] = {}
    prometheus: list[_Series] = []


@dataclass(frozen=True, slots=True)
class MapFile:
    """A mapping file, checked."""

    name: str
    time: str | None
    asset: str | None
    asset_column: str | None
    columns: tuple[Column, ...]
    series: tuple[Selection, ...]

    @classmethod
    def load(cls, path: Path) -> MapFile:
        """Read one.

        Raises:
            InputError: it is missing, is no TOML, or says what cannot be.
        """
        name = path.name
        found = load_toml(path, _File, what="a mapping file", do="correct the path", keys=_KEYS)
        columns = [_column(left.strip(), right.strip(), name) for left, right in found.points.items()]
        if not columns and not found.prometheus:
            raise InputError(name, found="no points", allowed=_KEYS, do="name one under [points]")
        if found.asset is not None and not is_name(found.asset):
            raise InputError(
                f"{name}: asset",
                found=repr(found.asset),
                allowed="lower case, digits, hyphen and underscore",
                do="correct it there",
            )
        series = tuple(entry.selection(name) for entry in found.prometheus)
        return cls(
            name, found.time, found.asset, found.asset_column, once(columns, found.asset or "", name), series
        )

    def table(self, default_asset: str) -> Mapping:
        """How to read a file of columns.

        Raises:
            InputError: it says nothing about columns.
        """
        if self.time is None or not self.columns:
            found = "no [points]" if self.time else "no time"
            raise InputError(
                self.name,
                found=found,
                allowed='time = "COLUMN" and [points] for a file of columns',
                do="add it there",
            )
        asset, named = self.asset or default_asset, self.asset_column is not None and self.asset is None
        return Mapping(self.time, self.columns, asset, self.asset_column, named)


_KEYS: Final = "time, asset, asset_column, [points] and [[prometheus]] with selector, point, unit, asset"


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
