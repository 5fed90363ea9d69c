"""How good a forecast was. Every figure is over measured steps only."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from forecast.protocol import MEDIAN, QUANTILES

if TYPE_CHECKING:
    from core.series import Floats
    from forecast.features import Bools

INTERVAL_90: Final = (0.05, 0.95)
"""Ends of a 90 % interval [1]."""
LOW_80, HIGH_80 = QUANTILES.index(0.1), QUANTILES.index(0.9)


def mae(truth: Floats, forecast: Floats) -> float:
    """Mean absolute error [unit of the series]."""
    return float(np.mean(np.abs(truth - forecast)))


def rmse(truth: Floats, forecast: Floats) -> float:
    """Root mean square error [unit of the series]."""
    return float(np.sqrt(np.mean((truth - forecast) ** 2)))


def mase_scale(y: Floats, observed: Bools, season: int) -> float:
    """Mean absolute seasonal difference of what was known before the test [unit of the series].

    Args:
        y: (n,) the series before the test.
        observed: (n,) which of it was measured.
        season: steps in a season.

    References:
        Hyndman and Koehler (2006), doi:10.1016/j.ijforecast.2006.03.001.
    """
    both = observed[season:] & observed[:-season]
    return float(np.mean(np.abs(y[season:] - y[:-season])[both])) if both.any() else float("nan")


def pinball(truth: Floats, quantiles: Floats, levels: tuple[float, ...] = QUANTILES) -> Floats:
    """Mean pinball loss by level.

    Args:
        truth: (n,).
        quantiles: (n, q).
        levels: (q,) [1].

    Returns:
        (q,) [unit of the series].
    """
    error, level = truth[:, None] - quantiles, np.asarray(levels)
    return np.asarray(np.maximum(level * error, (level - 1) * error).mean(axis=0), dtype=np.float64)


def wql(truth: Floats, quantiles: Floats, levels: tuple[float, ...] = QUANTILES) -> float:
    """Weighted quantile loss: twice the summed pinball loss over the sum of |truth|, mean over levels [1]."""
    total = float(np.sum(np.abs(truth)))
    return (
        float(2 * np.mean(pinball(truth, quantiles, levels)) * len(truth) / total) if total else float("nan")
    )


def coverage(truth: Floats, low: Floats, high: Floats) -> float:
    """Share of the truth inside an interval [1]."""
    return float(np.mean((truth >= low) & (truth <= high)))


def at_or_below(truth: Floats, quantiles: Floats) -> Floats:
    """(q,) share of the truth at or below each quantile [1]; a calibrated forecast gives the levels."""
    return np.asarray((truth[:, None] <= quantiles).mean(axis=0), dtype=np.float64)


def block_bootstrap(difference: Floats, block: int, draws: int, seed: int) -> tuple[float, float, float]:
    """How sure a mean of dependent values is: circular block bootstrap.

    Args:
        difference: (n,) one value a day in order of time, e.g. ours minus a rival's.
        block: days that are drawn together, because neighbours resemble each other.
        draws: how often to draw.
        seed: of the draws; same seed, same figures.

    Returns:
        The mean, and the low and high end of its 90 % interval [unit of the values].

    References:
        Politis and Romano (1992), A circular block-resampling procedure for stationary data.
    """
    n = len(difference)
    if not n:
        nan = float("nan")
        return nan, nan, nan
    starts = np.random.default_rng(seed).integers(n, size=(draws, -(-n // block)))
    places = (starts[:, :, None] + np.arange(block)).reshape(draws, -1)[:, :n] % n
    low, high = np.quantile(difference[places].mean(axis=1), INTERVAL_90)
    return float(difference.mean()), float(low), float(high)


@dataclass(frozen=True, slots=True)
class Score:
    """One forecaster's figures over a period."""

    mae: float
    """[W], of the median."""
    rmse: float
    """[W], of the median."""
    mase: float
    """MAE over the seasonal naive's error before the test [1]."""
    wql: float
    """[1]."""
    cov80: float
    """Share of the truth in [q10, q90] [1]."""
    n: int
    """Measured steps that were scored."""

    def as_dict(self) -> dict[str, float]:
        """The figures by name."""
        return asdict(self)


def score(truth: Floats, quantiles: Floats, scale: float) -> Score:
    """All figures at once.

    Args:
        truth: (n,) [W]; NaN where nothing was measured: such steps are not scored.
        quantiles: (n, 7) [W].
        scale: from `mase_scale` [W].
    """
    seen = np.isfinite(truth)
    truth, quantiles = truth[seen], quantiles[seen]
    if not len(truth):
        nan = float("nan")
        return Score(nan, nan, nan, nan, nan, 0)
    error = mae(truth, quantiles[:, MEDIAN])
    return Score(
        mae=error,
        rmse=rmse(truth, quantiles[:, MEDIAN]),
        mase=error / scale if scale > 0 else float("nan"),
        wql=wql(truth, quantiles),
        cov80=coverage(truth, quantiles[:, LOW_80], quantiles[:, HIGH_80]),
        n=len(truth),
    )
