"""Windows: what the network sees of a series at an origin, and what it should have said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from forecast import features
from forecast.features import CALENDAR_NAMES, CANDIDATES, Bools, Ints
from forecast.protocol import DAY_S, Task

if TYPE_CHECKING:
    from core.series import Floats
    from forecast.known import Known

WEATHER: Final = ("dry_bulb_c", "wet_bulb_c")
"""Covariates that come by one feed and are missing together; any other has a feed of its own."""
WEATHER_SCALE_K: Final = 5.0
"""Weather differences are divided by this, so that they are of the order of one [K]."""


def feeds(covariates: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """The covariates by feed: weather together, schedules each by itself."""
    weather = tuple(name for name in covariates if name in WEATHER)
    others = tuple((name,) for name in covariates if name not in WEATHER)
    return ((weather,) if weather else ()) + others


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """How windows are cut."""

    task: Task
    context_h: int
    """Hours before the origin that the encoder reads, as hourly tokens [h]."""
    candidates: tuple[str, ...]
    """Keys of `CANDIDATES`."""
    covariates: tuple[str, ...] = ()
    """Columns of the known frame, in the order of `feeds`."""
    covariate_scales: tuple[float, ...] = ()
    """What their differences are divided by, so that they are of the order of one [each covariate's unit]."""
    scale_floor: float = 0.0
    """Smallest instance scale [W]."""

    @property
    def lookback_steps(self) -> int:
        """Steps that have to lie before an origin."""
        reach = [CANDIDATES[name].lookback_h for name in self.candidates]
        return max(self.context_h, *reach) * self.task.steps_per_hour

    @property
    def encoder_size(self) -> int:
        """Features of an hourly token."""
        return self.task.steps_per_hour + 1 + len(CALENDAR_NAMES) + sum(self.feed_sizes)

    @property
    def decoder_size(self) -> int:
        """Features of a step to forecast."""
        return len(self.candidates) + 2 + len(CALENDAR_NAMES) + sum(self.feed_sizes)

    @property
    def feed_sizes(self) -> tuple[int, ...]:
        """Features made of each feed; together the last ones of encoder and decoder."""
        return tuple(2 * len(feed) + 1 for feed in feeds(self.covariates))


@dataclass(frozen=True, slots=True)
class Prepared:
    """A history as arrays on one grid, gaps filled from the past."""

    task: Task
    start_s: int
    """Start of the first step [s since 1970]."""
    y: Floats
    """(n,) [W], filled."""
    observed: Bools
    """(n,) what was measured."""
    calendar: Floats
    """(n + horizon, 5)."""
    known: Known | None


@dataclass(frozen=True, slots=True)
class Windows:
    """A batch of windows, scaled by each window's own level and spread."""

    encoder: Floats
    """(b, context_h, encoder_size)."""
    decoder: Floats
    """(b, horizon, decoder_size); the candidates come first."""
    target: Floats
    """(b, horizon); zero where not scored."""
    mask: Bools
    """(b, horizon) whether the target was measured."""
    level: Floats
    """(b,) [W]."""
    scale: Floats
    """(b,) [W]."""


@dataclass(frozen=True, slots=True)
class Shifts:
    """Level shifts made up for training: servers were added or moved at some time before the origin.

    Few histories have any, and a network that has never seen one clings to the level of the days before.
    """

    at: Ints
    """(b,) so many steps before the origin the level changed."""
    by: Floats
    """(b,) everything before that is moved by this, in standard deviations of the window [1]."""

    def apply(self, past: Floats) -> Floats:
        """(b, l) the values before the origins with the shifts in them [W]."""
        before = np.arange(-past.shape[1], 0) < -self.at[:, None]
        return np.asarray(past + before * (self.by * past.std(axis=1))[:, None], dtype=np.float64)


def origins(prepared: Prepared, spec: WindowSpec, first: int = 0, last: int | None = None) -> Ints:
    """Positions at which a whole window fits.

    Args:
        prepared: the series.
        spec: how windows are cut.
        first: no origin before this position.
        last: no target at or after this position; none: to the end of the series.
    """
    end = len(prepared.y) if last is None else min(last, len(prepared.y))
    return np.arange(max(first, spec.lookback_steps), end - spec.task.horizon_steps + 1)


def windows(prepared: Prepared, at: Ints, spec: WindowSpec, shifts: Shifts | None = None) -> Windows:
    """Cut the windows at some origins; only `target` and `mask` look past them.

    Args:
        prepared: the series.
        at: (b,) positions of the first step to forecast; `len(prepared.y)` is the end of the history.
        spec: how to cut.
        shifts: made-up level shifts to train with; none where forecasts are made.
    """
    task, per_hour = spec.task, spec.task.steps_per_hour
    past = prepared.y[at[:, None] + np.arange(-spec.lookback_steps, 0)]
    if shifts is not None:
        past = shifts.apply(past)
    steps = spec.context_h * per_hour
    back = at[:, None] + np.arange(-steps, 0)
    ahead = at[:, None] + np.arange(task.horizon_steps)
    level, scale = features.instance_scale(past[:, -steps:], spec.scale_floor)
    tokens = (len(at), spec.context_h, per_hour)

    def scaled(values: Floats) -> Floats:
        shape = (-1,) + (1,) * (values.ndim - 1)
        return (values - level.reshape(shape)) / scale.reshape(shape)

    context = scaled(past[:, -steps:])
    naive = [
        features.candidate_values(past, task.horizon_steps, task.step_s, name) for name in spec.candidates
    ]
    lead = np.broadcast_to(np.arange(task.horizon_steps) / task.horizon_steps, ahead.shape)
    encoder = [
        context.reshape(tokens),
        prepared.observed[back].reshape(tokens).mean(axis=2, keepdims=True),
        prepared.calendar[back[:, ::per_hour]],
    ]
    decoder = [
        scaled(np.stack(naive, axis=2)),
        np.broadcast_to(context[:, -1:, None], (*ahead.shape, 1)),
        lead[..., None],
        prepared.calendar[ahead],
    ]
    if spec.covariates:
        past, future = _covariates(prepared, at, back[:, ::per_hour], ahead, spec)
        encoder.append(past)
        decoder.append(future)
    target, mask = _target(prepared, ahead)
    return Windows(
        encoder=np.concatenate(encoder, axis=2),
        decoder=np.concatenate(decoder, axis=2),
        target=np.where(mask, scaled(target), 0.0),
        mask=mask,
        level=level,
        scale=scale,
    )


def _target(prepared: Prepared, ahead: Ints) -> tuple[Floats, Bools]:
    inside = np.minimum(ahead, len(prepared.y) - 1)
    return prepared.y[inside], prepared.observed[inside] & (ahead < len(prepared.y))


def _covariates(
    prepared: Prepared, at: Ints, back: Ints, ahead: Ints, spec: WindowSpec
) -> tuple[Floats, Floats]:
    """Covariates relative to the context's mean and to 24 h earlier, as known at the origin; zero if unknown.

    Relative, because absolute weather binds the network to the levels of its training season.
    """
    asked = (prepared.start_s + at * spec.task.step_s)[:, None]

    def values(positions: Ints, back_s: int = 0) -> Floats:
        times = prepared.start_s + positions * spec.task.step_s - back_s
        if prepared.known is None:
            return np.full((*positions.shape, len(spec.covariates)), np.nan)
        return prepared.known.at(times, asked)

    context = values(back)
    there = np.isfinite(context)
    count = there.sum(axis=1, keepdims=True)
    mean = np.where(there, context, 0.0).sum(axis=1, keepdims=True) / np.maximum(count, 1)
    mean = np.where(count > 0, mean, np.nan)

    def relative(now: Floats, positions: Ints) -> Floats:
        scale = np.asarray(spec.covariate_scales)
        from_mean, from_day = (now - mean) / scale, (now - values(positions, DAY_S)) / scale
        parts, first = [], 0
        for feed in feeds(spec.covariates):
            of = slice(first, first + len(feed))
            both = np.concatenate((from_mean[..., of], from_day[..., of]), axis=2)
            known = np.isfinite(both).all(axis=2, keepdims=True)
            parts += [np.where(known, both, 0.0), known]
            first += len(feed)
        return np.concatenate(parts, axis=2)

    return relative(context, back), relative(values(ahead), ahead)


def feeds_known(prepared: Prepared, at: Ints, spec: WindowSpec) -> Floats:
    """(f,) share of the steps to forecast for which each feed was known at the origin [1]."""
    if not len(at) or not spec.feed_sizes:
        return np.zeros(len(spec.feed_sizes))
    decoder, flags = windows(prepared, at, spec).decoder, np.cumsum(spec.feed_sizes) - 1
    own = decoder[..., decoder.shape[2] - sum(spec.feed_sizes) :]
    return np.asarray(own[..., flags].mean(axis=(0, 1)), dtype=np.float64)
