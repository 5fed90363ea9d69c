"""Our forecaster and its rivals on any hourly series, by one fixed protocol (`forecast_case`).

    python -m benchmarks.forecast FILE [--json] [--column HUFL] [--model NAME ...]

FILE is a csv or csv.gz with `ds`, `y` and optionally `observed` (0: filled, never scored) and covariates
known ahead. Each model runs in a process of its own, so that CPU seconds and memory are its own.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from common import MS_PER_S, console, peak_mb
from forecast_case import daily_pinball, read, score
from rich.table import Table

from core.errors import JoulecastError
from forecast import metrics
from forecast.frames import nothing_known
from forecast.models.boosted import Boosted, BoostedDifference
from forecast.models.seasonal_naive import SeasonalNaive, SeasonalNaive168
from forecast.models.statistical import AutoEts, Mstl

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from forecast_case import Case

    from core.series import Floats
    from forecast.protocol import Forecaster

    Model = Callable[[Case], tuple[Floats, dict[str, float]]]
    Row = dict[str, Any]

OURS, NAIVE = "ours", SeasonalNaive.name
BLOCK_DAYS, DRAWS, SEED = 7, 4000, 1
"""Of the block bootstrap."""
SHOWN: Final = (
    "model",
    "mase",
    "wql",
    "coverage80",
    "skill",
    "mae",
    "rmse",
    "cpu_s",
    "latency_ms",
    "peak_mb",
)
QUANTILES: Final = ["q10", "q50", "q90"]


def rolled(case: Case, build: Callable[[Case], Forecaster]) -> tuple[Floats, dict[str, float]]:
    """Fit a forecaster on what lies before the test, and let it forecast each day from what lies before that.

    Returns:
        (days, 24, 3) quantiles and the median CPU time of a forecast, which is its latency on a quiet core.
    """
    model, known = build(case), case.known if case.covariates else nothing_known()
    model.fit(case.history.iloc[: case.test], known)
    made, seconds = [], []
    for origin in case.origins:
        begin = time.process_time()
        frame = model.predict(case.history.iloc[:origin], known)
        seconds.append(time.process_time() - begin)
        made.append(frame[QUANTILES].to_numpy(dtype=np.float64))
    return np.stack(made), {"latency_ms": MS_PER_S * float(np.median(seconds))}


def _ours(case: Case) -> tuple[Floats, dict[str, float]]:
    from forecast_ours import ours  # noqa: PLC0415  # torch: for this process alone

    return ours(case)


MODELS: Final[dict[str, Model]] = {
    OURS: _ours,
    NAIVE: partial(rolled, build=lambda case: SeasonalNaive(case.task)),
    SeasonalNaive168.name: partial(rolled, build=lambda case: SeasonalNaive168(case.task)),
    AutoEts.name: partial(rolled, build=lambda case: AutoEts(case.task)),
    Mstl.name: partial(rolled, build=lambda case: Mstl(case.task)),
    Boosted.name: partial(rolled, build=lambda case: Boosted(case.task)),
    BoostedDifference.name: partial(rolled, build=lambda case: BoostedDifference(case.task, case.covariates)),
}


def alone(case: Case, name: str) -> Row:
    """The figures of one model, this process's memory, and its CPU seconds with those of its children."""
    quantiles, more = MODELS[name](case)
    row = {"series": case.name, "model": name, **score(case, quantiles), **more}
    daily = [None if math.isnan(v) else v for v in daily_pinball(case, quantiles)]
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = time.process_time() + children.ru_utime + children.ru_stime
    return row | {"cpu_s": cpu_s, "peak_mb": peak_mb(), "daily_pinball": daily}


def measure(path: Path, column: str | None = None, names: Sequence[str] = tuple(MODELS)) -> list[Row]:
    """Figures of some models, each from a process of its own, beside the naive one and the best rival.

    Raises:
        InputError: the file is no series that can be measured.
    """
    read(path, column)
    run = [*names, *({NAIVE} - set(names))]
    rows = {name: _child(path, column, name) for name in run}
    for row in rows.values():
        if "wql" in row and "wql" in rows[NAIVE]:
            row["skill"] = 1 - row["wql"] / rows[NAIVE]["wql"]
    rivals = [row for name, row in rows.items() if name != OURS and name in names and "wql" in row]
    if rivals and "wql" in rows.get(OURS, {}):
        rows[OURS] |= against(rows[OURS], min(rivals, key=lambda row: float(row["wql"])))
    return [rows[name] for name in names]


def against(mine: Row, rival: Row) -> Row:
    """Daily pinball of one model less another's, in per cent of that one's; negative: better than it."""
    ours_daily, theirs = (np.array(row["daily_pinball"], dtype=np.float64) for row in (mine, rival))
    both = np.isfinite(ours_daily) & np.isfinite(theirs)
    found = metrics.block_bootstrap((ours_daily - theirs)[both], BLOCK_DAYS, DRAWS, SEED)
    names = ("difference_pct", "difference_low_pct", "difference_high_pct")
    per_cent = 100.0 / float(theirs[both].mean())
    return {"against": rival["model"], **{k: per_cent * v for k, v in zip(names, found, strict=True)}}


def _child(path: Path, column: str | None, name: str) -> Row:
    """A model's figures, or why there are none."""
    command = [sys.executable, str(Path(__file__).with_name("forecast_alone.py")), str(path), "--alone", name]
    command += [] if column is None else ["--column", column]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    if done.returncode:
        why = (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[-1]
        return {"series": path.name.split(".")[0], "model": name, "error": why}
    return dict(json.loads(done.stdout.splitlines()[-1]))


def shown(rows: Sequence[Row]) -> None:
    """Print a table for people."""
    table = Table(title=f"{rows[0]['series']}: 24 h ahead from each midnight", title_justify="left")
    for name in SHOWN:
        table.add_column(name)
    for row in rows:
        cells = [str(row["model"]), *(f"{row[k]:.4g}" if k in row else "-" for k in SHOWN[1:])]
        table.add_row(*cells)
    console.print(table)
    for row in rows:
        if "error" in row:
            console.print(f"{row['model']}: not measured: {row['error']}")
        if "against" in row:
            console.print(
                f"{row['model']} against {row['against']}, daily pinball: {row['difference_pct']:+.1f} %"
                f" [{row['difference_low_pct']:+.1f}, {row['difference_high_pct']:+.1f}], 90 % interval"
            )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.forecast", description=__doc__)
    parser.add_argument("file", type=Path, help="csv or csv.gz")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line, a line a model")
    parser.add_argument("--column", help="the values' column; y where absent")
    parser.add_argument("--model", nargs="+", choices=MODELS, default=list(MODELS), help="all where absent")
    parser.add_argument("--alone", choices=MODELS, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    try:
        if asked.alone:
            print(json.dumps(alone(read(asked.file, asked.column), asked.alone)))  # noqa: T201  # for the parent
            return 0
        rows = measure(asked.file, asked.column, asked.model)
    except JoulecastError as error:
        print(error, file=sys.stderr)  # noqa: T201  # one sentence
        return error.exit_status
    if asked.json:
        for row in rows:
            print(json.dumps({k: v for k, v in row.items() if k != "daily_pinball"}))  # noqa: T201  # for programs
    else:
        shown(rows)
    return 1 if any("error" in row for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
