"""On what a training runs, and who is told how far it is."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from core.errors import InputError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from forecast.models.lstm_config import LstmConfig
    from forecast.windows import Prepared

MEETING_POINTS: Final = ("MASTER_ADDR", "SLURM_JOB_ID")
"""Of these environment variables one has to say where several machines meet."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a training is."""

    seed: int
    """Which of the networks."""
    step: int
    """Optimiser steps done."""
    steps: int
    """Most that there will be."""
    pinball: float
    """Loss of the last steps' windows [scaled]."""

    def __str__(self) -> str:
        return f"seed {self.seed}: step {self.step} of {self.steps}, pinball {self.pinball:.4f}"


@dataclass(frozen=True, slots=True)
class Run:
    """How a training is carried out; what is learnt depends on it only by the draws of further devices."""

    devices: int = 1
    """GPUs, or processes where there is no GPU, on each machine."""
    nodes: int = 1
    """Machines."""
    apart: bool = False
    """Train in a process of its own, whose memory goes with it; nobody is told how far it is."""
    stop: threading.Event | None = None
    """Ends the training early, with NotReadyError, when it is set."""
    report: Callable[[Progress], None] | None = None
    """Told after every step."""

    def __post_init__(self) -> None:
        if self.nodes > 1 and not any(name in os.environ for name in MEETING_POINTS):
            raise InputError(
                "--nodes",
                found=f"{self.nodes}, and MASTER_ADDR is not set",
                allowed="1, or more with MASTER_ADDR, MASTER_PORT and NODE_RANK set on each machine",
                do="set them, or start the command with torchrun or srun",
            )

    @property
    def processes(self) -> int:
        """How many take part."""
        return self.devices * self.nodes


def rank() -> int:
    """This process's number among those that train together; 0 for the first, and where there is only one."""
    from torch import distributed  # noqa: PLC0415  # whoever only asks for a run needs no torch

    return distributed.get_rank() if distributed.is_initialized() else 0


def leads() -> bool:
    """Whether this process is the one that keeps what was trained."""
    return rank() == 0


def train_networks(
    prepared: Prepared, config: LstmConfig, run: Run | None = None
) -> tuple[bytes, list[dict[str, Any]]]:
    """As `lstm_training.train_all`, for who has it done in another process and needs no Lightning itself."""
    from forecast.models import lstm_training  # noqa: PLC0415  # Lightning takes seconds to import; serving does without

    return lstm_training.train_all(prepared, config, run)
