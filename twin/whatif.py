"""What if, at this moment: the plant as it is now, and with other setpoints, load or weather; steady states.

The calibrated physics answers, as it does for advice: what is kept over time (stored heat, machines that
wait) and what was learned on top of the physics are left out. Nothing here writes anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from core.actions import Setpoint
from core.errors import NotReadyError
from core.series import floor_time
from twin import calibrate
from twin.advise import limits, observe
from twin.advise.assess import FORM_ERROR_RATIO, Z_P90
from twin.advise.brief import Fitted
from twin.advise.outlook import HOUR, Outlook
from twin.advise.search import EXPECTED, WORST, Situation, run
from twin.network import reference_load_kw
from twin.replay import CARBON_AGE_MAX, carbon_g_per_kwh
from twin.scenario import shift_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from core import db
    from core.clock import Clock
    from core.series import Floats
    from core.site import Site
    from twin.advise.observe import Observation
    from twin.history import History
    from twin.network import Parameters, PlantState

DAY_H: Final = 24
HOURS_MIN: Final = 20
"""With fewer measured hours of the last day nothing is said of a day."""
G_PER_KG: Final = 1000.0
L_PER_M3: Final = 1000.0
QUANTITIES: Final = (
    "facility_kw", "it_kw", "power_ratio", "cooling_kw",
    "water_l_per_h", "cost_per_h", "carbon_kg_per_h", "inlet_c",
)  # fmt: skip
NEAR_RATIO: Final = 0.02
"""Load and weather so little outside of what was seen, over its width, count as seen [1]."""
SUMS: Final = ("facility_kwh", "it_kwh", "cost", "carbon_kg", "water_l", "inlet_max_c")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be different; what is None or not named stays as it is now."""

    setpoints_c: Mapping[Setpoint, float] = field(default_factory=dict)
    beside_c: Mapping[str, float] = field(default_factory=dict)
    """Setpoints beside those that advice knows [degC], by the name that `Parameters` has for them."""
    it_kw: float | None = None
    """IT power, as it would be measured now [kW]."""
    dry_bulb_c: float | None = None
    wet_bulb_c: float | None = None
    economizing: bool | None = None
    """Whether the waterside economizer is in use; None: as the weather has it."""
    load_shift_kw: Sequence[float] = ()
    """IT power added at each hour of the site's day [kW], 24 values or none."""


@dataclass(frozen=True, slots=True)
class Present:
    """The plant as it is now, and its last day."""

    site: Site
    fitted: Fitted
    now: Observation
    supply_c: float
    """Supply air that the load was measured at [degC]."""
    inlet_offset_k: float
    """Warmest measured inlet over the twin's [K]; never negative."""
    day: History | None
    """The last 24 hours by the hour, gaps bridged; None where too little of them was measured."""
    price_per_kwh: float | None
    """Of energy now [currency/kWh]; None where `site.toml` names none."""
    carbon_g_per_kwh: float | None
    """The grid's now, else the tariff's; None where neither says."""

    @property
    def parameters(self) -> Parameters:
        """The fitted twin."""
        return self.fitted.parameters


class Value(NamedTuple):
    """One quantity as it is now and as it would be."""

    now: float
    then: float
    low: float
    """p10 of the difference."""
    high: float
    """p90 of the difference."""


class Check(NamedTuple):
    """A limit: how far from it the plant stays, below zero it is broken."""

    name: str
    value: float
    """What is limited, as it would be."""
    limit: float
    slack: float
    slack_now: float
    unit: str
    """``degC``, ``kW``, ``1``; empty for a limit that holds or does not."""


class Step(NamedTuple):
    """What one more step of a setpoint would do to the facility's power."""

    setpoint: Setpoint
    to_c: float
    facility_kw: float
    """Less that of the scenario [kW]."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Now, and otherwise."""

    values: Mapping[str, Value]
    """By `QUANTITIES`; NaN where it is not known."""
    facility_p95_kw: float
    """Nineteen in twenty of the twin's errors on held-out data are smaller [kW]."""
    inlet_p95_k: float
    """The same of the warmest inlet [K]."""
    checks: tuple[Check, ...]
    binding: str
    """The check that is broken most, or nearest to its limit."""
    steps: tuple[Step, ...]
    """A step down and a step up of each setpoint, from the scenario."""
    outside: tuple[tuple[str, float, float, float], ...]
    """What the calibration has not seen: name of the condition or setpoint, value, and its range."""
    day: Mapping[str, Value] | None
    """By `SUMS`: a day like the last one; None where too little of it was measured."""
    measured: Mapping[str, float]
    """What is measured now of the same quantities, to compare the twin with."""


def gather(conn: db.Connection, site: Site, clock: Clock, fitted: Fitted | None = None) -> Present:
    """Read the plant as it is now.

    Args:
        conn: connection.
        site: the site.
        clock: what time it is.
        fitted: the twin, where it is at hand; its calibration is the newest one.

    Raises:
        NotReadyError: the twin is not calibrated, or a reading that it needs is missing.
    """
    calibration = calibrate.in_use(conn, site) if fitted is None else fitted.calibration
    now = observe.observe(conn, site, clock)
    if now.quality.missing:
        raise NotReadyError(f"no reading yet of {', '.join(now.quality.missing)}")
    twin = Fitted.of(site, calibration, now.held_beside) if fitted is None else fitted
    unknown = [setpoint.value for setpoint in twin.parameters.setpoints_needed if setpoint not in now.held]
    if unknown:
        raise NotReadyError(f"neither setpoint nor sensor tells the {', '.join(unknown)}")
    supply_c = now.held[Setpoint.SUPPLY_AIR_TEMPERATURE] if now.supply_air_c is None else now.supply_air_c
    load_kw = reference_load_kw(twin.parameters, now.it_kw, supply_c)
    state = run(
        twin.parameters,
        _still(float(load_kw), now.dry_bulb_c, now.wet_bulb_c, now.at),
        _row(now.held),
        EXPECTED,
    )
    offset_k = now.worst_inlet_c - float(state.inlet_c.max())
    tariff = site.tariff
    priced = tariff.energy_per_kwh or tariff.periods
    return Present(
        site=site,
        fitted=twin,
        now=now,
        supply_c=supply_c,
        inlet_offset_k=max(offset_k, 0.0) if np.isfinite(offset_k) else 0.0,
        day=_day(conn, site, now.at),
        price_per_kwh=tariff.energy_price(now.at.astimezone(site.zone)) if priced else None,
        carbon_g_per_kwh=_carbon(conn, site, now.at),
    )


def _day(conn: db.Connection, site: Site, at: datetime) -> History | None:
    end = floor_time(at, HOUR)
    history = calibrate.load_history(conn, site, end - timedelta(hours=DAY_H), end, HOUR)
    return history.bridged(history.usable) if int(history.usable.sum()) >= HOURS_MIN else None


def _carbon(conn: db.Connection, site: Site, at: datetime) -> float | None:
    found = carbon_g_per_kwh(conn, site, at - CARBON_AGE_MAX, at, CARBON_AGE_MAX)
    known: Sequence[float] = found[np.isfinite(found)].tolist() if found is not None else []
    return float(known[-1]) if len(known) else site.tariff.carbon_g_per_kwh


def answer(present: Present, asked: Asked) -> Answer:
    """The plant now and as asked, steps from there, limits, and a day of it; one solve for all the steps."""
    held = present.now.held
    then = {**held, **asked.setpoints_c}
    moves = _moves(present.site, then)
    grid = {
        name: np.array([value, *(step.get(name, value) for step in moves)]) for name, value in then.items()
    }
    before = _state(present, _now(present, Asked()), _row(held), Asked())
    after = _state(present, _now(present, asked), grid, asked)
    amounts = [
        _amounts(present, one)
        for one in (
            before.part((slice(None), 0)),
            after.part((slice(0, 1), 0)),
            *_drawn(present, asked, then),
        )
    ]
    values = {name: _value(*(each[name].ravel() for each in amounts)) for name in QUANTITIES}
    checks = _checks(present, asked, before, after)
    facility = after.facility_kw[:, 0, 0]
    return Answer(
        values=values,
        facility_p95_kw=present.fitted.calibration.facility_p95_kw,
        inlet_p95_k=present.fitted.calibration.inlet_p95_k,
        checks=checks,
        binding=min(checks, key=_nearness).name,
        steps=tuple(
            Step(*next(iter(move.items())), float(kw - facility[0]))
            for move, kw in zip(moves, facility[1:], strict=True)
        ),
        outside=_outside(present, asked, then),
        day=_of_day(present, asked, then),
        measured={
            "facility_kw": present.now.facility_kw,
            "it_kw": present.now.it_kw,
            "power_ratio": present.now.facility_kw / present.now.it_kw if present.now.it_kw else np.nan,
            "inlet_c": present.now.worst_inlet_c,
        },
    )


SCALES: Final = {"degC": 5.0, "kW": 10.0, "1": 0.5, "": 1.0}
"""How far from a limit counts as far, by unit."""


def _nearness(check: Check) -> float:
    """Small where a limit is near or broken; limits that only hold or do not count when they do not."""
    if not check.unit or check.unit == "kW":
        return float("inf") if check.slack >= 0 else check.slack / SCALES[check.unit]
    return check.slack / SCALES[check.unit]


def _moves(site: Site, then: Mapping[Setpoint, float]) -> list[dict[Setpoint, float]]:
    """A step down and one up of each setpoint of the site, within what the site allows."""
    moves = []
    for name, bounds in site.setpoints.items():
        for sign in (-1.0, 1.0):
            to_c = min(max(then[name] + sign * bounds.step_max_k, bounds.low_c), bounds.high_c)
            moves.append({name: to_c})
    return moves


def _still(load_kw: float, dry_c: float, wet_c: float, at: datetime) -> Outlook:
    """One step of what is known exactly."""
    one = np.ones((3, 1))
    return Outlook(load_kw * one, np.array([dry_c]), wet_c * one, 1.0, at)


def _now(present: Present, asked: Asked) -> Outlook:
    """Load and weather now, or as asked; load that is moved away at this hour is away."""
    now = present.now
    it_kw = now.it_kw if asked.it_kw is None else asked.it_kw
    if len(asked.load_shift_kw):
        it_kw = max(it_kw + float(shift_of(asked.load_shift_kw, [now.at], present.site.zone)[0]), 0.0)
    dry = now.dry_bulb_c if asked.dry_bulb_c is None else asked.dry_bulb_c
    wet = now.wet_bulb_c if asked.wet_bulb_c is None else asked.wet_bulb_c
    load_kw = float(reference_load_kw(present.parameters, it_kw, present.supply_c))
    return _still(load_kw, dry, min(wet, dry), now.at)


def _row(setpoints: Mapping[Setpoint, float]) -> dict[Setpoint, Floats]:
    return {name: np.array([value]) for name, value in setpoints.items()}


def _with(parameters: Parameters, asked: Asked) -> Parameters:
    changed: dict[str, Any] = dict(asked.beside_c)
    return replace(parameters, **changed)


def _economizing(asked: Asked) -> Floats | None:
    return None if asked.economizing is None else np.array([float(asked.economizing)])


def _state(present: Present, outlook: Outlook, grid: Mapping[Setpoint, Floats], asked: Asked) -> PlantState:
    """(k, 2, n) whole, and with a chiller and a CRAH lost."""
    return run(
        _with(present.parameters, asked),
        outlook,
        grid,
        EXPECTED + WORST,
        lost=present.site,
        economizing=_repeated(asked, grid),
    )


def _repeated(asked: Asked, grid: Mapping[Setpoint, Floats]) -> Floats | None:
    one = _economizing(asked)
    return None if one is None else np.repeat(one, len(next(iter(grid.values()))))


def _drawn(present: Present, asked: Asked, then: Mapping[Setpoint, float]) -> tuple[PlantState, PlantState]:
    """(m, 1) plants that the calibration allows as well: now, and as asked."""
    found = []
    for outlook, setpoints, question in (
        (_now(present, Asked()), present.now.held, Asked()),
        (_now(present, asked), then, asked),
    ):
        states = _of_plants(present, outlook, setpoints, question)
        found.append(states)
    return found[0], found[1]


def _of_plants(
    present: Present, outlook: Outlook, setpoints: Mapping[Setpoint, float], asked: Asked
) -> PlantState:
    """(m, n) every drawn plant at the expected load and weather."""
    drawn, economizing = present.fitted.drawn, _economizing(asked)
    if drawn.stack is not None:
        stack = _with(drawn.stack, asked)
        state = run(
            stack, outlook, _row(setpoints), EXPECTED, plants=len(drawn.plants), economizing=economizing
        )
        return state.part((slice(None), 0, 0))
    states = [
        run(_with(plant, asked), outlook, _row(setpoints), EXPECTED, economizing=economizing).part((0, 0))
        for plant in drawn.plants
    ]
    return type(states[0])(
        **{name: np.stack([getattr(s, name) for s in states]) for name in states[0].__dataclass_fields__}
    )


def _amounts(present: Present, state: PlantState) -> dict[str, Floats]:
    """By `QUANTITIES` of a state."""
    facility, water = state.facility_kw, state.water_l_per_h
    price, carbon = present.price_per_kwh, present.carbon_g_per_kwh
    water_price = present.site.tariff.water_per_m3 / L_PER_M3
    return {
        "facility_kw": facility,
        "it_kw": state.it_kw,
        "power_ratio": state.power_ratio,
        "cooling_kw": state.cooling_kw,
        "water_l_per_h": water,
        "cost_per_h": facility * (np.nan if price is None else price) + water * water_price,
        "carbon_kg_per_h": facility * (np.nan if carbon is None else carbon) / G_PER_KG,
        "inlet_c": state.inlet_c + present.inlet_offset_k,
    }


def _value(now: Floats, then: Floats, drawn_now: Floats, drawn_then: Floats) -> Value:
    """Both, and the difference's interval: over drawn plants, with the error of the twin's form."""
    before, after = float(now[0]), float(then[0])
    change = after - before
    form = Z_P90 * FORM_ERROR_RATIO * abs(change)
    low, high = np.quantile(drawn_then - drawn_now, [0.1, 0.9]) - change
    return Value(
        before,
        after,
        change - float(np.hypot(form, min(low, 0.0))),
        change + float(np.hypot(form, max(high, 0.0))),
    )


def _checks(present: Present, asked: Asked, before: PlantState, after: PlantState) -> tuple[Check, ...]:
    """The limits that advice keeps, as they would be met."""
    site, parameters = present.site, _with(present.parameters, asked)
    envelope = site.limits.envelope
    margin_k = float(np.fmax(site.limits.margin_k, present.fitted.calibration.inlet_p95_k))

    def seen(state: PlantState) -> limits.Seen:
        whole, lost = (state.part((slice(0, 1), i)) for i in range(2))
        return limits.Seen(whole, whole, lost)

    outlooks = _now(present, Asked()), _now(present, asked)
    figures = [
        limits.figures(parameters, outlook, seen(state))
        for outlook, state in zip(outlooks, (before, after), strict=True)
    ]
    situation = Situation(present.now.held, outlooks[1], present.inlet_offset_k, margin_k)
    now, then = (limits.slacks(parameters, site, situation, found, figures[0]) for found in figures)
    found, above_k = figures[1], present.inlet_offset_k
    told = {
        "inlet": (found.inlet_c + above_k, envelope.recommended_high_c - margin_k, "degC"),
        "inlet_n1": (found.n1_inlet_c + above_k, envelope.allowable_high_c - margin_k, "degC"),
        "dew_point": (
            found.dew_point_c,
            max(envelope.dew_point_high_c, float(figures[0].dew_point_c[0])),
            "degC",
        ),
        "part_load": (
            found.part_load_ratio,
            min(limits.cycles_below(parameters), float(figures[0].part_load_ratio[0])),
            "1",
        ),
        "heat": (found.unmet_kw, 0.0, "kW"),
        "heat_n1": (found.n1_unmet_kw, float(figures[0].n1_unmet_kw[0]), "kW"),
        "curves": (found.extrapolated.astype(np.float64), 0.0, ""),
    }
    return tuple(
        Check(name, float(value[0]), float(limit), float(then[name][0]), float(now[name][0]), unit)
        for name, (value, limit, unit) in told.items()
    )


def _outside(
    present: Present, asked: Asked, then: Mapping[Setpoint, float]
) -> tuple[tuple[str, float, float, float], ...]:
    outlook, envelope = _now(present, asked), present.fitted.calibration.envelope
    values = {
        "it_reference_kw": float(outlook.it_reference_kw[0, 0]),
        "dry_bulb_c": float(outlook.dry_bulb_c[0]),
        "wet_bulb_c": float(outlook.wet_bulb_c[0, 0]),
        **{f"{name.value}_c": value for name, value in then.items()},
    }
    found = []
    for name, value in values.items():
        if name in envelope:
            low, high = envelope[name]
            near = _ROUNDING if name.endswith("temperature_c") else NEAR_RATIO * (high - low)
            if not low - near <= value <= high + near:
                found.append((name, value, low, high))
    return tuple(found)


_ROUNDING: Final = 1e-6


def _of_day(present: Present, asked: Asked, then: Mapping[Setpoint, float]) -> Mapping[str, Value] | None:
    """A day like the last one with the setpoints of now, and with what is asked, hour by hour."""
    history, now = present.day, present.now
    if history is None:
        return None
    site = present.site
    shift_kw = shift_of(asked.load_shift_kw, history.times, site.zone)
    more_kw = 0.0 if asked.it_kw is None else asked.it_kw - now.it_kw
    warmer = {
        "dry_bulb_c": 0.0 if asked.dry_bulb_c is None else asked.dry_bulb_c - now.dry_bulb_c,
        "wet_bulb_c": 0.0 if asked.wet_bulb_c is None else asked.wet_bulb_c - now.wet_bulb_c,
    }

    def hours(it_kw: Floats, more_k: Mapping[str, float]) -> Outlook:
        load = reference_load_kw(present.parameters, it_kw, history.supply_air_c)
        wet = history.wet_bulb_c + more_k["wet_bulb_c"]
        dry = np.maximum(history.dry_bulb_c + more_k["dry_bulb_c"], wet)
        return Outlook(np.stack([load] * 3), dry, np.stack([wet] * 3), 1.0, history.start)

    before = hours(history.it_kw, dict.fromkeys(warmer, 0.0))
    after = hours(np.maximum(history.it_kw + more_kw + shift_kw, 0.0), warmer)
    sums = []
    for outlook, setpoints, question in ((before, now.held, Asked()), (after, then, asked)):
        fitted = run(
            _with(present.parameters, question),
            outlook,
            _row(setpoints),
            EXPECTED,
            economizing=_economizing(question),
        )
        sums += [_sums(present, history, fitted.part((slice(None), 0)))]
        sums += [_sums(present, history, _of_plants(present, outlook, setpoints, question))]
    return {name: _value(sums[0][name], sums[2][name], sums[1][name], sums[3][name]) for name in SUMS}


def _sums(present: Present, history: History, state: PlantState) -> dict[str, Floats]:
    """(m,) by `SUMS`, from (m, hours)."""
    tariff = present.site.tariff
    facility, water = state.facility_kw, state.water_l_per_h.sum(axis=-1)
    prices = tariff.energy_prices(history.start, HOUR, len(history), present.site.zone)
    energy = (
        (facility * prices).sum(axis=-1)
        if present.price_per_kwh is not None
        else np.full(len(facility), np.nan)
    )
    carbon = np.nan if present.carbon_g_per_kwh is None else present.carbon_g_per_kwh
    return {
        "facility_kwh": facility.sum(axis=-1),
        "it_kwh": state.it_kw.sum(axis=-1),
        "cost": energy + water / L_PER_M3 * tariff.water_per_m3,
        "carbon_kg": facility.sum(axis=-1) * carbon / G_PER_KG,
        "water_l": water,
        "inlet_max_c": state.inlet_c.max(axis=-1) + present.inlet_offset_k,
    }
