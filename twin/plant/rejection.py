"""Heat rejection by whatever the plant has: a tower by York or by Merkel, or a dry cooler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from twin.plant import dry_cooler, tower, tower_merkel, water
from twin.plant.curves import WATER_HEAT_KJ_PER_KGK
from twin.plant.dry_cooler import DryCoolerParameters
from twin.plant.tower import TowerParameters
from twin.plant.tower_merkel import MerkelParameters, OutdoorAir
from twin.psychro import humidity_ratio_from_wet_bulb, specific_volume_m3_per_kg

if TYPE_CHECKING:
    from twin.plant.curves import Flags, Floats
    from twin.plant.water import WaterParameters

__all__ = [
    "OutdoorAir",
    "Rejection",
    "RejectionState",
    "coldest_c",
    "evaporation_kgs",
    "flow_ratio",
    "make_up_l_per_h",
    "solve",
]

Rejection = TowerParameters | MerkelParameters | DryCoolerParameters
"""What may stand on the roof; all cells or coolers of a plant together."""
WATER_FLOW_MIN_RATIO: Final = 0.3
"""Least water flow over design [1] where the parameters say nothing of it."""
SECONDS_PER_HOUR: Final = 3600.0


class RejectionState(NamedTuple):
    """What it does."""

    leaving_c: Floats
    """Water leaving [degC]: the target, or as cold as it gets."""
    fan_kw: Floats
    """Fan power [kW]."""
    air_ratio: Floats
    """Air flow over design [1]."""
    wetted_air_m3s: Floats
    """Air that passes over water [m3/s]: fans move volume; none in a dry cooler."""
    water_kgs: Floats
    """Water that passes the air [kg/s]; none in a dry cooler."""
    outside: Flags
    """Whether a correlation is used outside its bounds."""


def flow_ratio(parameters: Rejection, heat_kw: Floats) -> Floats:
    """Water flow over design that keeps the design range [1], between the pump's limits."""
    if isinstance(parameters, TowerParameters):
        return tower.flow_ratio(parameters, heat_kw)
    return np.clip(heat_kw / parameters.heat_design_kw, WATER_FLOW_MIN_RATIO, 1.0)


def coldest_c(parameters: Rejection, heat_kw: Floats, outdoor: OutdoorAir) -> Floats:
    """Leaving water with all fans at full speed [degC]: the predicted tower temperature of Stein's logic."""
    return solve(parameters, heat_kw, outdoor, np.full(np.shape(heat_kw), -np.inf)).leaving_c


def solve(parameters: Rejection, heat_kw: Floats, outdoor: OutdoorAir, target_c: Floats) -> RejectionState:
    """Fan speed that cools the water to a target, or the coldest water that there is.

    Args:
        parameters: the tower or dry cooler.
        heat_kw: heat to reject [kW].
        outdoor: entering air.
        target_c: leaving water wanted [degC].

    Returns:
        Arrays of the broadcast shape; no fan power without heat.
    """
    if isinstance(parameters, TowerParameters):
        york = tower.solve(parameters, heat_kw, outdoor.wet_bulb_c, target_c)
        circulated = tower.water_design_kgs(parameters) * tower.flow_ratio(parameters, heat_kw)
        return RejectionState(
            york.leaving_c,
            york.fan_kw,
            york.air_ratio,
            tower.air_m3s(parameters, york),
            circulated,
            york.outside,
        )
    flow = flow_ratio(parameters, heat_kw)
    if isinstance(parameters, MerkelParameters):
        merkel = tower_merkel.solve(parameters, heat_kw, flow, outdoor, target_c)
        moving = np.maximum(merkel.air_ratio, parameters.free_convection_ratio)
        air = parameters.air_m3s * moving
        circulated = parameters.heat_design_kw / (WATER_HEAT_KJ_PER_KGK * parameters.range_design_k) * flow
        return RejectionState(
            merkel.leaving_c, merkel.fan_kw, merkel.air_ratio, air, circulated, merkel.outside
        )
    dry = dry_cooler.solve(parameters, heat_kw, flow, outdoor.dry_bulb_c, target_c)
    none = np.zeros(np.shape(dry.fan_kw))
    return RejectionState(dry.leaving_c, dry.fan_kw, dry.air_ratio, none, none, dry.outside)


def evaporation_kgs(state: RejectionState, heat_kw: Floats, outdoor: OutdoorAir) -> Floats:
    """Water that evaporates [kg/s], by saturated exit air; none in a dry cooler.

    Args:
        state: what the tower does.
        heat_kw: heat it rejects [kW].
        outdoor: entering air.
    """
    humidity = humidity_ratio_from_wet_bulb(outdoor.dry_bulb_c, outdoor.wet_bulb_c, outdoor.pressure_pa)
    air = state.wetted_air_m3s / specific_volume_m3_per_kg(outdoor.dry_bulb_c, humidity, outdoor.pressure_pa)
    return water.evaporation_kgs(air, heat_kw, outdoor.dry_bulb_c, outdoor.wet_bulb_c, outdoor.pressure_pa)


def make_up_l_per_h(
    chemistry: WaterParameters, state: RejectionState, heat_kw: Floats, outdoor: OutdoorAir
) -> Floats:
    """Make-up water [L/h]: what evaporates, drift and blow-down; none of a dry cooler.

    Args:
        chemistry: cycles of concentration and drift.
        state: what the tower does.
        heat_kw: heat it rejects [kW].
        outdoor: entering air.
    """
    evaporated = evaporation_kgs(state, heat_kw, outdoor)
    circulated = np.where(heat_kw > 0, state.water_kgs, 0.0)
    return water.use(chemistry, evaporated, circulated).make_up_kgs * SECONDS_PER_HOUR
