"""A past day through the twin, as values for the page. The work is `twin.replay`'s."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ui.data.shown import Kind
from ui.figures import numbers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from core.actions import Setpoint
    from twin.compare import Comparison, Interval, Shifted
    from ui.data.source import Source

GROUPS: Final[dict[str, str]] = {
    "IT equipment": "it_kw",
    "UPS and distribution": "electrical_loss_kw",
    "Chillers": "chiller_kw",
    "CRAH fans": "crah_fan_kw",
    "Evaporative coolers": "evaporative_kw",
    "Pumps": "pump_kw",
    "Tower fans": "tower_fan_kw",
    "Basin heaters": "basin_heater_kw",
    "Learned from the meters": "learned_kw",
}
"""Lines of the energy table: what the twin calls their parts. Those that the plant lacks are not shown."""
REST: Final = "Other, unaccounted"
FACILITY: Final = "Facility"
_TWIN_NAMES: Final = {**GROUPS, REST: "other_kw", FACILITY: "facility_kw"}
OUTSIDE_WORTH_SAYING: Final = 0.01

Spread = tuple[float, float, float]
"""A difference: p10, p50, p90."""


@dataclass(frozen=True, slots=True)
class Lane:
    """The day as measured, as the twin has it, or as it would have been."""

    energies_kwh: dict[str, float | None]
    """Energy by line of the table [kWh]; they add up to `FACILITY`. None where there is no meter."""
    pue: float | None
    """Of the measured steps [1]."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """A day, replayed."""

    day: date
    lanes: dict[str, Lane]
    """``measured``, ``twin``, and ``alternative`` where other setpoints were asked for."""
    error_kwh: dict[str, float | None]
    """The twin as operated less measured, by line of the table [kWh]; None where there is no meter."""
    difference_kwh: dict[str, Spread]
    """Alternative less as operated by line of the table [kWh]; empty without alternative."""
    indicators: dict[str, dict[str, float]]
    """By lane of the twin: ``pue``, ``tue``, ``water_l`` and, where the grid's is known, ``carbon_kg``."""
    indicator_differences: dict[str, Spread]
    """Alternative less as operated of the same; empty without alternative."""
    learned: frozenset[str]
    """Lines and indicators whose numbers from the twin have a learned part in them; the rest is modelled."""
    left_out: str
    """What to say where something was learned and cannot be used here; empty otherwise."""
    shifted_kwh: tuple[float, float, float] | None
    """Load that came, that left, and that was not there to leave [kWh]; None where none was to move."""
    complete_ratio: float
    """Share of the day that was measured [1]."""
    outside_ratio: float
    """Share of the measured steps at which the alternative leaves what the twin was calibrated on [1]."""


def compared(
    source: Source,
    day: date,
    setpoints_c: Mapping[Setpoint, float],
    load_shift_kw: Sequence[float] = (),
) -> Comparison:
    """Replay a day, with other setpoints and load at other hours where given.

    Args:
        source: the database.
        day: a day of the site's calendar.
        setpoints_c: other setpoints [degC]; without them and a shift: as operated only.
        load_shift_kw: IT power added at each hour of the day [kW], 24 values or none.

    Raises:
        InputError: the day lies in the future.
        NotReadyError: the day has no data, or the twin is not calibrated.
    """
    from twin import replay as room  # noqa: PLC0415  # the twin's libraries load when they are needed

    site = source.context.site
    room.check_day(site, source.context.clock, day)
    with source.connection() as conn:
        return room.replay_finely(conn, site, day, setpoints_c or None, load_shift_kw=load_shift_kw)


def replayed(day: date, found: Comparison) -> Replayed:
    """The twin's result as the page shows it."""
    shown = [line for line, name in _TWIN_NAMES.items() if line not in GROUPS or found.shows(name)]

    def lane(energies_kwh: dict[str, float], pue: float) -> Lane:
        all_lines = lines(energies_kwh)
        return Lane({line: all_lines[line] for line in shown}, numbers([pue])[0])

    lanes = {
        "measured": lane(found.measured_kwh, found.pue_measured),
        "twin": lane(found.as_operated_kwh, found.pue_as_operated),
    }
    if found.alternative is not None:
        lanes["alternative"] = lane(found.alternative_kwh, found.pue_alternative)
    return Replayed(
        day=day,
        lanes=lanes,
        error_kwh=_errors(lanes["twin"], lanes["measured"]),
        difference_kwh={
            line: _spread(found.intervals[name])
            for line in shown
            if (name := _TWIN_NAMES[line]) in found.intervals
        },
        indicators={"twin": found.as_operated_indicators, "alternative": found.alternative_indicators},
        indicator_differences={name: _spread(found.intervals[name]) for name in found.alternative_indicators},
        learned=frozenset(
            name
            for name, field in {**_TWIN_NAMES, **{i: i for i in found.as_operated_indicators}}.items()
            if found.kind(field) != Kind.MODELLED
        ),
        left_out=found.left_out,
        shifted_kwh=_moved(found.shifted) if found.shifted else None,
        complete_ratio=found.complete_ratio,
        outside_ratio=found.outside_ratio,
    )


def _spread(found: Interval) -> Spread:
    return found.p10, found.p50, found.p90


def _moved(found: Shifted) -> tuple[float, float, float]:
    return found.into_kwh, found.out_kwh, found.undone_kwh


def _errors(twin: Lane, measured: Lane) -> dict[str, float | None]:
    """Twin less measured by line; not of the rest where the twin tells apart what no meter does."""
    pairs = [(line, value, measured.energies_kwh[line]) for line, value in twin.energies_kwh.items()]
    found = {line: None if a is None or b is None else a - b for line, a, b in pairs}
    if any(a and b is None for _, a, b in pairs):
        found[REST] = None
    return found


def lines(energies_kwh: dict[str, float]) -> dict[str, float | None]:
    """Energies by line of the table; what no part accounts for is a line of its own.

    Args:
        energies_kwh: by name of the twin's, with ``facility_kw`` [kWh].
    """
    found: dict[str, float | None] = {}
    for line, name in GROUPS.items():
        found[line] = numbers([energies_kwh.get(name)])[0]
    facility = energies_kwh["facility_kw"]
    found[REST] = facility - sum(v for v in found.values() if v is not None)
    return {**found, FACILITY: facility}
