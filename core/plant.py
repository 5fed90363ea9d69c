"""Design data of a plant, `[plant]` in `site.toml`: what the twin begins with before calibration."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

LIQUID_BOUNDS_C: Final = (5.0, 65.0)
"""Supply of a technology cooling loop that may be asked for [degC]."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HeatRejection(_Table):
    """What stands on the roof. A key that the kind does not have is refused."""

    kind: Literal["york_tower", "merkel_tower", "dry_cooler", "none"] = "york_tower"
    heat_design_kw: float | None = Field(
        default=None,
        gt=0,
        description="Heat rejected at the design point [kW]; 1.1 times the plant's if absent.",
    )
    airflow_m3s: float | None = Field(
        default=None, gt=0, description="Air at full fan speed [m3/s]; Merkel's tower and dry cooler."
    )
    approach_design_k: float | None = Field(
        default=None, gt=0, le=30, description="Water leaving above wet bulb (dry cooler: dry bulb) [K]."
    )
    range_design_k: float | None = Field(
        default=None, gt=0, le=30, description="Water entering above leaving [K]."
    )
    wet_bulb_design_c: float | None = Field(
        default=None, ge=0, le=35, description="Wet bulb at the design point [degC]; Merkel's tower."
    )
    concentration_cycles: float | None = Field(
        default=None, gt=1, le=20, description="Solids in the basin over those in the make-up [1]; towers."
    )
    basin_heater_kw_per_k: float | None = Field(
        default=None, ge=0, description="Heat of a standing basin by the frost outside [kW/K]; towers."
    )

    @model_validator(mode="after")
    def _only_its_own(self) -> HeatRejection:
        strange = [name for name, value in self if value is not None and name not in _KEYS_OF_KIND[self.kind]]
        if strange:
            raise ValueError(f"kind {self.kind} has no {', '.join(strange)}")
        return self


_SIZE: Final = {"kind", "heat_design_kw"}
_BASIN: Final = {"concentration_cycles", "basin_heater_kw_per_k"}
_SELECTION: Final = {"airflow_m3s", "approach_design_k", "range_design_k"}
_KEYS_OF_KIND: Final = {
    "york_tower": _SIZE | _BASIN,
    "merkel_tower": _SIZE | _BASIN | _SELECTION | {"wet_bulb_design_c"},
    "dry_cooler": _SIZE | _SELECTION,
    "none": {"kind"},
}


class WatersideEconomizer(_Table):
    """A plate heat exchanger between tower water and the chilled-water return."""

    effectiveness: float = Field(default=0.8, gt=0, lt=1, description="Of the exchanger [1].")
    tower_water_min_c: float = Field(
        default=4.0, ge=1, le=20, description="The tower makes no colder water, for fear of frost [degC]."
    )
    hold_s: float | None = Field(
        default=None,
        ge=0,
        le=86_400,
        description="Least time in use or not [s]; absent: it comes and goes at once.",
    )


class AirEconomizer(_Table):
    """Outdoor air let into the halls."""

    dry_bulb_max_c: float = Field(default=23.0, ge=-20, le=45, description="Shut above this [degC].")
    dew_point_max_c: float = Field(default=13.5, ge=-30, le=30, description="Shut above this [degC].")
    mixed_dew_point_min_c: float | None = Field(
        default=None, ge=-30, le=30, description="The mixed air is no drier [degC]; absent: any."
    )
    mixed_dew_point_max_c: float | None = Field(
        default=None, ge=-30, le=30, description="The mixed air is no more humid [degC]; absent: any."
    )

    @model_validator(mode="after")
    def _ordered(self) -> AirEconomizer:
        low, high = self.mixed_dew_point_min_c, self.mixed_dew_point_max_c
        if low is not None and high is not None and low >= high:
            raise ValueError(
                f"mixed_dew_point_min_c must be below mixed_dew_point_max_c, found {low} and {high}"
            )
        return self


class DirectStage(_Table):
    """Wetted media in outdoor air that is let in."""

    pump_kw: float = Field(ge=0, description="Pump with all of the media wet, of all units together [kW].")
    effectiveness: float = Field(default=0.7, gt=0, le=1, description="Over the wet-bulb depression [1].")


class IndirectStage(_Table):
    """A heat exchanger from return air to outdoor air that is wetted in warm weather."""

    full_kw: float = Field(ge=0, description="Secondary fans and pumps, wet, of all units together [kW].")
    wet_effectiveness: float = Field(
        default=0.7, gt=0, le=1.3, description="By the wet bulb outdoors, wet [1]."
    )
    dry_effectiveness: float = Field(
        default=0.72, gt=0, le=1, description="By the dry bulb outdoors, dry [1]."
    )
    wet_from_c: float = Field(default=20.0, ge=0, le=45, description="Wet from this dry bulb on [degC].")
    wet_bulb_max_c: float = Field(
        default=24.0, ge=0, le=35, description="Not wet above this wet bulb [degC]."
    )


class Evaporative(_Table):
    """Evaporative stages ahead of the coils."""

    direct: DirectStage | None = None
    indirect: IndirectStage | None = None
    concentration_cycles: float = Field(
        default=3.0, gt=1, le=20, description="Solids in the sumps over those in the make-up [1]."
    )

    @model_validator(mode="after")
    def _some(self) -> Evaporative:
        if self.direct is None and self.indirect is None:
            raise ValueError("a table direct or a table indirect, or both")
        return self


class Liquid(_Table):
    """Coolant distribution units for equipment that is cooled by liquid; all units together."""

    pump_kw: float = Field(ge=0, description="Design power of the loops' pumps [kW].")
    pump_speed: Literal["variable", "constant"] = "variable"
    pump_exponent: float = Field(
        default=2.5, ge=1, le=3, description="Pump power goes with flow to this [1]."
    )
    it_ratio: float = Field(
        default=0.75, gt=0, le=1, description="Share of the IT power that goes to liquid [1]."
    )
    thermal_class: Literal["W17", "W27", "W32", "W40", "W45"] = "W32"
    source: Literal["tower", "chilled_water"] = Field(
        default="tower", description="Who takes the heat: water of tower or dry cooler, or chilled water."
    )
    supply_c: float = Field(
        default=30.0,
        ge=LIQUID_BOUNDS_C[0],
        le=LIQUID_BOUNDS_C[1],
        description="Supply of the loops where no setpoint is given [degC].",
    )
    heat_design_kw: float | None = Field(
        default=None,
        gt=0,
        description="Heat at the design point [kW]; absent: the liquid's share of the IT's.",
    )
    approach_design_k: float = Field(default=4.0, gt=0, le=30, description="Loop above facility supply [K].")
    loop_rise_design_k: float = Field(default=10.0, gt=0, le=40, description="Loop return above supply [K].")
    facility_rise_design_k: float = Field(
        default=8.0, gt=0, le=40, description="Facility return above supply [K]."
    )
    supply_drift_max_k: float = Field(
        default=5.0, ge=0, le=20, description="How far the loop may drift above its setpoint [K]."
    )


class Staging(_Table):
    """When chillers come and go."""

    on_above_ratio: float = Field(
        default=0.9, gt=0, le=1, description="Another comes on above this load [1]."
    )
    off_below_ratio: float = Field(
        default=0.4, ge=0, lt=1, description="One goes off where the rest would have less than this load [1]."
    )
    hold_s: float = Field(default=1200.0, ge=0, le=86_400, description="Least time between two changes [s].")

    @model_validator(mode="after")
    def _ordered(self) -> Staging:
        if self.off_below_ratio >= self.on_above_ratio:
            raise ValueError(
                "off_below_ratio must be below on_above_ratio, "
                f"found {self.off_below_ratio} and {self.on_above_ratio}"
            )
        return self


class Plant(_Table):
    """The whole plant; all zones, units and machines of a kind together unless a key says otherwise."""

    it_design_kw: float = Field(gt=0, description="IT load the halls were built for [kW].")
    zones: int = Field(
        default=1, ge=1, le=1000, description="Equal zones, each with its share of IT, CRAHs, UPS and CDUs."
    )
    hall_air_volume_m3: float = Field(default=3000.0, gt=0)
    envelope_kw_per_k: float = Field(default=0.0, ge=0, description="Heat through walls and roof [kW/K].")
    altitude_m: float = Field(default=0.0, ge=-430, le=5000)
    ups_rated_kw: float = Field(gt=0, description="Rated power of the UPS modules in service [kW].")
    ups_hall_share_ratio: float = Field(
        default=0.0, ge=0, le=1, description="Share of the UPS losses that warms the halls [1]."
    )
    crah_count: int = Field(ge=1)
    crah_airflow_m3s: float = Field(gt=0, description="Design airflow of one CRAH [m3/s].")
    crah_fan_kw: float = Field(gt=0, description="Design fan power of one CRAH [kW].")
    crah_control: Literal["equipment", "return_air"] = Field(
        default="equipment", description="What the CRAH fans follow: the equipment's airflow or return air."
    )
    return_air_temperature_c: float | None = Field(
        default=None, ge=15, le=60, description="Return air to hold where no setpoint is given [degC]."
    )
    chiller_count: int = Field(ge=1)
    chiller_record: str | None = Field(
        default=None, min_length=1, description="Name of their published curves; absent: a usual machine's."
    )
    chiller_records_file: Path | None = Field(
        default=None, description="Table with that record, a CSV file beside site.toml."
    )
    chiller_renormalise: bool = Field(
        default=False, description="Take curves that miss their own rated point by more than 5 %."
    )
    chiller_capacity_kw: float | None = Field(
        default=None, gt=0, description="Rated cooling capacity of one chiller [kW]; absent: the record's."
    )
    chiller_cop: float | None = Field(
        default=None, gt=1, lt=15, description="Rated coefficient of performance [1]; absent: the record's."
    )
    chiller_precool_ratio: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Wet-bulb effectiveness of precooled condenser air [1]; air-cooled.",
    )
    chilled_water_pump_kw: float = Field(gt=0)
    chilled_water_pump_speed: Literal["variable", "constant"] = "variable"
    chilled_water_pump_exponent: float = Field(
        default=2.5, ge=1, le=3, description="Power by flow to this [1]."
    )
    chilled_water_m3: float | None = Field(
        default=None,
        gt=0,
        description="Water in the chilled-water loop [m3]; absent: its mass counts for nothing.",
    )
    tower_fan_kw: float | None = Field(
        default=None, gt=0, description="Design fan power of tower or dry cooler [kW]."
    )
    condenser_water_pump_kw: float | None = Field(default=None, gt=0)
    condenser_water_pump_speed: Literal["variable", "constant"] = "variable"
    condenser_water_pump_exponent: float = Field(
        default=2.5, ge=1, le=3, description="Power by flow to this [1]."
    )
    has_waterside_economizer: bool = False
    heat_reuse_kw: float = Field(
        default=0.0, ge=0, description="Heat that somebody outside takes, as long as there is as much [kW]."
    )
    heat_rejection: HeatRejection = HeatRejection()
    waterside_economizer: WatersideEconomizer | None = None
    air_economizer: AirEconomizer | None = None
    evaporative: Evaporative | None = None
    liquid: Liquid | None = None
    staging: Staging | None = None

    @property
    def economizer(self) -> WatersideEconomizer | None:
        """The waterside economizer, if there is one."""
        return self.waterside_economizer or (WatersideEconomizer() if self.has_waterside_economizer else None)

    @property
    def as_one_zone(self) -> Plant:
        """The same plant without zones: what meters of the whole site see of equal zones under equal load."""
        return self.model_copy(update={"zones": 1})

    @model_validator(mode="after")
    def _chillers(self) -> Plant:
        if self.chiller_record is None:
            missing = [name for name in ("chiller_capacity_kw", "chiller_cop") if getattr(self, name) is None]
            if missing:
                raise ValueError(f"{' and '.join(missing)} may be left out only beside a chiller_record")
            if self.chiller_records_file is not None or self.chiller_renormalise:
                raise ValueError("chiller_records_file and chiller_renormalise need a chiller_record")
        return self

    @model_validator(mode="after")
    def _rejection(self) -> Plant:
        kind = self.heat_rejection.kind
        names = ("tower_fan_kw", "condenser_water_pump_kw")
        if kind != "none":
            missing = [name for name in names if getattr(self, name) is None]
            if missing:
                raise ValueError(f"a plant with a {kind} needs {' and '.join(missing)}")
            return self
        strange = [name for name in names if getattr(self, name) is not None]
        if strange:
            raise ValueError(f"a plant whose heat_rejection is none has no {' and no '.join(strange)}")
        if self.economizer is not None:
            raise ValueError("a waterside economizer needs a tower or dry cooler, and heat_rejection is none")
        if self.liquid is not None and self.liquid.source == "tower":
            raise ValueError('liquid.source "tower" needs a tower or dry cooler, and heat_rejection is none')
        if self.heat_reuse_kw > 0:
            raise ValueError("heat_reuse_kw is taken from condenser water, and heat_rejection is none")
        return self

    @model_validator(mode="after")
    def _air(self) -> Plant:
        if self.evaporative is not None and self.evaporative.direct and self.air_economizer is None:
            raise ValueError("evaporative.direct cools outdoor air that is let in: it needs air_economizer")
        held = self.return_air_temperature_c is not None
        if held != (self.crah_control == "return_air"):
            raise ValueError('return_air_temperature_c and crah_control = "return_air" go together')
        denied = "has_waterside_economizer" in self.model_fields_set and not self.has_waterside_economizer
        if denied and self.waterside_economizer is not None:
            raise ValueError("has_waterside_economizer is false beside a table waterside_economizer")
        return self

    @model_validator(mode="after")
    def _zones(self) -> Plant:
        if self.crah_count % self.zones:
            raise ValueError(f"{self.crah_count} CRAHs cannot be shared by {self.zones} equal zones")
        return self
