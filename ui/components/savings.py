"""Verified savings as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dash import html

from ui import format as fmt
from ui.components.panel import empty, table

if TYPE_CHECKING:
    from ui.components.panel import Child
    from ui.data.savings import Savings

SHOWN_PROMISES: Final = 8


def total(found: Savings, currency: str) -> Child:
    """The account's totals as tiles."""
    sum_ = found.total
    if not sum_.days:
        return empty(
            "Nothing has been saved yet. A saving is counted from the first setpoint that the plant holds on "
            "advice, against what its own control would have held."
        )
    digits = fmt.decimals(sum_.p50_kwh)
    energy = fmt.band(sum_.p10_kwh, sum_.p90_kwh, digits, "kWh, p10 to p90")
    tiles = (
        ("Energy", fmt.fixed(sum_.p50_kwh, digits), "kWh", energy),
        ("Share", fmt.fixed(100 * sum_.ratio, 1), "%", "of what would have been drawn"),
        (
            "Money",
            fmt.fixed(sum_.cost, fmt.decimals(sum_.cost)),
            currency if sum_.cost is not None else "",
            _of_band(found, sum_.cost),
        ),
        (
            "Carbon",
            fmt.fixed(sum_.carbon_kg, fmt.decimals(sum_.carbon_kg)),
            "kgCO₂" if sum_.carbon_kg is not None else "",
            _of_band(found, sum_.carbon_kg),
        ),
        ("Water", fmt.signed(sum_.water_l, 0), "L", "modelled; towers may take more when chillers take less"),
    )
    days = f"{fmt.count(sum_.days, 'day')}, verified"
    return html.Div(
        [
            html.Div(
                [
                    html.Div(
                        [
                            html.Div(label, className="label"),
                            html.Div([value, html.Span(unit, className="unit")], className="value"),
                            html.Div(sub, className="sub"),
                        ],
                        className="tile",
                    )
                    for label, value, unit, sub in tiles
                ],
                className="tiles five",
            ),
            html.P(f"{days}: measured by the site's meters against the calibrated twin.", className="note"),
        ]
    )


def _of_band(found: Savings, value: float | None) -> str:
    """The same interval as the energy's: what is saved is priced hour by hour."""
    sum_ = found.total
    if value is None:
        return "a price or an intensity is missing: site.toml, [tariff]"
    if not sum_.p50_kwh:
        return ""
    low, high = (value * end / sum_.p50_kwh for end in (sum_.p10_kwh, sum_.p90_kwh))
    return fmt.band(low, high, fmt.decimals(value), "").strip()


def days(found: Savings) -> Child:
    """The newest days."""
    if not found.days:
        return empty("No day yet.")
    rows = [
        (
            f"{row['day']:%a} {row['day'].day} {row['day']:%b}",
            fmt.fixed(row["saving_p50_kwh"], fmt.decimals(row["saving_p50_kwh"])),
            fmt.band(
                row["saving_p10_kwh"], row["saving_p90_kwh"], fmt.decimals(row["saving_p50_kwh"]), ""
            ).strip(),
            fmt.percent(row["complete_ratio"]),
        )
        for row in found.days
    ]
    return table(("Day", "Saved, kWh", "p10 to p90", "Measured"), rows, numeric=(1, 2, 3))


def promises(found: Savings) -> Child:
    """What was promised and what was verified; how often both intervals met."""
    verified = [p for p in found.promises if not p.shadow]
    if not verified:
        return empty("No single change has been verified yet: that takes an hour and a quarter of holding.")
    kept = sum(p.covered for p in verified)
    rows = [
        (
            f"#{p.number}",
            fmt.sentence(fmt.words(p.setpoint)),
            interval(p.promised_kw),
            interval(p.verified_kw),
            "yes" if p.covered else "no",
        )
        for p in verified[:SHOWN_PROMISES]
    ]
    head = ("", "Setpoint", "Promised, kW", "Verified, kW", "Covered")
    said = f"{kept} of {len(verified)} promises held within both 80 % intervals; eight in ten should."
    return html.Div([table(head, rows, numeric=(2, 3)), html.P(said, className="note")])


def interval(found_kw: tuple[float, float, float]) -> str:
    """A middle with its p10 and p90 [kW]."""
    low, middle, high = (fmt.fixed(kw, 1) for kw in found_kw)
    return f"{middle} ({low} to {high})"


def shadows(found: Savings) -> Child:
    """Advice that was only shown, against what operators did."""
    if not found.shadows:
        return ""
    rows = [
        (
            f"#{row['number']}",
            fmt.sentence(fmt.words(row["changes"][0]["setpoint"])),
            fmt.fixed(row["advised_kwh"], 0),
            fmt.fixed(row["operators_kwh"], 0),
        )
        for row in found.shadows
    ]
    head = ("", "Setpoint", "Would have saved, kWh", "Operators saved, kWh")
    return html.Div([html.H3("In shadow"), table(head, rows, numeric=(2, 3))])
