"""How right and how fast the twin is: every figure beside what is known, or beside what knows no physics."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import twin_blackbox
import twin_eplus
import twin_telemetry
from common import ROOT, SHARED_DATA, report
from sheet import AT_LEAST, AT_MOST, NotMeasured, Sheet, Target
from twin_frontier import frontier
from twin_plant_year import ERRORS_PCT, plant_year
from twin_sweep import sweep_day

from core.site import load_site
from joulecast.demo import load, weather
from joulecast.verbs.common import DEMO_SITE
from twin.network import Conditions, Parameters, Setpoints, solve

sys.path.insert(0, str(ROOT / "tests" / "twin"))  # what the tests use
import published

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REFERENCE: Final = SHARED_DATA / "reference"
YEARS: Final = SHARED_DATA / "eplus_datacentre"
PLANT_YEAR_MUST: Final = dict(zip(ERRORS_PCT, (0.2, 0.1, 1.0, 2.0, 0.5), strict=True))
PLANT_YEAR_KNOWN: Final = dict(zip(ERRORS_PCT, (0.02, 0.02, 0.5, 0.5, 0.15), strict=True))
"""What the equations have reached elsewhere."""
FILES: Final = {"chicago": "chicago_economizer.csv.gz", "newyork": "newyork_no_economizer.csv.gz"}
DAYS: Final = {
    21: {"cooling_cv_rmse_pct": 9.5, "cooling_nmbe_pct": 2.0, "pue_mae": 0.006, "it_inlet_mae_k": 0.2},
    7: {"cooling_cv_rmse_pct": 11.5, "pue_mae": 0.007},
}
"""Last day of each month that is calibrated on, and the most that the errors may be."""
ERRORS: Final = {
    "cooling_cv_rmse_pct": "cooling power, CV(RMSE) [%]",
    "cooling_nmbe_pct": "cooling power, NMBE without sign [%]",
    "pue_mae": "PUE, mean absolute error",
    "it_inlet_mae_k": "IT inlet, mean absolute error [K]",
}
TELEMETRY: Final = {
    "surf": (1.6, "IT power of the next hour at SURF, MAPE / last value held [%]"),
    "singapore": (3.0, "chiller energy of the next day in Singapore, MAPE / last value held [%]"),
}
RAPS_S, RAPS_MB = 18.8, 1950.0
"""What RAPS takes for that day at that step, power only, on two cores; known, not run here."""
HOURS: Final = 8760
REPEATS: Final = 7
LOOPED: Final = 200
"""Hours that are solved one by one, for comparison."""
SUPPLY_AIR_C, CHILLED_WATER_C, CONDENSER_WATER_C = 21.0, 9.0, 24.0


def _targets() -> Iterator[Target]:
    """The table, row by row."""
    for key, count, what, most in (
        ("dymola", 49, "chiller points, Modelica Buildings by Dymola: COP", 1e-5),
        ("york", 202, "tower points, YorkCalc of the same: approach", 1e-5),
        ("servers", 303, "server points, EnergyPlus: powers and heat", 1e-6),
    ):
        yield _most(key, f"{key}_off", f"{count} {what}, largest relative deviation", most)
    what = "moist air, ASHRAE and psychrolib: largest deviation over the source's tolerance"
    yield _most("moist_air", "moist_air_over_tolerance", what, 1.0)
    for key, what in ERRORS_PCT.items():
        yield _most("plant_year", key, f"EnergyPlus plant year: {what} / known", PLANT_YEAR_MUST[key])
    for name in FILES:
        for days, bounds in DAYS.items():
            for key, what in ERRORS.items():
                row = f"{name}, days 1-{days}: {what} / trees without physics"
                sign = AT_MOST if key in bounds else ""
                yield Target(
                    f"{name}_{days}", f"{name}_{days}_{key}", row, sign, bounds.get(key, 0.0), as_ratio=False
                )
    for key, (most, what) in TELEMETRY.items():
        yield _most(key, f"{key}_mape_pct", what, most)
    what = "one-site year by the hour on one core / hour by hour [simulated hours/s]"
    yield Target("year", "simulated_hours_per_s", what, AT_LEAST, 200_000, as_ratio=False)
    yield _most("sweep", "sweep_s", "2,000 scenarios x 24 h at 15 min / a loop over them [s]", 1.0)
    yield _most("sweep", "sweep_peak_mb", "the same, peak memory / all at once [MB]", 1000.0)
    yield _most("frontier", "frontier_s", "25 CDUs as zones, 24 h at 15 s / RAPS, known [s]", 1.0)
    yield Target("frontier", "frontier_peak_mb", "the same, peak memory / RAPS, known [MB]", as_ratio=False)


def _most(part: str, key: str, what: str, most: float) -> Target:
    return Target(part, key, what, AT_MOST, most, as_ratio=False)


def points(sheet: Sheet) -> None:
    """What other programs and handbooks publish."""
    for key, off in (
        ("dymola", published.dymola_off),
        ("york", published.york_off),
        ("servers", published.servers_off),
    ):
        with sheet.part(key):
            sheet.found(f"{key}_off", float(off(_there(REFERENCE)).max()))
    with sheet.part("moist_air"):
        values = published.moist_air()
        shares = {value.what: abs(value.found - value.expected) / value.tolerance for value in values}
        worst = max(shares, key=lambda what: shares[what])
        sheet.found("moist_air_over_tolerance", shares[worst], note=f"{worst} of {len(shares)} values")


def _there(path: Any) -> Any:
    """A file or folder of test data.

    Raises:
        NotMeasured: it is not beside this checkout.
    """
    if not path.exists():
        raise NotMeasured(f"{path.name} is not beside this checkout")
    return path


def plant(sheet: Sheet) -> None:
    """The EnergyPlus plant year."""
    found = plant_year()
    for key in ERRORS_PCT:
        sheet.found(key, found[key], PLANT_YEAR_KNOWN[key])


def data_centre(sheet: Sheet, name: str, days: int) -> None:
    """An EnergyPlus data-centre year, and what predicts it without physics."""
    file = _there(YEARS / FILES[name])
    without = twin_blackbox.baselines(file, 1, days)
    found = twin_eplus.run(file, 1, days)
    for key in ERRORS:
        others = {way: abs(errors[key]) for way, errors in without.items()}
        notes = [f"{way.replace('_', ' ')} {error:.3g}" for way, error in others.items() if way != "trees"]
        notes.append(f"physics alone {abs(found[f'physics_alone_{key}']):.3g}")
        sheet.found(f"{name}_{days}_{key}", abs(found[key]), others.get("trees"), note=", ".join(notes))
    sheet.figures[f"{name}_{days}_calibrate_s"] = found["calibrate_s"]


def telemetry(sheet: Sheet) -> None:
    """The rolling fit on real plants."""
    for key, measure in (("surf", twin_telemetry.surf), ("singapore", twin_telemetry.singapore)):
        with sheet.part(key):
            found = measure()
            sheet.found(f"{key}_mape_pct", found["mape_pct"], found["last_value_mape_pct"])


def year(sheet: Sheet) -> None:
    """The demo plant's year: electrical, cooling and water."""
    site = load_site(DEMO_SITE)
    parameters = Parameters.from_design(site.plant)
    times = 3600.0 * np.arange(HOURS, dtype=np.float64)
    outdoor = weather.weather(times)
    load_kw = load.server_power_kw(times) + load.gpu_power_kw(load.gpu_utilisation(times)).sum(axis=0)
    setpoints = Setpoints(SUPPLY_AIR_C, CHILLED_WATER_C, CONDENSER_WATER_C)
    conditions = Conditions(load_kw, outdoor.dry_bulb_c, outdoor.wet_bulb_c)

    def one_by_one() -> None:
        for hour in range(LOOPED):
            now = Conditions(load_kw[hour], outdoor.dry_bulb_c[hour], outdoor.wet_bulb_c[hour])
            solve(parameters, now, setpoints)

    at_once_s, loop_s = _best_s(lambda: solve(parameters, conditions, setpoints)), _best_s(one_by_one, 1)
    note = "EnergyPlus plant 7,000, dc-rl 200 as known"
    sheet.found("simulated_hours_per_s", HOURS / at_once_s, LOOPED / loop_s, note=note)
    state = solve(parameters, conditions, setpoints)
    residual = np.abs(state.balance_residual_kw) / state.facility_kw
    sheet.figures["year_balance_residual_ratio_max"] = float(residual.max())
    sheet.figures["year_pue"] = float(state.facility_kw.sum() / state.it_kw.sum())


def _best_s(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """Shortest of some runs [s]: what the code costs, less what else the machine does."""
    durations = []
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        durations.append(time.perf_counter() - begin)
    return min(durations)


def sweeps(sheet: Sheet) -> None:
    """Thousands of alternatives for a day."""
    found = sweep_day()
    sheet.found("sweep_s", found["seconds"], found["loop_seconds"])
    sheet.found("sweep_peak_mb", found["peak_mb"], found["at_once_peak_mb"])
    sheet.figures["sweep_at_once_s"] = found["at_once_seconds"]


def large_site(sheet: Sheet) -> None:
    """A site of Frontier's size."""
    found = frontier()
    note = f"PUE {found['pue']:.3f}, balanced to {found['balance_residual_ratio_max']:.0e}"
    sheet.found("frontier_s", found["seconds"], RAPS_S, note=note)
    sheet.found("frontier_peak_mb", found["peak_mb"], RAPS_MB)
    sheet.figures |= {f"frontier_{name}": value for name, value in found.items() if name != "seconds"}


def main() -> None:
    """Measure and report."""
    sheet = Sheet(tuple(_targets()))
    begin = time.perf_counter()
    for name, measure in (("year", year), ("sweep", sweeps), ("frontier", large_site), ("plant_year", plant)):
        with sheet.part(name):
            measure(sheet)
    points(sheet)
    telemetry(sheet)
    for name in FILES:
        for days in DAYS:
            with sheet.part(f"{name}_{days}"):
                data_centre(sheet, name, days)
    sheet.figures["took_s"] = time.perf_counter() - begin
    report("twin", sheet.flat(), sheet.table())


if __name__ == "__main__":
    main()
