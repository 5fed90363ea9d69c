"""What many changes over a whole period saved, against what the plant's own control would have held.

The twin says what each setpoint saved in each step: its power under the plant's own value less that under the
one in force, for the load and weather that came (IPMVP option D). How much of that was realised is read off
the meters. Where the twin is right, what it misses does not depend on what it says was saved; where it
promises too much, the meters read the higher above it the more it says was saved. So the realised shares,
one a setpoint, come from a regression of what the twin misses on load, weather and the twin's effects, with
priors around 1 as wide as the calibration's draws and the error of form allow. What operators moved before
tells as much as what advice moved. Days in which the meters say little leave the twin's saving with the
priors' width; many correct it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from core.units import SECONDS_PER_HOUR
from twin.advise.assess import FORM_ERROR_RATIO, PARTS, Z_P90
from twin.network import solve

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from core.actions import Setpoint
    from core.series import Floats
    from twin.history import History
    from twin.network import Parameters
    from twin.plant.curves import Flags
    from twin.simulate import Twin
    from twin.state import PlantState, Setpoints

SHARE_SD_MAX: Final = 1.0
"""A share less certain than this before measuring is no more certain than a guess [1]."""
VARIES_RATIO: Final = 0.04
"""How much the realised share differs from one week to another, whatever is measured [1]; an assumption."""
BIAS_RATIO: Final = 0.02
"""What the twin is thought to miss per standard deviation of load or weather, over facility power [1]."""
MEMORY_H: Final = 72
"""What the twin misses may be alike for so long [h]."""
STEADY_KW: Final = 1e-6
"""A saving smaller than this is none [kW]."""
ROUNDS: Final = 3
COOLING_METERS: Final = ("chiller_kw", "crah_fan_kw", "evaporative_kw", "pump_kw", "tower_fan_kw")
"""Those of a site that together measure what cooling draws."""


@dataclass(frozen=True, slots=True)
class Realised:
    """A period's saving and what it was found from."""

    start: datetime
    """Beginning of the period."""
    end: datetime
    """Its end."""
    measured_kwh: float
    """What the facility drew at the steps that were measured [kWh]."""
    twin_kwh: float
    """What the twin alone says was saved [kWh]."""
    p50_kwh: float
    """The saving [kWh]."""
    spread_kwh: float
    """Half of the range from p10 to p90 [kWh]."""
    saved_kw: Floats
    """(n,) the saving by step [kW]; 0 where not everything was measured."""
    water_l: float
    """Water saved, by the twin: there is no meter of it [L]; negative where the towers took more."""
    complete_ratio: float
    """Share of the period that was measured; what was not saves nothing here [1]."""

    @property
    def share(self) -> float:
        """How much of what the twin alone says was realised [1]; 1 where that is nothing."""
        return self.p50_kwh / self.twin_kwh if abs(self.twin_kwh) > STEADY_KW else 1.0

    @property
    def p10_kwh(self) -> float:
        """Nine in ten are above [kWh]."""
        return self.p50_kwh - self.spread_kwh

    @property
    def p90_kwh(self) -> float:
        """One in ten is above [kWh]."""
        return self.p50_kwh + self.spread_kwh

    @property
    def counterfactual_kwh(self) -> float:
        """What the facility would have drawn without advice [kWh]."""
        return self.measured_kwh + self.p50_kwh


def period(
    history: History,
    twin: Twin,
    own: Mapping[Setpoint, Floats],
    drawn: Sequence[Parameters] = (),
    since: datetime | None = None,
) -> Realised | None:
    """The cumulative saving of everything that was changed over a period.

    Args:
        history: what was measured; days before the first change, and what came after it.
        twin: the calibrated twin.
        own: by setpoint, (n,) what the plant's own control would have held [degC]; NaN, or no such setpoint:
            what was in force.
        drawn: plants that the calibration's data allow as well.
        since: start of the period to account for; what was measured before it only helps to know the twin's
            error. The whole history where not given.

    Returns:
        The saving, or None where nothing was measured in the period.
    """
    known = history.usable
    first = 0 if since is None else max(int(np.ceil((since - history.start) / history.step)), 0)
    inside = known & (np.arange(len(history)) >= first)
    if not inside.any():
        return None
    filled, step_s = history.bridged(known), history.step.total_seconds()
    hours = step_s / SECONDS_PER_HOUR
    ways = _ways(filled, {s: v for s, v in own.items() if np.isfinite(v[known]).any()})
    conditions = filled.conditions(twin.parameters)
    operated = twin.run(conditions, filled.setpoints, step_s)
    states = [twin.run(conditions, way, step_s, outside_kw=operated.learned_kw) for way in ways[:-1]]
    effects = _effects([*states, operated], _metered(history, operated, known))
    counts = np.array([inside & np.isfinite(own[s]) for s in own if np.isfinite(own[s][known]).any()])
    seen = _Seen(filled, known, effects, counts.reshape(len(effects.metered), len(history)))
    shares = _shares(seen, _missed(history, operated, effects.names, known), _prior_sds(seen, ways, drawn))
    saved_kw = ((shares.mean[:, None] * effects.metered + effects.rest) * seen.counts).sum(axis=0)
    water = ((effects.water * seen.counts).sum(axis=0) * hours).sum()
    return Realised(
        start=history.start + first * history.step,
        end=history.end,
        measured_kwh=float(history.facility_kw[inside].sum() * hours),
        twin_kwh=float((effects.facility * seen.counts).sum() * hours),
        p50_kwh=float(saved_kw.sum() * hours),
        spread_kwh=Z_P90 * shares.saving_sd_kw(seen) * hours,
        saved_kw=saved_kw[first:],
        water_l=float(water),
        complete_ratio=float(known[first:].mean()),
    )


def _ways(filled: History, own: Mapping[Setpoint, Floats]) -> list[Setpoints]:
    """From the plant's own setpoints to those in force, one after the other: each step is one's effect.

    Where nothing else would have been held, the own value of later or earlier stands for it: how a plant
    answers to its operators' moves tells as much of the twin as how it answers to advice.
    """
    advised, ways = filled.setpoints, []
    now = advised.replace({s: np.where(np.isfinite(v), v, v[np.isfinite(v)][0]) for s, v in own.items()})
    ways.append(now)
    for setpoint in own:
        now = now.replace({setpoint: getattr(advised, f"{setpoint.value}_c")})
        ways.append(now)
    return ways


class _Effects(NamedTuple):
    """What each setpoint's being as it is saves by step, (setpoints, n) each."""

    names: tuple[str, ...]
    """Quantities of the twin that are compared with meters."""
    metered: Floats
    """Of these [kW]."""
    rest: Floats
    """Of all others [kW]."""
    water: Floats
    """[L/h]."""
    parts: Floats
    """(setpoints, parts, n) by part of the saving [kW]."""

    @property
    def facility(self) -> Floats:
        """Of the whole facility [kW]."""
        return self.metered + self.rest


class _Seen(NamedTuple):
    """What shares are found from."""

    filled: History
    known: Flags
    effects: _Effects
    counts: Flags
    """(setpoints, n) the steps in which a saving counts."""


class _Shares(NamedTuple):
    """How much of each setpoint's effect was realised."""

    mean: Floats
    """(setpoints,) [1]."""
    covariance: Floats
    """(setpoints, setpoints) [1]."""

    def saving_sd_kw(self, seen: _Seen) -> float:
        """Standard deviation of the sum over the steps that count [kW]."""
        metered, rest = (
            (effect * seen.counts).sum(axis=1) for effect in (seen.effects.metered, seen.effects.rest)
        )
        varies, form = VARIES_RATIO * np.abs(metered).sum(), FORM_ERROR_RATIO * np.abs(rest).sum()
        return float(np.sqrt(metered @ self.covariance @ metered + varies**2 + form**2))


def _metered(history: History, operated: PlantState, known: Flags) -> tuple[str, ...]:
    """The meters to go by: all of the cooling's where each part that draws has one, else the facility's.

    What nobody models moves the facility's meter and not the cooling's.
    """
    drawing = [name for name in COOLING_METERS if np.any(getattr(operated, name)[known] > STEADY_KW)]
    whole = all(np.isfinite(getattr(history, name)[known]).all() for name in drawing)
    return tuple(drawing) if drawing and whole else ("facility_kw",)


def _effects(states: Sequence[PlantState], names: tuple[str, ...]) -> _Effects:
    def steps(read: Callable[[PlantState], Floats]) -> Floats:
        values = [read(state) for state in states]
        shape = (0, len(states[-1].it_kw))
        pairs = [before - after for before, after in pairwise(values)]
        return np.array(pairs, dtype=np.float64).reshape(-1, *values[0].shape) if pairs else np.zeros(shape)

    metered = steps(lambda state: _sum(state, names))
    return _Effects(
        names,
        metered,
        steps(lambda state: state.facility_kw) - metered,
        steps(lambda state: state.water_l_per_h),
        steps(lambda state: np.stack([getattr(state, name) for name in PARTS.values()])),
    )


def _sum(state: PlantState, names: tuple[str, ...]) -> Floats:
    """What the twin says of metered quantities; what was learned goes with the cooling [kW]."""
    found: Floats = np.sum([getattr(state, name) for name in names], axis=0)
    return found if names == ("facility_kw",) else found + state.learned_kw


def _missed(history: History, operated: PlantState, names: tuple[str, ...], known: Flags) -> Floats:
    measured = np.sum([getattr(history, name) for name in names], axis=0)
    return np.where(known, measured - _sum(operated, names), np.nan)


def _prior_sds(seen: _Seen, ways: Sequence[Setpoints], drawn: Sequence[Parameters]) -> Floats:
    """(setpoints,) how uncertain each realised share is before anything is measured [1]."""
    total = np.abs((seen.effects.metered * seen.counts).sum(axis=1))
    parts = (seen.effects.parts * seen.counts[:, None]).sum(axis=2)
    form = FORM_ERROR_RATIO * np.sqrt((parts**2).sum(axis=1))
    of_drawn = []
    for plant in drawn:
        conditions = seen.filled.conditions(plant)
        effects = _effects([solve(plant, conditions, way) for way in ways], seen.effects.names)
        of_drawn.append((effects.metered * seen.counts).sum(axis=1))
    spread = np.std(of_drawn, axis=0) if of_drawn else np.zeros(len(total))
    found = np.hypot(form, spread) / np.maximum(total, STEADY_KW)
    return np.asarray(np.clip(found, STEADY_KW, SHARE_SD_MAX), dtype=np.float64)


def _shares(seen: _Seen, off_kw: Floats, prior_sds: Floats) -> _Shares:
    """The realised shares."""
    many, filled = len(prior_sds), seen.filled
    off, load, wet, *effects = _hourly(filled, off_kw, filled.it_kw, filled.wet_bulb_c, *seen.effects.metered)
    if not many:
        return _Shares(np.empty(0), np.empty((0, 0)))
    scale_kw = float(np.nanmean(filled.facility_kw))
    columns = np.stack([*effects, np.ones_like(off), _standard(load), _standard(wet)], axis=1)
    sds = np.array([*prior_sds, scale_kw, BIAS_RATIO * scale_kw, BIAS_RATIO * scale_kw])
    variance = float(np.var(off)) + STEADY_KW**2
    for _ in range(ROUNDS):
        precision = columns.T @ columns / variance + np.diag(sds**-2.0)
        found = np.linalg.solve(precision, columns.T @ off / variance)
        variance = _variance(off - columns @ found)
    mean: Floats = 1.0 - np.asarray(found[:many], dtype=np.float64)
    return _Shares(mean, np.asarray(np.linalg.inv(precision)[:many, :many], dtype=np.float64))


def _hourly(filled: History, off_kw: Floats, *series: Floats) -> tuple[Floats, ...]:
    """Means over the hours in which anything was measured, of the steps that were; consecutive in time."""
    known = np.isfinite(off_kw)
    hour = (np.arange(len(off_kw)) * filled.step.total_seconds() // SECONDS_PER_HOUR).astype(int)[known]
    count = np.bincount(hour)
    there = count > 0
    return tuple(np.bincount(hour, weights=v[known])[there] / count[there] for v in (off_kw, *series))


def _standard(values: Floats) -> Floats:
    spread = float(np.std(values))
    return (values - np.mean(values)) / spread if spread > STEADY_KW else np.zeros_like(values)


def _variance(missed: Floats) -> float:
    """Of an hour's mean, as much larger as hours up to days apart are alike (Bartlett's long-run) [kW2]."""
    centred, hours = missed - missed.mean(), len(missed)
    whole = float(np.mean(centred**2)) + STEADY_KW**2
    lags = range(1, min(MEMORY_H, hours // 2))
    alike = sum((1.0 - lag / MEMORY_H) * float(centred[lag:] @ centred[:-lag]) / hours for lag in lags)
    return max(whole, whole + 2.0 * alike)
