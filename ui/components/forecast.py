"""A forecast as an operator reads it: why this model, what it leans on, how right it has been."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from dash import html

from ui import format as fmt
from ui.components.panel import empty, labelled, table
from ui.data import forecast
from ui.data.skill import COVERAGE_RANGE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from ui.components.panel import Child
    from ui.data.forecast import Day, Note, Picked
    from ui.data.skill import Alarm, Figures, ModelVersion, Score

TARGET_NAMES: Final = {"it_power": "IT power", "cooling_power": "Cooling power"}
MODEL_NAMES: Final = {
    "ensemble": "ensemble",
    "lstm": "LSTM",
    "mstl": "MSTL",
    "twin": "twin",
    "seasonal_naive": "seasonal naive",
    "persistence": "persistence",
}
MODEL_MEANINGS: Final = {
    "ensemble": "mean of the members that were best over the last 14 days",
    "lstm": "network trained on this site's history",
    "mstl": "trend and daily and weekly seasons, fitted anew at each forecast",
    "twin": "IT forecast and weather forecast put through the twin of the plant",
    "seasonal_naive": "the same time of the day before",
    "persistence": "it stays as it is",
}
STATUS_WORDS: Final = {"champion": "in force", "challenger": "kept aside", "retired": "retired"}
TRAINING: Final = "training"
"""Who puts a version in force when nobody asked for it."""
QUALITY_WORDS: Final = {
    "incomplete": "readings are missing",
    "flat": "readings do not move",
    "stale": "readings are old",
}
LEANS_SAID: Final = (
    "How the forecast is made up of what was measured before: 70 % like yesterday means that 70 % of its "
    "starting point is yesterday's course. The network then adds its correction."
)
DRIVERS_SAID: Final = (
    "How much each kind of input matters: how far the forecast would move if that input were as it was on "
    "the days before, as a share of all. A long bar: look there first when the forecast is off."
)
_GRID_NAMES: Final = {grid.step_s: name for grid, name in zip(forecast.GRIDS, ("24 h", "7 d"), strict=True)}
_EQUAL_WITHIN: Final = 0.01
"""Models whose errors differ by less than this share are called level."""
_SHARES_MAX: Final = 6
STEPS_MIN: Final = 96
"""Of fewer steps nothing is said: forecasts of one hour fail or succeed together."""


def model_name(model: str) -> str:
    """What people call a model."""
    return MODEL_NAMES.get(model, fmt.words(model))


def target_name(target: str) -> str:
    """What people call a target."""
    return TARGET_NAMES.get(target, fmt.sentence(fmt.words(target)))


def named(model: str) -> html.Span:
    """The model's name with what it is under the pointer."""
    return html.Span(model_name(model), title=MODEL_MEANINGS.get(model, ""))


def notice(priority: int, *children: Child) -> html.Div:
    """Something abnormal, with a mark of its priority's colour."""
    return html.Div(["▲ ", *children], className=f"notice p{priority}", role="alert")


def alarm_notices(found: Sequence[Alarm], zone: ZoneInfo, now: datetime) -> list[Child]:
    """The open alarms of the forecaster."""
    return [
        notice(
            alarm.priority,
            html.B(fmt.said(fmt.sentence(f"{alarm.message.rstrip('.')}."))),
            f" Since {fmt.clock_time(alarm.raised_at, zone, now)}."
            f" {fmt.said(fmt.sentence(alarm.action.rstrip('.')))}.",
        )
        for alarm in found
    ]


def fallback_notices(found: Picked, zone: ZoneInfo, now: datetime) -> list[Child]:
    """What is wrong with the forecast that is shown: its data, its age, or that it is not the chosen one."""
    made, said = [], model_name(found.shown.model)
    if found.note.quality != "good":
        since = found.note.quality_since
        wrong = QUALITY_WORDS.get(found.note.quality, found.note.quality)
        made.append(
            notice(
                3,
                html.B(f"{_fallen_back(found)}: {wrong}."),
                f" {fmt.sentence(found.note.quality_reason.rstrip('.'))}"
                f"{f', since {fmt.clock_time(since, zone, now)}' if since else ''}.",
            )
        )
    if not found.fresh:
        age = fmt.age((now - found.shown.issued_at).total_seconds())
        made.append(notice(3, html.B(f"The newest forecast is {age} old."), " Nothing should rest on it."))
    elif found.choice and found.choice.model != found.shown.model:
        made.append(
            notice(
                3,
                html.B(f"The chosen model, {model_name(found.choice.model)}, has no fresh forecast."),
                f" The {said} is shown instead.",
            )
        )
    return made


def _fallen_back(found: Picked) -> str:
    """What stands in for the usual forecast."""
    stands_in = " and ".join(model_name(name) for name in found.note.members)
    if found.shown.model == forecast.TWIN:
        return f"The direct forecast falls back to {stands_in or 'another model'}, the twin is shown"
    return f"The forecaster falls back to {stands_in or model_name(found.shown.model)}"


def which(found: Picked, zone: ZoneInfo, now: datetime) -> list[tuple[str, Child]]:
    """Which model is shown, why, and what it is made of."""
    shown, choice, note = found.shown, found.choice, found.note
    made = fmt.clock_time(shown.issued_at, zone, now)
    meaning = MODEL_MEANINGS.get(shown.model, "")
    text = f", made {made}{f': {meaning}' if meaning else ''}"
    pairs: list[tuple[str, Child]] = [("Shown", [html.B(named(shown.model)), text])]
    if choice and choice.model == shown.model:
        decided = fmt.clock_time(choice.decided_at, zone, now)
        pairs.append(("Why", f"{fmt.sentence(choice.reason.rstrip('.'))} (decided {decided})"))
    elif not choice:
        pairs.append(
            ("Why", "Nothing has been chosen yet: the first of the usual order with a fresh forecast")
        )
    if note.members:
        shares = sorted(note.members.items(), key=lambda item: -item[1])
        label = "Members" if shown.model == forecast.DIRECT else "Ensemble of"
        pairs.append((label, ", ".join(f"{model_name(m)} {fmt.percent(s)}" for m, s in shares)))
    if note.left_out:
        pairs.append(("Left out", _left_out(note.left_out)))
    if note.weather:
        pairs.append(("Weather's spread", fmt.sentence(note.weather)))
    return pairs


def _left_out(reasons: Mapping[str, str]) -> str:
    """Who is no member, those with the same reason together."""
    by_reason: dict[str, list[str]] = {}
    for model, why in reasons.items():
        by_reason.setdefault(why, []).append(model_name(model))
    return "; ".join(f"{', '.join(names)}: {why}" for why, names in by_reason.items())


def twin_or_direct(found: Sequence[Score]) -> str:
    """Errors of the cooling forecast through the twin and of the direct one; empty where one has no score."""
    by_model = {score.model: score.whole for score in found}
    twin = by_model.get(forecast.TWIN)
    direct = next((m for m in forecast.ORDER if m in by_model and m != forecast.TWIN), None)
    if twin is None or direct is None:
        return ""
    errors = [f"{fmt.number(fmt.kw(f.mae_w))} kW" for f in (twin, by_model[direct])]
    return f"through the twin {errors[0]}, directly ({model_name(direct)}) {errors[1]}: MAE of the last 14 d"


def day_table(days: Sequence[Day], zone: ZoneInfo) -> Child:
    """Energy and peak of each day with their 80 % bands."""
    if not days:
        return empty("The newest forecast says nothing of whole days.")
    rows = [(_day_name(d), _spread(d.energy_kwh), _spread(d.peak_kw), _hour(d.peak_at, zone)) for d in days]
    return table(("Day", "Energy [kWh]", "Peak [kW]", "at"), rows, numeric=(1, 2, 3))


def _day_name(day: Day) -> Child:
    name = f"{day.day:%a} {day.day.day} {day.day:%b}"
    part = f"{fmt.fixed(day.part_h, 0)} h of it" if day.part_h is not None else ""
    return [name, html.Div(part, className="note")]


def _spread(found: tuple[float, float, float] | None) -> Child:
    """The middle, and the 80 % band under it."""
    if found is None:
        return fmt.NOTHING
    low, middle, high = (fmt.fixed(value, 0) for value in found)
    return [html.B(middle), html.Div(f"{low} to {high}", className="note")]


def _hour(time: datetime | None, zone: ZoneInfo) -> str:
    return fmt.hour_minute(time, zone) if time else fmt.NOTHING


def explanation(note: Note) -> list[Child]:
    """What the forecast leans on and what drives it, as bars with their meaning."""
    if not note.leans_on and not note.drivers:
        return [empty("The newest forecast does not explain itself: only the LSTM's part can.")]
    parts: list[Child] = []
    if note.leans_on:
        parts += [html.H3("Leans on"), shares(note.leans_on, _lean), html.P(LEANS_SAID, className="note")]
    if note.drivers:
        parts += [html.H3("Drivers"), shares(note.drivers, _driver), html.P(DRIVERS_SAID, className="note")]
    return parts


def _lean(name: str, share: str) -> str:
    return f"{share} of the starting point is the course {name}"


def _driver(name: str, share: str) -> str:
    return f"{share} of how far the forecast would move with other days' inputs comes with {name}"


def shares(values: Mapping[str, float], meaning: Any) -> html.Div:
    """Shares as bars, the largest first; each with its meaning under the pointer."""
    ordered = sorted(values.items(), key=lambda item: -item[1])[:_SHARES_MAX]
    cells: list[Child] = []
    for name, share in ordered:
        text, said = fmt.percent(share), fmt.words(name)
        width = {"left": "0%", "width": f"{100 * min(max(share, 0.0), 1.0):.0f}%"}
        title = meaning(said, text)
        cells += [
            html.Span(said, title=title),
            html.Div(html.Span(style=width), className="bar", title=title),
            html.Span(text, className="num", title=title),
        ]
    return html.Div(cells, className="attribution")


def verdict(found: Sequence[Score], model: str, window: timedelta) -> str:
    """Which of the shown model and the naive line wins, in words, and whether another one beats both."""
    by_model = {score.model: score.whole for score in found}
    mine, naive, over = by_model.get(model), by_model.get(forecast.NAIVE), _over(window)
    name = model_name(model)
    if mine is None:
        return f"The {name} has not been scored over {over}."
    if mine.steps < STEPS_MIN:
        return f"Too few forecasts have come true over {over} to tell which model is right."
    if naive is None:
        return f"There is no seasonal-naive line over {over} to compare the {name} with."
    if model == forecast.NAIVE:
        text = f"The seasonal-naive line is what is shown; its mean error over {over} is {_mae(naive)}."
    elif mine.pinball_ratio is None:
        text = f"The seasonal-naive line was exactly right over {over}: the {name} cannot beat it."
    elif abs(mine.pinball_ratio - 1) < _EQUAL_WITHIN:
        text = f"The {name} and the seasonal-naive line are level over {over}."
    elif mine.pinball_ratio < 1:
        text = (
            f"The {name} wins over {over}: its error is {fmt.percent(1 - mine.pinball_ratio)} below the "
            f"seasonal-naive line's."
        )
    else:
        text = (
            f"The seasonal-naive line wins over {over}: the {name}'s error is "
            f"{fmt.percent(mine.pinball_ratio - 1)} above it."
        )
    return f"{text}{_better(found, model)}{_band(name, mine)}"


def _over(window: timedelta) -> str:
    return "24 h" if window <= timedelta(days=1) else f"{window.days} d"


def _mae(figures: Figures) -> str:
    return f"{fmt.number(fmt.kw(figures.mae_w))} kW"


def _better(found: Sequence[Score], model: str) -> str:
    """The best of all where that is neither the shown model nor the naive line."""
    ratios = {s.model: s.whole.pinball_ratio for s in found if s.whole.pinball_ratio is not None}
    best = min(ratios, key=lambda name: ratios[name], default=model)
    if best in {model, forecast.NAIVE} or ratios[best] > ratios.get(model, 1.0) * (1 - _EQUAL_WITHIN):
        return ""
    return (
        f" The smallest error has the {model_name(best)}: {fmt.number(ratios[best], 2)} of the naive line's."
    )


def _band(name: str, mine: Figures) -> str:
    low, high = COVERAGE_RANGE
    if low <= mine.coverage_ratio <= high:
        return ""
    wrong = "narrow" if mine.coverage_ratio < low else "wide"
    return f" The {name}'s 80 % band is too {wrong}: it held {fmt.percent(mine.coverage_ratio)}."


def score_table(found: Sequence[Score], shown: str, leads: Sequence[str]) -> Child:
    """Errors, errors against the naive line's, and coverage, by model and lead time."""
    columns = ("all", *leads)
    groups = ("MAE [kW]", "error / naive's", "in 80 % band [%]")
    head = [
        html.Tr(
            [html.Th("", scope="col"), *(html.Th(g, colSpan=len(columns), className="group") for g in groups)]
        ),
        html.Tr(
            [
                html.Th("Model", scope="col"),
                *(
                    html.Th(lead, className=_edge(i), scope="col")
                    for _ in groups
                    for i, lead in enumerate(columns)
                ),
            ]
        ),
    ]
    body = [html.Tr([_score_name(score.model, shown), *_score_cells(score, columns)]) for score in found]
    content = html.Table([html.Thead(head), html.Tbody(body)], className="data scores")
    return labelled(html.Div(content, className="scroll", tabIndex=0, role="region"), label="Scores")


def _edge(i: int) -> str:
    return "num" if i else "num edge"


def _score_name(model: str, shown: str) -> html.Td:
    return html.Td(html.B(named(model)) if model == shown else named(model))


def _score_cells(score: Score, columns: Sequence[str]) -> list[html.Td]:
    figures = [score.whole if lead == "all" else score.by_lead.get(lead) for lead in columns]
    texts = [
        [fmt.number(fmt.kw(f.mae_w)) if f else fmt.NOTHING for f in figures],
        [fmt.fixed(f.pinball_ratio, 2) if f else fmt.NOTHING for f in figures],
        [_held(f) for f in figures],
    ]
    return [
        html.Td(html.B(cell) if i == 0 else cell, className=_edge(i))
        for group in texts
        for i, cell in enumerate(group)
    ]


def _held(figures: Figures | None) -> str:
    """What the band held; marked where it is outside the range that is wanted."""
    if figures is None:
        return fmt.NOTHING
    low, high = COVERAGE_RANGE if figures.steps >= STEPS_MIN else (0.0, 1.0)
    mark = "▼" if figures.coverage_ratio < low else "▲" if figures.coverage_ratio > high else ""
    return f"{mark}{fmt.percent(figures.coverage_ratio).removesuffix(' %')}"


def version_table(found: Sequence[ModelVersion], zone: ZoneInfo, now: datetime) -> Child:
    """The newest versions: where they stand, what they learnt from, how they did, and why."""
    if not found:
        return empty("No trained model yet. The first one comes when enough history is there to train on.")
    rows = [
        (
            f"{target_name(v.target)}, {_GRID_NAMES.get(v.step_s, f'{v.step_s} s')}",
            f"{model_name(v.model)} {v.model_version_id}",
            _status(v.status),
            fmt.clock_time(v.trained_at, zone, now),
            html.Span(_period(v.data_from, v.data_to, zone), className="nowrap"),
            *_against(v),
            _why(v),
        )
        for v in found
    ]
    head = ("Target", "Version", "Status", "Trained", "On data of", "MASE", "WQL", "Why")
    return table(head, rows, numeric=(5, 6))


def _status(status: str) -> Child:
    """Where a version stands."""
    said = STATUS_WORDS.get(status, status)
    return html.Span(html.B(said) if status == "champion" else said, className="nowrap")


def _why(version: ModelVersion) -> str:
    """Why it is in force, and who put it there where that was a person; else what training found."""
    if version.reason is None:
        return str(version.card.get("reason", fmt.NOTHING))
    by = "" if version.actor == TRAINING else f" ({version.actor})"
    return f"{version.reason}{by}"


def rollback_command(target: str, step_s: int) -> str:
    """What puts a target's version back that was in force before."""
    return f"joulecast forecast rollback --target {target} --step {step_s // 60}"


def _period(start: datetime, end: datetime, zone: ZoneInfo) -> str:
    first, last = (time.astimezone(zone) for time in (start, end))
    return f"{first.day} {first:%b} to {last.day} {last:%b %Y}, {(end - start).days} d"


def _against(version: ModelVersion) -> tuple[str, str]:
    """MASE and WQL on the held-out days, each beside the seasonal naive's."""
    metrics = version.card.get("metrics") or {}
    ours, naive = metrics.get(version.model) or {}, metrics.get(forecast.NAIVE) or {}
    return (
        f"{fmt.fixed(ours.get('mase'), 3)} / {fmt.fixed(naive.get('mase'), 3)}",
        f"{fmt.fixed(ours.get('wql'), 4)} / {fmt.fixed(naive.get('wql'), 4)}",
    )
