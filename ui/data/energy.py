"""Energy of a period by subsystem, with what is needed to judge it: completeness, carbon, water, prices."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from core import db, kpi, store
from core.errors import NotReadyError
from core.series import floor_time
from core.units import W_PER_KW
from ui import view
from ui.data.expected import Expected, expected
from ui.data.later import Later, later
from ui.data.shown import Kind, Shown, missing

if TYPE_CHECKING:
    from datetime import date, datetime
    from zoneinfo import ZoneInfo

    from core.points import PointRef
    from core.series import Floats
    from ui.data.source import Source

HOUR: Final = timedelta(hours=1)
QUARTER: Final = timedelta(minutes=15)
SHORT_UP_TO: Final = timedelta(days=2)
"""Periods up to this are shown by the hour, longer ones by the day."""
FINE_UP_TO: Final = timedelta(days=62)
"""Periods up to this are read in quarters of an hour, where the meters speak so often; others by the hour."""
WATER: Final = "make_up_water"
LOSSES: Final = "UPS and distribution"
SUBSYSTEMS: Final = {
    "chiller": "Chillers",
    "crah_fan": "CRAH fans",
    "pump": "Pumps",
    "tower_fan": "Tower fans",
    "evaporative": "Evaporative coolers",
}
"""Groups of meters beside facility, IT and UPS, and what they are called."""
ENOUGH_RATIO: Final = 0.9
"""A figure that leans on the IT's energy, or the grid's carbon, of a whole period needs so much of it [1]."""
WATER_SLACK_RATIO: Final = 0.1
"""A water meter's readings may miss the ends of a period by so much of it [1]."""
_G_PER_KG: Final = 1000.0
_L_PER_M3: Final = 1000.0
_KEEP_WALL_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class Energy:
    """A period's energy by interval, (n,) each; NaN where a meter is not known."""

    start: datetime
    step: timedelta
    facility_kwh: Floats
    it_kwh: Floats
    spoken: Floats
    """Share of each interval in which every meter of facility and IT spoke [1]: see `_Voice`."""
    parts_kwh: dict[str, Floats]
    """By subsystem, those that `site.toml` names meters of; all NaN where one of them said nothing."""
    wet_bulb_c: Floats
    carbon_g_per_kwh: Floats | None
    carbon_kind: Kind
    """Measured where the grid says it of nearly all that counts, assumed where `site.toml` does."""
    grid_ratio: float
    """Share of the intervals that count in which the grid says it [1]."""
    price_per_kwh: Floats | None
    """In the tariff's currency; none without a tariff."""
    water_l: Shown
    """Of the whole period."""
    unseen: tuple[str, ...]
    """Points of the meters that have never sent anything, and meters that `site.toml` does not name."""
    silent: tuple[str, ...]
    """Points of the meters that have spoken before or since, but not in this period."""
    category: kpi.Category

    @property
    def end(self) -> datetime:
        """End of the last interval."""
        return self.start + self.step * len(self.it_kwh)

    @property
    def times(self) -> list[datetime]:
        """(n,) starts of the intervals."""
        return [self.start + self.step * i for i in range(len(self.it_kwh))]

    @property
    def hours(self) -> float:
        """Length of the period [h]."""
        return (self.end - self.start) / HOUR

    @property
    def short(self) -> bool:
        """Whether it is shown by the hour rather than by the day."""
        return self.end - self.start <= SHORT_UP_TO

    @property
    def pue(self) -> kpi.Pue:
        """Facility over IT; complete as far as both spoke in the intervals that count."""
        found = kpi.pue_of_period(self.facility_kwh, self.it_kwh, category=self.category, hours=self.hours)
        return replace(found, complete_ratio=self.complete(*self.counted_kwh))

    @property
    def breakdown(self) -> kpi.Breakdown:
        """By subsystem of which anything is known, with what no meter accounts for; complete likewise."""
        parts = self.known_parts_kwh
        found = kpi.breakdown(self.facility_kwh, self.it_kwh, parts)
        return replace(found, complete_ratio=self.complete(*self.counted_kwh, *parts.values()))

    def complete(self, *kwh: Floats) -> float:
        """Share of the period in which all of these are known and facility and IT spoke [1]."""
        counts = np.where(np.isfinite(np.stack(kwh)).all(axis=0), self.spoken, 0.0)
        return float(counts.mean()) if len(counts) else 0.0

    @property
    def known_parts_kwh(self) -> dict[str, Floats]:
        """The subsystems of which anything is known."""
        return {name: kwh for name, kwh in self.parts_kwh.items() if np.isfinite(kwh).any()}

    @property
    def unknown_parts(self) -> tuple[str, ...]:
        """The others: what they drew is among what no meter accounts for."""
        known = self.known_parts_kwh
        return tuple(name for name in self.parts_kwh if name not in known)

    @property
    def counted_kwh(self) -> tuple[Floats, Floats]:
        """(n,) facility and IT, each NaN where the other is not known: PUE and all sums are of these."""
        both = np.isfinite(self.facility_kwh) & np.isfinite(self.it_kwh)
        return np.where(both, self.facility_kwh, np.nan), np.where(both, self.it_kwh, np.nan)

    @property
    def facility_sum_kwh(self) -> float | None:
        """Of the intervals that count; none where none does."""
        return total(self.counted_kwh[0])

    @property
    def it_sum_kwh(self) -> float | None:
        """Likewise; facility over IT is the PUE."""
        return total(self.counted_kwh[1])

    @property
    def cooling_kwh(self) -> Floats:
        """(n,) everything that removes heat; NaN where one of its meters is not known."""
        cooling = [kwh for name, kwh in self.parts_kwh.items() if name != LOSSES]
        return np.sum(cooling, axis=0) if cooling else np.full(len(self.it_kwh), np.nan)

    @property
    def cost(self) -> float | None:
        """Of the facility's energy in the intervals that count, in the tariff's currency."""
        return None if self.price_per_kwh is None else total(self.counted_kwh[0] * self.price_per_kwh)

    @property
    def carbon_kg(self) -> float | None:
        """Of the facility's energy in the intervals that count and whose intensity is known [kg]."""
        if self.carbon_g_per_kwh is None:
            return None
        return total(self.counted_kwh[0] * self.carbon_g_per_kwh / _G_PER_KG)

    @property
    def cue(self) -> Shown:
        """Carbon over IT energy [kg/kWh]."""
        if self.carbon_g_per_kwh is None:
            grid = f"a grid signal of more than {self.grid_ratio:.0%}" if self.grid_ratio else "a grid signal"
            reason = f"neither {grid} nor [tariff] carbon_g_per_kwh is there"
            return missing("kg/kWh", self.carbon_kind, reason)
        carbon = self.facility_kwh * self.carbon_g_per_kwh / _G_PER_KG
        return _shown(kpi.cue_kg_per_kwh(carbon, self.it_kwh), "kg/kWh", self.carbon_kind)

    @property
    def it_ratio(self) -> float:
        """Share of the intervals in which the IT's energy is known [1]."""
        return float(np.isfinite(self.it_kwh).mean()) if len(self.it_kwh) else 0.0

    @property
    def wue(self) -> Shown:
        """Water over IT energy [L/kWh], both of the whole period.

        Of the IT's energy nearly all has to be known; the rest is taken to have been like it.
        """
        it_kwh = total(self.it_kwh)
        if self.water_l.value is None:
            return missing("L/kWh", Kind.MEASURED, self.water_l.reason)
        if not it_kwh or self.complete(self.it_kwh) < ENOUGH_RATIO:
            return missing("L/kWh", Kind.MEASURED, "too much of the IT's energy is missing in this period")
        return _shown(self.water_l.value / (it_kwh / self.it_ratio), "L/kWh", Kind.MEASURED)


def total(values: Floats) -> float | None:
    """The sum of what is known; none where nothing is."""
    known = values[np.isfinite(values)]
    return float(known.sum()) if len(known) else None


def _shown(value: float, unit: str, kind: Kind) -> Shown:
    return Shown(value, unit, kind) if np.isfinite(value) else missing(unit, kind, "not measured")


@dataclass(frozen=True, slots=True)
class Compared:
    """A period with the one before it and what the twin expects of it."""

    this: Energy
    before: Energy
    twin: Expected | None
    twin_reason: str
    """Why the twin says nothing."""


def compared(source: Source, default: timedelta) -> Later:
    """The period that the reader looks at, a `Compared`."""
    seen, now = view.current(), source.now
    start, end = seen.between(now, default) if seen else (now - default, now)
    asked = f"{start} {end}" if seen and seen.period else f"{end - start}"

    def make() -> Compared:
        to = min(end, source.now) if seen and seen.period else source.now
        return compare(source, to - (end - start) if not (seen and seen.period) else start, to)

    return later(source, f"energy {asked}", _KEEP_WALL_S, make)


def compare(source: Source, start: datetime, end: datetime) -> Compared:
    """Read a period, the one before, and the twin's."""
    this = read(source, start, end)
    before = read(source, this.start - (this.end - this.start), this.start)
    try:
        twin, reason = expected(source, this.start, this.end, HOUR), ""
    except NotReadyError as error:
        twin, reason = None, f"{error}"
    return Compared(this, before, twin, reason)


def step_of(start: datetime, end: datetime, usual: timedelta) -> timedelta:
    """The interval that a period is read in.

    Args:
        start: when it begins.
        end: when it ends.
        usual: in what steps readings come from the slowest of the meters.
    """
    return QUARTER if end - start <= FINE_UP_TO and usual <= QUARTER else HOUR


def read(source: Source, start: datetime, end: datetime) -> Energy:
    """Read a period.

    Args:
        source: the database.
        start: rounded down to a whole interval.
        end: likewise, so that no interval is in it that is not over.
    """
    from twin.replay import carbon_g_per_kwh  # noqa: PLC0415  # the twin's libraries load when they are needed

    site = source.context.site
    meters = site.meters
    others = meters.ups_input + sum((getattr(meters, key) for key in SUBSYSTEMS), ())
    voice = _Voice(source, meters.facility + meters.it, others, floor_time(start, HOUR), end)
    step = step_of(start, end, voice.usual)
    start, end = floor_time(start, step), floor_time(end, step)
    count = max(int((end - start) / step), 0)
    read_ = _Reader(source, start, end, step)
    facility, it = read_.kwh(meters.facility), read_.kwh(meters.it)
    parts = {
        name: read_.kwh(getattr(meters, key)) for key, name in SUBSYSTEMS.items() if getattr(meters, key)
    }
    if meters.ups_input:
        parts = {LOSSES: read_.kwh(meters.ups_input) - it} | parts
    wet_bulb = read_.values((site.sensors.wet_bulb,))
    with source.connection() as conn:
        grams = carbon_g_per_kwh(conn, site, start, end, step)
    said = np.isfinite(grams) if grams is not None else np.zeros(count, dtype=bool)
    counts = np.isfinite(facility) & np.isfinite(it)
    of = said[counts] if counts.any() else said
    grid_ratio, kind = float(of.mean()) if len(of) else 0.0, Kind.MEASURED
    if grid_ratio < ENOUGH_RATIO:
        grams, kind = None, Kind.ASSUMED
        if site.tariff.carbon_g_per_kwh is not None:
            grams = np.full(count, site.tariff.carbon_g_per_kwh)
    priced = bool(site.tariff.energy_per_kwh or site.tariff.periods)
    return Energy(
        start=start,
        step=step,
        facility_kwh=facility,
        it_kwh=it,
        spoken=voice.spoken(start, step, count),
        parts_kwh=parts,
        wet_bulb_c=wet_bulb,
        carbon_g_per_kwh=grams,
        carbon_kind=kind,
        grid_ratio=grid_ratio,
        price_per_kwh=site.tariff.energy_prices(start, step, count, site.zone) if priced else None,
        water_l=_water(source, start, end),
        unseen=tuple(read_.unseen),
        silent=tuple(read_.silent),
        category=kpi.Category(meters.category),
    )


class _Voice:
    """When some meters spoke.

    A meter speaks in steps, the median time from one minute with a reading to the next. A reading speaks for
    the time to the next one; after a gap, longer than three steps and two minutes more than one, only for one
    step. So a meter that comes every 15 min is complete, and one that speaks two minutes an hour is not.
    """

    def __init__(
        self,
        source: Source,
        refs: tuple[PointRef, ...],
        others: tuple[PointRef, ...],
        start: datetime,
        end: datetime,
    ) -> None:
        if end - start > FINE_UP_TO:
            others = ()  # their steps would not be asked for
        with source.connection() as conn:
            ids = store.point_ids(conn, source.context.site.id, refs + others)
            rows = db.rows(conn, "ui_energy_gaps", points=list(ids.values()), since=start, until=end)
        ours = {ids[str(ref)] for ref in refs if str(ref) in ids}
        self.usual = timedelta(seconds=max([row["usual_s"] or 0.0 for row in rows], default=0.0))
        """In what steps the slowest of all speaks; 0 where none is known."""
        self._gaps = [
            (row["silent_from"], row["silent_to"])
            for row in rows
            if row["silent_to"] and row["point_id"] in ours
        ]

    def spoken(self, start: datetime, step: timedelta, count: int) -> Floats:
        """(n,) share of each interval in which all of them spoke [1]."""
        edges = np.arange(count + 1, dtype=np.float64)
        silent, until = np.zeros(count + 1), 0.0
        for from_, to in sorted(self._gaps):
            first, last = max((from_ - start) / step, until), (to - start) / step
            if last > first:
                silent += np.clip(edges, first, last) - first
                until = last
        return np.clip(1.0 - np.diff(silent), 0.0, 1.0)


class _Reader:
    """Reads series of one period, and remembers what has never been seen and what was silent."""

    def __init__(self, source: Source, start: datetime, end: datetime, step: timedelta) -> None:
        self.source, self.start, self.end, self.step = source, start, end, step
        self.unseen: list[str] = []
        self.silent: list[str] = []

    def values(self, refs: tuple[PointRef, ...]) -> Floats:
        """(n,) sum over points [canonical unit]."""
        site = self.source.context.site.id
        with self.source.connection() as conn:
            seen = store.point_ids(conn, site, refs)
            missing_ = [str(ref) for ref in refs if str(ref) not in seen]
            if missing_:
                self.unseen += missing_
                return np.full(max(int((self.end - self.start) / self.step), 0), np.nan)
            found = self._sum(conn, refs)
            if not np.isfinite(found).any():
                alone = [str(ref) for ref in refs if not np.isfinite(self._sum(conn, (ref,))).any()]
                self.silent += alone or [f"{' and '.join(map(str, refs))} at the same time"]
            return found

    def _sum(self, conn: db.Connection, refs: tuple[PointRef, ...]) -> Floats:
        return store.series_sum(
            conn, self.source.context.site.id, refs, self.start, self.end, self.step
        ).values

    def kwh(self, refs: tuple[PointRef, ...]) -> Floats:
        """(n,) energy by interval."""
        return self.values(refs) / W_PER_KW * (self.step / HOUR)


def _water(source: Source, start: datetime, end: datetime) -> Shown:
    """The water of the period, if every meter has readings near both of its ends."""
    slack = WATER_SLACK_RATIO * (end - start)
    rows = source.rows("ui_water", site=source.context.site.id, start=start, end=end, slack=slack)
    if not rows:
        return missing("L", Kind.MEASURED, f"not metered: no point {WATER} has sent anything")
    if rows[0]["dropped"]:
        return missing("L", Kind.MEASURED, "readings of the water meters are not kept so long")
    short = [
        row["ref"]
        for row in rows
        if row["water_m3"] is None or row["first"] - start > slack or end - row["last"] > slack
    ]
    if short:
        return missing("L", Kind.MEASURED, f"{', '.join(short)}: no readings near both ends of the period")
    return Shown(sum(row["water_m3"] for row in rows) * _L_PER_M3, "L", Kind.MEASURED)


def by_bucket(found: Energy, zone: ZoneInfo) -> list[tuple[datetime, kpi.Breakdown]]:
    """The period day by day of a zone's calendar, or hour by hour where it is short; starts and energies."""
    short = found.short
    starts: dict[tuple[date, int], list[int]] = {}
    for index, time in enumerate(found.times):
        at = time.astimezone(zone)
        # an hour that is there twice is told apart by its offset
        hour = int(time.timestamp() // HOUR.total_seconds()) if short else 0
        starts.setdefault((at.date(), hour), []).append(index)
    times, parts = found.times, found.known_parts_kwh
    return [
        (
            times[indices[0]],
            kpi.breakdown(
                found.facility_kwh[indices],
                found.it_kwh[indices],
                {name: kwh[indices] for name, kwh in parts.items()},
            ),
        )
        for indices in starts.values()
    ]
