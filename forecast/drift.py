"""Whether a trained model still fits its plant: by its skill, its intervals and its inputs.

All is recomputed from daily sums of the scores; the only thing kept is where the training's values lay.

References:
    Page, Biometrika 41 (1954); Hinkley, Biometrika 58 (1971): the test for a rise of the mean.
    Siddiqi, Credit Risk Scorecards, 2006: the population stability index.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from forecast.protocol import DAYS_PER_WEEK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from core.series import Floats

WINDOW_DAYS: Final = DAYS_PER_WEEK
"""Days over which skill and coverage are taken [d]."""
DAYS_MIN: Final = 3
"""Fewer scored days than this say nothing [d]."""
SKILL_MAX: Final = 1.0
"""Pinball loss over the seasonal naive's above which a model is of no use [1]."""
RISE_ALLOWED: Final = 0.15
"""Rise of the daily ratio's logarithm over its mean that Page and Hinkley's sum overlooks [1]."""
RISE_LIMIT: Final = 1.0
"""Sum of what is above that at which the ratio is taken to have risen [1]: three days of twice the loss do;
scatter of 20 % from day to day does in about one month of five hundred."""
COVERAGE: Final = 0.80
COVERAGE_TOLERANCE: Final = 0.08
"""How far the share of the truth inside the 80 % band may lie from it [1]."""
BINS: Final = 10
"""Bins of equal share in the training's values, for the stability index."""
SHARE_MIN: Final = 1e-3
"""Least share of a bin in the index: an empty one would make it infinite [1]."""
STABILITY_MAX: Final = 0.25
"""Index above which a distribution is usually said to have shifted [1]."""
OUTSIDE_MAX: Final = 0.2
"""Share of the last days' values outside the training's range that is too much [1]."""


@dataclass(frozen=True, slots=True)
class Day:
    """One day's scores of a model."""

    pinball_w: float
    """Mean pinball loss of the model on the steps that the seasonal naive has forecast too [W]."""
    naive_w: float
    """The seasonal naive's on the same [W]."""
    inside_ratio: float
    """Share of the truth inside the 80 % band of what is served [1]; NaN where none was served."""


@dataclass(frozen=True, slots=True)
class Drift:
    """What has drifted, in words, and the figures."""

    skill: str = ""
    coverage: str = ""
    inputs: str = ""
    skill_ratio: float | None = None
    """Pinball loss over the seasonal naive's [1]; None where too few days are scored."""
    coverage_ratio: float | None = None
    """Share of the truth inside the 80 % band [1]."""
    stability_index: float | None = None
    """Population stability index of the inputs [1]."""

    @property
    def judged(self) -> bool:
        """Whether there were enough days to say anything about the forecasts."""
        return self.skill_ratio is not None

    @property
    def said(self) -> str:
        """What drifted, in words; empty: nothing."""
        return "; ".join(words for words in (self.skill, self.coverage, self.inputs) if words)


def judge(days: Sequence[Day], inputs: Mapping[str, Any] | None, recent: pd.DataFrame) -> Drift:
    """Judge a model.

    Args:
        days: its scored days since it was put in force, oldest first.
        inputs: from `reference`, of the values it was trained on; None: not known.
        recent: history of the last 7 days.
    """
    skill, ratio = _skill(days)
    coverage, inside = _coverage(days)
    moved, index = _inputs(inputs, recent)
    return Drift(skill, coverage, moved, ratio, inside, index)


def _skill(days: Sequence[Day]) -> tuple[str, float | None]:
    useful = [day for day in days if day.naive_w > 0 and day.pinball_w > 0]
    if len(useful) < DAYS_MIN:
        return "", None
    last = useful[-WINDOW_DAYS:]
    ratio = sum(day.pinball_w for day in last) / sum(day.naive_w for day in last)
    if ratio > SKILL_MAX:
        return f"pinball loss {ratio:.2f} times the seasonal naive's over {len(last)} days", ratio
    if page_hinkley(np.log([day.pinball_w / day.naive_w for day in useful])) > RISE_LIMIT:
        return f"pinball loss against the seasonal naive's has risen, to {ratio:.2f} times", ratio
    return "", ratio


def page_hinkley(values: Floats, allowed: float = RISE_ALLOWED) -> float:
    """How far the values have risen above their running mean, at the last of them.

    Args:
        values: (n,) in order of time.
        allowed: rise that is overlooked.

    Returns:
        Sum of the deviations, less its smallest so far; 0 for no value.
    """
    means = np.cumsum(values) / np.arange(1, len(values) + 1)
    sums = np.concatenate(([0.0], np.cumsum(values - means - allowed)))
    return float(sums[-1] - sums.min())


def _coverage(days: Sequence[Day]) -> tuple[str, float | None]:
    inside = [day.inside_ratio for day in days[-WINDOW_DAYS:] if np.isfinite(day.inside_ratio)]
    if len(inside) < DAYS_MIN:
        return "", None
    ratio = float(np.mean(inside))
    if len(inside) < WINDOW_DAYS or abs(ratio - COVERAGE) <= COVERAGE_TOLERANCE:
        return "", ratio
    return f"the 80 % band held {ratio:.0%} of the truth over {len(inside)} days", ratio


def reference(history: pd.DataFrame) -> dict[str, Any]:
    """Where the values of a training lay, for its version's card.

    Args:
        history: what was learnt from, at least one step measured.

    Returns:
        `edges` between bins of equal share, `shares` in them [1], `low` and `high` [W]; fit for JSON.
    """
    y = _measured(history)
    edges = np.unique(np.quantile(y, np.arange(1, BINS) / BINS))
    return {
        "edges": edges.tolist(),
        "shares": _shares(y, edges).tolist(),
        "low": float(y.min()),
        "high": float(y.max()),
    }


def stability_index(expected: Floats, actual: Floats) -> float:
    """Population stability index of two distributions over the same bins [1].

    Args:
        expected: (b,) shares in training [1].
        actual: (b,) shares now [1].
    """
    e, a = np.maximum(expected, SHARE_MIN), np.maximum(actual, SHARE_MIN)
    return float(np.sum((a - e) * np.log(a / e)))


def _inputs(inputs: Mapping[str, Any] | None, recent: pd.DataFrame) -> tuple[str, float | None]:
    y = _measured(recent)
    if not inputs or not len(y):
        return "", None
    index = stability_index(np.asarray(inputs["shares"]), _shares(y, np.asarray(inputs["edges"])))
    outside = float(np.mean((y < inputs["low"]) | (y > inputs["high"])))
    if outside > OUTSIDE_MAX:
        return f"{outside:.0%} of the last 7 days lie outside the range of the training", index
    if index > STABILITY_MAX:
        return f"the last 7 days are distributed unlike the training (stability index {index:.2f})", index
    return "", index


def _measured(history: pd.DataFrame) -> Floats:
    y = history["y"].to_numpy(dtype=np.float64)
    seen = history["observed"].to_numpy(dtype=np.bool_) & np.isfinite(y)
    return np.asarray(y[seen], dtype=np.float64)


def _shares(y: Floats, edges: Floats) -> Floats:
    """(len(edges) + 1,) share of the values in each bin [1]."""
    counts = np.bincount(np.searchsorted(edges, y, side="left"), minlength=len(edges) + 1)
    return np.asarray(counts / len(y), dtype=np.float64)
