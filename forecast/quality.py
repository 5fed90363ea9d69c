"""Whether a history is fit to forecast from: complete enough, recent, and not stuck at one value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd

    from core.series import Floats
    from forecast.features import Bools, Ints
    from forecast.protocol import Task

State = Literal["good", "incomplete", "flat", "stale"]

STALE: Final = timedelta(hours=3)
"""Without any reading for this long there is nothing to start a forecast from."""
LAST_DAY: Final = timedelta(hours=24)
CONTEXT: Final = timedelta(days=7)
"""What the learnt forecaster looks at."""
COMPLETE_MIN: Final = 0.5
"""Least share of measured steps in the last day, and in the context [1]."""
FLAT_MIN: Final = timedelta(hours=3)
"""Shorter constant stretches are nothing to wonder about."""
FLAT_GROWTH: Final = 1.5
"""How much longer than before a constant stretch has to be to count as stuck [1]."""
SAME: Final = 1e-6
"""Neighbouring values that differ by less than this share of the largest are the same [1]."""


@dataclass(frozen=True, slots=True)
class Quality:
    """The judgement of a history."""

    state: State
    reason: str
    """One sentence, without when it began."""
    since: datetime | None = None
    """When it began, where it is not good and that can be told."""

    @property
    def said(self) -> str:
        """Reason and beginning, in words."""
        if self.since is None:
            return self.reason
        began = ", first gap" if self.state == "incomplete" else " since"
        return f"{self.reason}{began} {self.since:%Y-%m-%d %H:%M} UTC"

    def noted(self) -> dict[str, str]:
        """For a note."""
        since = {} if self.since is None else {"since": self.since.isoformat()}
        return {"state": self.state, "reason": self.reason, **since}


def judge(history: pd.DataFrame, task: Task) -> Quality:
    """Judge a history by its last day and its last week.

    Args:
        history: regular, its last row the step before the forecast's origin, at least one step measured.
        task: its grid.
    """
    seen = history["observed"].to_numpy(dtype=np.bool_)
    return (
        _stale(history, seen, task)
        or _incomplete(history, seen, task)
        or _flat(history, seen, task)
        or Quality("good", "complete and moving")
    )


def _stale(history: pd.DataFrame, seen: Bools, task: Task) -> Quality | None:
    last = int(np.flatnonzero(seen)[-1])
    if (len(seen) - 1 - last) * task.step <= STALE:
        return None
    since = _time(history, last) + task.step
    return Quality("stale", "no readings", since)


def _incomplete(history: pd.DataFrame, seen: Bools, task: Task) -> Quality | None:
    """Too little measured; a history shorter than the context is judged by what there is of it."""
    for span, words in ((LAST_DAY, "24 h"), (CONTEXT, "7 days")):
        steps = round(span / task.step)
        share = float(seen[-steps:].mean())
        if share < COMPLETE_MIN:
            gap = int(np.flatnonzero(~seen[-steps:])[0]) + max(len(seen) - steps, 0)
            return Quality(
                "incomplete", f"{share:.0%} of the last {words} were measured", _time(history, gap)
            )
    return None


def _flat(history: pd.DataFrame, seen: Bools, task: Task) -> Quality | None:
    """Stuck at one value for longer than the series has been twice before.

    Twice, so that constant nights and weekends are in order and yet one earlier failure of the meter does not
    hide the next.
    """
    lengths = constant_stretches(history["y"].to_numpy(dtype=np.float64)[seen])
    usual = np.sort(lengths[:-1])[-2] if len(lengths) > 2 else 1  # noqa: PLR2004  # two before the present one
    stretch = int(lengths[-1])
    if stretch * task.step < FLAT_MIN or stretch <= FLAT_GROWTH * usual:
        return None
    since = _time(history, int(np.flatnonzero(seen)[-stretch]))
    return Quality("flat", "stuck at one value", since)


def constant_stretches(y: Floats) -> Ints:
    """(k,) lengths of the stretches of equal values in order [steps]; they add up to n.

    Args:
        y: (n,) n >= 1.
    """
    changes = np.flatnonzero(np.abs(np.diff(y)) > SAME * np.max(np.abs(y))) + 1
    return np.diff(np.concatenate(([0], changes, [len(y)])))


def _time(history: pd.DataFrame, row: int) -> datetime:
    found: datetime = history["valid_at"].iloc[row].to_pydatetime()
    return found
