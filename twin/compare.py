"""A past period through the calibrated twin, as it was operated and otherwise; differences with intervals."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

import numpy as np

from core import kpi
from core.errors import NotReadyError
from core.units import G_PER_KG, SECONDS_PER_HOUR
from twin.fitting.learn import left_out
from twin.history import METERS, History
from twin.network import BREAKDOWN, Conditions, Parameters, PlantState, Setpoints, solve
from twin.scenario import Scenario, apply, shift_of
from twin.state import kind

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from core.site import Site
    from twin.calibration import Calibration
    from twin.plant.curves import Flags, Floats
    from twin.simulate import Twin

ENERGIES: Final = (*BREAKDOWN, "electrical_loss_kw", "pump_kw", "cooling_kw", "facility_kw")
"""Powers of the twin whose energies are compared; those after BREAKDOWN are sums of some of it."""
METER_OF: Final[dict[str, str]] = {name: name for name in ("it_kw", *METERS) if name != "ups_loss_kw"} | {
    "electrical_loss_kw": "ups_loss_kw"
}
"""Which meter of `History` measures which of ENERGIES."""
SAMPLES: Final = 30
"""Plants drawn from the calibration for the intervals."""
SEED: Final = 30_134
"""Of these draws, so that the same question has the same answer."""
P90_SD: Final = 1.2815515594457831
"""90th percentile of the standard normal distribution."""
_ROUNDING_DIGITS: Final = 9
"""What is smaller is a sum's rounding."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A difference with its uncertainty."""

    p10: float
    """Ten in a hundred are below."""
    p50: float
    """The middle."""
    p90: float
    """Ninety in a hundred are below."""


@dataclass(frozen=True, slots=True)
class Shifted:
    """What a load shift did in the period, at the reference inlet [kWh]."""

    into_kwh: float
    """Came in at the hours to which load was moved."""
    out_kwh: float
    """Left the hours from which it was moved."""
    undone_kwh: float
    """Should have left but was not there: load does not fall below 0."""

    @property
    def net_kwh(self) -> float:
        """Added over all; negative where load was dropped [kWh]."""
        return self.into_kwh - self.out_kwh


@dataclass(frozen=True, slots=True)
class Comparison:
    """A period, three ways. Energies count only the steps at which everything was measured."""

    history: History
    """What was measured, NaN where nothing was."""
    as_operated: PlantState
    """The twin under the setpoints that were in force; NaN where not everything was measured."""
    alternative: PlantState | None
    """The twin under the alternative, or none."""
    measured_kwh: dict[str, float]
    """Energy by those of ENERGIES that have a meter; NaN where it was not read all the time."""
    as_operated_kwh: dict[str, float]
    """Energy by ENERGIES."""
    alternative_kwh: dict[str, float]
    """Energy by ENERGIES; empty without alternative."""
    as_operated_indicators: dict[str, float]
    """The twin's PUE, TUE, MLC, ELC, WUE, ``water_l`` and, where the grid's is known, ``carbon_kg``."""
    alternative_indicators: dict[str, float]
    """The same under the alternative; empty without."""
    intervals: dict[str, Interval]
    """Alternative minus as operated of every energy and indicator, with the calibration's uncertainty."""
    pue_measured: float
    """Of the measured steps [1]."""
    shifted: Shifted | None
    """What the alternative's load shift did; none where it has none."""
    metered: frozenset[str]
    """Those of ENERGIES whose meter was read at any time in the period."""
    learned: bool
    """Whether what was learned on top of the physics adds something here; see `twin.state.kind`."""
    left_out: str
    """What to say where something was learned and cannot be used here; empty otherwise."""
    complete_ratio: float
    """Share of the period that was measured [1]."""
    outside_ratio: float
    """Share of the measured steps at which the alternative leaves the calibrated envelope [1]."""

    @property
    def start(self) -> datetime:
        """Start of the period, UTC."""
        return self.history.start

    @property
    def step(self) -> timedelta:
        """Length of a step."""
        return self.history.step

    @property
    def times(self) -> list[datetime]:
        """(n,) starts of the steps, UTC."""
        return self.history.times

    def shows(self, name: str) -> bool:
        """Whether one of ENERGIES is metered or draws anything; what the plant does not have does not."""
        drawn = (self.as_operated_kwh[name], self.alternative_kwh.get(name, 0.0))
        return name in self.metered or any(drawn)

    def kind(self, name: str) -> str:
        """What the twin's numbers for one of ENERGIES, or for an indicator, are."""
        return kind(name, learned=self.learned)

    @property
    def difference_kwh(self) -> dict[str, float]:
        """Alternative minus as operated by ENERGIES; negative is saved. Empty without alternative."""
        return {name: kwh - self.as_operated_kwh[name] for name, kwh in self.alternative_kwh.items()}

    @property
    def twin_error_kwh(self) -> dict[str, float]:
        """The twin as operated minus what was measured, by the energies that have a meter."""
        off = {name: self.as_operated_kwh[name] - kwh for name, kwh in self.measured_kwh.items()}
        return {name: round(kwh, _ROUNDING_DIGITS) for name, kwh in off.items()}

    @property
    def pue_as_operated(self) -> float:
        """The twin's [1]."""
        return self.as_operated_indicators["pue"]

    @property
    def pue_alternative(self) -> float:
        """The twin's under the alternative [1]; NaN without."""
        return self.alternative_indicators.get("pue", float("nan"))


def compare(
    site: Site,
    history: History,
    calibration: Calibration,
    scenario: Scenario | None,
    carbon_g_per_kwh: Floats | None = None,
) -> Comparison:
    """Put a period that has been read through the twin, and an alternative to it.

    Args:
        site: the site.
        history: what was measured.
        calibration: the twin in use.
        scenario: the alternative, or none.
        carbon_g_per_kwh: (n,) the grid's carbon intensity, NaN where it is not known: with such a step among
            the measured ones the period's carbon is not known.

    Raises:
        NotReadyError: not one step of the period is complete.
    """
    known = history.usable
    if not known.any():
        begin, end = (t.astimezone(site.zone).isoformat(" ", "minutes") for t in (history.start, history.end))
        raise NotReadyError(f"no step from {begin} to {end} was measured completely")
    question = _Question(site, history, scenario, carbon_g_per_kwh)
    operated, alternative = question.states(calibration.twin(site.plant))
    meters = {name: getattr(history, meter)[known] for name, meter in METER_OF.items()}
    states = [state for state in (operated, alternative) if state is not None]
    return Comparison(
        history=history,
        as_operated=_masked(operated, known),
        alternative=_masked(alternative, known) if alternative else None,
        measured_kwh={name: float(values.sum() * question.hours) for name, values in meters.items()},
        as_operated_kwh=question.energies(operated),
        alternative_kwh=question.energies(alternative) if alternative else {},
        as_operated_indicators=question.indicators(operated),
        alternative_indicators=question.indicators(alternative) if alternative else {},
        intervals=_intervals(question, calibration, operated, alternative) if alternative else {},
        pue_measured=kpi.pue(meters["facility_kw"], meters["it_kw"]),
        shifted=question.shifted(calibration) if scenario and scenario.load_shift_kw else None,
        metered=frozenset(
            name for name, meter in METER_OF.items() if np.isfinite(getattr(history, meter)).any()
        ),
        learned=any(bool(state.learned_kw[known].any()) for state in states),
        left_out=left_out(calibration),
        complete_ratio=float(known.mean()),
        outside_ratio=question.outside_ratio(calibration) if scenario else 0.0,
    )


class _Question:
    """A period and its alternative, to be asked of more than one plant."""

    def __init__(
        self, site: Site, history: History, scenario: Scenario | None, carbon_g_per_kwh: Floats | None
    ) -> None:
        self.site, self.scenario = site, scenario
        self.known = history.usable
        whole = carbon_g_per_kwh is not None and np.isfinite(carbon_g_per_kwh[self.known]).all()
        self.carbon = carbon_g_per_kwh if whole else None
        self.filled = history.bridged(self.known)
        self.step_s = history.step.total_seconds()
        self.hours = self.step_s / SECONDS_PER_HOUR
        self.shift_kw = shift_of(scenario.load_shift_kw if scenario else (), history.times, site.zone)

    def inputs(self, parameters: Parameters, scenario: Scenario | None) -> tuple[Conditions, Setpoints]:
        """Conditions and setpoints as they were, or as a scenario has them."""
        found = self.filled.conditions(parameters), self.filled.setpoints
        return apply(scenario, *found, self.shift_kw) if scenario else found

    def states(self, twin: Twin) -> tuple[PlantState, PlantState | None]:
        """The twin as operated, and under the alternative, with the heat that the hall holds."""
        operated = twin.run(*self.inputs(twin.parameters, None), self.step_s)
        if self.scenario is None:
            return operated, None
        changed = self.inputs(twin.parameters, self.scenario)
        return operated, twin.run(*changed, self.step_s, outside_kw=operated.learned_kw)

    def steady_differences(self, parameters: Parameters) -> dict[str, float]:
        """Alternative minus as operated of everything, for one of many plants: the hall's heat left out."""
        operated, alternative = (
            solve(parameters, *self.inputs(parameters, s)) for s in (None, self.scenario)
        )
        return self.differences(operated, alternative)

    def energies(self, state: PlantState) -> dict[str, float]:
        """Energy by ENERGIES over the measured steps [kWh]."""
        return {name: float(getattr(state, name)[self.known].sum() * self.hours) for name in ENERGIES}

    def indicators(self, state: PlantState) -> dict[str, float]:
        """Indicators over the measured steps, with water [L] and, where it can be known, carbon [kg]."""
        part = state.part(self.known)
        found = part.indicators() | {"water_l": float(part.water_l_per_h.sum() * self.hours)}
        if self.carbon is not None:
            grams = part.facility_kw * self.hours * self.carbon[self.known]
            found["carbon_kg"] = float(grams.sum() / G_PER_KG)
            found["cue_kg_per_kwh"] = kpi.cue_kg_per_kwh(grams / G_PER_KG, part.it_kw * self.hours)
        return found

    def differences(self, operated: PlantState, alternative: PlantState) -> dict[str, float]:
        """Alternative minus as operated of everything."""
        before = self.energies(operated) | self.indicators(operated)
        after = self.energies(alternative) | self.indicators(alternative)
        return {name: after[name] - before[name] for name in after}

    def outside_ratio(self, calibration: Calibration) -> float:
        """Share of the measured steps at which the alternative leaves the calibrated envelope [1]."""
        changed = self.inputs(calibration.parameters(self.site.plant), self.scenario)
        outside = np.broadcast_to(calibration.outside(*changed), self.known.shape)
        return float(outside[self.known].mean())

    def shifted(self, calibration: Calibration) -> Shifted:
        """What the load shift did at the measured steps."""
        load = self.inputs(calibration.parameters(self.site.plant), None)[0].it_reference_kw
        wanted = self.shift_kw[self.known] * self.hours
        there = np.asarray(load, dtype=np.float64)[self.known] * self.hours
        done = np.maximum(wanted, -there)
        into, out = np.maximum(done, 0.0).sum(), -np.minimum(done, 0.0).sum()
        return Shifted(float(into), float(out), float((done - wanted).sum()))


def _intervals(
    question: _Question, calibration: Calibration, operated: PlantState, alternative: PlantState
) -> dict[str, Interval]:
    """Each difference's spread over plants that the calibration allows, plus the twin's relative error.

    The relative error is that of the part's own meter on held-out data, the facility's where it has none.
    """
    middle = question.differences(operated, alternative)
    plants = calibration.samples(question.site.plant, SAMPLES, np.random.default_rng(SEED))
    drawn = [question.steady_differences(parameters) for parameters in plants]
    intervals = {}
    for name, value in middle.items():
        spread = float(np.std([found[name] for found in drawn]))
        half = P90_SD * float(np.hypot(spread, _own_ratio(calibration, name) * abs(value)))
        intervals[name] = Interval(value - half, value, value + half)
    return intervals


def _own_ratio(calibration: Calibration, name: str) -> float:
    meter = METER_OF.get(name, "facility_kw")
    errors = calibration.errors_in_use
    return errors.get(meter, errors["facility_kw"]).cv_rmse_ratio


def _masked(state: PlantState, known: Flags) -> PlantState:
    """The state with NaN at the steps that are not known."""
    arrays = {}
    for field in fields(PlantState):
        values = getattr(state, field.name)
        arrays[field.name] = values & known if values.dtype == bool else np.where(known, values, np.nan)
    return PlantState(**arrays)
