"""Joint scenarios: ways of tying a forecast's steps together, on the four series.

The quantiles are the same for all ways: the mean of yesterday and of the last 7 days at that hour, with bands
from its own errors of the last 28 days. What differs is the order of their values.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from benchmarks.common import SHARED_DATA, console, report
from forecast.models.naive import bands
from forecast.paths import PATHS, quantile_function, reordered, scenarios

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from core.series import Floats

SERIES: Final = {
    "sg_cooling_kwth": ("sg_cooling_kwth.csv.gz", "ds", "y"),
    "sg_chiller_kw": ("sg_chiller_kw.csv.gz", "ds", "y"),
    "biohpc_fleet_w": ("biohpc_fleet_w.csv.gz", "ds", "y"),
    "etth1_hufl": ("ETTh1.csv.gz", "date", "HUFL"),
}
"""File, time and value columns."""
DAY: Final = 24
ERROR_DAYS: Final = 28
PROFILE_DAYS: Final = 7
DAYS_MAX: Final = 60
"""Test days of a series, evenly spread."""
TEST_FROM: Final = 0.8
"""Share of the series before its test part [1]."""
HOUR_S: Final = 3600
LEVELS: Final = (np.arange(PATHS) + 0.5) / PATHS


def _independent(quantiles: Floats, _errors: Floats, seed: int) -> Floats:
    drawn = np.random.default_rng(seed).standard_normal((PATHS, DAY))
    return reordered(quantile_function(quantiles, LEVELS), drawn)


def _as_one(quantiles: Floats, _errors: Floats, _seed: int) -> Floats:
    return quantile_function(quantiles, LEVELS)


def _residual_days(quantiles: Floats, errors: Floats, seed: int) -> Floats:
    """The Schaake shuffle: the order that whole days of past errors have, each used about equally often."""
    rng, days = np.random.default_rng(seed), errors[np.isfinite(errors).all(axis=1)]
    chosen = np.concatenate([rng.permutation(len(days)) for _ in range(-(-PATHS // len(days)))])[:PATHS]
    ties = 1e-6 * days.std() * rng.standard_normal((PATHS, DAY))
    return reordered(quantile_function(quantiles, LEVELS), days[chosen] + ties)


def _copula(quantiles: Floats, errors: Floats, seed: int) -> Floats:
    return scenarios(quantiles, errors, HOUR_S, seed)


WAYS: Final[dict[str, Callable[[Floats, Floats, int], Floats]]] = {
    "independent": _independent,
    "as one": _as_one,
    "residual days": _residual_days,
    "copula": _copula,
}


def energy_score(paths: Floats, truth: Floats) -> float:
    """Distance of paths and truth, less half of that among the paths [unit of the series]."""
    among = np.linalg.norm(paths[:, None] - paths[None], axis=2).mean()
    return float(np.linalg.norm(paths - truth, axis=1).mean() - among / 2)


def variogram_score(paths: Floats, truth: Floats) -> float:
    """Of order one half: how well the differences between steps are told [unit of the series]."""
    told = np.sqrt(np.abs(paths[:, :, None] - paths[:, None])).mean(axis=0)
    return float(((np.sqrt(np.abs(truth[:, None] - truth[None])) - told) ** 2).mean())


def crps(values: Floats, truth: float) -> float:
    """Of a number per path, such as the day's energy [its unit]."""
    return float(np.abs(values - truth).mean() - np.abs(values[:, None] - values[None]).mean() / 2)


def days_of(name: str) -> Floats:
    """(d, 24) the series by calendar day, NaN where it was filled."""
    file, time, value = SERIES[name]
    frame = pd.read_csv(SHARED_DATA / "forecast" / file, parse_dates=[time])
    first = int(np.flatnonzero(frame[time].dt.hour == 0)[0])
    y = frame[value].where(frame["observed"] == 1 if "observed" in frame else frame[value].notna())
    whole = (len(y) - first) // DAY * DAY
    return y.to_numpy(dtype=np.float64)[first : first + whole].reshape(-1, DAY)


def _cases(days: Floats) -> Iterator[tuple[Floats, Floats, Floats, int]]:
    """Quantiles, past errors, truth and seed of each test day; gaps are filled by the day before."""
    filled = pd.DataFrame(days).ffill().to_numpy()
    profile = np.full_like(days, np.nan)
    for i in range(PROFILE_DAYS, len(days)):
        profile[i] = (filled[i - 1] + filled[i - PROFILE_DAYS : i].mean(axis=0)) / 2
    first = int(TEST_FROM * len(days))
    for i in range(first, len(days), max((len(days) - first) // DAYS_MAX, 1)):
        if np.isfinite(days[i]).all():
            errors = (days - profile)[i - ERROR_DAYS : i]
            near = np.concatenate([np.roll(errors, by, axis=1) for by in (-1, 0, 1)]).T
            yield bands(profile[i], near), errors, days[i], i


def measure(name: str) -> list[dict[str, object]]:
    """Scores of every way on a series, over its test days' mean level, less is better."""
    found: dict[str, list[tuple[float, ...]]] = {way: [] for way in WAYS}
    for quantiles, errors, truth, seed in _cases(days_of(name)):
        level = float(np.abs(truth).mean())
        for way, made in WAYS.items():
            paths = made(quantiles / level, errors / level, seed)
            seen = truth / level
            found[way].append(
                (
                    energy_score(paths, seen),
                    variogram_score(paths, seen),
                    crps(paths.mean(axis=1), float(seen.mean())),
                    crps(paths.max(axis=1), float(seen.max())),
                )
            )
    columns = ("energy_score", "variogram_score", "day_energy_crps", "day_peak_crps")
    return [
        {
            "series": name,
            "way": way,
            "days": len(rows),
            **dict(zip(columns, np.mean(rows, axis=0).tolist(), strict=True)),
        }
        for way, rows in found.items()
    ]


def main() -> int:
    """Measure and report; without the data there is nothing to measure."""
    if not (SHARED_DATA / "forecast").is_dir():
        console.print("forecast_paths: the series are not beside this checkout; nothing measured")
        return 0
    table = [row for name in SERIES for row in measure(name)]
    figures = {
        f"{row['series']}_{str(row['way']).replace(' ', '_')}_{key}": float(str(row[key]))
        for row in table
        for key in row
        if key.endswith(("score", "crps"))
    }
    report("forecast_paths", figures, table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
