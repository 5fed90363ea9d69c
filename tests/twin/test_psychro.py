"""Moist air against the tables of ASHRAE Handbook - Fundamentals 2017, chapter 1."""

from __future__ import annotations

import numpy as np
import pytest

from twin import psychro


@pytest.mark.parametrize(
    ("temperature_c", "expected_pa"),
    [(-20, 103.24), (-5, 401.74), (5, 872.6), (25, 3169.7), (50, 12351.3), (100, 101418)],
)
def test_saturation_pressure_is_that_of_table_3(temperature_c: float, expected_pa: float) -> None:
    found = psychro.saturation_pressure_pa(np.array(temperature_c))
    assert float(found) == pytest.approx(expected_pa, rel=3e-4)


@pytest.mark.parametrize(("temperature_c", "expected"), [(5, 0.005425), (25, 0.020173), (50, 0.086863)])
def test_saturation_humidity_ratio_is_that_of_table_2(temperature_c: float, expected: float) -> None:
    found = psychro.saturation_humidity_ratio(np.array(temperature_c))
    assert float(found) == pytest.approx(expected, rel=0.01)  # table 2 has an enhancement factor, up to 0.7 %


def test_enthalpy_is_that_of_table_2_and_of_equation_30() -> None:
    assert float(psychro.saturation_enthalpy_j_per_kg(np.array(25.0))) == pytest.approx(76_504, rel=0.01)
    assert float(psychro.enthalpy_j_per_kg(np.array(30.0), np.array(0.02))) == pytest.approx(81_316, rel=3e-4)


def test_example_1_of_chapter_1() -> None:
    # 40 degC dry bulb, 20 degC wet bulb: W 0.0065, dew point 7, 14 % relative humidity, h 56.7 kJ/kg
    humidity = psychro.humidity_ratio_from_wet_bulb(np.array(40.0), np.array(20.0))
    assert float(humidity) == pytest.approx(0.0065, abs=1e-4)
    assert float(psychro.enthalpy_j_per_kg(np.array(40.0), humidity)) == pytest.approx(56_700, abs=150)
    assert float(psychro.dew_point_c(np.array(40.0), np.array(0.14))) == pytest.approx(7.0, abs=0.5)


def test_humidity_ratio_at_altitude() -> None:
    found = psychro.humidity_ratio_from_wet_bulb(np.array(30.0), np.array(25.0), 95_461.0)
    assert float(found) == pytest.approx(0.0192281274, rel=2e-4)
    assert psychro.pressure_pa(500.0) == pytest.approx(95_461, abs=1)
    assert psychro.pressure_pa(1000.0) == pytest.approx(89_875, abs=1)


@pytest.mark.parametrize(
    ("dry_bulb_c", "relative", "expected_c"),
    [
        (20, 0.4, 12.3551),
        (25, 0.5, 17.8894),
        (30, 0.6, 23.8125),
        (35, 0.3, 21.5235),
        (0, 0.8, -1.1551),
        (-5, 0.9, -5.4394),
        (40, 0.2, 22.0322),
    ],
)
def test_wet_bulb_is_that_of_psychrolib(dry_bulb_c: float, relative: float, expected_c: float) -> None:
    found = psychro.wet_bulb_c(np.array(dry_bulb_c), np.array(relative))
    assert float(found) == pytest.approx(expected_c, abs=0.01)


def test_wet_bulb_at_another_pressure() -> None:
    assert float(psychro.wet_bulb_c(np.array(7.0), np.array(0.61), 100_000.0)) == pytest.approx(
        3.92667, abs=0.01
    )


def test_dry_air_has_no_dew_point_and_no_nan() -> None:
    assert float(psychro.dew_point_c(np.array(20.0), np.array(0.0))) < -90
    assert np.isfinite(psychro.wet_bulb_c(np.array([20.0, 45.0]), np.array([0.0, 1.0]))).all()


def test_interpolating_table_is_as_good_as_the_equations() -> None:
    table = psychro.saturation_table()
    between = np.array([-13.21, 0.01, 17.33, 41.77])
    humidity = np.interp(between, table.temperature_c, table.humidity_ratio)
    assert humidity == pytest.approx(psychro.saturation_humidity_ratio(between), rel=1e-5)
