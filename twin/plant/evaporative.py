"""Evaporative stages: direct, in the stream of air itself, and indirect, across a wall from outdoor air.

Direct: the air is cooled towards its wet bulb and takes up the water; as much of the media is wetted as is
wanted. Indirect: the air is cooled towards the dry bulb of the secondary air while the wall is dry and
towards its wet bulb while it is wet, and takes up nothing. The indirect stage modulates its secondary fan
where it could cool more than is wanted and runs full where it could not, so that its power jumps at the
edge: below it the power is a fraction of the full.

References:
    EnergyPlus Engineering Reference, "Evaporative Coolers", ``Direct:ResearchSpecial`` (constant wet bulb)
    and ``Indirect:ResearchSpecial`` (dry and wet effectiveness, water by latent heat, blow-down by cycles of
    concentration). The power law of the modulating indirect stage is an empirical form, for calibration.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from twin.plant.air import EVAPORATION_KJ_PER_KG, Air
from twin.plant.curves import Bounds, Flags, Floats, divide
from twin.plant.water import WaterParameters, WaterUse, use
from twin.psychro import STANDARD_PRESSURE_PA, humidity_ratio_from_wet_bulb

WET_BULB_BOUNDS: Final = Bounds(0.0, 35.0)
"""Wet bulb at which a wet stage works [degC]: below it water freezes; above is an engineering assumption."""
DRY_BULB_BOUNDS: Final = Bounds(-40.0, 50.0)
"""Dry bulb of the air that cools [degC]; an engineering assumption."""
SUMP: Final = WaterParameters(concentration_cycles=3.0, drift_ratio=0.0)
"""Chemistry of a stage's sump where nothing else is known: media lose no droplets."""

_COOLER_WATER_KJ_PER_KGK: Final = 2.326
"""Fall of the heat of evaporation with the wet bulb, water fed at it [kJ/(kg K)]: 4.186 - 1.86."""


@dataclass(frozen=True, slots=True)
class DirectParameters:
    """A direct stage: wetted media or nozzles in the stream."""

    pump_kw: float
    """Power of the circulating pump with all of the media wet [kW]."""
    effectiveness: float = 0.7
    """Cooling of the air over its wet-bulb depression, at most [1]."""
    water: WaterParameters = SUMP
    """Chemistry of the sump."""


class DirectState(NamedTuple):
    """What a direct stage does."""

    leaving: Air
    """Air leaving: at the target, or as cold as it gets."""
    power_kw: Floats
    """Electric power [kW]."""
    water: WaterUse
    """Water that leaves the stage, and what replaces it."""
    short: Flags
    """Whether the air is still warmer than wanted."""
    outside: Flags
    """Whether the running stage is outside its bounds, or the wet bulb lower than any air's."""


@dataclass(frozen=True, slots=True)
class IndirectParameters:
    """An indirect stage that runs dry in cold weather and wet in warm."""

    full_kw: float
    """Power of fan and pump, wet and with all of the secondary air [kW]."""
    wet_effectiveness: float = 0.7
    """Cooling over entering dry bulb minus the secondary air's wet bulb, wet, at most [1]."""
    dry_effectiveness: float = 0.72
    """Cooling over entering minus the secondary air's dry bulb, dry, at most [1]."""
    wet_loss_k: float = 0.0
    """What the wet stage falls short of that [K]; for calibration."""
    dry_loss_k: float = 0.0
    """What the dry stage falls short of that [K]; for calibration."""
    wet_from_c: float = 20.0
    """Wet where the secondary air's dry bulb is at least this, dry below [degC]; to be calibrated."""
    wet_entering_min_c: float = -math.inf
    """Wet only where the entering air is at least this warm, else off [degC]."""
    wet_bulb_max_c: float = 24.0
    """The wet stage is off where the secondary air's wet bulb is above this [degC]; to be calibrated."""
    warmer_secondary_max_k: float = 0.0
    """Off where the secondary air's dry bulb is this or more above the entering air's [K]."""
    dry_power_ratio: float = 0.55
    """Full power dry over full power wet [1]: no pump, less resistance."""
    part_ratio: float = 0.6
    """Power over full at the most that the stage can do while modulating [1]: the foot of the jump."""
    part_exponent: float = 3.0
    """Modulating power goes with cooling wanted over the most to this [1]."""
    latent_ratio: float = 1.0
    """Share of the heat that evaporates water while wet [1]; the rest warms the secondary air."""
    water: WaterParameters = SUMP
    """Chemistry of the sump."""


class IndirectState(NamedTuple):
    """What an indirect stage does."""

    leaving_c: Floats
    """Air leaving [degC]: the target, or as cold as it gets; its humidity does not change."""
    heat_kw: Floats
    """Heat that goes to the secondary air [kW]."""
    power_kw: Floats
    """Electric power [kW]."""
    water: WaterUse
    """Water that leaves the stage, and what replaces it; none while dry."""
    running: Flags
    """Whether the stage cools."""
    wet: Flags
    """Whether it does so wet."""
    short: Flags
    """Whether the air is still warmer than wanted."""
    outside: Flags
    """Whether the running stage is outside its bounds."""


def direct(
    parameters: DirectParameters,
    air_kgs: Floats,
    dry_bulb_c: Floats,
    wet_bulb_c: Floats,
    target_c: Floats,
    pressure: float = STANDARD_PRESSURE_PA,
) -> DirectState:
    """Air through a direct stage: ``T = Tdb - eff (Tdb - Twb)`` at most, at constant wet bulb.

    Args:
        parameters: the stage.
        air_kgs: dry air through it [kg/s].
        dry_bulb_c: entering dry bulb [degC].
        wet_bulb_c: entering wet bulb [degC].
        target_c: leaving dry bulb wanted [degC].
        pressure: atmospheric pressure [Pa].

    Returns:
        Arrays of the broadcast shape; no water and no power where nothing is to cool.
    """
    most = parameters.effectiveness * np.maximum(dry_bulb_c - wet_bulb_c, 0.0)
    wanted = np.maximum(dry_bulb_c - target_c, 0.0)
    running = (wanted > 0) & (most > 0) & (air_kgs > 0)
    cooled = np.where(running, np.minimum(wanted, most), 0.0)
    entering = humidity_ratio_from_wet_bulb(dry_bulb_c, wet_bulb_c, pressure)
    leaving = humidity_ratio_from_wet_bulb(dry_bulb_c - cooled, wet_bulb_c, pressure)
    outside = WET_BULB_BOUNDS.outside(wet_bulb_c) | DRY_BULB_BOUNDS.outside(dry_bulb_c) | (entering <= 0)
    return DirectState(
        leaving=Air(dry_bulb_c - cooled, leaving),
        power_kw=parameters.pump_kw * divide(cooled, most),
        water=_use(parameters.water, air_kgs * np.maximum(leaving - entering, 0.0)),
        short=cooled < wanted,
        outside=running & outside,
    )


def indirect(
    parameters: IndirectParameters,
    air_kw_per_k: Floats,
    entering_c: Floats,
    dry_bulb_c: Floats,
    wet_bulb_c: Floats,
    target_c: Floats,
) -> IndirectState:
    """Air past an indirect stage.

    Args:
        parameters: the stage.
        air_kw_per_k: heat capacity flow of the air to cool [kW/K].
        entering_c: its dry bulb [degC].
        dry_bulb_c: dry bulb of the secondary air, outdoors [degC].
        wet_bulb_c: wet bulb of the secondary air [degC].
        target_c: leaving dry bulb wanted [degC].

    Returns:
        Arrays of the broadcast shape; no power where nothing is to cool, no water where the stage is dry.
    """
    wet, most = _most_k(parameters, entering_c, dry_bulb_c, wet_bulb_c)
    wanted = np.maximum(entering_c - target_c, 0.0)
    running = (wanted > 0) & (most > 0) & (air_kw_per_k > 0)
    wet = wet & running
    cooled = np.where(running, np.minimum(wanted, most), 0.0)
    modulated = parameters.part_ratio * np.minimum(divide(wanted, most), 1.0) ** parameters.part_exponent
    share = np.where(wanted < most, modulated, 1.0) * np.where(wet, 1.0, parameters.dry_power_ratio)
    heat = air_kw_per_k * cooled
    latent_kj_per_kg = EVAPORATION_KJ_PER_KG - _COOLER_WATER_KJ_PER_KGK * wet_bulb_c
    evaporated = np.where(wet, parameters.latent_ratio * heat / latent_kj_per_kg, 0.0)
    outside = DRY_BULB_BOUNDS.outside(dry_bulb_c) | (wet & WET_BULB_BOUNDS.outside(wet_bulb_c))
    return IndirectState(
        leaving_c=entering_c - cooled,
        heat_kw=heat,
        power_kw=np.where(running, parameters.full_kw * share, 0.0),
        water=_use(parameters.water, evaporated),
        running=running,
        wet=wet,
        short=cooled < wanted,
        outside=running & outside,
    )


def _most_k(
    parameters: IndirectParameters, entering_c: Floats, dry_bulb_c: Floats, wet_bulb_c: Floats
) -> tuple[Flags, Floats]:
    """Whether the stage is wet, and the most that it can cool the air [K]: 0 where it is off."""
    wet = dry_bulb_c >= parameters.wet_from_c
    wet_allowed = (wet_bulb_c <= parameters.wet_bulb_max_c) & (entering_c >= parameters.wet_entering_min_c)
    allowed = (dry_bulb_c < entering_c + parameters.warmer_secondary_max_k) & (wet_allowed | ~wet)
    by_wet = parameters.wet_effectiveness * (entering_c - wet_bulb_c) - parameters.wet_loss_k
    by_dry = parameters.dry_effectiveness * (entering_c - dry_bulb_c) - parameters.dry_loss_k
    return wet, np.where(allowed, np.maximum(np.where(wet, by_wet, by_dry), 0.0), 0.0)


def _use(parameters: WaterParameters, evaporated_kgs: Floats) -> WaterUse:
    """Water that goes with an evaporation; drift is counted over it, as EnergyPlus does."""
    return use(parameters, evaporated_kgs, evaporated_kgs)
