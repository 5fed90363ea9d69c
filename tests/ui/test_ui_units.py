"""Inch-pound units and days when the clocks change, on every page of `ui.pages.PAGES`."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import pytest
import seed
from looking import acting, seen
from plotly.utils import PlotlyJSONEncoder

from core import db
from core.clock import ManualClock
from core.jobs import Context
from core.settings import Settings
from ui import figures, view
from ui import format as fmt
from ui.data import history
from ui.data.source import open_source
from ui.pages import PAGES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.site import Site
    from ui.data import Source
    from ui.page import Page

AMSTERDAM, NEW_YORK = ZoneInfo("Europe/Amsterdam"), ZoneInfo("America/New_York")
HOUR: Final = timedelta(hours=1)
SI_ONLY: Final = re.compile(r"°C|(?<![A-Za-z])\d[\d.,]*[ \u202f]?K\b(?! d)|\bK/h\b|\"K\"|m³")
MEANT: Final = (
    "a day's mean less 21 °C where it is at least 24 °C",  # Eurostat's definition of a degree day
)


def texts(component: Any) -> Iterator[str]:
    """Every text of a component that people read: what is in it, titles, labels, units of charts."""
    found = json.loads(json.dumps(component, cls=PlotlyJSONEncoder, ensure_ascii=False))

    def walk(part: Any, name: str) -> Iterator[str]:
        if isinstance(part, dict):
            for key, value in part.items():
                yield from walk(value, key)
        elif isinstance(part, list):
            for value in part:
                yield from walk(value, name)
        elif isinstance(part, str) and name not in {"id", "className", "namespace", "type", "href"}:
            yield part

    return walk(found, "")


@pytest.fixture
def full(source: Source, site: Site) -> Source:
    """With stored sentences in SI: an alarm, a change that is held."""
    now = source.now
    with source.writing() as conn:
        seed.held(conn, site, now - 2 * HOUR, now)
        seed.forecaster(conn, site, now)
        for name, message in (
            ("advise.inlet.12", "rack-3 is at 29.4 °C, 2.4 K above its limit"),
            ("forecast.drift.it_power.900", "dry bulb 31.0 °C is beyond what was learnt"),
        ):
            db.rows(
                conn, "twin_raise_alarm", site=site.id, source=name, priority=2, message=message,
                action="Bring it below 27.0 °C", now=now,
            )  # fmt: skip
    return source


def shown_by(page: Page, source: Source, search: str) -> Iterator[tuple[str, str]]:
    """Every text of a page and where it stands."""
    with acting():
        parts = {f"{id_}.{prop}": value for (id_, prop), value in seen(source, page, search).items()}
        with view.use(view.parse(search, source.context.site, page.keys)):
            parts["layout"] = page.layout(source)
    return ((f"{page.name}: {where}", text) for where, value in parts.items() for text in texts(value))


def test_every_page_is_in_the_units_of_its_reader(full: Source) -> None:
    inch_pound = [found for page in PAGES for found in shown_by(page, full, "units=ip")]
    wrong = [
        (where, text)
        for where, text in inch_pound
        if SI_ONLY.search(text) and not any(meant in text for meant in MEANT)
    ]
    assert wrong == []
    assert sum("°F" in text for _, text in inch_pound) > 20
    si = [found for page in PAGES for found in shown_by(page, full, "")]
    assert [found for found in si if "°F" in found[1] or "gpm" in found[1]] == []
    assert sum("°C" in text for _, text in si) > 20


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        (
            "worst inlet 26.3 °C with its error, limit 27 °C",
            "worst inlet 79.3 °F with its error, limit 80.6 °F",
        ),
        ("a step of +1.0 K, 0.5 K allowed", "a step of +1.8 °F, 0.9 °F allowed"),
        ("from 20.0 to 21.0 °C", "from 68.0 to 69.8 °F"),
        ("−4.0 °C and -40 °C", "24.8 °F and −40.0 °F"),
        ("2.0 K/h since recommendation 3, 21.0 °C", "3.6 °F/h since recommendation 3, 69.8 °F"),
        ("3 kW, 5 KB, row K, 1 Kelvin, rack 4K7", "3 kW, 5 KB, row K, 1 Kelvin, rack 4K7"),
    ],
)
def test_a_stored_sentence_is_read_in_the_units_of_its_reader(site: Site, stored: str, shown: str) -> None:
    assert fmt.said(stored) == stored
    with view.use(view.View(site.zone, units=view.Units.IP)):
        assert fmt.said(stored) == shown


# Days of 25 and of 23 hours


AUTUMN: Final = datetime(2026, 10, 25, 2, 30, tzinfo=UTC)
SPRING: Final = datetime(2026, 3, 29, 2, 30, tzinfo=UTC)
CHANGES: Final = {
    # now, the zone that is looked in: what is said of an hour and of two hours before
    (AUTUMN, "site"): ("02:30 CET", "02:30 CEST", "UTC+01:00"),
    (AUTUMN, "UTC"): ("01:30", "00:30", "UTC+00:00"),
    (AUTUMN, "America/New_York"): ("21:30", "20:30", "UTC-04:00"),
    (SPRING, "site"): ("03:30", "01:30", "UTC+02:00"),
    (SPRING, "UTC"): ("01:30", "00:30", "UTC+00:00"),
    (SPRING, "America/New_York"): ("21:30", "20:30", "UTC-04:00"),
}


@pytest.fixture(params=list(CHANGES), ids=lambda of: f"{of[0]:%b} {of[1]}")
def changing(request: pytest.FixtureRequest, dsn: str, site: Site) -> Iterator[tuple[Source, str, Any]]:
    """The plant half an hour after the clocks have changed; alarms before and after; the reader's zone."""
    now, zone = request.param
    with db.connect(dsn) as conn:
        seed.readings(conn, site, now - 14 * HOUR, now, timedelta(minutes=5))
        seed.recommendation(conn, site, now - 2 * HOUR)
        for hours in (1, 2):
            db.rows(
                conn, "twin_raise_alarm", site=site.id, source=f"write.failed.{hours}", priority=2,
                message=f"{hours} h ago", action="Look", now=now - hours * HOUR,
            )  # fmt: skip
    source = open_source(Context(Settings(dsn=dsn), site, ManualClock(now), dsn))
    yield source, zone, CHANGES[request.param]
    source.close()


def page_of(path: str) -> Page:
    return next(page for page in PAGES if page.path == path)


def test_when_the_clocks_change_every_label_is_right(changing: tuple[Source, str, Any]) -> None:
    source, zone, (one_hour_ago, two_hours_ago, offset) = changing
    search = "" if zone == "site" else f"tz={zone}"
    listed = " | ".join(texts(seen(source, page_of("/alarms"), search)["alarms-list", "children"]))
    assert re.search(rf"since (\w+ \d+ \w+ )?{re.escape(one_hour_ago)}, 60 min \|", listed), listed
    assert re.search(rf"since (\w+ \d+ \w+ )?{re.escape(two_hours_ago)}, 2 h \|", listed), listed
    plan = " | ".join(texts(seen(source, page_of("/recommendations"), search)["advice-plan", "children"]))
    assert f"| {two_hours_ago}, 4 h |" in plan
    with view.use(view.parse(search, source.context.site)):
        figure = figures.live(*_measured(source), (None, None), source.now, source.now + HOUR, source.zone)
    where = source.context.site.zone.key if zone == "site" else zone
    assert figure["layout"]["xaxis"]["title"]["text"] == f"time in {where}, {offset}"
    x = [datetime.fromisoformat(text) for text in figure["data"][1]["x"]]
    assert {later - time for time, later in pairwise(x)} == {timedelta(minutes=5)}
    sign, hours = (1 if offset[3] == "+" else -1), int(offset[4:6])
    last = source.now + sign * hours * HOUR
    assert x[-1] in {last.replace(tzinfo=None) - timedelta(minutes=m) for m in (0, 5)}


def _measured(source: Source) -> tuple[Any, Any, Any]:
    meters = source.context.site.meters
    of = (meters.facility, meters.it, meters.cooling)
    a, b, c = (history.series(source, refs, 12 * HOUR) for refs in of)
    return a, b, c


def test_an_hour_that_comes_twice_is_told_apart_and_one_that_is_missing_is_not_there() -> None:
    autumn = [AUTUMN - timedelta(hours=3) + i * HOUR for i in range(4)]
    said = [fmt.hour_minute(time, AMSTERDAM) for time in autumn]
    assert said == ["01:30", "02:30 CEST", "02:30 CET", "03:30"]
    spring = [SPRING - timedelta(hours=3) + i * HOUR for i in range(3)]
    assert [fmt.hour_minute(time, AMSTERDAM) for time in spring] == ["00:30", "01:30", "03:30"]
    november = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    assert fmt.clock_time(november, NEW_YORK) == "Sun 1 Nov 01:30 EDT"
    assert fmt.clock_time(november + HOUR, NEW_YORK) == "Sun 1 Nov 01:30 EST"
