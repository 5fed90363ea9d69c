"""Linear least squares that forgets: refitted block by block from normal equations, held by a prior.

Each block of rows (an hour, a day) is reduced to its sums of products once. A fit adds up those of the blocks
before, faded by age, and solves for the few coefficients in the prior's scale; nothing later can enter.
A memory of two half-lives, a short one that weighs much and a long one that weighs little, follows what has
changed while what the last block does not show stays as it was learnt.

References:
    Posterior and noise by expectation maximisation: Bishop (2006), Pattern Recognition and Machine Learning,
    3.3 and 9.3.4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from twin.plant.curves import Floats

IDENTIFIED_SD_RATIO: Final = 0.7
"""A coefficient is identified where data shrink its standard deviation below this share of the prior's."""
_FORGOTTEN: Final = 1e-9
_ROOM: Final = 32
_NOISE_STEPS: Final = 30
_SETTLED_RATIO: Final = 1e-9
_NOISE_FLOOR_RATIO: Final = 1e-12
_LEAST: Final = 1e-300


@dataclass(frozen=True, slots=True)
class Coefficient:
    """What is thought of a coefficient before data."""

    name: str
    """What it is called."""
    mean: float
    """Where it stays without data."""
    sd: float
    """Standard deviation, above 0."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What a row counts by its age: a mixture of half-lives within a window; all in blocks."""

    half_lives: tuple[float, ...] = (math.inf,)
    """Ages at which the parts count half [blocks]."""
    shares: tuple[float, ...] = (1.0,)
    """Each part's share in a row that is new, sum 1."""
    window: float = math.inf
    """Age from which a row counts nothing [blocks]."""

    def weights(self, age: Floats) -> Floats:
        """What rows of an age count [1].

        Args:
            age: whole blocks between theirs and the one to predict, 0 for the last one [blocks], any shape.
        """
        parts = [
            share * 0.5 ** (age / life) for life, share in zip(self.half_lives, self.shares, strict=True)
        ]
        return np.where(age < self.window, sum(parts), 0.0)


@dataclass(frozen=True, slots=True)
class Fit:
    """Coefficients with what is known of them."""

    names: tuple[str, ...]
    """Of all coefficients."""
    values: Floats
    """(p,) the coefficients."""
    covariance: Floats
    """(p, p) theirs; the prior's where not identified."""
    unidentified: tuple[str, ...]
    """Coefficients that the data do not narrow; they stay at the prior's mean."""
    noise_sd: float
    """Standard deviation of a row about the fit over the row's scale; infinite without data."""
    rows: float
    """Rows that it rests on, each by what its age lets it count."""

    def predict(self, x: Floats) -> Floats:
        """What rows (n, p) lead to, (n,)."""
        return np.asarray(x @ self.values, dtype=np.float64)


class Rolling:
    """A fit that moves on in time.

    Args:
        coefficients: what is thought of each beforehand.
        memory: what a row counts by its age.
        correlated_rows: rows that carry the information of one, as errors last [1].
    """

    def __init__(
        self, coefficients: Sequence[Coefficient], memory: Memory, *, correlated_rows: float = 1.0
    ) -> None:
        self._names = tuple(c.name for c in coefficients)
        self._mean = np.array([c.mean for c in coefficients])
        self._sd = np.array([c.sd for c in coefficients])
        self._memory, self._correlated = memory, correlated_rows
        self._count = 0
        # a line by block: its number, how many rows it has, their sums of products
        self._lines = np.zeros((_ROOM, 2 + (len(coefficients) + 1) ** 2))

    def add(self, block: int, x: Floats, y: Floats, scale: Floats | None = None) -> None:
        """Learn from rows of a block.

        Args:
            block: its number, counting time, so that gaps age what lies before them; never falling.
            x: (n, p) what is known.
            y: (n,) what it led to; rows with anything missing are left out.
            scale: (n,) the error to reckon with in each row [unit of `y`]; equal where not given.
        """
        scale = np.ones(len(y)) if scale is None else scale
        whole = np.isfinite(y) & np.isfinite(x).all(axis=1) & (scale > 0.0)
        if not whole.any():
            return
        x, y = x[whole] / scale[whole, None], y[whole] / scale[whole]
        columns = np.column_stack([x * self._sd, y - x @ self._mean])
        if self._count == len(self._lines):
            self._make_room(block)
        self._lines[self._count] = (block, len(y), *(columns.T @ columns).ravel())
        self._count += 1

    def _make_room(self, block: int) -> None:
        """Drop what is forgotten; keep as much room again as the rest takes."""
        age = np.maximum(block - 1 - self._lines[:, 0], 0.0)
        kept = self._lines[self._memory.weights(age) > _FORGOTTEN]
        self._count = len(kept)
        self._lines = np.concatenate([kept, np.zeros((_ROOM + len(kept), kept.shape[1]))])

    def fit(self, block: int) -> Fit:
        """The coefficients to use in a block, from the blocks before it alone."""
        before = self._lines[: np.searchsorted(self._lines[: self._count, 0], block)]
        rows, *products = (self._memory.weights(block - 1 - before[:, 0]) @ before[:, 1:]).tolist()
        size = len(self._names)
        sums = np.reshape(products, (size + 1, size + 1))
        values, covariance, noise_sd = np.zeros(size), np.eye(size), math.inf
        free = np.arange(size) if rows > 0.0 else np.arange(0)
        while free.size:
            last = np.append(free, size)
            found, spread, noise_sd = _posterior(sums[np.ix_(last, last)], rows, self._correlated)
            sd = np.sqrt(np.diag(spread))
            if sd.max() < IDENTIFIED_SD_RATIO:
                values[free], covariance[np.ix_(free, free)] = found, spread
                break
            free = np.delete(free, sd.argmax())
        return Fit(
            names=self._names,
            values=self._mean + self._sd * values,
            covariance=covariance * np.outer(self._sd, self._sd),
            unidentified=tuple(name for i, name in enumerate(self._names) if i not in free),
            noise_sd=noise_sd,
            rows=rows,
        )


def predict(
    rolling: Rolling, block: NDArray[np.int64], x: Floats, y: Floats, scale: Floats | None = None
) -> tuple[Floats, dict[int, Fit]]:
    """Go through time: predict each block from those before it, then learn from it.

    Args:
        rolling: what predicts and learns; it is left having learnt from all blocks.
        block: (n,) number of each row's block, never falling.
        x: (n, p) what is known of each row beforehand.
        y: (n,) what came of it; NaN where that is not known.
        scale: (n,) the error to reckon with in each row, of use in learning only [unit of `y`].

    Returns:
        (n,) what was predicted, NaN where `x` is, and the fit in force by block.
    """
    predicted, fits = np.full(len(y), np.nan), {}
    scale = np.ones(len(y)) if scale is None else scale
    for number in np.unique(block).tolist():
        rows = slice(*np.searchsorted(block, (number, number + 1)))
        fits[number] = rolling.fit(number)
        predicted[rows] = fits[number].predict(x[rows])
        rolling.add(number, x[rows], y[rows], scale[rows])
    return predicted, fits


def _posterior(sums: Floats, rows: float, correlated_rows: float) -> tuple[Floats, Floats, float]:
    """Mean and covariance of coefficients that are standard normal beforehand, and the noise about them.

    Args:
        sums: (p + 1, p + 1) sums of products of the rows' columns, what they led to last.
        rows: what the rows count together.
        correlated_rows: rows that carry the information of one.
    """
    strength, axes = np.linalg.eigh(sums[:-1, :-1])
    along, square = axes.T @ sums[:-1, -1], float(sums[-1, -1])
    strength, floor = np.maximum(strength, 0.0), _NOISE_FLOOR_RATIO * square / rows
    variance, before = square / rows, math.inf
    for _ in range(_NOISE_STEPS):
        if abs(before - variance) <= _SETTLED_RATIO * variance:
            break
        before = variance
        ridge = correlated_rows * max(variance, floor, _LEAST)
        found = along / (strength + ridge)
        left = max(square - 2.0 * float(found @ along) + float(found**2 @ strength), 0.0)
        variance = (left + float(np.sum(strength * ridge / (strength + ridge)))) / rows
    covariance = (axes * (ridge / (strength + ridge))) @ axes.T
    return axes @ found, covariance, math.sqrt(variance)
