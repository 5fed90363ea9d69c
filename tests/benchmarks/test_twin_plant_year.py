"""The plant as the twin solves it gives the year that EnergyPlus gives."""

from __future__ import annotations

import pytest
from twin_plant_year import plant_year


@pytest.mark.usefixtures("shared_data")
def test_the_year_is_that_of_energyplus() -> None:
    found = plant_year()
    assert (found["hours"], found["hours_compared"]) == (8760, 6434)
    # 0.018; 0.004 and 0.36; 0.39; 0.07
    assert found["chiller_energy_pct"] <= 0.2
    assert found["chiller_power_median_pct"] <= 0.1
    assert found["chiller_power_p95_pct"] <= 1.0
    assert found["tower_fan_pct"] <= 2.0
    assert found["evaporation_pct"] <= 0.5
