"""Panels, tables, lists of facts, tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import html

from ui import format as fmt

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from ui.data import Shown

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
    body = [
        html.Tr([html.Td(cell, className="num" if i in right else "") for i, cell in enumerate(row)])
        for row in rows
    ]
    if total and body:
        body[-1].className = "total"
    titles = [html.Th(text, className="num" if i in right else "", scope="col") for i, text in enumerate(head)]
    content = html.Table([html.Thead(html.Tr(titles)), html.Tbody(body)], className="data")
    return html.Div(content, className="scroll")


def facts(pairs: Iterable[tuple[str, Child]]) -> html.Dl:
    """Names and what they are."""
    return html.Dl(
        [item for name, value in pairs for item in (html.Dt(name), html.Dd(value))], className="facts"
    )


def empty(text: str) -> html.P:
    """What a panel says where there is nothing to show: what is missing and when it may be there."""
    return html.P(text, className="empty")


def tag(text: str) -> html.Span:
    """A small label."""
    return html.Span(text, className="tag")


def provenance(shown: Shown, zone: ZoneInfo, now: datetime) -> str:
    """What a number is and when it held, or why there is none."""
    if not shown.alive:
        return shown.reason
    return f"{shown.kind} {fmt.clock_time(shown.time, zone, now)}" if shown.time else str(shown.kind)
