"""Reports: a month as a page, as a PDF and as a file."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import dash_mantine_components as dmc
from dash import ClientsideFunction, Input, Output, html

from core.errors import InputError, NotReadyError
from ui import export, pdf, view
from ui import format as fmt
from ui.components import report as parts
from ui.components.panel import empty, panel, table
from ui.data import report
from ui.page import Page
from ui.pages.energy import boundary

if TYPE_CHECKING:
    from datetime import date

    from dash import Dash

    from ui.components.panel import Child
    from ui.data import Source
    from ui.data.report import Report
    from ui.page import Live

KEYS: Final = frozenset({"month"})
_COLUMNS: Final = ("section", "figure", "value", "unit", "what_it_is", "note")


def layout(source: Source) -> list[Child]:
    """The page."""
    months: Any = [{"value": f"{m:%Y-%m}", "label": f"{m:%B %Y}"} for m in report.months(source)]
    picker = dmc.Select(
        id="reports-month",
        label="Month",
        data=months,
        value=f"{chosen(source)[0]:%Y-%m}",
        allowDeselect=False,
        searchable=True,
        w=200,
    )
    return [
        html.H1("Reports", className="sr"),
        html.Div([picker, html.Div(id="reports-files", className="row")], className="switches apart"),
        html.Div(id="reports-said"),
        html.Div(empty("Being worked out."), id="reports-body"),
    ]


def chosen(source: Source) -> tuple[date, str]:
    """The month of the address, or this one and what was wrong with that of the address."""
    today = source.now.astimezone(source.context.site.zone).date()
    seen = view.current()
    asked = seen.more.get("month") if seen else None
    if asked is None:
        return today.replace(day=1), ""
    try:
        return report.parse_month(asked, today), ""
    except InputError as error:
        return today.replace(day=1), f"There is no report of “{asked[:20]}”: {error.do}. This month is shown."


def register(app: Dash, source: Source) -> None:
    """The picker writes the address; the files are served."""
    app.clientside_callback(
        ClientsideFunction("joulecast", "chosen"),
        Output("url", "search", allow_duplicate=True),
        Input("reports-month", "value"),
        prevent_initial_call=True,
    )
    export.offer(app.server, source, "/reports/<month>.pdf", partial(as_pdf, source))
    export.offer(app.server, source, "/reports/<month>.csv", partial(as_csv, source))


def live(source: Source) -> Live:
    """The month; worked out apart from the poll."""
    month, said = chosen(source)
    found = report.report(source, month)

    def body() -> Child:
        if found.value is None:
            raise NotReadyError(found.why(f"{month:%B %Y}"))
        return shown(found.value, source)

    return {
        ("reports-body", "children"): body,
        ("reports-said", "children"): lambda: html.P(f"▲ {said}", className="notice p3") if said else "",
        ("reports-files", "children"): lambda: files(month),
    }


def files(month: date) -> Child:
    """Links to the month as files."""
    seen = view.current()
    search = view.search_of(view.shell_part(seen)) if seen else ""
    return [
        html.A(
            kind.upper(), href=f"/reports/{month:%Y-%m}.{kind}{search}", className="btn small", download=""
        )
        for kind in ("pdf", "csv")
    ]


def shown(found: Report, source: Source) -> Child:
    """The month as panels."""
    return html.Div(
        [
            html.H2(title(found, source), className="report-title"),
            html.P(period(found, source), className="note"),
            html.P(parts.kinds(found), className="notice p3" if parts.partial(found) else "note"),
            *[
                panel(
                    section.title,
                    table(section.head, section.rows, numeric=section.numeric) if section.rows else "",
                    html.P(section.note, className="note") if section.note else "",
                )
                for section in parts.sections(found, source.context.site, source.zone)
            ],
        ],
        className="report stack",
    )


def title(found: Report, source: Source) -> str:
    """What the report is called."""
    return f"{source.context.site.site.name}: {found.month:%B %Y}"


def span(found: Report, source: Source) -> str:
    """From when to when."""
    so_far = "" if found.over else " (the month is not over)"
    start, end = (fmt.clock_time(time, source.zone) for time in (found.start, found.end))
    return f"{start} to {end}{so_far}, {source.zone.key}"


def period(found: Report, source: Source) -> str:
    """From when to when, of what, and as of when."""
    read_to = fmt.clock_time(found.energy.end, source.zone)
    return (
        f"{span(found, source)} · {boundary(source)} · read up to {read_to} by joulecast {export.software()}"
    )


def head(found: Report, source: Source) -> export.Head:
    """What the files say of themselves."""
    site = source.context.site
    return export.Head(
        title=title(found, source),
        site=f"{site.site.name} ({site.id})",
        zone=source.zone,
        boundary=boundary(source),
        start=found.start,
        end=found.end,
        made_at=source.now,
        complete_ratio=found.energy.pue.complete_ratio,
        query=f"/reports?month={found.name}",
    )


def of_month(source: Source, month: str) -> Report:
    """Read the month of a file.

    Raises:
        InputError: it is no month, or has not begun.
    """
    today = source.now.astimezone(source.context.site.zone).date()
    return report.read(source, report.parse_month(month, today))


def as_pdf(source: Source, month: str) -> export.File:
    """The month as a PDF."""
    found = of_month(source, month)
    sections = parts.sections(found, source.context.site, source.zone)
    of = head(found, source)
    made = f"{fmt.long_time(source.now, source.zone)} by joulecast {export.software()}"
    said = (
        ("Site", of.site),
        ("Period", span(found, source)),
        ("Boundary", of.boundary),
        ("Measured", parts.kinds(found)),
        ("Made", made),
    )
    content = pdf.document(of.title, said, sections)
    return export.File(f"{source.context.site.id}-{found.name}.pdf", export.PDF_TYPE, content)


def as_csv(source: Source, month: str) -> export.File:
    """The month's figures as CSV, numbers unrounded."""
    found, site = of_month(source, month), source.context.site
    groups = (
        ("energy", parts.energy(found, site)),
        ("savings", parts.savings(found, site)),
        ("eu_2024_1364", parts.eed(found, site)),
    )
    rows: list[tuple[export.Cell, ...]] = [
        (name, f"{f.name} ({f.symbol})" if f.symbol else f.name, f.value, f.unit, f.kind, f.note)
        for name, figures in groups
        for f in figures
    ]
    rows.append(("eu_2024_1364", "names", None, "", "", parts.EED_NAMES))
    rows += [("alarms", f"P{a.priority} raised", a.raised, "", "recorded", "") for a in found.alarms]
    rows += [
        (
            "recommendations",
            f"{r.number} verified",
            r.verified_kwh[1] if r.verified_kwh else None,
            "kWh",
            r.state.value,
            export.utc(r.created_at),
        )
        for r in found.advised
    ]
    return export.csv_file(f"{site.id}-{found.name}", head(found, source), _COLUMNS, rows)


PAGE: Final = Page("/reports", "Reports", layout, register, live, KEYS)
