"""How well the twin predicts an EnergyPlus data-centre year of which it has seen some days a month.

    python -m benchmarks.twin_eplus FILE --calibrate-days 1-21 --json

Calibrated on the first days of each month from meters and sensors; the other days are predicted from weather,
IT power and setpoints alone and scored by the hour. What an operator knows of his plant (design flows and
powers, which submeters there are) is taken from the calibration days; the file's name says nothing. Whether
the plant has an air economizer is found from the calibration days as well.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import sys
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.fitting.fit import identify
from twin.fitting.learn import learn_residual
from twin.history import History
from twin.parameters import AIR_HEAT_KJ_PER_M3K, Parameters
from twin.plant.air_economizer import AirEconomizerParameters
from twin.plant.chiller import ChillerParameters
from twin.plant.crah import CrahParameters
from twin.plant.economizer import EconomizerParameters
from twin.plant.evaporative import DirectParameters, IndirectParameters
from twin.plant.pump import AffinityParameters
from twin.plant.server import ServerParameters
from twin.plant.tower import TowerParameters
from twin.plant.ups import UpsParameters
from twin.simulate import Twin

Floats = NDArray[np.float64]

STEP: Final = timedelta(minutes=15)
STEPS_PER_HOUR: Final = 4
W_PER_KW: Final = 1000.0
AIR_KG_PER_M3: Final = 1.2
SHARE_OF_MOST: Final = 0.998
"""Quantile of the calibration days that stands for a nameplate value: one odd step is none."""
APPROACH_K: Final = 4.0
"""Condenser water above the wet bulb where its setpoint is not recorded [K]."""
CONDENSER_MIN_C: Final = 10.0
COOLING_MIN_RATIO: Final = 0.1
"""Least cooling capacity that a plant is taken to have, over its IT power [1]."""
DEFAULT_COP: Final = 6.0
ECONOMIZER_EARNS_RATIO: Final = 0.95
"""There is an air economizer if with it the error in the calibration days is at most this share [1]."""
BASIN_HEATER_KW_PER_K_KW: Final = 0.001
"""Prior of a tower basin's heater by the heat rejected at design [kW/(K kW)]."""
ENVELOPE_KW_PER_K_KW: Final = 0.002
"""Prior of the heat through walls and roof by IT design power [kW/(K kW)]."""
NEEDED: Final = (
    "time",
    "outdoor_dry_bulb_c",
    "outdoor_wet_bulb_c",
    "facility_power_w",
    "it_power_w",
    "chw_setpoint_c",
    "supply_air_setpoint_c",
    "hall_setpoint_c",
    "hvac_power_w",
    "chiller_power_w",
    "chiller_cooling_w",
    "tower_fan_power_w",
    "pump_power_w",
    "crah_fan_power_w",
    "ups_loss_w",
    "crah_air_flow_kg_s",
    "evap_cooler_power_w",
    "hall_air_c",
    "it_inlet_c",
    "supply_air_c",
)
MONTH_DAYS_MAX: Final = 31


@dataclass(frozen=True, slots=True)
class Year:
    """A file's columns, and which steps may be used for calibration."""

    columns: dict[str, Floats]
    times: list[datetime]
    calibrated: NDArray[np.bool_]

    def most(self, name: str) -> float:
        """Nearly the greatest value in the calibration days."""
        return float(np.quantile(self.columns[name][self.calibrated], SHARE_OF_MOST))


def read(path: Path, first_day: int, last_day: int) -> Year:
    """Read a file.

    Raises:
        SystemExit: it is no such file.
    """
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SystemExit(
            _refused(f"{path}: found no readable CSV ({error}); give a CSV file, plain or .gz")
        ) from error
    missing = [name for name in NEEDED if not rows or name not in rows[0]]
    if missing:
        raise SystemExit(_refused(f"{path}: columns {', '.join(missing)} are missing; give them"))
    times = [_start(path, number, row["time"]) for number, row in enumerate(rows, start=2)]
    uneven = [number for number, (a, b) in enumerate(pairwise(times), start=3) if b - a != STEP]
    if uneven:
        raise SystemExit(
            _refused(f"{path}: line {uneven[0]} is not 15 minutes after the one before; give a step every 15")
        )
    columns = {name: _numbers(path, name, rows) for name in NEEDED if name != "time"}
    used = np.array([first_day <= start.day <= last_day for start in times])
    if used.all() or not used.any():
        raise SystemExit(
            _refused(f"--calibrate-days leave {used.sum()} of {len(used)} steps; leave some of each")
        )
    return Year(columns, times, used)


def _start(path: Path, number: int, text: str) -> datetime:
    """Start of the step that ends at a time."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC) - STEP
    except ValueError:
        raise SystemExit(
            _refused(f"{path}: line {number}: found time {text!r}; write it like 2023-01-01 00:15:00")
        ) from None


def _numbers(path: Path, name: str, rows: list[dict[str, str]]) -> Floats:
    found = np.full(len(rows), np.nan)
    for i, row in enumerate(rows):
        try:
            found[i] = float(row[name])
        except (TypeError, ValueError):
            break
    bad = np.flatnonzero(~np.isfinite(found))
    if len(bad):
        text = rows[bad[0]][name]
        raise SystemExit(_refused(f"{path}: line {bad[0] + 2}: found {name} {text!r}; give a number"))
    return found


def _refused(sentence: str) -> int:
    sys.stderr.write(sentence + "\n")
    return 2


def history(year: Year) -> History:
    """The whole year; where it may not be used, only weather, IT power and setpoints are in it."""
    c, seen = year.columns, year.calibrated

    def kw(name: str) -> Floats:
        return np.where(seen, c[name] / W_PER_KW, np.nan)

    condenser = np.maximum(c["outdoor_wet_bulb_c"] + APPROACH_K, CONDENSER_MIN_C)
    return History(
        start=year.times[0],
        step=STEP,
        it_kw=c["it_power_w"] / W_PER_KW,
        facility_kw=kw("facility_power_w"),
        chiller_kw=kw("chiller_power_w"),
        crah_fan_kw=kw("crah_fan_power_w"),
        pump_kw=kw("pump_power_w"),
        tower_fan_kw=kw("tower_fan_power_w"),
        ups_loss_kw=kw("ups_loss_w"),
        inlet_c=np.where(seen, c["it_inlet_c"], np.nan),
        supply_air_c=c["supply_air_setpoint_c"],
        supply_air_setpoint_c=c["supply_air_setpoint_c"],
        chilled_water_setpoint_c=c["chw_setpoint_c"],
        condenser_water_setpoint_c=condenser,
        dry_bulb_c=c["outdoor_dry_bulb_c"],
        wet_bulb_c=c["outdoor_wet_bulb_c"],
        evaporative_kw=kw("evap_cooler_power_w"),
        cooling_load_kw=kw("chiller_cooling_w"),
        return_air_c=np.where(seen, c["hall_air_c"], np.nan),
        return_air_setpoint_c=c["hall_setpoint_c"],
    )


def design(year: Year, *, air_economizer: bool) -> Parameters:
    """The plant as its operator knows it before calibration."""
    it_kw = year.most("it_power_w") / W_PER_KW
    airflow = year.most("crah_air_flow_kg_s") / AIR_KG_PER_M3
    cooling_kw = max(year.most("chiller_cooling_w") / W_PER_KW, COOLING_MIN_RATIO * it_kw)
    evaporative_kw = year.most("evap_cooler_power_w") / W_PER_KW
    pumps = AffinityParameters(0.5 * year.most("pump_power_w") / W_PER_KW, exponent=2.0)
    constant = replace(pumps, flow_min_ratio=1.0)
    fan = AffinityParameters(year.most("crah_fan_power_w") / W_PER_KW, exponent=3.0)
    air_kw_per_k = AIR_HEAT_KJ_PER_M3K * airflow
    return Parameters(
        server=ServerParameters(it_kw, leakage_per_k=0.0, fan_share_ratio=0.0, worst_rise_ratio=1.0),
        ups=UpsParameters(1.25 * it_kw, distribution_ratio=0.0, hall_share_ratio=1.0),
        crah=CrahParameters(1, airflow, fan, 4.0 * air_kw_per_k, 2.0 * air_kw_per_k),
        chiller=ChillerParameters(2, 0.6 * cooling_kw, DEFAULT_COP),
        rejection=TowerParameters(1.3 * cooling_kw, year.most("tower_fan_power_w") / W_PER_KW),
        economizer=EconomizerParameters(present=False),
        chilled_water_pump=pumps,
        condenser_water_pump=constant,
        other_kw=0.002 * it_kw,
        hall_kj_per_k=15.0 * it_kw,
        air_economizer=AirEconomizerParameters(present=True) if air_economizer else None,
        direct=DirectParameters(0.0005 * it_kw) if air_economizer else None,
        indirect=IndirectParameters(evaporative_kw) if evaporative_kw > 0 else None,
        return_air_control=True,
        basin_heater_kw_per_k=BASIN_HEATER_KW_PER_K_KW * cooling_kw,
        envelope_kw_per_k=ENVELOPE_KW_PER_K_KW * it_kw,
    )


def calibrated(year: Year) -> tuple[Twin, dict[str, Any]]:
    """The twin from the calibration days, with what was found out on the way."""
    measured = history(year)
    seen = measured.part(year.calibrated)
    found = {}
    for economizer in (False, True):
        plant = design(year, air_economizer=economizer)
        multipliers, names, _ = identify(plant, seen)
        parameters = plant.with_multipliers(multipliers)
        conditions = seen.conditions(parameters)
        state = Twin(parameters).run(conditions, seen.setpoints, STEP.total_seconds())
        off = (state.facility_kw - state.it_kw) - (seen.facility_kw - seen.it_kw)
        found[economizer] = (float(np.sqrt(np.mean(off**2))), parameters, multipliers, names)
    best = found[True][0] < ECONOMIZER_EARNS_RATIO * found[False][0]
    _, parameters, multipliers, names = found[best]
    learned = learn_residual(parameters, measured)
    facts = {
        "air_economizer": best,
        "multipliers": multipliers,
        "identified": list(names),
        "residual": learned.judged,
    }
    return Twin(parameters, learned.residual), facts


class Predicted(NamedTuple):
    """A year as it was predicted, by the step."""

    cooling_kw: Floats
    """Chiller, tower, pumps, CRAH fans and evaporative stages [kW]."""
    power_ratio: Floats
    """Facility power over IT power [1]."""
    inlet_c: Floats
    """Mean IT inlet [degC]."""


def score(year: Year, twin: Twin) -> dict[str, float]:
    """Errors of the twin by the hour on the days that calibration has not seen."""
    given = history(year)
    state = twin.run(given.conditions(twin.parameters), given.setpoints, STEP.total_seconds())
    cooling = state.cooling_kw + state.other_kw
    return errors(year, Predicted(cooling, state.facility_kw / state.it_kw, state.inlet_mean_c))


def errors(year: Year, predicted: Predicted) -> dict[str, float]:
    """Errors by the hour on the days that calibration has not seen."""
    hours = len(year.times) // STEPS_PER_HOUR

    def hourly(values: Floats) -> Floats:
        means: Floats = values[: hours * STEPS_PER_HOUR].reshape(hours, STEPS_PER_HOUR).mean(axis=1)
        return means[held_out]

    held_out = ~year.calibrated[: hours * STEPS_PER_HOUR].reshape(hours, STEPS_PER_HOUR).any(axis=1)
    c = year.columns
    it, cooling = hourly(c["it_power_w"]), hourly(c["hvac_power_w"]) / W_PER_KW
    off = hourly(predicted.cooling_kw) - cooling
    pue = hourly(c["facility_power_w"]) / it
    modelled_pue = hourly(predicted.power_ratio * c["it_power_w"]) / it
    return {
        "cooling_cv_rmse_pct": 100.0 * float(np.sqrt(np.mean(off**2)) / cooling.mean()),
        "cooling_nmbe_pct": 100.0 * float(off.mean() / cooling.mean()),
        "pue_mae": float(np.mean(np.abs(modelled_pue - pue))),
        "it_inlet_mae_k": float(np.mean(np.abs(hourly(predicted.inlet_c) - hourly(c["it_inlet_c"])))),
        "hours": float(held_out.sum()),
    }


def run(path: Path, first_day: int, last_day: int) -> dict[str, Any]:
    """Calibrate and score."""
    year = read(path, first_day, last_day)
    begin = time.perf_counter()
    twin, facts = calibrated(year)
    seconds = time.perf_counter() - begin
    physics = score(year, Twin(twin.parameters))
    alone = {f"physics_alone_{name}": value for name, value in physics.items() if name != "hours"}
    return {**score(year, twin), "calibrate_s": seconds, **alone, **facts}


def days(text: str) -> tuple[int, int]:
    """First and last day of the month, for argparse."""
    first, _, last = text.partition("-")
    if not (first.isdigit() and last.isdigit() and 1 <= int(first) <= int(last) <= MONTH_DAYS_MAX):
        raise argparse.ArgumentTypeError(f"found {text!r}; allowed is FIRST-LAST within 1-31, e.g. 1-21")
    return int(first), int(last)


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("file", type=Path)
    parser.add_argument("--calibrate-days", type=days, default=(1, 21))
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found = run(asked.file, *asked.calibrate_days)
    if asked.json:
        sys.stdout.write(json.dumps(found) + "\n")
    else:
        sys.stdout.writelines(f"{name:<36} {value}\n" for name, value in found.items())
    return 0


if __name__ == "__main__":
    sys.exit(main())
