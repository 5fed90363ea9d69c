"""Which forecast counts: the ensemble's, or the twin's where it has been better."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from core import db
from core.units import W_PER_KW
from forecast import ensemble, members

if TYPE_CHECKING:
    from datetime import datetime

    from core.site import Site
    from forecast.protocol import Task

WINDOW: Final = timedelta(days=14)
"""Over which forecasts are compared."""
HOURS_MIN: Final = 48
"""Hours of truth that both must have forecast before the twin may count [h]."""
TOLD_ANEW: Final = timedelta(days=1)
"""New figures behind the same choice are written so often."""


def choose(hours: int, ensemble_w: float, twin_w: float) -> tuple[str, str]:
    """The model that counts, and why.

    Args:
        hours: of truth that both have forecast [h].
        ensemble_w: the ensemble's mean pinball loss on these [W].
        twin_w: the twin's [W].
    """
    if not hours:
        return ensemble.NAME, "nothing else that could be chosen has been scored"
    if hours < HOURS_MIN:
        return ensemble.NAME, f"the twin has been scored beside it for {hours} h, {HOURS_MIN} h are needed"
    figures = {members.TWIN: twin_w, ensemble.NAME: ensemble_w}
    best, other = sorted(figures, key=lambda model: (figures[model], model != ensemble.NAME))
    return best, (
        f"pinball loss {figures[best] / W_PER_KW:.2f} kW against {figures[other] / W_PER_KW:.2f} kW of the"
        f" {other} on the {hours} h of the last {WINDOW.days} days that both have forecast"
    )


def keep(conn: db.Connection, site: Site, task: Task, now: datetime) -> str:
    """Decide anew and write down what is another than before, new figures once a day; the model in force."""
    of = {"site": site.id, "target": task.target, "step_s": task.step_s}
    pair = db.row(
        conn,
        "forecast_score_pair",
        **of,
        one=ensemble.NAME,
        other=members.TWIN,
        start=now - WINDOW,
        end=now,
    )
    model, reason = choose(pair["hours"], pair["one_w"], pair["other_w"]) if pair else choose(0, 0.0, 0.0)
    before = db.row(conn, "forecast_choice", **of, now=now)
    told_anew = before is not None and before["reason"] != reason and now - before["decided_at"] >= TOLD_ANEW
    if before is None or before["model"] != model or told_anew:
        db.rows(conn, "forecast_choice_insert", **of, now=now, model=model, reason=reason)
    return model
