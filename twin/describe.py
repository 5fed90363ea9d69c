"""A plant in words: one line for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twin.plant.dry_cooler import DryCoolerParameters
from twin.plant.tower_merkel import MerkelParameters

if TYPE_CHECKING:
    from twin.parameters import Parameters

_PREFIX = "ElectricEIRChiller "


def describe(parameters: Parameters) -> str:
    """What plant this is, e.g. "2 air-cooled chillers (York ...), air economizer, no tower".

    Args:
        parameters: the plant.
    """
    said = (
        _chillers(parameters),
        "waterside economizer" if parameters.economizer.present else "",
        "air economizer" if parameters.air_economizer is not None else "",
        "direct evaporative stage" if parameters.direct is not None else "",
        "indirect evaporative stage" if parameters.indirect is not None else "",
        _liquid(parameters),
        _rejection(parameters),
        "CRAH fans by return air" if parameters.return_air_control else "",
        f"{parameters.heat_reuse_kw:g} kW of heat for use" if parameters.heat_reuse_kw else "",
        f"{parameters.zones} equal zones" if parameters.zones > 1 else "",
    )
    return ", ".join(part for part in said if part)


def note(parameters: Parameters) -> str:
    """What was changed of the chillers' published curves; empty where nothing was."""
    record = parameters.chiller.record
    return f"{record.label.removeprefix(_PREFIX)} {record.note}" if record.note else ""


def _chillers(parameters: Parameters) -> str:
    count, record = parameters.chiller.count, parameters.chiller.record
    cooled_by = "air" if record.air_cooled else "water"
    precooled = ", precooled air" if parameters.condenser_air.precool_ratio > 0 else ""
    plural = "" if count == 1 else "s"
    return f"{count} {cooled_by}-cooled chiller{plural} ({record.label.removeprefix(_PREFIX)}{precooled})"


def _liquid(parameters: Parameters) -> str:
    if parameters.liquid is None:
        return ""
    chilled = parameters.liquid_from_chilled_water
    source = "chilled water" if chilled else "dry cooler" if _is_dry(parameters) else "tower water"
    return f"{parameters.liquid_ratio:.0%} of IT on liquid {parameters.liquid.liquid_class} by {source}"


def _rejection(parameters: Parameters) -> str:
    if not parameters.rejects_to_water:
        return "no tower"
    if _is_dry(parameters):
        return "dry cooler"
    return "tower (Merkel)" if isinstance(parameters.rejection, MerkelParameters) else "tower (York)"


def _is_dry(parameters: Parameters) -> bool:
    return isinstance(parameters.rejection, DryCoolerParameters)
