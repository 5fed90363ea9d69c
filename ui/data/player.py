"""A replayed day step by step: its lanes as arrays, what happened in it, and what it can be known by."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ui import format as fmt
from ui.data import replay

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date
    from zoneinfo import ZoneInfo

    from core.actions import Setpoint
    from core.series import Floats
    from core.site import Site
    from twin.compare import Comparison
    from twin.plant.curves import Flags
    from twin.state import PlantState
    from ui.data.replay import Replayed
    from ui.data.source import Source

LANES: Final = ("measured", "twin", "alternative", "difference")
CONVERTED: Final = frozenset({"degC", "K", "m3"})
"""Units of rows that readers see in their own."""
RECENT_MAX: Final = 12
"""So many replays are remembered; the oldest goes first."""
PAST_WALL_S, LATE_WALL_S = 600.0, 20.0
"""How long [s of wall time]: a day long past, and one to which readings may still come."""
LATE: Final = timedelta(days=2)
EVENTS_MAX: Final = 500
MOVED_K: Final = 0.05
"""A setpoint that differs by more than this from one step to the next was moved [K]."""
MINUTE_S: Final = 60.0
HOUR_S: Final = 3600.0
L_PER_M3: Final = 1000.0
_TIME: Final = re.compile(r"(\d{2}):(\d{2})([+-]\d{2}:\d{2})?")
_SETPOINT_ROWS: Final = {
    "supply_air_temperature": "supply_air_setpoint_c",
    "chilled_water_supply_temperature": "chilled_water_setpoint_c",
    "condenser_water_supply_temperature": "condenser_water_setpoint_c",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One quantity of the day."""

    key: str
    """What programs call it."""
    name: str
    """What people call it."""
    unit: str
    """Canonical where it is one of `CONVERTED`, else as it is shown."""
    places: int
    """Decimals."""
    lanes: Mapping[str, Floats]
    """By some of `LANES`, (n,); NaN where nothing was measured, in sums where not all was."""
    error: Floats | None = None
    """(n,) or (1,): nineteen in twenty of the twin's errors on held-out data are smaller."""
    per: str = ""
    """What stands behind the unit."""

    @property
    def unit_shown(self) -> str:
        """The unit that the reader sees."""
        return (fmt.display_unit(self.unit) if self.unit in CONVERTED else self.unit) + self.per

    def shown(self, values: Floats, *, apart: bool = False) -> Floats:
        """Values, or differences of values, as the reader sees them."""
        given: Any = values
        unit = "K" if apart and self.unit == "degC" else self.unit
        return np.asarray(fmt.display_value(given, unit)) if unit in CONVERTED else values


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened on the day."""

    at: datetime
    kind: str
    """``setpoint``, ``alarm`` or ``recommendation``."""
    said: str = ""
    """An alarm's message, or the state that a recommendation came to."""
    priority: int | None = None
    recommendation_id: int | None = None
    moved: tuple[str, float, float] | None = None
    """A setpoint's name, from and to [degC]."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """Something that must hold, and for how long it did not [min]."""

    name: str
    limit: float | None
    """[degC] or [kW]; None where it is broken or not."""
    unit: str
    worst: Mapping[str, float]
    """By lane."""
    minutes: Mapping[str, float]
    """By lane, how long it was broken."""

    @property
    def newly_broken(self) -> bool:
        """Whether the alternative breaks it for longer than the day as operated."""
        return self.minutes.get("alternative", 0.0) > self.minutes["twin"]


@dataclass(frozen=True, slots=True)
class Played:
    """A day, to be looked at step by step."""

    day: date
    start: datetime
    step: timedelta
    count: int
    """Steps of the day."""
    rows: tuple[Row, ...]
    usable: Sequence[bool]
    """(n,) whether everything was measured."""
    events: tuple[Event, ...]
    constraints: tuple[Constraint, ...]
    limit_c: float
    """Recommended limit of the IT inlet."""
    calibration_id: int | None
    data_digest: str
    """Of everything that was measured on the day."""
    numbers_digest: str
    """Of everything that is shown of it."""

    def row(self, key: str) -> Row:
        """A row by its key."""
        return next(row for row in self.rows if row.key == key)

    @property
    def times(self) -> list[datetime]:
        """(n,) starts of the steps, UTC."""
        return [self.start + self.step * i for i in range(self.count)]


@dataclass(frozen=True, slots=True)
class Run:
    """A replay: the sums of the day, and its steps."""

    replayed: Replayed
    played: Played


def run(
    source: Source, day: date, setpoints_c: Mapping[Setpoint, float], load_shift_kw: Sequence[float] = ()
) -> Run:
    """Replay a day, or take it from memory: by day, calibration and scenario; errors as of `compared`."""
    rows = source.rows("ui_calibration_newest", site=source.context.site.id)
    number = rows[0]["calibration_id"] if rows else None
    key = f"{day} {number} {sorted(setpoints_c.items())} {tuple(load_shift_kw)}"
    recent: dict[str, tuple[datetime, Run]] = source.lasting("replays", dict)
    late = source.now - datetime(day.year, day.month, day.day, tzinfo=UTC) < LATE
    keep = timedelta(seconds=(LATE_WALL_S if late else PAST_WALL_S) * source.context.clock.speed_ratio)
    at, found = recent.get(key, (None, None))
    if at is not None and found is not None and timedelta() <= source.now - at < keep:
        return found
    compared = replay.compared(source, day, setpoints_c, load_shift_kw)
    made = Run(
        replay.replayed(day, compared), played(source, day, compared, number, setpoints_c, load_shift_kw)
    )
    recent.pop(key, None)
    recent[key] = (source.now, made)
    for old in list(recent)[:-RECENT_MAX]:
        recent.pop(old, None)
    return made


def played(
    source: Source,
    day: date,
    found: Comparison,
    calibration_id: int | None,
    setpoints_c: Mapping[Setpoint, float],
    load_shift_kw: Sequence[float],
) -> Played:
    """A comparison as steps."""
    from twin.calibrate import latest  # noqa: PLC0415  # the twin's libraries load when they are needed

    site = source.context.site
    with source.connection() as conn:
        calibration = latest(conn, site)
    errors = calibration.errors_in_use if calibration else {}
    p95 = {name: error.p95_abs for name, error in errors.items()}
    rows = _rows(site, found, p95, setpoints_c)
    return Played(
        day=day,
        start=found.start,
        step=found.step,
        count=len(found.history),
        rows=rows,
        usable=found.history.usable.tolist(),
        events=_events(source, found),
        constraints=_constraints(site, found),
        limit_c=site.limits.envelope.recommended_high_c,
        calibration_id=calibration_id,
        data_digest=_data_digest(found),
        numbers_digest=_digest(
            [repr((sorted(setpoints_c.items()), tuple(load_shift_kw))).encode()]
            + [values.astype(np.float32).tobytes() for row in rows for values in row.lanes.values()]
        ),
    )


def _rows(
    site: Site, found: Comparison, p95: Mapping[str, float], setpoints_c: Mapping[Setpoint, float]
) -> tuple[Row, ...]:
    history, hours = found.history, found.step.total_seconds() / HOUR_S
    states = _states(found)
    powers = {
        key: {"measured": measured, **{lane: getattr(state, key) for lane, state in states.items()}}
        for key, measured in (
            ("facility_kw", history.facility_kw),
            ("it_kw", history.it_kw),
            ("cooling_kw", _cooling_kw(site, found)),
        )
    }
    facility, it = powers["facility_kw"], powers["it_kw"]
    ratio = {lane: np.where(it[lane] > 0, facility[lane] / it[lane], np.nan) for lane in facility}
    inlets = {"measured": history.inlet_c, **{lane: s.inlet_c for lane, s in states.items()}}
    power_error = _constant(p95.get("facility_kw"))
    rows = [
        Row("facility_kw", "Facility", "kW", 1, facility, power_error),
        Row("it_kw", "IT", "kW", 1, it),
        Row("cooling_kw", "Cooling", "kW", 1, powers["cooling_kw"]),
        Row(
            "power_ratio",
            "Facility / IT",
            "",
            3,
            ratio,
            None if power_error is None else power_error / it["twin"],
        ),
        Row("inlet_c", "Warmest inlet", "degC", 1, inlets, _constant(p95.get("inlet_c"))),
    ]
    for name in site.setpoints:
        values = getattr(history, _SETPOINT_ROWS[name.value])
        lanes = {"measured": values}
        if found.alternative is not None:
            lanes["alternative"] = np.where(np.isfinite(values), setpoints_c.get(name, values), np.nan)
        rows.append(
            Row(f"{name.value}_c", fmt.sentence(f"{fmt.words(name.value)} setpoint"), "degC", 1, lanes)
        )
    rows += [
        Row("dry_bulb_c", "Dry bulb outside", "degC", 1, {"measured": history.dry_bulb_c}),
        Row("wet_bulb_c", "Wet bulb outside", "degC", 1, {"measured": history.wet_bulb_c}),
        Row(
            "water_m3_per_h",
            "Water",
            "m3",
            2,
            {lane: s.water_l_per_h / L_PER_M3 for lane, s in states.items()},
            per="/h",
        ),
        Row(
            "energy_kwh", "Energy so far", "kWh", 0,
            {lane: _so_far(values * hours, history.usable) for lane, values in facility.items()},
        ),
        *_cost_rows(site, found, facility, hours),
        Row(
            "above_limit_k_min",
            "Above the inlet's limit so far",
            "K",
            1,
            {
                lane: _so_far(
                    np.maximum(v - site.limits.envelope.recommended_high_c, 0.0)
                    * found.step.total_seconds()
                    / MINUTE_S,
                    history.usable,
                )
                for lane, v in inlets.items()
            },
            per="·min",
        ),
    ]  # fmt: skip
    return tuple(_with_difference(row) for row in rows)


def _states(found: Comparison) -> dict[str, PlantState]:
    lanes = {"twin": found.as_operated}
    return lanes if found.alternative is None else {**lanes, "alternative": found.alternative}


def _cost_rows(site: Site, found: Comparison, facility: Mapping[str, Floats], hours: float) -> list[Row]:
    """Energy and water at the tariff of `site.toml`; none where it names no price."""
    tariff = site.tariff
    if not (tariff.energy_per_kwh or tariff.periods):
        return []
    prices = tariff.energy_prices(found.start, found.step, len(found.history), site.zone)
    usable = found.history.usable
    lanes = {lane: _so_far(values * hours * prices, usable) for lane, values in facility.items()}
    return [Row("cost", "Cost of energy so far", tariff.currency, 2, lanes)]


def _with_difference(row: Row) -> Row:
    """The same with alternative less twin as operated, or less what was set."""
    if "alternative" not in row.lanes:
        return row
    before = row.lanes["twin" if "twin" in row.lanes else "measured"]
    lanes = {**row.lanes, "difference": row.lanes["alternative"] - before}
    return Row(row.key, row.name, row.unit, row.places, lanes, row.error, row.per)


def _so_far(amounts: Floats, usable: Flags) -> Floats:
    """(n,) sum up to and with each step; of the steps in which all was measured, the only ones that have one.

    So the sums of every lane are of the same steps: the twin's are of these.
    """
    counted = np.where(usable, amounts, np.nan)
    return np.where(np.isfinite(counted), np.cumsum(np.nan_to_num(counted)), np.nan)


def _cooling_kw(site: Site, found: Comparison) -> Floats:
    """What the meters of cooling add up to; NaN where one says nothing."""
    metered = [
        getattr(found.history, f"{name}_kw")
        for name in ("chiller", "crah_fan", "pump", "tower_fan", "evaporative")
        if getattr(site.meters, name)
    ]
    return np.sum(metered, axis=0) if metered else np.full(len(found.history), np.nan)


def _constant(value: float | None) -> Floats | None:
    return None if value is None or not np.isfinite(value) else np.array([value])


def _events(source: Source, found: Comparison) -> tuple[Event, ...]:
    """Setpoints that were moved, alarms that came, what became of recommendations; oldest first."""
    rows = source.rows(
        "ui_replay_events",
        site=source.context.site.id,
        start=found.start,
        end=found.history.end,
        count=EVENTS_MAX,
    )
    events = [
        Event(r["at"], r["kind"], r["said"], r["priority"], r["recommendation_id"]) for r in rows
    ] + _moves(source.context.site, found)
    return tuple(sorted(events, key=lambda event: event.at)[:EVENTS_MAX])


def _moves(site: Site, found: Comparison) -> list[Event]:
    """Where a setpoint differs from the step before; neighbouring differences are one move."""
    events, times = [], found.times
    for name in site.setpoints:
        values = getattr(found.history, _SETPOINT_ROWS[name.value])
        known = np.flatnonzero(np.isfinite(values))
        moved = np.flatnonzero(np.abs(np.diff(values[known])) > MOVED_K)
        for group in np.split(moved, np.flatnonzero(np.diff(moved) > 1) + 1):
            if len(group):
                first, last = known[group[0]], known[group[-1] + 1]
                change = (name.value, float(values[first]), float(values[last]))
                events.append(Event(times[known[group[0] + 1]], "setpoint", moved=change))
    return events


def _constraints(site: Site, found: Comparison) -> tuple[Constraint, ...]:
    from twin.advise.safety import UNMET_MAX_KW  # noqa: PLC0415  # as above

    envelope, states = site.limits.envelope, _states(found)
    inlets = {"measured": found.history.inlet_c, **{lane: s.inlet_c for lane, s in states.items()}}
    unmet = {lane: s.unmet_kw for lane, s in states.items()}
    step_min, usable = found.step.total_seconds() / MINUTE_S, found.history.usable

    def over(name: str, limit: float, unit: str, of: Mapping[str, Floats]) -> Constraint:
        values = {lane: np.where(usable, v, np.nan) for lane, v in of.items()}
        worst = {lane: float(np.nanmax(v)) if np.isfinite(v).any() else np.nan for lane, v in values.items()}
        broken = {lane: float((v > limit).sum() * step_min) for lane, v in values.items()}
        return Constraint(name, limit, unit, worst, broken)

    def flagged(name: str, flag: str) -> Constraint:
        broken = {lane: float(getattr(s, flag).sum() * step_min) for lane, s in states.items()}
        return Constraint(name, None, "", {}, broken)

    return (
        over("Warmest inlet, recommended", envelope.recommended_high_c, "degC", inlets),
        over("Warmest inlet, allowable", envelope.allowable_high_c, "degC", inlets),
        over("Heat that is not taken away", UNMET_MAX_KW, "kW", unmet),
        flagged("Supply air reaches its setpoint", "supply_air_short"),
        flagged("Equipment within its curves", "extrapolated"),
    )


def _digest(parts: Sequence[bytes]) -> str:
    whole = hashlib.sha256()
    for part in parts:
        whole.update(part)
    return whole.hexdigest()[:12]


def _data_digest(found: Comparison) -> str:
    history = found.history
    arrays = (getattr(history, field.name) for field in fields(history) if field.name not in _NOT_DATA)
    return _digest([f"{history.start} {history.step}".encode(), *(values.tobytes() for values in arrays)])


_NOT_DATA: Final = frozenset({"start", "step", "points"})


@cache
def code_version() -> str:
    """Version of the package, and a digest of the twin's own code."""
    import core  # noqa: PLC0415  # for where it lies
    import twin  # noqa: PLC0415  # as above

    folders = [Path(str(room.__file__)).parent for room in (core, twin)]
    files = sorted(path for folder in folders for path in folder.rglob("*.py"))
    try:
        number = version("joulecast")
    except PackageNotFoundError:
        number = "not installed"
    return f"{number} ({_digest([path.read_bytes() for path in files])[:8]})"


def offsets(of: Played, zone: ZoneInfo) -> list[list[Any]]:
    """From which step on which offset holds: [step, minutes ahead of UTC, its name]."""
    found: list[list[Any]] = []
    for i, time in enumerate(of.times):
        local = time.astimezone(zone)
        minutes = int((local.utcoffset() or timedelta()).total_seconds() // MINUTE_S)
        if not found or found[-1][1] != minutes:
            found.append([i, minutes, local.strftime("%Z")])
    return found


def index_of(of: Played, text: str, zone: ZoneInfo) -> int | None:
    """The step of a time of the site's day, e.g. ``14:20``; None where the day has no such time.

    Of an hour that comes twice the first counts, unless the time has its offset: ``02:30+01:00``.
    """
    match = _TIME.fullmatch(text)
    try:
        naive = datetime.fromisoformat(f"{of.day}T{text}") if match else None
    except ValueError:
        return None
    if naive is None:
        return None
    time = naive if naive.tzinfo else naive.replace(tzinfo=zone)
    if time.astimezone(UTC).astimezone(time.tzinfo) != time:
        return None  # the clocks skip it
    index = (time.astimezone(UTC) - of.start) // of.step
    return index if 0 <= index < of.count else None


def event_text(event: Event) -> str:
    """What happened, in the reader's units."""
    if event.moved:
        name, before, after = event.moved
        return f"{fmt.sentence(fmt.words(name))} {fmt.degrees(before)} → {fmt.temperature(after)}"
    if event.kind == "alarm":
        return f"Alarm P{event.priority}: {fmt.said(event.said)}"
    return f"Recommendation {event.recommendation_id}: {fmt.words(event.said)}"


def packed(values: Floats) -> str:
    """Numbers as the browser unpacks them: 32-bit floats, the least byte first, in base 64."""
    return base64.b64encode(np.asarray(values, dtype="<f4").tobytes()).decode()


def payload(of: Played, zone: ZoneInfo, site: Site) -> dict[str, Any]:
    """The whole day for the browser, in the reader's zone and units."""
    cells = [
        [
            f"replay-{row.key}-{lane}",
            row.places,
            lane == "difference",
            packed(row.shown(values, apart=lane == "difference")),
        ]
        for row in of.rows
        for lane, values in row.lanes.items()
    ]
    return {
        "day": of.day.isoformat(),
        "start": round(of.start.timestamp() * 1000),
        "step": of.step.total_seconds(),
        "count": of.count,
        "offsets": offsets(of, zone),
        "site": offsets(of, site.zone),
        "cells": cells,
        "events": [(event.at - of.start) // of.step for event in of.events],
        "known": _runs(of.usable),
        "numbers": of.numbers_digest,
    }


def _runs(flags: Sequence[bool]) -> list[list[int]]:
    """[first, one past the last] of each run of what was measured."""
    padded = np.concatenate([[False], np.asarray(flags, dtype=bool), [False]]).astype(int)
    edges = np.diff(padded)
    return [
        [int(a), int(b)] for a, b in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True)
    ]


def badge(of: Played) -> str:
    """What the run rests on: with the same four, the numbers are the same."""
    return (
        f"data {of.data_digest} · calibration {of.calibration_id} · joulecast {code_version()} · "
        f"numbers {of.numbers_digest}"
    )
