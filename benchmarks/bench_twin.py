"""How fast the twin is: a year of hours of the demo plant on one core, beside an empty loop's overhead."""

from __future__ import annotations

import time

import numpy as np
from common import report

from core.actions import Setpoint
from core.site import load_site
from joulecast.demo import load, weather
from joulecast.verbs.common import DEMO_SITE
from twin.network import Conditions, Parameters, Setpoints, solve

HOURS = 8760
REPEATS = 7
SCENARIOS = 64


def main() -> None:
    """Measure and report."""
    site = load_site(DEMO_SITE)
    parameters = Parameters.from_design(site.plant)
    times = 3600.0 * np.arange(HOURS, dtype=np.float64)
    outdoor = weather.weather(times)
    load_kw = load.server_power_kw(times) + load.gpu_power_kw(load.gpu_utilisation(times)).sum(axis=0)
    conditions = Conditions(load_kw, outdoor.dry_bulb_c, outdoor.wet_bulb_c)
    one = {Setpoint.SUPPLY_AIR_TEMPERATURE: 21.0, Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE: 9.0}
    one[Setpoint.CONDENSER_WATER_SUPPLY_TEMPERATURE] = 24.0
    many = {k: np.linspace(v - 1, v + 1, SCENARIOS)[:, None] for k, v in one.items()}
    year = _best_s(lambda: solve(parameters, conditions, Setpoints.of(one)))
    day = Conditions(load_kw[:24], outdoor.dry_bulb_c[:24], outdoor.wet_bulb_c[:24])
    scenarios = _best_s(lambda: solve(parameters, day, Setpoints.of(many)))
    state = solve(parameters, conditions, Setpoints.of(one))
    residual = float(np.max(np.abs(state.balance_residual_kw) / state.facility_kw))
    figures = {
        "simulated_hours_per_s": HOURS / year,
        "scenario_days_per_s": SCENARIOS / scenarios,
        "energy_balance_residual_ratio_max": residual,
        "pue_year": float(state.facility_kw.sum() / state.it_kw.sum()),
    }
    report("twin", figures, [{"figure": k, "value": v} for k, v in figures.items()])


def _best_s(work: object) -> float:
    """Shortest of some runs [s]: what the code costs, less what else the machine does."""
    assert callable(work)  # noqa: S101  # for the type checker
    durations = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        work()
        durations.append(time.perf_counter() - begin)
    return min(durations)


if __name__ == "__main__":
    main()
