"""The rolling fit on real telemetry: IT power of the SURF week, chiller power of the Singapore plant.

    python -m benchmarks.twin_telemetry [--json]

Every prediction is made before its block is seen: power by the hour at SURF, given the hour's workload;
energy by the day in Singapore, given the day's load, flow and water temperature. Half-lives, shares and terms
were chosen by days 2 and 3 at SURF, by the first 80 % of rows in Singapore; what comes after is scored apart.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from common import SHARED_DATA, console
from sheet import NotMeasured

from core.units import Quantity, to_canonical
from twin.fitting.rolling import Coefficient, Memory, Rolling, predict
from twin.psychro import wet_bulb_c

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from twin.plant.curves import Flags, Floats

SURF: Final = SHARED_DATA / "telemetry" / "surf_it_power_30s_2022-10.csv.gz"
HOSTS: Final = 277
FIRST_DAY_H: Final = 24
"""Learnt from, never scored."""
CHOSEN_BY_H: Final = 72
"""Hours by whose errors the memory was chosen."""
METER_ROWS: Final = 4
"""The power meters lag: they show what the last two minutes' workload caused."""
HOUR_MEMORY: Final = Memory(half_lives=(0.5, 24.0), shares=(0.95, 0.05))
"""The day to fit on is the long half-life; the short one and the shares are chosen."""
DAY_WINDOW: Final = Memory(window=24.0)
HOST_POWER: Final = (
    Coefficient("host_w", 60.0, 40.0),
    Coefficient("utilisation_w", 0.0, 500.0),
    Coefficient("task_w", 0.0, 500.0),
    Coefficient("root_utilisation_w", 0.0, 500.0),
)
"""Idle draw of a host; what full utilisation, a task, and the root of utilisation add to it [W]."""

SINGAPORE: Final = SHARED_DATA / "telemetry" / "chiller_plant_singapore_30min_2019-08_2020-06.csv.gz"
STEP: Final = np.timedelta64(30, "m")
COP_MIN: Final = 3.0
RANGE_MIN_K: Final = 2.0
"""A running plant cools its water by more; less is a broken load reading."""
WARM_UP_DAYS: Final = 14
HELD_OUT_RATIO: Final = 0.2
KW_PER_RT: Final = 3.51685
STEP_H: Final = 0.5
WATER_HEAT_KJ_PER_LK: Final = 4.19
LOAD_RT, WATER_C, WET_BULB_C, SPAN_K, FLOW_L_S = 500.0, 31.6, 25.0, 3.0, 95.0
"""Round figures near the middle of load, cooling water, wet bulb and flow, by which they are scaled."""
BENDS_RT: Final = (400.0, 450.0, 500.0, 550.0, 600.0, 650.0, 700.0)
"""Loads about which another chiller may come on: the curve may bend there."""
EIR, TERM_SD = Coefficient("term_0", 0.15, 0.05), 0.5
"""Energy input ratio in the middle, and how far scaled terms may change it [1]."""
DAY_MEMORY: Final = Memory(half_lives=(0.5, 14.0), shares=(0.9, 0.1))
EIR_MEMORY: Final = Memory(half_lives=(3.0,), window=14.0)


def surf() -> dict[str, float]:
    """Errors of the next hour's IT power at SURF, given its workload, days 2 to 7, over all readings [%].

    Returns:
        ``mape_pct`` and, of days 4 to 7 alone, ``rest_mape_pct``: two half-lives, workload as the meter sees
        it. ``day_window_*``: plain least squares over the last 24 h. Baselines over the same readings:
        ``last_value_*`` holds the last reading before the hour for the whole hour, ``hour_before_*`` repeats
        the reading of an hour before.
    """
    table = _table(SURF, "time_utc")
    power = table["power_draw"].to_numpy(float)
    time = table["time_utc"]
    hour = ((time - time.iloc[0].floor("h")) // pd.Timedelta(hours=1)).to_numpy(np.int64)
    load = table["utilisation"] * HOSTS, table["active_tasks"], table["sum_sqrt_util"]
    workload = np.column_stack([np.full(len(power), float(HOSTS)), *load])
    seen = pd.DataFrame(workload).rolling(METER_ROWS, min_periods=1).mean().to_numpy()
    starts = np.searchsorted(hour, hour)
    candidates = {
        "": predict(Rolling(HOST_POWER, HOUR_MEMORY), hour, seen, power)[0],
        "day_window_": predict(Rolling(HOST_POWER, DAY_WINDOW), hour, workload, power)[0],
        "last_value_": power[np.maximum(starts - 1, 0)],
        "hour_before_": np.roll(power, 120),
    }
    scored, rest = hour >= FIRST_DAY_H, hour >= CHOSEN_BY_H
    figures = {f"{name}mape_pct": _mape_pct(p, power, scored) for name, p in candidates.items()}
    figures |= {f"{name}rest_mape_pct": _mape_pct(p, power, rest) for name, p in candidates.items()}
    return figures | {"rows": float(scored.sum())}


def singapore() -> dict[str, float]:
    """Errors of a day's chiller energy by the half hour in Singapore, given the day's load, last 20 % [%].

    Left out in learning, choosing and scoring, for the baselines too: rows with stuck sensors (load, flow and
    water temperature all as in the row before), no energy, a coefficient of performance below 3, or water
    cooled by less than 2 K. All lie in the first 80 %. Days and rows that are missing are not filled.

    Returns:
        ``mape_pct``, ``cv_rmse_pct``, ``nmbe_pct`` (predicted less measured) given flow and cooling water
        temperature, too; ``first_mape_pct`` is that of the first 80 %, after two weeks. ``eir_*``: the EIR
        form alone, 14 days, half-life 3 days. ``weather_*``: outdoor wet bulb in place of flow and cooling
        water. Baselines over the same rows: ``last_value_*`` repeats the row before, so that it knows all up
        to half an hour before; ``day_before_*`` the last energy per load that is at least a day old.
    """
    table = _table(SINGAPORE, "time_local_utc+8")
    time = table["time_local_utc+8"].to_numpy().astype("datetime64[m]")
    load, water, flow, energy = (
        table[name].to_numpy(float)
        for name in ("load_RT", "T_cooling_water_C", "chw_flow_L_s", "chiller_energy_kWh_per_30min")
    )
    outdoor = to_canonical(table["T_outdoor_F"].to_numpy(float), "degF", Quantity.TEMPERATURE)
    wet_bulb = wet_bulb_c(outdoor, table["RH_pct"].to_numpy(float) / 100.0)
    good = _plausible(load, water, flow, energy)
    day = (time.astype("datetime64[D]") - time[0].astype("datetime64[D]")).astype(np.int64)
    heat, known = load * KW_PER_RT * STEP_H, np.where(good, energy, np.nan)

    def fitted(memory: Memory, *terms: Floats) -> Floats:
        x = heat[:, None] * np.column_stack(terms)
        others = (Coefficient(f"term_{i}", 0.0, TERM_SD) for i in range(1, x.shape[1]))
        return predict(Rolling((EIR, *others), memory), day, x, known, scale=energy)[0]

    form, staging = _eir_terms(load, water, WATER_C), _staging_terms(time, load)
    with_flow = _flow_terms(load, water, flow)
    candidates = {
        "": fitted(DAY_MEMORY, form, with_flow, staging),
        "eir_": fitted(EIR_MEMORY, form, with_flow),
        "weather_": fitted(DAY_MEMORY, _eir_terms(load, wet_bulb, WET_BULB_C), staging),
        "last_value_": np.concatenate([energy[:1], energy[:-1]]),
        "day_before_": load * _day_before(time, energy / load),
    }
    held_out = np.arange(len(time)) >= int((1.0 - HELD_OUT_RATIO) * len(time))
    first, scored = good & ~held_out & (day >= WARM_UP_DAYS), good & held_out
    figures = {f"{name}mape_pct": _mape_pct(p, energy, scored) for name, p in candidates.items()}
    figures |= {f"{name}first_mape_pct": _mape_pct(p, energy, first) for name, p in candidates.items()}
    off, mean = (candidates[""] - energy)[scored], float(energy[scored].mean())
    figures["cv_rmse_pct"] = 100.0 * float(np.sqrt(np.mean(off**2))) / mean
    figures["nmbe_pct"] = 100.0 * float(np.mean(off)) / mean
    return figures | {"rows": float(scored.sum()), "rows_left_out": float((~good).sum())}


def _table(path: Path, time: str) -> pd.DataFrame:
    if not path.exists():
        raise NotMeasured(f"{path.name} is not beside this checkout")
    return pd.read_csv(path, parse_dates=[time])


def _mape_pct(predicted: Floats, measured: Floats, rows: Flags) -> float:
    return 100.0 * float(np.mean(np.abs(predicted[rows] / measured[rows] - 1.0)))


def _plausible(load: Floats, water: Floats, flow: Floats, energy: Floats) -> Flags:
    """Rows that a running plant with working sensors could give."""
    stuck = np.concatenate([[False], (np.diff(load) == 0) & (np.diff(water) == 0) & (np.diff(flow) == 0)])
    heat_kw = load * KW_PER_RT
    running = (energy > 0.0) & (heat_kw >= RANGE_MIN_K * WATER_HEAT_KJ_PER_LK * flow)
    return ~stuck & running & (heat_kw * STEP_H >= COP_MIN * energy)


def _eir_terms(load: Floats, temperature_c: Floats, middle_c: float) -> Floats:
    """The energy input ratio's quadratic in load and a temperature of the condenser's side, (n, 6)."""
    q, t = load / LOAD_RT - 1.0, (temperature_c - middle_c) / SPAN_K
    return np.column_stack([np.ones(len(q)), q, q * q, t, q * t, t * t])


def _flow_terms(load: Floats, water_c: Floats, flow: Floats) -> Floats:
    """What chilled water flow adds to it, (n, 4)."""
    q, t, f = load / LOAD_RT - 1.0, (water_c - WATER_C) / SPAN_K, flow / FLOW_L_S - 1.0
    return np.column_stack([f, q * f, f * f, t * f])


def _staging_terms(time: NDArray[np.datetime64], load: Floats) -> Floats:
    """Bends of the curve in load, and load less that of half an hour ago where that is known, (n, 8)."""
    bends = [np.maximum(load - bend, 0.0) / LOAD_RT for bend in BENDS_RT]
    rise = np.where(np.diff(time) == STEP, np.diff(load), 0.0) / LOAD_RT
    return np.column_stack([*bends, np.concatenate([[0.0], rise])])


def _day_before(time: NDArray[np.datetime64], values: Floats) -> Floats:
    """The last value that is at least a day old."""
    return values[np.maximum(np.searchsorted(time, time - np.timedelta64(24, "h"), side="right") - 1, 0)]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.twin_telemetry", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    as_json = parser.parse_args().json
    try:
        measured = {"surf": surf(), "singapore": singapore()}
    except NotMeasured as why:
        console.print(f"twin_telemetry: {why}; nothing measured")
        return 2
    figures = {f"{name}_{key}": value for name, part in measured.items() for key, value in part.items()}
    if as_json:
        print(json.dumps(figures, indent=2))  # noqa: T201  # for a program to read
    else:
        for key, value in figures.items():
            console.print(f"{key:36s}{value:12,.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
