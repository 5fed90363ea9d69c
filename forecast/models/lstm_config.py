"""How the LSTM is built and trained; chosen by how much history there is."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from core.errors import NotReadyError
from forecast.features import CANDIDATES
from forecast.protocol import HOUR_S, HOURS_PER_DAY, Task
from forecast.windows import WindowSpec

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

LOOKBACK_SHARE: Final = 0.4
"""Context and candidates may reach back over this share of the history; the rest is for windows [1]."""
CONTEXTS_H: Final = (168, 96, 72, 48, 24)
"""Lengths of the context to choose from, longest first [h]."""
SHORT_H: Final = 14 * HOURS_PER_DAY
"""With less history than this the network is smaller and trained for fewer steps [h]."""
WINDOWS_MIN_H: Final = 12
"""Origins have to span at least this, or there is nothing to learn from [h]."""


@dataclass(frozen=True, slots=True)
class LstmConfig:
    """Everything that decides what is trained; kept with the weights."""

    step_s: int
    """Length of a step [s]."""
    horizon_steps: int
    """Steps to forecast."""
    context_h: int = 168
    """Hours that the encoder reads [h]."""
    candidates: tuple[str, ...] = tuple(CANDIDATES)
    """Naive forecasts to blend; keys of `CANDIDATES`."""
    covariates: tuple[str, ...] | None = None
    """Columns of the known frame, settled when training: those known ahead; none yet: all of them."""
    covariate_scales: tuple[float, ...] = ()
    """Their units, set when training [each covariate's unit]."""
    scale_floor: float = 0.0
    """Smallest instance scale, set when training [W]."""
    hidden: int = 32
    """Units of encoder and decoder."""
    dropout: float = 0.3
    """Of the decoder's outputs [1]."""
    covariate_dropout: float = 0.2
    """Share of training windows without a feed, each by itself, so that a missing one degrades gently [1]."""
    shift_share: float = 0.3
    """Share of training windows with a made-up level shift in their past [1]."""
    max_steps: int = 300
    """Optimiser steps a seed."""
    batch: int = 128
    """Windows a step."""
    learning_rate: float = 3e-3
    """Peak of the one-cycle schedule."""
    weight_decay: float = 0.1
    """AdamW's."""
    clip: float = 1.0
    """Largest norm of the gradient."""
    average: float = 0.98
    """Decay of the moving average of the weights that is kept."""
    seeds: tuple[int, ...] = (1,)
    """One network each; their quantiles are averaged."""
    timezone: str = "UTC"
    """Zone of the calendar."""

    @classmethod
    def for_history(
        cls, step: timedelta, horizon: timedelta, available_hours: float, **overrides: Any
    ) -> LstmConfig:
        """The configuration that so much history can bear.

        Args:
            step: length of a step.
            horizon: from the origin to the end of the forecast.
            available_hours: length of the history to train on [h].
            overrides: fields to set otherwise.

        Raises:
            NotReadyError: there is too little; says how much is needed.
        """
        horizon_h = horizon.total_seconds() / HOUR_S
        needed_h = CONTEXTS_H[-1] + horizon_h + WINDOWS_MIN_H
        if available_hours < needed_h:
            raise NotReadyError(f"the LSTM needs {needed_h:.0f} h of history and has {available_hours:.0f} h")
        reach_h = max(LOOKBACK_SHARE * available_hours, CONTEXTS_H[-1])
        config = cls(
            step_s=round(step.total_seconds()),
            horizon_steps=round(horizon / step),
            context_h=next(h for h in CONTEXTS_H if h <= reach_h),
            candidates=tuple(name for name, c in CANDIDATES.items() if c.lookback_h <= reach_h),
        )
        if available_hours < SHORT_H:
            config = replace(config, hidden=24, max_steps=150, dropout=0.1)
        return replace(config, **overrides)

    def spec(self, task: Task) -> WindowSpec:
        """How its windows are cut."""
        return WindowSpec(
            task,
            self.context_h,
            self.candidates,
            self.covariates or (),
            self.covariate_scales,
            self.scale_floor,
        )

    def as_dict(self) -> dict[str, Any]:
        """For the model's card."""
        return asdict(self)


def config_from(stored: Mapping[str, Any]) -> LstmConfig:
    """The inverse of `LstmConfig.as_dict`, also after a way through JSON."""
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in stored.items()}
    return LstmConfig(**values)
