"""Prices by the hour, times without changes, and what of both a site may not say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import joulecast
from core.actions import Authority
from core.errors import InputError
from core.site import load_site
from core.tariff import Advice, ChangeFreeze, Objective, Period, Tariff

DEMO = Path(joulecast.__file__).parent / "demo" / "site.toml"
AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def test_the_first_period_that_fits_counts_and_the_price_for_the_rest() -> None:
    tariff = Tariff(
        energy_per_kwh=0.1,
        periods=(
            Period(days="weekend", energy_per_kwh=0.05),
            Period(from_hour=8, to_hour=20, energy_per_kwh=0.3),
        ),
    )
    friday = datetime(2026, 5, 1, tzinfo=AMSTERDAM)
    for hours, price in ((7.9, 0.1), (8.0, 0.3), (19.99, 0.3), (20.0, 0.1), (24.0, 0.05), (34.0, 0.05)):
        assert tariff.energy_price(friday + timedelta(hours=hours)) == price


def test_prices_follow_the_clock_on_the_wall() -> None:
    """On the day when the clocks go forward, 08:00 comes an hour earlier."""
    tariff = Tariff(energy_per_kwh=0.1, periods=(Period(from_hour=8, energy_per_kwh=0.3),))
    start = datetime(2026, 3, 28, 23, tzinfo=UTC)  # midnight in Amsterdam
    prices = tariff.energy_prices(start, timedelta(hours=1), 23, AMSTERDAM)
    assert prices.tolist() == [0.1] * 7 + [0.3] * 16


def test_a_freeze_is_of_hours_and_of_days() -> None:
    freeze = ChangeFreeze(
        name="year end", first_day=datetime(2026, 12, 30, tzinfo=UTC).date(), days="weekdays", from_hour=6
    )
    advice = Advice(change_freeze=(freeze,))
    assert advice.frozen(datetime(2026, 12, 30, 7, tzinfo=AMSTERDAM)) == "year end"
    assert advice.frozen(datetime(2026, 12, 30, 5, tzinfo=AMSTERDAM)) == ""
    assert advice.frozen(datetime(2026, 12, 29, 7, tzinfo=AMSTERDAM)) == ""
    assert advice.frozen(datetime(2027, 1, 2, 7, tzinfo=AMSTERDAM)) == ""  # a Saturday


def test_advice_begins_in_the_shadow() -> None:
    assert Advice() == Advice(
        authority=Authority.SHADOW, objective=Objective.FACILITY_ENERGY, hold_h=24, two_persons=False
    )
    demo = load_site(DEMO)
    assert demo.advice.authority is Authority.SUPERVISED
    assert demo.site.simulated
    assert demo.tariff.energy_price(datetime(2026, 5, 4, 18, tzinfo=demo.zone)) == 0.24


FAULTS: list[tuple[str, str, str]] = [
    ('authority = "supervised"', 'authority = "boss"', "advice.authority"),
    ("simulated = true", "simulated = false", "is for simulations with write_back = true"),
    ("write_back = true", "write_back = false", "is for simulations with write_back = true"),
    ("hold_h = 24.0", "hold_h = 0.0", "advice.hold_h"),
    ("hold_h = 24.0", "hold_hours = 24.0", "an unknown key"),
    ("energy_per_kwh = 0.11", "energy_per_kwh = -0.11", "tariff.energy_per_kwh"),
    ("from_hour = 7, to_hour = 11", "from_hour = 11, to_hour = 7", "from_hour must be before to_hour"),
    ('objective = "facility_energy"', 'objective = "pue"', "advice.objective"),
    (
        "two_persons = false",
        "two_persons = false\n[[advice.change_freeze]]\nfrom_hour = 3",
        "advice.change_freeze.0.name",
    ),
    (
        "two_persons = false",
        "two_persons = false\n[advice.auto_envelope.supply_air_temperature]\nlow_c = 10\nhigh_c = 20",
        "must lie within 18.0 to 26.0",
    ),
    (
        "two_persons = false",
        "two_persons = false\n[advice.auto_envelope.supply_air_temperature]\nlow_c = 21\nhigh_c = 20",
        "low_c must be below high_c",
    ),
]


@pytest.mark.parametrize(("of_demo", "instead", "told"), FAULTS, ids=[fault[1] for fault in FAULTS])
def test_one_clear_sentence_for_what_cannot_be(tmp_path: Path, of_demo: str, instead: str, told: str) -> None:
    text = DEMO.read_text(encoding="utf-8")
    assert of_demo in text
    path = tmp_path / "site.toml"
    path.write_text(text.replace(of_demo, instead, 1), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_site(path)
    assert told in str(caught.value)


def test_cost_needs_a_price(tmp_path: Path) -> None:
    text = DEMO.read_text(encoding="utf-8")
    begin, end = text.index("[tariff]"), text.index("[advice]")
    path = tmp_path / "site.toml"
    path.write_text((text[:begin] + text[end:]).replace('"facility_energy"', '"cost"'), encoding="utf-8")
    with pytest.raises(InputError, match="needs a price"):
        load_site(path)
