"""A what-if as people read it: sliders with their limits, figures beside those of now, margins, a day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import dash_mantine_components as dmc
import numpy as np
from dash import dcc, html

from ui import format as fmt
from ui import view
from ui.components.panel import empty, labelled, table
from ui.data.whatif import HOURS_PER_DAY, OFF, ON

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from zoneinfo import ZoneInfo

    from core.site import Site
    from twin.whatif import Answer, Check, Present, Step, Value
    from ui.components.panel import Child
    from ui.data.whatif import Scenario, Slider, Wanted

SCALES: Final = {"degC": 5.0, "1": 0.5}
"""A margin as large as this fills its bar, by unit."""
CHECKS: Final = {
    "inlet": "Warmest inlet, recommended less the margin",
    "inlet_n1": "Warmest inlet, a chiller and a CRAH lost",
    "dew_point": "Dew point in the hall",
    "part_load": "Chillers' part load, above cycling",
    "heat": "All heat is taken away",
    "heat_n1": "All heat is taken away, a chiller and a CRAH lost",
    "curves": "Equipment within its curves",
}
OUTSIDE: Final = {"it_reference_kw": "IT load", "dry_bulb_c": "dry bulb", "wet_bulb_c": "wet bulb"}
_NEVER: Final = (
    "Nothing on this page is written to the plant, and there is no way from here to it. Advice comes "
    "by itself: the twin looks for the best step within the limits, each gate has to let it pass, and a "
    "person accepts it on the page "
)


def slider(of: Slider, present: Present, wanted: Wanted) -> html.Div:
    """A slider; under it what the calibration has seen, and where it stands now."""
    now = of.now(present)
    low, high = of.shown(of.low), of.shown(of.high)
    ends = f"{of.text(of.low)} to {of.text(of.high)}" + (f", {of.limits}" if of.limits else "")
    return html.Div(
        [
            html.Div(
                [
                    html.Span(of.name, className="name"),
                    html.Span(id=f"whatif-{of.key}-said", className="said"),
                ],
                className="apart",
            ),
            dmc.Slider(
                id=f"whatif-{of.key}",
                min=low,
                max=high,
                step=of.step,
                value=of.thumb(wanted.values.get(of.key, now)),
                precision=1,
                updatemode="mouseup",
                thumbLabel=f"{of.name}, {ends}",
                size="sm",
                color="var(--twin)",
            ),
            _rail(of, present, now),
            html.Div(
                [html.Span(of.text(of.low)), html.Span(of.text(of.high))],
                className="apart note ends",
                title=ends,
            ),
        ],
        className="whatif-slider",
    )


def _rail(of: Slider, present: Present, now: float) -> html.Div:
    """What the calibration has seen, and where it stands now, along the track."""
    marks: list[Child] = [
        html.Span(className="at-now", style={"left": _share(of, now)}, title=f"now {of.text(now)}")
    ]
    seen = present.fitted.calibration.envelope.get(of.envelope)
    if seen:
        low, high = (min(max(end, of.low), of.high) for end in seen)
        width = f"{100 * (high - low) / (of.high - of.low):.2f}%"
        said = f"calibrated from {of.text(seen[0])} to {of.text(seen[1])}"
        marks.insert(
            0, html.Span(className="seen", style={"left": _share(of, low), "width": width}, title=said)
        )
    return html.Div(marks, className="rail" if seen else "rail plain")


def _share(of: Slider, value: float) -> str:
    return f"{100 * (min(max(value, of.low), of.high) - of.low) / (of.high - of.low):.2f}%"


def said(of: Slider, present: Present, wanted: Wanted) -> str:
    """What a slider asks for, beside what it is now."""
    now = of.text(of.now(present))
    return f"{of.text(wanted.values[of.key])} (now {now})" if of.key in wanted.values else f"as now, {now}"


def economizer(wanted: Wanted) -> html.Div:
    """Whether the waterside economizer is in use."""
    names = {"": "By the weather", ON: "In use", OFF: "Not in use"}
    control = dmc.SegmentedControl(
        id="whatif-economizer",
        data=[{"value": value or "weather", "label": name} for value, name in names.items()],
        value=wanted.economizer or "weather",
        size="sm",
    )
    return labelled(
        html.Div(
            [html.Span("Waterside economizer", className="name"), control], className="choice", role="group"
        ),
        label="Economizer",
    )


def hours(wanted: Wanted) -> html.Div:
    """From which hour load moves to which."""
    given = wanted.hours or ("", "")
    fields = [
        dmc.NumberInput(
            id=f"whatif-{key}",
            label=label,
            min=0,
            max=HOURS_PER_DAY - 1,
            allowDecimal=False,
            value=value,
            suffix=" h",
            placeholder="hour",
        )
        for key, label, value in zip(
            ("shift-from", "shift-to"), ("It leaves the hour", "and goes to the hour"), given, strict=True
        )
    ]
    return html.Div(fields, className="controls")


def figures(found: Answer, site: Site) -> Child:
    """Every quantity now and as asked, with the interval of the difference."""
    rows = [
        _row(name, words, places, unit, found) for name, (words, places, unit) in _quantities(site).items()
    ]
    head = ("", "Measured", "Twin, now", "Twin, as asked", "Difference")
    return table(head, rows, numeric=range(1, len(head)))


def _quantities(site: Site) -> dict[str, tuple[str, int, str]]:
    """By name: what people call it, decimals, and its unit (canonical where pages convert it)."""
    return {
        "facility_kw": ("Facility power", 1, "kW"),
        "it_kw": ("IT power", 1, "kW"),
        "power_ratio": ("Facility / IT, steady state", 4, ""),
        "cooling_kw": ("Cooling power", 1, "kW"),
        "water_l_per_h": ("Water", 3, "m3/h"),
        "cost_per_h": ("Cost at this hour's tariff", 2, f"{site.tariff.currency}/h"),
        "carbon_kg_per_h": ("Carbon", 1, "kg/h"),
        "inlet_c": ("Warmest inlet", 1, "degC"),
    }


def _row(name: str, words: str, places: int, unit: str, found: Answer) -> list[Child]:
    value = found.values[name]
    measured = found.measured.get(name)
    error = {"facility_kw": found.facility_p95_kw, "inlet_c": found.inlet_p95_k}.get(name)
    shown_unit = fmt.degree() if unit == "degC" else _per_hour(unit)
    now: list[Child] = [_number(value.now, unit, places)]
    if error is not None and np.isfinite(error):
        now.append(
            html.Span(
                f" ± {_apart(error, unit, places)}", className="note", title="19 in 20 of the twin's errors"
            )
        )
    return [
        html.Span([words, " ", html.Span(shown_unit, className="note")]),
        _number(measured, unit, places),
        now,
        html.B(_number(value.then, unit, places)),
        _difference(value, unit, places),
    ]


def _difference(value: Value, unit: str, places: int) -> Child:
    """What differs, with its interval under it."""
    low, high = (_apart(end, unit, places, sign=True) for end in (value.low, value.high))
    change = _apart(value.then - value.now, unit, places, sign=True)
    return [change, html.Div(f"{low} to {high}", className="note")]


def _per_hour(unit: str) -> str:
    return f"{fmt.display_unit('m3')}/h" if unit == "m3/h" else unit


def _number(value: float | None, unit: str, places: int) -> str:
    if unit == "degC":
        return fmt.degrees(value, places)
    return fmt.fixed(_water(value, unit), _places(unit, places))


def _places(unit: str, places: int) -> int:
    """Decimals: a gallon is little beside a cubic metre."""
    return max(places - 2, 0) if unit == "m3/h" and view.units() is view.Units.IP else places


def _water(value: float | None, unit: str) -> float | None:
    """Water comes in litres."""
    return value if unit != "m3/h" or value is None else fmt.display_value(value / _L_PER_M3, "m3")


_L_PER_M3: Final = 1000.0


def _apart(value: float, unit: str, places: int, *, sign: bool = False) -> str:
    """A difference."""
    shown = fmt.display_value(value, "K") if unit == "degC" else _water(value, unit)
    decimals = _places(unit, places)
    return fmt.signed(shown, decimals) if sign else fmt.fixed(shown, decimals)


def checks(found: Answer) -> Child:
    """What must hold: how far away each limit is, which one binds, which one is broken."""
    return html.Ul(
        [_check(check, binds=check.name == found.binding) for check in found.checks], className="checks"
    )


def _check(check: Check, *, binds: bool) -> html.Li:
    broken = check.slack < 0
    scale = SCALES.get(check.unit)
    share = 0.0 if scale is None else min(max(check.slack / scale, 0.0), 1.0)
    bar: list[Child] = [html.Span(style={"width": f"{100 * share:.1f}%"})] if scale else []
    if scale:
        at = min(max(check.slack_now / scale, 0.0), 1.0)
        bar.append(html.I(style={"left": f"{100 * at:.1f}%"}, title="now"))
    name: list[Child] = [html.Span("▲ " if broken else "✓ ", className="mark"), CHECKS[check.name]]
    if binds:
        name.append(html.Span("broken" if broken else "binds", className="tag"))
    return html.Li(
        [
            html.Span(name, className="name"),
            html.Div(bar, className="margin-bar" if scale else "margin-bar none"),
            html.Span(_slack(check), className="slack"),
        ],
        className="broken" if broken else "",
    )


def steps(found: Answer) -> Child:
    """What one step down and one up of each setpoint would do, the widest first."""
    reach: dict[str, float] = {}
    for step in found.steps:
        reach[step.setpoint] = max(reach.get(step.setpoint, 0.0), abs(step.facility_kw))
    widest = max(reach.values(), default=0.0) or 1.0
    order = sorted(found.steps, key=lambda step: (-reach[step.setpoint], step.setpoint, step.to_c))
    return html.Ul([_step(step, widest) for step in order], className="checks tornado")


def _step(step: Step, widest: float) -> html.Li:
    share = _HALF * abs(step.facility_kw) / widest
    left = _HALF - share if step.facility_kw < 0 else _HALF
    return html.Li(
        [
            html.Span(
                f"{fmt.sentence(fmt.words(step.setpoint))} {_whole(f'to {fmt.temperature(step.to_c)}')}",
                className="name",
            ),
            html.Div(
                [
                    html.Span(style={"left": f"{left:.1f}%", "width": f"{share:.1f}%"}),
                    html.I(style={"left": f"{_HALF:g}%"}),
                ],
                className="margin-bar",
            ),
            html.Span(f"{fmt.signed(step.facility_kw, 1)} kW", className="slack num"),
        ]
    )


def _whole(text: str) -> str:
    """Words that are never apart, such as a number and its unit."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")


_HALF: Final = 50.0
"""Where nothing changes on a bar [%]."""


def _slack(check: Check) -> str:
    if check.unit == "degC":
        side = "below" if check.slack >= 0 else "above"
        apart = fmt.kelvins(abs(check.slack))
        return f"{fmt.temperature(check.value)}, {apart} {side} {fmt.temperature(check.limit)}"
    if check.unit == "1":
        return f"{fmt.percent(check.value)}, at least {fmt.percent(check.limit)}"
    if check.unit == "kW":
        return "holds" if check.slack >= 0 else f"{fmt.fixed(check.value, 1)} kW stay in the hall"
    return "holds" if check.slack >= 0 else "outside of them: nobody vouches for the twin"


def outside(found: Answer) -> Child:
    """What the calibration has never seen."""
    if not found.outside:
        return html.P("Everything asked for lies within what the twin was calibrated on.", className="note")
    told = [
        f"{OUTSIDE.get(name) or fmt.words(name.removesuffix('_c'))} {_seen(name, value)} "
        f"(seen {_seen(name, low)} to {_seen(name, high)})"
        for name, value, low, high in found.outside
    ]
    return html.P(
        f"▲ Outside of what the twin was calibrated on: {'; '.join(told)}. Trust the answer less there.",
        className="notice p3",
    )


def _seen(name: str, value: float) -> str:
    return f"{fmt.fixed(value, 0)} kW" if name.endswith("_kw") else fmt.temperature(value)


def day(found: Answer, site: Site) -> Child:
    """A day like the last one, with the setpoints of now and as asked."""
    if found.day is None:
        return empty("Too little of the last 24 hours was measured to say anything of a day.")
    rows = []
    for name, (words, places, unit) in {
        "facility_kwh": ("Facility, kWh", 0, ""),
        "it_kwh": ("IT, kWh", 0, ""),
        "cost": (f"Cost, {site.tariff.currency}, energy and water", 2, ""),
        "carbon_kg": ("Carbon, kg", 0, ""),
        "water_l": (f"Water, {fmt.display_unit('m3')}", 2, "m3/h"),
        "inlet_max_c": (f"Warmest inlet, {fmt.degree()}", 1, "degC"),
    }.items():
        value: Value = found.day[name]
        rows.append(
            [
                words,
                _number(value.now, unit, places),
                html.B(_number(value.then, unit, places)),
                _difference(value, unit, places),
            ]
        )
    head = ("24 hours", "As now", "As asked", "Difference")
    return table(head, rows, numeric=range(1, len(head)))


def kept(found: Sequence[Scenario], zone: ZoneInfo) -> Child:
    """Scenarios that were kept; each can be opened."""
    if not found:
        return empty("No scenario has been kept yet.")
    rows = [
        (
            html.A(one.name, href=f"/whatif{_link(one.asked)}"),
            one.actor,
            fmt.clock_time(one.at, zone),
            changes(one.asked),
        )
        for one in found
    ]
    return table(("Scenario", "By", "When", "What differs"), rows)


def _link(given: Mapping[str, str]) -> str:
    """The address of a scenario, in the reader's zone and units."""
    seen = view.current()
    if seen is None:
        return ""
    return view.search_of(view.shell_part(seen), **given)


def changes(given: Mapping[str, str]) -> str:
    """What differs, from the parameters of an address, in words."""
    told = []
    for key, text in given.items():
        if key in {"shift_from", "shift_to"}:
            continue
        if key == "economizer":
            told.append(f"economizer {text}")
        elif key == "shift_kw":
            told.append(f"{text} kW from {given.get('shift_from')} h to {given.get('shift_to')} h")
        elif key == "it_kw":
            told.append(f"IT load {text} kW")
        else:
            told.append(f"{fmt.words(key.removesuffix('_c'))} {fmt.temperature(float(text))}")
    return ", ".join(told)


def compared(columns: Sequence[tuple[str, Answer]], site: Site) -> Child:
    """Scenarios side by side, each against now."""
    if len(columns) < _ENOUGH:
        return empty("Choose one kept scenario or more to see them beside the one above.")
    first = columns[0][1]
    rows: list[list[Child]] = []
    for name, (words, places, unit) in _quantities(site).items():
        shown_unit = fmt.degree() if unit == "degC" else _per_hour(unit)
        cells: list[Child] = [_number(first.values[name].now, unit, places)]
        for _, found in columns:
            value = found.values[name]
            change = _apart(value.then - value.now, unit, places, sign=True)
            cells.append([_number(value.then, unit, places), html.Div(change, className="note")])
        rows.append([html.Span([words, " ", html.Span(shown_unit, className="note")]), *cells])
    broken = [[CHECKS[c.name] for c in found.checks if c.slack < 0] for _, found in columns]
    rows.append(["Limits broken", "", *(f"▲ {'; '.join(names)}" if names else "none" for names in broken)])
    head = ("", "Twin, now", *(name for name, _ in columns))
    return table(head, rows, numeric=range(1, len(head)))


_ENOUGH: Final = 2


def proposing() -> html.P:
    """How advice comes to be; from here nothing is sent anywhere."""
    return html.P(
        [
            _NEVER,
            dcc.Link("Recommendations", href="/recommendations"),
            ". A value of your own is put in its place there, through the same gates.",
        ],
        className="note",
    )
