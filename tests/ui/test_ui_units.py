"""Inch-pound units and days when the clocks change, on every page of `ui.pages.PAGES`."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
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
from ui.components import advice as parts
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


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_no_page_shows_si_temperatures_to_who_reads_inch_pound(page: Page, full: Source) -> None:
    with acting():
        shown = {f"{element}.{prop}": value for (element, prop), value in seen(full, page, "units=ip").items()}
        with view.use(view.parse("units=ip", full.context.site, page.keys)):
            shown["layout"] = page.layout(full)
    wrong = [
        (where, text)
        for where, value in shown.items()
        for text in texts(value)
        if SI_ONLY.search(text) and not any(meant in text for meant in MEANT)
    ]
    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_no_page_shows_inch_pound_to_who_reads_si(page: Page, full: Source) -> None:
    with acting():
        shown = [page.layout(full), *seen(full, page).values()]
    assert [text for value in shown for text in texts(value) if "°F" in text or "gpm" in text] == []


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("worst inlet 26.3 °C with its error, limit 27 °C", "worst inlet 79.3 °F with its error, limit 80.6 °F"),
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
