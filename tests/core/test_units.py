from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from core.units import CANONICAL, UNITS, Quantity, from_canonical, to_canonical


@given(st.sampled_from(sorted(UNITS)), st.floats(-1e6, 1e6))
def test_every_unit_goes_there_and_back(symbol: str, value: float) -> None:
    there = to_canonical(value, symbol, UNITS[symbol].quantity)
    assert from_canonical(there, symbol) == pytest.approx(value, rel=1e-9, abs=1e-6)


@pytest.mark.parametrize(
    ("value", "symbol", "quantity", "expected"),
    [
        (1.0, "kW", Quantity.POWER, 1000.0),
        (1.0, "kWh", Quantity.ENERGY, 3.6e6),
        (212.0, "degF", Quantity.TEMPERATURE, 100.0),
        (273.15, "degK", Quantity.TEMPERATURE, 0.0),
        (50.0, "%", Quantity.RATIO, 0.5),
        (1.0, "RT", Quantity.POWER, 3516.852842),
    ],
)
def test_known_conversions(value: float, symbol: str, quantity: Quantity, expected: float) -> None:
    assert to_canonical(value, symbol, quantity) == pytest.approx(expected, abs=1e-9)


def test_every_quantity_has_its_canonical_unit() -> None:
    for quantity, symbol in CANONICAL.items():
        assert UNITS[symbol].quantity is quantity
        assert (UNITS[symbol].factor, UNITS[symbol].offset) == (1.0, 0.0)
    assert set(CANONICAL) == set(Quantity)


def test_a_unit_of_another_quantity_is_refused_in_one_sentence() -> None:
    with pytest.raises(
        InputError, match=r"unit of a power: found 'degC'; allowed is W, mW, kW, MW, RT; "
    ) as caught:
        to_canonical(1.0, "degC", Quantity.POWER)
    assert caught.value.exit_status == 2


def test_an_unknown_unit_is_refused() -> None:
    with pytest.raises(InputError, match="furlong"):
        to_canonical(1.0, "furlong", Quantity.POWER)
