"""What advice is worth on plants that the twin does not know, whether it says so rightly, and what it costs.

    python benchmarks/bench_advise.py [SEEDS] [--only PART ...]

Seeds 0 to 9 are for testing alone: everything that could be chosen was chosen on seeds from 100 on.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from advise_checks import check
from advise_loop import closed_loop
from advise_plant import TruePlant
from common import report, show
from sheet import AT_LEAST, AT_MOST, Sheet, Target

from core.actions import Setpoint
from core.site import load_site
from joulecast.verbs.common import DEMO_SITE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from advise_checks import Checked

SEEDS: Final = 10
MORE: Final = range(10, 15)
"""Plants whose recommendations are counted as well, so that there are enough of them."""
LOWER_MIN: Final = 10
SHARE_MIN: Final = 0.60
COVERED: Final = (0.75, 0.85)
COUNT_MIN: Final = 200
OFF_MAX: Final = 0.10
PLAN_MAX_S, PLAN_MAX_MB = 2.0, 500.0
YEAR_MAX_S: Final = 300.0
DAYS: Final = 365
SITES_MIN: Final = 2000
SEQUENCES: Final = 100
"""So many sequences of decisions, faults and crashes are tried."""
SITES_TEST: Final = "tests/twin/advise/test_random_sites.py"
MACHINE_TEST: Final = "tests/twin/advise/test_engine_machine.py"
FAULT_TESTS: Final = "tests/faults"
HOURS: Final = 168.0
HERE: Final = Path(__file__).parent


def targets(seeds: int = SEEDS) -> Iterator[Target]:
    """The table, row by row."""
    yield _row(
        "loop", "lower_than_both", f"{seeds} plants, 7 days: lower than fixed and rules", AT_LEAST, seeds
    )
    yield _row(
        "loop", "foresight_share", "saving over foresight's, same motion / rules' share", AT_LEAST, SHARE_MIN
    )
    yield _row("loop", "excursions", "steps above the recommended inlet that no baseline has", AT_MOST, 0)
    low, high = COVERED
    yield _row(
        "loop", "covered_at_least", "true saving within the stated 80 % interval, share", AT_LEAST, low
    )
    yield _row("loop", "covered_at_most", "the same", AT_MOST, high)
    yield _row("loop", "recommendations", "recommendations that this counts", AT_LEAST, COUNT_MIN)
    yield _row(
        "loop", "verified_off", "verified over true saving of 7 days, worst deviation", AT_MOST, OFF_MAX
    )
    yield _row("loop", "verified_inside", "true saving within the verified interval, plants", AT_LEAST, seeds)
    yield _row(
        "plan", "plan_s", "decision with its plan of 24 h, 1 MW, all modes, N-1 [s]", AT_MOST, PLAN_MAX_S
    )
    yield _row("plan", "plan_peak_mb", "the same, peak memory [MB]", AT_MOST, PLAN_MAX_MB)
    yield _row(
        "year",
        "year_s",
        "a year of daily replays with advice, two processes / plain replays [s]",
        AT_MOST,
        YEAR_MAX_S,
    )
    yield from _checked_targets()
    yield Target(
        "loop",
        "beyond_curves_kw",
        "Guideline 36 up to 16 °C, past the chillers' published curves / as advised within them, mean [kW]",
        as_ratio=False,
    )
    yield Target("pue", "pue_waste_kw", "least PUE in place of least energy wastes [kW]", as_ratio=False)


def _checked_targets() -> Iterator[Target]:
    """What tests show."""
    what = "random sites, states and forecasts, each with a plant drawn for it"
    yield _row("sites", "random_sites_run", what, AT_LEAST, SITES_MIN)
    what = "of these: what passes the gates breaks a limit on that plant"
    yield _row("sites", "random_sites_with_excursion", what, AT_MOST, 0)
    what = "of these: a change passes the gates"
    yield Target("sites", "random_sites_accepted", what, as_ratio=False)
    what = "sequences of decisions, faults and crashes on real database, dispatcher and gateway"
    yield _row("machine", "state_machine_sequences", what, AT_LEAST, SEQUENCES)
    what = "processes that died in them between two queries"
    yield Target("machine", "state_machine_crashes", what, as_ratio=False)
    for part, key, shows in (
        ("sites", "random_sites", "no limit is broken on a random site"),
        ("machine", "state_machine", "each sequence ends well, no second lease or write"),
        ("faults", "fault", "real processes that are killed, cut off or lied to"),
    ):
        yield Target(part, f"{key}_tests_passed", f"{shows}: tests passed / run", AT_LEAST, 1)


def _row(part: str, key: str, what: str, sign: str, bound: float) -> Target:
    return Target(part, key, what, sign, bound, as_ratio=False)


def one_seed(seed: int) -> dict[str, Any]:
    """A seed's seven days; runs at a worker."""
    return closed_loop(load_site(DEMO_SITE), seed, foresight=seed not in MORE)


def loops(sheet: Sheet, seeds: Sequence[int]) -> None:
    """Every seed's closed loop."""
    with ProcessPoolExecutor(min(os.cpu_count() or 1, len(seeds))) as pool:
        found = list(pool.map(one_seed, [*seeds, *(MORE if len(seeds) == SEEDS else ())]))
    judge(sheet, found[: len(seeds)], [move for one in found for move in one["moves"]])


def judge(sheet: Sheet, found: Sequence[dict[str, Any]], moves: Sequence[dict[str, float]]) -> None:
    """Fill in the rows of the closed loops.

    Args:
        sheet: the table.
        found: each plant's seven days.
        moves: every recommendation that is counted.
    """
    kwh = {name: _each(found, name, "facility_kwh") for name in found[0]["outcomes"]}
    saved = {name: kwh["fixed"] - values for name, values in kwh.items()}
    lower = (kwh["advised"] < kwh["fixed"]) & (kwh["advised"] < kwh["rules"])
    sheet.found("lower_than_both", float(lower.sum()))
    bound = float(saved["foresight"].sum())
    sheet.found("foresight_share", float(saved["advised"].sum()) / bound, float(saved["rules"].sum()) / bound)
    over = {name: _each(found, name, "excursion_ticks") for name in kwh}
    alone = np.maximum(over["advised"] - np.maximum(over["fixed"], over["rules"]), 0.0)
    sheet.found("excursions", float(alone.sum()))
    covered = float(np.mean([move["p10_kw"] <= move["true_kw"] <= move["p90_kw"] for move in moves]))
    sheet.found("covered_at_least", covered)
    sheet.found("covered_at_most", covered)
    sheet.found("recommendations", float(len(moves)))
    verified = [one["verified"] for one in found]
    truth = saved["advised"]
    off = np.array([v["p50_kwh"] for v in verified]) / truth - 1.0
    inside = [v["p10_kwh"] <= true <= v["p90_kwh"] for v, true in zip(verified, truth, strict=True)]
    sheet.found("verified_off", float(np.abs(off).max()))
    sheet.found("verified_inside", float(sum(inside)))
    stated, true_kw = (np.array([move[key] for move in moves]) for key in ("p50_kw", "true_kw"))
    note = "by the simulated plants' curves, clamped there: nobody vouches for it"
    sheet.found(
        "beyond_curves_kw",
        *(float(kwh[name].mean() / HOURS) for name in ("rules_beyond", "advised")),
        note=note,
    )
    sheet.figures |= {
        "stated_over_true_saving": float(stated.sum() / true_kw.sum()),
        "recommendations_per_day": sum(len(one["moves"]) for one in found) / (len(found) * HOURS / 24.0),
        "foresight_without_limits_share": float(saved["advised"].sum() / saved["foresight_free"].sum()),
    }
    for i, one in enumerate(found):
        sheet.figures |= _seed_figures(one, kwh, i, float(off[i]))


def _seed_figures(one: dict[str, Any], kwh: dict[str, Any], i: int, off: float) -> dict[str, float]:
    outcomes, head = one["outcomes"], f"seed_{one['seed']}"
    saved = {name: float(values[i]) for name, values in kwh.items()}
    return {
        **{f"{head}_{name}_kwh": round(value, 1) for name, value in saved.items()},
        **{f"{head}_{name}_inlet_max_c": round(o["inlet_max_c"], 2) for name, o in outcomes.items()},
        **{f"{head}_{name}_cost": round(o["cost"], 2) for name, o in outcomes.items()},
        **{f"{head}_{name}_carbon_kg": round(o["carbon_kg"], 1) for name, o in outcomes.items()},
        f"{head}_foresight_share": (saved["fixed"] - saved["advised"])
        / (saved["fixed"] - saved["foresight"]),
        f"{head}_verified_off": off,
        f"{head}_recommendations": float(len(one["moves"])),
        f"{head}_took_s": one["took"]["all_s"],
    }


def _each(found: Sequence[dict[str, Any]], name: str, key: str) -> Any:
    return np.array([one["outcomes"][name][key] for one in found], dtype=np.float64)


def _alone(script: str, *arguments: str) -> dict[str, float]:
    """What a script prints that has a process to itself.

    Raises:
        RuntimeError: it failed.
    """
    command = [sys.executable, str(HERE / script), *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError((done.stderr.strip() or "no word").splitlines()[-1])
    return dict(json.loads(done.stdout))


def plan(sheet: Sheet) -> None:
    """One decision with its plan."""
    found = _alone("advise_plan.py")
    sheet.found("plan_s", found["seconds"])
    sheet.found("plan_peak_mb", found["peak_mb"])
    sheet.figures["plan_blocks"] = found["blocks"]


def year(sheet: Sheet) -> None:
    """A year of days."""
    found = _alone("advise_year.py", str(DAYS))
    sheet.found("year_s", found["seconds"], found["plain_seconds"])
    sheet.figures |= {
        f"year_{name}": value for name, value in found.items() if name.endswith(("kwh", "moves"))
    }


def least_pue(sheet: Sheet) -> None:
    """What the setpoints of least PUE draw beyond those of least energy, on a warm day of a true plant."""
    site = load_site(DEMO_SITE)
    true = TruePlant(site, 105)
    air = np.arange(18.0, 27.1, 0.5)
    water = np.arange(7.0, 12.8, 0.5)
    mesh = np.stack(np.meshgrid(air, water, indexing="ij"), axis=-1).reshape(-1, 2)
    held = {
        Setpoint.SUPPLY_AIR_TEMPERATURE: mesh[:, :1],
        Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE: mesh[:, 1:],
        Setpoint.CONDENSER_WATER_SUPPLY_TEMPERATURE: np.full((len(mesh), 1), 22.0),
    }
    state = true.solve(true.steps(0, 288, 6), held)
    facility, it = state.facility_kw.mean(axis=-1), state.it_kw.mean(axis=-1)
    by_pue, by_kw = int(np.argmin(facility / it)), int(np.argmin(facility))
    note = f"supply air {mesh[by_pue, 0]:.1f} in place of {mesh[by_kw, 0]:.1f} degC"
    sheet.found("pue_waste_kw", float(facility[by_pue] - facility[by_kw]), note=note)


def sites(sheet: Sheet) -> None:
    """Random sites, and what breaks a limit there."""
    found = _tests_passed(sheet, "random_sites", check(SITES_TEST))
    sheet.found("random_sites_run", found.count("sites"))
    sheet.found("random_sites_with_excursion", found.count("sites_with_excursion"))
    sheet.found("random_sites_accepted", found.count("sites_accepted"))


def machine(sheet: Sheet) -> None:
    """The life of recommendations with crashes in it."""
    checked = check(MACHINE_TEST, JOULECAST_MACHINE_EXAMPLES=str(SEQUENCES))
    found = _tests_passed(sheet, "state_machine", checked)
    sheet.found("state_machine_sequences", found.count("sequences"))
    sheet.found("state_machine_crashes", found.count("crashes"))


def faults(sheet: Sheet) -> None:
    """Faults of real processes."""
    _tests_passed(sheet, "fault", check(FAULT_TESTS))


def _tests_passed(sheet: Sheet, key: str, found: Checked) -> Checked:
    sheet.found(f"{key}_tests_passed", float(len(found.passed)), float(found.run), note=found.note)
    return found


PARTS: Final[dict[str, Callable[[Sheet], None]]] = {
    "pue": least_pue,
    "plan": plan,
    "year": year,
    "sites": sites,
    "machine": machine,
    "faults": faults,
}


def main() -> None:
    """Measure and report; of some parts only, the table alone: the file is of one run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("seeds", nargs="?", type=int, default=SEEDS)
    parser.add_argument("--only", nargs="+", metavar="PART", choices=(*PARTS, "loop"), default=())
    asked = parser.parse_args()
    parts = PARTS | {"loop": partial(loops, seeds=range(asked.seeds))}
    chosen = asked.only or tuple(parts)
    sheet = Sheet(tuple(target for target in targets(asked.seeds) if target.part in chosen))
    begun = time.perf_counter()
    for name in chosen:
        with sheet.part(name):
            parts[name](sheet)
    sheet.figures["took_s"] = time.perf_counter() - begun
    if asked.only:
        show("advise", sheet.table())
    else:
        report("advise", sheet.flat(), sheet.table())


if __name__ == "__main__":
    main()
