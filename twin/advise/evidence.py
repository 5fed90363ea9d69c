"""What the safety gates look at: measured, predicted and remembered facts about one proposed change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from core.actions import Authority

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.actions import Change, Setpoint
    from core.site import Site

PROTECTS_MIN_K: Final = 0.05
"""A change that takes less than this off the worst inlet protects nothing [K]."""


@dataclass(frozen=True, slots=True)
class DataQuality:
    """How good and how fresh the readings are that advice rests on."""

    missing: tuple[str, ...]
    """Points never seen."""
    bad: tuple[tuple[str, str], ...]
    """Points whose latest reading is not GOOD, with its status."""
    stale: tuple[tuple[str, float, float], ...]
    """Points whose latest reading is too old, with its age and the age allowed [s]."""
    oldest_s: float
    """Age of the oldest input [s]."""
    inputs: int
    """How many points the advice rests on, inlets not counted."""
    inlets_live: int
    """Inlet sensors that are GOOD and fresh."""
    inlets_total: int
    """Inlet sensors that the site names."""
    inlets_bad: tuple[tuple[str, str], ...] = ()
    """Those whose latest reading is not GOOD, with its status."""


@dataclass(frozen=True, slots=True)
class ModelQuality:
    """Whether twin and forecast may be believed here."""

    calibration_id: int | None
    """The calibration in use; none: the twin has never been fitted to this plant."""
    refusal: str
    """Why that calibration must not be used; empty where it may."""
    outside: tuple[str, ...]
    """Quantities outside the calibrated envelope, each as a sentence's part with its numbers."""
    forecast_model: str
    """Which forecaster; empty where no forecast is fresh."""
    forecast_age_s: float
    """Time since that forecast was issued [s]."""
    forecast_age_max_s: float
    """Oldest forecast allowed [s]."""
    covered_h: float
    """How far the forecast reaches [h]."""
    horizon_h: float
    """How far it has to reach [h]."""
    errors: tuple[Disagreement, ...] = ()
    """What twin and meters say of this moment."""
    forecast_skill: float | None = None
    """Share by which the forecaster's error lies below the naive one's [1]; none where it is not known."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One quantity as it is measured and as the twin has it."""

    name: str
    """In words."""
    unit: str
    """kW or K."""
    error: float
    """Measured less simulated."""
    allowed: float
    """Largest error, either way, with which the twin may be believed."""


@dataclass(frozen=True, slots=True)
class Motion:
    """How the setpoints have moved, and what is moving now."""

    in_force: Mapping[Setpoint, float]
    """Setpoints as the plant reports them [degC]."""
    since_change_s: Mapping[Setpoint, float]
    """Time since each last moved [s]; infinite where it has not moved in the time looked at."""
    under_way: tuple[str, ...]
    """Commands that the plant has not answered yet."""
    changes_last_hour: Mapping[Setpoint, int] = field(default_factory=dict)
    """How often each moved in the last hour."""
    staging: str = ""
    """Which machine has just come or gone, in words; empty where none has."""
    alarms: tuple[str, ...] = ()
    """Alarms of the plant that stand and that forbid any change."""
    change_freeze: str = ""
    """Until when the site wants no changes, in words; empty where it does not mind."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the twin expects at high load and high wet bulb (p90 of each), the worst hour of the horizon."""

    inlet_c: float
    """Worst IT inlet with the change [degC]."""
    inlet_limit_c: float
    """Recommended high of the class less the margin [degC]."""
    margin_k: float
    """The margin kept: the larger of the site's and the twin's own p95 error [K]."""
    n1_inlet_c: float
    """Worst IT inlet with the change and the largest chiller and one CRAH lost [degC]."""
    n1_limit_c: float
    """Allowable high of the class [degC]."""
    unmet_kw: float
    """Heat that the plant could not remove [kW]."""
    n1_unmet_kw: float
    """The same with the largest chiller and one CRAH lost [kW]."""
    n1_unmet_now_kw: float
    """The same without the change [kW]; a plant that is short then anyway is not to become shorter."""
    dew_point_c: float
    """Highest dew point of the halls' air [degC]."""
    dew_point_limit_c: float
    """What the class allows, or what it is without the change where that is more [degC]."""
    part_load_ratio: float
    """Least part load of the running chillers [1]; 1 where none runs."""
    part_load_min_ratio: float
    """Below it the machines cycle [1]; what it is without the change where that is less."""
    extrapolated: bool
    """Whether the change takes a component out of the range of its curves; where it works outside already,
    the calibrated envelope decides."""
    inlet_now_c: float = float("-inf")
    """Worst IT inlet without the change [degC]."""
    n1_inlet_now_c: float = float("-inf")
    """The same with the largest chiller and one CRAH lost [degC]."""

    @property
    def protects(self) -> bool:
        """Whether the inlet would be too warm without the change, and is less so with it."""
        return self.inlet_now_c > self.inlet_limit_c and self.inlet_now_c - self.inlet_c >= PROTECTS_MIN_K


@dataclass(frozen=True, slots=True)
class Benefit:
    """What the change is expected to save, as mean power over the horizon."""

    p10_kw: float
    """Saving that nine cases in ten exceed [kW]."""
    p50_kw: float
    """Median [kW]."""
    p90_kw: float
    """Saving that one case in ten exceeds [kW]."""
    facility_kw: float
    """Facility power without the change [kW]."""
    worth: Worth | None = None
    """The same in the objective's unit; none where that is power."""


@dataclass(frozen=True, slots=True)
class Worth:
    """A saving in the unit of the objective."""

    unit: str
    """E.g. EUR/h, kg/h."""
    p10: float
    """Saving that nine cases in ten exceed."""
    p50: float
    """Median."""
    p90: float
    """Saving that one case in ten exceeds."""
    without: float
    """What the plant costs without the change."""


@dataclass(frozen=True, slots=True)
class Record:
    """How earlier advice on the same setpoints did."""

    unverified: tuple[Setpoint, ...]
    """Setpoints with an applied recommendation whose saving has not been measured yet."""
    misses: Mapping[Setpoint, int]
    """Misses in a row since someone last looked, per setpoint."""
    declined: tuple[Setpoint, ...] = ()
    """Setpoints on which an operator has turned advice down lately: they are left in peace."""
    interval_scale: float = 1.0
    """How many times as wide the interval of a saving must be, by the savings measured so far [1]."""
    verified: int = 0
    """How many of them that rests on."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known about one proposed change."""

    site: Site
    """The plant's description."""
    changes: tuple[Change, ...]
    """The change; one setpoint at a time."""
    data: DataQuality
    """Readings."""
    model: ModelQuality
    """Twin and forecast."""
    motion: Motion
    """Setpoints."""
    prediction: Prediction
    """Temperatures to come."""
    benefit: Benefit
    """Savings to come."""
    record: Record
    """Earlier advice."""
    standing: bool = False
    """Whether an operator has the proposal before them already."""
    operator: str | None = None
    """Who accepts; nobody yet while it is only proposed."""
    authority: Authority = Authority.SUPERVISED
    """How far advice may go on these setpoints."""
    held: bool = False
    """Whether an operator has stopped all advice."""
