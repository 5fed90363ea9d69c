"""A site of Frontier's size through the twin: a day in 15 s, 25 coolant distribution units as zones.

    python -m benchmarks.twin_frontier

Measured are the electrical power behind each unit and the wet bulb. The facility's water for the units comes
from the tower (class W32); what the liquid does not take goes to air handlers on chilled water. The plant is
sized by the file and by usual selections, not by Frontier's drawings: what it draws is an example, how long
that takes is the figure.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

import numpy as np
from common import SHARED_DATA, peak_mb
from sheet import NotMeasured

from core.units import W_PER_KW
from twin.network import Conditions, Parameters, PlantState, Setpoints, solve
from twin.plant.cdu import CduParameters
from twin.plant.chiller import ChillerParameters
from twin.plant.crah import CrahParameters
from twin.plant.curves import AIR_HEAT_KJ_PER_M3K
from twin.plant.economizer import EconomizerParameters
from twin.plant.pump import AffinityParameters
from twin.plant.server import ServerParameters
from twin.plant.tower import TowerParameters
from twin.plant.ups import UpsParameters

if TYPE_CHECKING:
    from numpy.typing import NDArray

DAY: Final = SHARED_DATA / "telemetry" / "frontier_cdu_power_15s_2024-04-07.csv.gz"
ZONES: Final = 25
STEP_S: Final = 15.0
UNIT_KW: Final = 1300.0
"""Power behind one unit for which it is made: the most in the file is 1,286 kW."""
LIQUID_RATIO: Final = 0.945
"""Share of the heat that the liquid takes, as RAPS has it for Frontier."""
SUPPLY_AIR_C, CHILLED_WATER_C, FACILITY_WATER_C, LIQUID_C = 22.0, 12.0, 24.0, 30.0
WET_BULB_DEPRESSION_K: Final = 3.0
"""The file has no dry bulb; it changes nothing but the water that evaporates."""
AIR_RISE_K: Final = 12.0
ROUNDS: Final = 5


def read() -> Conditions:
    """The measured day.

    Raises:
        NotMeasured: the file is not there.
    """
    if not DAY.exists():
        raise NotMeasured(f"{DAY.name} is not beside this checkout")
    with gzip.open(DAY, "rt", encoding="utf-8") as lines:
        next(lines)
        columns: NDArray[np.float64] = np.loadtxt(lines, delimiter=",").T
    wet_bulb = columns[ZONES + 1]
    load_kw = columns[1 : ZONES + 1] / W_PER_KW
    return Conditions(load_kw, wet_bulb + WET_BULB_DEPRESSION_K, wet_bulb)


def plant() -> Parameters:
    """Usual selections for so much power; no UPS, as in high-performance computing."""
    air_kw = (1.0 - LIQUID_RATIO) * UNIT_KW
    airflow = 1.5 * air_kw / (AIR_HEAT_KJ_PER_M3K * AIR_RISE_K)
    air_kw_per_k = AIR_HEAT_KJ_PER_M3K * airflow
    all_kw = ZONES * UNIT_KW
    return Parameters(
        server=ServerParameters(UNIT_KW, temperature_rise_k=AIR_RISE_K),
        ups=UpsParameters(UNIT_KW, no_load_ratio=0.0, proportional_ratio=0.0, square_ratio=0.0),
        crah=CrahParameters(
            1,
            airflow,
            AffinityParameters(0.05 * air_kw, exponent=3.0),
            4.0 * air_kw_per_k,
            2.0 * air_kw_per_k,
        ),
        chiller=ChillerParameters(3, ZONES * air_kw / 2.0, 6.0),
        rejection=TowerParameters(1.1 * all_kw, 0.0105 * all_kw),
        economizer=EconomizerParameters(present=False),
        chilled_water_pump=AffinityParameters(0.02 * ZONES * air_kw),
        condenser_water_pump=AffinityParameters(0.012 * all_kw),
        other_kw=0.002 * all_kw,
        hall_kj_per_k=15.0 * all_kw,
        liquid=CduParameters(LIQUID_RATIO * UNIT_KW, AffinityParameters(10.0), liquid_ratio=LIQUID_RATIO),
        zones=ZONES,
    )


def run(conditions: Conditions) -> PlantState:
    """The site over the day."""
    setpoints = Setpoints(
        SUPPLY_AIR_C, CHILLED_WATER_C, FACILITY_WATER_C, liquid_supply_temperature_c=LIQUID_C
    )
    return solve(plant(), conditions, setpoints)


def _measured() -> dict[str, float]:
    """Seconds, results and peak memory of this process."""
    all_s, solve_s = [], []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        conditions = read()
        read_at = time.perf_counter()
        state = run(conditions)
        pue = float(state.facility_kw.sum() / state.it_kw.sum())
        all_s.append(time.perf_counter() - begin)
        solve_s.append(time.perf_counter() - read_at)
    residual = np.abs(state.balance_residual_kw) / state.facility_kw
    return {
        "seconds": median(all_s),
        "solve_seconds": median(solve_s),
        "peak_mb": peak_mb(),
        "zones": float(ZONES),
        "steps": float(len(state.facility_kw)),
        "pue": pue,
        "facility_mwh": float(state.facility_kw.sum()) * STEP_S / 3.6e6,
        "it_mwh": float(state.it_kw.sum()) * STEP_S / 3.6e6,
        "unmet_max_kw": float(state.unmet_kw.max()),
        "extrapolated_ratio": float(state.extrapolated.mean()),
        "balance_residual_ratio_max": float(residual.max()),
    }


def frontier() -> dict[str, float]:
    """The day in a process of its own, so that the peak of its memory is its own.

    Returns:
        ``seconds`` from the file to the PUE, ``solve_seconds`` without reading, ``peak_mb``; the site's PUE,
        energies, the most unmet heat, the share of steps beyond some curve's range (units near idle let in
        less water than their exchangers' films are known for), how far energy is out of balance.

    Raises:
        NotMeasured: the file is not there.
    """
    if not DAY.exists():
        raise NotMeasured(f"{DAY.name} is not beside this checkout")
    command = [sys.executable, str(Path(__file__)), "alone"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_measured() if sys.argv[1:] else frontier(), indent=2) + "\n")
