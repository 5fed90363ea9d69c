"""A past day through the twin, as values for the page. The work is `twin.replay`'s."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ui.figures import numbers

if TYPE_CHECKING:
    from datetime import date, datetime

    from core.actions import Setpoint
    from twin.replay import ReplayResult
    from ui.data.source import Source

GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "IT equipment": ("it_kw",),
    "UPS and distribution": ("ups_loss_kw", "pdu_loss_kw"),
    "Chillers": ("chiller_kw",),
    "CRAH fans": ("crah_fan_kw",),
    "Pumps": ("chilled_water_pump_kw", "condenser_water_pump_kw", "pump_kw"),
    "Tower fans": ("tower_fan_kw",),
}
"""Lines of the energy table: what the twin and the meters call their parts."""
REST: Final = "Other, unaccounted"
FACILITY: Final = "Facility"
OUTSIDE_WORTH_SAYING: Final = 0.01


@dataclass(frozen=True, slots=True)
class Lane:
    """The day as measured, as the twin has it, or as it would have been."""

    facility_kw: list[float | None]
    """(n,) facility power [kW]."""
    ratio: list[float | None]
    """(n,) facility over IT power [1]."""
    energies_kwh: dict[str, float | None]
    """Energy by line of the table [kWh]; they add up to `FACILITY`. None where there is no meter."""
    pue: float | None
    """Of the measured steps [1]."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """A day, replayed."""

    day: date
    times: list[datetime]
    """(n,) starts of the steps, UTC."""
    lanes: dict[str, Lane]
    """``measured``, ``twin``, and ``alternative`` where other setpoints were asked for."""
    difference_kwh: tuple[float, float, float] | None
    """Alternative less as operated: p10, p50, p90 of the facility's energy [kWh]."""
    complete_ratio: float
    """Share of the day that was measured [1]."""
    outside_ratio: float
    """Share of the measured steps at which the alternative leaves what the twin was calibrated on [1]."""


def replay(source: Source, day: date, setpoints_c: dict[Setpoint, float]) -> Replayed:
    """Replay a day, with other setpoints where given.

    Args:
        source: the database.
        day: a day of the site's calendar.
        setpoints_c: other setpoints [degC]; empty: as operated only.

    Raises:
        InputError: the day lies in the future.
        NotReadyError: the day has no data, or the twin is not calibrated.
    """
    from twin import replay as room  # noqa: PLC0415  # the twin's libraries load when they are needed

    site = source.context.site
    room.check_day(site, source.context.clock, day)
    with source.connection() as conn:
        return replayed(room.replay(conn, site, day, setpoints_c or None))


def replayed(found: ReplayResult) -> Replayed:
    """The twin's result as the page shows it."""
    history = found.history
    lanes = {
        "measured": _lane(history.facility_kw, history.it_kw, found.measured_kwh, found.pue_measured),
        "twin": _lane(
            found.as_operated.facility_kw,
            found.as_operated.it_kw,
            found.as_operated_kwh,
            found.pue_as_operated,
        ),
    }
    if found.alternative is not None:
        state = found.alternative
        lanes["alternative"] = _lane(
            state.facility_kw, state.it_kw, found.alternative_kwh, found.pue_alternative
        )
    spread = found.difference_interval_kwh
    return Replayed(
        day=found.day,
        times=found.times,
        lanes=lanes,
        difference_kwh=(spread.p10, spread.p50, spread.p90) if spread else None,
        complete_ratio=found.complete_ratio,
        outside_ratio=found.outside_ratio,
    )


def _lane(facility_kw: Any, it_kw: Any, energies_kwh: dict[str, float], pue: float) -> Lane:
    top, bottom = numbers(facility_kw), numbers(it_kw)
    ratio = [f / i if f is not None and i else None for f, i in zip(top, bottom, strict=True)]
    return Lane(top, ratio, lines(energies_kwh), numbers([pue])[0])


def lines(energies_kwh: dict[str, float]) -> dict[str, float | None]:
    """Energies by line of the table; what no part accounts for is a line of its own.

    Args:
        energies_kwh: by field of the twin's state or by meter, with ``facility_kw`` [kWh].
    """
    found: dict[str, float | None] = {}
    for name, parts in GROUPS.items():
        known = numbers([energies_kwh[part] for part in parts if part in energies_kwh])
        found[name] = sum(v for v in known if v is not None) if any(v is not None for v in known) else None
    facility = energies_kwh["facility_kw"]
    found[REST] = facility - sum(v for v in found.values() if v is not None)
    return {**found, FACILITY: facility}
