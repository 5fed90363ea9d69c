"""A month of a site: energy, what was saved, what became of advice, alarms, and how complete it all is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from core import store
from core.actions import Change, Setpoint, State
from core.errors import InputError, NotReadyError
from ui.data import energy, overview
from ui.data.later import Later, later

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from core.points import PointRef
    from ui.data.energy import Energy
    from ui.data.overview import Saved
    from ui.data.source import Source

MONTH: Final = re.compile(r"(\d{4})-(\d{2})")
YEARS: Final = range(1970, 2201)
"""Of which there are months."""
BASE_C, FROM_C = 21.0, 24.0
"""Eurostat's cooling degree days: a day's mean above 21 degC, where it is at least 24 degC."""
DAY_HOURS_LEAST: Final = 12
"""A day with fewer measured hours has no mean [h]."""
_KEEP_WALL_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class Advised:
    """A recommendation and how it ended."""

    number: int
    created_at: datetime
    state: State
    authority: str
    changes: tuple[Change, ...]
    saving_kw: tuple[float, float, float]
    """Promised: p10, p50, p90 [kW]."""
    verified_kwh: tuple[float, float, float] | None
    """p10, p50, p90 [kWh]."""


@dataclass(frozen=True, slots=True)
class Alarms:
    """Alarms of one priority."""

    priority: int
    raised: int
    acknowledged: int
    standing: int


@dataclass(frozen=True, slots=True)
class Report:
    """One month."""

    month: date
    """Its first day."""
    start: datetime
    end: datetime
    """The end of the month, or now where it is not over."""
    over: bool
    energy: Energy
    peak_kw: float | None
    """Highest mean of an interval of the facility's power [kW], whether or not the IT's is known."""
    saved: Saved
    advised: tuple[Advised, ...]
    alarms: tuple[Alarms, ...]
    intake_c: float | None
    """Mean setpoint of the supply air [degC]."""
    degree_days: float | None
    """Cooling degree days of the days with a mean [K d]."""
    degree_days_of: int
    """How many days had one."""

    @property
    def name(self) -> str:
        """As in the address, e.g. ``2026-03``."""
        return f"{self.month:%Y-%m}"


def parse_month(text: str, today: date) -> date:
    """Read a month as in the address.

    Raises:
        InputError: it is no month, or has not begun.
    """
    found = MONTH.fullmatch(text)
    first = None
    if found:
        try:
            first = date(int(found[1]), int(found[2]), 1)
        except ValueError:
            first = None
    if first is None or first > today or first.year not in YEARS:
        raise InputError(
            "month", found=repr(text[:20]), allowed=f"2026-03 and the like, up to {today:%Y-%m}",
            do="choose a month of the list",
        )  # fmt: skip
    return first


def span_of(month: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """From when to when a month of the site's calendar lasts, UTC."""
    after = (month + timedelta(days=32)).replace(day=1)
    start, end = (datetime(d.year, d.month, 1, tzinfo=zone).astimezone(UTC) for d in (month, after))
    return start, end


def months(source: Source) -> tuple[date, ...]:
    """The months from the first reading of the meters of PUE on, newest first; this one at least.

    What is rolled up counts where the readings are dropped: a month is made of it.
    """

    def read() -> tuple[date, ...]:
        site = source.context.site
        this = source.now.astimezone(site.zone).date().replace(day=1)
        try:
            with source.connection() as conn:
                first, _ = store.span(conn, site.id, site.meters.facility + site.meters.it)
        except NotReadyError:
            return (this,)
        begun = first.astimezone(site.zone).date().replace(day=1)
        count = (this.year - begun.year) * 12 + this.month - begun.month
        return tuple(_before(this, back) for back in range(max(count, 0) + 1))

    found: tuple[date, ...] = source.kept("months", _KEEP_WALL_S, read)
    return found


def _before(month: date, back: int) -> date:
    year, index = divmod(month.year * 12 + month.month - 1 - back, 12)
    return date(year, index + 1, 1)


def report(source: Source, month: date) -> Later:
    """The `Report` of a month, worked out apart."""
    return later(source, f"report {month}", _KEEP_WALL_S, lambda: read(source, month))


def read(source: Source, month: date) -> Report:
    """Read a month."""
    site, now = source.context.site, source.now
    start, whole = span_of(month, site.zone)
    end = min(whole, now)
    found = energy.read(source, start, end)
    known_kwh = found.facility_kwh[np.isfinite(found.facility_kwh)]
    last = (end - timedelta(microseconds=1)).astimezone(site.zone).date()
    setpoint = site.setpoints.get(Setpoint.SUPPLY_AIR_TEMPERATURE)
    degree_days, counted = _degree_days(source, start, end)
    return Report(
        month=month,
        start=start,
        end=end,
        over=now >= whole,
        energy=found,
        peak_kw=float(known_kwh.max()) / (found.step / energy.HOUR) if len(known_kwh) else None,
        saved=overview.saved(source, month, last),
        advised=_advised(source, start, end),
        alarms=tuple(
            Alarms(**row) for row in source.rows("ui_report_alarms", site=site.id, start=start, end=end)
        ),
        intake_c=_mean(source, setpoint.point, start, end) if setpoint else None,
        degree_days=degree_days,
        degree_days_of=counted,
    )


def _advised(source: Source, start: datetime, end: datetime) -> tuple[Advised, ...]:
    rows = source.rows("ui_report_recommendations", site=source.context.site.id, start=start, end=end)
    return tuple(
        Advised(
            number=row["number"],
            created_at=row["created_at"],
            state=State(row["state"]),
            authority=row["authority"],
            changes=tuple(
                Change(Setpoint(c["setpoint"]), float(c["from_c"]), float(c["to_c"])) for c in row["changes"]
            ),
            saving_kw=(row["saving_p10_kw"], row["saving_p50_kw"], row["saving_p90_kw"]),
            verified_kwh=None
            if row["saving_p50_kwh"] is None
            else (row["saving_p10_kwh"], row["saving_p50_kwh"], row["saving_p90_kwh"]),
        )
        for row in rows
    )


def _hourly(
    source: Source, ref: PointRef, start: datetime, end: datetime
) -> tuple[list[datetime], np.ndarray]:
    try:
        with source.connection() as conn:
            found = store.series_sum(conn, source.context.site.id, (ref,), start, end, energy.HOUR)
    except NotReadyError:
        return [], np.array([])
    return found.times, found.values


def _mean(source: Source, ref: PointRef, start: datetime, end: datetime) -> float | None:
    _, values = _hourly(source, ref, start, end)
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None


def _degree_days(source: Source, start: datetime, end: datetime) -> tuple[float | None, int]:
    site = source.context.site
    times, values = _hourly(source, site.sensors.dry_bulb, start, end)
    of_day: dict[date, list[float]] = {}
    for time, value in zip(times, values.tolist(), strict=True):
        if np.isfinite(value):
            of_day.setdefault(time.astimezone(site.zone).date(), []).append(value)
    means = [sum(day) / len(day) for day in of_day.values() if len(day) >= DAY_HOURS_LEAST]
    return (degree_days(means) if means else None), len(means)


def degree_days(means_c: list[float]) -> float:
    """Cooling degree days of days with these means [K d], as Eurostat counts them."""
    return sum(mean - BASE_C for mean in means_c if mean >= FROM_C)
