"""The halls: equipment, electrical losses, outdoor air and air handlers settle together.

The CRAH fans follow the equipment's airflow, or hold a return air temperature where the site controls by
that. Outdoor air, if the plant lets it in, and evaporative stages take heat ahead of the coils. A plant of
several zones has them on the first axis, all alike, each with its own equipment and air handlers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import numpy as np

from core.units import SECONDS_PER_HOUR
from twin.plant import air_economizer, crah, evaporative, pump, server, ups
from twin.plant.air import DRY_AIR_HEAT_KJ_PER_KGK, Air
from twin.plant.curves import AIR_HEAT_KJ_PER_M3K, Flags, Floats, divide
from twin.psychro import humidity_ratio_from_wet_bulb

if TYPE_CHECKING:
    from twin.parameters import Parameters
    from twin.state import Inputs

_ITERATIONS: Final = 8
_RETURN_ITERATIONS: Final = 3
_NEARLY_NONE: Final = 1e-6
_SHUT: Final = air_economizer.AirEconomizerParameters(present=False)
_ALL: Final = 1.0 + 1e-9
"""What can take all of the heat takes all of it, whatever the rounding."""
_RISE_MIN_K: Final = 1.0
"""Least rise of the air through the hall that a return air setpoint asks for [K]."""


class OutdoorCooling(NamedTuple):
    """What economizer and evaporative stages can do at an airflow."""

    removable_kw: Floats
    """Heat that they can take out of the air that comes back [kW]."""
    power_kw: Floats
    """Power of their pumps and fans [kW]."""
    water_l_per_h: Floats
    """Water that they use [L/h]."""
    outside: Flags
    """Whether a correlation is used outside its bounds."""


@dataclass(frozen=True, slots=True)
class AirSide:
    """What the halls do."""

    it: server.ServerState
    """Equipment cooled by air."""
    liquid_it_kw: Floats
    """Power of equipment cooled by liquid [kW]."""
    losses: ups.Losses
    """Electrical losses."""
    handlers: crah.CrahState
    """Air handlers."""
    outdoor: OutdoorCooling
    """Economizer and evaporative stages."""
    envelope_kw: Floats
    """Heat that comes in through walls and roof [kW]; negative where it goes out."""

    def together(self) -> AirSide:
        """All zones as one: sums of heat and flow, the warmest inlet, means of temperatures and ratios."""
        return AirSide(
            _as_one(self.it),
            self.liquid_it_kw,
            _as_one(self.losses),
            _as_one(self.handlers),
            _as_one(self.outdoor),
            self.envelope_kw.sum(axis=0),
        )


Part = TypeVar("Part", server.ServerState, ups.Losses, crah.CrahState, OutdoorCooling)
_SUMMED: Final = ("_kw", "_m3s", "_l_per_h")


def _as_one(part: Part) -> Part:
    """A component's state over all zones."""
    return type(part)(*(_over_zones(name, values) for name, values in part._asdict().items()))


def _over_zones(name: str, values: Any) -> Any:
    """A quantity of zones on the first axis, as one."""
    if values.dtype == np.bool_:
        return values.any(axis=0)
    if name == "inlet_worst_c":
        return values.max(axis=0)
    return values.sum(axis=0) if name.endswith(_SUMMED) else values.mean(axis=0)


class _Hall(NamedTuple):
    """Equipment and the air that it is given."""

    it: server.ServerState
    losses: ups.Losses
    heat_kw: Floats
    envelope_kw: Floats
    airflow_m3s: Floats
    return_c: Floats


def solve(parameters: Parameters, inputs: Inputs) -> AirSide:
    """Equipment and air handlers; repeated while supply air drifts, as warmer equipment draws more power.

    Args:
        parameters: the plant.
        inputs: what it is given.
    """
    supply_set = inputs.supply_air_c + inputs.hall_excess_k
    liquid = inputs.it_reference_kw * parameters.liquid_ratio
    hall = _held_by_return_air if parameters.return_air_control else _following_equipment
    supply = supply_set
    for _ in range(_ITERATIONS):
        now = hall(parameters, inputs, supply, liquid)
        outdoor = _outdoor_cooling(parameters, inputs, now, supply_set)
        handlers = crah.solve(
            parameters.crah,
            now.heat_kw,
            now.airflow_m3s,
            supply_set,
            inputs.chilled_water_c + inputs.loop_excess_k,
            inputs.crahs,
            outdoor.removable_kw,
        )
        supply = handlers.supply_air_c
        if not handlers.short.any():  # nothing that the neighbours do may change an element's last bit
            break
    return AirSide(now.it, liquid, now.losses, handlers, outdoor, now.envelope_kw)


def _following_equipment(parameters: Parameters, inputs: Inputs, supply: Floats, liquid: Floats) -> _Hall:
    """The CRAHs move what the equipment draws, with the bypass on top."""
    load, most = inputs.it_reference_kw - liquid, inputs.crahs * parameters.crah.airflow_m3s
    it = server.solve(parameters.server, load, supply, most)
    airflow = it.airflow_m3s * (1.0 - it.recirculation_ratio) / (1.0 - parameters.server.bypass_ratio)
    moved = np.minimum(airflow, most)
    losses = ups.losses(parameters.ups, it.it_kw + liquid)
    inner = _inner_heat_kw(parameters, inputs, it, losses)
    return _hall(parameters, inputs, it, losses, inner, airflow, moved, supply)


def _held_by_return_air(parameters: Parameters, inputs: Inputs, supply: Floats, liquid: Floats) -> _Hall:
    """The CRAHs hold the return air while they can; a share of the equipment's intake is the hall's air."""
    load, most = inputs.it_reference_kw - liquid, inputs.crahs * parameters.crah.airflow_m3s
    least = parameters.crah.fan.flow_min_ratio * most
    held_c = np.where(np.isnan(inputs.return_air_c), parameters.return_air_c, inputs.return_air_c)
    wanted = np.maximum(held_c, supply + _RISE_MIN_K)
    share = parameters.server.recirculation_ratio
    drawing = replace(parameters.server, recirculation_ratio=0.0)
    back = wanted
    for _ in range(_RETURN_ITERATIONS):
        intake = supply + share * (back - supply)
        it = server.solve(drawing, load, intake, np.full(np.shape(load), np.inf))
        losses = ups.losses(parameters.ups, it.it_kw + liquid)
        inner = _inner_heat_kw(parameters, inputs, it, losses)
        heat = inner + parameters.envelope_kw_per_k * (inputs.dry_bulb_c - wanted)
        airflow = np.maximum(heat, 0.0) / (AIR_HEAT_KJ_PER_M3K * (wanted - supply))
        moved = np.clip(airflow, least, most)
        hall = _hall(parameters, inputs, it, losses, inner, airflow, moved, supply)
        back = hall.return_c
    worst = supply + parameters.server.worst_rise_ratio * (it.inlet_c - supply)
    return hall._replace(it=it._replace(inlet_worst_c=worst))


def _inner_heat_kw(
    parameters: Parameters, inputs: Inputs, it: server.ServerState, losses: ups.Losses
) -> Floats:
    """Heat that arises in the halls' air [kW]."""
    return it.it_kw + losses.pdu_kw + parameters.ups.hall_share_ratio * losses.ups_kw + inputs.extra_kw


def _hall(
    parameters: Parameters,
    inputs: Inputs,
    it: server.ServerState,
    losses: ups.Losses,
    inner: Floats,
    airflow: Floats,
    moved: Floats,
    supply: Floats,
) -> _Hall:
    """With the envelope's heat, which depends on the return air that it warms: in closed form."""
    air_kw_per_k = AIR_HEAT_KJ_PER_M3K * moved
    if parameters.envelope_kw_per_k == 0.0:
        envelope = np.zeros(np.shape(inner))
    else:
        through = parameters.envelope_kw_per_k
        difference_k = inputs.dry_bulb_c - supply - divide(inner, air_kw_per_k)
        envelope = through * difference_k / (1.0 + divide(np.full_like(inner, through), air_kw_per_k))
    heat = inner + envelope
    return _Hall(it, losses, heat, envelope, airflow, supply + divide(heat, air_kw_per_k))


def _outdoor_cooling(
    parameters: Parameters, inputs: Inputs, hall: _Hall, supply_set: Floats
) -> OutdoorCooling:
    """Economizer first; then the direct stage where it is open, the indirect one where it is shut.

    The hall's air has the humidity of outdoor air: nothing in it gives off water.
    """
    none = np.zeros(np.shape(hall.heat_kw))
    nowhere = np.zeros(np.shape(none), dtype=np.bool_)
    if not parameters.uses_outdoor_air:
        return OutdoorCooling(none, none, none, nowhere)
    full = np.maximum(inputs.crahs, _NEARLY_NONE) * parameters.crah.airflow_m3s
    speed = np.clip(hall.airflow_m3s / full, parameters.crah.fan.flow_min_ratio, 1.0)
    air_kw_per_k = AIR_HEAT_KJ_PER_M3K * full * speed
    fan_kw = inputs.crahs * pump.power_kw(parameters.crah.fan, speed)
    target = supply_set - fan_kw / air_kw_per_k
    pressure = parameters.pressure_pa
    dry, wet = inputs.dry_bulb_c, inputs.wet_bulb_c
    humidity = humidity_ratio_from_wet_bulb(dry, wet, pressure)
    economizer = air_economizer.solve(
        parameters.air_economizer or _SHUT, Air(dry, humidity), Air(hall.return_c, humidity), target, pressure
    )
    after, power, water = economizer.mixed.dry_bulb_c, none, none
    outside = economizer.outside & economizer.opened
    if parameters.direct is not None:
        all_outdoor = economizer.opened & (after > target)
        air_kgs = np.where(all_outdoor, air_kw_per_k / DRY_AIR_HEAT_KJ_PER_KGK, 0.0)
        stage = evaporative.direct(parameters.direct, air_kgs, after, wet, target, pressure)
        after = np.where(all_outdoor, stage.leaving.dry_bulb_c, after)
        power, water = power + stage.power_kw, water + stage.water.make_up_kgs
        outside = outside | stage.outside
    if parameters.indirect is not None:
        through = np.where(economizer.opened, 0.0, air_kw_per_k)
        wall = evaporative.indirect(parameters.indirect, through, after, dry, wet, target)
        after = np.where(economizer.opened, after, wall.leaving_c)
        power, water = power + wall.power_kw, water + wall.water.make_up_kgs
        outside = outside | wall.outside
    removable = _ALL * air_kw_per_k * np.maximum(hall.return_c - after, 0.0)
    return OutdoorCooling(removable, power, water * SECONDS_PER_HOUR, outside)
