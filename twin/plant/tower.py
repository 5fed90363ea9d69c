"""Cooling tower with variable-speed fans: York correlation, cells, free convection.

References:
    EnergyPlus Engineering Reference, "Variable Speed Cooling Towers", YorkCalc coefficients and bounds;
    checked against 202 points of the Modelica Buildings ``yorkCalc`` function.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np

from twin.plant.curves import WATER_HEAT_KJ_PER_KGK, Bounds, Flags, Floats, polynomial

YORK: Final = np.array(
    [
        [
            [-0.359741205, -0.055053608, 0.0023850432],
            [0.173926877, -0.0248473764, 0.00048430224],
            [-0.005589849456, 0.0005770079712, -0.00001342427256],
        ],
        [
            [2.84765801111111, -0.121765149, 0.0014599242],
            [1.680428651, -0.0166920786, -0.0007190532],
            [-0.025485194448, 0.0000487491696, 0.00002719234152],
        ],
        [
            [-0.0653766255555556, -0.002278167, 0.0002500254],
            [-0.0910565458, 0.00318176316, 0.000038621772],
            [-0.0034285382352, 0.00000856589904, -0.000001516821552],
        ],
    ]
)
"""Coefficients of (L/G)^i range^j wet_bulb^k at [i, j, k]; approach in K."""

WET_BULB_BOUNDS: Final = Bounds(-34.4, 26.7)
"""[degC]"""
RANGE_BOUNDS: Final = Bounds(1.1, 22.2)
"""[K]"""
LIQUID_GAS_BOUNDS: Final = Bounds(0.05, 8.0)
"""Water over air flow, each over its design value [1]."""
FAN_CURVE: Final = (-0.00931516, 0.05123337, -0.08383647, 1.04191823)
"""Fan power over design by air over design flow."""
AIR_KG_PER_M3: Final = 1.2
"""Density of standard air [kg/m3]."""


@dataclass(frozen=True, slots=True)
class TowerParameters:
    """All cells of one tower."""

    heat_design_kw: float
    """Heat rejected at the selection point [kW]."""
    fan_kw: float
    """Power of all fans at full speed [kW]."""
    approach_ratio: float = 1.0
    """Approach over what the correlation says [1]; for calibration."""
    air_min_ratio: float = 0.2
    """Least air flow of a running fan over design [1]; below it the fan cycles."""
    free_convection_ratio: float = 0.125
    """Share of the capacity that is left without fan [1]."""
    cell_flow_min_ratio: float = 0.75
    """Water flow of a cell over its design below which cells are closed off [1]."""
    water_flow_min_ratio: float = 0.3
    """Least water flow of the tower over its design [1]."""
    liquid_gas_design: float = 0.8
    """Mass flow of water over that of standard air at design [1], for evaporation."""
    range_design_k: float = 5.56
    """Water entering minus leaving at the selection point [K]; the standard one's, as the next two."""
    wet_bulb_design_c: float = 25.55
    """Entering air wet bulb there [degC]."""
    approach_design_k: float = 3.89
    """Water leaving minus wet bulb there [K]."""


class TowerState(NamedTuple):
    """What the tower does."""

    leaving_c: Floats
    """Water leaving the tower [degC]: the target, or as cold as it gets."""
    fan_kw: Floats
    """Fan power [kW]."""
    air_ratio: Floats
    """Air flow of the cells in use over design [1]."""
    cell_ratio: Floats
    """Cells in use over all cells [1]."""
    outside: Flags
    """Whether the correlation is used outside its bounds."""


def york_approach_k(range_k: Floats, wet_bulb_c: Floats, liquid_gas: Floats) -> Floats:
    """Approach [K] by the 27-coefficient York correlation.

    Args:
        range_k: water entering minus leaving [K].
        wet_bulb_c: entering air wet bulb [degC].
        liquid_gas: water over air flow, each over design [1].
    """
    c0, c1, c2 = _by_liquid_gas(range_k, wet_bulb_c)
    return c0 + liquid_gas * (c1 + liquid_gas * c2)


def _by_liquid_gas(range_k: Floats, wet_bulb_c: Floats) -> tuple[Floats, Floats, Floats]:
    by_range = YORK.transpose(1, 2, 0).reshape(*YORK.shape, *(1,) * np.ndim(range_k))
    c0, c1, c2 = _horner(wet_bulb_c, _horner(range_k, by_range))
    return c0, c1, c2


def _horner(at: Floats, coefficients: Floats) -> Floats:
    """Polynomials in one quantity: the first axis of the coefficients is the power."""
    found: Floats = coefficients[-1] + at * 0.0
    for coefficient in coefficients[-2::-1]:
        found = coefficient + found * at
    return found


def _root(c0: Floats, c1: Floats, c2: Floats, approach_k: Floats) -> Floats:
    """L/G of an approach on the rising branch; 0 or inf where none is small or large enough."""
    above = approach_k - c0
    discriminant = c1 * c1 + 4.0 * c2 * above
    root = 2.0 * above / (c1 + np.sqrt(np.maximum(discriminant, 0.0)))
    return np.where(discriminant < 0, np.inf, np.maximum(root, 0.0))


def selection_ratio(parameters: TowerParameters) -> float:
    """Water flow ratio [1] at which the correlation gives the selection point's approach with full air."""
    p = parameters
    return _selected(p.range_design_k, p.wet_bulb_design_c, p.approach_design_k)


@lru_cache(maxsize=128)
def _selected(range_k: float, wet_bulb_c: float, approach_k: float) -> float:
    return float(_root(*_by_liquid_gas(np.array(range_k), np.array(wet_bulb_c)), np.array(approach_k)))


def flow_ratio(parameters: TowerParameters, heat_kw: Floats) -> Floats:
    """Water flow over design that keeps the design range [1], between the pump's limits."""
    return np.clip(heat_kw / parameters.heat_design_kw, parameters.water_flow_min_ratio, 1.0)


def solve(parameters: TowerParameters, heat_kw: Floats, wet_bulb_c: Floats, target_c: Floats) -> TowerState:
    """Fan speed that cools the water to a target, or the coldest water that there is.

    The correlation is quadratic in L/G, so the air flow of a wanted approach has a closed form.

    Args:
        parameters: the tower.
        heat_kw: heat to reject [kW].
        wet_bulb_c: entering air wet bulb [degC].
        target_c: leaving water wanted [degC].

    Returns:
        Arrays of the broadcast shape; no fan power without heat.
    """
    water = flow_ratio(parameters, heat_kw)
    cells = np.minimum(water / parameters.cell_flow_min_ratio, 1.0)
    range_k = parameters.range_design_k * heat_kw / (parameters.heat_design_kw * water)
    inside, wet = RANGE_BOUNDS.clip(range_k), WET_BULB_BOUNDS.clip(wet_bulb_c)
    c0, c1, c2 = (parameters.approach_ratio * c for c in _by_liquid_gas(inside, wet))
    full = selection_ratio(parameters) * water / cells
    coldest = c0 + full * (c1 + full * c2)
    slowest_gas = np.minimum(full / parameters.air_min_ratio, _vertex(c1, c2))
    slowest = np.maximum(c0 + slowest_gas * (c1 + slowest_gas * c2), coldest)
    wanted = np.maximum(target_c - wet_bulb_c, coldest)
    gas = np.maximum(_root(c0, c1, c2, np.minimum(wanted, slowest)), full)
    air = np.clip(full / gas, parameters.air_min_ratio, 1.0)
    still = slowest + (1.0 / parameters.free_convection_ratio - 1.0) * inside
    cycling = np.clip((still - wanted) / (still - slowest), 0.0, 1.0)
    on = heat_kw > 0
    fan = parameters.fan_kw * cells * polynomial(FAN_CURVE, air) * cycling
    outside = (
        WET_BULB_BOUNDS.outside(wet_bulb_c)
        | LIQUID_GAS_BOUNDS.outside(full / air)
        | (range_k > RANGE_BOUNDS.high)
    )
    return TowerState(
        wet_bulb_c + wanted, np.where(on, fan, 0.0), np.where(on, air * cycling, 0.0), cells, outside & on
    )


def _vertex(c1: Floats, c2: Floats) -> Floats:
    """L/G up to which the approach rises: the bound, or the quadratic's vertex where that comes first."""
    falling = c2 < 0
    return np.where(
        falling,
        np.minimum(-0.5 * c1 / np.where(falling, c2, -1.0), LIQUID_GAS_BOUNDS.high),
        LIQUID_GAS_BOUNDS.high,
    )


def water_design_kgs(parameters: TowerParameters) -> float:
    """Water at design flow [kg/s]."""
    return parameters.heat_design_kw / (WATER_HEAT_KJ_PER_KGK * parameters.range_design_k)


def air_m3s(parameters: TowerParameters, state: TowerState) -> Floats:
    """Air through the cells in use [m3/s], by itself where no fan runs."""
    moving = np.maximum(state.air_ratio, parameters.free_convection_ratio) * state.cell_ratio
    return water_design_kgs(parameters) / (parameters.liquid_gas_design * AIR_KG_PER_M3) * moving
