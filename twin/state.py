"""What goes into the plant's physics and what comes out: conditions, setpoints, state."""

from __future__ import annotations

from dataclasses import dataclass, fields
from types import EllipsisType
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from core import kpi
from core.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

    from core.actions import Setpoint
    from twin.plant.curves import Flags, Floats

BREAKDOWN: Final[tuple[str, ...]] = (
    "it_kw",
    "ups_loss_kw",
    "pdu_loss_kw",
    "crah_fan_kw",
    "evaporative_kw",
    "chiller_kw",
    "chilled_water_pump_kw",
    "condenser_water_pump_kw",
    "liquid_pump_kw",
    "tower_fan_kw",
    "basin_heater_kw",
    "learned_kw",
    "other_kw",
)
"""Fields of `PlantState` that add up to `facility_kw`."""
COOLING: Final[tuple[str, ...]] = BREAKDOWN[3:12]
"""Those that add up to `cooling_kw`."""
LEARNED_IN: Final = frozenset(
    {"learned_kw", "cooling_kw", "facility_kw", "inlet_c", "pue", "tue", "mlc", "erf"}
    | {"carbon_kg", "cue_kg_per_kwh"}
)
"""Quantities and indicators into which goes what a residual learned."""


def kind(name: str, *, learned: bool) -> str:
    """What a number of the twin's is, to be said beside it.

    Args:
        name: a field of `PlantState`, or an indicator.
        learned: whether a residual added something to the state that it comes from.
    """
    return "modelled + learned" if learned and name in LEARNED_IN else "modelled"


@dataclass(frozen=True, slots=True)
class Conditions:
    """What is given from outside; arrays of shapes that broadcast, e.g. (time,)."""

    it_reference_kw: ArrayLike
    """IT power at the reference inlet temperature [kW]."""
    dry_bulb_c: ArrayLike
    """Outdoor dry bulb [degC]."""
    wet_bulb_c: ArrayLike
    """Outdoor wet bulb [degC]."""
    heat_reuse_kw: ArrayLike = float("nan")
    """Heat that somebody outside takes at that time, if there is as much [kW]; NaN where the plant says."""


@dataclass(frozen=True, slots=True)
class Setpoints:
    """What the operator sets; numbers or arrays that broadcast with the conditions, e.g. (scenario, 1)."""

    supply_air_temperature_c: ArrayLike
    """Supply air setpoint [degC]."""
    chilled_water_supply_temperature_c: ArrayLike
    """Chilled water supply setpoint [degC]."""
    condenser_water_supply_temperature_c: ArrayLike = float("nan")
    """Condenser water supply setpoint [degC]; in force while the economizer is off; NaN: coldest."""
    return_air_temperature_c: ArrayLike = float("nan")
    """Return air that the CRAH fans hold [degC]; NaN where the plant says, or they follow the equipment."""
    liquid_supply_temperature_c: ArrayLike = float("nan")
    """Supply of the technology cooling loop [degC]; NaN where the plant says, or there is none."""

    @classmethod
    def of(cls, values: Mapping[Setpoint, ArrayLike]) -> Setpoints:
        """From values by the names of `core.actions.Setpoint`; the first three are needed."""
        return cls(**{f"{name.value}_c": value for name, value in values.items()})

    def replace(self, values: Mapping[Setpoint, ArrayLike]) -> Setpoints:
        """The same with some of them changed."""
        now = {field.name: getattr(self, field.name) for field in fields(self)}
        return Setpoints(**{**now, **{f"{name.value}_c": value for name, value in values.items()}})


class Inputs(NamedTuple):
    """Everything that the solve is given, as arrays of one shape; see `Conditions` and `Setpoints`."""

    it_reference_kw: Floats
    dry_bulb_c: Floats
    wet_bulb_c: Floats
    heat_reuse_kw: Floats
    supply_air_c: Floats
    chilled_water_c: Floats
    condenser_water_c: Floats
    return_air_c: Floats
    liquid_c: Floats
    chillers: Floats
    """Chillers that can run."""
    crahs: Floats
    """CRAHs that can run."""
    hall_excess_k: Floats
    """How much warmer the hall is than its controls ask, from stored heat [K]."""
    extra_kw: Floats
    """Stored heat to take out of the hall on top of what arises [kW]."""
    loop_excess_k: Floats
    """How much warmer the chilled water is than its setpoint, from stored heat [K]."""
    loop_extra_kw: Floats
    """Stored heat to take out of the chilled water on top of its load [kW]."""
    staged: Floats
    """Chillers that run; NaN where the plant runs the best number."""
    economizing: Floats
    """1 where the waterside economizer is in use, 0 where not; NaN where the weather decides at once."""

    @classmethod
    def of(
        cls,
        conditions: Conditions,
        setpoints: Setpoints,
        chillers: ArrayLike,
        crahs: ArrayLike,
        hall_excess_k: ArrayLike = 0.0,
        extra_kw: ArrayLike = 0.0,
    ) -> Inputs:
        """All of them broadcast."""
        given = [getattr(part, field.name) for part in (conditions, setpoints) for field in fields(part)]
        nothing_set = float("nan")
        given += [chillers, crahs, hall_excess_k, extra_kw, 0.0, 0.0, nothing_set, nothing_set]
        return cls(*np.broadcast_arrays(*(np.asarray(values, dtype=np.float64) for values in given)))

    def split(self, zones: int) -> Inputs:
        """The same for zones on the first axis: each gives back its share of the stored heat.

        Raises:
            ValueError: the first axis is not that long.
        """
        if self.it_reference_kw.ndim == 0 or len(self.it_reference_kw) != zones:
            raise ValueError(f"the load's first axis must have one entry for each of the {zones} zones")
        return self._replace(extra_kw=self.extra_kw / zones)

    def at(self, where: Where) -> Inputs:
        """The same at one index."""
        return Inputs(*(values[where] for values in self))


Where = EllipsisType | int | tuple[EllipsisType, int]
"""An index into the inputs: all of them, a zone, a step."""


@dataclass(frozen=True, slots=True)
class PlantState:
    """What the plant does; every array has the broadcast shape of conditions and setpoints."""

    it_kw: Floats
    """IT power, server fans and leakage included [kW]."""
    server_fan_kw: Floats
    """Part of IT power drawn by its fans [kW]."""
    leakage_kw: Floats
    """Part of IT power due to an inlet warmer than the reference [kW]."""
    ups_loss_kw: Floats
    """Lost in the UPS [kW]."""
    pdu_loss_kw: Floats
    """Lost in power distribution [kW]."""
    crah_fan_kw: Floats
    """CRAH fans [kW]."""
    evaporative_kw: Floats
    """Pumps and secondary fans of the evaporative stages [kW]."""
    chiller_kw: Floats
    """Chillers [kW]."""
    chilled_water_pump_kw: Floats
    """Chilled-water pumps [kW]."""
    condenser_water_pump_kw: Floats
    """Condenser-water pumps [kW]."""
    liquid_pump_kw: Floats
    """Pumps of the technology cooling loops [kW]."""
    tower_fan_kw: Floats
    """Fans of tower or dry cooler [kW]."""
    basin_heater_kw: Floats
    """Heaters that keep the tower's basin from freezing [kW]."""
    learned_kw: Floats
    """Cooling power that the residual learned from the meters adds to the physics [kW]; may be negative."""
    other_kw: Floats
    """Everything else [kW]."""
    cooling_kw: Floats
    """Everything that moves heat [kW]: the sum of COOLING."""
    facility_kw: Floats
    """Everything the site draws [kW]: the sum of BREAKDOWN."""
    cooling_load_kw: Floats
    """Heat that the chilled water is asked to carry away [kW]."""
    economizer_load_kw: Floats
    """Part of it that the economizer takes [kW]."""
    chiller_load_kw: Floats
    """Part of it that the chillers take [kW]."""
    outdoor_air_load_kw: Floats
    """Heat that outdoor air takes ahead of the coils, by economizer or evaporative stage [kW]."""
    liquid_load_kw: Floats
    """Heat that the technology cooling loops take to the facility's water [kW]."""
    tower_heat_kw: Floats
    """Heat rejected by tower, dry cooler or air-cooled condenser [kW]."""
    heat_rejected_kw: Floats
    """All heat that leaves the site unused [kW]: that, by outdoor air, and directly from plant rooms."""
    reused_kw: Floats
    """Heat that is used outside the site [kW]."""
    unmet_kw: Floats
    """Heat that coils or chillers cannot take [kW]; it warms the hall."""
    stored_kw: Floats
    """Heat that goes into the hall's mass and the chilled water [kW], negative where it comes out."""
    loop_stored_kw: Floats
    """Part of it that goes into the chilled water [kW]."""
    inlet_c: Floats
    """Warmest IT inlet, recirculation included [degC]."""
    inlet_mean_c: Floats
    """Mean IT inlet [degC]."""
    supply_air_c: Floats
    """Supply air [degC]; above its setpoint where the coils fall short."""
    return_air_c: Floats
    """Return air [degC]."""
    chilled_water_supply_c: Floats
    """Chilled water supply [degC]."""
    chilled_water_return_c: Floats
    """Chilled water return [degC]."""
    condenser_water_supply_c: Floats
    """Water leaving the tower [degC]."""
    chillers_running: Floats
    """Number of chillers that run."""
    crah_fan_speed_ratio: Floats
    """CRAH fan speed over design [1]."""
    crah_airflow_m3s: Floats
    """Air moved by the CRAHs [m3/s]."""
    tower_air_ratio: Floats
    """Tower air flow over design [1]."""
    economizer_fraction: Floats
    """Economizer load over cooling load [1]."""
    water_l_per_h: Floats
    """Water of tower and evaporative stages [L/h]."""
    power_ratio: Floats
    """Facility power over IT power [1]; infinite without IT power. PUE is of energies: core.kpi."""
    balance_residual_kw: Floats
    """Power in minus heat rejected, reused and stored [kW]: zero but for rounding."""
    extrapolated: Flags
    """Whether some correlation is used outside its bounds."""
    supply_air_short: Flags
    """Whether the supply air misses its setpoint."""

    def part(self, index: int | slice | tuple[int | slice, ...] | Flags | NDArray[np.intp]) -> PlantState:
        """The same state at part of its shape, e.g. one scenario, or some steps."""
        return PlantState(**{field.name: getattr(self, field.name)[index] for field in fields(self)})

    @property
    def pump_kw(self) -> Floats:
        """All water loops' pumps [kW]."""
        return self.chilled_water_pump_kw + self.condenser_water_pump_kw + self.liquid_pump_kw

    @property
    def electrical_loss_kw(self) -> Floats:
        """Lost between utility and IT [kW]."""
        return self.ups_loss_kw + self.pdu_loss_kw

    def breakdown(self, step_s: float) -> kpi.Breakdown:
        """Energy by subsystem over all steps and scenarios of this state, with PUE and partial PUE.

        Args:
            step_s: length of a step [s].
        """
        hours = step_s / SECONDS_PER_HOUR
        overhead = {name.removesuffix("_kw"): getattr(self, name) * hours for name in BREAKDOWN[1:]}
        return kpi.breakdown(self.facility_kw * hours, self.it_kw * hours, overhead)

    def indicators(self) -> dict[str, float]:
        """PUE, TUE, MLC, ELC, ERF [1] and WUE [L/kWh] over all steps and scenarios; see `core.kpi`.

        Server fans are what the IT equipment draws beside computing: its power supplies are not modelled.
        """
        return {
            "pue": kpi.pue(self.facility_kw, self.it_kw),
            "tue": kpi.tue(self.facility_kw, self.it_kw, self.it_kw - self.server_fan_kw),
            "mlc": kpi.mlc(self.cooling_kw, self.it_kw),
            "elc": kpi.elc(self.electrical_loss_kw, self.it_kw),
            "erf": kpi.erf(self.reused_kw, self.facility_kw),
            "wue_l_per_kwh": kpi.wue_l_per_kwh(self.water_l_per_h, self.it_kw),
        }
