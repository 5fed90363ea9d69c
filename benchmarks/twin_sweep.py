"""2,000 scenarios of a day in quarter hours through the twin: how long and how much memory it takes.

Beside it one solve a scenario in a plain loop, which is measured on some and scaled up, and one solve of all
scenarios at once. Each way runs in a process of its own, so that the peak of its memory is its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING, Final

import numpy as np
from common import peak_mb

from core.actions import Setpoint
from core.site import load_site
from joulecast.demo import load, weather
from joulecast.verbs.common import DEMO_SITE
from twin.calibration import Calibration, MeterError
from twin.history import History
from twin.network import MULTIPLIERS, Conditions, Parameters, Setpoints, solve
from twin.sweep import Grid, sweep, workers

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.site import Site

START: Final = datetime(2026, 7, 1, tzinfo=UTC)
STEP: Final = timedelta(minutes=15)
STEPS: Final = 96
VALUES: Final = dict(zip(Setpoint, ((18, 26, 20), (6, 16, 10), (16, 30, 10)), strict=True))
"""Lowest, highest and number of values of each setpoint: the whole of the demo site's ranges."""
IN_FORCE: Final = dict(zip(Setpoint, (21.0, 9.0, 24.0), strict=True))
ROUNDS: Final = 3
LOOPED: Final = 100
"""Scenarios of the plain loop."""


def _grid() -> Grid:
    return Grid({name: tuple(np.linspace(*span).tolist()) for name, span in VALUES.items()})


def _day(site: Site) -> tuple[History, Calibration]:
    """The demo plant's day as its design has it, and a calibration that found the design to be true."""
    time_s = START.timestamp() + STEP.total_seconds() * np.arange(STEPS, dtype=np.float64)
    outdoor = weather.weather(time_s)
    it_kw = load.server_power_kw(time_s) + load.gpu_power_kw(load.gpu_utilisation(time_s)).sum(axis=0)
    conditions = Conditions(it_kw, outdoor.dry_bulb_c, outdoor.wet_bulb_c)
    held = {name: np.full(STEPS, value) for name, value in IN_FORCE.items()}
    state = solve(Parameters.from_design(site.plant), conditions, Setpoints.of(held))
    history = History(
        start=START,
        step=STEP,
        it_kw=state.it_kw,
        facility_kw=state.facility_kw,
        chiller_kw=state.chiller_kw,
        crah_fan_kw=state.crah_fan_kw,
        pump_kw=state.pump_kw,
        tower_fan_kw=state.tower_fan_kw,
        ups_loss_kw=state.electrical_loss_kw,
        inlet_c=state.inlet_c,
        supply_air_c=state.supply_air_c,
        supply_air_setpoint_c=held[Setpoint.SUPPLY_AIR_TEMPERATURE],
        chilled_water_setpoint_c=held[Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE],
        condenser_water_setpoint_c=held[Setpoint.CONDENSER_WATER_SUPPLY_TEMPERATURE],
        dry_bulb_c=outdoor.dry_bulb_c,
        wet_bulb_c=outdoor.wet_bulb_c,
    )
    envelope = {"it_reference_kw": (0.0, 2000.0), "dry_bulb_c": (-30.0, 50.0), "wet_bulb_c": (-30.0, 40.0)}
    envelope |= {f"{name.value}_c": (float(low), float(high)) for name, (low, high, _) in VALUES.items()}
    calibration = Calibration(
        created_at=START,
        period_from=START,
        period_to=history.end,
        multipliers=dict.fromkeys(MULTIPLIERS, 1.0),
        names=(),
        covariance=(),
        unidentified=tuple(MULTIPLIERS),
        errors={"facility_kw": MeterError(0.0, 0.0, 0.0, float(state.facility_kw.mean()))},
        envelope=envelope,
        steps_used=STEPS,
        steps_masked=0,
    )
    return history, calibration


def _blocks(site: Site) -> Callable[[], int]:
    (history, calibration), grid = _day(site), _grid()

    def work() -> int:
        with workers() as threads:
            return len(sweep(site, history, calibration, grid, threads))

    return work


def _inputs(site: Site) -> tuple[Parameters, Conditions, np.ndarray]:
    history, calibration = _day(site)
    parameters = calibration.parameters(site.plant)
    return parameters, history.conditions(parameters), _grid().scenarios()[0]


def _loop(site: Site) -> Callable[[], int]:
    parameters, conditions, rows = _inputs(site)
    some = rows[:: len(rows) // LOOPED].tolist()

    def work() -> int:
        for row in some:
            solve(parameters, conditions, Setpoints(*row)).facility_kw.sum()
        return len(some)

    return work


def _at_once(site: Site) -> Callable[[], int]:
    parameters, conditions, rows = _inputs(site)

    def work() -> int:
        columns = (rows[:, i, None] for i in range(rows.shape[1]))
        return len(solve(parameters, conditions, Setpoints(*columns)).facility_kw.sum(axis=-1))

    return work


WAYS: Final = {"blocks": _blocks, "loop": _loop, "at_once": _at_once}


def _measure(way: str) -> dict[str, float]:
    """Median seconds, scenarios and peak memory of this process; the first run, which warms up, left out."""
    work, durations, count = WAYS[way](load_site(DEMO_SITE)), [], 0
    for _ in range(ROUNDS + 1):
        begin = time.perf_counter()
        count = work()
        durations.append(time.perf_counter() - begin)
    return {"seconds": median(durations[1:]), "scenarios": count, "peak_mb": peak_mb()}


def _apart(way: str) -> dict[str, float]:
    done = subprocess.run([sys.executable, __file__, way], check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def sweep_day() -> dict[str, float]:
    """The sweep of a day, and both baselines.

    Returns:
        ``scenarios`` and ``steps``; ``seconds`` and ``peak_mb`` of the sweep; ``loop_seconds`` and
        ``at_once_seconds`` for as many scenarios, and ``at_once_peak_mb``; ``loop_ratio``, how many times
        faster than the loop the sweep is.
    """
    ours, loop, at_once = (_apart(way) for way in WAYS)
    loop_s = loop["seconds"] * ours["scenarios"] / loop["scenarios"]
    return {
        "scenarios": ours["scenarios"],
        "steps": STEPS,
        "seconds": ours["seconds"],
        "peak_mb": ours["peak_mb"],
        "loop_seconds": loop_s,
        "loop_ratio": loop_s / ours["seconds"],
        "at_once_seconds": at_once["seconds"],
        "at_once_peak_mb": at_once["peak_mb"],
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_measure(sys.argv[1]) if sys.argv[1:] else sweep_day()) + "\n")
