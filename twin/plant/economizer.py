"""Waterside economizer: a plate heat exchanger that precools the chilled-water return with tower water.

References:
    Mode logic: Stein, "Waterside Economizing in Data Centers", ASHRAE Transactions 115 (2009): enabled by the
    predicted tower temperature against the chilled-water return; then the tower makes water as cold as is
    of use.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from twin.plant.curves import Flags, Floats


@dataclass(frozen=True, slots=True)
class EconomizerParameters:
    """The heat exchanger and its enabling."""

    present: bool
    """Whether the plant has one."""
    effectiveness: float = 0.8
    """Cooling of the chilled water over the difference of the two entering temperatures [1]."""
    enable_k: float = 6.0
    """Enabled where the predicted tower water is less than this above the chilled water supply [K]."""
    reset_band_k: float = 2.0
    """Over this much less, the tower's target goes from its setpoint to what carries all load [K]."""
    design_rise_k: float = 6.0
    """Chilled water return above supply at design [K]."""
    tower_water_min_c: float = 4.0
    """The tower makes no colder water than this, for fear of frost [degC]."""


class Mode(NamedTuple):
    """What the economizer asks of the tower."""

    enabled: Flags
    """Whether tower water goes through the exchanger."""
    target_c: Floats
    """Tower water wanted [degC]."""


def mode(
    parameters: EconomizerParameters,
    supply_c: Floats,
    return_c: Floats,
    tower_predicted_c: Floats,
    tower_setpoint_c: Floats,
) -> Mode:
    """Whether to enable, and the tower water wanted.

    Stein compares the tower's coldest water with the return; here it is the supply plus the design rise, so
    that the mode does not depend on how little water the coils let through. The target goes from the
    tower's setpoint to the water that carries the whole load over a band: the mean of a plant that goes in
    and out of the mode.

    Args:
        parameters: the exchanger.
        supply_c: chilled water supply setpoint [degC].
        return_c: chilled water return [degC].
        tower_predicted_c: tower water with all fans at full speed [degC].
        tower_setpoint_c: tower water wanted without economizer [degC].
    """
    if not parameters.present:
        return Mode(np.zeros(np.shape(supply_c), dtype=np.bool_), tower_setpoint_c)
    rise_k = np.maximum(return_c - supply_c, parameters.design_rise_k)
    carrying_all = supply_c - rise_k * (1.0 / parameters.effectiveness - 1.0)
    wanted = np.maximum(carrying_all, parameters.tower_water_min_c)
    useful_k = supply_c + parameters.enable_k - tower_predicted_c
    weight = np.clip(useful_k / parameters.reset_band_k, 0.0, 1.0)
    return Mode(weight > 0, tower_setpoint_c + weight * (wanted - tower_setpoint_c))


def load_kw(
    parameters: EconomizerParameters,
    enabled: Flags,
    water_kw_per_k: Floats,
    return_c: Floats,
    tower_water_c: Floats,
    wanted_kw: Floats,
) -> Floats:
    """Heat that the exchanger takes from the chilled water [kW].

    Args:
        parameters: the exchanger.
        enabled: whether it is in use.
        water_kw_per_k: heat capacity flow of the chilled water [kW/K].
        return_c: chilled water return [degC].
        tower_water_c: tower water entering [degC].
        wanted_kw: all of the load [kW]; it takes no more.
    """
    able = parameters.effectiveness * water_kw_per_k * (return_c - tower_water_c)
    nearly_all = able >= wanted_kw * (1.0 - 1e-9)
    taken = np.where(nearly_all, wanted_kw, np.maximum(able, 0.0))
    return np.where(enabled, taken, 0.0)
