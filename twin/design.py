"""Components of a plant from its design data, with published defaults for what nobody says.

Design data are of the whole plant; what a zone has of its own is made for one of its equal zones.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from core.errors import InputError
from twin.plant.air_economizer import AirEconomizerParameters
from twin.plant.cdu import CduParameters, design_conductance_kw_per_k
from twin.plant.chiller import DEFAULT_RECORD, ChillerParameters
from twin.plant.chiller_catalogue import record_named
from twin.plant.condenser_air import CondenserAirParameters
from twin.plant.crah import CrahParameters
from twin.plant.curves import AIR_HEAT_KJ_PER_M3K, Bounds
from twin.plant.dry_cooler import DryCoolerParameters
from twin.plant.dry_cooler import design_conductance_kw_per_k as dry_cooler_conductance
from twin.plant.economizer import EconomizerParameters
from twin.plant.evaporative import DirectParameters, IndirectParameters
from twin.plant.exchanger import capacity_ratio, design_units
from twin.plant.loop import LoopParameters
from twin.plant.pump import AffinityParameters
from twin.plant.staging import ModeParameters, StagingParameters
from twin.plant.tower import TowerParameters
from twin.plant.tower_merkel import MerkelParameters
from twin.plant.tower_merkel import design_conductance_kw_per_k as merkel_conductance
from twin.plant.water import WaterParameters

if TYPE_CHECKING:
    from core.plant import HeatRejection, Plant
    from twin.plant.rejection import Rejection

COIL_DESIGN_DIFFERENCE_K: Final = 10.0
"""Supply air above supply water with which the coils carry the design load [K], e.g. 22 and 12 degC."""
WATER_DESIGN_RISE_K: Final = 6.0
"""Chilled water return above supply at design [K]."""
FAN_AFFINITY_EXPONENT: Final = 3.0
CONCENTRATION_CYCLES: Final = 4.0
"""Dissolved solids in the basin over those in the make-up water, as usual [1]."""
REJECTION_MARGIN: Final = 1.1
"""Heat that tower or dry cooler is sized for over the plant's at design [1]."""
MERKEL_AIR_M3S_PER_KW: Final = 0.0276316
"""Air of a tower over the heat it is sized for [m3/(s kW)]: EnergyPlus's default. A dry cooler's air warms
by its design approach instead."""
DEW_POINT_ANY: Final = Bounds(-60.0, 60.0)
"""Any dew point of outdoor air [degC]: a limit that a site does not give."""
_MW_PER_KW: Final = 1e-3


def chillers(plant: Plant) -> ChillerParameters:
    """The chillers with their curves.

    Raises:
        InputError: there is no such record, or it is unfit for use.
    """
    record = DEFAULT_RECORD
    if plant.chiller_record is not None:
        file, renormalise = plant.chiller_records_file, plant.chiller_renormalise
        record = record_named(plant.chiller_record, file, renormalise=renormalise)
    capacity_kw, cop = plant.chiller_capacity_kw, plant.chiller_cop
    return ChillerParameters(
        plant.chiller_count,
        record.capacity_kw if capacity_kw is None else capacity_kw,
        record.cop if cop is None else cop,
        record,
    )


def condenser_air(plant: Plant, machines: ChillerParameters) -> CondenserAirParameters:
    """Air of air-cooled chillers.

    Raises:
        InputError: it is precooled, and the chillers are cooled by water.
    """
    if plant.chiller_precool_ratio > 0 and not machines.record.air_cooled:
        raise InputError(
            "plant.chiller_precool_ratio",
            found=f"{plant.chiller_precool_ratio:g} beside {machines.record.label!r}, which water cools",
            allowed="0, or the record of an air-cooled chiller",
            do="leave it out or name another chiller_record",
        )
    return CondenserAirParameters(plant.chiller_precool_ratio)


def coils(plant: Plant) -> CrahParameters:
    """Coils that carry a zone's design load in air with all fans and valves open."""
    count = plant.crah_count // plant.zones
    fan = AffinityParameters(plant.crah_fan_kw, FAN_AFFINITY_EXPONENT)
    load_kw = (1.0 - _liquid_ratio(plant)) * plant.it_design_kw / plant.zones + count * plant.crah_fan_kw
    air = np.array(AIR_HEAT_KJ_PER_M3K * count * plant.crah_airflow_m3s)
    water = np.array(load_kw / WATER_DESIGN_RISE_K)
    wanted_kw_per_k = load_kw / (load_kw / air + COIL_DESIGN_DIFFERENCE_K)
    least, ratio = np.minimum(air, water), capacity_ratio(np.minimum(air, water), np.maximum(air, water))
    ua = design_units("CRAH coils", wanted_kw_per_k / least, ratio) * least
    return CrahParameters(count, plant.crah_airflow_m3s, fan, float(ua), float(water))


def rejection(plant: Plant, machines: ChillerParameters) -> Rejection:
    """Tower or dry cooler; one that does nothing where the plant has neither.

    Raises:
        InputError: the plant has one that nothing uses, or none that something needs, or one that cannot be.
    """
    said, heat_kw = plant.heat_rejection, _rejected_design_kw(plant, machines)
    _refuse_beside_chillers(plant, machines, heat_kw)
    fan_kw = plant.tower_fan_kw or 0.0
    heat_kw = said.heat_design_kw or heat_kw or plant.it_design_kw
    if said.kind == "merkel_tower":
        air_m3s = said.airflow_m3s or MERKEL_AIR_M3S_PER_KW * heat_kw
        tower = replace(MerkelParameters(heat_kw, fan_kw, air_m3s), **_selection(said))
        merkel_conductance(tower)
        return tower
    if said.kind == "dry_cooler":
        fan = AffinityParameters(fan_kw, FAN_AFFINITY_EXPONENT)
        cooler = replace(DryCoolerParameters(heat_kw, said.airflow_m3s or 0.0, fan), **_selection(said))
        if said.airflow_m3s is None:
            air_m3s = heat_kw / (AIR_HEAT_KJ_PER_M3K * cooler.approach_design_k)
            cooler = replace(cooler, air_m3s=air_m3s)
        dry_cooler_conductance(cooler)
        return cooler
    return TowerParameters(heat_kw, fan_kw)


def _selection(said: HeatRejection) -> dict[str, Any]:
    """What the site says of the design point."""
    names = ("approach_design_k", "range_design_k", "wet_bulb_design_c")
    return {name: getattr(said, name) for name in names if getattr(said, name) is not None}


def _rejected_design_kw(plant: Plant, machines: ChillerParameters) -> float:
    """Heat at design for tower or dry cooler, margin included; 0 where nothing sends it any [kW]."""
    ratio = _liquid_ratio(plant)
    to_tower = plant.liquid is not None and plant.liquid.source == "tower"
    chilled_kw = plant.it_design_kw * (1.0 - ratio if to_tower else 1.0)
    if not machines.record.air_cooled:
        chilled_kw = chilled_kw * (1.0 + 1.0 / machines.cop)
    elif plant.economizer is None:
        chilled_kw = 0.0
    return REJECTION_MARGIN * (chilled_kw + (plant.it_design_kw * ratio if to_tower else 0.0))


def _refuse_beside_chillers(plant: Plant, machines: ChillerParameters, heat_kw: float) -> None:
    kind, label = plant.heat_rejection.kind, machines.record.label
    if kind == "none" and not machines.record.air_cooled:
        raise InputError(
            "plant.heat_rejection",
            found=f'kind "none" beside {label!r}, which water cools',
            allowed="york_tower, merkel_tower or dry_cooler beside such chillers",
            do="describe it or name an air-cooled chiller_record",
        )
    if kind != "none" and heat_kw == 0.0:
        raise InputError(
            "plant.heat_rejection",
            found=f"a {kind} that nothing sends heat to beside {label!r}, which air cools",
            allowed='kind "none", or a waterside economizer, or liquid.source "tower"',
            do='write kind = "none" and leave out tower_fan_kw and condenser_water_pump_kw',
        )


def basin(plant: Plant) -> WaterParameters:
    """The basin's chemistry."""
    return WaterParameters(plant.heat_rejection.concentration_cycles or CONCENTRATION_CYCLES)


def economizer(plant: Plant) -> EconomizerParameters:
    """The waterside economizer."""
    said = plant.economizer
    if said is None:
        return EconomizerParameters(present=False)
    return EconomizerParameters(
        present=True, effectiveness=said.effectiveness, tower_water_min_c=said.tower_water_min_c
    )


def economizer_modes(plant: Plant) -> ModeParameters | None:
    """When it comes and goes."""
    said = plant.economizer
    return None if said is None or said.hold_s is None else ModeParameters(hold_s=said.hold_s)


def staging(plant: Plant) -> StagingParameters | None:
    """When chillers come and go."""
    return None if plant.staging is None else StagingParameters(**plant.staging.model_dump())


def air_economizer(plant: Plant) -> AirEconomizerParameters | None:
    """Outdoor air let into the halls."""
    said = plant.air_economizer
    if said is None:
        return None
    low, high = said.mixed_dew_point_min_c, said.mixed_dew_point_max_c
    driest, wettest = DEW_POINT_ANY.low, DEW_POINT_ANY.high
    mixed = Bounds(driest if low is None else low, wettest if high is None else high)
    any_humidity = low is None and high is None
    return AirEconomizerParameters(
        present=True,
        dry_bulb_max_c=said.dry_bulb_max_c,
        dew_point_max_c=said.dew_point_max_c,
        mixed_dew_point=None if any_humidity else mixed,
    )


def direct(plant: Plant) -> DirectParameters | None:
    """A zone's direct evaporative stage."""
    said = plant.evaporative
    if said is None or said.direct is None:
        return None
    sump = WaterParameters(said.concentration_cycles, drift_ratio=0.0)
    return DirectParameters(said.direct.pump_kw / plant.zones, said.direct.effectiveness, sump)


def indirect(plant: Plant) -> IndirectParameters | None:
    """A zone's indirect evaporative stage."""
    said = plant.evaporative
    if said is None or said.indirect is None:
        return None
    stage = said.indirect.model_dump()
    stage["full_kw"] /= plant.zones
    return IndirectParameters(**stage, water=WaterParameters(said.concentration_cycles, drift_ratio=0.0))


def liquid(plant: Plant) -> CduParameters | None:
    """A zone's coolant distribution.

    Raises:
        InputError: no exchanger can have such a design point.
    """
    said = plant.liquid
    if said is None:
        return None
    heat_kw = said.heat_design_kw or said.it_ratio * plant.it_design_kw
    units = CduParameters(
        heat_kw / plant.zones,
        _pump(said.pump_kw / plant.zones, said.pump_speed, said.pump_exponent),
        liquid_class=said.thermal_class,
        liquid_ratio=said.it_ratio,
        approach_design_k=said.approach_design_k,
        loop_rise_design_k=said.loop_rise_design_k,
        facility_rise_design_k=said.facility_rise_design_k,
        supply_drift_max_k=said.supply_drift_max_k,
    )
    design_conductance_kw_per_k(units)
    return units


def loop(plant: Plant) -> LoopParameters | None:
    """The chilled water's mass."""
    if plant.chilled_water_m3 is None:
        return None
    return LoopParameters(plant.it_design_kw, plant.chilled_water_m3 / (plant.it_design_kw * _MW_PER_KW))


def chilled_water_pump(plant: Plant) -> AffinityParameters:
    """All chilled-water pumps."""
    speed, exponent = plant.chilled_water_pump_speed, plant.chilled_water_pump_exponent
    return _pump(plant.chilled_water_pump_kw, speed, exponent)


def condenser_water_pump(plant: Plant) -> AffinityParameters:
    """All condenser-water pumps, or those of the dry cooler's water."""
    speed, exponent = plant.condenser_water_pump_speed, plant.condenser_water_pump_exponent
    return _pump(plant.condenser_water_pump_kw or 0.0, speed, exponent)


def _pump(design_kw: float, speed: Literal["variable", "constant"], exponent: float) -> AffinityParameters:
    """A pump; one of constant speed draws its design power whenever it runs."""
    if speed == "constant":
        return AffinityParameters(design_kw, exponent, flow_min_ratio=1.0)
    return AffinityParameters(design_kw, exponent)


def _liquid_ratio(plant: Plant) -> float:
    return 0.0 if plant.liquid is None else plant.liquid.it_ratio
