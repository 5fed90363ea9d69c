"""The LSTM: an encoder-decoder that blends naive forecasts and corrects the blend.

Each window is scaled by its own context, so that a level shift is no news. Per step of the horizon the
network says how much it trusts each candidate (a softmax: the explanation that operators see), how far the
truth lies from their blend, and how wide the quantiles are (cumulative softplus steps: they cannot cross).
One pass, no feedback of its own errors. Training is in `lstm_training`, which alone needs Lightning.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
import torch

from core.errors import NotReadyError
from forecast import child, explain, frames, windows
from forecast.frames import forecast_frame
from forecast.models.lstm_config import LstmConfig, config_from
from forecast.models.lstm_network import THREADS, Network, as_bytes, from_bytes, to_tensor
from forecast.models.lstm_run import Run, train_networks
from forecast.protocol import MEDIAN, Task

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from core.series import Floats
    from forecast.windows import Prepared, Windows, WindowSpec

FEED_KNOWN_MIN: Final = 0.1
"""A feed that was known ahead for a smaller share of the steps is left out [1]."""
OTHER_DAYS: Final = 8
"""So many days before show what drives a forecast."""
LOOKED_AT: Final = 200
"""So many origins, evenly spaced, tell whether a feed was known ahead."""
SCALE_FLOOR_SHARE: Final = 0.05
"""Floor of the instance scale as a share of the training data's standard deviation [1]."""


class LstmForecaster:
    """One network a seed, quantiles averaged."""

    name: ClassVar[str] = "lstm"

    def __init__(self, task: Task, config: LstmConfig | None = None, run: Run | None = None) -> None:
        """A forecaster to be fitted.

        Args:
            task: target and grid.
            config: how; none: by the length of the history.
            run: on what it is trained, and who is told; none: here, and nobody.
        """
        self.task = task
        self.config = config
        self._networks: list[Network] = []
        self._notes: dict[str, Any] = {}
        self._run = run or Run()

    @property
    def spec(self) -> WindowSpec:
        """How its windows are cut."""
        if self.config is None:
            raise NotReadyError("the LSTM has not been trained yet")
        return self.config.spec(self.task)

    def fit(self, history: pd.DataFrame, known: pd.DataFrame) -> None:
        """Train on all of the history.

        Raises:
            NotReadyError: the history is too short, or the training was stopped.
        """
        config = self.config or LstmConfig.for_history(
            self.task.step, self.task.horizon, len(history) / self.task.steps_per_hour
        )
        config = replace(config, timezone=self.task.timezone)
        config = _with_covariates(config, _told_by(history["valid_at"].iloc[-1] + self.task.step, known))
        prepared = frames.prepare(history, known, self.task, config.covariates or ())
        self.config = _settle(config, prepared, self.task)
        prepared = frames.prepare(history, known, self.task, self.config.covariates or ())
        weights, notes = _trained(prepared, self.config, self._run)
        self._networks = from_bytes(weights, self.spec, self.config)
        self._notes = {"training": notes}

    def anew(self) -> LstmForecaster:
        """Another, not fitted, for this process alone; what depends on the data is settled again."""
        config = replace(self.config, covariates=None, covariate_scales=()) if self.config else None
        return LstmForecaster(self.task, config, replace(self._run, devices=1, nodes=1))

    def predict(self, history: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
        """The forecast issued at the end of the history.

        Raises:
            NotReadyError: not fitted, or the history is shorter than the context.
        """
        spec = self.spec
        if len(history) < spec.lookback_steps:
            hours = spec.lookback_steps / self.task.steps_per_hour
            raise NotReadyError(
                f"the LSTM needs {hours:.0f} h of history before a forecast and has"
                f" {len(history) / self.task.steps_per_hour:.1f} h"
            )
        recent = history.iloc[-spec.lookback_steps - self.task.steps_per_day :]
        prepared = frames.prepare(recent, known, self.task, spec.covariates)
        end = len(prepared.y)
        cut = windows.windows(prepared, np.array([end], dtype=np.int64), spec)
        quantiles, weights = self._forward(cut)
        issued_at = datetime.fromtimestamp(prepared.start_s + end * self.task.step_s, UTC)
        frame = forecast_frame(self.task, self.name, issued_at, quantiles[0])
        frame.attrs["explanation"] = {"leans_on": explain.leans_on(weights[0], spec.candidates)}
        return frame

    def drivers(self, history: pd.DataFrame, known: pd.DataFrame) -> dict[str, float]:
        """What drives the forecast issued at the end of the history, see `explain.drivers`."""
        spec, day = self.spec, self.task.steps_per_day
        recent = history.iloc[-spec.lookback_steps - OTHER_DAYS * day :]
        prepared = frames.prepare(recent, known, self.task, spec.covariates)
        at = len(prepared.y) - day * np.arange(OTHER_DAYS + 1)
        cut = windows.windows(prepared, at[at >= spec.lookback_steps], spec)
        return explain.drivers(cut, spec, self._median)

    def _median(self, encoder: Floats, decoder: Floats) -> Floats:
        """(b, h) scaled, by the first of the networks: how much matters, not how well it is known."""
        with torch.inference_mode():
            quantiles, _ = self._networks[0](to_tensor(encoder), to_tensor(decoder))
        return np.asarray(quantiles[..., MEDIAN].numpy(), dtype=np.float64)

    def _forward(self, cut: Windows) -> tuple[Floats, Floats]:
        """(b, h, 7) quantiles [W] and (b, h, k) weights; means over the seeds."""
        if not self._networks:
            raise NotReadyError("the LSTM has not been trained yet")
        encoder, decoder = to_tensor(cut.encoder), to_tensor(cut.decoder)
        with torch.inference_mode():
            outputs = [network(encoder, decoder) for network in self._networks]
        scaled = np.mean([q.numpy().astype(np.float64) for q, _ in outputs], axis=0)
        weights = np.mean([w.numpy().astype(np.float64) for _, w in outputs], axis=0)
        quantiles = cut.level[:, None, None] + cut.scale[:, None, None] * scaled
        return quantiles, weights

    def card(self) -> dict[str, Any]:
        """What it is and how it came about, enough to load its weights again."""
        return {
            "model": self.name,
            "task": asdict(self.task),
            "config": self.config.as_dict() if self.config else None,
            "torch": torch.__version__,
            **self._notes,
        }

    def weights(self) -> bytes:
        """The networks' parameters as safetensors."""
        return as_bytes(self._networks)

    @classmethod
    def load(cls, card: Mapping[str, Any], weights: bytes) -> LstmForecaster:
        """A forecaster as it was when `card()` and `weights()` were taken; nothing is unpickled.

        Raises:
            InputError: the weights are not those of the card.
        """
        torch.set_num_threads(THREADS)
        model = cls(Task(**card["task"]), config_from(card["config"]))
        config = model.config or LstmConfig(model.task.step_s, model.task.horizon_steps)
        model._notes = {key: card[key] for key in ("training",) if key in card}
        model._networks = from_bytes(weights, model.spec, config)
        return model


def _trained(prepared: Prepared, config: LstmConfig, run: Run) -> tuple[bytes, list[dict[str, Any]]]:
    """Weights and notes of networks trained here, or in a process of their own."""
    if run.apart:
        return child.call(train_networks, prepared, config, stop=run.stop)
    return train_networks(prepared, config, run)


def _told_by(end: pd.Timestamp, known: pd.DataFrame) -> pd.DataFrame:
    """What was known at the end of the history: later words have no say in the units either."""
    return known[known["available_at" if "available_at" in known.columns else "valid_at"] <= end]


def _with_covariates(config: LstmConfig, told: pd.DataFrame) -> LstmConfig:
    """Take the known frame's columns where none were asked for, by feed, and the units of each."""
    asked = frames.covariates_of(told) if config.covariates is None else config.covariates
    chosen = tuple(name for feed in windows.feeds(asked) for name in feed)
    return replace(config, covariates=chosen, covariate_scales=tuple(_scale(name, told) for name in chosen))


def _scale(name: str, told: pd.DataFrame) -> float:
    if name in windows.WEATHER or name not in told.columns:
        return windows.WEATHER_SCALE_K
    spread = float(told[name].std())
    return spread if spread > 0 else 1.0


def _settle(config: LstmConfig, prepared: Prepared, task: Task) -> LstmConfig:
    """Fix what depends on the data: the floor of the scale, and which covariates are known ahead."""
    spec = config.spec(task)
    origins = windows.origins(prepared, spec)
    known = windows.feeds_known(prepared, origins[:: max(len(origins) // LOOKED_AT, 1)], spec)
    feeds = zip(windows.feeds(spec.covariates), known, strict=True)
    kept = tuple(name for feed, share in feeds for name in feed if share >= FEED_KNOWN_MIN)
    scales = dict(zip(spec.covariates, spec.covariate_scales, strict=True))
    return replace(
        config,
        covariates=kept,
        covariate_scales=tuple(scales[name] for name in kept),
        scale_floor=SCALE_FLOOR_SHARE * float(prepared.y.std()),
    )
