"""What-if: other setpoints, load or weather at this moment, by the calibrated twin; nothing is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import dash_mantine_components as dmc
from dash import ClientsideFunction, Input, Output, State, dcc, html, no_update

from core.errors import JoulecastError
from ui import address, view
from ui import format as fmt
from ui.access import auth
from ui.callbacks import callback, mapping
from ui.components import whatif as parts
from ui.components.panel import empty, failed, panel
from ui.data import whatif
from ui.page import Page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dash import Dash

    from twin.whatif import Present
    from ui.components.panel import Child
    from ui.data import Source
    from ui.data.whatif import Slider, Wanted

COMPARED_MAX: Final = 4
"""So many kept scenarios are shown side by side."""
FILLED: Final = ("figures", "checks", "outside", "steps", "day", "compared", "said", "at")
_MODE: Final[dict[str, Any]] = {"data-mode": "WHAT-IF"}


def layout(source: Source) -> list[Child]:
    """The page; where the twin cannot be asked yet, what is missing."""
    try:
        now = whatif.present(source)
    except JoulecastError as error:
        missing = panel("What if", empty(fmt.sentence(f"{error}.".replace("..", "."))))
        return [html.H1("What-if", className="sr"), html.Div([missing], className="grid", **_MODE)]
    wanted = _wanted(source)
    left = [
        panel(
            "What is to be different",
            *_controls(source, now, wanted),
            note=html.Span(_note(source), id="whatif-at"),
        ),
        _simulated(
            "One step more of each setpoint",
            html.Div(id="whatif-steps"),
            note="facility power less the scenario's",
        ),
        panel(
            "Kept scenarios", *_keeping(source), note="a scenario is a question; it does nothing by itself"
        ),
    ]
    right = [
        _simulated(
            "By the twin, at this moment",
            html.Div(id="whatif-figures"),
            html.Div(id="whatif-outside"),
            parts.proposing(),
            note="modelled by the calibrated physics: steady states; under a difference its p10 to p90",
        ),
        _simulated(
            "What must hold", html.Div(id="whatif-checks"), note="bar: the margin that is left; line: now"
        ),
        _simulated(
            "A day like the last one",
            html.Div(id="whatif-day"),
            note="modelled; load and weather of the last 24 h, changed as asked, in steady states",
        ),
    ]
    return [
        html.H1("What-if", className="sr"),
        html.Div(
            [
                html.Div(left, className="stack span-4"),
                html.Div(right, className="stack span-8"),
                _simulated(
                    "Side by side",
                    *_comparing(source),
                    html.Div(id="whatif-compared"),
                    note="each against now",
                ),
                dcc.Store(id="whatif-address"),
                dcc.Store(id="whatif-opened", data=opened(whatif.sliders(source.context.site), now, wanted)),
            ],
            className="grid",
            **_MODE,
        ),
    ]


def _simulated(title: str, *children: Child, note: str) -> html.Div:
    """A panel of which every number is simulated, and which looks so."""
    return html.Div(panel(title, *children, note=note), className="simulated span-12")


def _wanted(source: Source) -> Wanted:
    seen = view.current()
    return whatif.read(source.context.site, seen.more if seen else {})


def _note(source: Source) -> str:
    return f"as it is: measured {fmt.clock_time(whatif.measured_at(source), source.zone, source.now)}"


def _controls(source: Source, now: Present, wanted: Wanted) -> list[Child]:
    site = source.context.site
    shown = {of.key: parts.slider(of, now, wanted) for of in whatif.sliders(site)}
    shift = shown.pop("shift_kw")
    found: list[Child] = [*shown.values()]
    if site.plant.economizer is not None:
        found.append(parts.economizer(wanted))
    legend = html.P(
        [
            html.Span(className="whatif-key seen"),
            "calibrated there ",
            html.Span(className="whatif-key at-now"),
            "now",
        ],
        className="note",
    )
    reset = html.A("As it is now", href=f"/whatif{_shell()}", className="btn small")
    return [
        legend,
        *found,
        shift,
        parts.hours(wanted),
        html.Div(" ".join(wanted.said), className="result", role="status"),
        html.Div(id="whatif-said", className="result", role="status"),
        html.Div(reset, className="buttons"),
    ]


def _shell() -> str:
    seen = view.current()
    return view.search_of(view.shell_part(seen)) if seen else ""


def _keeping(source: Source) -> list[Child]:
    who = auth.user()
    may = bool(who.name) and who.may("simulate")
    field = dmc.TextInput(
        id="whatif-name",
        label="Name",
        disabled=not may,
        placeholder="e.g. warm night",
    )
    button = html.Button(
        "Keep this scenario",
        id="whatif-keep",
        className="btn",
        disabled=not may,
        title="" if may else auth.denied("simulate"),
    )
    return [
        html.Div([field, button], className="controls"),
        html.Div(id="whatif-kept-said", className="result", role="status"),
        html.Div(_kept(source), id="whatif-kept"),
    ]


def _kept(source: Source) -> Child:
    try:
        return parts.kept(whatif.scenarios(source), source.zone)
    except JoulecastError as error:
        return failed(fmt.sentence(f"{error}."))


def _comparing(source: Source) -> list[Child]:
    found = whatif.scenarios(source)
    numbers = {str(one.scenario_id) for one in found}
    gone = [address.quoted(text) for text in _compare() if text not in numbers]
    return [
        html.P(f"There is no kept scenario {', '.join(gone)}." if gone else "", className="result"),
        dmc.MultiSelect(
            id="whatif-compare",
            label="Kept scenarios to compare with",
            data=[{"value": str(one.scenario_id), "label": one.name} for one in found],
            value=[text for text in _compare() if text in numbers],
            maxValues=COMPARED_MAX,
            clearable=True,
            disabled=not found,
        ),
    ]


def _compare() -> list[str]:
    """The kept scenarios that the address names."""
    seen = view.current()
    return [text for text in (seen.more.get("compare", "") if seen else "").split(",") if text][:COMPARED_MAX]


def register(app: Dash, source: Source) -> None:
    """One answer for all sliders; keeping a scenario; the address."""
    site = source.context.site
    sliders = whatif.sliders(site)
    economizer = site.plant.economizer is not None
    ids = [f"whatif-{of.key}" for of in sliders] + ["whatif-shift-from", "whatif-shift-to"]
    ids += ["whatif-economizer"] if economizer else []

    @callback(
        app,
        source,
        "simulate",
        *[Output(f"whatif-{part}", "children") for part in FILLED],
        *[Output(f"whatif-{of.key}-said", "children") for of in sliders],
        Output("whatif-address", "data"),
        Input("whatif-compare", "value"),
        *[Input(name, "value") for name in ids],
        State("whatif-opened", "data"),
    )
    def answered(chosen: Any, *given: Any) -> list[Any]:
        *fields, stood = given
        return answers(source, sliders, chosen, fields, mapping(stood))

    @callback(
        app,
        source,
        "simulate",
        Output("whatif-kept", "children"),
        Output("whatif-compare", "data"),
        Output("whatif-compare", "disabled"),
        Output("whatif-kept-said", "children"),
        Input("whatif-keep", "n_clicks"),
        State("whatif-name", "value"),
        *[State(name, "value") for name in ids],
        State("whatif-opened", "data"),
        prevent_initial_call=True,
    )
    def keep(clicks: int | None, name: Any, *given: Any) -> tuple[Any, Any, Any, Any]:
        if not clicks:
            return no_update, no_update, no_update, no_update
        *fields, stood = given
        told = kept(source, str(name or ""), wanted_of(sliders, fields, mapping(stood)))
        found = whatif.scenarios(source)
        choices = [{"value": str(one.scenario_id), "label": one.name} for one in found]
        return _kept(source), choices, not found, told

    app.clientside_callback(ClientsideFunction("mode", "address"), Input("whatif-address", "data"))


def kept(source: Source, name: str, wanted: Wanted) -> str:
    """Keep a scenario of somebody who is signed in; what to say about it."""
    who = auth.user()
    if not who.name or not who.may("simulate"):
        return auth.denied("simulate")
    return whatif.save(source, name, who.name, wanted)


def opened(sliders: Sequence[Slider], now: Present, wanted: Wanted) -> dict[str, dict[str, float]]:
    """Where the plant stood when the page was opened, and where the address put sliders, as shown."""
    return {
        "plant": {of.key: of.thumb(of.now(now)) for of in sliders},
        "address": {of.key: of.thumb(wanted.values[of.key]) for of in sliders if of.key in wanted.values},
    }


def wanted_of(sliders: Sequence[Slider], given: Sequence[Any], stood: Mapping[str, Any]) -> Wanted:
    """The scenario in the page's fields; a slider that was left where the plant stood asks nothing.

    Args:
        sliders: of the site.
        given: their values, then the other fields'.
        stood: what `opened` said when the page was made.
    """
    shown, more = given[: len(sliders)], list(given[len(sliders) :])
    plant, asked = (mapping(stood.get(name)) for name in ("plant", "address"))
    values = {}
    for of, value in zip(sliders, shown, strict=True):
        if not isinstance(value, int | float):
            continue
        near = [
            name
            for name, found in (("address", asked.get(of.key)), ("plant", plant.get(of.key)))
            if isinstance(found, int | float) and abs(value - found) <= of.step / 2
        ]
        if near != ["plant"]:
            values[of.key] = of.canonical(float(value))
    economizer = more[2] if len(more) > 2 and more[2] in (whatif.ON, whatif.OFF) else ""  # noqa: PLR2004  # two hours first
    return whatif.of(values, economizer, *more[:2])


def answers(
    source: Source, sliders: Sequence[Slider], chosen: Any, given: Sequence[Any], stood: Mapping[str, Any]
) -> list[Any]:
    """Everything on the page that depends on the sliders; nothing, and why, where it cannot be told now."""
    try:
        return _answers(source, sliders, chosen, wanted_of(sliders, given, stood))
    except JoulecastError as error:
        said = fmt.sentence(f"{error}.")
        filled = {"figures": empty(said), "said": said}
        return [*[filled.get(part, "") for part in FILLED], *[""] * len(sliders), no_update]


def _answers(source: Source, sliders: Sequence[Slider], chosen: Any, wanted: Wanted) -> list[Any]:
    site, now = source.context.site, whatif.present(source)
    found = whatif.answer(now, wanted)
    numbers = [str(number) for number in chosen][:COMPARED_MAX] if isinstance(chosen, list) else []
    by_number = {str(one.scenario_id): one for one in whatif.scenarios(source)} if numbers else {}
    columns = [("As asked above", found)]
    columns += [
        (by_number[number].name, whatif.answer(now, whatif.read(site, by_number[number].asked)))
        for number in numbers
        if number in by_number
    ]
    return [
        parts.figures(found, site),
        parts.checks(found),
        parts.outside(found),
        parts.steps(found),
        parts.day(found, site),
        parts.compared(columns, site),
        " ".join(wanted.said),
        _note(source),
        *(parts.said(of, now, wanted) for of in sliders),
        {**wanted.address, "compare": ",".join(numbers)},
    ]


PAGE: Final = Page("/whatif", "What-if", layout, register, keys=frozenset(whatif.KEYS), permission="simulate")
