"""The data quality page without a browser, against what is written into the database by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import seed
from looking import acting, seen
from plotly.utils import PlotlyJSONEncoder

from core import db
from core.errors import InputError
from core.jobs import Context
from core.points import PointRef, Status
from core.settings import Settings
from ingest.jobs import roll_up
from joulecast.verbs.common import DEMO_SITE
from ui import rereading, view
from ui.charts import quality as charts
from ui.data import quality
from ui.data.quality import Verdict
from ui.pages import quality as page

if TYPE_CHECKING:
    from core.clock import ManualClock
    from core.site import Site
    from ui.data import Source

IT = PointRef("pdu", "it_power")
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def one(source: Source, ref: PointRef = IT) -> quality.Point:
    quality.measure_gaps(source)
    return next(point for point in quality.points(source) if point.ref == str(ref))


def change(context: Context, statement: str, *values: Any) -> None:
    with db.connect(context.dsn) as conn:
        conn.execute(statement, values)


def mark(context: Context, status: Status) -> None:
    change(
        context,
        "UPDATE reading_latest SET status = %s WHERE point_id ="
        " (SELECT point_id FROM point WHERE asset_id = 'pdu' AND name = 'it_power')",
        int(status),
    )


def cut(context: Context, start: datetime, end: datetime) -> None:
    change(
        context,
        "DELETE FROM reading WHERE time > %s AND time < %s AND point_id ="
        " (SELECT point_id FROM point WHERE asset_id = 'pdu' AND name = 'it_power')",
        start,
        end,
    )


def text(component: Any) -> str:
    return json.dumps(component, cls=PlotlyJSONEncoder, ensure_ascii=False)


def test_every_point_of_the_description_is_in_the_list(
    source: Source, site: Site, clock: ManualClock
) -> None:
    found = quality.points(source)
    heard = {ref for ref in seed.values(site, clock.now()) if True}
    assert {point.ref for point in found} == {str(ref) for ref in site.refs()}
    assert {point.ref for point in found if point.verdict is Verdict.GOOD} == heard
    counts = quality.counts(found)
    assert counts[Verdict.NEVER] == len(found) - len(heard)
    assert sum(counts.values()) == len(found)


def test_readings_without_a_gap_have_none(source: Source) -> None:
    point = one(source)
    assert (point.gaps, point.longest_s, point.usual_s) == (0, 0.0, 60.0)
    assert (point.verdict, point.problems, point.age_s) == (Verdict.GOOD, (), 0.0)


@pytest.mark.parametrize("rolled_up", [False, True])
def test_gaps_are_counted_and_measured(
    source: Source, context: Context, clock: ManualClock, *, rolled_up: bool
) -> None:
    now = clock.now()
    cut(context, now - 5 * HOUR, now - 4 * HOUR)
    cut(context, now - 90 * MINUTE, now - 80 * MINUTE)
    cut(context, now - 20 * MINUTE, now - 18 * MINUTE)
    if rolled_up:
        roll_up(context)
    point = one(source)
    assert (point.gaps, point.longest_s) == (2, 3600.0)  # two minutes are no gap where one comes each minute
    assert one(source, PointRef("utility", "facility_power")).gaps == 0


def test_a_gap_that_began_before_the_day_or_is_not_over_counts(
    source: Source, context: Context, clock: ManualClock
) -> None:
    now = clock.now()
    cut(context, now - 25 * HOUR, now - 22 * HOUR)
    assert (one(source).gaps, one(source).longest_s) == (1, 7200.0)
    clock.advance(HOUR)
    point = one(source)
    assert (point.gaps, point.verdict) == (2, Verdict.LATE)


def test_marks_of_ingest_are_said_in_words(source: Source, context: Context) -> None:
    for status, verdict, said in (
        (Status.BAD_OUT_OF_RANGE, Verdict.BAD, "out of range"),
        (Status.UNCERTAIN_LAST_USABLE, Verdict.UNCERTAIN, "flat line"),
        (Status.UNCERTAIN_CONFIGURATION_ERROR, Verdict.UNCERTAIN, "device's clock is wrong"),
    ):
        mark(context, status)
        source.forget_all()
        point = one(source)
        assert (point.verdict, point.problems, point.status) == (verdict, (said,), status.name)


def test_a_value_no_catalogue_knows_and_a_clock_that_is_ahead(
    source: Source, context: Context, clock: ManualClock
) -> None:
    change(
        context,
        "UPDATE reading_latest SET value = -5, time = %s WHERE point_id ="
        " (SELECT point_id FROM point WHERE asset_id = 'pdu' AND name = 'it_power')",
        clock.now() + timedelta(seconds=40),
    )
    assert one(source).problems == ("out of range", "its clock is 40 s ahead")


def test_numbers_of_the_list_are_in_the_readers_units(source: Source) -> None:
    shown = seen(source, page.PAGE, "?units=ip&tz=UTC")
    row = next(r for r in shown["quality-grid", "rowData"] if r["ref"] == "hall/supply_air_temperature")
    assert (row["value"], row["unit"], row["seen"]) == (68.72, "°F", "12:00")  # 20.4 °C
    assert len(shown["quality-counts", "children"]) == len(Verdict)


def test_an_empty_database_is_explained(empty_source: Source) -> None:
    shown = seen(empty_source, page.PAGE)
    assert {row["state"] for row in shown["quality-grid", "rowData"]} == {"○ never heard"}
    assert "everything that came was read" in text(shown["quality-refused", "children"])
    assert "Nothing." in text(shown["quality-unmapped", "children"])


def trend(source: Source, search: str) -> tuple[dict[str, Any], str]:
    with view.use(view.parse(search, source.context.site, page.PAGE.keys)):
        figure, said = page.drawn(source)
    return figure, text(said)


def test_a_trend_shows_gaps_and_bad_readings(source: Source, context: Context, clock: ManualClock) -> None:
    now = clock.now()
    cut(context, now - 40 * MINUTE, now - 30 * MINUTE)
    change(
        context,
        "UPDATE reading SET status = %s WHERE time = %s AND point_id ="
        " (SELECT point_id FROM point WHERE asset_id = 'pdu' AND name = 'it_power')",
        int(Status.BAD_SENSOR_FAILURE),
        now - 10 * MINUTE,
    )
    figure, said = trend(source, "?point=pdu/it_power&range=1h")
    line, bad = figure["data"]
    assert line["x"].count(None) == 1
    gap = line["x"].index(None)
    assert (line["x"][gap - 1], line["x"][gap + 1]) == ("2026-03-02T12:20:00", "2026-03-02T12:30:00")
    assert len(line["x"]) == 61 - 9 - 1 + 1
    assert bad["x"] == ["2026-03-02T12:50:00"]
    assert bad["marker"]["symbol"] == "x"
    assert line["y"][-1] == pytest.approx(seed.it_w(now) / 1000)
    assert "1 reading marked bad" in said


def test_a_trend_of_the_other_half_of_the_year_is_at_the_offset_of_then(
    source: Source, site: Site, context: Context
) -> None:
    then = datetime(2025, 7, 1, 10, tzinfo=UTC)
    with db.connect(context.dsn) as conn:
        seed.readings(conn, site, then, then + 10 * MINUTE)
    figure, said = trend(source, "?point=pdu/it_power&from=2025-07-01T10:00Z&to=2025-07-01T11:00Z")
    assert figure["data"][0]["x"][0] == "2025-07-01T12:00:00"
    assert "UTC+02:00" in figure["layout"]["xaxis"]["title"]["text"]
    assert "12:00" in said


def test_a_long_trend_is_of_means_and_keeps_its_peak(
    source: Source, site: Site, context: Context, clock: ManualClock
) -> None:
    now = clock.now()
    peak = now - 30 * HOUR
    with db.connect(context.dsn) as conn:
        seed.readings(conn, site, now - 60 * HOUR, now - 27 * HOUR)
    change(
        context,
        "UPDATE reading SET value = 2e6 WHERE time = %s AND point_id ="
        " (SELECT point_id FROM point WHERE asset_id = 'pdu' AND name = 'it_power')",
        peak,
    )
    figure, said = trend(source, "?point=pdu/it_power&range=3d&tz=UTC")
    (line,) = figure["data"]
    values = [value for value in line["y"] if value is not None]
    assert len(values) <= charts.SHOWN_MAX
    assert max(values) == pytest.approx(2000)
    assert line["x"][line["y"].index(max(values))] == f"{peak:%Y-%m-%dT%H:%M:%S}"
    assert line["x"].count(None) == 1  # the hour between the two stretches
    assert "means of a minute" in said


def test_a_point_that_is_not_there_is_one_sentence(source: Source) -> None:
    assert "Choose a point" in trend(source, "")[1]
    for search in ("?point=pdu/colour", "?point=nonsense", "?point=rack-99/inlet_temperature", "?point="):
        figure, said = trend(source, search)
        assert figure["data"] == []
        assert said.count("found") <= 1
    with pytest.raises(InputError):
        quality.trend(
            source, "moon/power", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
        )


def test_refused_messages_are_read_again_by_who_may(source: Source, context: Context) -> None:
    change(
        context,
        "INSERT INTO reading_rejected VALUES ('\\x02', 'joulecast/demo/rack-9/inlet_temperature', %s,"
        " 'not known then', now(), now(), 3)",
        b'{"time": "2026-03-02T11:00:00Z", "value": 22.5}',
    )
    change(
        context, "UPDATE reading_rejected SET first_at = '2026-03-02T11:00Z', last_at = '2026-03-02T11:00Z'"
    )
    settings = Settings(dsn=context.dsn, site_file=DEMO_SITE)
    source.context = Context(settings, context.site, context.clock, context.dsn)
    with acting("Olga", "operator"):
        assert "takes engineer" in rereading.start(source, "")
        assert seen(source, page.PAGE)["quality-reread", "disabled"]
    with acting("Ann", "engineer"):
        assert not seen(source, page.PAGE)["quality-reread", "disabled"]
        rereading.start(source, "rack-9")
        thread = rereading.state(source).thread
        assert thread
        thread.join(20)
        said = rereading.said(source)
    assert "2 messages read again: 1 taken, 1 still refused; 1 new reading." in said
    assert "Ann" in said
    assert [found.topic for found in quality.refused(source)] == ["joulecast/demo/rack-9/colour"]
