"""What must hold with a change, as slack: how far each set of setpoints stays from each limit.

At high load and high wet bulb (p90 of each): the worst IT inlet under the class's recommended limit with the
margin, and under the allowable one with a chiller and a CRAH lost; no heat left; the halls' dew point; every
component inside its curves, the chillers' lift too. At the expected load: no chiller below
the part load at which it cycles, but where it only tops up an economizer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from twin.advise.outlook import P90
from twin.advise.safety import TOLERANCE_K, UNMET_MAX_KW
from twin.plant import chiller
from twin.psychro import humidity_ratio_from_wet_bulb, saturation_table

if TYPE_CHECKING:
    from core.series import Floats
    from core.site import Site
    from twin.advise.outlook import Outlook
    from twin.advise.search import Situation
    from twin.network import Parameters, PlantState
    from twin.plant.curves import Flags

KELVIN: Final = frozenset({"inlet", "inlet_n1", "dew_point"})
"""Limits whose slack is in kelvin."""


class Seen(NamedTuple):
    """What the plant does with k sets of setpoints in n steps: arrays (k, n)."""

    usual: PlantState
    """At the expected load and weather."""
    worst: PlantState
    """At high load and high wet bulb."""
    lost: PlantState
    """The same with one chiller and one CRAH lost."""


class Figures(NamedTuple):
    """The same as the numbers that have limits, (k,) each: the worst step."""

    inlet_c: Floats
    n1_inlet_c: Floats
    unmet_kw: Floats
    n1_unmet_kw: Floats
    dew_point_c: Floats
    part_load_ratio: Floats
    extrapolated: Flags

    def only(self, row: int) -> Figures:
        """The same of one set of setpoints, (1,)."""
        at = slice(row, row + 1)
        return Figures(
            self.inlet_c[at],
            self.n1_inlet_c[at],
            self.unmet_kw[at],
            self.n1_unmet_kw[at],
            self.dew_point_c[at],
            self.part_load_ratio[at],
            self.extrapolated[at],
        )


def figures(parameters: Parameters, outlook: Outlook, seen: Seen) -> Figures:
    """The numbers that have limits.

    Args:
        parameters: the twin's.
        outlook: load and weather.
        seen: what the plant does.
    """
    return Figures(
        inlet_c=seen.worst.inlet_c.max(axis=-1),
        n1_inlet_c=seen.lost.inlet_c.max(axis=-1),
        unmet_kw=seen.worst.unmet_kw.max(axis=-1),
        n1_unmet_kw=seen.lost.unmet_kw.max(axis=-1),
        dew_point_c=_dew_point_c(parameters, outlook, seen.worst).max(axis=-1),
        part_load_ratio=_part_load_ratio(parameters, outlook, seen.usual).min(axis=-1),
        extrapolated=np.asarray(seen.worst.extrapolated.any(axis=-1)),
    )


def slacks(
    parameters: Parameters, site: Site, situation: Situation, found: Figures, now: Figures
) -> dict[str, Floats]:
    """(k,) by limit, how far from it each set of setpoints stays; below zero it is broken.

    A plant that is short of heat, too moist or outside its curves anyway is not to become more so.

    Args:
        parameters: the twin's.
        site: limits.
        situation: offset and margin of the inlet.
        found: of k sets.
        now: of standing still, (1,).
    """
    envelope = site.limits.envelope
    above_k = situation.inlet_offset_k + situation.margin_k
    return {
        "inlet": envelope.recommended_high_c - above_k - found.inlet_c + TOLERANCE_K,
        "inlet_n1": envelope.allowable_high_c - above_k - found.n1_inlet_c + TOLERANCE_K,
        "heat": UNMET_MAX_KW - found.unmet_kw,
        "heat_n1": now.n1_unmet_kw + UNMET_MAX_KW - found.n1_unmet_kw,
        "dew_point": np.maximum(envelope.dew_point_high_c, now.dew_point_c) - found.dew_point_c + TOLERANCE_K,
        "part_load": found.part_load_ratio
        - np.minimum(cycles_below(parameters), now.part_load_ratio)
        + TOLERANCE_K,
        "curves": np.where(found.extrapolated & ~now.extrapolated, -1.0, 0.0),
    }


def cycles_below(parameters: Parameters) -> float:
    """Part load [1] below which a chiller cycles."""
    return parameters.chiller.record.load_min_ratio


def _dew_point_c(parameters: Parameters, outlook: Outlook, state: PlantState) -> Floats:
    """Dew point of the halls' air [degC]: that of outdoor air, or what the coils dry it to.

    Air leaves no drier than the water in the coil, on average, is cold; where outdoor air is let in, coils
    do not keep up with it.
    """
    wet = outlook.wet_bulb_c[P90]
    humidity = humidity_ratio_from_wet_bulb(np.maximum(outlook.dry_bulb_c, wet), wet, parameters.pressure_pa)
    table = saturation_table(parameters.pressure_pa)
    outdoor: Floats = np.interp(humidity, table.humidity_ratio, table.temperature_c)
    if parameters.air_economizer is not None or parameters.direct is not None:
        return np.broadcast_to(outdoor, state.inlet_c.shape)
    water = 0.5 * (state.chilled_water_supply_c + state.chilled_water_return_c)
    return np.where(state.cooling_load_kw > 0, np.minimum(outdoor, water), outdoor)


def _part_load_ratio(parameters: Parameters, outlook: Outlook, state: PlantState) -> Floats:
    """Part load of running chillers that no economizer helps [1]; 1 elsewhere."""
    entering = state.condenser_water_supply_c
    if parameters.chiller.record.air_cooled:
        entering = np.broadcast_to(outlook.dry_bulb_c, entering.shape)
    capacity, _, _ = chiller.performance(parameters.chiller, state.chilled_water_supply_c, entering)
    alone = (state.chillers_running > 0) & (state.economizer_load_kw <= 0)
    running = np.maximum(state.chillers_running, 1.0) * capacity
    return np.where(alone, state.chiller_load_kw / running, 1.0)
