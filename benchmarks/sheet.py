"""A table of what must be reached, filled in as it is measured; what cannot be measured says why."""

from __future__ import annotations

import operator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from common import console

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Figure = float | str | bool | None

AT_LEAST: Final = ">="
AT_MOST: Final = "<="
_HOLDS: Final = {AT_LEAST: operator.ge, AT_MOST: operator.le}


class NotMeasured(Exception):  # noqa: N818  # no error: a thing that this machine lacks
    """Why a part cannot be measured here."""


@dataclass(frozen=True, slots=True)
class Target:
    """A row of the table before anything is measured."""

    part: str
    """What it is measured with; they fail together."""
    key: str
    what: str
    """With the baseline's name and, in brackets, the unit of both."""
    sign: str = ""
    """`AT_LEAST`, `AT_MOST`, or nothing where the row only informs."""
    bound: float = 0.0
    as_ratio: bool = True
    """Whether ours over the baseline is held against the bound, or ours as it is."""


class Measured(NamedTuple):
    """What became of it."""

    ours: float
    baseline: float | None
    figure: float
    note: str


@dataclass(slots=True)
class Sheet:
    """The table as it grows."""

    targets: Sequence[Target]
    figures: dict[str, Figure] = field(default_factory=dict)
    """Whatever else was measured."""
    _measured: dict[str, Measured] = field(default_factory=dict)
    _why: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def part(self, *names: str) -> Iterator[None]:
        """Measure some rows; if that fails, they say so, and the others go on."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  # whatever it is, it is told
            why = str(error).strip() or type(error).__name__
            for name in names:
                self._why.setdefault(name, why.splitlines()[0])
            console.print(f"{', '.join(names)}: not measured: {why}")

    def found(
        self, key: str, ours: float, baseline: float | None = None, ratio: float | None = None, note: str = ""
    ) -> None:
        """Fill in a row.

        Args:
            key: which one.
            ours: our figure.
            baseline: what it is held against.
            ratio: the median of ratios where that is better known than the ratio of medians.
            note: what the reader has to know to judge it, e.g. on what scale.
        """
        target = next(t for t in self.targets if t.key == key)
        figure = ours
        if target.as_ratio:
            figure = ratio if ratio is not None else ours / baseline if baseline else float("nan")
        self._measured[key] = Measured(ours, baseline, figure, note)

    def flat(self) -> dict[str, Figure]:
        """Every figure by its name, for the file."""
        flat: dict[str, Figure] = {}
        for target in self.targets:
            key, found = target.key, self._measured.get(target.key)
            if target.sign:
                flat[f"{key}_must"] = f"{target.sign} {target.bound:g}"
            if found is None:
                flat |= {f"{key}_ours": None, f"{key}_not_measured": self._reason(target)}
                continue
            flat |= {f"{key}_ours": found.ours, f"{key}_baseline": found.baseline}
            if target.as_ratio:
                flat[f"{key}_ratio"] = found.figure
            if target.sign:
                flat[f"{key}_met"] = self._met(target, found)
            if found.note:
                flat[f"{key}_note"] = found.note
        return flat | self.figures

    def table(self) -> list[dict[str, object]]:
        """The rows for people."""
        return [self._line(target) for target in self.targets]

    def _line(self, target: Target) -> dict[str, object]:
        found = self._measured.get(target.key)
        must = f"{target.sign} {target.bound:g}" if target.sign else "-"
        if found is None:
            met = f"not measured: {self._reason(target)}"
            return dict(zip(HEADINGS, (target.what, "", "", "", must, met), strict=True))
        met = "-"
        if target.sign:
            met = "yes" if self._met(target, found) else "no"
        what = f"{target.what}; {found.note}" if found.note else target.what
        baseline = "" if found.baseline is None else found.baseline
        return dict(zip(HEADINGS, (what, found.ours, baseline, found.figure, must, met), strict=True))

    def _reason(self, target: Target) -> str:
        return self._why.get(target.part, "left out")

    @staticmethod
    def _met(target: Target, found: Measured) -> bool:
        return bool(_HOLDS[target.sign](found.figure, target.bound))


HEADINGS: Final = ("what", "ours", "baseline", "ratio or figure", "must", "met")
