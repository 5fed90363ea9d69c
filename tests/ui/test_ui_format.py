"""Numbers, units, ages and times on the page."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui import format as fmt

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "—"),
        (math.nan, "—"),
        (math.inf, "—"),
        (0.0, "0.00"),
        (1.2345, "1.23"),
        (12.345, "12.3"),
        (123.45, "123"),
        (12345.6, "12\u202f346"),
        (-0.5, "−0.500"),
    ],
)
def test_a_number_has_three_significant_digits_and_no_number_is_a_dash(
    value: float | None, text: str
) -> None:
    assert fmt.number(value) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (512_340.0, "W", "512 kW"),
        (0.634, "1", "63.4 %"),
        (21.04, "degC", "21.0 °C"),
        (3.6e6, "J", "1.00 kWh"),
        (1.41e9, "Hz", "1\u202f410 MHz"),
        (1.0, "count", "1"),
        (None, "W", "—"),
    ],
)
def test_a_canonical_value_is_shown_in_the_unit_of_the_page(
    value: float | None, unit: str, text: str
) -> None:
    assert fmt.quantity(value, unit) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "never"),
        (-3, "0 s"),
        (12.9, "12 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7200, "2 h"),
        (172800, "2 d"),
    ],
)
def test_an_age_is_in_one_unit(seconds: float | None, text: str) -> None:
    assert fmt.age(seconds) == text


def test_a_time_is_in_the_sites_zone_with_its_date_unless_today() -> None:
    now = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    assert fmt.clock_time(now, AMSTERDAM, now) == "13:00"
    assert fmt.clock_time(now - timedelta(days=1), AMSTERDAM, now) == "Sun 1 Mar 13:00"
    assert fmt.long_time(now, AMSTERDAM) == "Mon 2 Mar 2026 13:00:00 CET"


def test_a_chart_over_the_change_of_clocks_has_no_hour_twice() -> None:
    start = datetime(2026, 10, 24, 22, 0, tzinfo=UTC)
    times = [start + timedelta(hours=i) for i in range(25)]
    shown = fmt.axis_times(times, fmt.offset_of(times[-1], AMSTERDAM))
    assert len(set(shown)) == 25
    assert shown == sorted(shown)
    assert fmt.offset_name(fmt.offset_of(times[-1], AMSTERDAM)) == "UTC+01:00"
    assert fmt.offset_name(timedelta(hours=-3, minutes=-30)) == "UTC-03:30"


def test_a_difference_has_its_sign() -> None:
    assert fmt.signed(1.26, 1) == "+1.3"
    assert fmt.signed(-1.26, 1) == "−1.3"
    assert fmt.signed(0.001, 1) == "0.0"


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_any_float_can_be_shown(value: float) -> None:
    assert fmt.number(value)
    assert "nan" not in fmt.fixed(value, 1)


def test_identifiers_become_words() -> None:
    assert fmt.words("supply_air_temperature") == "supply air temperature"
    assert fmt.sentence(fmt.words("crah_fan")) == "CRAH fan"


def test_counts() -> None:
    assert [fmt.count(n, "day") for n in (0, 1, 2)] == ["0 days", "1 day", "2 days"]
