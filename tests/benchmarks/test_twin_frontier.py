"""A day of a site of Frontier's size: what goes in comes out, and a single process holds it."""

from __future__ import annotations

import pytest
from twin_frontier import frontier, plant


@pytest.mark.usefixtures("shared_data")
def test_a_day_of_25_zones_balances_and_is_small() -> None:
    found = frontier()
    assert (found["zones"], found["steps"]) == (25, 5761)
    assert found["it_mwh"] == pytest.approx(387.06, abs=0.5)  # what the file sums to, beside leakage
    assert 1.02 < found["pue"] < 1.06  # the published one is about 1.03
    assert found["unmet_max_kw"] == 0
    assert found["extrapolated_ratio"] < 0.1
    assert found["balance_residual_ratio_max"] < 1e-9
    assert found["peak_mb"] < 500
    assert found["seconds"] < 10  # a machine that is busy with other tests


def test_the_plant_is_made_for_its_units() -> None:
    found = plant()
    assert found.liquid is not None
    assert found.liquid.liquid_class == "W32"
    assert found.zones == 25
