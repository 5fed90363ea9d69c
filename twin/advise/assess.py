"""What a change is worth and what it risks, on the twin: savings with their spread and parts, temperatures.

How sure a saving is comes from three sources, taken as independent and added in quadrature:

* load and weather: the saving in nine scenarios (p10, p50, p90 of each, weighted by Swanson's rule);
* the twin's parameters: the saving on plants drawn from the calibration's covariance, and from the priors of
  what the data did not identify, each side on its own: where an economizer is about to open, it is skewed;
* the twin's form: the saving is uncertain by `FORM_ERROR_RATIO` of itself. An offset of the twin cancels,
  because a saving is a difference of two solutions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from core.kpi import pue
from core.tariff import Objective
from core.units import L_PER_M3, SECONDS_PER_HOUR
from twin.advise import limits
from twin.advise.evidence import Benefit, Prediction, Worth
from twin.advise.objective import amounts
from twin.advise.outlook import HORIZON_H, MEDIAN, P10, P90, QUANTILES, WEIGHTS
from twin.advise.search import ALL, WORST, run

if TYPE_CHECKING:
    from core.actions import Change, Setpoint
    from core.series import Floats
    from core.site import Site
    from twin.advise.drawn import Drawn
    from twin.advise.objective import Rates
    from twin.advise.search import Situation
    from twin.network import Parameters, PlantState

Z_P90: Final = 1.2815515655446004
"""Standard deviations from the median to p90 of a normal distribution."""
FORM_ERROR_RATIO: Final = 0.155
"""Relative standard error of a saving that no parameter explains [1]. Curves of 37 chillers of variable speed
differ by a quarter in what a kelvin is worth, of which calibration explains some. Learned: so true savings on
simulated plants that the twin does not know lie inside as often as is said, each plant left out in turn."""
SCENARIO_RATIO: Final = HORIZON_H**-0.5
"""Spread of a block's mean over that of one of its hours [1], as of hours that err by themselves."""
USUAL: Final = ALL.index((MEDIAN, MEDIAN))
WORST_OF_ALL: Final = ALL.index((P90, P90))
SETTLING_S: Final = 600.0
"""Time constant with which a plant is taken to follow [s]; so much of the block's saving is lost."""
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
    """A change, or several at once, against standing still; all powers are means over the block."""

    benefit: Benefit
    """Savings."""
    attribution: dict[str, float]
    """The expected saving by part [kW]; adds up to ``benefit.p50_kw``."""
    worth: dict[str, float]
    """The same in the objective's unit, with the water; adds up to the objective's saving."""
    water_l_per_h: float
    """Water that is saved [L/h]; negative where more is used."""
    beyond_error_ratio: float
    """Share of the saving that is larger than the twin's own error [1]."""
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
    error_kw: float = 0.0
    """What the twin itself may be too high, nine times in ten [kW]: parameters and form, not weather."""


def beyond(saving_kw: float, error_kw: float) -> float:
    """Share of a saving that is larger than the twin's own error [1]; 0 of none."""
    return max(1.0 - error_kw / saving_kw, 0.0) if saving_kw > 0 else 0.0


class _Error(NamedTuple):
    """How far a saving's p10 and p90 lie from its median, both >= 0; the twin's own part of the former."""

    low: float
    high: float
    model: float


def assess(
    parameters: Parameters,
    situation: Situation,
    site: Site,
    changes: tuple[Change, ...],
    drawn: Drawn | None = None,
    objective: Objective = Objective.FACILITY_ENERGY,
    interval_scale: float = 1.0,
) -> Assessment:
    """Run the twin with and without changes.

    Args:
        parameters: the twin's.
        situation: where the plant stands and what is to come.
        site: limits and counts of equipment.
        changes: what is to change; none: the assessment of standing still.
        drawn: plants that the calibration's data allow as well.
        objective: what is to be made small.
        interval_scale: how many times as wide the interval must be, by savings measured earlier [1].
    """
    grid = _both(situation, changes)
    states = run(parameters, situation.block, grid, ALL + WORST, lost=site)
    state, lost = states.part((slice(None), slice(len(ALL)))), states.part((slice(None), len(ALL)))
    settled = 1.0 - SETTLING_S / (SECONDS_PER_HOUR * situation.block.hours)
    powers = settled * _saving(state.facility_kw)
    parts = _attribution(state, settled)
    rates = situation.rates(site, objective)
    worth = _worth(rates, state, settled)
    plants = drawn.run(situation.block, grid) if drawn else []
    kw = _error(powers, [settled * plant.facility_kw for plant in plants], interval_scale)
    value = _error(
        settled * _saving(amounts(rates, state)),
        [settled * amounts(rates, plant) for plant in plants],
        interval_scale,
    )
    p50, p50_worth = _usual(powers), sum(worth.values())
    usual = state.part((slice(None), USUAL))
    return Assessment(
        benefit=Benefit(
            p10_kw=p50 - kw.low,
            p50_kw=p50,
            p90_kw=p50 + kw.high,
            facility_kw=float(usual.facility_kw[0].mean()),
            worth=None
            if objective is Objective.FACILITY_ENERGY
            else Worth(
                rates.unit,
                p50_worth - value.low,
                p50_worth,
                p50_worth + value.high,
                float(amounts(rates, usual)[0].mean()),
            ),
        ),
        attribution=parts,
        worth=worth,
        water_l_per_h=settled * _usual(_saving(state.water_l_per_h)),
        beyond_error_ratio=beyond(p50, kw.model),
        prediction=_prediction(parameters, situation, site, state, lost),
        facility_kw_after=float(usual.facility_kw[0].mean()) - p50,
        it_kw=float(usual.it_kw[1].mean()),
        pue_before=pue(usual.facility_kw[0], usual.it_kw[0]),
        pue_after=pue(usual.facility_kw[1], usual.it_kw[1]),
        error_kw=kw.model,
    )


def _both(situation: Situation, changes: tuple[Change, ...]) -> dict[Setpoint, Floats]:
    """Setpoints without and with the changes, (2,) each [degC]."""
    after = {**situation.in_force, **{change.setpoint: change.to_c for change in changes}}
    return {setpoint: np.array([value, after[setpoint]]) for setpoint, value in situation.in_force.items()}


def _saving(values: Floats) -> Floats:
    """(9, n) what is saved, from (2, 9, n) without and with the changes."""
    return np.asarray(values[0] - values[1], dtype=np.float64)


def _usual(saving: Floats) -> float:
    return float(saving[USUAL].mean())


def _attribution(state: PlantState, settled: float) -> dict[str, float]:
    parts = {part: settled * _usual(_saving(getattr(state, field))) for part, field in PARTS.items()}
    rest = settled * _usual(_saving(state.facility_kw)) - sum(parts.values())
    return {**parts, "other": rest if abs(rest) > ROUNDING_KW else 0.0}


def _worth(rates: Rates, state: PlantState, settled: float) -> dict[str, float]:
    """The parts in the objective's unit: each by what its kWh count for in the hours that it is saved in."""
    worth = {
        part: settled * float((rates.per_kwh * _saving(getattr(state, field))[USUAL]).mean())
        for part, field in PARTS.items()
    }
    total = settled * float((rates.per_kwh * _saving(state.facility_kw)[USUAL]).mean())
    rest = total - sum(worth.values())
    water = settled * rates.per_m3 / L_PER_M3 * _usual(_saving(state.water_l_per_h))
    return {**worth, "other": rest if abs(rest) > ROUNDING_KW else 0.0, "water": water}


def _error(saving: Floats, drawn: list[Floats], scale: float) -> _Error:
    """The three sources of error of a saving, in quadrature, in the saving's unit.

    Args:
        saving: (9, n) by scenario and step.
        drawn: the expected scenario of each drawn plant, (..., 2, 1, n) without and with the changes.
        scale: how many times as wide.
    """
    others = [(v[..., 0, 0, :] - v[..., 1, 0, :]).mean(axis=-1).ravel() for v in drawn]
    fitted = _usual(saving)
    form = Z_P90 * FORM_ERROR_RATIO * abs(fitted)
    model = [float(np.hypot(form, side)) for side in _sides(others, fitted)]
    scenarios = (SCENARIO_RATIO * side for side in _scenario_spread(saving.mean(axis=-1)))
    low, high = (scale * float(np.hypot(*sides)) for sides in zip(scenarios, model, strict=True))
    return _Error(low, high, scale * model[0])


def _sides(drawn: list[Floats], fitted: float) -> tuple[float, float]:
    """How far p10 and p90 of the drawn plants' savings lie from the fitted one's, both >= 0."""
    if not drawn:
        return 0.0, 0.0
    low, high = np.quantile(np.concatenate(drawn), [QUANTILES[P10], QUANTILES[P90]])
    return max(fitted - float(low), 0.0), max(float(high) - fitted, 0.0)


def _scenario_spread(saving: Floats) -> tuple[float, float]:
    """How far p10 and p90 over the nine scenarios lie from the median scenario's saving, both >= 0."""
    weights = np.outer(WEIGHTS, WEIGHTS).ravel()
    order = np.argsort(saving)
    middle = np.cumsum(weights[order]) - weights[order] / 2
    low, _, high = np.interp(QUANTILES, middle, saving[order])
    return max(float(saving[USUAL] - low), 0.0), max(float(high - saving[USUAL]), 0.0)


def _prediction(
    parameters: Parameters,
    situation: Situation,
    site: Site,
    state: PlantState,
    lost: PlantState,
) -> Prediction:
    envelope, ahead = site.limits.envelope, situation.block
    found = limits.figures(
        parameters,
        ahead,
        limits.Seen(
            state.part((slice(None), USUAL)),
            state.part((slice(None), WORST_OF_ALL)),
            lost,
        ),
    )
    return Prediction(
        inlet_c=float(found.inlet_c[1]) + situation.inlet_offset_k,
        inlet_limit_c=envelope.recommended_high_c - situation.margin_k,
        margin_k=situation.margin_k,
        n1_inlet_c=float(found.n1_inlet_c[1]) + situation.inlet_offset_k,
        n1_limit_c=envelope.allowable_high_c - situation.margin_k,
        unmet_kw=float(found.unmet_kw[1]),
        n1_unmet_kw=float(found.n1_unmet_kw[1]),
        n1_unmet_now_kw=float(found.n1_unmet_kw[0]),
        dew_point_c=float(found.dew_point_c[1]),
        dew_point_limit_c=max(envelope.dew_point_high_c, float(found.dew_point_c[0])),
        part_load_ratio=float(found.part_load_ratio[1]),
        part_load_min_ratio=min(limits.cycles_below(parameters), float(found.part_load_ratio[0])),
        extrapolated=bool(found.extrapolated[1] and not found.extrapolated[0]),
        inlet_now_c=float(found.inlet_c[0]) + situation.inlet_offset_k,
        n1_inlet_now_c=float(found.n1_inlet_c[0]) + situation.inlet_offset_k,
    )
