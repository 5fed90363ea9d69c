"""Moist air against the tables of ASHRAE Handbook - Fundamentals 2017, chapter 1."""

from __future__ import annotations

import numpy as np
import pytest
from published import Value, moist_air

from twin import psychro


@pytest.mark.parametrize("value", moist_air(), ids=lambda value: value.what)
def test_moist_air_is_that_of_the_source(value: Value) -> None:
    assert value.found == pytest.approx(value.expected, abs=value.tolerance, rel=0.0)


def test_dry_air_has_no_dew_point_and_no_nan() -> None:
    assert float(psychro.dew_point_c(np.array(20.0), np.array(0.0))) < -90
    assert np.isfinite(psychro.wet_bulb_c(np.array([20.0, 45.0]), np.array([0.0, 1.0]))).all()


def test_interpolating_table_is_as_good_as_the_equations() -> None:
    table = psychro.saturation_table()
    between = np.array([-13.21, 0.01, 17.33, 41.77])
    humidity = np.interp(between, table.temperature_c, table.humidity_ratio)
    assert humidity == pytest.approx(psychro.saturation_humidity_ratio(between), rel=1e-5)
