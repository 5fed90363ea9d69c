"""What the address says about the view: read forgivingly, written back the same, never an error."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.units import from_canonical
from ui import format as fmt
from ui import view
from ui.view import PERIOD_MAX, Units, View, parse, search_of

if TYPE_CHECKING:
    from core.site import Site

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)
LAST = datetime.max.replace(microsecond=0)  # noqa: DTZ901  # the zone is said beside it


def test_nothing_is_the_sites_zone_si_and_the_pages_own_period(site: Site) -> None:
    found = parse("", site)
    assert (found.zone.key, found.units, found.problems) == ("Europe/Amsterdam", Units.SI, ())
    assert found.between(NOW, DAY) == (NOW - DAY, NOW)
    assert search_of(found) == ""


def test_everything_is_read_and_written_back_the_same(site: Site) -> None:
    search = "?tz=America/New_York&units=ip&range=7d&card=12"
    found = parse(search, site, frozenset({"card"}))
    assert found.problems == ()
    assert found.between(NOW, DAY) == (NOW - 7 * DAY, NOW)
    assert search_of(found) == search
    assert search_of(found, card=None, more="a b") == "?tz=America/New_York&units=ip&range=7d&more=a+b"


def test_a_period_is_in_the_zone_of_the_view_unless_it_says_otherwise(site: Site) -> None:
    local = parse("from=2026-03-02T14:20&to=2026-03-03T14:20", site)
    assert local.period == (
        datetime(2026, 3, 2, 13, 20, tzinfo=UTC),
        datetime(2026, 3, 3, 13, 20, tzinfo=UTC),
    )
    assert parse("from=2026-03-02T13:20Z&to=2026-03-03T13:20Z", site).period == local.period
    assert parse(search_of(local), site).period == local.period


@pytest.mark.parametrize(
    ("search", "said"),
    [
        ("tz=Mars/Olympus", "no time zone “Mars/Olympus”"),
        ("tz=../../etc/passwd", "no time zone"),
        ("units=furlongs", "si or ip, not “furlongs”"),
        ("range=often", "like 12h or 7d, not “often”"),
        ("range=3650d", "longer than the 400 days"),
        ("from=2026-03-02", "needs from and to"),
        ("from=x&to=y", "needs from and to"),
        ("from=2026-03-03T00:00&to=2026-03-02T00:00", "ends before it begins"),
        ("from=2010-01-01T00:00&to=2026-03-02T00:00", "longer than the 400 days"),
        ("from=9999-12-30T00:00Z&to=9999-12-31T23:59Z", "from 2000 on and before 2200; it is left out"),
        ("from=0001-01-01T00:00Z&to=0001-01-02T00:00Z", "from 2000 on and before 2200; it is left out"),
        ("from=1999-12-31T23:00Z&to=2000-01-02T00:00Z", "from 2000 on and before 2200; it is left out"),
        ("wibble=1", "“wibble”, which this page does not know"),
        ("a" * 3000, "longer than 2000 characters"),
    ],
)
def test_nonsense_is_said_in_a_sentence_and_left_out(site: Site, search: str, said: str) -> None:
    found = parse(search, site)
    assert len(found.problems) == 1
    assert said in found.problems[0]
    start, end = found.between(NOW, DAY)
    assert timedelta() < end - start <= PERIOD_MAX


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York", "Pacific/Kiritimati", "Etc/GMT+12"])
@given(
    start=st.datetimes(max_value=LAST),
    length=st.timedeltas(timedelta(minutes=5), PERIOD_MAX),
)
def test_every_period_that_is_read_can_be_written_in_every_zone(
    site: Site, zone: str, start: datetime, length: timedelta
) -> None:
    end = start + min(length, LAST - start)
    found = parse(f"tz={zone}&from={start.isoformat()}Z&to={end.isoformat()}Z", site)
    for time in found.between(NOW, DAY):
        assert fmt.clock_time(time, found.zone, NOW)


@given(st.text())
def test_no_address_is_an_error(site: Site, text: str) -> None:
    for search in (text, f"tz={text}", f"range={text}", f"from={text}&to={text}", f"units={text}"):
        found = parse(search, site)
        start, end = found.between(NOW, DAY)
        assert start < end
        assert parse(search_of(found), site).key == found.key


@given(st.floats(-90, 200))
def test_temperatures_are_read_back_as_they_were_shown(site: Site, value_c: float) -> None:
    for units in Units:
        with view.use(View(site.zone, units=units)):
            shown = fmt.display_value(value_c, "degC")
            assert shown is not None
            assert fmt.celsius(shown) == pytest.approx(value_c)


def test_inch_pound_units(site: Site) -> None:
    with view.use(View(site.zone, units=Units.IP)):
        assert fmt.temperature(27.0) == "80.6 °F"
        assert fmt.kelvins(1.0) == "1.8 °F"
        assert fmt.limits(18.0, 27.0) == "64.4 to 80.6 °F"
        assert fmt.quantity(512_340.0, "W") == "512 kW"
        assert fmt.quantity(0.063090196, "m3/s") == f"1{fmt.fixed(1000, 0)[1:]} gpm"
        assert fmt.quantity(3.785411784, "m3").endswith("gal")
    assert fmt.temperature(27.0) == "27.0 °C"
    assert from_canonical(10.0, "delta_degF") == pytest.approx(18.0)
