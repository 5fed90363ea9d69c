"""What many changes over a whole period saved, against what the plant's own control would have held.

The twin says what each step saved: its power under the plant's own setpoints less that under those in force,
for the load and weather that came (IPMVP option D). How much of that was realised is read off the meters.
Where the twin is right, what it misses does not depend on what it says was saved; where it promises too much,
the meters read the higher above it the more it says was saved. So the realised share comes from a regression
of what the twin misses on load, weather and the twin's saving, with a prior around 1 as wide as the
calibration's draws and the error of form allow. A period in which the meters say little leaves the twin's
saving with the prior's width; a long one corrects it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from core.units import SECONDS_PER_HOUR
from twin.advise.assess import FORM_ERROR_RATIO, PARTS, Z_P90
from twin.network import solve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
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
VARIES_RATIO: Final = 0.03
"""How much the realised share differs from one week to another, whatever is measured [1]; an assumption."""
BIAS_RATIO: Final = 0.02
"""What the twin is thought to miss per standard deviation of load or weather, over facility power [1]."""
MEMORY_H: Final = 72
"""What the twin misses may be alike for so long [h]."""
STEADY_KW: Final = 1e-6
"""A saving smaller than this is none [kW]."""
ROUNDS: Final = 3


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
    share: float
    """How much of that was realised [1]."""
    share_sd: float
    """Its standard deviation [1]."""
    saved_kw: Floats
    """(n,) the saving by step [kW]; 0 where not everything was measured."""
    water_l: float
    """Water saved, by the twin: there is no meter of it [L]; negative where the towers took more."""
    complete_ratio: float
    """Share of the period that was measured; what was not saves nothing here [1]."""

    @property
    def p50_kwh(self) -> float:
        """The saving [kWh]."""
        return self.share * self.twin_kwh

    @property
    def spread_kwh(self) -> float:
        """Half of the range from p10 to p90 [kWh]."""
        return Z_P90 * self.share_sd * abs(self.twin_kwh)

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
    conditions, advised = filled.conditions(twin.parameters), filled.setpoints
    before = _own(filled, own)
    operated = twin.run(conditions, advised, step_s)
    without = twin.run(conditions, before, step_s, outside_kw=operated.learned_kw)
    saved_kw = np.where(known, without.facility_kw - operated.facility_kw, 0.0)
    prior_sd = _prior_sd(filled, drawn, (before, advised), (without, operated), inside)
    off_kw = np.where(known, history.facility_kw - operated.facility_kw, np.nan)
    share, sd = _share(filled, off_kw, saved_kw, prior_sd)
    hours = step_s / SECONDS_PER_HOUR
    water = without.water_l_per_h - operated.water_l_per_h
    return Realised(
        start=history.start + first * history.step,
        end=history.end,
        measured_kwh=float(history.facility_kw[inside].sum() * hours),
        twin_kwh=float(saved_kw[inside].sum() * hours),
        share=share,
        share_sd=sd,
        saved_kw=share * saved_kw[first:],
        water_l=float(water[inside].sum() * hours),
        complete_ratio=float(known[first:].mean()),
    )


def _own(filled: History, own: Mapping[Setpoint, Floats]) -> Setpoints:
    """The plant's own setpoints, (n,)."""
    advised = filled.setpoints
    values = {
        setpoint: np.where(np.isfinite(held), held, getattr(advised, f"{setpoint.value}_c"))
        for setpoint, held in own.items()
    }
    return advised.replace(values)


def _prior_sd(
    filled: History,
    drawn: Sequence[Parameters],
    setpoints: tuple[Setpoints, Setpoints],
    states: tuple[PlantState, PlantState],
    inside: Flags,
) -> float:
    """How uncertain the realised share is before anything is measured [1]."""

    def total(pair: tuple[PlantState, PlantState], name: str) -> float:
        without, operated = (getattr(state, name)[inside] for state in pair)
        return float(np.sum(without - operated))

    saved = abs(total(states, "facility_kw"))
    if saved < STEADY_KW:
        return SHARE_SD_MAX
    form = FORM_ERROR_RATIO * float(np.hypot.reduce([total(states, name) for name in PARTS.values()]))
    of_drawn = [
        total(
            (solve(p, filled.conditions(p), setpoints[0]), solve(p, filled.conditions(p), setpoints[1])),
            "facility_kw",
        )
        for p in drawn
    ]
    spread = float(np.std(of_drawn)) if of_drawn else 0.0
    return min(float(np.hypot(form, spread)) / saved, SHARE_SD_MAX)


def _share(filled: History, off_kw: Floats, saved_kw: Floats, prior_sd: float) -> tuple[float, float]:
    """The realised share and its standard deviation [1]."""
    off, saved, load, wet = _hourly(filled, off_kw, saved_kw, filled.it_kw, filled.wet_bulb_c)
    if not np.any(np.abs(saved) > STEADY_KW):
        return 1.0, prior_sd
    scale_kw = float(np.nanmean(filled.facility_kw))
    columns = np.stack([saved, np.ones_like(saved), _standard(load), _standard(wet)], axis=1)
    sds = np.array([prior_sd, scale_kw, BIAS_RATIO * scale_kw, BIAS_RATIO * scale_kw])
    variance = float(np.var(off)) + STEADY_KW**2
    for _ in range(ROUNDS):
        precision = columns.T @ columns / variance + np.diag(sds**-2.0)
        found = np.linalg.solve(precision, columns.T @ off / variance)
        variance = _variance(off - columns @ found)
    sd = float(np.sqrt(np.linalg.inv(precision)[0, 0]))
    return 1.0 - float(found[0]), float(np.hypot(sd, VARIES_RATIO))


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
