"""A month: figures against what was written, what is missing said, the same in page, PDF and file."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
import seed
from plotly.utils import PlotlyJSONEncoder
from reportlab.pdfbase.ttfonts import TTFont

from core import db
from core.errors import InputError
from ui import pdf, view
from ui.components import report as parts
from ui.data import later, report, status
from ui.pages import reports as page

if TYPE_CHECKING:
    from dash import Dash

    from core.clock import ManualClock
    from core.jobs import Context
    from core.site import Site
    from ui.data import Source

MARCH = date(2026, 3, 1)
AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def text(component: Any) -> str:
    return json.dumps(component, cls=PlotlyJSONEncoder, ensure_ascii=False)


def by_name(figures: tuple[parts.Figure, ...]) -> dict[str, parts.Figure]:
    return {f.symbol or f.name: f for f in figures}


def test_a_month_of_the_site_lasts_from_midnight_to_midnight_there() -> None:
    start, end = report.span_of(MARCH, AMSTERDAM)
    assert start == datetime(2026, 2, 28, 23, tzinfo=UTC)
    assert end == datetime(2026, 3, 31, 22, tzinfo=UTC)
    assert (end - start) / timedelta(hours=1) == 31 * 24 - 1
    assert report.span_of(date(2026, 12, 1), AMSTERDAM)[1] == datetime(2026, 12, 31, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    "asked", ["2026-13", "2026-3", "0000-01", "=1+1", "2026-04", "x" * 3000, "", "0001-01", "1969-12"]
)
def test_a_month_that_is_none_is_refused_in_a_sentence(asked: str) -> None:
    with pytest.raises(InputError, match="choose a month of the list"):
        report.parse_month(asked, date(2026, 3, 2))


def test_months_begin_with_the_first_reading(source: Source, empty_source: Source) -> None:
    assert report.months(source) == (MARCH,)
    assert report.months(empty_source) == (MARCH,)
    assert report._before(MARCH, 3) == date(2025, 12, 1)


def test_months_and_days_whose_readings_are_dropped_are_offered_from_what_is_rolled_up(
    empty_source: Source, site: Site
) -> None:
    old, now = datetime(2025, 11, 10, tzinfo=UTC), empty_source.now
    with empty_source.connection() as conn:
        seed.readings(conn, site, old, old + timedelta(hours=2))
        conn.execute("SELECT rollup_start()")
        conn.execute("CALL roll_up(%s, %s)", (old, old + timedelta(hours=3)))
        conn.execute("TRUNCATE reading, rollup_dirty")
        conn.execute("UPDATE storage_state SET raw_from = %s", (now - timedelta(days=90),))
        seed.readings(conn, site, now - timedelta(hours=2), now)
    months = report.months(empty_source)
    assert (months[0], months[-1], len(months)) == (MARCH, date(2025, 11, 1), 5)
    assert report.read(empty_source, date(2025, 11, 1)).energy.it_sum_kwh
    assert status.days(empty_source) == (date(2026, 3, 2), date(2025, 11, 10))


def test_figures_are_those_of_the_readings(source: Source, site: Site, clock: ManualClock) -> None:
    found = report.read(source, MARCH)
    start = clock.now() - timedelta(hours=26)
    hours = [start + timedelta(hours=i) for i in range(26)]
    it_kwh = sum(
        sum(seed.values(site, hour + timedelta(minutes=i))["pdu/it_power"] for i in range(60)) / 60e3
        for hour in hours
    )
    figures = by_name(parts.energy(found, site))
    assert figures["IT energy"].value == pytest.approx(it_kwh, rel=1e-6)
    assert figures["Unaccounted"].value == pytest.approx(9.0 * 26, rel=1e-6)
    assert figures["REF"].kind == parts.NOT_METERED
    assert figures["WUE"].value is None
    assert figures["CUE"].kind == "assumed"
    assert figures["CUE"].value == pytest.approx((found.energy.pue.value) * 0.33)
    assert figures["Demand charge"].value == pytest.approx(4.5 * (found.peak_kw or 0))
    assert not found.over
    assert parts.partial(found)
    assert f"{26 / 37:.0%}"[:1] == parts.kinds(found).partition("measured in ")[2][:1]


def test_energies_of_the_annex_make_its_pue_where_the_it_meter_was_out(
    source: Source, context: Context, site: Site, clock: ManualClock
) -> None:
    with db.connect(context.dsn) as conn:
        seed.one_reading(conn, site, site.meters.facility[0], clock.now() - timedelta(hours=30), 2e6)
        conn.execute(
            "DELETE FROM reading USING point WHERE point.point_id = reading.point_id"
            " AND point.name = 'it_power' AND time >= %s",
            (clock.now() - timedelta(hours=5),),
        )
    found = report.read(source, MARCH)
    figures = by_name(parts.eed(found, site))
    assert figures["EDC"].value is not None
    assert figures["EIT"].value is not None
    assert figures["EDC"].value / figures["EIT"].value == pytest.approx(figures["PUE"].value)
    assert "sums, cost and carbon as well" in parts.kinds(found)
    assert found.peak_kw == pytest.approx(2000), "of the facility's meter, though the IT's was silent then"


def test_every_indicator_of_the_annex_has_a_value_or_a_reason(source: Source, site: Site) -> None:
    figures = parts.eed(report.read(source, MARCH), site)
    names = by_name(figures)
    assert {
        "PDIT",
        "EDC",
        "EIT",
        "WIN",
        "EREUSE",
        "TIN",
        "CDD",
        "ERES-TOT",
        "CSERV",
        "PUE",
        "WUE",
        "ERF",
    } <= set(names)
    assert all(f.kind for f in figures)
    assert names["PDIT"].value == site.plant.it_design_kw
    assert names["TIN"].value == pytest.approx(20.0)
    assert names["ERF"].value is None
    sections = parts.sections(report.read(source, MARCH), site, AMSTERDAM)
    assert "Official Journal before filing" in next(s.note for s in sections if parts.EED in s.title)
    with view.use(view.parse("?units=ip", site)):
        assert by_name(parts.eed(report.read(source, MARCH), site))["TIN"].shown == "68.0 °F"


def test_cooling_degree_days_are_eurostats() -> None:
    assert report.degree_days([20.0, 23.9, 24.0, 27.5]) == pytest.approx(3.0 + 6.5)


def test_savings_recommendations_and_alarms_of_the_month(
    source: Source, context: Context, site: Site, clock: ManualClock, seeded: seed.Seeded
) -> None:
    now = clock.now()
    with db.connect(context.dsn) as conn:
        held = seed.held(conn, site, now - timedelta(hours=3), now)
        seed.alarm(conn, site, "forecast.drift", now - timedelta(minutes=40))
        conn.execute(
            "INSERT INTO alarm (site_id, source, priority, message, action, raised_at, cleared_at)"
            " VALUES (%s, 'old', 1, 'm', 'a', %s, %s)",
            (site.id, now - timedelta(days=5), now - timedelta(days=5)),
        )
    found = report.read(source, MARCH)
    assert (found.saved.days, found.saved.p50_kwh, found.saved.cost) == (2, 364, 63)
    assert {r.number: str(r.state) for r in found.advised} == {
        seeded.rejected: "rejected",
        seeded.proposed: "proposed",
        held: "holding",
    }
    assert [(a.priority, a.raised, a.standing) for a in found.alarms] == [(3, 1, 1)]
    section = parts.advised(found, AMSTERDAM)
    assert "8.0 (5.5 to 10.5)" in [row[4] for row in section.rows]
    assert section.note == "3 recommendations: 1 proposed, 1 holding, 1 rejected."
    money = by_name(parts.savings(found, site))["Money saved"]
    assert (money.value, money.note) == (63, "52 to 74")


def test_an_empty_month_says_so_everywhere(empty_source: Source, site: Site) -> None:
    found = report.read(empty_source, MARCH)
    sections = parts.sections(found, site, AMSTERDAM)
    said = text([[s.title, s.rows, s.note] for s in sections])
    assert "nan" not in said.lower()
    assert "None was made." in said
    assert "No alarm was raised." in said
    assert "nothing verified" in said


def test_the_page_shows_the_month_of_the_address(source: Source, site: Site) -> None:
    with view.use(view.parse("?month=2026-03", site, page.KEYS)):
        page.live(source)
        later.wait(source, f"report {MARCH}")
        made = {target: make() for target, make in page.live(source).items()}
    assert "Demo hall: March 2026" in text(made["reports-body", "children"])
    assert "/reports/2026-03.pdf" in text(made["reports-files", "children"])
    with view.use(view.parse("?month=2031-01", site, page.KEYS)):
        said = text(page.live(source)["reports-said", "children"]())
    assert "no report of “2031-01”" in said


def test_the_pdf_is_one_and_the_same_for_the_same_month(app: Dash, seeded: seed.Seeded) -> None:
    del seeded
    client = app.server.test_client()
    first, second = (client.get("/reports/2026-03.pdf") for _ in range(2))
    assert first.status_code == 200
    assert first.mimetype == "application/pdf"
    assert first.data.startswith(b"%PDF-")
    assert first.data.rstrip().endswith(b"%%EOF")
    assert first.data == second.data
    assert first.headers["Content-Disposition"] == 'attachment; filename="demo-2026-03.pdf"'


def test_the_pdf_takes_names_that_look_like_markup_and_signs_that_its_font_lacks() -> None:
    rows = tuple((f"<b>{i}</b> & kgCO₂ → 1\N{NARROW NO-BREAK SPACE}000", "−1.5") for i in range(120))
    section = parts.Section("A <i>title", ("Name", "Value"), rows, (1,), "note & note")
    content = pdf.document("Hall <1>", [("site", "a & b")], [section])
    assert len(re.findall(rb"/Type /Page\b(?!s)", content)) >= 2


def test_the_pdfs_font_has_every_sign_of_a_report(
    source: Source, context: Context, site: Site, clock: ManualClock
) -> None:
    with db.connect(context.dsn) as conn:
        seed.held(conn, site, clock.now() - timedelta(hours=3), clock.now())
    found = report.read(source, MARCH)
    sections = parts.sections(found, site, AMSTERDAM)
    said = "".join(
        [page.title(found, source), parts.kinds(found), *page.head(found, source).boundary]
        + [t for s in sections for t in (s.title, s.note, *s.head, *(cell for row in s.rows for cell in row))]
    )
    glyphs = TTFont("test", str(pdf._FOLDER / "Vera.ttf")).face.charToGlyph
    assert {c for c in pdf._plain(said) if ord(c) not in glyphs} == set()


def test_the_csv_has_numbers_and_reasons(app: Dash, seeded: seed.Seeded) -> None:
    del seeded
    found = app.server.test_client().get("/reports/2026-03.csv")
    rows = list(csv.reader(io.StringIO(found.get_data().decode("utf-8-sig"))))
    body = rows[rows.index([]) + 2 :]
    values = {(row[0], row[1]): row[2:] for row in body}
    assert float(values["energy", "PUE"][0]) == pytest.approx(1.26, abs=0.02)
    assert values["energy", "REF"] == ["", "", "not metered", "ISO/IEC 30134-3: no meter of renewable energy"]
    assert values["eu_2024_1364", "Total energy consumption (EDC)"][1] == "kWh"
    assert "Official Journal before filing" in values["eu_2024_1364", "names"][3]


def test_a_file_of_no_month_is_refused_with_a_sentence(app: Dash) -> None:
    for month in ("2026-13", "2027-01", "x", "0001-01", "9999-12"):
        found = app.server.test_client().get(f"/reports/{month}.pdf")
        assert found.status_code == 400, month
        assert found.get_data(as_text=True).startswith("month: found")
