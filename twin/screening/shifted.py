"""Series that run an hour early or late, as local times without an offset do when the clocks change.

Power balances hold at every instant, so a meter that is an hour off shows where a balance fails and shifting
that meter mends it. Nothing of the kind holds for temperatures and setpoints: theirs are not found. Of real
weather it was tried, dry bulb against wet bulb: neither finds the shifted day nor leaves the others alone.
What is shifted throughout is found of the facility's meter and of what is behind the UPS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from twin.history import UPS_INPUT
from twin.screening.faults import SUBMETERS, Fault, runs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from twin.plant.curves import Flags, Floats
    from twin.screening.faults import Measured

LATE: Final = "an hour late"
EARLY: Final = "an hour early"
BLOCK_STEPS: Final = 24
"""A balance is looked at six hours at a time."""
WORSE_RATIO: Final = 9.0
"""A balance fails where its squared error is this many times the usual one [1]."""
MENDED_RATIO: Final = 0.3
"""A shift mends it where it leaves at most this share of the squared error [1]."""
ALIKE_RATIO: Final = 1.5
"""Of several series whose shift mends a balance as well as this, any may be the one [1]."""
BRIDGED_BLOCKS: Final = 2
"""While nothing moves a shift does not show: so many blocks between shifted ones count as shifted."""
USUAL_PERCENTILE: Final = 25.0
"""Of the blocks' errors; the usual one, though up to half of the history may be shifted."""
_ROUNDS: Final = 5


class _Balance(NamedTuple):
    target: str
    parts: tuple[str, ...]
    suspects: tuple[str, ...]


def shifted(found: Measured, hour_steps: int) -> Iterator[Fault]:
    """Stretches at which a meter is an hour off the balance of the facility.

    Args:
        found: the points.
        hour_steps: steps in an hour.
    """
    parts = (found.behind_ups, *SUBMETERS)
    yield from _faults(found, _Balance("facility_kw", parts, ("facility_kw", *parts)), hour_steps)


def shifted_it(found: Measured, hour_steps: int) -> Iterator[Fault]:
    """The same of IT power behind a UPS whose input has passed `shifted`."""
    if found.behind_ups == UPS_INPUT:
        yield from _faults(found, _Balance(UPS_INPUT, ("it_kw",), ("it_kw",)), hour_steps)


def _faults(found: Measured, balance: _Balance, hour_steps: int) -> Iterator[Fault]:
    for (series, what), flags in _failures(found, balance, hour_steps):
        for name in found.points[series]:
            yield Fault(series, name, what, flags)


def _failures(found: Measured, balance: _Balance, hour_steps: int) -> Iterator[tuple[tuple[str, str], Flags]]:
    series = {name: found.series(name) for name in (balance.target, *balance.parts)}
    series = {name: values for name, values in series.items() if np.isfinite(values).sum() > found.steps / 2}
    if balance.target not in series or len(series) == 1:
        return
    shifts = {
        (name, what): series | {name: _moved(series[name], steps)}
        for name in balance.suspects
        if name in series
        for what, steps in ((LATE, -hour_steps), (EARLY, hour_steps))
    }
    known = np.all([np.isfinite(s[n]) for s in (series, *shifts.values()) for n in series], axis=0)
    if known.sum() < 2 * BLOCK_STEPS:
        return
    weights, usual = _fit(series, balance.target, known)
    main = {balance.target, balance.parts[0]} & set(balance.suspects)
    throughout = {key: _fit(s, balance.target, known)[1] for key, s in shifts.items() if key[0] in main}
    if min(throughout.values(), default=np.inf) < MENDED_RATIO * usual:
        likely = min(throughout, key=lambda key: throughout[key])
        yield likely, np.ones(found.steps, dtype=bool)
        return
    before = _by_block(_off(series, balance.target, weights), known)
    after = {key: _by_block(_off(s, balance.target, weights), known) for key, s in shifts.items()}
    best = np.min(list(after.values()), axis=0)
    failed = before > WORSE_RATIO * usual
    for key, left in after.items():
        mended = failed & (left < MENDED_RATIO * before) & (left <= ALIKE_RATIO * best)
        if mended.any():
            yield key, _widened(mended, failed, found.steps)


def _moved(values: Floats, steps: int) -> Floats:
    """The values that stand `steps` earlier, negative for later."""
    moved = np.full(len(values), np.nan)
    if steps > 0:
        moved[steps:] = values[:-steps]
    else:
        moved[:steps] = values[-steps:]
    return moved


def _fit(series: dict[str, Floats], target: str, known: Flags) -> tuple[Floats, float]:
    """Weights of the parts by least squares, again without the blocks that fit worst; the usual error."""
    used = known.copy()
    weights: Floats = np.zeros(len(series))
    usual = 0.0
    for _ in range(_ROUNDS):
        table = _table(series, target)
        weights = np.asarray(np.linalg.lstsq(table[used], series[target][used], rcond=None)[0], float)
        errors = _by_block(_off(series, target, weights), known)
        usual = float(np.nanpercentile(errors, USUAL_PERCENTILE))
        bad = np.repeat(errors > WORSE_RATIO * usual, BLOCK_STEPS)[: len(known)]
        if (known & ~bad).sum() < BLOCK_STEPS:
            break
        used = known & ~bad
    return weights, usual


def _table(series: dict[str, Floats], target: str) -> Floats:
    parts = [values for name, values in series.items() if name != target]
    return np.stack([*parts, np.ones(len(series[target]))], axis=1)


def _off(series: dict[str, Floats], target: str, weights: Floats) -> Floats:
    off: Floats = series[target] - _table(series, target) @ weights
    return off


def _by_block(off: Floats, known: Flags) -> Floats:
    """Mean squared error of each block; NaN where less than half of it is known."""
    blocks = -(-len(off) // BLOCK_STEPS)
    padded = np.full(blocks * BLOCK_STEPS, np.nan)
    padded[: len(off)] = np.where(known, off**2, np.nan)
    table = padded.reshape(blocks, BLOCK_STEPS)
    count = np.isfinite(table).sum(axis=1)
    total = np.nansum(table, axis=1)
    return np.where(2 * count >= BLOCK_STEPS, total / np.maximum(count, 1), np.nan)


def _widened(mended: Flags, failed: Flags, steps: int) -> Flags:
    """Blocks that a shift mends, what lies between near ones, and failing ones at its beginning and end."""
    wide = mended.copy()
    for begin, end in runs(~mended):
        if begin > 0 and end < len(mended) and end - begin <= BRIDGED_BLOCKS:
            wide[begin:end] = True
    for begin, end in runs(wide):
        for edge in (begin - 1, end):
            if 0 <= edge < len(failed) and failed[edge]:
                wide[edge] = True
    return np.repeat(wide, BLOCK_STEPS)[:steps]
