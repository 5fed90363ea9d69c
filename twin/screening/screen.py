"""Bad data are found before a fit: masked point by point, or refused where too little would be left.

References:
    What is looked for, and what cannot be found: `twin.screening.faults` and `twin.screening.shifted`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from core.errors import InputError
from twin.history import SERIES, UPS_INPUT, History, named, series_refs
from twin.screening import faults
from twin.screening.shifted import EARLY, LATE, shifted, shifted_it

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from core.site import Site
    from twin.plant.curves import Flags, Floats
    from twin.screening.faults import Fault, Measured

GAP: Final = "gap"
THROUGHOUT_RATIO: Final = 0.8
"""A fault in more than this share of what a point measured is one of the point, not of some hours [1]."""
RUNS_MOST: Final = 10
"""Findings of one kind of one point; nearer stretches are told as one."""
_NAMED_MOST: Final = 3
_CURES: Final = {
    faults.FAHRENHEIT: "correct the point's unit in site.toml or in the device",
    faults.WATTS: "correct the point's unit in site.toml or in the device, or the design data under [plant]",
    faults.KILOWATTS: "correct the point's unit in site.toml or in the device",
    faults.WET: "see whether the two sensors are exchanged in site.toml",
    faults.BELOW_IT: "see which meters site.toml counts as facility and as IT",
    faults.SUM: "see which meters site.toml counts twice",
    faults.SPIKE: "see to the device",
    faults.STUCK: "see to the sensor or to what brings its readings",
}
_CLOCK: Final = "send times with their offset, or name the device's time zone in site.toml"
_ESSENTIAL: Final = frozenset(
    {faults.FAHRENHEIT, faults.WATTS, faults.KILOWATTS, faults.WET, faults.BELOW_IT, faults.SUM, EARLY, LATE}
)
"""Throughout, these are errors of the site's description: nothing is fitted around them."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Hours of a point that a fit must not see."""

    point: str
    """``asset/point``; several, joined by +, where only their sum is known."""
    what: str
    """What is wrong with it."""
    start: datetime
    """From, UTC."""
    end: datetime
    """To, UTC."""
    steps: int
    """Steps between them that are concerned."""
    action: Literal["masked", "refused"]
    """What became of them."""

    def __str__(self) -> str:
        return f"{self.point} {self.what} {self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC"

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"start": self.start.isoformat(), "end": self.end.isoformat()}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Finding:
        """The inverse of `to_json`."""
        times = {name: datetime.fromisoformat(plain[name]) for name in ("start", "end")}
        return cls(**{**plain, **times})


@dataclass(frozen=True, slots=True)
class Screened:
    """A history without what is wrong with it."""

    history: History
    """NaN where a point was masked or missing."""
    findings: tuple[Finding, ...]
    """What was found, by point."""

    def check(self) -> None:
        """Refuse what no mask can mend.

        Raises:
            InputError: a point is wrong throughout.
        """
        bad = [finding for finding in self.findings if finding.action == "refused"]
        for first in bad[:1]:
            same = [finding for finding in bad if (finding.point, finding.what) == (first.point, first.what)]
            raise InputError(
                first.point,
                found=f"{first.what} in {sum(finding.steps for finding in same)} steps from "
                f"{first.start:%Y-%m-%d %H:%M} to {same[-1].end:%Y-%m-%d %H:%M} UTC",
                allowed="bad readings in single hours, which are left out, not throughout",
                do=_CURES.get(first.what, _CLOCK),
            )


def screen(site: Site, history: History) -> Screened:
    """Find gaps, stuck sensors, other units, spikes, shifted hours and meters that disagree; mask them.

    Args:
        site: the site's description.
        history: what was measured; point by point where it comes from `load_points`.

    Returns:
        The history with the faulty hours of the faulty points as NaN, and what was found.
    """
    if not len(history):
        return Screened(history, ())
    found = faults.Measured(site.plant, _points(site, history))
    measured = {(series, name): np.isfinite(values) for series, name, values in found.each()}
    alive = np.any(list(measured.values()), axis=0)
    alive[slice(*_ends(alive))] = True
    findings = [
        finding
        for (_, name), known in measured.items()
        if known.any()
        for finding in _findings(history, name, GAP, alive & ~known, refused=False)
    ]
    hour_steps = round(timedelta(hours=1) / history.step)
    detectors: tuple[Callable[[Measured], Iterator[Fault]], ...] = (
        faults.watts_as_kilowatts,
        faults.fahrenheit,
        faults.kilowatts_as_watts,
        faults.spikes,
        faults.stuck,
        faults.wet_above_dry,
        lambda points: shifted(points, hour_steps),
        lambda points: shifted_it(points, hour_steps),
        faults.disagreeing,
    )
    for detect in detectors:
        for fault in list(detect(found)):
            known = measured[fault.series, fault.name]
            flags = fault.flags & known
            throughout = flags.sum() > THROUGHOUT_RATIO * known.sum()
            refused = bool(throughout and fault.what in _ESSENTIAL)
            findings += _findings(history, fault.name, fault.what, flags, refused=refused)
            found.points[fault.series][fault.name][flags] = np.nan
    return Screened(History.of(history.start, history.step, found.points), tuple(findings))


def _ends(flags: Flags) -> tuple[int, int]:
    """Where True begins for the first time and ends for the last."""
    where = np.flatnonzero(flags)
    return (int(where[0]), int(where[-1]) + 1) if len(where) else (0, 0)


def told(findings: Iterable[Finding]) -> str:
    """What was masked or missing, in a few words; empty where nothing was."""
    ordered = sorted(findings, key=lambda finding: -finding.steps)
    if not ordered:
        return ""
    rest = len(ordered) - _NAMED_MOST
    text = "; ".join(f"{finding} ({finding.steps} steps)" for finding in ordered[:_NAMED_MOST])
    return f"left out: {text}" + (f"; and {rest} more" if rest > 0 else "")


def _points(site: Site, history: History) -> dict[str, dict[str, Floats]]:
    """Copies of the history's points; where it has none, each series under the names of its points."""
    if history.points:
        return {
            series: {name: values.copy() for name, values in parts.items()}
            for series, parts in history.points.items()
        }
    refs = series_refs(site)
    arrays = {name: getattr(history, name) for name in SERIES if name != "ups_loss_kw"}
    arrays[UPS_INPUT] = history.ups_loss_kw + history.it_kw
    return {name: {named(refs[name]): arrays[name].copy()} if refs[name] else {} for name in refs}


def _findings(history: History, name: str, what: str, flags: Flags, *, refused: bool) -> Iterator[Finding]:
    """One for each stretch; those within an hour are one, and where they are many those further apart."""
    stretches = faults.runs(flags)
    apart = round(timedelta(hours=1) / history.step)
    while len(stretches) > 1:
        merged = [stretches[0]]
        for begin, end in stretches[1:]:
            if begin - merged[-1][1] <= apart:
                merged[-1] = (merged[-1][0], end)
            else:
                merged.append((begin, end))
        stretches, apart = merged, 2 * apart
        if len(stretches) <= RUNS_MOST:
            break
    for begin, end in stretches:
        yield Finding(
            point=name,
            what=what,
            start=history.start + history.step * begin,
            end=history.start + history.step * end,
            steps=int(flags[begin:end].sum()),
            action="refused" if refused else "masked",
        )
