"""Readings and models in a real database, for the tests of training and of versions."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from made_series import daily, small

from core import db, jobs
from core.points import point_type
from core.settings import Settings
from forecast import registry, train, windows
from forecast.models.lstm import LstmForecaster
from forecast.models.lstm_config import LstmConfig
from forecast.models.lstm_network import Network

if TYPE_CHECKING:
    from datetime import datetime

    from core.clock import Clock
    from core.points import PointRef
    from core.series import Floats
    from core.site import Site
    from forecast.models.lstm_run import Run
    from forecast.protocol import Task

QUARTER = timedelta(minutes=15)


def context_of(dsn: str, site: Site, clock: Clock) -> jobs.Context:
    return jobs.Context(Settings(dsn=dsn), site, clock, dsn)


def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real training with fewer steps."""
    monkeypatch.setattr(LstmConfig, "for_history", partial(_quick, LstmConfig.for_history))


def quick_training(context: jobs.Context, task: Task, run: Run | None = None) -> dict[str, Any]:
    """What the service's child does, with fewer steps."""
    with pytest.MonkeyPatch.context() as patch:
        quick(patch)
        return train.training(context, task, run)


def _quick(real: Any, *arguments: Any, **overrides: Any) -> LstmConfig:
    config: LstmConfig = real(*arguments, **overrides)
    return replace(config, hidden=12, max_steps=25, batch=16)


def fill(context: jobs.Context, days: float, *, wave: Floats | None = None) -> None:
    """So many days of readings up to now, each quarter of an hour, of every point that a training needs."""
    count = round(days * 96)
    end = context.clock.now()
    times = [end - QUARTER * (count - i) for i in range(count)]
    load = daily(days) if wave is None else wave
    meters, sensors = context.site.meters, context.site.sensors
    with db.connect(context.dsn) as conn:
        for refs, share in ((meters.it, 1.0), (meters.cooling, 0.3)):
            for ref in refs:
                _insert(conn, context.site.id, ref, times, share / len(refs) * load)
        for sensor in (sensors.dry_bulb, sensors.wet_bulb):
            _insert(conn, context.site.id, sensor, times, np.full(count, 9.0))


def _insert(conn: db.Connection, site: str, ref: PointRef, times: list[datetime], values: Floats) -> None:
    kind = point_type(ref.point)
    db.rows(
        conn,
        "register_point",
        site=site,
        asset=ref.asset,
        name=ref.point,
        unit=kind.unit,
        role=kind.role,
        state_class=kind.state_class,
        source="test",
    )
    found = db.rows(conn, "point_ids", site=site, refs=[str(ref)])
    conn.execute(
        "INSERT INTO reading (time, value, point_id) SELECT t, v, %s"
        " FROM unnest(%s::timestamptz[], %s::float8[]) AS n (t, v)",
        (found[0]["point_id"], times, [float(v) for v in values]),
    )


def untrained(task: Task, seed: int = 1) -> LstmForecaster:
    """A model with the weights that it would begin to learn from."""
    config = replace(
        small(task, 9 * 24),
        scale_floor=1.0,
        covariates=windows.WEATHER,
        covariate_scales=(windows.WEATHER_SCALE_K,) * len(windows.WEATHER),
    )
    model = LstmForecaster(task, config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model._networks = [Network(model.spec, config.hidden, config.dropout).eval()]
    return model


def keep(conn: db.Connection, site: Site, at: datetime, task: Task, seed: int = 1) -> int:
    """Store an untrained model as if it had been trained at a time; its version's id."""
    model = untrained(task, seed)
    return registry.store(conn, site.id, model, model.card(), at, (at - timedelta(days=9), at))
