"""The demo plant's weather: a typical year of a maritime climate, made up, the same at every run.

A sum of a yearly wave, a daily wave and weather fronts (waves of incommensurate periods with fixed phases),
so that it can be asked for any time without keeping anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from twin import psychro

if TYPE_CHECKING:
    from core.series import Floats

DAY_S: Final = 86_400.0
YEAR_S: Final = 365.25 * DAY_S
WARMEST_DAY: Final = 205.0
"""Day of the year on which the yearly wave is at its top."""
WARMEST_HOUR: Final = 14.0
MEAN_C: Final = 11.0
YEAR_AMPLITUDE_K: Final = 8.5
DAY_AMPLITUDE_K: Final = 3.5
FRONT_PERIODS_D: Final = (2.3, 3.7, 5.9, 9.1, 14.3)
FRONT_AMPLITUDES_K: Final = (0.8, 1.2, 1.6, 1.5, 1.2)
FRONT_PHASES: Final = (0.4, 2.1, 4.0, 1.3, 5.2)
HUMIDITY_MEAN: Final = 0.76
HUMIDITY_PER_K: Final = -0.022
HUMIDITY_RANGE: Final = (0.25, 0.99)
FORECAST_ERROR_K_PER_ROOT_H: Final = 0.22
"""Standard deviation of the demo's weather forecast after one hour of lead; grows with its root [K]."""


class Weather(NamedTuple):
    """Outdoor conditions, arrays of one shape."""

    dry_bulb_c: Floats
    wet_bulb_c: Floats
    relative_humidity: Floats


def weather(time_s: Floats) -> Weather:
    """The weather at some times.

    Args:
        time_s: (n,) POSIX times [s].

    Returns:
        Dry bulb [degC], wet bulb [degC] and relative humidity [1], each (n,).
    """
    year = YEAR_AMPLITUDE_K * np.cos(2 * np.pi * (time_s / YEAR_S - WARMEST_DAY * DAY_S / YEAR_S))
    day = DAY_AMPLITUDE_K * np.cos(2 * np.pi * (time_s / DAY_S - WARMEST_HOUR / 24.0))
    fronts = sum(
        amplitude * np.sin(2 * np.pi * time_s / (period * DAY_S) + phase)
        for period, amplitude, phase in zip(FRONT_PERIODS_D, FRONT_AMPLITUDES_K, FRONT_PHASES, strict=True)
    )
    dry_bulb = MEAN_C + year + day + fronts
    damp = 0.06 * np.sin(2 * np.pi * time_s / (4.4 * DAY_S) + 1.0)
    humidity = np.clip(HUMIDITY_MEAN + damp + HUMIDITY_PER_K * (day + 0.5 * fronts), *HUMIDITY_RANGE)
    return Weather(dry_bulb, psychro.wet_bulb_c(dry_bulb, humidity), humidity)


def forecast(issued_s: float, valid_s: Floats) -> Weather:
    """The weather as it would have been forecast: the truth with an error that grows with lead time.

    Args:
        issued_s: POSIX time at which it is issued; seeds the error, so that it is the same at every call.
        valid_s: (n,) POSIX times it is for [s].
    """
    rng = np.random.default_rng(int(issued_s))
    lead_h = np.maximum(valid_s - issued_s, 0.0) / 3600.0
    drift = rng.normal() * FORECAST_ERROR_K_PER_ROOT_H * np.sqrt(lead_h)
    truth = weather(valid_s)
    dry_bulb = truth.dry_bulb_c + drift
    return Weather(dry_bulb, psychro.wet_bulb_c(dry_bulb, truth.relative_humidity), truth.relative_humidity)
