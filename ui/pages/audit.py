"""Audit: who changed what, from where and why; and whether the record is as it was written."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import dash_mantine_components as dmc
from dash import Input, Output, State, ctx, dcc, html, no_update

from core.errors import ServiceError
from ui import format as fmt
from ui import view
from ui.callbacks import callback
from ui.components.panel import empty, facts, failed, panel, table
from ui.data import audit
from ui.page import Page

if TYPE_CHECKING:
    from dash import Dash

    from core.audit import Verified
    from ui.components.panel import Child
    from ui.data import Source
    from ui.page import Live

PERMISSION: Final = "audit.read"
FIELD_MAX: Final = 80
SPANS: Final = (("1h", "last hour"), ("1d", "last day"), ("7d", "last 7 days"), (None, "all"))
"""Periods at hand, as in the address."""


def layout(_: Source) -> list[Child]:
    """The page."""
    asked = view.current()
    more = asked.more if asked else {}
    return [
        html.H1("Audit", className="sr"),
        html.Div(
            [
                panel(
                    "The record",
                    html.Div(
                        [
                            dmc.TextInput(id="audit-actor", label="By", value=more.get("actor", "")),
                            dmc.TextInput(
                                id="audit-object", label="Object contains", value=more.get("object", "")
                            ),
                            html.Button("Show", id="audit-show", className="btn primary"),
                            html.Div(id="audit-spans", className="row"),
                        ],
                        className="controls",
                    ),
                    html.Div(id="audit-rows"),
                    note="what people, keys and commands change; rows are only ever added",
                ),
                panel(
                    "Is it as it was written?",
                    html.Button("Check every row", id="audit-verify", className="btn"),
                    html.Div(id="audit-chain", role="status"),
                    note="each row holds the hash of the one before",
                ),
            ],
            className="grid",
        ),
    ]


def live(source: Source) -> Live:
    """The rows that are asked for."""
    return {
        ("audit-rows", "children"): partial(rows_table, source),
        ("audit-spans", "children"): span_links,
    }


def register(app: Dash, source: Source) -> None:
    """The filter goes into the address; the check is one press."""

    @callback(
        app,
        source,
        PERMISSION,
        Output("url", "search", allow_duplicate=True),
        Input("audit-show", "n_clicks"),
        Input("audit-actor", "n_submit"),
        Input("audit-object", "n_submit"),
        State("audit-actor", "value"),
        State("audit-object", "value"),
        prevent_initial_call=True,
    )
    def show(*given: Any) -> Any:
        if not any(told["value"] for told in ctx.triggered):
            return no_update
        return search(*given[-2:])

    @callback(
        app,
        source,
        PERMISSION,
        Output("audit-chain", "children"),
        Input("audit-verify", "n_clicks"),
        prevent_initial_call=True,
    )
    def verify(count: int | None) -> Any:
        return checked(source) if count else no_update


def search(actor: Any, of: Any) -> str:
    """The address of this page with another filter."""
    texts = [text.strip()[:FIELD_MAX] if isinstance(text, str) else "" for text in (actor, of)]
    return view.search_of(_seen(), actor=texts[0] or None, object=texts[1] or None)


def _seen() -> view.View:
    found = view.current()
    if found is None:
        raise RuntimeError("asked outside of a view")
    return found


def span_links() -> Child:
    """Links to the periods at hand; the one that is shown is marked."""
    seen = view.current()
    if seen is None:
        return []
    now = view.span_text(seen.span) if seen.span else None
    kept = replace(seen, span=None, period=None)
    return [
        dcc.Link(
            f"● {name}" if now == span and not seen.period else name,
            href=f"/audit{view.search_of(kept, range=span)}",
        )
        for span, name in SPANS
    ]


def rows_table(source: Source) -> Child:
    """What is on record, newest first; all of it is text."""
    which = audit.wanted(view.current())
    found = audit.entries(source, which)
    if not found:
        asked = which.actor or which.object or which.start
        return empty("Nothing on record fits what was asked." if asked else "Nothing is on record yet.")
    rows = [
        (
            fmt.fixed(row.audit_id, 0),
            f"{row.at.astimezone(source.zone):%Y-%m-%d %H:%M:%S}{fmt.abbreviation(row.at, source.zone)}",
            f"{row.actor} ({row.role})" if row.role else row.actor,
            row.source,
            row.what,
            row.object,
            row.old,
            row.new,
            row.reason,
        )
        for row in found
    ]
    head = ("Row", f"Time, {source.zone.key}", "By", "From", "What", "Object", "Old", "New", "Why")
    said: list[Child] = [table(head, rows, numeric=(0,))]
    if len(found) == audit.SHOWN_MAX:
        said.append(
            html.P(
                f"The newest {audit.SHOWN_MAX} rows. For the ones before, ask for a period or somebody.",
                className="note",
            )
        )
    return said


def checked(source: Source) -> Child:
    """What the check found."""
    try:
        found = audit.verified(source)
    except ServiceError as error:
        return failed(f"Not checked: {error}.")
    return chain(found)


def chain(found: Verified) -> Child:
    """Every row in order, or the first ones that are not."""
    if found.ok:
        state: Child = "✓ every row is as it was written"
    else:
        faults = html.Ul([html.Li(fmt.sentence(f"{fault}.")) for fault in found.faults])
        state = html.Div([html.Span("◆ The record was changed", className="alarm p1"), faults])
    return facts(
        [
            ("State", state),
            ("Rows", fmt.fixed(found.rows, 0)),
            ("Newest hash", html.Code(found.head or "none")),
            (
                "To keep",
                "Keep this hash elsewhere: `joulecast audit verify --head` finds an end cut off since.",
            ),
        ]
    )


PAGE: Final = Page(
    "/audit", "Audit", layout, register, live, frozenset({"actor", "object"}), permission=PERMISSION
)
