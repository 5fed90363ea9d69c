"""IT equipment in air: power by inlet temperature, airflow, recirculation.

The hall's equipment is taken as one: power and airflow at the reference inlet grow together with the load.

References:
    Leakage: arXiv 2509.26163 (0.35 to 0.5 %/K). Fans: affinity laws. Growth of total power above 27 degC is
        set
    to follow the Green Revolution Cooling test of a Dell R410 (27 to 37 degC: +11.8 %).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from twin.plant.curves import AIR_HEAT_KJ_PER_M3K, Bounds, Floats, divide

INLET_BOUNDS = Bounds(10.0, 45.0)
"""Inlet temperatures for which equipment is made [degC] (ASHRAE class A4 up to 45)."""
_ITERATIONS = 4
_RECIRCULATION_MAX = 0.6


@dataclass(frozen=True, slots=True)
class ServerParameters:
    """IT equipment of one hall."""

    design_kw: float
    """IT power the hall was built for [kW]."""
    reference_inlet_c: float = 23.0
    """Inlet temperature at which `it_reference_kw` holds [degC]."""
    leakage_per_k: float = 0.004
    """Growth of non-fan power above the reference inlet [1/K]."""
    fan_share_ratio: float = 0.05
    """Fans' share of IT power at the reference inlet [1]."""
    fan_threshold_c: float = 25.0
    """Inlet temperature above which the fans speed up [degC]."""
    airflow_growth_per_k: float = 0.04
    """Growth of airflow above that temperature [1/K]."""
    airflow_growth_max_ratio: float = 2.0
    """Airflow at full fan speed over that at the reference inlet [1]."""
    temperature_rise_k: float = 12.0
    """Rise of the air through the equipment at the reference inlet [K]."""
    airflow_ratio: float = 1.0
    """Airflow over what that rise says [1]; for calibration."""
    recirculation_ratio: float = 0.08
    """Share of the intake that is the equipment's own outlet air, on average [1]."""
    worst_rise_ratio: float = 2.0
    """Rise above supply of the warmest inlet over that of the mean inlet [1]."""
    bypass_ratio: float = 0.1
    """Least share of the CRAHs' air that returns without passing equipment [1]."""


class ServerState(NamedTuple):
    """What the equipment does at given supply air."""

    it_kw: Floats
    """Power drawn [kW]."""
    fan_kw: Floats
    """Part of it drawn by fans [kW]."""
    leakage_kw: Floats
    """Part of it that the reference inlet would have spared [kW]."""
    airflow_m3s: Floats
    """Air through the equipment [m3/s]."""
    inlet_c: Floats
    """Mean inlet temperature [degC]."""
    inlet_worst_c: Floats
    """Warmest inlet temperature [degC]."""
    recirculation_ratio: Floats
    """Share of the intake that is outlet air [1]."""


def airflow_growth(parameters: ServerParameters, inlet_c: Floats) -> Floats:
    """Airflow over that at the reference inlet [1], by mean inlet temperature [degC]."""
    above_k = np.maximum(inlet_c - parameters.fan_threshold_c, 0.0)
    return np.minimum(1.0 + parameters.airflow_growth_per_k * above_k, parameters.airflow_growth_max_ratio)


def leakage_growth(parameters: ServerParameters, inlet_c: Floats) -> Floats:
    """Growth of non-fan power over that at the reference inlet [1], by mean inlet temperature [degC]."""
    return parameters.leakage_per_k * np.maximum(inlet_c - parameters.reference_inlet_c, 0.0)


def power_growth(parameters: ServerParameters, inlet_c: Floats) -> Floats:
    """IT power over that at the reference inlet [1], by mean inlet temperature [degC].

    ``(1 - f) (1 + s max(0, T - T0)) + f g(T)³`` with fan share f, leakage s and airflow growth g.
    """
    share = parameters.fan_share_ratio
    fans = share * airflow_growth(parameters, inlet_c) ** 3
    return (1.0 - share) * (1.0 + leakage_growth(parameters, inlet_c)) + fans


def solve(
    parameters: ServerParameters, it_reference_kw: Floats, supply_air_c: Floats, airflow_max_m3s: Floats
) -> ServerState:
    """Power, airflow and inlet of the equipment under supply air of a given temperature.

    The air balance is ``V_crah (1 - bypass) = V_it (1 - recirculation)``: where the CRAHs cannot move
    enough air, equipment draws its own outlet air instead.

    Args:
        parameters: the equipment.
        it_reference_kw: IT power at the reference inlet [kW].
        supply_air_c: supply air temperature [degC].
        airflow_max_m3s: the most air that the CRAHs can move [m3/s].

    Returns:
        Arrays of the broadcast shape.
    """
    rise_reference_k = parameters.temperature_rise_k / parameters.airflow_ratio
    airflow_reference = it_reference_kw / (AIR_HEAT_KJ_PER_M3K * rise_reference_k)
    inlet = supply_air_c + parameters.recirculation_ratio * rise_reference_k
    usable = airflow_max_m3s * (1.0 - parameters.bypass_ratio)
    for _ in range(_ITERATIONS):
        growth = airflow_growth(parameters, inlet)
        rise_k = rise_reference_k * power_growth(parameters, inlet) / growth
        airflow = airflow_reference * growth
        short = 1.0 - divide(usable, airflow, otherwise=1.0)
        recirculation = np.clip(short, parameters.recirculation_ratio, _RECIRCULATION_MAX)
        inlet = supply_air_c + recirculation / (1.0 - recirculation) * rise_k
    nonfan = (1.0 - parameters.fan_share_ratio) * it_reference_kw
    leakage = nonfan * leakage_growth(parameters, inlet)
    growth = airflow_growth(parameters, inlet)
    fan = parameters.fan_share_ratio * it_reference_kw * growth**3
    worst = supply_air_c + parameters.worst_rise_ratio * (inlet - supply_air_c)
    return ServerState(
        nonfan + leakage + fan, fan, leakage, airflow_reference * growth, inlet, worst, recirculation
    )
