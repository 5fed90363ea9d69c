"""A made plant in a real database: readings of the meters that forecasts need, and forecasts by hand."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from made_series import daily

from core import db
from core.points import point_type
from forecast.protocol import QUANTILE_NAMES, QUANTILES

if TYPE_CHECKING:
    from core import jobs
    from core.points import PointRef
    from core.series import Floats
    from forecast.protocol import Task

FIVE_MIN = timedelta(minutes=5)
DAYS = 9


def fill(context: jobs.Context, start: datetime, end: datetime) -> None:
    """Readings every 5 min of every point that the forecasts need."""
    meters, sensors = context.site.meters, context.site.sensors
    shares = {meters.it: 1.0, meters.cooling: 0.3}
    times = [start + FIVE_MIN * i for i in range(int((end - start) / FIVE_MIN))]
    first = context.clock.now() - timedelta(days=DAYS + 30)
    wave = daily(DAYS + 60, FIVE_MIN)
    offset = int((start - first) / FIVE_MIN)
    with db.connect(context.dsn) as conn:
        for refs, share in shares.items():
            for ref in refs:
                _insert(conn, context, ref, times, share / len(refs) * wave[offset : offset + len(times)])
        for ref in (sensors.dry_bulb, sensors.wet_bulb):
            _insert(conn, context, ref, times, np.full(len(times), 9.0))


def _insert(
    conn: db.Connection, context: jobs.Context, ref: PointRef, times: list[datetime], values: Floats
) -> None:
    kind = point_type(ref.point)
    db.rows(
        conn,
        "register_point",
        site=context.site.id,
        asset=ref.asset,
        name=ref.point,
        unit=kind.unit,
        role=kind.role,
        state_class=kind.state_class,
        source="test",
    )
    found = db.rows(conn, "point_ids", site=context.site.id, refs=[str(ref)])
    conn.execute(
        "INSERT INTO reading (time, value, point_id) SELECT t, v, %s"
        " FROM unnest(%s::timestamptz[], %s::float8[]) AS n (t, v)",
        (found[0]["point_id"], times, [float(v) for v in values]),
    )


def history(context: jobs.Context) -> None:
    now = context.clock.now()
    fill(context, now - timedelta(days=DAYS), now)


def measure(context: jobs.Context, task: Task, start: datetime, values: Floats) -> None:
    """One reading a step of a target's meters, which add up to the values [W]; NaN is none."""
    refs = context.site.meters.it if task.target == "it_power" else context.site.meters.cooling
    times = [start + task.step * i for i in np.flatnonzero(np.isfinite(values))]
    with db.connect(context.dsn) as conn:
        for ref in refs:
            _insert(conn, context, ref, times, values[np.isfinite(values)] / len(refs))


def issued(
    context: jobs.Context, task: Task, model: str, at: datetime, median: Floats, spread: float
) -> None:
    """A forecast by hand; its quantiles lie `spread` [W] from the median per unit of level."""
    offsets = [spread * (level - 0.5) for level in QUANTILES]
    with db.connect(context.dsn) as conn:
        db.rows(
            conn,
            "forecast_insert",
            site=context.site.id,
            target=task.target,
            model=model,
            issued_at=at,
            valid_at=[at + task.step * i for i in range(len(median))],
            step_s=task.step_s,
            model_version_id=None,
            **{
                name: [float(m + offset) for m in median]
                for name, offset in zip(QUANTILE_NAMES, offsets, strict=True)
            },
        )
