"""All parameters of a plant: from its design data, and adjusted by named calibration multipliers."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import TYPE_CHECKING, Any, Final

from core.errors import InputError
from twin.plant.chiller import ChillerParameters
from twin.plant.condenser_air import CondenserAirParameters
from twin.plant.crah import CrahParameters
from twin.plant.curves import AIR_HEAT_KJ_PER_M3K
from twin.plant.economizer import EconomizerParameters
from twin.plant.pump import AffinityParameters
from twin.plant.server import ServerParameters
from twin.plant.tower import TowerParameters
from twin.plant.ups import UpsParameters
from twin.plant.water import WaterParameters
from twin.psychro import STANDARD_PRESSURE_PA, pressure_pa

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.site import Plant
    from twin.plant.air_economizer import AirEconomizerParameters
    from twin.plant.cdu import CduParameters
    from twin.plant.evaporative import DirectParameters, IndirectParameters
    from twin.plant.loop import LoopParameters
    from twin.plant.rejection import Rejection
    from twin.plant.staging import ModeParameters, StagingParameters

COIL_DESIGN_DIFFERENCE_K: Final = 10.0
"""Supply air above supply water with which the coils carry the design load [K], e.g. 22 and 12 degC."""
WATER_DESIGN_RISE_K: Final = 6.0
"""Chilled water return above supply at design [K]."""
FAN_AFFINITY_EXPONENT: Final = 3.0
OTHER_SHARE_RATIO: Final = 0.005
"""Lighting, controls and offices over IT design power [1]."""
PUMP_HEAT_RATIO: Final = 0.9
"""Share of a pump's power that ends up in its water [1]."""
MULTIPLIERS: Final[dict[str, tuple[str, ...]]] = {
    "ups_loss": ("ups.proportional_ratio", "ups.square_ratio", "ups.distribution_ratio"),
    "ups_no_load": ("ups.no_load_ratio",),
    "crah_fan": ("crah.fan.design_kw",),
    "server_airflow": ("server.airflow_ratio",),
    "coil_ua": ("crah.ua_kw_per_k",),
    "recirculation": ("server.recirculation_ratio",),
    "leakage": ("server.leakage_per_k", "server.fan_share_ratio"),
    "pump": ("chilled_water_pump.design_kw", "condenser_water_pump.design_kw"),
    "chiller_power": ("chiller.power_ratio",),
    "tower_fan": ("rejection.fan_kw", "rejection.fan.design_kw"),
    "tower_approach": ("rejection.approach_ratio",),
    "economizer": ("economizer.effectiveness",),
    "other_load": ("other_kw",),
    "pump_exponent": ("chilled_water_pump.exponent", "condenser_water_pump.exponent"),
    "crah_fan_exponent": ("crah.fan.exponent",),
    "envelope": ("envelope_kw_per_k",),
    "basin_heater": ("basin_heater_kw_per_k",),
    "direct_effectiveness": ("direct.effectiveness",),
    "indirect_wet_effectiveness": ("indirect.wet_effectiveness",),
    "indirect_dry_effectiveness": ("indirect.dry_effectiveness",),
    "indirect_power": ("indirect.full_kw",),
    "indirect_part_power": ("indirect.part_ratio",),
    "indirect_wet_from": ("indirect.wet_from_c",),
    "indirect_wet_bulb_max": ("indirect.wet_bulb_max_c",),
    "air_economizer_dry_bulb_max": ("air_economizer.dry_bulb_max_c",),
    "air_economizer_dew_point_max": ("air_economizer.dew_point_max_c",),
}
"""Calibration multipliers: name to the quantities it multiplies; 1 is the design."""
CONCENTRATION_CYCLES: Final = 4.0
"""Dissolved solids in the basin over those in the make-up water, as usual [1]."""
_TOWER_MARGIN: Final = 1.1
_SERVER_MASS_MJ_PER_K_MW: Final = 15.0
_KJ_PER_MJ: Final = 1000.0
_KW_PER_MW: Final = 1000.0
_BISECTIONS: Final = 60
_NTU_MAX: Final = 50.0


@dataclass(frozen=True, slots=True)
class Parameters:
    """Everything that the physics needs to know of a plant."""

    server: ServerParameters
    """IT equipment."""
    ups: UpsParameters
    """Electrical chain."""
    crah: CrahParameters
    """Air handlers."""
    chiller: ChillerParameters
    """Chillers."""
    rejection: Rejection
    """Cooling tower or dry cooler."""
    economizer: EconomizerParameters
    """Waterside economizer."""
    chilled_water_pump: AffinityParameters
    """All chilled-water pumps."""
    condenser_water_pump: AffinityParameters
    """All condenser-water pumps."""
    other_kw: float
    """Everything else: lighting, controls, offices [kW]."""
    hall_kj_per_k: float
    """Heat that warms the hall's air and equipment by 1 K [kJ/K]."""
    pressure_pa: float = STANDARD_PRESSURE_PA
    """Atmospheric pressure [Pa]."""
    water: WaterParameters = field(default_factory=lambda: WaterParameters(CONCENTRATION_CYCLES))
    """The basin's chemistry."""
    air_economizer: AirEconomizerParameters | None = None
    """Outdoor air let into the halls."""
    direct: DirectParameters | None = None
    """Direct evaporative stage in outdoor air that is let in."""
    indirect: IndirectParameters | None = None
    """Indirect evaporative stage in return air."""
    return_air_control: bool = False
    """Whether the CRAH fans hold a return air temperature; else they follow the equipment."""
    envelope_kw_per_k: float = 0.0
    """Heat through walls and roof by the difference of outdoor and return air [kW/K]."""
    basin_heater_kw_per_k: float = 0.0
    """Heat that keeps a standing tower basin from freezing, by the frost outside [kW/K]."""
    condenser_air: CondenserAirParameters = field(default_factory=CondenserAirParameters)
    """Air of air-cooled chillers; counts where the chillers' record is one."""
    liquid: CduParameters | None = None
    """Coolant distribution of a zone, where part of the equipment is cooled by liquid."""
    liquid_from_chilled_water: bool = False
    """Whether it gives its heat to the chilled water; else to the tower's water."""
    liquid_supply_c: float = 30.0
    """Supply of the technology cooling loop where no setpoint is given [degC]."""
    loop: LoopParameters | None = None
    """Mass of the chilled water; none: it counts for nothing."""
    staging: StagingParameters | None = None
    """When chillers come and go; none: always the best number."""
    economizer_modes: ModeParameters | None = None
    """When the waterside economizer comes and goes; none: whenever it helps."""
    zones: int = 1
    """Equal zones on the first axis of the load, each with its own IT, CRAHs, UPS and liquid loop."""

    @property
    def liquid_ratio(self) -> float:
        """Share of the IT power that goes to liquid [1]."""
        return 0.0 if self.liquid is None else self.liquid.liquid_ratio

    @property
    def uses_outdoor_air(self) -> bool:
        """Whether outdoor air can take heat ahead of the coils."""
        return self.air_economizer is not None or self.indirect is not None

    @property
    def adjustable(self) -> tuple[str, ...]:
        """The MULTIPLIERS that act on something that this plant has."""
        return tuple(name for name in MULTIPLIERS if _paths(self, name))

    @classmethod
    def from_design(cls, plant: Plant) -> Parameters:
        """Design data and published defaults: what is known before calibration."""
        per_unit = AffinityParameters(plant.crah_fan_kw, FAN_AFFINITY_EXPONENT)
        load_kw = plant.it_design_kw + plant.crah_count * plant.crah_fan_kw
        heat_kw = _TOWER_MARGIN * plant.it_design_kw * (1.0 + 1.0 / plant.chiller_cop)
        mass_mj = _SERVER_MASS_MJ_PER_K_MW * plant.it_design_kw / _KW_PER_MW
        return cls(
            server=ServerParameters(plant.it_design_kw),
            ups=UpsParameters(plant.ups_rated_kw),
            crah=_coils(plant.crah_count, plant.crah_airflow_m3s, per_unit, load_kw),
            chiller=ChillerParameters(plant.chiller_count, plant.chiller_capacity_kw, plant.chiller_cop),
            rejection=TowerParameters(heat_kw, plant.tower_fan_kw),
            economizer=EconomizerParameters(plant.has_waterside_economizer),
            chilled_water_pump=AffinityParameters(plant.chilled_water_pump_kw),
            condenser_water_pump=AffinityParameters(plant.condenser_water_pump_kw),
            other_kw=OTHER_SHARE_RATIO * plant.it_design_kw,
            hall_kj_per_k=mass_mj * _KJ_PER_MJ + AIR_HEAT_KJ_PER_M3K * plant.hall_air_volume_m3,
            pressure_pa=pressure_pa(plant.altitude_m),
        )

    def with_multipliers(self, mapping: Mapping[str, float]) -> Parameters:
        """The same plant with some quantities multiplied.

        Args:
            mapping: names of MULTIPLIERS to factors [1]; those not named stay as they are.

        Raises:
            InputError: a name is unknown.
        """
        adjusted = self
        for name, factor in mapping.items():
            if name not in MULTIPLIERS:
                raise InputError(
                    "calibration multiplier",
                    found=name,
                    allowed=", ".join(MULTIPLIERS),
                    do="use one of these",
                )
            for path in _paths(self, name):
                adjusted = _scaled(adjusted, path, factor)
        return adjusted


def _coils(count: int, airflow_m3s: float, fan: AffinityParameters, load_kw: float) -> CrahParameters:
    """Coils that carry the design load with all fans and valves open, by bisection of the NTU."""
    air = AIR_HEAT_KJ_PER_M3K * count * airflow_m3s
    water = load_kw / WATER_DESIGN_RISE_K
    wanted = load_kw / (load_kw / air + COIL_DESIGN_DIFFERENCE_K)
    least, ratio = min(air, water), min(air, water) / max(air, water)
    low, high = 0.0, _NTU_MAX
    for _ in range(_BISECTIONS):
        ntu = 0.5 * (low + high)
        decay = math.exp(-ntu * (1.0 - ratio))
        enough = least * (1.0 - decay) >= wanted * (1.0 - ratio * decay)
        low, high = (low, ntu) if enough else (ntu, high)
    return CrahParameters(count, airflow_m3s, fan, high * least, water)


def _paths(parameters: Parameters, name: str) -> list[tuple[str, ...]]:
    """Those quantities of a multiplier that this plant has."""
    paths = [tuple(text.split(".")) for text in MULTIPLIERS[name]]
    whole: Any = parameters
    found = {path: reduce(_part, path, whole) for path in paths}
    return [path for path, value in found.items() if isinstance(value, float) and value]


def _part(whole: Any, name: str) -> Any:
    return getattr(whole, name, None)


def _scaled(part: Any, path: tuple[str, ...], factor: float) -> Any:
    """A copy of a nested frozen dataclass with one number multiplied."""
    name, *rest = path
    value = getattr(part, name)
    return replace(part, **{name: _scaled(value, tuple(rest), factor) if rest else value * factor})
