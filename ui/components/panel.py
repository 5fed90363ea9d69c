"""Panels, tables, lists of facts, tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import dash_mantine_components as dmc
from dash import html

from ui import format as fmt

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from ui.data import Shown

Made = TypeVar("Made")
Child = Any
"""Anything that Dash can render."""


def panel(title: str, *children: Child, note: Child = "", span: int = 12) -> html.Section:
    """A titled panel over `span` of the page's twelve columns."""
    head = html.Header([html.H2(title), html.Span(note, className="note")])
    return html.Section([head, *children], className=f"panel span-{span}")


def table(
    head: Sequence[str], rows: Iterable[Sequence[Child]], numeric: Iterable[int] = (), *, total: bool = False
) -> html.Div:
    """A table; the columns named in `numeric` are set right, the last row is a total where said so."""
    right = set(numeric)
    filled = list(rows)
    body = [
        html.Tr(
            [html.Td(cell, className="num" if i in right else "") for i, cell in enumerate(row)],
            className="total" if total and row is filled[-1] else "",
        )
        for row in filled
    ]
    titles = [
        html.Th(text, className="num" if i in right else "", scope="col") for i, text in enumerate(head)
    ]
    content = html.Table([html.Thead(html.Tr(titles)), html.Tbody(body)], className="data")
    return scrolling(content, " ".join(text for text in head if text))


def scrolling(content: Child, label: str) -> html.Div:
    """What may be wider than its panel: it scrolls by itself, by keyboard too."""
    return labelled(html.Div(content, className="scroll", tabIndex=0, role="group"), label=label)


def labelled(component: Made, **names: str) -> Made:
    """The component with aria attributes, e.g. ``label="Pages"`` as aria-label; for those who listen."""
    for name, text in names.items():
        setattr(component, f"aria-{name}", text)
    return component


def region(found: html.Div, label: str) -> html.Div:
    """A part that may have to be scrolled, so that the keyboard alone can do it, and what it is called."""
    for name, value in (("tabIndex", 0), ("role", "region")):
        setattr(found, name, value)
    return labelled(found, label=label)


def switch(switch_id: str, label: str, names: dict[str, str], value: str) -> html.Div:
    """A choice of a few, all in sight: by value, the name on it."""
    data: Any = [{"value": key, "label": name} for key, name in names.items()]
    control = dmc.SegmentedControl(id=switch_id, data=data, value=value, size="sm")
    named = labelled(control, labelledby=f"{switch_id}-label")
    opened: Any = {"data-switch": switch_id, "data-shown": value}  # what opens so is not in the address
    return html.Div([html.Span(label, className="note", id=f"{switch_id}-label"), named], **opened)


def facts(pairs: Iterable[tuple[Child, Child]]) -> html.Dl:
    """Names and what they are."""
    return html.Dl(
        [item for name, value in pairs for item in (html.Dt(name), html.Dd(value))], className="facts"
    )


def empty(text: str) -> html.P:
    """What a panel says where there is nothing to show: what is missing and when it may be there."""
    return html.P(text, className="empty")


def failed(text: str) -> html.P:
    """What a panel says that could not be made: what is wrong and what to do."""
    return html.P(f"▲ {text}", className="empty failed", role="status")


def denied(text: str) -> html.P:
    """What a panel says to somebody who may not see it."""
    return html.P(f"⊘ {text}", className="empty")


def tag(text: str) -> html.Span:
    """A small label."""
    return html.Span(text, className="tag")


def provenance(shown: Shown, zone: ZoneInfo, now: datetime) -> str:
    """What a number is and when it held, or why there is none."""
    if not shown.alive:
        return shown.reason
    return f"{shown.kind} {fmt.clock_time(shown.time, zone, now)}" if shown.time else str(shown.kind)
