"""What the calibrated twin says of this moment, beside what is measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from core.errors import NotReadyError
from core.units import from_canonical
from ui.data.live import snapshot, total

if TYPE_CHECKING:
    from ui.data.source import Source

_KEEP_CALIBRATION_WALL_S: Final = 60.0
_KEEP_WALL_S: Final = 5.0
_RUNS_FROM_KW: Final = 0.5
"""Chillers that draw less do not run in the twin [kW]."""
_OPTIONAL: Final = ("return_air_setpoint_c", "liquid_supply_setpoint_c")


@dataclass(frozen=True, slots=True)
class Modelled:
    """The plant in balance under the conditions and setpoints of now. All of it is modelled."""

    calibration_id: int | None
    chillers_running: float
    chiller_cop: float | None
    """Heat over power of the chillers [1]; None where none runs."""
    plant_cop: float | None
    """Heat in the chilled water over the power of all that cools [1]."""
    chiller_kw: float
    tower_fan_kw: float
    pump_kw: float
    """Of chilled and condenser water."""
    liquid_pump_kw: float
    crah_fan_kw: float
    evaporative_kw: float
    cooling_kw: float
    beyond: tuple[str, ...]
    """Conditions and setpoints that the calibration has not seen."""


def modelled(source: Source) -> Modelled | str:
    """The twin, or why it says nothing."""
    found: Modelled | str = source.kept("twin now", _KEEP_WALL_S, lambda: _modelled(source))
    return found


def _modelled(source: Source) -> Modelled | str:
    from twin import calibration as room  # noqa: PLC0415  # the twin's libraries load when they are needed
    from twin.history import series_refs  # noqa: PLC0415
    from twin.network import Conditions, Setpoints, reference_load_kw, solve  # noqa: PLC0415

    site = source.context.site

    def read() -> room.Calibration | None:
        with source.connection() as conn:
            return room.latest(conn, site)

    calibration: room.Calibration | None = source.kept("calibration", _KEEP_CALIBRATION_WALL_S, read)
    if calibration is None:
        return "the twin has not been calibrated yet"
    try:
        refs_of = series_refs(site)
    except NotReadyError as reason:
        return str(reason)
    by_ref = {point.ref: point for point in snapshot(source).points}
    given: dict[str, float] = {}
    for name in (
        "it_kw", "supply_air_c", "supply_air_setpoint_c", "chilled_water_setpoint_c",
        "condenser_water_setpoint_c", "dry_bulb_c", "wet_bulb_c", *_OPTIONAL,
    ):  # fmt: skip
        unit = "W" if name.endswith("_kw") else "degC"
        shown = total(by_ref, refs_of[name], unit=unit)
        if shown.value is None and refs_of[name] and name not in _OPTIONAL:
            return shown.reason
        value = float("nan") if shown.value is None else shown.value
        given[name] = from_canonical(value, "kW") if unit == "W" else value
    supply_c = given["supply_air_c"] if refs_of["supply_air_c"] else given["supply_air_setpoint_c"]
    parameters = calibration.parameters(site.plant)
    load_kw = reference_load_kw(parameters, given["it_kw"], supply_c)
    conditions = Conditions(load_kw, given["dry_bulb_c"], given["wet_bulb_c"])
    setpoints = Setpoints(
        given["supply_air_setpoint_c"],
        given["chilled_water_setpoint_c"],
        given["condenser_water_setpoint_c"],
        given["return_air_setpoint_c"],
        given["liquid_supply_setpoint_c"],
    )
    state = solve(parameters, conditions, setpoints)
    beyond = calibration.beyond(conditions, setpoints)
    chiller_kw, cooling_kw = float(state.chiller_kw), float(state.cooling_kw)
    return Modelled(
        calibration_id=calibration.calibration_id,
        chillers_running=float(state.chillers_running),
        chiller_cop=float(state.chiller_load_kw) / chiller_kw if chiller_kw > _RUNS_FROM_KW else None,
        plant_cop=float(state.cooling_load_kw) / cooling_kw if cooling_kw > _RUNS_FROM_KW else None,
        chiller_kw=chiller_kw,
        tower_fan_kw=float(state.tower_fan_kw),
        pump_kw=float(state.chilled_water_pump_kw + state.condenser_water_pump_kw),
        liquid_pump_kw=float(state.liquid_pump_kw),
        crah_fan_kw=float(state.crah_fan_kw),
        evaporative_kw=float(state.evaporative_kw),
        cooling_kw=cooling_kw,
        beyond=tuple(name for name, flags in beyond.items() if bool(flags)),
    )
