"""What a change is worth and what it risks, on the twin: savings with their spread and parts, temperatures.

How sure a saving is comes from three sources, taken as independent and added in quadrature:

* load and weather: the saving in nine scenarios (p10, p50, p90 of each, weighted by Swanson's rule);
* the twin's parameters: the saving on plants drawn from the calibration's covariance, and from the priors of
  what the data did not identify;
* the twin's form: each part of the saving is uncertain by `FORM_ERROR_RATIO` of itself. An offset of the twin
  cancels, because a saving is a difference of two solutions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from core.kpi import pue
from twin.advise.evidence import Benefit, Prediction
from twin.advise.outlook import MEDIAN, QUANTILES, WEIGHTS
from twin.advise.search import WORST, run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core.actions import Change, Setpoint
    from core.series import Floats
    from core.site import Site
    from twin.advise.search import Situation
    from twin.network import Parameters, PlantState

Z_P90: Final = 1.2815515655446004
"""Standard deviations from the median to p90 of a normal distribution."""
FORM_ERROR_RATIO: Final = 0.15
"""Relative standard error of each part of a saving that no parameter explains [1]; an assumption. Curves of
37 chillers of variable speed differ by a quarter in what a kelvin is worth; calibration explains a part."""
ROUNDING_KW: Final = 1e-9
PARTS: Final[dict[str, str]] = {
    "server_fans": "server_fan_kw",
    "leakage": "leakage_kw",
    "ups": "ups_loss_kw",
    "pdu": "pdu_loss_kw",
    "crah_fans": "crah_fan_kw",
    "evaporative_coolers": "evaporative_kw",
    "chillers": "chiller_kw",
    "chilled_water_pumps": "chilled_water_pump_kw",
    "condenser_water_pumps": "condenser_water_pump_kw",
    "liquid_loop_pumps": "liquid_pump_kw",
    "tower_fans": "tower_fan_kw",
    "basin_heaters": "basin_heater_kw",
}
"""Part of a saving to the twin's quantity; what is left is `other`."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """A change, or several at once, against standing still; all powers are means over the horizon."""

    benefit: Benefit
    """Savings."""
    attribution: dict[str, float]
    """Median scenario's saving by part [kW]; adds up to ``benefit.p50_kw``."""
    prediction: Prediction
    """Temperatures in the worst scenario."""
    facility_kw_after: float
    """[kW]."""
    it_kw: float
    """IT power with the change [kW]."""
    pue_before: float
    """[1]."""
    pue_after: float
    """[1]."""


def assess(
    parameters: Parameters,
    situation: Situation,
    site: Site,
    changes: tuple[Change, ...],
    drawn: Sequence[Parameters] = (),
) -> Assessment:
    """Run the twin with and without changes.

    Args:
        parameters: the twin's.
        situation: where the plant stands and what is to come.
        site: limits and counts of equipment.
        changes: what is to change; none: the assessment of standing still.
        drawn: plants that the calibration's data allow as well.
    """
    before = _setpoints(situation, ())
    after = _setpoints(situation, changes)
    old, new = run(parameters, situation.outlook, before), run(parameters, situation.outlook, after)
    parts = _attribution(old, new)
    p50 = _mean(old.facility_kw) - _mean(new.facility_kw)
    low, high = _scenario_spread(old, new)
    form_kw = FORM_ERROR_RATIO * float(np.hypot.reduce(list(parts.values())))
    model = Z_P90 * float(np.hypot(form_kw, _parameter_error_kw(drawn, situation, before, after)))
    return Assessment(
        benefit=Benefit(
            p10_kw=p50 - float(np.hypot(low, model)),
            p50_kw=p50,
            p90_kw=p50 + float(np.hypot(high, model)),
            facility_kw=_mean(old.facility_kw),
        ),
        attribution=parts,
        prediction=_prediction(parameters, situation, site, before, after),
        facility_kw_after=_mean(new.facility_kw),
        it_kw=_mean(new.it_kw),
        pue_before=pue(_median(old.facility_kw), _median(old.it_kw)),
        pue_after=pue(_median(new.facility_kw), _median(new.it_kw)),
    )


def _setpoints(situation: Situation, changes: tuple[Change, ...]) -> dict[Setpoint, Floats]:
    values = {**situation.in_force, **{change.setpoint: change.to_c for change in changes}}
    return {setpoint: np.array([value]) for setpoint, value in values.items()}


def _median(values: Floats) -> Floats:
    return np.asarray(values[0, MEDIAN, MEDIAN], dtype=np.float64)


def _mean(values: Floats) -> float:
    return float(np.mean(_median(values)))


def _parameter_error_kw(
    drawn: Sequence[Parameters],
    situation: Situation,
    before: Mapping[Setpoint, Floats],
    after: Mapping[Setpoint, Floats],
) -> float:
    """Standard deviation over drawn plants of the saving in the median scenario [kW]."""
    if not drawn:
        return 0.0
    savings = [
        float(np.mean(_alone(p, situation, before).facility_kw - _alone(p, situation, after).facility_kw))
        for p in drawn
    ]
    return float(np.std(savings))


def _alone(parameters: Parameters, situation: Situation, setpoints: Mapping[Setpoint, Floats]) -> PlantState:
    return run(parameters, situation.outlook, setpoints, scenario=(MEDIAN, MEDIAN))


def _attribution(old: PlantState, new: PlantState) -> dict[str, float]:
    parts = {part: _mean(getattr(old, field)) - _mean(getattr(new, field)) for part, field in PARTS.items()}
    total = _mean(old.facility_kw) - _mean(new.facility_kw)
    rest = total - sum(parts.values())
    return {**parts, "other": rest if abs(rest) > ROUNDING_KW else 0.0}


def _scenario_spread(old: PlantState, new: PlantState) -> tuple[float, float]:
    """How far p10 and p90 over the scenarios lie from the median scenario's saving [kW], both >= 0."""
    saving = (old.facility_kw - new.facility_kw)[0].mean(axis=-1)
    weights = np.outer(WEIGHTS, WEIGHTS).ravel()
    order = np.argsort(saving.ravel())
    middle = np.cumsum(weights[order]) - weights[order] / 2
    low, _, high = np.interp(QUANTILES, middle, saving.ravel()[order])
    median = saving[MEDIAN, MEDIAN]
    return max(float(median - low), 0.0), max(float(high - median), 0.0)


def _prediction(
    parameters: Parameters,
    situation: Situation,
    site: Site,
    before: Mapping[Setpoint, Floats],
    after: Mapping[Setpoint, Floats],
) -> Prediction:
    envelope = site.limits.envelope
    normal = run(parameters, situation.outlook, after, scenario=WORST)
    lost = run(parameters, situation.outlook, after, scenario=WORST, site=site)
    now = run(parameters, situation.outlook, before, scenario=WORST)
    lost_now = run(parameters, situation.outlook, before, scenario=WORST, site=site)
    return Prediction(
        inlet_c=_max(normal.inlet_c) + situation.inlet_offset_k,
        inlet_limit_c=envelope.recommended_high_c - situation.margin_k,
        margin_k=situation.margin_k,
        n1_inlet_c=_max(lost.inlet_c) + situation.inlet_offset_k,
        n1_limit_c=envelope.allowable_high_c - situation.margin_k,
        unmet_kw=_max(normal.unmet_kw),
        n1_unmet_kw=_max(lost.unmet_kw),
        n1_unmet_now_kw=_max(lost_now.unmet_kw),
        extrapolated=bool(np.any(normal.extrapolated) and not np.any(now.extrapolated)),
    )


def _max(values: Any) -> float:
    return float(np.max(values))
