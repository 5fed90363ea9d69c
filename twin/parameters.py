"""All parameters of a plant: from its design data, and adjusted by named calibration multipliers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import reduce
from typing import TYPE_CHECKING, Any, Final

from core.actions import Setpoint
from core.errors import InputError
from twin import design
from twin.plant.condenser_air import CondenserAirParameters
from twin.plant.curves import AIR_HEAT_KJ_PER_M3K
from twin.plant.server import ServerParameters
from twin.plant.ups import UpsParameters
from twin.plant.water import WaterParameters
from twin.psychro import STANDARD_PRESSURE_PA, pressure_pa

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.plant import Plant
    from twin.plant.air_economizer import AirEconomizerParameters
    from twin.plant.cdu import CduParameters
    from twin.plant.chiller import ChillerParameters
    from twin.plant.crah import CrahParameters
    from twin.plant.economizer import EconomizerParameters
    from twin.plant.evaporative import DirectParameters, IndirectParameters
    from twin.plant.loop import LoopParameters
    from twin.plant.pump import AffinityParameters
    from twin.plant.rejection import Rejection
    from twin.plant.staging import ModeParameters, StagingParameters

OTHER_SHARE_RATIO: Final = 0.005
"""Lighting, controls and offices over IT design power [1]."""
RETURN_AIR_C: Final = 34.0
"""Return air that CRAH fans hold where nobody says another [degC]: 22 degC and the equipment's rise."""
LIQUID_SUPPLY_C: Final = 30.0
"""Supply of a technology cooling loop where nobody says another [degC]."""
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
    "pump": ("chilled_water_pump.design_kw", "condenser_water_pump.design_kw", "liquid.pump.design_kw"),
    "chiller_power": ("chiller.power_ratio",),
    "tower_fan": ("rejection.fan_kw", "rejection.fan.design_kw"),
    "tower_approach": ("rejection.approach_ratio",),
    "rejection_conductance": ("rejection.conductance_ratio",),
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
_SERVER_MASS_MJ_PER_K_MW: Final = 15.0
_KJ_PER_MJ: Final = 1000.0
_KW_PER_MW: Final = 1000.0


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
    water: WaterParameters = field(default_factory=lambda: WaterParameters(design.CONCENTRATION_CYCLES))
    """The basin's chemistry."""
    air_economizer: AirEconomizerParameters | None = None
    """Outdoor air let into the halls."""
    direct: DirectParameters | None = None
    """Direct evaporative stage in outdoor air that is let in."""
    indirect: IndirectParameters | None = None
    """Indirect evaporative stage in return air."""
    return_air_control: bool = False
    """Whether the CRAH fans hold a return air temperature; else they follow the equipment."""
    return_air_c: float = RETURN_AIR_C
    """Return air that they hold where no setpoint is given [degC]."""
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
    liquid_supply_c: float = LIQUID_SUPPLY_C
    """Supply of the technology cooling loop where no setpoint is given [degC]."""
    heat_reuse_kw: float = 0.0
    """Heat that somebody outside takes where the conditions do not say [kW], if there is as much."""
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
    def rejects_to_water(self) -> bool:
        """Whether anything sends heat to tower or dry cooler."""
        liquid = self.liquid is not None and not self.liquid_from_chilled_water
        return not self.chiller.record.air_cooled or self.economizer.present or liquid

    @property
    def setpoints_needed(self) -> tuple[Setpoint, ...]:
        """The setpoints that act on something that this plant has."""
        nothing = set() if self.rejects_to_water else {Setpoint.CONDENSER_WATER_SUPPLY_TEMPERATURE}
        return tuple(name for name in Setpoint if name not in nothing)

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
        """Design data and published defaults: what is known before calibration; see `twin.design`.

        Raises:
            InputError: the chillers' record is unknown or unfit for use, or does not go with the rest.
        """
        mass_mj = _SERVER_MASS_MJ_PER_K_MW * plant.it_design_kw / _KW_PER_MW
        hall_kj_per_k = mass_mj * _KJ_PER_MJ + AIR_HEAT_KJ_PER_M3K * plant.hall_air_volume_m3
        machines = design.chillers(plant)
        return cls(
            server=ServerParameters(plant.it_design_kw / plant.zones),
            ups=UpsParameters(plant.ups_rated_kw / plant.zones, hall_share_ratio=plant.ups_hall_share_ratio),
            crah=design.coils(plant),
            chiller=machines,
            rejection=design.rejection(plant, machines),
            economizer=design.economizer(plant),
            chilled_water_pump=design.chilled_water_pump(plant),
            condenser_water_pump=design.condenser_water_pump(plant),
            other_kw=OTHER_SHARE_RATIO * plant.it_design_kw,
            hall_kj_per_k=hall_kj_per_k / plant.zones,
            pressure_pa=pressure_pa(plant.altitude_m),
            water=design.basin(plant),
            air_economizer=design.air_economizer(plant),
            direct=design.direct(plant),
            indirect=design.indirect(plant),
            return_air_control=plant.crah_control == "return_air",
            return_air_c=plant.return_air_temperature_c or RETURN_AIR_C,
            envelope_kw_per_k=plant.envelope_kw_per_k / plant.zones,
            basin_heater_kw_per_k=plant.heat_rejection.basin_heater_kw_per_k or 0.0,
            condenser_air=design.condenser_air(plant, machines),
            liquid=design.liquid(plant),
            liquid_from_chilled_water=plant.liquid is not None and plant.liquid.source == "chilled_water",
            liquid_supply_c=LIQUID_SUPPLY_C if plant.liquid is None else plant.liquid.supply_c,
            heat_reuse_kw=plant.heat_reuse_kw,
            loop=design.loop(plant),
            staging=design.staging(plant),
            economizer_modes=design.economizer_modes(plant),
            zones=plant.zones,
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
