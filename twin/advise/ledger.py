"""The account of savings: verified only, day by day and in total, and how promises were kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from core import db
from core.actions import Setpoint
from core.units import G_PER_KG
from twin.advise.brief import DRAWN
from twin.advise.promise import PROMISES
from twin.advise.realised import Realised, period
from twin.history import load_history
from twin.replay import carbon_g_per_kwh
from twin.scenario import day_span

if TYPE_CHECKING:
    from datetime import date, datetime

    from core.series import Floats
    from core.site import Site
    from twin.calibration import Calibration
    from twin.history import History

STEP: Final = timedelta(minutes=15)
"""Length of a step of the account."""
BEFORE: Final = timedelta(days=14)
"""How far before a day the twin's error is looked at."""
ANEW: Final = timedelta(hours=1)
"""How often the day that is not over is accounted for."""
DAYS_AT_ONCE: Final = 3
"""How many days one run catches up with."""
HANDED_ON: Final = timedelta(minutes=30)
"""A change by hand that follows another so soon goes on from what the first one left."""


@dataclass(frozen=True, slots=True)
class Worth:
    """What energy is worth beside kWh; none where it is not known."""

    cost: float | None
    """In the tariff's currency."""
    carbon_kg: float | None
    """[kg]."""


@dataclass(frozen=True, slots=True)
class Total:
    """Verified savings of all days of the account."""

    days: int
    """How many days."""
    p10_kwh: float
    """Nine in ten are above [kWh]."""
    p50_kwh: float
    """The saving [kWh]."""
    p90_kwh: float
    """One in ten is above [kWh]."""
    measured_kwh: float
    """What the facility drew on these days [kWh]."""
    cost: float | None
    """Saved, in the tariff's currency; none where a day's is not known."""
    carbon_kg: float | None
    """Saved [kg]; likewise."""
    water_l: float
    """Saved [L]; negative where the towers took more."""

    @property
    def ratio(self) -> float:
        """Saving over what would have been drawn [1]."""
        return self.p50_kwh / (self.measured_kwh + self.p50_kwh) if self.measured_kwh else 0.0


def account(conn: db.Connection, site: Site, calibration: Calibration, now: datetime) -> list[str]:
    """Account for the days since advice was first followed; what was done."""
    first = db.row(conn, "advice_first_held", site=site.id)
    if first is None or first["at"] is None:
        return []
    stored = {row["day"]: row["period_to"] for row in db.rows(conn, "advice_days", site=site.id)}
    today = now.astimezone(site.zone).date()
    day, done = first["at"].astimezone(site.zone).date(), list[str]()
    while day <= today and len(done) < DAYS_AT_ONCE:
        if _due(stored.get(day), day_span(site.zone, day)[1], now):
            text = _day(conn, site, calibration, day, now)
            done += [text] if text else []
        day += timedelta(days=1)
    return done


def _due(until: datetime | None, end: datetime, now: datetime) -> bool:
    return until is None or (until < end and (now >= end or now - until >= ANEW))


def _day(conn: db.Connection, site: Site, calibration: Calibration, day: date, now: datetime) -> str:
    start, end = day_span(site.zone, day)
    end = min(end, now)
    if end - start < STEP:
        return ""
    found = saving(conn, site, calibration, start, end)
    if found is None:
        return ""
    value = worth(conn, site, found.start, found.saved_kw * (STEP / timedelta(hours=1)), STEP)
    db.rows(
        conn,
        "advice_insert_day",
        site=site.id,
        day=day,
        start=start,
        end=end,
        measured=found.measured_kwh,
        p10=found.p10_kwh,
        p50=found.p50_kwh,
        p90=found.p90_kwh,
        cost=value.cost,
        carbon=value.carbon_kg,
        water=found.water_l,
        share=found.share,
        complete=found.complete_ratio,
        calibration=calibration.calibration_id,
        now=now,
    )
    return f"{day.isoformat()}: {found.p50_kwh:.0f} kWh saved ({found.p10_kwh:.0f} to {found.p90_kwh:.0f})"


def saving(
    conn: db.Connection, site: Site, calibration: Calibration, start: datetime, end: datetime
) -> Realised | None:
    """What advice saved from `start` to `end`, against what the plant would have held itself."""
    history = load_history(conn, site, start - BEFORE, end, STEP)
    rng = np.random.default_rng(calibration.calibration_id)
    return period(
        history,
        calibration.twin(site.plant),
        own_setpoints(conn, site, history),
        calibration.samples(site.plant, DRAWN, rng),
        since=start,
    )


def own_setpoints(conn: db.Connection, site: Site, history: History) -> dict[Setpoint, Floats]:
    """By setpoint, (n,) what the plant's own control held while advice held another [degC]; else NaN."""
    of_ref = {str(bounds.point): setpoint for setpoint, bounds in site.setpoints.items()}
    times = np.array([time.timestamp() for time in history.times])
    own = {setpoint: np.full(len(history), np.nan) for setpoint in site.setpoints}
    last: dict[Setpoint, tuple[datetime, float]] = {}
    for row in db.rows(conn, "advice_held", site=site.id, start=history.start, end=history.end):
        setpoint = of_ref.get(row["ref"]) if row["ref"] else Setpoint(row["setpoint"])
        if setpoint is None:
            continue
        value, until = row["own_value"], last.get(setpoint)
        if until is not None and row["held_from"] - until[0] <= HANDED_ON:
            value = until[1]
        held = (times >= row["held_from"].timestamp()) & (times < row["held_to"].timestamp())
        own[setpoint][held] = value
        last[setpoint] = row["held_to"], value
    return own


def worth(conn: db.Connection, site: Site, start: datetime, saved_kwh: Floats, step: timedelta) -> Worth:
    """What energy saved by step is worth.

    Args:
        conn: connection.
        site: the site.
        start: start of the first step.
        saved_kwh: (n,) saved in each step [kWh].
        step: length of a step.
    """
    tariff, count = site.tariff, len(saved_kwh)
    counted = saved_kwh != 0
    grams = carbon_g_per_kwh(conn, site, start, start + step * count, step)
    if grams is None and tariff.carbon_g_per_kwh is not None:
        grams = np.full(count, tariff.carbon_g_per_kwh)
    carbon = None if grams is None else float(np.sum((grams[:count] * saved_kwh)[counted])) / G_PER_KG
    prices = tariff.energy_prices(start, step, count, site.zone)
    return Worth(
        cost=float(prices @ saved_kwh) if tariff.energy_per_kwh or tariff.periods else None,
        carbon_kg=carbon if carbon is not None and np.isfinite(carbon) else None,
    )


def total(days: list[db.Row]) -> Total:
    """The sum of days as `sql/queries/advice_days.sql` gives them; their spreads add up."""

    def known(name: str) -> float | None:
        values = [row[name] for row in days]
        return None if not values or None in values else float(sum(values))

    def certain(name: str) -> float:
        return float(sum(row[name] for row in days))

    return Total(
        days=len(days),
        p10_kwh=certain("saving_p10_kwh"),
        p50_kwh=certain("saving_p50_kwh"),
        p90_kwh=certain("saving_p90_kwh"),
        measured_kwh=certain("measured_kwh"),
        cost=known("cost_p50"),
        carbon_kg=known("carbon_p50_kg"),
        water_l=certain("water_p50_l"),
    )


def savings_json(conn: db.Connection, site: Site) -> dict[str, Any]:
    """The whole account as plain values, for `joulecast recommend savings --json`."""
    days = db.rows(conn, "advice_days", site=site.id)
    found = total(days)
    return {
        "total": {
            "days": found.days,
            "saving_kwh": {"p10": found.p10_kwh, "p50": found.p50_kwh, "p90": found.p90_kwh},
            "saving_ratio": found.ratio,
            "cost": found.cost,
            "currency": site.tariff.currency,
            "carbon_kg": found.carbon_kg,
            "water_l": found.water_l,
        },
        "days": [_plain(row) for row in days],
        "recommendations": [
            _plain(row) for row in db.rows(conn, "advice_verified", site=site.id, count=PROMISES)
        ],
        "shadow": [
            _plain(row) for row in db.rows(conn, "advice_shadow_scores", site=site.id, count=PROMISES)
        ],
    }


def _plain(row: db.Row) -> dict[str, Any]:
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in row.items()}
