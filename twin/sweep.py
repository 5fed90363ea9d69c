"""A grid of setpoints and load shifts over a past period: what each would have drawn, and whether it is safe.

Scenarios are solved in blocks that stay in the processor's cache, through any `concurrent.futures.Executor`.
Every scenario is solved on its own, so neither order nor blocks make a difference to the last bit. The solve
is steady: what a scenario with unmet heat draws leaves out what that heat would cost later, and such a
scenario is never feasible.
"""

from __future__ import annotations

import itertools
import math
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import numpy as np

from core.actions import Setpoint
from core.errors import InputError, NotReadyError, ServiceError
from core.units import SECONDS_PER_HOUR
from twin.advise.safety import TOLERANCE_K, UNMET_MAX_KW
from twin.network import BREAKDOWN, Conditions, Parameters, PlantState, Setpoints, solve
from twin.plant.curves import Bounds, divide
from twin.scenario import check_setpoint, shift_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from concurrent.futures import Executor

    from numpy.typing import NDArray

    from core.site import Site
    from twin.calibration import Calibration
    from twin.history import History
    from twin.plant.curves import Flags, Floats

BLOCK_ELEMENTS: Final = 20_000
"""Scenario-steps in a block: some 200 scenarios of a day in quarter hours."""
SCENARIOS_MAX: Final = 100_000
"""A finer grid says less than a coarse one and a second one round its best."""
DASK_TIMEOUT_S: Final = 10.0
ENERGIES: Final = (*BREAKDOWN, "facility_kw")
"""Powers of the twin whose energies are told."""
AS_OPERATED: Final = math.nan
"""In place of a setpoint [degC]: the one that was in force."""


@dataclass(frozen=True, slots=True)
class Grid:
    """What to try: every combination of the values of each axis."""

    setpoints: Mapping[Setpoint, tuple[float, ...]]
    """Values of each setpoint to hold [degC]; those not named stay as they were."""
    shifts_kw: tuple[tuple[float, ...], ...] = ((),)
    """Load shifts by hour of the site's day [kW], 24 values or none; see `twin.scenario`."""

    def __post_init__(self) -> None:
        check_size(len(self))
        for setpoint, values in self.setpoints.items():
            for value_c in values:
                check_setpoint(setpoint, value_c)

    def __len__(self) -> int:
        return math.prod(len(values) for values in self.setpoints.values()) * len(self.shifts_kw)

    def scenarios(self) -> tuple[Floats, Floats]:
        """(k, setpoints) values, NaN where as operated, and (k,) which shift."""
        axes = [self.setpoints.get(name, (AS_OPERATED,)) for name in Setpoint]
        rows = np.array([*itertools.product(*axes, range(len(self.shifts_kw)))], dtype=np.float64)
        return rows[:, :-1], rows[:, -1]


def check_size(scenarios: int) -> None:
    """Refuse a grid that is too large.

    Raises:
        InputError: it has more than SCENARIOS_MAX scenarios, or none.
    """
    if not 0 < scenarios <= SCENARIOS_MAX:
        raise InputError(
            "sweep",
            found=f"{scenarios:,} scenarios",
            allowed=f"1 to {SCENARIOS_MAX:,}",
            do="take other numbers of values",
        )


@dataclass(frozen=True, slots=True)
class Sweep:
    """A table with a line a scenario: those that are feasible first, by least facility energy."""

    setpoints_c: dict[Setpoint, Floats]
    """Setpoints held [degC]; NaN where as operated."""
    shift: Floats
    """Which of the grid's shifts."""
    figures: dict[str, Floats]
    """Energies of ENERGIES [kWh], as ``it_kwh``; ``pue`` and ``tue`` [1]; ``water_l``; ``unmet_kwh``;
    ``inlet_max_c``; ``outside_ratio``, the share of steps outside the envelope or some curve's range [1]."""
    feasible: Flags
    """Whether it keeps the site's limits: setpoints in their ranges, the warmest inlet a margin below the
    recommended limit, all heat met, no step outside the envelope but those outside as operated too."""
    reference: dict[str, float]
    """The same figures as operated."""
    inlet_limit_c: float
    """What the warmest inlet was held to [degC]."""
    complete_ratio: float
    """Share of the period that was measured; all this is of it [1]."""

    def __len__(self) -> int:
        return len(self.feasible)

    @property
    def marks(self) -> dict[int, list[str]]:
        """The scenarios of least facility energy and of least PUE, which differ where server fans decide."""
        found: dict[int, list[str]] = {}
        for where, aside in ((self.feasible, ""), (np.ones_like(self.feasible), ", limits aside")):
            for name, words in (("facility_kwh", "least energy"), ("pue", "least PUE")):
                best = _least(self.figures[name], where)
                if best is not None and not (aside and self.feasible[best]):
                    found.setdefault(best, []).append(words + aside)
        return found

    @property
    def pareto(self) -> Flags:
        """Feasible scenarios that no other feasible one beats in facility energy and PUE at once."""
        ratio = np.where(self.feasible, self.figures["pue"], np.inf)
        before = np.concatenate([[np.inf], np.minimum.accumulate(ratio)[:-1]])
        return np.asarray(self.feasible & (ratio < before), dtype=np.bool_)

    def rows(self, top: int) -> list[dict[str, Any]]:
        """The first `top` scenarios and those that are marked, each with all that is known of it."""
        marks, front = self.marks, self.pareto
        return [
            {
                **{f"{name.value}_c": float(values[i]) for name, values in self.setpoints_c.items()},
                "shift": int(self.shift[i]),
                **{name: float(values[i]) for name, values in self.figures.items()},
                "feasible": bool(self.feasible[i]),
                "pareto": bool(front[i]),
                "marks": marks.get(i, []),
            }
            for i in sorted({*range(min(top, len(self))), *marks})
        ]


def _least(values: Floats, where: Flags) -> int | None:
    able = np.where(where & np.isfinite(values), values, np.inf)
    best = int(np.argmin(able))
    return best if math.isfinite(able[best]) else None


@contextmanager
def workers(dask: str | None = None) -> Iterator[Executor]:
    """Who does the work: threads of this process, for NumPy lets them run at once, or a Dask cluster.

    Args:
        dask: address of a Dask scheduler whose workers have Joulecast installed.

    Raises:
        InputError: that is no address, or the package is not there.
        ServiceError: no scheduler answers there, or it has no worker.
    """
    if dask is None:
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            yield threads
        return
    try:
        from distributed import Client  # noqa: PLC0415  # an extra that few need
    except ImportError:
        raise InputError(
            "--dask",
            found="no package distributed here",
            allowed="an installation that has it",
            do="install joulecast[cluster]",
        ) from None
    _answers(dask)
    try:
        client = Client(dask, timeout=DASK_TIMEOUT_S, set_as_default=False)
    except OSError as error:
        raise ServiceError(f"no Dask scheduler answers at {dask}") from error
    with client:
        try:
            client.wait_for_workers(1, timeout=DASK_TIMEOUT_S)
        except TimeoutError as error:
            raise ServiceError(f"the Dask scheduler at {dask} has no workers") from error
        try:
            check_versions(client.run(version, "joulecast"))
        except PackageNotFoundError as error:
            raise ServiceError(f"a worker of the Dask scheduler at {dask} lacks Joulecast") from error
        yield client.get_executor(pure=False)


def check_versions(found: Mapping[str, str]) -> None:
    """Refuse workers with another version of Joulecast than this one: they may say something else.

    Args:
        found: version by worker.

    Raises:
        ServiceError: a version differs.
    """
    here = version("joulecast")
    for worker, theirs in found.items():
        if theirs != here:
            raise ServiceError(f"the Dask worker {worker} has Joulecast {theirs}, here it is {here}")


def _answers(address: str) -> None:
    """Refuse an address at which nothing listens; Dask's client would go on trying."""
    try:
        url = urlsplit(address)
        host, port = url.hostname or "", url.port or 0
    except ValueError:
        host, port = "", 0
    if not (host and port and url.scheme in {"tcp", "tls"}):
        raise InputError(
            "--dask", found=repr(address), allowed="tcp://HOST:PORT", do="write it like tcp://127.0.0.1:8786"
        )
    try:
        socket.create_connection((host, port), timeout=DASK_TIMEOUT_S).close()
    except OSError as error:
        raise ServiceError(f"no Dask scheduler answers at {address}: {error}") from error


def sweep(
    site: Site,
    history: History,
    calibration: Calibration,
    grid: Grid,
    executor: Executor,
    *,
    block: int = 0,
    report: Callable[[int, int], None] = lambda _done, _all: None,
) -> Sweep:
    """Solve every scenario of a grid over a period that has been read.

    Args:
        site: the site.
        history: what was measured.
        calibration: the twin in use.
        grid: what to try.
        executor: who does the work, see `workers`.
        block: scenarios in a block; by BLOCK_ELEMENTS where 0.
        report: is told how many scenarios are done, of how many.

    Raises:
        NotReadyError: not one step of the period is complete.
    """
    known = history.usable
    if not known.any():
        raise NotReadyError("no step of the period was measured completely")
    period, reference = _period(site, history, calibration, grid)
    values, shift = grid.scenarios()
    alike = _alike(period, values)
    values, shift = values[alike], shift[alike]
    size = block or max(1, BLOCK_ELEMENTS // int(known.sum()))
    tasks = [_Block(period, values[i : i + size], shift[i : i + size] + 1) for i in range(0, len(grid), size)]
    done = []
    for part in executor.map(_solved, tasks):
        done.append(part)
        report(min(len(done) * size, len(grid)), len(grid))
    figures = {name: np.concatenate([part[name] for part in done]) for name in done[0]}
    margin_k = float(np.fmax(site.limits.margin_k, calibration.inlet_p95_k))
    limit_c = site.limits.envelope.recommended_high_c - margin_k
    feasible = _allowed(site, values) & (figures["inlet_max_c"] <= limit_c + TOLERANCE_K)
    feasible &= (figures.pop("unmet_max_kw") <= UNMET_MAX_KW) & (figures.pop("strays") == 0)
    order = np.lexsort((shift, *values.T, figures["facility_kwh"], ~feasible))
    return Sweep(
        setpoints_c={name: values[order, i] for i, name in enumerate(Setpoint)},
        shift=shift[order],
        figures={name: column[order] for name, column in figures.items()},
        feasible=feasible[order],
        reference={name: float(reference[name][0]) for name in figures},
        inlet_limit_c=limit_c,
        complete_ratio=float(known.mean()),
    )


@dataclass(frozen=True, slots=True)
class _Period:
    """What every scenario has in common."""

    parameters: Parameters
    conditions: Conditions
    in_force: tuple[Floats, ...]
    """(time,) by `Setpoint`."""
    shifts_kw: Floats
    """(1 + shifts, time) IT power added; none, then those of the grid."""
    calibration: Calibration
    extrapolated_anyway: Flags
    """(time,) steps at which some curve is left as operated too."""
    hours: float
    """Length of a step."""


@dataclass(frozen=True, slots=True)
class _Block:
    """Some scenarios and all that it takes to solve them: what is sent to a worker."""

    period: _Period
    values: Floats
    """(k, setpoints) [degC]; NaN where as operated."""
    shift: Floats
    """(k,) which shift."""


def _period(
    site: Site, history: History, calibration: Calibration, grid: Grid
) -> tuple[_Period, dict[str, Floats]]:
    """What scenarios have in common, and the figures as operated."""
    known = history.usable
    times = list(itertools.compress(history.times, known.tolist()))
    parameters, part = calibration.parameters(site.plant), history.part(known)
    in_force = tuple(getattr(part.setpoints, f"{name.value}_c") for name in Setpoint)
    hours = history.step.total_seconds() / SECONDS_PER_HOUR
    shifts = np.stack([shift_of(shift, times, site.zone) for shift in ((), *grid.shifts_kw)])
    never = np.zeros(len(times), dtype=np.bool_)
    period = _Period(parameters, part.conditions(parameters), in_force, shifts, calibration, never, hours)
    operated = _Block(period, np.full((1, len(Setpoint)), AS_OPERATED), np.zeros(1))
    state = solve(parameters, *_inputs(operated))
    return replace(period, extrapolated_anyway=state.extrapolated[0]), _solved(operated)


def _alike(period: _Period, values: Floats) -> NDArray[np.intp]:
    """(k,) an order that makes the scenarios of a block alike: one with short coils takes more iterations."""
    means = np.array([series.mean() for series in period.in_force])
    held = dict(zip(Setpoint, np.where(np.isnan(values), means, values).T, strict=True))
    water = held[Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE]
    return np.argsort(water - held[Setpoint.SUPPLY_AIR_TEMPERATURE], kind="stable")


def _inputs(block: _Block) -> tuple[Conditions, Setpoints]:
    """Conditions and setpoints in (scenario, time)."""
    period = block.period
    held = np.where(
        np.isnan(block.values.T[:, :, None]), np.stack(period.in_force)[:, None], block.values.T[:, :, None]
    )
    given, shift = period.conditions, period.shifts_kw[block.shift.astype(np.intp)]
    load = np.maximum(np.asarray(given.it_reference_kw, dtype=np.float64) + shift, 0.0)
    conditions = Conditions(load, given.dry_bulb_c, given.wet_bulb_c)
    return conditions, Setpoints.of(dict(zip(Setpoint, held, strict=True)))


def _solved(block: _Block) -> dict[str, Floats]:
    """(k,) the figures of one block's scenarios; runs at a worker."""
    period = block.period
    conditions, setpoints = _inputs(block)
    state = solve(period.parameters, conditions, setpoints)
    outside = period.calibration.outside(conditions, setpoints) | state.extrapolated

    def total(values: Floats) -> Floats:
        return np.asarray(np.ascontiguousarray(values).sum(axis=-1) * period.hours, dtype=np.float64)

    energies = {f"{name}h": total(getattr(state, name)) for name in ENERGIES}
    compute = total(state.it_kw - state.server_fan_kw)
    return {
        **energies,
        "pue": divide(energies["facility_kwh"], energies["it_kwh"], otherwise=math.nan),
        "tue": divide(energies["facility_kwh"], compute, otherwise=math.nan),
        "water_l": total(state.water_l_per_h),
        "unmet_kwh": total(state.unmet_kw),
        "inlet_max_c": state.inlet_c.max(axis=-1),
        "outside_ratio": outside.mean(axis=-1),
        "unmet_max_kw": state.unmet_kw.max(axis=-1),
        "strays": _strays(period, state, conditions, setpoints).sum(axis=-1, dtype=np.float64),
    }


def _strays(period: _Period, state: PlantState, conditions: Conditions, setpoints: Setpoints) -> Flags:
    """(k, time) where a scenario leaves the envelope or a curve's range and the plant as operated did not.

    Weather outside the envelope is no scenario's fault.
    """
    found = state.extrapolated & ~period.extrapolated_anyway
    pairs = [("it_reference_kw", conditions.it_reference_kw, period.conditions.it_reference_kw)]
    for setpoint, in_force in zip(Setpoint, period.in_force, strict=True):
        field = f"{setpoint.value}_c"
        pairs.append((field, getattr(setpoints, field), in_force))
    for name, asked, was in pairs:
        bounds = Bounds(*period.calibration.envelope[name])
        found = found | (bounds.outside(np.asarray(asked)) & ~bounds.outside(np.asarray(was)))
    return found


def _allowed(site: Site, values: Floats) -> Flags:
    """(k,) whether every setpoint held lies in the site's range for it."""
    allowed = np.ones(len(values), dtype=np.bool_)
    for name, held in zip(Setpoint, values.T, strict=True):
        if name in site.setpoints:
            bounds = site.setpoints[name]
            inside = (held >= bounds.low_c - TOLERANCE_K) & (held <= bounds.high_c + TOLERANCE_K)
            allowed &= np.isnan(held) | inside
    return allowed
