"""Training of the LSTM in Lightning: masked pinball loss, AdamW on one cycle, averaged weights.

A fixed number of steps, no early stopping: the weeks that could be held out for that are the newest, and
often odd ones (holidays). On four real series stopping by them cost more than a few steps too many.
"""

from __future__ import annotations

import logging
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.utilities import rank_zero_only
from torch import Tensor

from core.errors import InputError, NotReadyError
from forecast import windows
from forecast.models.lstm_network import THREADS, Network, as_bytes, to_tensor
from forecast.models.lstm_run import Progress, Run, rank
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
KIB_MB: Final = 1024 / 1e6
"""Kibibytes, in which Linux counts, as megabytes [MB]."""
REPORT_STEPS: Final = 50
"""So often the loss goes to the debug log."""
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

    def __init__(self, network: Network, config: LstmConfig, feed_sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.network, self.config, self.feed_sizes = network, config, feed_sizes

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Loss of one batch, some of its windows without one feed or another."""
        del batch_idx
        encoder, decoder, target, mask = batch
        if self.feed_sizes:
            feeds = torch.rand(len(encoder), 1, len(self.feed_sizes)) >= self.config.covariate_dropout
            keep = feeds.repeat_interleave(torch.tensor(self.feed_sizes), dim=2).to(encoder)
            encoder, decoder = (_thin(part, keep) for part in (encoder, decoder))
        quantiles, _ = self.network(encoder, decoder)
        return pinball_loss(quantiles, target, mask)

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


def _thin(features: Tensor, keep: Tensor) -> Tensor:
    count = keep.shape[-1]
    return torch.cat((features[..., :-count], features[..., -count:] * keep), dim=-1)


class Averaged(Callback):
    """Keeps a moving average of the weights."""

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self.average: dict[str, Tensor] = {}
        self._updates = 0

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Take the step's weights into the average; it widens with time, so that the start is forgotten."""
        del trainer
        self._updates += 1
        decay = min(self.decay, self._updates / (self._updates + 10))
        for key, value in _network(pl_module).state_dict().items():
            old = self.average.get(key)
            self.average[key] = value.clone() if old is None else old.lerp(value, 1 - decay)


def _network(module: pl.LightningModule) -> Network:
    if not isinstance(module, Training):
        raise TypeError(f"expected Training, found {type(module).__name__}")
    return module.network


class Told(Callback):
    """Says how far the training is: at every step to who asked for it, now and then to the debug log."""

    def __init__(self, seed: int, steps: int, report: Callable[[Progress], None] | None) -> None:
        self._seed, self._steps, self._report = seed, steps, report
        self.pinball = float("nan")
        """Of the last steps' batches [scaled]."""

    @rank_zero_only
    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, *_: Any
    ) -> None:
        """One more step."""
        del pl_module
        loss, step = float(outputs["loss"]), trainer.global_step
        self.pinball = loss if np.isnan(self.pinball) else 0.9 * self.pinball + 0.1 * loss
        done = Progress(self._seed, step, self._steps, self.pinball)
        if step % REPORT_STEPS == 0 or step == self._steps:
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
        number = rank()
        random = np.random.default_rng((self.seed, number) if number else self.seed)
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


def to_batch(cut: Windows) -> Batch:
    """Windows as tensors."""
    mask: Floats = cut.mask.astype(np.float64)
    return to_tensor(cut.encoder), to_tensor(cut.decoder), to_tensor(cut.target), to_tensor(mask)


def train_all(
    prepared: Prepared, config: LstmConfig, run: Run | None = None
) -> tuple[bytes, list[dict[str, Any]]]:
    """Train one network a seed.

    Works on arrays alone, so that a process of its own for it holds no more than it needs.

    Returns:
        The networks' parameters as safetensors and a note of each for the card.
    """
    torch.set_num_threads(THREADS)
    made = [train(prepared, config, seed, run or Run()) for seed in config.seeds]
    return as_bytes([network for network, _ in made]), [note for _, note in made]


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
    begun, cpu = time.perf_counter(), time.process_time()
    spec = config.spec(prepared.task)
    learn = windows.origins(prepared, spec)
    if not len(learn):
        raise NotReadyError("the history is too short for one whole window")
    averaged, told = Averaged(config.average), Told(seed, config.max_steps, run.report)
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        torch.manual_seed(seed)
        # Lightning advises more workers and longer logging intervals; our loaders are lists and arrays
        warnings.filterwarnings("ignore", module="pytorch_lightning")
        warnings.filterwarnings("ignore", module="lightning")
        network = Network(spec, config.hidden, config.dropout)
        trainer = _trainer(config, run, [averaged, told])
        batches = Draws(prepared, spec, learn, config.batch, seed, config.shift_share)
        trainer.fit(Training(network, config, spec.feed_sizes), batches)
    if run.stop is not None and run.stop.is_set():
        raise NotReadyError("training was stopped before its end")
    network.cpu().load_state_dict(averaged.average)
    return network, {
        "seed": seed,
        "steps": trainer.global_step,
        "windows": len(learn),
        "pinball": round(told.pinball, 6),
        "wall_s": round(time.perf_counter() - begun, 1),
        "cpu_s": round(time.process_time() - cpu, 1),
        "peak_mb": _peak_mb(),
    }


def _peak_mb() -> float | None:
    """Most memory that this process ever held [MB]; None where the system does not say."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="ascii").splitlines() if status.exists() else []
    held = [float(line.split()[1]) * KIB_MB for line in lines if line.startswith("VmHWM:")]
    return round(held[0], 1) if held else None


def _trainer(config: LstmConfig, run: Run, callbacks: list[Callback]) -> pl.Trainer:
    if run.stop is not None:
        callbacks.append(StopOnEvent(run.stop))
    try:
        return _quiet_trainer(config, run, callbacks)
    except MisconfigurationException as error:
        raise InputError(
            "--devices",
            found=str(run.devices),
            allowed=f"as many as this machine has ({str(error).splitlines()[0]})",
            do="ask for fewer",
        ) from error


def _quiet_trainer(config: LstmConfig, run: Run, callbacks: list[Callback]) -> pl.Trainer:
    """A trainer on a GPU where there is one, which prints nothing and leaves no file."""
    return pl.Trainer(
        accelerator="auto",
        devices=run.devices,
        num_nodes=run.nodes,
        strategy="ddp" if run.processes > 1 else "auto",
        max_steps=config.max_steps,
        max_epochs=-1,
        num_sanity_val_steps=0,
        gradient_clip_val=config.clip,
        callbacks=callbacks,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
