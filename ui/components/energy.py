"""A period's energy as people read it: figures, tables, what PUE is of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from dash import html

from core.kpi import Category
from ui import format as fmt
from ui.components import amounts
from ui.components.panel import empty, facts, table
from ui.data.energy import ENOUGH_RATIO, total
from ui.data.shown import Kind

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from core.site import Site
    from ui.components.panel import Child
    from ui.data.energy import Energy
    from ui.data.shown import Shown

CATEGORIES: Final = {
    Category.UPS_OUTPUT: "1 (basic): IT energy at the output of the UPS; distribution losses count as IT",
    Category.PDU_OUTPUT: "2 (intermediate): IT energy at the output of the PDUs",
    Category.IT_INPUT: "3 (advanced): IT energy at the input of the IT equipment",
}
NO_ENERGY: Final = "No energy in this period: the meters of facility and IT said nothing together."
_PERCENT: Final = 100.0
COMPLETE: Final = 0.995
"""From here on a period is called complete [1]."""


def completeness(ratio: float) -> str:
    """How much of a period was measured."""
    return "complete" if ratio >= COMPLETE else f"{fmt.percent(ratio, 1)} of it"


def spelled(start_end: Energy, zone: ZoneInfo) -> str:
    """The period from its first to its last moment."""
    return f"{fmt.clock_time(start_end.start, zone)} to {fmt.clock_time(start_end.end, zone)}"


def figure(label: str, value: str, unit: str, sub: str) -> html.Div:
    """One figure as a tile."""
    return html.Div(
        [
            html.Div(label, className="label"),
            html.Div(
                [value, html.Span(unit if value != fmt.NOTHING else "", className="unit")], className="value"
            ),
            html.Div(sub, className="sub"),
        ],
        className="tile",
    )


def tiles(found: Energy, currency: str, zone: ZoneInfo) -> Child:
    """PUE, energies, water, carbon, cost."""
    pue = found.pue
    facility, facility_unit = amounts.energy(found.facility_sum_kwh)
    of_it = amounts.energy_text(found.it_sum_kwh)
    how = f"measured, {completeness(pue.complete_ratio)}"
    return [
        figure(
            "PUE",
            fmt.fixed(pue.value, 3) if pue.complete_ratio else fmt.NOTHING,
            "",
            f"category {found.category:d} · {how}",
        ),
        figure("Facility energy", facility, facility_unit, f"IT {of_it} · {spelled(found, zone)}"),
        figure("WUE", *ratio(found.wue), f"{why(found.wue)}{water_over(found)}"),
        figure("CUE", *ratio(found.cue), carbon_said(found)),
        figure("Energy cost", *priced(found, currency)),
    ]


def ratio(shown: Shown) -> tuple[str, str]:
    """A figure and its unit."""
    return fmt.fixed(shown.value, 3), shown.unit


def why(shown: Shown) -> str:
    """What a figure is, or why there is none."""
    return str(shown.kind) if shown.alive else shown.reason


def water_over(found: Energy) -> str:
    """What is to be said of the IT energy below a WUE; nothing where it is complete."""
    if not found.wue.alive or found.it_ratio >= COMPLETE:
        return ""
    return f"; IT energy known in {fmt.percent(found.it_ratio, 1)} of the period, taken for all of it"


def carbon_said(found: Energy) -> str:
    """What the carbon rests on."""
    if not found.cue.alive:
        return found.cue.reason
    carbon = fmt.fixed(found.carbon_kg, 0)
    return f"{found.carbon_kind}: {carbon_basis(found)} · {carbon} kgCO₂ of the facility"


def carbon_basis(found: Energy) -> str:
    """Whose intensity it is, and of how much where it is not of all."""
    share = fmt.percent(found.grid_ratio, 1)
    if found.carbon_kind == Kind.MEASURED:
        some = (
            f" in {share} of the intervals, the only ones that count" if found.grid_ratio < COMPLETE else ""
        )
        return f"intensity said by the grid{some}"
    return f"intensity from site.toml{f', as the grid said it in {share} only' if found.grid_ratio else ''}"


def priced(found: Energy, currency: str) -> tuple[str, str, str]:
    """Cost, its currency and what it is."""
    if found.cost is None:
        return fmt.NOTHING, "", "no tariff in site.toml" if found.price_per_kwh is None else "not measured"
    per_kwh = found.cost / found.facility_sum_kwh if found.facility_sum_kwh else None
    said = f"measured, at the tariff: {fmt.fixed(per_kwh, 3)} {currency}/kWh on average, no demand charge"
    return fmt.fixed(found.cost, fmt.decimals(found.cost)), currency, said


def definition(found: Energy, site: Site, zone: ZoneInfo) -> Child:
    """What this PUE is of, as ISO/IEC 30134-2 wants it said."""
    pue, meters = found.pue, site.meters
    unmetered = [name for name, refs in _not_named(site) if not refs]
    lacking = [
        *found.unseen,
        *(f"{ref}: silent in this period" for ref in found.silent),
        *(f"{name}: none named in site.toml" for name in unmetered),
    ]
    complete = (
        f"both spoke in {fmt.percent(pue.complete_ratio, 1)} of the period, to the minute; "
        "only intervals with both count"
    )
    return facts(
        [
            ("Standard", "ISO/IEC 30134-2: energy of the facility over energy of the IT, same period"),
            ("Category", CATEGORIES[found.category]),
            ("Facility", ", ".join(map(str, meters.facility))),
            ("IT", ", ".join(map(str, meters.it))),
            ("Missing meters", "; ".join(lacking) or "none"),
            ("Period", f"{spelled(found, zone)}, {fmt.number(found.hours)} h"),
            ("Intervals", f"{found.step.total_seconds() / 60:.0f} min means of power times time"),
            ("Completeness", complete),
        ]
    )


def _not_named(site: Site) -> tuple[tuple[str, tuple[object, ...]], ...]:
    meters = site.meters
    return (("UPS input", meters.ups_input), ("chillers", meters.chiller), ("CRAH fans", meters.crah_fan))


def subsystems(found: Energy) -> Child:
    """Energy by subsystem, which adds up to the facility's with what nobody accounts for."""
    of = found.breakdown
    if not of.complete_ratio or not np.isfinite(of.facility_kwh):
        return empty(NO_ENERGY)
    parts = {"IT equipment": of.it_kwh, **of.overhead_kwh}
    largest = max(*parts.values(), abs(of.residual_kwh))

    def row(name: Child, kwh: float, ratio_: str) -> tuple[Child, ...]:
        share = kwh / of.facility_kwh
        bar = html.Div(
            html.Span(style={"width": f"{_PERCENT * max(kwh, 0) / largest:.1f}%"}), className="energy-bar"
        )
        return name, amounts.energy(kwh, like=of.facility_kwh)[0], fmt.percent(share, 1), ratio_, bar

    rows = [
        row(name, kwh, "" if name == "IT equipment" else fmt.fixed(1 + kwh / of.it_kwh, 3))
        for name, kwh in parts.items()
    ]
    rest = html.I("Unaccounted", title="The facility's energy that no other meter says anything of")
    rows.append(row(rest, of.residual_kwh, fmt.fixed(1 + of.residual_kwh / of.it_kwh, 3)))
    unit = amounts.energy(of.facility_kwh)[1]
    whole = ("Facility", amounts.energy(of.facility_kwh)[0], fmt.percent(1.0, 1), fmt.fixed(of.pue, 3), "")
    there = "every meter" if not found.unknown_parts else "every meter of what is listed"
    said = f"{fmt.sentence(there)} was there in every interval."
    if of.complete_ratio < COMPLETE:
        said = f"Of the {fmt.percent(of.complete_ratio, 1)} of the period in which {there} was there."
    if found.unknown_parts:
        said += f" ▲ Not measured, so among the unaccounted: {', '.join(found.unknown_parts)}."
    if of.residual_kwh < 0:
        said += " The parts' meters say more than the facility's: one of them is off."
    return [
        table(
            ("Subsystem", unit, "of facility", "partial PUE", "beside the largest"),
            [*rows, whole],
            numeric=(1, 2, 3),
            total=True,
        ),
        html.P(said, className="note"),
    ]


def comparison(this: Energy, before: Energy, currency: str) -> Child:
    """The period beside the one before it; a difference only where both are known."""
    least = min(found.pue.complete_ratio for found in (this, before))
    sums = least >= ENOUGH_RATIO
    cooled = sums and min(np.isfinite(found.cooling_kwh).mean() for found in (this, before)) >= ENOUGH_RATIO
    rows = [
        _compared("Facility energy, kWh", this.facility_sum_kwh, before.facility_sum_kwh, 0, change=sums),
        _compared("IT energy, kWh", this.it_sum_kwh, before.it_sum_kwh, 0, change=sums),
        _compared(
            "Cooling energy, kWh", total(this.cooling_kwh), total(before.cooling_kwh), 0, change=cooled
        ),
        _compared("PUE", _pue(this), _pue(before), 3),
        _compared("CUE, kg/kWh", this.cue.value, before.cue.value, 3),
        _compared("WUE, L/kWh", this.wue.value, before.wue.value, 3),
        _compared(f"Energy cost, {currency}", this.cost, before.cost, 0, change=sums),
        _compared(f"Mean wet bulb, {fmt.degree()}", _wet_bulb(this), _wet_bulb(before), 1, share=False),
        _compared(
            "Measured, %",
            _PERCENT * this.pue.complete_ratio,
            _PERCENT * before.pue.complete_ratio,
            1,
            share=False,
        ),
    ]
    note = (
        ""
        if sums
        else f"Sums are not compared: only {fmt.percent(least)} of one of the periods was measured."
    )
    return [
        table(("Figure", "This period", "Before", "Change", "Change, %"), rows, numeric=(1, 2, 3, 4)),
        html.P(note, className="note"),
    ]


def _compared(
    name: str,
    this: float | None,
    before: float | None,
    places: int,
    *,
    change: bool = True,
    share: bool = True,
) -> tuple[Child, ...]:
    off = None if this is None or before is None or not change else this - before
    relative = fmt.signed(_PERCENT * off / before, 1) if share and off is not None and before else ""
    return name, fmt.fixed(this, places), fmt.fixed(before, places), fmt.signed(off, places), relative


def _pue(found: Energy) -> float | None:
    pue = found.pue
    return pue.value if pue.complete_ratio else None


def _wet_bulb(found: Energy) -> float | None:
    known = found.wet_bulb_c[np.isfinite(found.wet_bulb_c)]
    return fmt.display_value(float(known.mean()), "degC") if len(known) else None
