"""Why a forecast is as it is: what it leans on, and what drives it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from forecast.features import CALENDAR_NAMES, CANDIDATES, WEEK_H
from forecast.protocol import HOURS_PER_DAY
from forecast.windows import WEATHER, feeds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from core.series import Floats
    from forecast.features import Ints
    from forecast.windows import Windows, WindowSpec

OF_PERIOD: Final = {0: "the last days", HOURS_PER_DAY: "earlier days", WEEK_H: "earlier weeks"}
"""Drivers by the period of the candidates that belong to them [h]."""
CALENDAR: Final = "time of day and week"


def leans_on(weights: Floats, candidates: Sequence[str]) -> dict[str, float]:
    """How much each candidate counts in a forecast.

    Args:
        weights: (h, k) by lead [1].
        candidates: (k,) keys of `CANDIDATES`.

    Returns:
        Share by what a person calls it, largest first, e.g. ``{"like yesterday": 0.7, ...}``.
    """
    shares = weights.mean(axis=0)
    order = np.argsort(shares)[::-1]
    return {CANDIDATES[candidates[i]].label: round(float(shares[i]), 3) for i in order}


def columns(spec: WindowSpec) -> dict[str, tuple[Ints, Ints]]:
    """By driver, its features in encoder and decoder; the lead is none."""
    count, calendar = len(spec.candidates), len(CALENDAR_NAMES)
    periods = np.array([CANDIDATES[name].period_h for name in spec.candidates])
    past = np.arange(spec.task.steps_per_hour + 1)
    found = {
        label: (past if period == 0 else past[:0], np.flatnonzero(periods == period))
        for period, label in OF_PERIOD.items()
    }
    found[OF_PERIOD[0]] = (past, np.append(found[OF_PERIOD[0]][1], count))  # and the last value
    enc, dec = len(past), count + 2
    found[CALENDAR] = (enc + np.arange(calendar), dec + np.arange(calendar))
    enc, dec = enc + calendar, dec + calendar
    for feed, size in zip(feeds(spec.covariates), spec.feed_sizes, strict=True):
        name = "weather" if feed[0] in WEATHER else feed[0]
        found[name] = (enc + np.arange(size), dec + np.arange(size))
        enc, dec = enc + size, dec + size
    return {name: both for name, both in found.items() if len(both[0]) or len(both[1])}


def drivers(cut: Windows, spec: WindowSpec, median: Callable[[Floats, Floats], Floats]) -> dict[str, float]:
    """How much a forecast would change if a driver were as it was on other days: permutation importance.

    Args:
        cut: the forecast's window first, then those of the other days.
        spec: how they were cut.
        median: (b, context, f), (b, h, g) -> (b, h), scaled.

    Returns:
        Share of the change by driver, largest first; empty without other days, or where nothing matters.
    """
    others = len(cut.encoder) - 1
    if others < 1:
        return {}
    own = median(cut.encoder[:1], cut.decoder[:1])
    changes: dict[str, float] = {}
    for name, (enc, dec) in columns(spec).items():
        encoder, decoder = (np.repeat(part[:1], others, axis=0) for part in (cut.encoder, cut.decoder))
        encoder[..., enc], decoder[..., dec] = cut.encoder[1:][..., enc], cut.decoder[1:][..., dec]
        changes[name] = float(np.abs(median(encoder, decoder) - own).mean())
    return _shares(changes)


def _shares(changes: Mapping[str, float]) -> dict[str, float]:
    total = sum(changes.values())
    ordered = sorted(changes, key=lambda name: -changes[name])
    return {name: round(changes[name] / total, 3) for name in ordered} if total > 0 else {}
