"""Training of the LSTM in Lightning: masked pinball loss, AdamW on one cycle, averaged weights."""

from __future__ import annotations

import logging
import time
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.callbacks import Callback, EarlyStopping
from pytorch_lightning.utilities import rank_zero_only
from torch import Tensor

from core.errors import InputError, NotReadyError
from forecast import windows
from forecast.models.lstm_network import Network, to_tensor
from forecast.models.lstm_run import Progress, Run
from forecast.protocol import QUANTILES

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

    from pytorch_lightning.utilities.types import OptimizerLRScheduler

    from core.series import Floats
    from forecast.features import Ints
    from forecast.models.lstm_config import LstmConfig
    from forecast.windows import Prepared, Windows, WindowSpec

Batch = tuple[Tensor, Tensor, Tensor, Tensor]
"""encoder, decoder, target, mask."""
VALIDATION_WINDOWS_MAX: Final = 256
"""So many windows, evenly spaced, decide when to stop."""

SHIFT_SIZE: Final = 1.0
"""Standard deviation of the made-up level shifts [standard deviations of the window]."""

log = logging.getLogger(__name__)
for _noisy in ("pytorch_lightning", "lightning.pytorch", "lightning_fabric"):
    logging.getLogger(_noisy).setLevel(logging.ERROR)


def pinball_loss(quantiles: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean pinball loss over levels and measured steps [scaled].

    Args:
        quantiles: (b, h, 7).
        target: (b, h).
        mask: (b, h), 1 where measured.
    """
    levels = torch.tensor(QUANTILES, dtype=quantiles.dtype, device=quantiles.device)
    error = target[..., None] - quantiles
    loss = torch.maximum(levels * error, (levels - 1) * error).mean(dim=-1)
    return (loss * mask).sum() / mask.sum().clamp(min=1.0)


class Training(pl.LightningModule):
    """The network while it learns."""

    def __init__(self, network: Network, config: LstmConfig, weather_size: int) -> None:
        super().__init__()
        self.network, self.config, self.weather_size = network, config, weather_size

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Loss of one batch, some of its windows without weather."""
        del batch_idx
        encoder, decoder, target, mask = batch
        if self.weather_size:
            keep = (torch.rand(len(encoder), 1, 1) >= self.config.covariate_dropout).to(encoder)
            encoder, decoder = (_thin(part, keep, self.weather_size) for part in (encoder, decoder))
        quantiles, _ = self.network(encoder, decoder)
        return pinball_loss(quantiles, target, mask)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Loss of the validation windows."""
        del batch_idx
        encoder, decoder, target, mask = batch
        quantiles, _ = self.network(encoder, decoder)
        self.log("validation", pinball_loss(quantiles, target, mask), batch_size=len(target), sync_dist=True)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW on one cycle."""
        config = self.config
        optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        cycle = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, max_lr=config.learning_rate, total_steps=config.max_steps + 1
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": cycle, "interval": "step"}}


def _thin(features: Tensor, keep: Tensor, weather_size: int) -> Tensor:
    return torch.cat((features[..., :-weather_size], features[..., -weather_size:] * keep), dim=-1)


class Averaged(Callback):
    """Keeps a moving average of the weights, evaluates that, and remembers the best one."""

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self.best_loss = float("inf")
        self.best: dict[str, Tensor] | None = None
        self._average: dict[str, Tensor] = {}
        self._current: dict[str, Tensor] = {}
        self._updates = 0

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Take the step's weights into the average; it widens with time, so that the start is forgotten."""
        del trainer
        self._updates += 1
        decay = min(self.decay, self._updates / (self._updates + 10))
        for key, value in _network(pl_module).state_dict().items():
            old = self._average.get(key)
            self._average[key] = value.clone() if old is None else old.lerp(value, 1 - decay)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Put the average in place."""
        del trainer
        self._current = {k: v.clone() for k, v in _network(pl_module).state_dict().items()}
        _network(pl_module).load_state_dict(self._average)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Remember the average if it is the best so far, and put the step's weights back."""
        loss = float(trainer.callback_metrics["validation"])
        if loss < self.best_loss:
            self.best_loss, self.best = loss, dict(self._average)
        _network(pl_module).load_state_dict(self._current)

    @property
    def chosen(self) -> dict[str, Tensor]:
        """The best average, or the last one where nothing was evaluated."""
        return self.best or self._average


def _network(module: pl.LightningModule) -> Network:
    if not isinstance(module, Training):
        raise TypeError(f"expected Training, found {type(module).__name__}")
    return module.network


class Told(Callback):
    """Says how far the training is: to the debug log at each evaluation, to who asked for it at each step."""

    def __init__(self, seed: int, steps: int, report: Callable[[Progress], None] | None) -> None:
        self._seed, self._steps, self._report = seed, steps, report

    @rank_zero_only
    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """One more step."""
        if self._report:
            self._report(Progress(self._seed, trainer.global_step, self._steps))

    @rank_zero_only
    def on_validation_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """One more evaluation."""
        loss = float(trainer.callback_metrics["validation"])
        done = Progress(self._seed, trainer.global_step, self._steps, loss)
        log.debug("%s", done)
        if self._report:
            self._report(done)


class StopOnEvent(Callback):
    """Ends the training when the service is told to stop."""

    def __init__(self, event: threading.Event) -> None:
        self._event = event

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Look at the event; where one process stops, all do."""
        del pl_module
        told = trainer.strategy.reduce_boolean_decision(self._event.is_set(), all=False)
        trainer.should_stop = trainer.should_stop or told


@dataclass(frozen=True)
class Draws:
    """An endless, seeded draw of training windows, cut when they are needed."""

    prepared: Prepared
    spec: WindowSpec
    origins: Ints
    batch: int
    seed: int
    shift_share: float

    def __iter__(self) -> Iterator[Batch]:
        """Batches for ever; each pass over the origins sees every one once. Each process has its own draw."""
        rank = _rank()
        random = np.random.default_rng((self.seed, rank) if rank else self.seed)
        while True:
            order = random.permutation(self.origins)
            for i in range(0, max(len(order) - self.batch, 0) + 1, self.batch):
                at = order[i : i + self.batch]
                yield to_batch(windows.windows(self.prepared, at, self.spec, self._shifts(random, len(at))))

    def _shifts(self, random: np.random.Generator, count: int) -> windows.Shifts | None:
        if not self.shift_share:
            return None
        chosen = random.random(count) < self.shift_share
        at = random.integers(0, self.spec.lookback_steps, count)
        return windows.Shifts(at, np.where(chosen, random.normal(0.0, SHIFT_SIZE, count), 0.0))


@dataclass(frozen=True)
class HeldOut:
    """The validation windows as one batch."""

    batch: Batch

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[Batch]:
        """The one batch."""
        yield self.batch


def _rank() -> int:
    """This process's number among those that train together; 0 for the first, and where there is only one."""
    return torch.distributed.get_rank() if torch.distributed.is_initialized() else 0


def leads() -> bool:
    """Whether this process is the one that keeps what was trained."""
    return _rank() == 0


def to_batch(cut: Windows) -> Batch:
    """Windows as tensors."""
    mask: Floats = cut.mask.astype(np.float64)
    return to_tensor(cut.encoder), to_tensor(cut.decoder), to_tensor(cut.target), to_tensor(mask)


def train(prepared: Prepared, config: LstmConfig, seed: int, run: Run) -> tuple[Network, dict[str, Any]]:
    """Train one network.

    Args:
        prepared: the whole history to learn from.
        config: how.
        seed: of weights, draws and dropout.
        run: on what, and who is told.

    Returns:
        The network and a note for the card.

    Raises:
        NotReadyError: no whole window fits, or the training was stopped.
        InputError: there are not as many devices.
    """
    begun = time.perf_counter()
    spec = config.spec(prepared.task)
    split = len(prepared.y) - round(config.validation_share * len(prepared.y))
    learn = windows.origins(prepared, spec, last=split)
    check = windows.origins(prepared, spec, first=split) if config.validation_share else learn[:0]
    if not len(learn):
        raise NotReadyError("the history is too short for one whole window")
    check = check[:: max(len(check) // VALIDATION_WINDOWS_MAX, 1)]
    averaged = Averaged(config.average)
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        torch.manual_seed(seed)
        # Lightning advises more workers and longer logging intervals; our loaders are lists and arrays
        warnings.filterwarnings("ignore", module="pytorch_lightning")
        warnings.filterwarnings("ignore", module="lightning")
        network = Network(spec, config.hidden, config.dropout)
        trainer = _trainer(
            config, run, [averaged, Told(seed, config.max_steps, run.report)], evaluate=bool(len(check))
        )
        batches = Draws(prepared, spec, learn, config.batch, seed, config.shift_share)
        held_out = HeldOut(to_batch(windows.windows(prepared, check, spec))) if len(check) else None
        trainer.fit(Training(network, config, spec.weather_size), batches, held_out)
    if run.stop is not None and run.stop.is_set():
        raise NotReadyError("training was stopped before its end")
    network.cpu().load_state_dict(averaged.chosen)
    return network, _note(trainer, averaged, seed, len(learn), time.perf_counter() - begun)


def _trainer(config: LstmConfig, run: Run, callbacks: list[Callback], *, evaluate: bool) -> pl.Trainer:
    if evaluate:
        callbacks.append(
            EarlyStopping("validation", patience=config.patience, check_on_train_epoch_end=False)
        )
    if run.stop is not None:
        callbacks.append(StopOnEvent(run.stop))
    try:
        return _quiet_trainer(config, run, callbacks, evaluate=evaluate)
    except MisconfigurationException as error:
        raise InputError(
            "--devices",
            found=str(run.devices),
            allowed=f"as many as this machine has ({str(error).splitlines()[0]})",
            do="ask for fewer",
        ) from error


def _quiet_trainer(config: LstmConfig, run: Run, callbacks: list[Callback], *, evaluate: bool) -> pl.Trainer:
    """A trainer on a GPU where there is one, which prints nothing and leaves no file."""
    return pl.Trainer(
        accelerator="auto",
        devices=run.devices,
        num_nodes=run.nodes,
        strategy="ddp" if run.processes > 1 else "auto",
        max_steps=config.max_steps,
        max_epochs=-1,
        val_check_interval=config.evaluate_every if evaluate else None,
        check_val_every_n_epoch=None,
        limit_val_batches=1.0 if evaluate else 0,
        num_sanity_val_steps=0,
        gradient_clip_val=config.clip,
        callbacks=callbacks,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def _note(trainer: pl.Trainer, averaged: Averaged, seed: int, origins: int, wall_s: float) -> dict[str, Any]:
    best = averaged.best_loss
    return {
        "seed": seed,
        "steps": trainer.global_step,
        "windows": origins,
        "validation_pinball": round(best, 6) if np.isfinite(best) else None,
        "wall_s": round(wall_s, 1),
    }
