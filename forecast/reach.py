"""How far ahead the covariates are known: a feed that ends early makes a forecast poorer, and is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from forecast.frames import known_table
from forecast.protocol import HOUR_S

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import pandas as pd

    from forecast.protocol import Task


def hours_known(known: pd.DataFrame, covariate: str, origin: datetime, task: Task) -> int:
    """For how many hours from the origin a covariate is known without a gap, up to the horizon [h].

    Args:
        known: a known frame.
        covariate: its column.
        origin: only rows that were available then count.
        task: what is forecast.
    """
    hours = int(np.ceil(task.horizon_steps / task.steps_per_hour))
    table = known_table(known, (covariate,))
    if table is None:
        return 0
    start = int(origin.timestamp())
    there = np.isfinite(table.at(start + HOUR_S * np.arange(hours), np.array(start))[:, 0])
    return hours if there.all() else int(np.argmin(there))


def short(known: pd.DataFrame, covariates: Sequence[str], origin: datetime, task: Task) -> str:
    """What a forecast has to do without, in words; "" where every covariate is known to its end."""
    hours = int(np.ceil(task.horizon_steps / task.steps_per_hour))
    found = {name: hours_known(known, name, origin, task) for name in covariates}
    return "; ".join(
        f"{name} is known for {n} of {hours} h, the {'rest is' if n else 'whole is'} forecast without it"
        for name, n in found.items()
        if n < hours
    )
