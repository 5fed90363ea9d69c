"""The search on the twin: the best step of one setpoint, and the plan of a day that it is a step of.

Zoom grids on the vectorised twin, limits as masks: deterministic and without tuning; measured against eight
other optimisers on the same twin they were the fastest that found the optimum. The objective is what the
facility draws, costs or emits, never PUE: PUE falls when server fans work harder, whatever happens to the
total (Coroamă 2025, arXiv 2509.26163).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from core.actions import Change, Setpoint
from core.tariff import Objective
from twin.advise import limits
from twin.advise.evidence import PROTECTS_MIN_K
from twin.advise.objective import RATES, Rates, amounts
from twin.advise.outlook import HORIZON_H, MEDIAN, P10, P90, WEIGHTS
from twin.advise.reset import RESOLUTION_K
from twin.advise.safety import TOLERANCE_K
from twin.network import Conditions, PlantState, Setpoints
from twin.network import solve_inputs as solve
from twin.state import Inputs

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import ArrayLike

    from core.series import Floats
    from core.site import Site
    from twin.advise.outlook import Outlook
    from twin.network import Parameters
    from twin.plant.curves import Flags

POINTS_TOGETHER: Final = 5
"""Grid points per axis and level where all setpoints move."""
LEVELS: Final = 3
"""How often the grid zooms in on its best point."""
Scenarios = tuple[tuple[int, int], ...]
"""Quantiles of load and wet bulb."""
ALL: Final[Scenarios] = tuple((i, j) for i in (P10, MEDIAN, P90) for j in (P10, MEDIAN, P90))
LOADS: Final[Scenarios] = ((P10, MEDIAN), (MEDIAN, MEDIAN), (P90, MEDIAN))
EXPECTED: Final[Scenarios] = ((MEDIAN, MEDIAN),)
WORST: Final[Scenarios] = ((P90, P90),)
"""Of the limits: high load and high wet bulb."""
PROTECTS_BELOW_K: Final = 0.2
"""So far below its limit a protecting step takes the worst inlet [K]."""
FOULED: Final = {"coil_ua": 0.9}
"""The coils when units are lost: once they cannot hold the supply air any more, the inlet follows their
conductance several times over, which no margin in kelvin covers."""


@dataclass(frozen=True, slots=True)
class Situation:
    """Where the plant stands and what is to come."""

    in_force: Mapping[Setpoint, float]
    """Setpoints as the plant reports them [degC]."""
    outlook: Outlook
    """Load and weather."""
    inlet_offset_k: float
    """Warmest measured inlet over the twin's, at this moment [K]; never negative."""
    margin_k: float
    """Kept to the recommended inlet limit [K]."""
    spans: Mapping[Setpoint, tuple[float, float]] = field(default_factory=dict)
    """Where the calibration lets a setpoint lie [degC], if it says so."""
    carbon_g_per_kwh: Floats | None = None
    """(n,) what the grid's energy is at each step of the outlook; none: as the tariff has it."""

    @property
    def block(self) -> Outlook:
        """The hours that the next step is made for, by the hour."""
        return self.outlook.first(HORIZON_H).hourly()

    def rates(self, site: Site, objective: Objective) -> Rates:
        """What the hours of `block` count for; a demand charge looks at the whole outlook."""
        whole = RATES[objective](site, self.outlook, self.carbon_g_per_kwh)
        every = max(round(1.0 / self.outlook.step_h), 1)
        steps = self.outlook.first(HORIZON_H).steps
        starts = np.arange(0, steps, every)
        counts = np.diff(np.append(starts, steps))
        return Rates(whole.unit, np.add.reduceat(whole.per_kwh[:steps], starts) / counts, whole.per_m3)

    def span(self, site: Site, setpoint: Setpoint) -> tuple[float, float]:
        """Where a setpoint may lie at all [degC]: equipment, operator, calibration and thermal class."""
        bounds = site.setpoints[setpoint]
        low, high = self.spans.get(setpoint, (bounds.low_c, bounds.high_c))
        if setpoint is Setpoint.SUPPLY_AIR_TEMPERATURE:
            envelope = site.limits.envelope
            low, high = max(low, envelope.allowable_low_c), min(high, envelope.recommended_high_c)
        return max(bounds.low_c, low), min(bounds.high_c, high)


@dataclass(frozen=True, slots=True)
class Candidate:
    """The best step of one setpoint."""

    change: Change
    """One loop at a time."""
    cost: float
    """Expected mean of the objective with the change [its unit]."""
    cost_now: float
    """The same with nothing changed."""
    protects: bool = False
    """Whether it is for an inlet that would become too warm, and not for a saving."""


class Sight(NamedTuple):
    """What sets of setpoints cost, and which of them hold every limit; (k,) each."""

    cost: Floats
    ok: Flags
    inlet_c: float
    """The warmest inlet of standing still, at the worst."""


class Survey(NamedTuple):
    """What a search found."""

    candidates: tuple[Candidate, ...]
    """The best step of each setpoint, the best one first."""
    inlet_c: float
    """The warmest inlet of standing still, at the worst [degC]; infinite where nothing could move."""


def run(
    parameters: Parameters,
    outlook: Outlook,
    setpoints: Mapping[Setpoint, Floats],
    scenarios: Scenarios = ALL,
    *,
    plants: int = 0,
    lost: Site | None = None,
    staged: ArrayLike | None = None,
    economizing: ArrayLike | None = None,
) -> PlantState:
    """The twin over scenarios and steps, for one or many sets of setpoints.

    Args:
        parameters: the twin's; or those of several plants at once, see `twin.advise.drawn`.
        outlook: load and weather of n steps.
        setpoints: for each (k,) values [degC].
        scenarios: s quantiles of load and wet bulb.
        plants: how many plants the parameters are of, where they are of several.
        lost: where given, one of this site's chillers and one CRAH are lost in the last scenario, and coils
            are as `FOULED`.
        staged: (k,) chillers that run; the best number where not given.
        economizing: (k,) whether the economizer is in use; where not given, as the weather has it.

    Returns:
        Quantities of shape (k, s, n), with the plants before it where there are several.
    """
    load = outlook.it_reference_kw[[i for i, _ in scenarios]]
    wet = outlook.wet_bulb_c[[j for _, j in scenarios]]
    shape = (plants, 1, *wet.shape) if plants else wet.shape
    conditions = Conditions(np.broadcast_to(load, shape), np.maximum(outlook.dry_bulb_c, wet), wet)
    values = Setpoints.of({name: _column(v) for name, v in setpoints.items()})
    chillers: ArrayLike = parameters.chiller.count
    crahs: ArrayLike = parameters.crah.count
    if lost is not None:
        last = np.arange(len(scenarios))[:, None] == len(scenarios) - 1
        fouled: Any = {name: np.where(last, ratio, 1.0) for name, ratio in FOULED.items()}
        parameters = parameters.with_multipliers(fouled)
        chillers = np.where(last, max(lost.plant.chiller_count - 1, 0), chillers)
        crahs = np.where(last, max(lost.plant.crah_count - 1, 0), crahs)
    inputs = Inputs.of(conditions, values, chillers, crahs)
    given = {"staged": staged, "economizing": economizing}
    modes = {
        name: np.broadcast_to(_column(v), inputs.staged.shape) for name, v in given.items() if v is not None
    }
    return solve(parameters, inputs._replace(**modes))


def _column(values: ArrayLike) -> Floats:
    return np.asarray(values, dtype=np.float64).reshape(-1, 1, 1)


def expected(cost: Floats) -> Floats:
    """Mean over steps, weighted over scenarios: (k, 9, n) or (k, 3, n) -> (k,)."""
    weights = WEIGHTS if cost.shape[1] == len(WEIGHTS) else np.outer(WEIGHTS, WEIGHTS).ravel()
    return np.asarray(np.einsum("ksn,s->k", cost, weights) / cost.shape[-1], dtype=np.float64)


def seen_of(
    parameters: Parameters, site: Site, outlook: Outlook, setpoints: Mapping[Setpoint, Floats]
) -> limits.Seen:
    """What the plant does with sets of setpoints at the load expected, at the worst, and short of units."""
    state = run(parameters, outlook, setpoints, EXPECTED + WORST + WORST, lost=site)
    return limits.Seen(*(state.part((slice(None), i)) for i in range(3)))


def look(
    parameters: Parameters,
    situation: Situation,
    site: Site,
    objective: Objective,
    grid: dict[Setpoint, Floats],
) -> Sight:
    """Cost and limits of sets of setpoints in the next block; the first one is standing still."""
    ahead = situation.block
    seen = seen_of(parameters, site, ahead, grid)
    figures = limits.figures(parameters, ahead, seen)
    now = figures.only(0)
    ok = np.ones(len(figures.inlet_c), dtype=np.bool_)
    for slack in limits.slacks(parameters, site, situation, figures, now).values():
        ok &= slack >= 0
    cost = amounts(situation.rates(site, objective), seen.usual).mean(axis=-1)
    return Sight(cost, ok, float(figures.inlet_c[0]))


def survey(
    parameters: Parameters,
    situation: Situation,
    site: Site,
    objective: Objective = Objective.FACILITY_ENERGY,
    free: Collection[Setpoint] | None = None,
) -> Survey:
    """The best admissible step of each setpoint that is cheaper than standing still, the best one first.

    Args:
        parameters: the twin's.
        situation: where the plant stands and what is to come.
        site: ranges, steps and limits.
        objective: what to make small.
        free: setpoints that may move now; none: all that the site names.

    Returns:
        These, and how warm it becomes where nothing is done.
    """
    moves = [
        (setpoint, value)
        for setpoint in site.setpoints
        if setpoint in situation.in_force and (free is None or setpoint in free)
        for value in axis(*_reach(site, situation, setpoint)).tolist()
        if abs(value - situation.in_force[setpoint]) >= RESOLUTION_K / 2
    ]
    if not moves:
        return Survey((), np.inf)
    grid = {s: np.full(len(moves) + 1, value) for s, value in situation.in_force.items()}
    for row, (setpoint, value) in enumerate(moves, start=1):
        grid[setpoint][row] = value
    cost, ok, inlet_c = look(parameters, situation, site, objective, grid)
    found: dict[Setpoint, Candidate] = {}
    for index in np.argsort(cost[1:], kind="stable").tolist():
        (setpoint, value), saves = moves[index], cost[index + 1] < cost[0]
        if saves and ok[index + 1] and setpoint not in found:
            change = Change(setpoint, situation.in_force[setpoint], value)
            found[setpoint] = Candidate(change, float(cost[index + 1]), float(cost[0]))
    return Survey(tuple(found.values()), inlet_c)


def protect(
    parameters: Parameters, situation: Situation, site: Site, held_off: Collection[Setpoint] = ()
) -> Change | None:
    """The least step of the supply air that keeps the worst inlet under its limit, where it would leave it.

    Where one step does not reach, the one that cools most; saving slowly and protecting fast is the
    guideline's way. It goes a little below the limit, so that the next forecast does not ask for one more.

    Args:
        parameters: the twin's.
        situation: where the plant stands and what is to come.
        site: ranges, steps and limits.
        held_off: setpoints that must not move now.
    """
    setpoint = Setpoint.SUPPLY_AIR_TEMPERATURE
    if setpoint not in site.setpoints or setpoint in held_off or setpoint not in situation.in_force:
        return None
    from_c = situation.in_force[setpoint]
    low, _ = _reach(site, situation, setpoint)
    values = np.concatenate([[from_c], axis(min(low, from_c), from_c)[::-1]])
    grid = {s: np.full(len(values), value) for s, value in situation.in_force.items()} | {setpoint: values}
    inlet_c = run(parameters, situation.block, grid, WORST).inlet_c.max(axis=(1, 2))
    limit_c = inlet_limit_c(situation, site)
    if not inlet_c[0] > limit_c:
        return None
    under = np.flatnonzero(inlet_c <= limit_c - PROTECTS_BELOW_K)
    best = int(under[0]) if len(under) else int(np.argmin(inlet_c))
    to_c = float(values[best])
    helps = inlet_c[0] - inlet_c[best] >= PROTECTS_MIN_K
    return Change(setpoint, from_c, to_c) if helps and from_c - to_c >= RESOLUTION_K / 2 else None


def inlet_limit_c(situation: Situation, site: Site) -> float:
    """How warm the twin's warmest inlet may become [degC]."""
    return site.limits.envelope.recommended_high_c - situation.margin_k - situation.inlet_offset_k


def together(
    parameters: Parameters,
    situation: Situation,
    site: Site,
    objective: Objective = Objective.FACILITY_ENERGY,
) -> tuple[tuple[Change, ...], float]:
    """What moving all setpoints at once, each by one step at most, would change and save [objective's unit].

    No gate lets it pass; it is for comparison with the rules, which move all of them.
    """
    axes = [s for s in site.setpoints if s in situation.in_force]
    spans = {s: _reach(site, situation, s) for s in axes}
    best, best_cost, cost_now = dict(situation.in_force), np.inf, np.inf
    for _ in range(LEVELS):
        values = [axis(*spans[s], POINTS_TOGETHER) for s in axes]
        mesh = np.array([[situation.in_force[s] for s in axes], *itertools.product(*values)])
        grid = {s: np.full(len(mesh), v) for s, v in situation.in_force.items()}
        grid |= {s: mesh[:, i] for i, s in enumerate(axes)}
        cost, ok, _ = look(parameters, situation, site, objective, grid)
        cost_now = float(cost[0])
        allowed = np.where(ok, cost, np.inf)
        index = int(np.argmin(allowed))
        if allowed[index] < best_cost:
            best_cost, best = float(allowed[index]), {s: float(grid[s][index]) for s in best}
        spans = {s: around(best[s], spans[s], POINTS_TOGETHER) for s in axes}
    moves = (Change(s, situation.in_force[s], best[s]) for s in axes)
    changes = tuple(move for move in moves if abs(move.step_k) >= RESOLUTION_K / 2)
    return changes, max(cost_now - best_cost, 0.0) if changes else 0.0


def _reach(site: Site, situation: Situation, setpoint: Setpoint) -> tuple[float, float]:
    """Where one step may take a setpoint [degC]."""
    step_k, from_c = site.setpoints[setpoint].step_max_k, situation.in_force[setpoint]
    low, high = situation.span(site, setpoint)
    return max(low, from_c - step_k), min(high, from_c + step_k)


def axis(low: float, high: float, points: int = 0) -> Floats:
    """So many values, or all, between low and high on the grid of advised values."""
    if high < low:
        return np.empty(0)
    count = points or round((high - low) / RESOLUTION_K) + 1
    values = np.unique(np.round(np.linspace(low, high, count) / RESOLUTION_K)) * RESOLUTION_K
    return np.round(values[(values >= low - TOLERANCE_K) & (values <= high + TOLERANCE_K)], 6)


def around(centre: float, span: tuple[float, float], points: int) -> tuple[float, float]:
    """One cell of a grid to either side of a point, within the grid [degC]."""
    cell = max((span[1] - span[0]) / (points - 1), RESOLUTION_K)
    return max(span[0], centre - cell), min(span[1], centre + cell)
