"""Evaporation and make-up against the EnergyPlus plant year, and what must hold for any tower."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.plant.water import WaterParameters, evaporation_kgs, use
from twin.psychro import humidity_ratio_from_wet_bulb, specific_volume_m3_per_kg

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

AIR_M3S: Final = 30.0
WATER_KGS: Final = 0.05678 * 998.0
KG_PER_M3: Final = 998.0
PLANT: Final = WaterParameters(concentration_cycles=4.0)


@pytest.fixture(scope="module")
def year(shared_data: Path) -> NDArray[np.void]:
    """Hours that the reference says may be compared."""
    file = "reference_plant_energyplus_chicago_york_yt_1055kW.csv.gz"
    columns: NDArray[np.void] = np.genfromtxt(shared_data / "reference" / file, delimiter=",", names=True)
    assert len(columns) == 8760
    air = columns["air_flow_ratio"]
    return columns[(air > 0.25) & (air <= 1) & (columns["T_wetbulb_C"] > 0)]


def test_a_year_evaporates_what_energyplus_says(year: NDArray[np.void]) -> None:
    pressure = float(year["P_baro_Pa"].mean())
    dry, wet = year["T_drybulb_C"], year["T_wetbulb_C"]
    volume = specific_volume_m3_per_kg(dry, humidity_ratio_from_wet_bulb(dry, wet, pressure), pressure)
    air = AIR_M3S * year["air_flow_ratio"] / volume
    evaporated = evaporation_kgs(air, year["Q_tower_W"] * 1e-3, dry, wet, pressure)
    expected = year["evap_m3_s"] * KG_PER_M3
    # found with the year's mean pressure: sum -0.083 %, hour by hour 0.12 % median, 0.53 % p95
    assert len(year) == 6434
    assert evaporated.sum() == pytest.approx(expected.sum(), rel=0.001)
    deviation = np.abs(evaporated / expected - 1.0)
    assert np.median(deviation) < 0.002
    assert np.percentile(deviation, 95) < 0.01
    made_up = use(PLANT, evaporated, np.array(WATER_KGS)).make_up_kgs
    assert made_up.sum() == pytest.approx(year["makeup_m3_s"].sum() * KG_PER_M3, rel=0.001)


@settings(max_examples=60, deadline=None)
@given(
    air=st.floats(0, 100),
    heat=st.floats(0, 2000),
    wet=st.floats(-20, 30),
    depression=st.floats(0, 15),
    water=st.floats(0, 100),
)
def test_make_up_replaces_what_leaves_and_nothing_evaporates_without_heat(
    air: float, heat: float, wet: float, depression: float, water: float
) -> None:
    evaporated = evaporation_kgs(np.array(air), np.array(heat), np.array(wet + depression), np.array(wet))
    found = use(PLANT, evaporated, np.array(water))
    assert all(np.isfinite(values) and values >= 0 for values in found)
    assert float(sum(found[:3])) == pytest.approx(float(found.make_up_kgs))
    if heat == 0 or air == 0:
        assert evaporated == 0
    if found.blowdown_kgs > 0:
        assert float(found.make_up_kgs) == pytest.approx(float(evaporated) * 4.0 / 3.0)


def test_drift_beyond_the_blow_down_is_made_up_too() -> None:
    found = use(PLANT, np.array(0.0), np.array(100.0))
    assert [float(values) for values in found] == pytest.approx([0.0, 0.05, 0.0, 0.05])
