"""A month as sections of plain texts: the same for the page, the PDF and the file."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from core import kpi
from core.actions import State
from ui import format as fmt
from ui.components import amounts
from ui.components.advice import action
from ui.components.energy import COMPLETE, carbon_basis, completeness, water_over
from ui.data.energy import ENOUGH_RATIO, LOSSES
from ui.data.shown import Kind

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from core.site import Site
    from ui.data.energy import Energy
    from ui.data.report import Report
    from ui.data.shown import Shown

NOT_METERED: Final = "not metered"
NOT_KNOWN: Final = "not known"
SILENT: Final = "a meter was silent"
EED: Final = "Delegated Regulation (EU) 2024/1364"
EED_NAMES: Final = (
    "The names follow annexes II and III of the regulation as far as known: compare them with the Official "
    "Journal before filing."
)
_L_PER_M3: Final = 1000.0
_UNKNOWN: Final = "site.toml does not hold it"
LISTED: Final = 60
"""So many recommendations are listed; the rest only counted."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: a number with its unit, what it is, and what to say of it."""

    name: str
    value: float | None
    unit: str
    kind: str
    """measured, assumed, ...; or why there is none."""
    note: str = ""
    places: int = 0
    symbol: str = ""

    @property
    def shown(self) -> str:
        """The number with its unit."""
        number = fmt.fixed(self.value, self.places)
        return number if number == fmt.NOTHING else f"{number} {self.unit}".rstrip()


@dataclass(frozen=True, slots=True)
class Section:
    """A titled table."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[int, ...] = ()
    note: str = ""


def sections(found: Report, site: Site, zone: ZoneInfo) -> tuple[Section, ...]:
    """The whole report."""
    return (
        _of("Energy, water and carbon", energy(found, site), ""),
        _of("Verified savings", savings(found, site), _SAVED_SAID),
        advised(found, zone),
        alarms(found),
        _of(
            f"Indicators of {EED}",
            eed(found, site),
            f"{EED_NAMES} The annexes ask for a calendar year: these are of this month. "
            "What is not metered or known here has to be brought from elsewhere before it is reported.",
            symbols=True,
        ),
    )


_SAVED_SAID: Final = (
    "Measured by the site's meters against the calibrated twin under the setpoints that the plant's own "
    "control would have held; p10 to p90."
)


def partial(found: Report) -> bool:
    """Whether so much is missing that sums say little."""
    return found.energy.pue.complete_ratio < ENOUGH_RATIO


def kinds(found: Report) -> str:
    """How complete the month is."""
    pue = found.energy.pue
    mark = "▲ Only part of it: f" if partial(found) else "F"
    said = f"{mark}acility and IT were both measured in {fmt.percent(pue.complete_ratio, 1)} of the period"
    return f"{said}; only these intervals count, in sums, cost and carbon as well."


def _of(title: str, figures: tuple[Figure, ...], note: str, *, symbols: bool = False) -> Section:
    rows = tuple((f.name, *([f.symbol] if symbols else []), f.shown, f.kind, f.note) for f in figures)
    head = ("Figure", *(["Symbol"] if symbols else []), "Value", "What it is", "Note")
    return Section(title, head, rows, (2 if symbols else 1,), note)


def _shown(name: str, shown: Shown, note: str = "", symbol: str = "") -> Figure:
    kind = str(shown.kind) if shown.alive else shown.reason
    return Figure(name, shown.value, shown.unit, kind, note, 3, symbol)


def _measured(
    name: str, value: float | None, unit: str, note: str = "", places: int = 0, symbol: str = ""
) -> Figure:
    kind = str(Kind.MEASURED) if value is not None else NOT_METERED
    return Figure(name, value, unit, kind, note, places, symbol)


def energy(found: Report, site: Site) -> tuple[Figure, ...]:
    """Energy by subsystem, PUE and its kin, water, carbon, cost."""
    of, parts, tariff = found.energy, found.energy.breakdown, site.tariff
    known = of.pue.complete_ratio > 0
    pue = of.pue.value if known else None
    figures = [
        _measured("Facility energy", of.facility_sum_kwh, "kWh"),
        _measured("IT energy", of.it_sum_kwh, "kWh"),
        *(
            _measured(name, kwh if parts.complete_ratio else None, "kWh", _share(kwh, of))
            for name, kwh in parts.overhead_kwh.items()
        ),
        *(Figure(name, None, "kWh", SILENT, "among the unaccounted") for name in of.unknown_parts),
        _measured(
            "Unaccounted",
            parts.residual_kwh if parts.complete_ratio else None,
            "kWh",
            "facility less everything that another meter says",
        ),
        _measured(
            "Highest power",
            found.peak_kw,
            "kW",
            f"mean of {of.step.total_seconds() / 60:.0f} min, whether or not the IT was measured then",
        ),
        _measured(
            "PUE",
            pue,
            "",
            f"ISO/IEC 30134-2, category {of.category:d}; {completeness(of.pue.complete_ratio)}",
            3,
        ),
        _mlc(of),
        _shown("WUE", of.wue, f"ISO/IEC 30134-9{water_over(of)}"),
        _shown("CUE", of.cue, f"ISO/IEC 30134-8; {carbon_basis(of)}" if of.cue.alive else "ISO/IEC 30134-8"),
        Figure("REF", None, "", NOT_METERED, "ISO/IEC 30134-3: no meter of renewable energy"),
        Figure("ERF", None, "", NOT_METERED, "ISO/IEC 30134-6: no meter of reused heat"),
        _carbon(of),
    ]
    if of.price_per_kwh is not None:
        said = "measured energy at the tariff of site.toml"
        figures.append(_measured("Energy cost", of.cost, tariff.currency, said))
    if tariff.demand_per_kw_month and found.peak_kw is not None:
        charge = tariff.demand_per_kw_month * found.peak_kw
        said = f"{tariff.demand_per_kw_month:g} {tariff.currency}/kW times the highest power"
        figures.append(_measured("Demand charge", charge, tariff.currency, said))
    return tuple(figures)


def _carbon(of: Energy) -> Figure:
    value = of.carbon_kg
    kind, said = (NOT_KNOWN, of.cue.reason) if value is None else (str(of.carbon_kind), carbon_basis(of))
    return Figure("Carbon of the facility's energy", value, "kgCO₂", kind, said)


def _share(kwh: float, of: Energy) -> str:
    whole = of.breakdown
    if not whole.complete_ratio or not whole.facility_kwh:
        return ""
    return f"{fmt.percent(kwh / whole.facility_kwh, 1)} of the facility{_less(whole.complete_ratio, of)}"


def _less(ratio: float, of: Energy) -> str:
    """How much of the period a figure is of, where that is less than for the PUE."""
    less = ratio < of.pue.complete_ratio - (1 - COMPLETE)
    return f"; of {fmt.percent(ratio, 1)} of the period only" if less else ""


def _mlc(of: Energy) -> Figure:
    """Of the intervals in which every meter of cooling is known."""
    value, said = _ratio(kpi.mlc(of.cooling_kwh, of.it_kwh)), "cooling over IT energy, ASHRAE 90.4"
    if value is None:
        silent = SILENT if set(of.unknown_parts) - {LOSSES} else NOT_METERED
        return Figure("MLC", None, "", silent, said)
    return _measured("MLC", value, "", said + _less(of.complete(of.cooling_kwh, of.it_kwh), of), 3)


def _ratio(value: float) -> float | None:
    return value if value == value else None  # noqa: PLR0124  # NaN is not itself


def savings(found: Report, site: Site) -> tuple[Figure, ...]:
    """What advice saved, with intervals."""
    saved = found.saved
    if not saved.days:
        return (
            Figure("Energy saved", None, "kWh", "nothing verified", "no advice was followed in this month"),
        )
    band = amounts.energy_band(saved.p10_kwh, saved.p50_kwh, saved.p90_kwh)

    def interval(value: float | None) -> str:
        if value is None or not saved.p50_kwh:
            return "a price or an intensity is missing"
        low, high = (value * end / saved.p50_kwh for end in (saved.p10_kwh, saved.p90_kwh))
        return fmt.band(low, high, fmt.decimals(value), "").strip()

    days = fmt.count(saved.days, "day")
    return (
        Figure(
            "Energy saved", saved.p50_kwh, "kWh", "verified", f"{band}; {days}", fmt.decimals(saved.p50_kwh)
        ),
        Figure("Money saved", saved.cost, site.tariff.currency, "verified", interval(saved.cost), 2),
        Figure("Carbon saved", saved.carbon_kg, "kgCO₂", "verified", interval(saved.carbon_kg), 1),
    )


def advised(found: Report, zone: ZoneInfo) -> Section:
    """The month's recommendations and how they ended."""
    ended = Counter(r.state for r in found.advised)
    counted = ", ".join(f"{ended[state]} {state.value.replace('_', ' ')}" for state in State if ended[state])
    rows = tuple(
        (
            f"{r.number}",
            fmt.clock_time(r.created_at, zone),
            action(r.changes),
            f"{fmt.fixed(r.saving_kw[1], 1)} ({fmt.band(r.saving_kw[0], r.saving_kw[2], 1, '').strip()})",
            ""
            if r.verified_kwh is None
            else f"{fmt.fixed(r.verified_kwh[1], 1)} "
            f"({fmt.band(r.verified_kwh[0], r.verified_kwh[2], 1, '').strip()})",
            r.state.value.replace("_", " "),
        )
        for r in found.advised[:LISTED]
    )
    more = len(found.advised) - len(rows)
    note = f"{fmt.count(len(found.advised), 'recommendation')}: {counted}." if rows else "None was made."
    if more > 0:
        note += f" {more} more are not listed."
    head = ("No.", "Made", "Change", "Promised, kW", "Verified, kWh", "State")
    return Section("Recommendations and how they ended", head, rows, (3, 4), note)


def alarms(found: Report) -> Section:
    """Alarms by priority."""
    rows = tuple(
        (f"P{a.priority}", f"{a.raised}", f"{a.acknowledged}", f"{a.standing}") for a in found.alarms
    )
    total = sum(a.raised for a in found.alarms)
    note = f"{fmt.count(total, 'alarm')} in the period." if total else "No alarm was raised."
    return Section("Alarms", ("Priority", "Raised", "Acknowledged", "Still standing"), rows, (1, 2, 3), note)


def eed(found: Report, site: Site) -> tuple[Figure, ...]:
    """The indicators of annexes II and III, each with its value or why there is none."""
    return _energy_of_annex(found, site) + _rest_of_annex() + _sustainability(found)


def _none(name: str, symbol: str = "", kind: str = NOT_KNOWN, note: str = _UNKNOWN) -> Figure:
    return Figure(name, None, "", kind, note, symbol=symbol)


def _energy_of_annex(found: Report, site: Site) -> tuple[Figure, ...]:
    of, design = found.energy, "design value of site.toml"
    category = f"category {of.category:d} of ISO/IEC 30134-2"
    no_reuse = "no meter of reused heat"
    return (
        Figure(
            "Installed information technology power demand",
            site.plant.it_design_kw,
            "kW",
            str(Kind.ASSUMED),
            design,
            symbol="PDIT",
        ),
        _none("Data centre total floor area", "SDC"),
        _none("Data centre computer room floor area", "SCR"),
        _measured("Total energy consumption", of.facility_sum_kwh, "kWh", symbol="EDC"),
        _measured(
            "Total energy consumption of information technology equipment",
            of.it_sum_kwh,
            "kWh",
            category,
            symbol="EIT",
        ),
        _none("Electrical grid functions"),
        _none("Average battery capacity", "CBtG"),
        _water(found),
        _none("Total potable water input", "WIN-POT", NOT_METERED, "no meter tells potable water apart"),
        _none("Waste heat reused", "EREUSE", NOT_METERED, no_reuse),
        _none("Average waste heat temperature", "TWH", NOT_METERED, no_reuse),
        _measured(
            "Average setpoint information technology equipment intake air temperature",
            fmt.display_value(found.intake_c, "degC"),
            fmt.degree(),
            "mean of the supply air setpoint",
            1,
            "TIN",
        ),
        _none("Types of refrigerants used in the cooling and air-conditioning equipment"),
        _measured("Cooling degree days", found.degree_days, "K d", _days(found), 1, "CDD"),
    )


def _water(found: Report) -> Figure:
    water = found.energy.water_l
    value = None if water.value is None else water.value / _L_PER_M3
    kind = str(water.kind) if water.alive else water.reason
    return Figure("Total water input", value, "m³", kind, "make-up water", 1, "WIN")


def _days(found: Report) -> str:
    of = fmt.count(found.degree_days_of, "day")
    return f"Eurostat's: a day's mean less 21 °C where it is at least 24 °C; {of} with a mean"


def _rest_of_annex() -> tuple[Figure, ...]:
    renewable = (
        ("Total renewable energy consumption", "ERES-TOT"),
        ("Renewable energy consumption from guarantees of origin", "ERES-GOO"),
        ("Renewable energy consumption from power purchasing agreements", "ERES-PPA"),
        ("Renewable energy consumption from on-site renewables", "ERES-OTH"),
    )
    said = "no meter and no certificates are kept here"
    return (
        *(_none(name, symbol, NOT_METERED, said) for name, symbol in renewable),
        _none("ICT capacity for servers", "CSERV"),
        _none("ICT capacity for storage equipment", "CSTOR"),
        *(
            _none(f"{way} {what}", kind=NOT_METERED, note="the network is not measured")
            for what in ("traffic bandwidth", "data traffic")
            for way in ("Incoming", "Outgoing")
        ),
    )


def _sustainability(found: Report) -> tuple[Figure, ...]:
    of = found.energy
    pue = of.pue.value if of.pue.complete_ratio else None
    return (
        _measured("Power usage effectiveness", pue, "", "EDC / EIT", 3, "PUE"),
        _shown("Water usage effectiveness", of.wue, f"WIN / EIT{water_over(of)}", "WUE"),
        _none("Energy reuse factor", "ERF", NOT_METERED, "EREUSE / EDC"),
        _none("Renewable energy factor", "REF", NOT_METERED, "ERES-TOT / EDC"),
    )
