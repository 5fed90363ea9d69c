"""A chilled-water plant's year as EnergyPlus computes it: chiller, York tower and constant flows in Chicago.

    python -m benchmarks.twin_plant_year [--json]

Given are load and weather by the hour; `twin.water_side` finds the rest. What the plant is comes from the
EnergyPlus input file; nothing is fitted. EnergyPlus takes curves as published, so here we do too.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Final

import numpy as np
from common import SHARED_DATA, console
from sheet import NotMeasured

from core.units import W_PER_KW
from twin import water_side
from twin.parameters import PUMP_HEAT_RATIO, Parameters
from twin.plant import rejection
from twin.plant.chiller import RECORDS, ChillerParameters
from twin.plant.crah import CrahParameters
from twin.plant.curves import WATER_HEAT_KJ_PER_KGK
from twin.plant.economizer import EconomizerParameters
from twin.plant.pump import AffinityParameters
from twin.plant.server import ServerParameters
from twin.plant.tower import AIR_KG_PER_M3, TowerParameters
from twin.plant.ups import UpsParameters
from twin.state import Conditions, Inputs, Setpoints

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from twin.plant.curves import Flags, Floats

YEAR: Final = SHARED_DATA / "reference" / "reference_plant_energyplus_chicago_york_yt_1055kW.csv.gz"
WATER_KG_PER_M3: Final = 998.0
LOOP_KG_PER_M3: Final = 1000.0
"""Water in the loops is taken as cold when flows are sized, what evaporates as at 21 degC."""
CHILLED_KGS, CONDENSER_KGS, AIR_M3S = 28.39, 56.78, 30.0
PUMP_EFFICIENCY: Final = 0.65
CHILLED_HEAD_KPA, CONDENSER_HEAD_KPA = 200.0, 180.0
TOWER_FAN_KW: Final = 12.9361
"""0.0105 of the heat rejected at rating."""
RANGE_K, WET_BULB_C, APPROACH_K = 5.191, 25.5556, 3.8889
"""The tower's selection."""
APPROACH_WANTED_K: Final = 4.0
CONDENSER_MIN_C, CONDENSER_MAX_C = 15.56, 32.0
LEAST_AIR_RATIO: Final = 0.25
"""Hours with less air, or frost, are not compared: free convection and fan cycling there."""
ERRORS_PCT: Final = {
    "chiller_energy_pct": "annual chiller energy, off EnergyPlus's by [%]",
    "chiller_power_median_pct": "chiller power by the hour, median deviation [%]",
    "chiller_power_p95_pct": "the same, 95th percentile [%]",
    "tower_fan_pct": "tower fan energy, off by [%]",
    "evaporation_pct": "evaporation, off by [%]",
}


def plant(pressure_pa: float) -> Parameters:
    """The plant of the EnergyPlus input file; what stands on the air's side has no part in it."""
    record = RECORDS["york_yt_1055_vanes"]
    chilled, condenser = (
        AffinityParameters(
            head_kpa * kgs / (LOOP_KG_PER_M3 * PUMP_EFFICIENCY), standing_ratio=0.0, flow_min_ratio=1.0
        )
        for head_kpa, kgs in ((CHILLED_HEAD_KPA, CHILLED_KGS), (CONDENSER_HEAD_KPA, CONDENSER_KGS))
    )
    tower = TowerParameters(
        CONDENSER_KGS * WATER_HEAT_KJ_PER_KGK * RANGE_K,
        TOWER_FAN_KW,
        water_flow_min_ratio=1.0,
        liquid_gas_design=CONDENSER_KGS / (AIR_M3S * AIR_KG_PER_M3),
        range_design_k=RANGE_K,
        wet_bulb_design_c=WET_BULB_C,
        approach_design_k=APPROACH_K,
    )
    return Parameters(
        server=ServerParameters(record.capacity_kw),
        ups=UpsParameters(record.capacity_kw),
        crah=CrahParameters(1, 100.0, chilled, 100.0, CHILLED_KGS * WATER_HEAT_KJ_PER_KGK),
        chiller=ChillerParameters(1, record.capacity_kw, record.cop, record, as_published=True),
        rejection=tower,
        economizer=EconomizerParameters(present=False),
        chilled_water_pump=chilled,
        condenser_water_pump=condenser,
        other_kw=0.0,
        hall_kj_per_k=1.0,
        pressure_pa=pressure_pa,
    )


def solved(year: NDArray[np.void]) -> tuple[Parameters, water_side.Water]:
    """The plant and its water loops over the year, given load, weather and setpoints."""
    parameters = plant(float(year["P_baro_Pa"].mean()))
    load = year["Q_evap_W"] / W_PER_KW
    dry, wet = year["T_drybulb_C"], year["T_wetbulb_C"]
    condenser = np.clip(wet + APPROACH_WANTED_K, CONDENSER_MIN_C, CONDENSER_MAX_C)
    inputs = Inputs.of(
        Conditions(load, dry, wet), Setpoints(np.nan, year["T_chw_supply_C"], condenser), 1.0, 1.0
    )
    coil = load - PUMP_HEAT_RATIO * parameters.chilled_water_pump.design_kw
    return parameters, water_side.solve(parameters, inputs, coil, np.ones(len(load)))


def plant_year() -> dict[str, float]:
    """How far from EnergyPlus the year is: sums, and the chiller's power by the hour.

    Returns:
        Those of ERRORS_PCT, without sign, and the hours they are of.
    """
    if not YEAR.exists():
        raise NotMeasured(f"{YEAR.name} is not beside this checkout")
    year: NDArray[np.void] = np.genfromtxt(YEAR, delimiter=",", names=True)
    parameters, found = solved(year)
    expected = year["P_chiller_W"] / W_PER_KW
    running = expected > 0
    off = 100.0 * np.abs(found.chillers.power_kw[running] / expected[running] - 1.0)
    ratio = year["air_flow_ratio"]
    compared = (ratio > LEAST_AIR_RATIO) & (ratio <= 1.0) & (year["T_wetbulb_C"] > 0)
    outdoor = rejection.OutdoorAir(year["T_drybulb_C"], year["T_wetbulb_C"], parameters.pressure_pa)
    evaporated = rejection.evaporation_kgs(found.tower, found.rejected_kw, outdoor)
    return {
        "chiller_energy_pct": _off_pct(found.chillers.power_kw, expected, running),
        "chiller_power_median_pct": float(np.median(off)),
        "chiller_power_p95_pct": float(np.percentile(off, 95)),
        "tower_fan_pct": _off_pct(found.tower.fan_kw, year["P_tower_fan_W"] / W_PER_KW, compared),
        "evaporation_pct": _off_pct(evaporated, year["evap_m3_s"] * WATER_KG_PER_M3, compared),
        "hours": float(running.sum()),
        "hours_compared": float(compared.sum()),
    }


def _off_pct(found: Floats, expected: Floats, rows: Flags) -> float:
    return 100.0 * abs(float(found[rows].sum() / expected[rows].sum()) - 1.0)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.twin_plant_year", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    as_json = parser.parse_args().json
    try:
        found = plant_year()
    except NotMeasured as why:
        console.print(f"twin_plant_year: {why}; nothing measured")
        return 2
    if as_json:
        print(json.dumps(found, indent=2))  # noqa: T201  # for a program to read
    else:
        for key, value in found.items():
            console.print(f"{key:36s}{value:12,.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
